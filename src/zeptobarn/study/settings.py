"""What a study asks for: intervals, calibration, coverage, failures, observed data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class Interval:
    """An interval to set: shape parameters fixed at values, the others profiled.

    Attributes
    ----------
    kind
        ``upper`` (q̃), ``unified`` (t̃) or ``central`` (t̃, the same critical value everywhere).
    cls
        Whether an upper limit divides by the background's p-value (CLs).
    """

    name: str
    fixed: Mapping[str, float]
    profiled: tuple[str, ...]
    kind: Literal["upper", "unified", "central"] = "upper"
    cls: bool = False

    @property
    def treatment(self) -> str:
        """How the nuisances are treated, in words: those that are fixed, and those profiled."""
        return " ".join(
            [f"{name}={value:g}" for name, value in sorted(self.fixed.items())]
            + [f"{name} profiled" for name in sorted(self.profiled)]
        )


@dataclass(frozen=True)
class Calibration:
    """How critical values are calibrated with toys.

    Attributes
    ----------
    toys
        Toys thrown at each signal.
    expected_events
        The signals, in expected events of all detectors.
    """

    toys: int
    expected_events: tuple[float, ...]


@dataclass(frozen=True)
class Coverage:
    """Of which of the study's masses coverage is measured, where, and with how many toys there."""

    toys: int
    masses_GeV: tuple[float, ...]
    expected_events: tuple[float, ...]


@dataclass(frozen=True)
class Failures:
    """How many trials the failure study has at each setting, and at most."""

    trials: int
    most_trials: int


@dataclass(frozen=True)
class Observed:
    """Observed data of a detector.

    Attributes
    ----------
    file
        The events, see `zeptobarn.templates.observed.read_events`.
    columns
        See `zeptobarn.templates.event_columns.choose_columns`.
    livetime_day
        Their livetime (days); None: the detector's.
    """

    file: str
    columns: Mapping[str, str] = field(default_factory=dict)
    livetime_day: float | None = None


@dataclass(frozen=True)
class Details:
    """The limit on observed data whose events and nuisances are looked at one by one.

    Attributes
    ----------
    mass_GeV
        Mass of the WIMP (GeV/c²), one of the study's; None: that nearest to 50.
    interval
        Name of the interval; None: the study's last.
    """

    mass_GeV: float | None = None
    interval: str | None = None
