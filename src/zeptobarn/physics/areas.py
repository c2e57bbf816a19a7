"""Areas of the signals: probabilities of cS1 bins given photons, of cS2 bins given electrons.

Both depend on the detector alone; `zeptobarn.physics.quadrature` says how they depend on the
position.
"""

from math import ceil, sqrt
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

from zeptobarn.physics.apparatus import Apparatus, Sizes
from zeptobarn.physics.binomials import log_choose, log_powers
from zeptobarn.physics.detector import AnalysisSpace
from zeptobarn.physics.nodes import (
    Nodes,
    drift_nodes,
    light_yield_nodes,
    radius_nodes,
    spaced_light_yields,
)

Floats = NDArray[np.float64]

# Sums over photoelectrons of an S2 are as smooth as for this relative width at least.
_LEAST_PE_WIDTH = 0.05


def cs1_matrices(
    apparatus: Apparatus, space: AnalysisSpace, most_photons: int, nodes: Nodes
) -> Floats:
    """Probability of each cS1 bin given the photons, shape (light yields, photons, cS1 bins)."""
    light_yields = light_yield_nodes(apparatus, nodes)
    width, unit = apparatus.single_pe_width, apparatus.pe_per_area
    double_pe = apparatus.double_pe_probability
    largest = space.cs1_edges[-1] * light_yields.max() * unit
    most_detected = ceil(largest + 8 * (1 + width) * sqrt(2 * largest) + 8)
    detected = np.arange(most_detected + 1)
    photons = np.arange(min(most_photons, _most_needed(most_detected, apparatus, light_yields)) + 1)
    pe = np.arange(2 * most_detected + 1)
    extra = pe - detected[:, np.newaxis]
    doubled = np.exp(
        log_choose(detected[:, np.newaxis], extra)
        + log_powers(detected[:, np.newaxis], extra, double_pe)
    )
    efficiency = np.array(apparatus.s1_peak_efficiency, dtype=float)
    kept = efficiency[np.minimum(detected, len(efficiency) - 1)]
    kept = np.where(detected < apparatus.s1_coincidence, 0.0, kept)
    coefficients = log_choose(photons[:, np.newaxis], detected)
    probability = np.empty((len(light_yields), len(photons), space.shape[0]))
    for k, light_yield in enumerate(light_yields):
        edges = np.maximum(space.cs1_edges * light_yield, apparatus.s1_area_threshold)
        areas = np.diff(_area_below(edges * unit, pe, width), axis=1)
        p = np.full(len(photons), apparatus.g1 * light_yield)
        if apparatus.apply_bias:
            p *= 1 + _bias(apparatus.s1_bias, photons * p)
        p = np.minimum(p, 1.0)[:, np.newaxis]
        binomial = np.exp(coefficients + log_powers(photons[:, np.newaxis], detected, p))
        probability[k] = binomial @ (kept[:, np.newaxis] * (doubled @ areas))
    return probability


def _most_needed(detected: int, apparatus: Apparatus, light_yield: Floats) -> int:
    """Photons of which more than ``detected`` are always seen."""
    p = 0.95 * apparatus.g1 * light_yield.min()
    return int((detected + 8 * sqrt(detected)) / p) + 1


def cs2_matrices(
    apparatus: Apparatus, space: AnalysisSpace, most_electrons: int, nodes: Nodes
) -> Floats:
    """Probability of each cS2 bin given the electrons, shape (light yields, electrons, cS2 bins).

    Averaged over the volume, weighted with the polynomial that is 1 at one of the light yields of
    `cs1_matrices` and 0 at the others.
    """
    top = apparatus.fiducial_z_cm[1]
    us_per_cm = apparatus.us_per_cm
    lifetime = apparatus.electron_lifetime_us
    corrected_with = apparatus.corrected_with_us
    unit = apparatus.pe_per_area
    pe_per_electron = apparatus.electron_gain * (1 + apparatus.double_pe_probability)
    width = max(apparatus.single_pe_width, _LEAST_PE_WIDTH)
    z, weight = drift_nodes(apparatus, space, pe_per_electron, width, nodes)
    r2, radial_weight = radius_nodes(apparatus, nodes)
    at = light_yield_nodes(apparatus, nodes)
    s1 = apparatus.s1_relative_light_yield.at(r2, z[:, np.newaxis])
    basis = np.array([_lagrange(at, k, s1) for k in range(len(at))])
    basis *= weight[:, np.newaxis] * radial_weight
    s2 = apparatus.s2_relative_light_yield.at(r2, z[:, np.newaxis])
    spread = apparatus.electron_lifetime_spread
    n_lifetimes = ceil(nodes.lifetime * max(1.0, (spread / 0.15) ** 2)) if spread > 0 else 1
    pull, chance = np.polynomial.hermite_e.hermegauss(n_lifetimes)
    chance = chance / chance.sum()

    relative_sd = sqrt(apparatus.s2_fano + width**2)
    largest = unit * space.cs2_edges[-1] * np.exp(top * us_per_cm / corrected_with)
    most = (largest + 8 * relative_sd * sqrt(largest)) / pe_per_electron
    extracted = np.arange(1, ceil(most * (1.05 if apparatus.apply_bias else 1)) + 2)
    # What one position multiplies another divides by: the light yield cancels but for the width.
    means = pe_per_electron * extracted
    areas = _tabulate_areas(
        0.8 * s2.min() * means[0], 1.2 * s2.max() * means[-1], apparatus.s2_fano, width
    )
    electrons = np.arange(most_electrons + 1)
    coefficients = log_choose(electrons[:, np.newaxis], extracted)
    probability = np.zeros((len(at), len(electrons), space.shape[1]))
    for i in range(len(z)):
        corrected = space.cs2_edges * np.exp(z[i] * us_per_cm / corrected_with)
        light_yields, shares = spaced_light_yields(s2[i], nodes)
        given_extracted = []
        for here in light_yields:
            edges = unit * np.maximum(corrected * here, apparatus.s2_area_threshold)
            mean = means * here
            if apparatus.apply_bias:
                mean = mean * (1 + _bias(apparatus.s2_bias, mean))
            inside = _area_distribution(areas, mean, edges, relative_sd)
            given_extracted.append(np.diff(inside, axis=1))
        binomial = np.zeros(coefficients.shape)
        for x, share in zip(pull, chance, strict=True):
            survival = np.exp(z[i] * us_per_cm / (lifetime * np.exp(spread * x)))
            p = apparatus.extraction_efficiency * survival
            powers = log_powers(electrons[:, np.newaxis], extracted, p)
            binomial += share * np.exp(coefficients + powers)
        by_light_yield = basis[:, i] @ shares
        for j, given in enumerate(given_extracted):
            probability += by_light_yield[:, j, np.newaxis, np.newaxis] * (binomial @ given)
    return probability


def _lagrange(nodes: Floats, k: int, x: Floats) -> Floats:
    """Polynomial that is 1 at node k and 0 at the others, shape of x."""
    others = np.delete(nodes, k)
    return np.asarray(np.prod((x[..., np.newaxis] - others) / (nodes[k] - others), axis=-1))


def _bias(rows: Sizes, size: NDArray[Any]) -> Floats:
    """Relative bias, interpolated in the logarithm of the size, constant beyond the ends."""
    at, bias = np.array(rows, dtype=float).T
    return np.asarray(np.interp(np.log(np.maximum(size, 1e-9)), np.log(at), bias))


# Grid of `_tabulate_areas`: standard deviations, and inverse roots of the mean.
_PULL_STEP = 0.04
_PULLS = np.arange(-9.0, 9.0 + _PULL_STEP / 2, _PULL_STEP)
_ROOT_STEP = 0.004


def _tabulate_areas(
    least_mean: float, largest_mean: float, fano: float, width: float
) -> tuple[Floats, Floats]:
    """Cumulative distribution of an uncorrected S2 area (PE), in standard deviations from its mean.

    Returns
    -------
    Inverse roots of the mean number of photoelectrons, in steps of 0.004 at most, and a row of
    the distribution at `_PULLS` for each. From one row to the next little changes.
    """
    low, high = 1 / sqrt(largest_mean), 1 / sqrt(least_mean)
    roots = np.linspace(low, high, 2 + ceil((high - low) / _ROOT_STEP))
    table = np.empty((len(roots), len(_PULLS)))
    for row, mean in zip(table, roots**-2, strict=True):
        # The sum over photoelectrons is as good with a stride well below the area's width.
        stride = max(1, int(width * sqrt(mean) / 1.6))
        reach = 8 * sqrt(fano * mean) + 8
        pe = np.arange(max(0, int(mean - reach)), ceil(mean + reach), stride)
        at = mean + sqrt((fano + width**2) * mean) * _PULLS
        row[:] = _pe_weights(pe, mean, fano) @ _area_below(at, pe, width)
    return roots, table


def _area_distribution(
    areas: tuple[Floats, Floats], mean: Floats, edges: Floats, relative_sd: float
) -> Floats:
    """Probability of an area below each edge (PE), shape (means, edges)."""
    roots, table = areas
    root = 1 / np.sqrt(mean)[:, np.newaxis]
    place = (root - roots[0]) / (roots[1] - roots[0])
    i = np.clip(place.astype(np.int64), 0, len(roots) - 2)
    v = place - i
    pull = (edges * root - 1 / root) / relative_sd
    place = np.clip((pull - _PULLS[0]) / _PULL_STEP, 1, len(_PULLS) - 3)
    j = place.astype(np.int64)
    u = place - j
    # Linear in the root, cubic through four points in the pull.
    probability = np.zeros(pull.shape)
    for row, along in ((i, 1 - v), (i + 1, v)):
        probability += along * (
            -u * (u - 1) * (u - 2) / 6 * table[row, j - 1]
            + (u + 1) * (u - 1) * (u - 2) / 2 * table[row, j]
            - (u + 1) * u * (u - 2) / 2 * table[row, j + 1]
            + (u + 1) * u * (u - 1) / 6 * table[row, j + 2]
        )
    return probability


def _pe_weights(pe: NDArray[np.int64], mean: float, fano: float) -> Floats:
    """Distribution of an S2's photoelectrons: Poisson, or a rounded normal, not below zero."""
    if fano == 1:
        logarithm = pe * np.log(mean) - mean - scipy.special.gammaln(pe + 1.0)
    else:
        logarithm = -0.5 * (pe - mean) ** 2 / (fano * mean)
    weights = np.exp(logarithm - logarithm.max())
    return np.asarray(weights / weights.sum())


def _area_below(areas: Floats, pe: NDArray[np.int64], width: float) -> Floats:
    """Probability that photoelectrons make an area below each given (PE), shape (pe, areas)."""
    sd = width * np.sqrt(pe)[:, np.newaxis]
    distance = areas - pe[:, np.newaxis]
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(sd > 0, scipy.special.ndtr(distance / sd), distance > 0))
