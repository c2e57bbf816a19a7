"""Hostile input through the real commands, each in a process of its own."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import yaml

from hostile.cases import some_file
from hostile.generate import damages, yaml_texts
from hostile.kind import Kind
from hostile.outcomes import LONGEST_MESSAGE, Outcomes

LONGEST_COMMAND_S = 60
_TABLE = ("zeptobarn.cli.cli", "table", "--results", "copy")


def kinds(workflow: Path) -> list[Kind]:
    """Give the kinds of input for commands.

    Parameters
    ----------
    workflow
        A folder with the workflow, its ``overlay.yaml``, and the results of that.
    """
    overlay = yaml.safe_load((workflow / "overlay.yaml").read_text())

    def try_overlay(text: str, folder: Path, outcomes: Outcomes) -> None:
        (workflow / "mine.yaml").write_text(text, encoding="utf-8")
        plan = ("snakemake", "--dry-run", "--configfile", "mine.yaml")
        _add(outcomes, text, plan, workflow, "mine.yaml")

    def try_summary(case: tuple[Path, bytes], folder: Path, outcomes: Outcomes) -> None:
        file, content = case
        copy = folder / "copy/summary" / file.name
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(content)
        _add(outcomes, file, _TABLE, folder, file.name)

    files = [workflow / "results/summary/limits.parquet"]
    return [
        Kind("overlay, snakemake --dry-run", yaml_texts(overlay).filter(_reaches_us), try_overlay),
        Kind(
            "bytes of the summary, zeptobarn table",
            some_file(files, lambda file: damages(file.read_bytes())),
            try_summary,
        ),
    ]


def _reaches_us(text: str) -> bool:
    """Whether Snakemake, which reads overlays before the workflow, takes a text for one."""
    try:
        return isinstance(yaml.safe_load(text), dict)
    except (yaml.YAMLError, ValueError, RecursionError, TypeError):
        return False


def _add(
    outcomes: Outcomes, case: object, command: Sequence[str], folder: Path, named: str
) -> None:
    """Run a command, and count how it ended."""
    try:
        done = subprocess.run(
            [sys.executable, "-m", *command],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=LONGEST_COMMAND_S,
        )
    except subprocess.TimeoutExpired:
        outcomes.count("hung", case, f"more than {LONGEST_COMMAND_S} s")
        return
    said = (done.stdout + done.stderr).strip()  # a dry run says it on standard output
    if "Traceback (most recent call last)" in said:
        outcomes.count("traceback", case, said[-LONGEST_MESSAGE:])
    elif done.returncode == 0:
        outcomes.count("taken", case)
    elif named in said:
        outcomes.count("refused", case)
    else:
        outcomes.count("badly refused", case, said[-LONGEST_MESSAGE:])
