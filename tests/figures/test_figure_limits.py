"""Limit curves: the numbers of the summary in cm², and what they claim in words."""

import dataclasses
from pathlib import Path

import handmade
import numpy as np
import pandas as pd
import pytest
from drawing import draw_and_keep, draw_twice, edges_of, line_of, look_of, words_of

from zeptobarn.figures import limits as figures
from zeptobarn.figures.style import BLACK
from zeptobarn.physics.halo import HALOS
from zeptobarn.study.settings import Interval
from zeptobarn.summary.published import read_published

BOTH = pytest.mark.parametrize("together", [False, True])


@pytest.fixture(scope="module")
def summary(study):
    return handmade.summary(study)


@pytest.fixture(scope="module")
def published():
    return [read_published("resources/published/xenon1t_2017.csv")]


@pytest.fixture
def other_study(study):
    """A study whose intervals are not what their names say."""
    low, nominal = (study.intervals[0].name, study.intervals[1].name)
    return dataclasses.replace(
        study,
        halo="xenon2017",
        intervals=(
            Interval(low, {"leff": 1}, (), cls=True),
            Interval(nominal, {}, ("g1",), "unified"),
        ),
    )


@pytest.fixture
def asymptotic(study):
    """A study of upper limits, with asymptotic critical values."""
    return dataclasses.replace(study, critical_values="asymptotic", intervals=study.intervals[:2])


def drawn(study, summary, together=False, published=(), detector="lz"):
    """The figure of one detector, or of all together."""
    if together:
        return draw_and_keep(
            lambda files: figures.draw_together(study, "SI", summary, published, files)
        )
    return draw_and_keep(
        lambda files: figures.draw_detector(study, detector, "SI", summary, published, files)
    )


def rows_of(summary, detector, interval):
    return summary[(summary["detector"] == detector) & (summary["interval"] == interval.name)]


def test_files_are_the_same_twice(tmp_path, study, summary, published):
    draw_twice(
        tmp_path / "detector",
        lambda files: figures.draw_detector(study, "xenon1t", "SI", summary, published, files),
    )
    draw_twice(
        tmp_path / "together",
        lambda files: figures.draw_together(study, "SI", summary, published, files),
    )


def test_a_detector_s_curves_are_those_of_its_summary(study, summary):
    shuffled = summary.sample(frac=1, random_state=1)
    figure = drawn(study, shuffled)
    for axis, interval in zip(figure.axes, study.intervals, strict=False):
        rows = rows_of(summary, "lz", interval)
        for label, column in (
            ("median", "median_cm2"),
            ("Asimov median", "asimov_cm2"),
            ("asymptotic median", "asymptotic_median_cm2"),
        ):
            np.testing.assert_array_equal(
                line_of(axis, label), [rows["mass_GeV"], rows[column]], label
            )
        outer, inner = axis.collections
        for band, sigma in ((outer, 2), (inner, 1)):
            assert band.get_label() == f"±{sigma}σ"
            ends = [rows["mass_GeV"], rows[f"minus{sigma}sigma_cm2"], rows[f"plus{sigma}sigma_cm2"]]
            np.testing.assert_array_equal(edges_of(band), ends)
        assert axis.get_xscale() == axis.get_yscale() == "log"
        low, high = axis.get_xlim()
        assert low < 10 < 1000 < high
    assert figure.axes[0].get_ylabel() == "WIMP–nucleon cross section [cm²]"
    assert all(axis.xaxis.label.get_text() == "WIMP mass [GeV/c²]" for axis in figure.axes)
    titles = [" ".join(axis.get_title().split()) for axis in figure.axes]
    assert titles[0] == r"upper limit ($\tilde{q}$), $L_\mathrm{eff}$ nominal"
    assert titles[2] == r"unified interval ($\tilde{t}$), $L_\mathrm{eff}$ profiled"


def test_detectors_together_have_medians_of_all_and_bands_of_the_last_interval(study, summary):
    (axis,) = drawn(study, summary, together=True).axes
    bands = iter(axis.collections)
    for name, detector in study.detectors.items():
        solid = [line for line in look_of(axis, color=detector.colour) if line.get_linewidth() > 1]
        lines = {line.get_linestyle(): line for line in solid if line.get_marker() != "o"}
        for style, interval in zip(("-", "--", "-."), study.intervals[::-1], strict=True):
            rows = rows_of(summary, name, interval)
            np.testing.assert_array_equal(
                lines[style].get_data(), [rows["mass_GeV"], rows["median_cm2"]]
            )
            assert lines[style].get_label().startswith(detector.title)
        rows = rows_of(summary, name, study.intervals[-1])
        for sigma in (2, 1):
            ends = [rows["mass_GeV"], rows[f"minus{sigma}sigma_cm2"], rows[f"plus{sigma}sigma_cm2"]]
            np.testing.assert_array_equal(edges_of(next(bands)), ends)
    assert axis.get_xlabel() == "WIMP mass [GeV/c²]"
    assert axis.get_ylabel() == "WIMP–nucleon cross section [cm²]"
    assert axis.get_xscale() == axis.get_yscale() == "log"


@pytest.mark.parametrize(
    ("interaction", "label"),
    [
        ("SD_n_central", "WIMP–neutron cross section [cm²]"),
        ("SD_p_central", "WIMP–proton cross section [cm²]"),
        ("SI_migdal", "WIMP–nucleon cross section (spin-independent, Migdal effect) [cm²]"),
    ],
)
def test_the_axis_names_the_nucleon(study, summary, interaction, label):
    table = summary.assign(interaction=interaction)
    figure = draw_and_keep(
        lambda files: figures.draw_together(study, interaction, table, [], files)
    )
    assert figure.axes[0].get_ylabel() == label


@BOTH
def test_published_curves_are_drawn_as_they_are(study, summary, together):
    table = handmade.published()
    figure = drawn(study, summary, together, [table, table.assign(interaction="SD_n_central")])
    label = r"Other 2020: limit, $\tilde{q}$ asymptotic, $v_0$ = 220 km/s"
    axis = figure.axes[0]
    (curve, single) = [line for line in axis.lines if line.get_label().startswith("Other")]
    assert " ".join(curve.get_label().split()) == label
    chosen = table[table["kind"] == "limit"]
    np.testing.assert_array_equal(
        curve.get_data(), [chosen["mass_GeV"], chosen["cross_section_cm2"]]
    )
    assert curve.get_color() == BLACK
    assert single.get_label().startswith("Other 2020: median")
    assert single.get_marker() == "*"
    np.testing.assert_array_equal(single.get_data(), [[30], [2e-47]])
    assert label in words_of(figure.legends[0])


@BOTH
def test_withheld_medians_can_be_drawn(study, summary, together):
    withheld = summary.assign(**{name: np.nan for name in summary if name.endswith("cm2")})
    axis = drawn(study, withheld, together).axes[0]
    assert not np.isfinite(axis.dataLim.intervaly).all()
    assert axis.get_ylim() == (1e-49, 1e-40)


def test_published_tables_name_their_sources():
    files = list(Path("resources/published").glob("*.csv"))
    assert files
    for path in files:
        table = pd.read_csv(path)
        bands = [name for name in table.columns if "sigma" in name]
        assert [name for name in table.columns if name not in bands] == [
            "label", "interaction", "mass_GeV", "cross_section_cm2", "kind", "source", "statistic",
            "v0_km_s",
        ]  # fmt: skip
        assert table.drop(columns=bands).notna().all(axis=None)
        assert table["cross_section_cm2"].between(1e-49, 1e-42).all()


@BOTH
def test_limits_mark_masses_and_show_the_asymptotic_median(study, asymptotic, summary, together):
    study = dataclasses.replace(study, marked_masses_GeV=(10, 33))

    def lines(study):
        return [line for axis in drawn(study, summary, together).axes for line in axis.lines]

    every_line = lines(study)
    marks = [line for line in every_line if line.get_marker() == "o"]
    assert len(marks) == (len(study.detectors) if together else len(study.intervals))
    assert {tuple(line.get_xdata()) for line in marks} == {(10.0,)}
    thin = [line for line in every_line if line.get_linewidth() == 0.7]
    assert len(thin) == len(marks)
    for line, name in zip(thin, study.detectors, strict=False):
        name, interval = (name, study.intervals[-1]) if together else ("lz", study.intervals[0])
        expected = rows_of(summary, name, interval)["asymptotic_median_cm2"]
        np.testing.assert_array_equal(line.get_ydata(), expected)
        if not together:
            break
    assert not any(line.get_linewidth() == 0.7 for line in lines(asymptotic))


@BOTH
def test_limits_say_what_they_are(asymptotic, other_study, summary, published, together):
    def words(study):
        return words_of(drawn(study, summary, together, published, "xenon1t"))

    said = words(asymptotic)
    halo = HALOS[asymptotic.halo].v0_km_s
    assert r"upper limit ($\tilde{q}$), nominal 90 % CL, asymptotic" in said
    assert f"$v_0$ = {halo} km/s" in said
    assert r"XENON1T 2017: limit, $\tilde{q}$ asymptotic, $v_0$ = 220 km/s" in said
    said = words(other_study)
    assert "90 % CL, calibrated with toys; $v_0$ = 220 km/s" in said
    assert "nominal" not in said
    assert r"CLs upper limit ($\tilde{q}$), $L_\mathrm{eff}$ at +1σ" in said
    assert r"unified interval ($\tilde{t}$), g1 profiled" in said


@pytest.mark.parametrize("excluded", [0, 1])
def test_a_band_that_ends_at_the_smallest_signal_says_so(study, summary, excluded):
    """Where more than 2.3 % of the trials exclude every signal, the −2σ edge is no limit."""
    table = summary.assign(n_trials=20, n_all_signals_excluded=excluded)
    axis = drawn(study, table).axes[0]
    texts = [text.get_text() for text in axis.get_legend().get_texts()]
    assert ("all signals excluded" in texts) is bool(excluded)
    if excluded:
        rows = rows_of(summary, "lz", study.intervals[0])
        edge = line_of(axis, "all signals excluded")
        np.testing.assert_array_equal(edge, [rows["mass_GeV"], rows["minus2sigma_cm2"]])


@BOTH
def test_limits_mark_the_masses_that_were_computed(study, summary, together):
    """What lies between them is a chord."""
    figure = drawn(study, summary, together)
    marked = [line for axis in figure.axes for line in look_of(axis, marker=".")]
    assert len(marked) == len(study.detectors if together else study.intervals)
    for line in marked:
        assert list(line.get_xdata()) == list(study.masses_GeV)
        assert line.get_linestyle() == "-"  # in dashes they would be lost


def test_a_curve_of_ones_own_need_not_say(study, summary, published):
    bare = [published[0].drop(columns=["statistic", "v0_km_s"])]
    figure = drawn(study, summary, True, bare)
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert "XENON1T 2017: limit" in texts


def test_words_of_limits_lie_inside_the_figure(other_study, summary, published):
    """The legend's own layout does not see to it."""
    many = Interval(other_study.intervals[0].name, {}, ("leff", "g1", "er_component_1"))
    study = dataclasses.replace(other_study, intervals=(many, other_study.intervals[1]))
    figure = drawn(study, summary, True, published)
    for artist in (*figure.legends, figure._suptitle):
        box = artist.get_window_extent()
        assert box.x0 >= figure.bbox.x0
        assert box.x1 <= figure.bbox.x1


def test_no_band_lies_under_a_legend(study, summary):
    figure = drawn(study, summary)
    for axis, interval in zip(figure.axes, study.intervals, strict=False):
        box = axis.get_legend().get_window_extent()
        rows = summary[(summary["detector"] == "lz") & (summary["interval"] == interval.name)]
        upper = axis.transData.transform(rows[["mass_GeV", "plus2sigma_cm2"]].to_numpy())
        under = upper[:, 0] >= box.x0
        assert under.any()
        assert (upper[under, 1] < box.y0).all()
