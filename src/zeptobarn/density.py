"""Density of templates: flat in cS1 and in ln cS2 inside each bin, smoothed with a kernel or not.

What to use when: a template by quadrature has no noise, and `smooth` changes nothing of it. Of a
simulated template, the histogram is unbiased, but bins that no event hit hold nothing; the kernel
estimate fills them, and widens the source's band by a part that shrinks as more is simulated.
"""

from math import log

import numpy as np
from scipy.special import ive

from zeptobarn.detector import AnalysisSpace
from zeptobarn.jit import Floats, Ints, kernel


def bin_index(space: AnalysisSpace, cs1: Floats, cs2: Floats) -> Ints:
    """Bin of each event, flat: cS1 bin × number of cS2 bins + cS2 bin; −1 is outside.

    A bin holds its lower edge; values that are not finite are outside.

    Parameters
    ----------
    space
        The analysis space; all bins densities are compared in are equally large in
        (cS1, ln cS2).
    cs1, cs2
        Corrected areas (the detector's area unit), shape (n,).

    Examples
    --------
    >>> space = AnalysisSpace(np.array([1.0, 2.0, 3.0]), np.array([1.0, 10.0, 100.0]))
    >>> bin_index(space, np.array([1.0, 2.5, 3.0]), np.array([20.0, 1.0, 1.0]))
    array([ 1,  2, -1])
    """
    found = np.empty(len(cs1), dtype=np.int64)
    x, y = np.array(cs1, dtype=np.float64), np.array(cs2, dtype=np.float64)
    _bin_index(space.cs1_edges, space.cs2_edges, x, y, found)
    return found


@kernel()
def _bin_index(edges1: Floats, edges2: Floats, cs1: Floats, cs2: Floats, found: Ints) -> None:
    n1, n2 = len(edges1) - 1, len(edges2) - 1
    low1, low2 = edges1[0], log(edges2[0])
    per1, per2 = n1 / (edges1[n1] - low1), n2 / (log(edges2[n2]) - low2)
    for e in range(len(cs1)):
        found[e] = -1
        x, y = cs1[e], cs2[e]
        if edges1[0] <= x < edges1[n1] and edges2[0] <= y < edges2[n2]:
            i = min(int((x - low1) * per1), n1 - 1)
            j = min(int((log(y) - low2) * per2), n2 - 1)
            # Rounding may put a value at an edge one bin off; the edges decide.
            i += (x >= edges1[i + 1]) - (x < edges1[i])
            j += (y >= edges2[j + 1]) - (y < edges2[j])
            found[e] = i * n2 + j


def smooth(contents: Floats, variance: Floats, space: AnalysisSpace) -> tuple[Floats, Floats]:
    """Kernel estimate of a template on the (cS1, ln cS2) plane.

    A product of two Gaussian kernels, reflected at the edges of the analysis space. Its widths
    follow Scott's rule in two dimensions (Multivariate Density Estimation, 1992): n^(−1/6) times
    the standard deviation of the events along an axis, with the effective number of events n. On
    bins the kernel is Lindeberg's discrete Gaussian, e^(−t) I_k(t) with t the variance in bins
    (IEEE TPAMI 12 (1990) 234), whose variance is exact however narrow it is. The estimate is that
    of the events themselves, averaged over each bin, up to what is lost by binning them: half a
    percent of the events are in another bin.

    Parameters
    ----------
    contents, variance
        Bin contents and their variances from finite simulation, shape (cS1 bins × cS2 bins,).

    Returns
    -------
    The estimate, with the sum of the contents, and its variance (of each bin alone).
    """
    widths = bandwidths(contents, variance, space)
    if not any(widths):
        return contents, variance
    along = [
        _spread(len(edges) - 1, width / step)
        for edges, width, step in zip(_axes(space), widths, _steps(space), strict=True)
    ]
    return _apply(along, contents, space), _apply([k**2 for k in along], variance, space)


def bandwidths(contents: Floats, variance: Floats, space: AnalysisSpace) -> tuple[float, float]:
    """Widths of the kernel of `smooth`, in cS1 (the area's unit) and in ln cS2.

    Zero where the contents are exact (no variance) or where there are none.
    """
    if not (variance.sum() > 0 and contents.sum() > 0):
        return 0.0, 0.0
    effective = contents.sum() ** 2 / variance.sum()
    widths = []
    for axis, (edges, step) in enumerate(zip(_axes(space), _steps(space), strict=True)):
        along = contents.reshape(space.shape).sum(axis=1 - axis)
        middle = (edges[1:] + edges[:-1]) / 2
        mean = np.average(middle, weights=along)
        spread = np.average((middle - mean) ** 2, weights=along) + step**2 / 12
        widths.append(float(np.sqrt(spread) * effective ** (-1 / 6)))
    return widths[0], widths[1]


def holes(contents: Floats, variance: Floats, space: AnalysisSpace) -> tuple[Ints, float]:
    """Empty bins of a simulated template inside its own band, where its events could fall.

    The band is the smallest region that holds 99.9 % of the kernel estimate.

    Returns
    -------
    The bins, those with the most events missing first, and the share of the source's events that
    fall into these.
    """
    expected = smooth(contents, variance, space)[0] / max(contents.sum(), np.finfo(float).tiny)
    order = np.argsort(expected, kind="stable")[::-1]
    before = np.cumsum(expected[order]) - expected[order]
    band = order[(before < _BAND) & (expected[order] > 0)]
    empty = band[contents[band] == 0]
    return empty, float(expected[empty].sum())


# Share of a source's events that its band holds.
_BAND = 0.999


def _axes(space: AnalysisSpace) -> tuple[Floats, Floats]:
    return space.cs1_edges, np.log(space.cs2_edges)


def _steps(space: AnalysisSpace) -> tuple[float, float]:
    """Widths of the bins."""
    first, second = (float(edges[1] - edges[0]) for edges in _axes(space))
    return first, second


def _apply(along: list[Floats], values: Floats, space: AnalysisSpace) -> Floats:
    return np.asarray(along[0] @ values.reshape(space.shape) @ along[1].T).ravel()


def _spread(n: int, width: float) -> Floats:
    """Share of a bin's events that a kernel moves into another bin, shape (to, from).

    ``width`` is in bins. The kernel is reflected at both ends as often as it reaches them.
    """
    images = 1 + int(_REACH * width / n)
    distance = np.arange(-(2 * images + 1) * n, (2 * images + 1) * n + 1)
    moved = ive(np.abs(distance), width**2)
    to, start = np.arange(n)[:, np.newaxis], np.arange(n)
    found = np.zeros((n, n))
    for image in range(-images, images + 1):
        # Every second image is turned around.
        place = image * n + (start if image % 2 == 0 else n - 1 - start)
        found += moved[to - place - distance[0]]
    return np.asarray(found / found.sum(axis=0))


# Standard deviations of a kernel beyond which no image of a bin matters.
_REACH = 8.0
