"""Who may import whom."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
OURS = {"earshot", "encoders", "index", "recsys", "webui", "scripts"}
ROOMS = (  # of `recsys`, from the ground up: a room imports those above its line in this table
    {"durations", "interactions", "musical_key", "reranking", "shared_tensors", "threads"},
    {"catalog", "demo", "models"},
    {"secret_box"},
    {"accounts", "autocomplete", "home", "listens"},
    {"evaluation", "library", "playlists", "similarity", "track_map"},
    {"popularity", "tagging", "training"},
    {"recommendation"},
    {"words"},
    {"served_home"},
)
ALLOWED = {
    "encoders": set(),
    "index": set(),
    "recsys": {
        "index",
        "encoders.errors",
        "encoders.features",
        "encoders.head",
        "encoders.projection",
        "encoders.projection_views",
        "encoders.tensor_file",
        "encoders.text_encoders",
    },
    "webui": {"recsys"},
}
NEVER = {
    "encoders": {"faiss", "sqlalchemy", "flask", "implicit"},
    "index": {"torch", "sqlalchemy", "flask", "implicit"},
    "recsys": {"torch", "faiss", "flask"},
    "webui": {"torch", "faiss", "sqlalchemy", "implicit"},
}
PACKAGES = ("earshot", "encoders", "index", "recsys", "webui")


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


@pytest.mark.parametrize("package", sorted(ALLOWED))
def test_a_package_imports_only_what_is_below_it(package: str) -> None:
    for path in sorted((ROOT / package).rglob("*.py")):
        for module in imports(path):
            top = module.split(".")[0]
            assert top not in NEVER[package], f"{path} imports {module}"
            if top in OURS - {package}:
                allowed = {top, module} & ALLOWED[package]
                assert allowed, f"{path} imports {module}"


def test_the_libraries_that_implicit_needs_are_loaded_before_it() -> None:
    for path in sorted((ROOT / "recsys").rglob("*.py")):
        lines = path.read_text(encoding="utf-8").splitlines()
        ours = [
            n
            for n, line in enumerate(lines)
            if line.startswith("from recsys.models import cuda_lib")
        ]
        theirs = [n for n, line in enumerate(lines) if re.match("(from|import) implicit", line)]
        assert not theirs or min(ours, default=len(lines)) < theirs[0], path


@pytest.mark.parametrize(
    "module",
    [
        "webui",
        "recsys.recommendation.recommender",
        "recsys.library.build",
        "encoders.audio",
        "encoders.text_encoders",
    ],
)
def test_no_torch_comes_along(module: str) -> None:
    code = f"import sys, {module}; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def test_a_class_name_is_defined_in_one_module() -> None:
    modules: dict[str, set[str]] = defaultdict(set)
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.ClassDef):
                    modules[node.name].add(str(path.relative_to(ROOT)))
    shared = {name: sorted(paths) for name, paths in modules.items() if len(paths) > 1}
    assert shared == {}


def test_what_contributing_names_exists() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    names = set(re.findall(r"`((?:[\w.]+/)+[\w.]*)`", text))
    assert len(names) > 20
    assert not [name for name in sorted(names) if not (ROOT / name).exists()]
