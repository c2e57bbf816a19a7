"""Results that a faulty writer would leave, with hashes that are right, are refused on reading."""

import pytest

from hostile import structure
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
