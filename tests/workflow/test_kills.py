"""After any kill the same command starts again by itself, and ends with the same bytes."""

import random

import pytest

from kills import SMALLEST, contents, kill
from tiny import Workflow

# Every kind of writer, and few jobs: tables, a page, a figure.
TARGETS = "results/summary/outcomes.html", "results/figures/limits_SI.png"

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("kills")]


@pytest.fixture
def workflow(tmp_path):
    return Workflow(tmp_path, little=True)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    workflow = Workflow(tmp_path_factory.mktemp("undisturbed"), little=True)
    done = workflow.run(*TARGETS, **SMALLEST)
    assert done.returncode == 0, done.stderr
    return contents(workflow)


@pytest.mark.parametrize(
    ("whom", "seed"), [("group", 1), ("main", 2), ("main", 3), ("job", 4)], ids=str
)
def test_a_killed_run_starts_again(workflow, undisturbed, whom, seed):
    workflow.write_overlay(**SMALLEST)
    hit = kill(workflow, whom, random.Random(seed).uniform(1, 10), targets=TARGETS)
    again = workflow.run(*TARGETS, **SMALLEST)
    assert again.returncode == 0, f"{hit}: {again.stderr}"
    assert contents(workflow) == undisturbed


def test_a_second_run_is_refused(workflow):
    """Beside a live one; who only looks is not."""
    workflow.write_overlay(**SMALLEST)

    def look() -> None:
        said = workflow.run(**SMALLEST)
        assert said.returncode == 1
        assert "results: another run works there (process " in said.stderr
        assert "incomplete" not in said.stderr
        assert "--unlock" not in said.stderr
        for options in (["--dry-run"], ["--summary"]):
            done = workflow.run(*options, **SMALLEST)
            assert done.returncode == 0, done.stderr

    kill(workflow, "group", 1, look)
