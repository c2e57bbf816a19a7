"""LZ's band of electronic recoils with and without NEST's skewness: a table of docs/validation.md.

Ours, by quadrature from `config/detectors/lz_ws2022.yaml`, beside nestpy's own quanta in a detector
that is written here once more with NumPy: they share the mean yields and the detector's numbers.
`make validation` runs it after `validation.py`, which writes the other tables.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import nestpy
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from validation import FILE, PLAIN, ROOT, chosen, markdown, placed
from zeptobarn.inference.load import build_templates
from zeptobarn.physics.apparatus import Apparatus
from zeptobarn.physics.decays import ISOTOPES, beta_shape
from zeptobarn.physics.detector import AnalysisSpace
from zeptobarn.study.study import Study
from zeptobarn.summary.detector_facts import leakage
from zeptobarn.support.streams import stream
from zeptobarn.templates.observed import read_events

Floats = NDArray[np.float64]
EVENTS = 60_000
SEED = 1
LARGEST_ER_KEV, LARGEST_NR_KEV = 20.0, 80.0
WIMP = "wimp_SI_40GeV"
SLICES_PHD = (3, 10, 20, 30, 40, 50, 65, 80)
# What nestpy takes for its own skewness.
NESTS_OWN = -999.0
# Name, factor on NEST's skewness of ours, and the skewness that nestpy is given.
CHOICES = (("headline", 1, NESTS_OWN), ("no ER skewness", 0, 0.0))
_FLAT = {"kind": "flat", "rate_per_kg_day_keV": 1.0e-5}
_SOURCES = [
    {
        "name": "tritium",
        "label": "tritium",
        "colour": "#000000",
        "recoil": "er",
        "expected_events": 1,
        "rate": "fixed",
        "spectrum": {"name": "tritium", "kind": "beta", "isotope": "tritium", "rate_per_kg_day": 1},
    },
    {
        "name": "flat_nr",
        "label": "flat",
        "colour": "#000000",
        "recoil": "nr",
        "expected_events": 1,
        "rate": "fixed",
        "spectrum": {"name": "flat_nr", **_FLAT, "range_keV": [0, LARGEST_NR_KEV]},
    },
]


@dataclass(frozen=True)
class Simulated:
    """nestpy's recoils that pass: S1c (phd), log10 of S2c (phd) and energy (keV), shape (n,)."""

    s1c: Floats
    log_s2c: Floats
    energy_keV: Floats


@dataclass(frozen=True)
class Band:
    """A choice: expected events per bin by source, and nestpy's recoils with a flat spectrum."""

    name: str
    space: AnalysisSpace
    ours: Mapping[str, Floats]
    er: Simulated


def main() -> None:
    """Write the tables into their place."""
    bands = [band(*choice) for choice in CHOICES]
    apparatus = study_of(1).detectors["choice"].apparatus
    nr = nestpy_events(apparatus, "NR", LARGEST_NR_KEV, NESTS_OWN)
    tables = "\n".join(markdown(table) for table in (leakages(bands, nr), slices(bands)))
    print(tables)
    FILE.write_text(placed(FILE.read_text(encoding="utf-8"), "lz_bands", tables), encoding="utf-8")


def leakages(bands: Sequence[Band], nr: Simulated) -> pd.DataFrame:
    """Share of electronic recoils below the median of nuclear ones at the same S1c, in per cent."""
    rows = []
    for b in bands:
        tritium = beta_shape(b.er.energy_keV, *ISOTOPES["tritium"])
        row = {"electronic recoils below the median of": b.name}
        for label, source, weight in (("flat", "er", None), ("tritium", "tritium", tritium)):
            shares = {
                f"flat NR, {label}": leakage(b.space, b.ours[source], b.ours["flat_nr"]),
                f"the same, nestpy, {label}": leaked(b.er, nr, b.space, weight),
                f"WIMP of 40 GeV/c², {label}": leakage(b.space, b.ours[source], b.ours[WIMP]),
            }
            row |= {name: f"{100 * share:.2f} %" for name, share in shares.items()}
        rows.append(row)
    return pd.DataFrame(rows)


def slices(bands: Sequence[Band]) -> pd.DataFrame:
    """Mean, width and skewness of log10 S2c of flat electronic recoils, and of the events."""
    file = str(ROOT / "resources/observed/lz_ws2022_events.csv")
    seen, _ = read_events(file, study_of(1).detectors["choice"], file)
    rows = []
    for low, high in pairwise(SLICES_PHD):
        row = {"S1c (phd)": f"{low} to {high}"}
        for b in bands:
            centres = np.log10(b.space.cs2_edges[1:] * b.space.cs2_edges[:-1]) / 2
            edges = b.space.cs1_edges
            inside = (edges[:-1] >= low) & (edges[1:] <= high)
            expected = b.ours["er"].reshape(b.space.shape)[inside].sum(axis=0)
            row[b.name] = moments(centres, expected)
            row[f"nestpy, {b.name}"] = moments(b.er.log_s2c[between(b.er.s1c, low, high)])
        areas = seen["cs2"].to_numpy()[between(seen["cs1"].to_numpy(), low, high)]
        row[f"the {len(seen)} events"] = f"{moments(np.log10(areas))} ({len(areas)})"
        rows.append(row)
    return pd.DataFrame(rows)


def band(name: str, factor: int, skewness: float) -> Band:
    """Compute and simulate a choice.

    Parameters
    ----------
    factor
        On NEST's skewness, of ours.
    skewness
        What nestpy is given.
    """
    study = study_of(factor)
    detector = study.detectors["choice"]
    sources = ["er", "tritium", "flat_nr", WIMP]
    templates = build_templates(study, "choice", sources)
    return Band(
        name,
        detector.space,
        {source: templates[source].nominal for source in sources},
        nestpy_events(detector.apparatus, "beta", LARGEST_ER_KEV, skewness),
    )


def study_of(factor: int) -> Study:
    """Give the search's study with a factor on NEST's skewness, and the sources of this table."""
    detector = {"yields": {"nest": {"er_skewness": factor}}, "sources": _SOURCES}
    return chosen("lz_ws2022", "lz_ws2022", {**PLAIN, "masses_GeV": [40]}, detector)


def nestpy_events(
    apparatus: Apparatus, species: str, largest_keV: float, skewness: float
) -> Simulated:
    """nestpy's quanta of recoils of a flat spectrum, seen by the detector."""
    rng = stream(SEED, "bands", species)
    energies = rng.uniform(0.2, largest_keV, EVENTS)
    nestpy.RandomGen.rndm().set_seed(SEED)
    calculator = nestpy.NESTcalc(nestpy.detectors.VDetector())
    widths = list(apparatus.yield_constants["nest"]["nr_er_width_parameters"])
    kind, density = getattr(nestpy.interactions, species), apparatus.liquid_density_g_per_cm3
    quanta = np.empty((EVENTS, 2), dtype=int)
    for i, energy in enumerate(energies):
        yields = calculator.GetYields(kind, energy, density, apparatus.drift_field_V_per_cm)
        drawn = calculator.GetQuanta(yields, density, widths, skewness)
        quanta[i] = drawn.photons, drawn.electrons
    s1c, s2c, kept = detected(apparatus, rng, *quanta.T)
    return Simulated(s1c[kept], np.log10(s2c[kept]), energies[kept])


def detected(
    a: Apparatus, rng: np.random.Generator, photons: NDArray[np.int_], electrons: NDArray[np.int_]
) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """S1c and S2c (phd) of photons and electrons, and whether coincidence and threshold pass."""
    n = len(photons)
    drift_us = -a.us_per_cm * rng.uniform(*a.fiducial_z_cm, n)
    seen = rng.binomial(photons, a.g1)

    def area(pe: Floats) -> Floats:
        return (pe + a.single_pe_width * np.sqrt(pe) * rng.standard_normal(n)) / a.pe_per_area

    s1c = area(seen + rng.binomial(seen, a.double_pe_probability))
    arriving = np.exp(-drift_us / a.electron_lifetime_us)
    extracted = rng.binomial(electrons, a.extraction_efficiency * arriving)
    mean = extracted * a.electron_gain * (1 + a.double_pe_probability)
    s2 = area(np.maximum(mean + np.sqrt(a.s2_fano * mean) * rng.standard_normal(n), 0))
    kept = (seen >= a.s1_coincidence) & (extracted > 0) & (s2 >= a.s2_area_threshold)
    return s1c, s2 / arriving, kept


def leaked(er: Simulated, nr: Simulated, space: AnalysisSpace, weight: Floats | None) -> float:
    """Share of simulated electronic recoils below the nuclear ones' median, see `leakage`."""
    weights = np.ones_like(er.s1c) if weight is None else weight
    below = total = 0.0
    for low, high in pairwise(space.cs1_edges):
        inside = between(er.s1c, low, high)
        median = np.median(nr.log_s2c[between(nr.s1c, low, high)])
        below += weights[inside & (er.log_s2c < median)].sum()
        total += weights[inside].sum()
    return float(below / total)


def between(values: Floats, low: float, high: float) -> NDArray[np.bool_]:
    """Which values are in a half-open interval."""
    return (values >= low) & (values < high)


def moments(values: Floats, weights: Floats | None = None) -> str:
    """Mean ± standard deviation, and skewness, in words."""
    mean = np.average(values, weights=weights)
    width = np.average((values - mean) ** 2, weights=weights) ** 0.5
    skewness = np.average((values - mean) ** 3, weights=weights) / width**3
    return f"{mean:.3f} ± {width:.3f}, {skewness:+.2f}".replace("-", "−")


if __name__ == "__main__":
    main()
