"""Critical values: asymptotic, or from toys thrown at each signal (Neyman's construction).

Formulas are those of Cowan, Cranmer, Gross and Vitells, EPJC 71 (2011) 1554, with x = μ/σ the
signal over its standard deviation; x² is the statistic of the background-only Asimov dataset.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from math import exp

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.special import log_ndtr, ndtr, ndtri

from zeptobarn import intervals
from zeptobarn.intervals import SLACK, Structure, scans
from zeptobarn.jit import Floats, Ints, kernel
from zeptobarn.likelihood import LOG_NORMAL, UNCONSTRAINED
from zeptobarn.problem import Problem, asimov, predict, scan, solve
from zeptobarn.streams import stream
from zeptobarn.study import Interval, Study

# Toys that share a random stream: how many jobs or threads there are changes nothing.
BLOCK = 500


def one_sided(confidence_level: float) -> float:
    """Asymptotic critical value of q̃: Φ⁻¹(CL)², and 0 at and below a confidence level of 0.5.

    Exact where the limit lies above 1.28 σ (at 90 %), conservative below.

    Examples
    --------
    >>> round(one_sided(0.9), 4), one_sided(0.45)
    (1.6424, 0.0)
    """
    return float(max(ndtri(confidence_level), 0.0) ** 2)


def two_sided(confidence_level: float) -> float:
    """Asymptotic critical value of an unbounded t: Φ⁻¹((1 + CL)/2)².

    Examples
    --------
    >>> round(two_sided(0.9), 4)
    2.7055
    """
    return float(ndtri(0.5 + 0.5 * confidence_level) ** 2)


def unified(confidence_level: float, x: float) -> float:
    """Asymptotic critical value of t̃, with the best fit bounded at 0.

    The distribution is F(t) = 2Φ(√t) − 1 for t ≤ x², and Φ(√t) + Φ((t + x²)/2x) − 1 above.

    Examples
    --------
    >>> [round(unified(0.9, x), 3) for x in (0.1, 0.5, 1.0, 1.5, 2.0)]
    [1.642, 1.898, 2.463, 2.695, 2.706]
    """
    limit = two_sided(confidence_level)
    if x * x >= limit:
        return limit
    low = max(x * x, 1e-300)

    def excess(t: float) -> float:
        return float(ndtr(t**0.5) + ndtr((t + x * x) / (2 * max(x, 1e-150))) - 1 - confidence_level)

    return limit if excess(limit) < 0 else float(brentq(excess, low, limit, xtol=1e-12))


def cls(confidence_level: float, x: float) -> float:
    """Value of q̃ at which CLs = p_μ / (1 − p_b) is 1 − CL.

    Examples
    --------
    >>> [round(cls(0.9, x), 3) for x in (0.5, 1.0, 3.0, 8.0)]
    [4.397, 3.834, 1.71, 1.642]
    """

    def excess(q: float) -> float:
        # In logarithms: both p-values vanish for small x.
        above, background = -(q**0.5), x - q**0.5
        if q > x * x:
            above, background = -(q + x * x) / (2 * x), (x * x - q) / (2 * x)
        return float(log_ndtr(above) - log_ndtr(background) - np.log(1 - confidence_level))

    return float(brentq(excess, 0.0, 100.0, xtol=1e-12))


def quantile(statistics: Floats, confidence_level: float) -> tuple[float, float]:
    """Smallest c with P(t ≤ c) ≥ CL over toys, and its error from the neighbouring order.

    Examples
    --------
    >>> quantile(np.arange(1.0, 101.0), 0.9)
    (90.0, 3.0)
    """
    ordered = np.sort(np.where(np.isnan(statistics), np.inf, statistics))
    n = len(ordered)
    at = int(np.ceil(confidence_level * n - 1e-9)) - 1
    off = int(np.ceil(np.sqrt(n * confidence_level * (1 - confidence_level))))
    low, high = ordered[max(at - off, 0)], ordered[min(at + off, n - 1)]
    return float(ordered[at]), float((high - low) / 2)


def cls_quantile(
    signal: Floats, background: Floats, confidence_level: float
) -> tuple[float, float]:
    """Largest value of q̃ that CLs does not exclude, from toys with and without the signal."""
    signal = np.sort(np.where(np.isnan(signal), np.inf, signal))
    background = np.sort(np.where(np.isnan(background), np.inf, background))
    values = np.unique(np.concatenate([signal, background]))
    above = 1 - np.searchsorted(signal, values) / len(signal)
    of_background = 1 - np.searchsorted(background, values) / len(background)
    kept = values[above > (1 - confidence_level) * of_background]
    return float(kept[-1]), quantile(signal, confidence_level)[1]


def asymptotic(
    problem: Problem, interval: Interval, confidence_level: float, exposure: Floats | None = None
) -> Floats:
    """Critical values of a unified or CLs interval, from the background-only Asimov dataset.

    Parameters
    ----------
    exposure
        Factor on each detector's livetime, shape (detectors,).

    Returns
    -------
    Rows of signal (expected events) and critical value, shape (n, 2): from where it is that of
    no signal to where it is that of a large one.
    """
    value = cls if interval.cls else unified
    data = asimov(problem, np.append(0.0, problem.nominal[1:]), exposure)
    row = np.full((1, intervals.NUISANCES + len(problem.parameters)), np.nan)
    solve(problem, data, np.array([[0.0, 1.0]]), False, 1e300, row)
    signals = row[0, intervals.LIMIT] * np.geomspace(0.02, 12.0, 161)
    _, found = scan(problem, data, signals)
    x = np.sqrt(found[0, :, 0])
    values = [value(confidence_level, at) for at in x]
    return np.column_stack([np.append(signals, 1e300), np.append(values, values[-1])])


def calibrate(
    study: Study, problem: Problem, interval: Interval, address: Sequence[str], threads: int = 1
) -> pd.DataFrame:
    """Critical values from toys thrown at each of the study's calibration signals.

    Parameters
    ----------
    address
        Whose calibration it is: it names the random streams.

    Returns
    -------
    A row per signal: ``signal`` (expected events at nominal shape), ``critical_value`` with its
    error, the number of toys and of those whose fit failed (they count as infinite).
    """
    level, n = study.confidence_level, study.calibration.toys
    signals = np.array(study.calibration.expected_events) / problem.signal_efficiency
    truths = best_nuisances(problem, signals)
    background = np.empty((n, 0))
    if interval.cls:
        streams = _streams(study, n, "background", *address)
        best, found = throw_and_scan(
            problem, truths[0], study.constraint_centres, signals, n, streams, threads
        )
        background = _statistic(interval, best, signals, found)
    rows = []
    for k, signal in enumerate(signals):
        streams = _streams(study, n, "calibration", *address, k)
        best, found = throw_and_scan(
            problem, truths[k], study.constraint_centres, signals[[k]], n, streams, threads
        )
        values = _statistic(interval, best, signals[[k]], found)[:, 0]
        if interval.cls:
            critical, error = cls_quantile(values, background[:, k], level)
        else:
            critical, error = quantile(values, level)
        rows.append((signal, critical, error, n, int(np.isnan(values).sum())))
    return pd.DataFrame(
        rows, columns=["signal", "critical_value", "critical_value_error", "n_toys", "n_failed"]
    )


def covered(
    study: Study,
    problem: Problem,
    interval: Interval,
    critical: Mapping[str, Floats],
    address: Sequence[str],
    threads: int = 1,
) -> pd.DataFrame:
    """How often intervals hold the truth, over toys of their own at each true signal.

    A signal is in the interval where its statistic is at most the critical value.

    Parameters
    ----------
    critical
        Critical values by kind of calibration: rows of signal and value.

    Returns
    -------
    A row per calibration and true signal: ``calibration, signal, n_trials, n_covered,
    n_failed`` (failed fits do not cover).
    """
    n = study.coverage.toys
    signals = np.array(study.coverage.expected_events) / problem.signal_efficiency
    truths = best_nuisances(problem, signals)
    rows = []
    for k, signal in enumerate(signals):
        streams = _streams(study, n, "coverage", *address, k)
        best, found = throw_and_scan(
            problem, truths[k], study.constraint_centres, signals[[k]], n, streams, threads
        )
        values = _statistic(interval, best, signals[[k]], found)[:, 0]
        for name, table in critical.items():
            cut = np.interp(signal, table[:, 0], table[:, 1])
            inside = int((values <= cut + SLACK).sum())
            rows.append((name, signal, n, inside, int(np.isnan(values).sum())))
    return pd.DataFrame(
        rows, columns=["calibration", "signal", "n_trials", "n_covered", "n_failed"]
    )


def best_nuisances(problem: Problem, signals: Floats) -> Floats:
    """Parameters that are best at each signal for the background-only Asimov dataset."""
    data = asimov(problem, np.append(0.0, problem.nominal[1:]))
    return np.asarray(scan(problem, data, signals)[1][0, :, 1:])


def throw_and_scan(
    problem: Problem,
    truth: Floats,
    constraint_centres: str,
    signals: Floats,
    n_toys: int,
    streams: Sequence[np.random.Generator],
    threads: int = 1,
) -> tuple[Floats, Floats]:
    """Throw toys and take their t̃ at some signals.

    Parameters
    ----------
    truth
        True values of the parameters, the signal's first; shape (F + P,).
    constraint_centres
        ``redrawn``: each toy draws where its constraints are centred, around the true values;
        ``fixed``: they are centred on the nominal ones.
    signals
        Signals (expected events) at which t̃ is taken, shape (n,).
    streams
        A random generator for every `BLOCK` toys.

    Returns
    -------
    best, statistics
        Best-fit signals, shape (toys,), and t̃, shape (toys, n); NaN where a fit failed.
    """
    expected = predict(problem, truth)
    tables = [alias_table(bins) for bins in expected]
    share = np.concatenate([table[0] for table in tables])
    other = np.concatenate([table[1] for table in tables])
    means = np.array([bins.sum() for bins in expected])
    best, found = np.full(n_toys, np.nan), np.full((n_toys, len(signals)), np.nan)

    def fill(i: int) -> None:
        rows = slice(i * BLOCK, min((i + 1) * BLOCK, n_toys))
        _toys(
            streams[i],
            problem.structure,
            means,
            problem.first_bin,
            share,
            other,
            truth,
            problem.nominal,
            constraint_centres == "redrawn",
            signals,
            best[rows],
            found[rows],
        )

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(fill, range(len(streams))))
    return best, found


def _streams(study: Study, n_toys: int, *address: str | int) -> list[np.random.Generator]:
    return [stream(study.seed, *address, block) for block in range(-(-n_toys // BLOCK))]


def _statistic(interval: Interval, best: Floats, signals: Floats, found: Floats) -> Floats:
    """q̃ or t̃ of toys, as the interval needs it."""
    if interval.kind != "upper":
        return found
    return np.where(best[:, np.newaxis] > signals, 0.0 * found, found)


def alias_table(weights: Floats) -> tuple[Floats, Ints]:
    """Walker's table for drawing an index in proportion to weights, two numbers a draw.

    Returns
    -------
    share, other
        The index i of a uniform draw stays with probability share[i], else it is other[i].
    """
    n = len(weights)
    share = np.asarray(weights, dtype=float) * (n / max(weights.sum(), 1e-300))
    other = np.arange(n)
    low = [i for i in range(n) if share[i] < 1]
    high = [i for i in range(n) if share[i] >= 1]
    while low and high:
        i, j = low.pop(), high[-1]
        other[i] = j
        share[j] -= 1 - share[i]
        if share[j] < 1:
            low.append(high.pop())
    for i in low + high:
        share[i] = 1.0
    return share, other


@kernel()
def _toys(
    rng: np.random.Generator,
    structure: Structure,
    means: Floats,
    starts: Ints,
    share: Floats,
    other: Ints,
    truth: Floats,
    nominal: Floats,
    redrawn: bool,
    signals: Floats,
    best: Floats,
    found: Floats,
) -> None:
    datasets, size = len(means), len(truth)
    drawn, exposure = nominal.copy().reshape(1, size), np.ones((1, datasets))
    first = np.zeros((1, datasets + 1), dtype=np.int64)
    one, table = np.empty(1), np.empty((1, len(signals), 1 + size))
    for toy in range(len(best)):
        for d in range(datasets):
            first[0, d + 1] = first[0, d] + rng.poisson(means[d])
        bins = np.empty(first[0, datasets], dtype=np.int64)
        for d in range(datasets):
            n = starts[d + 1] - starts[d]
            for i in range(first[0, d], first[0, d + 1]):
                at = rng.random() * n
                k = min(int(at), n - 1)
                b = starts[d] + k
                bins[i] = b if at - k < share[b] else starts[d] + other[b]
        for p in range(1, size):
            kind, width = int(structure.constraints[p, 0]), structure.constraints[p, 1]
            if redrawn and kind != UNCONSTRAINED:
                pull = width * rng.standard_normal()
                drawn[0, p] = truth[p] * exp(pull) if kind == LOG_NORMAL else truth[p] + pull
        scans(structure, bins, np.ones(len(bins)), first, exposure, drawn, signals, one, table)
        best[toy] = one[0]
        found[toy] = table[0, :, 0]
