"""Observed events over the bands and the signal; the most signal-like in a table."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.colors import LogNorm

from zeptobarn.figures.datasets import draw_contours
from zeptobarn.figures.numbering import number_points
from zeptobarn.figures.style import BLACK, draw_table, new_figure, wrapped
from zeptobarn.figures.templates import draw_band_lines, set_limits
from zeptobarn.inference.model import Model
from zeptobarn.study import labels
from zeptobarn.study.settings import Interval
from zeptobarn.summary.influence import LISTED

# Decades of the signal-to-background ratio that colours tell apart.
_DECADES = 4


def draw_events(
    model: Model, interval: Interval, events: pd.DataFrame, files: Iterable[str | Path]
) -> None:
    """Draw observed events in a panel per detector, coloured by signal over background.

    Parameters
    ----------
    events
        From `zeptobarn.summary.influence.influential_events`.
    """
    listed = events[events["rank"] <= LISTED]
    n, low = len(model.templates), 0.19 * (len(listed) + 1)
    ratios = events["signal_to_background"]
    # It is infinite where no background is, and unknown where there is no limit.
    highest = max(float(ratios[np.isfinite(ratios)].max()), 1e-3)
    if not np.isfinite(highest):
        highest = 1.0
    norm = LogNorm(highest / 10**_DECADES, highest)
    with new_figure(max(5.2 * n, 6.2), 4.3 + low, files) as figure:
        parts: Any = figure.subfigures(2, 1, height_ratios=[4.3, low])
        axes = parts[0].subplots(1, n, squeeze=False)[0]
        for axis, (name, templates) in zip(axes, model.templates.items(), strict=True):
            detector = model.study.detectors[name]
            draw_band_lines(axis, detector, templates)
            draw_contours(axis, detector, templates[model.signal].nominal, BLACK, "--")
            own = events[events["detector"] == name]
            drawn = axis.scatter(
                own["cs1"],
                own["cs2"],
                s=22 if len(own) < 300 else 6,
                c=own["signal_to_background"].clip(lower=norm.vmin, upper=norm.vmax),
                norm=norm,
                cmap="viridis_r",
                edgecolors=BLACK,
                lw=0.4,
                zorder=3,
            )
            set_limits(axis, detector.space)
            axis.set_xlabel(f"cS1 [{detector.area_unit}]")
            axis.set_ylabel(f"cS2 [{detector.area_unit}]")
            if n > 1:
                axis.set_title(detector.title)
            axis.legend(loc="lower right", fontsize=7)
        bar = parts[0].colorbar(drawn, ax=list(axes), pad=0.01, extend="min")
        bar.set_label("signal at the limit / background")
        title = model.study.title(model.target)
        given = model.mass_GeV is None
        signal = f"; signal: {model.tested.label}" if given else f" and a {model.tested.label}"
        unit = f"\nlimits in multiples of the given spectrum, × {model.tested.unit}"
        seen = labels.counted(len(events), "observed events")
        words = f"{title}, {seen}{signal}\n{labels.claim(interval)}" + unit * given
        parts[0].suptitle(wrapped(words, figure.get_figwidth(), 10), fontsize=10)
        _table(parts[1], model, listed)
        figure.draw_without_rendering()  # from here on it is known where panels and events are
        for axis, name in zip(axes, model.templates, strict=True):
            number_points(axis, events[events["detector"] == name], LISTED)


def _percent(change: float) -> str:
    """Write a relative change with its sign; a rounded 0 has none."""
    if np.isnan(change):
        return "–"
    text = f"{100 * change:+.1f} %"
    return "0.0 %" if text[1:] == "0.0 %" else text.replace("-", "−")


def _table(place: Any, model: Model, listed: pd.DataFrame) -> None:
    axis = place.subplots()
    if not len(listed):
        axis.set_axis_off()
        return
    several, given = len(model.templates) > 1, model.mass_GeV is None
    without = "limit without" if given else "limit without [cm²]"
    units = {model.study.detectors[name].area_unit for name in model.templates}
    unit = f" [{units.pop()}]" if len(units) == 1 else ""
    columns = {
        "": [str(rank) for rank in listed["rank"]],
        "detector": [model.study.detectors[name].title for name in listed["detector"]],
        "row": listed["row"].tolist(),
        f"cS1{unit}": [f"{area:.2f}" for area in listed["cs1"]],
        f"cS2{unit}": [f"{area:.1f}" for area in listed["cs2"]],
        "signal/background": [
            f"{ratio:.2g}".replace("inf", "∞") for ratio in listed["signal_to_background"]
        ],
        without: [
            "–" if np.isnan(limit) else f"{limit:{'.3g' if given else '.2e'}}"
            for limit in listed[f"limit_without_{model.tested.ending}"]
        ],
        "change": list(map(_percent, listed["change"])),
    }
    widths = dict(zip(columns, (0.04, 0.2, 0.09, 0.12, 0.12, 0.19, 0.2, 0.12), strict=True))
    if not several:
        del columns["detector"], widths["detector"]
    draw_table(axis, columns, list(widths.values()), left=1 if several else -1)
