"""A cache of decoded audio: 16-bit mono at one sample rate, one memory-mapped file a clip.

Clips are identified by path, size and modification time, so a changed one is decoded anew. A
minute at 16 kHz takes 1.9 MB.
"""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from encoders.audio import SegmentGrid
from encoders.decoding import DecoderProcess
from encoders.errors import AudioError
from encoders.extract import DecoderPool
from encoders.features import AudioSpan
from encoders.files import replace_file

LONGEST = 600.0  # s of a file that are kept, from its beginning
FULL_SCALE = 32767
_PIECES = 10  # a second, in which files are decoded


class CacheFull(Exception):
    """The audio would take more room than it may; the message says how much."""


class AudioCache:
    """A folder of decoded audio at one sample rate."""

    def __init__(self, folder: Path, sample_rate: int, limit: int) -> None:
        """`limit` is how many bytes the folder may take in all."""
        self.folder = folder
        self.sample_rate = sample_rate
        self.limit = limit

    def cached_path(self, path: Path) -> Path:
        """Return the path of a file's decoded audio, for its current content. Raises AudioError."""
        try:
            status = path.stat()
        except OSError as error:
            raise AudioError(f"{path} cannot be read: {error.strerror}.") from error
        stamp = f"{status.st_size} {status.st_mtime_ns} {self.sample_rate}".encode()
        digest = hashlib.blake2b(os.fsencode(path.absolute()) + b"\0" + stamp, digest_size=16)
        return self.folder / f"{digest.hexdigest()}.npy"

    def add(
        self,
        paths: Iterable[Path],
        workers: int = 1,
        progress: Callable[[int, int], None] = lambda done, total: None,
    ) -> tuple[dict[Path, Path], list[AudioError]]:
        """Decode the files that are not cached; return the cached paths by file, and the errors.

        Raises CacheFull, and OSError where the folder cannot be written.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        cached_paths: dict[Path, Path] = {}
        errors: list[AudioError] = []
        for path in dict.fromkeys(paths):
            try:
                cached_paths[path] = self.cached_path(path)
            except AudioError as error:
                errors.append(error)
        missing = [path for path, cached_path in cached_paths.items() if not cached_path.exists()]
        size, done = sum(file.stat().st_size for file in self.folder.glob("*.npy")), 0
        pool = DecoderPool(workers, 0, _request, self._receive, _npy_bytes)
        with closing(pool.run(missing)) as results:
            for done, (_, path, audio) in enumerate(results, start=1):
                progress(done, len(missing))
                if isinstance(audio, AudioError):
                    errors.append(audio)
                    del cached_paths[path]
                    continue
                size += len(audio)
                if size > self.limit:
                    raise CacheFull(
                        f"The decoded audio in {self.folder} would take more than "
                        f"{self.limit / 1e9:g} GB: {done} of {len(missing)} files are done. "
                        "Allow more, or empty the folder of other audio."
                    )
                replace_file(cached_paths[path], audio)
        return cached_paths, errors

    def _receive(self, decoder: DecoderProcess, path: Path) -> NDArray[np.float32]:
        duration = min(decoder.receive_info(path).duration, LONGEST)
        pieces = SegmentGrid(self.sample_rate, 1, 1, self.sample_rate // _PIECES)
        decoder.request_segments(AudioSpan(path, duration), pieces, None)
        return decoder.receive_segments(path).waveforms.ravel()


def _request(decoder: DecoderProcess, path: Path) -> None:
    decoder.request_info(path)


def _npy_bytes(waveform: NDArray[np.float32]) -> bytes:
    samples = np.rint(waveform.clip(-1.0, 1.0) * FULL_SCALE).astype("<i2")
    content = io.BytesIO()
    np.save(content, samples)
    return content.getvalue()


def read(path: Path) -> NDArray[np.int16]:
    """Map a file of decoded audio: int16 (n_samples,)."""
    samples: NDArray[np.int16] = np.load(path, mmap_mode="r")
    return samples


def floats(samples: NDArray[np.int16]) -> NDArray[np.float32]:
    """Return samples as they were decoded, full scale being 1."""
    return samples.astype(np.float32) / np.float32(FULL_SCALE)
