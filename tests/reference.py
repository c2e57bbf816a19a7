"""A slow, independent likelihood and limit, to compare with.

It shares nothing with `zeptobarn.inference.likelihood`, `fit` or `intervals`: densities come
straight from the templates and are interpolated by numpy, for all values of the shape parameter on
a dense grid that holds the anchors. At each, the likelihood is concave in the two rates: they are
found by damped Newton steps, whose result is checked, or by bisection of a slope.
"""

import numpy as np

STEP = 0.01
GRID = np.round(np.arange(-2, 2 + STEP / 2, STEP), 10)
# Ten steps apart; they hold the anchors.
COARSE = GRID[::10]


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
        """Rates at the events and totals at values of leff: signal, free and fixed."""
        low = np.floor(leff - self.anchors[0]).astype(int).clip(0, len(self.anchors) - 2)
        weight = leff - self.anchors[low]
        mixtures = []
        for table in (self.signal / self.scale, self.fixed):
            at_events, total = table[:, self.bins], table.sum(axis=1)
            mixed = at_events[low] * (1 - weight[:, np.newaxis])
            mixed += at_events[low + 1] * weight[:, np.newaxis]
            mixtures.append((mixed, total[low] * (1 - weight) + total[low + 1] * weight))
        return mixtures[0], (self.free[self.bins], self.free.sum()), mixtures[1]

    def minus2lnl(self, signal_events, rate, leff):
        """−2 ln L at values of all three, which numpy broadcasts."""
        leff = np.atleast_1d(leff)
        s, b, f = self.at(leff)
        signal_events, rate = (np.broadcast_to(x, leff.shape) for x in (signal_events, rate))
        density = signal_events[:, np.newaxis] * s[0] + rate[:, np.newaxis] * b[0] + f[0]
        total = signal_events * s[1] + rate * b[1] + f[1]
        with np.errstate(divide="ignore"):
            return 2 * (total - np.log(density).sum(axis=1)) + (leff - self.centre) ** 2

    def best_rates(self, leff):
        """Signal and background rate, none below 0, that maximise the likelihood at each leff."""
        s, b, f = self.at(leff)
        signal, rate = np.ones(len(leff)), np.ones(len(leff))
        for _ in range(200):
            density = signal[:, np.newaxis] * s[0] + rate[:, np.newaxis] * b[0] + f[0]
            u, v = s[0] / density, b[0] / density
            slope = s[1] - u.sum(axis=1), b[1] - v.sum(axis=1)
            uu, uv, vv = ((x * y).sum(axis=1) for x, y in ((u, u), (u, v), (v, v)))
            # A signal at 0 that would fall further stays there.
            held = (signal == 0) & (slope[0] >= 0)
            uu, uv = np.where(held, 1.0, uu), np.where(held, 0.0, uv)
            push = np.where(held, 0.0, slope[0]), slope[1]
            determinant = uu * vv - uv**2
            step = np.array([vv * push[0] - uv * push[1], uu * push[1] - uv * push[0]])
            step /= -determinant
            # The decrement of a self-concordant function bounds the step that is safe.
            decrement = -(step[0] * push[0] + step[1] * push[1])
            if decrement.max() < 1e-12:
                break
            length = 1 / (1 + np.sqrt(np.maximum(decrement, 0.0)))
            with np.errstate(divide="ignore", invalid="ignore"):
                to_zero = np.where(step[0] < 0, -signal / step[0], np.inf)
                halfway = np.where(step[1] < 0, -0.5 * rate / step[1], np.inf)
            length = np.minimum(length, np.minimum(to_zero, halfway))
            signal = np.where(length == to_zero, 0.0, signal + length * step[0])
            rate = rate + length * step[1]
        assert decrement.max() < 1e-12, "the reference has not found its best rates"
        assert (slope[0][held] >= 0).all()
        return signal, rate

    def best(self):
        """The best fit on `GRID`: −2 ln L, signal events, rate, leff.

        On the coarse grid first, then a coarse step to either side of its three best points.
        """
        coarse = self.best_at(COARSE)
        around = COARSE[np.argsort(coarse[0])[:3]]
        near = np.abs(GRID[:, np.newaxis] - around).min(axis=1) < (COARSE[1] - COARSE[0]) + 1e-9
        return lowest(self.best_at(GRID[near]))

    def best_at(self, leff):
        """−2 ln L, signal events, rate and leff: the best at each leff."""
        rates = self.best_rates(leff)
        return self.minus2lnl(*rates, leff), *rates, leff

    def profiled(self, signal_events, leff):
        """−2 ln L at a signal, with the background rate found by bisection of its slope."""
        s, b, f = self.at(leff)
        rest = signal_events * s[0] + f[0]

        def falls(rate):
            with np.errstate(divide="ignore"):
                return b[1] < (b[0] / (rate[:, np.newaxis] * b[0] + rest)).sum(axis=1)

        low, high = np.zeros(len(leff)), np.full(len(leff), 2.0)
        while falls(high).any():
            high *= 2
        for _ in range(40):
            middle = (low + high) / 2
            below = falls(middle)
            low, high = np.where(below, middle, low), np.where(below, high, middle)
        return self.minus2lnl(signal_events, (low + high) / 2, leff)

    def statistic(self, signal_events, best, grid=GRID):
        """q̃ at a signal above the best fit."""
        return self.profiled(signal_events, grid).min() - best


def lowest(fits):
    """The fit with the least −2 ln L."""
    return tuple(x[fits[0].argmin()] for x in fits)
