"""Result files: Parquet and CSV, written whole or not at all, with their provenance."""

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from zeptobarn.support.content import content, difference

if TYPE_CHECKING:
    import pyarrow as pa

_METADATA_KEY = b"zeptobarn"
# nestpy calls itself 0.0.0; the package does not.
_VERSIONS = ("zeptobarn", "numpy", "numba", "wimprates", "nestpy")


# Raised where a column or a piece of metadata of a result file gets another name or meaning.
FORMAT = 3


class ResultError(RuntimeError):
    """A result file cannot be used: missing, damaged, foreign, or made from something else."""


class DamagedResultError(ResultError):
    """A result file is not what was written under its name."""


def digest(config_slice: Any) -> str:
    """Hash a piece of configuration (anything JSON can hold); equal pieces, equal hashes.

    Examples
    --------
    >>> digest({"a": 1, "b": [2.0]}) == digest({"b": [2.0], "a": 1})
    True
    """
    text = json.dumps(config_slice, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def write_parquet(
    table: pd.DataFrame,
    path: str | Path,
    *,
    units: Mapping[str, str],
    config_slice: Any,
    seed: int | None = None,
    extra: Mapping[str, Any] | None = None,
) -> None:
    """Write a table with its provenance in the schema metadata.

    Parameters
    ----------
    table
        Its columns must all have an entry in ``units``.
    path
        Target; written under a temporary name first and renamed when complete.
    units
        Unit of each column (``""`` for pure numbers and names).
    config_slice
        The configuration that the table depends on; its hash is stored.
    seed
        The study's seed, where random numbers were used.
    extra
        Further metadata that JSON can hold, e.g. bin edges.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    if missing := [name for name in table.columns if name not in units]:
        raise ValueError(f"{path}: columns without a unit: {', '.join(map(str, missing))}")
    metadata = {
        "format": FORMAT,
        "units": {name: units[name] for name in table.columns},
        "config_hash": digest(config_slice),
        "seed": seed,
        "versions": {name: version(name) for name in _VERSIONS},
        **(extra or {}),
    }
    arrow = pa.Table.from_pandas(table, preserve_index=False)
    arrow = arrow.replace_schema_metadata(None)
    metadata["content"] = content(arrow, metadata)
    arrow = arrow.replace_schema_metadata({_METADATA_KEY: json.dumps(metadata, sort_keys=True)})
    options = {"compression": "zstd", "write_page_checksum": True}
    write_whole(path, lambda temporary: pq.write_table(arrow, temporary, **options))


def read_parquet(
    path: str | Path, *, config_slice: Any = None, columns: Sequence[str] | None = None
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Read a table and its metadata; check that it holds what was written, and where it comes from.

    Parameters
    ----------
    path
        A file written by `write_parquet`.
    config_slice
        The configuration it must have been made from; ``None`` checks nothing.
    columns
        Read these columns alone.

    Returns
    -------
    table, metadata

    Raises
    ------
    ResultError
        The file is missing or damaged, does not hold what was written, has another format, or was
        made from another configuration.
    """
    arrow, metadata = _read_checked(Path(path), columns)
    if (found := metadata.get("format", 1)) != FORMAT:
        raise ResultError(
            f"{path}: a result of format {found}, written by zeptobarn "
            f"{metadata['versions']['zeptobarn']}, which can read it; this version reads format "
            f"{FORMAT}: delete it and run again"
        )
    if fault := difference(arrow, metadata, columns is None):
        raise DamagedResultError(f"{path}: damaged: {fault}; delete it and run again")
    if config_slice is not None and metadata["config_hash"] != digest(config_slice):
        raise ResultError(
            f"{path}: made from another configuration (hash {metadata['config_hash']}, "
            f"this study has {digest(config_slice)}); delete it and run again"
        )
    return arrow.replace_schema_metadata(None).to_pandas(), metadata


def _read_checked(path: Path, columns: Sequence[str] | None) -> tuple["pa.Table", dict[str, Any]]:
    """Read a Parquet file and zeptobarn's metadata, whatever is in its bytes."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not path.is_file():
        what = "a folder" if path.is_dir() else "no such file"
        raise ResultError(f"{path}: {what}; run the study again, or name another results folder")
    try:
        schema = pq.read_schema(path)
        raw = (schema.metadata or {}).get(_METADATA_KEY)
        metadata = None if raw is None else json.loads(raw)
        missing = [name for name in columns or () if name not in schema.names]
        if not missing:
            chosen = None if columns is None else list(columns)
            arrow = pq.read_table(path, columns=chosen, page_checksum_verification=True)
    except (pa.ArrowException, OSError, ValueError, KeyError, MemoryError) as error:
        # The system says no, which is no fault of the file; what Arrow refuses has no number.
        if isinstance(error, MemoryError) or getattr(error, "errno", None) is not None:
            raise ResultError(f"{path}: not readable: {error}") from None
        why = " ".join(str(error).split())[:200].rstrip(".")
        raise DamagedResultError(f"{path}: damaged: {why}; delete it and run again") from None
    if not isinstance(metadata, dict) or "versions" not in metadata:
        raise DamagedResultError(f"{path}: not a result file of zeptobarn (no metadata)")
    if missing:
        raise DamagedResultError(
            f"{path}: damaged: no column {missing[0]}; delete it and run again"
        )
    return arrow, metadata


def write_csv(table: pd.DataFrame, path: str | Path) -> None:
    """Write a CSV under a temporary name and rename it when complete."""
    write_whole(path, lambda temporary: table.to_csv(temporary, index=False))


def write_text(text: str, path: str | Path) -> None:
    """Write a text under a temporary name and rename it when complete."""
    write_whole(path, lambda temporary: Path(temporary).write_text(text, encoding="utf-8"))


def write_whole(path: str | Path, write: Callable[[str], Any]) -> None:
    """Let ``write`` fill a file of a temporary name, which gets its own when it is complete.

    Raises
    ------
    ResultError
        The file cannot be written; nothing of it is left.
    """
    path, temporary = Path(path), None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        os.close(handle)
        write(temporary)
        Path(temporary).chmod(0o666 & ~_umask())
        Path(temporary).replace(path)
    except BaseException as error:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
        if isinstance(error, OSError):
            why = error.strerror or str(error)
            raise ResultError(f"{path}: not written: {why[:1].lower()}{why[1:]}") from error
        raise


def is_temporary(path: Path) -> bool:
    """Whether a file has the temporary name of one that `write_whole` writes.

    Examples
    --------
    >>> is_temporary(Path(".limits.parquet.a_8x0q1z")), is_temporary(Path("limits.parquet"))
    (True, False)
    """
    return re.fullmatch(r"\..+\.\w+\.[a-z0-9_]{8}", path.name) is not None


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
