"""An invented detector with foreign conventions: a whole analysis from configuration alone.

Only an empty folder with the analyst's own files, as in docs/afternoon.md, and far coarser.
"""

import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import yaml

from tiny import ROOT
from zeptobarn.cli import cli

pytestmark = pytest.mark.slow

DETECTOR = """
base: lz
title: MERLIN
area_unit: PE
g1_PE_per_photon: 0.14
g2_PE_per_electron: 60
livetime_day: 100
fiducial_mass_kg: 1500
fiducial_radius_cm: 45
fiducial_z_cm: [-100, -15]
s2_area_threshold: 500
analysis_space: {cs1: {low: 3, high: 99, bins: 12}, cs2: {low: 500, high: 50000, bins: 10}}
efficiencies: {detection: {against: recoil_energy_keV, path: nr_efficiency.csv, recoil: nr}}
sources:
  - {name: er, expected_events: 140, uncertainty: 20}
  - {name: neutrons, expected_events: 0.5, rate: {constraint: uniform, range_events: [0, 3]}}
  - {name: surface, remove: true}
  - {name: accidental, template: {path: accidental.csv}, expected_events: 6, uncertainty: 2}
"""
EFFICIENCY = """recoil_energy_keV,efficiency,efficiency_low,efficiency_high
0,0,0,0
2,0.1,0.05,0.16
5,0.6,0.5,0.7
10,0.85,0.8,0.9
150,0.85,0.8,0.9
"""
STUDY = {
    "results": "results",
    "detectors": ["merlin"],
    "masses_GeV": [50],
    "marked_masses_GeV": [],
    "published": {},
    "coverage": {"masses_GeV": []},
    "trials": 20,
    "trials_per_batch": 20,
    "intervals": [{"name": "unified", "kind": "unified", "profiled": ["leff", "detection"]}],
    "shapes": [
        {"name": "leff", "anchors": [-2, 0, 2]},
        {"name": "detection", "parameter": "efficiency_detection", "anchors": [-2, 0, 2]},
    ],
    "calibration": {"expected_events": [0, 1, 2, 3.5, 5, 7, 9.5, 13, 18]},
    "response": {"energy_bin_width_log": 0.1},
    "observed": {"merlin": {"file": "events.csv"}},
    "signals": [
        {"name": "boosted", "label": "boosted dark matter", "unit": "1e-31 cm²", "nr": "b.csv"}
    ],
}
# Of the log₁₀ of detected photons there are 1.23 photoelectrons each.
PE = 1.23


def histogram() -> pd.DataFrame:
    """A histogram with twice as many bins of each axis as the analysis space."""
    cs1, cs2 = np.linspace(3, 99, 25), np.geomspace(500, 50000, 21)
    low1, low2 = np.meshgrid(cs1[:-1], cs2[:-1], indexing="ij")
    high1, high2 = np.meshgrid(cs1[1:], cs2[1:], indexing="ij")
    names = ["cs1_low", "cs1_high", "cs2_low", "cs2_high", "expected_events"]
    columns = [low1, high1, low2, high2, np.exp(-low1 / 8) / low2]
    return pd.DataFrame({n: c.ravel() for n, c in zip(names, columns, strict=True)})


def events() -> pd.DataFrame:
    """152 events, 146 of them near the ER band."""
    rng = np.random.default_rng(15)
    cs1 = np.append(rng.uniform(4, 97, 146), rng.uniform(4, 12, 6))
    log_cs2 = 3.105 + 0.645 * np.log10(cs1) + rng.normal(0, 0.06, 152)
    log_cs2[146:] = rng.uniform(2.8, 3.5, 6)
    return pd.DataFrame(
        {
            "S1c [phd]": cs1 / PE,
            "log10_cS2_phd": log_cs2 - np.log10(PE),
            "radius_mm": 450 * np.sqrt(rng.uniform(size=152)),
        }
    )


@pytest.fixture
def folder(tmp_path, monkeypatch):
    detectors = tmp_path / "config/detectors"
    detectors.mkdir(parents=True)
    (detectors / "merlin.yaml").write_text(DETECTOR)
    (tmp_path / "nr_efficiency.csv").write_text(EFFICIENCY)
    (tmp_path / "b.csv").write_text("recoil_energy_keV,rate_per_kg_day_keV\n1,1e-3\n60,1e-7\n")
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(STUDY, allow_unicode=True))
    histogram().to_csv(tmp_path / "accidental.csv", index=False)
    events().to_csv(tmp_path / "events.csv", index=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def snakemake(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "snakemake", "-s", str(ROOT / "Snakefile")]
    environment = {k: v for k, v in os.environ.items() if k != "MAKELEVEL"}
    return subprocess.run(
        [*command, *arguments, "--configfile", "mine.yaml"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def check_of_the_detector(capsys) -> None:
    """Gains in both conventions and all sources, from the detector's file alone."""
    assert cli.main(["check", "merlin"]) == 0
    said = capsys.readouterr().out
    for words in (
        "0.1138 phd/photon = 0.14 PE/photon",
        "48.78 phd/electron = 60 PE/electron",
        "140  er, normal ± 20 events",
        "0.5  nr, uniform 0 to 3 events",
        "6  file, normal ± 2 events",
    ):
        assert words in said


def check_of_mistakes(capsys) -> None:
    """No position is an area, and a unit is not taken over silently."""
    for arguments, words in (
        (["--columns", "cs2=radius_mm"], "found radius_mm, in mm by its name"),
        (["--columns", "radius=radius_mm"], "found radius; allowed: one for each of cs1 and cs2"),
        (["--mass", "51"], "--mass: found 51; allowed: all, or"),
    ):
        command = ["limit", "events.csv", "--detector", "merlin", "--overlay", "mine.yaml"]
        assert cli.main([*command, *arguments]) == 1
        assert words in capsys.readouterr().err


def check_of_templates(folder) -> None:
    """What is expected is what files and numbers say."""
    templates = folder / "results/templates/merlin"
    accidental = pd.read_parquet(templates / "accidental.parquet")
    given = histogram()["expected_events"].to_numpy().reshape(12, 2, 10, 2).sum(axis=(1, 3))
    np.testing.assert_allclose(
        accidental["expected_events"], 6 * given.ravel() / given.sum(), rtol=1e-6
    )
    for name, expected in (("er", 140), ("neutrons", 0.5)):
        rows = pd.read_parquet(templates / f"{name}.parquet")
        if "detection" in rows:
            rows = rows[(rows["leff"] == 0) & (rows["detection"] == 0)]
        assert rows["expected_events"].sum() == pytest.approx(expected)
    # The band of the efficiency: a lower curve accepts fewer, whatever the light yield.
    counts = pd.read_parquet(templates / "boosted.parquet")
    counts = counts.groupby(["leff", "detection"])["expected_events"].sum().unstack()
    assert (np.diff(counts, axis=1) > 0).all()


def check_of_results(folder, capsys) -> None:
    """Both ends, what is expected and p₀ of the data; the same from the command line."""
    observed = folder / "results/observed/merlin"
    (row,) = pd.read_csv(observed / "SI.csv").to_dict("records")
    assert row["n_events"] + row["n_outside"] == 152
    # The neutrons lie in a range; data that want fewer than none of them end at its end.
    assert row["status"] in ("ok", "rate_at_range_end")
    assert row["n_p0_toys"] == 20000
    assert row["p0_toys"] == pytest.approx(row["p0_asymptotic"], abs=0.15)
    assert 0 <= row["limit_low_cm2"] < row["limit_cm2"]
    nuisances = pd.read_csv(observed / "SI/50GeV.nuisances.csv")["parameter"].tolist()
    assert {"leff", "detection", "er_rate", "neutrons_rate", "accidental_rate"} == set(nuisances)
    for name in ("limits", "events", "nuisances"):
        assert (folder / f"results/figures/observed_{name}_merlin_SI.png").stat().st_size > 0
    (signal,) = pd.read_csv(folder / "results/summary/signals.csv").to_dict("records")
    assert signal["signal"] == "boosted"
    arguments = ["--detector", "merlin", "--overlay", "mine.yaml", "--output", "l.csv"]
    assert cli.main(["limit", "events.csv", "--mass", "all", *arguments]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "cs1 = 1.23 × S1c [phd] (phd → PE)" in said
    (again,) = pd.read_csv("l.csv").to_dict("records")
    assert again["limit_cm2"] == pytest.approx(row["limit_cm2"], rel=1e-9, abs=0)


def test_an_analysis_from_configuration_alone(folder, capsys):
    check_of_the_detector(capsys)
    check_of_mistakes(capsys)
    done = snakemake("--cores", "2", "observed", "results/summary/signals.csv")
    assert done.returncode == 0, done.stderr
    check_of_templates(folder)
    check_of_results(folder, capsys)
    arguments = ["--detector", "config/detectors/merlin.yaml", "--overlay", "mine.yaml"]
    assert cli.main(["recast", "b.csv", *arguments]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "background: 146.6 events (er 140, neutrons 0.5," in said
    assert "unified interval" in said
    pytest.importorskip("snakemake_executor_plugin_slurm")
    profile = str(ROOT / "workflow/profiles/slurm")
    planned = snakemake("--profile", profile, "--dry-run", "--forceall", "observed")
    assert planned.returncode == 0, planned.stderr
    assert "observed_of_mass" in planned.stdout
