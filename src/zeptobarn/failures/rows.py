"""Rows of the failure study's tables: their columns, and what became of a trial in words."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from zeptobarn.failures.conventional import Bracketed, critical_value
from zeptobarn.failures.scans import Setting
from zeptobarn.inference.intervals import Results
from zeptobarn.inference.result_kinds import LIMIT, STATUS
from zeptobarn.inference.status import Status
from zeptobarn.support.kinds import COUNT, NOT_NEGATIVE, PROBABILITY, Column, Kind

SETTING_UNITS = {
    "scan": "",
    "detector": "",
    "mass_GeV": "GeV/c²",
    "interaction": "",
    "sigma_ref_cm2": "cm²",
    "n_events_for_pdf": "recoils",
    "n_trials": "",
    "shape_parameters": "",
    "bound": "",
    "confidence_level": "",
    "seed": "",
}
TRIAL_UNITS = {
    **SETTING_UNITS,
    "trial": "",
    "draw": "",
    "dataset": "",
    "finder": "",
    "limit_rate_multiplier": "",
    "best_fit_rate_multiplier": "",
    "status": "",
    "message": "",
    "critical_value": "",
    "statistic_low": "",
    "statistic_high": "",
    "expected_events": "events",
    "filled_bins": "",
    "event_cs1": "area",
    "event_cs2": "area",
    "predicted_fraction": "",
    "predicted_no_crossing": "",
    "difference": "",
}
TRIALS = Kind(
    {
        "trial": COUNT,
        "confidence_level": PROBABILITY,
        "finder": Column(words=("conventional", "robust", "precise")),
        "limit_rate_multiplier": LIMIT,
        "best_fit_rate_multiplier": Column(missing=True),
        "status": STATUS,
        "expected_events": NOT_NEGATIVE,
        "filled_bins": NOT_NEGATIVE,
        "predicted_*": Column(low=0, high=1, missing=True),
    },
    key=("trial", "finder"),
    fewest=1,
)
CONVENTIONAL_MESSAGES = {
    Status.ok: "",
    Status.no_crossing: "no change of sign between the best fit and the bound: the signal at the "
    "bound is too small to be excluded; raise the bound",
    Status.empty_template: "none of the sampled recoils passed the cuts, at one anchor or more: "
    "there is no signal to exclude; simulate by energy, not from the spectrum",
    Status.zero_density_event: "an event has no density in any template: a background is missing",
    Status.not_converged: "the fit or the search did not converge",
}
# A sampled template that is empty at one anchor says nothing there, and counts as empty.
PRECISE_MESSAGES = {
    **{status: status.message for status in Status},
    Status.zero_density_event: CONVENTIONAL_MESSAGES[Status.zero_density_event],
}
ROBUST_MESSAGES = {
    **PRECISE_MESSAGES,
    Status.empty_template: CONVENTIONAL_MESSAGES[Status.empty_template],
}
NEVER_FILLED = "the recipe fills this array at one mass only: its initial 0 is no limit"
LEFT_NOMINAL = "the shape parameter was left nominal"
# Limits that differ by less (relative) are the same; −2 ln L that is lower by more is lower.
_SAME, _HIGHER = 1e-3, 1e-6


def setting_columns(setting: Setting, n_events: int, chosen: NDArray[np.int64]) -> dict[str, Any]:
    """Columns that say which trial of which setting a row is, and its critical value.

    Parameters
    ----------
    n_events
        Recoils of a template.
    chosen
        The dataset of each trial, counted from 0.
    """
    return {
        "mass_GeV": float(setting.mass_GeV),
        "interaction": setting.interaction,
        "sigma_ref_cm2": setting.sigma_ref_cm2,
        "n_events_for_pdf": n_events,
        "n_trials": setting.n_trials,
        "shape_parameters": setting.shape_parameters,
        "bound": setting.bound,
        "confidence_level": setting.confidence_level,
        "draw": np.arange(1, setting.n_trials + 1),
        "dataset": chosen + 1,
        "critical_value": critical_value(setting.confidence_level),
    }


def rows_of_finder(
    common: Mapping[str, Any],
    finder: str,
    results: Bracketed | Results,
    messages: Mapping[Status, str],
) -> pd.DataFrame:
    """Rows of one finder on the trials of a setting.

    Parameters
    ----------
    common
        Columns that do not depend on the finder.
    messages
        What each status means with this finder.
    """
    names = np.array([s.name for s in Status], dtype=object)
    texts = np.array([messages.get(s, "") for s in Status], dtype=object)
    ends = np.full((2, len(results.status)), np.nan)
    if isinstance(results, Bracketed):
        ends = np.stack([results.statistic_low, results.statistic_high])
    return pd.DataFrame(
        {
            **common,
            "finder": finder,
            "limit_rate_multiplier": results.limit,
            "best_fit_rate_multiplier": results.best_fit,
            "status": names[results.status],
            "message": texts[results.status],
            "statistic_low": ends[0],
            "statistic_high": ends[1],
        }
    )


def differences(
    conventional: Bracketed, robust: Results, at_best: NDArray[np.float64]
) -> NDArray[np.object_]:
    """Say why two limits of a trial differ by more than 0.1 %; empty where they do not."""
    limit, other = conventional.limit, robust.limit
    reasons = np.full(len(limit), "", dtype=object)
    apart = np.abs(limit - other) > _SAME * other
    reasons[apart] = "unexplained"
    reasons[apart & (robust.status == Status.multiple_crossings)] = "several crossings"
    reasons[apart & (at_best < -_HIGHER)] = "the conventional best fit is a local maximum"
    reasons[apart & (limit < conventional.best_fit)] = "the bound is below the best fit"
    return reasons


def coordinates(events: pd.DataFrame, rows: NDArray[np.float64]) -> dict[str, Any]:
    """Where the first event without density is; NaN where all have one."""
    columns = {}
    for axis in ("cs1", "cs2"):
        values = np.append(events[axis].to_numpy(), np.nan)
        columns[f"event_{axis}"] = values[np.where(np.isnan(rows), -1, rows).astype(np.int64)]
    return columns
