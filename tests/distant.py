"""Datasets most of whose events are far from any signal."""

import numpy as np

from zeptobarn.inference.spans import spans
from zeptobarn.inference.structure import Structure
from zeptobarn.inference.terms import NORMAL, UNCONSTRAINED

N_BINS = 1200


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
            found = np.repeat(np.arange(N_BINS), rng.poisson(mean))
            rng.shuffle(found)
            bins.append(first_bin[d] + found)
            first[toy, d + 1] = first[toy, d] + len(found)
    return np.concatenate(bins), first
