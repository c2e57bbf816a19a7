"""Mean yields of every model at a detector's drift field."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from zeptobarn.figures.style import BLACK, BLUE, GREEN, RED, new_figure
from zeptobarn.physics.apparatus import MODELS, Recoil
from zeptobarn.physics.yield_constants import constants_from
from zeptobarn.physics.yields import mean_yields
from zeptobarn.study.study import Study
from zeptobarn.templates.response import apparatus_at

_ENERGIES_KEV: Mapping[Recoil, NDArray[np.float64]] = {
    "nr": np.geomspace(0.3, 100, 300),
    "er": np.geomspace(0.1, 30, 300),
}
_TITLES = {"nr": "nuclear recoils", "er": "electronic recoils"}
_COLOURS = (BLUE, RED, GREEN)


def draw(study: Study, detector: str, files: Iterable[str | Path]) -> None:
    """Draw photons and electrons per keV against the recoil energy.

    The models that the detector uses are drawn as full lines, with the band of leff where it is a
    shape parameter of the detector; the dotted line is the response cutoff.
    """
    the_detector = study.detectors[detector]
    field = the_detector.apparatus.drift_field_V_per_cm
    density = the_detector.apparatus.liquid_density_g_per_cm3
    constants = constants_from(the_detector.apparatus.yield_constants)
    leff = [shape for shape in study.shapes_of(detector, "nr") if shape.parameter == "leff"]
    with new_figure(7.2, 5.6, files) as figure:
        axes = figure.subplots(2, 2, sharex="row", sharey="row")
        for row, (recoil, energies) in zip(axes, _ENERGIES_KEV.items(), strict=True):
            used = the_detector.apparatus.yields[recoil]
            for model, colour in zip(MODELS[recoil], _COLOURS, strict=False):
                yields = mean_yields(
                    model, energies, field, density_g_per_cm3=density, constants=constants
                )
                style = {"color": colour, "ls": "-" if model == used else "--"}
                for axis, quanta in zip(row, (yields.photons, yields.electrons), strict=True):
                    axis.plot(energies, quanta / energies, label=model, **style)
            if recoil == "nr" and leff:
                nuisances = [
                    apparatus_at(study, detector, {leff[0].name: t})[1] for t in (-1.0, 1.0)
                ]
                low, high = (
                    mean_yields(used, energies, field, changed, density, constants)
                    for changed in nuisances
                )
                row[0].fill_between(
                    energies,
                    low.photons / energies,
                    high.photons / energies,
                    color=BLACK,
                    alpha=0.15,
                    lw=0,
                    label=r"$L_\mathrm{eff}$ ±1σ",
                )
            for axis, quanta_name in zip(row, ("photons", "electrons"), strict=True):
                cutoff = the_detector.apparatus.response_cutoff_keV[recoil]
                axis.axvline(cutoff, color="0.5", ls=":")
                axis.set(xscale="log", xlabel="recoil energy [keV]")
                axis.set_xlim(min(energies[0], 0.8 * cutoff), energies[-1])
                axis.set_ylim(bottom=0)
                axis.xaxis.set_major_formatter("{x:g}")
                axis.set_title(f"{_TITLES[recoil]}: {quanta_name}")
            row[0].set_ylabel("mean yield [1/keV]")
            row[0].legend()
        figure.suptitle(f"{the_detector.title}: yields at {field:g} V/cm", fontsize=10)
