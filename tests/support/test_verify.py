"""Damaged results are set aside, and only they; what is in order is read once."""

import errno
import os
import time

import pandas as pd
import pyarrow.parquet as pq
import pytest

from zeptobarn.support import verify
from zeptobarn.support.tables import DamagedResultError, ResultError, read_parquet, write_parquet
from zeptobarn.support.verify import set_aside


@pytest.fixture
def results(tmp_path):
    for name in ("spectra/er", "limits/lz/SI/50GeV/1-10", "toys/lz/1-10"):
        table = pd.DataFrame({"value": [1.0, 2.0, 3.0]})
        path = tmp_path / f"{name}.parquet"
        write_parquet(table, path, units={"value": ""}, config_slice=name)
    return tmp_path


def files(results):
    return {str(file.relative_to(results)) for file in results.rglob("*.parquet*")}


def test_damaged_files_are_renamed(results):
    before = files(results)
    assert set_aside(results, rename=True) == []
    assert files(results) == before
    limits = results / "limits/lz/SI/50GeV/1-10.parquet"
    limits.write_bytes(limits.read_bytes()[:-20])
    (results / "toys/lz/1-10.parquet").write_text("trial,cs1,cs2")
    dry = set_aside(results, rename=False)
    assert len(dry) == 2
    assert all("damaged" in message and "a run would make it again" in message for message in dry)
    assert files(results) == before
    messages = set_aside(results, rename=True)
    assert sum(str(limits) in message for message in messages) == 1
    assert all("renamed, and made again" in message for message in messages)
    assert files(results) == {
        "spectra/er.parquet",
        "limits/lz/SI/50GeV/1-10.parquet.damaged",
        "toys/lz/1-10.parquet.damaged",
    }
    assert set_aside(results, rename=True) == []


def test_what_is_in_order_is_read_once(results, monkeypatch):
    set_aside(results, rename=True)
    read = []
    monkeypatch.setattr(verify, "read_chunks", lambda file: read.append(file) or ())
    set_aside(results, rename=True)
    assert read == []
    spectrum = results / "spectra/er.parquet"
    os.utime(spectrum, (1, 1))
    set_aside(results, rename=True)
    assert read == [spectrum]


@pytest.mark.parametrize("memory", ["", "[1]", "{", '{"spectra/er.parquet": 3}'])
def test_a_memory_that_cannot_be_read_counts_for_nothing(results, memory):
    set_aside(results, rename=True)
    (results / "logs/verified.json").write_text(memory)
    (results / "spectra/er.parquet").write_bytes(b"")
    assert len(set_aside(results, rename=True)) == 1


@pytest.mark.parametrize("error", [OSError(errno.EIO, "Input/output error"), MemoryError("64 GB")])
def test_what_the_system_refuses_is_not_damaged(results, monkeypatch, error):
    """A disk or a memory that fails for a moment must not set whole results aside."""

    def refuse(*_, **__):
        raise error

    before = files(results)
    monkeypatch.setattr(pq, "ParquetFile", refuse)
    with pytest.raises(ResultError, match=r"er\.parquet: not readable: ") as caught:
        read_parquet(results / "spectra/er.parquet")
    assert not isinstance(caught.value, DamagedResultError)
    assert set_aside(results, rename=True) == []
    assert files(results) == before


def test_a_folder_that_cannot_be_written_is_said(results):
    (results / "logs").write_text("")
    (message,) = set_aside(results, rename=True)
    assert "verified.json: not written" in message
    damaged = results / "spectra/er.parquet"
    damaged.write_bytes(b"")
    (results / "spectra/er.parquet.damaged/in the way").mkdir(parents=True)
    message, _ = set_aside(results, rename=True)
    assert "it cannot be renamed (" in message
    assert damaged.exists()


def test_what_is_dated_in_the_future_is_dated_today(results):
    """Only by a run; what is dated in the past keeps its date."""
    spectrum, toys = results / "spectra/er.parquet", results / "toys/lz/1-10.parquet"
    now = time.time()
    os.utime(spectrum, (now + 1e5, now + 1e5))
    os.utime(toys, (now - 1e5, now - 1e5))
    assert set_aside(results, rename=False) == []
    assert spectrum.stat().st_mtime > now + 9e4
    assert set_aside(results, rename=True) == []
    assert now - 10 < spectrum.stat().st_mtime <= time.time()
    assert toys.stat().st_mtime < now - 9e4
