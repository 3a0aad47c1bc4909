"""Processes that files in a home name: by id, and by when they began, as ids are used again."""

from __future__ import annotations

import psutil

_SAME_TIME = 2.0  # s by which the reported start of one process may differ


def find_process(process_id: int, began: float) -> psutil.Process | None:
    """Return the process that began then, in Unix seconds; None where it has ended."""
    try:
        process = psutil.Process(process_id)
        same = abs(process.create_time() - began) < _SAME_TIME
        return process if same and process.status() != psutil.STATUS_ZOMBIE else None
    except psutil.Error:
        return None
