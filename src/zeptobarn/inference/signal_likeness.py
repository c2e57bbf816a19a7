"""How signal-like background-only datasets are, by a number whose distribution is known exactly.

A limit is nearly a function of one number, how much likelier a dataset is with a signal of about
the limit's size than without: L of `zeptobarn.inference.strata`. How often L lies below a value
needs no trials. Trials therefore carry this probability, and quantiles over them count what it
says rather than what chance made of it, see `zeptobarn.summary.sample`.
"""

from collections.abc import Mapping

import numpy as np

from zeptobarn.inference.asymptotics import one_sided
from zeptobarn.inference.calibration import best_nuisances, expected_at, log_densities
from zeptobarn.inference.problem import Data, Problem, asimov, find_limits
from zeptobarn.inference.strata import exact_ranks, likelihood_ratios
from zeptobarn.inference.terms import LOG_NORMAL
from zeptobarn.study.settings import Interval
from zeptobarn.study.study import Study
from zeptobarn.support.jit import Floats, Ints
from zeptobarn.templates.toys import Toys

# The signal expects at least so many events: a smaller one sees little but whether there are some.
_LEAST_EVENTS = 3.0
# Multiples of it, without their whole parts, are as even as can be (Weyl's sequence).
_GOLDEN = 0.5 * (5**0.5 - 1)
# Nodes: what the datasets were thrown from, and a signal with the nuisances that fit it best.
_BACKGROUND, _SIGNAL = 0, 1


def signal_likeness(
    study: Study,
    problem: Problem,
    data: Data,
    trials: Ints,
    bound: float,
) -> Floats:
    """Probability that a background-only dataset is less signal-like than each one.

    The signal is the asymptotic upper limit of the average background-only dataset, or what
    expects three events if that is more, with the nuisances that fit this dataset best there.

    Parameters
    ----------
    data
        Datasets thrown without a signal, all nuisances at the problem's nominal values.
    trials
        Their numbers, shape (datasets,): datasets of the same L, as those without events, are
        ordered by them.
    bound
        The largest signal (expected events at nominal shape) that a limit may be.

    Returns
    -------
    Uniform between 0 and 1 over datasets, shape (datasets,).
    """
    average = asimov(problem, problem.background)
    critical = np.array([[0.0, one_sided(study.confidence_level)]])
    (upper,) = find_limits(problem, average, [critical], False, bound)
    signal = np.fmax(upper.limit[0], _LEAST_EVENTS / problem.signal_efficiency)
    nodes = np.vstack([problem.background, best_nuisances(problem, np.array([signal]))])
    logs = log_densities(problem, nodes)[1]
    expected = expected_at(problem, nodes, logs, study.constraint_centres)
    centres = data.centres_of(problem)
    in_logs = problem.structure.constraints[:, 0] == LOG_NORMAL
    centres[:, in_logs] = np.log(centres[:, in_logs])
    numbers = data.offsets[:, -1] - data.offsets[:, 0]
    dataset = np.repeat(np.arange(len(numbers)), numbers)
    ratios = likelihood_ratios(expected, _BACKGROUND, _SIGNAL, data.bins, dataset, centres)
    # Evenly spread over any trials, and no part of any dataset.
    uniform = np.asarray(trials * _GOLDEN % 1.0, dtype=float)
    return exact_ranks(expected, _BACKGROUND, _SIGNAL, _BACKGROUND, ratios, uniform)


def thrown_as_fitted(study: Study, toys: Mapping[str, Toys], interval: Interval) -> bool:
    """Whether datasets hold no signal, and were thrown where an interval's nuisances are nominal.

    Parameters
    ----------
    toys
        By detector.
    """
    for name, members in toys.items():
        rates = {f"{s.name}_rate": s.nominal_rate for s in study.detectors[name].sources}
        shapes = {s.name: interval.fixed.get(s.name, 0.0) for s in study.target_shapes(name)}
        meant = members.truth["parameter"].map({"wimp_rate": 0.0, **rates, **shapes})
        if not np.array_equal(members.truth["true_value"], meant):
            return False
    return True
