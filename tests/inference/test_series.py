"""The series of far events against the logarithm, and the references that datasets take."""

import numpy as np
import pytest

from zeptobarn.inference import series as module
from zeptobarn.inference.series import allocate_series, refer
from zeptobarn.inference.spans import spans
from zeptobarn.inference.terms import UNCONSTRAINED
from zeptobarn.support.jit import kernel

N_BINS = 400
# Rows: a signal at two anchors, a free base, a shaped background at two anchors, a constant.
ROWS = np.array([0, 6])
SOURCES = np.array([[0, 0, 0, 1], [0, 1, 2, 0], [0, -1, 3, 1], [0, -1, 5, 0]])
CONSTRAINTS = np.array([[UNCONSTRAINED, 1.0]] * 3)


def make_density(events=2000.0):
    place = np.linspace(0, 1, N_BINS)
    parts = [np.exp(-30 * place), np.exp(-25 * place), np.ones(N_BINS)]
    parts += [np.exp(-9 * place), np.exp(-8 * place), np.exp(-5 * place)]
    sums = [1.0, 1.3, events, 2.0, 3.0, 1.0]
    return np.array([n * part / part.sum() for n, part in zip(sums, parts, strict=True)]).T.copy()


@kernel()
def referred(spans, density, exposure, telling, at, limits, errors, bins, lost):
    series = allocate_series(spans, density.shape[1])
    there = refer(spans, series, density, 0, 1, exposure, telling)
    at[:], limits[:], errors[:] = series.at[0], series.limits[0], series.errors
    bins[:], lost[:] = series.bins, series.lost
    return there


def make(density, exposure=1.0, rate=1.0):
    bounds = spans(density, np.array([0, N_BINS]), ROWS, SOURCES, CONSTRAINTS)
    at, limits, lost = np.empty(3), np.empty(2), np.empty(N_BINS)
    errors, bins = np.empty((N_BINS, 2)), np.empty((N_BINS, 6 + module.COLUMNS))
    telling = rate * exposure * bounds.telling[0]
    there = referred(bounds, density, exposure, telling, at, limits, errors, bins, lost)
    return bounds, there, at, limits, errors, bins, lost


def test_series_are_off_by_what_they_say_and_hardly_less():
    density = make_density()
    bounds, there, at, _, errors, bins, _ = make(density)
    assert there
    far = np.flatnonzero(errors[:, module.PARABOLA] < 1)
    assert len(far) > 0.5 * N_BINS
    column = bins[:, 6:]
    worst = np.zeros((N_BINS, 2))
    low, high = at[0] * np.exp([-at[1], at[1]])
    signals = bounds.box[0, 1] * np.linspace(0, 1, 40)
    for base in np.linspace(low, high, 7):
        for share in (0.0, 0.3, 1.0):
            for signal in signals:
                weights = [(1 - share) * signal, share * signal, base, 1 - share, share, 1.0]
                z = density[far] @ weights / column[far, module.UNIT] * at[0] / base - 1
                exact = np.log1p(z)
                line = column[far, module.LINE_0] + column[far, module.LINE_1] * z
                parabola = (
                    column[far, module.PARABOLA_0]
                    + column[far, module.PARABOLA_1] * z
                    - 0.5 * column[far, module.PARABOLA_2] * z**2
                )
                for k, value in enumerate((line, parabola)):
                    worst[far, k] = np.maximum(worst[far, k], np.abs(value - exact))
    off = worst[far] / errors[far]
    # Where an error is far above rounding.
    seen = errors[far] > 1e-13
    assert (off[seen] < 1 + 1e-3).all()
    # The box is that of each part by itself: not all of it is visited.
    assert np.median(off[:, 0][seen[:, 0]]) > 0.3
    assert np.median(off[:, 1][seen[:, 1]]) > 0.2


def test_minus_the_logarithms_of_slopes():
    _, _, _, _, errors, bins, _ = make(make_density())
    far = errors[:, module.PARABOLA] < 1
    column = bins[far, 6:]
    np.testing.assert_allclose(
        column[:, module.LINE_TOUCH], -np.log(column[:, module.LINE_1]), atol=1e-15
    )
    np.testing.assert_allclose(
        column[:, module.PARABOLA_TOUCH], -np.log(column[:, module.PARABOLA_1]), atol=1e-15
    )


@pytest.mark.parametrize("exposure", [1.0, 30.0])
def test_an_average_dataset_leaves_out_less_than_allowed(exposure):
    density = make_density()
    _, _, _, limits, errors, bins, lost = make(density, exposure)
    expected = exposure * density[:, [2, 3, 5]].sum(axis=1)
    assert 0.2 * module.BUDGET < (expected * np.abs(lost)).sum() < module.BUDGET
    assert (errors[lost < 0, module.LINE] < limits[module.LINE]).all()
    assert (errors[lost > 0, module.PARABOLA] < limits[module.PARABOLA]).all()
    assert (lost == 0).any()
    assert (lost < 0).any()
    assert (lost > 0).any()
    assert np.isfinite(bins[lost != 0]).all()


def test_references_lie_on_a_grid():
    density = make_density()
    rates = np.array([0.5, 0.9, 0.99, 1.0, 1.02, 1.1, 1.7, 4.0])
    ats = np.array([make(density, rate=rate)[2] for rate in rates])
    assert ats[2, 0] == ats[3, 0] == ats[4, 0] == 1.0
    assert (np.abs(np.log(rates / ats[:, 0])) < ats[:, 1]).all()
    # Of more events the rate is known better.
    assert make(density, exposure=30.0)[2][1] < 0.5 * ats[3, 1]


def test_no_reference_where_the_rate_is_hardly_known():
    density = make_density()
    assert not make(density, rate=0.0)[1]
    assert not make(density, exposure=0.01)[1]
