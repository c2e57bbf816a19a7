"""A detector before any study: its bands, and its efficiency against the recoil energy."""

from collections.abc import Iterable
from pathlib import Path

from zeptobarn.figures.style import BLUE, GREEN, ORANGE, PURPLE, RED, new_figure
from zeptobarn.figures.templates import band
from zeptobarn.physics.detector import Detector
from zeptobarn.summary.detector_facts import Facts

_NAMES = {"nr": "NR", "er": "ER"}
_COLOURS = {"nr": RED, "er": BLUE}
# Of responses with yields of their own.
_OTHERS = (GREEN, ORANGE, PURPLE)


def draw_detector(detector: Detector, facts: Facts, files: Iterable[str | Path]) -> None:
    """Draw the bands of recoils with flat spectra, and the share of recoils that is used.

    A band is the median and the central 80 % of cS2 at given cS1.

    Parameters
    ----------
    facts
        From `zeptobarn.summary.detector_facts.detector_facts`.
    """
    space, unit = detector.space, detector.area_unit
    with new_figure(7.6, 3.5, files) as figure:
        left, right = figure.subplots(1, 2)
        for recoil, expected in facts.bands.items():
            centres, low, middle, high = band(space, expected)
            left.fill_between(centres, low, high, color=_COLOURS[recoil], alpha=0.2, lw=0)
            left.plot(centres, middle, color=_COLOURS[recoil], label=_NAMES[recoil])
        left.set(xlabel=f"cS1 [{unit}]", ylabel=f"cS2 [{unit}]", yscale="log")
        left.set_xlim(space.cs1_edges[0], space.cs1_edges[-1])
        left.set_ylim(space.cs2_edges[0], space.cs2_edges[-1])
        left.set_title(
            f"bands of flat spectra: {100 * facts.leakage:.2g} % of ER\nbelow the median of NR"
        )
        left.legend(loc="lower right")
        others = [name for name in facts.curves if name not in _COLOURS]
        colours = _COLOURS | {n: _OTHERS[i % len(_OTHERS)] for i, n in enumerate(others)}
        for name, (energies, share) in facts.curves.items():
            label = _NAMES.get(name, name.replace("_", "\n"))
            right.plot(energies, share, color=colours[name], label=label)
        right.set(xlabel="recoil energy [keV]", xscale="log", ylim=(0, 1.02))
        right.set_ylabel("share of recoils in the analysis space")
        right.set_xlim(0.1, 150)
        right.xaxis.set_major_formatter("{x:g}")
        right.set_title("efficiency")
        right.legend(loc="upper left")
        figure.suptitle(f"{detector.title} ({detector.name})", fontsize=10)
