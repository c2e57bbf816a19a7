"""Response matrices: recoil energy → (cS1, cS2), computed once for all spectra."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import scipy
from numpy.typing import NDArray

from zeptobarn.physics.apparatus import Apparatus, recoil_of
from zeptobarn.physics.efficiency import with_photon_efficiency
from zeptobarn.study.shapes import SIGNAL_EFFICIENCY
from zeptobarn.study.slices.response import response_slice
from zeptobarn.study.study import Study
from zeptobarn.support.config import ConfigError
from zeptobarn.support.kinds import COUNT, NOT_NEGATIVE, Column, Kind
from zeptobarn.support.streams import stream
from zeptobarn.support.tables import DamagedResultError, read_parquet, write_parquet
from zeptobarn.templates.efficiencies import pulls_of

if TYPE_CHECKING:
    from zeptobarn.physics.yields import Nuisances

_UNITS = {"energy_bin": "", "cs1_bin": "", "cs2_bin": "", "probability": "", "variance": ""}
_KIND = Kind(
    # Rounding may carry a probability beyond 1.
    {
        **dict.fromkeys(("energy_bin", "cs1_bin", "cs2_bin"), COUNT),
        "probability": Column(low=0, high=1 + 1e-9),
        "variance": NOT_NEGATIVE,
    },
    key=("energy_bin", "cs1_bin", "cs2_bin"),
    total=("probability", "energy_bin", "acceptance"),
)

# Acceptances and spectra change fast below this energy and slowly above.
_FINE_BELOW_KEV = 5.0
_COARSE_FACTOR = 4

# Within three standard deviations, where the curves are published, every recoil has light.
_LOWEST_SURE_LEFF = -3

# Probabilities of a recoil that quadrature need not keep.
_NEGLIGIBLE = 1e-14


@dataclass(frozen=True)
class Response:
    """Probability that a recoil of an energy bin lands in a bin of the analysis space.

    Attributes
    ----------
    energy_edges_keV
        Shape (n + 1,).
    probability, variance
        Shape (n, cS1 bins × cS2 bins), sparse; the variance is that of finite simulation, 0 where
        nothing was simulated.
    """

    energy_edges_keV: NDArray[np.float64]
    probability: "scipy.sparse.csr_array"
    variance: "scipy.sparse.csr_array"

    @property
    def acceptance(self) -> NDArray[np.float64]:
        """Probability to land anywhere in the analysis space, shape (n,)."""
        return np.asarray(self.probability.sum(axis=1)).ravel()


def energy_edges(low_keV: float, high_keV: float, width_log: float) -> NDArray[np.float64]:
    """Edges of the energy bins: at most ``width_log`` in ln E below 5 keV, four times that above.

    Examples
    --------
    >>> energy_edges(1, 10, 0.5).round(2)
    array([ 1.  ,  1.5 ,  2.24,  3.34,  5.  , 10.  ])
    """
    split = float(np.clip(_FINE_BELOW_KEV, low_keV, high_keV))
    fine = _log_grid(low_keV, split, width_log)
    coarse = _log_grid(split, high_keV, _COARSE_FACTOR * width_log)
    return np.concatenate([fine[:-1], coarse])


def apparatus_at(
    study: Study, detector: str, shape_values: Mapping[str, float], response: str | None = None
) -> tuple[Apparatus, "Nuisances"]:
    """Give a detector's numbers and yield nuisances at values of the shape parameters.

    cS2 stays corrected with the nominal electron lifetime, as in an analysis that does not
    know better.

    Parameters
    ----------
    response
        The numbers are those that this response is made with; None: the detector's own, without
        efficiencies against the photons detected.
    """
    from zeptobarn.physics.yields import Nuisances

    the_detector = study.detectors[detector]
    apparatus = the_detector.apparatus
    if response is not None:
        apparatus = with_photon_efficiency(
            the_detector.apparatuses[response],
            recoil_of(response),
            the_detector.efficiencies,
            pulls_of(study, detector, shape_values),
        )
    changes: dict[str, Any] = {}
    components = [0.0, 0.0, 0.0]
    for shape in study.shapes:
        value = shape_values.get(shape.name, 0.0)
        factor = 1 + value * shape.relative_width
        if shape.parameter == "leff":
            changes |= {"leff": value, "leff_low_energy": shape.low_energy}
        elif shape.parameter in _YIELD_FACTORS:
            changes[shape.parameter] = factor
        elif shape.parameter.startswith("er_component"):
            components[int(shape.parameter[-1]) - 1] = value
        elif value and shape.parameter != SIGNAL_EFFICIENCY and shape.efficiency is None:
            scaled = {shape.number: getattr(apparatus, shape.number) * factor}
            apparatus = replace(
                apparatus, correction_lifetime_us=apparatus.corrected_with_us, **scaled
            )
    c1, c2, c3 = components
    return apparatus, Nuisances(er_components=(c1, c2, c3), **changes)


# Numbers of the yields that a shape parameter multiplies.
_YIELD_FACTORS = (
    "lindhard_k",
    "nr_photon_yield",
    "nr_electron_yield",
    "er_photon_yield",
    "er_electron_yield",
)


def check_light(study: Study) -> None:
    """Check that nuclear recoils have light at each anchor, which a curve of leff may end below.

    Where a detector file gives constants of the yields, also that they make quanta at all.

    Raises
    ------
    ConfigError
        The message names the shape, the anchor and an energy without light.
    """
    from zeptobarn.physics.yields import detector_yields

    _check_constants(study)
    lowest = [
        (name, shape.name, shape.anchors[0])
        for shape in study.shapes
        for name in shape.detectors
        if shape.parameter == "leff" and shape.anchors[0] < _LOWEST_SURE_LEFF
    ]
    for detector, shape_name, value in lowest:
        apparatus, nuisances = apparatus_at(study, detector, {shape_name: value})
        energies = np.geomspace(
            apparatus.response_cutoff_keV["nr"], apparatus.response_max_keV["nr"], 100
        )
        photons = detector_yields(apparatus, "nr", energies, nuisances).photons
        if photons.min() < 0:
            raise ConfigError(
                f"shapes: {shape_name}: at its anchor {value:g}, a nuclear recoil of "
                f"{energies[photons.argmin()]:.3g} keV in {detector} would make "
                f"{photons.min():.3g} photons; allowed: ≥ 0"
            )


def _check_constants(study: Study) -> None:
    from zeptobarn.physics.yields import detector_yields

    for detector in study.detectors.values():
        if not detector.apparatus.yield_constants:
            continue
        for response, apparatus in detector.apparatuses.items():
            recoil = recoil_of(response)
            energies = np.geomspace(
                apparatus.response_cutoff_keV[recoil], apparatus.response_max_keV[recoil], 100
            )
            with np.errstate(all="ignore"):
                yields = detector_yields(apparatus, recoil, energies)
            quanta = np.array([yields.photons, yields.electrons])
            possible = (np.isfinite(quanta) & (quanta >= 0)).all(axis=0)
            if not possible.all():
                k = int(np.argmin(possible))
                raise ConfigError(
                    f"config/detectors/{detector.name}.yaml: yields: with its constants, a recoil "
                    f"({recoil}, {apparatus.yields[recoil]}) of {energies[k]:.3g} keV would make "
                    f"{quanta[0, k]:.3g} photons and {quanta[1, k]:.3g} electrons; allowed: ≥ 0"
                )


def compute_response(
    study: Study, detector: str, response: str, anchor: str, threads: int = 1
) -> Response:
    """Compute a response of a detector, to a recoil type or to a source's own, at an anchor.

    The study's method says how: ``quadrature`` or ``simulation``. The random numbers of a
    simulation depend on the seed, the detector's name, the response's and the energy bin: they
    are the same at all anchors.

    Raises
    ------
    ConfigError
        Recoils at the upper end of the energy range are still accepted, or see `check_light`.
    """
    check_light(study)
    the_detector, recoil = study.detectors[detector], recoil_of(response)
    edges = _edges(study, detector, response)
    shape_values = study.anchors(detector, response)[anchor]
    apparatus, nuisances = apparatus_at(study, detector, shape_values, response)
    if study.response_method == "quadrature":
        from zeptobarn.physics import quadrature

        probability = quadrature.response(
            apparatus, recoil, the_detector.space, edges, nuisances, threads
        )
        probability[probability < _NEGLIGIBLE] = 0.0
        variance = np.zeros_like(probability)
    else:
        from zeptobarn.physics.simulate import histogram

        probability, variance, _ = histogram(
            apparatus,
            recoil,
            the_detector.space,
            edges,
            study.events_per_energy_bin,
            [stream(study.seed, "response", detector, response, i) for i in range(len(edges) - 1)],
            nuisances,
            threads,
        )
    computed = Response(
        edges, scipy.sparse.csr_array(probability), scipy.sparse.csr_array(variance)
    )
    last, largest = computed.acceptance[-1], computed.acceptance.max()
    if last > 1e-3 * largest:
        raise ConfigError(
            f"config/detectors/{detector}.yaml: response_max_keV.{recoil}: found {edges[-1]:g}; "
            f"recoils of that energy are still accepted with probability {last:.2g}: raise it"
        )
    return computed


def write_response(
    study: Study, detector: str, name: str, anchor: str, response: Response, path: Path
) -> None:
    """Write a response as a row per filled (energy bin, cS1 bin, cS2 bin)."""
    filled = response.probability.tocoo()
    n2 = study.detectors[detector].space.shape[1]
    table = pd.DataFrame(
        {
            "energy_bin": filled.row.astype(np.int32),
            "cs1_bin": (filled.col // n2).astype(np.int32),
            "cs2_bin": (filled.col % n2).astype(np.int32),
            "probability": filled.data,
            "variance": np.asarray(response.variance[filled.row, filled.col]).ravel(),
        }
    )
    space = study.detectors[detector].space
    write_parquet(
        table,
        path,
        units=_UNITS,
        config_slice=response_slice(study, detector, name, anchor),
        seed=study.seed,
        extra={
            "energy_edges_keV": response.energy_edges_keV.tolist(),
            "acceptance": response.acceptance.tolist(),
            "cs1_edges": space.cs1_edges.tolist(),
            "cs2_edges": space.cs2_edges.tolist(),
        },
    )


def read_response(study: Study, detector: str, name: str, anchor: str, path: Path) -> Response:
    """Read a response of this study.

    Raises
    ------
    ResultError
        The file was made from another configuration, or what it holds cannot be.
    """
    edges = _edges(study, detector, name)
    n1, n2 = study.detectors[detector].space.shape
    table, metadata = read_parquet(
        path,
        config_slice=response_slice(study, detector, name, anchor),
        kind=_KIND,
        levels={"cs1_bin": range(n1), "cs2_bin": range(n2)},
    )
    written = np.array(metadata["energy_edges_keV"])
    if written.shape != edges.shape or not np.allclose(written, edges):
        raise DamagedResultError(
            f"{path}: damaged: its energy_edges_keV are not this study's; delete it and run again"
        )
    edges = written
    place = table["energy_bin"], table["cs1_bin"] * n2 + table["cs2_bin"]

    def matrix(column: str) -> Any:
        return scipy.sparse.csr_array((table[column], place), shape=(len(edges) - 1, n1 * n2))

    return Response(edges, matrix("probability"), matrix("variance"))


def _edges(study: Study, detector: str, response: str) -> NDArray[np.float64]:
    apparatus, recoil = study.detectors[detector].apparatus, recoil_of(response)
    ends = apparatus.response_cutoff_keV[recoil], apparatus.response_max_keV[recoil]
    return energy_edges(*ends, study.energy_bin_width_log)


def _log_grid(low: float, high: float, width_log: float) -> NDArray[np.float64]:
    return np.geomspace(low, high, int(np.ceil(np.log(high / low) / width_log - 1e-9)) + 1)
