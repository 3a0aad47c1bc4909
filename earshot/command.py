"""A command: how its arguments are parsed, what it runs, and its exit status after each error."""

from __future__ import annotations

import io
import select
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

from earshot.extras import how_to_install
from earshot.terminal import ReaderGone, complain, home_named
from encoders.errors import AudioError, WeightsError
from encoders.projection import ProjectionError
from index.vector_index import DamagedIndex, StaleIndex
from recsys.catalog import NO_ROOM, CatalogError, CatalogFull
from recsys.home.home import NotIndexed
from recsys.home.settings import SettingsError
from recsys.models.protocol import NotFitted

DONE, NOTHING, USAGE, FAILURES, DISK_FULL, STOPPED = 0, 1, 2, 3, 4, 130


class NotFound(Exception):
    """What the arguments name is not in the library."""


class UsageError(Exception):
    """The arguments cannot be followed."""


Options = TypeVar("Options")


class Ending(NamedTuple):
    """How a command ends that raised an error."""

    status: int
    sentence: str | None


@dataclass(frozen=True)
class Command(Generic[Options]):
    """One command of `earshot`.

    parse         raises SystemExit for arguments that cannot be parsed
    run           returns the exit status
    errors        exceptions, beside those any command may raise, that mean exit status 1
    usage_errors  exceptions that mean exit status 2
    refused       says of a file what the operating system did not allow
    stopped       is printed after Ctrl-C
    """

    parse: Callable[[Sequence[str]], Options]
    run: Callable[[Options], int]
    errors: tuple[type[Exception], ...] = ()
    usage_errors: tuple[type[Exception], ...] = ()
    refused: str = "cannot be used"
    stopped: str | None = None

    def main(self, arguments: Sequence[str]) -> int:
        """Parse, run, and return the exit status; errors are printed as sentences."""
        options = self.parse(arguments)
        with home_named(getattr(options, "home", None)):
            return self._run(options)

    def _run(self, options: Options) -> int:
        """Run, and return the exit status."""
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="replace")  # not every terminal can show every title
        try:
            status = self.run(options)
            print(end="", flush=True)
        except (Exception, KeyboardInterrupt) as error:
            ending = self.ending(error)
            if ending is None:
                raise
            if ending.sentence is not None:
                complain(ending.sentence)
            return ending.status
        return status

    def ending(self, error: BaseException) -> Ending | None:
        """Return how the command ends after an error; None for one that nobody expects."""
        ending = None
        if isinstance(error, KeyboardInterrupt):
            ending = Ending(STOPPED, self.stopped)
        elif isinstance(error, ReaderGone | BrokenPipeError) and reader_is_gone():
            sys.stdout = None  # so that the interpreter does not write the rest as it exits
            ending = Ending(DONE, None)
        elif isinstance(error, (SettingsError, UsageError, *self.usage_errors)):
            ending = Ending(USAGE, str(error))
        elif isinstance(error, CatalogFull):
            ending = Ending(DISK_FULL, str(error))
        elif isinstance(error, (*_ERRORS, *self.errors)):
            ending = Ending(NOTHING, str(error))
        elif isinstance(error, ModuleNotFoundError):
            sentence = how_to_install(error)
            ending = None if sentence is None else Ending(NOTHING, sentence)
        elif isinstance(error, OSError):
            file, reason = error.filename or "A file of the home", error.strerror or error
            status = DISK_FULL if error.errno in NO_ROOM else NOTHING
            ending = Ending(status, f"{file} {self.refused}: {reason}.")
        return ending


_ERRORS = (
    AudioError,
    CatalogError,
    DamagedIndex,
    NotFitted,
    NotFound,
    NotIndexed,
    ProjectionError,
    StaleIndex,
    WeightsError,
)


def reader_is_gone() -> bool:
    """Say whether nobody reads standard output any more, where the system can tell."""
    if not hasattr(select, "poll"):
        return True
    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)
    return any(events & (select.POLLERR | select.POLLHUP) for _, events in poll.poll(0))
