"""A kind of input that is tried."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from hostile.outcomes import Outcomes


@dataclass(frozen=True)
class Kind:
    """A kind of input: its cases, and what tries one of them in a folder."""

    name: str
    strategy: st.SearchStrategy[Any]
    try_one: Callable[[Any, Path, Outcomes], None]
