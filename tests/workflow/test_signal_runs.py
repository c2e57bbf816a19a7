"""A real run of signals: beside the WIMPs, and alone; a WIMP as a file has its limit."""

import pandas as pd
import pytest

from zeptobarn.cli import cli
from zeptobarn.cli.terminal import print_study
from zeptobarn.templates.spectra import wimp_spectrum

# One is a WIMP of 50 GeV/c², the other its half beside electronic recoils.
SIGNALS = [
    {"name": "fifty", "label": "50 GeV recoils", "unit": "1e-45 cm²", "nr": "fifty.csv"},
    {"name": "both", "label": "two spectra", "nr": "half.csv", "er": "flat.csv"},
]


def write_spectra(folder):
    table = wimp_spectrum(50)
    table.to_csv(folder / "fifty.csv", index=False)
    half = table.assign(rate_per_kg_day_keV=table["rate_per_kg_day_keV"] / 2)
    half.to_csv(folder / "half.csv", index=False)
    flat = pd.DataFrame({"recoil_energy_keV": [1.0, 9.0], "rate_per_kg_day_keV": [1e-5, 1e-5]})
    flat.to_csv(folder / "flat.csv", index=False)


def test_signals_add_jobs_and_change_none(workflow):
    """Without masses nothing of WIMPs is planned."""
    write_spectra(workflow.folder)
    plain, together = workflow.planned(), workflow.planned(signals=SIGNALS)
    assert together - plain == {
        "spectrum": 3, "template": 2, "limits": 2, "sensitivity_of_signals": 1,
        "summary_of_signals": 1, "figure_signals": 1, "figure_spectra_signals": 1, "table": 1,
    }  # fmt: skip
    assert not plain - together
    alone = workflow.planned(signals=SIGNALS, masses_GeV=[], coverage={"masses_GeV": []})
    assert alone["limits"] == 2
    assert not {"sensitivity", "summary", "figure_limits", "outcomes"} & set(alone)
    calibrated = workflow.planned(signals=SIGNALS, critical_values="toys")
    assert calibrated["calibration"] == 4


OBSERVED = {"xenon1t": {"file": "resources/observed/xenon1t_sr0_events.csv"}}
ALONE = {"masses_GeV": [], "coverage": {"masses_GeV": []}}


def test_signals_have_observed_limits_and_coverage(workflow):
    """Beside the WIMPs' own, and alone."""
    write_spectra(workflow.folder)
    wimps = workflow.planned("observed", "coverage", observed=OBSERVED)
    both = workflow.planned("observed", "coverage", observed=OBSERVED, signals=SIGNALS)
    added = {
        "observed_of_mass": 2, "observed_details": 2, "observed_table_of_signals": 1,
        "figure_observed_signals": 1, "figure_observed_events_of_signal": 2,
        "figure_observed_nuisances_of_signal": 2, "calibration": 2, "coverage_of_mass": 2,
        "figure_coverage_of_signals": 1,
    }  # fmt: skip
    more = both - wimps
    assert {name: more[name] for name in added} == added
    assert not wimps - both
    alone = workflow.planned("observed", "coverage", observed=OBSERVED, signals=SIGNALS, **ALONE)
    assert {name: alone[name] for name in added} == added
    assert not {"observed_table", "figure_observed", "figure_coverage", "summary"} & set(alone)
    pictures = ("statistic", "likelihood", "distributions")
    single = ("pulls", "asymptotics", "datasets")
    for settings in ({}, ALONE):
        jobs = workflow.planned("pictures", signals=SIGNALS, **settings)
        assert all(jobs[f"figure_{name}_of_signals"] == 1 for name in pictures)
        assert all(jobs[f"figure_{name}_of_signal"] == 2 for name in single)
        assert (jobs["figure_dependence"] > 0) == (jobs["figure_statistic"] > 0) == (not settings)
    chosen = {"mass_GeV": 10, "interval": "leff_low"}
    jobs = workflow.plan("observed", observed=OBSERVED, observed_details=chosen)
    (details,) = (job for job in jobs if job.rule.name == "observed_details")
    assert str(details.output[0]).endswith("observed/xenon1t/SI/10GeV.events.parquet")
    assert details.params.interval == "leff_low"


@pytest.mark.slow
def test_a_run_of_signals_alone_and_then_beside_wimps(workflow, capsys, monkeypatch):
    write_spectra(workflow.folder)
    done = workflow.run("failures", "--dry-run", signals=SIGNALS, **ALONE)
    assert done.returncode == 1
    assert "masses_GeV: found none; allowed: some: the failure study repeats" in done.stdout
    done = workflow.run("all", "observed", "pictures", signals=SIGNALS, observed=OBSERVED, **ALONE)
    assert done.returncode == 0, done.stderr
    results = workflow.folder / "results"
    for name in ("observed/xenon1t/both.events.csv", "figures/observed_nuisances_xenon1t/both.png",
                 "figures/observed_limits_xenon1t_signals.png", "figures/pulls_xenon1t/both.png",
                 "figures/datasets_xenon1t/both.csv", "figures/statistic_xenon1t_signals.png",
                 "figures/signals.png", "figures/spectra_signals.pdf", "summary/signals.html",
                 "figures/templates_xenon1t.png", "limits/xenon1t/both/1-20.parquet"):  # fmt: skip
        assert (results / name).stat().st_size > 0
    assert not (results / "summary/limits.parquet").exists()
    for name in (
        "summary/signals.csv",
        "limits/xenon1t/fifty/1-20.parquet",
        "observed/xenon1t.signals.csv",
        "observed/xenon1t.signals.parquet",
        "observed/xenon1t/both.events.csv",
        "observed/xenon1t/fifty.nuisances.parquet",
    ):
        file = results / name
        assert b"cm2" not in file.read_bytes()
        assert b"wimp" not in file.read_bytes().lower().replace(b"wimprates", b"")
    print_study(results)
    shown = capsys.readouterr().out
    for word in ("WIMP", "cross section", "GeV/"):
        assert word not in shown + done.stdout
    assert "fifty: 50 GeV recoils, × 1e-45 cm²." in shown

    file = "results/observed/xenon1t.signals.parquet"
    monkeypatch.chdir(workflow.folder)
    arguments = ["explain", file, "--overlay", "overlay.yaml", "--output", "page.png"]
    assert cli.main([*arguments, "--signal", "fifty"]) == 0
    shown = capsys.readouterr().out
    observed = pd.read_parquet(file).set_index(["signal", "interval"])
    limit = observed.loc[("fifty", "profiled"), "limit_rate_multiplier"]
    assert f"{limit:.4g} × 1e-45 cm²" in shown
    assert "50 GeV recoils: observed" in shown
    for more, message in (
        (["--signal", "x"], "--signal: found x; allowed: fifty, both"),
        (["--mass", "50"], "--mass: found no observed limits; allowed: a file of observed/ of WIM"),
    ):
        assert cli.main([*arguments, *more]) == 1
        assert message in capsys.readouterr().err

    done = workflow.run(signals=SIGNALS, observed=OBSERVED)
    assert done.returncode == 0, done.stderr
    given, wimps = (
        pd.read_parquet(results / f"summary/{name}.parquet") for name in ("signals", "limits")
    )
    given, wimps = given[given["signal"] == "fifty"], wimps[wimps["mass_GeV"] == 50]
    for name in ("median", "asimov", "plus1sigma"):
        ours, theirs = given[f"{name}_rate_multiplier"] * 1e-45, wimps[f"{name}_cm2"]
        assert ours.tolist() == pytest.approx(theirs.tolist(), rel=1e-3, abs=0)
    assert not workflow.plan(signals=SIGNALS, observed=OBSERVED)
