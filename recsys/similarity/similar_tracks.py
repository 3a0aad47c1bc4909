"""Similar tracks: nearest neighbours in the index, one a recording, with the tags they share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from index.arrays import Float32Array, IndexArray
from index.hubs import pair_scores
from recsys.catalog import Track
from recsys.catalog.track_features import Features, read_features
from recsys.home.home import Home
from recsys.home.library_tables import LibraryTables
from recsys.home.track_table import UNKNOWN, TrackTable
from recsys.similarity.explanation import (
    Moment,
    Reasons,
    TrackSound,
    explain,
    mean_logits,
    tags_shared_with,
    typical_moment,
)
from recsys.similarity.highlights import highlight
from recsys.similarity.percentile import SAME, Similarity

_IDENTICAL = 0.9999  # cosine; two embeddings of the same audio are closer


@dataclass(frozen=True)
class Neighbour:
    """A track that sounds like the query.

    similarity   0 to 1: the share of random pairs of the library that are less alike; 1 for the
                 same recording alone
    shared_tags  tags of both by their share in the similarity, the largest first:
                 `recsys.similarity.explanation`
    """

    track: Track
    similarity: float
    shared_tags: tuple[str, ...]


class RankedTrack(NamedTuple):
    """A neighbour by its row in the index; see `Neighbour`."""

    row: int
    similarity: float
    shared_tags: tuple[str, ...]


class SimilarTracks:
    """Searches one index by track or by vector. Safe to share between threads."""

    @classmethod
    def of(cls, home: Home) -> SimilarTracks:
        """Return the search of an opened home. Raises ProjectionError, StaleIndex."""
        projection = home.projection
        return cls(
            home.tables,
            projection.extractors,
            projection.tags,
            projection.logits_mean,
            home.settings.hubs,
        )

    def __init__(
        self,
        tables: LibraryTables,
        names: Sequence[str],
        tags: Sequence[str],
        typical_logits: Float32Array,
        hubs: str = "none",
    ) -> None:
        """`names` key the features; `typical_logits` (n_tags,) is the library's mean of `tags`.

        `hubs` is how scores are corrected for hubs, one of `index.hubs.METHODS`.
        """
        self.tables = tables
        self.catalog = tables.catalog
        self.index = tables.index
        self.names = tuple(names)
        self.tags = tuple(tags)
        self.typical_logits = typical_logits
        self.hubs = hubs
        self._similarity = Similarity(self.index.statistics, hubs)

    def similarity(self, one: Track, other: Track) -> float:
        """Return how alike two indexed tracks are, as `Neighbour.similarity`.

        Raises KeyError if one is not in the index.
        """
        ids = [one.id, other.id]
        a, b = self.index.vectors(ids)
        mine, theirs = self.index.track_statistics(ids)
        groups = self.tables.recording_groups()
        if groups.get(one.id, one.id) == groups.get(other.id, other.id):
            return SAME
        cosine = (a.astype(np.float64) * b).sum().astype(np.float32)  # as the search has it
        return float(self._similarity.of(pair_scores(self.hubs, cosine, mine, theirs)))

    def rank(
        self,
        table: TrackTable,
        track_id: int,
        k: int,
        *,
        artist_cap: int | None = None,
    ) -> list[RankedTrack]:
        """Return up to `k` tracks that sound like an indexed one, best first.

        The track itself and its duplicates are left out, each recording appears once, and no
        artist more than `artist_cap` times. Raises KeyError if the track is not in the index.
        """
        vector = self.index.vectors([track_id])[0]
        seed = int(table.rows([track_id])[0])
        nearest = self._nearest(vector, table, seed, k, artist_cap)
        log_odds = self.tables.log_odds(np.array([seed, *nearest], np.intp))
        return self._with_tags(nearest, log_odds[0], log_odds[1:])

    def of_track(self, track: Track, k: int, *, artist_cap: int | None = None) -> list[Neighbour]:
        """Return the same as `rank`, with the tracks."""
        table = self.tables.tracks()
        return self._as_neighbours(self.rank(table, track.id, k, artist_cap=artist_cap))

    def nearest(
        self, track: Track, k: int, *, artist_cap: int | None = None
    ) -> list[tuple[Track, float]]:
        """Return the tracks of `of_track` with their similarities alone, which takes less time.

        Raises KeyError if the track is not in the index.
        """
        table, vector = self.tables.tracks(), self.index.vectors([track.id])[0]
        seed = int(table.rows([track.id])[0])
        nearest = self._nearest(vector, table, seed, k, artist_cap)
        tracks = self.catalog.tracks(self.index.ids[list(nearest)].tolist())
        return list(zip(tracks, nearest.values(), strict=True))

    def of_vector(
        self,
        vector: Float32Array,
        features: Features,
        k: int,
        *,
        artist_cap: int | None = None,
    ) -> list[Neighbour]:
        """Return the same for a file outside the library, by its embedding (dim,) and features."""
        nearest = self._nearest(vector, self.tables.tracks(), None, k, artist_cap)
        log_odds = self.tables.log_odds(np.array(list(nearest), np.intp))
        return self._as_neighbours(self._with_tags(nearest, mean_logits(features), log_odds))

    def copies(self, track: Track) -> list[Track]:
        """Return the other tracks of a track's recording, ordered by id."""
        groups = self.tables.recording_groups()
        own_group = groups.get(track.id, track.id)
        same = {i for i, group in groups.items() if group == own_group} - {track.id}
        return self.catalog.tracks(sorted(same))

    def n_hidden(self, tracks: Sequence[Track]) -> list[int]:
        """Return how many other files there are of each track's recording."""
        groups = self.tables.recording_groups()
        sizes = Counter(groups.values())
        return [sizes[groups[track.id]] - 1 if track.id in groups else 0 for track in tracks]

    def sound_of(self, track: Track) -> TrackSound:
        """Return a track's features, length, tempo, key. Raises KeyError without features."""
        return _sound(dict(read_features(self.catalog, self.names, [track.id]))[track.id], track)

    def features_of(self, ids: Sequence[int]) -> list[Features]:
        """Return the features of those tracks that have them, by id."""
        return [features for _, features in read_features(self.catalog, self.names, ids)]

    def highlight(self, track: TrackSound) -> Moment:
        """Return the part that is worth hearing first."""
        return highlight(track, self.tags)

    def typical_moment(self, track: TrackSound) -> Moment:
        """Return the moment that is most similar to the whole track."""
        return typical_moment(track, self.typical_logits)

    def reasons(self, query: TrackSound, others: Sequence[Track]) -> dict[int, Reasons]:
        """Return by id why others sound like the query; those without features are missing."""
        tracks = {track.id: track for track in others}
        return {
            track_id: explain(
                query,
                _sound(features, tracks[track_id]),
                self.typical_logits,
                self.tags,
            )
            for track_id, features in read_features(self.catalog, self.names, sorted(tracks))
        }

    def shared_tags(self, pairs: Mapping[int, int | None]) -> dict[int, tuple[str, ...]]:
        """Return the tags that each track shares with another, given by ids, the strongest first.

        With None for the other: the tags that the track itself stands out in.
        """
        ids = sorted({*pairs, *(other for other in pairs.values() if other is not None)})
        rows, indexed = self.tables.tracks().find(ids)
        known = np.full((len(ids), len(self.tags)), np.nan, np.float32)
        known[indexed] = self.tables.log_odds(rows[indexed])
        at = np.searchsorted(ids, list(pairs))
        others = np.searchsorted(ids, [other or track_id for track_id, other in pairs.items()])
        return dict(zip(pairs, self._tags_of(known[at], known[others]), strict=True))

    def _as_neighbours(self, ranked: Sequence[RankedTrack]) -> list[Neighbour]:
        tracks = self.catalog.tracks(self.index.ids[[one.row for one in ranked]].tolist())
        return [
            Neighbour(track, one.similarity, one.shared_tags)
            for track, one in zip(tracks, ranked, strict=True)
        ]

    def _with_tags(
        self, nearest: Mapping[int, float], mine: Float32Array, theirs: Float32Array
    ) -> list[RankedTrack]:
        shared = self._tags_of(mine, theirs)
        return [
            RankedTrack(row, similarity, tags)
            for (row, similarity), tags in zip(nearest.items(), shared, strict=True)
        ]

    def _tags_of(self, mine: Float32Array, theirs: Float32Array) -> list[tuple[str, ...]]:
        """Return the tags that a track's log-odds share with those of others, or each one's."""
        shared = tags_shared_with(mine, theirs, self.typical_logits, self.tags)
        return [tuple(one.tag for one in of_track) for of_track in shared]

    def _nearest(
        self,
        vector: Float32Array,
        table: TrackTable,
        seed: int | None,
        k: int,
        artist_cap: int | None,
    ) -> dict[int, float]:
        """Return the nearest available rows, one of each recording, with their similarities."""
        statistics = None if seed is None else self.index.statistics.tracks[[seed]]
        fetch = 2 * k + 10
        while True:
            ids, scores = self.index.search(
                vector[None],
                fetch,
                exclude=table.gone,
                hubs=self.hubs,
                query_statistics=statistics,
            )[0]
            rows = table.rows(ids)
            chosen = self.distinct(rows, table, seed, artist_cap)
            if len(chosen) >= k or len(ids) < fetch:
                values = self._similarity.of(scores).tolist()
                similarities = dict(zip(rows.tolist(), values, strict=True))
                if seed is None:
                    similarities |= dict.fromkeys(self._identical(vector, rows), SAME)
                return {row: similarities[row] for row in chosen[:k]}
            fetch *= 4

    def _identical(self, vector: Float32Array, rows: IndexArray) -> list[int]:
        """Return which of some rows have the audio that a vector from outside was made of."""
        unit = vector / np.linalg.norm(vector)
        same: list[int] = rows[self.index.vectors_at(rows) @ unit >= _IDENTICAL].tolist()
        return same

    def distinct(
        self, ranked: IndexArray, table: TrackTable, seed: int | None, artist_cap: int | None
    ) -> list[int]:
        """Drop the seed's recording, later copies of one, and what exceeds the artist's cap."""
        taken: set[int] = set() if seed is None else {int(table.recordings.codes[seed])}
        chosen: list[int] = []
        per_artist: Counter[int] = Counter()
        for row, artist, recording in zip(
            ranked.tolist(),
            table.artists[ranked].tolist(),
            table.recordings.codes[ranked].tolist(),
            strict=True,
        ):
            if recording in taken:
                continue
            if artist_cap is not None and artist != UNKNOWN and per_artist[artist] >= artist_cap:
                continue
            per_artist[artist] += 1
            taken.add(recording)
            chosen.append(row)
        return chosen


def copies_hidden(count: int) -> list[str]:
    """Say how many copies of a list's tracks it does not show; nothing where there are none.

    >>> copies_hidden(2)
    ['2 copies of tracks in this list are not shown.']
    """
    if count <= 0:
        return []
    copies, are = ("copies", "are") if count > 1 else ("copy", "is")
    return [f"{count:,} {copies} of tracks in this list {are} not shown."]


def _sound(features: Features, track: Track) -> TrackSound:
    return TrackSound(features, track.duration, track.tempo, track.key)
