"""Yield models: recoil energy and drift field → mean photons and electrons, and their spread."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

# Mean quanta per keV if nothing is lost to heat (Lenardo et al., IEEE TNS 62 (2015) 3387).
QUANTA_PER_KEV = 73.0
# Variance of the number of quanta over its mean.
FANO = 0.03

_XENON_Z = 54

# Mean half-width of the band of the relative scintillation yield against energy (keV):
# XENON1T sensitivity paper, JCAP 04 (2016) 027; constant below 3 and above 50 keV.
_LEFF_ENERGY_KEV = (3.0, 4.0, 5.0, 7.0, 10.0, 15.0, 20.0, 30.0, 50.0)
_LEFF_WIDTH = (0.135, 0.113, 0.095, 0.075, 0.058, 0.065, 0.065, 0.062, 0.048)


@dataclass(frozen=True)
class Yields:
    """Mean quanta and their fluctuations; arrays have the shape of the energies asked for."""

    photons: NDArray[np.float64]
    electrons: NDArray[np.float64]
    electron_probability_width: float


def mean_yields(
    model: str,
    energies_keV: ArrayLike,
    field_V_per_cm: float,
    leff: float = 0.0,
    leff_low_energy: str = "constant",
) -> Yields:
    """Mean photons and electrons of recoils.

    Parameters
    ----------
    model
        ``lenardo2015`` (nuclear recoils) or ``er_polynomial`` (electronic recoils).
    energies_keV
        Recoil energies (keV).
    field_V_per_cm
        Drift field (V/cm).
    leff
        Relative scintillation yield of nuclear recoils, in standard deviations; multiplies
        the photons and leaves the electrons.
    leff_low_energy
        ``constant``: the 3 keV uncertainty below 3 keV; ``zero_below_2keV``: negative values
        mean no light below 2 keV.

    Examples
    --------
    >>> y = mean_yields("lenardo2015", 10.0, 117)
    >>> round(float(y.photons), 2), round(float(y.electrons), 2)
    (77.69, 51.91)
    """
    energies = np.asarray(energies_keV, dtype=float)
    found = _MODELS[model](energies, field_V_per_cm)
    if leff and model == "er_polynomial":
        raise ValueError("leff changes nuclear recoils alone")
    if not leff:
        return found
    factor = 1 + leff * np.interp(energies, _LEFF_ENERGY_KEV, _LEFF_WIDTH)
    if leff_low_energy == "zero_below_2keV" and leff < 0:
        factor = np.where(energies < 2, 0.0, factor)
    return Yields(found.photons * factor, found.electrons, found.electron_probability_width)


def lenardo2015(energies_keV: NDArray[np.float64], field_V_per_cm: float) -> Yields:
    """Nuclear recoils: Lenardo et al., IEEE TNS 62 (2015) 3387.

    Lindhard quenching, an exciton-to-ion ratio and Thomas-Imel recombination that depend on the
    drift field, and Penning quenching of the light.
    """
    k, alpha, zeta, beta = 0.1394, 1.24, 0.0472, 239.0
    gamma, delta, eta, lam = 0.01385, 0.0620, 3.3, 1.14
    eps = 11.5 * energies_keV * _XENON_Z ** (-7 / 3)
    g = 3 * eps**0.15 + 0.7 * eps**0.6 + eps
    quanta = QUANTA_PER_KEV * energies_keV * k * g / (1 + k * g)
    excitons_per_ion = alpha * field_V_per_cm**-zeta * -np.expm1(-beta * eps)
    ions = quanta / (1 + excitons_per_ion)
    thomas_imel = ions * gamma * field_V_per_cm**-delta
    electrons = ions * np.log1p(thomas_imel) / thomas_imel
    photons = (quanta - electrons) / (1 + eta * eps**lam)
    return Yields(photons, electrons, electron_probability_width=0.02)


def er_polynomial(energies_keV: NDArray[np.float64], field_V_per_cm: float) -> Yields:
    """Electronic recoils of XENON1T's published toy model of its first science run.

    The charge yield is a parabola in log10(E / 5 keV), constant above 12 keV and at most all
    quanta; the drift field does not enter.
    """
    coefficients = (32.5070584, -27.69486517, 15.0427901)
    x = np.log10(np.minimum(energies_keV, 12.0) / 5.0)
    charge_yield = np.clip(np.polynomial.polynomial.polyval(x, coefficients), 0, QUANTA_PER_KEV)
    return Yields(
        (QUANTA_PER_KEV - charge_yield) * energies_keV,
        charge_yield * energies_keV,
        electron_probability_width=0.045,
    )


_MODELS: Mapping[str, Callable[[NDArray[np.float64], float], Yields]] = {
    "lenardo2015": lenardo2015,
    "er_polynomial": er_polynomial,
}
