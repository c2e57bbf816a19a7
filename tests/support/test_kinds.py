"""What a kind declares is looked at in each row, in whatever chunks the rows come."""

import numpy as np
import pandas as pd
import pytest

from zeptobarn.support.kinds import NOT_NEGATIVE, PROBABILITY, Column, Inspection, Kind
from zeptobarn.support.tables import (
    DamagedResultError,
    parquet_writer,
    read_chunks,
    read_parquet,
    write_parquet,
)

LIMITS = Kind(
    {
        "limit": Column(low=0, known_where=("status", ("ok", "at_boundary"))),
        "status": Column(words=("ok", "at_boundary", "no_crossing")),
        "p_*": PROBABILITY,
        "n_failed": Column(low=0, at_most="n"),
    },
    key=("trial", "interval"),
    complete=True,
    in_order=True,
)


def limits(trials=range(1, 5), intervals=("b", "a")):
    rows = [(trial, interval) for trial in trials for interval in intervals]
    table = pd.DataFrame(rows, columns=["trial", "interval"])
    return table.assign(limit=1.5, status="ok", p_value=0.5, n=3, n_failed=3)


def fault(table, kind=LIMITS, chunks=1, metadata=None, **levels):
    inspection = Inspection(kind, levels, metadata or {})
    for rows in np.array_split(np.arange(len(table)), chunks):
        if wrong := inspection.fault(table.iloc[rows].reset_index(drop=True)):
            return wrong
    return inspection.fault_at_end()


@pytest.mark.parametrize("chunks", [1, 2, 4])
def test_what_is_right_passes(chunks):
    table = limits()
    assert fault(table, chunks=chunks) == ""
    assert fault(table, chunks=chunks, trial=range(1, 5), interval=["b", "a"]) == ""
    table.loc[3, ["limit", "status"]] = np.nan, "no_crossing"
    assert fault(table, chunks=chunks) == ""


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"limit": -1.0}, "row 2: limit: found -1.0; allowed: ≥ 0"),
        ({"limit": np.inf}, "row 2: limit: found inf; allowed: finite"),
        ({"limit": np.nan}, "row 2: limit: found nan; allowed: a value, as its status says"),
        ({"status": "no_crossing"}, "row 2: limit: found 1.5; allowed: none, as its status says"),
        (
            {"status": "fine"},
            "row 2: status: found fine; allowed: ok or at_boundary or no_crossing",
        ),
        ({"p_value": 1.1}, "row 2: p_value: found 1.1; allowed: ≤ 1"),
        ({"p_value": np.nan}, "row 2: p_value: found nan; allowed: a value"),
        ({"n_failed": 4}, "row 2: n_failed: found 4; allowed: ≤ n"),
        ({"trial": 1}, "it has a second row of trial 1, interval b"),
        ({"trial": 7}, "it has 8 rows of 5 trial × 2 interval"),
        ({"interval": "c"}, "it has 8 rows of 4 trial × 3 interval"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_what_is_wrong_is_said(change, said):
    table = limits()
    for name, value in change.items():
        table.loc[2, name] = value
    assert fault(table) == said


def test_rows():
    table = limits()
    levels = {"trial": range(1, 5), "interval": ["b", "a"]}
    assert "second row of trial 1, interval b" in fault(pd.concat([table, table[:1]]))
    assert fault(table[:-1]) == "it has 7 rows of 4 trial × 2 interval"
    assert fault(table[:4]) == ""
    assert fault(table[:4], **levels) == "it has 2 of 4 values of trial"
    assert fault(table[:0], **levels) == "it has 0 of 4 values of trial"
    assert fault(table[::-1]) == "its rows are not in order at trial 3, interval a"
    assert fault(table, **levels | {"interval": ["a", "b"]}).startswith("its rows are not in order")
    assert "the interval b, which was not asked for" in fault(table, **levels | {"interval": ["a"]})
    assert (
        fault(table, **levels | {"interval": [*"bac"]}) == "it has 8 rows of 4 trial × 3 interval"
    )
    assert fault(table, interval=3) == "it has 2 values of interval, not 3"
    assert fault(table[:0], Kind({}, fewest=1)) == "it has 0 rows; allowed: at least 1"
    twice = pd.concat([table, table])
    assert fault(twice, chunks=2) == "it has trial 1 more than once, or not in order"


def test_an_order_of_its_own():
    grid = Kind({"x": Column(increases=True)}, key=("x",))
    table = pd.DataFrame({"x": [1.0, 2.0, 3.0, 4.0]})
    assert fault(table, grid) == fault(table, grid, chunks=2) == ""
    table["x"] = [1.0, 2.0, 2.0, 4.0]
    said = "row 2: x: found 2.0; allowed: more than in the row before"
    assert fault(table, grid) == fault(table, grid, chunks=2) == said


def test_values_that_do_not_fall():
    events = Kind({"trial": Column(in_order=True)})
    assert fault(pd.DataFrame({"trial": [1, 1, 4, 4]}), events, chunks=2) == ""
    said = "row 2: trial: found 3; allowed: no less than in the row before"
    assert fault(pd.DataFrame({"trial": [1, 4, 3, 3]}), events, chunks=2) == said


def test_how_many_values_the_first_column_of_a_key_has():
    """Over all chunks."""
    for chunks in (1, 2):
        assert fault(limits(), chunks=chunks, trial=4) == ""
        assert fault(limits(), chunks=chunks, trial=5) == "it has 4 of 5 values of trial"
    assert fault(limits()[:0], trial=4) == "it has 0 of 4 values of trial"


def test_text_in_place_of_numbers():
    table = limits().astype({"p_value": str})
    assert fault(table) == "row 0: p_value: found 0.5; allowed: a number"
    assert "allowed: ok or" in fault(limits().assign(status=1.0))


def test_sums_that_metadata_know():
    kind = Kind({"share": NOT_NEGATIVE}, key=("bin", "at"), total=("share", "bin", "sums"))
    table = pd.DataFrame({"bin": [0, 0, 2], "at": [0, 1, 0], "share": [0.25, 0.5, 0.125]})
    known = {"sums": [0.75, 0.0, 0.125]}
    assert fault(table, kind, metadata=known) == fault(table, kind, 2, known) == ""
    assert fault(table[1:], kind, metadata=known) == "its share in bin 0 does not add up"
    assert fault(table[:2], kind, metadata=known) == "its share in bin 2 does not add up"
    assert "bin 2; allowed: 0 … 1" in fault(table, kind, metadata={"sums": [0.75, 0]})
    assert fault(table, kind) == "its metadata does not hold its sums"


def test_reading_looks(tmp_path):
    """Also at columns of the key that nobody asked for."""
    file, units = tmp_path / "limits.parquet", dict.fromkeys(limits().columns, "")
    with parquet_writer(file, units=units, config_slice=None) as write:
        write(limits([1, 2]))
        write(limits([4, 5]))
    levels = {"trial": range(1, 6)}
    assert read_parquet(file, columns=["limit"], kind=LIMITS)[0].columns.tolist() == ["limit"]
    wrong = r"limits\.parquet: damaged: it has 4 of 5 values of trial; delete it and run again"
    with pytest.raises(DamagedResultError, match=wrong):
        read_parquet(file, columns=["limit"], kind=LIMITS, levels=levels)
    chunks = read_chunks(file, columns=["limit"], kind=LIMITS, levels=levels)
    assert [next(chunks).columns.tolist() for _ in range(2)] == [["limit"], ["limit"]]
    with pytest.raises(DamagedResultError, match=wrong):
        next(chunks)
    write_parquet(limits().assign(limit=-1.0), file, units=units, config_slice=None)
    with pytest.raises(DamagedResultError, match="row 0: limit: found -1"):
        next(read_chunks(file, kind=LIMITS))


def test_a_column_that_must_be_there(tmp_path):
    file = tmp_path / "limits.parquet"
    write_parquet(
        limits().drop(columns="trial"),
        file,
        units=dict.fromkeys(limits().columns, ""),
        config_slice=None,
    )
    with pytest.raises(DamagedResultError, match="no column trial"):
        read_parquet(file, kind=LIMITS)
