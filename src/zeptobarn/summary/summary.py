"""Medians and bands over trials."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from zeptobarn.inference.result_kinds import LIMITS
from zeptobarn.inference.status import WITH_LIMIT, Status
from zeptobarn.study import labels
from zeptobarn.study.slices.limits import limits_slice
from zeptobarn.study.slices.summary import summary_slice
from zeptobarn.study.study import Study
from zeptobarn.summary.reading import read_sensitivity
from zeptobarn.summary.sample import at_least, fair_sample, quantile, quantile_error
from zeptobarn.support import paths
from zeptobarn.support.tables import read_chunks, write_csv, write_parquet

# Quantiles of the standard normal distribution at 0, ±1 and ±2 standard deviations.
QUANTILES = {
    "median_cm2": 0.5,
    "minus2sigma_cm2": 0.022750131948179212,
    "minus1sigma_cm2": 0.15865525393145707,
    "plus1sigma_cm2": 0.8413447460685429,
    "plus2sigma_cm2": 0.9772498680518208,
}

# Columns of their Monte Carlo errors.
ERRORS = {name: name.replace("_cm2", "_error_cm2") for name in QUANTILES}

# Columns that come from `zeptobarn.summary.sensitivity`.
ASIMOV = (
    "asimov_cm2",
    "asimov_minus2sigma_cm2",
    "asimov_minus1sigma_cm2",
    "asimov_plus1sigma_cm2",
    "asimov_plus2sigma_cm2",
    "template_error_cm2",
    "template_bias_cm2",
)

_KEYS = ("detector", "interaction", "mass_GeV", "interval")
# Columns of the limits that a summary is made of.
SUMMARISED = (
    *_KEYS,
    "limit_cm2",
    "calibration_error_cm2",
    "asymptotic_limit_cm2",
    "signal_likeness",
    "status",
)

_UNITS = {
    "detector": "",
    "interaction": "",
    "mass_GeV": "GeV/c²",
    "interval": "",
    "n_trials": "",
    "n_failed": "",
    "n_warnings": "",
    "n_all_signals_excluded": "",
    **dict.fromkeys(QUANTILES, "cm²"),
    **dict.fromkeys(ERRORS.values(), "cm²"),
    "calibration_error_cm2": "cm²",
    "asymptotic_median_cm2": "cm²",
    "power_constraint_cm2": "cm²",
    "power_constrained_median_cm2": "cm²",
    **dict.fromkeys(ASIMOV, "cm²"),
}


def limit_files(study: Study) -> list[str]:
    """Paths of a study's files of limits on WIMPs, relative to its results, in its order."""
    return _files(study, [study.tested(*place).path for place in study.wimps])


def signal_files(study: Study) -> list[str]:
    """Paths of a study's files of limits on given signals; see `limit_files`."""
    return _files(study, [signal.path for signal in study.given_signals])


def _files(study: Study, signals: Sequence[str]) -> list[str]:
    return [
        paths.fill(paths.LIMITS, target=target, signal=signal, batch=batch)
        for target, signal, batch in product(study.targets, signals, study.batches)
    ]


def limit_chunks(
    study: Study, target: str, interaction: str, mass_GeV: float | None, columns: Sequence[str]
) -> Iterator[pd.DataFrame]:
    """Read columns of all batches of a mass's limits, chunk by chunk; see `read_chunks`.

    Raises
    ------
    ResultError
        A file is damaged, or was made from another configuration.
    """
    place = target, interaction, mass_GeV
    expected = limits_slice(study, *place)
    intervals = [interval.name for interval in study.intervals]
    for batch in study.batches:
        yield from read_chunks(
            study.model_path(paths.LIMITS, *place, batch=batch),
            config_slice=expected,
            columns=columns,
            kind=LIMITS,
            levels={"trial": paths.batch_trials(batch), "interval": intervals},
        )


def read_limits(
    study: Study,
    target: str,
    interaction: str,
    mass_GeV: float,
    columns: Sequence[str] = SUMMARISED,
) -> pd.DataFrame:
    """Read columns of all batches of a mass's limits; see `limit_chunks`.

    Detector, interaction, interval and status are categorical: a byte each, where a million trials
    would take gigabytes of words.
    """
    words: Mapping[str, Iterable[str]] = {
        "detector": study.targets,
        "interaction": study.interactions,
        "interval": [interval.name for interval in study.intervals],
        "status": [status.name for status in Status],
    }
    codes = {name: pd.CategoricalDtype(list(words[name])) for name in columns if name in words}
    chunks = limit_chunks(study, target, interaction, mass_GeV, columns)
    return pd.concat([chunk.astype(codes) for chunk in chunks], ignore_index=True)


def summarise(
    limits: pd.DataFrame, power_constraint: float = 0.16, asimov: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Median limit and ±1σ, ±2σ quantiles over trials.

    A trial without a crossing counts as an infinite limit. Where more than 1 % of the trials
    failed for another reason, the quantiles are withheld (NaN): the trials left are not a fair
    sample.

    Parameters
    ----------
    limits
        Rows of `zeptobarn.inference.model.Model.limits`, the columns `SUMMARISED`.
    power_constraint
        Quantile of the limits that a power-constrained limit is at least.
    asimov
        Tables of `zeptobarn.summary.sensitivity` with a column ``detector``, to join; NaN without.

    Returns
    -------
    A row per detector, interaction, mass and interval, in order of appearance, with
    ``n_trials``, ``n_failed``, ``n_warnings``, ``n_all_signals_excluded`` (limits that are the
    smallest signal that was tested, no warnings), the quantiles (cm²) with their Monte Carlo
    errors, the median with asymptotic critical values (that of the trials that have a limit with
    the study's), and the power constraint with the median of the limits under it. The quantiles are
    those of the raw limits, over trials sorted by how signal-like they are
    (`zeptobarn.summary.sample`). An error has two parts, added in quadrature: that of
    `quantile_error`, and of calibrated limits half the distance of the quantile with critical
    values one standard deviation of their toys higher and lower, which all trials share; of the
    median the latter stands in ``calibration_error_cm2``.
    """
    rows = [
        {**dict(zip(_KEYS, key, strict=True)), **_summary(group, power_constraint)}
        for key, group in limits.groupby(list(_KEYS), sort=False, observed=True)
    ]
    table = pd.DataFrame(rows)
    if asimov is None:
        return table.reindex(columns=list(_UNITS))
    return table.merge(asimov, how="left", on=list(_KEYS))[list(_UNITS)]


def write_summary(study: Study, parquet_path: Path, csv_path: Path) -> pd.DataFrame:
    """Summarise a study's limits, and its Asimov limits, into a Parquet and a CSV file."""
    asimov = pd.concat([read_sensitivity(study, target) for target in study.targets])
    table = pd.concat(
        [
            summarise(read_limits(study, *place), study.power_constraint, asimov)
            for place in product(study.targets, study.interactions, study.masses_GeV)
        ],
        ignore_index=True,
    )
    write_parquet(
        table,
        parquet_path,
        units=_UNITS,
        config_slice=summary_slice(study),
        seed=study.seed,
        extra={"limit_files": limit_files(study), "words": labels.table_words(study)},
    )
    write_csv(table, csv_path)
    return table


def _summary(group: pd.DataFrame, power_constraint: float) -> dict[str, Any]:
    good = group["status"].isin(WITH_LIMIT)
    excluded = group["status"] == Status.all_signals_excluded.name
    limits = fair_sample(group)
    floor = quantile(limits, power_constraint)
    shift = group["calibration_error_cm2"].fillna(0.0)
    shifted = group.assign(low=group["limit_cm2"] - shift, high=group["limit_cm2"] + shift)
    low, high = (fair_sample(shifted, column) for column in ("low", "high"))
    calibration = {
        name: 0.5 * (quantile(high, probability) - quantile(low, probability))
        for name, probability in QUANTILES.items()
    }
    return {
        "n_trials": len(group),
        "n_failed": int((~good).sum()),
        "n_warnings": int((good & ~excluded & (group["status"] != "ok")).sum()),
        "n_all_signals_excluded": int(excluded.sum()),
        **{name: quantile(limits, probability) for name, probability in QUANTILES.items()},
        **{
            ERRORS[name]: float(np.hypot(quantile_error(limits, probability), calibration[name]))
            for name, probability in QUANTILES.items()
        },
        "calibration_error_cm2": (
            calibration["median_cm2"] if group["calibration_error_cm2"].notna().any() else np.nan
        ),
        "asymptotic_median_cm2": quantile(fair_sample(group, "asymptotic_limit_cm2"), 0.5),
        "power_constraint_cm2": floor,
        "power_constrained_median_cm2": quantile(at_least(limits, floor), 0.5),
    }
