"""Running the commands, in this process or in one of their own."""

from __future__ import annotations

import json
import multiprocessing
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch

from earshot import cli

# Takes from root the right to read and write everything: PR_CAPBSET_DROP of CAP_DAC_OVERRIDE and
# CAP_DAC_READ_SEARCH.
OBEY_PERMISSIONS = """
import ctypes
if os.geteuid() == 0:
    assert [ctypes.CDLL(None).prctl(24, capability, 0, 0, 0) for capability in (1, 2)] == [0, 0]
"""
PATIENCE = 120.0  # s to wait for what ought to happen at once
Argument = str | Path | int


def make_home(home: Path, weights: Path) -> Path:
    """Make a home that has the weights already."""
    home.mkdir()
    (home / "weights").symlink_to(weights)
    return home


@dataclass(frozen=True)
class Result:
    """What a command said."""

    status: int
    out: bytes
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Commands:
    """The commands on one home, called in this process."""

    def __init__(self, home: Path, capture: pytest.CaptureFixture[bytes]) -> None:
        self.home = home
        self._capture = capture

    def build(self, *arguments: Argument) -> Result:
        return self.run("build", *arguments)

    def build_json(self, *arguments: Argument) -> Any:
        """Build where nothing is to go wrong, and return the figures."""
        result = self.build(*arguments, "--json")
        assert result.status == 0, result.err
        return result.json

    def similar(self, *arguments: Argument) -> Result:
        return self.run("similar", *arguments)

    def neighbours(self, *arguments: Argument) -> list[dict[str, Any]]:
        """Ask where there is an answer."""
        result = self.similar(*arguments, "--json")
        assert result.status == 0, result.err
        found: list[dict[str, Any]] = result.json
        return found

    def run(self, command: str, *arguments: Argument) -> Result:
        self._capture.readouterr()
        try:
            status = cli.main([command, *map(str, arguments), "--home", str(self.home)])
        except SystemExit as stop:
            status = stop.code
        out, err = self._capture.readouterr()
        result = Result(status, out, err.decode("utf-8", "surrogateescape"))
        assert "Traceback" not in result.err, result.err
        return result


def start(name: str, *arguments: Argument, before: str = "") -> subprocess.Popen[bytes]:
    """Start a command as a person does; its process first runs the statements `before`."""
    command = [sys.executable, "-m", "earshot", name, *map(str, arguments)]
    if before:
        program = f"import os, sys\n{before}\nos.execv(sys.argv[1], sys.argv[1:])"
        command = [sys.executable, "-c", program, *command]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


forks = multiprocessing.get_context("forkserver" if sys.platform != "win32" else "spawn")
forks.set_forkserver_preload(
    ["encoders.extract", "recsys.library.build", "recsys.demo", "rich.progress"]
)


def fork(command: str, *arguments: Argument, output: Path) -> BaseProcess:
    """Start a command in a process that has imported what it needs: the same, but at once.

    What it says on standard error goes to the file `output`. It has as many threads as this one.
    """
    how = (command, list(map(str, arguments)), output, torch.get_num_threads())
    process = forks.Process(target=_forked, args=how)
    process.start()
    return process


def _forked(command: str, arguments: list[str], output: Path, n_threads: int) -> None:
    torch.set_num_threads(n_threads)
    with output.open("wb") as file:
        os.dup2(file.fileno(), 2)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    sys.exit(cli.main([command, *arguments]))


def finish(process: subprocess.Popen[bytes]) -> Result:
    """Wait for a process started by `start`."""
    out, err = process.communicate(timeout=PATIENCE)
    result = Result(process.returncode, out, err.decode("utf-8", "surrogateescape"))
    assert "Traceback" not in result.err, result.err
    return result


def until(what: Callable[[], Any], process: subprocess.Popen[bytes] | None = None) -> Any:
    """Wait until something is true, and return it; `process` must not end before."""
    deadline = time.monotonic() + PATIENCE
    while not (value := what()):
        assert process is None or process.poll() is None, "the process ended early"
        assert time.monotonic() < deadline, f"waited for {PATIENCE} s in vain"
        time.sleep(0.01)
    return value


def children(pid: int) -> list[psutil.Process]:
    """Return the living processes below one, none where it is gone."""
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def decoders(pid: int) -> list[psutil.Process]:
    """Return the decoders of a build that have begun."""
    found = []
    for process in children(pid):
        with suppress(psutil.Error):
            if "encoders.decoding" in process.cmdline():
                found.append(process)
    return found


def ended(processes: Sequence[psutil.Process]) -> bool:
    """Whether all have ended; an orphan may wait for an init that does not reap."""
    return all(
        not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
        for process in processes
    )
