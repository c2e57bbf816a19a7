"""Names of corrected areas as people write them: which quantity, of which photosensors, its unit.

A name says what a column of events or an axis of a histogram holds: ``s1c_phd`` the corrected S1 in
detected photons, ``log10_cs2_bottom_pe`` the decimal logarithm of the bottom array's corrected S2
in photoelectrons.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Quantity = Literal["cs1", "cs2"]

# What the words in a name mean. Uncorrected areas (s1, s2) are not among them.
_QUANTITIES: Mapping[str, Quantity] = {
    **dict.fromkeys(("cs1", "s1c", "s1_c", "c_s1", "s1_corrected", "corrected_s1"), "cs1"),
    **dict.fromkeys(("cs2", "s2c", "s2_c", "c_s2", "s2_corrected", "corrected_s2"), "cs2"),
}
_ARRAYS = {
    **dict.fromkeys(("bottom", "bot", "b"), "bottom"),
    **dict.fromkeys(("top", "t"), "top"),
    **dict.fromkeys(("total", "tot", "all", "both"), "all"),
}
_UNITS = {**dict.fromkeys(("pe", "phe"), "PE"), "phd": "phd"}
_NAME = re.compile(
    rf"(?:(?P<log>log10|log|ln)_?)?(?P<quantity>{'|'.join(sorted(_QUANTITIES, key=len)[::-1])})"
    rf"(?P<words>(?:_(?:area|{'|'.join({**_ARRAYS, **_UNITS})}))*)"
)
EXAMPLES = "cs1, cs1_pe, s1c_phd, cs2, cs2_bottom_pe, log10_s2c_phd"


@dataclass(frozen=True)
class Meaning:
    """What the name of a column says.

    Attributes
    ----------
    logarithm
        ``log10``, ``ln``, ``log`` (of a base that is not said), or nothing: the area itself.
    array
        The photosensors, ``bottom``, ``top`` or ``all``; nothing where the name does not say.
    unit
        ``PE`` or ``phd``; nothing where the name does not say.
    """

    quantity: Quantity
    logarithm: str
    array: str
    unit: str


def meaning(name: str) -> Meaning | None:
    """Read what a column's name says; None if it is no corrected area.

    Capitals, brackets and spaces make no difference.

    Examples
    --------
    >>> meaning("log10_s2c_phd")
    Meaning(quantity='cs2', logarithm='log10', array='', unit='phd')
    >>> meaning("cS2 bottom [PE]")
    Meaning(quantity='cs2', logarithm='', array='bottom', unit='PE')
    >>> meaning("s2_phd") is None, meaning("cs1_time") is None
    (True, True)
    """
    plain = re.sub(r"[^a-z0-9]+", "_", str(name).lower()).strip("_")
    match = _NAME.fullmatch(plain)
    if match is None:
        return None
    words = match["words"].split("_")
    arrays = {_ARRAYS[word] for word in words if word in _ARRAYS}
    units = {_UNITS[word] for word in words if word in _UNITS}
    if len(arrays) > 1 or len(units) > 1:
        return None
    quantity = _QUANTITIES[match["quantity"]]
    array, unit = "".join(arrays), "".join(units)
    return Meaning(quantity, match["log"] or "", array, unit)
