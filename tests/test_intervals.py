import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize

from counting import counting_limit
from zeptobarn import intervals
from zeptobarn.intervals import BEST_FIT, EVIDENCE, LIMIT, NUISANCES, STATUS, Status, critical_value


def test_critical_value():
    assert critical_value(0.9) == pytest.approx(1.6424, abs=5e-5)
    assert critical_value(0.95) == pytest.approx(2.7055, abs=5e-5)
    assert critical_value(0.5) == critical_value(0.3) == 0


@settings(max_examples=60, deadline=None)
@given(n=st.integers(0, 300), b=st.floats(0.01, 200), cl=st.floats(0.55, 0.999))
def test_one_bin_limits_solve_their_equation(n, b, cl):
    """The root found by bisection of the textbook expression."""
    best = max(n - b, 0.0)

    def q(s):
        terms = n * np.log((best + b) / (s + b)) if n else 0.0
        return 2 * (s - best + terms) - critical_value(cl)

    high = best + 10
    while q(high) < 0:
        high *= 2
    expected = optimize.bisect(q, best, high, xtol=1e-12, rtol=1e-12)
    row = counting_limit(n, b, critical=critical_value(cl))
    assert row[STATUS] == Status.ok
    assert row[LIMIT] == pytest.approx(expected, rel=1e-6)
    assert row[BEST_FIT] == pytest.approx(best, abs=1e-4 * (1 + best))


@settings(max_examples=30, deadline=None)
@given(scale=st.floats(1e-12, 1e9))
def test_the_limit_scales_with_the_signal(scale):
    one, other = counting_limit(4, 2.0), counting_limit(4, 2.0, signal=scale, bound=1e30)
    assert other[LIMIT] * scale == pytest.approx(one[LIMIT], rel=1e-5)


def test_no_crossing_below_the_bound():
    row = counting_limit(3, 1.0, bound=2.5)
    assert row[STATUS] == Status.no_crossing
    assert np.isnan(row[LIMIT])


@pytest.mark.parametrize("bound", [1e-3, 1e-9, 1e-13, 1e-16])
def test_no_crossing_where_the_statistic_rounds_to_zero(bound):
    for n in (0, 3, 60):
        assert counting_limit(n, 60.0, bound=bound)[STATUS] == Status.no_crossing


def test_no_crossing_if_the_best_fit_is_beyond_the_bound():
    assert counting_limit(30, 1.0, bound=2.5)[STATUS] == Status.no_crossing


def shaped(events, density, centres=(0.0,), anchors=(-2.0, -1.0, 0.0, 1.0, 2.0), bound=1e9):
    """Limits with a shape parameter; density has the shape (bins, anchors, sources)."""
    density = np.array(density, dtype=float)
    free = density.shape[2] - 1
    first = np.array([0, len(events)])
    results = np.full((1, NUISANCES + free), np.nan)
    intervals.upper_limits(
        np.array(events, dtype=np.int64),
        first,
        density,
        density.sum(axis=0),
        np.ones(free),
        np.full(free, np.inf),
        np.array(anchors),
        np.array(centres),
        critical_value(0.9),
        bound,
        results,
    )
    return results[0]


def test_zero_density_event_is_named():
    density = np.ones((3, 5, 3))
    density[1] = 0.0
    row = shaped([0, 2, 2, 1, 0], density)
    assert row[STATUS] == Status.zero_density_event
    assert row[EVIDENCE] == 3
    assert np.isnan(row[LIMIT])


def test_an_event_with_density_at_some_anchors_only():
    """The fit must stay where the event is possible, and still find a limit."""
    density = np.ones((2, 5, 3))
    density[1, :, :] = 0.0
    density[1, 2:, 2] = 0.05  # the fixed background explains it at leff ≥ −1 alone
    row = shaped([0, 0, 1], density, centres=(-2.0,))
    assert row[STATUS] in (Status.ok, Status.at_boundary)
    assert row[NUISANCES + 1] > -1
    assert row[LIMIT] > 0


def test_no_events_at_all():
    density = np.ones((2, 5, 3))
    density[:, :, 0] = 0.5  # one signal event at every anchor
    row = shaped([], density)
    # No background can be fitted: it sits at its bound, 0, and the limit is c/2.
    assert row[STATUS] == Status.at_boundary
    assert row[LIMIT] == pytest.approx(critical_value(0.9) / 2, rel=1e-6)


def test_a_shape_at_the_end_of_its_anchors_is_a_warning():
    row = shaped([0, 1, 1], np.ones((2, 5, 3)), centres=(3.5,))
    assert row[STATUS] == Status.at_boundary
    assert row[NUISANCES + 1] == 2


def test_two_crossings_are_found_and_the_outermost_reported():
    """Four events in bin 0, explained by 4 signal events at leff = 0, or by 400 at leff = 1.

    In between the signal would have to show up in bin 1, which is empty: the statistic crosses,
    falls again and crosses once more.
    """
    signal = np.array([[1.0, 0.0], [0.0, 1.0], [0.01, 0.0]])
    anchors = np.array([0.0, 0.5, 1.0])
    density = np.zeros((2, 3, 3))
    density[:, :, 0] = signal.T
    density[:, :, 1] = 1e-3
    density[:, :, 2] = 0.2
    row = shaped([0] * 4, density, anchors=anchors)

    leff = np.linspace(0, 1, 2001)
    shares = np.array([np.interp(leff, anchors, column) for column in signal.T])

    def minus2lnl(s):
        rates = s * shares[0] + 0.2
        return (2 * (rates + s * shares[1] - 4 * np.log(rates)) + leff**2).min()

    signals = np.geomspace(0.1, 3000, 6000)
    q = np.array([minus2lnl(s) for s in signals])
    above = q - q.min() > critical_value(0.9)
    assert (np.diff(above.astype(int)) == 1).sum() == 2
    assert row[STATUS] == Status.multiple_crossings
    assert row[LIMIT] == pytest.approx(signals[~above].max(), rel=0.01)
