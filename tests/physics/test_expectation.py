"""Expected events and constraints of a detector file's sources, and what contradicts them."""

import copy
from pathlib import Path

import pytest
import yaml

from zeptobarn.physics.detector import load_detector
from zeptobarn.physics.expectation import expectation
from zeptobarn.support.config import ConfigError, read_yaml

LZ = read_yaml(Path(__file__).parents[2] / "config/detectors/lz.yaml")
ER, NEUTRONS, SURFACE = 0, 1, 6


def load(tmp_path, number, without=(), **keys):
    """LZ with some keys of a source left out and others put in."""
    detector = copy.deepcopy(LZ)
    source = detector["sources"][number]
    for path in without:
        *holders, key = path.split(".")
        holder = source
        for name in holders:
            holder = holder[name]
        del holder[key]
    source |= keys
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(detector))
    return load_detector(path).sources[number]


def uniform(**ends):
    return {"constraint": "uniform", **ends}


@pytest.mark.parametrize(
    ("keys", "rate", "width", "ends", "nominal", "events"),
    [
        ({"expected_events": 215, "uncertainty": 36}, "normal", 36 / 215, None, 1, 215),
        ({"expected_events": 0, "uncertainty": 0.2}, "normal", 1, None, 0, 0.2),
        ({"expected_events": 215, "rate": "free"}, "free", 0, None, 1, 215),
        (
            {"expected_events": 52.5, "rate": uniform(range_events=[0, 288])},
            "uniform", 0, (0, 288 / 52.5), 1, 52.5,
        ),
        (
            {"expected_events": 0, "rate": uniform(range_events=[0, 288])},
            "uniform", 0, (0, 1), 0, 288,
        ),
        (
            {"expected_events": 288, "rate": uniform(range_events=[36, 288])},
            "uniform", 0, (0.125, 1), 1, 288,
        ),
        ({"rate": uniform(range=[0.5, 2])}, "uniform", 0, (0.5, 2), 1, None),
        ({"rate": {"constraint": "half_normal", "width": 0.3}}, "normal", 0.3, None, 0, None),
        ({"rate": {"constraint": "log_normal", "width": 0.3}}, "log_normal", 0.3, None, 1, None),
    ],
)  # fmt: skip
def test_what_a_source_says(tmp_path, keys, rate, width, ends, nominal, events):
    source = load(tmp_path, ER, ["rate"], **keys)
    assert (source.rate, source.nominal_rate) == (rate, nominal)
    assert source.rate_width == pytest.approx(width)
    assert source.rate_range == (None if ends is None else pytest.approx(ends))
    assert source.expected_events == events


@pytest.mark.parametrize(
    ("number", "without", "keys", "message"),
    [
        (ER, [], {"expected_events": 5, "uncertainty": 1}, r"found rate \(free\) and uncertainty"),
        (ER, ["rate"], {"uncertainty": 1}, "uncertainty: found 1 events without expected_events"),
        (ER, ["rate"], {"expected_events": 5}, "missing key 'rate'"),
        (ER, [], {"expected_events": 0}, "expected_events: found 0 with rate: free"),
        (ER, [], {"expected_events": 5, "rate_multiplier": 2}, r"\(5\) and rate_multiplier"),
        (NEUTRONS, [], {"expected_events": 5}, r"expected_events \(5\) and spectrum.normalisation"),
        (SURFACE, [], {"expected_events": 5}, r"expected_events \(5\) and formula.events"),
        (SURFACE, ["formula.events"], {}, "formula: missing key 'events'"),
        (
            ER, [], {"expected_events": 300, "rate": uniform(range_events=[0, 288])},
            r"range_events: found \[0, 288\]; allowed: .*expected_events \(300\) inside",
        ),
        (ER, [], {"rate": uniform(range_events=[0, 288])}, "without expected_events"),
        (ER, [], {"rate": uniform(range=[1, 1])}, r"rate.range: found \[1, 1\]"),
        (ER, [], {"rate": uniform(range=[1.5, 2])}, r"allowed: .* 1 \(the expectation\) inside"),
        (ER, [], {"rate": uniform(width=1)}, "unknown key 'width'; allowed: constraint, range"),
        (
            ER, [], {"rate": uniform(range=[0, 2], range_events=[0, 2])},
            "rate: found 3 values; allowed: ≤ 2",
        ),
        (
            ER, [], {"expected_events": 0, "rate": uniform(range=[0, 2])},
            "relative to expected_events: 0; allowed: range_events",
        ),
        (
            ER, [], {"expected_events": 5, "rate": {"constraint": "half_normal", "width": 1}},
            "constraint: half_normal, which expects none",
        ),
        (NEUTRONS, [], {"shared": True}, "shared: found true with rate: fixed"),
        (ER, [], {"rate": "uniform"}, "found 'uniform'; allowed: free, fixed"),
    ],
)  # fmt: skip
def test_refused(tmp_path, number, without, keys, message):
    with pytest.raises(ConfigError, match=message):
        load(tmp_path, number, without, **keys)


def test_without_anything_new_nothing_is_new():
    assert expectation({"rate": "fixed"}, "here")._asdict() == {
        "rate": "fixed", "rate_width": 0.0, "rate_range": None, "nominal_rate": 1.0,
        "expected_events": None, "shared": False,
    }  # fmt: skip
