"""No input ends in a traceback, a hang, or a result that it should not have.

`make reliability` tries thousands of cases in the same way.
"""

import resource
from pathlib import Path

import pytest

from hostile import cases, commands
from tiny import finished_model

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("finished")]
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def model(finished):
    return finished_model(finished[0])


def test_hostile_input(finished, model, tmp_path):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for kind in cases.kinds(ROOT, model, finished[0].folder / "results"):
        outcomes = cases.run(kind, 42, tmp_path)
        assert outcomes.faults == [], kind.name
        assert outcomes.counts["refused"] > 10, kind.name
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2 * 1024**2  # KiB


def test_hostile_input_of_commands(finished, tmp_path):
    workflow = finished[0].copy_to(tmp_path / "workflow")
    workflow.write_overlay()
    for kind in commands.kinds(workflow.folder):
        outcomes = cases.run(kind, 4, tmp_path)
        assert outcomes.faults == [], kind.name
