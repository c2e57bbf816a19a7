"""Compiled anew or loaded from the cache, a kernel gives the same bytes."""

import os
import subprocess
import sys

_LIMITS = """
import numpy as np
from zeptobarn import intervals
rng = np.random.default_rng(1)
density = rng.exponential(size=(500, 5, 3))
first = np.append(0, np.cumsum(rng.integers(0, 200, size=100)))
results = np.full((100, intervals.NUISANCES + 2), np.nan)
intervals.upper_limits(
    rng.integers(0, 500, size=first[-1]), first, density, 0.1 * density.sum(axis=0),
    np.ones(2), np.full(2, np.inf), np.array([-2.0, -1.0, 0.0, 1.0, 2.0]),
    rng.normal(size=100), 1.64, 1e6, results,
)
print(results.tobytes().hex())
"""


def test_fresh_and_cached_kernels_agree(tmp_path):
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)}
    runs = []
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", _LIMITS], env=environment, capture_output=True, check=True
        )
        runs.append((done.stdout, len(list(tmp_path.rglob("*.nbc")))))
    assert len(runs[0][0]) > 1000
    assert runs[0] == runs[1]
    assert runs[0][1] > 0
