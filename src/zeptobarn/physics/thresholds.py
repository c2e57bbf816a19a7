"""Where a detector sees events: the smallest areas that pass its thresholds, against position.

The thresholds are on areas as they are measured, templates are in corrected areas. At a given
position a corrected area is a measured one times a known factor (the light yield's inverse, and
for the S2 the electrons lost in the drift, at the lifetime that it is corrected with), so a
threshold is a smallest corrected area there. What the correction does not follow (a spread of the
lifetime, the bias, the extraction) changes how many events have an area, not which areas pass.
Formulas are cut here; recoils where their areas are made, in `zeptobarn.physics.areas` and
`zeptobarn.physics.simulate`.
"""

import numpy as np
from numpy.typing import NDArray

from zeptobarn.physics.apparatus import Apparatus

Floats = NDArray[np.float64]

# Numbers of an apparatus that `smallest_areas` depends on.
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
_SIGNALS = ("s1", "s2")

# Depths, and Gauss nodes between two radii of a map, or between the axis and the rim without one.
# Twice as many change no bin by 1e-4 of the largest, maps with edges included.
_DEPTHS = 1001
_RADII_BETWEEN = 12
_RADII = 16


def smallest_areas(apparatus: Apparatus) -> tuple[Floats, Floats, Floats]:
    """Smallest cS1 and cS2 that pass the area thresholds, at positions all over the volume.

    Parameters
    ----------
    apparatus
        The detector's numbers.

    Returns
    -------
    cs1, cs2
        Corrected areas (the detector's area unit), shape (radii, depths).
    weight
        Each position's share of the fiducial volume, the same shape; the sum is 1.

    Examples
    --------
    Of electrons that drift 10 cm in 100 µs, 1/e survive:

    >>> from dataclasses import replace
    >>> from zeptobarn.physics.detector import load_detector
    >>> lz = load_detector("lz").apparatus
    >>> small = replace(
    ...     lz, s2_area_threshold=100, fiducial_radius_cm=10, fiducial_z_cm=(-10, 0),
    ...     drift_velocity_mm_per_us=1, electron_lifetime_us=100,
    ... )
    >>> cs1, cs2, weight = smallest_areas(small)
    >>> [float(round(area, 1)) for area in (cs1.max(), cs2.min(), cs2.max())]
    [0.0, 100.0, 271.8]
    """
    (bottom, top), radius = apparatus.fiducial_z_cm, apparatus.fiducial_radius_cm
    inner = [r for field in apparatus.light_yields for r in field.radius_cm if 0 < r < radius]
    edges = np.array([0.0, *sorted(set(inner)), radius])
    at, weight = np.polynomial.legendre.leggauss(_RADII_BETWEEN if inner else _RADII)
    half = np.diff(edges)[:, np.newaxis] / 2
    r = (edges[:-1, np.newaxis] + half * (1 + at)).ravel()
    z = np.linspace(bottom, top, _DEPTHS)
    cs1, cs2 = (_smallest(apparatus, signal, r[:, np.newaxis] ** 2, z) for signal in _SIGNALS)
    across = r * (half * weight).ravel()
    along = np.ones(_DEPTHS)
    along[[0, -1]] = 0.5
    if not any(np.ptp(areas, axis=0).any() for areas in (cs1, cs2)):
        cs1, cs2, across = cs1[:1], cs2[:1], np.ones(1)
    return cs1, cs2, np.outer(across / across.sum(), along / along.sum())


def smallest_anywhere(apparatus: Apparatus) -> tuple[float, float]:
    """Smallest cS1 and cS2 (the detector's area unit) that pass the area thresholds anywhere."""
    cs1, cs2 = (
        float(_smallest(apparatus, signal, *apparatus.positions(light_yield)).min())
        for signal, light_yield in zip(_SIGNALS, apparatus.light_yields, strict=True)
    )
    return cs1, cs2


def _smallest(
    apparatus: Apparatus, signal: str, radius_squared_cm2: Floats, z_cm: Floats
) -> Floats:
    """Smallest corrected area of a signal that passes, at positions that broadcast."""
    if signal == "s1":
        light_yield = apparatus.s1_relative_light_yield.at(radius_squared_cm2, z_cm)
        return np.asarray(apparatus.s1_area_threshold / light_yield)
    light_yield = apparatus.s2_relative_light_yield.at(radius_squared_cm2, z_cm)
    drift_us = -z_cm * apparatus.us_per_cm
    lost = np.exp(drift_us / apparatus.corrected_with_us)
    return np.asarray(apparatus.s2_area_threshold * lost / light_yield)
