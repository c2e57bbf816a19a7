import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zeptobarn.inference.likelihood import evaluate
from zeptobarn.inference.terms import (
    LOG_NORMAL,
    NORMAL,
    UNCONSTRAINED,
    Terms,
    allocate_mixture,
    no_far,
)


def random_terms(seed, n=(37,), shapes=((-2.0, -1.0, 0.0, 1.0, 2.0),), kinds=None, shaped=None):
    """Terms with two free rates and a fixed one in each dataset.

    The first rate, the signal's, is shared; ``shaped`` says which shapes touch which source.
    """
    rng = np.random.default_rng(seed)
    datasets, lengths = len(n), [len(anchors) for anchors in shapes]
    sources, rows = [], 0
    for d in range(datasets):
        for rate in (0, d + 1, -1):
            touched = shaped[rate] if shaped else [True] * len(shapes)
            strides, stride = [], 1
            for length, touch in zip(reversed(lengths), reversed(touched), strict=True):
                strides.insert(0, stride if touch else 0)
                stride *= length if touch else 1
            sources.append([d, rate, rows, *strides])
            rows += stride
    size = 1 + datasets + len(shapes)
    weights = rng.choice([1.0, 2.0, 0.3], size=(datasets, max([*n, 1])))
    singles = rng.integers(0, max([*n, 1]) + 1)
    weights[:, :singles] = 1.0
    kinds = kinds or [UNCONSTRAINED, *[NORMAL] * (size - 1)]
    anchors = np.full((len(shapes), max(lengths, default=1)), np.nan)
    for p, values in enumerate(shapes):
        anchors[p, : len(values)] = values
    return Terms(
        density=rng.exponential(size=(rows, max([*n, 1]))),
        roots=np.sqrt(weights),
        counts=np.array([[count] * 3 for count in n]),
        expected=rng.uniform(0.5, 20, size=rows),
        exposure=rng.uniform(0.5, 2, size=datasets),
        sources=np.array(sources),
        anchors=anchors,
        cells=np.array(lengths, dtype=np.int64) - 1,
        constraints=np.column_stack([kinds, rng.uniform(0.2, 1, size=size)]),
        centres=rng.uniform(0.5, 1.5, size=size),
        far=no_far(datasets),
        mixture=allocate_mixture(np.array(sources), size),
    )


def mixed(terms, source, cell, position, table):
    """A source's row of a table at a point, by interpolating one shape after the other."""
    _, _, first, *strides = terms.sources[source]

    def at(p, row):
        if p == len(strides):
            return table[row]
        if strides[p] == 0:
            return at(p + 1, row)
        low, high = (at(p + 1, row + strides[p] * (cell[p] + up)) for up in (0, 1))
        return (1 - position[p]) * low + position[p] * high

    return at(0, first)


def value(terms, cell, theta):
    """ln L in plain numpy, as the docstring of the module writes it."""
    rates, position = np.split(theta, [len(theta) - len(cell)])
    log_likelihood = 0.0
    for d, exposure in enumerate(terms.exposure):
        n = terms.counts[d, 0]
        density = np.zeros(n)
        for s, (dataset, rate, *_) in enumerate(terms.sources):
            if dataset == d:
                factor = rates[rate] if rate >= 0 else 1.0
                density += factor * mixed(terms, s, cell, position, terms.density)[:n]
                log_likelihood -= (
                    factor * exposure * mixed(terms, s, cell, position, terms.expected)
                )
        log_likelihood += (terms.roots[d, :n] ** 2 * np.log(density)).sum()
    for p, (kind, width) in enumerate(terms.constraints):
        at = theta[p]
        if p >= len(rates):
            low, high = terms.anchors[p - len(rates), cell[p - len(rates)] + np.array([0, 1])]
            at = low + at * (high - low)
        if kind == NORMAL:
            log_likelihood -= 0.5 * ((at - terms.centres[p]) / width) ** 2
        if kind == LOG_NORMAL:
            log_likelihood -= 0.5 * (np.log(at / terms.centres[p]) / width) ** 2
    return log_likelihood


def compiled(terms, cell, theta):
    size = len(theta)
    gradient, hessian = np.empty(size), np.empty((size, size))
    work = np.empty((size + 1, terms.density.shape[1]))
    log_likelihood = evaluate(
        terms, np.array(cell, dtype=np.int64), np.array(theta), gradient, hessian, work
    )
    return log_likelihood, gradient, hessian


TWO = ((-2.0, 0.0, 1.0), (-1.0, 0.0, 2.5, 3.0))
PARTLY = {0: [True, False], 1: [False, False], 2: [False, True], -1: [True, True]}
CASES = [
    (random_terms(1), [2], [3.0, 0.9, 0.3]),
    (random_terms(2, n=(2,)), [0], [0.0, 1.2, 0.0]),
    (random_terms(3, n=(0,)), [3], [1.0, 1.0, 1.0]),
    (random_terms(4, n=(20,), shapes=()), [], [2.0, 1.1]),
    (random_terms(5, n=(400, 3), shapes=TWO), [1, 2], [0.1, 2.0, 0.5, 0.7, 0.2]),
    (random_terms(6, n=(7, 30), shapes=TWO, shaped=PARTLY), [0, 1], [2.0, 1.0, 0.9, 0.1, 0.6]),
    (
        random_terms(7, kinds=[UNCONSTRAINED, LOG_NORMAL, UNCONSTRAINED]),
        [1],
        [1.0, 1.7, 0.5],
    ),
]


@pytest.mark.parametrize(("terms", "cell", "theta"), CASES)
def test_value_gradient_and_hessian(terms, cell, theta):
    theta = np.array(theta)
    log_likelihood, gradient, hessian = compiled(terms, cell, theta)
    assert log_likelihood == pytest.approx(value(terms, cell, theta), rel=1e-12, abs=1e-12)
    step = 1e-5
    for p in range(len(theta)):
        up, down = theta.copy(), theta.copy()
        up[p] += step
        down[p] -= step
        difference = (value(terms, cell, up) - value(terms, cell, down)) / (2 * step)
        assert gradient[p] == pytest.approx(difference, rel=1e-6, abs=1e-6)
        slopes = (compiled(terms, cell, up)[1] - compiled(terms, cell, down)[1]) / (2 * step)
        np.testing.assert_allclose(hessian[p], slopes, rtol=1e-5, atol=1e-4)
    np.testing.assert_array_equal(hessian, hessian.T)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), cell=st.integers(0, 3), a=st.floats(0, 1))
def test_concave_at_a_fixed_signal(seed, cell, a):
    """What fit.py builds on where, as usual, the free backgrounds do not depend on the shape."""
    terms = random_terms(seed, shaped={0: [True], 1: [False], -1: [True]})
    hessian = compiled(terms, [cell], [1.5, 1.0, a])[2]
    assert np.linalg.eigvalsh(hessian[1:, 1:]).max() < 0


def test_an_event_without_density():
    terms = random_terms(7)
    terms.density[:, 5] = 0.0
    assert compiled(terms, [1], [1.0, 1.0, 0.5])[0] == -np.inf


def test_scaling_an_events_densities_shifts_the_value_alone():
    terms = random_terms(8)
    scaled = terms._replace(density=terms.density * 1e-30)
    one, two = compiled(terms, [1], [1.0, 1.0, 0.5]), compiled(scaled, [1], [1.0, 1.0, 0.5])
    weight = (terms.roots**2).sum()
    assert one[0] - two[0] == pytest.approx(weight * 30 * np.log(10), rel=1e-10)
    np.testing.assert_allclose(one[1], two[1], rtol=1e-9)


def test_a_weight_is_as_many_events():
    terms = random_terms(9, n=(6,))
    terms.roots[0] = np.sqrt([1.0, 1, 1, 2, 3, 1])
    terms.counts[0] = 6
    repeated = np.repeat(np.arange(6), [1, 1, 1, 2, 3, 1])
    spread = terms._replace(
        density=np.ascontiguousarray(terms.density[:, repeated]),
        roots=np.ones((1, 9)),
        counts=np.array([[9] * 3]),
    )
    one, two = compiled(terms, [1], [1.0, 1.0, 0.5]), compiled(spread, [1], [1.0, 1.0, 0.5])
    for a, b in zip(one, two, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)
