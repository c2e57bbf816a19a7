"""Compiled anew or loaded from the cache, a kernel gives the same bytes."""

import os
import subprocess
import sys

_LIMITS = """
import sys
sys.path.insert(0, "tests")
import numpy as np
from counting import shaped_structure
from zeptobarn import intervals
rng = np.random.default_rng(1)
model = shaped_structure(rng.exponential(size=(500, 5, 3)))
last = np.cumsum(rng.integers(0, 200, size=100))
first = np.column_stack([np.append(0, last[:-1]), last])
results = np.full((100, intervals.NUISANCES + 2), np.nan)
centres = np.column_stack([np.ones((100, 2)), rng.normal(size=100)])
intervals.intervals(
    model, rng.integers(0, 500, size=last[-1]), np.ones(last[-1]), first, np.ones((100, 1)),
    centres, np.array([[0.0, 1.64]]), False, 1e6, results,
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
