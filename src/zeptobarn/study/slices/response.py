"""What a response depends on."""

from dataclasses import asdict
from typing import Any

from zeptobarn.physics.apparatus import recoil_of
from zeptobarn.physics.detector import AnalysisSpace, Detector
from zeptobarn.physics.efficiency import PHOTONS
from zeptobarn.study.study import Study


def response_slice(study: Study, detector: str, response: str, anchor: str) -> dict[str, Any]:
    """Give the configuration that a response depends on."""
    configuration: dict[str, Any] = {
        "detector": _detector_slice(study.detectors[detector], response),
        "recoil": recoil_of(response),
        "shapes": {
            shape.parameter: [
                study.anchors(detector, response)[anchor][shape.name],
                shape.relative_width,
                shape.low_energy,
            ]
            for shape in study.shapes_of(detector, response)
        },
        "method": study.response_method,
        "energy_bin_width_log": study.energy_bin_width_log,
    }
    if study.response_method == "simulation":
        configuration |= {
            "name": detector if response == recoil_of(response) else f"{detector} {response}",
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


def _detector_slice(detector: Detector, response: str) -> dict[str, Any]:
    """Give the numbers of a detector that a response depends on.

    What a detector file need not say is not there if it does not.
    """
    numbers, recoil = dict(detector.apparatuses[response].by_name), recoil_of(response)
    for key in ("yields", "response_cutoff_keV", "response_max_keV"):
        numbers[key] = numbers[key][recoil]
    if numbers["charge_ratio"] == 1:
        del numbers["charge_ratio"]
    given, own = numbers.pop("yield_constants"), _CONSTANTS_OF.get(numbers["yields"], ("nest",))
    if constants := {name: value for name, value in given.items() if name in own}:
        numbers["yield_constants"] = constants
    against_photons = [
        asdict(e) for e in detector.efficiencies if e.against == PHOTONS and e.applies(recoil)
    ]
    if against_photons:
        numbers["efficiencies"] = against_photons
    return numbers | {"space": space_slice(detector.space)}


# What a detector file gives of each yield model.
_CONSTANTS_OF = {
    model: ("quanta_per_keV", "fano", model) for model in ("lenardo2015", "er_polynomial")
}
