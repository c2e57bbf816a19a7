"""Gains in PE and in photons detected."""

import dataclasses

import pytest

from zeptobarn.physics.conventions import ALTERNATIVES, in_photons
from zeptobarn.physics.detector import load_detector
from zeptobarn.support.config import ConfigError, read_yaml

LZ = read_yaml("config/detectors/lz.yaml")


def quoted(**gains):
    settings = {key: value for key, value in LZ.items() if key not in sum(ALTERNATIVES, ())}
    return {**settings, **gains}


def test_every_convention_gives_the_same_detector(tmp_path):
    """LZ's own gains, in the units of three other collaborations."""
    lz = load_detector("lz").apparatus
    g1, g2 = lz.g1, lz.extraction_efficiency * lz.electron_gain
    pe = 1 + lz.double_pe_probability
    for gains in (
        {"g1_PE_per_photon": g1 * pe, "g2_PE_per_electron": g2 * pe},
        {"g1": g1, "g2_phd_per_electron": g2},
        {"g1_PE_per_photon": g1 * pe, "electron_gain": lz.electron_gain},
    ):
        settings = in_photons(quoted(**gains), "lz.yaml")
        assert settings["g1"] == pytest.approx(0.119, rel=1e-10)
        assert settings["electron_gain"] == pytest.approx(83, rel=1e-10)
        assert set(settings) == set(LZ)


def test_the_apparatus_gives_both_conventions_back():
    for name in ("lz", "xenon1t"):
        apparatus = load_detector(name).apparatus
        settings = in_photons(
            {
                "double_pe_probability": apparatus.double_pe_probability,
                "extraction_efficiency": apparatus.extraction_efficiency,
                "g1_PE_per_photon": apparatus.g1_PE_per_photon,
                "g2_PE_per_electron": apparatus.g2_PE_per_electron,
            },
            name,
        )
        assert settings["g1"] == pytest.approx(apparatus.g1, rel=1e-10)
        assert settings["electron_gain"] == pytest.approx(apparatus.electron_gain, rel=1e-10)
    # As the two collaborations quote them.
    xenon1t = load_detector("xenon1t").apparatus
    assert xenon1t.g1_PE_per_photon == pytest.approx(0.1442, rel=1e-10)
    assert xenon1t.g2_PE_per_electron == pytest.approx(11.52, rel=1e-10)
    assert load_detector("lz").apparatus.g2_phd_per_electron == pytest.approx(78.85, rel=1e-10)
    # Nothing is extracted without electrons.
    half = dataclasses.replace(xenon1t, extraction_efficiency=0.5)
    assert half.g2_PE_per_electron == pytest.approx(5.76, rel=1e-10)


@pytest.mark.parametrize(
    ("gains", "problem"),
    [
        ({"g1": 0.1}, "missing key 'electron_gain'; allowed: one of electron_gain, g2_phd"),
        ({"g1": 0.1, "g1_PE_per_photon": 0.1, "electron_gain": 1}, "found g1 and g1_PE_per_photon"),
        ({"g1_PE_per_photon": 1.9, "electron_gain": 1}, r"g1 = 1\.545 follows .*; allowed: ≤ 1"),
        ({"g1": 0.1, "g2_PE_per_electron": 0.01}, r"electron_gain = 0\.008558 follows"),
    ],
)
def test_gains_that_are_missing_doubled_or_impossible(gains, problem):
    with pytest.raises(ConfigError, match=f"^lz.yaml: .*{problem}"):
        in_photons(quoted(**gains), "lz.yaml")
