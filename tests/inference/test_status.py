"""Statuses: words for each, and the same in the documentation."""

from pathlib import Path

import pytest

from zeptobarn.inference.status import WITH_LIMIT, Status, table

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("status", Status)
def test_every_status_has_words(status):
    assert status.cause.endswith((".", ".)"))
    assert status.cure.endswith(".")
    assert bool(status.message) == (status != Status.ok)


def test_codes_of_statuses_with_a_limit_come_first():
    """Kernels tell them apart by that."""
    assert [status.has_limit for status in Status] == [s < Status.no_crossing for s in Status]
    assert WITH_LIMIT[0] == "ok"
    assert len(WITH_LIMIT) == Status.no_crossing
    assert [int(status) for status in Status] == list(range(len(Status)))


def test_the_documentation_has_the_same_table():
    assert table() in (DOCS / "statistics.md").read_text()
