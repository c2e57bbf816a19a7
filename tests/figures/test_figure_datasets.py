"""A dataset with and without signal: its events, its sources' table, and the signal's colour."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from drawing import draw_and_keep, draw_twice, words_of
from matplotlib.collections import QuadMesh
from matplotlib.colors import to_hex
from scipy import stats

from zeptobarn.figures import datasets as figures
from zeptobarn.study.variation import RATE_MULTIPLIERS
from zeptobarn.summary.dataset import throw_signal
from zeptobarn.templates.density import bin_index

SIGNAL = "wimp_SI_50GeV"


@pytest.fixture(scope="module")
def shown(small_study, small_templates, toys):
    templates = small_templates["lz"]
    signals = {
        m: throw_signal(small_study, "lz", SIGNAL, templates[SIGNAL], m) for m in RATE_MULTIPLIERS
    }
    dataset = toys.events[toys.events["trial"] == 1]
    return small_study, "lz", SIGNAL, templates, dataset, signals


def test_signal_follows_its_template(small_study, small_templates, shown):
    space = small_study.detectors["lz"].space
    expected = small_templates["lz"][SIGNAL].nominal
    assert len(shown[-1][0]) == 0
    for multiplier in (1, 10):
        events = shown[-1][multiplier]
        mean = multiplier * expected.sum()
        assert len(events) == pytest.approx(mean, abs=4 * np.sqrt(mean))
        bins = bin_index(space, events["cs1"].to_numpy(), events["cs2"].to_numpy())
        assert (expected[bins] > 0).all()
        rows = expected.reshape(space.shape).sum(axis=1)
        filled = rows * multiplier > 5
        seen = np.bincount(bins // space.shape[1], minlength=len(rows))[filled]
        law = rows[filled] / rows[filled].sum() * seen.sum()
        assert stats.chisquare(seen, law).pvalue > 1e-3


def test_signal_is_thrown_by_name(small_study, small_templates, shown):
    template = small_templates["lz"][SIGNAL]
    again = throw_signal(small_study, "lz", SIGNAL, template, 1)
    pd.testing.assert_frame_equal(again, shown[-1][1])
    other = dataclasses.replace(small_study, seed=2)
    assert not again.equals(throw_signal(other, "lz", SIGNAL, template, 1))


def test_list_of_sources(small_study, small_templates, shown):
    table = figures.list_sources(*shown)
    backgrounds = table[table["source"] != SIGNAL].set_index("source")
    assert list(backgrounds.index) == [s.name for s in small_study.detectors["lz"].sources]
    assert backgrounds["thrown_events"].sum() == len(shown[4])
    assert backgrounds["rate"].to_dict()["er"] == "free"
    for name, expected in backgrounds["expected_events"].items():
        assert expected == small_templates["lz"][name].nominal.sum()
    signals = table[table["source"] == SIGNAL]
    assert signals["rate_multiplier"].tolist() == [0, 1, 10]
    once = small_templates["lz"][SIGNAL].nominal.sum()
    assert signals["expected_events"].to_numpy() == pytest.approx([0, once, 10 * once])
    assert signals["thrown_events"].tolist() == [len(e) for e in shown[-1].values()]


def test_files_are_the_same_twice(tmp_path, shown):
    draw_twice(tmp_path, lambda files: figures.draw(*shown, files))


def test_events_lie_over_the_backgrounds(shown):
    study, _, _, templates, dataset, signals = shown
    figure = draw_and_keep(lambda files: figures.draw(*shown, files))
    detector, space = study.detectors["lz"], study.detectors["lz"].space
    background = sum(templates[source.name].nominal for source in detector.sources)
    upper, lower = figure.subfigs
    for axis, (multiplier, events) in zip(upper.axes, signals.items(), strict=True):
        (mesh,) = [each for each in axis.collections if isinstance(each, QuadMesh)]
        density = background.reshape(space.shape).T
        drawn = mesh.get_array()
        np.testing.assert_array_equal(drawn.mask, density < 1e-4 * density.max())
        np.testing.assert_array_equal(drawn.compressed(), density[~drawn.mask])
        label = f"backgrounds ({len(dataset)} events)"
        for name, expected in ((label, dataset), (figures._name(study, "lz", SIGNAL), events)):
            (points,) = [each for each in axis.collections if each.get_label() == name]
            np.testing.assert_array_equal(points.get_offsets(), expected[["cs1", "cs2"]])
        assert axis.get_title().startswith(f"rate multiplier {multiplier}\n")
        assert axis.get_title().endswith(f" expected, {len(events)} thrown")
        assert axis.get_xlabel() == "cS1 [phd]"
        assert axis.get_yscale() == "log"
    assert upper.axes[0].get_ylabel() == "cS2 [phd]"
    assert upper.get_suptitle() == "LZ (projected): rate multiplier 1 is $10^{-45}$ cm²"
    words = words_of(upper.legends[0])
    assert "WIMP of 50 GeV/c², spin-independent" in words
    assert "50 % and 90 % of the signal" in words
    cells = lower.axes[0].tables[0].get_celld()
    table = figures.list_sources(*shown)
    for row, source in enumerate(table.itertuples(), start=1):
        texts = [cells[row, column].get_text().get_text() for column in range(5)]
        assert texts[:2] == [source.label, source.rate]
        assert float(texts[2]) == source.rate_multiplier
        assert float(texts[3]) == pytest.approx(source.expected_events, rel=0.01)
        assert int(texts[4]) == source.thrown_events


def test_signal_has_the_colour_of_the_detector_file(shown):
    study, *rest = shown
    detector = study.detectors["lz"]
    assert detector.signal.colour == "#D55E00"
    changed = dataclasses.replace(
        detector, signal=dataclasses.replace(detector.signal, colour="#123456")
    )
    study = dataclasses.replace(study, detectors={"lz": changed})
    figure = draw_and_keep(lambda files: figures.draw(study, *rest, files))
    axis = figure.subfigs[0].axes[-1]
    colours = [to_hex(c.get_facecolor()[0]) for c in axis.collections if len(c.get_facecolor())]
    colours += [to_hex(c.get_edgecolor()[0]) for c in axis.collections if len(c.get_edgecolor())]
    assert colours.count("#123456") >= 2
    assert "#d55e00" not in colours
