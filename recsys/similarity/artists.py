"""Artists: their tracks, who sounds like them, and who is played by the same people."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy import sparse

from index.vector_index import VectorIndex
from recsys.catalog import Catalog, Track
from recsys.catalog.search import fold
from recsys.home.home import RECOUNT_AFTER as REST
from recsys.home.track_table import UNKNOWN, TrackTable
from recsys.similarity.percentile import Similarity

MIN_COMMON = 2  # listeners that two artists must have in common to be named together
_BLOCK = 10_000  # vectors added up at once
_LEAST = 1e-6  # length of a mean embedding that points somewhere


class ArtistAlbum(NamedTuple):
    """An album's tracks in their order, and the first year that they name."""

    name: str
    year: int | None
    tracks: tuple[Track, ...]


class SimilarArtist(NamedTuple):
    """An artist who sounds like another.

    similarity  0 to 1: the share of random pairs of the library's artists that are less alike
    """

    name: str
    similarity: float


class CoListened(NamedTuple):
    """An artist whom `n_common` of another one's `n_listeners` listeners play too.

    cosine  of who plays them: n_common / sqrt(n_listeners n_listeners of this artist), 0 to 1
    """

    name: str
    cosine: float
    n_common: int
    n_listeners: int


class _Sound(NamedTuple):
    """The artists of one shelf by their sound.

    names  by artist's code; the ids of the means are those codes
    codes  by folded name
    """

    shelf: TrackTable
    names: dict[int, str]
    codes: dict[str, int]
    means: VectorIndex


class _Played(NamedTuple):
    """Who played which artist: bool CSC (n_listeners, n_artists), when to count again."""

    shelf: TrackTable
    revision: int
    until: float
    played: sparse.csc_matrix


class Artists:
    """Answers questions about the artists of one opened home. Safe to share between threads."""

    def __init__(
        self, catalog: Catalog, index: VectorIndex, hubs: str, shelf: Callable[[], TrackTable]
    ) -> None:
        """`shelf` returns what is known of the index's tracks now; `hubs` is as in a search."""
        self._catalog = catalog
        self._index = index
        self._hubs = hubs
        self._shelf = shelf
        self._lock = threading.Lock()
        self._sound: _Sound | None = None
        self._played: _Played | None = None

    def albums(self, name: str) -> list[ArtistAlbum]:
        """Return the living tracks of an artist in any spelling by album, the oldest first.

        Those without an album are the last, of name "". Empty for an unknown artist.
        """
        shelf = self._shelf()
        rows = shelf.artist_rows.get(fold(name))
        ids = {*self._catalog.by_artist(name)}
        ids.update([] if rows is None else shelf.ids[rows].tolist())
        albums: dict[str, list[Track]] = {}
        for track in self._catalog.tracks(sorted(ids)):
            if not track.removed:
                albums.setdefault(fold(track.album or ""), []).append(track)
        found = [
            ArtistAlbum(
                tracks[0].album or "",
                min((track.year for track in tracks if track.year), default=None),
                tuple(sorted(tracks, key=_place_on_album)),
            )
            for tracks in albums.values()
        ]
        return sorted(found, key=lambda album: (not album.name, album.year or 9999, album.name))

    def similar(self, name: str, k: int = 10) -> list[SimilarArtist]:
        """Return at most `k` artists whose tracks sound alike on average, best first.

        Compared are the mean embeddings, corrected for hubs as tracks are. Empty for an artist
        none of whose tracks is indexed.
        """
        sound = self._by_sound()
        code = sound.codes.get(fold(name)) if sound else None
        if sound is None or code is None:
            return []
        ids, scores = sound.means.search(
            sound.means.vectors([code]),
            k,
            exclude=[code],
            hubs=self._hubs,
            query_statistics=sound.means.track_statistics([code]),
        )[0]
        similarities = Similarity(sound.means.statistics, self._hubs).of(scores)
        return [
            SimilarArtist(sound.names[other], similarity)
            for other, similarity in zip(ids.tolist(), similarities.tolist(), strict=True)
        ]

    def co_listened(self, name: str, k: int = 10) -> list[CoListened]:
        """Return at most `k` artists whom an artist's listeners play too, best first.

        Ordered by the cosine; named only where MIN_COMMON listeners play both.
        """
        shelf = self._shelf()
        rows = shelf.artist_rows.get(fold(name))
        if rows is None:
            return []
        code = int(shelf.artists[rows[0]])
        played = self._by_listeners(shelf)
        listens = played[:, [code]].toarray().ravel()
        common, totals = played.T @ listens, np.diff(played.indptr)
        n_listeners = int(totals[code])
        common[code] = 0
        cosines = common / np.sqrt(np.maximum(totals * n_listeners, 1))
        best = np.argsort(-cosines, kind="stable")
        best = best[common[best] >= MIN_COMMON][:k]
        names = _names(shelf)
        return [
            CoListened(names[c], float(cosines[c]), int(common[c]), n_listeners)
            for c in best.tolist()
        ]

    def _by_sound(self) -> _Sound | None:
        """Average the embeddings of each artist's tracks, once a shelf; None without artists."""
        shelf = self._shelf()
        with self._lock:
            if self._sound is None or self._sound.shelf is not shelf:
                names = _names(shelf)
                sums = np.zeros((len(names), self._index.dim), np.float32)
                for start in range(0, len(shelf), _BLOCK):
                    rows = np.arange(start, min(start + _BLOCK, len(shelf)))
                    rows = rows[shelf.artists[rows] != UNKNOWN]
                    np.add.at(sums, shelf.artists[rows], self._index.vectors(shelf.ids[rows]))
                known = np.flatnonzero(np.linalg.norm(sums, axis=1) > _LEAST)
                codes = {fold(names[code]): code for code in known.tolist()}
                self._sound = _Sound(shelf, names, codes, VectorIndex.build(known, sums[known]))
            return self._sound if self._sound.codes else None

    def _by_listeners(self, shelf: TrackTable) -> sparse.csc_matrix:
        """Return who played which artist, counted anew for no more than a REST-th of the time."""
        revision = self._catalog.listens_revision
        with self._lock:
            kept = self._played
            if (
                kept
                and kept.shelf is shelf
                and (kept.revision == revision or time.monotonic() < kept.until)
            ):
                return kept.played
            begin = time.monotonic()
            played = _played(self._catalog, shelf)
            end = time.monotonic()
            self._played = _Played(shelf, revision, end + REST * (end - begin), played)
            return played


def _played(catalog: Catalog, shelf: TrackTable) -> sparse.csc_matrix:
    """Return who played which artist, float32 CSC of ones (n_listeners, n_artists)."""
    interactions = catalog.interactions()
    rows, known = shelf.find(interactions.tracks)
    codes = np.full(len(rows), UNKNOWN, np.int64)
    codes[known] = shelf.artists[rows[known]]
    columns = np.flatnonzero(codes != UNKNOWN)
    shape = (len(codes), max(len(_names(shelf)), 1))
    artist_of = sparse.csr_matrix(
        (np.ones(len(columns), np.float32), (columns, codes[columns])), shape=shape
    )
    played = sparse.csc_matrix(interactions.counts @ artist_of)
    played.data = np.ones_like(played.data)
    return played


def _names(shelf: TrackTable) -> dict[int, str]:
    """Return how the artist of each code is written."""
    return {
        int(shelf.artists[rows[0]]): shelf.names[name] for name, rows in shelf.artist_rows.items()
    }


def _place_on_album(track: Track) -> tuple[int, int, int]:
    return track.disc_number or 0, track.track_number or 0, track.id
