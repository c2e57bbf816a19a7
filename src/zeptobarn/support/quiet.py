"""One line that a library writes to the terminal's standard error, kept from it."""

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

_STANDARD_ERROR = 2
# The terminal is the process's, and not a thread's.
_LOCK = Lock()


@contextmanager
def without_line(line: str) -> Iterator[None]:
    """Keep a line of a compiled library off standard error; all else is written when it is over.

    Python's own ``sys.stderr`` cannot do that, as compiled code does not write there.

    Parameters
    ----------
    line
        The whole line, without its end.
    """
    with _LOCK, tempfile.TemporaryFile() as file:
        sys.stderr.flush()
        try:
            terminal = os.dup(_STANDARD_ERROR)
        except OSError:  # the process has no standard error
            yield
            return
        os.dup2(file.fileno(), _STANDARD_ERROR)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(terminal, _STANDARD_ERROR)
            os.close(terminal)
            file.seek(0)
            for written in file:
                if written.decode(errors="replace").rstrip("\r\n") != line:
                    os.write(_STANDARD_ERROR, written)
