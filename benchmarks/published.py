"""Our limits beside published ones: XENON1T's first search, and LZ's projection.

XENON1T: the 63 published events and the median over background-only datasets, with what the paper
used: v0 = 220 km/s, q̃ with the asymptotic critical value, leff profiled. Formula backgrounds once
as they are here, once as in the published toy model (``reach: ignore``).

LZ: the median by q̃ and by t̃ at every mass of the published curves, asymptotic, leff profiled,
v0 = 220 km/s.

`make bench-published` prints the tables of docs/validation.md.
"""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from zeptobarn import load_study
from zeptobarn.inference.load import build_templates, make_model
from zeptobarn.inference.model import Model
from zeptobarn.study.study import Interval, Study
from zeptobarn.summary.published import read_published
from zeptobarn.templates.templates import Template
from zeptobarn.templates.toys import throw

ROOT = Path(__file__).parents[1]
TRIALS = 1000
MASSES_GEV = (10, 20, 30, 50, 100, 200, 1000)
INTERVALS = (
    Interval("q", {}, ("leff",)),
    Interval("t", {}, ("leff",), "unified"),
)


def main() -> None:
    study = dataclasses.replace(
        load_study(ROOT / "config/config.yaml"),
        halo="xenon2017",
        critical_values="asymptotic",
        intervals=INTERVALS,
    )
    print(xenon1t(study).to_string(index=False), lz(study).to_string(index=False), sep="\n\n")


def xenon1t(study: Study) -> pd.DataFrame:
    """Observed and median limits over the published ones."""
    published = read_published(ROOT / "resources/published/xenon1t_2017.csv")
    study = dataclasses.replace(study, masses_GeV=MASSES_GEV)
    events = ROOT / "resources/observed/xenon1t_sr0_events.csv"
    rows: dict[float, dict[str, float]] = {mass: {"mass_GeV": mass} for mass in MASSES_GEV}
    for name, changes in (
        ("", {}),
        ("_ignore", {"reach": "ignore"}),
        ("_nest", {"yields": {"nr": "nest", "er": "er_polynomial"}}),
    ):
        changed = with_numbers(study, "xenon1t", changes)
        for model in models(changed, "xenon1t", MASSES_GEV):
            row, toys = (
                rows[model.mass_GeV],
                throw(changed, "xenon1t", model.templates["xenon1t"], range(1, TRIALS + 1)),
            )
            limits = model.interval_limits(toys, "q")["limit_cm2"]
            for kind, value in (
                ("limit", model.limit(events, "q").cm2),
                ("median_sensitivity", float(limits.median())),
            ):
                row[f"{kind}{name}"] = value / interpolated(published, kind, model.mass_GeV)
    return pd.DataFrame(rows.values()).round(2)


def lz(study: Study) -> pd.DataFrame:
    """Medians by q̃ and t̃ over the published ones."""
    curves = [
        read_published(ROOT / f"resources/published/{name}.csv")
        for name in ("lz_projected_preprint2018", "lz_projected")
    ]
    points = pd.concat(curves).sort_values("mass_GeV")
    masses = tuple(points["mass_GeV"].unique().tolist())
    study = dataclasses.replace(study, masses_GeV=masses)
    medians: dict[float, dict[str, float]] = {}
    for model in models(study, "lz", masses):
        toys = throw(study, "lz", model.templates["lz"], range(1, TRIALS + 1))
        medians[model.mass_GeV] = {
            interval.name: float(model.interval_limits(toys, interval.name)["limit_cm2"].median())
            for interval in INTERVALS
        }
    return pd.DataFrame(
        {
            "curve": points["label"],
            "mass_GeV": points["mass_GeV"],
            "published_cm2": points["cross_section_cm2"],
            "q": [medians[m]["q"] for m in points["mass_GeV"]] / points["cross_section_cm2"],
            "t": [medians[m]["t"] for m in points["mass_GeV"]] / points["cross_section_cm2"],
        }
    ).round({"q": 2, "t": 2})


def models(study: Study, detector: str, masses_GeV: tuple[float, ...]) -> list[Model]:
    """Make the models of several masses, all responses computed once."""
    backgrounds = [source.name for source in study.detectors[detector].sources]
    templates: dict[str, Template] = build_templates(
        study, detector, [*study.signals(), *backgrounds]
    )
    return [make_model(study, detector, m, "SI", {detector: templates}) for m in masses_GeV]


def with_numbers(study: Study, detector: str, changes: Mapping[str, Any]) -> Study:
    """Change numbers of a detector; ``reach`` is one of each formula."""
    original = study.detectors[detector]
    changes = dict(changes)
    reach = changes.pop("reach", None)
    sources = tuple(
        dataclasses.replace(source, formula={**source.formula, "reach": reach})
        if reach and source.formula
        else source
        for source in original.sources
    )
    apparatus = dataclasses.replace(original.apparatus, **changes)
    changed = dataclasses.replace(original, apparatus=apparatus, sources=sources)
    return dataclasses.replace(study, detectors={**study.detectors, detector: changed})


def interpolated(published: pd.DataFrame, kind: str, mass_GeV: float) -> float:
    """Cross section of a published curve, interpolated in logarithms."""
    rows = published[published["kind"] == kind].sort_values("mass_GeV")
    x, y = np.log(rows["mass_GeV"].astype(float)), np.log(rows["cross_section_cm2"].astype(float))
    return float(np.exp(np.interp(np.log(mass_GeV), x, y)))


if __name__ == "__main__":
    main()
