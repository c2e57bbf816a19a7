"""Limits per second on one core: zeptobarn and blueice on the same templates and datasets.

blueice runs in an environment of its own, given as the first argument (`make bench-inference`
makes it). Its time is without set-up, and with the faster of two bounded minimisers; zeptobarn's
is that of the whole public call on many datasets, density lookup and table included.
"""

import dataclasses
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from zeptobarn.model import Model, build_templates, make_model
from zeptobarn.study import Interval, Shape, Study, load_study
from zeptobarn.toys import Toys, throw

PEER = Path(__file__).parent / "peers" / "blueice_limits.py"
FREE = ("er", "neutrons", "cevns_8b", "cevns_atm")  # with the signal: five
LEFF = Shape("leff", (-2.0, -1.0, 0.0, 1.0, 2.0), "leff", 0.0, True, ("xenon1t", "lz"), "constant")
LIFETIME = Shape(
    "lifetime", (-2.0, 0.0, 2.0), "electron_lifetime_us", 0.05, True, ("xenon1t", "lz"), "constant"
)
# Name, free backgrounds, shapes, whether they are profiled.
CASES = (
    ("fixed", ("er",), (LEFF,), False),
    ("leff", (), (LEFF,), True),
    ("ER, leff", ("er",), (LEFF,), True),
    ("5 rates, 2 shapes", FREE, (LEFF, LIFETIME), True),
)
# Detector, factor on its livetime, datasets for the peer.
SIZES = (("xenon1t", 1, 40), ("xenon1t", 20, 10), ("lz", 1, 10))


def study_of(
    detector: str, livetime: float, free: tuple[str, ...], shapes: tuple[Shape, ...]
) -> Study:
    """The default study with coarser templates, a longer livetime and other parameters."""
    study = load_study("config/config.yaml")
    found = study.detectors[detector]
    sources = tuple(
        dataclasses.replace(s, rate="free" if s.name in free else "fixed") for s in found.sources
    )
    changed = dataclasses.replace(
        found, livetime_day=found.livetime_day * livetime, sources=sources
    )
    shapes = tuple(dataclasses.replace(shape, detectors=(detector,)) for shape in shapes)
    return dataclasses.replace(
        study,
        detectors={detector: changed},
        shapes=shapes,
        intervals=(
            Interval("fixed", {shape.name: 0.0 for shape in shapes}, ()),
            Interval("profiled", {}, tuple(shape.name for shape in shapes)),
        ),
        energy_bin_width_log=0.025,
    )


def peer_limits(
    python: str, model: Model, toys: Toys, n: int, profiled: bool
) -> tuple[float, list]:
    """Limits per second and limits (rate multiplier) of blueice on the first n datasets."""
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
    events = toys.events[toys.events["trial"] <= n]
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
        "first": np.searchsorted(events["trial"].to_numpy(), np.arange(1, n + 2)),
        "centres": toys.constraint_centres("leff")[:n],
        "profile_shape": np.array(profiled),
        "confidence_level": np.array(study.confidence_level),
    }
    if len(study.shapes) > 1:
        given |= {
            "second_shape": np.array(study.shapes[1].name),
            "second_anchors": np.array(study.shapes[1].anchors),
            "second_centres": toys.constraint_centres(study.shapes[1].name)[:n],
        }
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "input.npz"
        np.savez(file, **given)
        done = subprocess.run(
            [python, str(PEER), str(file), "best", "--search-tolerance", "1e-4"],
            env=os.environ | threads,
            capture_output=True,
            check=True,
            text=True,
        )
    found = json.loads(done.stdout)
    return n / sum(found["seconds"]), found["limits"]


def my_speed(model: Model, toys: Toys, interval: str) -> float:
    """Median of limits per second of the public call, after one that compiles."""
    found = []
    for _ in range(6):
        start = time.process_time()
        n = len(model.interval_limits(toys, interval))
        found.append(n / (time.process_time() - start))
    return float(np.median(found[1:]))


def main() -> None:
    """Measure and print."""
    python = sys.argv[1]
    table = Table(title="Limits per second on one core (CPU time)")
    for column in ("case", "events", "zeptobarn", "blueice", "ratio", "median, largest difference"):
        table.add_column(column, justify="left" if column == "case" else "right")
    for case, free, shapes, profiled in CASES:
        for detector, livetime, n_peer in SIZES:
            study = study_of(detector, livetime, free, shapes)
            names = [study.signals()[3], *(s.name for s in study.detectors[detector].sources)]
            templates = {detector: build_templates(study, detector, names)}
            model = make_model(study, detector, study.masses_GeV[3], "SI", templates)
            n = 10_000 if detector == "xenon1t" and livetime == 1 else 1000
            toys = throw(study, detector, templates[detector], range(1, n + 1))
            interval = "profiled" if profiled else "fixed"
            mine = my_speed(model, toys, interval)
            peer, limits = peer_limits(python, model, toys, n_peer, profiled)
            ours = model.interval_limits(toys, interval)["limit_rate_multiplier"].to_numpy()
            off = np.abs(np.array(limits, dtype=float) / ours[:n_peer] - 1)
            table.add_row(
                case,
                f"{len(toys.events) / n:.0f}",
                f"{mine:,.0f}",
                f"{peer:.1f}",
                f"{mine / peer:,.0f}",
                f"{100 * np.nanmedian(off):.3f} %, {100 * np.nanmax(off):.2f} %"
                + (f", {np.isnan(off).sum()} failed" if np.isnan(off).any() else ""),
            )
        table.add_section()
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
