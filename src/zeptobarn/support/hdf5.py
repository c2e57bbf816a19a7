"""Histograms in HDF5, as the users of multihist write them.

multihist has no file format of its own. Its histograms are written by ``multihist_to_template`` of
XENONnT's package inference_interface (github.com/XENONnT/inference_interface,
inference_interface.py), and alea reads them so (github.com/XENONnT/alea,
alea/template_source.py). A file has

- ``bins/0``, ``bins/1``, …: the edges along each axis, with its name in the attribute ``name``;
- ``templates/NAME``: the contents, one array for each histogram, all with the same axes.

Variances have no place there. Ours is ``variances/NAME``, which others pass over.
"""

import io
import json
import signal
import subprocess
import sys
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from zeptobarn.support import hdf5_arrays
from zeptobarn.support.config import ConfigError
from zeptobarn.support.grids import Floats, Grid, check_axes, check_values, unreadable

SIGNATURE = b"\x89HDF\r\n\x1a\n"
# Processor time (s): reading takes less than a second; a damaged file would take it for ever.
_LONGEST_S = 10


def read_hdf5(content: bytes, path: str | Path, expression: str) -> tuple[list[str], list[Grid]]:
    """Read the histograms of a file whose names match a regular expression.

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
        h5py is not installed, or the file is damaged or laid out in another way; or see
        `check_values`.
    """
    if find_spec("h5py") is None:
        raise ConfigError(
            f"{path}: found an HDF5 file, which h5py reads; install it: pip install "
            "'zeptobarn[hdf5]'"
        )
    arrays = dict(_arrays(content, str(path), expression))
    said = json.loads(arrays.pop("json").tobytes())
    names: list[str] = said["names"]
    chosen = [name for name in names if f"templates/{name}" in arrays]
    return names, [_grid(name, arrays, said["axes"], path) for name in chosen]


@lru_cache(maxsize=4)
def _arrays(content: bytes, path: str, expression: str) -> dict[str, Floats]:
    """Run `zeptobarn.support.hdf5_arrays`, once for each file of a study."""
    program = [sys.executable, "-P", hdf5_arrays.__file__, expression, str(_LONGEST_S)]
    done = subprocess.run(program, input=content, capture_output=True, check=False)
    if done.returncode == -signal.SIGXCPU:
        raise unreadable(path, "HDF5", f"it would take longer than {_LONGEST_S} s")
    message = done.stderr.decode("utf-8", "replace").strip()
    if done.returncode == hdf5_arrays.REFUSED:
        raise ConfigError(f"{path}: {message}")
    if done.returncode:
        raise unreadable(path, "HDF5", message.splitlines()[-1] if message else "h5py broke off")
    with np.load(io.BytesIO(done.stdout), allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays}


def _grid(name: str, arrays: dict[str, Floats], axes: dict[str, str], path: str | Path) -> Grid:
    place, contents = f"{path}: histogram {name!r}", arrays[f"templates/{name}"]
    check_axes(contents.ndim, place)
    for axis, number in enumerate(contents.shape):
        one = arrays.get(f"bins/{axis}")
        if one is None or one.shape != (number + 1,):
            shape = "none" if one is None else f"an array of the shape {one.shape}"
            raise ConfigError(
                f"{place}: found {number} bins along axis {axis}, and in bins/{axis} {shape}; "
                f"allowed: {number + 1} edges"
            )
    variances = arrays.get(f"variances/{name}", np.zeros_like(contents))
    if variances.shape != contents.shape:
        raise ConfigError(
            f"{place}: found variances of the shape {variances.shape}; allowed: that of the "
            f"histogram, {contents.shape}"
        )
    names, edges = (axes["0"], axes["1"]), (arrays["bins/0"], arrays["bins/1"])
    return check_values(Grid(name, names, edges, contents, variances), place)
