"""Compare the numbers of the default study with those of `tests/regression/default.csv`.

The file holds, for each detector, mass and interval, the median and the bands over trials with
their Monte Carlo errors, the median with asymptotic critical values, the Asimov median and the
failed trials; and the expected events of each source, of a signal at the reference cross section. A
change of the code that moves one of them is seen here. `make numbers` shows what differs,
`make numbers-update` writes it too.
"""

import argparse
import dataclasses
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rich import box
from rich.console import Console
from rich.table import Table

from zeptobarn.study.loading import load_study
from zeptobarn.study.slices.summary import summary_slice
from zeptobarn.study.study import Study
from zeptobarn.summary.summary import ERRORS, QUANTILES, limit_files
from zeptobarn.support import paths
from zeptobarn.support.config import ConfigError
from zeptobarn.support.inputs import read_table
from zeptobarn.support.tables import ResultError, read_parquet, write_csv
from zeptobarn.templates.templates import read_template

ROOT = Path(__file__).parents[1]
FILE = ROOT / "tests/regression/default.csv"

KEYS = ["detector", "interaction", "mass_GeV", "interval", "source", "quantity"]

# What another processor changes at most, relative, measured on one x86 server with instructions
# switched off:
#                                        numbers of the file    single limits
#   kernels for any x86-64                       0                    0
#   numpy and libm without AVX, FMA          6·10⁻⁹               3·10⁻⁷
#   linear algebra for Sandy Bridge          8·10⁻¹³              4·10⁻¹⁰
#   all of these                             5·10⁻⁸               3·10⁻⁷
# A band may fall on the limit that moves most: where the search ends, 3·10⁻⁷ are left to chance.
# Rounding to seven digits adds 5·10⁻⁷; the tolerance is six times the sum, for other processors.
DIGITS = 7
TOLERANCE = 5e-6

# A critical value from toys is the statistic of one of them. Where another processor's last digits
# exchange the ranks of two, it moves to the next, and the end of an interval that lies on a tooth
# of the critical values to the next signal of the table, 0.3 % away. Where limits are spread
# widely, and a quantile poorly known, they move by more: by this share of its Monte Carlo error.
CALIBRATED_TOLERANCE, SHARE_OF_ERROR = 5e-3, 0.2

# A commit that moves a number by more says so.
NOTEWORTHY = 1e-3


def main(arguments: Sequence[str] | None = None, file: Path = FILE) -> int:
    """Print what differs; the exit status is 1 where something does and the file stays."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--results", type=Path, help="a results folder of the default study (the study's own)"
    )
    parser.add_argument("--update", action="store_true", help="write the file, too")
    given = parser.parse_args(arguments)
    try:
        study = load_study(ROOT / "config/config.yaml")
        if given.results is not None:
            study = dataclasses.replace(study, results=given.results)
        return check(read_numbers(file), numbers(study), file, given.update)
    except (ConfigError, ResultError) as error:
        print(f"compare_numbers: {error}", file=sys.stderr)
        return 1


def check(old: pd.DataFrame, new: pd.DataFrame, file: Path, update: bool) -> int:
    """Print the differences between two tables of numbers, and write the file if asked to."""
    differing = differences(old, new)
    print_differences(differing, len(new))
    if update:
        write_numbers(file, old, new)
        print(f"{file.name} holds the new values." if len(differing) else f"{file.name} stays.")
        return 0
    if len(differing):
        print(
            "If this is meant, `make numbers-update`; the commit's message says which numbers\n"
            f"moved by more than {100 * NOTEWORTHY:.2g} %, by how much and why."
        )
    return int(len(differing) > 0)


def numbers(study: Study) -> pd.DataFrame:
    """Collect a study's numbers from its results.

    Returns
    -------
    A row per number: `KEYS` as text, empty where one does not apply, ``value`` (cm² or events),
    and ``error``, the Monte Carlo error of a quantile over trials (NaN of other numbers).

    Raises
    ------
    ConfigError, ResultError
        A result is missing, or was made from another configuration.
    """
    summary, _ = read_parquet(
        _existing(study.path(paths.SUMMARY, suffix="parquet")), config_slice=summary_slice(study)
    )
    for name in limit_files(study):
        _existing(study.results / name)
    rows = [*_limit_rows(summary), *_event_rows(study)]
    return pd.DataFrame(rows, columns=[*KEYS, "value", "error"])


def _limit_rows(summary: pd.DataFrame) -> Iterator[dict[str, Any]]:
    for row in summary.to_dict("records"):
        for quantity in (*QUANTILES, "asymptotic_median_cm2", "asimov_cm2", "n_failed"):
            yield {
                "detector": row["detector"],
                "interaction": row["interaction"],
                "mass_GeV": paths.number(float(row["mass_GeV"])),
                "interval": row["interval"],
                "source": "",
                "quantity": quantity,
                "value": float(row[quantity]),
                "error": float(row[ERRORS[quantity]]) if quantity in ERRORS else np.nan,
            }


def _event_rows(study: Study) -> Iterator[dict[str, Any]]:
    for detector in study.detectors.values():
        for source in (*study.signals(), *(s.name for s in detector.sources)):
            path = _existing(study.path(paths.TEMPLATE, detector=detector.name, source=source))
            template = read_template(study, detector.name, source, path)
            yield {
                **dict.fromkeys(KEYS, ""),
                "detector": detector.name,
                "source": source,
                "quantity": "expected_events",
                "value": float(template.nominal.sum()),
                "error": np.nan,
            }


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise ConfigError(
            f"{path}: no such file; run `snakemake --cores all` first, or name the folder of a "
            "finished default study with --results"
        )
    return path


def read_numbers(file: Path) -> pd.DataFrame:
    """Read a file of numbers; one that does not exist yet holds none.

    Raises
    ------
    ConfigError
        It is no such file, as after a merge with conflicts.
    """
    columns = [*KEYS, "value", "error"]
    if not file.is_file():
        return pd.DataFrame(columns=columns).astype({"value": float, "error": float})
    try:
        table = read_table(file).reset_index(drop=True)
        if list(table.columns) != columns or table.duplicated(KEYS).any():
            raise ValueError("other columns, or a number that stands in two rows")
        return table.assign(
            value=table["value"].astype(float),
            error=table["error"].replace("", "nan").astype(float),
        )
    except ValueError as error:
        why = str(error).removeprefix(f"{file}: ")
        raise ConfigError(f"{file}: not a file of numbers: {why}") from None


def write_numbers(file: Path, old: pd.DataFrame, new: pd.DataFrame) -> None:
    """Write the new numbers; where one differs by the platform's precision only, the old one."""
    merged = new.merge(old, how="left", on=KEYS, suffixes=("", "_old"))
    change = _change(merged["value_old"], merged["value"])
    error = merged["error_old"] / merged["value_old"].abs()
    same = _agree(change, merged["quantity"], error) & merged["value_old"].notna()
    # The error, too: beside a smaller one, the old value would count as moved the next time.
    kept = new.assign(
        **{
            name: new[name].mask(same.to_numpy(), merged[f"{name}_old"].to_numpy())
            for name in ("value", "error")
        }
    )
    written = kept.assign(
        value=[f"{value:.{DIGITS}g}" for value in kept["value"]],
        error=["" if np.isnan(error) else f"{error:.2g}" for error in kept["error"]],
    )
    write_csv(written, file)


def differences(old: pd.DataFrame, new: pd.DataFrame) -> pd.DataFrame:
    """Numbers that differ by more than the platform's precision, the largest change first.

    NaN agrees with NaN and infinity with infinity.

    Returns
    -------
    `KEYS`, ``value_old``, ``value_new``, ``change`` (relative; NaN where one of them is NaN), and
    ``kind``: ``moved``, or at the end ``new`` or ``gone``.
    """
    places = pd.concat([new[KEYS], old[KEYS]]).drop_duplicates()
    merged = places.merge(old, how="left", on=KEYS, indicator="in_old").merge(
        new, how="left", on=KEYS, indicator="in_new", suffixes=("_old", "_new")
    )
    missing = [merged["in_old"] == "left_only", merged["in_new"] == "left_only"]
    merged["kind"] = np.select(missing, ["new", "gone"], "moved")
    merged["change"] = _change(merged["value_old"], merged["value_new"])
    moved = merged["kind"] == "moved"
    error = merged["error_old"] / merged["value_old"].abs()
    differing = merged[~(moved & _agree(merged["change"], merged["quantity"], error))]
    # As large as they are printed; equal ones stay in the order of the study.
    size = [np.inf if np.isnan(c) else float(f"{abs(c):.3g}") for c in differing["change"]]
    order = np.lexsort((np.negative(size), differing["kind"] != "moved"))
    return differing.iloc[order][[*KEYS, "value_old", "value_new", "change", "kind"]]


def _change(old: pd.Series, new: pd.Series) -> pd.Series:
    """Relative change: 0 where both are equal or NaN, NaN where one of them is NaN."""
    change = (new - old) / old.abs()
    return change.mask((new == old) | (new.isna() & old.isna()), 0.0)


def _agree(change: pd.Series, quantity: pd.Series, error: pd.Series) -> pd.Series:
    """Whether numbers are the same but for the processor; ``error`` is relative."""
    allowed = np.fmax(CALIBRATED_TOLERANCE, SHARE_OF_ERROR * error)
    calibrated = quantity.isin([*QUANTILES, "asimov_cm2"])
    return change.abs() <= np.where(calibrated, allowed, TOLERANCE)


def print_differences(differing: pd.DataFrame, total: int) -> None:
    """Print a table of `differences`, and a line that counts them.

    Parameters
    ----------
    total
        How many numbers the study has now.
    """
    console = Console()
    # Piped output is not cut to a guessed width.
    console = console if console.is_terminal else Console(width=100)
    if len(differing):
        console.print(_shown(differing))
    moved = differing[differing["kind"] == "moved"]
    large = int((~(moved["change"].abs() <= NOTEWORTHY)).sum())
    added, gone = (int((differing["kind"] == kind).sum()) for kind in ("new", "gone"))
    console.print(
        f"Numbers moved: {len(moved)}, by more than {100 * NOTEWORTHY:.2g} %: {large}; "
        f"new: {added}; gone: {gone}; unchanged: {total - len(moved) - added}.",
        highlight=False,
    )


def _shown(differing: pd.DataFrame) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("number of", overflow="fold")
    table.add_column("quantity", overflow="fold")
    for name in ("old", "new", "change"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in differing.to_dict("records"):
        mass = row["mass_GeV"] and f"{row['mass_GeV']}GeV"
        place = (row["detector"], row["interaction"], mass, row["interval"], row["source"])
        table.add_row(
            " ".join(part for part in place if part),
            row["quantity"].removesuffix("_cm2").replace("expected_events", "events"),
            "–" if row["kind"] == "new" else f"{row['value_old']:.5g}",
            "–" if row["kind"] == "gone" else f"{row['value_new']:.5g}",
            _percent(row["change"]) if row["kind"] == "moved" else row["kind"],
        )
    return table


def _percent(change: float) -> str:
    return "–" if np.isnan(change) else f"{100 * change:+.3g} %"


if __name__ == "__main__":
    sys.exit(main())
