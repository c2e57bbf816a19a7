"""Responses of sources with yields of their own, and shape parameters of the yields."""

import numpy as np
import pytest

from tinydetector import tiny_study
from zeptobarn.inference.load import build_templates, make_model
from zeptobarn.study.slices.response import response_slice
from zeptobarn.study.slices.template import template_slice
from zeptobarn.support.config import ConfigError
from zeptobarn.templates.templates import fix_shapes
from zeptobarn.templates.toys import throw

GAMMA = """
  - name: gamma
    label: gammas
    colour: "#000000"
    recoil: er
    rate: fixed
    spectrum: {name: gamma, kind: flat, rate_per_kg_day_keV: 1.0e-4, range_keV: [1, 12]}
"""
CAPTURE = "\n  - {name: er, charge_ratio: 0.88}"
WIMP = "wimp_SI_50GeV"


def test_a_response_for_each_pair_of_recoil_and_yields(tmp_path):
    study = tiny_study(tmp_path, f"sources:{GAMMA}    yields: nest_gamma{CAPTURE}")
    plain = tiny_study(tmp_path, f"sources:{GAMMA}")
    names = {s: study.response("mine", s) for s in ("er", "gamma", "neutrons", WIMP)}
    expected = {"er": "er_charge_0.88_er", "gamma": "er_nest_gamma", "neutrons": "nr", WIMP: "nr"}
    assert names == expected
    apparatuses = study.detectors["mine"].apparatuses
    assert apparatuses["er_nest_gamma"].yields == {"nr": "lenardo2015", "er": "nest_gamma"}
    assert apparatuses["er_charge_0.88_er"].charge_ratio == 0.88
    # What has none of its own keeps its name and its slice.
    assert plain.response("mine", "gamma") == "er"
    for recoil in ("nr", "er"):
        one, other = (response_slice(s, "mine", recoil, "nominal") for s in (study, plain))
        assert one == other
    slices = [response_slice(study, "mine", name, "nominal") for name in apparatuses]
    assert all(one != other for i, one in enumerate(slices) for other in slices[:i])
    assert template_slice(study, "mine", "gamma") != template_slice(plain, "mine", "gamma")


def test_the_detectors_own_model_is_no_other(tmp_path):
    study = tiny_study(tmp_path, f"sources:{GAMMA}    yields: er_polynomial")
    assert study.response("mine", "gamma") == "er"


def test_a_gamma_beside_betas_is_that_of_a_detector_of_gammas(tmp_path):
    text = f"yields: {{er: nest_beta}}\nsources:{GAMMA}"
    both = tiny_study(tmp_path, f"{text}    yields: nest_gamma")
    mine = build_templates(both, "mine", ["er", "gamma"])
    betas = build_templates(tiny_study(tmp_path, text), "mine", ["er", "gamma"])
    gammas = build_templates(
        tiny_study(tmp_path, f"yields: {{er: nest_gamma}}\nsources:{GAMMA}"), "mine", ["gamma"]
    )
    np.testing.assert_array_equal(mine["er"].expected, betas["er"].expected)
    np.testing.assert_array_equal(mine["gamma"].expected, gammas["gamma"].expected)
    assert not np.allclose(mine["gamma"].expected, betas["gamma"].expected, rtol=0.01)


def test_a_charge_ratio_moves_the_charge(tmp_path):
    """The mean of ln cS2 falls by about ln 0.88, and a shape moves it around that."""
    shape = {
        "name": "capture",
        "parameter": "charge_ratio",
        "relative_width": 0.05,
        "anchors": [-2, 0, 2],
    }
    study = tiny_study(
        tmp_path,
        f"s2_area_threshold: 0\nanalysis_space: {{cs2: {{low: 20, high: 8000, bins: 60}}}}\n"
        f"sources:{GAMMA}    charge_ratio: 0.88",
        [shape],
    )
    assert [len(study.source_anchors("mine", s)) for s in ("gamma", "er", WIMP)] == [3, 1, 1]
    assert list(study.anchors("mine", "er")) == ["nominal"]
    centres = np.log(study.detectors["mine"].space.cs2_edges)
    centres = (centres[1:] + centres[:-1]) / 2

    def mean(expected):
        by_cs2 = expected.reshape(12, 60).sum(axis=0)
        return by_cs2 @ centres / by_cs2.sum()

    low, nominal, high = map(mean, build_templates(study, "mine", ["gamma"])["gamma"].expected)
    plain = tiny_study(
        tmp_path,
        f"s2_area_threshold: 0\nanalysis_space: {{cs2: {{low: 20, high: 8000, bins: 60}}}}\n"
        f"sources:{GAMMA}",
    )
    whole = mean(build_templates(plain, "mine", ["gamma"])["gamma"].expected[0])
    assert nominal - whole == pytest.approx(np.log(0.88), abs=0.08)
    assert high - low == pytest.approx(np.log(1.1 / 0.9), abs=0.08)
    assert low < nominal < high < whole


def capture_study(folder, shapes=(), ratio=0.88, more=""):
    """Two sources with a charge ratio; ``gamma``, whose ratio may be another, is the stronger."""
    gamma = GAMMA.replace("1.0e-4", "1.0e-3")
    text = f"sources:{gamma}    charge_ratio: {ratio}\n    {more}{CAPTURE}"
    return tiny_study(folder, text, list(shapes))


RATIO = {
    "name": "gamma_charge",
    "parameter": "charge_ratio_gamma",
    "relative_width": 0.05,
    "anchors": [-2, -1, 0, 1, 2],
}


def test_the_charge_ratio_of_one_source_is_a_nuisance_of_this_source_alone(tmp_path):
    plain, study = capture_study(tmp_path), capture_study(tmp_path, [RATIO])
    wider = capture_study(tmp_path, [{**RATIO, "relative_width": 0.04}])
    others = ["er", "neutrons", WIMP]
    assert len(study.source_anchors("mine", "gamma")) == 5
    assert [len(study.source_anchors("mine", name)) for name in others] == [1, 1, 1]
    for name in others:
        assert template_slice(study, "mine", name) == template_slice(plain, "mine", name)
    slices = [template_slice(each, "mine", "gamma") for each in (plain, study, wider)]
    assert slices[0] != slices[1] != slices[2] != slices[0]
    together = capture_study(tmp_path, [{**RATIO, "parameter": "charge_ratio"}])
    assert [len(together.source_anchors("mine", name)) for name in ("gamma", "er")] == [5, 5]


def test_at_an_anchor_it_is_the_study_with_that_number_and_close_to_it_between(tmp_path):
    study = capture_study(tmp_path, [RATIO])
    template = build_templates(study, "mine", ["gamma"])["gamma"]
    for k, value in enumerate(RATIO["anchors"]):
        plain = capture_study(tmp_path, ratio=repr(0.88 * (1 + 0.05 * value)))
        one = build_templates(plain, "mine", ["gamma"])["gamma"]
        np.testing.assert_allclose(template.expected[k], one.nominal, rtol=1e-9, atol=1e-12)
    assert template.expected.sum(axis=1).std() > 0.01  # events are moved over a threshold, too
    _, (between,) = fix_shapes(study, "mine", "gamma", template, {"gamma_charge": 0.5})
    plain = capture_study(tmp_path, ratio=0.88 * 1.025)
    one = build_templates(plain, "mine", ["gamma"])["gamma"].nominal
    assert between.sum() == pytest.approx(one.sum(), rel=1e-3)
    assert np.abs(between - one).sum() < 0.02 * one.sum()
    told = capture_study(tmp_path, [RATIO], more="expected_events: 200")
    scaled = build_templates(told, "mine", ["gamma"])["gamma"].expected
    factor = 200 / template.nominal.sum()
    np.testing.assert_allclose(scaled, factor * template.expected, rtol=1e-9)


def test_data_pull_it_to_where_they_were_thrown(tmp_path):
    """Hundreds of events measure a ratio better than its constraint of 5 % knows it."""
    study = capture_study(tmp_path, [RATIO])
    sources = [source.name for source in study.detectors["mine"].sources]
    templates = build_templates(study, "mine", [WIMP, *sources])
    model = make_model(study, "mine", 50, "SI", {"mine": templates})
    for truth in (0.0, 1.5):
        toys = throw(study, "mine", templates, range(1, 21), {"gamma_charge": truth})
        fitted = model.interval_limits(toys, "profiled")["best_fit_gamma_charge"]
        error = fitted.std()
        assert 0.05 < error < 0.6
        assert fitted.mean() == pytest.approx(truth, abs=4 * error / 20**0.5)


@pytest.mark.slow
def test_nests_factors_are_shape_parameters(tmp_path):
    """All five of config/lz_nest.yaml, in a small detector, fitted to toys."""
    names = ("nr_photon_yield", "nr_electron_yield", "er_electron_yield", "er_recombination_width")
    shapes = [
        {"name": name, "relative_width": 0.05, "anchors": [-2, 0, 2]} for name in names
    ] + [{"name": "er_light", "parameter": "er_photon_yield", "relative_width": 0.02,
          "anchors": [-2, 0, 2]}]  # fmt: skip
    study = tiny_study(tmp_path, "yields: {nr: nest, er: nest_beta}\nlivetime_day: 300", shapes)
    assert (len(study.anchors("mine", "nr")), len(study.anchors("mine", "er"))) == (9, 27)
    sources = [source.name for source in study.detectors["mine"].sources]
    templates = build_templates(study, "mine", [WIMP, *sources])
    for name, n in ((WIMP, 9), ("er", 27)):
        rows = templates[name].expected
        assert len(np.unique(rows.round(12), axis=0)) == n
    model = make_model(study, "mine", 50, "SI", {"mine": templates})
    limits = model.limits(throw(study, "mine", templates, range(1, 6)))
    assert set(limits["status"]) <= {"ok", "at_boundary"}
    assert (limits["limit_cm2"] > 0).all()
    assert {f"best_fit_{shape['name']}" for shape in shapes} <= set(limits.columns)


@pytest.mark.parametrize(
    ("parameter", "problem"),
    [
        ("charge_ratio", "charge_ratio changes that of sources, but none of mine has one"),
        ("er_photon_yield", "changes the yields nest_beta and nest_gamma, but mine has yields.er"),
        ("er_component_4", "found 'er_component_4'; allowed: leff, lindhard_k, er_component_1"),
    ],
)
def test_shapes_of_yields_that_are_not_there(tmp_path, parameter, problem):
    shape = {"name": "a", "parameter": parameter, "relative_width": 0.1, "anchors": [-1, 0, 1]}
    with pytest.raises(ConfigError, match=problem):
        tiny_study(tmp_path, shapes=[shape])


@pytest.mark.parametrize(
    ("changes", "ratio", "problem"),
    [
        ({"parameter": "charge_ratio_beta"}, 0.88, "no source of that name with a charge_ratio; "
         "allowed: charge_ratio_ with one of er, gamma behind"),
        ({"parameter": "charge_ratio_neutrons"}, 0.88, "found charge_ratio_neutrons; mine has no"),
        ({}, 1.9, "at its anchor 2, charge_ratio of gamma of mine would be 2.09; allowed: 0.01"),
        ({"parameter": "charge_ratio_"}, 0.88, "parameter: found 'charge_ratio_'"),
    ],
)  # fmt: skip
def test_charge_ratios_that_cannot_be(tmp_path, changes, ratio, problem):
    with pytest.raises(ConfigError, match=problem):
        capture_study(tmp_path, [{**RATIO, **changes}], ratio)


def test_a_component_changes_only_the_yields_that_have_it(tmp_path):
    shape = {"name": "pc", "parameter": "er_component_1", "anchors": [-1, 0, 1]}
    study = tiny_study(tmp_path, f"sources:{GAMMA}    yields: nest_gamma", [shape])
    assert len(study.anchors("mine", "er")) == 3
    assert len(study.anchors("mine", "er_nest_gamma")) == 1
