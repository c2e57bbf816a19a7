import errno
import os
import stat
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from zeptobarn.support import tables
from zeptobarn.support.tables import (
    DamagedResultError,
    ResultError,
    digest,
    parquet_writer,
    read_chunks,
    read_metadata,
    read_parquet,
    write_csv,
    write_parquet,
)


@pytest.fixture
def table():
    return pd.DataFrame({"mass_GeV": [7.0, 10.0], "name": ["a", "b"]})


def test_round_trip_with_provenance(tmp_path, table):
    path = tmp_path / "a" / "table.parquet"
    units = {"mass_GeV": "GeV/c²", "name": ""}
    write_parquet(table, path, units=units, config_slice={"x": 1}, seed=3, extra={"edges": [1, 2]})
    reread, metadata = read_parquet(path, config_slice={"x": 1})
    pd.testing.assert_frame_equal(reread, table)
    assert metadata["units"] == units
    assert metadata["seed"] == 3
    assert metadata["config_hash"] == digest({"x": 1})
    assert metadata["edges"] == [1, 2]
    assert set(metadata["versions"]) >= {"zeptobarn", "numpy", "numba"}


def test_same_content_same_bytes(tmp_path, table):
    for name in ("a", "b"):
        write_parquet(
            table, tmp_path / name, units={"mass_GeV": "GeV", "name": ""}, config_slice=None
        )
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_refuses_another_configuration(tmp_path, table):
    path = tmp_path / "t.parquet"
    write_parquet(table, path, units={"mass_GeV": "GeV", "name": ""}, config_slice={"x": 1})
    with pytest.raises(ResultError, match=r"t\.parquet: made from another configuration"):
        read_parquet(path, config_slice={"x": 2})


def test_refuses_another_format_and_names_who_reads_it(tmp_path, table, monkeypatch):
    path, units = tmp_path / "table.parquet", dict.fromkeys(table.columns, "")
    write_parquet(table, path, units=units, config_slice=None)
    monkeypatch.setattr(tables, "FORMAT", tables.FORMAT + 1)
    message = rf"format {tables.FORMAT - 1}, written by zeptobarn \d.*reads format {tables.FORMAT}"
    with pytest.raises(ResultError, match=message):
        read_parquet(path)


def test_refuses_a_foreign_file(tmp_path, table):
    table.to_parquet(tmp_path / "foreign.parquet")
    with pytest.raises(ResultError, match="not a result file"):
        read_parquet(tmp_path / "foreign.parquet")


def test_refuses_a_column_without_unit(tmp_path, table):
    with pytest.raises(ValueError, match="name"):
        write_parquet(table, tmp_path / "t", units={"mass_GeV": "GeV"}, config_slice=None)


def test_a_failed_write_leaves_the_old_file(tmp_path):
    class Broken(pd.DataFrame):
        def to_csv(self, path, **_):
            Path(path).write_text("half")
            raise OSError(errno.ENOSPC, "No space left on device")

    path = tmp_path / "t.csv"
    write_csv(pd.DataFrame({"a": [1]}), path)
    before = path.read_text()
    with pytest.raises(ResultError, match=r"t\.csv: not written: no space left on device"):
        write_csv(Broken({"a": [2]}), path)
    assert path.read_text() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_files_have_the_permissions_that_the_user_gives_new_ones(tmp_path, mask, mode):
    """Not those of the temporary file that they were written to."""
    before = os.umask(mask)
    try:
        write_csv(pd.DataFrame({"a": [1]}), tmp_path / "t.csv")
        (tmp_path / "plain").touch()
    finally:
        os.umask(before)
    modes = [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("t.csv", "plain")]
    assert modes == [mode, mode]


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ResultError, match=r"a\.csv: not written: "):
        write_csv(pd.DataFrame({"a": [1]}), tmp_path / "file" / "a.csv")


CHUNKS = [
    pd.DataFrame({"mass_GeV": [7.0, np.nan], "name": ["a", "bcd"]}),
    pd.DataFrame({"mass_GeV": pd.Series(dtype=float), "name": pd.Series(dtype=str)}),
    pd.DataFrame({"mass_GeV": [10.0, 12.0, 15.0], "name": ["", "é", None]}),
]
OF_CHUNKS = {"units": {"mass_GeV": "GeV/c²", "name": ""}, "config_slice": {"x": 1}}


def write_chunks(path, chunks):
    with parquet_writer(path, **OF_CHUNKS) as write:
        for chunk in chunks:
            write(chunk)


def test_chunks_make_one_table(tmp_path):
    write_chunks(tmp_path / "chunks", CHUNKS)
    whole = pd.concat(CHUNKS, ignore_index=True)
    write_parquet(whole, tmp_path / "whole", **OF_CHUNKS)
    reread, metadata = read_parquet(tmp_path / "chunks", config_slice={"x": 1})
    pd.testing.assert_frame_equal(reread, whole)
    assert metadata == read_metadata(tmp_path / "whole")
    for given, read in zip(CHUNKS, read_chunks(tmp_path / "chunks"), strict=True):
        pd.testing.assert_frame_equal(read, given)
    names = pd.concat(read_chunks(tmp_path / "chunks", columns=["name"]), ignore_index=True)
    pd.testing.assert_frame_equal(names, whole[["name"]])


def test_a_table_without_rows(tmp_path):
    write_chunks(tmp_path / "empty", [CHUNKS[1]])
    assert [len(chunk) for chunk in read_chunks(tmp_path / "empty")] == [0]
    pd.testing.assert_frame_equal(read_parquet(tmp_path / "empty")[0], CHUNKS[1])
    with pytest.raises(ValueError, match="none: found no chunk; allowed: at least one"):
        write_chunks(tmp_path / "none", [])
    assert {path.name for path in tmp_path.iterdir()} == {"empty"}


@pytest.mark.parametrize(
    "last",
    [
        pd.DataFrame({"mass_GeV": ["ten"], "name": ["a"]}),
        pd.DataFrame({"mass_GeV": [10.0]}),
        pd.DataFrame({"mass_GeV": [10.0], "name": ["a"], "rate": [1.0]}),
    ],
)
def test_a_chunk_of_other_columns_is_refused(tmp_path, last):
    with pytest.raises((ValueError, KeyError)):
        write_chunks(tmp_path / "t.parquet", [*CHUNKS, last])
    assert list(tmp_path.iterdir()) == []


def test_of_a_chunk_that_fails_nothing_is_kept(tmp_path):
    """The old file, whole, and none of a temporary name."""
    write_chunks(tmp_path / "t.parquet", CHUNKS)
    before = (tmp_path / "t.parquet").read_bytes()

    def chunks():
        yield CHUNKS[0]
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_chunks(tmp_path / "t.parquet", chunks())
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [before]


@pytest.mark.parametrize("row", [0, 4])
def test_of_a_damaged_chunk_nothing_is_kept(tmp_path, row):
    """The last one's first rows have been given away when it is found; what they made goes."""
    path = tmp_path / "in.parquet"
    write_chunks(path, CHUNKS)
    table = pq.read_table(path)
    masses = table.column("mass_GeV").to_pandas().copy()
    masses[row] = 11.0
    changed = table.set_column(0, "mass_GeV", pa.array(masses))
    pq.write_table(changed.replace_schema_metadata(table.schema.metadata), path, row_group_size=2)
    given = read_chunks(path)
    assert len(next(given)) == 2
    with pytest.raises(DamagedResultError, match=r"in\.parquet: damaged: the values of mass_GeV"):
        write_chunks(tmp_path / "out.parquet", read_chunks(path))
    assert [file.name for file in tmp_path.iterdir()] == ["in.parquet"]
