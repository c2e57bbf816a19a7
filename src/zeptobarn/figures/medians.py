"""P-values of one dataset with a signal in it, above the limits of many datasets without."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.ticker import LogLocator, NullFormatter
from numpy.typing import NDArray

from zeptobarn.figures.style import (
    BLACK,
    BLUE,
    GREEN,
    ORANGE,
    new_figure,
    power_of_ten,
    set_title,
)
from zeptobarn.study import labels
from zeptobarn.study.study import Study
from zeptobarn.summary.medians import central, read_off
from zeptobarn.support import paths

_COLOURS = (BLUE, ORANGE, GREEN)
_LINES = {"thrown": "-", "average": ":"}
_BINS = 60
_LEAST_P = 1e-3


def draw(
    study: Study,
    detector: str,
    mass_GeV: float,
    p_values: pd.DataFrame,
    limits: pd.DataFrame,
    files: Iterable[str | Path],
) -> None:
    """Draw both ways on the same axis: p-values with what is read off, and histograms of limits.

    Parameters
    ----------
    p_values, limits
        From `zeptobarn.summary.medians.two_ways`.
    """
    threshold = 1 - study.confidence_level
    multipliers = limits["limit_rate_multiplier"].dropna()
    multipliers = multipliers[multipliers > 0]
    low, high = (
        (0.1, 10.0)
        if multipliers.empty
        else map(float, (multipliers.min() / 1.5, multipliers.max() * 1.5))
    )
    edges = np.geomspace(low, high, _BINS + 1)
    injected, tallest = list(limits["injected"].unique()), 0.0
    with new_figure(7.2, 6.6, files) as figure:
        top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(1.15, 1))
        top.set(ylim=(_LEAST_P, 0.6), yscale="log", xlim=(low, high), xscale="log")
        top.axhline(threshold, color="0.6", lw=0.8)
        top.text(low, threshold, f"   p = {threshold:.3g}", ha="left", va="top", fontsize=8)
        for signal, colour in zip(injected, _COLOURS, strict=False):
            curves = p_values[p_values["injected"] == signal]
            _draw_p_values(top, bottom, curves, threshold, colour)
            many = limits.loc[limits["injected"] == signal, "limit_rate_multiplier"]
            middle = central(many)
            tallest = max(tallest, _draw_limits(bottom, many, middle, edges, colour))
            what = "background alone" if signal == 0 else f"with a signal of {signal:g}"
            top.plot([], [], color=colour, label=f"{what}: median {middle['median']:.3g}")
        bottom.set_ylim(0, 1.25 * tallest or 1.0)
        top.plot([], [], color=BLACK, marker="o", label="one dataset, and what is read off")
        top.plot([], [], color=BLACK, ls=":", label="average dataset")
        top.plot([], [], color=BLACK, marker="s", label="median, central 68 %")
        top.set_ylabel("p-value")
        n = limits["trial"].nunique()
        bottom.set(
            xlabel=f"rate multiplier (cross section / "
            f"{power_of_ten(study.reference_cross_section_cm2)} cm²)",
            ylabel=f"share of the limits of\n{n} datasets",
        )
        bottom.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        bottom.xaxis.set_major_formatter("{x:g}")
        bottom.xaxis.set_minor_formatter(NullFormatter())
        figure.legend(loc="outside lower center", ncols=2)
        title = study.detectors[detector].title
        set_title(
            figure,
            f"{title}, WIMP of {paths.number(mass_GeV)} GeV/c²: {labels.nominal_claim(study)}",
        )


def _draw_p_values(
    top: Any, bottom: Any, p_values: pd.DataFrame, threshold: float, colour: str
) -> None:
    """Draw the curves of a signal, and where the thrown dataset's passes the threshold."""
    for name, line in _LINES.items():
        curve = p_values[p_values["dataset"] == name]
        if curve.empty:
            continue
        read = read_off(curve, threshold)
        top.plot(curve["rate_multiplier"], curve["p_value"], color=colour, ls=line)
        if name == "thrown":
            top.plot(read, threshold, "o", color=colour, mec=BLACK, ms=6, zorder=3)
            bottom.axvline(read, color=colour, lw=1.2, ls="--")


def _draw_limits(
    axis: Any,
    limits: pd.Series,
    middle: Mapping[str, float],
    edges: NDArray[np.float64],
    colour: str,
) -> float:
    """Draw the histogram of a signal's limits, median and central 68 % above; give its height."""
    counts, _ = np.histogram(limits.dropna(), edges)
    shares = counts / max(counts.sum(), 1)
    axis.stairs(shares, edges, fill=True, color=colour, alpha=0.4)
    axis.errorbar(
        middle["median"],
        1.12 * shares.max(),
        xerr=[[middle["median"] - middle["low"]], [middle["high"] - middle["median"]]],
        fmt="s",
        color=colour,
        mec=BLACK,
        ms=5,
        capsize=2,
    )
    return float(shares.max())
