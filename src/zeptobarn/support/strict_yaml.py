"""Parse YAML without its surprises: what could be meant in two ways is refused, with its line.

YAML itself takes the last of two equal keys, reads 010 as 8 and 1:30 as 90, and lets a value hold
itself. JSON is YAML as well.
"""

import re
from dataclasses import dataclass, field
from typing import Any

import yaml

# libyaml's, where PyYAML has it: every job of a study reads its configuration.
_SafeLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_TAG = "tag:yaml.org,2002:"
_COLLECTIONS = (f"{_TAG}map", f"{_TAG}seq")
_SCALARS = tuple(f"{_TAG}{name}" for name in ("str", "int", "float", "bool", "null", "merge"))
_DECIMAL = re.compile(r"[-+]?(0|[1-9][0-9_]*)")
# Floating-point numbers end with as many digits.
_MOST_DIGITS = 308
_DEEPEST = 50
# Aliases counted as often as they stand; no study needs a tenth of it.
_MOST_VALUES = 20_000
_MOST_LETTERS = 1_000_000


class StrictError(ValueError):
    """A text is YAML, but not of the kind that may be read; ``line`` counts from 1."""

    def __init__(self, line: int, problem: str):
        super().__init__(problem)
        self.line = line


def parse(text: str) -> Any:
    """Parse a YAML document.

    Raises
    ------
    StrictError
        A key is there twice or is not a text, a number is not decimal, a value holds itself, has
        a tag of its own or is a date, or there is too much of it.
    yaml.YAMLError
        The text is not YAML.

    Examples
    --------
    >>> parse("{trials: 10, leff: [-1, 0.5]}")
    {'trials': 10, 'leff': [-1, 0.5]}
    >>> parse("trials: 010")
    Traceback (most recent call last):
    ...
    zeptobarn.support.strict_yaml.StrictError: found 010, which YAML reads in base 8; ...
    """
    if len(text) > _MOST_LETTERS:
        raise StrictError(1, f"found {len(text)} characters; allowed: {_MOST_LETTERS}")
    loader = _SafeLoader(text)
    node = _compose(text, loader)
    if node is None:
        return None
    _Nodes(loader).measure(node)
    return loader.construct_document(node)


def line_of(text: str, path: list[str | int]) -> tuple[int, int]:
    """Find a value in a document that `parse` takes.

    Parameters
    ----------
    path
        Keys and indices that lead to the value.

    Returns
    -------
    How many of them the document has, and the line (from 1) of the last one.
    """
    node, line = _SafeLoader(text).get_single_node(), 1
    for depth, part in enumerate(path):
        if isinstance(node, yaml.MappingNode):
            matches = [(key, value) for key, value in node.value if key.value == part]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int):
            matches = [(value, value) for value in node.value[part : part + 1]]
        else:
            matches = []
        if not matches:
            return depth, line
        at, node = matches[0]
        line = _line(at)
    return len(path), line


def _compose(text: str, loader: Any) -> Any:
    """Make the tree of nodes; libyaml's own recursion must not meet a deep one."""
    depth = 0
    for event in yaml.parse(text, Loader=_SafeLoader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > _DEEPEST:
                raise StrictError(_line(event), _TOO_DEEP)
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
    return loader.get_single_node()


_TOO_DEEP = f"found values nested more than {_DEEPEST}-fold; allowed: {_DEEPEST}"


@dataclass
class _Nodes:
    """Nodes that were looked at, with the number of their values and their depth."""

    loader: Any
    # None: a node whose values are being looked at.
    known: dict[int, tuple[int, int] | None] = field(default_factory=dict)

    def measure(self, node: Any) -> tuple[int, int]:
        """Check a node and all that it holds; give how many values that is, and how deep."""
        if id(node) in self.known:
            size = self.known[id(node)]
            if size is None:
                raise StrictError(_line(node), "found a value that contains itself (an alias)")
            return size
        self.known[id(node)] = None
        if isinstance(node, yaml.ScalarNode):
            self._check_scalar(node)
            size = 1, 0
        else:
            size = self._measure_collection(node)
        self.known[id(node)] = size
        return size

    def _measure_collection(self, node: Any) -> tuple[int, int]:
        if node.tag not in _COLLECTIONS:
            raise StrictError(_line(node), f"found the tag {_name(node.tag)}; allowed: no tags")
        children = node.value
        if isinstance(node, yaml.MappingNode):
            _check_keys(node)
            children = [value for _, value in children]
        sizes = [self.measure(child) for child in children]
        values = 1 + sum(size for size, _ in sizes)
        depth = 1 + max((depth for _, depth in sizes), default=0)
        if depth > _DEEPEST:
            raise StrictError(_line(node), _TOO_DEEP)
        if values > _MOST_VALUES:
            raise StrictError(
                _line(node), f"found more than {_MOST_VALUES} values; allowed: {_MOST_VALUES}"
            )
        return values, depth

    def _check_scalar(self, node: Any) -> None:
        text, line = node.value, _line(node)
        plain = self.loader.resolve(yaml.ScalarNode, text, (True, False))
        if node.tag not in _SCALARS or node.tag not in (plain, f"{_TAG}str"):
            what = f"{shortened(text)}, a {_name(node.tag)}"
            raise StrictError(line, f"found {what}; allowed: in quotes, if it is a text")
        if node.tag not in (f"{_TAG}int", f"{_TAG}float"):
            return
        if ":" in text:
            raise _not_decimal(line, text, "base 60")
        if node.tag == f"{_TAG}int" and not _DECIMAL.fullmatch(text):
            kind = {"x": "base 16", "b": "base 2"}.get(text.lstrip("+-")[1:2], "base 8")
            raise _not_decimal(line, text, kind)
        if node.tag == f"{_TAG}int" and len(text) > _MOST_DIGITS:
            raise StrictError(
                line, f"found a number of {len(text)} digits; allowed: {_MOST_DIGITS}"
            )


def _check_keys(node: Any) -> None:
    """Each key is a text, and there once."""
    lines: dict[str, int] = {}
    for key, _ in node.value:
        if not isinstance(key, yaml.ScalarNode) or key.tag not in (f"{_TAG}str", f"{_TAG}merge"):
            what = shortened(key.value) if isinstance(key, yaml.ScalarNode) else "a list or mapping"
            raise StrictError(
                _line(key), f"found the key {what or 'null'} ({_name(key.tag)}); allowed: texts"
            )
        if key.value in lines:
            raise StrictError(
                _line(key),
                f"found the key {shortened(key.value)!r} again, which is on line "
                f"{lines[key.value]} already; allowed: once",
            )
        lines[key.value] = _line(key)


def shortened(text: str, most: int = 80) -> str:
    """Cut a text for a message.

    Examples
    --------
    >>> shortened("123456789", 5)
    '1234…'
    """
    return text if len(text) <= most else text[: most - 1] + "…"


def _not_decimal(line: int, text: str, kind: str) -> StrictError:
    return StrictError(
        line,
        f"found {shortened(text)}, which YAML reads in {kind}; allowed: decimal digits without "
        "a leading 0, or quotes around a text",
    )


def _name(tag: str) -> str:
    return tag.removeprefix(_TAG)


def _line(node: Any) -> int:
    return int(node.start_mark.line) + 1
