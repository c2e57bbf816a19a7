"""Coverage: the counted shares with their errors, beside the confidence level."""

import dataclasses

import handmade
import numpy as np
import pytest
from drawing import draw_and_keep, draw_twice, words_of

from given import FIFTY
from zeptobarn.figures import coverage as figures
from zeptobarn.figures.style import BLUE, RED


@pytest.fixture(scope="module")
def tables(study):
    return handmade.coverage(study)


def test_files_are_the_same_twice(tmp_path, study, tables):
    draw_twice(tmp_path, lambda files: figures.draw_coverage(study, "lz", tables, files))


def test_points_are_the_counted_shares(study, tables):
    figure = draw_and_keep(lambda files: figures.draw_coverage(study, "lz", tables, files))
    axes = np.reshape(figure.axes, (3, 2))
    for row, interval in zip(axes, study.intervals, strict=True):
        for axis, (signal, table) in zip(row, tables, strict=True):
            for container, kind, colour in zip(
                axis.containers, ("toys", "asymptotic"), (BLUE, RED), strict=True
            ):
                rows = table[(table["interval"] == interval.name) & (table["calibration"] == kind)]
                share = rows["n_covered"].to_numpy() / 1000
                line, _, (bars,) = container
                np.testing.assert_allclose(line.get_xydata().T, [rows["expected_events"], share])
                assert line.get_color() == colour
                ends = np.array([segment[:, 1] for segment in bars.get_segments()])
                error = np.sqrt(share * (1 - share) / 1000)
                np.testing.assert_allclose(ends, np.transpose([share - error, share + error]))
            words = " ".join(axis.get_title().split())
            assert words.startswith(
                "unified interval" if interval.kind == "unified" else "upper limit"
            )
            assert words.endswith(f"{signal.mass_GeV} GeV/c²")
            assert axis.get_xscale() == "log"
        assert row[0].get_ylabel() == "coverage"
    assert {axis.get_xlabel() for axis in axes[-1]} == {"true signal [expected events]"}
    assert words_of(figure.legends[0]) == "toy-calibrated asymptotic"


def test_the_line_lies_at_the_confidence_level(study, tables):
    study = dataclasses.replace(study, confidence_level=0.95)
    figure = draw_and_keep(lambda files: figures.draw_coverage(study, "lz", tables, files))
    for axis in figure.axes:
        assert axis.lines[0].get_ydata() == [0.95, 0.95]
        (strip,) = axis.patches
        assert [strip.get_y(), strip.get_y() + strip.get_height()] == pytest.approx([0.94, 0.96])
    title = r"LZ (projected): coverage of 95 % intervals; $v_0$ = 238 km/s"
    assert " ".join(figure.get_suptitle().split()) == title


def test_given_signals_have_their_labels_and_no_halo(study, tables):
    given = [(FIFTY, table) for _, table in tables]
    figure = draw_and_keep(lambda files: figures.draw_coverage(study, "lz", given, files))
    assert all(axis.get_title().endswith("50 GeV recoils") for axis in figure.axes)
    assert "v_0" not in figure.get_suptitle()
