"""What holds for all tests: the processes that they start share compiled bytecode."""

from __future__ import annotations

import os
import sys


def pytest_configure() -> None:
    """Let Python cache bytecode, also where the environment forbids it.

    Some hundred processes import torch, faiss or Flask: compiling these anew in each of them takes
    a third of the suite's time. Workers and the processes of tests inherit the environment.
    """
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False
