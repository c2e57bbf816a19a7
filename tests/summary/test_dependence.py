import dataclasses

import numpy as np
import pytest
from scipy.stats import norm

from zeptobarn.inference.load import make_model
from zeptobarn.inference.problem import fits_at
from zeptobarn.inference.status import Status
from zeptobarn.study.variation import dependence_slice, nominal_interval, typical_masses
from zeptobarn.summary import dependence as module
from zeptobarn.summary.dependence import dependence, interaction_limits, limit, write_dependence
from zeptobarn.summary.sensitivity import asimov_limits
from zeptobarn.support.tables import read_parquet
from zeptobarn.templates.spectra import source_tables
from zeptobarn.templates.templates import Template, write_template


@pytest.fixture(scope="module")
def model(small_study, small_templates):
    return make_model(small_study, "lz", 50, "SI", small_templates)


def at_level(model, level):
    return dataclasses.replace(
        model, study=dataclasses.replace(model.study, confidence_level=level)
    )


@pytest.mark.parametrize("level", [0.51, 0.9, 0.99])
def test_limit_is_where_t_is_the_critical_value(model, level):
    limit_cm2, status = limit(at_level(model, level))
    events = limit_cm2 / model.study.reference_cross_section_cm2 * model.signal_events
    _, t = fits_at(model.problem(nominal_interval(model.study)), model.asimov(), np.array([events]))
    assert status == Status.ok
    assert t[0, 0, 0] == pytest.approx(norm.ppf(level) ** 2, rel=5e-3, abs=1e-5)


def test_no_limit_at_and_below_one_half(model):
    for level in (0.45, 0.5):
        limit_cm2, status = limit(at_level(model, level))
        assert np.isnan(limit_cm2)
        assert status == Status.critical_value_zero


def test_limit_is_the_study_s(model):
    expected = asimov_limits(model, nominal_interval(model.study))["asimov_cm2"]
    assert limit(model)[0] == pytest.approx(expected, rel=1e-6, abs=0)


def test_exposure_is_the_livetime(small_study, small_templates, model):
    longer = {
        name: Template(t.shape_values, 10 * t.expected, t.variance)
        for name, t in small_templates["lz"].items()
    }
    other = make_model(small_study, "lz", 50, "SI", {"lz": longer})
    assert limit(model, 10.0)[0] == pytest.approx(limit(other)[0], rel=2e-3, abs=0)
    assert limit(model, 10.0)[0] < limit(model)[0] / np.sqrt(10)


def test_empty_signal_has_no_limit(small_study, small_templates):
    signal = small_templates["lz"]["wimp_SI_50GeV"]
    empty = Template(signal.shape_values, 0 * signal.expected, signal.variance)
    templates = {"lz": {**small_templates["lz"], "wimp_SI_50GeV": empty}}
    limit_cm2, status = limit(make_model(small_study, "lz", 50, "SI", templates))
    assert np.isnan(limit_cm2)
    assert status == Status.empty_template


@pytest.mark.slow
def test_table(tmp_path, small_study, monkeypatch):
    """One changed number is enough here: a poor electron lifetime."""
    monkeypatch.setattr(module, "variations", lambda detector: [("electron_lifetime_us", 100.0)])
    names = [
        *(f"wimp_SI_{mass}GeV" for mass in typical_masses(small_study)),
        *(source.name for source in small_study.detectors["lz"].sources),
    ]
    spectra = {name: source_tables(small_study, "lz", name) for name in names}
    table = dependence(small_study, "lz", spectra)
    write_dependence(small_study, "lz", table, tmp_path / "lz.parquet")
    read, _ = read_parquet(
        tmp_path / "lz.parquet", config_slice=dependence_slice(small_study, "lz")
    )
    assert len(read) == len(table)
    for _, rows in table.groupby("mass_GeV"):
        nominal = rows.loc[rows["parameter"] == "nominal", "limit_cm2"].item()
        levels = rows[rows["parameter"] == "confidence_level"].set_index("value")
        assert levels.loc[0.9, "limit_cm2"] == pytest.approx(nominal, abs=0)
        assert set(levels["status"]) == {"ok", "critical_value_zero"}
        assert levels["limit_cm2"].dropna().is_monotonic_increasing
        exposures = rows[rows["parameter"] == "exposure"]
        slopes = np.diff(np.log(exposures["limit_cm2"])) / np.diff(np.log(exposures["value"]))
        assert ((slopes > -1) & (slopes < -0.5)).all()
        poor = rows.loc[rows["parameter"] == "electron_lifetime_us", "limit_cm2"].item()
        assert 3 < poor / nominal < 15


def test_interactions(tmp_path, small_study, small_templates):
    files = []
    for name in ("wimp_SI_50GeV", *(s.name for s in small_study.detectors["lz"].sources)):
        files.append(tmp_path / f"{name}.parquet")
        write_template(small_study, "lz", name, small_templates["lz"][name], files[-1])
    study = dataclasses.replace(small_study, critical_values="toys")  # not calibrated, not needed
    table = interaction_limits(study, "lz", {("SI", 50): files})
    assert table["asimov_cm2"].item() == pytest.approx(1.14e-48, rel=0.03, abs=0)
    assert table["signal_events"].item() == pytest.approx(3605, rel=0.02)
