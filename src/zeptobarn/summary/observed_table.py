"""Observed limits beside what was expected, and power-constrained: the table of a search."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from zeptobarn.inference.events import Observation
from zeptobarn.inference.kinds import LIMIT_COLUMNS
from zeptobarn.inference.model import Model
from zeptobarn.inference.results import read_calibration, write_calibration
from zeptobarn.study.slices.observed import (
    observed_calibration_slice,
    observed_detail_slice,
    observed_slice,
    observed_table_slice,
)
from zeptobarn.study.study import Study
from zeptobarn.summary.reading import QUANTITY, read_summary
from zeptobarn.summary.summary import QUANTILES
from zeptobarn.support import paths
from zeptobarn.support.kinds import ANY, NOT_NEGATIVE, Column, Kind
from zeptobarn.support.tables import (
    ResultError,
    read_parquet,
    write_csv,
    write_parquet,
)

# What a study expects of background-only datasets.
EXPECTED = (*QUANTILES, "power_constraint_cm2")
_KEYS = ["detector", "interaction", "mass_GeV", "interval"]
# What must hold of observed limits, of one mass or of several.
OBSERVED = Kind(
    {
        **LIMIT_COLUMNS,
        "critical_values": Column(words=("asymptotic", "toys")),
        "p0_*": Column(low=0, high=1, missing=True),
        "q0": Column(low=0, missing=True),
        "z_*": Column(infinite=True, missing=True),
        "n_*": NOT_NEGATIVE,
        **dict.fromkeys((*EXPECTED, "power_constrained_limit_cm2"), QUANTITY),
    },
    key=("interaction", "mass_GeV", "interval"),
    complete=True,
    fewest=1,
)
EVENTS = Kind(
    {
        "cs1": NOT_NEGATIVE,
        "cs2": NOT_NEGATIVE,
        "rank": Column(low=1, increases=True),
        "signal_to_background": Column(infinite=True, missing=True),
        "limit_without_cm2": Column(low=0, missing=True),
        "change": Column(low=-1, infinite=True, missing=True),
    },
    key=("detector", "row"),
)
NUISANCES = Kind(
    {
        "best_fit": ANY,
        "error_*": QUANTITY,
        "pull*": Column(infinite=True, missing=True),
        "limit_*": Column(low=0, missing=True),
        "change_*": Column(low=-1, infinite=True, missing=True),
    },
    key=("parameter",),
)


def observe(model: Model) -> Observation:
    """Sort the study's observed events of a model's target into bins."""
    members = model.study.targets[model.target]
    observed = {name: model.study.observed[name] for name in members}
    return model.observation(
        {name: data.file for name, data in observed.items()},
        None,
        {name: data.columns for name, data in observed.items()},
    )


def read_expected(study: Study) -> tuple[pd.DataFrame | None, str]:
    """Read what a study's results say is expected; else give none, and say why."""
    file = study.path(paths.SUMMARY, suffix="parquet")
    try:
        return read_summary(study, file), ""
    except ResultError as error:
        return None, str(error)


def add_expected(rows: pd.DataFrame, summary: pd.DataFrame | None) -> pd.DataFrame:
    """Put what is expected beside observed limits.

    Parameters
    ----------
    rows
        From `zeptobarn.inference.observed_limits.observed_limits`.
    summary
        See `zeptobarn.summary.summary.summarise`; none: nothing is known.

    Returns
    -------
    The rows with the columns `EXPECTED` and ``power_constrained_limit_cm2``, the larger of the
    limit and ``power_constraint_cm2``; NaN where either is not known.
    """
    if summary is None:
        table = rows.assign(**dict.fromkeys(EXPECTED, np.nan))
    else:
        table = rows.merge(summary[[*_KEYS, *EXPECTED]], how="left", on=_KEYS, validate="1:1")
    floor = table["power_constraint_cm2"].to_numpy(dtype=float)
    limit = table["limit_cm2"].to_numpy(dtype=float)
    return table.assign(power_constrained_limit_cm2=np.maximum(limit, floor))


def write_rows(model: Model, rows: pd.DataFrame, path: str | Path, seen: Observation) -> None:
    """Write the rows of a mass, see `zeptobarn.inference.observed_limits.observed_limits`."""
    place = model.study, model.target, model.interaction, model.mass_GeV
    write_parquet(
        rows,
        path,
        units=_units(rows, model.study),
        config_slice=observed_slice(*place),
        seed=model.study.seed,
        extra={"inside": seen.inside, "outside": seen.outside, "columns": seen.columns},
    )


def read_calibrated(model: Model, files: Sequence[str | Path]) -> Model:
    """Give a model the critical values of its study's data, where these are from toys.

    Parameters
    ----------
    files
        One, or none.
    """
    if not files:
        return model
    place = model.study, model.target, model.interaction, model.mass_GeV
    values = read_calibration(model, Path(files[0]), observed_calibration_slice(*place))
    return dataclasses.replace(model, critical_values=values)


def write_calibrated(model: Model, files: Sequence[str | Path]) -> None:
    """Write the critical values of a model for its study's data; see `read_calibrated`."""
    place = model.study, model.target, model.interaction, model.mass_GeV
    for file in files:
        assert model.critical_values is not None
        config_slice = observed_calibration_slice(*place)
        write_calibration(model, model.critical_values, Path(file), config_slice)


def join_masses(
    study: Study, target: str, interaction: str, files: Sequence[str | Path], summary: str | Path
) -> pd.DataFrame:
    """Read the rows of all masses, and put what is expected beside them; see `add_expected`."""
    levels = {"interaction": [interaction], **_levels(study)}
    rows = [
        read_parquet(
            file,
            config_slice=observed_slice(study, target, interaction, mass),
            kind=OBSERVED,
            levels=levels | {"mass_GeV": [mass]},
        )[0]
        for mass, file in zip(study.masses_GeV, files, strict=True)
    ]
    expected = read_summary(study, summary)
    return add_expected(pd.concat(rows, ignore_index=True), expected)


def _levels(study: Study) -> dict[str, Sequence[Any]]:
    intervals = [interval.name for interval in study.intervals]
    return {"mass_GeV": study.masses_GeV, "interval": intervals}


def write_detail(
    model: Model, interval: str, table: pd.DataFrame, units: Mapping[str, str], path: str | Path
) -> None:
    """Write the events or the nuisances of a limit, as CSV or Parquet by the file's ending.

    Parameters
    ----------
    table
        See `zeptobarn.summary.influence`.
    """
    place = model.study, model.target, model.interaction, model.mass_GeV
    config_slice = observed_detail_slice(*place, interval)
    _write(table, Path(path), units, config_slice, model.study)


def read_detail(
    study: Study,
    target: str,
    interaction: str,
    mass_GeV: float,
    interval: str,
    kind: Kind,
    path: str | Path,
) -> pd.DataFrame:
    """Read what `write_detail` wrote; the kind is `EVENTS` or `NUISANCES`."""
    expected = observed_detail_slice(study, target, interaction, mass_GeV, interval)
    return read_parquet(path, config_slice=expected, kind=kind)[0]


def write_observed(
    study: Study,
    targets: Sequence[str],
    interactions: Sequence[str],
    table: pd.DataFrame,
    path: str | Path,
) -> None:
    """Write a table of `add_expected`, as CSV or Parquet by the file's ending."""
    config_slice = [
        observed_table_slice(study, target, each) for target in targets for each in interactions
    ]
    _write(table, Path(path), _units(table, study), config_slice, study)


def read_observed(study: Study, target: str, interaction: str, path: str | Path) -> pd.DataFrame:
    """Read what `write_observed` wrote of one interaction."""
    config_slice = [observed_table_slice(study, target, interaction)]
    levels = {"interaction": [interaction], **_levels(study)}
    return read_parquet(path, config_slice=config_slice, kind=OBSERVED, levels=levels)[0]


def _write(
    table: pd.DataFrame, path: Path, units: Mapping[str, str], config_slice: Any, study: Study
) -> None:
    if path.suffix == ".csv":
        write_csv(table, path)
        return
    write_parquet(table, path, units=units, config_slice=config_slice, seed=study.seed)


def _units(table: pd.DataFrame, study: Study) -> Mapping[str, str]:
    units = {name: "cm²" if str(name).endswith("_cm2") else "" for name in table.columns}
    shapes = {f"best_fit_{shape.name}": "standard deviations" for shape in study.shapes}
    known = {"mass_GeV": "GeV/c²", **shapes}
    return units | {name: unit for name, unit in known.items() if name in units}
