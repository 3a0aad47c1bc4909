from __future__ import annotations

import subprocess
import sys
import time

import psutil
import pytest

from encoders.memory import PeakMemory

pytestmark = pytest.mark.timeout(100)  # instead of waiting for ever

SIZE = 150_000_000


def test_a_childs_memory_counts() -> None:
    script = f"held = b'x' * {SIZE}; print('ready', flush=True); input()"
    with PeakMemory(interval=0.01) as before:
        pass
    with (
        PeakMemory(interval=0.01) as memory,
        subprocess.Popen(
            [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as process,
    ):
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        while memory.peak < before.peak + SIZE:  # the test's time limit is the only one
            time.sleep(0.01)
        process.communicate("\n")
    assert memory.peak < before.peak + 2 * SIZE


def test_it_remembers_what_is_free_again() -> None:
    with PeakMemory(interval=0.01) as memory:
        before = memory.peak
        held = bytearray(b"x") * SIZE
        while memory.peak < before + SIZE:
            time.sleep(0.01)
        del held
        peak = memory.peak
    assert memory.peak >= peak


def test_even_the_shortest_block_is_measured() -> None:
    with PeakMemory(interval=1000.0) as memory:
        pass
    assert 5e6 < memory.peak < psutil.virtual_memory().total
