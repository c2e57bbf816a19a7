"""Templates as files give them: expected events in bins of cS1 and cS2, at anchors."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from zeptobarn.support.config import ConfigError

if TYPE_CHECKING:
    from zeptobarn.physics.detector import AnalysisSpace

Floats = NDArray[np.float64]

# Two edges are one within this, relative: a CSV may have seven digits.
TOLERANCE = 1e-6


@dataclass(frozen=True)
class Histogram:
    """Expected events in bins, at one or several anchors.

    Attributes
    ----------
    shapes
        Names of the shape parameters that the file has columns of.
    anchors
        Their values, shape (anchors, shapes).
    cs1_edges, cs2_edges
        Edges of the bins (the detector's area unit), increasing.
    expected, variance
        Expected events per bin and their variance from finite statistics, shape
        (anchors, cS1 bins, cS2 bins).
    area_unit
        Unit of the areas, where the file says it; else empty.
    s2_array
        Photosensors whose light cS2 is, ``bottom``, ``top`` or ``all``, where the file says it;
        else empty.
    """

    shapes: tuple[str, ...]
    anchors: Floats
    cs1_edges: Floats
    cs2_edges: Floats
    expected: Floats
    variance: Floats
    area_unit: str
    s2_array: str = ""


def rebinned(histogram: Histogram, space: "AnalysisSpace", place: str) -> tuple[Floats, Floats]:
    """Sum a histogram's bins to those of an analysis space; what lies outside is left out.

    Returns
    -------
    Expected events and variance, shape (anchors, cS1 bins × cS2 bins).

    Raises
    ------
    ConfigError
        An edge of the analysis space is none of the histogram's; the message, which begins with
        the place, names both grids.
    """
    parts = []
    for axis, own, wanted in (
        ("cs1", histogram.cs1_edges, space.cs1_edges),
        ("cs2", histogram.cs2_edges, space.cs2_edges),
    ):
        nearest = np.abs(own[np.newaxis] - wanted[:, np.newaxis]).argmin(axis=1)
        if not np.allclose(own[nearest], wanted, rtol=TOLERANCE, atol=0):
            missing = wanted[~np.isclose(own[nearest], wanted, rtol=TOLERANCE, atol=0)][0]
            raise ConfigError(
                f"{place}: {axis}: found {describe_edges(own)}; allowed: bins that make up those "
                f"of analysis_space, {describe_edges(wanted)}, or are the same: no edge is at "
                f"{missing:.6g}"
            )
        parts.append(nearest)
    i, j = parts
    sums = []
    for values in (histogram.expected, histogram.variance):
        inside = values[:, i[0] : i[-1], j[0] : j[-1]]
        inside = np.add.reduceat(inside, i[:-1] - i[0], axis=1)
        inside = np.add.reduceat(inside, j[:-1] - j[0], axis=2)
        sums.append(inside.reshape(len(inside), -1))
    return sums[0], sums[1]


def at_anchors(
    histogram: Histogram,
    anchors: Mapping[str, Mapping[str, float]],
    known: Sequence[str],
    place: str,
) -> list[int]:
    """Give the number of the histogram's anchor for each of a study's, whatever their order.

    Parameters
    ----------
    anchors
        Values of the shape parameters that the study has and the histogram too, by name.
    known
        Shape parameters that the study has for the detector.

    Raises
    ------
    ConfigError
        The histogram has a shape parameter that the study does not vary there, or lacks an anchor.
    """
    if unknown := [name for name in histogram.shapes if name not in known]:
        raise ConfigError(
            f"{place}: found the shape parameter {unknown[0]!r}; allowed: those of the study there "
            f"({', '.join(known) or 'none'}), and in a table the columns cs1_low, cs1_high, "
            "cs2_low, cs2_high, expected_events, variance"
        )
    rows = []
    for values in anchors.values():
        wanted = np.array([values[name] for name in histogram.shapes])
        same = np.isclose(histogram.anchors, wanted, rtol=TOLERANCE, atol=1e-12).all(axis=1)
        if not same.any():
            missing = ", ".join(f"{name} = {values[name]:g}" for name in histogram.shapes)
            there = {
                name: np.unique(histogram.anchors[:, k]).tolist()
                for k, name in enumerate(histogram.shapes)
            }
            raise ConfigError(
                f"{place}: found anchors {there}; allowed: with all of the study's, also {missing}"
            )
        rows.append(int(np.argmax(same)))
    return rows


def same_edges(one: Floats, two: Floats) -> bool:
    """Whether bins along an axis are the same, but for rounding.

    Examples
    --------
    >>> same_edges(np.array([1.0, 2.0]), np.array([1.0, 2.0000001]))
    True
    """
    return one.shape == two.shape and np.allclose(one, two, rtol=TOLERANCE, atol=0)


def describe_edges(edges: Floats) -> str:
    """Say in a message what bins there are along an axis.

    Examples
    --------
    >>> describe_edges(np.linspace(3, 70, 68))
    '67 bins from 3 to 70 (edges 3, 4, 5, …)'
    """
    first = ", ".join(f"{edge:.6g}" for edge in edges[:3])
    return f"{len(edges) - 1} bins from {edges[0]:.6g} to {edges[-1]:.6g} (edges {first}, …)"
