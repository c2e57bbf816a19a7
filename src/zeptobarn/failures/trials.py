"""The failure study: when the conventional recipe finds no limit, why, and what ours finds.

The recipe: a signal template from n recoils sampled from the spectrum, at every anchor, then
`zeptobarn.failures.conventional`. A trial has a sampled template and a background dataset; both
finders set its limit. Backgrounds keep their precise templates, so that what fails is the signal's
doing.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from zeptobarn.failures.conventional import (
    Bracketed,
    Evidence,
    both,
    critical_value,
    no_bracketed,
    no_evidence,
)
from zeptobarn.failures.rows import (
    CONVENTIONAL_MESSAGES,
    LEFT_NOMINAL,
    NEVER_FILLED,
    PRECISE_MESSAGES,
    ROBUST_MESSAGES,
    TRIAL_UNITS,
    TRIALS,
    coordinates,
    differences,
    rows_of_finder,
    setting_columns,
)
from zeptobarn.failures.sampled import Sampled, sample_templates
from zeptobarn.failures.scans import Setting, failures_slice, settings
from zeptobarn.inference.asymptotics import one_sided
from zeptobarn.inference.intervals import Results, no_results, select
from zeptobarn.inference.load import make_model
from zeptobarn.inference.model import Model
from zeptobarn.inference.problem import Data, Problem, find_limits
from zeptobarn.inference.spans import no_spans
from zeptobarn.inference.status import Status
from zeptobarn.study.study import Study
from zeptobarn.support.streams import stream
from zeptobarn.support.tables import read_parquet, write_parquet
from zeptobarn.templates.templates import Template
from zeptobarn.templates.toys import throw

# Templates that a prediction of the statistic at the bound draws, the empty ones among them.
_PREDICTIONS = 4000


def run(
    study: Study,
    detector: str,
    scan: str,
    templates: Mapping[str, Template],
    spectra: Mapping[str, pd.DataFrame],
) -> pd.DataFrame:
    """Set the limits of all trials of a scan with both finders.

    Parameters
    ----------
    templates
        The precise templates of all backgrounds and of the scan's `sources`, by name.
    spectra
        Spectra of the scan's sources, by name.

    Returns
    -------
    A row per trial and finder: ``conventional`` and ``robust`` with the same sampled template, and
    in the scan ``n_events`` ``precise``, our finder with the template that zeptobarn makes by
    default. ``trial`` numbers the trials of the scan; ``draw`` those of a
    setting: trials with the same recoils and the same draw share their template, whatever the
    bound, the confidence level or the reference cross section. ``dataset`` is the study's trial
    whose events are fitted. ``expected_events`` is that of the sampled template at rate multiplier
    1, ``filled_bins`` that of its emptiest anchor. From the precise template are
    ``predicted_fraction``, the probability of an empty one, and ``predicted_no_crossing``, that of
    a statistic below the critical value at the bracket's upper end (see `_at_the_bound`; NaN with
    profiled shapes). ``difference`` says why the two limits of a trial are not the same within
    0.1 %.
    """
    drawn: dict[Any, Any] = {}
    datasets: dict[int, tuple[Data, pd.DataFrame]] = {}
    tables: list[pd.DataFrame] = []
    for setting in settings(study, scan):
        model = make_model(
            study, detector, setting.mass_GeV, setting.interaction, {detector: templates}
        )
        n_datasets = min(setting.n_trials, study.trials)
        if n_datasets not in datasets:
            toys = throw(study, detector, templates, range(1, n_datasets + 1))
            datasets[n_datasets] = model.data(toys), toys.events
        table = _trials(model, setting, spectra[setting.source], *datasets[n_datasets], drawn)
        before = sum(other["draw"].max() for other in tables)
        tables.append(table.assign(trial=table["draw"] + before))
    rows = pd.concat(tables, ignore_index=True)
    rows = rows.assign(scan=scan, detector=detector, seed=study.seed)
    return rows[list(TRIAL_UNITS)]


def write_trials(
    study: Study, detector: str, scan: str, table: pd.DataFrame, path: str | Path
) -> None:
    """Write the trials of `run`."""
    area = study.detectors[detector].area_unit
    write_parquet(
        table,
        path,
        units=TRIAL_UNITS | {"event_cs1": area, "event_cs2": area},
        config_slice=failures_slice(study, detector, scan),
        seed=study.seed,
    )


def read_trials(study: Study, detector: str, scan: str, path: str | Path) -> pd.DataFrame:
    """Read the trials of a scan of this study.

    Raises
    ------
    ResultError
        The file was made from another configuration.
    """
    n_trials = sum(setting.n_trials for setting in settings(study, scan))
    return read_parquet(
        path,
        config_slice=failures_slice(study, detector, scan),
        kind=TRIALS,
        levels={"trial": range(1, n_trials + 1)},
    )[0]


def _trials(
    model: Model,
    setting: Setting,
    spectrum: pd.DataFrame,
    data: Data,
    events: pd.DataFrame,
    drawn: dict[Any, Any],
) -> pd.DataFrame:
    """Both finders on the trials of a setting; what is drawn and found is kept for later ones."""
    problem = model.problem(setting.interval)
    sampled = sample_templates(model, problem, setting, spectrum, drawn)
    chosen = np.arange(setting.n_trials) % len(data.offsets)
    evidence, conventional, robust = _limits(model.study, problem, setting, sampled, data, chosen)
    if setting.filled == "limits":
        conventional = drawn["limits", setting.source]
    elif not any(setting.interval.fixed.values()):
        drawn["limits", setting.source] = conventional
    why = differences(conventional, robust, evidence.at_best)
    if setting.filled == "limits":
        why[why != ""] = LEFT_NOMINAL
    empty, no_crossing = _predicted(model, problem, setting, sampled, data, drawn)
    common = setting_columns(setting, sampled.n_events, chosen) | {
        "expected_events": evidence.expected,
        "filled_bins": evidence.filled_bins,
        **coordinates(
            events,
            np.where(evidence.missing < 0, np.nan, data.offsets[chosen, 0] + evidence.missing),
        ),
        "predicted_fraction": empty,
        "predicted_no_crossing": no_crossing,
    }
    table = pd.concat(
        [
            rows_of_finder(common, "conventional", conventional, CONVENTIONAL_MESSAGES),
            rows_of_finder(common, "robust", robust, ROBUST_MESSAGES),
        ],
        ignore_index=True,
    )
    table["difference"] = np.tile(why, 2)
    if setting.precise:
        precise = select(_precise(model, problem, setting, data, drawn), chosen)
        bins = problem.structure.density[:, : len(sampled.anchors)] > 0
        common |= {
            "expected_events": model.signal_events
            * setting.sigma_ref_cm2
            / model.study.reference_cross_section_cm2,
            "filled_bins": bins.sum(axis=0).min(),
            "predicted_fraction": 0.0,
            "predicted_no_crossing": np.nan,
            "difference": "",
        }
        ours = rows_of_finder(common, "precise", precise, PRECISE_MESSAGES)
        table = pd.concat([table, ours], ignore_index=True)
    if setting.filled == "nothing":
        # The recipe does not even ask: its array of limits began with zeros.
        at = table["finder"] == "conventional"
        table.loc[at, "limit_rate_multiplier"] = 0.0
        table.loc[at, ["status", "message"]] = "ok", NEVER_FILLED
    return table


def _limits(
    study: Study,
    problem: Problem,
    setting: Setting,
    sampled: Sampled,
    data: Data,
    chosen: NDArray[np.int64],
) -> tuple[Evidence, Bracketed, Results]:
    """Limits of both finders with the sampled templates, and what explains them.

    Parameters
    ----------
    chosen
        The dataset of each trial.
    """
    level, n_trials = setting.confidence_level, setting.n_trials
    evidence, conventional = no_evidence(n_trials), no_bracketed(n_trials)
    robust = _unanswered((1, n_trials), problem)
    both(
        problem.structure._replace(spans=no_spans(1)),  # its templates are sampled
        sampled.bins,
        sampled.first,
        sampled.nominal,
        sampled.weight,
        data.bins,
        data.weights,
        data.offsets[chosen],
        data.exposure[chosen],
        data.centres_of(problem)[chosen],
        critical_value(level),
        setting.bound,
        study.search_bound_rate_multiplier,
        one_sided(level) > 0,
        evidence,
        conventional,
        robust,
    )
    return evidence, conventional, select(robust, 0)


def _predicted(
    model: Model,
    problem: Problem,
    setting: Setting,
    sampled: Sampled,
    data: Data,
    drawn: dict[Any, Any],
) -> tuple[float, float]:
    """Probability of an empty template, and of a statistic at the bound that is too small.

    The second is that of a template with something in it; NaN where it is not predicted, with
    profiled shapes or where the recipe sets no limit of its own.
    """
    if setting.filled == "nothing":
        return 1.0, np.nan
    n, weight = sampled.n_events, sampled.weight
    empty = float(1 - np.prod(1 - (1 - sampled.acceptance) ** n))
    if len(sampled.anchors) > 1 or setting.filled != "own":
        return empty, np.nan
    key = "bound", setting.source, n, weight, setting.bound, tuple(sampled.anchors[0].items())
    if key not in drawn:
        rng = stream(model.study.seed, "bound", model.target, setting.source, n)
        drawn[key] = _at_the_bound(
            problem, data, n, sampled.acceptance[0], weight, setting.bound, rng
        )
    statistic = drawn[key]
    if np.isnan(statistic).all():
        return empty, np.nan
    critical = critical_value(setting.confidence_level)
    return empty, (1 - empty) * np.mean(statistic < critical)


def _precise(
    model: Model, problem: Problem, setting: Setting, data: Data, drawn: dict[Any, Any]
) -> Results:
    """Our limits of all datasets with the precise template, with signals as rate multipliers."""
    level, study = setting.confidence_level, model.study
    key = "precise", setting.source, setting.interval.name, setting.sigma_ref_cm2, level
    if key not in drawn:
        events = model.signal_events * setting.sigma_ref_cm2 / study.reference_cross_section_cm2
        results = _unanswered((len(data.offsets),), problem)
        if (critical := one_sided(level)) > 0:
            bound = study.search_bound_rate_multiplier * events
            (results,) = find_limits(problem, data, [np.array([[0.0, critical]])], False, bound)
            results.limit[:] = results.limit / events
            results.best_fit[:] = results.best_fit / events
        drawn[key] = results
    return cast("Results", drawn[key])


def _unanswered(shape: tuple[int, ...], problem: Problem) -> Results:
    """Results of limits that are not asked for, since the critical value is 0."""
    results = no_results(shape, len(problem.parameters))
    results.status[:] = Status.critical_value_zero
    return results


def _at_the_bound(
    problem: Problem,
    data: Data,
    n_events: int,
    acceptance: float,
    weight: float,
    bound: float,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """The statistic at the bracket's upper end, without a scan: templates from the precise one.

    Of the n recoils of a template a binomial number pass, and fall where the precise template has
    them; no recoil is simulated, and no limit is set.

    Parameters
    ----------
    problem
        With the precise template, which has a single row: no shape is profiled.
    acceptance
        Probability that a recoil passes.
    weight
        Expected events of a sampled recoil at rate multiplier 1.

    Returns
    -------
    t̃ at the bound of templates that are not empty, each with a dataset.
    """
    numbers = rng.binomial(n_events, acceptance, _PREDICTIONS)
    numbers = numbers[numbers > 0]
    if not len(numbers):
        return np.array([np.nan])
    cumulative = np.cumsum(problem.structure.density[:, 0])
    bins = np.searchsorted(cumulative, cumulative[-1] * rng.random(numbers.sum()), side="right")
    chosen = np.arange(len(numbers)) % len(data.offsets)
    conventional = no_bracketed(len(numbers))
    both(
        problem.structure,
        bins,
        np.append(0, np.cumsum(numbers))[np.newaxis],
        0,
        weight,
        data.bins,
        data.weights,
        data.offsets[chosen],
        data.exposure[chosen],
        data.centres_of(problem)[chosen],
        np.inf,  # never crossed: both ends are looked at, and nothing between
        bound,
        0.0,
        False,
        no_evidence(len(numbers)),
        conventional,
        no_results((1, len(numbers)), len(problem.parameters)),
    )
    return conventional.statistic_high
