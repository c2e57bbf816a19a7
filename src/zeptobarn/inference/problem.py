"""From templates and events to a likelihood: densities and data as the kernels take them."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from itertools import pairwise, product

import numpy as np
from numpy.typing import NDArray

from zeptobarn.inference import intervals
from zeptobarn.inference.constraints import Ties, parameter_constraints
from zeptobarn.inference.intervals import Results, no_results, select
from zeptobarn.inference.spans import spans
from zeptobarn.inference.structure import Structure
from zeptobarn.physics.detector import Source
from zeptobarn.study.correlations import measured_name, rate_name
from zeptobarn.study.settings import Interval
from zeptobarn.study.shapes import Shape
from zeptobarn.study.study import Study
from zeptobarn.templates.templates import Template, cell_of, fix_shapes

_FIXED = -1  # `_Part.rate` of a source whose rate is 1


@dataclass(frozen=True)
class Problem:
    """The likelihood of an interval.

    Attributes
    ----------
    structure
        The signal's rate is in expected events at the nominal shape.
    parameters
        Names of the free rates without the signal's, then of the profiled shapes, then of the
        rates that are free inside a range: the likelihood is linear in these, too, and their ends
        are anchors.
    nominal
        Nominal values of all parameters, the signal's first (1: one event), shape (F + P,).
    first_bin
        Where each detector's bins begin, and the end of the last, shape (detectors + 1,).
    signal_efficiency
        Expected events of a signal of rate 1 at this interval's fixed shapes, the profiled
        ones nominal.
    fault
        What is wrong with the templates; empty if nothing is.
    ties
        How centres of constraints follow what is fixed, see
        `zeptobarn.inference.constraints.correlate`.
    """

    structure: Structure
    parameters: tuple[str, ...]
    nominal: NDArray[np.float64]
    first_bin: NDArray[np.int64]
    signal_efficiency: float
    fault: str
    ties: Ties = field(default_factory=dict)

    @property
    def background(self) -> NDArray[np.float64]:
        """Nominal values of all parameters, without a signal, shape (F + P,)."""
        return np.append(0.0, self.nominal[1:])

    def centres(
        self, measured: Mapping[str, NDArray[np.float64]], datasets: int
    ) -> NDArray[np.float64]:
        """Centres of all parameters' constraints, shape (datasets, F + P).

        Parameters
        ----------
        measured
            What parameters were measured to be, by name, shape (datasets,) each; nominal where
            that is not known. What is correlated with a fixed shape parameter moves with its value.
        """
        centres = np.tile(self.nominal, (datasets, 1))
        for p, name in enumerate(self.parameters, start=1):
            if name in measured:
                known = measured[name]
                centres[:, p] = np.where(np.isnan(known), self.nominal[p], known)
            for other, value, factor in self.ties.get(name, ()):
                centres[:, p] += factor * (value - measured.get(other, np.zeros(datasets)))
        return centres


@dataclass(frozen=True)
class Data:
    """Datasets as the kernels take them; see `zeptobarn.inference.structure.gather`.

    ``offsets`` says where each detector's events begin in ``bins``, and where the last end, a row
    per dataset; ``centres`` holds what the constrained parameters were measured to be, by name.
    ``rows`` is what each observed event is called, its row in the user's table; toys have none.
    """

    bins: NDArray[np.int64]
    weights: NDArray[np.float64]
    offsets: NDArray[np.int64]
    exposure: NDArray[np.float64]
    centres: Mapping[str, NDArray[np.float64]]
    rows: Sequence[str] = ()

    def centres_of(self, problem: Problem) -> NDArray[np.float64]:
        """Centres of a problem's parameters, shape (datasets, F + P); nominal where unknown."""
        return problem.centres(self.centres, len(self.offsets))


@dataclass(frozen=True)
class _Part:
    """Sources of a detector that share a rate: expected events per anchor and bin."""

    detector: int
    rate: int
    touched: tuple[Shape, ...]
    rows: NDArray[np.float64]

    def row(self, values: Mapping[str, float]) -> NDArray[np.float64]:
        """Give the row at an anchor."""
        at = [shape.anchors.index(values[shape.name]) for shape in self.touched]
        lengths = [len(shape.anchors) for shape in self.touched]
        return np.asarray(self.rows[np.ravel_multi_index(at, lengths) if at else 0])


def assemble(
    study: Study,
    target: str,
    signal: str,
    templates: Mapping[str, Mapping[str, Template]],
    interval: Interval,
) -> Problem:
    """Build the likelihood of an interval.

    Parameters
    ----------
    target
        A detector or a combination.
    signal
        Name of the signal source.
    templates
        Templates by detector and source.
    interval
        Its fixed shapes are interpolated away.
    """
    shapes = [s for s in study.target_shapes(target) if s.name not in interval.fixed]
    scale = 1 / (sum(t[signal].nominal.sum() for t in templates.values()) or 1.0)
    rates: dict[str, tuple[str, Source]] = {}
    ranges: dict[str, Source] = {}
    parts: list[_Part] = []
    for d, (detector, sources) in enumerate(templates.items()):
        touched, rows = fix_shapes(study, detector, signal, sources[signal], interval.fixed)
        parts.append(_Part(d, 0, touched, scale * rows))
        fixed: dict[tuple[Shape, ...], NDArray[np.float64]] = {}
        for source in study.detectors[detector].sources:
            touched, rows = fix_shapes(
                study, detector, source.name, sources[source.name], interval.fixed
            )
            name = rate_name(source, detector, len(templates))
            if source.rate == "fixed":
                fixed[touched] = fixed.get(touched, 0.0) + rows
            elif source.rate == "uniform":
                ends = _range(ranges.setdefault(name, source), name)
                parts.append(_Part(d, _FIXED, (*touched, ends), _stretched(rows, ends)))
            else:
                rates.setdefault(name, (measured_name(source, detector), source))
                parts.append(_Part(d, 1 + list(rates).index(name), touched, rows))
        parts += [_Part(d, _FIXED, touched, rows) for touched, rows in fixed.items()]
    rates = {
        name: (measured, source if _expects(parts, 1 + i) else _held(source))
        for i, (name, (measured, source)) in enumerate(rates.items())
    }
    nominal = dict.fromkeys((s.name for s in shapes), 0.0)
    constraints, ties = parameter_constraints(study, target, interval, rates, shapes, len(ranges))
    shapes += [_range(source, name) for name, source in ranges.items()]
    values = [source.nominal_rate for _, source in rates.values()]
    values += [*nominal.values(), *(source.nominal_rate for source in ranges.values())]
    return Problem(
        _structure(parts, len(templates), shapes, constraints),
        (*rates, *nominal, *ranges),
        np.array([1.0, *values]),
        np.cumsum([0] + [part.rows.shape[1] for part in parts if part.rate == 0]),
        float(sum(part.row(nominal).sum() for part in parts if part.rate == 0)),
        _fault(templates),
        ties,
    )


def _expects(parts: Sequence[_Part], rate: int) -> bool:
    """Whether sources of a rate expect anything anywhere."""
    return any(part.rows.any() for part in parts if part.rate == rate)


def _held(source: Source) -> Source:
    """Constrain a free rate that the likelihood does not depend on: a fit needs a maximum."""
    return replace(source, rate="normal", rate_width=1.0) if source.rate == "free" else source


def _range(source: Source, name: str) -> Shape:
    """Give a rate that is free inside a range as a shape, which the kernels bound by its anchors.

    Templates are linear between these, and in a rate.
    """
    return Shape(name, source.rate_range or (), name, 0.0, False, (), "constant")


def _stretched(rows: NDArray[np.float64], ends: Shape) -> NDArray[np.float64]:
    """Rows of a source at both ends of its rate, which runs fastest."""
    both = rows[:, np.newaxis] * np.array(ends.anchors)[:, np.newaxis]
    return np.asarray(both.reshape(-1, rows.shape[1]))


def predict(problem: Problem, parameters: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """Expected events per bin of each detector.

    Parameters
    ----------
    parameters
        Values of all parameters, the signal's rate first, shape (F + P,).
    """
    s = problem.structure
    n_shapes = len(s.cells)
    rates, shapes = np.split(np.asarray(parameters, dtype=float), [len(parameters) - n_shapes])
    cell, position = np.zeros(n_shapes, dtype=int), np.zeros(n_shapes)
    for p, value in enumerate(shapes):
        anchors = s.anchors[p, : s.cells[p] + 1]
        cell[p], position[p] = cell_of(anchors, value)
    expected = [
        np.zeros(last - first)
        for first, last in zip(problem.first_bin[:-1], problem.first_bin[1:], strict=True)
    ]
    for d, rate, row, *strides in s.sources:
        bins = slice(problem.first_bin[d], problem.first_bin[d + 1])
        touched = [p for p in range(n_shapes) if strides[p]]
        for ups in product((0, 1), repeat=len(touched)):
            at, weight = row - s.rows[d], rates[rate] if rate >= 0 else 1.0
            for p, up in zip(touched, ups, strict=True):
                at += strides[p] * (cell[p] + up)
                weight *= position[p] if up else 1 - position[p]
            expected[d] += weight * s.density[bins, at]
    return expected


def find_limits(
    problem: Problem,
    data: Data,
    critical: Sequence[NDArray[np.float64]],
    two_sided: bool,
    bound: float,
    threads: int = 1,
) -> list[Results]:
    """Set the intervals of many datasets by tables of critical values.

    Parameters
    ----------
    critical
        Tables of two columns, or three where the values are statistics of toys; see
        `zeptobarn.inference.intervals.set_interval`, also for the other parameters.

    Returns
    -------
    Of each table, `zeptobarn.inference.intervals.Results` of the datasets, without the first axis.
    """
    n, centres = len(data.offsets), data.centres_of(problem)
    tables = np.cumsum([0, *map(len, critical)])
    rows = np.full((tables[-1], 3), np.nan)
    for table, first, last in zip(critical, tables[:-1], tables[1:], strict=True):
        rows[first:last, : table.shape[1]] = table
    results = no_results((len(critical), n), len(problem.parameters))

    def part(chosen: slice) -> None:
        intervals.set_intervals(
            problem.structure,
            data.bins,
            data.weights,
            data.offsets[chosen],
            data.exposure[chosen],
            centres[chosen],
            rows,
            tables,
            two_sided,
            bound,
            select(results, (slice(None), chosen)),
        )

    ends = np.linspace(0, n, min(threads, n) + 1, dtype=int).tolist() if n else [0]
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(part, [slice(low, high) for low, high in pairwise(ends)]))
    return [select(results, t) for t in range(len(critical))]


def fits_at(
    problem: Problem, data: Data, signals: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Best fits and t̃ at signals (expected events).

    See `zeptobarn.inference.intervals.statistics_at`.
    """
    best = np.empty(len(data.offsets))
    fits = np.empty((len(best), len(signals), 1 + len(problem.nominal)))
    intervals.statistics_at(
        reaching(problem, float(np.max(signals, initial=0.0))),
        data.bins,
        data.weights,
        data.offsets,
        data.exposure,
        data.centres_of(problem),
        np.asarray(signals, dtype=float),
        best,
        fits,
        np.empty((len(best), 2, len(signals))),
    )
    return best, fits


def reaching(problem: Problem, signal: float) -> Structure:
    """Give the structure for likelihoods at signals up to one (expected events)."""
    s = problem.structure
    parts = s.density, problem.first_bin, s.rows, s.sources, s.constraints
    return s._replace(spans=spans(*parts, signal))


def asimov(
    problem: Problem,
    parameters: NDArray[np.float64],
    exposure: NDArray[np.float64] | None = None,
) -> Data:
    """Give the Asimov dataset at values of a problem's parameters.

    All constraints are centred on their nominal values; those of what the interval fixes, on these
    values, as the dataset has them.

    Parameters
    ----------
    parameters
        See `predict`.
    exposure
        Factor on each detector's livetime, shape (detectors,).
    """
    factors = np.ones(len(problem.first_bin) - 1) if exposure is None else exposure
    expected = predict(problem, parameters)
    weights = np.concatenate([f * bins for f, bins in zip(factors, expected, strict=True)])
    filled = np.flatnonzero(weights > 0)
    first = np.searchsorted(filled, problem.first_bin)
    fixed = {other: np.array([value]) for ties in problem.ties.values() for other, value, _ in ties}
    return Data(filled, weights[filled], first[np.newaxis], factors[np.newaxis], fixed)


def _structure(
    parts: list[_Part], n_detectors: int, shapes: list[Shape], constraints: NDArray[np.float64]
) -> Structure:
    sources, blocks, rows = [], [], [0]
    for d in range(n_detectors):
        mine = [part for part in parts if part.detector == d]
        first = rows[-1]
        for part in mine:
            strides = dict.fromkeys((shape.name for shape in shapes), 0)
            stride = 1
            for shape in reversed(part.touched):
                strides[shape.name] = stride
                stride *= len(shape.anchors)
            sources.append([d, part.rate, first, *strides.values()])
            first += len(part.rows)
        rows.append(first)
        blocks.append(np.concatenate([part.rows for part in mine]))
    most = max(len(block) for block in blocks)
    anchors = np.full((len(shapes), max([len(s.anchors) for s in shapes], default=1)), np.nan)
    for p, shape in enumerate(shapes):
        anchors[p, : len(shape.anchors)] = shape.anchors
    padded = [np.pad(b.T, [(0, 0), (0, most - len(b))]) for b in blocks]
    density = np.ascontiguousarray(np.concatenate(padded))  # events look up a bin's rows together
    first_bin = np.cumsum([0] + [block.shape[1] for block in blocks])
    common = np.array(rows), np.array(sources, dtype=np.int64), constraints
    return Structure(
        density=density,
        rows=common[0],
        expected=np.concatenate([block.sum(axis=1) for block in blocks]),
        sources=common[1],
        anchors=anchors,
        cells=np.array([len(shape.anchors) - 1 for shape in shapes], dtype=np.int64),
        constraints=common[2],
        spans=spans(density, first_bin, *common),
    )


def _fault(templates: Mapping[str, Mapping[str, Template]]) -> str:
    for detector, sources in templates.items():
        for name, template in sources.items():
            bad = int((~(np.isfinite(template.expected) & (template.expected >= 0))).sum())
            if bad:
                return f"the template of {name} in {detector} has {bad} values that are not ≥ 0"
    return ""
