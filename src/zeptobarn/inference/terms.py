"""What a likelihood is made of, as its kernels take it.

Every expectation μ and density f is multilinear in the shape parameters between their anchors, so
that it stays normalised: a weighted sum of *rows*, one per anchor of the source. A *cell* is the
box between neighbouring anchors, a *corner* one of its ends.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from zeptobarn.support.jit import Bools, Floats, Ints, inner_kernel, kernel

# Unsigned: an index that is loaded from them does not count from the end, which kernels need not
# check then.
Indices = NDArray[np.uint64]

# Kinds of constraint, as `Terms.constraints` has them. The first two are no measurements, and add
# nothing to the likelihood: what is uniform has its whole range as its anchors.
UNCONSTRAINED, UNIFORM, NORMAL, LOG_NORMAL = range(4)


class Far(NamedTuple):
    """Events that only the base makes, all but; their logarithms are series, see `far`.

    The base of a detector is its largest background that no shape touches. K is the number of rows
    that a cell has at most.

    Attributes
    ----------
    base
        The base of each detector, a source; −1: all events are near. Shape (detectors,).
    rate
        Rate of the base that the densities' unit is made with, shape (detectors,).
    box
        Lowest and highest rates at which the series hold, shape (detectors, F, 2).
    weights, slopes, bends, rest
        Of each far event that counts by a parabola: its weight, that times the parabola's first
        and minus its second derivative at the reference, and the share of its unit that the base
        does not make; shape (detectors, n).
    events
        Weight of all far events, shape (detectors,).
    constant
        What all series are at z = 0, shape (detectors,).
    touch, flat_touch
        Σ w times minus the logarithm of a series' slope at z = 0, shape (detectors,); in ``touch``
        what a parabola itself is there in place of that.
    flat, flat_known
        Σ of weight times slope at z = 0 times density of each row over all far events, shape (all
        rows,); and whether it is there, shape (detectors,).
    linear, linear_rest
        Σ of weight times slope times density of each row over the events that count by a straight
        line, shape (all rows,), and times their rest, shape (detectors,).
    ratios
        See `zeptobarn.inference.series.Series`, its bins.
    bins, out, whole
        Bin and weight of each event that counts by a straight line, shape (detectors, n); and
        whether their densities stand in those of the likelihood too, shape (detectors,).
    error
        Largest error of the series of ln L in the box, shape (detectors,).
    known
        Whether the sums of a cell stand in ``sums``, shape (detectors, cells).
    sums
        For each row of a cell and, last, the rest: Σ bend y y' with each other over the far events
        that count by a parabola, and, last, Σ slope y over all; 0 for the base; shape
        (detectors, cells, K + 1, K + 2).
    scratch
        Shape (F + P + 3, K + 1).
    """

    base: Ints
    rate: Floats
    box: Floats
    weights: Floats
    slopes: Floats
    bends: Floats
    rest: Floats
    events: Floats
    constant: Floats
    touch: Floats
    flat_touch: Floats
    flat: Floats
    flat_known: Bools
    linear: Floats
    linear_rest: Floats
    ratios: Floats
    bins: Ints
    out: Floats
    whole: Bools
    error: Floats
    known: Bools
    sums: Floats
    scratch: Floats


class Mixture(NamedTuple):
    """The rows that make a detector's density at a point: scratch of a likelihood.

    Attributes
    ----------
    rows, sources, corners
        Each row, its source, and which corner of the cell it is, shape (K,).
    weights
        Weight of each row, shape (K,).
    slopes
        Derivative of each weight in each parameter, shape (F + P, K).
    pulls
        Derivative of a detector's ln L in each weight, shape (K,).
    """

    rows: Ints
    sources: Ints
    corners: Ints
    weights: Floats
    slopes: Floats
    pulls: Floats


class Terms(NamedTuple):
    """What a likelihood is made of: F free rates, the signal's first, and P shape parameters.

    Attributes
    ----------
    density
        Differential rate of each row at each distinct event of its detector, in any unit that is
        the same for all rows of an event (a far event's: its density at a reference); shape
        (rows, n).
    roots
        Square root of each event's weight, shape (detectors, n).
    counts
        Distinct events of each detector; how many, the first ones, are near; and how many do not
        count by a straight line; shape (detectors, 3). Equal weights stand together.
    expected
        Expected events of each row, shape (rows,).
    exposure
        Factor on the expected events of each detector, shape (detectors,).
    sources
        Of each source: its detector, the index of its free rate (−1: its rate is 1), its first
        row, and how many rows on the next anchor of each shape parameter is (0: the source does
        not depend on it); shape (sources, 3 + P), sorted by detector.
    anchors
        Values of the shape parameters at their anchors, padded; shape (P, K).
    cells
        Number of cells along each shape parameter, shape (P,).
    constraints
        Kind and width of each parameter's constraint, rates before shapes; shape (F + P, 2). Where
        some are correlated, then what is not on the diagonal of the inverse of their covariance,
        see `zeptobarn.inference.constraints`; shape (F + P, 2 + F + P).
    centres
        Where each constraint is centred, shape (F + P,); for the others, where a fit may start.
    far, mixture
        See `Far` and `Mixture`.
    """

    density: Floats
    roots: Floats
    counts: Ints
    expected: Floats
    exposure: Floats
    sources: Ints
    anchors: Floats
    cells: Ints
    constraints: Floats
    centres: Floats
    far: Far
    mixture: Mixture


@kernel()
def no_far(detectors: int) -> Far:
    """Give what `Terms` need where all events are near."""
    none, table = np.empty(0), np.empty((0, 0))
    return Far(
        np.full(detectors, -1),
        none,
        np.empty((0, 0, 2)),
        table,
        table,
        table,
        table,
        none,
        none,
        none,
        none,
        none,
        np.empty(0, dtype=np.bool_),
        none,
        none,
        table,
        np.empty((0, 0), dtype=np.int64),
        table,
        np.ones(detectors, dtype=np.bool_),
        none,
        np.empty((0, 0), dtype=np.bool_),
        np.empty((0, 0, 0, 0)),
        table,
    )


@kernel()
def allocate_mixture(sources: Ints, size: int) -> Mixture:
    """Memory for the rows of a cell of any detector.

    Parameters
    ----------
    size
        Number of parameters.
    """
    most, mine = 0, 0
    for s in range(len(sources)):
        corners = 1
        for p in range(3, sources.shape[1]):
            corners *= 2 if sources[s, p] > 0 else 1
        mine = mine + corners if s > 0 and sources[s, 0] == sources[s - 1, 0] else corners
        most = max(most, mine)
    floats = np.empty((size + 2, most))
    ints = np.empty((3, most), dtype=np.int64)
    return Mixture(ints[0], ints[1], ints[2], floats[size], floats[:size], floats[size + 1])


@inner_kernel(_nrt=False)
def mix(terms: Terms, first: int, last: int, cell: Ints, theta: Floats, slopes: bool) -> int:
    """Fill the rows of a detector's sources, from the first to before the last, at a point.

    Returns
    -------
    Their number.
    """
    mixture, sources = terms.mixture, terms.sources
    size, shapes = len(theta), len(cell)
    rates, k = size - shapes, 0
    for s in range(first, last):
        free = sources[s, 1]
        rate = theta[free] if free >= 0 else 1.0
        for corner in range(1 << shapes):
            row = corner_row(sources, s, corner, cell)
            if row < 0:
                continue
            weight = corner_weight(sources, s, corner, theta, rates, -1, -1)
            mixture.rows[k], mixture.sources[k], mixture.corners[k] = row, s, corner
            mixture.weights[k] = rate * weight
            if slopes:
                for p in range(size):
                    mixture.slopes[p, k] = 0.0
                if free >= 0:
                    mixture.slopes[free, k] = weight
                for p in range(shapes):
                    if sources[s, 3 + p] > 0:
                        slope = corner_weight(sources, s, corner, theta, rates, p, -1)
                        mixture.slopes[rates + p, k] = rate * slope
            k += 1
    return k


@inner_kernel(inline="always")
def cell_number(cells: Ints, cell: Ints) -> int:
    """Number of a cell, the last shape parameter running fastest."""
    number = 0
    for p in range(len(cells)):
        number = number * cells[p] + cell[p]
    return number


@inner_kernel(inline="always")
def corner_row(sources: Ints, s: int, corner: int, cell: Ints) -> int:
    """Row of a source at a corner of a cell; −1 where the corner is one it does not have."""
    row = sources[s, 2]
    for p in range(len(cell)):
        stride, up = sources[s, 3 + p], (corner >> p) & 1
        if stride == 0 and up == 1:
            return -1
        row += stride * (cell[p] + up)
    return int(row)


@inner_kernel(inline="always")
def corner_weight(
    sources: Ints, s: int, corner: int, theta: Floats, rates: int, along: int, and_along: int
) -> float:
    """Multilinear weight of a corner, or its derivative along one or two shape parameters."""
    weight = 1.0
    for p in range(len(theta) - rates):
        if sources[s, 3 + p] > 0:
            up = (corner >> p) & 1
            if p in (along, and_along):
                weight *= 1.0 if up else -1.0
            else:
                weight *= theta[rates + p] if up else 1.0 - theta[rates + p]
    return weight
