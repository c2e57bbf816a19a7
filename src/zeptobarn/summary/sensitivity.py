"""Median limit and bands without toys (Asimov), and the templates' error on the limit."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import scipy
from numpy.typing import NDArray

from zeptobarn.inference.asymptotics import cls, one_sided, two_sided, unified
from zeptobarn.inference.load import make_model, read_model
from zeptobarn.inference.model import Model
from zeptobarn.inference.problem import Data, Problem, asimov, find_limits
from zeptobarn.inference.results import without_wimp
from zeptobarn.study.settings import Interval
from zeptobarn.study.slices.summary import sensitivity_slice, signals_sensitivity_slice
from zeptobarn.study.study import Study
from zeptobarn.support import paths
from zeptobarn.support.streams import stream
from zeptobarn.support.tables import write_parquet
from zeptobarn.templates.building import build
from zeptobarn.templates.response import Response, read_response
from zeptobarn.templates.spectra import read_result
from zeptobarn.templates.templates import Template, Widths, kernel_widths, smoothed

# Best fits of the Asimov bands, in standard deviations of the signal.
BANDS = {
    "asimov_cm2": 0.0,
    "asimov_minus2sigma_cm2": -2.0,
    "asimov_minus1sigma_cm2": -1.0,
    "asimov_plus1sigma_cm2": 1.0,
    "asimov_plus2sigma_cm2": 2.0,
}

_UNITS = {
    "interaction": "",
    "mass_GeV": "GeV/c²",
    "interval": "",
    **dict.fromkeys([*BANDS, "template_error_cm2", "template_bias_cm2"], "cm²"),
}


def asimov_limits(model: Model, interval: Interval) -> dict[str, float]:
    """Upper ends for the background-only Asimov dataset, and for best fits ±1σ, ±2σ off (cm²).

    Asymptotic: with σ from the Asimov dataset and x = μ/σ, a best fit of Nσ has the statistic
    (x − N)² or, where N < 0, x² − 2xN (EPJC 71 (2011) 1554); the limit is where that is the
    asymptotic critical value at x. With toy-calibrated critical values, the Asimov dataset's own
    limit uses these, and there are no bands (NaN).
    """
    problem = model.problem(interval)
    per_event = _reference(model) / (model.signal_events or np.nan)
    level, data = model.study.confidence_level, _asimov(model, problem)
    if problem.fault or not problem.signal_efficiency > 0 or _critical(interval, level, 1.0) <= 0:
        return dict.fromkeys(BANDS, np.nan)
    if model.study.critical_values == "toys":
        asimov_limit = _limit(problem, data, model.critical(interval, problem))
        return dict.fromkeys(BANDS, np.nan) | {"asimov_cm2": asimov_limit * per_event}
    return {
        name: per_event
        * _limit(problem, data, np.array([[0.0, _reach(interval, level, best) ** 2]]))
        for name, best in BANDS.items()
    }


def replica(response: Response, normal: NDArray[np.float64]) -> Response:
    """Vary a response within its simulation error: each probability by a log-normal factor.

    Parameters
    ----------
    normal
        Standard normal numbers, shape (energy bins, cS1 bins × cS2 bins). Anchors of a response
        share them, for they were simulated with the same random numbers.
    """
    filled = response.probability.tocoo()
    squared = np.asarray(response.variance[filled.row, filled.col]).ravel() / filled.data**2
    width = np.sqrt(np.log1p(squared))
    factor = np.exp(width * normal[filled.row, filled.col] - 0.5 * width**2)
    varied = scipy.sparse.csr_array(
        (filled.data * factor, (filled.row, filled.col)), shape=filled.shape
    )
    return Response(response.energy_edges_keV, varied, response.variance)


def replica_templates(
    study: Study,
    detector: str,
    spectra: Mapping[str, Mapping[str, pd.DataFrame]],
    responses: Mapping[str, Mapping[str, Response]],
    number: int,
    widths: Mapping[str, Widths],
) -> dict[str, Template]:
    """Fold the spectra of all sources with one replica of the responses.

    Parameters
    ----------
    spectra
        By source and recoil type; none of a template from a formula.
    responses
        By name and anchor.
    number
        Which replica.
    widths
        Of the kernel, by source, where the study asks for one. They stay those of the simulated
        templates: a replica is noisier than a simulation, and would ask for others.
    """
    varied: dict[str, dict[str, Response]] = {}
    for response_name, anchors in responses.items():
        rng = stream(study.seed, "replica", detector, response_name, number)
        normal = rng.standard_normal(next(iter(anchors.values())).probability.shape)
        varied[response_name] = {
            name: replica(response, normal) for name, response in anchors.items()
        }
    return {
        source: build(study, detector, source, tables, varied, widths.get(source))
        for source, tables in spectra.items()
    }


def source_widths(
    study: Study,
    detector: str,
    spectra: Mapping[str, Mapping[str, pd.DataFrame]],
    responses: Mapping[str, Mapping[str, Response]],
) -> dict[str, Widths]:
    """Widths of the kernel of each source that is simulated, as `smoothed` takes them.

    Parameters
    ----------
    spectra, responses
        See `replica_templates`.
    """
    plain = dataclasses.replace(study, density="histogram")
    space = study.detectors[detector].space
    return {
        source: kernel_widths(build(plain, detector, source, tables, responses), space)
        for source, tables in spectra.items()
        if tables
    }


def template_bias(
    model: Model, interval: Interval, widths: Mapping[str, Mapping[str, Widths]]
) -> float:
    """How far the asymptotic Asimov limit is off because templates are simulated (cm²), roughly.

    Of histograms it is the limit less that with the same templates smoothed: where no simulated
    recoil fell, a signal costs nothing, and the limit comes out too low. Of kernel estimates it
    is the limit with the templates smoothed once more less the limit: what the kernel does to the
    estimate is about what it did to the truth (the bootstrap estimate of a kernel's bias, Taylor,
    Biometrika 76 (1989) 705). It is rather too large, for the estimate has noise to smooth, too.

    Parameters
    ----------
    widths
        Of the kernel, by detector and source: `source_widths`.
    """
    templates = {
        name: {
            source: smoothed(template, model.study.detectors[name].space, widths[name][source])
            if source in widths[name]
            else template
            for source, template in by_source.items()
        }
        for name, by_source in model.templates.items()
    }
    again = _replica_limit(dataclasses.replace(model, templates=templates), interval)
    shift = again - _replica_limit(model, interval)
    return shift if model.study.smoothed else -shift


def sensitivity(study: Study, target: str) -> pd.DataFrame:
    """Asimov limits on WIMPs of a detector or combination, and what finite simulation does to them.

    Reads templates and calibrations from the study's results, and for error and bias of a
    simulation spectra and responses.

    Returns
    -------
    A row per interaction, mass and interval: `BANDS`; ``template_error_cm2``, the standard
    deviation of the Asimov limit over replicas of the responses; and ``template_bias_cm2``, see
    `template_bias`. Both are 0 for quadrature.
    """
    return _limits(study, target, study.wimps)


def signals_sensitivity(study: Study, target: str) -> pd.DataFrame:
    """Asimov limits on the given signals, like those of `sensitivity`; see `without_wimp`."""
    places = [(signal.name, None) for signal in study.given_signals]
    return without_wimp(_limits(study, target, places))


def _limits(study: Study, target: str, places: Sequence[tuple[str, float | None]]) -> pd.DataFrame:
    n = study.replicas
    names = [study.tested(*place).name for place in places]
    exact = 0.0 if study.response_method == "quadrature" else np.nan
    inputs = {d: _inputs(study, d, names) for d in study.targets[target]} if n else {}
    widths = {
        name: source_widths(study, name, spectra, responses)
        for name, (spectra, responses) in inputs.items()
    }
    replicas = [
        {
            name: replica_templates(study, name, spectra, responses, i, widths[name])
            for name, (spectra, responses) in inputs.items()
        }
        for i in range(n)
    ]
    rows = []
    for interaction, mass in places:
        model = _read_model(study, target, mass, interaction)
        varied = [make_model(study, target, mass, interaction, each) for each in replicas]
        for interval in study.intervals:
            limits = asimov_limits(model, interval)
            answered = not np.isnan(limits["asimov_cm2"])
            others = [_replica_limit(other, interval) for other in varied if answered]
            error = float(np.std(others, ddof=1)) if len(others) > 1 else exact
            bias = template_bias(model, interval, widths) if widths and answered else exact
            rows.append(
                {
                    "interaction": interaction,
                    "mass_GeV": np.nan if mass is None else float(mass),
                    "interval": interval.name,
                    **limits,
                    "template_error_cm2": error if answered else np.nan,
                    "template_bias_cm2": bias if answered else np.nan,
                }
            )
    return pd.DataFrame(rows)


def _read_model(study: Study, target: str, mass_GeV: float | None, interaction: str) -> Model:
    """Read a model from the study's results; a file that is missing or stale is an error."""
    sources = study.model_sources(target, interaction, mass_GeV)
    files = [study.path(paths.TEMPLATE, detector=d, source=s) for d, s in sources]
    values = None
    if study.critical_values == "toys":
        values = study.model_path(paths.CALIBRATION, target, interaction, mass_GeV)
    return read_model(study, target, mass_GeV, interaction, files, values)


def _inputs(
    study: Study, detector: str, signals: Sequence[str]
) -> tuple[dict[str, dict[str, pd.DataFrame]], dict[str, dict[str, Response]]]:
    """Read the spectra of signals and of all backgrounds, and the responses that they need."""
    sources = [*signals, *(s.name for s in study.detectors[detector].sources)]
    spectra: dict[str, dict[str, pd.DataFrame]] = {}
    responses: dict[str, dict[str, Response]] = {}
    for source in sources:
        spectra[source] = {
            response: read_result(study, name, study.path(paths.SPECTRUM, spectrum=name))
            for response, name in study.source_spectra(detector, source).items()
        }
        for response in spectra[source]:
            if response in responses:
                continue
            place = {"detector": detector, "recoil": response}
            responses[response] = {
                anchor: read_response(
                    study,
                    detector,
                    response,
                    anchor,
                    study.path(paths.RESPONSE, **place, anchor=anchor),
                )
                for anchor in study.anchors(detector, response)
            }
    return spectra, responses


def write_sensitivity(study: Study, target: str, table: pd.DataFrame, path: Path) -> None:
    """Write a table of `sensitivity`, or of `signals_sensitivity`."""
    given = "signal" in table
    units = dict.fromkeys(table.columns, "") if given else _UNITS
    depends_on = signals_sensitivity_slice if given else sensitivity_slice
    write_parquet(table, path, units=units, config_slice=depends_on(study, target), seed=study.seed)


def _replica_limit(model: Model, interval: Interval) -> float:
    """Asymptotic Asimov limit (cm²)."""
    problem = model.problem(interval)
    if not problem.signal_efficiency > 0:
        return np.nan
    reach = _reach(interval, model.study.confidence_level, 0.0)
    limit = _limit(problem, _asimov(model, problem), np.array([[0.0, reach**2]]))
    return limit / model.signal_events * _reference(model)


def _reference(model: Model) -> float:
    """Cross section (cm²) of rate multiplier 1; 1 of a signal that was given."""
    return model.study.reference_cross_section_cm2 if model.mass_GeV is not None else 1.0


def _asimov(model: Model, problem: Problem) -> Data:
    """The background-only Asimov dataset of what the interval's datasets are thrown at.

    Only where this interval's sources have a density: with nominal datasets and shapes fixed
    elsewhere, a few bins at the rim may hold nothing; toys hardly ever hit them.
    """
    if model.study.datasets == "own":
        return asimov(problem, problem.background)
    data = model.asimov()
    kept = problem.structure.density[data.bins].max(axis=1) > 0
    offsets = np.append(0, np.cumsum(kept))[data.offsets]
    chosen = {"bins": data.bins[kept], "weights": data.weights[kept], "offsets": offsets}
    return dataclasses.replace(data, **chosen)


def _limit(problem: Problem, data: Data, critical: NDArray[np.float64]) -> float:
    (results,) = find_limits(problem, data, [critical], False, 1e300)
    return float(results.limit[0])


def _critical(interval: Interval, level: float, x: float) -> float:
    """Asymptotic critical value at μ/σ = x."""
    if interval.kind == "unified":
        return unified(level, x)
    if interval.kind == "central":
        return two_sided(level)
    return cls(level, x) if interval.cls and level > 0.5 else one_sided(level)


def _reach(interval: Interval, level: float, best: float) -> float:
    """μ/σ at the upper end, for a best fit of ``best`` standard deviations."""

    def excess(x: float) -> float:
        statistic = (x - best) ** 2 if best >= 0 else x * x - 2 * x * best
        return statistic - _critical(interval, level, x)

    return float(
        scipy.optimize.brentq(excess, max(best, 0.0) + 1e-6, max(best, 0.0) + 20, xtol=1e-10)
    )
