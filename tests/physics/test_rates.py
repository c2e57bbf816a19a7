from itertools import product

import numpy as np
import pytest
from scipy.integrate import quad

import wimp
from zeptobarn.physics.halo import HALOS, Halo, earth_km_s, fastest_km_s
from zeptobarn.physics.rates import wimp_rate
from zeptobarn.study.checks import largest_energy_keV
from zeptobarn.support.config import read_yaml
from zeptobarn.templates.spectra import integrate, wimp_spectrum

SPINS = [f"SD_{nucleon}_{structure}" for nucleon in "np" for structure in ("central", "up", "low")]
ELASTIC = ["SI", *SPINS]
# Shares of the largest recoil energy; in the upper half only the tail of speeds is left.
SHARES = [0.001, 0.01, 0.1, 0.3, 0.6, 0.9, 0.97, 0.999]


def earth(halo):
    """Speed of the Earth (km/s), by wimprates."""
    wr, nu = wimp.wimprates()
    return wr.v_earth(v_0=halo.v0_km_s * nu.km / nu.s) / (nu.km / nu.s)


def slowest(energy_keV, mass_GeV, nucleus_GeV):
    """Speed (km/s) that a head-on collision needs: E = 2 μ² v²/m."""
    reduced = mass_GeV * nucleus_GeV / (mass_GeV + nucleus_GeV)
    return wimp.LIGHT_KM_S * (energy_keV * 1e-6 * nucleus_GeV / 2) ** 0.5 / reduced


def expected_rate(energy_keV, mass_GeV, interaction, halo):
    """Elastic rate at 1e-45 cm², per kg, day and keV: flux times cross section, integrated."""
    flux = wimp.particles_per_kg_day(mass_GeV, halo)
    v_earth = earth(halo)
    if interaction == "SI":
        kernel = wimp.coherent(energy_keV, mass_GeV)
        speed = slowest(energy_keV, mass_GeV, wimp.XENON_GEV)
        return 1e-45 * flux * kernel * wimp.mean_inverse_speed(speed, halo, v_earth)
    wr, _ = wimp.wimprates()
    _, nucleon, structure = interaction.split("_")
    total = 0.0
    for number, weight, spin, abundance in wimp.ISOTOPES:
        nucleus = weight * 0.93149410242
        function = wr.elastic_nr.structure_functions[number, nucleon, wimp.STRUCTURE[structure]]
        # Klos et al.: σ(E) dE = 4π μ_N² /(3 μ_p² (2J+1)) S(E) σ_p dE / E_max, E_max = 2 μ_N² v²/m.
        reduced = mass_GeV * nucleus / (mass_GeV + nucleus)
        proton = mass_GeV * wimp.PROTON_GEV / (mass_GeV + wimp.PROTON_GEV)
        at_zero = 4 * np.pi * reduced**2 / (3 * proton**2 * (2 * spin + 1))
        largest = 2e6 * reduced**2 / nucleus / wimp.LIGHT_KM_S**2  # keV at 1 km/s
        speed = slowest(energy_keV, mass_GeV, nucleus)
        total += (
            abundance * at_zero * float(function(energy_keV)) / largest
            * wimp.mean_inverse_speed(speed, halo, v_earth)
        )  # fmt: skip
    return 1e-45 * flux * total


@pytest.mark.parametrize("interaction", ELASTIC)
@pytest.mark.parametrize("mass", [1.0, 7.0, 50.0, 1000.0, 1e6])
def test_elastic_rates_are_an_average_over_the_galaxy(interaction, mass):
    """Down to next to nothing and up to the largest energy, within the tables."""
    halo = HALOS["baxter2021"]
    energies = np.array(SHARES) * largest_energy_keV(mass, "baxter2021", interaction)
    energies = energies[energies < 600] if interaction != "SI" else energies
    rates = wimp_rate(energies, mass, interaction, halo, 1e-45)
    expected = [expected_rate(energy, mass, interaction, halo) for energy in energies]
    assert min(expected) > 0
    np.testing.assert_allclose(rates, expected, rtol=1e-4)


@pytest.mark.parametrize("name", HALOS)
@pytest.mark.parametrize(
    ("mass", "interaction"),
    [(7, "SI"), (50, "SI"), (1000, "SI"), (0.5, "SI_bremsstrahlung"), (4, "SI_bremsstrahlung")],
)
def test_rates_of_wimprates_mended(mass, interaction, name):
    """Divided by what its distribution integrates to, and with the proton for its nucleon."""
    halo = HALOS[name]
    largest = largest_energy_keV(mass, name, interaction)
    energies = np.array([0.02, 0.1, 0.3, 0.6, 0.9]) * largest
    raw = wimp.rate_of_wimprates(energies, mass, interaction, halo)
    mended = raw / wimp.normalisation(halo) * wimp.nucleon_factor(mass)
    rates = wimp_rate(energies, mass, interaction, halo, 1e-45)
    np.testing.assert_allclose(rates, mended, rtol=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("mass", [0.5, 1.0, 4.0])
def test_migdal_rates_of_wimprates_mended(mass):
    halo = HALOS["baxter2021"]
    energies = np.array([0.1, 0.3, 0.6, 0.9]) * largest_energy_keV(mass, "baxter2021", "SI_migdal")
    raw = wimp.rate_of_wimprates(energies, mass, "SI_migdal", halo)
    mended = raw / wimp.normalisation(halo) * wimp.nucleon_factor(mass)
    rates = wimp_rate(energies, mass, "SI_migdal", halo, 1e-45)
    assert (mended > 0).all()
    np.testing.assert_allclose(rates, mended, rtol=2e-3)


@pytest.mark.parametrize(
    ("halo", "interaction", "ratio"),
    [
        ("baxter2021", "SI", 1.016),
        ("baxter2021", "SD_n_central", 1.031),
        ("xenon2017", "SI", 0.999),
        ("xenon2017", "SD_n_central", 1.0134),
    ],
)
def test_size_of_the_faults_of_wimprates(halo, interaction, ratio):
    """A release without them does not change our rates, but makes docs/model.md out of date."""
    energies = [0.5, 1.0, 2.0]
    raw = wimp.rate_of_wimprates(energies, 50, interaction, HALOS[halo])
    ratios = wimp_rate(energies, 50, interaction, HALOS[halo], 1e-45) / raw
    assert ratios == pytest.approx(ratio, abs=1e-3), (
        "wimprates's rates have changed: see Recoil spectra in docs/model.md"
    )


@pytest.mark.parametrize("energy", [0.3, 0.8, 1.5, 3.2])
def test_migdal_rate_is_an_integral_over_recoils(energy):
    """Elastic cross section × (speed of the nucleus)² × electrons, over speeds and recoils."""
    mass, halo, v_earth = 1.0, HALOS["baxter2021"], earth(HALOS["baxter2021"])
    table, shells = wimp.wimprates()[0].migdal.read_migdal_transitions("Xe")
    electrons_per_keV = 1e3 * sum(
        np.interp(1e3 * energy - binding, table["E"], table[shell], left=0.0)
        for shell, binding in shells.items()
        if shell[0] in "34"
    )
    assert electrons_per_keV > 0
    reduced = mass * wimp.XENON_GEV / (mass + wimp.XENON_GEV)
    # The inelastic collision: half of the momentum's range on each side of the middle.
    v_max = v_earth + halo.v_esc_km_s
    free = 1 - 2 * energy * 1e-6 / (reduced * (v_max / wimp.LIGHT_KM_S) ** 2)
    middle = reduced * v_max / wimp.LIGHT_KM_S  # momentum, GeV
    assert free > 0

    def inside(momentum):
        recoil = 1e6 * momentum**2 / (2 * wimp.XENON_GEV)  # keV
        speed = wimp.LIGHT_KM_S * (momentum / (2 * reduced) + energy * 1e-6 / momentum)
        electron_eV = 510998.95 * momentum / wimp.XENON_GEV  # m_e times the nucleus's speed
        elastic = wimp.coherent(recoil, mass) * wimp.mean_inverse_speed(speed, halo, v_earth)
        return elastic * electron_eV**2 / (2 * np.pi) * 1e6 * momentum / wimp.XENON_GEV

    ends = [middle * (1 - free**0.5), middle * (1 + free**0.5)]
    integral = quad(inside, *ends, epsabs=0, epsrel=1e-4)[0]
    expected = 1e-45 * wimp.particles_per_kg_day(mass, halo) * integral * electrons_per_keV
    rate = wimp_rate([energy], mass, "SI_migdal", halo, 1e-45)
    assert rate == pytest.approx(expected, rel=5e-4, abs=0)


def every_interaction():
    schema = read_yaml("config/schemas/config.schema.yaml")
    return schema["properties"]["interactions"]["items"]["enum"]


@pytest.mark.parametrize("interaction", every_interaction())
def test_every_interaction_has_a_spectrum(interaction):
    for mass in (1.5, 5.0):
        table = wimp_spectrum(mass, interaction).to_numpy()
        assert np.isfinite(table).all()
        assert (table[:, 1] >= 0).all()
        assert table[:, 1].any()


@pytest.mark.parametrize("nucleon", "np")
def test_structure_functions_are_ordered(nucleon):
    low, central, up = (
        wimp_rate([1.0, 10.0, 50.0], 100, f"SD_{nucleon}_{band}", HALOS["xenon2017"], 1e-45)
        for band in ("low", "central", "up")
    )
    assert (low < central).all()
    assert (central < up).all()


@pytest.mark.parametrize("interaction", ["SI", "SD_n_central", "SI_migdal", "SI_bremsstrahlung"])
@pytest.mark.parametrize("mass", [2.0, 5.0, 150.0])
def test_spectra_reach_to_the_last_recoil(interaction, mass):
    """The grid ends where the rate does, also with a fast halo: nothing is cut, nothing beyond."""
    name = "baxter2021"
    last = largest_energy_keV(mass, name, interaction)
    below, above = wimp_rate(
        [last * (1 - 1e-3), last * (1 + 1e-9)], mass, interaction, HALOS[name], 1e-45
    )
    if not interaction.endswith(
        "migdal"
    ):  # at 1 ‰ from the end a shell's electrons are few, not none
        assert below > 0
    assert above == 0
    assert wimp_spectrum(mass, interaction)["recoil_energy_keV"].iloc[-1] == pytest.approx(last)


def test_a_fast_halo_is_not_cut_short(monkeypatch):
    fast = Halo(v0_km_s=300, v_esc_km_s=544, rho_GeV_cm3=0.3)
    monkeypatch.setitem(HALOS, "fast", fast)
    spectrum = wimp_spectrum(50, halo="fast")
    energy, rate = spectrum.to_numpy().T
    assert energy[-1] == pytest.approx(
        largest_energy_keV(50, "baxter2021")
        * (fastest_km_s(fast) / fastest_km_s(HALOS["baxter2021"])) ** 2
    )
    assert rate[-2] > 0
    at = energy[-5]
    speed = slowest(at, 50, wimp.XENON_GEV)
    assert 544 + 252.2 < speed < 544 + earth_km_s(fast)  # beyond what v0 = 238 km/s allows
    assert rate[-5] == pytest.approx(expected_rate(at, 50, "SI", fast), rel=1e-3, abs=0)


@pytest.mark.parametrize(
    ("interaction", "mass"),
    [
        *product(["SI", "SD_p_central"], [2.0, 7.0, 50.0, 1000.0]),
        *product(["SI_migdal", "SI_bremsstrahlung"], [0.5, 1.0, 5.0]),
    ],
)
def test_the_grid_keeps_the_rate(interaction, mass):
    """Its integrals are those of the rate itself, across shells and near the largest energy."""
    halo = HALOS["baxter2021"]
    last = largest_energy_keV(mass, "baxter2021", interaction)
    end = min(last, 590.0) if interaction.startswith("SD") else last  # the tables end at 600 keV
    table = wimp_spectrum(mass, interaction)
    edges = np.geomspace(0.06, end, 6001)
    middle = np.sqrt(edges[:-1] * edges[1:])
    rates = wimp_rate(middle, mass, interaction, halo, 1e-45) * np.diff(edges)
    for first in (0, 2000, 5000):
        total = integrate(table, [edges[first], end])[0]
        assert total == pytest.approx(rates[first:].sum(), rel=2e-3, abs=0)
