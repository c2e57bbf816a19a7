"""Quanta and signals of NEST's yields against nestpy's own event generator."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import nestpy
import numba
import numpy as np
import pandas as pd
import pytest
import yaml

from zeptobarn.physics import quadrature
from zeptobarn.physics.chain import chain, quanta_table
from zeptobarn.physics.detector import load_detector
from zeptobarn.physics.quanta import _recombined
from zeptobarn.physics.simulate import _recombine, simulate
from zeptobarn.support.streams import stream

SPECIES = {"nest": "NR", "nest_beta": "beta", "nest_gamma": "gammaRay"}
ENERGIES_KEV = np.array([0.3, 0.6, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0, 100.0])
N = 20_000


@numba.njit
def _draw(rng, numbers, row, n):
    photons, electrons = np.empty(n), np.empty(n)
    for i in range(n):
        photons[i], electrons[i] = _recombine(rng, numbers, row)
    return photons, electrons


def nestpy_quanta(species, energy, field):
    calculator = nestpy.NESTcalc(nestpy.detectors.VDetector())
    yields = calculator.GetYields(getattr(nestpy.interactions, species), energy, 2.9, field)
    drawn = [calculator.GetQuanta(yields, 2.9) for _ in range(N)]
    return np.array([(q.photons, q.electrons) for q in drawn], dtype=float).T


def moments(photons, electrons, weights=None):
    """Means, standard deviations, correlation, and skewness of the electrons."""
    means = np.average([photons, electrons], axis=1, weights=weights)
    covariance = np.cov(np.stack([photons, electrons]), aweights=weights, ddof=0)
    widths = np.maximum(np.sqrt(np.diag(covariance)), 1e-9)
    skewness = np.average(((electrons - means[1]) / widths[1]) ** 3, weights=weights)
    return means, widths, covariance[0, 1] / np.prod(widths), skewness


@cache
def nestpy_moments(species, field):
    """Of nestpy's quanta at each of `ENERGIES_KEV`."""
    nestpy.RandomGen.rndm().set_seed(1)
    return [moments(*nestpy_quanta(species, energy, field)) for energy in ENERGIES_KEV]


@pytest.mark.parametrize(
    "field", [310, *(pytest.param(field, marks=pytest.mark.slow) for field in (81, 117, 193))]
)
@pytest.mark.parametrize("model", list(SPECIES))
@pytest.mark.parametrize("way", ["simulate", "quadrature"])
def test_quanta(small_study, model, field, way):
    recoil = "nr" if model == "nest" else "er"
    apparatus = replace(
        small_study.detectors["lz"].apparatus,
        yields={recoil: model},
        drift_field_V_per_cm=field,
    )
    table = quanta_table(apparatus, recoil, ENERGIES_KEV, quadrature.NOMINAL)
    yields = quadrature.detector_yields(apparatus, recoil, ENERGIES_KEV)
    compared = 0
    for i, theirs in enumerate(nestpy_moments(SPECIES[model], field)):
        if way == "simulate":
            numbers = chain(apparatus, recoil)
            mine = moments(*_draw(stream(1, "quanta", i), numbers, table[i], N))
        else:
            total, first, remaining, first_electron = _recombined(yields.fluctuations, i)
            joint = total @ remaining
            quanta = first + np.arange(joint.shape[0])[:, np.newaxis]
            electrons = np.broadcast_to(first_electron + np.arange(joint.shape[1]), joint.shape)
            kept = joint.ravel() > 1e-15
            mine = moments(
                (quanta - electrons).ravel()[kept], electrons.ravel()[kept], joint.ravel()[kept]
            )
        big = theirs[0] > 5
        compared += big.sum()
        np.testing.assert_allclose(mine[0][big], theirs[0][big], rtol=0.01)
        np.testing.assert_allclose(mine[1][big], theirs[1][big], rtol=0.03)
        if big.all():
            assert mine[2] == pytest.approx(theirs[2], abs=0.03)
            # Of two samples of 20,000 the difference has a standard deviation of 0.03.
            assert mine[3] == pytest.approx(theirs[3], abs=0.1)
    assert compared >= 12


# Height of LZ_WS2022's liquid surface above the cathode.
SURFACE_MM = 1461.0


def nestpy_events(species, energy, radius_mm, z_mm, seed):
    """nestpy's events, and whether its own cuts pass: its areas alone do not tell."""
    positions = np.stack([radius_mm, np.zeros_like(radius_mm), z_mm], axis=1)
    detector = nestpy.detectors.LZ_WS2022()
    events = nestpy.array.runNESTvec(
        detector, species, np.full(len(z_mm), energy), positions, 193.0, seed
    )
    kept = (np.asarray(events["s1_nhits_thr"]) >= detector.get_coinLevel()) & (
        np.asarray(events["s2r_phe"]) >= detector.get_s2_thr()
    )
    return kept, {name: np.asarray(events[name]) for name in events.fields[:17]}


@pytest.fixture(scope="module")
def lz_ws2022(tmp_path_factory):
    """The detector file beside this test, with maps of nestpy's light yields.

    What it corrects an area by at a point is the light yield there, once the electron lifetime
    is taken out; it corrects at a smeared position, so the median of several is taken.
    """
    folder = tmp_path_factory.mktemp("detectors")
    text = Path("tests/validation/lz_ws2022.yaml").read_text(encoding="utf-8")
    settings = yaml.safe_load(text)
    radii, heights = np.linspace(0, 690, 12), np.linspace(1461 - 1425, 1461 - 125, 27)
    r, h = (x.ravel() for x in np.meshgrid(radii, heights, indexing="ij"))
    runs = [nestpy_events(nestpy.interactions.beta, 30.0, r, h, seed)[1] for seed in range(1, 16)]
    drift_us = (SURFACE_MM - h) / settings["drift_velocity_mm_per_us"]
    for name, survival in (("s1", 1.0), ("s2", np.exp(-drift_us / 6500))):
        correction = np.median([run[f"{name}r_phd"] / run[f"{name}c_phd"] for run in runs], axis=0)
        table = {"radius_cm": r / 10, "z_cm": (h - SURFACE_MM) / 10}
        pd.DataFrame({**table, "relative_yield": correction / survival}).to_csv(
            folder / f"{name}.csv", index=False
        )
        settings[f"{name}_relative_light_yield"] = {"map": str(folder / f"{name}.csv")}
    (folder / "lz_ws2022.yaml").write_text(yaml.safe_dump(settings))
    return load_detector(folder / "lz_ws2022.yaml")


@pytest.mark.parametrize(
    ("recoil", "energy"),
    [("nr", e) for e in (3.0, 5.0, 10.0, 30.0)] + [("er", e) for e in (2.0, 4.0, 10.0)],
)
def test_whole_detector(lz_ws2022, recoil, energy):
    """S1c, S2c and the efficiency of nestpy's LZ, within 2 %."""
    n = 60_000
    rng = stream(1, "positions")
    species = nestpy.interactions.NR if recoil == "nr" else nestpy.interactions.beta
    radius = 688 * np.sqrt(rng.random(n))
    height = SURFACE_MM + 10 * rng.uniform(*lz_ws2022.apparatus.fiducial_z_cm, n)
    kept, theirs = nestpy_events(species, energy, radius, height, 2)
    cs1, cs2 = simulate(lz_ws2022.apparatus, recoil, np.full(n, energy), stream(1, "events"))
    mine = ~np.isnan(cs1)
    assert mine.mean() == pytest.approx(kept.mean(), rel=0.02)
    assert cs1[mine].mean() == pytest.approx(theirs["s1c_phd"][kept].mean(), rel=0.02)
    assert cs2[mine].mean() == pytest.approx(theirs["s2c_phd"][kept].mean(), rel=0.02)
