"""Observed events as a notebook holds them: tables, arrays, files; and their livetime."""

import numpy as np
import pandas as pd
import pytest

from zeptobarn.inference.events import sort_observed
from zeptobarn.study.loading import load_study
from zeptobarn.support.config import ConfigError
from zeptobarn.templates.toys import Toys

STUDY = load_study("config/config.yaml")
EVENTS = pd.DataFrame({"cs1": [5.8, 7.9, 500.0], "cs2": [1073.4, 1038.8, 2000.0]})
ROWS = EVENTS.to_numpy()


def sort(events):
    return sort_observed(STUDY, {"xenon1t": events}, None)


def test_every_form_of_the_same_events(tmp_path):
    expected = sort(EVENTS)
    assert (expected.inside, expected.outside) == ({"xenon1t": 2}, {"xenon1t": 1})
    path = tmp_path / "events.csv"
    EVENTS.to_csv(path, index=False)
    fields = EVENTS[["cs2", "cs1"]].to_records(index=False)
    big_endian = np.array(fields.tolist(), dtype=[("cs2", ">f8"), ("cs1", ">f4")])
    for events in (path, str(path), fields, np.asarray(fields), big_endian, EVENTS.astype("str")):
        seen = sort(events)
        assert (seen.inside, seen.outside) == (expected.inside, expected.outside)
        assert seen.columns == {"xenon1t": ""}
        np.testing.assert_array_equal(seen.data.bins, expected.data.bins)


@pytest.mark.parametrize(
    ("events", "given"),
    [
        (ROWS, r"an array of shape \(3, 2\)"),
        (ROWS.T, r"an array of shape \(2, 3\)"),
        (ROWS.tolist(), "a list"),
        (None, "a NoneType"),
        (EVENTS["cs1"], "a Series"),
        (Toys(EVENTS.assign(trial=1), EVENTS), "a Toys"),
        (np.array([[(1.0, 2.0)]], dtype=[("cs1", float), ("cs2", float)]), r"an array of sh.*"),
    ],
)
def test_which_column_is_which_is_not_guessed(events, given):
    """The other order would be another limit; the message holds the line to write."""
    line = r"pandas\.DataFrame\(\{'cs1': \.\.\., 'cs2': \.\.\.\}\)"
    with pytest.raises(ConfigError, match=rf"^data: found {given}, whose columns .*{line}"):
        sort(events)


def test_fields_of_other_names():
    events = np.array([(5.8, 1073.4)], dtype=[("s1", float), ("s2", float)])
    with pytest.raises(ConfigError, match=r"^data: found columns 's1', 's2'; needed: cs1 and cs2"):
        sort(events)


def test_a_column_of_trials_that_says_nothing():
    assert sort(EVENTS.assign(trial=np.nan)).inside == {"xenon1t": 2}
    with pytest.raises(ConfigError, match=r"of 3 datasets .*'trial'; .*\[events\['trial'\] == 4"):
        sort(EVENTS.assign(trial=[4, 5, 6]))


def test_no_events_are_an_observation():
    seen = sort(EVENTS[:0])
    assert (seen.inside, seen.outside) == ({"xenon1t": 0}, {"xenon1t": 0})


EVENT = pd.DataFrame({"cs1": [10.0], "cs2": [1000.0]})


@pytest.mark.parametrize(
    "livetime",
    [0, -1, np.nan, np.inf, 1e300, "20", [20], np.array([20.0]), np.array(20.0), None, True, 1j],
)
def test_livetimes_that_are_none(livetime):
    with pytest.raises(
        ConfigError, match=r"livetime_day: found .*; allowed: a number of days"
    ) as e:
        sort_observed(load_study(), {"xenon1t": EVENT}, {"xenon1t": livetime})
    assert len(str(e.value)) < 200


@pytest.mark.parametrize("livetime", [17.1, np.float64(17.1), np.float32(17.1), 20, np.int64(20)])
def test_livetimes(livetime):
    seen = sort_observed(load_study(), {"xenon1t": EVENT}, {"xenon1t": livetime})
    assert seen.inside == {"xenon1t": 1}
    assert seen.data.exposure[0, 0] == pytest.approx(float(livetime) / 34.2)
