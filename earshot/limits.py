"""Limits of the processes that work for a server: a server answers first."""

from __future__ import annotations

import os
import sys

NICE = 10


def limit_memory(memory: int) -> None:
    """Bound the memory of this process and of those that it starts, where the system can.

    They yield to the server, too. `memory` is in bytes of data.
    """
    if sys.platform != "win32":
        import resource  # noqa: PLC0415 - where there is none

        resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))
        os.nice(NICE)
