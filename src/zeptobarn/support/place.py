"""Where a program runs: what would stop it there is said in one sentence, or made to work."""

import io
import os
import re
import sys
from pathlib import Path

from zeptobarn.support.config import ConfigError


def check_results_name(text: str, origin: str) -> None:
    """Refuse a folder of results that a shell or Snakemake would read as another one.

    Parameters
    ----------
    text
        The folder, as a configuration names it.
    origin
        File name for the message.

    Raises
    ------
    ConfigError
        It begins with ``~``, or has a ``$`` or braces; the message gives the path that a shell
        would make of it.
    """
    if not text.startswith("~") and not re.search(r"[${}]", text):
        return
    meant = os.path.expandvars(Path(text).expanduser() if text.startswith("~/") else text)
    hint = "" if meant == text or re.search(r"[${}]", meant) else f": write {meant}"
    raise ConfigError(
        f"{origin}: results: found {text!r}; allowed: a path that is meant as it stands, without a "
        f"leading ~, $ or braces{hint}"
    )


def check_place(results: Path, dry_run: bool) -> None:
    """Refuse to run where Snakemake could not start its jobs, or write what they make.

    Parameters
    ----------
    results
        The study's folder, which need not exist.
    dry_run
        Whether no results are to be made; Snakemake then writes its records alone.

    Raises
    ------
    ConfigError
        The path of the interpreter has a character that a shell splits at, or a folder, or the
        one it would be made in, is not one to write into.
    """
    if re.search(r"[^\w@%+=:,./-]", sys.executable):
        raise ConfigError(
            f"{sys.executable}: Snakemake starts jobs with this interpreter and does not quote "
            "its path; make the environment in a folder without spaces: `bash tools/make_venv.sh "
            "FOLDER`"
        )
    _check_writable(Path(".snakemake"), "the working folder", "run in a folder of your own")
    if not dry_run:
        for folder in (results, *_subfolders(results)):
            _check_writable(folder, "results", "name a folder of your own")


def _check_writable(folder: Path, key: str, cure: str) -> None:
    """Refuse a folder, or where it would be made, that is none or cannot be written."""
    place = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    if not place.is_dir():
        raise ConfigError(f"{key}: found {place}, a file; allowed: a folder")
    if not os.access(place, os.W_OK | os.X_OK):
        raise ConfigError(
            f"{key}: {place} belongs to {_owner(place)}, and you may not write there; {cure}"
        )


def draw_into_files() -> None:
    """Let matplotlib draw into files alone, here and in what this process starts.

    A notebook's own backend is inherited by jobs, whose matplotlib may not have it.
    """
    os.environ["MPLBACKEND"] = "agg"


def print_what_shows() -> None:
    """Let this process print ``?`` for what its terminal's encoding lacks, such as σ or ²."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")


def _subfolders(results: Path) -> list[Path]:
    """Folders of the steps, and of logs and benchmarks, that there are."""
    try:
        return sorted(folder for folder in results.iterdir() if folder.is_dir())
    except OSError:
        return []


def _owner(folder: Path) -> str:
    """Name of who owns a folder, or the number where there is no name."""
    try:
        return folder.owner()
    except KeyError:
        return f"user {folder.stat().st_uid}"
