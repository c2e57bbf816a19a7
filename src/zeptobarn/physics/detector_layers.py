"""A detector file and the files that it starts from, merged; and which of them says what.

A file whose ``base`` names another holds only what differs. Mappings are merged key by key and
lists are replaced; sources are merged by their names. A key that the file gives as ``null`` is
taken out, and one that rules out another of the base takes its place.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zeptobarn.physics.conventions import ALTERNATIVES
from zeptobarn.physics.expectation import OTHER_NORMALISATIONS
from zeptobarn.support.config import ConfigError, read_yaml
from zeptobarn.support.shipped import names_of_detectors, shipped
from zeptobarn.support.strict_yaml import line_of, shortened

KeyPath = Sequence[str | int]

# Each is one thing: a polynomial or a map, never parts of both.
_WHOLE = ("s1_relative_light_yield", "s2_relative_light_yield")
# What a key of a source takes the place of, where the base's source does not have that key: a
# source is one kind of thing, one key says how many events it has, and one how well that is known.
_MULTIPLIER = ("rate_multiplier",)
_RECOILS, _FORMULA, _TEMPLATE = (("recoil",), ("spectrum",), ("n_events",)), "formula", "template"
_SOURCE_REPLACES: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "rate": (("uncertainty",),),
    "uncertainty": (("rate",),),
    "spectrum": ((_FORMULA,), (_TEMPLATE,), _MULTIPLIER),
    _FORMULA: (*_RECOILS, (_TEMPLATE,), _MULTIPLIER),
    _TEMPLATE: (*_RECOILS, (_FORMULA,), _MULTIPLIER),
    "expected_events": OTHER_NORMALISATIONS,
}
_NAME = re.compile(r"[a-z][a-z0-9_]{0,59}")
_KEY = re.compile(r"(?:[A-Za-z]\w*(?:\[\d+\])*)(?:\.[A-Za-z]\w*(?:\[\d+\])*)*")


@dataclass(frozen=True)
class Layer:
    """A file of a chain, as it stands."""

    file: Path
    content: Mapping[str, Any]


@dataclass(frozen=True)
class Layers:
    """What a detector file says together with its bases.

    Attributes
    ----------
    settings
        All layers merged.
    layers
        The files, the outermost base first and the detector's own file last.
    """

    settings: dict[str, Any]
    layers: tuple[Layer, ...]

    def place(self, path: KeyPath) -> str:
        """Name file and line of the value at a path into the settings; empty if no file has it."""
        holder = self._holder(path)
        if holder is None:
            return ""
        layer, own_path = holder
        whose = "" if layer is self.layers[-1] else f" (base of {self.layers[-1].file.name})"
        return _line(layer, own_path) + whose

    def folders(self, path: KeyPath) -> list[Path]:
        """Give the folders that a file's name, which stands at a path, may be relative to.

        That of the layer that says it, and the one that holds its ``config/detectors``.
        """
        holder = self._holder(path)
        file = (self.layers[-1] if holder is None else holder[0]).file
        return [file.parent, *list(file.resolve().parents)[2:3]]

    def placed(self, error: ConfigError, origin: str) -> ConfigError:
        """Put file and line into a message that begins with the origin and a key.

        Only where there are several files: a message about one has its key.
        """
        prefix, message = f"{origin}: ", str(error)
        rest = message.removeprefix(prefix)
        if len(self.layers) < 2 or rest == message or not (key := _KEY.match(rest)):
            return error
        place = self.place(_parts(key[0]))
        return ConfigError(f"{place}: {rest}") if place else error

    def _holder(self, path: KeyPath) -> tuple[Layer, KeyPath] | None:
        """Give the last layer that says most of a path, and its own path to it."""
        best: tuple[int, Layer, KeyPath] | None = None
        for layer in self.layers:
            own_path = self._in_layer(layer, path)
            depth = _depth(layer.content, own_path)
            if depth >= max(best[0] if best else 1, 1):
                best = depth, layer, own_path
        return None if best is None else best[1:]

    def _in_layer(self, layer: Layer, path: KeyPath) -> KeyPath:
        """Translate the index of a source to its index in a layer, by its name."""
        sources = self.settings.get("sources")
        if len(path) < 2 or path[0] != "sources" or not isinstance(sources, list):
            return path
        index = path[1]
        if not isinstance(index, int) or not 0 <= index < len(sources):
            return path
        names = _names(layer.content.get("sources"))
        name = _name(sources[index])
        own = names.index(name) if name in names else len(names)
        return [path[0], own, *path[2:]]


def read_layers(file: str | Path) -> Layers:
    """Read a detector file and all that it starts from.

    Parameters
    ----------
    file
        The detector's file. A ``base`` is the name of a file beside it, or of a shipped detector.

    Raises
    ------
    ConfigError
        A file cannot be read or is no mapping, a base is not there or the bases form a circle, or
        a file changes what its base does not have; the message names file and line.
    """
    layers = _chain(Path(file))
    settings: dict[str, Any] = dict(layers[0].content)
    _refuse_removals(layers[0])
    for layer in layers[1:]:
        unit = settings.get("area_unit")
        settings = _merged(settings, layer)
        if unit is not None and settings.get("area_unit", unit) != unit:
            _refuse_areas_of_base(settings, unit, layer)
    return Layers(settings, tuple(layers))


def _chain(file: Path) -> list[Layer]:
    """Read a file and its bases, the outermost base first."""
    layers: list[Layer] = []
    while True:
        content = read_yaml(file)
        if not isinstance(content, Mapping):
            found = shortened(repr(content))
            raise ConfigError(f"{file}: found {found}; allowed: keys with values")
        layers.insert(0, Layer(file, content))
        if "base" not in content:
            return layers
        file = _base_file(layers[0], content["base"])
        if any(file.resolve() == layer.file.resolve() for layer in layers):
            names = " → ".join(layer.file.stem for layer in reversed(layers))
            raise ConfigError(
                f"{_line(layers[0], ['base'])}: base: found {content['base']}, in a circle: "
                f"{names} → {file.stem}; allowed: a chain that ends"
            )


def _base_file(layer: Layer, base: Any) -> Path:
    """Find a base: beside the file that names it, or shipped; never the file itself."""
    if isinstance(base, str) and _NAME.fullmatch(base):
        beside = layer.file.parent / f"{base}.yaml"
        for candidate in (beside, shipped() / f"config/detectors/{base}.yaml"):
            if candidate.is_file() and candidate.resolve() != layer.file.resolve():
                return candidate
        if beside.resolve() == layer.file.resolve():
            return beside
    raise ConfigError(
        f"{_line(layer, ['base'])}: base: found {shortened(repr(base))}; allowed: the name of a "
        f"detector file beside {layer.file.name}, or one of {', '.join(names_of_detectors())}"
    )


def _merged(settings: Mapping[str, Any], layer: Layer) -> dict[str, Any]:
    """Put a file onto what it starts from."""
    kept = dict(settings)
    own = dict(layer.content)
    for group in ALTERNATIVES:
        if any(key in own and own[key] is not None for key in group):
            for key in group:
                if key not in own:
                    kept.pop(key, None)
    sources = own.pop("sources", None)
    merged = _overlaid(kept, own, layer, [])
    if "sources" in layer.content:
        merged["sources"] = _merged_sources(kept.get("sources"), sources, layer)
    return merged


def _overlaid(
    base: Mapping[str, Any], own: Mapping[str, Any], layer: Layer, path: list[str | int]
) -> dict[str, Any]:
    """Merge two mappings key by key; ``null`` takes a key out."""
    merged = dict(base)
    for key, value in own.items():
        here = [*path, key]
        if value is None:
            if key not in merged:
                raise ConfigError(
                    f"{_line(layer, here)}: {shortened(key)}: found null; allowed: where it takes "
                    "out a key that the base has"
                )
            del merged[key]
        elif _mergeable(key, merged.get(key), value):
            merged[key] = _overlaid(merged[key], value, layer, here)
        else:
            merged[key] = value
    return merged


def _mergeable(key: str, base: Any, own: Any) -> bool:
    """Whether two values are mappings of the same kind of thing."""
    if not (isinstance(base, Mapping) and isinstance(own, Mapping)) or key in _WHOLE:
        return False
    return bool(own.get("kind", base.get("kind")) == base.get("kind"))


def _merged_sources(base: Any, own: Any, layer: Layer) -> Any:
    """Merge sources by name: change those that the base has, add others, leave out."""
    if not isinstance(own, list) or not isinstance(base, list):
        return own
    merged = {_name(source): source for source in base}
    seen: list[str] = []
    for i, (name, source) in enumerate(_named(own, layer)):
        place = f"{_line(layer, ['sources', i])}: sources: {shortened(name)}"
        if name in seen:
            raise ConfigError(f"{place}: found the name again; allowed: once in a file")
        seen.append(name)
        if "remove" in source:
            if source["remove"] is not True or len(source) > 2:
                raise ConfigError(f"{place}: found remove; allowed: name and remove: true alone")
            if name not in merged:
                known = shortened(", ".join(merged), 300)
                raise ConfigError(f"{place}: found remove; the base has the sources {known}")
            del merged[name]
        elif name in merged and isinstance(merged[name], Mapping):
            merged[name] = _overlaid(
                _without_alternatives(merged[name], source), source, layer, ["sources", i]
            )
        else:
            merged[name] = dict(source)
    return list(merged.values())


def _without_alternatives(base: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out of a base's source what the keys of a file take the place of.

    A key that the file itself has stays, for the file may take it out with ``null``.
    """
    kept = dict(base)
    for key, replaced in _SOURCE_REPLACES.items():
        if key in base or own.get(key) is None:
            continue
        for *outer, last in replaced:
            holder = own.get(outer[0]) if outer else own
            if isinstance(holder, Mapping) and last in holder:
                continue
            if not outer:
                kept.pop(last, None)
            elif isinstance(kept.get(outer[0]), Mapping):
                kept[outer[0]] = {k: v for k, v in kept[outer[0]].items() if k != last}
    return kept


def _named(own: Sequence[Any], layer: Layer) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for i, source in enumerate(own):
        if not isinstance(source, Mapping) or not isinstance(source.get("name"), str):
            raise ConfigError(
                f"{_line(layer, ['sources', i])}: sources[{i}]: found no name; needed: that of a "
                "source of the base, which it changes, or of a new one"
            )
        yield source["name"], source


def _refuse_removals(layer: Layer) -> None:
    """Nothing can be left out where nothing is taken from a base."""
    sources = layer.content.get("sources")
    for i, source in enumerate(sources if isinstance(sources, list) else []):
        if isinstance(source, Mapping) and "remove" in source:
            raise ConfigError(
                f"{_line(layer, ['sources', i, 'remove'])}: sources[{i}].remove: found it in a "
                "file without a base; allowed: in one with a base"
            )


def _refuse_areas_of_base(settings: Mapping[str, Any], unit: str, layer: Layer) -> None:
    """A file that counts areas in another unit than its base says all areas itself."""
    own, kept = layer.content, []
    for key in ("s1_area_threshold", "s2_area_threshold"):
        if settings.get(key) and key not in own:
            kept.append(key)
    for axis in ("cs1", "cs2"):
        axes = own.get("analysis_space")
        given = axes.get(axis) if isinstance(axes, Mapping) else None
        if not (isinstance(given, Mapping) and {"low", "high"} <= given.keys()):
            kept.append(f"analysis_space.{axis}")
    kept += _area_tables(settings, own)
    if kept:
        raise ConfigError(
            f"{_line(layer, ['area_unit'])}: area_unit: found {own['area_unit']}, while the base "
            f"has {unit}; needed: in this file too (or taken out), since the base's are in {unit}: "
            f"{', '.join(kept)}"
        )


def _area_tables(settings: Mapping[str, Any], own: Mapping[str, Any]) -> list[str]:
    """Name efficiencies of areas, formulas and templates that a file has from its base."""
    kept = []
    efficiencies, given = settings.get("efficiencies"), own.get("efficiencies")
    for name, efficiency in efficiencies.items() if isinstance(efficiencies, Mapping) else ():
        against = efficiency.get("against") if isinstance(efficiency, Mapping) else None
        if against in ("cs1", "cs2") and not (isinstance(given, Mapping) and name in given):
            kept.append(f"efficiencies.{name}")
    sources, own_sources = settings.get("sources"), own.get("sources")
    changed = {_name(s): s for s in own_sources} if isinstance(own_sources, list) else {}
    for source in sources if isinstance(sources, list) else []:
        if not isinstance(source, Mapping) or source.get("rate_multiplier") == 0:
            continue
        for kind in (_FORMULA, _TEMPLATE):
            if kind in source and kind not in changed.get(_name(source), {}):
                kept.append(f"source {_name(source)}")
    return kept


def _names(sources: Any) -> list[Any]:
    return [_name(source) for source in sources] if isinstance(sources, list) else []


def _name(source: Any) -> str:
    """Name of a source; what has none is no source's name."""
    name = source.get("name") if isinstance(source, Mapping) else None
    return name if isinstance(name, str) else f"({source!r})"


def _depth(content: Any, path: KeyPath) -> int:
    """How many keys and indices of a path lead to something."""
    for depth, part in enumerate(path):
        known = isinstance(content, Mapping) and part in content
        if isinstance(content, list) and isinstance(part, int):
            known = part < len(content)
        if not known:
            return depth
        content = content[part]
    return len(path)


def _line(layer: Layer, path: KeyPath) -> str:
    text = layer.file.read_text(encoding="utf-8")
    return f"{layer.file}, line {line_of(text, list(path))[1]}"


def _parts(key: str) -> list[str | int]:
    """Split a key as messages have it into its parts.

    Examples
    --------
    >>> _parts("sources[2].spectrum.range_keV")
    ['sources', 2, 'spectrum', 'range_keV']
    """
    parts = re.findall(r"\[(\d+)\]|(\w+)", key)
    return [int(index) if index else name for index, name in parts]
