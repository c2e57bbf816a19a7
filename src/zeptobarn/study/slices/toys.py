"""What the background datasets depend on."""

from collections.abc import Mapping
from typing import Any

from zeptobarn.physics.detector import Source
from zeptobarn.study.correlations import correlations_slice
from zeptobarn.study.slices.template import template_slice
from zeptobarn.study.study import Study
from zeptobarn.support.tables import digest


def toys_slice(
    study: Study, detector: str, at: Mapping[str, float] | None = None
) -> dict[str, Any]:
    """Give the configuration that the background datasets depend on (not how many they are).

    Parameters
    ----------
    at
        True values of shape parameters, 0 for the others; see `zeptobarn.templates.toys.throw`.
    """
    correlations = correlations_slice(study, detector)
    return {
        **({"at": dict(at)} if at else {}),
        "name": detector,
        "seed": study.seed,
        # A list: sources draw their random numbers one after another.
        "templates": [
            [source.name, digest(template_slice(study, detector, source.name))]
            for source in study.detectors[detector].sources
        ],
        "rates": {source.name: _rate_slice(source) for source in study.detectors[detector].sources},
        "shapes": {shape.name: shape.constrained for shape in study.target_shapes(detector)},
        "constraint_centres": study.constraint_centres,
        **({"correlations": correlations} if correlations else {}),
    }


def _rate_slice(source: Source) -> list[Any]:
    """Give what is known of a source's rate; what most sources do not have stays away."""
    unusual: dict[str, Any] = {
        "range": source.rate_range,
        "nominal": None if source.nominal_rate == 1 else source.nominal_rate,
        "shared": source.shared or None,
    }
    unusual = {key: value for key, value in unusual.items() if value is not None}
    return [source.rate, source.rate_width, *([unusual] if unusual else [])]
