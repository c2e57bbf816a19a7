"""A study and tables for figures, made by hand: no simulation and no fit stands behind them.

Every column differs from every other, so that a figure which takes a wrong one is seen.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd

from zeptobarn.failures.counts import _SUMMARY_UNITS
from zeptobarn.inference.results import COVERAGE_UNITS
from zeptobarn.study.loading import load_study
from zeptobarn.study.signals import wimp
from zeptobarn.summary.summary import _UNITS
from zeptobarn.templates.templates import Template

_ROOT = Path(__file__).parents[2]
_OVERLAY = """
detectors: [xenon1t, lz]
interactions: [SI]
masses_GeV: [10, 50, 1000]
marked_masses_GeV: [50]
halo: baxter2021
confidence_level: 0.9
critical_values: toys
trials: 20
intervals:
  - {name: leff_nominal, fixed: {leff: 0}}
  - {name: profiled, profiled: [leff]}
  - {name: unified, kind: unified, profiled: [leff]}
shapes: [{name: leff, anchors: [-2, -1, 0, 1, 2], low_energy: constant}]
"""
# What the columns of a summary are, relative to the median.
_RELATIVE = {
    "median_cm2": 1.0,
    "minus2sigma_cm2": 0.4,
    "minus1sigma_cm2": 0.65,
    "plus1sigma_cm2": 1.5,
    "plus2sigma_cm2": 2.2,
    "asimov_cm2": 1.08,
    "asymptotic_median_cm2": 0.85,
}


def study():
    """Two detectors, three masses, three intervals of different claims."""
    with TemporaryDirectory() as folder:
        overlay = Path(folder) / "overlay.yaml"
        overlay.write_text(_OVERLAY)
        return load_study(_ROOT / "config/config.yaml", overlay)


def summary(study):
    """Limits of each detector, interval and mass; see `zeptobarn.summary.summary.summarise`."""
    rows = []
    for d, detector in enumerate(study.detectors):
        for i, interval in enumerate(study.intervals):
            for mass in study.masses_GeV:
                median = 1e-46 * (mass / 30 + (40 / mass) ** 3) * (1 + 0.4 * i) / 8**d
                rows.append(
                    {
                        "detector": detector,
                        "interaction": "SI",
                        "mass_GeV": mass,
                        "interval": interval.name,
                        "n_trials": 20,
                        "n_all_signals_excluded": 0,
                        **{name: factor * median for name, factor in _RELATIVE.items()},
                    }
                )
    return pd.DataFrame(rows, columns=list(_UNITS))


def published():
    """Two curves of a collaboration, one of them with a single mass."""
    rows = [("Other 2020", "SI", mass, 2e-48 * mass, "limit") for mass in (20.0, 200.0)]
    rows.append(("Other 2020", "SI", 30.0, 2e-47, "median_sensitivity"))
    columns = ["label", "interaction", "mass_GeV", "cross_section_cm2", "kind"]
    return pd.DataFrame(rows, columns=columns).assign(statistic="q̃ asymptotic", v0_km_s=220.0)


def spectra(study):
    """Falling exponentials that end in zeros, one for every spectrum of the study."""
    names = [*study.signals(), *study.spectra()]
    energy = np.append(np.geomspace(0.05, 60, 80), [70.0, 80.0])
    tables = {}
    for k, name in enumerate(names):
        rate = 1e-4 / 2**k * np.exp(-energy / (3 + 2 * k))
        rate[-2:] = 0
        tables[name] = pd.DataFrame({"recoil_energy_keV": energy, "rate_per_kg_day_keV": rate})
    return tables


def template(space, events, cs1, log_cs2):
    """A template of one anchor: a normal density in cS1 and log₁₀(cS2) with so many events."""
    x = 0.5 * (space.cs1_edges[1:] + space.cs1_edges[:-1])
    y = np.log10(np.sqrt(space.cs2_edges[1:] * space.cs2_edges[:-1]))
    density = np.exp(-(((x - cs1) / 12) ** 2) / 2)[:, None] * np.exp(
        -(((y - log_cs2 - 0.004 * x[:, None]) / 0.12) ** 2) / 2
    )
    expected = (events * density / density.sum()).reshape(1, -1)
    return Template(({},), expected, np.zeros_like(expected))


def templates(study, detector, signal="wimp_SI_50GeV"):
    """Every background of a detector and a signal: electronic recoils above nuclear ones."""
    space, sources = study.detectors[detector].space, study.detectors[detector].sources
    backgrounds = {
        source.name: template(
            space, 1000.0 if source.recoil == "er" else 2.0 + k, 20 + 3 * k,
            3.6 if source.recoil == "er" else 3.1,
        )
        for k, source in enumerate(sources)
    }  # fmt: skip
    return backgrounds | {signal: template(space, 12.0, 15, 3.1)}


def dataset():
    """Forty electronic recoils and three neutrons."""
    cs1 = np.linspace(4, 66, 40)
    er = pd.DataFrame(
        {"cs1": cs1, "cs2": 10 ** (3.6 + 0.004 * cs1 + 0.1 * np.sin(cs1)), "source": "er"}
    )
    neutrons = pd.DataFrame(
        {"cs1": [10.0, 25.0, 40.0], "cs2": [1200.0, 1500.0, 1900.0], "source": "neutrons"}
    )
    return pd.concat([er, neutrons], ignore_index=True)


def coverage(study):
    """Coverage of each interval at two masses; see `zeptobarn.inference.model.Model.coverage`."""
    tables = []
    for mass in (10, 50):
        rows = [
            (interval.name, kind, events, 2 * events, 1000, 880 + 5 * i + 12 * k + n, 0)
            for i, interval in enumerate(study.intervals)
            for k, kind in enumerate(("asymptotic", "toys"))
            for n, events in enumerate((1.0, 3.0, 10.0 if mass == 10 else 20.0))
        ]
        tables.append((wimp("SI", mass, "nr"), pd.DataFrame(rows, columns=list(COVERAGE_UNITS))))
    return tables


def two_ways():
    """P-values and limits with and without a signal; see `zeptobarn.summary.medians.two_ways`."""
    signals = np.geomspace(0.05, 50, 100)
    curves, limits = [], []
    for injected in (0, 1):
        for name, scale in (("thrown", 0.8), ("average", 1.0)):
            p = 0.5 * np.exp(-signals / (scale * (1 + 2 * injected)))
            curve = pd.DataFrame({"rate_multiplier": signals, "p_value": p})
            curves.append(curve.assign(injected=injected, dataset=name))
        spread = 1.6 * (1 + 2 * injected) * np.exp(0.35 * np.linspace(-2, 2, 41))
        trials = pd.DataFrame({"trial": range(41), "limit_rate_multiplier": spread})
        limits.append(trials.assign(injected=injected))
    return pd.concat(curves, ignore_index=True), pd.concat(limits, ignore_index=True)


def scan_of_bounds():
    """The failure study's scan of bounds; see `zeptobarn.failures.counts.summarise`."""
    usual = {
        "scan": "bound", "detector": "xenon1t", "interaction": "SI", "sigma_ref_cm2": 1e-45,
        "n_events_for_pdf": 1000, "n_trials": 100, "shape_parameters": "none",
        "confidence_level": 0.9, "n_spurious": 0, "n_different": 0, "predicted_fraction": np.nan,
        "median_rate_multiplier": 3.0,
    }  # fmt: skip
    rows = []
    for m, mass in enumerate((10.0, 50.0)):
        for b, bound in enumerate((10.0, 100.0, 1e5)):
            for finder in ("conventional", "robust"):
                none = 60 - 25 * b - 10 * m if finder == "conventional" else 0
                for status, count in (
                    ("ok", 80 - none), ("no_crossing", none), ("empty_template", 20),
                ):  # fmt: skip
                    rows.append(
                        usual
                        | {"mass_GeV": mass, "bound": bound, "finder": finder, "status": status}
                        | {"n_with_status": count, "n_failed": count * (status != "ok")}
                    )
                rows[-3]["n_different"] = 5 * (finder == "conventional")
    return pd.DataFrame(rows, columns=list(_SUMMARY_UNITS))
