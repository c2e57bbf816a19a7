"""A copy of the workflow in an empty folder, with a study small enough for tests."""

import dataclasses
import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import yaml
from snakemake.api import SnakemakeApi
from snakemake.jobs import Job
from snakemake.settings.enums import Quietness, RerunTrigger
from snakemake.settings.types import (
    ConfigSettings,
    DAGSettings,
    OutputSettings,
    ResourceSettings,
)

from zeptobarn.inference.load import load_model
from zeptobarn.inference.model import Model
from zeptobarn.study.loading import load_study
from zeptobarn.support.config import read_yaml

ROOT = Path(__file__).parents[2]
PROFILE = "profiles/default/config.yaml"
TARGETS = ("all", "failures", "pictures", "coverage", "observed")

TINY = {
    "results": "results",
    "detectors": ["xenon1t"],
    "masses_GeV": [10, 50],
    "critical_values": "asymptotic",
    "intervals": [
        {"name": "leff_nominal", "fixed": {"leff": 0}},
        {"name": "leff_low", "fixed": {"leff": -2}},
        {"name": "profiled", "profiled": ["leff"]},
    ],
    "shapes": [{"name": "leff", "anchors": [-2, 0, 2], "low_energy": "constant"}],
    "trials": 20,
    "trials_per_batch": 20,
    "failures": {"trials": 10, "most_trials": 20},
    "response": {"events_per_energy_bin": 2000, "energy_bin_width_log": 0.1},
}

# XENON1T with three backgrounds in coarse bins: where jobs matter, and numbers do not.
LITTLE_DETECTOR = """
base: xenon1t
title: little
response_max_keV: {nr: 60, er: 12}
analysis_space: {cs1: {low: 3, high: 27, bins: 12}, cs2: {low: 200, high: 5000, bins: 12}}
sources:
  - {name: cevns_8b, remove: true}
  - {name: cevns_hep, remove: true}
  - {name: cevns_atm, remove: true}
  - {name: cevns_dsnb, remove: true}
  - {name: wall, remove: true}
  - {name: anomalous, remove: true}
"""
LITTLE = {
    "detectors": ["little"],
    "masses_GeV": [50],
    "marked_masses_GeV": [],
    "published": {},
    "response": {"energy_bin_width_log": 0.1},
}


class Workflow:
    """The folder and its study; `run` starts Snakemake in it, `plan` only asks it.

    Parameters
    ----------
    little
        Whether the study is `LITTLE`, of the detector of that name.
    """

    def __init__(self, folder: Path, little: bool = False):
        self.folder, self.little = folder, little
        self.study = TINY | (LITTLE if little else {})
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("Snakefile", "config", "profiles", "resources", "workflow"):
            source = ROOT / name
            copy = shutil.copytree if source.is_dir() else shutil.copy
            copy(source, folder / name)
        if little:
            (folder / "config/detectors/little.yaml").write_text(LITTLE_DETECTOR)

    def write_overlay(self, **changes: object) -> None:
        """Write the study with changes to it."""
        (self.folder / "overlay.yaml").write_text(yaml.safe_dump(self.study | changes))

    def run(self, *arguments: str, **changes: object) -> subprocess.CompletedProcess[str]:
        """Run Snakemake on the study with changes to it."""
        self.write_overlay(**changes)
        environment = {k: v for k, v in os.environ.items() if k != "MAKELEVEL"}
        return subprocess.run(
            [
                sys.executable,
                "-m",
                "snakemake",
                "--cores",
                "2",
                *arguments,
                "--configfile",
                "overlay.yaml",
            ],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def plan(self, *targets: str, **changes: object) -> list[Job]:
        """Give the jobs that Snakemake would run, planned in this process.

        The study of the last run stays the folder's.
        """
        overlay = self.folder / "overlay.yaml"
        last = overlay.read_text() if overlay.exists() else None
        self.write_overlay(**changes)
        try:
            return self._plan(targets)
        finally:
            if last is not None:
                overlay.write_text(last)

    def _plan(self, targets: tuple[str, ...]) -> list[Job]:
        triggers = read_yaml(self.folder / PROFILE)["rerun-triggers"]
        settings = DAGSettings(
            targets=set(targets) or {"all"},
            rerun_triggers=RerunTrigger.parse_choices_set(triggers),
        )
        with SnakemakeApi(OutputSettings(dryrun=True, quiet={Quietness.ALL})) as api:
            workflow = api.workflow(
                ResourceSettings(cores=2),
                ConfigSettings(configfiles=[self.folder / "overlay.yaml"]),
                snakefile=self.folder / "Snakefile",
                workdir=self.folder,
            )
            workflow.dag(settings).execute_workflow(pseudo_executor="dryrun")
            dag = workflow._workflow.dag
            return [job for job in dag.jobs if dag.needrun(job) and job.rule.name not in TARGETS]

    def planned(self, *targets: str, **changes: object) -> Counter[str]:
        """How many jobs of each rule a dry run plans."""
        return Counter(job.rule.name for job in self.plan(*targets, **changes))

    def copy_to(self, folder: Path) -> "Workflow":
        """Copy the workflow with its results and Snakemake's records, ages included."""
        copied = Workflow(folder, self.little)
        for name in ("results", ".snakemake"):
            shutil.copytree(self.folder / name, folder / name)
        return copied

    def edit(self, file: str, old: str, new: str) -> None:
        """Change a text in a file."""
        path = self.folder / file
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))


def finished_model(workflow: Workflow) -> Model:
    """Read the model of XENON1T at 50 GeV/c² from the results of a workflow that has run."""
    config, overlay = workflow.folder / "config/config.yaml", workflow.folder / "overlay.yaml"
    study = load_study(config, overlay)
    study = dataclasses.replace(study, results=workflow.folder / study.results)
    return load_model(study, "xenon1t", 50)
