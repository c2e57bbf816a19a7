"""All that is set on one observation of one signal: every interval of the study, with its p₀."""

import dataclasses

import numpy as np
import pandas as pd
import scipy

from zeptobarn.inference.discovery import TOYS, background_q0, observed_q0, p_value, significance
from zeptobarn.inference.events import Observation
from zeptobarn.inference.model import Model
from zeptobarn.study import labels
from zeptobarn.support.jit import Floats


def calibrate_on(model: Model, seen: Observation, threads: int = 1) -> Model:
    """Calibrate a model with the nuisances that fit an observation best, as its limits need it.

    Those of a study's trials are calibrated with the nuisances of the average background-only
    dataset. Where the study's critical values are asymptotic, the model stays as it is.
    """
    if model.study.critical_values != "toys":
        return model
    return dataclasses.replace(model, critical_values=model.calibrate(threads, seen))


def observed_limits(model: Model, seen: Observation, threads: int = 1) -> pd.DataFrame:
    """Set all of the study's intervals on one observation.

    Parameters
    ----------
    model
        From `calibrate_on`, where the study's critical values are from toys.

    Returns
    -------
    A row per interval: the columns of `zeptobarn.inference.model.Model.limits` without the trial;
    ``limit_low_cm2``, ``best_fit_cm2`` (of a signal that was given, rate multipliers alone);
    ``critical_values`` (``asymptotic`` or ``toys``); ``q0``
    with ``p0_asymptotic`` and ``z_asymptotic``, and, where the interval is calibrated, ``p0_toys``
    and ``z_toys`` (NaN elsewhere) from ``n_p0_toys`` toys; ``n_events`` and ``n_outside``, all
    detectors.
    """
    study, ending, reference = model.study, model.tested.ending, model.reference_value
    rows, thrown = [], {}
    for interval in study.intervals:
        row = model.table(seen.data, interval).drop(columns="trial")
        origin = labels.origin(interval, study.critical_values)
        problem, q0 = model.problem(interval), np.nan
        if model.answers(interval, problem):
            q0 = float(observed_q0(problem, seen.data)[0])
            if origin == "toys" and interval.treatment not in thrown:
                address = [model.target, model.signal, interval.treatment]
                thrown[interval.treatment] = background_q0(
                    study, problem, seen.data, address, TOYS, threads
                )
        ends = {
            f"{name}_{ending}": row[f"{name}_rate_multiplier"] * reference
            for name in ("limit_low", "best_fit")
        }
        rows.append(
            row.assign(
                **ends,
                critical_values=origin,
                **_p_values(q0, thrown.get(interval.treatment) if origin == "toys" else None),
                n_events=sum(seen.inside.values()),
                n_outside=sum(seen.outside.values()),
            )
        )
    return pd.concat(rows, ignore_index=True)


def _p_values(q0: float, toys: Floats | None) -> dict[str, float]:
    z = q0**0.5
    p_toys = np.nan if toys is None else p_value(q0, toys)
    return {
        "q0": q0,
        "p0_asymptotic": float(scipy.special.ndtr(-z)),
        "z_asymptotic": z,
        "p0_toys": p_toys,
        "z_toys": significance(p_toys),
        "n_p0_toys": 0 if toys is None else len(toys),
    }
