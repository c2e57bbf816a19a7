"""A signal in a detector, or in several: likelihood and limits, as a notebook holds them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import pandas as pd
import scipy
from numpy.typing import NDArray

from zeptobarn.inference.answers import Discovery, Limit, limit_of_row
from zeptobarn.inference.asymptotics import asymptotic, one_sided, two_sided
from zeptobarn.inference.calibration import calibrate, covered
from zeptobarn.inference.construction import acceptance
from zeptobarn.inference.events import Observation, sort_observed, sort_toys
from zeptobarn.inference.intervals import no_results
from zeptobarn.inference.problem import Data, Problem, asimov, assemble, find_limits, fits_at
from zeptobarn.inference.results import (
    COVERAGE_UNITS,
    calibration_rows,
    coverage_rows,
    joined,
    limit_rows,
)
from zeptobarn.inference.signal_likeness import signal_likeness, thrown_as_fitted
from zeptobarn.inference.status import Status
from zeptobarn.study import labels
from zeptobarn.study.settings import Interval
from zeptobarn.study.signals import Signal
from zeptobarn.study.study import Study
from zeptobarn.support import paths
from zeptobarn.templates.observed import Events
from zeptobarn.templates.templates import Template
from zeptobarn.templates.toys import Toys, throw

# Columns of a calibration: the critical value, and one standard deviation of its toys off.
_CRITICAL_VALUES = ("critical_value", "critical_value_low", "critical_value_high")
T = TypeVar("T")
# Which columns hold the areas; of a combination, by detector.
Columns = Mapping[str, str] | Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class Model:
    """A signal and the backgrounds of a detector or a combination; make one with `load_model`.

    Attributes
    ----------
    target
        The detector or the combination.
    interaction, mass_GeV
        Of a WIMP; of a signal that was given, its name and None.
    templates
        Templates by detector and source.
    critical_values
        Calibrated critical values, where the study asks for them: a row per interval and
        signal, see `zeptobarn.inference.calibration.calibrate`.
    """

    study: Study
    target: str
    interaction: str
    mass_GeV: float | None
    templates: Mapping[str, Mapping[str, Template]]
    critical_values: pd.DataFrame | None = None

    def __repr__(self) -> str:
        backgrounds = ", ".join(
            f"{name if len(self.templates) == 1 else f'{detector} {name}'} "
            f"{self._nominal_rate(detector, name) * template.nominal.sum():.3g}"
            for detector, templates in self.templates.items()
            for name, template in templates.items()
            if name != self.signal
        )
        return (
            f"<{self.target}, {self.tested.label}: expects "
            f"{labels.counted(self.signal_events, 'events', '.3g')} at {self.reference}; "
            f"backgrounds: {backgrounds}>"
        )

    def _nominal_rate(self, detector: str, source: str) -> float:
        return self.study.detectors[detector].source(source).nominal_rate

    @property
    def signal(self) -> str:
        """Name of the signal source."""
        return self.tested.name

    @property
    def tested(self) -> Signal:
        """The signal that limits are set on."""
        return self.study.tested(self.interaction, self.mass_GeV)

    @property
    def wimp_mass_GeV(self) -> float:
        """Mass of the WIMP (GeV/c²); a signal that was given has none."""
        if self.mass_GeV is None:
            raise ValueError(f"{self.tested.label}: found a given signal; allowed: a WIMP")
        return self.mass_GeV

    @property
    def reference(self) -> str:
        """What rate multiplier 1 stands for, in words."""
        if self.mass_GeV is None:
            return f"rate multiplier 1 ({self.tested.unit})"
        return f"{self.study.reference_cross_section_cm2:g} cm²"

    @property
    def reference_value(self) -> float:
        """What rate multiplier 1 is in the unit of the limits; 1 of a signal that was given."""
        return 1.0 if self.mass_GeV is None else self.study.reference_cross_section_cm2

    @property
    def signal_events(self) -> float:
        """Expected signal events at rate multiplier 1 and nominal shape, all detectors."""
        return float(sum(t[self.signal].nominal.sum() for t in self.templates.values()))

    @property
    def _search_bound(self) -> float:
        """The largest signal that a limit may be (expected events)."""
        return self.study.search_bound_rate_multiplier * self.signal_events

    def toy(self, seed: int) -> pd.DataFrame | dict[str, pd.DataFrame]:
        """Throw one background-only dataset: ``cs1``, ``cs2``, ``source``.

        Of a combination: one for each detector, by name.
        """
        events = {
            name: throw(self.study, name, templates, [seed]).events.drop(columns="trial")
            for name, templates in self.templates.items()
        }
        return events if len(events) > 1 else events[self.target]

    def limit(
        self,
        data: Observation | Events | Mapping[str, Events],
        interval: str = "profiled",
        livetime_day: float | Mapping[str, float] | None = None,
        columns: Columns | None = None,
    ) -> Limit:
        """Set a limit on observed data.

        Parameters
        ----------
        data
            Events with a column for each of cS1 and cS2, under names such as ``cs1``,
            ``s1c_phd``, ``log10_cs2_pe``: a table, an array with named fields, or a CSV or
            Parquet file; of a combination, one for each detector, by name. Or what
            `observation` made of them.
        interval
            Name of one of the study's intervals.
        livetime_day
            The data's own livetime (days), where it is not the detector's.
        columns
            Which columns to take, where their names do not say it: what a column holds, and its
            name, as in ``{"cs1": "area", "log10_cs2_phd": "lgS2"}``; of a combination, one for
            each detector, by name. See `zeptobarn.templates.event_columns.choose_columns`.

        Raises
        ------
        ConfigError
            Events that cannot be right, or all events of a detector outside its analysis space;
            see `zeptobarn.templates.observed`.
        """
        chosen = self.interval(interval)
        seen = self.observation(data, livetime_day, columns)
        row = self.table(seen.data, chosen).iloc[0]
        return limit_of_row(self, chosen, row, seen)

    def discovery(
        self,
        data: Observation | Events | Mapping[str, Events],
        interval: str = "profiled",
        livetime_day: float | Mapping[str, float] | None = None,
        columns: Columns | None = None,
    ) -> Discovery:
        """Test observed data for a signal, with the asymptotic distribution of q₀.

        Parameters
        ----------
        data, livetime_day, columns
            See `limit`.
        interval
            The interval whose treatment of the nuisances is used.

        Raises
        ------
        ValueError
            There is no answer: an event that no source explains, or a fault in the templates; or
            what `limit` refuses.
        """
        problem = self.problem(self.interval(interval))
        seen = self.observation(data, livetime_day, columns)
        best, fits = fits_at(problem, seen.data, np.zeros(1))
        q0 = fits[0, 0, 0] if best[0] > 0 else 0 * best[0]
        if problem.fault or np.isnan(q0):
            raise ValueError(
                problem.fault or self.limit(data, interval, livetime_day, columns).message
            )
        significance = float(q0) ** 0.5
        return Discovery(
            float(q0),
            significance,
            float(scipy.special.ndtr(-significance)),
            seen.inside,
            seen.outside,
        )

    def limits(self, toys: Toys | Mapping[str, Toys], threads: int = 1) -> pd.DataFrame:
        """Set all of the study's limits on many datasets.

        Parameters
        ----------
        toys
            Datasets; of a combination, those of the same trials for each detector, by name.

        Returns
        -------
        A row per trial and interval: the limits as rate multiplier and in cm², the best fit, how
        signal-like the dataset is among background-only ones (NaN where it was thrown otherwise),
        the status with its message, and the number of likelihood evaluations.
        """
        datasets: dict[str, Toys] = self._by_detector("toys", toys)
        return self.study_limits(dict.fromkeys(self.study.truths, datasets), threads)

    def study_limits(
        self, datasets: Mapping[str, Mapping[str, Toys]], threads: int = 1
    ) -> pd.DataFrame:
        """Set all of the study's limits, each on the datasets that belong to it; see `limits`.

        Parameters
        ----------
        datasets
            By name of `Study.truths`, and by detector.
        """
        truth_of = self.study.truth_of
        tables = []
        for interval in self.study.intervals:
            toys = datasets[paths.anchor_name(truth_of(interval))]
            table = self.interval_limits(toys, interval.name, threads)
            place = list(table.columns).index("status")
            table.insert(place, "signal_likeness", self._signal_likeness(toys, interval))
            tables.append(table)
        return pd.concat(tables, ignore_index=True).sort_values(
            ["trial"], kind="stable", ignore_index=True
        )

    def interval_limits(
        self, toys: Toys | Mapping[str, Toys], interval: str, threads: int = 1
    ) -> pd.DataFrame:
        """Set one of the study's limits on many datasets; see `limits`.

        How signal-like the datasets are is not among the columns.
        """
        members: dict[str, Toys] = self._by_detector("toys", toys)
        trials = next(iter(members.values())).trials
        return self.table(self.data(members), self.interval(interval), trials, threads)

    def _signal_likeness(self, toys: Mapping[str, Toys], interval: Interval) -> NDArray[np.float64]:
        """How signal-like datasets are; NaN where they were thrown otherwise than they are fit."""
        problem, trials = self.problem(interval), next(iter(toys.values())).trials
        if not self.answers(interval, problem) or not thrown_as_fitted(self.study, toys, interval):
            return np.full(len(trials), np.nan)
        return signal_likeness(self.study, problem, self.data(toys), trials, self._search_bound)

    def data(self, toys: Toys | Mapping[str, Toys]) -> Data:
        """Sort datasets into bins; of a combination, trial i joins trial i of each detector."""
        return sort_toys(self.study, self._by_detector("toys", toys))

    def asimov(self, signal: float = 0.0) -> Data:
        """Give the Asimov dataset: in each bin what is expected, all nuisances nominal.

        Parameters
        ----------
        signal
            The true signal (expected events).
        """
        nominal = Interval("nominal", {s.name: 0.0 for s in self.study.shapes}, ())
        problem = self.problem(nominal)
        return asimov(problem, np.append(signal, problem.nominal[1:]))

    def problem(self, interval: Interval) -> Problem:
        """Build the likelihood of an interval."""
        return assemble(self.study, self.target, self.signal, self.templates, interval)

    def interval(self, name: str) -> Interval:
        """Give one of the study's intervals."""
        known = {interval.name: interval for interval in self.study.intervals}
        if name not in known:
            raise ValueError(f"interval: found {name!r}; allowed: {', '.join(known)}")
        return known[name]

    def calibrate(
        self,
        threads: int = 1,
        data: Observation | Events | Mapping[str, Events] | None = None,
        columns: Columns | None = None,
    ) -> pd.DataFrame:
        """Critical values of the study's intervals from toys (a ``central`` one has none).

        Parameters
        ----------
        data, columns
            Observed data, see `limit`: toys are thrown with the nuisances that fit them best at
            each signal, as a limit on them should have it; with those of the average
            background-only dataset if none are given, as for all trials of a study.

        Returns
        -------
        A row per interval and signal: ``interval, confidence_level, test_statistic,
        rate_multiplier, critical_value, critical_value_low, critical_value_high, n_effective,
        n_toys, n_failed``; see `zeptobarn.inference.calibration.calibrate`. Intervals that treat
        the nuisances alike share their toys.
        """
        alike: dict[str, list[Interval]] = {}
        for interval in filter(self.calibrates, self.study.intervals):
            alike.setdefault(interval.treatment, []).append(interval)
        tables = {
            interval.name: table
            for treatment, members in alike.items()
            for interval, table in zip(
                members,
                calibrate(
                    self.study,
                    self.problem(members[0]),
                    members,
                    [self.target, self.signal, treatment],
                    threads,
                    None if data is None else self.observation(data, None, columns).data,
                ),
                strict=True,
            )
        }
        return calibration_rows(self, tables)

    def coverage(self, threads: int = 1) -> pd.DataFrame:
        """How often the study's intervals hold the truth, at the study's coverage signals.

        Returns
        -------
        A row per interval, kind of critical value and true signal: ``interval, calibration,
        expected_events, true_rate_multiplier, n_trials, n_covered, n_failed``.
        """
        tables = []
        kinds = ["asymptotic"] + (["toys"] if self.critical_values is not None else [])
        for interval in self.study.intervals:
            problem = self.problem(interval)
            if not self.answers(interval, problem):
                continue
            critical = {kind: self.critical(interval, problem, kind) for kind in kinds}
            address = [self.target, self.signal, interval.name]
            table = covered(self.study, problem, interval, critical, address, threads)
            tables.append(coverage_rows(self, interval, table))
        return joined(tables, COVERAGE_UNITS)

    def critical(
        self,
        interval: Interval,
        problem: Problem,
        kind: str | None = None,
        exposure: NDArray[np.float64] | None = None,
        column: str = "critical_value",
    ) -> NDArray[np.float64]:
        """Critical values of an interval: rows of signal (expected events) and value.

        Parameters
        ----------
        kind
            ``asymptotic`` or ``toys``; the study's own when not given.
        exposure
            Factor on each detector's livetime, shape (detectors,).
        column
            Of the calibration: ``critical_value``, or one standard deviation of its toys off.

        Raises
        ------
        ValueError
            The study calibrates with toys, and the calibration is not there.
        """
        level = self.study.confidence_level
        if interval.kind == "central":
            return np.array([[0.0, two_sided(level)]])
        if (kind or self.study.critical_values) == "asymptotic":
            if interval.kind == "upper" and not interval.cls:
                return np.array([[0.0, one_sided(level)]])
            return asymptotic(problem, interval, level, exposure)
        if exposure is not None and not (exposure == 1).all():
            raise ValueError(
                "livetime_day: the critical values are calibrated for the detector's livetime; "
                "write the data's livetime into the detector file and calibrate again"
            )
        if self.critical_values is None:
            where = self.tested.label if self.mass_GeV is None else f"{self.mass_GeV:g} GeV/c²"
            raise ValueError(
                f"critical_values: toys, but {self.target} at {where} is not calibrated: run the "
                "workflow"
            )
        rows = self.critical_values[self.critical_values["interval"] == interval.name]
        return acceptance(
            rows["rate_multiplier"].to_numpy() * self.signal_events,
            rows[column].to_numpy(),
        )

    def calibrates(self, interval: Interval) -> bool:
        """Whether an interval has critical values from toys, where the study asks for these."""
        return interval.kind != "central" and self.answers(interval, self.problem(interval))

    def answers(self, interval: Interval, problem: Problem) -> bool:
        """Whether there is a signal to look for and a critical value above 0."""
        beyond = interval.kind != "upper" or one_sided(self.study.confidence_level) > 0
        return problem.signal_efficiency > 0 and not problem.fault and beyond

    def _by_detector(self, what: str, given: T | Mapping[str, T]) -> dict[str, T]:
        members = dict(given) if isinstance(given, Mapping) else {self.target: given}
        if set(members) != set(self.templates):
            raise ValueError(
                f"{what}: found {', '.join(members)}; needed, by name: {', '.join(self.templates)}"
            )
        return {name: members[name] for name in self.templates}

    def observation(
        self,
        data: Observation | Events | Mapping[str, Events],
        livetime_day: float | Mapping[str, float] | None = None,
        columns: Columns | None = None,
    ) -> Observation:
        """Sort one observation into bins; see `limit`. One that is sorted stays as it is."""
        if isinstance(data, Observation):
            return data
        by_detector: dict[str, Events] = self._by_detector("data", data)
        livetimes: dict[str, float] | None = None
        chosen: dict[str, Mapping[str, str]] | None = None
        if livetime_day is not None:
            livetimes = self._by_detector("livetime_day", livetime_day)
        if columns is not None:
            of_one = all(isinstance(name, str) for name in columns.values())
            named: Any = {self.target: columns} if of_one else columns
            chosen = self._by_detector("columns", named)
        return sort_observed(self.study, by_detector, livetimes, chosen)

    def table(
        self,
        data: Data,
        interval: Interval,
        trials: NDArray[np.int64] | None = None,
        threads: int = 1,
    ) -> pd.DataFrame:
        """Set an interval on datasets; see `limits` for the columns.

        Parameters
        ----------
        trials
            Their numbers; from 1 if none are given.
        """
        if trials is None:
            trials = np.arange(1, 1 + len(data.offsets))
        problem = self.problem(interval)
        error = np.full(len(trials), np.nan)
        if self.answers(interval, problem):
            calibrated = self.study.critical_values == "toys" and interval.kind != "central"
            columns = _CRITICAL_VALUES if calibrated else _CRITICAL_VALUES[:1]
            limits = find_limits(
                problem,
                data,
                [self.critical(interval, problem, None, data.exposure[0], c) for c in columns]
                + [self.critical(interval, problem, "asymptotic", data.exposure[0])] * calibrated,
                interval.kind != "upper",
                self._search_bound,
                threads,
            )
            results, simple = limits[0], limits[-1]
            if calibrated:
                error = 0.5 * (limits[2].limit - limits[1].limit)
                error[~np.isnan(results.limit) & np.isnan(error)] = np.inf
        else:
            results = simple = no_results((len(trials),), len(problem.parameters))
            if not problem.fault:
                empty = not problem.signal_efficiency > 0
                results.status[:] = Status.empty_template if empty else Status.critical_value_zero
        return limit_rows(self, interval, problem, data, trials, results, simple, error)
