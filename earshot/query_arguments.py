"""What commands that answer share: what a query means, and how they end."""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Callable
from pathlib import Path

from earshot.terminal import printable
from encoders.errors import AudioError, WeightsError
from encoders.projection import Projection, ProjectionError
from index.arrays import Float32Array
from index.vector_index import DamagedIndex, StaleIndex
from recsys.catalog import Catalog, CatalogError, Track
from recsys.catalog.track_features import Features
from recsys.home.files import WEIGHTS_NAME
from recsys.home.home import NotIndexed
from recsys.home.settings import SettingsError
from recsys.library.scanning import AUDIO_SUFFIXES

NOT_FOUND, USAGE, STOPPED = 1, 2, 130
MAX_ID_DIGITS = 9  # longer numbers are words


class NotFound(Exception):
    """The query names nothing in the library."""


_ERRORS: tuple[type[Exception], ...] = (
    AudioError,
    CatalogError,
    DamagedIndex,
    NotFound,
    NotIndexed,
    ProjectionError,
    StaleIndex,
    WeightsError,
)


def status_of(
    run: Callable[[argparse.Namespace], int],
    args: argparse.Namespace,
    *errors: type[Exception],
    refused: str,
) -> int:
    """Run a command that answers, and return its exit status.

    What can go wrong, `errors` among it, is said in a sentence; `refused` is what a sentence says
    of a file that the system denies.
    """
    known = _ERRORS + errors
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # not every terminal can show every title
    try:
        status = run(args)
        print(end="", flush=True)
        return status
    except SettingsError as error:
        complain(error)
        return USAGE
    except known as error:
        complain(error)
        return NOT_FOUND
    except BrokenPipeError:  # whoever reads has seen enough
        sys.stdout = None
        return 0
    except OSError as error:
        complain(f"{error.filename or 'The home'} {refused}: {error.strerror}.")
        return NOT_FOUND
    except KeyboardInterrupt:
        return STOPPED


def is_file(query: str) -> bool:
    """Say whether the query names an existing file."""
    try:
        return Path(query).is_file()
    except (OSError, ValueError):  # longer than a path can be, or with a NUL in it
        return False


def find(catalog: Catalog, query: str) -> Track:
    """Find the track that an id or search words mean. Raises NotFound."""
    if os.sep in query and Path(query).suffix.lower() in AUDIO_SUFFIXES:
        raise NotFound(f"There is no file {query}.")
    is_id = query.isascii() and query.isdigit() and len(query) <= MAX_ID_DIGITS
    by_id = catalog.track(int(query)) if is_id else None
    found = [by_id] if by_id else catalog.search(query, 1)
    if not found:
        raise NotFound(f'Nothing in the library is called "{query}", and it is no file.')
    return found[0]


def track_of_file(catalog: Catalog, path: Path) -> Track | None:
    """Return the analysed track of the library that a file is, None for a file from outside."""
    known = catalog.files().get(path.parent.resolve() / path.name)
    track = catalog.track(known.id) if known and not known.removed else None
    return track if track and track.status == "ready" else None


def hear(path: Path, catalog: Catalog, projection: Projection) -> tuple[Float32Array, Features]:
    """Return embedding (dim,) and features of a file from outside. Raises AudioError."""
    # Only such a file needs the networks, which take seconds to import.
    from encoders.extract import load_known_extractor  # noqa: PLC0415

    extractor = load_known_extractor(projection.extractors, catalog.home / WEIGHTS_NAME)
    heard = extractor.features(path)
    return projection.embed([heard])[0], heard


def track_name(track: Track) -> str:
    """Name a track as people do."""
    return f"{track.artist} - {track.title}" if track.artist else track.title


def complain(error: Exception | str) -> None:
    """Print an error's sentence."""
    print(printable(str(error)), file=sys.stderr)
