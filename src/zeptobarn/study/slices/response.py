"""What a response depends on."""

from typing import Any

from zeptobarn.physics.detector import Recoil
from zeptobarn.study.study import Study


def response_slice(study: Study, detector: str, recoil: Recoil, anchor: str) -> dict[str, Any]:
    """Give the configuration that a response depends on."""
    found: dict[str, Any] = {
        "detector": study.detectors[detector].response_settings(recoil),
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
        found |= {
            "name": detector,
            "seed": study.seed,
            "events_per_energy_bin": study.events_per_energy_bin,
        }
    return found
