import dataclasses
from dataclasses import replace

import pytest

from zeptobarn.study.slices.response import response_slice
from zeptobarn.study.variation import (
    bare_study,
    changed,
    dependence_slice,
    nominal_interval,
    typical_masses,
    variations,
)


def test_masses_are_the_nearest_by_ratio(small_study):
    assert typical_masses(small_study) == [10, 50]
    assert small_study.nearest_mass(200) == 50  # 1000 is five times 200, 50 a quarter
    assert small_study.nearest_mass(300) == 1000
    one = dataclasses.replace(small_study, masses_GeV=(30,))
    assert typical_masses(one) == [30]


def test_bare_study_has_one_response_per_recoil(small_study):
    bare = bare_study(small_study, "lz")
    assert list(bare.targets) == ["lz"]
    assert list(bare.anchors("lz", "nr")) == ["nominal"]
    assert nominal_interval(small_study).fixed == {"leff": 0.0}


def test_changed_lifetime_is_known_and_nothing_else_changes(small_study):
    bare = bare_study(small_study, "xenon1t")
    apparatus = replace(bare.detectors["xenon1t"].apparatus, correction_lifetime_us=400)
    detector = dataclasses.replace(bare.detectors["xenon1t"], apparatus=apparatus)
    wrong = dataclasses.replace(bare, detectors={"xenon1t": detector})
    other = changed(wrong, "xenon1t", "electron_lifetime_us", 100.0)
    before = response_slice(bare, "xenon1t", "nr", "nominal")["detector"]
    after = response_slice(other, "xenon1t", "nr", "nominal")["detector"]
    assert {k for k in before if before[k] != after[k]} == {"electron_lifetime_us"}
    assert after["correction_lifetime_us"] is None
    other = changed(wrong, "xenon1t", "g1", 0.1)
    assert other.detectors["xenon1t"].apparatus.correction_lifetime_us == 400


def test_g1_stays_a_probability(small_study):
    detector = small_study.detectors["lz"]
    bright = dataclasses.replace(detector, apparatus=replace(detector.apparatus, g1=0.9))
    values = [value for parameter, value in variations(bright) if parameter == "g1"]
    assert values == pytest.approx([0.72, 1.0])


def test_slice_follows_the_detector_and_not_the_trials(small_study):
    nominal = dependence_slice(small_study, "lz")
    assert set(nominal) == {"10", "50"}
    assert dependence_slice(dataclasses.replace(small_study, trials=7), "lz") == nominal
    assert dependence_slice(changed(small_study, "lz", "g1", 0.1), "lz") != nominal
    other = dataclasses.replace(small_study, confidence_level=0.95)
    assert dependence_slice(other, "lz") != nominal
