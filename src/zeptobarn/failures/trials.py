"""The failure study: when the conventional recipe finds no limit, why, and what ours finds.

The recipe: a signal template from n recoils sampled from the spectrum, at every anchor, then
`zeptobarn.failures.conventional`. A trial has a sampled template and a background dataset; both
finders set its limit. Backgrounds keep their precise templates, so that what fails is the signal's
doing.
"""

from collections.abc import Mapping
from itertools import product
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from zeptobarn.failures.conventional import (
    Bracketed,
    both,
    critical_value,
    no_bracketed,
    no_evidence,
)
from zeptobarn.failures.scans import Setting, failures_slice, settings
from zeptobarn.inference.asymptotics import one_sided
from zeptobarn.inference.far import no_spans
from zeptobarn.inference.intervals import Results, no_results, select
from zeptobarn.inference.load import make_model
from zeptobarn.inference.model import Model
from zeptobarn.inference.problem import Data, Problem, solve
from zeptobarn.inference.status import Status
from zeptobarn.physics.apparatus import Recoil
from zeptobarn.study.study import Study
from zeptobarn.support import paths
from zeptobarn.support.streams import stream
from zeptobarn.support.tables import read_parquet, write_parquet
from zeptobarn.templates.response import apparatus_at
from zeptobarn.templates.templates import Template, events_per_rate, rate_above_cutoff, sample_bins
from zeptobarn.templates.toys import Toys, throw

# With this share of empty templates chance shows.
_WORTH_COUNTING = 0.25
_MOST_EVENTS = 5000
# Draws that share a random stream.
_BLOCK = 100
# Templates that a prediction of the statistic at the bound draws, the empty ones among them.
_PREDICTIONS = 4000
_SETTING_UNITS = {
    "scan": "",
    "detector": "",
    "mass_GeV": "GeV/c²",
    "interaction": "",
    "sigma_ref_cm2": "cm²",
    "n_events_for_pdf": "recoils",
    "n_trials": "",
    "shape_parameters": "",
    "bound": "",
    "confidence_level": "",
    "seed": "",
}
_TRIAL_UNITS = {
    **_SETTING_UNITS,
    "trial": "",
    "draw": "",
    "dataset": "",
    "finder": "",
    "limit_rate_multiplier": "",
    "best_fit_rate_multiplier": "",
    "status": "",
    "message": "",
    "critical_value": "",
    "statistic_low": "",
    "statistic_high": "",
    "expected_events": "events",
    "filled_bins": "",
    "event_cs1": "area",
    "event_cs2": "area",
    "predicted_fraction": "",
    "predicted_no_crossing": "",
    "difference": "",
}
CONVENTIONAL_MESSAGES = {
    Status.ok: "",
    Status.no_crossing: "no change of sign between the best fit and the bound: the signal at the "
    "bound is too small to be excluded; raise the bound",
    Status.empty_template: "none of the sampled recoils passed the cuts, at one anchor or more: "
    "there is no signal to exclude; simulate by energy, not from the spectrum",
    Status.zero_density_event: "an event has no density in any template: a background is missing",
    Status.not_converged: "the fit or the search did not converge",
}
# A sampled template that is empty at one anchor says nothing there, and counts as empty.
PRECISE_MESSAGES = {status: status.message for status in Status}
ROBUST_MESSAGES = {
    **PRECISE_MESSAGES,
    Status.empty_template: CONVENTIONAL_MESSAGES[Status.empty_template],
}
_NEVER_FILLED = "the recipe fills this array at one mass only: its initial 0 is no limit"
LEFT_NOMINAL = "the shape parameter was left nominal"


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
    found = pd.concat(tables, ignore_index=True)
    found = found.assign(scan=scan, detector=detector, seed=study.seed)
    return found[list(_TRIAL_UNITS)]


def write_trials(
    study: Study, detector: str, scan: str, table: pd.DataFrame, path: str | Path
) -> None:
    """Write the trials of `run`."""
    area = study.detectors[detector].area_unit
    write_parquet(
        table,
        path,
        units=_TRIAL_UNITS | {"event_cs1": area, "event_cs2": area},
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
    return read_parquet(path, config_slice=failures_slice(study, detector, scan))[0]


def rebuild(
    study: Study,
    detector: str,
    trial: Mapping[str, Any],
    templates: Mapping[str, Template],
    spectrum: pd.DataFrame,
) -> tuple[Model, Setting, Toys]:
    """Give a trial's model, with its sampled template, its setting and its dataset.

    The template is that at rate multiplier 1 of the trial's own reference cross section.

    Parameters
    ----------
    trial
        A row of `run`.
    templates
        The precise templates of all backgrounds and of the trial's signal, by name.
    spectrum
        The signal's spectrum.
    """
    names = ("mass_GeV", "interaction", "sigma_ref_cm2", "bound", "confidence_level")
    wanted = {name: trial[name] for name in names}
    setting = next(
        s
        for s in settings(study, str(trial["scan"]))
        if all(getattr(s, name) == value for name, value in wanted.items())
        and s.shape_parameters == trial["shape_parameters"]
        and s.n_events in (0, trial["n_events_for_pdf"])
    )
    n, draw = int(trial["n_events_for_pdf"]), range(int(trial["draw"]) - 1, int(trial["draw"]))
    found = study.detectors[detector]
    weight = events_per_rate(study, detector, setting.source) / n
    weight *= setting.sigma_ref_cm2 / study.reference_cross_section_cm2
    weight *= rate_above_cutoff(found.apparatus, _recoil(study, detector, setting.source), spectrum)
    rows = []
    for values in _anchors(study, detector, setting):
        _, bins = _sample(study, detector, setting.source, spectrum, n, values, draw)
        counts = np.bincount(bins, minlength=int(np.prod(found.space.shape)))
        rows.append(weight * counts * (setting.filled != "nothing"))
    expected = np.array(rows, dtype=float)
    sampled = _on_all_anchors(study, detector, setting, expected)
    model = make_model(
        study,
        detector,
        setting.mass_GeV,
        setting.interaction,
        {detector: {**templates, setting.source: sampled}},
    )
    return model, setting, throw(study, detector, templates, [int(trial["dataset"])])


def _on_all_anchors(
    study: Study, detector: str, setting: Setting, expected: NDArray[np.float64]
) -> Template:
    """Give a template with the same rows at all anchors of the shapes that are held."""
    shapes = study.shapes_of(detector, study.recoil(detector, setting.source))
    lengths = [1 if s.name in setting.interval.fixed else len(s.anchors) for s in shapes]
    grid = expected.reshape([*lengths, -1])
    whole = np.broadcast_to(grid, [*(len(s.anchors) for s in shapes), grid.shape[-1]])
    values = tuple(study.anchors(detector, study.recoil(detector, setting.source)).values())
    rows = whole.reshape(len(values), -1)
    return Template(values, rows, np.zeros_like(rows))


def _recoil(study: Study, detector: str, source: str) -> Recoil:
    recoil = study.recoil(detector, source)
    assert recoil is not None  # a signal is always of recoils
    return recoil


def _trials(
    model: Model,
    setting: Setting,
    spectrum: pd.DataFrame,
    data: Data,
    events: pd.DataFrame,
    drawn: dict[Any, Any],
) -> pd.DataFrame:
    """Both finders on the trials of a setting."""
    study, detector = model.study, model.target
    problem = model.problem(setting.interval)
    anchors = _anchors(study, detector, setting)
    nominal = next((r for r, values in enumerate(anchors) if not any(values.values())), 0)
    scale = events_per_rate(study, detector, setting.source)
    scale *= setting.sigma_ref_cm2 / study.reference_cross_section_cm2
    cutoff_rate = rate_above_cutoff(
        study.detectors[detector].apparatus, _recoil(study, detector, setting.source), spectrum
    )
    accepted = problem.structure.expected[: len(anchors)] * model.signal_events
    acceptance = accepted / (cutoff_rate * events_per_rate(study, detector, setting.source))
    n = setting.n_events or _events_worth_counting(acceptance[nominal])
    samples = []
    for values in anchors:
        key = setting.source, n, setting.n_trials, tuple(values.items())
        if key not in drawn:
            drawn[key] = _sample(
                study, detector, setting.source, spectrum, n, values, range(setting.n_trials)
            )
        samples.append(drawn[key])
    counts = np.array([len(bins) for _, bins in samples])
    starts = np.array([first for first, _ in samples]) + (np.cumsum(counts) - counts)[:, np.newaxis]
    if setting.filled == "nothing":
        starts[:] = 0
    chosen = np.arange(setting.n_trials) % len(data.offsets)
    level = setting.confidence_level
    critical = critical_value(level)
    weight = cutoff_rate * scale / n
    statistic = np.array([np.nan])
    if len(anchors) == 1 and setting.filled == "own":
        at_bound = "bound", setting.source, n, weight, setting.bound, tuple(anchors[0].items())
        if at_bound not in drawn:
            rng = stream(study.seed, "bound", detector, setting.source, n)
            drawn[at_bound] = _at_the_bound(
                problem, data, n, acceptance[0], weight, setting.bound, rng
            )
        statistic = drawn[at_bound]
    empty = 1.0 if setting.filled == "nothing" else 1 - np.prod(1 - (1 - acceptance) ** n)
    answered = one_sided(level) > 0
    n_trials = setting.n_trials
    evidence, conventional = no_evidence(n_trials), no_bracketed(n_trials)
    by_table = _unanswered((1, n_trials), problem)
    both(
        problem.structure._replace(spans=no_spans(1)),  # its templates are sampled
        np.concatenate([bins for _, bins in samples]),
        starts,
        nominal,
        weight,
        data.bins,
        data.weights,
        data.offsets[chosen],
        data.exposure[chosen],
        data.centres_of(problem)[chosen],
        critical,
        setting.bound,
        study.search_bound_rate_multiplier,
        answered,
        evidence,
        conventional,
        by_table,
    )
    robust = select(by_table, 0)
    if setting.filled == "limits":
        conventional = drawn["limits", setting.source]
    elif not any(setting.interval.fixed.values()):
        drawn["limits", setting.source] = conventional
    differences = _differences(conventional, robust, evidence.at_best)
    if setting.filled == "limits":
        differences[differences != ""] = LEFT_NOMINAL
    common: dict[str, Any] = {
        "mass_GeV": float(setting.mass_GeV),
        "interaction": setting.interaction,
        "sigma_ref_cm2": setting.sigma_ref_cm2,
        "n_events_for_pdf": n,
        "n_trials": n_trials,
        "shape_parameters": setting.shape_parameters,
        "bound": setting.bound,
        "confidence_level": level,
        "draw": np.arange(1, n_trials + 1),
        "dataset": chosen + 1,
        "critical_value": critical,
        "expected_events": evidence.expected,
        "filled_bins": evidence.filled_bins,
        **_coordinates(
            events,
            np.where(evidence.missing < 0, np.nan, data.offsets[chosen, 0] + evidence.missing),
        ),
        "predicted_fraction": empty,
        "predicted_no_crossing": np.nan
        if np.isnan(statistic).all()
        else (1 - empty) * np.mean(statistic < critical),
    }
    table = pd.concat(
        [
            _finder(common, "conventional", conventional, CONVENTIONAL_MESSAGES),
            _finder(common, "robust", robust, ROBUST_MESSAGES),
        ],
        ignore_index=True,
    )
    table["difference"] = np.tile(differences, 2)
    if setting.precise:
        precise = select(_precise(model, problem, setting, data, drawn), chosen)
        bins = problem.structure.density[:, : len(anchors)] > 0
        common |= {
            "expected_events": model.signal_events
            * setting.sigma_ref_cm2
            / study.reference_cross_section_cm2,
            "filled_bins": bins.sum(axis=0).min(),
            "predicted_fraction": 0.0,
            "predicted_no_crossing": np.nan,
            "difference": "",
        }
        ours = _finder(common, "precise", precise, PRECISE_MESSAGES)
        table = pd.concat([table, ours], ignore_index=True)
    if setting.filled == "nothing":
        # The recipe does not even ask: its array of limits began with zeros.
        at = table["finder"] == "conventional"
        table.loc[at, "limit_rate_multiplier"] = 0.0
        table.loc[at, ["status", "message"]] = "ok", _NEVER_FILLED
    return table


def _precise(
    model: Model, problem: Problem, setting: Setting, data: Data, drawn: dict[Any, Any]
) -> Results:
    """Our limits of all datasets with the precise template, with signals as rate multipliers."""
    level, study = setting.confidence_level, model.study
    key = "precise", setting.source, setting.interval.name, setting.sigma_ref_cm2, level
    if key not in drawn:
        events = model.signal_events * setting.sigma_ref_cm2 / study.reference_cross_section_cm2
        found = _unanswered((len(data.offsets),), problem)
        if (critical := one_sided(level)) > 0:
            bound = study.search_bound_rate_multiplier * events
            (found,) = solve(problem, data, [np.array([[0.0, critical]])], False, bound)
            found.limit[:], found.best_fit[:] = found.limit / events, found.best_fit / events
        drawn[key] = found
    return cast("Results", drawn[key])


def _unanswered(datasets: tuple[int, ...], problem: Problem) -> Results:
    """Results of limits that are not asked for, since the critical value is 0."""
    found = no_results(datasets, len(problem.parameters))
    found.status[:] = Status.critical_value_zero
    return found


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
    found = no_bracketed(len(numbers))
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
        found,
        no_results((1, len(numbers)), len(problem.parameters)),
    )
    return found.statistic_high


def _events_worth_counting(acceptance: float) -> int:
    """Recoils that leave a quarter of the templates empty, within reason."""
    if acceptance <= 0:
        return _MOST_EVENTS
    return min(int(np.ceil(np.log(_WORTH_COUNTING) / np.log1p(-acceptance))), _MOST_EVENTS)


def _finder(
    common: Mapping[str, Any],
    finder: str,
    results: Bracketed | Results,
    messages: Mapping[Status, str],
) -> pd.DataFrame:
    names = np.array([s.name for s in Status], dtype=object)
    texts = np.array([messages.get(s, "") for s in Status], dtype=object)
    ends = np.full((2, len(results.status)), np.nan)
    if isinstance(results, Bracketed):
        ends = np.stack([results.statistic_low, results.statistic_high])
    return pd.DataFrame(
        {
            **common,
            "finder": finder,
            "limit_rate_multiplier": results.limit,
            "best_fit_rate_multiplier": results.best_fit,
            "status": names[results.status],
            "message": texts[results.status],
            "statistic_low": ends[0],
            "statistic_high": ends[1],
        }
    )


def _differences(
    conventional: Bracketed, robust: Results, at_best: NDArray[np.float64]
) -> NDArray[np.object_]:
    """Say why two limits of a trial differ by more than 0.1 %; empty where they do not."""
    limit, other = conventional.limit, robust.limit
    found = np.full(len(limit), "", dtype=object)
    apart = np.abs(limit - other) > _SAME * other
    found[apart] = "unexplained"
    found[apart & (robust.status == Status.multiple_crossings)] = "several crossings"
    found[apart & (at_best < -_HIGHER)] = "the conventional best fit is a local maximum"
    found[apart & (limit < conventional.best_fit)] = "the bound is below the best fit"
    return found


# Limits that differ by less (relative) are the same; −2 ln L that is lower by more is lower.
_SAME, _HIGHER = 1e-3, 1e-6


def _coordinates(events: pd.DataFrame, rows: NDArray[np.float64]) -> dict[str, Any]:
    """Where the first event without density is; NaN where all have one."""
    found = {}
    for axis in ("cs1", "cs2"):
        values = np.append(events[axis].to_numpy(), np.nan)
        found[f"event_{axis}"] = values[np.where(np.isnan(rows), -1, rows).astype(np.int64)]
    return found


def _anchors(study: Study, detector: str, setting: Setting) -> list[dict[str, float]]:
    """Shape values of each row of the signal."""
    fixed = setting.interval.fixed
    shapes = study.shapes_of(detector, study.recoil(detector, setting.source))
    grid = product(*((fixed[s.name],) if s.name in fixed else s.anchors for s in shapes))
    return [dict(zip((s.name for s in shapes), values, strict=True)) for values in grid]


def _sample(
    study: Study,
    detector: str,
    source: str,
    spectrum: pd.DataFrame,
    n_events: int,
    shape_values: Mapping[str, float],
    draws: range,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Sample a template of ``n_events`` recoils for each draw.

    Returns
    -------
    first, bins
        Bins of the recoils that passed, draw after draw, and where each draw begins and the last
        ends, shape (draws + 1,). A draw does not depend on which others are asked for.
    """
    recoil = _recoil(study, detector, source)
    space = study.detectors[detector].space
    changed, nuisances = apparatus_at(study, detector, shape_values)
    address = "failures", detector, source, n_events, paths.anchor_name(shape_values)
    counts, bins = [], []
    for block in range(draws[0] // _BLOCK, draws[-1] // _BLOCK + 1):
        rng = stream(study.seed, *address, block)
        drawn = sample_bins(changed, recoil, space, spectrum, _BLOCK * n_events, rng, nuisances)
        wanted = slice(max(draws[0] - block * _BLOCK, 0), draws[-1] + 1 - block * _BLOCK)
        kept = drawn.reshape(_BLOCK, n_events)[wanted]
        counts.append((kept >= 0).sum(axis=1))
        bins.append(kept[kept >= 0])
    return np.append(0, np.cumsum(np.concatenate(counts))), np.concatenate(bins)
