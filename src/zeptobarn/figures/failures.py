"""The failure study in pictures: the law of empty templates, outcomes, the window of levels."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from zeptobarn.failures.counts import answers, window
from zeptobarn.failures.scans import looked_at_closely
from zeptobarn.figures.style import BLACK, BLUE, RED, new_figure, power_of_ten, set_title
from zeptobarn.inference.status import WITH_LIMIT
from zeptobarn.study.study import Study
from zeptobarn.support import paths

METHODS = {"quadrature": "templates by quadrature", "simulation": "templates simulated by energy"}
_BOUND_STYLES = ((BLUE, "o", "-", BLUE), (RED, "s", "--", "none"))
_TREATMENTS = {"none": (BLUE, "o", "-"), "": (RED, "s", "--")}
CENTRED: Any = {"ha": "center", "va": "center", "fontsize": 7}
_DRAWS = 12
# Masses with fewer points than this have no panel of their own.
_POINTS = 10


def draw_law(
    study: Study,
    detector: str,
    summary: pd.DataFrame,
    law: pd.DataFrame,
    files: Iterable[str | Path],
) -> None:
    """Draw the share of empty templates against recoils per template, and the prediction.

    Parameters
    ----------
    summary, law
        Tables of `zeptobarn.failures.counts.summarise` and `law`.
    """
    rows = summary[
        (summary["detector"] == detector)
        & (summary["scan"] == "n_events")
        & (summary["finder"] == "conventional")
        & (summary["status"] == "empty_template")
    ]
    precise = summary[
        (summary["detector"] == detector)
        & (summary["scan"] == "n_events")
        & (summary["finder"] == "precise")
    ]
    chi2 = law[law["detector"] == detector]
    masses = _well_scanned(rows)
    with new_figure(3.6 * len(masses) + 0.4, 4.9, files) as figure:
        axes = figure.subplots(1, len(masses), sharey=True, squeeze=False)[0]
        for axis, mass in zip(axes, masses, strict=True):
            for shapes, group in rows[rows["mass_GeV"] == mass].groupby(
                "shape_parameters", sort=False
            ):
                same = (chi2["mass_GeV"] == mass) & (chi2["shape_parameters"] == shapes)
                _draw_shares(axis, group, str(shapes), chi2[same].iloc[0])
            ours = precise[precise["mass_GeV"] == mass].groupby("n_events_for_pdf")
            failed, trials = ours["n_failed"].sum(), ours["n_with_status"].sum()
            axis.plot(
                failed.index,
                failed / trials,
                color=BLACK,
                marker="D",
                ms=3,
                lw=0.6,
                label=f"zeptobarn, {METHODS[study.response_method]}:\n"
                f"{failed.sum()} of {trials.sum()} without a limit",
            )
            axis.set(xscale="log", xlabel="recoils per template, $n$", ylim=(-0.03, 1.03))
            axis.set_title(f"{paths.number(mass)} GeV/c²")
            axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.18))
        axes[0].set_ylabel("share of trials with an empty template")
        set_title(figure, f"{study.detectors[detector].title}: points measured, lines predicted")


def _draw_shares(axis: Any, rows: pd.DataFrame, shapes: str, chi2: pd.Series) -> None:
    """Draw the shares of a treatment of the shapes as points, the predicted ones as a line."""
    colour, marker, line = _TREATMENTS.get(shapes, _TREATMENTS[""])
    rows = rows.sort_values("n_events_for_pdf")
    n, p = rows["n_events_for_pdf"], rows["predicted_fraction"]
    axis.plot(n, p, color=colour, ls=line, lw=1)
    axis.errorbar(
        n,
        rows["failure_fraction"],
        np.sqrt(p * (1 - p) / rows["n_trials"]),
        color=colour,
        marker=marker,
        ms=3.5,
        ls="",
        lw=1,
        label=f"{treatment(shapes)}\n$\\chi^2$ = {chi2['chi2']:.1f} of "
        f"{chi2['degrees_of_freedom']:.0f} points (p = {chi2['p_value']:.2f})",
    )


def draw_outcomes(
    study: Study, detector: str, trials: pd.DataFrame, files: Iterable[str | Path]
) -> None:
    """Draw the table of the original study, o: a limit, ×: none, with several repetitions.

    Parameters
    ----------
    trials
        Rows of `zeptobarn.failures.trials.run` for the scan ``n_events``.
    """
    fixed = trials[trials["shape_parameters"] == "none"]
    chosen, precise = (fixed[fixed["finder"] == name] for name in ("conventional", "precise"))
    masses, draws = _well_scanned(chosen), range(1, min(_DRAWS, chosen["draw"].max()) + 1)
    n_draws = len(draws)
    with new_figure(9.2, 3.1 * len(masses) + 0.5, files) as figure:
        axes = figure.subplots(len(masses), 1, squeeze=False)[:, 0]
        for axis, mass in zip(axes, masses, strict=True):
            rows = chosen[chosen["mass_GeV"] == mass]
            table = rows.pivot_table(
                index="draw", columns="n_events_for_pdf", values="limit_rate_multiplier"
            ).reindex(draws)
            shown = table.reindex(columns=sorted(rows["n_events_for_pdf"].unique()))
            good = shown.notna().to_numpy()
            for i, j in np.ndindex(good.shape):
                axis.text(
                    j,
                    i,
                    "o" if good[i, j] else "×",
                    color=BLUE if good[i, j] else RED,
                    ha="center",
                    va="center",
                    fontsize=9 if good[i, j] else 11,
                )
            ns = shown.columns
            failed, ours = (
                (~each["status"].isin(WITH_LIMIT)).groupby(each["n_events_for_pdf"]).mean()
                for each in (rows, precise[precise["mass_GeV"] == mass])
            )
            predicted = rows.groupby("n_events_for_pdf")["predicted_fraction"].first()
            for j, n in enumerate(ns):
                for row, share in enumerate((failed[n], predicted[n], ours[n])):
                    axis.text(j, n_draws + 0.3 + row, percent(share), **CENTRED)
            axis.axhline(n_draws - 0.5, color="0.6", lw=0.8)
            axis.set_xticks(range(len(ns)), [str(n) for n in ns], fontsize=7)
            axis.set_yticks(
                [*range(n_draws), *(n_draws + 0.3 + row for row in range(3))],
                [*(str(i) for i in range(1, n_draws + 1)), "failed", "predicted", "zeptobarn"],
                fontsize=7,
            )
            axis.set(xlim=(-0.6, len(ns) - 0.4), ylim=(n_draws + 2.9, -0.7))
            axis.tick_params(top=False, right=False, length=0)
            axis.set_ylabel("repetition")
            axis.set_title(f"{paths.number(mass)} GeV/c²")
        axes[-1].set_xlabel("recoils per template")
        set_title(
            figure,
            f"{study.detectors[detector].title}: limit or not, and the share without a limit; "
            f"last row: zeptobarn, {METHODS[study.response_method]}",
        )


def draw_window(
    study: Study, detector: str, summary: pd.DataFrame, files: Iterable[str | Path]
) -> None:
    """Draw the share of trials with an answer against the confidence level, and the prediction.

    Parameters
    ----------
    summary
        Table of `zeptobarn.failures.counts.summarise`.
    """
    rows = answers(summary[summary["detector"] == detector])
    masses = looked_at_closely(study)
    with new_figure(3.7 * len(masses) + 0.6, 4.4, files) as figure:
        axes = figure.subplots(1, len(masses), sharey=True, squeeze=False)[0]
        for axis, mass in zip(axes, masses, strict=True):
            axis.axvspan(0, 0.5, color="0.93", lw=0)
            axis.text(0.25, 1.06, "critical value 0:\nno number here is a limit", **CENTRED)
            groups = rows[rows["mass_GeV"] == mass].groupby("bound", sort=False)
            for (bound, group), style in zip(groups, _BOUND_STYLES, strict=False):
                colour, marker, line, inside = style
                level = group["confidence_level"].to_numpy()
                p = group["predicted_share"].to_numpy()
                axis.plot(level, p, color=colour, ls=line, lw=1)
                axis.errorbar(
                    level,
                    group["share"],
                    np.sqrt(np.clip(p * (1 - p), 0, None) / group["n_trials"]),
                    color=colour,
                    marker=marker,
                    mfc=inside,
                    ms=4,
                    ls="",
                    lw=1,
                    label=f"bound {number(float(str(bound)))}: at least half at\n"
                    f"{_range(window(level, group['share'].to_numpy()))} "
                    f"(predicted: {_range(window(level, p))})",
                )
            axis.set(xlabel="confidence level", xlim=(0, 1), ylim=(-0.03, 1.13))
            axis.set_title(f"{paths.number(mass)} GeV/c²")
            axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16))
        axes[0].set_ylabel("share of trials in which the\nconventional recipe has a number")
        set_title(figure, f"{study.detectors[detector].title}: points measured, lines predicted")


def _range(ends: tuple[float, float]) -> str:
    low, high = ends
    if np.isnan(low) and np.isnan(high):
        return "all levels"
    return " … ".join("–" if np.isnan(end) else f"{end:.2f}" for end in (low, high))


def _well_scanned(rows: pd.DataFrame) -> list[float]:
    """Masses with many numbers of recoils; the first one if there are none."""
    masses = sorted(map(float, rows["mass_GeV"].unique()))
    points = {m: rows.loc[rows["mass_GeV"] == m, "n_events_for_pdf"].nunique() for m in masses}
    return [m for m in masses if points[m] >= _POINTS] or masses[:1]


def treatment(shapes: str) -> str:
    if shapes == "none":
        return "shapes fixed"
    return shapes.replace("-", "−") if "=" in shapes else f"{shapes} profiled"


def number(value: float) -> str:
    return f"{value:g}" if value < 1e5 else power_of_ten(value)


def percent(share: float) -> str:
    if share == 0:
        return "0"
    return "< 1 %" if share < 0.01 else f"{100 * share:.0f} %"
