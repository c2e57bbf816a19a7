"""Templates from formulas, against quadrature and closed forms."""

from itertools import pairwise

import numpy as np
import pytest
from scipy import integrate, stats

from zeptobarn.physics.detector import load_detector
from zeptobarn.physics.formulas import shares


def formula(detector, source):
    """A formula as it stands, without what the detector sees of it, and the analysis space."""
    loaded = load_detector(f"config/detectors/{detector}.yaml")
    return {**loaded.source(source).formula, "reach": "ignore"}, loaded.space


def by_axis(values, space):
    grid = values.reshape(space.shape)
    return grid.sum(axis=1), grid.sum(axis=0)


def test_every_formula_is_normalised():
    for name in ("xenon1t", "lz"):
        detector = load_detector(f"config/detectors/{name}.yaml")
        for source in detector.sources:
            if source.formula:
                per_bin = shares(source.formula, detector.space, detector.apparatus)
                assert per_bin.shape == (np.prod(detector.space.shape),)
                assert per_bin.min() >= 0
                assert per_bin.sum() == pytest.approx(1, abs=1e-12)


def test_accidental_coincidences_of_xenon1t():
    """Per PE of each area, as the published toy model has it, integrated adaptively."""
    settings, space = formula("xenon1t", "accidental")
    cs1, cs2 = by_axis(shares(settings, space, None), space)

    def along1(x):
        return 0.2217 * (x / 3) ** -1.715 + 0.0026

    def along2(x):
        return np.exp(-0.3164 * np.log(x) ** 2 + 2.1535 * np.log(x)) * (x > 95)

    for share, density, edges in ((cs1, along1, space.cs1_edges), (cs2, along2, space.cs2_edges)):
        # The cut at 95 PE lies inside a bin.
        expected = [
            integrate.quad(density, *ends, points=[95] if ends[0] < 95 < ends[1] else None)[0]
            for ends in pairwise(edges)
        ]
        np.testing.assert_allclose(share, expected / np.sum(expected), rtol=1e-6, atol=1e-12)


def test_wall_leakage_of_xenon1t():
    settings, space = formula("xenon1t", "wall")
    cs1, cs2 = by_axis(shares(settings, space, None), space)
    below = stats.norm(2.15, 0.17).cdf(np.log10(np.minimum(space.cs2_edges, 600)))
    np.testing.assert_allclose(cs2, np.diff(below) / np.ptp(below), rtol=1e-6, atol=1e-12)
    # 0.3 at 3 PE, 1 at 12 PE and beyond; bins are 1 PE wide.
    np.testing.assert_allclose(cs1[20:], cs1[20])
    assert cs1[0] / cs1[20] == pytest.approx(0.3 + 0.7 * 0.5 / 9)


def test_anomalous_events_are_flat_in_every_bin():
    settings, space = formula("xenon1t", "anomalous")
    np.testing.assert_allclose(shares(settings, space, None), 1 / np.prod(space.shape), rtol=1e-9)


def test_lz_without_accidental_or_anomalous_events():
    names = [source.name for source in load_detector("config/detectors/lz.yaml").sources]
    assert "surface" in names
    assert not {"accidental", "anomalous"} & set(names)


def test_no_density_in_the_analysis_space():
    settings, space = formula("xenon1t", "wall")
    nowhere = {**settings, "cs2": {**settings["cs2"], "high": 20}}
    with pytest.raises(ValueError, match=r"log_normal.*zero between 50 and 8000"):
        shares(nowhere, space, None)


@pytest.mark.parametrize(
    "density",
    [
        {"kind": "log_parabola", "linear": 100, "quadratic": 0},
        {"kind": "power_law", "amplitude": 1, "pivot": 0.001, "exponent": 300},
    ],
)
def test_a_density_that_overflows(density):
    settings, space = formula("xenon1t", "wall")
    with pytest.raises(ValueError, match=f"{density['kind']}.*not finite between 50 and 8000"):
        shares({**settings, "cs2": density}, space, None)
