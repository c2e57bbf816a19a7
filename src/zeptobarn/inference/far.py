"""Events far from every signal: their logarithms as series, summed over events once.

Most events of a large dataset are of one background, the *base*, in places where all else is tiny.
With y = f / D₀ the rows' densities in units of the density at a reference, whose base has the rate
ρ and whose other sources make the share q of it, an event has the density

D / D₀ = (r / ρ) (1 + z),   z = (ρ / r) Σ w y − q

at a rate r of the base and weights w of a cell's other rows. Where |z| is small, ln(1 + z) is
z − z²/2, and the sums over events of y, q and their products in pairs are all that a likelihood
needs of them. What is left out is at most |z|³/3(1 − |z|) per event, or z²/2(1 − |z|) where the
square is left out too. `sort` bounds |z| over a *box* of rates, and makes those events far whose
errors add up to less than `_CUBES` and `_SQUARES`; outside the box all events are evaluated one by
one.
"""

from math import log, sqrt
from typing import NamedTuple

import numpy as np

from zeptobarn.inference.terms import (
    LOG_NORMAL,
    NORMAL,
    Far,
    Terms,
    cell_number,
)
from zeptobarn.support.jit import Floats, Ints, inner_kernel
from zeptobarn.support.simd import dot

# What all series may leave out of ln L together: of the third order, and of the second where that
# is left out. A test statistic is twice a difference of two, and so right to four times as much.
_CUBES, _SQUARES = 1.5e-8, 0.75e-8
# Fewer far events than these cost more than they save.
_FEWEST = 64
# |z| of far events stays below this.
_LARGEST = 0.125
# Classes of z² by its power of two.
CLASSES = 128
# Kinds of events: near ones by their weight, and far ones of second order.
_ONE, _TWO, _THREE, _OTHER, _SECOND = range(5)
# A base's rate is taken to stay within so many standard errors, and this share, of an estimate.
_STANDARD_ERRORS, _LARGEST_CHANGE = 5.0, 0.5
# Events count to first order alone only where it changes less than this.
_FIRST_CHANGE = 0.2

# Columns of `Spans.bins`.
BASE, ABOVE, REFERENCE, CONSTANT, TELLS, FIRST = range(6)


class Spans(NamedTuple):
    """How far from the base each bin can get, whatever the dataset.

    Attributes
    ----------
    base
        See `zeptobarn.inference.terms.Far`, shape (detectors,).
    bins
        Of each bin: densities of the base, at most of all that changes (within ``box``), of all
        but the base at the reference, and of what is constant; and whether the bin tells the
        rate of the base (1) or not (0); and |z| at most, at a rate of 1 that changes by no more
        than `_FIRST_CHANGE`, if the reference is the base alone; shape (bins, 6).
    ratios
        Each row's density over the base's, 0 where that is; shape (bins, most rows).
    telling
        Expected events of the base in bins that tell its rate, shape (detectors,).
    box
        Lowest and highest free rates, the signal's first; those of a base hold for none. Shape
        (F, 2).
    """

    base: Ints
    bins: Floats
    ratios: Floats
    telling: Floats
    box: Floats


def no_spans(detectors: int) -> Spans:
    """Spans by which no event is far."""
    return Spans(
        np.full(detectors, -1),
        np.empty((0, 6)),
        np.empty((0, 0)),
        np.empty(detectors),
        np.empty((0, 2)),
    )


def spans(
    density: Floats,
    first_bin: Ints,
    rows: Ints,
    sources: Ints,
    constraints: Floats,
    largest_signal: float = 0.0,
) -> Spans:
    """Bound what each bin can hold.

    Parameters
    ----------
    density, rows, sources, constraints
        See `zeptobarn.inference.structure.Structure`.
    first_bin
        Where each detector's bins begin, and the end of the last, shape (detectors + 1,).
    largest_signal
        Largest signal rate that will be asked for, if that is known.
    """
    rates = 1 + int(sources[:, 1].max(initial=0))
    box = np.column_stack([np.zeros(rates), np.full(rates, 3.0)])
    for p in range(1, rates):
        kind, width = int(constraints[p, 0]), constraints[p, 1]
        if kind == NORMAL:
            box[p, 1] = 1 + 5 * width
        elif kind == LOG_NORMAL:
            box[p, 1] = np.exp(5 * width)
    detectors = len(rows) - 1
    base, telling = np.full(detectors, -1), np.zeros(detectors)
    per_bin, signal = np.zeros((len(density), 6)), np.zeros(len(density))
    information = 0.0
    for d in range(detectors):
        bins = slice(first_bin[d], first_bin[d + 1])
        mine = density[bins, : rows[d + 1] - rows[d]]
        here = np.flatnonzero(sources[:, 0] == d)
        ends = np.append(sources[here[1:], 2], rows[d + 1]) - rows[d]
        parts = {
            s: mine[:, sources[s, 2] - rows[d] : end] for s, end in zip(here, ends, strict=True)
        }
        unshaped = [s for s in here if sources[s, 1] != 0 and not sources[s, 3:].any()]
        if not unshaped or not np.isfinite(mine).all():
            continue
        base[d] = max(unshaped, key=lambda s: parts[s].sum())
        for s, part in parts.items():
            free, middle = sources[s, 1], part[:, part.shape[1] // 2]
            if s == base[d]:
                per_bin[bins, BASE] = middle
            elif free == 0:
                signal[bins] = part.max(axis=1)
            else:
                per_bin[bins, REFERENCE] += middle
                if free < 0 and part.shape[1] == 1:
                    per_bin[bins, CONSTANT] += middle
                else:
                    per_bin[bins, ABOVE] += (box[free, 1] if free > 0 else 1.0) * part.max(axis=1)
        filled = per_bin[bins, BASE] + per_bin[bins, REFERENCE] > 0
        expected = (per_bin[bins, BASE] + per_bin[bins, REFERENCE])[filled]
        information += (signal[bins][filled] ** 2 / expected).sum()
    typical = 6 + 4 / np.sqrt(information) if information > 0 else 6.0
    box[0, 1] = max(1.5 * largest_signal, typical)
    per_bin[:, ABOVE] += box[0, 1] * signal
    per_bin[:, TELLS] = per_bin[:, ABOVE] + per_bin[:, CONSTANT] < 0.1 * per_bin[:, BASE]
    for d in range(detectors):
        bins = slice(first_bin[d], first_bin[d + 1])
        telling[d] = (per_bin[bins, BASE] * per_bin[bins, TELLS]).sum()
    with np.errstate(divide="ignore", invalid="ignore"):
        z = (per_bin[:, ABOVE] + per_bin[:, CONSTANT]) / per_bin[:, BASE] / (1 - _FIRST_CHANGE)
        ratios = np.where(per_bin[:, [BASE]] > 0, density / per_bin[:, [BASE]], 0.0)
    per_bin[:, FIRST] = np.where(per_bin[:, BASE] > 0, z, np.inf)
    return Spans(base, per_bin, ratios, telling, box)


@inner_kernel()
def allocate_far(spans: Spans, cells: Ints, size: int, k: int, rows: int, most: int) -> Far:
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
    floats = np.empty((3, detectors, most))
    return Far(
        spans.base,
        np.zeros(detectors),
        np.empty((detectors, rates, 2)),
        floats[0],
        floats[1],
        np.zeros(detectors),
        np.zeros(rows),
        spans.ratios,
        np.empty((detectors, most), dtype=np.int64),
        floats[2],
        np.ones(detectors, dtype=np.bool_),
        np.zeros(detectors),
        np.zeros((detectors, number), dtype=np.bool_),
        np.empty((detectors, number, k + 1, k + 2)),
        np.empty((size + 3, k + 1)),
    )


@inner_kernel(_nrt=False)
def sort(
    spans: Spans,
    detector: int,
    free: int,
    rows: Ints,
    bins: Ints,
    weights: Floats,
    exposure: float,
    kept: Ints,
    scale: Floats,
    place: Ints,
    classes: Ints,
    errors: Floats,
    counts: Ints,
    far: Far,
) -> int:
    """Choose which of a detector's distinct events are far, and put the others in order.

    Near events come first, equal weights together, then the far ones of second order; those of
    first order add to ``far.linear`` and are left out.

    Parameters
    ----------
    detector
        Its place in the likelihood.
    free
        The base's free rate, or −1.
    rows
        See `zeptobarn.inference.structure.Structure`.
    bins, weights
        Bin and weight of each distinct event, shape (n,).
    exposure
        The detector's, see `zeptobarn.inference.terms.Terms`.
    kept
        Filled: which events are not left out; shape (n,).
    scale
        Filled, of each of these: 1 over the density at the reference, 0 where there is no base.
    place
        Filled, of each of these: its place.
    classes, errors
        Scratch, shapes (n,) and (2, `CLASSES`).
    counts
        A row is filled, see `zeptobarn.inference.terms.Terms`.
    far
        Filled but for the sums.

    Returns
    -------
    How many events are not left out.
    """
    every = n = len(bins)
    rate, change = 0.0, 0.0
    for i in range(n):
        kept[i] = i
    if spans.base[detector] >= 0:
        rate, change = _estimate(spans, detector, free, bins, weights, exposure)
        n = _leave_out(spans, detector, rows, bins, weights, rate, change, far, kept)
    highest = 1.0 / (1.0 - change)
    for k in range(CLASSES):
        errors[0, k] = 0.0
    for i in range(n):
        classes[i], scale[i] = -1, 0.0
        if not rate > 0.0:
            continue
        at, w = spans.bins[bins[kept[i]]], weights[kept[i]]
        if at[BASE] > 0.0:
            inverse = 1.0 / (rate * at[BASE] + at[REFERENCE])
            scale[i] = inverse
            constant = at[CONSTANT] * inverse
            z = max(highest * at[ABOVE] * inverse, at[REFERENCE] * inverse - constant)
            z += (highest - 1.0) * constant
            if z < _LARGEST:
                square = np.float64(z * z)
                classes[i] = min(1023 - int(square.view(np.int64) >> 52), CLASSES - 1)
                errors[0, classes[i]] += w * square * z * (1.0 / 3.0 / (1.0 - _LARGEST))
    # From the smallest z up, as far as the error allows.
    error, first = 0.0, CLASSES
    while first > 0 and error + errors[0, first - 1] <= _CUBES:
        first -= 1
        error += errors[0, first]
    second = 0
    for i in range(n):
        second += classes[i] >= first
    if second + every - n < _FEWEST:
        error, first = 0.0, CLASSES
    # How many there are of each kind, then where those begin.
    begins = errors.view(np.int64)[1]
    for kind in range(_SECOND + 2):
        begins[kind] = 0
    for i in range(n):
        # Without branches: which way they go is hard to foresee.
        distant, w = int(classes[i] >= first), weights[kept[i]]
        kind = _OTHER - int(w == 3.0) - 2 * int(w == 2.0) - 3 * int(w == 1.0)
        classes[i] = distant * _SECOND + (1 - distant) * kind
        begins[classes[i] + 1] += 1
    for kind in range(_SECOND + 1):
        begins[kind + 1] += begins[kind]
    counts[detector, 0], counts[detector, 1], counts[detector, 2] = every, begins[_SECOND], n
    for i in range(n):
        place[i] = begins[classes[i]]
        begins[classes[i]] += 1
    if spans.base[detector] >= 0:
        for i in range(n):
            w = weights[kept[i]]
            far.weights[detector, place[i]] = w
            far.rest[detector, place[i]] = spans.bins[bins[kept[i]], REFERENCE] * scale[i]
            far.events[detector] += w * (classes[i] == _SECOND)
        far.rate[detector], far.error[detector] = rate, error + (_SQUARES if every > n else 0.0)
        far.whole[detector] = every == n
        for k in range(far.known.shape[1]):
            far.known[detector, k] = False
        for p in range(len(spans.box)):
            far.box[detector, p, 0], far.box[detector, p, 1] = spans.box[p, 0], spans.box[p, 1]
        if free >= 0:
            far.box[detector, free, 0] = rate * (1.0 - change)
            far.box[detector, free, 1] = rate * (1.0 + change)
    return n


@inner_kernel(_nrt=False)
def _estimate(
    spans: Spans, detector: int, free: int, bins: Ints, weights: Floats, exposure: float
) -> tuple[float, float]:
    """Give the rate of a detector's base, 0 if no event tells, and by what share it may change."""
    if free < 0:
        return 1.0, 0.0
    telling = 0.0
    for i in range(len(bins)):
        telling += weights[i] * spans.bins[bins[i], TELLS]
    if not telling > 0.0:
        return 0.0, 0.0
    change = min(_LARGEST_CHANGE, _STANDARD_ERRORS / sqrt(telling))
    return telling / (exposure * spans.telling[detector]), change


@inner_kernel(_nrt=False)
def _leave_out(
    spans: Spans,
    detector: int,
    rows: Ints,
    bins: Ints,
    weights: Floats,
    rate: float,
    change: float,
    far: Far,
    kept: Ints,
) -> int:
    """Sum up the events that count to first order alone, and list all others; see `sort`."""
    linear, n_rows = far.linear[rows[detector] :], rows[detector + 1] - rows[detector]
    total = 0.0
    for r in range(n_rows):
        linear[r] = 0.0
    for i in range(len(bins)):
        total += weights[i]
    far.events[detector] = 0.0
    largest = 0.0
    if rate > 0.0 and change <= _FIRST_CHANGE:
        largest = rate * sqrt(2.0 * _SQUARES / total)
    n = out = 0
    for i in range(len(bins)):
        # Without a branch: the next takes the place of one that goes elsewhere.
        b, w = bins[i], weights[i]
        first = spans.bins[b, FIRST] < largest
        far.bins[detector, out], far.out[detector, out] = b, w
        out += first
        kept[n] = i
        n += not first
    for i in range(out):
        # The reference is the base alone: there is no rest.
        share, ratios = far.out[detector, i] / rate, spans.ratios[far.bins[detector, i]]
        for r in range(n_rows):
            linear[r] += share * ratios[r]
        far.events[detector] += far.out[detector, i]
    return n


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
    """Fill densities and weights of the events of first order, which are left out as a rule."""
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
            density = far.ratios[far.bins[detector, i], r] / far.rate[detector]
            terms.density[first + r, kept + i] = density
    far.whole[detector] = True


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
        linear = 0.0 if mine == rest else far.linear[at]
        sums[mine, rest + 1] = linear + dot(x, at, far.weights, detector, begin, end)
        for i in range(begin, end):
            work[0, i] = far.weights[detector, i] * x[at, i]
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
    # The rows' weights in z, and derivatives: those of Σ w (z − z²/2), and half those of its square
    # without the rest.
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
    value += events * log(base / far.rate[detector]) - 0.5 * (sums[rest, rest + 1] + slope)
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

    In place of w / D stands w (1 − z) / (D₀ r / ρ), or without z, which is as good a point to bound
    others from. For the far events of second order it lands in the last row of ``work``.

    Returns
    -------
    Σ w ln of the inverse of that, over w, or a little more; and ρ / r.
    """
    far, density, mixture, total = terms.far, terms.density, terms.mixture, len(theta)
    begin, end = terms.counts[detector, 1], terms.counts[detector, 2]
    base, scale, _ = _scale(terms, detector, theta)
    for i in range(begin, end):
        work[total, i] = -far.rest[detector, i]
    for k in range(n_rows):
        weight, row = scale * mixture.weights[k], mixture.rows[k]
        if mixture.sources[k] != far.base[detector] and weight != 0.0:
            for i in range(begin, end):
                work[total, i] += weight * density[row, i]
    logarithms, second = 0.0, 0.0
    for i in range(begin, end):
        z, w = work[total, i], far.weights[detector, i]
        logarithms += w * z
        second += w * z * z
        work[total, i] = scale * w * (1.0 - z)
    logarithms += 0.5 * second + far.events[detector] * log(base / far.rate[detector])
    return logarithms + far.error[detector], scale
