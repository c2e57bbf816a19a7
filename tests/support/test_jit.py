"""Kernels follow their source: what is loaded is of this source, whole, and from a safe place."""

import os
import shutil
import subprocess
import sys

import pytest

from zeptobarn.support.reachable import PACKAGE

# A package with two kernels, one calling the other's file, quick to compile.
OUTER = """
from zeptobarn.{folder}inner import half
from zeptobarn.support.jit import kernel

@kernel()
def square_of_half(x):
    return half(x) ** 2
"""
INNER = """
from zeptobarn.support.jit import inner_kernel
from zeptobarn import constants

@inner_kernel()
def half(x):
    return x * constants.HALF
"""


@pytest.fixture(
    params=[pytest.param("", marks=pytest.mark.slow), "deep."], ids=["same_folder", "other_folder"]
)
def package(request, tmp_path):
    """Files of a small package with the real compilation, in one folder or in two."""
    root = tmp_path / "zeptobarn"
    root.mkdir()
    for name in ("__init__", "cache", "jit", "reachable"):
        (root / "support").mkdir(exist_ok=True)
        shutil.copy(PACKAGE / f"support/{name}.py", root / "support")
    folder = root / request.param.rstrip(".")
    folder.mkdir(exist_ok=True)
    (root / "__init__.py").touch()
    (folder / "__init__.py").touch()
    (root / "outer.py").write_text(OUTER.format(folder=request.param))
    (folder / "inner.py").write_text(INNER)
    (root / "constants.py").write_text("HALF = 0.5\n")
    return root


def run(package, before="", **changes):
    """Call the outer kernel at 6 in another process.

    Returns its value, whether its code came from the cache, and what was said.
    """
    environment = {k: v for k, v in os.environ.items() if k != "NUMBA_CACHE_DIR"}
    environment |= {"PYTHONPATH": str(package.parent), "XDG_CACHE_HOME": str(package.parent / "x")}
    code = before + (
        "from zeptobarn.outer import square_of_half as f\n"
        "print(f(6.0), sum(f.stats.cache_hits.values()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=environment | {k: str(v) for k, v in changes.items()},
        cwd=package.parent,
        capture_output=True,
        text=True,
        check=True,
    )
    value, hits = done.stdout.split()
    return float(value), int(hits), done.stderr


@pytest.mark.parametrize(
    "variable", [pytest.param("XDG_CACHE_HOME", marks=pytest.mark.slow), "NUMBA_CACHE_DIR"]
)
def test_a_change_in_what_a_kernel_calls_is_compiled(package, tmp_path, variable):
    place = {variable: tmp_path / "cache"}
    assert run(package, **place)[:2] == (9.0, 0)
    assert run(package, **place)[:2] == (9.0, 1)
    assert list((tmp_path / "cache/zeptobarn").rglob("*.nbc"))
    (package / "constants.py").write_text("# Two.\nHALF = 1.0\n")
    assert run(package, **place)[:2] == (36.0, 0)
    # Words change nothing, and the older code is still there.
    (package / "constants.py").write_text('"""Words."""\n\nHALF = 0.5  # and more\n')
    assert run(package, **place)[:2] == (9.0, 1)


def test_numbas_own_choice_of_a_folder_is_checked_too(package):
    """NUMBA_CACHE_LOCATOR_CLASSES puts files where one source overwrites the other's."""
    place = {"NUMBA_CACHE_LOCATOR_CLASSES": "InTreeCacheLocator"}
    assert run(package, **place)[:2] == (9.0, 0)
    assert run(package, **place)[:2] == (9.0, 1)
    (package / "constants.py").write_text("HALF = 1.0\n")
    assert run(package, **place)[:2] == (36.0, 0)


def damage_a_bit(content):
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


@pytest.mark.parametrize("suffix", ["nbi", "nbc"])
@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda content: b"", marks=pytest.mark.slow),
        pytest.param(lambda content: content[: len(content) // 2], marks=pytest.mark.slow),
        damage_a_bit,
    ],
    ids=["empty", "cut", "bit"],
)
def test_a_damaged_file_is_made_again(package, tmp_path, suffix, damage):
    assert run(package)[:2] == (9.0, 0)
    files = list((tmp_path / "x/zeptobarn").rglob(f"outer*.{suffix}"))
    assert files
    for file in files:
        file.write_bytes(damage(file.read_bytes()))
    assert run(package) == (9.0, 0, "")
    assert run(package) == (9.0, 1, "")


def test_without_a_writable_place_there_is_a_temporary_one(package, tmp_path):
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    (tmp_path / "file").touch()
    place = {"XDG_CACHE_HOME": tmp_path / "file/cache", "TMPDIR": temporary}
    for hits in (0, 1):
        value, cache_hits, said = run(package, **place)
        assert (value, cache_hits) == (9.0, hits)
        assert said.count("\n") == 1
        assert str(temporary) in said
        assert str(tmp_path / "file") in said
    # One that others can write is not trusted.
    (shared,) = temporary.iterdir()
    shared.chmod(0o777)
    assert run(package, **place)[:2] == (9.0, 0)


def test_a_folder_that_cannot_be_made_is_replaced(package, tmp_path):
    assert run(package)[:2] == (9.0, 0)
    for folder in (tmp_path / "x/zeptobarn").iterdir():
        shutil.rmtree(folder)
        folder.touch()
    (tmp_path / "temporary").mkdir()
    value, cache_hits, said = run(package, TMPDIR=tmp_path / "temporary")
    assert (value, cache_hits) == (9.0, 0)
    assert said.count("\n") == 1
    assert str(tmp_path / "temporary") in said


def test_a_full_disk_costs_the_cache_alone(package):
    limit = "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
    for _ in range(2):
        value, cache_hits, said = run(package, limit)
        assert (value, cache_hits) == (9.0, 0)
        assert "compiled kernels are not kept in" in said


def test_kernels_run_without_compilation(package):
    code = "from zeptobarn.outer import square_of_half; print(square_of_half(6.0))"
    environment = os.environ | {"NUMBA_DISABLE_JIT": "1", "PYTHONPATH": str(package.parent)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout == "9.0\n"


_LIKELIHOODS = """
import sys
sys.path.insert(0, "tests/inference")
import numpy as np
from test_likelihood import random_terms
from zeptobarn.inference.likelihood import evaluate
terms, rng = random_terms(1, n=(200, 30)), np.random.default_rng(1)
size = len(terms.centres)
values = [np.empty(size), np.empty((size, size)), np.empty((size + 2, 200))]
for _ in range(100):
    cell, theta = rng.integers(0, terms.cells), rng.uniform(0.1, 1.0, size=size)
    value = np.array(evaluate(terms, cell, theta, *values))
    print(*(part.tobytes().hex() for part in [value, *values[:2]]))
"""


@pytest.mark.slow
def test_fresh_and_cached_kernels_agree(tmp_path):
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)}
    runs = []
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", _LIKELIHOODS], env=environment, capture_output=True, check=True
        )
        runs.append((done.stdout, len(list(tmp_path.rglob("*.nbc")))))
    assert len(runs[0][0]) > 1000
    assert runs[0] == runs[1]
    assert runs[0][1] > 0


def test_the_package_keeps_all_its_kernels_there():
    """No module compiles by numba's own decorators, which go by their own file alone."""
    for path in PACKAGE.rglob("*.py"):
        if path.name != "jit.py":
            assert "njit" not in path.read_text(), path
            assert "numba.jit" not in path.read_text(), path
