"""Counts over the trials of the failure study, beside what is predicted: tables of its summary."""

from collections.abc import Iterable, Mapping
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import scipy
from numpy.typing import NDArray

from zeptobarn.failures.rows import SETTING_UNITS
from zeptobarn.failures.scans import failures_summary_slice
from zeptobarn.inference.status import WITH_LIMIT
from zeptobarn.study.study import Study
from zeptobarn.support.kinds import NOT_NEGATIVE, PROBABILITY, Column, Kind
from zeptobarn.support.tables import read_parquet, write_csv, write_parquet

# Numbers of trials over which a scan of many is counted as well.
_FEWER_TRIALS = (10, 100, 1000)
_SUMMARY_UNITS = {
    **SETTING_UNITS,
    "finder": "",
    "status": "",
    "n_with_status": "",
    "n_failed": "",
    "failure_fraction": "",
    "failure_fraction_error": "",
    "predicted_fraction": "",
    "n_spurious": "",
    "n_different": "",
    "median_rate_multiplier": "",
}
_LAW_UNITS = {
    "detector": "",
    "mass_GeV": "GeV/c²",
    "shape_parameters": "",
    "n_points": "",
    "chi2": "",
    "degrees_of_freedom": "",
    "p_value": "",
}
_SUMMARY = Kind(
    {
        "confidence_level": PROBABILITY,
        "failure_fraction*": PROBABILITY,
        "predicted_fraction": Column(low=0, high=1, missing=True),
        "median_rate_multiplier": Column(low=0, infinite=True, missing=True),
        "n_trials": NOT_NEGATIVE,
        **dict.fromkeys(
            ("n_with_status", "n_failed", "n_spurious", "n_different"),
            Column(low=0, at_most="n_trials"),
        ),
    },
    key=(*SETTING_UNITS, "finder", "status"),
    fewest=1,
)
_LAW = Kind(
    {
        "n_points": NOT_NEGATIVE,
        "chi2": NOT_NEGATIVE,
        "degrees_of_freedom": NOT_NEGATIVE,
        "p_value": Column(low=0, high=1, missing=True),
    },
    key=("detector", "mass_GeV", "shape_parameters"),
)


def summarise(tables: pd.DataFrame) -> pd.DataFrame:
    """Count the statuses of each setting and finder.

    Parameters
    ----------
    tables
        Rows of `run`, of any scans and detectors.

    Returns
    -------
    A row per setting, finder and status that occurred; ``empty_template`` is always there, with
    its predicted fraction, and so is the recipe's ``no_crossing`` where it is predicted at all.
    ``n_spurious`` counts trials in which the conventional recipe reports
    a number where there is no limit, ``n_different`` those in which both finders have a limit but
    not the same within 0.1 %; ``median_rate_multiplier`` is that of all numbers that the finder
    reports at a setting. The scan ``n_trials`` is also counted over its first 10, 100 and 1000
    trials.
    """
    keys = list(SETTING_UNITS)
    rows = []
    for key, group in tables.groupby(keys, sort=False):
        place: dict[str, Any] = dict(zip(keys, key, strict=True))
        robust = group[group["finder"] == "robust"].set_index("draw")["status"]
        no_limit = group["draw"].map(~robust.isin(WITH_LIMIT))
        many = place["scan"] == "n_trials"
        numbers = [n for n in _FEWER_TRIALS if many and n < place["n_trials"]] + [place["n_trials"]]
        for n, (finder, trials) in product(numbers, group.groupby("finder", sort=False)):
            first = trials[trials["draw"] <= n]
            counts = first["status"].value_counts()
            apart = first["difference"] != ""
            spurious = first["status"].isin(WITH_LIMIT) & no_limit[first.index]
            spurious &= finder == "conventional"
            predicted = {"empty_template": first["predicted_fraction"].iloc[0]}
            if finder == "conventional" and first["predicted_no_crossing"].iloc[0] > 0:
                predicted["no_crossing"] = first["predicted_no_crossing"].iloc[0]
            for status in dict.fromkeys([*counts.index, *predicted]):
                count = int(counts.get(status, 0))
                failed = 0 if status in WITH_LIMIT else count
                share = failed / n
                rows.append(
                    {
                        **place,
                        "n_trials": n,
                        "finder": finder,
                        "status": status,
                        "n_with_status": count,
                        "n_failed": failed,
                        "failure_fraction": share,
                        "failure_fraction_error": (share * (1 - share) / n) ** 0.5,
                        "predicted_fraction": predicted.get(status, np.nan),
                        "n_spurious": int((spurious & (first["status"] == status)).sum()),
                        "n_different": int((apart & (first["status"] == status)).sum()),
                        "median_rate_multiplier": first["limit_rate_multiplier"].median(),
                    }
                )
    return pd.DataFrame(rows)[list(_SUMMARY_UNITS)]


def law(summary: pd.DataFrame) -> pd.DataFrame:
    """Compare the measured shares of empty templates with the predicted ones: χ².

    Parameters
    ----------
    summary
        Rows of `summarise`; those of the scan ``n_events`` are used.

    Returns
    -------
    A row per detector, mass and treatment of the shapes. Nothing is fitted; points where less
    than 5 empty, or 5 filled, templates are expected are joined with their neighbours.
    """
    chosen = summary[
        (summary["scan"] == "n_events")
        & (summary["finder"] == "conventional")
        & (summary["status"] == "empty_template")
    ]
    rows: list[Any] = []
    keys = ["detector", "mass_GeV", "shape_parameters"]
    for key, group in chosen.groupby(keys, sort=False):
        # Of each group of neighbouring points: trials, empty templates expected, variance, seen.
        groups = [np.zeros(4)]
        ordered = group.sort_values("n_events_for_pdf")
        for n, p, k in zip(
            ordered["n_trials"], ordered["predicted_fraction"], ordered["n_failed"], strict=True
        ):
            groups[-1] = groups[-1] + [n, n * p, n * p * (1 - p), k]
            if min(groups[-1][1], groups[-1][0] - groups[-1][1]) >= _FEWEST_EXPECTED:
                groups.append(np.zeros(4))
        rest = groups.pop()
        if groups:
            groups[-1] = groups[-1] + rest
        points = len(groups)
        total = sum((seen - mean) ** 2 / variance for _, mean, variance, seen in groups)
        p_value = float(scipy.stats.chi2.sf(total, points)) if points else np.nan
        rows.append((*key, points, total, points, p_value))
    return pd.DataFrame(rows, columns=list(_LAW_UNITS))


_FEWEST_EXPECTED = 5


def answers(summary: pd.DataFrame) -> pd.DataFrame:
    """Share of trials in which the conventional recipe has a number, by confidence level.

    Parameters
    ----------
    summary
        Rows of `summarise`; those of the scan ``confidence_level`` are used.

    Returns
    -------
    A row per detector, mass, bound and level: ``n_trials, share, predicted_share``.
    """
    chosen = summary[
        (summary["scan"] == "confidence_level") & (summary["finder"] == "conventional")
    ]
    keys = ["detector", "mass_GeV", "bound", "confidence_level"]
    table = chosen.groupby(keys, sort=False).agg(
        n_trials=("n_trials", "first"),
        failed=("n_failed", "sum"),
        predicted=("predicted_fraction", "sum"),
    )
    table["share"] = 1 - table["failed"] / table["n_trials"]
    table["predicted_share"] = 1 - table["predicted"]
    return table.reset_index()[[*keys, "n_trials", "share", "predicted_share"]]


def window(levels: NDArray[np.float64], shares: NDArray[np.float64]) -> tuple[float, float]:
    """Confidence levels around 0.5 between which at least half of the trials have an answer.

    Parameters
    ----------
    levels, shares
        Increasing levels and the share of trials at each, shape (n,); straight in between.

    Returns
    -------
    low, high; NaN where the share stays above half up to the last level.

    Examples
    --------
    >>> window(np.array([0.25, 0.5, 0.75, 1.0]), np.array([0.0, 1.0, 1.0, 0.0]))
    (0.375, 0.875)
    """
    ends = []
    for side in (levels <= _HALF, levels >= _HALF):
        # From the middle outwards.
        outwards = np.argsort(np.abs(levels[side] - _HALF))
        x, y = levels[side][outwards], shares[side][outwards]
        below = np.flatnonzero(y < _HALF)
        if not len(below) or below[0] == 0:
            ends.append(float(x[0]) if len(below) else np.nan)
            continue
        i = below[0]
        ends.append(float(x[i] + (x[i - 1] - x[i]) * (_HALF - y[i]) / (y[i - 1] - y[i])))
    return ends[0], ends[1]


# Of the trials, and the confidence level at which the critical value is 0.
_HALF = 0.5


def write_summary(study: Study, tables: Iterable[pd.DataFrame], outputs: Mapping[str, str]) -> None:
    """Write `summarise` and `law` of all scans' trials, each as Parquet and CSV.

    Parameters
    ----------
    outputs
        Files by ``summary_parquet``, ``summary_csv``, ``law_parquet`` and ``law_csv``.
    """
    summary = pd.concat(map(summarise, tables), ignore_index=True)
    for name, table, units in (
        ("summary", summary, _SUMMARY_UNITS),
        ("law", law(summary), _LAW_UNITS),
    ):
        write_parquet(
            table,
            outputs[f"{name}_parquet"],
            units=units,
            config_slice=failures_summary_slice(study),
            seed=study.seed,
        )
        write_csv(table, outputs[f"{name}_csv"])


def read_summary(
    study: Study, summary: str | Path, law_file: str | Path
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read the Parquet files that `write_summary` wrote.

    Raises
    ------
    ResultError
        A file is damaged, or was made from another configuration.
    """
    expected = failures_summary_slice(study)
    return (
        read_parquet(summary, config_slice=expected, kind=_SUMMARY)[0],
        read_parquet(law_file, config_slice=expected, kind=_LAW)[0],
    )
