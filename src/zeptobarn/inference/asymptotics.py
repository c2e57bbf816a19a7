"""Asymptotic critical values: formulas for many events.

Formulas are those of Cowan, Cranmer, Gross and Vitells, EPJC 71 (2011) 1554, with x = μ/σ the
signal over its standard deviation; x² is the statistic of the background-only Asimov dataset.
"""

import numpy as np
import scipy

from zeptobarn.inference.problem import Problem, asimov, find_limits, fits_at
from zeptobarn.study.settings import Interval
from zeptobarn.support.jit import Floats


def one_sided(confidence_level: float) -> float:
    """Asymptotic critical value of q̃: Φ⁻¹(CL)², and 0 at and below a confidence level of 0.5.

    Exact where the limit lies above 1.28 σ (at 90 %), conservative below.

    Examples
    --------
    >>> round(one_sided(0.9), 4), one_sided(0.45)
    (1.6424, 0.0)
    """
    return float(max(scipy.special.ndtri(confidence_level), 0.0) ** 2)


def two_sided(confidence_level: float) -> float:
    """Asymptotic critical value of an unbounded t: Φ⁻¹((1 + CL)/2)².

    Examples
    --------
    >>> round(two_sided(0.9), 4)
    2.7055
    """
    return float(scipy.special.ndtri(0.5 + 0.5 * confidence_level) ** 2)


def unified(confidence_level: float, x: float) -> float:
    """Asymptotic critical value of t̃, with the best fit bounded at 0.

    The distribution is F(t) = 2Φ(√t) − 1 for t ≤ x², and Φ(√t) + Φ((t + x²)/2x) − 1 above.

    Examples
    --------
    >>> [round(unified(0.9, x), 3) for x in (0.1, 0.5, 1.0, 1.5, 2.0)]
    [1.642, 1.898, 2.463, 2.695, 2.706]
    """
    limit = two_sided(confidence_level)
    if x * x >= limit:
        return limit
    low = max(x * x, 1e-300)

    def excess(t: float) -> float:
        return float(
            scipy.special.ndtr(t**0.5)
            + scipy.special.ndtr((t + x * x) / (2 * max(x, 1e-150)))
            - 1
            - confidence_level
        )

    return (
        limit if excess(limit) < 0 else float(scipy.optimize.brentq(excess, low, limit, xtol=1e-12))
    )


def cls(confidence_level: float, x: float) -> float:
    """Value of q̃ at which CLs = p_μ / (1 − p_b) is 1 − CL.

    Examples
    --------
    >>> [round(cls(0.9, x), 3) for x in (0.5, 1.0, 3.0, 8.0)]
    [4.397, 3.834, 1.71, 1.642]
    """

    def excess(q: float) -> float:
        # In logarithms: both p-values vanish for small x.
        above, background = -(q**0.5), x - q**0.5
        if q > x * x:
            above, background = -(q + x * x) / (2 * x), (x * x - q) / (2 * x)
        return float(
            scipy.special.log_ndtr(above)
            - scipy.special.log_ndtr(background)
            - np.log(1 - confidence_level)
        )

    return float(scipy.optimize.brentq(excess, 0.0, 100.0, xtol=1e-12))


def asymptotic(
    problem: Problem, interval: Interval, confidence_level: float, exposure: Floats | None = None
) -> Floats:
    """Critical values of a unified or CLs interval, from the background-only Asimov dataset.

    Parameters
    ----------
    exposure
        Factor on each detector's livetime, shape (detectors,).

    Returns
    -------
    Rows of signal (expected events) and critical value, shape (n, 2): from where it is that of
    no signal to where it is that of a large one.
    """
    value = cls if interval.cls else unified
    data = asimov(problem, problem.background, exposure)
    (results,) = find_limits(problem, data, [np.array([[0.0, 1.0]])], False, 1e300)
    signals = results.limit[0] * np.geomspace(0.02, 12.0, 161)
    _, fits = fits_at(problem, data, signals)
    x = np.sqrt(fits[0, :, 0])
    values = [value(confidence_level, at) for at in x]
    return np.column_stack(
        [
            np.concatenate([[0.0], signals, [1e300]]),
            np.concatenate([values[:1], values, values[-1:]]),
        ]
    )
