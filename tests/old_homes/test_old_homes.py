"""Homes of earlier versions open, answer the same, and are not analysed anew."""

from __future__ import annotations

import json
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

sys.path.append(str(Path(__file__).parent))  # for make

from make import answers, run, write_music

WORDED = {"path", "text", "words", "sentences"}  # keys of what depends on the folder or on wording
ARCHIVES = sorted(Path(__file__).parent.glob("*.zip"))


@pytest.fixture(params=ARCHIVES, ids=lambda path: path.stem)
def archive(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    with zipfile.ZipFile(request.param) as files:
        files.extractall(tmp_path)
    return tmp_path


def test_an_old_home_answers_as_it_did(archive: Path) -> None:
    expected = json.loads((archive / "expected.json").read_text(encoding="utf-8"))
    given = answers(archive / "home")
    assert same(given, expected)


def test_an_old_home_is_built_on_without_analysing_anything(archive: Path) -> None:
    expected = json.loads((archive / "expected.json").read_text(encoding="utf-8"))
    write_music(archive / "moved")
    report = json.loads(
        run("build_index.py", str(archive / "moved"), "--json", home=archive / "home")
    )
    assert (report["tracks"], report["analysed"]) == (24, 0)
    assert same(answers(archive / "home"), expected)


def same(given: Any, expected: Any) -> bool:
    """Say whether two answers are the same, but for roundings of another processor and wording."""
    if isinstance(expected, dict):
        return set(given) == set(expected) and all(
            k in WORDED or same(given[k], expected[k]) for k in expected
        )
    if isinstance(expected, list):
        return len(given) == len(expected) and all(map(same, given, expected))
    if isinstance(expected, float):
        return given == pytest.approx(expected, rel=2e-3, abs=2e-3)
    return bool(given == expected)
