"""What a template depends on."""

from typing import Any

from zeptobarn.physics import reach
from zeptobarn.physics.apparatus import Recoil
from zeptobarn.study.slices.response import response_slice, space_slice
from zeptobarn.study.slices.spectrum import spectrum_slice
from zeptobarn.study.study import Study
from zeptobarn.support.inputs import file_digest
from zeptobarn.support.tables import digest


def template_slice(study: Study, detector: str, source: str) -> dict[str, Any]:
    """Give the configuration that a template depends on."""
    recoil, spectra = study.recoil(detector, source), study.source_spectra(detector, source)
    the_detector = study.detectors[detector]
    kept: dict[str, Any] = {
        "exposure_kg_day": the_detector.exposure_kg_day,
        "rate": study.reference_cross_section_cm2
        if study.signal(source)
        else 1
        if study.source_signal(source)
        else the_detector.source(source).rate_multiplier,
    }
    if recoil == "both":
        return kept | {
            "spectra": {kind: spectrum_slice(study, name) for kind, name in spectra.items()},
            "response": {kind: _responses(study, detector, kind) for kind in spectra},
            "anchors": list(study.anchors(detector, recoil)),
            "smoothed": study.smoothed,
        }
    if not study.source_signal(source):
        expected = the_detector.source(source).expected_events
        kept |= {} if expected is None else {"expected_events": expected}
        if (template := the_detector.source(source).template) is not None:
            return kept | {
                "template": file_digest(template["path"]),
                "file_exposure_kg_day": template.get("exposure_kg_day"),
                "space": space_slice(the_detector.space),
                "shapes": [[s.name, s.anchors] for s in study.source_shapes(detector, source)],
            }
    if recoil is None or not spectra:
        numbers = the_detector.apparatus.by_name
        return kept | {
            "formula": the_detector.source(source).formula,
            "space": space_slice(the_detector.space),
            "reach": {key: numbers[key] for key in reach.KEYS},
            "shapes": [
                [shape.name, shape.parameter, shape.relative_width, shape.anchors]
                for shape in study.shapes_of(detector, recoil)
            ],
        }
    return kept | {
        "spectrum": spectrum_slice(study, spectra[recoil]),
        "response": _responses(study, detector, recoil),
        "smoothed": study.smoothed,
    }


def _responses(study: Study, detector: str, recoil: Recoil) -> dict[str, str]:
    return {
        anchor: digest(response_slice(study, detector, recoil, anchor))
        for anchor in study.anchors(detector, recoil)
    }
