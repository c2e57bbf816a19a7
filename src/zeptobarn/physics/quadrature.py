"""The detector's response without random numbers: sums over quanta, integrals over positions.

For a recoil energy, J is the joint distribution of photons and electrons, summed directly over
quanta, ions or heat. For a position, X gives the probability of each cS1 bin for a number of
photons and Y that of each cS2 bin for a number of electrons. Given the position the two signals
are independent, so the probability of each bin of the analysis space is Xᵀ J Y, averaged over
positions.

X and Y depend on the detector alone, and X on the position only through the light yield, in which
it is smooth. So X is kept at a few light yields, Gauss nodes between the least and the largest,
with polynomials between them; Y is averaged once and for all over many positions, with each
polynomial of the light yield there as its weight. That holds for maps with edges too.

Nothing here is shared with `zeptobarn.physics.simulate` but the yields and the detector's numbers.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from math import ceil, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, ndtr
from threadpoolctl import threadpool_limits

from zeptobarn.physics.apparatus import Apparatus, Recoil, Sizes
from zeptobarn.physics.detector import AnalysisSpace
from zeptobarn.physics.yields import (
    FANO,
    NOMINAL,
    QUANTA_PER_KEV,
    Nuisances,
    Recombination,
    Split,
    Yields,
    detector_yields,
)

Floats = NDArray[np.float64]

# Distributions are summed this many standard deviations to either side.
_REACH = 6.5
# Probabilities of a recoil below this are not followed.
_NEGLIGIBLE = 1e-12
# Sums over photoelectrons of an S2 are as smooth as for this relative width at least.
_LEAST_PE_WIDTH = 0.05


@dataclass(frozen=True)
class Nodes:
    """How fine the quadrature is; twice as fine changes nothing that matters.

    Attributes
    ----------
    energy
        Gauss nodes in an energy bin beyond the first, per unit of its width in ln E.
    radius
        Gauss nodes in r², where a light yield changes with it: in all, or between two radii of a
        map.
    light
        Light yields of the S1 at which X is kept, and light yields of the S2 between which its
        distribution is interpolated, where they are not uniform.
    drift
        Nodes in z per standard deviation of the smallest S2's logarithm.
    lifetime
        Gauss-Hermite nodes of a spread of the electron lifetime; more if it is above 0.15.
    share
        Nodes in the electrons' share per standard deviation of the narrower of its
        distribution and the binomial.
    """

    energy: float = 40.0
    radius: int = 4
    light: int = 8
    drift: float = 1.5
    lifetime: int = 9
    share: float = 1.2


DEFAULT_NODES = Nodes()


def response(
    apparatus: Apparatus,
    recoil: Recoil,
    space: AnalysisSpace,
    energy_edges_keV: Floats,
    nuisances: Nuisances = NOMINAL,
    threads: int = 1,
    nodes: Nodes = DEFAULT_NODES,
) -> Floats:
    """Probability that recoils, uniform in an energy bin, land in each bin of the analysis space.

    Parameters
    ----------
    apparatus
        The detector's numbers.
    recoil
        ``nr`` or ``er``.
    energy_edges_keV
        Edges of the energy bins (keV), shape (n + 1,).
    nuisances
        Uncertain numbers of the yields.
    threads
        Number of threads.

    Returns
    -------
    Probabilities, shape (n, cS1 bins × cS2 bins).
    """
    bins, energies, weight = _energies(energy_edges_keV, nodes)
    yields = detector_yields(apparatus, recoil, energies, nuisances)
    found = np.zeros((len(energy_edges_keV) - 1, *space.shape))
    # The last digits of a matrix product depend on the threads that BLAS takes.
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(threads) as pool:
        x = _cs1_matrices(apparatus, space, _most(yields.photons, energies), nodes)
        y = _cs2_matrices(apparatus, space, _most(yields.electrons, energies), nodes)
        # All light yields side by side: one matrix product for all.
        n_light_yields, n_electrons, n2 = y.shape
        y_wide = np.moveaxis(y, 0, 1).reshape(n_electrons, n_light_yields * n2)
        accepted = x.sum(axis=2).max(axis=0)

        def fill(i: int) -> None:
            for k in map(int, np.flatnonzero(bins == i)):
                drawn = _quanta(yields, k, energies[k], accepted, n_electrons, nodes)
                if drawn is None:
                    continue
                joint, photon, electron = drawn
                a = slice(photon, photon + joint.shape[0])
                b = slice(electron, electron + joint.shape[1])
                seen = (joint @ y_wide[b]).reshape(-1, n_light_yields, n2)
                found[i] += weight[k] * np.einsum("dpi,pdj->ij", x[:, a], seen, optimize=True)

        list(pool.map(fill, range(len(found))))
    return found.reshape(len(found), -1)


def _energies(edges_keV: Floats, nodes: Nodes) -> tuple[NDArray[np.int64], Floats, Floats]:
    """Energy bin, energy (keV) and weight in its bin of each node."""
    bins, energies, weights = [], [], []
    for i, (low, high) in enumerate(pairwise(edges_keV)):
        n = 1 + ceil(nodes.energy * np.log(high / low) - 1e-9)
        at, weight = np.polynomial.legendre.leggauss(n)
        bins.append(np.full(n, i))
        energies.append(low + (high - low) * (at + 1) / 2)
        weights.append(weight / 2)
    return np.concatenate(bins), np.concatenate(energies), np.concatenate(weights)


def _quanta(
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
        total = max(drawn.fano[i], 1.0) * (ions + drawn.excitons[i])
        return sqrt(total + r * (1 - r) * ions) + float(drawn.omega[i] * ions)
    return sqrt(photons + 1) + drawn.electron_probability_width * (photons + electrons)


def _recombined(drawn: Recombination, i: int) -> tuple[Floats, int, Floats, int]:
    """NEST's quanta: the joint distribution of all quanta and ions, and electrons given ions."""
    if drawn.separate:
        ions, p_ions = _rounded_normal(drawn.ions[i], sqrt(drawn.fano[i] * drawn.ions[i]))
        excitons, p_excitons = _rounded_normal(
            drawn.excitons[i], sqrt(drawn.fano[i] * drawn.excitons[i])
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
        joint = p_quanta[:, np.newaxis] * _binomial(quanta, np.arange(ions, last_ion + 1), share)
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
    density = 2 * sd * np.exp(-0.5 * at**2) / sqrt(2 * np.pi) * ndtr(skewness * at)
    return x, np.concatenate([[0.0], np.cumsum((density[1:] + density[:-1]) / 2 * np.diff(x))])


def _split(
    drawn: Split, energy_keV: float, photons: float, electrons: float, nodes: Nodes
) -> tuple[Floats, int, int]:
    """Joint distribution of photons + electrons and electrons, and the first number of each."""
    mean = QUANTA_PER_KEV * energy_keV
    first, p_quanta = _rounded_normal(mean, sqrt(FANO * mean))
    total = first + np.arange(len(p_quanta))
    detectable = (photons + electrons) / mean
    if detectable < 1:
        quanta = total
        width = sqrt(FANO * mean) * detectable + sqrt(mean * detectable * (1 - detectable))
        first, last = _range(detectable * mean, width, quanta[-1])
        total = np.arange(first, last + 1)
        p_total = p_quanta @ _binomial(quanta, total, detectable)
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
    weight = np.concatenate([[ndtr(-share / width)], weight, [ndtr((share - 1) / width)]])
    spread = _REACH * sqrt(total[-1] * share * (1 - share) + 1) + 1
    first_electron = max(0, int(low * total[0] - spread))
    last_electron = min(int(total[-1]), ceil(high * total[-1] + spread))
    number = np.arange(first_electron, last_electron + 1)
    most = total[-1:, np.newaxis]
    chances = np.exp(_log_choose(most, number) + _log_powers(most, number, p[:, np.newaxis]))
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
    found = np.zeros((last - first + 1, joint.shape[1]))
    column = np.broadcast_to(np.arange(joint.shape[1]), joint.shape)
    found[photons[inside] - first, column[inside]] = joint[inside]
    return found, first, first_electron


def _cs1_matrices(
    apparatus: Apparatus, space: AnalysisSpace, most_photons: int, nodes: Nodes
) -> Floats:
    """Probability of each cS1 bin given the photons, shape (light yields, photons, cS1 bins)."""
    light_yields = _light_yields(apparatus, nodes)
    width, unit = apparatus.single_pe_width, apparatus.pe_per_area
    double_pe = apparatus.double_pe_probability
    largest = space.cs1_edges[-1] * light_yields.max() * unit
    most_detected = ceil(largest + 8 * (1 + width) * sqrt(2 * largest) + 8)
    detected = np.arange(most_detected + 1)
    photons = np.arange(min(most_photons, _most_needed(most_detected, apparatus, light_yields)) + 1)
    pe = np.arange(2 * most_detected + 1)
    extra = pe - detected[:, np.newaxis]
    doubled = np.exp(
        _log_choose(detected[:, np.newaxis], extra)
        + _log_powers(detected[:, np.newaxis], extra, double_pe)
    )
    efficiency = np.array(apparatus.s1_peak_efficiency, dtype=float)
    kept = efficiency[np.minimum(detected, len(efficiency) - 1)]
    kept = np.where(detected < apparatus.s1_coincidence, 0.0, kept)
    log_choose = _log_choose(photons[:, np.newaxis], detected)
    found = np.empty((len(light_yields), len(photons), space.shape[0]))
    for k, light_yield in enumerate(light_yields):
        edges = np.maximum(space.cs1_edges * light_yield, apparatus.s1_area_threshold)
        areas = np.diff(_area_below(edges * unit, pe, width), axis=1)
        p = np.full(len(photons), apparatus.g1 * light_yield)
        if apparatus.apply_bias:
            p *= 1 + _bias(apparatus.s1_bias, photons * p)
        p = np.minimum(p, 1.0)[:, np.newaxis]
        binomial = np.exp(log_choose + _log_powers(photons[:, np.newaxis], detected, p))
        found[k] = binomial @ (kept[:, np.newaxis] * (doubled @ areas))
    return found


def _cs2_matrices(
    apparatus: Apparatus, space: AnalysisSpace, most_electrons: int, nodes: Nodes
) -> Floats:
    """Probability of each cS2 bin given the electrons, shape (light yields, electrons, cS2 bins).

    Averaged over the volume, weighted with the polynomial that is 1 at one of the light yields of
    `_cs1_matrices` and 0 at the others.
    """
    top = apparatus.fiducial_z_cm[1]
    us_per_cm = apparatus.us_per_cm
    lifetime = apparatus.electron_lifetime_us
    corrected_with = apparatus.corrected_with_us
    unit = apparatus.pe_per_area
    pe_per_electron = apparatus.electron_gain * (1 + apparatus.double_pe_probability)
    width = max(apparatus.single_pe_width, _LEAST_PE_WIDTH)
    z, weight = _drift_nodes(apparatus, space, pe_per_electron, width, nodes)
    r2, radial_weight = _radius_nodes(apparatus, nodes)
    at = _light_yields(apparatus, nodes)
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
    log_choose = _log_choose(electrons[:, np.newaxis], extracted)
    found = np.zeros((len(at), len(electrons), space.shape[1]))
    for i in range(len(z)):
        corrected = space.cs2_edges * np.exp(z[i] * us_per_cm / corrected_with)
        light_yields, shares = _shared_out(s2[i], nodes)
        given_extracted = []
        for here in light_yields:
            edges = unit * np.maximum(corrected * here, apparatus.s2_area_threshold)
            mean = means * here
            if apparatus.apply_bias:
                mean = mean * (1 + _bias(apparatus.s2_bias, mean))
            inside = _area_distribution(areas, mean, edges, relative_sd)
            given_extracted.append(np.diff(inside, axis=1))
        binomial = np.zeros(log_choose.shape)
        for x, share in zip(pull, chance, strict=True):
            survival = np.exp(z[i] * us_per_cm / (lifetime * np.exp(spread * x)))
            p = apparatus.extraction_efficiency * survival
            powers = _log_powers(electrons[:, np.newaxis], extracted, p)
            binomial += share * np.exp(log_choose + powers)
        by_light_yield = basis[:, i] @ shares
        for j, given in enumerate(given_extracted):
            found += by_light_yield[:, j, np.newaxis, np.newaxis] * (binomial @ given)
    return found


def _light_yields(apparatus: Apparatus, nodes: Nodes) -> Floats:
    """Relative light yields of the S1 between its extremes; one if it is uniform."""
    found = apparatus.everywhere(apparatus.s1_relative_light_yield)
    low, high = found.min(), found.max()
    if high - low < 1e-9 * high:
        return np.array([(low + high) / 2])
    # Narrow photoelectrons are peaks that move with the light yield.
    n = ceil(nodes.light * max(1.0, 0.2 / apparatus.single_pe_width))
    at, _ = np.polynomial.legendre.leggauss(n)
    return np.asarray(low + (high - low) * (at + 1) / 2)


def _shared_out(light_yields: Floats, nodes: Nodes) -> tuple[Floats, Floats]:
    """Evenly spaced light yields, and the share of each in those given, shape (given, spaced).

    Every light yield is shared between its two neighbours so that the mean stays.
    """
    low, high = light_yields.min(), light_yields.max()
    if high - low < 1e-9 * high:
        return light_yields[:1], np.ones((len(light_yields), 1))
    spaced = np.linspace(low, high, nodes.light)
    place = (light_yields - low) / (spaced[1] - spaced[0])
    distance = np.abs(place[:, np.newaxis] - np.arange(len(spaced)))
    return spaced, np.maximum(1 - distance, 0.0)


def _radius_nodes(apparatus: Apparatus, nodes: Nodes) -> tuple[Floats, Floats]:
    """Nodes in r² (cm²) and weights that sum to 1: Gauss nodes between the radii of maps."""
    radius = apparatus.fiducial_radius_cm
    fields, changes = apparatus.light_yields, False
    for field in fields:
        found = apparatus.everywhere(field)
        changes = changes or bool(np.ptp(found, axis=1).max() > 1e-9 * found.max())
    if not changes:
        return np.array([radius**2 / 2]), np.ones(1)
    inner = [r for field in fields for r in field.radius_cm if 0 < r < radius]
    return _gauss_between(np.square([0.0, *sorted(set(inner)), radius]), nodes.radius)


def _gauss_between(edges: Floats, n: int) -> tuple[Floats, Floats]:
    """Gauss nodes in every interval between edges, and weights that sum to 1."""
    at, weight = np.polynomial.legendre.leggauss(n)
    steps = np.diff(edges)[:, np.newaxis]
    found = edges[:-1, np.newaxis] + steps * (at + 1) / 2
    return found.ravel(), (steps * weight / 2).ravel() / (edges[-1] - edges[0])


def _drift_nodes(
    apparatus: Apparatus,
    space: AnalysisSpace,
    pe_per_electron: float,
    width: float,
    nodes: Nodes,
) -> tuple[Floats, Floats]:
    """Depths (cm) and weights that sum to 1: Gauss nodes between kinks.

    A cS2 edge coincides with the threshold on the uncorrected area at one depth; seen against the
    depth, the bin's probability has a kink there. So it has at the depths of a map.
    """
    bottom, top = apparatus.fiducial_z_cm
    lifetime = apparatus.electron_lifetime_us
    corrected_with = apparatus.corrected_with_us
    us_per_cm = apparatus.us_per_cm
    # Peaks of single electrons are as wide as this, relatively, where S2s are smallest.
    smallest = max(pe_per_electron, apparatus.pe_per_area * apparatus.s2_area_threshold)
    resolution = sqrt((apparatus.s2_fano + width**2) / smallest)
    with np.errstate(divide="ignore"):
        kinks = np.log(apparatus.s2_area_threshold / space.cs2_edges) * corrected_with / us_per_cm
    maps = [field.z_cm for field in apparatus.light_yields]
    kinks = np.unique(np.concatenate([kinks, *maps]))
    kinks = kinks[(kinks > bottom) & (kinks < top)]
    z, weight = [], []
    for low, high in pairwise([bottom, *kinks, top]):
        drift = (high - low) * us_per_cm / min(lifetime, corrected_with)
        n = 2 + ceil(nodes.drift * drift / resolution)
        at, share = _gauss_between(np.array([low, high]), n)
        z.append(at)
        weight.append(share * (high - low) / (top - bottom))
    return np.concatenate(z), np.concatenate(weight)


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
    found = np.zeros(pull.shape)
    for row, along in ((i, 1 - v), (i + 1, v)):
        found += along * (
            -u * (u - 1) * (u - 2) / 6 * table[row, j - 1]
            + (u + 1) * (u - 1) * (u - 2) / 2 * table[row, j]
            - (u + 1) * u * (u - 2) / 2 * table[row, j + 1]
            + (u + 1) * u * (u - 1) / 6 * table[row, j + 2]
        )
    return found


def _pe_weights(pe: NDArray[np.int64], mean: float, fano: float) -> Floats:
    """Distribution of an S2's photoelectrons: Poisson, or a rounded normal, not below zero."""
    if fano == 1:
        logarithm = pe * np.log(mean) - mean - gammaln(pe + 1.0)
    else:
        logarithm = -0.5 * (pe - mean) ** 2 / (fano * mean)
    weights = np.exp(logarithm - logarithm.max())
    return np.asarray(weights / weights.sum())


def _area_below(areas: Floats, pe: NDArray[np.int64], width: float) -> Floats:
    """Probability that photoelectrons make an area below each given (PE), shape (pe, areas)."""
    sd = width * np.sqrt(pe)[:, np.newaxis]
    distance = areas - pe[:, np.newaxis]
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(sd > 0, ndtr(distance / sd), distance > 0))


def _lagrange(nodes: Floats, k: int, x: Floats) -> Floats:
    """Polynomial that is 1 at node k and 0 at the others, shape of x."""
    others = np.delete(nodes, k)
    return np.asarray(np.prod((x[..., np.newaxis] - others) / (nodes[k] - others), axis=-1))


def _bias(rows: Sizes, size: NDArray[Any]) -> Floats:
    """Relative bias, interpolated in the logarithm of the size, constant beyond the ends."""
    at, bias = np.array(rows, dtype=float).T
    return np.asarray(np.interp(np.log(np.maximum(size, 1e-9)), np.log(at), bias))


def _most(means: Floats, energies_keV: Floats) -> int:
    """A number of quanta that recoils hardly ever exceed."""
    # Wider than any model's fluctuation: a share of 0.05 of all quanta, and what is binomial.
    quanta = QUANTA_PER_KEV * energies_keV
    reach = 2 * _REACH * np.sqrt(means + 1) + _REACH * np.minimum(0.05 * quanta, 0.3 * means)
    return int(np.max(means + reach)) + 10


def _most_needed(detected: int, apparatus: Apparatus, light_yield: Floats) -> int:
    """Photons of which more than ``detected`` are always seen."""
    p = 0.95 * apparatus.g1 * light_yield.min()
    return int((detected + 8 * sqrt(detected)) / p) + 1


def _range(mean: float, sd: float, most: int) -> tuple[int, int]:
    return max(0, int(mean - _REACH * sd) - 1), min(int(most), ceil(mean + _REACH * sd) + 1)


def _rounded_normal(mean: float, sd: float) -> tuple[int, Floats]:
    """First number and probabilities of a normal number, rounded and not below zero."""
    if sd <= 0:
        return max(0, int(mean + 0.5)), np.ones(1)
    first, last = _range(mean, sd, 10**9)
    below = ndtr((np.arange(first, last) + 0.5 - mean) / sd)
    return first, np.diff(below, prepend=0.0, append=1.0)


def _binomial(n: NDArray[np.int64], k: NDArray[np.int64], p: float) -> Floats:
    """Binomial probabilities, shape (n, k)."""
    column = n[:, np.newaxis]
    return np.asarray(np.exp(_log_choose(column, k) + _log_powers(column, k, p)))


def _log_choose(n: NDArray[np.int64], k: NDArray[np.int64]) -> Floats:
    """Logarithm of the binomial coefficient, −∞ where k is not among 0 … n."""
    inside = (k >= 0) & (k <= n)
    chosen = np.where(inside, k, 0)
    factorial = _log_factorials(int(np.max(n)).bit_length())
    value = factorial[n] - factorial[chosen] - factorial[n - chosen]
    return np.asarray(np.where(inside, value, -np.inf))


@cache
def _log_factorials(bits: int) -> Floats:
    return np.asarray(gammaln(np.arange(1.0, 2**bits + 1)))


def _log_powers(n: NDArray[np.int64], k: NDArray[np.int64], p: Any) -> Floats:
    """Logarithm of pᵏ (1 − p)ⁿ⁻ᵏ, 0 where an exponent is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        lost = np.where(n <= k, 0.0, (n - k) * np.log1p(-np.asarray(p, dtype=float)))
        kept = np.where(k <= 0, 0.0, k * np.log(np.asarray(p, dtype=float)))
    return np.asarray(kept + lost)
