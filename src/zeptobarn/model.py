"""A WIMP mass in a detector: templates, likelihood and limits, as a notebook holds them."""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from zeptobarn import intervals, paths
from zeptobarn.density import bin_index
from zeptobarn.detector import Recoil
from zeptobarn.intervals import MESSAGES, Status, critical_value
from zeptobarn.response import simulate_response
from zeptobarn.spectra import spectrum
from zeptobarn.study import Interval, Study, limits_slice
from zeptobarn.tables import StaleResultError, write_parquet
from zeptobarn.templates import Template, events_per_rate, fold, read_template
from zeptobarn.toys import Toys, check_events, read_events, throw


@dataclass(frozen=True)
class Limit:
    """An upper limit, or the reason why there is none.

    Attributes
    ----------
    cm2
        The limit on the cross section (cm²); NaN where there is none.
    rate_multiplier
        The same, relative to the study's reference cross section.
    best_fit
        Best-fit signal rate multiplier, background rates and shape parameters, by name.
    status, message
        ``ok``, a warning, or a failure, and what to do about it.
    n_events, n_outside
        Events used, and events outside the analysis space, which are not used.
    """

    cm2: float
    rate_multiplier: float
    best_fit: dict[str, float]
    status: str
    message: str
    interval: str
    confidence_level: float
    n_events: int
    n_outside: int

    def __str__(self) -> str:
        if np.isnan(self.cm2):
            return f"no {self.interval} limit: {self.status}: {self.message}"
        warning = "" if self.status == "ok" else f" ({self.status}: {self.message})"
        return (
            f"σ < {self.cm2:.3g} cm² at {100 * self.confidence_level:g} % CL "
            f"[{self.interval}, {self.n_events} events]{warning}"
        )


@dataclass(frozen=True)
class Model:
    """A signal and the backgrounds of a detector; make one with `load_model`.

    Attributes
    ----------
    density
        Expected events per bin, shape (anchors, sources, bins): the signal, scaled to one event
        in the analysis space at the nominal anchor, the free backgrounds, and the sum of the
        fixed ones.
    signal_events
        Expected signal events at rate multiplier 1, nominal shape.
    """

    study: Study
    detector: str
    interaction: str
    mass_GeV: float
    backgrounds: dict[str, Template]
    density: NDArray[np.float64]
    signal_events: float

    def __repr__(self) -> str:
        backgrounds = ", ".join(
            f"{name} {template.nominal.sum():.3g}" for name, template in self.backgrounds.items()
        )
        return (
            f"<{self.detector}, WIMP {self.interaction} {self.mass_GeV:g} GeV/c²: expects "
            f"{self.signal_events:.3g} events at {self.study.reference_cross_section_cm2:g} cm²; "
            f"backgrounds: {backgrounds}>"
        )

    def toy(self, seed: int) -> pd.DataFrame:
        """Throw one background-only dataset: ``cs1``, ``cs2``, ``source``."""
        events = throw(self.study, self.detector, self.backgrounds, [seed]).events
        return events.drop(columns="trial")

    def limit(self, data: pd.DataFrame | str | Path, interval: str = "profiled") -> Limit:
        """Set an upper limit on observed data.

        Parameters
        ----------
        data
            Events with ``cs1`` and ``cs2`` (the detector's area unit), or a CSV file of them.
        interval
            Name of one of the study's intervals.
        """
        chosen = self._interval(interval)
        events = check_events(data, "data") if isinstance(data, pd.DataFrame) else read_events(data)
        space = self.study.detectors[self.detector].space
        bins = bin_index(space, events["cs1"].to_numpy(), events["cs2"].to_numpy())
        inside = bins >= 0
        centres = np.zeros(1)
        first = np.array([0, inside.sum()])
        table = self._limits(bins[inside], first, np.array([1]), centres, chosen)
        row = table.iloc[0]
        return Limit(
            cm2=float(row["limit_cm2"]),
            rate_multiplier=float(row["limit_rate_multiplier"]),
            best_fit={
                name.removeprefix("best_fit_"): float(row[name])
                for name in table.columns
                if name.startswith("best_fit_")
            },
            status=str(row["status"]),
            message=str(row["message"]),
            interval=interval,
            confidence_level=self.study.confidence_level,
            n_events=int(inside.sum()),
            n_outside=int((~inside).sum()),
        )

    def limits(self, toys: Toys, threads: int = 1) -> pd.DataFrame:
        """Set all of the study's limits on many datasets.

        Returns
        -------
        A row per trial and interval; the columns stand in DESIGN.md's contract: the limits as
        rate multiplier and in cm², the best fit, the status with its message, and the number of
        likelihood evaluations.
        """
        return pd.concat(
            [
                self.interval_limits(toys, interval.name, threads)
                for interval in self.study.intervals
            ],
            ignore_index=True,
        ).sort_values(["trial"], kind="stable", ignore_index=True)

    def interval_limits(self, toys: Toys, interval: str, threads: int = 1) -> pd.DataFrame:
        """Set one of the study's limits on many datasets; see `limits`."""
        chosen = self._interval(interval)
        space = self.study.detectors[self.detector].space
        trials = toys.trials
        events = toys.events
        bins = bin_index(space, events["cs1"].to_numpy(), events["cs2"].to_numpy())
        first = np.searchsorted(events["trial"].to_numpy(), np.append(trials, trials[-1] + 1))
        centres = np.zeros(len(trials))
        for name in chosen.profiled:
            centres = toys.constraint_centres(name)
        return self._limits(bins, first, trials, centres, chosen, threads)

    def _interval(self, name: str) -> Interval:
        known = {interval.name: interval for interval in self.study.intervals}
        if name not in known:
            raise ValueError(f"interval: found {name!r}; allowed: {', '.join(known)}")
        return known[name]

    def _limits(
        self,
        bins: NDArray[np.int64],
        first: NDArray[np.int64],
        trials: NDArray[np.int64],
        centres: NDArray[np.float64],
        interval: Interval,
        threads: int = 1,
    ) -> pd.DataFrame:
        free = [s.name for s in self.study.detectors[self.detector].sources if s.free]
        density, anchors = self._at(interval)
        critical = critical_value(self.study.confidence_level)
        results = np.full((len(trials), intervals.NUISANCES + len(free) + 1), np.nan)
        results[:, intervals.EVALUATIONS] = 0
        if not self.signal_events > 0 or not density[:, 0].sum() > 0:
            results[:, intervals.STATUS] = Status.empty_template
        elif critical <= 0:
            results[:, intervals.STATUS] = Status.critical_value_zero
        else:
            arguments = (
                np.ascontiguousarray(density.transpose(2, 0, 1)),
                density.sum(axis=2),
                np.ones(1 + len(free)),
                np.full(1 + len(free), np.inf),
                anchors,
            )
            bound = self.study.search_bound_rate_multiplier * self.signal_events

            def solve(part: NDArray[np.int64]) -> None:
                rows = slice(part[0], part[-1] + 1)
                intervals.upper_limits(
                    bins,
                    first[part[0] : part[-1] + 2],
                    *arguments,
                    centres[rows],
                    critical,
                    bound,
                    results[rows],
                )

            parts = np.array_split(np.arange(len(trials)), min(threads, len(trials)))
            with ThreadPoolExecutor(threads) as pool:
                list(pool.map(solve, parts))
        per_event = 1 / self.signal_events if self.signal_events > 0 else np.nan
        multiplier = results[:, intervals.LIMIT] * per_event
        status = [Status(int(value)) for value in results[:, intervals.STATUS]]
        evidence = results[:, intervals.EVIDENCE]
        nuisances = [f"best_fit_{name}_rate" for name in free]
        nuisances += [f"best_fit_{shape.name}" for shape in self.study.shapes]
        return pd.DataFrame(
            {
                "detector": self.detector,
                "interaction": self.interaction,
                "mass_GeV": float(self.mass_GeV),
                "trial": trials,
                "interval": interval.name,
                "kind": "upper",
                "confidence_level": self.study.confidence_level,
                "limit_rate_multiplier": multiplier,
                "limit_cm2": multiplier * self.study.reference_cross_section_cm2,
                "limit_low_rate_multiplier": np.nan,
                "best_fit_rate_multiplier": results[:, intervals.BEST_FIT] * per_event,
                **dict(zip(nuisances, results[:, intervals.NUISANCES :].T, strict=False)),
                "status": [s.name for s in status],
                "message": [
                    MESSAGES[s].format(evidence=f"{e:.0f}")
                    for s, e in zip(status, evidence, strict=True)
                ],
                "n_evaluations": results[:, intervals.EVALUATIONS].astype(np.int64),
            }
        )

    def _at(self, interval: Interval) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Densities at an interval's anchors: all of them, or one, interpolated, if fixed."""
        if not self.study.shapes:
            return self.density, np.zeros(1)
        shape = self.study.shapes[0]
        anchors = np.array(shape.anchors, dtype=float)
        if shape.name not in interval.fixed:
            return self.density, anchors
        value = interval.fixed[shape.name]
        k = min(max(int(np.searchsorted(anchors, value)) - 1, 0), len(anchors) - 2)
        share = (value - anchors[k]) / (anchors[k + 1] - anchors[k])
        mixed = (1 - share) * self.density[k] + share * self.density[k + 1]
        return np.ascontiguousarray(mixed[np.newaxis]), np.array([float(value)])


def load_model(study: Study, detector: str, mass_GeV: float, interaction: str = "SI") -> Model:
    """Make the model of a WIMP mass in a detector.

    Templates are read from the study's results where they are there and of this configuration;
    otherwise they are built in memory, which simulates the detector (about a minute).

    Parameters
    ----------
    study
        From `zeptobarn.load_study`.
    detector
        One of the study's detectors.
    mass_GeV
        One of the study's masses (GeV/c²).
    interaction
        One of the study's interactions.

    Raises
    ------
    ValueError
        The study has no such detector, mass or interaction.
    """
    for key, found, allowed in (
        ("detector", detector, list(study.detectors)),
        ("mass_GeV", mass_GeV, list(study.masses_GeV)),
        ("interaction", interaction, list(study.interactions)),
    ):
        if found not in allowed:
            raise ValueError(f"{key}: found {found!r}; the study has {allowed}")
    signal = paths.wimp_source(interaction, mass_GeV)
    sources = [signal, *(source.name for source in study.detectors[detector].sources)]
    files = {s: study.path(paths.TEMPLATE, detector=detector, source=s) for s in sources}
    try:
        templates = {s: read_template(study, detector, s, files[s]) for s in sources}
    except (FileNotFoundError, StaleResultError):
        templates = build_templates(study, detector, sources)
    return make_model(study, detector, mass_GeV, interaction, templates)


def build_templates(study: Study, detector: str, sources: list[str]) -> dict[str, Template]:
    """Simulate a detector and fold the spectra of some sources, all in memory."""
    threads = os.cpu_count() or 1
    recoils: dict[str, Recoil] = {s: study.recoil(detector, s) for s in sources}
    responses = {
        recoil: {
            anchor: simulate_response(study, detector, recoil, anchor, threads)
            for anchor in study.anchors(recoil)
        }
        for recoil in sorted(set(recoils.values()))
    }
    return {
        s: fold(
            spectrum(study, study.spectrum_name(detector, s)),
            responses[recoil],
            study.anchors(recoil),
            events_per_rate(study, detector, s),
        )
        for s, recoil in recoils.items()
    }


def make_model(
    study: Study,
    detector: str,
    mass_GeV: float,
    interaction: str,
    templates: dict[str, Template],
) -> Model:
    """Make a model from the templates of a signal and of all backgrounds, by source name."""
    signal = templates[paths.wimp_source(interaction, mass_GeV)]
    backgrounds = study.detectors[detector].sources
    n_anchors = len(study.anchors("nr")) if study.shapes else 1

    def spread(name: str) -> NDArray[np.float64]:
        """Give a source every anchor, whether or not it depends on the shape."""
        expected = templates[name].expected
        return np.broadcast_to(expected, (n_anchors, expected.shape[1]))

    events = float(signal.nominal.sum())
    free = [spread(source.name) for source in backgrounds if source.free]
    fixed = [spread(source.name) for source in backgrounds if not source.free]
    parts = [signal.expected / (events or 1.0), *free, sum(fixed, np.zeros_like(signal.expected))]
    return Model(
        study=study,
        detector=detector,
        interaction=interaction,
        mass_GeV=mass_GeV,
        backgrounds={source.name: templates[source.name] for source in backgrounds},
        density=np.ascontiguousarray(np.stack(parts, axis=1)),
        signal_events=events,
    )


def write_limits(model: Model, limits: pd.DataFrame, path: Path) -> None:
    """Write limits of `Model.limits`."""
    units = dict.fromkeys(limits.columns, "")
    units |= {"mass_GeV": "GeV/c²", "limit_cm2": "cm²"}
    units |= {f"best_fit_{shape.name}": "standard deviations" for shape in model.study.shapes}
    write_parquet(
        limits,
        path,
        units=units,
        config_slice=limits_slice(model.study, model.detector, model.interaction, model.mass_GeV),
        seed=model.study.seed,
    )
