"""Strata's probabilities, against sums of Poisson probabilities and against toys."""

import numpy as np
import pytest
from scipy import stats

from zeptobarn.inference.strata import Expected, stratify

NO_CENTRES = np.zeros((2, 1)), np.zeros((1, 1))


def unit(*rows: int) -> np.ndarray:
    """Weights of signals that are nodes."""
    return np.eye(2)[list(rows)]


@pytest.mark.parametrize(("low", "high"), [(0.5, 1.3), (4.0, 7.5), (30.0, 42.0)])
def test_one_bin_without_a_choice_is_exact(low, high):
    """L tells how many events there are; no edge lies where there is such a number."""
    n = np.random.default_rng(1).poisson(high, 6000)
    logs = np.log([[low, high]])
    ratios = n * (logs[0, 1] - logs[0, 0]) - (high - low)
    half = np.array([[0.5, 0.5]])
    stratum, probabilities = stratify(
        ratios,
        Expected(logs, *NO_CENTRES),
        0,
        1,
        np.vstack([unit(0), half, unit(1)]),
        np.array([low, np.sqrt(low * high), high]),
    )
    assert probabilities.shape[1] >= 4
    assert probabilities.sum(axis=1) == pytest.approx(1, abs=1e-12)
    upper = [n[stratum == s].max() for s in range(probabilities.shape[1])]
    for row, mean in zip(probabilities, (low, np.sqrt(low * high), high), strict=True):
        assert np.cumsum(row)[:-1] == pytest.approx(stats.poisson.cdf(upper, mean)[:-1], abs=1e-8)
    for s in range(len(upper) - 1):
        assert n[stratum == s + 1].min() > upper[s]


def thrown(rng, logs, centres, precision, size):
    """Toys of a node, and their L."""
    n = rng.poisson(np.exp(logs[:, :, None]).swapaxes(0, 1)[:1], (1, len(logs), size))[0]
    widths = np.linalg.cholesky(np.linalg.inv(precision))
    drawn = centres[0] + rng.standard_normal((size, len(precision))) @ widths.T
    ratios = n.T @ (logs[:, 1] - logs[:, 0]) - (np.exp(logs[:, 1]) - np.exp(logs[:, 0])).sum()
    for sign, centre in ((1, centres[1]), (-1, centres[0])):
        ahead = drawn - centre
        ratios -= sign * 0.5 * np.einsum("ip,pq,iq->i", ahead, precision, ahead)
    return ratios


def test_many_bins_and_correlated_centres():
    """Toys of the first node, of which as many as should lie in each stratum."""
    rng = np.random.default_rng(2)
    logs = np.log(rng.gamma(0.3, 0.2, 60)[:, None] + rng.gamma(1, 0.05, 60)[:, None] * [[1, 2.5]])
    centres = np.array([[0.2, -0.1], [0.7, 0.1]])
    precision = np.linalg.inv([[1.0, 0.4], [0.4, 0.5]])
    ratios = thrown(rng, logs, centres, precision, 300_000)
    stratum, probabilities = stratify(
        ratios, Expected(logs, centres, precision), 0, 1, unit(0), np.array([1.0])
    )
    seen = np.bincount(stratum, minlength=probabilities.shape[1]) / len(ratios)
    assert len(seen) == 100
    pulls = (seen - probabilities[0]) / np.sqrt(probabilities[0] / len(ratios))
    assert np.abs(pulls).max() < 4.5
    assert np.sqrt((pulls**2).mean()) < 1.3


def test_between_computed_signals_a_spline_is_good_enough():
    low, high, count = 9.0, 11.5, 400
    n = np.random.default_rng(3).poisson(10, 5000)
    logs, steps = np.log([[low, high]]), np.linspace(0, 1, count)
    events = low ** (1 - steps) * high**steps
    stratum, probabilities = stratify(
        n * np.log(high / low) - (high - low),
        Expected(logs, *NO_CENTRES),
        0,
        1,
        np.column_stack([1 - steps, steps]),
        events,
    )
    upper = [n[stratum == s].max() for s in range(probabilities.shape[1])][:-1]
    exact = stats.poisson.cdf(np.array(upper)[None, :], events[:, None])
    assert np.abs(np.cumsum(probabilities, axis=1)[:, :-1] - exact).max() < 5e-5


def test_where_nothing_tells_signals_apart_there_is_one_stratum():
    """Two equal nodes; a bin that expects nothing counts nowhere."""
    logs = np.array([[0.3, 0.3], [-np.inf, -np.inf]])
    stratum, probabilities = stratify(
        np.zeros(4000), Expected(logs, *NO_CENTRES), 0, 1, unit(0, 1), np.array([1.0, 1.0])
    )
    assert set(stratum) == {0}
    assert probabilities.tolist() == [[1.0], [1.0]]


def test_toys_that_one_node_cannot_throw_lie_at_an_end():
    """Their ratio is infinite, or no number where neither node can."""
    logs = np.log([[2.0, 3.0]])
    n = np.random.default_rng(4).poisson(2, 3000)
    ratios = n * np.log(1.5) - 1.0
    ratios[:3] = np.inf, -np.inf, np.nan
    stratum, probabilities = stratify(
        ratios, Expected(logs, *NO_CENTRES), 0, 1, unit(0), np.array([2.0])
    )
    last = probabilities.shape[1] - 1
    assert stratum[:3].tolist() == [last, 0, 0]
