"""How time and memory grow: with trials, masses, events, shape parameters and cores.

From a base (`Work`'s defaults), one thing varies at a time. Datasets are thrown and limits set in
batches, as the workflow's jobs do, of `BATCH` datasets or of as many as hold `MOST_EVENTS` events.
Each point is measured in a process of its own: seconds of the wall clock, the median of rounds
that fill `SECONDS`, and the peak of its resident memory. Templates are made once, with coarser
energy bins than the study's; that is not measured.

Exponents are slopes of straight lines, fitted to the logarithms of points in the upper half of the
logarithmic range (two points at least). Memory is fitted less that of a process that has imported
the library and set a few limits.

Run with `make bench-scaling`, or `python benchmarks/scaling.py [folder] [--quick]`: it writes
scaling.md and figures/scaling.png into the folder (docs). The quick form has shorter ranges.
"""

import argparse
import dataclasses
import io
import multiprocessing
import os
import platform
import resource
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import NullFormatter, NullLocator
from numpy.typing import NDArray
from rich import box
from rich.console import Console
from rich.table import Table
from threadpoolctl import threadpool_limits

from zeptobarn import __version__
from zeptobarn.figures.style import BLUE, RED, new_figure
from zeptobarn.inference.load import build_templates, make_model
from zeptobarn.inference.model import Model
from zeptobarn.study.loading import load_study
from zeptobarn.study.settings import Interval
from zeptobarn.study.shapes import Shape
from zeptobarn.study.study import Study
from zeptobarn.templates.templates import Template, read_template, write_template
from zeptobarn.templates.toys import throw

DETECTOR = "xenon1t"
MASSES_GEV = tuple(round(mass) for mass in np.geomspace(10, 1000, 16))
BATCH = 10_000
MOST_EVENTS = 4_000_000
SHAPES_TRIALS = 1000
SECONDS = 2.0
COARSE = (-2.0, 0.0, 2.0)
# Parameters and relative widths of the shapes that are profiled together.
PARAMETERS = {"leff": 0.0, "electron_lifetime_us": 0.05, "g1": 0.02, "electron_gain": 0.02}
ENERGY_BIN_WIDTH_LOG = 0.025


@dataclass(frozen=True)
class Work:
    """What a point does.

    Attributes
    ----------
    events
        Expected of a dataset; what the detector expects if None.
    shapes
        Profiled shape parameters with `COARSE` anchors; leff with the default study's if None.
    """

    trials: int = BATCH
    masses: int = 1
    events: int | None = None
    shapes: int | None = None
    cores: int = 1

    @property
    def batch(self) -> int:
        """Datasets of a batch."""
        return max(1, min(self.trials, BATCH, MOST_EVENTS // (self.events or 1)))


@dataclass(frozen=True)
class Cost:
    """What a point took.

    Attributes
    ----------
    throwing, limits
        Seconds.
    peak_MB, before_MB
        Of resident memory: at the end, and before models were read.
    """

    throwing: float
    limits: float
    peak_MB: float
    before_MB: float


@dataclass(frozen=True)
class Axis:
    """What varies; seconds and memory are per dataset where ``each``."""

    label: str
    vary: Callable[[int], Work]
    values: Sequence[int]
    quick: Sequence[int]
    each: bool = False

    def seconds(self, value: int, cost: Cost) -> float:
        return cost.limits / (self.vary(value).trials if self.each else 1)

    def memory_MB(self, value: int, cost: Cost) -> float:
        """Memory that the models and a batch add."""
        return (cost.peak_MB - cost.before_MB) / (self.vary(value).batch if self.each else 1)


def of_events(events: int) -> Work:
    """One batch of datasets with so many events."""
    return Work(trials=Work(events=events).batch, events=events)


AXES = (
    Axis(
        "trials",
        lambda n: Work(trials=n),
        (1000, 10_000, 100_000, 1_000_000),
        (1000, 10_000),
    ),
    Axis("masses", lambda n: Work(masses=n), (1, 2, 4, 8, 16), (1, 4)),
    Axis(
        "events per dataset",
        of_events,
        tuple(10**power for power in range(7)),
        (10, 1000),
        each=True,
    ),
    Axis(
        "profiled shape parameters",
        lambda n: Work(trials=SHAPES_TRIALS, shapes=n),
        range(1, len(PARAMETERS) + 1),
        (1, 2),
    ),
    Axis(
        "cores",
        lambda n: Work(cores=n),
        [2**power for power in range((os.cpu_count() or 1).bit_length())],
        (1,),
    ),
)


def study_of(n_shapes: int | None) -> Study:
    """The default study with coarser templates, and shapes as `Work` has them."""
    study = load_study("config/config.yaml")
    shapes = tuple(s for s in study.shapes if s.name == "leff")
    if n_shapes is not None:
        shapes = tuple(
            Shape(name, COARSE, name, width, True, (DETECTOR,), "constant")
            for name, width in list(PARAMETERS.items())[:n_shapes]
        )
    return dataclasses.replace(
        study,
        detectors={DETECTOR: study.detectors[DETECTOR]},
        masses_GeV=MASSES_GEV if n_shapes is None else chosen_masses_GeV(1),
        shapes=shapes,
        critical_values="asymptotic",
        intervals=(Interval("profiled", {}, tuple(shape.name for shape in shapes)),),
        energy_bin_width_log=ENERGY_BIN_WIDTH_LOG,
    )


def chosen_masses_GeV(n: int) -> tuple[int, ...]:
    """So many of the masses (a divisor of their number), evenly spread."""
    step = len(MASSES_GEV) // n
    return MASSES_GEV[step // 2 :: step]


def sources_of(study: Study) -> list[str]:
    """Names of all signals and backgrounds of a study."""
    return [*study.signals(), *(source.name for source in study.detectors[DETECTOR].sources)]


@cache
def templates_of(n_shapes: int | None) -> dict[str, Template]:
    """Templates of all masses and backgrounds of a study."""
    study = study_of(n_shapes)
    return build_templates(study, DETECTOR, sources_of(study))


def write_templates(n_shapes: int | None, folder: Path) -> None:
    """Write the templates of a study to files, for processes that measure."""
    study = study_of(n_shapes)
    for name, template in templates_of(n_shapes).items():
        write_template(study, DETECTOR, name, template, folder / f"{n_shapes}_{name}.parquet")


def models_of(work: Work, folder: Path) -> list[Model]:
    """Models of a point, one for each mass, from templates in files."""
    study = study_of(work.shapes)
    masses = chosen_masses_GeV(work.masses)
    study = dataclasses.replace(study, masses_GeV=masses)
    templates = {
        name: read_template(study, DETECTOR, name, folder / f"{work.shapes}_{name}.parquet")
        for name in sources_of(study)
    }
    factor = 1.0
    if work.events is not None:
        backgrounds = study.detectors[DETECTOR].sources
        factor = work.events / sum(templates[s.name].nominal.sum() for s in backgrounds)
    scaled = {
        name: dataclasses.replace(template, expected=factor * template.expected)
        for name, template in templates.items()
    }
    return [make_model(study, DETECTOR, mass, "SI", {DETECTOR: scaled}) for mass in masses]


def measure(folder: Path, work: Work) -> Cost:
    """Measure a point, in a process of its own.

    Parameters
    ----------
    folder
        Where `write_templates` put the templates.
    """
    with threadpool_limits(1):
        set_limits(models_of(Work(), folder), range(1, 11), 1)  # loads compiled kernels
        before = peak_MB()
        models, trials = models_of(work, folder), range(1, work.trials + 1)
        rounds: list[NDArray[np.float64]] = []
        while np.sum(rounds) < SECONDS:
            seconds = [
                set_limits(models, trials[first : first + work.batch], work.cores)
                for first in range(0, work.trials, work.batch)
            ]
            rounds.append(np.sum(seconds, axis=0))
    throwing, limits = np.median(rounds, axis=0)
    return Cost(float(throwing), float(limits), peak_MB(), before)


def set_limits(models: list[Model], trials: range, cores: int) -> tuple[float, float]:
    """Seconds to throw a batch, and to set the limits of all masses on it."""
    start = time.perf_counter()
    toys = throw(models[0].study, DETECTOR, models[0].templates[DETECTOR], trials)
    thrown = time.perf_counter()
    for model in models:
        model.interval_limits(toys, "profiled", cores)
    return thrown - start, time.perf_counter() - thrown


def peak_MB() -> float:
    """Peak of this process's resident memory; Linux counts in KiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


def measure_all(quick: bool) -> dict[str, dict[int, Cost]]:
    """Cost of each point, by axis and value."""
    by_axis: dict[str, dict[int, Cost]] = {}
    # Forks of a small server: a child of this process would start with this one's peak.
    context = multiprocessing.get_context("forkserver")
    with (
        tempfile.TemporaryDirectory() as folder,
        ProcessPoolExecutor(1, mp_context=context, max_tasks_per_child=1) as pool,
    ):
        write_templates(None, Path(folder))
        for axis in AXES:
            by_axis[axis.label] = {}
            for value in axis.quick if quick else axis.values:
                work = axis.vary(value)
                if work.shapes is not None:
                    write_templates(work.shapes, Path(folder))
                cost = pool.submit(measure, Path(folder), work).result()
                by_axis[axis.label][value] = cost
                print(f"{axis.label}: {value:,}: {cost}", flush=True)
    return by_axis


def upper_half(values: Sequence[int]) -> list[int]:
    """Values in the upper half of the range of their logarithm, two at least."""
    middle = np.sqrt(min(values) * max(values))
    return sorted(values)[-max(2, sum(value >= middle for value in values)) :]


def fit(points: Mapping[int, float]) -> tuple[float, float]:
    """Slope and intercept of logarithms in the upper half; NaN of a single point."""
    chosen = upper_half(list(points))
    if len(chosen) < 2:
        return np.nan, np.nan
    slope, intercept = np.polyfit(np.log(chosen), np.log([points[x] for x in chosen]), 1)
    return float(slope), float(intercept)


def number(slope: float) -> str:
    """Write an exponent, without a minus sign before 0."""
    return f"{round(slope, 2) + 0:.2f}".replace("-", "−")


def table_of(by_axis: Mapping[str, Mapping[int, Cost]]) -> Table:
    """A row for each point."""
    table = Table(box=box.MARKDOWN)
    columns = (
        "trials",
        "throwing [s]",
        "limits [s]",
        "per limit [µs]",
        "peak memory [MB]",
        "added",
    )
    table.add_column("varied")
    for column in ("value", *columns):
        table.add_column(column, justify="right", no_wrap=True)
    for axis in AXES:
        for value, cost in by_axis[axis.label].items():
            work = axis.vary(value)
            table.add_row(
                axis.label,
                f"{value:,}",
                f"{work.trials:,}",
                f"{cost.throwing:.3g}",
                f"{cost.limits:.3g}",
                f"{1e6 * cost.limits / (work.trials * work.masses):,.3g}",
                f"{cost.peak_MB:.0f}",
                f"{cost.peak_MB - cost.before_MB:.0f}",
            )
    return table


def exponents_of(by_axis: Mapping[str, Mapping[int, Cost]]) -> Table:
    """A row for each axis."""
    table = Table(box=box.MARKDOWN)
    table.add_column("varied")
    for column in ("fitted from", "to", "exponent of time", "exponent of added memory"):
        table.add_column(column, justify="right", no_wrap=True)
    for axis in AXES:
        chosen = upper_half(list(by_axis[axis.label]))
        slopes = [
            fit({x: read(x, cost) for x, cost in by_axis[axis.label].items()})[0]
            for read in (axis.seconds, axis.memory_MB)
        ]
        cells = ["" if np.isnan(slope) else number(slope) for slope in slopes]
        table.add_row(axis.label, f"{chosen[0]:,}", f"{chosen[-1]:,}", *cells)
    return table


def draw(by_axis: Mapping[str, Mapping[int, Cost]], file: Path) -> None:
    """Time above, memory below; a panel for each axis, dashed where exponents are fitted."""
    with new_figure(10.0, 4.8, [file]) as figure:
        panels = figure.subplots(2, len(AXES), sharex="col")
        for axis, (above, below) in zip(AXES, panels.T, strict=True):
            costs = by_axis[axis.label].items()
            draw_points(above, {x: axis.seconds(x, cost) for x, cost in costs}, BLUE)
            draw_points(below, {x: axis.memory_MB(x, cost) for x, cost in costs}, RED)
            each = " per dataset" if axis.each else ""
            above.set_ylabel(f"time of limits{each} [s]")
            below.set_ylabel(f"memory added{each} [MB]")
            below.set_xlabel(axis.label)
            if max(axis.values) < 100:
                below.set_xticks(axis.values, [str(value) for value in axis.values])
                below.xaxis.set_minor_locator(NullLocator())


def draw_points(panel: Axes, points: Mapping[int, float], colour: str) -> None:
    """Draw the points of an axis and what is fitted, between whole powers of ten."""
    panel.plot(list(points), list(points.values()), color=colour, ls="", marker="o", ms=4)
    slope, intercept = fit(points)
    if not np.isnan(slope):
        ends = np.array(upper_half(list(points)))[[0, -1]]
        panel.plot(ends, np.exp(intercept) * ends**slope, color="0.3", ls="--", lw=1)
        panel.text(0.06, 0.94, f"exponent {number(slope)}", transform=panel.transAxes, va="top")
    # The text stands above the points.
    low, high = np.log10(0.8 * min(points.values())), np.log10(3 * max(points.values()))
    panel.set(xscale="log", yscale="log", ylim=(10 ** np.floor(low), 10 ** np.ceil(high)))
    panel.yaxis.set_minor_formatter(NullFormatter())
    panel.margins(x=0.12)


PAGE = """# How time and memory grow

<!-- Written by `make bench-scaling`. -->

Measured on {date} with zeptobarn {version} on {cores} cores ({processor}); the load average was
{load:.1f} when it began, which is other work where it is not near 0.

![time and memory](figures/scaling.png)

One thing varies at a time, from {batch:,} datasets of {title} ({events:.0f} events each) at one
mass on one core, the {anchors} anchors of the default study's leff profiled and the rate of
electronic recoils free. Several shape parameters ({parameters}) have {coarse} anchors each, and
{few:,} datasets. Cores are threads of the one call that sets limits; the workflow runs jobs side
by side besides.

Datasets are thrown, and limits set on them, in batches of {batch:,}, as the workflow's jobs do
(`trials_per_batch`), or of fewer where these would hold more than {most:,} events. Each point has
a process of its own. Times are those of the wall clock, without templates, which are made before;
a batch is thrown once for all masses. Peak memory is that of the process. It holds {before:.0f} MB
before models and datasets are there; what is on top is called added.

Exponents are slopes of the dashed lines, fitted to the logarithms of the limits' time and of added
memory, both per dataset where events vary, in the upper half of each logarithmic range:

{exponents}

All points:

{points}
"""


def page_of(by_axis: Mapping[str, Mapping[int, Cost]], load: float) -> str:
    """The page in Markdown."""
    (leff,) = study_of(None).shapes
    backgrounds = [source.name for source in study_of(None).detectors[DETECTOR].sources]
    costs = [cost for points in by_axis.values() for cost in points.values()]
    return PAGE.format(
        date=date.today(),
        cores=os.cpu_count(),
        processor=processor(),
        version=__version__,
        load=load,
        batch=BATCH,
        title=study_of(None).title(DETECTOR),
        events=sum(templates_of(None)[name].nominal.sum() for name in backgrounds),
        anchors=len(leff.anchors),
        coarse=len(COARSE),
        parameters=", ".join(PARAMETERS),
        few=SHAPES_TRIALS,
        most=MOST_EVENTS,
        before=np.median([cost.before_MB for cost in costs]),
        exponents=markdown(exponents_of(by_axis)),
        points=markdown(table_of(by_axis)),
    )


def markdown(table: Table) -> str:
    """Text of a table."""
    console = Console(file=io.StringIO(), width=160)
    with console.capture() as captured:
        console.print(table)
    return "\n".join(line.rstrip() for line in captured.get().splitlines() if line.strip())


def processor() -> str:
    """Name of the processor."""
    file = Path("/proc/cpuinfo")
    lines = file.read_text().splitlines() if file.exists() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, default=Path("docs"))
    parser.add_argument("--quick", action="store_true", help="shorter ranges, for a first look")
    given = parser.parse_args()
    load = os.getloadavg()[0]
    by_axis = measure_all(given.quick)
    page = page_of(by_axis, load)
    draw(by_axis, given.folder / "figures/scaling.png")
    (given.folder / "scaling.md").write_text(page)
    print(page)


if __name__ == "__main__":
    main()
