"""Published searches as they come along: detector files, efficiency, events and studies."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from zeptobarn.physics.detector import load_detector
from zeptobarn.physics.simulate import simulate
from zeptobarn.study.loading import load_study
from zeptobarn.summary.detector_facts import detector_facts
from zeptobarn.support.streams import stream
from zeptobarn.templates.observed import bins_of, read_events

# Table I of PRL 131 (2023) 041002: expected events, and their uncertainty; of ³⁷Ar, the fit's.
TABLE = {
    "er": (215, 36),
    "solar_er": (27.1, 1.6),
    "xe136": (15.1, 2.4),
    "xe127": (9.2, 0.8),
    "xe124": (5.0, 1.4),
    "cevns_8b": (0.14, 0.01),
    "accidental": (1.2, 0.3),
}
SEARCHES = [
    ("xenon1t_sr0", "xenon1t", 63, ("cs1_pe", "cs2_bottom_pe")),
    ("lz_ws2022", "lz_ws2022", 335, ("s1c_phd", "log10_s2c_phd")),
]


@pytest.fixture(scope="module")
def lz():
    return load_detector("lz_ws2022")


@pytest.fixture(scope="module")
def facts():
    return detector_facts(load_study("config/config.yaml", "config/lz_ws2022.yaml"), "lz_ws2022")


@pytest.mark.parametrize(("overlay", "detector", "n", "columns"), SEARCHES)
def test_events_are_read_under_their_own_names(overlay, detector, n, columns):
    study = load_study("config/config.yaml", f"config/{overlay}.yaml")
    data = study.observed[detector]
    events, chosen = read_events(data.file, study.detectors[detector], data.file, data.columns)
    assert tuple(column.name for column in chosen.values()) == columns
    assert len(events) == n
    assert (bins_of(study.detectors[detector], events, data.file) >= 0).all()


def test_sources_expect_what_the_table_says(lz, facts):
    expected = facts.events.set_index("source")["expected_events"]
    for name, (events, uncertainty) in TABLE.items():
        source = lz.source(name)
        assert expected[name] == pytest.approx(events, rel=1e-6)
        assert (source.rate, source.rate_width * events) == ("normal", pytest.approx(uncertainty))
    argon, neutrons = lz.source("ar37"), lz.source("neutrons")
    assert np.array(argon.rate_range) * expected["ar37"] == pytest.approx([0, 288])
    assert (neutrons.nominal_rate, expected["neutrons"]) == (0, 0)
    assert neutrons.rate_width * neutrons.expected_events == pytest.approx(0.2)
    assert {source.name for source in lz.sources} == {*TABLE, "ar37", "neutrons"}


def test_the_thresholds_of_s1_are_counted_once(lz):
    """Simulated recoils, with what remains of the efficiency, against the published curve."""
    published = pd.read_csv("resources/efficiencies/lz_ws2022_nr_published.csv")
    (efficiency,) = lz.efficiencies
    without_s2 = dataclasses.replace(lz.apparatus, s2_area_threshold=0.0)
    n = 40_000
    for energy in (2.0, 3.3, 5.0, 7.7, 12.5, 29.0):
        rng = stream(1, "efficiency", energy)
        cs1, _ = simulate(without_s2, "nr", np.full(n, energy), rng)
        share = float(np.mean(cs1 >= lz.space.cs1_edges[0]))
        curve = np.interp(energy, published["recoil_energy_keV"], published["efficiency"])
        error = (share * (1 - share) / n) ** 0.5 / share
        assert share * efficiency.curve()(energy) == pytest.approx(curve, rel=4 * error + 0.005)
        for pull, name in ((-1, "efficiency_low"), (1, "efficiency_high")):
            other = np.interp(energy, published["recoil_energy_keV"], published[name])
            moved = efficiency.curve(pull)(energy) / efficiency.curve()(energy)
            assert moved == pytest.approx(other / curve, rel=0.01)


def test_the_bands_are_those_of_the_events(lz, facts):
    """Most of the 335 events are electronic recoils: half of them above the band's median."""
    file = "resources/observed/lz_ws2022_events.csv"
    events, _ = read_events(file, lz, file)
    space = lz.space
    log_cs2 = np.log(space.cs2_edges)
    above, below_nr, steps = [], 0, np.searchsorted(space.cs1_edges, [20, 40, 60, 80])
    bands = {recoil: facts.bands[recoil].reshape(space.shape) for recoil in ("er", "nr")}
    for cs1, cs2 in zip(events["cs1"], events["cs2"], strict=True):
        row = int(np.searchsorted(space.cs1_edges, cs1, side="right")) - 1
        share = {
            recoil: np.interp(np.log(cs2), log_cs2, np.append(0, np.cumsum(band[row])))
            / band[row].sum()
            for recoil, band in bands.items()
        }
        below_nr += share["nr"] < 0.5
        above.append((row, share["er"]))
    rows, places = np.array(above).T
    for low, high in zip([0, *steps[:-1]], steps, strict=True):
        inside = places[(rows >= low) & (rows < high)]
        assert len(inside) > 50
        # The median of n uniform numbers: 0.5 ± 0.5/√n. Yields are not known to better than that.
        assert np.median(inside) == pytest.approx(0.5, abs=4 * 0.5 / len(inside) ** 0.5)
    assert facts.leakage < 0.003
    assert below_nr <= 5
