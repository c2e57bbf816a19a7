"""The study: the configuration file turned into checked objects.

The ``*_slice`` functions say which part of the configuration a result depends on, and no more:
rules give them to Snakemake as parameters, and result files carry their hash.
"""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from itertools import product
from math import log, prod
from pathlib import Path
from typing import Any, Literal

from zeptobarn.physics import reach
from zeptobarn.physics.detector import Detector, Recoil, load_detector
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
from zeptobarn.support import paths
from zeptobarn.support.config import ConfigError, read_yaml, validate
from zeptobarn.support.shipped import names_of_detectors, shipped
from zeptobarn.support.tables import digest

# Ends of the names of interactions whose electron or photon is seen, and not the nucleus.
INELASTIC = ("_migdal", "_bremsstrahlung")

# Largest WIMP mass (GeV/c²) for them.
_LARGEST_INELASTIC_GEV = 5

# What a shape parameter may change: numbers of the yields, in standard deviations or relative to
# their value, each for one recoil type, and numbers of a detector file.
_YIELD_RECOILS: Mapping[str, Recoil] = {
    "leff": "nr",
    "lindhard_k": "nr",
    "er_component_1": "er",
    "er_component_2": "er",
    "er_component_3": "er",
}
# Of these numbers of a detector file, those that backgrounds from formulas depend on.
_REACH_PARAMETERS = ("s1_area_threshold", "s2_area_threshold", "drift_velocity_mm_per_us")
# Of the numbers of the yields, the yields that have them.
_YIELD_MODELS: Mapping[str, str] = {
    "lindhard_k": "lenardo2015",
    "er_component_1": "er_polynomial",
    "er_component_2": "er_polynomial",
    "er_component_3": "er_polynomial",
}
_PROBABILITIES = ("g1", "extraction_efficiency", "double_pe_probability")
_MOST_ANCHORS = 200
# A signal's name, see `zeptobarn.support.paths.wimp_source`.
_SIGNAL = re.compile(
    r"wimp_(?P<interaction>SI(_migdal|_bremsstrahlung)?|SD_[np]_(central|up|low))"
    r"_(?P<mass>\d+(\.\d+)?)GeV"
)
_IN_STANDARD_DEVIATIONS = ("leff", "er_component_1", "er_component_2", "er_component_3")


@dataclass(frozen=True)
class Shape:
    """A shape parameter: a nuisance in standard deviations, with templates at its anchors.

    Attributes
    ----------
    parameter
        What it changes.
    relative_width
        Relative change of the parameter by one standard deviation; 0 for those that are in
        standard deviations by themselves.
    constrained
        Whether a unit-normal constraint holds it near 0.
    detectors
        Those it applies to; a shape of several detectors is one parameter of their combination.
    low_energy
        See `zeptobarn.physics.yields.Nuisances.leff_low_energy`.
    """

    name: str
    anchors: tuple[float, ...]
    parameter: str
    relative_width: float
    constrained: bool
    detectors: tuple[str, ...]
    low_energy: str

    def touches(self, detector: str, recoil: Recoil | None) -> bool:
        """Whether templates of a detector and recoil type depend on the parameter.

        Those that are not recoils (None) depend on what says which corrected areas pass the
        thresholds; a changed lifetime does not, since cS2 stays corrected with the nominal one.
        """
        if detector not in self.detectors:
            return False
        if recoil is None:
            return self.parameter in _REACH_PARAMETERS
        return _YIELD_RECOILS.get(self.parameter, recoil) == recoil


@dataclass(frozen=True)
class Interval:
    """An interval to set: shape parameters fixed at values, the others profiled.

    Attributes
    ----------
    kind
        ``upper`` (q̃), ``unified`` (t̃) or ``central`` (t̃, the same critical value everywhere).
    cls
        Whether an upper limit divides by the background's p-value (CLs).
    """

    name: str
    fixed: Mapping[str, float]
    profiled: tuple[str, ...]
    kind: Literal["upper", "unified", "central"] = "upper"
    cls: bool = False

    @property
    def treatment(self) -> str:
        """How the nuisances are treated, in words: those that are fixed, and those profiled."""
        return " ".join(
            [f"{name}={value:g}" for name, value in sorted(self.fixed.items())]
            + [f"{name} profiled" for name in sorted(self.profiled)]
        )


@dataclass(frozen=True)
class Calibration:
    """How critical values are calibrated with toys.

    Attributes
    ----------
    toys
        Toys thrown at each signal.
    expected_events
        The signals, in expected events of all detectors.
    """

    toys: int
    expected_events: tuple[float, ...]


@dataclass(frozen=True)
class Coverage:
    """Where coverage is measured (of the study's masses), with how many toys at each point."""

    toys: int
    masses_GeV: tuple[float, ...]
    expected_events: tuple[float, ...]


@dataclass(frozen=True)
class Failures:
    """How many trials the failure study has at each setting, and at most."""

    trials: int
    most_trials: int


@dataclass(frozen=True)
class Study:
    """A study; see ``config/schemas/config.schema.yaml`` for the meaning of each key."""

    results: Path
    seed: int
    detectors: Mapping[str, Detector]
    combined: Mapping[str, tuple[str, ...]]
    interactions: tuple[str, ...]
    masses_GeV: tuple[float, ...]
    marked_masses_GeV: tuple[float, ...]
    halo: str
    trials: int
    trials_per_batch: int
    constraint_centres: Literal["redrawn", "fixed"]
    datasets: Literal["own", "nominal"]
    formula_reach: Literal["detector", "ignore"]
    confidence_level: float
    critical_values: Literal["asymptotic", "toys"]
    calibration: Calibration
    coverage: Coverage
    failures: Failures
    power_constraint: float
    template_replicas: int
    intervals: tuple[Interval, ...]
    shapes: tuple[Shape, ...]
    reference_cross_section_cm2: float
    search_bound_rate_multiplier: float
    response_method: Literal["quadrature", "simulation"]
    events_per_energy_bin: int
    energy_bin_width_log: float
    density: Literal["histogram", "kde"]
    published: Mapping[str, tuple[str, ...]]

    @property
    def batches(self) -> list[str]:
        """The batches of trials."""
        return paths.batches(self.trials, self.trials_per_batch)

    @property
    def smoothed(self) -> bool:
        """Whether templates are kernel estimates: quadrature has nothing to smooth."""
        return self.density == "kde" and self.response_method == "simulation"

    @property
    def replicas(self) -> int:
        """Bootstrap replicas of the responses: none of quadrature, which has no noise."""
        return self.template_replicas if self.response_method == "simulation" else 0

    def path(self, pattern: str, **values: object) -> Path:
        """Put values into a pattern of `zeptobarn.support.paths`, below this study's results."""
        return self.results / paths.fill(pattern, **values)

    @property
    def targets(self) -> dict[str, tuple[str, ...]]:
        """What limits are set for, with its detectors: each detector and each combination."""
        return {name: (name,) for name in self.detectors} | dict(self.combined)

    def title(self, target: str) -> str:
        """Name a detector or a combination in figures."""
        return " + ".join(self.detectors[name].title for name in self.targets[target])

    def model_sources(
        self, target: str, interaction: str, mass_GeV: float
    ) -> list[tuple[str, str]]:
        """Detector and source of each template of a mass's model, the signals first of each."""
        return [
            (detector, source)
            for detector in self.targets[target]
            for source in (
                paths.wimp_source(interaction, mass_GeV),
                *(source.name for source in self.detectors[detector].sources),
            )
        ]

    def shapes_of(self, detector: str, recoil: Recoil | None) -> tuple[Shape, ...]:
        """The shape parameters that change templates of a detector and recoil type."""
        return tuple(shape for shape in self.shapes if shape.touches(detector, recoil))

    def target_shapes(self, target: str) -> tuple[Shape, ...]:
        """The shape parameters that change anything of a detector or combination."""
        members = self.targets[target]
        return tuple(s for s in self.shapes if any(name in s.detectors for name in members))

    def truth_of(self, interval: Interval) -> dict[str, float]:
        """True values of the shape parameters (without those at 0) of an interval's datasets."""
        if self.datasets == "nominal":
            return {}
        return {name: value for name, value in interval.fixed.items() if value != 0}

    @property
    def truths(self) -> dict[str, dict[str, float]]:
        """What datasets are thrown at, by name: ``nominal``, and what intervals fix elsewhere."""
        others = (self.truth_of(interval) for interval in self.intervals)
        return {paths.anchor_name(truth): truth for truth in ({}, *others)}

    def anchors(self, detector: str, recoil: Recoil | None) -> dict[str, dict[str, float]]:
        """Name and shape values of each anchor of a detector and recoil type, in grid order."""
        shapes = self.shapes_of(detector, recoil)
        grid = product(*(shape.anchors for shape in shapes))
        points = [{s.name: v for s, v in zip(shapes, values, strict=True)} for values in grid]
        return {paths.anchor_name(point): point for point in points}

    def spectra(self) -> dict[str, Mapping[str, Any]]:
        """Every background spectrum by name, over all detectors."""
        return {
            source.spectrum["name"]: source.spectrum
            for detector in self.detectors.values()
            for source in detector.sources
            if source.spectrum is not None
        }

    def nearest_mass(self, mass_GeV: float) -> float:
        """The study's mass that is nearest to another, by their ratio (GeV/c²)."""
        return min(self.masses_GeV, key=lambda mass: abs(log(mass / mass_GeV)))

    def signals(self) -> list[str]:
        """Name every signal source of the study."""
        return [
            paths.wimp_source(interaction, mass)
            for interaction in self.interactions
            for mass in self.masses_GeV
        ]

    def signal(self, source: str) -> tuple[str, float] | None:
        """Interaction and mass (GeV/c²) of a signal source; None for a background.

        The mass and the interaction need not be among the study's own.
        """
        found = _SIGNAL.fullmatch(source)
        if found is None:
            return None
        mass = float(found["mass"])
        return found["interaction"], int(mass) if mass.is_integer() else mass

    def recoil(self, detector: str, source: str) -> Recoil | None:
        """Recoil type of a source; None for a template from a formula."""
        if signal := self.signal(source):
            return signal_recoil(signal[0])
        return self.detectors[detector].source(source).recoil

    def spectrum_name(self, detector: str, source: str) -> str | None:
        """Name of a source's spectrum; None for a template from a formula."""
        if self.signal(source):
            return source
        spectrum = self.detectors[detector].source(source).spectrum
        return None if spectrum is None else str(spectrum["name"])


def load_study(path: str | Path | None = None, overlay: str | Path | None = None) -> Study:
    """Read and check a configuration file.

    Parameters
    ----------
    path
        The study's configuration; the default study's if none is given. Detector files are
        ``detectors/{name}.yaml`` beside it, or shipped.
    overlay
        A second file whose keys replace the first's: lists whole, mappings key by key.

    Examples
    --------
    >>> load_study().masses_GeV
    (7, 8, 10, 12, 15, 20, 25, 30, 35, 40, 50, 70, 100, 200, 400, 1000)
    """
    path = shipped() / "config/config.yaml" if path is None else path
    settings = read_yaml(path)
    origin = str(path)
    if overlay is not None:
        settings = _merge(settings, read_yaml(overlay))
        origin = f"{path} + {overlay}"
    return study_from_settings(settings, Path(path).parent, origin)


def study_from_settings(
    settings: Mapping[str, Any],
    folder: Path = Path("config"),
    origin: str = "config/config.yaml",
) -> Study:
    """Check the content of a configuration file.

    Parameters
    ----------
    settings
        The content.
    folder
        Folder with ``detectors/``; what it lacks is taken from those that are shipped.
    origin
        File name for messages.

    Raises
    ------
    ConfigError
        Something is missing, unknown, out of range or contradictory.
    """
    validate(settings, "config", origin)
    settings = dict(settings)
    response = dict(settings.pop("response"))
    response["response_method"] = response.pop("method")
    names = settings.pop("detectors")
    calibration, coverage = settings.pop("calibration"), settings.pop("coverage")
    failures = settings.pop("failures")
    study = Study(
        results=Path(settings.pop("results")),
        detectors={
            name: _detector(_detector_file(name, folder, origin), settings) for name in names
        },
        interactions=tuple(settings.pop("interactions")),
        masses_GeV=tuple(settings.pop("masses_GeV")),
        marked_masses_GeV=tuple(settings.pop("marked_masses_GeV", ())),
        formula_reach=settings.pop("formula_reach", "detector"),
        intervals=tuple(_interval(interval) for interval in settings.pop("intervals")),
        shapes=tuple(_shape(shape, names) for shape in settings.pop("shapes")),
        combined={k: tuple(v) for k, v in settings.pop("combined", {}).items()},
        calibration=Calibration(calibration["toys"], tuple(calibration["expected_events"])),
        coverage=Coverage(
            coverage["toys"], tuple(coverage["masses_GeV"]), tuple(coverage["expected_events"])
        ),
        failures=Failures(failures["trials"], failures["most_trials"]),
        published={k: tuple(v) for k, v in settings.pop("published", {}).items()},
        **response,
        **settings,
    )
    _check(study, origin)
    return study


def _detector_file(name: str, folder: Path, origin: str) -> Path:
    own = folder / "detectors" / f"{name}.yaml"
    if own.is_file():
        return own
    if name not in names_of_detectors():
        raise ConfigError(
            f"{origin}: detectors: found {name}, but there is no file {own}; shipped are: "
            f"{', '.join(names_of_detectors())}"
        )
    return shipped() / f"config/detectors/{name}.yaml"


def _detector(path: Path, settings: Mapping[str, Any]) -> Detector:
    """Read a detector file; the study may take from its formulas where they end."""
    found = load_detector(path)
    if settings.get("formula_reach") != "ignore":
        return found
    sources = tuple(
        replace(source, formula={**source.formula, "reach": "ignore"})
        if source.formula is not None
        else source
        for source in found.sources
    )
    return replace(found, sources=sources)


def _interval(settings: Mapping[str, Any]) -> Interval:
    return Interval(
        settings["name"],
        settings.get("fixed", {}),
        tuple(settings.get("profiled", ())),
        settings.get("kind", "upper"),
        settings.get("cls", False),
    )


def _shape(settings: Mapping[str, Any], detectors: list[str]) -> Shape:
    return Shape(
        settings["name"],
        tuple(settings["anchors"]),
        settings.get("parameter", settings["name"]),
        settings.get("relative_width", 0.0),
        settings.get("constraint", "normal") == "normal",
        tuple(settings.get("detectors", detectors)),
        settings.get("low_energy", "constant"),
    )


def _check(study: Study, origin: str) -> None:
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
    spectra: dict[str, Mapping[str, Any]] = {}
    for detector in study.detectors.values():
        for source in detector.sources:
            place = f"config/detectors/{detector.name}.yaml: source {source.name}"
            if source.formula is not None:
                try:
                    shares(source.formula, detector.space, detector.settings)
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
        for recoil, model in study.detectors[name].settings["yields"].items():
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
        value = study.detectors[name].settings.get(shape.parameter, 0.0)
        if shape.parameter in _PROBABILITIES and value * largest > 1:
            raise ConfigError(
                f"{place}: {shape.parameter} of {name} would be {value * largest:.3g}; allowed: ≤ 1"
            )
    n = prod(len(s.anchors) for s in study.shapes if set(s.detectors) & set(shape.detectors))
    if n > _MOST_ANCHORS:
        raise ConfigError(
            f"{origin}: shapes: found {n} anchors of all shapes together; allowed: {_MOST_ANCHORS}"
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
        cutoff = detector.settings["response_cutoff_keV"][recoil]
        largest = largest_energy_keV(mass, study.halo, interaction)
        if largest <= cutoff:
            raise ConfigError(
                f"{origin}: masses_GeV[{index}]: found {mass}; its largest recoil energy "
                f"{largest:.3g} keV lies below response_cutoff_keV.{recoil} = {cutoff} keV of "
                f"{detector.name}: the rate of {interaction} is zero"
            )


def signal_recoil(interaction: str) -> Recoil:
    """Recoil type of an interaction: the Migdal effect and bremsstrahlung are seen as ER."""
    return "er" if interaction.endswith(INELASTIC) else "nr"


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


def spectrum_slice(study: Study, name: str) -> dict[str, Any]:
    """Give the configuration that a spectrum depends on."""
    if signal := study.signal(name):
        return {"interaction": signal[0], "mass_GeV": signal[1], "halo": asdict(HALOS[study.halo])}
    settings = dict(study.spectra()[name])
    if "path" in settings:
        settings["content"] = digest(Path(settings.pop("path")).read_text(encoding="utf-8"))
    return settings


def response_slice(study: Study, detector: str, recoil: Recoil, anchor: str) -> dict[str, Any]:
    """Give the configuration that a response depends on."""
    found: dict[str, Any] = {
        "detector": study.detectors[detector].response_settings(recoil),
        "recoil": recoil,
        "shapes": {
            shape.parameter: [
                study.anchors(detector, recoil)[anchor][shape.name],
                shape.relative_width,
                shape.low_energy,
            ]
            for shape in study.shapes_of(detector, recoil)
        },
        "method": study.response_method,
        "energy_bin_width_log": study.energy_bin_width_log,
    }
    if study.response_method == "simulation":
        found |= {
            "name": detector,
            "seed": study.seed,
            "events_per_energy_bin": study.events_per_energy_bin,
        }
    return found


def template_slice(study: Study, detector: str, source: str) -> dict[str, Any]:
    """Give the configuration that a template depends on."""
    recoil, name = study.recoil(detector, source), study.spectrum_name(detector, source)
    found = study.detectors[detector]
    kept: dict[str, Any] = {
        "exposure_kg_day": found.exposure_kg_day,
        "rate": study.reference_cross_section_cm2
        if study.signal(source)
        else found.source(source).rate_multiplier,
    }
    if recoil is None or name is None:
        settings = found.settings
        return kept | {
            "formula": found.source(source).formula,
            "space": settings["analysis_space"],
            "reach": {key: settings[key] for key in reach.KEYS if key in settings},
            "shapes": [
                [shape.name, shape.parameter, shape.relative_width, shape.anchors]
                for shape in study.shapes_of(detector, recoil)
            ],
        }
    return kept | {
        "spectrum": spectrum_slice(study, name),
        "response": {
            anchor: digest(response_slice(study, detector, recoil, anchor))
            for anchor in study.anchors(detector, recoil)
        },
        "smoothed": study.smoothed,
    }


def toys_slice(
    study: Study, detector: str, at: Mapping[str, float] | None = None
) -> dict[str, Any]:
    """Give the configuration that the background datasets depend on (not how many they are).

    Parameters
    ----------
    at
        True values of shape parameters, 0 for the others; see `zeptobarn.templates.toys.throw`.
    """
    return {
        **({"at": dict(at)} if at else {}),
        "name": detector,
        "seed": study.seed,
        # A list: sources draw their random numbers one after another.
        "templates": [
            [source.name, digest(template_slice(study, detector, source.name))]
            for source in study.detectors[detector].sources
        ],
        "rates": {
            source.name: [source.rate, source.rate_width]
            for source in study.detectors[detector].sources
        },
        "shapes": {shape.name: shape.constrained for shape in study.target_shapes(detector)},
        "constraint_centres": study.constraint_centres,
    }


def model_slice(study: Study, target: str, interaction: str, mass_GeV: float) -> dict[str, Any]:
    """Give the configuration that the likelihood of a mass depends on."""
    signal = paths.wimp_source(interaction, mass_GeV)
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
    study: Study, target: str, interaction: str, mass_GeV: float
) -> dict[str, Any]:
    """Give the configuration that a mass's calibrated critical values depend on."""
    return {
        "name": target,
        "seed": study.seed,
        "model": digest(model_slice(study, target, interaction, mass_GeV)),
        "toys": study.calibration.toys,
        "expected_events": study.calibration.expected_events,
    }


def limits_slice(study: Study, target: str, interaction: str, mass_GeV: float) -> dict[str, Any]:
    """Give the configuration that a mass's limits depend on (not how many they are)."""
    found: dict[str, Any] = {
        "model": digest(model_slice(study, target, interaction, mass_GeV)),
        "datasets": study.datasets,
    }
    if study.critical_values == "toys":
        found["calibration"] = digest(calibration_slice(study, target, interaction, mass_GeV))
    return found


def coverage_slice(study: Study, target: str, interaction: str, mass_GeV: float) -> dict[str, Any]:
    """Give the configuration that a mass's coverage depends on."""
    return {
        "calibration": digest(calibration_slice(study, target, interaction, mass_GeV)),
        "toys": study.coverage.toys,
        "expected_events": study.coverage.expected_events,
    }


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


def summary_slice(study: Study) -> dict[str, Any]:
    """Give the configuration that the summary depends on."""
    return {
        "trials": study.trials,
        "power_constraint": study.power_constraint,
        "sensitivity": {
            target: digest(sensitivity_slice(study, target)) for target in study.targets
        },
    }


def _merge(base: Any, overlay: Any) -> Any:
    if not (isinstance(base, Mapping) and isinstance(overlay, Mapping)):
        return overlay
    return {
        **base,
        **{key: _merge(base.get(key), value) for key, value in overlay.items()},
    }
