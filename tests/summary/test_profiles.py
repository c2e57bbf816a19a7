import dataclasses

import numpy as np
import pytest

from zeptobarn.inference.asymptotics import one_sided
from zeptobarn.inference.load import make_model
from zeptobarn.inference.problem import fits_at
from zeptobarn.study.settings import Interval
from zeptobarn.summary import profiles
from zeptobarn.summary.dataset import one_trial
from zeptobarn.summary.profiles import Map, chosen_shape, curve, deviance, likelihood_map
from zeptobarn.templates.toys import throw


@pytest.fixture(scope="module")
def toys(small_study, small_templates):
    return {d: throw(small_study, d, t, range(1, 6)) for d, t in small_templates.items()}


@pytest.fixture(scope="module")
def combined(small_study):
    return dataclasses.replace(small_study, combined={"both": ("xenon1t", "lz")})


@pytest.mark.parametrize("target", ["xenon1t", "lz", "both"])
@pytest.mark.parametrize("trial", [1, 3])
def test_the_curve_crosses_at_the_limit(combined, small_templates, toys, target, trial):
    members = {name: toys[name] for name in combined.targets[target]}
    for mass in (7, 50):
        model = make_model(combined, target, mass, "SI", small_templates)
        row = model.limits(members).query("interval == 'profiled'").set_index("trial").loc[trial]
        t_curve = curve(model, one_trial(members, trial), combined.intervals[-1])
        assert t_curve.limit == row["limit_rate_multiplier"]
        assert t_curve.best_fit == pytest.approx(
            row["best_fit_rate_multiplier"], rel=1e-4, abs=1e-9
        )
        at_limit = t_curve.statistic[t_curve.rate_multiplier == t_curve.limit]
        assert at_limit == pytest.approx(one_sided(0.9), rel=1e-4)
        above = t_curve.rate_multiplier > t_curve.limit
        assert (t_curve.statistic[above] > one_sided(0.9)).all()
        assert (np.diff(t_curve.statistic[t_curve.rate_multiplier > t_curve.best_fit]) > 0).all()


def test_the_interval_has_two_ends(small_study, small_templates, toys):
    central = Interval("central", {}, ("leff",), "central")
    study = dataclasses.replace(small_study, intervals=(central,))
    model = make_model(study, "lz", 7, "SI", small_templates)
    t_curve = curve(model, one_trial({"lz": toys["lz"]}, 1), central)
    t = np.interp([t_curve.limit], t_curve.rate_multiplier, t_curve.statistic)
    assert t == pytest.approx(2.7055, rel=1e-3)
    assert 0 <= t_curve.low < t_curve.best_fit < t_curve.limit


def test_a_calibrated_curve_has_signals_and_critical_values(small_study, small_templates, toys):
    unified = Interval("unified", {}, ("leff",), "unified")
    study = dataclasses.replace(small_study, critical_values="toys", intervals=(unified,))
    model = make_model(study, "xenon1t", 50, "SI", small_templates)
    model = dataclasses.replace(model, critical_values=model.calibrate())
    t_curve = curve(model, one_trial({"xenon1t": toys["xenon1t"]}, 1), unified)
    assert t_curve.critical.shape == (len(model.critical_values), 2)
    signals, values = t_curve.critical.T
    np.testing.assert_allclose(signals, model.critical_values["rate_multiplier"])
    at_limit = np.interp(t_curve.limit, t_curve.rate_multiplier, t_curve.statistic)
    assert at_limit == pytest.approx(np.interp(t_curve.limit, signals, values), abs=0.1)


def test_no_signal_no_curve(small_study, small_templates, toys):
    signal = small_templates["lz"]["wimp_SI_7GeV"]
    nothing = dataclasses.replace(signal, expected=np.zeros_like(signal.expected))
    model = make_model(
        small_study, "lz", 7, "SI", {"lz": {**small_templates["lz"], "wimp_SI_7GeV": nothing}}
    )
    dataset = one_trial({"lz": toys["lz"]}, 1)
    assert curve(model, dataset, small_study.intervals[-1]) is None
    assert likelihood_map(model, dataset) is None


@pytest.fixture(scope="module", params=[("xenon1t", 7), ("lz", 7), ("lz", 50)], ids=str)
def mapped(request, small_study, small_templates, toys):
    target, mass = request.param
    model = make_model(small_study, target, mass, "SI", small_templates)
    dataset = one_trial({target: toys[target]}, 1)
    return model, dataset, likelihood_map(model, dataset)


def test_the_map_is_the_profile_likelihood_at_its_lowest(mapped):
    _, _, surface = mapped
    lowest = surface.statistic.min(axis=0)
    # A grid in the shape can only miss its minimum: by half a step of 0.1 σ at most.
    assert (lowest > surface.profiled - 1e-6).all()
    assert lowest == pytest.approx(surface.profiled, abs=0.02)
    at = surface.values[surface.statistic.argmin(axis=0)]
    assert at == pytest.approx(surface.best_values, abs=0.11)
    assert surface.statistic.min() == pytest.approx(0, abs=0.01)


def test_a_fixed_shape_gives_the_limit_of_its_interval(mapped, toys):
    model, dataset, surface = mapped
    for name, value in (("leff_nominal", 0.0), ("leff_low", -2.0)):
        row = surface.conditional[list(surface.values).index(value)]
        limit = model.interval_limits(dataset, name)["limit_rate_multiplier"].item()
        if limit < surface.rate_multiplier[-1]:
            crossed = np.interp(limit, surface.rate_multiplier, row)
            assert crossed == pytest.approx(one_sided(0.9), abs=0.01)


def test_the_constraint_counts_from_its_centre(small_study, small_templates, toys):
    """Without a signal little but the constraint has a say in XENON1T: hardly a nuclear recoil."""
    model = make_model(small_study, "xenon1t", 7, "SI", small_templates)
    dataset = one_trial({"xenon1t": toys["xenon1t"]}, 1)
    surface = likelihood_map(model, dataset)
    centre = dataset["xenon1t"].constraint_centres("leff").item()
    assert abs(centre) > 0.3
    # The best fit may have a signal: at 0 the statistic is then the same amount higher everywhere.
    without = surface.statistic[:, 0] - surface.statistic[:, 0].min()
    assert without == pytest.approx((surface.values - centre) ** 2, abs=0.2)


def test_deviance_agrees_with_the_kernels(mapped):
    model, dataset, _ = mapped
    problem = model.problem(model.study.intervals[-1])
    data = model.data(dataset)
    best, fits = fits_at(problem, data, model.signal_events * np.array([0.1, 1.0]))
    top = deviance(problem, data, fits_at(problem, data, best)[1][0, 0, 1:])
    for t, *parameters in fits[0]:
        assert deviance(problem, data, np.array(parameters)) - top == pytest.approx(t, abs=1e-5)


def test_without_shapes_the_profile_is_left(small_study, small_templates, toys):
    from zeptobarn.summary.medians import nominal_model

    model = nominal_model(make_model(small_study, "lz", 50, "SI", small_templates))
    profile = likelihood_map(model, one_trial({"lz": toys["lz"]}, 1))
    assert isinstance(profile, Map)
    assert profile.shape == ""
    assert chosen_shape(model.study, "lz") is None
    assert len(profile.values) == 0
    assert profiles.HIGHEST <= profile.profiled[-1] < 1.2 * profiles.HIGHEST
