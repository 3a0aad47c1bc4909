"""How many cores there are, and work for all of them, in threads."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import psutil
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

T = TypeVar("T")


def n_cores() -> int:
    """Return how many cores this process may use."""
    if psutil.LINUX:
        return len(psutil.Process().cpu_affinity())
    return psutil.cpu_count() or 1


def for_each(function: Callable[[T], None], jobs: Iterable[T]) -> None:
    """Call a function with each of the jobs, on all cores, BLAS taking one thread in each.

    It pays where the work is NumPy's, which lets other threads run meanwhile.
    """
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(n_cores()) as pool:
        for _ in pool.map(function, jobs):
            pass
