import dataclasses

import numpy as np
import pandas as pd
import pytest

from zeptobarn.inference.load import make_model
from zeptobarn.summary.medians import (
    central,
    nominal_model,
    p_values,
    read_off,
    two_ways,
    with_signal,
)
from zeptobarn.templates.density import bin_index
from zeptobarn.templates.toys import throw


@pytest.fixture(scope="module")
def model(small_study, small_templates):
    return make_model(small_study, "lz", 10, "SI", small_templates)


@pytest.fixture(scope="module")
def toys(small_study, small_templates):
    return throw(small_study, "lz", small_templates["lz"], range(1, 21))


@pytest.fixture(scope="module")
def curves_and_limits(model, toys):
    return two_ways(model, toys, (0, 0.1, 1))


def test_nominal_model_gives_the_nominal_limits(model, toys):
    limits = nominal_model(model).limits(toys)
    expected = model.interval_limits(toys, "leff_nominal")
    assert (limits["limit_cm2"] == expected["limit_cm2"]).all()


def test_what_is_read_off_one_dataset_is_its_limit(curves_and_limits):
    curves, limits = curves_and_limits
    first = limits[limits["trial"] == 1].set_index("injected")["limit_rate_multiplier"]
    for signal, limit in first.items():
        curve = curves[(curves["injected"] == signal) & (curves["dataset"] == "thrown")]
        assert read_off(curve, 0.1) == pytest.approx(limit, rel=5e-3)
        assert curve["p_value"].dropna().is_monotonic_decreasing
        # Nothing at or below the best fit is excluded.
        assert curve["p_value"].max() <= 0.5


def test_only_datasets_without_a_signal_give_the_sensitivity(model, toys, curves_and_limits):
    _, limits = curves_and_limits
    medians = limits.groupby("injected")["limit_rate_multiplier"].median()
    expected = nominal_model(model).limits(toys)["limit_rate_multiplier"]
    assert medians[0] == expected.median()
    # A signal that is put in is found again: what is read off is a limit on it.
    assert medians[0] < 0.3 < 1 < medians[1] < 1.3
    one = limits[limits["trial"] == 1].set_index("injected")["limit_rate_multiplier"]
    assert one[1] > 10 * one[0]


def test_the_average_dataset_reads_the_asimov_limit(model, curves_and_limits):
    curves, _ = curves_and_limits
    average = curves[(curves["injected"] == 0) & (curves["dataset"] == "average")]
    nominal = nominal_model(model)
    data = nominal.asimov()
    signals = np.array([0.98, 1.02]) * read_off(average, 0.1)
    below, above = p_values(nominal, data, signals)
    assert above < 0.1 < below


def test_a_signal_joins_the_events(model, toys, small_study):
    with_ten = with_signal(model, toys, 1)
    space = small_study.detectors["lz"].space
    assert with_ten.events["trial"].is_monotonic_increasing
    background = with_ten.events[with_ten.events["source"] != model.signal]
    pd.testing.assert_frame_equal(background.reset_index(drop=True), toys.events)
    signal = with_ten.events[with_ten.events["source"] == model.signal]
    counts = signal.groupby("trial").size()
    mean = model.signal_events
    assert counts.mean() == pytest.approx(mean, abs=4 * (mean / len(counts)) ** 0.5)
    assert counts.nunique() > 5
    assert (bin_index(space, signal["cs1"].to_numpy(), signal["cs2"].to_numpy()) >= 0).all()
    rows = with_ten.truth.drop_duplicates("trial").set_index("trial")["n_events"]
    assert (rows == with_ten.events.groupby("trial").size()).all()
    true = with_ten.truth.set_index("parameter")["true_value"]
    assert (true["wimp_rate"] == 1).all()
    assert (true["er_rate"] == 1).all()
    pd.testing.assert_frame_equal(with_signal(model, toys, 0).events, toys.events)


def test_signals_do_not_depend_on_how_many_trials_there_are(model, toys):
    few = dataclasses.replace(toys, events=toys.events[toys.events["trial"] <= 3],
                              truth=toys.truth[toys.truth["trial"] <= 3])  # fmt: skip
    some, more = with_signal(model, few, 1).events, with_signal(model, toys, 1).events
    pd.testing.assert_frame_equal(some, more[more["trial"] <= 3].reset_index(drop=True))


def test_read_off():
    curve = pd.DataFrame({"rate_multiplier": [1, 2, 4, 8], "p_value": [np.nan, 0.4, 0.025, 0]})
    assert read_off(curve, 0.1) == pytest.approx(2 * 2**0.5)
    # The last of several crossings, as a limit is the outermost.
    curve["p_value"] = [0.4, 0.05, 0.4, 0.025]
    assert read_off(curve, 0.1) == pytest.approx(4 * 2**0.5)
    for p in ([0.4, 0.3, 0.3, 0.2], [0.05, 0.04, 0.03, 0.02], [np.nan] * 4):
        assert np.isnan(read_off(curve.assign(p_value=p), 0.1))


def test_central():
    quantiles = central(pd.Series([*range(101), np.nan]))
    assert quantiles == {"low": 16, "median": 50, "high": 84}
