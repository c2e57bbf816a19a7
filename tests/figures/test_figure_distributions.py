"""Distributions over trials and toys: histograms, quantiles, pulls and critical values."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from drawing import draw_and_keep, draw_twice, line_of, look_of, words_of
from scipy.stats import norm

from given import FIFTY
from zeptobarn.figures import distributions as figures
from zeptobarn.figures.style import BLUE, RED
from zeptobarn.inference.load import make_model
from zeptobarn.study.signals import wimp
from zeptobarn.summary.ensemble import fullest_interval, measured_and_fitted, pulls, statistics
from zeptobarn.summary.summary import summarise

HEAVY = wimp("SI", 50, "nr")


@pytest.fixture(scope="module")
def pulls_and_fits(small_study, models, limits, toys):
    """Pulls and fits of the small study at 50 GeV/c²."""
    interval = fullest_interval(small_study)
    rows = limits[limits["mass_GeV"] == 50]
    fits = measured_and_fitted(small_study, interval, rows, toys.truth)
    return interval, pulls(models[2], interval, rows), fits


@pytest.fixture(scope="module")
def toy_statistics():
    """Statistics of two signals whose quantiles are known."""
    parts = [
        pd.DataFrame({"expected_events": n, "x": x, "q_tilde": t / 2, "t_tilde": t})
        for n, x, t in ((1.0, 0.7, np.linspace(0.01, 4, 400)), (10.0, 3.0, np.linspace(0, 8, 400)))
    ]
    return pd.concat(parts, ignore_index=True)


def by_mass(limits):
    return [rows for _, rows in limits.groupby("mass_GeV")]


def test_files_of_limits_are_the_same_twice(tmp_path, small_study, limits):
    draw_twice(
        tmp_path, lambda files: figures.draw_limits(small_study, "lz", "SI", by_mass(limits), files)
    )


def test_limits_of_every_mass_and_interval(small_study, limits):
    summary = summarise(limits)
    gone = (limits["mass_GeV"] == 50) & (limits["trial"] <= 3) & (limits["interval"] == "leff_low")
    limits = limits.assign(
        limit_cm2=limits["limit_cm2"].mask(gone), status=limits["status"].mask(gone, "no_crossing")
    )
    figure = draw_and_keep(
        lambda files: figures.draw_limits(small_study, "lz", "SI", by_mass(limits), files)
    )
    for axis, mass in zip(figure.axes, small_study.masses_GeV, strict=True):
        summary = summarise(limits)
        for place, interval in enumerate(reversed(small_study.intervals)):
            chosen = (summary["mass_GeV"] == mass) & (summary["interval"] == interval.name)
            row = summary[chosen].iloc[0]
            ends = [
                line.get_xdata().tolist() for line in axis.lines
                if np.array_equal(line.get_ydata(), [place - 0.1] * 2)
            ]  # fmt: skip
            expected = [[row[f"minus{s}sigma_cm2"], row[f"plus{s}sigma_cm2"]] for s in (2, 1)]
            assert ends == [each for each in expected if np.isfinite(each).all()]
            (median,) = [e for e in look_of(axis, marker="d") if e.get_ydata() == [place - 0.1]]
            assert median.get_xdata() == [row["median_cm2"]]
            values = limits.loc[
                (limits["mass_GeV"] == mass) & (limits["interval"] == interval.name), "limit_cm2"
            ].dropna()
            heights, edges, base = axis.patches[place].get_data()
            counts = np.histogram(values, edges)[0]
            assert counts.sum() == len(values)
            np.testing.assert_allclose(heights, place + 0.75 * counts / counts.max())
            assert base == place
        none = "0/3/0" if mass == 50 else "0"
        assert axis.get_title() == f"{mass:g} GeV/c² (without limit: {none})"
        assert axis.get_xscale() == "log"
    names = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert [" ".join(name.split()) for name in names] == [
        rf"$L_\mathrm{{eff}}$ {how}" for how in ("profiled", "at −2σ", "nominal")
    ]
    assert figure.get_supxlabel() == r"upper limit ($\tilde{q}$) [cm²]"
    assert "LZ (projected), spin-independent: 20 background-only" in words_of(figure)


def test_limits_that_are_none_can_be_drawn(small_study, limits):
    none = limits.assign(limit_cm2=np.nan, status="no_crossing")
    figure = draw_and_keep(
        lambda files: figures.draw_limits(small_study, "lz", "SI", by_mass(none), files)
    )
    for axis in figure.axes:
        assert not axis.patches
        assert "(without limit: 20/20/20)" in axis.get_title()


def test_limits_say_what_they_are(small_study, limits):
    first, *others, last = small_study.intervals
    study = dataclasses.replace(
        small_study,
        halo="xenon2017",
        critical_values="toys",
        intervals=(
            dataclasses.replace(first, kind="central"),
            *others,
            dataclasses.replace(last, kind="unified", fixed={"leff": -1}, profiled=()),
        ),
    )
    words = words_of(
        draw_and_keep(lambda files: figures.draw_limits(study, "lz", "SI", by_mass(limits), files))
    )
    assert "calibrated with toys (central: nominal, asymptotic); $v_0$ = 220 km/s" in words
    assert r"unified interval ($\tilde{t}$), $L_\mathrm{eff}$ at −1σ" in words
    assert "upper ends of the intervals [cm²]" in words


@pytest.mark.parametrize("some", [True, False])
def test_files_of_pulls_are_the_same_twice(tmp_path, small_study, pulls_and_fits, some):
    interval, shown, fits = pulls_and_fits
    shown, fits = (shown, fits) if some else (shown.iloc[:, :0], {})
    draw_twice(
        tmp_path,
        lambda files: figures.draw_pulls(small_study, "lz", interval, shown, fits, HEAVY, files),
    )


def test_pulls_and_fits_of_every_nuisance(small_study, pulls_and_fits):
    interval, shown, fits = pulls_and_fits
    figure = draw_and_keep(
        lambda files: figures.draw_pulls(small_study, "lz", interval, shown, fits, HEAVY, files)
    )
    axes = [axis for axis in figure.axes if axis.get_visible()]
    assert len(axes) == len(shown.columns) + len(fits)
    edges = np.linspace(-4, 4, 33)
    for axis, (_, values) in zip(axes, shown.items(), strict=False):
        heights = [bar.get_height() for bar in axis.containers[0]]
        np.testing.assert_array_equal(heights, np.histogram(values, edges)[0])
        normal = axis.patches[-1].get_data()[0]
        np.testing.assert_allclose(normal, len(values) * np.diff(norm.cdf(edges)))
        moments = f"mean {values.mean():.2f}, sd {values.std():.2f}".replace("-", "−")
        assert axis.get_title().endswith("\n" + moments)
        assert axis.get_xlabel() == "(fitted − true) / expected error"
        assert axis.get_ylabel() == "trials per bin"
    titles = [axis.get_title().split("\n")[0] for axis in axes]
    assert {r"$L_\mathrm{eff}$", "rate of electronic recoils"} <= set(titles)
    centre, fitted = fits["leff"]
    (points,) = axes[-1].collections
    np.testing.assert_array_equal(points.get_offsets(), np.transpose([centre, fitted]))
    assert axes[-1].get_xlabel() == r"$L_\mathrm{eff}$, measured [σ]"
    assert axes[-1].get_ylabel() == "fitted [σ]"
    assert [line.get_ydata() for line in look_of(axes[-1], linestyle=":")] == [[-2] * 2, [2] * 2]
    title = r"LZ (projected), 50 GeV/c²: $L_\mathrm{eff}$ profiled; $v_0$ = 238 km/s"
    assert title in words_of(figure)


def test_files_of_statistics_are_the_same_twice(tmp_path, small_study, toy_statistics):
    interval = small_study.intervals[0]
    draw_twice(
        tmp_path,
        lambda files: figures.draw_statistics(
            small_study, "lz", interval, HEAVY, toy_statistics, files
        ),
    )


def test_statistics_and_their_critical_values(small_study, toy_statistics):
    figure = draw_and_keep(
        lambda files: figures.draw_statistics(
            small_study, "lz", small_study.intervals[0], HEAVY, toy_statistics, files
        )
    )
    axes = np.reshape(figure.axes, (2, 2))
    for column, (_, rows) in zip(axes.T, toy_statistics.groupby("expected_events"), strict=True):
        for axis, name in zip(column, ("q_tilde", "t_tilde"), strict=True):
            values, above = line_of(axis, "toys")
            np.testing.assert_array_equal(values, rows[name])
            np.testing.assert_allclose(above[:-1], np.arange(399, 0, -1) / 400)
            (cut,) = [line for line in look_of(axis, color=BLUE) if len(line.get_xdata()) == 2]
            at = rows[name].iloc[359]  # of 400, a tenth is above
            assert list(cut.get_xdata()) == [at, at]
            assert f": {at:.2f} (toys)" in axis.get_title()
            asymptotic = [e for e in look_of(axis, color=RED) if len(e.get_xdata()) == 2]
            number = f"{asymptotic[0].get_xdata()[0]:.2f} (asymptotic)"
            assert number in axis.get_title()
            if name == "q_tilde":
                assert asymptotic[0].get_xdata()[0] == pytest.approx(norm.ppf(0.9) ** 2)
            assert axis.get_yscale() == "log"
    assert [axis.get_title().split("\n")[0] for axis in axes[0]] == [
        "1 expected event", "10 expected events"
    ]  # fmt: skip
    assert axes[0][0].get_ylabel() == r"$P(\tilde{q}_\mu >$ value$)$"
    assert axes[1][0].get_ylabel() == r"$P(\tilde{t}_\mu >$ value$)$"
    assert axes[1][0].get_xlabel() == "value of the statistic"


def test_statistics_of_the_small_study_are_drawn(small_study, small_templates):
    model = make_model(small_study, "lz", 50, "SI", small_templates)
    interval = small_study.intervals[0]
    table = statistics(model, interval, np.array([1.0, 10.0]), 100)
    figure = draw_and_keep(
        lambda files: figures.draw_statistics(small_study, "lz", interval, HEAVY, table, files)
    )
    rows = table[table["expected_events"] == 10]
    np.testing.assert_array_equal(line_of(figure.axes[1], "toys")[0], np.sort(rows["q_tilde"]))


def test_given_signals_have_a_panel_each_in_their_units(small_study, limits, toy_statistics):
    """As `read_signal_limits` gives them: rate multipliers under a WIMP's names."""
    study = dataclasses.replace(small_study, given_signals=(FIFTY,))
    rows = limits[limits["mass_GeV"] == 50]
    rows = rows.assign(limit_cm2=1e45 * rows["limit_cm2"], interaction="fifty", mass_GeV=-1.0)
    one = draw_and_keep(lambda files: figures.draw_limits(study, "lz", None, [rows], files))
    title = one.axes[0].get_title().split("\n")
    assert title == ["50 GeV recoils", "× 1e-45 cm²", "(without limit: 0)"]
    assert one.get_supxlabel().endswith(", in the unit of each panel")
    interval = study.intervals[0]
    other = draw_and_keep(
        lambda files: figures.draw_statistics(study, "lz", interval, FIFTY, toy_statistics, files)
    )
    assert "LZ (projected), 50 GeV recoils: " in words_of(other)
    for figure in (one, other):
        for word in ("WIMP", "v_0", "GeV/c"):
            assert word not in words_of(figure)
