"""Given signals: the limits on them, side by side, and their spectra."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from zeptobarn.figures.limits import target_colours
from zeptobarn.figures.spectra import CUTOFFS, scale, spectrum_line
from zeptobarn.figures.style import BLACK, new_figure, set_title, wrapped
from zeptobarn.study import labels
from zeptobarn.study.settings import Interval
from zeptobarn.study.study import Study

# Height of a bar, where the bars of all targets of a signal have 1.
_FILLED = 0.8


def draw_limits(study: Study, table: pd.DataFrame, files: Iterable[str | Path]) -> None:
    """Draw the limits on all given signals: a panel per interval, a row per signal.

    In a row, each target has its median with its ±1σ, ±2σ bands. Of intervals with two ends it is
    the upper one.

    Parameters
    ----------
    table
        Rows of `zeptobarn.summary.signal_medians.summarise_signals`.
    """
    quantity, names = labels.apart(study.intervals)
    n, colours = len(study.intervals), target_colours(study)
    columns = min(n, 2)
    lines = -(-n // columns)
    rows = len(study.given_signals) * (0.25 + 0.22 * len(colours))
    width = 3.3 * columns + 2.0
    with new_figure(width, (0.9 + rows) * lines + 1.0, files) as figure:
        grid = figure.subplots(lines, columns, sharex=True, sharey=True, squeeze=False)
        for axis in grid.flat[n:]:
            axis.axis("off")
        for axis, interval, name in zip(grid.flat, study.intervals, names, strict=False):
            _rows(axis, study, interval, table[table["interval"] == interval.name], colours)
            axis.set_title(wrapped(name, 3.3))
            axis.set_xlabel("limit, in the unit of each row")
        for axis in grid.flat[:n]:
            axis.label_outer()
        handles, texts = grid.flat[0].get_legend_handles_labels()
        figure.legend(handles, texts, loc="outside lower center", ncols=min(len(texts), 4))
        conditions = labels.study_level(study)
        set_title(figure, f"Given signals, background only: {quantity}, {conditions}")


def _rows(
    axis: Any, study: Study, interval: Interval, table: pd.DataFrame, colours: Mapping[str, str]
) -> None:
    """Draw the rows of a panel: signals from above, in each the targets from above."""
    thickness = _FILLED / len(colours)
    calibrated = labels.origin(interval, study.critical_values) != "asymptotic"
    for number, signal in enumerate(study.given_signals):
        for i, (target, colour) in enumerate(colours.items()):
            chosen = (table["signal"] == signal.name) & (table["detector"] == target)
            row = table[chosen].iloc[0]
            middle = number + thickness * (i - (len(colours) - 1) / 2)
            first = number == 0
            ends = middle - 0.45 * thickness, middle + 0.45 * thickness
            for sigma, alpha in ((2, 0.18), (1, 0.30)):
                band = [row[f"{side}{sigma}sigma_rate_multiplier"] for side in ("minus", "plus")]
                shown = f"{study.title(target)}, ±1σ, ±2σ" if first and sigma == 1 else None
                axis.fill_betweenx(ends, *band, color=colour, alpha=alpha, lw=0, label=shown)
            marks = [("median", colour, 1.8, "-"), ("asimov", BLACK, 1.0, "--")]
            if calibrated:
                marks.append(("asymptotic_median", colour, 0.7, "-"))
            for mark, shade, lw, ls in marks:
                label = f"{mark.replace('_', ' ').replace('asimov', 'Asimov')}"
                label = label if label.endswith("median") else f"{label} median"
                axis.plot(
                    [row[f"{mark}_rate_multiplier"]] * 2,
                    ends,
                    color=shade,
                    lw=lw,
                    ls=ls,
                    label=label if first and i == 0 else None,
                )
    axis.set(xscale="log", ylim=(len(study.given_signals) - 0.5, -0.5))
    axis.set_yticks(
        range(len(study.given_signals)),
        [wrapped(f"{signal.label}\n× {signal.unit}", 1.7) for signal in study.given_signals],
    )
    axis.tick_params(axis="y", length=0)
    if not np.isfinite(axis.dataLim.intervalx).all():
        axis.set_xlim(0.1, 10)  # every median is withheld: empty axes, not an error


def draw_spectra(
    study: Study, spectra: Mapping[str, pd.DataFrame], files: Iterable[str | Path]
) -> None:
    """Draw the spectra of all given signals: nuclear recoils full, electronic ones dashed.

    Parameters
    ----------
    spectra
        By name, see `zeptobarn.study.study.Study.given_spectra`.
    """
    with new_figure(6.2, 3.8, files) as figure:
        axis = figure.subplots()
        for signal in study.given_signals:
            for recoil, name in signal.spectra.items():
                label = f"{signal.label} ({recoil.upper()})"
                style = "--" if recoil == "er" else "-"
                spectrum_line(axis, spectra[name], color=signal.colour, label=label, ls=style)
        scale([axis])
        recoils = {recoil for signal in study.given_signals for recoil in signal.recoils}
        for detector in study.detectors.values():
            for recoil in sorted(recoils):
                cutoff = detector.apparatus.response_cutoff_keV[recoil]
                label = f"cutoff ({recoil}), {detector.title}"
                axis.axvline(cutoff, ls=CUTOFFS[recoil], lw=1, color=detector.colour, label=label)
        axis.set(xlabel="recoil energy [keV]", ylabel="rate [events/(t yr keV)]")
        axis.set_title("given signals")
        figure.legend(loc="outside right upper")
