"""What a schema cannot say of a study: numbers that contradict each other, and ranges that end."""

from collections.abc import Mapping
from itertools import product
from math import prod
from typing import Any

from zeptobarn.physics.detector import Detector
from zeptobarn.physics.formulas import shares
from zeptobarn.physics.halo import (
    ATOMIC_MASS_UNIT_GEV,
    HALOS,
    XENON_U,
    XENON_WITH_SPIN_U,
    available_keV,
    fastest_km_s,
    reduced_GeV,
)
from zeptobarn.study.study import _YIELD_RECOILS, Shape, Study, signal_recoil
from zeptobarn.support.config import ConfigError

# Largest WIMP mass (GeV/c²) for them.
_LARGEST_INELASTIC_GEV = 5
# Of the numbers of the yields, the yields that have them.
_YIELD_MODELS: Mapping[str, str] = {
    "lindhard_k": "lenardo2015",
    "er_component_1": "er_polynomial",
    "er_component_2": "er_polynomial",
    "er_component_3": "er_polynomial",
}
_PROBABILITIES = ("g1", "extraction_efficiency", "double_pe_probability")
_MOST_ANCHORS = 200
_IN_STANDARD_DEVIATIONS = ("leff", "er_component_1", "er_component_2", "er_component_3")


def check_study(study: Study, origin: str) -> None:
    """What a schema cannot say."""
    shapes = {shape.name: shape for shape in study.shapes}
    if len(shapes) < len(study.shapes):
        names = [shape.name for shape in study.shapes]
        raise ConfigError(f"{origin}: shapes: found {names}; allowed: each name once")
    for shape in study.shapes:
        _check_shape(study, shape, origin)
        if list(shape.anchors) != sorted(shape.anchors) or 0 not in shape.anchors:
            raise ConfigError(
                f"{origin}: shapes: anchors of {shape.name}: found {list(shape.anchors)}; "
                "allowed: increasing, with 0 among them"
            )
    for name, members in study.combined.items():
        if name in study.detectors:
            raise ConfigError(f"{origin}: combined: found {name}, which is a detector's name")
        if unknown := [m for m in members if m not in study.detectors]:
            raise ConfigError(
                f"{origin}: combined: {name}: found {unknown[0]}; allowed: {list(study.detectors)}"
            )
    for key, values in (
        ("calibration.expected_events", study.calibration.expected_events),
        ("coverage.expected_events", study.coverage.expected_events),
    ):
        if list(values) != sorted(set(values)):
            raise ConfigError(f"{origin}: {key}: found {list(values)}; allowed: increasing")
    _check_intervals(study, shapes, origin)
    spectra: dict[str, Mapping[str, Any]] = {}
    for detector in study.detectors.values():
        _check_sources(detector, spectra, origin)
        _check_masses(study, detector, origin)


def _check_shape(study: Study, shape: Shape, origin: str) -> None:
    place = f"{origin}: shapes: {shape.name}"
    if unknown := [name for name in shape.detectors if name not in study.detectors]:
        raise ConfigError(
            f"{place}: detectors: found {unknown[0]}; allowed: {list(study.detectors)}"
        )
    if (shape.parameter in _IN_STANDARD_DEVIATIONS) == (shape.relative_width > 0):
        wanted = "no" if shape.relative_width > 0 else "a"
        raise ConfigError(f"{place}: {shape.parameter} needs {wanted} relative_width")
    for name in shape.detectors:
        for recoil, model in study.detectors[name].apparatus.yields.items():
            needed = _YIELD_MODELS.get(shape.parameter, model)
            if _YIELD_RECOILS.get(shape.parameter) == recoil and model != needed:
                raise ConfigError(
                    f"{place}: {shape.parameter} changes the yields {needed}, but {name} has "
                    f"yields.{recoil} = {model}; leave {name} out of its detectors"
                )
    lowest = 1 + min(shape.anchors) * shape.relative_width
    if lowest <= 0:
        raise ConfigError(
            f"{place}: found anchor {min(shape.anchors)} and relative_width "
            f"{shape.relative_width}: {shape.parameter} would not be positive"
        )
    largest = 1 + max(shape.anchors) * shape.relative_width
    for name in shape.detectors:
        if shape.parameter not in _PROBABILITIES:
            continue
        value = getattr(study.detectors[name].apparatus, shape.parameter)
        if value * largest > 1:
            raise ConfigError(
                f"{place}: {shape.parameter} of {name} would be {value * largest:.3g}; allowed: ≤ 1"
            )
    n = prod(len(s.anchors) for s in study.shapes if set(s.detectors) & set(shape.detectors))
    if n > _MOST_ANCHORS:
        raise ConfigError(
            f"{origin}: shapes: found {n} anchors of all shapes together; allowed: {_MOST_ANCHORS}"
        )


def _check_intervals(study: Study, shapes: Mapping[str, Shape], origin: str) -> None:
    names = [interval.name for interval in study.intervals]
    if len(set(names)) < len(names):
        raise ConfigError(f"{origin}: intervals: found {names}; allowed: each name once")
    for interval in study.intervals:
        if interval.cls and interval.kind != "upper":
            raise ConfigError(
                f"{origin}: intervals: {interval.name}: found cls with kind {interval.kind}; "
                "allowed: with kind upper"
            )
        treated = sorted([*interval.fixed, *interval.profiled])
        if treated != sorted(shapes):
            raise ConfigError(
                f"{origin}: intervals: {interval.name} treats {treated}; allowed: each of "
                f"{sorted(shapes)} either fixed or profiled"
            )
        for name, value in interval.fixed.items():
            low, high = shapes[name].anchors[0], shapes[name].anchors[-1]
            if not low <= value <= high:
                raise ConfigError(
                    f"{origin}: intervals: {interval.name} fixes {name}: found {value}; allowed: "
                    f"{low} … {high} (its anchors)"
                )


def _check_sources(detector: Detector, spectra: dict[str, Mapping[str, Any]], origin: str) -> None:
    """Also collect the spectra by name: those of all detectors."""
    for source in detector.sources:
        place = f"config/detectors/{detector.name}.yaml: source {source.name}"
        if source.formula is not None:
            try:
                shares(source.formula, detector.space, detector.apparatus)
            except ValueError as error:
                raise ConfigError(f"{place}: {error}") from None
        if source.spectrum is None:
            continue
        known = spectra.setdefault(source.spectrum["name"], source.spectrum)
        if known != source.spectrum:
            raise ConfigError(
                f"{origin}: detectors: two different spectra are named "
                f"{source.spectrum['name']!r}; allowed: one name, one spectrum"
            )


def _check_masses(study: Study, detector: Detector, origin: str) -> None:
    for interaction, (index, mass) in product(study.interactions, enumerate(study.masses_GeV)):
        recoil = signal_recoil(interaction)
        if recoil == "er" and mass > _LARGEST_INELASTIC_GEV:
            raise ConfigError(
                f"{origin}: masses_GeV[{index}]: found {mass}; allowed with {interaction}: ≤ "
                f"{_LARGEST_INELASTIC_GEV} (heavier WIMPs are seen by their nuclear recoils, which "
                "it leaves out)"
            )
        cutoff = detector.apparatus.response_cutoff_keV[recoil]
        largest = largest_energy_keV(mass, study.halo, interaction)
        if largest <= cutoff:
            raise ConfigError(
                f"{origin}: masses_GeV[{index}]: found {mass}; its largest recoil energy "
                f"{largest:.3g} keV lies below response_cutoff_keV.{recoil} = {cutoff} keV of "
                f"{detector.name}: the rate of {interaction} is zero"
            )


def largest_energy_keV(mass_GeV: float, halo: str, interaction: str = "SI") -> float:
    """Largest energy (keV) that a WIMP of a mass (GeV/c²) leaves in xenon.

    2 μ² v²/m_N for a recoiling nucleus, μ v²/2 for an electron or a photon, with v the largest
    speed of the halo. For spin-dependent interactions the nucleus is 129Xe or 131Xe, whichever
    recoils with more energy; for the others it is the mean one.

    Examples
    --------
    >>> round(largest_energy_keV(7, "xenon2017"), 1)
    4.8
    >>> round(largest_energy_keV(1, "baxter2021", "SI_migdal"), 1)
    3.5
    """
    fastest = fastest_km_s(HALOS[halo])
    if signal_recoil(interaction) == "er":
        return available_keV(mass_GeV, XENON_U * ATOMIC_MASS_UNIT_GEV, fastest)
    weights_u = XENON_WITH_SPIN_U if interaction.startswith("SD") else (XENON_U,)
    nuclei = [weight * ATOMIC_MASS_UNIT_GEV for weight in weights_u]
    return max(
        4 * available_keV(mass_GeV, nucleus, fastest) * reduced_GeV(mass_GeV, nucleus) / nucleus
        for nucleus in nuclei
    )
