"""`zeptobarn limit`: from a file of events to a table, and what is refused."""

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from given import as_given
from zeptobarn.cli import cli, limit
from zeptobarn.inference.load import make_model
from zeptobarn.study.loading import load_study
from zeptobarn.summary.observed_table import EXPECTED

ROOT = Path(__file__).parents[2]
OVERLAY = """
results: {results}
masses_GeV: [10, 50]
detectors: [xenon1t]
critical_values: asymptotic
published: {{}}
coverage: {{masses_GeV: []}}
intervals:
  - {{name: profiled, profiled: [leff]}}
  - {{name: unified, kind: unified, fixed: {{leff: 0}}}}
shapes: [{{name: leff, anchors: [-2, -1, 0, 1, 2], low_energy: constant}}]
response: {{events_per_energy_bin: 20000, energy_bin_width_log: 0.05}}
"""


@pytest.fixture
def overlay(tmp_path):
    path = tmp_path / "overlay.yaml"
    path.write_text(OVERLAY.format(results=tmp_path / "results"))
    return path


@pytest.fixture
def with_signal(overlay):
    """The study with a given signal, which the models take for a WIMP of 50 GeV/c²."""
    given = "{name: fifty, label: 50 GeV recoils, unit: 1e-45 cm², nr: cevns_8b.csv}"
    given = given.replace("cevns_8b.csv", str(ROOT / "resources/spectra/cevns_8b.csv"))
    overlay.write_text(overlay.read_text() + f"signals: [{given}]\n", encoding="utf-8")
    return overlay


@pytest.fixture
def events(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text("S1c [phd],log10_cs2_pe\n10,2.9\n12,3.2\n30,3.3\n500,3\n")
    return path


@pytest.fixture
def templates(small_templates, monkeypatch):
    """Those of the small study in place of what would be computed."""

    def load(study, target, mass, interaction="SI", signal=None):
        _, given = as_given(study, small_templates)
        return make_model(study, target, mass, signal or interaction, given)

    monkeypatch.setattr(limit, "load_uncalibrated", load)
    return load


def test_limits_of_a_file(templates, overlay, events, tmp_path, capsys):
    arguments = ["limit", str(events), "--detector", "xenon1t", "--overlay", str(overlay)]
    output = tmp_path / "out.csv"
    assert cli.main([*arguments, "--output", str(output)]) == 0
    said = capsys.readouterr().out
    lines = [line for line in said.splitlines() if str(tmp_path) not in line]
    assert max(map(len, lines)) <= 80
    assert "upper limit (q̃), Leff profiled; nominal 90 % CL" in " ".join(said.split())
    said = " ".join(said.split())
    assert "3 events; outside the analysis space: 1 of 4 (25 %); cs1 = 1.15 × S1c [phd]" in said
    assert "No median, bands or power-constrained limits:" in said
    assert "snakemake --cores all" in " ".join(said.split())
    table = pd.read_csv(output)
    assert len(table) == 4
    model = templates(load_study("config/config.yaml", overlay), "xenon1t", 50)
    for name in ("profiled", "unified"):
        (row,) = table[(table["mass_GeV"] == 50) & (table["interval"] == name)].to_dict("records")
        ours = model.limit(events, name)
        assert row["limit_cm2"] == pytest.approx(ours.cm2, rel=1e-9, abs=0)
        assert f"{ours.cm2:.2e}" in said
        assert np.isnan(row["median_cm2"])


def test_one_mass_one_interval_in_half_the_time(templates, overlay, events, tmp_path, capsys):
    """Half the livetime, about: three events, and half the background under them."""
    arguments = ["limit", str(events), "--detector", "xenon1t", "--overlay", str(overlay)]
    arguments += ["--mass", "50", "--interval", "unified", "--output", str(tmp_path / "o.parquet")]
    assert cli.main([*arguments, "--livetime", "20"]) == 0
    table = pd.read_parquet(tmp_path / "o.parquet")
    assert table[["mass_GeV", "interval"]].to_numpy().tolist() == [[50, "unified"]]
    said = capsys.readouterr().out
    assert "low" in said
    assert "10 " not in said.split("───")[-1].split("\n")[1]


def test_limits_on_a_given_signal(templates, with_signal, events, tmp_path, capsys):
    arguments = ["limit", str(events), "--detector", "xenon1t", "--overlay", str(with_signal)]
    output = tmp_path / "out.csv"
    assert cli.main([*arguments, "--signal", "all", "--output", str(output)]) == 0
    said = capsys.readouterr().out
    table = pd.read_csv(output)
    assert table[["signal", "unit"]].drop_duplicates().to_numpy().tolist() == [
        ["fifty", "1e-45 cm²"]
    ]
    for text in (said, output.read_text()):
        for word in ("WIMP", "mass", "cross section", "GeV/c", "cm2", "v₀"):
            assert word not in text.replace("50 GeV recoils", "")
    assert "fifty: 50 GeV recoils, × 1e-45 cm²." in said
    assert "Multiples of the spectra that were given" in " ".join(said.split())
    assert "summary/signals.parquet" in "".join(said.split())
    assert max(len(line) for line in said.splitlines() if str(tmp_path) not in line) <= 80
    assert cli.main(arguments) == 0
    both = capsys.readouterr().out
    assert "xenon1t, SI, unified:" in both
    assert "xenon1t, given signals, unified:" in both
    assert cli.main([*arguments, "--mass", "50", "--output", str(output)]) == 0
    wimp = pd.read_csv(output)
    assert "given signals" not in capsys.readouterr().out
    np.testing.assert_allclose(1e-45 * table["limit_rate_multiplier"], wimp["limit_cm2"])
    assert cli.main([*arguments, "--output", str(output)]) == 1
    assert "for WIMPs and given signals, whose columns differ" in capsys.readouterr().err
    assert cli.main([*arguments, "--signal", "sixty"]) == 1
    assert "--signal: found sixty; allowed: all, or of the study's signals fifty" in (
        capsys.readouterr().err
    )


def test_without_a_limit_the_status_is_1(templates, overlay, events, capsys):
    text = overlay.read_text() + "search_bound_rate_multiplier: 1.0e-9\n"
    overlay.write_text(text)
    arguments = ["limit", str(events), "--detector", "xenon1t", "--overlay", str(overlay)]
    assert cli.main(arguments) == 1
    said = " ".join(capsys.readouterr().out.split())
    assert "10, 50 GeV/c²: no_crossing: the statistic stays below the critical value" in said


BOTH = "detectors: [xenon1t, lz]\nmasses_GeV: [50]\ncombined: {both: [xenon1t, lz]}\n"


@pytest.fixture
def two(overlay, events):
    """Arguments that name the events of two detectors; LZ's file stands beside the other."""
    overlay.write_text(
        overlay.read_text()
        .replace("detectors: [xenon1t]\n", "")
        .replace("masses_GeV: [10, 50]\n", BOTH)
    )
    other = events.with_name("lz=1.csv")
    other.write_text("light,cs2\n10,9000\n12,7000\n")
    return [f"xenon1t={events}", f"lz={other}", "--overlay", str(overlay)]


def test_several_detectors_and_their_combination(two, templates, overlay, events, tmp_path, capsys):
    output = tmp_path / "out.parquet"
    options = ["--columns", "lz=cs1=light", "--livetime", "lz=20", "--output", str(output)]
    assert cli.main(["limit", *two, *options]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "xenon1t: 3 events; outside the analysis space: 1 of 4 (25 %); cs1 = 1.15" in said
    assert "lz: 2 events; cs1 = light" in said
    assert "No combined limit" not in said
    table = pd.read_parquet(output)
    assert table["detector"].tolist() == ["xenon1t"] * 2 + ["lz"] * 2 + ["both"] * 2
    assert table["n_events"].tolist() == [3, 3, 2, 2, 5, 5]
    study = load_study("config/config.yaml", overlay)
    lz = dataclasses.replace(study.detectors["lz"], livetime_day=20)
    study = dataclasses.replace(study, detectors={**study.detectors, "lz": lz})
    ours = templates(study, "both", 50).limit(
        {"xenon1t": events, "lz": events.with_name("lz=1.csv")},
        "profiled",
        columns={"xenon1t": {}, "lz": {"cs1": "light"}},
    )
    (row,) = table[(table["detector"] == "both") & (table["interval"] == "profiled")].to_dict(
        "records"
    )
    assert row["limit_cm2"] == pytest.approx(ours.cm2, rel=1e-9, abs=0)


def test_detectors_that_the_study_does_not_combine(two, templates, overlay, events, capsys):
    overlay.write_text(overlay.read_text().replace("combined: {both: [xenon1t, lz]}\n", ""))
    events.with_name("lz=1.csv").write_text("cs1,cs2\n10,9000\n")
    assert cli.main(["limit", *two, "--interval", "unified"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "lz: 1 event." in said
    assert "combines none of these detectors, as combined: {together: [xenon1t, lz]}" in said


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a.csv"], "EVENTS: found a.csv, and not whose events they are; allowed: NAME=FILE with "
         "one of xenon1t, lz, as in zeptobarn limit xenon1t=a.csv"),
        (["panda=a.csv"], "EVENTS: found panda=a.csv, and not whose events they are"),
        (["lz="], "EVENTS: found lz=, and not whose"),
        (["", "lz=b.csv"], "EVENTS: found an empty name; allowed: files of events"),
        (["lz=a.csv", "lz=b.csv"], "EVENTS: found a.csv and b.csv of lz; allowed: one file for"),
        (["a.csv", "b.csv", "--detector", "lz", "--detector", "xenon1t"],
         "without it: zeptobarn limit lz=a.csv xenon1t=b.csv"),
        (["a.csv", "b.csv", "--detector", "lz"], "without it: zeptobarn limit NAME=FILE NAME=FILE"),
        (["xenon1t=a.csv", "--detector", "lz"], "without it: zeptobarn limit xenon1t=a.csv"),
        (["a.csv", "--detector", "both"], "--detector: found both; allowed: xenon1t, lz (of a "
         "combination the files of its detectors, xenon1t=FILE lz=FILE)"),
        (["lz=a.csv", "xenon1t=b.csv", "--livetime", "20"], "--livetime: found 20; allowed: once "
         "for each of lz, xenon1t, as in --livetime lz=20"),
        (["lz=a.csv", "--livetime", "20", "--livetime", "lz=30"], "--livetime: found lz=30"),
        (["lz=a.csv", "--livetime", "xenon1t=20"], "--livetime: found xenon1t=20; allowed: once"),
        (["lz=a.csv", "xenon1t=b.csv", "--columns", "cs1=x"], "as in --columns lz=cs1=x"),
    ],
)  # fmt: skip
def test_whose_events_they_are_is_never_guessed(two, arguments, message, capsys):
    assert cli.main(["limit", *arguments, *two[2:]]) == 1
    error = capsys.readouterr().err
    assert message in error
    assert len(error.splitlines()) == 1


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--mass", "51"], "--mass: found 51; allowed: all, or of the study's masses_GeV 10, 50"),
        (
            ["--signal", "all"],
            "--signal: found all; allowed: of the study's signals (none)",
        ),
        (["--interval", "best"], "--interval: found best; allowed: profiled, unified"),
        (["--columns", "cs1"], "--columns: found cs1; allowed: what columns hold"),
        (["--columns", "cs1=x"], "columns: cs1: found x; allowed: one of the table's columns"),
        (["--output", "a.txt"], "--output: found a.txt; allowed: a name that ends in .csv or"),
    ],
)
def test_what_is_refused(templates, overlay, events, more, message, capsys):
    arguments = ["limit", str(events), "--detector", "xenon1t", "--overlay", str(overlay), *more]
    assert cli.main(arguments) == 1
    error = capsys.readouterr().err
    assert message in error
    assert len(error.splitlines()) == 1


def test_no_header(templates, overlay, events, capsys):
    events.write_text("10,2.9\n12,3.2\n")
    arguments = ["limit", str(events), "--detector", "xenon1t", "--overlay", str(overlay)]
    assert cli.main(arguments) == 1
    assert "mine.csv: row 1: found numbers ('10', '2.9') where" in (
        error := capsys.readouterr().err
    )
    assert "add the line cs1,cs2" in error


@pytest.mark.parametrize("days", ["0", "-3", "x", "nan", "1e9"])
def test_livetimes_that_are_none(events, days, capsys):
    with pytest.raises(SystemExit):
        cli.main(["limit", str(events), "--detector", "xenon1t", "--livetime", days])
    assert f"--livetime: found {days}; allowed: days above 0" in capsys.readouterr().err


def test_what_is_expected_is_printed(small_study, small_templates, events, capsys):
    model = make_model(small_study, "xenon1t", 50, "SI", small_templates)
    seen = model.observation(events)
    rows = limit.observed_limits(model, seen)
    summary = rows[["detector", "interaction", "mass_GeV", "interval"]].assign(
        **dict.fromkeys(EXPECTED, 2.5e-44)
    )
    limit.print_observed(small_study, limit.add_expected(rows, summary), {"xenon1t": seen}, "")
    said = capsys.readouterr().out
    assert said.count("2.50e-44") == 3 * 4  # the median, two bands and the constrained limit
    assert "No median" not in said
    assert max(map(len, said.splitlines())) <= 80


def test_a_livetime_is_that_of_the_study(overlay):
    study = load_study("config/config.yaml", overlay)
    assert study.detectors["xenon1t"].livetime_day == 34.2
    file = "resources/observed/xenon1t_sr0_events.csv"
    overlay.write_text(
        overlay.read_text() + f"observed: {{xenon1t: {{file: {file}, livetime_day: 20}}}}\n"
    )
    study = load_study("config/config.yaml", overlay)
    assert study.detectors["xenon1t"].livetime_day == 20
    assert study.observed["xenon1t"].file == file
