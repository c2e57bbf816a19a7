"""Density of templates: flat in cS1 and in ln cS2 inside each bin, smoothed with a kernel or not.

What to use when: a template by quadrature has no noise, and `smooth` changes nothing of it. Of a
simulated template, the histogram is unbiased, but not the limit that is set with it: bins of the
background that no event hit hold nothing, and there a signal costs nothing. The kernel estimate
fills them; docs/model.md shows the limits of both, from hundreds of recoils to millions.
"""

from collections.abc import Sequence

import numpy as np
import scipy

from zeptobarn.physics.detector import AnalysisSpace
from zeptobarn.support.jit import Floats, Ints, inner_kernel, kernel

# Bits of a number behind those that `_leading` keeps: eight of the mantissa's.
_TRAILING = 44


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
    bins = np.empty(len(cs1), dtype=np.int64)
    _bin_index(space.cs1_edges, space.cs2_edges, _read_only(cs1), _read_only(cs2), bins)
    return bins


def _read_only(values: Floats) -> Floats:
    """Give the same numbers, which nobody may change: tables give theirs so, without a copy."""
    view = np.ascontiguousarray(values, dtype=np.float64).view()
    view.flags.writeable = False
    return view


@kernel()
def _bin_index(edges1: Floats, edges2: Floats, cs1: Floats, cs2: Floats, bins: Ints) -> None:
    n1, n2 = len(edges1) - 1, len(edges2) - 1
    low1, high1, low2, high2 = edges1[0], edges1[n1], edges2[0], edges2[n2]
    # Unsigned indices do not count from the end, and need no look whether they do.
    one, last, per1, below = np.uint64(1), np.uint64(n1 - 1), n1 / (high1 - low1), np.uint64(n2)
    # Bin of the smallest number with the leading bits that a cS2 has: quicker than its logarithm.
    lowest = _leading(edges2[0])
    begins = np.zeros(_leading(edges2[n2]) - lowest + 1, dtype=np.uint64)
    for k in range(1, len(begins)):
        smallest = np.int64((lowest + k) << _TRAILING).view(np.float64)
        begins[k] = begins[k - 1]
        while begins[k] + one < below and smallest >= edges2[begins[k] + one]:
            begins[k] += one
    for e in range(len(cs1)):
        bins[e] = -1
        x, y = cs1[e], cs2[e]
        if (x >= low1) & (x < high1) & (y >= low2) & (y < high2):
            # Rounding may put a value at an edge one bin off; the edges decide.
            i = min(np.uint64(int((x - low1) * per1)), last)
            i += np.uint64(x >= edges1[i + one])
            i -= np.uint64(x < edges1[i])
            j = begins[np.uint64(_leading(y) - lowest)]
            while y >= edges2[j + one]:
                j += one
            bins[e] = np.int64(i * below + j)


@inner_kernel(inline="always")
def _leading(value: float) -> int:
    """Exponent and first bits of the mantissa of a positive number, as an integer."""
    return int(np.float64(value).view(np.int64) >> _TRAILING)


def smooth(
    contents: Floats,
    variance: Floats,
    space: AnalysisSpace,
    widths: tuple[float, float] | None = None,
) -> tuple[Floats, Floats]:
    """Kernel estimate of a template on the (cS1, ln cS2) plane.

    The multiplicative bias correction of Jones, Linton and Nielsen (Biometrika 82 (1995) 327): a
    kernel estimate, times a kernel estimate of what the contents are relative to it. The first
    alone widens a band whose width is σ by h²/2σ with a kernel as wide as h, and so lays electronic
    recoils where a signal is looked for; what is left of it after the correction is of the order
    of h⁴. The result is never negative.

    The kernel is a product of two Gaussians, reflected at the edges of the analysis space. On bins
    it is Lindeberg's discrete Gaussian, e^(−t) I_k(t) with t the variance in bins
    (IEEE TPAMI 12 (1990) 234), whose variance is exact however narrow it is. The estimate is that
    of the events themselves, averaged over each bin, up to what is lost by binning them: half a
    percent of the events are in another bin.

    Parameters
    ----------
    contents, variance
        Bin contents and their variances from finite simulation, shape (cS1 bins × cS2 bins,).
    widths
        Widths of the kernel in cS1 (the area's unit) and in ln cS2; those of `bandwidths` if None.

    Returns
    -------
    The estimate, with the sum of the contents, and its variance (of each bin alone, with widths
    that are given). To leading order the estimate is as noisy as one with the kernel 2K − K∗K.
    """
    widths = bandwidths(contents, variance, space) if widths is None else widths
    if not any(widths):
        return contents, variance
    along = _kernels(space.shape, [w / step for w, step in zip(widths, _steps(space), strict=True)])
    estimate = _corrected(along, contents.reshape(space.shape))
    twice = [k @ k for k in along]
    noise = variance.reshape(space.shape)
    spread = (
        4 * _apply([k**2 for k in along], noise)
        - 4 * _apply([k * kk for k, kk in zip(along, twice, strict=True)], noise)
        + _apply([kk**2 for kk in twice], noise)
    )
    return estimate.ravel() * (contents.sum() / estimate.sum()), spread.ravel()


def bandwidths(contents: Floats, variance: Floats, space: AnalysisSpace) -> tuple[float, float]:
    """Widths of the kernel of `smooth`, in cS1 (the area's unit) and in ln cS2.

    Those that make the simulated events most likely where each is predicted by all others:
    likelihood cross-validation (Duin, IEEE Trans. Comput. C-25 (1976) 1175; Silverman, Density
    Estimation, 1986, section 3.4.4). A narrow band gets a narrow kernel however far it reaches,
    and the more is simulated the narrower: in the end, the histogram is left.

    Returns
    -------
    The widths; zero where the contents are exact (no variance) or where there are none.
    """
    if not (variance.sum() > 0 and contents.sum() > 0):
        return 0.0, 0.0
    values, noise = contents.reshape(space.shape), variance.reshape(space.shape)
    filled = values > 0
    # What an event weighs on average in its bin.
    weight = np.divide(noise, values, out=np.zeros_like(values), where=filled)
    share = values[filled] / values.sum()

    def loss(log_widths: Floats) -> float:
        along = _kernels(space.shape, np.exp(log_widths))
        predicted = _left_out(along, values, np.minimum(weight, values))[filled]
        total = _corrected(along, values).sum()
        return -float(share @ np.log(np.maximum(predicted / total, np.finfo(float).tiny)))

    start = np.zeros((3, 2))
    start[[1, 2], [0, 1]] = 1.0
    best = scipy.optimize.minimize(
        loss,
        start[0],
        method="Nelder-Mead",
        bounds=np.log([_WIDTHS, _WIDTHS]),
        options={"initial_simplex": start, "xatol": 0.02, "fatol": 1e-7},
    )
    first, second = np.exp(best.x) * _steps(space)
    return float(first), float(second)


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


def _kernels(shape: tuple[int, int], widths: Sequence[float] | Floats) -> list[Floats]:
    """Kernel along each axis; ``widths`` are in bins."""
    return [_spread(n, float(width)) for n, width in zip(shape, widths, strict=True)]


def _apply(along: list[Floats], values: Floats) -> Floats:
    return np.asarray(along[0] @ values @ along[1].T)


def _corrected(along: list[Floats], contents: Floats) -> Floats:
    """The kernel estimate of `smooth`, not normalised, shape (cS1 bins, cS2 bins)."""
    pilot = _apply(along, contents)
    return pilot * _apply(along, _ratio(contents, pilot))


def _left_out(along: list[Floats], contents: Floats, weight: Floats) -> Floats:
    """`_corrected` in each bin without one of the events of that bin.

    With the kernel K, the contents c, the pilot S = K c and an event of weight w in bin b, it is
    (S_b − w K_bb) Σ_a K_ba (c_a − w δ_ab)/(S_a − w K_ab). In the terms a ≠ b, w K_ab is less than
    half of S_a, for events of like weights; there 1/(S_a − w K_ab) is taken to its second order in
    w K_ab/S_a.

    Parameters
    ----------
    contents, weight
        Bin contents and what one event of the bin weighs, shape (cS1 bins, cS2 bins).
    """
    pilot = _apply(along, contents)
    own = np.outer(*map(np.diagonal, along))
    others = np.zeros_like(contents)
    for order in range(3):
        term = _ratio(contents, pilot ** (order + 1))
        power = [k ** (order + 1) for k in along]
        others += weight**order * (_apply(power, term) - own ** (order + 1) * term)
    left = pilot - weight * own
    return left * (others + own * _ratio(contents - weight, left))


def _ratio(values: Floats, to: Floats) -> Floats:
    """Quotient, 0 where the values are 0."""
    return np.divide(values, to, out=np.zeros_like(values), where=values > 0)


def _spread(n: int, width: float) -> Floats:
    """Share of a bin's events that a kernel moves into another bin, shape (to, from).

    ``width`` is in bins. The kernel is reflected at both ends as often as it reaches them.
    """
    images = 1 + int(_REACH * width / n)
    distance = np.arange(-(2 * images + 1) * n, (2 * images + 1) * n + 1)
    moved = scipy.special.ive(np.abs(distance), width**2)
    to, start = np.arange(n)[:, np.newaxis], np.arange(n)
    shares = np.zeros((n, n))
    for image in range(-images, images + 1):
        # Every second image is turned around.
        place = image * n + (start if image % 2 == 0 else n - 1 - start)
        shares += moved[to - place - distance[0]]
    return np.asarray(shares / shares.sum(axis=0))


# Least and largest width of a kernel, in bins. The least moves half a percent of a bin's events.
_WIDTHS = (0.05, 20.0)

# Standard deviations of a kernel beyond which no image of a bin matters.
_REACH = 8.0
