"""The series that stands for a far event's logarithm, bin by bin.

With D₀ the density of a bin at a *reference*, where the base has the rate ρ, and q the share of it
that the base does not make, the density is

D = D₀ (r / ρ) (1 + z),   z = (ρ / r) Σ w f / D₀ − q

at a rate r of the base and weights w of all other rows f. Over a *box* of rates z stays within
m ± h, and with u = (z − m) / (1 + m) and η = h / (1 + m), |u| ≤ η < 1, ln(1 + z) is ln(1 + m) plus
u − u²/2 + u³/3 − u⁴/4 + …. In place of u², u³ and u⁴ stand their best approximations on |u| ≤ η by
polynomials of lower order (Chebyshev's economisation; Mason and Handscomb, Chebyshev Polynomials,
2003, 2.4): a straight line is off by η²/4 + η³/12 + η⁴/4(1 − η) at most, a parabola by
η³/12 + η⁴/32 + η⁵/5(1 − η). Taylor's series at z = 0 would be off by 8 and 32 times as much where z
begins at 0.

All of this is that of a bin and not of a dataset, as long as the rate of the base is known well
enough: the references lie on a grid of rates, and a dataset takes that which is the nearest.
"""

from math import exp, floor, inf, log, log1p, sqrt
from typing import NamedTuple

import numpy as np

from zeptobarn.inference.spans import BASE, LEAST, MOST, REFERENCE, Spans
from zeptobarn.support.jit import Floats, inner_kernel

# What all series may leave out of ln L together, of all detectors: the straight lines, and the
# parabolas. A test statistic is twice a difference of two, and so right to four times as much.
_LINES, _PARABOLAS = 0.4e-8, 1.85e-8
BUDGET = _LINES + _PARABOLAS
# What an average dataset leaves out, over that: one that leaves out too much is done again.
_SAFETY = 0.75
# η of far events stays below this.
_LARGEST = 0.1
# The step of the references' grid and what the box reaches beyond half of it, in standard errors of
# the rate, and the largest step and half width of the box, all in ln r.
_STEP, _BEYOND, _LONGEST, _WIDEST = 7.0, 2.0, 0.6, 0.6
# Classes of an error by its power of two and two more bits, the smallest being 2⁻¹²⁰.
_CLASSES, _BITS, _SMALLEST = 484, 50, (1023 - 120) << 2
# No event with such an error is far.
_NEVER = 1e300
# No far event's error counts as less.
_LEAST = 1e-100

# Columns of `Series.errors`.
LINE, PARABOLA = range(2)
# Columns of `Series.bins` after the rows' densities.
REST, LINE_0, LINE_1, LINE_TOUCH, PARABOLA_0, PARABOLA_1, PARABOLA_2, PARABOLA_TOUCH, UNIT = range(
    9
)
COLUMNS = 9


class Series(NamedTuple):
    """Series at a reference for each detector: memory that `refer` fills.

    Attributes
    ----------
    at
        Of each detector: the base's rate ρ, the half width of the box in ln r, and the exposure
        that it was made for (0: none); shape (detectors, 3).
    limits
        Errors per event below which an event counts by a straight line, and by a parabola; shape
        (detectors, 2).
    errors
        Error per event of both, at most, in each bin, shape (bins, 2).
    lost
        That of which an event of the bin counts by: positive by a parabola, negative by a straight
        line, and 0 where it is near; shape (bins,).
    bins
        Of each bin where an event may be far: each row's density over D₀, for the rows of its
        detector; q; both coefficients of the straight line in z, and minus the logarithm of the
        second; the three of the parabola, the last as minus its second derivative, and minus the
        logarithm of the second; and D₀; shape (bins, most rows of a detector + 9).
    classes
        Scratch.
    """

    at: Floats
    limits: Floats
    errors: Floats
    lost: Floats
    bins: Floats
    classes: Floats


@inner_kernel()
def allocate_series(spans: Spans, rows: int) -> Series:
    """Memory for series, none where no event is ever far."""
    bins, detectors, any_far = len(spans.bins), len(spans.base), False
    for d in range(detectors):
        any_far = any_far or spans.base[d] >= 0
    if not any_far:
        bins = 0
    return Series(
        np.zeros((detectors, 3)),
        np.zeros((detectors, 2)),
        np.empty((bins, 2)),
        np.empty(bins),
        np.empty((bins, rows + COLUMNS)),
        np.empty(_CLASSES),
    )


@inner_kernel(_nrt=False)
def refer(
    spans: Spans,
    series: Series,
    density: Floats,
    detector: int,
    free: int,
    exposure: float,
    telling: float,
) -> bool:
    """Have the series of a detector made at the reference that a dataset asks for.

    Parameters
    ----------
    density
        See `zeptobarn.inference.structure.Structure`.
    free
        The base's free rate, or −1.
    exposure
        The detector's, see `zeptobarn.inference.terms.Terms`.
    telling
        Weight of the dataset's events that tell the rate of the base.

    Returns
    -------
    Whether there are such series: not where the rate of the base is hardly known.
    """
    rate, width = 1.0, 0.0
    if free >= 0:
        expected = exposure * spans.telling[detector]
        if not (telling > 0.0 and expected > 0.0):
            return False
        deviation = 1.0 / sqrt(expected)
        step = min(_STEP * deviation, _LONGEST)
        rate = exp(step * floor(log(telling / expected) / step + 0.5))
        width = 0.5 * step + _BEYOND * deviation / sqrt(rate)
        if not width <= _WIDEST:
            return False
    at = series.at[detector]
    if at[0] != rate or at[1] != width or at[2] != exposure:
        at[0], at[1], at[2] = rate, width, exposure
        for b in range(spans.first_bin[detector], spans.first_bin[detector + 1]):
            _expand(spans, series, density, b, rate, width)
        # Straight lines first: they cost less.
        series.limits[detector, 0] = series.limits[detector, 1] = 0.0
        series.limits[detector, LINE] = _limit(spans, series, detector, LINE, _LINES)
        series.limits[detector, PARABOLA] = _limit(spans, series, detector, PARABOLA, _PARABOLAS)
        part(spans, series, detector)
    return True


@inner_kernel(_nrt=False)
def part(spans: Spans, series: Series, detector: int) -> None:
    """Part a detector's bins by the limits into near ones, parabolas and straight lines."""
    line, parabola = series.limits[detector, LINE], series.limits[detector, PARABOLA]
    for b in range(spans.first_bin[detector], spans.first_bin[detector + 1]):
        series.lost[b] = 0.0
        if series.errors[b, LINE] < line:
            series.lost[b] = -max(series.errors[b, LINE], _LEAST)
        elif series.errors[b, PARABOLA] < parabola:
            series.lost[b] = max(series.errors[b, PARABOLA], _LEAST)


@inner_kernel(_nrt=False)
def forget(series: Series, detector: int) -> None:
    """Have the series of a detector made again for the next dataset."""
    series.at[detector, 0] = 0.0


@inner_kernel(_nrt=False)
def _expand(
    spans: Spans, series: Series, density: Floats, b: int, rate: float, width: float
) -> None:
    """Fill what `Series` has of a bin."""
    at, rows = spans.bins[b], density.shape[1]
    to, errors = series.bins[b, rows:], series.errors[b]
    unit = rate * at[BASE] + at[REFERENCE]
    errors[LINE] = errors[PARABOLA] = _NEVER
    if not (at[BASE] > 0.0 and unit < inf):
        return
    inverse = 1.0 / unit
    to[UNIT], to[REST] = unit, at[REFERENCE] * inverse
    least = at[LEAST] * exp(-width) * inverse - to[REST]
    most = at[MOST] * exp(width) * inverse - to[REST]
    middle = 0.5 * (least + most)
    g = 1.0 / (1.0 + middle)
    e = 0.5 * (most - least) * g
    if not e < _LARGEST:
        return
    for r in range(rows):
        series.bins[b, r] = density[b, r] * inverse
    e2, e3, e4 = e * e, e * e * e, e * e * e * e
    slope, bend, start = 1.0 + 0.25 * e2, 0.5 + 0.25 * e2, log1p(middle)
    errors[LINE] = 0.25 * e2 + e3 / 12.0 + 0.25 * e4 / (1.0 - e)
    to[LINE_0], to[LINE_1] = start - 0.25 * e2 - middle * g * slope, g * slope
    to[LINE_TOUCH] = -log(g * slope)
    errors[PARABOLA] = e3 / 12.0 + e4 / 32.0 + 0.2 * e4 * e / (1.0 - e)
    off = middle * g
    to[PARABOLA_0] = start + e4 / 32.0 - off * slope - off * off * bend
    to[PARABOLA_1] = g * (slope + 2.0 * off * bend)
    to[PARABOLA_2] = 2.0 * g * g * bend
    to[PARABOLA_TOUCH] = -log(to[PARABOLA_1])


@inner_kernel(_nrt=False)
def _limit(spans: Spans, series: Series, detector: int, column: int, budget: float) -> float:
    """Error below which the expected events that have no straight line add up to a budget."""
    classes, unit = series.classes, series.bins.shape[1] - COLUMNS + UNIT
    exposure = series.at[detector, 2]
    for k in range(_CLASSES):
        classes[k] = 0.0
    for b in range(spans.first_bin[detector], spans.first_bin[detector + 1]):
        error = series.errors[b, column]
        if error < 1.0 and not series.errors[b, LINE] < series.limits[detector, LINE]:
            k = int(np.float64(error).view(np.int64) >> _BITS) - _SMALLEST
            classes[max(k, 0)] += exposure * series.bins[b, unit] * error
    total, k, allowed = 0.0, 0, _SAFETY * budget / len(spans.base)
    while k < _CLASSES and total + classes[k] <= allowed:
        total += classes[k]
        k += 1
    return float(np.int64((_SMALLEST + k) << _BITS).view(np.float64)) if k > 0 else 0.0
