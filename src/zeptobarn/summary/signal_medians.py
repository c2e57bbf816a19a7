"""Medians and bands of the limits on given signals: as those on WIMPs, and in rate multipliers."""

from itertools import product
from pathlib import Path

import pandas as pd

from zeptobarn.study import labels
from zeptobarn.study.slices.summary import signals_summary_slice
from zeptobarn.study.study import Study
from zeptobarn.summary.reading import read_signals_sensitivity
from zeptobarn.summary.summary import SUMMARISED, limit_chunks, signal_files, summarise
from zeptobarn.support.tables import write_csv, write_parquet


def summarise_signals(
    study: Study, limits: pd.DataFrame, asimov: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Median limit and ±1σ, ±2σ quantiles over trials, of given signals.

    Parameters
    ----------
    limits
        Rows of `zeptobarn.inference.model.Model.limits`.
    asimov
        Tables of `zeptobarn.summary.sensitivity.signals_sensitivity` with a column ``detector``;
        NaN without.

    Returns
    -------
    A row per detector, signal and interval: that of `zeptobarn.summary.summary.summarise` with the
    name of the ``signal`` and its ``unit``, and rate multipliers (``…_rate_multiplier``) in place
    of cross sections.
    """
    # With the names of a WIMP's columns the arithmetic is the same; a signal has no mass.
    others = None if asimov is None else _in_cm2(asimov)
    table = summarise(_in_cm2(limits), study.power_constraint, others)
    names = {name: name.replace("_cm2", "_rate_multiplier") for name in table.columns}
    table = table.drop(columns="mass_GeV").rename(columns={**names, "interaction": "signal"})
    units = {signal.name: signal.unit for signal in study.given_signals}
    table.insert(2, "unit", table["signal"].map(units))
    return table


def write_signals(study: Study, parquet_path: Path, csv_path: Path) -> pd.DataFrame:
    """Summarise a study's limits on its given signals into a Parquet and a CSV file."""
    asimov = pd.concat([read_signals_sensitivity(study, target) for target in study.targets])
    tables = [
        summarise_signals(study, _read_limits(study, target, signal.name), asimov)
        for target, signal in product(study.targets, study.given_signals)
    ]
    table = pd.concat(tables, ignore_index=True)
    write_parquet(
        table,
        parquet_path,
        units={name: "unit" if "_rate_" in name else "" for name in table.columns},
        config_slice=signals_summary_slice(study),
        seed=study.seed,
        extra={
            "limit_files": signal_files(study),
            "words": labels.signals_words(study),
        },
    )
    write_csv(table, csv_path)
    return table


def read_signal_limits(study: Study, target: str, signal: str) -> pd.DataFrame:
    """Read all limits on a given signal under a WIMP's names, as figures of both take them.

    ``limit_cm2`` then is a rate multiplier.
    """
    return _in_cm2(_read_limits(study, target, signal))


def _read_limits(study: Study, target: str, signal: str) -> pd.DataFrame:
    columns = [name.replace("_cm2", "_rate_multiplier") for name in SUMMARISED]
    columns = ["signal" if name == "interaction" else name for name in columns]
    columns.remove("mass_GeV")
    return pd.concat(limit_chunks(study, target, signal, None, columns), ignore_index=True)


def _in_cm2(table: pd.DataFrame) -> pd.DataFrame:
    names = {name: name.replace("_rate_multiplier", "_cm2") for name in table.columns}
    return table.rename(columns={**names, "signal": "interaction"}).assign(mass_GeV=-1.0)
