"""Brent's method at work, and functions that it cannot begin with."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import brentq

from zeptobarn.failures.explanation import Explanation
from zeptobarn.figures.style import BLACK, BLUE, GREEN, ORANGE, RED, new_figure

_TITLES = {
    "ok": "the bound is large enough",
    "no_crossing": "the bound is too small",
    "empty_template": "the template is empty",
}


def examples(trials: pd.DataFrame) -> dict[str, int]:
    """Pick a trial with a limit, the same with too small a bound, and one without a signal.

    Parameters
    ----------
    trials
        Rows of `zeptobarn.failures.trials.run` for the scan ``bound``.

    Returns
    -------
    Number of the trial by its status; what did not occur is left out.
    """
    rows = trials[trials["finder"] == "conventional"]
    numbers = {}
    failed = rows[rows["status"] == "no_crossing"]
    good = rows[(rows["status"] == "ok") & (rows["difference"] == "")]
    if len(failed):
        same = (good["mass_GeV"] == failed["mass_GeV"].iloc[0]) & (
            good["draw"] == failed["draw"].iloc[0]
        )
        good = good[same] if same.any() else good
    for status, chosen in (
        ("ok", good),
        ("no_crossing", failed),
        ("empty_template", rows[rows["status"] == "empty_template"]),
    ):
        if len(chosen):
            numbers[status] = int(chosen["trial"].iloc[-1 if status == "ok" else 0])
    return numbers


def draw_brent(explanations: Mapping[str, Explanation], files: Iterable[str | Path]) -> None:
    """Draw the statistic minus the critical value of each trial, with the bracket.

    Where it changes sign, the points that Brent's method evaluates are shown.

    Parameters
    ----------
    explanations
        Explanations by status; see `examples`.
    """
    with new_figure(3.2 * len(explanations) + 0.4, 3.3, files) as figure:
        axes = figure.subplots(1, len(explanations), sharey=True, squeeze=False)[0]
        for axis, (status, each) in zip(axes, explanations.items(), strict=True):
            signals, excess = each.signals, each.statistic - each.critical
            top = 2.5 * each.critical[0]
            low, high = max(each.bracket[0], signals[0]), each.bracket[1]
            if status == "empty_template":
                low = signals[0]  # any signal fits as well
            axis.axhline(0, color="0.5", lw=0.8)
            axis.plot(signals, excess, color=BLUE)
            axis.plot([low, high], [-1.35 * each.critical[0]] * 2, color=ORANGE, lw=5,
                      solid_capstyle="butt", label="bracket")  # fmt: skip
            for end in (low, high):
                value = np.interp(end, signals, excess)
                axis.plot(end, min(value, 0.97 * top), "s", color=BLACK, ms=5, clip_on=False)
            seen = [(x, y) for x, y in _evaluations(signals, excess, low, high) if abs(y) < top]
            if seen:
                axis.plot(*zip(*seen, strict=True), "o", color=GREEN, ms=4, label="evaluated")
            if each.limit > 0 and status == "ok":
                axis.axvline(each.limit, color=RED, lw=1, label="limit")
            axis.set(xscale="log", ylim=(-1.6 * each.critical[0], top))
            axis.set_xlim(0.5 * signals[0], signals[-1])
            axis.set_xlabel("rate multiplier")
            axis.set_title(_TITLES[status])
        axes[0].set_ylabel("statistic − critical value")
        figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)


def _evaluations(
    signals: NDArray[np.float64], excess: NDArray[np.float64], low: float, high: float
) -> list[tuple[float, float]]:
    """Where Brent's method looks on its way to the root; nowhere without a change of sign."""
    seen: list[tuple[float, float]] = []

    def look(x: float) -> float:
        y = float(np.interp(x, signals, excess))
        seen.append((x, y))
        return y

    if np.interp(low, signals, excess) * np.interp(high, signals, excess) < 0:
        brentq(look, low, high, rtol=1e-3)
    return seen
