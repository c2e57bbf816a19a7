"""Curves of efficiencies from tables."""

import re

import numpy as np
import pytest

from zeptobarn.physics.detector import load_detector
from zeptobarn.physics.efficiency import (
    Efficiency,
    over_bins,
    product,
    read_efficiency,
    with_photon_efficiency,
)
from zeptobarn.support.config import ConfigError

BAND = Efficiency("e", "cs1", None, (0.0, 10.0), (0.5, 0.9), (0.4, 0.6), (0.6, 1.0))


def test_a_curve_is_linear_and_its_pull_moves_it():
    assert BAND.curve()([0, 5, 10]) == pytest.approx([0.5, 0.7, 0.9])
    assert BAND.curve(1)([0, 5, 10]) == pytest.approx([0.6, 0.8, 1.0])
    assert BAND.curve(-1)([0, 5, 10]) == pytest.approx([0.4, 0.5, 0.6])
    assert BAND.curve(-0.5)([0, 10]) == pytest.approx([0.45, 0.75])
    # Never outside 0 … 1.
    assert BAND.curve(3)([0, 10]) == pytest.approx([0.8, 1.0])
    assert BAND.curve(-4)([0, 10]) == pytest.approx([0.1, 0.0])


def test_averages_over_bins():
    edges = np.array([1.0, 2.0, 4.0, 10.0])
    flat = over_bins(BAND.curve(), edges, logarithmic=False)
    assert flat == pytest.approx(BAND.curve()((edges[1:] + edges[:-1]) / 2), rel=1e-9)
    # Evenly in the logarithm: the mean of x is its width over that of ln x.
    mean = np.diff(edges) / np.diff(np.log(edges))
    logarithmic = over_bins(BAND.curve(), edges, logarithmic=True)
    assert logarithmic == pytest.approx(0.5 + 0.04 * mean, rel=1e-4)


def test_product():
    assert product([])(np.ones(3)) == pytest.approx([1, 1, 1])
    assert product([BAND.curve(), BAND.curve(1)])(5.0) == pytest.approx(0.56)


def test_photons_multiply_the_peak_efficiency():
    apparatus = load_detector("xenon1t").apparatus
    curve = Efficiency("p", "detected_photons", "nr", (0.0, 4.0, 30.0), (0.0, 0.8, 1.0))
    changed = with_photon_efficiency(apparatus, "nr", [curve], {})
    assert with_photon_efficiency(apparatus, "er", [curve], {}) is apparatus
    peak = apparatus.s1_peak_efficiency
    assert changed.s1_peak_efficiency[3] == pytest.approx(0.6 * peak[3])
    assert changed.s1_peak_efficiency[10] == pytest.approx((0.8 + 0.2 * 6 / 26) * peak[10])
    assert (len(changed.s1_peak_efficiency), changed.s1_peak_efficiency[-1]) == (31, 1.0)


HEADER = "recoil_energy_keV,efficiency"
WIDE = f"{HEADER},efficiency_low,efficiency_high"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (f"{HEADER}\n1,0.5\n", "found 1 rows; allowed: at least 2"),
        (f"{HEADER}\n1,0.5\n2,1.1\n", r"row 3: found .*1\.1; allowed: efficiencies from 0 to 1"),
        (f"{HEADER}\n1,50\n2,60\n", r"row 2: .*not in per cent"),
        (f"{HEADER}\n1,-0.1\n2,0.5\n", "row 2: .*efficiencies from 0 to 1"),
        (f"{HEADER}\n1,0.5\n1,0.6\n", "row 3: .*recoil_energy_keV of at least 0, increasing"),
        (f"{HEADER}\n-1,0.5\n1,0.6\n", "row 2: .*of at least 0, increasing"),
        (f"{HEADER}\n1,0.5\n2,\n", "row 3: .*finite numbers"),
        (f"{WIDE}\n1,0.5,0.6,0.7\n2,0.5,0.4,0.6\n", "row 2: .*a low and a high curve beside it"),
        (f"{WIDE}\n1,0.5,0.4,1.2\n2,0.5,0.4,0.6\n", "row 2: .*efficiencies from 0 to 1"),
        ("energy,efficiency\n1,0.5\n2,0.5\n", "needed: 'recoil_energy_keV', 'efficiency', once"),
        (f"{HEADER},efficiency_low\n1,0.5,0.4\n2,0.5,0.4\n", "needed: .*'efficiency_high'"),
    ],
)
def test_tables_that_are_wrong(tmp_path, text, problem):
    path = tmp_path / "e.csv"
    path.write_text(text)
    with pytest.raises(ConfigError, match=f"{re.escape(str(path))}: .*{problem}"):
        read_efficiency("e", "recoil_energy_keV", None, path)


@pytest.mark.parametrize(
    ("against", "recoil", "ends", "needed"),
    [
        ("recoil_energy_keV", "nr", (2, 200), "the response, 1 to 150 keV"),
        ("recoil_energy_keV", "nr", (1, 100), "the response, 1 to 150 keV"),
        ("recoil_energy_keV", "er", (0.2, 30), "the response, 0.18 to 30 keV"),
        ("cs1", None, (3, 60), "the analysis space, 3 to 70 PE"),
        ("cs2", None, (60, 8000), "the analysis space, 50 to 8000 PE"),
        ("detected_photons", None, (4, 9), "s1_coincidence"),
    ],
)
def test_nothing_is_extrapolated(tmp_path, against, recoil, ends, needed):
    (tmp_path / "e.csv").write_text(f"{against},efficiency\n{ends[0]},0.5\n{ends[1]},0.5\n")
    of = f", recoil: {recoil}" if recoil else ""
    path = tmp_path / "mine.yaml"
    path.write_text(f"base: xenon1t\nefficiencies:\n  e: {{against: {against}, path: e.csv{of}}}\n")
    with pytest.raises(ConfigError) as caught:
        load_detector(path)
    message = str(caught.value)
    assert message.startswith(f"{path}, line 3: efficiencies.e: ")
    assert f"{against} reaches from {ends[0]:g} to {ends[1]:g}; needed: {needed}" in message


def test_what_reaches_is_taken(tmp_path):
    (tmp_path / "e.csv").write_text("recoil_energy_keV,efficiency\n0.1,0.5\n150,0.9\n")
    (tmp_path / "p.csv").write_text("detected_photons,efficiency\n3,0.5\n9,0.9\n")
    path = tmp_path / "mine.yaml"
    path.write_text(
        "base: xenon1t\nefficiencies:\n"
        "  e: {against: recoil_energy_keV, path: e.csv}\n"
        "  p: {against: detected_photons, path: p.csv, recoil: er}\n"
    )
    energy, photons = load_detector(path).efficiencies
    assert energy.applies("nr")
    assert energy.applies("er")
    assert not energy.applies(None)
    assert not photons.applies("nr")
    assert (energy.low, energy.values) == ((), (0.5, 0.9))
    path.write_text("base: xenon1t\nefficiencies: {e: {against: cs1, path: nowhere.csv}}")
    with pytest.raises(ConfigError, match=r"line 2: efficiencies.e: no file nowhere.csv; looked"):
        load_detector(path)
