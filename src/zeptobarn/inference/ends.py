"""Where an interval ends: the outermost signals at which a statistic is at most critical.

A critical value is a number, or a table over the signal, between whose rows it is a straight line;
there the outermost accepted row is looked for first.
"""

from math import nan, sqrt

import numpy as np

from zeptobarn.inference.bounds import ceiling, touch
from zeptobarn.inference.crossing import (
    HIGHER,
    SLACK,
    carry,
    crossing,
    last_crossing,
    root_of_model,
    statistic_at,
)
from zeptobarn.inference.newton import Scratch, follow, recall_best
from zeptobarn.inference.status import Status
from zeptobarn.inference.terms import UNIFORM, Terms
from zeptobarn.support.jit import Floats, Ints, inner_kernel

_OK = int(Status.ok)
_BACKGROUND_RATE_ZERO = int(Status.background_rate_zero)
_RATE_AT_RANGE_END = int(Status.rate_at_range_end)
_AT_BOUNDARY = int(Status.at_boundary)
_ALL_SIGNALS_EXCLUDED = int(Status.all_signals_excluded)
_NO_CROSSING = int(Status.no_crossing)
_NOT_CONVERGED = int(Status.not_converged)


@inner_kernel()
def ends(
    terms: Terms,
    critical: Floats,
    two_sided: bool,
    bound: float,
    top: float,
    maxima: Floats,
    depths: Floats,
    theta: Floats,
    cell: Ints,
    scratch: Scratch,
) -> tuple[float, float, int]:
    """Both ends of an interval, and a status; from the best fit (``theta``, overwritten)."""
    best, best_cell = theta.copy(), cell.copy()
    high, status = _upper_end(terms, critical, bound, top, maxima, depths, theta, cell, scratch)
    at_bound = status_at_bound(terms, theta, cell) if status < _NO_CROSSING else _OK
    low = nan
    if two_sided and 0 <= status < _NO_CROSSING:
        low, lower = _lower_end(terms, critical, top, best, best_cell, scratch)
        status = lower if lower != _OK else status
    return low, high, max(status, at_bound) if status == _OK else status


@inner_kernel()
def _upper_end(
    terms: Terms,
    critical: Floats,
    bound: float,
    top: float,
    maxima: Floats,
    depths: Floats,
    theta: Floats,
    cell: Ints,
    scratch: Scratch,
) -> tuple[float, int]:
    """Outermost signal at which the statistic is the critical value, and a status.

    From the best fit (``theta``, overwritten by the fit at that signal) and the maximum of each
    cell.
    """
    s = scratch
    last = len(critical) - 1
    far = min(bound, critical[last, 0]) if last > 0 else bound
    best, largest = theta[0], _largest(critical)
    recall_best(s)
    end, status = crossing(terms, largest, 0.0, best, nan, far, 1.0, top, top, theta, cell, s)
    if status == _OK and len(cell) > 0:
        end, status = last_crossing(
            terms, largest, best, end, far, top, maxima, depths, theta, cell, s
        )
    if last == 0 or status in (_NOT_CONVERGED, HIGHER):
        return end, status
    if best >= far:
        return nan, _NO_CROSSING
    if status == _NO_CROSSING:
        end, status = far, _OK
        if statistic_at(terms, end, top, theta, cell, s) <= _critical_at(critical, end) + SLACK:
            return nan, _NO_CROSSING
    low = int(np.searchsorted(critical[:, 0], best, side="right"))
    high = int(np.searchsorted(critical[:, 0], end)) - 1
    # The statistic rises about as the square of the distance.
    guess = best + (end - best) * sqrt(_critical_at(critical, end) / largest)
    k, q, new_status = _farthest(terms, critical, low, high, 1, guess, top, theta, cell, s)
    if new_status != _OK:
        return nan, new_status
    inside, outside = best, end
    if k >= 0:
        inside = critical[k, 0]
        if k < high and _holds(critical, k, k + 1, q):
            return critical[k + 1, 0], status
    elif best < critical[0, 0]:
        return critical[0, 0], _ALL_SIGNALS_EXCLUDED
    else:
        k = low - 1
    if k < last:
        outside = min(outside, critical[k + 1, 0])
    end, new_status = _between(terms, critical, inside, outside, 1.0, top, theta, cell, s)
    return end, (status if new_status == _OK else new_status)


@inner_kernel()
def _lower_end(
    terms: Terms, critical: Floats, top: float, theta: Floats, cell: Ints, scratch: Scratch
) -> tuple[float, int]:
    """Lowest signal that is accepted, and a status; from the best fit (overwritten)."""
    s = scratch
    best = theta[0]
    if best <= 0.0:
        return 0.0, _OK
    largest = _largest(critical)
    q = statistic_at(terms, 0.0, top, theta, cell, s)
    if not q >= -SLACK:
        return nan, (_NOT_CONVERGED if np.isnan(q) else HIGHER)
    if q <= _critical_at(critical, 0.0) + SLACK:
        return 0.0, _OK
    inside, outside = best, 0.0
    if q > largest:
        flat = np.empty((1, 3))
        flat[0, 0], flat[0, 1], flat[0, 2] = 0.0, largest, nan
        outside, status = _between(terms, flat, best, 0.0, -1.0, top, theta, cell, s)
        if len(critical) == 1 or status != _OK:
            return outside, status
    low = int(np.searchsorted(critical[:, 0], outside, side="right"))
    high = int(np.searchsorted(critical[:, 0], best)) - 1
    guess = best + (outside - best) * sqrt(_critical_at(critical, outside) / largest)
    k, q, status = _farthest(terms, critical, high, low, -1, guess, top, theta, cell, s)
    if status != _OK:
        return nan, status
    if k >= 0:
        inside = critical[k, 0]
        if k > low and _holds(critical, k, k - 1, q):
            return critical[k - 1, 0], _OK
    else:
        k = high + 1
    if k > 0:
        outside = max(outside, critical[k - 1, 0])
    return _between(terms, critical, inside, outside, -1.0, top, theta, cell, s)


@inner_kernel()
def _farthest(
    terms: Terms,
    critical: Floats,
    near: int,
    far: int,
    sign: int,
    guess: float,
    top: float,
    theta: Floats,
    cell: Ints,
    scratch: Scratch,
) -> tuple[int, float, int]:
    """Find the accepted signal of a table that is farthest from the best fit.

    The statistic rises away from the best fit: what it is at a signal, it is at least beyond, and
    by a tangent of the likelihood it rises there at some pace at least. Where no critical value of
    a stretch reaches that, no signal in it is accepted, and the stretches that are left are parted,
    the farthest first: where the statistic is about the critical value, by its slope at the last
    signal, and every third time in the middle.

    Parameters
    ----------
    near, far
        Rows of the table, both included, nearest to the best fit and farthest from it.
    sign
        +1: the rows lie above the best fit, −1: below.
    guess
        A signal near which it may be.

    Returns
    -------
    The row, −1 where none is accepted, the statistic there, and a status.
    """
    rates = len(theta) - len(cell)
    # Stretches that may hold it, the farthest last: their ends; and, from the signal before them,
    # the statistic there, where that is, and a straight line below it: its start and rise.
    nears, fars, lines = np.empty(64, np.int64), np.empty(64, np.int64), np.zeros((64, 4))
    nears[0], fars[0] = near, far
    left, farthest, at_farthest, tries = 1, -1, nan, 0
    while left > 0:
        left -= 1
        a, b, line = nears[left], fars[left], lines[left]
        while (b - a) * sign >= 0 and _is_below(critical, a, line):
            a += sign
        while (b - a) * sign >= 0 and _is_below(critical, b, line):
            b -= sign
        if (b - a) * sign < 0:
            continue
        middle, tries = (a + b) // 2, tries + 1
        if tries % 3 > 0 and not np.isnan(guess):
            row = int(np.searchsorted(critical[:, 0], guess))
            middle = min(max(row - 1 if sign > 0 else row, min(a, b)), max(a, b))
        x = critical[middle, 0]
        if tries > 1:
            carry(theta, rates, x, scratch)
        q = statistic_at(terms, x, top, theta, cell, scratch)
        if not q >= -SLACK:
            return -1, nan, (_NOT_CONVERGED if np.isnan(q) else HIGHER)
        _, slope, curvature = follow(theta, rates, scratch)
        guess = x + sign * root_of_model(critical[middle, 1] - q, -sign * slope, curvature)
        if q <= critical[middle, 1] + SLACK:
            farthest, at_farthest, left = middle, q, 0  # all that is left lies nearer
        else:
            nears[left], fars[left] = a, middle - sign
            left += 1
        nears[left], fars[left] = middle + sign, b
        line = lines[left]
        line[0], line[1], line[2], line[3] = q, x, 0.0, 0.0
        if b != middle:
            # A tangent lies above ln L everywhere, and at its highest over the nuisances it is
            # convex: what is left of the statistic is concave, above its chord.
            if len(cell) == 0:
                touch(terms, theta, cell, scratch, False)  # a fit with shapes does so itself
            here = 2.0 * (top - ceiling(terms, x, scratch))
            there = 2.0 * (top - ceiling(terms, critical[b, 0], scratch))
            if there > here:
                line[2], line[3] = here, (there - here) / (critical[b, 0] - x)
        left += 1
    return farthest, at_farthest, _OK


@inner_kernel(_nrt=False)
def _is_below(critical: Floats, row: int, line: Floats) -> bool:
    """Whether the critical value of a row is below what the statistic is there at least."""
    least = max(line[0], line[2] + line[3] * (critical[row, 0] - line[1]))
    return bool(critical[row, 1] + SLACK < least)


@inner_kernel(_nrt=False)
def _holds(critical: Floats, row: int, following: int, statistic: float) -> bool:
    """Whether what is accepted at a row of toys' critical values is accepted up to the next."""
    least = critical[row, 1] - critical[row, 2]  # NaN: no statistics of toys
    return bool(statistic >= least or critical[following, 1] < least)


@inner_kernel(_nrt=False)
def _between(
    terms: Terms,
    critical: Floats,
    inside: float,
    outside: float,
    sign: float,
    top: float,
    theta: Floats,
    cell: Ints,
    scratch: Scratch,
) -> tuple[float, int]:
    """Cross where the critical value is a straight line, from an accepted to a rejected signal."""
    if inside == outside:
        return inside, _OK
    a, b = _critical_at(critical, inside), _critical_at(critical, outside)
    incline = (b - a) / (outside - inside)
    line, far = a - incline * inside, outside
    middle = 0.5 * (inside + outside)
    q = statistic_at(terms, middle, top, theta, cell, scratch)
    if np.isnan(q):
        return nan, _NOT_CONVERGED
    if q > line + incline * middle:
        outside = middle
    else:
        inside = middle
    value = top - 0.5 * q
    return crossing(
        terms, line, incline, inside, outside, far, sign, top, value, theta, cell, scratch
    )


@inner_kernel(_nrt=False)
def _largest(critical: Floats) -> float:
    largest = 0.0
    for k in range(len(critical)):
        largest = max(largest, critical[k, 1])
    return largest


@inner_kernel(_nrt=False)
def _critical_at(critical: Floats, signal: float) -> float:
    """Critical value at a signal: linear in the table, constant beyond its ends."""
    last = len(critical) - 1
    if signal <= critical[0, 0] or last == 0:
        return float(critical[0, 1])
    for k in range(last):
        if signal <= critical[k + 1, 0]:
            share = (signal - critical[k, 0]) / (critical[k + 1, 0] - critical[k, 0])
            return float(critical[k, 1] + share * (critical[k + 1, 1] - critical[k, 1]))
    return float(critical[last, 1])


@inner_kernel(_nrt=False)
def shape_value(terms: Terms, shape: int, cell: int, position: float) -> float:
    low, high = terms.anchors[shape, cell], terms.anchors[shape, cell + 1]
    return float(low + position * (high - low))


@inner_kernel(_nrt=False)
def status_at_bound(terms: Terms, theta: Floats, cell: Ints) -> int:
    """Give the status for a nuisance at the end of its range."""
    rates, status = len(theta) - len(cell), _OK
    for p in range(1, rates):
        if theta[p] <= 0.0:
            status = _BACKGROUND_RATE_ZERO
    for p in range(len(cell)):
        position, last = theta[rates + p], terms.cells[p] - 1
        if (cell[p] == 0 and position <= 0.0) or (cell[p] == last and position >= 1.0):
            ranged = terms.constraints[rates + p, 0] == UNIFORM
            status = max(status, _RATE_AT_RANGE_END if ranged else _AT_BOUNDARY)
    return status
