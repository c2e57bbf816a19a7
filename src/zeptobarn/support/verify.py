"""Results of earlier runs, looked at before a workflow trusts them.

Snakemake goes by the names and ages of files. What is in them is checked wherever they are read,
but a job that meets a damaged input can only fail. So the workflow looks at its results before it
plans, and renames what is damaged: it then counts as missing and is made again.
"""

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

from zeptobarn.support import exports
from zeptobarn.support.tables import (
    DamagedResultError,
    ResultError,
    read_chunks,
    read_parquet,
    write_csv,
    write_text,
)

# Files that were found to be in order, with their size, time and inode: they are not read again.
_MEMORY = "logs/verified.json"
_FOLDERS = (
    "spectra", "response", "templates", "toys", "calibration", "limits", "coverage", "sensitivity",
    "dependence", "failures", "summary", "observed",
)  # fmt: skip


def set_aside(results: Path, rename: bool) -> list[str]:
    """Find the damaged files among a study's results, and among its exports.

    Parameters
    ----------
    rename
        Whether they are renamed, with ``.damaged`` behind their names. What is in order is then
        remembered, by name, size, time and inode, in a file among the logs; and what is dated in
        the future, since a clock was set back, is dated today: Snakemake refuses outputs that are
        older than their inputs. A CSV of a result file that is there is written again at once.

    Returns
    -------
    A message for each of them.
    """
    memory = results / _MEMORY
    known = _recall(memory)
    in_order, messages = {}, []
    for folder in _FOLDERS:
        for file in sorted((results / folder).rglob("*.parquet")):
            if rename:
                _date_today(file)
            name, state = str(file.relative_to(results)), _state(file)
            if known.get(name) != state:
                try:
                    for _ in read_chunks(file):
                        pass
                except DamagedResultError as error:
                    what = "a run would make it again"
                    if rename:
                        what = _rename(file)
                    messages.append(f"{error}".replace("delete it and run again", what))
                    continue
                except ResultError:
                    continue  # of another version, or not readable: what needs it says so
            in_order[name] = state
    if rename and in_order != known:
        try:
            write_text(json.dumps(in_order), memory)
        except ResultError as error:  # costs a second look next time
            messages.append(str(error))
    return [*messages, *_altered_exports(results, rename)]


def _altered_exports(results: Path, rename: bool) -> Iterator[str]:
    """Write altered or missing CSVs of result files again, and set aside other altered exports.

    Not by the jobs that made them: all that hangs on the result file beside a CSV would follow.
    Other exports that are missing are known to Snakemake.
    """
    for file in exports.altered(results):
        origin = file.with_suffix(".parquet")
        restorable = file.suffix == ".csv" and origin.is_file()
        if not restorable and not file.exists():
            continue
        state = "damaged: it does not hold what was written" if file.exists() else "missing"
        what = "a run would make it again"
        if rename and restorable:
            try:
                write_csv(read_parquet(origin)[0], file)
                what = f"written again from {origin.name}"
            except ResultError as error:
                what = f"not written again: {error}"
        elif rename:
            what = _rename(file)
        yield f"{file}: {state}; {what}"


def _rename(file: Path) -> str:
    """Set a file aside; say what became of it."""
    try:
        file.replace(f"{file}.damaged")
    except OSError as error:
        return f"it cannot be renamed ({error.strerror}): delete it and run again"
    return "renamed, and made again"


def _date_today(file: Path) -> None:
    """Give a file from the future the time that it is now."""
    if file.stat().st_mtime > time.time():
        try:
            os.utime(file)
        except OSError:  # somebody else's: as it was, Snakemake says so if it matters
            return


def _state(file: Path) -> list[int]:
    status = file.stat()
    return [status.st_size, status.st_mtime_ns, status.st_ino]


def _recall(memory: Path) -> dict[str, list[int]]:
    """Read what was in order; nothing if that cannot be read."""
    try:
        known = json.loads(memory.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}
