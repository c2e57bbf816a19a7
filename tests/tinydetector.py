"""A small detector of spectra alone, whose responses take a moment; and studies of it."""

import dataclasses
from pathlib import Path

from zeptobarn.study.loading import merge_files, study_from_settings
from zeptobarn.study.study import Study

TINY = """
base: xenon1t
title: tiny
yields: {nr: lenardo2015, er: er_polynomial}
response_max_keV: {nr: 60, er: 12}
analysis_space: {cs1: {low: 3, high: 27, bins: 12}, cs2: {low: 200, high: 5000, bins: 12}}
sources:
  - {name: accidental, remove: true}
  - {name: wall, remove: true}
  - {name: anomalous, remove: true}
"""
STUDY = {
    "masses_GeV": [50],
    "marked_masses_GeV": [],
    "critical_values": "asymptotic",
    "published": {},
    "trials": 20,
    "trials_per_batch": 20,
    "response": {
        "method": "quadrature",
        "events_per_energy_bin": 1000,
        "energy_bin_width_log": 0.1,
    },
}


def tiny_study(folder: Path, text: str = "", shapes: list | None = None, **keys: object) -> Study:
    """Make a study of the tiny detector, with more lines in a file that starts from it.

    Every shape parameter is profiled in its only interval.
    """
    (folder / "detectors").mkdir(exist_ok=True)
    (folder / "detectors/tiny.yaml").write_text(TINY)
    (folder / "detectors/mine.yaml").write_text(f"base: tiny\n{text}")
    names = [shape["name"] for shape in shapes or []]
    settings = {
        **merge_files(["config/config.yaml"]),
        **STUDY,
        "detectors": ["mine"],
        "shapes": shapes or [],
        "intervals": [{"name": "profiled", "profiled": names}],
        **keys,
    }
    return study_from_settings(settings, folder)


def with_livetime(study: Study, factor: float) -> Study:
    """Give the study with another livetime."""
    detector = study.detectors["mine"]
    longer = dataclasses.replace(detector, livetime_day=factor * detector.livetime_day)
    return dataclasses.replace(study, detectors={"mine": longer})
