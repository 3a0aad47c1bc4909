"""Uploaded audio files as seeds: analysed, deleted, and referred to by their embedding."""

from __future__ import annotations

import base64
import binascii
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
from flask import current_app, request
from numpy.typing import NDArray
from werkzeug.exceptions import (
    BadRequest,
    ServiceUnavailable,
    TooManyRequests,
    UnsupportedMediaType,
)

from webui.connection import leave_pool
from webui.metrics import Metrics
from webui.rate_limits import spend_analysis

MAX_SOUND = 100 << 20  # bytes
MAX_HISTORY = 200 << 20  # bytes
# Endpoints that take a file: what it is, and its bytes at most.
LARGE_BODIES = {
    "sounds.analyse": ("sound", MAX_SOUND),
    "recommendations.similar_to_file": ("sound", MAX_SOUND),
    "imports.begin_import": ("history", MAX_HISTORY),
}
MAX_FILE_NAME = 200  # characters
ID_LENGTH = 8  # of a projection's id, as far as an address has it
N_WAITING = 4  # files that wait while another is analysed
PATIENCE = 60.0  # s that one of them waits
RETRY_AFTER = 5  # s
_PIECE = 1 << 20  # bytes read at once

_places = threading.BoundedSemaphore(1 + N_WAITING)
_one_at_a_time = threading.Lock()  # an analysis takes a network's memory


class SoundRefused(Exception):
    """A file cannot be analysed; the message says why."""


class Sound(NamedTuple):
    """A file from outside: its name, its embedding, float32 (dim,), and by which projection."""

    name: str
    projection: str
    vector: NDArray[np.float32]


class AnalyseFile(Protocol):
    """Analyses a file that may be anything, in bounded time and memory."""

    def __call__(self, path: Path) -> tuple[str, NDArray[np.float32]]:
        """Return the projection's id and the embedding (dim,). Raises SoundRefused."""


def write_sound(sound: Sound) -> str:
    """Return a sound as an address has it; its vector's numbers in a byte each."""
    scaled = 127 * sound.vector / np.abs(sound.vector).max()
    packed = base64.urlsafe_b64encode(np.rint(scaled).astype(np.int8).tobytes()).decode()
    return f"{sound.projection[:ID_LENGTH]}.{packed}.{sound.name[:MAX_FILE_NAME]}"


def read_sound(text: str) -> Sound:
    """Read what `write_sound` wrote. Raises BadRequest for anything else."""
    projection, _, rest = text.partition(".")
    packed, _, name = rest.partition(".")
    try:
        values = np.frombuffer(base64.b64decode(packed, b"-_", validate=True), np.int8)
    except (ValueError, binascii.Error):
        values = np.empty(0, np.int8)
    if not values.any() or not name.strip() or len(projection) > ID_LENGTH:
        raise BadRequest("A sound in this address is damaged: give its file again.")
    vector = values.astype(np.float32)
    return Sound(name, projection, vector / np.linalg.norm(vector))


def analyse_upload(file_name: str) -> Sound:
    """Analyse the file that a request sends; it is not stored. `file_name` is the client's.

    It waits for others, one at a time is analysed. Raises TooManyRequests, ServiceUnavailable,
    UnsupportedMediaType, RequestEntityTooLarge, and BadRequest for what is no music.
    """
    analyse: AnalyseFile | None = current_app.config["ANALYSE_FILE"]
    if analyse is None:
        raise ServiceUnavailable("This server analyses no files.")
    if request.mimetype != "application/octet-stream":
        raise UnsupportedMediaType("A sound is sent as it is, as application/octet-stream.")
    name = Path(file_name.replace("\\", "/")).name.strip() or "a file"
    metrics: Metrics = current_app.extensions["metrics"]
    with ExitStack() as stack:
        stack.enter_context(_acquired(_places, 0))
        spend_analysis()  # of what is analysed, not of what is refused for others' sake
        leave_pool(request.environ)
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="earshot-"))
        path = Path(folder) / "sound"  # never the client's name for it
        with path.open("wb") as file:
            while piece := request.stream.read(_PIECE):
                file.write(piece)
        stack.enter_context(_acquired(_one_at_a_time, PATIENCE))
        try:
            sound = Sound(name, *analyse(path))
        except SoundRefused as error:
            metrics.count_upload("failed")
            raise BadRequest(f"{name} cannot be used as a seed. {error}") from error
        metrics.count_upload("analysed")
        return sound


@contextmanager
def _acquired(lock: threading.Lock | threading.Semaphore, patience: float) -> Iterator[None]:
    """Hold a lock, waited for as long as `patience` in s. Raises TooManyRequests."""
    if not lock.acquire(timeout=patience):
        raise TooManyRequests(
            f"Other files are being analysed: try again in {RETRY_AFTER} seconds.",
            retry_after=RETRY_AFTER,
        )
    try:
        yield
    finally:
        lock.release()
