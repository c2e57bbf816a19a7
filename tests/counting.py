"""One-bin experiments, for known answers."""

import numpy as np

from zeptobarn import intervals
from zeptobarn.intervals import NUISANCES, critical_value


def counting_limit(n, b, b_width=None, critical=None, bound=1e6, signal=1.0):
    """Upper limit of n events over b expected, b known or with a normal constraint.

    Returns the row of results: limit, best fit, status, evidence, evaluations, nuisances.
    """
    free = 1 if b_width is None else 2
    expected = [signal, 0.0, b] if free == 1 else [signal, b, 0.0]
    if free == 1:
        expected = [signal, b]
    density = np.array(expected)[np.newaxis, np.newaxis, :]
    results = np.full((1, NUISANCES + free), np.nan)
    intervals.upper_limits(
        np.zeros(n, dtype=np.int64),
        np.array([0, n]),
        density,
        density[0],
        np.ones(free),
        np.array([np.inf] if free == 1 else [np.inf, b_width / b]),
        np.zeros(1),
        np.zeros(1),
        critical_value(0.9) if critical is None else critical,
        bound,
        results,
    )
    return results[0]
