"""What must hold in a kind of result file, whoever wrote it: of its rows and its values.

Hashes say that a file holds what was written; they are right in a file that a faulty program has
written, or that was made by hand. What its kind declares, beside the units of its columns, is
looked at on every reading, too: that rows are complete and there once, and values possible.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

# Relative difference at which two sums of the same numbers are the same.
_SAME = 1e-9
# Values, or how many there are.
Levels = Sequence[Any] | int


@dataclass(frozen=True)
class Column:
    """What a column may hold.

    Attributes
    ----------
    low, high
        Smallest and largest number; infinite ones are refused unless ``infinite``.
    infinite
        Whether a number may be infinite.
    missing
        Whether a value may be missing (NaN).
    words
        The texts that it may hold; none: any text, or numbers.
    at_most
        Another column, whose value in the same row is no smaller.
    whole
        Whether it holds whole numbers, and as such.
    increases, in_order
        Whether it increases from row to row; whether it does not decrease.
    known_where
        Another column and some of its words: where it has one of them, and only there, this column
        has a value.
    """

    low: float = -math.inf
    high: float = math.inf
    infinite: bool = False
    missing: bool = False
    words: tuple[str, ...] = ()
    at_most: str = ""
    whole: bool = False
    increases: bool = False
    in_order: bool = False
    known_where: tuple[str, tuple[str, ...]] | None = None


ANY = Column()
NOT_NEGATIVE = Column(low=0)
COUNT = Column(low=0, whole=True)
PROBABILITY = Column(low=0, high=1)


@dataclass(frozen=True)
class Kind:
    """What must hold in a kind of result file.

    Attributes
    ----------
    columns
        By name, or by a pattern such as ``best_fit_*``, of which the first that fits counts.
    key
        Columns whose values together no two rows share. Of a file that is read in chunks, rows that
        share the first of them are in one chunk.
    complete
        Whether each combination of values of the key is there.
    in_order
        Whether rows stand in the order of these combinations, the last column of the key fastest;
        numbers increase.
    fewest
        Rows that there are at least.
    total
        A column, one of bins, and the name in the file's metadata under which the sums of the first
        over each bin of the second stand.
    """

    columns: Mapping[str, Column]
    key: tuple[str, ...] = ()
    complete: bool = False
    in_order: bool = False
    fewest: int = 0
    total: tuple[str, str, str] | None = None

    def column(self, name: str) -> Column | None:
        """Give what a column may hold, where that is declared."""
        patterns = (pattern for pattern in self.columns if fnmatchcase(name, pattern))
        return next((self.columns[pattern] for pattern in patterns), None)


class Inspection:
    """Looks through a table that comes in chunks of rows, for what its kind does not allow.

    Parameters
    ----------
    levels
        Values that columns of the key may have, or how many there are; of the first column all
        must occur, of the others with each of them if the kind is complete.
    metadata
        Those of the file.

    Examples
    --------
    >>> limits = Kind({"limit_cm2": NOT_NEGATIVE}, key=("trial", "interval"), complete=True)
    >>> rows = pd.DataFrame({"trial": [1, 1, 2], "interval": ["a", "b", "a"], "limit_cm2": 1e-46})
    >>> inspection = Inspection(limits, {"trial": range(1, 3), "interval": ["a", "b"]}, {})
    >>> inspection.fault(rows)
    'it has 3 rows of 2 trial × 2 interval'
    """

    def __init__(
        self, kind: Kind, levels: Mapping[str, Levels], metadata: Mapping[str, Any]
    ) -> None:
        self._kind = kind
        self._counts = {n: value for n, value in levels.items() if isinstance(value, int)}
        self._levels = {
            name: pd.Index(values) for name, values in levels.items() if not isinstance(values, int)
        }
        self._rows = 0
        self._last: dict[str, Any] = {}
        self._before: dict[str, float] = {}
        self._n_first = 0
        sums = metadata.get(kind.total[2]) if kind.total else None
        self._known_sums = np.array(sums if isinstance(sums, list) else [], dtype=float)
        self._sums = np.zeros(len(self._known_sums))

    def fault(self, chunk: pd.DataFrame) -> str:
        """Say what is wrong with the next rows; nothing if they are right."""
        self._rows += len(chunk)
        if chunk.empty:
            return ""
        rules = {str(name): self._kind.column(str(name)) for name in chunk.columns}
        # Words first: what a number may be hangs on them.
        for name, rule in sorted(rules.items(), key=lambda item: not (item[1] and item[1].words)):
            if rule and (wrong := self._column_fault(name, rule, chunk)):
                return wrong
        return self._key_fault(chunk) or self._total_fault(chunk)

    def fault_at_end(self) -> str:
        """Say what is wrong with the rows together; nothing if they are right."""
        if self._rows < self._kind.fewest:
            return f"it has {self._rows} rows; allowed: at least {self._kind.fewest}"
        if self._kind.key:
            name = self._kind.key[0]
            wanted = self._counts.get(name, len(self._levels.get(name, ())))
            if self._n_first < wanted or (name in self._counts and self._n_first > wanted):
                return f"it has {self._n_first} of {wanted} values of {name}"
        if self._kind.total:
            value, bins, _ = self._kind.total
            apart = np.abs(self._sums - self._known_sums) > _SAME * np.abs(self._known_sums)
            if apart.any():
                return f"its {value} in {bins} {int(np.argmax(apart))} does not add up"
        return ""

    def _column_fault(self, name: str, rule: Column, chunk: pd.DataFrame) -> str:
        values = chunk[name]
        missing = values.isna().to_numpy()
        for wrong, allowed in (
            *_missing(missing, rule, chunk),
            *(_words(values, missing, rule) if _is_text(values) else ()),
            *(() if _is_text(values) else self._numbers(name, missing, rule, chunk)),
        ):
            if wrong.any():
                row = int(np.argmax(wrong))
                at = self._rows - len(chunk) + row
                return f"row {at}: {name}: found {values.iloc[row]}; allowed: {allowed}"
        return ""

    def _numbers(
        self, name: str, missing: NDArray[np.bool_], rule: Column, chunk: pd.DataFrame
    ) -> list[tuple[NDArray[np.bool_], str]]:
        """Rows with a number that is not allowed, and what is."""
        values = chunk[name].to_numpy(dtype=float, na_value=np.nan)
        if rule.words:
            return [(~missing, " or ".join(rule.words))]
        if rule.whole and not pd.api.types.is_integer_dtype(chunk[name].dtype):
            return [(~missing, "whole numbers")]
        faults = [(values < rule.low, f"≥ {rule.low:g}"), (values > rule.high, f"≤ {rule.high:g}")]
        if not rule.infinite:
            faults.append((np.isinf(values), "finite"))
        if rule.at_most and rule.at_most in chunk:
            largest = chunk[rule.at_most].to_numpy(dtype=float, na_value=np.nan)
            faults.append((values > largest, f"≤ {rule.at_most}"))
        if rule.increases or rule.in_order:
            before = np.append(self._before.get(name, -np.inf), values[:-1])
            equal = rule.in_order & (values == before)
            what = "no less" if rule.in_order else "more"
            faults.append((~(equal | (values > before)), f"{what} than in the row before"))
            self._before[name] = values[-1]
        return faults

    def _key_fault(self, chunk: pd.DataFrame) -> str:
        """Say which rows are there twice, missing, unasked for or in another order."""
        if not (key := self._kind.key):
            return ""
        codes = []
        for name in key:
            levels = self._levels_of(name, chunk[name])
            codes.append(levels.get_indexer(pd.Index(chunk[name])))
            if (codes[-1] < 0).any():
                found = chunk[name].iloc[int(np.argmax(codes[-1] < 0))]
                return f"it has the {name} {found}, which was not asked for"
            wanted = self._counts.get(name, len(levels))
            if name != key[0] and wanted != len(levels):
                return f"it has {len(levels)} values of {name}, not {wanted}"
        place = np.ravel_multi_index(codes, [int(each.max()) + 1 for each in codes])
        falls = np.flatnonzero(np.diff(place) <= 0)
        if len(falls) and len(unique := np.unique(place, return_index=True)[1]) < len(place):
            row = int(np.setdiff1d(np.arange(len(place)), unique)[0])
            return f"it has a second row of {_named(chunk, key, row)}"
        if fault := self._first_fault(chunk[key[0]]):
            return fault
        if self._kind.complete:
            sizes = [chunk[key[0]].nunique(dropna=False), *(len(self._levels[n]) for n in key[1:])]
            if len(place) != math.prod(sizes):
                product = " × ".join(f"{n} {name}" for n, name in zip(sizes, key, strict=True))
                return f"it has {len(place)} rows of {product}"
        if self._kind.in_order and len(falls):
            return f"its rows are not in order at {_named(chunk, key, int(falls[0]) + 1)}"
        return ""

    def _levels_of(self, name: str, values: pd.Series) -> pd.Index:
        if name in self._levels:
            return self._levels[name]
        levels = pd.Index(values.unique())
        if self._kind.in_order and not _is_text(values):
            levels = levels.sort_values()
        # With each value of the first, a complete table has the same values of the others.
        same = self._kind.complete and name != self._kind.key[0]
        return self._levels.setdefault(name, levels) if same else levels

    def _first_fault(self, values: pd.Series) -> str:
        """Count values of the first column of the key, which increase from chunk to chunk."""
        name = self._kind.key[0]
        fresh = values.unique()
        self._n_first += len(fresh)
        if _is_text(values):
            again = [value for value in fresh if value in self._last.get(name, ())]
            self._last[name] = [*self._last.get(name, ()), *fresh]
        else:
            again = [fresh.min()] if fresh.min() <= self._last.get(name, -math.inf) else []
            self._last[name] = fresh.max()
        return f"it has {name} {again[0]} more than once, or not in order" if again else ""

    def _total_fault(self, chunk: pd.DataFrame) -> str:
        if self._kind.total is None:
            return ""
        value, bins, name = self._kind.total
        if not len(self._sums):
            return f"its metadata does not hold its {name}"
        where = chunk[bins].to_numpy()
        if (where < 0).any() or (where >= len(self._sums)).any():
            return f"it has {bins} {where.max()}; allowed: 0 … {len(self._sums) - 1}, as its {name}"
        np.add.at(self._sums, where, chunk[value].to_numpy(dtype=float))
        return ""


def _named(chunk: pd.DataFrame, key: Sequence[str], row: int) -> str:
    return ", ".join(f"{name} {chunk[name].iloc[row]}" for name in key)


def _is_text(values: pd.Series) -> bool:
    return not pd.api.types.is_numeric_dtype(values)


def _missing(
    missing: NDArray[np.bool_], rule: Column, chunk: pd.DataFrame
) -> list[tuple[NDArray[np.bool_], str]]:
    """Rows without a value that must have one, or with one that must have none."""
    if rule.known_where is None or rule.known_where[0] not in chunk:
        return [] if rule.missing or rule.known_where else [(missing, "a value")]
    other, words = rule.known_where
    known = chunk[other].isin(words).to_numpy()
    return [
        (missing & known, f"a value, as its {other} says"),
        (~missing & ~known, f"none, as its {other} says"),
    ]


def _words(
    values: pd.Series, missing: NDArray[np.bool_], rule: Column
) -> list[tuple[NDArray[np.bool_], str]]:
    bounded = rule.low > -math.inf or rule.high < math.inf or rule.increases or rule.whole
    if bounded:
        return [(~missing, "a number")]
    if not rule.words:
        return []
    return [(~missing & ~values.isin(rule.words).to_numpy(), " or ".join(rule.words))]
