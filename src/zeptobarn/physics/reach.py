"""Where a detector sees events: the smallest areas that pass its thresholds, against position.

The thresholds are on areas as they are measured, templates are in corrected areas. At a given
position a corrected area is a measured one times a known factor (the light yield's inverse, and
for the S2 the electrons lost in the drift, at the lifetime that it is corrected with), so a
threshold is a smallest corrected area there. What the correction does not follow (a spread of the
lifetime, the bias, the extraction) changes how many events have an area, not which areas pass.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from zeptobarn.physics.detector import position_grid, relative_light_yield

Floats = NDArray[np.float64]

# Keys of a detector file that `smallest_areas` depends on.
KEYS = (
    "s1_area_threshold",
    "s2_area_threshold",
    "s1_relative_light_yield",
    "s2_relative_light_yield",
    "fiducial_radius_cm",
    "fiducial_z_cm",
    "drift_velocity_mm_per_us",
    "electron_lifetime_us",
    "correction_lifetime_us",
)
_FIELDS = ("s1_relative_light_yield", "s2_relative_light_yield")

# Depths, and Gauss nodes between two radii of a map, or between the axis and the rim without one.
# Twice as many change no bin by 1e-4 of the largest, maps with edges included.
_DEPTHS = 1001
_RADII_BETWEEN = 12
_RADII = 16


def smallest_areas(settings: Mapping[str, Any]) -> tuple[Floats, Floats, Floats]:
    """Smallest cS1 and cS2 that pass the area thresholds, at positions all over the volume.

    Parameters
    ----------
    settings
        `zeptobarn.physics.detector.Detector.settings`.

    Returns
    -------
    cs1, cs2
        Corrected areas (the detector's area unit), shape (radii, depths).
    weight
        Each position's share of the fiducial volume, the same shape; the sum is 1.

    Examples
    --------
    Of electrons that drift 10 cm in 100 µs, 1/e survive:

    >>> uniform = {"radius_squared_scale_cm2": 1, "depth_scale_cm": 1, "coefficients": [[1]]}
    >>> settings = {
    ...     "s1_area_threshold": 0, "s2_area_threshold": 100, "fiducial_radius_cm": 10,
    ...     "s1_relative_light_yield": uniform, "s2_relative_light_yield": uniform,
    ...     "fiducial_z_cm": [-10, 0], "drift_velocity_mm_per_us": 1, "electron_lifetime_us": 100,
    ... }
    >>> cs1, cs2, weight = smallest_areas(settings)
    >>> [float(round(area, 1)) for area in (cs1.max(), cs2.min(), cs2.max())]
    [0.0, 100.0, 271.8]
    """
    (bottom, top), radius = settings["fiducial_z_cm"], settings["fiducial_radius_cm"]
    inner = [r for key in _FIELDS for r in settings[key].get("radius_cm", []) if 0 < r < radius]
    edges = np.array([0.0, *sorted(set(inner)), radius])
    at, weight = np.polynomial.legendre.leggauss(_RADII_BETWEEN if inner else _RADII)
    half = np.diff(edges)[:, np.newaxis] / 2
    r = (edges[:-1, np.newaxis] + half * (1 + at)).ravel()
    z = np.linspace(bottom, top, _DEPTHS)
    cs1, cs2 = (_smallest(settings, signal, r[:, np.newaxis] ** 2, z) for signal in ("s1", "s2"))
    across = r * (half * weight).ravel()
    along = np.ones(_DEPTHS)
    along[[0, -1]] = 0.5
    if not any(np.ptp(areas, axis=0).any() for areas in (cs1, cs2)):
        cs1, cs2, across = cs1[:1], cs2[:1], np.ones(1)
    return cs1, cs2, np.outer(across / across.sum(), along / along.sum())


def smallest_anywhere(settings: Mapping[str, Any]) -> tuple[float, float]:
    """Smallest cS1 and cS2 (the detector's area unit) that pass the area thresholds anywhere."""
    cs1, cs2 = (
        float(_smallest(settings, signal, *position_grid(settings, settings[key])).min())
        for signal, key in zip(("s1", "s2"), _FIELDS, strict=True)
    )
    return cs1, cs2


def _smallest(
    settings: Mapping[str, Any], signal: str, radius_squared_cm2: Floats, z_cm: Floats
) -> Floats:
    """Smallest corrected area of a signal that passes, at positions that broadcast."""
    found = relative_light_yield(
        settings[f"{signal}_relative_light_yield"], radius_squared_cm2, z_cm
    )
    threshold = settings[f"{signal}_area_threshold"]
    if signal == "s1":
        return np.asarray(threshold / found)
    lifetime = settings.get("correction_lifetime_us", settings["electron_lifetime_us"])
    drift_us = -10 * z_cm / settings["drift_velocity_mm_per_us"]
    return np.asarray(threshold * np.exp(drift_us / lifetime) / found)
