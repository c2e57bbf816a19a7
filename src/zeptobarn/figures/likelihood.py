"""The likelihood ratio of one dataset over the signal and a shape parameter."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import chi2

from zeptobarn.figures.style import (
    BLACK,
    BLUE,
    GREEN,
    ORANGE,
    RED,
    new_figure,
    power_of_ten,
    set_title,
    symbols,
    wrapped,
)
from zeptobarn.inference.asymptotics import one_sided
from zeptobarn.study import labels
from zeptobarn.study.study import Study
from zeptobarn.summary.profiles import HIGHEST, Map

# Of a region in two parameters.
_CONTOURS = ((0.68, "-"), (0.9, "--"))


def draw(study: Study, target: str, maps: Sequence[Map], files: Iterable[str | Path]) -> None:
    """Draw a column per signal: the map, and below it the ratio at fixed values of the shape.

    Parameters
    ----------
    maps
        From `zeptobarn.summary.profiles.likelihood_map`; those of a study without shapes have no
        map.
    """
    columns = max(len(maps), 1)
    given = any(m.signal.mass_GeV is None for m in maps)
    shaped = any(m.shape for m in maps)
    with new_figure(3.4 * columns + 1.2, 5.4 if shaped else 3, files) as figure:
        axes = figure.subplots(1 + shaped, columns, sharex="col", sharey="row", squeeze=False)
        for column, likelihood in zip(axes.T, maps, strict=False):
            column[0].set_title(wrapped(likelihood.signal.brief, 3.2))
            if shaped:
                mesh = _map(column[0], likelihood)
            _slices(column[-1], study, likelihood)
            reference = f"{power_of_ten(study.reference_cross_section_cm2)} cm²"
            if given:
                reference = symbols(likelihood.signal.unit)
            column[-1].set_xlabel(f"rate multiplier (1: {reference})")
        axes[-1, 0].set_ylabel(r"$-2\,\ln\lambda$")
        if shaped:
            axes[0, 0].set_ylabel(f"{_symbol(maps[0].shape)} [σ]")
            bar = figure.colorbar(mesh, ax=axes[0], fraction=0.05, pad=0.02, extend="max")
            bar.set_label(r"$-2\,\ln\lambda$")
        if maps:
            handles, texts = axes[-1, 0].get_legend_handles_labels()
            more = axes[0, 0].get_legend_handles_labels() if shaped else ([], [])
            figure.legend(
                handles + more[0],
                texts + more[1],
                loc="outside lower center",
                ncols=2 * columns + 1,
            )
        halo = "" if given else f"; {labels.halo(study)}"
        set_title(figure, f"{study.title(target)}: one background-only dataset{halo}")


def _map(axis: Any, likelihood: Map) -> Any:
    x, y = likelihood.rate_multiplier, likelihood.values
    mesh = axis.pcolormesh(
        x, y, likelihood.statistic, vmin=0, vmax=HIGHEST, cmap="Blues", shading="gouraud"
    )
    mesh.set_rasterized(True)
    for level, line in _CONTOURS:
        threshold = chi2.ppf(level, 2)
        axis.contour(x, y, likelihood.statistic, [threshold], colors=BLACK, linestyles=line)
        label = f"{100 * level:g} % region: {threshold:.2f}"
        axis.plot([], [], color=BLACK, ls=line, label=label)
    axis.plot(x, likelihood.best_values, color=RED, lw=1.2, label="best at this signal")
    axis.plot(
        likelihood.best_fit, likelihood.best_value, "D", color=ORANGE, mec=BLACK, ms=6,
        clip_on=False, ls="", label="best fit", zorder=5,
    )  # fmt: skip
    axis.set_ylim(y[0], y[-1])
    axis.set_xlim(0, x[-1])
    return mesh


def _slices(axis: Any, study: Study, likelihood: Map) -> None:
    x = likelihood.rate_multiplier
    if likelihood.shape:
        fixed = (likelihood.values[0], 0.0, likelihood.values[-1])
        for value, colour, line in zip(
            fixed, (ORANGE, BLUE, GREEN), ("--", "-", "-."), strict=True
        ):
            row = likelihood.conditional[int(np.searchsorted(likelihood.values, value))]
            label = f"{_symbol(likelihood.shape)} = {_signed(value)}"
            axis.plot(x, row, color=colour, ls=line, label=label)
    axis.plot(x, likelihood.profiled, color=BLACK, lw=1.2, label="profiled")
    threshold = one_sided(study.confidence_level)
    axis.axhline(
        threshold,
        color="0.5",
        lw=0.9,
        ls=":",
        label=symbols(f"{100 * study.confidence_level:g} %, q̃ asymptotic: {threshold:.2f}"),
    )
    axis.set(xlim=(0, x[-1]), ylim=(0, 6))


def _symbol(shape: str) -> str:
    return symbols(labels.parameter(shape))


def _signed(value: float) -> str:
    return f"{value:+g}σ".replace("-", "−") if value else "0"
