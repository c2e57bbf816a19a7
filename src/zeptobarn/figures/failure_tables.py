"""Tables of the failure study as pictures: a scanned setting against another."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd

from zeptobarn.figures.failures import CENTRED, METHODS, number, percent, treatment
from zeptobarn.figures.style import (
    BLACK,
    GREEN,
    ORANGE,
    PURPLE,
    RED,
    SKY,
    YELLOW,
    interaction_label,
    new_figure,
    power_of_ten,
    set_title,
)
from zeptobarn.study.study import Study

_FINDERS = {"conventional": "conventional recipe", "robust": "zeptobarn", "precise": ""}
# What a cell of a table may show, in this order, with its colour.
_OUTCOMES = {
    "empty_template": (ORANGE, "empty_template"),
    "no_crossing": (SKY, "no_crossing"),
    "critical_value_zero": (PURPLE, "critical_value_zero"),
    "zero_density_event": (YELLOW, "zero_density_event"),
    "not_converged": (BLACK, "not_converged"),
    "spurious": (RED, "a number where there is no limit"),
    "different": (GREEN, "another number than the limit"),
}
_ALPHA = 0.65
# Inches of panels beside each other that a page still shows readably.
_WIDEST = 8.0
_TABLES = {
    "n_events": ("mass_GeV", "n_events_for_pdf"),
    "bound": ("bound", "mass_GeV"),
    "reference": ("place", "mass_GeV"),
    "confidence_level": ("confidence_level", "mass_GeV"),
    "n_trials": ("shape_parameters", "n_trials"),
    "leff_low": ("shape_parameters", "mass_GeV"),
}
_AXES = {
    "mass_GeV": "WIMP mass [GeV/c²]",
    "n_events_for_pdf": "n: recoils sampled from the WIMP's spectrum for each template",
    "bound": "bound",
    "place": "interaction, reference",
    "confidence_level": "confidence level",
    "n_trials": "trials",
    "shape_parameters": "shape parameters",
}


def draw_tables(
    study: Study, detector: str, summary: pd.DataFrame, files: Mapping[str, Sequence[str | Path]]
) -> None:
    """Draw the tables of failures: a scanned setting against another, for both finders.

    Parameters
    ----------
    summary
        Table of `zeptobarn.failures.counts.summarise`.
    files
        The files of each table, by the scan's name.
    """
    rows = summary[summary["detector"] == detector]
    for scan, targets in files.items():
        _draw_table(study, detector, scan, rows[rows["scan"] == scan], targets)


def _draw_table(
    study: Study, detector: str, scan: str, rows: pd.DataFrame, files: Iterable[str | Path]
) -> None:
    down, across = _TABLES[scan]
    if across == "n_events_for_pdf":
        # What several masses have, without shape parameters.
        rows = rows[rows["shape_parameters"] == "none"].sort_values([across, down])
        shared = rows.groupby(across)[down].nunique()
        rows = rows[rows[across].map(shared) > min(1, len(rows[down].unique()) - 1)]
    rows = rows.assign(**{name: _labelled(rows, name) for name in (down, across)})
    downs, acrosses = list(rows[down].unique()), list(rows[across].unique())
    panels = _panels(study, rows, "bound" not in (down, across))
    size, shape = _layout(len(panels), downs, len(acrosses))
    with new_figure(*size, files) as figure:
        axes = figure.subplots(*shape, sharex=True, sharey=True, squeeze=False).ravel()
        seen: dict[str, None] = {}
        for axis, (name, finder, chosen) in zip(axes, panels, strict=True):
            for i, j in np.ndindex(len(downs), len(acrosses)):
                cell = chosen[(chosen[down] == downs[i]) & (chosen[across] == acrosses[j])]
                seen |= dict.fromkeys(_draw_cell(axis, (j, i), cell, finder, scan))
            for edge in range(1, max(len(downs), len(acrosses))):
                axis.axhline(edge - 0.5, color="0.8", lw=0.6)
                axis.axvline(edge - 0.5, color="0.8", lw=0.6)
            axis.set_xticks(range(len(acrosses)), acrosses, fontsize=7)
            axis.set_yticks(range(len(downs)), downs, fontsize=7)
            axis.set(xlim=(-0.5, len(acrosses) - 0.5), ylim=(len(downs) - 0.5, -0.5))
            axis.tick_params(top=False, right=False, length=0)
            axis.set_title(name)
            axis.label_outer()
        for axis in axes:
            if axis.get_subplotspec().is_last_row():
                axis.set_xlabel(_AXES[across])
        axes[(shape[0] - 1) // 2].set_ylabel(_AXES[down])
        title = study.detectors[detector].title
        what = (
            "median rate multiplier"
            if scan == "leff_low"
            else "share of trials with no limit or a wrong one"
        )
        set_title(figure, f"{title}: {what}")
        handles = [mpl.patches.Patch(color=_OUTCOMES[s][0], alpha=_ALPHA) for s in seen]
        names = [_OUTCOMES[s][1] for s in seen]
        if names:
            ncols = 3 if shape[0] == 1 else 1
            figure.legend(handles, names, loc="outside lower center", ncols=ncols, fontsize=7)


def _draw_cell(
    axis: Any, place: tuple[int, int], cell: pd.DataFrame, finder: str, scan: str
) -> list[str]:
    """Draw the shares of outcomes in a cell, and its number; give the outcomes that are there."""
    if cell.empty:
        axis.add_patch(_square(*place, "0.95"))
        return []
    left, total, seen = 0.0, cell["n_with_status"].sum(), []
    shares = cell.groupby("status", sort=False)["n_failed"].sum() / total
    if finder == "conventional":
        shares["spurious"] = cell["n_spurious"].sum() / total
        shares["different"] = cell["n_different"].sum() / total
    for outcome, (colour, _) in _OUTCOMES.items():
        if (share := float(shares.get(outcome, 0.0))) > 0:
            axis.add_patch(_square(*place, colour, left, share))
            left += share
            seen.append(outcome)
    median = _median(cell["median_rate_multiplier"].iloc[0]) if scan == "leff_low" else None
    axis.text(*place, median or percent(left), **CENTRED)
    return seen


def _layout(
    n_panels: int, downs: Sequence[str], n_across: int
) -> tuple[tuple[float, float], tuple[int, int]]:
    """Size (inches) and grid of a table's panels: below each other where they are wide."""
    width, height = max(0.48 * n_across, 1.6) + 0.5, 0.3 * len(downs)
    if width * n_panels <= _WIDEST:
        return (width * n_panels + 1.1, height + 1.8), (1, n_panels)
    names = 1.1 + 0.06 * max(map(len, downs))
    return (max(width + names, 6.0), (height + 0.35) * n_panels + 1.6), (n_panels, 1)


def _panels(
    study: Study, rows: pd.DataFrame, by_bound: bool
) -> list[tuple[str, str, pd.DataFrame]]:
    """Title, finder and rows of each panel: the recipe's by bound, which no other finder has."""
    panels = []
    names = dict(_FINDERS)
    if "precise" in set(rows["finder"]):
        names["robust"] = "zeptobarn, the same templates"
        names["precise"] = f"zeptobarn, {METHODS[study.response_method]}"
    for finder, name in names.items():
        chosen = rows[rows["finder"] == finder]
        bounds = list(chosen["bound"].unique()) if by_bound else []
        if finder == "conventional" and len(bounds) > 1:
            panels += [
                (f"{name}, bound {number(bound)}", finder, chosen[chosen["bound"] == bound])
                for bound in bounds
            ]
        elif len(chosen):
            panels.append((name, finder, chosen))
    return panels


def _labelled(rows: pd.DataFrame, name: str) -> Any:
    if name == "place":
        return [
            f"{interaction_label(i)}, {power_of_ten(s)} cm²"
            for i, s in zip(rows["interaction"], rows["sigma_ref_cm2"], strict=True)
        ]
    if name == "shape_parameters":
        return rows[name].map(treatment)
    return rows[name].map(number)


def _square(
    j: int, i: int, colour: str, left: float = 0.0, share: float = 1.0
) -> mpl.patches.Rectangle:
    return mpl.patches.Rectangle(
        (j - 0.5 + left, i - 0.5), share, 1.0, facecolor=colour, alpha=_ALPHA, lw=0
    )


def _median(value: float) -> str:
    return "–" if np.isnan(value) else f"{value:.2g}"
