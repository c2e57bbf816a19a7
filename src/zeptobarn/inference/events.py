"""Events sorted into the bins of a likelihood: those of toys, and those observed."""

from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from zeptobarn.inference.problem import Data
from zeptobarn.study.correlations import rate_name
from zeptobarn.study.study import Study
from zeptobarn.support.config import ConfigError
from zeptobarn.support.strict_yaml import shortened
from zeptobarn.templates.density import bin_index
from zeptobarn.templates.event_columns import describe
from zeptobarn.templates.observed import Events, bins_of, read_events
from zeptobarn.templates.toys import Toys

# Longest livetime, as in a detector file.
_MOST_DAYS = 100_000


def sort_toys(study: Study, toys: Mapping[str, Toys]) -> Data:
    """Sort datasets into bins; of several detectors, trial i joins trial i of each.

    Parameters
    ----------
    toys
        By detector, in the order of the likelihood's.
    """
    trials = next(iter(toys.values())).trials
    if any(not np.array_equal(other.trials, trials) for other in toys.values()):
        raise ValueError("toys: the detectors of a combination hold different trials")
    all_bins, all_trials, counts, start = [], [], [], 0
    centres: dict[str, NDArray[np.float64]] = {}
    for name, members in toys.items():
        space, events = study.detectors[name].space, members.events
        event_bins = bin_index(space, events["cs1"].to_numpy(), events["cs2"].to_numpy())
        if event_bins.min(initial=0) < 0:
            raise ValueError(
                f"toys: {(event_bins < 0).sum()} of {len(event_bins)} events lie outside the "
                f"analysis space of {name}; allowed: none"
            )
        if start > 0:
            event_bins += start
        all_bins.append(event_bins)
        all_trials.append(events["trial"].to_numpy())
        ends = np.searchsorted(all_trials[-1], trials, side="right")
        counts.append(ends - np.searchsorted(all_trials[-1], trials, side="left"))
        start += int(np.prod(space.shape))
        for source in study.detectors[name].sources:
            if source.rate in ("normal", "log_normal"):
                rate = rate_name(source, name, len(toys))
                centres[rate] = members.constraint_centres(f"{source.name}_rate")
        for shape in study.target_shapes(name):
            centres[shape.name] = members.constraint_centres(shape.name)
    bins = all_bins[0]
    if len(all_bins) > 1:
        order = np.argsort(np.concatenate(all_trials), kind="stable")
        bins = np.concatenate(all_bins)[order]
    last = np.cumsum(np.stack(counts, axis=1)).reshape(len(trials), -1)
    first = np.column_stack([np.append(0, last[:-1, -1]), last])
    exposure = np.ones((len(trials), len(all_bins)))
    return Data(bins, np.ones(len(bins)), first, exposure, centres)


@dataclass(frozen=True)
class Observation:
    """One observation, sorted into bins.

    Attributes
    ----------
    inside, outside
        Events in each detector's analysis space, by its name, and outside it: not used.
    columns
        Where each detector's areas come from, in words.
    events
        Each detector's events inside: ``cs1``, ``cs2`` (its area unit), by their row: of a file as
        an editor shows it, the header being row 1 (of Parquet from 1), of a table its index.
    """

    data: Data
    inside: dict[str, int]
    outside: dict[str, int]
    columns: dict[str, str]
    events: dict[str, pd.DataFrame]


def sort_observed(
    study: Study,
    data: Mapping[str, Events],
    livetimes_day: Mapping[str, float] | None,
    columns: Mapping[str, Mapping[str, str]] | None = None,
) -> Observation:
    """Sort one observation into bins.

    Parameters
    ----------
    data
        By detector, in the order of the likelihood's: events, or a CSV or Parquet file of them.
    livetimes_day
        The data's own livetimes (days), by detector, where they are not the detectors'.
    columns
        By detector, see `zeptobarn.templates.event_columns.choose_columns`.

    Raises
    ------
    ConfigError
        A livetime is no number of days above 0; see also `zeptobarn.templates.observed`.
    """
    bins, exposure, start, outside, words, used = [], [], 0, {}, {}, {}
    for name, given in data.items():
        detector = study.detectors[name]
        origin = "data" if len(data) == 1 else f"data of {name}"
        chosen = None if columns is None else columns.get(name)
        events, taken = read_events(given, detector, origin, chosen)
        words[name] = describe(taken)
        event_bins = bins_of(
            detector, events, str(given) if isinstance(given, str | Path) else origin
        )
        outside[name] = int((event_bins < 0).sum())
        used[name] = events[event_bins >= 0]
        bins.append(start + event_bins[event_bins >= 0])
        livetime = detector.livetime_day
        if livetimes_day is not None:
            livetime = _livetime(livetimes_day[name])
        exposure.append(livetime / detector.livetime_day)
        start += int(np.prod(detector.space.shape))
    ends = np.cumsum([0] + [len(b) for b in bins])
    everything = np.concatenate(bins)
    ones = np.ones(len(everything))
    inside = dict(zip(data, map(len, bins), strict=True))
    rows = [str(row) for events in used.values() for row in events.index]
    sorted_data = Data(everything, ones, ends[np.newaxis], np.array([exposure]), {}, rows)
    return Observation(sorted_data, inside, outside, words, used)


def _livetime(given: Any) -> float:
    """Check a livetime (days)."""
    number = isinstance(given, Real) and not isinstance(given, bool)
    days = float(given) if number else 0.0
    # NaN is not above 0 either.
    if 0 < days <= _MOST_DAYS:
        return days
    raise ConfigError(
        f"livetime_day: found {shortened(repr(given))}; allowed: a number of days above 0 and "
        f"≤ {_MOST_DAYS}"
    )
