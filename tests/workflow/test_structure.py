"""Results that a faulty writer would leave, with hashes that are right, are refused on reading."""

import dataclasses

import pytest

from hostile import faults, structure
from zeptobarn.study.loading import load_study

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("finished")]


def test_what_cannot_be_is_refused(finished, tmp_path, monkeypatch):
    monkeypatch.chdir(finished[0].folder)
    study = structure.copied(load_study("config/config.yaml", "overlay.yaml"), tmp_path / "copy")
    outcomes = structure.outcomes(study)
    assert set(outcomes) == set(structure.KINDS)
    wrong = {
        (kind, name): said
        for kind, broken in outcomes.items()
        for name, said in broken.items()
        if said not in ("refused", "harmless")
    }
    assert wrong == {}


def test_faults_that_were_measured_once(finished, tmp_path):
    """`make reliability` writes these into its page."""
    workflow = finished[0].copy_to(tmp_path / "workflow")
    workflow.write_overlay()
    study = load_study(workflow.folder / "config/config.yaml", workflow.folder / "overlay.yaml")
    study = dataclasses.replace(study, results=workflow.folder / study.results)
    *rows, bit, csv = faults.faults(study)
    assert len(rows) == len(faults.FAULTS)
    assert {end for _, *ends in rows for end in ends} == {"refused"}
    assert bit[1] == "refused"
    assert csv[1] == "noticed, and written again with the same bytes"
    assert faults.edited_detector(workflow.folder) == "refused"
