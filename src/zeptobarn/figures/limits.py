"""Limit curves with their bands, and published limits beside them."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.ticker import LogLocator, NullFormatter

from zeptobarn.figures.style import (
    BLACK,
    GREEN,
    INTERVAL_COLOURS,
    INTERVAL_LINES,
    ORANGE,
    PURPLE,
    interaction_label,
    legend_columns,
    new_figure,
    set_title,
    wrapped,
)
from zeptobarn.study import labels
from zeptobarn.study.settings import Interval
from zeptobarn.study.study import Study, signal_recoil
from zeptobarn.summary.summary import QUANTILES

_PUBLISHED_LINES = {"limit": "-", "median_sensitivity": ":"}
# Inches, of all detectors together.
_WIDTH = 5.6
# Points at the masses that were computed: lines between them are straight.
_POINTS: Any = {"marker": ".", "ms": 4}
_KIND_LABELS = {"limit": "limit", "median_sensitivity": "median"}


def draw_detector(
    study: Study,
    detector: str,
    interaction: str,
    summary: pd.DataFrame,
    published: Iterable[pd.DataFrame],
    files: Iterable[str | Path],
) -> None:
    """Draw a detector's limits: a panel per interval with its median and ±1σ, ±2σ bands.

    Of intervals with two ends it is the upper one.

    Parameters
    ----------
    summary
        Rows of `zeptobarn.summary.summary.summarise`.
    published
        Tables of published limits (see ``resources/published``).
    """
    rows = summary[(summary["detector"] == detector) & (summary["interaction"] == interaction)]
    published = list(published)
    quantity, names = labels.apart(study.intervals)
    n = len(study.intervals)
    columns = n if n <= 3 else 2
    lines = -(-n // columns)
    width = 3.3 * columns + 0.4
    with new_figure(width, 3.2 * lines + 0.8, files) as figure:
        grid = figure.subplots(lines, columns, sharex=True, sharey=True, squeeze=False)
        axes = list(grid.flat[:n])
        for axis in grid.flat[n:]:
            axis.axis("off")
        for i, (axis, interval) in enumerate(zip(axes, study.intervals, strict=True)):
            chosen = rows[rows["interval"] == interval.name].sort_values("mass_GeV")
            colour = INTERVAL_COLOURS[i % len(INTERVAL_COLOURS)]
            _band(axis, chosen, colour, with_label=True)
            _asymptotic(axis, study, interval, chosen, colour, "asymptotic median")
            _marks(axis, study, chosen, colour)
            axis.legend(loc="upper right")
            ours = len(axis.get_legend_handles_labels()[1])
            draw_published(axis, published, interaction, width)
            decorate(axis, study, interaction)
            axis.set_title(wrapped(names[i], 3))
            handles, texts = (entries[ours:] for entries in axis.get_legend_handles_labels())
        for axis in axes:
            axis.label_outer()
        if texts:
            figure.legend(handles, texts, loc="outside lower center",
                          ncols=legend_columns(texts, width, 8, 3))  # fmt: skip
        set_title(
            figure,
            f"{study.title(detector)}, background only: {quantity}, {labels.conditions(study)}",
        )
        _make_room(figure, axes, rows)


def _make_room(figure: Any, axes: list[Any], rows: pd.DataFrame) -> None:
    """Raise the shared upper end of the cross section until no band lies under a legend."""
    figure.draw_without_rendering()
    highest = 0.0
    for axis in axes:
        box = axis.get_legend().get_window_extent()
        left = axis.transData.inverted().transform(box.p0)[0]
        bottom = axis.transAxes.inverted().transform(box.p0)[1] - 0.02  # a little air
        low, high = axis.get_ylim()
        peak = rows.loc[rows["mass_GeV"] >= left, "plus2sigma_cm2"].max()
        highest = max(highest, high)
        if peak > low and bottom > 0:
            highest = max(highest, low * (peak / low) ** (1 / bottom))
    for axis in axes:
        axis.set_ylim(top=highest)


def draw_together(
    study: Study,
    interaction: str,
    summary: pd.DataFrame,
    published: Iterable[pd.DataFrame],
    files: Iterable[str | Path],
) -> None:
    """Draw all detectors together: bands of the last interval, medians of all of them."""
    published = list(published)
    quantity, names = labels.apart(study.intervals)
    with new_figure(_WIDTH, 5.8, files) as figure:
        axis = figure.subplots()
        for name, colour in target_colours(study).items():
            rows = summary[(summary["detector"] == name) & (summary["interaction"] == interaction)]
            for i, (interval, words) in enumerate(
                zip(study.intervals[::-1], names[::-1], strict=True)
            ):
                chosen = rows[rows["interval"] == interval.name].sort_values("mass_GeV")
                if i == 0:
                    _band(axis, chosen, colour, with_label=False)
                    _asymptotic(axis, study, interval, chosen, colour, None)
                    _marks(axis, study, chosen, colour)
                axis.plot(
                    chosen["mass_GeV"],
                    chosen["median_cm2"],
                    color=colour,
                    ls=INTERVAL_LINES[i % len(INTERVAL_LINES)],
                    # In the other lines they would hide the dashes.
                    **(_POINTS if i == 0 else {}),
                    label=wrapped(f"{study.title(name)}, {words}", _WIDTH - 0.6, 7),
                )
        draw_published(axis, published, interaction, _WIDTH)
        decorate(axis, study, interaction)
        set_title(
            figure,
            f"Background only: {quantity}, {labels.conditions(study)}\n"
            f"lines: medians; bands: ±1σ, ±2σ, {names[-1]}",
        )
        texts = axis.get_legend_handles_labels()[1]
        columns = legend_columns(texts, _WIDTH, 7)
        figure.set_figheight(5.0 + 0.15 * -(-len(texts) // columns))
        figure.legend(loc="outside lower center", fontsize=7, ncols=columns)


def target_colours(study: Study) -> dict[str, str]:
    """Colour of each detector, and of each combination."""
    spare = (GREEN, PURPLE, ORANGE, BLACK)
    colours = {name: detector.colour for name, detector in study.detectors.items()}
    return colours | {name: spare[i % 4] for i, name in enumerate(study.combined)}


def _band(axis: Any, rows: pd.DataFrame, colour: str, with_label: bool) -> None:
    mass = rows["mass_GeV"]
    for sigma, alpha in ((2, 0.18), (1, 0.30)):
        axis.fill_between(
            mass,
            rows[f"minus{sigma}sigma_cm2"],
            rows[f"plus{sigma}sigma_cm2"],
            color=colour,
            alpha=alpha,
            lw=0,
            label=f"±{sigma}σ" if with_label else None,
        )
    # A quantile that is the smallest signal tested, because too many trials exclude them all.
    ends = rows[rows["n_all_signals_excluded"] > QUANTILES["minus2sigma_cm2"] * rows["n_trials"]]
    if len(ends):
        axis.plot(
            ends["mass_GeV"],
            ends["minus2sigma_cm2"],
            color=colour,
            ls="",
            marker="v",
            ms=4,
            label="all signals excluded" if with_label else None,
        )
    if with_label:
        axis.plot(mass, rows["median_cm2"], color=colour, **_POINTS, label="median")
        axis.plot(mass, rows["asimov_cm2"], color=BLACK, ls="--", lw=1, label="Asimov median")


def _asymptotic(
    axis: Any, study: Study, interval: Interval, rows: pd.DataFrame, colour: str, label: str | None
) -> None:
    """Draw the median with asymptotic critical values, where the study's are others."""
    if labels.origin(interval, study.critical_values) != "asymptotic":
        axis.plot(
            rows["mass_GeV"], rows["asymptotic_median_cm2"], color=colour, lw=0.7, label=label
        )


def _marks(axis: Any, study: Study, rows: pd.DataFrame, colour: str) -> None:
    """Put circles around the masses that the study marks."""
    marked = rows[rows["mass_GeV"].isin(study.marked_masses_GeV)]
    axis.plot(marked["mass_GeV"], marked["median_cm2"], ls="", marker="o", ms=6, mfc="none",
              mec=colour, mew=0.8)  # fmt: skip


def draw_published(
    axis: Any,
    tables: Iterable[pd.DataFrame],
    interaction: str,
    width: float,
    colour: str = BLACK,
) -> None:
    """Draw published limits of an interaction, with legends for a figure of a width (inches).

    The first table's are drawn in a colour.
    """
    for number, table in enumerate(tables):
        chosen = table[table["interaction"] == interaction]
        for (label, kind), rows in chosen.groupby(["label", "kind"], sort=False):
            rows = rows.sort_values("mass_GeV")
            single = len(rows) == 1
            axis.plot(
                rows["mass_GeV"],
                rows["cross_section_cm2"],
                color=colour if number == 0 else "0.45",
                ls="" if single else _PUBLISHED_LINES[str(kind)],
                marker="*" if single else None,
                ms=8,
                lw=1,
                label=wrapped(
                    f"{label}: {_KIND_LABELS[str(kind)]}{_terms(rows.iloc[0])}", width - 0.6, 8
                ),
            )


def decorate(axis: Any, study: Study, interaction: str) -> None:
    """Give axes of cross sections their scales, labels and range of masses."""
    axis.set(xscale="log", yscale="log", xlabel="WIMP mass [GeV/c²]")
    nucleon = {"SD_n": "neutron", "SD_p": "proton"}.get(interaction[:4], "nucleon")
    seen = interaction_label(interaction) if signal_recoil(interaction) == "er" else ""
    axis.set_ylabel(f"WIMP–{nucleon} cross section{seen and f' ({seen})'} [cm²]")
    if not np.isfinite(axis.dataLim.intervaly).all():
        axis.set_ylim(1e-49, 1e-40)  # every median is withheld: empty axes, not an error
    low, high = min(study.masses_GeV), max(study.masses_GeV)
    if high > low:
        axis.set_xlim(low * 0.95, high * 1.05)
    axis.xaxis.set_major_formatter("{x:g}")
    axis.xaxis.set_minor_formatter("{x:g}" if high < 20 * low else NullFormatter())
    if high < 20 * low:
        axis.xaxis.set_minor_locator(LogLocator(subs=(2, 5)))


def _terms(row: pd.Series) -> str:
    """Name statistic and halo of a published curve, as far as its table says them."""
    terms = [str(row["statistic"])] if row.get("statistic") else []
    terms += [labels.speed(float(row["v0_km_s"]))] if "v0_km_s" in row else []
    return "".join(f", {term}" for term in terms)
