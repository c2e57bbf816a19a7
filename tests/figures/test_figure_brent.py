"""Brent's method at work: brackets, points evaluated, and functions without a root."""

import numpy as np
import pytest
from drawing import draw_and_keep, draw_twice, line_of, look_of, words_of

from zeptobarn.failures.explanation import Explanation
from zeptobarn.figures.brent import draw_brent, examples
from zeptobarn.figures.style import BLACK, BLUE, RED

SIGNALS = np.geomspace(0.1, 1000, 200)


def explained(status, statistic, bound):
    """A trial whose statistic passes the critical value at 16.4, if it does."""
    return Explanation(
        title="", status=status, message="", cause="", cure="", numbers={"a": "b"},
        signals=SIGNALS, statistic=statistic, critical=np.full(200, 1.64), crossings=(),
        best_fit=0.0, limit=16.4 if status == "ok" else np.nan, bracket=(0.0, bound),
    )  # fmt: skip


FOUND = {
    "ok": explained("ok", SIGNALS / 10, 500.0),
    "no_crossing": explained("no_crossing", SIGNALS / 10, 5.0),
    "empty_template": explained("empty_template", 0 * SIGNALS, 500.0),
}


def test_files_are_the_same_twice(tmp_path):
    draw_twice(tmp_path, lambda files: draw_brent(FOUND, files))


def test_each_trial_shows_its_bracket_and_what_was_evaluated():
    figure = draw_and_keep(lambda files: draw_brent(FOUND, files))
    titles = ("the bound is large enough", "the bound is too small", "the template is empty")
    for axis, each, title in zip(figure.axes, FOUND.values(), titles, strict=True):
        (curve,) = look_of(axis, color=BLUE)
        np.testing.assert_array_equal(curve.get_data(), [SIGNALS, each.statistic - 1.64])
        assert line_of(axis, "bracket")[0].tolist() == [SIGNALS[0], each.bracket[1]]
        squares = [line.get_xdata()[0] for line in look_of(axis, color=BLACK, marker="s")]
        assert squares == [SIGNALS[0], each.bracket[1]]
        assert axis.get_title() == title
        assert axis.get_xlabel() == "rate multiplier"
        assert axis.get_xscale() == "log"
        labels = axis.get_legend_handles_labels()[1]
        assert ("limit" in labels) is ("evaluated" in labels) is (each.status == "ok")
    good = figure.axes[0]
    (limit,) = look_of(good, color=RED)
    assert limit.get_xdata() == [16.4, 16.4]
    x, y = line_of(good, "evaluated")
    np.testing.assert_allclose(y, np.interp(x, SIGNALS, SIGNALS / 10 - 1.64))
    assert x[-1] == pytest.approx(16.4, rel=1e-3)
    assert good.get_ylabel() == "statistic − critical value"
    assert words_of(figure.legends[0]) == "bracket evaluated limit"


@pytest.mark.xdist_group("failure_figures")
def test_examples_of_brent(failure_trials):
    rows = failure_trials("bound")
    chosen = examples(rows)
    assert set(chosen) == {"ok", "no_crossing", "empty_template"}
    trials = rows[rows["finder"] == "conventional"].set_index("trial")
    for status, trial in chosen.items():
        assert trials["status"][trial] == status
    same = trials.loc[[chosen["ok"], chosen["no_crossing"]]]
    assert same["draw"].nunique() == same["mass_GeV"].nunique() == 1
    assert same["bound"].is_monotonic_decreasing
    assert examples(rows[rows["status"] == "ok"]).keys() == {"ok"}
