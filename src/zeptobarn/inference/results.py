"""Result files of limits, critical values and coverage: units of columns, writing and reading."""

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from zeptobarn.study.slices.limits import calibration_slice, coverage_slice, limits_slice
from zeptobarn.support.tables import read_parquet, write_parquet

if TYPE_CHECKING:
    from zeptobarn.inference.model import Model

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


def write_limits(model: "Model", limits: pd.DataFrame, path: Path) -> None:
    """Write limits of `Model.limits`."""
    units = dict.fromkeys(limits.columns, "")
    units |= {"mass_GeV": "GeV/c²"}
    units |= dict.fromkeys(("limit_cm2", "calibration_error_cm2", "asymptotic_limit_cm2"), "cm²")
    units |= {f"best_fit_{shape.name}": "standard deviations" for shape in model.study.shapes}
    write_parquet(
        limits,
        path,
        units=units,
        config_slice=limits_slice(model.study, model.target, model.interaction, model.mass_GeV),
        seed=model.study.seed,
    )


def write_calibration(model: "Model", table: pd.DataFrame, path: Path) -> None:
    """Write critical values of `Model.calibrate`."""
    place = model.study, model.target, model.interaction, model.mass_GeV
    write_parquet(
        table,
        path,
        units=CALIBRATION_UNITS,
        config_slice=calibration_slice(*place),
        seed=model.study.seed,
    )


def read_calibration(model: "Model", path: Path) -> pd.DataFrame:
    """Read the critical values of a model.

    Raises
    ------
    ResultError
        The file was made from another configuration.
    """
    place = model.study, model.target, model.interaction, model.mass_GeV
    return read_parquet(path, config_slice=calibration_slice(*place))[0]


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
