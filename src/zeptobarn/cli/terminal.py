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

from zeptobarn.inference.status import WITH_LIMIT
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
    summary, metadata = _read_summary(results)
    print_summary(summary, metadata["words"])
    print("", *_files(results, summary), *_activation(), sep="\n")


def print_first_trials(results: Path, n: int) -> None:
    """Print the limits of a study's first datasets; see `print_study`."""
    _, metadata = _read_summary(results)
    begins = {name: paths.batch_trials(Path(name).stem)[0] for name in metadata["limit_files"]}
    end = min(begins.values()) + n
    limits = pd.concat(
        chunk[chunk["trial"] < end]
        for name, begin in begins.items()
        if begin < end
        for chunk in read_chunks(_existing(results / name), columns=_OF_TRIALS)
    )
    print_trials(limits, n, metadata["words"])


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
    for shown, block in _blocks(table, ["mass\n\\[GeV]"], words, ["failed", "warnings"]):
        for _, rows in block.groupby("mass_GeV", sort=False):
            medians = rows.set_index("interval")["median_cm2"]
            shown.add_row(
                paths.number(rows["mass_GeV"].iloc[0]),
                *(number(medians.get(interval)) for interval in block["interval"].unique()),
                str(rows["n_failed"].sum()),
                str(rows["n_warnings"].sum()),
            )
        console.print(shown, "")
    trials = ", ".join(map(str, sorted(table["n_trials"].unique())))
    text = (
        f"Medians over {trials} background-only datasets each, in cm²: {words['quantity']}, "
        f"{words['conditions']}. Failed, warnings: how many of a row's limits."
    )
    if table["median_cm2"].isna().any():
        text += " '–': too many trials failed for a fair median."
    console.print(text)


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


def _read_summary(results: Path) -> tuple[pd.DataFrame, dict[str, Any]]:
    file = results / paths.fill(paths.SUMMARY, suffix="parquet")
    summary, metadata = read_parquet(_existing(file))
    if "words" not in metadata:
        raise ConfigError(f"{file}: made by an earlier version; run `snakemake --cores all` again")
    return summary, metadata


def _files(results: Path, summary: pd.DataFrame) -> Iterator[str]:
    """Name the figures of the first interaction's limits, and the report or how to make it."""
    interaction = summary["interaction"].iloc[0]
    names = [f"limits_{d}_{interaction}" for d in summary["detector"].unique()]
    files = [
        results / paths.fill(paths.FIGURE, figure=name, suffix="png")
        for name in (f"limits_{interaction}", *names)
    ]
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
