"""One-bin experiments, for known answers."""

import numpy as np
from scipy import stats

from zeptobarn.inference import intervals
from zeptobarn.inference.intervals import no_results, select
from zeptobarn.inference.problem import Problem
from zeptobarn.inference.spans import no_spans
from zeptobarn.inference.structure import Structure
from zeptobarn.inference.terms import NORMAL, UNCONSTRAINED

ONE_SIDED_90 = np.array([[0.0, 1.6423744]])


def counting_structure(b, b_width=None, signal=1.0):
    """A signal over a background that is known, or has a normal constraint (absolute width)."""
    free = [0, -1] if b_width is None else [0, 1]
    kinds = [[UNCONSTRAINED, 1.0], [NORMAL, b_width / b if b_width else 0.0]][: max(free) + 1]
    return Structure(
        density=np.array([[signal, b]]),
        rows=np.array([0, 2]),
        expected=np.array([signal, b]),
        sources=np.array([[0, free[0], 0], [0, free[1], 1]]),
        anchors=np.zeros((0, 1)),
        cells=np.zeros(0, dtype=np.int64),
        constraints=np.array(kinds),
        spans=no_spans(1),
    )


def as_table(critical):
    """Critical values of two columns or three as the kernel takes them."""
    table = np.atleast_2d(np.asarray(critical, dtype=float))
    return np.pad(table, [(0, 0), (0, 3 - table.shape[1])], constant_values=np.nan)


def counting_limit(
    n, b, b_width=None, critical=ONE_SIDED_90, two_sided=False, bound=1e6, signal=1.0, centre=1.0
):
    """Interval from n events over b expected. Returns the kernel's results.

    ``centre`` is what the background's rate was measured to be.
    """
    model = counting_structure(b, b_width, signal)
    free = len(model.constraints)
    results, table = no_results((1, 1), free - 1), as_table(critical)
    intervals.set_intervals(
        model,
        np.zeros(1, dtype=np.int64),
        np.array([float(n)]),
        np.array([[0, 1]]),
        np.ones((1, 1)),
        np.array([[1.0, centre][:free]]),
        table,
        np.array([0, len(table)]),
        two_sided,
        bound,
        results,
    )
    return select(results, (0, 0))


def shaped_structure(density, anchors=(-2.0, -1.0, 0.0, 1.0, 2.0), kind=NORMAL):
    """One dataset with one shape; density: expected events, shape (bins, anchors, sources).

    The first source is the signal, the last has a fixed rate, those between are free.
    """
    density = np.array(density, dtype=float)
    n_bins, n_anchors, n_sources = density.shape
    rows = density.transpose(0, 2, 1).reshape(n_bins, -1)
    rates = [*range(n_sources - 1), -1]
    return Structure(
        density=np.ascontiguousarray(rows),
        rows=np.array([0, rows.shape[1]]),
        expected=rows.sum(axis=0),
        sources=np.array([[0, rate, s * n_anchors, 1] for s, rate in enumerate(rates)]),
        anchors=np.array([anchors], dtype=float),
        cells=np.array([n_anchors - 1]),
        constraints=np.array([[UNCONSTRAINED, 1.0]] * (n_sources - 1) + [[kind, 1.0]]),
        spans=no_spans(1),
    )


def shaped_limit(
    events, density, centre=0.0, bound=1e9, two_sided=False, critical=ONE_SIDED_90, **k
):
    """Interval of events, given by their bins; see `shaped_structure`."""
    model = shaped_structure(density, **k)
    size = len(model.constraints)
    results, table = no_results((1, 1), size - 1), as_table(critical)
    centres = np.ones((1, size))
    centres[0, -1] = centre
    intervals.set_intervals(
        model,
        np.array(events, dtype=np.int64),
        np.ones(len(events)),
        np.array([[0, len(events)]]),
        np.ones((1, 1)),
        centres,
        table,
        np.array([0, len(table)]),
        two_sided,
        bound,
        results,
    )
    return select(results, (0, 0))


def counting_problem(b):
    """A one-bin experiment with known background."""
    structure = counting_structure(b)
    return Problem(structure, (), np.array([1.0]), np.array([0, 1]), 1.0, "")


def poisson_t(n, mu, b):
    """t̃ of n events with signal mu over b."""
    best = np.maximum(n - b, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.where(n > 0, n * np.log((best + b) / (mu + b)), 0.0)
    return 2 * (mu - best + logs)


def exact_critical(mu, b, level, upper=False):
    """Smallest c with P(t ≤ c) ≥ level, by summing the Poisson distribution."""
    n = np.arange(0, 200)
    t = poisson_t(n, mu, b)
    if upper:
        t = np.where(n - b > mu, 0.0, t)
    order = np.argsort(t, kind="stable")
    total = np.cumsum(stats.poisson.pmf(n[order], mu + b))
    return t[order][np.searchsorted(total, level)]


def exact_interval(n, b, signals, critical):
    """Unified interval by the exact critical value at each signal of a dense grid."""
    inside = signals[poisson_t(n, signals, b) <= critical + 1e-9]
    return min(inside), max(inside)
