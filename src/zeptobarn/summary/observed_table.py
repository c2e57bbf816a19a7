"""Observed limits beside what was expected, and power-constrained: the table of a search."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from zeptobarn.inference.events import Observation
from zeptobarn.inference.model import Model
from zeptobarn.inference.result_kinds import LIMIT_COLUMNS
from zeptobarn.inference.results import read_calibration, write_calibration
from zeptobarn.study.slices.observed import (
    observed_calibration_slice,
    observed_detail_slice,
    observed_slice,
    observed_table_slice,
)
from zeptobarn.study.study import Study
from zeptobarn.summary.reading import QUANTITY, read_signals_summary, read_summary
from zeptobarn.summary.summary import QUANTILES
from zeptobarn.support import paths
from zeptobarn.support.kinds import ANY, NOT_NEGATIVE, Column, Kind
from zeptobarn.support.tables import ResultError, read_parquet, write_csv, write_parquet

# What a study expects of background-only datasets.
EXPECTED = (*QUANTILES, "power_constraint_cm2")
# What must hold of observed limits, of one signal or of several.
_COLUMNS = {
    **LIMIT_COLUMNS,
    "critical_values": Column(words=("asymptotic", "toys")),
    "p0_*": Column(low=0, high=1, missing=True),
    "q0": Column(low=0, infinite=True, missing=True),
    "z_*": Column(infinite=True, missing=True),
    "n_*": NOT_NEGATIVE,
    **{
        name.replace("cm2", ending): QUANTITY
        for name in (*EXPECTED, "power_constrained_limit_cm2")
        for ending in ("cm2", "rate_multiplier")
    },
}
_OF_WIMPS = Kind(_COLUMNS, key=("interaction", "mass_GeV", "interval"), complete=True, fewest=1)
_OF_SIGNALS = Kind(_COLUMNS, key=("signal", "interval"), complete=True, fewest=1)
EVENTS = Kind(
    {
        "cs1": NOT_NEGATIVE,
        "cs2": NOT_NEGATIVE,
        "rank": Column(low=1, increases=True),
        "signal_to_background": Column(infinite=True, missing=True),
        "limit_without_*": Column(low=0, missing=True),
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


def read_expected(study: Study, given: bool = False) -> tuple[pd.DataFrame | None, str]:
    """Read what a study's results say is expected; else give none, and say why.

    Parameters
    ----------
    given
        Whether of the given signals; else of the WIMPs.
    """
    file = study.path(paths.SIGNALS_SUMMARY if given else paths.SUMMARY, suffix="parquet")
    try:
        return (read_signals_summary if given else read_summary)(study, file), ""
    except ResultError as error:
        return None, str(error)


def add_expected(rows: pd.DataFrame, summary: pd.DataFrame | None) -> pd.DataFrame:
    """Put what is expected beside observed limits.

    Parameters
    ----------
    rows
        From `zeptobarn.inference.observed_limits.observed_limits`, of WIMPs or of given signals.
    summary
        See `zeptobarn.summary.summary.summarise`, of given signals
        `zeptobarn.summary.signal_medians.summarise_signals`; none: nothing is known.

    Returns
    -------
    The rows with the columns `EXPECTED` and ``power_constrained_limit_cm2``, the larger of the
    limit and ``power_constraint_cm2``; NaN where either is not known. Of given signals all of them
    end in ``_rate_multiplier``.
    """
    given = "signal" in rows.columns
    ending = "rate_multiplier" if given else "cm2"
    expected = [name.replace("cm2", ending) for name in EXPECTED]
    keys = ["detector", *(["signal"] if given else ["interaction", "mass_GeV"]), "interval"]
    if summary is None:
        table = rows.assign(**dict.fromkeys(expected, np.nan))
    else:
        table = rows.merge(summary[[*keys, *expected]], how="left", on=keys, validate="1:1")
    floor = table[f"power_constraint_{ending}"].to_numpy(dtype=float)
    limit = table[f"limit_{ending}"].to_numpy(dtype=float)
    return table.assign(**{f"power_constrained_limit_{ending}": np.maximum(limit, floor)})


def write_rows(model: Model, rows: pd.DataFrame, path: str | Path, seen: Observation) -> None:
    """Write the rows of a signal, see `zeptobarn.inference.observed_limits.observed_limits`."""
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


def join_limits(
    study: Study,
    target: str,
    interaction: str | None,
    files: Sequence[str | Path],
    summary: str | Path,
) -> pd.DataFrame:
    """Read the rows of all masses, and put what is expected beside them; see `add_expected`.

    Parameters
    ----------
    interaction
        None: of all given signals.
    """
    given = interaction is None
    rows = [
        read_parquet(
            file,
            config_slice=observed_slice(study, target, name, mass),
            kind=observed_kind(given),
            levels=_levels(study, interaction)
            | ({"signal": [name]} if given else {"mass_GeV": [mass]}),
        )[0]
        for (name, mass), file in zip(study.places_of(interaction), files, strict=True)
    ]
    expected = (read_signals_summary if given else read_summary)(study, summary)
    return add_expected(pd.concat(rows, ignore_index=True), expected)


def observed_kind(given: bool) -> Kind:
    """What must hold of observed limits on given signals, or on WIMPs."""
    return _OF_SIGNALS if given else _OF_WIMPS


def _levels(study: Study, interaction: str | None) -> dict[str, Sequence[Any]]:
    intervals = {"interval": [interval.name for interval in study.intervals]}
    if interaction is None:
        return {"signal": [signal.name for signal in study.given_signals], **intervals}
    return {"interaction": [interaction], "mass_GeV": study.masses_GeV, **intervals}


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
    mass_GeV: float | None,
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
    interactions: Sequence[str | None],
    table: pd.DataFrame,
    path: str | Path,
) -> None:
    """Write a table of `add_expected`, as CSV or Parquet by the file's ending.

    Of given signals, a column says what the ``unit`` of each row's rate multipliers is.

    Parameters
    ----------
    interactions
        Those in the table; None: the given signals.
    """
    if "signal" in table.columns:
        units = {signal.name: signal.unit for signal in study.given_signals}
        table = table.copy()
        table.insert(2, "unit", table["signal"].map(units))
    config_slice = [
        observed_table_slice(study, target, each) for target in targets for each in interactions
    ]
    _write(table, Path(path), _units(table, study), config_slice, study)


def read_observed(
    study: Study, target: str, interaction: str | None, path: str | Path
) -> pd.DataFrame:
    """Read what `write_observed` wrote of one interaction; None: of the given signals."""
    config_slice = [observed_table_slice(study, target, interaction)]
    kind, levels = observed_kind(interaction is None), _levels(study, interaction)
    return read_parquet(path, config_slice=config_slice, kind=kind, levels=levels)[0]


def _write(
    table: pd.DataFrame, path: Path, units: Mapping[str, str], config_slice: Any, study: Study
) -> None:
    if path.suffix == ".csv":
        write_csv(table, path)
        return
    write_parquet(table, path, units=units, config_slice=config_slice, seed=study.seed)


def _units(table: pd.DataFrame, study: Study) -> Mapping[str, str]:
    units = {name: "cm²" if str(name).endswith("_cm2") else "" for name in table.columns}
    if "unit" in table.columns:
        multipliers = [name for name in units if str(name).endswith("_rate_multiplier")]
        units |= dict.fromkeys(multipliers, "unit")
    shapes = {f"best_fit_{shape.name}": "standard deviations" for shape in study.shapes}
    known = {"mass_GeV": "GeV/c²", **shapes}
    return units | {name: unit for name, unit in known.items() if name in units}
