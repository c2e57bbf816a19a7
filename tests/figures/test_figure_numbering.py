"""Numbers of crowded points: apart from each other, the same each time."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from zeptobarn.figures.numbering import half_size, number_points, places

PANEL = np.array([0.0, 0.0, 280.0, 220.0])


def crowded(n, width, seed=1):
    return np.array([140.0, 110.0]) + width * np.random.default_rng(seed).standard_normal((n, 2))


def boxes(points, chosen, words, found):
    for i, word, (_, shift) in zip(chosen, words, found, strict=True):
        middle, half = points[i] + shift, half_size(word)
        yield np.concatenate([middle - half, middle + half])


@pytest.mark.parametrize("width", [0.0, 1.0, 4.0, 15.0])
def test_numbers_of_neighbours_do_not_overlap(width):
    points, chosen = crowded(40, width), np.arange(10)
    words = [str(i + 1) for i in chosen]
    legend = np.array([180.0, 0.0, 280.0, 90.0])
    found = places(points, chosen, words, PANEL, [legend])
    taken = [legend, *boxes(points, chosen, words, found)]
    for k, one in enumerate(taken):
        for other in taken[:k]:
            assert (one[2:] <= other[:2]).any() or (one[:2] >= other[2:]).any()
    for one in taken[1:]:
        assert (one[:2] >= PANEL[:2]).all()
        assert (one[2:] <= PANEL[2:]).all()
    again = places(points, chosen, words, PANEL, [legend])
    assert all((one[1] == two[1]).all() for one, two in zip(found, again, strict=True))


def test_a_lone_point_has_its_number_beside_it():
    """Without a line, and not over its neighbour."""
    points = np.array([[100.0, 100.0], [108.0, 100.0]])
    ((ring, shift),) = places(points, [0], ["1"], PANEL, [])
    assert ring == 0
    assert (np.abs(points[0] + shift - points[1]) > half_size("1")).any()


def test_numbers_as_they_are_drawn_do_not_overlap():
    rng = np.random.default_rng(3)
    table = pd.DataFrame(
        {
            "cs1": 20 + rng.random(12),
            "cs2": 1000 * (1 + 0.02 * rng.random(12)),
            "rank": range(1, 13),
        }
    )
    figure = Figure(figsize=(5.2, 4.3), layout="constrained")
    axis = figure.subplots()
    axis.set_yscale("log")
    axis.set_xlim(3, 70)
    axis.set_ylim(50, 8000)
    figure.draw_without_rendering()
    number_points(axis, table, 10)
    figure.draw_without_rendering()
    drawn = [Text.get_window_extent(text) for text in axis.texts]  # without its line
    assert [text.get_text() for text in axis.texts] == [str(i) for i in range(1, 11)]
    for k, one in enumerate(drawn):
        assert not any(one.overlaps(other) for other in drawn[:k])
