"""Constraints of a likelihood's nuisances together: correlated ones, and those given a fixed one.

Kernels take the quadratic form −½ Σ Λ_pq d_p d_q, with d how far each nuisance is from its centre
and Λ the inverse of the covariance: the widths are 1/√Λ_pp, and what is not on Λ's diagonal follows
them, see `zeptobarn.inference.terms.Terms.constraints`.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from zeptobarn.inference.terms import LOG_NORMAL, NORMAL, UNCONSTRAINED, UNIFORM
from zeptobarn.physics.detector import Source
from zeptobarn.study.correlations import Correlation
from zeptobarn.study.settings import Interval
from zeptobarn.study.shapes import Shape
from zeptobarn.study.study import Study

Floats = NDArray[np.float64]

_KINDS = {"free": UNCONSTRAINED, "normal": NORMAL, "log_normal": LOG_NORMAL}
# Of a parameter: names and values of what is fixed, and how its centre follows their measurements.
Ties = Mapping[str, Sequence[tuple[str, float, float]]]


def parameter_constraints(
    study: Study,
    target: str,
    interval: Interval,
    rates: Mapping[str, tuple[str, Source]],
    shapes: Sequence[Shape],
    n_ranges: int,
) -> tuple[NDArray[np.float64], Ties]:
    """Constraints of a likelihood's parameters, and ties by their names, see `correlate`.

    Parameters
    ----------
    rates
        The name of each one's measurement, and the source, by the parameter's name.
    n_ranges
        How many rates that are free inside a range follow the shapes.
    """
    of_target = {shape.name for shape in study.target_shapes(target)}
    rows = [
        (UNCONSTRAINED, 1.0),
        *((_KINDS[source.rate], source.rate_width or 1.0) for _, source in rates.values()),
        *((NORMAL if shape.constrained else UNCONSTRAINED, 1.0) for shape in shapes),
        *[(UNIFORM, 1.0)] * n_ranges,
    ]
    fixed = {name: value for name, value in interval.fixed.items() if name in of_target}
    names = ["", *(name for name, _ in rates.values()), *(s.name for s in shapes), *[""] * n_ranges]
    own = dict(zip([*rates, *(s.name for s in shapes)], names[1:], strict=False))
    together, ties = correlate(np.array(rows, dtype=float), names, study.correlations, fixed)
    return together, {name: ties[measured] for name, measured in own.items() if measured in ties}


def correlate(
    constraints: Floats,
    names: Sequence[str],
    correlations: Sequence[Correlation],
    fixed: Mapping[str, float],
) -> tuple[Floats, dict[str, list[tuple[str, float, float]]]]:
    """Put correlations into the constraints of a likelihood's parameters.

    A parameter that the likelihood does not have says nothing of the others; one that is fixed
    moves the centres of those that it is correlated with, and makes them narrower (the conditional
    distribution of a multivariate normal one).

    Parameters
    ----------
    constraints
        Kind and width of each parameter, shape (F + P, 2).
    names
        Of their measurements, shape (F + P,).
    fixed
        Values of shape parameters that an interval fixes.

    Returns
    -------
    constraints
        As `zeptobarn.inference.terms.Terms` has them; as they were where nothing is correlated.
    ties
        By name of a measurement: name, value and factor of each fixed one; the centre moves by the
        factor times how far the value lies above the fixed one's own centre.
    """
    size, index = len(constraints), {name: p for p, name in enumerate(names)}
    together = np.hstack([constraints, np.zeros((size, size))])
    ties: dict[str, list[tuple[str, float, float]]] = {}
    for correlation in correlations:
        free = [name for name in correlation.parameters if name in index]
        held = [name for name in correlation.parameters if name in fixed]
        if not free or len(free) + len(held) == 1:
            continue
        at = [index[name] for name in free]
        widths = np.append(constraints[at, 1], np.ones(len(held)))
        covariance = correlation.among(free + held) * np.outer(widths, widths)
        n = len(free)
        factors = np.linalg.solve(covariance[n:, n:], covariance[n:, :n]).T
        inverse = np.linalg.inv(covariance[:n, :n] - factors @ covariance[n:, :n])
        together[at, 1] = np.diag(inverse) ** -0.5
        together[np.ix_(at, [2 + p for p in at])] = inverse - np.diag(np.diag(inverse))
        for name, row in zip(free, factors.tolist(), strict=True):
            if held:
                ties[name] = [
                    (other, fixed[other], by) for other, by in zip(held, row, strict=True)
                ]
    if not together[:, 2:].any():
        together = np.ascontiguousarray(together[:, :2])
    return together, ties


def precision(constraints: Floats) -> Floats:
    """Inverse of the covariance of all parameters' measurements, 0 where there is none.

    Returns
    -------
    Shape (F + P, F + P).
    """
    kind, width = constraints[:, :2].T
    matrix = np.diag(np.where(kind <= UNIFORM, 0.0, width**-2.0))
    return matrix + constraints[:, 2:] if constraints.shape[1] > 2 else matrix


def spread(constraints: Floats) -> Floats:
    """Lower triangular matrix that makes measurements' deviations of unit normal numbers.

    Returns
    -------
    Shape (F + P, F + P); without correlations, the widths on the diagonal.
    """
    matrix = np.diag(np.where(constraints[:, 0] <= UNIFORM, 0.0, constraints[:, 1]))
    if constraints.shape[1] == 2:
        return matrix
    tied = np.flatnonzero(constraints[:, 2:].any(axis=1))
    covariance = np.linalg.inv(precision(constraints)[np.ix_(tied, tied)])
    matrix[np.ix_(tied, tied)] = np.linalg.cholesky(covariance)
    return matrix
