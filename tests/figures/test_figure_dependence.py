"""What a limit depends on: curves of ratios and of cm², and bars of the detector's numbers."""

import numpy as np
import pandas as pd
import pytest
from drawing import draw_and_keep, draw_twice, line_of, look_of, words_of
from matplotlib.colors import to_hex
from scipy.stats import norm

from zeptobarn.figures import dependence as figures
from zeptobarn.figures.style import BLACK, ORANGE, SKY
from zeptobarn.study.variation import EXPOSURES, FACTORS, LEVELS, variations
from zeptobarn.summary.dependence import _UNITS

DRAW = pytest.mark.parametrize("draw", [figures.draw_dependence, figures.draw_tornado])


def table_of(study, masses):
    """A table of limits that are all known, but at levels that have none."""
    rows = []
    for mass in masses:
        rows.append(("nominal", np.nan, "SI", mass, 9, 99, mass * 1e-47, "ok"))
        rows += [("exposure", x, "SI", mass, 9, 99, mass * 1e-47 / x, "ok") for x in EXPOSURES]
        for level in LEVELS:
            limit = np.nan if level <= 0.5 else level * mass * 1e-47
            rows.append(("confidence_level", level, "SI", mass, 9, 99, limit, "ok"))
        for parameter, value in variations(study.detectors["lz"]):
            limit = mass * 1e-47 * (1 + 100 / value)
            rows.append((parameter, value, "SI", mass, 9, 99, limit, "ok"))
    return pd.DataFrame(rows, columns=list(_UNITS))


@DRAW
@pytest.mark.parametrize("masses", [(10.0, 50.0), pytest.param((30.0,), marks=pytest.mark.slow)])
def test_files_are_the_same_twice(tmp_path, study, draw, masses):
    table = table_of(study, masses)
    draw_twice(tmp_path, lambda files: draw(study, "lz", table, files))


def test_limits_against_level_and_exposure(study):
    table = table_of(study, (10.0, 50.0))
    figure = draw_and_keep(lambda files: figures.draw_dependence(study, "lz", table, files))
    level, exposure = figure.axes
    for mass in (10, 50):
        rows = table[table["mass_GeV"] == mass]
        for axis, parameter, unit in (
            (level, "confidence_level", mass * 1e-47), (exposure, "exposure", 1.0),
        ):  # fmt: skip
            chosen = rows[rows["parameter"] == parameter]
            np.testing.assert_array_equal(
                line_of(axis, f"{mass} GeV/c²"), [chosen["value"], chosen["limit_cm2"] / unit]
            )
    x, share = line_of(level, "much background")
    np.testing.assert_allclose(share, norm.ppf(x) / norm.ppf(0.9), atol=1e-12)
    np.testing.assert_allclose(line_of(level, "no background")[1], share**2)
    x, slope = line_of(exposure, "∝ 1/exposure")
    np.testing.assert_allclose(slope * x, 1e-46)
    x, slope = line_of(exposure, "∝ 1/√exposure")
    np.testing.assert_allclose(slope * np.sqrt(x), 10 * 1e-48)
    assert level.get_xlabel() == "confidence level"
    assert level.get_ylabel() == "limit relative to that at 0.9"
    assert exposure.get_xlabel() == "exposure relative to the detector's"
    assert exposure.get_ylabel() == "limit [cm²]"
    assert exposure.get_xscale() == exposure.get_yscale() == "log"
    words = words_of(exposure.get_legend())
    assert words == "10 GeV/c² 50 GeV/c² ∝ 1/exposure ∝ 1/√exposure"


def test_bars_reach_to_the_changed_limits(study):
    table = table_of(study, (10.0, 50.0))
    table["limit_cm2"] *= np.where(table["mass_GeV"] == 50, 1 + 1e-3 * table["value"].fillna(0), 1)
    figure = draw_and_keep(lambda files: figures.draw_tornado(study, "lz", table, files))
    *axes, lifetime = figure.axes
    names = ["electron lifetime", "g1", "drift field", "S2 threshold", "S1 coincidence"]
    labels = [text.get_text() for text in axes[0].get_yticklabels()]
    assert sorted(label.split("\n")[0] for label in labels) == sorted(names)
    apparatus = study.detectors["lz"].apparatus
    for axis, mass in zip(axes, (10, 50), strict=True):
        rows = table[table["mass_GeV"] == mass]
        bars = {"#" + colour[1:].lower(): [] for colour in (SKY, ORANGE)}
        for bar in axis.patches:
            bars[to_hex(bar.get_facecolor())].append(bar)
        for place, label in enumerate(labels):
            parameter = {
                "g1": "g1", "electron lifetime": "electron_lifetime_us",
                "drift field": "drift_field_V_per_cm", "S2 threshold": "s2_area_threshold",
                "S1 coincidence": "s1_coincidence",
            }[label.split("\n")[0]]  # fmt: skip
            scan = rows[rows["parameter"] == parameter].sort_values("value")
            ratios = scan["limit_cm2"].to_numpy() / (mass * 1e-47)
            for bar, ratio in zip(
                (bars[SKY.lower()][place], bars[ORANGE.lower()][place]), ratios[[0, -1]],
                strict=True,
            ):  # fmt: skip
                assert bar.get_x() == min(1, 1 + bar.get_width())
                assert abs(bar.get_width()) == pytest.approx(abs(ratio - 1))
                assert abs(bar.get_y() + bar.get_height() / 2 - place) < 0.2
            if parameter in FACTORS:
                low, high = (
                    factor * getattr(apparatus, parameter) for factor in FACTORS[parameter]
                )
                assert scan["value"].tolist() == pytest.approx([low, high])
        assert axis.get_xlabel() == "limit relative to nominal"
        assert axis.get_xscale() == "log"
        assert axis.get_title() == f"{mass} GeV/c²"
        label = next(line for line in lifetime.lines if line.get_label().startswith(f"{mass} "))
        own = apparatus.electron_lifetime_us
        scan = rows[rows["parameter"] == "electron_lifetime_us"].set_index("value")["limit_cm2"]
        scan = (scan / (mass * 1e-47)).sort_index()
        at = np.isin(label.get_xdata(), scan.index)
        np.testing.assert_allclose(label.get_ydata()[at], scan)
        assert label.get_ydata()[label.get_xdata() == own] == [1]
    (nominal,) = look_of(lifetime, marker="D", markeredgecolor=BLACK)
    assert nominal.get_xydata().tolist() == [[own, 1]]
    assert lifetime.get_xlabel() == "electron lifetime [µs]"
    assert lifetime.get_ylabel() == "limit relative to nominal"
    assert "(nominal: $10^{-46}$ cm²)" in words_of(lifetime.get_legend())
    assert words_of(figure.legends[0]) == "lower value higher value"
    words = " ".join(labels)
    for unit in ("µs", "V/cm", "phd", "photons"):
        assert unit in words


@DRAW
def test_a_detector_without_limits_can_be_drawn(study, draw):
    table = table_of(study, (10.0,)).assign(limit_cm2=np.nan)
    figure = draw_and_keep(lambda files: draw(study, "lz", table, files))
    if draw is figures.draw_dependence:
        assert figure.axes[1].get_ylim() == (1e-49, 1e-40)
    else:
        assert {bar.get_width() for bar in figure.axes[0].patches} == {0}
        assert "no limit" in words_of(figure.axes[0])


@DRAW
def test_figures_say_what_their_limits_are(study, draw):
    table = table_of(study, (10.0, 50.0))
    words = words_of(draw_and_keep(lambda files: draw(study, "lz", table, files)))
    nominal = r"upper limit ($\tilde{q}$), $L_\mathrm{eff}$ nominal; nominal 90 % CL, asymptotic"
    assert f"LZ (projected): Asimov limit, spin-independent {nominal}" in words
    assert "$v_0$ = 238 km/s" in words
