"""WIMP rates by other ways than the library's: averages over the galaxy, and wimprates."""

import warnings
from itertools import pairwise

import numpy as np
from scipy.integrate import quad

ISOTOPES = ((129, 128.9047794, 1 / 2, 0.26401), (131, 130.9050824, 3 / 2, 0.21232))
STRUCTURE = {"central": "central", "up": "up", "low": "down"}
LIGHT_KM_S = 299792.458
XENON_GEV = 131.293 * 0.93149410242
PROTON_GEV = 0.93827208816


def wimprates():
    """Give wimprates, quiet, and its units."""
    import numericalunits as nu

    nu.reset_units("SI")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Default WIMP parameters", UserWarning)
        import wimprates
    return wimprates, nu


def mean_inverse_speed(slowest, halo, earth):
    """Average (s/km) over speeds s in the galaxy and angles, both normalised by an integral.

    At each s the speeds v on the Earth lie between |s − earth| and s + earth, with a density v/(2
    s earth), so that the mean of 1/v over angles is the part of that range above the slowest
    over 2 s earth.
    """

    def weight(s):
        return s**2 * np.exp(-((s / halo.v0_km_s) ** 2))

    def inside(s):
        above = s + earth - max(abs(s - earth), slowest)
        return weight(s) * max(above, 0.0) / (2 * s * earth)

    end = halo.v_esc_km_s
    edges = sorted({0.0, end, *(x for x in (earth, abs(earth - slowest)) if 0 < x < end)})

    def integral(f, edges):
        return sum(quad(f, *ends, epsabs=0, epsrel=1e-10, limit=200)[0] for ends in pairwise(edges))

    return integral(inside, [max(e, 1e-9) for e in edges]) / integral(weight, [0.0, end])


def coherent(energy_keV, mass_GeV):
    """SI cross section (cm² per keV and (km/s)^-2) at 1 cm² on the proton, from wimprates.

    The nucleon that wimprates takes is read from its cross section, whatever it is.
    """
    wr, nu = wimprates()
    km_s, mass = nu.km / nu.s, mass_GeV * nu.GeV / nu.c0**2
    cross_section = wr.sigma_erec(energy_keV * nu.keV, 1 * km_s, mass, nu.cm**2, "SI")
    return cross_section * nu.keV / nu.cm**2 * nucleon_factor(mass_GeV)


def nucleon_factor(mass_GeV):
    """(μ of wimprates's nucleon / μ of the proton)², for SI."""
    wr, nu = wimprates()
    mass, speed, energy = mass_GeV * nu.GeV / nu.c0**2, 100 * nu.km / nu.s, nu.keV
    weight = wr.ATOMIC_WEIGHT["Xe"]
    whole = wr.sigma_erec(energy, speed, mass, 1.0, "SI") * wr.e_max(mass, speed, wr.mn("Xe"))
    whole /= weight**2 * wr.helm_form_factor_squared(energy, anucl=weight)
    return wr.mu_nucleus(mass, "Xe") ** 2 / wr.reduced_mass(mass, nu.mp) ** 2 / whole


def normalisation(halo):
    """Integral of wimprates's distribution of speeds."""
    wr, nu = wimprates()
    km_s = nu.km / nu.s
    earth = wr.v_earth(v_0=halo.v0_km_s * km_s) / km_s

    def density(v):
        return km_s * wr.observed_speed_dist(
            v * km_s, v_0=halo.v0_km_s * km_s, v_esc=halo.v_esc_km_s * km_s
        )

    edges = [1e-9, halo.v_esc_km_s - earth, halo.v_esc_km_s + earth]
    return sum(quad(density, *ends)[0] for ends in pairwise(edges))


def rate_of_wimprates(energies_keV, mass_GeV, interaction, halo):
    """wimprates's own rate (events/(kg day keV)) at 1e-45 cm², its integrals done precisely."""
    wr, nu = wimprates()
    mechanism = {"migdal": "migdal", "bremsstrahlung": "bremsstrahlung"}.get(
        interaction.split("_")[-1], "elastic_nr"
    )
    model = wr.StandardHaloModel(
        v_0=halo.v0_km_s * nu.km / nu.s,
        v_esc=halo.v_esc_km_s * nu.km / nu.s,
        rho_dm=halo.rho_GeV_cm3 * nu.GeV / nu.c0**2 / nu.cm**3,
    )
    return wr.rate_wimp(
        np.array(energies_keV) * nu.keV,
        mw=mass_GeV * nu.GeV / nu.c0**2,
        sigma_nucleon=1e-45 * nu.cm**2,
        interaction=interaction.removesuffix("_" + mechanism),
        detection_mechanism=mechanism,
        halo_model=model,
        **({} if mechanism == "migdal" else {"epsabs": 0, "epsrel": 1e-5}),
    ) * (nu.keV * nu.kg * nu.day)


def particles_per_kg_day(mass_GeV, halo, target_GeV=XENON_GEV):
    """Flux factor × nuclei: (1/(cm³)) (nuclei/kg) (s/day) (cm/km), so × cm² × km/s → 1/(kg day)."""
    nuclei_per_kg = 1 / (target_GeV * 1.78266192162790e-27)
    return halo.rho_GeV_cm3 / mass_GeV * nuclei_per_kg * 86400 * 1e5
