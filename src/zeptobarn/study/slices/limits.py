"""What the likelihood, critical values, limits and coverage of a signal depend on."""

from typing import Any

from zeptobarn.study.slices.template import template_slice
from zeptobarn.study.slices.toys import toys_slice
from zeptobarn.study.study import Study
from zeptobarn.support.tables import digest


def model_slice(
    study: Study, target: str, interaction: str, mass_GeV: float | None
) -> dict[str, Any]:
    """Give the configuration that the likelihood of a signal depends on."""
    signal = study.tested(interaction, mass_GeV).name
    return {
        "toys": {name: digest(toys_slice(study, name)) for name in study.targets[target]},
        "signal": {
            name: digest(template_slice(study, name, signal)) for name in study.targets[target]
        },
        "confidence_level": study.confidence_level,
        "intervals": [
            {
                "name": i.name,
                "fixed": dict(i.fixed),
                "profiled": list(i.profiled),
                "kind": i.kind,
                "cls": i.cls,
            }
            for i in study.intervals
        ],
        "shapes": [[s.name, s.anchors, s.constrained] for s in study.target_shapes(target)],
        "reference_cross_section_cm2": study.reference_cross_section_cm2,
        "search_bound_rate_multiplier": study.search_bound_rate_multiplier,
    }


def calibration_slice(
    study: Study, target: str, interaction: str, mass_GeV: float | None
) -> dict[str, Any]:
    """Give the configuration that a mass's calibrated critical values depend on."""
    return {
        "name": target,
        "seed": study.seed,
        "model": digest(model_slice(study, target, interaction, mass_GeV)),
        "toys": study.calibration.toys,
        "expected_events": study.calibration.expected_events,
    }


def limits_slice(
    study: Study, target: str, interaction: str, mass_GeV: float | None
) -> dict[str, Any]:
    """Give the configuration that a mass's limits depend on (not how many they are)."""
    configuration: dict[str, Any] = {
        "model": digest(model_slice(study, target, interaction, mass_GeV)),
        "datasets": study.datasets,
    }
    if study.critical_values == "toys":
        configuration["calibration"] = digest(
            calibration_slice(study, target, interaction, mass_GeV)
        )
    return configuration


def coverage_slice(
    study: Study, target: str, interaction: str, mass_GeV: float | None
) -> dict[str, Any]:
    """Give the configuration that a mass's coverage depends on."""
    return {
        "calibration": digest(calibration_slice(study, target, interaction, mass_GeV)),
        "toys": study.coverage.toys,
        "expected_events": study.coverage.expected_events,
    }
