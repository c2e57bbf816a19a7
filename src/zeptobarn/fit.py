"""Maximisation of the likelihood: Newton's method with bounds, cell by cell.

A kink at an anchor of the shape parameter traps a minimiser that steps across it. Here each cell
between two anchors is solved for itself, ends included, and the best of them is the answer.
"""

from math import inf, nan, sqrt
from typing import NamedTuple

import numpy as np

from zeptobarn.jit import Bools, Floats, Ints, inner_kernel
from zeptobarn.likelihood import Terms, evaluate

# A step that promises less than this in 2 ln L is the last one: it is taken, and its gain added
# without another evaluation.
_TOLERANCE = 1e-6
_MAX_STEPS = 200
_MAX_HALVINGS = 60


class Fits(NamedTuple):
    """The maximum of each cell: parameters, ln L, and its slope in the signal rate."""

    theta: Floats
    value: Floats
    slope: Floats


class Scratch(NamedTuple):
    """Memory of a fit; after one, gradient and Hessian are those at its end."""

    gradient: Floats
    hessian: Floats
    work: Floats
    factor: Floats
    step: Floats
    before: Floats
    active: Bools
    evaluations: Ints


@inner_kernel()
def allocate(terms: Terms) -> tuple[Fits, Scratch]:
    """Fits and Scratch for a dataset."""
    anchors, sources, n = terms.density.shape
    size = sources  # the free rates and the position in a cell
    cells = max(anchors - 1, 1)
    fits = Fits(np.empty((cells, size)), np.empty(cells), np.empty(cells))
    scratch = Scratch(
        np.zeros(size),
        np.zeros((size, size)),
        np.empty((2 * size, max(n, 1))),
        np.zeros((size, size)),
        np.zeros(size),
        np.zeros(size),
        np.zeros(size, dtype=np.bool_),
        np.zeros(1, dtype=np.int64),
    )
    return fits, scratch


@inner_kernel()
def best_fit(terms: Terms, start: Floats, first: int, fits: Fits, scratch: Scratch) -> int:
    """Maximise over the signal rate and all nuisances, from ``start`` in the cell ``first``.

    The other cells follow outwards, each from its neighbour's maximum at the anchor they share.

    Returns
    -------
    The cell that holds the maximum, −1 where a fit failed.
    """
    cells, last = len(fits.value), len(start) - 1
    for k in range(first, cells):
        _start_from(fits, k, start if k == first else fits.theta[k - 1], 0.0)
        if k == first:
            fits.theta[k, last] = start[last]
        _fit_cell(terms, k, nan, fits, scratch)
    for k in range(first - 1, -1, -1):
        _start_from(fits, k, fits.theta[k + 1], 1.0)
        _fit_cell(terms, k, nan, fits, scratch)
    return _winner(fits.value)


@inner_kernel()
def _start_from(fits: Fits, cell: int, theta: Floats, position: float) -> None:
    for s in range(len(theta) - 1):
        fits.theta[cell, s] = theta[s]
    fits.theta[cell, len(theta) - 1] = position


@inner_kernel()
def profile(terms: Terms, signal: float, fits: Fits, scratch: Scratch) -> int:
    """Maximise over the nuisances at a signal rate; every cell starts from its last maximum.

    Returns
    -------
    The cell that holds the maximum, −1 where a fit failed.
    """
    for k in range(len(fits.value)):
        profile_cell(terms, signal, k, fits, scratch)
    return _winner(fits.value)


@inner_kernel()
def profile_cell(terms: Terms, signal: float, cell: int, fits: Fits, scratch: Scratch) -> None:
    """Maximise over the nuisances at a signal rate inside one cell."""
    fits.theta[cell, 0] = signal
    _fit_cell(terms, cell, signal, fits, scratch)


@inner_kernel()
def profiled_curvature(terms: Terms, cell: int, theta: Floats, scratch: Scratch) -> float:
    """Second derivative of −ln L in the signal rate, nuisances following, at a maximum."""
    s = scratch
    evaluate(terms, cell, theta, s.gradient, s.hessian, s.work)
    s.evaluations[0] += 1
    _activate(theta, s.gradient, True, terms.density.shape[0] > 1, s.active)
    coupling = s.hessian[0].copy()
    along = float(-s.hessian[0, 0])
    return along - _newton_step(coupling, s.hessian, s.active, s.factor, s.step)


@inner_kernel()
def maximise_cell(terms: Terms, cell: int, held: bool, theta: Floats, scratch: Scratch) -> float:
    """Maximise ln L inside one cell, rates ≥ 0, from ``theta`` (overwritten by the maximum).

    ``held`` says whether the signal rate stays as it is.

    Returns
    -------
    ln L; minus infinity where an event has no density at the start, NaN where the fit did not
    converge.
    """
    gradient, hessian, work = scratch.gradient, scratch.hessian, scratch.work
    factor, step, before, active = scratch.factor, scratch.step, scratch.before, scratch.active
    size, shaped = len(theta), terms.density.shape[0] > 1
    # Each pass evaluates once: at the start, after a Newton step, or after half of one that was
    # too long.
    old, length, hit, promise, halvings = -inf, 0.0, -1, 0.0, 0
    for p in range(size):
        before[p], step[p] = theta[p], 0.0
    for _ in range(_MAX_STEPS):
        for p in range(size):
            theta[p] = before[p] + length * step[p]
        if hit >= 0:
            # Exactly on its bound: rounding must not leave it beside it.
            theta[hit] = 1.0 if hit == size - 1 and step[hit] > 0.0 else 0.0
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
        _activate(theta, gradient, held, shaped, active)
        promise = _newton_step(gradient, hessian, active, factor, step)
        while _hold_outward(theta, step, active):
            promise = _newton_step(gradient, hessian, active, factor, step)
        length, hit = _room(theta, step, active)
        if promise < _TOLERANCE:
            if hit < 0:
                for p in range(size):
                    theta[p] += step[p]
                value += 0.5 * promise
            return value
        for p in range(size):
            before[p] = theta[p]
        old, halvings = value, 0
    return nan


@inner_kernel()
def _fit_cell(terms: Terms, cell: int, signal: float, fits: Fits, scratch: Scratch) -> None:
    """Maximise inside one cell, the signal rate held unless it is NaN."""
    theta, held = fits.theta[cell], not np.isnan(signal)
    value = maximise_cell(terms, cell, held, theta, scratch)
    if value == -inf:
        # No density at the start: try inside the cell, with every source present.
        for s in range(len(theta) - 1):
            if s > 0 or not held:
                theta[s] = terms.rate_centre[s]
        theta[-1] = 0.5
        value = maximise_cell(terms, cell, held, theta, scratch)
    fits.value[cell] = value
    fits.slope[cell] = scratch.gradient[0]


@inner_kernel()
def _winner(values: Floats) -> int:
    winner = 0
    for k in range(len(values)):
        if np.isnan(values[k]):
            return -1
        if values[k] > values[winner]:
            winner = k
    return winner if values[winner] > -inf else -1


@inner_kernel()
def _activate(theta: Floats, gradient: Floats, held: bool, shaped: bool, active: Bools) -> None:
    """Mark the parameters that may move: not held, not pressed against a bound."""
    last = len(theta) - 1
    for p in range(len(theta)):
        at_bottom = theta[p] <= 0.0 and gradient[p] <= 0.0
        at_top = p == last and theta[p] >= 1.0 and gradient[p] >= 0.0
        absent = (held and p == 0) or (p == last and not shaped)
        active[p] = not (at_bottom or at_top or absent)


@inner_kernel()
def _hold_outward(theta: Floats, step: Floats, active: Bools) -> bool:
    """Hold the parameters on a bound that the step would carry across it; whether there are any."""
    last = len(theta) - 1
    found = False
    for p in range(len(theta)):
        outward = (theta[p] <= 0.0 and step[p] < 0.0) or (
            p == last and theta[p] >= 1.0 and step[p] > 0.0
        )
        if active[p] and outward:
            active[p] = False
            found = True
    return found


@inner_kernel()
def _room(theta: Floats, step: Floats, active: Bools) -> tuple[float, int]:
    """Share of the step (at most 1) up to the first bound, and which parameter meets it."""
    last = len(theta) - 1
    length, hit = 1.0, -1
    for p in range(len(theta)):
        if active[p] and (step[p] < 0.0 or (p == last and step[p] > 0.0)):
            room = ((0.0 if step[p] < 0.0 else 1.0) - theta[p]) / step[p]
            if room < length:
                length, hit = max(room, 0.0), p
    return length, hit


@inner_kernel()
def _newton_step(
    gradient: Floats, hessian: Floats, active: Bools, factor: Floats, step: Floats
) -> float:
    """Solve −H step = gradient over the active parameters; H is damped where not concave.

    Returns
    -------
    gradient · step: twice the gain in ln L that the step promises.
    """
    size = len(gradient)
    # Without events there is no curvature: the gradient then keeps the step finite.
    largest = 1e-300
    for p in range(size):
        if active[p]:
            largest = max(largest, abs(hessian[p, p]), abs(gradient[p]))
    damping = 0.0
    while not _cholesky(hessian, active, damping, factor):
        damping = max(10.0 * damping, 1e-10 * largest)
    promise = 0.0
    for p in range(size):
        step[p] = gradient[p] if active[p] else 0.0
        for q in range(p):
            step[p] -= factor[p, q] * step[q]
        step[p] /= factor[p, p]
    for p in range(size - 1, -1, -1):
        for q in range(p + 1, size):
            step[p] -= factor[q, p] * step[q]
        step[p] /= factor[p, p]
        promise += gradient[p] * step[p]
    return promise


@inner_kernel()
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
