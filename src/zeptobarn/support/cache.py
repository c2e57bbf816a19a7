"""The user's cache folder: compiled kernels, and what `load_model` computed.

It is `zeptobarn` below NUMBA_CACHE_DIR where that is set, else in the user's cache folder. What
lies there is named by a hash of all that it depends on, and made again when it is missing.
"""

import logging
import os
import shutil
import stat
import tempfile
from functools import cache
from pathlib import Path

from platformdirs import user_cache_path

_log = logging.getLogger("zeptobarn")


@cache
def cache_folder(part: str = "") -> Path:
    """Give a folder of the cache, and make it.

    Where the cache cannot be written, it is a temporary folder, with a warning.

    Parameters
    ----------
    part
        Name of the folder; none: the one that holds all others.
    """
    whole: Path | str = "the user's cache folder"
    try:
        whole = _place()
        return _writable(whole / part)
    except (OSError, RuntimeError) as error:  # the latter: the user has no home
        folder, why = _temporary_folder(), getattr(error, "strerror", error)
        warn_once(f"what is kept for later goes to {folder}, for {whole}: {why}")
        return _writable(folder / part)


def kept(kind: str, name: str) -> Path:
    """Give the Parquet file that keeps a result.

    Parameters
    ----------
    kind
        What it is, such as ``response``: a folder of the cache.
    name
        A hash of all that it depends on.
    """
    return cache_folder(kind) / f"{name}.parquet"


def cache_size() -> tuple[Path, int, int]:
    """Give the cache's folder, the number of its files, and their size (bytes)."""
    folder = cache_folder()
    sizes = [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
    return folder, len(sizes), sum(sizes)


def clear_cache() -> None:
    """Remove all that the cache holds."""
    shutil.rmtree(cache_folder())
    cache_folder.cache_clear()


def _place() -> Path:
    # As numba reads it: the folder that the environment asks for holds kernels of all programs.
    chosen = os.environ.get("NUMBA_CACHE_DIR")
    return Path(chosen, "zeptobarn") if chosen else user_cache_path("zeptobarn", False)


def _writable(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder):
        return folder


@cache
def _temporary_folder() -> Path:
    """One for all processes of the user, unless somebody else made it: code is loaded from it."""
    folder = Path(tempfile.gettempdir()) / f"zeptobarn-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    status = folder.lstat()
    mine = stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid()
    return folder if mine and not status.st_mode & 0o022 else Path(tempfile.mkdtemp())


@cache
def warn_once(text: str) -> None:
    """Log a warning, once in a process."""
    _log.warning(text)
