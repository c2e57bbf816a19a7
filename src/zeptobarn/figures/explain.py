"""A trial on a page: its curve, its numbers, the cause and the cure."""

from collections.abc import Iterable
from pathlib import Path
from textwrap import fill
from typing import Any

import numpy as np

from zeptobarn.failures.explanation import Explanation
from zeptobarn.figures.style import BLACK, BLUE, GREEN, ORANGE, RED, new_figure, set_title


def draw_page(explanation: Explanation, files: Iterable[str | Path]) -> None:
    """Draw an explanation on a page (A4).

    Parameters
    ----------
    explanation
        From `zeptobarn.failures.explain.explain`.
    """
    with new_figure(8.27, 11.69, files) as figure:
        figure.set_layout_engine("constrained", rect=(0.05, 0.04, 0.9, 0.92))
        top, bottom = figure.subplots(2, 1, height_ratios=[1.0, 1.05])
        draw_curve(top, explanation)
        top.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=6, fontsize=8)
        set_title(figure, explanation.title)
        bottom.axis("off")
        y = 1.0
        for name, value in explanation.numbers.items():
            bottom.text(0.0, y, name, va="top", color="0.35")
            text = fill(value, 62)
            bottom.text(0.38, y, text, va="top")
            y -= 0.043 * (1 + text.count("\n"))
        for name, text in (("Cause", explanation.cause), ("Cure", explanation.cure)):
            y -= 0.03
            bottom.text(0.0, y, name, va="top", weight="bold", fontsize=10)
            wrapped = fill(text, 88)
            bottom.text(0.0, y - 0.045, wrapped, va="top", fontsize=10)
            y -= 0.055 + 0.045 * (1 + wrapped.count("\n"))


def draw_curve(axis: Any, explanation: Explanation) -> None:
    """Draw the statistic with its critical value, bracket, best fit and crossings."""
    axis.set_xscale("log")
    axis.set_xlabel("rate multiplier")
    axis.set_ylabel(r"$\tilde{t}(\mu)$")
    axis.plot(explanation.signals, explanation.statistic, color=BLUE, label="statistic")
    axis.plot(
        explanation.signals,
        explanation.critical,
        color=BLACK,
        ls="--",
        lw=1,
        label="critical value",
    )
    top = 3 * max(explanation.critical.max(), 0.5)
    axis.set_ylim(-0.06 * top, top)
    axis.set_xlim(explanation.signals[0], explanation.signals[-1])
    if not np.isfinite(explanation.statistic).any():
        axis.text(0.5, 0.5, "the likelihood has no value", ha="center", transform=axis.transAxes)
    if explanation.best_fit > 0:
        axis.axvline(explanation.best_fit, color=GREEN, ls=":", lw=1.2, label="best fit")
    low, high = explanation.bracket
    if not np.isnan(high):
        ends = (
            [max(low, explanation.signals[0]), high] if low > 0 else [explanation.signals[0], high]
        )
        axis.plot(ends, [-0.03 * top] * 2, color=ORANGE, lw=5, solid_capstyle="butt",
                  label="bracket")  # fmt: skip
    for i, crossing in enumerate(explanation.crossings):
        value = np.interp(crossing, explanation.signals, explanation.critical)
        axis.plot(
            crossing, value, "o", color=BLACK, mfc="none", ms=8, label=None if i else "crossing"
        )
    if explanation.limit > 0:
        axis.axvline(explanation.limit, color=RED, lw=1.2, label="limit")
