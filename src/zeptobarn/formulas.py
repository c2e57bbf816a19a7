"""Templates of backgrounds that are not recoils, from formulas in a detector file."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zeptobarn.detector import AnalysisSpace

Floats = NDArray[np.float64]

_NODES = 16


def shares(formula: Mapping[str, Any], space: AnalysisSpace) -> Floats:
    """Share of a background's events in each bin of the analysis space.

    Parameters
    ----------
    formula
        A density along ``cs1`` and one along ``cs2`` (the detector's area unit), independent of
        each other; the detector file's schema describes their kinds.
    space
        The densities are integrated over its bins.

    Returns
    -------
    Shares that sum to 1, shape (cS1 bins × cS2 bins,).

    Raises
    ------
    ValueError
        A density is zero in the whole analysis space, or not a finite number somewhere.

    Examples
    --------
    >>> space = AnalysisSpace(np.array([1.0, 2.0, 4.0]), np.array([1.0, 10.0, 100.0]))
    >>> shares({"cs1": {"kind": "flat"}, "cs2": {"kind": "flat_log"}}, space).round(3)
    array([0.167, 0.167, 0.333, 0.333])
    """
    along = [
        _along(formula[name], edges)
        for name, edges in (("cs1", space.cs1_edges), ("cs2", space.cs2_edges))
    ]
    return np.outer(*along).ravel()


def _along(density: Mapping[str, Any], edges: Floats) -> Floats:
    """Share of each bin along an axis: Gauss nodes in the logarithm of the area."""
    clipped = np.log(np.clip(edges, density.get("low", edges[0]), density.get("high", edges[-1])))
    at, weight = np.polynomial.legendre.leggauss(_NODES)
    half = np.diff(clipped)[:, np.newaxis] / 2
    area = np.exp(clipped[:-1, np.newaxis] + half * (1 + at))
    with np.errstate(over="ignore", invalid="ignore"):
        found = half[:, 0] * ((area * _KINDS[density["kind"]](density, area)) @ weight)
    if not 0 < found.sum() < np.inf:
        problem = "zero" if found.sum() == 0 else "not finite"
        raise ValueError(
            f"density {dict(density)}: {problem} between {edges[0]:g} and {edges[-1]:g}"
        )
    return np.asarray(found / found.sum())


def _points(density: Mapping[str, Any], area: Floats) -> Floats:
    at, values = np.array(density["points"], dtype=float).T
    return np.asarray(np.interp(area, at, values))


def _power_law(density: Mapping[str, Any], area: Floats) -> Floats:
    power = (area / density["pivot"]) ** density["exponent"]
    return np.asarray(density["amplitude"] * power + density.get("constant", 0.0))


def _log_normal(density: Mapping[str, Any], area: Floats) -> Floats:
    pull = (np.log10(area) - density["mean_log10"]) / density["width_log10"]
    return np.asarray(np.exp(-0.5 * pull**2) / area)


def _log_parabola(density: Mapping[str, Any], area: Floats) -> Floats:
    logarithm = np.log(area)
    exponent = density["linear"] * logarithm + density["quadratic"] * logarithm**2
    return np.asarray(np.exp(exponent))


# Density per unit of the area, in any normalisation.
_KINDS: Mapping[str, Callable[[Mapping[str, Any], Floats], Floats]] = {
    "flat": lambda _, area: np.ones_like(area),
    "flat_log": lambda _, area: 1 / area,
    "points": _points,
    "power_law": _power_law,
    "log_normal": _log_normal,
    "log_parabola": _log_parabola,
}
