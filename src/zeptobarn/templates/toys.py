"""Datasets: background-only toys thrown from the templates, and observed events."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from zeptobarn.physics.detector import AnalysisSpace, Detector
from zeptobarn.study.slices.toys import toys_slice
from zeptobarn.study.study import Study
from zeptobarn.support import paths
from zeptobarn.support.config import ConfigError
from zeptobarn.support.inputs import (
    check_columns,
    numbers,
    read_table,
    refuse_rows,
    refuse_shifted,
)
from zeptobarn.support.streams import stream
from zeptobarn.support.tables import ResultError, parquet_writer, read_chunks
from zeptobarn.templates.density import bin_index
from zeptobarn.templates.measurements import rate_centre, shape_centre
from zeptobarn.templates.templates import Template, fix_shapes

# Trials whose datasets are in memory at a time: limits of 3000 events each then take 1.1 GB.
_AT_ONCE = 500

_TRUTH_UNITS = {
    "trial": "",
    "n_events": "events",
    "parameter": "",
    "true_value": "parameter's own",
    "constraint_centre": "parameter's own",
}


@dataclass(frozen=True)
class Toys:
    """Datasets and what they were thrown with.

    Attributes
    ----------
    events
        A row per event: ``trial, cs1, cs2, source``; trials in increasing order.
    truth
        A row per trial and parameter: ``trial, n_events, parameter, true_value,
        constraint_centre`` (NaN where the parameter has no constraint).
    """

    events: pd.DataFrame
    truth: pd.DataFrame

    @property
    def trials(self) -> NDArray[np.int64]:
        """The trials, those without events too."""
        return self.truth["trial"].unique()

    def constraint_centres(self, parameter: str) -> NDArray[np.float64]:
        """Constraint centre of a parameter in each of `trials`."""
        rows = self.truth[self.truth["parameter"] == parameter]
        return rows["constraint_centre"].to_numpy(copy=True)


def throw(
    study: Study,
    detector: str,
    templates: Mapping[str, Template],
    trials: Iterable[int],
    at: Mapping[str, float] | None = None,
) -> Toys:
    """Throw background-only datasets.

    A trial's random numbers depend on the seed, the detector's name and the trial alone; those
    of a shape parameter's constraint on its name in place of the detector's: detectors that
    share the parameter share the measurement of it. Rates have their nominal values.

    Parameters
    ----------
    templates
        The template of each background, by name.
    trials
        Numbers of the trials to throw.
    at
        True values of shape parameters by name; 0 for the others.
    """
    sources = [source.name for source in study.detectors[detector].sources]
    space = study.detectors[detector].space
    values = {shape.name: 0.0 for shape in study.target_shapes(detector)} | dict(at or {})
    expected = {
        name: fix_shapes(study, detector, name, templates[name], values)[1][0] for name in sources
    }
    means = np.array(
        [s.nominal_rate * expected[s.name].sum() for s in study.detectors[detector].sources]
    )
    cumulative = {
        name: np.cumsum(bins) / max(np.cumsum(bins)[-1], np.finfo(float).tiny)
        for name, bins in expected.items()
    }
    events, truth = [], []
    for trial in trials:
        rng = stream(study.seed, "toys", detector, trial)
        numbers = rng.poisson(means)
        bins = [
            np.searchsorted(cumulative[name], rng.random(n), side="right")
            for name, n in zip(sources, numbers, strict=True)
        ]
        cs1, cs2 = place(space, np.concatenate(bins), rng)
        events.append((np.full(len(cs1), trial), cs1, cs2, np.repeat(sources, numbers)))
        truth += [(trial, len(cs1), "wimp_rate", 0.0, np.nan)]
        truth += [
            (trial, len(cs1), f"{source.name}_rate", source.nominal_rate, centre)
            for source in study.detectors[detector].sources
            for centre in (rate_centre(study, detector, source, trial, rng),)
        ]
        truth += [
            (trial, len(cs1), shape.name, value, shape_centre(study, shape, value, trial))
            for shape in study.target_shapes(detector)
            for value in (values[shape.name],)
        ]
    columns = [np.concatenate(column) for column in zip(*events, strict=True)]
    return Toys(
        pd.DataFrame(dict(zip(("trial", "cs1", "cs2", "source"), columns, strict=True))),
        pd.DataFrame(truth, columns=list(_TRUTH_UNITS)),
    )


def place(
    space: AnalysisSpace, bins: NDArray[np.int64], rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Place events inside their bins, uniform in cS1 and in ln cS2.

    Returns
    -------
    cS1 and cS2 (the detector's area unit), shape (events,) each.
    """
    i, j = np.divmod(bins, space.shape[1])
    u, v = rng.random((2, len(bins)))
    cs1 = space.cs1_edges[i] + u * (space.cs1_edges[i + 1] - space.cs1_edges[i])
    cs2 = space.cs2_edges[j] * (space.cs2_edges[j + 1] / space.cs2_edges[j]) ** v
    # Rounding must not carry an event into the next bin.
    cs1 = np.minimum(cs1, np.nextafter(space.cs1_edges[i + 1], 0))
    cs2 = np.clip(cs2, space.cs2_edges[j], np.nextafter(space.cs2_edges[j + 1], 0))
    return cs1, cs2


def chunks(trials: range) -> list[range]:
    """Split trials into as many as are held in memory at a time.

    Examples
    --------
    >>> chunks(range(1, 1202))
    [range(1, 501), range(501, 1001), range(1001, 1202)]
    """
    return [trials[i : i + _AT_ONCE] for i in range(0, len(trials), _AT_ONCE)]


def write_toys(
    study: Study,
    detector: str,
    toys: Iterable[Toys],
    events_path: Path,
    truth_path: Path,
    at: Mapping[str, float] | None = None,
) -> None:
    """Write datasets and their truth.

    Parameters
    ----------
    toys
        Of one of the `chunks` of their trials after the other.
    at
        What they were thrown at, see `throw`.
    """
    unit = study.detectors[detector].area_unit
    places = (
        (events_path, {"trial": "", "cs1": unit, "cs2": unit, "source": ""}),
        (truth_path, _TRUTH_UNITS),
    )
    expected = toys_slice(study, detector, at)
    with ExitStack() as closing:
        write_events, write_truth = (
            closing.enter_context(
                parquet_writer(path, units=units, config_slice=expected, seed=study.seed)
            )
            for path, units in places
        )
        for chunk in toys:
            write_events(chunk.events)
            write_truth(chunk.truth)


def read_toys(
    study: Study,
    detector: str,
    events_path: Path,
    truth_path: Path,
    at: Mapping[str, float] | None = None,
    columns: Sequence[str] | None = None,
) -> Iterator[Toys]:
    """Read a batch of this study's datasets in `chunks`; `read_chunks` says when they are checked.

    Parameters
    ----------
    events_path, truth_path
        Named for their trials, see `zeptobarn.support.paths.batches`.
    at
        What they were thrown at, see `throw`.
    columns
        Of the events, read these alone: limits do without the sources, which take longest.

    Raises
    ------
    ResultError
        A file is damaged, was made from another configuration, or holds other trials than those
        that it is named for.
    """
    expected = toys_slice(study, detector, at)
    parts = chunks(paths.batch_trials(events_path.stem))
    events = read_chunks(events_path, config_slice=expected, columns=columns)
    truth = read_chunks(truth_path, config_slice=expected)
    tables = zip(parts, _split(events, parts), _split(truth, parts), strict=True)
    for trials, *rows in tables:
        toys = Toys(*rows)
        inside = toys.events["trial"].between(trials[0], trials[-1]).all()
        if not inside or not np.array_equal(toys.trials, trials):
            raise ResultError(
                f"{events_path}: it or its truth holds other trials than {trials[0]} … "
                f"{trials[-1]}, which it is named for; delete both and run again"
            )
        yield toys


def read_datasets(
    study: Study, target: str, events: Sequence[str | Path], truth: Sequence[str | Path]
) -> Iterator[dict[str, dict[str, Toys]]]:
    """Read a batch of a target's datasets in `chunks`: by name of `Study.truths`, and by detector.

    Parameters
    ----------
    events, truth
        Files of each detector, truth after truth; see `read_toys`.
    """
    places = [(name, detector) for name in study.truths for detector in study.targets[target]]
    streams = [
        read_toys(study, detector, Path(e), Path(t), study.truths[name], ["trial", "cs1", "cs2"])
        for (name, detector), e, t in zip(places, events, truth, strict=True)
    ]
    for chunk in zip(*streams, strict=True):
        datasets: dict[str, dict[str, Toys]] = {name: {} for name in study.truths}
        for (name, detector), toys in zip(places, chunk, strict=True):
            datasets[name][detector] = toys
        yield datasets


def _split(tables: Iterator[pd.DataFrame], parts: Sequence[range]) -> Iterator[pd.DataFrame]:
    """Give the rows of each part of the trials, which increase from table to table.

    What lies before the first part or behind the last comes with these.
    """
    left = next(tables)
    for trials in parts:
        last = trials is parts[-1]
        while last or left.empty or left["trial"].iloc[-1] < trials.stop:
            further = next(tables, None)
            if further is None:
                break
            left = pd.concat([left, further], ignore_index=True)
        n = len(left) if last else int(np.searchsorted(left["trial"], trials.stop))
        yield left[:n]
        left = left[n:].reset_index(drop=True)


def read_events(path: str | Path) -> pd.DataFrame:
    """Read observed events: CSV or Parquet with the columns ``cs1`` and ``cs2``.

    Raises
    ------
    ConfigError
        See `zeptobarn.support.inputs.read_table` and `check_events`.
    """
    return check_events(read_table(path), str(path))


def check_events(table: pd.DataFrame, origin: str) -> pd.DataFrame:
    """Check the areas of observed events, which a table without rows has none of.

    Parameters
    ----------
    origin
        What the message of a `ConfigError` calls the table.

    Returns
    -------
    The columns ``cs1`` and ``cs2``.

    Raises
    ------
    ConfigError
        A column is missing or there twice, a value is not finite or is negative, the events are
        those of several trials of ours, or a table looks shifted, see
        `zeptobarn.support.inputs.refuse_shifted`; the message names the row by the table's index.
    """
    check_columns(table, ("cs1", "cs2"), origin)
    refuse_shifted(table, origin)
    trials = table.get("trial", pd.Series(dtype=float)).drop_duplicates()
    if len(trials) > 1:
        raise ConfigError(
            f"{origin}: found the events of {len(trials)} datasets in the column 'trial'; allowed: "
            f"those of one, such as events[events['trial'] == {trials.iloc[0]}]"
        )
    values = numbers(table, ("cs1", "cs2"), origin)
    refuse_rows(values, (values.min(axis=1) < 0).to_numpy(), origin, "areas of at least 0")
    return values


def bins_of(detector: Detector, events: pd.DataFrame, origin: str) -> NDArray[np.int64]:
    """Bin of each observed event in a detector's analysis space; −1 is outside.

    Parameters
    ----------
    events
        From `check_events`.
    origin
        What the message of a `ConfigError` calls the events.

    Raises
    ------
    ConfigError
        There are events, and all are outside: a limit from them would be that of an empty dataset,
        the strongest that there is. The message names both ranges, and how many events would be
        inside if the columns were swapped, or one of them (or both) held log10 of the area.
    """
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
    with np.errstate(over="ignore"):
        first, second = 10**cs1, 10**cs2
    guesses = {
        "; with cs1 and cs2 swapped, {} would lie inside: give each under its own name": (cs2, cs1),
    } | {
        f"; 10 to the power of {name} puts {{}} inside: give areas, not their log10": areas
        for name, areas in {
            "cs2": (cs1, second),
            "cs1": (first, cs2),
            "cs1 and cs2": (first, second),
        }.items()
    }
    inside = {text: int((bin_index(space, *areas) >= 0).sum()) for text, areas in guesses.items()}
    likeliest = max(inside, key=inside.__getitem__)
    return likeliest.format(inside[likeliest]) if inside[likeliest] else ""
