"""What becomes of hostile input, of damaged results, and of runs that are killed.

A tiny study is run once in a folder of its own. Then thousands of configurations, detectors, data
files and results, each with something wrong in it, are given to the library, and some to the real
commands; and runs of the study are killed at random moments and started again with the same
command, which must end with the same bytes. What is tried stands in tests/hostile and
tests/workflow/kills.py; the tests try a few of each.

`make reliability` writes docs/reliability.md.
"""

import argparse
import platform
import random
import resource
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests/workflow")]

from hostile import cases, commands  # noqa: E402
from hostile.outcomes import GOOD  # noqa: E402
from kills import SMALLEST, WHOM, contents, kill  # noqa: E402
from tiny import Workflow, finished_model  # noqa: E402

BAD = ("badly refused", "traceback", "hung")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=800, help="of each kind of input")
    parser.add_argument("--commands", type=int, default=100, help="of each kind of command")
    parser.add_argument("--kills", type=int, default=40)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        workflow = Workflow(folder / "undisturbed")
        done = workflow.run(**SMALLEST)
        if done.returncode:
            raise SystemExit(done.stderr)
        with ThreadPoolExecutor(1) as pool:  # beside each other: most of either uses one core
            running = pool.submit(killed, workflow, folder, given.kills)
            rows, faults = hostile(workflow, folder, given.cases, given.commands)
            memory_GB = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
            outcomes = running.result()
    text = page(rows, memory_GB, outcomes, faults)
    (ROOT / "docs/reliability.md").write_text(text, encoding="utf-8")
    print(text)


def hostile(
    workflow: Workflow, folder: Path, n_cases: int, n_commands: int
) -> tuple[list[tuple[str, Counter[str]]], list[str]]:
    """Try hostile input; give counts of outcomes by kind of input, and what went wrong."""
    model = finished_model(workflow)
    tries = [
        *((kind, n_cases) for kind in cases.kinds(ROOT, model, workflow.folder / "results")),
        *((kind, n_commands) for kind in commands.kinds(workflow.folder)),
    ]
    rows, faults = [], []
    for kind, number in tries:
        outcomes = cases.run(kind, number, folder)
        rows.append((kind.name, outcomes.counts))
        faults += [f"{kind.name}: {fault}" for fault in outcomes.faults]
        print(kind.name, dict(outcomes.counts), *outcomes.faults[:5], sep="\n  ", flush=True)
    return rows, faults


def killed(undisturbed: Workflow, folder: Path, number: int) -> Counter[tuple[str, str]]:
    """Kill runs and start them again; give counts by whom it hit and how the second run ended."""
    wanted = contents(undisturbed)
    counts: Counter[tuple[str, str]] = Counter()
    rng = random.Random(1)
    for i in range(number):
        workflow = Workflow(folder / "killed")
        workflow.write_overlay(**SMALLEST)
        whom, after_s = WHOM[i % len(WHOM)], rng.uniform(0, 10)
        hit = kill(workflow, whom, after_s)
        again = workflow.run(**SMALLEST)
        end = "same bytes" if contents(workflow) == wanted else "other bytes"
        if again.returncode:
            end = "did not end by itself"
        counts[whom, end] += 1
        print(f"{whom} after {after_s:.1f} s ({hit}): {end}", flush=True)
        shutil.rmtree(workflow.folder)
    return counts


def page(
    rows: Sequence[tuple[str, Counter[str]]],
    memory_GB: float,
    killed_runs: Counter[tuple[str, str]],
    faults: Sequence[str],
) -> str:
    """Write the page of docs/."""
    ends = ("same bytes", "other bytes", "did not end by itself")
    lines = [
        "# What does not go wrong silently",
        "",
        f"Written by `make reliability` on {date.today():%Y-%m-%d} ({platform.machine()}, Python "
        f"{platform.python_version()}). Each case is input that works with one or two things "
        "changed. It is *refused* with a message of at most 1000 characters that names the file, "
        "or *taken*: its change is a legal one, or of no effect (of results: only if they hold "
        "exactly what they held). The last columns count what none may do: a refusal that does "
        "not say where, a traceback or a result used silently, and more than 20 s (a command: "
        f"60 s). The process of all cases in the library took {memory_GB:.1f} GB at most.",
        "",
        f"| input | tried | {' | '.join((*GOOD, *BAD))} |",
        f"| --- |{' --- |' * (1 + len(GOOD) + len(BAD))}",
        *(
            f"| {name} | {counts.total()} | "
            + " | ".join(str(counts[kind]) for kind in (*GOOD, *BAD))
            + " |"
            for name, counts in rows
        ),
        "",
        "Runs of a small study (36 jobs) that were killed with SIGKILL at a random moment, and "
        "started again with the same command:",
        "",
        f"| killed | runs | {' | '.join(ends)} |",
        "| --- | --- | --- | --- | --- |",
        *(
            f"| {whom} | {sum(killed_runs[whom, end] for end in ends)} | "
            + " | ".join(str(killed_runs[whom, end]) for end in ends)
            + " |"
            for whom in WHOM
        ),
        "",
        "*group*: Snakemake with all its jobs; *main*: Snakemake alone, its jobs go on; *job*: one "
        "job.",
    ]
    if faults:
        lines += ["", "What went wrong:", "", *(f"- `{fault[:300]}`" for fault in faults)]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
