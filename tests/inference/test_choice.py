"""The choice of far events: what it leaves out, and that datasets do not touch each other."""

import numpy as np

from distant import N_BINS, make_structure, throw
from zeptobarn.inference.series import BUDGET
from zeptobarn.inference.spans import BASE, MOST
from zeptobarn.inference.structure import gather, make_room
from zeptobarn.support.jit import kernel


@kernel()
def gathered(structure, bins, weights, first, counts, errors, roots, sums):
    room = make_room(structure, first)
    size = len(structure.constraints)
    for d in range(len(first)):
        gather(structure, room, bins, weights, first[d], np.ones(1), np.ones(size))
        far = room.terms.far
        counts[d], errors[d], n = room.terms.counts[0], far.error[0], room.terms.counts[0, 2]
        roots[d, :n] = room.terms.roots[0, :n]
        sums[d, 0], sums[d, 1], sums[d, 2:] = far.events[0], far.constant[0], far.linear


def choose(structure, bins, first, weights=None):
    n = len(first)
    counts, errors = np.zeros((n, 3), dtype=np.int64), np.zeros(n)
    roots, sums = np.zeros((n, N_BINS)), np.zeros((n, 2 + structure.rows[-1]))
    weights = np.ones(len(bins)) if weights is None else weights
    gathered(structure, bins, weights, first, counts, errors, roots, sums)
    return counts, errors, roots, sums


def test_every_event_counts_once_and_little_is_left_out():
    structure, first_bin = make_structure()
    bins, first = throw(structure, first_bin, 2.0, 30)
    counts, errors, roots, sums = choose(structure, bins, first)
    assert (counts[:, 1] < 0.5 * counts[:, 0]).all()
    assert (counts[:, 1] < counts[:, 2]).all()
    assert (counts[:, 2] < counts[:, 0]).all()
    assert (errors > 0).all()
    assert (errors <= BUDGET).all()
    for d in range(len(first)):
        near = roots[d, : counts[d, 1]] ** 2
        assert near.sum() + sums[d, 0] == np.float64(len(bins[first[d, 0] : first[d, 1]]))
        # Equal weights of up to three events stand together.
        small = near[near < 3.5].round()
        assert (np.diff(small) != 0).sum() <= len(np.unique(small)) - 1


def test_datasets_where_more_is_left_out_are_chosen_anew():
    structure, first_bin = make_structure(base="fixed")
    bins, first = throw(structure, first_bin, 2.0, 3)
    usual = choose(structure, bins, first)
    # Events where the second dataset has by far the most of what it leaves out.
    weights = np.ones(len(bins))
    mine = slice(first[1, 0], first[1, 1])
    held = structure.spans.bins[bins[mine]]
    beside = (held[:, MOST] > 1e-4 * held[:, BASE]) & (held[:, MOST] < 0.1 * held[:, BASE])
    weights[mine] = np.where(beside, 30.0, 1.0)
    counts, errors, _, sums = choose(structure, bins, first, weights)
    assert errors[1] <= BUDGET
    assert counts[1, 1] > usual[0][1, 1]
    # The third one is what it is by itself, to the last digit.
    for mixed, alone in zip((counts, errors, sums), (usual[0], usual[1], usual[3]), strict=True):
        np.testing.assert_array_equal(mixed[[0, 2]], alone[[0, 2]])
    by_itself = choose(structure, bins, first[1:2], weights)
    np.testing.assert_array_equal(by_itself[3][0], sums[1])


def test_small_datasets_have_no_far_events():
    structure, first_bin = make_structure(events=(80.0,))
    bins, first = throw(structure, first_bin, 1.0, 10)
    counts, errors, _, sums = choose(structure, bins, first)
    assert (counts[:, 0] == counts[:, 1]).all()
    assert (errors == 0).all()
    assert (sums[:, 0] == 0).all()
