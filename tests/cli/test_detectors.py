"""`zeptobarn check` and `zeptobarn new-detector`."""

import shutil
from pathlib import Path

import pytest

from tinydetector import TINY
from zeptobarn.cli.cli import main
from zeptobarn.cli.detectors import commented_detector
from zeptobarn.physics.detector import load_detector
from zeptobarn.support.config import read_yaml

ROOT = Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_new_detector_is_lz_with_every_key_explained(folder, capsys):
    assert main(["new-detector", "mine"]) == 0
    assert capsys.readouterr().out == "config/detectors/mine.yaml\n"
    mine, lz = load_detector("config/detectors/mine.yaml"), load_detector("lz")
    assert (mine.name, mine.title) == ("mine", "mine")
    assert mine.apparatus == lz.apparatus
    assert [s.name for s in mine.sources] == ["er", "neutrons", "cevns_8b", "surface"]
    assert all(source == lz.source(source.name) for source in mine.sources)
    text = Path("config/detectors/mine.yaml").read_text(encoding="utf-8")
    schema = read_yaml(ROOT / "config/schemas/detector.schema.yaml")
    for key in set(schema["properties"]) - {"base"}:
        assert f"\n{key}:" in text or f"\n# {key}:" in text, key
    assert max(map(len, text.splitlines())) < 130


def test_what_is_there_is_not_overwritten(folder, capsys):
    file = folder / "config/detectors/mine.yaml"
    file.parent.mkdir(parents=True)
    file.write_text("mine")
    assert main(["new-detector", "mine"]) == 1
    assert "mine.yaml: found a file of that name, which is not" in capsys.readouterr().err
    assert file.read_text() == "mine"
    for name in ("Mine", "../mine", "", "a b", "x" * 61):
        assert main(["new-detector", name]) == 1
        assert "new-detector: found" in capsys.readouterr().err
    assert [f.name for f in file.parent.iterdir()] == ["mine.yaml"]


def test_the_text_names_what_it_is_for():
    text = commented_detector("sr7")
    assert "`zeptobarn check sr7`" in text
    assert "# Drift field (V/cm, not kV/cm).\ndrift_field_V_per_cm: 310\n" in text
    assert "# s2_fano: 1\n" in text


def test_check_prints_and_draws(folder, capsys):
    (folder / "config/detectors").mkdir(parents=True)
    (folder / "config/detectors/tiny.yaml").write_text(TINY)
    assert main(["check", "tiny", "--output", "tiny.png"]) == 0
    shown = capsys.readouterr().out
    for text in (
        "tiny (tiny)",
        "g2                10.02 phd/electron = 11.52 PE/electron",
        "WIMP 50 GeV/c² SI",
        "electronic recoils",
        "% below the median of NR",
        "     keV        nr        er",
        "tiny.png",
    ):
        assert text in shown
    assert (folder / "tiny.png").read_bytes().startswith(b"\x89PNG")


def test_check_of_a_study_elsewhere(folder, capsys):
    """The file beside the study that is named; and one that is nowhere."""
    shutil.copytree(ROOT / "config", folder / "other")
    (folder / "other/detectors/bad.yaml").write_text("base: lz\ng1: 2\n")
    assert main(["check", "bad", "--config", "other/config.yaml"]) == 1
    assert "other/detectors/bad.yaml, line 2: g1: found 2; allowed: ≤ 1" in capsys.readouterr().err
    assert main(["check", "nowhere"]) == 1
    assert "detectors: found nowhere, but there is no file" in capsys.readouterr().err
    assert main(["check", "lz", "--output", "a.txt"]) == 1
    assert "--output: found a.txt; allowed: a name that ends in" in capsys.readouterr().err
