"""Signal templates of the conventional recipe, sampled from the spectrum at every anchor."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from zeptobarn.failures.scans import Setting, settings
from zeptobarn.inference.load import make_model
from zeptobarn.inference.model import Model
from zeptobarn.inference.problem import Problem
from zeptobarn.physics.apparatus import Recoil, recoil_of
from zeptobarn.study.study import Study
from zeptobarn.support import paths
from zeptobarn.support.streams import stream
from zeptobarn.templates.building import events_per_rate
from zeptobarn.templates.efficiencies import seen
from zeptobarn.templates.response import apparatus_at
from zeptobarn.templates.sampling import rate_above_cutoff, sample_bins
from zeptobarn.templates.templates import Template
from zeptobarn.templates.toys import Toys, throw

# With this share of empty templates chance shows.
_WORTH_COUNTING = 0.25
_MOST_EVENTS = 5000
# Draws that share a random stream.
_BLOCK = 100


@dataclass(frozen=True)
class Sampled:
    """The signal templates of a setting's trials.

    Attributes
    ----------
    anchors
        Shape values of each row of the signal.
    nominal
        The row of nominal shapes.
    acceptance
        Probability that a recoil passes, at each anchor; from the precise template.
    n_events
        Recoils of a template.
    weight
        Expected events of a sampled recoil at rate multiplier 1.
    bins
        Bins of the sampled recoils that passed, row after row and trial after trial.
    first
        Where each trial begins in ``bins``, and the end of the last; shape (rows, trials + 1).
    """

    anchors: list[dict[str, float]]
    nominal: int
    acceptance: NDArray[np.float64]
    n_events: int
    weight: float
    bins: NDArray[np.int64]
    first: NDArray[np.int64]


def sample_templates(
    model: Model,
    problem: Problem,
    setting: Setting,
    spectrum: pd.DataFrame,
    drawn: dict[Any, Any],
) -> Sampled:
    """Sample a template for each trial of a setting.

    Parameters
    ----------
    model, problem
        With the precise template.
    spectrum
        The signal's spectrum.
    drawn
        What earlier settings have drawn; what is drawn here is added.
    """
    study, detector = model.study, model.target
    anchors = _anchors(study, detector, setting)
    nominal = next((r for r, values in enumerate(anchors) if not any(values.values())), 0)
    scale = events_per_rate(study, detector, setting.source)
    scale *= setting.sigma_ref_cm2 / study.reference_cross_section_cm2
    cutoff_rate = _rate_drawn(study, detector, setting.source, spectrum)
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
    bins = np.concatenate([bins for _, bins in samples])
    return Sampled(anchors, nominal, acceptance, n, cutoff_rate * scale / n, bins, starts)


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
        A row of `zeptobarn.failures.trials.run`.
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
    the_detector = study.detectors[detector]
    weight = events_per_rate(study, detector, setting.source) / n
    weight *= setting.sigma_ref_cm2 / study.reference_cross_section_cm2
    weight *= _rate_drawn(study, detector, setting.source, spectrum)
    rows = []
    for values in _anchors(study, detector, setting):
        _, bins = _sample(study, detector, setting.source, spectrum, n, values, draw)
        counts = np.bincount(bins, minlength=int(np.prod(the_detector.space.shape)))
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
    shapes = study.source_shapes(detector, setting.source)
    lengths = [1 if s.name in setting.interval.fixed else len(s.anchors) for s in shapes]
    grid = expected.reshape([*lengths, -1])
    whole = np.broadcast_to(grid, [*(len(s.anchors) for s in shapes), grid.shape[-1]])
    values = tuple(study.source_anchors(detector, setting.source).values())
    rows = whole.reshape(len(values), -1)
    return Template(values, rows, np.zeros_like(rows))


def _rate_drawn(study: Study, detector: str, source: str, spectrum: pd.DataFrame) -> float:
    """Rate (events/(kg day)) that all recoils stand for which are drawn."""
    apparatus = study.detectors[detector].apparatus
    recoil = _recoil(study, detector, source)
    rate = rate_above_cutoff(apparatus, recoil, spectrum)
    return rate * seen(study, detector, source, recoil, {}).largest_factor


def _recoil(study: Study, detector: str, source: str) -> Recoil:
    (response,) = study.source_spectra(detector, source)
    return recoil_of(response)


def _anchors(study: Study, detector: str, setting: Setting) -> list[dict[str, float]]:
    """Shape values of each row of the signal."""
    fixed = setting.interval.fixed
    shapes = study.source_shapes(detector, setting.source)
    grid = product(*((fixed[s.name],) if s.name in fixed else s.anchors for s in shapes))
    return [dict(zip((s.name for s in shapes), values, strict=True)) for values in grid]


def _events_worth_counting(acceptance: float) -> int:
    """Recoils that leave a quarter of the templates empty, within reason."""
    if acceptance <= 0:
        return _MOST_EVENTS
    return min(int(np.ceil(np.log(_WORTH_COUNTING) / np.log1p(-acceptance))), _MOST_EVENTS)


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
    response = study.response(detector, source)
    changed, nuisances = apparatus_at(study, detector, shape_values, response)
    share = seen(study, detector, source, recoil, shape_values)
    address = "failures", detector, source, n_events, paths.anchor_name(shape_values)
    counts, bins = [], []
    for block in range(draws[0] // _BLOCK, draws[-1] // _BLOCK + 1):
        rng = stream(study.seed, *address, block)
        drawn = sample_bins(
            changed, recoil, space, spectrum, _BLOCK * n_events, rng, nuisances, share
        )
        wanted = slice(max(draws[0] - block * _BLOCK, 0), draws[-1] + 1 - block * _BLOCK)
        kept = drawn.reshape(_BLOCK, n_events)[wanted]
        counts.append((kept >= 0).sum(axis=1))
        bins.append(kept[kept >= 0])
    return np.append(0, np.cumsum(np.concatenate(counts))), np.concatenate(bins)
