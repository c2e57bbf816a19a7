"""What a limit hangs on: events left out, nuisances pulled and held."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from scipy import optimize

from given import as_given
from zeptobarn.inference.load import make_model
from zeptobarn.inference.problem import predict
from zeptobarn.study.correlations import Correlation
from zeptobarn.study.settings import Interval
from zeptobarn.summary.influence import (
    EVENT_UNITS,
    LISTED,
    NUISANCE_UNITS,
    influential_events,
    influential_nuisances,
    leave_out,
    units_for,
)
from zeptobarn.summary.profiles import deviance


@pytest.fixture(scope="module")
def model(small_study, small_templates):
    return make_model(small_study, "xenon1t", 50, "SI", small_templates)


@pytest.fixture(scope="module")
def toy(model):
    signal = pd.DataFrame({"cs1": [12.0, 20.0], "cs2": [560.0, 900.0]}, index=["a", "b"])
    return pd.concat([model.toy(seed=1)[["cs1", "cs2"]], signal])


@pytest.mark.parametrize("name", ["profiled", "leff_low"])
def test_limits_without_an_event_are_those_of_the_others(model, toy, name):
    table = influential_events(model, model.observation(toy), model.interval(name))
    assert list(table.columns) == list(EVENT_UNITS)
    assert set(table["row"][:2]) == {"a", "b"}
    assert (np.diff(table["signal_to_background"]) <= 0).all()
    assert table["rank"].tolist() == list(range(1, len(toy) + 1))
    assert table["change"].notna().sum() == LISTED
    whole = model.limit(toy, name).cm2
    for row in table[:3].to_dict("records"):
        without = model.limit(toy[toy.index.astype(str) != row["row"]], name).cm2
        assert row["limit_without_cm2"] == pytest.approx(without, rel=1e-4, abs=0)
        assert row["change"] == pytest.approx(without / whole - 1, abs=1e-4)
    assert (table["change"][:2] < -0.05).all()


def test_signal_over_background_is_that_of_the_templates(model, toy):
    """With all nuisances fixed it is that of the nominal templates, at the limit."""
    name, templates = "leff_nominal", model.templates["xenon1t"]
    fixed = tuple(
        dataclasses.replace(source, rate="fixed")
        for source in model.study.detectors["xenon1t"].sources
    )
    detector = dataclasses.replace(model.study.detectors["xenon1t"], sources=fixed)
    study = dataclasses.replace(model.study, detectors={"xenon1t": detector})
    model = dataclasses.replace(model, study=study)
    seen = model.observation(toy)
    table = influential_events(model, seen, model.interval(name))
    bins = seen.data.bins[[toy.index.tolist().index("a")]]
    signal = templates[model.signal].nominal[bins] * model.limit(toy, name).rate_multiplier
    background = sum(templates[source.name].nominal[bins] for source in fixed)
    ratio = table.loc[table["row"] == "a", "signal_to_background"].to_numpy()
    np.testing.assert_allclose(ratio, signal / background, rtol=1e-6)
    assert influential_nuisances(model, seen, model.interval(name)).empty


def test_what_a_limit_on_a_given_signal_hangs_on(small_study, small_templates, model, toy):
    study, templates = as_given(small_study, small_templates)
    given = make_model(study, "xenon1t", None, "fifty", templates)
    for table, units in (
        (influential_events, EVENT_UNITS),
        (influential_nuisances, NUISANCE_UNITS),
    ):
        ours, theirs = (
            table(each, each.observation(toy), each.interval("profiled")) for each in (given, model)
        )
        named = units_for(units, given.tested)
        assert list(ours.columns) == list(named)
        for name, unit in named.items():
            in_cm2 = name.replace("rate_multiplier", "cm2")
            if in_cm2 == name:
                assert unit == units[name]
                pd.testing.assert_series_equal(ours[name], theirs[name])
            else:
                assert unit == "1e-45 cm²"
                np.testing.assert_allclose(1e-45 * ours[name], theirs[in_cm2], rtol=1e-9)
        assert units_for(units, model.tested) == units


def test_events_of_both_detectors(small_study, small_templates):
    study = dataclasses.replace(small_study, combined={"both": ("xenon1t", "lz")})
    both = make_model(study, "both", 50, "SI", small_templates)
    toys = {name: events.iloc[:20] for name, events in both.toy(1).items()}
    seen = both.observation(toys)
    table = influential_events(both, seen, both.interval("profiled"))
    assert table["detector"].value_counts().to_dict() == {"xenon1t": 20, "lz": 20}
    row = next(r for r in table.to_dict("records") if r["detector"] == "lz" and r["rank"] <= LISTED)
    toys["lz"] = toys["lz"][toys["lz"].index.astype(str) != row["row"]]
    assert row["limit_without_cm2"] == pytest.approx(both.limit(toys).cm2, rel=1e-4, abs=0)


def test_leaving_out_keeps_detectors_apart(small_study, small_templates):
    study = dataclasses.replace(small_study, combined={"both": ("xenon1t", "lz")})
    both = make_model(study, "both", 50, "SI", small_templates)
    data = both.observation({name: e.iloc[:3] for name, e in both.toy(1).items()}).data
    left = leave_out(data, np.array([1, 3]))
    np.testing.assert_array_equal(left.offsets, [[0, 2, 5], [5, 8, 10]])
    np.testing.assert_array_equal(left.bins[:5], np.delete(data.bins, 1))
    np.testing.assert_array_equal(left.bins[5:], np.delete(data.bins, 3))


def test_nothing_seen(model):
    seen = model.observation(pd.DataFrame({"cs1": [], "cs2": []}))
    assert influential_events(model, seen, model.interval("profiled")).empty
    table = influential_nuisances(model, seen, model.interval("profiled")).set_index("parameter")
    # A rate that nothing was seen of is 0, and ½ event above, −2 ln L is 1 more.
    events = model.templates["xenon1t"]["er"].nominal.sum()
    assert table.loc["er_rate", "best_fit"] == pytest.approx(0, abs=1e-6)
    assert table.loc["er_rate", "error_low"] == pytest.approx(0, abs=1e-6)
    assert table.loc["er_rate", "error_high"] == pytest.approx(0.5 / events, rel=0.02)


def test_no_limit_no_influence(small_study, small_templates, model, toy):
    """An event that nothing explains, and a signal that expects nothing: no numbers, no error."""
    interval = model.interval("profiled")
    seen = model.observation(pd.concat([toy, pd.DataFrame({"cs1": [10.5], "cs2": [60.0]})]))
    assert (
        influential_events(model, seen, interval)[
            ["signal_to_background", "limit_without_cm2", "change"]
        ]
        .isna()
        .all(axis=None)
    )
    assert influential_nuisances(model, seen, interval).empty
    template = small_templates["xenon1t"][model.signal]
    nothing = dataclasses.replace(template, expected=0 * template.expected)
    templates = {"xenon1t": small_templates["xenon1t"] | {model.signal: nothing}}
    empty = make_model(small_study, "xenon1t", 50, "SI", templates)
    seen = empty.observation(toy)
    assert influential_events(empty, seen, interval)["signal_to_background"].isna().all()
    assert influential_nuisances(empty, seen, interval).empty


def test_errors_and_pulls_by_another_minimiser(small_study, small_templates):
    """Leff with its constraint and a log-normal ER rate: SciPy scans the same likelihood."""
    detector = small_study.detectors["xenon1t"]
    sources = tuple(
        dataclasses.replace(s, rate="log_normal", rate_width=0.1) if s.name == "er" else s
        for s in detector.sources
    )
    detector = dataclasses.replace(detector, sources=sources)
    study = dataclasses.replace(small_study, detectors={"xenon1t": detector})
    model = make_model(study, "xenon1t", 50, "SI", small_templates)
    toy = pd.concat([model.toy(seed=5), model.toy(seed=6)[:25]])
    seen, interval = model.observation(toy), Interval("profiled", {}, ("leff",))
    table = influential_nuisances(model, seen, interval).set_index("parameter")
    assert list(table.columns) == list(NUISANCE_UNITS)[1:]
    problem = model.problem(interval)
    assert problem.parameters == ("er_rate", "leff")

    def scanned(p, value):
        others = [i for i in range(3) if i != p]

        def at(free):
            parameters = np.empty(3)
            parameters[p], parameters[others] = value, free
            return deviance(problem, seen.data, parameters)

        bounds = [[(0, 100), (0.01, 5), (-2, 2)][i] for i in others]
        start = [[0.5, 1.1, 0.05][i] for i in others]
        return optimize.minimize(at, start, bounds=bounds, method="Nelder-Mead", tol=1e-7).fun

    for p, name in ((1, "er_rate"), (2, "leff")):
        row = table.loc[name]
        lowest = scanned(p, row["best_fit"])
        for end in (row["best_fit"] - row["error_low"], row["best_fit"] + row["error_high"]):
            assert scanned(p, end) - lowest == pytest.approx(1, abs=0.02)
    rate = table.loc["er_rate"]
    assert rate["pull"] == pytest.approx(np.log(rate["best_fit"]) / 0.1, abs=1e-6)
    assert rate["pull"] > 0.5  # 40 % more events than expected
    assert sum(map(np.sum, predict(problem, np.array([0.0, rate["best_fit"], 0.0])))) < len(toy)


def test_a_rate_in_a_range_is_called_uniform(small_study, small_templates):
    detector = small_study.detectors["xenon1t"]
    sources = tuple(
        dataclasses.replace(s, rate="uniform", rate_range=(0.2, 3.0)) if s.name == "er" else s
        for s in detector.sources
    )
    detector = dataclasses.replace(detector, sources=sources)
    study = dataclasses.replace(small_study, detectors={"xenon1t": detector})
    model = make_model(study, "xenon1t", 50, "SI", small_templates)
    seen = model.observation(model.toy(seed=5))
    table = influential_nuisances(model, seen, Interval("nominal", {"leff": 0.0}, ()))
    row = table.set_index("parameter").loc["er_rate"]
    assert row["constraint"] == "uniform"
    assert np.isnan(row["pull"])
    assert row["best_fit"] == pytest.approx(1, abs=0.5)


def test_held_shapes_are_fixed_ones(model, toy):
    """The limit with leff held is that of an interval that fixes it there."""
    seen, interval = model.observation(toy), model.interval("profiled")
    row = influential_nuisances(model, seen, interval).set_index("parameter").loc["leff"]
    for side, sign in (("low", -1), ("high", 1)):
        value = row["best_fit"] + sign * row[f"error_{side}"]
        fixed = Interval("fixed", {"leff": float(value)}, ())
        limit = float(model.table(seen.data, fixed)["limit_cm2"].iloc[0])
        assert row[f"limit_{side}_cm2"] == pytest.approx(limit, rel=1e-3, abs=0)
        assert row[f"change_{side}"] == pytest.approx(limit / model.limit(toy).cm2 - 1, abs=1e-3)


def test_correlated_nuisances_have_their_whole_errors(model, toy):
    """Data that say nothing of two correlated rates leave each its own width, not what is left."""
    widths = {"neutrons": 0.1, "cevns_hep": 0.2}
    detector = model.study.detectors["xenon1t"]
    sources = tuple(
        dataclasses.replace(source, rate="normal", rate_width=widths[source.name])
        if source.name in widths
        else source
        for source in detector.sources
    )
    names = tuple(f"xenon1t_{name}_rate" for name in widths)
    study = dataclasses.replace(
        model.study,
        detectors={"xenon1t": dataclasses.replace(detector, sources=sources)},
        correlations=(Correlation(names, ((1.0, 0.8), (0.8, 1.0))),),
    )
    correlated = dataclasses.replace(model, study=study)
    table = influential_nuisances(
        correlated, correlated.observation(toy), correlated.interval("profiled")
    ).set_index("parameter")
    for name, width in widths.items():
        row = table.loc[f"{name}_rate"]
        assert row["error_low"] == pytest.approx(width, rel=0.03)
        assert row["error_high"] == pytest.approx(width, rel=0.03)
        assert row["pull_high"] == pytest.approx(1, rel=0.03)
        assert np.isfinite(row["limit_high_cm2"])
