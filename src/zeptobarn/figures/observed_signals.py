"""Observed limits on given signals, side by side, over the expected bands."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from zeptobarn.figures.style import (
    BLACK,
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

# Half the height of a row's bands, where rows are 1 apart.
_HALF = 0.32


def draw_rows(study: Study, target: str, table: pd.DataFrame, files: Iterable[str | Path]) -> None:
    """Draw a target's observed limits on given signals: a panel per interval, a row per signal.

    Parameters
    ----------
    table
        From `zeptobarn.summary.observed_table.add_expected`.
    """
    quantity, names = labels.apart(study.intervals)
    n = len(study.intervals)
    columns = min(n, 2)
    lines, width = -(-n // columns), 3.3 * columns + 2.0
    height = (0.9 + 0.45 * len(study.given_signals)) * lines + 1.2
    with new_figure(width, height, files) as figure:
        grid = figure.subplots(lines, columns, sharex=True, sharey=True, squeeze=False)
        for axis in grid.flat[n:]:
            axis.axis("off")
        axes = list(grid.flat[:n])
        for i, (axis, interval) in enumerate(zip(axes, study.intervals, strict=True)):
            rows = table[table["interval"] == interval.name]
            _draw(axis, study.given_signals, rows, INTERVAL_COLOURS[i % len(INTERVAL_COLOURS)])
            axis.set_title(wrapped(names[i], 3.3))
            axis.set_xlabel("limit, in the unit of each row")
        for axis in axes:
            axis.label_outer()
        entries: dict[str, Any] = {}
        for axis in axes:
            for handle, text in zip(*axis.get_legend_handles_labels(), strict=True):
                entries.setdefault(text, handle)
        figure.legend(
            list(entries.values()),
            list(entries),
            loc="outside lower center",
            ncols=legend_columns(entries, width - 0.8, 8, 3),
        )
        events = table[["n_events", "n_outside"]].iloc[0]
        outside = f" ({events['n_outside']} outside)" if events["n_outside"] else ""
        set_title(
            figure,
            f"{study.title(target)}, {events['n_events']} observed events{outside}, given "
            f"signals\n{quantity}, {labels.conditions(study, given=True)}",
        )


def _draw(axis: Any, signals: Iterable[Signal], rows: pd.DataFrame, colour: str) -> None:
    """Draw the rows of a panel, the first signal on top."""
    names = []
    # First, so that the legend begins with them.
    axis.plot([], [], color=BLACK, lw=1.8, label="observed")
    axis.plot([], [], color="0.4", ls="--", lw=1, label="expected median")
    axis.fill_between([], [], color="0.4", alpha=0.4, lw=0, label="expected ±1σ, ±2σ")
    for place, signal in enumerate(signals):
        names.append(wrapped(f"{signal.label}\n× {signal.unit}", 1.7))
        row = rows[rows["signal"] == signal.name].iloc[0]
        _row(axis, place, row, colour)
    axis.set(xscale="log", ylim=(len(names) - 0.5, -0.5))
    axis.set_yticks(range(len(names)), names)
    axis.tick_params(axis="y", length=0)
    if not np.isfinite(axis.dataLim.intervalx).all():
        axis.set_xlim(0.1, 10)  # no limit at all: empty axes, not an error


def _row(axis: Any, place: float, row: pd.Series, colour: str) -> None:
    ends = place - _HALF, place + _HALF
    for sigma, alpha in ((2, 0.18), (1, 0.30)):
        band = [row[f"{side}{sigma}sigma_rate_multiplier"] for side in ("minus", "plus")]
        axis.fill_betweenx(ends, *band, color=colour, alpha=alpha, lw=0)
    axis.plot([row["median_rate_multiplier"]] * 2, ends, color=colour, ls="--", lw=1)
    limit, low = row["limit_rate_multiplier"], row["limit_low_rate_multiplier"]
    constrained = row["power_constrained_limit_rate_multiplier"]
    if np.isnan(limit):
        axis.plot(
            0.97, place, "x", color=BLACK, ms=5, transform=axis.get_yaxis_transform(),
            label="no observed limit (see its status)",
        )  # fmt: skip
    if constrained > limit:
        label = "observed, power-constrained"
        axis.plot([constrained] * 2, ends, color=ORANGE, lw=3.5, zorder=1.9, label=label)
    axis.plot([limit] * 2, ends, color=BLACK, lw=1.8)
    if low > 0:
        axis.plot([low] * 2, ends, color=BLACK, lw=1.8, ls=":", label="observed, lower end")
        axis.plot([low, limit], [place] * 2, color=BLACK, lw=0.8)
