"""Background datasets do not know the WIMP mass whose model threw them."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from zeptobarn.inference.model import Model
from zeptobarn.templates.toys import Toys, throw

N_DATASETS = 100


def throw_with(model: Model, trials: Sequence[int]) -> dict[str, Toys]:
    """Throw background datasets from a mass's own templates, by detector."""
    return {
        name: throw(model.study, name, templates, trials)
        for name, templates in model.templates.items()
    }


def limits_by_generator(models: Sequence[Model], trials: Sequence[int]) -> pd.DataFrame:
    """Limits at every mass of datasets thrown with the model of every mass.

    The interval is the study's last.

    Returns
    -------
    A row per generating mass, limit's mass and trial: ``generating_mass_GeV, mass_GeV, trial,
    limit_cm2``.
    """
    tables = []
    for generator in models:
        toys = throw_with(generator, trials)
        for model in models:
            limits = model.interval_limits(toys, model.study.intervals[-1].name)
            tables.append(
                limits[["mass_GeV", "trial", "limit_cm2"]].assign(
                    generating_mass_GeV=float(generator.wimp_mass_GeV)
                )
            )
    return pd.concat(tables, ignore_index=True)[
        ["generating_mass_GeV", "mass_GeV", "trial", "limit_cm2"]
    ]


def largest_differences(limits: pd.DataFrame) -> NDArray[np.float64]:
    """Largest relative difference of limits from those of the first generating mass's datasets.

    Parameters
    ----------
    limits
        From `limits_by_generator`.

    Returns
    -------
    Shape (generating masses, masses); NaN where only one of both has a limit.
    """
    table = limits.pivot(
        index="trial", columns=["generating_mass_GeV", "mass_GeV"], values="limit_cm2"
    )
    masses = sorted(set(limits["mass_GeV"]))
    first = table[masses[0]][masses].to_numpy()
    rows = []
    for generator in masses:
        other = table[generator][masses].to_numpy()
        same = np.isnan(first) & np.isnan(other)
        rows.append(np.where(same, 0.0, np.abs(other / first - 1)).max(axis=0))
    return np.array(rows)
