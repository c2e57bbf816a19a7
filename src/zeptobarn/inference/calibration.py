"""Critical values from toys (Neyman's construction), and how often intervals hold the truth."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd

from zeptobarn.inference.constraints import precision, spread
from zeptobarn.inference.construction import (
    Ensemble,
    Nodes,
    critical_values,
    plan,
    tabulated_signals,
)
from zeptobarn.inference.crossing import SLACK
from zeptobarn.inference.problem import Data, Problem, asimov, fits_at, predict, reaching
from zeptobarn.inference.strata import Expected
from zeptobarn.inference.terms import LOG_NORMAL
from zeptobarn.inference.throwing import alias_table, throw_and_fit
from zeptobarn.study.settings import Interval
from zeptobarn.study.study import Study
from zeptobarn.support.config import ConfigError
from zeptobarn.support.jit import Floats
from zeptobarn.support.streams import stream

# Toys that share a random stream: how many jobs or threads there are changes nothing.
BLOCK = 500

# Expected events of a signal that changes no nuisance but by standing where nothing else does.
_SMALL = 1e-6

# A critical value that fewer effective toys decide is refused.
LEAST_EFFECTIVE = 2000


def calibrate(
    study: Study,
    problem: Problem,
    intervals: Sequence[Interval],
    address: Sequence[str],
    threads: int = 1,
    data: Data | None = None,
) -> list[pd.DataFrame]:
    """Critical values of intervals that treat the nuisances alike, from the same toys.

    Toys are thrown at the study's calibration signals, with the nuisances that fit a dataset best
    there (see `best_nuisances`), and serve all signals in between; see
    `zeptobarn.inference.construction`.

    Parameters
    ----------
    intervals
        None of them ``central``.
    address
        Whose calibration it is: it names the random streams.
    data
        A dataset whose nuisances the toys get; the background-only Asimov one if none.

    Returns
    -------
    Of each interval, a row per signal: ``signal`` (expected events at nominal shape),
    ``critical_value``, the same one standard deviation of the toys lower and higher
    (``critical_value_low``, ``critical_value_high``), the effective number of toys
    (``n_effective``), and how many were thrown in all and of these had no fit (their statistic
    counts as infinite).

    Raises
    ------
    ConfigError
        Somewhere fewer than `LEAST_EFFECTIVE` toys would decide.
    """
    thrown = np.array(study.calibration.expected_events) / problem.signal_efficiency
    toys = throw(
        problem,
        study.constraint_centres,
        plan(thrown, problem.signal_efficiency, any(interval.cls for interval in intervals)),
        study.calibration.toys,
        [
            _streams(study, study.calibration.toys, "calibration", *address, k)
            for k in range(len(thrown))
        ],
        threads,
        data,
    )
    signals = tabulated_signals(float(thrown[-1]), problem.signal_efficiency)
    tables = []
    for interval in intervals:
        values = critical_values(
            toys,
            signals,
            study.confidence_level,
            interval.kind == "upper",
            interval.cls,
            threads,
        )
        table = pd.DataFrame(
            values,
            columns=["critical_value", "critical_value_low", "critical_value_high", "n_effective"],
        ).assign(signal=signals, n_toys=toys.best.size, n_failed=int(np.isnan(toys.best).sum()))
        # Of an upper limit, 0 is never above: there is nothing to calibrate.
        table = table[table["signal"] > 0] if interval.kind == "upper" else table
        worst = table.sort_values("n_effective").iloc[0]
        if worst["n_effective"] < LEAST_EFFECTIVE:
            raise ConfigError(
                f"calibration: {worst['n_effective']:.0f} effective toys at "
                f"{worst['signal'] * problem.signal_efficiency:.3g} expected events; needed: "
                f"{LEAST_EFFECTIVE}: raise calibration.toys, or add signals to "
                "calibration.expected_events there"
            )
        tables.append(table.reset_index(drop=True))
    return tables


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
    A row per calibration and true signal: ``calibration, expected_events, signal, n_trials,
    n_covered, n_failed`` (failed fits do not cover).
    """
    n = study.coverage.toys
    expected = np.array(study.coverage.expected_events)
    signals = expected / problem.signal_efficiency
    truths = best_nuisances(problem, signals)
    rows = []
    for k, signal in enumerate(signals):
        streams = _streams(study, n, "coverage", *address, k)
        best, statistics = throw_statistics(
            problem, truths[k], study.constraint_centres, signals[[k]], n, streams, threads
        )
        values = _statistic(interval, best, signals[[k]], statistics)[:, 0]
        for name, table in critical.items():
            cut = np.interp(signal, table[:, 0], table[:, 1])
            inside = int((values <= cut + SLACK).sum())
            failed = int(np.isnan(values).sum())
            rows.append((name, expected[k], signal, n, inside, failed))
    columns = ["calibration", "expected_events", "signal", "n_trials", "n_covered", "n_failed"]
    return pd.DataFrame(rows, columns=columns)


def best_nuisances(problem: Problem, signals: Floats, data: Data | None = None) -> Floats:
    """Parameters that are best at each signal; of the background-only Asimov dataset, if none.

    Where the data hold an event that no background explains, their likelihood without a signal is
    0 whatever the nuisances, and those are given that a small signal leaves.

    Returns
    -------
    Shape (signals, F + P), the signal's rate first.
    """
    if data is None:
        data = asimov(problem, problem.background)
    fits = fits_at(problem, data, signals)[1][0]
    impossible = np.isinf(fits[:, 0])
    if impossible.any():
        small = np.array([_SMALL / problem.signal_efficiency])
        fits[impossible, 2:] = fits_at(problem, data, small)[1][0, :, 2:]
    return np.ascontiguousarray(fits[:, 1:])


def throw(
    problem: Problem,
    constraint_centres: str,
    nodes: Nodes,
    n_toys: int,
    streams: Sequence[Sequence[np.random.Generator]],
    threads: int = 1,
    data: Data | None = None,
) -> Ensemble:
    """Throw toys at signals, and take statistic and density of each at the nodes around its own.

    Parameters
    ----------
    constraint_centres
        See `throw_statistics`.
    streams
        Of each signal, a random generator for every `BLOCK` toys.
    data
        See `best_nuisances`.
    """
    n_signals, n_nodes = len(nodes.thrown), len(nodes.nodes)
    truths = best_nuisances(problem, nodes.nodes, data)
    most = int((nodes.last - nodes.first).max())
    totals, logs = log_densities(problem, truths)
    ensemble = Ensemble(
        nodes.nodes,
        nodes.thrown,
        nodes.first,
        np.full((n_signals, n_toys), np.nan),
        np.full((n_signals, most, n_toys), np.nan),
        np.full((n_signals, most, n_toys), np.nan),
        np.full((n_signals, most, n_toys), np.nan),
        np.zeros((n_signals, n_nodes, n_toys)),
        expected_at(problem, truths, logs, constraint_centres),
        problem.signal_efficiency,
    )
    for k in range(n_signals):
        here = nodes.nodes[nodes.first[k] : nodes.last[k]]
        n, density = len(here), np.zeros((n_toys, n_nodes))
        statistic, curves = np.full((n_toys, n), np.nan), np.full((n_toys, 2, n), np.nan)
        _throw(
            problem,
            truths[nodes.thrown[k]],
            constraint_centres,
            here,
            streams[k],
            truths,
            totals,
            logs,
            ensemble.best[k],
            statistic,
            curves,
            density,
            threads,
        )
        ensemble.statistic[k, :n] = statistic.T
        ensemble.slope[k, :n] = (curves[:, 0] * here).T
        ensemble.bend[k, :n] = (curves[:, 1] * here**2 + curves[:, 0] * here).T
        ensemble.log_density[k] = (density - density[:, [nodes.thrown[k]]]).T
    return ensemble


def throw_statistics(
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
    best = np.full(n_toys, np.nan)
    statistics = np.full((n_toys, len(signals)), np.nan)
    nowhere = np.empty((0, len(truth)))
    _throw(
        problem,
        truth,
        constraint_centres,
        signals,
        streams,
        nowhere,
        *log_densities(problem, nowhere),
        best,
        statistics,
        np.empty((n_toys, 2, len(signals))),
        np.empty((n_toys, 0)),
        threads,
    )
    return best, statistics


def _throw(
    problem: Problem,
    truth: Floats,
    constraint_centres: str,
    signals: Floats,
    streams: Sequence[np.random.Generator],
    others: Floats,
    totals: Floats,
    logs: Floats,
    best: Floats,
    statistics: Floats,
    curves: Floats,
    densities: Floats,
    threads: int,
) -> None:
    """Fill best fits, t̃ and its derivatives at signals, and ln of the density at ``others``.

    ``totals`` and ``logs`` are what `log_densities` gives for ``others``.
    """
    expected = predict(problem, truth)
    tables = [alias_table(bins) for bins in expected]
    share = np.concatenate([table[0] for table in tables])
    other = np.concatenate([table[1] for table in tables])
    means = np.array([bins.sum() for bins in expected])
    redrawn = constraint_centres == "redrawn"
    measured = problem.centres({}, 1)[0]
    spreads = spread(problem.structure.constraints)
    structure = reaching(problem, float(np.max(signals, initial=0.0)))

    def fill(i: int) -> None:
        rows = slice(i * BLOCK, min((i + 1) * BLOCK, len(best)))
        throw_and_fit(
            streams[i],
            structure,
            means,
            problem.first_bin,
            share,
            other,
            truth,
            measured,
            redrawn,
            spreads,
            signals,
            others,
            totals,
            logs,
            best[rows],
            statistics[rows],
            curves[rows],
            densities[rows],
        )

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(fill, range(len(streams))))


def log_densities(problem: Problem, parameters: Floats) -> tuple[Floats, Floats]:
    """Expected events at each of many points, and ln of those in bins, shape (bins, points)."""
    bins = np.empty((len(problem.structure.density), len(parameters)))
    for k, at in enumerate(parameters):
        bins[:, k] = np.concatenate(predict(problem, at))
    with np.errstate(divide="ignore"):
        return bins.sum(axis=0), np.log(bins)


def expected_at(
    problem: Problem, parameters: Floats, logs: Floats, constraint_centres: str
) -> Expected:
    """What toys are thrown from at each of many points; ``logs`` as `log_densities` gives it."""
    constraints = problem.structure.constraints
    in_logs = constraints[:, 0] == LOG_NORMAL
    centres = parameters.copy()
    centres[:, in_logs] = np.log(centres[:, in_logs])
    redrawn = constraint_centres == "redrawn"
    return Expected(logs, centres, precision(constraints) * (1.0 if redrawn else 0.0))


def _streams(study: Study, n_toys: int, *address: str | int) -> list[np.random.Generator]:
    return [stream(study.seed, *address, block) for block in range(-(-n_toys // BLOCK))]


def _statistic(interval: Interval, best: Floats, signals: Floats, statistics: Floats) -> Floats:
    """q̃ or t̃ of toys, as the interval needs it."""
    if interval.kind != "upper":
        return statistics
    return np.where(best[:, np.newaxis] > signals, 0.0 * statistics, statistics)
