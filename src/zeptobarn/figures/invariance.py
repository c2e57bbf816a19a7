"""Limits of the same datasets as thrown with the model of every mass."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.lines import Line2D

from zeptobarn.figures.style import BLACK, BLUE, GREEN, RED, new_figure, set_title, symbols
from zeptobarn.study import labels
from zeptobarn.study.study import Study
from zeptobarn.summary.invariance import largest_differences
from zeptobarn.support import paths

_COLOURS = (BLUE, RED, GREEN)


def draw(study: Study, target: str, limits: pd.DataFrame, files: Iterable[str | Path]) -> None:
    """Draw the limit curves of three datasets, and a matrix of the largest differences.

    Parameters
    ----------
    limits
        From `zeptobarn.summary.invariance.limits_by_generator`.
    """
    masses = sorted(set(limits["mass_GeV"]))
    with new_figure(4.6 + 3 + 0.25 * len(masses), 4, files) as figure:
        left, right = figure.subplots(1, 2, width_ratios=[4.6, 2.6 + 0.25 * len(masses)])
        interval = study.intervals[-1]
        _curves(left, limits, masses)
        left.set_ylabel(symbols(f"{labels.upper_end(interval)} [cm²]"))
        _matrix(right, largest_differences(limits), masses)
        n = limits["trial"].nunique()
        right.set_title(f"largest relative difference, {n} datasets")
        set_title(figure, f"{study.title(target)}: {labels.full_claim(study, interval)}")


def _curves(axis: Any, limits: pd.DataFrame, masses: list[float]) -> None:
    sizes = dict(zip(masses, np.linspace(4, 15, len(masses)), strict=True))
    trials = sorted(set(limits["trial"]))[: len(_COLOURS)]
    for trial, colour in zip(trials, _COLOURS, strict=False):
        rows = limits[limits["trial"] == trial]
        for generator, size in sizes.items():
            chosen = rows[rows["generating_mass_GeV"] == generator].sort_values("mass_GeV")
            axis.plot(
                chosen["mass_GeV"], chosen["limit_cm2"], "o-", color=colour, mfc="none",
                ms=size, mew=0.7, lw=0.8,
            )  # fmt: skip
    axis.set(xscale="log", yscale="log", xlabel="WIMP mass of the limit [GeV/c²]")
    handles = [
        Line2D([], [], color=colour, label=f"dataset {trial}")
        for trial, colour in zip(trials, _COLOURS, strict=False)
    ]
    handles += [
        Line2D([], [], color=BLACK, marker="o", mfc="none", ls="", ms=sizes[mass], mew=0.7,
               label=f"thrown with {paths.number(mass)} GeV/c²")
        for mass in dict.fromkeys([masses[0], masses[-1]])
    ]  # fmt: skip
    axis.legend(handles=handles, loc="upper right")


def _matrix(axis: Any, differences: Any, masses: list[float]) -> None:
    axis.imshow(differences, vmin=0, vmax=max(np.nanmax(differences), 1e-12), cmap="Reds")
    for (row, column), value in np.ndenumerate(differences):
        axis.text(column, row, f"{value:.0e}" if value else "0", ha="center", va="center")
    labels = [paths.number(mass) for mass in masses]
    axis.set_xticks(range(len(masses)), labels)
    axis.set_yticks(range(len(masses)), labels)
    axis.tick_params(length=0)
    axis.set_xlabel("WIMP mass of the limit [GeV/c²]")
    axis.set_ylabel("WIMP mass of the model that threw [GeV/c²]")
