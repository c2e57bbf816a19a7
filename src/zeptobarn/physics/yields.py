"""Yield models: recoil energy and drift field → mean photons and electrons, and their spread."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from math import exp, log, pi, sqrt

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from zeptobarn.physics.apparatus import Apparatus, Recoil
from zeptobarn.physics.yield_constants import (
    DEFAULTS,
    FANO,
    QUANTA_PER_KEV,
    Nest,
    YieldConstants,
    constants_from,
)
from zeptobarn.support.quiet import without_line

# Models by recoil type.
MODELS: Mapping[str, tuple[str, ...]] = {
    "nr": ("lenardo2015", "nest"),
    "er": ("er_polynomial", "nest_beta", "nest_gamma"),
}
_XENON_Z = 54

# Mean half-width of the band of the relative scintillation yield against energy (keV):
# XENON1T sensitivity paper, JCAP 04 (2016) 027; constant below 3 and above 50 keV.
_LEFF_ENERGY_KEV = (3.0, 4.0, 5.0, 7.0, 10.0, 15.0, 20.0, 30.0, 50.0)
_LEFF_WIDTH = (0.135, 0.113, 0.095, 0.075, 0.058, 0.065, 0.065, 0.062, 0.048)


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
    nr_photon_yield, nr_electron_yield, er_photon_yield, er_electron_yield
        Factors on the mean photons and electrons of nuclear and of electronic recoils. Of
        `er_polynomial`, photons take what more or fewer electrons leave.
    """

    leff: float = 0.0
    leff_low_energy: str = "constant"
    lindhard_k: float = 1.0
    er_components: tuple[float, float, float] = (0.0, 0.0, 0.0)
    nr_photon_yield: float = 1.0
    nr_electron_yield: float = 1.0
    er_photon_yield: float = 1.0
    er_electron_yield: float = 1.0

    def factors(self, model: str) -> tuple[float, float]:
        """Factors on the mean photons and electrons of a model."""
        if model in MODELS["nr"]:
            return self.nr_photon_yield, self.nr_electron_yield
        return self.er_photon_yield, self.er_electron_yield


NOMINAL = Nuisances()


@dataclass(frozen=True)
class Split:
    """Fluctuations of the older models: heat and charge take shares of the quanta at once.

    The number of quanta is normal around 73/keV with a Fano factor of 0.03; each quantum is heat
    or not, and what is not heat is an electron with a probability that varies from event to event.

    Attributes
    ----------
    electron_probability_width
        Standard deviation of that probability (normal, cut at 0 and 1).
    quanta_per_keV, fano
        In place of 73/keV and 0.03.
    """

    electron_probability_width: float
    quanta_per_keV: float = QUANTA_PER_KEV
    fano: float = FANO


@dataclass(frozen=True)
class Recombination:
    """Fluctuations of NEST: ions and excitons are made, and some of the ions recombine.

    Ions and excitons of nuclear recoils are two independent normal numbers; for electronic
    recoils their sum is normal and each quantum is an ion or not. Of N ions,
    electrons remain by a skew-normal number with mean (1 − r) N and variance
    r (1 − r) N + ω² N²; every other quantum is a photon. Numbers are rounded and kept between 0
    and what there is.

    Attributes
    ----------
    ions, excitons
        Means, shape of the energies.
    recombination
        Probability r that an ion recombines, shape of the energies.
    omega
        Relative width ω of its fluctuation beyond the binomial, shape of the energies.
    skewness
        Parameter α of the skew-normal distribution, shape of the energies.
    fano
        Variance over mean: of ions (nuclear recoils), or of ions and excitons together
        (electronic recoils), shape of the energies.
    fano_excitons
        That of the excitons of nuclear recoils, shape of the energies.
    separate
        Whether ions and excitons fluctuate independently: nuclear recoils.
    """

    ions: NDArray[np.float64]
    excitons: NDArray[np.float64]
    recombination: NDArray[np.float64]
    omega: NDArray[np.float64]
    skewness: NDArray[np.float64]
    fano: NDArray[np.float64]
    fano_excitons: NDArray[np.float64]
    separate: bool


@dataclass(frozen=True)
class Yields:
    """Mean quanta, shape of the energies, and how they fluctuate."""

    photons: NDArray[np.float64]
    electrons: NDArray[np.float64]
    fluctuations: Split | Recombination


def mean_yields(
    model: str,
    energies_keV: ArrayLike,
    field_V_per_cm: float,
    nuisances: Nuisances = NOMINAL,
    density_g_per_cm3: float = 2.9,
    constants: YieldConstants = DEFAULTS,
    charge_ratio: float = 1.0,
) -> Yields:
    """Mean photons and electrons of recoils, and their fluctuations.

    Parameters
    ----------
    model
        ``lenardo2015`` or ``nest`` (nuclear recoils), ``er_polynomial``, ``nest_beta`` or
        ``nest_gamma`` (electronic recoils).
    energies_keV
        Recoil energies (keV).
    field_V_per_cm
        Drift field (V/cm).
    nuisances
        Those of another model or recoil type change nothing.
    density_g_per_cm3
        Density of the liquid (g/cm³); only NEST's yields depend on it.
    constants
        Of the models.
    charge_ratio
        Factor on the mean electrons of electronic recoils; what they lose, photons gain.

    Examples
    --------
    >>> y = mean_yields("lenardo2015", 10.0, 117)
    >>> round(float(y.photons), 2), round(float(y.electrons), 2)
    (77.69, 51.91)
    """
    energies = np.asarray(energies_keV, dtype=float)
    if model in _NEST_SPECIES:
        return nest(
            model,
            energies,
            field_V_per_cm,
            nuisances,
            density_g_per_cm3,
            constants.nest,
            charge_ratio,
        )
    if model == "er_polynomial":
        return er_polynomial(energies, nuisances, constants, charge_ratio)
    return lenardo2015(energies, field_V_per_cm, nuisances, constants)


def detector_yields(
    apparatus: Apparatus,
    recoil: Recoil,
    energies_keV: ArrayLike,
    nuisances: Nuisances = NOMINAL,
) -> Yields:
    """Give the yields of a recoil type in a detector.

    Parameters
    ----------
    apparatus
        The detector's numbers; their ``er_recombination_width`` multiplies
        the fluctuation of electronic recoils beyond the binomial, and ``charge_ratio`` their
        electrons.
    recoil
        ``nr`` or ``er``.
    energies_keV
        Recoil energies (keV).
    """
    yields = mean_yields(
        apparatus.yields[recoil],
        energies_keV,
        apparatus.drift_field_V_per_cm,
        nuisances,
        apparatus.liquid_density_g_per_cm3,
        constants_from(apparatus.yield_constants),
        apparatus.charge_ratio if recoil == "er" else 1.0,
    )
    factor = apparatus.er_recombination_width if recoil == "er" else 1.0
    return yields if factor == 1 else replace(yields, fluctuations=_widened(yields, factor))


def _widened(yields: Yields, factor: float) -> Split | Recombination:
    fluctuations = yields.fluctuations
    if isinstance(fluctuations, Recombination):
        return replace(fluctuations, omega=factor * fluctuations.omega)
    width = factor * fluctuations.electron_probability_width
    return replace(fluctuations, electron_probability_width=width)


def light_factor(energies_keV: NDArray[np.float64], nuisances: Nuisances) -> NDArray[np.float64]:
    """Factor on the photons of nuclear recoils that leff stands for, shape of the energies."""
    factor = 1 + nuisances.leff * np.interp(energies_keV, _LEFF_ENERGY_KEV, _LEFF_WIDTH)
    if nuisances.leff_low_energy == "zero_below_2keV" and nuisances.leff < 0:
        factor = np.where(energies_keV < 2, 0.0, factor)
    return np.asarray(factor)


def lenardo2015(
    energies_keV: NDArray[np.float64],
    field_V_per_cm: float,
    nuisances: Nuisances = NOMINAL,
    constants: YieldConstants = DEFAULTS,
) -> Yields:
    """Nuclear recoils: Lenardo et al., IEEE TNS 62 (2015) 3387.

    Lindhard quenching, an exciton-to-ion ratio and Thomas-Imel recombination that depend on the
    drift field, and Penning quenching of the light.
    """
    c = constants.lenardo2015
    k = c.k * nuisances.lindhard_k
    eps = 11.5 * energies_keV * _XENON_Z ** (-7 / 3)
    g = 3 * eps**0.15 + 0.7 * eps**0.6 + eps
    quanta = constants.quanta_per_keV * energies_keV * k * g / (1 + k * g)
    excitons_per_ion = c.alpha * field_V_per_cm**-c.zeta * -np.expm1(-c.beta * eps)
    ions = quanta / (1 + excitons_per_ion)
    thomas_imel = ions * c.gamma * field_V_per_cm**-c.delta
    electrons = ions * np.log1p(thomas_imel) / thomas_imel
    photons = (quanta - electrons) / (1 + c.eta * eps**c.lambda_)
    photons = photons * light_factor(energies_keV, nuisances) * nuisances.nr_photon_yield
    electrons = electrons * nuisances.nr_electron_yield
    return Yields(photons, electrons, _split(c.electron_probability_width, constants))


def er_polynomial(
    energies_keV: NDArray[np.float64],
    nuisances: Nuisances = NOMINAL,
    constants: YieldConstants = DEFAULTS,
    charge_ratio: float = 1.0,
) -> Yields:
    """Electronic recoils of XENON1T's published toy model of its first science run.

    The charge yield is a parabola in log10(E / 5 keV), constant above 12 keV and at most all
    quanta; the drift field does not enter.
    """
    c, largest = constants.er_polynomial, constants.quanta_per_keV
    components = np.array(nuisances.er_components) * c.after
    coefficients = components @ np.array(c.components) * c.before + c.means
    x = np.log10(np.minimum(energies_keV, c.largest_energy_keV) / c.reference_energy_keV)
    charge_yield = np.clip(np.polynomial.polynomial.polyval(x, coefficients), 0, largest)
    charge_yield = np.minimum(charge_yield * charge_ratio * nuisances.er_electron_yield, largest)
    return Yields(
        (largest - charge_yield) * energies_keV,
        charge_yield * energies_keV,
        _split(c.electron_probability_width, constants),
    )


def _split(width: float, constants: YieldConstants) -> Split:
    return Split(width, constants.quanta_per_keV, constants.fano)


def nest(
    model: str,
    energies_keV: NDArray[np.float64],
    field_V_per_cm: float,
    nuisances: Nuisances = NOMINAL,
    density_g_per_cm3: float = 2.9,
    constants: Nest = DEFAULTS.nest,
    charge_ratio: float = 1.0,
) -> Yields:
    """Yields of the NEST collaboration (arXiv:2211.10726), from its package nestpy.

    Means and the exciton-to-ion ratio are nestpy's own, tabulated in steps of 0.2 % in energy
    and interpolated; below 0.01 keV there is no signal. The fluctuations
    follow NEST 2.4's default parameters; their skewness is LUX's (PRD 102 (2020) 112002).

    leff changes the photons of nuclear recoils through the number of excitons: ions and
    recombination, and so the electrons, stay. Factors on the mean photons and electrons, and a
    charge ratio, change NEST's means; the exciton-to-ion ratio stays, so that recombination
    follows, and so do the fluctuations.

    Parameters
    ----------
    model
        ``nest``, ``nest_beta`` or ``nest_gamma``.

    Raises
    ------
    ValueError
        An energy is above 300 keV, where NEST has no data on nuclear recoils.
    """
    if np.max(energies_keV, initial=0.0) > _NEST_ENERGIES_KEV[-1]:
        raise ValueError(f"{model}: found {np.max(energies_keV):g} keV; allowed: ≤ 300 keV")
    vectors = constants.nr_parameters, constants.er_parameters
    energy, photons, electrons, ratio = _nest_means(
        model, float(field_V_per_cm), density_g_per_cm3, *vectors
    )

    def interpolate(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(np.interp(energies_keV, energy, values, left=0.0))

    photons, electrons = interpolate(photons), interpolate(electrons)
    ratio, factors = interpolate(ratio), nuisances.factors(model)
    changed_means = charge_ratio != 1 or factors != (1, 1)
    if changed_means:
        photons, electrons = _changed_means(photons, electrons, charge_ratio, factors)
    quanta = photons + electrons
    share = electrons / np.maximum(quanta, 1e-300)
    if changed_means:
        # More electrons than ions would be left by no recombination: fewer excitons.
        ratio = np.minimum(ratio, 1 / np.maximum(share, 1e-12) - 1)
    ions = quanta / (1 + ratio)
    excitons = quanta - ions
    widths = constants.nr_er_width_parameters
    recombination = np.clip(1 - (1 + ratio) * share, 0, 1)
    if model == "nest":
        changed = photons * light_factor(energies_keV, nuisances)
        excitons = excitons + changed - photons
        # Light that would need fewer excitons than none takes it from recombination.
        short = excitons < 0
        ions = np.where(short, electrons + changed, ions)
        recombination = np.where(short, changed / np.maximum(ions, 1e-300), recombination)
        excitons = np.maximum(excitons, 0)
        photons = changed
        omega, skewness = _nr_omega(share, widths), np.full_like(share, widths[5])
        fano = widths[0] + widths[11] * ions
        fano_excitons = widths[1] + widths[12] * excitons
    else:
        omega = _er_omega(field_V_per_cm, share, widths)
        fano = fano_excitons = _er_fano(field_V_per_cm, quanta, density_g_per_cm3, widths[6])
        skewness = constants.er_skewness * _er_skewness(field_V_per_cm, energies_keV)
    # Without recombination nothing fluctuates either.
    omega = np.where(recombination > 0, omega, 0.0)
    if not 50 <= field_V_per_cm <= 4000:
        skewness = np.zeros_like(share)
    skewness = np.where(quanta > 1e4, 0.0, skewness)
    fluctuations = ions, excitons, recombination, omega, skewness, fano, fano_excitons
    return Yields(photons, electrons, Recombination(*fluctuations, separate=model == "nest"))


def _nr_omega(share: NDArray[np.float64], widths: tuple[float, ...]) -> NDArray[np.float64]:
    """A bell of the electrons' share."""
    amplitude, centre, width = widths[2:5]
    return np.asarray(max(amplitude, 0.0) * np.exp(-0.5 * ((share - centre) / width) ** 2))


def _changed_means(
    photons: NDArray[np.float64],
    electrons: NDArray[np.float64],
    charge_ratio: float,
    factors: tuple[float, float],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean photons and electrons after a charge ratio, which keeps their sum, and factors."""
    quanta = photons + electrons
    electrons = np.minimum(electrons * charge_ratio, quanta)
    return (quanta - electrons) * factors[0], electrons * factors[1]


# ω of electronic recoils at high field (NEST 2.4).
_ER_OMEGA_HIGH_FIELD = 0.07

_NEST_SPECIES = {"nest": "NR", "nest_beta": "beta", "nest_gamma": "gammaRay"}
# NEST says so once in a process, and it is its own default.
_NEST_LINE = "Warning: m5 is slightly energy dependent in the beta model"
_NEST_ENERGIES_KEV = np.geomspace(0.01, 300, 5155)


@lru_cache(maxsize=16)
def _nest_means(
    model: str,
    field: float,
    density: float,
    nr_parameters: tuple[float, ...],
    er_parameters: tuple[float, ...],
) -> NDArray[np.float64]:
    """Rows: energy (keV), photons, electrons, excitons per ion."""
    import nestpy

    calculator = nestpy.NESTcalc(nestpy.detectors.VDetector())
    species = getattr(nestpy.interactions, _NEST_SPECIES[model])
    vectors = {"nr_parameters": nr_parameters, "er_parameters": er_parameters}
    with without_line(_NEST_LINE):
        yields = [
            calculator.GetYields(species, e, density, field, **vectors) for e in _NEST_ENERGIES_KEV
        ]
    table = [(y.PhotonYield, y.ElectronYield, max(y.ExcitonRatio, 0.0)) for y in yields]
    return np.vstack([_NEST_ENERGIES_KEV, np.array(table).T])


def _er_omega(
    field: float, share: NDArray[np.float64], widths: tuple[float, ...]
) -> NDArray[np.float64]:
    """A skewed bell of the electrons' share, whose largest value grows with the field."""
    low, centre, width, skew = widths[7:11]
    low, high = max(low, 0.0), _ER_OMEGA_HIGH_FIELD
    # (F/295.2)^251.6 would overflow.
    steep = 251.6 * log(field / 295.2)
    amplitude = high + (low - high) * exp(-0.0069114 * float(np.logaddexp(0.0, steep)))
    mode = sqrt(2 / pi) * skew * width / sqrt(1 + skew**2)

    def bell(x: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(
            np.exp(-0.5 * (x / width) ** 2) * (1 + scipy.special.erf(skew * x / (width * sqrt(2))))
        )

    return np.asarray(amplitude * bell(share - centre) / bell(np.array(mode)))


def _er_fano(
    field: float, quanta: NDArray[np.float64], density: float, given: float
) -> NDArray[np.float64]:
    """NEST's own, whose rise with the root of quanta times field is ``given`` if negative."""
    if given >= 0:
        return np.full_like(quanta, given)
    at_zero_field = 0.12707 - 0.029623 * density - 0.0057042 * density**2 + 0.0015957 * density**3
    return np.asarray(at_zero_field - given * np.sqrt(quanta * field))


def _er_skewness(field: float, energies_keV: NDArray[np.float64]) -> NDArray[np.float64]:
    """LUX's skewness of recombination, PRD 102 (2020) 112002."""
    high = 1 / (1 + np.exp(-np.clip((energies_keV - 26.7) / 6.4, -500, 500)))
    at_low = 1.39 + 4.0 * exp(-field / 225) * -np.expm1(-energies_keV / 7.7)
    at_high = 22.1 * np.exp(-energies_keV / 54) * exp(-sqrt(field / 71))
    return np.asarray((1 - high) * at_low + high * at_high)
