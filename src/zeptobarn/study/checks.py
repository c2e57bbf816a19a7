"""What a schema cannot say of a study: numbers that contradict each other, and ranges that end."""

import os
from collections.abc import Mapping
from dataclasses import replace
from itertools import product
from math import ceil, log, prod
from typing import Any

from zeptobarn.physics.consistency import check_apparatus
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
from zeptobarn.physics.histogram import at_anchors, rebinned
from zeptobarn.physics.histogram_files import read_histogram
from zeptobarn.study.correlations import check_correlations, check_shared, rate_name
from zeptobarn.study.plan import check_size
from zeptobarn.study.shapes import (
    CHARGE_RATIO,
    SIGNAL_EFFICIENCY,
    YIELD_MODELS,
    YIELD_RECOILS,
    Shape,
)
from zeptobarn.study.study import Study, signal_recoil
from zeptobarn.support.config import LONGEST_NAME, ConfigError, allowed
from zeptobarn.support.mathtext import unreadable

# Largest WIMP mass (GeV/c²) for them.
_LARGEST_INELASTIC_GEV = 5
_MOST_ANCHORS = 250
# Columns and parameters that are there in any study.
_TAKEN = ("rate_multiplier", "wimp_rate")
# A response's probabilities and variances, 16 bytes each, before zeros are left out.
_MOST_PROBABILITIES = 50_000_000
# What shapes change that is no number at the top of a detector file.
_OF_NO_FILE = {*YIELD_RECOILS, SIGNAL_EFFICIENCY} - {"er_recombination_width"}
# Of a source's charge ratio, as the detector's schema has them.
_CHARGE_RATIOS = 0.01, 2
_IN_STANDARD_DEVIATIONS = ("leff", "er_component_1", "er_component_2", "er_component_3")


def check_study(study: Study, origin: str) -> None:
    """What a schema cannot say."""
    if (study.first_trial - 1) % study.trials_per_batch:
        raise ConfigError(
            f"{origin}: first_trial: found {study.first_trial}; allowed: 1, or 1 more than a "
            f"multiple of trials_per_batch ({study.trials_per_batch}), so that a part of a study "
            "has the batches of the whole"
        )
    _check_signals(study, origin)
    check_size(study, origin)
    _check_results(study, origin)
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
    _check_details(study, origin)
    _check_parameters(study, origin)
    check_shared(study, origin)
    check_correlations(study, origin)
    spectra: dict[str, Mapping[str, Any]] = {}
    for detector in study.detectors.values():
        _check_sources(study, detector, spectra, origin)
        _check_masses(study, detector, origin)
        _check_response(study, detector, origin)


def _check_signals(study: Study, origin: str) -> None:
    """Names of given signals are those of files and sources, each once; figures show the labels."""
    if not study.places:
        raise ConfigError(f"{origin}: masses_GeV, signals: found neither; needed: one of either")
    taken = {
        name: f"of {detector.name}"
        for detector in study.detectors.values()
        for source in detector.sources
        for name in (source.name, (source.spectrum or {}).get("name", source.name))
    }
    for number, signal in enumerate(study.given_signals):
        place = f"{origin}: signals[{number}]"
        for name in (signal.name, *signal.spectra.values()):
            if name in taken:
                raise ConfigError(
                    f"{place}.name: found {signal.name!r}, and {name!r} is a name {taken[name]}, "
                    "too; allowed: names of no other source, spectrum or signal"
                )
            taken[name] = "of another signal"
        for key, text in (("label", signal.label), ("unit", signal.unit)):
            if reason := unreadable(text):
                raise ConfigError(f"{place}.{key}: found {text!r}: {reason}")


def _check_results(study: Study, origin: str) -> None:
    if any(len(os.fsencode(part)) > LONGEST_NAME for part in study.results.parts):
        raise ConfigError(f"{origin}: results: a name is longer than {LONGEST_NAME} bytes")
    if study.results.is_file():
        raise ConfigError(f"{origin}: results: found {study.results}, a file; allowed: a folder")


def _check_parameters(study: Study, origin: str) -> None:
    """Names of a target's parameters are columns of its results, each once."""
    for target, members in study.targets.items():
        rates = [
            rate_name(source, name, len(members))
            for number, name in enumerate(members)
            for source in study.detectors[name].sources
            if not (number and source.shared)
        ]
        names = [*_TAKEN, *rates, *(shape.name for shape in study.target_shapes(target))]
        if taken := [name for name in names if names.count(name) > 1]:
            raise ConfigError(
                f"{origin}: two columns or parameters of {target} would be called {taken[0]}; "
                "allowed: names of shapes, and names of sources with _rate behind, that differ "
                f"from each other and from {' and '.join(_TAKEN)}"
            )


def _check_response(study: Study, detector: Detector, origin: str) -> None:
    """Bins of a response in cS1, cS2 and energy take memory together."""
    apparatus, width = detector.apparatus, study.energy_bin_width_log
    for recoil, low in apparatus.response_cutoff_keV.items():
        most = ceil(log(apparatus.response_max_keV[recoil] / low) / width)
        n1, n2 = detector.space.shape
        if n1 * n2 * most > _MOST_PROBABILITIES:
            raise ConfigError(
                f"{origin}: response.energy_bin_width_log: found {width}, up to {most} energy bins "
                f"({recoil}), with {n1} × {n2} bins of analysis_space of {detector.name}; allowed: "
                f"≤ {_MOST_PROBABILITIES:.0e} probabilities"
            )


def _check_shape(study: Study, shape: Shape, origin: str) -> None:
    place = f"{origin}: shapes: {shape.name}"
    if unknown := [name for name in shape.detectors if name not in study.detectors]:
        raise ConfigError(
            f"{place}: detectors: found {unknown[0]}; allowed: {list(study.detectors)}"
        )
    in_deviations = shape.parameter in _IN_STANDARD_DEVIATIONS or shape.efficiency is not None
    known = shape.number in YIELD_RECOILS or shape.parameter == SIGNAL_EFFICIENCY
    for name in () if known or shape.efficiency is not None else shape.detectors:
        number = getattr(study.detectors[name].apparatus, shape.parameter, None)
        if not isinstance(number, int | float):
            raise ConfigError(
                f"{place}: found no parameter, and the shape's name is none; allowed: parameter: "
                "leff, g1, … (the schema lists them)"
            )
    if in_deviations == (shape.relative_width > 0):
        wanted = "no" if shape.relative_width > 0 else "a"
        raise ConfigError(f"{place}: {shape.parameter} needs {wanted} relative_width")
    for name in shape.detectors:
        _check_touched(study.detectors[name], shape, place)
    lowest = 1 + min(shape.anchors) * shape.relative_width
    if lowest <= 0:
        raise ConfigError(
            f"{place}: found anchor {min(shape.anchors)} and relative_width "
            f"{shape.relative_width}: {shape.parameter} would not be positive"
        )
    for name, value in product(shape.detectors, (min(shape.anchors), max(shape.anchors))):
        _check_anchor(study.detectors[name], shape, value, place)
    n = prod(len(s.anchors) for s in study.shapes if set(s.detectors) & set(shape.detectors))
    if n > _MOST_ANCHORS:
        raise ConfigError(
            f"{origin}: shapes: found {n} anchors of all shapes together; allowed: {_MOST_ANCHORS}"
        )


def _check_touched(detector: Detector, shape: Shape, place: str) -> None:
    """A shape changes something of each of its detectors."""
    name = detector.name
    if shape.efficiency is not None:
        banded = [e.name for e in detector.efficiencies if e.low]
        if shape.efficiency not in banded:
            raise ConfigError(
                f"{place}: parameter: found {shape.parameter}; {name} has no efficiency of that "
                f"name with a low and a high curve; allowed: efficiency_ with one of "
                f"{', '.join(banded) or '(none)'} behind, or leave {name} out of its detectors"
            )
    elif shape.number == CHARGE_RATIO:
        owners = [source.name for source in detector.sources if source.charge_ratio is not None]
        if not owners:
            raise ConfigError(
                f"{place}: charge_ratio changes that of sources, but none of {name} has one; leave "
                f"{name} out of its detectors"
            )
        if shape.charge_source is not None and shape.charge_source not in owners:
            raise ConfigError(
                f"{place}: parameter: found {shape.parameter}; {name} has no source of that name "
                f"with a charge_ratio; allowed: charge_ratio_ with one of {', '.join(owners)} "
                f"behind, or leave {name} out of its detectors"
            )
    elif recoil := YIELD_RECOILS.get(shape.parameter):
        models = {a.yields[recoil] for a in detector.apparatuses.values()}
        needed = YIELD_MODELS.get(shape.parameter, tuple(models))
        if not models & set(needed):
            raise ConfigError(
                f"{place}: {shape.parameter} changes the yields {' and '.join(needed)}, but {name} "
                f"has yields.{recoil} = {detector.apparatus.yields[recoil]}; leave {name} out of "
                "its detectors"
            )


def _check_anchor(detector: Detector, shape: Shape, value: float, place: str) -> None:
    """What a number changes must be allowed at the outermost anchors, too."""
    apparatus = detector.apparatus
    if shape.number == CHARGE_RATIO:
        _check_ratio(detector, shape, value, place)
    if shape.number in _OF_NO_FILE or shape.efficiency is not None:
        return
    changed = getattr(apparatus, shape.parameter) * (1 + value * shape.relative_width)
    place = f"{place}: at its anchor {value:g}"
    if reason := allowed(changed, "detector", shape.parameter):
        raise ConfigError(
            f"{place}, {shape.parameter} of {detector.name} would be {changed:.3g}; "
            f"allowed: {reason}"
        )
    changes = {
        "correction_lifetime_us": apparatus.corrected_with_us,
        shape.parameter: changed,
    }
    check_apparatus(replace(apparatus, **changes), f"{place}, {detector.name}")


def _check_ratio(detector: Detector, shape: Shape, value: float, place: str) -> None:
    """A source's charge ratio must be allowed at the outermost anchors, too."""
    for source in detector.sources:
        if source.charge_ratio is None or shape.charge_source not in (None, source.name):
            continue
        changed = source.charge_ratio * (1 + value * shape.relative_width)
        low, high = _CHARGE_RATIOS
        if not low <= changed <= high:
            raise ConfigError(
                f"{place}: at its anchor {value:g}, charge_ratio of {source.name} of "
                f"{detector.name} would be {changed:.3g}; allowed: {low} … {high}"
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


def _check_details(study: Study, origin: str) -> None:
    """The limit that is looked at closely is one of the study's."""
    names = [interval.name for interval in study.intervals]
    for key, asked, known in (
        ("mass_GeV", study.observed_details.mass_GeV, study.masses_GeV),
        ("interval", study.observed_details.interval, names),
    ):
        if asked is not None and asked not in known:
            allowed = ", ".join(map(str, known)) or "none, there are no masses_GeV"
            raise ConfigError(
                f"{origin}: observed_details.{key}: found {asked}; allowed: {allowed}"
            )


def _check_sources(
    study: Study, detector: Detector, spectra: dict[str, Mapping[str, Any]], origin: str
) -> None:
    """Also collect the spectra by name: those of all detectors."""
    for source in detector.sources:
        place = f"config/detectors/{detector.name}.yaml: source {source.name}"
        if source.formula is not None:
            try:
                shares(source.formula, detector.space, detector.apparatus)
            except ValueError as error:
                raise ConfigError(f"{place}: {error}") from None
        if source.template is not None:
            histogram = read_histogram(source.template["path"], source.template.get("histogram"))
            at = f"{place}: template: {source.template['path']}"
            inside, _ = rebinned(histogram, detector.space, at)
            anchors = study.source_anchors(detector.name, source.name)
            shapes = [shape.name for shape in study.target_shapes(detector.name)]
            at_anchors(histogram, anchors, shapes, at)
            if not inside.any():
                raise ConfigError(f"{at}: found no events inside analysis_space; allowed: some")
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
