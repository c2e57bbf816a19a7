"""Run Snakemake's linter, and fail on what it finds but for one thing.

It wants a conda environment or a container for each rule. Here every job runs in the environment
that Snakemake was started from, whose lock holds all of it, and a container that does not exist
would only silence the linter.
"""

import re
import subprocess
import sys

_ALLOWED = "Specify a conda environment or container for each rule."


def complaints(text: str) -> list[str]:
    """Give the linter's complaints that are not allowed, each with the rule that it is about."""
    messages, about = [], ""
    for line in text.splitlines():
        if line.startswith("Lints for "):
            about = line.removeprefix("Lints for ").rstrip(":")
        elif (bullet := re.match(r" +\* (.*):$", line)) and bullet[1] != _ALLOWED:
            messages.append(f"{about}: {bullet[1]}")
    return messages


def main() -> int:
    run = subprocess.run(
        [sys.executable, "-m", "snakemake", "--lint"], capture_output=True, text=True, check=False
    )
    messages = complaints(run.stdout + run.stderr)
    if run.returncode and "Lints for " not in run.stdout + run.stderr:
        messages = [run.stderr]
    print(*messages, sep="\n", end="\n" if messages else "")
    return 1 if messages else 0


if __name__ == "__main__":
    raise SystemExit(main())
