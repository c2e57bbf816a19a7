"""Bins, the kernel estimate, and bins that hold nothing."""

import numpy as np
import pytest
from scipy.special import ndtr

from zeptobarn.density import bandwidths, bin_index, holes, smooth
from zeptobarn.detector import AnalysisSpace, load_detector

SPACE = AnalysisSpace(np.linspace(3, 70, 68), np.geomspace(50, 8000, 71))


def events(n, seed=1):
    """A band that bends, and reaches over the lower edge of cS1."""
    rng = np.random.default_rng(seed)
    cs1 = rng.gamma(2, 8, n)
    cs2 = np.exp(np.log(300) + 0.04 * cs1 + 0.25 * rng.standard_normal(n))
    inside = (cs1 >= 3) & (cs1 < 70) & (cs2 >= 50) & (cs2 < 8000)
    return cs1[inside], cs2[inside]


def counts(cs1, cs2):
    return np.histogram2d(cs1, cs2, (SPACE.cs1_edges, SPACE.cs2_edges))[0].ravel()


def unbinned(cs1, cs2, widths):
    """The estimate of the events themselves, averaged over bins: a product of error functions."""
    along = []
    for x, edges, width in (
        (cs1, SPACE.cs1_edges, widths[0]),
        (np.log(cs2), np.log(SPACE.cs2_edges), widths[1]),
    ):
        images = (x, 2 * edges[0] - x, 2 * edges[-1] - x)
        along.append(sum(np.diff(ndtr((edges[:, np.newaxis] - i) / width), axis=0) for i in images))
    return (along[0] @ along[1].T).ravel()


@pytest.mark.parametrize("n", [1000, 10_000, 100_000])
def test_kernel_estimate_is_that_of_the_events(n):
    cs1, cs2 = events(n)
    contents = counts(cs1, cs2)
    found, _ = smooth(contents, contents, SPACE)
    expected = unbinned(cs1, cs2, bandwidths(contents, contents, SPACE))
    assert found.min() >= 0
    assert found.sum() == pytest.approx(contents.sum(), rel=1e-9)
    # Half the sum of differences: the share of events that is in another bin.
    assert np.abs(found - expected).sum() / 2 < 0.01 * expected.sum()
    big = expected > 0.05 * expected.max()
    assert np.median(np.abs(found[big] / expected[big] - 1)) < 0.01


def test_kernel_narrows_with_more_events():
    """Scott's rule, with the effective number of weighted events."""
    contents = counts(*events(20_000))
    width = bandwidths(contents, contents, SPACE)
    spread = np.std(events(20_000)[0])
    assert width[0] == pytest.approx(spread * contents.sum() ** (-1 / 6), rel=0.01)
    # Eight-fold weights of the same events change nothing; 64 times the events halve the width.
    np.testing.assert_allclose(bandwidths(8 * contents, 64 * contents, SPACE), width)
    np.testing.assert_allclose(bandwidths(64 * contents, 64 * contents, SPACE), np.array(width) / 2)


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
    found = smooth(contents, np.zeros_like(contents), SPACE)[0]
    np.testing.assert_array_equal(found, contents)
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
