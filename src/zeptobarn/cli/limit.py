"""``zeptobarn limit``: limits on observed events, signal by signal, and what was expected."""

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
from zeptobarn.study.settings import Observed
from zeptobarn.study.study import Study
from zeptobarn.summary.observed_table import add_expected, observe, read_expected, write_observed
from zeptobarn.support import paths
from zeptobarn.support.config import ConfigError
from zeptobarn.templates.event_columns import parse_columns

T = TypeVar("T")


def run(given: argparse.Namespace) -> int:
    """Set limits on events of a file; the exit status is 0 if there is a limit for each row."""
    study = _study(given)
    masses, signals = _asked(study, given.mass, given.signal)
    intervals = _chosen("--interval", given.interval, [i.name for i in study.intervals])
    if given.output is not None:
        _check_output(given.output, bool(masses and signals))
    tables = []
    if masses:
        tables.append(_limits(study, list(product(study.interactions, masses)), intervals))
    if signals:
        tables.append(_limits(study, [(signal, None) for signal in signals], intervals))
    for k, shown in enumerate(tables):
        print(end="\n" if k else "")
        print_observed(study, *shown)
    if given.output is not None:
        interactions = study.interactions if masses else [None]
        targets = observed_targets(study)
        write_observed(study, targets, interactions, tables[0][0], given.output)
        print(f"\n{given.output}")
    good = (table["status"].isin(WITH_LIMIT).all() for table, _, _ in tables)
    return 0 if all(good) else 1


def _limits(
    study: Study, places: Sequence[tuple[str, float | None]], intervals: Sequence[str]
) -> tuple[pd.DataFrame, dict[str, Observation], str]:
    """Set limits on WIMPs, or on given signals.

    Returns
    -------
    The table of `zeptobarn.summary.observed_table.add_expected`, the events by target, and why
    nothing is expected (nothing where something is).
    """
    tables, seen = [], {}
    for target, (name, mass) in product(observed_targets(study), places):
        signal = name if mass is None else None
        model = load_uncalibrated(study, target, mass, name, signal)
        seen[target] = observe(model)
        try:
            model = load_calibrated_on(model, seen[target])
        except ValueError as error:  # too few toys in the study
            raise ConfigError(f"{target}, {model.tested.label}: {error}") from None
        tables.append(observed_limits(model, seen[target], os.cpu_count() or 1))
    summary, missing = read_expected(study, places[0][1] is None)
    table = add_expected(pd.concat(tables, ignore_index=True), summary)
    return table[table["interval"].isin(intervals)].reset_index(drop=True), seen, missing


def print_observed(
    study: Study, table: pd.DataFrame, seen: Mapping[str, Observation], missing: str
) -> None:
    """Print a table per target, interaction and interval, a row per mass, in 80 columns.

    Of given signals: a table per interval, a row per signal.

    Parameters
    ----------
    table
        From `zeptobarn.summary.observed_table.add_expected`.
    seen
        The events, by target.
    missing
        Why nothing is expected; nothing where something is.
    """
    console, given = make_console(), "signal" in table.columns
    by_name = {interval.name: interval for interval in study.intervals}
    named = table.assign(
        kind="given signals" if given else table["interaction"],
        row=table["signal"] if given else table["mass_GeV"].map(paths.number),
    )
    for (target, kind, name), rows in named.groupby(["detector", "kind", "interval"], sort=False):
        interval = by_name[str(name)]
        claim = labels.full_claim(study, interval, given)
        console.print(f"{target}, {kind}, {name}: {claim}", markup=False)
        console.print(_block(rows, interval.kind != "upper"), "")
        for message, same in rows[rows["message"] != ""].groupby("message", sort=False):
            which = ", ".join(same["row"]) + ("" if given else " GeV/c²")
            said = f"{which}: {same['status'].iloc[0]}: {message}.\n"
            console.print(said, markup=False)
    if given:
        shown = set(table["signal"])
        for signal in study.given_signals:
            if signal.name in shown:
                console.print(f"{signal.name}: {signal.label}, × {signal.unit}.", markup=False)
    detectors = [target for target in seen if target in study.detectors]
    for target in detectors:
        one, name = seen[target], f"{target}: " if len(detectors) > 1 else ""
        # Without markup: a column may be called [PE].
        said = f"{name}{used(one.inside, one.outside, one.columns)}."
        console.print(said, markup=False)
    numbers = "Multiples of the spectra that were given" if given else "Cross sections in cm²"
    console.print(
        f"{numbers}. PCL: power-constrained limit, not below the "
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

    given = "signal" in rows.columns
    shown = Table(box=box.SIMPLE_HEAD, padding=0, show_edge=False)
    columns: Mapping[str, str] = {
        **({"low": "limit_low", "high": "limit"} if two_ends else {"limit": "limit"}),
        "PCL": "power_constrained_limit",
        "median": "median",
        "−1σ": "minus1sigma",
        "+1σ": "plus1sigma",
        "best fit": "best_fit",
    }
    shown.add_column("signal" if given else "GeV", justify="right", overflow="fold")
    for head in (*columns, "p₀", "Z"):
        shown.add_column(head, justify="right", no_wrap=True)
    ending = "rate_multiplier" if given else "cm2"
    for row in rows.to_dict("records"):
        kind = "asymptotic" if np.isnan(row["p0_toys"]) else "toys"
        shown.add_row(
            row["row"],
            *(number(row[f"{column}_{ending}"]) for column in columns.values()),
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
    if "" in events:
        raise ConfigError("EVENTS: found an empty name; allowed: files of events")
    if len(detectors) == len(events) == 1 and not _is_pair(study, events[0]):
        if detectors[0] not in study.detectors:
            members = " ".join(f"{name}=FILE" for name in study.targets.get(detectors[0], ()))
            hint = f" (of a combination the files of its detectors, {members})" * bool(members)
            found = detectors[0] or "an empty name"
            raise ConfigError(f"--detector: found {found}; allowed: {known}{hint}")
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
            found = f"{name}={shown}" if name else shown or "nothing"
            example = f", as in {option} {detectors[0]}={shown}" * bool(shown)
            raise ConfigError(
                f"{option}: found {found}; allowed: once for each of {', '.join(detectors)}"
                f"{example}"
            )
        values[chosen] = value
    return values


def _asked(
    study: Study, masses: list[str] | None, signals: list[str] | None
) -> tuple[list[float], list[str]]:
    """Give masses and given signals that were asked for; all of both without either."""
    if masses is None and signals is None:
        return list(study.masses_GeV), [signal.name for signal in study.given_signals]
    known = {paths.number(mass): mass for mass in study.masses_GeV}
    names = [signal.name for signal in study.given_signals]
    chosen = _chosen("--mass", masses or [], list(known), "the study's masses_GeV ")
    named = _chosen("--signal", signals or [], names, "the study's signals ")
    return [known[text] for text in chosen], named


def _chosen(
    option: str, asked: Sequence[str] | None, known: Sequence[str], kind: str = ""
) -> list[str]:
    """Give what was asked for of what is known: all of it without the option, or by ``all``.

    Parameters
    ----------
    kind
        What messages call what is known, where ``all`` stands for it.
    """
    if asked is None or (kind and known and list(asked) == ["all"]):
        return list(known)
    for name in asked:
        if name not in known:
            allowed = f"{'all, or ' if known else ''}of {kind}" if kind else ""
            raise ConfigError(
                f"{option}: found {name or 'an empty name'}; "
                f"allowed: {allowed}{', '.join(known) or '(none)'}"
            )
    return list(asked)


def _check_output(output: Path, both: bool) -> None:
    if output.suffix not in (".csv", ".parquet"):
        raise ConfigError(
            f"--output: found {output}; allowed: a name that ends in .csv or .parquet"
        )
    if both:
        raise ConfigError(
            f"--output: found {output} for WIMPs and given signals, whose columns differ; allowed: "
            "for one of the two, chosen by --mass all or --signal all"
        )
