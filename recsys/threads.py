"""The number of usable cores, and a loop over jobs in threads."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import TypeVar

import psutil
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

T = TypeVar("T")


def n_cores() -> int:
    """Return how many cores this process may use."""
    if psutil.LINUX:
        return len(psutil.Process().cpu_affinity())
    return psutil.cpu_count() or 1


def one_thread_each() -> AbstractContextManager[object]:
    """Let BLAS use one thread for each thread of this process that calls it.

    For servers, whose threads answer at once: with as many threads each as there are cores, they
    wait for each other longer than they work. OpenMP counts for each calling thread, see
    `one_thread_here`.
    """
    limits: AbstractContextManager[object] = threadpool_limits(1)
    return limits


def one_thread_here() -> None:
    """Let OpenMP (FAISS) use one thread where the calling thread calls it, from now on."""
    threadpool_limits(1, "openmp")


def for_each(function: Callable[[T], None], jobs: Iterable[T]) -> None:
    """Call a function with each job, in a thread for each core, BLAS using one thread in each.

    For NumPy work, which releases the GIL.
    """
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(n_cores()) as pool:
        for _ in pool.map(function, jobs):
            pass
