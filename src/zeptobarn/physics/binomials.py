"""Binomial probabilities, for many numbers at once."""

from functools import cache
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def binomial(n: NDArray[np.int64], k: NDArray[np.int64], p: float) -> Floats:
    """Binomial probabilities, shape (n, k)."""
    column = n[:, np.newaxis]
    return np.asarray(np.exp(log_choose(column, k) + log_powers(column, k, p)))


def log_choose(n: NDArray[np.int64], k: NDArray[np.int64]) -> Floats:
    """Logarithm of the binomial coefficient, −∞ where k is not among 0 … n."""
    inside = (k >= 0) & (k <= n)
    chosen = np.where(inside, k, 0)
    factorial = _log_factorials(int(np.max(n)).bit_length())
    value = factorial[n] - factorial[chosen] - factorial[n - chosen]
    return np.asarray(np.where(inside, value, -np.inf))


@cache
def _log_factorials(bits: int) -> Floats:
    return np.asarray(scipy.special.gammaln(np.arange(1.0, 2**bits + 1)))


def log_powers(n: NDArray[np.int64], k: NDArray[np.int64], p: Any) -> Floats:
    """Logarithm of pᵏ (1 − p)ⁿ⁻ᵏ, 0 where an exponent is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        lost = np.where(n <= k, 0.0, (n - k) * np.log1p(-np.asarray(p, dtype=float)))
        kept = np.where(k <= 0, 0.0, k * np.log(np.asarray(p, dtype=float)))
    return np.asarray(kept + lost)
