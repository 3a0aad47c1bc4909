"""Artists: their albums, similar artists by sound, and artists with the same listeners."""

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
from recsys.home.home import RECOUNT_AFTER
from recsys.home.track_table import UNKNOWN, TrackTable
from recsys.similarity.percentile import Similarity

MIN_COMMON = 2  # listeners that two artists must share to be named together
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


class _ArtistMeans(NamedTuple):
    """The mean embeddings of the artists of one track table.

    names  by artist's code; the ids of the means are those codes
    codes  by folded name
    """

    table: TrackTable
    names: dict[int, str]
    codes: dict[str, int]
    means: VectorIndex


class _ArtistListeners(NamedTuple):
    """Who played which artist at one revision of the listens; when to count again.

    played  ones, float32 CSC (n_listeners, n_artists)
    """

    table: TrackTable
    revision: int
    until: float
    played: sparse.csc_matrix


class Artists:
    """The artists of one opened home. Safe to share between threads."""

    def __init__(
        self,
        catalog: Catalog,
        index: VectorIndex,
        hubs: str,
        track_table: Callable[[], TrackTable],
        recount_after: float = RECOUNT_AFTER,
    ) -> None:
        """`track_table` returns the columns of the index's tracks now; `hubs` is as in a search.

        Listens are not counted again for `recount_after` times as long as counting took.
        """
        self._catalog = catalog
        self._index = index
        self._hubs = hubs
        self._track_table = track_table
        self._recount_after = recount_after
        self._lock = threading.Lock()
        self._means: _ArtistMeans | None = None
        self._listeners: _ArtistListeners | None = None

    def albums(self, name: str) -> list[ArtistAlbum]:
        """Return the available tracks of an artist in any spelling by album, the oldest first.

        Those without an album are the last, of name "". Empty for an unknown artist.
        """
        table = self._track_table()
        rows = table.artist_rows.get(fold(name))
        ids = {*self._catalog.by_artist(name)}
        ids.update([] if rows is None else table.ids[rows].tolist())
        tracks_by_album: dict[str, list[Track]] = {}
        for track in self._catalog.tracks(sorted(ids)):
            if not track.removed:
                tracks_by_album.setdefault(fold(track.album or ""), []).append(track)
        albums = [
            ArtistAlbum(
                tracks[0].album or "",
                min((track.year for track in tracks if track.year), default=None),
                tuple(sorted(tracks, key=_place_on_album)),
            )
            for tracks in tracks_by_album.values()
        ]
        return sorted(albums, key=lambda album: (not album.name, album.year or 9999, album.name))

    def similar(self, name: str, k: int = 10) -> list[SimilarArtist]:
        """Return at most `k` artists whose tracks sound alike on average, best first.

        Compared are the mean embeddings, corrected for hubs as tracks are. Empty for an artist
        none of whose tracks is indexed.
        """
        artists = self._current_means()
        code = artists.codes.get(fold(name)) if artists else None
        if artists is None or code is None:
            return []
        means = artists.means
        ids, scores = means.search(
            means.vectors([code]),
            k,
            exclude=[code],
            hubs=self._hubs,
            query_statistics=means.track_statistics([code]),
        )[0]
        similarities = Similarity(means.statistics, self._hubs).of(scores)
        return [
            SimilarArtist(artists.names[other], similarity)
            for other, similarity in zip(ids.tolist(), similarities.tolist(), strict=True)
        ]

    def co_listened(self, name: str, k: int = 10) -> list[CoListened]:
        """Return at most `k` artists whom an artist's listeners play too, best first.

        Ordered by the cosine; named only where MIN_COMMON listeners play both.
        """
        table = self._track_table()
        rows = table.artist_rows.get(fold(name), np.empty(0, np.intp))
        codes = np.setdiff1d(table.artists[rows], [UNKNOWN])
        if not len(codes):
            return []
        code = int(codes[0])
        played = self._current_listeners(table)
        listeners = played[:, [code]].toarray().ravel()
        common, totals = played.T @ listeners, np.diff(played.indptr)
        n_listeners = int(totals[code])
        common[code] = 0
        cosines = common / np.sqrt(np.maximum(totals * n_listeners, 1))
        best = np.argsort(-cosines, kind="stable")
        best = best[common[best] >= MIN_COMMON][:k]
        names = table.artist_names
        return [
            CoListened(names[c], float(cosines[c]), int(common[c]), n_listeners)
            for c in best.tolist()
        ]

    def _current_means(self) -> _ArtistMeans | None:
        """Average the embeddings of each artist's tracks, once a table; None without artists."""
        table = self._track_table()
        with self._lock:
            if self._means is None or self._means.table is not table:
                names = table.artist_names
                sums = np.zeros((len(names), self._index.dim), np.float32)
                for start in range(0, len(table), _BLOCK):
                    rows = np.arange(start, min(start + _BLOCK, len(table)))
                    rows = rows[table.artists[rows] != UNKNOWN]
                    np.add.at(sums, table.artists[rows], self._index.vectors(table.ids[rows]))
                known = np.flatnonzero(np.linalg.norm(sums, axis=1) > _LEAST)
                codes = {fold(names[code]): code for code in known.tolist()}
                means = VectorIndex.build(known, sums[known])
                self._means = _ArtistMeans(table, names, codes, means)
            return self._means if self._means.codes else None

    def _current_listeners(self, table: TrackTable) -> sparse.csc_matrix:
        """Return who played which artist, counted again as often as `recount_after` allows."""
        revision = self._catalog.listens_revision
        with self._lock:
            counted = self._listeners
            if (
                counted
                and counted.table is table
                and (counted.revision == revision or time.monotonic() < counted.until)
            ):
                return counted.played
            begin = time.monotonic()
            played = _played(self._catalog, table)
            end = time.monotonic()
            until = end + self._recount_after * (end - begin)
            self._listeners = _ArtistListeners(table, revision, until, played)
            return played


def _played(catalog: Catalog, table: TrackTable) -> sparse.csc_matrix:
    """Return who played which artist, float32 CSC of ones (n_listeners, n_artists)."""
    interactions = catalog.interactions()
    rows, indexed = table.find(interactions.tracks)
    codes = np.full(len(rows), UNKNOWN, np.int64)
    codes[indexed] = table.artists[rows[indexed]]
    columns = np.flatnonzero(codes != UNKNOWN)
    shape = (len(codes), max(len(table.artist_names), 1))
    artist_of = sparse.csr_matrix(
        (np.ones(len(columns), np.float32), (columns, codes[columns])), shape=shape
    )
    played = sparse.csc_matrix(interactions.counts @ artist_of)
    played.data = np.ones_like(played.data)
    return played


def _place_on_album(track: Track) -> tuple[int, int, int]:
    return track.disc_number or 0, track.track_number or 0, track.id
