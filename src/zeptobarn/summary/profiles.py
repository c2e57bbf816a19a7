"""The likelihood of a single dataset: its test statistic, and its dependence on a shape."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

from zeptobarn.inference.constraints import precision
from zeptobarn.inference.model import Model
from zeptobarn.inference.problem import Data, Problem, fits_at, predict
from zeptobarn.inference.terms import LOG_NORMAL, UNIFORM
from zeptobarn.study.settings import Interval
from zeptobarn.study.shapes import Shape
from zeptobarn.study.signals import Signal
from zeptobarn.study.study import Study
from zeptobarn.templates.toys import Toys

# Where curves and maps of the statistic end, in units of the statistic.
HIGHEST = 9.0


@dataclass(frozen=True)
class Curve:
    """The test statistic t̃ of one dataset against the signal.

    Attributes
    ----------
    rate_multiplier, statistic
        Signals and t̃ at each, shape (n,) each.
    critical
        Rows of rate multiplier and critical value, shape (≥ 1, 2).
    best_fit, low, limit
        Rate multipliers: the best fit, and the interval's ends (the lower one NaN of a limit).
    """

    signal: Signal
    rate_multiplier: NDArray[np.float64]
    statistic: NDArray[np.float64]
    critical: NDArray[np.float64]
    best_fit: float
    low: float
    limit: float


@dataclass(frozen=True)
class Map:
    """−2 ln of the likelihood ratio of one dataset over the signal and a shape parameter.

    Attributes
    ----------
    shape
        The shape parameter's name; empty where the study has none.
    values, rate_multiplier
        The grid, shapes (n,) and (m,); no values where there is no shape.
    statistic
        Relative to the global maximum; all other nuisances profiled; shape (n, m).
    conditional
        Relative to the maximum at the same value of the shape, shape (n, m).
    profiled, best_values
        The statistic minimised over the shape, and where it is least, shape (m,) each.
    best_fit, best_value
        The global maximum.
    """

    signal: Signal
    shape: str
    values: NDArray[np.float64]
    rate_multiplier: NDArray[np.float64]
    statistic: NDArray[np.float64]
    conditional: NDArray[np.float64]
    profiled: NDArray[np.float64]
    best_values: NDArray[np.float64]
    best_fit: float
    best_value: float


def curve(model: Model, dataset: Mapping[str, Toys], interval: Interval) -> Curve | None:
    """Test statistic of a dataset around an interval's end; None where there is no limit.

    Parameters
    ----------
    dataset
        See `one_trial`.
    interval
        One of the study's.
    """
    row = model.interval_limits(dict(dataset), interval.name).iloc[0]
    limit = float(row["limit_rate_multiplier"])
    if not limit > 0:
        return None
    problem = model.problem(interval)
    multipliers = np.union1d(np.geomspace(limit / 300, 10 * limit, 400), [limit])
    best, fits = fits_at(problem, model.data(dataset), multipliers * model.signal_events)
    return Curve(
        model.tested,
        multipliers,
        fits[0, :, 0],
        model.critical(interval, problem)[:, :2] / [model.signal_events, 1],
        float(best[0]) / model.signal_events,
        float(row["limit_low_rate_multiplier"]),
        limit,
    )


def chosen_shape(study: Study, target: str) -> Shape | None:
    """Give the shape parameter that pictures show: L_eff, else the first; None if none."""
    shapes = {shape.name: shape for shape in study.target_shapes(target)}
    return shapes.get("leff", next(iter(shapes.values()), None))


def likelihood_map(model: Model, dataset: Mapping[str, Toys]) -> Map | None:
    """Likelihood ratio over the signal and the shape that `chosen_shape` gives.

    None where it has no maximum.
    """
    names = tuple(shape.name for shape in model.study.target_shapes(model.target))
    full = model.problem(Interval("full", {}, names))
    data = model.data(dataset)
    signals = _reach(full, data)
    if full.fault or not full.signal_efficiency > 0 or not len(signals):
        return None
    best, fits = fits_at(full, data, signals)
    at_best = fits_at(full, data, best)[1][0, 0, 1:]
    shape = chosen_shape(model.study, model.target)
    values, statistic = np.empty(0), np.empty((0, len(signals)))
    conditional, at = statistic, 0
    if shape is not None:
        values = np.union1d(np.linspace(shape.anchors[0], shape.anchors[-1], 41), [0.0])
        at = 1 + full.parameters.index(shape.name)
        others = tuple(name for name in names if name != shape.name)
        top = deviance(full, data, at_best)
        rows = [
            _at_value(model, data, Interval("fixed", {shape.name: value}, others), shape, signals)
            for value in values.tolist()
        ]
        statistic = np.array([row[0] for row in rows]) - top
        conditional = np.array([row[1] for row in rows])
    return Map(
        model.tested,
        shape.name if shape else "",
        values,
        signals / model.signal_events,
        statistic,
        conditional,
        fits[0, :, 0],
        fits[0, :, 1 + at],
        float(best[0]) / model.signal_events,
        float(at_best[at]),
    )


def deviance(problem: Problem, data: Data, parameters: NDArray[np.float64]) -> float:
    """−2 ln of the likelihood of one dataset, constraints included, up to the data's constant.

    Parameters
    ----------
    parameters
        See `zeptobarn.inference.problem.predict`.
    """
    expected = np.concatenate(
        [f * bins for f, bins in zip(data.exposure[0], predict(problem, parameters), strict=True)]
    )
    value = 2 * (expected.sum() - scipy.special.xlogy(data.weights, expected[data.bins]).sum())
    ahead = np.zeros(len(parameters))
    for p, (kind, at, centre) in enumerate(
        zip(
            problem.structure.constraints[:, 0],
            parameters,
            data.centres_of(problem)[0],
            strict=True,
        )
    ):
        if kind > UNIFORM:
            ahead[p] = np.log(at / centre) if kind == LOG_NORMAL else at - centre
    return float(value + ahead @ precision(problem.structure.constraints) @ ahead)


def _at_value(
    model: Model, data: Data, interval: Interval, shape: Shape, signals: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """−2 ln L at signals, with a shape fixed; and t̃, relative to the maximum there."""
    problem = model.problem(interval)
    _, fits = fits_at(problem, data, signals)
    relative = fits[0, :, 0]
    value = deviance(problem, data, fits[0, -1, 1:])
    if shape.constrained:
        centre = float(data.centres.get(shape.name, np.zeros(1))[0])
        value += (interval.fixed[shape.name] - centre) ** 2
    return value + relative - relative[-1], relative


def _reach(problem: Problem, data: Data) -> NDArray[np.float64]:
    """Signals from 0 to where the profiled statistic is `HIGHEST`; none where a fit fails."""
    tried = np.geomspace(0.1, 1e6, 141)
    best, fits = fits_at(problem, data, tried)
    above = np.flatnonzero((fits[0, :, 0] >= HIGHEST) & (tried > best[0]))
    return np.linspace(0, tried[above[0]], 81) if len(above) else np.empty(0)
