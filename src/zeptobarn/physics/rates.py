"""Rates of WIMPs in xenon, from the halo's mean inverse speed and the nucleus's response.

For a cross section that falls with the speed as 1/v², as all of these do, the rate is

    dR/dE = ρ σ / (2 m_χ μ²) · Σ response(E) · ∫ f(v)/v dv,

with ρ the density of dark matter, m_χ the WIMP's mass, σ its cross section on a nucleon, and μ its
reduced mass with the nucleon (Lewin and Smith, Astropart. Phys. 6 (1996) 87). The nucleon is the
proton for every interaction. Structure functions, electron probabilities and atomic form factors
are tables that wimprates brings along. Its own rates are not used: version 0.5.0 multiplies the
distribution of speeds by its normalisation, in place of dividing, takes the atomic mass unit for
the nucleon of SI, and for SD compares both isotopes with the speeds of the mean nucleus.
"""

import warnings
from typing import Any

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from zeptobarn.physics.halo import (
    ATOMIC_MASS_UNIT_GEV,
    XENON_U,
    Halo,
    available_keV,
    fastest_km_s,
    mean_inverse_speed,
    reduced_GeV,
    slowest_km_s,
)

_XENON_GEV = XENON_U * ATOMIC_MASS_UNIT_GEV

# Ends of wimprates' names of the structure functions.
_STRUCTURE = {"central": "central", "up": "up", "low": "down"}
# Principal quantum numbers whose electrons count in the Migdal effect: the valence shell of an
# atom is another one in the liquid, and the inner two add next to nothing.
_SHELLS = ("3", "4")
# Recoil energies in the integral over them.
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(64)


def wimp_rate(
    energies_keV: ArrayLike,
    mass_GeV: float,
    interaction: str,
    halo: Halo,
    cross_section_cm2: float,
) -> NDArray[np.float64]:
    """Differential rate of a WIMP in xenon.

    Parameters
    ----------
    energies_keV
        Energies above 0 (keV), shape (n,): of the nucleus, or with the Migdal effect and
        bremsstrahlung of the electron with its shell, or of the photon.
    mass_GeV
        WIMP mass (GeV/c²).
    interaction
        See `zeptobarn.templates.spectra.wimp_spectrum`.
    halo
        The halo.
    cross_section_cm2
        Cross section of the WIMP on a nucleon (cm²).

    Returns
    -------
    Rates (events/(kg day keV)), shape (n,).
    """
    energies = np.asarray(energies_keV, dtype=float)
    if interaction == "SI":
        speeds = slowest_km_s(energies, mass_GeV, _XENON_GEV)
        response = _coherent(energies) * mean_inverse_speed(speeds, halo)
    elif interaction.startswith("SD_"):
        _, nucleon, structure = interaction.split("_")
        response = _spin_dependent(energies, mass_GeV, nucleon, structure, halo)
    else:
        share = _migdal if interaction == "SI_migdal" else _bremsstrahlung
        response = share(energies) * _recoil_energy(energies, mass_GeV, halo)
    reduced = reduced_GeV(mass_GeV, _rest_energy_GeV(scipy.constants.m_p))
    scale = halo.rho_GeV_cm3 * cross_section_cm2 / (2 * mass_GeV * reduced**2)
    # Per cm² GeV² and s/km → per kg, day and keV; the first factor is c in cm/s, squared.
    units = (1e2 * scipy.constants.c) ** 2 * 1e-5 * _rest_energy_GeV(1.0) * scipy.constants.day
    return np.asarray(1e-6 * units * scale * response)


def _rest_energy_GeV(mass_kg: float) -> float:
    return float(mass_kg * scipy.constants.c**2 / (1e9 * scipy.constants.e))


def _coherent(recoil_keV: NDArray[np.float64]) -> NDArray[np.float64]:
    """A² F²(E) with Helm's form factor and the radii of Lewin and Smith (their section 4)."""
    skin, diffuseness, half = 0.9, 0.52, 1.23 * XENON_U ** (1 / 3) - 0.60  # fm
    radius = np.sqrt(half**2 + 7 / 3 * np.pi**2 * diffuseness**2 - 5 * skin**2)
    hbar_c = 1e6 * scipy.constants.hbar * scipy.constants.c / scipy.constants.e  # GeV fm
    q = np.sqrt(2e-6 * _XENON_GEV * recoil_keV) / hbar_c  # 1/fm
    factor = 3 * scipy.special.spherical_jn(1, q * radius) / (q * radius)
    return np.asarray((XENON_U * factor) ** 2 * np.exp(-((q * skin) ** 2)))


def _spin_dependent(
    recoil_keV: NDArray[np.float64], mass_GeV: float, nucleon: str, structure: str, halo: Halo
) -> NDArray[np.float64]:
    """Response times mean inverse speed (s/km), 129Xe and 131Xe, each at its own speeds.

    The structure functions are those of Klos et al., PRD 88 (2013) 083516; their tables end at
    600 keV, and with them the rate.
    """
    table = _wimprates().elastic_nr
    total = np.zeros_like(recoil_keV)
    for number, weight_u, spin, abundance in table.spin_isotopes:
        function = table.structure_functions[number, nucleon, _STRUCTURE[structure]]
        speeds = slowest_km_s(recoil_keV, mass_GeV, weight_u * ATOMIC_MASS_UNIT_GEV)
        response = abundance * weight_u / XENON_U * 4 * np.pi / (3 * (2 * spin + 1))
        total += response * function(recoil_keV) * mean_inverse_speed(speeds, halo)
    return total


def _recoil_energy(
    excitation_keV: NDArray[np.float64], mass_GeV: float, halo: Halo
) -> NDArray[np.float64]:
    """Integrate E × A² F²(E) × mean inverse speed (keV² s/km) over the nucleus's recoil energy E.

    Both inelastic processes have a probability that is proportional to E. The integral runs over
    √E, between the roots of the least speed being the largest speed there is.
    """
    reduced, fastest = reduced_GeV(mass_GeV, _XENON_GEV), fastest_km_s(halo)
    free = 1 - excitation_keV / available_keV(mass_GeV, _XENON_GEV, fastest)
    spread = np.sqrt(np.maximum(free, 0.0))[:, None]
    middle = np.sqrt(reduced / _XENON_GEV * available_keV(mass_GeV, _XENON_GEV, fastest))
    root = middle * (1 + spread * _NODES)
    recoil = root**2
    speeds = slowest_km_s(recoil, mass_GeV, _XENON_GEV, excitation_keV[:, None])
    inside = recoil * _coherent(recoil) * mean_inverse_speed(speeds, halo)
    return np.asarray((2 * root * inside) @ _WEIGHTS * middle * spread[:, 0])


def _migdal(energies_keV: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probability per keV of recoil energy that an electron leaves with an energy (1/keV²).

    The electron sees the nucleus jump to a speed v: dp/dE is (m_e v)²/2π times the tables of Ibe
    et al., JHEP 03 (2018) 194, which hold it at a momentum of 1 eV. The shell's binding energy
    comes out with the electron's own.
    """
    table, binding_eV = _wimprates().migdal.read_migdal_transitions("Xe")
    probability = sum(
        np.interp(1e3 * energies_keV - binding, table["E"], table[shell], left=0.0, right=0.0)
        for shell, binding in binding_eV.items()
        if shell.startswith(_SHELLS)
    )
    electron_eV = 1e9 * _rest_energy_GeV(scipy.constants.m_e)
    momentum2_eV2 = 2e-6 / _XENON_GEV * electron_eV**2  # at a recoil of 1 keV
    return np.asarray(1e3 * probability * momentum2_eV2 / (2 * np.pi))


def _bremsstrahlung(energies_keV: NDArray[np.float64]) -> NDArray[np.float64]:
    """Probability per keV of recoil energy of a photon (1/keV²), with the atomic form factor.

    Kouvaris and Pradler, PRL 118 (2017) 031803, their equation 8.
    """
    table = _wimprates().bremsstrahlung
    factor2 = table.f1(energies_keV) ** 2 + table.f2(energies_keV) ** 2
    return np.asarray(
        4e-6 * scipy.constants.alpha / (3 * np.pi * _XENON_GEV) * factor2 / energies_keV
    )


def _wimprates() -> Any:
    """Import wimprates for its tables, without its warning about parameters that are not used."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Default WIMP parameters", UserWarning)
        import wimprates
    return wimprates
