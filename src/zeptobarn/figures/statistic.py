"""The test statistic of one dataset against the cross section, a curve per mass."""

from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.lines import Line2D

from zeptobarn.figures.style import BLACK, new_figure, set_title, symbols, wrapped
from zeptobarn.inference.asymptotics import one_sided, two_sided
from zeptobarn.study import labels
from zeptobarn.study.study import Study
from zeptobarn.summary.profiles import Curve

_HIGHEST = 6.0


def draw(
    study: Study,
    target: str,
    curves: Sequence[Curve],
    n_events: int,
    files: Iterable[str | Path],
    given: bool = False,
) -> None:
    """Draw t of a dataset against the cross section, with thresholds, best fits and limits.

    Parameters
    ----------
    curves
        From `zeptobarn.summary.profiles.curve`, a curve per signal.
    n_events
        Events of the dataset.
    given
        Whether the signals are given ones: t is drawn against their rate multipliers.
    """
    reference = 1.0 if given else study.reference_cross_section_cm2
    colours = mpl.colormaps["viridis"](np.linspace(0, 0.9, max(len(curves), 1)))
    with new_figure(6.6, 4.6, files) as figure:
        axis = figure.subplots()
        for curve, colour in zip(curves, colours, strict=False):
            x = curve.rate_multiplier * reference
            rising = curve.rate_multiplier >= curve.best_fit
            name = curve.signal.brief
            if given:
                name = wrapped(f"{name}\n× {curve.signal.unit}", 1.9, 8)
            axis.plot(x[rising], curve.statistic[rising], color=colour, label=name)
            axis.plot(x[~rising], curve.statistic[~rising], color=colour, ls=":")
            if len(curve.critical) > 1:
                axis.plot(curve.critical[:, 0] * reference, curve.critical[:, 1], c=colour, lw=0.7)
            for at in (curve.limit, curve.low):
                if at > 0:
                    t = np.interp(at, curve.rate_multiplier, curve.statistic)
                    axis.plot(at * reference, t, "o", color=colour, mec=BLACK, ms=6, zorder=4)
            if curve.best_fit >= curve.rate_multiplier[0]:
                axis.plot(curve.best_fit * reference, 0, "D", color=colour, mec=BLACK, ms=6)
        axis.set(xscale="log", ylim=(-0.2, _HIGHEST))
        level = study.confidence_level
        for threshold, sides, line in (
            (one_sided(level), "one-sided (q̃)", "--"),
            (two_sided(level), "two-sided (t̃)", ":"),
        ):
            label = symbols(f"{100 * level:g} %, asymptotic,\n{sides}: {threshold:.2f}")
            axis.axhline(threshold, color="0.5", lw=1, ls=line, zorder=0, label=label)
        ends = [c.rate_multiplier[c.statistic <= _HIGHEST].max() for c in curves]
        if ends:
            axis.set_xlim(right=2 * max(ends) * reference)
        axis.set_xlabel(
            "multiples of the given spectra" if given else "WIMP–nucleon cross section [cm²]"
        )
        axis.set_ylabel(r"$t_\mu = -2\,\ln\lambda(\mu)$")
        if not given:
            _multipliers(axis, reference)
        interval = study.intervals[-1]
        end = "limit" if interval.kind == "upper" else "end of the interval"
        looks: list[dict[str, Any]] = [{"marker": "o", "label": end}]
        if any(c.best_fit >= c.rate_multiplier[0] for c in curves):
            looks.append({"marker": "D", "label": "best fit"})
        if any(len(c.critical) > 1 for c in curves):
            looks.append({"ls": "-", "lw": 0.7, "label": "critical value"})
        marks = [
            Line2D([], [], **{"color": "0.6", "mec": BLACK, "ls": "", **look}) for look in looks
        ]
        handles = axis.get_legend_handles_labels()[0] + marks
        figure.legend(handles=handles, loc="outside right center")
        set_title(
            figure,
            f"{study.title(target)}: one background-only dataset, {n_events} events\n"
            f"{labels.full_claim(study, interval, given)}",
        )


def _multipliers(axis: Any, reference: float) -> None:
    """Put rate multipliers on top, where the axis has cross sections."""
    top = axis.secondary_xaxis(
        "top", functions=(partial(np.multiply, 1 / reference), partial(np.multiply, reference))
    )
    top.set_xlabel("rate multiplier")
    axis.tick_params(top=False, which="both")
