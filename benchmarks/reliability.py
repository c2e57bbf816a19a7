"""What becomes of hostile input, of damaged results, and of runs that are killed.

A tiny study is run once in a folder of its own. Then thousands of configurations, detectors, data
files and results, each with something wrong in it, are given to the library, and some to the real
commands; and runs of the study are killed at random moments and started again with the same
command, which must end with the same bytes. What is tried stands in tests/hostile and
tests/workflow/kills.py; the tests try a few of each.

`make reliability` writes docs/reliability.md. A part alone, such as the kills with ``--cases 0
--commands 0``, is printed, and the page stays as it is.
"""

import argparse
import dataclasses
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

from hostile import cases, commands, faults, structure  # noqa: E402
from hostile.outcomes import GOOD  # noqa: E402
from kills import SMALLEST, WHOM, contents, kill  # noqa: E402
from tiny import Workflow, finished_model  # noqa: E402
from zeptobarn.study.loading import load_study  # noqa: E402

BAD = ("badly refused", "traceback", "hung")
# Result files that were damaged by hand once; 83 of them were used silently, 166 ended in a
# traceback.
ONCE_DAMAGED = 341


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=800, help="of each kind of input")
    parser.add_argument("--commands", type=int, default=100, help="of each kind of command")
    parser.add_argument("--kills", type=int, default=40)
    given = parser.parse_args()
    whole = given.cases and given.commands and given.kills
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        workflow = Workflow(folder / "finished")
        undisturbed = Workflow(folder / "undisturbed", little=True)
        for done in (workflow.run(), undisturbed.run(**SMALLEST)):
            if done.returncode:
                raise SystemExit(done.stderr)
        with ThreadPoolExecutor(1) as pool:  # beside each other: most of either uses one core
            running = pool.submit(killed, undisturbed, folder, given.kills)
            rows, wrong = hostile(workflow, folder, given.cases, given.commands)
            memory_GB = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
            outcomes = running.result()
        measured = measured_faults(workflow, folder) if given.cases else []
        n_jobs = len(list(undisturbed.folder.glob("results/logs/**/*.log")))
    text = page(rows, memory_GB, outcomes, n_jobs, measured, wrong)
    if whole:
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
    rows, wrong = [], []
    for kind, number in tries:
        if not number:
            continue
        outcomes = cases.run(kind, number, folder)
        rows.append((kind.name, outcomes.counts))
        wrong += [f"{kind.name}: {fault}" for fault in outcomes.faults]
        print(kind.name, dict(outcomes.counts), *outcomes.faults[:5], sep="\n  ", flush=True)
    return rows, wrong


def measured_faults(workflow: Workflow, folder: Path) -> list[tuple[str, str, str]]:
    """Run the faults that were measured once, and files of each kind that break its structure.

    Returns
    -------
    A row per fault: its name, and what became of it with the old hashes and with right ones.
    """
    files = workflow.folder / "config/config.yaml", workflow.folder / "overlay.yaml"
    study = load_study(*files)
    study = dataclasses.replace(study, results=workflow.folder / study.results)
    study = structure.copied(study, folder / "broken")
    rows = [*faults.faults(study)]
    rows.append(
        (
            "a detector file is edited while a study runs",
            faults.edited_detector(workflow.folder),
            "",
        )
    )
    for kind, broken in structure.outcomes(study).items():
        counts = Counter(broken.values())
        rows.append(
            (
                f"{kind}: {len(broken)} files that break the structure",
                "",
                ", ".join(f"{n} {end}" for end, n in counts.items()),
            )
        )
    return rows


def killed(undisturbed: Workflow, folder: Path, number: int) -> Counter[tuple[str, str]]:
    """Kill runs and start them again; give counts by whom it hit and how the second run ended."""
    wanted = contents(undisturbed)
    counts: Counter[tuple[str, str]] = Counter()
    rng = random.Random(1)
    for i in range(number):
        workflow = Workflow(folder / "killed", little=True)
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
    n_jobs: int,
    measured: Sequence[tuple[str, str, str]],
    wrong: Sequence[str],
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
        *HOW,
        f"| input | tried | {' | '.join((*GOOD, *BAD))} |",
        f"| --- |{' --- |' * (1 + len(GOOD) + len(BAD))}",
        *(
            f"| {name} | {counts.total()} | "
            + " | ".join(str(counts[kind]) for kind in (*GOOD, *BAD))
            + " |"
            for name, counts in rows
        ),
        "",
        *_measured(rows, measured),
        f"Runs of a small study ({n_jobs} jobs) that were killed with SIGKILL at a random moment, "
        "and started again with the same command:",
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
        "",
        *LIMITS_OF_IT,
    ]
    if wrong:
        lines += ["", "What went wrong:", "", *(f"- `{fault[:300]}`" for fault in wrong)]
    return "\n".join(lines) + "\n"


def _measured(
    rows: Sequence[tuple[str, Counter[str]]], measured: Sequence[tuple[str, str, str]]
) -> list[str]:
    """Write the table of faults that were measured once."""
    damaged: Counter[str] = Counter()
    for name, counts in rows:
        if name in ("bytes of results", "tables of results"):
            damaged += counts
    bad = sum(damaged[kind] for kind in BAD)
    return [
        "What went wrong in an early version, run again. A result file is damaged with the hashes "
        "that it had, and written falsely with hashes that are right; *harmless* is what changes "
        "nothing, or gives another file that could be (a curve with a point less).",
        "",
        "| fault | damaged | written falsely |",
        "| --- | --- | --- |",
        f"| {damaged.total()} damaged result files (of {ONCE_DAMAGED}, 83 were used silently and "
        f"166 ended in a traceback) | {damaged['refused']} refused, {damaged['taken']} hold what "
        f"they held, {bad} otherwise | |",
        *(f"| {name} | {old} | {new} |" for name, old, new in measured),
        "",
    ]


# What the page begins with.
HOW = (
    "A result file holds hashes of its columns and of its metadata; they are compared on every "
    "reading, and by a run before it plans, which sets aside what is damaged and makes it again. "
    "Beyond the hashes, each kind of file declares what must hold in it, whoever wrote it: which "
    "rows there are, each once and in which order, and what its columns may hold. CSV files, "
    "figures and pages are read by nothing; their hashes are noted as they are written, and a run "
    "makes again what was altered.",
    "",
)
# What the page ends with.
LIMITS_OF_IT = (
    "What is not covered: the locks (one run at a time in a results folder, and jobs of a killed "
    "run that are waited for) are those of `flock`; they were tried on local file systems alone, "
    "and neither on NFS nor on Lustre. Whether a file system keeps what it was told to write when "
    "the power fails is its own matter; what it lost is noticed by its hash. A response, a "
    "spectrum or a summary with other numbers that are possible, in right order and with right "
    "hashes, is not told from a good one.",
)


if __name__ == "__main__":
    main()
