"""A copy of the workflow in an empty folder, with a study small enough for tests."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]

TINY = {
    "results": "results",
    "detectors": ["xenon1t"],
    "masses_GeV": [10, 50],
    "trials": 20,
    "trials_per_batch": 20,
    "failures": {"trials": 10, "most_trials": 20},
    "response": {"events_per_energy_bin": 2000, "energy_bin_width_log": 0.1},
}


class Workflow:
    """The folder and its study; `run` starts Snakemake in it."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.study = dict(TINY)
        for name in ("Snakefile", "config", "profiles", "resources", "workflow"):
            source = ROOT / name
            copy = shutil.copytree if source.is_dir() else shutil.copy
            copy(source, folder / name)

    def run(self, *arguments: str, **changes: object) -> subprocess.CompletedProcess[str]:
        """Run Snakemake on the study with changes to it."""
        overlay = self.folder / "overlay.yaml"
        overlay.write_text(yaml.safe_dump(self.study | changes))
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

    def planned(self, **changes: object) -> dict[str, int]:
        """How many jobs of each rule a dry run plans."""
        done = self.run("--dry-run", **changes)
        text = done.stdout + done.stderr
        assert done.returncode == 0, text
        if "Nothing to be done" in text:
            return {}
        rows = [line.split() for line in text.split("Job stats:")[1].split("\n\n")[0].splitlines()]
        jobs = {row[0]: int(row[1]) for row in rows if len(row) == 2 and row[1].isdigit()}
        assert jobs.pop("total") == sum(jobs.values())
        return {rule: n for rule, n in jobs.items() if rule != "all"}

    def edit(self, file: str, old: str, new: str) -> None:
        """Change a text in a file."""
        path = self.folder / file
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))


@pytest.fixture
def workflow(tmp_path: Path) -> Workflow:
    return Workflow(tmp_path)
