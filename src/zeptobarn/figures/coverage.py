"""Coverage: how often intervals hold the true cross section."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from zeptobarn.figures.style import BLUE, RED, new_figure, set_title, wrapped
from zeptobarn.study import labels
from zeptobarn.study.signals import Signal
from zeptobarn.study.study import Study

_LOOKS = {"toys": (BLUE, "o", "toy-calibrated"), "asymptotic": (RED, "s", "asymptotic")}


def draw_coverage(
    study: Study,
    target: str,
    tables: Sequence[tuple[Signal, pd.DataFrame]],
    files: Iterable[str | Path],
) -> None:
    """Draw coverage against the true signal: a row per interval, a column per signal.

    Parameters
    ----------
    tables
        Signals, of one interaction or given ones, with the tables of
        `zeptobarn.inference.model.Model.coverage`.
    """
    given = all(signal.mass_GeV is None for signal, _ in tables)
    n, m = len(study.intervals), len(tables)
    with new_figure(2.6 * m + 0.6, 2.1 * n + 0.9, files) as figure:
        axes = figure.subplots(n, m, sharex=True, sharey=True, squeeze=False)
        for row, interval in zip(axes, study.intervals, strict=True):
            for axis, (signal, table) in zip(row, tables, strict=True):
                axis.axhline(study.confidence_level, color="0.6", lw=1)
                axis.axhspan(
                    study.confidence_level - 0.01, study.confidence_level + 0.01, color="0.92"
                )
                for kind, (colour, marker, label) in _LOOKS.items():
                    chosen = table[
                        (table["interval"] == interval.name) & (table["calibration"] == kind)
                    ]
                    share = chosen["n_covered"] / chosen["n_trials"]
                    axis.errorbar(
                        chosen["expected_events"],
                        share,
                        np.sqrt(share * (1 - share) / chosen["n_trials"]),
                        color=colour,
                        marker=marker,
                        ms=4,
                        lw=1,
                        label=label,
                    )
                axis.set_xscale("log")
                axis.set_title(
                    wrapped(f"{labels.claim(interval)}\n{signal.brief}", 2.4, 8),
                    fontsize=8,
                )
        for axis in axes[-1]:
            axis.set_xlabel("true signal [expected events]")
        for row in axes:
            row[0].set_ylabel("coverage")
        handles, texts = axes[0][0].get_legend_handles_labels()
        figure.legend(handles, texts, loc="outside lower center", ncols=2)
        set_title(
            figure,
            f"{study.title(target)}: coverage of {100 * study.confidence_level:g} % intervals"
            + ("" if given else f"; {labels.halo(study)}"),
        )
