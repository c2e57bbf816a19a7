"""The numbers of a detector that turn a recoil into S1 and S2, and its light yield by position."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from math import pi
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Recoil = Literal["nr", "er"]
Sizes = tuple[tuple[float, float], ...]


def recoil_of(response: str) -> Recoil:
    """Recoil type of a response, whose name begins with it.

    Examples
    --------
    >>> recoil_of("nr"), recoil_of("er_nest_gamma")
    ('nr', 'er')
    """
    return "nr" if response.startswith("nr") else "er"


# Yield models (`zeptobarn.physics.yields`) of each recoil type.
MODELS: Mapping[str, tuple[str, ...]] = {
    "nr": ("lenardo2015", "nest"),
    "er": ("er_polynomial", "nest_beta", "nest_gamma"),
}
LIGHT_YIELDS = ("s1_relative_light_yield", "s2_relative_light_yield")


@dataclass(frozen=True)
class LightYield:
    """Light yield relative to the detector's mean, against radius r and z; see `at`.

    Attributes
    ----------
    coefficients
        Of a polynomial in u = r²/radius_squared_scale (rows) and w = −z/depth_scale (columns).
    map
        Name of the file of a map; empty: a polynomial.
    radius_cm, z_cm, relative_yield
        Points of the map, and the values there, shape (radii, depths).
    """

    radius_squared_scale_cm2: float = 1.0
    depth_scale_cm: float = 1.0
    coefficients: tuple[tuple[float, ...], ...] = ((1.0,),)
    map: str = ""
    radius_cm: tuple[float, ...] = ()
    z_cm: tuple[float, ...] = ()
    relative_yield: tuple[tuple[float, ...], ...] = ((),)

    def at(
        self, radius_squared_cm2: NDArray[np.float64], z_cm: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Give the relative light yield at positions (cm², cm) that broadcast.

        That of a map is linear in r and z between its points.
        """
        r2, z = np.broadcast_arrays(np.asarray(radius_squared_cm2, float), np.asarray(z_cm, float))
        if len(self.radius_cm) > 0:
            from scipy.interpolate import RegularGridInterpolator

            points = np.array(self.radius_cm), np.array(self.z_cm)
            interpolator = RegularGridInterpolator(points, np.array(self.relative_yield))
            return np.asarray(interpolator(np.stack([np.sqrt(r2), z], axis=-1)))
        u, w = r2 / self.radius_squared_scale_cm2, -z / self.depth_scale_cm
        coefficients = np.array(self.coefficients, dtype=float)
        return np.asarray(np.polynomial.polynomial.polyval2d(u, w, coefficients))


@dataclass(frozen=True)
class Apparatus:
    """What a recoil's S1 and S2 depend on; the detector file's schema describes each number.

    Areas are in ``area_unit``, PE or detected photons (phd).

    Attributes
    ----------
    fiducial_z_cm
        Bottom and top of the fiducial cylinder, below the liquid's surface at 0.
    yields, response_cutoff_keV, response_max_keV
        By recoil type.
    s1_peak_efficiency
        Probability to find an S1 of 0, 1, … photons; the last holds beyond.
    s1_bias, s2_bias
        Rows of a size (photons, PE) and the relative bias of the area there.
    correction_lifetime_us
        Electron lifetime that cS2 is corrected with; None: the true one.
    yield_constants
        What the file gives of `zeptobarn.physics.yield_constants`.
    charge_ratio
        Factor on the mean electrons of electronic recoils: of a source's own, as an electron
        capture's.
    """

    area_unit: Literal["PE", "phd"]
    fiducial_radius_cm: float
    fiducial_z_cm: tuple[float, float]
    drift_field_V_per_cm: float
    drift_velocity_mm_per_us: float
    electron_lifetime_us: float
    g1: float
    double_pe_probability: float
    extraction_efficiency: float
    electron_gain: float
    single_pe_width: float
    s1_coincidence: int
    s1_area_threshold: float
    s2_area_threshold: float
    s1_peak_efficiency: tuple[float, ...]
    s1_relative_light_yield: LightYield
    yields: Mapping[Recoil, str]
    response_cutoff_keV: Mapping[Recoil, float]
    response_max_keV: Mapping[Recoil, float]
    s2_relative_light_yield: LightYield = LightYield()
    s2_fano: float = 1.0
    er_recombination_width: float = 1.0
    electron_lifetime_spread: float = 0.0
    liquid_density_g_per_cm3: float = 2.9
    apply_bias: bool = False
    s1_bias: Sizes = ((1.0, 0.0), (2.0, 0.0))
    s2_bias: Sizes = ((1.0, 0.0), (2.0, 0.0))
    correction_lifetime_us: float | None = None
    yield_constants: Mapping[str, Any] = field(default_factory=dict)
    charge_ratio: float = 1.0

    @cached_property
    def by_name(self) -> Mapping[str, Any]:
        """All numbers by name, light yields too; made once, for what depends on them."""
        return asdict(self)

    @property
    def corrected_with_us(self) -> float:
        """Electron lifetime (µs) that cS2 is corrected with."""
        corrected_with = self.correction_lifetime_us
        return self.electron_lifetime_us if corrected_with is None else corrected_with

    @property
    def us_per_cm(self) -> float:
        """Drift time (µs) of a centimetre."""
        return 10.0 / self.drift_velocity_mm_per_us

    @property
    def drift_lifetimes(self) -> float:
        """Longest drift, from the volume's bottom, in the shorter of the two lifetimes."""
        longest_us = -self.fiducial_z_cm[0] * self.us_per_cm
        return longest_us / min(self.electron_lifetime_us, self.corrected_with_us)

    @property
    def pe_per_area(self) -> float:
        """Photoelectrons of a unit of area, on average."""
        return 1.0 + self.double_pe_probability if self.area_unit == "phd" else 1.0

    @property
    def g1_PE_per_photon(self) -> float:
        """Photoelectrons per photon, at a relative light yield of 1."""
        return (1 + self.double_pe_probability) * self.g1

    @property
    def g2_phd_per_electron(self) -> float:
        """S2 photons detected per electron that reaches the surface."""
        return self.extraction_efficiency * self.electron_gain

    @property
    def g2_PE_per_electron(self) -> float:
        """S2 photoelectrons per electron that reaches the surface."""
        return (1 + self.double_pe_probability) * self.g2_phd_per_electron

    @property
    def light_yields(self) -> tuple[LightYield, LightYield]:
        """Relative light yields of the S1 and the S2."""
        return self.s1_relative_light_yield, self.s2_relative_light_yield

    @property
    def cylinder_mass_kg(self) -> float:
        """Liquid xenon in the fiducial cylinder (kg), π r² h ρ: about the fiducial mass."""
        bottom, top = self.fiducial_z_cm
        volume = pi * self.fiducial_radius_cm**2 * (top - bottom)
        return 1e-3 * self.liquid_density_g_per_cm3 * volume

    def everywhere(self, light_yield: LightYield) -> NDArray[np.float64]:
        """Give a light yield at positions among which its extremes in the fiducial volume are.

        A map is largest and smallest at its own points, or at the volume's rim.

        Returns
        -------
        Light yields, shape (z, r).
        """
        return light_yield.at(*self.positions(light_yield))

    def positions(self, light_yield: LightYield) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Give the positions of `everywhere`: r² (cm²) in a row, z (cm) in a column."""
        (bottom, top), radius = self.fiducial_z_cm, self.fiducial_radius_cm
        r = np.append(np.linspace(0, radius, 51), light_yield.radius_cm)
        z = np.append(np.linspace(bottom, top, 51), light_yield.z_cm)
        return r[r <= radius] ** 2, z[(z >= bottom) & (z <= top), np.newaxis]
