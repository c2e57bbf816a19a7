"""Two ways to a median limit: one dataset with a signal in it, and many without.

The original study read a limit off the p-values of one dataset of background and signal, and also
took the median of the limits of many datasets without a signal. Only the latter is a sensitivity.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import scipy
from numpy.typing import NDArray

from zeptobarn.inference.model import Model
from zeptobarn.inference.problem import Data, asimov, fits_at
from zeptobarn.study.settings import Interval
from zeptobarn.study.variation import RATE_MULTIPLIERS
from zeptobarn.summary.dataset import one_trial, throw_signal
from zeptobarn.templates.templates import Template
from zeptobarn.templates.toys import Toys

# Signals at which p-values are computed.
_POINTS = 400


def nominal_model(model: Model) -> Model:
    """Give the same model with all shapes nominal, for upper limits with asymptotic thresholds."""
    study = replace(
        model.study,
        shapes=(),
        intervals=(Interval("nominal", {}, ()),),
        critical_values="asymptotic",
    )
    templates = {
        detector: {name: _one_anchor(template) for name, template in sources.items()}
        for detector, sources in model.templates.items()
    }
    return Model(study, model.target, model.interaction, model.mass_GeV, templates)


def two_ways(
    model: Model, toys: Toys, injected: Sequence[float] = RATE_MULTIPLIERS
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """P-values of one dataset with a signal, and limits of many, with and without.

    Parameters
    ----------
    model
        Of one detector; its shapes are held at their nominal values.
    toys
        Background-only datasets; the first is that of the first way.
    injected
        Rate multipliers of the signals that are put in; 0 is none.

    Returns
    -------
    p_values, limits
        A row per injected signal, dataset (``thrown``, and ``average``: the Asimov dataset) and
        tested signal: ``injected, dataset, rate_multiplier, p_value``. A row per injected signal
        and trial: ``injected, trial, limit_rate_multiplier``.
    """
    nominal = nominal_model(model)
    problem = nominal.problem(nominal.study.intervals[0])
    first = one_trial({nominal.target: toys}, int(toys.trials[0]))[nominal.target]
    columns = ["injected", "trial", "limit_rate_multiplier"]
    limits = pd.concat(
        nominal.limits(with_signal(nominal, toys, signal)).assign(injected=signal)[columns]
        for signal in injected
    )
    around = limits["limit_rate_multiplier"].dropna()
    around = around[around > 0]
    low, high = (around.min() / 3, 3 * around.max()) if len(around) else (1.0, 1.0)
    signals = np.geomspace(float(low), float(high), _POINTS)
    curves = []
    for signal in injected if len(around) else []:
        average = np.append(signal * nominal.signal_events, problem.nominal[1:])
        for name, data in (
            ("thrown", nominal.data(with_signal(nominal, first, signal))),
            ("average", asimov(problem, average)),
        ):
            curve = pd.DataFrame(
                {"rate_multiplier": signals, "p_value": p_values(nominal, data, signals)}
            )
            curves.append(curve.assign(injected=signal, dataset=name))
    names = ["injected", "dataset", "rate_multiplier", "p_value"]
    table = pd.concat(curves, ignore_index=True)[names] if curves else pd.DataFrame(columns=names)
    return table, limits.reset_index(drop=True)


def with_signal(model: Model, toys: Toys, rate_multiplier: float) -> Toys:
    """Give the datasets with the events of a signal among theirs."""
    template = model.templates[model.target][model.signal]
    signals = [
        throw_signal(
            model.study, model.target, model.signal, template, rate_multiplier, int(trial)
        ).assign(trial=trial, source=model.signal)
        for trial in toys.trials
    ]
    columns = list(toys.events.columns)
    events = pd.concat([toys.events, *(thrown for thrown in signals if len(thrown))])[columns]
    events = events.sort_values("trial", kind="stable", ignore_index=True)
    counts = events.groupby("trial").size()
    truth = toys.truth.assign(n_events=toys.truth["trial"].map(counts).fillna(0).astype(int))
    truth.loc[truth["parameter"] == "wimp_rate", "true_value"] = rate_multiplier
    return Toys(events, truth)


def p_values(
    model: Model, data: Data, rate_multipliers: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Asymptotic p-values Φ(−√q̃) of signals, for one dataset; NaN up to its best fit.

    Parameters
    ----------
    model
        From `nominal_model`.

    Returns
    -------
    Shape (signals,).
    """
    problem = model.problem(model.study.intervals[0])
    best, fits = fits_at(problem, data, rate_multipliers * model.signal_events)
    statistic = np.where(rate_multipliers * model.signal_events > best[0], fits[0, :, 0], np.nan)
    return np.asarray(scipy.special.ndtr(-np.sqrt(statistic)))


def read_off(curve: pd.DataFrame, p_value: float) -> float:
    """Give the rate multiplier where a dataset's p-values fall through a value; NaN if nowhere.

    Parameters
    ----------
    curve
        ``rate_multiplier, p_value``, the former increasing.
    """
    values = curve[["rate_multiplier", "p_value"]].to_numpy(dtype=float)
    x, p = np.log(np.maximum(values, np.finfo(float).tiny)).T
    above = np.flatnonzero(p > np.log(p_value))
    if not len(above) or above[-1] == len(p) - 1:
        return float("nan")
    i = above[-1]
    share = (p[i] - np.log(p_value)) / (p[i] - p[i + 1])
    return float(np.exp(x[i] + share * (x[i + 1] - x[i])))


def central(limits: pd.Series) -> Mapping[str, float]:
    """Median and central 68 % of limits, without those that failed: ``low, median, high``."""
    quantiles = {"low": 0.16, "median": 0.5, "high": 0.84}
    return {name: float(limits.quantile(quantile)) for name, quantile in quantiles.items()}


def _one_anchor(template: Template) -> Template:
    nominal = template.nominal[np.newaxis]
    return Template(({},), nominal, np.zeros_like(nominal))
