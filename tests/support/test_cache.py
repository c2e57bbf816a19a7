"""The user's cache folder where there is no home, or none that can be written."""

import subprocess
import sys

import pytest

CODE = """
import sys
{before}
from zeptobarn.cli.cli import main
from zeptobarn.support.cache import cache_folder, kept
assert cache_folder("a").is_dir() and kept("b", "c").parent.is_dir()
sys.exit(main(["cache"]) or main(["cache", "--clear"]))
"""
NOBODY_KNOWS = "import pwd\ndef unknown(uid): raise KeyError(uid)\npwd.getpwuid = unknown"


@pytest.mark.parametrize(
    ("before", "environment"),
    [
        ("", {"HOME": "/dev/null/me"}),
        ("", {"XDG_CACHE_HOME": "/dev/null"}),
        ("", {"NUMBA_CACHE_DIR": "/dev/null"}),
        (NOBODY_KNOWS, {}),
    ],
    ids=["home", "cache", "numba", "no_home"],
)
def test_there_is_a_temporary_one_with_one_warning(tmp_path, before, environment):
    """And it is the one that `zeptobarn cache` names and clears."""
    (tmp_path / "here").mkdir()
    (tmp_path / "temporary").mkdir()
    done = subprocess.run(
        [sys.executable, "-c", CODE.format(before=before)],
        env={"PYTHONPATH": ":".join(sys.path), "TMPDIR": str(tmp_path / "temporary")} | environment,
        cwd=tmp_path / "here",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith(f"what is kept for later goes to {tmp_path}/temporary/zeptobarn-")
    assert done.stdout.startswith(f"{tmp_path}/temporary/zeptobarn-")
    assert done.stdout.endswith("removed\n")
    assert not list((tmp_path / "here").iterdir())
    assert not list((tmp_path / "temporary").iterdir())
