"""Observed data in a study: whose they are, and what the study becomes with them."""

from collections.abc import Mapping
from dataclasses import replace

from zeptobarn.physics.detector import Detector
from zeptobarn.study.settings import Observed
from zeptobarn.study.study import Study


def with_observed(study: Study, observed: Mapping[str, Observed]) -> Study:
    """Give a study observed data in place of those that it has.

    Where the data have a livetime of their own, it is the detector's in all of the study: what is
    expected, and critical values, are then those of the data.

    Parameters
    ----------
    observed
        By detector.
    """
    detectors = with_livetimes(study.detectors, observed)
    return replace(study, detectors=detectors, observed=dict(observed))


def with_livetimes(
    detectors: Mapping[str, Detector], observed: Mapping[str, Observed]
) -> dict[str, Detector]:
    """Give detectors the livetimes of their observed data, where these have some."""
    livetimes = {name: data.livetime_day for name, data in observed.items()}
    return {
        name: detector
        if (livetime := livetimes.get(name)) is None
        else replace(detector, livetime_day=livetime)
        for name, detector in detectors.items()
    }


def observed_targets(study: Study) -> list[str]:
    """Name the detectors with observed data, and the combinations of such detectors alone."""
    return [
        target
        for target, members in study.targets.items()
        if all(name in study.observed for name in members)
    ]


def detailed_interval(study: Study) -> str:
    """Name the interval whose limits on observed data have their events and nuisances listed."""
    return study.observed_details.interval or study.intervals[-1].name


def detailed_place(study: Study, interaction: str) -> tuple[str, float | None]:
    """Give the mass of an interaction whose limit is so listed; a given signal has none."""
    name, mass = study.shown_place(interaction)
    return name, mass if mass is None else study.observed_details.mass_GeV or mass
