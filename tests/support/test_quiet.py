"""A line of a compiled library is kept off the terminal, and nothing else."""

import os
import subprocess
import sys

import pytest

from zeptobarn.support.quiet import without_line


def test_all_but_one_line_is_written(capfd):
    os.write(2, b"before\n")
    with without_line("Warning: known"):
        os.write(2, b"Warning: known\nWarning: known, but longer\n")
        os.write(2, b"without an end")
    os.write(2, b"\nafter\n")
    written = capfd.readouterr().err
    assert written == "before\nWarning: known, but longer\nwithout an end\nafter\n"


def test_an_error_leaves_the_terminal_as_it_was(capfd):

    def fail():
        with without_line("x"):
            os.write(2, b"x\ny\n")
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    os.write(2, b"z\n")
    assert capfd.readouterr().err == "y\nz\n"


def test_nest_says_nothing_of_its_beta_model():
    """nestpy says once in a process that a number of it depends a little on the energy."""
    pytest.importorskip("nestpy")
    code = (
        "import numpy as np\n"
        "from zeptobarn.physics.yields import nest\n"
        "print(nest('nest_beta', np.array([5.0]), 300.0).photons > 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("[ True]\n", "")
