"""Figures of what the limit depends on; see test_figures.py."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from test_figures import draw_and_keep, draw_twice, words_of

from zeptobarn.figures import comparison, dependence, distributions
from zeptobarn.figures.templates import density_level
from zeptobarn.inference.load import make_model
from zeptobarn.study.variation import EXPOSURES, LEVELS, variations
from zeptobarn.summary.dependence import _UNITS
from zeptobarn.summary.ensemble import fullest_interval, measured_and_fitted, pulls, statistics
from zeptobarn.summary.summary import summarise
from zeptobarn.templates.toys import throw


@pytest.fixture(scope="module")
def toys(small_study, small_templates):
    return throw(small_study, "lz", small_templates["lz"], range(1, 21))


@pytest.fixture(scope="module")
def limits(small_study, small_templates, toys):
    return pd.concat(
        make_model(small_study, "lz", mass, "SI", small_templates).limits(toys)
        for mass in small_study.masses_GeV
    )


def table_of(study, masses):
    """A table of limits that are all known."""
    rows = []
    for mass in masses:
        rows.append(("nominal", np.nan, "SI", mass, 9, 99, 1e-46, "ok"))
        rows += [("exposure", x, "SI", mass, 9, 99, 1e-46 / x, "ok") for x in EXPOSURES]
        for level in LEVELS:
            limit = np.nan if level <= 0.5 else level * 1e-46
            rows.append(("confidence_level", level, "SI", mass, 9, 99, limit, "ok"))
        for parameter, value in variations(study.detectors["lz"]):
            rows.append((parameter, value, "SI", mass, 9, 99, 1e-46 * (1 + 100 / value), "ok"))
    return pd.DataFrame(rows, columns=list(_UNITS))


@pytest.mark.parametrize("masses", [(10.0, 50.0), pytest.param((30.0,), marks=pytest.mark.slow)])
def test_dependence_and_tornado(tmp_path, small_study, masses):
    table = table_of(small_study, masses)
    for draw in (dependence.draw_dependence, dependence.draw_tornado):
        draw_twice(
            tmp_path / draw.__name__,
            lambda files, draw=draw: draw(small_study, "lz", table, files),
        )


def test_a_detector_without_limits_can_be_drawn(tmp_path, small_study):
    table = table_of(small_study, (10.0,)).assign(limit_cm2=np.nan)
    for draw in (dependence.draw_dependence, dependence.draw_tornado):
        draw(small_study, "lz", table, [tmp_path / f"{draw.__name__}.png"])
        assert (tmp_path / f"{draw.__name__}.png").stat().st_size > 5000


def test_distributions(tmp_path, small_study, limits):
    draw_twice(
        tmp_path,
        lambda files: distributions.draw_limits(small_study, "lz", "SI", limits, files),
    )


def test_limits_that_are_none_can_be_drawn(tmp_path, small_study, limits):
    none = limits.assign(limit_cm2=np.nan, status="no_crossing")
    distributions.draw_limits(small_study, "lz", "SI", none, [tmp_path / "f.png"])
    assert (tmp_path / "f.png").stat().st_size > 5000


def test_pulls(tmp_path, small_study, small_templates, limits, toys):
    interval = fullest_interval(small_study)
    rows = limits[limits["mass_GeV"] == 50]
    model = make_model(small_study, "lz", 50, "SI", small_templates)
    found = pulls(model, interval, rows)
    fits = measured_and_fitted(small_study, interval, rows, toys.truth)
    for name, shown, scattered in (("all", found, fits), ("none", found.iloc[:, :0], {})):
        draw_twice(
            tmp_path / name,
            lambda files, shown=shown, scattered=scattered: distributions.draw_pulls(
                small_study, "lz", interval, shown, scattered, 50, files
            ),
        )


def test_statistics(tmp_path, small_study, small_templates):
    model = make_model(small_study, "lz", 50, "SI", small_templates)
    interval = small_study.intervals[0]
    table = statistics(model, interval, np.array([1.0, 10.0]), 100)
    draw_twice(
        tmp_path,
        lambda files: distributions.draw_statistics(small_study, "lz", interval, 50, table, files),
    )


def test_comparison(tmp_path, small_study, small_templates, limits):
    summary = summarise(limits)
    templates = {
        name: {
            source: template
            for source, template in small_templates[name].items()
            if not source.startswith("wimp") or source == "wimp_SI_50GeV"
        }
        for name in small_study.detectors
    }
    draw_twice(
        tmp_path / "both",
        lambda files: comparison.draw_comparison(small_study, "SI", 50, templates, summary, files),
    )
    alone = dataclasses.replace(
        small_study, detectors={"lz": small_study.detectors["lz"]}, masses_GeV=(10, 50)
    )
    comparison.draw_comparison(alone, "SI", 50, templates, summary, [tmp_path / "alone.png"])
    assert (tmp_path / "alone.png").stat().st_size > 5000


def test_contours_hold_their_share(small_templates):
    expected = small_templates["lz"]["wimp_SI_50GeV"].nominal
    for share in (0.9, 0.5):
        level = density_level(expected, share)
        inside = expected[expected >= level].sum() / expected.sum()
        assert inside == pytest.approx(share, abs=0.01)
        assert inside >= share


@pytest.mark.slow
def test_interactions(tmp_path, small_study):
    table = pd.DataFrame(
        [
            (detector, interaction, mass, weak * 1e-46 * mass, 100 / weak)
            for detector in small_study.detectors
            for interaction, weak in (("SI", 1.0), ("SD_n_central", 1e5), ("SD_p_central", 1e6))
            for mass in (10.0, 50.0)
        ],
        columns=["detector", "interaction", "mass_GeV", "asimov_cm2", "signal_events"],
    )
    draw_twice(tmp_path, lambda files: comparison.draw_interactions(small_study, table, files))


def test_figures_say_what_their_limits_are(
    tmp_path, monkeypatch, small_study, small_templates, limits
):
    files = [tmp_path / "f.png"]
    first, last = small_study.intervals[0], small_study.intervals[-1]
    others = {
        first.name: dataclasses.replace(first, kind="central"),
        last.name: dataclasses.replace(last, kind="unified", fixed={"leff": -1}, profiled=()),
    }
    study = dataclasses.replace(
        small_study,
        halo="xenon2017",
        critical_values="toys",
        intervals=tuple(others.get(i.name, i) for i in small_study.intervals),
    )
    table = table_of(study, (10.0, 50.0))
    unified = r"unified interval ($\tilde{t}$), $L_\mathrm{eff}$ at −1σ"
    nominal = r"upper limit ($\tilde{q}$), $L_\mathrm{eff}$ nominal; nominal 90 % CL, asymptotic"
    for module, draw, claim in (
        (
            distributions,
            lambda: distributions.draw_limits(study, "lz", "SI", limits, files),
            "calibrated with toys (central: nominal, asymptotic)",
        ),
        (
            comparison,
            lambda: comparison.draw_comparison(
                study, "SI", 50, small_templates, summarise(limits), files
            ),
            f"{unified}; 90 % CL, calibrated with toys",
        ),
        (dependence, lambda: dependence.draw_dependence(study, "lz", table, files), nominal),
        (dependence, lambda: dependence.draw_tornado(study, "lz", table, files), nominal),
    ):
        words = words_of(draw_and_keep(monkeypatch, module, draw))
        assert claim in words
        assert "$v_0$ = 220 km/s" in words
        if module is distributions:
            assert unified in words
