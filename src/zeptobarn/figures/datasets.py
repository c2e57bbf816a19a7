"""A dataset with and without signal over the templates, and what its sources expect."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.collections import PathCollection
from matplotlib.colors import LogNorm
from numpy.typing import NDArray

from zeptobarn.figures.style import (
    BLACK,
    draw_table,
    interaction_label,
    new_figure,
    power_of_ten,
    symbols,
)
from zeptobarn.figures.templates import density_level
from zeptobarn.physics.detector import AnalysisSpace, Detector
from zeptobarn.study.study import Study
from zeptobarn.support import paths
from zeptobarn.templates.templates import Template

# Shares of the signal inside its contours.
_SHARES = (0.9, 0.5)


def list_sources(
    study: Study,
    detector: str,
    signal: str,
    templates: Mapping[str, Template],
    dataset: pd.DataFrame,
    signals: Mapping[float, pd.DataFrame],
) -> pd.DataFrame:
    """List what is in the datasets: every background, and the signal at each rate multiplier.

    Parameters
    ----------
    templates
        By source name, the signal's among them.
    dataset
        Background events: ``source``.
    signals
        Signal events, by rate multiplier.

    Returns
    -------
    A row per source and rate multiplier: ``source, label, rate`` (how the fit treats it),
    ``rate_multiplier, expected_events, thrown_events``.
    """
    the_detector = study.detectors[detector]
    rows: list[tuple[str, str, str, float, float, int]] = [
        (
            source.name,
            source.label,
            source.rate.replace("_", "-"),
            source.rate_multiplier,
            float(source.nominal_rate * templates[source.name].nominal.sum()),
            int((dataset["source"] == source.name).sum()),
        )
        for source in the_detector.sources
    ]
    expected = float(templates[signal].nominal.sum())
    rows += [
        (signal, _name(study, detector, signal), "free", multiplier, multiplier * expected, len(e))
        for multiplier, e in signals.items()
    ]
    columns = ["source", "label", "rate", "rate_multiplier", "expected_events", "thrown_events"]
    return pd.DataFrame(rows, columns=columns)


def draw(
    study: Study,
    detector: str,
    signal: str,
    templates: Mapping[str, Template],
    dataset: pd.DataFrame,
    signals: Mapping[float, pd.DataFrame],
    files: Iterable[str | Path],
) -> None:
    """Draw one background dataset with the signal at each rate multiplier, and the sources.

    Parameters
    ----------
    templates, dataset, signals
        See `list_sources`; the events have ``cs1`` and ``cs2`` too.
    """
    the_detector = study.detectors[detector]
    reference = f"{power_of_ten(study.reference_cross_section_cm2)} cm²"
    colour, tested = the_detector.signal.colour, study.source_signal(signal)
    if tested is not None and tested.mass_GeV is None:
        reference, colour = symbols(tested.unit), tested.colour
    table = list_sources(study, detector, signal, templates, dataset, signals)
    background = np.sum(
        [s.nominal_rate * templates[s.name].nominal for s in the_detector.sources], axis=0
    )
    low = 0.21 * (len(table) + 1)
    with new_figure(3.1 * len(signals) + 0.6, 3.5 + low, files) as figure:
        parts: Any = figure.subfigures(2, 1, height_ratios=[3.5, low])
        upper, lower = parts
        axes = upper.subplots(1, len(signals), sharex=True, sharey=True, squeeze=False)[0]
        for axis, (multiplier, events) in zip(axes, signals.items(), strict=True):
            _density(axis, the_detector.space, background)
            draw_contours(axis, the_detector, templates[signal].nominal, colour)
            size = 6 if len(dataset) < 300 else 1.5
            axis.scatter(
                dataset["cs1"], dataset["cs2"], s=size, c=BLACK, lw=0, rasterized=True,
                label=f"backgrounds ({len(dataset)} events)",
            )  # fmt: skip
            axis.scatter(
                events["cs1"], events["cs2"], s=16 if len(events) < 300 else 4,
                c=colour, marker="^", lw=0, rasterized=True,
                label=_name(study, detector, signal),
            )  # fmt: skip
            expected = _count(multiplier * templates[signal].nominal.sum())
            axis.set_title(
                f"rate multiplier {paths.number(multiplier)}\n"
                f"signal: {expected} events expected, {len(events)} thrown"
            )
            axis.set_yscale("log")
            axis.set_xlim(the_detector.space.cs1_edges[[0, -1]])
            axis.set_ylim(the_detector.space.cs2_edges[[0, -1]])
            axis.set_xlabel(f"cS1 [{the_detector.area_unit}]")
        axes[0].set_ylabel(f"cS2 [{the_detector.area_unit}]")
        handles, labels = axes[0].get_legend_handles_labels()
        legend = upper.legend(handles, labels, loc="outside lower center", ncols=3)
        for handle in legend.legend_handles:
            if isinstance(handle, PathCollection):
                handle.set_sizes([20])
        upper.suptitle(f"{the_detector.title}: rate multiplier 1 is {reference}", fontsize=10)
        _table(lower, table)


def _density(axis: Any, space: AnalysisSpace, expected: NDArray[np.float64]) -> None:
    largest = max(expected.max(initial=0.0), 1e-300)
    axis.pcolormesh(
        space.cs1_edges,
        space.cs2_edges,
        np.ma.masked_less(expected.reshape(space.shape).T, 1e-4 * largest),
        norm=LogNorm(1e-4 * largest, 500 * largest),
        cmap="Greys",
        rasterized=True,
    )


def draw_contours(
    axis: Any, detector: Detector, expected: NDArray[np.float64], colour: str = "", style: str = "-"
) -> None:
    """Lines around the densest bins that hold given shares of the signal."""
    if not expected.sum() > 0:
        return
    space, colour = detector.space, colour or detector.signal.colour
    levels = sorted(density_level(expected, share) for share in _SHARES)
    axis.contour(
        0.5 * (space.cs1_edges[1:] + space.cs1_edges[:-1]),
        np.sqrt(space.cs2_edges[1:] * space.cs2_edges[:-1]),
        expected.reshape(space.shape).T,
        sorted(set(levels)),
        colors=colour,
        linewidths=1,
        linestyles=style,
    )
    shares = " and ".join(f"{100 * share:g} %" for share in sorted(_SHARES))
    axis.plot([], [], color=colour, lw=1, ls=style, label=f"{shares} of the signal")


def _table(place: Any, table: pd.DataFrame) -> None:
    columns = {
        "source": table["label"].tolist(),
        "rate in the fit": table["rate"].tolist(),
        "rate multiplier": [f"{value:g}" for value in table["rate_multiplier"]],
        "expected events": [_count(value) for value in table["expected_events"]],
        "thrown": [str(n) for n in table["thrown_events"]],
    }
    draw_table(place.subplots(), columns, [0.34, 0.16, 0.16, 0.18, 0.12], left=0)


def _name(study: Study, detector: str, signal: str) -> str:
    tested = study.source_signal(signal)
    assert tested is not None  # a signal's name
    if tested.mass_GeV is None:
        return tested.label
    label = study.detectors[detector].signal.label
    return f"{label} of {tested.brief}, {interaction_label(tested.interaction)}"


def _count(value: float) -> str:
    return f"{value:.0f}" if value >= 1000 or value == 0 else f"{value:.3g}"
