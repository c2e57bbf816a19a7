"""Critical values of weighted toys: quantiles of a statistic, and those of a ratio of p-values.

Each comes with its ends one standard deviation of the toys away.
"""

from math import inf, nan, sqrt

import numpy as np

from zeptobarn.inference.crossing import SLACK
from zeptobarn.support.jit import Floats, Ints, inner_kernel

# How far from a value the quantile is looked for first.
_WINDOW = 0.1


@inner_kernel()
def quantiles(
    t: Floats, w: Floats, stratum: Ints, strata: int, level: float, near: float, values: Floats
) -> None:
    """Fill the quantile and its ends, which are looked for near a value first.

    The error is that of the share of toys up to the quantile, within each stratum.

    Parameters
    ----------
    w
        Weights of the toys, which add up to 1.
    stratum
        Of each toy, from 0 to ``strata`` - 1.
    """
    weight, inside = np.zeros(strata), np.zeros(strata)
    for i in range(len(t)):
        weight[stratum[i]] += w[i]
    for reach in (_WINDOW, inf):
        low, high = near - reach, near + reach
        if reach == inf:
            low, high = -inf, inf
        before, order = _between(t, w, low, high)
        values[0] = _quantile(t, w, order, before, level)
        inside[:] = 0.0
        for i in range(len(t)):
            inside[stratum[i]] += w[i] if t[i] <= values[0] else 0.0
        variance = 0.0
        for i in range(len(t)):
            if w[i] > 0.0:
                share = inside[stratum[i]] / weight[stratum[i]]
                variance += (w[i] * ((1.0 if t[i] <= values[0] else 0.0) - share)) ** 2
        error = sqrt(variance)
        values[1] = _quantile(t, w, order, before, level - error)
        values[2] = _quantile(t, w, order, before, min(level + error, 1.0))
        if not np.isnan(values[0] + values[1] + values[2]):
            break


@inner_kernel()
def _between(t: Floats, w: Floats, low: float, high: float) -> tuple[float, Ints]:
    """Weight of what lies below an interval, and what lies in it, in ascending order."""
    before, n = 0.0, 0
    for i in range(len(t)):
        if t[i] < low:
            before += w[i]
        elif t[i] <= high:
            n += 1
    inside = np.empty(n, dtype=np.int64)
    n = 0
    for i in range(len(t)):
        if low <= t[i] <= high:
            inside[n] = i
            n += 1
    return before, inside[np.argsort(t[inside])]


@inner_kernel(inline="always")
def _quantile(t: Floats, w: Floats, order: Ints, before: float, needed: float) -> float:
    """Smallest t up to which the weights add up to what is needed; NaN if that is not in order."""
    total = before
    if before > 0.0 and before >= needed:
        return nan
    for i in order:
        total += w[i]
        if total >= needed * (1.0 - 1e-9):
            return float(t[i])
    return nan


@inner_kernel()
def cls_quantiles(
    t: Floats, w: Floats, t0: Floats, w0: Floats, level: float, values: Floats
) -> None:
    """Fill the value of CLs and its ends; ``t0``, ``w0``: of the background's toys."""
    order, order0 = np.argsort(t), np.argsort(t0)
    total, total0 = w.sum(), w0.sum()
    values[0] = _cls_quantile(t, w, order, t0, w0, order0, (1.0 - level) * total / total0)
    # The error of the ratio of the two p-values at the critical value.
    above, squares, above0, squares0 = 0.0, 0.0, 0.0, 0.0
    for i in range(len(t)):
        above += w[i] if t[i] >= values[0] else 0.0
    for i in range(len(t0)):
        above0 += w0[i] if t0[i] >= values[0] else 0.0
    p, p0 = above / total, above0 / total0
    for i in range(len(t)):
        squares += (w[i] * ((1.0 if t[i] >= values[0] else 0.0) - p)) ** 2
    for i in range(len(t0)):
        squares0 += (w0[i] * ((1.0 if t0[i] >= values[0] else 0.0) - p0)) ** 2
    error = sqrt(squares / above**2 + squares0 / above0**2)
    for k, factor in ((1, 1.0 + error), (2, max(1.0 - error, 0.0))):
        ratio = (1.0 - level) * factor * total / total0
        values[k] = _cls_quantile(t, w, order, t0, w0, order0, ratio)


@inner_kernel()
def _cls_quantile(
    t: Floats, w: Floats, order: Ints, t0: Floats, w0: Floats, order0: Ints, ratio: float
) -> float:
    """Largest t at which the weight of toys at or above it exceeds a multiple of the background's.

    From the largest t down; toys that tie are taken together.
    """
    i, j = len(t) - 1, len(t0) - 1
    above, above0 = 0.0, 0.0
    while i >= 0:
        value = t[order[i]]
        while i >= 0 and t[order[i]] >= value - SLACK:
            above += w[order[i]]
            i -= 1
        while j >= 0 and t0[order0[j]] >= value - SLACK:
            above0 += w0[order0[j]]
            j -= 1
        if above > ratio * above0:
            return float(value)
    return 0.0
