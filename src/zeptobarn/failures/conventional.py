"""The conventional limit: Brent's method on a fixed bracket, for the failure study.

What many analyses do: fit, then look for a root of t(μ) − Φ⁻¹(CL)² between the best fit and a
largest signal that was chosen beforehand, with Brent's method (Algorithms for Minimization without
Derivatives, 1973, chapter 4). The likelihood and its fits are those of
`zeptobarn.inference.intervals`; only the search differs. For a limit, use
`zeptobarn.inference.intervals`, which needs no bracket.
"""

from math import nan
from typing import NamedTuple

import numpy as np
import scipy

from zeptobarn.inference.fit import maximise, start
from zeptobarn.inference.intervals import Results, set_interval
from zeptobarn.inference.newton import Scratch, allocate
from zeptobarn.inference.status import Status
from zeptobarn.inference.structure import Structure, gather, make_room
from zeptobarn.inference.terms import Terms
from zeptobarn.support.jit import Floats, Ints, inner_kernel, kernel

# As scipy's brentq has them.
_ABSOLUTE, _RELATIVE, _MOST_STEPS = 2e-12, 8.881784197001252e-16, 100

_OK = int(Status.ok)
_NO_CROSSING = int(Status.no_crossing)
_EMPTY_TEMPLATE = int(Status.empty_template)
_ZERO_DENSITY_EVENT = int(Status.zero_density_event)
_NOT_CONVERGED = int(Status.not_converged)


class Bracketed(NamedTuple):
    """What the conventional method finds in each trial, shape (n,) each.

    Attributes
    ----------
    limit, best_fit
        In expected events, or as rate multipliers.
    statistic_low, statistic_high
        The statistic at the ends of the bracket.
    evaluations
        Of the statistic.
    status
        A `zeptobarn.inference.status.Status`.
    """

    limit: Floats
    best_fit: Floats
    statistic_low: Floats
    statistic_high: Floats
    evaluations: Ints
    status: Ints


class Evidence(NamedTuple):
    """What explains the limits of each trial, shape (n,) each.

    Attributes
    ----------
    expected
        Expected events at rate multiplier 1 and nominal shapes.
    filled_bins
        Filled bins of the emptiest row of the signal.
    missing
        Number of the first event without density; −1: all have some.
    at_best
        Where the limits differ, the statistic at our best fit, from the other's: below 0, its own
        is a local maximum; else NaN.
    """

    expected: Floats
    filled_bins: Ints
    missing: Ints
    at_best: Floats


def no_bracketed(n: int) -> Bracketed:
    """Results to be filled."""
    limit, best_fit, low, high = np.full((4, n), np.nan)
    evaluations, status = np.zeros((2, n), dtype=np.int64)
    return Bracketed(limit, best_fit, low, high, evaluations, status + _NOT_CONVERGED)


def no_evidence(n: int) -> Evidence:
    """Evidence to be filled."""
    expected, at_best = np.full((2, n), np.nan)
    filled_bins, missing = np.zeros((2, n), dtype=np.int64)
    return Evidence(expected, filled_bins, missing - 1, at_best)


def critical_value(confidence_level: float) -> float:
    """Φ⁻¹(CL)², as the conventional recipe has it: the same for CL and 1 − CL, 0 at 0.5.

    Examples
    --------
    >>> round(critical_value(0.9), 4), critical_value(0.5)
    (1.6424, 0.0)
    >>> abs(critical_value(0.45) - critical_value(0.55)) < 1e-12
    True
    """
    return float(scipy.special.ndtri(confidence_level) ** 2)


@inner_kernel()
def bracketed(
    terms: Terms, critical: float, bound: float, results: Bracketed, number: int
) -> float:
    """Upper limit of one dataset by Brent's method between the best fit and a bound.

    Parameters
    ----------
    terms
        See `zeptobarn.inference.terms.Terms`.
    critical
        Critical value.
    bound
        Upper end of the bracket (the signal's unit).
    results, number
        Filled at the trial's number. ``no_crossing``: the statistic minus the critical
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
    results.limit[number], results.best_fit[number] = nan, best
    results.statistic_low[number], results.statistic_high[number] = low, high
    results.evaluations[number], results.status[number] = 2, _NOT_CONVERGED
    if np.isnan(top) or np.isnan(high):
        return top
    a, b = best, bound
    at_a, at_b = low - critical, high - critical
    if at_a == 0.0 or at_b == 0.0:
        results.limit[number], results.status[number] = (a if at_a == 0.0 else b), _OK
        return top
    if (at_a > 0.0) == (at_b > 0.0):
        results.status[number] = _NO_CROSSING
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
            results.limit[number], results.status[number] = near, _OK
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
        results.evaluations[number] += 1
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
    zero = x * at_y * at_z / ((at_x - at_y) * (at_x - at_z))
    zero += y * at_x * at_z / ((at_y - at_x) * (at_y - at_z))
    return zero + z * at_x * at_y / ((at_z - at_x) * (at_z - at_y))


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
    critical: float,
    bound: float,
    search_bound: float,
    answered: bool,
    evidence: Evidence,
    conventional: Bracketed,
    robust: Results,
) -> None:
    """Limits of trials that have a sampled signal template each, by both finders.

    Parameters
    ----------
    structure
        See `zeptobarn.inference.structure.Structure`, of one detector; its signal's rows come first
        and are put aside.
    drawn
        Bins of the sampled recoils that passed, row after row and trial after trial.
    first_drawn
        Where each trial begins in ``drawn``, and the end of the last; shape (rows, trials + 1).
    nominal
        The signal's row at nominal shapes.
    weight
        Expected events of a sampled recoil at rate multiplier 1.
    bins, weights, first, exposure, centres
        See `zeptobarn.inference.structure.gather`; the last three with a row per trial.
    critical
        Critical value, at any signal.
    bound, search_bound
        Largest rate multiplier, of the bracket and of ours.
    answered
        Whether ours is asked: its critical value is above 0.
    evidence, conventional, robust
        Filled, with signals as rate multipliers; the last from
        `zeptobarn.inference.intervals.no_results` with one table.
    """
    own = _without_signal(structure, len(first_drawn))
    room = make_room(own, first)
    terms, scratch = room.terms, allocate(room.terms)
    table, tables = np.array([[0.0, critical, nan]]), np.array([0, 1])
    for t in range(len(first)):
        # The unit of the signal is one expected event, as everywhere.
        unit = max(first_drawn[nominal, t + 1] - first_drawn[nominal, t], 1)
        fewest = _put_in(own, drawn, first_drawn, t, unit)
        empty = fewest == 0
        evidence.expected[t] = weight * unit * own.expected[nominal]
        evidence.filled_bins[t] = fewest
        missing = gather(own, room, bins, weights, first[t], exposure[t], centres[t])
        if missing >= 0:
            evidence.missing[t] = missing - first[t, 0]
            conventional.status[t] = robust.status[0, t] = _ZERO_DENSITY_EVENT
        elif missing == -2:
            conventional.status[t] = robust.status[0, t] = _NOT_CONVERGED
        else:
            per_event = 1.0 / (weight * unit)
            top = bracketed(terms, critical, bound / per_event, conventional, t)
            conventional.limit[t] *= per_event
            conventional.best_fit[t] *= per_event
            if answered and not empty:
                ceiling = search_bound / per_event
                set_interval(terms, scratch, table, tables, False, ceiling, robust, t)
                robust.limit[0, t] *= per_event
                apart = abs(robust.limit[0, t] - conventional.limit[t])
                if apart > 1e-4 * conventional.limit[t]:
                    evidence.at_best[t] = _statistic_at(terms, robust.best_fit[0, t], top)
                robust.best_fit[0, t] *= per_event
            if empty:
                # A density that is normalised would be 0/0 at the empty anchor.
                conventional.limit[t], conventional.status[t] = nan, _EMPTY_TEMPLATE
                robust.status[0, t] = _EMPTY_TEMPLATE
        _take_out(own, drawn, first_drawn, t)


@inner_kernel()
def _without_signal(structure: Structure, rows: int) -> Structure:
    """Copy a structure without what the signal's rows, the first ones, expect."""
    density, expected = structure.density.copy(), structure.expected.copy()
    density[:, :rows], expected[:rows] = 0.0, 0.0
    return Structure(
        density,
        structure.rows,
        expected,
        structure.sources,
        structure.anchors,
        structure.cells,
        structure.constraints,
        structure.spans,
    )


@inner_kernel()
def _put_in(own: Structure, drawn: Ints, first_drawn: Ints, trial: int, unit: int) -> int:
    """Put a trial's sampled template in; return the filled bins of its emptiest row.

    Parameters
    ----------
    own
        From `_without_signal`.
    unit
        Recoils that are one expected event.
    """
    fewest = len(own.density)
    for r in range(len(first_drawn)):
        filled = 0
        for i in range(first_drawn[r, trial], first_drawn[r, trial + 1]):
            if own.density[drawn[i], r] == 0.0:
                filled += 1
            own.density[drawn[i], r] += 1.0 / unit
        own.expected[r] = (first_drawn[r, trial + 1] - first_drawn[r, trial]) / unit
        fewest = min(fewest, filled)
    return fewest


@inner_kernel()
def _take_out(own: Structure, drawn: Ints, first_drawn: Ints, trial: int) -> None:
    """Take a trial's sampled template out again, where it filled bins."""
    for r in range(len(first_drawn)):
        for i in range(first_drawn[r, trial], first_drawn[r, trial + 1]):
            own.density[drawn[i], r] = 0.0
