"""The response without random numbers: against the simulation, itself and closed forms."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from zeptobarn.physics import quadrature
from zeptobarn.physics.apparatus import LightYield
from zeptobarn.physics.areas import _area_distribution, _tabulate_areas, cs1_matrices
from zeptobarn.physics.detector import load_detector
from zeptobarn.physics.nodes import Nodes
from zeptobarn.physics.quadrature import response
from zeptobarn.physics.quanta import _skew_normal, _split
from zeptobarn.physics.simulate import histogram
from zeptobarn.support.streams import stream
from zeptobarn.templates.response import apparatus_at

# A few energy bins from the threshold to the end of the analysis space, keV.
BINS_KEV = {
    "nr": [(1.5, 1.52), (2.5, 2.53), (4.0, 4.05), (8.0, 8.3), (25.0, 26.0), (50.0, 52.0)],
    "er": [(0.9, 0.91), (1.5, 1.52), (4.0, 4.05), (9.0, 9.3), (13.0, 13.5)],
}
EVENTS = 40_000


def responses(apparatus, recoil, space, nuisances=quadrature.NOMINAL, **options):
    """The response of each of `BINS_KEV`, which have those between them for neighbours."""
    edges = np.ravel(BINS_KEV[recoil])
    return response(apparatus, recoil, space, edges, nuisances, **options)[::2]


def pulls(apparatus, recoil, space, nuisances=quadrature.NOMINAL):
    """p-value of each energy bin's template, and the pull of its acceptance."""
    p_values, acceptance = [], []
    by_quadrature = responses(apparatus, recoil, space, nuisances)
    for i, edges in enumerate(np.array(BINS_KEV[recoil])):
        exact = by_quadrature[i]
        rng = stream(1, "quadrature", i)
        (simulated,), (variance,), (events,) = histogram(
            apparatus, recoil, space, edges, EVENTS, [rng], nuisances
        )
        # Simulated weights are below 1, so this many expected events are at least as many entries.
        big = (exact * events >= 25) & (variance > 0)
        if big.sum() > 3:
            chi2 = ((simulated - exact)[big] ** 2 / variance[big]).sum()
            p_values.append(stats.chi2.sf(chi2, big.sum()))
        if variance.sum() * events**2 > 25 and exact.sum() < 0.999:
            acceptance.append((simulated - exact).sum() / np.sqrt(variance.sum()))
    return p_values, acceptance


@pytest.mark.parametrize("detector", ["xenon1t", "lz"])
@pytest.mark.parametrize("recoil", [pytest.param("nr", marks=pytest.mark.slow), "er"])
def test_agrees_with_the_simulation(small_study, detector, recoil):
    """All anchors: no energy bin's template off, after correcting for their number."""
    space = small_study.detectors[detector].space
    p_values, acceptance = [], []
    for values in small_study.anchors(detector, recoil).values():
        apparatus, nuisances = apparatus_at(small_study, detector, values)
        a, b = pulls(apparatus, recoil, space, nuisances)
        p_values += a
        acceptance += b
    assert len(p_values) >= 4
    assert min(p_values) * len(p_values) > 0.01
    assert np.abs(acceptance).max() < 4


def with_maps(detector):
    """XENON1T's light yield and an S2 map that depend on radius and depth, both with edges.

    Less light at the wall, more below the surface, and noise on every point.
    """
    radii, z, rng = np.linspace(0, 40, 21), np.linspace(-84, -13, 19), stream(1, "map")
    wall, surface = (radii > 36)[:, np.newaxis], z > -20
    s1 = detector.apparatus.s1_relative_light_yield.at(radii[:, np.newaxis] ** 2, z)
    s1 *= np.where(wall, 0.8, 1.0) * np.where(surface, 1.3, 1.0)
    s2 = 1.1 - 0.3 * (radii[:, np.newaxis] / 40) ** 2 + 0.1 * np.cos(z / 30)
    s2 *= np.where(wall, 0.7, 1.0)
    return {
        f"{name}_relative_light_yield": LightYield(
            radius_cm=tuple(radii),
            z_cm=tuple(z),
            relative_yield=field * (1 + noise * rng.standard_normal(field.shape)),
        )
        for name, field, noise in (("s1", s1, 0.03), ("s2", s2, 0.05))
    }


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"apply_bias": True}, marks=pytest.mark.slow),
        {"yields": {"nr": "nest", "er": "nest_gamma"}},
        pytest.param({"electron_lifetime_spread": 0.15, "s2_fano": 3.0}, marks=pytest.mark.slow),
        {"electron_lifetime_us": 300.0, "correction_lifetime_us": 452.0},
        {"area_unit": "phd", "s1_area_threshold": 3.0, "single_pe_width": 0.2},
        pytest.param({"electron_lifetime_spread": 0.3}, marks=pytest.mark.slow),
        pytest.param({"single_pe_width": 0.05}, marks=pytest.mark.slow),
        pytest.param("maps", marks=pytest.mark.slow),
    ],
    ids=lambda change: change if isinstance(change, str) else "-".join(change),
)
@pytest.mark.parametrize("recoil", ["nr", "er"])
def test_agrees_whatever_the_detector(small_study, change, recoil):
    detector = small_study.detectors["xenon1t"]
    change = with_maps(detector) if change == "maps" else change
    p_values, acceptance = pulls(replace(detector.apparatus, **change), recoil, detector.space)
    assert min(p_values) * len(p_values) > 0.01
    assert np.abs(acceptance).max() < 4


@pytest.mark.parametrize(
    ("detector", "recoil"),
    [
        pytest.param("xenon1t", "nr", marks=pytest.mark.slow),
        pytest.param("xenon1t", "er", marks=pytest.mark.slow),
        ("lz", "nr"),
        pytest.param("lz", "er", marks=pytest.mark.slow),
    ],
)
def test_twice_as_fine_changes_nothing(small_study, detector, recoil):
    """The quadrature's own error is below 0.1 % in bins above 1 % of the largest."""
    instrument = small_study.detectors[detector]
    default, fine = (
        responses(instrument.apparatus, recoil, instrument.space, nodes=nodes)
        for nodes in (Nodes(), Nodes(80, 8, 16, 3.0, 18, 0.6))
    )
    for one, other in zip(default, fine, strict=True):
        big = other > 0.01 * other.max()
        np.testing.assert_allclose(one[big], other[big], rtol=1e-3)
        assert one.sum() == pytest.approx(other.sum(), rel=1e-4)


def test_threads_change_nothing(small_study):
    detector = small_study.detectors["lz"]
    one, two = (
        response(detector.apparatus, "nr", detector.space, np.geomspace(2, 20, 12), threads=threads)
        for threads in (1, 2)
    )
    np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize(("photons", "expected"), [(20, 0.4669), (50, 0.9589)])
def test_probability_of_three_detected_photons(small_study, photons, expected):
    """MODEL.md §4: p = 0.1442/1.15, whatever the area."""
    detector = small_study.detectors["xenon1t"]
    apparatus = replace(
        detector.apparatus,
        s1_relative_light_yield=LightYield(),
        s1_peak_efficiency=(0, 0, 0, 1),
        s1_area_threshold=-100.0,
    )
    space = type(detector.space)(np.array([-100.0, 1000.0]), detector.space.cs2_edges)
    matrices = cs1_matrices(apparatus, space, 60, Nodes())
    assert matrices[0, photons, 0] == pytest.approx(expected, abs=5e-5)


def test_quanta_of_the_split_model():
    """Summed over everything, means and variances are those that the model says."""
    yields = quadrature.detector_yields(
        replace(load_detector("xenon1t").apparatus, drift_field_V_per_cm=117),
        "nr",
        np.array([10.0]),
    )
    photons, electrons = yields.photons[0], yields.electrons[0]
    joint, first, first_electron = _split(yields.fluctuations, 10.0, photons, electrons, Nodes())
    total = first + np.arange(joint.shape[0])
    number = first_electron + np.arange(joint.shape[1])
    assert joint.sum() == pytest.approx(1, abs=1e-8)
    mean = joint.sum(axis=0) @ number
    assert mean == pytest.approx(electrons, rel=1e-6)
    assert joint.sum(axis=1) @ total == pytest.approx(photons + electrons, rel=1e-6)
    # Total variance: of the share, of the split given it, and of the number that is split.
    quanta, detectable = 730.0, (photons + electrons) / 730
    share, width = electrons / (photons + electrons), 0.02
    # Rounding to whole quanta adds 1/12.
    total_variance = detectable**2 * (0.03 * quanta + 1 / 12)
    total_variance += quanta * detectable * (1 - detectable)
    n = photons + electrons
    expected = (
        width**2 * (n**2 + total_variance)
        + n * (share * (1 - share) - width**2)
        + share**2 * total_variance
    )
    assert joint.sum(axis=0) @ (number - mean) ** 2 == pytest.approx(expected, rel=1e-5)


def test_skew_normal_is_scipys():
    x, below = _skew_normal(2.25)
    law = stats.skewnorm(2.25)
    at = np.array([-2.0, -1.0, 0.0, 1.0, 2.0, 3.0])
    np.testing.assert_allclose(
        np.interp(at, x, below), law.cdf(law.mean() + law.std() * at), rtol=1e-4, atol=1e-7
    )


def test_area_distribution_is_a_compound_poisson(small_study):
    """A sum over every photoelectron, without the table."""
    areas = _tabulate_areas(50.0, 2000.0, 1.0, 0.4)
    for mean in (60.0, 300.0, 1500.0):
        edges = mean + np.sqrt(1.16 * mean) * np.linspace(-3, 4, 15)
        distribution = _area_distribution(areas, np.array([mean]), edges, np.sqrt(1.16))[0]
        pe = np.arange(1, 3000)
        exact = stats.poisson.pmf(pe, mean) @ stats.norm.cdf(
            (edges - pe[:, np.newaxis]) / (0.4 * np.sqrt(pe[:, np.newaxis]))
        )
        np.testing.assert_allclose(distribution, exact, atol=3e-6)
