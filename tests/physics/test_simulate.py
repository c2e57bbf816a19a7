"""The compiled generator against a slow one in numpy that walks the whole chain of quanta."""

from dataclasses import replace

import numba
import numpy as np
import pytest
from scipy import stats

from zeptobarn.physics.apparatus import LightYield
from zeptobarn.physics.simulate import _binomial_from, histogram, simulate
from zeptobarn.physics.yields import FANO, QUANTA_PER_KEV, mean_yields
from zeptobarn.support.streams import stream

N = 200_000

TOY_YIELDS = {"nr": "lenardo2015", "er": "er_polynomial"}


def chain_in_numpy(apparatus, recoil, energy, rng, n=N):
    """Every step as MODEL.md lists it: no multinomial shortcut, no conditional draw."""
    yields = mean_yields(apparatus.yields[recoil], energy, apparatus.drift_field_V_per_cm)
    mean = QUANTA_PER_KEV * energy
    quanta = np.rint(rng.normal(mean, np.sqrt(FANO * mean), n)).clip(0).astype(int)
    total = yields.photons + yields.electrons
    quanta = rng.binomial(quanta, min(total / mean, 1.0))
    share = rng.normal(
        yields.electrons / total, yields.fluctuations.electron_probability_width, n
    ).clip(0, 1)
    electrons = rng.binomial(quanta, share)
    photons = quanta - electrons
    r2 = apparatus.fiducial_radius_cm**2 * rng.random(n)
    z = rng.uniform(*apparatus.fiducial_z_cm, n)
    light_yield = apparatus.s1_relative_light_yield.at(r2, z)
    detected = rng.binomial(photons, apparatus.g1 * light_yield)
    pe = detected + rng.binomial(detected, apparatus.double_pe_probability)
    unit = 1 + apparatus.double_pe_probability if apparatus.area_unit == "phd" else 1
    s1 = rng.normal(pe, apparatus.single_pe_width * np.sqrt(pe)) / unit
    drift_us = 10 * -z / apparatus.drift_velocity_mm_per_us
    survival = np.exp(-drift_us / apparatus.electron_lifetime_us)
    extracted = rng.binomial(electrons, apparatus.extraction_efficiency * survival)
    gain = apparatus.electron_gain * (1 + apparatus.double_pe_probability)
    pe2 = rng.poisson(extracted * gain)
    s2 = rng.normal(pe2, apparatus.single_pe_width * np.sqrt(pe2)) / unit
    efficiency = np.array(apparatus.s1_peak_efficiency)
    kept = (
        (detected >= apparatus.s1_coincidence)
        & (rng.random(n) < efficiency[np.minimum(detected, len(efficiency) - 1)])
        & (s1 >= apparatus.s1_area_threshold)
        & (extracted >= 1)
        & (s2 >= apparatus.s2_area_threshold)
    )
    return (s1 / light_yield)[kept], (s2 / survival)[kept]


@pytest.mark.parametrize("detector", ["xenon1t", "lz"])
@pytest.mark.parametrize(("recoil", "energy"), [("nr", 2.0), ("nr", 10.0), ("er", 3.0)])
@pytest.mark.parametrize("apply_bias", [False, True])
def test_agrees_with_the_chain_step_by_step(small_study, detector, recoil, energy, apply_bias):
    """With a bias the generator draws photons and electrons, without it takes the shortcut."""
    apparatus = replace(small_study.detectors[detector].apparatus, yields=TOY_YIELDS)
    if apply_bias:
        # No bias at all, but its way through the generator.
        none = [[1.0, 0.0], [1e5, 0.0]]
        apparatus = replace(apparatus, apply_bias=True, s1_bias=none, s2_bias=none)
    expected = chain_in_numpy(apparatus, recoil, energy, stream(1, "numpy"))
    cs1, cs2 = simulate(apparatus, recoil, np.full(N, energy), stream(1, "kernel"))
    kept = ~np.isnan(cs1)
    assert (np.isnan(cs2) == ~kept).all()
    a, b = len(expected[0]), kept.sum()
    assert abs(a - b) < 4 * np.sqrt(a + b)
    for mine, theirs in zip((cs1[kept], cs2[kept]), expected, strict=True):
        assert stats.ks_2samp(mine, theirs).pvalue > 1e-3
    correlations = [
        np.corrcoef(*np.log(np.clip(pair, 1e-3, None)))[0, 1]
        for pair in ((cs1[kept], cs2[kept]), expected)
    ]
    assert correlations[0] == pytest.approx(correlations[1], abs=5 / np.sqrt(b))


@pytest.mark.parametrize(("photons", "expected"), [(20, 0.4669), (50, 0.9589)])
def test_probability_of_three_detected_photons(photons, expected):
    """MODEL.md §4: p = 0.1442/1.15."""

    @numba.njit
    def draw(rng, n, p):
        return _binomial_from(rng, n, p, 3)

    rng = stream(1, "binomial")
    number, probability = draw(rng, photons, 0.1442 / 1.15)
    assert number >= 3
    assert probability == pytest.approx(expected, abs=5e-5)


def test_conditional_binomial_has_the_right_distribution():
    @numba.njit
    def draw(rng, n, p, size):
        counts = np.empty(size, dtype=np.int64)
        for i in range(size):
            counts[i], _ = _binomial_from(rng, n, p, 3)
        return counts

    counts = draw(stream(1, "conditional"), 30, 0.05, N)
    k = np.arange(3, 9)
    law = stats.binom.pmf(k, 30, 0.05) / stats.binom.sf(2, 30, 0.05)
    expected = np.append(law, 1 - law.sum()) * N
    seen = np.append([(counts == i).sum() for i in k], (counts > 8).sum())
    assert counts.min() == 3
    assert stats.chisquare(seen, expected).pvalue > 1e-3


def test_below_the_cutoff_nothing_is_seen(small_study):
    apparatus = small_study.detectors["xenon1t"].apparatus
    cs1, _ = simulate(apparatus, "nr", np.full(5000, 0.99), stream(1, "cutoff"))
    assert np.isnan(cs1).all()


def test_bias_shifts_the_signals(small_study):
    apparatus = small_study.detectors["xenon1t"].apparatus
    medians = []
    for apply_bias in (False, True):
        biased = replace(apparatus, apply_bias=apply_bias)
        signals = simulate(biased, "er", np.full(N, 8.0), stream(1, "bias"))
        medians.append(np.nanmedian(signals, axis=1))
    # At some 40 photons and 1000 PE: −5 % and −2.5 %.
    shift = medians[1] / medians[0] - 1
    assert shift[0] == pytest.approx(-0.051, abs=0.006)
    assert shift[1] == pytest.approx(-0.025, abs=0.006)


def test_histogram_counts_what_the_generator_makes(small_study):
    detector = small_study.detectors["lz"]
    edges = np.array([8.0, 8.0 * (1 + 1e-9)])
    probability, variance, events = histogram(
        detector.apparatus, "nr", detector.space, edges, N, [stream(1, "histogram")]
    )
    cs1, cs2 = simulate(detector.apparatus, "nr", np.full(N, 8.0), stream(1, "events"))
    seen = np.histogram2d(cs1, cs2, (detector.space.cs1_edges, detector.space.cs2_edges))[0] / N
    assert events[0] >= N
    total, error = probability.sum(), np.sqrt(variance.sum() + seen.sum() / N)
    assert abs(total - seen.sum()) < 4 * error
    by_cs1, error = (x.reshape(detector.space.shape).sum(axis=1) for x in (probability, variance))
    expected = seen.sum(axis=1)
    big = expected * N > 25
    pulls = (by_cs1 - expected)[big] / np.sqrt(error[big] + expected[big] / N)
    assert stats.chi2.sf((pulls**2).sum(), big.sum()) > 1e-3


def test_variance_of_a_few_recoils(small_study):
    """With three recoils in each energy bin, in all bins: their mean scatters as it says."""
    detector = small_study.detectors["xenon1t"]
    edges = np.array([20.0, 20.2])
    runs = [
        histogram(detector.apparatus, "nr", detector.space, edges, 3, [stream(1, "few", i)])
        for i in range(1000)
    ]
    assert {int(events[0]) for _, _, events in runs} == {3}
    probabilities = np.array([probability[0] for probability, _, _ in runs])
    stated = np.mean([variance.sum() for _, variance, _ in runs])
    assert stated == pytest.approx(probabilities.var(axis=0, ddof=1).sum(), rel=0.03)


def test_events_follow_the_acceptance(small_study):
    """A bin of which one recoil in a thousand is seen gets more of them, up to twenty times."""
    detector = small_study.detectors["xenon1t"]
    _, _, events = histogram(
        detector.apparatus,
        "nr",
        detector.space,
        np.array([1.5, 1.52, 8.0, 8.1, 30.0, 30.5]),
        1000,
        [stream(1, "bin", i) for i in range(5)],
    )
    assert events[0] == 20_000
    assert events[4] == pytest.approx(1000, rel=0.05)
    assert events[0] > events[2] > events[4]


def test_light_yield_map_is_the_polynomial_it_was_made_from(small_study):
    """A fine map of XENON1T's polynomial gives the polynomial's S1s."""
    apparatus = small_study.detectors["xenon1t"].apparatus
    radii = np.linspace(0, 40, 81)
    z = np.linspace(-84, -13, 72)
    values = apparatus.s1_relative_light_yield.at(radii[:, np.newaxis] ** 2, z)
    as_map = LightYield(radius_cm=radii, z_cm=z, relative_yield=values)
    signals = [
        simulate(
            replace(apparatus, s1_relative_light_yield=one), "er", np.full(N, 5.0), stream(1, "m")
        )
        for one in (apparatus.s1_relative_light_yield, as_map)
    ]
    # Where a few photons more or less are drawn the events part; the others agree.
    same = np.isclose(signals[0][0], signals[1][0], rtol=1e-3)
    assert np.mean(same) > 0.9
    assert np.nanmean(signals[1][0]) == pytest.approx(np.nanmean(signals[0][0]), rel=2e-3)


def test_spread_of_the_lifetime_and_of_the_gain_widen_the_s2(small_study):
    detector = small_study.detectors["lz"]
    nominal = detector.apparatus
    logarithms = {}
    for name, change in (
        ("nominal", {}),
        ("lifetime", {"electron_lifetime_spread": 0.2}),
        ("gain", {"s2_fano": 20.0}),
    ):
        _, cs2 = simulate(replace(nominal, **change), "nr", np.full(N, 20.0), stream(1, "spread"))
        logarithms[name] = np.log(cs2[~np.isnan(cs2)])
    variances = {name: values.var() for name, values in logarithms.items()}
    # ln S2 moves by drift time / lifetime × spread: mean square over the drift times.
    drift = np.linspace(13.2, 144.2, 1001) * 10 / 1.88 / 850
    extra = np.mean((0.2 * drift) ** 2)
    assert variances["lifetime"] - variances["nominal"] == pytest.approx(extra, rel=0.15)
    # Relative variance of photoelectrons: 19 more times their inverse mean.
    electrons = np.exp(logarithms["nominal"]).mean() / 83 * np.exp(-drift).mean()
    assert variances["gain"] - variances["nominal"] == pytest.approx(
        19 / (electrons * 83 * 1.23), rel=0.25
    )


def test_threads_change_nothing(small_study):
    detector = small_study.detectors["xenon1t"]
    edges = np.geomspace(2, 20, 12)
    runs = [
        histogram(
            detector.apparatus,
            "nr",
            detector.space,
            edges,
            2000,
            [stream(1, "bin", i) for i in range(11)],
            threads=threads,
        )
        for threads in (1, 2, 5)
    ]
    for other in runs[1:]:
        for one, same in zip(runs[0], other, strict=True):
            np.testing.assert_array_equal(one, same)
