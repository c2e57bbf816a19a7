"""The detector's response without random numbers: sums over quanta, integrals over positions.

For a recoil energy, J is the joint distribution of photons and electrons, summed directly over
quanta, ions or heat (`zeptobarn.physics.quanta`). For a position, X gives the probability of each
cS1 bin for a number of photons and Y that of each cS2 bin for a number of electrons
(`zeptobarn.physics.areas`). Given the position the two signals are independent, so the probability
of each bin of the analysis space is Xᵀ J Y, averaged over positions.

X and Y depend on the detector alone, and X on the position only through the light yield, in which
it is smooth. So X is kept at a few light yields, Gauss nodes between the least and the largest,
with polynomials between them; Y is averaged once and for all over many positions, with each
polynomial of the light yield there as its weight. That holds for maps with edges too.

Nothing here is shared with `zeptobarn.physics.simulate` but the yields and the detector's numbers.
"""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from zeptobarn.physics.apparatus import Apparatus, Recoil
from zeptobarn.physics.areas import cs1_matrices, cs2_matrices
from zeptobarn.physics.detector import AnalysisSpace
from zeptobarn.physics.nodes import DEFAULT_NODES, Nodes, energy_nodes
from zeptobarn.physics.quanta import most_quanta, photons_and_electrons
from zeptobarn.physics.yields import NOMINAL, Nuisances, detector_yields

Floats = NDArray[np.float64]


def response(
    apparatus: Apparatus,
    recoil: Recoil,
    space: AnalysisSpace,
    energy_edges_keV: Floats,
    nuisances: Nuisances = NOMINAL,
    threads: int = 1,
    nodes: Nodes = DEFAULT_NODES,
) -> Floats:
    """Probability that recoils, uniform in an energy bin, land in each bin of the analysis space.

    Parameters
    ----------
    apparatus
        The detector's numbers.
    recoil
        ``nr`` or ``er``.
    energy_edges_keV
        Edges of the energy bins (keV), shape (n + 1,).
    nuisances
        Uncertain numbers of the yields.
    threads
        Number of threads.

    Returns
    -------
    Probabilities, shape (n, cS1 bins × cS2 bins).
    """
    bins, energies, weight = energy_nodes(energy_edges_keV, nodes)
    yields = detector_yields(apparatus, recoil, energies, nuisances)
    probability = np.zeros((len(energy_edges_keV) - 1, *space.shape))
    # The last digits of a matrix product depend on the threads that BLAS takes.
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(threads) as pool:
        x = cs1_matrices(apparatus, space, most_quanta(yields.photons, energies), nodes)
        y = cs2_matrices(apparatus, space, most_quanta(yields.electrons, energies), nodes)
        # All light yields side by side: one matrix product for all.
        n_light_yields, n_electrons, n2 = y.shape
        y_wide = np.moveaxis(y, 0, 1).reshape(n_electrons, n_light_yields * n2)
        accepted = x.sum(axis=2).max(axis=0)

        def fill(i: int) -> None:
            for k in map(int, np.flatnonzero(bins == i)):
                drawn = photons_and_electrons(yields, k, energies[k], accepted, n_electrons, nodes)
                if drawn is None:
                    continue
                joint, photon, electron = drawn
                a = slice(photon, photon + joint.shape[0])
                b = slice(electron, electron + joint.shape[1])
                seen = (joint @ y_wide[b]).reshape(-1, n_light_yields, n2)
                probability[i] += weight[k] * np.einsum("dpi,pdj->ij", x[:, a], seen, optimize=True)

        list(pool.map(fill, range(len(probability))))
    return probability.reshape(len(probability), -1)
