"""A pytest plugin for kernels as plain Python, in which coverage.py sees their branches.

With NUMBA_DISABLE_JIT=1 kernels are not compiled. Compiled, they follow IEEE 754, where the
logarithm of 0 and a division by 0 have a value; Python's functions and numbers refuse both, and
NumPy's do as the compiled ones. So kernels get NumPy's here.
"""

import importlib
import math
import pkgutil

import numba
import numpy as np
import pytest

import zeptobarn

# What kernels use of Python's own that refuses a value.
_NUMPYS = {
    "exp": np.exp,
    "float": np.float64,
    "log": np.log,
    "log1p": np.log1p,
    "sqrt": np.sqrt,
}


def pytest_configure(config: pytest.Config) -> None:
    """Refuse to run compiled kernels; give the others NumPy's functions and numbers."""
    if not numba.config.DISABLE_JIT:
        raise pytest.UsageError("interpreted: set NUMBA_DISABLE_JIT=1")
    np.seterr(all="ignore")
    for name in kernel_modules():
        module = importlib.import_module(name)
        for word, function in _NUMPYS.items():
            if word == "float" or getattr(module, word, None) is getattr(math, word):
                setattr(module, word, function)


def kernel_modules() -> list[str]:
    """Names of the package's modules that hold kernels."""
    found = pkgutil.walk_packages(zeptobarn.__path__, "zeptobarn.")
    sources = {each.name: importlib.util.find_spec(each.name).loader for each in found}
    return [
        name
        for name, loader in sources.items()
        if "\n@kernel(" in (text := loader.get_source(name)) or "\n@inner_kernel(" in text
    ]
