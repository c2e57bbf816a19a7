"""Numbers of a study that are allowed one by one, and not together; names that collide."""

import pytest
import yaml

from zeptobarn.study.loading import load_study
from zeptobarn.support.config import ConfigError


def load(tmp_path, **changes):
    overlay = tmp_path / "overlay.yaml"
    overlay.write_text(yaml.safe_dump(changes))
    return load_study("config/config.yaml", overlay)


def shaped(name, *anchors, **shape):
    """A study with one shape parameter, profiled."""
    return {
        "shapes": [{"name": name, "anchors": list(anchors), **shape}],
        "intervals": [{"name": "a", "profiled": [name]}],
    }


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (shaped("rate_multiplier", -2, 0, 2, parameter="leff"), r"called rate_multiplier; allowed"),
        (shaped("wimp_rate", -2, 0, 2, parameter="leff"), r"called wimp_rate; allowed"),
        (shaped("er_rate", -2, 0, 2, parameter="leff"), r"of xenon1t would be called er_rate"),
        (
            shaped("lz_er_rate", -2, 0, 2, parameter="leff")
            | {"combined": {"both": ["lz", "xenon1t"]}},
            r"parameters of both would be called lz_er_rate",
        ),
        (
            shaped("electron_gain", -3, 0, 3, relative_width=0.33333333),
            r"at its anchor -3, electron_gain of xenon1t would be 1e-07; allowed: ≥ 0\.01",
        ),
        (
            shaped("field", -3, 0, 3, parameter="drift_field_V_per_cm", relative_width=0.33),
            r"at its anchor -3, drift_field_V_per_cm of xenon1t would be 1\.17; allowed: ≥ 5",
        ),
        (
            shaped("electron_lifetime_us", -3, 0, 3, relative_width=0.3),
            r"anchor -3, xenon1t: electron_lifetime_us: found 45\.2 µs; the longest drift, from "
            r"fiducial_z_cm\[0\] = -83\.45 at drift_velocity_mm_per_us = 1\.44, takes 579\.5 µs",
        ),
        (
            shaped("g1", 0, 6.5, relative_width=1),
            r"anchor 6\.5, xenon1t: s1_relative_light_yield: found .* ≤ 1/g1 = 1\.06",
        ),
        (
            {"response": {"energy_bin_width_log": 0.0005}},
            r"energy_bin_width_log: found 0\.0005, up to .* energy bins \(nr\), with 77 × 70 bins",
        ),
        (
            {"trials": 10**6, "trials_per_batch": 1},
            r"allowed: 100000 in all: more trials_per_batch",
        ),
        (
            shaped("light", -2, 0, 2, relative_width=0.02),
            "shapes: light: found no parameter, and the shape's name is none; allowed: parameter",
        ),
        ({"results": "r" * 300}, r"results: a name is longer than 255 bytes"),
        ({"results": "Makefile"}, r"results: found Makefile, a file; allowed: a folder"),
    ],
)
def test_refused(tmp_path, changes, message):
    with pytest.raises(ConfigError, match=message) as caught:
        load(tmp_path, **changes)
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize(
    "changes",
    [
        shaped("leff", -3, 0, 3),
        shaped("electron_lifetime_us", -3, 0, 3, relative_width=0.1),
        shaped("lz_er_rate", -2, 0, 2, parameter="leff"),
    ],
)
def test_allowed(tmp_path, changes):
    assert load(tmp_path, **changes).shapes[0].anchors[0] < 0
