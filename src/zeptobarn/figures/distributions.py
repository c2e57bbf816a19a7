"""Distributions over trials and toys: limits, pulls and test statistics."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.ticker import LogFormatterSciNotation, LogLocator, NullFormatter
from scipy.special import ndtr

from zeptobarn.figures.style import (
    BLACK,
    BLUE,
    INTERVAL_COLOURS,
    RED,
    interaction_label,
    new_figure,
    set_title,
    symbols,
    wrapped,
)
from zeptobarn.inference.asymptotics import one_sided, unified
from zeptobarn.study import labels
from zeptobarn.study.correlations import rate_name
from zeptobarn.study.settings import Interval
from zeptobarn.study.signals import Signal
from zeptobarn.study.study import Study
from zeptobarn.summary.ensemble import q_tilde_above, t_tilde_above
from zeptobarn.summary.summary import summarise

_COLUMNS = 4


def draw_limits(
    study: Study,
    target: str,
    interaction: str | None,
    limits: Iterable[pd.DataFrame],
    files: Iterable[str | Path],
) -> None:
    """Draw the limits of all trials: a panel per mass, a row in it per interval.

    Parameters
    ----------
    interaction
        None: of given signals, a panel per signal.
    limits
        Rows of `zeptobarn.inference.model.Model.limits`, mass after mass; of given signals as
        `zeptobarn.summary.signal_medians.read_signal_limits` has them.
    """
    shown = [study.tested(*place) for place in study.places_of(interaction)]
    given, n, intervals = interaction is None, len(shown), list(reversed(study.intervals))
    quantity, names = labels.apart(intervals)
    columns = min(n, _COLUMNS)
    rows = -(-n // columns)
    size = (max(2.3 * columns + 1.1, 4.4), (0.55 * len(intervals) + 0.85) * rows + 0.9)
    with new_figure(*size, files) as figure:
        axes = figure.subplots(rows, columns, sharey=True, squeeze=False)
        for axis in axes.flat[n:]:
            axis.set_visible(False)
        for axis, signal, rows_of_mass in zip(axes.flat[:n], shown, limits, strict=True):
            summary = summarise(rows_of_mass)
            missing: list[int] = []
            for place, interval in enumerate(intervals):
                colour = INTERVAL_COLOURS[(len(intervals) - 1 - place) % len(INTERVAL_COLOURS)]
                chosen = rows_of_mass.loc[rows_of_mass["interval"] == interval.name, "limit_cm2"]
                values = chosen.dropna().to_numpy()
                missing.insert(0, len(chosen) - len(values))
                row = summary[summary["interval"] == interval.name].iloc[0]
                _ridge(axis, place, values, row, colour)
            _limit_axis(axis, rows_of_mass["limit_cm2"])
            none = "/".join(map(str, missing)) if any(missing) else "0"
            title = f"{signal.brief} (without limit: {none})"
            if given:
                words = f"{signal.label}\n× {signal.unit}\n(without limit: {none})"
                title = wrapped(words, 2.3, 8)
            axis.set_title(title, fontsize=8)
            axis.set_ylim(-0.3, len(intervals))
            axis.tick_params(axis="y", length=0)
        axes[0][0].set_yticks(
            np.arange(len(intervals)) + 0.3, [wrapped(name, 1.5) for name in names]
        )
        unit = ", in the unit of each panel" if given else " [cm²]"
        figure.supxlabel(symbols(f"{quantity}{unit}"), fontsize=9)
        kind = "given signals" if interaction is None else interaction_label(interaction)
        set_title(
            figure,
            f"{study.title(target)}, {kind}: {study.trials} background-only datasets\n"
            f"{quantity}, {labels.conditions(study, given=given)}",
        )


def draw_pulls(
    study: Study,
    target: str,
    interval: Interval,
    pulls: pd.DataFrame,
    fits: dict[str, tuple[pd.Series, pd.Series]],
    signal: Signal,
    files: Iterable[str | Path],
) -> None:
    """Draw pulls of the nuisances, and fitted against measured shape parameters.

    Parameters
    ----------
    pulls
        See `zeptobarn.summary.ensemble.pulls`.
    fits
        Constraint centre and best fit of each constrained shape parameter, by name.
    """
    panels = len(pulls.columns) + len(fits)
    columns = min(max(panels, 1), _COLUMNS)
    rows = max(-(-panels // columns), 1)
    with new_figure(max(2.8 * columns, 4.5), 2.7 * rows + 0.5, files) as figure:
        axes = figure.subplots(rows, columns, squeeze=False)
        for axis in axes.flat[panels:]:
            axis.set_visible(False)
        edges = np.linspace(-4, 4, 33)
        for axis, (name, values) in zip(axes.flat, pulls.items(), strict=False):
            inside = np.clip(values, edges[0], edges[-1])
            axis.hist(inside, edges, color=BLUE, alpha=0.4, label="trials")
            normal = len(values) * np.diff(ndtr(edges))
            axis.stairs(normal, edges, color=BLACK, lw=1.2, label="unit normal")
            moments = f"mean {values.mean():.2f}, sd {values.std():.2f}".replace("-", "−")
            axis.set_title(f"{nuisance_label(study, target, str(name))}\n{moments}")
            axis.set(xlabel="(fitted − true) / expected error", ylabel="trials per bin")
            axis.set_ylim(0, 1.45 * max(axis.get_ylim()[1], 1))
            axis.legend(loc="upper left", ncols=2, columnspacing=1)
        for axis, (name, (centre, fitted)) in zip(
            axes.flat[len(pulls.columns) :], fits.items(), strict=False
        ):
            anchors = next(s.anchors for s in study.shapes if s.name == name)
            axis.axline((0, 0), slope=1, color="0.6", lw=1, zorder=0)
            for end in (anchors[0], anchors[-1]):
                axis.axhline(end, color="0.6", lw=1, ls=":", zorder=0)
            axis.scatter(centre, fitted, s=4, color=RED, lw=0, rasterized=True)
            axis.set(
                xlabel=f"{nuisance_label(study, target, str(name))}, measured [σ]",
                ylabel="fitted [σ]",
            )
            axis.set_title(f"{nuisance_label(study, target, str(name))}\nfit and constraint")
        set_title(figure, _place(study, target, signal, interval))


def draw_statistics(
    study: Study,
    target: str,
    interval: Interval,
    signal: Signal,
    table: pd.DataFrame,
    files: Iterable[str | Path],
) -> None:
    """Draw how often the statistics of toys exceed a value, beside their asymptotic forms.

    Parameters
    ----------
    table
        See `zeptobarn.summary.ensemble.statistics`.
    """
    level, groups = study.confidence_level, list(table.groupby("expected_events"))
    n = max(len(groups), 1)
    with new_figure(2.6 * n + 0.6, 5.6, files) as figure:
        axes = figure.subplots(2, n, sharex=True, sharey=True, squeeze=False)
        for column, (events, rows) in zip(axes.T, groups, strict=False):
            x = float(rows["x"].iloc[0])
            for axis, name, above, critical, symbol in (
                (column[0], "q_tilde", q_tilde_above, one_sided(level), r"\tilde{q}"),
                (column[1], "t_tilde", t_tilde_above, unified(level, x), r"\tilde{t}"),
            ):
                values = rows[name].dropna().to_numpy()
                _exceedance(axis, values, above, x)
                cut = float(np.quantile(values, level, method="inverted_cdf"))
                for at, colour, ls in ((cut, BLUE, "-"), (critical, RED, "--")):
                    axis.plot([at, at], [1e-4, 1 - level], color=colour, ls=ls, lw=1)
                axis.axhline(1 - level, color="0.8", lw=0.8, zorder=0)
                axis.set_title(
                    f"{events:g} expected event{'s' * (events != 1)}\n"
                    f"${symbol}$ critical: {cut:.2f} (toys), {critical:.2f} (asymptotic)",
                    fontsize=8,
                )
        for axis in axes[1]:
            axis.set_xlabel("value of the statistic")
        axes[0][0].set(yscale="log", ylim=(8e-4, 1.3), xlim=(0, 11))
        axes[0][0].set_ylabel(r"$P(\tilde{q}_\mu >$ value$)$")
        axes[1][0].set_ylabel(r"$P(\tilde{t}_\mu >$ value$)$")
        handles, texts = axes[0][0].get_legend_handles_labels()
        figure.legend(handles, texts, loc="outside lower center", ncols=3)
        set_title(figure, _place(study, target, signal, interval))


def _ridge(axis: Any, place: int, values: Any, summary: pd.Series, colour: str) -> None:
    """Draw a histogram in log(limit), and its quantiles below."""
    if len(values):
        edges = np.geomspace(values.min() / 1.001, values.max() * 1.001, 41)
        counts = np.histogram(values, edges)[0]
        axis.stairs(place + 0.75 * counts / counts.max(), edges, baseline=place, fill=True,
                    color=colour, alpha=0.4, lw=0)  # fmt: skip
    for sigma, width in ((2, 1.2), (1, 3.5)):
        ends = summary[[f"minus{sigma}sigma_cm2", f"plus{sigma}sigma_cm2"]].to_numpy(dtype=float)
        if np.isfinite(ends).all():
            axis.plot(ends, [place - 0.1] * 2, color=colour, lw=width, solid_capstyle="butt")
    if np.isfinite(summary["median_cm2"]):
        axis.plot(summary["median_cm2"], place - 0.1, marker="d", ms=5, mfc="white", mec=BLACK,
                  mew=0.8, ls="")  # fmt: skip


def _limit_axis(axis: Any, values: pd.Series) -> None:
    axis.set_xscale("log")
    wide = values.notna().any() and values.max() > 30 * values.min()
    axis.xaxis.set_major_locator(LogLocator(subs=(1,) if wide else (1, 3)))
    axis.xaxis.set_major_formatter(
        LogFormatterSciNotation(labelOnlyBase=False, minor_thresholds=(np.inf, np.inf))
    )
    axis.xaxis.set_minor_formatter(NullFormatter())
    axis.tick_params(axis="x", labelsize=8)
    axis.margins(x=0.1)


def _exceedance(axis: Any, values: Any, above: Any, x: float) -> None:
    ordered = np.sort(values)
    share = 1 - np.arange(1, len(ordered) + 1) / len(ordered)
    axis.step(ordered, np.where(share > 0, share, np.nan), where="post", color=BLUE, label="toys")
    grid = np.linspace(0, 11, 400)
    axis.plot(grid, above(grid, x), color=RED, ls="--", label="asymptotic, best fit ≥ 0")
    axis.plot(grid, above(grid, np.inf), color=BLACK, ls=":", label="asymptotic, unbounded")


def nuisance_label(study: Study, target: str, parameter: str) -> str:
    """Name a nuisance as text."""
    members = study.targets[target]
    rates = {
        rate_name(source, name, len(members)): (
            "" if len(members) == 1 or source.shared else f"{study.detectors[name].title}, "
        )
        + f"rate of {source.label}"
        for name in members
        for source in study.detectors[name].sources
    }
    return rates.get(parameter, symbols(labels.parameter(parameter)))


def _place(study: Study, target: str, signal: Signal, interval: Interval) -> str:
    halo = "" if signal.mass_GeV is None else f"; {labels.halo(study)}"
    return f"{study.title(target)}, {signal.brief}: {labels.treatment(interval)}{halo}"
