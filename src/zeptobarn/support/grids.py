"""Two-dimensional histograms with a name, as HDF5 and ROOT files hold them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from zeptobarn.support.config import ConfigError

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Grid:
    """A histogram on two axes.

    Attributes
    ----------
    axes
        Names of the axes in the file.
    edges
        Edges of the bins along each axis, increasing.
    contents, variances
        Content of each bin and its variance, shape (bins of the first axis, of the second);
        variances are 0 where the file has none.
    """

    name: str
    axes: tuple[str, str]
    edges: tuple[Floats, Floats]
    contents: Floats
    variances: Floats


def check_axes(number: int, place: str) -> None:
    """Refuse a histogram of another number of axes than two.

    Parameters
    ----------
    place
        File and name of the histogram, with which the message of a `ConfigError` begins.
    """
    if number != 2:
        raise ConfigError(f"{place}: found a histogram of {number} axes; allowed: 2")


def check_values(grid: Grid, place: str) -> Grid:
    """Give a histogram back if its numbers can be expected events.

    Raises
    ------
    ConfigError
        Edges are no increasing finite numbers, or a content or a variance is negative or no finite
        number; the message names the bin, from 0 on.
    """
    for axis, edges in zip(grid.axes, grid.edges, strict=True):
        wrong = ~np.isfinite(edges)
        wrong[1:] |= ~(np.diff(edges) > 0)
        if wrong.any():
            k = int(np.argmax(wrong))
            raise ConfigError(
                f"{place}: axis {axis!r}: found the edge {edges[k]:.6g} at {k}; allowed: finite "
                "numbers, each larger than the last"
            )
    for what, values in (("content", grid.contents), ("variance", grid.variances)):
        wrong = ~(np.isfinite(values) & (values >= 0))
        if wrong.any():
            i, j = np.argwhere(wrong)[0]
            raise ConfigError(
                f"{place}: bin ({i}, {j}): found the {what} {values[i, j]:.6g}; allowed: finite "
                "numbers of at least 0"
            )
    if not grid.contents.any():
        raise ConfigError(f"{place}: found no expected events; allowed: some")
    return grid


def unreadable(path: str | Path, kind: str, why: str) -> ConfigError:
    """Make the error for a file that its library cannot read."""
    short = " ".join(why.split())[:200].encode("utf-8", "backslashreplace").decode()
    return ConfigError(f"{path}: not readable as {kind}, cut off or damaged: {short}")
