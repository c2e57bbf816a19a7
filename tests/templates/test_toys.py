import dataclasses
from itertools import pairwise, product

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from zeptobarn.support.config import ConfigError
from zeptobarn.support.tables import ResultError
from zeptobarn.templates import toys as module
from zeptobarn.templates.density import bin_index
from zeptobarn.templates.toys import (
    Toys,
    bins_of,
    check_events,
    chunks,
    place,
    read_events,
    read_toys,
    throw,
    write_toys,
)


@pytest.fixture(scope="module")
def toys(small_study, small_templates):
    return throw(small_study, "xenon1t", small_templates["xenon1t"], range(1, 1001))


def test_numbers_of_events_are_poisson(toys, small_templates):
    expected = small_templates["xenon1t"]["er"].nominal.sum()
    counts = toys.events[toys.events["source"] == "er"].groupby("trial").size().to_numpy()
    assert counts.mean() == pytest.approx(expected, abs=4 * np.sqrt(expected / 1000))
    assert counts.var() == pytest.approx(expected, rel=4 * np.sqrt(2 / 1000))


def test_events_follow_the_template(toys, small_study, small_templates):
    space = small_study.detectors["xenon1t"].space
    events = toys.events[toys.events["source"] == "er"]
    bins = bin_index(space, events["cs1"].to_numpy(), events["cs2"].to_numpy())
    assert bins.min() >= 0
    law = small_templates["xenon1t"]["er"].nominal
    groups = law.reshape(space.shape).sum(axis=1)
    seen = np.bincount(bins // space.shape[1], minlength=space.shape[0])
    assert stats.chisquare(seen, groups / groups.sum() * len(events)).pvalue > 1e-3
    assert (law[bins] > 0).all()


def test_events_lie_anywhere_in_their_bin(small_study):
    """Uniform in cS1 and in ln cS2, each for itself."""
    space = small_study.detectors["xenon1t"].space
    rng = np.random.default_rng(1)
    bins = rng.integers(0, np.prod(space.shape), size=20_000)
    cs1, cs2 = place(space, bins, rng)
    assert (bin_index(space, cs1, cs2) == bins).all()
    shares = []
    for values, edges, k in zip(
        (cs1, np.log(cs2)),
        (space.cs1_edges, np.log(space.cs2_edges)),
        np.divmod(bins, space.shape[1]),
        strict=True,
    ):
        shares.append((values - edges[k]) / np.diff(edges)[k])
        assert stats.kstest(shares[-1], "uniform").pvalue > 1e-3
    assert abs(np.corrcoef(shares)[0, 1]) < 4 / np.sqrt(len(bins))


def test_truth(toys, small_study):
    assert (toys.trials == np.arange(1, 1001)).all()
    names = ["wimp_rate", "er_rate", "leff"]
    assert set(names) <= set(toys.truth["parameter"])
    counts = toys.events.groupby("trial").size()
    first = toys.truth.drop_duplicates("trial").set_index("trial")["n_events"]
    assert (counts == first).all()
    centres = toys.constraint_centres("leff")
    assert stats.kstest(centres, "norm").pvalue > 1e-3
    fixed = dataclasses.replace(small_study, constraint_centres="fixed")
    templates = {s.name: _empty() for s in small_study.detectors["xenon1t"].sources}
    assert (throw(fixed, "xenon1t", templates, [1, 2]).constraint_centres("leff") == 0).all()


def _empty():
    from zeptobarn.templates.templates import Template

    return Template(({},), np.zeros((1, 67 * 70)), np.zeros((1, 67 * 70)))


def test_a_trial_without_events_is_in_the_truth(small_study):
    templates = {s.name: _empty() for s in small_study.detectors["xenon1t"].sources}
    thrown = throw(small_study, "xenon1t", templates, [3, 4])
    assert len(thrown.events) == 0
    assert list(thrown.trials) == [3, 4]


def test_a_trial_depends_on_its_number_alone(toys, small_study, small_templates):
    alone = throw(small_study, "xenon1t", small_templates["xenon1t"], [500])
    same = toys.events[toys.events["trial"] == 500].reset_index(drop=True)
    pd.testing.assert_frame_equal(alone.events, same)


def test_detectors_and_seeds_have_their_own_trials(small_study, small_templates):
    one = throw(small_study, "xenon1t", small_templates["xenon1t"], [1])
    reseeded = dataclasses.replace(small_study, seed=2)
    two = throw(reseeded, "xenon1t", small_templates["xenon1t"], [1])
    lz = throw(small_study, "lz", small_templates["lz"], [1])
    assert one.events["cs1"].iloc[0] != two.events["cs1"].iloc[0]
    assert one.events["cs1"].iloc[0] != lz.events["cs1"].iloc[0]
    # A parameter that they share is measured once.
    assert one.constraint_centres("leff")[0] == lz.constraint_centres("leff")[0]
    assert one.constraint_centres("leff")[0] != two.constraint_centres("leff")[0]


def test_round_trip(tmp_path, toys, small_study):
    files = tmp_path / "1-1000.parquet", tmp_path / "1-1000.truth.parquet"
    write_toys(small_study, "xenon1t", [toys], *files)
    reread = list(read_toys(small_study, "xenon1t", *files))
    for name in ("events", "truth"):
        again = pd.concat([getattr(part, name) for part in reread], ignore_index=True)
        pd.testing.assert_frame_equal(again, getattr(toys, name), check_dtype=False)
    with pytest.raises(ResultError):
        next(read_toys(dataclasses.replace(small_study, seed=2), "xenon1t", *files))


@pytest.mark.parametrize("written", [[9, 1, 0, 10], [1] * 20, [20]])
def test_chunks_hold_their_trials(
    tmp_path, small_study, small_templates, toys, monkeypatch, written
):
    """However a file is split; here with trials that have no events, and with less of truth."""
    files = tmp_path / "21-40.parquet", tmp_path / "21-40.truth.parquet"
    events, truth = (
        table[table["trial"].between(21, 40)].reset_index(drop=True)
        for table in (toys.events[toys.events["trial"] % 7 > 0], toys.truth)
    )
    ends = np.cumsum([20, *written])
    parts = [
        Toys(*(table[table["trial"].between(low + 1, high)] for table in (events, truth)))
        for low, high in pairwise(ends)
    ]
    write_toys(small_study, "xenon1t", parts, *files)
    monkeypatch.setattr(module, "_AT_ONCE", 6)
    reread = list(read_toys(small_study, "xenon1t", *files))
    assert [list(part.trials) for part in reread] == [list(t) for t in chunks(range(21, 41))]
    for name, whole in (("events", events), ("truth", truth)):
        again = [getattr(part, name) for part in reread]
        assert all(list(part.index) == list(range(len(part))) for part in again)
        pd.testing.assert_frame_equal(pd.concat(again, ignore_index=True), whole)


@pytest.mark.parametrize("name", ["1-2", "2-3", "1-4", "3-5"])
def test_a_batch_under_the_name_of_another_is_refused(
    tmp_path, small_study, small_templates, toys, name
):
    """Two halves of a study, say, one of which was copied under wrong names."""
    write = [
        throw(small_study, "xenon1t", small_templates["xenon1t"], range(*span))
        for span in ((1, 4), (2, 4))
    ]
    for events, truth in product((0, 1), (0, 1)):
        files = tmp_path / f"{name}.parquet", tmp_path / f"{name}.truth.parquet"
        write_toys(small_study, "xenon1t", [Toys(write[events].events, write[truth].truth)], *files)
        if name == "2-3" and events == truth == 1:
            (reread,) = read_toys(small_study, "xenon1t", *files)
            assert list(reread.trials) == [2, 3]
        else:
            with pytest.raises(ResultError, match=rf"{name}.parquet: .* other trials than"):
                list(read_toys(small_study, "xenon1t", *files))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("cs1,s2\n1,2\n", "found columns 'cs1', 's2'; needed: 'cs1', 'cs2', once each"),
        ("cS1,cS2\n1,2\n", "found columns 'cS1', 'cS2'; needed: 'cs1', 'cs2'"),
        ("5.83,1073\n7.85,1039\n", "found columns '5.83', '1073'; needed: 'cs1', 'cs2'"),
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
        read_events(path)


def test_toys_are_events_one_dataset_at_a_time(tmp_path, toys, small_study):
    """Together they would give the limit of a thousand times the livetime."""
    files = tmp_path / "events.parquet", tmp_path / "truth.parquet"
    write_toys(small_study, "xenon1t", [toys], *files)
    for read in (lambda: read_events(files[0]), lambda: check_events(toys.events, "data")):
        with pytest.raises(ConfigError, match="the events of 1000 datasets in the column 'trial'"):
            read()
    one = dataclasses.replace(toys, events=toys.events[toys.events["trial"] == 7])
    write_toys(small_study, "xenon1t", [one], *files)
    expected = one.events[["cs1", "cs2"]].to_numpy()
    np.testing.assert_array_equal(read_events(files[0]), expected)
    with pytest.raises(ConfigError, match=r"truth\.parquet: found columns 'trial', "):
        read_events(files[1])


def test_event_files_with_more_than_the_areas(tmp_path):
    """Other columns are left out, pandas's own index too, in any order."""
    path = tmp_path / "events.csv"
    pd.DataFrame({"cs2": [500.0, 600.0], "source": ["er", ""], "cs1": [5.0, 6.0]}).to_csv(path)
    expected = pd.DataFrame({"cs1": [5.0, 6.0], "cs2": [500.0, 600.0]}, [2, 3])
    pd.testing.assert_frame_equal(read_events(path), expected)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (pd.DataFrame([[1, 2, 3]], columns=["cs1", "cs2", "cs1"]), "'cs1', 'cs2', 'cs1'; needed"),
        (pd.DataFrame({"cs1": [1], " cs2": [2]}), "found columns 'cs1', ' cs2'; needed"),
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
        check_events(table, "data")


@pytest.mark.parametrize("rows", ["5.8,1073,12\n7.9,1038,13\n", "1,5.8,1073,12\n2,7.9,1038,13\n"])
def test_a_table_that_pandas_has_shifted(tmp_path, rows):
    """It makes an index, or two, of what stands under cs1."""
    path = tmp_path / "events.csv"
    path.write_text("cs1,cs2\n" + rows)
    shifted = pd.read_csv(path)
    assert shifted["cs2"].tolist() == [12, 13]
    message = r"data: found a nameless index of decimal numbers \(first: .*5\.8"
    with pytest.raises(ConfigError, match=message):
        check_events(shifted, "data")
    assert len(check_events(shifted.reset_index(drop=True), "data")) == 2
    named = shifted.set_index(pd.Index([0.5, 1.5], name="day"))
    assert len(check_events(named, "data")) == 2


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


def test_datasets_at_another_leff(small_study, small_templates):
    """Counts follow the templates at that value, the truth says so, and other sources stay."""
    toys, low = (
        throw(small_study, "lz", small_templates["lz"], range(1, 401), at)
        for at in (None, {"leff": -1.5})
    )
    for thrown, value in ((toys, 0.0), (low, -1.5)):
        truth = thrown.truth[thrown.truth["parameter"] == "leff"]
        assert (truth["true_value"] == value).all()
        rates = thrown.truth.groupby("parameter")["true_value"].unique()
        assert rates["wimp_rate"].tolist() == [0]
        assert rates["er_rate"].tolist() == [1]
        assert truth["constraint_centre"].mean() == pytest.approx(value, abs=4 / np.sqrt(400))
    expected = small_templates["lz"]["cevns_8b"].expected.sum(axis=1)
    anchors = [shape["leff"] for shape in small_templates["lz"]["cevns_8b"].shape_values]
    mean = np.interp(-1.5, anchors, expected)
    count = (low.events["source"] == "cevns_8b").sum() / 400
    assert mean < 0.7 * expected[anchors.index(0)]
    assert count == pytest.approx(mean, abs=4 * np.sqrt(mean / 400))
    electronic = [thrown.events["source"].eq("er").sum() for thrown in (toys, low)]
    assert electronic[0] == electronic[1]


def test_files_of_other_datasets_are_stale(small_study, small_templates, tmp_path):
    at, files = {"leff": -2.0}, (tmp_path / "1-1.parquet", tmp_path / "1-1.truth.parquet")
    toys = throw(small_study, "xenon1t", small_templates["xenon1t"], [1], at)
    write_toys(small_study, "xenon1t", [toys], *files, at)
    (reread,) = read_toys(small_study, "xenon1t", *files, at)
    pd.testing.assert_frame_equal(reread.events, toys.events)
    with pytest.raises(ResultError):
        next(read_toys(small_study, "xenon1t", *files))
