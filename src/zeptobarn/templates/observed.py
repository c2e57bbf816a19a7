"""Observed events: read, checked, and taken from columns of any names into cS1 and cS2."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from zeptobarn.physics.area_names import Quantity
from zeptobarn.physics.detector import AnalysisSpace, Detector
from zeptobarn.study.study import Study
from zeptobarn.support.config import ConfigError
from zeptobarn.support.inputs import read_table, refuse_shifted
from zeptobarn.templates.event_columns import Column, choose_columns, take_areas

# An array with named fields counts as a table.
Events = pd.DataFrame | NDArray[np.void] | str | Path


def read_events(
    given: Events, detector: Detector, origin: str, columns: Mapping[str, str] | None = None
) -> tuple[pd.DataFrame, dict[Quantity, Column]]:
    """Read observed events: a table, an array with named fields, or a CSV or Parquet file.

    Parameters
    ----------
    origin
        What messages call a table or an array; a file is called by its path.
    columns
        See `zeptobarn.templates.event_columns.choose_columns`.

    Returns
    -------
    ``cs1`` and ``cs2`` (the detector's area unit), and the columns that they were taken from. A
    table without rows has no events.

    Raises
    ------
    ConfigError
        A column is missing or not unmistakable, a value is no area, the events are those of
        several trials of ours, or a table looks shifted, see
        `zeptobarn.support.inputs.refuse_shifted`; the message names the row by the table's index.
    """
    if isinstance(given, str | Path):
        origin, table = str(given), read_table(given, header="cs1,cs2 (or cs2,cs1)")
    else:
        table = _table(given, origin)
    chosen = choose_columns(table.columns, detector, origin, columns)
    refuse_shifted(table, origin)
    trials = table.get("trial", pd.Series(dtype=float)).drop_duplicates()
    if len(trials) > 1:
        raise ConfigError(
            f"{origin}: found the events of {len(trials)} datasets in the column 'trial'; allowed: "
            f"those of one, such as events[events['trial'] == {trials.iloc[0]}]"
        )
    return take_areas(table, chosen, origin), chosen


def check_observed(study: Study, origin: str) -> None:
    """Read all observed events of a study, for mistakes to be known before it runs.

    Parameters
    ----------
    origin
        What the message of a `ConfigError` calls the configuration.
    """
    for name, data in study.observed.items():
        try:
            read_events(data.file, study.detectors[name], data.file, data.columns)
        except ConfigError as error:
            raise ConfigError(f"{origin}: observed: {name}: {error}") from None


def bins_of(detector: Detector, events: pd.DataFrame, origin: str) -> NDArray[np.int64]:
    """Bin of each observed event in a detector's analysis space; −1 is outside.

    Parameters
    ----------
    events
        From `read_events`.
    origin
        What the message of a `ConfigError` calls the events.

    Raises
    ------
    ConfigError
        There are events, and all are outside: a limit from them would be that of an empty dataset,
        the strongest that there is. The message names both ranges, and how many events would be
        inside if the columns were swapped, or one of them (or both) held log10 of the area.
    """
    # Here, so that a workflow that checks its events before it plans does without numba.
    from zeptobarn.templates.density import bin_index

    space, unit = detector.space, detector.area_unit
    cs1, cs2 = events["cs1"].to_numpy(), events["cs2"].to_numpy()
    bins = bin_index(space, cs1, cs2)
    if len(bins) == 0 or (bins >= 0).any():
        return bins
    ranges = [
        f"cs1 from {x[0]:.5g} to {x[1]:.5g} {unit} and cs2 from {y[0]:.5g} to {y[1]:.5g} {unit}"
        for x, y in (
            ((cs1.min(), cs1.max()), (cs2.min(), cs2.max())),
            (space.cs1_edges[[0, -1]], space.cs2_edges[[0, -1]]),
        )
    ]
    which = "the only event lies" if len(bins) == 1 else f"all {len(bins)} events lie"
    raise ConfigError(
        f"{origin}: {which} outside the analysis space of {detector.name}: found {ranges[0]}; "
        f"allowed: {ranges[1]}{_hint(space, cs1, cs2)}"
    )


def _hint(space: AnalysisSpace, cs1: NDArray[np.float64], cs2: NDArray[np.float64]) -> str:
    """Of events that all lie outside: what most of them seem to be, if any lie inside as that."""
    from zeptobarn.templates.density import bin_index

    with np.errstate(over="ignore"):
        first, second = 10**cs1, 10**cs2
    guesses = {
        "; with cs1 and cs2 swapped, {} would lie inside: give each under its own name": (cs2, cs1),
    } | {
        f"; 10 to the power of {name} puts {{}} inside: give areas, not their log10, or name the "
        f"columns so: {columns}": areas
        for name, columns, areas in (
            ("cs2", "log10_cs2", (cs1, second)),
            ("cs1", "log10_cs1", (first, cs2)),
            ("cs1 and cs2", "log10_cs1, log10_cs2", (first, second)),
        )
    }
    inside = {text: int((bin_index(space, *areas) >= 0).sum()) for text, areas in guesses.items()}
    likeliest = max(inside, key=inside.__getitem__)
    return likeliest.format(inside[likeliest]) if inside[likeliest] else ""


def _table(given: object, origin: str) -> pd.DataFrame:
    """Give a table, or an array with named fields, as a table: nothing without names."""
    if isinstance(given, pd.DataFrame):
        return given
    if isinstance(given, np.ndarray) and given.dtype.names and given.ndim == 1:
        return pd.DataFrame({name: given[name] for name in given.dtype.names})
    what = (
        f"an array of shape {given.shape}"
        if isinstance(given, np.ndarray)
        else f"a {type(given).__name__}"
    )
    raise ConfigError(
        f"{origin}: found {what}, whose columns have no names; allowed: a file, or "
        "pandas.DataFrame({'cs1': ..., 'cs2': ...}) with an array of areas for each"
    )
