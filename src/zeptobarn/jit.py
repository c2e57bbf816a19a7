"""Compilation of kernels: no GIL, cached on disk under a hash of this package's source.

numba's cache does not notice when a kernel calls a kernel of another file that has changed;
a folder per state of the source does.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numba
import numpy as np
from numpy.typing import NDArray

from zeptobarn.tables import code_digest

F = TypeVar("F", bound=Callable[..., Any])

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


def _cache_folder() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    sources = Path(__file__).parent.glob("*.py")
    return Path(base) / "zeptobarn" / code_digest(*(path.stem for path in sources))


if not os.environ.get("NUMBA_CACHE_DIR"):
    numba.config.CACHE_DIR = str(_cache_folder())  # type: ignore[attr-defined]


def kernel(**options: Any) -> Callable[[F], F]:
    """Decorate a function that numba compiles, with options of `numba.njit`.

    Dividing by zero gives an infinity, as in numpy, not an exception.
    """
    return numba.njit(nogil=True, cache=True, error_model="numpy", **options)  # type: ignore[no-any-return]


def inner_kernel(**options: Any) -> Callable[[F], F]:
    """Like `kernel`, for functions that only kernels call: they compile faster."""
    return kernel(no_cpython_wrapper=True, no_cfunc_wrapper=True, **options)
