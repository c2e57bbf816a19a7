"""Take out of a published efficiency what the response of a detector has already.

`python tools/remaining_efficiency.py` writes ``resources/efficiencies/lz_ws2022_nr_remaining.csv``:
the published curve of LZ's first search contains a three-fold coincidence and S1c above 3 phd, and
so does the response of ``config/detectors/lz_ws2022.yaml``. What is left is the ratio of the
two, at most 1; with `--check` it fails where the file is not up to date.
"""

import dataclasses
import sys
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from zeptobarn.physics.detector import AnalysisSpace, Detector, load_detector
from zeptobarn.physics.efficiency import ENERGY
from zeptobarn.physics.quadrature import response

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "resources/efficiencies"
REMAINING = FOLDER / "lz_ws2022_nr_remaining.csv"
PUBLISHED = FOLDER / "lz_ws2022_nr_published.csv"
DETECTOR = ROOT / "config/detectors/lz_ws2022.yaml"
# Between these (keV) both curves are straight enough.
ENERGIES_KEV = np.concatenate([np.arange(1, 10, 0.25), np.arange(10, 30, 1.0), [30.0, 150.0]])
_WIDTH = 1e-3  # of the energy bins, relative
# Areas that no recoil of these energies has (phd).
_LARGEST_CS1, _LARGEST_CS2 = 500.0, 2e5


def remaining(detector: Detector, published: pd.DataFrame) -> pd.DataFrame:
    """Divide a published efficiency by the share of recoils above the S1's thresholds.

    Parameters
    ----------
    published
        Columns ``recoil_energy_keV`` and any number of efficiencies.

    Returns
    -------
    The same columns at `ENERGIES_KEV`, each efficiency at most 1.
    """
    share = above_s1_thresholds(detector, ENERGIES_KEV)
    table = pd.DataFrame({ENERGY: ENERGIES_KEV})
    for name in published.columns.drop(ENERGY):
        curve = np.interp(ENERGIES_KEV, published[ENERGY], published[name])
        table[name] = np.minimum(curve / share, 1).round(4)
    return table


def above_s1_thresholds(
    detector: Detector, energies_keV: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Share of nuclear recoils with the S1's coincidence and a cS1 in or above the window."""
    apparatus = dataclasses.replace(detector.apparatus, s2_area_threshold=0.0)
    lowest = detector.space.cs1_edges[0]
    # One bin: all areas of S2, and all of S1 above the threshold.
    space = AnalysisSpace(np.array([lowest, _LARGEST_CS1]), np.array([1e-3, _LARGEST_CS2]))
    shares = []
    for energy in energies_keV:
        edges = energy * np.array([1 - _WIDTH / 2, 1 + _WIDTH / 2])
        shares.append(response(apparatus, "nr", space, edges)[0].sum())
    return np.array(shares)


def main() -> None:
    """Write the file, or with --check fail where it is not up to date."""
    text = remaining(load_detector(DETECTOR), pd.read_csv(PUBLISHED)).to_csv(index=False)
    if "--check" in sys.argv:
        sys.exit(0 if REMAINING.read_text(encoding="utf-8") == text else f"{REMAINING}: outdated")
    REMAINING.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
