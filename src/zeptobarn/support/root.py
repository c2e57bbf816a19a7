"""Two-dimensional histograms of ROOT files (TH2), read with uproot and without ROOT."""

import io
import re
from pathlib import Path
from typing import Any

import numpy as np

from zeptobarn.support.config import ConfigError
from zeptobarn.support.grids import Grid, check_axes, check_values, unreadable

SIGNATURE = b"root"


def read_root(content: bytes, path: str | Path, expression: str) -> tuple[list[str], list[Grid]]:
    """Read the TH2 of a file whose names match a regular expression.

    Those in directories are named with them: ``nr/wimp``.

    Underflow and overflow are left out. Variances are the sums of squared weights (fSumw2), if the
    histogram has them: without, ROOT takes contents for counts, which expected events are not. The
    name of an axis is its title, or without one the name that it was given (``SetName``).

    Parameters
    ----------
    content
        What the file holds.
    path
        What a message calls it.

    Returns
    -------
    The names of all histograms of the file, and those that match.

    Raises
    ------
    ConfigError
        uproot is not installed, the file is damaged, or what matches is no TH2; or see
        `check_values`.
    """
    try:
        import uproot
    except ImportError:
        raise ConfigError(
            f"{path}: found a ROOT file, which uproot reads; install it: pip install "
            "'zeptobarn[root]'"
        ) from None
    try:
        with uproot.open(io.BytesIO(content)) as file:
            if file.file.fEND > len(content):
                why = f"{len(content)} bytes, {file.file.fEND} by its header"
                raise unreadable(path, "ROOT", why)
            classes = {
                name: kind
                for name, kind in file.classnames(recursive=True, cycle=False).items()
                if re.match(r"TH\d|TProfile", kind)
            }
            return list(classes), [
                _grid(file, name, kind, f"{path}: histogram {name!r}")
                for name, kind in classes.items()
                if re.fullmatch(expression, name)
            ]
    except ConfigError:
        raise
    except Exception as error:  # uproot's parsing meets whatever a damaged file holds
        raise unreadable(path, "ROOT", f"{type(error).__name__}: {error}") from None


def _grid(file: Any, name: str, kind: str, place: str) -> Grid:
    if match := re.match(r"TH([13])", kind):
        check_axes(int(match[1]), place)
    if not re.fullmatch(r"TH2[CSILFD]", kind):
        raise ConfigError(f"{place}: found a {kind}; allowed: TH2F, TH2D or another TH2")
    histogram = file[name]
    axes = [histogram.axis(number) for number in (0, 1)]
    contents = np.asarray(histogram.values(flow=False), dtype=float)
    edges = [np.asarray(axis.edges(flow=False), dtype=float) for axis in axes]
    shape = tuple(len(edge) - 1 for edge in edges)
    with_overflow = (shape[1] + 2, shape[0] + 2)
    squares = np.asarray(histogram.member("fSumw2"), dtype=float)
    if contents.shape != shape or squares.size not in (0, np.prod(with_overflow)):
        raise ConfigError(
            f"{place}: found contents of the shape {contents.shape} and {squares.size} sums of "
            f"squared weights; allowed: the shape of the axes, {shape}, and one for each bin"
        )
    # uproot's own variances are the contents without weights, and 0 where they are negative.
    variances = (
        squares.reshape(with_overflow).T[1:-1, 1:-1] if squares.size else np.zeros_like(contents)
    )
    names = (_axis_name(axes[0]), _axis_name(axes[1]))
    return check_values(Grid(name, names, (edges[0], edges[1]), contents, variances), place)


def _axis_name(axis: Any) -> str:
    """Name of an axis; log_{10}, as ROOT's TLatex writes it, is log10."""
    given = axis.member("fName")
    name = axis.member("fTitle") or ("" if given in ("xaxis", "yaxis") else given)
    return str(name).replace("log_{10}", "log10")
