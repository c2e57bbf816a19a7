import errno
from pathlib import Path

import pandas as pd
import pytest

from zeptobarn.support import tables
from zeptobarn.support.config import ConfigError
from zeptobarn.support.tables import (
    ResultError,
    digest,
    numbers,
    read_csv,
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


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ResultError, match=r"a\.csv: not written: "):
        write_csv(pd.DataFrame({"a": [1]}), tmp_path / "file" / "a.csv")


@pytest.mark.parametrize(
    "text",
    [
        "a,b\n1,2\n3,4\n",
        "a,b\n1,2\n3,4\n\n  \n\n",
        "a,b\r\n1,2\r\n3,4\r\n",
        "a,b\r1,2\r3,4",
        "\ufeffa,b\n1,2\n3,4\n",
        '"a","b"\n"1","2"\n3,"4"\n',
        " a, b\n 1, 2 \n3 ,4\n",
        "a,b,\n1,2,\n3,4,\n",
    ],
)
def test_what_changes_nothing_in_a_csv(tmp_path, text):
    path = tmp_path / "t.csv"
    path.write_bytes(text.encode())
    found = numbers(read_csv(path), ("a", "b"), "t")
    assert found.to_numpy().tolist() == [[1, 2], [3, 4]]
    assert found.index.tolist() == [2, 3]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2\n3,4,5\n", r"row 3: found 3 values; allowed: 2, one for each .* \(a, b\)"),
        ("a,b\n1,2,\n3,4,\n", r"row 2: found 3 values; allowed: 2"),
        ("a,b,\n1,2\n", r"row 2: found 2 values; allowed: 3"),
        ("a,b\n1,2\n\n3\n", r"row 4: found 1 value; allowed: 2"),
        ("a;b\n1,5;2,5\n", r"row 2: found 3 values; allowed: 1, .* \(a;b\)"),
        ("a,b,a\n1,2,3\n", r"found columns 'a', 'b', 'a'; allowed: each name once"),
        (",a,\n1,2,3\n", r"found columns '', 'a', ''; allowed: each name once"),
        ("# a,b\n1,2\n", r"row 1: found a comment, '# a,b'; allowed: the names of the columns"),
        ("a,b\n1,2\n # 3,4\n", r"row 3: found a comment, '# 3,4'; allowed"),
        ('a,b\n"1,2\n3,4\n', r"not a CSV file: unexpected end of data"),
        ("a,b\n\xff,2\n", r"not a CSV file: .*can't decode"),
        ("\n\n", r"not a CSV file: there is no header"),
    ],
)
def test_a_csv_that_would_be_misread(tmp_path, text, message):
    path = tmp_path / "t.csv"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(ConfigError, match=rf"t\.csv: {message}") as caught:
        read_csv(path)
    assert len(str(caught.value).splitlines()) == 1


def test_a_csv_without_rows(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("a,b\n")
    assert numbers(read_csv(path), ("a", "b"), "t").shape == (0, 2)


def test_a_row_is_named_by_its_line(tmp_path):
    """Blank lines and values over two lines count."""
    path = tmp_path / "t.csv"
    path.write_text('a,b\n\n"of two\nlines",2\n3,inf\n')
    table = read_csv(path)
    assert table["a"].tolist() == ["of two\nlines", "3"]
    with pytest.raises(ConfigError, match="t: row 5: found b=inf; allowed: finite numbers"):
        numbers(table, ("b",), "t")
