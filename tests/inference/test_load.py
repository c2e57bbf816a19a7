"""Models from nothing: what is computed once is kept, and nothing else is computed."""

import dataclasses
import logging

import pytest

from zeptobarn.inference import load
from zeptobarn.inference.load import load_model
from zeptobarn.support import paths


@pytest.fixture
def study(small_study, tmp_path):
    return dataclasses.replace(
        small_study,
        response_method="simulation",
        results=tmp_path / "results",
        events_per_energy_bin=300,
        energy_bin_width_log=0.1,
    )


@pytest.fixture
def computed(monkeypatch, tmp_path):
    """The responses that were computed, by detector, recoil type and anchor, and a cache."""
    monkeypatch.setattr(load, "kept", lambda kind, name: tmp_path / kind / f"{name}.parquet")
    calls, compute = [], load.compute_response

    def counted(study, detector, recoil, anchor, threads):
        calls.append((detector, recoil, anchor))
        return compute(study, detector, recoil, anchor, threads)

    monkeypatch.setattr(load, "compute_response", counted)
    return calls


def test_a_second_model_computes_no_response(study, computed, tmp_path):
    first = load_model(study, "xenon1t", 50)
    wanted = {
        ("xenon1t", recoil, anchor)
        for recoil in ("nr", "er")
        for anchor in study.anchors("xenon1t", recoil)
    }
    assert set(computed) == wanted
    assert len(computed) == len(wanted)
    computed.clear()
    second = load_model(study, "xenon1t", 50)
    for source, template in first.templates["xenon1t"].items():
        other = second.templates["xenon1t"][source]
        assert (template.expected == other.expected).all()
        assert (template.variance == other.variance).all()
    load_model(study, "xenon1t", 10)  # another mass folds, and simulates nothing
    assert not computed
    assert not (tmp_path / "results").exists()


def test_what_changed_is_computed_again(study, computed):
    load_model(study, "xenon1t", 50)
    computed.clear()
    detector = study.detectors["xenon1t"]
    longer = dataclasses.replace(detector, livetime_day=2 * detector.livetime_day)
    longer = dataclasses.replace(study, detectors={**study.detectors, "xenon1t": longer})
    assert load_model(longer, "xenon1t", 50).signal_events == pytest.approx(
        2 * load_model(study, "xenon1t", 50).signal_events
    )
    assert not computed
    load_model(dataclasses.replace(study, events_per_energy_bin=301), "xenon1t", 50)
    assert computed


def test_a_damaged_file_is_made_again(study, computed, tmp_path):
    first = load_model(study, "xenon1t", 50)
    computed.clear()
    files = [*tmp_path.glob("template/*.parquet"), *tmp_path.glob("response/*.parquet")]
    assert len(files) > 5
    for file in files:
        file.write_bytes(file.read_bytes()[:50])
    second = load_model(study, "xenon1t", 50)
    assert computed
    assert second.signal_events == first.signal_events


def test_a_damaged_result_is_named_and_computed(study, computed, caplog):
    file = study.path(paths.TEMPLATE, detector="xenon1t", source="wimp_SI_50GeV")
    file.parent.mkdir(parents=True)
    file.write_text("no table")
    with caplog.at_level(logging.WARNING):
        assert load_model(study, "xenon1t", 50).signal_events > 0
    (message,) = {record.message for record in caplog.records if str(file) in record.message}
    assert "damaged: " in message
    assert message.endswith("it is computed here instead")


def test_a_cache_that_cannot_be_written_costs_the_cache_alone(
    study, computed, tmp_path, monkeypatch, caplog
):
    (tmp_path / "full").write_text("")
    monkeypatch.setattr(load, "kept", lambda kind, name: tmp_path / "full" / kind / name)
    with caplog.at_level(logging.WARNING):
        assert load_model(study, "xenon1t", 50).signal_events > 0
    assert any("not written: " in record.message for record in caplog.records)
