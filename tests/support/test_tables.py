import errno
import os
import stat
from pathlib import Path

import pandas as pd
import pytest

from zeptobarn.support import tables
from zeptobarn.support.tables import (
    ResultError,
    digest,
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
    found, metadata = read_parquet(path, config_slice={"x": 1})
    pd.testing.assert_frame_equal(found, table)
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
