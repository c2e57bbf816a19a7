"""Templates the conventional way: recoils drawn from the spectrum itself."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from zeptobarn.physics.apparatus import Apparatus, Recoil
from zeptobarn.physics.detector import AnalysisSpace
from zeptobarn.study.study import Study
from zeptobarn.templates.building import events_per_rate, scaled
from zeptobarn.templates.efficiencies import Seen, seen
from zeptobarn.templates.response import apparatus_at
from zeptobarn.templates.spectra import COLUMNS, integrate
from zeptobarn.templates.templates import Template

if TYPE_CHECKING:
    from zeptobarn.physics.yields import Nuisances


def sample(
    study: Study,
    detector: str,
    source: str,
    spectrum: pd.DataFrame,
    rng: np.random.Generator,
    n_events: int | None = None,
) -> Template:
    """Make a nominal template the conventional way: recoils drawn from the spectrum itself.

    For a limit, use `fold`, which is as precise for a light WIMP as for a heavy one.

    Parameters
    ----------
    n_events
        Number of recoils simulated; when not given, the source's ``n_events`` of the detector file.
    """
    the_detector, recoil = study.detectors[detector], study.recoil(detector, source)
    if recoil is None:
        raise ValueError(f"{source}: no recoils, nothing to sample")
    if len(study.source_spectra(detector, source)) > 1:
        raise ValueError(f"{source}: found two spectra; a spectrum is sampled alone")
    n = (
        n_events
        or (
            the_detector.signal if study.source_signal(source) else the_detector.source(source)
        ).n_events
    )
    share = seen(study, detector, source, recoil, {})
    apparatus, _ = apparatus_at(study, detector, {}, study.response(detector, source))
    bins = sample_bins(apparatus, recoil, the_detector.space, spectrum, n, rng, share=share)
    counts = np.bincount(bins[bins >= 0], minlength=int(np.prod(the_detector.space.shape))).astype(
        float
    )
    weight = rate_above_cutoff(the_detector.apparatus, recoil, spectrum) / n
    weight *= events_per_rate(study, detector, source) * share.largest_factor
    template = Template(
        ({},),
        weight * counts[np.newaxis],
        weight**2 * (counts * (n - counts) / max(n - 1, 1))[np.newaxis],
    )
    return scaled(study, detector, source, template)


def sample_bins(
    apparatus: Apparatus,
    recoil: Recoil,
    space: AnalysisSpace,
    spectrum: pd.DataFrame,
    n_events: int,
    rng: np.random.Generator,
    nuisances: "Nuisances | None" = None,
    share: Seen | None = None,
) -> NDArray[np.int64]:
    """Draw recoils from a spectrum, where the response reaches, simulate them and sort them in.

    Parameters
    ----------
    apparatus
        The detector's numbers.
    n_events
        Number of recoils simulated.
    share
        The share that is seen: a recoil that is not lands outside the analysis space.

    Returns
    -------
    The bin of each recoil, −1 outside the analysis space, shape (n_events,).
    """
    from zeptobarn.physics.simulate import simulate
    from zeptobarn.physics.yields import NOMINAL
    from zeptobarn.templates.density import bin_index

    # Uniform inside bins of 0.2 %, far finer than the detector's resolution.
    low, high = _sampled_range(apparatus, recoil, spectrum)
    edges = np.geomspace(low, high, int(np.log(high / low) / 0.002) + 2)
    rates = integrate(spectrum, edges)
    i = rng.choice(len(rates), size=n_events, p=rates / rates.sum())
    energies = edges[i] + rng.random(n_events) * np.diff(edges)[i]
    cs1, cs2 = simulate(apparatus, recoil, energies, rng, nuisances or NOMINAL)
    bins = bin_index(space, cs1, cs2)
    if share is not None and not share.all_drawn:
        bins[rng.random(n_events) >= share.of_recoils(energies, cs1, cs2)] = -1
    return bins


def rate_above_cutoff(apparatus: Apparatus, recoil: Recoil, spectrum: pd.DataFrame) -> float:
    """Rate (events/(kg day)) of the recoils that `sample` draws from."""
    ends = np.array(_sampled_range(apparatus, recoil, spectrum))
    return float(integrate(spectrum, ends)[0])


def _sampled_range(
    apparatus: Apparatus, recoil: Recoil, spectrum: pd.DataFrame
) -> tuple[float, float]:
    """Energies (keV) of a spectrum that a response covers."""
    energies = spectrum[COLUMNS[0]]
    low = max(apparatus.response_cutoff_keV[recoil], energies.iloc[0])
    high = min(apparatus.response_max_keV[recoil], energies.iloc[-1])
    return float(low), float(high)
