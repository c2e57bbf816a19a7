"""A real run of signals: beside the WIMPs, and alone; a WIMP as a file has its limit."""

import pandas as pd
import pytest

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


@pytest.mark.slow
def test_a_run_of_signals_alone_and_then_beside_wimps(workflow, capsys):
    write_spectra(workflow.folder)
    done = workflow.run(signals=SIGNALS, masses_GeV=[], coverage={"masses_GeV": []})
    assert done.returncode == 0, done.stderr
    results = workflow.folder / "results"
    for name in ("figures/signals.png", "figures/spectra_signals.pdf", "summary/signals.html",
                 "figures/templates_xenon1t.png", "limits/xenon1t/both/1-20.parquet"):  # fmt: skip
        assert (results / name).stat().st_size > 0
    assert not (results / "summary/limits.parquet").exists()
    for file in (results / "summary/signals.csv", results / "limits/xenon1t/fifty/1-20.parquet"):
        assert b"cm2" not in file.read_bytes()
        assert b"wimp" not in file.read_bytes().lower().replace(b"wimprates", b"")
    print_study(results)
    shown = capsys.readouterr().out
    for word in ("WIMP", "cross section", "GeV/"):
        assert word not in shown + done.stdout
    assert "fifty: 50 GeV recoils, × 1e-45 cm²." in shown

    done = workflow.run(signals=SIGNALS)
    assert done.returncode == 0, done.stderr
    given, wimps = (
        pd.read_parquet(results / f"summary/{name}.parquet") for name in ("signals", "limits")
    )
    given, wimps = given[given["signal"] == "fifty"], wimps[wimps["mass_GeV"] == 50]
    for name in ("median", "asimov", "plus1sigma"):
        ours, theirs = given[f"{name}_rate_multiplier"] * 1e-45, wimps[f"{name}_cm2"]
        assert ours.tolist() == pytest.approx(theirs.tolist(), rel=1e-3, abs=0)
    assert not workflow.plan(signals=SIGNALS)
