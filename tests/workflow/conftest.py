"""The tiny study's workflow: in an empty folder, and after it has run."""

from pathlib import Path

import pytest

from tiny import Workflow

# Looked through for doctests, it would be taken for the figures' file of the same name.
collect_ignore = ["conftest.py"]


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Workflow, str]:
    """A workflow that has run once, and what Snakemake said.

    Tests that use it are of the group "finished": one process runs it for all. None changes it.
    """
    workflow = Workflow(tmp_path_factory.mktemp("workflow"))
    done = workflow.run()
    assert done.returncode == 0, done.stderr
    return workflow, done.stdout + done.stderr


@pytest.fixture
def workflow(tmp_path: Path) -> Workflow:
    return Workflow(tmp_path)
