"""Read YAML, check it against a schema, find the files it names; one clear message per mistake."""

import os
from collections.abc import Iterable, Iterator, Mapping
from math import isfinite
from pathlib import Path
from typing import Any

import yaml

from zeptobarn.support.shipped import shipped

# libyaml's, where PyYAML has it: every job of a study reads its configuration.
_SafeLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class ConfigError(ValueError):
    """A configuration or input file holds something it may not; the message says where."""


def read_yaml(path: str | Path) -> Any:
    """Read a YAML file with the safe loader.

    Raises
    ------
    ConfigError
        The file is missing, not readable or not YAML; the message names the line.
    """
    path = Path(path)
    try:
        return _SafeLoader(path.read_text(encoding="utf-8")).get_single_data()
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


def validate(content: Any, schema: str, origin: str) -> None:
    """Check a configuration against a JSON schema written in YAML.

    Parameters
    ----------
    content
        What was read.
    schema
        ``config`` or ``detector``: one of the shipped schemas.
    origin
        File name to put into the message.

    Raises
    ------
    ConfigError
        With the file, the key, what was found and what is allowed.
    """
    from jsonschema import Draft202012Validator

    if not isinstance(content, Mapping):
        raise ConfigError(f"{origin}: found {content!r}; allowed: keys with values")
    for key, value in _leaves(content):
        if isinstance(value, float) and not isfinite(value):
            raise ConfigError(f"{origin}: {key}: found {value}; allowed: finite numbers")

    file = shipped() / f"config/schemas/{schema}.schema.yaml"
    validator = Draft202012Validator(read_yaml(file))
    errors = sorted(validator.iter_errors(content), key=lambda error: list(map(str, error.path)))
    if errors:
        # Conditions of a schema may find the same mistake more than once.
        messages = dict.fromkeys(f"{origin}: {_explain(error)}" for error in errors)
        raise ConfigError("\n".join(messages))


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
    places = [*dict.fromkeys(folder.resolve() for folder in folders), shipped()]
    for place in places:
        found = place / path
        if found.is_file():
            here = Path.cwd()
            return found.relative_to(here) if found.is_relative_to(here) else found
    looked = ", ".join(os.path.relpath(place) for place in places)
    raise ConfigError(f"no file {path}; looked for below: {looked}")


def _explain(error: Any) -> str:
    key = _key(error.absolute_path) or "top level"
    found = error.instance
    description = error.schema.get("description", "") if isinstance(error.schema, Mapping) else ""
    meaning = f" ({description.rstrip('.')})" if description else ""
    match error.validator:
        case "additionalProperties":
            known = sorted(error.schema.get("properties", {}))
            unknown = sorted(set(found) - set(known), key=str)
            return (
                f"{key}: unknown key {', '.join(map(repr, unknown))}; allowed: {', '.join(known)}"
            )
        case "required":
            missing = [name for name in error.validator_value if name not in found]
            return f"{key}: missing key {', '.join(map(repr, missing))}"
        case "enum":
            return f"{key}: found {found!r}; allowed: {', '.join(map(str, error.validator_value))}"
        case "type" if isinstance(found, str) and _looks_like_number(found):
            return (
                f"{key}: found the text {found!r}: YAML reads a number with an exponent only when "
                f"it has a point and a sign, e.g. 1.0e-45{meaning}"
            )
        case "type":
            return f"{key}: found {found!r}; allowed: {error.validator_value}{meaning}"
        case "minimum" | "exclusiveMinimum" | "maximum" | "exclusiveMaximum":
            sign = {
                "minimum": "≥",
                "exclusiveMinimum": ">",
                "maximum": "≤",
                "exclusiveMaximum": "<",
            }[error.validator]
            return f"{key}: found {found!r}; allowed: {sign} {error.validator_value}{meaning}"
        case _:
            return f"{key}: {error.message}{meaning}"


def _leaves(content: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str, Any]]:
    if isinstance(content, Mapping | list):
        pairs = content.items() if isinstance(content, Mapping) else enumerate(content)
        for key, value in pairs:
            yield from _leaves(value, (*path, key))
    else:
        yield _key(path), content


def _key(path: Iterable[str | int]) -> str:
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def _looks_like_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
