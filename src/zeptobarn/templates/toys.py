"""Datasets: background-only toys thrown from the templates."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from zeptobarn.physics.detector import AnalysisSpace
from zeptobarn.study.slices.toys import toys_slice
from zeptobarn.study.study import Study
from zeptobarn.support import paths
from zeptobarn.support.kinds import ANY, COUNT, Column, Kind
from zeptobarn.support.streams import stream
from zeptobarn.support.tables import DamagedResultError, ResultError, parquet_writer, read_chunks
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
_TRUTH_KIND = Kind(
    {
        "trial": COUNT,
        "n_events": COUNT,
        "true_value": ANY,
        "constraint_centre": Column(missing=True),
    },
    key=("trial", "parameter"),
    complete=True,
    in_order=True,
)


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
        # Of no background at all, there is nothing to join.
        cs1, cs2 = place(space, np.concatenate([np.empty(0, dtype=np.int64), *bins]), rng)
        names = np.repeat(np.array(sources, dtype=str), numbers)
        events.append((np.full(len(cs1), trial), cs1, cs2, names))
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
    kind = _events_kind(study.detectors[detector].space)
    events = read_chunks(events_path, config_slice=expected, columns=columns, kind=kind)
    levels = _parameters(study, detector)
    truth = read_chunks(truth_path, config_slice=expected, kind=_TRUTH_KIND, levels=levels)
    tables = zip(parts, _split(events, parts), _split(truth, parts), strict=True)
    for trials, *rows in tables:
        toys = Toys(*rows)
        inside = toys.events["trial"].between(trials[0], trials[-1]).all()
        if not inside or not np.array_equal(toys.trials, trials):
            raise ResultError(
                f"{events_path}: it or its truth holds other trials than {trials[0]} … "
                f"{trials[-1]}, which it is named for; delete both and run again"
            )
        numbers = toys.truth.groupby("trial")["n_events"].agg(["min", "max"])
        counted = np.bincount(toys.events["trial"] - trials[0], minlength=len(trials))
        if (wrong := (numbers.to_numpy() != counted[:, np.newaxis]).any(axis=1)).any():
            trial = trials[int(np.argmax(wrong))]
            raise DamagedResultError(
                f"{events_path}: damaged: it has {counted[trial - trials[0]]} events of trial "
                f"{trial}, and {truth_path.name} another number; delete both and run again"
            )
        yield toys


def read_truth(
    study: Study, detector: str, path: Path, columns: Sequence[str]
) -> Iterator[pd.DataFrame]:
    """Read columns of what a batch of datasets was thrown with; see `read_toys` for its name."""
    levels = {"trial": paths.batch_trials(path.name.split(".")[0]), **_parameters(study, detector)}
    expected = toys_slice(study, detector)
    return read_chunks(
        path, config_slice=expected, columns=columns, kind=_TRUTH_KIND, levels=levels
    )


def _parameters(study: Study, detector: str) -> dict[str, Sequence[Any]]:
    rates = ["wimp_rate", *(f"{s.name}_rate" for s in study.detectors[detector].sources)]
    return {"parameter": [*rates, *(shape.name for shape in study.target_shapes(detector))]}


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


def _events_kind(space: AnalysisSpace) -> Kind:
    """What must hold of events: they lie in the analysis space."""
    edges = {"cs1": space.cs1_edges, "cs2": space.cs2_edges}
    inside = {axis: Column(float(e[0]), float(e[-1])) for axis, e in edges.items()}
    return Kind({"trial": Column(in_order=True, whole=True), **inside})


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
