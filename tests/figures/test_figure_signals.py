"""Given signals: limits on a categorical axis, and spectra."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from drawing import draw_and_keep, draw_twice, words_of

from zeptobarn.figures import signals as figures
from zeptobarn.figures.limits import target_colours
from zeptobarn.study.signals import Signal

SIGNALS = (
    Signal("one", None, "boosted", "1e-31 cm²", ("nr",), "#0072B2", {"nr": "a.csv"}),
    Signal("two", None, "axions", "the given spectrum", ("nr", "er"), "#009E73",
           {"nr": "a.csv", "er": "b.csv"}),
)  # fmt: skip


@pytest.fixture(scope="module")
def with_signals(study):
    return dataclasses.replace(study, given_signals=SIGNALS)


@pytest.fixture(scope="module")
def table(with_signals):
    """Medians that tell detector, signal and interval."""
    rows = []
    for d, detector in enumerate(with_signals.targets):
        for s, signal in enumerate(SIGNALS):
            for i, interval in enumerate(with_signals.intervals):
                median = 10 ** (d - 2 * s) * (1 + 0.1 * i)
                factors = {"median": 1, "asimov": 1.1, "asymptotic_median": 0.9} | {
                    f"{side}{n}sigma": 2 ** (sign * n)
                    for side, sign in (("minus", -1), ("plus", 1))
                    for n in (1, 2)
                }
                named = {f"{k}_rate_multiplier": median * f for k, f in factors.items()}
                rows.append({"detector": detector, "signal": signal.name, "unit": signal.unit,
                             "interval": interval.name, **named})  # fmt: skip
    return pd.DataFrame(rows)


def test_files_are_the_same_twice(tmp_path, with_signals, table):
    draw_twice(tmp_path, lambda files: figures.draw_limits(with_signals, table, files))


def test_each_signal_has_its_row_and_each_target_its_colour(with_signals, table):
    figure = draw_and_keep(lambda files: figures.draw_limits(with_signals, table, files))
    panels = [axis for axis in figure.axes if axis.lines]
    assert len(panels) == len(with_signals.intervals)
    colours = target_colours(with_signals)
    for axis, interval in zip(panels, with_signals.intervals, strict=True):
        assert axis.get_ylim() == (1.5, -0.5)
        for number, signal in enumerate(SIGNALS):
            for target, colour in colours.items():
                rows = table[(table["signal"] == signal.name) & (table["detector"] == target)
                             & (table["interval"] == interval.name)]  # fmt: skip
                (median,) = rows["median_rate_multiplier"]
                lines = [
                    line for line in axis.lines
                    if line.get_color() == colour and line.get_xdata()[0] == pytest.approx(median)
                ]  # fmt: skip
                (line,) = lines
                assert number - 0.5 < min(line.get_ydata()) < max(line.get_ydata()) < number + 0.5
        assert len(axis.collections) == 2 * len(SIGNALS) * len(colours)
        edges = axis.collections[0].get_paths()[0].vertices[:, 0]
        assert (edges.min(), edges.max()) == pytest.approx(
            tuple(table[[f"{side}2sigma_rate_multiplier" for side in ("minus", "plus")]].iloc[0]
                  * (1 + 0.1 * with_signals.intervals.index(interval)))
        )  # fmt: skip
    texts = [label.get_text() for label in panels[0].get_yticklabels()]
    assert texts[0].startswith("boosted")
    assert "1e-31 cm²" in texts[0]
    assert "WIMP" not in figure.get_suptitle() + " ".join(texts)
    assert "v_0" not in figure.get_suptitle()
    legend = words_of(figure.legends[0])
    assert "median" in legend.replace("Asimov median", "")
    assert "Asimov median" in legend


def test_no_median_leaves_empty_axes(tmp_path, with_signals, table):
    names = [name for name in table.columns if name.endswith("_rate_multiplier")]
    empty = table.assign(**dict.fromkeys(names, np.nan))
    figures.draw_limits(with_signals, empty, [tmp_path / "a.png"])
    assert (tmp_path / "a.png").stat().st_size > 0


def test_spectra_full_and_dashed(with_signals):
    spectra = {
        name: pd.DataFrame(
            {"recoil_energy_keV": [1.0, 10.0], "rate_per_kg_day_keV": [i + 1.0, 0.5]}
        )
        for i, name in enumerate(["one_nr", "two_nr", "two_er"])
    }
    figure = draw_and_keep(lambda files: figures.draw_spectra(with_signals, spectra, files))
    (axis,) = figure.axes
    looks = {line.get_label(): line for line in axis.lines}
    assert looks["axions (ER)"].get_linestyle() == "--"
    assert looks["axions (NR)"].get_linestyle() == "-"
    np.testing.assert_allclose(looks["axions (ER)"].get_ydata(), [3 * 365250, 0.5 * 365250])
    assert looks["boosted (NR)"].get_color() == "#0072B2"
    assert sum("cutoff" in label for label in looks) == 2 * len(with_signals.detectors)
