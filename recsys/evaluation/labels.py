"""Labels of tracks, from a CSV or from the files' tags, one or several a track.

A label table is a DataFrame of texts indexed by track id. An empty text is no label; `a|b|c` is
three labels. Two tracks share a label column if they have a label of it in common.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from index.arrays import BoolArray, Int64Array
from recsys.catalog import Catalog

SEPARATOR = "|"
FROM_TAGS = ("artist", "album", "recording")  # columns that a CSV need not have


class LabelsError(ValueError):
    """The labels cannot be used; the message says which file or column and why."""


def read_table(path: Path, columns: Iterable[str]) -> pd.DataFrame:
    """Read a CSV of texts that must have these columns. Raises LabelsError."""
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise LabelsError(f"The labels {path} cannot be read: {error}.") from error
    for column in columns:
        if column not in table.columns:
            raise LabelsError(f'The labels {path} have no column "{column}".')
    return table


def track_ids(folder: Path, names: Iterable[str], catalog: Catalog) -> Int64Array:
    """Return the ids of the living tracks at these paths relative to `folder`, -1 for unknown."""
    ids = {track.path: track.id for track in catalog.available_tracks() if not track.part}
    files = [folder / name for name in names]
    return np.array([ids.get(file.parent.resolve() / file.name, -1) for file in files], np.int64)


def read_labels(path: Path, catalog: Catalog) -> pd.DataFrame:
    """Read a CSV of labels and join it to the living tracks of the catalogue.

    Its column `path` is relative to the CSV's folder. Artist, album and recording come from the
    files' tags where the CSV has no such column. Raises LabelsError.
    """
    table = read_table(path, ["path"])
    table.index = pd.Index(track_ids(path.parent, table["path"], catalog))
    joined = table[table.index >= 0]
    if joined.empty:
        raise LabelsError(f"None of the files that {path} names is in the catalogue.")
    joined = joined[~joined.index.duplicated()].sort_index()
    lacking = [column for column in FROM_TAGS if column not in joined.columns]
    return joined.join(catalogue_labels(catalog)[lacking])


def catalogue_labels(catalog: Catalog) -> pd.DataFrame:
    """Return the labels in the files' tags, indexed by track id.

    artist, album, without guesses; genre, the first one; genres, all of them; recording, the same
    number for files of the same recording.
    """
    recordings = catalog.recording_groups()
    columns = ["artist", "album", "genre", "genres", "recording"]
    rows = {
        track.id: (
            track.known_artist,
            track.known_album,
            track.genres[0] if track.genres else "",
            SEPARATOR.join(track.genres),
            str(recordings.get(track.id, track.id)),
        )
        for track in catalog.available_tracks()
    }
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns)


def split_labels(text: str) -> list[str]:
    """Return the labels in a text, each once.

    >>> split_labels("rock| pop|rock|")
    ['rock', 'pop']
    """
    return list(dict.fromkeys(part for label in text.split(SEPARATOR) if (part := label.strip())))


class LabelColumn:
    """One column of labels, with the tracks that share them.

    rows, names  each (track row, label) pair, by row: int64 (n_pairs,), object (n_pairs,)
    """

    def __init__(self, table: pd.DataFrame, column: str) -> None:
        """Raises LabelsError for an unknown column."""
        if column not in table.columns:
            raise LabelsError(f'There is no column "{column}"; got {", ".join(table.columns)}.')
        pairs = [
            (row, label) for row, text in enumerate(table[column]) for label in split_labels(text)
        ]
        self.rows = np.array([row for row, _ in pairs], np.int64)
        self.names = np.array([label for _, label in pairs], object)
        labels, number = np.unique(self.names.astype(str), return_inverse=True)
        self._sizes = np.bincount(number, minlength=len(labels))[number]
        shape = (len(table), max(len(labels), 1))
        self._members = sparse.csr_matrix(
            (np.ones(len(pairs), np.int32), (self.rows, number)), shape=shape
        )

    def of_size(self, least: int) -> BoolArray:
        """Return whether each pair's label has at least `least` tracks: (n_pairs,)."""
        large: BoolArray = self._sizes >= least
        return large

    def shared_with(self, rows: Int64Array) -> BoolArray:
        """Return which tracks share a label with each of `rows`: (n_rows, n_tracks)."""
        shared: BoolArray = (self._members[rows] @ self._members.T).toarray() > 0
        return shared


def artist_groups(table: pd.DataFrame) -> NDArray[np.object_]:
    """Return each track's artist, a name of its own where that is unknown: object (n_tracks,)."""
    artists = table["artist"] if "artist" in table.columns else pd.Series("", table.index)
    own = [f"\0{row}" for row in range(len(table))]
    return np.where(artists == "", own, artists).astype(object)
