"""Detectors side by side, and the interactions of each."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.colors import LogNorm
from matplotlib.ticker import LogFormatterSciNotation, LogLocator, NullFormatter

from zeptobarn.figures.style import (
    BLACK,
    BLUE,
    GREEN,
    RED,
    interaction_label,
    new_figure,
    power_of_ten,
    set_title,
    symbols,
    wrapped,
)
from zeptobarn.figures.templates import density_level
from zeptobarn.study import labels
from zeptobarn.study.study import Study
from zeptobarn.support import paths
from zeptobarn.templates.templates import Template

# Shares of the signal inside its contours.
_SHARES = (0.9, 0.5)
_INTERACTIONS = ((BLUE, "o"), (RED, "s"), (GREEN, "^"))


def draw_comparison(
    study: Study,
    interaction: str,
    mass_GeV: float,
    templates: Mapping[str, Mapping[str, Template]],
    summary: pd.DataFrame,
    files: Iterable[str | Path],
) -> None:
    """Draw background and signal of each detector, and the limit curves of all.

    Parameters
    ----------
    mass_GeV
        The mass of the signal that is drawn (GeV/c²).
    templates
        Templates of that signal and of all backgrounds, by detector and source.
    summary
        Rows of `zeptobarn.summary.summary.summarise`.
    """
    n = len(study.detectors)
    signal = paths.wimp_source(interaction, mass_GeV)
    with new_figure(max(3.5 * n + 0.6, 4.6), 6.8, files) as figure:
        halves: Any = figure.subfigures(2, 1, height_ratios=[1, 1.05])
        axes = halves[0].subplots(1, n, squeeze=False)[0]
        for axis, name in zip(axes, study.detectors, strict=True):
            _planes(axis, study, name, signal, templates[name])
        interval = study.intervals[-1]
        axis = halves[1].subplots()
        for name, detector in study.detectors.items():
            rows = summary[
                (summary["detector"] == name)
                & (summary["interaction"] == interaction)
                & (summary["interval"] == interval.name)
            ].sort_values("mass_GeV")
            mass = rows["mass_GeV"]
            axis.fill_between(mass, rows["minus1sigma_cm2"], rows["plus1sigma_cm2"],
                              color=detector.colour, alpha=0.25, lw=0)  # fmt: skip
            axis.plot(mass, rows["median_cm2"], color=detector.colour, marker=".",
                      label=f"{detector.title}: median and ±1σ of trials")  # fmt: skip
            axis.plot(mass, rows["asimov_cm2"], color=detector.colour, ls="--", lw=1,
                      label=f"{detector.title}: Asimov")  # fmt: skip
        _mass_axis(axis, study)
        axis.set_ylabel(symbols(f"{labels.upper_end(interval)} [cm²]"))
        if not np.isfinite(axis.dataLim.intervaly).all():
            axis.set_ylim(1e-49, 1e-40)
        axis.legend(loc="upper right")
        axis.set_title(
            wrapped(
                f"{interaction_label(interaction)}: {labels.full_claim(study, interval)}",
                figure.get_figwidth() - 0.8,
            )
        )


def draw_interactions(study: Study, table: pd.DataFrame, files: Iterable[str | Path]) -> None:
    """Draw each detector's limits on several interactions, and their ratios to the first.

    Parameters
    ----------
    table
        Rows of `zeptobarn.summary.dependence.interaction_limits`, all detectors.
    """
    names = list(table["interaction"].unique())
    with new_figure(max(3.5 * len(study.detectors) + 0.6, 4.6), 5.8, files) as figure:
        axes = figure.subplots(
            2, len(study.detectors), sharex=True, sharey="row", squeeze=False,
            height_ratios=[1.5, 1],
        )  # fmt: skip
        for (upper, lower), (name, detector) in zip(axes.T, study.detectors.items(), strict=True):
            wide = table[table["detector"] == name].pivot(index="mass_GeV", columns="interaction")
            limits, events = wide["asimov_cm2"], wide["signal_events"]
            for interaction, (colour, marker) in zip(names, _INTERACTIONS, strict=False):
                style = {"color": colour, "marker": marker, "ms": 3.5}
                label = interaction_label(interaction)
                upper.plot(limits.index, limits[interaction], label=label, **style)
                if interaction == names[0]:
                    continue
                ratio = limits[interaction] / limits[names[0]]
                lower.plot(limits.index, ratio, **style)
                counts = events[names[0]] / events[interaction].where(events[interaction] > 0)
                lower.plot(limits.index, counts, color=BLACK, ls=":", lw=1, zorder=4,
                           label="inverse ratio of events")  # fmt: skip
            if limits.isna().to_numpy().all():  # no limit at this confidence level
                upper.set_ylim(1e-49, 1e-40)
            upper.set_title(detector.title)
            _mass_axis(upper, study)
            _mass_axis(lower, study)
            upper.set_xlabel("")
            lower.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            lower.yaxis.set_major_formatter(
                LogFormatterSciNotation(labelOnlyBase=False, minor_thresholds=(np.inf, np.inf))
            )
            lower.yaxis.set_minor_formatter(NullFormatter())
        axes[0][0].set_ylabel("Asimov limit [cm²]")
        axes[1][0].set_ylabel(f"ratio to {interaction_label(names[0])}")
        handles, texts = axes[0][0].get_legend_handles_labels()
        others, other_texts = axes[1][0].get_legend_handles_labels()
        shown = dict(zip(texts + other_texts, handles + others, strict=True))
        figure.legend(list(shown.values()), list(shown), loc="outside lower center", ncols=2)
        set_title(
            figure,
            f"WIMP–nucleon cross sections, Asimov dataset: {labels.nominal_claim(study)}",
        )


def _planes(
    axis: Any, study: Study, name: str, signal: str, templates: Mapping[str, Template]
) -> None:
    """Draw the summed backgrounds as a density, the signal as contours."""
    detector = study.detectors[name]
    space = detector.space
    background = np.sum(
        [s.nominal_rate * templates[s.name].nominal for s in detector.sources], axis=0
    )
    expected = templates[signal].nominal
    largest = max(float(background.max()), 1e-300)
    mesh = axis.pcolormesh(
        space.cs1_edges,
        np.log10(space.cs2_edges),
        np.ma.masked_equal(background / largest, 0).reshape(space.shape).T,
        norm=LogNorm(1e-5, 1),
        cmap="Greys",
        rasterized=True,
    )
    axis.figure.colorbar(mesh, ax=axis, label="background, relative to its maximum")
    if not expected.sum() > 0:
        return
    cuts = [density_level(expected, share) for share in _SHARES]
    if 0 < cuts[0] < cuts[1]:
        axis.contour(
            0.5 * (space.cs1_edges[1:] + space.cs1_edges[:-1]),
            np.log10(np.sqrt(space.cs2_edges[1:] * space.cs2_edges[:-1])),
            expected.reshape(space.shape).T,
            levels=cuts,
            colors=RED,
            linestyles=["--", "-"],
            linewidths=1.3,
        )
    axis.set_xlabel(f"cS1 [{detector.area_unit}]")
    axis.set_ylabel(f"log$_{{10}}$(cS2/{detector.area_unit})")
    _, mass = study.signal(signal) or ("", 0.0)
    reference = power_of_ten(study.reference_cross_section_cm2)
    axis.set_title(
        f"{detector.title}: {_count(background.sum())} background events,\n"
        f"{_count(expected.sum())} WIMPs of {paths.number(mass)} GeV/c² at {reference} cm²",
        fontsize=8,
    )


def _count(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"


def _mass_axis(axis: Any, study: Study) -> None:
    axis.set(xscale="log", yscale="log", xlabel="WIMP mass [GeV/c²]")
    low, high = min(study.masses_GeV), max(study.masses_GeV)
    axis.set_xlim(low / 1.1, high * 1.1)
    axis.xaxis.set_major_formatter("{x:g}")
    axis.xaxis.set_minor_formatter("{x:g}" if high < 20 * low else NullFormatter())
