"""A worker process: `python -m recsys.demo.render FOLDER NUMBER...` renders tracks to files.

A process of its own, started by `recsys.demo`, so that the caller's main module is not imported
again. It reports on its standard output, a JSON object a line: a track done, or an OSError.
"""

import json
import os
import signal
import sys
from pathlib import Path

from recsys.demo.files import audio_file, write_whole
from recsys.demo.mix import play
from recsys.demo.tracks import DEMO_TRACKS


def main(folder: Path, numbers: list[int]) -> int:
    """Render the tracks of these numbers; the exit status is 0 if all were written."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the caller ends its workers itself
    try:
        for number in numbers:
            track = DEMO_TRACKS[number]
            write_whole(folder / track.path, audio_file(track, play(track.compose())))
            _report({"done": number})
    except BrokenPipeError:  # the caller is gone
        return 1
    except OSError as error:
        _report({"errno": error.errno, "strerror": error.strerror, "filename": error.filename})
        return 1
    return 0


def _report(message: dict[str, object]) -> None:
    os.write(1, json.dumps(message).encode() + b"\n")


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), [int(number) for number in sys.argv[2:]]))
