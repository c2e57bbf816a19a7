"""What Asimov limits and the summary depend on."""

from typing import Any

from zeptobarn.study.slices.limits import limits_slice
from zeptobarn.study.study import Study
from zeptobarn.support import paths
from zeptobarn.support.tables import digest


def sensitivity_slice(study: Study, target: str) -> dict[str, Any]:
    """Give the configuration that the Asimov limits of a detector or combination depend on."""
    return {
        "limits": {
            f"{interaction}/{paths.number(mass)}": digest(
                limits_slice(study, target, interaction, mass)
            )
            for interaction in study.interactions
            for mass in study.masses_GeV
        },
        "replicas": study.replicas,
    }


def signals_sensitivity_slice(study: Study, target: str) -> dict[str, Any]:
    """Give the configuration that the Asimov limits of the given signals depend on."""
    return {
        "limits": {
            signal.name: digest(limits_slice(study, target, signal.name, None))
            for signal in study.given_signals
        },
        "replicas": study.replicas,
    }


def signals_summary_slice(study: Study) -> dict[str, Any]:
    """Give the configuration that the summary of the given signals depends on."""
    return {
        "trials": [study.first_trial, study.trials],
        "power_constraint": study.power_constraint,
        "words": [[signal.name, signal.label, signal.unit] for signal in study.given_signals],
        "sensitivity": {
            target: digest(signals_sensitivity_slice(study, target)) for target in study.targets
        },
    }


def summary_slice(study: Study) -> dict[str, Any]:
    """Give the configuration that the summary depends on."""
    return {
        "trials": [study.first_trial, study.trials],
        "power_constraint": study.power_constraint,
        "sensitivity": {
            target: digest(sensitivity_slice(study, target)) for target in study.targets
        },
    }
