"""Templates: recoils simulated per second beside peers, and precision against CPU time.

First table: recoils per CPU second of `simulate.histogram`, of nestpy's vector entry with its
LZ_WS2022, and of numpy, which knows the older yields only. `histogram` gives more recoils to energy
bins where few are accepted, and these end early, so the peers' recoils are spread over the bins as
its own were. All count recoils, seen or not, and `histogram`'s pilots too. Recoils of a WIMP's
spectrum go through `simulate.simulate`.

Second table and figure: nominal templates of WIMPs, made by plain sampling of the spectrum, by
stratified simulation on the study's energy bins, weighted with the spectrum, and by quadrature on
the same bins. The errors are deviations from a quadrature with twice as many nodes of every kind
and a quarter of the bins' width: the energy bins, not the nodes, limit the quadrature. The figure
is at a random way's own sizes; the table scales those next to one CPU second with the root of the
time; with few seeds the error of a total is known to about a third. A template sampled plainly is
made for each spectrum anew; the other two ways pay once for all spectra.

Run with `make bench-templates`, or `python benchmarks/templates.py [figure]`.
"""

import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import nestpy
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from threadpoolctl import threadpool_limits

sys.path.insert(0, str(Path(__file__).parents[1] / "tests/physics"))

from speed import REPEATS, rate
from test_simulate import TOY_YIELDS, chain_in_numpy

from zeptobarn.figures.style import BLACK, BLUE, RED, new_figure
from zeptobarn.physics import quadrature
from zeptobarn.physics.apparatus import Recoil
from zeptobarn.physics.detector import Detector
from zeptobarn.physics.nodes import Nodes
from zeptobarn.physics.simulate import histogram, simulate
from zeptobarn.study.loading import load_study
from zeptobarn.study.study import Study
from zeptobarn.support.streams import stream
from zeptobarn.templates.building import recoils_per_bin
from zeptobarn.templates.response import energy_edges
from zeptobarn.templates.sampling import rate_above_cutoff, sample_bins
from zeptobarn.templates.spectra import COLUMNS, integrate, wimp_spectrum

Floats = NDArray[np.float64]

NEST_YIELDS = {"nr": "nest", "er": "nest_beta"}
SPECIES = {"nr": "NR", "er": "beta"}
# Detector, yields, recoil, range in keV.
RANGES: tuple[tuple[str, Mapping[str, str], Recoil, float, float], ...] = (
    ("lz", NEST_YIELDS, "nr", 1.0, 5.0),
    ("lz", NEST_YIELDS, "nr", 5.0, 50.0),
    ("lz", NEST_YIELDS, "nr", 1.0, 50.0),
    ("lz", NEST_YIELDS, "er", 1.0, 12.0),
    ("xenon1t", TOY_YIELDS, "nr", 1.0, 5.0),
    ("xenon1t", TOY_YIELDS, "nr", 5.0, 50.0),
    ("xenon1t", TOY_YIELDS, "er", 1.0, 12.0),
)
ENERGY_BINS = 40
EVENTS_PER_BIN = 5000
PILOTS_PER_BIN = 2000  # what `histogram` throws away
PEER_EVENTS = 40_000
# Fiducial volume and field of nestpy's LZ_WS2022; heights are above the cathode.
NESTPY_RADIUS_MM = 688.0
NESTPY_HEIGHTS_MM = (41.0, 1331.0)
NESTPY_FIELD_V_PER_CM = 193.0

MASSES_GEV = (7, 10, 50)
FINER = Nodes(80, 8, 16, 3.0, 18, 0.6)
FINER_BINS = 4
# CPU seconds that runs of a random way are sized for, and seeds.
RUNS = {0.1: 3, 0.3: 3, 1.0: 4, 2.5: 3}
SHOWN = 1.0
PLAIN, STRATIFIED, QUADRATURE = "plain sampling", "stratified simulation", "quadrature"
# Sizes that tell how long a random way takes: recoils, and accepted recoils per energy bin.
TRIAL_SIZES = {PLAIN: (20_000, 200_000), STRATIFIED: (20, 2000)}


@dataclass(frozen=True)
class Precision:
    """CPU seconds of a template, relative error of its total and median one of its bins."""

    seconds: float
    total: float
    bins: float


def nestpy_events(recoil: str, energies_keV: Floats) -> int:
    """Recoils in nestpy's LZ, uniform over the fiducial volume."""
    n, rng = len(energies_keV), stream(1, "positions")
    radius, angle = NESTPY_RADIUS_MM * np.sqrt(rng.random(n)), 2 * np.pi * rng.random(n)
    height = rng.uniform(*NESTPY_HEIGHTS_MM, n)
    positions = np.stack([radius * np.cos(angle), radius * np.sin(angle), height], axis=1)
    species = getattr(nestpy.interactions, SPECIES[recoil])
    nestpy.array.runNESTvec(
        nestpy.detectors.LZ_WS2022(),
        species,
        energies_keV,
        positions,
        NESTPY_FIELD_V_PER_CM,
        seed=1,
    )
    return n


def draw(edges_keV: Floats, weights: NDArray[Any], n: int) -> Floats:
    """Energies (keV) uniform inside bins, these with a chance as their weights."""
    rng = stream(1, "energies")
    i = rng.choice(len(weights), size=n, p=weights / weights.sum())
    return edges_keV[i] + rng.random(n) * np.diff(edges_keV)[i]


def speeds(study: Study) -> Table:
    """Recoils per second beside peers."""
    table = Table(title=f"Recoils per CPU second on one core, median of {REPEATS} runs")
    for column in ("", "zeptobarn", "nestpy", "ratio", "numpy", "ratio"):
        table.add_column(column, justify="right" if column else "left")
    ranges(study, table)
    wimp(study, table)
    return table


def ranges(study: Study, table: Table) -> None:
    """Add `histogram` and its peers, at the same energies."""
    for name, yields, recoil, low, high in RANGES:
        detector = study.detectors[name]
        apparatus = replace(detector.apparatus, yields=yields)
        edges = np.geomspace(low, high, ENERGY_BINS + 1)

        def kernel() -> NDArray[np.int64]:
            streams = [stream(1, "bench", i) for i in range(ENERGY_BINS)]
            simulation = histogram(
                apparatus, recoil, detector.space, edges, EVENTS_PER_BIN, streams
            )
            return simulation[2] + PILOTS_PER_BIN

        events = kernel()
        numbers = np.rint(PEER_EVENTS * events[::8] / events[::8].sum()).astype(int)

        def numpy() -> int:
            for energy, n in zip(edges[:-1:8], numbers, strict=True):
                chain_in_numpy(apparatus, recoil, energy, stream(1, "peer"), n)
            return int(numbers.sum())

        mine = rate(lambda: int(kernel().sum()))
        theirs = slow = None
        if yields == NEST_YIELDS:
            energies = draw(edges, events, PEER_EVENTS)
            theirs = rate(lambda: nestpy_events(recoil, energies))
        else:
            slow = rate(numpy)
        label = f"{name}, {yields[recoil]}, {recoil} {low:g}–{high:g} keV"
        add_speeds(table, label, mine, theirs, slow)


def wimp(study: Study, table: Table) -> None:
    """Add `simulate` and nestpy for recoils of a WIMP above the response cutoff."""
    apparatus = replace(study.detectors["lz"].apparatus, yields=NEST_YIELDS)
    spectrum = wimp_spectrum(50, "SI", study.halo)
    edges = np.geomspace(apparatus.response_cutoff_keV["nr"], largest_keV(spectrum), 4000)
    energies = draw(edges, integrate(spectrum, edges), PEER_EVENTS)

    def events() -> int:
        simulate(apparatus, "nr", energies, stream(1, "bench"))
        return PEER_EVENTS

    mine, theirs = rate(events), rate(lambda: nestpy_events("nr", energies))
    add_speeds(table, "lz, nest, nr of a 50 GeV/c² WIMP", mine, theirs, None)


def add_speeds(
    table: Table, label: str, mine: float, theirs: float | None, slow: float | None
) -> None:
    """Add a row, with nothing where a peer was not measured."""
    cells = []
    for peer in (theirs, slow):
        cells += [f"{peer:.2e}", f"{mine / peer:.{int(mine < 10 * peer)}f}"] if peer else ["", ""]
    table.add_row(label, f"{mine:.2e}", *cells)


def largest_keV(spectrum: pd.DataFrame) -> float:
    """Largest recoil energy of a spectrum."""
    return float(spectrum[COLUMNS[0]].iloc[-1])


def study_edges(study: Study, detector: Detector, largest_keV: float, finer: int = 1) -> Floats:
    """Edges of the study's energy bins for nuclear recoils, up to a largest energy."""
    apparatus = detector.apparatus
    edges = energy_edges(
        apparatus.response_cutoff_keV["nr"],
        apparatus.response_max_keV["nr"],
        study.energy_bin_width_log / finer,
    )
    return edges[: np.searchsorted(edges, largest_keV) + 1]


def precisions(study: Study) -> dict[tuple[int, str], dict[str, list[Precision]]]:
    """CPU time and errors of every way, by mass and detector."""
    spectra = {mass: wimp_spectrum(mass, "SI", study.halo) for mass in MASSES_GEV}
    measurements = {}
    for name, detector in study.detectors.items():
        fine = study_edges(study, detector, max(map(largest_keV, spectra.values())), FINER_BINS)
        exact = quadrature.response(detector.apparatus, "nr", detector.space, fine, nodes=FINER)
        for mass, spectrum in spectra.items():
            edges = study_edges(study, detector, largest_keV(spectrum))
            reference = recoils_per_bin(spectrum, fine) @ exact
            measurements[mass, name] = {
                way: measure(way, make, reference)
                for way, make in ways(detector, spectrum, edges).items()
            }
    return measurements


def ways(
    detector: Detector, spectrum: pd.DataFrame, edges_keV: Floats
) -> Mapping[str, Callable[[int, int], Floats]]:
    """Makers of a template: expected events per kg day, given a size and a seed."""
    apparatus, space = detector.apparatus, detector.space

    def plain(size: int, seed: int) -> Floats:
        rng = stream(seed, PLAIN)
        bins = sample_bins(apparatus, "nr", space, spectrum, size, rng)
        counts = np.bincount(bins[bins >= 0], minlength=int(np.prod(space.shape)))
        return np.asarray(counts * (rate_above_cutoff(apparatus, "nr", spectrum) / size))

    def stratified(size: int, seed: int) -> Floats:
        streams = [stream(seed, STRATIFIED, i) for i in range(len(edges_keV) - 1)]
        probability, _, _ = histogram(apparatus, "nr", space, edges_keV, size, streams)
        return np.asarray(recoils_per_bin(spectrum, edges_keV) @ probability)

    def exact(size: int, seed: int) -> Floats:
        probability = quadrature.response(apparatus, "nr", space, edges_keV)
        return np.asarray(recoils_per_bin(spectrum, edges_keV) @ probability)

    return {PLAIN: plain, STRATIFIED: stratified, QUADRATURE: exact}


def measure(way: str, make: Callable[[int, int], Floats], reference: Floats) -> list[Precision]:
    """Precision of a way at each of its sizes; the quadrature has one, and no seeds.

    The pilots alone may take longer than the shortest runs should; these are left out.
    """
    if way == QUADRATURE:
        return [one_run(make, 0, 0, reference)]
    small, known = TRIAL_SIZES[way]
    one_run(make, small, 0, reference)
    least, longest = (one_run(make, n, 0, reference).seconds for n in (small, known))
    points = []
    for seconds, seeds in RUNS.items():
        if seconds < 1.1 * least:
            continue
        more = (known - small) * (seconds - least) / max(longest - least, 0.1 * least)
        size = max(small, round(small + more))
        runs = [one_run(make, size, seed, reference) for seed in range(1, seeds + 1)]
        mean = float(np.mean([run.seconds for run in runs]))
        total = float(np.sqrt(np.mean([run.total**2 for run in runs])))
        points.append(Precision(mean, total, float(np.median([run.bins for run in runs]))))
        if mean > longest:
            longest, known = mean, size
    return points


def one_run(
    make: Callable[[int, int], Floats], size: int, seed: int, reference: Floats
) -> Precision:
    """Time a template and compare it with the reference, its bins where these matter."""
    start = time.process_time()
    template = make(size, seed)
    seconds = time.process_time() - start
    big = reference > 0.01 * reference.max()
    off = np.abs(template[big] / reference[big] - 1)
    return Precision(seconds, abs(template.sum() / reference.sum() - 1), float(np.median(off)))


def precision_table(
    study: Study, measurements: Mapping[tuple[int, str], Mapping[str, list[Precision]]]
) -> Table:
    """Errors at one CPU second; of the quadrature those that it has, in the time it takes."""
    table = Table(title=f"Templates of SI WIMPs: errors at {SHOWN:g} CPU second")
    for column in ("mass", "detector", "way", "CPU seconds", "error of total", "median of bins"):
        table.add_column(column, justify="left" if column in ("detector", "way") else "right")
    for mass in MASSES_GEV:
        for name in study.detectors:
            for way, runs in measurements[mass, name].items():
                best = min(runs, key=lambda run: abs(np.log(run.seconds / SHOWN)))
                seconds = best.seconds if way == QUADRATURE else SHOWN
                factor = (best.seconds / seconds) ** 0.5
                table.add_row(
                    f"{mass} GeV/c²", name, way, f"{seconds:.2g}",
                    f"{100 * factor * best.total:.2g} %", f"{100 * factor * best.bins:.2g} %",
                )  # fmt: skip
        table.add_section()
    return table


def draw_precision(
    study: Study, measurements: Mapping[tuple[int, str], Mapping[str, list[Precision]]], file: str
) -> None:
    """Draw the median error of the bins against CPU time, a panel per mass."""
    looks = {PLAIN: (RED, "o"), STRATIFIED: (BLUE, "s"), QUADRATURE: (BLACK, "*")}
    lines = dict(zip(study.detectors, ("-", "--"), strict=True))
    with new_figure(8.4, 3.5, [file]) as figure:
        panels = figure.subplots(1, len(MASSES_GEV), sharex=True, sharey=True)
        handles = {}
        for axis, mass in zip(panels, MASSES_GEV, strict=True):
            for way, (colour, marker) in looks.items():
                for name, detector in study.detectors.items():
                    runs = measurements[mass, name][way]
                    (handles[way, name],) = axis.plot(
                        [run.seconds for run in runs],
                        [run.bins for run in runs],
                        color=colour,
                        ls="" if way == QUADRATURE else lines[name],
                        marker=marker,
                        ms=12 if way == QUADRATURE else 4.5,
                        mfc=colour if lines[name] == "-" else "white",
                        label=f"{way}, {detector.title}",
                    )
            axis.set(xscale="log", yscale="log", title=f"{mass} GeV/c²", xlabel="CPU time [s]")
        panels[0].set_ylabel("median relative error of bins")
        figure.suptitle(
            "Spin-independent WIMPs: error of the template's bins above 1 % of the largest",
            fontsize=10,
        )
        figure.legend(handles=list(handles.values()), loc="outside lower center", ncols=3)


def main() -> None:
    """Measure, print and draw."""
    file = sys.argv[1] if len(sys.argv) > 1 else "docs/figures/template_precision.png"
    study = load_study("config/config.yaml")
    console = Console(width=110)
    # BLAS's idle threads would count as CPU time.
    with threadpool_limits(1, "blas"):
        console.print(speeds(study))
        measurements = precisions(study)
    console.print(precision_table(study, measurements))
    draw_precision(study, measurements, file)


if __name__ == "__main__":
    main()
