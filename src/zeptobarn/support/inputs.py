"""Tables of users: CSV, compressed by gzip or not, or Parquet; what is wrong has its row named.

Events, spectra, maps of light yields and published limits all come through `read_table`.
"""

import csv
import gzip
import io
import re
import stat
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from zeptobarn.support.config import ConfigError
from zeptobarn.support.tables import digest

_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}
# Of what was found, so much stands in a message: characters of a value, columns.
_LONGEST, _MOST = 60, 10


def read_table(path: str | Path, header: str = "") -> pd.DataFrame:
    """Read a user's table: the names of its columns, then rows of as many values.

    Its first bytes, not its name, say whether it is Parquet, gzip or plain CSV. Every value of a
    CSV stands under the name above it. (`pandas.read_csv` takes the first values of rows that are
    longer than the header for an index, and moves all others to the left.) Spaces around names
    and values, quotes, blank lines, a byte-order mark and the line ends of any system change
    nothing, nor do commas at the end of every line, the header included.

    Parameters
    ----------
    header
        What a message proposes as the first line of a CSV that begins with numbers.

    Returns
    -------
    The values of a CSV as text, see `numbers`; the index is the line of each row in a CSV, and
    the number of the row in a Parquet file, from 1.

    Raises
    ------
    ConfigError
        The file is missing, is no regular file of this machine or no such table, holds a comment,
        a name twice, or a row of another length than the header; the message names the row.
    """
    content = read_file(path)
    table = _parquet(content, path) if content.startswith(b"PAR1") else _csv(content, path, header)
    if not table.columns.is_unique:
        names = quoted(list(table.columns))
        raise ConfigError(f"{path}: found columns {names}; allowed: each once")
    return table


def read_file(path: str | Path) -> bytes:
    """Read a regular local file whole; anything else would be fetched, or waited for.

    Raises
    ------
    ConfigError
        The file is missing, not readable, or no regular file of this machine.
    """
    if re.match(r"\w{2,}:/", str(path)):
        raise ConfigError(f"{path}: found a URL; allowed: files of this machine (download it)")
    try:
        kind = stat.S_IFMT(Path(path).stat().st_mode)
        content = Path(path).read_bytes() if kind == stat.S_IFREG else b""
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file") from None
    except OSError as error:
        raise ConfigError(f"{_short(str(path))}: not readable: {error.strerror}") from None
    except ValueError as error:  # a null character in the name
        raise ConfigError(f"{str(path)!r}: no such file: {error}") from None
    if kind != stat.S_IFREG:
        raise ConfigError(f"{path}: found {_KINDS[kind]}; allowed: regular files")
    return content


def file_digest(path: str | Path) -> str:
    """Hash the content of a user's file; see `read_table` for what is read, and the errors."""
    return digest(read_file(path).decode("utf-8", "surrogateescape"))


def check_columns(
    table: pd.DataFrame, needed: Sequence[str], origin: str, others: bool = True
) -> None:
    """Refuse a table that lacks a column or has one twice.

    Parameters
    ----------
    origin
        What a message calls the table.
    others
        Whether it may have more columns.

    Raises
    ------
    ConfigError
        The message names the columns that there are.
    """
    names = list(table.columns)
    if any(names.count(name) != 1 for name in needed) or (not others and len(names) > len(needed)):
        raise ConfigError(
            f"{origin}: found columns {quoted(names)}; needed: {quoted(needed)}, once each"
            + ("" if others else ", and no others")
        )


def refuse_shifted(table: pd.DataFrame, origin: str) -> None:
    """Refuse a table that looks like what `pandas.read_csv` makes of rows beyond their header.

    It turns their first values into an index, and moves the others to the left.

    Raises
    ------
    ConfigError
        The table has an index of decimal numbers without a name.
    """
    levels = [table.index.get_level_values(level) for level in range(table.index.nlevels)]
    if any(level.name is None and level.dtype.kind == "f" for level in levels):
        raise ConfigError(
            f"{origin}: found a nameless index of decimal numbers (first: {table.index[0]}), "
            "as pandas makes it of rows longer than their header; give the file itself, or name "
            "the index if it is meant"
        )


def numbers(table: pd.DataFrame, columns: Sequence[str], origin: str) -> pd.DataFrame:
    """Give columns of a table as numbers.

    Parameters
    ----------
    origin
        What a message calls the table.

    Raises
    ------
    ConfigError
        A value is no finite number; the message names the row by the table's index. Or a column
        holds something else, like dates.
    """
    for name in columns:
        kind = table[name].dtype
        if getattr(kind, "kind", "O") not in "iufO":
            raise ConfigError(f"{origin}: column {name!r}: found {kind}; allowed: finite numbers")
    values = pd.DataFrame(
        {name: pd.to_numeric(table[name], errors="coerce") for name in columns}, dtype=float
    )
    bad = ~np.isfinite(values.to_numpy()).all(axis=1)
    refuse_rows(table[list(columns)], bad, origin, "finite numbers")
    return values


def refuse_rows(table: pd.DataFrame, bad: NDArray[np.bool_], origin: str, allowed: str) -> None:
    """Refuse a table that has bad rows, marked in an array of shape (rows,).

    Raises
    ------
    ConfigError
        There is one; the message names the first by the table's index, and what it holds.
    """
    if bad.any():
        row = int(np.argmax(bad))
        values = ((name, _short(str(table[name].iloc[row]))) for name in table.columns)
        content = ", ".join(f"{name}={value or '(empty)'}" for name, value in values)
        raise ConfigError(f"{origin}: row {table.index[row]}: found {content}; allowed: {allowed}")


def quoted(names: Sequence[object]) -> str:
    """List names in a message: no more of them, and no more of each, than can be read."""
    shown = [_short(str(name)) for name in names]
    more = f" and {len(shown) - _MOST} more" * (len(shown) > _MOST)
    return ", ".join(map(repr, shown[:_MOST])) + more


def _parquet(content: bytes, path: str | Path) -> pd.DataFrame:
    """Read Parquet: all that it holds as columns, but an index that has no name."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        arrow = pq.read_table(pa.BufferReader(content))
        table: pd.DataFrame = arrow.to_pandas(ignore_metadata=True)
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        why = _short(" ".join(str(error).split()), 200)
        raise ConfigError(f"{path}: not a Parquet file: {why}") from None
    nameless = [name for name in table.columns if re.fullmatch(r"__index_level_\d+__", name)]
    if nameless:
        levels = [pd.Index(table.pop(name).to_numpy()) for name in nameless]
        refuse_shifted(table.set_index(levels), str(path))
    return table.set_axis(range(1, len(table) + 1))


def _csv(content: bytes, path: str | Path, header: str) -> pd.DataFrame:
    try:
        if content.startswith(b"\x1f\x8b"):
            content = gzip.decompress(content)
        text = content.decode("utf-8-sig")
        if "\0" in text:
            raise csv.Error("it holds a null character")
        reader = csv.reader(io.StringIO(text, newline=""), skipinitialspace=True, strict=True)
        rows = {}
        for fields in reader:
            rows[reader.line_num] = [field.strip() for field in fields]
    except (csv.Error, UnicodeDecodeError, EOFError, OSError, zlib.error) as error:
        what = "a CSV file in UTF-8, gzip or not, nor Parquet"
        raise ConfigError(f"{path}: not {what}: {_short(str(error), 200)}") from None
    rows = {line: fields for line, fields in rows.items() if fields not in ([], [""])}
    if not rows:
        raise ConfigError(f"{path}: not a CSV file: there is no header")
    for line, fields in rows.items():
        if fields[0].startswith(("#", "%")):
            raise ConfigError(
                f"{path}: row {line}: found a comment, {_short(','.join(fields))!r}; allowed: the "
                "names of the columns, then their values"
            )
    while all(len(fields) > 1 and not fields[-1] for fields in rows.values()):
        rows = {line: fields[:-1] for line, fields in rows.items()}
    (first, names), *values = rows.items()
    _check_header(names, first, path, header)
    for line, fields in values:
        if len(fields) != len(names):
            ends = " (a comma ends the row)" if not fields[-1] else ""
            raise ConfigError(
                f"{path}: row {line}: found {len(fields)} value{'s' * (len(fields) > 1)}{ends}; "
                f"allowed: {len(names)}, one for each column of the header ({quoted(names)})"
            )
    return pd.DataFrame([fields for _, fields in values], [line for line, _ in values], names, str)


def _check_header(names: Sequence[str], line: int, path: str | Path, header: str) -> None:
    if all(map(_is_number, names)):
        add = f": add the line {header}, in their order" if header else ""
        if add and len(names) != len(re.sub(r" \(.*", "", header).split(",")):
            add += f", with a name for each of the {len(names)}"
        raise ConfigError(
            f"{path}: row {line}: found numbers ({quoted(names)}) where the header should be; "
            f"allowed: a first line with the names of the columns{add}"
        )
    if len(names) == 1 and re.search(r"[;\s|]", names[0]):
        raise ConfigError(
            f"{path}: row {line}: found a header without commas, {_short(names[0])!r}; allowed: "
            "commas between names and between values, and points in numbers"
        )
    if not names[-1]:
        raise ConfigError(
            f"{path}: row {line}: found a header that ends with a comma, while not all rows do; "
            f"allowed: a name for each column ({quoted(names)})"
        )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _short(text: str, longest: int = _LONGEST) -> str:
    return text if len(text) <= longest else f"{text[:longest]}…"
