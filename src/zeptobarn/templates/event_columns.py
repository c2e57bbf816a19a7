"""Columns of observed events under the names that people give them: which holds cS1, which cS2.

A name says what a column holds: ``s1c_phd`` the corrected S1 in detected photons,
``log10_cs2_bottom_pe`` the decimal logarithm of the bottom array's corrected S2 in photoelectrons.
What a name does not say is as the detector has it. Nothing is guessed: where two columns may be
the same quantity, or a column is of other photosensors than the detector's cS2, the user says
which one is meant.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from zeptobarn.physics.area_names import EXAMPLES, Meaning, Quantity, meaning
from zeptobarn.physics.detector import Detector
from zeptobarn.support.config import ConfigError
from zeptobarn.support.inputs import numbers, quoted, refuse_rows

_ARRAY_WORDS = {
    "bottom": "that of the bottom array",
    "top": "that of the top array",
    "all": "that of all photosensors",
}
# Units of other quantities, as the last word of a column's name.
_NO_AREAS = re.compile(r"(?:^|[^a-z])(mm|cm|m|ns|us|µs|ms|kev|ev)[^a-z0-9]*$", re.IGNORECASE)


@dataclass(frozen=True)
class Column:
    """The column that an area is taken from, and how.

    Attributes
    ----------
    name
        As it stands in the table.
    logarithm
        ``log10`` or ``ln`` where the column holds that of the area; nothing else.
    unit
        Of the area in the table.
    factor
        By which areas are multiplied to be in the detector's unit.
    """

    quantity: Quantity
    name: str
    logarithm: str
    unit: str
    factor: float

    @property
    def plain(self) -> bool:
        """Whether the column is taken as it stands, under our own name."""
        return self.name == self.quantity and not self.logarithm and self.factor == 1

    def __str__(self) -> str:
        taken = self.name
        if self.logarithm:
            taken = f"{'10' if self.logarithm == 'log10' else 'e'}^{taken}"
        if self.factor != 1:
            other = "PE" if self.unit == "phd" else "phd"
            taken = f"{self.factor:.5g} × {taken} ({self.unit} → {other})"
        return f"{self.quantity} = {taken}"


def choose_columns(
    names: Iterable[object],
    detector: Detector,
    origin: str,
    columns: Mapping[str, str] | None = None,
) -> dict[Quantity, Column]:
    """Choose the columns that cS1 and cS2 are taken from.

    Parameters
    ----------
    names
        Those of the table.
    origin
        What the message of a `ConfigError` calls the table.
    columns
        The user's own choice. A key says what the column holds, as a column's name would (``cs1``,
        ``log10_cs2_phd``), a value is the column's name; what the key does not say, the name may.

    Raises
    ------
    ConfigError
        There is no column for an area, or more than one, or one of other photosensors than the
        detector's; or the user's choice contradicts itself.
    """
    listed = list(names)
    asked = _asked(listed, origin, columns or {})
    chosen: dict[Quantity, Column] = {}
    for quantity in ("cs1", "cs2"):
        if quantity in asked:
            chosen[quantity] = _column(*asked[quantity], detector, origin)
            continue
        candidates = [
            (name, said)
            for name in listed
            if (said := meaning(str(name))) is not None and said.quantity == quantity
        ]
        fitting = [(name, said) for name, said in candidates if _fits(said, detector)]
        if len(fitting) != 1:
            raise ConfigError(
                f"{origin}: {_refusal(quantity, candidates, fitting, listed, detector)}"
            )
        (name, said) = fitting[0]
        chosen[quantity] = _column(str(name), said, detector, origin)
    return chosen


def take_areas(table: pd.DataFrame, chosen: Mapping[Quantity, Column], origin: str) -> pd.DataFrame:
    """Take the areas from a table: ``cs1``, ``cs2`` (the detector's unit).

    Raises
    ------
    ConfigError
        A value is no finite number, or an area is negative or not finite; the message names the
        row by the table's index.
    """
    taken = [column.name for column in chosen.values()]
    values = numbers(table, taken, origin)
    areas = pd.DataFrame(index=table.index)
    bad = np.zeros(len(table), dtype=bool)
    for quantity, column in chosen.items():
        area = values[column.name].to_numpy()
        if column.logarithm:
            with np.errstate(over="ignore"):
                area = 10**area if column.logarithm == "log10" else np.exp(area)
        bad |= ~(np.isfinite(area) & (area >= 0))
        areas[quantity] = area * column.factor
    refuse_rows(values, bad, origin, "areas of at least 0")
    return areas


def describe(chosen: Mapping[Quantity, Column]) -> str:
    """Say which columns areas come from; nothing where they are ours as they stand.

    Examples
    --------
    >>> columns = Column("cs1", "s1c_phd", "", "phd", 1.15), Column("cs2", "cs2", "", "PE", 1)
    >>> describe(dict(zip(("cs1", "cs2"), columns)))
    'cs1 = 1.15 × s1c_phd (phd → PE), cs2 = cs2'
    """
    if all(column.plain for column in chosen.values()):
        return ""
    return ", ".join(map(str, chosen.values()))


def parse_columns(text: str, origin: str = "--columns") -> dict[str, str]:
    """Read a choice of columns as the command line has it.

    Examples
    --------
    >>> parse_columns("cs1=s1, log10_cs2_phd=lgS2")
    {'cs1': 's1', 'log10_cs2_phd': 'lgS2'}
    """
    pairs = [part.partition("=") for part in text.split(",")]
    columns = {key.strip(): name.strip() for key, _, name in pairs}
    if not all(columns) or not all(columns.values()) or len(columns) < len(pairs):
        raise ConfigError(
            f"{origin}: found {text}; allowed: what columns hold and their names, as in "
            "cs1=NAME,cs2=NAME"
        )
    return columns


def _asked(
    listed: list[object], origin: str, columns: Mapping[str, str]
) -> dict[Quantity, tuple[str, Meaning]]:
    """Columns that the user names, and what they hold, by quantity."""
    asked: dict[Quantity, tuple[str, Meaning]] = {}
    for key, name in columns.items():
        said = meaning(key)
        if said is None or said.quantity in asked:
            raise ConfigError(
                f"{origin}: columns: found {key}; allowed: one for each of cs1 and cs2, with what "
                "else is known of it: log10_cs2, cs1_pe, cs2_bottom_phd"
            )
        if listed.count(name) != 1:
            raise ConfigError(
                f"{origin}: columns: {key}: found {name}; allowed: one of the table's columns, "
                f"{quoted(listed)}"
            )
        if no_area := _NO_AREAS.search(name):
            raise ConfigError(
                f"{origin}: columns: {key}: found {name}, in {no_area[1]} by its name; allowed: a "
                "corrected area (positions, times and energies are not used)"
            )
        of_name = meaning(name)
        if of_name is not None and of_name.quantity != said.quantity:
            raise ConfigError(
                f"{origin}: columns: {key}: found {name}, which is another quantity by its name"
            )
        asked[said.quantity] = name, _joined(said, of_name, f"{origin}: columns: {key}={name}")
    return asked


def _joined(key: Meaning, name: Meaning | None, place: str) -> Meaning:
    """What a user's key and a column's name say together; of the array, the user knows."""
    if name is None:
        return key
    for said, other, what in (
        (key.logarithm, name.logarithm, "logarithm"),
        (key.unit, name.unit, "unit"),
    ):
        if said and other and said != other:
            raise ConfigError(f"{place}: found two for the {what}: {said} and {other}")
    return Meaning(key.quantity, key.logarithm or name.logarithm, "", key.unit or name.unit)


def _fits(said: Meaning, detector: Detector) -> bool:
    """Whether a column may be the detector's: of the S1, arrays add up to nothing else."""
    array = detector.s2_array if said.quantity == "cs2" else "all"
    return said.array in ("", array)


def _column(name: str, said: Meaning, detector: Detector, origin: str) -> Column:
    if said.logarithm == "log":
        raise ConfigError(
            f"{origin}: found column {name!r}, a logarithm whose base its name does not say; "
            f"allowed: log10 or ln, as in columns log10_{said.quantity}={name}"
        )
    unit = said.unit or detector.area_unit
    factor = 1.0
    if unit != detector.area_unit:
        pe = 1.0 + detector.apparatus.double_pe_probability
        factor = pe if unit == "phd" else 1.0 / pe
    return Column(said.quantity, name, said.logarithm, unit, factor)


def _refusal(
    quantity: Quantity,
    candidates: list[tuple[object, Meaning]],
    fitting: list[tuple[object, Meaning]],
    listed: list[object],
    detector: Detector,
) -> str:
    """Say why no column, or none alone, is a quantity, and what to do."""
    shown = quoted(listed)
    if len(fitting) > 1:
        names = [name for name, _ in fitting]
        return (
            f"found columns {quoted(names)}, which may each be {quantity}; needed: the one that "
            f"is meant, as in columns {quantity}={names[-1]}"
        )
    if candidates:
        name, said = candidates[0]
        key = f" (s2_array: {detector.s2_array})" if quantity == "cs2" else ""
        array = detector.s2_array if quantity == "cs2" else "all"
        return (
            f"found column {name!r}, {_ARRAY_WORDS[said.array]}, while {quantity} of "
            f"{detector.name} is {_ARRAY_WORDS[array]}{key}; needed: that one, or, if the detector "
            f"file is mistaken or it is meant, columns {quantity}={name}"
        )
    return (
        f"found columns {shown}; needed: cs1 and cs2 of each event, under names such as "
        f"{EXAMPLES}, or named, as in columns {quantity}=NAME"
    )
