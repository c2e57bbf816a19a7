"""What the likelihoods of many datasets of one model share, and one of them from its events."""

from math import inf, sqrt
from typing import NamedTuple

import numpy as np

from zeptobarn.inference.far import CLASSES, Spans, allocate_far, sort
from zeptobarn.inference.terms import UNCONSTRAINED, Terms, allocate_mixture, no_far
from zeptobarn.support.jit import Floats, Ints, inner_kernel


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
        What `gather` fills, but for exposure and centres.
    bin_weights
        Scratch: 0 in every bin, before and after `gather`.
    distinct, heads, masses
        Bins of the distinct events, the first event in each, and the weight, shape (events,).
    ends
        Where those of each detector end, shape (detectors + 1,).
    kept, scales, place, classes, errors
        See `zeptobarn.inference.far.sort`.
    """

    terms: Terms
    bin_weights: Floats
    distinct: Ints
    heads: Ints
    masses: Floats
    ends: Ints
    kept: Ints
    scales: Floats
    place: Ints
    classes: Ints
    errors: Floats


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
    if far:
        n_rows = len(mixture.rows)
        parts = allocate_far(
            structure.spans,
            structure.cells,
            size,
            n_rows,
            rows[detectors],
            most,
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
        np.zeros(len(structure.density)),
        np.empty(events, dtype=np.int64),
        np.empty(events, dtype=np.int64),
        np.empty(events),
        np.zeros(detectors + 1, dtype=np.int64),
        np.empty(most, dtype=np.int64),
        np.empty(most),
        np.empty(most, dtype=np.int64),
        np.empty(most, dtype=np.int64),
        np.empty((2, CLASSES)),
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
    terms, ends, spans = room.terms, room.ends, structure.spans
    missing = -1
    for d in range(len(exposure)):
        terms.exposure[d] = exposure[d]
        _distinct(bins, weights, first, d, room)
    for p in range(len(centres)):
        terms.centres[p] = centres[p]
    for r in range(len(structure.expected)):
        if not structure.expected[r] < inf:
            missing = -2
    for d in range(len(exposure)):
        part, base = slice(ends[d], ends[d + 1]), spans.base[d]
        n = sort(
            spans,
            d,
            structure.sources[base, 1] if base >= 0 else -1,
            structure.rows,
            room.distinct[part],
            room.masses[part],
            exposure[d],
            room.kept,
            room.scales,
            room.place,
            room.classes,
            room.errors,
            terms.counts,
            terms.far,
        )
        if base >= 0 and terms.far.rate[d] > 0.0:
            free = structure.sources[base, 1]
            if free > 0 and structure.constraints[free, 0] == UNCONSTRAINED:
                terms.centres[free] = terms.far.rate[d]  # where a fit may start
        lost = _fill(structure, d, n, room)
        if lost == -2:
            missing = -2
        elif lost >= 0 and missing != -2:
            head = room.heads[ends[d] + lost]
            missing = head if missing == -1 else min(missing, head)
    return missing


@inner_kernel(_nrt=False)
def _distinct(bins: Ints, weights: Floats, first: Ints, detector: int, room: Room) -> None:
    """Fill a detector's distinct bins, in the order of their first events, those, and weights."""
    begin = end = room.ends[detector]
    for i in range(first[detector], first[detector + 1]):
        b = bins[i]
        # Without a branch: where this bin is known, or of weight 0, the next takes the place.
        room.distinct[end], room.heads[end] = b, i
        end += (room.bin_weights[b] == 0.0) & (weights[i] != 0.0)
        room.bin_weights[b] += weights[i]
    for k in range(begin, end):
        room.masses[k] = room.bin_weights[room.distinct[k]]
        room.bin_weights[room.distinct[k]] = 0.0
    room.ends[detector + 1] = end


@inner_kernel(_nrt=False)
def _fill(structure: Structure, detector: int, n: int, room: Room) -> int:
    """Fill densities and weights of the n distinct events that are kept, each in its place.

    Returns
    -------
    The first event without density, −1 if all have some, −2 where one is not finite.
    """
    terms, lost = room.terms, -1
    begin, rows = structure.rows[detector], structure.rows[detector + 1] - structure.rows[detector]
    for k in range(n):
        i = room.ends[detector] + room.kept[k]
        b, at, scale = room.distinct[i], room.place[k], room.scales[k]
        if scale == 0.0:
            largest, total = 0.0, 0.0
            for r in range(rows):
                largest = max(largest, structure.density[b, r])
                total += structure.density[b, r]
            if not total < inf:
                return -2
            if lost < 0 and not largest > 0.0:
                lost = room.kept[k]
            # About one per event, so that products of several neither overflow nor vanish.
            scale = 1.0 / largest
        terms.roots[detector, at] = sqrt(room.masses[i])
        for r in range(rows):
            terms.density[begin + r, at] = scale * structure.density[b, r]
    return lost
