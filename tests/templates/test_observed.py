"""Observed events as files and tables hold them, and where they lie."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from zeptobarn.physics.detector import load_detector
from zeptobarn.support.config import ConfigError
from zeptobarn.templates.observed import bins_of, read_events
from zeptobarn.templates.toys import throw, write_toys

XENON1T = load_detector("xenon1t")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "cs1,s2\n1,2\n",
            "found columns 'cs1', 's2'; needed: cs1 and cs2 of each event, under names such as",
        ),
        (
            "5.83,1073\n7.85,1039\n",
            r"row 1: found numbers \('5.83', '1073'\) where .*: add the line cs1,cs2 \(or",
        ),
        (
            "7,5.83,1073\n8,7.85,1039\n",
            r".*add the line cs1,cs2 \(or .*, in their order, with a name for each of the 3$",
        ),
        ("cs1,cs2,cs2\n1,2,3\n", "found columns 'cs1', 'cs2', 'cs2'; allowed: each once"),
        ("cs1,cs2\n1,2,9\n", r"row 2: found 3 values; allowed: 2, .* \('cs1', 'cs2'\)"),
        ("cs1,cs2,day\n1,2,9\n1,2\n", "row 3: found 2 values; allowed: 3"),
        ("cs1,cs2\n1,2\n3,\n", r"row 3: found cs1=3, cs2=\(empty\); allowed: finite"),
        ("cs1,cs2\n1,2\n3,x\n", "row 3: found cs1=3, cs2=x; allowed: finite"),
        ("cs1,cs2\n1,2\n\n3,inf\n", "row 4: found cs1=3, cs2=inf; allowed: finite"),
        ("cs1,cs2\n1,2\n-3,4\n", "row 3: found cs1=-3.0, cs2=4.0; allowed: areas of at least 0"),
    ],
)
def test_bad_event_files(tmp_path, text, message):
    path = tmp_path / "events.csv"
    path.write_text(text)
    with pytest.raises(ConfigError, match=rf"events\.csv: {message}"):
        read_events(path, XENON1T, "")


def test_toys_are_events_one_dataset_at_a_time(tmp_path, small_study, small_templates):
    """Together they would give the limit of a thousand times the livetime."""
    toys = throw(small_study, "xenon1t", small_templates["xenon1t"], range(1, 1001))
    files = tmp_path / "events.parquet", tmp_path / "truth.parquet"
    write_toys(small_study, "xenon1t", [toys], *files)
    for read in (
        lambda: read_events(files[0], XENON1T, ""),
        lambda: read_events(toys.events, XENON1T, "data")[0],
    ):
        with pytest.raises(ConfigError, match="the events of 1000 datasets in the column 'trial'"):
            read()
    one = dataclasses.replace(toys, events=toys.events[toys.events["trial"] == 7])
    write_toys(small_study, "xenon1t", [one], *files)
    expected = one.events[["cs1", "cs2"]].to_numpy()
    np.testing.assert_array_equal(read_events(files[0], XENON1T, "")[0], expected)
    with pytest.raises(ConfigError, match=r"truth\.parquet: found columns 'trial', "):
        read_events(files[1], XENON1T, "")


def test_event_files_with_more_than_the_areas(tmp_path):
    """Other columns are left out, pandas's own index too, in any order."""
    path = tmp_path / "events.csv"
    pd.DataFrame({"cs2": [500.0, 600.0], "source": ["er", ""], "cs1": [5.0, 6.0]}).to_csv(path)
    expected = pd.DataFrame({"cs1": [5.0, 6.0], "cs2": [500.0, 600.0]}, [2, 3])
    pd.testing.assert_frame_equal(read_events(path, XENON1T, "")[0], expected)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (
            pd.DataFrame([[1, 2, 3]], columns=["cs1", "cs2", "cs1"]),
            "found columns 'cs1', 'cs1', which may each be cs1; needed: the one",
        ),
        (pd.DataFrame({"cs1": [1], 7: [2]}), "found columns 'cs1', '7'; needed"),
        (pd.DataFrame({"cs1": [1, np.nan], "cs2": 2}, [7, 9]), "row 9: found cs1=nan, cs2=2; all"),
        (
            pd.DataFrame({"cs1": [1, -1], "cs2": 2}),
            "row 1: found cs1=-1.0, cs2=2.0; allowed: areas",
        ),
        (pd.DataFrame({"cs1": ["x"], "cs2": ["2"]}), "row 0: found cs1=x, cs2=2; allowed: finite"),
    ],
)
def test_bad_event_tables(table, message):
    with pytest.raises(ConfigError, match=rf"data: .*{message}"):
        read_events(table, XENON1T, "data")


@pytest.mark.parametrize("rows", ["5.8,1073,12\n7.9,1038,13\n", "1,5.8,1073,12\n2,7.9,1038,13\n"])
def test_a_table_that_pandas_has_shifted(tmp_path, rows):
    """It makes an index, or two, of what stands under cs1."""
    path = tmp_path / "events.csv"
    path.write_text("cs1,cs2\n" + rows)
    shifted = pd.read_csv(path)
    assert shifted["cs2"].tolist() == [12, 13]
    message = r"data: found a nameless index of decimal numbers \(first: .*5\.8"
    with pytest.raises(ConfigError, match=message):
        read_events(shifted, XENON1T, "data")
    assert len(read_events(shifted.reset_index(drop=True), XENON1T, "data")[0]) == 2
    named = shifted.set_index(pd.Index([0.5, 1.5], name="day"))
    assert len(read_events(named, XENON1T, "data")[0]) == 2


@pytest.mark.parametrize(
    ("cs1", "cs2", "message"),
    [
        (
            [10.0, 20.5], [3.1, 5.0],
            r"all 2 events lie outside the analysis space of lz: found cs1 from 10 to 20\.5 phd "
            r"and cs2 from 3\.1 to 5 phd; allowed: cs1 from 3 to 80 phd and cs2 from 398\.11 to "
            r"50119 phd; 10 to the power of cs2 puts 1 inside: give areas,.*",
        ),
        ([1.0, 1.5], [1e3, 2e3], r"; 10 to the power of cs1 puts 2 inside"),
        ([1.0, 1.5], [3.0, 3.5], r"; 10 to the power of cs1 and cs2 puts 2 inside"),
        ([1e3, 2e3, 1.0], [10.0, 20.0, 1.0], r"; with cs1 and cs2 swapped, 2 would lie inside"),
        ([1.0, 10.0], [3e5, 40.0], r"398\.11 to 50119 phd$"),
        ([10.0], [0.0], r"the only event lies outside"),
    ],
)  # fmt: skip
def test_all_events_outside(small_study, cs1, cs2, message):
    events = pd.DataFrame({"cs1": cs1, "cs2": cs2})
    with pytest.raises(ConfigError, match=rf"^mine: .*{message}"):
        bins_of(small_study.detectors["lz"], events, "mine")


def test_some_events_outside_and_none_at_all(small_study):
    lz = small_study.detectors["lz"]
    events = pd.DataFrame({"cs1": [2.9, 10.0, 79.9, 80.0], "cs2": 1e3})
    assert (bins_of(lz, events, "mine") >= 0).tolist() == [False, True, True, False]
    assert len(bins_of(lz, events[:0], "mine")) == 0
