"""The likelihood ratio over signal and shape: the map, its best fit, and slices through it."""

import numpy as np
import pytest
from drawing import draw_and_keep, draw_twice, line_of, look_of, words_of
from scipy.stats import norm

from given import FIFTY
from zeptobarn.figures import likelihood as figures
from zeptobarn.study.signals import wimp
from zeptobarn.summary.dataset import one_trial
from zeptobarn.summary.medians import nominal_model
from zeptobarn.summary.profiles import Map, likelihood_map


def map_of(signal):
    """A bowl around a signal of 3 and a shape of 0.4."""
    values, signals = np.linspace(-2, 2, 41), np.linspace(0, 12, 50)
    bowl = ((signals - 3) / 2) ** 2 + ((values - 0.4) / 0.6)[:, None] ** 2
    conditional = bowl - bowl.min(axis=1, keepdims=True) + 0.01 * values[:, None] ** 2
    return Map(
        signal, "leff", values, signals, bowl, conditional, bowl.min(axis=0),
        np.full(50, 0.4), 3.0, 0.4,
    )  # fmt: skip


MAPS = (map_of(wimp("SI", 10, "nr")), map_of(wimp("SI", 50, "nr")))


def test_files_are_the_same_twice(tmp_path, study):
    draw_twice(tmp_path, lambda files: figures.draw(study, "lz", MAPS, files))


def test_the_map_and_its_slices_are_drawn(study):
    figure = draw_and_keep(lambda files: figures.draw(study, "lz", MAPS, files))
    (*maps, slices, others), bar = figure.axes[:4], figure.axes[4]
    for axis, expected in zip(maps, MAPS, strict=True):
        mesh = axis.collections[0]
        np.testing.assert_array_equal(np.reshape(mesh.get_array(), (41, 50)), expected.statistic)
        corners = mesh.get_coordinates()
        np.testing.assert_array_equal(corners[0, :, 0], expected.rate_multiplier)
        np.testing.assert_array_equal(corners[:, 0, 1], expected.values)
        (best,) = look_of(axis, marker="D")
        np.testing.assert_array_equal(best.get_data(), [[3.0], [0.4]])
        np.testing.assert_array_equal(
            line_of(axis, "best at this signal"), [expected.rate_multiplier, expected.best_values]
        )
        assert axis.get_title() == expected.signal.brief
    for axis, expected in zip((slices, others), MAPS, strict=True):
        for at, words in ((0, "−2σ"), (20, "0"), (40, "+2σ")):
            np.testing.assert_array_equal(
                line_of(axis, rf"$L_\mathrm{{eff}}$ = {words}"),
                [expected.rate_multiplier, expected.conditional[at]],
            )
        np.testing.assert_array_equal(
            line_of(axis, "profiled"), [expected.rate_multiplier, expected.profiled]
        )
        assert axis.get_xlabel() == "rate multiplier (1: $10^{-45}$ cm²)"
    assert maps[0].get_ylabel() == r"$L_\mathrm{eff}$ [σ]"
    assert slices.get_ylabel() == bar.get_ylabel() == r"$-2\,\ln\lambda$"
    threshold = norm.ppf(0.9) ** 2
    label = rf"90 %, $\tilde{{q}}$ asymptotic: {threshold:.2f}"
    assert line_of(slices, label)[1] == pytest.approx([threshold] * 2)
    # Of χ² with two degrees of freedom: −2 ln(1 − level).
    for level, threshold in ((68, 2.28), (90, 4.61)):
        assert f"{level} % region: {threshold}" in words_of(figure.legends[0])


def test_a_study_without_shapes_has_no_map(models, toys):
    dataset = one_trial({"lz": toys}, 1)
    bare = nominal_model(models[0])
    unshaped = likelihood_map(bare, dataset)
    figure = draw_and_keep(lambda files: figures.draw(bare.study, "lz", [unshaped], files))
    (axis,) = figure.axes
    np.testing.assert_array_equal(
        line_of(axis, "profiled"), [unshaped.rate_multiplier, unshaped.profiled]
    )
    assert not axis.collections
    shaped = likelihood_map(models[2], dataset)
    figure = draw_and_keep(lambda files: figures.draw(models[2].study, "lz", [shaped], files))
    (best,) = look_of(figure.axes[0], marker="D")
    assert best.get_xydata()[0] == pytest.approx([shaped.best_fit, shaped.best_value])


def test_no_map_can_be_drawn(study):
    (axis,) = draw_and_keep(lambda files: figures.draw(study, "lz", [], files)).axes
    assert not axis.lines


def test_a_given_signal_has_its_name_and_unit(study):
    figure = draw_and_keep(lambda files: figures.draw(study, "lz", [map_of(FIFTY)], files))
    assert figure.axes[0].get_title() == "50 GeV recoils"
    assert figure.axes[1].get_xlabel() == "rate multiplier (1: 1e-45 cm²)"
    assert "v_0" not in figure.get_suptitle()
