"""Strata of toys whose probabilities are known: a critical value's error shrinks to what is left.

Near a signal, t̃ is almost a function of one number: how much likelier a toy is at a somewhat larger
signal than at a somewhat smaller one, each at its own nuisances,

L = Σ over events of ln(λ₊/λ₋) − Σ over bins of (λ₊ − λ₋) + what the constraints' centres say,

with λ± the expected events of a bin. It is linear in what is thrown, so its distribution needs no
toys: that of the events is compound Poisson, whose characteristic function is
exp(Σ λ (exp(i ω ln(λ₊/λ₋)) − 1)), and that of redrawn centres is normal. Toys are sorted into
strata of L, and weights make each stratum count with its exact probability (post-stratification;
Cochran, Sampling Techniques, section 5A.9): only how t̃ varies within strata is left to chance,
some 10 to 25 % of the variance.
"""

from typing import NamedTuple

import numpy as np

from zeptobarn.support.jit import Floats, Ints

# Toys in a stratum, of all those that serve a signal, and the largest number of strata.
_TOYS, _MOST = 50, 100
# Points of the grid of L, over so many standard deviations to either side of its means.
_POINTS, _DEVIATIONS = 2**15, 12.0
# An edge is dropped where L is within so many grid points of it with more than a probability.
_NEAR, _ATOM = 4, 0.005
# Distance of the signals at which probabilities are computed, in √μ events; a spline joins them.
_MESH = 0.25


class Expected(NamedTuple):
    """What toys are thrown from at several signals, N nodes.

    Attributes
    ----------
    logs
        ln of the expected events of each bin, shape (bins, N); -inf where there are none.
    centres
        Where the constraints' measurements are centred, ln of it where they are log-normal; shape
        (N, parameters).
    precision
        Inverse of the measurements' covariance, 0 for those that are not redrawn; shape
        (parameters, parameters).
    """

    logs: Floats
    centres: Floats
    precision: Floats


def stratify(
    ratios: Floats, expected: Expected, low: int, high: int, weights: Floats, events: Floats
) -> tuple[Ints, Floats]:
    """Sort toys into strata of their likelihood ratio, and give the strata's exact probabilities.

    Parameters
    ----------
    ratios
        L of each toy: ln of its density at node ``high`` less that at node ``low``; shape (toys,).
    weights
        Of the nodes, in ln of the expected events and in the centres at each signal; shape
        (signals, N).
    events
        Expected events of the signals, increasing; shape (signals,).

    Returns
    -------
    The stratum of each toy, from 0, shape (toys,); the probability of each stratum at each signal,
    shape (signals, strata), its rows adding up to 1.
    """
    ratios = np.nan_to_num(ratios, nan=-np.inf, neginf=-np.inf, posinf=np.inf)
    mesh = _mesh(events)
    law = _law(expected, low, high, weights[mesh])
    edges = _without_atoms(law, _edges(ratios[np.isfinite(ratios)]))
    below = _below(law, edges)
    if len(mesh) < len(events):
        from scipy.interpolate import CubicSpline

        below = CubicSpline(events[mesh], below)(events)
    below = np.maximum.accumulate(np.clip(below, 0.0, 1.0), axis=1)
    probabilities = np.diff(below, axis=1, prepend=0.0, append=1.0)
    return np.searchsorted(edges, ratios, side="right"), probabilities


def _mesh(events: Floats) -> Ints:
    """Choose the signals at which probabilities are computed: few where all are near each other."""
    steps = np.concatenate([[0.0], np.cumsum(np.diff(events) / np.sqrt(np.maximum(events[1:], 1)))])
    number = max(int(np.ceil(steps[-1] / _MESH)) + 1, 5)
    if number >= len(events):
        return np.arange(len(events))
    return np.unique(np.searchsorted(steps, np.linspace(0.0, steps[-1], number)))


def _edges(ratios: Floats) -> Floats:
    """Edges that leave about as many toys in each stratum, each in the widest gap around."""
    number = min(len(ratios) // _TOYS, _MOST)
    if number < 2:
        return np.empty(0)
    ratios = np.sort(ratios)
    around = len(ratios) // (3 * number)
    edges = []
    for k in (np.arange(1, number) * len(ratios)) // number:
        near = ratios[max(k - around, 0) : k + around + 1]
        widest = int(np.argmax(np.diff(near)))
        edges.append(0.5 * (near[widest] + near[widest + 1]))
    return np.unique(edges)


class _Law(NamedTuple):
    """The distribution of L at several signals.

    Attributes
    ----------
    below
        Probability that L, less ``shift``, lies below each point, shape (signals, points).
    points
        Evenly spaced, shape (points,).
    shift
        Shape (signals,).
    """

    below: Floats
    points: Floats
    shift: Floats


def _law(expected: Expected, low: int, high: int, weights: Floats) -> _Law:
    """Find the distribution of L, by the characteristic functions of its parts."""
    with np.errstate(invalid="ignore"):
        ratio = expected.logs[:, high] - expected.logs[:, low]
    ratio = np.clip(np.nan_to_num(ratio, nan=0.0), -50.0, 50.0)
    bins = _at(expected.logs, weights)
    step = expected.centres[high] - expected.centres[low]
    middle = 0.5 * (expected.centres[high] + expected.centres[low])
    pulled = expected.precision @ step
    variance = float(step @ pulled)
    totals = np.exp(expected.logs[:, [low, high]]).sum(axis=0)
    shift = totals[0] - totals[1] + (weights @ expected.centres - middle) @ pulled
    means, spreads = bins @ ratio, np.sqrt(bins @ ratio**2 + variance)
    reach = _DEVIATIONS * spreads.max() + np.abs(ratio[bins.max(axis=0) > 1e-6]).max(initial=0)
    width = max((np.ptp(means) + 2 * reach) / _POINTS, 1e-12)
    first = int(np.floor((means.min() - reach) / width))
    # Each bin's ratio lies between two points, which share what it expects; both wrap around.
    below = np.floor(ratio / width).astype(np.int64)
    share = ratio / width - below
    frequency = 2 * np.pi * np.arange(_POINTS // 2 + 1) / _POINTS
    centres = np.exp(-0.5 * variance * (frequency / width) ** 2)
    summed = np.empty((len(bins), _POINTS))
    for row, content in zip(summed, bins, strict=True):
        density = np.bincount(below % _POINTS, content * (1 - share), _POINTS)
        density += np.bincount((below + 1) % _POINTS, content * share, _POINTS)
        transform = np.fft.rfft(density)
        mass = np.fft.irfft(np.exp(transform - transform[0]) * centres)
        row[:] = np.cumsum(np.roll(mass, -first))
    return _Law(summed, (first + 0.5 + np.arange(_POINTS)) * width, shift)


def _below(law: _Law, edges: Floats) -> Floats:
    """Probability that L lies below each edge, shape (signals, edges)."""
    rows = zip(law.shift, law.below, strict=True)
    below = [np.interp(edges - shift, law.points, summed, left=0.0) for shift, summed in rows]
    return np.array(below).reshape(len(law.shift), len(edges))


def _without_atoms(law: _Law, edges: Floats) -> Floats:
    """Leave out edges on which L itself may lie: toys there would be counted by rounding."""
    aside = _NEAR * (law.points[1] - law.points[0])
    near = _below(law, edges + aside) - _below(law, edges - aside)
    kept: Floats = edges[near.max(axis=0, initial=0.0) < _ATOM]
    return kept


def _at(logs: Floats, weights: Floats) -> Floats:
    """Expected events of each bin at signals between nodes, shape (signals, bins)."""
    with np.errstate(invalid="ignore"):
        between = np.array([logs[:, row != 0] @ row[row != 0] for row in weights])
    nearest = logs[:, np.argmax(weights, axis=1)].T
    expected: Floats = np.exp(np.where(np.isfinite(between), between, nearest))
    return expected
