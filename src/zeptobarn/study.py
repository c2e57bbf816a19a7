"""The study: the configuration file turned into checked objects.

The ``*_slice`` functions say which part of the configuration a result depends on, and no more:
rules give them to Snakemake as parameters, and result files carry their hash.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, Literal

from zeptobarn import paths
from zeptobarn.config import ConfigError, read_yaml, validate
from zeptobarn.detector import Detector, Recoil, load_detector
from zeptobarn.tables import digest

# km/s, km/s, GeV/cm³. xenon2017: XENON1T's papers; baxter2021: EPJC 81 (2021) 907.
HALOS: Mapping[str, Mapping[str, float]] = {
    "xenon2017": {"v0_km_s": 220, "v_esc_km_s": 544, "rho_GeV_cm3": 0.3},
    "baxter2021": {"v0_km_s": 238, "v_esc_km_s": 544, "rho_GeV_cm3": 0.3},
}

# Which recoil types a shape parameter changes.
_SHAPE_RECOILS: Mapping[str, tuple[Recoil, ...]] = {"leff": ("nr",)}


@dataclass(frozen=True)
class Shape:
    """A shape parameter: a unit-normal nuisance, with templates at its anchors."""

    name: str
    anchors: tuple[float, ...]
    low_energy: str

    def touches(self, recoil: Recoil) -> bool:
        """Whether templates of this recoil type depend on the parameter."""
        return recoil in _SHAPE_RECOILS[self.name]


@dataclass(frozen=True)
class Interval:
    """A limit to set: shape parameters fixed at values, the others profiled."""

    name: str
    fixed: Mapping[str, float]
    profiled: tuple[str, ...]


@dataclass(frozen=True)
class Study:
    """A study; see ``config/schemas/config.schema.yaml`` for the meaning of each key."""

    results: Path
    seed: int
    detectors: Mapping[str, Detector]
    interactions: tuple[str, ...]
    masses_GeV: tuple[float, ...]
    halo: str
    trials: int
    trials_per_batch: int
    constraint_centres: Literal["redrawn", "fixed"]
    confidence_level: float
    intervals: tuple[Interval, ...]
    shapes: tuple[Shape, ...]
    reference_cross_section_cm2: float
    search_bound_rate_multiplier: float
    events_per_energy_bin: int
    energy_bin_width_log: float
    published: Mapping[str, tuple[str, ...]]

    @property
    def batches(self) -> list[str]:
        """The batches of trials."""
        return paths.batches(self.trials, self.trials_per_batch)

    def path(self, pattern: str, **values: object) -> Path:
        """Put values into a pattern of `zeptobarn.paths`, below this study's results."""
        return self.results / paths.fill(pattern, **values)

    def shapes_of(self, recoil: Recoil) -> tuple[Shape, ...]:
        """The shape parameters that change templates of a recoil type."""
        return tuple(shape for shape in self.shapes if shape.touches(recoil))

    def anchors(self, recoil: Recoil) -> dict[str, dict[str, float]]:
        """Name and shape values of each anchor of a recoil type."""
        shapes = self.shapes_of(recoil)
        grid = product(*(shape.anchors for shape in shapes))
        points = [{s.name: v for s, v in zip(shapes, values, strict=True)} for values in grid]
        return {paths.anchor_name(point): point for point in points}

    def spectra(self) -> dict[str, Mapping[str, Any]]:
        """Every background spectrum by name, over all detectors."""
        return {
            source.spectrum["name"]: source.spectrum
            for detector in self.detectors.values()
            for source in detector.sources
        }

    def signals(self) -> list[str]:
        """Name every signal source of the study."""
        return [
            paths.wimp_source(interaction, mass)
            for interaction in self.interactions
            for mass in self.masses_GeV
        ]

    def signal(self, source: str) -> tuple[str, float] | None:
        """Interaction and mass (GeV/c²) of a signal source; None for a background."""
        return {
            paths.wimp_source(interaction, mass): (interaction, mass)
            for interaction in self.interactions
            for mass in self.masses_GeV
        }.get(source)

    def recoil(self, detector: str, source: str) -> Recoil:
        """Recoil type of a source; a signal is a nuclear recoil."""
        return "nr" if self.signal(source) else self.detectors[detector].source(source).recoil

    def spectrum_name(self, detector: str, source: str) -> str:
        """Name of a source's spectrum."""
        if self.signal(source):
            return source
        return str(self.detectors[detector].source(source).spectrum["name"])


def load_study(path: str | Path, overlay: str | Path | None = None) -> Study:
    """Read and check a configuration file.

    Parameters
    ----------
    path
        The study's configuration; detector files and schemas are found beside it.
    overlay
        A second file whose keys replace the first's: lists whole, mappings key by key.

    Examples
    --------
    >>> load_study("config/config.yaml").masses_GeV
    (7, 10, 20, 50, 100, 200, 1000)
    """
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
        Folder with ``detectors/`` and ``schemas/``.
    origin
        File name for messages.

    Raises
    ------
    ConfigError
        Something is missing, unknown, out of range or contradictory.
    """
    validate(settings, folder / "schemas" / "config.schema.yaml", origin)
    settings = dict(settings)
    response = settings.pop("response")
    names = settings.pop("detectors")
    study = Study(
        results=Path(settings.pop("results")),
        detectors={name: load_detector(folder / "detectors" / f"{name}.yaml") for name in names},
        interactions=tuple(settings.pop("interactions")),
        masses_GeV=tuple(settings.pop("masses_GeV")),
        intervals=tuple(_interval(interval) for interval in settings.pop("intervals")),
        shapes=tuple(
            Shape(shape["name"], tuple(shape["anchors"]), shape["low_energy"])
            for shape in settings.pop("shapes")
        ),
        published={k: tuple(v) for k, v in settings.pop("published", {}).items()},
        **response,
        **settings,
    )
    _check(study, origin)
    return study


def _interval(settings: Mapping[str, Any]) -> Interval:
    return Interval(
        settings["name"], settings.get("fixed", {}), tuple(settings.get("profiled", ()))
    )


def _check(study: Study, origin: str) -> None:
    """What a schema cannot say."""
    shapes = {shape.name: shape for shape in study.shapes}
    for shape in study.shapes:
        if list(shape.anchors) != sorted(shape.anchors) or 0 not in shape.anchors:
            raise ConfigError(
                f"{origin}: shapes: anchors of {shape.name}: found {list(shape.anchors)}; "
                "allowed: increasing, with 0 among them"
            )
    names = [interval.name for interval in study.intervals]
    if len(set(names)) < len(names):
        raise ConfigError(f"{origin}: intervals: found {names}; allowed: each name once")
    for interval in study.intervals:
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
            known = spectra.setdefault(source.spectrum["name"], source.spectrum)
            if known != source.spectrum:
                raise ConfigError(
                    f"{origin}: detectors: two different spectra are named "
                    f"{source.spectrum['name']!r}; allowed: one name, one spectrum"
                )
            path = source.spectrum.get("path")
            if path is not None and not Path(path).is_file():
                raise ConfigError(
                    f"config/detectors/{detector.name}.yaml: spectrum of source {source.name}: "
                    f"no file {path} (paths are relative to the working directory)"
                )
        _check_masses(study, detector, origin)


def _check_masses(study: Study, detector: Detector, origin: str) -> None:
    cutoff = detector.settings["response_cutoff_keV"]["nr"]
    for index, mass in enumerate(study.masses_GeV):
        largest = max_recoil_energy_keV(mass, study.halo)
        if largest <= cutoff:
            raise ConfigError(
                f"{origin}: masses_GeV[{index}]: found {mass}; its largest recoil energy "
                f"{largest:.3g} keV lies below response_cutoff_keV.nr = {cutoff} keV of "
                f"{detector.name}: the rate is zero"
            )


def max_recoil_energy_keV(mass_GeV: float, halo: str) -> float:
    """Largest recoil energy (keV) of a WIMP of a mass (GeV/c²) on xenon.

    2 μ² v²/m_N at the escape velocity plus the Earth's mean speed: the local standard of rest,
    the Sun's peculiar velocity (11.1, 12.2, 7.3) km/s and an orbital speed of 29.8 km/s
    (EPJC 81 (2021) 907).

    Examples
    --------
    >>> round(max_recoil_energy_keV(7, "xenon2017"), 1)
    4.8
    """
    v0, v_esc = HALOS[halo]["v0_km_s"], HALOS[halo]["v_esc_km_s"]
    earth = (11.1**2 + (v0 + 12.2) ** 2 + 7.3**2 + 29.8**2) ** 0.5
    nucleus_GeV = 131.293 * 0.93149410
    reduced = mass_GeV * nucleus_GeV / (mass_GeV + nucleus_GeV)
    return float(2e6 * reduced**2 / nucleus_GeV * ((v_esc + earth) / 299792.458) ** 2)


def spectrum_slice(study: Study, name: str) -> dict[str, Any]:
    """Give the configuration that a spectrum depends on."""
    if signal := study.signal(name):
        return {"interaction": signal[0], "mass_GeV": signal[1], "halo": dict(HALOS[study.halo])}
    settings = dict(study.spectra()[name])
    if "path" in settings:
        settings["content"] = digest(Path(settings["path"]).read_text(encoding="utf-8"))
    return settings


def response_slice(study: Study, detector: str, recoil: Recoil, anchor: str) -> dict[str, Any]:
    """Give the configuration that a response depends on."""
    return {
        "name": detector,
        "seed": study.seed,
        "detector": study.detectors[detector].response_settings(recoil),
        "recoil": recoil,
        "shape_values": study.anchors(recoil)[anchor],
        "low_energy": {shape.name: shape.low_energy for shape in study.shapes_of(recoil)},
        "events_per_energy_bin": study.events_per_energy_bin,
        "energy_bin_width_log": study.energy_bin_width_log,
    }


def template_slice(study: Study, detector: str, source: str) -> dict[str, Any]:
    """Give the configuration that a template depends on."""
    recoil = study.recoil(detector, source)
    found = study.detectors[detector]
    return {
        "spectrum": spectrum_slice(study, study.spectrum_name(detector, source)),
        "response": {
            anchor: digest(response_slice(study, detector, recoil, anchor))
            for anchor in study.anchors(recoil)
        },
        "exposure_kg_day": found.exposure_kg_day,
        "rate": study.reference_cross_section_cm2
        if study.signal(source)
        else found.source(source).rate_multiplier,
    }


def toys_slice(study: Study, detector: str) -> dict[str, Any]:
    """Give the configuration that the background datasets depend on (not how many they are)."""
    return {
        "name": detector,
        "seed": study.seed,
        # A list: sources draw their random numbers one after another.
        "templates": [
            [source.name, digest(template_slice(study, detector, source.name))]
            for source in study.detectors[detector].sources
        ],
        "shapes": {shape.name: list(shape.anchors) for shape in study.shapes},
        "constraint_centres": study.constraint_centres,
    }


def limits_slice(study: Study, detector: str, interaction: str, mass_GeV: float) -> dict[str, Any]:
    """Give the configuration that a mass's limits depend on (not how many they are)."""
    return {
        "toys": digest(toys_slice(study, detector)),
        "signal": digest(template_slice(study, detector, paths.wimp_source(interaction, mass_GeV))),
        "free": [source.name for source in study.detectors[detector].sources if source.free],
        "confidence_level": study.confidence_level,
        "intervals": [
            {"name": i.name, "fixed": dict(i.fixed), "profiled": list(i.profiled)}
            for i in study.intervals
        ],
        "reference_cross_section_cm2": study.reference_cross_section_cm2,
        "search_bound_rate_multiplier": study.search_bound_rate_multiplier,
    }


def summary_slice(study: Study) -> dict[str, Any]:
    """Give the configuration that the summary depends on."""
    return {
        "trials": study.trials,
        "limits": {
            f"{detector}/{interaction}/{paths.number(mass)}": digest(
                limits_slice(study, detector, interaction, mass)
            )
            for detector in study.detectors
            for interaction in study.interactions
            for mass in study.masses_GeV
        },
    }


def _merge(base: Any, overlay: Any) -> Any:
    if not (isinstance(base, Mapping) and isinstance(overlay, Mapping)):
        return overlay
    return {
        **base,
        **{key: _merge(base.get(key), value) for key, value in overlay.items()},
    }
