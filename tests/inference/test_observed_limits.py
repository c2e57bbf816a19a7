"""Every interval on one observation: a known answer, and what the rows say."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from given import as_given
from zeptobarn.inference.load import make_model
from zeptobarn.inference.observed_limits import calibrate_on, observed_limits
from zeptobarn.physics.detector import AnalysisSpace
from zeptobarn.study.settings import Calibration, Interval
from zeptobarn.templates.templates import Template


@pytest.fixture
def counting(small_study):
    """A detector with two bins, a signal of one event in the upper one alone; from toys."""
    xenon1t = small_study.detectors["xenon1t"]
    source = dataclasses.replace(xenon1t.source("neutrons"), rate="fixed")
    space = AnalysisSpace(np.array([3.0, 70.0]), np.array([50.0, 300.0, 8000.0]))
    study = dataclasses.replace(
        small_study,
        detectors={"xenon1t": dataclasses.replace(xenon1t, space=space, sources=(source,))},
        shapes=(),
        intervals=(Interval("unified", {}, (), "unified"), Interval("central", {}, (), "central")),
        critical_values="toys",
        calibration=Calibration(6000, (0, 0.3, 1, 2.1, 3.6, 5.6, 9, 12)),
    )
    return make_model(study, "xenon1t", 50, "SI", {"xenon1t": templates(1.0)})


def templates(signal, background=(0.0, 0.0)):
    return {
        name: Template(({},), np.array([events]), np.zeros((1, 2)))
        for name, events in (("wimp_SI_50GeV", (0.0, signal)), ("neutrons", background))
    }


@pytest.mark.parametrize(
    ("background", "below", "rate"),
    [
        ((0.0, 0.0), 0, "fixed"),
        ((0.0, 0.0), 0, "free"),
        ((3.0, 0.0), 4, "free"),
        ((0.0, 1e-9), 0, "fixed"),
    ],
)
def test_one_event_over_no_background(counting, background, below, rate):
    """Feldman and Cousins, PRD 57 (1998) 3873, table IV: [0.11, 4.36].

    No background at all, or none where the event is, or next to none; one that is free, with four
    events elsewhere or nowhere anything, tells nothing.
    """
    xenon1t = counting.study.detectors["xenon1t"]
    source = dataclasses.replace(xenon1t.source("neutrons"), rate=rate)
    detectors = {"xenon1t": dataclasses.replace(xenon1t, sources=(source,))}
    study = dataclasses.replace(counting.study, detectors=detectors)
    counting = dataclasses.replace(counting, study=study)
    counting = dataclasses.replace(counting, templates={"xenon1t": templates(1.0, background)})
    events = {"s1c_phd": [10.0] * (1 + below), "cs2": [500.0] + [100.0] * below}
    seen = counting.observation(pd.DataFrame(events))
    table = observed_limits(calibrate_on(counting, seen), seen).set_index("interval")
    row = table.loc["unified"]
    assert row["limit_low_rate_multiplier"] == pytest.approx(0.11, abs=0.02)
    assert row["limit_rate_multiplier"] == pytest.approx(4.36, rel=0.01)
    assert row["limit_low_cm2"] == pytest.approx(
        1e-45 * row["limit_low_rate_multiplier"], abs=1e-60
    )
    assert row["best_fit_rate_multiplier"] == pytest.approx(1, abs=1e-6)
    assert row["n_events"] == 1 + below
    assert row["status"] in ("ok", "background_rate_zero")
    assert table["critical_values"].tolist() == ["toys", "asymptotic"]
    assert np.isnan(table.loc["central", "p0_toys"])
    if background[1] > 0:  # no toy has an event there
        assert row["p0_toys"] == pytest.approx(1 / 20_001, rel=1e-6)
    else:
        assert (row["q0"], row["p0_toys"], row["z_toys"]) == (np.inf, 0, np.inf)
        assert (row["p0_asymptotic"], row["z_asymptotic"]) == (0, np.inf)


def test_discovery_over_no_background_says_why(counting):
    seen = counting.observation(pd.DataFrame({"cs1": [10.0], "cs2": [500.0]}))
    test = counting.discovery(seen, "unified")
    assert (test.q0, test.significance, test.p_value) == (np.inf, np.inf, 0)
    assert str(test) == (
        "q₀ = ∞, Z = ∞, p = 0: an event lies where no background expects anything [1 event]"
    )


def test_nothing_over_no_background(counting):
    """Feldman and Cousins, table IV: [0, 2.44]."""
    seen = counting.observation(pd.DataFrame({"cs1": [], "cs2": []}))
    table = observed_limits(calibrate_on(counting, seen), seen).set_index("interval")
    row = table.loc["unified"]
    assert row["limit_low_rate_multiplier"] == 0
    assert row["limit_rate_multiplier"] == pytest.approx(2.44, rel=0.01)
    assert (row["q0"], row["p0_toys"], row["z_toys"]) == (0, 1, 0)
    assert row["status"] == "ok"


def test_rows_of_an_asymptotic_study(small_study, small_templates):
    model = make_model(small_study, "xenon1t", 50, "SI", small_templates)
    toy = pd.concat([model.toy(3), pd.DataFrame({"cs1": [500.0], "cs2": [3.0]})])
    seen = model.observation(toy)
    assert calibrate_on(model, seen) is model
    table = observed_limits(model, seen)
    assert table["interval"].tolist() == [interval.name for interval in small_study.intervals]
    for row in table.to_dict("records"):
        limit, test = (ask(toy, row["interval"]) for ask in (model.limit, model.discovery))
        assert row["limit_cm2"] == pytest.approx(limit.cm2, rel=1e-12, abs=0)
        assert row["best_fit_er_rate"] == limit.best_fit["er_rate"]
        assert row["q0"] == pytest.approx(test.q0, abs=1e-9)
        assert row["p0_asymptotic"] == pytest.approx(stats.norm.sf(row["z_asymptotic"]))
    assert table["p0_toys"].isna().all()
    assert (table["n_p0_toys"] == 0).all()
    assert (table["n_events"] == len(toy) - 1).all()
    assert (table["n_outside"] == 1).all()


def test_a_given_signal_has_rate_multipliers_alone(small_study, small_templates):
    """A WIMP's template under another name: its numbers, without a mass or a cross section."""
    wimp = make_model(small_study, "xenon1t", 50, "SI", small_templates)
    study, given_templates = as_given(small_study, small_templates)
    given = make_model(study, "xenon1t", None, "fifty", given_templates)
    seen = given.observation(wimp.toy(3))
    ours, theirs = observed_limits(given, seen), observed_limits(wimp, seen)
    assert not [name for name in ours.columns if "cm2" in name or "mass" in name]
    assert (ours["signal"] == "fifty").all()
    for name in ("limit", "limit_low", "best_fit", "asymptotic_limit"):
        theirs_ = theirs.get(f"{name}_rate_multiplier", theirs.get(f"{name}_cm2", 0) / 1e-45)
        np.testing.assert_allclose(ours[f"{name}_rate_multiplier"], theirs_, rtol=1e-9)
    np.testing.assert_allclose(ours["q0"], theirs["q0"], rtol=1e-9)


def test_no_signal_in_the_analysis_space(counting):
    model = dataclasses.replace(counting, templates={"xenon1t": templates(0.0)})
    seen = model.observation(pd.DataFrame({"cs1": [], "cs2": []}))
    table = observed_limits(calibrate_on(model, seen), seen)
    assert (table["status"] == "empty_template").all()
    assert table[["limit_cm2", "q0", "p0_asymptotic", "p0_toys"]].isna().all(axis=None)
