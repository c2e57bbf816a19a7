"""Neyman's construction at every signal, from toys thrown at a few of them.

A critical value is needed wherever an interval may end, and with few events it jumps from signal
to signal: a table of thrown signals must not be interpolated. Here a toy serves all signals near
the one it was thrown at. For a signal μ the toys of the nearest thrown signals are one sample of
the mixture of their distributions, and each counts with the likelihood ratio

w = p(toy | μ) / mean over the nearest thrown signals of p(toy | signal)

(the balance heuristic of multiple importance sampling; Veach and Guibas, SIGGRAPH 1995, 419),
where p is the density of all that was thrown: the number of events, the events, and the redrawn
centres of the constraints, at the nuisances that belong to each signal. A toy's statistic at μ
comes from the values and the first two derivatives at the *nodes* around it, where it was fitted,
by Hermite's quintic in ln μ: with it, n events without background, 2 μ − 2 n ln μ, are exact but
for μ. What a linear statistic tells of the toys is known without them, and only the rest is left to
their number: see `zeptobarn.inference.strata`.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from math import exp, inf, log, nan
from typing import NamedTuple

import numpy as np

from zeptobarn.inference.quantiles import cls_quantiles, quantiles
from zeptobarn.inference.strata import Expected, stratify
from zeptobarn.support.jit import Floats, Ints, inner_kernel, kernel

# The first signal above 0 that is tested (expected events).
LOWEST = 0.01
# Largest distance of the signals that are tested: in events, and beyond that relative.
_STEP, _RELATIVE_STEP = 0.005, 0.003
# Largest distance of the nodes in ln μ; of many events it is that of √μ events.
_LARGEST_NODE_STEP = 0.8
# The slope at a node is that of a polynomial through so many nodes to either side.
_ASIDE = 2
# What a critical value is raised by before data are compared with it: the statistic of toys lies on
# curves through nodes, and data with the same events must not fall outside by its error.
TIES = 1e-3
# How many of the nearest thrown signals serve a signal.
NEAREST = 6


class Ensemble(NamedTuple):
    """Toys thrown at several signals: S signals, n toys at each, N nodes.

    Attributes
    ----------
    nodes
        Signals at which statistics and densities were taken, from 0, shape (N,).
    thrown
        The node that each signal is, shape (S,).
    first
        First node at which the toys of a signal have their statistic, shape (S,).
    best
        Best-fit signals, shape (S, n); NaN where a fit failed.
    statistic, slope, bend
        t̃ and its first and second derivative in ln μ, from node ``first`` on, shape
        (S, most nodes, n); NaN where a fit failed.
    log_density
        ln p of each toy at every node, less that at its own signal, shape (S, N, n).
    expected
        What toys would be thrown from at every node.
    efficiency
        Expected events of a signal of 1.
    """

    nodes: Floats
    thrown: Ints
    first: Ints
    best: Floats
    statistic: Floats
    slope: Floats
    bend: Floats
    log_density: Floats
    expected: Expected
    efficiency: float


@dataclass(frozen=True)
class Nodes:
    """Where the toys of each thrown signal are fitted: up to the node before ``last``.

    The other attributes are those of `Ensemble`.
    """

    nodes: Floats
    thrown: Ints
    first: Ints
    last: Ints


def plan(thrown: Floats, efficiency: float, everywhere: bool) -> Nodes:
    """Choose the nodes for toys thrown at some signals.

    Parameters
    ----------
    thrown
        The signals, from 0, increasing, shape (S,).
    efficiency
        Expected events of a signal of 1.
    everywhere
        Whether the toys that stand for no signal are fitted at all nodes, as CLs needs it.
    """
    # Over less than √μ events the quintic sees the kinks that a shape's anchors make.
    corners = np.unique(np.append(thrown[1:], LOWEST / efficiency))
    steps = np.minimum((corners[1:] * efficiency) ** -0.5, _LARGEST_NODE_STEP)
    numbers = np.ceil(np.log(corners[1:] / corners[:-1]) / steps).astype(int)
    parts = [
        np.geomspace(low, high, number, endpoint=False)
        for (low, high), number in zip(pairwise(corners), numbers, strict=True)
    ]
    nodes = np.concatenate([[0.0], *parts, corners[-1:]])
    places = np.searchsorted(nodes, thrown)
    first = np.full(len(thrown), len(nodes))
    last = np.zeros(len(thrown), dtype=np.int64)
    for i in range(len(thrown) - 1):
        for s in _nearest(i, len(thrown)):
            first[s] = min(first[s], places[i])
            last[s] = max(last[s], places[i + 1] + 1)
    if everywhere:
        last[_nearest(0, len(thrown))] = len(nodes)
    return Nodes(nodes, places, first, last)


def tabulated_signals(last: float, efficiency: float) -> Floats:
    """Signals at which critical values are tabulated, from 0 to the last thrown one.

    Parameters
    ----------
    efficiency
        Expected events of a signal of 1.
    """
    end, turn = last * efficiency, min(_STEP / _RELATIVE_STEP, last * efficiency)
    even = np.arange(LOWEST, turn, _STEP)
    steps = int(np.ceil(np.log(end / turn) / _RELATIVE_STEP))
    events = np.concatenate([[0.0], even, np.geomspace(turn, end, steps + 1)])
    return np.minimum(events / efficiency, last)


def critical_values(
    ensemble: Ensemble,
    signals: Floats,
    confidence_level: float,
    upper: bool,
    cls: bool,
    threads: int = 1,
) -> Floats:
    """Critical values at signals, with their errors.

    Parameters
    ----------
    signals
        Increasing, within the ensemble's nodes; 0, and none between 0 and the next node.
    upper
        Whether the statistic is q̃, 0 below the best fit, instead of t̃.
    cls
        Whether the p-value is divided by the background's; the ensemble's first toys must have
        been fitted at all nodes.

    Returns
    -------
    Rows of the critical value (the smallest c with P(t ≤ c) ≥ CL; for CLs the largest value that
    is not excluded), its lower and upper end one standard deviation of the toys away, and the
    effective number of toys (Σw)²/Σw²; shape (n, 4).
    """
    table = np.full((len(signals), 4), np.nan)
    thrown = ensemble.nodes[ensemble.thrown]
    segment = np.clip(np.searchsorted(thrown, signals, side="right") - 1, 0, len(thrown) - 2)

    def fill(i: int) -> None:
        rows = np.flatnonzero(segment == i)
        node, share, spline = _interpolation(ensemble.nodes, signals[rows])
        nearest = _nearest(i, len(thrown))
        values = np.empty((len(rows), 4))
        _segment(
            ensemble,
            signals[rows],
            node,
            share,
            spline,
            nearest,
            *_strata(ensemble, i, nearest, signals[rows], node, spline, cls),
            _nearest(0, len(thrown)),
            confidence_level,
            upper,
            cls,
            values,
        )
        table[rows] = values

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(fill, np.unique(segment)))
    return table


def _strata(
    ensemble: Ensemble,
    i: int,
    nearest: Ints,
    signals: Floats,
    node: Ints,
    spline: Floats,
    cls: bool,
) -> tuple[Ints, Floats]:
    """Strata of the toys that serve signals behind the i-th thrown one; one stratum for CLs.

    CLs compares two probabilities of the same toys, whose errors are not those of strata.
    """
    if cls:
        size = len(nearest) * ensemble.best.shape[1]
        return np.zeros(size, dtype=np.int64), np.ones((len(signals), 1))
    # From one thrown signal further down to one further up, as far as there are some above 0.
    last = len(ensemble.thrown) - 1
    low, high = (int(ensemble.thrown[k]) for k in (max(i - 1, 1), min(i + 2, last)))
    ratios = ensemble.log_density[nearest, high] - ensemble.log_density[nearest, low]
    weights = np.zeros((len(signals), len(ensemble.nodes)))
    for row, k, values in zip(weights, node.tolist(), spline, strict=True):
        used = np.flatnonzero(values)
        row[k - _ASIDE + used] = values[used]
    return stratify(
        ratios.ravel(), ensemble.expected, low, high, weights, signals * ensemble.efficiency
    )


def acceptance(signals: Floats, values: Floats) -> Floats:
    """What data are compared with, as `zeptobarn.inference.intervals.set_interval` takes it.

    Parameters
    ----------
    signals, values
        As tabulated, shape (n,) each.

    Returns
    -------
    Rows of signal, the critical value raised by `TIES`, and how close to it statistics are taken
    for the same; shape (n, 3).
    """
    return np.column_stack([signals, values + TIES, np.full(len(values), 3 * TIES)])


def _nearest(i: int, number: int) -> Ints:
    """The thrown signals that serve what lies between the i-th and the next."""
    few = min(NEAREST, number)
    low = min(max(i + 1 - few // 2, 0), number - few)
    return np.arange(low, low + few)


def _interpolation(nodes: Floats, signals: Floats) -> tuple[Ints, Floats, Floats]:
    """Node below each signal, the share of the way to the next in ln μ, and weights.

    The weights are those of the nodes from `_ASIDE` before that node to as many behind the next,
    for a curve through the nodes whose slopes are those of polynomials through the nodes around
    (Hermite's cubic).
    """
    x = np.log(np.maximum(nodes, 1e-300))
    node = np.clip(np.searchsorted(nodes, signals, side="right") - 1, 0, len(nodes) - 2)
    share, weights = np.zeros(len(signals)), np.zeros((len(signals), 2 * _ASIDE + 2))
    for r, (k, signal) in enumerate(zip(node.tolist(), signals.tolist(), strict=True)):
        if k == 0:
            weights[r, _ASIDE] = 1.0
            continue
        width = x[k + 1] - x[k]
        share[r] = s = (log(signal) - x[k]) / width
        value, slope = _hermite(s)
        weights[r, _ASIDE], weights[r, _ASIDE + 1] = value, 1 - value
        for at, basis in ((k, slope), (k + 1, -_hermite(1 - s)[1])):
            low, high = max(at - _ASIDE, 1), min(at + _ASIDE + 1, len(nodes))
            first = low - k + _ASIDE
            weights[r, first : first + high - low] += width * basis * _slope(x[low:high], at - low)
    return node, share, weights


def _slope(x: Floats, at: int) -> Floats:
    """Weights of nodes in the slope, at one of them, of the polynomial through all (Lagrange)."""
    weights = np.zeros(len(x))
    for i in range(len(x)):
        others = np.delete(x, [i, at])
        if i != at:
            weights[i] = np.prod(x[at] - others) / (np.prod(x[i] - others) * (x[i] - x[at]))
    weights[at] = -weights.sum()
    return weights


def _hermite(s: float) -> tuple[float, float]:
    """Weights of value and slope at the beginning of a unit interval."""
    return (1 + 2 * s) * (1 - s) ** 2, s * (1 - s) ** 2


@kernel()
def _segment(
    ensemble: Ensemble,
    signals: Floats,
    node: Ints,
    share: Floats,
    spline: Floats,
    nearest: Ints,
    stratum: Ints,
    probabilities: Floats,
    lowest: Ints,
    level: float,
    upper: bool,
    cls: bool,
    values: Floats,
) -> None:
    """Fill critical values of signals that the same thrown signals serve."""
    toys = ensemble.best.shape[1]
    mixture = _mixture(ensemble, nearest)
    t, w = np.empty(len(nearest) * toys), np.empty(len(nearest) * toys)
    low = lowest if cls else lowest[:0]
    background_mixture = _mixture(ensemble, low)
    t0, w0 = np.empty(len(low) * toys), np.empty(len(low) * toys)
    if cls:
        for j in range(len(low)):
            for i in range(toys):
                w0[j * toys + i] = exp(
                    ensemble.log_density[low[j], 0, i] - background_mixture[j, i]
                )
    for r in range(len(signals)):
        _statistics(ensemble, nearest, signals[r], node[r], share[r], upper, t)
        _weights(ensemble, nearest, node[r], spline[r], mixture, w)
        total, squares = 0.0, 0.0
        for i in range(len(w)):
            total += w[i]
            squares += w[i] * w[i]
        values[r, 3] = total * total / squares
        _stratified(w, stratum, probabilities[r])
        if cls:
            _statistics(ensemble, low, signals[r], node[r], share[r], upper, t0)
            cls_quantiles(t, w, t0, w0, level, values[r])
        else:
            near = values[r - 1, 0] if r > 0 else nan
            quantiles(t, w, stratum, probabilities.shape[1], level, near, values[r])


@inner_kernel()
def _mixture(ensemble: Ensemble, nearest: Ints) -> Floats:
    """ln of the mean density of each toy at the thrown signals that serve."""
    toys = ensemble.best.shape[1]
    mixture = np.empty((len(nearest), toys))
    for j in range(len(nearest)):
        for i in range(toys):
            largest, total = -inf, 0.0
            for k in nearest:
                largest = max(largest, ensemble.log_density[nearest[j], ensemble.thrown[k], i])
            for k in nearest:
                total += exp(ensemble.log_density[nearest[j], ensemble.thrown[k], i] - largest)
            mixture[j, i] = largest + log(total / len(nearest))
    return mixture


@inner_kernel()
def _weights(
    ensemble: Ensemble, nearest: Ints, node: int, spline: Floats, mixture: Floats, w: Floats
) -> None:
    toys = ensemble.best.shape[1]
    other = node if spline[_ASIDE] > spline[_ASIDE + 1] else node + 1
    for j in range(len(nearest)):
        at, here = ensemble.log_density[nearest[j]], w[j * toys : (j + 1) * toys]
        for i in range(toys):
            here[i] = 0.0
        for m in range(len(spline)):
            if spline[m] != 0.0:
                for i in range(toys):
                    here[i] += spline[m] * at[node - _ASIDE + m, i]
        for i in range(toys):
            value = here[i]
            if not value > -inf or not value < inf:  # nodes that a toy is impossible at
                value = at[other, i]
            here[i] = exp(value - mixture[j, i])


@inner_kernel()
def _stratified(w: Floats, stratum: Ints, probabilities: Floats) -> None:
    """Make the weights of each stratum add up to its probability; all add up to 1."""
    sums, kept = np.zeros(len(probabilities)), 0.0
    for i in range(len(w)):
        sums[stratum[i]] += w[i]
    for s in range(len(sums)):
        kept += probabilities[s] if sums[s] > 0.0 else 0.0
    for i in range(len(w)):
        if w[i] > 0.0:
            w[i] *= probabilities[stratum[i]] / (sums[stratum[i]] * kept)


@inner_kernel()
def _statistics(
    ensemble: Ensemble,
    nearest: Ints,
    signal: float,
    node: int,
    share: float,
    upper: bool,
    t: Floats,
) -> None:
    """t̃ or q̃ of toys at a signal; infinite where a fit failed."""
    toys, s, rest = ensemble.best.shape[1], share, 1.0 - share
    width = log(ensemble.nodes[node + 1] / ensemble.nodes[node]) if node > 0 else 0.0
    # Hermite's quintic: weights of both nodes' values, slopes and bends.
    value = rest**3 * (1.0 + 3.0 * s + 6.0 * s * s)
    rise, fall = width * s * rest**3 * (1.0 + 3.0 * s), width * rest * s**3 * (1.0 + 3.0 * rest)
    bend, to = 0.5 * width**2 * s * s * rest**3, 0.5 * width**2 * rest * rest * s**3
    for j in range(len(nearest)):
        k, best = node - ensemble.first[nearest[j]], ensemble.best[nearest[j]]
        here, at = t[j * toys : (j + 1) * toys], ensemble.statistic[nearest[j]]
        if s == 0.0:
            for i in range(toys):
                here[i] = at[k, i]
        else:
            slope, curve = ensemble.slope[nearest[j]], ensemble.bend[nearest[j]]
            for i in range(toys):
                interpolated = value * at[k, i] + (1.0 - value) * at[k + 1, i]
                interpolated += rise * slope[k, i] - fall * slope[k + 1, i]
                here[i] = interpolated + bend * curve[k, i] + to * curve[k + 1, i]
        for i in range(toys):
            statistic = inf if np.isnan(here[i]) else max(here[i], 0.0)
            here[i] = 0.0 if upper and best[i] > signal else statistic
