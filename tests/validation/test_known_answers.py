"""Numbers of MODEL.md and of the papers behind it."""

import dataclasses

import numpy as np
import pytest

from counting import ONE_SIDED_90, counting_limit, counting_structure
from zeptobarn.inference.asymptotics import asymptotic
from zeptobarn.inference.load import make_model
from zeptobarn.inference.problem import Data, Problem, fits_at
from zeptobarn.physics.yields import mean_yields
from zeptobarn.study.settings import Interval
from zeptobarn.templates.building import events_per_rate, fold
from zeptobarn.templates.spectra import integrate, read_spectrum, spectrum, wimp_spectrum
from zeptobarn.templates.toys import throw

TONNE_YEAR = 1000 * 365.25


@pytest.mark.parametrize(("energy", "rate"), [(1, 32.98), (10, 14.24), (30, 1.738)])
def test_wimp_rate(energy, rate):
    """The mended rates; wimprates 0.5.0 itself gives 33.02, 14.26, 1.740."""
    table = wimp_spectrum(50, "SI", "xenon2017")
    per_kg_day_keV = np.interp(energy, table["recoil_energy_keV"], table["rate_per_kg_day_keV"])
    assert per_kg_day_keV * TONNE_YEAR == pytest.approx(rate, rel=1e-3)


@pytest.mark.parametrize(
    ("component", "threshold", "events", "tolerance"),
    [("8b", 1, 95.9, 0.01), ("8b", 2, 4.8, 0.01), ("atm", 5, 0.0427, 0.01)],
)
def test_cevns_rate(component, threshold, events, tolerance):
    table = read_spectrum(f"resources/spectra/cevns_{component}.csv")
    per_kg_day = integrate(table, [threshold, 60])[0] * TONNE_YEAR
    assert per_kg_day == pytest.approx(events, rel=tolerance)


@pytest.mark.parametrize(
    ("field", "photons", "electrons"), [(117, 77.69, 51.91), (310, 76.12, 53.50)]
)
def test_nr_yields(field, photons, electrons):
    yields = mean_yields("lenardo2015", 10.0, field)
    assert yields.photons == pytest.approx(photons, abs=0.006)
    assert yields.electrons == pytest.approx(electrons, abs=0.006)


@pytest.mark.parametrize(("energy", "charge_yield"), [(5, 32.51), (10, 25.53)])
def test_er_yields(energy, charge_yield):
    yields = mean_yields("er_polynomial", energy, 117)
    assert yields.electrons / energy == pytest.approx(charge_yield, abs=0.006)


@pytest.fixture(scope="module")
def xenon_halo(small_study):
    return dataclasses.replace(small_study, halo="xenon2017")


@pytest.mark.parametrize(
    ("source", "events"), [("er", 62.1), ("neutrons", 0.0585), ("wimp_SI_50GeV", 18.3)]
)
def test_expected_events_in_xenon1t(xenon_halo, small_responses, small_templates, source, events):
    if source.startswith("wimp"):
        response = small_responses["xenon1t"]["nr"]["leff_0"]
        template = fold(
            spectrum(xenon_halo, source),
            {"leff_0": response},
            {"leff_0": {}},
            events_per_rate(xenon_halo, "xenon1t", source),
        )
    else:
        template = small_templates["xenon1t"][source]
    assert template.nominal.sum() == pytest.approx(events, rel=0.03)


def test_neutron_acceptance(small_study, small_templates):
    """38 % of recoils above 1 keV pass."""
    table = spectrum(small_study, "neutrons_xenon1t")
    recoils = integrate(table, [1, 100])[0] * 34.2 * 1042
    share = small_templates["xenon1t"]["neutrons"].nominal.sum() / recoils
    assert share == pytest.approx(0.38, rel=0.03)


def test_7_GeV_acceptance(small_study, small_templates):
    """2.5e-3 of the recoils above 1 keV, 7e-4 of all (v0 = 238 km/s)."""
    table = spectrum(small_study, "wimp_SI_7GeV")
    events = small_templates["xenon1t"]["wimp_SI_7GeV"].nominal.sum() / (34.2 * 1042)
    assert events / integrate(table, [1, 10])[0] == pytest.approx(2.5e-3, rel=0.03)
    assert events / integrate(table, [0, 10])[0] == pytest.approx(7e-4, rel=0.06)


@pytest.mark.parametrize(
    ("n", "b", "b_width", "critical", "limit"),
    [
        (0, 2.0, None, None, 0.821),
        (0, 2.0, None, 2.7055, 1.353),
        (3, 1.0, None, None, 4.798),
        (3, 1.0, None, 2.7055, 5.814),
        (10, 5.0, 1.0, None, 9.77),
        (10, 5.0, 1.0, 2.7055, 11.33),
    ],
)
def test_counting_experiments(n, b, b_width, critical, limit):
    """Asymptotic upper limits; 1.6424 is the one-sided cut, 2.7055 the two-sided one."""
    table = ONE_SIDED_90 if critical is None else [[0.0, critical]]
    assert counting_limit(n, b, b_width, table).limit == pytest.approx(limit, abs=0.006)


def counting_problem(b):
    return Problem(counting_structure(b), (), np.array([1.0]), np.array([0, 1]), 1.0, "")


@pytest.mark.parametrize(("n", "limit"), [(0, 1.752), (3, 4.989)])
def test_asymptotic_cls(n, limit):
    critical = asymptotic(counting_problem(1.0), Interval("cls", {}, (), "upper", True), 0.9)
    assert counting_limit(n, 1.0, critical=critical).limit == pytest.approx(limit, abs=1e-3)


def test_discovery():
    """Five events over one: Z = 2.845."""
    ones = np.ones((1, 1))
    data = Data(np.array([0]), np.array([5.0]), np.array([[0, 1]]), ones, {})
    best, fits = fits_at(counting_problem(1.0), data, np.zeros(1))
    assert best[0] == pytest.approx(4.0, abs=1e-3)
    assert fits[0, 0, 0] ** 0.5 == pytest.approx(2.845, abs=1e-3)


@pytest.fixture(scope="module")
def toys(small_study, small_templates):
    return throw(small_study, "xenon1t", small_templates["xenon1t"], range(1, 31))


def test_limit_in_cm2_does_not_depend_on_the_reference(small_study, small_templates, toys):
    templates = dict(small_templates["xenon1t"])
    expected = make_model(small_study, "xenon1t", 10, "SI", {"xenon1t": templates}).limits(toys)
    study = dataclasses.replace(small_study, reference_cross_section_cm2=1.0e-47)
    signal = templates["wimp_SI_10GeV"]
    templates["wimp_SI_10GeV"] = dataclasses.replace(
        signal, expected=signal.expected * 0.01, variance=signal.variance * 1e-4
    )
    limits = make_model(study, "xenon1t", 10, "SI", {"xenon1t": templates}).limits(toys)
    np.testing.assert_allclose(limits["limit_cm2"], expected["limit_cm2"], rtol=1e-6)
    np.testing.assert_allclose(
        limits["limit_rate_multiplier"], 100 * expected["limit_rate_multiplier"], rtol=1e-6
    )


def test_rates_are_linear_in_the_exposure(small_study):
    detector = small_study.detectors["xenon1t"]
    doubled = dataclasses.replace(detector, livetime_day=2 * detector.livetime_day)
    study = dataclasses.replace(small_study, detectors={"xenon1t": doubled})
    for source in ("er", "wimp_SI_50GeV"):
        assert events_per_rate(study, "xenon1t", source) == pytest.approx(
            2 * events_per_rate(small_study, "xenon1t", source), rel=1e-12
        )


def test_without_events_the_limit_is_a_number_of_signal_events(small_study, small_templates):
    """0.821 of them, half the critical value, whatever the exposure."""
    import pandas as pd

    nothing = pd.DataFrame({"cs1": [], "cs2": []})
    model = make_model(small_study, "xenon1t", 50, "SI", small_templates)
    limit = model.limit(nothing, "leff_nominal")
    assert limit.rate_multiplier * model.signal_events == pytest.approx(0.821, abs=5e-4)


def test_halving_the_energy_bins_keeps_the_7_GeV_acceptance(small_study, small_responses):
    """The default bins, with the detector's acceptance from the coarse response."""
    from zeptobarn.templates.response import energy_edges

    response = small_responses["xenon1t"]["nr"]["leff_0"]
    middle = np.sqrt(response.energy_edges_keV[1:] * response.energy_edges_keV[:-1])
    table = spectrum(small_study, "wimp_SI_7GeV")

    def acceptance(width):
        """Exact recoils per bin, acceptance averaged uniformly over each bin."""
        edges = energy_edges(1, 150, width)
        fine = np.linspace(edges[:-1], edges[1:], 41)
        seen = np.exp(np.interp(np.log(fine), np.log(middle), np.log(response.acceptance + 1e-12)))
        return integrate(table, edges) @ seen.mean(axis=0)

    assert acceptance(0.0125) == pytest.approx(acceptance(0.00625), rel=1e-3)
