"""Observed limits over bands, events over the bands, and what a limit hangs on."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from drawing import draw_and_keep, draw_twice, line_of, look_of, words_of
from matplotlib.collections import PathCollection

from given import FIFTY, as_given
from zeptobarn.figures.observed import draw_curves, draw_influences
from zeptobarn.figures.observed_events import draw_events
from zeptobarn.figures.observed_signals import draw_rows
from zeptobarn.figures.style import BLACK
from zeptobarn.inference.load import make_model
from zeptobarn.study.signals import wimp
from zeptobarn.summary.influence import influential_events, influential_nuisances

BANDS = {
    "minus2sigma_cm2": 0.3, "minus1sigma_cm2": 0.5, "median_cm2": 1.0, "plus1sigma_cm2": 2.0,
    "plus2sigma_cm2": 3.0,
}  # fmt: skip


@pytest.fixture(scope="module")
def model(small_study, small_templates):
    return make_model(small_study, "xenon1t", 50, "SI", small_templates)


@pytest.fixture(scope="module")
def shown(model):
    seen, interval = model.observation(model.toy(seed=1)), model.interval("profiled")
    return (
        interval,
        influential_events(model, seen, interval),
        influential_nuisances(model, seen, interval),
    )


@pytest.fixture
def table(small_study):
    masses = np.array([7.0, 10.0, 50.0, 1000.0])
    rows = [
        pd.DataFrame({"mass_GeV": masses, "interval": interval.name}).assign(
            limit_cm2=[2e-44, 4e-45, 5e-46, 1e-45], limit_low_cm2=np.nan
        )
        for interval in small_study.intervals
    ]
    table = pd.concat(rows, ignore_index=True).assign(n_events=60, n_outside=3)
    table = table.assign(**{name: factor * 1e-45 for name, factor in BANDS.items()})
    return table.assign(power_constrained_limit_cm2=table["limit_cm2"].clip(lower=7e-46))


def cells_of(part):
    """What is written in a part's table, in one line."""
    (table,) = part.axes[0].tables
    return " ".join(cell.get_text().get_text() for cell in table.get_celld().values())


def test_observed_curves(small_study, table):
    figure = draw_and_keep(
        lambda files: draw_curves(small_study, "xenon1t", "SI", table, [], files)
    )
    assert "XENON1T SR0, 60 observed events (3 outside): upper limit" in words_of(figure)
    for axis in figure.axes[:3]:
        np.testing.assert_array_equal(line_of(axis, "observed")[1], table["limit_cm2"][:4])
        constrained = line_of(axis, "observed, power-constrained")[1]
        np.testing.assert_array_equal(constrained, [2e-44, 4e-45, 7e-46, 1e-45])
        assert "observed, lower end" not in axis.get_legend_handles_labels()[1]


def test_lower_ends_and_no_bands(small_study, table, tmp_path):
    """A lower end is drawn where it is above 0; nothing where nothing is expected."""
    low = table.assign(limit_low_cm2=[0.0, 0.0, 1e-46, 2e-46] * 3)
    low = low.assign(**dict.fromkeys([*BANDS, "power_constrained_limit_cm2"], np.nan))
    figure = draw_and_keep(lambda files: draw_curves(small_study, "xenon1t", "SI", low, [], files))
    end = line_of(figure.axes[0], "observed, lower end")[1]
    np.testing.assert_array_equal(end, [np.nan, np.nan, 1e-46, 2e-46])
    assert "power-constrained" not in words_of(figure)
    draw_twice(tmp_path, lambda files: draw_curves(small_study, "xenon1t", "SI", table, [], files))


def test_the_bands_of_one_mass_can_be_seen(small_study, table):
    one = table[table["mass_GeV"] == 50]
    figure = draw_and_keep(lambda files: draw_curves(small_study, "xenon1t", "SI", one, [], files))
    axis = figure.axes[0]
    widths = [band.get_paths()[0].get_extents() for band in axis.collections if band.get_paths()]
    assert sum(box.x0 < 50 < box.x1 and box.y1 > box.y0 for box in widths) == 2
    assert any(
        len(line.get_xdata()) == 2 and (line.get_ydata() == 1e-45).all() for line in axis.lines
    )


def test_where_there_is_no_limit_figures_say_so(small_study, table, shown):
    """An empty panel, or a bar of no length, would read as no data or no change."""
    table.loc[table["mass_GeV"] == 50, "limit_cm2"] = np.nan
    figure = draw_and_keep(
        lambda files: draw_curves(small_study, "xenon1t", "SI", table, [], files)
    )
    marks = line_of(figure.axes[0], "no observed limit (see its status)")
    assert marks[0].tolist() == [50]
    interval, events, nuisances = shown
    place = small_study, "xenon1t", wimp("SI", 50, "nr"), interval.name
    events = events.assign(change=np.nan)
    nuisances = nuisances.assign(change_low=np.nan, change_high=np.nan)
    figure = draw_and_keep(lambda files: draw_influences(*place, events, nuisances, files))
    _, impacts, without = figure.axes
    assert words_of(impacts).count("no limit") == len(nuisances)
    assert words_of(without).count("no limit") == 10


def test_events_are_where_they_were_seen(model, shown):
    interval, events, _ = shown
    figure = draw_and_keep(lambda files: draw_events(model, interval, events, files))
    upper, lower = figure.subfigs
    axis = upper.axes[0]
    (points,) = (p for p in axis.collections if isinstance(p, PathCollection))
    np.testing.assert_allclose(points.get_offsets(), events[["cs1", "cs2"]])
    assert points.norm.vmax == pytest.approx(events["signal_to_background"].max())
    words = cells_of(lower)
    for row in events[:10].to_dict("records"):
        assert f"{row['cs1']:.2f}" in words
        assert f"{row['limit_without_cm2']:.2e}" in words
    assert f"{events['cs1'][11]:.2f} {events['cs2'][11]:.1f}" not in words
    assert {str(rank) for rank in range(1, 11)} <= {text.get_text() for text in axis.texts}


def test_events_of_a_combination_and_none(small_study, small_templates, tmp_path):
    study = dataclasses.replace(small_study, combined={"both": ("xenon1t", "lz")})
    both = make_model(study, "both", 50, "SI", small_templates)
    interval = both.interval("profiled")
    toys = {name: events.iloc[:15] for name, events in both.toy(1).items()}
    events = influential_events(both, both.observation(toys), interval)
    figure = draw_and_keep(lambda files: draw_events(both, interval, events, files))
    assert "LZ (projected)" in cells_of(figure.subfigs[1])
    assert len(figure.subfigs[0].axes) == 3  # with the bar of colours
    draw_twice(tmp_path, lambda files: draw_events(both, interval, events[:0], files))


def test_pulls_impacts_and_single_events(small_study, shown, tmp_path):
    interval, events, nuisances = shown
    place = small_study, "xenon1t", wimp("SI", 50, "nr"), interval.name

    def draw(files):
        draw_influences(*place, events, nuisances, files)

    figure = draw_and_keep(draw)
    pulls, impacts, without = figure.axes
    (leff,) = (
        line for line in pulls.lines if len(line.get_xdata()) == 1 and line.get_marker() == "o"
    )
    assert leff.get_xdata()[0] == pytest.approx(nuisances["pull"][1])
    assert "free: " in words_of(pulls)
    widths = [bar.get_width() for bar in impacts.patches]
    np.testing.assert_allclose(widths[:2], nuisances["change_low"])
    np.testing.assert_allclose(widths[2:4], nuisances["change_high"])
    np.testing.assert_allclose([bar.get_width() for bar in without.patches], events["change"][:10])
    draw_twice(tmp_path, draw)
    for none in (events[:0], events.assign(change=np.nan, limit_without_cm2=np.nan)):
        draw_and_keep(lambda files, none=none: draw_influences(*place, none, nuisances[:0], files))


@pytest.fixture
def signal_table(small_study):
    """Limits on two given signals, one of them above its median and with two ends."""
    rows = [
        {"signal": name, "interval": interval.name, "limit_rate_multiplier": limit,
         "limit_low_rate_multiplier": low, "power_constrained_limit_rate_multiplier": pcl,
         "n_events": 60, "n_outside": 0,
         **{k.replace("cm2", "rate_multiplier"): scale * v for k, v in BANDS.items()}}
        for interval in small_study.intervals
        for name, scale, limit, low, pcl in (
            ("fifty", 1.0, 0.4, np.nan, 0.6), ("axions", 100.0, 250.0, 40.0, 250.0),
        )
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_limits_on_given_signals_stand_in_rows(small_study, signal_table, tmp_path):
    axions = dataclasses.replace(FIFTY, interaction="axions", label="axions", unit="(3e-12)⁴")
    study = dataclasses.replace(small_study, given_signals=(FIFTY, axions))
    figure = draw_and_keep(lambda files: draw_rows(study, "xenon1t", signal_table, files))
    for axis in figure.axes[:3]:
        observed = [
            line
            for line in look_of(axis, color=BLACK, linestyle="-", linewidth=1.8)
            if len(line.get_xdata())
        ]
        assert [line.get_xdata()[0] for line in observed] == [0.4, 250.0]
        assert [np.mean(line.get_ydata()) for line in observed] == [0, 1]
        assert line_of(axis, "observed, power-constrained")[0].tolist() == [0.6, 0.6]
        assert line_of(axis, "observed, lower end")[0].tolist() == [40, 40]
    words = words_of(figure)
    assert "XENON1T SR0, 60 observed events, given signals upper limit" in " ".join(words.split())
    assert "axions × (3e-12)⁴" in " ".join(words.split())
    for word in ("WIMP", "v_0", "cross section"):
        assert word not in words
    none = signal_table.assign(limit_rate_multiplier=np.nan)
    figure = draw_and_keep(lambda files: draw_rows(study, "xenon1t", none, files))
    assert "no observed limit (see its status)" in words_of(figure)
    draw_twice(tmp_path, lambda files: draw_rows(study, "xenon1t", signal_table, files))


def test_details_of_a_given_signal_are_in_its_unit(small_study, small_templates, model):
    study, templates = as_given(small_study, small_templates)
    given = make_model(study, "xenon1t", None, "fifty", templates)
    interval, seen = given.interval("profiled"), given.observation(model.toy(seed=1))
    events = influential_events(given, seen, interval)
    figure = draw_and_keep(lambda files: draw_events(given, interval, events, files))
    title = " ".join(figure.subfigs[0].get_suptitle().split())
    assert "observed events; signal: 50 GeV recoils" in title
    assert "limits in multiples of the given spectrum, × 1e-45 cm²" in title
    words = cells_of(figure.subfigs[1])
    assert f"{events['limit_without_rate_multiplier'][0]:.3g}" in words
    assert "[cm²]" not in words
    nuisances = influential_nuisances(given, seen, interval)
    place = study, "xenon1t", FIFTY, "profiled"
    figure = draw_and_keep(lambda files: draw_influences(*place, events, nuisances, files))
    title = " ".join(figure.get_suptitle().split())
    assert "50 GeV recoils, observed: what moves the limit" in title
    assert "v_0" not in title
