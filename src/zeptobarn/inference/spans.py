"""What each bin of a likelihood can hold, whatever the dataset: whose events may be far.

See `zeptobarn.inference.far`; the *base* of a detector is its largest background that no shape
touches.
"""

from typing import NamedTuple

import numpy as np

from zeptobarn.inference.terms import LOG_NORMAL, NORMAL
from zeptobarn.support.jit import Floats, Ints

# Columns of `Spans.bins`.
BASE, LEAST, MOST, REFERENCE = range(4)


class Spans(NamedTuple):
    """How far from the base each bin can get, whatever the dataset.

    Attributes
    ----------
    base
        See `zeptobarn.inference.terms.Far`, shape (detectors,).
    first_bin
        Where each detector's bins begin, and the end of the last, shape (detectors + 1,).
    bins
        Of each bin: densities of the base, at least and at most of all else (within ``box``), and
        of all else that the reference has; shape (bins, 4).
    tells
        Of each bin: whether it tells the rate of the base (1) or not (0); shape (bins,).
    telling
        Expected events of the base in bins that tell its rate, shape (detectors,).
    scale
        Of each bin of a detector with a base: 1 over the largest density of a row, 0 where there
        is none; shape (bins,).
    box
        Lowest and highest free rates, the signal's first; those of a base hold for none. Shape
        (F, 2).
    """

    base: Ints
    first_bin: Ints
    bins: Floats
    tells: Floats
    telling: Floats
    scale: Floats
    box: Floats


def no_spans(detectors: int) -> Spans:
    """Spans by which no event is far."""
    return Spans(
        np.full(detectors, -1),
        np.zeros(detectors + 1, dtype=np.int64),
        np.empty((0, 4)),
        np.empty(0),
        np.empty(detectors),
        np.empty(0),
        np.empty((0, 2)),
    )


def spans(
    density: Floats,
    first_bin: Ints,
    rows: Ints,
    sources: Ints,
    constraints: Floats,
    largest_signal: float = 0.0,
) -> Spans:
    """Bound what each bin can hold.

    Parameters
    ----------
    density, rows, sources, constraints
        See `zeptobarn.inference.structure.Structure`.
    first_bin
        Where each detector's bins begin, and the end of the last, shape (detectors + 1,).
    largest_signal
        Largest signal rate that will be asked for, if that is known.
    """
    box = _rates(sources, constraints)
    detectors = len(rows) - 1
    base, telling = np.full(detectors, -1), np.zeros(detectors)
    per_bin, signal = np.zeros((len(density), 4)), np.zeros(len(density))
    information = 0.0
    for d in range(detectors):
        bins = slice(first_bin[d], first_bin[d + 1])
        mine = density[bins, : rows[d + 1] - rows[d]]
        here = np.flatnonzero(sources[:, 0] == d)
        ends = np.append(sources[here[1:], 2], rows[d + 1]) - rows[d]
        parts = {
            s: mine[:, sources[s, 2] - rows[d] : end] for s, end in zip(here, ends, strict=True)
        }
        unshaped = [s for s in here if sources[s, 1] != 0 and not sources[s, 3:].any()]
        if not unshaped or not np.isfinite(mine).all():
            continue
        base[d] = max(unshaped, key=lambda s: parts[s].sum())
        for s, part in parts.items():
            free, middle = sources[s, 1], part[:, part.shape[1] // 2]
            if s == base[d]:
                per_bin[bins, BASE] = middle
            elif free == 0:
                signal[bins] = part.max(axis=1)
            else:
                per_bin[bins, REFERENCE] += middle
                per_bin[bins, LEAST] += part.min(axis=1) if free < 0 else 0.0
                per_bin[bins, MOST] += (box[free, 1] if free > 0 else 1.0) * part.max(axis=1)
        expected = per_bin[bins, BASE] + per_bin[bins, REFERENCE]
        filled = expected > 0
        information += (signal[bins][filled] ** 2 / expected[filled]).sum()
    typical = 6 + 4 / np.sqrt(information) if information > 0 else 6.0
    box[0, 1] = max(1.5 * largest_signal, typical)
    per_bin[:, MOST] += box[0, 1] * signal
    tells = np.where(per_bin[:, MOST] < 0.1 * per_bin[:, BASE], 1.0, 0.0)
    for d in range(detectors):
        bins = slice(first_bin[d], first_bin[d + 1])
        telling[d] = (per_bin[bins, BASE] * tells[bins]).sum()
    largest = density.max(axis=1)
    scale = 1 / np.where(largest > 0, largest, np.inf)
    return Spans(base, np.array(first_bin, dtype=np.int64), per_bin, tells, telling, scale, box)


def _rates(sources: Ints, constraints: Floats) -> Floats:
    """Lowest and highest free rates, the signal's left to `spans`, shape (F, 2)."""
    rates = 1 + int(sources[:, 1].max(initial=0))
    box = np.column_stack([np.zeros(rates), np.full(rates, 3.0)])
    for p in range(1, rates):
        kind, width = int(constraints[p, 0]), constraints[p, 1]
        if kind == NORMAL:
            box[p, 1] = 1 + 5 * width
        elif kind == LOG_NORMAL:
            box[p, 1] = np.exp(5 * width)
    return box
