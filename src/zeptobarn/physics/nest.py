"""What NEST says of a recoil: its mean quanta, from nestpy, and how widely they fluctuate.

The widths follow NEST 2.4's default parameters (arXiv:2211.10726).
"""

from functools import lru_cache
from math import exp, log, pi, sqrt

import numpy as np
import scipy
from numpy.typing import NDArray

from zeptobarn.support.quiet import without_line

# ω of electronic recoils at high field (NEST 2.4).
_ER_OMEGA_HIGH_FIELD = 0.07

# nestpy's names of what recoils, by yield model.
SPECIES = {"nest": "NR", "nest_beta": "beta", "nest_gamma": "gammaRay"}
# NEST says so once in a process, and it is its own default.
_LINE = "Warning: m5 is slightly energy dependent in the beta model"
# Where the means are tabulated.
ENERGIES_KEV = np.geomspace(0.01, 300, 5155)


@lru_cache(maxsize=16)
def nest_means(
    model: str,
    field: float,
    density: float,
    nr_parameters: tuple[float, ...],
    er_parameters: tuple[float, ...],
) -> NDArray[np.float64]:
    """Tabulate nestpy's means in steps of 0.2 % in energy.

    Parameters
    ----------
    model
        A key of `SPECIES`.
    field, density
        Drift field (V/cm) and density of the liquid (g/cm³).
    nr_parameters, er_parameters
        See `zeptobarn.physics.yield_constants.Nest`.

    Returns
    -------
    Rows: energy (keV), photons, electrons, excitons per ion.
    """
    import nestpy

    calculator = nestpy.NESTcalc(nestpy.detectors.VDetector())
    species = getattr(nestpy.interactions, SPECIES[model])
    vectors = {"nr_parameters": nr_parameters, "er_parameters": er_parameters}
    with without_line(_LINE):
        yields = [calculator.GetYields(species, e, density, field, **vectors) for e in ENERGIES_KEV]
    table = [(y.PhotonYield, y.ElectronYield, max(y.ExcitonRatio, 0.0)) for y in yields]
    return np.vstack([ENERGIES_KEV, np.array(table).T])


def nr_omega(share: NDArray[np.float64], widths: tuple[float, ...]) -> NDArray[np.float64]:
    """ω of nuclear recoils: a bell of the electrons' share of the quanta."""
    amplitude, centre, width = widths[2:5]
    return np.asarray(max(amplitude, 0.0) * np.exp(-0.5 * ((share - centre) / width) ** 2))


def er_omega(
    field: float, share: NDArray[np.float64], widths: tuple[float, ...]
) -> NDArray[np.float64]:
    """ω of electronic recoils: a skewed bell of the electrons' share, higher at a high field."""
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


def er_fano(
    field: float, quanta: NDArray[np.float64], density: float, given: float
) -> NDArray[np.float64]:
    """Fano factor of electronic recoils: the one given.

    If negative, it is NEST's own, whose rise with the root of quanta times field is ``given``.
    """
    if given >= 0:
        return np.full_like(quanta, given)
    at_zero_field = 0.12707 - 0.029623 * density - 0.0057042 * density**2 + 0.0015957 * density**3
    return np.asarray(at_zero_field - given * np.sqrt(quanta * field))


def er_skewness(field: float, energies_keV: NDArray[np.float64]) -> NDArray[np.float64]:
    """LUX's skewness of recombination, PRD 102 (2020) 112002."""
    high = 1 / (1 + np.exp(-np.clip((energies_keV - 26.7) / 6.4, -500, 500)))
    at_low = 1.39 + 4.0 * exp(-field / 225) * -np.expm1(-energies_keV / 7.7)
    at_high = 22.1 * np.exp(-energies_keV / 54) * exp(-sqrt(field / 71))
    return np.asarray((1 - high) * at_low + high * at_high)
