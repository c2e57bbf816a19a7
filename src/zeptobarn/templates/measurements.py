"""Where the constraints of a dataset's nuisances are centred: what its trial measured of them."""

import numpy as np

from zeptobarn.physics.detector import Source
from zeptobarn.study.correlations import correlation_of, measured_name
from zeptobarn.study.shapes import Shape
from zeptobarn.study.study import Study
from zeptobarn.support.streams import stream


def rate_centre(
    study: Study, detector: str, source: Source, trial: int, rng: np.random.Generator
) -> float:
    """Where a rate was measured to be; NaN where nothing is measured of it.

    Parameters
    ----------
    rng
        The trial's own, which a rate of one detector draws from; one that is shared, or correlated
        with another nuisance, has a stream named for it, the same in all detectors.
    """
    if source.rate not in ("normal", "log_normal"):
        return np.nan
    pull = 0.0
    if study.constraint_centres == "redrawn":
        name = measured_name(source, detector)
        if source.shared or correlation_of(study, name):
            pull = source.rate_width * _deviation(study, name, trial)
        else:
            pull = source.rate_width * rng.standard_normal()
    if source.rate == "log_normal":
        return float(source.nominal_rate * np.exp(pull))
    return source.nominal_rate + float(pull)


def shape_centre(study: Study, shape: Shape, true_value: float, trial: int) -> float:
    """Where a shape parameter was measured to be; NaN where it has no constraint."""
    if not shape.constrained:
        return np.nan
    if study.constraint_centres == "fixed":
        return 0.0
    return float(true_value + _deviation(study, shape.name, trial))


def _deviation(study: Study, parameter: str, trial: int) -> float:
    """How far a trial measures a nuisance from the truth, in its widths."""
    correlation = correlation_of(study, parameter)
    if correlation is None:
        return float(stream(study.seed, "constraint", parameter, trial).standard_normal())
    names = correlation.parameters
    row = np.linalg.cholesky(np.array(correlation.matrix))[names.index(parameter)]
    draws = [stream(study.seed, "constraint", name, trial).standard_normal() for name in names]
    return float((row * draws).sum())
