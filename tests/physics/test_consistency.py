"""Numbers of a detector that are allowed one by one, and not together: refused, both named."""

import copy
from pathlib import Path

import pytest
import yaml

from zeptobarn.physics.detector import load_detector
from zeptobarn.support.config import ConfigError, read_yaml

XENON1T = read_yaml(Path(__file__).parents[2] / "config/detectors/xenon1t.yaml")


def load(tmp_path, keys, value):
    settings = copy.deepcopy(XENON1T)
    place = settings
    for key in keys[:-1]:
        place = place[key]
    place[keys[-1]] = value
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(settings, allow_unicode=True))
    return load_detector(path)


@pytest.mark.parametrize(
    ("keys", "value", "message"),
    [
        (["electron_lifetime_us"], 0.452, r"found 0\.452 µs; the longest .* 1\.28e\+03 lifetimes"),
        (
            ["correction_lifetime_us"],
            0.452,
            r"correction_lifetime_us: found 0\.452 µs; the longest",
        ),
        (["drift_velocity_mm_per_us"], 0.144, r"= 0\.144, takes 5795 µs, 12\.8 lifetimes; .* ≤ 6"),
        (["drift_velocity_mm_per_us"], 1e-300, r"drift_velocity_mm_per_us = 1e-300"),
        (["response_cutoff_keV", "nr"], 100, r"response_cutoff_keV\.nr: found 100; allowed: ≤ 20"),
        (
            ["sources", 0, "spectrum", "range_keV"],
            [40, 50],
            r"range_keV: found \[40, 50\], of which nothing is seen; .*_max_keV\.er = 30 keV",
        ),
        (["sources", 0, "spectrum", "range_keV"], [0, 15000], r"found 15000; allowed: ≤ 5000"),
        (
            ["sources", 1, "spectrum", "amplitudes_per_kg_day_keV"],
            [0, 0, 0],
            r"amplitudes_per_kg_day_keV: found 0 only",
        ),
        (
            ["sources", 0, "spectrum", "rate_per_kg_day_keV"],
            1e308,
            r"found 1e\+308; allowed: ≤ 1e\+06",
        ),
        (["sources", 0, "name"], "wimp", r"found the name 'wimp', which is the signal's"),
        (
            ["sources", 0, "spectrum"],
            {"name": "n", "kind": "lines", "lines": [{"energy_keV": 164, "rate_per_kg_day": 1}]},
            r"spectrum\.lines: found \[164, 164\], of which nothing is seen; .* = 30 keV",
        ),
        (
            ["sources", 0, "spectrum"],
            {"name": "n", "kind": "lines", "lines": [{"energy_keV": 2.8}]},
            r"lines\[0\]: missing key 'rate_per_kg_day'",
        ),
        (
            ["sources", 0, "spectrum"],
            {
                "name": "n",
                "kind": "lines",
                "lines": [{"energy_keV": 2.8, "rate_per_kg_day": 1}],
                "normalisation": {"recoils": 1, "range_keV": [3, 9], "exposure_kg_day": 1},
            },
            r"normalisation\.range_keV: found \[3, 9\]; allowed: around one of .* \[2\.8\] keV",
        ),
        (
            ["sources", 0, "spectrum"],
            {
                "name": "n",
                "kind": "beta",
                "isotope": "tritium",
                "normalisation": {"recoils": 1, "range_keV": [3, 19], "exposure_kg_day": 1},
            },
            r"found \[3, 19\]; allowed: low < high, inside \[0, 18\.592\]",
        ),
        (
            ["sources", 0, "spectrum"],
            {"name": "n", "kind": "beta", "isotope": "krypton85", "rate_per_kg_day": 1},
            r"isotope: found 'krypton85'; allowed: tritium, carbon14",
        ),
        (
            ["sources", 0, "spectrum"],
            {"name": "n", "kind": "beta", "isotope": "tritium"},
            r"sources\[0\]\.spectrum: missing key 'rate_per_kg_day'",
        ),
        (
            ["sources", 0, "spectrum"],
            {"name": "n", "kind": "beta", "q_value_keV": 18.6, "rate_per_kg_day": 1},
            r"sources\[0\]\.spectrum: missing key 'daughter_z'",
        ),
        (
            ["sources", 0, "spectrum"],
            {
                "name": "n",
                "kind": "beta",
                "isotope": "tritium",
                "daughter_z": 2,
                "rate_per_kg_day": 1,
            },
            r"spectrum: found daughter_z beside isotope; allowed: one of them",
        ),
        (["title"], "for $5", r"title: found 'for \$5': a single \$ begins a formula"),
        (["sources", 2, "label"], r"$\no$", r"sources\[2\]\.label: found .* no formula"),
        (["signal", "label"], "$", r"signal\.label: found '\$': a single"),
        (["livetime_day"], 1e300, r"livetime_day: found 1e\+300; allowed: ≤ 100000"),
        (["fiducial_radius_cm"], 1e300, r"fiducial_radius_cm: found 1e\+300; allowed: ≤ 1000"),
    ],
)
def test_refused(tmp_path, keys, value, message):
    with pytest.raises(ConfigError, match=message) as caught:
        load(tmp_path, keys, value)
    assert "mine.yaml" in str(caught.value)
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize(
    ("keys", "value"),
    [
        (["electron_lifetime_us"], 100),
        (["sources", 0, "label"], "$^{85}$Kr"),
        (["sources", 0, "spectrum", "range_keV"], [0, 2614]),
    ],
)
def test_allowed(tmp_path, keys, value):
    assert load(tmp_path, keys, value).name == "mine"
