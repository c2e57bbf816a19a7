import dataclasses

import numpy as np
import pandas as pd
import pytest

from zeptobarn.physics import quadrature
from zeptobarn.templates.building import build, events_per_rate, recoils_per_bin
from zeptobarn.templates.response import energy_edges
from zeptobarn.templates.spectra import COLUMNS, integrate, spectrum


def test_recoils_per_bin_keep_number_and_mean_energy():
    """A falling spectrum in wide bins; in the first bin nothing can move below the cutoff."""
    energy = np.linspace(1, 12, 200)
    table = pd.DataFrame({COLUMNS[0]: energy, COLUMNS[1]: np.exp(-energy)})
    edges = np.geomspace(1, 20, 31)
    corrected, plain = recoils_per_bin(table, edges), integrate(table, edges)
    middle = (edges[1:] + edges[:-1]) / 2
    assert corrected.sum() == pytest.approx(plain.sum(), rel=1e-11, abs=0)
    assert (corrected >= 0).all()
    exact = integrate(table.assign(**{COLUMNS[1]: energy * np.exp(-energy)}), [1, 20])[0]
    off = [abs(rates @ middle / exact - 1) for rates in (corrected, plain)]
    assert off[0] < 0.3 * off[1]
    flat = table.assign(**{COLUMNS[1]: 1.0})
    # Only the bin that the spectrum ends in differs.
    last = np.searchsorted(edges, 12) - 1
    np.testing.assert_allclose(
        recoils_per_bin(flat, edges)[: last - 1], integrate(flat, edges)[: last - 1]
    )


def test_wide_energy_bins_are_as_good_as_narrow_ones(small_study):
    """A 10 GeV WIMP, whose spectrum falls by an e-fold per few bins."""
    detector = small_study.detectors["xenon1t"]
    table = spectrum(small_study, "wimp_SI_10GeV")
    folded = {}
    for width in (0.0125, 0.003):
        edges = energy_edges(3, 12, width)
        response = quadrature.response(detector.apparatus, "nr", detector.space, edges)
        folded[width] = recoils_per_bin(table, edges) @ response
        plain = integrate(table, edges) @ response
        if width == 0.0125:
            uncorrected = plain
    reference = folded[0.003]
    assert folded[0.0125].sum() == pytest.approx(reference.sum(), rel=2e-4)
    big = reference > 0.01 * reference.max()
    worst = [np.abs(t[big] / reference[big] - 1).max() for t in (folded[0.0125], uncorrected)]
    assert worst[0] < 5e-3 < 1e-2 < worst[1]


def test_background_does_not_depend_on_the_cross_section(small_study):
    assert events_per_rate(small_study, "lz", "er") == 5600 * 1000
    assert events_per_rate(small_study, "lz", "wimp_SI_7GeV") == 5600 * 1000


def test_template_of_a_formula_follows_the_exposure(small_study, small_templates):
    for detector, source, events in (
        ("xenon1t", "accidental", 0.22),
        ("xenon1t", "wall", 0.52),
        ("xenon1t", "anomalous", 0.09),
        ("lz", "surface", 0.39),
    ):
        template = small_templates[detector][source]
        assert template.shape_values == ({},)
        assert template.nominal.sum() == pytest.approx(events, rel=1e-5)
    detector = small_study.detectors["xenon1t"]
    longer = dataclasses.replace(
        small_study, detectors={"xenon1t": dataclasses.replace(detector, livetime_day=68.4)}
    )
    assert build(longer, "xenon1t", "wall", {}, {}).nominal.sum() == pytest.approx(1.04)


def test_an_er_template_has_one_anchor(small_templates):
    assert small_templates["xenon1t"]["er"].shape_values == ({},)
    assert len(small_templates["xenon1t"]["wimp_SI_50GeV"].shape_values) == 5


def test_more_light_more_events_at_low_mass(small_templates):
    sums = small_templates["lz"]["wimp_SI_7GeV"].expected.sum(axis=1)
    assert (np.diff(sums) > 0).all()
