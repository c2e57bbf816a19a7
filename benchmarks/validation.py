"""Our limits beside published ones: the tables of docs/validation.md, written by `make validation`.

Searches: XENON1T's first and LZ's first, from their events, as `snakemake observed` has set the
limits of ``config/xenon1t_sr0.yaml`` and ``config/lz_ws2022.yaml``; and what another choice, where
there is one, would give, by asymptotic critical values.

Projections: LZ's, the median by q̃ and by t̃ at every mass of the published curves, asymptotic,
leff profiled, v0 = 220 km/s.
"""

import dataclasses
import shutil
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
import yaml

from zeptobarn import load_study
from zeptobarn.inference.load import build_templates, make_model
from zeptobarn.inference.model import Model
from zeptobarn.study.settings import Interval
from zeptobarn.study.study import Study
from zeptobarn.summary.observed_table import read_observed
from zeptobarn.summary.published import read_published
from zeptobarn.summary.sample import fair_sample, quantile
from zeptobarn.support import paths
from zeptobarn.templates.templates import Template
from zeptobarn.templates.toys import throw

ROOT = Path(__file__).parents[1]
FILE = ROOT / "docs/validation.md"
CONFIG = ROOT / "config/config.yaml"
TRIALS, CHOICE_TRIALS = 1000, 300
BANDS = ("minus2sigma_cm2", "minus1sigma_cm2", "plus1sigma_cm2", "plus2sigma_cm2")
PROJECTED = (
    Interval("q", {}, ("leff",)),
    Interval("t", {}, ("leff",), "unified"),
)
# Column, masses (GeV/c², from and below), and how far from the published one it may be.
Goals = Sequence[tuple[str, float, float, float]]
XENON1T_GOALS: Goals = [
    ("observed", 30, 1001, 0.10),
    ("median", 30, 1001, 0.10),
    ("observed", 10, 30, 0.30),
    ("median", 10, 30, 0.30),
]
LZ_GOALS: Goals = [
    ("median", 30, 1009, 0.15),
    ("power-constrained", 30, 1009, 0.15),
    ("observed", 9, 46, 0.35),
    ("observed", 46, 1009, 0.20),
]
# Another choice: keys of the study, and of a detector file that starts from the search's own.
Choices = Mapping[str, tuple[Mapping[str, Any], Mapping[str, Any]]]
XENON1T_CHOICES: Choices = {
    "headline": ({}, {}),
    "`formula_reach: detector`": ({"formula_reach": "detector"}, {}),
    "`yields: nr: nest`": ({}, {"yields": {"nr": "nest"}}),
}
_TWICE = {"path": "resources/efficiencies/lz_ws2022_nr_published.csv"}
PLAIN = {
    "shapes": [],
    "intervals": [{"name": "unified", "kind": "unified", "profiled": []}],
}
LZ_CHOICES: Choices = {
    "headline": ({}, {}),
    "thresholds twice": ({}, {"efficiencies": {"nuclear_recoils": _TWICE}}),
    "no ER skewness": ({}, {"yields": {"nest": {"er_skewness": 0}}}),
    "captures as β": (
        PLAIN,
        {"sources": [{"name": name, "charge_ratio": None} for name in ("xe127", "xe124")]},
    ),
}


def main() -> None:
    """Write the tables of the sections that are named, or of all, into their places."""
    for name in sys.argv[1:] or SECTIONS:
        tables = SECTIONS[name]()
        print(tables)
        FILE.write_text(placed(FILE.read_text(encoding="utf-8"), name, tables), encoding="utf-8")


def xenon1t() -> str:
    """XENON1T's first search: limits, goals, other choices."""
    return section("xenon1t_sr0", "xenon1t", "xenon1t_2017", XENON1T_GOALS, XENON1T_CHOICES)


def lz() -> str:
    """LZ's first search."""
    return section("lz_ws2022", "lz_ws2022", "lz_ws2022", LZ_GOALS, LZ_CHOICES)


def section(name: str, detector: str, published: str, goals: Goals, choices: Choices) -> str:
    """Tables of a search.

    Parameters
    ----------
    name
        Of the overlay in ``config``.
    published
        File in ``resources/published``.
    """
    curves = read_published(ROOT / f"resources/published/{published}.csv")
    numbers = search(name, detector, curves)
    tables = [search_table(numbers), goal_table(numbers, goals)]
    return "\n".join([*tables, choice_table(name, detector, curves, choices)])


def search(name: str, detector: str, curves: pd.DataFrame) -> pd.DataFrame:
    """Our limits and the published ones: a row per mass; pairs of columns, ours and ``_published``.

    Parameters
    ----------
    name
        Of the overlay in ``config``.
    curves
        See `zeptobarn.summary.published.read_published`.
    """
    study = load_study(CONFIG, ROOT / f"config/{name}.yaml")
    file = ROOT / study.path(paths.OBSERVED, target=detector, interaction="SI", suffix="parquet")
    ours = read_observed(study, detector, "SI", file).set_index("mass_GeV")
    masses = ours.index.to_numpy()
    limits = dict(iter(curves[curves["kind"] == "limit"].groupby("label")))
    medians = curves[curves["kind"] == "median_sensitivity"]
    constrained, *raw = sorted(limits, key=len)  # the longer label says what is not done
    table = pd.DataFrame({"observed": ours["limit_cm2"]})
    table["observed_published"] = at(limits[(raw or [constrained])[0]], masses)
    if raw:
        table["power-constrained"] = ours["power_constrained_limit_cm2"]
        table["power-constrained_published"] = at(limits[constrained], masses)
    table["median"] = ours["median_cm2"]
    table["median_published"] = at(medians, masses)
    for band in BANDS:
        label = band.replace("minus", "−").replace("plus", "+").replace("sigma_cm2", "σ")
        table[label] = ours[band]
        table[f"{label}_published"] = at(medians, masses, band)
    for column in ("p0_asymptotic", "p0_toys"):
        table[column] = ours[column]
    return table


def search_table(numbers: pd.DataFrame) -> str:
    """Limits (cm²) with their ratio to the published ones, ratios of the bands, and p₀."""
    rows = pd.DataFrame({"GeV/c²": [f"{mass:g}" for mass in numbers.index]}, index=numbers.index)
    for column in ("observed", "power-constrained", "median"):
        if column in numbers:
            rows[f"{column} (cm²)"] = numbers[column].map("{:.3g}".format)
            rows["published" + " " * len(rows.columns)] = numbers[f"{column}_published"].map(
                "{:.3g}".format
            )
            rows["ratio" + " " * len(rows.columns)] = ratio(numbers, column).map(
                "**{:.2f}**".format
            )
    for column in ("−2σ", "−1σ", "+1σ", "+2σ"):
        rows[column] = ratio(numbers, column).map("{:.2f}".format)
    rows["p₀"] = numbers["p0_asymptotic"].map("{:.3f}".format)
    if numbers["p0_toys"].notna().any():
        rows["p₀, toys"] = numbers["p0_toys"].map("{:.3f}".format)
    return markdown(rows)


def goal_table(numbers: pd.DataFrame, goals: Goals) -> str:
    """Which goals are met, and by which mass they are not."""
    rows = []
    for column, low, high, largest in goals:
        inside = ratio(numbers, column)[(numbers.index >= low) & (numbers.index < high)]
        missed = inside[(inside - 1).abs() > largest]
        rows.append(
            {
                "goal": f"{column} within {100 * largest:.0f} %",
                "GeV/c²": f"{inside.index[0]:g} to {inside.index[-1]:g}",
                "ratios": f"{inside.min():.2f} to {inside.max():.2f}",
                "met": "yes" if missed.empty else f"not at {listed(missed.index)}",
            }
        )
    return markdown(pd.DataFrame(rows))


def choice_table(
    name: str,
    detector: str,
    curves: pd.DataFrame,
    choices: Choices,
) -> str:
    """Observed and median limits of each choice over the published ones, asymptotic."""
    columns: dict[str, pd.Series] = {}
    raw = curves[curves["kind"] == "limit"].groupby("label")
    observed = raw.get_group(max(raw.groups, key=len))
    medians = curves[curves["kind"] == "median_sensitivity"]
    for choice, (study_keys, detector_keys) in choices.items():
        limits = asymptotic_limits(chosen(name, detector, study_keys, detector_keys))
        masses = limits.index.to_numpy()
        columns[f"observed, {choice}"] = limits["observed"] / at(observed, masses)
        columns[f"median, {choice}"] = limits["median"] / at(medians, masses)
    table = pd.DataFrame(columns)
    rows = table.map("{:.2f}".format)
    rows.insert(0, "GeV/c²", [f"{mass:g}" for mass in table.index])
    return markdown(rows)


def chosen(
    name: str, detector: str, study_keys: Mapping[str, Any], detector_keys: Mapping[str, Any]
) -> Study:
    """Give a search's study with other keys, of a detector that starts from its own."""
    settings = yaml.safe_load((ROOT / f"config/{name}.yaml").read_text(encoding="utf-8"))
    observed = settings["observed"][detector]
    settings |= {
        "detectors": ["choice"],
        "critical_values": "asymptotic",
        "observed": {"choice": {"file": str(ROOT / observed["file"])}},
        "published": {},
        **study_keys,
    }
    with TemporaryDirectory() as folder:
        # Detectors are looked for beside config.yaml; what they name is shipped.
        config = Path(shutil.copytree(ROOT / "config", Path(folder) / "config"))
        overlay, file = config / "choice.yaml", config / "detectors/choice.yaml"
        overlay.write_text(yaml.safe_dump(settings), encoding="utf-8")
        file.write_text(yaml.safe_dump({"base": detector, **detector_keys}), encoding="utf-8")
        return load_study(config / "config.yaml", overlay)


def asymptotic_limits(study: Study) -> pd.DataFrame:
    """Observed limit and median over background-only datasets (cm²), by mass."""
    detector, interval = next(iter(study.detectors)), study.intervals[0].name
    rows = {}
    for model in models(study, detector, study.masses_GeV):
        toys = throw(study, detector, model.templates[detector], range(1, CHOICE_TRIALS + 1))
        limits = model.limits(toys)
        rows[model.mass_GeV] = {
            "observed": model.limit(study.observed[detector].file, interval).cm2,
            "median": quantile(fair_sample(limits[limits["interval"] == interval]), 0.5),
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def projection() -> str:
    """LZ's medians by q̃ and t̃ over the published ones."""
    study = dataclasses.replace(
        load_study(CONFIG), halo="xenon2017", critical_values="asymptotic", intervals=PROJECTED
    )
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
        limits = model.limits(toys)
        medians[model.wimp_mass_GeV] = {
            interval.name: quantile(fair_sample(limits[limits["interval"] == interval.name]), 0.5)
            for interval in PROJECTED
        }
    published = points["cross_section_cm2"]
    ratios = {
        label: ([medians[m][name] for m in points["mass_GeV"]] / published).map("{:.2f}".format)
        for name, label in (("q", "q̃"), ("t", "t̃"))
    }
    return markdown(
        pd.DataFrame(
            {
                "curve": points["label"],
                "GeV/c²": points["mass_GeV"].map("{:g}".format),
                "published (cm²)": published.map("{:.4g}".format),
                **ratios,
            }
        )
    )


def models(study: Study, detector: str, masses_GeV: tuple[float, ...]) -> list[Model]:
    """Make the models of several masses, all responses computed once."""
    backgrounds = [source.name for source in study.detectors[detector].sources]
    templates: dict[str, Template] = build_templates(
        study, detector, [*study.signals(), *backgrounds]
    )
    return [make_model(study, detector, m, "SI", {detector: templates}) for m in masses_GeV]


def at(
    curve: pd.DataFrame, masses_GeV: np.ndarray[Any, Any], column: str = "cross_section_cm2"
) -> np.ndarray[Any, Any]:
    """Cross sections of a published curve, interpolated in logarithms."""
    rows = curve.sort_values("mass_GeV")
    x, y = np.log(rows["mass_GeV"].astype(float)), np.log(rows[column].astype(float))
    return np.asarray(np.exp(np.interp(np.log(masses_GeV), x, y)))


def ratio(numbers: pd.DataFrame, column: str) -> pd.Series:
    """Ours over the published, by mass."""
    return numbers[column] / numbers[f"{column}_published"]


def listed(masses_GeV: Iterable[float]) -> str:
    """Masses in words."""
    return ", ".join(f"{mass:g}" for mass in masses_GeV)


def markdown(table: pd.DataFrame) -> str:
    """Give a table of texts as Markdown; spaces around the names of columns are left out."""
    lines = [
        [str(name).strip() for name in table.columns],
        ["---"] * len(table.columns),
        *table.to_numpy().tolist(),
    ]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def placed(text: str, name: str, tables: str) -> str:
    """Put tables in their place in a text, between the comments that bear their name."""
    begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->\n"
    before, _, rest = text.partition(begin)
    _, _, after = rest.partition(end)
    return before + begin + tables + end + after


SECTIONS: Mapping[str, Callable[[], str]] = {
    "xenon1t_sr0": xenon1t,
    "lz_ws2022": lz,
    "lz_projection": projection,
}

if __name__ == "__main__":
    main()
