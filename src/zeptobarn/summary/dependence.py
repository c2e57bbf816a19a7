"""What a limit depends on: the confidence level, the exposure, and the numbers of the detector.

All limits are those of the background-only Asimov dataset with asymptotic critical values, nothing
profiled but the background rates that the detector file leaves free.
"""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from zeptobarn.inference.asymptotics import one_sided
from zeptobarn.inference.load import make_model, read_model
from zeptobarn.inference.model import Model
from zeptobarn.inference.problem import asimov, find_limits
from zeptobarn.inference.result_kinds import LIMIT, STATUS
from zeptobarn.inference.status import Status
from zeptobarn.study.study import Study
from zeptobarn.study.variation import (
    EXPOSURES,
    LEVELS,
    bare_study,
    changed,
    dependence_slice,
    nominal_interval,
    typical_masses,
    variations,
)
from zeptobarn.summary.sensitivity import asimov_limits
from zeptobarn.support.kinds import NOT_NEGATIVE, Column, Kind
from zeptobarn.support.tables import read_parquet, write_parquet
from zeptobarn.templates.building import build
from zeptobarn.templates.response import Response, compute_response
from zeptobarn.templates.templates import Template

Spectra = Mapping[str, Mapping[str, pd.DataFrame]]

_UNITS = {
    "parameter": "",
    "value": "that of the parameter: µs, V/cm, the detector's area unit, or none",
    "interaction": "",
    "mass_GeV": "GeV/c²",
    "signal_events": "events at the reference cross section",
    "background_events": "events",
    "limit_cm2": "cm²",
    "status": "",
}
_KIND = Kind(
    {
        "value": Column(missing=True),
        "signal_events": NOT_NEGATIVE,
        "background_events": NOT_NEGATIVE,
        "limit_cm2": LIMIT,
        "status": STATUS,
    },
    key=("parameter", "value", "mass_GeV"),
    fewest=1,
)


def dependence(study: Study, detector: str, spectra: Spectra, threads: int = 1) -> pd.DataFrame:
    """Limits of a detector at other confidence levels and exposures, and with changed numbers.

    Parameters
    ----------
    spectra
        Spectra of the detector's backgrounds and of the signals (the study's first interaction, at
        `zeptobarn.study.variation.typical_masses`), by name and response; none for a template from
        a formula or a file.

    Returns
    -------
    A row per parameter, value and mass. ``parameter`` is ``nominal``, ``confidence_level``,
    ``exposure`` (the factor on the livetime) or a key of the detector file. Where there is no
    limit, ``limit_cm2`` is NaN and ``status`` says why (see `zeptobarn.inference.status.Status`).
    """
    bare, masses = bare_study(study, detector), typical_masses(study)
    templates = _templates(bare, detector, spectra, threads)
    rows = []
    for mass in masses:
        model = make_model(bare, detector, mass, study.interactions[0], {detector: templates})
        rows += [_row("nominal", np.nan, model)]
        rows += [_row("confidence_level", level, _at_level(model, level)) for level in LEVELS]
        rows += [_row("exposure", factor, model, factor) for factor in EXPOSURES]
    for parameter, value in variations(study.detectors[detector]):
        other = changed(bare, detector, parameter, value)
        templates = _templates(other, detector, spectra, threads)
        rows += [
            _row(
                parameter,
                value,
                make_model(other, detector, mass, study.interactions[0], {detector: templates}),
            )
            for mass in masses
        ]
    return pd.DataFrame(rows, columns=list(_UNITS))


def limit(model: Model, exposure: float = 1.0) -> tuple[float, Status]:
    """Upper limit (cm²) of a model for its Asimov dataset, and a status.

    Parameters
    ----------
    exposure
        Factor on the livetime of every detector.

    Returns
    -------
    The limit, NaN where there is none, and why.
    """
    problem = model.problem(nominal_interval(model.study))
    critical = one_sided(model.study.confidence_level)
    if not problem.signal_efficiency > 0:
        return np.nan, Status.empty_template
    if not critical > 0:
        return np.nan, Status.critical_value_zero
    factors = np.full(len(model.templates), exposure)
    data = asimov(problem, problem.background, factors)
    (results,) = find_limits(problem, data, [np.array([[0.0, critical]])], False, 1e300)
    per_event = model.study.reference_cross_section_cm2 / model.signal_events
    return float(results.limit[0] * per_event), Status(int(results.status[0]))


def interaction_limits(
    study: Study, detector: str, files: Mapping[tuple[str, float], list[str]]
) -> pd.DataFrame:
    """Asimov limits of a detector or combination for interactions that the study need not have.

    Parameters
    ----------
    files
        By interaction and mass (GeV/c²): templates, in the order of `Study.model_sources`.

    Returns
    -------
    A row per interaction and mass: ``detector, interaction, mass_GeV, asimov_cm2`` and
    ``signal_events``, those expected at the study's reference cross section.
    """
    study = dataclasses.replace(study, critical_values="asymptotic")
    rows = []
    for (interaction, mass), templates in files.items():
        model = read_model(study, detector, mass, interaction, templates)
        asimov_cm2 = asimov_limits(model, nominal_interval(study))["asimov_cm2"]
        rows.append((detector, interaction, float(mass), asimov_cm2, model.signal_events))
    return pd.DataFrame(
        rows, columns=["detector", "interaction", "mass_GeV", "asimov_cm2", "signal_events"]
    )


def write_dependence(study: Study, detector: str, table: pd.DataFrame, path: Path) -> None:
    """Write a table of `dependence`."""
    write_parquet(table, path, units=_UNITS, config_slice=dependence_slice(study, detector))


def read_dependence(study: Study, detector: str, path: str | Path) -> pd.DataFrame:
    """Read what `write_dependence` wrote."""
    return read_parquet(path, config_slice=dependence_slice(study, detector), kind=_KIND)[0]


def _templates(study: Study, detector: str, spectra: Spectra, threads: int) -> dict[str, Template]:
    responses: dict[str, dict[str, Response]] = {}
    for name in sorted({name for tables in spectra.values() for name in tables}):
        responses[name] = {"nominal": compute_response(study, detector, name, "nominal", threads)}
    return {
        source: build(study, detector, source, tables, responses)
        for source, tables in spectra.items()
    }


def _at_level(model: Model, level: float) -> Model:
    return dataclasses.replace(
        model, study=dataclasses.replace(model.study, confidence_level=level)
    )


def _row(
    parameter: str, value: float, model: Model, exposure: float = 1.0
) -> tuple[str, float, str, float, float, float, float, str]:
    limit_cm2, status = limit(model, exposure)
    backgrounds = sum(
        float(template.nominal.sum())
        for templates in model.templates.values()
        for name, template in templates.items()
        if name != model.signal
    )
    return (
        parameter,
        float(value),
        model.interaction,
        float(model.wimp_mass_GeV),
        exposure * model.signal_events,
        exposure * backgrounds,
        limit_cm2,
        status.name,
    )
