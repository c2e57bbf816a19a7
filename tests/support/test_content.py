"""Result files that do not hold what was written are refused, whatever happened to them."""

import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from zeptobarn.support.streams import stream
from zeptobarn.support.tables import DamagedResultError, ResultError, read_parquet, write_parquet

UNITS = {"trial": "", "source": "", "cs1": "PE", "limit_cm2": "cm²", "good": ""}


@pytest.fixture
def file(tmp_path):
    """A result file with numbers, names, missing values and a boolean, written by zeptobarn."""
    rng = stream(1, "content")
    table = pd.DataFrame(
        {
            "trial": np.arange(300, dtype=np.int32),
            "source": rng.choice(["er", "wall", "wimp_SI_50GeV"], 300),
            "cs1": rng.uniform(3, 70, 300),
            "limit_cm2": np.where(rng.random(300) < 0.1, np.nan, rng.uniform(1e-47, 1e-46, 300)),
            "good": rng.random(300) < 0.5,
        }
    )
    path = tmp_path / "limits.parquet"
    write_parquet(table, path, units=UNITS, config_slice={"a": 1}, extra={"edges": [1.0, 2.0]})
    return path


def rewritten(file, change, metadata=lambda known: known):
    """Write the file anew with another program, its metadata kept or changed."""
    table = pq.read_table(file)
    kept = table.schema.metadata
    known = metadata(json.loads(kept[b"zeptobarn"]))
    changed = change(table.replace_schema_metadata(None))
    kept = {**kept, b"zeptobarn": json.dumps(known).encode()}
    pq.write_table(changed.replace_schema_metadata(kept), file)


def with_value(table, name, row, value):
    column = table.column(name).to_pandas().copy()
    column[row] = value
    at = table.schema.get_field_index(name)
    return table.set_column(at, name, pa.array(column, table.schema.field(name).type))


def without(table, name):
    return table.drop_columns([name])


TABLES = {
    "half of the rows": lambda t: t.slice(0, 150),
    "no rows": lambda t: t.slice(0, 0),
    "rows twice": lambda t: pa.concat_tables([t, t]),
    "a row twice, another gone": lambda t: t.take([0, *range(299)]),
    "rows reversed": lambda t: t.take(list(range(299, -1, -1))),
    "one value": lambda t: with_value(t, "cs1", 7, t.column("cs1")[7].as_py() * (1 + 1e-15)),
    "a value that is no number": lambda t: with_value(t, "cs1", 7, np.nan),
    "a missing value filled": lambda t: t.set_column(
        3, "limit_cm2", t.column("limit_cm2").fill_null(0.0)
    ),
    "a negative limit": lambda t: with_value(t, "limit_cm2", 3, -1e-47),
    "a name": lambda t: with_value(t, "source", 5, "dust"),
    "a boolean": lambda t: with_value(t, "good", 5, not t.column("good")[5].as_py()),
    "columns exchanged": lambda t: t.rename_columns(
        ["trial", "source", "limit_cm2", "cs1", "good"]
    ),
    "a column gone": lambda t: without(t, "limit_cm2"),
    "a column more": lambda t: t.append_column("extra", t.column("cs1")),
    "another type": lambda t: t.set_column(0, "trial", t.column("trial").cast(pa.int64())),
}


def test_what_was_written_is_read(file):
    table, metadata = read_parquet(file, config_slice={"a": 1})
    assert metadata["edges"] == [1.0, 2.0]
    some, _ = read_parquet(file, columns=["source", "cs1"])
    pd.testing.assert_frame_equal(some, table[["source", "cs1"]])
    rewritten(file, lambda table: table)  # the same, by another program, in other bytes
    again, _ = read_parquet(file, config_slice={"a": 1})
    pd.testing.assert_frame_equal(again, table)
    kept = pq.read_table(file)
    for rows in (1, 7, 300):  # however it is split
        pq.write_table(kept, file, row_group_size=rows)
        again, _ = read_parquet(file, config_slice={"a": 1})
        pd.testing.assert_frame_equal(again, table)


@pytest.mark.parametrize("damage", TABLES)
def test_another_table_is_refused(file, damage):
    rewritten(file, TABLES[damage])
    with pytest.raises(ResultError, match=r"limits\.parquet: damaged: .*; delete it and run again"):
        read_parquet(file, config_slice={"a": 1})


@pytest.mark.parametrize(
    "change",
    [
        lambda known: known | {"edges": [1.0, 3.0]},
        lambda known: known | {"seed": 5},
        lambda known: known | {"units": known["units"] | {"cs1": "phd"}},
        lambda known: {k: v for k, v in known.items() if k != "content"},
        lambda known: known | {"content": []},
    ],
)
def test_other_metadata_are_refused(file, change):
    rewritten(file, lambda table: table, change)
    with pytest.raises(ResultError, match="damaged"):
        read_parquet(file, config_slice={"a": 1})


def test_a_column_of_some_is_checked(file):
    rewritten(file, TABLES["one value"])
    assert len(read_parquet(file, columns=["trial"])[0]) == 300
    with pytest.raises(ResultError, match="values of cs1"):
        read_parquet(file, columns=["trial", "cs1"])


def test_flipped_bits_and_short_files(file):
    """Either the very same table comes back, or the file is named and refused."""
    whole, (table, known) = file.read_bytes(), read_parquet(file)
    rng, refused = stream(1, "flips"), []
    for i in range(1500):
        data = bytearray(whole)
        place = rng.integers(8 * len(data)) if i % 2 else 8 * len(data) - 1 - rng.integers(24000)
        data[place // 8] ^= 1 << int(place % 8)
        file.write_bytes(data if i % 10 else data[: rng.integers(len(data))])
        try:
            reread, metadata = read_parquet(file)
        except ResultError as error:
            refused.append(str(error))
        else:
            pd.testing.assert_frame_equal(reread, table)
            assert metadata == known
    assert len(refused) > 1000  # the rest hit what nothing reads
    assert all(message.startswith(f"{file}: ") and len(message) < 500 for message in refused)


def test_what_is_no_result_is_said(tmp_path):
    for name, content, message in (
        ("empty.parquet", b"", "damaged"),
        ("text.parquet", b"hello", "damaged"),
        ("none.parquet", None, "no such file"),
    ):
        if content is not None:
            (tmp_path / name).write_bytes(content)
        with pytest.raises(ResultError, match=f"{name}: {message}"):
            read_parquet(tmp_path / name)
    with pytest.raises(ResultError, match="a folder"):
        read_parquet(tmp_path)


def test_a_message_names_the_column_and_not_all(tmp_path):
    """A summary has 29 of them."""
    table = pd.DataFrame({f"column_{i:02}": [1.0] for i in range(60)})
    path = tmp_path / "t.parquet"
    write_parquet(table, path, units=dict.fromkeys(table.columns, ""), config_slice=None)
    whole = pq.read_table(path)
    for changed, message in (
        (whole.drop_columns(["column_07"]), "it lacks the column column_07; "),
        (whole.append_column("new", pa.array([1.0])), "it has the column new, which was not wr"),
        (whole.append_column("column_07", pa.array([1.0])), "it has the column column_07 twice"),
    ):
        pq.write_table(changed.replace_schema_metadata(whole.schema.metadata), path)
        with pytest.raises(DamagedResultError, match=message) as error:
            read_parquet(path)
        assert len(str(error.value)) < 300
