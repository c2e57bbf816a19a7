"""Observed limits over the expected bands, and what one of them hangs on."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.ticker import MaxNLocator, PercentFormatter

from zeptobarn.figures.distributions import nuisance_label
from zeptobarn.figures.limits import decorate, draw_published
from zeptobarn.figures.style import (
    BLACK,
    BLUE,
    INTERVAL_COLOURS,
    ORANGE,
    legend_columns,
    new_figure,
    set_title,
    wrapped,
)
from zeptobarn.study import labels
from zeptobarn.study.signals import Signal
from zeptobarn.study.study import Study
from zeptobarn.summary.influence import LISTED

# By what a band reaches beyond its only mass.
_WIDER = 1.06
_LINE: Any = {"color": BLACK, "marker": ".", "ms": 4}


def draw_curves(
    study: Study,
    target: str,
    interaction: str,
    table: pd.DataFrame,
    published: Iterable[pd.DataFrame],
    files: Iterable[str | Path],
) -> None:
    """Draw a target's observed limits, a panel per interval, over the expected bands.

    Parameters
    ----------
    table
        From `zeptobarn.summary.observed_table.add_expected`.
    published
        Tables of published limits (see ``resources/published``).
    """
    published = list(published)
    quantity, names = labels.apart(study.intervals)
    n = len(study.intervals)
    columns = n if n <= 3 else 2
    lines, width = -(-n // columns), 3.3 * columns + 0.4
    with new_figure(width, 3.2 * lines + 1.0, files) as figure:
        grid = figure.subplots(lines, columns, sharex=True, sharey=True, squeeze=False)
        for axis in grid.flat[n:]:
            axis.axis("off")
        axes = list(grid.flat[:n])
        for i, (axis, interval) in enumerate(zip(axes, study.intervals, strict=True)):
            rows = table[table["interval"] == interval.name].sort_values("mass_GeV")
            _curve(axis, rows, INTERVAL_COLOURS[i % len(INTERVAL_COLOURS)])
            draw_published(axis, published, interaction, width, "0.5")
            decorate(axis, study, interaction)
            axis.set_title(wrapped(names[i], 3))
        for axis in axes:
            axis.label_outer()
        entries: dict[str, Any] = {}
        for axis in axes:
            for handle, text in zip(*axis.get_legend_handles_labels(), strict=True):
                entries.setdefault(text, handle)
        columns = legend_columns(entries, width - 0.8, 8, 3)
        figure.legend(
            list(entries.values()), list(entries), loc="outside lower center", ncols=columns
        )
        events = table[["n_events", "n_outside"]].iloc[0]
        seen = labels.counted(events["n_events"], "observed events")
        seen += f" ({events['n_outside']} outside)" if events["n_outside"] else ""
        set_title(
            figure,
            f"{study.title(target)}, {seen}: {quantity}, {labels.conditions(study)}",
        )


def draw_influences(
    study: Study,
    target: str,
    signal: Signal,
    interval: str,
    events: pd.DataFrame,
    nuisances: pd.DataFrame,
    files: Iterable[str | Path],
) -> None:
    """Draw pulls and impacts of the nuisances, and the limit without each of some events.

    Parameters
    ----------
    events, nuisances
        See `zeptobarn.summary.influence`.
    """
    listed = events[events["rank"] <= LISTED]
    chosen = next(each for each in study.intervals if each.name == interval)
    upper, lower = 0.42 * max(len(nuisances), 1) + 0.9, 0.22 * max(len(listed), 1) + 0.9
    with new_figure(7.2, upper + lower + 0.6, files) as figure:
        grid = figure.add_gridspec(2, 2, height_ratios=[upper, lower])
        pulls = figure.add_subplot(grid[0, 0])
        impacts = figure.add_subplot(grid[0, 1], sharey=pulls)
        _pulls(pulls, study, target, nuisances)
        _impacts(impacts, nuisances)
        _without(figure.add_subplot(grid[1, :]), study, target, listed)
        set_title(
            figure,
            f"{study.title(target)}, {signal.brief}, observed: what moves the limit\n"
            f"{labels.full_claim(study, chosen, signal.mass_GeV is None)}",
        )


def _curve(axis: Any, rows: pd.DataFrame, colour: str) -> None:
    mass = rows["mass_GeV"]
    # Of one mass alone, bands and median have a width that can be seen.
    wide = rows if len(rows) > 1 else pd.concat([rows, rows], ignore_index=True)
    masses = mass if len(rows) > 1 else wide["mass_GeV"] * [_WIDER, 1 / _WIDER]
    for sigma, alpha in ((2, 0.18), (1, 0.30)):
        ends = wide[f"minus{sigma}sigma_cm2"], wide[f"plus{sigma}sigma_cm2"]
        axis.fill_between(masses, *ends, color=colour, alpha=alpha, lw=0)
    axis.fill_between([], [], color="0.4", alpha=0.4, lw=0, label="expected ±1σ, ±2σ")
    axis.plot(masses, wide["median_cm2"], color=colour, ls="--", lw=1)
    axis.plot([], [], color="0.4", ls="--", lw=1, label="expected median")
    axis.plot(mass, rows["limit_cm2"], **_LINE, label="observed")
    if len(without := mass[rows["limit_cm2"].isna()]):
        at = axis.get_xaxis_transform()
        label = "no observed limit (see its status)"
        look: Any = {"color": BLACK, "ms": 5, "transform": at, "label": label, "clip_on": False}
        axis.plot(without, [0.97] * len(without), "x", **look)
    low = rows["limit_low_cm2"].where(rows["limit_low_cm2"] > 0)
    if low.notna().any():
        axis.plot(mass, low, **_LINE, ls=":", label="observed, lower end")
    constrained = rows["power_constrained_limit_cm2"]
    if (constrained > rows["limit_cm2"]).any():
        label = "observed, power-constrained"
        axis.plot(mass, constrained, color=ORANGE, lw=3.5, zorder=1.9, label=label)


def _pulls(axis: Any, study: Study, target: str, nuisances: pd.DataFrame) -> None:
    """Draw pulls; of a rate that is free, or free in a range, which has none, write what it is."""
    axis.axvspan(-1, 1, color="0.92", lw=0)
    axis.axvline(0, color="0.6", lw=0.8)
    names = []
    for i, row in enumerate(nuisances.to_dict("records")):
        names.append(wrapped(nuisance_label(study, target, row["parameter"]), 1.7))
        if np.isnan(row["pull"]):
            axis.text(
                0,
                i,
                f"{row['constraint']}: {row['best_fit']:.2f} "
                f"(+{row['error_high']:.2f} −{row['error_low']:.2f})",
                ha="center",
                va="center",
                fontsize=8,
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 2},
            )
            continue
        errors = [[row["pull_low"]], [row["pull_high"]]]
        axis.errorbar(row["pull"], i, xerr=errors, color=BLACK, marker="o", ms=4, capsize=2)
    axis.set_yticks(range(len(names)), names)
    axis.set_ylim(len(names) - 0.4, -0.6)
    reach = np.nanmax([2.6, *(nuisances["pull"].abs() + 1.2)])
    axis.set_xlim(-reach, reach)
    axis.tick_params(axis="y", length=0)
    axis.set_xlabel("pull [σ of the constraint]")


def _impacts(axis: Any, nuisances: pd.DataFrame) -> None:
    height = 0.36
    for shift, colour, label in (
        ("low", ORANGE, "held 1σ below its best fit"),
        ("high", BLUE, "held 1σ above"),
    ):
        place = np.arange(len(nuisances)) + (-0.5 if shift == "low" else 0.5) * height
        axis.barh(place, nuisances[f"change_{shift}"], height, color=colour, label=label)
    axis.axvline(0, color="0.6", lw=0.8)
    _without_limit(axis, nuisances[["change_low", "change_high"]].isna().all(axis=1))
    axis.tick_params(axis="y", labelleft=False, length=0)
    _percent(axis, nuisances[["change_low", "change_high"]].to_numpy())
    axis.set_xlabel("change of the limit")
    axis.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, fontsize=7)


def _without_limit(axis: Any, lacking: pd.Series) -> None:
    """Say in which rows there is no limit to compare: a bar of no length would be no change."""
    for i in np.flatnonzero(lacking):
        box = {"facecolor": "white", "edgecolor": "none", "pad": 1}
        axis.text(0, i, "no limit", ha="center", va="center", fontsize=8, bbox=box)


def _without(axis: Any, study: Study, target: str, listed: pd.DataFrame) -> None:
    axis.barh(np.arange(len(listed)), listed["change"], 0.7, color=BLUE)
    axis.axvline(0, color="0.6", lw=0.8)
    _without_limit(axis, listed["change"].isna())
    several = len(study.targets[target]) > 1
    names = [
        f"{row['rank']}: " + f"{study.detectors[row['detector']].title} " * several
        + f"cS1 {row['cs1']:.1f}, cS2 {row['cs2']:.0f} "
        + study.detectors[row["detector"]].area_unit
        for row in listed.to_dict("records")
    ]  # fmt: skip
    axis.set_yticks(range(len(names)), names, fontsize=8)
    axis.set_ylim(len(names) - 0.4, -0.6)
    axis.tick_params(axis="y", length=0)
    _percent(axis, listed["change"].to_numpy())
    axis.set_xlabel("change of the limit without the event")
    if not len(listed):
        axis.text(0.5, 0.5, "no events", ha="center", transform=axis.transAxes)


def _percent(axis: Any, values: Any) -> None:
    """Give an axis of relative changes its ticks, and at least a per cent to either side."""
    largest = 1.15 * max(np.nan_to_num(np.abs(values)).max(initial=0.0), 0.01)
    axis.set_xlim(-largest, largest)
    axis.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    axis.xaxis.set_major_formatter(PercentFormatter(1.0))
