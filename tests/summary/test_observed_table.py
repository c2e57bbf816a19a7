"""Observed limits beside what is expected: joined, power-constrained, written."""

import dataclasses
from itertools import product

import numpy as np
import pandas as pd
import pytest

from given import FIFTY, as_given
from zeptobarn.inference.load import make_model
from zeptobarn.inference.observed_limits import calibrate_on, observed_limits
from zeptobarn.study.observed import (
    detailed_interval,
    detailed_place,
    observed_targets,
    with_observed,
)
from zeptobarn.study.settings import Calibration, Details, Observed
from zeptobarn.study.slices.observed import (
    observed_detail_slice,
    observed_slice,
    observed_table_slice,
)
from zeptobarn.study.slices.summary import signals_summary_slice, summary_slice
from zeptobarn.summary.observed_table import (
    EXPECTED,
    add_expected,
    join_limits,
    observe,
    read_calibrated,
    read_expected,
    read_observed,
    write_calibrated,
    write_observed,
    write_rows,
)
from zeptobarn.support import paths
from zeptobarn.support.tables import ResultError, digest, read_parquet, write_parquet


@pytest.fixture
def events(tmp_path):
    path = tmp_path / "events.csv"
    path.write_text("s1c_phd,cs2_bottom_pe\n10,1000\n12,1500\n300,9\n")
    return path


@pytest.fixture
def study(small_study, events, tmp_path):
    one = {"xenon1t": small_study.detectors["xenon1t"]}
    study = dataclasses.replace(
        small_study, detectors=one, masses_GeV=(10, 50), results=tmp_path / "results"
    )
    return with_observed(study, {"xenon1t": Observed(str(events))})


def rows_of(limits):
    return pd.DataFrame(
        {
            "detector": "lz",
            "interaction": "SI",
            "mass_GeV": [10.0, 50.0, 50.0],
            "interval": ["a", "a", "b"],
            "limit_cm2": limits,
        }
    )


def test_power_constraint():
    """The larger of the limit and the quantile; what is not known stays so."""
    rows = rows_of([3e-45, 1e-45, np.nan])
    summary = rows.drop(columns="limit_cm2").assign(
        **(dict.fromkeys(EXPECTED, 5e-45) | {"power_constraint_cm2": 2e-45})
    )[::-1]
    table = add_expected(rows, summary)
    assert table["power_constrained_limit_cm2"].tolist()[:2] == [3e-45, 2e-45]
    assert np.isnan(table["power_constrained_limit_cm2"][2])
    assert (table["median_cm2"] == 5e-45).all()
    none = add_expected(rows, None)
    assert none[[*EXPECTED, "power_constrained_limit_cm2"]].isna().all(axis=None)
    some = add_expected(rows, summary[:1])
    assert some["median_cm2"].notna().tolist() == [False, False, True]


def places(study):
    """A row for each place of a study's summary."""
    intervals = [interval.name for interval in study.intervals]
    rows = product(study.targets, study.interactions, map(float, study.masses_GeV), intervals)
    return pd.DataFrame(rows, columns=["detector", "interaction", "mass_GeV", "interval"])


def test_a_study_without_results_says_so(study):
    summary, why = read_expected(study)
    assert summary is None
    assert "summary/limits.parquet: no such file" in why
    file = study.path(paths.SUMMARY, suffix="parquet")
    table = places(study).assign(median_cm2=1e-45)
    units = dict.fromkeys(table.columns, "")
    write_parquet(table[1:], file, units=units, config_slice=summary_slice(study))
    assert "limits.parquet: damaged: it has" in read_expected(study)[1]
    write_parquet(table, file, units=units, config_slice=summary_slice(study))
    assert (read_expected(study)[0]["median_cm2"] == 1e-45).all()
    longer = with_observed(study, {"xenon1t": Observed("x", {}, 20.0)})
    assert "made from another configuration" in read_expected(longer)[1]


def test_what_limits_depend_on(study, events):
    """The content of the file, the columns, the livetime; not its name or age."""
    place = "xenon1t", "SI", 50
    before = digest(observed_slice(study, *place))
    copy = events.with_name("copy.csv")
    copy.write_bytes(events.read_bytes())
    same = with_observed(study, {"xenon1t": Observed(str(copy))})
    assert digest(observed_slice(same, *place)) == before
    for other in (Observed(str(copy), {"cs1": "s1c_phd"}), Observed(str(copy), {}, 20.0)):
        changed = with_observed(study, {"xenon1t": other})
        assert digest(observed_slice(changed, *place)) != before
    copy.write_text(copy.read_text().replace("1500", "1501"))
    assert digest(observed_slice(same, *place)) != before


def test_whose_data_there_are(small_study):
    study = dataclasses.replace(small_study, combined={"both": ("xenon1t", "lz")})
    assert observed_targets(study) == []
    assert observed_targets(with_observed(study, {"lz": Observed("x")})) == ["lz"]
    both = {name: Observed("x", {}, 20.0) for name in ("lz", "xenon1t")}
    observed = with_observed(study, both)
    assert observed_targets(observed) == ["xenon1t", "lz", "both"]
    assert observed.detectors["lz"].exposure_kg_day == 20 * 5600


def test_rows_are_written_and_joined(study, small_templates, tmp_path):
    files, tables = [], []
    for mass in study.masses_GeV:
        model = make_model(study, "xenon1t", mass, "SI", small_templates)
        seen = observe(model)
        assert (seen.inside, seen.outside) == ({"xenon1t": 2}, {"xenon1t": 1})
        np.testing.assert_allclose(seen.events["xenon1t"]["cs1"], [11.5, 13.8])
        assert seen.events["xenon1t"].index.tolist() == [2, 3]
        files.append(tmp_path / f"{mass}.parquet")
        tables.append(observed_limits(model, seen))
        write_rows(model, tables[-1], files[-1], seen)
    summary = tmp_path / "summary.parquet"
    expected = places(study)
    known = np.where(expected["mass_GeV"] == study.masses_GeV[0], 1e-44, np.nan)
    expected = expected.assign(**dict.fromkeys(EXPECTED, known))
    units = dict.fromkeys(expected.columns, "")
    write_parquet(expected, summary, units=units, config_slice=summary_slice(study))
    table = join_limits(study, "xenon1t", "SI", files, summary)
    assert len(table) == 6
    assert table["median_cm2"].isna().sum() == 3
    for suffix in ("csv", "parquet"):
        write_observed(study, ["xenon1t"], ["SI"], table, tmp_path / f"SI.{suffix}")
    kept = read_observed(study, "xenon1t", "SI", tmp_path / "SI.parquet")
    metadata = read_parquet(tmp_path / "SI.parquet")[1]
    pd.testing.assert_frame_equal(kept, table, check_dtype=False)
    assert metadata["units"]["power_constrained_limit_cm2"] == "cm²"
    assert metadata["units"]["best_fit_leff"] == "standard deviations"
    assert len(pd.read_csv(tmp_path / "SI.csv")) == 6
    assert read_parquet(files[0])[1]["columns"] == {
        "xenon1t": "cs1 = 1.15 × s1c_phd (phd → PE), cs2 = cs2_bottom_pe"
    }
    with pytest.raises(ResultError, match="made from another configuration"):
        join_limits(study, "xenon1t", "SI", files[::-1], summary)


def test_rows_of_given_signals_are_written_and_joined(study, small_templates, tmp_path):
    """In the signal's own unit, which the table names; nothing of WIMPs is in it."""
    study, templates = as_given(study, small_templates)
    model = make_model(study, "xenon1t", None, "fifty", templates)
    seen, file, summary = observe(model), tmp_path / "fifty.parquet", tmp_path / "summary.parquet"
    rows = observed_limits(model, seen)
    write_rows(model, rows, file, seen)
    columns = [name.replace("cm2", "rate_multiplier") for name in EXPECTED]
    expected = rows[["detector", "signal", "interval"]].assign(**dict.fromkeys(columns, 1e3))
    units = dict.fromkeys(expected.columns, "")
    write_parquet(expected, summary, units=units, config_slice=signals_summary_slice(study))
    table = join_limits(study, "xenon1t", None, [file], summary)
    assert (table["power_constrained_limit_rate_multiplier"] == 1e3).all()
    kept = tmp_path / "xenon1t.signals.parquet"
    write_observed(study, ["xenon1t"], [None], table, kept)
    read = read_observed(study, "xenon1t", None, kept)
    assert read["unit"].tolist() == ["1e-45 cm²"] * 3
    assert not [name for name in read.columns if "cm2" in name or "mass" in name]
    units = read_parquet(kept)[1]["units"]
    assert units["limit_rate_multiplier"] == units["median_rate_multiplier"] == "unit"
    assert "summary/signals.parquet: no such file" in read_expected(study, given=True)[1]
    other = dataclasses.replace(study, given_signals=(dataclasses.replace(FIFTY, unit="g⁴"),))
    for config_slice in (
        lambda study: observed_table_slice(study, "xenon1t", None),
        lambda study: observed_detail_slice(study, "xenon1t", "fifty", None, "profiled"),
    ):
        assert config_slice(other) != config_slice(study)


def test_which_limits_are_looked_at_closely(study, small_templates):
    assert detailed_place(study, "SI") == ("SI", 50)
    assert detailed_interval(study) == study.intervals[-1].name
    chosen = dataclasses.replace(study, observed_details=Details(10, "leff_low"))
    assert detailed_place(chosen, "SI") == ("SI", 10)
    assert detailed_interval(chosen) == "leff_low"
    given, _ = as_given(chosen, small_templates)
    assert detailed_place(given, "fifty") == ("fifty", None)


def test_critical_values_of_the_data_are_kept(study, small_templates, tmp_path):
    study = dataclasses.replace(
        study, critical_values="toys", calibration=Calibration(1500, (0, 0.3, 1, 2.1, 3.5))
    )
    model = make_model(study, "xenon1t", 50, "SI", small_templates)
    calibrated = calibrate_on(model, observe(model))
    file = tmp_path / "calibration.parquet"
    write_calibrated(calibrated, [file])
    pd.testing.assert_frame_equal(
        read_calibrated(model, [file]).critical_values, calibrated.critical_values
    )
    assert read_calibrated(model, []) is model
    other = dataclasses.replace(model, study=dataclasses.replace(study, seed=2))
    with pytest.raises(ResultError, match="made from another configuration"):
        read_calibrated(other, [file])
