"""Templates of every source, and a background dataset over the bands."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.colors import LogNorm
from numpy.typing import NDArray

from zeptobarn.figures.style import BLACK, BLUE, RED, new_figure, power_of_ten
from zeptobarn.physics.detector import AnalysisSpace, Detector
from zeptobarn.study.study import Study
from zeptobarn.support import paths
from zeptobarn.templates.templates import Template

_PANELS_PER_ROW = 5


def draw_templates(
    study: Study,
    detector: str,
    templates: Mapping[str, Template],
    dataset: pd.DataFrame,
    files: Iterable[str | Path],
) -> None:
    """Draw each source's nominal template as a density, with one background dataset over it.

    Parameters
    ----------
    templates
        Backgrounds and signals, by source name.
    dataset
        Events of one dataset: ``cs1``, ``cs2``.
    """
    the_detector = study.detectors[detector]
    labels = {source.name: source.label for source in the_detector.sources}
    labels |= {signal.name: signal.label for signal in study.given_signals}
    for interaction, mass in study.wimps:
        labels[paths.wimp_source(interaction, mass)] = (
            f"{the_detector.signal.label} {interaction.replace('_', ' ')} "
            f"{paths.number(mass)} GeV/c²"
        )
    rows = -(-len(templates) // _PANELS_PER_ROW)
    with new_figure(12, 2.5 * rows + 0.3, files) as figure:
        axes = figure.subplots(rows, _PANELS_PER_ROW, sharex=True, sharey=True, squeeze=False)
        for axis in axes.flat[len(templates) :]:
            axis.set_visible(False)
        for axis in axes.flat[max(0, len(templates) - _PANELS_PER_ROW) : len(templates)]:
            axis.tick_params(labelbottom=True)
        for axis, (name, template) in zip(axes.flat, templates.items(), strict=False):
            expected = template.nominal
            share = np.ma.masked_equal(expected / max(expected.max(), 1e-300), 0)
            mesh = axis.pcolormesh(
                the_detector.space.cs1_edges,
                the_detector.space.cs2_edges,
                share.reshape(the_detector.space.shape).T,
                norm=LogNorm(1e-4, 1),
                cmap="viridis",
                rasterized=True,
            )
            size = 5 if len(dataset) < 300 else 0.6
            axis.scatter(dataset["cs1"], dataset["cs2"], s=size, c=RED, lw=0, rasterized=True)
            axis.set_title(f"{labels[name]}\n{_count(expected.sum())} events", fontsize=8)
            set_limits(axis, the_detector.space)
        unit = the_detector.area_unit
        figure.supxlabel(f"cS1 [{unit}]", fontsize=10)
        figure.supylabel(f"cS2 [{unit}]", fontsize=10)
        bar = figure.colorbar(mesh, ax=axes, fraction=0.02, pad=0.01)
        bar.set_label("density relative to the template's maximum")
        reference = f"WIMPs at {power_of_ten(study.reference_cross_section_cm2)} cm²"
        given = ["given signals as given"] if study.given_signals else []
        conditions = ", ".join([reference] * bool(study.wimps) + given)
        figure.suptitle(
            f"{the_detector.title}: expected events in the analysis space "
            f"({conditions}); points: one background-only dataset",
            fontsize=10,
        )


def draw_bands(
    study: Study,
    detector: str,
    templates: Mapping[str, Template],
    dataset: pd.DataFrame,
    files: Iterable[str | Path],
) -> None:
    """Draw one background dataset over the ER and NR bands.

    A band is the median and the central 80 % of cS2 at given cS1: for ER of all its sources, for
    NR of the source that reaches the highest cS1.

    Parameters
    ----------
    dataset
        Events of one dataset: ``cs1``, ``cs2``, ``source``.
    """
    the_detector = study.detectors[detector]
    with new_figure(5.2, 4.2, files) as figure:
        axis = figure.subplots()
        draw_band_lines(axis, the_detector, templates)
        for source in the_detector.sources:
            events = dataset[dataset["source"] == source.name]
            if len(events):
                axis.scatter(
                    events["cs1"],
                    events["cs2"],
                    s=14 if len(dataset) < 300 or source.recoil != "er" else 2,
                    c=BLACK if source.recoil == "er" else source.colour,
                    edgecolors="none" if source.recoil == "er" else BLACK,
                    lw=0 if source.recoil == "er" else 0.6,
                    marker="o" if source.recoil == "er" else "D",
                    label=f"{source.label} ({len(events)})",
                    zorder=3 if source.recoil == "er" else 4,
                    rasterized=True,
                )
        set_limits(axis, the_detector.space)
        axis.set_xlabel(f"cS1 [{the_detector.area_unit}]")
        axis.set_ylabel(f"cS2 [{the_detector.area_unit}]")
        axis.set_title(
            f"{the_detector.title}: one background-only dataset ({len(dataset)} events)\n"
            "over the median and central 80 % of cS2"
        )
        if axis.get_legend_handles_labels()[0]:
            axis.legend(loc="lower right")


def draw_band_lines(axis: Any, detector: Detector, templates: Mapping[str, Template]) -> None:
    """Draw the ER and the NR band, see `draw_bands`.

    Parameters
    ----------
    templates
        By source name.
    """
    er = [source for source in detector.sources if source.recoil == "er"]
    nr = [source for source in detector.sources if source.recoil == "nr"]
    nr = sorted(nr, key=lambda s: _mean_cs1(detector.space, templates[s.name].nominal))[-1:]
    for sources, colour, label in ((er, BLUE, "ER"), (nr, RED, "NR")):
        if not sources:
            continue
        expected = np.sum([templates[source.name].nominal for source in sources], axis=0)
        centres, low, middle, high = band(detector.space, expected)
        names = ", ".join(source.label for source in sources)
        axis.fill_between(centres, low, high, color=colour, alpha=0.2, lw=0)
        axis.plot(centres, middle, color=colour, label=f"{label} band: {names}")


def band(space: AnalysisSpace, expected: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
    """Median and central 80 % of cS2 in each cS1 bin that expects events.

    Returns
    -------
    Bin centres in cS1; 10 %, 50 % and 90 % quantiles of cS2.
    """
    by_cs1 = expected.reshape(space.shape)
    filled = by_cs1.sum(axis=1) > 1e-4 * by_cs1.sum(axis=1).max()
    centres = (0.5 * (space.cs1_edges[1:] + space.cs1_edges[:-1]))[filled]
    quantiles = []
    for probability in (0.1, 0.5, 0.9):
        values = []
        for row in by_cs1[filled]:
            cumulative = np.concatenate([[0], np.cumsum(row)]) / row.sum()
            values.append(np.exp(np.interp(probability, cumulative, np.log(space.cs2_edges))))
        quantiles.append(np.array(values))
    return centres, *quantiles


def density_level(expected: NDArray[np.float64], share: float) -> float:
    """Expected events per bin above which the densest bins hold a share of all events.

    Examples
    --------
    >>> density_level(np.array([1.0, 4.0, 3.0, 2.0]), 0.7)
    3.0
    """
    falling = np.sort(expected.ravel())[::-1]
    held = np.cumsum(falling) / falling.sum()
    return float(falling[np.searchsorted(held, share - 1e-12)])


def _mean_cs1(space: AnalysisSpace, expected: NDArray[np.float64]) -> float:
    by_cs1 = expected.reshape(space.shape).sum(axis=1)
    return float(by_cs1 @ space.cs1_edges[:-1] / max(by_cs1.sum(), 1e-300))


def set_limits(axis: Any, space: AnalysisSpace) -> None:
    """Let axes show the analysis space, cS2 on a logarithmic scale."""
    axis.set_xlim(space.cs1_edges[0], space.cs1_edges[-1])
    axis.set_ylim(space.cs2_edges[0], space.cs2_edges[-1])
    axis.set_yscale("log")


def _count(value: float) -> str:
    if value >= 100:
        return f"{value:.0f}"
    return f"{value:.3g}" if value >= 1e-3 else f"{value:.1e}"
