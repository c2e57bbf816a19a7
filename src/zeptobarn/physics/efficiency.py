"""Efficiencies of a detector file: against the recoil energy, the areas or the photons detected.

Each is a curve from a table, linear between its points and never extrapolated. A curve below and
one above it make its uncertainty: one standard deviation of a shape parameter.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from zeptobarn.physics.apparatus import Apparatus, Recoil
from zeptobarn.support.config import ConfigError, find_input
from zeptobarn.support.inputs import check_columns, numbers, read_table, refuse_rows

Floats = NDArray[np.float64]

# What a curve may be against: columns of its table. Energies are true recoil energies.
ENERGY, CS1, CS2, PHOTONS = "recoil_energy_keV", "cs1", "cs2", "detected_photons"
_BAND = ("efficiency_low", "efficiency_high")
# Parts of a bin of the analysis space, over which an efficiency is averaged.
_PARTS = 32


@dataclass(frozen=True)
class Efficiency:
    """A curve, and what it applies to.

    Attributes
    ----------
    against
        What it is a function of: a name of the table's first column.
    recoil
        Recoil type; None: both.
    at
        Points, increasing.
    values, low, high
        Efficiency at the points, and at one standard deviation below and above; the latter two
        are empty where the table has no such columns.
    """

    name: str
    against: str
    recoil: Recoil | None
    at: tuple[float, ...]
    values: tuple[float, ...]
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()

    def applies(self, recoil: Recoil | None) -> bool:
        """Whether it applies to a recoil type; never to what is no recoil (None)."""
        return recoil is not None and self.recoil in (None, recoil)

    def pulled(self, pull: float) -> Floats:
        """Give the efficiency at the points for a pull, in standard deviations, shape of `at`.

        As far above the curve as the upper one is for each standard deviation, below likewise, and
        never outside 0 … 1.
        """
        values = np.array(self.values)
        if pull == 0:
            return values
        other = np.array(self.high if pull > 0 else self.low)
        return np.asarray(np.clip(values + abs(pull) * (other - values), 0.0, 1.0))

    def curve(self, pull: float = 0.0) -> Callable[[ArrayLike], Floats]:
        """Give the efficiency as a function."""
        values = self.pulled(pull)
        return lambda x: np.asarray(np.interp(np.asarray(x, dtype=float), self.at, values))


def product(efficiencies: Sequence[Callable[[ArrayLike], Floats]]) -> Callable[[ArrayLike], Floats]:
    """Give the product of functions; 1 of none."""

    def all_of(x: ArrayLike) -> Floats:
        result = np.ones(np.shape(x))
        for one in efficiencies:
            result = result * one(x)
        return result

    return all_of


def over_bins(
    efficiency: Callable[[ArrayLike], Floats], edges: Floats, logarithmic: bool
) -> Floats:
    """Average an efficiency over bins of an axis, evenly in the area or in its logarithm.

    Examples
    --------
    >>> over_bins(lambda x: np.asarray(x) / 4, np.array([0.0, 2.0, 4.0]), False)
    array([0.25, 0.75])
    """
    ends = np.log(edges) if logarithmic else edges
    shares = (np.arange(_PARTS) + 0.5) / _PARTS
    x = ends[:-1, np.newaxis] + np.diff(ends)[:, np.newaxis] * shares
    return np.asarray(efficiency(np.exp(x) if logarithmic else x).mean(axis=1))


def with_photon_efficiency(
    apparatus: Apparatus,
    recoil: Recoil,
    efficiencies: Sequence[Efficiency],
    pulls: Mapping[str, float],
) -> Apparatus:
    """Multiply the S1's efficiency against photons with the detector's curves against them.

    Parameters
    ----------
    pulls
        Values of the efficiencies' shape parameters (standard deviations) by the efficiency's
        name; 0 for the others.
    """
    mine = [e for e in efficiencies if e.against == PHOTONS and e.applies(recoil)]
    if not mine:
        return apparatus
    most = max(len(apparatus.s1_peak_efficiency) - 1, *(ceil(e.at[-1]) for e in mine))
    photons = np.arange(most + 1)
    peak = np.array(apparatus.s1_peak_efficiency, dtype=float)
    seen = peak[np.minimum(photons, len(peak) - 1)]
    seen *= product([e.curve(pulls.get(e.name, 0.0)) for e in mine])(photons)
    return replace(apparatus, s1_peak_efficiency=tuple(map(float, seen)))


def read_efficiencies(
    settings: Mapping[str, Mapping[str, Any]],
    folders: Callable[[Sequence[str | int]], list[Path]],
    apparatus: Apparatus,
    space: Mapping[str, tuple[float, float]],
) -> tuple[Efficiency, ...]:
    """Read the efficiencies of a detector file.

    Parameters
    ----------
    settings
        By name: ``against``, ``path`` and perhaps ``recoil``.
    folders
        Gives the folders that the file named at a path into the detector file may be relative to.
    space
        Ends of the analysis space by axis.

    Raises
    ------
    ConfigError
        A table is wrong (see `read_efficiency`), or does not reach as far as it is needed.
    """
    efficiencies = []
    for name, given in settings.items():
        place = f"efficiencies.{name}"
        try:
            file = find_input(given["path"], folders(["efficiencies", name, "path"]))
            efficiency = read_efficiency(name, given["against"], given.get("recoil"), file)
        except ConfigError as error:
            raise ConfigError(f"{place}: {error}") from None
        _check_reach(efficiency, apparatus, space, f"{place}: {file}")
        efficiencies.append(efficiency)
    return tuple(efficiencies)


def read_efficiency(name: str, against: str, recoil: Recoil | None, file: Path) -> Efficiency:
    """Read a curve from a CSV or Parquet table.

    Its columns are what the efficiency is against, ``efficiency``, and perhaps ``efficiency_low``
    and ``efficiency_high``.

    Raises
    ------
    ConfigError
        A column is missing or unknown, a value is no number, points do not increase, or an
        efficiency lies outside 0 … 1 or outside its band; the message names the row.
    """
    table = read_table(file)
    columns = [against, "efficiency", *(_BAND if set(_BAND) & set(table.columns) else ())]
    check_columns(table, columns, str(file), others=False)
    values = numbers(table, columns, str(file))
    if len(values) < 2:
        raise ConfigError(f"{file}: found {len(values)} rows; allowed: at least 2")
    at, *curves = values.to_numpy().T
    falling = np.asarray(np.diff(at, prepend=-1e-300) <= 0)
    refuse_rows(values, falling, str(file), f"{against} of at least 0, increasing")
    outside = np.any([(curve < 0) | (curve > 1) for curve in curves], axis=0)
    refuse_rows(values, outside, str(file), "efficiencies from 0 to 1 (not in per cent)")
    if len(curves) == 3:
        central, low, high = curves
        refuse_rows(
            values,
            (low > central) | (high < central),
            str(file),
            "a low and a high curve beside it",
        )
    return Efficiency(name, against, recoil, tuple(at), *(tuple(curve) for curve in curves))


def _check_reach(
    efficiency: Efficiency,
    apparatus: Apparatus,
    space: Mapping[str, tuple[float, float]],
    place: str,
) -> None:
    """Nothing is extrapolated, but the last efficiency holds for more photons than there stand."""
    first, last = efficiency.at[0], efficiency.at[-1]
    if efficiency.against == PHOTONS:
        low, high, why = float(apparatus.s1_coincidence), last, "s1_coincidence"
    elif efficiency.against == ENERGY:
        recoils = [r for r in apparatus.response_cutoff_keV if efficiency.applies(r)]
        low = min(apparatus.response_cutoff_keV[recoil] for recoil in recoils)
        high = max(apparatus.response_max_keV[recoil] for recoil in recoils)
        why = f"the response, {low:g} to {high:g} keV"
    else:
        low, high = space[efficiency.against]
        why = f"the analysis space, {low:g} to {high:g} {apparatus.area_unit}"
    if first > low or last < high:
        raise ConfigError(
            f"{place}: {efficiency.against} reaches from {first:g} to {last:g}; needed: {why} "
            "(nothing is extrapolated)"
        )
