"""What is printed after a run: tables of limits in 80 columns, and what to open next."""

import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from zeptobarn.inference.result_kinds import LIMITS
from zeptobarn.inference.status import WITH_LIMIT
from zeptobarn.summary.reading import SUMMARIES
from zeptobarn.support import paths
from zeptobarn.support.config import ConfigError
from zeptobarn.support.tables import read_chunks, read_parquet

if TYPE_CHECKING:
    from rich.table import Table

# Columns, on a terminal and in a file alike.
WIDTH = 80
# Columns of the limits that are printed.
_OF_TRIALS = (
    "detector", "interaction", "mass_GeV", "trial", "interval", "status", "limit_cm2",
)  # fmt: skip
_OF_SIGNALS = ("detector", "signal", "trial", "interval", "status", "limit_rate_multiplier")
# So many intervals fit beside each other, with their masses and counts; further ones come below.
_BESIDE = 4
# Width of an interval's column.
_COLUMN = 13


def print_study(results: Path) -> None:
    """Print the medians of a study's limits, and the files to open.

    Parameters
    ----------
    results
        The study's folder of results.

    Raises
    ------
    ConfigError
        A table is missing, is no Parquet file, or was made by an earlier version.
    """
    tables = dict(_read_summaries(results))
    if of_wimps := tables.get(paths.SUMMARY):
        print_summary(of_wimps[0], of_wimps[1]["words"])
    if of_signals := tables.get(paths.SIGNALS_SUMMARY):
        print(end="\n" if of_wimps else "")
        print_signals(of_signals[0], of_signals[1]["words"])
    names = _figures(of_wimps[0]) if of_wimps else []
    print("", *_files(results, names + ["signals"] * bool(of_signals)), *_activation(), sep="\n")


def print_first_trials(results: Path, n: int) -> None:
    """Print the limits of a study's first datasets; see `print_study`."""
    for _, metadata in dict(_read_summaries(results)).values():
        _print_first(results, n, metadata)


def _print_first(results: Path, n: int, metadata: Mapping[str, Any]) -> None:
    begins = {name: paths.batch_trials(Path(name).stem)[0] for name in metadata["limit_files"]}
    end = min(begins.values()) + n
    words = metadata["words"]
    limits = pd.concat(
        chunk[chunk["trial"] < end]
        for name, begin in begins.items()
        if begin < end
        for chunk in read_chunks(
            _existing(results / name),
            columns=_OF_SIGNALS if "labels" in words else _OF_TRIALS,
            kind=LIMITS,
            levels={"trial": paths.batch_trials(Path(name).stem)},
        )
    )
    if "labels" in words:
        print_signal_trials(limits, n, words)
    else:
        print_trials(limits, n, words)


def print_summary(table: pd.DataFrame, words: Mapping[str, Any]) -> None:
    """Print the median of each interval: a table per detector and interaction, a row per mass.

    Parameters
    ----------
    table
        See `zeptobarn.summary.summary.summarise`.
    words
        From `zeptobarn.study.labels.table_words`; metadata of a summary has them.
    """
    console = make_console()
    named = table.assign(row=table["mass_GeV"].map(paths.number), median=table["median_cm2"])
    for shown in _medians(named, "mass\n\\[GeV]", words):
        console.print(shown, "")
    text = (
        f"Medians over {_trials(table)} background-only datasets each, in cm²: "
        f"{words['quantity']}, {words['conditions']}. Failed, warnings: how many of a row's limits."
    )
    if table["median_cm2"].isna().any():
        text += " '–': too many trials failed for a fair median."
    console.print(text)


def print_signals(table: pd.DataFrame, words: Mapping[str, Any]) -> None:
    """Print the median of each interval for given signals: a table per detector, a row per signal.

    Parameters
    ----------
    table
        See `zeptobarn.summary.signal_medians.summarise_signals`.
    words
        From `zeptobarn.study.labels.signals_words`; metadata of a summary has them.
    """
    console = make_console()
    named = table.assign(
        interaction="given signals", row=table["signal"], median=table["median_rate_multiplier"]
    )
    for shown in _medians(named, "signal", words):
        console.print(shown, "")
    units = table.drop_duplicates("signal").set_index("signal")["unit"]
    console.print(
        f"Medians over {_trials(table)} background-only datasets each, as multiples of the spectra "
        f"that were given: {words['quantity']}, {words['conditions']}.",
        *(f"{name}: {words['labels'][name]}, × {unit}." for name, unit in units.items()),
        sep="\n",
    )


def print_signal_trials(limits: pd.DataFrame, n: int, words: Mapping[str, Any]) -> None:
    """Print the limits of the first n datasets on given signals; see `print_trials`."""
    console = make_console()
    first = limits[limits["trial"] < limits["trial"].min() + n]
    first = first.assign(interaction="given signals", limit_cm2=first["limit_rate_multiplier"])
    for shown, block in _blocks(first, ["signal", "trial"], words):
        for (signal, trial), row in block.groupby(["signal", "trial"], sort=False):
            by_interval = row.set_index("interval")
            names = block["interval"].unique()
            shown.add_row(
                str(signal), str(trial), *(_limit(by_interval.loc[name]) for name in names)
            )
        console.print(shown, "")
    console.print(
        "Limits of single background-only datasets, as multiples of the spectra that were given: "
        f"{words['quantity']}, {words['conditions']}."
    )


def print_trials(limits: pd.DataFrame, n: int, words: Mapping[str, Any]) -> None:
    """Print the limits of the first n datasets: a table per detector and interaction.

    Parameters
    ----------
    limits
        Rows of `zeptobarn.inference.model.Model.limits`.
    words
        See `print_summary`.
    """
    console = make_console()
    first = limits[limits["trial"] < limits["trial"].min() + n]
    for shown, block in _blocks(first, ["mass\n\\[GeV]", "trial"], words):
        for _, rows in block.groupby("mass_GeV", sort=False):
            for trial, row in rows.groupby("trial"):
                by_interval = row.set_index("interval")
                shown.add_row(
                    paths.number(row["mass_GeV"].iloc[0]),
                    str(trial),
                    *(_limit(by_interval.loc[interval]) for interval in block["interval"].unique()),
                )
            shown.add_section()
        console.print(shown, "")
    console.print(
        f"Limits of single background-only datasets, in cm²: {words['quantity']}, "
        f"{words['conditions']}."
    )


def _medians(table: pd.DataFrame, head: str, words: Mapping[str, Any]) -> Iterator["Table"]:
    """Give tables of medians: columns ``row`` and ``median`` say what stands in each."""
    for shown, block in _blocks(table, [head], words, ["failed", "warnings"]):
        for name, rows in block.groupby("row", sort=False):
            medians = rows.set_index("interval")["median"]
            shown.add_row(
                str(name),
                *(number(medians.get(interval)) for interval in block["interval"].unique()),
                str(rows["n_failed"].sum()),
                str(rows["n_warnings"].sum()),
            )
        yield shown


def _trials(table: pd.DataFrame) -> str:
    return ", ".join(map(str, sorted(table["n_trials"].unique())))


def _blocks(
    table: pd.DataFrame, first: Sequence[str], words: Mapping[str, Any], last: Sequence[str] = ()
) -> Iterator[tuple["Table", pd.DataFrame]]:
    """Give empty tables with the rows that belong into each: no more intervals than fit."""
    from rich import box
    from rich.table import Table

    for (detector, interaction), rows in table.groupby(["detector", "interaction"], sort=False):
        names = list(rows["interval"].unique())
        for start in range(0, len(names), _BESIDE):
            beside = names[start : start + _BESIDE]
            shown = Table(
                title=f"{detector}, {interaction}",
                title_justify="left",
                box=box.SIMPLE_HEAD,
                padding=0,
                show_edge=False,
            )
            heads = [words["heads"][name].replace(", ", ",\n") for name in beside]
            for head in (*first, *heads, *last):
                shown.add_column(head, justify="right", vertical="bottom", overflow="fold")
            for column in shown.columns[len(first) : len(first) + len(beside)]:
                column.width = _COLUMN
            yield shown, rows[rows["interval"].isin(beside)]


def number(value: Any) -> str:
    """Write a cross section (cm²) with three digits; a dash where there is none."""
    if value is None or np.isnan(value):
        return "–"
    return "0" if value == 0 else f"{value:.2e}"


def _limit(row: pd.Series) -> str:
    """Write a limit, or the name of its status in lines of a column's width."""
    if row["status"] in WITH_LIMIT:
        return number(row["limit_cm2"])
    return fill(str(row["status"]).replace("_", "_ "), _COLUMN + 1).replace("_ ", "_")


def make_console() -> Any:
    """Give a console of as many columns on a terminal as in a file."""
    from rich.console import Console

    return Console(width=WIDTH, highlight=False)


def _existing(file: Path) -> Path:
    """Give a file of the study; a message says what to do where there is none."""
    if not file.is_file():
        raise ConfigError(
            f"{file}: no such file; run `snakemake --cores all` first, or name the study's "
            "folder with --results"
        )
    return file


def _read_summaries(
    results: Path,
) -> Iterator[tuple[str, tuple[pd.DataFrame, dict[str, Any]]]]:
    """Read the summaries that there are, of WIMPs and of given signals, by their paths."""
    files = {
        name: results / paths.fill(name, suffix="parquet")
        for name in (paths.SUMMARY, paths.SIGNALS_SUMMARY)
    }
    kept = {name: file for name, file in files.items() if file.is_file()}
    for name, file in (kept or {paths.SUMMARY: files[paths.SUMMARY]}).items():
        summary, metadata = read_parquet(_existing(file), kind=SUMMARIES[name])
        if "words" not in metadata:
            raise ConfigError(
                f"{file}: made by an earlier version; run `snakemake --cores all` again"
            )
        yield name, (summary, metadata)


def _figures(summary: pd.DataFrame) -> list[str]:
    """Name the figures of the first interaction's limits."""
    interaction = summary["interaction"].iloc[0]
    names = [f"limits_{d}_{interaction}" for d in summary["detector"].unique()]
    return [f"limits_{interaction}", *names]


def _files(results: Path, names: Sequence[str]) -> Iterator[str]:
    """Name the figures that there are, and the report or how to make it."""
    files = [results / paths.fill(paths.FIGURE, figure=name, suffix="png") for name in names]
    if figures := [file for file in files if file.is_file()]:
        beside = [str(figures[0]), *(file.name for file in figures[1:])]
        yield fill(
            f"Figures: {', '.join(beside)}",
            WIDTH,
            subsequent_indent=" " * 9,
            break_long_words=False,
            break_on_hyphens=False,
        )
    report = results / "report.html"
    yield f"Report: {report if report.is_file() else _how_to_make(report)}"


def _how_to_make(report: Path) -> str:
    """Give the command for a report; its study, here or in config/, has the results beside it."""
    studies = [
        file
        for file in sorted([*Path().glob("*.yaml"), *Path("config").glob("*.yaml")])
        for folder in re.findall(r"^results: *([^ #\n]+)", file.read_text("utf-8"), re.MULTILINE)
        if Path(folder).resolve() == report.parent.resolve()
    ]
    if studies == [Path("config/config.yaml")]:
        return f"`make report` writes {report}"
    overlay = studies[0] if len(studies) == 1 else "FILE"
    return f"`snakemake --configfile {overlay} --report {report}`"


def _activation() -> Iterator[str]:
    """Say how to find the commands, where they came from an environment that is not active."""
    here = Path(".venv").resolve()
    active = os.environ.get("VIRTUAL_ENV")
    if Path(sys.prefix).resolve() == here and (not active or Path(active).resolve() != here):
        yield "For `snakemake` and `zeptobarn` in this terminal: source .venv/bin/activate"
