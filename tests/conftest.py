"""The environment of all tests, and of the processes that they start."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import hypothesis
import pytest

from recsys.threads import n_cores

TESTS = Path(__file__).parent

# No test measures time, on a machine that others may use as well.
hypothesis.settings.register_profile("patient", deadline=None)
hypothesis.settings.load_profile("patient")


# Files that take longest, by their folder and name: they begin, so that no worker ends alone.
LONGEST = (
    "commands/test_build_ray.py",
    "webui/test_demo.py",
    "commands/test_build_interrupted.py",
    "old_homes/test_old_homes.py",
    "commands/test_build_bad_input.py",
    "webui/test_library_browser.py",
    "recsys/models/test_spark_als.py",
    "commands/test_train_tagger.py",
    "commands/test_without_analysis.py",
    "commands/test_upload_analyser.py",
    "webui/test_workers.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first; each worker of pytest-xdist takes the next whole file."""
    places = {name: place for place, name in enumerate(LONGEST)}

    def place(item: pytest.Item) -> int:
        return places.get(item.path.relative_to(TESTS).as_posix(), len(LONGEST))

    items.sort(key=place)


def pytest_configure(config: pytest.Config) -> None:
    """Let processes cache bytecode, and share the cores among pytest-xdist's workers.

    Tests start some hundred processes. Where the environment forbids Python to cache bytecode, each
    of them compiles torch and what else it imports anew. And where several processes use a thread
    for each core, OpenBLAS's threads spend most of their time waiting for each other.
    """
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False
    n_workers = config.getoption("numprocesses", None)
    if n_workers:
        n_threads = max(1, n_cores() // n_workers)
        for library in ("OMP", "OPENBLAS"):
            os.environ.setdefault(f"{library}_NUM_THREADS", str(n_threads))
