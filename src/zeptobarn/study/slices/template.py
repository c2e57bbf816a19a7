"""What a template depends on."""

from dataclasses import asdict
from typing import Any

from zeptobarn.physics import reach
from zeptobarn.physics.efficiency import PHOTONS
from zeptobarn.study.slices.response import response_slice, space_slice
from zeptobarn.study.slices.spectrum import spectrum_slice
from zeptobarn.study.study import Study
from zeptobarn.support.tables import digest


def template_slice(study: Study, detector: str, source: str) -> dict[str, Any]:
    """Give the configuration that a template depends on."""
    response, name = study.response(detector, source), study.spectrum_name(detector, source)
    the_detector = study.detectors[detector]
    kept: dict[str, Any] = {
        "exposure_kg_day": the_detector.exposure_kg_day,
        "rate": study.reference_cross_section_cm2
        if study.signal(source)
        else the_detector.source(source).rate_multiplier,
    }
    if response is None or name is None:
        numbers = the_detector.apparatus.by_name
        return kept | {
            "formula": the_detector.source(source).formula,
            "space": space_slice(the_detector.space),
            "reach": {key: numbers[key] for key in reach.KEYS},
            "shapes": [
                [shape.name, shape.parameter, shape.relative_width, shape.anchors]
                for shape in study.shapes_of(detector, response)
            ],
        }
    return kept | {
        "spectrum": spectrum_slice(study, name),
        "response": {
            anchor: digest(response_slice(study, detector, response, anchor))
            for anchor in study.anchors(detector, response)
        },
        "smoothed": study.smoothed,
        **_efficiency_slice(study, detector, source),
    }


def _efficiency_slice(study: Study, detector: str, source: str) -> dict[str, Any]:
    """Give what multiplies a source's events beside its response; nothing where nothing does."""
    the_detector, recoil = study.detectors[detector], study.recoil(detector, source)
    curves = [
        asdict(e) for e in the_detector.efficiencies if e.against != PHOTONS and e.applies(recoil)
    ]
    shapes = study.source_shapes(detector, source)
    scales = [
        [shape.name, shape.parameter, shape.relative_width]
        for shape in shapes
        if shape.scales(the_detector, recoil, study.signal(source) is not None)
    ]
    anchors = [[shape.name, shape.anchors] for shape in shapes] if scales else []
    parts = {"efficiencies": curves, "scales": scales, "anchors": anchors}
    return {name: part for name, part in parts.items() if part}
