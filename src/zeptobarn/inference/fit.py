"""Maximisation of the likelihood: Newton's method with bounds, cell by cell.

A kink at an anchor of a shape parameter traps a minimiser that steps across it. Here the maximum
of one cell is found, ends included; then every other cell is searched too, unless a bound shows
that it holds nothing higher. There are two:

- from a look at the cell: ln L is self-concordant where it is concave, so that it lies below its
  value at a point plus −λ − ln(1 − λ), with λ its Newton decrement there (Nesterov and Nemirovskii
  1994);
- at a given signal, without a look: the logarithm lies below its tangents, so that for any y > 0
  the events' Σ w ln D is at most Σ [w ln(w/y) − w + y D] (Fenchel's inequality), and what is on the
  right is linear in the densities D as these are in the rates, and along the shapes from anchor to
  anchor. With y = w/D at the maximum of one cell the sides are equal there: see `rule_out`.
"""

from math import inf, log, log1p, nan, sqrt
from typing import NamedTuple

import numpy as np

from zeptobarn.inference.likelihood import evaluate, tangents
from zeptobarn.inference.terms import LOG_NORMAL, NORMAL, UNCONSTRAINED, Terms, cell_number
from zeptobarn.support.jit import Bools, Floats, Ints, inner_kernel

# A step that promises less than this in 2 ln L is the last one: it is taken, and its gain added
# without another evaluation. The gain is then known to about the promise to the power 1.5.
_TOLERANCE = 1e-5
_MAX_STEPS = 200
_MAX_HALVINGS = 60
# A cell that cannot hold more than this above the best ln L is not looked at.
_NOTHING = 1e-7


class Scratch(NamedTuple):
    """Memory of a fit; after one, gradient and Hessian are those of its last evaluation."""

    gradient: Floats
    hessian: Floats
    work: Floats
    factor: Floats
    step: Floats
    # The point before a step, the slopes of what may rise, and the response to a unit of signal.
    previous: Floats
    slopes: Floats
    response: Floats
    active: Bools
    theta: Floats
    cell: Ints
    # Gradient and Hessian at the maximum that `maximise` found.
    best_gradient: Floats
    best_hessian: Floats
    # Of each cell: whether it is done, and the signal rate and ln L of its (predicted) maximum.
    done: Bools
    signal: Floats
    value: Floats
    # Of each cell: whether a first bound has shown that nothing higher lies at low signals.
    low: Bools
    # Of each free rate: how the events pull at it, and what it expects.
    up: Floats
    down: Floats
    # The tangent that was drawn last, see `touch`.
    tangent: Floats
    # Of each row: how the events pull at it, see `zeptobarn.inference.likelihood.tangents`.
    pulls: Floats
    # Whether no higher signal has a higher ln L than the signal that `maximise` held: a bound
    # shows it (True), or may be too weak to show it.
    falls: Bools
    evaluations: Ints


@inner_kernel()
def allocate(terms: Terms) -> Scratch:
    """Memory for fits of datasets with such terms."""
    size = len(terms.centres)
    cells = 1
    for p in range(len(terms.cells)):
        cells *= terms.cells[p]
    return Scratch(
        np.zeros(size),
        np.zeros((size, size)),
        np.empty((size + 1, max(terms.density.shape[1], 1))),
        np.zeros((size, size)),
        np.zeros(size),
        np.zeros(size),
        np.zeros(size),
        np.zeros(size),
        np.zeros(size, dtype=np.bool_),
        np.zeros(size),
        np.zeros(len(terms.cells), dtype=np.int64),
        np.zeros(size),
        np.zeros((size, size)),
        np.zeros(cells, dtype=np.bool_),
        np.empty(cells),
        np.empty(cells),
        np.zeros(cells, dtype=np.bool_),
        np.zeros(size),
        np.zeros(size),
        np.full(2, inf),
        np.zeros(len(terms.expected)),
        np.zeros(1, dtype=np.bool_),
        np.zeros(1, dtype=np.int64),
    )


@inner_kernel(_nrt=False)
def start(terms: Terms, theta: Floats, cell: Ints) -> None:
    """Put a fit at its natural start: one signal event, and all else where it is centred."""
    rates = len(theta) - len(cell)
    for p in range(rates):
        theta[p] = terms.centres[p]
    for p in range(len(cell)):
        anchors, at = terms.anchors[p], terms.centres[rates + p]
        k = 0
        while k < terms.cells[p] - 1 and at > anchors[k + 1]:
            k += 1
        cell[p] = k
        share = (at - anchors[k]) / (anchors[k + 1] - anchors[k])
        theta[rates + p] = min(max(share, 0.0), 1.0)


@inner_kernel(_nrt=False)
def maximise(terms: Terms, signal: float, theta: Floats, cell: Ints, scratch: Scratch) -> float:
    """Maximise ln L over all cells, from a point (overwritten by the maximum).

    ``signal`` is the rate that the signal is held at; NaN lets it free.

    Returns
    -------
    ln L; NaN where the fit did not converge.
    """
    s = scratch
    size, shapes = len(theta), len(cell)
    rates, held = size - shapes, not np.isnan(signal)
    for k in range(len(s.done)):
        s.done[k], s.signal[k], s.value[k] = False, nan, -inf
    s.falls[0] = False
    if not held:
        s.tangent[0] = inf  # that of another dataset, it may be
    value = maximise_anyhow(terms, signal, theta, cell, s)
    here = cell_number(terms.cells, cell)
    s.done[here], s.signal[here], s.value[here] = True, theta[0], value
    _keep_best(s)
    better = True
    while not np.isnan(value):
        # First the cell across an edge that the maximum lies on: where it goes on, as a rule.
        there = _across(terms.cells, cell, theta, rates, s.done) if better else -1
        if there < 0:
            if better and shapes > 0 and held:
                # The tangent that was drawn last often shows enough.
                if not _ruled_out(terms, signal, value, s):
                    rule_out(terms, signal, value, theta, cell, s)
            elif better and shapes > 0:
                rule_out_free(terms, value, theta, cell, s)
            better = False
            # The nearest cell that is left, and its point that is nearest to the maximum.
            there = _nearest(terms.cells, cell, s.done)
        if there < 0:
            break
        s.done[there] = True
        _place(terms.cells, there, s.cell)
        for p in range(rates):
            s.theta[p] = theta[p]
        for p in range(shapes):
            s.theta[rates + p] = theta[rates + p]
            if s.cell[p] != cell[p]:
                s.theta[rates + p] = 0.0 if s.cell[p] > cell[p] else 1.0
        found = evaluate(terms, s.cell, s.theta, s.gradient, s.hessian, s.work)
        s.evaluations[0] += 1
        ceiling = inf
        if found > -inf:
            decrement = _decrement(s.theta, rates, held, s)
            if decrement < 0.99:
                ceiling = found - decrement - log1p(-decrement)
        s.signal[there], s.value[there] = s.theta[0] + s.step[0], ceiling
        if ceiling > value:
            if found == -inf:
                found = maximise_anyhow(terms, signal, s.theta, s.cell, s)
            else:
                found = maximise_cell(terms, s.cell, signal, s.theta, s)
            if np.isnan(found):
                return nan
            s.signal[there], s.value[there] = s.theta[0], found
            if found > value:
                value, better = found, True
                copy_point(s.theta, s.cell, theta, cell)
                _keep_best(s)
    return value if value > -inf else nan


@inner_kernel(_nrt=False)
def rule_out(
    terms: Terms, signal: float, value: float, theta: Floats, cell: Ints, scratch: Scratch
) -> None:
    """Mark the cells as done where no ln L lies above ``value``, by one look at the events.

    The signal's rate is held, and there is a shape. Whether no higher rate has a higher ln L
    lands in ``scratch.falls``. Where a free background depends on a shape, or a constraint is
    log-normal, nothing is shown.

    Parameters
    ----------
    value
        The highest ln L known at this signal.
    theta, cell
        A point, best that of ``value``: the closer, the more is shown.
    """
    touch(terms, theta, cell, scratch)
    _ruled_out(terms, signal, value, scratch)


@inner_kernel(_nrt=False)
def _ruled_out(terms: Terms, signal: float, value: float, scratch: Scratch) -> bool:
    """Mark what the last tangent shows, see `rule_out`; whether no cell is left."""
    s = scratch
    bound, share, all_done = s.tangent[0], s.tangent[1], True
    s.falls[0] = bound < inf
    if not bound < inf:
        return False
    for number in range(len(s.done)):
        _place(terms.cells, number, s.cell)
        above, steepest = _above(terms, signal, share, s.cell, s)
        if bound + above <= value + _NOTHING:
            s.done[number] = True
        else:
            s.falls[0] = False
        if steepest > 0.0:
            s.falls[0] = False
        all_done = all_done and s.done[number]
    return all_done


@inner_kernel(_nrt=False)
def rule_out_free(terms: Terms, value: float, theta: Floats, cell: Ints, scratch: Scratch) -> None:
    """Mark the cells as done where no ln L lies above ``value``, whatever the signal.

    Along the signal the bound from one point is convex: it is below ``value`` in between, where it
    is so at two signals. One from the best fit serves the signals up to a middle, and one from a
    signal three standard deviations higher serves those beyond, if it falls there.

    Parameters
    ----------
    value, theta, cell
        The highest ln L known, and its point; that of `recall_best`.
    """
    s = scratch
    recall_best(s)
    size, rates = len(theta), len(theta) - len(cell)
    gain, _, curvature = follow(theta, rates, s)
    further = theta[0] + (3.0 / sqrt(curvature) if gain < inf and curvature > 0.0 else inf)
    for p in range(1, size):
        to = max(theta[p] + s.response[p] * (further - theta[0]), 0.0)
        s.theta[p] = to if p < rates else min(to, 1.0)
    s.theta[0] = further
    middle = 0.5 * (theta[0] + further)
    touch(terms, theta, cell, s)
    bound, share = s.tangent[0], s.tangent[1]
    left = False
    for number in range(len(s.done)):
        _place(terms.cells, number, s.cell)
        above, steepest = _above(terms, 0.0, share, s.cell, s)
        below = bound + above <= value + _NOTHING
        if below and steepest <= 0.0:
            s.done[number] = True
        elif below and middle < inf:
            above, _ = _above(terms, middle, share, s.cell, s)
            below = bound + above <= value + _NOTHING
            left = left or below
        s.low[number] = below
    if left:
        touch(terms, s.theta, cell, s)
        bound, share = s.tangent[0], s.tangent[1]
        for number in range(len(s.done)):
            if s.low[number] and not s.done[number]:
                _place(terms.cells, number, s.cell)
                above, steepest = _above(terms, middle, share, s.cell, s)
                s.done[number] = bound + above <= value + _NOTHING and steepest <= 0.0


@inner_kernel(_nrt=False)
def ceiling(terms: Terms, signal: float, scratch: Scratch) -> float:
    """Give what ln L at a signal does not exceed, by the tangent that was drawn last.

    It is a convex function of the signal; infinity where there is no tangent.
    """
    s = scratch
    bound, share = s.tangent[0], s.tangent[1]
    if not bound < inf:
        return inf
    highest = -inf
    if len(s.cell) == 0:
        highest, _ = _linear(terms, signal, share, s.cell, 0, s)
    else:
        for number in range(len(s.done)):
            _place(terms.cells, number, s.cell)
            above, _ = _above(terms, signal, share, s.cell, s)
            highest = max(highest, above)
    return float(bound + highest)


@inner_kernel(_nrt=False)
def touch(terms: Terms, theta: Floats, cell: Ints, scratch: Scratch) -> None:
    """Bound ln L everywhere by its tangent at a point, and keep that.

    In ``scratch.tangent`` lands what of the bound depends neither on the shapes nor on the signal,
    infinity where there is none; and a factor for `_above`.
    """
    s = scratch
    rates = len(theta) - len(cell)
    s.tangent[0], s.tangent[1] = inf, 1.0
    # Of each free background: what pulls its rate up, and what it expects.
    up, down = s.up, s.down
    for p in range(rates):
        up[p] = down[p] = 0.0
        if terms.constraints[p, 0] == LOG_NORMAL:
            return
    for k in range(len(terms.sources)):
        if terms.sources[k, 1] > 0:
            for p in range(3, terms.sources.shape[1]):
                if terms.sources[k, p] > 0:
                    return
    logarithms, events = tangents(terms, cell, theta, s.pulls, s.work)
    if not logarithms > -inf:
        return
    for k in range(len(terms.sources)):
        free, row = terms.sources[k, 1], terms.sources[k, 2]
        if free > 0:
            up[free] += s.pulls[row]
            down[free] += terms.exposure[terms.sources[k, 0]] * terms.expected[row]
    share = _share(terms, theta, rates, up, down)
    if not share > 0.0:
        return
    bound = logarithms - events * (1.0 + log(share))
    for p in range(1, rates):
        if terms.constraints[p, 0] == NORMAL:
            bound += _highest(0.0, share * up[p] - down[p], 0.0, inf, terms, p)
    s.tangent[0], s.tangent[1] = bound, share


@inner_kernel(inline="always")
def _share(terms: Terms, theta: Floats, rates: int, up: Floats, down: Floats) -> float:
    """Factor on w/D which makes y of it: no unconstrained background gains by a higher rate.

    It is 1 at a maximum. A little beside one, a factor that leaves a rate no slope costs less of
    the bound than its slope does.
    """
    share = inf
    for p in range(1, rates):
        if terms.constraints[p, 0] == UNCONSTRAINED and theta[p] > 0.0 and up[p] > 0.0:
            share = min(share, down[p] / up[p])
    if share > 1.01:
        share = 1.0
    for p in range(1, rates):
        if terms.constraints[p, 0] == UNCONSTRAINED and share * up[p] > down[p]:
            share = down[p] / up[p]
    return share


@inner_kernel(_nrt=False)
def _above(
    terms: Terms, signal: float, share: float, cell: Ints, scratch: Scratch
) -> tuple[float, float]:
    """Highest value in a cell of the part of the bound that depends on the shapes.

    It is a multilinear function plus the shapes' constraints. Along the first shape its maximum
    is exact; along the others a constraint lies above its chord by at most h²/8 (in ln L), with h
    the cell's length in widths of the constraint, and what is multilinear is highest at a corner.

    Returns
    -------
    That value, and the steepest rise of the bound with the signal at a corner.
    """
    shapes = len(cell)
    rates = len(terms.centres) - shapes
    highest, steepest = -inf, -inf
    for corner in range(0, 1 << shapes, 2):
        low, rise = _linear(terms, signal, share, cell, corner, scratch)
        steepest = max(steepest, rise)
        high, rise = _linear(terms, signal, share, cell, corner + 1, scratch)
        steepest = max(steepest, rise)
        left, right = terms.anchors[0, cell[0]], terms.anchors[0, cell[0] + 1]
        slope = (high - low) / (right - left)
        found = _highest(low - slope * left, slope, left, right, terms, rates)
        for p in range(1, shapes):
            at = terms.anchors[p, cell[p] + ((corner >> p) & 1)]
            found += _highest(0.0, 0.0, at, at, terms, rates + p)
            if terms.constraints[rates + p, 0] == NORMAL:
                length = terms.anchors[p, cell[p] + 1] - terms.anchors[p, cell[p]]
                found += 0.125 * (length / terms.constraints[rates + p, 1]) ** 2
        highest = max(highest, found)
    return highest, steepest


@inner_kernel(inline="always")
def _highest(
    offset: float, slope: float, low: float, high: float, terms: Terms, parameter: int
) -> float:
    """Maximum between two values of a parameter of a straight line plus its constraint."""
    if terms.constraints[parameter, 0] == UNCONSTRAINED:
        return offset + max(slope * low, slope * high)
    centre, width = terms.centres[parameter], terms.constraints[parameter, 1]
    at = min(max(centre + width * width * slope, low), high)
    pull = (at - centre) / width
    return float(offset + slope * at - 0.5 * pull * pull)


@inner_kernel(inline="always")
def _linear(
    terms: Terms, signal: float, share: float, cell: Ints, corner: int, scratch: Scratch
) -> tuple[float, float]:
    """Σ y D less the expected events at a corner of a cell, free backgrounds left out.

    Also, how it rises with the signal.
    """
    found, rise = 0.0, 0.0
    for k in range(len(terms.sources)):
        free, row = terms.sources[k, 1], terms.sources[k, 2]
        if free > 0:
            continue
        for p in range(len(cell)):
            row += terms.sources[k, 3 + p] * (cell[p] + ((corner >> p) & 1))
        part = share * scratch.pulls[row]
        part -= terms.exposure[terms.sources[k, 0]] * terms.expected[row]
        if free == 0:
            rise += part
        else:
            found += part
    return found + signal * rise, rise


@inner_kernel(_nrt=False)
def maximise_anyhow(
    terms: Terms, signal: float, theta: Floats, cell: Ints, scratch: Scratch
) -> float:
    """Maximise inside a cell; where the start has no density, from inside it."""
    held = not np.isnan(signal)
    value = maximise_cell(terms, cell, signal, theta, scratch)
    if value == -inf:
        rates = len(theta) - len(cell)
        for p in range(len(theta)):
            if p >= rates:
                theta[p] = 0.5
            elif p > 0 or not held:
                theta[p] = max(terms.centres[p], 1e-3)
        value = maximise_cell(terms, cell, signal, theta, scratch)
    return value


@inner_kernel(_nrt=False)
def maximise_cell(
    terms: Terms, cell: Ints, signal: float, theta: Floats, scratch: Scratch
) -> float:
    """Maximise ln L inside one cell, rates ≥ 0, from ``theta`` (overwritten by the maximum).

    Returns
    -------
    ln L; minus infinity where an event has no density at the start, NaN where the fit did not
    converge.
    """
    gradient, hessian, work = scratch.gradient, scratch.hessian, scratch.work
    factor, step, active = scratch.factor, scratch.step, scratch.active
    previous = scratch.previous
    size = len(theta)
    rates, held = size - len(cell), not np.isnan(signal)
    if held:
        theta[0] = signal
    # Each pass evaluates once: at the start, after a Newton step, or after half of one that was
    # too long.
    old, length, hit, promise, halvings = -inf, 0.0, -1, 0.0, 0
    for p in range(size):
        previous[p], step[p] = theta[p], 0.0
    for _ in range(_MAX_STEPS):
        for p in range(size):
            theta[p] = previous[p] + length * step[p]
        if hit >= 0:
            # Exactly on its bound: rounding must not leave it beside it.
            theta[hit] = 1.0 if hit >= rates and step[hit] > 0.0 else 0.0
        value = evaluate(terms, cell, theta, gradient, hessian, work)
        scratch.evaluations[0] += 1
        if old == -inf and not value > -inf:
            return value
        if value < old + 1e-4 * length * promise:
            if abs(value - old) <= 1e-12 * max(1.0, abs(old)):
                return value  # as high as rounding lets it see
            length, hit, halvings = 0.5 * length, -1, halvings + 1
            if halvings > _MAX_HALVINGS:
                return nan
            continue
        activate(theta, rates, gradient, held, active)
        promise = newton_step(gradient, hessian, active, factor, step)
        while _hold_outward(theta, rates, step, active):
            promise = newton_step(gradient, hessian, active, factor, step)
        length, hit = _room(theta, rates, step, active)
        if promise < _TOLERANCE:
            if hit < 0:
                for p in range(size):
                    theta[p] += step[p]
                value += 0.5 * promise
            return value
        for p in range(size):
            previous[p] = theta[p]
        old, halvings = value, 0
    return nan


@inner_kernel(_nrt=False)
def follow(theta: Floats, rates: int, scratch: Scratch) -> tuple[float, float, float]:
    """Quadratic model of the profiled ln L in the signal rate, from the last evaluation.

    The nuisances' way to their maximum at this signal lands in ``scratch.step``, their response
    to a unit of signal in ``scratch.response``.

    Returns
    -------
    gain
        What 2 ln L gains on the way to the profile; infinity where ln L is not concave.
    slope, curvature
        First derivative of the profiled ln L in the signal rate, and minus the second.
    """
    s = scratch
    activate(theta, rates, s.gradient, True, s.active)
    if not _cholesky(s.hessian, s.active, 0.0, s.factor):
        for p in range(len(theta)):
            s.step[p] = s.response[p] = 0.0
        return inf, 0.0, 0.0
    gain = substitute(s.gradient, s.active, s.factor, s.step)
    slope = float(s.gradient[0])
    for p in range(1, len(theta)):
        slope += s.hessian[0, p] * s.step[p]
    coupled = substitute(s.hessian[0], s.active, s.factor, s.response)
    return gain, slope, -s.hessian[0, 0] - coupled


@inner_kernel(inline="always")
def _keep_best(s: Scratch) -> None:
    for p in range(len(s.gradient)):
        s.best_gradient[p] = s.gradient[p]
        for q in range(len(s.gradient)):
            s.best_hessian[p, q] = s.hessian[p, q]


@inner_kernel(inline="always")
def recall_best(s: Scratch) -> None:
    """Put back the gradient and Hessian at the maximum that `maximise` found."""
    for p in range(len(s.gradient)):
        s.gradient[p] = s.best_gradient[p]
        for q in range(len(s.gradient)):
            s.hessian[p, q] = s.best_hessian[p, q]


@inner_kernel(inline="always")
def copy_point(theta: Floats, cell: Ints, to: Floats, to_cell: Ints) -> None:
    """Copy parameters and their cell."""
    for p in range(len(theta)):
        to[p] = theta[p]
    for p in range(len(cell)):
        to_cell[p] = cell[p]


@inner_kernel(inline="always")
def _place(cells: Ints, number: int, cell: Ints) -> None:
    """Inverse of `cell_number`."""
    for p in range(len(cells) - 1, -1, -1):
        cell[p] = number % cells[p]
        number //= cells[p]


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
    if not _cholesky(s.hessian, s.active, 0.0, s.factor):
        for p in range(size):
            s.step[p] = 0.0
        return inf
    return sqrt(substitute(s.slopes, s.active, s.factor, s.step))


@inner_kernel(inline="always")
def activate(theta: Floats, rates: int, gradient: Floats, held: bool, active: Bools) -> None:
    """Mark the parameters that may move: not held, not pressed against a bound."""
    for p in range(len(theta)):
        at_bottom = theta[p] <= 0.0 and gradient[p] <= 0.0
        at_top = p >= rates and theta[p] >= 1.0 and gradient[p] >= 0.0
        active[p] = not (at_bottom or at_top or (held and p == 0))


@inner_kernel(inline="always")
def _hold_outward(theta: Floats, rates: int, step: Floats, active: Bools) -> bool:
    """Hold the parameters on a bound that the step would carry across it; whether there are any."""
    found = False
    for p in range(len(theta)):
        outward = (theta[p] <= 0.0 and step[p] < 0.0) or (
            p >= rates and theta[p] >= 1.0 and step[p] > 0.0
        )
        if active[p] and outward:
            active[p] = False
            found = True
    return found


@inner_kernel(inline="always")
def _room(theta: Floats, rates: int, step: Floats, active: Bools) -> tuple[float, int]:
    """Share of the step (at most 1) up to the first bound, and which parameter meets it."""
    length, hit = 1.0, -1
    for p in range(len(theta)):
        if active[p] and (step[p] < 0.0 or (p >= rates and step[p] > 0.0)):
            room = ((0.0 if step[p] < 0.0 else 1.0) - theta[p]) / step[p]
            if room < length:
                length, hit = max(room, 0.0), p
    return length, hit


@inner_kernel(inline="always")
def newton_step(
    gradient: Floats, hessian: Floats, active: Bools, factor: Floats, step: Floats
) -> float:
    """Solve −H step = gradient over the active parameters; H is damped where not concave.

    Returns
    -------
    gradient · step: twice the gain in ln L that the step promises.
    """
    # Without events there is no curvature: the gradient then keeps the step finite.
    largest = 1e-300
    for p in range(len(gradient)):
        if active[p]:
            largest = max(largest, abs(hessian[p, p]), abs(gradient[p]))
    damping = 0.0
    while not _cholesky(hessian, active, damping, factor):
        damping = max(10.0 * damping, 1e-10 * largest)
    return substitute(gradient, active, factor, step)


@inner_kernel(inline="always")
def substitute(gradient: Floats, active: Bools, factor: Floats, step: Floats) -> float:
    """Solve with the factor of −H; gives gradient · step."""
    size = len(gradient)
    product = 0.0
    for p in range(size):
        step[p] = gradient[p] if active[p] else 0.0
        for q in range(p):
            step[p] -= factor[p, q] * step[q]
        step[p] /= factor[p, p]
    for p in range(size - 1, -1, -1):
        for q in range(p + 1, size):
            step[p] -= factor[q, p] * step[q]
        step[p] /= factor[p, p]
        if active[p]:
            product += gradient[p] * step[p]
    return product


@inner_kernel(inline="always")
def _cholesky(hessian: Floats, active: Bools, damping: float, factor: Floats) -> bool:
    """Factor −H + damping, with unit rows for inactive parameters; False where not positive."""
    for p in range(len(active)):
        for q in range(p + 1):
            found = -hessian[p, q] if active[p] and active[q] else 0.0
            if p == q:
                found = found + damping if active[p] else 1.0
            diagonal = found
            for r in range(q):
                found -= factor[p, r] * factor[q, r]
            if p != q:
                factor[p, q] = found / factor[q, q]
            elif found > 1e-13 * diagonal and found > 0.0:
                factor[p, p] = sqrt(found)
            elif np.isnan(found):
                factor[p, p] = nan
            else:
                return False
    return True
