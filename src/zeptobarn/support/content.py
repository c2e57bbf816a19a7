"""What a table holds, as hashes: of each column's values in their order, and of its metadata.

Parquet's own checksums are optional, cover pages alone, and are right again in a file that another
program has written. These hashes are taken from the values, so that any file that holds others is
noticed, however it came about. They grow with the table: it may come in chunks of rows, and how it
is split changes nothing.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pyarrow as pa


class Contents:
    """Number of rows, and running hashes of each column, of a table that comes in chunks.

    Attributes
    ----------
    rows
        Rows so far.

    Examples
    --------
    >>> import pyarrow as pa
    >>> one, two = Contents(), Contents()
    >>> one.add(pa.table({"mass_GeV": [1.0, 2.0]}))
    >>> two.add(pa.table({"mass_GeV": [1.0]}))
    >>> one.columns() == two.columns()
    False
    >>> two.add(pa.table({"mass_GeV": [2.0]}))
    >>> one.columns() == two.columns()
    True
    """

    def __init__(self) -> None:
        self.rows = 0
        self._hashes: dict[str, list[Any]] = {}

    def add(self, chunk: "pa.Table") -> None:
        """Count in the next rows."""
        self.rows += chunk.num_rows
        for name, column in zip(chunk.column_names, chunk.columns, strict=True):
            kind, *parts = _parts(column)
            fresh = [hashlib.sha256(kind), *(hashlib.sha256() for _ in parts)]
            for hasher, part in zip(self._hashes.setdefault(name, fresh)[1:], parts, strict=True):
                hasher.update(part)

    def columns(self) -> dict[str, str]:
        """Give the hash of each column: its type, which values are missing, and the others."""
        return {
            name: hashlib.sha256(b"".join(part.digest() for part in parts)).hexdigest()
            for name, parts in self._hashes.items()
        }

    def description(self, metadata: Mapping[str, Any]) -> dict[str, Any]:
        """Give what is to be known of the table when it is read, its metadata included."""
        return {"rows": self.rows, "columns": self.columns(), "metadata": _hash(dict(metadata))}

    def fault(self, known: Mapping[str, Any], whole: bool) -> str:
        """Say how the table differs from its description; nothing if it does not.

        Parameters
        ----------
        whole
            Whether all columns were read.
        """
        hashes, expected = self.columns(), known["columns"]
        if lost := set(expected) - set(hashes) if whole else ():
            return f"it lacks the column {min(lost)}"
        if added := set(hashes) - set(expected):
            return f"it has the column {min(added)[:100]}, which was not written"
        if self.rows != known["rows"]:
            return f"it has {self.rows} rows, not {known['rows']}"
        for name in hashes:
            if hashes[name] != expected.get(name):
                return f"the values of {name} are not those that were written"
        return ""


def metadata_fault(metadata: Mapping[str, Any]) -> str:
    """Say what is wrong with the metadata that hold a ``content``; nothing if they are right."""
    rest = dict(metadata)
    known = rest.pop("content", None)
    if not isinstance(known, dict) or set(known) != {"rows", "columns", "metadata"}:
        return "its content is not described"
    if known["metadata"] != _hash(rest):
        return "its metadata are not those that were written"
    return ""


def _parts(column: "pa.ChunkedArray") -> tuple[bytes | memoryview, ...]:
    """Give the bytes to hash: name of the type, missing or not, lengths of texts, and values."""
    import pyarrow as pa
    import pyarrow.types as types

    array = column.combine_chunks()
    if types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if types.is_boolean(array.type):
        array = array.cast(pa.uint8())
    missing = array.is_null().to_numpy(zero_copy_only=False).tobytes()
    if not (types.is_string(array.type) or types.is_large_string(array.type)):
        values = array.fill_null(0).to_numpy(zero_copy_only=False)
        return str(array.type).encode(), missing, b"", np.ascontiguousarray(values).data
    texts = array.fill_null("").cast(pa.large_binary())
    if len(texts) == 0:
        return b"text", b"", b"", b""
    _, ends, letters = texts.buffers()
    ends = np.frombuffer(ends, np.int64)[texts.offset :][: len(texts) + 1]
    text = b"" if letters is None else memoryview(letters)[ends[0] : ends[-1]]
    return b"text", missing, np.diff(ends).data, text


def _hash(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
