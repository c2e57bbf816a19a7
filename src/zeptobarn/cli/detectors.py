"""Commands about detector files: what follows from one, and a new one with comments."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from zeptobarn.support.config import ConfigError, read_yaml
from zeptobarn.support.shipped import shipped
from zeptobarn.support.tables import whole

# WIMPs that are counted (GeV/c²), at 1e-45 cm².
_MASSES_GEV = [10, 50, 1000]
_NAME = re.compile(r"[a-z][a-z0-9_]{0,59}")
# The detector whose numbers a new file begins with, and the sources of it that show how.
_EXAMPLE, _SOURCES = "lz", ("er", "neutrons", "cevns_8b", "surface")
_WIDTH = 100


def check(name: str, config: Path | None, output: Path) -> None:
    """Print and draw what follows from a detector file.

    Parameters
    ----------
    name
        Of a file in ``detectors`` beside the study's, or of a shipped detector.
    config
        The study's file; the default study's if None.
    output
        The figure, ``.pdf`` or ``.png``.

    Raises
    ------
    ConfigError
        Something in the file is wrong, see `zeptobarn.physics.detector.load_detector`.
    """
    from zeptobarn.figures.detector import draw_detector
    from zeptobarn.study.loading import merge_files, study_from_settings
    from zeptobarn.summary.detector_facts import detector_facts
    from zeptobarn.templates.spectra import check_rates

    folder = config.parent if config else Path("config")
    if not (folder / f"detectors/{name}.yaml").is_file():
        folder = shipped() / "config"
    config = config or shipped() / "config/config.yaml"
    alone: dict[str, Any] = {
        "detectors": [name],
        "combined": {},
        "masses_GeV": _MASSES_GEV,
        "marked_masses_GeV": [],
        "interactions": ["SI"],
        "intervals": [{"name": "nominal"}],
        "shapes": [],
        "published": {},
    }
    study = study_from_settings(merge_files([config]) | alone, folder, str(config))
    check_rates(study)
    facts, detector = detector_facts(study, name, os.cpu_count() or 1), study.detectors[name]
    draw_detector(detector, facts, [output])
    print(f"{detector.title} ({name})\n")
    for key, value in facts.numbers.items():
        print(f"{key:18}{value}")
    print(f"{'ER leakage':18}{100 * facts.leakage:.2g} % below the median of NR (flat spectra)")
    print("\nexpected events in the livetime and the analysis space, WIMPs at 1e-45 cm²")
    for row in facts.events.to_dict("records"):
        text = f"  {row['label']:34}{row['expected_events']:>10.4g}  {row['response']}"
        print(f"{text}, {row['rate']}" if row["rate"] else text)
    print("\nshare of recoils that the analysis space holds")
    names = [str(name) for name in facts.efficiency.columns[1:]]
    print(f"  {'keV':>6}", *(f"{one:>{max(len(one), 9)}}" for one in names))
    for row in facts.efficiency.to_dict("records"):
        shares = ("–" if row[one] != row[one] else f"{row[one]:.4f}" for one in names)
        columns = zip(shares, names, strict=True)
        energy = f"{row['recoil_energy_keV']:g}"
        print(f"  {energy:>6}", *(f"{share:>{max(len(one), 9)}}" for share, one in columns))
    print(f"\n{output}")


def new_detector(name: str, folder: Path) -> Path:
    """Write a detector file with a comment on each key, from which an own one can be made.

    Its numbers are LZ's as projected.

    Parameters
    ----------
    folder
        That of detector files, made if it is not there.

    Raises
    ------
    ConfigError
        The name is not one of a detector, or there is such a file.
    """
    if not _NAME.fullmatch(name):
        raise ConfigError(
            f"new-detector: found {name!r}; allowed: lower-case letters, digits and _, beginning "
            "with a letter"
        )
    file = folder / f"{name}.yaml"
    if file.exists():
        raise ConfigError(f"{file}: found a file of that name, which is not overwritten")
    folder.mkdir(parents=True, exist_ok=True)
    with whole(file) as temporary:
        Path(temporary).write_text(commented_detector(name), encoding="utf-8")
    return file


def commented_detector(name: str) -> str:
    """Give the text of a detector file: each key of the schema with its description.

    Keys that may be left out stand in comments.
    """
    schema = read_yaml(shipped() / "config/schemas/detector.schema.yaml")
    example = read_yaml(shipped() / f"config/detectors/{_EXAMPLE}.yaml")
    example |= {"title": name.replace("_", " ")}
    example["sources"] = [s for s in example["sources"] if s["name"] in _SOURCES]
    lines = [
        f"# {name}: every number is that of LZ as projected, for you to replace. What each key",
        "# means stands above it; keys in comments may be left out. `zeptobarn check "
        f"{name}` prints",
        "# and draws what follows.",
        "#",
        "# Where only some numbers differ from another detector's, this file may be as short as",
        "#     base: lz",
        f"#     title: {name}",
        "#     livetime_day: 60",
        "# (docs/detector.md, under “A detector that starts from another”).",
    ]
    for key, described in schema["properties"].items():
        if key == "base":
            continue
        lines += ["", *_comment(described["description"])]
        if key in example:
            lines += _entry(key, example[key])
        elif "default" in described:
            lines.append(f"# {key}: {described['default']}")
        else:
            lines.append(f"# {key}:")
    return "\n".join(lines) + "\n"


def _comment(text: str) -> list[str]:
    from textwrap import wrap

    return [f"# {line}" for line in wrap(text, _WIDTH - 2)]


def _entry(key: str, value: Any) -> list[str]:
    """Write a key with its value; sources a mapping each, its own values in one line."""
    if key == "sources":
        lines = [f"{key}:"]
        for source in value:
            (first, of_first), *rest = source.items()
            lines.append(f"  - {first}: {_flow(of_first)}")
            lines += [line for name, one in rest for line in _indented(name, one)]
        return lines
    return [f"{key}: {_flow(value)}"]


def _indented(key: str, value: Any) -> list[str]:
    if isinstance(value, Mapping):
        return [f"    {key}:", *(f"      {name}: {_flow(one)}" for name, one in value.items())]
    return [f"    {key}: {_flow(value)}"]


def _flow(value: Any) -> str:
    """Write a value in one line."""
    text = yaml.safe_dump(
        value, default_flow_style=True, allow_unicode=True, sort_keys=False, width=10_000
    )
    return str(text).removesuffix("\n").removesuffix("\n...")
