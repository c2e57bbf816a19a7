"""How signal-like background-only datasets are, by a number whose distribution is known exactly.

A limit is nearly a function of one number, how much likelier a dataset is with a signal of about
the limit's size than without (see `zeptobarn.inference.strata`),

L = Σ over events of ln(λ₊/λ₋) + what the constraints' centres say.

How often L lies below a value needs no trials. With each event's part rounded to a step of a fine
grid, in the datasets and in the law alike, the sum over events is a whole number of steps, whose
distribution is compound Poisson and has no error but that of the arithmetic. Trials therefore carry
the probability of a smaller L, and quantiles over them count what it says rather than what chance
made of it, see `zeptobarn.summary.sample`.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from zeptobarn.inference.asymptotics import one_sided
from zeptobarn.inference.calibration import best_nuisances, expected_at, log_densities
from zeptobarn.inference.problem import Data, Problem, asimov, find_limits
from zeptobarn.inference.strata import Expected
from zeptobarn.inference.terms import LOG_NORMAL
from zeptobarn.study.settings import Interval
from zeptobarn.study.study import Study
from zeptobarn.support.jit import Floats, Ints
from zeptobarn.templates.toys import Toys

# The signal expects at least so many events: a smaller one sees little but whether there are some.
_LEAST_EVENTS = 3.0
# Steps of the grid, over so many standard deviations of L to either side of its mean.
_STEPS, _DEVIATIONS = 2**16, 12.0
# What an event may add to L, where a signal leaves next to none of what is expected.
_LARGEST = 50.0
# Centres that move L by fewer steps (one standard deviation) are left out of it.
_FEWEST_STEPS = 16
# Multiples of it, without their whole parts, are as even as can be (Weyl's sequence).
_GOLDEN = 0.5 * (5**0.5 - 1)


class Law(NamedTuple):
    """The distribution of L over background-only datasets.

    Attributes
    ----------
    steps
        What an event of each bin adds to L, shape (bins,).
    pull
        What a unit of each constraint's centre adds to it, in steps, shape (parameters,); 0 of all
        if they hardly move it.
    first
        The first step of the grid.
    mass
        Probability of each step, shape (steps,), of what the events add; ``below``, that L lies
        below a step's upper end, the centres with it.
    """

    steps: Ints
    pull: Floats
    first: int
    mass: Floats
    below: Floats


def signal_likeness(
    study: Study, problem: Problem, data: Data, trials: Ints, bound: float
) -> Floats:
    """Probability that a background-only dataset is less signal-like than each one.

    The signal is the asymptotic upper limit of the average background-only dataset, or what
    expects three events if that is more, with the nuisances that fit this dataset best there.

    Parameters
    ----------
    data
        Datasets thrown without a signal, all nuisances at the problem's nominal values.
    trials
        Their numbers, shape (datasets,): datasets of the same L, as those without events, share
        its probability in an order that is the numbers' alone.
    bound
        The largest signal (expected events at nominal shape) that a limit may be.

    Returns
    -------
    Uniform between 0 and 1 over datasets, shape (datasets,); NaN if no such signal can be fitted.
    """
    average = asimov(problem, problem.background)
    critical = np.array([[0.0, one_sided(study.confidence_level)]])
    (upper,) = find_limits(problem, average, [critical], False, bound)
    signal = np.fmax(upper.limit[0], _LEAST_EVENTS / problem.signal_efficiency)
    nodes = np.vstack([problem.background, best_nuisances(problem, np.array([signal]))])
    if not np.isfinite(nodes).all():
        return np.full(len(trials), np.nan)
    logs = log_densities(problem, nodes)[1]
    centres = data.centres_of(problem)
    in_logs = problem.structure.constraints[:, 0] == LOG_NORMAL
    centres[:, in_logs] = np.log(centres[:, in_logs])
    numbers = data.offsets[:, -1] - data.offsets[:, 0]
    dataset = np.repeat(np.arange(len(numbers)), numbers)
    law = law_of(expected_at(problem, nodes, logs, study.constraint_centres))
    # Evenly spread over any trials, and no part of any dataset.
    uniform = np.asarray(trials * _GOLDEN % 1.0, dtype=float)
    return ranks(law, data.bins, dataset, centres, uniform)


def law_of(expected: Expected) -> Law:
    """Find how L is distributed.

    Parameters
    ----------
    expected
        What datasets are thrown from without a signal (node 0) and with one (node 1).
    """
    with np.errstate(invalid="ignore"):
        ratio = expected.logs[:, 1] - expected.logs[:, 0]
    ratio = np.clip(np.nan_to_num(ratio, nan=0.0), -_LARGEST, _LARGEST)
    contents = np.exp(expected.logs[:, 0])
    pull = expected.precision @ (expected.centres[1] - expected.centres[0])
    variance = float(pull @ (expected.centres[1] - expected.centres[0]))
    spread = np.sqrt(contents @ ratio**2 + variance)
    reach = _DEVIATIONS * spread + np.abs(ratio[contents > 1e-6]).max(initial=0)
    width = max(2 * reach / _STEPS, 1e-12)
    steps = np.rint(ratio / width).astype(np.int64)
    deviation = np.sqrt(variance) / width
    if deviation < _FEWEST_STEPS:
        pull, deviation = np.zeros_like(pull), 0.0
    middle = float(pull @ expected.centres[0]) / width
    first = int(np.floor(contents @ steps + middle)) - _STEPS // 2
    transform = np.fft.rfft(np.bincount(steps % _STEPS, contents, _STEPS))
    events = np.exp(transform - transform[0])
    # A normal number is spread over many steps: its transform is that of the density on them.
    frequency = 2 * np.pi * np.arange(_STEPS // 2 + 1) / _STEPS
    normal = np.exp(-0.5 * (frequency * deviation) ** 2 - 1j * frequency * middle)
    mass, both = (np.roll(np.fft.irfft(part), -first) for part in (events, events * normal))
    return Law(steps, pull / width, first, mass, np.cumsum(both))


def ranks(law: Law, bins: Ints, dataset: Ints, centres: Floats, uniform: Floats) -> Floats:
    """Where each dataset's L lies in its distribution.

    Parameters
    ----------
    bins, dataset
        The bin of each event, and the number of the dataset that it belongs to; shape (events,).
    centres
        Where each dataset's constraints are centred, ln of it where they are log-normal; shape
        (datasets, parameters).
    uniform
        Numbers spread evenly between 0 and 1, whatever the datasets are, which share out what
        datasets of the same L have together; shape (datasets,).

    Returns
    -------
    Shape (datasets,).
    """
    found = np.zeros(len(centres), dtype=np.int64)
    np.add.at(found, dataset, law.steps[bins])
    if law.pull.any():
        ends = law.first + 0.5 + np.arange(_STEPS)
        rank = np.interp(found + centres @ law.pull, ends, law.below, left=0.0)
    else:
        at = np.clip(found - law.first, 0, _STEPS - 1)
        rank = law.below[at] + (uniform - 1.0) * law.mass[at]
    return np.asarray(np.clip(rank, 0.0, 1.0))


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
