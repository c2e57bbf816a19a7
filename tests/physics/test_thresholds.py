"""Where backgrounds from formulas lie: closed forms, positions thrown, and simulated events."""

import dataclasses
import shutil
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import yaml
from scipy import integrate, stats
from test_quadrature import with_maps

from zeptobarn.physics import thresholds
from zeptobarn.physics.formulas import shares
from zeptobarn.physics.simulate import simulate
from zeptobarn.physics.thresholds import smallest_anywhere, smallest_areas
from zeptobarn.study.loading import study_from_settings
from zeptobarn.study.shapes import Shape
from zeptobarn.study.slices.template import template_slice
from zeptobarn.support.config import ConfigError
from zeptobarn.support.streams import stream
from zeptobarn.templates.building import build
from zeptobarn.templates.templates import read_template, write_template

FORMULAS = [("xenon1t", "accidental"), ("xenon1t", "wall"), ("xenon1t", "anomalous")]
FORMULAS += [("lz", "surface")]

# Densities per unit of cS2, in any normalisation.
DENSITIES = {
    "accidental": lambda x: np.exp(-0.3164 * np.log(x) ** 2 + 2.1535 * np.log(x)) * (x > 95),
    "wall": lambda x: np.exp(-0.5 * ((np.log10(x) - 2.15) / 0.17) ** 2) / x * (x < 600),
    "anomalous": lambda x: 1 / x,
    "surface": lambda x: np.exp(-0.5 * ((np.log10(x) - 2.99) / 0.17) ** 2) / x,
}
# A fiducial volume that the maps cover.
IN_MAPS = {"fiducial_radius_cm": 39.0, "fiducial_z_cm": [-83.0, -13.2]}
SPREAD = {"electron_lifetime_spread": 0.2, "apply_bias": True}


def reached_and_ignored(detector, source, **changes):
    """Shares by bin with the reach and without, shape (2, cS1 bins, cS2 bins)."""
    formula, apparatus = detector.source(source).formula, replace(detector.apparatus, **changes)
    both = [formula, {**formula, "reach": "ignore"}]
    space = detector.space
    return np.array([shares(each, space, apparatus).reshape(space.shape) for each in both])


def test_smallest_cs2_of_xenon1t(small_study):
    """150 PE after a drift of 13.45 cm at 1.44 mm/µs, with a lifetime of 452 µs."""
    cs1, cs2, weight = smallest_areas(small_study.detectors["xenon1t"].apparatus)
    assert cs2.min() == pytest.approx(150 * np.exp(134.5 / 1.44 / 452), rel=1e-12)
    assert round(cs2.min()) == 184
    assert cs2.max() == pytest.approx(150 * np.exp(834.5 / 1.44 / 452), rel=1e-12)
    assert not cs1.any()
    assert weight.sum() == pytest.approx(1, abs=1e-12)


def test_smallest_cs2_of_lz_is_in_photons_detected(small_study):
    """415 phd as they are: cS2 and the threshold have the same unit."""
    _, cs2, _ = smallest_areas(small_study.detectors["lz"].apparatus)
    assert cs2.min() == pytest.approx(415 * np.exp(132 / 1.88 / 850), rel=1e-12)


@pytest.mark.parametrize(
    ("source", "below", "left"),
    [("wall", 0.75, 0.054), ("accidental", 0.33, 0.434), ("anomalous", 0.26, 0.637)],
)
def test_nothing_where_xenon1t_has_no_events(small_study, source, below, left):
    """As published so much of each lies there; what is left at all positions is scaled up."""
    detector = small_study.detectors["xenon1t"]
    reached, ignored = reached_and_ignored(detector, source)
    unseen = detector.space.cs2_edges[1:] < 184.43
    assert ignored[:, unseen].sum() == pytest.approx(below, abs=0.005)
    assert (reached[:, unseen] == 0).all()
    assert (reached[:, ~unseen].sum(axis=0) > 0)[:8].all()
    assert reached.sum() == pytest.approx(1, abs=1e-12)
    seen = np.flatnonzero(detector.space.cs2_edges > 541)[0]
    assert ignored[:, seen] / reached[:, seen] == pytest.approx([left] * 67, abs=0.001)


@pytest.mark.parametrize(("name", "source"), FORMULAS)
def test_share_is_a_logarithm_of_cs2(small_study, name, source):
    """Electrons decay exponentially in the depth, and depths are uniform."""
    detector = small_study.detectors[name]
    apparatus = detector.apparatus
    (bottom, top), threshold = apparatus.fiducial_z_cm, apparatus.s2_area_threshold
    length = apparatus.electron_lifetime_us * apparatus.drift_velocity_mm_per_us / 10

    def seen(cs2):
        deepest = length * np.log(cs2 / threshold)
        return DENSITIES[source](cs2) * np.clip((deepest + top) / (top - bottom), 0, 1)

    kinks = [95.0, 600.0, *(threshold * np.exp(-z / length) for z in (top, bottom))]
    expected = [
        integrate.quad(seen, *ends, points=[x for x in kinks if ends[0] < x < ends[1]] or None)[0]
        for ends in pairwise(detector.space.cs2_edges)
    ]
    reached, ignored = reached_and_ignored(detector, source)
    expected = np.array(expected) / np.sum(expected)
    np.testing.assert_allclose(reached.sum(axis=0), expected, rtol=1e-4, atol=1e-7)
    # Without an S1 threshold, the density in cS1 stays.
    np.testing.assert_allclose(reached.sum(axis=1), ignored.sum(axis=1), rtol=1e-10)


@pytest.mark.parametrize(
    "change",
    [{}, SPREAD, {"s1_area_threshold": 5.0}, {"area_unit": "phd", "correction_lifetime_us": 300.0}],
    ids=lambda change: "-".join(change) or "maps",
)
def test_positions_thrown(small_study, change):
    """Maps of both light yields: areas drawn from the formula, kept where they pass."""
    detector = small_study.detectors["xenon1t"]
    changes = with_maps(detector) | change
    apparatus = replace(detector.apparatus, **changes)
    reached, ignored = reached_and_ignored(detector, "anomalous", **changes)
    rng, n = stream(1, "positions", *change), 1_000_000
    space = detector.space
    cs1 = rng.uniform(space.cs1_edges[0], space.cs1_edges[-1], n)
    cs2 = np.exp(rng.uniform(*np.log(space.cs2_edges[[0, -1]]), n))
    r2 = apparatus.fiducial_radius_cm**2 * rng.random(n)
    z = rng.uniform(*apparatus.fiducial_z_cm, n)
    lifetime = apparatus.corrected_with_us
    s1 = cs1 * apparatus.s1_relative_light_yield.at(r2, z)
    s2 = cs2 * apparatus.s2_relative_light_yield.at(r2, z)
    s2 *= np.exp(10 * z / apparatus.drift_velocity_mm_per_us / lifetime)
    kept = (s1 >= apparatus.s1_area_threshold) & (s2 >= apparatus.s2_area_threshold)
    counts, *_ = np.histogram2d(cs1[kept], cs2[kept], [space.cs1_edges, space.cs2_edges])
    expected = reached * kept.sum()
    assert (counts[expected == 0] == 0).all()
    big = expected > 25
    chi2 = ((counts - expected)[big] ** 2 / expected[big]).sum()
    assert stats.chi2.sf(chi2, big.sum()) > 0.001
    # The rims, where not all positions pass, by themselves.
    for rim in (counts[:, :45].sum(axis=0), counts[:8].sum(axis=1)):
        mean = (
            reached[:, :45].sum(axis=0) if len(rim) == 45 else reached[:8].sum(axis=1)
        ) * kept.sum()
        some = mean > 25
        assert stats.chi2.sf(((rim - mean)[some] ** 2 / mean[some]).sum(), some.sum()) > 0.001
    # The test can tell: as it stands, the formula is another.
    other = ignored * kept.sum()
    assert stats.chi2.sf(((counts - other)[big] ** 2 / other[big]).sum(), big.sum()) < 1e-9


@pytest.mark.parametrize("name", ["xenon1t", "lz"])
@pytest.mark.parametrize("change", [{}, SPREAD, "maps"], ids=["as is", "spread", "maps"])
def test_no_simulated_event_is_smaller(small_study, name, change):
    """What the correction does not follow lets no smaller area pass, and those at the edge do."""
    detector = small_study.detectors[name]
    bias = {key: [[1.0, -0.04], [1e4, 0.01]] for key in ("s1_bias", "s2_bias")}
    change = IN_MAPS | with_maps(small_study.detectors["xenon1t"]) if change == "maps" else change
    # Small signals that are seen: much light, and no S1 threshold that hides any.
    seen = {"g1": 0.3, "s1_coincidence": 0, "s1_peak_efficiency": [1]}
    apparatus = replace(detector.apparatus, **{**seen, **change})
    if "apply_bias" in change and name == "lz":
        apparatus = replace(apparatus, **bias)
    energy = 2.5 if name == "xenon1t" else 1.0
    for threshold in (0.0, 3.0):
        apparatus = replace(apparatus, s1_area_threshold=threshold)
        cs1, cs2 = simulate(apparatus, "nr", np.full(200_000, energy), stream(1, "least", name))
        assert np.isfinite(cs1).sum() > 1000
        least1, least2 = smallest_anywhere(apparatus)
        assert least1 <= np.nanmin(cs1) < max(1.2 * least1, 1)
        assert least2 <= np.nanmin(cs2) < 1.1 * least2


@pytest.mark.parametrize(("name", "source"), FORMULAS)
@pytest.mark.parametrize("maps", [False, True])
def test_twice_as_many_positions_change_nothing(small_study, monkeypatch, name, source, maps):
    """Less than 1e-4 of every bin that counts; with maps that have edges, of the largest one."""
    detector = small_study.detectors[name]
    changes = {}
    if maps:
        changes = IN_MAPS | with_maps(small_study.detectors["xenon1t"])
    default, _ = reached_and_ignored(detector, source, **changes)
    for number in ("_DEPTHS", "_RADII", "_RADII_BETWEEN"):
        monkeypatch.setattr(thresholds, number, 2 * getattr(thresholds, number))
    fine, _ = reached_and_ignored(detector, source, **changes)
    assert ((fine > 0) == (default > 0)).all()
    if not maps:
        big = fine.sum(axis=0) > 1e-6
        np.testing.assert_allclose(default[:, big], fine[:, big], rtol=1e-4)
    np.testing.assert_allclose(default, fine, rtol=0, atol=1e-4 * fine.max())


def test_a_formula_below_the_reach_is_refused(small_study, tmp_path):
    """It names the source, what passes, and the way out."""
    detector = small_study.detectors["xenon1t"]
    formula = detector.source("wall").formula
    low = {**formula, "cs2": {**formula["cs2"], "high": 180}}
    message = r"zero wherever .* let events pass \(from cS1 0 and cS2 184\.4 PE on\); reach: ignore"
    with pytest.raises(ValueError, match=message):
        shares(low, detector.space, detector.apparatus)
    assert shares({**low, "reach": "ignore"}, detector.space, detector.apparatus).sum() > 0.999
    # The study says whose formula it is before anything runs.
    for folder in ("schemas", "detectors"):
        shutil.copytree(Path("config") / folder, tmp_path / folder)
    path = tmp_path / "detectors/xenon1t.yaml"
    text = path.read_text().replace("width_log10: 0.17, high: 600", "width_log10: 0.17, high: 180")
    path.write_text(text)
    config = yaml.safe_load(Path("config/config.yaml").read_text())
    with pytest.raises(ConfigError, match=f"xenon1t.yaml: source wall: the density is {message}"):
        study_from_settings(config, tmp_path)
    path.write_text(text.replace("high: 180}", "high: 180}\n      reach: ignore"))
    study = study_from_settings(config, tmp_path)
    assert study.detectors["xenon1t"].source("wall").formula["reach"] == "ignore"


def test_formulas_follow_shapes_of_the_thresholds(small_study, tmp_path):
    """A threshold that is a shape parameter moves what is seen of a formula, not its events."""
    shapes = {
        parameter: Shape(parameter, (-1, 0, 1), parameter, 0.1, True, ("xenon1t",), "constant")
        for parameter in ("s2_area_threshold", "electron_lifetime_us")
    }
    study = dataclasses.replace(small_study, shapes=tuple(shapes.values()))
    detector = study.detectors["xenon1t"]
    assert [s.name for s in study.shapes_of("xenon1t", None)] == ["s2_area_threshold"]
    template = build(study, "xenon1t", "wall", {}, {})
    assert template.shape_values == tuple({"s2_area_threshold": v} for v in (-1, 0, 1))
    for row, threshold in zip(template.expected, (135, 150, 165), strict=True):
        apparatus = replace(detector.apparatus, s2_area_threshold=threshold)
        expected = 0.52 * shares(detector.source("wall").formula, detector.space, apparatus)
        np.testing.assert_allclose(row, expected, rtol=1e-5)
    assert template.expected.sum(axis=1) == pytest.approx([0.52] * 3, rel=1e-5)
    write_template(study, "xenon1t", "wall", template, tmp_path / "wall.parquet")
    read = read_template(study, "xenon1t", "wall", tmp_path / "wall.parquet")
    np.testing.assert_array_equal(read.expected, template.expected)
    assert read.shape_values == template.shape_values
    high = dataclasses.replace(shapes["s2_area_threshold"], relative_width=3.0, anchors=(0, 1))
    study = dataclasses.replace(study, shapes=(high,))
    with pytest.raises(ValueError, match=r"wall of xenon1t, s2_area_threshold_1: .*zero wherever"):
        build(study, "xenon1t", "wall", {}, {})


@pytest.mark.parametrize("key", thresholds.KEYS)
def test_a_template_is_made_again_when_what_is_seen_changes(small_study, key):
    """The slices of the configuration differ."""
    detector = small_study.detectors["xenon1t"]
    other = dataclasses.replace(detector, apparatus=replace(detector.apparatus, **{key: 1.5}))
    changed = dataclasses.replace(small_study, detectors={"xenon1t": other})
    slices = [template_slice(study, "xenon1t", "wall") for study in (small_study, changed)]
    assert slices[0] != slices[1]
