"""The Makefile in a folder whose name has a space, and for users without a home."""

import os
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture
def make(tmp_path):
    """Run make in a copy of what it needs."""
    folder = tmp_path / "my study"
    folder.mkdir()
    for name in (
        "Makefile",
        "config",
        "tools",
        "benchmarks",
        "requirements.lock",
        "pyproject.toml",
    ):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, folder / name)

    def run(*arguments, **changes):
        return subprocess.run(
            ["make", *arguments],
            cwd=folder,
            env={**os.environ, **changes},
            capture_output=True,
            text=True,
            check=False,
        )

    run.folder = folder
    return run


def test_every_recipe_quotes_what_may_have_a_space(make):
    config = make.folder / "config/config.yaml"
    text = config.read_text()
    config.write_text(text.replace("results: results", 'results: "my results"  # here'))
    for target in ("report", "test", "lint", "bench-inference", "mutants", "numbers"):
        planned = make("-n", target, "PYTHON=/my python/python3")
        assert planned.returncode == 0
        words = shlex.split(planned.stdout.replace("\\\n", ""))
        assert not [word for word in words if word.split("/")[-1] == "my"], planned.stdout
    report = make("-n", "report").stdout
    assert 'zeptobarn table --results "my results"\n' in report
    assert '--report "my results/report.html"\n' in report


def test_an_environment_whose_path_has_a_space_is_not_made(make):
    done = make("setup")
    assert done.returncode != 0
    assert "Snakemake does not quote the path of Python" in done.stderr
    assert "make VENV=/a/path/without/spaces" in done.stderr
    assert not (make.folder / ".venv").exists()


def test_an_environment_elsewhere(make):
    planned = make("-n", "VENV=/elsewhere/venv").stdout
    assert "/elsewhere/venv/bin/python tools/compile_kernels.py" in planned
    database = make("-n", "-p", "VENV=/elsewhere/venv").stdout
    assert "BIN := /elsewhere/venv/bin\n" in database


@pytest.mark.parametrize("changes", [{"HOME": "/dev/null/me"}, {"XDG_CACHE_HOME": "/dev/null"}])
def test_without_a_folder_for_caches_there_is_one_here(make, tmp_path, changes):
    database = make("-n", "-p", **{"HOME": str(tmp_path), "XDG_CACHE_HOME": "", **changes}).stdout
    assert f"XDG_CACHE_HOME := {make.folder}/.snakemake/home\n" in database
    with_home = make("-n", "-p", HOME=str(tmp_path), XDG_CACHE_HOME="").stdout
    assert ".snakemake/home" not in with_home
