"""Why a limit is what it is, or why there is none: one trial, looked at closely."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from zeptobarn.failures.rows import LEFT_NOMINAL
from zeptobarn.failures.sampled import rebuild
from zeptobarn.failures.scans import failures_slice
from zeptobarn.inference.events import Observation
from zeptobarn.inference.load import load_model, load_templates
from zeptobarn.inference.model import Model
from zeptobarn.inference.problem import Data, fits_at
from zeptobarn.inference.status import WITH_LIMIT, Status
from zeptobarn.study import labels
from zeptobarn.study.slices.limits import limits_slice
from zeptobarn.study.study import Interval, Study
from zeptobarn.support import paths
from zeptobarn.support.config import ConfigError
from zeptobarn.support.tables import ResultError, digest, read_chunks, read_metadata
from zeptobarn.templates.density import bin_index
from zeptobarn.templates.spectra import source_spectrum
from zeptobarn.templates.templates import Template
from zeptobarn.templates.toys import Toys, throw

_POINTS = 400

# Why the conventional recipe has another number than we (see `zeptobarn.failures.trials.run`).
DIFFERENCES = {
    "the bound is below the best fit": (
        "The bracket's upper end lies below the best fit. Brent's method ran backwards and found "
        "the crossing below the best fit, which is no upper limit.",
        Status.no_crossing.cure,
    ),
    "the conventional best fit is a local maximum": (
        "The conventional fit ended in a local maximum of the likelihood, at another value of the "
        "shape parameter: its statistic is measured from too low a top, and becomes negative.",
        "Start the fit in every cell of the shape parameter, as zeptobarn does.",
    ),
    LEFT_NOMINAL: (
        "A key was left in the code: what is stored here are the numbers of the limits with "
        "nominal shapes, copied. The curve is that of the shape that the array's name promises.",
        "Compare arrays that should differ; set each limit with the shape that it is named for.",
    ),
    "unexplained": (
        "Neither the best fit nor the bracket tells the two apart: look at the curve.",
        Status.multiple_crossings.cure,
    ),
    "several crossings": (Status.multiple_crossings.cause, Status.multiple_crossings.cure),
}


@dataclass(frozen=True)
class Explanation:
    """A trial, explained.

    Attributes
    ----------
    title
        What the limit is of.
    status, message
        See `zeptobarn.inference.status.Status`; of the conventional recipe where the trial is one
        of the failure study.
    cause, cure
        The status in words, and what to do.
    numbers
        What is known, by name.
    signals, statistic
        t̃ (shape (n,)) at rate multipliers; NaN where it does not exist.
    critical
        Critical value at each of the signals.
    crossings
        Rate multipliers where the scan passes the critical value upwards, above the best fit.
    best_fit, limit
        Rate multipliers; NaN where there are none.
    bracket
        Ends of the bracket of the conventional search (NaN: it has none).
    """

    title: str
    status: str
    message: str
    cause: str
    cure: str
    numbers: Mapping[str, str]
    signals: NDArray[np.float64]
    statistic: NDArray[np.float64]
    critical: NDArray[np.float64]
    crossings: tuple[float, ...]
    best_fit: float
    limit: float
    bracket: tuple[float, float]

    def __str__(self) -> str:
        width = max(map(len, self.numbers))
        lines = [self.title, "", *(f"{k:<{width}}  {v}" for k, v in self.numbers.items())]
        return "\n".join([*lines, "", f"Cause: {self.cause}", f"Cure:  {self.cure}"])


def explain(study: Study, path: str | Path, trial: int, interval: str | None = None) -> Explanation:
    """Explain a trial of a result file.

    Parameters
    ----------
    path
        A file of limits, or of the failure study's trials.
    trial
        Its number in the file.
    interval
        Which of its limits; when not given, the first that failed, or the last.

    Raises
    ------
    ConfigError
        There is no such file, trial or interval.
    ResultError
        The file is of another study.
    """
    if not Path(path).is_file():
        beside = sorted(file.name for file in Path(path).parent.glob("*.parquet"))
        hint = f"; beside it: {', '.join(beside)}" if beside else ""
        raise ConfigError(f"{path}: no such file{hint}")
    metadata = read_metadata(path)
    if not {"trial", "status"} <= set(metadata["units"]):
        raise ConfigError(
            f"{path}: no column trial or status; allowed: a file of limits/ or failures/, or, with "
            "--mass or --signal, of observed/"
        )
    matching, ends = [], []
    for chunk in read_chunks(path):
        matching.append(chunk[chunk["trial"] == trial])
        ends += [chunk["trial"].min(), chunk["trial"].max()]
    rows = pd.concat(matching)
    if rows.empty:
        raise ConfigError(f"{path}: no trial {trial}; allowed: {min(ends)} … {max(ends)}")
    first = _record(rows)
    name, mass = _place(first)
    known = study.places if mass is None else [(name, each) for each in study.masses_GeV]
    if first["detector"] not in study.targets or (name, mass) not in known:
        what = f"of the signal {name}" if mass is None else f"at {paths.number(mass)} GeV/c²"
        raise ConfigError(
            f"{path}: of {first['detector']} {what}, which this study does not have; name the one "
            "it was made from with --config and --overlay"
        )
    if "finder" in rows.columns:
        expected = failures_slice(study, first["detector"], first["scan"])
        _check(path, metadata, expected)
        if interval is not None:
            raise ConfigError(f"{path}: --interval: a trial of the failure study has one limit")
        return _of_failures(study, rows)
    expected = limits_slice(study, first["detector"], name, mass)
    _check(path, metadata, expected)
    return _of_limits(study, rows, interval, path)


def explain_data(
    model: Model,
    interval: Interval,
    toys: Toys | Mapping[str, Toys] | Observation,
    row: Mapping[str, Any],
) -> Explanation:
    """Explain the limit of a dataset.

    Parameters
    ----------
    toys
        The dataset: of one trial, or observed.
    row
        What is known of the limit: ``limit_rate_multiplier, best_fit_rate_multiplier, status,
        message``, and of a conventional search also ``bound, statistic_low, statistic_high,
        critical_value``.
    """
    problem = model.problem(interval)
    data, events = _dataset(model, toys)
    conventional = "bound" in row
    limit, best = float(row["limit_rate_multiplier"]), float(row["best_fit_rate_multiplier"])
    bound = float(row["bound"]) if conventional else np.nan
    signal_events = model.signal_events
    signals = _scanned(signal_events, limit, best, [bound] if conventional else [])
    statistic = np.full(_POINTS, np.nan)
    if not problem.fault:
        unit = signal_events if signal_events > 0 else 1.0
        statistic = fits_at(problem, data, signals * unit)[1][0, :, 0]
    if conventional:
        critical = np.full(_POINTS, float(row["critical_value"]))
    elif row["status"] in ("empty_template", "critical_value_zero") or problem.fault:
        critical = np.zeros(_POINTS)
    else:
        values = model.critical(interval, problem)
        critical = np.interp(signals * signal_events, values[:, 0], values[:, 1])
    crossings = _crossings(signals, statistic, critical, best)
    numbers = _numbers(model, sum(map(len, events.values())), row, statistic, critical, crossings)
    status = Status[str(row["status"])]
    # The conventional search ends at one of several crossings, whichever.
    meant = Status.multiple_crossings if status == Status.ok and len(crossings) > 1 else status
    numbers |= _outsiders(model, problem.structure.density, events)
    return Explanation(
        _title(model, interval, row),
        status.name,
        str(row["message"]),
        meant.cause,
        meant.cure,
        numbers,
        signals,
        statistic,
        critical,
        tuple(map(float, crossings)),
        best,
        limit,
        (best, bound) if conventional else (np.nan, np.nan),
    )


def _scanned(events: float, limit: float, best: float, ends: list[float]) -> NDArray[np.float64]:
    """Rate multipliers to scan: far beyond the limit and the best fit, and a bracket's ends."""
    per_event = 1 / events if events > 0 else np.nan
    around = [x for x in (limit, best, 3 * per_event) if x > 0]
    low = min([*around, *ends], default=1.0) / 30
    high = max([10 * max(around, default=1.0), *ends])
    return np.geomspace(low, high, _POINTS)


def _crossings(
    signals: NDArray[np.float64],
    statistic: NDArray[np.float64],
    critical: NDArray[np.float64],
    best: float,
) -> NDArray[np.float64]:
    """Signals above the best fit where the statistic passes the critical value upwards."""
    above = np.where(signals > np.nan_to_num(best), statistic - critical, -critical)
    at = np.flatnonzero((above[:-1] < 0) & (above[1:] >= 0))
    shares = -above[at] / (above[at + 1] - above[at])
    return np.asarray(signals[at] + shares * (signals[at + 1] - signals[at]))


def _numbers(
    model: Model,
    n_events: int,
    row: Mapping[str, Any],
    statistic: NDArray[np.float64],
    critical: NDArray[np.float64],
    crossings: NDArray[np.float64],
) -> dict[str, str]:
    """What is known of a limit, by name; of a conventional search also its bracket."""
    limit, best = float(row["limit_rate_multiplier"]), float(row["best_fit_rate_multiplier"])
    reference = float(row.get("sigma_ref_cm2", model.study.reference_cross_section_cm2))
    events = model.signal_events
    numbers = {
        "status": str(row["status"]),
        "limit": _both(limit, reference, model),
        "best fit": _both(best, reference, model),
        "critical value": f"{critical[-1]:.4g}"
        + ("" if np.ptp(critical) == 0 else f" (from {critical[0]:.4g} at small signals)"),
        "crossings in a dense scan": ", ".join(f"{x:.4g}" for x in crossings) or "none",
        "largest statistic in the scan": f"{np.nanmax(statistic):.4g}"
        if np.isfinite(statistic).any()
        else "none: the likelihood has no value",
        "events in the dataset": str(n_events),
        "signal expected at multiplier 1": f"{events:.4g} events",
        "bins that the signal fills": str(_filled(model)),
    }
    if "bound" in row:
        bound = float(row["bound"])
        numbers |= {
            "bracket": f"{best:.4g} … {bound:.4g}",
            "statistic at its ends": f"{row['statistic_low']:.4g}, {row['statistic_high']:.4g}",
            "signal expected at the bound": f"{events * bound:.4g} events",
        }
    return numbers


def _of_limits(
    study: Study, rows: pd.DataFrame, interval: str | None, path: str | Path
) -> Explanation:
    names = list(rows["interval"])
    if interval is None:
        failed = rows[rows["limit_rate_multiplier"].isna()]
        interval = str((failed if len(failed) else rows.tail(1))["interval"].iloc[0])
    if interval not in names:
        raise ConfigError(f"{path}: no interval {interval!r}; allowed: {', '.join(names)}")
    row = _record(rows[rows["interval"] == interval])
    name, mass = _place(row)
    if mass is None:
        model = load_model(study, row["detector"], signal=name)
    else:
        mass = next(m for m in study.masses_GeV if m == mass)
        model = load_model(study, row["detector"], mass, name)
    toys = {
        name: throw(
            study,
            name,
            templates,
            [int(row["trial"])],
            study.truth_of(model.interval(interval)),
        )
        for name, templates in model.templates.items()
    }
    return explain_data(model, model.interval(interval), toys, row)


def _of_failures(study: Study, rows: pd.DataFrame) -> Explanation:
    row = _record(rows[rows["finder"] == "conventional"])
    ours = _record(rows[rows["finder"] == "robust"])
    detector, mass = str(row["detector"]), float(row["mass_GeV"])
    source = paths.wimp_source(str(row["interaction"]), mass)
    spectrum = source_spectrum(study, detector, source)
    assert spectrum is not None  # a signal has one
    precise = _templates(study, detector, source)
    model, setting, toys = rebuild(study, detector, row, precise, spectrum)
    explanation = explain_data(model, setting.interval, toys, row)
    robust = _both(float(ours["limit_rate_multiplier"]), setting.sigma_ref_cm2, model)
    numbers = {
        **explanation.numbers,
        "recoils sampled per template": str(row["n_events_for_pdf"]),
        "an empty template was expected with": f"{100 * row['predicted_fraction']:.3g} %",
        "zeptobarn's limit": f"{robust}, {ours['status']}",
    }
    if row["status"] not in WITH_LIMIT:
        return replace(explanation, numbers=numbers)
    if ours["status"] not in WITH_LIMIT:
        numbers["what the recipe reports"] = "a number that is no limit"
        status = Status[str(ours["status"])]
        return replace(explanation, numbers=numbers, cause=status.cause, cure=status.cure)
    if row["difference"] in DIFFERENCES:
        cause, cure = DIFFERENCES[row["difference"]]
        numbers["why the two differ"] = row["difference"]
        return replace(explanation, numbers=numbers, cause=cause, cure=cure)
    return replace(explanation, numbers=numbers)


def _place(row: Mapping[str, Any]) -> tuple[str, float | None]:
    """Interaction and mass of a row's WIMP; of another signal, its name and None."""
    return (row["signal"], None) if "signal" in row else (row["interaction"], row["mass_GeV"])


def _record(rows: pd.DataFrame) -> dict[str, Any]:
    return {str(name): value for name, value in rows.iloc[0].items()}


def _templates(study: Study, detector: str, source: str) -> dict[str, Template]:
    backgrounds = (s.name for s in study.detectors[detector].sources)
    return load_templates(study, detector, [source, *backgrounds])


def _check(path: str | Path, metadata: Mapping[str, Any], config_slice: Any) -> None:
    if metadata["config_hash"] != digest(config_slice):
        raise ResultError(
            f"{path}: made from another configuration than this study; name the one it was made "
            "from with --config and --overlay"
        )


def _both(multiplier: float, reference_cm2: float, model: Model) -> str:
    if np.isnan(multiplier):
        return "none"
    if model.mass_GeV is None:
        return f"{multiplier:.4g} × {model.tested.unit}"
    return f"{multiplier:.4g} × {reference_cm2:g} cm² = {multiplier * reference_cm2:.4g} cm²"


def _dataset(
    model: Model, toys: Toys | Mapping[str, Toys] | Observation
) -> tuple[Data, Mapping[str, pd.DataFrame]]:
    """Give a dataset in bins, and its events by detector."""
    if isinstance(toys, Observation):
        return toys.data, toys.events
    members = toys if isinstance(toys, Mapping) else {model.target: toys}
    return model.data(toys), {name: each.events for name, each in members.items()}


def _filled(model: Model) -> str:
    """Filled bins of each detector's signal template, and of its emptiest anchor."""
    counts = []
    for templates in model.templates.values():
        filled = (templates[model.signal].expected > 0).sum(axis=1)
        nominal = int((templates[model.signal].nominal > 0).sum())
        emptiest = "" if filled.min() == nominal else f" ({filled.min()} at the emptiest anchor)"
        counts.append(f"{nominal}{emptiest}")
    return ", ".join(counts)


def _outsiders(
    model: Model, density: NDArray[np.float64], by_detector: Mapping[str, pd.DataFrame]
) -> dict[str, str]:
    """Where events without any density are."""
    outsiders, start = [], 0
    for name in model.templates:
        detector, events = model.study.detectors[name], by_detector[name]
        bins = bin_index(detector.space, events["cs1"].to_numpy(), events["cs2"].to_numpy())
        outside = events[~(density[start + bins] > 0).any(axis=1)]
        for cs1, cs2 in zip(outside["cs1"], outside["cs2"], strict=True):
            outsiders.append(f"{name} cS1 {cs1:.4g}, cS2 {cs2:.4g} {detector.area_unit}")
        start += int(np.prod(detector.space.shape))
    return {"events without density": "; ".join(outsiders)} if outsiders else {}


def _title(model: Model, interval: Interval, row: Mapping[str, Any]) -> str:
    level = float(row.get("confidence_level", model.study.confidence_level))
    place = f"{model.study.title(model.target)}, "
    if model.mass_GeV is None:
        place += model.tested.label
    else:
        mass = paths.number(model.mass_GeV)
        place += f"{model.interaction.replace('_', ' ')}, {mass} GeV/c²"
    scan = f"scan {row['scan']}, " if "scan" in row else ""
    dataset = f"trial {row['trial']}" if "trial" in row else "observed"
    origin = "asymptotic" if scan else labels.origin(interval, model.study.critical_values)
    return (
        f"{place}: {scan}{dataset}\n{labels.claim(interval)}; "
        f"{labels.level(level, [origin])}"
        + ("" if model.mass_GeV is None else f"; {labels.halo(model.study)}")
    )
