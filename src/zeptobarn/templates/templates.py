"""Templates: expected events of a source per bin of the analysis space, at every anchor."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from zeptobarn.physics.apparatus import Apparatus, Recoil, recoil_of
from zeptobarn.physics.detector import AnalysisSpace, Detector, Source
from zeptobarn.physics.formulas import shares
from zeptobarn.physics.histogram import at_anchors, rebinned
from zeptobarn.physics.template_files import read_histogram
from zeptobarn.study.slices.template import template_slice
from zeptobarn.study.study import Shape, Study
from zeptobarn.support.config import ConfigError
from zeptobarn.support.kinds import NOT_NEGATIVE, Column, Kind
from zeptobarn.support.paths import anchor_name
from zeptobarn.support.tables import read_parquet, write_parquet
from zeptobarn.templates.efficiencies import Curve, Seen, seen
from zeptobarn.templates.response import Response, apparatus_at
from zeptobarn.templates.spectra import COLUMNS, CROSS_SECTION_CM2, integrate

if TYPE_CHECKING:
    from zeptobarn.physics.yields import Nuisances

_BINS = ("cs1_low", "cs2_low")
_COLUMNS = {
    "cs1_low": Column(at_most="cs1_high"),
    "cs2_low": Column(at_most="cs2_high"),
    "expected_events": NOT_NEGATIVE,
    "variance": NOT_NEGATIVE,
}

# Widths of a kernel, in cS1 (the area's unit) and in ln cS2, of each anchor.
Widths = Sequence[tuple[float, float]]


@dataclass(frozen=True)
class Template:
    """A source in a detector.

    Attributes
    ----------
    shape_values
        The anchors: one mapping of shape parameters to values each, empty where no shape
        parameter touches the source.
    expected, variance
        Expected events per bin and their variance from finite simulation,
        shape (anchors, cS1 bins × cS2 bins).
    """

    shape_values: tuple[Mapping[str, float], ...]
    expected: NDArray[np.float64]
    variance: NDArray[np.float64]

    @property
    def nominal(self) -> NDArray[np.float64]:
        """Expected events per bin with all shape parameters at 0."""
        at = next(i for i, values in enumerate(self.shape_values) if not any(values.values()))
        return np.asarray(self.expected[at])


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


def smoothed(template: Template, space: AnalysisSpace, widths: Widths | None = None) -> Template:
    """Kernel estimate of a template, at each anchor, see `zeptobarn.templates.density.smooth`.

    Parameters
    ----------
    widths
        Those of the kernel; those of `kernel_widths` if None.
    """
    from zeptobarn.templates.density import smooth

    estimates = [
        smooth(expected, variance, space, chosen)
        for expected, variance, chosen in zip(
            template.expected,
            template.variance,
            kernel_widths(template, space) if widths is None else widths,
            strict=True,
        )
    ]
    return Template(template.shape_values, *map(np.array, zip(*estimates, strict=True)))


def kernel_widths(template: Template, space: AnalysisSpace) -> Widths:
    """Widths of the kernel at each anchor of a template, see `bandwidths`."""
    from zeptobarn.templates.density import bandwidths

    return [
        bandwidths(expected, variance, space)
        for expected, variance in zip(template.expected, template.variance, strict=True)
    ]


def fix_shapes(
    study: Study, detector: str, source: str, template: Template, fixed: Mapping[str, float]
) -> tuple[tuple[Shape, ...], NDArray[np.float64]]:
    """Put values of shape parameters into a template, linear between its anchors.

    Parameters
    ----------
    fixed
        Values by name; those that do not touch the source change nothing.

    Returns
    -------
    The shape parameters that are left, and expected events at each of their anchors in grid
    order, shape (anchors, cS1 bins × cS2 bins).
    """
    touched = list(study.source_shapes(detector, source))
    grid = template.expected.reshape([*(len(s.anchors) for s in touched), -1])
    for shape in list(touched):
        if shape.name in fixed:
            axis = touched.index(shape)
            k, share = cell_of(np.array(shape.anchors, dtype=float), fixed[shape.name])
            low, high = np.moveaxis(np.take(grid, [k, k + 1], axis), axis, 0)
            grid = (1 - share) * low + share * high
            touched.remove(shape)
    return tuple(touched), grid.reshape(-1, grid.shape[-1])


def cell_of(anchors: NDArray[np.float64], value: float) -> tuple[int, float]:
    """Cell between anchors that holds a value, and the value's position in it.

    Examples
    --------
    >>> cell_of(np.array([-2.0, 0.0, 1.0]), 0.25)
    (1, 0.25)
    """
    k = min(max(int(np.searchsorted(anchors, value)) - 1, 0), len(anchors) - 2)
    return k, float((value - anchors[k]) / (anchors[k + 1] - anchors[k]))


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


# Parts of an energy bin that tell how a spectrum changes inside it.
_PARTS = 8


def events_per_rate(study: Study, detector: str, source: str) -> float:
    """Exposure (kg day) times what multiplies a source's spectrum in this study."""
    the_detector = study.detectors[detector]
    if study.signal(source):
        return the_detector.exposure_kg_day * study.reference_cross_section_cm2 / CROSS_SECTION_CM2
    if study.source_signal(source):
        return the_detector.exposure_kg_day
    return the_detector.exposure_kg_day * the_detector.source(source).rate_multiplier


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


def lint(study: Study, detector: str, source: str, template: Template) -> pd.DataFrame:
    """Find bins that an event of the source could hit, but where its template holds nothing.

    See `zeptobarn.templates.density.holes`. A template without simulation error has none.

    Returns
    -------
    A row per anchor with such bins: ``detector, source, anchor, empty_bins, share_of_events``
    (that would fall into these), and ``bins``, the three that miss most.
    """
    rows: list[dict[str, Any]] = []
    if not template.variance.any():
        return pd.DataFrame(rows, columns=_LINT_COLUMNS)
    from zeptobarn.templates.density import holes

    the_detector = study.detectors[detector]
    for values, expected, variance in zip(
        template.shape_values, template.expected, template.variance, strict=True
    ):
        empty, share = holes(expected, variance, the_detector.space)
        if not len(empty):
            continue
        named = "; ".join(bin_name(the_detector, number) for number in empty[:3])
        names = {"detector": detector, "source": source, "anchor": anchor_name(values)}
        rows.append({**names, "empty_bins": len(empty), "share_of_events": share, "bins": named})
    return pd.DataFrame(rows, columns=_LINT_COLUMNS)


_LINT_COLUMNS = ["detector", "source", "anchor", "empty_bins", "share_of_events", "bins"]


def bin_name(detector: Detector, number: int) -> str:
    """Name a bin by its ends in cS1 and cS2."""
    i, j = divmod(int(number), detector.space.shape[1])
    return ", ".join(
        f"{name} {edges[k]:.4g}–{edges[k + 1]:.4g} {detector.area_unit}"
        for name, edges, k in (
            ("cS1", detector.space.cs1_edges, i),
            ("cS2", detector.space.cs2_edges, j),
        )
    )


def write_template(
    study: Study, detector: str, source: str, template: Template, path: Path
) -> None:
    """Write a template as a row per anchor and bin."""
    space = study.detectors[detector].space
    n1, n2 = space.shape
    unit = study.detectors[detector].area_unit
    n_anchors = len(template.shape_values)
    columns: dict[str, Any] = {
        name: np.repeat([values[name] for values in template.shape_values], n1 * n2)
        for name in template.shape_values[0]
    }
    units = dict.fromkeys(columns, "standard deviations")
    i, j = np.divmod(np.tile(np.arange(n1 * n2), n_anchors), n2)
    for axis, edges, bins in (("cs1", space.cs1_edges, i), ("cs2", space.cs2_edges, j)):
        columns |= {f"{axis}_low": edges[bins], f"{axis}_high": edges[bins + 1]}
        units |= {f"{axis}_low": unit, f"{axis}_high": unit}
    columns |= {
        "expected_events": template.expected.ravel(),
        "variance": template.variance.ravel(),
    }
    write_parquet(
        pd.DataFrame(columns),
        path,
        units=units | {"expected_events": "events", "variance": "events²"},
        config_slice=template_slice(study, detector, source),
        seed=study.seed,
    )


def read_template(study: Study, detector: str, source: str, path: Path) -> Template:
    """Read a template of this study.

    Raises
    ------
    ResultError
        The file was made from another configuration.
    """
    anchors = tuple(study.source_anchors(detector, source).values())
    space = study.detectors[detector].space
    shapes = {shape.name: shape.anchors for shape in study.source_shapes(detector, source)}
    table, _ = read_parquet(
        path,
        config_slice=template_slice(study, detector, source),
        columns=["expected_events", "variance"],
        kind=Kind(_COLUMNS, key=(*shapes, *_BINS), complete=True, in_order=True),
        levels={**shapes, **dict(zip(_BINS, space.shape, strict=True))},
    )
    shape = (len(anchors), -1)
    return Template(
        anchors,
        table["expected_events"].to_numpy().reshape(shape),
        table["variance"].to_numpy().reshape(shape),
    )
