"""What becomes of hostile input: refused in a message that says where, or taken; nothing else."""

import re
import signal
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

from zeptobarn.support.config import ConfigError
from zeptobarn.support.tables import ResultError

LONGEST_S = 20
LONGEST_MESSAGE = 1000
# How a case may end.
GOOD = ("refused", "taken")


class TooLongError(BaseException):
    """A case took more than `LONGEST_S`; nothing that is tried catches it."""


@dataclass
class Outcomes:
    """How many cases ended how, and those that ended as none should."""

    counts: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    def add(self, case: Any, call: Callable[[], Any], named: str) -> None:
        """Try a case.

        Parameters
        ----------
        case
            What a fault is described by.
        call
            Refuses by a `ConfigError` or `ResultError`, or gives something.
        named
            What a refusal must name: the file.
        """
        try:
            with _limited(), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                call()
        except (ConfigError, ResultError) as error:
            bad = named not in str(error) or len(str(error)) > LONGEST_MESSAGE
            self.count("badly refused" if bad else "refused", case, f"{error}")
        except TooLongError:
            self.count("hung", case, f"more than {LONGEST_S} s")
        except Exception as error:
            self.count("traceback", case, f"{type(error).__name__}: {error}")
        else:
            self.count("taken", case)

    def count(self, kind: str, case: Any, said: str = "") -> None:
        """Count a case that ended in some way."""
        self.counts[kind] += 1
        if kind not in GOOD:
            self.faults.append(f"{kind}: {_short(case)}: {_short(said)}")


def _short(value: Any) -> str:
    return re.sub(r"\s+", " ", f"{value}")[:300]


@contextmanager
def _limited() -> Iterator[None]:
    def stop(number: int, frame: FrameType | None) -> None:
        raise TooLongError

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(LONGEST_S)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
