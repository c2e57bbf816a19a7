"""Far events as series, against the same likelihoods with all events one by one."""

import numpy as np
import pytest

from zeptobarn.inference.far import no_spans, spans
from zeptobarn.inference.intervals import no_results, set_intervals, statistics_at
from zeptobarn.inference.likelihood import evaluate
from zeptobarn.inference.newton import allocate
from zeptobarn.inference.structure import Structure, gather, make_room
from zeptobarn.inference.terms import NORMAL, UNCONSTRAINED
from zeptobarn.support.jit import kernel

N_BINS = 1200
# What a test statistic may be off by.
ALLOWED = 1e-7


def make_structure(events=(2900.0,), shapes=1, base="free", base_shaped=False, seed=1):
    """Build datasets of a base that reaches everywhere, a signal at one end, and small sources.

    Each dataset has a base, a signal that shapes move along the bins and enlarge, a source with
    such shapes, and a constant one; each with bins of densities from 1 to 1e-12 of the base.
    """
    rng = np.random.default_rng(seed)
    anchors = np.array([-3.0, -1.0, 0.0, 1.5, 3.0])
    sources, blocks, kinds = [], [], [[UNCONSTRAINED, 1.0]]
    first_bin, rows = [0], [0]
    for d, n in enumerate(events):
        place = np.linspace(0, 1, N_BINS)
        rate = 1 + d if base == "free" else -1
        if base == "free":
            kinds.append([UNCONSTRAINED, 1.0])
        shifts = anchors if shapes == 1 else np.add.outer(anchors, 0.4 * anchors[[0, 2, 4]])
        shifts = np.ravel(shifts)
        flat = rng.uniform(0.5, 1.5, N_BINS)
        bent = [1 + 0.05 * t * (place - 0.5) for t in (anchors if base_shaped else [0.0])]
        parts = [
            [np.exp(0.2 * t - (30 - 3 * t) * place) * flat for t in shifts],
            [n / N_BINS * b for b in bent],
            [2.0 / N_BINS * np.exp(0.3 * t - (8 - t) * place) for t in shifts],
            [3.0 / N_BINS * np.exp(-4 * place)],
        ]
        parts[0] = [part / parts[0][len(shifts) // 2].sum() for part in parts[0]]
        block, row = np.array([r for part in parts for r in part]), rows[-1]
        steps = [1] if shapes == 1 else [3, 1]
        for k, (part, mine) in enumerate(zip(parts, (0, rate, -1, -1), strict=True)):
            touched = k in (0, 2) or (k == 1 and base_shaped)
            sources.append([d, mine, row, *(steps if touched else [0] * shapes)])
            row += len(part)
        rows.append(row)
        blocks.append(block)
        first_bin.append(first_bin[-1] + N_BINS)
    table = np.full((shapes, len(anchors)), np.nan)
    table[0] = anchors
    if shapes == 2:
        table[1, :3] = anchors[[0, 2, 4]]
    density = np.ascontiguousarray(np.concatenate([block.T for block in blocks]))
    kinds += [[NORMAL, 1.0]] * shapes
    parts = np.array(rows), np.array(sources), np.array(kinds, dtype=float)
    return Structure(
        density=density,
        rows=parts[0],
        expected=np.concatenate([block.sum(axis=1) for block in blocks]),
        sources=parts[1],
        anchors=table,
        cells=np.array([len(anchors) - 1, 2][:shapes]),
        constraints=parts[2],
        spans=spans(density, np.array(first_bin), *parts),
    ), np.array(first_bin)


def one_by_one(structure):
    return structure._replace(spans=no_spans(len(structure.rows) - 1))


def throw(structure, first_bin, signal, n_toys, seed=2):
    """Throw datasets at a signal, the shapes at their middle anchors."""
    rng = np.random.default_rng(seed)
    datasets = len(structure.rows) - 1
    bins, first = [], np.zeros((n_toys, datasets + 1), dtype=np.int64)
    for toy in range(n_toys):
        first[toy, 0] = first[toy - 1, -1] if toy else 0
        for d in range(datasets):
            mean = np.zeros(N_BINS)
            here = slice(first_bin[d], first_bin[d + 1])
            ends = [*structure.sources[1:, 2], structure.rows[-1]]
            for (at, rate, row, *_), end in zip(structure.sources, ends, strict=True):
                if at == d:
                    middle = (row + end) // 2 - structure.rows[d]
                    mean += (signal if rate == 0 else 1.0) * structure.density[here, middle]
            thrown = np.repeat(np.arange(N_BINS), rng.poisson(mean))
            rng.shuffle(thrown)
            bins.append(first_bin[d] + thrown)
            first[toy, d + 1] = first[toy, d] + len(thrown)
    return np.concatenate(bins), first


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
