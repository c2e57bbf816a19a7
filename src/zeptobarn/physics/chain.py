"""A detector's numbers, and a recoil's quanta, as the simulation's kernels take them."""

from typing import NamedTuple

import numpy as np

from zeptobarn.physics.apparatus import Apparatus, LightYield, Recoil, Sizes
from zeptobarn.physics.yields import Nuisances, Recombination, detector_yields
from zeptobarn.support.jit import Floats

# How `quanta` columns are to be read: shares of 73 quanta/keV, or NEST's ions and excitons.
SPLIT, NUCLEAR, ELECTRONIC = 0, 1, 2


class Field(NamedTuple):
    """A relative light yield against position: a map where it has points, else a polynomial."""

    coefficients: Floats
    radius_squared_scale: float
    depth_scale: float
    radius: Floats
    z: Floats
    values: Floats


class Chain(NamedTuple):
    """A detector's numbers as the kernel takes them (lengths in cm, times in µs)."""

    model: int
    electron_probability_width: float
    fano: float
    g1: float
    s1_light_yield: Field
    s2_light_yield: Field
    radius_squared_max: float
    z_bottom: float
    z_top: float
    us_per_cm: float
    lifetime: float
    lifetime_spread: float
    correction_lifetime: float
    extraction: float
    electron_gain: float
    s2_fano: float
    double_pe: float
    pe_width: float
    pe_per_area: float
    coincidence: int
    s1_threshold: float
    s2_threshold: float
    efficiency: Floats
    apply_bias: bool
    s1_bias: Floats
    s2_bias: Floats


def chain(apparatus: Apparatus, recoil: Recoil) -> Chain:
    """Turn a detector's numbers into the kernel's."""
    z_bottom, z_top = apparatus.fiducial_z_cm
    double_pe = apparatus.double_pe_probability
    fluctuations = detector_yields(apparatus, recoil, np.ones(1)).fluctuations
    if isinstance(fluctuations, Recombination):
        model, width, fano = (NUCLEAR if fluctuations.separate else ELECTRONIC), 0.0, 0.0
    else:
        model, width = SPLIT, fluctuations.electron_probability_width
        fano = fluctuations.fano
    return Chain(
        model=model,
        electron_probability_width=width,
        fano=float(fano),
        g1=float(apparatus.g1),
        s1_light_yield=_field(apparatus.s1_relative_light_yield),
        s2_light_yield=_field(apparatus.s2_relative_light_yield),
        radius_squared_max=float(apparatus.fiducial_radius_cm**2),
        z_bottom=float(z_bottom),
        z_top=float(z_top),
        us_per_cm=apparatus.us_per_cm,
        lifetime=float(apparatus.electron_lifetime_us),
        lifetime_spread=float(apparatus.electron_lifetime_spread),
        correction_lifetime=float(apparatus.corrected_with_us),
        extraction=float(apparatus.extraction_efficiency),
        electron_gain=float(apparatus.electron_gain),
        s2_fano=float(apparatus.s2_fano),
        double_pe=float(double_pe),
        pe_width=float(apparatus.single_pe_width),
        pe_per_area=apparatus.pe_per_area,
        coincidence=int(apparatus.s1_coincidence),
        s1_threshold=float(apparatus.s1_area_threshold),
        s2_threshold=float(apparatus.s2_area_threshold),
        efficiency=np.array(apparatus.s1_peak_efficiency, dtype=float),
        apply_bias=bool(apparatus.apply_bias),
        s1_bias=_bias_table(apparatus.s1_bias),
        s2_bias=_bias_table(apparatus.s2_bias),
    )


def _field(light_yield: LightYield) -> Field:
    return Field(
        coefficients=np.array(light_yield.coefficients, dtype=float),
        radius_squared_scale=float(light_yield.radius_squared_scale_cm2),
        depth_scale=float(light_yield.depth_scale_cm),
        radius=np.array(light_yield.radius_cm, dtype=float),
        z=np.array(light_yield.z_cm, dtype=float),
        values=np.array(light_yield.relative_yield, dtype=float),
    )


def _bias_table(rows: Sizes) -> Floats:
    """Rows of the result: logarithm of the size, relative bias."""
    table = np.array(rows, dtype=float).T.copy()
    table[0] = np.log(table[0])
    return table


def quanta_table(
    apparatus: Apparatus,
    recoil: Recoil,
    energies_keV: Floats,
    nuisances: Nuisances,
) -> Floats:
    """A row per energy: what `SPLIT` or the models of recombination draw quanta from."""
    yields = detector_yields(apparatus, recoil, energies_keV, nuisances)
    drawn = yields.fluctuations
    if isinstance(drawn, Recombination):
        columns = [drawn.ions, drawn.excitons, drawn.recombination]
        columns += [drawn.omega, drawn.skewness, drawn.fano, drawn.fano_excitons]
    else:
        columns = [drawn.quanta_per_keV * energies_keV, yields.photons, yields.electrons]
        columns += 4 * [np.zeros(len(energies_keV))]
    return np.stack(columns, axis=1)
