"""Limits of one dataset with many templates, beside limits of many datasets with one."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from zeptobarn import labels, paths
from zeptobarn.figures.style import BLACK, BLUE, GREEN, ORANGE, RED, new_figure, set_title
from zeptobarn.medians import N_RECOILS, central
from zeptobarn.study import Study

_COLOURS = (BLUE, ORANGE, GREEN)
_BINS = 50


def draw(
    study: Study,
    detector: str,
    mass_GeV: float,
    sampled: pd.DataFrame,
    precise: pd.DataFrame,
    files: Iterable[str | Path],
) -> None:
    """Draw histograms of both kinds of limits on the same axis, with medians and central 68 %.

    Parameters
    ----------
    sampled
        From `zeptobarn.medians.limits_of_sampled_templates`, of up to three datasets.
    precise
        Limits of many datasets with the precise template, these among them: ``trial, limit_cm2``.
    """
    everything = np.log10(pd.concat([sampled["limit_cm2"], precise["limit_cm2"]]).dropna())
    if everything.empty:
        everything = pd.Series([np.log10(study.reference_cross_section_cm2)])
    edges = np.linspace(everything.min() - 0.1, everything.max() + 0.1, _BINS + 1)
    own = precise.set_index("trial")["limit_cm2"]
    trials = sorted(set(sampled["trial"]), key=lambda trial: own[trial])
    with new_figure(7.2, 4.2, files) as figure:
        grid = figure.add_gridspec(max(len(trials), 1), 2)
        right = figure.add_subplot(grid[:, 1])
        _histogram(right, precise["limit_cm2"], edges, RED)
        right.set_title(f"one precise template, {len(precise)} datasets")
        for row, (trial, colour) in enumerate(zip(trials, _COLOURS, strict=False)):
            axis = figure.add_subplot(grid[row, 0], sharex=right)
            _histogram(axis, sampled.loc[sampled["trial"] == trial, "limit_cm2"], edges, colour)
            axis.axvline(np.log10(own[trial]), color=BLACK, ls="--", lw=1.2)
            axis.set_ylabel(f"dataset {trial}")
            failed = int(sampled.loc[sampled["trial"] == trial, "limit_cm2"].isna().sum())
            if failed:
                axis.text(0.98, 0.9, f"without limit: {failed}", ha="right", va="top", fontsize=7,
                          transform=axis.transAxes)  # fmt: skip
            if row == 0:
                n = sampled["template"].nunique()
                axis.set_title(f"one dataset, {n} templates of {N_RECOILS} recoils")
            if row < len(trials) - 1:
                axis.tick_params(labelbottom=False)
        for axis in (figure.axes[0], figure.axes[-1]):
            axis.set_xlabel(r"$\log_{10}$(cross-section limit / cm²)")
            axis.xaxis.set_major_locator(MaxNLocator(5))
        right.set_ylabel("share of limits")
        right.plot(
            [], [], color=BLACK, ls="--", lw=1.2, label="this dataset's limit, precise template"
        )
        right.errorbar([], [], xerr=1, fmt="o", color=BLACK, ms=4, label="median, central 68 %")
        figure.legend(loc="outside lower center", ncols=2)
        title = study.detectors[detector].title
        set_title(
            figure,
            f"{title}, WIMP of {paths.number(mass_GeV)} GeV/c²: {labels.nominal_claim(study)}",
        )


def _histogram(axis: Any, limits: pd.Series, edges: NDArray[np.float64], colour: str) -> None:
    """Draw a histogram with its median and central 68 % above it."""
    counts, _ = np.histogram(np.log10(limits.dropna()), edges)
    shares = counts / max(counts.sum(), 1)
    axis.stairs(shares, edges, fill=True, color=colour, alpha=0.5)
    low, median, high = (np.log10(central(limits)[key]) for key in ("low", "median", "high"))
    height = 1.15 * shares.max(initial=1e-9)
    errors = [[median - low], [high - median]]
    axis.errorbar(median, height, xerr=errors, fmt="o", color=colour, mec=BLACK, ms=5, capsize=2)
    axis.set(xlim=(edges[0], edges[-1]), ylim=(0, 1.3 * shares.max(initial=1e-9)))
