"""What the distribution declares: dependencies, types, one version."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest

from earshot import __version__

ROOT = Path(__file__).parents[1]
PACKAGES = ("earshot", "encoders", "index", "recsys", "webui")
BROUGHT = {  # imported, and brought by another that is declared
    "cuda": "torch",
    "pydantic_core": "pydantic",
    "werkzeug": "flask",
    "py4j": "pyspark",
}


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    declared: dict[str, Any] = tomllib.loads(text)["project"]
    return declared


def imported(package: str) -> set[str]:
    """The packages that one of ours imports anywhere."""
    found = set()
    for path in (ROOT / package).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {name.name.partition(".")[0] for name in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                found.add(node.module.partition(".")[0])
    return found - set(sys.stdlib_module_names) - set(PACKAGES)


def name_of(text: str) -> str:
    """The distribution that a requirement or a package's metadata names."""
    match = re.match(r"[\w.-]+", text)
    assert match
    return re.sub(r"[-_.]+", "-", match[0]).lower()


@pytest.mark.parametrize("package", PACKAGES)
def test_what_is_imported_is_declared(package: str, project: dict[str, Any]) -> None:
    lists = [project["dependencies"], *project["optional-dependencies"].values()]
    declared = {name_of(text) for requirements in lists for text in requirements}
    distributions = packages_distributions()
    for module in imported(package):
        names = {name_of(name) for name in distributions.get(module, [module])}
        assert names & declared or BROUGHT.get(module) in declared, f"{package} imports {module}"


@pytest.mark.parametrize("package", PACKAGES)
def test_every_package_is_typed_and_packaged(package: str) -> None:
    assert (ROOT / package / "py.typed").exists()
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    setuptools = tomllib.loads(text)["tool"]["setuptools"]
    assert f"{package}*" in setuptools["packages"]["find"]["include"]
    folders = {p.parent for p in (ROOT / package).rglob("*") if p.is_file()}
    data = {f.name for f in folders if not (f / "__init__.py").exists()} - {"__pycache__"}
    assert data == {p.partition("/")[0] for p in setuptools["package-data"].get(package, [])}


def test_the_version_is_one(project: dict[str, Any]) -> None:
    assert "version" in project["dynamic"]
    assert re.fullmatch(r"\d+\.\d+\.\d+", __version__)
