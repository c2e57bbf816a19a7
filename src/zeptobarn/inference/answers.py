"""What a model answers about observed data: a limit and a test for a signal, with their texts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from zeptobarn.inference.events import Observation
from zeptobarn.study import labels
from zeptobarn.study.settings import Interval

if TYPE_CHECKING:
    from zeptobarn.inference.model import Model


@dataclass(frozen=True)
class Limit:
    """A confidence interval, or the reason why there is none.

    Attributes
    ----------
    cm2
        The upper end of the cross section (cm²); NaN where there is none, as of a spectrum that was
        given, which has no cross section.
    low_cm2
        The lower end of a two-sided interval (cm²); NaN for upper limits.
    rate_multiplier, low_rate_multiplier
        Both ends, relative to the study's reference cross section, or to the given spectrum.
    unit
        cm², or what rate multiplier 1 of a given spectrum stands for, in the study's words.
    best_fit
        Best-fit signal rate multiplier, background rates and shape parameters, by name.
    calibration_error_cm2, calibration_error_rate_multiplier
        Standard deviation of the upper end from the finite number of toys that its critical value
        was calibrated with; NaN where it is asymptotic.
    status, message
        ``ok``, a warning, or a failure, and what to do about it.
    statistic, treatment
        What the interval is and how it treats the shape parameters, in words; see
        `zeptobarn.study.labels`.
    critical_values
        Where the critical value comes from: ``asymptotic`` or ``toys``.
    inside, outside
        Events in each detector's analysis space, by its name, and outside it: not used.
    columns
        Where each detector's areas come from, in words: nothing of ``cs1`` and ``cs2`` as they
        stand.
    """

    cm2: float
    low_cm2: float
    rate_multiplier: float
    low_rate_multiplier: float
    unit: str
    calibration_error_cm2: float
    calibration_error_rate_multiplier: float
    best_fit: dict[str, float]
    status: str
    message: str
    interval: str
    statistic: str
    treatment: str
    critical_values: str
    confidence_level: float
    inside: Mapping[str, int]
    outside: Mapping[str, int]
    columns: Mapping[str, str] = field(default_factory=dict)

    @property
    def n_events(self) -> int:
        """Events used, all detectors."""
        return sum(self.inside.values())

    @property
    def n_outside(self) -> int:
        """Events outside the analysis space of their detector."""
        return sum(self.outside.values())

    def __str__(self) -> str:
        events = used(self.inside, self.outside, self.columns)
        claim = f"{self.statistic}, {self.treatment}"
        if np.isnan(self.rate_multiplier):
            return f"no {claim}: {self.status}: {self.message} [{events}]"
        warning = "" if self.status == "ok" else f" ({self.status}: {self.message})"
        range_ = f"σ < {self.cm2:.3g} cm²"
        if not np.isnan(self.low_cm2):
            range_ = f"{self.low_cm2:.3g} cm² ≤ σ ≤ {self.cm2:.3g} cm²"
        if np.isnan(self.cm2):
            low, high = self.low_rate_multiplier, self.rate_multiplier
            range_ = f"rate < {high:.4g}" if np.isnan(low) else f"{low:.4g} ≤ rate ≤ {high:.4g}"
            range_ += f" × {self.unit}"
        level = labels.level(self.confidence_level, [self.critical_values])
        return f"{range_} at {level} [{claim}, {events}]{warning}"


def limit_of_row(model: "Model", interval: Interval, row: pd.Series, seen: Observation) -> Limit:
    """Turn a row of `zeptobarn.inference.model.Model.table` into the limit on observed data."""
    wimp = model.mass_GeV is not None
    reference = model.study.reference_cross_section_cm2 if wimp else np.nan
    multiplier, low = (
        float(row[name]) for name in ("limit_rate_multiplier", "limit_low_rate_multiplier")
    )
    error = float(row[f"calibration_error_{'cm2' if wimp else 'rate_multiplier'}"])
    return Limit(
        cm2=multiplier * reference,
        low_cm2=low * reference,
        rate_multiplier=multiplier,
        low_rate_multiplier=low,
        unit=model.tested.unit,
        calibration_error_cm2=error if wimp else np.nan,
        calibration_error_rate_multiplier=error / reference if wimp else error,
        best_fit={
            str(name).removeprefix("best_fit_"): float(row[name])
            for name in row.index
            if str(name).startswith("best_fit_")
        },
        status=str(row["status"]),
        message=str(row["message"]),
        interval=interval.name,
        statistic=labels.statistic(interval),
        treatment=labels.treatment(interval),
        critical_values=labels.origin(interval, model.study.critical_values),
        confidence_level=model.study.confidence_level,
        inside=seen.inside,
        outside=seen.outside,
        columns=seen.columns,
    )


@dataclass(frozen=True)
class Discovery:
    """Test of the background-only hypothesis: q₀, its significance Z = √q₀ and p = Φ(−Z).

    q₀ and Z are infinite, and p is 0, where an event lies at which no background expects anything.
    ``inside`` and ``outside`` are those of `Limit`.
    """

    q0: float
    significance: float
    p_value: float
    inside: Mapping[str, int]
    outside: Mapping[str, int]

    def __str__(self) -> str:
        numbers = (
            f"q₀ = {self.q0:.3g}, Z = {self.significance:.3g}, p = {self.p_value:.3g}".replace(
                "inf", "∞"
            )
        )
        if np.isinf(self.q0):
            numbers += ": an event lies where no background expects anything"
        return f"{numbers} [{used(self.inside, self.outside)}]"


def used(
    inside: Mapping[str, int], outside: Mapping[str, int], columns: Mapping[str, str] | None = None
) -> str:
    """Say how many events were used, how many of each detector were not, and of which columns.

    Examples
    --------
    >>> used({"lz": 3}, {"lz": 1}, {"lz": "cs1 = s1c_phd, cs2 = 10^log10_s2c_phd"})
    '3 events; outside the analysis space: 1 of 4 (25 %); cs1 = s1c_phd, cs2 = 10^log10_s2c_phd'
    >>> used({"lz": 1}, {"lz": 0})
    '1 event'
    """
    dropped = [
        f"{n} of {n + inside[name]} ({100 * n / (n + inside[name]):.3g} %)"
        + (f" in {name}" if len(outside) > 1 else "")
        for name, n in outside.items()
        if n
    ]
    text = labels.counted(sum(inside.values()), "events")
    if dropped:
        text += f"; outside the analysis space: {', '.join(dropped)}"
    for name, words in (columns or {}).items():
        of_detector = f" of {name}" if len(inside) > 1 else ""
        text += f"; {words}{of_detector}" if words else ""
    return text
