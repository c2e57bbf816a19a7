"""Histograms and kernel estimates of simulated templates, against quadrature.

Both densities are made from the same simulated responses, of from two to twenty thousand recoils in
each energy bin. The figure shows the background of electronic recoils, whose bins are compared with
those of quadrature: root mean square over its events of the relative bias and of the relative
standard deviation, over simulations of other seeds, in the bins that hold 99.9 % of the events. And
it shows the Asimov limits at nominal leff over those of quadrature: mean and standard deviation
over simulations, and the mean of the bias that `sensitivity` states (`template_bias_cm2`).

Run with `make bench-densities`, or `python benchmarks/densities.py [figure]`.
"""

import dataclasses
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from zeptobarn.figures.style import BLUE, RED, new_figure
from zeptobarn.inference.load import make_model
from zeptobarn.inference.model import Model
from zeptobarn.physics.apparatus import Recoil
from zeptobarn.study.loading import load_study
from zeptobarn.study.settings import Interval
from zeptobarn.study.study import Study
from zeptobarn.summary.sensitivity import asimov_limits, source_widths, template_bias
from zeptobarn.templates.building import build
from zeptobarn.templates.response import Response, compute_response
from zeptobarn.templates.spectra import source_tables
from zeptobarn.templates.templates import Template, smoothed

Floats = NDArray[np.float64]

# Recoils accepted in each energy bin, and simulations of as many.
SIZES = {2: 12, 6: 12, 20: 12, 60: 12, 200: 8, 600: 8, 2000: 6, 6000: 4, 20_000: 4}
DENSITIES: Mapping[Literal["histogram", "kde"], str] = {"histogram": RED, "kde": BLUE}
LABELS = {"histogram": "histogram", "kde": "kernel estimate"}
SHOWN_GEV = (7, 50)
NOMINAL = Interval("nominal", {}, ())
BAND = 0.999


@dataclass(frozen=True)
class Runs:
    """Simulations of one size.

    Attributes
    ----------
    recoils
        Recoils accepted in the response to electronic recoils.
    bias, spread
        Of the electronic recoils' bins, relative, by density.
    limits, stated
        Limits over those of quadrature, and the bias that is stated, over the same; by density,
        shape (simulations, masses).
    """

    recoils: int
    bias: Mapping[str, float]
    spread: Mapping[str, float]
    limits: Mapping[str, Floats]
    stated: Mapping[str, Floats]


def responses(study: Study, detector: str) -> dict[str, dict[str, Response]]:
    """Compute the responses to both recoil types, at nominal shapes."""
    recoils: tuple[Recoil, Recoil] = ("nr", "er")
    return {
        recoil: {
            anchor: compute_response(study, detector, recoil, anchor)
            for anchor in study.anchors(detector, recoil)
        }
        for recoil in recoils
    }


def templates(
    study: Study,
    detector: str,
    spectra: Mapping[str, Mapping[str, pd.DataFrame]],
    by_recoil: Mapping[str, Mapping[str, Response]],
) -> dict[str, Template]:
    """Histograms of all sources."""
    return {
        source: build(study, detector, source, tables, by_recoil)
        for source, tables in spectra.items()
    }


def limits(models: list[Model]) -> Floats:
    """Asimov limit (cm²) of each model."""
    return np.array([asimov_limits(model, NOMINAL)["asimov_cm2"] for model in models])


def models(study: Study, detector: str, made: Mapping[str, Template]) -> list[Model]:
    """One for each mass."""
    return [make_model(study, detector, mass, "SI", {detector: made}) for mass in study.masses_GeV]


def compare(study: Study, detector: str) -> dict[int, Runs]:
    """Simulate, and compare with quadrature; by size."""
    sources = [*study.signals(), *(s.name for s in study.detectors[detector].sources)]
    spectra = {source: source_tables(study, detector, source) for source in sources}
    exact = templates(study, detector, spectra, responses(study, detector))
    reference = limits(models(study, detector, exact))
    return {
        size: compare_size(study, detector, spectra, size, exact["er"].nominal, reference)
        for size in SIZES
    }


def compare_size(
    study: Study,
    detector: str,
    spectra: Mapping[str, Mapping[str, pd.DataFrame]],
    size: int,
    exact: Floats,
    reference: Floats,
) -> Runs:
    """Simulate as often as `SIZES` says.

    Parameters
    ----------
    exact, reference
        The electronic recoils' bins, and the limit of each mass (cm²), by quadrature.
    """
    space = study.detectors[detector].space
    bins: dict[str, list[Floats]] = {name: [] for name in DENSITIES}
    ratios: dict[str, list[Floats]] = {name: [] for name in DENSITIES}
    stated: dict[str, list[Floats]] = {name: [] for name in DENSITIES}
    recoils = 0
    for seed in range(1, SIZES[size] + 1):
        simulated = dataclasses.replace(
            study, seed=seed, response_method="simulation", events_per_energy_bin=size
        )
        made = responses(simulated, detector)
        recoils = size * int((made["er"]["nominal"].acceptance > 0).sum())
        widths = source_widths(simulated, detector, spectra, made)
        plain = templates(simulated, detector, spectra, made)
        for name in DENSITIES:
            chosen = dataclasses.replace(simulated, density=name)
            own = plain
            if name == "kde":
                own = {
                    source: smoothed(template, space, widths[source])
                    if source in widths
                    else template
                    for source, template in plain.items()
                }
            each = models(chosen, detector, own)
            bins[name].append(own["er"].nominal)
            ratios[name].append(limits(each) / reference)
            bias = [template_bias(model, NOMINAL, {detector: widths}) for model in each]
            stated[name].append(np.array(bias) / reference)
    errors = {name: bin_errors(np.array(rows), exact) for name, rows in bins.items()}
    return Runs(
        recoils,
        {name: bias for name, (bias, _) in errors.items()},
        {name: spread for name, (_, spread) in errors.items()},
        {name: np.array(rows) for name, rows in ratios.items()},
        {name: np.array(rows) for name, rows in stated.items()},
    )


def bin_errors(runs: Floats, exact: Floats) -> tuple[float, float]:
    """Relative bias and standard deviation of bins, root mean square over the source's events.

    Parameters
    ----------
    runs
        Shape (simulations, bins).
    """
    order = np.argsort(exact)[::-1]
    band = order[np.cumsum(exact[order]) < BAND * exact.sum()]
    relative, weight = runs[:, band] / exact[band], exact[band] / exact[band].sum()
    variance = relative.var(axis=0, ddof=1)
    # The mean of a few simulations scatters, too.
    squared = (relative.mean(axis=0) - 1) ** 2 - variance / len(runs)
    return float(np.sqrt(max(weight @ squared, 0.0))), float(np.sqrt(weight @ variance))


def table_of(study: Study, by_detector: Mapping[str, Mapping[int, Runs]]) -> Table:
    """Deviation of the limits in percent: mean, standard deviation, and mean of the stated bias."""
    table = Table(title="Asimov limits at nominal leff less those of quadrature, in percent")
    table.add_column("detector")
    for column in ("per bin", "recoils", "density", *(f"{m:g} GeV/c²" for m in study.masses_GeV)):
        table.add_column(column, justify="right", no_wrap=True)
    for name, sizes in by_detector.items():
        for size, runs in sizes.items():
            for density, label in LABELS.items():
                off, stated = percent(runs, density)
                cells = [
                    f"{mean:.2f} ± {spread:.2f} ({bias:.2f})"
                    for mean, spread, bias in zip(
                        off.mean(axis=0), off.std(axis=0, ddof=1), stated, strict=True
                    )
                ]
                table.add_row(name, str(size), f"{runs.recoils:.1e}", label, *cells)
        table.add_section()
    return table


def percent(runs: Runs, density: str) -> tuple[Floats, Floats]:
    """Deviation of each limit, and the mean of the stated bias of each mass, in percent."""
    return 100 * (runs.limits[density] - 1), 100 * runs.stated[density].mean(axis=0)


def draw(study: Study, by_detector: Mapping[str, Mapping[int, Runs]], file: str) -> None:
    """Draw a row of panels for each detector."""
    with new_figure(9.0, 6.0, [file]) as figure:
        panels = figure.subplots(len(by_detector), 1 + len(SHOWN_GEV), sharex=True)
        for row, (name, sizes) in zip(panels, by_detector.items(), strict=True):
            title = study.detectors[name].title
            draw_bins(row[0], sizes)
            row[0].set_title(f"{title}: bins of ER")
            for axis, mass in zip(row[1:], SHOWN_GEV, strict=True):
                draw_limits(axis, sizes, study.masses_GeV.index(mass))
                axis.set_title(f"{title}: limit at {mass} GeV/c²")
            row[1].set_ylabel("limit less quadrature's [%]")
        for axis in panels[-1]:
            axis.set_xlabel("recoils accepted, ER response")
        handles = [*panels[0, 0].get_lines(), *panels[0, 1].get_legend_handles_labels()[0]]
        figure.legend(handles=handles, loc="outside lower center", ncols=3)


def draw_bins(axis: Axes, sizes: Mapping[int, Runs]) -> None:
    """Draw errors of bins; a histogram's have no bias."""
    recoils = [runs.recoils for runs in sizes.values()]
    for density, colour in DENSITIES.items():
        spread = [100 * runs.spread[density] for runs in sizes.values()]
        label = f"{LABELS[density]}: standard deviation of bins"
        axis.plot(recoils, spread, color=colour, ls="--", marker="s", ms=3, label=label)
    bias = [100 * runs.bias["kde"] for runs in sizes.values()]
    axis.plot(
        recoils, bias, color=BLUE, ls="-.", marker="^", ms=3,
        label=f"{LABELS['kde']}: bias of bins",
    )  # fmt: skip
    axis.set(xscale="log", yscale="log", ylabel="relative error [%]")


def draw_limits(axis: Axes, sizes: Mapping[int, Runs], mass: int) -> None:
    """Draw a mass's limits, and the bias as stated; between ±1 % the axis is linear."""
    recoils = np.array([runs.recoils for runs in sizes.values()])
    axis.axhspan(-1, 1, color="0.92", lw=0)
    axis.axhline(0, color="0.5", lw=0.6)
    for density, colour in DENSITIES.items():
        # Side by side, to be told apart.
        place = recoils * (1.07 if density == "kde" else 1 / 1.07)
        off = [percent(runs, density)[0][:, mass] for runs in sizes.values()]
        stated = [percent(runs, density)[1][mass] for runs in sizes.values()]
        label = LABELS[density]
        axis.plot(
            place, stated, color=colour, ls=":", label=f"{label}: bias of the limit as stated"
        )
        axis.errorbar(
            place,
            [each.mean() for each in off],
            [each.std(ddof=1) for each in off],
            color=colour, marker="o", ms=3, label=f"{label}: limit",
        )  # fmt: skip
    axis.set_yscale("symlog", linthresh=1, linscale=0.7)
    ticks = [-100, -10, -1, 0, 1, 10, 100]
    axis.set_yticks(ticks, [f"{tick}".replace("-", "−") for tick in ticks])
    axis.set_ylim(-100, 100)


def main() -> None:
    """Simulate, print and draw."""
    file = sys.argv[1] if len(sys.argv) > 1 else "docs/figures/template_densities.png"
    study = load_study("config/config.yaml")
    study = dataclasses.replace(
        study,
        masses_GeV=study.marked_masses_GeV,
        shapes=(),
        intervals=(NOMINAL,),
        critical_values="asymptotic",
    )
    by_detector = {name: compare(study, name) for name in study.detectors}
    Console(width=240).print(table_of(study, by_detector))
    draw(study, by_detector, file)


if __name__ == "__main__":
    main()
