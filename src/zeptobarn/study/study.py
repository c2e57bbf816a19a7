"""The study: the configuration file turned into checked objects."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from math import log
from pathlib import Path
from typing import Any, Literal

from zeptobarn.physics.apparatus import Recoil, recoil_of
from zeptobarn.physics.detector import Detector
from zeptobarn.study.correlations import Correlation
from zeptobarn.study.settings import Calibration, Coverage, Details, Failures, Interval, Observed
from zeptobarn.study.shapes import Shape
from zeptobarn.study.signals import Signal, wimp
from zeptobarn.support import paths

# Ends of the names of interactions whose electron or photon is seen, and not the nucleus.
INELASTIC = ("_migdal", "_bremsstrahlung")
# Names of interactions, and of signals, see `zeptobarn.support.paths.wimp_source`.
INTERACTION = r"SI(_migdal|_bremsstrahlung)?|SD_[np]_(central|up|low)"
_SIGNAL = re.compile(rf"wimp_(?P<interaction>{INTERACTION})_(?P<mass>\d+(\.\d+)?)GeV")


@dataclass(frozen=True)
class Study:
    """A study; see ``config/schemas/config.schema.yaml`` for the meaning of each key."""

    results: Path
    seed: int
    detectors: Mapping[str, Detector]
    combined: Mapping[str, tuple[str, ...]]
    interactions: tuple[str, ...]
    masses_GeV: tuple[float, ...]
    marked_masses_GeV: tuple[float, ...]
    halo: str
    first_trial: int
    trials: int
    trials_per_batch: int
    constraint_centres: Literal["redrawn", "fixed"]
    datasets: Literal["own", "nominal"]
    formula_reach: Literal["detector", "ignore"]
    confidence_level: float
    critical_values: Literal["asymptotic", "toys"]
    calibration: Calibration
    coverage: Coverage
    failures: Failures
    power_constraint: float
    template_replicas: int
    intervals: tuple[Interval, ...]
    shapes: tuple[Shape, ...]
    reference_cross_section_cm2: float
    search_bound_rate_multiplier: float
    response_method: Literal["quadrature", "simulation"]
    events_per_energy_bin: int
    energy_bin_width_log: float
    density: Literal["histogram", "kde"]
    published: Mapping[str, tuple[str, ...]]
    most_events_per_trial: float
    given_signals: tuple[Signal, ...] = ()
    observed: Mapping[str, Observed] = field(default_factory=dict)
    observed_details: Details = field(default_factory=Details)
    correlations: tuple[Correlation, ...] = ()

    @property
    def batches(self) -> list[str]:
        """The batches of trials."""
        trials = range(self.first_trial, self.first_trial + self.trials)
        return paths.batches(trials, self.trials_per_batch)

    @property
    def smoothed(self) -> bool:
        """Whether templates are kernel estimates: quadrature has nothing to smooth."""
        return self.density == "kde" and self.response_method == "simulation"

    @property
    def replicas(self) -> int:
        """Bootstrap replicas of the responses: none of quadrature, which has no noise."""
        return self.template_replicas if self.response_method == "simulation" else 0

    def model_path(
        self, pattern: str, target: str, interaction: str, mass_GeV: float | None, **wildcards: str
    ) -> Path:
        """Give the result file of a signal's model that a pattern of `paths` stands for."""
        signal = self.tested(interaction, mass_GeV).path
        return self.path(pattern, target=target, signal=signal, **wildcards)

    def path(self, pattern: str, **values: object) -> Path:
        """Put values into a pattern of `zeptobarn.support.paths`, below this study's results."""
        return self.results / paths.fill(pattern, **values)

    def mass_GeV(self, text: str) -> float:
        """Give the mass whose name in files is a text, as the configuration has it."""
        return next(mass for mass in self.masses_GeV if paths.number(mass) == text)

    @property
    def targets(self) -> dict[str, tuple[str, ...]]:
        """What limits are set for, with its detectors: each detector and each combination."""
        return {name: (name,) for name in self.detectors} | dict(self.combined)

    def title(self, target: str) -> str:
        """Name a detector or a combination in figures."""
        return " + ".join(self.detectors[name].title for name in self.targets[target])

    def model_sources(
        self, target: str, interaction: str, mass_GeV: float | None
    ) -> list[tuple[str, str]]:
        """Detector and source of each template of a signal's model, the signals first of each."""
        return [
            (detector, source)
            for detector in self.targets[target]
            for source in (
                self.tested(interaction, mass_GeV).name,
                *(source.name for source in self.detectors[detector].sources),
            )
        ]

    def shapes_of(self, detector: str, response: str | None) -> tuple[Shape, ...]:
        """The shape parameters that change a response; None: templates from formulas."""
        the_detector = self.detectors[detector]
        return tuple(shape for shape in self.shapes if shape.touches(the_detector, response))

    def source_shapes(self, detector: str, source: str) -> tuple[Shape, ...]:
        """The shape parameters that change a source's template, by its responses or beside them."""
        the_detector, signal = self.detectors[detector], self.source_signal(source) is not None
        if not signal and (template := the_detector.source(source).template) is not None:
            named = template["shapes"]
            return tuple(s for s in self.shapes if s.name in named and detector in s.detectors)
        responses: dict[str | None, Recoil | None] = {
            response: recoil_of(response) for response in self.source_spectra(detector, source)
        }
        return tuple(
            shape
            for shape in self.shapes
            if any(
                shape.touches(the_detector, response) or shape.scales(the_detector, recoil, signal)
                for response, recoil in (responses or {None: None}).items()
            )
        )

    def target_shapes(self, target: str) -> tuple[Shape, ...]:
        """The shape parameters that change anything of a detector or combination."""
        members = self.targets[target]
        return tuple(s for s in self.shapes if any(name in s.detectors for name in members))

    def truth_of(self, interval: Interval) -> dict[str, float]:
        """True values of the shape parameters (without those at 0) of an interval's datasets."""
        if self.datasets == "nominal":
            return {}
        return {name: value for name, value in interval.fixed.items() if value != 0}

    @property
    def truths(self) -> dict[str, dict[str, float]]:
        """What datasets are thrown at, by name: ``nominal``, and what intervals fix elsewhere."""
        others = (self.truth_of(interval) for interval in self.intervals)
        return {paths.anchor_name(truth): truth for truth in ({}, *others)}

    def anchors(self, detector: str, response: str | None) -> dict[str, dict[str, float]]:
        """Name and shape values of each anchor of a response, in grid order."""
        return _grid(self.shapes_of(detector, response))

    def source_anchors(self, detector: str, source: str) -> dict[str, dict[str, float]]:
        """Name and shape values of each anchor of a source's template, in grid order."""
        return _grid(self.source_shapes(detector, source))

    def spectra(self) -> dict[str, Mapping[str, Any]]:
        """Every background spectrum by name, over all detectors."""
        return {
            source.spectrum["name"]: source.spectrum
            for detector in self.detectors.values()
            for source in detector.sources
            if source.spectrum is not None
        }

    def nearest_mass(self, mass_GeV: float) -> float:
        """The study's mass that is nearest to another, by their ratio (GeV/c²)."""
        return min(self.masses_GeV, key=lambda mass: abs(log(mass / mass_GeV)))

    def signals(self) -> list[str]:
        """Name every signal source of the study."""
        return [self.tested(*place).name for place in self.places]

    @property
    def wimps(self) -> list[tuple[str, float]]:
        """Interaction and mass (GeV/c²) of each WIMP."""
        return list(product(self.interactions, self.masses_GeV))

    @property
    def places(self) -> list[tuple[str, float | None]]:
        """Interaction and mass (GeV/c²) of each WIMP; name, and None, of each given signal."""
        return [*self.wimps, *((signal.name, None) for signal in self.given_signals)]

    def places_of(self, interaction: str | None) -> list[tuple[str, float | None]]:
        """Give the places in `places` of an interaction's masses; None: of all given signals."""
        if interaction is None:
            return [(signal.name, None) for signal in self.given_signals]
        return [(interaction, mass) for mass in self.masses_GeV]

    def shown_place(self, interaction: str) -> tuple[str, float | None]:
        """Give the place that pictures of one signal show.

        Of an interaction the mass nearest to 50 GeV/c², where the best sensitivity lies; of a given
        signal, whose name it then is, there is one.
        """
        if interaction not in self.interactions:
            return interaction, None
        return interaction, self.nearest_mass(50)

    def covered_places(self, interaction: str | None) -> list[tuple[str, float | None]]:
        """Give the places of `places_of` whose coverage is measured: some masses, any signal."""
        return [
            (name, mass)
            for name, mass in self.places_of(interaction)
            if mass is None or mass in self.coverage.masses_GeV
        ]

    def place(self, path: str) -> tuple[str, float | None]:
        """Give the place in `places` that stands in the paths of results as a text."""
        return next(place for place in self.places if self.tested(*place).path == path)

    def tested(self, interaction: str, mass_GeV: float | None) -> Signal:
        """Give the signal of a WIMP, or a given one (its mass is None) by name."""
        if mass_GeV is not None:
            return wimp(interaction, mass_GeV, signal_recoil(interaction))
        return next(signal for signal in self.given_signals if signal.name == interaction)

    def source_signal(self, source: str) -> Signal | None:
        """Give the signal that a source is of; None for a background."""
        if known := self.signal(source):
            return self.tested(*known)
        return next((signal for signal in self.given_signals if signal.name == source), None)

    def given_spectra(self) -> dict[str, str]:
        """File of every spectrum of the given signals, by the spectrum's name."""
        return {
            signal.spectra[recoil]: file
            for signal in self.given_signals
            for recoil, file in signal.files.items()
        }

    def signal(self, source: str) -> tuple[str, float] | None:
        """Interaction and mass (GeV/c²) of a WIMP's source; None for any other.

        The mass and the interaction need not be among the study's own.
        """
        match = _SIGNAL.fullmatch(source)
        if match is None:
            return None
        mass = float(match["mass"])
        return match["interaction"], int(mass) if mass.is_integer() else mass

    def recoil(self, detector: str, source: str) -> Recoil | None:
        """Recoil type of a source, of a signal with two the first; None where nothing recoils."""
        response = self.response(detector, source)
        return None if response is None else recoil_of(response)

    def response(self, detector: str, source: str) -> str | None:
        """Name of the response that a source's first spectrum is folded with; None of no recoil."""
        return next(iter(self.source_spectra(detector, source)), None)

    def source_spectra(self, detector: str, source: str) -> dict[str, str]:
        """Names of a source's spectra by the response that each is folded with.

        None for a template from a formula or a file; two for a given signal of both recoil types.
        """
        if signal := self.source_signal(source):
            return {str(recoil): name for recoil, name in signal.spectra.items()}
        the_detector = self.detectors[detector]
        background = the_detector.source(source)
        response = the_detector.response(background)
        if response is None or background.spectrum is None:
            return {}
        return {response: str(background.spectrum["name"])}

    def spectrum_name(self, detector: str, source: str) -> str | None:
        """Name of a source's only spectrum; None for a template from a formula."""
        return next(iter(self.source_spectra(detector, source).values()), None)


def _grid(shapes: Sequence[Shape]) -> dict[str, dict[str, float]]:
    """Name and values of each combination of anchors."""
    grid = product(*(shape.anchors for shape in shapes))
    points = [{s.name: v for s, v in zip(shapes, values, strict=True)} for values in grid]
    return {paths.anchor_name(point): point for point in points}


def signal_recoil(interaction: str) -> Recoil:
    """Recoil type of an interaction: the Migdal effect and bremsstrahlung are seen as ER."""
    return "er" if interaction.endswith(INELASTIC) else "nr"
