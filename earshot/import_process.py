"""Start imports of listening histories for a server: each in a process of its own."""

from __future__ import annotations

import json
import logging
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import asdict
from pathlib import Path
from typing import IO

from earshot.import_worker import TAKEN
from recsys.listens.choice import FormatChoice
from recsys.listens.import_state import read_import
from webui.api.imports import ImportRunning

_log = logging.getLogger(__name__)
_INTERVAL = 0.05  # s
_SAID = 2000  # bytes of a crash that are logged


class ImportStarter:
    """Starts imports into one home, one at a time."""

    def __init__(self, home: Path) -> None:
        self._home = home

    def __call__(self, file: Path, person: str, whose: str, choice: FormatChoice) -> None:
        """Start the import of a file, whose folder is removed when it ends; return once it works.

        `person` begins it, `whose` listens all of it are, "" for whom the file names. Raises
        ImportRunning where another one runs, OSError.
        """
        state = read_import(self._home)
        if state is not None and state.running:
            raise ImportRunning
        said: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `_attend`
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "earshot.import_worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=said,
            start_new_session=True,  # Ctrl-C is for the server alone
        )
        wanted = {"home": str(self._home), "file": str(file), "person": person, "whose": whose}
        threading.Thread(target=_attend, args=(process, said, file.parent), daemon=True).start()
        with process.stdin:  # type: ignore[union-attr]
            process.stdin.write(json.dumps(wanted | {"choice": asdict(choice)}).encode())  # type: ignore[union-attr]
        while process.poll() is None:
            state = read_import(self._home)
            if state is not None and state.process == process.pid:
                return
            time.sleep(_INTERVAL)
        state = read_import(self._home)
        if state is None or state.process != process.pid:
            raise ImportRunning


def _attend(process: subprocess.Popen[bytes], said: IO[bytes], folder: Path) -> None:
    """Wait for an import to end; remove its file, and log a crash."""
    with said:
        status = process.wait()
        shutil.rmtree(folder, ignore_errors=True)
        if status not in (0, TAKEN):
            said.seek(0)
            words = said.read()[-_SAID:].decode("utf-8", "replace")
            _log.warning("an import ended with %d: %s", status, words)
