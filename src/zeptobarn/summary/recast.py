"""The limit of a detector on any recoil spectrum, without a study of one's own or Snakemake."""

import dataclasses
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd

from zeptobarn.inference.answers import Limit
from zeptobarn.inference.load import load_model
from zeptobarn.inference.model import Model
from zeptobarn.physics.apparatus import Recoil
from zeptobarn.physics.detector import Detector, Source, load_detector
from zeptobarn.study import labels
from zeptobarn.study.checks import check_study
from zeptobarn.study.loading import load_study
from zeptobarn.study.settings import Interval
from zeptobarn.study.signals import AS_GIVEN, RECOILS, Signal
from zeptobarn.study.study import Study
from zeptobarn.summary.detector_facts import known_rate
from zeptobarn.summary.signal_medians import summarise_signals
from zeptobarn.templates.observed import Events
from zeptobarn.templates.spectra import check_rates, check_spectrum, source_tables, total_rate
from zeptobarn.templates.templates import Template
from zeptobarn.templates.toys import throw

Spectrum = pd.DataFrame | str | Path
# Name of the signal where it needs one.
_NAME = "given"


@dataclass(frozen=True)
class Recast:
    """What a detector says of a recoil spectrum; rates are multiples of the given spectrum.

    Attributes
    ----------
    limit
        The upper end: on the observed events, or the median over background-only datasets where
        there are none. NaN where there is no limit.
    low
        The lower end of a two-sided interval on observed events; else NaN.
    observed
        The limit with its best fit, status and counts of events; None without events.
    median, minus2sigma, minus1sigma, plus1sigma, plus2sigma
        Quantiles of the upper end over background-only datasets.
    n_trials, n_failed
        Of these datasets, and those of them without a limit.
    efficiency
        Share of the spectrum's recoils, of all energies, that are accepted into the analysis space.
    signal_events
        Expected signal events in the analysis space at rate 1.
    background_events
        Expected events of each background in the analysis space.
    assumptions
        Detector and exposure, statistic, critical values and nuisances, in sentences.
    """

    limit: float
    low: float
    observed: Limit | None
    median: float
    minus2sigma: float
    minus1sigma: float
    plus1sigma: float
    plus2sigma: float
    n_trials: int
    n_failed: int
    efficiency: float
    signal_events: float
    background_events: Mapping[str, float]
    assumptions: tuple[str, ...]

    def __str__(self) -> str:
        backgrounds = ", ".join(f"{k} {v:.3g}" for k, v in self.background_events.items())
        background = labels.counted(sum(self.background_events.values()), "events", ".4g")
        rows = {
            "expected": f"{self.median:.4g} × {AS_GIVEN} (−2σ … +2σ: {self.minus2sigma:.4g}, "
            f"{self.minus1sigma:.4g}, {self.plus1sigma:.4g}, {self.plus2sigma:.4g}; "
            f"{self.n_trials} background-only datasets, {self.n_failed} without a limit)",
            "signal": f"{labels.counted(self.signal_events, 'events', '.4g')} at rate 1; accepted: "
            f"{100 * self.efficiency:.3g} % of the recoils",
            "background": f"{background} ({backgrounds})",
        }
        if self.observed is not None:
            rows = {"observed": str(self.observed), **rows}
        lines = [f"{name + ':':<12}{text}" for name, text in rows.items()]
        return "\n".join([*lines, "assumed:", *(f"- {text}" for text in self.assumptions)])


def recast(
    spectrum: Spectrum | tuple[Spectrum | None, Spectrum | None],
    detector: str | Path,
    events: Events | None = None,
    interval: str = "unified",
    study: Study | None = None,
) -> Recast:
    """Set a detector's limit on the rate of a recoil spectrum.

    The first time, the detector's response takes a minute, and so does a calibration with toys of
    each new spectrum; both are kept in the user's cache folder.

    Parameters
    ----------
    spectrum
        Of nuclear recoils: a DataFrame, CSV or Parquet file with the columns
        ``recoil_energy_keV`` and ``rate_per_kg_day_keV``; or a pair, of nuclear and of electronic
        recoils, either of which may be None. Of both, the signal is the sum.
    detector
        Name of one of the study's detectors or of a shipped one, or a detector file.
    events
        Observed events, see `Model.limit`.
    interval
        Name of one of the study's intervals.
    study
        Whose shape parameters, intervals, critical values and number of trials are used; the
        default study's if none is given.

    Raises
    ------
    ConfigError
        A file, a table or the events cannot be right; the message says where.
    ValueError
        The study has no such interval.
    """
    pair = spectrum if isinstance(spectrum, tuple) else (spectrum, None)
    given = {r: one for r, one in zip(RECOILS, pair, strict=True) if one is not None}
    if not given:
        raise ValueError("spectrum: found none; needed: one of nuclear or of electronic recoils")
    with TemporaryDirectory() as folder:
        files = {recoil: _file(one, Path(folder), recoil) for recoil, one in given.items()}
        alone = study_of_one(load_study() if study is None else study, detector, files)
        model = load_model(alone, next(iter(alone.detectors)), signal=_NAME)
        return _answer(model, model.interval(interval), events)


def study_of_one(study: Study, detector: str | Path, files: Mapping[Recoil, str]) -> Study:
    """Leave of a study one detector, which it need not have, and a given signal.

    A shape parameter that all of the study's detectors have is one of another detector, too.
    """
    one = _detector(study, detector)
    shapes = tuple(
        dataclasses.replace(shape, detectors=(one.name,))
        for shape in study.shapes
        if one.name in shape.detectors or set(shape.detectors) == set(study.detectors)
    )
    names = [shape.name for shape in shapes]
    intervals = tuple(
        dataclasses.replace(
            each,
            fixed={name: value for name, value in each.fixed.items() if name in names},
            profiled=tuple(name for name in each.profiled if name in names),
        )
        for each in study.intervals
    )
    signal = Signal(_NAME, None, AS_GIVEN, AS_GIVEN, tuple(files), "#D55E00", dict(files))
    alone = dataclasses.replace(
        study,
        detectors={one.name: one},
        combined={},
        interactions=(),
        masses_GeV=(),
        given_signals=(signal,),
        shapes=shapes,
        intervals=intervals,
        published={},
    )
    check_study(alone, "recast")
    check_rates(alone)
    return alone


def _detector(study: Study, detector: str | Path) -> Detector:
    known = study.detectors.get(str(detector))
    return load_detector(detector) if known is None else known


def _file(spectrum: Spectrum, folder: Path, recoil: Recoil) -> str:
    """Give a spectrum's file; of a table, one in a folder."""
    if not isinstance(spectrum, pd.DataFrame):
        return str(spectrum)
    file = folder / f"{recoil}.parquet"
    check_spectrum(spectrum, f"spectrum ({recoil})").to_parquet(file)
    return str(file)


def _answer(model: Model, interval: Interval, events: Events | None) -> Recast:
    study, (detector,) = model.study, model.study.detectors.values()
    templates = model.templates[detector.name]
    observed = None if events is None else model.limit(events, interval.name)
    trials = range(study.first_trial, study.first_trial + study.trials)
    toys = throw(study, detector.name, templates, trials, study.truth_of(interval))
    alone = dataclasses.replace(model, study=dataclasses.replace(study, intervals=(interval,)))
    row = summarise_signals(study, alone.limits(toys, os.cpu_count() or 1)).iloc[0]
    quantiles = {
        name: float(row[f"{name}_rate_multiplier"])
        for name in ("median", "minus2sigma", "minus1sigma", "plus1sigma", "plus2sigma")
    }
    tables = source_tables(study, detector.name, model.signal).values()
    recoils = detector.exposure_kg_day * sum(map(total_rate, tables))
    return Recast(
        limit=quantiles["median"] if observed is None else observed.rate_multiplier,
        low=np.nan if observed is None else observed.low_rate_multiplier,
        observed=observed,
        **quantiles,
        n_trials=int(row["n_trials"]),
        n_failed=int(row["n_failed"]),
        efficiency=model.signal_events / recoils,
        signal_events=model.signal_events,
        background_events={
            source.name: float(source.nominal_rate * templates[source.name].nominal.sum())
            for source in detector.sources
        },
        assumptions=_assumptions(study, detector, interval, templates),
    )


def _assumptions(
    study: Study, detector: Detector, interval: Interval, templates: Mapping[str, Template]
) -> tuple[str, ...]:
    return (
        f"{detector.title}: {detector.livetime_day:g} d × {detector.fiducial_mass_kg:g} kg",
        f"{labels.claim(interval)}; {labels.study_level(study, [interval])}",
        f"backgrounds: {_rates(detector.sources, templates)}; the signal's rate is free",
    )


def _rates(sources: Sequence[Source], templates: Mapping[str, Template]) -> str:
    """Say which rates are free, constrained, and fixed, and how well they are known."""
    groups: dict[str, list[str]] = {}
    for source in sources:
        how = known_rate(source, float(templates[source.name].nominal.sum()))
        groups.setdefault(how.replace("_", "-"), []).append(source.name)
    return "; ".join(f"{how}: {', '.join(names)}" for how, names in groups.items())
