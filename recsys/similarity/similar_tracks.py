"""Similar tracks: nearest neighbours in the index, one a recording, with the tags they share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from index.arrays import Float32Array, Int64Array
from index.hubs import pair_scores
from index.vector_index import VectorIndex
from recsys.catalog import Catalog, Track
from recsys.catalog.search import fold
from recsys.catalog.track_features import Features, read_features
from recsys.home.home import Home
from recsys.similarity.explanation import (
    Moment,
    Reasons,
    TrackSound,
    explain,
    highlight,
    mean_logits,
    shared_tags,
)
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


class SimilarTracks:
    """Searches one index by track or by vector. Safe to share between threads."""

    @classmethod
    def of(cls, home: Home) -> SimilarTracks:
        """Return the search of an opened home. Raises ProjectionError, StaleIndex."""
        projection = home.projection
        return cls(
            home.catalog,
            home.index,
            projection.extractors,
            projection.tags,
            projection.logits_mean,
            home.settings.hubs,
        )

    def __init__(
        self,
        catalog: Catalog,
        index: VectorIndex,
        names: Sequence[str],
        tags: Sequence[str],
        typical_logits: Float32Array,
        hubs: str = "none",
    ) -> None:
        """`names` key the features; `typical_logits` (n_tags,) is the library's mean of `tags`.

        `hubs` is how scores are corrected for hubs, one of `index.hubs.METHODS`.
        """
        self.catalog = catalog
        self.index = index
        self.names = tuple(names)
        self.tags = tuple(tags)
        self.typical_logits = typical_logits
        self.hubs = hubs
        self._similarity = Similarity(index.statistics, hubs)
        self._available = _Available(-1, {}, [])

    def similarity(self, one: Track, other: Track) -> float:
        """Return how alike two indexed tracks are, as `Neighbour.similarity`.

        Raises KeyError if one is not in the index.
        """
        ids = [one.id, other.id]
        a, b = self.index.vectors(ids)
        mine, theirs = self.index.track_statistics(ids)
        groups = self._current_available().groups
        if groups.get(one.id, one.id) == groups.get(other.id, other.id):
            return SAME
        cosine = (a.astype(np.float64) * b).sum().astype(np.float32)  # as the search has it
        return float(self._similarity.of(pair_scores(self.hubs, cosine, mine, theirs)))

    def of_track(self, track: Track, k: int, *, artist_cap: int | None = None) -> list[Neighbour]:
        """Return up to `k` tracks that sound like an indexed one, best first.

        The track itself and its duplicates are left out, each recording appears once, and no
        artist more than `artist_cap` times. Raises KeyError if the track is not in the index.
        """
        vector = self.index.vectors([track.id])[0]
        features = next(read_features(self.catalog, self.names, [track.id]), (0, None))[1]
        return self._neighbours(vector, features, track, k, artist_cap)

    def nearest(self, track: Track, k: int) -> list[tuple[Track, float]]:
        """Return the tracks of `of_track` with their similarities alone, which takes less time.

        Raises KeyError if the track is not in the index.
        """
        return self._nearest(self.index.vectors([track.id])[0], track, k, None)

    def of_vector(
        self,
        vector: Float32Array,
        features: Features,
        k: int,
        *,
        artist_cap: int | None = None,
    ) -> list[Neighbour]:
        """Return the same for a file outside the library, by its embedding (dim,) and features."""
        return self._neighbours(vector, features, None, k, artist_cap)

    def copies(self, track: Track) -> list[Track]:
        """Return the other tracks of a track's recording, ordered by id."""
        groups = self._current_available().groups
        own_group = groups.get(track.id, track.id)
        same = {i for i, group in groups.items() if group == own_group} - {track.id}
        return self.catalog.tracks(sorted(same))

    def n_hidden(self, tracks: Iterable[Track]) -> int:
        """Return how many other files of the recordings of a list's tracks there are."""
        groups = self._current_available().groups
        ids = {track.id for track in tracks}
        listed = {groups.get(track_id, track_id) for track_id in ids}
        return sum(group in listed for group in groups.values()) - len(ids & groups.keys())

    def sound_of(self, track: Track) -> TrackSound:
        """Return a track's stored features, length and tempo. Raises KeyError without features."""
        features = dict(read_features(self.catalog, self.names, [track.id]))[track.id]
        return TrackSound(features, track.duration, track.bpm)

    def features_of(self, ids: Sequence[int]) -> list[Features]:
        """Return the features of those tracks that have them, by id."""
        return [features for _, features in read_features(self.catalog, self.names, ids)]

    def highlight(self, track: TrackSound) -> Moment:
        """Return the moment that is most similar to the whole track."""
        return highlight(track, self.typical_logits)

    def reasons(self, query: TrackSound, others: Sequence[Track]) -> dict[int, Reasons]:
        """Return by id why others sound like the query; those without features are missing."""
        tracks = {track.id: track for track in others}
        return {
            track_id: explain(
                query,
                TrackSound(features, tracks[track_id].duration, tracks[track_id].bpm),
                self.typical_logits,
                self.tags,
            )
            for track_id, features in read_features(self.catalog, self.names, sorted(tracks))
        }

    def shared_tags(self, pairs: Mapping[int, int | None]) -> dict[int, tuple[str, ...]]:
        """Return the tags that each track shares with another, given by ids, the strongest first.

        With None for the other: the tags that the track itself stands out in.
        """
        ids = {*pairs, *(other for other in pairs.values() if other is not None)}
        logits = {
            track_id: mean_logits(features)
            for track_id, features in read_features(self.catalog, self.names, sorted(ids))
        }
        return {
            track_id: self._shared(logits.get(track_id), logits.get(other or track_id))
            for track_id, other in pairs.items()
        }

    def _neighbours(
        self,
        vector: Float32Array,
        features: Features | None,
        seed: Track | None,
        k: int,
        artist_cap: int | None,
    ) -> list[Neighbour]:
        chosen = self._nearest(vector, seed, k, artist_cap)
        query_logits = None if features is None else mean_logits(features)
        ids = sorted(track.id for track, _ in chosen)
        logits = {
            track_id: mean_logits(of_track)
            for track_id, of_track in read_features(self.catalog, self.names, ids)
        }
        return [
            Neighbour(track, similarity, self._shared(query_logits, logits.get(track.id)))
            for track, similarity in chosen
        ]

    def _nearest(
        self, vector: Float32Array, seed: Track | None, k: int, artist_cap: int | None
    ) -> list[tuple[Track, float]]:
        """Return the nearest available tracks, one of each recording, with their similarities."""
        available = self._current_available()
        statistics = None if seed is None else self.index.track_statistics([seed.id])
        fetch = 2 * k + 10
        while True:
            ids, scores = self.index.search(
                vector[None],
                fetch,
                exclude=available.gone,
                hubs=self.hubs,
                query_statistics=statistics,
            )[0]
            tracks = self.catalog.tracks(ids.tolist())
            chosen = self._distinct(tracks, available.groups, seed, artist_cap)
            if len(chosen) >= k or len(ids) < fetch:
                values = self._similarity.of(scores).tolist()
                similarities = dict(zip(ids.tolist(), values, strict=True))
                if seed is None:
                    similarities |= dict.fromkeys(self._identical(vector, ids), SAME)
                return [(track, similarities[track.id]) for track in chosen[:k]]
            fetch *= 4

    def _identical(self, vector: Float32Array, ids: Int64Array) -> list[int]:
        """Return which of some tracks have the audio that a vector from outside was made of."""
        unit = vector / np.linalg.norm(vector)
        same: list[int] = ids[self.index.vectors(ids) @ unit >= _IDENTICAL].tolist()
        return same

    def _distinct(
        self,
        ranked: Iterable[Track],
        groups: dict[int, int],
        seed: Track | None,
        artist_cap: int | None,
    ) -> list[Track]:
        """Drop the seed, later copies of one recording, and what exceeds the artist's cap."""
        seeds = [seed] if seed else []
        chosen: list[Track] = []
        taken = {groups.get(track.id, track.id) for track in seeds}
        per_artist: Counter[str] = Counter()
        for track in ranked:
            artist = fold(track.known_artist)
            if groups.get(track.id, track.id) in taken:
                continue
            if artist_cap is not None and artist and per_artist[artist] >= artist_cap:
                continue
            per_artist[artist] += 1
            taken.add(groups.get(track.id, track.id))
            chosen.append(track)
        return chosen

    def _current_available(self) -> _Available:
        """Read from the catalogue which tracks are available, once a revision."""
        revision = self.catalog.revision
        if self._available.revision != revision:
            groups = self.catalog.recording_groups()
            gone = [track_id for track_id in self.index.ids.tolist() if track_id not in groups]
            self._available = _Available(revision, groups, gone)
        return self._available

    def _shared(self, one: Float32Array | None, other: Float32Array | None) -> tuple[str, ...]:
        """Return the tags that two tracks' mean log-odds share."""
        if one is None or other is None:
            return ()
        return tuple(s.tag for s in shared_tags(one, other, self.typical_logits, self.tags))


class _Available(NamedTuple):
    """The available tracks at one revision.

    groups  recording by track id
    gone    ids of indexed tracks that are not available
    """

    revision: int
    groups: dict[int, int]
    gone: list[int]


def copies_hidden(count: int) -> list[str]:
    """Say how many copies of a list's tracks it does not show; nothing where there are none.

    >>> copies_hidden(2)
    ['2 copies of tracks in this list are not shown.']
    """
    if count <= 0:
        return []
    copies, are = ("copies", "are") if count > 1 else ("copy", "is")
    return [f"{count:,} {copies} of tracks in this list {are} not shown."]
