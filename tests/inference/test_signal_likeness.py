"""How signal-like datasets are: uniform over background-only ones."""

import dataclasses

import numpy as np
import pytest
from scipy import stats

from counting import counting_problem
from zeptobarn.inference.load import make_model
from zeptobarn.inference.problem import Data
from zeptobarn.inference.signal_likeness import signal_likeness
from zeptobarn.inference.strata import Expected, exact_ranks, likelihood_ratios
from zeptobarn.summary.medians import with_signal
from zeptobarn.templates.toys import Toys, throw

TRIALS = range(1, 1501)


def model_of(study, templates, detector, mass=50):
    return make_model(study, detector, mass, "SI", templates)


def uniform(likeness):
    """Whether numbers are uniform between 0 and 1: none of a thousand such samples is so far."""
    return stats.kstest(likeness, "uniform").pvalue > 1e-3


@pytest.mark.parametrize("detector", ["xenon1t", "lz"])
@pytest.mark.parametrize("mass", [7, 50])
def test_over_background_only_datasets_it_is_uniform(small_study, small_templates, detector, mass):
    """Thrown by other code, from templates; with centres that were redrawn and without."""
    for centres in ("redrawn", "fixed"):
        study = dataclasses.replace(small_study, constraint_centres=centres)
        model = model_of(study, small_templates, detector, mass)
        for interval in study.intervals:
            toys = throw(
                study, detector, small_templates[detector], TRIALS, study.truth_of(interval)
            )
            found = model.interval_limits(toys, interval.name)
            assert uniform(found["signal_likeness"]), (centres, interval.name)
            limits = found["limit_cm2"].rank()
            assert np.corrcoef(limits, found["signal_likeness"].rank())[0, 1] > 0.5


@pytest.mark.parametrize("b", [0.05, 0.7, 9.0])
def test_datasets_that_are_alike_share_their_probability(small_study, b):
    """In one bin n tells everything: the ranks of each n fill its probability evenly."""
    n = np.random.default_rng(1).poisson(b, 4000)
    offsets = np.column_stack([np.append(0, np.cumsum(n)[:-1]), np.cumsum(n)])
    data = Data(np.zeros(n.sum(), dtype=int), np.ones(n.sum()), offsets, np.ones((len(n), 1)), {})
    trials = np.arange(1, 1 + len(n))
    ranks = signal_likeness(small_study, counting_problem(b), data, trials, 1e6)
    for k in np.unique(n):
        low, high = stats.poisson.cdf([k - 1, k], b)
        assert ranks[n == k].min() >= low - 1e-6
        assert ranks[n == k].max() <= high + 1e-6
        if (n == k).sum() > 50:
            within = (ranks[n == k] - low) / (high - low)
            assert uniform(within)


def test_centres_tell_too():
    """A signal that moves a nuisance is seen in what was measured of it alone: a normal number."""
    centres, precision = np.array([[0.0], [0.8]]), np.array([[1.0]])
    expected = Expected(np.log([[2.0, 2.0]]), centres, precision)
    drawn = np.random.default_rng(2).standard_normal((500, 1))
    nothing = np.empty(0, dtype=int)
    ratios = likelihood_ratios(expected, 0, 1, nothing, nothing, drawn)
    ranks = exact_ranks(expected, 0, 1, 0, ratios, np.full(500, 0.5))
    assert ranks == pytest.approx(stats.norm.cdf(drawn[:, 0]), abs=2e-3)


def test_it_is_unknown_of_datasets_with_a_signal_or_of_other_nuisances(
    small_study, small_templates
):
    model = model_of(small_study, small_templates, "lz")
    toys = throw(small_study, "lz", small_templates["lz"], range(1, 6))
    assert model.interval_limits(toys, "profiled")["signal_likeness"].notna().all()
    # leff_low is fitted at -2, and these were thrown at 0.
    assert model.interval_limits(toys, "leff_low")["signal_likeness"].isna().all()
    signal = with_signal(model, toys, 1.0)
    assert model.interval_limits(signal, "profiled")["signal_likeness"].isna().all()


def test_it_depends_on_a_trial_alone(small_study, small_templates):
    model = model_of(small_study, small_templates, "xenon1t")
    toys = throw(small_study, "xenon1t", small_templates["xenon1t"], range(1, 9))
    late = [table[table["trial"] > 5].reset_index(drop=True) for table in (toys.events, toys.truth)]
    together, alone = (
        model.interval_limits(each, "profiled")["signal_likeness"].to_numpy()
        for each in (toys, Toys(*late))
    )
    assert alone.tolist() == together[5:].tolist()
