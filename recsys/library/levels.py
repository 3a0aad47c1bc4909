"""Read how loud tracks are over their length, for the player's picture of each."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from contextlib import closing
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from encoders.errors import AudioError, FileUnavailable
from encoders.features import AudioSpan
from recsys.catalog import Catalog
from recsys.catalog.base import batches

_BATCH = 500  # tracks of one transaction


class LevelsReader(Protocol):
    """Reads levels; `encoders.extract.Extractor` is one."""

    def levels(
        self, tracks: Iterable[AudioSpan]
    ) -> Generator[tuple[AudioSpan, NDArray[np.uint8] | AudioError], None, None]:
        """Read tracks, in any order."""


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
    for batch in batches(ids, _BATCH):
        tracks = {track.span: track for track in catalog.tracks(batch)}
        found: dict[str, bytes] = {}
        try:
            with closing(reader.levels(list(tracks))) as results:
                for span, result in results:
                    done += 1
                    progress(done, len(ids))
                    if isinstance(result, FileUnavailable):
                        continue
                    levels = b"" if isinstance(result, AudioError) else result.tobytes()
                    found[tracks[span].audio_hash or ""] = levels
        finally:  # also when Ctrl-C stops it
            catalog.store_levels(found)
    return done
