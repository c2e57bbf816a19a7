"""The extended unbinned likelihood: compiled value, gradient and Hessian.

ln L = −Σ_s r_s μ_s(t) + Σ_i ln Σ_s r_s f_s(x_i | t) + constraints

with rates r_s, expected counts μ_s and differential rates f_s, both linear in the shape
parameter t between its anchors (so that every source stays normalised). A *cell* is the stretch
between two anchors; inside one, all is smooth, and at a fixed signal rate ln L is
concave if no other free rate's source depends on t.
"""

from math import inf, log
from typing import NamedTuple

from zeptobarn.jit import Floats, inner_kernel, kernel


class Terms(NamedTuple):
    """What the likelihood of one dataset is made of.

    There are S = F + 1 sources: the signal, the other free ones, and last the sum of all
    sources with fixed rates. K anchors of the shape parameter; K = 1: the shape is fixed.

    Attributes
    ----------
    density
        Differential rates at the events, in any unit that is the same for all sources of an
        event, shape (K, S, n).
    expected
        Expected events, shape (K, S).
    rate_centre, rate_width
        Normal constraint of each free rate, shape (F,); an infinite width is no constraint.
    anchors
        Values of the shape parameter, shape (K,).
    shape_centre
        Centre of the shape parameter's unit-normal constraint.
    """

    density: Floats
    expected: Floats
    rate_centre: Floats
    rate_width: Floats
    anchors: Floats
    shape_centre: float


# Four sums side by side, in an order that stands here: a compiler left to reorder them (fastmath)
# gives other last digits in a fresh compilation than from its cache.


@inner_kernel()
def _sum(x: Floats, n: int) -> float:
    a = b = c = d = 0.0
    fours = n - n % 4
    for i in range(0, fours, 4):
        a += x[i]
        b += x[i + 1]
        c += x[i + 2]
        d += x[i + 3]
    for i in range(fours, n):
        a += x[i]
    return (a + b) + (c + d)


@inner_kernel()
def _dot(x: Floats, y: Floats, n: int) -> float:
    a = b = c = d = 0.0
    fours = n - n % 4
    for i in range(0, fours, 4):
        a += x[i] * y[i]
        b += x[i + 1] * y[i + 1]
        c += x[i + 2] * y[i + 2]
        d += x[i + 3] * y[i + 3]
    for i in range(fours, n):
        a += x[i] * y[i]
    return (a + b) + (c + d)


@kernel()
def evaluate(
    terms: Terms, cell: int, theta: Floats, gradient: Floats, hessian: Floats, work: Floats
) -> float:
    """ln L with its gradient and Hessian, up to a constant of the dataset.

    Parameters
    ----------
    terms
        See `Terms`.
    cell
        Which cell of the shape parameter (0 where it is fixed).
    theta
        The F free rates and the position in the cell, 0 … 1 (unused where the shape is fixed).
    gradient, hessian
        Filled; shapes (F + 1,) and (F + 1, F + 1).
    work
        Scratch, shape (2 F + 2, ≥ n).

    Returns
    -------
    ln L; minus infinity where an event has no density.
    """
    density, expected = terms.density, terms.expected
    n_cells = density.shape[0] - 1
    free = density.shape[1] - 1
    n = density.shape[2]
    a = theta[free]
    gradient[:] = 0.0
    hessian[:] = 0.0
    value = 0.0
    total, slope = work[0], work[1]

    low = density[cell]
    if n_cells:
        high = density[cell + 1]
        for i in range(n):
            change = high[free, i] - low[free, i]
            total[i] = low[free, i] + a * change
            slope[i] = change
        for s in range(free):
            rate, mixed, changes = theta[s], work[2 + s], work[2 + free + s]
            for i in range(n):
                change = high[s, i] - low[s, i]
                found = low[s, i] + a * change
                mixed[i] = found
                changes[i] = change
                total[i] += rate * found
                slope[i] += rate * change
    else:
        for i in range(n):
            total[i] = low[free, i]
        for s in range(free):
            rate = theta[s]
            for i in range(n):
                total[i] += rate * low[s, i]

    # One logarithm and one division per four events: 1/a = bcd / abcd. Densities are scaled to
    # about one per event, so that no product overflows or vanishes.
    fours = n - n % 4
    for i in range(0, fours, 4):
        a1, a2, a3, a4 = total[i], total[i + 1], total[i + 2], total[i + 3]
        left, right = a1 * a2, a3 * a4
        value += log(left * right)
        inverse = 1.0 / (left * right)
        total[i] = inverse * a2 * right
        total[i + 1] = inverse * a1 * right
        total[i + 2] = inverse * a4 * left
        total[i + 3] = inverse * a3 * left
    for i in range(fours, n):
        value += log(total[i])
        total[i] = 1.0 / total[i]
    if not value > -inf:
        return -inf

    for s in range(free):
        mixed = work[2 + s]
        source = mixed if n_cells else low[s]
        for i in range(n):
            mixed[i] = source[i] * total[i]
        gradient[s] = _sum(mixed, n)
        for other in range(s + 1):
            hessian[s, other] = -_dot(mixed, work[2 + other], n)
    if n_cells:
        for i in range(n):
            slope[i] *= total[i]
        gradient[free] = _sum(slope, n)
        hessian[free, free] = -_dot(slope, slope, n)
        for s in range(free):
            changed = _dot(work[2 + free + s], total, n)
            hessian[free, s] = changed - _dot(work[2 + s], slope, n)

    for s in range(free + 1):
        rate = theta[s] if s < free else 1.0
        mean = expected[cell, s]
        if n_cells:
            change = expected[cell + 1, s] - mean
            mean += a * change
            gradient[free] -= rate * change
            if s < free:
                hessian[free, s] -= change
        value -= rate * mean
        if s < free:
            gradient[s] -= mean

    for s in range(free):
        if terms.rate_width[s] < inf:
            pull = (theta[s] - terms.rate_centre[s]) / terms.rate_width[s]
            value -= 0.5 * pull * pull
            gradient[s] -= pull / terms.rate_width[s]
            hessian[s, s] -= 1.0 / terms.rate_width[s] ** 2
    if n_cells:
        width = terms.anchors[cell + 1] - terms.anchors[cell]
        pull = terms.anchors[cell] + a * width - terms.shape_centre
        value -= 0.5 * pull * pull
        gradient[free] -= pull * width
        hessian[free, free] -= width * width
    for s in range(free + 1):
        for other in range(s):
            hessian[other, s] = hessian[s, other]
    return value
