"""Bounds of what bins hold, against mixtures at random rates and shapes."""

import numpy as np
import pytest

from zeptobarn.inference.spans import BASE, LEAST, MOST, REFERENCE, no_spans, spans
from zeptobarn.inference.terms import LOG_NORMAL, NORMAL, UNCONSTRAINED

# Two detectors of 30 and 20 bins: a signal at three anchors, a base, a free source with a
# constraint, a shaped source and a constant one.
FIRST_BIN = np.array([0, 30, 50])
ROWS = np.array([0, 9, 18])
SOURCES = np.array(
    [
        row
        for d in (0, 1)
        for row in (
            [d, 0, 9 * d, 1],
            [d, 1 + d, 9 * d + 3, 0],
            [d, 3, 9 * d + 4, 0],
            [d, -1, 9 * d + 5, 1],
            [d, -1, 9 * d + 8, 0],
        )
    ]
)


def make(kind=NORMAL, width=0.2):
    density = np.random.default_rng(5).uniform(size=(50, 9))
    density[:, 3] += 5
    kinds = [[UNCONSTRAINED, 1.0]] * 3 + [[kind, width], [NORMAL, 1.0]]
    return density, spans(density, FIRST_BIN, ROWS, SOURCES, np.array(kinds), 4.0)


@pytest.mark.parametrize(("kind", "highest"), [(NORMAL, 2.0), (LOG_NORMAL, np.e)])
def test_mixtures_lie_within(kind, highest):
    density, bounds = make(kind)
    assert bounds.base.tolist() == [1, 6]
    assert bounds.box[0, 1] >= 6
    assert bounds.box[3].tolist() == pytest.approx([0, highest])
    rng = np.random.default_rng(6)
    for _ in range(200):
        share = rng.dirichlet([0.3] * 3)
        signal, free = rng.uniform(size=2) * bounds.box[[0, 3], 1]
        rest = signal * density[:, :3] @ share + free * density[:, 4]
        rest += density[:, 5:8] @ share + density[:, 8]
        assert (bounds.bins[:, LEAST] <= rest).all()
        assert (rest <= bounds.bins[:, MOST] * (1 + 1e-12)).all()
    np.testing.assert_allclose(bounds.bins[:, BASE], density[:, 3])
    np.testing.assert_allclose(bounds.bins[:, REFERENCE], density[:, [4, 6, 8]].sum(axis=1))


def test_bins_that_tell_the_base():
    density, bounds = make()
    assert (bounds.tells == 0).all()
    assert (bounds.telling == 0).all()
    density[10:40] *= 0.001
    density[10:40, 3] = 2.0
    kinds = np.array([[UNCONSTRAINED, 1.0]] * 3 + [[NORMAL, 0.2], [NORMAL, 1.0]])
    bounds = spans(density, FIRST_BIN, ROWS, SOURCES, kinds, 4.0)
    assert np.flatnonzero(bounds.tells).tolist() == list(range(10, 40))
    assert bounds.telling.tolist() == pytest.approx([40, 20])
    np.testing.assert_allclose(bounds.scale * density.max(axis=1), 1)


def test_bins_without_density_have_no_scale():
    density, _ = make()
    density[7] = 0
    kinds = np.array([[UNCONSTRAINED, 1.0]] * 4 + [[NORMAL, 1.0]])
    assert spans(density, FIRST_BIN, ROWS, SOURCES, kinds).scale[7] == 0


def test_without_a_base_there_is_none():
    assert no_spans(3).base.tolist() == [-1, -1, -1]
