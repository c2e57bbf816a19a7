"""Read YAML, check it against a schema, find the files it names; one clear message per mistake."""

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from functools import partial
from math import isfinite
from pathlib import Path
from typing import Any

import yaml

from zeptobarn.support.shipped import shipped
from zeptobarn.support.strict_yaml import StrictError, line_of, parse, shortened

# A longer message is cut.
_MOST_LETTERS = 1000
# Of a file, in bytes.
LONGEST_NAME = 255


class ConfigError(ValueError):
    """A configuration or input file holds something it may not; the message says where."""


def read_yaml(path: str | Path) -> Any:
    """Read a YAML file, strictly: see `zeptobarn.support.strict_yaml`.

    Raises
    ------
    ConfigError
        The file is missing, not readable, not YAML, or not unmistakable; the message names the
        line.
    """
    path = Path(path)
    try:
        return parse(path.read_text(encoding="utf-8"))
    except StrictError as error:
        raise ConfigError(f"{path}, line {error.line}: {error}") from None
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file") from None
    except OSError as error:
        raise ConfigError(f"{path}: not readable: {error.strerror}") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise ConfigError(f"{path}{place}: not valid YAML: {error.problem}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not valid YAML in UTF-8: {error}") from None


def validate(
    content: Any,
    schema: str,
    origin: str,
    files: Sequence[str | Path] = (),
    place: Callable[[list[str | int]], str] | None = None,
) -> None:
    """Check a configuration against a JSON schema written in YAML.

    Parameters
    ----------
    content
        What was read.
    schema
        ``config`` or ``detector``: one of the shipped schemas.
    origin
        File name to put into the message.
    files
        Those that the content is merged from, if the message is to say which of them, and where.
    place
        Says it where files are merged in another way: file and line of the value at a path.

    Raises
    ------
    ConfigError
        With the file, the key, what was found and what is allowed.
    """
    if not isinstance(content, Mapping):
        raise ConfigError(f"{origin}: found {_shown(content)}; allowed: keys with values")
    place = place or partial(_place, files)
    for path, value in _leaves(content):
        if isinstance(value, int | float) and not _finite(value):
            where = place(path) or origin
            raise ConfigError(
                f"{where}: {_key(path)}: found {_shown(value)}; allowed: finite numbers"
            )
    errors = sorted(_errors(content, _schema(schema)), key=lambda e: list(map(str, e.path)))
    if errors:
        # Conditions of a schema may find the same mistake more than once.
        messages = dict.fromkeys(f"{place(_path(e)) or origin}: {_explain(e)}" for e in errors)
        raise ConfigError(_joined(list(messages)))


def allowed(value: Any, schema: str, key: str) -> str:
    """Say what a schema allows of a key, if a value is not; else nothing.

    Examples
    --------
    >>> allowed(1.2, "detector", "g1"), allowed(0.1, "detector", "g1")
    ('≤ 1', '')
    """
    errors = list(_errors(value, _schema(schema)["properties"][key]))
    return _allowed(errors[0]) if errors else ""


def _schema(name: str) -> dict[str, Any]:
    schema: dict[str, Any] = read_yaml(shipped() / f"config/schemas/{name}.schema.yaml")
    return schema


def _errors(content: Any, schema: Mapping[str, Any]) -> Iterator[Any]:
    """Find mistakes; a whole number is written without a point (1.0 would be another result)."""
    from jsonschema import Draft202012Validator
    from jsonschema.validators import extend

    checker = Draft202012Validator.TYPE_CHECKER.redefine(
        "integer", lambda _, value: isinstance(value, int) and not isinstance(value, bool)
    )
    strict: Any = extend(Draft202012Validator, type_checker=checker)  # type: ignore[no-untyped-call]
    errors: Iterator[Any] = strict(schema).iter_errors(content)
    return errors


def _path(error: Any) -> list[str | int]:
    """Give the path to what is wrong: of unknown keys, to the first of them."""
    path = list(error.absolute_path)
    if error.validator == "additionalProperties":
        path += sorted(set(error.instance) - set(error.schema.get("properties", {})), key=str)[:1]
    return path


def _place(files: Sequence[str | Path], path: list[str | int]) -> str:
    """Name file and line of the value at a path: of the last file that says most of it."""
    best, place = 0, ""
    for file in files:
        try:
            depth, line = line_of(Path(file).read_text(encoding="utf-8"), path)
        except (OSError, ValueError, yaml.YAMLError):
            # What cannot be read has been said, or is not to hide another message.
            continue
        if depth >= max(best, 1):
            best, place = depth, f"{file}, line {line}"
    return place


def _joined(messages: list[str]) -> str:
    """Join messages as far as there is room."""
    text, most = "", _MOST_LETTERS - (50 if len(messages) > 1 else 0)
    for i, message in enumerate(messages):
        if text and len(text) + len(message) > most:
            left = len(messages) - i
            return f"{text}\n… and {left} more mistake{'s' if left > 1 else ''}"
        text += ("\n" if text else "") + shortened(message, most)
    return text


def find_input(path: str | Path, folders: Iterable[Path]) -> Path:
    """Find a file that a configuration names.

    Parameters
    ----------
    path
        As it is written there.
    folders
        What it may be relative to, before the shipped files.

    Returns
    -------
    The first that exists, relative to the working directory where it lies below that.

    Raises
    ------
    ConfigError
        None does; the message names the folders.
    """
    places = list(dict.fromkeys(folder.resolve() for folder in [*folders, shipped()]))
    if len(os.fsencode(Path(path).name)) > LONGEST_NAME:
        raise ConfigError(f"no file {shortened(str(path))}: the name is too long")
    for place in places:
        candidate = place / path
        if candidate.is_dir():
            raise ConfigError(
                f"no file {path}: found the folder {os.path.relpath(candidate)}; needed: a file"
            )
        if candidate.is_file():
            here = Path.cwd()
            return candidate.relative_to(here) if candidate.is_relative_to(here) else candidate
    looked = ", ".join(os.path.relpath(place) for place in places)
    raise ConfigError(f"no file {path}; looked for below: {looked}")


def _explain(error: Any) -> str:
    key = _key(error.absolute_path) or "top level"
    value = error.instance
    description = error.schema.get("description", "") if isinstance(error.schema, Mapping) else ""
    meaning = f" ({description.rstrip('.')})" if description else ""
    match error.validator:
        case "additionalProperties":
            known = sorted(error.schema.get("properties", {}))
            unknown = sorted(set(value) - set(known), key=str)
            near = [n for name in unknown for n in get_close_matches(str(name), known, 1, 0.8)]
            meant = f" (is {', '.join(near)} meant?)" if near else ""
            return (
                f"{key}: unknown key {', '.join(map(repr, unknown))}{meant}; "
                f"allowed: {', '.join(known)}"
            )
        case "required":
            missing = [name for name in error.validator_value if name not in value]
            return f"{key}: missing key {', '.join(map(repr, missing))}"
        case "enum":
            return f"{key}: found {_shown(value)}; allowed: {_allowed(error)}"
        case "anyOf" if any(one.validator == "enum" for one in error.context):
            names = [_allowed(one) for one in error.context if one.validator == "enum"]
            names += [_allowed(one) for one in error.context if one.validator == "pattern"]
            return f"{key}: found {_shown(value)}; allowed: {', '.join(names)}{meaning}"
        case "type" if isinstance(value, str) and _looks_like_number(value):
            why = (
                "YAML reads a number with an exponent only when it has a point and a sign, e.g. "
                "1.0e-45"
                if "e" in value.lower()
                else "a number has no quotes and no leading 0"
            )
            return f"{key}: found the text {_shown(value)}: {why}{meaning}"
        case "maxItems" | "maxProperties" | "maxLength":
            of = "letters" if error.validator == "maxLength" else "values"
            return f"{key}: found {len(value)} {of}; allowed: {_allowed(error)}{meaning}"
        case "uniqueItems":
            return f"{key}: found {_shown(value)}; allowed: each once{meaning}"
        case _ if error.validator in _SIGNS or error.validator in ("type", "pattern"):
            return f"{key}: found {_shown(value)}; allowed: {_allowed(error)}{meaning}"
        case _:
            return f"{key}: {shortened(error.message, 300)}{meaning}"


_SIGNS: Mapping[str, str] = {
    "minimum": "≥ ",
    "exclusiveMinimum": "> ",
    "maximum": "≤ ",
    "exclusiveMaximum": "< ",
    "maxItems": "≤ ",
    "maxProperties": "≤ ",
    "maxLength": "≤ ",
}


# The patterns of the schemas, in words.
PATTERNS: Mapping[str, str] = {
    r"^[a-z][a-z0-9_]*$": "small letters, digits and _, a letter first",
    r"^[a-z][a-z0-9]*(_[a-z0-9]+)*$": "small letters, digits and single _ between them",
    r"^(efficiency|charge_ratio)_[a-z][a-z0-9_]*$": "efficiency_NAME, charge_ratio_NAME",
    r"^[A-Za-z0-9][A-Za-z0-9_.-]*$": "letters, digits, _, . and -, a letter or digit first",
    r"^#[0-9A-Fa-f]{6}$": "a colour such as #D55E00",
    r"^[^\x00]*$": "text without the character of code 0",
}


def _allowed(error: Any) -> str:
    value = error.validator_value
    if error.validator == "pattern":
        return PATTERNS[value]
    if isinstance(value, list):
        return ", ".join(map(str, value))
    shown = f"{value:g}" if isinstance(value, float) else value
    return f"{_SIGNS.get(error.validator, '')}{shown}"


def _shown(value: Any) -> str:
    """Show a value in a message; Python itself refuses to print some whole numbers."""
    if isinstance(value, int) and value.bit_length() > 1000:
        return f"a number of {value.bit_length()} bits"
    try:
        return shortened(repr(value), 200)
    except (ValueError, RecursionError):
        return f"a {type(value).__name__} that is too large to show"


def _finite(value: float) -> bool:
    try:
        return isfinite(value)
    except OverflowError:
        return False


def _leaves(
    content: Any, path: list[str | int] | None = None
) -> Iterator[tuple[list[str | int], Any]]:
    path = path or []
    if isinstance(content, Mapping | list):
        pairs = content.items() if isinstance(content, Mapping) else enumerate(content)
        for key, value in pairs:
            yield from _leaves(value, [*path, key])
    else:
        yield path, content


def _key(path: Iterable[str | int]) -> str:
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def _looks_like_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
