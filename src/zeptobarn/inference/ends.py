"""Where an interval ends: the search for the signals at which a statistic is critical.

The statistic is t̃, −2 ln of the likelihood at a signal over its maximum. A crossing is found by
Newton's method in the signal and the nuisances together; in a table of critical values the
outermost accepted row is looked for first.
"""

from math import inf, nan, sqrt

import numpy as np

from zeptobarn.inference.bounds import ceiling, rule_out, touch
from zeptobarn.inference.fit import maximise
from zeptobarn.inference.likelihood import evaluate
from zeptobarn.inference.newton import Scratch, copy_point, follow, maximise_anyhow, recall_best
from zeptobarn.inference.status import Status
from zeptobarn.inference.terms import UNIFORM, Terms, cell_number
from zeptobarn.support.jit import Floats, Ints, inner_kernel

# Relative size of the last step of the search, which is taken: its error is far smaller.
_TOLERANCE = 1e-3
# Steps below this are worth a look at the other cells of the shape parameters.
_NEARLY = 0.15
_MAX_SEARCH = 200
# Multiples of a limit at which a later crossing is looked for, where there may be one.
_FURTHER = (1.25, 1.5, 2.0, 2.5, 3.0, 4.0, 6.0, 10.0)
# A statistic this close to the critical value (relative) has reached it, or one within `SLACK`.
_CLOSE = 1e-4
# Statistics that differ by less are the same: toys and data with the same few events must fall on
# the same side of a critical value.
SLACK = 1e-6
_OK = int(Status.ok)
_BACKGROUND_RATE_ZERO = int(Status.background_rate_zero)
_RATE_AT_RANGE_END = int(Status.rate_at_range_end)
_AT_BOUNDARY = int(Status.at_boundary)
_MULTIPLE_CROSSINGS = int(Status.multiple_crossings)
_ALL_SIGNALS_EXCLUDED = int(Status.all_signals_excluded)
_NO_CROSSING = int(Status.no_crossing)
_NOT_CONVERGED = int(Status.not_converged)
# No status: on the way the likelihood came out higher than at the best fit.
HIGHER = -1


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
    end, status = _crossing(terms, largest, 0.0, best, nan, far, 1.0, top, top, theta, cell, s)
    if status == _OK and len(cell) > 0:
        end, status = _last_crossing(
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
        guess = x + sign * _root_of_model(critical[middle, 1] - q, -sign * slope, curvature)
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
    return _crossing(
        terms, line, incline, inside, outside, far, sign, top, value, theta, cell, scratch
    )


@inner_kernel(_nrt=False)
def carry(theta: Floats, rates: int, signal: float, scratch: Scratch) -> None:
    """Move a fit to another signal along its response, see `zeptobarn.inference.newton.follow`."""
    for p in range(1, len(theta)):
        to = max(theta[p] + scratch.response[p] * (signal - theta[0]), 0.0)
        theta[p] = to if p < rates else min(to, 1.0)


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
def statistic_at(
    terms: Terms, signal: float, top: float, theta: Floats, cell: Ints, scratch: Scratch
) -> float:
    """t̃ at a signal, from the point ``theta``, which moves to the fit there.

    It is infinite where an event has no density, as without a signal where no background is.
    """
    value = maximise(terms, signal, theta, cell, scratch)
    recall_best(scratch)
    return 2.0 * (top - value)


@inner_kernel(_nrt=False)
def _crossing(
    terms: Terms,
    line: float,
    incline: float,
    inside: float,
    outside: float,
    far: float,
    sign: float,
    top: float,
    value: float,
    theta: Floats,
    cell: Ints,
    scratch: Scratch,
) -> tuple[float, int]:
    """Find where the statistic rises through ``line + incline × signal``.

    Newton's method in the signal and the nuisances together, with the bracket as a net: each
    step solves the quadratic model of the profiled ln L for the crossing. Before it ends, all
    cells are searched at the crossing; where another one holds a higher likelihood, it goes on
    with that.

    Parameters
    ----------
    inside, outside
        Signals at which the statistic is known to be below and above the line, or NaN.
    far
        Last signal to try.
    sign
        +1: the crossing lies above ``inside``, −1: below.
    top, value
        ln L at the best fit and at ``theta``.
    theta, cell
        A fit, whose gradient and Hessian ``scratch`` holds; overwritten by the fit at the end.

    Returns
    -------
    The signal, and a status; −1: the likelihood is higher here than at the best fit.
    """
    s = scratch
    rates = len(theta) - len(cell)
    one_cell = len(s.done) == 1
    known_outside, certified, profiled = outside, True, True
    for _ in range(_MAX_SEARCH):
        gain, slope, curvature = follow(theta, rates, s)
        if not profiled and not (value > -inf and gain < 0.05):
            # Too far from the profile for the quadratic model.
            value = maximise_anyhow(terms, theta[0], theta, cell, s, False)
            if not value > -inf:
                return nan, _NOT_CONVERGED
            profiled = True
            gain, slope, curvature = follow(theta, rates, s)
        if profiled:
            gain = 0.0
            for p in range(len(theta)):
                s.step[p] = 0.0
        x = theta[0]
        q = 2.0 * (top - value) - gain
        if q < -SLACK:
            return nan, HIGHER
        level = line + incline * x
        missing = level - q
        if missing > gain:
            inside = x
        elif missing < -gain:
            outside = x
        step = _root_of_model(missing, -sign * slope - 0.5 * sign * incline, curvature)
        reached = abs(missing) <= min(SLACK, max(_CLOSE * level, 1e-9))
        if reached or abs(outside - inside) <= 0.1 * _TOLERANCE * x:
            step = 0.0  # also where the statistic runs along the line
        target = x + sign * step
        if missing > 0.0 and (far - x) * sign <= 0.0:
            if certified:
                return nan, _NO_CROSSING
            certify, target = True, x
        elif abs(step) <= _TOLERANCE * x and gain < 1e-4:
            target = min(target, far) if sign > 0.0 else max(target, far)
            if certified:
                return target, _OK
            certify = True
        else:
            certify = abs(step) <= _NEARLY * x and not one_cell
            if np.isnan(outside):
                if not sign * (target - inside) > 0.0:
                    target = inside + sign * (abs(inside) + 1.0)
                target = min(target, 10.0 * x + 10.0, far) if sign > 0.0 else max(target, far)
            elif not min(inside, outside) < target < max(inside, outside):
                target = 0.5 * (inside + outside)
        for p in range(1, len(theta)):
            to = max(theta[p] + s.step[p] + s.response[p] * (target - x), 0.0)
            theta[p] = to if p < rates else min(to, 1.0)
        theta[0] = target
        if certify:
            number = cell_number(terms.cells, cell)
            value = maximise(terms, target, theta, cell, s)
            if not value > -inf:
                return nan, _NOT_CONVERGED
            if sign > 0.0 and not one_cell and not s.falls[0]:
                rule_out(terms, target, value, theta, cell, s)
            if number != cell_number(terms.cells, cell):
                outside = known_outside
            recall_best(s)
        else:
            value = evaluate(terms, cell, theta, s.gradient, s.hessian, s.work)
            s.evaluations[0] += 1
        certified, profiled = certify or one_cell, certify
    return nan, _NOT_CONVERGED


@inner_kernel(_nrt=False)
def _root_of_model(missing: float, climb: float, curvature: float) -> float:
    """Distance at which climb and curvature make up what is missing; NaN where they never do."""
    under = climb * climb + max(curvature, 0.0) * missing
    if under < 0.0:
        return nan
    denominator = climb + sqrt(under)
    return missing / denominator if denominator > 0.0 else nan


@inner_kernel()
def _last_crossing(
    terms: Terms,
    critical: float,
    best: float,
    first: float,
    bound: float,
    top: float,
    maxima: Floats,
    depths: Floats,
    theta: Floats,
    cell: Ints,
    scratch: Scratch,
) -> tuple[float, int]:
    """Look beyond the first crossing for signals where the statistic is low again.

    With a shape parameter it may be: at a cell's own maximum, or inside a cell, where a signal
    grows at one end and vanishes at the other. There the statistic at twice the limit is lower
    than that of a convex function, and more signals are looked at. Nothing is, where the fit at
    the first crossing has shown that the statistic rises from there on (``scratch.falls``).
    """
    end, status = first, _OK
    if scratch.falls[0]:
        return end, status
    for k in range(len(maxima)):
        if 2.0 * (top - depths[k]) < critical and maxima[k] > end:
            end, new_status = _outermost(
                terms, critical, end, maxima[k], bound, top, theta, cell, scratch
            )
            if new_status < 0 or new_status >= _NO_CROSSING:
                return end, new_status
            status = max(status, new_status)
    if end >= bound:
        return end, status
    at_end, cell_of_end = theta.copy(), cell.copy()
    x = min(2.0 * end, bound)
    q = statistic_at(terms, x, top, theta, cell, scratch)
    copy_point(at_end, cell_of_end, theta, cell)
    if q >= critical * (x - best) / (end - best):
        return end, status
    inner = end
    for factor in _FURTHER:
        x = factor * inner
        if end < x < bound:
            end, new_status = _outermost(terms, critical, end, x, bound, top, theta, cell, scratch)
            if new_status < 0 or new_status >= _NO_CROSSING:
                return end, new_status
            status = max(status, new_status)
    return end, status


@inner_kernel()
def _outermost(
    terms: Terms,
    critical: float,
    first: float,
    beyond: float,
    bound: float,
    top: float,
    theta: Floats,
    cell: Ints,
    scratch: Scratch,
) -> tuple[float, int]:
    """Find the last crossing, if the statistic is low again at a signal beyond the first one."""
    low, high, x = beyond, inf, min(beyond, bound)
    at_first, cell_of_first = theta.copy(), cell.copy()
    q = statistic_at(terms, x, top, theta, cell, scratch)
    if q > critical:
        # It is not.
        copy_point(at_first, cell_of_first, theta, cell)
        return first, _OK
    if q < -SLACK:
        return nan, HIGHER
    while high == inf or high - low > 1e-9 * high:
        x = min(2.0 * low + 1.0, bound) if high == inf else 0.5 * (low + high)
        q = statistic_at(terms, x, top, theta, cell, scratch)
        if not q >= -SLACK:
            return nan, (_NOT_CONVERGED if np.isnan(q) else HIGHER)
        if q > critical:
            high = x
        elif x >= bound:
            return nan, _NO_CROSSING
        else:
            low = x
    return 0.5 * (low + high), _MULTIPLE_CROSSINGS


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
