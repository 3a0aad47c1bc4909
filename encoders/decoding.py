"""Decoding in separate processes, so that a crash of the decoder costs one file only.

`python -m encoders.decoding` reads requests as JSON lines from standard input and answers each with
a JSON line, followed by raw float32 samples where there are any. It never imports torch.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import asdict
from io import BufferedReader, BufferedWriter
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.typing import NDArray

from encoders.audio import SegmentGrid, Segments, inspect, read_segments
from encoders.errors import AudioError, FileUnavailable, no_memory
from encoders.features import AudioInfo, AudioSpan
from encoders.levels import read_levels

_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
_PIPE_SIZE = 1 << 20  # bytes, where the system lets it be set: a track's samples in few turns
TIME_LIMIT = 600.0  # s a file may take before its decoder is ended


class DecoderProcess:
    """One decoding process; requests are answered in order. Not to be shared between threads."""

    def __init__(self, nice: int = 0, seconds: int | None = None) -> None:
        """`seconds` of processor time are its limit, where the system can."""
        self.nice = nice
        self.seconds = seconds
        self._timed_out = False
        self._process = self._start()

    def request_info(self, path: Path) -> None:
        """Ask for what `audio.inspect` returns."""
        self._request({"path": str(path.absolute())})

    def receive_info(self, path: Path) -> AudioInfo:
        """Return the answer to `request_info`. Raises AudioError."""
        return AudioInfo(**self._answer(path)["info"])

    def request_segments(self, track: AudioSpan, grid: SegmentGrid, n_segments: int | None) -> None:
        """Ask for what `audio.read_segments` returns; `receive_segments` must follow."""
        what = {"grid": asdict(grid), "n_segments": n_segments}
        span = {"duration": track.duration, "begin": track.begin}
        self._request({"path": str(track.path.absolute()), **what, **span})

    def receive_segments(self, path: Path) -> Segments:
        """Return the answer to `request_segments`. Raises AudioError."""
        head = self._answer(path)
        shape = tuple(head["shape"])
        waveforms = np.empty(shape, np.float32)
        if self._out.readinto(waveforms.data.cast("B")) != waveforms.nbytes:
            raise self._crashed(path)
        return Segments(waveforms, np.array(head["starts"], np.float32))

    def request_levels(self, track: AudioSpan) -> None:
        """Ask for what `levels.read_levels` returns."""
        span = {"levels_of": track.duration, "begin": track.begin}
        self._request({"path": str(track.path.absolute()), **span})

    def receive_levels(self, path: Path) -> NDArray[np.uint8]:
        """Return the answer to `request_levels`. Raises AudioError."""
        return np.array(self._answer(path)["levels"], np.uint8)

    def waveform(self, track: AudioSpan, rate: int) -> NDArray[np.float32]:
        """Decode a whole track, mono at `rate` Hz: (n_samples,). Raises AudioError."""
        grid = SegmentGrid(rate, hop_length=2, n_fft=2, n_frames=rate // 8)  # pieces that join
        self.request_segments(track, grid, None)
        return self.receive_segments(track.path).waveforms.reshape(-1)

    def _request(self, message: dict[str, Any]) -> None:
        """Send one request, to a new process if the last one has ended."""
        if self._process.poll() is not None:
            self.close()
            self._process = self._start()
        with suppress(OSError):  # it died just now; the answer that never comes will say so
            self._in.write(json.dumps(message).encode() + b"\n")
            self._in.flush()

    def _answer(self, path: Path) -> dict[str, Any]:
        """Wait for the answer's JSON line. Raises AudioError, also where the process died."""
        self._timed_out = False
        watchdog = threading.Timer(TIME_LIMIT, self._time_out)
        watchdog.daemon = True
        watchdog.start()
        try:
            line = self._out.readline()
        finally:
            watchdog.cancel()
        if not line.endswith(b"\n"):
            raise self._crashed(path)
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise (FileUnavailable if answer["unavailable"] else AudioError)(answer["error"])
        return answer

    def _time_out(self) -> None:
        self._timed_out = True
        self._process.kill()

    def close(self) -> None:
        """End the process, whatever it is doing."""
        self._process.kill()
        self._process.wait()
        with suppress(OSError):  # of a request that it did not live to read
            self._in.close()
        self._out.close()

    @property
    def _in(self) -> BufferedWriter:
        return cast(BufferedWriter, self._process.stdin)

    @property
    def _out(self) -> BufferedReader:
        return cast(BufferedReader, self._process.stdout)

    def _start(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "encoders.decoding", str(self.nice), str(self.seconds or 0)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[1],
            env={**os.environ, **_ONE_THREAD},  # the other cores have decoders of their own
            pipesize=_PIPE_SIZE,
            start_new_session=True,  # Ctrl-C is for the parent to handle
        )

    def _crashed(self, path: Path) -> AudioError:
        self.close()
        status = self._process.returncode
        ended = f"{path} ended the decoder (exit status {status})"
        if self._timed_out:
            minutes = f"{TIME_LIMIT / 60:.0f} minutes"
            return FileUnavailable(f"{ended}: the file took more than {minutes}.")
        if status == -signal.SIGKILL:  # by the system, short of memory, or by a person
            return FileUnavailable(f"{ended}: it was killed from outside.")
        return AudioError(f"{ended}: it crashed.")


def _queue_requests(requests: BinaryIO, waiting: queue.SimpleQueue[bytes]) -> None:
    """Queue requests; end the process when its parent ends, also in the middle of a file."""
    for line in requests:
        waiting.put(line)
    os._exit(0)


def _serve(requests: BinaryIO, answers: BinaryIO) -> None:
    waiting: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_queue_requests, args=(requests, waiting), daemon=True).start()
    while True:
        message = json.loads(waiting.get())
        path = Path(message["path"])
        samples: bytes | memoryview = b""
        try:
            if "grid" in message:
                grid = SegmentGrid(**message["grid"])
                of = message["duration"], grid, message["n_segments"], message["begin"]
                segments = read_segments(path, *of)
                samples = segments.waveforms.data
                head: dict[str, Any] = {
                    "shape": segments.waveforms.shape,
                    "starts": segments.starts.tolist(),
                }
            elif "levels_of" in message:
                head = {
                    "levels": read_levels(
                        AudioSpan(path, message["levels_of"], message["begin"])
                    ).tolist()
                }
            else:
                head = {"info": asdict(inspect(path))}
        except AudioError as error:
            head = {"error": str(error), "unavailable": isinstance(error, FileUnavailable)}
        except MemoryError:
            head = {"error": str(no_memory(path)), "unavailable": True}
        answers.write(json.dumps(head).encode() + b"\n")
        answers.write(samples)
        answers.flush()


def _limit_time(seconds: int) -> None:
    """Bound the processor time of this process."""
    if sys.platform != "win32":
        import resource  # noqa: PLC0415 - where there is none

        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # to be stopped is, too, for the parent to handle
    if int(sys.argv[1]):
        os.nice(int(sys.argv[1]))
    if int(sys.argv[2]):
        _limit_time(int(sys.argv[2]))
    try:
        _serve(sys.stdin.buffer, sys.stdout.buffer)
    except BrokenPipeError:  # the parent is gone
        sys.stdout = None
