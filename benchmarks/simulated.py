"""Coverage and best fits on datasets of simulated recoils, which know no templates.

Recoils are simulated one by one at the true value of leff, drawn from their spectra, and make up
datasets with a Poisson number of each source; constraint centres are redrawn around the truth. A
dataset covers where its statistic at the true signal is at most the critical value there. The
truth is what the calibration threw its toys at (the best nuisances for the background-only Asimov
dataset), and beside it leff = -1, 0 and 1, which nothing is promised for.

Signals of 0, 3 and 10 events are injected in the same way, and the best fits compared with them.

`make bench-simulated` writes docs/coverage.csv, docs/injection.csv and
docs/figures/coverage_simulated.png.
"""

import argparse
import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from zeptobarn import load_study
from zeptobarn.figures.style import BLACK, BLUE, GREEN, ORANGE, new_figure
from zeptobarn.inference.calibration import best_nuisances
from zeptobarn.inference.load import load_model
from zeptobarn.inference.model import Model
from zeptobarn.inference.problem import Data, Problem, asimov, fits_at
from zeptobarn.physics.yields import Nuisances
from zeptobarn.study.settings import Calibration, Interval
from zeptobarn.support.streams import stream
from zeptobarn.templates.building import events_per_rate
from zeptobarn.templates.sampling import rate_above_cutoff, sample_bins
from zeptobarn.templates.spectra import source_spectrum

ROOT = Path(__file__).parents[1]
DETECTOR, MASSES_GEV = "xenon1t", (10, 50)
EVENTS = (0.1, 0.3, 0.7, 1.2, 2.0, 3.0, 4.2, 6.2, 9.0, 13.0, 20.0)
INTERVALS = (
    Interval("upper", {}, ("leff",)),
    Interval("unified", {}, ("leff",), "unified"),
)
INJECTED = (0.0, 3.0, 10.0)
TRUTHS = ("conditional", "-1", "0", "1")
# Toys are thrown at the default's signals of fewer expected events: coverage ends at 20.
_CALIBRATED_EVENTS = 40
# Recoils that are simulated of the signal, of electronic recoils, and of every other source.
RECOILS = {"signal": 3_000_000, "er": 1_000_000, "other": 200_000}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--toys", type=int, default=20_000, help="datasets at each point")
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    study = load_study(ROOT / "config/config.yaml")
    signals = study.calibration.expected_events
    study = dataclasses.replace(
        study,
        critical_values="toys",
        intervals=INTERVALS,
        calibration=Calibration(10_000, tuple(n for n in signals if n < _CALIBRATED_EVENTS)),
    )
    models = [load_model(study, DETECTOR, mass) for mass in MASSES_GEV]
    injection = pd.DataFrame([row for model in models for row in injected(model, given.toys)])
    injection.to_csv(ROOT / "docs/injection.csv", index=False, float_format="%.4g")
    print(injection.to_string(index=False))
    table = pd.DataFrame(
        [row for model in models for row in measured(model, given.toys, given.threads)]
    )
    table.to_csv(ROOT / "docs/coverage.csv", index=False, float_format="%.5g")
    draw(table, ROOT / "docs/figures/coverage_simulated.png")
    known = table[table["truth"] == "conditional"].groupby(["mass_GeV", "interval"])["coverage"]
    print(table.to_string(index=False))
    print(known.agg(["min", "mean"]).to_string())


def measured(model: Model, n: int, threads: int) -> Iterator[dict[str, object]]:
    """Coverage of each interval at each true signal and leff."""
    critical_values = model.calibrate(threads)
    model = dataclasses.replace(model, critical_values=critical_values)
    problem = model.problem(INTERVALS[0])
    at_asimov = best_nuisances(problem, np.array(EVENTS))
    for events, best in zip(EVENTS, at_asimov, strict=True):
        for truth in TRUTHS:
            rate, leff = (best[1:]) if truth == "conditional" else (1.0, float(truth))
            rng = stream(7, "coverage", model.signal, str(events), truth)
            data = datasets(model, problem, events, float(rate), float(leff), n, rng)
            fitted, t = fits_at(problem, data, np.array([events]))
            for interval in INTERVALS:
                rows = model.critical(interval, problem)
                cut = np.interp(events, rows[:, 0], rows[:, 1])
                values = t[:, 0, 0]
                if interval.kind == "upper":
                    values = np.where(fitted > events, 0.0, values)
                chosen = critical_values["interval"] == interval.name
                effective = np.interp(
                    events, rows[:, 0], critical_values.loc[chosen, "n_effective"]
                )
                yield {
                    "mass_GeV": model.mass_GeV,
                    "interval": interval.name,
                    "truth": truth,
                    "leff": leff,
                    "expected_events": events,
                    "coverage": (values <= cut).mean(),
                    "error": 0.3 * np.sqrt(1 / n + 1 / effective),
                }


def injected(model: Model, n: int) -> Iterator[dict[str, object]]:
    """Best fits of the signal in datasets with a signal, and their pulls.

    The error of a pull is where the statistic of the Asimov dataset with that signal is 1 above
    its best fit.
    """
    problem = model.problem(INTERVALS[0])
    for events, best in zip(INJECTED, best_nuisances(problem, np.array(INJECTED)), strict=True):
        rng = stream(7, "injection", model.signal, str(events))
        data = datasets(model, problem, events, float(best[1]), float(best[2]), n, rng)
        fitted, _ = fits_at(problem, data, np.zeros(1))
        above = events + np.linspace(0.02, 12, 600)
        expected = asimov(problem, np.append(events, best[1:]))
        expected = dataclasses.replace(expected, centres={"leff": best[2:]})
        t = fits_at(problem, expected, above)[1][0, :, 0]
        error = float(np.interp(1.0, t, above)) - events
        pulls = (fitted - events) / error
        yield {
            "mass_GeV": model.mass_GeV,
            "injected_events": events,
            "mean": fitted.mean(),
            "median": np.median(fitted),
            "bias": fitted.mean() - events,
            "bias_error": fitted.std() / np.sqrt(n),
            "asimov_error": error,
            "pull_mean": pulls.mean(),
            "pull_rms": pulls.std(),
            "at_zero": (fitted <= 0).mean(),
            "failed": np.isnan(fitted).mean(),
        }


def datasets(
    model: Model,
    problem: Problem,
    events: float,
    er_rate: float,
    leff: float,
    n: int,
    rng: np.random.Generator,
) -> Data:
    """Throw datasets from simulated recoils (and formulas where a background is no recoil)."""
    bins, owner = [], []
    for name in (model.signal, *(s.name for s in model.study.detectors[DETECTOR].sources)):
        pool, expected = recoils(model, name, leff, rng)
        if name == model.signal:
            expected *= events / model.signal_events
        elif name == "er":
            expected *= er_rate
        counts = rng.poisson(expected, n)
        bins.append(rng.choice(pool, counts.sum()))
        owner.append(np.repeat(np.arange(n), counts))
    order = np.argsort(np.concatenate(owner), kind="stable")
    ends = np.searchsorted(np.concatenate(owner)[order], np.arange(n + 1))
    event_bins = np.concatenate(bins)[order]
    first = np.column_stack([ends[:-1], ends[1:]])
    centres = {"leff": leff + rng.standard_normal(n)}
    return Data(event_bins, np.ones(len(event_bins)), first, np.ones((n, 1)), centres)


def recoils(
    model: Model, source: str, leff: float, rng: np.random.Generator
) -> tuple[NDArray[np.int64], float]:
    """Bins of simulated recoils of a source, and how many events are expected of it."""
    study, detector = model.study, model.study.detectors[DETECTOR]
    recoil, spectrum = study.recoil(DETECTOR, source), source_spectrum(study, DETECTOR, source)
    if recoil is None or spectrum is None:
        shares = model.templates[DETECTOR][source].nominal
        return rng.choice(len(shares), 100_000, p=shares / shares.sum()), float(shares.sum())
    n = RECOILS.get("signal" if study.signal(source) else source, RECOILS["other"])
    bins = sample_bins(
        detector.apparatus, recoil, detector.space, spectrum, n, rng, Nuisances(leff=leff)
    )
    kept = bins[bins >= 0]
    rate = rate_above_cutoff(detector.apparatus, recoil, spectrum)
    return kept, rate * events_per_rate(study, DETECTOR, source) * len(kept) / n


def draw(table: pd.DataFrame, file: Path) -> None:
    """Coverage against the expected events: a panel per mass and interval."""
    looks = dict(
        zip(TRUTHS, ((BLACK, "o-"), (BLUE, "v:"), (GREEN, "s:"), (ORANGE, "^:")), strict=True)
    )
    with new_figure(7, 5.2, [file]) as figure:
        axes = figure.subplots(2, 2, sharex=True, sharey=True)
        for (key, rows), axis in zip(
            table.groupby(["mass_GeV", "interval"], sort=False), axes.ravel(), strict=True
        ):
            for truth, (colour, line) in looks.items():
                chosen = rows[rows["truth"] == truth]
                label = "as calibrated" if truth == "conditional" else f"true leff {truth}"
                axis.errorbar(
                    chosen["expected_events"], chosen["coverage"], chosen["error"],
                    fmt=line, color=colour, ms=3.5, lw=0.9, label=label,
                )  # fmt: skip
            axis.axhline(0.9, color="0.6", lw=0.8)
            axis.set_title(f"{key[0]:g} GeV/c², {key[1]}")
            axis.set(xscale="log")
        for axis in axes[-1]:
            axis.set_xlabel("true signal [expected events]")
        for axis in axes[:, 0]:
            axis.set_ylabel("coverage")
        axes[0, 0].legend()


if __name__ == "__main__":
    main()
