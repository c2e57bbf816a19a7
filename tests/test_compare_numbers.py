"""Numbers of the default study beside those in the file: what counts as a difference."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from compare_numbers import (
    DIGITS,
    FILE,
    KEYS,
    NOTEWORTHY,
    TOLERANCE,
    check,
    differences,
    main,
    read_numbers,
    write_numbers,
)
from zeptobarn.study.loading import load_study
from zeptobarn.summary.summary import QUANTILES
from zeptobarn.support import paths
from zeptobarn.support.config import ConfigError

ROOT = Path(__file__).parents[1]


def table(values, quantity="asymptotic_median_cm2"):
    """Medians of the masses 10, 11, … of an interval of LZ, and one number of another kind."""
    values = [float(value) for value in values]
    rows = [
        ["lz", "SI", str(10 + i), "profiled", "", quantity, value, 0.1 * value]
        for i, value in enumerate(values)
    ]
    rows.append(["lz", "", "", "", "er", "expected_events", 100.0, np.nan])
    return pd.DataFrame(rows, columns=[*KEYS, "value", "error"])


def shown(old, new, tmp_path, capsys, update=False):
    """Exit status and output."""
    status = check(old, new, tmp_path / "numbers.csv", update)
    return status, capsys.readouterr().out


def test_a_number_that_moved_is_shown_and_counted(tmp_path, capsys):
    status, text = shown(table([1e-45, 2e-45]), table([1e-45, 2.004e-45]), tmp_path, capsys)
    assert status == 1
    row = next(line for line in text.splitlines() if "median" in line)
    assert " ".join(row.split()) == "lz SI 11GeV profiled asymptotic_median 2e-45 2.004e-45 +0.2 %"
    assert "moved: 1, by more than 0.1 %: 1; new: 0; gone: 0; unchanged: 2." in text
    assert "make numbers-update" in text


def test_a_small_move_is_shown_but_not_counted_as_large(tmp_path, capsys):
    status, text = shown(table([1e-45]), table([1.0005e-45]), tmp_path, capsys)
    assert status == 1
    assert "moved: 1, by more than 0.1 %: 0;" in text


def test_what_another_processor_does_is_no_difference(tmp_path, capsys):
    status, text = shown(table([1e-45]), table([1e-45 * (1 + TOLERANCE / 2)]), tmp_path, capsys)
    assert status == 0
    assert text == ("Numbers moved: 0, by more than 0.1 %: 0; new: 0; gone: 0; unchanged: 2.\n")


def test_toys_whose_ranks_another_processor_exchanges_are_no_difference(tmp_path, capsys):
    old, new = table([1e-45], "median_cm2"), table([1.003e-45], "median_cm2")
    known = old.assign(error=0.0)
    assert shown(known, new, tmp_path, capsys)[0] == 0
    assert shown(table([1e-45]), table([1.003e-45]), tmp_path, capsys)[0] == 1
    larger = table([1.006e-45], "median_cm2")
    assert shown(known, larger, tmp_path, capsys)[0] == 1
    assert shown(old, larger, tmp_path, capsys)[0] == 0  # a twentieth of its error


def test_rounding_in_the_file_is_no_difference():
    assert 10.0 ** (1 - DIGITS) < TOLERANCE < NOTEWORTHY / 10


def test_new_and_vanished_numbers_are_listed_last(tmp_path, capsys):
    old, new = table([1e-45, 2e-45]), table([1.1e-45, 2e-45])
    old.loc[1, "mass_GeV"] = "5"
    status, text = shown(old, new, tmp_path, capsys)
    assert status == 1
    moved, added, gone = (line for line in text.splitlines() if "median" in line)
    assert moved.endswith("+10 %")
    assert added.split()[-3:] == ["–", "2e-45", "new"]
    assert "11GeV" in added
    assert gone.split()[-3:] == ["2e-45", "–", "gone"]
    assert "5GeV" in gone
    assert "moved: 1, by more than 0.1 %: 1; new: 1; gone: 1; unchanged: 1." in text


def test_the_largest_change_comes_first():
    old = table([1, 1, 1, 1, np.nan, 1])
    new = table([1.01, 0.5, 1.2, 1.01, 1, 1])
    assert list(differences(old, new)["mass_GeV"]) == ["14", "11", "12", "10", "13"]


@pytest.mark.parametrize(
    ("old", "new", "differs"),
    [
        (np.nan, np.nan, False),
        (np.nan, 1.0, True),
        (1.0, np.nan, True),
        (0.0, 0.0, False),
        (0.0, 1.0, True),
        (1.0, 0.0, True),
        (np.inf, np.inf, False),
        (np.inf, 1.0, True),
        (1.0, np.inf, True),
        (3.0, 4.0, True),
    ],
)
def test_numbers_that_are_not_positive_and_finite(old, new, differs, tmp_path, capsys):
    status, text = shown(table([old]), table([new]), tmp_path, capsys)
    assert status == differs
    assert f"by more than 0.1 %: {int(differs)};" in text


def test_after_an_update_nothing_differs(tmp_path, capsys):
    file = tmp_path / "folder" / "numbers.csv"
    new = table([1.23456789012e-45, np.nan, np.inf, 0.0, 7.0])
    assert check(read_numbers(file), new, file, update=True) == 0
    text = capsys.readouterr().out
    assert "new: 6;" in text
    assert "numbers.csv holds the new values." in text
    written = file.read_text()
    assert check(read_numbers(file), new, file, update=False) == 0
    assert check(read_numbers(file), new, file, update=True) == 0
    assert "numbers.csv stays." in capsys.readouterr().out
    assert file.read_text() == written


def test_an_update_leaves_what_only_the_platform_moves(tmp_path):
    """Else its last digits would be in every commit."""
    file = tmp_path / "numbers.csv"
    old = table([1e-45, 2e-45, np.nan])
    new = table([1e-45 * (1 + TOLERANCE / 2), 2.1e-45, 3e-45])
    write_numbers(file, old, new)
    assert list(read_numbers(file)["value"][:3]) == [1e-45, 2.1e-45, 3e-45]


def test_after_an_update_that_leaves_a_number_it_has_not_moved(tmp_path):
    """Its error is left, too: a smaller one would not cover the old value any more."""
    file, old = tmp_path / "numbers.csv", table([1e-45], "median_cm2")
    new = table([1.015e-45], "median_cm2").assign(error=1e-47)
    write_numbers(file, old, new)
    assert len(differences(read_numbers(file), new)) == 0


@pytest.mark.parametrize("text", ["a,b\n1,2\n", "", "<<<<<<< HEAD\n"])
def test_a_file_that_holds_no_numbers(tmp_path, text):
    file = tmp_path / "numbers.csv"
    file.write_text(text)
    with pytest.raises(ConfigError, match=r"numbers\.csv: not a file of numbers"):
        read_numbers(file)


def test_a_row_of_another_length(tmp_path):
    """Of all rows, pandas would take the first column for an index."""
    file = tmp_path / "numbers.csv"
    write_numbers(file, table([]), table([1.0]))
    header, *rows = file.read_text().splitlines()
    file.write_text("\n".join([header, *(f"{row},1" for row in rows)]))
    with pytest.raises(ConfigError, match=r"of numbers: row 2: found 9 values; allowed: 8"):
        read_numbers(file)


def test_a_merge_with_conflicts(tmp_path):
    file = tmp_path / "numbers.csv"
    write_numbers(file, table([]), table([1.0]))
    lines = file.read_text().splitlines()
    file.write_text("\n".join([lines[0], "<<<<<<< HEAD", lines[1], "=======", *lines[1:]]))
    with pytest.raises(ConfigError, match="not a file of numbers"):
        read_numbers(file)


def test_without_results(tmp_path, capsys):
    assert main(["--results", str(tmp_path / "reslts")]) == 1
    error = capsys.readouterr().err
    assert "reslts/summary/limits.parquet: no such file; run `snakemake" in error
    assert len(error.splitlines()) == 1


def test_as_a_command(tmp_path):
    """Its own folder comes first on the path: it must hide no module of another's."""
    done = subprocess.run(
        [sys.executable, ROOT / "tools/compare_numbers.py", "--results", tmp_path],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("compare_numbers: ")
    assert "no such file" in done.stderr


def test_the_file_has_all_numbers_of_the_default_study():
    study = load_study(ROOT / "config/config.yaml")
    kept = read_numbers(FILE)
    limits = {
        (detector, interaction, paths.number(mass), interval.name, "", quantity)
        for detector in study.targets
        for interaction in study.interactions
        for mass in study.masses_GeV
        for interval in study.intervals
        for quantity in (*QUANTILES, "asymptotic_median_cm2", "asimov_cm2", "n_failed")
    }
    events = {
        (detector.name, "", "", "", source, "expected_events")
        for detector in study.detectors.values()
        for source in (*study.signals(), *(s.name for s in detector.sources))
    }
    assert set(kept[KEYS].itertuples(index=False, name=None)) == limits | events
    assert np.isfinite(kept["value"]).all()
    assert (kept["value"] >= 0).all()
    bands = kept["quantity"].isin(QUANTILES)
    assert (kept["error"].notna() == bands).all()
    medians = kept["quantity"] == "median_cm2"
    assert (kept["error"][medians] > 0).all()
    # Where the −2σ edge is the smallest signal tested, trials around it have the same limit.
    assert (kept["error"][bands] >= 0).all()
