"""What an observed limit hangs on: its events, one by one, and its nuisances."""

import dataclasses
from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
import scipy
from numpy.typing import NDArray

from zeptobarn.inference.constraints import precision, spread
from zeptobarn.inference.events import Observation
from zeptobarn.inference.model import Model
from zeptobarn.inference.problem import Data, Problem, find_limits, fits_at, predict
from zeptobarn.inference.spans import spans
from zeptobarn.inference.terms import LOG_NORMAL, NORMAL, UNCONSTRAINED, UNIFORM
from zeptobarn.study.settings import Interval
from zeptobarn.study.signals import Signal
from zeptobarn.summary.profiles import deviance

# Events that are listed one by one.
LISTED = 10
# Standard deviation of the constraint that holds a nuisance where it is put.
_HELD = 1e-4
_KINDS = {
    UNCONSTRAINED: "free",
    UNIFORM: "uniform",
    NORMAL: "normal",
    LOG_NORMAL: "log_normal",
}

# Of a WIMP; see `units_for`.
EVENT_UNITS = {
    "detector": "",
    "row": "",
    "cs1": "the detector's area unit",
    "cs2": "the detector's area unit",
    "signal_to_background": "",
    "rank": "",
    "limit_without_cm2": "cm²",
    "change": "",
}
NUISANCE_UNITS = {
    "parameter": "",
    "constraint": "",
    "best_fit": "parameter's own",
    "error_low": "parameter's own",
    "error_high": "parameter's own",
    "pull": "standard deviations",
    "pull_low": "standard deviations",
    "pull_high": "standard deviations",
    "limit_low_cm2": "cm²",
    "limit_high_cm2": "cm²",
    "change_low": "",
    "change_high": "",
}


def units_for(units: Mapping[str, str], signal: Signal) -> dict[str, str]:
    """Give columns and units of a table, `EVENT_UNITS` or `NUISANCE_UNITS`, of a signal.

    Of one that was given, what ends in ``_cm2`` is a rate multiplier, in the signal's own unit.
    """
    return {
        name.replace("cm2", signal.ending): signal.unit if unit == "cm²" else unit
        for name, unit in units.items()
    }


def influential_events(model: Model, seen: Observation, interval: Interval) -> pd.DataFrame:
    """List the events used, the most signal-like first, and what the limit is without them.

    Returns
    -------
    A row per event: ``detector, row`` (of the file as an editor shows it, the header being row 1),
    ``cs1, cs2``; ``signal_to_background``, the
    density of a signal at the limit over that of all backgrounds, with the nuisances that are best
    there; its ``rank`` from 1; and of the first `LISTED`, ``limit_without_cm2`` and the relative
    ``change`` of the limit when the event is left out, with the same critical values.
    """
    data, limit = seen.data, _limit(model, seen.data, interval)
    problem, ratio = model.problem(interval), np.full(len(data.bins), np.nan)
    if model.answers(interval, problem):
        signal = limit * model.signal_events if limit > 0 else 1 / problem.signal_efficiency
        ratio = _ratio(problem, data, signal)
    table = pd.concat(
        [
            events.assign(detector=name, row=events.index.astype(str))
            for name, events in seen.events.items()
        ],
        ignore_index=True,
    ).assign(signal_to_background=ratio)
    order = np.argsort(-ratio, kind="stable")
    table["rank"] = np.argsort(order, kind="stable") + 1
    without = np.full(len(table), np.nan)
    chosen = order[:LISTED]
    if len(chosen) and limit > 0:
        rows = model.table(leave_out(data, chosen), interval)
        without[chosen] = rows["limit_rate_multiplier"]
    table[f"limit_without_{model.tested.ending}"] = without * model.reference_value
    table["change"] = without / limit - 1 if limit > 0 else np.nan
    columns = units_for(EVENT_UNITS, model.tested)
    return table.sort_values("rank", ignore_index=True)[list(columns)]


def leave_out(data: Data, events: NDArray[np.int64]) -> Data:
    """Give a dataset without each of some events, by their number: one dataset each."""
    n, first = len(data.bins), data.offsets[0]
    kept = [np.delete(np.arange(n), event) for event in events]
    chosen = np.concatenate(kept)
    offsets = [first - (first > event) + i * (n - 1) for i, event in enumerate(events)]
    return Data(
        data.bins[chosen],
        data.weights[chosen],
        np.array(offsets),
        np.repeat(data.exposure, len(events), axis=0),
        {name: np.repeat(values, len(events)) for name, values in data.centres.items()},
    )


def influential_nuisances(model: Model, seen: Observation, interval: Interval) -> pd.DataFrame:
    """List the nuisances of a limit: where the data pull them, and how much they move it.

    Returns
    -------
    A row per free rate and profiled shape: ``parameter``; ``constraint`` (``free``, ``uniform``,
    ``normal``, ``log_normal``); ``best_fit`` and its errors below and above, where −2 ln of the
    likelihood is 1 above its minimum or the parameter ends; ``pull`` with the same errors, in
    standard deviations of the constraint (NaN of a free or a uniform one); and the limit with the
    parameter held one error below and above its best fit, with the relative changes. Critical
    values are the same.
    """
    problem, data = model.problem(interval), seen.data
    columns, reference = list(units_for(NUISANCE_UNITS, model.tested)), model.reference_value
    limit = _limit(model, data, interval)
    best, _ = fits_at(problem, data, np.zeros(1))
    if np.isnan(best[0]) or not model.answers(interval, problem):
        return pd.DataFrame(columns=columns)
    fitted = fits_at(problem, data, best)[1][0, 0, 1:]
    lowest, rows = deviance(problem, data, fitted), []
    for p, name in enumerate(problem.parameters, start=1):
        kind = int(problem.structure.constraints[p, 0])
        low, high = _errors(problem, data, p, fitted[p], lowest)
        limits = [
            _held_limit(model, problem, data, interval, p, value)
            for value in (fitted[p] - low, fitted[p] + high)
        ]
        pulls = [_pull(problem, p, fitted[p] + shift) for shift in (0.0, -low, high)]
        values = [fitted[p], low, high, pulls[0], pulls[0] - pulls[1], pulls[2] - pulls[0]]
        values += [each * reference for each in limits] + [each / limit - 1 for each in limits]
        rows.append((name, _KINDS[kind], *values))
    return pd.DataFrame(rows, columns=columns)


def _limit(model: Model, data: Data, interval: Interval) -> float:
    """Rate multiplier of the upper end; NaN where there is none."""
    return float(model.table(data, interval)["limit_rate_multiplier"].iloc[0])


def _ratio(problem: Problem, data: Data, signal: float) -> NDArray[np.float64]:
    """Density of a signal (expected events) over that of the backgrounds at each event.

    NaN where the likelihood has no value.
    """
    statistic, *fitted = fits_at(problem, data, np.array([signal]))[1][0, 0]
    if np.isnan(statistic):
        return np.full(len(data.bins), np.nan)
    parameters = np.array(fitted)
    parameters[0] = signal
    both = np.concatenate(predict(problem, parameters))[data.bins]
    parameters[0] = 0.0
    background = np.concatenate(predict(problem, parameters))[data.bins]
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray((both - background) / background)


def _pull(problem: Problem, p: int, value: float) -> float:
    kind = problem.structure.constraints[p, 0]
    if kind <= UNIFORM:
        return np.nan
    nominal = problem.nominal[p]
    shift = np.log(value / nominal) if kind == LOG_NORMAL else value - nominal
    width = np.linalg.norm(spread(problem.structure.constraints)[p])
    return float(shift / width)


def _errors(
    problem: Problem, data: Data, p: int, best: float, lowest: float
) -> tuple[float, float]:
    """Distances below and above the best fit to where the deviance is 1 above its minimum."""

    def excess(value: float) -> float:
        held, centred = _hold(problem, data, p, value)
        free, _ = fits_at(held, centred, np.zeros(1))
        at = fits_at(held, centred, free)[1][0, 0, 1:]
        return deviance(problem, data, at) - lowest - 1

    shape = p - (len(problem.nominal) - len(problem.structure.cells))
    low, high = 1e-9, np.inf
    if shape >= 0:
        anchors = problem.structure.anchors[shape, : problem.structure.cells[shape] + 1]
        low, high = float(anchors[0]), float(anchors[-1])
    return best - _crossing(excess, best, -0.1, low), _crossing(excess, best, 0.1, high) - best


def _crossing(excess: Callable[[float], float], best: float, step: float, end: float) -> float:
    """Where an excess becomes 0 on the way from a best fit to an end; the end if nowhere."""
    inner = best
    while inner != end:
        outer = max(inner + step, end) if step < 0 else min(inner + step, end)
        if excess(outer) >= 0:
            return float(scipy.optimize.brentq(excess, inner, outer, xtol=1e-4))
        inner, step = outer, 2 * step
    return end


def _hold(problem: Problem, data: Data, p: int, value: float) -> tuple[Problem, Data]:
    """Hold a parameter at a value: by a constraint that is much narrower than any error.

    What it is correlated with is centred where it follows the parameter to.
    """
    s = problem.structure
    constraints = s.constraints.copy()
    constraints[p, :2] = NORMAL, _HELD
    followers = np.flatnonzero(constraints[p, 2:])
    shifts = np.zeros(0)
    if len(followers):
        matrix = precision(s.constraints)
        own = data.centres_of(problem)[0, p]
        slopes = np.linalg.solve(matrix[np.ix_(followers, followers)], matrix[followers, p])
        shifts = -slopes * (value - own)
        constraints[p, 2:], constraints[:, 2 + p] = 0.0, 0.0
    parts = s.density, problem.first_bin, s.rows, s.sources, constraints
    held = s._replace(constraints=constraints, spans=spans(*parts))
    name = problem.parameters[p - 1]
    centres = {**data.centres, name: np.full(len(data.offsets), value)}
    for q, shift in zip(followers, shifts, strict=True):
        centres[problem.parameters[q - 1]] = data.centres_of(problem)[:, q] + shift
    return dataclasses.replace(problem, structure=held), dataclasses.replace(data, centres=centres)


def _held_limit(
    model: Model, problem: Problem, data: Data, interval: Interval, p: int, value: float
) -> float:
    held, centred = _hold(problem, data, p, value)
    (results,) = find_limits(
        held,
        centred,
        [model.critical(interval, problem, None, data.exposure[0])],
        interval.kind != "upper",
        model.study.search_bound_rate_multiplier * model.signal_events,
    )
    return float(results.limit[0]) / model.signal_events
