"""The scans of the failure study: what the conventional recipe is tried with."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from zeptobarn.study.settings import Interval
from zeptobarn.study.slices.template import template_slice
from zeptobarn.study.slices.toys import toys_slice
from zeptobarn.study.study import Study, signal_recoil
from zeptobarn.support import paths
from zeptobarn.support.tables import digest

# Recoils per template, and the bracket's upper end (rate multiplier), where they are not scanned.
USUAL_EVENTS, USUAL_BOUND = 1000, 1e5
# The bound that the original study began with.
ORIGINAL_BOUND = 10.0
# The masses looked at closely are those of the study that are nearest to these, and the one mass
# of the array that is filled at one mass is that nearest to the last.
_CLOSELY_GEV, _FILLED_GEV = (7, 10), 50

# The study repeats what the original one chose; see there for these numbers of recoils.
_EVENTS = (1, 2, 5, 10, 20, 50, 100)
_EVENTS_7_GEV = (*_EVENTS, 200, 322, 325, 400, 600, 800, 1000, 1500, 2000, 3000, 5000)
_EVENTS_10_GEV = (1, 2, 5, *range(10, 161, 10), 180, 200, 250, 300, 400)
_BOUNDS = (ORIGINAL_BOUND, 100.0, USUAL_BOUND)
_CONFIDENCE_LEVELS = (
    0.05, 0.1, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.49, 0.5, 0.51, 0.55, 0.6, 0.65, 0.68, 0.7, 0.75,
    0.8, 0.85, 0.9, 0.95, 0.99,
)  # fmt: skip


@dataclass(frozen=True)
class Setting:
    """What a scan changes.

    Attributes
    ----------
    interval
        Which shape parameters the fit varies, and where the others are held.
    filled
        What the recipe fills its array with: limits of its own, or, since a key was left in its
        code, the numbers of the ``limits`` with nominal shapes, or nothing.
    precise
        Whether limits are also set with the precise template, as zeptobarn does by default.
    """

    mass_GeV: float
    interaction: str
    sigma_ref_cm2: float
    interval: Interval
    confidence_level: float
    n_trials: int
    n_events: int = USUAL_EVENTS
    bound: float = USUAL_BOUND
    filled: Literal["own", "limits", "nothing"] = "own"
    precise: bool = False

    @property
    def source(self) -> str:
        """Name of the signal source."""
        return paths.wimp_source(self.interaction, self.mass_GeV)

    @property
    def shape_parameters(self) -> str:
        """Names of the profiled shape parameters, and of those that are held off nominal."""
        held = [f"{name} = {value:g}" for name, value in self.interval.fixed.items() if value]
        return ", ".join([*self.interval.profiled, *held]) or "none"


def settings(study: Study, scan: str) -> list[Setting]:
    """Give the settings of a scan; 0 recoils: as many as leave a quarter of the templates empty."""
    return _SCANS[scan](study)


def names(study: Study) -> list[str]:
    """Name the scans that a study has settings for: ``leff_low`` needs a held shape, all a mass."""
    return [scan for scan in _SCANS if study.masses_GeV and settings(study, scan)]


def looked_at_closely(study: Study) -> list[float]:
    """Give the masses of the study that the light WIMPs of the original one are nearest to."""
    return sorted({study.nearest_mass(mass) for mass in _CLOSELY_GEV})


def sources(study: Study, scan: str) -> list[str]:
    """Name the signal sources that a scan needs."""
    return list(dict.fromkeys(setting.source for setting in settings(study, scan)))


def failures_slice(study: Study, detector: str, scan: str) -> dict[str, Any]:
    """Give the configuration that a scan depends on."""
    return {
        "toys": digest(toys_slice(study, detector)),
        "signals": {
            source: digest(template_slice(study, detector, source))
            for source in sources(study, scan)
        },
        "settings": [
            [
                s.source,
                s.sigma_ref_cm2,
                s.interval.name,
                dict(s.interval.fixed),
                s.n_trials,
                s.n_events,
                s.bound,
                s.confidence_level,
                s.filled,
                s.precise,
                min(s.n_trials, study.trials),
            ]
            for s in settings(study, scan)
        ],
        "search_bound_rate_multiplier": study.search_bound_rate_multiplier,
    }


def failures_summary_slice(study: Study) -> dict[str, Any]:
    """Give the configuration that the summary of all scans depends on."""
    return {
        detector: {scan: digest(failures_slice(study, detector, scan)) for scan in names(study)}
        for detector in study.detectors
    }


def _setting(study: Study, mass_GeV: float, interval: Interval, **changes: Any) -> Setting:
    usual: dict[str, Any] = {
        "interaction": study.interactions[0],
        "sigma_ref_cm2": study.reference_cross_section_cm2,
        "n_trials": study.failures.trials,
        "confidence_level": study.confidence_level,
    }
    return Setting(mass_GeV=mass_GeV, interval=interval, **(usual | changes))


def _intervals(study: Study) -> list[Interval]:
    """Without and with shape parameters."""
    names = [shape.name for shape in study.shapes]
    nominal = Interval("nominal", dict.fromkeys(names, 0.0), ())
    return [nominal, Interval("profiled", {}, tuple(names))] if names else [nominal]


def _n_events(study: Study) -> list[Setting]:
    grids: dict[float, tuple[int, ...]] = dict.fromkeys(study.masses_GeV, _EVENTS)
    for mass, grid in zip(_CLOSELY_GEV, (_EVENTS_7_GEV, _EVENTS_10_GEV), strict=True):
        grids[study.nearest_mass(mass)] = grid
    return [
        _setting(study, mass, interval, n_events=n, precise=True)
        for mass, grid in grids.items()
        for n in grid
        for interval in _intervals(study)
    ]


def _bound(study: Study) -> list[Setting]:
    return [
        _setting(study, mass, _intervals(study)[0], bound=bound)
        for mass in study.masses_GeV
        for bound in _BOUNDS
    ]


def _reference(study: Study) -> list[Setting]:
    """Interactions that leave few events, and a reference cross section that expects few."""
    spin = () if signal_recoil(study.interactions[0]) == "er" else ("SD_n_central", "SD_p_central")
    return [
        _setting(study, mass, _intervals(study)[0], interaction=interaction, sigma_ref_cm2=sigma)
        for interaction in dict.fromkeys([study.interactions[0], *spin])
        for mass in study.masses_GeV
        for sigma in (study.reference_cross_section_cm2, study.reference_cross_section_cm2 / 100)
    ]


def _confidence_level(study: Study) -> list[Setting]:
    """At the bound of the original study, which leaves a window of levels, and at the usual one."""
    return [
        _setting(study, mass, _intervals(study)[0], bound=bound, confidence_level=level)
        for bound in (ORIGINAL_BOUND, USUAL_BOUND)
        for mass in study.masses_GeV
        for level in _CONFIDENCE_LEVELS
    ]


def _n_trials(study: Study) -> list[Setting]:
    return [
        _setting(
            study, study.nearest_mass(10), interval, n_events=0, n_trials=study.failures.most_trials
        )
        for interval in _intervals(study)
    ]


def _leff_low(study: Study) -> list[Setting]:
    """The limits, and an array beside them that is filled at one mass only, with their numbers."""
    held = [i for i in study.intervals if any(i.fixed.values())][:1]
    one = study.nearest_mass(_FILLED_GEV)
    limits = [_setting(study, mass, _intervals(study)[0]) for mass in study.masses_GeV if held]
    return limits + [
        _setting(study, mass, interval, filled="limits" if mass == one else "nothing")
        for interval in held
        for mass in study.masses_GeV
    ]


_SCANS: dict[str, Callable[[Study], list[Setting]]] = {
    "n_events": _n_events,
    "bound": _bound,
    "reference": _reference,
    "confidence_level": _confidence_level,
    "n_trials": _n_trials,
    "leff_low": _leff_low,
}
