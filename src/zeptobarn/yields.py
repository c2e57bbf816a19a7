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


# Lindhard's k in `lenardo2015`.
_LINDHARD_K = 0.1394

# Principal components of the ER charge yield's uncertainty in XENON1T's published toy model.
_ER_MEAN = (32.5070584, -27.69486517, 15.0427901)
_ER_BEFORE = (0.289709323, 1.027015330, 3.239578508)
_ER_COMPONENTS = (
    (0.693707206, -0.398337247, -0.600081452),
    (-0.0368675868, -0.851694742, 0.522739750),
    (0.71931293, 0.340504777, 0.60551251),
)
_ER_AFTER = (1.32333778, 0.973308940, 0.549041719)


@dataclass(frozen=True)
class Nuisances:
    """Uncertain numbers of the yields, at their nominal values unless given.

    Attributes
    ----------
    leff
        Relative scintillation yield of nuclear recoils, in standard deviations; multiplies the
        photons and leaves the electrons.
    leff_low_energy
        ``constant``: the 3 keV uncertainty below 3 keV; ``zero_below_2keV``: negative values
        mean no light below 2 keV.
    lindhard_k
        Factor on Lindhard's k of nuclear recoils.
    er_components
        Principal components of the charge yield of `er_polynomial`, in standard deviations.
    """

    leff: float = 0.0
    leff_low_energy: str = "constant"
    lindhard_k: float = 1.0
    er_components: tuple[float, float, float] = (0.0, 0.0, 0.0)


NOMINAL = Nuisances()


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
    nuisances: Nuisances = NOMINAL,
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
    nuisances
        Those of the other recoil type change nothing.

    Examples
    --------
    >>> y = mean_yields("lenardo2015", 10.0, 117)
    >>> round(float(y.photons), 2), round(float(y.electrons), 2)
    (77.69, 51.91)
    """
    energies = np.asarray(energies_keV, dtype=float)
    return _MODELS[model](energies, field_V_per_cm, nuisances)


def lenardo2015(
    energies_keV: NDArray[np.float64], field_V_per_cm: float, nuisances: Nuisances = NOMINAL
) -> Yields:
    """Nuclear recoils: Lenardo et al., IEEE TNS 62 (2015) 3387.

    Lindhard quenching, an exciton-to-ion ratio and Thomas-Imel recombination that depend on the
    drift field, and Penning quenching of the light.
    """
    k = _LINDHARD_K * nuisances.lindhard_k
    alpha, zeta, beta = 1.24, 0.0472, 239.0
    gamma, delta, eta, lam = 0.01385, 0.0620, 3.3, 1.14
    eps = 11.5 * energies_keV * _XENON_Z ** (-7 / 3)
    g = 3 * eps**0.15 + 0.7 * eps**0.6 + eps
    quanta = QUANTA_PER_KEV * energies_keV * k * g / (1 + k * g)
    excitons_per_ion = alpha * field_V_per_cm**-zeta * -np.expm1(-beta * eps)
    ions = quanta / (1 + excitons_per_ion)
    thomas_imel = ions * gamma * field_V_per_cm**-delta
    electrons = ions * np.log1p(thomas_imel) / thomas_imel
    photons = (quanta - electrons) / (1 + eta * eps**lam)
    factor = 1 + nuisances.leff * np.interp(energies_keV, _LEFF_ENERGY_KEV, _LEFF_WIDTH)
    if nuisances.leff_low_energy == "zero_below_2keV" and nuisances.leff < 0:
        factor = np.where(energies_keV < 2, 0.0, factor)
    photons = photons * factor
    return Yields(photons, electrons, electron_probability_width=0.02)


def er_polynomial(
    energies_keV: NDArray[np.float64], field_V_per_cm: float, nuisances: Nuisances = NOMINAL
) -> Yields:
    """Electronic recoils of XENON1T's published toy model of its first science run.

    The charge yield is a parabola in log10(E / 5 keV), constant above 12 keV and at most all
    quanta; the drift field does not enter.
    """
    components = np.array(nuisances.er_components) * _ER_AFTER
    coefficients = components @ np.array(_ER_COMPONENTS) * _ER_BEFORE + _ER_MEAN
    x = np.log10(np.minimum(energies_keV, 12.0) / 5.0)
    charge_yield = np.clip(np.polynomial.polynomial.polyval(x, coefficients), 0, QUANTA_PER_KEV)
    return Yields(
        (QUANTA_PER_KEV - charge_yield) * energies_keV,
        charge_yield * energies_keV,
        electron_probability_width=0.045,
    )


_MODELS: Mapping[str, Callable[[NDArray[np.float64], float, Nuisances], Yields]] = {
    "lenardo2015": lenardo2015,
    "er_polynomial": er_polynomial,
}
