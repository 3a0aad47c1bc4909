from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

sys.path.append(str(Path(__file__).parent))  # for synthesis

import child_processes


@pytest.fixture(autouse=True)
def processes_before() -> None:
    """Tell a test's child processes from the fork server of others in the same worker."""
    child_processes.begin()


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Give torch one thread: small models gain nothing by several, which wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


GPU = pytest.param(
    "cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
)


@pytest.fixture(params=["cpu", GPU])
def device(request: pytest.FixtureRequest) -> str:
    """The processor, and a GPU where there is one."""
    return str(request.param)
