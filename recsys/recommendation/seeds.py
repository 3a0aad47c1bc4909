"""What an answer stands on: seeds and listens turned into vectors and tags, down a ladder.

What is not indexed is stood in for by its artist's tracks, then by its genres; where nothing is
left, what many play speaks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from index.arrays import Float32Array, Float64Array, IndexArray
from index.vector_index import VectorIndex
from recsys.catalog import Catalog, Track
from recsys.catalog.search import fold
from recsys.home.track_table import TrackTable, nearest_name
from recsys.recommendation.query import Fallback, Query, ReasonKind, Seed
from recsys.tagging.personal_tags import ListenersTags

MAX_LISTENS = 100  # that speak for a listener: the strongest
MAX_OF_ARTIST = 30  # tracks that speak for an artist
MAX_ANCHORS = 300  # in all, to be like, and as many to be unlike
MAX_STAND_INS = 20  # artists, or genres, that speak for what a listener heard elsewhere
OUTSIDE = -1  # the row of an anchor that is not in the index
LIKE_COUNTS_AS = 10  # listens
SKIP_WEIGHT = 0.5  # of a dislike
FILED_UNDER = 2.0  # standard deviations that a genre in a file's tags counts for

_T = TypeVar("_T")


@dataclass(frozen=True, eq=False)
class ListenerHistory:
    """What a listener did, as rows of the shelf.

    rows       what was played, and `counts` how often, float32
    unindexed  ids of the tracks played that are not on the shelf
    """

    rows: IndexArray = field(default_factory=lambda: np.empty(0, np.intp))
    counts: Float32Array = field(default_factory=lambda: np.empty(0, np.float32))
    unindexed: tuple[int, ...] = ()
    liked: tuple[int, ...] = ()
    disliked: tuple[int, ...] = ()
    skipped: tuple[int, ...] = ()


@dataclass(frozen=True)
class SeedVector:
    """A vector to sound like, or unlike.

    row     in the shelf, or OUTSIDE
    weight  above 0
    kind    of the reason that it gives, and `ref` what that names
    """

    row: int
    vector: Float32Array
    weight: float
    kind: ReasonKind
    ref: int | str
    rung: Fallback


@dataclass(frozen=True)
class TagTerm:
    """A tag to stand out in, or not to; the weight is above 0, values are of all rows, (n,)."""

    ref: str
    weight: float
    values: Float32Array


@dataclass
class ResolvedSeeds:
    """What an answer stands on, to be like and to be unlike.

    sentences  what could not be used as it was meant
    loudness   of the liked anchors together, beside the weights of the wishes: the greatest weight
               of a seed among them, so that a long playlist does not drown a tag
    """

    liked: list[SeedVector] = field(default_factory=list)
    avoided: list[SeedVector] = field(default_factory=list)
    wishes: list[TagTerm] = field(default_factory=list)
    shunned: list[TagTerm] = field(default_factory=list)
    loudness: float = 1.0
    sentences: list[str] = field(default_factory=list)

    @property
    def rung(self) -> Fallback:
        """The best of the rungs it stands on."""
        rungs = {anchor.rung for anchor in self.liked}
        if "track" in rungs:
            return "track"
        if rungs:
            return "artist"
        return "tags" if self.wishes else "popular"


class SeedResolver:
    """Finds the ground for queries, among the tracks of one shelf."""

    def __init__(
        self, catalog: Catalog, index: VectorIndex, shelf: TrackTable, tags: ListenersTags
    ) -> None:
        """`tags` are those that the asking listener can name."""
        self.catalog = catalog
        self.index = index
        self.shelf = shelf
        self.tags = tags

    def ground(self, query: Query, heard: ListenerHistory) -> ResolvedSeeds:
        """Return what the seeds are, and what the listener likes where no seed can be sounded like.

        Raises ValueError for a sound of another dimension than the index's.
        """
        ground = ResolvedSeeds()
        for seed in query.seeds:
            self._add(ground, seed)
        loud = [seed.weight for seed in query.seeds if seed.kind != "tag" and seed.weight > 0]
        if ground.liked:
            ground.loudness = max(loud)
        else:
            self._add_listens(ground, heard)
            if not ground.liked and query.listener is not None:
                self._add_heard_elsewhere(ground, query.listener, heard)
        for rows, weight in ((heard.disliked, 1.0), (heard.skipped, SKIP_WEIGHT)):
            weights = np.full(len(rows), weight)
            ground.avoided += self._anchors(np.array(rows, np.intp), weights, "dislike")
        if len(ground.liked) > MAX_ANCHORS:
            ground.sentences.append(
                f"Of {len(ground.liked)} tracks asked with, {MAX_ANCHORS} evenly spread speak."
            )
        ground.liked = _spread(ground.liked, MAX_ANCHORS)
        ground.avoided = _spread(ground.avoided, MAX_ANCHORS)
        return ground

    def _add(self, ground: ResolvedSeeds, seed: Seed) -> None:
        side = ground.liked if seed.weight > 0 else ground.avoided
        weight = abs(seed.weight)
        if seed.kind == "sound":
            side.append(self._sound(seed, weight))
        elif seed.kind == "track":
            kind: ReasonKind = "seed" if seed.weight > 0 else "dislike"
            rows = self.shelf.rows([int(seed.ref)])
            found = self._anchors(rows, np.full(len(rows), weight), kind)
            side += found
            if not found:
                self._stand_in(ground, seed)
        elif seed.kind == "artist":
            found = self._artist(str(seed.ref), seed.weight)
            side += found
            if not found:
                near = nearest_name(str(seed.ref), self._written(self.shelf.artist_rows))
                ground.sentences.append(
                    f'There is no analysed track of an artist "{seed.ref}".{near}'
                )
        else:
            self._wish(ground, str(seed.ref), seed.weight)

    def _stand_in(self, ground: ResolvedSeeds, seed: Seed) -> None:
        """Let the artist of a track that is not indexed speak for it, or its genres."""
        track = self.catalog.track(int(seed.ref))
        if track is None:
            ground.sentences.append(f"There is no track {seed.ref} in the library.")
            return
        why = f"{_name(track)} is not in the index"
        found = self._artist(track.artist, seed.weight)
        if found:
            (ground.liked if seed.weight > 0 else ground.avoided).extend(found)
            ground.sentences.append(f"{why}: the other tracks of {track.artist} stand in for it.")
        elif track.genres:
            ground.sentences.append(f"{why}: its genres stand in for it.")
            for genre in track.genres:
                self._wish(ground, genre, seed.weight / len(track.genres))
        else:
            ground.sentences.append(f"{why}, and there is nothing to stand in for it.")

    def _artist(self, name: str, weight: float) -> list[SeedVector]:
        """Return the artist's tracks, which share the weight; of many, some evenly spread."""
        rows = self.shelf.artist_rows.get(fold(name), np.empty(0, np.intp))
        rows = np.array(_spread(rows, MAX_OF_ARTIST), np.intp)
        share = abs(weight) / max(len(rows), 1)
        kind: ReasonKind = "artist" if weight > 0 else "dislike"
        vectors = self.index.vectors_at(rows)
        return [
            SeedVector(int(row), vector, share, kind, self.shelf.names[fold(name)], "artist")
            for row, vector in zip(rows, vectors, strict=True)
        ]

    def _anchors(
        self, rows: IndexArray, weights: Float64Array, kind: ReasonKind
    ) -> list[SeedVector]:
        vectors = self.index.vectors_at(rows)
        found = zip(rows.tolist(), vectors, weights.tolist(), strict=True)
        return [
            SeedVector(row, vector, weight, kind, int(self.shelf.ids[row]), "track")
            for row, vector, weight in found
        ]

    def _sound(self, seed: Seed, weight: float) -> SeedVector:
        vector = np.asarray(seed.vector, np.float32)
        if vector.shape != (self.index.dim,) or not np.isfinite(vector).all():
            raise ValueError(
                f"vector of {seed.ref!r}: wanted {self.index.dim} finite numbers, "
                f"got shape {vector.shape}"
            )
        unit = vector / max(float(np.linalg.norm(vector)), 1e-12)
        return SeedVector(
            OUTSIDE, unit, weight, "seed" if seed.weight > 0 else "dislike", seed.ref, "track"
        )

    def _add_listens(self, ground: ResolvedSeeds, heard: ListenerHistory) -> None:
        """Add what was played most and what was liked, less what was disliked or skipped."""
        weights: dict[int, float] = dict(
            zip(heard.rows.tolist(), np.log1p(heard.counts).tolist(), strict=True)
        )
        for row in heard.liked:
            weights[row] = weights.get(row, 0.0) + float(np.log1p(LIKE_COUNTS_AS))
        for row in {*heard.disliked, *heard.skipped}:
            weights.pop(row, None)
        strongest = sorted(weights, key=lambda row: (-weights[row], row))[:MAX_LISTENS]
        ground.liked += self._anchors(
            np.array(strongest, np.intp), np.array([weights[row] for row in strongest]), "listens"
        )

    def _add_heard_elsewhere(
        self, ground: ResolvedSeeds, listener: int, heard: ListenerHistory
    ) -> None:
        """Let the artists of what was heard, none of it indexed, speak, or its genres."""
        tracks = self.catalog.tracks(heard.unindexed)
        artists = Counter(dict(self.catalog.artists_missing(listener)))
        artists.update(track.artist for track in tracks)
        for name, plays in _known(artists, self.shelf.artist_rows):
            ground.liked += self._artist(name, float(np.log1p(plays)))
        genres = Counter(genre for track in tracks for genre in track.genres)
        why = "Nothing of what this listener played is in the index"
        if ground.liked:
            ground.sentences.append(f"{why}: other tracks of its artists stand in for it.")
        elif known := _known(genres, self.shelf.genre_rows):
            ground.sentences.append(f"{why}: its genres stand in for it.")
            for genre, plays in known:
                self._wish(ground, genre, float(plays))

    def _wish(self, ground: ResolvedSeeds, tag: str, weight: float) -> None:
        """Add a tag: the listener's own, known to the taggers, or in the files' genres."""
        column = self.tags.column(tag)
        rows = self.shelf.genre_rows.get(fold(tag))
        if column is None and rows is None:
            known = self._written(self.shelf.genre_rows) | dict(self.tags.names)
            ground.sentences.append(
                f'No track has the tag "{tag}", and no tagger knows it.{nearest_name(tag, known)}'
            )
            return
        values = np.zeros(len(self.shelf), np.float32) if column is None else column
        if rows is not None:
            values[rows] += FILED_UNDER
        side = ground.wishes if weight > 0 else ground.shunned
        side.append(TagTerm(tag, abs(weight), values))

    def _written(self, names: Iterable[str]) -> dict[str, str]:
        return {name: self.shelf.names[name] for name in names}


def _known(counts: Counter[str], known: Mapping[str, object]) -> list[tuple[str, int]]:
    """Return the commonest names that are known."""
    return [(name, n) for name, n in counts.most_common() if fold(name) in known][:MAX_STAND_INS]


def _spread(items: Sequence[_T] | NDArray[Any], n: int) -> list[_T]:
    """Return at most `n` of them, evenly spread."""
    if len(items) <= n:
        return list(items)
    return [items[place] for place in np.linspace(0, len(items) - 1, n).astype(int)]


def _name(track: Track) -> str:
    return f"{track.artist} - {track.title}" if track.artist else track.title
