"""Resolve a query's seeds and a listener's history to vectors and tags, with fallbacks.

The tracks of its artist replace a track that is not indexed, then its genres; where nothing is
left, the most played tracks are recommended.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from index.arrays import Float32Array, Float64Array, IndexArray, Int64Array
from index.vector_index import VectorIndex
from recsys.catalog import Catalog
from recsys.catalog.search import fold
from recsys.home.track_table import TrackTable, nearest_name
from recsys.recommendation.query import Fallback, Query, ReasonKind, Seed
from recsys.tagging.personal_tags import ListenersTags

MAX_PLAYED = 100  # tracks of a listener's history that become seed vectors: the most played
MAX_OF_ARTIST = 30  # tracks that become seed vectors of an artist
MAX_SEED_VECTORS = 300  # positive ones, and as many negative ones
MAX_REPLACEMENTS = 20  # artists, or genres, that replace a history none of which is indexed
OUTSIDE = -1  # the row of a seed vector that is not in the index
LIKE_COUNTS_AS = 10  # listens
SKIP_WEIGHT = 0.5  # of a dislike
GENRE_BONUS = 2.0  # standard deviations that a genre in a file's tags adds to the tag's value

_T = TypeVar("_T")


@dataclass(frozen=True, eq=False)
class ListenerHistory:
    """A listener's listens and feedback, as rows of the track table.

    rows       tracks played, `counts` how often, float32, and `last_at` when last, in Unix
               seconds, 0 where it is not known, int64
    unindexed  ids of the tracks played that are not indexed
    """

    rows: IndexArray = field(default_factory=lambda: np.empty(0, np.intp))
    counts: Float32Array = field(default_factory=lambda: np.empty(0, np.float32))
    unindexed: tuple[int, ...] = ()
    liked: tuple[int, ...] = ()
    disliked: tuple[int, ...] = ()
    skipped: tuple[int, ...] = ()
    last_at: Int64Array = field(default_factory=lambda: np.empty(0, np.int64))

    def is_same(self, other: ListenerHistory) -> bool:
        """Say whether another history is equal."""
        return all(
            np.array_equal(getattr(self, one.name), getattr(other, one.name))
            for one in fields(self)
        )


@dataclass(frozen=True)
class SeedVector:
    """A vector that recommended tracks are to sound like, or unlike.

    row       in the track table, or OUTSIDE
    weight    above 0
    kind      of the reason that it gives, and `ref` what that names
    fallback  how it was derived
    """

    row: int
    vector: Float32Array
    weight: float
    kind: ReasonKind
    ref: int | str
    fallback: Fallback


@dataclass(frozen=True)
class TagTerm:
    """A tag to stand out in, or not to; the weight is above 0, values are of all rows, (n,)."""

    ref: str
    weight: float
    values: Float32Array


@dataclass
class ResolvedSeeds:
    """A query's seeds and a listener's history as vectors and tags.

    positive, negative          vectors to sound like, and unlike
    wanted_tags, unwanted_tags  tags to stand out in, and not to
    sound_weight                weight of all positive vectors together beside those of the tags:
                                the greatest of a seed among them, so that a long playlist does not
                                drown a tag
    notices                     sentences on seeds that could not be used as given
    """

    positive: list[SeedVector] = field(default_factory=list)
    negative: list[SeedVector] = field(default_factory=list)
    wanted_tags: list[TagTerm] = field(default_factory=list)
    unwanted_tags: list[TagTerm] = field(default_factory=list)
    sound_weight: float = 1.0
    notices: list[str] = field(default_factory=list)

    @cached_property
    def vectors(self) -> Float32Array:
        """The positive vectors, (n, dim); to be asked for when all seeds are resolved."""
        return np.stack([seed.vector for seed in self.positive])

    @cached_property
    def weights(self) -> Float32Array:
        """The weights of the positive vectors, likewise: (n,)."""
        return np.array([seed.weight for seed in self.positive], np.float32)

    @property
    def fallback(self) -> Fallback:
        """The most direct of the ways in which the seeds were derived."""
        fallbacks = {seed.fallback for seed in self.positive}
        if "track" in fallbacks:
            return "track"
        if fallbacks:
            return "artist"
        return "tags" if self.wanted_tags else "popular"

    @property
    def shares(self) -> tuple[float, float]:
        """The shares of sound (or popularity in its place) and of tags in the content score."""
        tags = sum(tag.weight for tag in self.wanted_tags)
        sound = 0.0 if self.fallback == "tags" else self.sound_weight
        unit = 1 / (tags + sound)
        return unit * sound, unit * tags


class SeedResolver:
    """Resolves queries among the tracks of one index."""

    def __init__(
        self, catalog: Catalog, index: VectorIndex, table: TrackTable, tags: ListenersTags
    ) -> None:
        """`tags` are those that the querying listener can name."""
        self.catalog = catalog
        self.index = index
        self.table = table
        self.tags = tags

    def resolve(self, query: Query, history: ListenerHistory) -> ResolvedSeeds:
        """Return the query's seeds, and the listener's history where no seed gives a vector.

        Raises ValueError for a sound of another dimension than the index's.
        """
        resolved = ResolvedSeeds()
        for seed in query.seeds:
            self._add(resolved, seed)
        weights = [seed.weight for seed in query.seeds if seed.kind != "tag" and seed.weight > 0]
        if resolved.positive:
            resolved.sound_weight = max(weights)
        else:
            self._add_history(resolved, history)
            if not resolved.positive and query.listener is not None:
                self._add_unindexed_history(resolved, query.listener, history)
        for rows, weight in ((history.disliked, 1.0), (history.skipped, SKIP_WEIGHT)):
            resolved.negative += self._vectors(
                np.array(rows, np.intp), np.full(len(rows), weight), "dislike"
            )
        if len(resolved.positive) > MAX_SEED_VECTORS:
            resolved.notices.append(
                f"Of {len(resolved.positive)} seed tracks, {MAX_SEED_VECTORS}, evenly spread, "
                "are used."
            )
        resolved.positive = _evenly_spread(resolved.positive, MAX_SEED_VECTORS)
        resolved.negative = _evenly_spread(resolved.negative, MAX_SEED_VECTORS)
        return resolved

    def _add(self, resolved: ResolvedSeeds, seed: Seed) -> None:
        vectors = resolved.positive if seed.weight > 0 else resolved.negative
        if seed.kind == "sound":
            vectors.append(self._sound(seed))
        elif seed.kind == "track":
            rows = self.table.rows([int(seed.ref)])
            kind: ReasonKind = "seed" if seed.weight > 0 else "dislike"
            vectors += self._vectors(rows, np.full(len(rows), abs(seed.weight)), kind)
            if not len(rows):
                self._replace_track(resolved, seed)
        elif seed.kind == "artist":
            of_artist = self._artist(str(seed.ref), seed.weight)
            vectors += of_artist
            if not of_artist:
                near = nearest_name(str(seed.ref), self._written(self.table.artist_rows))
                resolved.notices.append(
                    f'There is no analysed track of an artist "{seed.ref}".{near}'
                )
        else:
            self._add_tag(resolved, str(seed.ref), seed.weight)

    def _replace_track(self, resolved: ResolvedSeeds, seed: Seed) -> None:
        """Add the tracks of its artist for a track that is not indexed, or else its genres."""
        track = self.catalog.track(int(seed.ref))
        if track is None:
            resolved.notices.append(f"There is no track {seed.ref} in the library.")
            return
        why = f"{track.name} is not in the index"
        of_artist = self._artist(track.known_artist, seed.weight)
        if of_artist:
            (resolved.positive if seed.weight > 0 else resolved.negative).extend(of_artist)
            resolved.notices.append(f"{why}: the other tracks of {track.artist} are used instead.")
        elif track.genres:
            resolved.notices.append(f"{why}: its genres are used instead.")
            for genre in track.genres:
                self._add_tag(resolved, genre, seed.weight / len(track.genres))
        else:
            resolved.notices.append(f"{why}, and nothing can be used instead.")

    def _artist(self, name: str, weight: float) -> list[SeedVector]:
        """Return the artist's tracks, which share the weight; of many, some evenly spread."""
        rows = self.table.artist_rows.get(fold(name), np.empty(0, np.intp))
        rows = np.array(_evenly_spread(rows, MAX_OF_ARTIST), np.intp)
        share = abs(weight) / max(len(rows), 1)
        kind: ReasonKind = "artist" if weight > 0 else "dislike"
        vectors = self.index.vectors_at(rows)
        return [
            SeedVector(int(row), vector, share, kind, self.table.names[fold(name)], "artist")
            for row, vector in zip(rows, vectors, strict=True)
        ]

    def _vectors(
        self, rows: IndexArray, weights: Float64Array, kind: ReasonKind
    ) -> list[SeedVector]:
        """Return indexed tracks as seed vectors, each of its own weight."""
        vectors = self.index.vectors_at(rows)
        return [
            SeedVector(row, vector, weight, kind, int(self.table.ids[row]), "track")
            for row, vector, weight in zip(rows.tolist(), vectors, weights.tolist(), strict=True)
        ]

    def _sound(self, seed: Seed) -> SeedVector:
        vector = np.asarray(seed.vector, np.float32)
        if vector.shape != (self.index.dim,) or not np.isfinite(vector).all():
            raise ValueError(
                f"vector of {seed.ref!r}: wanted {self.index.dim} finite numbers, "
                f"got shape {vector.shape}"
            )
        unit = vector / max(float(np.linalg.norm(vector)), 1e-12)
        kind: ReasonKind = "seed" if seed.weight > 0 else "dislike"
        return SeedVector(OUTSIDE, unit, abs(seed.weight), kind, seed.ref, "track")

    def _add_history(self, resolved: ResolvedSeeds, history: ListenerHistory) -> None:
        """Add the most played and liked tracks, without those disliked or skipped."""
        weights: dict[int, float] = dict(
            zip(history.rows.tolist(), np.log1p(history.counts).tolist(), strict=True)
        )
        for row in history.liked:
            weights[row] = weights.get(row, 0.0) + float(np.log1p(LIKE_COUNTS_AS))
        for row in {*history.disliked, *history.skipped}:
            weights.pop(row, None)
        strongest = sorted(weights, key=lambda row: (-weights[row], row))[:MAX_PLAYED]
        resolved.positive += self._vectors(
            np.array(strongest, np.intp), np.array([weights[row] for row in strongest]), "listens"
        )

    def _add_unindexed_history(
        self, resolved: ResolvedSeeds, listener: int, history: ListenerHistory
    ) -> None:
        """Add the artists of a history none of which is indexed, or else its genres."""
        tracks = self.catalog.tracks(history.unindexed)
        artists = Counter(dict(self.catalog.artists_missing(listener)))
        artists.update(track.known_artist for track in tracks if track.known_artist)
        for name, plays in _commonest(artists, self.table.artist_rows):
            resolved.positive += self._artist(name, float(np.log1p(plays)))
        genres = Counter(genre for track in tracks for genre in track.genres)
        why = "Nothing of what this listener played is in the index"
        if resolved.positive:
            resolved.notices.append(f"{why}: other tracks of its artists are used instead.")
        elif indexed_genres := _commonest(genres, self.table.genre_rows):
            resolved.notices.append(f"{why}: its genres are used instead.")
            for genre, plays in indexed_genres:
                self._add_tag(resolved, genre, float(plays))

    def _add_tag(self, resolved: ResolvedSeeds, tag: str, weight: float) -> None:
        """Add a tag: the listener's own, one of the taggers', or a genre of the files."""
        column = self.tags.column(tag)
        rows = self.table.genre_rows.get(fold(tag))
        if column is None and rows is None:
            names = self._written(self.table.genre_rows) | dict(self.tags.names)
            resolved.notices.append(
                f'No track has the tag "{tag}", and no tagger knows it.{nearest_name(tag, names)}'
            )
            return
        values = np.zeros(len(self.table), np.float32) if column is None else column
        if rows is not None:
            values[rows] += GENRE_BONUS
        terms = resolved.wanted_tags if weight > 0 else resolved.unwanted_tags
        terms.append(TagTerm(tag, abs(weight), values))

    def _written(self, names: Iterable[str]) -> dict[str, str]:
        return {name: self.table.names[name] for name in names}


def _commonest(counts: Counter[str], indexed: Mapping[str, object]) -> list[tuple[str, int]]:
    """Return at most MAX_REPLACEMENTS of the indexed names, the commonest first."""
    ranked = [(name, n) for name, n in counts.most_common() if fold(name) in indexed]
    return ranked[:MAX_REPLACEMENTS]


def _evenly_spread(items: Sequence[_T] | NDArray[Any], n: int) -> list[_T]:
    """Return at most `n` of the items, evenly spread."""
    if len(items) <= n:
        return list(items)
    return [items[place] for place in np.linspace(0, len(items) - 1, n).astype(int)]
