"""What Snakemake plans after a change: the jobs that it concerns, those that follow, no others."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tiny import ROOT, Workflow
from zeptobarn.support import reachable
from zeptobarn.support.reachable import PACKAGE, reached

RULES = {
    "spectrum", "response", "template", "toys", "toys_at", "limits", "sensitivity", "summary",
    "outcomes", "table", "figure_spectra", "figure_yields", "figure_templates", "figure_limits",
    "figure_limits_together",
}  # fmt: skip
SCRIPTS = sorted((ROOT / "workflow/scripts").glob("*.py"))

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("finished")]


@pytest.fixture
def workflow(finished, tmp_path):
    """A copy of a workflow that has run."""
    return finished[0].copy_to(tmp_path / "workflow")


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A copy of the package that plans are made by."""
    shutil.copytree(PACKAGE, tmp_path / "zeptobarn")
    monkeypatch.setattr(reachable, "PACKAGE", tmp_path / "zeptobarn")
    return tmp_path / "zeptobarn"


def change(file, old, new):
    text = file.read_text()
    assert text.count(old) == 1
    file.write_text(text.replace(old, new))


def touch_all_but_results(workflow):
    """Make what the study brings along younger than its results."""
    folders = ("workflow", "config", "resources", "profiles")
    files = [p for name in folders for p in (workflow.folder / name).rglob("*") if p.is_file()]
    for path in files:
        path.touch()
    return files


def test_nothing_a_second_time(workflow):
    assert workflow.planned() == {}


def test_a_comment_plans_nothing(workflow, package):
    change(
        package / "physics/yield_constants.py",
        "QUANTA_PER_KEV = 73.0",
        "QUANTA_PER_KEV = 73.0  # or so",
    )
    change(workflow.folder / "workflow/scripts/limits.py", "keep_log(", "# Why.\nkeep_log(")
    assert workflow.planned() == {}


def test_a_constant_in_the_yields_plans_all_but_spectra(workflow, package):
    change(package / "physics/yield_constants.py", "QUANTA_PER_KEV = 73.0", "QUANTA_PER_KEV = 73.1")
    planned = workflow.planned()
    assert set(planned) == RULES - {"spectrum", "figure_spectra"}
    assert planned["response"] == 4
    assert planned["limits"] == 2


def test_a_constant_of_a_figure_plans_that_figure(workflow, package):
    change(package / "figures/yields.py", "new_figure(7.2,", "new_figure(7.3,")
    assert workflow.planned() == {"figure_yields": 1}


def test_a_change_in_a_script_plans_its_jobs_and_what_follows(workflow):
    script = workflow.folder / "workflow/scripts/summary.py"
    script.write_text(script.read_text() + "ADDED = 1\n")
    assert workflow.planned() == {
        "summary": 1,
        "table": 1,
        "figure_limits": 1,
        "figure_limits_together": 1,
    }


def test_touched_files_plan_nothing(workflow, package):
    """Scripts, rules, configuration and spectra: their age is not their content."""
    assert len(touch_all_but_results(workflow)) > 90
    for path in package.rglob("*.py"):
        path.touch()
    assert workflow.planned() == {}


def test_the_profile_loads_by_itself(workflow):
    """As a user starts it: scripts are younger than what they made, and nothing is to be done."""
    touch_all_but_results(workflow)
    done = workflow.run("--dry-run")
    assert done.returncode == 0, done.stderr
    assert "Nothing to be done" in done.stdout + done.stderr
    done = workflow.run("--dry-run", "--workflow-profile", "none")
    assert "Nothing to be done" not in done.stdout + done.stderr


@pytest.mark.parametrize("history", [True, False], ids=["with_history", "without_history"])
def test_a_fresh_checkout_with_results_copied_into_it_plans_nothing(finished, tmp_path, history):
    """Whether or not Snakemake's own records (.snakemake) come along."""
    fresh = Workflow(tmp_path)
    copied = finished[0].folder
    shutil.copytree(copied / "results", tmp_path / "results")
    if history:
        shutil.copytree(copied / ".snakemake", tmp_path / ".snakemake")
    touch_all_but_results(fresh)
    assert fresh.planned() == {}


@pytest.mark.parametrize(
    ("file", "old", "new", "expected"),
    [
        ("resources/spectra/cevns_8b.csv", "0.0053813", "0.0053814", RULES - {
            "response", "figure_yields"
        }),
        ("resources/published/xenon1t_2017.csv", "1.5371e-43", "1.5372e-43", {
            "figure_limits", "figure_limits_together"
        }),
    ],
    ids=["spectrum", "published"],
)  # fmt: skip
def test_what_an_input_file_says_counts(workflow, file, old, new, expected):
    path = workflow.folder / file
    before = path.stat()
    path.write_text(path.read_text().replace(old, new, 1))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))  # nothing else tells
    assert set(workflow.planned()) == expected


@pytest.mark.parametrize(
    "module",
    [
        "physics/halo.py",
        "physics/detector.py",
        "study/study.py",
        "support/tables.py",
        "templates/toys.py",
        "inference/fit.py",
        "inference/result_kinds.py",
        "summary/sensitivity.py",
        "figures/style.py",
        "failures/rows.py",
        "cli/limit.py",
    ],
)
def test_a_change_anywhere_plans_what_can_run_it_and_what_follows(workflow, package, module):
    """A module of each folder; which scripts reach any of them, `test_reachable` looks at."""
    path = package / module
    reaching = {s.name for s in SCRIPTS if reachable._name(path) in reached(s)}
    path.write_text(path.read_text() + "\nADDED = 1\n")
    jobs = workflow.plan()
    own = {job for job in jobs if Path(job.rule.script).name in reaching}
    assert {job.rule.name for job in own} == {
        rule for rule in RULES if f"{rule.removesuffix('_at')}.py" in reaching
    }
    # What is planned besides has an input that is made anew.
    made = {file for job in jobs for file in map(str, job.output)}
    for job in set(jobs) - own:
        assert made & set(map(str, job.input)), job.rule.name


def test_the_workflow_finds_its_files_from_another_folder(tmp_path):
    """A folder without a configuration of its own gets the default study."""
    done = subprocess.run(
        [sys.executable, "-m", "snakemake", "-n", "--cores", "2", "-s", ROOT / "Snakefile"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    jobs = dict(re.findall(r"^(limits|total) +(\d+)$", done.stdout, re.MULTILINE))
    assert int(jobs["total"]) > int(jobs["limits"]) > 50
    assert not (tmp_path / "results").exists()


def test_planning_does_without_numba(workflow):
    """Each step of a cluster's jobs reads the workflow first: half a second for nothing."""
    workflow.write_overlay()
    code = (
        "import sys\nfrom snakemake.cli import main\ntry:\n"
        "    main(['-n', '--cores', '1', '--configfile', 'overlay.yaml'])\n"
        "except SystemExit as end:\n    assert end.code == 0\n"
        "print('loaded:', *{'numba', 'scipy.stats', 'matplotlib'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=workflow.folder,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.endswith("loaded:\n")
