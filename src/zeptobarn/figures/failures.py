"""The failure study in pictures: the law of empty templates, and tables of outcomes."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd

from zeptobarn.failures.counts import answers, window
from zeptobarn.failures.scans import looked_at_closely
from zeptobarn.figures.style import (
    BLACK,
    BLUE,
    GREEN,
    ORANGE,
    PURPLE,
    RED,
    SKY,
    YELLOW,
    interaction_label,
    new_figure,
    power_of_ten,
    set_title,
)
from zeptobarn.inference.status import WITH_LIMIT
from zeptobarn.study.study import Study
from zeptobarn.support import paths

_FINDERS = {"conventional": "conventional recipe", "robust": "zeptobarn", "precise": ""}
_METHODS = {"quadrature": "templates by quadrature", "simulation": "templates simulated by energy"}
# What a cell of a table may show, in this order, with its colour.
_OUTCOMES = {
    "empty_template": (ORANGE, "empty_template"),
    "no_crossing": (SKY, "no_crossing"),
    "critical_value_zero": (PURPLE, "critical_value_zero"),
    "zero_density_event": (YELLOW, "zero_density_event"),
    "not_converged": (BLACK, "not_converged"),
    "spurious": (RED, "a number where there is no limit"),
    "different": (GREEN, "another number than the limit"),
}
_TREATMENTS = {"none": (BLUE, "o", "-"), "": (RED, "s", "--")}
_CENTRED: Any = {"ha": "center", "va": "center", "fontsize": 7}
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
                label=f"zeptobarn, {_METHODS[study.response_method]}:\n"
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
        label=f"{_treatment(shapes)}\n$\\chi^2$ = {chi2['chi2']:.1f} of "
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
                    axis.text(j, n_draws + 0.3 + row, _percent(share), **_CENTRED)
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
            f"last row: zeptobarn, {_METHODS[study.response_method]}",
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
            axis.text(0.25, 1.06, "critical value 0:\nno number here is a limit", **_CENTRED)
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
                    label=f"bound {_number(float(str(bound)))}: at least half at\n"
                    f"{_range(window(level, group['share'].to_numpy()))} "
                    f"(predicted: {_range(window(level, p))})",
                )
            axis.set(xlabel="confidence level", xlim=(0, 1), ylim=(-0.03, 1.13))
            axis.set_title(f"{paths.number(mass)} GeV/c²")
            axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16))
        axes[0].set_ylabel("share of trials in which the\nconventional recipe has a number")
        set_title(figure, f"{study.detectors[detector].title}: points measured, lines predicted")


_BOUND_STYLES = ((BLUE, "o", "-", BLUE), (RED, "s", "--", "none"))


def _range(ends: tuple[float, float]) -> str:
    low, high = ends
    if np.isnan(low) and np.isnan(high):
        return "all levels"
    return " … ".join("–" if np.isnan(end) else f"{end:.2f}" for end in (low, high))


def draw_tables(
    study: Study, detector: str, summary: pd.DataFrame, files: Mapping[str, Sequence[str | Path]]
) -> None:
    """Draw the tables of failures: a scanned setting against another, for both finders.

    Parameters
    ----------
    summary
        Table of `zeptobarn.failures.counts.summarise`.
    files
        The files of each table, by the scan's name.
    """
    rows = summary[summary["detector"] == detector]
    for scan, targets in files.items():
        _draw_table(study, detector, scan, rows[rows["scan"] == scan], targets)


def _draw_table(
    study: Study, detector: str, scan: str, rows: pd.DataFrame, files: Iterable[str | Path]
) -> None:
    down, across = _TABLES[scan]
    if across == "n_events_for_pdf":
        # What several masses have, without shape parameters.
        rows = rows[rows["shape_parameters"] == "none"].sort_values([across, down])
        shared = rows.groupby(across)[down].nunique()
        rows = rows[rows[across].map(shared) > min(1, len(rows[down].unique()) - 1)]
    rows = rows.assign(**{name: _labelled(rows, name) for name in (down, across)})
    downs, acrosses = list(rows[down].unique()), list(rows[across].unique())
    panels = _panels(study, rows, "bound" not in (down, across))
    size, shape = _layout(len(panels), downs, len(acrosses))
    with new_figure(*size, files) as figure:
        axes = figure.subplots(*shape, sharex=True, sharey=True, squeeze=False).ravel()
        seen: dict[str, None] = {}
        for axis, (name, finder, chosen) in zip(axes, panels, strict=True):
            for i, j in np.ndindex(len(downs), len(acrosses)):
                cell = chosen[(chosen[down] == downs[i]) & (chosen[across] == acrosses[j])]
                if cell.empty:
                    axis.add_patch(_square(j, i, "0.95"))
                    continue
                left, total = 0.0, cell["n_with_status"].sum()
                shares = cell.groupby("status", sort=False)["n_failed"].sum() / total
                text = None
                if scan == "leff_low":
                    text = _median(cell["median_rate_multiplier"].iloc[0])
                if finder == "conventional":
                    shares["spurious"] = cell["n_spurious"].sum() / total
                    shares["different"] = cell["n_different"].sum() / total
                for outcome in _OUTCOMES:
                    if (share := float(shares.get(outcome, 0.0))) > 0:
                        axis.add_patch(_square(j, i, _OUTCOMES[outcome][0], left, share))
                        left += share
                        seen[outcome] = None
                axis.text(j, i, text or _percent(left), **_CENTRED)
            for edge in range(1, max(len(downs), len(acrosses))):
                axis.axhline(edge - 0.5, color="0.8", lw=0.6)
                axis.axvline(edge - 0.5, color="0.8", lw=0.6)
            axis.set_xticks(range(len(acrosses)), acrosses, fontsize=7)
            axis.set_yticks(range(len(downs)), downs, fontsize=7)
            axis.set(xlim=(-0.5, len(acrosses) - 0.5), ylim=(len(downs) - 0.5, -0.5))
            axis.tick_params(top=False, right=False, length=0)
            axis.set_title(name)
            axis.label_outer()
        for axis in axes:
            if axis.get_subplotspec().is_last_row():
                axis.set_xlabel(_AXES[across])
        axes[(shape[0] - 1) // 2].set_ylabel(_AXES[down])
        title = study.detectors[detector].title
        what = (
            "median rate multiplier"
            if scan == "leff_low"
            else "share of trials with no limit or a wrong one"
        )
        set_title(figure, f"{title}: {what}")
        handles = [mpl.patches.Patch(color=_OUTCOMES[s][0], alpha=_ALPHA) for s in seen]
        names = [_OUTCOMES[s][1] for s in seen]
        if names:
            ncols = 3 if shape[0] == 1 else 1
            figure.legend(handles, names, loc="outside lower center", ncols=ncols, fontsize=7)


def _layout(
    n_panels: int, downs: Sequence[str], n_across: int
) -> tuple[tuple[float, float], tuple[int, int]]:
    """Size (inches) and grid of a table's panels: below each other where they are wide."""
    width, height = max(0.48 * n_across, 1.6) + 0.5, 0.3 * len(downs)
    if width * n_panels <= _WIDEST:
        return (width * n_panels + 1.1, height + 1.8), (1, n_panels)
    names = 1.1 + 0.06 * max(map(len, downs))
    return (max(width + names, 6.0), (height + 0.35) * n_panels + 1.6), (n_panels, 1)


def _panels(
    study: Study, rows: pd.DataFrame, by_bound: bool
) -> list[tuple[str, str, pd.DataFrame]]:
    """Title, finder and rows of each panel: the recipe's by bound, which no other finder has."""
    panels = []
    names = dict(_FINDERS)
    if "precise" in set(rows["finder"]):
        names["robust"] = "zeptobarn, the same templates"
        names["precise"] = f"zeptobarn, {_METHODS[study.response_method]}"
    for finder, name in names.items():
        chosen = rows[rows["finder"] == finder]
        bounds = list(chosen["bound"].unique()) if by_bound else []
        if finder == "conventional" and len(bounds) > 1:
            panels += [
                (f"{name}, bound {_number(bound)}", finder, chosen[chosen["bound"] == bound])
                for bound in bounds
            ]
        elif len(chosen):
            panels.append((name, finder, chosen))
    return panels


_ALPHA = 0.65
# Inches of panels beside each other that a page still shows readably.
_WIDEST = 8.0
_TABLES = {
    "n_events": ("mass_GeV", "n_events_for_pdf"),
    "bound": ("bound", "mass_GeV"),
    "reference": ("place", "mass_GeV"),
    "confidence_level": ("confidence_level", "mass_GeV"),
    "n_trials": ("shape_parameters", "n_trials"),
    "leff_low": ("shape_parameters", "mass_GeV"),
}
_AXES = {
    "mass_GeV": "WIMP mass [GeV/c²]",
    "n_events_for_pdf": "n: recoils sampled from the WIMP's spectrum for each template",
    "bound": "bound",
    "place": "interaction, reference",
    "confidence_level": "confidence level",
    "n_trials": "trials",
    "shape_parameters": "shape parameters",
}


def _labelled(rows: pd.DataFrame, name: str) -> Any:
    if name == "place":
        return [
            f"{interaction_label(i)}, {power_of_ten(s)} cm²"
            for i, s in zip(rows["interaction"], rows["sigma_ref_cm2"], strict=True)
        ]
    if name == "shape_parameters":
        return rows[name].map(_treatment)
    return rows[name].map(_number)


def _number(value: float) -> str:
    return f"{value:g}" if value < 1e5 else power_of_ten(value)


def _square(
    j: int, i: int, colour: str, left: float = 0.0, share: float = 1.0
) -> mpl.patches.Rectangle:
    return mpl.patches.Rectangle(
        (j - 0.5 + left, i - 0.5), share, 1.0, facecolor=colour, alpha=_ALPHA, lw=0
    )


def _well_scanned(rows: pd.DataFrame) -> list[float]:
    """Masses with many numbers of recoils; the first one if there are none."""
    masses = sorted(map(float, rows["mass_GeV"].unique()))
    points = {m: rows.loc[rows["mass_GeV"] == m, "n_events_for_pdf"].nunique() for m in masses}
    return [m for m in masses if points[m] >= _POINTS] or masses[:1]


def _treatment(shapes: str) -> str:
    if shapes == "none":
        return "shapes fixed"
    return shapes.replace("-", "−") if "=" in shapes else f"{shapes} profiled"


def _median(value: float) -> str:
    return "–" if np.isnan(value) else f"{value:.2g}"


def _percent(share: float) -> str:
    if share == 0:
        return "0"
    return "< 1 %" if share < 0.01 else f"{100 * share:.0f} %"
