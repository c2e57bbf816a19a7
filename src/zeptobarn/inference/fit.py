"""Maximisation of the likelihood: Newton's method with bounds, cell by cell.

A kink at an anchor of a shape parameter traps a minimiser that steps across it. Here the maximum
of one cell is found, ends included; then every other cell is searched too, unless a bound shows
that it holds nothing higher. There are two:

- from a look at the cell: ln L is self-concordant where it is concave, so that it lies below its
  value at a point plus −λ − ln(1 − λ), with λ its Newton decrement there (Nesterov and Nemirovskii
  1994);
- without a look at the cell: see `zeptobarn.inference.bounds`.
"""

from math import inf, log1p, nan, sqrt

import numpy as np

from zeptobarn.inference.bounds import place, rule_out, rule_out_free, ruled_out
from zeptobarn.inference.likelihood import evaluate
from zeptobarn.inference.newton import (
    Scratch,
    activate,
    copy_point,
    factorise,
    keep_best,
    maximise_anyhow,
    maximise_cell,
    substitute,
)
from zeptobarn.inference.terms import Terms, cell_number
from zeptobarn.support.jit import Bools, Floats, Ints, inner_kernel

# So often at most a fit leaves its cell on the way to the first maximum.
_MOST_LEAPS = 3


@inner_kernel(_nrt=False)
def start(terms: Terms, theta: Floats, cell: Ints) -> None:
    """Put a fit at its natural start: all parameters where they are centred, rates at least 0."""
    rates = len(theta) - len(cell)
    for p in range(rates):
        theta[p] = max(terms.centres[p], 0.0)
    for p in range(len(cell)):
        _put(terms, p, terms.centres[rates + p], theta, cell)


@inner_kernel(inline="always")
def _put(terms: Terms, p: int, at: float, theta: Floats, cell: Ints) -> None:
    """Put a shape parameter at a value, or at the anchor that is nearest to it."""
    anchors, k = terms.anchors[p], 0
    while k < terms.cells[p] - 1 and at > anchors[k + 1]:
        k += 1
    cell[p] = k
    share = (at - anchors[k]) / (anchors[k + 1] - anchors[k])
    theta[len(theta) - len(cell) + p] = min(max(share, 0.0), 1.0)


@inner_kernel(_nrt=False)
def _land(terms: Terms, theta: Floats, cell: Ints) -> None:
    """Put a point that has left its cell into that where it lies."""
    rates = len(theta) - len(cell)
    for p in range(rates):
        theta[p] = max(theta[p], 0.0)
    for p in range(len(cell)):
        low, high = terms.anchors[p, cell[p]], terms.anchors[p, cell[p] + 1]
        _put(terms, p, low + theta[rates + p] * (high - low), theta, cell)


@inner_kernel(_nrt=False)
def maximise(terms: Terms, signal: float, theta: Floats, cell: Ints, scratch: Scratch) -> float:
    """Maximise ln L over all cells, from a point (overwritten by the maximum).

    ``signal`` is the rate that the signal is held at; NaN lets it free.

    Returns
    -------
    ln L; minus infinity where an event has no density at this signal whatever the nuisances, NaN
    where the fit did not converge.
    """
    s = scratch
    size, shapes = len(theta), len(cell)
    rates, held = size - shapes, not np.isnan(signal)
    for k in range(len(s.done)):
        s.done[k], s.signal[k], s.value[k] = False, nan, -inf
    s.falls[0] = False
    if not held:
        s.tangent[0] = inf  # that of another dataset, it may be
    value = maximise_anyhow(terms, signal, theta, cell, s, not held)
    for leaps in range(_MOST_LEAPS):
        if value < inf:
            break
        _land(terms, theta, cell)
        value = maximise_anyhow(terms, signal, theta, cell, s, leaps < _MOST_LEAPS - 1)
    here = cell_number(terms.cells, cell)
    s.done[here], s.signal[here], s.value[here] = True, theta[0], value
    keep_best(s)
    better = True
    while not np.isnan(value):
        # First the cell across an edge that the maximum lies on: where it goes on, as a rule.
        there = _across(terms.cells, cell, theta, rates, s.done) if better else -1
        if there < 0:
            if better and shapes > 0 and held:
                # The tangent that was drawn last often shows enough.
                if not ruled_out(terms, signal, value, s):
                    rule_out(terms, signal, value, theta, cell, s)
            elif better and shapes > 0:
                rule_out_free(terms, value, theta, cell, s)
            better = False
            # The nearest cell that is left, and its point that is nearest to the maximum.
            there = _nearest(terms.cells, cell, s.done)
        if there < 0:
            break
        s.done[there] = True
        place(terms.cells, there, s.cell)
        for p in range(rates):
            s.theta[p] = theta[p]
        for p in range(shapes):
            s.theta[rates + p] = theta[rates + p]
            if s.cell[p] != cell[p]:
                s.theta[rates + p] = 0.0 if s.cell[p] > cell[p] else 1.0
        value_there = evaluate(terms, s.cell, s.theta, s.gradient, s.hessian, s.work)
        s.evaluations[0] += 1
        ceiling = inf
        if value_there > -inf:
            decrement = _decrement(s.theta, rates, held, s)
            if decrement < 0.99:
                ceiling = value_there - decrement - log1p(-decrement)
        s.signal[there], s.value[there] = s.theta[0] + s.step[0], ceiling
        if ceiling > value:
            if value_there == -inf:
                value_there = maximise_anyhow(terms, signal, s.theta, s.cell, s, False)
            else:
                value_there = maximise_cell(terms, s.cell, signal, s.theta, s, False)
            if np.isnan(value_there):
                return nan
            s.signal[there], s.value[there] = s.theta[0], value_there
            if value_there > value:
                value, better = value_there, True
                copy_point(s.theta, s.cell, theta, cell)
                keep_best(s)
    return value


@inner_kernel(inline="always")
def _nearest(cells: Ints, cell: Ints, done: Bools) -> int:
    """Number of the nearest cell that is not done; −1: all are."""
    nearest, least = -1, 1 << 40
    for number in range(len(done)):
        if not done[number]:
            distance, rest = 0, number
            for p in range(len(cells) - 1, -1, -1):
                distance += abs(rest % cells[p] - cell[p])
                rest //= cells[p]
            if distance < least:
                nearest, least = number, distance
    return nearest


@inner_kernel(inline="always")
def _across(cells: Ints, cell: Ints, theta: Floats, rates: int, done: Bools) -> int:
    """Number of a cell that is not done across an edge that a point lies on; −1: there is none."""
    stride, number = 1, cell_number(cells, cell)
    for p in range(len(cells) - 1, -1, -1):
        if theta[rates + p] <= 0.0 and cell[p] > 0 and not done[number - stride]:
            return number - stride
        if theta[rates + p] >= 1.0 and cell[p] < cells[p] - 1 and not done[number + stride]:
            return number + stride
        stride *= cells[p]
    return -1


@inner_kernel(inline="always")
def _decrement(theta: Floats, rates: int, held: bool, s: Scratch) -> float:
    """Newton decrement of what may rise; infinity where ln L is not concave.

    A parameter that presses against its bound cannot rise: its slope counts as 0. The step that
    comes with it lands in ``s.step``.
    """
    size = len(theta)
    activate(theta, rates, s.gradient, held, s.active)
    for p in range(size):
        s.slopes[p] = s.gradient[p] if s.active[p] else 0.0
        s.active[p] = not (held and p == 0)
    if not factorise(s.hessian, s.active, 0.0, s.factor):
        for p in range(size):
            s.step[p] = 0.0
        return inf
    return sqrt(substitute(s.slopes, s.active, s.factor, s.step))
