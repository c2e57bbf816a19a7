"""Input that nobody should give: configurations, detectors, data files, and damaged results.

Each strategy starts from input that works and changes one or two things in it. What is accepted
and what is refused is not known here.
"""

import copy
import json
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import yaml
from hypothesis import strategies as st

# What may stand in place of any value.
VALUES: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 3, 0.0, -0.0, 0.5, 1.5, -0.3, 1e-300, 1e-12, 1e-45, 1e3, 1e6,
    1e12, 1e300, 1e308, -1e308, float("nan"), float("inf"), float("-inf"), 10**9, 10**18, 10**400,
    "", " ", "20", "1e-45", "abc", "xenon1t", "lz", "SI", "leff", "er", "~", "$HOME/x", "a/b",
    "../..", "{mass}", "$x_1$", "$", "\\frac{", "naïve ☃", "x" * 5000, "a\nb", "wimp_rate",
    "er_rate", "rate_multiplier", [], [None], [1], [1, 1], [0, -1], [3, 2, 1], ["a", "a"],
    [[1, 2], [3]], [1e308, 1e308], {}, {"a": 1}, {"leff": 0}, {"leff": -2, "leff2": 1}, {None: 1},
    {1: 2}, {True: False},
)  # fmt: skip

# What may replace or join a line of a YAML file.
LINES = (
    "seed: 010", "seed: 067", "trials: 34:12", "seed: 1.0", "trials: 1.0e+3", "trials: 1_000",
    "? [1, 2]\n: 3", "a: &a [*a]", "b: *nowhere", "<<: {trials: 3}",
    "trials: !!python/name:os.system", "trials: !!float 3", "seed: 0x10", "seed: 0b1", "null: 1",
    "~: 1", "\ttrials: 3", "trials 3", "- 1", "masses_GeV: [10", "results: 'a",
    "seed: 2026-11-27", "seed: yes", "intervals: 1:30", "%YAML 9", "---", "...", "seed: |\n  1",
    "\u0000", "\ufeff", "seed: 1e400", "seed: .nan", "[" * 3000, "{a: " * 3000,
)  # fmt: skip


def changed(document: Any) -> st.SearchStrategy[Any]:
    """Documents in which one or two values are replaced, left out, repeated or joined by others."""

    @st.composite
    def draw_one(draw: st.DrawFn) -> Any:
        variant = copy.deepcopy(document)
        for _ in range(draw(st.integers(1, 2))):
            places = list(_places(variant))
            holder, key = draw(st.sampled_from(places))
            match draw(st.sampled_from(("replace", "scale", "drop", "add", "repeat"))):
                case "replace":
                    holder[key] = copy.deepcopy(draw(st.sampled_from(VALUES)))
                case "scale" if isinstance(holder[key], int | float):
                    holder[key] = holder[key] * draw(st.sampled_from((-1, 0, 1e-9, 1e-3, 1e3, 1e9)))
                case "drop":
                    del holder[key]
                case "add" if isinstance(holder, dict):
                    name = draw(st.sampled_from(("x", "trial", "masses", 7, "")))
                    holder[name] = copy.deepcopy(draw(st.sampled_from(VALUES)))
                case _:
                    if isinstance(holder, list):
                        holder.append(copy.deepcopy(holder[key]))
        return variant

    return draw_one()


def yaml_texts(document: Any) -> st.SearchStrategy[str]:
    """YAML files: of a changed document, or with a line that is no YAML or unusual YAML."""

    @st.composite
    def draw_one(draw: st.DrawFn) -> str:
        if draw(st.booleans()):
            return yaml.safe_dump(draw(changed(document)), allow_unicode=True, sort_keys=False)
        lines = yaml.safe_dump(document, sort_keys=False).splitlines()
        at = draw(st.integers(0, len(lines)))
        match draw(st.sampled_from(("insert", "twice", "cut", "indent"))):
            case "insert":
                lines.insert(at, draw(st.sampled_from(LINES)))
            case "twice":
                lines.insert(at, draw(st.sampled_from(lines)))
            case "cut":
                lines = lines[:at]
            case _:
                lines[min(at, len(lines) - 1)] = " " + lines[min(at, len(lines) - 1)]
        return "\n".join(lines) + "\n"

    return draw_one()


# What may stand in a cell of a table.
CELLS = (
    "", " ", "nan", "NaN", "inf", "-inf", "-999", "0", "-0.0", "1e308", "1e400", "1e-320", "1,5",
    "3.2 PE", "abc", "None", "#", '"', "'1'", "1;2", "1\t2", "٣", "1e", "0x10", "TRUE", "2.0.1",
    "9" * 400,
)  # fmt: skip


def csv_texts(header: list[str], rows: Sequence[Sequence[Any]]) -> st.SearchStrategy[bytes]:
    """CSV files with a wrong cell, row, header, separator, encoding or end."""

    @st.composite
    def draw_one(draw: st.DrawFn) -> bytes:
        table = [list(header), *([f"{value}" for value in row] for row in rows)]
        for _ in range(draw(st.integers(1, 2))):
            i = draw(st.integers(0, len(table) - 1)) if table else 0
            row = table[i] if table else []
            match draw(st.integers(0, 9)):
                case 0 if row:
                    row[draw(st.integers(0, len(row) - 1))] = draw(st.sampled_from(CELLS))
                case 1:
                    row.append(draw(st.sampled_from(CELLS)))
                case 2 if row:
                    row.pop()
                case 3:
                    table.insert(i, ["# a comment"])
                case 4:
                    del table[i : i + 1]
                case 5 if table:
                    table[0] = [
                        draw(st.sampled_from((*header, "x", "log10_s2c", "cs2_phd", "3")))
                        for _ in table[0]
                    ]
                case 6 if table:
                    table[0] = table[0][::-1]
                case 7:
                    table = table[:1]
                case 8:
                    for line in table[1:]:
                        line.append("1.0")
                case _:
                    table[1:] = table[:0:-1]
        separator = draw(st.sampled_from((",", ",", ",", ",", ";", "\t")))
        text = "\n".join(separator.join(row) for row in table)
        coded = (text + "\n").encode(
            draw(st.sampled_from(("utf-8", "utf-8", "utf-8-sig", "utf-16")))
        )
        return coded[: draw(st.integers(0, len(coded)))] if draw(st.integers(0, 5)) == 0 else coded

    return draw_one()


def damages(content: bytes) -> st.SearchStrategy[bytes]:
    """A file's bytes with some of them turned, cut, doubled, moved or replaced."""

    @st.composite
    def draw_one(draw: st.DrawFn) -> bytes:
        damaged = bytearray(content)
        at = draw(st.integers(0, len(damaged) - 1))
        end = min(len(damaged), at + draw(st.sampled_from((1, 4, 100, 10_000))))
        match draw(
            st.sampled_from(("flip", "cut", "zero", "double", "swap", "head", "empty", "add"))
        ):
            case "flip":
                damaged[at] ^= 1 << draw(st.integers(0, 7))
            case "cut":
                del damaged[at:]
            case "zero":
                damaged[at:end] = bytes(end - at)
            case "double":
                damaged[at:at] = damaged[at:end]
            case "swap":
                damaged[at:end] = damaged[at:end][::-1]
            case "head":
                del damaged[:at]
            case "empty":
                damaged.clear()
            case _:
                damaged += b"\0" * (1 + at % 7)
        return bytes(damaged)

    return draw_one()


def rewritings(table: pa.Table) -> st.SearchStrategy[pa.Table]:
    """A table as another program might write it again: other rows, values, types or metadata."""

    @st.composite
    def draw_one(draw: st.DrawFn) -> pa.Table:
        rows = table.num_rows
        row = draw(st.integers(0, max(rows - 1, 0)))
        name = draw(st.sampled_from(table.column_names))
        column = table.column_names.index(name)
        values = table.column(name)
        match draw(st.integers(0, 8)):
            case 0:
                return table.slice(0, row)
            case 1:
                return pa.concat_tables([table, table.slice(row, 1)])
            case 2:
                return table.take(pa.array(np.arange(rows)[::-1]))
            case 3:
                return table.drop_columns([name])
            case 4:
                return table.append_column("extra", pa.array(np.zeros(rows)))
            case 5:
                return table.rename_columns(
                    [f"{n}_" if n == name else n for n in table.column_names]
                )
            case 6 if pa.types.is_floating(values.type) and rows:
                new = values.to_numpy().copy()
                new[row] = draw(
                    st.sampled_from((np.nan, np.inf, -1.0, 0.0, 1e300, new[row] * 1.001))
                )
                return table.set_column(column, name, pa.array(new, values.type))
            case 7 if pa.types.is_integer(values.type) and rows:
                new = values.to_numpy().copy()
                new[row] += draw(st.sampled_from((-1, 1, 1000)))
                return table.set_column(column, name, pa.array(new, values.type))
            case _:
                metadata = json.loads((table.schema.metadata or {}).get(b"zeptobarn", b"{}"))
                key = draw(st.sampled_from(sorted(metadata) or ["seed"]))
                metadata[key] = draw(st.sampled_from((None, 0, "x", [], {})))
                coded = json.dumps(metadata, sort_keys=True).encode()
                return table.replace_schema_metadata({b"zeptobarn": coded})

    return draw_one()


def _places(document: Any) -> Iterator[tuple[Any, Any]]:
    """Holders and keys of all values in a document."""
    if isinstance(document, dict | list):
        keys = list(document) if isinstance(document, dict) else range(len(document))
        for key in keys:
            yield document, key
            yield from _places(document[key])
