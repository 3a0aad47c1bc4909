"""How the code is divided: rooms of recsys and their imports, class names, the longest files.

    python -m benchmarks.rooms [CHECKOUT]

A room is a module or package directly below recsys. Its floor is 1 where it imports no other room,
else one above the highest that it imports; an arrow is a room that imports another.
"""

from __future__ import annotations

import ast
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

PACKAGES = ("earshot", "encoders", "index", "recsys", "scripts", "webui")


def imported_rooms(path: Path) -> Iterator[str]:
    """Give the rooms of recsys that a module imports."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module:
            top, _, rest = node.module.partition(".")
            if top == "recsys":
                yield from [rest.split(".")[0]] if rest else (name.name for name in node.names)


def rooms(checkout: Path) -> dict[str, set[str]]:
    """Return the rooms of recsys, each with those that it imports."""
    imports: defaultdict[str, set[str]] = defaultdict(set)
    for path in sorted((checkout / "recsys").rglob("*.py")):
        room = path.relative_to(checkout / "recsys").parts[0].removesuffix(".py")
        if room != "__init__":
            imports[room] |= set(imported_rooms(path)) - {room}
    return dict(imports)


def main() -> None:
    """Print the figures."""
    checkout = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[1]
    arrows = rooms(checkout)
    floors: dict[str, int] = {}
    for room in TopologicalSorter(arrows).static_order():  # raises CycleError for a circle
        floors[room] = 1 + max((floors[other] for other in arrows[room]), default=0)
    print(f"{len(arrows)} rooms on {max(floors.values())} floors, ", end="")
    print(f"{sum(map(len, arrows.values()))} arrows, no circle")
    paths = [path for package in PACKAGES for path in (checkout / package).rglob("*.py")]
    names = Counter[str]()
    for path in paths:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        names.update({node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef)})
    shared = sorted(name for name, n_modules in names.items() if n_modules > 1)
    print(f"{len(shared)} class names in two or more modules: {', '.join(shared)}")
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in paths}
    for path, n_lines in sorted(lengths.items(), key=lambda pair: -pair[1])[:5]:
        print(f"{n_lines} lines: {path.relative_to(checkout)}")


if __name__ == "__main__":
    main()
