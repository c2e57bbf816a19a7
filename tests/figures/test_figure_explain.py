"""A trial on a page: its curve, its numbers, the cause and the cure."""

import dataclasses

import numpy as np
import pytest
from drawing import draw_and_keep, draw_twice, line_of, look_of, words_of

from zeptobarn.failures.explanation import Explanation
from zeptobarn.figures.explain import draw_page
from zeptobarn.figures.style import ORANGE

SIGNALS = np.geomspace(0.1, 1000, 200)


@pytest.fixture
def explanation():
    return Explanation(
        title="LZ, 50 GeV/c²: upper limit (q̃)", status="ok", message="", cause="It rained. " * 20,
        cure="An umbrella.", numbers={"events": "43", "many": "word " * 30}, signals=SIGNALS,
        statistic=SIGNALS / 10, critical=np.linspace(1, 2, 200), crossings=(12.0, 14.0),
        best_fit=0.7, limit=14.0, bracket=(2.0, 500.0),
    )  # fmt: skip


def test_files_are_the_same_twice(tmp_path, explanation):
    draw_twice(tmp_path, lambda files: draw_page(explanation, files))


def test_the_curve_is_that_of_the_trial(explanation):
    axis = draw_and_keep(lambda files: draw_page(explanation, files)).axes[0]
    np.testing.assert_array_equal(line_of(axis, "statistic"), [SIGNALS, explanation.statistic])
    np.testing.assert_array_equal(line_of(axis, "critical value"), [SIGNALS, explanation.critical])
    assert line_of(axis, "best fit")[0].tolist() == [0.7, 0.7]
    assert line_of(axis, "limit")[0].tolist() == [14, 14]
    assert line_of(axis, "bracket")[0].tolist() == [2, 500]
    crossings = np.concatenate([line.get_xydata() for line in look_of(axis, marker="o")])
    expected = [[at, np.interp(at, SIGNALS, explanation.critical)] for at in explanation.crossings]
    np.testing.assert_array_equal(crossings, expected)
    assert axis.get_xlabel() == "rate multiplier"
    assert axis.get_ylabel() == r"$\tilde{t}(\mu)$"
    assert axis.get_xscale() == "log"
    names = "statistic critical value best fit bracket crossing limit"
    assert words_of(axis.get_legend()) == names


def test_the_page_holds_the_words(explanation):
    figure = draw_and_keep(lambda files: draw_page(explanation, files))
    assert figure.get_suptitle() == r"LZ, 50 GeV/c²: upper limit ($\tilde{q}$)"
    words = words_of(figure.axes[1])
    assert f"events 43 many {' '.join(['word'] * 30)} Cause {'It rained. ' * 20}Cure" in words
    assert words.endswith("Cure An umbrella.")
    for text in figure.axes[1].texts:  # all of it on the page, and above each other
        box = text.get_window_extent()
        assert figure.bbox.x0 < box.x0
        assert box.x1 < figure.bbox.x1
        assert box.y0 > figure.bbox.y0
    heights = [text.get_position()[1] for text in figure.axes[1].texts]
    assert heights == sorted(heights, reverse=True)


def test_a_trial_without_a_limit_shows_none(explanation):
    bare = dataclasses.replace(
        explanation, limit=np.nan, best_fit=0.0, crossings=(), bracket=(np.nan, np.nan),
        statistic=np.full(200, np.nan),
    )  # fmt: skip
    axis = draw_and_keep(lambda files: draw_page(bare, files)).axes[0]
    assert axis.get_legend_handles_labels()[1] == ["statistic", "critical value"]
    assert look_of(axis, color=ORANGE) == []
    assert "the likelihood has no value" in words_of(axis)
