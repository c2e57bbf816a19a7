"""What a response depends on."""

from typing import Any

from zeptobarn.physics.apparatus import Recoil
from zeptobarn.physics.detector import AnalysisSpace, Detector
from zeptobarn.study.study import Study


def response_slice(study: Study, detector: str, recoil: Recoil, anchor: str) -> dict[str, Any]:
    """Give the configuration that a response depends on."""
    configuration: dict[str, Any] = {
        "detector": _detector_slice(study.detectors[detector], recoil),
        "recoil": recoil,
        "shapes": {
            shape.parameter: [
                study.anchors(detector, recoil)[anchor][shape.name],
                shape.relative_width,
                shape.low_energy,
            ]
            for shape in study.shapes_of(detector, recoil)
        },
        "method": study.response_method,
        "energy_bin_width_log": study.energy_bin_width_log,
    }
    if study.response_method == "simulation":
        configuration |= {
            "name": detector,
            "seed": study.seed,
            "events_per_energy_bin": study.events_per_energy_bin,
        }
    return configuration


def space_slice(space: AnalysisSpace) -> dict[str, Any]:
    """Give the ends and the number of an analysis space's bins, even or even in the logarithm."""
    return {
        "cs1": [float(space.cs1_edges[0]), float(space.cs1_edges[-1]), space.shape[0]],
        "cs2": [float(space.cs2_edges[0]), float(space.cs2_edges[-1]), space.shape[1]],
    }


def _detector_slice(detector: Detector, recoil: Recoil) -> dict[str, Any]:
    """Give the numbers of a detector that the response to a recoil type depends on."""
    numbers = dict(detector.apparatus.by_name)
    for key in ("yields", "response_cutoff_keV", "response_max_keV"):
        numbers[key] = numbers[key][recoil]
    return numbers | {"space": space_slice(detector.space)}
