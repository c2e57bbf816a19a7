import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize

from counting import as_table, counting_limit, poisson_t, shaped_limit, shaped_structure
from zeptobarn.inference import intervals
from zeptobarn.inference.asymptotics import one_sided
from zeptobarn.inference.intervals import no_results
from zeptobarn.inference.status import Status
from zeptobarn.inference.terms import UNIFORM


@settings(max_examples=60, deadline=None)
@given(n=st.integers(0, 300), b=st.floats(0.01, 200), cl=st.floats(0.55, 0.999))
def test_one_bin_limits_solve_their_equation(n, b, cl):
    """The root found by bisection of the textbook expression."""
    best = max(n - b, 0.0)

    def q(s):
        terms = n * np.log((best + b) / (s + b)) if n else 0.0
        return 2 * (s - best + terms) - one_sided(cl)

    high = best + 10
    while q(high) < 0:
        high *= 2
    expected = optimize.bisect(q, best, high, xtol=1e-12, rtol=1e-12)
    row = counting_limit(n, b, critical=[[0.0, one_sided(cl)]])
    assert row.status == Status.ok
    assert row.limit == pytest.approx(expected, rel=1e-5)
    assert row.best_fit == pytest.approx(best, abs=1e-2 * (1 + best))


@settings(max_examples=30, deadline=None)
@given(scale=st.floats(1e-12, 1e9))
def test_the_limit_scales_with_the_signal(scale):
    one, other = counting_limit(4, 2.0), counting_limit(4, 2.0, signal=scale, bound=1e30)
    assert other.limit * scale == pytest.approx(one.limit, rel=1e-5)


@pytest.mark.parametrize("centre", [-0.9, -0.3, 0.0, 0.4])
@pytest.mark.parametrize("n", [0, 1, 4])
def test_a_rate_that_was_measured_below_zero_is_fitted_at_zero_or_above(n, centre):
    """By bisection of the slope in the background's rate, and a dense scan of the signal."""
    b, width = 0.8, 0.7

    def minus2lnl(signal):
        def slope(rate):
            return b * (n / max(signal + b * rate, 1e-12) - 1) - (rate - centre) / width**2

        rate = 0.0 if slope(0.0) <= 0 else optimize.brentq(slope, 0, 20, xtol=1e-14)
        mean = signal + b * rate
        return 2 * (mean - (n * np.log(mean) if n else 0)) + ((rate - centre) / width) ** 2

    lowest = min(minus2lnl(x) for x in np.append(1e-9, np.linspace(0.002, 8, 4001)))
    limit = optimize.brentq(lambda x: minus2lnl(x) - lowest - one_sided(0.9), max(n, 0.1), 30)
    interval = counting_limit(n, b, b_width=b * width, centre=centre)
    assert interval.nuisances[0] >= 0
    assert interval.limit == pytest.approx(limit, rel=1e-4)


def test_no_crossing_below_the_bound():
    row = counting_limit(3, 1.0, bound=2.5)
    assert row.status == Status.no_crossing
    assert np.isnan(row.limit)


@pytest.mark.parametrize("bound", [1e-3, 1e-9, 1e-13, 1e-16])
def test_no_crossing_where_the_statistic_rounds_to_zero(bound):
    for n in (0, 3, 60):
        assert counting_limit(n, 60.0, bound=bound).status == Status.no_crossing


def test_no_crossing_if_the_best_fit_is_beyond_the_bound():
    assert counting_limit(30, 1.0, bound=2.5).status == Status.no_crossing


def test_zero_density_event_is_named():
    density = np.ones((3, 5, 3))
    density[1] = 0.0
    row = shaped_limit([0, 2, 2, 1, 0], density)
    assert row.status == Status.zero_density_event
    assert row.evidence == 3
    assert np.isnan(row.limit)


def test_an_event_with_density_at_some_anchors_only():
    """The fit must stay where the event is possible, and still find a limit."""
    density = np.ones((2, 5, 3))
    density[1, :, :] = 0.0
    density[1, 2:, 2] = 0.05  # the fixed background explains it at leff ≥ −1 alone
    row = shaped_limit([0, 0, 1], density, centre=-2.0)
    assert row.status in (Status.ok, Status.background_rate_zero)
    assert row.nuisances[1] > -1
    assert row.limit > 0


def test_no_events_at_all():
    density = np.ones((2, 5, 3))
    density[:, :, 0] = 0.5  # one signal event at every anchor
    row = shaped_limit([], density)
    # No background can be fitted: its rate is best at 0, and the limit is c/2.
    assert row.status == Status.background_rate_zero
    assert "the limit is right" in Status.background_rate_zero.message
    assert row.limit == pytest.approx(one_sided(0.9) / 2, rel=1e-6)


@pytest.mark.parametrize("n", [1, 2, 5])
def test_events_over_no_background_at_all(n):
    """t̃ = 2 (μ − n − n ln(μ/n)), infinite without a signal: both ends from SciPy."""

    def excess(mu):
        return 2 * (mu - n - n * np.log(mu / n)) - 2.7055

    row = counting_limit(n, 0.0, critical=[[0.0, 2.7055]], two_sided=True)
    assert row.status == Status.ok
    assert row.best_fit == pytest.approx(n, rel=1e-6)
    assert row.low == pytest.approx(optimize.brentq(excess, 1e-9, n), rel=1e-3)
    assert row.limit == pytest.approx(optimize.brentq(excess, n, 30), rel=1e-3)


def test_no_events_over_no_background_at_all():
    row = counting_limit(0, 0.0, critical=[[0.0, 2.7055]], two_sided=True)
    assert (row.status, row.low) == (Status.ok, 0)
    assert row.limit == pytest.approx(2.7055 / 2, rel=1e-6)


def test_a_lower_end_where_no_background_is_at_the_event():
    """A shape and a free background that are elsewhere: that of one event over none."""
    density = np.ones((2, 5, 3))
    density[:, :, 0] = [[0.0], [1.0]]
    density[1, :, 1:] = 0.0
    row = shaped_limit([0] * 3 + [1], density, two_sided=True, critical=[[0.0, 2.7055]])
    alone = counting_limit(1, 0.0, critical=[[0.0, 2.7055]], two_sided=True)
    assert row.status == Status.ok
    assert (row.low, row.limit) == pytest.approx((alone.low, alone.limit), rel=1e-3)


def test_a_shape_at_the_end_of_its_anchors_is_a_warning():
    row = shaped_limit([0, 1, 1], np.ones((2, 5, 3)), centre=3.5)
    assert row.status == Status.at_boundary
    assert row.nuisances[1] == 2


@pytest.mark.parametrize(("n", "end"), [(0, 0.0), (9, 2.0)])
def test_a_rate_at_an_end_of_its_range_is_where_it_belongs(n, end):
    """A background of 0 to 2 events, in a bin of its own: the data would have it beyond."""
    density = np.zeros((2, 2, 2))
    density[0, :, 0] = 1.0
    density[1, :, 1] = [0.0, 2.0]
    events = [0, 0] + [1] * n
    row = shaped_limit(events, density, anchors=[0.0, 2.0], kind=UNIFORM)
    assert row.status == Status.rate_at_range_end
    assert row.nuisances[0] == end
    assert row.limit == pytest.approx(counting_limit(2, 0.0).limit, rel=1e-6)
    assert "the limit is right" in Status.rate_at_range_end.message


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
    row = shaped_limit([0] * 4, density, anchors=anchors)

    leff = np.linspace(0, 1, 2001)
    shares = np.array([np.interp(leff, anchors, column) for column in signal.T])

    def minus2lnl(s):
        rates = s * shares[0] + 0.2
        return (2 * (rates + s * shares[1] - 4 * np.log(rates)) + leff**2).min()

    signals = np.geomspace(0.1, 3000, 6000)
    q = np.array([minus2lnl(s) for s in signals])
    above = q - q.min() > one_sided(0.9)
    assert (np.diff(above.astype(int)) == 1).sum() == 2
    assert row.status == Status.multiple_crossings
    assert row.limit == pytest.approx(signals[~above].max(), rel=0.01)


@pytest.mark.parametrize(("n", "efficiency"), [(40, 0.6), (40, 0.5), (80, 0.5), (80, 0.7)])
def test_a_second_maximum_close_to_the_first_crossing(n, efficiency):
    """All events in a bin that the signal fills: fully at leff = 0, by a share of it at 2."""
    anchors = (-2.0, -1.0, 0.0, 1.0, 2.0)
    density = np.zeros((2, 5, 2))
    density[0, :, 0] = [0.0, 0.0, 1.0, 0.0, efficiency]
    density[1, :, 0] = [1.0, 1.0, 0.0, 1.0, 0.0]
    density[:, :, 1] = 1e-3
    row = shaped_limit([0] * n, density, centre=0.9)

    leff = np.linspace(-2, 2, 4001)
    shares = np.array([np.interp(leff, anchors, column) for column in density[:, :, 0]])

    def minus2lnl(s):
        rates = s * shares[0] + 1e-3
        return (2 * (s * shares.sum(axis=0) - n * np.log(rates)) + (leff - 0.9) ** 2).min()

    signals = np.geomspace(1, 1000, 6000)
    q = np.array([minus2lnl(s) for s in signals])
    accepted = signals[q - q.min() <= one_sided(0.9)]
    assert row.limit == pytest.approx(accepted.max(), rel=0.01)


@settings(max_examples=60, deadline=None)
@given(n=st.integers(0, 300), b=st.floats(0.01, 200), critical=st.floats(0.1, 12))
def test_two_sided_one_bin_intervals_solve_their_equation(n, b, critical):
    """Both ends by bisection; the lower one is 0 where the statistic of no signal is accepted."""
    best = max(n - b, 0.0)

    def t(s):
        terms = n * np.log((best + b) / (s + b)) if n else 0.0
        return 2 * (s - best + terms) - critical

    high = best + 10
    while t(high) < 0:
        high *= 2
    row = counting_limit(n, b, critical=[[0.0, critical]], two_sided=True)
    assert row.status == Status.ok
    assert row.limit == pytest.approx(optimize.brentq(t, best, high), rel=1e-5)
    low = optimize.brentq(t, 0, best) if t(0) > 0 else 0.0
    assert row.low == pytest.approx(low, rel=1e-5, abs=1e-12)


@settings(max_examples=60, deadline=None)
@given(
    n=st.integers(0, 60),
    b=st.floats(0.1, 40),
    values=st.lists(st.floats(0.5, 4.0), min_size=3, max_size=8),
)
def test_critical_values_in_a_table(n, b, values):
    """The outermost accepted signals of a dense scan, whatever the table's shape."""
    table = np.column_stack([np.linspace(0, 3 * (n + b) + 30, len(values)), values])
    best = max(n - b, 0.0)

    def accepted(s):
        terms = n * np.log((best + b) / (s + b)) if n else 0.0
        return 2 * (s - best + terms) <= np.interp(s, *table.T)

    signals = np.linspace(0, table[-1, 0], 40001)
    inside = signals[accepted(signals)]
    row = counting_limit(n, b, critical=table, two_sided=True)
    if len(inside) == 0 or best >= table[-1, 0] or inside[-1] == signals[-1]:
        assert row.status == Status.no_crossing
        return
    assert row.status == Status.ok
    assert row.limit == pytest.approx(inside[-1], abs=2 * signals[1])
    assert row.low == pytest.approx(inside[0], abs=2 * signals[1])


def test_nothing_is_extrapolated_beyond_a_table():
    short = [[0.0, 2.0], [3.0, 2.0]]
    assert counting_limit(1, 1.0, critical=short).status == Status.ok
    assert counting_limit(8, 1.0, critical=short).status == Status.no_crossing
    assert counting_limit(20, 1.0, critical=short).status == Status.no_crossing


@pytest.mark.parametrize("ties", [np.nan, 10.0])
def test_a_row_that_toys_decide_holds_up_to_the_next(ties):
    """Statistics within a table's ties of its critical value are one value, as toys have it."""
    rows = np.arange(41.0)
    accepted = rows[poisson_t(10, rows, 1.0) <= 1.5]
    table = np.column_stack([rows, np.full(41, 1.5), np.full(41, ties)])
    table[-1, 1] = 9.0  # far from all that is accepted: the search begins far out
    row = counting_limit(10, 1.0, critical=table, two_sided=True)
    assert row.status == Status.ok
    if np.isnan(ties):
        for end in (row.low, row.limit):
            assert poisson_t(10, end, 1.0) == pytest.approx(1.5, rel=1e-4)
    else:
        assert (row.low, row.limit) == (accepted[0] - 1, accepted[-1] + 1)


def test_no_signal_of_a_table_is_accepted():
    """Without events t̃ is 2 μ: a critical value below that at each row excludes all."""
    row = counting_limit(0, 1.0, critical=[[0.5, 0.9], [1.0, 1.5], [2.0, 3.0]])
    assert row.status == Status.all_signals_excluded
    assert row.limit == 0.5


def test_a_table_that_is_highest_in_its_middle():
    """The largest critical value is nowhere reached, the one at the end is."""
    table = [[0.0, 2.0], [1.0, 10.0], [2.0, 2.0]]
    row = counting_limit(0, 1.0, critical=table)
    assert row.status == Status.ok
    assert row.limit == pytest.approx(1.8)  # 2 μ = 10 − 8 (μ − 1)
    assert counting_limit(0, 1.0, critical=[*table[:2], [2.0, 5.0]]).status == Status.no_crossing


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_densities_that_are_not_finite_never_give_a_limit(bad):
    density = np.ones((3, 5, 3))
    density[1, 2, 0] = bad
    row = shaped_limit([0, 1, 1, 2], density)
    assert row.status == Status.not_converged
    assert np.isnan(row.limit)


def rough_table(rng, first=0.01, last=40.0, n=400):
    """Critical values that rise and fall like a saw with teeth of all sizes."""
    signals = np.geomspace(first, last, n)
    values = 2.0 * signals / (signals + 1.0) + rng.exponential(0.3, n) * (rng.random(n) < 0.2)
    return np.column_stack([signals, values + 0.05])


@pytest.mark.parametrize("two_sided", [False, True])
def test_the_outermost_accepted_signals_of_a_rough_table(two_sided):
    rng = np.random.default_rng(4)
    for _ in range(60):
        table, n, b = rough_table(rng), int(rng.integers(0, 12)), rng.uniform(0.1, 6)
        statistic = poisson_t(n, table[:, 0], b)
        statistic[(table[:, 0] < n - b) & (not two_sided)] = 0.0
        accepted = np.flatnonzero(statistic <= table[:, 1])
        row = counting_limit(n, b, critical=table, two_sided=two_sided)
        if not len(accepted):
            assert row.status == Status.all_signals_excluded
            continue
        last = accepted[-1]
        assert table[last, 0] <= row.limit <= table[min(last + 1, len(table) - 1), 0]
        at_limit = np.interp(row.limit, table[:, 0], table[:, 1])
        assert poisson_t(n, row.limit, b) == pytest.approx(at_limit, abs=2e-4)
        if two_sided and accepted[0] > 0:
            assert table[accepted[0] - 1, 0] <= row.low <= table[accepted[0], 0]


def test_with_a_shape_no_row_beyond_the_limit_is_accepted():
    """The tangents that rule rows out without a look hold for shapes too."""
    rng = np.random.default_rng(7)
    for _ in range(40):
        density = rng.exponential(size=(6, 5, 3)) * np.array([0.3, 1.0, 1.0])
        table, events = rough_table(rng), rng.integers(0, 6, rng.integers(0, 25))
        row = shaped_limit(events, density, critical=table)
        if row.status >= Status.no_crossing:
            continue
        for k in np.flatnonzero(table[:, 0] > 1.0001 * row.limit)[:60]:
            # A flat critical value is crossed beyond this row just where this row is accepted.
            flat = shaped_limit(events, density, critical=[[0.0, table[k, 1]]])
            assert flat.limit < table[k, 0]


def test_tables_share_a_fit_and_nothing_else():
    rng = np.random.default_rng(5)
    model = shaped_structure(rng.exponential(size=(8, 5, 3)))
    events = rng.integers(0, 8, 20)
    tables = [as_table([[0.0, 2.7]]), as_table(rough_table(rng)), as_table([[0.0, 0.5]])]
    together = no_results((3, 1), 2)
    ends = np.cumsum([0, *map(len, tables)])
    intervals.set_intervals(
        model, events, np.ones(20), np.array([[0, 20]]), np.ones((1, 1)),
        np.array([[1.0, 1.0, 0.0]]), np.concatenate(tables), ends, True, 1e9, together,
    )  # fmt: skip
    limits = []
    for t, table in enumerate(tables):
        alone = no_results((1, 1), 2)
        intervals.set_intervals(
            model, events, np.ones(20), np.array([[0, 20]]), np.ones((1, 1)),
            np.array([[1.0, 1.0, 0.0]]), table, np.array([0, len(table)]), True, 1e9, alone,
        )  # fmt: skip
        for name in ("low", "limit", "best_fit", "status"):
            shared, wanted = getattr(together, name)[t, 0], getattr(alone, name)[0, 0]
            assert shared == pytest.approx(wanted, rel=1e-6, abs=1e-9)
        limits.append(alone.limit[0, 0])
    assert len(set(limits)) == 3
