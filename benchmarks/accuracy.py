"""How exact the profiled limits are: many toys against a slow limit that shares no code.

The reference takes leff in steps of 0.01 that hold the anchors. At each step it profiles the ER
rate, by Newton's method on the slope of ln L with a bisection to fall back on, and where the
signal is free it finds that by false position on its slope; the limit is where the smallest
statistic over the steps crosses the critical value, by bisection and the secant rule. Run with
`python benchmarks/accuracy.py [toys] [detector …]`, after `make run`.
"""

import dataclasses
import sys
from concurrent.futures import ThreadPoolExecutor

import numba
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from zeptobarn.inference.load import load_model
from zeptobarn.inference.model import Model
from zeptobarn.study.loading import load_study
from zeptobarn.templates.density import bin_index
from zeptobarn.templates.toys import Toys, throw

CRITICAL = 1.6423744
GRID = np.round(np.arange(-300, 301) / 100, 10)


@numba.njit(nogil=True, error_model="numpy")
def rate_of(signal, s, b, f, w, b_total, guess):
    """ER rate at which ln L is highest, for a signal: the root of its slope, which falls."""
    low, high, rate = 0.0, np.inf, guess
    for _ in range(200):
        slope, bend = -b_total, 0.0
        for i in range(len(s)):
            share = b[i] / (signal * s[i] + rate * b[i] + f[i])
            slope += w[i] * share
            bend += w[i] * share * share
        if slope > 0:
            low = rate
        else:
            high = rate
        new = rate + slope / bend if bend > 0 else 0.0
        if not low < new < high:
            new = 0.5 * (low + high) if high < np.inf else 2 * rate + 1
        if abs(new - rate) < 1e-11 * (1 + rate):
            return new
        rate = new
    return rate


@numba.njit(nogil=True, error_model="numpy")
def minus2lnl(signal, rate, s, b, f, w, totals):
    minus_lnl = signal * totals[0] + rate * totals[1] + totals[2]
    for i in range(len(s)):
        minus_lnl -= w[i] * np.log(signal * s[i] + rate * b[i] + f[i])
    return 2 * minus_lnl


@numba.njit(nogil=True, error_model="numpy")
def slope_in_signal(signal, rate, s, b, f, w, totals):
    slope = -totals[0]
    for i in range(len(s)):
        slope += w[i] * s[i] / (signal * s[i] + rate * b[i] + f[i])
    return slope


@numba.njit(nogil=True, error_model="numpy")
def best_at(s, b, f, w, totals, guess):
    """Signal and rate that are best at a value of leff."""
    low, rate = 0.0, rate_of(0.0, s, b, f, w, totals[1], guess[1])
    at_low = slope_in_signal(0.0, rate, s, b, f, w, totals)
    if at_low <= 0:
        return 0.0, rate
    high = max(guess[0], 0.1)
    while True:
        rate = rate_of(high, s, b, f, w, totals[1], rate)
        at_high = slope_in_signal(high, rate, s, b, f, w, totals)
        if at_high < 0:
            break
        low, at_low, high = high, at_high, 2 * high
    side, signal = 0, high
    for _ in range(200):
        signal = (low * at_high - high * at_low) / (at_high - at_low)
        if not low < signal < high:  # the slope is infinite where an event needs the signal
            signal = 0.5 * (low + high)
        rate = rate_of(signal, s, b, f, w, totals[1], rate)
        at = slope_in_signal(signal, rate, s, b, f, w, totals)
        if high - low < 1e-9 * high or abs(at) < 1e-10 * totals[0]:
            break
        if at > 0:
            low, at_low = signal, at
            at_high = 0.5 * at_high if side == 1 else at_high
            side = 1
        else:
            high, at_high = signal, at
            at_low = 0.5 * at_low if side == -1 else at_low
            side = -1
    return signal, rate


@numba.njit(nogil=True, error_model="numpy")
def at_leff(leff, anchors, density, expected):
    """Densities at the events and totals of signal, ER and fixed sources, interpolated."""
    k = 0
    while k < len(anchors) - 2 and leff > anchors[k + 1]:
        k += 1
    share = (leff - anchors[k]) / (anchors[k + 1] - anchors[k])
    return (1 - share) * density[k] + share * density[k + 1], (1 - share) * expected[
        k
    ] + share * expected[k + 1]


@numba.njit(nogil=True, error_model="numpy")
def possible(density):
    """Whether some source explains each event."""
    return density.sum(axis=0).min() > 0 if density.shape[1] else True


@numba.njit(nogil=True, error_model="numpy")
def statistic(signal, lowest, grid, anchors, density, expected, w, centre, rates):
    smallest = np.inf
    for g in range(len(grid)):
        d, totals = at_leff(grid[g], anchors, density, expected)
        if not possible(d):
            continue
        rates[g] = rate_of(signal, d[0], d[1], d[2], w, totals[1], rates[g])
        value = minus2lnl(signal, rates[g], d[0], d[1], d[2], w, totals)
        smallest = min(smallest, value + (grid[g] - centre) ** 2)
    return smallest - lowest


@numba.njit(nogil=True, error_model="numpy")
def reference_limit(grid, anchors, density, expected, w, centre, critical):
    """Upper limit in events; density has the shape (anchors, 3, events)."""
    lowest, best, guess = np.inf, 0.0, (1.0, 1.0)
    for g in range(len(grid)):
        d, totals = at_leff(grid[g], anchors, density, expected)
        if not possible(d):
            continue
        guess = best_at(d[0], d[1], d[2], w, totals, guess)
        value = minus2lnl(guess[0], guess[1], d[0], d[1], d[2], w, totals)
        value += (grid[g] - centre) ** 2
        if value < lowest:
            lowest, best = value, guess[0]
    rates = np.ones(len(grid))
    low, at_low, high, at_high = best, -critical, best + 2.0, -1.0
    while at_high < 0:
        at_high = statistic(high, lowest, grid, anchors, density, expected, w, centre, rates)
        at_high -= critical
        if at_high < 0:
            low, at_low, high = high, at_high, best + 2 * (high - best)
    for step in range(100):
        x = (low * at_high - high * at_low) / (at_high - at_low)
        if step % 3 == 2:
            x = 0.5 * (low + high)
        at = statistic(x, lowest, grid, anchors, density, expected, w, centre, rates) - critical
        if at < 0:
            low, at_low = x, at
        else:
            high, at_high = x, at
        if high - low < 1e-5 * high or abs(at) < 1e-7:
            return x
    return 0.5 * (low + high)


def reference_limits(model: Model, toys: Toys, threads: int = 2) -> NDArray[np.float64]:
    """Reference limits (rate multiplier) of a detector with one free background, ``er``."""
    detector = model.study.detectors[model.target]
    templates = model.templates[model.target]
    signal = templates[model.signal].expected / model.signal_events
    er = np.broadcast_to(templates["er"].expected, signal.shape)
    fixed = sum(
        np.broadcast_to(templates[source.name].expected, signal.shape)
        for source in detector.sources
        if not source.free
    )
    table = np.stack([signal, er, fixed], axis=1)
    expected = table.sum(axis=2)
    anchors = np.array([v["leff"] for v in templates[model.signal].shape_values], dtype=float)
    events = toys.events
    bins = bin_index(detector.space, events["cs1"].to_numpy(), events["cs2"].to_numpy())
    trials, centres = toys.trials, toys.constraint_centres("leff")
    first = np.searchsorted(events["trial"].to_numpy(), np.append(trials, trials[-1] + 1))

    def solve(number: int) -> float:
        mine = bins[first[number] : first[number + 1]]
        distinct, weights = np.unique(mine, return_counts=True)
        density = np.ascontiguousarray(table[:, :, distinct])
        return float(
            reference_limit(
                GRID, anchors, density, expected, weights * 1.0, centres[number], CRITICAL
            )
        )

    with ThreadPoolExecutor(threads) as pool:
        limits = list(pool.map(solve, range(len(trials))))
    return np.array(limits) / model.signal_events


def main() -> None:
    """Measure and print."""
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    study = load_study("config/config.yaml")
    study = dataclasses.replace(study, critical_values="asymptotic")
    shown = Table(title=f"{n} toys, profiled limits against the dense reference")
    for column in ("", "failed", "off by > 0.1 %", "largest difference"):
        shown.add_column(column)
    for name in sys.argv[2:] or list(study.detectors):
        mass = 50 if name == "xenon1t" else 10
        model = load_model(study, name, mass)
        toys = throw(study, name, model.templates[name], range(1, n + 1))
        mine = model.interval_limits(toys, "profiled")
        good = mine["limit_rate_multiplier"].notna().to_numpy()
        theirs = reference_limits(model, toys)
        off = np.abs(mine["limit_rate_multiplier"].to_numpy() / theirs - 1)[good]
        shown.add_row(
            f"{name}, {mass} GeV",
            str((~good).sum()),
            str((off > 1e-3).sum()),
            f"{100 * off.max():.5f} %",
        )
    Console(width=110).print(shown)


if __name__ == "__main__":
    main()
