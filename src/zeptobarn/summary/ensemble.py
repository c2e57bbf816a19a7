"""Ensembles of toys beside what asymptotics expects of them: pulls, and test statistics."""

import numpy as np
import pandas as pd
import scipy
from numpy.typing import NDArray

from zeptobarn.inference.calibration import BLOCK, best_nuisances, throw_statistics
from zeptobarn.inference.constraints import precision
from zeptobarn.inference.model import Model
from zeptobarn.inference.problem import Problem, asimov, fits_at, predict
from zeptobarn.study.settings import Interval
from zeptobarn.study.study import Study
from zeptobarn.support.streams import stream

Floats = NDArray[np.float64]

# Relative to the nominal value, or in standard deviations of a shape parameter.
_STEP = 1e-3


def fullest_interval(study: Study) -> Interval:
    """Give the interval that profiles the most shape parameters; the first of these."""
    return max(study.intervals, key=lambda interval: len(interval.profiled))


def expected_errors(problem: Problem, constraint_centres: str) -> Floats:
    """Standard deviations of the nuisances' best fits over toys without a signal.

    From the Fisher information J of the Asimov dataset, and H, which is J with the constraints: the
    covariance is H⁻¹ V H⁻¹, where V counts the constraints only if their centres are redrawn in
    each toy. The signal is left at 0, where most of the toys have it.

    Returns
    -------
    In the order of the problem's parameters: relative rates, then shape parameters; shape
    (F − 1 + P,).
    """
    nominal = problem.background
    expected = np.concatenate(predict(problem, nominal))
    slopes = np.empty((len(nominal) - 1, len(expected)))
    for p in range(1, len(nominal)):
        step = np.zeros(len(nominal))
        step[p] = _STEP
        up, down = (np.concatenate(predict(problem, nominal + s * step)) for s in (1, -1))
        slopes[p - 1] = (up - down) / (2 * _STEP)
    filled = expected > 0
    slope = slopes[:, filled]
    information = (slope / expected[filled]) @ slope.T
    constraint = precision(problem.structure.constraints)[1:, 1:]
    inverse = np.linalg.inv(information + constraint)
    known = information + (constraint if constraint_centres == "redrawn" else 0.0)
    return np.asarray(np.sqrt(np.diag(inverse @ known @ inverse)))


def pulls(model: Model, interval: Interval, limits: pd.DataFrame) -> pd.DataFrame:
    """Pulls of the nuisances: (best fit − truth) over the expected standard deviation.

    Parameters
    ----------
    limits
        Rows of `zeptobarn.inference.model.Model.limits`.

    Returns
    -------
    A column per nuisance, a row per trial whose fit succeeded.
    """
    problem = model.problem(interval)
    rows = limits[limits["interval"] == interval.name].set_index("trial")
    errors = expected_errors(problem, model.study.constraint_centres)
    return pd.DataFrame(
        {
            name: (rows[f"best_fit_{name}"] - truth) / error
            for name, truth, error in zip(
                problem.parameters, problem.nominal[1:], errors, strict=True
            )
        },
        index=rows.index,
    ).dropna()


def measured_and_fitted(
    study: Study, interval: Interval, limits: pd.DataFrame, truth: pd.DataFrame
) -> dict[str, tuple[pd.Series, pd.Series]]:
    """Constraint centre and best fit of each profiled, constrained shape parameter, by name.

    Parameters
    ----------
    limits
        Rows of `zeptobarn.inference.model.Model.limits`.
    truth
        Truths of the datasets, see `zeptobarn.templates.toys.Toys`.
    """
    rows = limits[limits["interval"] == interval.name].set_index("trial")
    fits = {}
    for name in interval.profiled:
        centres = truth[truth["parameter"] == name].drop_duplicates("trial").set_index("trial")
        centre = centres["constraint_centre"].reindex(rows.index)
        if centre.notna().any():
            fits[name] = (centre, rows[f"best_fit_{name}"])
    return fits


def statistics(
    model: Model, interval: Interval, expected_events: Floats, n_toys: int, threads: int = 1
) -> pd.DataFrame:
    """Test statistics of toys thrown at signals, taken at the true signal.

    Parameters
    ----------
    expected_events
        The true signals (expected events); nuisances are those that are best at that signal for
        the background-only Asimov dataset, as in `zeptobarn.inference.calibration.calibrate`.

    Returns
    -------
    A row per signal and toy: ``expected_events``, ``x`` (the signal over its standard deviation,
    from the background-only Asimov dataset), ``q_tilde`` and ``t_tilde``; NaN where a fit failed.
    No row where no signal is expected in the analysis space.
    """
    problem = model.problem(interval)
    if problem.fault or not problem.signal_efficiency > 0:
        return pd.DataFrame(columns=["expected_events", "x", "q_tilde", "t_tilde"])
    signals = np.asarray(expected_events, dtype=float) / problem.signal_efficiency
    truths = best_nuisances(problem, signals)
    data = asimov(problem, problem.background)
    x = np.sqrt(fits_at(problem, data, signals)[1][0, :, 0])
    tables = []
    for k, events in enumerate(np.asarray(expected_events, dtype=float)):
        address = ("asymptotics", model.target, model.signal, interval.name, k)
        best, t_values = throw_statistics(
            problem,
            truths[k],
            model.study.constraint_centres,
            signals[[k]],
            n_toys,
            [stream(model.study.seed, *address, b) for b in range(-(-n_toys // BLOCK))],
            threads,
        )
        t = t_values[:, 0]
        q = np.where(best > signals[k], 0.0 * t, t)
        tables.append(
            pd.DataFrame({"expected_events": events, "x": x[k], "q_tilde": q, "t_tilde": t})
        )
    return pd.concat(tables, ignore_index=True)


def q_tilde_above(q: Floats, x: float) -> Floats:
    """Asymptotic P(q̃ > q) at the true signal μ, x = μ/σ; EPJC 71 (2011) 1554, eq. 65.

    Parameters
    ----------
    q
        Values ≥ 0, any shape.
    x
        The signal over its standard deviation; infinite: half a χ² with one degree of freedom.

    Examples
    --------
    >>> q_tilde_above(np.array([0.0, 1.6424, 9.0]), 2.0).round(4)
    array([0.5   , 0.1   , 0.0006])
    """
    root = np.sqrt(q)
    if not np.isfinite(x):
        return np.asarray(scipy.special.ndtr(-root))
    return np.asarray(
        np.where(q <= x * x, scipy.special.ndtr(-root), scipy.special.ndtr(-(q + x * x) / (2 * x)))
    )


def t_tilde_above(t: Floats, x: float) -> Floats:
    """Asymptotic P(t̃ > t) at the true signal μ, x = μ/σ; EPJC 71 (2011) 1554, eq. 45.

    Parameters
    ----------
    t
        Values ≥ 0, any shape.
    x
        The signal over its standard deviation; infinite: χ² with one degree of freedom.

    Examples
    --------
    >>> t_tilde_above(np.array([0.0, 1.0, 2.7055]), np.inf).round(4)
    array([1.    , 0.3173, 0.1   ])
    """
    root = np.sqrt(t)
    if not np.isfinite(x):
        return np.asarray(2 * scipy.special.ndtr(-root))
    return np.asarray(
        scipy.special.ndtr(-root)
        + np.where(
            t <= x * x, scipy.special.ndtr(-root), scipy.special.ndtr(-(t + x * x) / (2 * x))
        )
    )
