"""The dark-matter halo: how fast WIMPs pass the Earth, and what a collision at a speed leaves.

In the galaxy WIMP velocities follow a Maxwell distribution, exp(−v²/v0²), that ends at the escape
velocity; we move through it with the Earth (Lewin and Smith, Astropart. Phys. 6 (1996) 87).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True)
class Halo:
    """Standard halo: speed of the local standard of rest, escape velocity, and local density."""

    v0_km_s: float
    v_esc_km_s: float
    rho_GeV_cm3: float


# xenon2017: XENON1T's papers; baxter2021: EPJC 81 (2021) 907.
HALOS: Mapping[str, Halo] = {
    "xenon2017": Halo(v0_km_s=220, v_esc_km_s=544, rho_GeV_cm3=0.3),
    "baxter2021": Halo(v0_km_s=238, v_esc_km_s=544, rho_GeV_cm3=0.3),
}

# GeV/c² (CODATA 2022).
ATOMIC_MASS_UNIT_GEV = 0.93149410372
# Mean atomic weight of xenon, and masses of the isotopes with a spin, 129Xe and 131Xe.
XENON_U = 131.293
XENON_WITH_SPIN_U = (128.9047794, 130.9050824)

_LIGHT_KM_S = 299792.458  # by the definition of the metre
# In galactic coordinates: velocity of the Sun against the local standard of rest (km/s; EPJC 81
# (2021) 907), and directions in which the Earth moves around it at the vernal equinox and a quarter
# of a year later, with its speed (Freese, Lisanti and Savage, RMP 85 (2013) 1561).
_SUN_KM_S = np.array([11.1, 12.2, 7.3])
_AT_EQUINOX = np.array([0.9931, 0.1170, -0.01032])
_AFTER_A_QUARTER = np.array([-0.0670, 0.4927, -0.8676])
_ORBIT_KM_S = 29.8
# Days from 29 February to the equinox.
_BEFORE_EQUINOX_DAYS = 20.13


def earth_km_s(halo: Halo) -> float:
    """Mean speed (km/s) of the Earth through a halo.

    It is that of 29 February, when the Earth's speed is close to its mean over the year.

    Examples
    --------
    >>> round(earth_km_s(HALOS["baxter2021"]), 2)
    252.13
    """
    phase = 2 * np.pi * -_BEFORE_EQUINOX_DAYS / 365.25
    orbit = _ORBIT_KM_S * (_AT_EQUINOX * np.cos(phase) + _AFTER_A_QUARTER * np.sin(phase))
    return float(np.linalg.norm(np.array([0, halo.v0_km_s, 0]) + _SUN_KM_S + orbit))


def fastest_km_s(halo: Halo) -> float:
    """Largest speed (km/s) of a WIMP on the Earth: escape velocity plus that of the Earth."""
    return halo.v_esc_km_s + earth_km_s(halo)


def mean_inverse_speed(slowest_km_s: ArrayLike, halo: Halo) -> NDArray[np.float64]:
    """Mean of 1/v over the WIMPs that pass the Earth faster than a speed, ∫ f(v)/v dv above it.

    The distribution f is normalised: its integral is 1, which is also the integral of this
    function over all speeds. In closed form, with every speed in units of v0, z the escape
    velocity, y the Earth's speed and x the slowest speed::

        [erf(a) − erf(b) − 2 (a − b) exp(−z²)/√π] / (2 y N)
        a = min(x + y, z), b = max(x − y, −z), N = erf(z) − 2 z exp(−z²)/√π

    (Savage, Freese and Gondolo, PRD 74 (2006) 043531, their three cases written as one.)

    Parameters
    ----------
    slowest_km_s
        Speeds (km/s), any shape.
    halo
        The halo.

    Returns
    -------
    s/km, of the same shape; zero from the largest speed on.

    Examples
    --------
    >>> mean_inverse_speed([0.0, 300.0, 800.0], HALOS["baxter2021"]).round(6).tolist()
    [0.003461, 0.001535, 0.0]
    """
    z, y = halo.v_esc_km_s / halo.v0_km_s, earth_km_s(halo) / halo.v0_km_s
    x = np.asarray(slowest_km_s, dtype=float) / halo.v0_km_s
    end = 2 / np.sqrt(np.pi) * np.exp(-(z**2))
    upper, lower = np.minimum(x + y, z), np.maximum(x - y, -z)
    inside = scipy.special.erf(upper) - scipy.special.erf(lower) - end * (upper - lower)
    mean = inside / (2 * y * (scipy.special.erf(z) - end * z) * halo.v0_km_s)
    return np.where(x < z + y, np.maximum(mean, 0.0), 0.0)


def slowest_km_s(
    recoil_keV: ArrayLike, mass_GeV: float, nucleus_GeV: float, excitation_keV: ArrayLike = 0.0
) -> NDArray[np.float64]:
    """Least speed (km/s) at which a WIMP gives a nucleus an energy, and the atom an excitation.

    √(m E/2)/μ + w/√(2 m E), with m the mass of the nucleus, μ its reduced mass with the WIMP, E
    the recoil energy and w the excitation (Ibe et al., JHEP 03 (2018) 194).

    Examples
    --------
    >>> slowest_km_s(10.0, 50.0, 122.3).round(1).tolist()
    208.9
    """
    momentum = np.sqrt(2e-6 * nucleus_GeV * np.asarray(recoil_keV, dtype=float))  # GeV
    speed = momentum / (2 * reduced_GeV(mass_GeV, nucleus_GeV)) + (
        1e-6 * np.asarray(excitation_keV, dtype=float) / momentum
    )
    return np.asarray(_LIGHT_KM_S * speed)


def available_keV(mass_GeV: float, nucleus_GeV: float, speed_km_s: float) -> float:
    """Energy (keV) of a collision that can go into an excitation, μ v²/2."""
    return 0.5e6 * reduced_GeV(mass_GeV, nucleus_GeV) * (speed_km_s / _LIGHT_KM_S) ** 2


def reduced_GeV(mass_GeV: float, other_GeV: float) -> float:
    """Reduced mass (GeV/c²) of two masses (GeV/c²)."""
    return mass_GeV * other_GeV / (mass_GeV + other_GeV)
