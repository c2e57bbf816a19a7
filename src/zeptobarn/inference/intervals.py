"""Test statistics, confidence intervals, and a status for each.

The statistics (EPJC 71 (2011) 1554), of a signal rate μ, with the best fit bounded at 0:

- t̃: −2 ln of the likelihood at μ over its maximum. A two-sided interval holds every μ where t̃
  is at most the critical value (``unified``, with the ordering of Feldman and Cousins, and
  ``central``).
- q̃: t̃ above the best fit, 0 below it: upper limits (``upper``).
- q₀: t̃ of no signal, 0 where the best fit is 0: discovery.

A critical value is a number, or a table over μ (see `zeptobarn.inference.calibration`).
"""

from math import inf, nan
from typing import Any, NamedTuple

import numpy as np

from zeptobarn.inference.crossing import HIGHER, SLACK, carry, statistic_at
from zeptobarn.inference.ends import ends, shape_value, status_at_bound
from zeptobarn.inference.fit import maximise, start
from zeptobarn.inference.newton import Scratch, allocate, copy_point, follow, recall_best
from zeptobarn.inference.status import Status
from zeptobarn.inference.structure import Structure, gather, make_room
from zeptobarn.inference.terms import Terms
from zeptobarn.support.jit import Floats, Ints, inner_kernel, kernel

_NOT_CONVERGED = int(Status.not_converged)
_NO_CROSSING = int(Status.no_crossing)
_OK = int(Status.ok)
_ZERO_DENSITY_EVENT = int(Status.zero_density_event)


class Results(NamedTuple):
    """Confidence intervals of n datasets by each of T tables of critical values.

    Attributes
    ----------
    low, limit
        The ends, shape (T, n); NaN where there is none.
    best_fit
        The signal rate that fits best, shape (T, n).
    status
        A `zeptobarn.inference.status.Status`, shape (T, n).
    evidence
        Number of the first event without density, where that is the status; shape (T, n).
    evaluations
        Of the likelihood, for all tables together; shape (T, n).
    nuisances
        The free rates that fit best (without the signal's), then the shape parameters; shape
        (T, n, F + P − 1).
    """

    low: Floats
    limit: Floats
    best_fit: Floats
    status: Ints
    evidence: Floats
    evaluations: Ints
    nuisances: Floats


def no_results(datasets: tuple[int, ...], nuisances: int) -> Results:
    """Results to be filled, all `Status.not_converged`, of any shape."""
    low, limit, best_fit, evidence = np.full((4, *datasets), np.nan)
    return Results(
        low,
        limit,
        best_fit,
        np.full(datasets, _NOT_CONVERGED),
        evidence,
        np.zeros(datasets, dtype=np.int64),
        np.full((*datasets, nuisances), np.nan),
    )


def select(results: Results, chosen: Any) -> Results:
    """Give the results of some tables and datasets, chosen by an index of the first axes."""
    return Results(*(column[chosen] for column in results))


@inner_kernel()
def set_interval(
    terms: Terms,
    scratch: Scratch,
    critical: Floats,
    tables: Ints,
    two_sided: bool,
    bound: float,
    results: Results,
    number: int,
) -> None:
    """Confidence intervals of the signal rate of one dataset, from one fit.

    Parameters
    ----------
    terms
        See `zeptobarn.inference.terms.Terms`.
    scratch
        From `zeptobarn.inference.newton.allocate`.
    critical
        Critical values > 0, table after table: rows of signal rate, critical value, and what makes
        statistics the same, shape (rows, 3). A single row of a table holds everywhere. Several are
        tested from the first to the last signal, and where an interval ends between two of them,
        the value is linear in between. Where the third is not NaN, the values are statistics of
        toys, which the data's own may be one of: within that of the critical value it counts as
        the same, and holds up to the next signal; so does one that is accepted where the critical
        value falls by more than that.
    tables
        First row of each table, and the end of the last, shape (T + 1,).
    two_sided
        Whether signals below the best fit are tested too, and the interval has a lower end.
    bound
        Largest signal rate tried.
    results, number
        Filled at the dataset's number.
    """
    scratch.evaluations[0] = 0
    size, shapes = len(terms.centres), len(terms.cells)
    theta, cell = np.empty(size), np.zeros(shapes, dtype=np.int64)
    best, best_cell = np.empty(size), np.zeros(shapes, dtype=np.int64)
    start(terms, theta, cell)
    for _ in range(10):
        # What an earlier, lower maximum gave does not stand.
        for t in range(len(tables) - 1):
            results.status[t, number] = _NOT_CONVERGED
            results.low[t, number], results.limit[t, number] = nan, nan
        top = maximise(terms, nan, theta, cell, scratch)
        if not top > -inf:
            break
        copy_point(theta, cell, best, best_cell)
        maxima, depths = scratch.signal.copy(), scratch.value.copy()
        slopes, bends = scratch.best_gradient.copy(), scratch.best_hessian.copy()
        status = _NOT_CONVERGED
        for t in range(len(tables) - 1):
            copy_point(best, best_cell, theta, cell)
            scratch.best_gradient[:], scratch.best_hessian[:] = slopes, bends
            table = critical[tables[t] : tables[t + 1]]
            low, high, status = ends(
                terms, table, two_sided, bound, top, maxima, depths, theta, cell, scratch
            )
            if status == HIGHER:
                # On the way a better maximum came up: fit again from there.
                break
            if status == _OK:
                status = status_at_bound(terms, best, best_cell)
            results.status[t, number] = status
            if status < _NO_CROSSING:
                results.low[t, number], results.limit[t, number] = low, high
            if status != _NOT_CONVERGED:
                _keep_fit(terms, best, best_cell, results, t, number)
        if status != HIGHER:
            break
    for t in range(len(tables) - 1):
        results.evaluations[t, number] = scratch.evaluations[0]


@inner_kernel(_nrt=False)
def _keep_fit(
    terms: Terms, best: Floats, cell: Ints, results: Results, table: int, number: int
) -> None:
    """Fill the results of a best fit."""
    shapes = len(cell)
    rates = len(best) - shapes
    results.best_fit[table, number] = best[0]
    nuisances = results.nuisances[table, number]
    for p in range(1, rates):
        nuisances[p - 1] = best[p]
    for p in range(shapes):
        nuisances[rates - 1 + p] = shape_value(terms, p, cell[p], best[rates + p])


@inner_kernel()
def statistics_of_one(
    terms: Terms, s: Scratch, signals: Floats, fits: Floats, curves: Floats
) -> float:
    """t̃ of one dataset at several signal rates, and the parameters that are best there.

    ``fits`` is filled: shape (signals, 1 + F + P); t̃ is infinite where an event has no density
    whatever the nuisances, which then say nothing, and NaN where a fit failed; and ``curves``, the
    first two derivatives of t̃ in the signal rate, shape (2, signals). Gives the best-fit signal
    rate, NaN where its fit failed.
    """
    size, shapes = len(terms.centres), len(terms.cells)
    rates = size - shapes
    best, best_cell = np.empty(size), np.zeros(shapes, dtype=np.int64)
    theta, cell = np.empty(size), np.zeros(shapes, dtype=np.int64)
    start(terms, best, best_cell)
    for _ in range(10):
        top = maximise(terms, nan, best, best_cell, s)
        if not top > -inf:
            break
        recall_best(s)
        follow(best, rates, s)
        copy_point(best, best_cell, theta, cell)
        lowest = 0.0
        for k in range(len(signals)):
            # From the last signal's fit, along its response.
            carry(theta, rates, signals[k], s)
            fits[k, 0] = statistic_at(terms, signals[k], top, theta, cell, s)
            lowest = min(lowest, fits[k, 0])
            if lowest < -SLACK:
                break
            fits[k, 0] = max(fits[k, 0], 0.0)
            gain, slope, curvature = follow(theta, rates, s)
            curves[0, k] = -2.0 * (slope if gain < inf else s.gradient[0])
            curves[1, k] = 2.0 * curvature
            for p in range(size):
                fits[k, 1 + p] = theta[p]
                if p >= rates:
                    fits[k, 1 + p] = shape_value(terms, p - rates, cell[p - rates], theta[p])
        if lowest >= -SLACK:
            return float(best[0])
        # A better maximum came up: fit again from there.
        copy_point(theta, cell, best, best_cell)
    for k in range(len(signals)):
        fits[k, 0] = nan
    return nan


@kernel()
def set_intervals(
    structure: Structure,
    bins: Ints,
    weights: Floats,
    first: Ints,
    exposure: Floats,
    centres: Floats,
    critical: Floats,
    tables: Ints,
    two_sided: bool,
    bound: float,
    results: Results,
) -> None:
    """Confidence intervals of many likelihoods, each by itself.

    Parameters
    ----------
    bins, weights, first, exposure, centres
        See `zeptobarn.inference.structure.gather`; the last three with a row per likelihood.
    critical, tables, two_sided, bound
        See `set_interval`.
    results
        From `no_results`; filled.
    """
    room = make_room(structure, first)
    scratch = allocate(room.terms)
    for d in range(len(first)):
        missing = gather(structure, room, bins, weights, first[d], exposure[d], centres[d])
        if missing == -1:
            set_interval(room.terms, scratch, critical, tables, two_sided, bound, results, d)
        elif missing >= 0:
            for t in range(len(tables) - 1):
                results.status[t, d] = _ZERO_DENSITY_EVENT
                results.evidence[t, d] = missing - first[d, 0]


@kernel()
def statistics_at(
    structure: Structure,
    bins: Ints,
    weights: Floats,
    first: Ints,
    exposure: Floats,
    centres: Floats,
    signals: Floats,
    best: Floats,
    fits: Floats,
    curves: Floats,
) -> None:
    """t̃ of many likelihoods at the same signal rates.

    Parameters
    ----------
    bins, weights, first, exposure, centres
        See `zeptobarn.inference.structure.gather`; the last three with a row per likelihood.
    signals
        Signal rates, shape (n,).
    best
        Filled: the best-fit signal rates, shape (likelihoods,).
    fits
        Filled: t̃, and the free rates and shape parameters that are best at that signal; shape
        (likelihoods, n, 1 + F + P). t̃ is infinite where an event has no density at that signal,
        and NaN where a fit failed or an event has no density at any.
    curves
        Filled: the first two derivatives of t̃ in the signal rate, shape (likelihoods, 2, n).
    """
    room = make_room(structure, first)
    scratch = allocate(room.terms)
    for d in range(len(first)):
        missing = gather(structure, room, bins, weights, first[d], exposure[d], centres[d])
        for k in range(len(signals)):
            fits[d, k, 0] = nan
        best[d] = nan
        if missing == -1:
            best[d] = statistics_of_one(room.terms, scratch, signals, fits[d], curves[d])
