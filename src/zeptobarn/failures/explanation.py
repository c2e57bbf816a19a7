"""A limit, or its absence, looked at closely: its curve, its numbers, cause and cure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from zeptobarn.inference.events import Observation
from zeptobarn.inference.model import Model
from zeptobarn.inference.problem import Data, fits_at
from zeptobarn.inference.status import Status
from zeptobarn.study import labels
from zeptobarn.study.settings import Interval
from zeptobarn.support import paths
from zeptobarn.templates.density import bin_index
from zeptobarn.templates.toys import Toys

_POINTS = 400


@dataclass(frozen=True)
class Explanation:
    """A trial, explained.

    Attributes
    ----------
    title
        What the limit is of.
    status, message
        See `zeptobarn.inference.status.Status`; of the conventional recipe where the trial is one
        of the failure study.
    cause, cure
        The status in words, and what to do.
    numbers
        What is known, by name.
    signals, statistic
        t̃ (shape (n,)) at rate multipliers; NaN where it does not exist.
    critical
        Critical value at each of the signals.
    crossings
        Rate multipliers where the scan passes the critical value upwards, above the best fit.
    best_fit, limit
        Rate multipliers; NaN where there are none.
    bracket
        Ends of the bracket of the conventional search (NaN: it has none).
    """

    title: str
    status: str
    message: str
    cause: str
    cure: str
    numbers: Mapping[str, str]
    signals: NDArray[np.float64]
    statistic: NDArray[np.float64]
    critical: NDArray[np.float64]
    crossings: tuple[float, ...]
    best_fit: float
    limit: float
    bracket: tuple[float, float]

    def __str__(self) -> str:
        width = max(map(len, self.numbers))
        lines = [self.title, "", *(f"{k:<{width}}  {v}" for k, v in self.numbers.items())]
        return "\n".join([*lines, "", f"Cause: {self.cause}", f"Cure:  {self.cure}"])


def explain_data(
    model: Model,
    interval: Interval,
    toys: Toys | Mapping[str, Toys] | Observation,
    row: Mapping[str, Any],
) -> Explanation:
    """Explain the limit of a dataset.

    Parameters
    ----------
    toys
        The dataset: of one trial, or observed.
    row
        What is known of the limit: ``limit_rate_multiplier, best_fit_rate_multiplier, status,
        message``, and of a conventional search also ``bound, statistic_low, statistic_high,
        critical_value``.
    """
    problem = model.problem(interval)
    data, events = _dataset(model, toys)
    conventional = "bound" in row
    limit, best = float(row["limit_rate_multiplier"]), float(row["best_fit_rate_multiplier"])
    bound = float(row["bound"]) if conventional else np.nan
    signal_events = model.signal_events
    signals = _scanned(signal_events, limit, best, [bound] if conventional else [])
    statistic = np.full(_POINTS, np.nan)
    if not problem.fault:
        unit = signal_events if signal_events > 0 else 1.0
        statistic = fits_at(problem, data, signals * unit)[1][0, :, 0]
    if conventional:
        critical = np.full(_POINTS, float(row["critical_value"]))
    elif row["status"] in ("empty_template", "critical_value_zero") or problem.fault:
        critical = np.zeros(_POINTS)
    else:
        values = model.critical(interval, problem)
        critical = np.interp(signals * signal_events, values[:, 0], values[:, 1])
    crossings = _crossings(signals, statistic, critical, best)
    numbers = _numbers(model, sum(map(len, events.values())), row, statistic, critical, crossings)
    status = Status[str(row["status"])]
    # The conventional search ends at one of several crossings, whichever.
    meant = Status.multiple_crossings if status == Status.ok and len(crossings) > 1 else status
    numbers |= _outsiders(model, problem.structure.density, events)
    return Explanation(
        _title(model, interval, row),
        status.name,
        str(row["message"]),
        meant.cause,
        meant.cure,
        numbers,
        signals,
        statistic,
        critical,
        tuple(map(float, crossings)),
        best,
        limit,
        (best, bound) if conventional else (np.nan, np.nan),
    )


def _scanned(events: float, limit: float, best: float, ends: list[float]) -> NDArray[np.float64]:
    """Rate multipliers to scan: far beyond the limit and the best fit, and a bracket's ends."""
    per_event = 1 / events if events > 0 else np.nan
    around = [x for x in (limit, best, 3 * per_event) if x > 0]
    low = min([*around, *ends], default=1.0) / 30
    high = max([10 * max(around, default=1.0), *ends])
    return np.geomspace(low, high, _POINTS)


def _crossings(
    signals: NDArray[np.float64],
    statistic: NDArray[np.float64],
    critical: NDArray[np.float64],
    best: float,
) -> NDArray[np.float64]:
    """Signals above the best fit where the statistic passes the critical value upwards."""
    above = np.where(signals > np.nan_to_num(best), statistic - critical, -critical)
    at = np.flatnonzero((above[:-1] < 0) & (above[1:] >= 0))
    shares = -above[at] / (above[at + 1] - above[at])
    return np.asarray(signals[at] + shares * (signals[at + 1] - signals[at]))


def _numbers(
    model: Model,
    n_events: int,
    row: Mapping[str, Any],
    statistic: NDArray[np.float64],
    critical: NDArray[np.float64],
    crossings: NDArray[np.float64],
) -> dict[str, str]:
    """What is known of a limit, by name; of a conventional search also its bracket."""
    limit, best = float(row["limit_rate_multiplier"]), float(row["best_fit_rate_multiplier"])
    reference = float(row.get("sigma_ref_cm2", model.study.reference_cross_section_cm2))
    events = model.signal_events
    numbers = {
        "status": str(row["status"]),
        "limit": in_words(limit, reference, model),
        "best fit": in_words(best, reference, model),
        "critical value": f"{critical[-1]:.4g}"
        + ("" if np.ptp(critical) == 0 else f" (from {critical[0]:.4g} at small signals)"),
        "crossings in a dense scan": ", ".join(f"{x:.4g}" for x in crossings) or "none",
        "largest statistic in the scan": f"{np.nanmax(statistic):.4g}"
        if np.isfinite(statistic).any()
        else "none: the likelihood has no value",
        "events in the dataset": str(n_events),
        "signal expected at multiplier 1": f"{events:.4g} events",
        "bins that the signal fills": str(_filled(model)),
    }
    if "bound" in row:
        bound = float(row["bound"])
        numbers |= {
            "bracket": f"{best:.4g} … {bound:.4g}",
            "statistic at its ends": f"{row['statistic_low']:.4g}, {row['statistic_high']:.4g}",
            "signal expected at the bound": f"{events * bound:.4g} events",
        }
    return numbers


def in_words(multiplier: float, reference_cm2: float, model: Model) -> str:
    if np.isnan(multiplier):
        return "none"
    if model.mass_GeV is None:
        return f"{multiplier:.4g} × {model.tested.unit}"
    return f"{multiplier:.4g} × {reference_cm2:g} cm² = {multiplier * reference_cm2:.4g} cm²"


def _dataset(
    model: Model, toys: Toys | Mapping[str, Toys] | Observation
) -> tuple[Data, Mapping[str, pd.DataFrame]]:
    """Give a dataset in bins, and its events by detector."""
    if isinstance(toys, Observation):
        return toys.data, toys.events
    members = toys if isinstance(toys, Mapping) else {model.target: toys}
    return model.data(toys), {name: each.events for name, each in members.items()}


def _filled(model: Model) -> str:
    """Filled bins of each detector's signal template, and of its emptiest anchor."""
    counts = []
    for templates in model.templates.values():
        filled = (templates[model.signal].expected > 0).sum(axis=1)
        nominal = int((templates[model.signal].nominal > 0).sum())
        emptiest = "" if filled.min() == nominal else f" ({filled.min()} at the emptiest anchor)"
        counts.append(f"{nominal}{emptiest}")
    return ", ".join(counts)


def _outsiders(
    model: Model, density: NDArray[np.float64], by_detector: Mapping[str, pd.DataFrame]
) -> dict[str, str]:
    """Where events without any density are."""
    outsiders, start = [], 0
    for name in model.templates:
        detector, events = model.study.detectors[name], by_detector[name]
        bins = bin_index(detector.space, events["cs1"].to_numpy(), events["cs2"].to_numpy())
        outside = events[~(density[start + bins] > 0).any(axis=1)]
        for cs1, cs2 in zip(outside["cs1"], outside["cs2"], strict=True):
            outsiders.append(f"{name} cS1 {cs1:.4g}, cS2 {cs2:.4g} {detector.area_unit}")
        start += int(np.prod(detector.space.shape))
    return {"events without density": "; ".join(outsiders)} if outsiders else {}


def _title(model: Model, interval: Interval, row: Mapping[str, Any]) -> str:
    level = float(row.get("confidence_level", model.study.confidence_level))
    place = f"{model.study.title(model.target)}, "
    if model.mass_GeV is None:
        place += model.tested.label
    else:
        mass = paths.number(model.mass_GeV)
        place += f"{model.interaction.replace('_', ' ')}, {mass} GeV/c²"
    scan = f"scan {row['scan']}, " if "scan" in row else ""
    dataset = f"trial {row['trial']}" if "trial" in row else "observed"
    origin = "asymptotic" if scan else labels.origin(interval, model.study.critical_values)
    return (
        f"{place}: {scan}{dataset}\n{labels.claim(interval)}; "
        f"{labels.level(level, [origin])}"
        + ("" if model.mass_GeV is None else f"; {labels.halo(model.study)}")
    )
