"""Newton's method with bounds, inside one cell of the shape parameters."""

from math import inf, nan, sqrt
from typing import NamedTuple

import numpy as np

from zeptobarn.inference.likelihood import evaluate
from zeptobarn.inference.terms import Terms
from zeptobarn.support.jit import Bools, Floats, Ints, inner_kernel

# A step that promises less than this in 2 ln L is the last one: it is taken, and its gain added
# without another evaluation. The gain is then known to about the promise to the power 1.5.
_TOLERANCE = 1e-5
_MAX_STEPS = 200
_MAX_HALVINGS = 60


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
    # Of a step that goes on along a bound: the model's gradient there, its next part, the point.
    model: Floats
    part: Floats
    point: Floats
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
        np.empty((size + 2, max(terms.density.shape[1], 1))),
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
        np.zeros(size),
        np.zeros(size),
        np.zeros(size),
        np.zeros(1, dtype=np.bool_),
        np.zeros(1, dtype=np.int64),
    )


@inner_kernel(_nrt=False)
def maximise_anyhow(
    terms: Terms, signal: float, theta: Floats, cell: Ints, scratch: Scratch, leave: bool
) -> float:
    """Maximise inside a cell; where the start has no density, from inside it."""
    held = not np.isnan(signal)
    value = maximise_cell(terms, cell, signal, theta, scratch, leave)
    if value == -inf:
        rates = len(theta) - len(cell)
        for p in range(len(theta)):
            if p >= rates:
                theta[p] = 0.5
            elif p > 0 or not held:
                theta[p] = max(terms.centres[p], 1e-3)
        value = maximise_cell(terms, cell, signal, theta, scratch, leave)
    return value


@inner_kernel(_nrt=False)
def maximise_cell(
    terms: Terms, cell: Ints, signal: float, theta: Floats, scratch: Scratch, leave: bool
) -> float:
    """Maximise ln L inside one cell, rates ≥ 0, from ``theta`` (overwritten by the maximum).

    Parameters
    ----------
    leave
        Whether to leave the cell where a step goes beyond it.

    Returns
    -------
    ln L; minus infinity where an event has no density at the start, NaN where the fit did not
    converge; infinity where it left the cell, for ``theta``.
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
    old, length, hits, promise, halvings = -inf, 0.0, 0, 0.0, 0
    for p in range(size):
        previous[p], step[p] = theta[p], 0.0
    for _ in range(_MAX_STEPS):
        for p in range(size):
            theta[p] = previous[p] + length * step[p]
            if (hits >> p) & 1:
                # Exactly on its bound: rounding must not leave it beside it.
                theta[p] = 1.0 if p >= rates and step[p] > 0.0 else 0.0
        value = evaluate(terms, cell, theta, gradient, hessian, work)
        scratch.evaluations[0] += 1
        if old == -inf and not value > -inf:
            return value
        if value < old + 1e-4 * length * promise:
            if abs(value - old) <= 1e-12 * max(1.0, abs(old)):
                return value  # as high as rounding lets it see
            length, hits, halvings = 0.5 * length, 0, halvings + 1
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
        old, halvings, hits = value, 0, 0
        if hit >= 0:
            hits, promise = _along(theta, rates, length, hit, scratch, leave)
            length = 1.0
            if leave and hits >> rates:
                for p in range(size):
                    theta[p] += step[p]
                return inf
    return nan


@inner_kernel(_nrt=False)
def _along(
    theta: Floats, rates: int, length: float, hit: int, s: Scratch, leave: bool
) -> tuple[int, float]:
    """Let a step that meets a bound go on along it, by the same quadratic model.

    Parameters
    ----------
    length, hit
        Share of ``s.step`` up to the bound, and the parameter that meets it.
    leave
        Whether the step ends beyond an edge of the cell, where it meets one.

    Returns
    -------
    Which parameters are on a bound then, a bit each; and the gradient times the whole step, which
    ``s.step`` holds.
    """
    size, hits = len(theta), 1 << hit
    if leave and hit >= rates:
        return hits, 0.0
    for p in range(size):
        s.step[p] *= length
    for _ in range(size):
        s.active[hit] = False
        for p in range(size):
            s.point[p], s.model[p] = theta[p] + s.step[p], s.gradient[p]
            for q in range(size):
                s.model[p] += s.hessian[p, q] * s.step[q]
            if (hits >> p) & 1:
                s.point[p] = 1.0 if p >= rates and s.step[p] > 0.0 else 0.0
        newton_step(s.model, s.hessian, s.active, s.factor, s.part)
        while _hold_outward(s.point, rates, s.part, s.active):
            newton_step(s.model, s.hessian, s.active, s.factor, s.part)
        length, hit = _room(s.point, rates, s.part, s.active)
        beyond = leave and hit >= rates
        for p in range(size):
            s.step[p] += s.part[p] if beyond else length * s.part[p]
        if hit < 0:
            break
        hits |= 1 << hit
        if beyond:
            break
    promise = 0.0
    for p in range(size):
        promise += s.gradient[p] * s.step[p]
    return hits, promise


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
    if not factorise(s.hessian, s.active, 0.0, s.factor):
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
def keep_best(s: Scratch) -> None:
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
def activate(theta: Floats, rates: int, gradient: Floats, held: bool, active: Bools) -> None:
    """Mark the parameters that may move: not held, not pressed against a bound."""
    for p in range(len(theta)):
        at_bottom = theta[p] <= 0.0 and gradient[p] <= 0.0
        at_top = p >= rates and theta[p] >= 1.0 and gradient[p] >= 0.0
        active[p] = not (at_bottom or at_top or (held and p == 0))


@inner_kernel(inline="always")
def _hold_outward(theta: Floats, rates: int, step: Floats, active: Bools) -> bool:
    """Hold the parameters on a bound that the step would carry across it; whether there are any."""
    held_any = False
    for p in range(len(theta)):
        outward = (theta[p] <= 0.0 and step[p] < 0.0) or (
            p >= rates and theta[p] >= 1.0 and step[p] > 0.0
        )
        if active[p] and outward:
            active[p] = False
            held_any = True
    return held_any


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
    while not factorise(hessian, active, damping, factor):
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
def factorise(hessian: Floats, active: Bools, damping: float, factor: Floats) -> bool:
    """Factor −H + damping, with unit rows for inactive parameters; False where not positive."""
    for p in range(len(active)):
        for q in range(p + 1):
            entry = -hessian[p, q] if active[p] and active[q] else 0.0
            if p == q:
                entry = entry + damping if active[p] else 1.0
            diagonal = entry
            for r in range(q):
                entry -= factor[p, r] * factor[q, r]
            if p != q:
                factor[p, q] = entry / factor[q, q]
            elif entry > 1e-13 * diagonal and entry > 0.0:
                factor[p, p] = sqrt(entry)
            elif np.isnan(entry):
                factor[p, p] = nan
            else:
                return False
    return True
