"""One run at a time in a results folder, and what a killed one leaves behind.

A run holds an exclusive lock on a file in its results folder; each job holds a shared one on a
second file. The system drops both when a process ends, however it ends, so a lock never has to be
removed by hand. Snakemake's own locks are files, which outlive a killed run; those that name
results of a study whose lock was obtained are stale.

The locks are those of ``flock``. They hold between the computers of a cluster where its file
system passes them on, as NFS does since Linux 2.6.12; where there are none, a run says so.
"""

import errno
import fcntl
import os
import platform
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from zeptobarn.support.tables import ResultError, is_temporary

# Options of Snakemake with which it looks at a study and changes nothing in it, or is asked to
# remove its own locks.
_LOOKING = (
    "--lint", "--report", "--summary", "-S", "--detailed-summary", "-D", "--unlock", "--list-rules",
    "-l", "--list-target-rules", "--lt", "--list-changes", "--lc", "--list-untracked", "--lu",
    "--list-input-changes", "--list-params-changes", "--dag", "--rulegraph", "--filegraph",
    "--d3dag", "--print-compilation", "--containerize",
)  # fmt: skip
_NOT_THERE = (errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)


def only_looks(arguments: Sequence[str]) -> bool:
    """Whether Snakemake, called with these arguments, leaves a study as it is.

    Examples
    --------
    >>> only_looks(["snakemake", "--report=r.html"]), only_looks(["snakemake", "--cores", "2"])
    (True, False)
    """
    return any(argument.partition("=")[0] in _LOOKING for argument in arguments)


def hold_run(results: Path, snakemake: Path = Path(".snakemake")) -> IO[str]:
    """Take a results folder for a run; wait for jobs of a killed one, and tidy up after it.

    Parameters
    ----------
    snakemake
        Snakemake's folder, whose stale locks are removed.

    Returns
    -------
    The lock: the folder is held as long as it is open.

    Raises
    ------
    ResultError
        Another run holds it, or it cannot be written.
    """
    lock = _open(results / "logs/run.lock")
    if not _obtained(lock, fcntl.LOCK_EX | fcntl.LOCK_NB):
        lock.seek(0)
        who = lock.read().strip() or "unknown"
        lock.close()
        raise ResultError(f"{results}: another run works there ({who}): wait until it has ended")
    lock.seek(0)
    lock.truncate()
    lock.write(f"process {os.getpid()} on {platform.node()}\n")
    lock.flush()
    with _open(results / "logs/jobs.lock") as jobs:
        if not _obtained(jobs, fcntl.LOCK_EX | fcntl.LOCK_NB):
            print(f"{results}: waiting for jobs of a run that was killed", file=sys.stderr)
            _obtained(jobs, fcntl.LOCK_EX)
    for file in results.rglob(".*"):
        if is_temporary(file):
            file.unlink(missing_ok=True)
    _remove_stale(snakemake / "locks", results)
    return lock


def hold_job(results: Path) -> IO[str]:
    """Say, as long as the lock that is returned is open, that a job works in a results folder."""
    lock = _open(results / "logs/jobs.lock")
    _obtained(lock, fcntl.LOCK_SH)
    return lock


def _open(path: Path) -> IO[str]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("a+", encoding="utf-8")
    except OSError as error:
        raise ResultError(f"{path}: not written: {error.strerror}") from error


def _obtained(lock: IO[str], how: int) -> bool:
    try:
        fcntl.flock(lock, how)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in _NOT_THERE:
            raise
        print(
            f"{lock.name}: this file system has no locks: see to it that no other run works there",
            file=sys.stderr,
        )
    return True


def _remove_stale(locks: Path, results: Path) -> None:
    """Remove Snakemake's locks on files in a folder."""
    for file in locks.glob("*.lock"):
        names = file.read_text(encoding="utf-8").splitlines()
        if any(name.startswith(f"{results}{os.sep}") for name in names):
            file.unlink(missing_ok=True)
