"""How likely a background alone looks at least as much like a signal: p₀ from toys.

q₀ is the statistic of no signal, 0 where the best fit is 0 (EPJC 71 (2011) 1554). With few events
its asymptotic distribution does not hold; toys without a signal, thrown with the nuisances that
fit the data best, say how it is distributed.
"""

from collections.abc import Sequence

import numpy as np
import scipy

from zeptobarn.inference.calibration import BLOCK, best_nuisances, throw_statistics
from zeptobarn.inference.crossing import SLACK
from zeptobarn.inference.problem import Data, Problem, fits_at
from zeptobarn.study.study import Study
from zeptobarn.support.jit import Floats
from zeptobarn.support.streams import stream

# Toys that p₀ is counted in: it reaches down to 3.9 standard deviations.
TOYS = 20_000


def observed_q0(problem: Problem, data: Data) -> Floats:
    """q₀ of each dataset, shape (datasets,); NaN where there is no fit.

    It is infinite where an event lies at which no background expects anything.
    """
    best, fits = fits_at(problem, data, np.zeros(1))
    return _q0(best, fits[:, 0, 0])


def background_q0(
    study: Study,
    problem: Problem,
    data: Data | None,
    address: Sequence[str],
    n_toys: int = TOYS,
    threads: int = 1,
) -> Floats:
    """q₀ of toys without a signal, increasing; infinite where a toy had no fit.

    Parameters
    ----------
    data
        The dataset whose nuisances the toys get, those that fit it best without a signal; if none,
        the background-only Asimov one.
    address
        Whose toys they are: it names the random streams.
    """
    nowhere = np.zeros(1)
    truth = best_nuisances(problem, nowhere, data)[0]
    streams = [
        stream(study.seed, "discovery", *address, block) for block in range(-(-n_toys // BLOCK))
    ]
    best, statistics = throw_statistics(
        problem, truth, study.constraint_centres, nowhere, n_toys, streams, threads
    )
    return np.sort(np.nan_to_num(_q0(best, statistics[:, 0]), nan=np.inf))


def p_value(q0: float, toys: Floats) -> float:
    """Share of toys at least as much like a signal, the data counted with them: (k + 1)/(n + 1).

    So counted, it is at most α in no more than a share α of datasets without a signal, however
    few the toys are (Davison and Hinkley, Bootstrap Methods, section 4.2.5). Where q₀ is infinite,
    no background can have made the data, and p₀ is 0 without counting.

    Parameters
    ----------
    toys
        From `background_q0`.

    Examples
    --------
    >>> p_value(2.0, np.array([0.0, 0.0, 0.5, 3.0])), p_value(0.0, np.array([0.0, 0.0, 0.5, 3.0]))
    (0.4, 1.0)
    """
    if np.isnan(q0):
        return float("nan")
    if np.isinf(q0):
        return 0.0
    above = len(toys) - int(np.searchsorted(toys, q0 - SLACK, side="left"))
    return (above + 1) / (len(toys) + 1)


def significance(p: float) -> float:
    """Z = Φ⁻¹(1 − p), in standard deviations; 0 above p = 0.5, where there is no excess.

    Examples
    --------
    >>> round(significance(0.00135), 2), significance(1.0), significance(0.0)
    (3.0, 0.0, inf)
    """
    return float(np.maximum(-scipy.special.ndtri(p), 0.0))


def _q0(best: Floats, statistic: Floats) -> Floats:
    return np.where(best > 0, statistic, 0.0 * best)
