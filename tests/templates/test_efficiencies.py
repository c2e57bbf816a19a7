"""Efficiencies of spectra and bins, and the nuisances that move them."""

import dataclasses

import numpy as np
import pytest

from tinydetector import tiny_study, with_livetime
from zeptobarn.inference.load import build_templates, make_model
from zeptobarn.study.slices.response import response_slice
from zeptobarn.study.slices.template import template_slice
from zeptobarn.support.config import ConfigError
from zeptobarn.support.streams import stream
from zeptobarn.templates.efficiencies import seen
from zeptobarn.templates.sampling import sample
from zeptobarn.templates.spectra import source_spectrum
from zeptobarn.templates.templates import fix_shapes
from zeptobarn.templates.toys import throw

WIMP = "wimp_SI_50GeV"
SOURCES = ["er", "neutrons", "cevns_8b", "cevns_hep", "cevns_atm", "cevns_dsnb"]


@pytest.fixture
def curve(tmp_path):
    def write(name, against, points, *columns):
        (tmp_path / "detectors").mkdir(exist_ok=True)
        header = [against, "efficiency", "efficiency_low", "efficiency_high"]
        rows = [header[: 1 + len(columns)], *zip(points, *columns, strict=True)]
        text = "\n".join(",".join(map(str, row)) for row in rows)
        (tmp_path / f"detectors/{name}.csv").write_text(text + "\n")

    return write


def model_of(study):
    templates = {"mine": build_templates(study, "mine", [WIMP, *SOURCES])}
    return make_model(study, "mine", 50, "SI", templates)


def test_half_of_everything_is_half_the_livetime(tmp_path, curve):
    """Expected events of each bin, and limits of the same datasets, to 1e-9."""
    curve("half", "recoil_energy_keV", [0.1, 200], [0.5, 0.5])
    half = tiny_study(
        tmp_path, "efficiencies: {half: {against: recoil_energy_keV, path: half.csv}}"
    )
    short = with_livetime(tiny_study(tmp_path), 0.5)
    one, other = model_of(half), model_of(short)
    for name, template in one.templates["mine"].items():
        np.testing.assert_allclose(
            template.expected, other.templates["mine"][name].expected, rtol=1e-9, atol=0
        )
        assert template.expected.sum() > 0
    toys = throw(half, "mine", one.templates["mine"], range(1, 21))
    limits = [model.limits(toys)["limit_cm2"].to_numpy() for model in (one, other)]
    np.testing.assert_allclose(*limits, rtol=1e-9)


@pytest.mark.parametrize(("against", "ends"), [("cs1", (3, 27)), ("cs2", (200, 5000))])
def test_half_of_an_area_is_half_too(tmp_path, curve, against, ends):
    curve("half", against, ends, [0.5, 0.5])
    half = tiny_study(tmp_path, f"efficiencies: {{half: {{against: {against}, path: half.csv}}}}")
    short = with_livetime(tiny_study(tmp_path), 0.5)
    for source in ("er", WIMP):
        one, other = (build_templates(s, "mine", [source])[source] for s in (half, short))
        np.testing.assert_allclose(one.expected, other.expected, rtol=1e-9, atol=0)


def test_a_recoil_type_alone(tmp_path, curve):
    curve("half", "recoil_energy_keV", [0.1, 200], [0.5, 0.5])
    study = tiny_study(
        tmp_path, "efficiencies: {h: {against: recoil_energy_keV, path: half.csv, recoil: nr}}"
    )
    plain = tiny_study(tmp_path)
    mine, theirs = (build_templates(s, "mine", ["er", "neutrons", WIMP]) for s in (study, plain))
    ratio = {name: mine[name].expected.sum() / theirs[name].expected.sum() for name in mine}
    assert ratio == pytest.approx({"er": 1, "neutrons": 0.5, WIMP: 0.5}, rel=1e-9)
    # A response does not know of it; a template does, and only those that it applies to.
    for recoil in ("nr", "er"):
        slices = [response_slice(s, "mine", recoil, "nominal") for s in (study, plain)]
        assert slices[0] == slices[1]
    assert template_slice(study, "mine", "er") == template_slice(plain, "mine", "er")
    assert template_slice(study, "mine", WIMP) != template_slice(plain, "mine", WIMP)


ALL = """
efficiencies:
  energy: {against: recoil_energy_keV, path: energy.csv, recoil: nr}
  s1: {against: cs1, path: s1.csv}
  s2: {against: cs2, path: s2.csv}
  photons: {against: detected_photons, path: photons.csv}
"""


def write_all(curve):
    curve("energy", "recoil_energy_keV", [1, 8, 12, 60], [0.2, 0.3, 0.9, 0.8])
    curve("s1", "cs1", [3, 10, 27], [0.5, 1, 0.7])
    curve("s2", "cs2", [100, 1000, 5000], [0.2, 0.9, 1])
    curve("photons", "detected_photons", [0, 3, 8], [0, 0.4, 0.9])


@pytest.mark.parametrize("source", ["neutrons", "er"])
def test_recoils_drawn_one_by_one_agree(tmp_path, curve, source):
    """Every kind together: the quadrature's bins, against thinned recoils of a simulation."""
    write_all(curve)
    study = tiny_study(tmp_path, ALL)
    folded = build_templates(study, "mine", [source])[source].expected[0]
    table = source_spectrum(study, "mine", source)
    drawn = sample(study, "mine", source, table, stream(1, "efficiency", source), 400_000)
    error = np.sqrt(drawn.variance[0].sum())
    assert drawn.nominal.sum() == pytest.approx(folded.sum(), abs=4 * error)
    plain = build_templates(tiny_study(tmp_path), "mine", [source])[source].expected[0]
    assert folded.sum() < 0.8 * plain.sum()
    kept = drawn.variance[0] > 0
    pull = (drawn.nominal - folded)[kept] / np.sqrt(drawn.variance[0][kept])
    filled = drawn.nominal[kept] ** 2 > 50 * drawn.variance[0][kept]
    assert filled.sum() > 15
    assert np.mean(pull[filled] ** 2) == pytest.approx(1, abs=5 * np.sqrt(2 / filled.sum()))


def test_a_band_is_a_shape_parameter(tmp_path, curve):
    """At ±1 the curves themselves, in between straight, beyond as far again but within 0 and 1."""
    curve("e", "recoil_energy_keV", [0.1, 60], [0.5, 0.5], [0.4, 0.4], [0.7, 0.7])
    text = "efficiencies: {e: {against: recoil_energy_keV, path: e.csv, recoil: nr}}"
    shape = {"name": "eff", "parameter": "efficiency_e", "anchors": [-3, -1, 0, 1, 3]}
    study = tiny_study(tmp_path, text, [shape])
    assert list(study.anchors("mine", "nr")) == ["nominal"]
    assert len(study.source_anchors("mine", "neutrons")) == 5
    assert len(study.source_anchors("mine", "er")) == 1
    template = build_templates(study, "mine", ["neutrons"])["neutrons"]
    totals = template.expected.sum(axis=1) / template.nominal.sum()
    assert totals == pytest.approx([0.4, 0.8, 1, 1.4, 2], rel=1e-9)
    left, rows = fix_shapes(study, "mine", "neutrons", template, {"eff": 0.25})
    assert left == ()
    assert rows.sum() / template.nominal.sum() == pytest.approx(1.1, rel=1e-9)


def test_a_band_against_photons_needs_responses_of_its_own(tmp_path, curve):
    """Of its recoil type alone; a flat one scales all events, as one against the energy does."""
    curve("p", "detected_photons", [0, 60], [0.5, 0.5], [0.4, 0.4], [0.7, 0.7])
    text = "efficiencies: {p: {against: detected_photons, path: p.csv, recoil: nr}}"
    shape = {"name": "eff", "parameter": "efficiency_p", "anchors": [-1, 0, 1]}
    study = tiny_study(tmp_path, text, [shape])
    assert [len(study.anchors("mine", recoil)) for recoil in ("nr", "er")] == [3, 1]
    template = build_templates(study, "mine", ["neutrons"])["neutrons"]
    totals = template.expected.sum(axis=1) / template.nominal.sum()
    assert totals == pytest.approx([0.8, 1, 1.4], rel=1e-9)
    plain = build_templates(tiny_study(tmp_path), "mine", ["neutrons"])["neutrons"]
    np.testing.assert_allclose(template.nominal, 0.5 * plain.nominal, rtol=1e-9, atol=1e-14)


def test_signal_efficiency_scales_signal_and_nuclear_recoils(tmp_path):
    shape = {
        "name": "acceptance",
        "parameter": "signal_efficiency",
        "relative_width": 0.1,
        "anchors": [-2, 0, 3],
    }
    study = tiny_study(tmp_path, shapes=[shape], interactions=["SI"])
    templates = build_templates(study, "mine", ["er", "neutrons", WIMP])
    for name, ratios in (("neutrons", [0.8, 1, 1.3]), (WIMP, [0.8, 1, 1.3]), ("er", [1])):
        totals = templates[name].expected.sum(axis=1)
        assert totals / templates[name].nominal.sum() == pytest.approx(ratios, rel=1e-9)
    # A signal that is seen as an electron is a signal.
    assert "acceptance" in [s.name for s in study.source_shapes("mine", "wimp_SI_migdal_1GeV")]
    # A recoil that is drawn stands for as many as the largest anchor makes of one.
    share = seen(study, "mine", WIMP, "nr", {"acceptance": -2})
    chance = share.of_recoils(np.ones(1), np.ones(1), np.ones(1))
    assert chance * share.largest_factor == pytest.approx([0.8], rel=1e-9)


def test_pulls_of_an_efficiency_are_unit_normal(tmp_path, curve):
    """Best fits to toys whose constraint centres are redrawn, over their own errors.

    The electronic recoils' rate is known, so that N of them measure the efficiency: its inverse
    variance is 1, the constraint's, plus N w², with w the band's half-width.
    """
    curve("e", "recoil_energy_keV", [0.1, 60], [0.5, 0.5], [0.45, 0.45], [0.55, 0.55])
    shape = {"name": "eff", "parameter": "efficiency_e", "anchors": [-5, -2, 0, 2, 5]}
    study = tiny_study(
        tmp_path,
        "livetime_day: 300\nsources: [{name: er, rate: fixed}]\n"
        "efficiencies: {e: {against: recoil_energy_keV, path: e.csv, recoil: er}}",
        [shape],
    )
    model = model_of(study)
    n = 400
    toys = throw(study, "mine", model.templates["mine"], range(1, n + 1))
    best = model.limits(toys)["best_fit_eff"].to_numpy()
    events = model.templates["mine"]["er"].nominal.sum()
    assert 0.3 < events * 0.1**2 < 10
    pulls = best * np.sqrt(1 + events * 0.1**2)
    assert pulls.mean() == pytest.approx(0, abs=4 / np.sqrt(n))
    assert pulls.std() == pytest.approx(1, abs=4 / np.sqrt(2 * n))


@pytest.mark.parametrize(
    ("shape", "problem"),
    [
        ({"parameter": "efficiency_e"}, "has no efficiency of that name with a low and a high"),
        ({"parameter": "efficiency_x"}, r"found efficiency_x; .* efficiency_ with one of \(none\)"),
        ({"parameter": "efficiency_e", "relative_width": 0.1}, "needs no relative_width"),
        ({"parameter": "signal_efficiency"}, "signal_efficiency needs a relative_width"),
        (
            {"parameter": "signal_efficiency", "relative_width": 0.6},
            "signal_efficiency would not be positive",
        ),
    ],
)
def test_shapes_of_efficiencies_that_make_no_sense(tmp_path, curve, shape, problem):
    curve("e", "recoil_energy_keV", [0.1, 60], [0.5, 0.5])
    text = "efficiencies: {e: {against: recoil_energy_keV, path: e.csv}}"
    with pytest.raises(ConfigError, match=problem):
        tiny_study(tmp_path, text, [{"name": "eff", "anchors": [-2, 0, 2], **shape}])


def test_formulas_are_not_multiplied(tmp_path, curve):
    """Their events are those that are seen."""
    curve("half", "cs1", [3, 70], [0.5, 0.5])
    study = tiny_study(tmp_path)
    detector = dataclasses.replace(study.detectors["mine"])
    text = "efficiencies: {half: {against: cs1, path: half.csv}}"
    (tmp_path / "detectors/mine.yaml").write_text(f"base: xenon1t\n{text}")
    from zeptobarn.physics.detector import load_detector

    whole = load_detector(tmp_path / "detectors/mine.yaml")
    study = dataclasses.replace(study, detectors={"mine": whole})
    wall = build_templates(study, "mine", ["wall"])["wall"]
    assert wall.nominal.sum() == pytest.approx(0.52, rel=1e-9)
    assert detector.efficiencies == ()
