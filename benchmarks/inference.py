"""Limits per second on one core: zeptobarn and blueice on the same templates and datasets.

Each size of each case is measured in five runs, in which the two take turns; the ratio is the
median of the runs' own ratios, with the smallest and the largest. zeptobarn's time is that of the
whole public call on all datasets, density lookup and table included. blueice sets limits on a few
of them, others in each run, in an environment of its own, given as the first argument
(`make bench-inference` makes it); its time is without set-up, and with the faster of two bounded
minimisers. The printed table can be pasted into a Markdown file.
"""

import argparse
import dataclasses
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich import box
from rich.console import Console
from rich.table import Table

from zeptobarn import __version__
from zeptobarn.inference.load import build_templates, make_model
from zeptobarn.inference.model import Model
from zeptobarn.study.loading import load_study
from zeptobarn.study.settings import Interval
from zeptobarn.study.shapes import Shape
from zeptobarn.study.study import Study
from zeptobarn.templates.templates import Template
from zeptobarn.templates.toys import Toys, throw

PEER = Path(__file__).parent / "peers" / "blueice_limits.py"
FREE = ("er", "neutrons", "cevns_8b", "cevns_atm")  # with the signal: five
LEFF = Shape("leff", (-2.0, -1.0, 0.0, 1.0, 2.0), "leff", 0.0, True, ("xenon1t", "lz"), "constant")
LIFETIME = Shape(
    "lifetime", (-2.0, 0.0, 2.0), "electron_lifetime_us", 0.05, True, ("xenon1t", "lz"), "constant"
)
# By name: free backgrounds, shapes, whether they are profiled.
CASES = {
    "fixed": (("er",), (LEFF,), False),
    "leff": ((), (LEFF,), True),
    "ER, leff": (("er",), (LEFF,), True),
    "5 rates, 2 shapes": (FREE, (LEFF, LIFETIME), True),
}
# Detector, factor on its livetime, datasets, and how many of them the peer gets in a run.
SIZES = (("xenon1t", 1, 10_000, 100), ("xenon1t", 20, 1000, 40), ("lz", 1, 1000, 20))
RUNS = 5
SECONDS = 0.5  # zeptobarn repeats its call for as long
MINIMISERS = {"minuit": "iminuit's MIGRAD", "slsqp": "scipy's SLSQP"}


@dataclass(frozen=True)
class Run:
    """A measurement of both.

    Attributes
    ----------
    mine, peer
        Limits per second.
    quotients
        The peer's limits over zeptobarn's; NaN where it failed.
    minimisers, versions
        The peer's, as it says.
    """

    mine: float
    peer: float
    quotients: NDArray[np.float64]
    minimisers: tuple[str, ...]
    versions: Mapping[str, str]


def study_of(detector: str, free: tuple[str, ...], shapes: tuple[Shape, ...]) -> Study:
    """The default study with coarser templates and other parameters."""
    study = load_study("config/config.yaml")
    original = study.detectors[detector]
    sources = tuple(
        dataclasses.replace(s, rate="free" if s.name in free else "fixed") for s in original.sources
    )
    shapes = tuple(dataclasses.replace(shape, detectors=(detector,)) for shape in shapes)
    return dataclasses.replace(
        study,
        detectors={detector: dataclasses.replace(original, sources=sources)},
        critical_values="asymptotic",
        masses_GeV=(50,),
        shapes=shapes,
        intervals=(
            Interval("fixed", {shape.name: 0.0 for shape in shapes}, ()),
            Interval("profiled", {}, tuple(shape.name for shape in shapes)),
        ),
        energy_bin_width_log=0.025,
    )


@cache
def templates_of(detector: str, shapes: tuple[Shape, ...]) -> dict[str, Template]:
    """Templates of the detector's own livetime; which rates are free does not change them."""
    study = study_of(detector, (), shapes)
    names = [*study.signals(), *(source.name for source in study.detectors[detector].sources)]
    return build_templates(study, detector, names)


def model_of(
    detector: str, livetime: float, free: tuple[str, ...], shapes: tuple[Shape, ...]
) -> Model:
    """Model at a factor on the detector's livetime."""
    study = study_of(detector, free, shapes)
    templates = {
        name: dataclasses.replace(template, expected=livetime * template.expected)
        for name, template in templates_of(detector, shapes).items()
    }
    return make_model(study, detector, study.masses_GeV[0], "SI", {detector: templates})


def peer_limits(
    python: str, model: Model, toys: Toys, trials: range, profiled: bool
) -> dict[str, Any]:
    """What blueice finds in some of the datasets; see `blueice_limits.py`."""
    study, (templates,) = model.study, model.templates.values()
    space = study.detectors[model.target].space
    names = list(templates)
    lengths = [len(shape.anchors) for shape in study.shapes]
    expected = []
    for name in names:
        touched = study.shapes_of(model.target, study.recoil(model.target, name))
        shape = [len(s.anchors) if s in touched else 1 for s in study.shapes]
        expected.append(
            np.broadcast_to(
                templates[name].expected.reshape([*shape, -1]),
                [*lengths, int(np.prod(space.shape))],
            )
        )
    events = toys.events[toys.events["trial"].between(trials[0], trials[-1])]
    chosen = np.isin(toys.trials, trials)
    given = {
        "edges1": space.cs1_edges,
        "edges2": space.cs2_edges,
        "anchors": np.array(study.shapes[0].anchors),
        "expected": np.stack(expected, axis=-2),
        "free": np.array(
            [s == model.signal or study.detectors[model.target].source(s).free for s in names]
        ),
        "cs1": events["cs1"].to_numpy(),
        "cs2": events["cs2"].to_numpy(),
        "first": np.searchsorted(events["trial"].to_numpy(), [*trials, trials[-1] + 1]),
        "centres": toys.constraint_centres("leff")[chosen],
        "profile_shape": np.array(profiled),
        "confidence_level": np.array(study.confidence_level),
    }
    if len(study.shapes) > 1:
        given |= {
            "second_shape": np.array(study.shapes[1].name),
            "second_anchors": np.array(study.shapes[1].anchors),
            "second_centres": toys.constraint_centres(study.shapes[1].name)[chosen],
        }
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "input.npz"
        np.savez(file, **given)
        done = subprocess.run(
            [python, str(PEER), str(file), "best", "--search-tolerance", "1e-4"],
            env=os.environ | threads,
            stdout=subprocess.PIPE,
            check=True,
            text=True,
        )
    return dict(json.loads(done.stdout))


def my_speed(model: Model, toys: Toys, interval: str) -> float:
    """Limits per second of the public call."""
    start, n = time.process_time(), 0
    while time.process_time() - start < SECONDS:
        n += len(model.interval_limits(toys, interval))
    return n / (time.process_time() - start)


def measured(
    python: str, model: Model, n: int, n_peer: int, profiled: bool
) -> tuple[Toys, list[Run]]:
    """Datasets, and the runs on them."""
    toys = throw(model.study, model.target, model.templates[model.target], range(1, n + 1))
    interval = "profiled" if profiled else "fixed"
    ours = model.interval_limits(toys, interval)["limit_rate_multiplier"].to_numpy()
    runs = []
    for first in range(0, RUNS * n_peer, n_peer):
        mine = my_speed(model, toys, interval)
        trials = range(first + 1, first + n_peer + 1)
        theirs = peer_limits(python, model, toys, trials, profiled)
        runs.append(
            Run(
                mine,
                n_peer / sum(theirs["seconds"]),
                np.array(theirs["limits"], dtype=float) / ours[first : first + n_peer],
                tuple(theirs["minimisers"]),
                theirs["versions"],
            )
        )
    return toys, runs


def row(case: str, toys: Toys, runs: list[Run]) -> list[str]:
    """Cells of the table."""
    ratios = [run.mine / run.peer for run in runs]
    off = np.abs(np.concatenate([run.quotients for run in runs]) - 1)
    failed = np.isnan(off).sum()
    return [
        case,
        f"{len(toys.events) / len(toys.trials):,.0f}",
        f"{np.median([run.mine for run in runs]):,.0f}",
        f"{np.median([run.peer for run in runs]):,.1f}",
        f"{np.median(ratios):,.0f} ({min(ratios):,.0f} to {max(ratios):,.0f})",
        ", ".join(sorted({MINIMISERS[run.minimisers[0]] for run in runs})),
        f"{100 * np.nanmedian(off):.3f} %, {100 * np.nanmax(off):.2f} %"
        + (f", {failed} failed" if failed else ""),
    ]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("python", help="that of blueice's environment")
    parser.add_argument("--case", choices=CASES, help="measure this one alone")
    given = parser.parse_args()
    table = Table(box=box.MARKDOWN)
    for column in (
        "case",
        "events",
        "zeptobarn",
        "blueice",
        f"ratio: median of {RUNS} runs (all)",
        "blueice's minimiser",
        "limits differ by: median, most",
    ):
        table.add_column(column, justify="left" if column == "case" else "right", no_wrap=True)
    for case in [given.case] if given.case else CASES:
        free, shapes, profiled = CASES[case]
        for detector, livetime, n, n_peer in SIZES:
            model = model_of(detector, livetime, free, shapes)
            toys, runs = measured(given.python, model, n, n_peer, profiled)
            table.add_row(*row(case, toys, runs))
    console = Console(width=160)
    versions = ", ".join(f"{name} {version}" for name, version in runs[0].versions.items())
    console.print(f"Limits per second of CPU time on one core: zeptobarn {__version__} beside")
    console.print(f"{versions}", soft_wrap=True)
    console.print(table)


if __name__ == "__main__":
    main()
