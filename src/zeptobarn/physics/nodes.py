"""Where `zeptobarn.physics.quadrature` evaluates: energies, radii, depths and light yields.

Integrals take Gauss nodes between the kinks of what is integrated: the edges of energy bins, the
points of a map, and the depths at which a cS2 edge meets the threshold.
"""

from dataclasses import dataclass
from itertools import pairwise
from math import ceil, sqrt

import numpy as np
from numpy.typing import NDArray

from zeptobarn.physics.apparatus import Apparatus
from zeptobarn.physics.detector import AnalysisSpace

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Nodes:
    """How fine the quadrature is; twice as fine changes nothing that matters.

    Attributes
    ----------
    energy
        Gauss nodes in an energy bin beyond the first, per unit of its width in ln E.
    radius
        Gauss nodes in r², where a light yield changes with it: in all, or between two radii of a
        map.
    light
        Light yields of the S1 at which X is kept, and light yields of the S2 between which its
        distribution is interpolated, where they are not uniform.
    drift
        Nodes in z per standard deviation of the smallest S2's logarithm.
    lifetime
        Gauss-Hermite nodes of a spread of the electron lifetime; more if it is above 0.15.
    share
        Nodes in the electrons' share per standard deviation of the narrower of its
        distribution and the binomial.
    """

    energy: float = 40.0
    radius: int = 4
    light: int = 8
    drift: float = 1.5
    lifetime: int = 9
    share: float = 1.2


DEFAULT_NODES = Nodes()


def energy_nodes(edges_keV: Floats, nodes: Nodes) -> tuple[NDArray[np.int64], Floats, Floats]:
    """Energy bin, energy (keV) and weight in its bin of each node."""
    bins, energies, weights = [], [], []
    for i, (low, high) in enumerate(pairwise(edges_keV)):
        n = 1 + ceil(nodes.energy * np.log(high / low) - 1e-9)
        at, weight = np.polynomial.legendre.leggauss(n)
        bins.append(np.full(n, i))
        energies.append(low + (high - low) * (at + 1) / 2)
        weights.append(weight / 2)
    return np.concatenate(bins), np.concatenate(energies), np.concatenate(weights)


def light_yield_nodes(apparatus: Apparatus, nodes: Nodes) -> Floats:
    """Relative light yields of the S1 between its extremes; one if it is uniform."""
    yields = apparatus.everywhere(apparatus.s1_relative_light_yield)
    low, high = yields.min(), yields.max()
    if high - low < 1e-9 * high:
        return np.array([(low + high) / 2])
    # Narrow photoelectrons are peaks that move with the light yield.
    n = ceil(nodes.light * max(1.0, 0.2 / apparatus.single_pe_width))
    at, _ = np.polynomial.legendre.leggauss(n)
    return np.asarray(low + (high - low) * (at + 1) / 2)


def spaced_light_yields(light_yields: Floats, nodes: Nodes) -> tuple[Floats, Floats]:
    """Evenly spaced light yields, and the share of each in those given, shape (given, spaced).

    Every light yield is shared between its two neighbours so that the mean stays.
    """
    low, high = light_yields.min(), light_yields.max()
    if high - low < 1e-9 * high:
        return light_yields[:1], np.ones((len(light_yields), 1))
    spaced = np.linspace(low, high, nodes.light)
    place = (light_yields - low) / (spaced[1] - spaced[0])
    distance = np.abs(place[:, np.newaxis] - np.arange(len(spaced)))
    return spaced, np.maximum(1 - distance, 0.0)


def radius_nodes(apparatus: Apparatus, nodes: Nodes) -> tuple[Floats, Floats]:
    """Nodes in r² (cm²) and weights that sum to 1: Gauss nodes between the radii of maps."""
    radius = apparatus.fiducial_radius_cm
    fields, changes = apparatus.light_yields, False
    for field in fields:
        yields = apparatus.everywhere(field)
        changes = changes or bool(np.ptp(yields, axis=1).max() > 1e-9 * yields.max())
    if not changes:
        return np.array([radius**2 / 2]), np.ones(1)
    inner = [r for field in fields for r in field.radius_cm if 0 < r < radius]
    return _gauss_between(np.square([0.0, *sorted(set(inner)), radius]), nodes.radius)


def drift_nodes(
    apparatus: Apparatus,
    space: AnalysisSpace,
    pe_per_electron: float,
    width: float,
    nodes: Nodes,
) -> tuple[Floats, Floats]:
    """Depths (cm) and weights that sum to 1: Gauss nodes between kinks.

    A cS2 edge coincides with the threshold on the uncorrected area at one depth; seen against the
    depth, the bin's probability has a kink there. So it has at the depths of a map.
    """
    bottom, top = apparatus.fiducial_z_cm
    lifetime = apparatus.electron_lifetime_us
    corrected_with = apparatus.corrected_with_us
    us_per_cm = apparatus.us_per_cm
    # Peaks of single electrons are as wide as this, relatively, where S2s are smallest.
    smallest = max(pe_per_electron, apparatus.pe_per_area * apparatus.s2_area_threshold)
    resolution = sqrt((apparatus.s2_fano + width**2) / smallest)
    with np.errstate(divide="ignore"):
        kinks = np.log(apparatus.s2_area_threshold / space.cs2_edges) * corrected_with / us_per_cm
    maps = [field.z_cm for field in apparatus.light_yields]
    kinks = np.unique(np.concatenate([kinks, *maps]))
    kinks = kinks[(kinks > bottom) & (kinks < top)]
    z, weight = [], []
    for low, high in pairwise([bottom, *kinks, top]):
        drift = (high - low) * us_per_cm / min(lifetime, corrected_with)
        n = 2 + ceil(nodes.drift * drift / resolution)
        at, share = _gauss_between(np.array([low, high]), n)
        z.append(at)
        weight.append(share * (high - low) / (top - bottom))
    return np.concatenate(z), np.concatenate(weight)


def _gauss_between(edges: Floats, n: int) -> tuple[Floats, Floats]:
    """Gauss nodes in every interval between edges, and weights that sum to 1."""
    at, weight = np.polynomial.legendre.leggauss(n)
    steps = np.diff(edges)[:, np.newaxis]
    points = edges[:-1, np.newaxis] + steps * (at + 1) / 2
    return points.ravel(), (steps * weight / 2).ravel() / (edges[-1] - edges[0])
