"""Files of histograms: CSV and Parquet tables with a row for each bin, HDF5 and ROOT histograms."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq

from zeptobarn.physics.histogram import TOLERANCE, Floats, Histogram
from zeptobarn.physics.histogram_grids import holds_grids, read_grids
from zeptobarn.support.config import ConfigError
from zeptobarn.support.inputs import check_columns, numbers, read_file, read_table, refuse_rows

_EDGES = ["cs1_low", "cs1_high", "cs2_low", "cs2_high"]
_EVENTS = "expected_events"
_VARIANCE = "variance"


def read_histogram(path: str | Path, name: str | None = None) -> Histogram:
    """Read a template; the first bytes of its file, not the name, say what kind of file it is.

    Parameters
    ----------
    name
        Of the histogram in an HDF5 or ROOT file, see
        `zeptobarn.physics.histogram_grids.read_grids`; a table of CSV or Parquet has none.

    Raises
    ------
    ConfigError
        The file cannot be read, or a name is given where there are none; or see `read_grids`, and
        for tables `_from_table`.
    """
    content = read_file(path)
    if holds_grids(content):
        return read_grids(content, path, name)
    if name is not None:
        raise ConfigError(
            f"{path}: found a file that is neither HDF5 nor ROOT, and histogram: {name}; allowed: "
            "an HDF5 or ROOT file, or no key histogram, with a table of CSV or Parquet"
        )
    return _from_table(path)


def _from_table(path: str | Path) -> Histogram:
    """Read a template as the study's own template results are.

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
    apart = np.flatnonzero(~np.isclose(low[1:], high[:-1], rtol=TOLERANCE, atol=0))
    if len(apart):
        k = int(apart[0])
        raise ConfigError(
            f"{path}: {axis}: found bins {low[k]:.6g} to {high[k]:.6g} and {low[k + 1]:.6g} to "
            f"{high[k + 1]:.6g}; allowed: each begins where the last ends, at all anchors alike"
        )
    return np.append(low, high[-1])


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
