"""Photons and electrons of a recoil: their joint distribution, summed over quanta, ions or heat."""

from math import ceil, sqrt

import numpy as np
import scipy
from numpy.typing import NDArray

from zeptobarn.physics.binomials import binomial, log_choose, log_powers
from zeptobarn.physics.nodes import Nodes
from zeptobarn.physics.yield_constants import QUANTA_PER_KEV
from zeptobarn.physics.yields import Recombination, Split, Yields

Floats = NDArray[np.float64]

# Distributions are summed this many standard deviations to either side.
_REACH = 6.5
# Probabilities of a recoil below this are not followed.
_NEGLIGIBLE = 1e-12


def most_quanta(means: Floats, energies_keV: Floats) -> int:
    """A number of quanta that recoils hardly ever exceed."""
    # Wider than any model's fluctuation: a share of 0.05 of all quanta, and what is binomial.
    quanta = QUANTA_PER_KEV * energies_keV
    reach = 2 * _REACH * np.sqrt(means + 1) + _REACH * np.minimum(0.05 * quanta, 0.3 * means)
    return int(np.max(means + reach)) + 10


def photons_and_electrons(
    yields: Yields, index: int, energy_keV: float, accepted: Floats, n_electrons: int, nodes: Nodes
) -> tuple[Floats, int, int] | None:
    """Joint distribution of photons and electrons, and the numbers it starts at.

    None where no number of photons that may occur has a chance (``accepted``) to be seen.
    """
    photons, electrons = yields.photons[index], yields.electrons[index]
    drawn = yields.fluctuations
    if photons + electrons <= 0:
        return None
    least = int(photons - _REACH * _photon_spread(drawn, index, photons, electrons))
    if not np.any(accepted[max(least, 0) :] > _NEGLIGIBLE):
        return None
    if isinstance(drawn, Recombination):
        total, first_total, remaining, first_electron = _recombined(drawn, index)
        joint = total @ remaining
    else:
        joint, first_total, first_electron = _split(drawn, energy_keV, photons, electrons, nodes)
    return _by_photons(joint, first_total, first_electron, len(accepted), n_electrons)


def _photon_spread(drawn: Split | Recombination, i: int, photons: float, electrons: float) -> float:
    """A standard deviation of the photons, rather too large."""
    if isinstance(drawn, Recombination):
        r, ions = drawn.recombination[i], drawn.ions[i]
        total = max(drawn.fano[i], drawn.fano_excitons[i], 1.0) * (ions + drawn.excitons[i])
        return sqrt(total + r * (1 - r) * ions) + float(drawn.omega[i] * ions)
    return sqrt(photons + 1) + drawn.electron_probability_width * (photons + electrons)


def _recombined(drawn: Recombination, i: int) -> tuple[Floats, int, Floats, int]:
    """NEST's quanta: the joint distribution of all quanta and ions, and electrons given ions."""
    if drawn.separate:
        ions, p_ions = _rounded_normal(drawn.ions[i], sqrt(drawn.fano[i] * drawn.ions[i]))
        excitons, p_excitons = _rounded_normal(
            drawn.excitons[i], sqrt(drawn.fano_excitons[i] * drawn.excitons[i])
        )
        first = ions + excitons
        rest = np.arange(len(p_ions) + len(p_excitons) - 1)[:, np.newaxis] - np.arange(len(p_ions))
        inside = (rest >= 0) & (rest < len(p_excitons))
        joint = np.where(inside, p_excitons[np.where(inside, rest, 0)], 0.0) * p_ions
        last_ion = ions + len(p_ions) - 1
    else:
        mean = drawn.ions[i] + drawn.excitons[i]
        share = drawn.ions[i] / mean
        first, p_quanta = _rounded_normal(mean, sqrt(drawn.fano[i] * mean))
        quanta = first + np.arange(len(p_quanta))
        width = share * sqrt(drawn.fano[i] * mean) + sqrt(share * (1 - share) * mean)
        ions, last_ion = _range(share * mean, width, quanta[-1])
        joint = p_quanta[:, np.newaxis] * binomial(quanta, np.arange(ions, last_ion + 1), share)
    electrons, first_electron = _remaining(
        np.arange(ions, last_ion + 1),
        drawn.recombination[i],
        drawn.omega[i],
        drawn.skewness[i],
    )
    return joint, first, electrons, first_electron


def _remaining(
    ions: NDArray[np.int64], recombination: float, omega: float, skewness: float
) -> tuple[Floats, int]:
    """Distribution of electrons given ions (a row each), and the first number of electrons."""
    if recombination <= 0:
        return np.eye(len(ions)), int(ions[0])
    mean = (1 - recombination) * ions
    width = np.sqrt(recombination * (1 - recombination) * ions + (omega * ions) ** 2)
    width = np.maximum(width, 1e-9)
    first, _ = _range(mean[0], width[0], ions[-1])
    _, last = _range(mean[-1], width[-1], ions[-1])
    upper = np.arange(first, last + 1)
    x = (upper + 0.5 - mean[:, np.newaxis]) / width[:, np.newaxis]
    cdf = np.interp(x, *_skew_normal(skewness), left=0.0, right=1.0)
    # More electrons than ions, or fewer than none, are cut to these.
    cdf[(upper >= ions[:, np.newaxis]) | (upper == last)] = 1.0
    return np.diff(cdf, axis=1, prepend=0.0), first


def _skew_normal(skewness: float) -> tuple[Floats, Floats]:
    """Cumulative distribution of the skew-normal with mean 0 and variance 1, on a fine grid."""
    slant = skewness / sqrt(1 + skewness**2)
    mean = sqrt(2 / np.pi) * slant
    sd = sqrt(1 - mean**2)
    x = np.linspace(-9, 9, 6001)
    at = mean + sd * x
    density = 2 * sd * np.exp(-0.5 * at**2) / sqrt(2 * np.pi) * scipy.special.ndtr(skewness * at)
    return x, np.concatenate([[0.0], np.cumsum((density[1:] + density[:-1]) / 2 * np.diff(x))])


def _split(
    drawn: Split, energy_keV: float, photons: float, electrons: float, nodes: Nodes
) -> tuple[Floats, int, int]:
    """Joint distribution of photons + electrons and electrons, and the first number of each."""
    mean = drawn.quanta_per_keV * energy_keV
    first, p_quanta = _rounded_normal(mean, sqrt(drawn.fano * mean))
    total = first + np.arange(len(p_quanta))
    detectable = (photons + electrons) / mean
    if detectable < 1:
        quanta = total
        width = sqrt(drawn.fano * mean) * detectable + sqrt(mean * detectable * (1 - detectable))
        first, last = _range(detectable * mean, width, quanta[-1])
        total = np.arange(first, last + 1)
        p_total = p_quanta @ binomial(quanta, total, detectable)
    else:
        p_total = p_quanta
    share, width = electrons / (photons + electrons), drawn.electron_probability_width
    low, high = max(0.0, share - _REACH * width), min(1.0, share + _REACH * width)
    narrower = width / sqrt(1 + total[-1] * width**2 / max(share * (1 - share), width**2))
    # Gauss nodes are π/2 times rarer in the middle than evenly spread ones.
    n_nodes = 4 + ceil(np.pi / 2 * (high - low) / (narrower * nodes.share))
    at, weight = np.polynomial.legendre.leggauss(n_nodes)
    p = low + (high - low) * (at + 1) / 2
    weight = weight * (high - low) / 2 * np.exp(-0.5 * ((p - share) / width) ** 2)
    weight /= sqrt(2 * np.pi) * width
    # What the cuts at 0 and 1 collect.
    p = np.concatenate([[0.0], p, [1.0]])
    weight = np.concatenate(
        [[scipy.special.ndtr(-share / width)], weight, [scipy.special.ndtr((share - 1) / width)]]
    )
    spread = _REACH * sqrt(total[-1] * share * (1 - share) + 1) + 1
    first_electron = max(0, int(low * total[0] - spread))
    last_electron = min(int(total[-1]), ceil(high * total[-1] + spread))
    number = np.arange(first_electron, last_electron + 1)
    most = total[-1:, np.newaxis]
    chances = np.exp(log_choose(most, number) + log_powers(most, number, p[:, np.newaxis]))
    row = weight @ chances
    joint = np.empty((len(total), len(number)))
    joint[-1] = row
    # One quantum less, any of them: an electron or not.
    for k in range(len(total) - 1, 0, -1):
        n = total[k]
        row = (n - number) / n * row
        row[:-1] += number[1:] / n * joint[k, 1:]
        joint[k - 1] = row
    return p_total[:, np.newaxis] * joint, first, first_electron


def _by_photons(
    joint: Floats, first_total: int, first_electron: int, n_photons: int, n_electrons: int
) -> tuple[Floats, int, int] | None:
    """Turn (quanta, electrons) into (photons, electrons), below the numbers given."""
    keep = max(n_electrons - first_electron, 0)
    joint = joint[:, :keep]
    if joint.size == 0:
        return None
    photons = (
        first_total
        + np.arange(joint.shape[0])[:, np.newaxis]
        - (first_electron + np.arange(joint.shape[1]))
    )
    first, last = max(int(photons.min()), 0), min(int(photons.max()), n_photons - 1)
    if last < first:
        return None
    inside = (photons >= first) & (photons <= last)
    probability = np.zeros((last - first + 1, joint.shape[1]))
    column = np.broadcast_to(np.arange(joint.shape[1]), joint.shape)
    probability[photons[inside] - first, column[inside]] = joint[inside]
    return probability, first, first_electron


def _range(mean: float, sd: float, most: int) -> tuple[int, int]:
    return max(0, int(mean - _REACH * sd) - 1), min(int(most), ceil(mean + _REACH * sd) + 1)


def _rounded_normal(mean: float, sd: float) -> tuple[int, Floats]:
    """First number and probabilities of a normal number, rounded and not below zero."""
    if sd <= 0:
        return max(0, int(mean + 0.5)), np.ones(1)
    first, last = _range(mean, sd, 10**9)
    below = scipy.special.ndtr((np.arange(first, last) + 0.5 - mean) / sd)
    return first, np.diff(below, prepend=0.0, append=1.0)
