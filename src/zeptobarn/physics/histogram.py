"""Templates of backgrounds from a file: expected events in bins of cS1 and cS2, at anchors."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from numpy.typing import NDArray

from zeptobarn.support.config import ConfigError
from zeptobarn.support.inputs import check_columns, numbers, read_table, refuse_rows

if TYPE_CHECKING:
    from zeptobarn.physics.detector import AnalysisSpace

Floats = NDArray[np.float64]

_EDGES = ["cs1_low", "cs1_high", "cs2_low", "cs2_high"]
_EVENTS = "expected_events"
_VARIANCE = "variance"
# Two edges are one within this, relative: a CSV may have seven digits.
_TOLERANCE = 1e-6


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
    """

    shapes: tuple[str, ...]
    anchors: Floats
    cs1_edges: Floats
    cs2_edges: Floats
    expected: Floats
    variance: Floats
    area_unit: str


def read_histogram(path: str | Path) -> Histogram:
    """Read a template: CSV or Parquet, as the study's own template results are.

    A row is a bin at an anchor: ``cs1_low, cs1_high, cs2_low, cs2_high, expected_events``,
    ``variance`` (0 without it), and a column with the values of each shape parameter, by its name.

    Raises
    ------
    ConfigError
        A column is missing, a value is no finite number or negative where none can be, bins are
        there twice, leave gaps or are not those of a rectangular grid at each anchor.
    """
    rows, shapes = _rows(path)
    edges = [_edges(rows, axis, path) for axis in ("cs1", "cs2")]
    shape = len(edges[0]) - 1, len(edges[1]) - 1
    anchors = rows[shapes].drop_duplicates().to_numpy(dtype=float)
    n_anchors = len(anchors) if shapes else 1
    number = rows.groupby(shapes, sort=False).ngroup().to_numpy() if shapes else 0 * rows.index
    bins = [
        np.searchsorted(edge, rows[f"{axis}_low"])
        for axis, edge in zip(("cs1", "cs2"), edges, strict=True)
    ]
    flat = np.ravel_multi_index((np.asarray(number), *bins), (n_anchors, *shape))
    refuse_rows(
        rows, pd.Series(flat).duplicated().to_numpy(), str(path), "each bin once per anchor"
    )
    if len(rows) != n_anchors * shape[0] * shape[1]:
        raise ConfigError(
            f"{path}: found {len(rows)} rows; allowed: all {shape[0]} × {shape[1]} bins in cS1 and "
            f"cS2 at each of {n_anchors} anchors, {n_anchors * shape[0] * shape[1]}, empty ones too"
        )
    order = np.argsort(flat)
    values = {
        name: rows[name].to_numpy(dtype=float)[order].reshape(n_anchors, *shape)
        for name in (_EVENTS, _VARIANCE)
        if name in rows
    }
    if not values[_EVENTS].any(axis=(1, 2)).all():
        raise ConfigError(f"{path}: found no expected events at an anchor; allowed: some at each")
    return Histogram(
        tuple(shapes),
        anchors if shapes else np.zeros((1, 0)),
        edges[0],
        edges[1],
        values[_EVENTS],
        values.get(_VARIANCE, np.zeros_like(values[_EVENTS])),
        _unit(path),
    )


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
        if not np.allclose(own[nearest], wanted, rtol=_TOLERANCE, atol=0):
            missing = wanted[~np.isclose(own[nearest], wanted, rtol=_TOLERANCE, atol=0)][0]
            raise ConfigError(
                f"{place}: {axis}: found {_grid(own)}; allowed: bins that make up those of "
                f"analysis_space, {_grid(wanted)}, or are the same: no edge is at {missing:.6g}"
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
            f"{place}: found the column {unknown[0]!r}; allowed: cs1_low, cs1_high, cs2_low, "
            f"cs2_high, expected_events, variance, and shape parameters of the study there "
            f"({', '.join(known) or 'none'})"
        )
    rows = []
    for values in anchors.values():
        wanted = np.array([values[name] for name in histogram.shapes])
        same = np.isclose(histogram.anchors, wanted, rtol=_TOLERANCE, atol=1e-12).all(axis=1)
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


def _rows(path: str | Path) -> tuple[pd.DataFrame, list[str]]:
    """Rows of a file, checked one by one, and the shape parameters that it has columns of."""
    table = read_table(path)
    check_columns(table, [*_EDGES, _EVENTS], str(path))
    shapes = [str(name) for name in table.columns if name not in (*_EDGES, _EVENTS, _VARIANCE)]
    named = [*shapes, *_EDGES, _EVENTS, *([_VARIANCE] if _VARIANCE in table else [])]
    rows = numbers(table, named, str(path))
    if rows.empty:
        raise ConfigError(f"{path}: found no rows; allowed: a row for each bin")
    positive = [name for name in named if name not in shapes]
    refuse_rows(
        rows, (rows[positive].min(axis=1) < 0).to_numpy(), str(path), "values of at least 0"
    )
    backwards = (rows["cs1_low"] >= rows["cs1_high"]) | (rows["cs2_low"] >= rows["cs2_high"])
    refuse_rows(
        rows, backwards.to_numpy(), str(path), "bins whose low edges lie below the high ones"
    )
    return rows, shapes


def _edges(rows: pd.DataFrame, axis: str, path: str | Path) -> Floats:
    """Edges of the bins along an axis; each begins where the last ends."""
    bins = rows[[f"{axis}_low", f"{axis}_high"]].drop_duplicates().sort_values(f"{axis}_low")
    low, high = bins.to_numpy(dtype=float).T
    apart = np.flatnonzero(~np.isclose(low[1:], high[:-1], rtol=_TOLERANCE, atol=0))
    if len(apart):
        k = int(apart[0])
        raise ConfigError(
            f"{path}: {axis}: found bins {low[k]:.6g} to {high[k]:.6g} and {low[k + 1]:.6g} to "
            f"{high[k + 1]:.6g}; allowed: each begins where the last ends, at all anchors alike"
        )
    return np.append(low, high[-1])


def _grid(edges: Floats) -> str:
    first = ", ".join(f"{edge:.6g}" for edge in edges[:3])
    return f"{len(edges) - 1} bins from {edges[0]:.6g} to {edges[-1]:.6g} (edges {first}, …)"


def _unit(path: str | Path) -> str:
    """Unit of the areas in a Parquet file of a study's results; nothing of other files."""
    with Path(path).open("rb") as file:
        if file.read(4) != b"PAR1":
            return ""
    metadata: Any = (pq.read_schema(path).metadata or {}).get(b"zeptobarn", b"{}")
    try:
        return str(json.loads(metadata).get("units", {}).get("cs1_low", ""))
    except (ValueError, AttributeError):
        return ""
