"""Constants of the yield models, as a detector file may give them under ``yields``.

The defaults are those of the models' publications, or of the study that this one began with.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

# Mean quanta per keV if nothing is lost to heat (Lenardo et al., IEEE TNS 62 (2015) 3387).
QUANTA_PER_KEV = 73.0
# Variance of the number of quanta over its mean, where heat and charge are split off at once.
FANO = 0.03


@dataclass(frozen=True)
class Lenardo2015:
    """Nuclear recoils: Lenardo et al., IEEE TNS 62 (2015) 3387, whose symbols these are.

    Attributes
    ----------
    electron_probability_width
        See `zeptobarn.physics.yields.Split`.
    """

    alpha: float = 1.24
    beta: float = 239.0
    gamma: float = 0.01385
    delta: float = 0.0620
    zeta: float = 0.0472
    eta: float = 3.3
    lambda_: float = 1.14
    k: float = 0.1394
    electron_probability_width: float = 0.02


@dataclass(frozen=True)
class ErPolynomial:
    """Electronic recoils of XENON1T's published toy model of its first science run.

    Attributes
    ----------
    means
        Coefficients of the charge yield (electrons/keV) in log10(E / reference energy).
    before, components, after
        Their uncertainty: principal components p, multiplied with ``after``, the matrix
        ``components`` (a component a row) and ``before``, are added to the means.
    electron_probability_width
        See `zeptobarn.physics.yields.Split`.
    """

    reference_energy_keV: float = 5.0
    largest_energy_keV: float = 12.0
    means: tuple[float, ...] = (32.5070584, -27.69486517, 15.0427901)
    before: tuple[float, ...] = (0.289709323, 1.027015330, 3.239578508)
    components: tuple[tuple[float, ...], ...] = (
        (0.693707206, -0.398337247, -0.600081452),
        (-0.0368675868, -0.851694742, 0.522739750),
        (0.71931293, 0.340504777, 0.60551251),
    )
    after: tuple[float, ...] = (1.32333778, 0.973308940, 0.549041719)
    electron_probability_width: float = 0.045


@dataclass(frozen=True)
class Nest:
    """NEST 2.4's vectors of parameters, as nestpy takes them.

    Attributes
    ----------
    nr_parameters, er_parameters
        Of the mean yields; −1 in the latter stands for NEST's own number.
    nr_er_width_parameters
        Fano factors of a nuclear recoil's ions and excitons; amplitude, centre and width of ω
        against the electrons' share of the quanta, and its skewness; then, of electronic recoils,
        the Fano factor (negative: NEST's own, its rise with the root of quanta times field given)
        and amplitude, centre, width and skew of ω; and relative variances of a nuclear recoil's
        ions and excitons beside their Fano factors.
    er_skewness
        Factor on the skewness of an electronic recoil's recombination; 0: it is symmetric.
    """

    nr_parameters: tuple[float, ...] = (
        11.0, 1.1, 0.048, -0.0533, 12.6, 0.3, 2.0, 0.3, 2.0, 0.5, 1.0, 1.0,
    )  # fmt: skip
    er_parameters: tuple[float, ...] = 10 * (-1.0,)
    nr_er_width_parameters: tuple[float, ...] = (
        0.4, 0.4, 0.04, 0.5, 0.19, 2.25, -0.001, 0.046452, 0.45, 0.205, -0.2, 0.0, 0.0,
    )  # fmt: skip
    er_skewness: float = 1.0


@dataclass(frozen=True)
class YieldConstants:
    """Constants of all models; those that heat and charge are split off with hold for two."""

    quanta_per_keV: float = QUANTA_PER_KEV
    fano: float = FANO
    lenardo2015: Lenardo2015 = Lenardo2015()
    er_polynomial: ErPolynomial = ErPolynomial()
    nest: Nest = Nest()


DEFAULTS = YieldConstants()
_KINDS: Mapping[str, type[Lenardo2015 | ErPolynomial | Nest]] = {
    "lenardo2015": Lenardo2015,
    "er_polynomial": ErPolynomial,
    "nest": Nest,
}


def constants_from(settings: Mapping[str, Any]) -> YieldConstants:
    """Make the constants of what a detector file's ``yields`` gives; lists are tuples by now.

    Examples
    --------
    >>> constants_from({"lenardo2015": {"lambda": 1.2}}).lenardo2015.lambda_
    1.2
    """
    values: dict[str, Any] = {
        name: settings[name] for name in ("quanta_per_keV", "fano") if name in settings
    }
    for name, kind in _KINDS.items():
        if name in settings:
            given = dict(settings[name])
            if "lambda" in given:
                given["lambda_"] = given.pop("lambda")
            values[name] = kind(**given)
    return YieldConstants(**values)
