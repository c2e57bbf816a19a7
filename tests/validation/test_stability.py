"""Limits hardly depend on a simulation's seed, and are smooth in the mass."""

import dataclasses
import os

import numpy as np
import pandas as pd
import pytest
from scipy.interpolate import make_lsq_spline

from zeptobarn.inference.load import build_templates, make_model
from zeptobarn.study.loading import load_study
from zeptobarn.templates.building import build
from zeptobarn.templates.response import compute_response
from zeptobarn.templates.toys import throw

MASSES = tuple(float(f"{m:.4g}") for m in np.geomspace(7, 1000, 30))
INTERVALS = ["leff_nominal", "leff_low", "profiled"]

# What is made for a detector is made once, by the process that all its tests go to.
DETECTORS = [
    pytest.param(name, marks=pytest.mark.xdist_group(f"stability_{name}"))
    for name in ("xenon1t", "lz")
]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=DETECTORS)
def simulated(request, small_study, small_spectra, small_templates):
    """Mean limits (geometric) and the signal's relative error: by mass and interval, for two seeds.

    Only the signal is simulated; with it come the means of the exact template.
    """
    detector = request.param
    toys = throw(small_study, detector, small_templates[detector], range(1, 101))
    signals = {"exact": {s: small_templates[detector][s] for s in small_spectra}}
    for seed in (1, 2):
        study = dataclasses.replace(
            small_study, seed=seed, response_method="simulation", events_per_energy_bin=4000
        )
        responses = {
            anchor: compute_response(study, detector, "nr", anchor)
            for anchor in study.anchors(detector, "nr")
        }
        signals[seed] = {
            s: build(study, detector, s, {"nr": table}, {"nr": responses})
            for s, table in small_spectra.items()
        }
    means, errors = {}, {}
    for way, simulated_signals in signals.items():
        templates = {detector: small_templates[detector] | simulated_signals}
        for mass in (10, 50):
            model = make_model(small_study, detector, mass, "SI", templates)
            signal = simulated_signals[model.signal]
            errors[way, mass] = (
                signal.variance.sum(axis=1) ** 0.5 / signal.expected.sum(axis=1)
            ).max()
            limits = model.limits(toys)
            assert limits["limit_cm2"].notna().all()
            for interval, rows in limits.groupby("interval"):
                means[way, mass, interval] = np.exp(np.log(rows["limit_cm2"]).mean())
    return means, errors


def test_two_template_seeds_agree(simulated):
    """With each other and with the exact template; they are not the same, and neither is exact."""
    means, errors = simulated
    assert len(means) == 3 * 2 * 3
    for (way, mass, interval), mean in means.items():
        if way != "exact":
            assert 0 < errors[way, mass] < 0.01
            exact, one = means["exact", mass, interval], means[1, mass, interval]
            assert mean != exact
            assert mean == pytest.approx(exact, rel=0.03, abs=0), (way, mass, interval)
            assert mean == pytest.approx(one, rel=0.03, abs=0), (way, mass, interval)
    assert all(means[1, m, i] != means[2, m, i] for way, m, i in means if way == 1)


@pytest.fixture(scope="module", params=DETECTORS)
def limits(request, small_study):
    """Limits (cm²) on the default study's toys, asymptotic, fewer anchors: by interval and mass."""
    study = dataclasses.replace(
        load_study("config/config.yaml"),
        masses_GeV=MASSES,
        shapes=small_study.shapes,
        critical_values="asymptotic",
    )
    backgrounds = [source.name for source in study.detectors[request.param].sources]
    templates = build_templates(study, request.param, [*study.signals(), *backgrounds])
    toys, columns = throw(study, request.param, templates, range(1, 1001)), {}
    for mass in MASSES:
        model = make_model(study, request.param, mass, "SI", {request.param: templates})
        for interval in INTERVALS:
            table = model.interval_limits(toys, interval, threads=os.cpu_count() or 1)
            columns[interval, mass] = table["limit_cm2"]
    return pd.DataFrame(columns)


def test_no_trial_fails_on_its_own_templates(limits):
    assert len(limits) == 1000
    assert limits.notna().all(axis=None)


@pytest.mark.parametrize("interval", INTERVALS)
def test_limits_are_smooth_in_the_mass(limits, interval):
    x = np.log(MASSES)
    y = np.log([limits[interval, mass].median() for mass in MASSES])
    # A cubic spline in ln m, half as many coefficients as points, finer where the curve is steep.
    inner = np.log([9, 12, 16, 22, 30, 45, 70, 120, 250])
    knots = np.concatenate([[x[0]] * 4, inner, [x[-1]] * 4])
    smooth = make_lsq_spline(x, y, knots, k=3)
    assert np.abs(np.exp(y - smooth(x)) - 1).max() < 0.03
