"""Event generator: recoil energy → (cS1, cS2), one event at a time, compiled.

With the older yield models the quanta of a recoil go separate, independent ways: heat, light that
is seen or lost, charge that reaches the gas or does not. So the photons detected and the
electrons extracted are multinomial given the number of quanta, and two binomial draws take the
place of the chain of detectable quanta, electrons, detected photons and surviving electrons.
NEST's yields, and an S1 bias that depends on the number of photons, need the photons and
electrons themselves; detection is then two binomial draws from these.

Where few photons are seen, the number detected is drawn from those that pass the coincidence
cut, and the event carries the probability of passing as its weight: a recoil of 1 keV that is
seen once in ten thousand times then costs no more than one of 10 keV.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from math import exp, floor, inf, log, log1p, nan, pi, sqrt

import numpy as np

from zeptobarn.physics.apparatus import Apparatus, Recoil
from zeptobarn.physics.chain import NUCLEAR, SPLIT, Chain, Field, chain, quanta_table
from zeptobarn.physics.detector import AnalysisSpace
from zeptobarn.physics.yields import NOMINAL, Nuisances
from zeptobarn.support.jit import Bools, Floats, Ints, inner_kernel, kernel

_ROOT_2_OVER_PI = sqrt(2.0 / pi)

# Recoils per energy bin that find out how many are accepted.
_PILOT_EVENTS = 2000
# At most this many times the events asked for, where few are accepted.
_MOST_OVER_ACCEPTED = 20


def simulate(
    apparatus: Apparatus,
    recoil: Recoil,
    energies_keV: Floats,
    rng: np.random.Generator,
    nuisances: Nuisances = NOMINAL,
) -> tuple[Floats, Floats]:
    """Simulate recoils of given energies, uniform over the fiducial volume.

    Parameters
    ----------
    apparatus
        The detector's numbers.
    recoil
        ``nr`` or ``er``.
    energies_keV
        Recoil energies (keV), shape (n,).
    rng
        Random generator.
    nuisances
        Uncertain numbers of the yields.

    Returns
    -------
    cs1, cs2
        Corrected areas (the detector's area unit), shape (n,); NaN where a cut fails.
    """
    table = quanta_table(apparatus, recoil, energies_keV, nuisances)
    cs1, cs2 = np.full((2, len(energies_keV)), np.nan)
    accepted = energies_keV >= apparatus.response_cutoff_keV[recoil]
    _simulate(rng, chain(apparatus, recoil), table, accepted, cs1, cs2)
    return cs1, cs2


def histogram(
    apparatus: Apparatus,
    recoil: Recoil,
    space: AnalysisSpace,
    energy_edges_keV: Floats,
    events_per_bin: int,
    generators: Sequence[np.random.Generator],
    nuisances: Nuisances = NOMINAL,
    threads: int = 1,
) -> tuple[Floats, Floats, Ints]:
    """Simulate recoils of every energy bin and sort them into (cS1, cS2).

    The energies of a bin are stratified: each recoil has an equal share of the bin to itself.
    A bin of which few recoils are accepted gets more, as a first pass of 2000 recoils that is
    thrown away tells, but not more than twenty times as many; one of which none is accepted gets
    no more than what was asked for.

    Parameters
    ----------
    energy_edges_keV
        Edges of the energy bins (keV), shape (n + 1,).
    events_per_bin
        Recoils to be accepted in each energy bin.
    generators
        One random generator per energy bin, so that the result depends neither on the number
        of threads nor on the other bins.
    threads
        Number of threads.

    Returns
    -------
    probability, variance
        Probability to land in each bin of the analysis space and its variance, shape
        (n, cS1 bins × cS2 bins). The variance is 0 in an energy bin of one recoil.
    events
        Recoils simulated in each energy bin, shape (n,).
    """
    table = quanta_table(apparatus, recoil, energy_edges_keV, nuisances)
    numbers = chain(apparatus, recoil)
    n_bins = len(generators)
    sums, squares = np.zeros((2, n_bins, np.prod(space.shape)))
    events = np.zeros(n_bins, dtype=np.int64)
    grid = (
        space.cs1_edges[0],
        space.cs1_edges[-1],
        space.shape[0],
        log(space.cs2_edges[0]),
        log(space.cs2_edges[-1]),
        space.shape[1],
    )

    def fill(i: int) -> None:
        ends, into = table[i : i + 2], (sums[i], squares[i])
        accepted = _histogram(generators[i], numbers, ends, _PILOT_EVENTS, grid, *into)
        share = max(accepted / _PILOT_EVENTS, 1 / _MOST_OVER_ACCEPTED) if accepted else 1.0
        events[i] = round(events_per_bin / share)
        sums[i] = squares[i] = 0.0
        _histogram(generators[i], numbers, ends, events[i], grid, *into)

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(fill, range(n_bins)))
    n = events[:, np.newaxis]
    probability = sums / n
    # The variance of a mean of n, unbiased; that of a single recoil is not known.
    return probability, (squares / n - probability**2) / np.maximum(n - 1, 1), events


@inner_kernel()
def _interpolate(table: Floats, size: float) -> float:
    """Interpolate in the logarithm of the size, constant beyond the table's ends."""
    x, y = table[0], table[1]
    at = log(max(size, 1e-9))
    i = 0
    while i < len(x) - 2 and at > x[i + 1]:
        i += 1
    fraction = min(max((at - x[i]) / (x[i + 1] - x[i]), 0.0), 1.0)
    return float(y[i] + fraction * (y[i + 1] - y[i]))


@inner_kernel(forceinline=True)
def _binomial_from(rng: np.random.Generator, n: int, p: float, least: int) -> tuple[int, float]:
    """Draw a binomial number given that it is at least ``least``.

    Returns
    -------
    The number and the probability of the condition. Where many are expected the condition is
    left to chance instead: the probability is then 1, or 0 where it failed.
    """
    if n * p > 10.0 or least < 1 or p >= 1.0:
        number = rng.binomial(n, p)
        return number, (1.0 if number >= least else 0.0)
    if n < least:
        return 0, 0.0
    odds = p / (1.0 - p)
    term = exp(n * log1p(-p))
    passing = 1.0
    for k in range(least):
        passing -= term
        term *= odds * (n - k) / (k + 1)
    if passing < 1e-12:
        return 0, 0.0
    left = passing * rng.random() - term
    k = least
    while left > 0.0 and k < n:
        term *= odds * (n - k) / (k + 1)
        left -= term
        k += 1
    return k, passing


@inner_kernel(forceinline=True)
def _rounded(x: float) -> int:
    """To the nearest; numba's round() is slow."""
    return floor(x + 0.5)


@inner_kernel(forceinline=True)
def _recombine(rng: np.random.Generator, c: Chain, row: Floats) -> tuple[int, int]:
    """Photons and electrons of NEST's model, see `zeptobarn.physics.yields.Recombination`."""
    mean_ions, mean_excitons, recombination = row[0], row[1], row[2]
    omega, skewness, fano = row[3], row[4], row[5]
    if c.model == NUCLEAR:
        ions = _rounded(mean_ions + sqrt(fano * mean_ions) * rng.standard_normal())
        ions = max(ions, 0)
        width = sqrt(row[6] * mean_excitons)
        excitons = _rounded(mean_excitons + width * rng.standard_normal())
        quanta = ions + max(excitons, 0)
    else:
        mean = mean_ions + mean_excitons
        quanta = max(_rounded(mean + sqrt(fano * mean) * rng.standard_normal()), 0)
        ions = rng.binomial(quanta, mean_ions / mean) if quanta > 0 else 0
    if recombination <= 0.0:
        return quanta - ions, ions
    width = sqrt(ions * (recombination * (1.0 - recombination) + omega * omega * ions))
    slant = skewness / sqrt(1.0 + skewness * skewness)
    # Skew-normal with mean 0 and variance 1.
    pull = slant * (abs(rng.standard_normal()) - _ROOT_2_OVER_PI)
    pull += sqrt(1.0 - slant * slant) * rng.standard_normal()
    pull /= sqrt(1.0 - (_ROOT_2_OVER_PI * slant) ** 2)
    electrons = _rounded((1.0 - recombination) * ions + width * pull)
    electrons = min(max(electrons, 0), ions)
    return quanta - electrons, electrons


@inner_kernel(forceinline=True)
def _light_yield(field: Field, radius_squared: float, z: float) -> float:
    if len(field.z) > 0:
        return _from_map(field, sqrt(radius_squared), z)
    if field.coefficients.size == 1:
        return float(field.coefficients[0, 0])
    u, w = radius_squared / field.radius_squared_scale, -z / field.depth_scale
    light_yield = 0.0
    for i in range(field.coefficients.shape[0] - 1, -1, -1):
        row = 0.0
        for j in range(field.coefficients.shape[1] - 1, -1, -1):
            row = row * w + field.coefficients[i, j]
        light_yield = light_yield * u + row
    return light_yield


@inner_kernel()
def _from_map(field: Field, radius: float, z: float) -> float:
    """Interpolate linearly in radius and z; the map covers the fiducial volume."""
    i = min(max(int(np.searchsorted(field.radius, radius)) - 1, 0), len(field.radius) - 2)
    j = min(max(int(np.searchsorted(field.z, z)) - 1, 0), len(field.z) - 2)
    p = (radius - field.radius[i]) / (field.radius[i + 1] - field.radius[i])
    q = (z - field.z[j]) / (field.z[j + 1] - field.z[j])
    low = (1.0 - q) * field.values[i, j] + q * field.values[i, j + 1]
    high = (1.0 - q) * field.values[i + 1, j] + q * field.values[i + 1, j + 1]
    return float((1.0 - p) * low + p * high)


@inner_kernel(forceinline=True)
def _cs2(
    rng: np.random.Generator, c: Chain, n_electrons: int, radius_squared: float, z: float
) -> float:
    """Corrected S2 of electrons in the gas; NaN below the threshold."""
    s2_light_yield = _light_yield(c.s2_light_yield, radius_squared, z)
    pe_mean = n_electrons * c.electron_gain * (1.0 + c.double_pe) * s2_light_yield
    if c.apply_bias:
        pe_mean *= 1.0 + _interpolate(c.s2_bias, pe_mean)
    if c.s2_fano == 1.0:
        pe = rng.poisson(pe_mean)
    else:
        pe = max(_rounded(pe_mean + sqrt(c.s2_fano * pe_mean) * rng.standard_normal()), 0)
    s2 = (pe + c.pe_width * sqrt(pe) * rng.standard_normal()) / c.pe_per_area
    if s2 < c.s2_threshold:
        return nan
    return s2 * exp(-z * c.us_per_cm / c.correction_lifetime) / s2_light_yield


@inner_kernel(forceinline=True)
def _event(
    rng: np.random.Generator, c: Chain, row: Floats, cs1_low: float, cs1_high: float
) -> tuple[float, float, float]:
    """Simulate one recoil.

    Returns
    -------
    cs1, cs2 and the weight, which is 0 where a cut fails or cs1 is outside the limits given.
    """
    z = c.z_bottom + (c.z_top - c.z_bottom) * rng.random()
    radius_squared = c.radius_squared_max * rng.random()
    light_yield = _light_yield(c.s1_light_yield, radius_squared, z)
    seen = c.g1 * light_yield

    # Photons are detected among `photons`, each with probability `seen`; electrons are extracted
    # among `electrons`, which in the multinomial shortcut are all quanta not yet detected.
    quanta, detectable, share = 0, 1.0, 0.0
    if c.model == SPLIT:
        quanta_mean = row[0]
        quanta = _rounded(quanta_mean + sqrt(c.fano * quanta_mean) * rng.standard_normal())
        if quanta <= 0:
            return nan, nan, 0.0
        detectable = min((row[1] + row[2]) / quanta_mean, 1.0)
        share = row[2] / (row[1] + row[2]) + c.electron_probability_width * rng.standard_normal()
        share = min(max(share, 0.0), 1.0)
    multinomial = c.model == SPLIT and not c.apply_bias
    if multinomial:
        photons, electrons = quanta, 0
        seen *= detectable * (1.0 - share)
    elif c.model == SPLIT:
        quanta = rng.binomial(quanta, detectable)
        electrons = rng.binomial(quanta, share)
        photons = quanta - electrons
    else:
        photons, electrons = _recombine(rng, c, row)
    if c.apply_bias:
        seen *= 1.0 + _interpolate(c.s1_bias, photons * seen)
    photons_detected, weight = _binomial_from(rng, photons, min(seen, 1.0), c.coincidence)
    weight *= c.efficiency[min(photons_detected, len(c.efficiency) - 1)]
    if weight == 0.0:
        return nan, nan, 0.0
    pe = photons_detected + rng.binomial(photons_detected, c.double_pe)
    s1 = (pe + c.pe_width * sqrt(pe) * rng.standard_normal()) / c.pe_per_area
    cs1 = s1 / light_yield
    if s1 < c.s1_threshold or cs1 < cs1_low or cs1 >= cs1_high:
        return nan, nan, 0.0

    lifetime = c.lifetime
    if c.lifetime_spread > 0.0:
        lifetime *= exp(c.lifetime_spread * rng.standard_normal())
    extracted = c.extraction * exp(z * c.us_per_cm / lifetime)
    if multinomial:
        electrons = quanta - photons_detected
        extracted *= detectable * share / max(1.0 - seen, 1e-12)
    n_electrons = rng.binomial(electrons, min(extracted, 1.0))
    if n_electrons < 1:
        return nan, nan, 0.0
    cs2 = _cs2(rng, c, n_electrons, radius_squared, z)
    if np.isnan(cs2):
        return nan, nan, 0.0
    return cs1, cs2, weight


@kernel()
def _simulate(
    rng: np.random.Generator, c: Chain, table: Floats, accepted: Bools, cs1: Floats, cs2: Floats
) -> None:
    for i in range(len(table)):
        if accepted[i]:
            a, b, weight = _event(rng, c, table[i], -inf, inf)
            if rng.random() < weight:
                cs1[i], cs2[i] = a, b


@kernel()
def _histogram(
    rng: np.random.Generator,
    c: Chain,
    ends: Floats,
    n_events: int,
    grid: tuple[float, float, int, float, float, int],
    sums: Floats,
    squares: Floats,
) -> int:
    """Add weights and their squares to bins; give the number of events inside the grid."""
    cs1_low, cs1_high, n1, lncs2_low, lncs2_high, n2 = grid
    per_cs1, per_lncs2 = n1 / (cs1_high - cs1_low), n2 / (lncs2_high - lncs2_low)
    row, low, step = np.empty_like(ends[0]), ends[0], ends[1] - ends[0]
    inside = 0
    for k in range(n_events):
        u = (k + rng.random()) / n_events
        for i in range(len(row)):
            row[i] = low[i] + u * step[i]
        cs1, cs2, weight = _event(rng, c, row, cs1_low, cs1_high)
        if not (weight > 0.0 and cs2 > 0.0):
            continue
        y = (log(cs2) - lncs2_low) * per_lncs2
        if 0.0 <= y < n2:
            i = min(int((cs1 - cs1_low) * per_cs1), n1 - 1)
            sums[i * n2 + int(y)] += weight
            squares[i * n2 + int(y)] += weight * weight
            inside += 1
    return inside
