"""A trial of a result file, explained: its dataset is thrown again and looked at closely."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from zeptobarn.failures.explanation import Explanation, explain_data, in_words
from zeptobarn.failures.rows import LEFT_NOMINAL, TRIALS
from zeptobarn.failures.sampled import rebuild
from zeptobarn.failures.scans import failures_slice
from zeptobarn.inference.load import load_model, load_templates
from zeptobarn.inference.result_kinds import LIMITS
from zeptobarn.inference.status import WITH_LIMIT, Status
from zeptobarn.study.slices.limits import limits_slice
from zeptobarn.study.study import Study
from zeptobarn.support import paths
from zeptobarn.support.config import ConfigError
from zeptobarn.support.tables import ResultError, digest, read_chunks, read_metadata
from zeptobarn.templates.spectra import source_spectrum
from zeptobarn.templates.templates import Template
from zeptobarn.templates.toys import throw

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
    kind = TRIALS if "finder" in metadata["units"] else LIMITS
    for chunk in read_chunks(path, kind=kind):
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
    robust = in_words(float(ours["limit_rate_multiplier"]), setting.sigma_ref_cm2, model)
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
