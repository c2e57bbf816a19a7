"""What follows from a detector file, against the study's own responses and templates."""

import dataclasses
import itertools

import numpy as np
import pytest

from tinydetector import tiny_study
from zeptobarn.inference.load import build_templates
from zeptobarn.physics.detector import AnalysisSpace
from zeptobarn.summary.detector_facts import detector_facts, leakage
from zeptobarn.templates.response import compute_response

WIMP = "wimp_SI_50GeV"
TEXT = """
efficiencies: {e: {against: recoil_energy_keV, path: e.csv, recoil: nr}}
sources:
  - {name: cevns_8b, remove: true}
  - name: gamma
    label: gammas
    colour: "#000000"
    recoil: er
    yields: nest_gamma
    rate: {constraint: normal, width: 0.2}
    spectrum: {name: gamma, kind: flat, rate_per_kg_day_keV: 1.0e-4, range_keV: [1, 12]}
  - {name: neutrons, expected_events: 0, uncertainty: 0.2}
  - {name: cevns_hep, expected_events: 2, rate: {constraint: uniform, range_events: [0, 3]}}
  - {name: accidental, label: accidentals, colour: "#000000", rate: fixed, expected_events: 6,
     template: {path: accidental.csv}}
"""


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    folder = tmp_path_factory.mktemp("config")
    (folder / "detectors").mkdir()
    (folder / "detectors/e.csv").write_text("recoil_energy_keV,efficiency\n0.5,0.4\n60,1\n")
    cs1, cs2 = np.linspace(3, 27, 13), np.geomspace(200, 5000, 13)
    rows = [f"{a},{a + 2},{b},{c},1" for a in cs1[:-1] for b, c in itertools.pairwise(cs2)]
    header = "cs1_low,cs1_high,cs2_low,cs2_high,expected_events"
    (folder / "detectors/accidental.csv").write_text("\n".join([header, *rows]))
    return tiny_study(folder, TEXT)


@pytest.fixture(scope="module")
def facts(study):
    return detector_facts(study, "mine")


def test_expected_events_are_the_studys(study, facts):
    """Within a per cent, where the study's own energy bins are finer."""
    fine = dataclasses.replace(study, energy_bin_width_log=0.03)
    events = facts.events.set_index("source")
    sources = [WIMP, "er", "gamma"]
    for source, template in build_templates(fine, "mine", sources).items():
        assert events.loc[source, "expected_events"] == pytest.approx(
            template.nominal.sum(), rel=0.01
        )
    assert "cevns_8b" not in events.index
    one_sigma = 0.2 * events.loc["gamma", "expected_events"]
    said = ["er_nest_gamma", f"normal ± {one_sigma:.4g} events"]
    assert events.loc["gamma", ["response", "rate"]].tolist() == said
    assert events.loc[WIMP, "label"] == "WIMP 50 GeV/c² SI"


def test_what_is_known_of_rates_is_said_in_events(facts):
    """A source of no expected events has none, though its template is one standard deviation."""
    events = facts.events.set_index("source")
    columns = ["response", "rate"]
    assert events.loc["neutrons", "expected_events"] == 0
    assert events.loc["neutrons", columns].tolist() == ["nr", "normal ± 0.2 events"]
    assert events.loc["cevns_hep", "expected_events"] == pytest.approx(2)
    assert events.loc["cevns_hep", columns].tolist() == ["nr", "uniform 0 to 3 events"]
    assert events.loc["accidental", "expected_events"] == pytest.approx(6)
    assert events.loc["accidental", columns].tolist() == ["file", "fixed"]


def test_efficiency_is_the_responses_with_the_curve(study, facts):
    fine = dataclasses.replace(study, energy_bin_width_log=0.03)
    table = facts.efficiency.set_index("recoil_energy_keV")
    for name, factor in (("nr", lambda e: 0.4 + 0.6 * (e - 0.5) / 59.5), ("er", lambda _: 1.0)):
        response = compute_response(fine, "mine", name, "nominal")
        edges = response.energy_edges_keV
        at = np.sqrt(edges[1:] * edges[:-1])
        for energy in (2.0, 5.0, 10.0):
            expected = np.interp(np.log(energy), np.log(at), response.acceptance) * factor(energy)
            assert table.loc[energy, name] == pytest.approx(expected, abs=0.01)
    # The responses end at 12 and 60 keV.
    assert np.isnan(table.loc[15.0, "er"])
    assert not np.isnan(table.loc[50.0, "nr"])


def test_numbers_in_both_conventions(facts):
    assert facts.numbers["g1"] == "0.1254 phd/photon = 0.1442 PE/photon"
    assert facts.numbers["g2"].startswith("10.02 phd/electron = 11.52 PE/electron (100 % extracted")
    # 83.45 cm at 1.44 mm/µs against 452 µs; 150 PE of 11.52 PE each.
    assert (
        "579.5 µs; electron lifetime 452 µs: 27.7 % arrive from the" in facts.numbers["drift time"]
    )
    assert facts.numbers["S2 threshold"] == "150 PE = 13 electrons at the surface"
    assert facts.numbers["mass from volume"].startswith("1013 kg in the cylinder of 39.85 cm × 70")
    assert facts.numbers["exposure"] == "34.2 d × 1042 kg = 0.09757 t yr"


def test_leakage_of_two_normal_bands(facts):
    """ER two widths above the NR median leaks Φ(−2), however many events a cS1 has."""
    space = AnalysisSpace(np.linspace(1, 7, 7), np.geomspace(1, 1000, 301))
    x = np.arange(300) + 0.5
    nr = np.tile(np.exp(-0.5 * ((x - 100) / 20) ** 2), 6)
    er = np.tile(np.exp(-0.5 * ((x - 140) / 20) ** 2), 6)
    er *= np.repeat([1, 5, 0, 2, 0.1, 3], 300)
    assert leakage(space, nr, nr) == pytest.approx(0.5, rel=1e-6)
    assert leakage(space, er, nr) == pytest.approx(0.02275, rel=0.01)
    assert 0.001 < facts.leakage < 0.05


def test_a_cs1_without_nuclear_recoils_leaks_nothing(study):
    space = study.detectors["mine"].space
    er, nr = np.ones(144), np.zeros(144)
    nr[:72] = 1
    assert leakage(space, er, nr) == pytest.approx(0.25)
