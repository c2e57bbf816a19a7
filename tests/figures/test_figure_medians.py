"""Two ways to a median: what is read off p-values, above the limits of many datasets."""

import handmade
import numpy as np
import pytest
from drawing import draw_and_keep, draw_twice, look_of, words_of

from zeptobarn.figures import medians as figures
from zeptobarn.figures.style import BLUE, ORANGE
from zeptobarn.summary.medians import read_off, two_ways


def test_files_are_the_same_twice(tmp_path, study):
    curves_and_limits = handmade.two_ways()
    draw_twice(tmp_path, lambda files: figures.draw(study, "lz", 50, *curves_and_limits, files))


def test_p_values_and_what_is_read_off(study):
    curves, limits = handmade.two_ways()
    figure = draw_and_keep(lambda files: figures.draw(study, "lz", 50, curves, limits, files))
    top, bottom = figure.axes
    for injected, colour in ((0, BLUE), (1, ORANGE)):
        for name, style in (("thrown", "-"), ("average", ":")):
            rows = curves[(curves["injected"] == injected) & (curves["dataset"] == name)]
            (line,) = [
                line for line in look_of(top, color=colour, linestyle=style)
                if len(line.get_xdata())
            ]  # fmt: skip
            np.testing.assert_array_equal(
                line.get_data(), [rows["rate_multiplier"], rows["p_value"]]
            )
        # The p-values were made as exp(−x / scale) / 2.
        read = 0.8 * (1 + 2 * injected) * np.log(5)
        (point,) = look_of(top, color=colour, marker="o")
        np.testing.assert_allclose(point.get_xydata(), [[read, 0.1]], rtol=1e-3)
        (dashed,) = look_of(bottom, color=colour, linestyle="--")
        np.testing.assert_allclose(dashed.get_xdata(), [read, read], rtol=1e-3)
        many = limits.loc[limits["injected"] == injected, "limit_rate_multiplier"]
        (square,) = look_of(bottom, color=colour, marker="s")
        assert square.get_xdata() == pytest.approx([many.median()])
    for stairs, (_, rows) in zip(bottom.patches, limits.groupby("injected"), strict=True):
        shares, edges, _ = stairs.get_data()
        counts = np.histogram(rows["limit_rate_multiplier"], edges)[0]
        np.testing.assert_allclose(shares, counts / 41)
    assert top.get_yscale() == top.get_xscale() == "log"
    assert top.get_ylabel() == "p-value"
    assert bottom.get_xlabel() == "rate multiplier (cross section / $10^{-45}$ cm²)"
    assert bottom.get_ylabel() == "share of the limits of\n41 datasets"
    words = words_of(figure)
    assert "background alone: median 1.6" in words
    assert "with a signal of 1: median 4.8" in words
    assert r"WIMP of 50 GeV/c²: upper limit ($\tilde{q}$), $L_\mathrm{eff}$ nominal" in words


def test_medians_of_the_small_study(small_study, models, toys):
    curves, limits = two_ways(models[1], toys, (0, 1))
    figure = draw_and_keep(lambda files: figures.draw(small_study, "lz", 10, curves, limits, files))
    top, bottom = figure.axes
    thrown = curves[curves["dataset"] == "thrown"].groupby("injected")
    read = [read_off(curve, 0.1) for _, curve in thrown]
    points = [line.get_xydata() for line in look_of(top, marker="o") if len(line.get_xdata())]
    assert np.concatenate(points) == pytest.approx(np.array([[x, 0.1] for x in read]))
    medians = limits.groupby("injected")["limit_rate_multiplier"].median()
    squares = [line.get_xdata()[0] for line in look_of(bottom, marker="s")]
    assert squares == pytest.approx(list(medians))


def test_no_limit_can_be_drawn(study):
    curves, limits = handmade.two_ways()
    none = limits.assign(limit_rate_multiplier=np.nan)
    figure = draw_and_keep(lambda files: figures.draw(study, "lz", 50, curves[:0], none, files))
    top, bottom = figure.axes
    assert not any(stairs.get_data().values.any() for stairs in bottom.patches)
    assert not any(len(line.get_xdata()) for line in look_of(top, marker="o"))
    assert bottom.get_ylim() == (0, 1)
