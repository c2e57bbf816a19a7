"""Columns under other names than ours: what they say, and what is refused."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from zeptobarn.physics.detector import load_detector
from zeptobarn.support.config import ConfigError
from zeptobarn.templates.event_columns import choose_columns, describe, parse_columns
from zeptobarn.templates.observed import read_events

XENON1T, LZ = load_detector("xenon1t"), load_detector("lz")
AREAS = {"cs1": np.array([5.0, 61.5]), "cs2": np.array([812.0, 3050.0])}


def taken(table, detector, **options):
    return read_events(pd.DataFrame(table), detector, "mine", **options)


@pytest.mark.parametrize(
    ("names", "scale"),
    [
        (("cs1", "cs2"), 1),
        (("cs1_pe", "cs2_bottom_pe"), 1),
        (("cS1 [PE]", "cS2_bottom [PE]"), 1),
        (("s1c_phe", "s2c_b_phe"), 1),
        (("s1_corrected", "cs2_pe_bottom"), 1),
        (("S1c_phd", "s2c_phd"), 1.15),
        (("cs1_area_phd", "cs2_bot_phd"), 1.15),
    ],
)
def test_names_of_areas(names, scale):
    """XENON1T's areas are photoelectrons, 1.15 of them for a detected photon."""
    table = {names[1]: AREAS["cs2"] / scale, "day": [1, 2], names[0]: AREAS["cs1"] / scale}
    events, chosen = taken(table, XENON1T)
    np.testing.assert_allclose(events["cs1"], AREAS["cs1"], rtol=1e-12)
    np.testing.assert_allclose(events["cs2"], AREAS["cs2"], rtol=1e-12)
    assert bool(describe(chosen)) == (names != ("cs1", "cs2"))


@pytest.mark.parametrize(
    "name", ["log10_s2c_phd", "log10_cs2", "log10cs2", "ln_cs2", "log10_cs2_pe"]
)
def test_logarithms_are_undone(name):
    values = np.log(AREAS["cs2"]) if name.startswith("ln") else np.log10(AREAS["cs2"])
    if name.endswith("pe"):
        values += np.log10(1 + LZ.apparatus.double_pe_probability)
    events, chosen = taken({"s1c_phd": AREAS["cs1"], name: values}, LZ)
    np.testing.assert_allclose(events["cs2"], AREAS["cs2"], rtol=1e-12)
    assert f"^{name}" in describe(chosen)


def test_both_conventions_are_one(tmp_path):
    """A file in photons for a detector in photoelectrons, and back: the same numbers."""
    photons = dataclasses.replace(
        XENON1T, apparatus=dataclasses.replace(XENON1T.apparatus, area_unit="phd")
    )
    there = taken({"cs1_pe": AREAS["cs1"], "cs2_pe": AREAS["cs2"]}, photons)[0]
    np.testing.assert_allclose(there["cs1"] * 1.15, AREAS["cs1"], rtol=1e-12)
    back = taken({"cs1_phd": there["cs1"], "cs2_phd": there["cs2"]}, XENON1T)[0]
    np.testing.assert_allclose(back, np.column_stack(list(AREAS.values())), rtol=1e-12)


def test_the_mapping_is_said():
    _, chosen = taken({"s1c_phd": AREAS["cs1"], "log10_s2c_phd": [2.9, 3.1]}, XENON1T)
    assert describe(chosen) == (
        "cs1 = 1.15 × s1c_phd (phd → PE), cs2 = 1.15 × 10^log10_s2c_phd (phd → PE)"
    )
    chosen = choose_columns(["s1c_phd", "log10_s2c_phd"], LZ, "mine")
    assert describe(chosen) == "cs1 = s1c_phd, cs2 = 10^log10_s2c_phd"


@pytest.mark.parametrize(
    ("names", "detector", "message"),
    [
        (
            ("cs1", "cs2", "cs2_bottom"),
            XENON1T,
            "found columns 'cs2', 'cs2_bottom', which may each be cs2; needed: the one that is "
            "meant, as in columns cs2=cs2_bottom",
        ),
        (("cs1", "cs1_phd", "cs2"), LZ, "found columns 'cs1', 'cs1_phd', which may each be cs1"),
        (("cs1", "cs2", "log10_cs2"), LZ, "found columns 'cs2', 'log10_cs2', which may each be"),
        (
            ("cs1", "cs2_bottom_pe"),
            LZ,
            r"found column 'cs2_bottom_pe', that of the bottom array, while cs2 of lz is that of "
            r"all photosensors \(s2_array: all\)",
        ),
        (
            ("cs1", "cs2_total_pe"),
            XENON1T,
            r"found column 'cs2_total_pe', that of all photosensors, while cs2 of xenon1t is that "
            r"of the bottom array \(s2_array: bottom\)",
        ),
        (("cs1", "cs2_top"), XENON1T, "found column 'cs2_top', that of the top array"),
        (("cs1_bottom", "cs2"), XENON1T, "found column 'cs1_bottom', that of the bottom array, wh"),
        (
            ("cs1", "log_cs2"),
            LZ,
            "found column 'log_cs2', a logarithm whose base .* columns log10_cs2=log_cs2",
        ),
        (("x", "y"), LZ, "found columns 'x', 'y'; needed: cs1 and cs2 of each event, under names"),
        (("cs1", "s2_phd"), LZ, "found columns 'cs1', 's2_phd'; needed"),
    ],
)
def test_what_is_not_unmistakable_is_refused(names, detector, message):
    with pytest.raises(ConfigError, match=f"^mine: {message}"):
        choose_columns(names, detector, "mine")


def test_the_column_of_the_right_photosensors():
    """Where names tell them apart, there is nothing to ask."""
    names = ["cs1", "cs2_bottom", "cs2_total", "cs2_top"]
    assert choose_columns(names, XENON1T, "")["cs2"].name == "cs2_bottom"
    assert choose_columns(names, LZ, "")["cs2"].name == "cs2_total"


@pytest.mark.parametrize(
    ("columns", "detector", "expected"),
    [
        ({"cs2": "cs2_total_pe"}, XENON1T, AREAS["cs2"]),  # the user knows
        ({"cs2": "area"}, XENON1T, AREAS["cs2"]),
        ({"cs2_phd": "area"}, XENON1T, 1.15 * AREAS["cs2"]),
        ({"log10_cs2": "lg"}, LZ, AREAS["cs2"]),
        ({"cs2": "log10_s2c_phd"}, LZ, AREAS["cs2"]),
    ],
)
def test_event_columns_that_the_user_names(columns, detector, expected):
    logs = np.log10(AREAS["cs2"])
    table = {"cs1": AREAS["cs1"], "cs2_total_pe": AREAS["cs2"], "area": AREAS["cs2"], "lg": logs}
    events, _ = taken(table | {"log10_s2c_phd": logs}, detector, columns=columns)
    np.testing.assert_allclose(events["cs2"], expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"cs3": "a"}, "columns: found cs3; allowed: one for each of cs1 and cs2"),
        ({"cs1": "a", "cs1_pe": "a"}, "columns: found cs1_pe; allowed: one for each"),
        (
            {"cs1": "b"},
            "columns: cs1: found b; allowed: one of the table's columns, 'a', 'cs2_pe', ",
        ),
        ({"cs1": "cs2_pe"}, "columns: cs1: found cs2_pe, which is another quantity"),
        ({"cs2_phd": "cs2_pe"}, "columns: cs2_phd=cs2_pe: found two for the unit: phd and PE"),
        ({"cs2": "radius_mm"}, "columns: cs2: found radius_mm, in mm by its name; allowed: a corr"),
        (
            {"cs1": "drift [us]"},
            r"columns: cs1: found drift \[us\], in us by its name; allowed: a c",
        ),
        ({"log_cs2": "cs2_pe"}, "found column 'cs2_pe', a logarithm whose base"),
    ],
)
def test_choices_that_contradict_themselves(columns, message):
    with pytest.raises(ConfigError, match=f"^mine: {message}"):
        choose_columns(
            ["a", "cs2_pe", "radius_mm", "drift [us]"], LZ, "mine", {"cs1": "a"} | columns
        )


@pytest.mark.parametrize("value", [400.0, np.nan, np.inf])
def test_logarithms_of_no_area(value):
    with pytest.raises(ConfigError, match=r"^mine: row 1: found cs1=2.*, log10_cs2="):
        taken({"cs1": [1.0, 2.0], "log10_cs2": [3.0, value]}, LZ)
    events, _ = taken({"cs1": [1.0], "log10_cs2": [-0.5]}, LZ)
    assert events["cs2"].tolist() == [pytest.approx(10**-0.5)]


@pytest.mark.parametrize("text", ["", "cs1", "cs1=", "=a", "cs1=a,", "cs1=a,cs1=b"])
def test_command_lines_that_name_no_columns(text):
    with pytest.raises(ConfigError, match=r"--columns: found .*; allowed: .* cs1=NAME,cs2=NAME"):
        parse_columns(text)
