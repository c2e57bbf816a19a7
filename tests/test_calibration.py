import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from counting import counting_limit, counting_structure
from zeptobarn.calibration import (
    BLOCK,
    alias_table,
    calibrate,
    cls,
    cls_quantile,
    covered,
    one_sided,
    quantile,
    throw_and_scan,
    two_sided,
    unified,
)
from zeptobarn.intervals import LIMIT, LOW
from zeptobarn.problem import Problem
from zeptobarn.streams import stream
from zeptobarn.study import Calibration, Coverage, Interval

UNIFIED = Interval("unified", {}, (), "unified")


def counting_problem(b):
    """A one-bin experiment with known background."""
    structure = counting_structure(b)
    return Problem(structure, (), np.array([1.0]), np.array([0, 1]), 1.0, "")


def poisson_t(n, mu, b):
    """t̃ of n events with signal mu over b."""
    best = np.maximum(n - b, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.where(n > 0, n * np.log((best + b) / (mu + b)), 0.0)
    return 2 * (mu - best + logs)


def exact_critical(mu, b, level, upper=False):
    """Smallest c with P(t ≤ c) ≥ level, by summing the Poisson distribution."""
    n = np.arange(0, 200)
    t = poisson_t(n, mu, b)
    if upper:
        t = np.where(n - b > mu, 0.0, t)
    order = np.argsort(t, kind="stable")
    total = np.cumsum(stats.poisson.pmf(n[order], mu + b))
    return t[order][np.searchsorted(total, level)]


def exact_interval(n, b, signals, critical):
    """Unified interval by the exact critical value at each signal of a dense grid."""
    inside = signals[poisson_t(n, signals, b) <= critical + 1e-9]
    return min(inside), max(inside)


def test_critical_values():
    assert one_sided(0.9) == pytest.approx(1.6424, abs=5e-5)
    assert one_sided(0.95) == pytest.approx(2.7055, abs=5e-5)
    assert one_sided(0.5) == one_sided(0.3) == 0
    assert two_sided(0.9) == pytest.approx(2.7055, abs=5e-5)


@pytest.mark.parametrize("level", [0.68, 0.9, 0.95])
@pytest.mark.parametrize("x", [0.05, 0.3, 0.9, 1.3, 1.7, 4.0])
def test_unified_against_a_bounded_gaussian_measurement(level, x):
    """The distribution of t̃ for a normal best fit cut off at 0, by brute force."""
    z = stats.norm.ppf((np.arange(400_000) + 0.5) / 400_000)
    best = x + z
    t = np.where(best > 0, (x - best) ** 2, x * x - 2 * x * best)
    assert unified(level, x) == pytest.approx(np.quantile(t, level), rel=2e-3)


@pytest.mark.parametrize("x", [0.8, 1.6, 4.0, 9.0])
def test_cls_is_the_ratio_of_p_values(x):
    z = stats.norm.ppf((np.arange(400_000) + 0.5) / 400_000)

    def q(best):
        return np.where(best > x, 0.0, np.where(best > 0, (x - best) ** 2, x * x - 2 * x * best))

    critical = cls(0.9, x)
    ratio = (q(x + z) >= critical).mean() / (q(z) >= critical).mean()
    assert ratio == pytest.approx(0.1, rel=0.05)


@given(st.lists(st.floats(0, 100), min_size=1, max_size=60), st.floats(0.05, 0.99))
def test_quantile_is_the_smallest_that_covers(values, level):
    values = np.array(values)
    found, error = quantile(values, level)
    assert (values <= found).mean() >= level - 1e-9
    assert found == values.min() or (values < found).mean() < level
    assert error >= 0


def test_failed_fits_count_as_infinite():
    values = np.append(np.arange(1.0, 10.0), np.nan)
    assert quantile(values, 0.9)[0] == 9.0
    assert quantile(values, 0.95)[0] == np.inf


def test_cls_quantile_without_power():
    """No signal is excluded where signal and background look alike."""
    values = np.random.default_rng(1).exponential(size=1000)
    assert cls_quantile(values, values, 0.9)[0] == values.max()


def test_alias_table():
    weights = np.random.default_rng(3).exponential(size=500) * (np.arange(500) % 3 > 0)
    share, other = alias_table(weights)
    found = share.copy()
    np.add.at(found, other, 1 - share)
    np.testing.assert_allclose(found / 500, weights / weights.sum(), atol=1e-12)


@pytest.mark.parametrize("b", [0.5, 3.0])
def test_toys_follow_the_poisson_law(b):
    problem = counting_problem(b)
    streams = [stream(1, "toys", i) for i in range(40)]
    best, t = throw_and_scan(
        problem, np.array([2.0]), "redrawn", np.array([2.0]), 40 * BLOCK, streams
    )
    n = np.rint(np.where(best > 0, best + b, -1)).astype(int)
    for k in range(int(b) + 1, 8):
        expected = stats.poisson.pmf(k, b + 2.0)
        assert (n == k).mean() == pytest.approx(expected, abs=4 * np.sqrt(expected / (40 * BLOCK)))
        np.testing.assert_allclose(t[n == k, 0], poisson_t(k, 2.0, b), atol=1e-4)


def test_threads_change_nothing():
    streams = [[stream(1, "toys", i) for i in range(5)] for _ in range(2)]
    one, two = (
        throw_and_scan(
            counting_problem(1.0), np.array([2.0]), "redrawn", np.array([1.0, 2.0]), 2300, s, n
        )
        for s, n in zip(streams, (1, 3), strict=True)
    )
    for a, b in zip(one, two, strict=True):
        np.testing.assert_array_equal(a, b)
    assert len(np.unique(one[0])) > 5


@pytest.fixture
def toy_study(small_study):
    return dataclasses.replace(
        small_study,
        calibration=Calibration(4000, tuple(np.round(np.linspace(0, 24, 97), 3))),
        coverage=Coverage(20_000, (), (0.7, 3.0, 4.7, 10.2)),
    )


@pytest.mark.parametrize("b", [0, *(pytest.param(b, marks=pytest.mark.slow) for b in range(1, 6))])
def test_unified_intervals_of_feldman_and_cousins(toy_study, b):
    """For n = 0 … 10, against exact Poisson sums at levels a toy error to either side."""
    b = max(b, 1e-9)
    table = calibrate(toy_study, counting_problem(b), UNIFIED, ["fc", f"{b:g}"])
    critical = table[["signal", "critical_value"]].to_numpy()
    signals, step = np.linspace(0, 24, 961), 0.25
    error = 4 * np.sqrt(0.09 / toy_study.calibration.toys)
    low, high = (
        np.array([exact_critical(mu, b, level) for mu in signals])
        for level in (0.9 - error, 0.9 + error)
    )
    for n in range(11):
        narrow = exact_interval(n, b, signals, low)
        wide = exact_interval(n, b, signals, high)
        row = counting_limit(n, b, critical=critical, two_sided=True)
        assert narrow[1] - step <= row[LIMIT] <= wide[1] + step
        assert wide[0] - step <= row[LOW] <= narrow[0] + step


def test_published_intervals_of_feldman_and_cousins():
    """Without background, from exact critical values: PRD 57 (1998) 3873, table II."""
    signals = np.linspace(0, 20, 2001)
    table = np.column_stack([signals, [exact_critical(mu, 1e-9, 0.9) for mu in signals]])
    for n, low, high in ((0, 0.0, 2.44), (1, 0.11, 4.36), (3, 1.10, 7.42)):
        row = counting_limit(n, 1e-9, critical=table, two_sided=True)
        assert row[LIMIT] == pytest.approx(high, abs=0.011)
        assert row[LOW] == pytest.approx(low, abs=0.011)


def test_exact_cls_limits():
    """n = 0: 2.303; n = 3, b = 1: 5.711."""
    for n, b, expected in ((0, 1.0, 2.303), (3, 1.0, 5.711)):
        signals = np.linspace(0.02, 9, 450)
        k = np.arange(100)
        table = []
        for mu in signals:
            q = np.where(k - b > mu, 0.0, poisson_t(k, mu, b))
            both, background = stats.poisson.pmf(k, mu + b), stats.poisson.pmf(k, b)
            above = np.array([both[q >= v].sum() / background[q >= v].sum() for v in q])
            table.append((mu, q[above > 0.1].max()))
        row = counting_limit(n, b, critical=table)
        assert row[LIMIT] == pytest.approx(expected, abs=0.03)


@pytest.mark.parametrize("kind", ["upper", "unified"])
def test_coverage_of_calibrated_intervals(toy_study, kind):
    """At least the confidence level, with critical values by an exact sum."""
    interval = Interval(kind, {}, (), kind)
    problem = counting_problem(2.0)
    signals = np.linspace(0, 12, 1201)
    exact = [exact_critical(mu, 2.0, 0.9, kind == "upper") + 1e-6 for mu in signals]
    tables = {
        "toys": np.column_stack([signals, exact]),
        "asymptotic": np.array([[0.0, one_sided(0.9)], [100.0, one_sided(0.9)]]),
    }
    found = covered(toy_study, problem, interval, tables, ["coverage", kind])
    share = (found["n_covered"] / found["n_trials"]).to_numpy()
    toys = (found["calibration"] == "toys").to_numpy()
    assert (share[toys] > 0.9 - 4 * 0.3 / np.sqrt(20_000)).all()
    for row in found[toys].itertuples():
        k = np.arange(100)
        t = poisson_t(k, row.signal, 2.0)
        t = np.where(k - 2.0 > row.signal, 0.0, t) if kind == "upper" else t
        law = stats.poisson.pmf(k, row.signal + 2.0)
        cut = np.interp(row.signal, signals, exact)
        expected = law[t <= cut].sum()
        assert row.n_covered / row.n_trials == pytest.approx(expected, abs=4 * 0.3 / 20_000**0.5)
