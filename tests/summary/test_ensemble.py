import dataclasses

import numpy as np
import pytest
from scipy import stats

from zeptobarn.inference.asymptotics import one_sided, unified
from zeptobarn.inference.load import make_model
from zeptobarn.inference.problem import fits_at
from zeptobarn.study.settings import Interval
from zeptobarn.summary.ensemble import (
    expected_errors,
    fullest_interval,
    measured_and_fitted,
    pulls,
    q_tilde_above,
    statistics,
    t_tilde_above,
)
from zeptobarn.templates.toys import throw


@pytest.fixture(scope="module")
def model(small_study, small_templates):
    return make_model(small_study, "lz", 50, "SI", small_templates)


@pytest.fixture(scope="module")
def toys(small_study, small_templates):
    return throw(small_study, "lz", small_templates["lz"], range(1, 301))


def test_fullest_interval(small_study):
    assert fullest_interval(small_study).name == "profiled"
    bare = dataclasses.replace(small_study, intervals=small_study.intervals[:2])
    assert fullest_interval(bare).name == "leff_nominal"


def test_expected_errors(small_study, model):
    problem = model.problem(small_study.intervals[-1])
    rate, leff = expected_errors(problem, "redrawn")
    n = model.templates["lz"]["er"].nominal.sum()
    assert rate == pytest.approx(n**-0.5, rel=2e-3)  # nearly all events are electronic recoils
    # With fixed centres a constraint holds the fit without moving it: var = σ² − σ⁴.
    assert expected_errors(problem, "fixed")[1] == pytest.approx((leff**2 - leff**4) ** 0.5, 1e-2)


def test_expected_errors_without_nuisances(small_study, small_templates):
    lz = small_study.detectors["lz"]
    sources = tuple(dataclasses.replace(source, rate="fixed") for source in lz.sources)
    study = dataclasses.replace(
        small_study, detectors={"lz": dataclasses.replace(lz, sources=sources)}
    )
    fixed = make_model(study, "lz", 50, "SI", small_templates)
    problem = fixed.problem(Interval("nominal", {"leff": 0.0}, ()))
    assert expected_errors(problem, "redrawn").shape == (0,)


def test_pulls_are_of_unit_width(small_study, model, toys):
    interval = fullest_interval(small_study)
    limits = model.limits(toys)
    table = pulls(model, interval, limits)
    assert list(table.columns) == ["er_rate", "leff"]
    assert len(table) == 300
    assert (table.mean().abs() < 0.3).all()
    assert table.std().between(0.85, 1.15).all()
    centre, fitted = measured_and_fitted(small_study, interval, limits, toys.truth)["leff"]
    assert list(centre) == list(toys.constraint_centres("leff"))
    assert fitted.std() < centre.std()  # the data know something
    assert not measured_and_fitted(small_study, small_study.intervals[0], limits, toys.truth)


def test_statistics_of_many_events_are_asymptotic(small_study, model):
    interval = small_study.intervals[0]
    table = statistics(model, interval, np.array([30.0]), 3000)
    x = table["x"].iloc[0]
    assert len(table) == 3000
    for name, above in (("q_tilde", q_tilde_above), ("t_tilde", t_tilde_above)):
        for value in (0.5, 1.64, 2.71):
            assert (table[name] > value).mean() == pytest.approx(
                above(np.array(value), x), abs=0.03
            )
    assert table.equals(statistics(model, interval, np.array([30.0]), 3000, threads=2))
    # x is μ/σ of the Asimov dataset, and there t̃ = x².
    problem = model.problem(interval)
    signal = np.array([30.0 / problem.signal_efficiency])
    assert x**2 == pytest.approx(fits_at(problem, model.asimov(), signal)[1][0, 0, 0], rel=1e-6)
    # Half of the best fits lie above the truth, and there q̃ is 0. On which side tells a signal
    # near 0, where only those above can be far off.
    assert (table["q_tilde"] == 0).mean() == pytest.approx(0.5, abs=0.03)
    few = statistics(model, interval, np.array([1.0]), 3000)
    assert (few["q_tilde"].isin([0.0]) | (few["q_tilde"] == few["t_tilde"])).all()
    for value in (1.64, 2.71):
        for name, above in (("q_tilde", q_tilde_above), ("t_tilde", t_tilde_above)):
            expected = above(np.array(value), few["x"].iloc[0])
            assert (few[name] > value).mean() == pytest.approx(expected, abs=0.035)


@pytest.mark.parametrize("x", [0.3, 0.8, 1.5, 4.0])
def test_asymptotic_forms_are_those_of_a_bounded_normal(x):
    """A best fit of a unit normal around x, bounded at 0, with t as in EPJC 71 (2011) 1554."""
    best = x + stats.norm.ppf((np.arange(200_000) + 0.5) / 200_000)
    t = np.where(best < 0, x**2 - 2 * x * best, (best - x) ** 2)
    q = np.where(best > x, 0, t)
    for value in (0.1, 0.5, 1.0, 3.0):
        assert (q > value).mean() == pytest.approx(q_tilde_above(np.array(value), x), abs=1e-4)
        assert (t > value).mean() == pytest.approx(t_tilde_above(np.array(value), x), abs=1e-4)


def test_critical_values_are_where_the_forms_say():
    assert q_tilde_above(np.array(one_sided(0.9)), np.inf) == pytest.approx(0.1)
    for x in (0.5, 1.0, 2.0):
        assert t_tilde_above(np.array(unified(0.9, x)), x) == pytest.approx(0.1)
