"""Models from what a study needs: read from its results, or computed and kept for the next time."""

import dataclasses
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zeptobarn.inference import calibration
from zeptobarn.inference.events import Observation
from zeptobarn.inference.model import Model
from zeptobarn.inference.observed_limits import calibrate_on
from zeptobarn.inference.results import read_calibration, write_calibration
from zeptobarn.study.slices.limits import calibration_slice
from zeptobarn.study.slices.response import response_slice
from zeptobarn.study.slices.template import template_slice
from zeptobarn.study.study import Study
from zeptobarn.support import paths
from zeptobarn.support.cache import kept, warn_once
from zeptobarn.support.reachable import code_of
from zeptobarn.support.tables import DamagedResultError, ResultError, digest
from zeptobarn.templates import building, response
from zeptobarn.templates.building import build
from zeptobarn.templates.response import Response, compute_response, read_response, write_response
from zeptobarn.templates.spectra import source_tables
from zeptobarn.templates.templates import Template, read_template, write_template

if TYPE_CHECKING:
    from rich.progress import Progress

# A result that is not there, or of another configuration, is made; so is one that was kept and
# cannot be read any more.


def load_model(
    study: Study,
    target: str,
    mass_GeV: float | None = None,
    interaction: str = "SI",
    signal: str | None = None,
) -> Model:
    """Make the model of a WIMP mass, or of a given signal, in a detector or a combination.

    Templates are read from the study's results where they are there and of this configuration.
    Else they are computed (a minute or so the first time) and kept in the user's cache folder,
    and so are calibrated critical values, where the study asks for them.

    Parameters
    ----------
    study
        From `zeptobarn.load_study`.
    target
        One of the study's detectors or combinations.
    mass_GeV
        One of the study's masses (GeV/c²).
    interaction
        One of the study's interactions.
    signal
        One of the study's own signals, in place of a mass and an interaction.

    Raises
    ------
    ValueError
        The study has no such detector, mass, interaction or signal.
    """
    model = load_uncalibrated(study, target, mass_GeV, interaction, signal)
    interaction = model.interaction
    if study.critical_values != "toys":
        return model
    file = study.model_path(paths.CALIBRATION, target, interaction, mass_GeV)
    try:
        return dataclasses.replace(model, critical_values=read_calibration(model, file))
    except ResultError as error:
        _mention(error)
    place = study, target, interaction, mass_GeV
    file = _kept("calibration", calibration_slice(*place), calibration.__file__)
    try:
        values = read_calibration(model, file)
    except ResultError:
        with _progress() as progress:
            progress.add_task(f"calibration of {target}, {model.tested.label}", total=None)
            values = model.calibrate(os.cpu_count() or 1)
        _keep(write_calibration, model, values, file)
    return dataclasses.replace(model, critical_values=values)


def load_uncalibrated(
    study: Study,
    target: str,
    mass_GeV: float | None = None,
    interaction: str = "SI",
    signal: str | None = None,
) -> Model:
    """Make a model without calibrated critical values; see `load_model`."""
    keys: list[tuple[str, object, Sequence[object]]] = [("detector", target, list(study.targets))]
    if signal is None:
        keys += [("mass_GeV", mass_GeV, study.masses_GeV)]
        keys += [("interaction", interaction, study.interactions)]
    else:
        keys += [("signal", signal, [given.name for given in study.given_signals])]
        keys += [("mass_GeV", mass_GeV, [None])]
        interaction = signal
    for key, asked, allowed in keys:
        if asked not in allowed:
            raise ValueError(f"{key}: found {asked!r}; the study has {list(allowed)}")
    templates = {}
    for detector in study.targets[target]:
        sources = [
            s for d, s in study.model_sources(target, interaction, mass_GeV) if d == detector
        ]
        templates[detector] = load_templates(study, detector, sources)
    return make_model(study, target, mass_GeV, interaction, templates)


def load_calibrated_on(model: Model, seen: Observation) -> Model:
    """Calibrate a model on an observation, see `zeptobarn.inference.observed_limits.calibrate_on`.

    What was computed is kept in the user's cache folder.
    """
    if model.study.critical_values != "toys":
        return model
    place = model.study, model.target, model.interaction, model.mass_GeV
    data = [seen.data.bins.tolist(), seen.data.offsets.tolist()]
    file = _kept("calibration", [calibration_slice(*place), data], calibration.__file__)
    try:
        return dataclasses.replace(model, critical_values=read_calibration(model, file))
    except ResultError as error:
        _mention(error)
    with _progress() as progress:
        words = f"calibration of {model.target}, {model.tested.label}, on the data"
        progress.add_task(words, total=None)
        calibrated = calibrate_on(model, seen, os.cpu_count() or 1)
    assert calibrated.critical_values is not None
    _keep(write_calibration, model, calibrated.critical_values, file)
    return calibrated


def read_model(
    study: Study,
    target: str,
    mass_GeV: float | None,
    interaction: str,
    files: Sequence[str | Path],
    calibration_file: str | Path | None = None,
) -> Model:
    """Make a model from template files, in the order of `Study.model_sources`.

    Parameters
    ----------
    calibration_file
        Its calibrated critical values, where it is to have some.
    """
    templates: dict[str, dict[str, Template]] = {}
    sources = study.model_sources(target, interaction, mass_GeV)
    for (detector, source), file in zip(sources, files, strict=True):
        template = read_template(study, detector, source, Path(file))
        templates.setdefault(detector, {})[source] = template
    model = make_model(study, target, mass_GeV, interaction, templates)
    if calibration_file is None:
        return model
    values = read_calibration(model, Path(calibration_file))
    return dataclasses.replace(model, critical_values=values)


def load_templates(study: Study, detector: str, sources: list[str]) -> dict[str, Template]:
    """Read templates from the study's results; those that are not there, from the cache.

    What is not there either is computed, from no more responses than it needs, and kept.
    """
    files = {s: study.path(paths.TEMPLATE, detector=detector, source=s) for s in sources}
    try:
        return {s: read_template(study, detector, s, files[s]) for s in sources}
    except ResultError as error:
        _mention(error)
    loaded, place = {}, (study, detector)
    files = {s: _kept("template", template_slice(*place, s), building.__file__) for s in sources}
    for source in sources:
        try:
            loaded[source] = read_template(study, detector, source, files[source])
        except ResultError:
            continue
    missing = [source for source in sources if source not in loaded]
    names = {name for source in missing for name in study.source_spectra(detector, source)}
    responses = _kept_responses(study, detector, sorted(names))
    for source, template in _templates(study, detector, missing, responses).items():
        _keep(write_template, study, detector, source, template, files[source])
        loaded[source] = template
    return {source: loaded[source] for source in sources}


def build_templates(study: Study, detector: str, sources: list[str]) -> dict[str, Template]:
    """Compute a detector's responses and the templates of some sources, all in memory."""
    threads = os.cpu_count() or 1
    responses: dict[str, dict[str, Response]] = {}
    for source in sources:
        for name in study.source_spectra(detector, source):
            if name not in responses:
                responses[name] = {
                    anchor: compute_response(study, detector, name, anchor, threads)
                    for anchor in study.anchors(detector, name)
                }
    return _templates(study, detector, sources, responses)


def make_model(
    study: Study,
    target: str,
    mass_GeV: float | None,
    interaction: str,
    templates: Mapping[str, Mapping[str, Template]],
) -> Model:
    """Make a model from the templates of a signal and of all backgrounds.

    The mass of a signal that was given is None, and its interaction is its name.

    Parameters
    ----------
    templates
        By detector and source name; sources that the model does not have are left out.
    """
    kept: dict[str, dict[str, Template]] = {}
    for detector, source in study.model_sources(target, interaction, mass_GeV):
        kept.setdefault(detector, {})[source] = templates[detector][source]
    return Model(study, target, interaction, mass_GeV, kept)


def _templates(
    study: Study,
    detector: str,
    sources: Sequence[str],
    responses: Mapping[str, Mapping[str, Response]],
) -> dict[str, Template]:
    return {
        source: build(study, detector, source, source_tables(study, detector, source), responses)
        for source in sources
    }


def _kept_responses(
    study: Study, detector: str, names: Sequence[str]
) -> dict[str, dict[str, Response]]:
    """Some responses at all anchors, from the cache, or computed and kept."""
    threads = os.cpu_count() or 1
    responses: dict[str, dict[str, Response]] = {name: {} for name in names}
    missing = []
    for name in names:
        for anchor in study.anchors(detector, name):
            place = study, detector, name, anchor
            file = _kept("response", response_slice(*place), response.__file__)
            try:
                responses[name][anchor] = read_response(*place, file)
            except ResultError:
                missing.append((place, file))
    with _progress() as progress:
        for place, file in progress.track(missing, description=f"response of {detector}"):
            *_, name, anchor = place
            responses[name][anchor] = compute_response(*place, threads)
            _keep(write_response, *place, responses[name][anchor], file)
    return {
        name: {anchor: responses[name][anchor] for anchor in study.anchors(detector, name)}
        for name in names
    }


def _mention(error: ResultError) -> None:
    """Warn that a damaged result is computed anew; missing and stale ones are no surprise."""
    if isinstance(error, DamagedResultError):
        warn_once(f"{error}; it is computed here instead")


def _keep(write: Callable[..., None], *arguments: Any) -> None:
    """Write a file of the cache; what cannot be kept is no reason not to have it."""
    try:
        write(*arguments)
    except ResultError as error:
        warn_once(f"{error}; it is computed again next time")


def _kept(kind: str, config_slice: Any, module: str) -> Path:
    """File of the cache for what depends on a configuration and on a module's reachable code."""
    return kept(kind, digest([config_slice, code_of(module)]))


def _progress() -> "Progress":
    """Progress on standard error, or in a notebook, which is gone in the end."""
    from rich.console import Console
    from rich.progress import Progress

    return Progress(console=Console(stderr=True), transient=True)
