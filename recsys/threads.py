"""Work for all cores, in threads."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

T = TypeVar("T")


def for_each(function: Callable[[T], None], jobs: Iterable[T]) -> None:
    """Call a function with each of the jobs, on all cores, BLAS taking one thread in each.

    It pays where the work is NumPy's, which lets other threads run meanwhile.
    """
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(os.cpu_count()) as pool:
        for _ in pool.map(function, jobs):
            pass
