import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from zeptobarn.likelihood import Terms, evaluate


def random_terms(seed, n=37, free=2, anchors=(-2.0, -1.0, 0.0, 1.0, 2.0)):
    rng = np.random.default_rng(seed)
    sources = free + 1
    return Terms(
        rng.exponential(size=(len(anchors), sources, n)),
        rng.uniform(0.5, 20, size=(len(anchors), sources)),
        np.ones(free),
        np.where(np.arange(free) % 2, 0.3, np.inf),
        np.array(anchors),
        rng.normal(),
    )


def value(terms, cell, theta):
    """ln L in plain numpy, as the docstring of the module writes it."""
    a = theta[-1]
    rates = np.append(theta[:-1], 1.0)
    if len(terms.anchors) > 1:
        density = (1 - a) * terms.density[cell] + a * terms.density[cell + 1]
        expected = (1 - a) * terms.expected[cell] + a * terms.expected[cell + 1]
        shape = (1 - a) * terms.anchors[cell] + a * terms.anchors[cell + 1]
        constraint = -0.5 * (shape - terms.shape_centre) ** 2
    else:
        density, expected, constraint = terms.density[0], terms.expected[0], 0.0
    pulls = (theta[:-1] - terms.rate_centre) / terms.rate_width
    return -rates @ expected + np.log(rates @ density).sum() + constraint - 0.5 * (pulls**2).sum()


def compiled(terms, cell, theta):
    size = len(theta)
    gradient, hessian = np.empty(size), np.empty((size, size))
    work = np.empty((2 * size, max(terms.density.shape[2], 1)))
    found = evaluate(terms, cell, np.array(theta), gradient, hessian, work)
    return found, gradient, hessian


CASES = [
    (random_terms(1), 2, [3.0, 0.9, 0.3]),
    (random_terms(2, n=2), 0, [0.0, 1.2, 0.0]),
    (random_terms(3, n=0), 3, [1.0, 1.0, 1.0]),
    (random_terms(4, n=400, free=4), 1, [0.1, 2.0, 0.5, 1.0, 0.7]),
    (random_terms(5, anchors=(0.0,)), 0, [2.0, 1.1, 0.5]),
    (random_terms(6, free=1, anchors=(-1.0, 0.0, 2.5)), 1, [2.0, 0.25]),
]


@pytest.mark.parametrize(("terms", "cell", "theta"), CASES)
def test_value_gradient_and_hessian(terms, cell, theta):
    theta = np.array(theta)
    found, gradient, hessian = compiled(terms, cell, theta)
    assert found == pytest.approx(value(terms, cell, theta), rel=1e-12, abs=1e-12)
    used = len(theta) if len(terms.anchors) > 1 else len(theta) - 1
    step = 1e-5
    for p in range(used):
        up, down = theta.copy(), theta.copy()
        up[p] += step
        down[p] -= step
        difference = (value(terms, cell, up) - value(terms, cell, down)) / (2 * step)
        assert gradient[p] == pytest.approx(difference, rel=1e-6, abs=1e-6)
        slopes = (compiled(terms, cell, up)[1] - compiled(terms, cell, down)[1]) / (2 * step)
        np.testing.assert_allclose(hessian[p, :used], slopes[:used], rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(hessian, hessian.T)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), cell=st.integers(0, 3), a=st.floats(0, 1))
def test_concave_at_a_fixed_signal(seed, cell, a):
    """What fit.py builds on where, as usual, the free backgrounds do not depend on the shape."""
    terms = random_terms(seed)
    terms.density[:, 1] = terms.density[0, 1]
    terms.expected[:, 1] = terms.expected[0, 1]
    hessian = compiled(terms, cell, [1.5, 1.0, a])[2]
    assert np.linalg.eigvalsh(hessian[1:, 1:]).max() < 0


def test_an_event_without_density():
    terms = random_terms(7)
    terms.density[:, :, 5] = 0.0
    assert compiled(terms, 1, [1.0, 1.0, 0.5])[0] == -np.inf


def test_scaling_an_events_densities_shifts_the_value_alone():
    terms = random_terms(8)
    scaled = terms._replace(density=terms.density * 1e-30)
    one, two = compiled(terms, 1, [1.0, 1.0, 0.5]), compiled(scaled, 1, [1.0, 1.0, 0.5])
    assert one[0] - two[0] == pytest.approx(37 * 30 * np.log(10), rel=1e-10)
    np.testing.assert_allclose(one[1], two[1], rtol=1e-10)
