"""What limits on observed data depend on."""

from typing import Any

from zeptobarn.study.slices.limits import calibration_slice, limits_slice
from zeptobarn.study.slices.summary import signals_summary_slice, summary_slice
from zeptobarn.study.study import Study
from zeptobarn.support import paths
from zeptobarn.support.inputs import file_digest
from zeptobarn.support.tables import digest


def events_slice(study: Study, target: str) -> dict[str, Any]:
    """Give what the observed events of a target depend on: their files' content, and how read."""
    return {
        name: {
            "content": file_digest(study.observed[name].file),
            "columns": dict(study.observed[name].columns),
            "s2_array": study.detectors[name].s2_array,
        }
        for name in study.targets[target]
    }


def observed_slice(
    study: Study, target: str, interaction: str, mass_GeV: float | None
) -> dict[str, Any]:
    """Give the configuration that a mass's limits on observed data depend on."""
    return {
        "limits": digest(limits_slice(study, target, interaction, mass_GeV)),
        "events": events_slice(study, target),
    }


def observed_table_slice(study: Study, target: str, interaction: str | None) -> dict[str, Any]:
    """Give the configuration that the table of all masses depends on, with what is expected.

    Parameters
    ----------
    interaction
        None: the table of all given signals.
    """
    if interaction is None:
        return {
            "signals": {
                name: digest(observed_slice(study, target, name, mass))
                for name, mass in study.places_of(None)
            },
            "summary": digest(signals_summary_slice(study)),
        }
    return {
        "masses": {
            paths.number(mass): digest(observed_slice(study, target, interaction, mass))
            for mass in study.masses_GeV
        },
        "summary": digest(summary_slice(study)),
    }


def observed_calibration_slice(
    study: Study, target: str, interaction: str, mass_GeV: float | None
) -> dict[str, Any]:
    """Give the configuration that critical values with the data's own nuisances depend on."""
    return {
        "calibration": digest(calibration_slice(study, target, interaction, mass_GeV)),
        "events": events_slice(study, target),
    }


def observed_detail_slice(
    study: Study, target: str, interaction: str, mass_GeV: float | None, interval: str
) -> dict[str, Any]:
    """Give the configuration that the events and the nuisances of a limit depend on."""
    unit = {"unit": study.tested(interaction, None).unit} if mass_GeV is None else {}
    return {
        "observed": digest(observed_slice(study, target, interaction, mass_GeV)),
        "interval": interval,
        **unit,
    }
