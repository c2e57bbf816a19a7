"""Bins, the kernel estimate, and bins that hold nothing."""

import numpy as np
import pytest
from scipy.interpolate import RectBivariateSpline
from scipy.stats import norm

from zeptobarn.physics.detector import AnalysisSpace, load_detector
from zeptobarn.templates.density import bandwidths, bin_index, holes, smooth

SPACE = AnalysisSpace(np.linspace(3, 70, 68), np.geomspace(50, 8000, 71))


def events(n, seed=1):
    """A band that bends, and reaches over the lower edge of cS1."""
    rng = np.random.default_rng(seed)
    cs1 = rng.gamma(2, 8, n)
    cs2 = np.exp(np.log(300) + 0.04 * cs1 + 0.25 * rng.standard_normal(n))
    inside = (cs1 >= 3) & (cs1 < 70) & (cs2 >= 50) & (cs2 < 8000)
    return cs1[inside], cs2[inside]


def counts(cs1, cs2, space=SPACE):
    return np.histogram2d(cs1, cs2, (space.cs1_edges, space.cs2_edges))[0].ravel()


def unbinned(cs1, cs2, widths, parts=4):
    """The estimate of the events themselves, averaged over each bin at parts × parts points."""
    along = []
    for x, edges, width in (
        (cs1, SPACE.cs1_edges, widths[0]),
        (np.log(cs2), np.log(SPACE.cs2_edges), widths[1]),
    ):
        step = (edges[1] - edges[0]) / parts
        points = edges[0] + step * (np.arange(parts * (len(edges) - 1)) + 0.5)
        images = (x, 2 * edges[0] - x, 2 * edges[-1] - x)
        kernel = sum(norm.pdf(points[:, np.newaxis], i, width) for i in images)
        along.append((points, x, step * kernel))
    (x, at_x, kernel_x), (y, at_y, kernel_y) = along
    pilot = kernel_x @ kernel_y.T
    relative = parts**-2 / RectBivariateSpline(x, y, pilot, s=0).ev(at_x, at_y)
    fine = pilot * (kernel_x * relative @ kernel_y.T)
    n1, n2 = SPACE.shape
    estimate = fine.reshape(n1, parts, n2, parts).sum(axis=(1, 3)).ravel() * parts**2
    return estimate * len(cs1) / estimate.sum()


@pytest.mark.parametrize("n", [2000, 10_000, pytest.param(30_000, marks=pytest.mark.slow)])
def test_kernel_estimate_is_that_of_the_events(n):
    cs1, cs2 = events(n)
    contents = counts(cs1, cs2)
    estimate, _ = smooth(contents, contents, SPACE)
    expected = unbinned(cs1, cs2, bandwidths(contents, contents, SPACE))
    assert estimate.min() >= 0
    assert estimate.sum() == pytest.approx(contents.sum(), rel=1e-9)
    # Half the sum of differences: the share of events that is in another bin.
    assert np.abs(estimate - expected).sum() / 2 < 0.01 * expected.sum()
    big = expected > 0.05 * expected.max()
    assert np.median(np.abs(estimate[big] / expected[big] - 1)) < 0.01


COARSE = AnalysisSpace(np.linspace(3, 70, 21), np.geomspace(50, 8000, 26))


def left_out(contents, weight, widths):
    """Mean logarithm of what all others predict where an event is, each left out in turn."""
    predicted = np.zeros_like(contents)
    for b in np.flatnonzero(contents):
        others = contents.copy()
        others[b] -= weight
        predicted[b] = smooth(others, weight * others, COARSE, widths)[0][b]
    return np.average(np.log(predicted.clip(1e-300)), weights=contents)


@pytest.mark.parametrize("weight", [1.0, 0.01])
def test_events_are_most_likely_at_the_widths(weight):
    """Whatever they weigh; 30 % off on either axis is worse."""
    contents = weight * counts(*events(1000), COARSE)
    widths = bandwidths(contents, weight * contents, COARSE)
    best = left_out(contents, weight, widths)
    for factors in ((0.7, 1.0), (1.4, 1.0), (1.0, 0.7), (1.0, 1.4)):
        assert left_out(contents, weight, tuple(np.array(widths) * factors)) < best


def test_kernel_narrows_with_more_events():
    few, many = (counts(*events(n)) for n in (2000, 200_000))
    wide, narrow = (np.array(bandwidths(c, c, SPACE)) for c in (few, many))
    assert (narrow < 0.8 * wide).all()
    # Heavier weights of the same events change nothing.
    np.testing.assert_allclose(bandwidths(8 * few, 64 * few, SPACE), wide)


def band(n, width=0.15):
    """Bins of a band that reaches far and is narrow, as electronic recoils are, and the truth."""
    rng = np.random.default_rng(4)
    cs1, pull = rng.uniform(3, 70, n), rng.standard_normal(n)
    contents = counts(cs1, np.exp(np.log(400) + 0.035 * cs1 + width * pull))
    at = np.linspace(3, 70, 40 * SPACE.shape[0], endpoint=False) + 67 / (80 * SPACE.shape[0])
    below = norm.cdf(np.log(SPACE.cs2_edges), np.log(400) + 0.035 * at[:, np.newaxis], width)
    truth = np.diff(below, axis=1).reshape(SPACE.shape[0], 40, -1).mean(axis=1) / SPACE.shape[0]
    return contents, truth.ravel()


@pytest.mark.parametrize("n", [2000, 20_000, 200_000])
def test_a_narrow_band_stays_narrow(n):
    """More than two standard deviations below its middle lies as much as before."""
    contents, truth = band(n)
    cs1 = (SPACE.cs1_edges[1:] + SPACE.cs1_edges[:-1]) / 2
    y = np.log(SPACE.cs2_edges)
    below = ((y[1:] + y[:-1]) / 2 < np.log(400) + 0.035 * cs1[:, np.newaxis] - 0.3).ravel()
    share = truth[below].sum()
    smoothed_share = smooth(contents, contents, SPACE)[0][below].sum() / n
    assert smoothed_share == pytest.approx(share, abs=3 * np.sqrt(share / n) + 0.02 * share)


def test_variance_of_the_estimate():
    """Of many samples smoothed alike, where there are many events."""
    _, truth = band(1)
    rng = np.random.default_rng(7)
    samples = rng.poisson(50_000 * truth, (300, len(truth))).astype(float)
    widths = bandwidths(samples[0], samples[0], SPACE)
    estimates = np.array([smooth(each, each, SPACE, widths) for each in samples])
    big = truth > 0.1 * truth.max()
    ratio = estimates[:, 1].mean(axis=0)[big] / estimates[:, 0].var(axis=0, ddof=1)[big]
    assert np.median(ratio) == pytest.approx(1, abs=0.1)


def test_kernel_estimate_is_nearer_to_the_truth():
    """Of two samples, the smoothed one predicts a large third one better than the raw one."""
    truth = counts(*events(2_000_000, seed=2))
    truth /= truth.sum()
    raw = counts(*events(3000))
    smoothed, variance = smooth(raw, raw, SPACE)
    distance = [np.abs(values / values.sum() - truth).sum() for values in (smoothed, raw)]
    assert distance[0] < 0.55 * distance[1]
    assert (variance[smoothed > 0] <= raw.max()).all()


def test_exact_contents_stay_as_they_are():
    contents = counts(*events(1000))
    estimate = smooth(contents, np.zeros_like(contents), SPACE)[0]
    np.testing.assert_array_equal(estimate, contents)
    assert holes(contents, np.zeros_like(contents), SPACE)[1] == 0
    nothing = np.zeros_like(contents)
    assert smooth(nothing, nothing, SPACE)[0].sum() == 0
    assert len(holes(nothing, nothing, SPACE)[0]) == 0


def test_holes_tell_how_often_events_fall_into_empty_bins():
    """Against as many events of the same kind as never entered the template."""
    contents = counts(*events(3000))
    empty, share = holes(contents, contents, SPACE)
    assert (contents[empty] == 0).all()
    others = counts(*events(300_000, seed=3))
    missed = others[contents == 0].sum() / others.sum()
    assert share == pytest.approx(missed, rel=0.5)  # the kernel widens the band
    # The bin that misses most comes first, and is worse than an average one.
    assert others[empty[0]] > others[empty].mean()
    many = counts(*events(3_000_000))
    assert holes(many, many, SPACE)[1] < 1e-4


def test_agrees_with_a_search_at_and_beside_every_edge():
    for name in ("xenon1t", "lz"):
        space = load_detector(f"config/detectors/{name}.yaml").space
        e1, e2 = space.cs1_edges, space.cs2_edges
        x = np.concatenate([e1, np.nextafter(e1, 0), np.nextafter(e1, 1e9), [np.nan, np.inf, -1]])
        y = np.concatenate([e2, np.nextafter(e2, 0), np.nextafter(e2, 1e9), [np.nan, np.inf, 0]])
        cs1, cs2 = (grid.ravel() for grid in np.meshgrid(x, y))
        i, j = (np.searchsorted(e, c, side="right") - 1 for e, c in ((e1, cs1), (e2, cs2)))
        inside = (i >= 0) & (i < len(e1) - 1) & (j >= 0) & (j < len(e2) - 1)
        expected = np.where(inside, i * (len(e2) - 1) + j, -1)
        np.testing.assert_array_equal(bin_index(space, cs1, cs2), expected)
