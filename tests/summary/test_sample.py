"""Quantiles over trials whose strata are known, against plain ones and over many samples."""

import numpy as np
import pytest
from scipy.stats import norm

from trials import limits
from zeptobarn.summary.sample import at_least, fair_sample, quantile, quantile_error, sample
from zeptobarn.summary.summary import QUANTILES


def test_without_likeness_quantiles_are_numpys():
    values = np.random.default_rng(1).lognormal(size=997)
    for probability in np.linspace(0, 1, 23):
        expected = np.quantile(values, probability)
        assert quantile(sample(values), probability) == pytest.approx(expected, rel=1e-11, abs=0)


def test_quantile_between_infinities():
    assert quantile(sample(np.array([np.inf, np.inf])), 0.3) == np.inf


@pytest.mark.parametrize("probability", QUANTILES.values())
def test_error_of_a_quantile_is_its_spread_over_samples(probability):
    """Of 1000 exponential numbers."""
    samples = [sample(row) for row in np.random.default_rng(1).exponential(size=(2000, 1000))]
    spread = np.std([quantile(each, probability) for each in samples])
    errors = [quantile_error(each, probability) for each in samples]
    assert np.mean(errors) == pytest.approx(spread, rel=0.06)


def test_error_of_a_quantile_is_that_of_a_bootstrap():
    rng = np.random.default_rng(1)
    values = rng.lognormal(size=20_000)
    again = [quantile(sample(rng.choice(values, len(values))), 0.5) for _ in range(500)]
    assert quantile_error(sample(values), 0.5) == pytest.approx(np.std(again), rel=0.15)


def test_error_of_a_quantile_near_infinities():
    values = sample(np.append(np.arange(60.0), np.full(40, np.inf)))
    assert quantile_error(values, 0.5) == pytest.approx(4.95, rel=0.01)
    assert quantile_error(values, 0.56) == np.inf
    assert np.isnan(quantile_error(values, 0.9))
    assert np.isnan(quantile_error(sample(np.array([np.nan])), 0.5))
    assert quantile_error(sample(np.array([2.0])), 0.5) == 0


def experiment(rng, n, noise):
    """Limits that follow how signal-like datasets are, but for some noise of their own."""
    likeness = rng.random(n)
    return np.exp(0.4 * norm.ppf(likeness) + noise * rng.standard_normal(n)), likeness


@pytest.mark.parametrize("noise", [0.0, 0.05, 0.4])
@pytest.mark.parametrize("probability", QUANTILES.values())
def test_strata_take_the_chance_of_how_signal_like_datasets_were(noise, probability):
    """The truth is known, errors are the spread over samples, and both are smaller for it."""
    rng = np.random.default_rng(2)
    samples = [experiment(rng, 5000, noise) for _ in range(300)]
    found = np.array([quantile(sample(*each), probability) for each in samples])
    plain = np.array([quantile(sample(values), probability) for values, _ in samples])
    errors = np.array([quantile_error(sample(*each), probability) for each in samples])
    truth = np.exp(np.hypot(0.4, noise) * norm.ppf(probability))
    # Of skewed samples, far quantiles are biased a little, with strata and without.
    assert abs(found.mean() - truth) < 0.35 * found.std()
    assert errors.mean() > 0.85 * found.std()
    if noise > 0:
        assert errors.mean() < 1.15 * found.std()
    assert found.std() < {0.0: 0.4, 0.05: 0.55, 0.4: 1.0}[noise] * plain.std()


def test_half_of_the_trials_lost_in_a_stratum_count_for_all():
    """Where chance put few trials, each counts more: a sample of one half is a fair one."""
    values, likeness = experiment(np.random.default_rng(3), 40_000, 0.0)
    kept = (likeness > 0.5) | (np.arange(len(values)) % 2 == 0)
    assert quantile(sample(values[kept], likeness[kept]), 0.5) == pytest.approx(1, rel=2e-3)
    assert quantile(sample(values[kept]), 0.5) > 1.1


def test_trials_that_cannot_be_all_count_alike():
    """A stratum is empty, by no chance: what was left out, nobody knows."""
    values, likeness = experiment(np.random.default_rng(4), 1000, 0.1)
    kept = likeness < 0.95
    thinned = sample(values[kept], likeness[kept])
    assert thinned.strata == 1
    assert quantile(thinned, 0.5) == np.median(values[kept])


def test_an_error_without_strata_is_that_of_order_statistics():
    """David and Nagaraja, Order Statistics, chapter 7."""
    values = np.sort(np.random.default_rng(6).random(50))
    for probability in (0.0228, 0.16, 0.5):
        half = np.sqrt(probability * (1 - probability) / 50)
        ends = np.quantile(values, np.clip([probability - half, probability + half], 0, 1))
        assert quantile_error(sample(values), probability) == pytest.approx(np.ptp(ends) / 2)


def test_likeness_counts_where_it_is_known_of_all_trials():
    values, likeness = experiment(np.random.default_rng(5), 1000, 0.1)
    table = limits(values).assign(signal_likeness=likeness)
    assert fair_sample(table).strata == 20
    table.loc[17, "signal_likeness"] = np.nan
    assert fair_sample(table).strata == 1
    few = limits(values[:99]).assign(signal_likeness=likeness[:99])
    assert fair_sample(few).strata == 1
    assert fair_sample(table.drop(columns="signal_likeness")).strata == 1


def test_a_floor_leaves_what_is_above_it():
    raised = at_least(sample(np.arange(5.0)), 2.0)
    assert raised.values.tolist() == [2, 2, 2, 3, 4]
    assert quantile(raised, 0.75) == 3
