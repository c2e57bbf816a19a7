"""Tables of limits, critical values and coverage: their columns, writing and reading."""

from collections.abc import Iterable, Mapping
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from zeptobarn.inference.intervals import Results
from zeptobarn.inference.problem import Data, Problem
from zeptobarn.inference.result_kinds import CALIBRATION, COVERAGE, TEST_STATISTICS
from zeptobarn.inference.status import Status
from zeptobarn.physics.thresholds import smallest_anywhere
from zeptobarn.study.settings import Interval
from zeptobarn.study.slices.limits import calibration_slice, coverage_slice, limits_slice
from zeptobarn.study.study import Study
from zeptobarn.support.tables import DamagedResultError, parquet_writer, read_parquet, write_parquet
from zeptobarn.templates.templates import bin_name

if TYPE_CHECKING:
    from zeptobarn.inference.model import Model

_CM2 = ("limit_cm2", "calibration_error_cm2", "asymptotic_limit_cm2")
CALIBRATION_UNITS = {
    "interval": "",
    "confidence_level": "",
    "test_statistic": "",
    "rate_multiplier": "",
    "critical_value": "",
    "critical_value_low": "",
    "critical_value_high": "",
    "n_effective": "",
    "n_toys": "",
    "n_failed": "",
}
COVERAGE_UNITS = {
    "interval": "",
    "calibration": "",
    "expected_events": "events",
    "true_rate_multiplier": "",
    "n_trials": "",
    "n_covered": "",
    "n_failed": "",
}


def limit_rows(
    model: "Model",
    interval: Interval,
    problem: Problem,
    data: Data,
    trials: NDArray[np.int64],
    results: Results,
    simple: Results,
    error: NDArray[np.float64],
) -> pd.DataFrame:
    """Give the rows of `Model.limits` for one interval.

    Of a signal that was given, they have its name in ``signal``, and rate multipliers alone.

    Parameters
    ----------
    results, simple
        Limits (expected events) with the study's critical values and with asymptotic ones.
    error
        Standard deviation of the limits from that of the critical values.
    """
    per_event = 1 / model.signal_events if model.signal_events > 0 else np.nan
    multiplier = results.limit * per_event
    nuisances = dict(zip(problem.parameters, results.nuisances.T, strict=True))
    for shape in model.study.target_shapes(model.target):
        if shape.name in interval.fixed:
            nuisances[shape.name] = np.full(len(trials), interval.fixed[shape.name])
    reference = model.reference_value
    table = pd.DataFrame(
        {
            "detector": model.target,
            "interaction": model.interaction,
            "mass_GeV": np.nan if model.mass_GeV is None else float(model.mass_GeV),
            "trial": trials,
            "interval": interval.name,
            "kind": interval.kind,
            "confidence_level": model.study.confidence_level,
            "limit_rate_multiplier": multiplier,
            "limit_cm2": multiplier * reference,
            "calibration_error_cm2": error * per_event * reference,
            "asymptotic_limit_cm2": simple.limit * per_event * reference,
            "limit_low_rate_multiplier": results.low * per_event,
            "best_fit_rate_multiplier": results.best_fit * per_event,
            **{f"best_fit_{name}": values for name, values in nuisances.items()},
            "status": np.array([s.name for s in Status], dtype=object)[results.status],
            "message": _messages(model, problem, data, results),
            "n_evaluations": results.evaluations,
        }
    )
    return table if model.mass_GeV is not None else without_wimp(table)


def without_wimp(table: pd.DataFrame) -> pd.DataFrame:
    """Call the columns of a table of limits what they are where the signal was given.

    Its name stands in ``interaction``, there is no mass, and what ends in ``_cm2`` was computed
    for a reference of 1.
    """
    others = table.drop(columns=["mass_GeV", "limit_cm2"], errors="ignore")
    names = {name: name.replace("_cm2", "_rate_multiplier") for name in others.columns}
    return others.rename(columns={**names, "interaction": "signal"})


def _messages(
    model: "Model", problem: Problem, data: Data, results: Results
) -> NDArray[np.object_]:
    texts = np.array([s.message for s in Status], dtype=object)[results.status]
    for i in np.flatnonzero(results.status == Status.zero_density_event):
        event = int(results.evidence[i])
        d = int(np.searchsorted(data.offsets[i, 1:] - data.offsets[i, 0], event, side="right"))
        name = list(model.templates)[d]
        called = f"event {event - int(data.offsets[i, d] - data.offsets[i, 0])} (from 0)"
        if data.rows:
            called = f"the event in row {data.rows[event]}"
        detector = model.study.detectors[name]
        at = int(data.bins[data.offsets[i, 0] + event] - problem.first_bin[d])
        _, high = divmod(at, detector.space.shape[1])
        texts[i] = texts[i].format(event=called, detector=name)
        texts[i] += f"; it lies at {bin_name(detector, at)}"
        smallest = smallest_anywhere(detector.apparatus)[1]
        if detector.space.cs2_edges[high + 1] <= smallest:
            texts[i] += (
                f", and at no position does a cS2 below {smallest:.4g} {detector.area_unit} pass "
                "the S2 threshold: its corrections differ from the detector's, or it should "
                "have been cut"
            )
    if problem.fault:
        texts[:] = f"{problem.fault}: make the templates again"
    return texts


def calibration_rows(model: "Model", tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Give the rows of `Model.calibrate`.

    Parameters
    ----------
    tables
        Critical values by interval, see `zeptobarn.inference.calibration.calibrate`.
    """
    labelled = [
        table.assign(
            interval=interval.name,
            confidence_level=model.study.confidence_level,
            test_statistic=TEST_STATISTICS["cls" if interval.cls else interval.kind],
            rate_multiplier=table["signal"] / model.signal_events,
        )
        for interval in model.study.intervals
        if (table := tables.get(interval.name)) is not None
    ]
    return joined(labelled, CALIBRATION_UNITS)


def coverage_rows(model: "Model", interval: Interval, table: pd.DataFrame) -> pd.DataFrame:
    """Give the rows of `Model.coverage` for one interval, from those of its toys."""
    return table.assign(
        interval=interval.name,
        true_rate_multiplier=table["signal"] / model.signal_events,
    )


def joined(tables: list[pd.DataFrame], units: Mapping[str, str]) -> pd.DataFrame:
    """Put tables below each other, with the columns that have units."""
    if not tables:
        return pd.DataFrame(columns=list(units))
    return pd.concat(tables, ignore_index=True)[list(units)]


def write_limits(model: "Model", limits: Iterable[pd.DataFrame], path: Path) -> None:
    """Write limits of `Model.limits`, those of some trials after those of others."""
    chunks = iter(limits)
    first = next(chunks)
    units = dict.fromkeys(first.columns, "")
    in_cm2 = {**dict.fromkeys(_CM2, "cm²"), "mass_GeV": "GeV/c²"}
    units |= {name: unit for name, unit in in_cm2.items() if name in units}
    if model.mass_GeV is None:
        multipliers = [name for name in units if name.endswith("_rate_multiplier")]
        units |= dict.fromkeys(multipliers, model.tested.unit)
    units |= {f"best_fit_{shape.name}": "standard deviations" for shape in model.study.shapes}
    with parquet_writer(
        path,
        units=units,
        config_slice=limits_slice(model.study, model.target, model.interaction, model.mass_GeV),
        seed=model.study.seed,
    ) as write:
        for chunk in chain([first], chunks):
            write(chunk)


def write_calibration(
    model: "Model", table: pd.DataFrame, path: Path, config_slice: Any = None
) -> None:
    """Write critical values of `Model.calibrate`.

    Parameters
    ----------
    config_slice
        What they depend on, where it is not the model alone.
    """
    place = model.study, model.target, model.interaction, model.mass_GeV
    write_parquet(
        table,
        path,
        units=CALIBRATION_UNITS,
        config_slice=config_slice or calibration_slice(*place),
        seed=model.study.seed,
    )


def read_calibration(model: "Model", path: Path, config_slice: Any = None) -> pd.DataFrame:
    """Read the critical values of a model; see `write_calibration`.

    Raises
    ------
    ResultError
        The file was made from another configuration, or lacks an interval.
    """
    place = model.study, model.target, model.interaction, model.mass_GeV
    expected = config_slice or calibration_slice(*place)
    table = read_parquet(path, config_slice=expected, kind=CALIBRATION)[0]
    there = set(table["interval"])
    for interval in model.study.intervals:
        if interval.name not in there and model.calibrates(interval):
            raise DamagedResultError(
                f"{path}: damaged: it lacks the interval {interval.name}; delete it and run again"
            )
    return table


def write_coverage(model: "Model", table: pd.DataFrame, path: Path) -> None:
    """Write a table of `Model.coverage`."""
    place = model.study, model.target, model.interaction, model.mass_GeV
    write_parquet(
        table,
        path,
        units=COVERAGE_UNITS,
        config_slice=coverage_slice(*place),
        seed=model.study.seed,
    )


def read_coverage(
    study: Study, target: str, interaction: str, mass_GeV: float, path: str | Path
) -> pd.DataFrame:
    """Read what `write_coverage` wrote."""
    expected = coverage_slice(study, target, interaction, mass_GeV)
    return read_parquet(path, config_slice=expected, kind=COVERAGE)[0]
