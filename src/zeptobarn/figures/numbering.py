"""Numbers beside points, where they hide neither each other nor, if they can, other points."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray

from zeptobarn.figures.style import BLACK

Floats = NDArray[np.float64]

_SIZE = 8.0
# Distances of a number from its point that are tried, one after another (points of 1/72 inch); from
# the second on a line leads there.
_RINGS = (8.5, 14.0, 20.0, 27.0, 36.0)
_ANGLES = np.arange(16) * (np.pi / 8)
# What a place costs: another number below it, the legend, or the panel's edge; a number that its
# line crosses; another point that is nearer, without a line; a point or a part of a line below it;
# and each ring.
_HIDDEN, _CROSSED, _DOUBTFUL, _COVERED, _AWAY = 100.0, 10.0, 4.0, 2.0, 1.0
_RADIUS = 2.5


def number_points(axis: Any, table: pd.DataFrame, most: int) -> None:
    """Write the ranks of the first points beside them.

    Parameters
    ----------
    axis
        Of a figure that has been laid out.
    table
        ``cs1, cs2, rank``.
    most
        The last rank that is written.
    """
    scale = 72 / axis.figure.dpi
    legend = axis.get_legend()
    blocked = [] if legend is None else [legend.get_window_extent().extents * scale]
    at = axis.transData.transform(table[["cs1", "cs2"]].to_numpy(dtype=float)) * scale
    listed = table.assign(place=np.arange(len(table)))
    listed = listed[listed["rank"] <= most].sort_values("rank")
    words, chosen = [str(rank) for rank in listed["rank"]], listed["place"].to_numpy()
    panel = axis.get_window_extent().extents * scale
    for i, text, (ring, shift) in zip(
        chosen, words, places(at, chosen, words, panel, blocked), strict=True
    ):
        line = {"arrowstyle": "-", "lw": 0.5, "color": BLACK, "shrinkA": 0, "shrinkB": 2}
        axis.annotate(
            text,
            (table["cs1"].iloc[i], table["cs2"].iloc[i]),
            xytext=tuple(shift),
            textcoords="offset points",
            ha="center",
            va="center",
            fontsize=_SIZE,
            weight="bold",
            zorder=5,
            path_effects=[withStroke(linewidth=1.5, foreground="white")],
            arrowprops=line if ring > 0 else None,
        ).set_in_layout(False)


def places(
    points: Floats,
    chosen: Sequence[int] | NDArray[np.int64],
    words: Sequence[str],
    panel: Floats,
    blocked: Sequence[Floats],
) -> list[tuple[int, Floats]]:
    """Choose where words stand beside points, one after another, each where it costs least.

    Parameters
    ----------
    points
        All points, shape (n, 2); these and all else in points of 1/72 inch.
    chosen
        Which of them have words.
    panel, blocked
        Left, lower, right and upper end of the panel, and of what no word may cover.

    Returns
    -------
    Of each word its ring (0: beside its point), and how far its middle is from its point.
    """
    taken, found, lines = [*blocked], [], np.empty((0, 2))
    for i, word in zip(chosen, words, strict=True):
        half = half_size(word)
        best, least = (0, np.zeros(2)), np.inf
        for ring, distance in enumerate(_RINGS):
            for angle in _ANGLES:
                shift = distance * np.array([np.cos(angle), np.sin(angle)])
                cost = _AWAY * ring + _cost(points, lines, points[i], shift, half, panel, taken)
                if ring == 0:
                    nearest = np.hypot(*(points - points[i] - shift).T).min()
                    cost += _DOUBTFUL * float(nearest < 0.9 * distance)
                if cost < least - 1e-9:
                    best, least = (ring, shift), cost
        middle = points[i] + best[1]
        taken.append(np.concatenate([middle - half, middle + half]))
        if best[0] > 0:
            lines = np.vstack([lines, _line(points[i], best[1])])
        found.append(best)
    return found


def _line(own: Floats, shift: Floats) -> Floats:
    return np.asarray(own + shift * np.linspace(0.2, 0.9, 8)[:, np.newaxis])


def half_size(word: str) -> Floats:
    """Half of a word's width and height, generously, shape (2,)."""
    return np.array([0.36 * _SIZE * len(word) + 0.5, 0.6 * _SIZE])


def _cost(
    points: Floats,
    lines: Floats,
    own: Floats,
    shift: Floats,
    half: Floats,
    panel: Floats,
    taken: list[Floats],
) -> float:
    middle, cost = own + shift, 0.0
    if (middle - half < panel[:2]).any() or (middle + half > panel[2:]).any():
        cost += _HIDDEN
    line = _line(own, shift)
    for box in taken:
        if (middle + half > box[:2]).all() and (middle - half < box[2:]).all():
            cost += _HIDDEN
        elif ((line > box[:2]) & (line < box[2:])).all(axis=1).any():
            cost += _CROSSED
    covered = (np.abs(points - middle) < half + _RADIUS).all(axis=1).sum()
    covered += (np.abs(lines - middle) < half).all(axis=1).sum()
    return cost + _COVERED * float(covered)
