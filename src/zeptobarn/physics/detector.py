"""A detector file, checked: the detector's numbers, its analysis space and its backgrounds."""

import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from zeptobarn.physics.apparatus import LIGHT_YIELDS, Apparatus, LightYield, Recoil
from zeptobarn.physics.consistency import check_detector
from zeptobarn.physics.conventions import in_photons
from zeptobarn.physics.detector_layers import Layers, read_layers
from zeptobarn.physics.efficiency import Efficiency, read_efficiencies
from zeptobarn.physics.expectation import Rate, expectation
from zeptobarn.physics.histogram_files import read_histogram
from zeptobarn.support.config import ConfigError, find_input, validate
from zeptobarn.support.inputs import check_columns, numbers, read_table, refuse_rows
from zeptobarn.support.paths import number
from zeptobarn.support.shipped import names_of_detectors, shipped

# Recoils of conventional sampling, where a source does not say; those of most sources of the study
# that this one began with.
_N_EVENTS = 5_000_000


@dataclass(frozen=True)
class AnalysisSpace:
    """The rectangle of events used, and its bins: linear in cS1, logarithmic in cS2."""

    cs1_edges: NDArray[np.float64]
    cs2_edges: NDArray[np.float64]

    @property
    def shape(self) -> tuple[int, int]:
        """Number of bins in cS1 and cS2."""
        return len(self.cs1_edges) - 1, len(self.cs2_edges) - 1


@dataclass(frozen=True)
class Source:
    """A background: where its template comes from, and how the fit treats its rate.

    Attributes
    ----------
    recoil, spectrum
        Recoil type and recoil spectrum; None for a template from a formula or a file.
    formula
        See `zeptobarn.physics.formulas`; None for a template from a spectrum or a file.
    template
        Of a template from a file its ``path``, ``exposure_kg_day`` if that is given, and the names
        of the ``shapes`` that it depends on, see `zeptobarn.physics.histogram_files`; of a file
        that holds several, ``histogram`` chooses one.
    n_events
        Recoils of conventional sampling (`zeptobarn.templates.sampling.sample`); a formula has
        none.
    rate, rate_width, rate_range, nominal_rate, expected_events, shared
        See `zeptobarn.physics.expectation.Expectation`.
    yields, charge_ratio
        Yield model in place of the detector's, and factor on the mean electrons, which keeps all
        quanta; None where the source is like any other of its recoil type.
    """

    name: str
    label: str
    colour: str
    recoil: Recoil | None
    rate: Rate
    rate_width: float
    rate_multiplier: float
    n_events: int
    spectrum: Mapping[str, Any] | None
    formula: Mapping[str, Any] | None
    rate_range: tuple[float, float] | None = None
    nominal_rate: float = 1.0
    expected_events: float | None = None
    shared: bool = False
    template: Mapping[str, Any] | None = None
    yields: str | None = None
    charge_ratio: float | None = None

    @property
    def free(self) -> bool:
        """Whether the fit varies the rate."""
        return self.rate != "fixed"


@dataclass(frozen=True)
class WimpStyle:
    """How the WIMP is named, drawn and, in conventional sampling, simulated."""

    label: str
    colour: str = "#D55E00"
    n_events: int = _N_EVENTS


@dataclass(frozen=True)
class Detector:
    """A detector: its exposure, its numbers, the events that it uses and what makes them.

    Attributes
    ----------
    s2_array
        The photosensors whose light cS2 is. It tells columns of observed events apart, and changes
        no number.
    """

    name: str
    title: str
    colour: str
    livetime_day: float
    fiducial_mass_kg: float
    space: AnalysisSpace = field(repr=False)
    sources: tuple[Source, ...] = field(repr=False)
    signal: WimpStyle = field(repr=False)
    apparatus: Apparatus = field(repr=False)
    s2_array: Literal["all", "bottom"] = "all"
    efficiencies: tuple[Efficiency, ...] = field(default=(), repr=False)

    @property
    def exposure_kg_day(self) -> float:
        """Livetime times fiducial mass (kg day)."""
        return self.livetime_day * self.fiducial_mass_kg

    @property
    def area_unit(self) -> str:
        """Unit of cS1 and cS2: ``PE`` or ``phd``."""
        return self.apparatus.area_unit

    def response(self, source: Source) -> str | None:
        """Name the response that a source is folded with; None for a template from a formula.

        That of its recoil type, unless the source has yields of its own. A source with a charge
        ratio shares its response with no other, since a shape parameter may be its alone.
        """
        if source.recoil is None:
            return None
        yields = source.yields
        if yields == self.apparatus.yields[source.recoil]:
            yields = None
        ratio = None
        if source.charge_ratio is not None:
            ratio = f"charge_{number(source.charge_ratio)}_{source.name}"
        return "_".join(filter(None, (source.recoil, yields, ratio)))

    @cached_property
    def apparatuses(self) -> Mapping[str, Apparatus]:
        """The numbers that each response is made with, by its name."""
        numbers: dict[str, Apparatus] = {"nr": self.apparatus, "er": self.apparatus}
        for source in self.sources:
            name = self.response(source)
            if name is None or name in numbers or source.recoil is None:
                continue
            model = source.yields or self.apparatus.yields[source.recoil]
            numbers[name] = replace(
                self.apparatus,
                yields={**self.apparatus.yields, source.recoil: model},
                charge_ratio=1.0 if source.charge_ratio is None else source.charge_ratio,
            )
        return numbers

    @property
    def settings(self) -> dict[str, Any]:
        """Numbers of the apparatus by name; deprecated, see `apparatus`."""
        warnings.warn(
            "Detector.settings goes with the next version: use Detector.apparatus",
            FutureWarning,
            stacklevel=2,
        )
        return dict(self.apparatus.by_name)

    def source(self, name: str) -> Source:
        """Give a background by name."""
        return next(source for source in self.sources if source.name == name)


def load_detector(path: str | Path) -> Detector:
    """Read and check a detector file.

    Parameters
    ----------
    path
        A file, whose name is the detector's; or the name of a shipped detector, such as ``"lz"``.
        Spectra and maps that it names are relative to it, to the folder that holds its
        ``config/detectors``, or shipped.

    Returns
    -------
    The detector, without the sources whose rate multiplier is 0.

    Raises
    ------
    ConfigError
        Something in the file is missing, unknown, out of range or contradictory.
    """
    path = _file(path)
    layers = read_layers(path)
    validate(layers.settings, "detector", str(path), place=layers.place)
    try:
        return _detector(path, layers)
    except ConfigError as error:
        raise layers.placed(error, str(path)) from None


def _detector(path: Path, layers: Layers) -> Detector:
    """Make a detector of what its file and its bases say."""
    settings = in_photons(layers.settings, str(path))
    apparatus = _apparatus(settings, layers, str(path))
    check_detector(settings, apparatus, str(path))
    axes = settings["analysis_space"]
    sources = []
    for i, source in enumerate(settings["sources"]):
        kind = "template" if "template" in source else "spectrum"
        folders = layers.folders(["sources", i, kind, "path"])
        try:
            sources.append(_source(source, folders, settings))
        except ConfigError as error:
            raise ConfigError(f"{path}: {error}") from None
    return Detector(
        name=path.stem,
        title=settings["title"],
        colour=settings["colour"],
        livetime_day=settings["livetime_day"],
        fiducial_mass_kg=settings["fiducial_mass_kg"],
        space=AnalysisSpace(
            np.linspace(axes["cs1"]["low"], axes["cs1"]["high"], axes["cs1"]["bins"] + 1),
            np.geomspace(axes["cs2"]["low"], axes["cs2"]["high"], axes["cs2"]["bins"] + 1),
        ),
        sources=tuple(source for source in sources if source.rate_multiplier > 0),
        signal=WimpStyle(**settings["signal"]),
        apparatus=apparatus,
        s2_array=settings.get("s2_array", "all"),
        efficiencies=_efficiencies(settings, layers, apparatus, str(path)),
    )


def _efficiencies(
    settings: Mapping[str, Any], layers: Layers, apparatus: Apparatus, origin: str
) -> tuple[Efficiency, ...]:
    axes = settings["analysis_space"]
    ends = {name: (axis["low"], axis["high"]) for name, axis in axes.items()}
    try:
        return read_efficiencies(settings.get("efficiencies", {}), layers.folders, apparatus, ends)
    except ConfigError as error:
        raise ConfigError(f"{origin}: {error}") from None


def _file(path: str | Path) -> Path:
    """Give the file of a shipped detector's name, or the path itself."""
    known = names_of_detectors()
    if str(path) in known:
        return shipped() / f"config/detectors/{path}.yaml"
    if not Path(path).suffix:
        raise ConfigError(
            f"detector: found {str(path)!r}; allowed: a file, or one of {', '.join(known)}"
        )
    return Path(path)


def _apparatus(settings: Mapping[str, Any], layers: Layers, origin: str) -> Apparatus:
    """Take the numbers of an apparatus from a detector file, and read the maps that it names."""
    values: dict[str, Any] = {
        each.name: _frozen(settings[each.name])
        for each in fields(Apparatus)
        if each.name in settings
    }
    constants = dict(values["yields"])
    values["yields"] = {recoil: constants.pop(recoil) for recoil in ("nr", "er")}
    values["yield_constants"] = constants
    for key in LIGHT_YIELDS:
        if key not in settings:
            continue
        light_yield = settings[key]
        if "map" in light_yield:
            try:
                folders = layers.folders([key, "map"])
                light_yield = _read_map(find_input(light_yield["map"], folders))
            except ConfigError as error:
                raise ConfigError(f"{origin}: {key}: {error}") from None
        values[key] = LightYield(**{name: _frozen(value) for name, value in light_yield.items()})
    return Apparatus(**values)


def _frozen(value: Any) -> Any:
    """Make tuples of lists."""
    if isinstance(value, Mapping):
        return {key: _frozen(one) for key, one in value.items()}
    return tuple(map(_frozen, value)) if isinstance(value, list) else value


def _read_map(path: Path) -> dict[str, Any]:
    """Read a map of a relative light yield: a rectangular grid in radius and z.

    Raises
    ------
    ConfigError
        A column is missing, a value is no finite number, a radius or a yield is negative, or a
        point of the grid is missing.
    """
    columns = ["radius_cm", "z_cm", "relative_yield"]
    table = read_table(path)
    check_columns(table, columns, str(path), others=False)
    grid = numbers(table, columns, str(path))
    negative = (grid[["radius_cm", "relative_yield"]].min(axis=1) < 0).to_numpy()
    refuse_rows(grid, negative, str(path), "radii and yields of at least 0")
    refuse_rows(grid, grid.duplicated(columns[:2]).to_numpy(), str(path), "each point once")
    wide = grid.pivot(index="radius_cm", columns="z_cm", values="relative_yield")
    if wide.isna().to_numpy().any() or min(wide.shape) < 2:
        raise ConfigError(
            f"{path}: found {len(grid)} points of {wide.shape[0]} radii × {wide.shape[1]} z; "
            "allowed: every combination, and at least two of each"
        )
    return {
        "map": path.name,
        "radius_cm": wide.index.tolist(),
        "z_cm": wide.columns.tolist(),
        "relative_yield": wide.to_numpy().tolist(),
    }


def _template(
    settings: Mapping[str, Any], folders: Iterable[Path], detector: Mapping[str, Any], place: str
) -> dict[str, Any]:
    """Find and check the file of a template for a detector with some settings."""
    try:
        path = find_input(settings["path"], folders)
        histogram = read_histogram(path, settings.get("histogram"))
    except ConfigError as error:
        raise ConfigError(f"{place}: template: {error}") from None
    for key, what, found, own in (
        ("area_unit", "areas in", histogram.area_unit, detector["area_unit"]),
        ("s2_array", "cS2 of the array", histogram.s2_array, detector.get("s2_array", "all")),
    ):
        if found not in ("", own):
            raise ConfigError(
                f"{place}: template: {path}: found {what} {found}; allowed: {key}, {own}"
            )
    return {**settings, "path": str(path), "shapes": list(histogram.shapes)}


def _source(
    settings: Mapping[str, Any], folders: Iterable[Path], detector: Mapping[str, Any]
) -> Source:
    """Make a source; the folders are those that a file of it may be relative to."""
    spectrum, template = settings.get("spectrum"), settings.get("template")
    place = f"source {settings['name']}"
    if spectrum is not None and "path" in spectrum:
        try:
            spectrum = {**spectrum, "path": str(find_input(spectrum["path"], folders))}
        except ConfigError as error:
            raise ConfigError(f"{place}: {error}") from None
    return Source(
        name=settings["name"],
        label=settings["label"],
        colour=settings["colour"],
        recoil=settings.get("recoil"),
        rate_multiplier=settings.get("rate_multiplier", 1),
        n_events=settings.get("n_events", _N_EVENTS),
        spectrum=spectrum,
        formula=settings.get("formula"),
        template=None if template is None else _template(template, folders, detector, place),
        **expectation(settings, place)._asdict(),
        yields=settings.get("yields"),
        charge_ratio=settings.get("charge_ratio"),
    )
