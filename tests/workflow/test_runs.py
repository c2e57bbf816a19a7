"""Real runs of the tiny study: what they leave, what they repeat, and what changes nothing."""

import dataclasses
import json
import os
import re
import shutil
import subprocess
import time

import pandas as pd
import pyarrow.parquet as pq
import pytest

from compare_numbers import numbers
from tiny import ROOT, Workflow
from zeptobarn.study.loading import load_study
from zeptobarn.support.tables import ResultError

LIMITS = "limits/xenon1t/SI/10GeV"
GROUP = pytest.mark.xdist_group("finished")

pytestmark = pytest.mark.slow


def limits(folder, mass=10, detector="xenon1t"):
    files = sorted(
        (folder / f"limits/{detector}/SI/{mass}GeV").glob("*.parquet"),
        key=lambda path: int(path.stem.split("-")[0]),
    )
    return pd.concat([pd.read_parquet(file) for file in files], ignore_index=True)


@GROUP
def test_a_run_leaves_the_contract(finished):
    workflow, said = finished
    results = workflow.folder / "results"
    expected = [
        "spectra/wimp_SI_10GeV.csv",
        "spectra/er_xenon1t_sr0.csv",
        "response/xenon1t/nr/leff_-2.parquet",
        "response/xenon1t/er/nominal.parquet",
        "templates/xenon1t/wimp_SI_50GeV.parquet",
        "templates/xenon1t/er.parquet",
        "toys/xenon1t/1-20.parquet",
        "toys/xenon1t/1-20.truth.parquet",
        "limits/xenon1t/SI/50GeV/1-20.parquet",
        "sensitivity/xenon1t.parquet",
        "summary/limits.parquet",
        "summary/limits.csv",
        *(
            f"figures/{name}.{suffix}"
            for name in (
                "spectra_SI",
                "yields_xenon1t",
                "templates_xenon1t",
                "bands_xenon1t",
                "limits_xenon1t_SI",
            )
            for suffix in ("pdf", "png")
        ),
    ]
    assert [name for name in expected if not (results / name).is_file()] == []
    # No half-written file is left, and every Parquet file says where it comes from.
    assert [p for p in results.rglob(".*") if p.is_file()] == []
    for path in results.rglob("*.parquet"):
        metadata = json.loads(pq.read_schema(path).metadata[b"zeptobarn"])
        assert {"units", "config_hash", "seed", "versions"} <= set(metadata)
        assert set(metadata["units"]) == set(pq.read_schema(path).names)
    # The closing table, and what it says to open.
    assert "upper limit (q̃)" in said
    assert "Figures: results/figures/limits_SI.png, limits_xenon1t_SI.png" in said


@GROUP
def test_summary_of_a_run(finished):
    workflow, _ = finished
    table = pd.read_csv(workflow.folder / "results/summary/limits.csv")
    assert len(table) == 2 * 3
    assert (table["n_failed"] == 0).all()
    bands = ["minus2sigma", "minus1sigma", "median", "plus1sigma", "plus2sigma"]
    values = table[[f"{name}_cm2" for name in bands]].to_numpy()
    assert (values[:, 1:] >= values[:, :-1]).all()


@GROUP
def test_numbers_of_a_run(finished, monkeypatch):
    """Those that are compared with a file, of the default study."""
    folder = finished[0].folder
    monkeypatch.chdir(folder)
    study = load_study("config/config.yaml", "overlay.yaml")
    by_key = numbers(study).set_index(["source", "mass_GeV", "interval", "quantity"])
    table = pd.read_csv("results/summary/limits.csv").set_index(["mass_GeV", "interval"])
    n_sources = len(study.detectors["xenon1t"].sources)
    assert len(by_key) == 2 * 3 * 8 + 2 + n_sources
    row = by_key.loc["", "50", "profiled", "plus1sigma_cm2"]
    assert row["value"] == pytest.approx(table["plus1sigma_cm2"][50, "profiled"], rel=1e-12, abs=0)
    assert 0.02 < row["error"] / row["value"] < 0.5  # of 20 trials
    template = pd.read_parquet("results/templates/xenon1t/wimp_SI_50GeV.parquet")
    nominal = template["expected_events"][template["leff"] == 0].sum()
    events = by_key.loc["wimp_SI_50GeV", "", "", "expected_events"]["value"]
    assert events == pytest.approx(nominal, rel=1e-12, abs=0)
    with pytest.raises(ResultError):
        numbers(dataclasses.replace(study, trials=19))


@GROUP
@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        # More trials: no response, no template.
        ({"trials": 40}, {"toys", "toys_at", "limits", "summary", "tables", "figures"}),
        # Another mass: its own spectrum, template and limits.
        (
            {"masses_GeV": [10, 50, 200]},
            {"spectrum", "template", "limits", "sensitivity", "summary", "tables", "figures"},
        ),
        ({"confidence_level": 0.95}, {"limits", "sensitivity", "summary", "tables", "figures"}),
        (
            {"halo": "xenon2017"},
            {"spectrum", "template", "limits", "sensitivity", "summary", "tables", "figures"},
        ),
        # The response is without random numbers.
        ({"seed": 2}, {"toys", "toys_at", "limits", "sensitivity", "summary", "tables", "figures"}),
        (
            {
                "response": {
                    "method": "simulation",
                    "events_per_energy_bin": 2000,
                    "energy_bin_width_log": 0.1,
                }
            },
            {
                "response",
                "template",
                "toys",
                "toys_at",
                "limits",
                "sensitivity",
                "summary",
                "tables",
                "figures",
            },
        ),
        ({"power_constraint": 0.5}, {"summary", "tables", "figures"}),
        # Quadrature has no error to estimate.
        ({"template_replicas": 2}, set()),
        ({"density": "kde"}, set()),
        # Asymptotic limits do not depend on it.
        ({"calibration": {"toys": 10, "expected_events": [0, 3]}}, set()),
        ({"published": {"xenon1t": []}}, {"figures"}),
    ],
)
def test_only_what_changed_is_planned(finished, changes, expected):
    planned = finished[0].planned(**changes)
    families = {"outcomes": "tables", "table": "tables"}
    rules = {
        "figures" if rule.startswith("figure") else families.get(rule, rule) for rule in planned
    }
    assert rules == expected


@GROUP
def test_another_mass_leaves_the_others_alone(finished):
    planned = finished[0].planned(masses_GeV=[10, 50, 200])
    assert {rule: planned[rule] for rule in ("spectrum", "template", "limits")} == {
        "spectrum": 1,
        "template": 1,
        "limits": 1,
    }


@GROUP
def test_an_lz_number_touches_no_xenon1t_file(finished, tmp_path):
    """Both detectors are planned; XENON1T's jobs are done already, whatever LZ's numbers are."""
    workflow = finished[0].copy_to(tmp_path)
    workflow.edit("config/detectors/lz.yaml", "electron_gain: 83 ", "electron_gain: 80 ")
    jobs = workflow.plan(detectors=["xenon1t", "lz"])
    outputs = [str(name) for job in jobs for name in job.output]
    assert any("response/lz/" in name for name in outputs)
    touched = [
        name for name in outputs if "/xenon1t/" in name or name.startswith("results/spectra/wimp")
    ]
    assert touched == []


@GROUP
def test_an_er_number_repeats_no_nr_response(finished, tmp_path):
    workflow = finished[0].copy_to(tmp_path)
    workflow.edit("config/detectors/xenon1t.yaml", "er: 0.18}", "er: 0.19}")
    planned = workflow.planned()
    assert planned["response"] == 1
    assert planned["template"] == 1


def test_batches_cores_and_threads_change_nothing(tmp_path):
    """1 × 1000 and 10 × 100 trials, 1 and 2 cores, 1 and 2 threads: the same limits."""
    runs, summary = {}, "results/summary/limits.csv"
    for name, per_batch, arguments in (
        ("one", 1000, ["--cores", "1"]),
        ("ten", 100, ["--cores", "2"]),
        ("threads", 1000, ["--cores", "2", "--set-threads", "limits=2", "response=2"]),
    ):
        if name == "ten":  # how trials are batched is nothing to a response or a template
            workflow = runs["one"][0].copy_to(tmp_path / name)
            for made in ("toys", "limits", "summary"):
                shutil.rmtree(tmp_path / name / "results" / made)
        else:
            workflow = Workflow(tmp_path / name, little=True)
        done = workflow.run(summary, *arguments, trials=1000, trials_per_batch=per_batch)
        assert done.returncode == 0, done.stderr
        results = tmp_path / name / "results"
        assert len(list((results / "limits/little/SI/50GeV").iterdir())) == 1000 // per_batch
        made = limits(results, 50, "little")
        runs[name] = workflow, made, (results / "summary/limits.csv").read_bytes()
    for other in ("ten", "threads"):
        pd.testing.assert_frame_equal(runs["one"][1], runs[other][1], check_exact=True)
        assert runs["one"][2] == runs[other][2]


def test_parts_of_a_study_make_the_whole(tmp_path):
    """Two halves with half of the trials each, merged as docs/cluster.md says, byte for byte.

    Then further trials: their batches are computed, and no other. Last, what the order of the
    copies is for.
    """
    workflow = Workflow(tmp_path, little=True)
    workflow.study["trials_per_batch"] = 5
    parts = {
        "whole": {"trials": 20},
        "first": {"trials": 10},
        "second": {"trials": 10, "first_trial": 11},
    }

    def study(name, **changes):
        folder = f"results/{name}"
        targets = [
            f"{folder}/{file}" for file in ("summary/outcomes.html", "figures/limits_SI.png")
        ]
        return targets, {"results": folder, **parts[name], **changes}

    for name in parts:
        targets, changes = study(name)
        done = workflow.run(*targets, **changes)
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "results/second/toys/little/leff_-2/16-20.parquet").is_file()
    merge = "cp -R results/second/toys results/second/limits results/first/"
    assert merge in (ROOT / "docs/cluster.md").read_text()
    subprocess.run(merge.split(), cwd=tmp_path, check=True)
    targets, changes = study("first", trials=20)
    assert workflow.planned(*targets, **changes) == {
        "summary": 1, "outcomes": 1, "table": 1, "figure_limits_together": 1,
    }  # fmt: skip
    done = workflow.run(*targets, **changes)
    assert done.returncode == 0, done.stderr
    assert workflow.planned(*targets, **changes) == {}
    merged, whole = (
        {
            str(file.relative_to(tmp_path / "results" / name)): file.read_bytes()
            for file in (tmp_path / "results" / name).rglob("*.*")
            if not {"logs", "benchmarks"} & set(file.parts)
        }
        for name in ("first", "whole")
    )
    assert "limits/little/SI/50GeV/11-15.parquet" in whole
    assert "summary/limits.csv" in whole
    assert set(merged) == set(whole)
    assert [name for name in whole if merged[name] != whole[name]] == []
    jobs = workflow.plan(*targets, **changes | {"trials": 30})
    planned = {(job.rule.name, job.wildcards.get("batch")) for job in jobs}
    rules = ("toys", "toys_at", "limits")
    batches = ("21-25", "26-30")
    assert {job for job in planned if job[1]} == {(r, b) for r in rules for b in batches}
    assert {rule for rule, batch in planned if not batch} == {
        "summary", "outcomes", "table", "figure_limits_together",
    }  # fmt: skip
    wrong = "cp -R results/second/limits results/second/toys results/first/"
    subprocess.run(wrong.split(), cwd=tmp_path, check=True)
    assert workflow.planned(*targets, **changes)["limits"] == 2


def test_a_simulated_response_with_kernel_estimates(tmp_path):
    """Templates have an error, which the summary has; without kernels a log names empty bins."""
    workflow = Workflow(tmp_path)
    workflow.study |= {
        "masses_GeV": [50],
        "trials": 5,
        "trials_per_batch": 5,
        "template_replicas": 5,
        "response": {
            "method": "simulation",
            "events_per_energy_bin": 20,
            "energy_bin_width_log": 0.1,
        },
    }
    done = workflow.run("results/summary/limits.csv", density="kde")
    assert done.returncode == 0, done.stderr
    results = tmp_path / "results"
    table = pd.read_csv(results / "summary/limits.csv")
    error = table["template_error_cm2"] / table["asimov_cm2"]
    assert error.between(1e-4, 0.3).all()
    bias = table["template_bias_cm2"] / table["asimov_cm2"]
    assert bias.abs().between(1e-5, 0.3).all()
    template = pd.read_parquet(results / "templates/xenon1t/er.parquet")
    assert (template["variance"] > 0).any()
    done = workflow.run("results/templates/xenon1t/er.parquet", density="histogram")
    assert done.returncode == 0, done.stderr
    assert re.search(
        r"empty bins that events of the source could hit:[\s\S]*xenon1t +er +nominal +\d",
        (results / "logs/templates/xenon1t/er.log").read_text() + done.stdout + done.stderr,
    )


def test_a_light_wimp(tmp_path):
    """Electronic recoils as a signal: the study that ships, cut short."""
    workflow = Workflow(tmp_path)
    workflow.study |= {"masses_GeV": [1], "trials": 5, "trials_per_batch": 5}
    done = workflow.run(
        "results/figures/limits_xenon1t_SI_bremsstrahlung.png", interactions=["SI_bremsstrahlung"]
    )
    assert done.returncode == 0, done.stderr
    table = pd.read_csv(tmp_path / "results/summary/limits.csv")
    assert (table["interaction"] == "SI_bremsstrahlung").all()
    assert table["median_cm2"].between(1e-37, 1e-34).all()
    # leff touches the backgrounds alone.
    assert table["median_cm2"].max() < 1.05 * table["median_cm2"].min()


def test_calibrated_limits_of_a_combination_and_their_coverage(tmp_path):
    """Two detectors and both together, critical values from toys, every kind of interval."""
    workflow = Workflow(tmp_path)
    intervals = [
        {"name": "low", "fixed": {"leff": -2}},
        {"name": "cls", "profiled": ["leff"], "cls": True},
        {"name": "unified", "profiled": ["leff"], "kind": "unified"},
        {"name": "central", "profiled": ["leff"], "kind": "central"},
    ]
    changes = {
        "detectors": ["xenon1t", "lz"],
        "combined": {"both": ["xenon1t", "lz"]},
        "masses_GeV": [50],
        "trials": 5,
        "trials_per_batch": 5,
        "critical_values": "toys",
        "intervals": intervals,
        "calibration": {"toys": 1600, "expected_events": [0, 1, 2.5, 5, 9, 15]},
        "coverage": {"toys": 100, "masses_GeV": [50], "expected_events": [3, 6]},
    }
    done = workflow.run("results/summary/limits.csv", "coverage", **changes)
    assert done.returncode == 0, done.stderr
    results = tmp_path / "results"
    table = pd.read_csv(results / "summary/limits.csv").set_index(["detector", "interval"])
    assert len(table) == 3 * 4
    assert (table["median_cm2"] > 0).all()
    assert (table["template_error_cm2"] < table["asimov_cm2"]).all()
    medians = table["median_cm2"].unstack()
    assert (medians.loc["both"] < medians.loc["xenon1t"]).all()
    assert medians.loc["both"].to_numpy() == pytest.approx(
        medians.loc["lz"].to_numpy(), rel=0.5, abs=0
    )
    for name in ("xenon1t", "lz", "both"):
        calibration = pd.read_parquet(results / f"calibration/{name}/SI/50GeV.parquet")
        assert list(calibration["interval"].unique()) == ["low", "cls", "unified"]
        assert (calibration["n_failed"] == 0).all()
        rows = pd.read_parquet(results / f"limits/{name}/SI/50GeV/1-5.parquet")
        ends = rows.set_index(["interval", "trial"])["limit_low_rate_multiplier"].unstack()
        assert ends.loc[["low", "cls"]].isna().all(axis=None)
        assert (ends.loc[["unified", "central"]] >= 0).all(axis=None)
        coverage = pd.read_parquet(results / f"coverage/{name}/SI/50GeV.parquet")
        share = coverage["n_covered"] / coverage["n_trials"]
        assert share[coverage["calibration"] == "toys"].min() > 0.75
        assert (results / f"figures/coverage_{name}_SI.png").is_file()
    assert workflow.planned("results/summary/limits.csv", "coverage", **changes) == {}


def test_a_notebooks_backend_is_not_the_jobs(workflow, monkeypatch):
    """Its variable is inherited by all that is started there, and names what they do not have."""
    monkeypatch.setenv("MPLBACKEND", "one_that_matplotlib_lacks")
    done = workflow.run("results/figures/yields_xenon1t.png")
    assert done.returncode == 0, done.stderr
    assert (workflow.folder / "results/figures/yields_xenon1t.png").is_file()


@GROUP
def test_a_clock_set_back(finished, tmp_path):
    """Results from tomorrow are neither made again nor taken for newer than what is made now."""
    workflow = finished[0].copy_to(tmp_path)
    tomorrow = time.time() + 86_400
    results = [path for path in (tmp_path / "results").rglob("*") if path.is_file()]
    for path in results:
        os.utime(path, (tomorrow, tomorrow))
    assert workflow.planned() == {}
    first = (tmp_path / "results" / LIMITS / "1-20.parquet").read_bytes()
    done = workflow.run(trials=40)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "results" / LIMITS / "1-20.parquet").read_bytes() == first
    assert limits(tmp_path / "results")["trial"].nunique() == 40
    summary = pd.read_csv(tmp_path / "results/summary/limits.csv")
    assert (summary["n_trials"] == 40).all()
    assert workflow.planned(trials=40) == {}
