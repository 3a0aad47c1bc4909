"""Import one listening history for a server, in a process with bounded time and memory.

`earshot serve` runs it for the files that people import on a page; see `earshot.import_process`. It
reads what to do as JSON from standard input, writes how far it is to the home
(`recsys.listens.import_state`), and deletes the file. It does and says what `earshot import` does.

    echo '{"home": "/home/ann/earshot", "file": "/tmp/sent/scrobbles.json", "person": "ann",
           "whose": "ann", "choice": {}}' | python -m earshot.import_worker
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from earshot.limits import limit_memory
from recsys.catalog import BuildRunning, Catalog, CatalogError
from recsys.catalog.base import shown
from recsys.catalog.lock import exclusive
from recsys.home.settings import load_settings
from recsys.listens.import_state import LOCK_NAME, ImportRecord

if TYPE_CHECKING:
    from recsys.listens.importing import Imported

SECONDS = 1800  # of processor time
MEMORY = 4 << 30  # bytes of data while a file is read
MOST_ROWS = 2_000_000  # of a file; people have some hundred thousand
TAKEN = 75  # exit status where another import runs


class _Stopped(Exception):
    """A person stops the import."""


class _TooLong(Exception):
    """The import has had its time, or its rows."""


_ERRORS = (CatalogError, OSError, MemoryError, UnicodeError, _TooLong)


def main() -> int:
    """Import the file that standard input names."""
    _limit()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _raising(_Stopped))
    wanted = json.load(sys.stdin)
    home, file = Path(wanted["home"]), Path(wanted["file"])
    try:
        with exclusive(home / LOCK_NAME):
            record = ImportRecord(home, wanted["person"], file.name)
            return _import(wanted, file, record)
    except BuildRunning:
        return TAKEN
    finally:  # the server may have ended
        file.unlink(missing_ok=True)
        with suppress(OSError):
            file.parent.rmdir()


def _import(wanted: dict[str, Any], file: Path, record: ImportRecord) -> int:
    # Only now, when the person who waits is told that it runs: the readers take long to load.
    from earshot.commands.import_listens import ImportDisplay, file_summary, learn  # noqa: PLC0415
    from recsys.listens.choice import FormatChoice  # noqa: PLC0415
    from recsys.listens.importing import import_file, sentences  # noqa: PLC0415
    from recsys.listens.matching import match_recordings  # noqa: PLC0415
    from recsys.listens.sources import FormatError  # noqa: PLC0415
    from recsys.models.protocol import NotFitted  # noqa: PLC0415

    class Said(ImportDisplay):
        """Adds what learning says to the record."""

        def say(self, sentence: str) -> None:
            """Add a sentence; names of stages are shown while it runs, and no sentences."""
            if sentence.endswith("."):
                record.say(sentence)

    settings = load_settings(Path(wanted["home"]))
    try:
        with Catalog(settings.home, settings.database) as catalog:
            imported = import_file(
                catalog,
                file,
                FormatChoice(**wanted["choice"]),
                lambda so_far: _show(record, so_far),
                whose=wanted["whose"],
            )
            record.say(*sentences(imported))
            record.show("match", 0)
            match_recordings(catalog, lambda n: record.show("match", n))
        record.show("learn", 0)
        _, popularity = learn(settings, Said(), tune=False)
        if popularity:
            record.say(popularity.sentence)
    except _Stopped:
        record.say("Stopped. What was read is kept; import the file again to go on.")
        record.end("stopped")
    except (*_ERRORS, FormatError, NotFitted) as error:
        record.say(_why(error, file))
        record.end("failed")
    else:
        record.end("done", file_summary(imported) | {"path": file.name})
    return 0


def _show(record: ImportRecord, imported: Imported) -> None:
    record.show("read", imported.rows)
    if imported.rows > MOST_ROWS:
        raise _TooLong(
            f"{shown(imported.path)} holds more than {MOST_ROWS:,} rows: import it on the command "
            "line, with `earshot import`. What was read before stays."
        )


def _why(error: Exception, file: Path) -> str:
    """Say why an import failed, with the file's name alone."""
    if isinstance(error, _TooLong) and not error.args:
        return f"{file.name} takes too long: import it with `earshot import`. What was read stays."
    if isinstance(error, MemoryError):
        return f"{file.name} takes too much memory: import it with `earshot import`."
    if isinstance(error, UnicodeError):
        return f"{file.name} is no text of that encoding: choose another one."
    return str(error).replace(f"{file.parent}{os.sep}", "")


def _raising(error: type[Exception]) -> Callable[..., NoReturn]:
    def handle(*_: object) -> NoReturn:
        raise error

    return handle


def _limit() -> None:
    """Bound the time and memory of this process, where the system can."""
    limit_memory(MEMORY)
    if sys.platform != "win32":
        import resource  # noqa: PLC0415 - where there is none

        signal.signal(signal.SIGXCPU, _raising(_TooLong))
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS + 60))


if __name__ == "__main__":
    sys.exit(main())
