"""What multiplies a source's events beside its response: efficiencies, and their nuisances.

Curves against the recoil energy multiply the spectrum inside each energy bin; curves against cS1
or cS2 multiply the bins of the analysis space, each with its average over the bin. What is no
recoil has its events as they are seen, and is not multiplied.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from zeptobarn.physics.apparatus import Recoil
from zeptobarn.physics.detector import AnalysisSpace, Detector
from zeptobarn.physics.efficiency import CS1, CS2, ENERGY, over_bins, product
from zeptobarn.study.shapes import SIGNAL_EFFICIENCY
from zeptobarn.study.study import Study

Floats = NDArray[np.float64]
Curve = Callable[[ArrayLike], Floats]


@dataclass(frozen=True)
class Seen:
    """The share of a source's events that is seen, at values of the shape parameters.

    Attributes
    ----------
    energy, cs1, cs2
        Against the recoil energy (keV) and the corrected areas (the detector's area unit); None
        where all are seen.
    factor, largest_factor
        Of all events, which may be above 1, and the largest at any anchor: recoils that are drawn
        one by one stand for so many.
    """

    energy: Curve | None
    cs1: Curve | None
    cs2: Curve | None
    factor: float
    largest_factor: float

    @property
    def all(self) -> bool:
        """Whether every event is seen."""
        return self._no_curve and self.factor == 1

    @property
    def all_drawn(self) -> bool:
        """Whether every recoil is seen that is drawn, see `of_recoils`."""
        return self._no_curve and self.factor == self.largest_factor

    @property
    def _no_curve(self) -> bool:
        return self.energy is None and self.cs1 is None and self.cs2 is None

    def in_space(self, space: AnalysisSpace) -> Floats | float:
        """Give the share of each bin of the analysis space, shape (cS1 bins × cS2 bins,).

        A number where it is the same in all; the recoil energy's curve is not in it.
        """
        if self.cs1 is None and self.cs2 is None:
            return self.factor
        along1, along2 = np.ones(space.shape[0]), np.ones(space.shape[1])
        if self.cs1 is not None:
            along1 = over_bins(self.cs1, space.cs1_edges, logarithmic=False)
        if self.cs2 is not None:
            along2 = over_bins(self.cs2, space.cs2_edges, logarithmic=True)
        return np.asarray(self.factor * np.outer(along1, along2).ravel())

    def of_recoils(self, energies_keV: Floats, cs1: Floats, cs2: Floats) -> Floats:
        """Give the chance of recoils to be seen, from their energies and areas, their shape.

        Each recoil stands for `largest_factor` recoils. An area that is NaN is not seen anyway.
        """
        chance = np.full(len(energies_keV), self.factor / self.largest_factor)
        for curve, x in ((self.energy, energies_keV), (self.cs1, cs1), (self.cs2, cs2)):
            if curve is not None:
                chance *= curve(x)
        return np.asarray(np.nan_to_num(chance))


def seen(
    study: Study,
    detector: str,
    source: str,
    recoil: Recoil | None,
    shape_values: Mapping[str, float],
) -> Seen:
    """Give the share of a source's events that is seen.

    Parameters
    ----------
    recoil
        Recoil type of these events, of which a given signal may have two; None if they are none.
    shape_values
        Values of shape parameters by name; 0 for the others.
    """
    the_detector = study.detectors[detector]
    signal = study.source_signal(source) is not None
    factor, largest, pulls = 1.0, 1.0, pulls_of(study, detector, shape_values)
    for shape in study.source_shapes(detector, source):
        if shape.parameter == SIGNAL_EFFICIENCY and shape.scales(the_detector, recoil, signal):
            factor *= 1 + shape_values.get(shape.name, 0.0) * shape.relative_width
            largest *= 1 + max(shape.anchors) * shape.relative_width
    return Seen(*_curves(the_detector, recoil, pulls), factor, largest)


def seen_of_recoils(detector: Detector, recoil: Recoil) -> Seen:
    """Give the share of a recoil type's events that is seen, all shape parameters at 0."""
    return Seen(*_curves(detector, recoil, {}), 1.0, 1.0)


def _curves(
    detector: Detector, recoil: Recoil | None, pulls: Mapping[str, float]
) -> tuple[Curve | None, Curve | None, Curve | None]:
    """Give a detector's efficiencies against the recoil energy, cS1 and cS2."""

    def against(axis: str) -> Curve | None:
        mine = [
            e.curve(pulls.get(e.name, 0.0))
            for e in detector.efficiencies
            if e.against == axis and e.applies(recoil)
        ]
        return product(mine) if mine else None

    return against(ENERGY), against(CS1), against(CS2)


def pulls_of(study: Study, detector: str, shape_values: Mapping[str, float]) -> dict[str, float]:
    """Give the pulls of a detector's efficiencies, by the efficiency's name."""
    return {
        shape.efficiency: shape_values.get(shape.name, 0.0)
        for shape in study.shapes
        if shape.efficiency is not None and detector in shape.detectors
    }
