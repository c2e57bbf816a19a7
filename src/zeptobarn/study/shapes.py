"""Shape parameters: what a nuisance may change of the yields and of a detector."""

from collections.abc import Mapping
from dataclasses import dataclass

from zeptobarn.physics.apparatus import Recoil, recoil_of
from zeptobarn.physics.detector import Detector
from zeptobarn.physics.efficiency import PHOTONS

# What a shape parameter may change: numbers of the yields, in standard deviations or relative to
# their value, each for one recoil type, and numbers of a detector file.
YIELD_RECOILS: Mapping[str, Recoil] = {
    "leff": "nr",
    "lindhard_k": "nr",
    "nr_photon_yield": "nr",
    "nr_electron_yield": "nr",
    "er_component_1": "er",
    "er_component_2": "er",
    "er_component_3": "er",
    "er_photon_yield": "er",
    "er_electron_yield": "er",
    "er_recombination_width": "er",
    "charge_ratio": "er",
}
# Of these, the yield models that have them.
YIELD_MODELS: Mapping[str, tuple[str, ...]] = {
    "lindhard_k": ("lenardo2015",),
    "er_component_1": ("er_polynomial",),
    "er_component_2": ("er_polynomial",),
    "er_component_3": ("er_polynomial",),
    "er_photon_yield": ("nest_beta", "nest_gamma"),
}
# Scales the signal and all nuclear recoils; ``efficiency_`` with a name behind, a curve.
SIGNAL_EFFICIENCY, EFFICIENCY = "signal_efficiency", "efficiency_"
# Factor on the charge of all sources that have one of their own; with a name behind, of that one.
CHARGE_RATIO = "charge_ratio"
# Of these numbers of a detector file, those that backgrounds from formulas depend on.
_REACH_PARAMETERS = ("s1_area_threshold", "s2_area_threshold", "drift_velocity_mm_per_us")


@dataclass(frozen=True)
class Shape:
    """A shape parameter: a nuisance in standard deviations, with templates at its anchors.

    Attributes
    ----------
    parameter
        What it changes.
    relative_width
        Relative change of the parameter by one standard deviation; 0 for those that are in
        standard deviations by themselves.
    constrained
        Whether a unit-normal constraint holds it near 0.
    detectors
        Those it applies to; a shape of several detectors is one parameter of their combination.
    low_energy
        See `zeptobarn.physics.yields.Nuisances.leff_low_energy`.
    """

    name: str
    anchors: tuple[float, ...]
    parameter: str
    relative_width: float
    constrained: bool
    detectors: tuple[str, ...]
    low_energy: str

    @property
    def efficiency(self) -> str | None:
        """Name of the efficiency that it moves; None if it does something else."""
        is_one = self.parameter.startswith(EFFICIENCY)
        return self.parameter.removeprefix(EFFICIENCY) if is_one else None

    @property
    def charge_source(self) -> str | None:
        """Name of the only source whose charge ratio it changes; None if it does something else."""
        is_one = self.parameter.startswith(f"{CHARGE_RATIO}_")
        return self.parameter.removeprefix(f"{CHARGE_RATIO}_") if is_one else None

    @property
    def number(self) -> str:
        """Name of the number of a response that it multiplies, where it does multiply one."""
        return CHARGE_RATIO if self.charge_source is not None else self.parameter

    def touches(self, detector: Detector, response: str | None) -> bool:
        """Whether a response of a detector depends on the parameter.

        Templates that are not recoils (None) depend on what says which corrected areas pass the
        thresholds; a changed lifetime does not, since cS2 stays corrected with the nominal one.
        """
        if detector.name not in self.detectors or self.parameter == SIGNAL_EFFICIENCY:
            return False
        if response is None:
            return self.parameter in _REACH_PARAMETERS
        recoil = recoil_of(response)
        if self.efficiency is not None:
            return any(
                e.name == self.efficiency and e.against == PHOTONS and e.applies(recoil)
                for e in detector.efficiencies
            )
        if self.number == CHARGE_RATIO:
            return any(
                source.charge_ratio is not None
                and detector.response(source) == response
                and self.charge_source in (None, source.name)
                for source in detector.sources
            )
        apparatus = detector.apparatuses[response]
        model = apparatus.yields[recoil]
        return YIELD_RECOILS.get(self.parameter, recoil) == recoil and model in YIELD_MODELS.get(
            self.parameter, (model,)
        )

    def scales(self, detector: Detector, recoil: Recoil | None, signal: bool) -> bool:
        """Whether it multiplies the events of a source, in each energy or bin."""
        if detector.name not in self.detectors:
            return False
        if self.parameter == SIGNAL_EFFICIENCY:
            return signal or recoil == "nr"
        return any(
            e.name == self.efficiency and e.against != PHOTONS and e.applies(recoil)
            for e in detector.efficiencies
        )
