"""Take histograms out of an HDF5 file: a program of its own, run by `zeptobarn.support.hdf5`.

The HDF5 library runs in circles on some damaged files (where the length of a text is 0, for one).
Nothing in the same process can stop it there; this one has an end of its processor time.

It reads the file from its standard input and writes arrays in NumPy's format (npz) to its standard
output; it ends with `REFUSED` and a message if the file is laid out in another way. Its arguments
are the regular expression and the processor time (s).
"""

import io
import json
import re
import resource
import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray

REFUSED = 3
# A file that says it has more values in an array is damaged, or would fill the memory.
_MOST_VALUES = 10_000_000


class LayoutError(Exception):
    """The file is readable, but holds no such histograms; the message says what was found."""


def take_arrays(content: bytes, expression: str) -> dict[str, NDArray[Any]]:
    """Read the edges, and the histograms whose names match a regular expression.

    Links to other files are not followed: a result would depend on what is not in its hash.

    Returns
    -------
    ``bins/0``, …, ``templates/NAME`` and ``variances/NAME``, and as ``json`` the ``names`` of all
    histograms and those of the ``axes``.
    """
    import h5py

    with h5py.File(io.BytesIO(content), "r") as file:
        groups = {name: _datasets(file, name) for name in ("bins", "templates", "variances")}
        if not groups["bins"] or not groups["templates"]:
            raise LayoutError(
                f"found {', '.join(map(repr, list(file)[:10])) or 'nothing'}; allowed: edges in "
                "bins/0 and bins/1, and histograms in templates, as inference_interface writes them"
            )
        arrays = {
            f"{group}/{name}": _values(dataset, f"{group}/{name}")
            for group, datasets in groups.items()
            for name, dataset in datasets.items()
            if group == "bins" or re.fullmatch(expression, name)
        }
        names = {
            "names": list(groups["templates"]),
            "axes": {name: _axis_name(dataset) for name, dataset in groups["bins"].items()},
        }
    return arrays | {"json": np.frombuffer(json.dumps(names).encode(), dtype=np.uint8)}


def _datasets(file: Any, group: str) -> dict[str, Any]:
    """Give what lies in a group of a file, by name; nothing if there is no such group."""
    import h5py

    if group not in file or not isinstance(file.get(group, getlink=True), h5py.HardLink):
        return {}
    found = file[group]
    if not isinstance(found, h5py.Group):
        return {}
    own = [name for name in found if isinstance(found.get(name, getlink=True), h5py.HardLink)]
    return {name: found[name] for name in own if isinstance(found[name], h5py.Dataset)}


def _values(dataset: Any, place: str) -> NDArray[Any]:
    """Read an array; it must hold numbers, not too many, and hold them in this file."""
    if dataset.dtype.kind not in "iuf":
        raise LayoutError(f"{place}: found values of type {dataset.dtype}; allowed: numbers")
    if dataset.external or dataset.is_virtual:
        raise LayoutError(f"{place}: found values in another file; allowed: in this one")
    if dataset.shape is None or dataset.size > _MOST_VALUES:
        raise LayoutError(
            f"{place}: found {'no' if dataset.shape is None else dataset.size} values; allowed: an "
            f"array of at most {_MOST_VALUES}"
        )
    return np.asarray(dataset[()], dtype=np.float64)


def _axis_name(edges: Any) -> str:
    name = edges.attrs.get("name", "")
    return name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name)


if __name__ == "__main__":
    longest_s = int(sys.argv[2])
    resource.setrlimit(resource.RLIMIT_CPU, (longest_s, longest_s + 1))
    try:
        taken: dict[str, Any] = take_arrays(sys.stdin.buffer.read(), sys.argv[1])
    except LayoutError as error:
        print(error, file=sys.stderr)
        sys.exit(REFUSED)
    written = io.BytesIO()
    np.savez(written, **taken)
    sys.stdout.buffer.write(written.getvalue())
