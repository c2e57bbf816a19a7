"""Quantiles over trials and their Monte Carlo errors, from what is known exactly of the trials.

How signal-like a background-only dataset is, L of `zeptobarn.inference.signal_likeness`, tells most
of its limit, and how L is distributed is known. The trials are sorted into strata of L that are
equally probable, and those of each stratum together count as much as they should, however many
chance put there (post-stratification; Cochran, Sampling Techniques, section 5A.9). Only how limits
vary within strata is left to the number of trials.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from math import sqrt

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from zeptobarn.inference.status import WITH_LIMIT

# Trials of a stratum, of all that there are, and the largest number of strata.
_TRIALS, _MOST = 50, 100
# Of 50 expected, chance leaves fewer than these to one of a billion strata.
_FEWEST = 15
# Above this share of failures other than `no_crossing`, quantiles would be biased.
_MAX_FAILURES = 0.01


@dataclass(frozen=True)
class Sample:
    """Numbers of trials, and the strata that they lie in.

    Attributes
    ----------
    values
        Shape (n,); they may be infinite.
    stratum
        Of each value, from 0, shape (n,).
    strata
        How many there are; they are equally probable.
    """

    values: NDArray[np.float64]
    stratum: NDArray[np.int64]
    strata: int

    @cached_property
    def numbers(self) -> NDArray[np.int64]:
        """How many values each stratum has, shape (strata,)."""
        return np.bincount(self.stratum, minlength=self.strata)

    @cached_property
    def weights(self) -> NDArray[np.float64]:
        """What a value of each stratum counts, 1 on average over all values; shape (strata,)."""
        return np.asarray(len(self.values) / (self.strata * self.numbers))

    @cached_property
    def ordered(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Values from the smallest on, and the middles of their weights; shape (n,) each."""
        order = np.argsort(self.values, kind="stable")
        weights = self.weights[self.stratum[order]]
        return self.values[order], np.cumsum(weights) - 0.5 * weights


def sample(values: NDArray[np.float64], likeness: NDArray[np.float64] | None = None) -> Sample:
    """Sort numbers of trials into strata.

    Parameters
    ----------
    likeness
        How signal-like each dataset is, see `zeptobarn.inference.signal_likeness`; there is one
        stratum if it is not known of all, or if a stratum is emptier than chance can make it:
        then these are no background-only datasets, or not all of them.
    """
    together = Sample(values, np.zeros(len(values), dtype=np.int64), 1)
    strata = min(len(values) // _TRIALS, _MOST)
    if likeness is None or strata < 2 or np.isnan(likeness).any():
        return together
    sorted_in = Sample(values, np.minimum((likeness * strata).astype(int), strata - 1), strata)
    return sorted_in if sorted_in.numbers.min() >= _FEWEST else together


def fair_sample(limits: pd.DataFrame, column: str = "limit_cm2") -> Sample:
    """Limits that quantiles over trials are taken of; a trial without a crossing is infinite.

    Where more than 1 % of the trials failed for another reason, the trials left are not a fair
    sample, and a single NaN stands for them.

    Parameters
    ----------
    limits
        Rows of `zeptobarn.inference.model.Model.limits` of one detector, interaction, mass and
        interval; of `interval_limits`, which do not say how signal-like datasets are, all count
        alike.
    column
        Which limits.
    """
    open_end = limits["status"] == "no_crossing"
    kept = limits["status"].isin(WITH_LIMIT) | open_end
    if (~kept).mean() > _MAX_FAILURES or not kept.any():
        return sample(np.array([np.nan]))
    values = np.where(open_end, np.inf, limits[column])[kept]
    if "signal_likeness" not in limits:
        return sample(values)
    return sample(values, limits["signal_likeness"][kept].to_numpy(dtype=float))


def quantile(trials: Sample, probability: float) -> float:
    """Quantile of values that may be infinite, interpolated between neighbours.

    Each value stands in the middle of its weight, the smallest at 0 and the largest at 1.

    Examples
    --------
    >>> quantile(sample(np.array([1.0, 2.0, np.inf])), 0.5)
    2.0
    >>> quantile(sample(np.array([1.0, np.inf])), 0.5)
    inf
    """
    values, places = trials.ordered
    place = places[0] + probability * (places[-1] - places[0])
    i = min(int(np.searchsorted(places, place, side="right")), len(places)) - 1
    j = min(i + 1, len(places) - 1)
    low, high = values[i], values[j]
    if place == places[i] or low == high:
        return float(low)
    return float(low + (place - places[i]) / (places[j] - places[i]) * (high - low))


def quantile_error(trials: Sample, probability: float) -> float:
    """Monte Carlo error of a quantile, in the unit of the values, which may be infinite.

    Of n values of a stratum, the number up to the quantile is binomial, whatever they are
    distributed like: with a share p of them, the share's variance is p (1 − p) / n. The quantiles
    at the probability plus and minus the error of the whole share therefore enclose the true
    quantile in two of three samples, as one standard deviation does (David and Nagaraja, Order
    Statistics, chapter 7); the error is half the distance between them, and at least that of one
    trial in each direction. They end at the smallest and the largest value: of few values, the
    error of a far quantile is too small.

    Returns
    -------
    The error; infinite where the upper quantile is, NaN where both are.

    Examples
    --------
    Of 400 evenly spaced values, the median lies between the 190th and the 210th.

    >>> round(quantile_error(sample(np.arange(1.0, 401.0)), 0.5), 1)
    10.0
    """
    half = _share_error(trials, probability)
    low = quantile(trials, max(probability - half, 0.0))
    high = quantile(trials, min(probability + half, 1.0))
    return (high - low) / 2


def _share_error(trials: Sample, probability: float) -> float:
    """Error of the probability up to a quantile."""
    n = len(trials.values)
    if trials.strata == 1:
        return sqrt(probability * (1 - probability) / n)
    at = quantile(trials, probability)
    below, tied = (
        np.bincount(trials.stratum, inside, trials.strata)
        for inside in (np.less(trials.values, at), np.equal(trials.values, at))
    )
    # Of what is as large as the quantile, as much lies below as makes the probability.
    ties = float(trials.weights @ tied)
    part = (probability * n - float(trials.weights @ below)) / ties if ties > 0 else 0.0
    share = (below + np.clip(part, 0.0, 1.0) * tied) / trials.numbers
    # Each stratum counts the same.
    variance = float((share * (1 - share) / trials.numbers).sum()) / trials.strata**2
    return max(sqrt(variance), 1 / n)


def at_least(trials: Sample, floor: float) -> Sample:
    """Raise smaller values to a floor."""
    return replace(trials, values=np.maximum(trials.values, floor))
