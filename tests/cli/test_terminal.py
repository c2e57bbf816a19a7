"""What is printed after a run, in 80 columns."""

import dataclasses
import shutil
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rich.cells import cell_len

from trials import limits
from zeptobarn.cli.terminal import (
    print_first_trials,
    print_signal_trials,
    print_signals,
    print_study,
    print_summary,
    print_trials,
)
from zeptobarn.study.labels import signals_words, table_words
from zeptobarn.study.loading import load_study
from zeptobarn.study.settings import Interval
from zeptobarn.study.signals import Signal
from zeptobarn.summary.signal_medians import summarise_signals
from zeptobarn.summary.summary import summarise
from zeptobarn.support import paths
from zeptobarn.support.config import ConfigError
from zeptobarn.support.tables import ResultError, write_parquet

STUDY = load_study("config/config.yaml")
# Of every kind, and some with more words than a column holds.
INTERVALS = (
    Interval("leff_nominal", {"leff": 0}, ()),
    Interval("leff_low", {"leff": -2}, ()),
    Interval("profiled", {}, ("leff",)),
    Interval("unified", {}, ("leff",), "unified"),
    Interval("cls", {"leff": 1}, (), cls=True),
    Interval("central", {"electron_lifetime_us": -2}, ("leff", "g1"), "central"),
    Interval("many", {}, ("er_component_1", "leff", "g1")),
    Interval("none", {}, ()),
)


def words_of(intervals):
    study = dataclasses.replace(STUDY, intervals=tuple(intervals), critical_values="toys")
    return table_words(study)


def limits_of(intervals, masses, detectors=("xenon1t", "lz"), trials=2):
    """Limits that differ in every digit that is printed: 1.00e-47, 1.01e-47, …"""
    numbers = iter(np.arange(100, 100_000) * 1e-49)
    return pd.concat(
        limits([next(numbers)] * trials, interval=interval.name, mass=mass).assign(
            detector=detector
        )
        for detector in detectors
        for mass in masses
        for interval in intervals
    )


def printed_numbers(text):
    return [word for line in text.splitlines() for word in line.split() if "e-4" in word]


def expected_numbers(table, column):
    return sorted(f"{value:.2e}" for value in table[column])


def width(text):
    return max(map(cell_len, text.splitlines()))


@pytest.mark.parametrize("n_masses", [1, 7, 20])
@pytest.mark.parametrize("n", [1, 2, 3, 5, 8])
def test_tables_fit_and_cut_no_number(capsys, monkeypatch, n, n_masses):
    monkeypatch.setenv("COLUMNS", "200")  # a wide terminal
    masses = np.geomspace(6.5, 12345.25, n_masses).round(2)
    words = words_of(INTERVALS[:n])
    table = limits_of(INTERVALS[:n], masses)
    summary = summarise(table)
    print_summary(summary.assign(n_failed=100_000, n_warnings=123_456), words)
    shown = capsys.readouterr().out
    assert width(shown) <= 80
    assert "…" not in shown
    assert sorted(printed_numbers(shown)) == expected_numbers(summary, "median_cm2")
    print_trials(table, 2, words)
    shown = capsys.readouterr().out
    assert width(shown) <= 80
    assert sorted(printed_numbers(shown)) == expected_numbers(table, "limit_cm2")
    assert {paths.number(mass) for mass in masses} <= set(shown.split())


@pytest.mark.parametrize("kinds", [("upper", "upper"), ("upper", "unified")])
def test_a_table_says_what_it_shows(capsys, kinds):
    """Where the statistics differ, above each column; where they do not, below the table."""
    intervals = [
        dataclasses.replace(interval, kind=kind)
        for interval, kind in zip(INTERVALS, kinds, strict=False)
    ]
    table = limits_of(intervals, [7, 50])
    print_summary(summarise(table), words_of(intervals))
    print_trials(table, 1, words_of(intervals))
    shown = capsys.readouterr().out
    titles = ["xenon1t, SI", "lz, SI"]
    assert [line.strip() for line in shown.splitlines() if "SI" in line] == 2 * titles
    text = " ".join(shown.split())
    mixed = len(set(kinds)) > 1
    assert text.count("unified interval (t̃)") == 0
    assert text.count("interval (t̃),") == (4 if mixed else 0)
    quantity = "upper ends of the intervals" if mixed else "upper limit (q̃)"
    conditions = "90 % CL, calibrated with toys; v₀ = 238 km/s."
    assert f"Medians over 2 background-only datasets each, in cm²: {quantity}, {conditions}" in text
    assert f"Limits of single background-only datasets, in cm²: {quantity}, {conditions}" in text


def test_failures_and_warnings(capsys):
    parts = [limits([1e-45, 2e-45], ["ok", "at_boundary"], "leff_nominal")]
    parts.append(limits([np.nan, 3e-45], ["zero_density_event", "ok"], "leff_low"))
    table, words = pd.concat(parts), words_of(INTERVALS[:2])
    print_summary(summarise(table), words)
    shown = capsys.readouterr().out
    (row,) = (line.split() for line in shown.splitlines() if "e-45" in line)
    assert row == ["50", "1.50e-45", "–", "1", "1"]
    assert "too many trials failed for a fair median" in " ".join(shown.split())
    assert "nan" not in shown
    print_trials(table, 2, words)
    shown = capsys.readouterr().out
    assert [word for word in shown.split() if word in ("zero_density_", "event")] == [
        "zero_density_", "event",
    ]  # fmt: skip
    assert shown.count("e-45") == 3


def test_a_printed_table_keeps_the_order(capsys):
    table = limits_of(INTERVALS[1::-1], [100, 50])
    print_summary(summarise(table), words_of(INTERVALS[:2]))
    shown = capsys.readouterr().out
    lines = shown.splitlines()
    rows = [line.split()[0] for line in lines if "SI" in line or "e-4" in line]
    assert rows == ["xenon1t,", "100", "50", "lz,", "100", "50"]
    numbers = [float(number) for number in printed_numbers(shown)]
    assert numbers == sorted(numbers)
    assert shown.index("Leff at −2σ") < shown.index("Leff nominal")


def signal_limits(intervals):
    """Limits of three trials on two given signals, and the words for them."""
    rows = [
        {"detector": "lz", "signal": signal, "trial": trial, "interval": interval.name,
         "status": "ok", "limit_rate_multiplier": trial * factor,
         "calibration_error_rate_multiplier": np.nan, "signal_likeness": np.nan,
         "asymptotic_limit_rate_multiplier": trial * factor}
        for signal, factor in (("boosted", 1.0), ("axions", 0.01))
        for trial in (1, 2, 3) for interval in intervals
    ]  # fmt: skip
    study = dataclasses.replace(
        load_study(),
        intervals=tuple(intervals),
        given_signals=tuple(
            Signal(name, None, f"some {name}", unit, ("nr",))
            for name, unit in (("boosted", "1e-31 cm²"), ("axions", "the given spectrum"))
        ),
    )
    return study, pd.DataFrame(rows)


def test_signals_are_printed_without_a_word_of_wimps(capsys):
    study, table = signal_limits(INTERVALS[:2])
    words = signals_words(study)
    print_signals(summarise_signals(study, table), words)
    shown = capsys.readouterr().out
    rows = [line.split() for line in shown.splitlines()]
    assert ["boosted", "2.00e+00", "2.00e+00", "0", "0"] in rows
    assert ["axions", "2.00e-02", "2.00e-02", "0", "0"] in rows
    assert "boosted: some boosted, × 1e-31 cm²." in shown
    print_signal_trials(table, 2, words)
    shown += capsys.readouterr().out
    assert "3.00e" not in shown
    for word in ("WIMP", "cross section", "GeV", "v₀"):
        assert word not in shown
    assert max(map(len, shown.splitlines())) <= 80


def write_limits(table, folder, keys):
    """Write the limits of each target and signal into a file; name them."""
    files = []
    for number, (_, rows) in enumerate(table.groupby(keys, sort=False)):
        files.append(f"limits/{number}/1-3.parquet")
        units = dict.fromkeys(rows.columns, "")
        write_parquet(rows, folder / files[-1], units=units, config_slice=None)
    return files


def test_a_study_of_signals_alone_has_its_table_and_figure(tmp_path, capsys):
    study, table = signal_limits(INTERVALS[:1])
    summary = summarise_signals(study, table)
    files = write_limits(table, tmp_path, ["detector", "signal"])
    write_parquet(
        summary,
        tmp_path / "summary/signals.parquet",
        units=dict.fromkeys(summary.columns, ""),
        config_slice=None,
        extra={"limit_files": files, "words": signals_words(study)},
    )
    file = tmp_path / paths.fill(paths.FIGURE, figure="signals", suffix="png")
    file.parent.mkdir()
    file.touch()
    print_study(tmp_path)
    shown = capsys.readouterr().out
    assert "lz, given signals" in shown
    assert "signals.png" in shown
    print_first_trials(tmp_path, 1)
    assert "1.00e-02" in capsys.readouterr().out


@pytest.fixture
def results(tmp_path, monkeypatch):
    """The summary of two detectors and its figures, in results/ of a folder without more."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "prefix", "/usr")
    table = limits_of(INTERVALS[:1], [50])
    folder = Path("results")
    files = write_limits(table, folder, ["detector", "mass_GeV"])
    summary = summarise(table)
    write_parquet(
        summary,
        folder / "summary/limits.parquet",
        units=dict.fromkeys(summary.columns, ""),
        config_slice=None,
        extra={"limit_files": files, "words": words_of(INTERVALS[:1])},
    )
    for name in ("limits_SI", "limits_xenon1t_SI", "limits_lz_SI"):
        file = folder / paths.fill(paths.FIGURE, figure=name, suffix="png")
        file.parent.mkdir(exist_ok=True)
        file.touch()
    return folder


def ending(results, capsys):
    """Lines below the table."""
    print_study(results)
    return capsys.readouterr().out.rpartition("\n\n")[2].splitlines()


def test_the_figures_and_the_report_are_named(results, capsys):
    figures = "Figures: results/figures/limits_SI.png, limits_xenon1t_SI.png, limits_lz_SI.png"
    report = "Report: `snakemake --configfile FILE --report results/report.html`"
    assert ending(results, capsys) == [figures, report]
    (results / "report.html").touch()
    assert ending(results, capsys) == [figures, "Report: results/report.html"]
    shutil.rmtree(results / "figures")
    assert ending(results, capsys) == ["Report: results/report.html"]


@pytest.mark.parametrize(
    ("study", "command"),
    [
        ("config/config.yaml", "`make report` writes results/report.html"),
        ("config/a.yaml", "`snakemake --configfile config/a.yaml --report results/report.html`"),
        ("mine.yaml", "`snakemake --configfile mine.yaml --report results/report.html`"),
    ],
)
def test_the_report_is_that_of_the_study(results, capsys, study, command):
    Path("config").mkdir()
    Path(study).write_text("results: results  # its folder\n")
    (Path("config") / "other.yaml").write_text("results: results/other\n")
    assert ending(results, capsys)[1] == f"Report: {command}"


@pytest.mark.parametrize(
    ("prefix", "active", "said"),
    [
        (".venv", None, True),
        (".venv", "/home/another", True),
        (".venv", ".venv", False),
        ("/usr", None, False),
    ],
)
def test_an_environment_that_is_not_active_is_named(
    results, capsys, monkeypatch, prefix, active, said
):
    """It is looked for where it is made; it may be a link."""
    (results.parent / "made").mkdir()
    Path(".venv").symlink_to("made")
    monkeypatch.setattr(sys, "prefix", str(Path(prefix).resolve()))
    monkeypatch.delenv("VIRTUAL_ENV", raising=False)
    if active:
        monkeypatch.setenv("VIRTUAL_ENV", str(Path.cwd() / active))
    assert any("source .venv/bin/activate" in line for line in ending(results, capsys)) is said


def test_lost_and_foreign_files_are_named(results):
    with pytest.raises(ConfigError, match=r"elsewhere/summary/limits.parquet: no such file"):
        print_study(Path("elsewhere"))
    (results / "limits/0/1-3.parquet").unlink()
    with pytest.raises(ConfigError, match=r"results/limits/0/1-3.parquet: no such file"):
        print_first_trials(results, 1)
    (results / "summary/limits.parquet").write_text("no table")
    with pytest.raises(ResultError, match=r"results/summary/limits.parquet: damaged: "):
        print_study(results)
