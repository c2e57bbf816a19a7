"""How signal-like datasets are: uniform over background-only ones."""

import dataclasses

import numpy as np
import pytest
from scipy import stats

from counting import counting_problem, counting_structure
from zeptobarn.inference.load import make_model
from zeptobarn.inference.problem import Data, Problem
from zeptobarn.inference.signal_likeness import law_of, ranks, signal_likeness
from zeptobarn.inference.strata import Expected
from zeptobarn.inference.terms import LOG_NORMAL
from zeptobarn.summary.medians import with_signal
from zeptobarn.templates.toys import Toys, throw

TRIALS = range(1, 1501)


def model_of(study, templates, detector, mass=50):
    return make_model(study, detector, mass, "SI", templates)


def uniform(likeness):
    """Whether numbers are uniform between 0 and 1: none of a thousand such samples is so far."""
    return stats.kstest(likeness, "uniform").pvalue > 1e-3


def evenly_filled(likeness, strata=100):
    """Whether equal strata hold as many as they should: none of ten thousand samples is so far."""
    seen = np.histogram(likeness, np.linspace(0, 1, strata + 1))[0]
    mean = len(likeness) / strata
    return stats.chi2.sf(((seen - mean) ** 2 / mean).sum(), strata - 1) > 1e-4


def drawn(expected, size, seed=1):
    """Datasets of a law's background: bins, dataset of each event, centres."""
    rng = np.random.default_rng(seed)
    numbers = rng.poisson(np.exp(expected.logs[:, 0]), (size, len(expected.logs)))
    bins = np.repeat(np.tile(np.arange(len(expected.logs)), size), numbers.ravel())
    centres = np.tile(expected.centres[0], (size, 1))
    if expected.precision.any():
        widths = np.linalg.cholesky(np.linalg.inv(expected.precision))
        centres = centres + rng.standard_normal(centres.shape) @ widths.T
    return bins, np.repeat(np.arange(size), numbers.sum(axis=1)), centres


def law_ranks(expected, size=20_000):
    even = np.random.default_rng(2).random(size)
    return ranks(law_of(expected), *drawn(expected, size), even)


FIXED = np.zeros((2, 1)), np.zeros((1, 1))


@pytest.mark.parametrize("b", [0.05, 0.7, 9.0, 30.0, 100.0, 1000.0])
def test_one_bin_has_one_atom_for_each_number_of_events(b):
    assert evenly_filled(law_ranks(Expected(np.log([[b, b + 2.0 + np.sqrt(b)]]), *FIXED)))


@pytest.mark.parametrize(("b", "rest"), [(0.6, 300.0), (0.65, 3_000.0), (2.0, 10_000.0)])
def test_many_events_far_from_the_signal_tell_next_to_nothing(b, rest):
    """A free rate that gives way to the signal: its many events move L by a ten-thousandth each."""
    logs = np.log([[b, b + 3.0], [rest, rest * (1 - 3.0 / rest)]])
    size = 20_000 if rest < 5_000 else 4_000
    assert evenly_filled(law_ranks(Expected(logs, *FIXED), size), size // 200)


@pytest.mark.parametrize("pull", [1e-9, 1e-4, 3e-3, 1e-2, 0.1, 2.0])
def test_many_bins_and_correlated_centres(pull):
    """From centres that say nothing to some that say all: steps of a grid are finer than they."""
    rng = np.random.default_rng(3)
    background, signal = rng.gamma(0.3, 0.2, 60), rng.gamma(1, 0.05, 60)
    logs = np.log(np.column_stack([background, background + signal]))
    centres = np.array([[0.2, -0.1], [0.2 + pull, -0.1 - 0.4 * pull]])
    precision = np.linalg.inv([[1.0, 0.4], [0.4, 0.5]])
    assert evenly_filled(law_ranks(Expected(logs, centres, precision)))


def test_events_where_a_signal_leaves_nothing_or_there_was_nothing():
    """Their L is infinite: they lie at the lower end; where nothing is, no event can be."""
    logs = np.log([[0.5, 1e-300], [1.0, 4.0], [1e-300, 2.0]])
    logs[0, 1] = logs[2, 0] = -np.inf
    expected = Expected(logs, *FIXED)
    bins, dataset, centres = drawn(expected, 5000)
    likeness = ranks(law_of(expected), bins, dataset, centres, np.full(5000, 0.5))
    hit = np.isin(np.arange(5000), dataset[bins == 0])
    assert likeness[hit].max() < likeness[~hit].min()
    assert hit.mean() == pytest.approx(1 - np.exp(-0.5), abs=0.03)


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
            alone = dataclasses.replace(study, intervals=(interval,))
            found = dataclasses.replace(model, study=alone).limits(toys)
            assert uniform(found["signal_likeness"]), (centres, interval.name)
            limits = found["limit_cm2"].rank()
            assert np.corrcoef(limits, found["signal_likeness"].rank())[0, 1] > 0.5


@pytest.mark.parametrize("b", [0.05, 0.7, 100.0])
def test_datasets_that_are_alike_share_their_probability(small_study, b):
    """In one bin n tells everything: the ranks of each n fill its probability evenly."""
    n = np.random.default_rng(1).poisson(b, 4000)
    offsets = np.column_stack([np.append(0, np.cumsum(n)[:-1]), np.cumsum(n)])
    data = Data(np.zeros(n.sum(), dtype=int), np.ones(n.sum()), offsets, np.ones((len(n), 1)), {})
    trials = np.arange(1, 1 + len(n))
    likeness = signal_likeness(small_study, counting_problem(b), data, trials, 1e6)
    for k in np.unique(n):
        low, high = stats.poisson.cdf([k - 1, k], b)
        assert likeness[n == k].min() >= low - 1e-9
        assert likeness[n == k].max() <= high + 1e-9
        if (n == k).sum() > 50:
            assert uniform((likeness[n == k] - low) / (high - low))


def test_centres_tell_too():
    """A signal that moves a nuisance is seen in what was measured of it alone: a normal number."""
    centres, precision = np.array([[0.0], [0.8]]), np.array([[1.0]])
    law = law_of(Expected(np.log([[2.0, 2.0]]), centres, precision))
    measured = np.random.default_rng(2).standard_normal((500, 1))
    nothing = np.empty(0, dtype=int)
    found = ranks(law, nothing, nothing, measured, np.full(500, 0.5))
    assert found == pytest.approx(stats.norm.cdf(measured[:, 0]), abs=1e-6)


def test_without_a_signal_that_can_be_fitted_it_is_unknown(small_study):
    """Of a signal that no rate within a float's range makes three events of."""
    problem = dataclasses.replace(counting_problem(1.0), signal_efficiency=1e-310)
    data = Data(np.zeros(2, dtype=int), np.ones(2), np.array([[0, 2]]), np.ones((1, 1)), {})
    assert np.isnan(signal_likeness(small_study, problem, data, np.array([1]), 1e6)).all()


def test_in_two_detectors_with_a_shared_rate_that_is_log_normal(small_study, small_templates):
    """Its one measurement counts in logarithms, and what both detectors saw counts together."""
    detectors = {
        name: dataclasses.replace(
            detector,
            sources=tuple(
                dataclasses.replace(s, rate="log_normal", rate_width=0.6, shared=True)
                if s.name == "neutrons"
                else s
                for s in detector.sources
            ),
        )
        for name, detector in small_study.detectors.items()
    }
    profiled = tuple(i for i in small_study.intervals if i.name == "profiled")
    study = dataclasses.replace(
        small_study, detectors=detectors, combined={"both": tuple(detectors)}, intervals=profiled
    )
    model = model_of(study, small_templates, "both")
    toys = {name: throw(study, name, small_templates[name], range(1, 801)) for name in detectors}
    assert uniform(model.limits(toys)["signal_likeness"])


def test_log_normal_centres_count_in_logarithms(small_study):
    """Of one bin whose background a signal would take over: the centre says as much as events."""
    b, width, size = 5.0, 0.5, 2000
    structure = counting_structure(b, width * b)
    structure.constraints[1, 0] = LOG_NORMAL
    problem = Problem(structure, ("b",), np.ones(2), np.array([0, 1]), 1.0, "")
    rng = np.random.default_rng(5)
    n, centres = rng.poisson(b, size), np.exp(width * rng.standard_normal(size))
    offsets = np.column_stack([np.append(0, np.cumsum(n)[:-1]), np.cumsum(n)])
    bins = np.zeros(n.sum(), dtype=int)
    data = Data(bins, np.ones(len(bins)), offsets, np.ones((size, 1)), {"b": centres})
    assert uniform(signal_likeness(small_study, problem, data, np.arange(size), 1e6))


def test_it_is_unknown_of_datasets_with_a_signal_or_of_other_nuisances(
    small_study, small_templates
):
    model = model_of(small_study, small_templates, "lz")
    toys = throw(small_study, "lz", small_templates["lz"], range(1, 6))
    known = model.limits(toys).groupby("interval")["signal_likeness"].count()
    # leff_low is fitted at -2, and these were thrown at 0.
    assert known.to_dict() == {"leff_nominal": 5, "leff_low": 0, "profiled": 5}
    assert model.limits(with_signal(model, toys, 1.0))["signal_likeness"].isna().all()


def test_it_depends_on_a_trial_alone(small_study, small_templates):
    model = model_of(small_study, small_templates, "xenon1t")
    toys = throw(small_study, "xenon1t", small_templates["xenon1t"], range(1, 9))
    late = [table[table["trial"] > 5].reset_index(drop=True) for table in (toys.events, toys.truth)]
    together, alone = (
        model.limits(each).query("interval == 'profiled'")["signal_likeness"].to_numpy()
        for each in (toys, Toys(*late))
    )
    assert alone.tolist() == together[5:].tolist()
