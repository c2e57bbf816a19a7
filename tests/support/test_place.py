"""Where a program runs: folders of results, interpreters, terminals."""

import os
import subprocess
import sys

import pytest

from zeptobarn.study.loading import load_study
from zeptobarn.support.config import ConfigError
from zeptobarn.support.place import check_place, check_results_name


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("~/x", r"found '~/x'; allowed: a path that is meant .* braces: write /home/me/x"),
        ("~", r"found '~'; allowed"),
        ("~you/x", r"found '~you/x'; allowed"),
        ("$SCRATCH/x", r"found '\$SCRATCH/x'; .*: write /scratch/me/x"),
        ("${SCRATCH}/x", r"found '\$\{SCRATCH\}/x'; .*: write /scratch/me/x"),
        ("$NOWHERE/x", r"found '\$NOWHERE/x'; .* braces$"),
        ("res{x}", r"found 'res\{x\}'; .* braces$"),
        ("a}b", r"found 'a\}b'"),
    ],
)
def test_results_that_would_be_another_folder(monkeypatch, tmp_path, text, message):
    """A folder named ~ had been made, and braces are Snakemake's wildcards."""
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.setenv("SCRATCH", "/scratch/me")
    monkeypatch.delenv("NOWHERE", raising=False)
    with pytest.raises(ConfigError, match=rf"^mine\.yaml: results: {message}"):
        check_results_name(text, "mine.yaml")
    overlay = tmp_path / "mine.yaml"
    overlay.write_text(f"results: '{text}'\n")
    with pytest.raises(ConfigError, match=rf"mine\.yaml: results: {message}"):
        load_study("config/config.yaml", overlay)


@pytest.mark.parametrize("text", ["results", "my results/π", "../a~b/x", "/scratch/me/x", "a+b(c)"])
def test_results_that_are_meant_as_they_stand(text):
    check_results_name(text, "mine.yaml")


@pytest.mark.parametrize(
    "python", ["/my env/bin/python", "/a;b/python", "/a'b/python", "/$x/python"]
)
def test_an_interpreter_that_snakemake_could_not_start(monkeypatch, tmp_path, python):
    check_place(tmp_path, False)
    monkeypatch.setattr(sys, "executable", python)
    with pytest.raises(ConfigError, match=r"Snakemake .* does not quote its path") as caught:
        check_place(tmp_path, False)
    assert str(caught.value).startswith(python)


# Nobody is refused by a folder of root's, whom nothing refuses.
AS_NOBODY = """
import os, sys
from pathlib import Path
from zeptobarn.support.config import ConfigError
from zeptobarn.support.place import check_place
if os.getuid() == 0:
    os.setuid(65534)
try:
    os.chdir(sys.argv[1])
    check_place(Path(sys.argv[2]), sys.argv[3] == "dry")
except ConfigError as error:
    print(error)
"""


@pytest.fixture
def shared(tmp_path):
    """Give a folder with one that anybody may use, and others that they may only read."""
    if os.getuid() == 0:  # let nobody come here
        for folder in [tmp_path, *tmp_path.parents[:3]]:
            folder.chmod(folder.stat().st_mode | 0o011)
    for name, mode in {"theirs": 0o555, "mine": 0o777, "mine/toys": 0o555}.items():
        (tmp_path / name).mkdir()
        (tmp_path / name).chmod(mode)
    return tmp_path


def said_to_nobody(place, results, how):
    done = subprocess.run(
        [sys.executable, "-c", AS_NOBODY, str(place), str(results), how],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


@pytest.mark.parametrize(
    ("results", "place"),
    [("theirs", "theirs"), ("theirs/new/deeper", "theirs"), ("mine", "mine/toys")],
)
def test_results_of_another_user(shared, results, place):
    """Theirs, one that would be made in theirs, and one of ours with a step's folder of theirs."""
    assert said_to_nobody(shared / "mine", shared / results, "run") == (
        f"results: {shared / place} belongs to {shared.owner()}, and you may not write there; name "
        "a folder of your own\n"
    )
    assert not said_to_nobody(shared / "mine", shared / results, "dry")
    assert not said_to_nobody(shared / "mine", shared / "mine/new", "run")


@pytest.mark.parametrize("how", ["run", "dry"])
def test_a_working_folder_of_another_user(shared, how):
    """Snakemake keeps its records there, and ended with a traceback."""
    said = said_to_nobody(shared / "theirs", shared / "mine/new", how)
    assert said.startswith(f"the working folder: {shared}/theirs belongs to {shared.owner()}, and")


def test_results_that_are_a_file(tmp_path):
    (tmp_path / "results").write_text("")
    with pytest.raises(ConfigError, match="results, a file; allowed: a folder"):
        check_place(tmp_path / "results", False)


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_terminals_that_lack_letters(encoding):
    code = (
        "from zeptobarn.support.place import print_what_shows\n"
        "print_what_shows()\n"
        "print('σ < 1e-46 cm²')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONIOENCODING": encoding},
        capture_output=True,
        check=True,
    )
    assert done.stdout == "σ < 1e-46 cm²\n".encode(encoding, "replace")
