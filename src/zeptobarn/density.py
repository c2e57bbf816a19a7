"""Density between bins: each bin of a template is flat in cS1 and in ln cS2."""

from math import log

import numpy as np

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
