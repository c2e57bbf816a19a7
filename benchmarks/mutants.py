"""Mutants: small changes of the code, each of which some test must see.

Cosmic Ray proposes the changes; of each module a number of places is drawn, and at each place one
change. The quick tests run on a copy of the repository with that change, those of the module
first, until one fails. What survives is to be judged: a change that changes nothing, or a test
that is missing. `make mutants` writes a row per mutant.
"""

import argparse
import ast
import csv
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

from cosmic_ray.commands import init
from cosmic_ray.mutating import mutate_code
from cosmic_ray.plugins import get_operator
from cosmic_ray.work_db import WorkDB

ROOT = Path(__file__).parents[1]
MODULES = (
    "inference/calibration",
    "inference/problem",
    "summary/summary",
    "templates/templates",
    "templates/toys",
)
SECONDS = 600  # for all quick tests, with room

# Operators of bits stop the program on floating-point numbers: nothing is learnt from them.
_DULL = ("BitOr", "BitAnd", "BitXor", "LShift", "RShift", "MatMul", "Invert")


# What stands for the failed test where pytest ended before any.
_STOPPED = "pytest stopped"

# Tests that these modules are nothing to, or no more than to others: of pictures, of physics, of
# caches, of the failure study, of the workflow.
_UNRELATED = (
    "*figure*", "workflow", "test_conventional.py", "test_config.py", "test_density.py",
    "test_dependence.py", "test_explain.py", "test_failures.py", "test_fit.py",
    "test_formulas.py", "test_invariance.py", "test_jit.py", "test_joblog.py",
    "test_likelihood.py", "test_medians.py", "test_compare_numbers.py", "test_paths.py",
    "test_profiles.py", "test_quadrature.py", "test_thresholdsable.py", "test_response.py",
    "test_simulate.py", "test_spectra.py", "test_variation.py", "test_warmup.py",
    "test_yields.py", "test_pyhf.py", "test_reference.py", "test_stability.py",
)  # fmt: skip


@dataclass(frozen=True)
class Mutant:
    """A change of a module: an operator of Cosmic Ray, applied where it fits for the n-th time."""

    module: str
    line: int
    operator: str
    arguments: tuple[tuple[str, object], ...]
    occurrence: int

    def code(self, text: str) -> str:
        """Give the text of the module with the change."""
        operator = get_operator(self.operator)(**dict(self.arguments))
        changed = mutate_code(text, operator, self.occurrence)
        if changed is None:
            raise ValueError(f"{self} does not apply")
        return changed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("python", type=Path, help="Python of an environment that has zeptobarn")
    parser.add_argument("--per-module", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--output", type=Path, default=ROOT / "results/mutants.csv")
    given = parser.parse_args()

    mutants = [m for name in MODULES for m in sample(name, given.per_module, given.seed)]
    random.Random(given.seed).shuffle(mutants)  # so that a part of them is a fair sample, too
    given.output.parent.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as scratch,
        given.output.open("w", newline="") as file,
        ThreadPoolExecutor(given.workers) as pool,
    ):
        copies: SimpleQueue[Path] = SimpleQueue()
        for i in range(given.workers):
            copies.put(copy_to(Path(scratch) / str(i)))
        table = csv.writer(file)
        table.writerow(["module", "line", "operator", "change", "outcome", "test"])

        def tried(mutant: Mutant) -> list[object]:
            folder = copies.get()
            try:
                return judged(mutant, folder, given.python.absolute())
            finally:
                copies.put(folder)

        for done, row in enumerate(pool.map(tried, mutants), 1):
            table.writerow(row)
            file.flush()
            print(f"{done}/{len(mutants)}", *row, sep="  ", flush=True)


def sample(module: str, number: int, seed: int) -> list[Mutant]:
    """Draw places of a module, and a change at each."""
    path = ROOT / f"src/zeptobarn/{module}.py"
    places: dict[tuple[int, int], list[Mutant]] = {}
    notes = list(annotations(ast.parse(path.read_text())))
    with tempfile.TemporaryDirectory() as folder:
        work = WorkDB(Path(folder, "work.sqlite"), WorkDB.Mode.create)
        init([path], work, {})
        for item in work.work_items:
            (mutation,) = item.mutations
            place = tuple(mutation.start_pos)
            if any(word in mutation.operator_name for word in _DULL):
                continue
            if any(low <= place < high for low, high in notes):
                continue
            arguments = tuple(sorted((mutation.operator_args or {}).items()))
            places.setdefault(place, []).append(
                Mutant(module, place[0], mutation.operator_name, arguments, mutation.occurrence)
            )
        work.close()
    rng = random.Random(f"{seed} {module}")
    drawn = rng.sample(sorted(places), min(number, len(places)))
    return [rng.choice(places[place]) for place in sorted(drawn)]


def annotations(tree: ast.Module) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    """Give where annotations begin and end: nothing runs there."""
    for node in ast.walk(tree):
        for note in (getattr(node, "annotation", None), getattr(node, "returns", None)):
            if isinstance(note, ast.expr):
                end = (note.end_lineno or 0, note.end_col_offset or 0)
                yield (note.lineno, note.col_offset), end


def copy_to(folder: Path) -> Path:
    """Copy what belongs to the repository."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for name in listed.stdout.split("\0")[:-1]:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    return folder


def judged(mutant: Mutant, folder: Path, python: Path) -> list[object]:
    """Run the tests on a mutant. Returns its row."""
    path = folder / f"src/zeptobarn/{mutant.module}.py"
    text = path.read_text()
    changed = mutant.code(text)
    pairs = zip(text.splitlines(), changed.splitlines(), strict=False)
    change = next((f"{old.strip()} → {new.strip()}" for old, new in pairs if old != new), "")
    path.write_text(changed)
    try:
        outcome, test = tested(mutant.module, folder, python)
    finally:
        path.write_text(text)
    if test == _STOPPED and tested(mutant.module, folder, python, "--collect-only")[1] == _STOPPED:
        raise RuntimeError(f"{python}: pytest does not start without a change either")
    return [mutant.module, mutant.line, mutant.operator.split("/")[-1], change, outcome, test]


def tested(module: str, folder: Path, python: Path, *options: str) -> tuple[str, str]:
    """Run the quick tests until one fails; say how it ended, and which failed."""
    command = [python, "-m", "pytest", "-x", "-q", "--no-header", "-m", "not slow", *options]
    floor, name = module.split("/")
    own = [str(path) for path in sorted(folder.glob(f"tests/{floor}/test_{name}*.py"))]
    for files in (own, ["tests", "src", *(f"--ignore-glob=*/{name}" for name in _UNRELATED)]):
        try:
            done = subprocess.run(
                [*command, *files],
                cwd=folder,
                env=os.environ | {"PYTHONPATH": str(folder / "src")},
                capture_output=True,
                text=True,
                timeout=SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return "killed", "no end"
        if done.returncode:
            lines = [x for x in done.stdout.splitlines() if x.startswith(("FAILED", "ERROR"))]
            return "killed", lines[0].split(" - ")[0] if lines else _STOPPED
    return "survived", ""


if __name__ == "__main__":
    sys.exit(main())
