"""What the likelihoods of many datasets of one model share, and one of them from its events."""

from math import inf
from typing import NamedTuple

import numpy as np

from zeptobarn.inference.choice import box_in, choose, put_far, put_near
from zeptobarn.inference.far import allocate_far
from zeptobarn.inference.series import Series, allocate_series, refer
from zeptobarn.inference.spans import Spans
from zeptobarn.inference.terms import UNCONSTRAINED, Indices, Terms, allocate_mixture, no_far
from zeptobarn.support.jit import Floats, Ints, inner_kernel

# A dataset of fewer distinct events has no far ones.
_FEWEST = 100


class Structure(NamedTuple):
    """What the likelihoods of many datasets of one model share.

    Attributes
    ----------
    density
        Rates per bin: of each bin of each detector of a likelihood, detector after detector, the
        rows of its detector; shape (bins, most rows of a detector).
    rows
        First row of each detector and of what follows the last, shape (detectors + 1,).
    expected, sources, anchors, cells, constraints
        See `zeptobarn.inference.terms.Terms`.
    spans
        Which events may be far from the signal, see `zeptobarn.inference.far`.
    """

    density: Floats
    rows: Ints
    expected: Floats
    sources: Ints
    anchors: Floats
    cells: Ints
    constraints: Floats
    spans: Spans


class Room(NamedTuple):
    """Memory for the likelihood of one dataset after the other.

    Attributes
    ----------
    terms
        What `gather` fills.
    series
        See `zeptobarn.inference.series`.
    bin_weights
        Scratch: 0 in every bin, before and after `gather`.
    distinct, masses
        Bins of the distinct events, and the weight in each, shape (events,).
    ends
        Where those of each detector end, shape (detectors + 1,).
    telling
        Weight of each detector's events that tell the rate of its base, shape (detectors,).
    lists, begins
        See `zeptobarn.inference.choice.choose`.
    """

    terms: Terms
    series: Series
    bin_weights: Floats
    distinct: Indices
    masses: Floats
    ends: Ints
    telling: Floats
    lists: Indices
    begins: Ints


@inner_kernel()
def make_room(structure: Structure, first: Ints) -> Room:
    """Make room for likelihoods whose detectors' events begin at ``first``; see `gather`."""
    detectors, rows, size = len(structure.rows) - 1, structure.rows, len(structure.constraints)
    events, most, far = 1, 1, False
    for t in range(len(first)):
        events = max(events, first[t, detectors] - first[t, 0] + 1)
        for d in range(detectors):
            most = max(most, min(first[t, d + 1] - first[t, d], len(structure.density)))
    for d in range(detectors):
        far = far or structure.spans.base[d] >= 0
    mixture, parts = allocate_mixture(structure.sources, size), no_far(detectors)
    series = allocate_series(structure.spans, structure.density.shape[1])
    if far:
        n_rows = len(mixture.rows)
        parts = allocate_far(
            structure.spans, series, structure.cells, size, n_rows, rows[detectors], most
        )
    terms = Terms(
        np.empty((rows[detectors], most)),
        np.empty((detectors, most)),
        np.empty((detectors, 3), dtype=np.int64),
        structure.expected,
        np.ones(detectors),
        structure.sources,
        structure.anchors,
        structure.cells,
        structure.constraints,
        np.zeros(size),
        parts,
        mixture,
    )
    return Room(
        terms,
        series,
        np.zeros(len(structure.density)),
        np.empty(events, dtype=np.uint64),
        np.empty(events),
        np.zeros(detectors + 1, dtype=np.int64),
        np.zeros(detectors),
        np.empty((3, most), dtype=np.uint64),
        np.empty(3, dtype=np.int64),
    )


@inner_kernel(_nrt=False)
def gather(
    structure: Structure,
    room: Room,
    bins: Ints,
    weights: Floats,
    first: Ints,
    exposure: Floats,
    centres: Floats,
) -> int:
    """Look up the densities of one likelihood's events; those that share a bin become one.

    Parameters
    ----------
    room
        Its terms are filled.
    bins, weights
        Bin and weight of each event, detector after detector.
    first
        Where each detector's events begin in ``bins``, and the end of the last, shape
        (detectors + 1,).
    exposure, centres
        See `zeptobarn.inference.terms.Terms`.

    Returns
    -------
    The first event without any density; −1: all have some, −2: a density or an expectation is
    not finite.
    """
    terms = room.terms
    missing = -1
    for d in range(len(exposure)):
        terms.exposure[d] = exposure[d]
        _distinct(structure.spans, bins, weights, first, d, room)
    for p in range(len(centres)):
        terms.centres[p] = centres[p]
    for r in range(len(structure.expected)):
        if not structure.expected[r] < inf:
            missing = -2
    for d in range(len(exposure)):
        lost = _look_up(structure, d, room)
        if lost == -2:
            missing = -2
        elif lost >= 0 and missing != -2:
            head = first[d]
            while bins[head] != lost or weights[head] == 0.0:
                head += 1
            missing = head if missing == -1 else min(missing, head)
    return missing


@inner_kernel(_nrt=False)
def _distinct(
    spans: Spans, bins: Ints, weights: Floats, first: Ints, detector: int, room: Room
) -> None:
    """Fill a detector's distinct bins, in the order of their first events, and weights."""
    begin = room.ends[detector]
    mine, given = bins[first[detector] : first[detector + 1]], weights[first[detector] :]
    distinct, masses, n = room.distinct[begin:], room.masses[begin:], np.uint64(0)
    for i in range(len(mine)):
        b, w = np.uint64(mine[i]), given[i]
        # Without a branch: where this bin is known, or of weight 0, the next takes the place.
        distinct[n] = b
        n += np.uint64((room.bin_weights[b] == 0.0) & (w != 0.0))
        room.bin_weights[b] += w
    telling, tells = 0.0, spans.base[detector] >= 0
    for k in range(n):
        b = distinct[k]
        masses[k] = room.bin_weights[b]
        room.bin_weights[b] = 0.0
        if tells:
            telling += masses[k] * spans.tells[b]
    room.ends[detector + 1], room.telling[detector] = begin + np.int64(n), telling


@inner_kernel(_nrt=False)
def _look_up(structure: Structure, detector: int, room: Room) -> int:
    """Fill a detector's densities and weights, and its far events.

    Returns
    -------
    The first bin without density that has an event, −1 if all have some, −2 where one is not
    finite.
    """
    terms, series, spans = room.terms, room.series, structure.spans
    base, begin, end = spans.base[detector], room.ends[detector], room.ends[detector + 1]
    row, rows = structure.rows[detector], structure.rows[detector + 1] - structure.rows[detector]
    bins, weights = room.distinct[begin:end], room.masses[begin:end]
    far, free, telling = False, -1, room.telling[detector]
    if base >= 0:
        free = structure.sources[base, 1]
        far = end - begin >= _FEWEST and refer(
            spans, series, structure.density, detector, free, terms.exposure[detector], telling
        )
    error = choose(spans, series, detector, bins, weights, far, room.lists, room.begins)
    near = room.lists[0, : room.begins[0]]
    scales = spans.scale if base >= 0 else spans.scale[:0]
    lost = put_near(terms, detector, row, rows, structure.density, scales, bins, weights, near)
    terms.counts[detector, 0], terms.counts[detector, 1] = end - begin, room.begins[0]
    terms.counts[detector, 2] = room.begins[0] + room.begins[1]
    if base >= 0:
        put_far(terms, series, detector, row, rows, bins, weights, room.lists, room.begins)
        terms.far.error[detector] = error
    if far:
        box_in(terms, spans, series, detector, free)
    if free > 0 and structure.constraints[free, 0] == UNCONSTRAINED and telling > 0.0:
        # Where a fit may start.
        terms.centres[free] = telling / (terms.exposure[detector] * spans.telling[detector])
    return int(np.int64(bins[near[lost]])) if lost >= 0 else lost
