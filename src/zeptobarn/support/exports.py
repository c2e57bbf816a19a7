"""Exports, the CSV files, figures and pages of a study: for people, and read by nothing here.

What is in them cannot be checked where they are used. So whoever writes one into a results folder
notes its hash below ``logs/exports``, before it gets its name: one that was damaged, cut short by a
crash of the computer or saved again by another program is noticed by the next run. The note is a
file of its own, since jobs write side by side, and not beside the export, where people would find
it. An export without a note, such as one that was copied without the logs, is let be.
"""

import hashlib
from collections.abc import Iterator
from pathlib import Path

_NOTES = Path("logs/exports")
# A run, or a job of it, has made it in each results folder.
_MARK = "logs/jobs.lock"


def note(path: str | Path, written: str | Path) -> None:
    """Note what an export holds; nothing if its place is in no study's results.

    Parameters
    ----------
    path
        Its name.
    written
        The file that is about to get it.
    """
    path = Path(path).absolute()
    for results in path.parents:
        if (results / _MARK).is_file():
            known = _note_of(results, path)
            known.parent.mkdir(parents=True, exist_ok=True)
            known.write_text(_hash(Path(written)), encoding="utf-8")
            return


def altered(results: Path) -> Iterator[Path]:
    """Give the exports that do not hold what was noted, or are not there."""
    notes = results / _NOTES
    for known in sorted(notes.rglob("*.sha256")):
        file = results / known.relative_to(notes).with_suffix("")
        if not file.is_file() or _hash(file) != known.read_text(encoding="utf-8", errors="replace"):
            yield file


def _note_of(results: Path, path: Path) -> Path:
    relative = path.relative_to(results)
    return results / _NOTES / relative.with_name(f"{relative.name}.sha256")


def _hash(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
