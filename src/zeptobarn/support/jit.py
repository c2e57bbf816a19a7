"""Compilation of kernels: no GIL, and a cache on disk that follows their source.

numba's own cache goes by the file of a kernel alone: it does not notice that a kernel which this
one calls, in another file, has changed, and a damaged file stops the program. Here a kernel's
compiled code is kept under the hash of all source that the kernel's file can reach, whatever
folder the environment asks for, and what does not match its checksum is compiled again.
"""

import hashlib
import inspect
import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import IO, Any, TypeVar

import numba
import numpy as np
from numba.core import caching
from numpy.typing import NDArray

from zeptobarn.support.cache import cache_folder, warn_once
from zeptobarn.support.reachable import code_of

F = TypeVar("F", bound=Callable[..., Any])

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


def kernel(**options: Any) -> Callable[[F], F]:
    """Decorate a function that numba compiles, with options of `numba.njit`.

    Dividing by zero gives an infinity, as in numpy, not an exception.
    """

    def compiled(function: F) -> F:
        dispatcher = numba.njit(nogil=True, error_model="numpy", **options)(function)
        if dispatcher is not function:  # it is with NUMBA_DISABLE_JIT
            dispatcher._cache = _Later(function)
        return dispatcher  # type: ignore[no-any-return]

    return compiled


def inner_kernel(**options: Any) -> Callable[[F], F]:
    """Like `kernel`, for functions that only kernels call: they compile faster."""
    return kernel(no_cpython_wrapper=True, no_cfunc_wrapper=True, **options)


class _Locator(caching._CacheLocator):
    """A folder for each state of a module's reachable source."""

    def __init__(self, py_file: str) -> None:
        self._py_file = py_file
        self._key = code_of(py_file)

    @classmethod
    def from_function(cls, py_func: Callable[..., Any], py_file: str) -> "_Locator":
        return cls(py_file)

    def get_cache_path(self) -> str:
        return str(cache_folder(f"{Path(self._py_file).stem}-{self._key}"))

    def get_source_stamp(self) -> str:
        return self._key

    def get_disambiguator(self) -> str:
        return ""


class _Implementation(caching.CompileResultCacheImpl):
    _locator_classes = [_Locator]  # type: ignore[list-item]  # noqa: RUF012


class _CheckedFile(caching.IndexDataCacheFile):
    """Files that end with the SHA-256 of what stands before; one that does not counts as none."""

    def _load_index(self) -> Any:
        return super()._load_index() if _intact(self._index_path) else {}

    def _load_data(self, name: str) -> Any:
        return super()._load_data(name) if _intact(self._data_path(name)) else None

    @contextmanager
    def _open_for_write(self, filepath: str) -> Iterator[IO[bytes]]:
        content = io.BytesIO()
        yield content
        with super()._open_for_write(filepath) as file:
            file.write(content.getvalue())
            file.write(hashlib.sha256(content.getvalue()).digest())


def _intact(path: str) -> bool:
    try:
        content = Path(path).read_bytes()
    except OSError:
        return False
    return hashlib.sha256(content[:-32]).digest() == content[-32:]


class _Later:
    """The cache of a kernel, made when it is asked for something.

    To hash the source that a kernel can reach takes longer than the rest of an import, and most
    kernels are never asked: they come along with those that call them.
    """

    def __init__(self, py_func: Callable[..., Any]) -> None:
        self._py_func = py_func

    @cached_property
    def _cache(self) -> "_KernelCache":
        return _KernelCache(self._py_func)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cache, name)


class _KernelCache(caching.FunctionCache):
    _impl_class = _Implementation

    def __init__(self, py_func: Callable[..., Any]) -> None:
        super().__init__(py_func)
        # Whatever folder numba was told to use, what lies in it is of this source or not loaded.
        self._cache_file = _CheckedFile(
            self._cache_path, self._impl.filename_base, code_of(inspect.getfile(py_func))
        )

    def save_overload(self, sig: Any, data: Any) -> None:
        try:
            super().save_overload(sig, data)
        except OSError as error:
            warn_once(f"compiled kernels are not kept in {self._cache_path}: {error.strerror}")
