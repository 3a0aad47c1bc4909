"""The examples in docstrings hold."""

from __future__ import annotations

import doctest
import importlib

import pytest


@pytest.mark.parametrize(
    "name",
    [
        "recsys.catalog.search",
        "recsys.listens.names",
        "recsys.listens.values",
        "recsys.playlists.entries",
        "recsys.query",
        "recsys.rerank",
        "recsys.shelf",
        "recsys.terminal",
    ],
)
def test_examples(name: str) -> None:
    result = doctest.testmod(importlib.import_module(name))
    assert result.attempted > 0
    assert result.failed == 0
