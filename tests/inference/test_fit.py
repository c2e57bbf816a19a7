"""The search over the cells of shape parameters, against dense grids in plain numpy."""

from itertools import product

import numpy as np
import pytest
from test_likelihood import mixed, random_terms, value

from counting import shaped_structure
from zeptobarn.inference import intervals
from zeptobarn.inference.asymptotics import one_sided
from zeptobarn.inference.bounds import rule_out
from zeptobarn.inference.intervals import no_results, select
from zeptobarn.inference.newton import allocate
from zeptobarn.inference.status import Status
from zeptobarn.inference.terms import LOG_NORMAL, NORMAL, UNCONSTRAINED
from zeptobarn.support.jit import kernel

SIGNALS = np.array([0.0, 0.1, 1.0, 5.0, 40.0])


def unshaped(structure):
    """The same, with a free background that is at all anchors as at the first."""
    sources = structure.sources.copy()
    sources[1, 3] = 0
    return structure._replace(sources=sources)


def rough_structure(rng, n_anchors, constrained):
    """Signal, free and fixed background whose rows jump from anchor to anchor: many maxima."""
    n_bins = int(rng.integers(2, 7))
    steps = rng.choice([0.1, 0.5, 1.5]) * rng.normal(size=(n_bins, n_anchors, 3))
    density = rng.choice([0.2, 2.0]) * np.exp(
        np.cumsum(steps, axis=1) + rng.normal(size=(n_bins, 1, 3))
    )
    if rng.random() < 0.3:
        density[:, :, 0][rng.random((n_bins, n_anchors)) < 0.3] = 0.0
    anchors = np.sort(rng.uniform(-3, 3, n_anchors)) + 0.01 * np.arange(n_anchors)
    structure = unshaped(shaped_structure(density, anchors))
    kind = NORMAL if constrained else UNCONSTRAINED
    constraints = [[UNCONSTRAINED, 1.0], [kind, 0.3], [NORMAL, rng.uniform(0.5, 1.5)]]
    return structure._replace(constraints=np.array(constraints))


def interpolated(structure, points):
    """Densities per bin and source at values of the shape, shape (points, bins, sources)."""
    anchors = structure.anchors[0]
    hats = np.array([np.interp(points, anchors, hat) for hat in np.eye(len(anchors))])
    rows = structure.density.reshape(len(structure.density), 3, -1).copy()
    rows[:, 1] = rows[:, 1, :1]
    return np.einsum("ki,bsk->ibs", hats, rows)


def minus2lnl(structure, events, centres, rates, points):
    """−2 ln L at values of the shape, with the rates of the two free sources at each."""
    density = interpolated(structure, points)
    factors = np.column_stack([*np.broadcast_arrays(*rates, np.ones(len(points)))])
    mean = np.einsum("ibs,is->ib", density, factors)
    totals = 2 * (mean.sum(axis=1) - np.log(mean[:, events]).sum(axis=1))
    kind, width = structure.constraints[1]
    if kind == NORMAL:
        totals += ((rates[1] - centres[1]) / width) ** 2
    return totals + ((points - centres[2]) / structure.constraints[2, 1]) ** 2


def best_rate(structure, events, centres, signal, points):
    """The free background's rate that is best at each point, by bisection of the slope."""
    density = interpolated(structure, points)
    mine, rest = density[..., 1], signal * density[..., 0] + density[..., 2]
    kind, width = structure.constraints[1]
    low, high = np.zeros(len(points)), np.full(len(points), 1e4)
    for _ in range(60):
        rate = (low + high) / 2
        slope = (mine[:, events] / (rate[:, np.newaxis] * mine + rest)[:, events]).sum(axis=1)
        slope -= mine.sum(axis=1)
        if kind == NORMAL:
            slope -= (rate - centres[1]) / width**2
        low, high = np.where(slope > 0, rate, low), np.where(slope > 0, high, rate)
    return (low + high) / 2


def fits_at(structure, events, centres, signals):
    """t̃ and the fitted parameters at signals."""
    best, fits = np.empty(1), np.empty((1, len(signals), 1 + len(centres)))
    first = np.array([[0, len(events)]])
    ones = np.ones((1, 1))
    intervals.statistics_at(
        structure, events, np.ones(len(events)), first, ones, centres[np.newaxis], signals, best,
        fits, np.empty((1, 2, len(signals))),
    )  # fmt: skip
    return fits[0]


def limit(structure, events, centres):
    """Upper limit of events, given by their bins."""
    results = no_results((1, 1), len(centres) - 1)
    first, critical = np.array([[0, len(events)]]), np.array([[0.0, one_sided(0.9), np.nan]])
    intervals.set_intervals(
        structure, events, np.ones(len(events)), first, np.ones((1, 1)), centres[np.newaxis],
        critical, np.array([0, 1]), False, 1e6, results,
    )  # fmt: skip
    return select(results, (0, 0))


@pytest.mark.parametrize("n_anchors", [2, 5, 13])
@pytest.mark.parametrize("constrained", [False, True])
def test_no_cell_holds_a_better_fit(n_anchors, constrained):
    """Nowhere on a grid that holds the anchors is the likelihood higher than at the fit."""
    rng = np.random.default_rng([n_anchors, constrained])
    for _ in range(60):
        structure = rough_structure(rng, n_anchors, constrained)
        cells = structure.cells[0]
        points = np.interp(np.arange(9 * cells + 1) / 9, np.arange(cells + 1), structure.anchors[0])
        events = rng.integers(0, len(structure.density), rng.integers(0, 30))
        centres = np.array([1.0, rng.uniform(0.5, 1.5), rng.normal(0, 1.5)])
        fits = fits_at(structure, events, centres, SIGNALS)
        for signal, row in zip(SIGNALS, fits, strict=True):
            rate = best_rate(structure, events, centres, signal, points)
            grid = minus2lnl(structure, events, centres, (signal, rate), points)
            mine = minus2lnl(structure, events, centres, (signal, row[2]), row[3:])
            assert mine[0] < grid.min() + 1e-5


def test_nothing_is_accepted_beyond_the_limit():
    """Nor where the search looked no further, since the tangents at the limit fall everywhere."""
    rng, n_limits = np.random.default_rng(5), 0
    for _ in range(200):
        structure = rough_structure(rng, int(rng.integers(2, 12)), rng.random() < 0.5)
        events = rng.integers(0, len(structure.density), rng.integers(0, 30))
        centres = np.array([1.0, 1.0, rng.normal(0, 1.5)])
        row = limit(structure, events, centres)
        if row.status == Status.no_crossing:
            continue  # the signal hides at an end of the shape
        n_limits += 1
        rates, leff = (row.best_fit, row.nuisances[0]), row.nuisances[1:]
        best = minus2lnl(structure, events, centres, rates, leff)
        signals = row.limit * np.geomspace(1.002, 10, 12)
        for signal, there in zip(
            signals, fits_at(structure, events, centres, signals), strict=True
        ):
            rates, leff = (signal, there[2]), there[3:]
            assert minus2lnl(structure, events, centres, rates, leff) > best + one_sided(0.9)
    assert n_limits > 150


def test_cells_far_off_are_not_looked_at():
    """The best fit looks at each of 20 cells once; three searches at given signals do not."""
    rng, place = np.random.default_rng(3), np.linspace(0, 1, 20)
    structures, more = [], []
    for n_anchors in (5, 21):
        anchors = np.linspace(-3, 3, n_anchors)
        density = np.full((20, n_anchors, 3), 3.0)
        signal = np.exp(np.outer(-4 * place, np.exp(0.1 * anchors)) + 0.3 * anchors)
        density[:, :, 0] = signal / signal.sum(axis=0).mean()
        density[:, :, 2] = 0.05 * density[:, :, 0]
        structures.append(unshaped(shaped_structure(density, anchors)))
    for _ in range(50):
        events, centres = rng.integers(0, 20, 60), np.array([1.0, 1.0, rng.normal()])
        few, many = (limit(structure, events, centres) for structure in structures)
        assert many.limit == pytest.approx(few.limit, rel=0.05)
        more.append(many.evaluations - few.evaluations)
    assert np.mean(more) < 2 * 16


@kernel()
def ruled_out(terms, signal, highest, theta, cell):
    """What `rule_out` shows of each cell, and of higher signals."""
    scratch = allocate(terms)
    rule_out(terms, signal, highest, theta, cell, scratch)
    return scratch.done, scratch.falls[0]


def best_background(terms, d, signal, cell, position):
    """Rate of a dataset's free background that is best at a point, by bisection of the slope."""
    n = terms.counts[d, 0]
    s, b, f = (mixed(terms, 3 * d + k, cell, position, terms.density)[:n] for k in range(3))
    total = terms.exposure[d] * mixed(terms, 3 * d + 1, cell, position, terms.expected)
    kind, width = terms.constraints[1 + d]
    low, high = 0.0, 1e4
    for _ in range(45):
        rate = (low + high) / 2
        slope = (terms.roots[d, :n] ** 2 * b / (rate * b + signal * s + f)).sum() - total
        if kind == NORMAL:
            slope -= (rate - terms.centres[1 + d]) / width**2
        low, high = (rate, high) if slope > 0 else (low, rate)
    return (low + high) / 2


SHAPES = ((-3.0, -1.0, 0.0, 0.5, 3.0),)
TWO = ((-2.0, 0.0, 1.0), (-1.0, 0.0, 2.5, 3.0))


@pytest.mark.parametrize("shapes", [SHAPES, TWO])
@pytest.mark.parametrize("kind", [UNCONSTRAINED, NORMAL])
@pytest.mark.parametrize("n", [(30,), (12, 5)])
def test_what_is_ruled_out_holds_nothing_higher(shapes, kind, n):
    """Any point will do for the tangents, and any height; several datasets and shapes, weights."""
    rng = np.random.default_rng([len(shapes), kind, *n])
    touched = {0: [True] * len(shapes), -1: [True] * len(shapes)}
    touched |= {1 + d: [False] * len(shapes) for d in range(len(n))}
    n_shapes = len(shapes)
    cells = [np.array(c) for c in product(*(range(len(a) - 1) for a in shapes))]
    n_done = n_falls = 0
    for seed in range(12):
        kinds = [
            UNCONSTRAINED,
            *[kind] * len(n),
            *rng.choice([NORMAL, NORMAL, UNCONSTRAINED], n_shapes),
        ]
        terms = random_terms(seed, n=n, shapes=shapes, kinds=kinds, shaped=touched)
        # The rows are much the same, so that not every cell has a maximum of its own.
        terms = terms._replace(density=1 + 0.1 * terms.density, expected=5 + 0.05 * terms.expected)
        signal = rng.choice([0.1, 1.0, 5.0, 20.0])

        def rates_at(signal, cell, position, terms=terms):
            backgrounds = [best_background(terms, d, signal, cell, position) for d in range(len(n))]
            return np.array([signal, *backgrounds, *position])

        def highest(signal, cell, position, terms=terms, rates_at=rates_at):
            return value(terms, cell, rates_at(signal, cell, position))

        grid = [
            (cell, np.array(at)) for cell in cells for at in product((0.0, 1.0), repeat=n_shapes)
        ]
        start, position = max(grid, key=lambda place: highest(signal, *place))
        theta = rates_at(signal, start, position)
        theta[1:] *= 0.999  # rates and shapes beside their best
        theta[1 : 1 + len(n)] *= rng.choice([0.0, 0.7, 1.0], p=[0.3, 0.3, 0.4])
        height = value(terms, start, theta) + rng.choice([0.0, 1.0, 5.0])
        done, falls = ruled_out(terms, signal, height, theta, start)
        n_done += done.sum()
        n_falls += falls
        for cell, shut in zip(cells, done, strict=True):
            for position in rng.choice([0.0, 1.0, *rng.random(3)], (6, n_shapes)):
                if shut:
                    assert highest(signal, cell, position) < height + 2e-7
                if falls:
                    assert (
                        highest(signal * rng.choice([1.5, 5.0, 30.0]), cell, position)
                        < height + 2e-7
                    )
    assert 2 * len(cells) < n_done < 12 * len(cells)
    assert n_falls > 0


@pytest.mark.parametrize("kind", [UNCONSTRAINED, LOG_NORMAL])
def test_where_no_bound_is_known_nothing_is_ruled_out(kind):
    """A background that depends on a shape, or a log-normal constraint."""
    shaped = {0: [True], 1: [kind == UNCONSTRAINED], -1: [True]}
    terms = random_terms(1, shapes=SHAPES, kinds=[UNCONSTRAINED, kind, NORMAL], shaped=shaped)
    theta, cell = np.array([1.0, 1.0, 0.5]), np.array([1])
    done, falls = ruled_out(terms, 1.0, np.inf, theta, cell)
    assert not done.any()
    assert not falls
