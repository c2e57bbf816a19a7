"""What follows from a detector file, before any study runs: gains, drift, counts, efficiencies.

Responses come by quadrature at few energies: good to a per cent, in seconds.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil, log

import numpy as np
import pandas as pd
import scipy
from numpy.typing import NDArray

from zeptobarn.physics.apparatus import Recoil, recoil_of
from zeptobarn.physics.detector import AnalysisSpace, Detector, Source
from zeptobarn.physics.nodes import Nodes
from zeptobarn.study.settings import Interval
from zeptobarn.study.study import Study
from zeptobarn.templates.building import build, fold
from zeptobarn.templates.efficiencies import seen_of_recoils
from zeptobarn.templates.response import Response, apparatus_at
from zeptobarn.templates.spectra import COLUMNS, source_tables
from zeptobarn.templates.templates import Template

Floats = NDArray[np.float64]

# Recoil energies (keV) at which the efficiency is given.
ENERGIES_KEV = (1.0, 2.0, 3.0, 4.0, 5.0, 7.0, 10.0, 15.0, 20.0, 30.0, 50.0)
_RECOILS: tuple[Recoil, Recoil] = ("nr", "er")
# Energy bins in ln E, and nodes in them: far fewer than a study's.
_BIN_WIDTH_LOG = 0.1
_NODES = Nodes(energy=10.0, radius=3, light=5, drift=1.0, lifetime=5)


@dataclass(frozen=True)
class Facts:
    """What follows from a detector file.

    Attributes
    ----------
    numbers
        Names, and values as text with their units.
    events
        A row per source: ``source, label, response, rate, expected_events``; WIMPs at the study's
        reference cross section are among them.
    efficiency
        A row per energy (keV): ``recoil_energy_keV`` and the share of recoils of each response
        that lands in the analysis space; NaN where the response does not reach.
    curves
        The same by response at all energies: energies (keV) and shares, each of shape (n,).
    bands
        Expected events per bin of recoils with a flat spectrum, by recoil type,
        shape (cS1 bins × cS2 bins,).
    leakage
        Share of electronic recoils below the median of nuclear recoils of the same cS1.
    """

    numbers: Mapping[str, str]
    events: pd.DataFrame
    efficiency: pd.DataFrame
    curves: Mapping[str, tuple[Floats, Floats]]
    bands: Mapping[Recoil, Floats]
    leakage: float


def detector_facts(study: Study, detector: str, threads: int = 1) -> Facts:
    """Compute what follows from a detector file.

    Parameters
    ----------
    study
        Its masses are the WIMPs that are counted; shape parameters are left at 0.
    detector
        One of the study's.
    """
    study = dataclasses.replace(
        study,
        shapes=(),
        intervals=(Interval("nominal", {}, ()),),
        response_method="quadrature",
        density="histogram",
    )
    the_detector = study.detectors[detector]
    sources = [*study.signals(), *(source.name for source in the_detector.sources)]
    names = dict.fromkeys(["nr", "er", *(study.response(detector, s) for s in sources)])
    responses = {
        name: _coarse_response(study, detector, name, threads) for name in names if name is not None
    }
    nominal = {name: {"nominal": response} for name, response in responses.items()}
    templates = {}
    for source in sources:
        spectra = source_tables(study, detector, source)
        templates[source] = build(study, detector, source, spectra, nominal)
    bands = {recoil: _flat(the_detector, recoil, responses[recoil]) for recoil in _RECOILS}
    curves = _curves(the_detector, responses)
    at = np.array(ENERGIES_KEV)
    efficiency = {
        name: np.where(
            (at >= responses[name].energy_edges_keV[0])
            & (at <= responses[name].energy_edges_keV[-1]),
            np.interp(np.log(at), np.log(x), share),
            np.nan,
        )
        for name, (x, share) in curves.items()
    }
    return Facts(
        _numbers(the_detector),
        _events(study, detector, templates),
        pd.DataFrame({"recoil_energy_keV": at, **efficiency}),
        curves,
        bands,
        leakage(the_detector.space, bands["er"], bands["nr"]),
    )


def leakage(space: AnalysisSpace, er: Floats, nr: Floats) -> float:
    """Share of electronic recoils below the median cS2 of nuclear recoils of the same cS1.

    Parameters
    ----------
    er, nr
        Expected events per bin, shape (cS1 bins × cS2 bins,). Inside the bin that holds the
        median, events are spread evenly; where no nuclear recoils are, none is below.

    Examples
    --------
    >>> space = AnalysisSpace(np.array([1.0, 2.0]), np.array([1.0, 10.0, 100.0]))
    >>> leakage(space, np.array([1.0, 3.0]), np.array([1.0, 0.0]))
    0.125
    """
    below = 0.0
    for electronic, nuclear in zip(er.reshape(space.shape), nr.reshape(space.shape), strict=True):
        if nuclear.sum() > 0:
            summed = np.append(0.0, np.cumsum(nuclear))
            k = int(np.searchsorted(summed, nuclear.sum() / 2)) - 1
            share = (nuclear.sum() / 2 - summed[k]) / nuclear[k]
            below += electronic[:k].sum() + share * electronic[k]
    return float(below / er.sum())


def _coarse_response(study: Study, detector: str, name: str, threads: int) -> Response:
    from zeptobarn.physics import quadrature

    the_detector = study.detectors[detector]
    apparatus, nuisances = apparatus_at(study, detector, {}, name)
    recoil = recoil_of(name)
    low, high = apparatus.response_cutoff_keV[recoil], apparatus.response_max_keV[recoil]
    edges = np.geomspace(low, high, 1 + ceil(log(high / low) / _BIN_WIDTH_LOG))
    probability = quadrature.response(
        apparatus, recoil, the_detector.space, edges, nuisances, threads, _NODES
    )
    matrix = scipy.sparse.csr_array(probability)
    return Response(edges, matrix, scipy.sparse.csr_array(matrix.shape))


def _flat(detector: Detector, recoil: Recoil, response: Response) -> Floats:
    """Expected events per bin of recoils with the same rate at each energy, as they are seen."""
    share = seen_of_recoils(detector, recoil)
    ends = response.energy_edges_keV[[0, -1]]
    spectrum = pd.DataFrame({COLUMNS[0]: ends, COLUMNS[1]: [1.0, 1.0]})
    template = fold(spectrum, {"nominal": response}, {"nominal": {}}, 1.0, [share.energy])
    return np.asarray(template.expected[0] * share.in_space(detector.space))


def _curves(
    detector: Detector, responses: Mapping[str, Response]
) -> dict[str, tuple[Floats, Floats]]:
    """Energies (keV), and the share of recoils of each response that is seen in the space."""
    curves = {}
    for name, response in responses.items():
        share = seen_of_recoils(detector, recoil_of(name))
        edges = response.energy_edges_keV
        energies = np.sqrt(edges[1:] * edges[:-1])
        every_bin = np.ones(response.probability.shape[1])
        accepted = response.probability @ (share.in_space(detector.space) * every_bin)
        if share.energy is not None:
            accepted = accepted * share.energy(energies)
        curves[name] = energies, np.asarray(accepted)
    return curves


def _events(study: Study, detector: str, templates: Mapping[str, Template]) -> pd.DataFrame:
    the_detector, rows = study.detectors[detector], []
    for name, template in templates.items():
        events, origin = float(template.nominal.sum()), study.response(detector, name)
        if signal := study.signal(name):
            label, rate = f"{the_detector.signal.label} {signal[1]:g} GeV/c² {signal[0]}", ""
        else:
            source = the_detector.source(name)
            label, rate = source.label, known_rate(source, events)
            events *= source.nominal_rate
            origin = origin or ("formula" if source.template is None else "file")
        rows.append((name, label, origin, rate, events))
    return pd.DataFrame(rows, columns=["source", "label", "response", "rate", "expected_events"])


def known_rate(source: Source, events: float) -> str:
    """Say how the fit treats a rate, in events where the template holds so many at rate 1."""
    if source.rate_range is not None:
        low, high = source.rate_range
        return f"{source.rate} {low * events:.4g} to {high * events:.4g} events"
    if source.rate == "normal":
        return f"{source.rate} ± {source.rate_width * events:.4g} events"
    return f"{source.rate} {source.rate_width:g}" if source.rate_width else source.rate


def _numbers(detector: Detector) -> dict[str, str]:
    a = detector.apparatus
    bottom, top = a.fiducial_z_cm
    longest_us, shortest_us = -bottom * a.us_per_cm, -top * a.us_per_cm
    arriving = np.exp(-np.linspace(shortest_us, longest_us, 1001) / a.electron_lifetime_us)
    cylinder, mass = a.cylinder_mass_kg, detector.fiducial_mass_kg
    return {
        "exposure": f"{detector.livetime_day:g} d × {mass:g} kg = "
        f"{detector.exposure_kg_day / 365250:.4g} t yr",
        "mass from volume": f"{cylinder:.0f} kg in the cylinder of {a.fiducial_radius_cm:g} cm × "
        f"{top - bottom:g} cm, {100 * (cylinder / mass - 1):+.1f} %",
        "g1": f"{a.g1:.4g} phd/photon = {a.g1_PE_per_photon:.4g} PE/photon",
        "g2": f"{a.g2_phd_per_electron:.4g} phd/electron = {a.g2_PE_per_electron:.4g} PE/electron "
        f"({100 * a.extraction_efficiency:g} % extracted × {a.electron_gain:.4g} phd)",
        "drift time": f"{shortest_us:.4g} to {longest_us:.4g} µs; electron lifetime "
        f"{a.electron_lifetime_us:g} µs: {100 * arriving[-1]:.3g} % arrive from the bottom, "
        f"{100 * arriving.mean():.3g} % on average",
        "S2 threshold": f"{a.s2_area_threshold:g} {a.area_unit} = "
        f"{a.s2_area_threshold * a.pe_per_area / a.g2_PE_per_electron:.3g} electrons "
        "at the surface",
        "yields": f"NR {a.yields['nr']}, ER {a.yields['er']} at {a.drift_field_V_per_cm:g} V/cm",
    }
