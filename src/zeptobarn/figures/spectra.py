"""Recoil spectra: the signals of an interaction, and each detector's backgrounds."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from zeptobarn.figures.style import interaction_label, new_figure, power_of_ten
from zeptobarn.physics.apparatus import Recoil
from zeptobarn.physics.detector import Detector
from zeptobarn.study.study import Study, signal_recoil
from zeptobarn.support import paths
from zeptobarn.templates.spectra import COLUMNS, CROSS_SECTION_CM2, integrate

# events/(kg day keV) → events/(t yr keV)
_PER_TONNE_YEAR = 1000 * 365.25
# Where the axis of the integrated spectra begins.
_LOWEST_KEV = 0.01
CUTOFFS: Mapping[Recoil, str] = {"nr": ":", "er": "-."}


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
            spectrum_line(axes[0], table, color=colour, label=paths.number(mass))
        axes[0].set_title(f"WIMP, {interaction_label(interaction)}, $10^{{-45}}$ cm²")
        for axis, detector in zip(axes[1:], study.detectors.values(), strict=True):
            for source in detector.sources:
                if source.spectrum is None:
                    continue
                table = spectra[source.spectrum["name"]].copy()
                table["rate_per_kg_day_keV"] *= source.rate_multiplier
                dashed = "--" if source.recoil == "er" else "-"
                spectrum_line(axis, table, color=source.colour, label=source.label, ls=dashed)
            axis.set_title(f"backgrounds, {detector.title}")
        for axis in axes:
            axis.set(xscale="log", yscale="log", xlabel="recoil energy [keV]")
            axis.set_ylabel("rate [events/(t yr keV)]")
            axis.set_xlim(0.1, 200)
            rates = [np.max(line.get_ydata(), initial=0.0) for line in axis.get_lines()]
            highest = max(rates, default=0.0) or 1.0
            axis.set_ylim(top=highest * 5)
            axis.set_ylim(bottom=highest * 1e-8)
        axes[0].legend(title="GeV/c²", loc="lower left", **_in_columns(len(study.masses_GeV)))
        shown: dict[str, Any] = {}
        for axis in axes[1:]:
            handles, labels = axis.get_legend_handles_labels()
            shown |= dict(zip(labels, handles, strict=True))
        figure.legend(list(shown.values()), list(shown), loc="outside right center")


def draw_integrated(
    study: Study,
    interaction: str,
    spectra: Mapping[str, pd.DataFrame],
    files: Iterable[str | Path],
) -> None:
    """Draw spectra on the left, their integrals above an energy on the right.

    Signals are in the first row, each detector's backgrounds in a row of their own; vertical
    lines are the response cutoffs.

    Parameters
    ----------
    spectra
        Every spectrum of the study, by name.
    """
    rows = 1 + len(study.detectors)
    with new_figure(9, 2.5 * rows + 0.4, files) as figure:
        axes = figure.subplots(rows, 2, sharex=True, squeeze=False)
        colours = mpl.colormaps["viridis"](np.linspace(0, 0.9, len(study.masses_GeV)))
        for mass, colour in zip(study.masses_GeV, colours, strict=True):
            table = spectra[paths.wimp_source(interaction, mass)]
            _both(axes[0], table, color=colour, label=f"{paths.number(mass)} GeV/c²")
        reference = power_of_ten(CROSS_SECTION_CM2)
        axes[0, 0].set_title(f"WIMP, {interaction_label(interaction)}, {reference} cm²")
        scale(axes[0])
        recoil = signal_recoil(interaction)
        for detector in study.detectors.values():
            label = f"cutoff ({recoil}), {detector.title}"
            _cutoff(axes[0], detector, recoil, color=detector.colour, label=label)
        for row, detector in zip(axes[1:], study.detectors.values(), strict=True):
            for source in detector.sources:
                if source.spectrum is None:
                    continue
                table = spectra[source.spectrum["name"]].copy()
                table[COLUMNS[1]] *= source.rate_multiplier
                dashed = "--" if source.recoil == "er" else "-"
                _both(row, table, color=source.colour, label=source.label, ls=dashed)
            scale(row)
            for kind in CUTOFFS:
                _cutoff(row, detector, kind, color="0.5", label=f"cutoff ({kind})")
            row[0].set_title(f"backgrounds, {detector.title}")
        for row in axes:
            row[0].set_ylabel("rate [events/(t yr keV)]")
            row[1].set_ylabel("rate above energy [events/(t yr)]")
            entries = len(row[1].get_legend_handles_labels()[1])
            row[1].legend(loc="center left", bbox_to_anchor=(1.02, 0.5), **_in_columns(entries))
        for axis in axes[-1]:
            axis.set_xlabel("recoil energy [keV]")


def rate_above(table: pd.DataFrame, energies_keV: NDArray[np.float64]) -> NDArray[np.float64]:
    """Integrate a spectrum above each of some energies.

    Parameters
    ----------
    table
        See `zeptobarn.templates.spectra`.
    energies_keV
        Energies (keV), increasing, shape (n,).

    Returns
    -------
    Rates (events/(t yr)), shape (n,).

    Examples
    --------
    >>> flat = pd.DataFrame({"recoil_energy_keV": [1, 3], "rate_per_kg_day_keV": [0.5, 0.5]})
    >>> rate_above(flat, np.array([0.0, 2.0, 10.0])) / _PER_TONNE_YEAR
    array([1. , 0.5, 0. ])
    """
    last = max(float(table[COLUMNS[0]].iloc[-1]), energies_keV[-1])
    parts = integrate(table, np.append(energies_keV, last))
    return np.asarray(parts[::-1].cumsum()[::-1] * _PER_TONNE_YEAR)


def _both(axes: Any, table: pd.DataFrame, **style: Any) -> None:
    spectrum_line(axes[0], table, **style)
    energies = np.geomspace(_LOWEST_KEV, table[COLUMNS[0]].iloc[-1], 600)
    above = rate_above(table, energies)
    axes[1].plot(energies[above > 0], above[above > 0], **style)


def scale(axes: Iterable[Any]) -> None:
    """Set logarithmic axes, of energies (keV) and of the rates that are drawn."""
    for axis in axes:
        axis.set(xscale="log", yscale="log", xlim=(_LOWEST_KEV, 200))
        rates = [np.max(line.get_ydata(), initial=0.0) for line in axis.get_lines()]
        highest = max(rates, default=0.0) or 1.0
        axis.set_ylim(highest * 1e-9, highest * 5)


def _cutoff(axes: Any, detector: Detector, recoil: Recoil, **style: Any) -> None:
    for axis in axes:
        axis.axvline(
            detector.apparatus.response_cutoff_keV[recoil], ls=CUTOFFS[recoil], lw=1, **style
        )


def _in_columns(entries: int) -> dict[str, Any]:
    """Give a legend of many entries two columns of small letters."""
    return {"ncols": 2, "fontsize": 6.5, "columnspacing": 1} if entries > 9 else {}


def spectrum_line(axis: Any, table: pd.DataFrame, **style: object) -> None:
    """Draw a spectrum; one of lines alone, as high as their rates are spread over one keV."""
    energy, rate = (table[name].to_numpy(dtype=float) for name in COLUMNS)
    positive = np.flatnonzero(rate > 0)
    inner = len(positive) > 0 and positive[0] > 0 and positive[-1] < len(rate) - 1
    if inner and not (rate[positive - 1].any() or rate[positive + 1].any()):
        rates = rate[positive] * (energy[positive + 1] - energy[positive - 1]) / 2
        heights = np.repeat(rates, 3)
        heights[::3] = heights[2::3] = _NOTHING
        axis.plot(np.repeat(energy[positive], 3), heights * _PER_TONNE_YEAR, **style)
        return
    axis.plot(np.maximum(energy[positive], 1e-3), rate[positive] * _PER_TONNE_YEAR, **style)


# Far below any axis of rates, events/(kg day keV).
_NOTHING = 1e-100
