"""Whether the errors of medians and bands are true: five independent seeds against each other.

Each seed throws its own trials and calibrates with its own toys. A pull is a quantile's distance
from the mean of the five, over its error and √(1 − 1/5).

Run with `python benchmarks/seeds.py [--threads N]`.
"""

import argparse
import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd

from zeptobarn import load_study
from zeptobarn.inference.load import build_templates, make_model
from zeptobarn.study.settings import Interval
from zeptobarn.summary.summary import ERRORS, summarise
from zeptobarn.templates.toys import throw

ROOT = Path(__file__).parents[1]
SEEDS = range(101, 106)
DETECTOR, MASSES_GEV = "xenon1t", (10, 50, 1000)
INTERVALS = (
    Interval("nominal", {"leff": 0}, ()),
    Interval("profiled", {}, ("leff",)),
    Interval("unified", {}, ("leff",), "unified"),
)
QUANTILES = ("minus1sigma_cm2", "median_cm2", "plus1sigma_cm2")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    study = dataclasses.replace(
        load_study(ROOT / "config/config.yaml"),
        masses_GeV=MASSES_GEV,
        critical_values="toys",
        intervals=INTERVALS,
    )
    backgrounds = [source.name for source in study.detectors[DETECTOR].sources]
    templates = build_templates(study, DETECTOR, [*study.signals(), *backgrounds])
    summaries = []
    for seed in SEEDS:
        own = dataclasses.replace(study, seed=seed)
        toys = throw(own, DETECTOR, templates, range(1, study.trials + 1))
        for mass in MASSES_GEV:
            model = make_model(own, DETECTOR, mass, "SI", {DETECTOR: templates})
            model = dataclasses.replace(model, critical_values=model.calibrate(given.threads))
            summaries.append(summarise(model.limits(toys, given.threads)).assign(seed=seed))
    table = pd.concat(summaries)
    rows = []
    for (at_mass, interval), group in table.groupby(["mass_GeV", "interval"]):
        for name in QUANTILES:
            values, errors = group[name].to_numpy(), group[ERRORS[name]].to_numpy()
            pulls = (values - values.mean()) / (errors * np.sqrt(1 - 1 / len(SEEDS)))
            rows.append(
                {
                    "mass_GeV": at_mass,
                    "interval": interval,
                    "quantile": name.removesuffix("_cm2"),
                    "mean_cm2": values.mean(),
                    "error_percent": 100 * errors.mean() / values.mean(),
                    "scatter_percent": 100 * values.std(ddof=1) / values.mean(),
                    "largest_pull": np.abs(pulls).max(),
                    "squares": (pulls**2).mean(),
                }
            )
    result = pd.DataFrame(rows)
    print(result.drop(columns="squares").to_string(index=False, float_format="%.3g"))
    print(f"rms of the pulls: {np.sqrt(result['squares'].mean()):.2f}")


if __name__ == "__main__":
    main()
