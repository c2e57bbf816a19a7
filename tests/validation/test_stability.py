"""The default study's templates: two seeds agree, and the limit is smooth in the mass."""

import dataclasses
import os

import numpy as np
import pandas as pd
import pytest
from scipy.interpolate import make_lsq_spline

from zeptobarn.model import build_templates, make_model
from zeptobarn.study import load_study
from zeptobarn.toys import throw

MASSES = tuple(float(f"{m:.4g}") for m in np.geomspace(7, 1000, 30))
INTERVALS = ["leff_nominal", "leff_low", "profiled"]


@pytest.fixture(scope="module", params=["xenon1t", "lz"])
def limits(request):
    """Limits (cm²) on the first seed's toys: a column per template seed, interval and mass."""
    default = load_study("config/config.yaml")
    toys, found = None, {}
    for seed, masses in ((1, {*MASSES, *default.masses_GeV}), (2, default.masses_GeV)):
        study = dataclasses.replace(default, seed=seed, masses_GeV=tuple(sorted(masses)))
        backgrounds = [source.name for source in study.detectors[request.param].sources]
        templates = build_templates(study, request.param, [*study.signals(), *backgrounds])
        toys = toys or throw(study, request.param, templates, range(1, 1001))
        for mass in study.masses_GeV:
            model = make_model(study, request.param, mass, "SI", {request.param: templates})
            for interval in INTERVALS:
                table = model.interval_limits(toys, interval, threads=os.cpu_count() or 1)
                found[seed, interval, mass] = table["limit_cm2"]
    return pd.DataFrame(found)


def test_no_trial_fails_on_its_own_templates(limits):
    assert limits[1].notna().all(axis=None)


@pytest.mark.parametrize("interval", INTERVALS)
def test_two_template_seeds_agree(limits, interval):
    """On the trials that have a limit with both: an event may fall into the other's holes."""
    for mass in (7, 10, 20, 50, 100, 200, 1000):
        both = limits[[(1, interval, mass), (2, interval, mass)]].dropna()
        assert len(both) > 900
        one, two = both.median()
        assert two == pytest.approx(one, rel=0.02, abs=0), mass


@pytest.mark.parametrize("interval", INTERVALS)
def test_limits_are_smooth_in_the_mass(limits, interval):
    x = np.log(MASSES)
    y = np.log([limits[1, interval, mass].median() for mass in MASSES])
    # A cubic spline in ln m, half as many coefficients as points, finer where the curve is steep.
    inner = np.log([9, 12, 16, 22, 30, 45, 70, 120, 250])
    knots = np.concatenate([[x[0]] * 4, inner, [x[-1]] * 4])
    smooth = make_lsq_spline(x, y, knots, k=3)
    assert np.abs(np.exp(y - smooth(x)) - 1).max() < 0.03
