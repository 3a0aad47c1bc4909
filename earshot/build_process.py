"""Start builds for a server: each in a process of its own, which outlives it."""

from __future__ import annotations

import logging
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from earshot.command import DISK_FULL, DONE, NOTHING, STOPPED
from earshot.limits import NICE
from recsys.catalog import BuildRunning
from recsys.catalog.lock import LOCK_NAME, exclusive
from recsys.library.build_state import read_state
from webui.api.builds import BuildRefused, NoRoomForBuild

_log = logging.getLogger(__name__)
_INTERVAL = 0.05  # s


class BuildStarter:
    """Starts builds of one home."""

    def __init__(self, home: Path) -> None:
        self._home = home

    def __call__(
        self, *, retry_failed: bool = False, folders: Sequence[Path] = (), demo: bool = False
    ) -> None:
        """Start a build like the last one, and return as soon as it works.

        Or one of other folders, or of the demo library.

        Raises BuildRunning where the home is held, BuildRefused where the build ends at once,
        CatalogError and OSError where nothing can be written.
        """
        last = read_state(self._home)
        if last is not None and last.running:
            raise BuildRunning.on(self._home, last.process)
        self._home.mkdir(parents=True, exist_ok=True)
        with exclusive(self._home / LOCK_NAME):  # not held, as by `earshot train-head`
            pass
        command = [sys.executable, "-P", "-m", "earshot", "build", "--home", str(self._home)]
        command += ["--nice", str(NICE), *(["--retry-failed"] if retry_failed else [])]
        if folders:
            command += ["--", *map(str, folders)]
        elif not demo:
            command.append("--again")
        errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed by who waits for the build
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
            start_new_session=True,  # Ctrl-C is for the server alone
        )
        while process.poll() is None:
            state = read_state(self._home)
            if state is not None and state.process == process.pid:
                threading.Thread(target=_attend, args=(process, errors), daemon=True).start()
                return
            time.sleep(_INTERVAL)
        why = _last_line(errors) or "The build ended at once."
        raise NoRoomForBuild(why) if process.returncode == DISK_FULL else BuildRefused(why)


def _attend(process: subprocess.Popen[bytes], errors: IO[bytes]) -> None:
    """Wait for a build to end, so that no zombie process stays, and log its failure."""
    process.wait()
    line = _last_line(errors)
    if process.returncode not in (DONE, NOTHING, DISK_FULL, STOPPED):
        _log.warning("the build ended with %d: %s", process.returncode, line)


def _last_line(errors: IO[bytes]) -> str:
    """Return the last line that an ended build printed on standard error."""
    with errors:
        errors.seek(0)
        lines = errors.read().decode("utf-8", "replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "")
