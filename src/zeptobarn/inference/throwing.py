"""Toys of a calibration, compiled: events and constraint centres drawn, and each toy fitted."""

from math import exp, log, nan, sqrt

import numpy as np

from zeptobarn.inference.intervals import statistics_of_one
from zeptobarn.inference.newton import allocate
from zeptobarn.inference.structure import Structure, gather, make_room
from zeptobarn.inference.terms import LOG_NORMAL, UNIFORM
from zeptobarn.support.jit import Floats, Ints, inner_kernel, kernel


def alias_table(weights: Floats) -> tuple[Floats, Ints]:
    """Walker's table for drawing an index in proportion to weights, two numbers a draw.

    Returns
    -------
    share, other
        The index i of a uniform draw stays with probability share[i], else it is other[i].
    """
    n = len(weights)
    share = np.asarray(weights, dtype=float) * (n / max(weights.sum(), 1e-300))
    other = np.arange(n)
    low = [i for i in range(n) if share[i] < 1]
    high = [i for i in range(n) if share[i] >= 1]
    while low and high:
        i, j = low.pop(), high[-1]
        other[i] = j
        share[j] -= 1 - share[i]
        if share[j] < 1:
            low.append(high.pop())
    for i in low + high:
        share[i] = 1.0
    return share, other


@inner_kernel(_nrt=False)
def _add(factor: float, values: Floats, to: Floats) -> None:
    for k in range(len(values)):
        to[k] += factor * values[k]


@kernel()
def throw_and_fit(
    rng: np.random.Generator,
    structure: Structure,
    means: Floats,
    starts: Ints,
    share: Floats,
    other: Ints,
    truth: Floats,
    nominal: Floats,
    redrawn: bool,
    spreads: Floats,
    signals: Floats,
    others: Floats,
    totals: Floats,
    logs: Floats,
    best: Floats,
    statistics: Floats,
    curves: Floats,
    densities: Floats,
) -> None:
    """Fill best fits, t̃ and its derivatives at signals, and ln of each toy's density at points.

    The parameters are those of `zeptobarn.inference.calibration.throw`; ``starts``, ``share`` and
    ``other`` are each detector's first bin and alias table.
    """
    detectors, size = len(means), len(truth)
    normal = np.zeros(size)
    # A fit starts at the truth; constraints that are not redrawn are centred on the nominal values.
    drawn, exposure = truth.copy().reshape(1, size), np.ones((1, detectors))
    for p in range(1, size):
        if not redrawn and int(structure.constraints[p, 0]) > UNIFORM:
            drawn[0, p] = nominal[p]
    first = np.zeros((1, detectors + 1), dtype=np.int64)
    table = np.empty((len(signals), 1 + size))
    for d in range(detectors):
        first[0, d + 1] = first[0, d] + int(means[d] + 6.0 * sqrt(means[d])) + 10
    room = make_room(structure, first)
    weights, scratch = np.ones(first[0, detectors]), allocate(room.terms)
    most = first[0].copy()
    for toy in range(len(best)):
        fits = True
        for d in range(detectors):
            n = rng.poisson(means[d])
            first[0, d + 1] = first[0, d] + n
            fits = fits and n <= most[d + 1] - most[d]
        if not fits:
            room = make_room(structure, first)
            weights, scratch = np.ones(first[0, detectors]), allocate(room.terms)
            most = first[0].copy()
        bins = _draw_bins(rng, first[0], starts, share, other)
        if redrawn:
            _draw_centres(rng, structure.constraints, truth, spreads, normal, drawn[0])
        best[toy] = nan
        statistics[toy] = nan
        if gather(structure, room, bins, weights, first[0], exposure[0], drawn[0]) == -1:
            best[toy] = statistics_of_one(room.terms, scratch, signals, table, curves[toy])
            statistics[toy] = table[:, 0]
        density = densities[toy]
        for k in range(len(others)):
            density[k] = -totals[k]
        for i in range(room.ends[detectors]):
            _add(room.masses[i], logs[room.distinct[i]], density)
        if redrawn:
            _add_constraints(structure.constraints, drawn[0], others, density)


@inner_kernel()
def _draw_bins(
    rng: np.random.Generator, first: Ints, starts: Ints, share: Floats, other: Ints
) -> Ints:
    """Draw the bin of each event, ``first`` and ``starts``: of each detector's events and bins."""
    detectors = len(first) - 1
    bins = np.empty(first[detectors], dtype=np.int64)
    for d in range(detectors):
        n = starts[d + 1] - starts[d]
        for i in range(first[d], first[d + 1]):
            at = rng.random() * n
            k = min(int(at), n - 1)
            b = starts[d] + k
            bins[i] = b if at - k < share[b] else starts[d] + other[b]
    return bins


@inner_kernel(_nrt=False)
def _draw_centres(
    rng: np.random.Generator,
    constraints: Floats,
    truth: Floats,
    spreads: Floats,
    normal: Floats,
    centres: Floats,
) -> None:
    """Draw where constraints are centred, around the true values; ``normal`` is overwritten."""
    for p in range(1, len(truth)):
        kind = int(constraints[p, 0])
        if kind > UNIFORM:
            normal[p] = rng.standard_normal()
            pull = 0.0
            for q in range(1, p + 1):
                pull += spreads[p, q] * normal[q]
            centres[p] = truth[p] * exp(pull) if kind == LOG_NORMAL else truth[p] + pull


@inner_kernel(_nrt=False)
def _add_constraints(constraints: Floats, centres: Floats, others: Floats, density: Floats) -> None:
    """Add ln of the density of the redrawn centres at each of many points."""
    for k in range(len(others)):
        for p in range(1, len(centres)):
            kind, width = int(constraints[p, 0]), constraints[p, 1]
            if kind > UNIFORM:
                ahead = centres[p] - others[k, p]
                if kind == LOG_NORMAL:
                    ahead = log(centres[p] / others[k, p])
                density[k] -= 0.5 * (ahead / width) ** 2
                for q in range(1, p if constraints.shape[1] > 2 else 1):
                    beside = centres[q] - others[k, q]  # correlated ones are normal
                    density[k] -= constraints[p, 2 + q] * ahead * beside
