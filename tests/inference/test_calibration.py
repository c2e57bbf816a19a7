import dataclasses

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from counting import counting_limit, counting_problem, counting_structure, exact_critical, poisson_t
from zeptobarn.inference.asymptotics import one_sided
from zeptobarn.inference.calibration import (
    BLOCK,
    alias_table,
    best_nuisances,
    calibrate,
    covered,
    throw_statistics,
)
from zeptobarn.inference.construction import TIES
from zeptobarn.inference.load import make_model
from zeptobarn.inference.problem import Problem
from zeptobarn.inference.terms import LOG_NORMAL, NORMAL
from zeptobarn.study.settings import Calibration, Coverage, Interval
from zeptobarn.support.config import ConfigError
from zeptobarn.support.streams import stream

UNIFIED = Interval("unified", {}, (), "unified")


def test_alias_table():
    weights = np.random.default_rng(3).exponential(size=500) * (np.arange(500) % 3 > 0)
    share, other = alias_table(weights)
    total = share.copy()
    np.add.at(total, other, 1 - share)
    np.testing.assert_allclose(total / 500, weights / weights.sum(), atol=1e-12)


@pytest.mark.parametrize("b", [0.5, 3.0])
def test_toys_follow_the_poisson_law(b):
    problem = counting_problem(b)
    streams = [stream(1, "toys", i) for i in range(40)]
    best, t = throw_statistics(
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
        throw_statistics(
            counting_problem(1.0), np.array([2.0]), "redrawn", np.array([1.0, 2.0]), 2300, s, n
        )
        for s, n in zip(streams, (1, 3), strict=True)
    )
    for a, b in zip(one, two, strict=True):
        np.testing.assert_array_equal(a, b)
    assert len(np.unique(one[0])) > 5


@pytest.mark.parametrize("kind", [NORMAL, LOG_NORMAL])
def test_centres_of_a_constrained_rate_are_redrawn(kind):
    """A background of 10 events, hardly known: t̃ of an own minimisation over its rate."""
    b, width, signal, n = 10.0, 0.8, 4.0, 4000
    structure = counting_structure(b, width * b)
    constraints = structure.constraints.copy()
    constraints[1] = kind, width
    problem = Problem(
        structure._replace(constraints=constraints),
        ("rate",), np.array([1.0, 1.0]), np.array([0, 1]), 1.0, "",
    )  # fmt: skip
    streams = [stream(1, "centres", i) for i in range(n // BLOCK)]
    _, t = throw_statistics(
        problem, np.array([signal, 1.0]), "redrawn", np.array([signal]), n, streams
    )
    rng = np.random.default_rng(5)
    counts = rng.poisson(signal + b, n)[:, np.newaxis]
    pulls = width * rng.standard_normal(n)[:, np.newaxis]
    rates = np.geomspace(1e-3, 20.0, 1000)

    def lowest(mean):
        ahead = 1 + pulls - rates if kind == NORMAL else pulls - np.log(rates)
        return (2 * (mean - counts * np.log(mean)) + (ahead / width) ** 2).min(axis=1)

    free = np.maximum(counts - rates * b, 0.0) + rates * b  # the best signal at each rate
    own = lowest(signal + rates * b) - lowest(free)
    for level in (0.5, 0.8, 0.9):
        error = 4 * np.sqrt(2 * level * (1 - level) / n)
        low, high = np.quantile(own, [level - error, level + error])
        assert low < np.quantile(t[:, 0], level) < high


@pytest.fixture
def toy_study(small_study):
    return dataclasses.replace(
        small_study,
        calibration=Calibration(1000, (0, 0.3, 1, 2.1, 3.6, 5.6)),
        coverage=Coverage(20_000, (), (0.7, 3.0, 4.7, 10.2)),
    )


def test_intervals_share_their_toys(toy_study):
    """Two kinds calibrated together are what each is alone."""
    problem, kinds = counting_problem(1.0), [UNIFIED, Interval("upper", {}, ())]
    together = calibrate(toy_study, problem, kinds, ["x"])
    for kind, table in zip(kinds, together, strict=True):
        pd.testing.assert_frame_equal(calibrate(toy_study, problem, [kind], ["x"])[0], table)
    assert together[0]["signal"].iloc[0] == 0
    assert together[1]["signal"].iloc[0] == 0.01
    assert (together[0]["n_toys"] == 6000).all()
    assert (together[0]["n_failed"] == 0).all()


def test_toys_with_the_nuisances_of_the_data(small_study, small_templates):
    """Twice the ER rate in the data: the toys have it too, and the critical value follows."""
    study = dataclasses.replace(
        small_study,
        calibration=Calibration(1500, (0, 0.3, 1, 2.1)),
        intervals=(Interval("profiled", {}, ("leff",), "unified"),),
    )
    model = make_model(study, "xenon1t", 50, "SI", small_templates)
    events = pd.concat([model.toy(seed) for seed in (1, 2)])
    problem = model.problem(study.intervals[0])
    data = model.observation(events).data
    rate = best_nuisances(problem, np.array([0.5]), data)[0, 1]
    assert rate == pytest.approx(2.0, abs=0.5)
    own, shared = model.calibrate(data=events), model.calibrate()
    assert (own["n_effective"] > 2000).all()
    at = (own["rate_multiplier"] * model.signal_events).sub(1.5).abs().idxmin()
    truth = best_nuisances(problem, np.array([1.5]), data)[0]
    streams = [stream(1, "own", i) for i in range(8)]
    _, t = throw_statistics(problem, truth, "redrawn", np.array([1.5]), 4000, streams)
    error = 4 * 0.3 * np.sqrt(1 / 4000 + 1 / own["n_effective"][at])
    low, high = np.quantile(t, [0.9 - error, 0.9 + error])
    assert low < own["critical_value"][at] < high
    assert own["critical_value"][at] != shared["critical_value"][at]


def test_too_few_toys_are_refused(toy_study):
    few = dataclasses.replace(toy_study, calibration=Calibration(300, (0, 3, 12)))
    with pytest.raises(
        ConfigError, match=r"\d+ effective toys at 7\.\d+ expected events; needed: 2000"
    ):
        calibrate(few, counting_problem(1.0), [UNIFIED], ["x"])


def test_published_intervals_of_feldman_and_cousins():
    """Without background, from exact critical values: PRD 57 (1998) 3873, table II."""
    signals = np.linspace(0, 20, 2001)
    critical = np.array([exact_critical(mu, 1e-9, 0.9) for mu in signals])
    table = np.column_stack([signals, critical + TIES])
    for n, low, high in ((0, 0.0, 2.44), (1, 0.11, 4.36), (3, 1.10, 7.42)):
        row = counting_limit(n, 1e-9, critical=table, two_sided=True)
        assert row.limit == pytest.approx(high, abs=0.011)
        assert row.low == pytest.approx(low, abs=0.011)


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
        assert row.limit == pytest.approx(expected, abs=0.03)


def test_coverage_is_at_the_expected_events_asked_for(toy_study):
    """With half of the signal left at this interval's fixed shapes, its rate is twice as large."""
    problem = dataclasses.replace(counting_problem(2.0), signal_efficiency=0.5)
    table = {"asymptotic": np.array([[0.0, one_sided(0.9)]])}
    study = dataclasses.replace(toy_study, coverage=Coverage(1000, (), (0.7, 3.0)))
    coverage = covered(study, problem, UNIFIED, table, ["coverage"])
    np.testing.assert_allclose(coverage["signal"], [1.4, 6.0])


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
    coverage = covered(toy_study, problem, interval, tables, ["coverage", kind])
    share = (coverage["n_covered"] / coverage["n_trials"]).to_numpy()
    toys = (coverage["calibration"] == "toys").to_numpy()
    assert (share[toys] > 0.9 - 4 * 0.3 / np.sqrt(20_000)).all()
    for row in coverage[toys].itertuples():
        k = np.arange(100)
        t = poisson_t(k, row.signal, 2.0)
        t = np.where(k - 2.0 > row.signal, 0.0, t) if kind == "upper" else t
        law = stats.poisson.pmf(k, row.signal + 2.0)
        cut = np.interp(row.signal, signals, exact)
        expected = law[t <= cut].sum()
        assert row.n_covered / row.n_trials == pytest.approx(expected, abs=4 * 0.3 / 20_000**0.5)
