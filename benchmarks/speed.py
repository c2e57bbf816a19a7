"""Limits per second on one core, beside a simple peer.

The peer is the same likelihood minimised by iminuit with a root finder around it (leff
interpolated between anchors, from three starts because MIGRAD stops on a kink). Run with
`make bench`, after `make run`.
"""

import dataclasses
import time
from collections.abc import Callable

import numpy as np
from iminuit import Minuit
from rich.console import Console
from rich.table import Table
from scipy import optimize

from zeptobarn.inference.load import load_model
from zeptobarn.inference.model import Model
from zeptobarn.study.loading import load_study
from zeptobarn.study.study import Study
from zeptobarn.templates.density import bin_index
from zeptobarn.templates.toys import Toys, throw

REPEATS = 5


def rate(work: Callable[[], int]) -> float:
    """Median of units of work per second, after one run that compiles."""
    work()
    rates = []
    for _ in range(REPEATS):
        start = time.process_time()
        done = work()
        rates.append(done / (time.process_time() - start))
    return float(np.median(rates))


def iminuit_limit(model: Model, toys: Toys, trial: int) -> float:
    """The profiled limit of one dataset, in units of the rate multiplier."""
    space = model.study.detectors[model.target].space
    events = toys.events[toys.events["trial"] == trial]
    bins = bin_index(space, events["cs1"].to_numpy(), events["cs2"].to_numpy())
    templates = model.templates[model.target]
    signal = templates[model.signal].expected / model.signal_events
    er = np.broadcast_to(templates["er"].expected, signal.shape)
    others = [t.expected for name, t in templates.items() if name not in (model.signal, "er")]
    table = np.stack([signal, er, sum(np.broadcast_to(t, signal.shape) for t in others)], axis=1)
    density, expected = table[:, :, bins], table.sum(axis=2)
    centre = toys.constraint_centres("leff")[list(toys.trials).index(trial)]
    (anchors,) = (np.array(shape.anchors) for shape in model.study.shapes)

    def minus2lnl(signal: float, rate: float, leff: float) -> float:
        k = min(max(int(np.searchsorted(anchors, leff)) - 1, 0), len(anchors) - 2)
        share = (leff - anchors[k]) / (anchors[k + 1] - anchors[k])
        rates = np.array([signal, rate, 1.0])
        total = rates @ ((1 - share) * expected[k] + share * expected[k + 1])
        values = rates @ ((1 - share) * density[k] + share * density[k + 1])
        return float(2 * (total - np.log(np.maximum(values, 1e-300)).sum()) + (leff - centre) ** 2)

    def fit(signal: float | None) -> tuple[float, float]:
        best = (np.inf, 0.0)
        for leff in (-1.5, 0.25, 1.5):
            minuit = Minuit(minus2lnl, 1.0 if signal is None else signal, 1.0, leff)
            minuit.limits = [(0, None), (0, None), (anchors[0], anchors[-1])]
            if signal is not None:
                minuit.fixed["signal"] = True
            minuit.errordef = Minuit.LIKELIHOOD * 2
            minuit.migrad()
            best = min(best, (minuit.fval, minuit.values["signal"]))
        return best

    lowest, best = fit(None)
    high = best + 3
    while fit(high)[0] - lowest < 1.6424:
        high = best + 2 * (high - best)
    root = optimize.brentq(lambda s: fit(s)[0] - lowest - 1.6423744, best, high, rtol=1e-4)
    return float(root) / model.signal_events


def limits(study: Study, table: Table) -> None:
    """Limits per second of the whole public call, and of iminuit on a few of the same toys."""
    for name in study.detectors:
        model = load_model(study, name, 50)
        toys = throw(study, name, model.templates[name], range(1, 1001))
        mean = len(toys.events) / 1000
        ours = model.interval_limits(toys, "profiled").set_index("trial")
        trials = range(1, 6)
        start = time.process_time()
        theirs = [iminuit_limit(model, toys, trial) for trial in trials]
        peer = len(trials) / (time.process_time() - start)
        worst = max(
            abs(value / ours["limit_rate_multiplier"][trial] - 1)
            for trial, value in zip(trials, theirs, strict=True)
        )
        for interval in ("leff_nominal", "profiled"):
            mine = rate(lambda interval=interval: len(model.interval_limits(toys, interval)))
            beside = interval == "profiled"
            table.add_row(
                f"limits/s, {name}, {interval}, {mean:.0f} events",
                f"{mine:.0f}",
                f"{peer:.1f} (iminuit)" if beside else "",
                f"{mine / peer:.0f}" if beside else "",
                f"{100 * worst:.2f} %" if beside else "",
            )


def main() -> None:
    """Measure and print."""
    study = load_study("config/config.yaml")
    study = dataclasses.replace(study, critical_values="asymptotic")
    table = Table(title="CPU time on one core, median of 5 runs")
    for column in ("", "zeptobarn", "peer", "ratio", "largest difference"):
        table.add_column(column)
    limits(study, table)
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
