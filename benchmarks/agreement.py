"""Simulation against quadrature: every response of the default study, with many events.

The two share the yields and the detector's numbers alone. For both detectors, both recoil types
and all anchors, a simulation on the study's energy bins is compared with quadrature on the same
bins, both weighted with spectra: R_i recoils in energy bin i of n_i simulated ones. A template's
bin is T = Σ R_i p_i, with the probabilities p_i of quadrature.

Bins. Events have unequal weights R_i w/n_i, where w ≤ 1 is the simulation's own weight, so the
number that matters is the effective one, (Σ weights)²/Σ weights². With quadrature's probabilities,
and w = 1, which makes it only smaller, it is expected to be T²/Σ(R_i² p_i/n_i); in a single energy
bin that is n p. χ² runs over the bins where this is at least 25, so that nothing random decides
which bins count.

Variance. That found with the events themselves is small where few were found, which would raise
χ². So it is Σ R_i²/n_i (ρ p_i − p_i²), with quadrature's probabilities and, from the simulation,
only ρ: the mean of w over a bin's events, each counted as it is in the variance. Bins of the
template are taken as independent: one event is in one bin, but a bin holds a small share. For the
total, where that would be wrong and events are many, the variance is that of the simulation, a
multinomial for each energy bin.

Tested, and the exit status is 1 if either fails:
- the smallest p-value of χ² (its upper tail), times the number of comparisons, is above 0.01;
- the largest pull of a total, as rare among so many comparisons as a single one of less than 3σ:
  its two-sided probability times their number is above 0.0027.
Spectra that share a response are not independent; this only makes both tests more lenient.

Also printed: the quadrature's own error, its largest deviation from one with twice as many nodes of
every kind, among bins above 1 % of the largest and of the total; and what energy bins half as wide
change in the accepted rate of a 7 GeV WIMP.

Run with `python benchmarks/agreement.py [--events N] [--seed S]`.
"""

import argparse
import sys
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from scipy import stats

from zeptobarn.physics import quadrature
from zeptobarn.physics.apparatus import Recoil
from zeptobarn.physics.detector import Detector
from zeptobarn.physics.nodes import Nodes
from zeptobarn.physics.simulate import histogram
from zeptobarn.study.loading import load_study
from zeptobarn.study.study import Study
from zeptobarn.support.streams import stream
from zeptobarn.templates.building import recoils_per_bin
from zeptobarn.templates.response import apparatus_at, energy_edges
from zeptobarn.templates.spectra import wimp_spectrum

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

FINER = Nodes(80, 8, 16, 3.0, 18, 0.6)
RECOILS: tuple[Recoil, ...] = ("nr", "er")
MASSES_GEV = (7, 50)
LEAST_EVENTS = 25
TRIAL_EVENTS = 100
LEAST_P = 0.01
LARGEST_PULL = 3.0


@dataclass(frozen=True)
class Comparison:
    """A simulated template against quadrature's.

    Attributes
    ----------
    bins, chi2, p_value
        Bins compared, and the statistic over them.
    pull, error
        Deviation of the total in standard deviations, and one of these relative to the total.
    own_bins, own_total
        The quadrature's own relative error: the largest of the bins, and that of the total.
    """

    bins: int
    chi2: float
    p_value: float
    pull: float
    error: float
    own_bins: float
    own_total: float


@dataclass(frozen=True)
class Responses:
    """One response three times: simulated, by quadrature and by a finer one; see `histogram`."""

    simulated: Floats
    variance: Floats
    events: Ints
    exact: Floats
    finer: Floats


def study_edges(study: Study, detector: Detector, recoil: Recoil, finer: int = 1) -> Floats:
    """Edges of the study's energy bins, or of finer ones."""
    apparatus = detector.apparatus
    return energy_edges(
        apparatus.response_cutoff_keV[recoil],
        apparatus.response_max_keV[recoil],
        study.energy_bin_width_log / finer,
    )


def weights(study: Study, recoil: Recoil, edges_keV: Floats) -> dict[str, Floats]:
    """Recoils in each energy bin, by spectrum; only their ratios matter."""
    if recoil == "er":
        return {"flat": np.diff(edges_keV)}
    wimps: dict[str, pd.DataFrame] = {
        f"WIMP {mass} GeV/c²": wimp_spectrum(mass, "SI", study.halo) for mass in MASSES_GEV
    }
    return {name: recoils_per_bin(spectrum, edges_keV) for name, spectrum in wimps.items()} | {
        "flat in ln E": np.diff(np.log(edges_keV))
    }


def responses(
    study: Study,
    name: str,
    recoil: Recoil,
    anchor: str,
    edges_keV: Floats,
    n_events: int,
    seed: int,
) -> Responses:
    """Simulate about a number of events in all, and compute the quadratures, on two threads.

    How many more a bin gets than it is to accept is decided by pilots: those of a trial with
    the same random streams, so that the total is as asked.
    """
    detector = study.detectors[name]
    apparatus, nuisances = apparatus_at(study, name, study.anchors(name, recoil)[anchor])
    space, n_bins = detector.space, len(edges_keV) - 1

    def simulated(events_per_bin: int) -> tuple[Floats, Floats, Ints]:
        streams = [stream(seed, "agreement", name, recoil, anchor, i) for i in range(n_bins)]
        return histogram(
            apparatus, recoil, space, edges_keV, events_per_bin, streams, nuisances, threads=2
        )

    trial = int(simulated(TRIAL_EVENTS)[2].sum())
    simulation = simulated(max(1, round(TRIAL_EVENTS * n_events / trial)))
    exact, finer = (
        quadrature.response(apparatus, recoil, space, edges_keV, nuisances, threads=2, nodes=nodes)
        for nodes in (Nodes(), FINER)
    )
    # Polynomials between nodes leave −1e-18 in places.
    return Responses(*simulation, np.maximum(exact, 0.0), np.maximum(finer, 0.0))


def compare(response: Responses, recoils: Floats) -> Comparison:
    """Fold a response with recoils per energy bin and compare; see the file's docstring."""
    n = response.events[:, np.newaxis]
    # Of the simulation: mean weight and mean squared weight of a recoil in each bin.
    mean, square = response.simulated, response.variance * n + response.simulated**2
    expected, template, finer = recoils @ response.exact, recoils @ mean, recoils @ response.finer
    per_event = recoils**2 / response.events
    most = per_event @ response.exact
    events = expected**2 / np.maximum(most, 1e-300)
    compared = events >= LEAST_EVENTS
    ratio = (per_event @ square)[compared] / (per_event @ mean)[compared]
    variance = most[compared] * ratio - (per_event @ response.exact**2)[compared]
    chi2 = float((((template - expected)[compared]) ** 2 / variance).sum())

    total = expected.sum()
    of_total = per_event @ (square.sum(axis=1) - mean.sum(axis=1) ** 2)
    error = float(np.sqrt(of_total))
    big = finer > 0.01 * finer.max()
    return Comparison(
        int(compared.sum()),
        chi2,
        float(stats.chi2.sf(chi2, compared.sum())) if compared.any() else 1.0,
        float((template.sum() - total) / error),
        float(error / total),
        float(np.abs(expected[big] / finer[big] - 1).max()),
        float(abs(total / finer.sum() - 1)),
    )


def add_row(table: Table, label: str, spectrum: str, comparison: Comparison) -> None:
    """Add a comparison."""
    table.add_row(
        label,
        spectrum,
        str(comparison.bins),
        f"{comparison.chi2:.0f}",
        f"{comparison.p_value:.2g}",
        f"{comparison.pull:+.2f}",
        f"{100 * comparison.error:.2g} %",
        f"{100 * comparison.own_bins:.1g} %",
        f"{100 * comparison.own_total:.1g} %",
    )


def change_by_halving(study: Study, name: str) -> float:
    """Relative change of a 7 GeV WIMP's accepted rate when energy bins are halved."""
    detector, spectrum = study.detectors[name], wimp_spectrum(MASSES_GEV[0], "SI", study.halo)
    rates = []
    for finer in (1, 2):
        edges = study_edges(study, detector, "nr", finer)
        response = quadrature.response(detector.apparatus, "nr", detector.space, edges, threads=2)
        rates.append(float(recoils_per_bin(spectrum, edges) @ response.sum(axis=1)))
    return rates[1] / rates[0] - 1


def verdict(console: Console, comparisons: Mapping[str, Comparison]) -> bool:
    """Print the worst of all comparisons; give whether they may be chance."""
    if not np.isfinite([(one.p_value, one.pull) for one in comparisons.values()]).all():
        console.print("a comparison is not a number")
        return False
    worst = min(comparisons, key=lambda name: comparisons[name].p_value)
    p = min(1.0, len(comparisons) * comparisons[worst].p_value)
    console.print(f"smallest p-value × {len(comparisons)} comparisons: {p:.3g} ({worst})")
    far = max(comparisons, key=lambda name: abs(comparisons[name].pull))
    pull = comparisons[far].pull
    chance = min(1.0, len(comparisons) * 2 * stats.norm.sf(abs(pull)))
    single = stats.norm.isf(chance / 2)
    console.print(
        f"largest pull of a total: {pull:+.2f} ({far}), "
        f"among {len(comparisons)} as rare as one of {single:.2f} alone"
    )
    return bool(p > LEAST_P and single <= LARGEST_PULL)


def main() -> None:
    """Compare and print."""
    parser = argparse.ArgumentParser(description="Compare simulation and quadrature.")
    parser.add_argument("--events", type=int, default=100_000_000, help="events per response")
    parser.add_argument("--seed", type=int, default=1, help="seed of the simulation")
    options = parser.parse_args()
    study, console = load_study("config/config.yaml"), Console(width=130)
    table = Table(
        title=f"Simulation of {options.events:.3g} events per response against quadrature"
    )
    for column in ("response", "spectrum"):
        table.add_column(column)
    for column in ("bins", "χ²", "p", "pull of total", "its error", "quadrature: bins", "total"):
        table.add_column(column, justify="right")
    comparisons: dict[str, Comparison] = {}
    for name, detector in study.detectors.items():
        for recoil in RECOILS:
            edges = study_edges(study, detector, recoil)
            spectra = weights(study, recoil, edges)
            for anchor in study.anchors(name, recoil):
                response = responses(
                    study, name, recoil, anchor, edges, options.events, options.seed
                )
                label = f"{name}, {recoil}, {anchor}"
                for spectrum, recoils in spectra.items():
                    comparison = compare(response, recoils)
                    comparisons[f"{label}, {spectrum}"] = comparison
                    add_row(table, label, spectrum, comparison)
        table.add_section()
    console.print(table)
    good = verdict(console, comparisons)
    for name in study.detectors:
        change = change_by_halving(study, name)
        console.print(
            f"{name}: energy bins half as wide change a 7 GeV WIMP by {100 * change:+.3f} %"
        )
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
