"""Read how loud tracks are over their length, for the player's picture of each."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from contextlib import closing
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from encoders.errors import AudioError, FileUnavailable
from recsys.catalog import Catalog

_BATCH = 500  # tracks of one transaction


class LevelsReader(Protocol):
    """Reads levels; `encoders.extract.Extractor` is one."""

    def levels(
        self, tracks: Iterable[tuple[Path, float]]
    ) -> Generator[tuple[Path, NDArray[np.uint8] | AudioError], None, None]:
        """Read files given with their durations, in any order."""


def read_missing_levels(
    catalog: Catalog,
    reader: LevelsReader,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> int:
    """Read and store the levels that analysed tracks lack; return of how many.

    A file that is not there for the moment is left to the next call. Raises CatalogError.
    """
    ids = catalog.without_levels()
    done = 0
    for start in range(0, len(ids), _BATCH):
        tracks = {track.path: track for track in catalog.tracks(ids[start : start + _BATCH])}
        jobs = [(path, track.duration or 0.0) for path, track in tracks.items()]
        found: dict[str, bytes] = {}
        try:
            with closing(reader.levels(jobs)) as results:
                for path, result in results:
                    done += 1
                    progress(done, len(ids))
                    if isinstance(result, FileUnavailable):
                        continue
                    levels = b"" if isinstance(result, AudioError) else result.tobytes()
                    found[tracks[path].audio_hash or ""] = levels
        finally:  # also when Ctrl-C stops it
            catalog.store_levels(found)
    return done
