"""Templates from spectra and responses, formulas or files: what a source expects, and where."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from zeptobarn.physics.apparatus import recoil_of
from zeptobarn.physics.detector import Detector, Source
from zeptobarn.physics.formulas import shares
from zeptobarn.physics.histogram import at_anchors, rebinned
from zeptobarn.physics.histogram_files import read_histogram
from zeptobarn.study.study import Study
from zeptobarn.support.config import ConfigError
from zeptobarn.support.paths import anchor_name
from zeptobarn.templates.efficiencies import Curve, seen
from zeptobarn.templates.response import Response, apparatus_at
from zeptobarn.templates.spectra import CROSS_SECTION_CM2, integrate
from zeptobarn.templates.templates import Template, Widths, smoothed


def build(
    study: Study,
    detector: str,
    source: str,
    spectra: Mapping[str, pd.DataFrame],
    responses: Mapping[str, Mapping[str, Response]],
    widths: Widths | None = None,
) -> Template:
    """Make a source's template as the study asks for it.

    Parameters
    ----------
    spectra
        The source's spectra by the response that each is folded with, see
        `zeptobarn.study.study.Study.source_spectra`; none for a template from a formula or a file.
        Two are added up: of a nuclear recoil with its Migdal electron, they are events of either,
        not the energies of one event.
    responses
        By their names, and by the names of their own anchors.
    widths
        Of the kernel, if the study asks for one, see `smoothed`.
    """
    the_detector = study.detectors[detector]
    if spectra:
        template = _folded(study, detector, source, spectra, responses, widths)
    elif the_detector.source(source).template is not None:
        template = _from_file(study, the_detector, the_detector.source(source))
    else:
        template = _from_formula(study, the_detector, the_detector.source(source))
    return scaled(study, detector, source, template)


def scaled(study: Study, detector: str, source: str, template: Template) -> Template:
    """Scale a template, nominal in total, to the expected events that a detector file gives.

    All anchors get the same factor: what shapes change of the number of events stays relative.

    Raises
    ------
    ConfigError
        The template holds nothing, which no factor makes events of.
    """
    expected = None
    if not study.source_signal(source):
        expected = study.detectors[detector].source(source).expected_events
    if expected is None:
        return template
    total = float(template.nominal.sum())
    if not total > 0:
        raise ConfigError(
            f"config/detectors/{detector}.yaml: source {source}: found expected_events: "
            f"{expected:g}, but no event of it lies in the analysis space; allowed: spectra, "
            "formulas and files of which some do"
        )
    factor = expected / total
    return Template(
        template.shape_values, template.expected * factor, template.variance * factor**2
    )


def _folded(
    study: Study,
    detector: str,
    source: str,
    spectra: Mapping[str, pd.DataFrame],
    responses: Mapping[str, Mapping[str, Response]],
    widths: Widths | None,
) -> Template:
    """Fold each spectrum of a source with its response, and add them up."""
    space = study.detectors[detector].space
    anchors = study.source_anchors(detector, source)
    rate = events_per_rate(study, detector, source)
    expected, variance = np.zeros((2, len(anchors), int(np.prod(space.shape))))
    for response, table in spectra.items():
        shares = [
            seen(study, detector, source, recoil_of(response), values)
            for values in anchors.values()
        ]
        own = _at_source_anchors(study, detector, response, anchors, responses[response])
        part = fold(table, own, anchors, rate, [share.energy for share in shares])
        if study.smoothed:
            part = smoothed(part, space, widths)
        factors = np.array([np.broadcast_to(s.in_space(space), expected[0].shape) for s in shares])
        expected += factors * part.expected
        variance += factors**2 * part.variance
    return Template(tuple(anchors.values()), expected, variance)


def _at_source_anchors(
    study: Study,
    detector: str,
    response: str,
    anchors: Mapping[str, Mapping[str, float]],
    responses: Mapping[str, Response],
) -> dict[str, Response]:
    """Give the response at each anchor of a source, some of whose shapes do not change it."""
    touching = {shape.name for shape in study.shapes_of(detector, response)}
    return {
        name: responses[anchor_name({n: v for n, v in values.items() if n in touching})]
        for name, values in anchors.items()
    }


def _from_formula(study: Study, detector: Detector, source: Source) -> Template:
    if (formula := source.formula) is None:
        raise ValueError(f"{source.name}: no spectrum, and no formula")
    expected = formula.get("events", 1.0) / formula.get("exposure_kg_day", 1.0)
    expected *= events_per_rate(study, detector.name, source.name)
    rows = []
    for anchor, values in (anchors := study.source_anchors(detector.name, source.name)).items():
        apparatus, _ = apparatus_at(study, detector.name, values)
        try:
            rows.append(expected * shares(formula, detector.space, apparatus))
        except ValueError as error:
            raise ValueError(f"{source.name} of {detector.name}, {anchor}: {error}") from None
    return Template(tuple(anchors.values()), np.array(rows), np.zeros_like(rows))


def _from_file(study: Study, detector: Detector, source: Source) -> Template:
    if (settings := source.template) is None:
        raise ValueError(f"{source.name}: no spectrum, and no file")
    histogram = read_histogram(settings["path"], settings.get("histogram"))
    anchors = study.source_anchors(detector.name, source.name)
    expected, variance = rebinned(histogram, detector.space, settings["path"])
    rows = at_anchors(histogram, anchors, histogram.shapes, settings["path"])
    factor = source.rate_multiplier
    if "exposure_kg_day" in settings:
        factor *= detector.exposure_kg_day / settings["exposure_kg_day"]
    return Template(tuple(anchors.values()), factor * expected[rows], factor**2 * variance[rows])


def fold(
    spectrum: pd.DataFrame,
    responses: Mapping[str, Response],
    anchors: Mapping[str, Mapping[str, float]],
    events_per_rate: float,
    efficiencies: Sequence[Curve | None] | None = None,
) -> Template:
    """Fold a spectrum with the responses of all anchors.

    Parameters
    ----------
    spectrum
        See `zeptobarn.templates.spectra`.
    responses, anchors
        Response and shape values of each anchor, by the anchor's name.
    events_per_rate
        Expected recoils per unit of rate (kg day): exposure times rate multiplier.
    efficiencies
        Efficiency against the recoil energy of each anchor, where there is one.
    """
    expected, variance = [], []
    for name, efficiency in zip(anchors, efficiencies or [None] * len(anchors), strict=True):
        response = responses[name]
        recoils = recoils_per_bin(spectrum, response.energy_edges_keV, efficiency)
        recoils = recoils * events_per_rate
        expected.append(recoils @ response.probability)
        variance.append(recoils**2 @ response.variance)
    return Template(tuple(anchors.values()), np.array(expected), np.array(variance))


# Parts of an energy bin that tell how a spectrum changes inside it.
_PARTS = 8


def recoils_per_bin(
    spectrum: pd.DataFrame, edges_keV: NDArray[np.float64], efficiency: Curve | None = None
) -> NDArray[np.float64]:
    """Recoils of a spectrum per energy bin of a response, which spreads them evenly over a bin.

    Where a spectrum falls inside a bin, the mean energy of its recoils is not the bin's middle; so
    many are counted in the next bin that the mean energy stays. Without this, bins of 5 % would
    cost the template of a 10 GeV WIMP 0.15 %, and its outermost bins 2 %.

    Parameters
    ----------
    edges_keV
        Edges of the energy bins (keV), shape (n + 1,).
    efficiency
        The share of recoils that counts, against their energy (keV); None: all.

    Returns
    -------
    Recoils (events/(kg day)), shape (n,); without an efficiency, their sum is the integral of the
    spectrum.
    """
    fine = np.interp(
        np.arange(_PARTS * (len(edges_keV) - 1) + 1) / _PARTS, np.arange(len(edges_keV)), edges_keV
    )
    parts = integrate(spectrum, fine).reshape(-1, _PARTS)
    energies = ((fine[1:] + fine[:-1]) / 2).reshape(-1, _PARTS)
    if efficiency is not None:
        parts = parts * efficiency(energies)
    middle, total = energies.mean(axis=1), parts.sum(axis=1)
    offset = (parts * energies).sum(axis=1) / np.where(total > 0, total, np.inf) - middle
    bins = np.arange(len(total))
    other = np.clip(bins + np.sign(offset).astype(int), 0, len(total) - 1)
    distance = middle[other] - middle
    moved = total * np.where(distance != 0, offset / np.where(distance != 0, distance, 1.0), 0.0)
    recoils = total - moved
    np.add.at(recoils, other, moved)
    return np.asarray(recoils)


def events_per_rate(study: Study, detector: str, source: str) -> float:
    """Exposure (kg day) times what multiplies a source's spectrum in this study."""
    the_detector = study.detectors[detector]
    if study.signal(source):
        return the_detector.exposure_kg_day * study.reference_cross_section_cm2 / CROSS_SECTION_CM2
    if study.source_signal(source):
        return the_detector.exposure_kg_day
    return the_detector.exposure_kg_day * the_detector.source(source).rate_multiplier
