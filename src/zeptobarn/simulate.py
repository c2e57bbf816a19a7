"""Event generator: recoil energy → (cS1, cS2), one event at a time, compiled.

The quanta of a recoil go separate, independent ways: heat, light that is seen or lost, charge
that reaches the gas or does not. So the photons detected and the electrons extracted are
multinomial given the number of quanta, and two binomial draws take the place of the chain of
detectable quanta, electrons, detected photons and surviving electrons.

Where few photons are seen, the number detected is drawn from those that pass the coincidence
cut, and the event carries the probability of passing as its weight: a recoil of 1 keV that is
seen once in ten thousand times then costs no more than one of 10 keV.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from math import exp, inf, log, log1p, nan, sqrt
from typing import Any, NamedTuple

import numpy as np

from zeptobarn.detector import AnalysisSpace, Recoil
from zeptobarn.jit import Floats, inner_kernel, kernel
from zeptobarn.yields import FANO, NOMINAL, QUANTA_PER_KEV, Nuisances, mean_yields


class Chain(NamedTuple):
    """A detector's numbers as the kernel takes them (lengths in cm, times in µs)."""

    electron_probability_width: float
    g1: float
    light_yield: Floats
    radius_squared_scale: float
    depth_scale: float
    radius_squared_max: float
    z_bottom: float
    z_top: float
    us_per_cm: float
    lifetime: float
    correction_lifetime: float
    extraction: float
    electron_gain: float
    double_pe: float
    pe_width: float
    pe_per_area: float
    coincidence: int
    s1_threshold: float
    s2_threshold: float
    efficiency: Floats
    apply_bias: bool
    s1_bias: Floats
    s2_bias: Floats


def simulate(
    settings: Mapping[str, Any],
    recoil: Recoil,
    energies_keV: Floats,
    rng: np.random.Generator,
    nuisances: Nuisances = NOMINAL,
) -> tuple[Floats, Floats]:
    """Simulate recoils of given energies, uniform over the fiducial volume.

    Parameters
    ----------
    settings
        `zeptobarn.detector.Detector.settings`.
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
    means = _means(settings, recoil, energies_keV, nuisances)
    cutoff = settings["response_cutoff_keV"][recoil]
    cs1, cs2 = np.full((2, len(energies_keV)), np.nan)
    _simulate(rng, chain(settings, recoil), energies_keV, *means, cutoff, cs1, cs2)
    return cs1, cs2


def histogram(
    settings: Mapping[str, Any],
    recoil: Recoil,
    space: AnalysisSpace,
    energy_edges_keV: Floats,
    events_per_bin: int,
    generators: Sequence[np.random.Generator],
    nuisances: Nuisances = NOMINAL,
    threads: int = 1,
) -> tuple[Floats, Floats]:
    """Simulate recoils of every energy bin, uniform in it, and sort them into (cS1, cS2).

    Parameters
    ----------
    energy_edges_keV
        Edges of the energy bins (keV), shape (n + 1,).
    events_per_bin
        Recoils simulated in each energy bin.
    generators
        One random generator per energy bin, so that the result depends neither on the number
        of threads nor on the other bins.
    threads
        Number of threads.

    Returns
    -------
    sums, squares
        Sum of the events' weights and of their squares in each bin of the analysis space,
        shape (n, cS1 bins × cS2 bins).
    """
    photons, electrons = _means(settings, recoil, energy_edges_keV, nuisances)
    numbers = chain(settings, recoil)
    sums, squares = np.zeros((2, len(generators), np.prod(space.shape)))
    grid = (
        space.cs1_edges[0],
        space.cs1_edges[-1],
        space.shape[0],
        log(space.cs2_edges[0]),
        log(space.cs2_edges[-1]),
        space.shape[1],
    )

    def fill(i: int) -> None:
        ends = energy_edges_keV[i : i + 2], photons[i : i + 2], electrons[i : i + 2]
        _histogram(generators[i], numbers, *ends, events_per_bin, grid, sums[i], squares[i])

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(fill, range(len(generators))))
    return sums, squares


def chain(settings: Mapping[str, Any], recoil: Recoil) -> Chain:
    """Turn a detector file's numbers into the kernel's."""
    light_yield = settings["s1_relative_light_yield"]
    z_bottom, z_top = settings["fiducial_z_cm"]
    double_pe = settings["double_pe_probability"]
    one = mean_yields(settings["yields"][recoil], 1.0, settings["drift_field_V_per_cm"])
    return Chain(
        electron_probability_width=one.electron_probability_width,
        g1=float(settings["g1"]),
        light_yield=np.array(light_yield["coefficients"], dtype=float),
        radius_squared_scale=float(light_yield["radius_squared_scale_cm2"]),
        depth_scale=float(light_yield["depth_scale_cm"]),
        radius_squared_max=float(settings["fiducial_radius_cm"] ** 2),
        z_bottom=float(z_bottom),
        z_top=float(z_top),
        us_per_cm=10.0 / settings["drift_velocity_mm_per_us"],
        lifetime=float(settings["electron_lifetime_us"]),
        correction_lifetime=float(
            settings.get("correction_lifetime_us", settings["electron_lifetime_us"])
        ),
        extraction=float(settings["extraction_efficiency"]),
        electron_gain=float(settings["electron_gain"]),
        double_pe=float(double_pe),
        pe_width=float(settings["single_pe_width"]),
        pe_per_area=1.0 + double_pe if settings["area_unit"] == "phd" else 1.0,
        coincidence=int(settings["s1_coincidence"]),
        s1_threshold=float(settings["s1_area_threshold"]),
        s2_threshold=float(settings["s2_area_threshold"]),
        efficiency=np.array(settings["s1_peak_efficiency"], dtype=float),
        apply_bias=bool(settings["apply_bias"]),
        s1_bias=_bias_table(settings.get("s1_bias")),
        s2_bias=_bias_table(settings.get("s2_bias")),
    )


def _bias_table(rows: Sequence[Sequence[float]] | None) -> Floats:
    """Rows of the result: logarithm of the size, relative bias."""
    table = np.array(rows or [[1.0, 0.0], [2.0, 0.0]], dtype=float).T.copy()
    table[0] = np.log(table[0])
    return table


def _means(
    settings: Mapping[str, Any],
    recoil: Recoil,
    energies_keV: Floats,
    nuisances: Nuisances,
) -> tuple[Floats, Floats]:
    found = mean_yields(
        settings["yields"][recoil], energies_keV, settings["drift_field_V_per_cm"], nuisances
    )
    return found.photons, found.electrons


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
    if n * p > 10.0 or least < 1:
        found = rng.binomial(n, p)
        return found, (1.0 if found >= least else 0.0)
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
def _event(
    rng: np.random.Generator,
    c: Chain,
    energy: float,
    photons: float,
    electrons: float,
    cs1_low: float,
    cs1_high: float,
) -> tuple[float, float, float]:
    """Simulate one recoil.

    Returns
    -------
    cs1, cs2 and the weight, which is 0 where a cut fails or cs1 is outside the limits given.
    """
    quanta_mean = QUANTA_PER_KEV * energy
    # To the nearest whole number; numba's round() is slow.
    quanta = int(quanta_mean + sqrt(FANO * quanta_mean) * rng.standard_normal() + 0.5)
    if quanta <= 0:
        return nan, nan, 0.0
    detectable = min((photons + electrons) / quanta_mean, 1.0)
    electron = electrons / (photons + electrons)
    electron += c.electron_probability_width * rng.standard_normal()
    electron = min(max(electron, 0.0), 1.0)

    u = c.radius_squared_max * rng.random() / c.radius_squared_scale
    z = c.z_bottom + (c.z_top - c.z_bottom) * rng.random()
    w = -z / c.depth_scale
    light_yield = 0.0
    for i in range(c.light_yield.shape[0] - 1, -1, -1):
        row = 0.0
        for j in range(c.light_yield.shape[1] - 1, -1, -1):
            row = row * w + c.light_yield[i, j]
        light_yield = light_yield * u + row
    survival = exp(z * c.us_per_cm / c.lifetime)

    seen = detectable * (1.0 - electron) * c.g1 * light_yield
    if c.apply_bias:
        seen *= 1.0 + _interpolate(c.s1_bias, quanta * seen)
    photons_detected, weight = _binomial_from(rng, quanta, min(seen, 1.0), c.coincidence)
    weight *= c.efficiency[min(photons_detected, len(c.efficiency) - 1)]
    if weight == 0.0:
        return nan, nan, 0.0
    pe = photons_detected + rng.binomial(photons_detected, c.double_pe)
    s1 = (pe + c.pe_width * sqrt(pe) * rng.standard_normal()) / c.pe_per_area
    cs1 = s1 / light_yield
    if s1 < c.s1_threshold or cs1 < cs1_low or cs1 >= cs1_high:
        return nan, nan, 0.0

    extracted = detectable * electron * c.extraction * survival / max(1.0 - seen, 1e-12)
    n_electrons = rng.binomial(quanta - photons_detected, min(extracted, 1.0))
    if n_electrons < 1:
        return nan, nan, 0.0
    pe_mean = n_electrons * c.electron_gain * (1.0 + c.double_pe)
    if c.apply_bias:
        pe_mean *= 1.0 + _interpolate(c.s2_bias, pe_mean)
    pe = rng.poisson(pe_mean)
    s2 = (pe + c.pe_width * sqrt(pe) * rng.standard_normal()) / c.pe_per_area
    if s2 < c.s2_threshold:
        return nan, nan, 0.0
    return cs1, s2 * exp(-z * c.us_per_cm / c.correction_lifetime), weight


@kernel()
def _simulate(
    rng: np.random.Generator,
    c: Chain,
    energies: Floats,
    photons: Floats,
    electrons: Floats,
    cutoff: float,
    cs1: Floats,
    cs2: Floats,
) -> None:
    for i in range(len(energies)):
        if energies[i] >= cutoff:
            a, b, weight = _event(rng, c, energies[i], photons[i], electrons[i], -inf, inf)
            if rng.random() < weight:
                cs1[i], cs2[i] = a, b


@kernel()
def _histogram(
    rng: np.random.Generator,
    c: Chain,
    energy: Floats,
    photons: Floats,
    electrons: Floats,
    n_events: int,
    grid: tuple[float, float, int, float, float, int],
    sums: Floats,
    squares: Floats,
) -> None:
    cs1_low, cs1_high, n1, lncs2_low, lncs2_high, n2 = grid
    per_cs1, per_lncs2 = n1 / (cs1_high - cs1_low), n2 / (lncs2_high - lncs2_low)
    for _ in range(n_events):
        u = rng.random()
        cs1, cs2, weight = _event(
            rng,
            c,
            energy[0] + u * (energy[1] - energy[0]),
            photons[0] + u * (photons[1] - photons[0]),
            electrons[0] + u * (electrons[1] - electrons[0]),
            cs1_low,
            cs1_high,
        )
        if not (weight > 0.0 and cs2 > 0.0):
            continue
        y = (log(cs2) - lncs2_low) * per_lncs2
        if 0.0 <= y < n2:
            i = min(int((cs1 - cs1_low) * per_cs1), n1 - 1)
            sums[i * n2 + int(y)] += weight
            squares[i * n2 + int(y)] += weight * weight
