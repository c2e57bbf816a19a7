"""What a template depends on."""

from dataclasses import asdict
from typing import Any

from zeptobarn.physics import thresholds
from zeptobarn.physics.apparatus import recoil_of
from zeptobarn.physics.efficiency import PHOTONS
from zeptobarn.study.slices.response import response_slice, space_slice
from zeptobarn.study.slices.spectrum import spectrum_slice
from zeptobarn.study.study import Study
from zeptobarn.support.inputs import file_digest
from zeptobarn.support.tables import digest


def template_slice(study: Study, detector: str, source: str) -> dict[str, Any]:
    """Give the configuration that a template depends on."""
    spectra = study.source_spectra(detector, source)
    the_detector = study.detectors[detector]
    kept: dict[str, Any] = {
        "exposure_kg_day": the_detector.exposure_kg_day,
        "rate": study.reference_cross_section_cm2
        if study.signal(source)
        else 1
        if study.source_signal(source)
        else the_detector.source(source).rate_multiplier,
    }
    if not study.source_signal(source):
        expected = the_detector.source(source).expected_events
        kept |= {} if expected is None else {"expected_events": expected}
        if (template := the_detector.source(source).template) is not None:
            named = {"histogram": template["histogram"]} if "histogram" in template else {}
            return kept | {
                "template": file_digest(template["path"]),
                **named,
                "file_exposure_kg_day": template.get("exposure_kg_day"),
                "space": space_slice(the_detector.space),
                "shapes": [[s.name, s.anchors] for s in study.source_shapes(detector, source)],
            }
    if not spectra:
        numbers = the_detector.apparatus.by_name
        return kept | {
            "formula": the_detector.source(source).formula,
            "space": space_slice(the_detector.space),
            "reach": {key: numbers[key] for key in thresholds.KEYS},
            "shapes": [
                [shape.name, shape.parameter, shape.relative_width, shape.anchors]
                for shape in study.shapes_of(detector, None)
            ],
        }
    return kept | {
        **_spectra_slice(study, detector, source),
        "smoothed": study.smoothed,
        **_efficiency_slice(study, detector, source),
    }


def _spectra_slice(study: Study, detector: str, source: str) -> dict[str, Any]:
    """Give a source's spectrum and its response at each anchor; of two spectra, those of both."""
    parts = {
        response: {
            "spectrum": spectrum_slice(study, name),
            "response": {
                anchor: digest(response_slice(study, detector, response, anchor))
                for anchor in study.anchors(detector, response)
            },
        }
        for response, name in study.source_spectra(detector, source).items()
    }
    if len(parts) == 1:
        return next(iter(parts.values()))
    return {"parts": parts, "anchors": list(study.source_anchors(detector, source))}


def _efficiency_slice(study: Study, detector: str, source: str) -> dict[str, Any]:
    """Give what multiplies a source's events beside its response; nothing where nothing does."""
    the_detector, signal = study.detectors[detector], study.source_signal(source) is not None
    recoils = [recoil_of(response) for response in study.source_spectra(detector, source)]
    curves = [
        asdict(efficiency)
        for efficiency in the_detector.efficiencies
        if efficiency.against != PHOTONS and any(map(efficiency.applies, recoils))
    ]
    shapes = study.source_shapes(detector, source)
    scales = [
        [shape.name, shape.parameter, shape.relative_width]
        for shape in shapes
        if any(shape.scales(the_detector, recoil, signal) for recoil in recoils)
    ]
    anchors = [[shape.name, shape.anchors] for shape in shapes] if scales else []
    parts = {"efficiencies": curves, "scales": scales, "anchors": anchors}
    return {name: part for name, part in parts.items() if part}
