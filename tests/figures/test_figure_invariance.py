"""Limits of datasets thrown with every mass: the curves, and a matrix of differences."""

import numpy as np
import pandas as pd
from drawing import draw_and_keep, draw_twice, words_of

from zeptobarn.figures import invariance as figures
from zeptobarn.figures.style import BLUE, GREEN, RED
from zeptobarn.summary.invariance import limits_by_generator


def limits_of(masses=(10.0, 50.0)):
    """Limits of four datasets, one of which moves by 1 % with the generating mass."""
    rows = [
        (
            generator,
            mass,
            trial,
            1e-46 * trial * mass * (1 + 0.01 * (trial == 2) * (generator > 10)),
        )
        for generator in masses
        for mass in masses
        for trial in (1, 2, 3, 4)
    ]
    columns = ["generating_mass_GeV", "mass_GeV", "trial", "limit_cm2"]
    return pd.DataFrame(rows, columns=columns)


def test_files_are_the_same_twice(tmp_path, study):
    draw_twice(tmp_path, lambda files: figures.draw(study, "lz", limits_of(), files))


def test_curves_and_differences_are_those_of_the_limits(study):
    limits = limits_of()
    figure = draw_and_keep(lambda files: figures.draw(study, "lz", limits, files))
    left, right = figure.axes
    lines = iter(left.lines)
    for trial, colour in ((1, BLUE), (2, RED), (3, GREEN)):
        for generator in (10, 50):
            rows = limits[(limits["trial"] == trial) & (limits["generating_mass_GeV"] == generator)]
            line = next(lines)
            np.testing.assert_array_equal(line.get_data(), [rows["mass_GeV"], rows["limit_cm2"]])
            assert line.get_color() == colour
    assert next(lines, None) is None
    assert left.get_xscale() == left.get_yscale() == "log"
    assert left.get_xlabel() == right.get_xlabel() == "WIMP mass of the limit [GeV/c²]"
    assert left.get_ylabel() == r"upper end of the unified interval ($\tilde{t}$) [cm²]"
    assert right.get_ylabel() == "WIMP mass of the model that threw [GeV/c²]"
    assert right.get_title() == "largest relative difference, 4 datasets"
    (image,) = right.images
    np.testing.assert_allclose(image.get_array(), [[0, 0], [0.01, 0.01]])
    assert [text.get_text() for text in right.texts] == ["0", "0", "1e-02", "1e-02"]
    for ticks in (right.get_xticklabels(), right.get_yticklabels()):
        assert [text.get_text() for text in ticks] == ["10", "50"]
    words = words_of(left.get_legend())
    assert "dataset 1 dataset 2 dataset 3 thrown with 10 GeV/c² thrown with 50 GeV/c²" in words


def test_limits_of_the_small_study_are_drawn(small_study, models):
    limits = limits_by_generator(models[:2], range(1, 4))
    figure = draw_and_keep(lambda files: figures.draw(small_study, "lz", limits, files))
    drawn = np.concatenate([line.get_ydata() for line in figure.axes[0].lines])
    np.testing.assert_array_equal(np.sort(drawn), np.sort(limits["limit_cm2"]))
    assert figure.axes[0].get_ylabel() == r"upper limit ($\tilde{q}$) [cm²]"
