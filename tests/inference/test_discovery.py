"""p₀ from toys: known answers, and how often a background alone falls below α."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from counting import counting_problem
from zeptobarn.inference.discovery import TOYS, background_q0, observed_q0, p_value, significance
from zeptobarn.inference.load import make_model
from zeptobarn.inference.problem import Data


def counted(*counts):
    """Datasets of one bin."""
    ends = np.column_stack([np.cumsum([0, *counts[:-1]]), np.cumsum(counts)])
    n, ones = sum(counts), np.ones((len(counts), 1))
    return Data(np.zeros(n, dtype=np.int64), np.ones(n), ends, ones, {})


def test_q0_of_a_counting_experiment():
    """2 (n ln(n/b) − n + b) above the background, 0 below (EPJC 71 (2011) 1554, eq. 97)."""
    q0 = observed_q0(counting_problem(2.0), counted(0, 1, 3, 8))
    n = np.array([3, 8])
    np.testing.assert_allclose(q0, [0, 0, *(2 * (n * np.log(n / 2.0) - n + 2.0))], atol=1e-9)


@pytest.mark.parametrize(("b", "n"), [(1.0, 1), (1.0, 4), (0.36, 2), (6.0, 12)])
def test_p_values_are_poisson_sums(small_study, b, n):
    problem = counting_problem(b)
    toys = background_q0(small_study, problem, None, ["counting"], threads=2)
    assert len(toys) == TOYS
    expected = stats.poisson.sf(n - 1, b) if n > b else 1.0
    found = p_value(float(observed_q0(problem, counted(n))[0]), toys)
    assert found == pytest.approx(
        expected, abs=4 * np.sqrt(expected * (1 - expected) / TOYS) + 1e-4
    )
    assert significance(found) == pytest.approx(stats.norm.isf(expected) if n > b else 0, abs=0.05)


def test_threads_change_nothing(small_study):
    one, two = (
        background_q0(small_study, counting_problem(1.0), None, ["x"], 1200, threads)
        for threads in (1, 3)
    )
    np.testing.assert_array_equal(one, two)
    assert len(one) == 1200


def test_what_has_no_fit_has_no_p_value():
    assert np.isnan(p_value(np.nan, np.zeros(3)))
    assert p_value(1.0, np.array([0.0, np.inf])) == pytest.approx(2 / 3)  # a toy without a fit
    assert p_value(50.0, np.zeros(99)) == pytest.approx(0.01)


@pytest.mark.parametrize(("mass", "interval"), [(50, "profiled"), (10, "leff_low")])
def test_background_rarely_looks_like_a_signal(small_study, small_templates, mass, interval):
    """20,000 datasets of a background alone, against as many others: α is never passed."""
    model = make_model(small_study, "xenon1t", mass, "SI", small_templates)
    problem = model.problem(model.interval(interval))
    reference, tried = (
        background_q0(small_study, problem, None, [model.signal, interval, name], threads=2)
        for name in ("reference", "tried")
    )
    p = np.array([p_value(q0, reference) for q0 in tried])
    for alpha in (0.01, 0.05, 0.1):
        error = np.sqrt(alpha * (1 - alpha) / len(p))
        assert -8 * error < (p <= alpha).mean() - alpha < 4 * error


def test_toys_have_the_nuisances_of_the_data(small_study, small_templates):
    """Three datasets at once are three times the background, and not a signal."""
    model = make_model(small_study, "xenon1t", 50, "SI", small_templates)
    problem, seen = (
        model.problem(model.interval("profiled")),
        model.observation({"xenon1t": pd.concat([model.toy(seed) for seed in (1, 2, 3)])}),
    )
    own, shared = (
        background_q0(small_study, problem, data, ["x"], 4000) for data in (seen.data, None)
    )
    q0 = float(observed_q0(problem, seen.data)[0])
    assert p_value(q0, own) > 0.01
    assert not np.array_equal(own, shared)
