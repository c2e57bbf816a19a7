"""Templates: expected events of a source per bin of the analysis space, at every anchor."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from zeptobarn.physics.detector import AnalysisSpace, Detector
from zeptobarn.study.shapes import Shape
from zeptobarn.study.slices.template import template_slice
from zeptobarn.study.study import Study
from zeptobarn.support.kinds import NOT_NEGATIVE, Column, Kind
from zeptobarn.support.paths import anchor_name
from zeptobarn.support.tables import read_parquet, write_parquet

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
