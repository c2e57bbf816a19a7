import dataclasses
from itertools import pairwise, product

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from zeptobarn.support.tables import ResultError
from zeptobarn.templates import toys as module
from zeptobarn.templates.density import bin_index
from zeptobarn.templates.toys import Toys, chunks, place, read_toys, throw, write_toys


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


def test_no_background_at_all(small_study):
    detector = dataclasses.replace(small_study.detectors["xenon1t"], sources=())
    study = dataclasses.replace(small_study, detectors={"xenon1t": detector}, shapes=())
    toys = throw(study, "xenon1t", {}, range(1, 4))
    assert toys.events.empty
    assert toys.truth["parameter"].tolist() == ["wimp_rate"] * 3
    assert toys.truth["n_events"].tolist() == [0] * 3


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
    truth.loc[truth["trial"] % 7 == 0, "n_events"] = 0
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


def test_events_are_as_many_as_were_thrown(tmp_path, toys, small_study):
    files = tmp_path / "1-1000.parquet", tmp_path / "1-1000.truth.parquet"
    first = toys.events["trial"] == 1
    for events in (toys.events[~first], pd.concat([toys.events[first], toys.events])):
        write_toys(small_study, "xenon1t", [Toys(events, toys.truth)], *files)
        with pytest.raises(
            ResultError, match=r"1-1000\.parquet: damaged: .* events of trial 1, and"
        ):
            list(read_toys(small_study, "xenon1t", *files))


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
