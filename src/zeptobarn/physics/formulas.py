"""Templates of backgrounds that are not recoils, from formulas in a detector file."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zeptobarn.physics.apparatus import Apparatus
from zeptobarn.physics.detector import AnalysisSpace
from zeptobarn.physics.thresholds import smallest_anywhere, smallest_areas

Floats = NDArray[np.float64]

_NODES = 16


def shares(formula: Mapping[str, Any], space: AnalysisSpace, apparatus: Apparatus | None) -> Floats:
    """Share of a background's events in each bin of the analysis space.

    Parameters
    ----------
    formula
        A density along ``cs1`` and one along ``cs2`` (the detector's area unit), independent of
        each other; the detector file's schema describes their kinds. Their product is multiplied
        with the share of positions, uniform in the fiducial volume, at which both areas pass the
        thresholds, unless ``reach`` is ``ignore``.
    space
        The densities are integrated over its bins.
    apparatus
        The detector's numbers; needed unless ``reach`` is ``ignore``.

    Returns
    -------
    Shares that sum to 1, shape (cS1 bins × cS2 bins,).

    Raises
    ------
    ValueError
        A density is zero in the whole analysis space or wherever the areas pass, or it is not a
        finite number somewhere.

    Examples
    --------
    >>> space = AnalysisSpace(np.array([1.0, 2.0, 4.0]), np.array([1.0, 10.0, 100.0]))
    >>> formula = {"cs1": {"kind": "flat"}, "cs2": {"kind": "flat_log"}, "reach": "ignore"}
    >>> shares(formula, space, None).round(3)
    array([0.167, 0.167, 0.333, 0.333])
    """
    along1 = _along(formula["cs1"], space.cs1_edges)
    along2 = _along(formula["cs2"], space.cs2_edges)
    if formula.get("reach") == "ignore":
        return np.outer(along1, along2).ravel()
    if apparatus is None:
        raise TypeError("shares: needs the detector's numbers, unless reach is ignore")
    contents = np.zeros(space.shape)
    for area1, area2, weight in zip(*smallest_areas(apparatus), strict=True):
        seen = weight[:, np.newaxis] * _above(formula["cs2"], space.cs2_edges, area2)
        if not area1.any():
            contents += np.outer(along1, seen.sum(axis=0))
            continue
        # Not a matrix product, whose last digits depend on the threads that BLAS takes.
        contents += np.einsum("pi,pj->ij", _above(formula["cs1"], space.cs1_edges, area1), seen)
    if not contents.any():
        cs1, cs2 = smallest_anywhere(apparatus)
        raise ValueError(
            "the density is zero wherever the area thresholds let events pass (from cS1 "
            f"{cs1:.4g} and cS2 {cs2:.4g} {apparatus.area_unit} on); reach: ignore takes it "
            "as it is"
        )
    return np.asarray(contents / contents.sum()).ravel()


def _along(density: Mapping[str, Any], edges: Floats) -> Floats:
    """Share of each bin along an axis."""
    integrals = _integral(density, edges[:-1], edges[1:])
    if not 0 < integrals.sum() < np.inf:
        problem = "zero" if integrals.sum() == 0 else "not finite"
        raise ValueError(
            f"density {dict(density)}: {problem} between {edges[0]:g} and {edges[-1]:g}"
        )
    return np.asarray(integrals / integrals.sum())


def _above(density: Mapping[str, Any], edges: Floats, smallest: Floats) -> Floats:
    """Integral over each bin from a smallest area on, shape (smallest areas, bins)."""
    integrals = np.where(
        edges[:-1] >= smallest[:, np.newaxis], _integral(density, edges[:-1], edges[1:]), 0.0
    )
    # The smallest area lies inside a bin, or at its upper edge.
    bins = np.searchsorted(edges, smallest) - 1
    inside = np.flatnonzero((bins >= 0) & (bins < len(edges) - 1))
    integrals[inside, bins[inside]] = _integral(density, smallest[inside], edges[bins[inside] + 1])
    return np.asarray(integrals)


def _integral(density: Mapping[str, Any], low: Floats, high: Floats) -> Floats:
    """Integral of a density between two areas each: Gauss nodes in the logarithm of the area."""
    first, last = np.log(np.clip([low, high], density.get("low", 0.0), density.get("high", np.inf)))
    at, weight = np.polynomial.legendre.leggauss(_NODES)
    half = (last - first)[:, np.newaxis] / 2
    area = np.exp(first[:, np.newaxis] + half * (1 + at))
    with np.errstate(over="ignore", invalid="ignore"):
        values = area * _KINDS[density["kind"]](density, area)
        return np.asarray(half[:, 0] * (values * weight).sum(axis=1))


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
