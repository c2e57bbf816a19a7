"""``zeptobarn limit``: limits on observed events, mass by mass, and what was expected."""

import argparse
import os
from collections.abc import Mapping
from itertools import product
from textwrap import fill

import numpy as np
import pandas as pd

from zeptobarn.cli.terminal import WIDTH, make_console, number
from zeptobarn.inference.answers import used
from zeptobarn.inference.events import Observation
from zeptobarn.inference.load import load_calibrated_on, load_uncalibrated
from zeptobarn.inference.observed_limits import observed_limits
from zeptobarn.inference.status import WITH_LIMIT
from zeptobarn.study import labels
from zeptobarn.study.loading import load_study
from zeptobarn.study.observed import with_observed
from zeptobarn.study.study import Observed, Study
from zeptobarn.summary.observed_table import add_expected, observe, read_expected, write_observed
from zeptobarn.support import paths
from zeptobarn.support.config import ConfigError
from zeptobarn.templates.event_columns import parse_columns


def run(given: argparse.Namespace) -> int:
    """Set limits on events of a file; the exit status is 0 if there is a limit for each row."""
    study = _study(given)
    masses, intervals = _masses(study, given.mass), _intervals(study, given.interval)
    if given.output is not None and given.output.suffix not in (".csv", ".parquet"):
        raise ConfigError(
            f"--output: found {given.output}; allowed: a name that ends in .csv or .parquet"
        )
    tables = []
    for interaction, mass in product(study.interactions, masses):
        model = load_uncalibrated(study, given.detector, mass, interaction)
        seen = observe(model)
        try:
            model = load_calibrated_on(model, seen)
        except ValueError as error:  # too few toys in the study
            raise ConfigError(f"{given.detector} at {mass:g} GeV/c²: {error}") from None
        tables.append(observed_limits(model, seen, os.cpu_count() or 1))
    summary, missing = read_expected(study)
    table = add_expected(pd.concat(tables, ignore_index=True), summary)
    table = table[table["interval"].isin(intervals)].reset_index(drop=True)
    print_observed(study, table, seen, missing)
    if given.output is not None:
        write_observed(study, given.detector, study.interactions, table, given.output)
        print(f"\n{given.output}")
    return 0 if table["status"].isin(WITH_LIMIT).all() else 1


def print_observed(study: Study, table: pd.DataFrame, seen: Observation, missing: str) -> None:
    """Print a table per interaction and interval, a row per mass, in 80 columns.

    Parameters
    ----------
    table
        From `zeptobarn.summary.observed_table.add_expected`.
    missing
        Why nothing is expected; nothing where something is.
    """
    console = make_console()
    by_name = {interval.name: interval for interval in study.intervals}
    for (target, interaction, name), rows in table.groupby(
        ["detector", "interaction", "interval"], sort=False
    ):
        interval = by_name[str(name)]
        place = f"{target}, {interaction}, {name}"
        console.print(f"{place}: {labels.full_claim(study, interval)}", markup=False)
        console.print(_block(rows, interval.kind != "upper"), "")
        for message, same in rows[rows["message"] != ""].groupby("message", sort=False):
            masses = ", ".join(paths.number(mass) for mass in same["mass_GeV"])
            said = f"{masses} GeV/c²: {same['status'].iloc[0]}: {message}.\n"
            console.print(said, markup=False)
    console.print(
        f"{used(seen.inside, seen.outside, seen.columns)}. Cross sections in cm². PCL: "
        "power-constrained limit, not below the "
        f"{study.power_constraint:g} quantile of background-only limits. p₀: {_origin(table)}.",
        markup=False,  # a column may be called [PE]
    )
    if missing:
        said = (
            f"No median, bands or power-constrained limits: {missing}. `snakemake --cores all` "
            "makes them, with this study's --configfile."
        )
        print("", fill(said, WIDTH, break_long_words=False, break_on_hyphens=False), sep="\n")


def _block(rows: pd.DataFrame, two_ends: bool) -> object:
    from rich import box
    from rich.table import Table

    shown = Table(box=box.SIMPLE_HEAD, padding=0, show_edge=False)
    columns: Mapping[str, str] = {
        **({"low": "limit_low_cm2", "high": "limit_cm2"} if two_ends else {"limit": "limit_cm2"}),
        "PCL": "power_constrained_limit_cm2",
        "median": "median_cm2",
        "−1σ": "minus1sigma_cm2",
        "+1σ": "plus1sigma_cm2",
        "best fit": "best_fit_cm2",
    }
    for head in ("GeV", *columns, "p₀", "Z"):
        shown.add_column(head, justify="right", no_wrap=True)
    for row in rows.to_dict("records"):
        kind = "asymptotic" if np.isnan(row["p0_toys"]) else "toys"
        shown.add_row(
            paths.number(row["mass_GeV"]),
            *(number(row[column]) for column in columns.values()),
            _short(row[f"p0_{kind}"], ".2g"),
            _short(row[f"z_{kind}"], ".1f"),
        )
    return shown


def _short(value: float, form: str) -> str:
    return "–" if np.isnan(value) else f"{value:{form}}"


def _origin(table: pd.DataFrame) -> str:
    n = int(table["n_p0_toys"].max())
    some = table["p0_toys"].isna().any()
    if n == 0:
        return "asymptotic"
    return f"from {n} toys without a signal" + (", of others asymptotic" if some else "")


def _study(given: argparse.Namespace) -> Study:
    study = load_study(given.config, given.overlay)
    if given.detector not in study.detectors:
        combined = given.detector in study.combined
        raise ConfigError(
            f"--detector: found {given.detector}; allowed: {', '.join(study.detectors)}"
            + " (a combination's data stand in the study: observed)" * combined
        )
    columns = {} if given.columns is None else parse_columns(given.columns)
    observed = Observed(str(given.events), columns, given.livetime)
    return with_observed(study, {given.detector: observed})


def _masses(study: Study, asked: list[str]) -> list[float]:
    known = {paths.number(mass): mass for mass in study.masses_GeV}
    if asked == ["all"]:
        return list(known.values())
    for text in asked:
        if text not in known:
            raise ConfigError(
                f"--mass: found {text}; allowed: all, or of the study's masses_GeV "
                f"{', '.join(known)}"
            )
    return [known[text] for text in asked]


def _intervals(study: Study, asked: list[str] | None) -> list[str]:
    known = [interval.name for interval in study.intervals]
    for name in asked or ():
        if name not in known:
            raise ConfigError(f"--interval: found {name}; allowed: {', '.join(known)}")
    return asked or known
