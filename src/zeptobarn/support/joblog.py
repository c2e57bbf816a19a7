"""The log of a workflow job: what it cost, or why it failed."""

import atexit
import gc
import resource
import sys
import time
import traceback
from pathlib import Path
from types import TracebackType

from zeptobarn.support.config import ConfigError
from zeptobarn.support.locks import hold_job
from zeptobarn.support.tables import ResultError


def keep_log(path: str | Path) -> None:
    """Write this process's cost into a file when it ends, and the traceback if it fails.

    As long as the process runs, it holds the results folder for a job: a run that is started after
    this one's was killed waits for it.

    What went wrong still goes to standard error: a mistake of the user's as one message, anything
    else with its traceback.

    Parameters
    ----------
    path
        The log file, below the folder ``logs`` of the results; its folder is made.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("")
    start = time.perf_counter()
    lock = hold_job(next(folder.parent for folder in path.parents if folder.name == "logs"))

    def add(text: str) -> None:
        with path.open("a", encoding="utf-8") as log:
            log.write(text)

    def on_end() -> None:
        usage = resource.getrusage(resource.RUSAGE_SELF)
        add(
            f"{time.perf_counter() - start:.1f} s, "
            f"{usage.ru_utime + usage.ru_stime:.1f} s of CPU with imports, "
            f"{usage.ru_maxrss / 1024:.0f} MB at most\n"
        )
        lock.close()
        gc.freeze()  # else the interpreter looks through all modules as it ends: 0.2 s

    def on_error(
        kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        add("".join(traceback.format_exception(kind, error, trace)))
        if isinstance(error, ConfigError | ResultError):
            print(f"{kind.__name__}: {error}", file=sys.stderr)
        else:
            sys.__excepthook__(kind, error, trace)

    atexit.register(on_end)
    sys.excepthook = on_error
