"""Commands of Earshot in processes of their own, and a client that remembers what was saved."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from webui.security import TOKEN_HEADER

PATIENCE = 300.0  # s for a process to end


class Process:
    """A command in a process of its own, and what it says."""

    def __init__(
        self,
        command: Sequence[object],
        before: Sequence[str],
        checkout: Path,
        environ: Mapping[str, str],
        folder: Path,
    ) -> None:
        folder.mkdir(exist_ok=True)
        self._file = Path(tempfile.mkstemp(dir=folder)[1])
        threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        with self._file.open("wb") as said:
            self.run = subprocess.Popen(
                [*before, sys.executable, "-m", "earshot", *map(str, command)],
                cwd=checkout,
                env={**os.environ, **threads, "PYTHONPATH": str(checkout), **environ},
                stdout=subprocess.PIPE,
                stderr=said,
                text=True,
            )

    @property
    def said(self) -> str:
        """What it has said on standard error."""
        return self._file.read_text("utf-8", "replace")

    def family(self) -> list[psutil.Process]:
        """Return its processes, itself first; none where it has ended."""
        try:
            this = psutil.Process(self.run.pid)
            return [this, *this.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def wait(self) -> int:
        """Return its status; it is killed where it does not end."""
        try:
            self.run.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            self.kill()
            return 99
        return self.run.returncode

    def kill(self) -> None:
        """Kill it and all it started."""
        for process in reversed(self.family()):
            with suppress(psutil.NoSuchProcess):
                process.kill()
        self.run.wait()


class Client:
    """Asks a server, and remembers what it acknowledged."""

    def __init__(self, process: Process) -> None:
        assert process.run.stdout
        self.address = process.run.stdout.readline().rpartition(" ")[2].strip()
        self.saved: set[str] = set()
        self.answers: dict[int, int] = {}

    def ask(self, path: str, body: bytes | None = None, kind: str = "application/json") -> int:
        """Return the status of an answer, 0 where there is none."""
        request = urllib.request.Request(f"{self.address}{path}", body)
        status, self.answer = 0, b""
        try:
            if body is not None:
                with urllib.request.urlopen(f"{self.address}/api/v1/session", timeout=60) as told:
                    request.add_header(TOKEN_HEADER, json.load(told)["token"])
                request.add_header("Content-Type", kind)
            with urllib.request.urlopen(request, timeout=120) as answer:
                status, self.answer = answer.status, answer.read()
        except urllib.error.HTTPError as error:
            status, self.answer = error.code, error.read()
        except (OSError, ValueError):
            pass
        self.answers[status] = self.answers.get(status, 0) + 1
        return status

    def save(self, name: str) -> int:
        """Save a playlist."""
        body = json.dumps({"name": name, "track_ids": [1, 2, 3]}).encode()
        status = self.ask("/api/v1/playlists", body)
        if status == 201:
            self.saved.add(name)
        return status

    def until_healthy(self) -> bool:
        """Wait until the server answers."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if self.ask("/healthz") == 200:
                return True
            time.sleep(0.2)
        return False


def kill(process: psutil.Process) -> None:
    """Kill a process, if it still runs."""
    with suppress(psutil.NoSuchProcess):
        process.kill()


def works(process: psutil.Process) -> bool:
    """Say whether a process has not ended; nor waits, ended, for who started it."""
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def resident(process: psutil.Process) -> int:
    """Return a process's memory, 0 where it has ended."""
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0
