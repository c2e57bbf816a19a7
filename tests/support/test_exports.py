"""Exports that were altered are noticed; CSVs of results are written again, others set aside."""

import shutil

import pandas as pd
import pytest

from zeptobarn.figures.style import new_figure
from zeptobarn.summary.report import write_table
from zeptobarn.support import exports
from zeptobarn.support.locks import hold_job
from zeptobarn.support.tables import write_csv, write_parquet
from zeptobarn.support.verify import set_aside

TABLE = pd.DataFrame({"limit_cm2": [1.2345678901234567e-46, float("nan"), float("inf")], "n": 3})
UNITS = {"limit_cm2": "cm²", "n": ""}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Results with a table in three formats, a CSV of its own, and a figure."""
    results = tmp_path_factory.mktemp("made") / "results"
    with hold_job(results):
        write_parquet(TABLE, results / "summary/limits.parquet", units=UNITS, config_slice=None)
        write_csv(TABLE, results / "summary/limits.csv")
        write_csv(TABLE, results / "figures/datasets.csv")
        write_table(TABLE, UNITS, "Limits", "", results / "summary/limits.html")
        with new_figure(1, 1, [results / f"figures/limits.{s}" for s in ("png", "pdf")]) as figure:
            figure.subplots()
    return results


@pytest.fixture
def results(made, tmp_path):
    return shutil.copytree(made, tmp_path / "results")


EXPORTS = (
    "figures/datasets.csv",
    "figures/limits.pdf",
    "figures/limits.png",
    "summary/limits.csv",
    "summary/limits.html",
)


def test_what_is_right_is_left_alone(results):
    assert list(exports.altered(results)) == []
    assert set_aside(results, rename=True) == []
    notes = {file.name for file in (results / "logs/exports").rglob("*.sha256")}
    assert len(notes) == len(EXPORTS)
    (results / "figures/limits.png.sha256").write_text("no note of ours")
    assert set_aside(results, rename=True) == []


@pytest.mark.parametrize("name", EXPORTS)
@pytest.mark.parametrize("change", ["cut", "empty", "bit"])
def test_what_was_altered_is_noticed(results, name, change):
    file = results / name
    before = file.read_bytes()
    half = len(before) // 2
    turned = before[:half] + bytes([before[half] ^ 1]) + before[half + 1 :]
    file.write_bytes({"cut": before[:half], "empty": b"", "bit": turned}[change])
    (message,) = set_aside(results, rename=False)
    assert message == (
        f"{file}: damaged: it does not hold what was written; a run would make it again"
    )
    (message,) = set_aside(results, rename=True)
    if name == "summary/limits.csv":
        assert message.endswith("written again from limits.parquet")
        assert file.read_bytes() == before
    else:
        assert message.endswith("renamed, and made again")
        assert not file.exists()
        assert file.with_name(f"{file.name}.damaged").exists()
    assert set_aside(results, rename=True) == []


def test_a_missing_csv_is_written_again(results):
    """And is no reason to run the job again, on whose other result everything hangs."""
    file = results / "summary/limits.csv"
    before = file.read_bytes()
    file.unlink()
    assert set_aside(results, rename=False) == [f"{file}: missing; a run would make it again"]
    assert not file.exists()
    set_aside(results, rename=True)
    assert file.read_bytes() == before
    (results / "figures/limits.png").unlink()
    assert set_aside(results, rename=True) == []


def test_a_csv_whose_result_is_damaged_too_is_set_aside(results):
    (results / "summary/limits.csv").write_text("")
    (results / "summary/limits.parquet").write_bytes(b"PAR1")
    messages = set_aside(results, rename=True)
    assert [message.rpartition("; ")[2] for message in messages] == ["renamed, and made again"] * 2


def test_outside_of_results_nothing_is_noted(tmp_path):
    write_csv(TABLE, tmp_path / "mine.csv")
    assert [file.name for file in tmp_path.iterdir()] == ["mine.csv"]
