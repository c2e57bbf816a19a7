import dataclasses

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from trials import limits
from zeptobarn.study.slices.limits import limits_slice
from zeptobarn.summary.summary import QUANTILES, SUMMARISED, read_limits, summarise
from zeptobarn.support import paths
from zeptobarn.support.tables import write_parquet


def test_quantiles_are_those_of_the_normal_distribution():
    names = ["minus2sigma_cm2", "minus1sigma_cm2", "median_cm2", "plus1sigma_cm2", "plus2sigma_cm2"]
    np.testing.assert_allclose([QUANTILES[n] for n in names], norm.cdf([-2, -1, 0, 1, 2]))


def test_bands_are_ordered_and_right():
    values = np.random.default_rng(1).lognormal(size=1000)
    row = summarise(limits(values)).iloc[0]
    for name, probability in QUANTILES.items():
        assert row[name] == pytest.approx(np.quantile(values, probability), rel=1e-11, abs=0)
    assert row["asymptotic_median_cm2"] == pytest.approx(0.5 * row["median_cm2"])
    assert row["n_trials"] == 1000
    assert row["n_failed"] == row["n_warnings"] == 0


def test_no_crossing_counts_as_infinite():
    status = ["ok"] * 6 + ["no_crossing"] * 4
    row = summarise(limits([1, 2, 3, 4, 5, 6] + [np.nan] * 4, status)).iloc[0]
    assert row["median_cm2"] == 5.5
    assert row["plus1sigma_cm2"] == np.inf
    assert row["n_failed"] == 4


@pytest.mark.parametrize(("failed", "withheld"), [(1, False), (2, True)])
def test_a_median_of_a_biased_sample_is_withheld(failed, withheld):
    """More than 1 % of 100 trials failed otherwise."""
    status = ["not_converged"] * failed + ["ok"] * (100 - failed)
    values = [np.nan] * failed + [1.0] * (100 - failed)
    row = summarise(limits(values, status)).iloc[0]
    assert np.isnan(row["median_cm2"]) == withheld
    assert row["n_failed"] == failed


def test_warnings_are_counted_apart():
    row = summarise(limits([1, 2, 3], ["ok", "at_boundary", "multiple_crossings"])).iloc[0]
    assert (row["n_failed"], row["n_warnings"], row["median_cm2"]) == (0, 2, 2)


def test_a_row_per_interval_and_mass_in_order():
    parts = [limits([1.0], interval=i, mass=m) for m in (7, 1000) for i in ("b", "a")]
    table = summarise(pd.concat(parts))
    assert list(table["interval"]) == ["b", "a", "b", "a"]
    assert list(table["mass_GeV"]) == [7, 7, 1000, 1000]


def test_power_constraint():
    """No limit below the 16 % quantile; the bands stay those of the raw limits."""
    values = np.arange(1.0, 102.0)
    row = summarise(limits(values), 0.16).iloc[0]
    assert row["power_constraint_cm2"] == 17.0
    assert row["power_constrained_median_cm2"] == row["median_cm2"] == 51.0
    row = summarise(limits(values), 0.8).iloc[0]
    assert row["power_constrained_median_cm2"] == row["power_constraint_cm2"] == 81.0
    assert row["median_cm2"] == 51.0


def test_words_as_codes_change_nothing(small_study, tmp_path):
    """What `read_limits` gives of two batches, and the same rows as they were written."""
    study = dataclasses.replace(
        small_study, results=tmp_path, first_trial=41, trials=30, trials_per_batch=20
    )
    status = np.array(["ok", "at_boundary", "no_crossing", "all_signals_excluded"])
    tables = [
        limits(np.linspace(1, 2, 30), status[np.arange(30) % 4], interval.name)
        for interval in reversed(study.intervals)
    ]
    whole = pd.concat(tables).sort_values("trial", kind="stable", ignore_index=True)
    whole["trial"] += 40
    whole.loc[whole["status"] == "no_crossing", "limit_cm2"] = np.nan
    place = "lz", "SI", 50
    for first, last in ((41, 60), (61, 70)):
        write_parquet(
            whole[whole["trial"].between(first, last)],
            study.model_path(paths.LIMITS, *place, batch=f"{first}-{last}"),
            units=dict.fromkeys(whole.columns, ""),
            config_slice=limits_slice(study, *place),
        )
    coded = read_limits(study, *place)
    assert list(coded.columns) == list(SUMMARISED)
    words = ("detector", "interaction", "interval", "status")
    assert all(coded[name].cat.codes.dtype == np.int8 for name in words)
    pd.testing.assert_frame_equal(summarise(coded), summarise(whole))
    assert list(read_limits(study, *place, ["trial"])["trial"].unique()) == list(range(41, 71))
