import numpy as np

from zeptobarn.density import bin_index
from zeptobarn.detector import load_detector


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
