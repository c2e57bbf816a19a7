"""Detector files that start from others."""

import shutil
from pathlib import Path

import pytest
import yaml

from zeptobarn.physics.detector import load_detector
from zeptobarn.study.loading import load_study
from zeptobarn.support.config import ConfigError, read_yaml

RUN = """
base: lz
title: LZ, a run
livetime_day: 60
fiducial_mass_kg: 5500
electron_lifetime_us: 5000
yields: {nr: lenardo2015}
analysis_space: {cs1: {high: 100, bins: 97}}
sources:
  - {name: er, rate_multiplier: 1.5}
  - {name: accidental, remove: true}
"""


@pytest.fixture
def write(tmp_path):
    def write_file(name, text):
        path = tmp_path / f"{name}.yaml"
        path.write_text(text)
        return path

    return write_file


def test_a_run_is_its_base_with_what_differs(write):
    run, lz = load_detector(write("run", RUN)), load_detector("lz")
    assert (run.name, run.title, run.livetime_day) == ("run", "LZ, a run", 60)
    assert run.apparatus.electron_lifetime_us == 5000
    assert run.apparatus.yields == {"nr": "lenardo2015", "er": "nest_beta"}
    assert run.space.shape == (97, 70)
    assert (run.space.cs1_edges[0], run.space.cs1_edges[-1]) == (3, 100)
    assert (run.space.cs2_edges == lz.space.cs2_edges).all()
    assert [s.name for s in run.sources] == [s.name for s in lz.sources]
    assert run.source("er").rate_multiplier == 1.5
    assert run.source("er").spectrum == lz.source("er").spectrum
    assert run.source("neutrons") == lz.source("neutrons")
    assert run.signal == lz.signal
    assert run.apparatus.g1 == lz.apparatus.g1


def test_it_is_what_one_file_would_say(write):
    settings = read_yaml("config/detectors/lz.yaml")
    settings |= {"title": "LZ, a run", "livetime_day": 60, "fiducial_mass_kg": 5500}
    settings["electron_lifetime_us"] = 5000
    settings["yields"]["nr"] = "lenardo2015"
    settings["analysis_space"]["cs1"] = {"low": 3, "high": 100, "bins": 97}
    settings["sources"] = [s for s in settings["sources"] if s["name"] != "accidental"]
    settings["sources"][0]["rate_multiplier"] = 1.5
    whole = load_detector(write("whole", yaml.safe_dump(settings, sort_keys=False)))
    run = load_detector(write("run", RUN))
    assert run.apparatus == whole.apparatus
    assert run.sources == whole.sources


def test_a_chain_and_another_kind_of_spectrum(write, tmp_path):
    """A file beside the one that names it; a spectrum of another kind replaces the base's whole."""
    write("run", RUN)
    (tmp_path / "er.csv").write_text("recoil_energy_keV,rate_per_kg_day_keV\n0,1e-5\n20,1e-5\n")
    second = load_detector(
        write(
            "second",
            """
base: run
title: the second
g2_phd_per_electron: 40
s2_area_threshold: 500
sources:
  - {name: er, spectrum: {name: measured, kind: csv, path: er.csv}, rate: fixed}
  - {name: neutrons, remove: true}
  - name: xe127
    label: 127Xe
    colour: "#000000"
    recoil: er
    rate: {constraint: normal, width: 0.1}
    spectrum: {name: xe127, kind: flat, rate_per_kg_day_keV: 1.0e-5, range_keV: [4, 6]}
""",
        )
    )
    assert second.livetime_day == 60
    assert second.apparatus.electron_gain == pytest.approx(40 / 0.95)
    assert second.apparatus.s2_area_threshold == 500
    er = second.source("er")
    assert set(er.spectrum) == {"name", "kind", "path"}
    assert (er.rate, er.rate_multiplier) == ("fixed", 1.5)
    assert "neutrons" not in [s.name for s in second.sources]
    assert second.sources[-1].name == "xe127"


def test_files_are_relative_to_the_layer_that_names_them(tmp_path):
    """What lies beside a file does not take the place of what its base names."""
    table = "recoil_energy_keV,rate_per_kg_day_keV\n0,1e-5\n20,1e-5\n"
    for name in ("resources/spectra/cevns_8b.csv", "er.csv"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(table)
    run = tmp_path / "run.yaml"
    run.write_text(
        "base: lz\nsources:\n- {name: er, spectrum: {name: er_a, kind: csv, path: er.csv}}"
    )
    er, boron = (load_detector(run).source(name).spectrum["path"] for name in ("er", "cevns_8b"))
    assert Path(er).resolve() == tmp_path / "er.csv"
    assert Path(boron).resolve() == Path("resources/spectra/cevns_8b.csv").resolve()


def test_null_takes_a_key_out(write):
    write("first", "base: xenon1t\ncorrection_lifetime_us: 300\ns2_fano: 2")
    second = load_detector(write("second", "base: first\ncorrection_lifetime_us: null"))
    assert second.apparatus.correction_lifetime_us is None
    assert second.apparatus.s2_fano == 2


def test_a_key_takes_the_place_of_what_it_rules_out(write):
    text = """
base: lz
g1: null
g1_PE_per_photon: 0.123
sources:
- {name: er, expected_events: 140, uncertainty: 20}
- {name: neutrons, expected_events: 0.5, rate: {constraint: uniform, range_events: [0, 3]}}
- {name: surface, expected_events: 3}
- name: accidental
  formula: null
  recoil: nr
  spectrum: {name: a, kind: flat, rate_per_kg_day_keV: 1, range_keV: [0, 3]}
"""
    run = load_detector(write("run", text))
    assert run.apparatus.g1 == pytest.approx(0.1, rel=1e-9)
    er, neutrons, surface = (run.source(name) for name in ("er", "neutrons", "surface"))
    assert (er.rate, er.expected_events) == ("normal", 140)
    assert er.rate_width == pytest.approx(1 / 7, rel=1e-9)
    assert (neutrons.rate_range, neutrons.expected_events) == ((0, 6), 0.5)
    assert (surface.rate, surface.expected_events) == ("fixed", 3)
    # The multiplier 0 was that of the base's formula.
    assert run.source("accidental").spectrum["name"] == "a"
    # What excludes itself in one file is refused as ever, and so is what null leaves alone.
    both = "base: lz\nsources:\n- {name: er, rate: free, expected_events: 1, uncertainty: 2}"
    with pytest.raises(ConfigError, match="found rate"):
        load_detector(write("both", both))
    again = load_detector(write("again", "base: run\nsources:\n- {name: er, rate: free}")).source(
        "er"
    )
    assert (again.rate, again.expected_events) == ("free", 140)


def test_areas_of_a_base_are_not_taken_for_another_unit(write):
    unit = "base: lz\narea_unit: PE\n"
    with pytest.raises(ConfigError) as caught:
        load_detector(write("run", unit))
    assert str(caught.value).endswith(
        "line 2: area_unit: found PE, while the base has phd; needed: in this file too (or taken "
        "out), since the base's are in phd: s2_area_threshold, analysis_space.cs1, "
        "analysis_space.cs2, source surface"
    )
    space = "analysis_space: {cs1: {low: 3, high: 90}, cs2: {low: 500, high: 60000}}\n"
    without = "sources: [{name: surface, remove: true}]\n"
    run = load_detector(write("run", f"{unit}{space}s2_area_threshold: 500\n{without}"))
    assert (run.area_unit, run.apparatus.s2_area_threshold) == ("PE", 500)
    assert load_detector(write("same", "base: lz\narea_unit: phd")).area_unit == "phd"
    cut = "efficiencies: {cut: {against: cs1, path: cut.csv}}\n"
    write("first", f"base: lz\n{cut}{without}")
    second = write("second", f"{unit.replace('lz', 'first')}{space}s2_area_threshold: 500")
    with pytest.raises(ConfigError, match=r"are in phd: efficiencies\.cut$"):
        load_detector(second)


def test_an_own_file_of_a_shipped_name_may_start_from_that(write):
    assert load_detector(write("lz", "base: lz\nlivetime_day: 3")).livetime_day == 3


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("base: lzz", 1, "base: found 'lzz'; allowed: the name of a detector file beside run.yaml"),
        ("base: 3", 1, "base: found 3"),
        ("base: [lz]", 1, "base: found"),
        ("base: run\ntitle: a", 1, "base: found run, in a circle: run → run; allowed: a chain"),
        ("title: a\nbase: other", 1, "base: found run, in a circle: run → other → run"),
        ("base: lz\ng1: 3", 2, "g1: found 3; allowed: ≤ 1"),
        ("base: lz\nyields:\n  nr: nestt", 3, "yields.nr: found 'nestt'"),
        ("base: lz\n\nlive: 3", 3, "top level: unknown key 'live'"),
        ("base: lz\nfiducial_mass_kg: 50", 2, "fiducial_mass_kg: found 50; the fiducial cylinder"),
        ("base: lz\ns2_fano: null", 2, "s2_fano: found null; allowed: where it takes out"),
        ("base: lz\nlivetime_day: null", None, "top level: missing key 'livetime_day'"),
        ("base: lz\nelectron_lifetime_us: 1", 2, "electron_lifetime_us: found 1 µs"),
        ("base: lz\nsources:\n- {name: surface, remove: 1}", 3, "surface: found remove; allowed"),
        ("base: lz\nsources:\n- {name: wall, remove: true}", 3, "the base has the sources er, neu"),
        ("base: lz\nsources:\n- {rate: fixed}", 3, "found no name; needed: that of a source of"),
        (
            "base: lz\nsources:\n- {name: er, rate: fixed}\n- {name: er, rate: free}",
            4,
            "found the name again; allowed: once in a file",
        ),
        (
            "base: lz\nsources:\n- {name: cevns_dsnb, spectrum: {path: nowhere.csv}}",
            None,
            "source cevns_dsnb: no file nowhere.csv",
        ),
        (
            "base: lz\nsources:\n- name: surface\n  formula:\n    cs1: {kind: points}",
            5,
            r"sources\[6\].formula.cs1: missing key 'points'",
        ),
        (
            "base: lz\nsources:\n- name: new\n  rate: fixed",
            3,
            r"sources\[9\]: missing key 'label'",
        ),
        (
            "base: lz\nsources:\n- name: er\n  spectrum: {range_keV: [5, 4]}",
            4,
            r"sources\[0\].spectrum.range_keV: found \[5, 4\]",
        ),
    ],
)
def test_mistakes_are_named_with_file_and_line(write, text, line, problem):
    path = write("run", text)
    file, at = path, line
    if "other" in text:
        file = write("other", "base: run")
    with pytest.raises(ConfigError, match=problem) as caught:
        load_detector(path)
    place = f"{file}, line {at}: " if at else f"{file}: "
    assert str(caught.value).startswith(place), caught.value


def test_a_mistake_of_the_base_is_the_bases(write):
    base = write("first", "base: lz\ntitle: first\ndrift_field_V_per_cm: 1\nfiducial_radius_cm: 9")
    run = write("run", "base: first\ntitle: run\nlivetime_day: 1")
    with pytest.raises(ConfigError) as caught:
        load_detector(run)
    assert str(caught.value).startswith(
        f"{base}, line 3 (base of run.yaml): drift_field_V_per_cm: found 1"
    )
    base.write_text("base: lz\nfiducial_z_cm: [-1, -9]")
    with pytest.raises(ConfigError) as caught:
        load_detector(run)
    assert str(caught.value).startswith(
        f"{base}, line 2 (base of run.yaml): fiducial_z_cm: found [-1, -9]"
    )


def test_removal_needs_a_base(write):
    text = "title: a\nsources:\n- {name: er}\n- {name: surface, remove: true}"
    with pytest.raises(ConfigError, match=r"run.yaml, line 4: sources\[1\].remove: found it in a"):
        load_detector(write("run", text))


def test_a_run_joins_its_base_in_a_study(tmp_path):
    """In ten lines, and in a combination that shares a nuisance."""
    folder = tmp_path / "config"
    shutil.copytree("config", folder)
    (folder / "detectors/lz_sr1.yaml").write_text(
        "base: lz\ntitle: LZ SR1\nlivetime_day: 60\nsources: [{name: accidental, remove: true}]"
    )
    (folder / "mine.yaml").write_text(
        "detectors: [lz, lz_sr1]\ncombined: {both: [lz, lz_sr1]}\npublished: {}"
    )
    study = load_study(folder / "config.yaml", folder / "mine.yaml")
    assert study.detectors["lz_sr1"].exposure_kg_day == 60 * 5600
    assert [shape.name for shape in study.target_shapes("both")] == ["leff"]
