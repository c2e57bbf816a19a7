"""Far events as series, against the same likelihoods with all events one by one."""

import numpy as np
import pytest

from distant import make_structure, throw
from zeptobarn.inference.intervals import no_results, set_intervals, statistics_at
from zeptobarn.inference.likelihood import evaluate
from zeptobarn.inference.newton import allocate
from zeptobarn.inference.spans import no_spans, spans
from zeptobarn.inference.structure import gather, make_room
from zeptobarn.support.jit import kernel

# What a test statistic may be off by.
ALLOWED = 1e-7


def one_by_one(structure):
    return structure._replace(spans=no_spans(len(structure.rows) - 1))


@kernel()
def evaluations(structure, bins, first, exposure, centres, cells, thetas, results, counts):
    room = make_room(structure, first)
    scratch = allocate(room.terms)
    gather(structure, room, bins, np.ones(len(bins)), first[0], exposure, centres)
    counts[:] = room.terms.counts
    size = thetas.shape[1]
    for k in range(len(thetas)):
        value = evaluate(
            room.terms, cells[k], thetas[k], scratch.gradient, scratch.hessian, scratch.work
        )
        results[k, 0] = value
        results[k, 1 : 1 + size] = scratch.gradient
        for p in range(size):
            for q in range(size):
                results[k, 1 + size + p * size + q] = scratch.hessian[p, q]


def evaluated(structure, bins, first, cells, thetas):
    size = thetas.shape[1]
    results = np.empty((len(thetas), 1 + size + size * size))
    counts = np.empty((len(structure.rows) - 1, 3), dtype=np.int64)
    ones = np.ones(len(structure.rows) - 1)
    evaluations(structure, bins, first, ones, np.ones(size), cells, thetas, results, counts)
    return results, counts


CASES = {
    "one dataset": {},
    "fewer events": {"events": (600.0,)},
    "a base of fixed rate": {"base": "fixed"},
    "two datasets": {"events": (2900.0, 400.0)},
    "two shapes": {"shapes": 2},
    "two datasets and shapes": {"events": (900.0, 2900.0), "shapes": 2},
}


@pytest.mark.parametrize("case", CASES)
def test_value_gradient_and_hessian_in_and_beside_the_box(case):
    structure, first_bin = make_structure(**CASES[case])
    bins, first = throw(structure, first_bin, 2.0, 1)
    rng = np.random.default_rng(3)
    size, shapes = len(structure.constraints), len(structure.cells)
    n = 60
    thetas = rng.uniform(size=(n, size))
    thetas[:, 1 : size - shapes] = rng.uniform(0.95, 1.05, size=(n, size - shapes - 1))
    thetas[:, 0] *= 12
    # Ends of the cells, no signal, and places outside: no base, many times the base, many signals.
    thetas[:10, size - shapes :] = rng.integers(0, 2, size=(10, shapes))
    thetas[10:15, 0] = 0
    thetas[15, 1], thetas[16, 1], thetas[17:20, 0] = 0.0, 4.0, 1000
    cells = np.column_stack([rng.integers(0, c, size=n) for c in structure.cells])
    mine, counts = evaluated(structure, bins, first, cells, thetas)
    # Units of the densities differ, and so do constants of ln L.
    other, _ = evaluated(one_by_one(structure), bins, first, cells, thetas)
    assert (counts[:, 1] < 0.6 * counts[:, 0]).any()
    shift = (mine[:, 0] - other[:, 0])[np.isfinite(other[:, 0])]
    assert len(shift) >= n - 1
    assert np.ptp(shift) < ALLOWED / 2
    finite = np.isfinite(other[:, 0])
    np.testing.assert_allclose(mine[finite, 1:], other[finite, 1:], rtol=1e-6, atol=2e-5)


@pytest.mark.parametrize("signal", [0.0, 5.0, 1000.0])
@pytest.mark.parametrize("case", CASES)
def test_statistics_at_any_signal(case, signal):
    structure, first_bin = make_structure(**CASES[case])
    bins, first = throw(structure, first_bin, signal, 8)
    size, n = len(structure.constraints), len(first)
    centres = np.ones((n, size))
    centres[:, -len(structure.cells) :] = np.linspace(-3.2, 3.2, n)[:, np.newaxis]
    signals = np.array([0.0, 0.01, 1.0, 4.0, 15.0, 100.0, 1000.0])
    t_values = []
    for which in (structure, one_by_one(structure)):
        best, table = np.empty(n), np.empty((n, len(signals), 1 + size))
        ones = np.ones((n, len(first[0]) - 1))
        curves = np.empty((n, 2, len(signals)))
        statistics_at(
            which, bins, np.ones(len(bins)), first, ones, centres, signals, best, table, curves
        )
        t_values.append(table[:, :, 0])
    assert np.isfinite(t_values[1]).all()
    # What a fit leaves to its last step differs by the step: see `zeptobarn.inference.fit`.
    np.testing.assert_allclose(t_values[0], t_values[1], rtol=1e-7, atol=3 * ALLOWED)


def test_an_exposure_moves_the_reference():
    structure, first_bin = make_structure()
    bins, first = throw(structure, first_bin, 2.0, 20)
    size, results = len(structure.constraints), []
    for which in (structure, one_by_one(structure)):
        intervals = no_results((1, len(first)), size - 1)
        set_intervals(
            which,
            bins,
            np.ones(len(bins)),
            first,
            np.full((len(first), 1), 2.5),
            np.ones((len(first), size)),
            np.array([[0.0, 2.7, np.nan]]),
            np.array([0, 1]),
            True,
            1e9,
            intervals,
        )
        columns = intervals.low[0], intervals.limit[0], intervals.status[0], intervals.best_fit[0]
        results.append(np.column_stack(columns))
    assert results[0][:, 1].min() > 0
    np.testing.assert_allclose(results[0], results[1], rtol=2e-6, atol=1e-6)


def test_a_base_that_shapes_change_is_none():
    structure, first_bin = make_structure(base_shaped=True)
    assert structure.spans.base.tolist() == [3]  # the constant source
    bins, first = throw(structure, first_bin, 2.0, 1)
    cells, thetas = np.array([[1]]), np.array([[1.0, 1.0, 0.5]])
    counts = evaluated(structure, bins, first, cells, thetas)[1]
    assert counts[0, 1] == counts[0, 0]


def test_densities_that_are_not_finite_leave_nothing_far():
    structure, first_bin = make_structure()
    structure.density[7, 0] = np.nan
    reach = spans(
        structure.density, first_bin, structure.rows, structure.sources, structure.constraints
    )
    assert reach.base.tolist() == [-1]
