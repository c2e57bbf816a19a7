"""Kill a running workflow at some moment, and start it again with the same command."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from tiny import Workflow

WHOM = ("group", "main", "job")

# What a little workflow is asked for: every step of the default one but calibration.
SMALLEST = {
    "intervals": [{"name": "profiled", "profiled": ["leff"]}],
    "trials_per_batch": 10,
}


def contents(workflow: Workflow) -> dict[str, bytes]:
    """Give what is in a study's results, its logs left out."""
    results = workflow.folder / "results"
    return {
        str(file.relative_to(results)): file.read_bytes()
        for file in results.rglob("*")
        if file.is_file() and file.relative_to(results).parts[0] not in ("logs", "benchmarks")
    }


def kill(
    workflow: Workflow,
    whom: str,
    after_s: float,
    before: Callable[[], None] = lambda: None,
    targets: tuple[str, ...] = (),
) -> str:
    """Start a workflow, and kill its process group, its main process alone, or one of its jobs.

    Parameters
    ----------
    workflow
        Its overlay is written.
    after_s
        When: seconds after Snakemake has planned the jobs.
    before
        Called while it runs.
    targets
        What Snakemake is asked for; all that it makes by default, if nothing.

    Returns
    -------
    What was hit: the names of scripts that ran, or that the workflow had ended.
    """
    command = [sys.executable, "-m", "snakemake", "--cores", "2", *targets]
    command += ["--configfile", "overlay.yaml"]
    with (workflow.folder / "killed.log").open("w") as log:
        main = subprocess.Popen(
            command, cwd=workflow.folder, stdout=log, stderr=log, start_new_session=True
        )
    while main.poll() is None and "Job stats" not in (workflow.folder / "killed.log").read_text():
        time.sleep(0.02)
    time.sleep(after_s)
    before()
    if main.poll() is not None:
        return "nothing: it had ended"
    jobs = [child for child in psutil.Process(main.pid).children(recursive=True) if _script(child)]
    hit = ", ".join(_script(job) for job in jobs) or "no job"
    if whom == "group":
        os.killpg(main.pid, signal.SIGKILL)
    elif whom == "main":
        main.kill()
    elif jobs:
        jobs[0].kill()
    main.wait()
    return hit


def _script(process: psutil.Process) -> str:
    """Name the workflow's script that a process runs; nothing if it runs none."""
    try:
        command = process.cmdline()
    except psutil.NoSuchProcess:
        return ""
    is_python = bool(command) and Path(command[0]).name.startswith("python")
    scripts = [Path(part).name for part in command if part.endswith(".py")] if is_python else []
    return scripts[0].split(".")[-2] if scripts else ""
