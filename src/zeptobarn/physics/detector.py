"""A detector file, checked: the detector's numbers, its analysis space and its backgrounds."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from math import pi
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from zeptobarn.support.config import ConfigError, find_input, read_yaml, validate
from zeptobarn.support.shipped import names_of_detectors, shipped
from zeptobarn.support.tables import numbers, read_table, refuse_rows

Recoil = Literal["nr", "er"]
Rate = Literal["free", "fixed", "normal", "log_normal"]

# Of the keys that a detector file may leave out.
_DEFAULTS: Mapping[str, Any] = {
    "apply_bias": False,
    "electron_lifetime_spread": 0.0,
    "er_recombination_width": 1.0,
    "liquid_density_g_per_cm3": 2.9,
    "s2_fano": 1.0,
    "s2_relative_light_yield": {
        "radius_squared_scale_cm2": 1.0,
        "depth_scale_cm": 1.0,
        "coefficients": [[1.0]],
    },
}

# Recoils of conventional sampling, where a source does not say; those of most sources of the study
# that this one began with.
_N_EVENTS = 5_000_000

_LIGHT_YIELDS = ("s1_relative_light_yield", "s2_relative_light_yield")


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
        Recoil type and recoil spectrum; None for a template from a formula.
    formula
        See `zeptobarn.physics.formulas`; None for a template from a spectrum.
    n_events
        Recoils of conventional sampling (`zeptobarn.templates.templates.sample`); a formula has
        none.
    rate
        ``fixed`` at its expectation, ``free``, or free with a constraint, ``normal`` or
        ``log_normal``.
    rate_width
        Width of the constraint, relative to the expectation (normal) or of the rate's natural
        logarithm (log-normal).
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

    @property
    def free(self) -> bool:
        """Whether the fit varies the rate."""
        return self.rate != "fixed"


@dataclass(frozen=True)
class Signal:
    """How the WIMP is named, drawn and, in conventional sampling, simulated."""

    label: str
    colour: str = "#D55E00"
    n_events: int = _N_EVENTS


@dataclass(frozen=True)
class Detector:
    """A detector. Units stand in the names; `settings` holds the
    file with defaults put in and maps read."""

    name: str
    title: str
    colour: str
    livetime_day: float
    fiducial_mass_kg: float
    space: AnalysisSpace = field(repr=False)
    sources: tuple[Source, ...] = field(repr=False)
    signal: Signal = field(repr=False)
    settings: Mapping[str, Any] = field(repr=False)

    @property
    def exposure_kg_day(self) -> float:
        """Livetime times fiducial mass (kg day)."""
        return self.livetime_day * self.fiducial_mass_kg

    @property
    def cylinder_mass_kg(self) -> float:
        """Liquid xenon in the fiducial cylinder (kg), π r² h ρ: about the fiducial mass."""
        return _cylinder_mass_kg(self.settings)

    @property
    def area_unit(self) -> str:
        """Unit of cS1 and cS2: ``PE`` or ``phd``."""
        return str(self.settings["area_unit"])

    def source(self, name: str) -> Source:
        """Give a background by name."""
        return next(source for source in self.sources if source.name == name)

    def response_settings(self, recoil: Recoil) -> dict[str, Any]:
        """Everything in the detector file that a recoil type's response depends on."""
        not_response = {"title", "colour", "livetime_day", "fiducial_mass_kg", "signal", "sources"}
        by_recoil = {"yields", "response_cutoff_keV", "response_max_keV"}
        kept = {key: value for key, value in self.settings.items() if key not in not_response}
        return {key: value[recoil] if key in by_recoil else value for key, value in kept.items()}


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
    settings = read_yaml(path)
    validate(settings, "detector", str(path))
    settings = {**_DEFAULTS, **settings}
    folders = [path.parent, *list(path.resolve().parents)[2:3]]
    for key in _LIGHT_YIELDS:
        if "map" in settings[key]:
            try:
                settings[key] = _read_map(find_input(settings[key]["map"], folders))
            except ConfigError as error:
                raise ConfigError(f"{path}: {key}: {error}") from None
    _check(settings, str(path))
    axes = settings["analysis_space"]
    try:
        sources = [_source(source, folders) for source in settings["sources"]]
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
        signal=Signal(**settings["signal"]),
        settings=settings,
    )


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


def _read_map(path: Path) -> dict[str, Any]:
    """Read a map of a relative light yield: a rectangular grid in radius and z.

    Raises
    ------
    ConfigError
        A column is missing, a value is no finite number, or a point of the grid is missing.
    """
    columns = ["radius_cm", "z_cm", "relative_yield"]
    table = read_table(path)
    if sorted(table.columns) != sorted(columns):
        raise ConfigError(
            f"{path}: found columns {', '.join(map(str, table.columns))}; "
            f"allowed: {', '.join(columns)}"
        )
    grid = numbers(table, columns, str(path))
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


def _source(settings: Mapping[str, Any], folders: Iterable[Path]) -> Source:
    """Make a source; the folders are those that a file of it may be relative to."""
    rate, spectrum = settings["rate"], settings.get("spectrum")
    if spectrum is not None and "path" in spectrum:
        try:
            spectrum = {**spectrum, "path": str(find_input(spectrum["path"], folders))}
        except ConfigError as error:
            raise ConfigError(f"source {settings['name']}: {error}") from None
    constraint = rate if isinstance(rate, Mapping) else {"constraint": rate, "width": 0.0}
    return Source(
        name=settings["name"],
        label=settings["label"],
        colour=settings["colour"],
        recoil=settings.get("recoil"),
        rate=constraint["constraint"],
        rate_width=constraint["width"],
        rate_multiplier=settings.get("rate_multiplier", 1),
        n_events=settings.get("n_events", _N_EVENTS),
        spectrum=spectrum,
        formula=settings.get("formula"),
    )


def _cylinder_mass_kg(settings: Mapping[str, Any]) -> float:
    bottom, top = settings["fiducial_z_cm"]
    volume = pi * settings["fiducial_radius_cm"] ** 2 * (top - bottom)
    return float(1e-3 * settings["liquid_density_g_per_cm3"] * volume)


def _check(settings: Mapping[str, Any], origin: str) -> None:
    """What a schema cannot say."""
    bottom, top = settings["fiducial_z_cm"]
    if bottom >= top:
        raise ConfigError(
            f"{origin}: fiducial_z_cm: found [{bottom}, {top}]; allowed: the bottom below the top"
        )
    mass = _cylinder_mass_kg(settings)
    if not 0.5 < mass / settings["fiducial_mass_kg"] < 2:
        raise ConfigError(
            f"{origin}: fiducial_mass_kg: found {settings['fiducial_mass_kg']}; the fiducial "
            f"cylinder holds about {mass:.0f} kg of liquid xenon"
        )
    for axis, limits in settings["analysis_space"].items():
        if limits["low"] >= limits["high"]:
            raise ConfigError(
                f"{origin}: analysis_space.{axis}: found low {limits['low']}, high "
                f"{limits['high']}; allowed: low < high"
            )
    for recoil in ("nr", "er"):
        low, high = settings["response_cutoff_keV"][recoil], settings["response_max_keV"][recoil]
        if low >= high:
            raise ConfigError(
                f"{origin}: response_max_keV.{recoil}: found {high}; allowed: > "
                f"response_cutoff_keV.{recoil} = {low}"
            )
    if settings["apply_bias"] and not ("s1_bias" in settings and "s2_bias" in settings):
        raise ConfigError(f"{origin}: apply_bias: true needs s1_bias and s2_bias")
    for key in ("s1_bias", "s2_bias"):
        if np.any(np.diff([row[0] for row in settings.get(key, [[1], [2]])]) <= 0):
            raise ConfigError(f"{origin}: {key}: sizes must increase from row to row")
    for key in _LIGHT_YIELDS:
        _check_light_yield(settings, key, f"{origin}: {key}")
    names = [source["name"] for source in settings["sources"]]
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise ConfigError(f"{origin}: sources: name {repeated[0]!r} is used twice")
    if not any(source.get("rate_multiplier", 1) > 0 for source in settings["sources"]):
        raise ConfigError(f"{origin}: sources: found no rate_multiplier above 0; needed: one")
    for index, source in enumerate(settings["sources"]):
        place = f"{origin}: sources[{index}]"
        if "formula" in source:
            _check_formula(source, place)
        else:
            _check_spectrum(source["spectrum"], f"{place}.spectrum")


def _check_formula(source: Mapping[str, Any], place: str) -> None:
    if wrong := [name for name in ("recoil", "spectrum", "n_events") if name in source]:
        raise ConfigError(
            f"{place}: found {wrong[0]} beside formula; allowed: a formula, or recoil, spectrum "
            "and n_events"
        )
    for axis in ("cs1", "cs2"):
        points = source["formula"][axis].get("points", [])
        if any(one[0] >= other[0] for one, other in pairwise(points)):
            raise ConfigError(f"{place}.formula.{axis}.points: areas must increase")


def _check_spectrum(spectrum: Mapping[str, Any], place: str) -> None:
    low, high = spectrum.get("range_keV", (0, 1))
    if low >= high:
        raise ConfigError(f"{place}.range_keV: found [{low}, {high}]; allowed: low < high")
    if spectrum["kind"] != "exponentials":
        return
    if len(spectrum["scales_keV"]) != len(spectrum["amplitudes_per_kg_day_keV"]):
        raise ConfigError(f"{place}: as many scales_keV as amplitudes_per_kg_day_keV needed")
    if low <= 0:
        raise ConfigError(f"{place}.range_keV: found [{low}, {high}]; allowed: above 0")
    first, last = spectrum.get("normalisation", spectrum)["range_keV"]
    if not low <= first < last <= high:
        raise ConfigError(
            f"{place}.normalisation.range_keV: found [{first}, {last}]; allowed: low < high, "
            f"inside [{low}, {high}]"
        )


def relative_light_yield(
    light_yield: Mapping[str, Any],
    radius_squared_cm2: NDArray[np.float64],
    z_cm: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Light yield relative to the detector's mean, at positions (cm², cm) that broadcast.

    Parameters
    ----------
    light_yield
        ``s1_relative_light_yield`` or ``s2_relative_light_yield`` of a detector's settings: a
        polynomial in u = r²/radius_squared_scale and w = −z/depth_scale, or a map, linear in r and
        z between its points.
    """
    r2, z = np.broadcast_arrays(np.asarray(radius_squared_cm2, float), np.asarray(z_cm, float))
    if "relative_yield" in light_yield:
        from scipy.interpolate import RegularGridInterpolator

        points = np.array(light_yield["radius_cm"]), np.array(light_yield["z_cm"])
        found = RegularGridInterpolator(points, np.array(light_yield["relative_yield"]))
        return np.asarray(found(np.stack([np.sqrt(r2), z], axis=-1)))
    u = r2 / light_yield["radius_squared_scale_cm2"]
    w = -z / light_yield["depth_scale_cm"]
    coefficients = np.array(light_yield["coefficients"], dtype=float)
    return np.asarray(np.polynomial.polynomial.polyval2d(u, w, coefficients))


def position_grid(
    settings: Mapping[str, Any], light_yield: Mapping[str, Any]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Positions in the fiducial volume among which a light yield's extremes are.

    A map is largest and smallest at its own points, or at the volume's rim.

    Returns
    -------
    r² (cm²) in a row, z (cm) in a column.
    """
    (bottom, top), radius = settings["fiducial_z_cm"], settings["fiducial_radius_cm"]
    r = np.append(np.linspace(0, radius, 51), light_yield.get("radius_cm", []))
    z = np.append(np.linspace(bottom, top, 51), light_yield.get("z_cm", []))
    return r[r <= radius] ** 2, z[(z >= bottom) & (z <= top), np.newaxis]


def _check_light_yield(settings: Mapping[str, Any], key: str, place: str) -> None:
    bottom, top = settings["fiducial_z_cm"]
    radius = settings["fiducial_radius_cm"]
    light_yield = settings[key]
    if len({len(row) for row in light_yield.get("coefficients", [])}) > 1:
        raise ConfigError(f"{place}.coefficients: rows of different length")
    if "map" in light_yield:
        place += f": {light_yield['map']}"
        for name, low, high in (("radius_cm", 0, radius), ("z_cm", bottom, top)):
            first, last = light_yield[name][0], light_yield[name][-1]
            if not first <= low < high <= last:
                raise ConfigError(
                    f"{place}: {name} reaches from {first:g} to {last:g}; "
                    f"needed: the fiducial volume, {low:g} to {high:g} (nothing is extrapolated)"
                )
    found = relative_light_yield(light_yield, *position_grid(settings, light_yield))
    largest = 1 / settings["g1"] if key.startswith("s1") else np.inf
    if not (np.all(found > 0) and np.all(found <= largest)):
        allowed = "> 0" + (f" and ≤ 1/g1 = {largest:.3g}" if np.isfinite(largest) else "")
        raise ConfigError(
            f"{place}: found {found.min():.3g} to {found.max():.3g} in the fiducial volume; "
            f"allowed: {allowed}"
        )
