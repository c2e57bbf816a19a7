from pathlib import Path

import pandas as pd
import pytest

from zeptobarn.tables import StaleResultError, digest, read_parquet, write_csv, write_parquet


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
    with pytest.raises(StaleResultError, match=r"t\.parquet: made from another configuration"):
        read_parquet(path, config_slice={"x": 2})


def test_refuses_a_foreign_file(tmp_path, table):
    table.to_parquet(tmp_path / "foreign.parquet")
    with pytest.raises(StaleResultError, match="not a result file"):
        read_parquet(tmp_path / "foreign.parquet")


def test_refuses_a_column_without_unit(tmp_path, table):
    with pytest.raises(ValueError, match="name"):
        write_parquet(table, tmp_path / "t", units={"mass_GeV": "GeV"}, config_slice=None)


def test_a_failed_write_leaves_the_old_file(tmp_path):
    class Broken(pd.DataFrame):
        def to_csv(self, path, **_):
            Path(path).write_text("half")
            raise OSError("disk full")

    path = tmp_path / "t.csv"
    write_csv(pd.DataFrame({"a": [1]}), path)
    before = path.read_text()
    with pytest.raises(OSError, match="disk full"):
        write_csv(Broken({"a": [2]}), path)
    assert path.read_text() == before
    assert list(tmp_path.iterdir()) == [path]
