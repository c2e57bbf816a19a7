"""Result files: Parquet and CSV, written whole or not at all, with their provenance."""

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from zeptobarn.support import exports
from zeptobarn.support.content import Contents, metadata_fault
from zeptobarn.support.kinds import Inspection, Kind, Levels

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

_METADATA_KEY = b"zeptobarn"
# nestpy calls itself 0.0.0; the package does not.
_VERSIONS = ("zeptobarn", "numpy", "numba", "wimprates", "nestpy")


# Raised where a column or a piece of metadata of a result file gets another name or meaning.
FORMAT = 4


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
    """Write a table with its provenance in the schema metadata; see `parquet_writer`."""
    with parquet_writer(
        path, units=units, config_slice=config_slice, seed=seed, extra=extra
    ) as write:
        write(table)


@contextmanager
def parquet_writer(
    path: str | Path,
    *,
    units: Mapping[str, str],
    config_slice: Any,
    seed: int | None = None,
    extra: Mapping[str, Any] | None = None,
) -> Iterator[Callable[[pd.DataFrame], None]]:
    """Write a table that comes in chunks of rows, with its provenance in the metadata.

    Gives a function that writes the next chunk, as a row group of its own. The file stands under
    a temporary name until all are written; after an exception, nothing of it is left.

    Parameters
    ----------
    path
        Target.
    units
        Unit of each column (``""`` for pure numbers and names); all columns must have one.
    config_slice
        The configuration that the table depends on; its hash is stored.
    seed
        The study's seed, where random numbers were used.
    extra
        Further metadata that JSON can hold, e.g. bin edges.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    contents = Contents()
    with whole(path) as temporary, ExitStack() as closing:
        files: list[Any] = []

        def write(chunk: pd.DataFrame) -> None:
            if missing := [name for name in chunk.columns if name not in units]:
                raise ValueError(f"{path}: columns without a unit: {', '.join(map(str, missing))}")
            # The first chunk says of what types the columns are.
            schema = files[0].schema if files else None
            arrow = pa.Table.from_pandas(chunk, schema, preserve_index=False)
            arrow = arrow.replace_schema_metadata(None)
            if not files:
                # A stored Arrow schema would hide the metadata, which are complete at the end only.
                options = {"compression": "zstd", "write_page_checksum": True}
                opened = pq.ParquetWriter(temporary, arrow.schema, store_schema=False, **options)
                files.append(closing.enter_context(opened))
            contents.add(arrow)
            files[0].write_table(arrow, row_group_size=max(len(arrow), 1))

        yield write
        if not files:
            raise ValueError(f"{path}: found no chunk; allowed: at least one, if without rows")
        metadata = {
            "format": FORMAT,
            "units": {name: units[name] for name in files[0].schema.names},
            "config_hash": digest(config_slice),
            "seed": seed,
            "versions": {name: version(name) for name in _VERSIONS},
            **(extra or {}),
        }
        metadata["content"] = contents.description(metadata)
        files[0].add_key_value_metadata({_METADATA_KEY: json.dumps(metadata, sort_keys=True)})


def read_parquet(
    path: str | Path,
    *,
    config_slice: Any = None,
    columns: Sequence[str] | None = None,
    kind: Kind | None = None,
    levels: Mapping[str, Levels] | None = None,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Read a table and its metadata; check that it holds what was written, and where it comes from.

    Parameters
    ----------
    path
        A file written by `write_parquet` or `parquet_writer`.
    config_slice
        The configuration it must have been made from; ``None`` checks nothing.
    columns
        Read these columns alone.
    kind, levels
        What must hold in it, whoever wrote it; see `zeptobarn.support.kinds.Inspection`.

    Returns
    -------
    table, metadata

    Raises
    ------
    ResultError
        The file is missing or damaged, does not hold what was written or what its kind must, has
        another format, or was made from another configuration.
    """
    import pyarrow as pa

    path, wanted = Path(path), _wanted(columns, kind)
    with _opened(path, config_slice, wanted, kind) as (file, metadata):
        chunks = list(_chunks(path, file, metadata, wanted))
    table = pa.concat_tables(chunks).to_pandas()
    if kind is not None:
        inspection = Inspection(kind, levels or {}, metadata)
        _refuse(path, inspection.fault(table) or inspection.fault_at_end())
    return table if columns is None else table[list(columns)], metadata


def read_chunks(
    path: str | Path,
    *,
    config_slice: Any = None,
    columns: Sequence[str] | None = None,
    kind: Kind | None = None,
    levels: Mapping[str, Levels] | None = None,
) -> Iterator[pd.DataFrame]:
    """Read a table in the chunks that it was written in; see `read_parquet`, whose errors it has.

    What the file holds is compared with what was written when the last chunk has been asked for
    and there is no further one: keep nothing that was made of the first ones before.
    """
    path, wanted = Path(path), _wanted(columns, kind)
    with _opened(path, config_slice, wanted, kind) as (file, metadata):
        inspection = None if kind is None else Inspection(kind, levels or {}, metadata)
        for chunk in _chunks(path, file, metadata, wanted):
            table = chunk.to_pandas()
            if inspection is not None:
                _refuse(path, inspection.fault(table))
            yield table if columns is None else table[list(columns)]
        if inspection is not None:
            _refuse(path, inspection.fault_at_end())


def read_metadata(path: str | Path) -> dict[str, Any]:
    """Read a table's metadata alone; see `read_parquet`, whose errors it has."""
    with _opened(Path(path), None, None) as (_, metadata):
        return metadata


@contextmanager
def _opened(
    path: Path, config_slice: Any, columns: Sequence[str] | None, kind: Kind | None = None
) -> Iterator[tuple["pq.ParquetFile", dict[str, Any]]]:
    """Open a Parquet file, whatever is in its bytes, and check zeptobarn's metadata."""
    import pyarrow.parquet as pq

    if not path.is_file():
        what = "a folder" if path.is_dir() else "no such file"
        raise ResultError(f"{path}: {what}; run the study again, or name another results folder")
    with ExitStack() as closing:
        with _reading(path):
            file = closing.enter_context(pq.ParquetFile(path, page_checksum_verification=True))
            raw = (file.metadata.metadata or {}).get(_METADATA_KEY)
            metadata = None if raw is None else json.loads(raw)
            names = file.schema_arrow.names
        if not isinstance(metadata, dict) or "versions" not in metadata:
            raise DamagedResultError(f"{path}: not a result file of zeptobarn (no metadata)")
        if (file_format := metadata.get("format", 1)) != FORMAT:
            raise ResultError(
                f"{path}: a result of format {file_format}, written by zeptobarn "
                f"{metadata['versions']['zeptobarn']}, which can read it; this version reads "
                f"format {FORMAT}: delete it and run again"
            )
        fault = metadata_fault(metadata)
        if not fault and (twice := [name for name in names if names.count(name) > 1]):
            fault = f"it has the column {twice[0]} twice"
        needed = [*(columns or ()), *(kind.key if kind else ())]
        if not fault and (missing := [name for name in needed if name not in names]):
            fault = f"no column {missing[0]}"
        _refuse(path, fault)
        if config_slice is not None and metadata["config_hash"] != digest(config_slice):
            raise ResultError(
                f"{path}: made from another configuration (hash {metadata['config_hash']}, "
                f"this study has {digest(config_slice)}); delete it and run again"
            )
        yield file, metadata


def _chunks(
    path: Path,
    file: "pq.ParquetFile",
    metadata: Mapping[str, Any],
    columns: Sequence[str] | None,
) -> Iterator["pa.Table"]:
    """Give the row groups of a file, or a table without rows; at the end, check what they hold."""
    chosen = file.schema_arrow.names if columns is None else list(columns)
    contents = Contents()
    for i in range(max(file.num_row_groups, 1)):
        with _reading(path):
            groups = [i] if file.num_row_groups else []
            chunk = file.read_row_groups(groups, columns=chosen).select(chosen)
            chunk = chunk.replace_schema_metadata(None)
            contents.add(chunk)
        yield chunk
    _refuse(path, contents.fault(metadata["content"], columns is None))


def _wanted(columns: Sequence[str] | None, kind: Kind | None) -> Sequence[str] | None:
    """Columns to read: those asked for, and those that tell whether rows are complete."""
    if columns is None or kind is None:
        return columns
    return list(dict.fromkeys([*columns, *kind.key]))


def _refuse(path: Path, fault: str) -> None:
    if fault:
        raise DamagedResultError(f"{path}: damaged: {fault}; delete it and run again")


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Turn what Arrow and the system say of a file into errors of this module."""
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError, ValueError, KeyError, MemoryError) as error:
        # The system says no, which is no fault of the file; what Arrow refuses has no number.
        if isinstance(error, MemoryError) or getattr(error, "errno", None) is not None:
            raise ResultError(f"{path}: not readable: {error}") from None
        why = " ".join(str(error).split())[:200].rstrip(".")
        raise DamagedResultError(f"{path}: damaged: {why}; delete it and run again") from None


def write_csv(table: pd.DataFrame, path: str | Path) -> None:
    """Write a CSV for people, under a temporary name that is changed when it is complete."""
    with whole(path) as temporary:
        table.to_csv(temporary, index=False)
        exports.note(path, temporary)


def write_text(text: str, path: str | Path) -> None:
    """Write a text under a temporary name and rename it when complete."""
    with whole(path) as temporary:
        Path(temporary).write_text(text, encoding="utf-8")


@contextmanager
def whole(path: str | Path) -> Iterator[str]:
    """Give the temporary name of a file to fill, which gets its own when it is complete.

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
        yield temporary
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
    """Whether a file has the temporary name of one that `whole` gives.

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
