"""What a table holds, as hashes: of each column's values in their order, and of its metadata.

Parquet's own checksums are optional, cover pages alone, and are right again in a file that another
program has written. These hashes are taken from the values, so that any file that holds others is
noticed, however it came about.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pyarrow as pa


def content(table: "pa.Table", metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Give the number of rows, and hashes of each column and of the metadata."""
    columns = {name: column_hash(table.column(name)) for name in table.column_names}
    return {"rows": table.num_rows, "columns": columns, "metadata": _hash(dict(metadata))}


def difference(table: "pa.Table", metadata: Mapping[str, Any], whole: bool) -> str:
    """Say how a table differs from the ``content`` in its metadata; nothing if it does not.

    Parameters
    ----------
    whole
        Whether all columns were read.
    """
    rest = dict(metadata)
    known = rest.pop("content", None)
    if not isinstance(known, dict) or set(known) != {"rows", "columns", "metadata"}:
        return "its content is not described"
    if known["metadata"] != _hash(rest):
        return "its metadata are not those that were written"
    names = table.column_names
    if (whole and sorted(names) != sorted(known["columns"])) or len(set(names)) < len(names):
        return f"it has the columns {', '.join(names)}, not {', '.join(known['columns'])}"
    if table.num_rows != known["rows"]:
        return f"it has {table.num_rows} rows, not {known['rows']}"
    for name in names:
        if known["columns"].get(name) != column_hash(table.column(name)):
            return f"the values of {name} are not those that were written"
    return ""


def column_hash(column: "pa.ChunkedArray") -> str:
    """Hash a column's values in their order: their type, which are missing, and the others.

    Examples
    --------
    >>> import pyarrow as pa
    >>> one, other = (pa.chunked_array([values]) for values in ([1.0, 2.0], [2.0, 1.0]))
    >>> column_hash(one) == column_hash(pa.chunked_array([[1.0], [2.0]]))
    True
    >>> column_hash(one) == column_hash(other)
    False
    """
    import pyarrow as pa
    import pyarrow.types as types

    array = column.combine_chunks()
    if types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if types.is_boolean(array.type):
        array = array.cast(pa.uint8())
    text = types.is_string(array.type) or types.is_large_string(array.type)
    found = hashlib.sha256(("text" if text else str(array.type)).encode())
    found.update(np.packbits(array.is_null().to_numpy(zero_copy_only=False)).tobytes())
    if text:
        values = array.fill_null("").cast(pa.large_binary())
        ends = np.frombuffer(values.buffers()[1], np.int64)[values.offset :][: len(values) + 1]
        found.update(np.diff(ends).tobytes())
        if values.buffers()[2] is not None:
            found.update(memoryview(values.buffers()[2])[ends[0] : ends[-1]])
    else:
        found.update(array.fill_null(0).to_numpy(zero_copy_only=False).tobytes())
    return found.hexdigest()


def _hash(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
