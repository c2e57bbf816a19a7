import dataclasses

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from zeptobarn.inference.load import load_model, make_model
from zeptobarn.inference.results import write_limits
from zeptobarn.study.settings import Calibration, Interval
from zeptobarn.summary.sensitivity import asimov_limits
from zeptobarn.support.config import ConfigError
from zeptobarn.support.tables import read_parquet
from zeptobarn.templates import toys as toys_module
from zeptobarn.templates.toys import Toys, read_datasets, throw, write_toys


@pytest.fixture(scope="module")
def model(small_study, small_templates):
    return make_model(small_study, "xenon1t", 50, "SI", small_templates)


@pytest.fixture(scope="module")
def toys(small_study, small_templates):
    return throw(small_study, "xenon1t", small_templates["xenon1t"], range(1, 61))


def test_columns_are_the_contract(model, toys):
    assert list(model.limits(toys).columns) == [
        "detector", "interaction", "mass_GeV", "trial", "interval", "kind", "confidence_level",
        "limit_rate_multiplier", "limit_cm2", "calibration_error_cm2", "asymptotic_limit_cm2",
        "limit_low_rate_multiplier", "best_fit_rate_multiplier", "best_fit_er_rate",
        "best_fit_leff", "signal_likeness", "status", "message", "n_evaluations",
    ]  # fmt: skip


def test_a_row_per_trial_and_interval(model, toys):
    limits = model.limits(toys)
    assert len(limits) == 60 * 3
    assert (limits.groupby("trial").size() == 3).all()
    assert limits["status"].isin(["ok", "at_boundary"]).all()
    assert (limits["limit_cm2"] > 0).all()
    np.testing.assert_allclose(limits["limit_cm2"], limits["limit_rate_multiplier"] * 1e-45)
    assert (limits["limit_rate_multiplier"] > limits["best_fit_rate_multiplier"]).all()


def test_the_three_intervals_differ(model, toys):
    wide = model.limits(toys).pivot(index="trial", columns="interval", values="limit_cm2")
    for a, b in (("leff_nominal", "leff_low"), ("leff_nominal", "profiled")):
        assert (wide[a] != wide[b]).all()
    assert wide["leff_low"].median() > 1.1 * wide["leff_nominal"].median()


def test_threads_and_batches_change_nothing(model, toys):
    whole = model.limits(toys)
    pd.testing.assert_frame_equal(whole, model.limits(toys, threads=2))
    pd.testing.assert_frame_equal(whole, model.limits(toys, threads=7))
    halves = []
    for first, last in ((1, 13), (14, 60)):
        chosen = [table["trial"].between(first, last) for table in (toys.events, toys.truth)]
        part = Toys(toys.events[chosen[0]], toys.truth[chosen[1]])
        halves.append(model.limits(part))
    pd.testing.assert_frame_equal(whole, pd.concat(halves, ignore_index=True))


def test_order_of_events_does_not_matter(model):
    toy = model.toy(seed=4)
    shuffled = toy.sample(frac=1, random_state=1)
    assert model.limit(toy).cm2 == pytest.approx(model.limit(shuffled).cm2, rel=1e-9, abs=0)


def test_an_interval_fixed_between_anchors(model, toys, small_study):
    study = dataclasses.replace(small_study, intervals=(Interval("between", {"leff": -0.5}, ()),))
    between = dataclasses.replace(model, study=study).interval_limits(toys, "between")
    nominal, low = (
        model.interval_limits(toys, name)["limit_cm2"].median()
        for name in ("leff_nominal", "leff_low")
    )
    assert nominal < between["limit_cm2"].median() < low


def test_signal_makes_the_limit_weaker(model, small_templates, small_study):
    toy = model.toy(seed=2)
    signal = small_templates["xenon1t"]["wimp_SI_50GeV"].nominal
    space = small_study.detectors["xenon1t"].space
    i, j = np.divmod(signal.argmax(), space.shape[1])
    event = pd.DataFrame({"cs1": [space.cs1_edges[i] + 0.5], "cs2": [space.cs2_edges[j] * 1.01]})
    limits = [model.limit(pd.concat([toy, *[event] * n])).cm2 for n in (0, 2, 6)]
    assert limits[0] < limits[1] < limits[2]


def test_observed_events_from_a_file(model, tmp_path):
    toy = model.toy(seed=1)
    outside = pd.DataFrame({"cs1": [2.0, 500.0], "cs2": [300.0, 1000.0]})
    pd.concat([toy[["cs1", "cs2"]], outside]).to_csv(tmp_path / "events.csv", index=False)
    limit = model.limit(tmp_path / "events.csv")
    assert limit.cm2 == pytest.approx(model.limit(toy).cm2, rel=1e-9, abs=0)
    assert (limit.n_events, limit.n_outside) == (len(toy), 2)
    n = len(toy)
    used = f"{n} events; outside the analysis space: 2 of {n + 2} ({200 / (n + 2):.3g} %)]"
    claim = "upper limit (q̃), Leff profiled"
    expected = f"σ < {limit.cm2:.3g} cm² at nominal 90 % CL, asymptotic [{claim}, {used}"
    assert str(limit) == expected
    assert str(model.discovery(tmp_path / "events.csv")).endswith(f"[{used}")
    assert str(model.limit(toy)).endswith(f"[{claim}, {n} events]")
    assert "outside={'xenon1t': 2}" in repr(limit)
    assert {"rate_multiplier", "er_rate", "leff"} == set(limit.best_fit)


@pytest.mark.parametrize("ask", ["limit", "discovery"])
def test_all_observed_events_outside(model, tmp_path, ask):
    """Else log10 of the areas gives the limit of an empty dataset, the strongest there is."""
    toy = model.toy(seed=1)[["cs1", "cs2"]]
    toy["cs2"] = np.log10(toy["cs2"])
    toy.to_csv(tmp_path / "events.csv", index=False)
    message = rf"all {len(toy)} events lie outside .* of xenon1t: .*; 10 to the power"
    for data, origin in ((toy, "data"), (tmp_path / "events.csv", r".*events\.csv")):
        with pytest.raises(ConfigError, match=rf"^{origin}: {message} of cs2 puts {len(toy)} in"):
            getattr(model, ask)(data)
    assert model.limit(toy[:0]).n_events == 0


def test_toys_outside_are_refused(model, toys):
    """Their bin would be another detector's, or the last one."""
    outside = dataclasses.replace(toys, events=toys.events.assign(cs1=1.0))
    n = len(toys.events)
    with pytest.raises(ValueError, match=f"toys: {n} of {n} events lie outside .* of xenon1t"):
        model.limits(outside)


def test_a_repr_that_a_person_can_read(model):
    assert repr(model).startswith("<xenon1t, WIMP SI 50 GeV/c²: expects 18")
    assert "backgrounds: er 6" in repr(model)


def with_template(model, source, change):
    """The model with a change to a template's expected events."""
    templates = {name: dict(sources) for name, sources in model.templates.items()}
    for sources in templates.values():
        sources[source] = dataclasses.replace(
            sources[source], expected=change(sources[source].expected.copy())
        )
    return dataclasses.replace(model, templates=templates)


def test_empty_template(model, toys):
    limits = with_template(model, model.signal, lambda expected: 0 * expected).limits(toys)
    assert (limits["status"] == "empty_template").all()
    assert limits["limit_cm2"].isna().all()
    assert "expects no event" in limits["message"][0]


def test_a_template_that_is_not_finite(model, toys):
    def spoil(expected):
        expected[2, 100] = np.nan
        return expected

    limits = with_template(model, "er", lambda e: np.where(e < e.max(), e, np.nan)).limits(toys)
    for table in (limits, with_template(model, model.signal, spoil).limits(toys)):
        assert (table["status"] == "not_converged").all()
        assert table["limit_cm2"].isna().all()
        assert "values that are not ≥ 0: make the templates again" in table["message"][0]


@pytest.mark.parametrize("level", [0.5, 0.45])
def test_critical_value_zero(model, toys, small_study, level):
    study = dataclasses.replace(small_study, confidence_level=level)
    limits = dataclasses.replace(model, study=study).limits(toys)
    assert (limits["status"] == "critical_value_zero").all()
    assert limits["limit_cm2"].isna().all()


def test_no_crossing_at_a_small_bound(model, toys, small_study):
    study = dataclasses.replace(small_study, search_bound_rate_multiplier=1e-4)
    limits = dataclasses.replace(model, study=study).limits(toys)
    assert (limits["status"] == "no_crossing").all()
    assert limits["limit_cm2"].isna().all()


def test_event_without_density(small_study, small_templates):
    """Without the anomalous background, which is everywhere that the detector sees."""
    detector = small_study.detectors["xenon1t"]
    recoils = tuple(source for source in detector.sources if source.recoil)
    detectors = {"xenon1t": dataclasses.replace(detector, sources=recoils)}
    study = dataclasses.replace(small_study, detectors=detectors)
    model = make_model(study, "xenon1t", 50, "SI", small_templates)
    toy = pd.concat([model.toy(seed=1), pd.DataFrame({"cs1": [69.5], "cs2": [51.0]}, ["odd"])])
    limit = model.limit(toy)
    assert limit.status == "zero_density_event"
    assert "no source has a density at the event in row odd of xenon1t: " in limit.message
    assert str(limit).startswith("no upper limit (q̃), Leff profiled: zero_density_event")
    assert str(limit).endswith(f" [{len(toy)} events]")


def test_event_that_the_detector_cannot_see(model):
    """Every source is zero below 184.4 PE: the message says that it is, and why."""
    toy = pd.concat([model.toy(seed=1), pd.DataFrame({"cs1": [10.5], "cs2": [183.0]})])
    limit = model.limit(toy)
    assert limit.status == "zero_density_event"
    assert "the event in row 0 of xenon1t" in limit.message
    assert limit.message.endswith(
        "; it lies at cS1 10–11 PE, cS2 171.5–184.4 PE, and at no position does a cS2 below "
        "184.4 PE pass the S2 threshold: its corrections differ from the detector's, or it "
        "should have been cut"
    )
    toy.loc[toy["cs2"] == 183.0, "cs2"] = 185.0
    assert model.limit(toy).status != "zero_density_event"


def test_neutrinos_constrained_one_by_one(small_study, small_templates):
    """Each flux with its own uncertainty: at 7 GeV, ⁸B's costs LZ some of its sensitivity."""
    widths = {"cevns_8b": 0.12, "cevns_hep": 0.3, "cevns_atm": 0.2, "cevns_dsnb": 0.5}
    detector = small_study.detectors["lz"]
    sources = tuple(
        dataclasses.replace(s, rate="normal", rate_width=widths[s.name]) if s.name in widths else s
        for s in detector.sources
    )
    constrained = dataclasses.replace(
        small_study, detectors={"lz": dataclasses.replace(detector, sources=sources)}
    )
    models = {
        name: make_model(study, "lz", 7, "SI", small_templates)
        for name, study in (("fixed", small_study), ("constrained", constrained))
    }
    toys = throw(constrained, "lz", small_templates["lz"], range(1, 41))
    limits = models["constrained"].interval_limits(toys, "leff_nominal")
    assert limits["status"].isin(["ok", "at_boundary"]).all()
    fits = limits[[f"best_fit_{name}_rate" for name in widths]]
    assert (fits.std() > 0.5 * np.array(list(widths.values()))).all()
    assert (fits.mean() - 1).abs().max() < 0.25
    median = {
        name: asimov_limits(model, model.interval("leff_nominal"))["asimov_cm2"]
        for name, model in models.items()
    }
    assert 1.01 < median["constrained"] / median["fixed"] < 1.5


def test_unknown_names_are_refused(model, small_study):
    with pytest.raises(ValueError, match="interval: found 'best'; allowed: leff_nominal"):
        model.limit(model.toy(1), interval="best")
    with pytest.raises(ValueError, match=r"mass_GeV: found 51; the study has \[7, 10"):
        load_model(small_study, "lz", 51)


def test_calibrated_limits(small_study, small_templates, toys):
    """Critical values from toys: near the asymptotic one for strong signals, above it for weak."""
    study = dataclasses.replace(
        small_study,
        critical_values="toys",
        calibration=Calibration(1500, (0.0, 1.0, 2.3, 5.0, 9.0, 15.0, 24.0)),
    )
    model = make_model(study, "xenon1t", 50, "SI", small_templates)
    with pytest.raises(ValueError, match="xenon1t at 50 GeV/c² is not calibrated"):
        model.limits(toys)
    table = model.calibrate()
    pd.testing.assert_frame_equal(table, model.calibrate(threads=3))
    assert list(table["interval"].unique()) == ["leff_nominal", "leff_low", "profiled"]
    assert (table["n_failed"] == 0).all()
    assert table["n_effective"].min() > 2000
    assert (table["rate_multiplier"] * model.signal_events).min() == pytest.approx(0.01, rel=0.01)
    strong = table[table["rate_multiplier"] * model.signal_events > 15]
    assert strong["critical_value"].mean() == pytest.approx(1.6424, rel=0.15)
    limits = dataclasses.replace(model, critical_values=table).limits(toys)
    excluded = limits["status"] == "all_signals_excluded"
    assert (excluded | limits["status"].isin(["ok", "at_boundary"])).all()
    assert excluded.mean() < 0.2
    assert limits.loc[excluded, "limit_rate_multiplier"].to_numpy() == pytest.approx(
        0.01 / model.signal_events, rel=0.2
    )
    error = limits["calibration_error_cm2"] / limits["limit_cm2"]
    assert 0.005 < error[~excluded].median() < 0.05
    asymptotic = dataclasses.replace(
        model, study=dataclasses.replace(study, critical_values="asymptotic")
    )
    plain = asymptotic.limits(toys)
    assert limits["limit_cm2"].median() > 1.1 * plain["limit_cm2"].median()
    pd.testing.assert_series_equal(limits["asymptotic_limit_cm2"], plain["asymptotic_limit_cm2"])
    np.testing.assert_array_equal(plain["asymptotic_limit_cm2"], plain["limit_cm2"])


def test_limits_of_a_batch_in_chunks(tmp_path, small_study, small_templates, monkeypatch):
    """Both detectors together, each truth in its own files: the limits are those of one chunk."""
    study = dataclasses.replace(small_study, combined={"both": ("xenon1t", "lz")})
    model = make_model(study, "both", 10, "SI", small_templates)
    datasets = {
        name: {d: throw(study, d, small_templates[d], range(11, 24), at) for d in model.templates}
        for name, at in study.truths.items()
    }
    places = [(name, detector) for name in study.truths for detector in model.templates]
    for name, detector in places:
        folder = tmp_path / name / detector
        files = folder / "11-23.parquet", folder / "11-23.truth.parquet"
        write_toys(study, detector, [datasets[name][detector]], *files, study.truths[name])
    events, truth = (
        [tmp_path / name / detector / f"11-23.{suffix}" for name, detector in places]
        for suffix in ("parquet", "truth.parquet")
    )
    monkeypatch.setattr(toys_module, "_AT_ONCE", 5)
    parts = [model.study_limits(some) for some in read_datasets(study, "both", events, truth)]
    assert [len(part) for part in parts] == [15, 15, 9]
    write_limits(model, parts, tmp_path / "limits.parquet")
    reread, metadata = read_parquet(tmp_path / "limits.parquet")
    pd.testing.assert_frame_equal(reread, model.study_limits(datasets), check_dtype=False)
    assert metadata["units"]["limit_cm2"] == "cm²"


def test_each_interval_has_datasets_of_its_own(small_study, small_templates):
    """In LZ at low mass, datasets at leff = 0 have more ⁸B events than leff = −2 expects."""
    medians = {}
    for key in ("own", "nominal"):
        study = dataclasses.replace(small_study, datasets=key)
        model = make_model(study, "lz", 7, "SI", small_templates)
        datasets = {
            name: {"lz": throw(study, "lz", small_templates["lz"], range(1, 41), at)}
            for name, at in study.truths.items()
        }
        assert list(datasets) == (["nominal", "leff_-2"] if key == "own" else ["nominal"])
        limits = model.study_limits(datasets)
        medians[key] = limits.groupby("interval")["limit_cm2"].median()
    for same in ("leff_nominal", "profiled"):
        assert medians["own"][same] == medians["nominal"][same]
    assert medians["nominal"]["leff_low"] > 2 * medians["own"]["leff_low"]


@pytest.mark.parametrize("kind", ["unified", "central"])
def test_two_sided_intervals_of_a_signal(model, kind):
    """Six events where the signal is: a lower end above 0, and a discovery."""
    study = dataclasses.replace(model.study, intervals=(Interval("two", {}, ("leff",), kind),))
    two_sided = dataclasses.replace(model, study=study)
    toy = model.toy(seed=2)
    space = study.detectors["xenon1t"].space
    signal = model.templates["xenon1t"][model.signal].nominal
    i, j = np.divmod(signal.argmax(), space.shape[1])
    event = pd.DataFrame({"cs1": [space.cs1_edges[i] + 0.5], "cs2": [space.cs2_edges[j] * 1.01]})
    interval = two_sided.limit(pd.concat([toy, *[event] * 6]), "two")
    assert 0 < interval.low_cm2 < interval.best_fit["rate_multiplier"] * 1e-45 < interval.cm2
    assert "≤ σ ≤" in str(interval)
    none = two_sided.limit(toy, "two")
    assert none.low_cm2 == 0
    test = two_sided.discovery(pd.concat([toy, *[event] * 6]), "two")
    assert test.significance > 3
    assert test.p_value == pytest.approx(stats.norm.sf(test.significance))
    assert two_sided.discovery(toy, "two").significance < 2


@pytest.mark.parametrize(
    "interval",
    [Interval("x", {}, ("leff",), "upper", True), Interval("x", {"leff": 0.0}, (), "unified")],
)
def test_twice_the_livetime_is_as_good_as_twice_the_templates(model, interval):
    """Critical values that depend on the signal's strength follow the data's livetime."""
    study = dataclasses.replace(model.study, intervals=(interval,))
    single = dataclasses.replace(model, study=study)
    double = single
    for source in model.templates["xenon1t"]:
        double = with_template(double, source, lambda expected: 2 * expected)
    toy = pd.concat([model.toy(seed=3), model.toy(seed=4)])
    one = single.limit(toy, "x", livetime_day=2 * 34.2)
    two = double.limit(toy, "x")
    assert one.rate_multiplier == pytest.approx(two.rate_multiplier, rel=1e-6)


def test_calibrated_values_hold_for_the_detectors_livetime_only(model):
    study = dataclasses.replace(model.study, critical_values="toys")
    table = pd.DataFrame({"interval": "profiled", "rate_multiplier": [0.0, 1.0]})
    for column in ("critical_value", "critical_value_low", "critical_value_high"):
        table[column] = [1.0, 2.0]
    calibrated = dataclasses.replace(model, study=study, critical_values=table)
    assert calibrated.limit(model.toy(1)).status in ("ok", "at_boundary")
    with pytest.raises(ValueError, match="calibrated for the detector's livetime"):
        calibrated.limit(model.toy(1), livetime_day=10)


def test_columns_under_other_names(model, small_study, small_templates):
    """The limit is that of the same events under our names, and says where they come from."""
    toy = model.toy(seed=1)
    ours = model.limit(toy)
    assert "cs1 =" not in str(ours)
    theirs = pd.DataFrame({"S1c [phd]": toy["cs1"] / 1.15, "log10_cs2": np.log10(toy["cs2"])})
    limit = model.limit(theirs)
    assert limit.cm2 == pytest.approx(ours.cm2, rel=1e-9, abs=0)
    assert str(limit).endswith("; cs1 = 1.15 × S1c [phd] (phd → PE), cs2 = 10^log10_cs2]")
    named = {"cs1": "a", "log10_cs2": "b"}
    again = model.limit(theirs.set_axis(["x", "b"], axis=1).assign(a=toy["cs1"]), columns=named)
    assert again.cm2 == pytest.approx(ours.cm2, rel=1e-9, abs=0)
    with pytest.raises(ConfigError, match="data: found columns 'a', 'b'; needed: cs1 and cs2"):
        model.discovery(theirs.set_axis(["a", "b"], axis=1))
    study = dataclasses.replace(small_study, combined={"both": ("xenon1t", "lz")})
    both = make_model(study, "both", 50, "SI", small_templates)
    toys = both.toy(1)
    data = {"xenon1t": theirs.set_axis(["a", "b"], axis=1), "lz": toys["lz"]}
    data["xenon1t"]["a"] = toy["cs1"]
    together = both.limit(data, columns={"xenon1t": named, "lz": {}})
    assert "cs1 = a, cs2 = 10^b of xenon1t]" in str(together)


def test_trials_of_a_combination_must_match(small_study, small_templates):
    study = dataclasses.replace(small_study, combined={"both": ("xenon1t", "lz")})
    both = make_model(study, "both", 50, "SI", small_templates)
    toys = {
        name: throw(study, name, templates, trials)
        for (name, templates), trials in zip(small_templates.items(), ([1, 2], [2, 3]), strict=True)
    }
    with pytest.raises(ValueError, match="hold different trials"):
        both.limits(toys)
    with pytest.raises(ValueError, match="needed, by name: xenon1t, lz"):
        both.limits({"xenon1t": toys["xenon1t"]})
