"""``zeptobarn limit``: limits on observed events, mass by mass, and what was expected."""

import argparse
import os
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from textwrap import fill
from typing import TypeVar

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
from zeptobarn.study.observed import observed_targets, with_observed
from zeptobarn.study.study import Observed, Study
from zeptobarn.summary.observed_table import add_expected, observe, read_expected, write_observed
from zeptobarn.support import paths
from zeptobarn.support.config import ConfigError
from zeptobarn.templates.event_columns import parse_columns

T = TypeVar("T")


def run(given: argparse.Namespace) -> int:
    """Set limits on events of a file; the exit status is 0 if there is a limit for each row."""
    study = _study(given)
    masses, intervals = _masses(study, given.mass), _intervals(study, given.interval)
    if given.output is not None and given.output.suffix not in (".csv", ".parquet"):
        raise ConfigError(
            f"--output: found {given.output}; allowed: a name that ends in .csv or .parquet"
        )
    tables, seen, targets = [], {}, observed_targets(study)
    for target, interaction, mass in product(targets, study.interactions, masses):
        model = load_uncalibrated(study, target, mass, interaction)
        seen[target] = observe(model)
        try:
            model = load_calibrated_on(model, seen[target])
        except ValueError as error:  # too few toys in the study
            raise ConfigError(f"{target} at {mass:g} GeV/c²: {error}") from None
        tables.append(observed_limits(model, seen[target], os.cpu_count() or 1))
    summary, missing = read_expected(study)
    table = add_expected(pd.concat(tables, ignore_index=True), summary)
    table = table[table["interval"].isin(intervals)].reset_index(drop=True)
    print_observed(study, table, seen, missing)
    if given.output is not None:
        write_observed(study, targets, study.interactions, table, given.output)
        print(f"\n{given.output}")
    return 0 if table["status"].isin(WITH_LIMIT).all() else 1


def print_observed(
    study: Study, table: pd.DataFrame, seen: Mapping[str, Observation], missing: str
) -> None:
    """Print a table per target, interaction and interval, a row per mass, in 80 columns.

    Parameters
    ----------
    table
        From `zeptobarn.summary.observed_table.add_expected`.
    seen
        The events, by target.
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
    detectors = [target for target in seen if target in study.detectors]
    for target in detectors:
        one, name = seen[target], f"{target}: " if len(detectors) > 1 else ""
        # Without markup: a column may be called [PE].
        said = f"{name}{used(one.inside, one.outside, one.columns)}."
        console.print(said, markup=False)
    console.print(
        "Cross sections in cm². PCL: power-constrained limit, not below the "
        f"{study.power_constraint:g} quantile of background-only limits. p₀: {_origin(table)}."
    )
    if len(seen) == len(detectors) > 1:
        console.print(
            "No combined limit: the study combines none of these detectors, as "
            f"combined: {{together: [{', '.join(detectors)}]}} would.",
            markup=False,
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
    if np.isinf(value):
        return "∞"
    return "–" if np.isnan(value) else f"{value:{form}}"


def _origin(table: pd.DataFrame) -> str:
    n = int(table["n_p0_toys"].max())
    some = table["p0_toys"].isna().any()
    text = "asymptotic"
    if n > 0:
        text = f"from {n} toys without a signal" + (", of others asymptotic" if some else "")
    if np.isinf(table["q0"]).any():
        text += "; 0 where an event lies at which no background expects anything"
    return text


def _study(given: argparse.Namespace) -> Study:
    study = load_study(given.config, given.overlay)
    files = _files(study, given.events, given.detector or [])
    columns = [_part(text, files) for text in given.columns or ()]
    columns_of = _by_detector("--columns", columns, list(files))
    livetimes = _by_detector("--livetime", given.livetime or [], list(files))
    observed = {
        name: Observed(
            file, parse_columns(columns_of[name]) if name in columns_of else {}, livetimes.get(name)
        )
        for name, file in files.items()
    }
    return with_observed(study, observed)


def _files(study: Study, events: Sequence[str], detectors: Sequence[str]) -> dict[str, str]:
    """Give the file of each detector: of pairs NAME=FILE, or of one file with --detector."""
    known = ", ".join(study.detectors)
    if len(detectors) == len(events) == 1 and not _is_pair(study, events[0]):
        if detectors[0] not in study.detectors:
            members = " ".join(f"{name}=FILE" for name in study.targets.get(detectors[0], ()))
            hint = f" (of a combination the files of its detectors, {members})" * bool(members)
            raise ConfigError(f"--detector: found {detectors[0]}; allowed: {known}{hint}")
        return {detectors[0]: events[0]}
    if detectors:
        pairs = ["NAME=FILE", "NAME=FILE"]
        if len(detectors) == len(events):
            pairs = [
                each if _is_pair(study, each) else f"{name}={each}"
                for name, each in zip(detectors, events, strict=True)
            ]
        raise ConfigError(
            f"--detector: found {', '.join(detectors)} with {', '.join(events)}; allowed: one file "
            f"with one --detector, or pairs without it: zeptobarn limit {' '.join(pairs)}"
        )
    files: dict[str, str] = {}
    for text in events:
        name, _, file = text.partition("=")
        if not _is_pair(study, text) or not file:
            raise ConfigError(
                f"EVENTS: found {text}, and not whose events they are; allowed: NAME=FILE with one "
                f"of {known}, as in zeptobarn limit {next(iter(study.detectors))}={file or text}"
            )
        if name in files:
            raise ConfigError(
                f"EVENTS: found {files[name]} and {file} of {name}; allowed: one file for each "
                "detector"
            )
        files[name] = file
    return files


def _is_pair(study: Study, text: str) -> bool:
    """Whether EVENTS is NAME=FILE, and not a file that is called so."""
    name, equals, _ = text.partition("=")
    return bool(equals) and name in study.detectors and not Path(text).is_file()


def _part(text: str, files: Mapping[str, str]) -> tuple[str, str]:
    """Take the name of a detector off an option's value, where one stands there."""
    name, _, rest = text.partition("=")
    return (name, rest) if name in files else ("", text)


def _by_detector(
    option: str, given: Sequence[tuple[str, T]], detectors: Sequence[str]
) -> dict[str, T]:
    """Give an option's values by detector, whose names may only be left out of one detector's."""
    values: dict[str, T] = {}
    for name, value in given:
        chosen = name or (detectors[0] if len(detectors) == 1 else "")
        if chosen not in detectors or chosen in values:
            shown = f"{value:g}" if isinstance(value, float) else str(value)
            found = f"{name}={shown}" if name else shown
            raise ConfigError(
                f"{option}: found {found}; allowed: once for each of {', '.join(detectors)}, as in "
                f"{option} {detectors[0]}={shown}"
            )
        values[chosen] = value
    return values


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
