"""A slow, independent likelihood and limit, to compare with.

It shares nothing with `zeptobarn.likelihood`, `fit` or `intervals`: densities come straight from
the templates and are interpolated by numpy, rates are profiled by scipy's SLSQP with numerical
derivatives or by bisection, and the shape parameter runs over a dense grid that holds the
anchors.
"""

import numpy as np
from scipy import optimize

STEP = 0.01
GRID = np.round(np.arange(-2, 2 + STEP / 2, STEP), 10)


class Reference:
    """−2 ln L of one dataset with a signal, one free background and fixed backgrounds."""

    def __init__(self, templates, signal, free, fixed, bins, centre):
        self.anchors = np.array([v["leff"] for v in templates[signal].shape_values], dtype=float)
        self.signal = templates[signal].expected
        self.free = templates[free].expected[0]
        self.fixed = sum(np.broadcast_to(templates[f].expected, self.signal.shape) for f in fixed)
        self.bins, self.centre = bins, centre
        self.scale = self.signal.sum(axis=1)[2]

    def at(self, leff):
        """Rates at the events and totals at a value of leff: signal, free and fixed."""
        low = min(int(np.floor(leff - self.anchors[0])), len(self.anchors) - 2)
        weight = leff - self.anchors[low]
        found = []
        for table in (self.signal / self.scale, self.fixed):
            mixed = table[low] * (1 - weight) + table[low + 1] * weight
            found.append((mixed[self.bins], mixed.sum()))
        return found[0], (self.free[self.bins], self.free.sum()), found[1]

    def minus2lnl(self, signal_events, rate, leff, with_constraint=True):
        s, b, f = self.at(leff)
        density = signal_events * s[0] + rate * b[0] + f[0]
        total = signal_events * s[1] + rate * b[1] + f[1]
        constraint = (leff - self.centre) ** 2 if with_constraint else 0.0
        with np.errstate(divide="ignore"):
            return 2 * (total - np.log(density).sum()) + constraint

    def best_rates(self, leff, start):
        """Signal and background rate that maximise the likelihood at a value of leff."""
        s, b, f = self.at(leff)

        def objective(x):
            density = x[0] * s[0] + x[1] * b[0] + f[0]
            return x[0] * s[1] + x[1] * b[1] - np.log(np.maximum(density, 1e-300)).sum()

        found = optimize.minimize(
            objective,
            start,
            method="SLSQP",
            bounds=[(0, None), (0, None)],
            options={"ftol": 1e-11, "maxiter": 200},
        )
        return found.x

    def best(self, grid=GRID):
        """The best fit over a grid in leff: −2 ln L, signal events, rate, leff."""
        fits, start = [], np.array([1.0, 1.0])
        for leff in grid:
            start = self.best_rates(leff, start)
            fits.append((self.minus2lnl(*start, leff), *start, leff))
        return min(fits)

    def profiled(self, signal_events, leff):
        """−2 ln L at a signal, with the background rate found by bisection of its slope."""
        s, b, f = self.at(leff)
        rest = signal_events * s[0] + f[0]

        def slope(rate):
            with np.errstate(divide="ignore"):
                return b[1] - (b[0] / (rate * b[0] + rest)).sum()

        high = 2.0
        while slope(high) < 0:
            high *= 2
        rate = 0.0 if slope(1e-12) > 0 else optimize.bisect(slope, 1e-12, high, xtol=1e-10)
        return self.minus2lnl(signal_events, rate, leff)

    def statistic(self, signal_events, best, grid=GRID):
        """q̃ at a signal above the best fit."""
        return min(self.profiled(signal_events, leff) for leff in grid) - best
