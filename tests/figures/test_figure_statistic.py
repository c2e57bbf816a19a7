"""The test statistic of one dataset: curves against cm², thresholds, best fits and limits."""

import dataclasses

import numpy as np
import pytest
from drawing import draw_and_keep, draw_twice, line_of, look_of, words_of
from scipy.stats import norm

from given import FIFTY
from zeptobarn.figures import statistic as figures
from zeptobarn.study.signals import wimp
from zeptobarn.summary.dataset import one_trial
from zeptobarn.summary.profiles import Curve, curve


def curve_of(mass, best_fit, low=np.nan, critical=((1.0, 2.7),)):
    """A parabola in the signal around a best fit."""
    signals = np.geomspace(0.05, 20, 200)
    signal = wimp("SI", mass, "nr") if isinstance(mass, float) else mass
    return Curve(signal, signals, (signals - best_fit) ** 2, np.array(critical), best_fit, low, 4.0)


CURVES = (curve_of(10.0, 2.0, low=0.5), curve_of(50.0, 0.0, critical=((0.1, 2.0), (20.0, 3.0))))


def test_files_are_the_same_twice(tmp_path, study):
    draw_twice(tmp_path, lambda files: figures.draw(study, "lz", CURVES, 2983, files))


def test_curves_are_drawn_against_the_cross_section(study):
    figure = draw_and_keep(lambda files: figures.draw(study, "lz", CURVES, 2983, files))
    axis = figure.axes[0]
    for expected in CURVES:
        x, rising = 1e-45 * expected.rate_multiplier, expected.rate_multiplier >= expected.best_fit
        label = expected.signal.brief
        np.testing.assert_array_equal(line_of(axis, label), [x[rising], expected.statistic[rising]])
        (line,) = look_of(axis, label=label)
        falling, *_ = look_of(axis, color=line.get_color(), linestyle=":")
        np.testing.assert_array_equal(falling.get_data(), [x[~rising], expected.statistic[~rising]])
        ends = [each.get_xdata()[0] for each in look_of(axis, color=line.get_color(), marker="o")]
        assert ends == pytest.approx([1e-45 * end for end in (4.0, expected.low) if end > 0], abs=0)
    (best,) = look_of(axis, marker="D")
    np.testing.assert_array_equal(best.get_data(), [[2e-45], [0]])
    (critical,) = look_of(axis, linewidth=0.7)
    np.testing.assert_allclose(critical.get_data(), [[1e-46, 2e-44], [2, 3]])
    assert axis.get_xlabel() == "WIMP–nucleon cross section [cm²]"
    assert axis.get_ylabel() == r"$t_\mu = -2\,\ln\lambda(\mu)$"
    assert axis.get_xscale() == "log"
    (top,) = axis.child_axes
    assert top.get_xlabel() == "rate multiplier"
    np.testing.assert_allclose(top.get_xlim(), np.multiply(axis.get_xlim(), 1e45))
    assert "one background-only dataset, 2983 events" in figure.get_suptitle()


def test_thresholds_are_those_of_the_confidence_level(study):
    study = dataclasses.replace(study, confidence_level=0.95)
    figure = draw_and_keep(lambda files: figures.draw(study, "lz", CURVES, 2983, files))
    for sides, level, line in (("one-sided", 0.95, "--"), ("two-sided", 0.975, ":")):
        (threshold,) = [e for e in figure.axes[0].lines if sides in e.get_label()]
        assert threshold.get_ydata() == pytest.approx([norm.ppf(level) ** 2] * 2)
        assert threshold.get_linestyle() == line
        assert threshold.get_label().startswith("95 %, asymptotic")
    words = words_of(figure.legends[0])
    assert "end of the interval best fit critical value" in words
    upper = dataclasses.replace(study, intervals=study.intervals[:1])
    figure = draw_and_keep(lambda files: figures.draw(upper, "lz", CURVES[:1], 2983, files))
    assert words_of(figure.legends[0]).endswith("limit best fit")


def test_a_limit_lies_on_its_curve(small_study, models, toys):
    dataset = one_trial({"lz": toys}, 1)
    curves = [curve(model, dataset, small_study.intervals[-1]) for model in models[1:3]]
    figure = draw_and_keep(lambda files: figures.draw(small_study, "lz", curves, 2983, files))
    axis = figure.axes[0]
    marks = look_of(axis, marker="o")
    for mark, each in zip(marks, curves, strict=True):
        assert mark.get_xdata() == pytest.approx([1e-45 * each.limit], abs=0)
        one_sided = norm.ppf(0.9) ** 2
        assert mark.get_ydata() == pytest.approx([one_sided], rel=0.01)


def test_no_curve_can_be_drawn(study):
    figure = draw_and_keep(lambda files: figures.draw(study, "lz", [], 0, files))
    assert not look_of(figure.axes[0], marker="o")
    assert "0 events" in figure.get_suptitle()


def test_given_signals_are_drawn_in_multiples_of_their_spectra(study):
    curves = [curve_of(FIFTY, 2.0)]
    figure = draw_and_keep(lambda files: figures.draw(study, "lz", curves, 9, files, given=True))
    axis = figure.axes[0]
    assert axis.get_xlabel() == "multiples of the given spectra"
    assert not axis.child_axes
    (end,) = look_of(axis, marker="o")
    assert end.get_xdata()[0] == 4.0
    words = words_of(figure)
    assert "50 GeV recoils × 1e-45 cm²" in words
    for word in ("WIMP", "v_0", "cross section"):
        assert word not in words
