from __future__ import annotations

import subprocess
import sys

import psutil
import pytest

from encoders.memory import PeakMemory

pytestmark = pytest.mark.timeout(100)  # instead of waiting for ever

SIZE = 150_000_000

# In processes of their own: the tests' has children and memory of other tests.
WITH_A_CHILD = f"""
import subprocess, sys, time
from encoders.memory import PeakMemory

child = "held = b'x' * {SIZE}; print('ready', flush=True); input()"
with PeakMemory(interval=0.01) as before:
    pass
with PeakMemory(interval=0.01) as memory:
    process = subprocess.Popen(
        [sys.executable, "-c", child], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "ready\\n"
    while memory.peak < before.peak + {SIZE}:  # the test's time limit is the only one
        time.sleep(0.01)
    process.communicate("\\n")
print(memory.peak - before.peak)
"""
FREE_AGAIN = f"""
import time
from encoders.memory import PeakMemory

with PeakMemory(interval=0.01) as before:
    pass
with PeakMemory(interval=0.01) as memory:
    held = bytearray(b"x") * {SIZE}
    while memory.peak < before.peak + {SIZE}:
        time.sleep(0.01)
    del held
    time.sleep(0.05)
print(memory.peak - before.peak)
"""


@pytest.mark.parametrize("script", [WITH_A_CHILD, FREE_AGAIN], ids=["a child's", "free again"])
def test_memory_counts(script: str) -> None:
    run = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=90
    )
    assert SIZE <= int(run.stdout) < 2 * SIZE


def test_even_the_shortest_block_is_measured() -> None:
    with PeakMemory(interval=1000.0) as memory:
        pass
    assert 5e6 < memory.peak < psutil.virtual_memory().total
