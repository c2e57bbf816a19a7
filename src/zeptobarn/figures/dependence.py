"""What a limit depends on: confidence level, exposure, and the numbers of the detector."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.ticker import LogLocator, NullFormatter
from scipy.special import ndtri

from zeptobarn.figures.style import (
    BLACK,
    BLUE,
    ORANGE,
    RED,
    SKY,
    interaction_label,
    new_figure,
    power_of_ten,
    set_title,
)
from zeptobarn.physics.apparatus import Apparatus
from zeptobarn.study import labels
from zeptobarn.study.study import Study
from zeptobarn.support import paths

_COLOURS = (BLUE, RED)
_MARKERS = ("o", "s")
_NAMES = {
    "electron_lifetime_us": ("electron lifetime", "µs"),
    "g1": ("g1", ""),
    "drift_field_V_per_cm": ("drift field", "V/cm"),
    "s2_area_threshold": ("S2 threshold", "area"),
    "s1_coincidence": ("S1 coincidence", "photons"),
}


def draw_dependence(
    study: Study, detector: str, table: pd.DataFrame, files: Iterable[str | Path]
) -> None:
    """Draw the limit against the confidence level and against the exposure.

    Parameters
    ----------
    table
        See `zeptobarn.summary.dependence.dependence`.
    """
    with new_figure(7.2, 3.6, files) as figure:
        level_axis, exposure_axis = figure.subplots(1, 2)
        for mass, rows, colour, marker in _by_mass(table):
            style = {"color": colour, "marker": marker, "ms": 3}
            nominal = rows.loc[rows["parameter"] == "nominal", "limit_cm2"].iloc[0]
            name = f"{paths.number(mass)} GeV/c²"
            level = rows[rows["parameter"] == "confidence_level"]
            level_axis.plot(level["value"], level["limit_cm2"] / nominal, label=name, **style)
            exposure = rows[rows["parameter"] == "exposure"]
            exposure_axis.plot(exposure["value"], exposure["limit_cm2"], label=name, **style)
            _slopes(exposure_axis, exposure)
        _level_guides(level_axis, study.confidence_level, table)
        exposure_axis.set(
            xscale="log",
            yscale="log",
            xlabel="exposure relative to the detector's",
            ylabel="limit [cm²]",
        )
        _hold(exposure_axis, 1e-49, 1e-40)
        exposure_axis.xaxis.set_major_formatter("{x:g}")
        shown = dict(zip(*reversed(exposure_axis.get_legend_handles_labels()), strict=True))
        names = sorted(shown, key=lambda name: name.startswith("∝"))
        exposure_axis.legend([shown[name] for name in names], names, loc="upper right")
        set_title(figure, _title(study, detector, table))


def draw_tornado(
    study: Study, detector: str, table: pd.DataFrame, files: Iterable[str | Path]
) -> None:
    """Draw how the limit moves with each number of the detector, and the electron lifetime.

    Parameters
    ----------
    table
        See `zeptobarn.summary.dependence.dependence`.
    """
    table = table.assign(ratio=table["limit_cm2"] / _nominal(table))
    masses = sorted(table["mass_GeV"].unique())
    changed = table[table["parameter"].isin(_NAMES)]
    reach = changed.assign(reach=np.abs(np.log(changed["ratio"]))).groupby("parameter")["reach"]
    order = list(reach.max().sort_values(kind="stable").index)
    apparatus = study.detectors[detector].apparatus
    with new_figure(2.5 * len(masses) + 4.2, 3.6, files) as figure:
        axes = figure.subplots(
            1, len(masses) + 1, width_ratios=[*(1.0 for _ in masses), 1.1], squeeze=False
        )[0]
        for axis, mass in zip(axes, masses, strict=False):
            rows = changed[changed["mass_GeV"] == mass]
            for place, parameter in enumerate(order):
                _bars(axis, place, rows[rows["parameter"] == parameter].sort_values("value"))
            _tornado_axis(axis, changed["ratio"])
            axis.set_title(f"{paths.number(mass)} GeV/c²")
            axis.set_yticks(range(len(order)), [""] * len(order))
            axis.tick_params(axis="y", length=0)
        texts = [_values(changed, parameter, apparatus, study, detector) for parameter in order]
        axes[0].set_yticks(range(len(order)), texts)
        handles, names = axes[0].get_legend_handles_labels()
        figure.legend(handles[:2], names[:2], loc="outside lower left", ncols=2)
        _lifetime(axes[-1], table, apparatus.electron_lifetime_us)
        set_title(figure, _title(study, detector, table))


def _by_mass(table: pd.DataFrame) -> Iterator[tuple[float, pd.DataFrame, str, str]]:
    """Give each mass, its rows, and a colour and marker for it."""
    masses = sorted(table["mass_GeV"].unique())
    for mass, colour, marker in zip(masses, _COLOURS, _MARKERS, strict=False):
        yield float(mass), table[table["mass_GeV"] == mass], colour, marker


def _hold(axis: Any, low: float, high: float) -> None:
    """Give empty axes a range: no limit at all is no error."""
    if not np.isfinite(axis.dataLim.intervaly).all():
        axis.set_ylim(low, high)


def _nominal(table: pd.DataFrame) -> Any:
    rows = table[table["parameter"] == "nominal"].set_index("mass_GeV")["limit_cm2"]
    return table["mass_GeV"].map(rows)


def _title(study: Study, detector: str, table: pd.DataFrame) -> str:
    interaction = interaction_label(table["interaction"].iloc[0])
    return f"{study.title(detector)}: Asimov limit, {interaction}\n{labels.nominal_claim(study)}"


def _level_guides(axis: Any, level: float, table: pd.DataFrame) -> None:
    """Limits of an experiment with no background, and of one with much."""
    grid = np.linspace(0.5, 0.995, 200)
    if level > 0.5:
        share = ndtri(grid) / ndtri(level)
        axis.plot(grid, share, color="0.5", ls="--", lw=1, zorder=0, label="much background")
        axis.plot(grid, share**2, color="0.5", ls=":", lw=1, zorder=0, label="no background")
    axis.axvspan(0.44, 0.5, color="0.9", lw=0)
    axis.text(0.47, 0.5, "no limit", rotation=90, ha="center", va="center",
              transform=axis.get_xaxis_transform())  # fmt: skip
    axis.plot(0.5, 0, marker="o", ms=5, mfc="white", mec=BLACK, ls="", clip_on=False, zorder=5)
    axis.set(xlim=(0.44, 1.0), xlabel="confidence level")
    axis.set_ylim(bottom=0)
    axis.set_ylabel(f"limit relative to that at {level:g}")
    axis.legend(loc="upper left", bbox_to_anchor=(0.12, 1.0))


def _slopes(axis: Any, rows: pd.DataFrame) -> None:
    """Lines of slope −1 from the first point and of −1/2 to the last."""
    value, limit = rows["value"].to_numpy(), rows["limit_cm2"].to_numpy()
    if not np.isfinite(limit).all():
        return
    near, far = value <= 3, value >= 3
    one = axis.plot(value[near], limit[0] * value[0] / value[near], color="0.5", ls=":", lw=1)
    other = axis.plot(value[far], limit[-1] * np.sqrt(value[-1] / value[far]), color="0.5",
                      ls="--", lw=1)  # fmt: skip
    if not any(line.get_label().startswith("∝") for line in axis.get_lines()):
        one[0].set_label("∝ 1/exposure")
        other[0].set_label("∝ 1/√exposure")


def _bars(axis: Any, place: int, rows: pd.DataFrame) -> None:
    """Draw the lowest and the highest value of a parameter, from 1 to their ratio."""
    for (_, row), shift, colour, name in zip(
        rows.iloc[[0, -1]].iterrows(),
        (0.18, -0.18),
        (SKY, ORANGE),
        ("lower value", "higher value"),
        strict=True,
    ):
        ratio = row["ratio"]
        axis.barh(
            place + shift, ratio - 1 if np.isfinite(ratio) else 0, 0.34, left=1, color=colour,
            label=name,
        )  # fmt: skip
        text = f"×{ratio:.2f}" if ratio < 10 else f"×{ratio:.0f}"
        text = text if np.isfinite(ratio) else "no limit"
        left = np.isfinite(ratio) and ratio < 1
        axis.annotate(
            text,
            (ratio if np.isfinite(ratio) else 1, place + shift),
            xytext=(-3 if left else 3, 0),
            textcoords="offset points",
            ha="right" if left else "left",
            va="center",
            fontsize=7,
        )


def _tornado_axis(axis: Any, ratio: pd.Series) -> None:
    axis.axvline(1, color=BLACK, lw=0.8)
    axis.set_xscale("log")
    low, high = np.nanmin([*ratio, 1 / 1.1]), np.nanmax([*ratio, 1.1])
    # Room for the numbers beside the bars.
    room = (high / low) ** 0.32
    axis.set_xlim(low / room, high * room)
    axis.xaxis.set_major_formatter("{x:g}")
    axis.xaxis.set_minor_formatter(NullFormatter())
    axis.xaxis.set_major_locator(LogLocator(subs=(1, 3) if high / low > 10 else (1, 2, 5)))
    axis.set_xlabel("limit relative to nominal")


def _values(
    changed: pd.DataFrame, parameter: str, apparatus: Apparatus, study: Study, detector: str
) -> str:
    """Name a parameter, with its lower, nominal and higher value."""
    name, unit = _NAMES[parameter]
    unit = study.detectors[detector].area_unit if unit == "area" else unit
    values = changed.loc[changed["parameter"] == parameter, "value"]
    nominal = getattr(apparatus, parameter)
    numbers = "/".join(f"{x:.3g}" if x < 100 else f"{x:.0f}"
                       for x in (values.min(), nominal, values.max()))  # fmt: skip
    return f"{name}\n{numbers} {unit}".rstrip()


def _lifetime(axis: Any, table: pd.DataFrame, nominal_us: float) -> None:
    for mass, rows, colour, marker in _by_mass(table):
        nominal = rows[rows["parameter"] == "nominal"]
        own = nominal.assign(value=nominal_us)
        varied = rows[rows["parameter"] == "electron_lifetime_us"]
        varied = pd.concat([varied, own]).sort_values("value")
        limit = float(nominal["limit_cm2"].iloc[0])
        axis.plot(
            varied["value"],
            varied["ratio"],
            color=colour,
            marker=marker,
            ms=4,
            label=f"{paths.number(mass)} GeV/c²\n(nominal: {power_of_ten(limit)} cm²)"
            if np.isfinite(limit)
            else f"{paths.number(mass)} GeV/c²",
        )
    if table["ratio"].notna().any():
        axis.plot(nominal_us, 1, marker="D", ms=8, mfc="none", mec=BLACK, ls="", zorder=5)
    axis.set(xscale="log", yscale="log", xlabel="electron lifetime [µs]")
    axis.set_ylabel("limit relative to nominal")
    _hold(axis, 0.5, 2)
    axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.xaxis.set_major_formatter("{x:g}")
    axis.xaxis.set_minor_formatter(NullFormatter())
    axis.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.yaxis.set_major_formatter("{x:g}")
    axis.yaxis.set_minor_formatter(NullFormatter())
    axis.legend(loc="upper right")
