"""The figure of `zeptobarn check`."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from drawing import draw_and_keep, draw_twice
from matplotlib.colors import to_hex

from zeptobarn.figures.detector import draw_detector
from zeptobarn.figures.style import BLUE, GREEN, RED
from zeptobarn.figures.templates import band
from zeptobarn.physics.detector import load_detector
from zeptobarn.summary.detector_facts import Facts


@pytest.fixture(scope="module")
def lz():
    return load_detector("lz")


@pytest.fixture(scope="module")
def facts(lz):
    y = np.arange(70)
    bands = {
        name: np.tile(np.exp(-0.5 * ((y - centre) / 5) ** 2), 77)
        for name, centre in (("nr", 20), ("er", 50))
    }
    energies = np.geomspace(0.1, 100, 50)
    curves = {
        name: (energies, np.clip(energies / end, 0, 1))
        for name, end in (("nr", 8), ("er", 2), ("er_nest_gamma_charge_0.88_xe127", 3))
    }
    return Facts({}, pd.DataFrame(), pd.DataFrame(), curves, bands, 0.0123)


def test_files_are_the_same_twice(tmp_path, lz, facts):
    draw_twice(tmp_path, lambda files: draw_detector(lz, facts, files))


def test_bands_and_curves_are_those_given(lz, facts):
    figure = draw_and_keep(lambda files: draw_detector(lz, facts, files))
    left, right = figure.axes
    for line, name, colour in zip(left.lines, ("nr", "er"), (RED, BLUE), strict=True):
        centres, _, middle, _ = band(lz.space, facts.bands[name])
        np.testing.assert_array_equal(line.get_xydata(), np.stack([centres, middle], axis=1))
        assert to_hex(line.get_color()).upper() == colour
    assert left.get_yscale() == "log"
    assert (left.get_xlabel(), left.get_ylabel()) == ("cS1 [phd]", "cS2 [phd]")
    assert "1.2 % of ER\nbelow the median of NR" in left.get_title()
    for line, (energies, share) in zip(right.lines, facts.curves.values(), strict=True):
        np.testing.assert_array_equal(line.get_xydata(), np.stack([energies, share], axis=1))
    assert [to_hex(line.get_color()).upper() for line in right.lines] == [RED, BLUE, GREEN]
    labels = [text.get_text() for text in right.get_legend().get_texts()]
    assert labels == ["NR", "ER", "er\nnest\ngamma\ncharge\n0.88\nxe127"]
    assert "LZ (projected) (lz)" in figure.get_suptitle()


def test_more_responses_than_colours(lz, facts):
    energies, share = facts.curves["nr"]
    curves = dict(facts.curves) | {f"er_{i}": (energies, share) for i in range(5)}
    figure = draw_and_keep(
        lambda files: draw_detector(lz, dataclasses.replace(facts, curves=curves), files)
    )
    assert len(figure.axes[1].lines) == 8
