"""Two ways to a median limit: many templates for one dataset, and one template for many."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from zeptobarn.model import Model, make_model
from zeptobarn.streams import stream
from zeptobarn.study import Interval
from zeptobarn.templates import Template, events_per_rate, sample
from zeptobarn.toys import Toys

# Recoils of a sampled template, and how many of these there are.
N_RECOILS = 5000
N_TEMPLATES = 1000


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


def sampled_and_precise(
    model: Model, toys: Toys, spectrum: pd.DataFrame, n_templates: int = N_TEMPLATES
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Limits of three datasets with many templates each, and of all with the precise one.

    Parameters
    ----------
    model
        Of one detector; its shapes are held at their nominal values.
    toys, spectrum, n_templates
        See `limits_of_sampled_templates`.

    Returns
    -------
    See `limits_of_sampled_templates`; and a row per dataset: ``trial, limit_cm2``.
    """
    nominal = nominal_model(model)
    precise = nominal.limits(toys)[["trial", "limit_cm2"]]
    chosen = spread_trials(precise)
    three = Toys(*(table[table["trial"].isin(chosen)] for table in (toys.events, toys.truth)))
    return limits_of_sampled_templates(nominal, three, spectrum, n_templates), precise


def limits_of_sampled_templates(
    model: Model, toys: Toys, spectrum: pd.DataFrame, n_templates: int = N_TEMPLATES
) -> pd.DataFrame:
    """Limits of the same datasets, each with many signal templates of `N_RECOILS` recoils.

    Parameters
    ----------
    model
        From `nominal_model`, of one detector.
    toys
        The datasets.
    spectrum
        The signal's, see `zeptobarn.spectra`.

    Returns
    -------
    A row per template and dataset: ``template, trial, limit_cm2`` (NaN where no recoil of the
    template is seen).
    """
    study, name = model.study, model.target
    detector, recoil = study.detectors[name], study.recoil(name, model.signal)
    if recoil is None:
        raise ValueError(f"{model.signal}: no recoils, nothing to sample")
    rate = events_per_rate(study, name, model.signal)
    found = []
    for number in range(n_templates if len(toys.trials) else 0):
        rng = stream(study.seed, "sampled template", name, model.signal, number)
        drawn = sample(detector.settings, recoil, detector.space, spectrum, N_RECOILS, rate, rng)
        templates = {name: {**model.templates[name], model.signal: drawn}}
        sampled = make_model(study, name, model.mass_GeV, model.interaction, templates)
        found.append(sampled.limits(toys)[["trial", "limit_cm2"]].assign(template=number))
    columns = ["template", "trial", "limit_cm2"]
    return pd.concat(found, ignore_index=True)[columns] if found else pd.DataFrame(columns=columns)


def central(limits: pd.Series) -> Mapping[str, float]:
    """Median and central 68 % of limits, without those that failed: ``low, median, high``."""
    quantiles = {"low": 0.16, "median": 0.5, "high": 0.84}
    return {name: float(limits.quantile(quantile)) for name, quantile in quantiles.items()}


def spread_trials(precise: pd.DataFrame) -> list[int]:
    """Give three trials whose limits lie at the 10 %, 50 % and 90 % quantile of all.

    Fewer where there are fewer limits.

    Parameters
    ----------
    precise
        ``trial, limit_cm2``, a row per dataset.
    """
    ranked = (
        precise.dropna(subset="limit_cm2").sort_values("limit_cm2", kind="stable")["trial"].tolist()
    )
    return list(dict.fromkeys(ranked[int(q * len(ranked))] for q in (0.1, 0.5, 0.9) if ranked))


def _one_anchor(template: Template) -> Template:
    nominal = template.nominal[np.newaxis]
    return Template(({},), nominal, np.zeros_like(nominal))
