"""Templates in HDF5 and ROOT files: histograms chosen by name, their axes told by theirs."""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from zeptobarn.physics.area_names import EXAMPLES, Meaning, meaning
from zeptobarn.physics.histogram import Floats, Histogram, describe_edges, same_edges
from zeptobarn.support import hdf5, root
from zeptobarn.support.config import ConfigError
from zeptobarn.support.grids import Grid
from zeptobarn.support.inputs import quoted

_PLACE = re.compile(r"\{([^{}]*)\}")
_NUMBER = r"([-+]?[0-9]+(?:\.[0-9]*)?(?:[eE][-+]?[0-9]+)?)"
_READERS = {hdf5.SIGNATURE: hdf5.read_hdf5, root.SIGNATURE: root.read_root}


def holds_grids(content: bytes) -> bool:
    """Say whether what a file holds is HDF5 or ROOT, by its first bytes."""
    return content.startswith(tuple(_READERS))


def read_grids(content: bytes, path: str | Path, pattern: str | None) -> Histogram:
    """Read a template from an HDF5 or ROOT file.

    Parameters
    ----------
    content
        What the file holds, see `holds_grids`.
    path
        What a message calls it.
    pattern
        Name of the histogram; with the names of shape parameters in braces where their values
        stand, as alea has them (``er_{leff}`` for ``er_-1``, ``er_0``, ``er_1.5``), all that match.

    Raises
    ------
    ConfigError
        No name is given or none matches, of a value there are two, the histograms have other axes
        than each other, or their axes are not one of cS1 and one of cS2; or see
        `zeptobarn.support.hdf5.read_hdf5` and `zeptobarn.support.root.read_root`.
    """
    (reader,) = (reader for start, reader in _READERS.items() if content.startswith(start))
    shapes = tuple(_PLACE.findall(pattern or ""))
    expression = _expression(pattern, path)
    names, grids = reader(content, path, expression)
    if not grids:
        found = "no key histogram" if pattern is None else f"histogram: {pattern}"
        there = quoted(names) if names else "which has none"
        raise ConfigError(f"{path}: found {found}; allowed: one of the file's, {there}")
    anchors = _anchors(grids, expression, path)
    first = grids[0]
    for grid in grids[1:]:
        _check_alike(first, grid, path)
    meanings = _axes(first, f"{path}: histogram {first.name!r}")
    order = [[said.quantity for said in meanings].index(quantity) for quantity in ("cs1", "cs2")]
    edges = [_areas(first.edges[k], meanings[k].logarithm) for k in order]
    return Histogram(
        shapes=shapes,
        anchors=anchors,
        cs1_edges=edges[0],
        cs2_edges=edges[1],
        expected=np.array([grid.contents.transpose(order) for grid in grids]),
        variance=np.array([grid.variances.transpose(order) for grid in grids]),
        area_unit="".join({said.unit for said in meanings if said.unit}),
        s2_array=meanings[order[1]].array,
    )


def _expression(pattern: str | None, path: str | Path) -> str:
    """Make a regular expression of a histogram's name, with a group for each shape parameter."""
    if pattern is None:
        return "(?!)"  # no name
    texts = _PLACE.split(pattern)  # text, name of a shape, text, …
    if not all(map(str.isidentifier, texts[1::2])) or len(set(texts[1::2])) < len(texts) // 2:
        raise ConfigError(
            f"{path}: found histogram: {pattern}; allowed in braces: names of shape parameters, "
            "each once"
        )
    return "".join(_NUMBER if k % 2 else re.escape(text) for k, text in enumerate(texts))


def _anchors(grids: Sequence[Grid], expression: str, path: str | Path) -> Floats:
    """Values of the shape parameters in the names of histograms, shape (histograms, shapes)."""
    matches = [re.fullmatch(expression, grid.name) for grid in grids]
    values = [tuple(map(float, match.groups())) for match in matches if match]
    for k, one in enumerate(values):
        if one in values[:k]:
            names = grids[values.index(one)].name, grids[k].name
            raise ConfigError(
                f"{path}: found histograms {quoted(names)}; allowed: one for each value"
            )
    return np.array(values, dtype=float).reshape(len(grids), -1)


def _check_alike(first: Grid, other: Grid, path: str | Path) -> None:
    """Refuse histograms of anchors that have different axes."""
    if first.axes != other.axes:
        raise ConfigError(
            f"{path}: found axes {quoted(first.axes)} in {first.name!r} and {quoted(other.axes)} "
            f"in {other.name!r}; allowed: the same at all anchors"
        )
    for axis, one, two in zip(first.axes, first.edges, other.edges, strict=True):
        if not same_edges(one, two):
            raise ConfigError(
                f"{path}: axis {axis!r}: found {describe_edges(one)} in {first.name!r} and "
                f"{describe_edges(two)} in {other.name!r}; allowed: the same at all anchors"
            )


def _axes(grid: Grid, place: str) -> list[Meaning]:
    """What the names of the axes say; one must be cS1 and the other cS2."""
    said = [meaning(name) for name in grid.axes]
    known = [each for each in said if each is not None]
    if {each.quantity for each in known} != {"cs1", "cs2"} or len(known) != 2:
        raise ConfigError(
            f"{place}: found axes named {quoted(grid.axes)}; allowed: one that is cS1 and one that "
            f"is cS2 by its name, such as {EXAMPLES}"
        )
    for name, each in zip(grid.axes, known, strict=True):
        if each.logarithm == "log":
            raise ConfigError(
                f"{place}: found the axis {name!r}, a logarithm whose base its name does not say; "
                f"allowed: log10 or ln, as in log10_{each.quantity}"
            )
        if each.quantity == "cs1" and each.array in ("bottom", "top"):
            raise ConfigError(
                f"{place}: found the axis {name!r}, light of some of the photosensors; allowed: "
                "cS1 of all"
            )
    if len({each.unit for each in known if each.unit}) > 1:
        raise ConfigError(
            f"{place}: found axes {quoted(grid.axes)} in two units; allowed: one unit"
        )
    return known


def _areas(edges: Floats, logarithm: str) -> Floats:
    """Undo the logarithm of an axis; what is too large for a number ends beyond any analysis."""
    with np.errstate(over="ignore"):
        return {"": edges, "log10": 10.0**edges, "ln": np.exp(edges)}[logarithm]
