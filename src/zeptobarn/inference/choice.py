"""Which of a dataset's events are near a signal and which are far: all densities looked up.

Near events come first, equal weights together, then the far ones that count by a parabola; those
that count by a straight line add to sums and are left out.
"""

from math import exp, inf, nan, sqrt

import numpy as np

from zeptobarn.inference.series import (
    BUDGET,
    COLUMNS,
    LINE_0,
    LINE_1,
    LINE_TOUCH,
    PARABOLA_0,
    PARABOLA_1,
    PARABOLA_2,
    PARABOLA_TOUCH,
    REST,
    Series,
    forget,
    part,
)
from zeptobarn.inference.spans import Spans
from zeptobarn.inference.terms import Indices, Terms
from zeptobarn.support.jit import Floats, Ints, inner_kernel

# Fewer far events than these cost more than they save.
_FEWEST = 64
# Where the lists of near events, of parabolas and of straight lines stand.
_NEAR, _PARABOLA, _LINE = range(3)


@inner_kernel(_nrt=False)
def choose(
    spans: Spans,
    series: Series,
    detector: int,
    bins: Indices,
    weights: Floats,
    far: bool,
    lists: Indices,
    begins: Ints,
) -> float:
    """List the distinct events by what they are.

    Parameters
    ----------
    bins, weights
        Bin and weight of each distinct event, shape (n,).
    far
        Whether any may be far.
    lists
        Filled: near events, those that count by a parabola, those that do by a straight line;
        shape (3, ≥ n).
    begins
        Filled: their numbers.

    Returns
    -------
    How much the far events leave out at most.
    """
    n, stricter = len(bins), False
    while far:
        near, second, first, error = np.uint64(0), np.uint64(0), np.uint64(0), 0.0
        for i in range(n):
            # Without branches: which way they go is hard to foresee.
            lost = series.lost[bins[i]]
            lists[_NEAR, near] = lists[_PARABOLA, second] = lists[_LINE, first] = i
            near += np.uint64(lost == 0.0)
            second += np.uint64(lost > 0.0)
            first += np.uint64(lost < 0.0)
            error += abs(lost) * weights[i]
        begins[_NEAR], begins[_PARABOLA], begins[_LINE] = near, second, first
        far = begins[_NEAR] <= n - _FEWEST
        if error <= BUDGET / len(spans.base):
            break
        # More events than on average are where more is left out.
        stricter = True
        series.limits[detector, 0] *= 0.5
        series.limits[detector, 1] *= 0.5
        part(spans, series, detector)
    if stricter:
        forget(series, detector)
    if not far:
        for i in range(n):
            lists[_NEAR, i] = i
        begins[_NEAR], begins[_PARABOLA], begins[_LINE] = n, 0, 0
        return 0.0
    return error


@inner_kernel(_nrt=False)
def put_near(
    terms: Terms,
    detector: int,
    first_row: int,
    rows: int,
    density: Floats,
    scales: Floats,
    bins: Indices,
    weights: Floats,
    near: Indices,
) -> int:
    """Fill densities and weights of the near events, equal weights together.

    Parameters
    ----------
    first_row, rows
        The detector's first row in the likelihood, and their number.
    density
        See `zeptobarn.inference.structure.Structure`.
    scales
        See `zeptobarn.inference.spans.Spans`, empty where they are not known.
    bins, weights
        Bin and weight of each distinct event.
    near
        Which of these are near.

    Returns
    -------
    The first near event without density, −1 if all have some, −2 where a density is not finite.
    """
    # How many there are of each kind, by weight, then where those begin.
    ones, twos, threes = np.uint64(0), np.uint64(0), np.uint64(0)
    for k in range(len(near)):
        w = weights[near[k]]
        ones += np.uint64(w == 1.0)
        twos += np.uint64(w == 2.0)
        threes += np.uint64(w == 3.0)
    others = ones + twos + threes
    twos, threes, ones = ones, ones + twos, np.uint64(0)
    lost, to = -1, terms.density[first_row:]
    for k in range(len(near)):
        i = near[k]
        b, w = bins[i], weights[i]
        # Without branches: which way they go is hard to foresee.
        one, two, three = np.uint64(w == 1.0), np.uint64(w == 2.0), np.uint64(w == 3.0)
        other = np.uint64(1) - one - two - three
        at = one * ones + two * twos + three * threes + other * others
        ones, twos, threes, others = ones + one, twos + two, threes + three, others + other
        # About one per event, so that products of several neither overflow nor vanish.
        scale = scales[b] if len(scales) > 0 else _scale(density, b, rows)
        if np.isnan(scale):
            return -2
        if lost < 0 and not scale > 0.0:
            lost = k
        terms.roots[detector, at] = sqrt(w)
        for r in range(rows):
            to[r, at] = scale * density[b, r]
    return lost


@inner_kernel(_nrt=False)
def _scale(density: Floats, b: int, rows: int) -> float:
    """1 over a bin's largest density, 0 where there is none, NaN where one is not finite."""
    largest, total = 0.0, 0.0
    for r in range(rows):
        largest = max(largest, density[b, r])
        total += density[b, r]
    if not total < inf:
        return nan
    return 1.0 / largest if largest > 0.0 else 0.0


@inner_kernel(_nrt=False)
def put_far(
    terms: Terms,
    series: Series,
    detector: int,
    first_row: int,
    rows: int,
    bins: Indices,
    weights: Floats,
    lists: Indices,
    begins: Ints,
) -> None:
    """Fill what the far events leave of themselves; see `choose` for the lists."""
    far, linear = terms.far, terms.far.linear[first_row:]
    events = constant = touch = rest = inner = flat = 0.0
    most, density = series.bins.shape[1] - COLUMNS, terms.density[first_row:]
    for r in range(rows):
        linear[r] = 0.0
    for k in range(begins[_LINE]):
        i = lists[_LINE, k]
        b, w = bins[i], weights[i]
        at = series.bins[b]
        share = w * at[most + LINE_1]
        for r in range(rows):
            linear[r] += share * at[r]
        rest += share * at[most + REST]
        constant += w * at[most + LINE_0]
        touch += w * at[most + LINE_TOUCH]
        events += w
        far.bins[detector, k], far.out[detector, k] = b, w
    for k in range(begins[_PARABOLA]):
        i, to = lists[_PARABOLA, k], np.uint64(begins[_NEAR] + k)
        b, w = bins[i], weights[i]
        at = series.bins[b]
        far.weights[detector, to], far.rest[detector, to] = w, at[most + REST]
        far.slopes[detector, to] = w * at[most + PARABOLA_1]
        far.bends[detector, to] = w * at[most + PARABOLA_2]
        inner += w * at[most + PARABOLA_0]
        flat += w * at[most + PARABOLA_TOUCH]
        events += w
        terms.roots[detector, to] = sqrt(w)
        for r in range(rows):
            density[r, to] = at[r]
    far.events[detector], far.constant[detector] = events, constant + inner
    far.touch[detector], far.flat_touch[detector] = touch + inner, touch + flat
    far.flat_known[detector] = False
    far.linear_rest[detector], far.whole[detector] = rest, begins[_LINE] == 0
    for k in range(far.known.shape[1]):
        far.known[detector, k] = False


@inner_kernel(_nrt=False)
def box_in(terms: Terms, spans: Spans, series: Series, detector: int, free: int) -> None:
    """Fill the reference of a detector, and the box of rates in which its series hold."""
    far, at = terms.far, series.at[detector]
    far.rate[detector] = at[0]
    for p in range(len(spans.box)):
        far.box[detector, p, 0], far.box[detector, p, 1] = spans.box[p, 0], spans.box[p, 1]
    if free >= 0:
        far.box[detector, free, 0] = at[0] * exp(-at[1])
        far.box[detector, free, 1] = at[0] * exp(at[1])
