"""The failure study on real templates: its law, its causes, and what ours makes of each trial."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from zeptobarn.failures import counts, scans
from zeptobarn.failures.rows import LEFT_NOMINAL
from zeptobarn.failures.sampled import rebuild
from zeptobarn.failures.trials import run
from zeptobarn.inference.load import make_model
from zeptobarn.inference.problem import fits_at
from zeptobarn.inference.status import WITH_LIMIT
from zeptobarn.study.settings import Failures
from zeptobarn.templates.building import build
from zeptobarn.templates.sampling import rate_above_cutoff
from zeptobarn.templates.spectra import source_spectrum
from zeptobarn.templates.toys import throw

DETECTOR = "xenon1t"

# Its tables take half a minute; test_explain and tests/figures are quick.
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("failures")]


@pytest.fixture(scope="module")
def study(small_study):
    return dataclasses.replace(small_study, failures=Failures(200, 1200))


@pytest.fixture(scope="module")
def inputs(study, small_responses, small_templates):
    """Templates and spectra of all scans."""
    signals = list(
        dict.fromkeys(s for scan in scans.names(study) for s in scans.sources(study, scan))
    )
    spectra = {s: source_spectrum(study, DETECTOR, s) for s in signals}
    templates = {
        s: build(study, DETECTOR, s, {"nr": spectra[s]}, small_responses[DETECTOR]) for s in signals
    }
    return small_templates[DETECTOR] | templates, spectra


@pytest.fixture(scope="module")
def tables(study, inputs):
    return {scan: run(study, DETECTOR, scan, *inputs) for scan in scans.names(study)}


@pytest.fixture(scope="module")
def summary(tables):
    return pd.concat(map(counts.summarise, tables.values()), ignore_index=True)


def by_finder(table):
    return [
        table[table["finder"] == name].set_index("trial") for name in ("conventional", "robust")
    ]


def share(rows, status, finder="conventional"):
    chosen = rows[(rows["finder"] == finder) & (rows["status"] == status)]
    return chosen["n_with_status"].sum() / rows.loc[rows["finder"] == finder, "n_with_status"].sum()


def test_acceptances_of_the_original_study(study, inputs):
    """2 to 3 % at 10 GeV, 0.15 to 0.25 % at 7 GeV, above the cutoff of 1 keV."""
    templates, spectra = inputs
    apparatus = study.detectors[DETECTOR].apparatus
    exposure = study.detectors[DETECTOR].exposure_kg_day
    for source, low, high in (("wimp_SI_10GeV", 0.02, 0.032), ("wimp_SI_7GeV", 0.0015, 0.0027)):
        recoils = rate_above_cutoff(apparatus, "nr", spectra[source]) * exposure
        assert low < templates[source].nominal.sum() / recoils < high


def test_the_law_is_predicted_not_fitted(summary, study, inputs):
    law = counts.law(summary)
    assert len(law) == 2 * len(study.masses_GeV)
    assert (law["p_value"] > 1e-3).all()
    assert law["degrees_of_freedom"].max() >= 10
    rows = summary[
        (summary["scan"] == "n_events")
        & (summary["status"] == "empty_template")
        & (summary["shape_parameters"] == "none")
        & (summary["mass_GeV"] == 10)
    ].set_index("n_events_for_pdf")
    templates, spectra = inputs
    recoils = rate_above_cutoff(study.detectors[DETECTOR].apparatus, "nr", spectra["wimp_SI_10GeV"])
    recoils *= study.detectors[DETECTOR].exposure_kg_day
    acceptance = templates["wimp_SI_10GeV"].nominal.sum() / recoils
    assert rows["predicted_fraction"][50].iloc[0] == pytest.approx(
        (1 - acceptance) ** 50, rel=1e-9, abs=0
    )


def test_every_trial_has_an_answer(tables):
    """A limit wherever the template is filled and the critical value positive, else a reason."""
    assert len(tables) == 6
    for scan, table in tables.items():
        conventional, robust = by_finder(table)
        answerable = (robust["filled_bins"] > 0) & (robust["confidence_level"] > 0.5)
        assert robust.loc[answerable, "status"].isin(WITH_LIMIT).all(), scan
        named = robust.loc[~answerable, "status"]
        assert named.isin(["empty_template", "critical_value_zero"]).all(), scan
        assert (robust["limit_rate_multiplier"] > 0).equals(robust["status"].isin(WITH_LIMIT))
        assert conventional["message"][~conventional["status"].isin(WITH_LIMIT)].ne("").all()


def test_both_finders_agree_or_say_why(tables):
    assert len(tables) == 6
    for scan, table in tables.items():
        conventional, robust = by_finder(table)
        assert "unexplained" not in set(table["difference"]), scan
        same = conventional["status"].isin(WITH_LIMIT) & robust["status"].isin(WITH_LIMIT)
        same &= conventional["difference"] == ""
        assert same.any(), scan
        ratio = conventional["limit_rate_multiplier"][same] / robust["limit_rate_multiplier"][same]
        assert (ratio - 1).abs().max() < 1e-3, scan


def test_raising_the_bound_removes_no_crossing_alone(tables, summary):
    rows = summary[(summary["scan"] == "bound") & (summary["mass_GeV"] == 7)]
    crossings = [share(rows[rows["bound"] == b], "no_crossing") for b in (10, 100, 1e5)]
    assert crossings[0] > 0.8 > crossings[1] > crossings[2] == 0
    empty = [share(rows[rows["bound"] == b], "empty_template") for b in (10, 100, 1e5)]
    assert empty[0] == empty[1] == empty[2] > 0.03
    # The same draws: an empty template stays empty.
    conventional, _ = by_finder(tables["bound"])
    wide = conventional[conventional["mass_GeV"] == 7].pivot(
        index="draw", columns="bound", values="filled_bins"
    )
    assert wide.nunique(axis=1).eq(1).all()


def test_confidence_levels_of_one_half_and_below(tables, summary):
    conventional, robust = by_finder(tables["confidence_level"])
    half = conventional[(conventional["confidence_level"] == 0.5)]
    filled = half[half["filled_bins"] > 0]
    assert (filled["status"] == "ok").all()
    assert filled["limit_rate_multiplier"].equals(filled["best_fit_rate_multiplier"])
    below = robust[(robust["confidence_level"] <= 0.5) & (robust["filled_bins"] > 0)]
    assert (below["status"] == "critical_value_zero").all()
    mirrored = [
        conventional[conventional["confidence_level"] == level]["limit_rate_multiplier"].to_numpy()
        for level in (0.45, 0.55)
    ]
    np.testing.assert_allclose(*mirrored, rtol=1e-6)
    rows = summary[(summary["scan"] == "confidence_level") & (summary["finder"] == "conventional")]
    spurious = rows.groupby("confidence_level")["n_spurious"].sum()
    assert (spurious[spurious.index > 0.5] == 0).all()
    assert (spurious[spurious.index <= 0.5] > 0).all()


def test_the_original_bound_leaves_a_window_of_levels(tables, summary):
    """Its edges are predicted from the statistic at the bound, without a scan."""
    answers = counts.answers(summary)
    assert set(answers["bound"]) == {10, 1e5}
    error = np.sqrt(
        answers["predicted_share"] * (1 - answers["predicted_share"]) / answers["n_trials"]
    )
    assert (abs(answers["share"] - answers["predicted_share"]) < 4 * error + 0.01).all()
    rows = answers[(answers["mass_GeV"] == 7) & (answers["bound"] == 10)]
    low, high = counts.window(*rows[["confidence_level", "share"]].to_numpy().T)
    predicted = counts.window(*rows[["confidence_level", "predicted_share"]].to_numpy().T)
    assert (low, high) == pytest.approx(predicted, abs=0.04)
    assert 0.25 < low < 0.36
    assert high == pytest.approx(1 - low, abs=0.02)
    shares = rows.set_index("confidence_level")["share"]
    assert shares[[0.51, 0.55, 0.6]].min() > 0.8
    assert shares[[0.05, 0.9, 0.95]].max() < 0.05
    # At the usual bound only empty templates fail, at every level alike.
    assert answers[answers["bound"] == 1e5].groupby("mass_GeV")["share"].nunique().eq(1).all()
    # The statistic at the bound of each trial decides at all levels.
    conventional, _ = by_finder(tables["confidence_level"])
    filled = conventional[conventional["filled_bins"] > 0]
    rises = (filled["statistic_high"] > filled["critical_value"]) | (filled["critical_value"] == 0)
    assert (filled["status"].isin(WITH_LIMIT) == rises).all()
    assert filled.groupby(["mass_GeV", "bound", "draw"])["statistic_high"].nunique().eq(1).all()


@pytest.mark.parametrize(
    ("shares", "expected"),
    [
        ([1.0, 1.0, 1.0, 1.0, 1.0], (np.nan, np.nan)),
        ([0.0, 0.8, 0.8, 0.8, 0.8], (0.325, np.nan)),
        ([0.0, 0.0, 0.4, 0.0, 0.0], (0.5, 0.5)),
        ([0.0, 0.0, 1.0, 0.0, 0.0], (0.45, 0.6)),
    ],
)
def test_window(shares, expected):
    levels = np.array([0.2, 0.4, 0.5, 0.7, 0.9])
    assert counts.window(levels, np.array(shares)) == pytest.approx(expected, nan_ok=True)


def test_more_trials_cure_nothing(summary, study):
    rows = summary[(summary["scan"] == "n_trials") & (summary["finder"] == "robust")]
    assert sorted(rows["n_trials"].unique()) == [10, 100, 1000, 1200]
    for shapes, low in (("none", 0.05), ("leff", 0.2)):
        chosen = rows[rows["shape_parameters"] == shapes]
        empty = chosen[chosen["status"] == "empty_template"].set_index("n_trials")
        assert empty["n_failed"].is_monotonic_increasing
        last = empty.loc[1200]
        assert last["failure_fraction"] > low
        error = (last["predicted_fraction"] * (1 - last["predicted_fraction"]) / 1200) ** 0.5
        assert abs(last["failure_fraction"] - last["predicted_fraction"]) < 4 * error


def test_spin_dependent_limits_lie_beyond_the_bound(summary):
    rows = summary[summary["scan"] == "reference"]
    assert share(rows[rows["interaction"] == "SI"], "no_crossing") == 0
    proton = rows[rows["interaction"] == "SD_p_central"]
    assert share(proton, "no_crossing") > 0.8
    assert share(proton, "no_crossing", "robust") == 0


def test_a_key_left_in_the_code_leaves_zeros(tables, summary):
    """And at the one mass that the key names, the numbers of another array."""
    conventional, robust = by_finder(tables["leff_low"])
    low = conventional["shape_parameters"] == "leff = -2"
    other = low & (conventional["mass_GeV"] != 50)
    assert (conventional["limit_rate_multiplier"][other] == 0).all()
    assert (conventional["status"][other] == "ok").all()
    assert robust["limit_rate_multiplier"][other].isna().all()
    assert (robust["status"][other] == "empty_template").all()
    # The same numbers as the limits, trial by trial; ours are other numbers, at every trial.
    at_one = conventional["mass_GeV"] == 50
    limits, copied = (
        conventional[chosen & at_one].set_index("draw")["limit_rate_multiplier"]
        for chosen in (~low, low)
    )
    assert len(limits) == 200
    pd.testing.assert_series_equal(limits, copied)
    own = robust[low & at_one].set_index("draw")["limit_rate_multiplier"]
    assert ((own / copied - 1).abs() > 1e-3).mean() > 0.9
    assert own.median() > 1.02 * copied.median()
    difference = conventional["difference"][low & at_one]
    assert set(difference) <= {"", LEFT_NOMINAL}
    assert (difference == LEFT_NOMINAL).mean() > 0.9
    # The limits themselves are right, at all masses.
    assert conventional.loc[~low, "difference"].eq("").all()
    rows = summary[(summary["scan"] == "leff_low") & (summary["finder"] == "conventional")]
    medians = rows.groupby(["mass_GeV", "shape_parameters"])["median_rate_multiplier"].first()
    assert [medians[mass, "leff = -2"] for mass in (7, 10, 1000)] == [0, 0, 0]
    assert medians[50, "leff = -2"] == medians[50, "none"] == limits.median()


def test_templates_by_quadrature_never_fail(tables, summary, study, inputs):
    """On the same datasets; they are one limit each, whatever the conventional recipe samples."""
    table = tables["n_events"]
    precise = table[table["finder"] == "precise"]
    assert len(precise) == len(table) / 3
    assert precise["status"].isin(WITH_LIMIT).all()
    keys = ["mass_GeV", "shape_parameters", "dataset"]
    assert precise.groupby(keys)["limit_rate_multiplier"].nunique().eq(1).all()
    model = make_model(study, DETECTOR, 10, "SI", {DETECTOR: inputs[0]})
    toys = throw(study, DETECTOR, inputs[0], range(1, study.trials + 1))
    for shapes, interval in (("none", "leff_nominal"), ("leff", "profiled")):
        rows = precise[(precise["mass_GeV"] == 10) & (precise["shape_parameters"] == shapes)]
        limits = rows.groupby("dataset")["limit_rate_multiplier"].first()
        expected = model.interval_limits(toys, interval)["limit_rate_multiplier"]
        np.testing.assert_allclose(limits, expected, rtol=1e-9)
    rows = summary[(summary["scan"] == "n_events") & (summary["finder"] == "precise")]
    assert (rows["n_failed"] == 0).all()
    assert (rows[["n_spurious", "n_different"]] == 0).all(axis=None)
    assert (rows["predicted_fraction"].dropna() == 0).all()
    # What is empty is empty for both finders, and no other fails.
    fails = [~rows["status"].isin(WITH_LIMIT) for rows in by_finder(table)]
    assert fails[0].equals(fails[1])
    assert fails[0].mean() > 0.1


def test_a_draw_does_not_depend_on_how_many_follow(study, inputs, tables):
    fewer = dataclasses.replace(study, failures=Failures(30, 130))
    few = run(fewer, DETECTOR, "n_trials", *inputs)
    many = tables["n_trials"]
    columns = ["draw", "finder", "shape_parameters", "status", "expected_events", "filled_bins"]
    first = many[many["draw"] <= 130]
    pd.testing.assert_frame_equal(
        few[columns].reset_index(drop=True), first[columns].reset_index(drop=True)
    )


def test_a_trial_can_be_rebuilt(study, inputs, tables):
    """Its likelihood crosses the critical value where the table has the limit."""
    templates, spectra = inputs
    for scan, wanted in (
        ("n_events", {"mass_GeV": 10, "n_events_for_pdf": 200, "shape_parameters": "leff"}),
        ("reference", {"interaction": "SD_n_central", "sigma_ref_cm2": 1e-47, "mass_GeV": 50}),
    ):
        conventional, robust = by_finder(tables[scan])
        chosen = (robust[list(wanted)] == pd.Series(wanted)).all(axis=1)
        ok = chosen & robust["status"].eq("ok") & conventional["difference"].eq("")
        row = robust[ok].iloc[7]
        source = f"wimp_{row['interaction']}_{row['mass_GeV']:g}GeV"
        model, setting, toys = rebuild(study, DETECTOR, row.to_dict(), templates, spectra[source])
        assert model.signal_events == pytest.approx(row["expected_events"], rel=1e-9, abs=0)
        problem = model.problem(setting.interval)
        signal = row["limit_rate_multiplier"] * model.signal_events
        _, fits = fits_at(problem, model.data(toys), np.array([signal]))
        assert fits[0, 0, 0] == pytest.approx(row["critical_value"], rel=1e-3)


def test_a_study_without_shapes_has_five_scans(study):
    bare = dataclasses.replace(
        study,
        shapes=(),
        intervals=(dataclasses.replace(study.intervals[0], fixed={}),),
    )
    assert scans.names(bare) == [name for name in scans.names(study) if name != "leff_low"]
    assert {s.shape_parameters for s in scans.settings(bare, "n_events")} == {"none"}
