"""The conventional finder: Brent's method as scipy has it, and its failures."""

import numpy as np
import pytest
from scipy import optimize

from counting import counting_structure, shaped_structure
from zeptobarn.failures import conventional as module
from zeptobarn.failures.conventional import (
    Bracketed,
    Evidence,
    critical_value,
    no_bracketed,
    no_evidence,
)
from zeptobarn.inference.intervals import no_results, select
from zeptobarn.inference.status import Status

CRITICAL = critical_value(0.9)


def both(
    structure,
    drawn,
    events,
    critical=CRITICAL,
    bound=1e5,
    search_bound=1e12,
    weight=1.0,
    nominal=0,
    before=(),
):
    """Both finders on one trial: the sampled bins of each signal row, the events' bins.

    ``before``: bins of events that belong to no trial, ahead of these.
    """
    filled = np.array([b for row in drawn for b in row], dtype=np.int64)
    ends = np.cumsum([len(row) for row in drawn])
    first = np.stack([ends - [len(row) for row in drawn], ends], axis=1)
    parameters = len(structure.constraints)
    evidence, conventional = no_evidence(1), no_bracketed(1)
    robust = no_results((1, 1), parameters - 1)
    robust.status[:] = Status.critical_value_zero
    centres = np.ones((1, parameters))
    centres[0, parameters - len(structure.cells) :] = 0.0
    module.both(
        structure,
        filled,
        first,
        nominal,
        weight,
        np.array([*before, *events], dtype=np.int64),
        np.ones(len(before) + len(events)),
        np.array([[len(before), len(before) + len(events)]]),
        np.ones((1, 1)),
        centres,
        critical,
        bound,
        search_bound,
        critical > 0,
        evidence,
        conventional,
        robust,
    )
    evidence = Evidence(*(column[0] for column in evidence))
    conventional = Bracketed(*(column[0] for column in conventional))
    return evidence, conventional, select(robust, (0, 0))


def status(row):
    return Status(row.status).name


@pytest.mark.parametrize("n", [0, 1, 3, 10, 40])
@pytest.mark.parametrize("critical", [CRITICAL, 0.1, 6.0])
def test_the_root_is_that_of_scipy(n, critical):
    """A counting experiment over 3.2: the same root, in about as many evaluations."""
    _, conventional, robust = both(counting_structure(3.2), [[0]], [0] * n, critical, bound=1e4)
    best = max(n - 3.2, 0.0)

    def excess(s):
        return 2 * (s - best - n * np.log((s + 3.2) / (best + 3.2))) - critical

    root, done = optimize.brentq(excess, best, 1e4, full_output=True)
    assert status(conventional) == "ok"
    assert conventional.limit == pytest.approx(root, rel=1e-9)
    assert conventional.best_fit == pytest.approx(best, abs=1e-5)
    assert robust.limit == pytest.approx(root, rel=1e-5)
    assert conventional.evaluations <= 2 * done.function_calls + 5


def test_the_weight_of_a_recoil_scales_the_limit():
    one = both(counting_structure(3.2), [[0]], [0] * 4)[1]
    half = both(counting_structure(3.2), [[0]], [0] * 4, weight=0.5)[1]
    two = both(counting_structure(3.2), [[0, 0]], [0] * 4, weight=0.5)
    assert half.limit == pytest.approx(2 * one.limit, rel=1e-9)
    assert two[1].limit == pytest.approx(one.limit, rel=1e-9)
    assert two[0].expected == two[0].filled_bins == 1


def test_a_bound_that_is_too_small():
    evidence, conventional, robust = both(counting_structure(3.2), [[0]], [0] * 4, bound=2.0)
    assert status(conventional) == "no_crossing"
    assert conventional.statistic_low == 0
    assert 0 < conventional.statistic_high < CRITICAL
    assert status(robust) == "ok"
    assert evidence.expected == 1


def test_a_bound_below_the_best_fit_finds_the_wrong_side():
    _, conventional, robust = both(counting_structure(3.2), [[0]], [0] * 30, bound=3.0)
    assert status(conventional) == "ok"
    assert conventional.limit < conventional.best_fit
    assert robust.limit > robust.best_fit


def test_no_recoil_passed():
    evidence, conventional, robust = both(counting_structure(3.2), [[]], [0] * 4)
    assert status(conventional) == status(robust) == "empty_template"
    assert np.isnan(conventional.limit)
    assert conventional.statistic_high == pytest.approx(0, abs=1e-9)
    assert evidence.expected == evidence.filled_bins == 0


def test_one_empty_anchor_is_enough():
    density = np.ones((2, 5, 3))
    drawn = [[0], [0, 1], [0], [], [1]]
    _, conventional, robust = both(shaped_structure(density), drawn, [0, 1], nominal=2)
    assert status(conventional) == status(robust) == "empty_template"
    filled = [[0], [0, 1], [0], [0], [1]]
    evidence, conventional, robust = both(shaped_structure(density), filled, [0, 1], nominal=2)
    assert status(conventional) == "ok"
    assert np.isfinite(robust.limit)
    assert evidence.filled_bins == 1


def test_an_event_outside_every_template():
    structure = counting_structure(3.2)
    structure = structure._replace(density=np.vstack([structure.density, [0.0, 0.0]]))
    for before in ([], [0, 0, 1, 0]):
        evidence, conventional, robust = both(structure, [[0]], [0, 0, 1], before=before)
        assert status(conventional) == status(robust) == "zero_density_event"
        assert evidence.missing == 2  # counted from the trial's own first event


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_template_that_is_not_finite(bad):
    structure = counting_structure(3.2)
    structure.density[0, 1] = structure.expected[1] = bad
    _, conventional, robust = both(structure, [[0]], [0] * 4)
    assert status(conventional) == status(robust) == "not_converged"
    assert np.isnan(conventional.limit)
    assert np.isnan(robust.limit)


def test_at_a_level_of_one_half_the_best_fit_is_taken_for_a_limit():
    _, conventional, robust = both(counting_structure(3.2), [[0]], [0] * 6, critical=0.0)
    assert status(conventional) == "ok"
    assert conventional.limit == conventional.best_fit
    assert status(robust) == "critical_value_zero"


def test_the_critical_value_is_the_mirrored_level_s():
    assert critical_value(0.5) == 0
    assert critical_value(0.45) == pytest.approx(critical_value(0.55))
