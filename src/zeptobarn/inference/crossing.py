"""Where a statistic passes a straight line: a search in the signal and the nuisances together.

The statistic is t̃, −2 ln of the likelihood at a signal over its maximum. With a shape parameter it
may pass the line more than once; `last_crossing` looks for the outermost signal at which it does.
"""

from math import inf, nan, sqrt

import numpy as np

from zeptobarn.inference.bounds import rule_out
from zeptobarn.inference.fit import maximise
from zeptobarn.inference.likelihood import evaluate
from zeptobarn.inference.newton import Scratch, copy_point, follow, maximise_anyhow, recall_best
from zeptobarn.inference.status import Status
from zeptobarn.inference.terms import Terms, cell_number
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
_MULTIPLE_CROSSINGS = int(Status.multiple_crossings)
_NO_CROSSING = int(Status.no_crossing)
_NOT_CONVERGED = int(Status.not_converged)
# No status: on the way the likelihood came out higher than at the best fit.
HIGHER = -1


@inner_kernel(_nrt=False)
def carry(theta: Floats, rates: int, signal: float, scratch: Scratch) -> None:
    """Move a fit to another signal along its response, see `zeptobarn.inference.newton.follow`."""
    for p in range(1, len(theta)):
        to = max(theta[p] + scratch.response[p] * (signal - theta[0]), 0.0)
        theta[p] = to if p < rates else min(to, 1.0)


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
def crossing(
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
        step = root_of_model(missing, -sign * slope - 0.5 * sign * incline, curvature)
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
            target = _within(target, x, inside, outside, far, sign)
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
def _within(
    target: float, x: float, inside: float, outside: float, far: float, sign: float
) -> float:
    """Go for a target inside the bracket; beyond ``inside`` while the bracket has no other end."""
    if np.isnan(outside):
        if not sign * (target - inside) > 0.0:
            target = inside + sign * (abs(inside) + 1.0)
        return min(target, 10.0 * x + 10.0, far) if sign > 0.0 else max(target, far)
    if not min(inside, outside) < target < max(inside, outside):
        return 0.5 * (inside + outside)
    return target


@inner_kernel(_nrt=False)
def root_of_model(missing: float, climb: float, curvature: float) -> float:
    """Distance at which climb and curvature make up what is missing; NaN where they never do."""
    under = climb * climb + max(curvature, 0.0) * missing
    if under < 0.0:
        return nan
    denominator = climb + sqrt(under)
    return missing / denominator if denominator > 0.0 else nan


@inner_kernel()
def last_crossing(
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
