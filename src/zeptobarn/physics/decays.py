"""Shapes of the electron spectra of decays: β decays, and double β decays with two neutrinos.

Both are those of a bare nucleus without extent. The other electrons of the atom are neglected:
their screening, the exchange of the emitted electron with one of theirs, and the energy that they
keep. That matters for the slowest electrons, of a few keV and less, and the more the heavier the
nucleus.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

# CODATA 2018, Rev. Mod. Phys. 93 (2021) 025010.
ELECTRON_KEV = 510.99895

# Q value (keV) and protons of the daughter nucleus. Q values: AME2020, Wang et al., Chin. Phys. C
# 45 (2021) 030003.
ISOTOPES: Mapping[str, tuple[float, int]] = {"tritium": (18.592, 2), "carbon14": (156.476, 7)}
# Redshaw et al., PRL 98 (2007) 053003.
XENON136 = (2457.83, 56)
# Below this kinetic energy (keV) a spectrum does not change, and numbers lose their digits.
_LOWEST_KEV = 1e-9


def decay(settings: Mapping[str, Any]) -> tuple[float, int]:
    """Give Q value (keV) and protons of the daughter nucleus, of a detector file's ``spectrum``."""
    if settings["kind"] == "beta":
        known = settings.get("isotope")
        return ISOTOPES[known] if known else (settings["q_value_keV"], settings["daughter_z"])
    return settings.get("q_value_keV", XENON136[0]), settings.get("daughter_z", XENON136[1])


def beta_shape(energies_keV: ArrayLike, q_value_keV: float, daughter_z: int) -> NDArray[np.float64]:
    """Shape of an allowed β⁻ spectrum, F(Z, W) p W (Q − T)², in units of the electron's mass.

    F is Fermi's function (Z. Phys. 88 (1934) 161), the density of the electron at a point nucleus
    with Z protons relative to that of a free one,

        F ∝ p^(2γ − 2) e^(πη) |Γ(γ + iη)|²,  γ² = 1 − (αZ)²,  η = αZ W/p,

    with W = 1 + T and p² = W² − 1. Its constant factor, in which the radius of the nucleus stands,
    is left out.

    Parameters
    ----------
    energies_keV
        Kinetic energies T of the electron (keV), from 0 on, shape (n,).
    daughter_z
        Protons of the daughter nucleus.

    Returns
    -------
    Relative rates, shape (n,); 0 above the Q value.

    Examples
    --------
    >>> beta_shape([10, 20], 18.592, 2) > 0
    array([ True, False])
    """
    kinetic = np.maximum(np.asarray(energies_keV, dtype=float), _LOWEST_KEV) / ELECTRON_KEV
    left = np.maximum(q_value_keV / ELECTRON_KEV - kinetic, 0.0)
    return np.asarray(electron_shape(kinetic, daughter_z) * left**2)


def electron_shape(kinetic: NDArray[np.float64], daughter_z: int) -> NDArray[np.float64]:
    """Give F(Z, W) p W of electrons with kinetic energies above 0, in units of their mass."""
    momentum = np.sqrt(kinetic * (kinetic + 2))
    strength = scipy.constants.alpha * daughter_z
    gamma, eta = np.sqrt(1 - strength**2), strength * (1 + kinetic) / momentum
    fermi = np.pi * eta + 2 * scipy.special.loggamma(gamma + 1j * eta).real
    return np.asarray(momentum ** (2 * gamma - 1) * (1 + kinetic) * np.exp(fermi))


def double_beta_shape(
    energies_keV: ArrayLike, q_value_keV: float, daughter_z: int
) -> NDArray[np.float64]:
    """Shape of the sum of both electrons' energies in a double β⁻ decay with two neutrinos.

    (Q − K)⁵ ∫ F p W(T) F p W(K − T) dT with the sum K of the kinetic energies, where the energies
    of the intermediate nucleus are taken to be the same in all decays (Haxton and Stephenson, Prog.
    Part. Nucl. Phys. 12 (1984) 409). With F ∝ W/p, as Primakoff and Rosen take it (Rep. Prog.
    Phys. 22 (1959) 121), it would be K (Q − K)⁵ (1 + 2K + 4K²/3 + K³/3 + K⁴/30): of 136Xe, a
    fifth less below 30 keV for the same number of decays.

    Parameters
    ----------
    energies_keV
        Sums of the kinetic energies (keV), from 0 on, shape (n,).
    daughter_z
        Protons of the daughter nucleus.

    Returns
    -------
    Relative rates, shape (n,); 0 above the Q value.
    """
    total = np.asarray(energies_keV, dtype=float)[:, np.newaxis] / ELECTRON_KEV
    left = np.maximum(q_value_keV / ELECTRON_KEV - total[:, 0], 0.0)
    # One energy is K sin² x, the other K cos² x; at either end the integrand is smooth in x.
    x = 0.25 * np.pi * (_NODES + 1)
    one, other = (
        electron_shape(np.maximum(total * share, _LOWEST_KEV / ELECTRON_KEV), daughter_z)
        for share in (np.sin(x) ** 2, np.cos(x) ** 2)
    )
    return np.asarray((one * other) @ (np.sin(2 * x) * _WEIGHTS) * total[:, 0] * left**5)


_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(64)
