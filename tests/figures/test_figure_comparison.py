"""Detectors side by side, and the interactions of each."""

import dataclasses

import handmade
import numpy as np
import pandas as pd
import pytest
from drawing import draw_and_keep, draw_twice, edges_of, line_of, look_of, words_of

from zeptobarn.figures import comparison as figures
from zeptobarn.figures.templates import density_level

SIGNAL = "wimp_SI_50GeV"
INTERACTIONS = {
    "SI": "spin-independent",
    "SD_n_central": "spin-dependent, neutron",
    "SD_p_central": "spin-dependent, proton",
}


@pytest.fixture(scope="module")
def templates(study):
    return {name: handmade.templates(study, name, SIGNAL) for name in study.detectors}


@pytest.fixture(scope="module")
def summary(study):
    return handmade.summary(study)


@pytest.fixture(scope="module")
def interactions(study):
    return pd.DataFrame(
        [
            (detector, interaction, mass, (k + 1) * weak * 1e-46 * mass, 100 / weak / mass)
            for k, detector in enumerate(study.detectors)
            for interaction, weak in zip(INTERACTIONS, (1.0, 1e5, 1e6), strict=True)
            for mass in (10.0, 50.0)
        ],
        columns=["detector", "interaction", "mass_GeV", "asimov_cm2", "signal_events"],
    )


def test_files_are_the_same_twice(tmp_path, study, templates, summary):
    draw_twice(
        tmp_path,
        lambda files: figures.draw_comparison(study, "SI", 50, templates, summary, files),
    )


@pytest.mark.slow
def test_files_of_interactions_are_the_same_twice(tmp_path, study, interactions):
    draw_twice(tmp_path, lambda files: figures.draw_interactions(study, interactions, files))


def test_backgrounds_and_contours_are_those_of_the_templates(study, templates, summary):
    figure = draw_and_keep(
        lambda files: figures.draw_comparison(study, "SI", 50, templates, summary, files)
    )
    axes, bars = figure.subfigs[0].axes[:2], figure.subfigs[0].axes[2:]
    for axis, (name, detector) in zip(axes, study.detectors.items(), strict=True):
        mesh, contour = axis.collections
        background = sum(t.nominal for source, t in templates[name].items() if source != SIGNAL)
        expected = background.reshape(detector.space.shape).T / background.max()
        np.testing.assert_allclose(mesh.get_array().filled(0), expected)
        signal = templates[name][SIGNAL].nominal
        levels = [density_level(signal, share) for share in (0.9, 0.5)]
        np.testing.assert_array_equal(contour.levels, levels)
        # The contour goes around the densest bin, that of 12 expected events at (15, 10^3.16).
        x, y = contour.get_paths()[0].vertices.T
        assert x.min() < 15 < x.max()
        assert y.min() < 3.16 < y.max()
        unit = detector.area_unit
        assert axis.get_xlabel() == f"cS1 [{unit}]"
        assert axis.get_ylabel() == f"log$_{{10}}$(cS2/{unit})"
        assert axis.get_title() == (
            f"{detector.title}: {background.sum():.0f} background events,\n"
            "12 WIMPs of 50 GeV/c² at $10^{-45}$ cm²"
        )
    assert {bar.get_ylabel() for bar in bars} == {"background, relative to its maximum"}


def test_limits_below_are_those_of_the_last_interval(study, templates, summary):
    figure = draw_and_keep(
        lambda files: figures.draw_comparison(study, "SI", 50, templates, summary, files)
    )
    (axis,) = figure.subfigs[1].axes
    for band, (name, detector) in zip(axis.collections, study.detectors.items(), strict=True):
        rows = summary[(summary["detector"] == name) & (summary["interval"] == "unified")]
        mass = rows["mass_GeV"]
        np.testing.assert_array_equal(
            edges_of(band), [mass, rows["minus1sigma_cm2"], rows["plus1sigma_cm2"]]
        )
        for label, column in (("median and ±1σ of trials", "median_cm2"), ("Asimov", "asimov_cm2")):
            np.testing.assert_array_equal(
                line_of(axis, f"{detector.title}: {label}"), [mass, rows[column]]
            )
        assert len(look_of(axis, color=detector.colour)) == 2
    assert axis.get_xlabel() == "WIMP mass [GeV/c²]"
    assert axis.get_ylabel() == r"upper end of the unified interval ($\tilde{t}$) [cm²]"
    assert axis.get_xscale() == axis.get_yscale() == "log"


def test_one_detector_can_be_drawn(study, templates, summary):
    alone = dataclasses.replace(study, detectors={"lz": study.detectors["lz"]}, masses_GeV=(10, 50))
    figure = draw_and_keep(
        lambda files: figures.draw_comparison(alone, "SI", 50, templates, summary, files)
    )
    (axis,) = figure.subfigs[1].axes
    assert len(axis.collections) == 1
    withheld = summary.assign(**{name: np.nan for name in summary if name.endswith("cm2")})
    figure = draw_and_keep(
        lambda files: figures.draw_comparison(alone, "SI", 50, templates, withheld, files)
    )
    assert figure.subfigs[1].axes[0].get_ylim() == (1e-49, 1e-40)


def test_interactions_and_their_ratios(study, interactions):
    figure = draw_and_keep(lambda files: figures.draw_interactions(study, interactions, files))
    uppers, lowers = np.reshape(figure.axes, (2, 2))
    for upper, lower, (name, detector) in zip(uppers, lowers, study.detectors.items(), strict=True):
        table = interactions[interactions["detector"] == name]
        for interaction, label in INTERACTIONS.items():
            rows = table[table["interaction"] == interaction]
            np.testing.assert_array_equal(
                line_of(upper, label), [rows["mass_GeV"], rows["asimov_cm2"]]
            )
        drawn = [line.get_ydata().tolist() for line in lower.lines]
        np.testing.assert_allclose(drawn, [[1e5] * 2, [1e5] * 2, [1e6] * 2, [1e6] * 2])
        assert upper.get_title() == detector.title
        assert lower.get_xlabel() == "WIMP mass [GeV/c²]"
        assert upper.get_yscale() == lower.get_yscale() == lower.get_xscale() == "log"
    assert uppers[0].get_ylabel() == "Asimov limit [cm²]"
    assert lowers[0].get_ylabel() == "ratio to spin-independent"
    words = words_of(figure.legends[0])
    assert words == " ".join([*INTERACTIONS.values(), "inverse ratio of events"])
    title = r"upper limit ($\tilde{q}$), $L_\mathrm{eff}$ nominal; nominal 90 % CL, asymptotic"
    assert title in words_of(figure)


def test_a_comparison_says_what_its_limits_are(study, templates, summary):
    last = dataclasses.replace(study.intervals[-1], fixed={"leff": -1}, profiled=())
    study = dataclasses.replace(study, halo="xenon2017", intervals=(*study.intervals[:-1], last))
    words = words_of(
        draw_and_keep(
            lambda files: figures.draw_comparison(study, "SI", 50, templates, summary, files)
        )
    )
    unified = r"unified interval ($\tilde{t}$), $L_\mathrm{eff}$ at −1σ"
    assert f"spin-independent: {unified}; 90 % CL, calibrated with toys" in words
    assert "$v_0$ = 220 km/s" in words
