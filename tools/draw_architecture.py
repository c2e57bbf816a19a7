"""Write the floors of the package into docs/architecture.md: `make architecture`.

Two tables: how many imports go from each floor to each other, which fill the upper right triangle
alone, and the modules of each.
"""

import sys
from collections import Counter
from pathlib import Path

import grimp

ROOT = Path(__file__).parents[1]
FILE = ROOT / "docs/architecture.md"
# From the top; `pyproject.toml` holds the same order as a contract.
FLOORS = (
    "cli",
    "figures",
    "failures",
    "summary",
    "inference",
    "templates",
    "study",
    "physics",
    "support",
)
BEGIN, END = "<!-- floors -->\n", "<!-- end of floors -->\n"


def tables() -> str:
    """Count imports between floors, and list the modules of each, as Markdown."""
    graph = grimp.build_graph("zeptobarn", cache_dir=None)
    modules: dict[str, list[str]] = {floor: [] for floor in FLOORS}
    arrows: Counter[tuple[str, str]] = Counter()
    for module in sorted(graph.modules):
        _, _, inner = module.partition(".")
        floor, _, name = inner.partition(".")
        if not name:
            continue
        if not graph.find_children(module):
            modules[floor].append(name)
        for other in graph.find_modules_directly_imported_by(module):
            other_floor = other.split(".")[1] if "." in other else ""
            if other_floor and other_floor != floor:
                arrows[floor, other_floor] += 1
    heads = ["imports from", *FLOORS[1:]]
    lines = [f"| {' | '.join(heads)} |", "| --- |" + " ---: |" * (len(heads) - 1)]
    for upper in FLOORS[:-1]:
        counts = [str(arrows[upper, lower] or "") for lower in FLOORS[1:]]
        lines.append(f"| `{upper}` | {' | '.join(counts)} |")
    lines += ["", "| floor | modules | what it is |", "| --- | --- | --- |"]
    for floor in FLOORS:
        folder = ROOT / "src/zeptobarn" / floor
        first = (folder / "__init__.py").read_text(encoding="utf-8").splitlines()[0]
        names = ", ".join(f"`{name}`" for name in modules[floor])
        lines.append(f"| `{floor}` | {names} | {first.strip(chr(34))} |")
    return "\n".join(lines) + "\n"


def written(text: str) -> str:
    """Put the tables in their place."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return before + BEGIN + tables() + END + after


def main() -> None:
    """Write the file, or with --check fail where it is not up to date."""
    text = FILE.read_text(encoding="utf-8")
    if "--check" in sys.argv:
        sys.exit(0 if written(text) == text else f"{FILE}: run `make architecture`")
    FILE.write_text(written(text), encoding="utf-8")


if __name__ == "__main__":
    main()
