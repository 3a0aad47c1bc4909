"""The environment of all tests, and of the processes that they start."""

from __future__ import annotations

import os
import sys

import hypothesis
import pytest

from recsys.threads import n_cores

# No test measures time, on a machine that others may use as well.
hypothesis.settings.register_profile("patient", deadline=None)
hypothesis.settings.load_profile("patient")


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
