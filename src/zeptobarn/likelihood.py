"""The extended likelihood: compiled value, gradient and Hessian.

ln L = Σ_d [−e_d Σ_s r_s μ_s(t) + Σ_i w_i ln Σ_s r_s f_s(x_i | t)] + constraints

over datasets d (one, or several that share parameters), with exposures e, rates r, expected
counts μ, differential rates f, and weights w: 1 for an event, the number of events where several
share a bin, expected events in an Asimov dataset, counts where bins take the place of events.

Every μ and f is multilinear in the shape parameters t between its anchors, so that it stays
normalised: a weighted sum of *rows*, one per anchor of the source. A *cell* is the box between
neighbouring anchors; inside one, all is smooth, and at a fixed signal rate ln L is concave if
there is one shape parameter, no free background depends on it and no constraint is log-normal.
"""

from math import inf, log
from typing import NamedTuple

from zeptobarn.jit import Floats, Ints, inner_kernel, kernel

# Kinds of constraint, as `Terms.constraints` has them.
UNCONSTRAINED, NORMAL, LOG_NORMAL = range(3)


class Terms(NamedTuple):
    """What a likelihood is made of: F free rates, the signal's first, and P shape parameters.

    Attributes
    ----------
    density
        Differential rate of each row at each distinct event of its dataset, in any unit that is
        the same for all rows of an event; shape (rows, n).
    roots
        Square root of each event's weight, shape (datasets, n).
    counts
        Distinct events of each dataset, and how many of them, the first ones, have weight 1;
        shape (datasets, 2).
    expected
        Expected events of each row, shape (rows,).
    exposure
        Factor on the expected events of each dataset, shape (datasets,).
    sources
        Of each source: its dataset, the index of its free rate (−1: its rate is 1), its first
        row, and how many rows on the next anchor of each shape parameter is (0: the source does
        not depend on it); shape (sources, 3 + P), sorted by dataset.
    anchors
        Values of the shape parameters at their anchors, padded; shape (P, K).
    cells
        Number of cells along each shape parameter, shape (P,).
    constraints
        Kind and width of each parameter's constraint, rates before shapes; shape (F + P, 2).
    centres
        Where each constraint is centred, shape (F + P,); for the others, where a fit may start.
    """

    density: Floats
    roots: Floats
    counts: Ints
    expected: Floats
    exposure: Floats
    sources: Ints
    anchors: Floats
    cells: Ints
    constraints: Floats
    centres: Floats


@kernel()
def evaluate(
    terms: Terms, cell: Ints, theta: Floats, gradient: Floats, hessian: Floats, work: Floats
) -> float:
    """ln L with its gradient and Hessian, up to a constant of the data.

    Parameters
    ----------
    terms
        See `Terms`.
    cell
        Which cell along each shape parameter, shape (P,).
    theta
        The F free rates and the P positions in the cell, 0 … 1.
    gradient, hessian
        Filled; shapes (F + P,) and (F + P, F + P).
    work
        Scratch, shape (F + P + 1, ≥ n).

    Returns
    -------
    ln L; minus infinity where an event has no density.
    """
    size = len(theta)
    for p in range(size):
        gradient[p] = 0.0
        for q in range(size):
            hessian[p, q] = 0.0
    value, first = 0.0, 0
    for dataset in range(len(terms.exposure)):
        last = first
        while last < len(terms.sources) and terms.sources[last, 0] == dataset:
            last += 1
        value += _dataset(terms, dataset, first, last, cell, theta, gradient, hessian, work)
        if not value > -inf:
            return -inf
        first = last
    value += _constraints(terms, cell, theta, gradient, hessian)
    for p in range(size):
        for q in range(p):
            hessian[q, p] = hessian[p, q]
    return value


@inner_kernel(inline="always")
def _dataset(
    terms: Terms,
    dataset: int,
    first: int,
    last: int,
    cell: Ints,
    theta: Floats,
    gradient: Floats,
    hessian: Floats,
    work: Floats,
) -> float:
    """Add a dataset's part of gradient and Hessian (its lower triangle); gives that of ln L."""
    sources, density, roots = terms.sources, terms.density, terms.roots
    size, shapes = len(theta), len(cell)
    rates = size - shapes
    n, single = terms.counts[dataset, 0], terms.counts[dataset, 1]
    exposure = terms.exposure[dataset]
    # Rows of work: the derivative of each event's density in each parameter; last: the density.
    for p in range(size + 1):
        for i in range(n):
            work[p, i] = 0.0
    value = 0.0
    for s in range(first, last):
        free = sources[s, 1]
        rate = theta[free] if free >= 0 else 1.0
        for corner in range(1 << shapes):
            row = _row(sources, s, corner, cell)
            if row < 0:
                continue
            weight = _weight(sources, s, corner, theta, rates, -1, -1)
            mean = exposure * terms.expected[row]
            value -= rate * weight * mean
            if free < 0:
                for i in range(n):
                    work[size, i] += weight * density[row, i]
            else:
                gradient[free] -= weight * mean
                both = rate * weight
                for i in range(n):
                    work[free, i] += weight * density[row, i]
                    work[size, i] += both * density[row, i]
            for p in range(shapes):
                if sources[s, 3 + p] > 0:
                    slope = rate * _weight(sources, s, corner, theta, rates, p, -1)
                    gradient[rates + p] -= slope * mean
                    for i in range(n):
                        work[rates + p, i] += slope * density[row, i]

    value += _logarithms(work, size, roots, dataset, n, single)
    if not value > -inf:
        return -inf

    # Now the last row holds √w / density, and the others come to hold √w × slope / density.
    for p in range(size):
        for i in range(n):
            work[p, i] *= work[size, i]
        gradient[p] += _dot(work, p, roots, dataset, n)
        for q in range(p + 1):
            hessian[p, q] -= _dot(work, p, work, q, n)
    if shapes == 0:
        return value

    # Second derivatives of the densities: a rate times a shape, or two shapes.
    for i in range(n):
        work[size, i] *= roots[dataset, i]
    for s in range(first, last):
        free = sources[s, 1]
        rate = theta[free] if free >= 0 else 1.0
        for corner in range(1 << shapes):
            row = _row(sources, s, corner, cell)
            if row < 0 or (free < 0 and shapes < 2) or not _is_shaped(sources, s):
                continue
            found = _dot(density, row, work, size, n) - exposure * terms.expected[row]
            for p in range(shapes):
                if sources[s, 3 + p] == 0:
                    continue
                if free >= 0:
                    weight = _weight(sources, s, corner, theta, rates, p, -1)
                    hessian[rates + p, free] += weight * found
                for q in range(p):
                    if sources[s, 3 + q] > 0:
                        weight = _weight(sources, s, corner, theta, rates, p, q)
                        hessian[rates + p, rates + q] += rate * weight * found
    return value


@inner_kernel()
def tangents(
    terms: Terms, cell: Ints, theta: Floats, pulls: Floats, work: Floats
) -> tuple[float, float]:
    """What the events say at a point, as far as `zeptobarn.fit` bounds other points with it.

    Parameters
    ----------
    cell, theta, work
        See `evaluate`.
    pulls
        Filled: Σ w f / D of each row f of the densities, over the events of its dataset, with D
        the density of all sources at the point; shape (rows,).

    Returns
    -------
    Σ w ln D (minus infinity where an event has no density), and Σ w.
    """
    sources, density, roots = terms.sources, terms.density, terms.roots
    shapes = len(cell)
    rates, total = len(theta) - shapes, len(theta)
    value, events, first, row = 0.0, 0.0, 0, 0
    for dataset in range(len(terms.exposure)):
        n = terms.counts[dataset, 0]
        for i in range(n):
            work[total, i] = 0.0
            events += roots[dataset, i] * roots[dataset, i]
        last = first
        while last < len(sources) and sources[last, 0] == dataset:
            for corner in range(1 << shapes):
                at = _row(sources, last, corner, cell)
                if at >= 0:
                    free = sources[last, 1]
                    factor = theta[free] if free >= 0 else 1.0
                    factor *= _weight(sources, last, corner, theta, rates, -1, -1)
                    for i in range(n):
                        work[total, i] += factor * density[at, i]
            last += 1
        value += _logarithms(work, total, roots, dataset, n, terms.counts[dataset, 1])
        for i in range(n):
            work[total, i] *= roots[dataset, i]
        # A dataset's rows end where those of the next begin.
        end = sources[last, 2] if last < len(sources) else len(terms.expected)
        while row < end:
            pulls[row] = _dot(density, row, work, total, n)
            row += 1
        first = last
    return value, events


@inner_kernel(inline="always")
def _is_shaped(sources: Ints, s: int) -> bool:
    strides = 0
    for p in range(3, sources.shape[1]):
        strides += sources[s, p]
    return strides > 0


@inner_kernel(inline="always")
def _row(sources: Ints, s: int, corner: int, cell: Ints) -> int:
    """Row of a source at a corner of a cell; −1 where the corner is one it does not have."""
    row = sources[s, 2]
    for p in range(len(cell)):
        stride, up = sources[s, 3 + p], (corner >> p) & 1
        if stride == 0 and up == 1:
            return -1
        row += stride * (cell[p] + up)
    return int(row)


@inner_kernel(inline="always")
def _weight(
    sources: Ints, s: int, corner: int, theta: Floats, rates: int, along: int, and_along: int
) -> float:
    """Multilinear weight of a corner, or its derivative along one or two shape parameters."""
    weight = 1.0
    for p in range(len(theta) - rates):
        if sources[s, 3 + p] > 0:
            up = (corner >> p) & 1
            if p in (along, and_along):
                weight *= 1.0 if up else -1.0
            else:
                weight *= theta[rates + p] if up else 1.0 - theta[rates + p]
    return weight


@inner_kernel(inline="always")
def _logarithms(
    work: Floats, total: int, roots: Floats, dataset: int, n: int, single: int
) -> float:
    """Σ w ln(density) over the row ``total`` of work, where √w / density takes its place.

    One logarithm and one division serve four events of weight 1: 1/a = bcd / abcd. Densities are
    scaled to about one per event, so that no product overflows or vanishes.
    """
    value = 0.0
    fours = single - single % 4
    for i in range(0, fours, 4):
        a, b, c, d = work[total, i], work[total, i + 1], work[total, i + 2], work[total, i + 3]
        left, right = a * b, c * d
        value += log(left * right)
        inverse = 1.0 / (left * right)
        work[total, i] = inverse * b * right
        work[total, i + 1] = inverse * a * right
        work[total, i + 2] = inverse * d * left
        work[total, i + 3] = inverse * c * left
    for i in range(fours, n):
        root = roots[dataset, i]
        value += root * root * log(work[total, i])
        work[total, i] = root / work[total, i]
    return value


@inner_kernel(inline="always")
def _constraints(
    terms: Terms, cell: Ints, theta: Floats, gradient: Floats, hessian: Floats
) -> float:
    rates = len(theta) - len(cell)
    value = 0.0
    for p in range(len(theta)):
        kind, width = int(terms.constraints[p, 0]), terms.constraints[p, 1]
        if kind == UNCONSTRAINED:
            continue
        at, scale = theta[p], 1.0
        if p >= rates:
            low = terms.anchors[p - rates, cell[p - rates]]
            scale = terms.anchors[p - rates, cell[p - rates] + 1] - low
            at = low + scale * theta[p]
        if kind == NORMAL:
            pull = (at - terms.centres[p]) / width
            slope = scale / width
            hessian[p, p] -= slope * slope
        else:
            pull = log(at / terms.centres[p]) / width
            slope = 1.0 / (width * at)
            hessian[p, p] -= slope * slope - pull * slope / at
        value -= 0.5 * pull * pull
        gradient[p] -= pull * slope
    return value


@inner_kernel(inline="always")
def _dot(x: Floats, row: int, y: Floats, other: int, n: int) -> float:
    """Product of two rows: four sums side by side, in an order that stands here.

    A compiler left to reorder them (fastmath) gives other last digits in a fresh compilation
    than from its cache.
    """
    a = b = c = d = 0.0
    fours = n - n % 4
    for i in range(0, fours, 4):
        a += x[row, i] * y[other, i]
        b += x[row, i + 1] * y[other, i + 1]
        c += x[row, i + 2] * y[other, i + 2]
        d += x[row, i + 3] * y[other, i + 3]
    for i in range(fours, n):
        a += x[row, i] * y[other, i]
    return (a + b) + (c + d)
