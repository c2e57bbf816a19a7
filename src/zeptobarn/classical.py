"""The conventional limit: Brent's method on a fixed bracket, for the failure study.

What many analyses do: fit, then look for a root of t(μ) − Φ⁻¹(CL)² between the best fit and a
largest signal that was chosen beforehand, with Brent's method (Algorithms for Minimization without
Derivatives, 1973, chapter 4). The likelihood and its fits are those of `zeptobarn.intervals`; only
the search differs. For a limit, use `zeptobarn.intervals`, which needs no bracket.
"""

from math import inf, nan

import numpy as np
from scipy.special import ndtri

from zeptobarn import intervals
from zeptobarn.fit import Scratch, allocate, maximise, start
from zeptobarn.intervals import interval
from zeptobarn.jit import Floats, Ints, inner_kernel, kernel
from zeptobarn.status import Status
from zeptobarn.structure import Structure, gather, make_room
from zeptobarn.terms import Terms

# Columns of the kernels' results: limit and best fit (expected events), the statistic at the ends
# of the bracket, evaluations of the statistic, and a status.
LIMIT, BEST_FIT, STATISTIC_LOW, STATISTIC_HIGH, EVALUATIONS, STATUS = range(6)

_ROBUST_LIMIT, _ROBUST_BEST_FIT = intervals.LIMIT, intervals.BEST_FIT
_ROBUST_STATUS = intervals.STATUS

# As scipy's brentq has them.
_ABSOLUTE, _RELATIVE, _MOST_STEPS = 2e-12, 8.881784197001252e-16, 100

_OK = int(Status.ok)
_NO_CROSSING = int(Status.no_crossing)
_EMPTY_TEMPLATE = int(Status.empty_template)
_ZERO_DENSITY_EVENT = int(Status.zero_density_event)
_NOT_CONVERGED = int(Status.not_converged)


def critical_value(confidence_level: float) -> float:
    """Φ⁻¹(CL)², as the conventional recipe has it: the same for CL and 1 − CL, 0 at 0.5.

    Examples
    --------
    >>> round(critical_value(0.9), 4), critical_value(0.5)
    (1.6424, 0.0)
    >>> abs(critical_value(0.45) - critical_value(0.55)) < 1e-12
    True
    """
    return float(ndtri(confidence_level) ** 2)


@inner_kernel()
def bracketed(terms: Terms, critical: float, bound: float, result: Floats) -> float:
    """Upper limit of one dataset by Brent's method between the best fit and a bound.

    Parameters
    ----------
    terms
        See `zeptobarn.terms.Terms`.
    critical
        Critical value.
    bound
        Upper end of the bracket (the signal's unit).
    result
        Filled, see the module's column numbers. ``no_crossing``: the statistic minus the critical
        value has the same sign at both ends, and the method cannot begin.

    Returns
    -------
    ln L at the best fit.
    """
    scratch = allocate(terms)
    theta, cell = np.empty(len(terms.centres)), np.zeros(len(terms.cells), dtype=np.int64)
    start(terms, theta, cell)
    top = maximise(terms, nan, theta, cell, scratch)
    best = theta[0]
    low, high = 0.0, _statistic(terms, bound, top, theta, cell, scratch)
    result[LIMIT], result[BEST_FIT] = nan, best
    result[STATISTIC_LOW], result[STATISTIC_HIGH] = low, high
    result[EVALUATIONS], result[STATUS] = 2, _NOT_CONVERGED
    if np.isnan(top) or np.isnan(high):
        return top
    a, b = best, bound
    at_a, at_b = low - critical, high - critical
    if at_a == 0.0 or at_b == 0.0:
        result[LIMIT], result[STATUS] = (a if at_a == 0.0 else b), _OK
        return top
    if (at_a > 0.0) == (at_b > 0.0):
        result[STATUS] = _NO_CROSSING
        return top
    # The root lies between `near`, the better end, and `far`; `old` is where `near` was before.
    near, far, at_near, at_far = b, a, at_b, at_a
    old, at_old = far, at_far
    stride = last = far - near
    for _ in range(_MOST_STEPS):
        if abs(at_far) < abs(at_near):
            near, far = far, near
            at_near, at_far = at_far, at_near
            old, at_old = far, at_far
        tolerance = 0.5 * (_ABSOLUTE + _RELATIVE * abs(near))
        half = 0.5 * (far - near)
        if at_near == 0.0 or abs(half) <= tolerance:
            result[LIMIT], result[STATUS] = near, _OK
            return top
        jump = nan
        if abs(last) > tolerance and abs(at_near) < abs(at_old):
            jump = _interpolated(near, at_near, far, at_far, old, at_old) - near
        # A jump must land between, in the nearer three quarters, and be shorter than half of
        # the one before the last; otherwise the bracket is halved.
        if 0.0 < jump / half < 1.5 and abs(jump) < 0.5 * abs(last):
            last, stride = stride, jump
        else:
            last = stride = half
        old, at_old = near, at_near
        near += stride if abs(stride) > tolerance else (tolerance if half > 0.0 else -tolerance)
        at_near = _statistic(terms, near, top, theta, cell, scratch) - critical
        result[EVALUATIONS] += 1
        if np.isnan(at_near):
            return top
        if (at_near > 0.0) == (at_far > 0.0):
            far, at_far = old, at_old
            last = stride = near - old
    return top


@inner_kernel()
def _interpolated(x: float, at_x: float, y: float, at_y: float, z: float, at_z: float) -> float:
    """Zero of the line, or of the inverse parabola, through points that may be two or three."""
    if z in (x, y) or at_z in (at_x, at_y) or at_x == at_y:
        return x - at_x * (y - x) / (at_y - at_x)
    found = x * at_y * at_z / ((at_x - at_y) * (at_x - at_z))
    found += y * at_x * at_z / ((at_y - at_x) * (at_y - at_z))
    return found + z * at_x * at_y / ((at_z - at_x) * (at_z - at_y))


@inner_kernel()
def _statistic(
    terms: Terms, signal: float, top: float, theta: Floats, cell: Ints, scratch: Scratch
) -> float:
    return 2.0 * (top - maximise(terms, signal, theta, cell, scratch))


@inner_kernel()
def _statistic_at(terms: Terms, signal: float, top: float) -> float:
    """The statistic at a signal from the natural start of a fit."""
    theta, cell = np.empty(len(terms.centres)), np.zeros(len(terms.cells), dtype=np.int64)
    start(terms, theta, cell)
    return _statistic(terms, signal, top, theta, cell, allocate(terms))


@kernel()
def both(
    structure: Structure,
    drawn: Ints,
    first_drawn: Ints,
    nominal: int,
    weight: float,
    bins: Ints,
    weights: Floats,
    first: Ints,
    exposure: Floats,
    centres: Floats,
    critical: Floats,
    bound: float,
    search_bound: float,
    answered: bool,
    evidence: Floats,
    classical: Floats,
    robust: Floats,
) -> None:
    """Limits of trials that have a sampled signal template each, by both finders.

    Parameters
    ----------
    structure
        See `zeptobarn.intervals.Structure`, of one detector; its signal's rows come first and are
        put aside.
    drawn
        Bins of the sampled recoils that passed, row after row and trial after trial.
    first_drawn
        Where each trial begins in ``drawn``, and the end of the last; shape (rows, trials + 1).
    nominal
        The signal's row at nominal shapes.
    weight
        Expected events of a sampled recoil at rate multiplier 1.
    bins, weights, first, exposure, centres
        See `zeptobarn.intervals.gather`; the last three with a row per trial.
    critical
        See `zeptobarn.intervals.interval`; the other finder takes its first value.
    bound, search_bound
        Largest rate multiplier, of the bracket and of ours.
    answered
        Whether ours is asked: its critical value is above 0.
    evidence
        Filled: expected events at rate multiplier 1 and nominal shapes, filled bins of the
        emptiest row, the number of the first event without density (NaN: all have), and the
        statistic at our best fit, from the other's, where the limits differ: below 0, its own is
        a local maximum; shape (trials, 4).
    classical, robust
        Filled: see `bracketed` and `zeptobarn.intervals.interval`, with signals as rate
        multipliers; shapes (trials, columns).
    """
    rows = len(first_drawn)
    density, expected = structure.density.copy(), structure.expected.copy()
    density[:, :rows], expected[:rows] = 0.0, 0.0
    own = Structure(
        density,
        structure.rows,
        expected,
        structure.sources,
        structure.anchors,
        structure.cells,
        structure.constraints,
        structure.spans,
    )
    room = make_room(own, first)
    terms, scratch = room.terms, allocate(room.terms)
    for t in range(len(first)):
        # The unit of the signal is one expected event, as everywhere.
        unit = max(first_drawn[nominal, t + 1] - first_drawn[nominal, t], 1)
        fewest, empty = inf, False
        for r in range(rows):
            filled = 0
            for i in range(first_drawn[r, t], first_drawn[r, t + 1]):
                if density[drawn[i], r] == 0.0:
                    filled += 1
                density[drawn[i], r] += 1.0 / unit
            expected[r] = (first_drawn[r, t + 1] - first_drawn[r, t]) / unit
            fewest = min(fewest, filled)
            empty = empty or filled == 0
        evidence[t, 0], evidence[t, 1] = weight * unit * expected[nominal], fewest
        missing = gather(own, room, bins, weights, first[t], exposure[t], centres[t])
        if missing >= 0:
            evidence[t, 2] = missing - first[t, 0]
            classical[t, STATUS] = robust[t, _ROBUST_STATUS] = _ZERO_DENSITY_EVENT
        elif missing == -2:
            classical[t, STATUS] = robust[t, _ROBUST_STATUS] = _NOT_CONVERGED
        else:
            per_event = 1.0 / (weight * unit)
            top = bracketed(terms, critical[0, 1], bound / per_event, classical[t])
            classical[t, LIMIT] *= per_event
            classical[t, BEST_FIT] *= per_event
            if answered and not empty:
                interval(terms, scratch, critical, False, search_bound / per_event, robust[t])
                robust[t, _ROBUST_LIMIT] *= per_event
                apart = abs(robust[t, _ROBUST_LIMIT] - classical[t, LIMIT])
                if apart > 1e-4 * classical[t, LIMIT]:
                    evidence[t, 3] = _statistic_at(terms, robust[t, _ROBUST_BEST_FIT], top)
                robust[t, _ROBUST_BEST_FIT] *= per_event
            if empty:
                # A density that is normalised would be 0/0 at the empty anchor.
                classical[t, LIMIT], classical[t, STATUS] = nan, _EMPTY_TEMPLATE
                robust[t, _ROBUST_STATUS] = _EMPTY_TEMPLATE
        for r in range(rows):
            for i in range(first_drawn[r, t], first_drawn[r, t + 1]):
                density[drawn[i], r] = 0.0
