"""Which code a Python file can run, and its hash: results and kernels follow their source.

Imports are followed through this package on the syntax tree, those inside functions included, so
nothing needs to be listed by hand. What never runs is left out: comments, docstrings, and what is
imported for type checkers alone. What a file says is remembered in the user's cache folder under a
hash of its text: to parse all files takes longer than most jobs of a small study.

Examples
--------
>>> reached(PACKAGE / "support/streams.py")
['zeptobarn', 'zeptobarn.support', 'zeptobarn.support.streams']
>>> code_of(PACKAGE / "support/streams.py") == code_of(PACKAGE / "support/streams.py")
True
"""

import ast
import hashlib
import json
import sys
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from zeptobarn.support.cache import cache_folder, warn_once

PACKAGE = Path(__file__).resolve().parents[1]


def code_of(file: str | Path) -> str:
    """Hash what a file can run: its own code, and that of all modules of this package it reaches.

    Parameters
    ----------
    file
        A script of the workflow, or a module of this package.

    Returns
    -------
    16 hexadecimal digits, the same wherever the file and the package lie.

    Raises
    ------
    ImportError
        An import cannot be followed, because its name is not written there.
    """
    hasher = hashlib.sha256()
    for name, code in sorted(_closure(Path(file).resolve()).items()):
        hasher.update(f"{name}\n{code}\n".encode())
    return hasher.hexdigest()[:16]


def reached(file: str | Path) -> list[str]:
    """Name the modules of this package that a file imports, at any depth, itself included.

    Raises
    ------
    ImportError
        See `code_of`.
    """
    return sorted(name for name in _closure(Path(file).resolve()) if name)


def _closure(file: Path) -> dict[str, str]:
    """Hash of its code by module name; a file outside the package has an empty name."""
    hashes: dict[str, str] = {}
    left = {_name(file): file} | {name: _path(name) for name in _packages(_name(file))}
    known = len(_memory())
    while left:
        name, path = left.popitem()
        hashes[name], modules = _read(path, name, path.stat().st_mtime_ns)
        left |= {module: _path(module) for module in modules if module not in hashes}
    if len(_memory()) > known:
        _keep(_memory())
    return hashes


def _name(file: Path) -> str:
    if not file.is_relative_to(PACKAGE):
        return ""
    parts = (PACKAGE.name, *file.relative_to(PACKAGE).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _path(module: str) -> Path:
    place = PACKAGE.joinpath(*module.split(".")[1:])
    return place / "__init__.py" if place.is_dir() else place.with_suffix(".py")


@cache
def _read(path: Path, name: str, _modified: int) -> tuple[str, tuple[str, ...]]:
    """Hash of a file's code without what never runs, and the modules that it imports itself."""
    package = name if path.stem == "__init__" else name.rpartition(".")[0]
    text = path.read_bytes()
    key = hashlib.sha256(f"{package}\n".encode() + text).hexdigest()
    try:
        if key not in _memory():
            tree = ast.parse(text)
            tree.body = _running(tree.body)
            code = hashlib.sha256(ast.unparse(tree).encode()).hexdigest()
            _memory()[key] = code, list(_imports(tree, package))
        code, imports = _memory()[key]
        modules = [m for place in imports for m in _modules(*place)]
    except ImportError as error:
        raise ImportError(f"{path}: {error}") from None
    return code, tuple(dict.fromkeys(modules))


@cache
def _memory() -> dict[str, tuple[str, list[tuple[str, str]]]]:
    """Hash of the code and imports of every file that was read, by a hash of its text."""
    try:
        kept = json.loads(_file().read_text(encoding="utf-8"))
        return dict(kept["files"]) if kept["sum"] == _sum(kept["files"]) else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _keep(memory: dict[str, tuple[str, list[tuple[str, str]]]]) -> None:
    try:
        with tempfile.NamedTemporaryFile(
            "w", dir=_file().parent, encoding="utf-8", delete=False
        ) as file:
            json.dump({"sum": _sum(memory), "files": memory}, file)
        Path(file.name).replace(_file())
    except OSError as error:
        warn_once(f"what the source says is not kept in {_file()}: {error.strerror}")


def _sum(memory: Any) -> str:
    return hashlib.sha256(json.dumps(memory, sort_keys=True).encode()).hexdigest()


@cache
def _file() -> Path:
    """Of this version of Python, which writes the code, and of this module."""
    version = f"{sys.version}\n".encode() + Path(__file__).read_bytes()
    return cache_folder("source") / f"{hashlib.sha256(version).hexdigest()[:16]}.json"


def _running(body: list[Any]) -> list[Any]:
    """Statements without strings that stand alone, and without what only type checkers read."""
    statements = []
    for node in body:
        match node:
            case ast.Expr(ast.Constant(str())):
                continue
            case ast.If(ast.Name("TYPE_CHECKING") | ast.Attribute(attr="TYPE_CHECKING")):
                statements += _running(node.orelse)
                continue
        for block in ("body", "orelse", "finalbody", "handlers", "cases"):
            if isinstance(inner := getattr(node, block, None), list):
                setattr(node, block, _running(inner))
        statements.append(node)
    return statements


def _imports(tree: ast.Module, package: str) -> Iterator[tuple[str, str]]:
    """Modules that are imported, and the names from them (none where it is the module alone)."""
    for statement in tree.body:
        # It runs for names that are imported from the package itself: `_modules` refuses them.
        if isinstance(statement, ast.FunctionDef) and statement.name == "__getattr__":
            continue
        for node in ast.walk(statement):
            match node:
                case ast.Import(names):
                    yield from ((alias.name, "") for alias in names)
                case ast.ImportFrom(module, names, level):
                    above = package.split(".")[: package.count(".") + 2 - level] if level else []
                    base = ".".join([*above, *([module] if module else [])])
                    yield from ((base, "" if alias.name == "*" else alias.name) for alias in names)
                case ast.Call(
                    ast.Name("import_module" | "__import__") | ast.Attribute(attr="import_module"),
                    [argument, *_],
                ):
                    if not isinstance(argument, ast.Constant):
                        raise ImportError(f"import {ast.unparse(argument)} by a name written out")
                    yield str(argument.value), ""


def _modules(module: str, name: str) -> Iterator[str]:
    """What runs when a name is imported from a module: it, and the packages that it lies in."""
    if module.partition(".")[0] != PACKAGE.name:
        return
    if name and _path(f"{module}.{name}").exists():
        module = f"{module}.{name}"
    if module == PACKAGE.name:
        # Its names come from other modules when they are first used: no import says which.
        raise ImportError(f"import {name or module} from the module that defines it")
    if not _path(module).exists():
        raise ImportError(f"there is no module {module}")
    yield module
    yield from _packages(module)


def _packages(module: str) -> Iterator[str]:
    """Packages that a module lies in: they run before it."""
    while module := module.rpartition(".")[0]:
        yield module
