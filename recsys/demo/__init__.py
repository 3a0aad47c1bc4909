"""A small music library made by code: invented artists, real audio files, listening histories.

`make_demo_library` composes tracks (`compose`, from the tables in `styles`), renders them (`synth`,
`mix`), writes them in several formats with tags (`files`, `tags`) and simulates listeners
(`listeners`). Every run makes the same files.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from recsys.demo.files import write_whole
from recsys.demo.listeners import feedback_lines, listen_lines
from recsys.demo.tracks import DEMO_TRACKS, DemoTrack
from recsys.threads import n_cores

__all__ = ["DEMO_TRACKS", "FEEDBACK", "LISTENS", "DemoTrack", "make_demo_library"]

LISTENS = "listens.jsonl"
FEEDBACK = "feedback.jsonl"

_VERSION = 1  # a library of another version is replaced
_MARKER = ".demo.json"
_MOST_WORKERS = 8  # of 280 MB each


def make_demo_library(
    folder: Path,
    *,
    workers: int | None = None,
    tracks: Sequence[DemoTrack] = DEMO_TRACKS,
    progress: Callable[[int, int], None] | None = None,
) -> None:
    """Make the demo library in a folder: audio files, `listens.jsonl` and `feedback.jsonl`.

    Existing files are left, so that an interrupted call is continued by the next one. `workers`
    is the number of processes, one a core up to eight if not given, and changes nothing in the
    files; `tracks` leaves the others out; `progress` is called with the numbers of tracks done and
    of all. Raises OSError, with a file name, if something cannot be written.
    """
    folder = folder.resolve()
    _begin(folder)
    missing = [track for track in tracks if not (folder / track.path).exists()]
    done = len(tracks) - len(missing)

    def count(n: int) -> None:
        nonlocal done
        done += n
        if progress:
            progress(done, len(tracks))

    count(0)
    if missing:
        _render(folder, missing, workers or min(n_cores(), _MOST_WORKERS), count)
    for name, lines in ((LISTENS, listen_lines), (FEEDBACK, feedback_lines)):
        if not (folder / name).exists():
            text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines())
            write_whole(folder / name, text.encode())


def _begin(folder: Path) -> None:
    """Mark the folder as this version's, and delete the files of another one."""
    marker = folder / _MARKER
    content: dict[str, Any] = {}
    with suppress(FileNotFoundError, ValueError):
        content = json.loads(marker.read_text())
    if content.get("version") == _VERSION:
        return
    for name in content.get("files", ()):
        path = (folder / name).resolve()
        if path.is_relative_to(folder):
            path.unlink(missing_ok=True)
    files = [*(str(track.path) for track in DEMO_TRACKS), LISTENS, FEEDBACK]
    write_whole(marker, json.dumps({"version": _VERSION, "files": files}).encode())


def _render(
    folder: Path, tracks: Sequence[DemoTrack], workers: int, count: Callable[[int], None]
) -> None:
    """Share the tracks out to worker processes, which report into one pipe."""
    numbers = [str(DEMO_TRACKS.index(track)) for track in tracks]
    command = [sys.executable, "-P", "-m", "recsys.demo.render", str(folder)]
    paths = (str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", ""))
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))}
    processes: list[subprocess.Popen[bytes]] = []
    reading, writing = os.pipe()
    with os.fdopen(reading, encoding="utf-8") as reports:
        try:
            with os.fdopen(writing, "wb") as sink:
                for first in range(min(workers, len(numbers))):
                    share = command + numbers[first::workers]
                    processes.append(subprocess.Popen(share, stdout=sink, env=environment))
            for report in map(json.loads, reports):
                if "done" not in report:
                    raise OSError(report["errno"], report["strerror"], report["filename"])
                count(1)
            if any(process.wait() for process in processes):
                raise RuntimeError("a process that renders the demo library has failed; see above")
        finally:
            for process in processes:
                process.terminate()
                process.wait()
