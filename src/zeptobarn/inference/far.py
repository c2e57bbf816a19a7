"""Events far from every signal: their logarithms as series, summed over events once.

Most events of a large dataset are of one background, the *base*, in places where all else is tiny.
There ln(1 + z) of `zeptobarn.inference.series` is a parabola in z or a straight line, and as z is
linear in the densities of the other rows, their sums over events, and those of their products in
pairs, are all that a likelihood needs of these events. Which ones those are is chosen for each
dataset, see `zeptobarn.inference.choice`, for a *box* of rates; outside it all events are evaluated
one by one.
"""

from math import log, sqrt

import numpy as np

from zeptobarn.inference.series import Series
from zeptobarn.inference.spans import Spans
from zeptobarn.inference.terms import Far, Terms, cell_number
from zeptobarn.support.jit import Floats, Ints, inner_kernel
from zeptobarn.support.simd import dot


@inner_kernel()
def allocate_far(
    spans: Spans, series: Series, cells: Ints, size: int, k: int, rows: int, most: int
) -> Far:
    """Memory for the far events of a likelihood.

    Parameters
    ----------
    size, k
        Number of parameters, and of the rows that a cell has at most.
    rows, most
        Number of all rows, and largest number of distinct events of a detector.
    """
    detectors, rates = len(spans.base), len(spans.box)
    number = 1
    for p in range(len(cells)):
        number *= cells[p]
    floats, ints = np.empty((5, detectors, most)), np.empty((detectors, most), dtype=np.int64)
    numbers, bools = np.zeros((7, detectors)), np.ones((2, detectors), dtype=np.bool_)
    sums = np.zeros((2, rows))
    return Far(
        spans.base,
        numbers[0],
        np.empty((detectors, rates, 2)),
        floats[0],
        floats[1],
        floats[2],
        floats[3],
        numbers[1],
        numbers[2],
        numbers[3],
        numbers[6],
        sums[0],
        bools[0],
        sums[1],
        numbers[4],
        series.bins,
        ints,
        floats[4],
        bools[1],
        numbers[5],
        np.zeros((detectors, number), dtype=np.bool_),
        np.empty((detectors, number, k + 1, k + 2)),
        np.empty((size + 3, k + 1)),
    )


@inner_kernel(_nrt=False)
def within(terms: Terms, detector: int, theta: Floats) -> bool:
    """Whether the far events of a detector may be taken as series; else all have their density."""
    if terms.counts[detector, 1] == terms.counts[detector, 0]:
        return False
    inside, box = True, terms.far.box
    for p in range(box.shape[1]):
        inside = inside and box[detector, p, 0] <= theta[p] <= box[detector, p, 1]
    if not inside and not terms.far.whole[detector]:
        _complete(terms, detector)
    return inside


@inner_kernel(_nrt=False)
def _complete(terms: Terms, detector: int) -> None:
    """Fill densities and weights of the events that count by a straight line, as a rule."""
    far, first = terms.far, len(terms.expected)
    for s in range(len(terms.sources)):
        if terms.sources[s, 0] == detector:
            first = min(first, terms.sources[s, 2])
    rows = len(terms.expected) - first
    for s in range(len(terms.sources)):
        if terms.sources[s, 0] > detector:
            rows = min(rows, terms.sources[s, 2] - first)
    kept = terms.counts[detector, 2]
    for i in range(terms.counts[detector, 0] - kept):
        terms.roots[detector, kept + i] = sqrt(far.out[detector, i])
        for r in range(rows):
            terms.density[first + r, kept + i] = far.ratios[far.bins[detector, i], r]
    far.whole[detector] = True


@inner_kernel(_nrt=False)
def _multiply(x: Floats, y: Floats, to: Floats) -> None:
    # From 0 on: of an index that may be below, a compiler makes no vectors.
    for i in range(len(to)):
        to[i] = x[i] * y[i]


@inner_kernel(_nrt=False)
def _sum_up(terms: Terms, detector: int, n_rows: int, number: int, work: Floats) -> None:
    """Fill a cell's sums over the far events of a detector, from the rows in its mixture."""
    far, density, mixture = terms.far, terms.density, terms.mixture
    begin, end = terms.counts[detector, 1], terms.counts[detector, 2]
    sums = far.sums[detector, number]
    rest = len(sums) - 1
    for k in range(n_rows + 1):
        x, at, mine = far.rest, detector, rest
        if k < n_rows:
            x, at, mine = density, mixture.rows[k], k
            if mixture.sources[k] == far.base[detector]:
                for j in range(rest + 2):
                    sums[k, j] = 0.0
                for j in range(k):
                    sums[j, k] = 0.0
                continue
        linear = far.linear_rest[detector] if mine == rest else far.linear[at]
        sums[mine, rest + 1] = linear + dot(x, at, far.slopes, detector, begin, end)
        _multiply(far.bends[detector, begin:end], x[at, begin:end], work[0, begin:end])
        for j in range(min(k + 1, n_rows)):
            product = 0.0
            if mixture.sources[j] != far.base[detector]:
                product = dot(work, 0, density, mixture.rows[j], begin, end)
            sums[mine, j] = sums[j, mine] = product
    sums[rest, rest] = dot(work, 0, far.rest, detector, begin, end)
    far.known[detector, number] = True


@inner_kernel(inline="always")
def _scale(terms: Terms, detector: int, theta: Floats) -> tuple[float, float, int]:
    """Give the base's rate, by what the weights of other rows are scaled, and its parameter."""
    free = terms.sources[terms.far.base[detector], 1]
    base = theta[free] if free >= 0 else 1.0
    return base, terms.far.rate[detector] / base, free


@inner_kernel(_nrt=False)
def add_far(
    terms: Terms,
    detector: int,
    n_rows: int,
    cell: Ints,
    theta: Floats,
    hessian: Floats,
    work: Floats,
) -> float:
    """Add the far events' part to the pulls of a mixture and to the Hessian's lower triangle.

    That of the second derivatives of the weights is left to whoever has the pulls.

    Returns
    -------
    Their part of ln L.
    """
    far, mixture, size = terms.far, terms.mixture, len(theta)
    number = cell_number(terms.cells, cell)
    if not far.known[detector, number]:
        _sum_up(terms, detector, n_rows, number, work)
    base, scale, free = _scale(terms, detector, theta)
    sums, events = far.sums[detector, number], far.events[detector]
    rest = len(sums) - 1
    # The rows' weights in z, and derivatives: those of all parabolas, and half those of their
    # squares without the rest.
    weights, slopes, squares = far.scratch[0], far.scratch[1], far.scratch[2]
    its_own = rest
    for k in range(n_rows):
        weights[k] = scale * mixture.weights[k]
        if mixture.sources[k] == far.base[detector]:
            its_own, weights[k] = k, 0.0
    value, along, curved = 0.0, 0.0, 0.0
    slope = sums[rest, rest + 1] + sums[rest, rest]
    for k in range(n_rows):
        slope -= sums[rest, k] * weights[k]
        squares[k] = 0.0
        for j in range(n_rows):
            squares[k] += sums[k, j] * weights[j]
        slopes[k] = sums[k, rest + 1] + sums[k, rest] - squares[k]
        value += 0.5 * weights[k] * (sums[k, rest + 1] + slopes[k])
        along += weights[k] * slopes[k]
        curved += weights[k] * squares[k]
        mixture.pulls[k] += scale * slopes[k]
    value += far.constant[detector] + events * log(base / far.rate[detector])
    value -= 0.5 * (sums[rest, rest + 1] + slope)
    for p in range(size):
        products = far.scratch[3 + p]
        for k in range(n_rows):
            products[k] = 0.0
            for j in range(n_rows):
                products[k] += sums[k, j] * mixture.slopes[p, j]
        for q in range(p + 1):
            curvature = 0.0
            for k in range(n_rows):
                curvature += products[k] * mixture.slopes[q, k]
            hessian[p, q] -= scale * scale * curvature
    if free >= 0:
        mixture.pulls[its_own] += (events - along) / base
        hessian[free, free] -= (events - 2.0 * along + curved) / (base * base)
        for p in range(size):
            mixed = 0.0
            for k in range(n_rows):
                mixed += mixture.slopes[p, k] * (squares[k] - slopes[k])
            hessian[max(p, free), min(p, free)] += scale / base * mixed
    return float(value)


@inner_kernel(_nrt=False)
def far_pulls(
    terms: Terms, detector: int, n_rows: int, theta: Floats, work: Floats
) -> tuple[float, float]:
    """What the far events say at a point, see `zeptobarn.inference.likelihood.tangents`.

    In place of w / D stands w times the slope of the series over D₀ r / ρ, which is as good a point
    to bound others from. For the events that count by a parabola it lands in the last row of
    ``work``.

    Returns
    -------
    Σ w ln of the inverse of that, over w, or a little more; and ρ / r.
    """
    far, density, mixture, total = terms.far, terms.density, terms.mixture, len(theta)
    begin, end = terms.counts[detector, 1], terms.counts[detector, 2]
    base, scale, _ = _scale(terms, detector, theta)
    z, slopes, gains = work[total, begin:end], work[total + 1, begin:end], work[0, begin:end]
    weights, bends, rest = (
        far.weights[detector, begin:end],
        far.bends[detector, begin:end],
        far.rest[detector, begin:end],
    )
    for i in range(len(z)):
        z[i] = -rest[i]
    for k in range(n_rows):
        weight = scale * mixture.weights[k]
        if mixture.sources[k] != far.base[detector] and weight != 0.0:
            y = density[mixture.rows[k], begin:end]
            for i in range(len(z)):
                z[i] += weight * y[i]
    first = far.slopes[detector, begin:end]
    for i in range(len(z)):
        slopes[i] = first[i] - bends[i] * z[i]
    for i in range(len(z)):
        # ln(1 + z) less the logarithm of 1 + δ, which is the slope times 1 + z.
        inverse = 1.0 / weights[i]
        delta = slopes[i] * inverse * (1.0 + z[i]) - 1.0
        parabola = z[i] * inverse * (slopes[i] + 0.5 * bends[i] * z[i])
        gains[i] = parabola - delta + 0.5 * delta * delta
    for i in range(len(z)):
        z[i] = scale * slopes[i]
    logarithms = dot(work, 0, far.weights, detector, begin, end) + far.touch[detector]
    logarithms += far.events[detector] * log(base / far.rate[detector])
    return logarithms + far.error[detector], scale


@inner_kernel(_nrt=False)
def flat_pulls(terms: Terms, detector: int, theta: Floats) -> tuple[float, float]:
    """Like `far_pulls`, with the slopes that the series have at z = 0: weaker, and sums alone."""
    far = terms.far
    base, scale, _ = _scale(terms, detector, theta)
    if not far.flat_known[detector]:
        begin, end = terms.counts[detector, 1], terms.counts[detector, 2]
        row = 0
        for s in range(len(terms.sources)):
            last = terms.sources[s + 1, 2] if s + 1 < len(terms.sources) else len(far.flat)
            while row < last:
                if terms.sources[s, 0] == detector:
                    pull = dot(terms.density, row, far.slopes, detector, begin, end)
                    far.flat[row] = far.linear[row] + pull
                row += 1
        far.flat_known[detector] = True
    logarithms = far.flat_touch[detector]
    return logarithms + far.events[detector] * log(base / far.rate[detector]), scale
