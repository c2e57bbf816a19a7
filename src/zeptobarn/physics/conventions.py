"""Gains as experiments quote them: g1 and g2, in photons detected (phd) or photoelectrons (PE).

A detected photon makes 1 + p photoelectrons on average, p the double-PE probability, so that
g1 in PE per photon is (1 + p) times g1 in phd per photon, and g2 likewise. g2 is what an electron
that reaches the liquid's surface makes on average: the extraction efficiency times the photons
detected of an extracted electron.
"""

from collections.abc import Mapping
from typing import Any

from zeptobarn.support.config import ConfigError, allowed

# Keys of a detector file of which one is needed, the one that `Apparatus` has first.
ALTERNATIVES = (
    ("g1", "g1_PE_per_photon"),
    ("electron_gain", "g2_phd_per_electron", "g2_PE_per_electron"),
)


def in_photons(settings: Mapping[str, Any], origin: str) -> dict[str, Any]:
    """Give a detector file's settings with ``g1`` and ``electron_gain``, whatever it quotes.

    Parameters
    ----------
    settings
        The content of a detector file, which the schema has allowed.
    origin
        File name for messages.

    Raises
    ------
    ConfigError
        None of a group of keys is there or more than one, or what follows is out of range.

    Examples
    --------
    >>> numbers = {"double_pe_probability": 0.2, "extraction_efficiency": 0.5}
    >>> in_photons({**numbers, "g1_PE_per_photon": 0.12, "g2_PE_per_electron": 30}, "x.yaml")
    {'double_pe_probability': 0.2, 'extraction_efficiency': 0.5, 'g1': 0.1, 'electron_gain': 50.0}
    """
    converted = dict(settings)
    for keys in ALTERNATIVES:
        given = [key for key in keys if key in settings]
        if len(given) != 1:
            problem = f"found {' and '.join(given)}" if given else f"missing key {keys[0]!r}"
            raise ConfigError(f"{origin}: {problem}; allowed: one of {', '.join(keys)}")
        value = converted.pop(given[0])
        for factor in _FACTORS[given[0]]:
            value = value / (1 + settings[factor] if factor == _DOUBLE_PE else settings[factor])
        converted[keys[0]] = value
        if given[0] != keys[0] and (reason := allowed(value, "detector", keys[0])):
            raise ConfigError(
                f"{origin}: {given[0]}: found {settings[given[0]]:g}, from which {keys[0]} = "
                f"{value:.4g} follows (through {' and '.join(_FACTORS[given[0]])}); allowed: "
                f"{reason}"
            )
    return converted


_DOUBLE_PE = "double_pe_probability"
# What a quoted gain is divided by; of the double-PE probability p, 1 + p.
_FACTORS: Mapping[str, tuple[str, ...]] = {
    "g1": (),
    "g1_PE_per_photon": (_DOUBLE_PE,),
    "electron_gain": (),
    "g2_phd_per_electron": ("extraction_efficiency",),
    "g2_PE_per_electron": (_DOUBLE_PE, "extraction_efficiency"),
}
