import dataclasses

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zeptobarn.study.loading import load_study
from zeptobarn.support.config import ConfigError
from zeptobarn.templates.building import recoils_per_bin
from zeptobarn.templates.response import energy_edges
from zeptobarn.templates.spectra import (
    background_spectrum,
    check_rates,
    integrate,
    most_events,
    read_spectrum,
    spectrum,
    wimp_spectrum,
)


def table(energy, rate):
    return pd.DataFrame({"recoil_energy_keV": energy, "rate_per_kg_day_keV": rate})


def test_integral_of_an_exponential_is_exact():
    energy = np.array([1.0, 3.0, 20.0])
    integrals = integrate(table(energy, np.exp(-energy / 2)), [0, 1, 4, 30])
    expected = [0, 2 * (np.exp(-0.5) - np.exp(-2)), 2 * (np.exp(-2) - np.exp(-10))]
    np.testing.assert_allclose(integrals, expected, rtol=1e-12)


def test_integral_down_to_zero_is_linear():
    np.testing.assert_allclose(integrate(table([0, 2], [1.0, 0.0]), [0, 1, 2]), [0.75, 0.25])


@settings(max_examples=50, deadline=None)
@given(
    rates=st.lists(st.floats(0, 1e3), min_size=3, max_size=8),
    cut=st.floats(0.1, 0.9),
)
def test_integral_is_additive_and_positive(rates, cut):
    energies = np.arange(len(rates), dtype=float)
    whole = integrate(table(energies, rates), [energies[0], energies[-1]])
    parts = integrate(table(energies, rates), [energies[0], cut * energies[-1], energies[-1]])
    assert (parts >= 0).all()
    assert parts.sum() == pytest.approx(whole[0], rel=1e-9, abs=1e-12)


def test_wimp_grid_follows_the_mass():
    light, heavy = wimp_spectrum(7), wimp_spectrum(1000)
    assert 4.5 < light["recoil_energy_keV"].iloc[-1] < 5.5
    assert heavy["recoil_energy_keV"].iloc[-1] > 1000
    assert (light["rate_per_kg_day_keV"].iloc[:-3] > 0).all()
    # Half the steps: the rate above 1 keV is the same, for light WIMPs too.
    for full in (light, heavy):
        coarse = pd.concat([full.iloc[:-1:2], full.iloc[-1:]])
        fine, half = (integrate(t, [1.0, 2000.0])[0] for t in (full, coarse))
        assert half == pytest.approx(fine, rel=2e-3)


def test_wimp_without_recoils_is_refused():
    with pytest.raises(ConfigError, match=r"0\.3 GeV.*the rate above 0\.05 keV is zero"):
        wimp_spectrum(0.3)


def light(mechanism):
    """Electronic recoils of a WIMP of 0.5 GeV."""
    return wimp_spectrum(0.5, f"SI_{mechanism}")


@pytest.mark.parametrize("mechanism", ["migdal", "bremsstrahlung"])
def test_electronic_recoils_of_light_wimps(mechanism):
    """They end where all of the WIMP's kinetic energy is used, beyond the nucleus's recoils."""
    electronic = light(mechanism)
    energy, rate = (electronic[name].to_numpy() for name in electronic)
    assert energy[-1] == pytest.approx(1.757, rel=2e-3)
    assert (rate[(energy > 0.2) & (energy < 1.6)] > 0).all()
    # As a mean over a step, the rate below the largest energy is next to nothing.
    assert rate[-1] <= 1e-6 * rate.max()
    assert rate[energy > 1.62].max() < 1e-4 * rate.max()


def test_migdal_electrons_outnumber_bremsstrahlung():
    """By orders of magnitude: Ibe et al., JHEP 03 (2018) 194."""
    migdal, photons = (integrate(light(name), [0.5, 3])[0] for name in ("migdal", "bremsstrahlung"))
    assert 100 < migdal / photons < 1e5


def test_normalised_exponentials():
    settings_ = {
        "kind": "exponentials",
        "amplitudes_per_kg_day_keV": [2.0, 1.0],
        "scales_keV": [1.0, 10.0],
        "range_keV": [1, 100],
        "normalisation": {"recoils": 0.13, "range_keV": [6, 30], "exposure_kg_day": 100},
    }
    exponentials = background_spectrum(settings_)
    assert integrate(exponentials, [6, 30])[0] * 100 == pytest.approx(0.13, rel=1e-11, abs=0)
    assert exponentials["recoil_energy_keV"].iloc[0] == 1


def lines(*pairs, **others):
    rows = [{"energy_keV": energy, "rate_per_kg_day": rate} for energy, rate in pairs]
    return background_spectrum({"name": "n", "kind": "lines", "lines": rows, **others})


@settings(max_examples=50, deadline=None)
@given(
    pairs=st.lists(st.tuples(st.floats(0.01, 90), st.floats(1e-6, 10)), min_size=1, max_size=6),
    edges=st.lists(st.floats(0.005, 95), max_size=30),
    near=st.floats(-1.5e-4, 1.5e-4),
)
def test_lines_lose_nothing_wherever_energies_are_cut(pairs, edges, near):
    """Also where an edge goes through a line, and where lines are close to each other."""
    pairs = [*pairs, (pairs[0][0] * (1 + 1e-6), 0.5), (pairs[0][0], 0.25)]
    cut = np.sort([0.001, 100, *edges, *(energy * (1 + near) for energy, _ in pairs)])
    counts = integrate(lines(*pairs), cut)
    assert (counts >= 0).all()
    assert counts.sum() == pytest.approx(sum(rate for _, rate in pairs), rel=1e-12, abs=0)


def test_lines_fall_into_their_energy_bins():
    edges = energy_edges(0.1, 60.0, 0.0125)
    recoils = recoils_per_bin(lines((2.8224, 3e-4), (33.2, 2e-3)), edges)
    assert recoils.sum() == pytest.approx(2.3e-3, rel=1e-12, abs=0)
    middle = (edges[1:] + edges[:-1]) / 2
    for energy, rate in ((2.8224, 3e-4), (33.2, 2e-3)):
        near = np.abs(np.log(middle / energy)) < 0.1
        assert recoils[near].sum() == pytest.approx(rate, rel=1e-12, abs=0)
        assert np.count_nonzero(recoils[near]) <= 2
        # Its mean energy is that of the eighth of a bin that it lies in.
        mean = (recoils * middle)[near].sum() / rate
        assert mean == pytest.approx(energy, rel=0.05 / 16)


def test_lines_may_be_counted_in_a_range():
    norm = {"recoils": 30.0, "range_keV": [1, 4], "exposure_kg_day": 10.0}
    table = lines((2.8, 1.0), (5.2, 0.5), normalisation=norm)
    np.testing.assert_allclose(integrate(table, [1, 4, 6]), [3.0, 1.5], rtol=1e-12)


@pytest.mark.parametrize(
    ("settings", "highest_keV", "mean_keV"),
    [
        ({"kind": "beta", "isotope": "tritium"}, 18.592, 5.696),
        ({"kind": "beta", "isotope": "carbon14"}, 156.476, 49.39),
        ({"kind": "two_neutrino_double_beta"}, 2457.83, 887.3),
    ],
)
def test_decays_have_their_rate_and_their_mean_energy(settings, highest_keV, mean_keV):
    table = background_spectrum({"name": "n", "rate_per_kg_day": 0.3, **settings})
    assert table["recoil_energy_keV"].iloc[-1] == pytest.approx(highest_keV, rel=1e-12)
    edges = np.linspace(0, highest_keV, 20001)
    counts = integrate(table, edges)
    assert counts.sum() == pytest.approx(0.3, rel=1e-12, abs=0)
    mean = counts @ (edges[1:] + edges[:-1]) / 2 / 0.3
    assert mean == pytest.approx(mean_keV, rel=2e-4)
    counted = {"recoils": 8.0, "range_keV": [1, 10], "exposure_kg_day": 4.0}
    table = background_spectrum({"name": "n", "normalisation": counted, **settings})
    assert integrate(table, [1, 10])[0] == pytest.approx(2.0, rel=1e-12, abs=0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("energy,rate_per_kg_day_keV\n1,2\n2,3\n", "found columns 'energy.*needed: 'recoil_energy"),
        ("{e},{r}\n1,2\n", "found 1 rows; allowed: at least 2"),
        ("{e},{r}\n1,2\n2,-3\n", "row 3: rate_per_kg_day_keV is negative: found 2, -3"),
        ("{e},{r}\n2,2\n1,3\n", "row 3: recoil_energy_keV does not increase: found 1, 3"),
        ("{e},{r}\n-1,2\n1,3\n", "row 2: recoil_energy_keV is negative"),
        ("{e},{r}\n1,2\n2,x\n", "row 3: found recoil_energy_keV=2, rate.*=x; allowed: fin"),
        ("{e},{r}\n1,2,3\n2,3,4\n", "row 2: found 3 values; allowed: 2, one for each column"),
        ("{e},{r}\n1,2\n\n2,-3\n", "row 4: rate_per_kg_day_keV is negative: found 2, -3"),
        ("{e},{r},{r}\n1,2,3\n2,3,4\n", "found columns .*; allowed: each once"),
        ("{e},{r}\n1,0\n2,0\n", "the rate is zero everywhere"),
    ],
)
def test_bad_spectrum_files(tmp_path, text, message):
    path = tmp_path / "mine.csv"
    path.write_text(text.format(e="recoil_energy_keV", r="rate_per_kg_day_keV"))
    with pytest.raises(ConfigError, match=rf"mine\.csv: {message}"):
        read_spectrum(path)


def test_missing_spectrum_file(tmp_path):
    with pytest.raises(ConfigError, match=r"none\.csv: no such file"):
        read_spectrum(tmp_path / "none.csv")


def test_every_spectrum_of_the_study(small_study):
    for name in [*small_study.spectra(), *small_study.signals()]:
        tabulated = spectrum(small_study, name)
        assert (np.diff(tabulated["recoil_energy_keV"]) > 0).all()
        assert (tabulated["rate_per_kg_day_keV"] >= 0).all()


def with_er(**changes):
    """The default study with the electronic recoils of XENON1T changed, and its file's numbers."""
    study = load_study()
    detector = study.detectors["xenon1t"]
    sources = tuple(
        dataclasses.replace(s, **changes) if s.name == "er" else s for s in detector.sources
    )
    detectors = {**study.detectors, "xenon1t": dataclasses.replace(detector, sources=sources)}
    return dataclasses.replace(study, detectors=detectors)


def test_events_that_nobody_expects():
    """A rate per tonne and year in the key per kilogram and day, 365,000 times too many."""
    flat = {"kind": "flat", "name": "er", "range_keV": [0, 15]}
    wrong = with_er(spectrum={**flat, "rate_per_kg_day_keV": 365e3 * 2e-4})
    with pytest.raises(
        ConfigError, match=r"xenon1t.yaml: source er: found 3\.86e\+07 expected"
    ) as e:
        check_rates(wrong)
    for name in (
        "livetime_day = 34.2",
        "fiducial_mass_kg = 1042",
        "_per_trial = 100000",
    ):
        assert name in str(e.value)
    meant = dataclasses.replace(wrong, most_events_per_trial=1e8, trials_per_batch=1)
    check_rates(meant)
    with pytest.raises(ConfigError, match=r"trials_per_batch: found 500 trials in a job, with"):
        check_rates(dataclasses.replace(meant, trials_per_batch=500))
    with pytest.raises(ConfigError, match=r"xenon1t.yaml: source er: found inf expected"):
        check_rates(with_er(rate_multiplier=np.inf))


def test_expected_events_of_a_formula_and_a_flat_spectrum():
    detector = load_study().detectors["xenon1t"]
    assert most_events(detector, detector.source("wall")) == pytest.approx(0.52)
    flat = 1.98665e-4 * (15 - 0.18) * 34.2 * 1042
    assert most_events(detector, detector.source("er")) == pytest.approx(flat)


@pytest.mark.parametrize(
    ("scale", "amplitude", "recoils"), [(0.001, 1.0, 1.0), (1.0, 5e-324, 1.0), (1.0, 1.0, np.inf)]
)
def test_spectra_without_finite_rates(scale, amplitude, recoils):
    """What a normalisation divides by can be 0."""
    settings = {
        "name": "n",
        "kind": "exponentials",
        "amplitudes_per_kg_day_keV": [amplitude],
        "scales_keV": [scale],
        "range_keV": [1, 100],
        "normalisation": {"recoils": recoils, "range_keV": [60, 70], "exposure_kg_day": 1.0},
    }
    with pytest.raises(ConfigError, match=r"spectrum n: its numbers together make rates"):
        background_spectrum(settings)
