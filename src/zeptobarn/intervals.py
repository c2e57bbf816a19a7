"""Upper limits: the test statistic, its critical value, the crossing, and a status for each.

The statistic is q̃ of the signal rate (EPJC 71 (2011) 1554): −2 ln of the likelihood at μ over
its maximum, with a best fit bounded at 0, and 0 below the best fit.
"""

from enum import IntEnum
from math import inf, nan, sqrt

import numpy as np
from scipy.special import ndtri

from zeptobarn.fit import (
    Fits,
    Scratch,
    allocate,
    best_fit,
    profile,
    profile_cell,
    profiled_curvature,
)
from zeptobarn.jit import Floats, Ints, inner_kernel, kernel
from zeptobarn.likelihood import Terms


class Status(IntEnum):
    """What became of a limit; the first three come with one."""

    ok = 0
    at_boundary = 1
    multiple_crossings = 2
    no_crossing = 3
    empty_template = 4
    zero_density_event = 5
    critical_value_zero = 6
    not_converged = 7


MESSAGES = {
    Status.ok: "",
    Status.at_boundary: "a nuisance parameter ends at its bound: widen the anchors if it is leff",
    Status.multiple_crossings: "the statistic crosses the critical value more than once; the "
    "outermost crossing is the limit",
    Status.no_crossing: "the statistic stays below the critical value up to the search bound: "
    "raise search_bound_rate_multiplier",
    Status.empty_template: "the signal expects no event in the analysis space",
    Status.zero_density_event: "no source has a density at event {evidence} of the analysis "
    "space (the first is 0): a background is missing, or a template has holes",
    Status.critical_value_zero: "the critical value of a one-sided limit is 0 at this confidence "
    "level: use one above 0.5",
    Status.not_converged: "the fit or the search for the crossing did not converge",
}

# Columns of the kernel's results.
LIMIT, BEST_FIT, STATUS, EVIDENCE, EVALUATIONS, NUISANCES = range(6)

# Relative size of the last but one step of the search; the last is quadratically smaller.
_TOLERANCE = 1e-4
_MAX_SEARCH = 200

_OK = int(Status.ok)
_AT_BOUNDARY = int(Status.at_boundary)
_MULTIPLE_CROSSINGS = int(Status.multiple_crossings)
_NO_CROSSING = int(Status.no_crossing)
_ZERO_DENSITY_EVENT = int(Status.zero_density_event)
_NOT_CONVERGED = int(Status.not_converged)


def critical_value(confidence_level: float) -> float:
    """Asymptotic critical value of q̃: Φ⁻¹(CL)², and 0 at and below a confidence level of 0.5.

    Exact where the limit lies above 1.28 σ (at 90 %), conservative below.

    Examples
    --------
    >>> round(critical_value(0.9), 4), critical_value(0.45)
    (1.6424, 0.0)
    """
    return float(max(ndtri(confidence_level), 0.0) ** 2)


@inner_kernel()
def upper_limit(terms: Terms, critical: float, bound: float, result: Floats) -> None:
    """Upper limit on the signal rate of one dataset.

    Parameters
    ----------
    terms
        See `zeptobarn.likelihood.Terms`; the signal is source 0.
    critical
        Critical value of the statistic, > 0.
    bound
        Largest signal rate tried.
    result
        Filled: limit, best fit, status, evidence, number of likelihood evaluations, then the
        best-fit free rates (without the signal) and shape parameter; shape (5 + F,).
    """
    cells = terms.density.shape[0] - 1
    fits, scratch = allocate(terms)
    size = fits.theta.shape[1]
    start = np.ones(size)
    for s in range(size - 1):
        start[s] = terms.rate_centre[s]
    first = _locate(terms.anchors, terms.shape_centre, start)
    peak = best_fit(terms, start, first, fits, scratch)
    limit, status, cell = nan, _NOT_CONVERGED, peak
    while peak >= 0:
        top, best = fits.value[peak], fits.theta[peak].copy()
        maxima, depths = fits.theta[:, 0].copy(), fits.value.copy()
        limit, status, cell = _crossing(terms, critical, bound, peak, top, best, fits, scratch)
        if status >= 0:
            break
        # On the way a better maximum came up: fit again from there.
        for s in range(size):
            start[s] = fits.theta[cell, s]
        peak = best_fit(terms, start, cell, fits, scratch)
        if peak >= 0 and not fits.value[peak] > top:
            break
    if peak >= 0 and status >= 0:
        if status == _OK:
            further = limit
            for k in range(cells):
                if 2.0 * (top - depths[k]) < critical:
                    further = max(further, maxima[k])
            if further > limit:
                limit, status, cell = _outermost(
                    terms, critical, bound, further, top, fits, scratch
                )
        if status == _OK and (
            _at_boundary(best, peak, cells) or _at_boundary(fits.theta[cell], cell, cells)
        ):
            status = _AT_BOUNDARY
        result[BEST_FIT] = best[0]
        for s in range(1, size - 1):
            result[NUISANCES + s - 1] = best[s]
        result[NUISANCES + size - 2] = _shape_value(terms.anchors, peak, best)
    else:
        status = _NOT_CONVERGED
    result[LIMIT] = limit if status < _NO_CROSSING else nan
    result[STATUS] = status
    result[EVALUATIONS] = scratch.evaluations[0]


@inner_kernel()
def _crossing(
    terms: Terms,
    critical: float,
    bound: float,
    peak: int,
    top: float,
    best: Floats,
    fits: Fits,
    scratch: Scratch,
) -> tuple[float, int, int]:
    """Find where the statistic rises through the critical value, above the best fit.

    The search follows one cell of the shape parameter; before it ends, all cells are profiled
    at the crossing, and where another one holds a higher likelihood there, it goes on with that.

    Returns
    -------
    The limit, its status (−1: the likelihood is higher here than at the best fit), and the cell.
    """
    certain = terms.density.shape[0] == 1
    cell, low, high = peak, best[0], inf
    if low >= bound:
        return nan, _NO_CROSSING, cell
    x = min(low + _first_guess(terms, peak, best, critical, scratch), bound)
    certify = certain
    for _ in range(_MAX_SEARCH):
        if certify and not certain:
            winner = profile(terms, x, fits, scratch)
            if winner < 0:
                return nan, _NOT_CONVERGED, cell
            if winner != cell:
                cell, low, high = winner, best[0], inf
        else:
            profile_cell(terms, x, cell, fits, scratch)
        if not fits.value[cell] > -inf:
            return nan, _NOT_CONVERGED, cell
        q = 2.0 * (top - fits.value[cell])
        if q < -1e-6:
            return nan, -1, cell
        if q < critical:
            low = x
        else:
            high = x
        # Newton's step for the square root of the statistic, which is nearly straight.
        root, slope, step = sqrt(max(q, 0.0)), fits.slope[cell], nan
        if slope < 0.0:
            step = (sqrt(critical) - root) * root / -slope
        # Far below the critical value the step is no measure: q may have rounded to zero.
        if abs(q - critical) < 0.01 * critical and abs(step) <= _TOLERANCE * x:
            if certify:
                return min(x + step, bound), _OK, cell
            certify = True
            x = min(x + step, bound)
        elif low >= bound:
            if certify:
                return nan, _NO_CROSSING, cell
            certify = True
        else:
            certify = certain
            target = x + step
            if not low < target < high:
                target = 2.0 * x + 1.0 if high == inf else 0.5 * (low + high)
            x = min(target, 10.0 * x + 1.0, bound)
    return nan, _NOT_CONVERGED, cell


@inner_kernel()
def _first_guess(terms: Terms, peak: int, best: Floats, critical: float, scratch: Scratch) -> float:
    """Distance from the best fit to the crossing if the profiled ln L were a parabola."""
    curvature = max(profiled_curvature(terms, peak, best, scratch), 0.0)
    slope = max(-scratch.gradient[0], 0.0)
    denominator = slope + sqrt(slope * slope + critical * curvature)
    return critical / denominator if denominator > 0.0 else 1.0


@inner_kernel()
def _outermost(
    terms: Terms,
    critical: float,
    bound: float,
    start: float,
    top: float,
    fits: Fits,
    scratch: Scratch,
) -> tuple[float, int, int]:
    """Find the last crossing, from a signal beyond another one where the statistic is low again.

    That happens where a cell of the shape parameter has a maximum of its own out there.
    """
    low, high, x, cell = start, inf, start, -1
    while high == inf or high - low > 1e-9 * high:
        x = min(2.0 * low + 1.0, bound) if high == inf else 0.5 * (low + high)
        cell = profile(terms, x, fits, scratch)
        if cell < 0:
            return nan, _NOT_CONVERGED, cell
        if 2.0 * (top - fits.value[cell]) > critical:
            high = x
        elif x >= bound:
            return nan, _NO_CROSSING, cell
        else:
            low = x
    return 0.5 * (low + high), _MULTIPLE_CROSSINGS, cell


@inner_kernel()
def _locate(anchors: Floats, value: float, theta: Floats) -> int:
    """Cell that holds a value of the shape parameter; its position there goes into theta."""
    cell = 0
    while cell < len(anchors) - 2 and value > anchors[cell + 1]:
        cell += 1
    theta[-1] = 0.5
    if len(anchors) > 1:
        position = (value - anchors[cell]) / (anchors[cell + 1] - anchors[cell])
        theta[-1] = min(max(position, 0.0), 1.0)
    return cell


@inner_kernel()
def _shape_value(anchors: Floats, cell: int, theta: Floats) -> float:
    if len(anchors) == 1:
        return float(anchors[0])
    return float(anchors[cell] + theta[-1] * (anchors[cell + 1] - anchors[cell]))


@inner_kernel()
def _at_boundary(theta: Floats, cell: int, cells: int) -> bool:
    """Whether a nuisance sits at the end of its range."""
    for s in range(1, len(theta) - 1):
        if theta[s] <= 0.0:
            return True
    return cells > 0 and (
        (cell == 0 and theta[-1] <= 0.0) or (cell == cells - 1 and theta[-1] >= 1.0)
    )


@kernel()
def upper_limits(
    bins: Ints,
    first: Ints,
    density: Floats,
    expected: Floats,
    rate_centre: Floats,
    rate_width: Floats,
    anchors: Floats,
    centres: Floats,
    critical: float,
    bound: float,
    results: Floats,
) -> None:
    """Upper limits of many datasets, each by itself.

    Parameters
    ----------
    bins
        Bin of each event, dataset after dataset, shape (total,).
    first
        Where each dataset begins, and the total, shape (datasets + 1,).
    density
        Expected events per bin, shape (bins, K, S).
    expected, rate_centre, rate_width, anchors
        See `zeptobarn.likelihood.Terms`.
    centres
        Constraint centre of the shape parameter in each dataset, shape (datasets,).
    critical, bound
        See `upper_limit`.
    results
        Full of NaN; filled with a row per dataset, shape (datasets, 5 + F); see `upper_limit`.
    """
    _, n_anchors, sources = density.shape
    for d in range(len(first) - 1):
        n = first[d + 1] - first[d]
        gathered = np.empty((n_anchors, sources, n))
        missing = -1
        for i in range(n):
            found = density[bins[first[d] + i]]
            largest = 0.0
            for k in range(n_anchors):
                for s in range(sources):
                    largest = max(largest, found[k, s])
            if not largest > 0.0:
                missing = i
                break
            # About one per event, so that products of several neither overflow nor vanish.
            scale = 1.0 / largest
            for k in range(n_anchors):
                for s in range(sources):
                    gathered[k, s, i] = scale * found[k, s]
        if missing >= 0:
            results[d, STATUS] = _ZERO_DENSITY_EVENT
            results[d, EVIDENCE] = missing
            continue
        terms = Terms(gathered, expected, rate_centre, rate_width, anchors, centres[d])
        upper_limit(terms, critical, bound, results[d])
