"""Recoil spectra: the signals of an interaction, and each detector's backgrounds."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd

from zeptobarn import paths
from zeptobarn.figures.style import interaction_label, new_figure
from zeptobarn.study import Study

# events/(kg day keV) → events/(t yr keV)
_PER_TONNE_YEAR = 1000 * 365.25


def draw(
    study: Study,
    interaction: str,
    spectra: Mapping[str, pd.DataFrame],
    files: Iterable[str | Path],
) -> None:
    """Draw the spectra.

    Parameters
    ----------
    spectra
        Every spectrum of the study, by name.
    """
    panels = 1 + len(study.detectors)
    with new_figure(3.4 * panels + 1.8, 3.6, files) as figure:
        axes = figure.subplots(1, panels, squeeze=False)[0]
        colours = mpl.colormaps["viridis"](np.linspace(0, 0.9, len(study.masses_GeV)))
        for mass, colour in zip(study.masses_GeV, colours, strict=True):
            table = spectra[paths.wimp_source(interaction, mass)]
            _line(axes[0], table, color=colour, label=f"{paths.number(mass)} GeV/c²")
        axes[0].set_title(f"WIMP, {interaction_label(interaction)}, $10^{{-45}}$ cm²")
        for axis, detector in zip(axes[1:], study.detectors.values(), strict=True):
            for source in detector.sources:
                if source.spectrum is None:
                    continue
                table = spectra[source.spectrum["name"]].copy()
                table["rate_per_kg_day_keV"] *= source.rate_multiplier
                dashed = "--" if source.recoil == "er" else "-"
                _line(axis, table, color=source.colour, label=source.label, ls=dashed)
            axis.set_title(f"backgrounds, {detector.title}")
        for axis in axes:
            axis.set(xscale="log", yscale="log", xlabel="recoil energy [keV]")
            axis.set_ylabel("rate [events/(t yr keV)]")
            axis.set_xlim(0.1, 200)
            rates = [np.max(line.get_ydata(), initial=0.0) for line in axis.get_lines()]
            highest = max(rates, default=0.0) or 1.0
            axis.set_ylim(top=highest * 5)
            axis.set_ylim(bottom=highest * 1e-8)
        axes[0].legend(loc="lower left")
        shown: dict[str, Any] = {}
        for axis in axes[1:]:
            handles, labels = axis.get_legend_handles_labels()
            shown |= dict(zip(labels, handles, strict=True))
        figure.legend(list(shown.values()), list(shown), loc="outside right center")


def _line(axis: Any, table: pd.DataFrame, **style: object) -> None:
    positive = table[table["rate_per_kg_day_keV"] > 0]
    energy, rate = positive["recoil_energy_keV"], positive["rate_per_kg_day_keV"]
    axis.plot(np.maximum(energy, 1e-3), rate * _PER_TONNE_YEAR, **style)
