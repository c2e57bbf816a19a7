"""Critical values at every signal, against exact sums of Poisson probabilities and against toys."""

import numpy as np
import pytest
from scipy import stats

from counting import (
    counting_limit,
    counting_problem,
    counting_structure,
    exact_critical,
    poisson_t,
)
from zeptobarn.inference.calibration import BLOCK, best_nuisances, throw, throw_statistics
from zeptobarn.inference.construction import (
    TIES,
    Nodes,
    acceptance,
    critical_values,
    plan,
    tabulated_signals,
)
from zeptobarn.inference.load import make_model
from zeptobarn.inference.problem import Problem
from zeptobarn.inference.status import Status
from zeptobarn.study.settings import Interval
from zeptobarn.support.streams import stream

THROWN = np.array(
    [0, 0.1, 0.3, 0.6, 1, 1.5, 2.1, 2.8, 3.6, 4.5, 5.6, 7, 9, 11.5, 15, 20, 27, 36, 50]
)


def streams_of(thrown, n_toys, name="construction"):
    return [[stream(1, name, k, i) for i in range(-(-n_toys // BLOCK))] for k in range(len(thrown))]


def table_of(problem, n_toys, thrown=THROWN, kind="unified", threads=1, level=0.9, name="a"):
    """Rows of signal, critical value, its lower and upper end, effective number of toys."""
    cls = kind == "cls"
    nodes = plan(thrown, problem.signal_efficiency, cls)
    toys = throw(problem, "redrawn", nodes, n_toys, streams_of(thrown, n_toys, name), threads)
    signals = tabulated_signals(thrown[-1], problem.signal_efficiency)
    values = critical_values(toys, signals, level, kind != "unified", cls, threads)
    table = np.column_stack([signals, values])
    return table if kind == "unified" else table[1:]


def limits_of(table, numbers, b, two_sided=False):
    """Low end, limit and status of some numbers of events in one bin."""
    critical = acceptance(table[:, 0], table[:, 1])
    rows = [counting_limit(n, b, critical=critical, two_sided=two_sided) for n in numbers]
    return [(row.low, row.limit, row.status) for row in rows]


@pytest.fixture(scope="module")
def unified_tables():
    return {b: table_of(counting_problem(b), 2000, THROWN[:13]) for b in (1e-9, 0.36)}


@pytest.mark.parametrize(
    ("b", "n", "low", "high"),
    [
        (1e-9, 0, 0.0, 2.44),
        (1e-9, 1, 0.11, 4.36),
        (1e-9, 2, 0.53, 5.91),
        (0.36, 0, 0.0, 2.08),
        (0.36, 2, 0.18, 5.55),
    ],
)
def test_intervals_of_feldman_and_cousins(unified_tables, b, n, low, high):
    """PRD 57 (1998) 3873, and exact sums: not only at the signals where toys were thrown."""
    ((low_end, high_end, status),) = limits_of(unified_tables[b], [n], b, two_sided=True)
    assert status == Status.ok
    assert low_end == pytest.approx(low, abs=0.03)
    assert high_end == pytest.approx(high, rel=0.03)


@pytest.mark.parametrize("b", [1e-9, 0.36])
def test_critical_values_lie_on_the_saw(unified_tables, b):
    """At most signals the exact value; elsewhere that at a level an error of the toys away."""
    table = unified_tables[b]
    for signal, value, *_, effective in table[1::7]:
        error = 4 * 0.3 / np.sqrt(effective)
        low, high = (exact_critical(signal, b, 0.9 + sign * error) for sign in (-1, 1))
        assert low - 1e-3 <= value <= high + 1e-3
    exact = np.array([exact_critical(signal, b, 0.9) for signal in table[1::7, 0]])
    # Without strata 0.95 and 0.94: elsewhere chance moves the teeth.
    assert (np.abs(table[1::7, 1] - exact) < 2e-4).mean() > 0.97


@pytest.fixture(scope="module")
def profiled(small_study, small_templates):
    """A smooth problem: XENON1T at 50 GeV/c², leff profiled, its rate of ER free."""
    model = make_model(small_study, "xenon1t", 50, "SI", small_templates)
    return model.problem(Interval("profiled", {}, ("leff",)))


@pytest.mark.parametrize("centres", ["redrawn", "fixed"])
@pytest.mark.parametrize("events", [0.05, 2.45])
def test_toys_of_neighbours_stand_for_toys_of_a_signal(profiled, centres, events):
    thrown = np.array([0, 0.3, 1, 2.1, 3.6, 5.6])
    signal = np.array([events])
    nodes = plan(thrown, profiled.signal_efficiency, False)
    toys = throw(profiled, centres, nodes, 1500, streams_of(thrown, 1500))
    truth = best_nuisances(profiled, signal)[0]
    n = 4000
    best, t = throw_statistics(profiled, truth, centres, signal, n, streams_of([0], n, "own")[0])
    for upper, values in ((False, t[:, 0]), (True, np.where(best > signal[0], 0, t[:, 0]))):
        ((value, low, high, effective),) = critical_values(toys, signal, 0.9, upper, False)
        assert low <= value <= high
        assert effective > 4000
        alone = 0.3 / np.sqrt(effective)  # without strata, on the scale of probabilities
        assert high - low < 0.7 * np.diff(np.quantile(values, [0.9 - alone, 0.9 + alone]))[0]
        error = 4 * 0.3 * np.sqrt(1 / effective + 1 / n)
        assert np.quantile(values, 0.9 - error) < value < np.quantile(values, 0.9 + error)


def test_redrawn_centres_count_in_the_weights():
    """The background that is best at a signal falls with it, and with it where centres lie."""
    structure = counting_structure(10.0, 8.0)
    problem = Problem(structure, ("rate",), np.ones(2), np.array([0, 1]), 1.0, "")
    thrown, signal, n = np.array([0, 4, 9, 16.0]), np.array([12.5]), 8000
    toys = throw(problem, "redrawn", plan(thrown, 1.0, False), n, streams_of(thrown, n))
    truth = best_nuisances(problem, np.append(signal, thrown))
    assert truth[1, 1] - truth[-1, 1] > 0.3
    _, t = throw_statistics(problem, truth[0], "redrawn", signal, n, streams_of([0], n, "own")[0])
    for level in (0.5, 0.7, 0.9):
        ((value, *_, effective),) = critical_values(toys, signal, level, False, False)
        error = 4 * np.sqrt(level * (1 - level) * (1 / effective + 1 / n))
        low, high = np.quantile(t[:, 0], [level - error, level + error])
        assert low - TIES < value < high + TIES


def test_between_nodes_statistics_are_as_good_as_fitted(profiled):
    """The same toys, fitted at the signals themselves: the rest is less than `TIES`."""
    thrown = np.array([0, 1, 2.1, 3.6])
    nodes = plan(thrown, profiled.signal_efficiency, False)
    signals = np.sqrt(nodes.nodes[1:-1] * nodes.nodes[2:])
    every = np.sort(np.concatenate([nodes.nodes, signals]))
    more = Nodes(
        every, np.searchsorted(every, thrown), 0 * nodes.first, 0 * nodes.last + len(every)
    )
    toys, fitted = (
        throw(profiled, "redrawn", at, 500, streams_of(thrown, 500)) for at in (nodes, more)
    )

    def values(ensemble, level):
        return critical_values(ensemble, signals, level, False, False)

    # The weights come from nodes too: they may exchange two toys that are next to each other.
    middle, low, high = (values(fitted, level)[:, 0] for level in (0.9, 0.8997, 0.9003))
    between = values(toys, 0.9)
    assert (low - TIES < between[:, 0]).all()
    assert (between[:, 0] < high + TIES).all()
    assert np.median(np.abs(between[:, 0] - middle)) < 0.01 * TIES
    np.testing.assert_allclose(between[:, 3], values(fitted, 0.9)[:, 3], rtol=1e-3)


def test_threads_change_nothing():
    problem = counting_problem(1.0)
    one, two = (table_of(problem, 700, THROWN[:8], threads=n) for n in (1, 3))
    np.testing.assert_array_equal(one, two)


def test_the_table_begins_and_ends_where_it_should():
    signals = tabulated_signals(20.0, 0.5)
    assert signals[0] == 0
    assert signals[1] == 0.02  # 0.01 expected events
    assert signals[-1] == 20.0
    steps = np.diff(signals[1:])
    assert (steps > 0).all()
    assert (steps < np.maximum(0.0101, 0.00301 * signals[2:])).all()


def test_of_the_background_alone_nothing_is_left_to_exclude():
    """Without a signal in them, a cls limit excludes nothing below the first power it has."""
    problem = counting_problem(3.0)
    table = table_of(problem, 1500, THROWN[:8], kind="cls")
    ((_, limit, status),) = limits_of(table, [0], 3.0)
    assert status == Status.ok
    assert limit == pytest.approx(2.303, abs=0.15)


def test_every_signal_is_excluded():
    """b = 5 and no event: less than one dataset in a hundred has so few without a signal."""
    table = table_of(counting_problem(5.0), 1000, THROWN[:8], kind="upper")
    ((_, limit, status),) = limits_of(table, [0], 5.0)
    assert status == Status.all_signals_excluded
    assert limit == 0.01
    table = table_of(counting_problem(5.0), 1000, THROWN[:8])
    ((low, limit, status),) = limits_of(table, [0], 5.0, two_sided=True)
    assert status == Status.ok
    assert low == 0
    assert limit > 0.3


def coverage(ends, b, signals):
    """Poisson probability of the intervals of 0, 1, … events to hold a signal."""
    held = [(low <= signals) & (signals <= high) for low, high in ends]
    law = stats.poisson.pmf(np.arange(len(ends))[:, np.newaxis], signals + b)
    return (law * held).sum(axis=0)


def exact_ends(numbers, b, signals, level, upper):
    """Lower and upper end of some numbers of events, by sums of Poisson probabilities."""
    critical = np.array([exact_critical(signal, b, level, upper) for signal in signals]) + 1e-9
    ends = []
    for n in numbers:
        t = poisson_t(n, signals, b)
        inside = signals[(np.where(n - b > signals, 0.0, t) if upper else t) <= critical]
        ends.append((0.0 if upper else min(inside), max(inside, default=0.0)))
    return ends


@pytest.mark.slow
@pytest.mark.parametrize("b", [1e-9, 0.36, 1.0, 5.0])
def test_coverage_of_every_signal(b):
    """In steps of 0.01 events, against that of the exact construction."""
    problem, n_toys, numbers = counting_problem(b), 8000, np.arange(45)
    nodes = plan(THROWN, 1.0, False)
    toys = throw(problem, "redrawn", nodes, n_toys, streams_of(THROWN, n_toys, f"{b}"))
    tabulated = tabulated_signals(THROWN[-1], 1.0)
    signals = np.round(np.arange(0.02, 15.001, 0.01), 2)
    dense = np.arange(0.005, 40, 0.005)
    for kind in ("unified", "upper"):
        upper = kind == "upper"
        values = critical_values(toys, tabulated, 0.9, upper, False)
        table = np.column_stack([tabulated, values])[upper:]
        effective = table[(table[:, 0] >= 0.02) & (table[:, 0] <= 15), 4].min()
        assert effective > 20_000
        limits = limits_of(table, numbers, b, two_sided=not upper)
        # Of an upper limit, the lower end is NaN; beyond the last signal, both.
        ends = [(0.0 if upper else low, high) for low, high, _ in limits if not np.isnan(high)]
        covered = coverage(ends, b, signals)
        error = 4 * np.sqrt(0.09 / effective)
        assert covered.min() > 0.9 - error

        low, exact, high = (
            exact_ends(numbers, b, dense, level, upper) for level in (0.9 - error, 0.9, 0.9 + error)
        )
        # An error of the toys moves the teeth of the saw.
        steady = np.abs(coverage(low, b, signals) - coverage(high, b, signals)) < 0.01
        far = (np.abs(signals[:, np.newaxis] - np.ravel(exact)) > 0.05).all(axis=1)
        assert (steady & far).mean() > 0.4
        np.testing.assert_allclose(
            covered[steady & far], coverage(exact, b, signals)[steady & far], atol=0.01
        )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("b", "known"), [(1e-9, {0: 2.303}), (1.0, {0: 2.303, 3: 5.711}), (5.0, {})]
)
def test_cls_is_the_ratio_of_p_values_at_every_limit(b, known):
    numbers = np.arange(0, 13)
    limits = limits_of(table_of(counting_problem(b), 5000, kind="cls"), numbers, b)
    for n, (_, limit, status) in zip(numbers, limits, strict=True):
        assert status == Status.ok
        ratio = stats.poisson.cdf(n, limit + b) / stats.poisson.cdf(n, b)
        assert 0.092 < ratio < 0.108
    for n, limit in known.items():
        assert limits[n][1] == pytest.approx(limit, rel=0.03)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("b", "n", "low", "high"),
    [
        (1e-9, 0, 0.0, 2.44),
        (1e-9, 1, 0.105, 4.36),
        (1e-9, 2, 0.53, 5.91),
        (1e-9, 3, 1.10, 7.42),
        (0.36, 0, 0.0, 2.08),
        (0.36, 2, 0.18, 5.55),
        (1.0, 5, 1.25, 8.98),
    ],
)
def test_known_intervals_with_many_toys_and_a_coarse_grid(coarse_tables, b, n, low, high):
    """Upper ends within 1 %, lower ends within 0.02, whatever the grid."""
    table = coarse_tables(b)
    assert table[table[:, 0] < 12, 4].min() > 20_000
    ((low_end, high_end, _),) = limits_of(table, [n], b, two_sided=True)
    assert low_end == pytest.approx(low, abs=0.02)
    assert high_end == pytest.approx(high, rel=0.01)


@pytest.fixture(scope="module")
def coarse_tables():
    """Tables of toys thrown at a third of the signals, three times as many at each."""
    tables = {}

    def table(b):
        if b not in tables:
            tables[b] = table_of(
                counting_problem(b), 40_000, THROWN[[0, 2, 5, 8, 11, 14]], threads=2
            )
        return tables[b]

    return table
