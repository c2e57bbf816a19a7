"""A detector with one of its numbers changed, and the study of the limits that it would set.

Nothing is profiled and no shape parameter moves, so that each changed detector needs one response
of each recoil type.
"""

import dataclasses
from typing import Any

from zeptobarn.physics.detector import Detector
from zeptobarn.study.settings import Interval
from zeptobarn.study.slices.limits import model_slice
from zeptobarn.study.study import Study
from zeptobarn.support import paths
from zeptobarn.support.tables import digest

# Rate multipliers of the signals that pictures put into datasets.
RATE_MULTIPLIERS = (0, 1, 10)
# Datasets with one limit each, beside one dataset with a signal.
MEDIAN_DATASETS = 1000
# Confidence levels that limits are set at; at and below 0.5 there is no one-sided limit.
LEVELS = (
    0.45, 0.5, 0.505, 0.51, 0.52, 0.54, 0.56, 0.58, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.92,
    0.94, 0.95, 0.96, 0.97, 0.98, 0.985, 0.99,
)  # fmt: skip
# Factors on the livetime.
EXPOSURES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0)
# Electron lifetimes (µs).
LIFETIMES_US = (100.0, 200.0, 350.0, 600.0, 1000.0, 2000.0)
# Parameters that are multiplied, with their factors.
FACTORS = {
    "g1": (0.8, 1.2),
    "drift_field_V_per_cm": (0.5, 1.5),
    "s2_area_threshold": (0.5, 1.5),
}

# The masses looked at are those of the study that are nearest to these.
_TYPICAL_GEV = (10, 50)
# Of the responses, which are made anew for each detector: limits within 0.1 % of finer bins.
_ENERGY_BIN_WIDTH_LOG = 0.025


def typical_masses(study: Study) -> list[float]:
    """Give the masses of the study nearest to 10 and 50 GeV/c²; one, if that is the same."""
    return sorted({study.nearest_mass(mass) for mass in _TYPICAL_GEV})


def nominal_interval(study: Study) -> Interval:
    """Give the upper limit with every shape parameter fixed at 0."""
    return Interval("nominal", {shape.name: 0.0 for shape in study.shapes}, ())


def bare_study(study: Study, detector: str) -> Study:
    """Leave of a study one detector without shape parameters, with responses by quadrature."""
    return dataclasses.replace(
        study,
        detectors={detector: study.detectors[detector]},
        combined={},
        shapes=(),
        intervals=(Interval("nominal", {}, ()),),
        critical_values="asymptotic",
        response_method="quadrature",
        density="histogram",
        energy_bin_width_log=_ENERGY_BIN_WIDTH_LOG,
    )


def changed(study: Study, detector: str, parameter: str, value: float) -> Study:
    """Give the study with a number of a detector changed.

    A changed electron lifetime is known to the detector: cS2 is corrected with it.
    """
    the_detector = study.detectors[detector]
    changes: dict[str, Any] = {parameter: value}
    if parameter == "electron_lifetime_us":
        changes["correction_lifetime_us"] = None
    apparatus = dataclasses.replace(the_detector.apparatus, **changes)
    return dataclasses.replace(
        study,
        detectors={
            **study.detectors,
            detector: dataclasses.replace(the_detector, apparatus=apparatus),
        },
    )


def variations(detector: Detector) -> list[tuple[str, float]]:
    """List parameter and value of each changed detector."""
    apparatus = detector.apparatus
    largest = apparatus.everywhere(apparatus.s1_relative_light_yield).max()
    coincidence = apparatus.s1_coincidence
    pairs = [("electron_lifetime_us", value) for value in LIFETIMES_US]
    for parameter, factors in FACTORS.items():
        pairs += [(parameter, factor * getattr(apparatus, parameter)) for factor in factors]
    pairs = [(p, min(value, 1 / largest) if p == "g1" else value) for p, value in pairs]
    return [
        *pairs,
        ("s1_coincidence", max(coincidence - 1, 0)),
        ("s1_coincidence", coincidence + 1),
    ]


def dependence_slice(study: Study, detector: str) -> dict[str, Any]:
    """Give the configuration that a table of `zeptobarn.summary.dependence` depends on."""
    bare, interaction = bare_study(study, detector), study.interactions[0]
    return {
        paths.number(mass): digest(model_slice(bare, detector, interaction, mass))
        for mass in typical_masses(study)
    }
