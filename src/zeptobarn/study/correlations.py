"""Correlated nuisances: which rates and shape parameters were measured together, and how."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from zeptobarn.physics.detector import Source
from zeptobarn.support.config import ConfigError

if TYPE_CHECKING:
    from zeptobarn.study.study import Study

# Smallest eigenvalue of a correlation matrix: below, two numbers are one.
_LEAST_EIGENVALUE = 1e-6


@dataclass(frozen=True)
class Correlation:
    """Correlation coefficients of nuisances' constraints.

    Attributes
    ----------
    parameters
        Names: of a shape parameter its own, of a rate see `measured_name`.
    matrix
        Symmetric, 1 on the diagonal; the widths are those of the constraints.
    """

    parameters: tuple[str, ...]
    matrix: tuple[tuple[float, ...], ...]

    def among(self, names: list[str]) -> NDArray[np.float64]:
        """Coefficients of some of the parameters, shape (n, n)."""
        at = [self.parameters.index(name) for name in names]
        return np.array(self.matrix)[np.ix_(at, at)]


def rate_name(source: Source, detector: str, members: int) -> str:
    """Name the rate of a source as a parameter of a target with some number of detectors.

    A combination's rates have the detector's name before them, but for shared ones.
    """
    return (
        f"{source.name}_rate" if members == 1 or source.shared else f"{detector}_{source.name}_rate"
    )


def measured_name(source: Source, detector: str) -> str:
    """Name the measurement of a source's rate: that of a detector's own, or one for all."""
    return rate_name(source, detector, 2)


def correlation_of(study: "Study", parameter: str) -> Correlation | None:
    """Give the correlation that holds a parameter; None where it is measured by itself."""
    return next((c for c in study.correlations if parameter in c.parameters), None)


def correlations_slice(study: "Study", target: str) -> list[Any]:
    """Give the correlations that touch a nuisance of a detector or a combination."""
    mine = {shape.name for shape in study.target_shapes(target)} | {
        measured_name(source, detector) for detector, source in _sources(study, target)
    }
    return [[c.parameters, c.matrix] for c in study.correlations if mine & set(c.parameters)]


def check_correlations(study: "Study", origin: str) -> None:
    """Refuse correlations of what is not there or has no normal constraint, and impossible ones.

    Raises
    ------
    ConfigError
        The message names the parameter, or the matrix.
    """
    known = {shape.name: shape.constrained for shape in study.shapes}
    for name in study.detectors:
        for detector, source in _sources(study, name):
            known[measured_name(source, detector)] = source.rate == "normal"
    taken: set[str] = set()
    for number, correlation in enumerate(study.correlations):
        place = f"{origin}: correlations[{number}]"
        for name in correlation.parameters:
            if not known.get(name, False):
                reason = "without a normal constraint" if name in known else "which is none"
                allowed = ", ".join(sorted(n for n, normal in known.items() if normal))
                raise ConfigError(
                    f"{place}.parameters: found {name!r}, {reason}; allowed: {allowed or 'none'}"
                )
            if name in taken:
                raise ConfigError(
                    f"{place}.parameters: found {name} twice; allowed: in one correlation, once"
                )
            taken.add(name)
        _check_matrix(correlation, f"{place}.matrix")


def check_shared(study: "Study", origin: str) -> None:
    """Refuse a combination whose detectors say different things of a rate that they share.

    Raises
    ------
    ConfigError
        The message names both detectors and what each says.
    """
    for target in study.combined:
        first: dict[str, tuple[str, Source]] = {}
        for detector, source in _sources(study, target):
            other, same = first.setdefault(source.name, (detector, source))
            if (source.shared or same.shared) and not _agree(source, same):
                raise ConfigError(
                    f"{origin}: combined: {target}: source {source.name} is shared, but found "
                    f"{_said(same)} in {other} and {_said(source)} in {detector}; allowed: shared: "
                    "true, and the same relative rate, in both"
                )


def _sources(study: "Study", target: str) -> Iterator[tuple[str, Source]]:
    for detector in study.targets[target]:
        for source in study.detectors[detector].sources:
            yield detector, source


def _agree(one: Source, other: Source) -> bool:
    """Whether two sources say the same of their rate, but for rounding."""
    mine, others = (
        np.array([s.rate_width, s.nominal_rate, *(s.rate_range or ())]) for s in (one, other)
    )
    return (
        (one.shared, one.rate) == (other.shared, other.rate)
        and len(mine) == len(others)
        and np.allclose(mine, others, rtol=1e-6, atol=0)
    )


def _said(source: Source) -> str:
    numbers = f"range {list(source.rate_range)}" if source.rate_range else f"{source.rate_width:g}"
    return f"{source.rate} ({numbers}; shared: {str(source.shared).lower()})"


def _check_matrix(correlation: Correlation, place: str) -> None:
    n = len(correlation.parameters)
    if [len(row) for row in correlation.matrix] != [n] * n:
        raise ConfigError(
            f"{place}: found rows of {[len(row) for row in correlation.matrix]} numbers; allowed: "
            f"{n} rows of {n}, as there are parameters"
        )
    matrix = np.array(correlation.matrix)
    if not (np.array_equal(matrix, matrix.T) and (np.diag(matrix) == 1).all()):
        raise ConfigError(
            f"{place}: found {correlation.matrix}; allowed: correlation coefficients, symmetric "
            "and 1 on the diagonal (a covariance divided by both widths)"
        )
    least = float(np.linalg.eigvalsh(matrix)[0])
    if least < _LEAST_EIGENVALUE:
        raise ConfigError(
            f"{place}: found a smallest eigenvalue of {least:.3g}; allowed: ≥ "
            f"{_LEAST_EIGENVALUE:g}: no nuisances are correlated like that, or two are one"
        )


def read_correlations(settings: Sequence[Mapping[str, Any]]) -> tuple[Correlation, ...]:
    """Read the entries of a study's ``correlations``."""
    return tuple(
        Correlation(
            tuple(each["parameters"]), tuple(tuple(map(float, row)) for row in each["matrix"])
        )
        for each in settings
    )
