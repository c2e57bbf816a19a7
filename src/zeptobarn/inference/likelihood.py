"""The extended likelihood: compiled value, gradient and Hessian.

ln L = Σ_d [−e_d Σ_s r_s μ_s(t) + Σ_i w_i ln Σ_s r_s f_s(x_i | t)] + constraints

over detectors d (one, or several that share parameters), with exposures e, rates r, expected
counts μ, differential rates f, and weights w: 1 for an event, the number of events where several
share a bin, expected events in an Asimov dataset, counts where bins take the place of events.
Inside a cell of the shape parameters t (see `zeptobarn.inference.terms`) all is smooth, and at a
fixed signal rate ln L is concave if there is one shape parameter, no free background depends on it
and no constraint is log-normal. Events far from the signal count through sums: see
`zeptobarn.inference.far`.
"""

from math import inf, log

from zeptobarn.inference.far import add_far, far_pulls, flat_pulls, within
from zeptobarn.inference.terms import NORMAL, UNIFORM, Terms, corner_weight, mix
from zeptobarn.support.jit import Floats, Ints, inner_kernel, kernel
from zeptobarn.support.simd import dot


@kernel(_nrt=False)
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
        Scratch, shape (F + P + 2, ≥ n).

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
    for detector in range(len(terms.exposure)):
        last = first
        while last < len(terms.sources) and terms.sources[last, 0] == detector:
            last += 1
        value += _add_detector(terms, detector, first, last, cell, theta, gradient, hessian, work)
        if not value > -inf:
            return -inf
        first = last
    value += _constraints(terms, cell, theta, gradient, hessian)
    for p in range(size):
        for q in range(p):
            hessian[q, p] = hessian[p, q]
    return value


@inner_kernel(inline="always")
def _add_detector(
    terms: Terms,
    detector: int,
    first: int,
    last: int,
    cell: Ints,
    theta: Floats,
    gradient: Floats,
    hessian: Floats,
    work: Floats,
) -> float:
    """Add a detector's part of gradient and Hessian (its lower triangle); gives that of ln L."""
    sources, density, roots, mixture = terms.sources, terms.density, terms.roots, terms.mixture
    size, shapes = len(theta), len(cell)
    rates = size - shapes
    n_rows = mix(terms, first, last, cell, theta, True)
    value = 0.0
    for k in range(n_rows):
        mean = terms.exposure[detector] * terms.expected[mixture.rows[k]]
        mixture.pulls[k] = -mean
        value -= mixture.weights[k] * mean
    series = within(terms, detector, theta)
    if series:
        value += add_far(terms, detector, n_rows, cell, theta, hessian, work)
    # Rows of work: the derivative of each near event's density in each parameter; last: the
    # density.
    n = terms.counts[detector, 1 if series else 0]
    for p in range(size + 1):
        factors = mixture.slopes[p] if p < size else mixture.weights
        _combine(density, mixture.rows, factors, n_rows, work, p, n)

    value += _logarithms(work, size, roots, detector, n)
    if not value > -inf:
        return -inf

    # Now the last row holds √w / density, and the others come to hold √w × slope / density.
    for p in range(size):
        for k in range(n_rows):
            gradient[p] += mixture.slopes[p, k] * mixture.pulls[k]
        for i in range(n):
            work[p, i] *= work[size, i]
        gradient[p] += dot(work, p, roots, detector, 0, n)
        for q in range(p + 1):
            hessian[p, q] -= dot(work, p, work, q, 0, n)
    if shapes == 0:
        return value

    # Second derivatives of the densities: a rate times a shape, or two shapes.
    for i in range(n):
        work[size, i] *= roots[detector, i]
    for k in range(n_rows):
        s, corner = mixture.sources[k], mixture.corners[k]
        free = sources[s, 1]
        rate = theta[free] if free >= 0 else 1.0
        if (free < 0 and shapes < 2) or not _is_shaped(sources, s):
            continue
        pull = mixture.pulls[k] + dot(density, mixture.rows[k], work, size, 0, n)
        for p in range(shapes):
            if sources[s, 3 + p] == 0:
                continue
            if free >= 0:
                weight = corner_weight(sources, s, corner, theta, rates, p, -1)
                hessian[rates + p, free] += weight * pull
            for q in range(p):
                if sources[s, 3 + q] > 0:
                    weight = corner_weight(sources, s, corner, theta, rates, p, q)
                    hessian[rates + p, rates + q] += rate * weight * pull
    return value


@inner_kernel(_nrt=False)
def tangents(
    terms: Terms, cell: Ints, theta: Floats, pulls: Floats, work: Floats, loose: bool
) -> tuple[float, float]:
    """What the events say at a point, as far as `fit` bounds other points with it.

    Parameters
    ----------
    cell, theta, work
        See `evaluate`.
    pulls
        Filled: Σ w f / D of each row f of the densities, over the events of its detector, with D
        the density of all sources at the point; shape (rows,).
    loose
        Whether far events may say less than they could, see
        `zeptobarn.inference.far.flat_pulls`.

    Returns
    -------
    Σ w ln D (minus infinity where an event has no density), and Σ w.
    """
    sources, density, roots = terms.sources, terms.density, terms.roots
    total = len(theta)
    value, events, first, row = 0.0, 0.0, 0, 0
    for detector in range(len(terms.exposure)):
        last = first
        while last < len(sources) and sources[last, 0] == detector:
            last += 1
        n_rows = mix(terms, first, last, cell, theta, False)
        series = within(terms, detector, theta)
        n = terms.counts[detector, 1 if series else 0]
        events += dot(roots, detector, roots, detector, 0, n)
        _combine(density, terms.mixture.rows, terms.mixture.weights, n_rows, work, total, n)
        value += _logarithms(work, total, roots, detector, n)
        for i in range(n):
            work[total, i] *= roots[detector, i]
        end, scale = n, 0.0
        sums = terms.far.linear
        if series:
            if loose:
                logarithms, scale = flat_pulls(terms, detector, theta)
                sums = terms.far.flat
            else:
                logarithms, scale = far_pulls(terms, detector, n_rows, theta, work)
                end = terms.counts[detector, 2]
            value += logarithms
            events += terms.far.events[detector]
        # A detector's rows end where those of the next begin.
        last_row = sources[last, 2] if last < len(sources) else len(terms.expected)
        while row < last_row:
            pulls[row] = dot(density, row, work, total, 0, end)
            if series:
                pulls[row] += scale * sums[row]
            row += 1
        first = last
    return value, events


@inner_kernel(_nrt=False)
def _combine(
    density: Floats, rows: Ints, factors: Floats, n_rows: int, work: Floats, to: int, n: int
) -> None:
    """Fill a row of work with the sum of rows of the densities times factors, two at a time."""
    empty, one = True, -1
    for k in range(n_rows):
        if factors[k] == 0.0:
            continue
        if one < 0:
            one = k
            continue
        a, x, b, y = factors[one], rows[one], factors[k], rows[k]
        if empty:
            for i in range(n):
                work[to, i] = a * density[x, i] + b * density[y, i]
        else:
            for i in range(n):
                work[to, i] += a * density[x, i] + b * density[y, i]
        empty, one = False, -1
    if one >= 0:
        a, x = factors[one], rows[one]
        if empty:
            for i in range(n):
                work[to, i] = a * density[x, i]
        else:
            for i in range(n):
                work[to, i] += a * density[x, i]
    elif empty:
        for i in range(n):
            work[to, i] = 0.0


@inner_kernel(inline="always")
def _is_shaped(sources: Ints, s: int) -> bool:
    strides = 0
    for p in range(3, sources.shape[1]):
        strides += sources[s, p]
    return strides > 0


@inner_kernel(_nrt=False)
def _logarithms(work: Floats, total: int, roots: Floats, detector: int, n: int) -> float:
    """Σ w ln(density) over the row ``total`` of work, where √w / density takes its place.

    One logarithm serves eight events of equal weight. Densities are scaled to about one per
    event, so that their product neither overflows nor vanishes as a rule; else each has its own.
    """
    value, i = 0.0, 0
    while i < n:
        root, end = roots[detector, i], i + 1
        while end < n and roots[detector, end] == root:
            end += 1
        # From 0 on: of an index that may be below, a compiler makes no vectors.
        run, logarithms = work[total, i:end], 0.0
        groups = len(run) // 8
        for group in range(groups):
            k = 8 * group
            left = (run[k] * run[k + 1]) * (run[k + 2] * run[k + 3])
            right = (run[k + 4] * run[k + 5]) * (run[k + 6] * run[k + 7])
            if 1e-290 < left * right < 1e290:
                logarithms += log(left * right)
            else:
                for j in range(8):
                    logarithms += log(run[k + j])
        for j in range(8 * groups, len(run)):
            logarithms += log(run[j])
        value += root * root * logarithms
        for j in range(len(run)):
            run[j] = root / run[j]
        i = end
    return value


@inner_kernel(inline="always")
def _constraints(
    terms: Terms, cell: Ints, theta: Floats, gradient: Floats, hessian: Floats
) -> float:
    rates = len(theta) - len(cell)
    value = 0.0
    for p in range(len(theta)):
        kind, width = int(terms.constraints[p, 0]), terms.constraints[p, 1]
        if kind <= UNIFORM:
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
    if terms.constraints.shape[1] > 2:
        value += _correlations(terms, cell, theta, gradient, hessian)
    return value


@inner_kernel(inline="always")
def _correlations(
    terms: Terms, cell: Ints, theta: Floats, gradient: Floats, hessian: Floats
) -> float:
    """Add what correlated constraints, all normal, have beyond their widths: −Λ_pq d_p d_q."""
    value = 0.0
    for p in range(len(theta)):
        for q in range(p):
            inverse = terms.constraints[p, 2 + q]
            if inverse != 0.0:
                one, slope = _ahead(terms, cell, theta, p)
                other, other_slope = _ahead(terms, cell, theta, q)
                value -= inverse * one * other
                gradient[p] -= inverse * slope * other
                gradient[q] -= inverse * other_slope * one
                hessian[p, q] -= inverse * slope * other_slope
    return value


@inner_kernel(inline="always")
def _ahead(terms: Terms, cell: Ints, theta: Floats, p: int) -> tuple[float, float]:
    """How far a parameter is from its centre, and the derivative of that in ``theta``."""
    rates = len(theta) - len(cell)
    if p < rates:
        return theta[p] - terms.centres[p], 1.0
    low = terms.anchors[p - rates, cell[p - rates]]
    scale = terms.anchors[p - rates, cell[p - rates] + 1] - low
    return low + scale * theta[p] - terms.centres[p], scale
