"""JSON schemas of tracks, recommendations and completions."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Literal, Self

from pydantic import Field

from recsys.catalog import FeedbackKind, Status
from recsys.catalog import Track as CatalogTrack
from recsys.home.track_table import TrackTable
from recsys.musical_key import camelot
from recsys.recommendation.query import Fallback, ReasonKind
from recsys.similarity.percentile import shown
from recsys.similarity.similar_tracks import RankedTrack, copies_hidden
from webui.api.parameters import Described
from webui.mix_list import Row


class TrackSchema(Described):
    """A track, without the path of its file."""

    id: int = Field(examples=[1])
    title: str = Field(examples=["Harbour Psalm"])
    artist: str = Field(examples=["Aune Vesterdal"])
    album: str | None = Field(examples=["Psalms for Empty Harbours"])
    duration: float | None = Field(description="Seconds.", examples=[32.96])
    status: Status = Field(
        description="ready: analysed; pending: not yet; failed: its file cannot be read."
    )

    @classmethod
    def of(cls, track: CatalogTrack) -> TrackSchema:
        """Describe a track of the catalogue."""
        return cls(**_common(track))


class TrackDetails(TrackSchema):
    """A track with all of its metadata."""

    album_artist: str | None
    track_number: int | None
    disc_number: int | None
    year: int | None
    genres: list[str] = Field(examples=[["Choral"]])
    bpm: float | None = Field(description="Beats per minute, from the tags of the file.")
    estimated_bpm: float | None = Field(
        description="Beats per minute, estimated from the audio; null where there is no pulse."
    )
    tempo: float | None = Field(
        description="The tempo that counts: bpm where it agrees with the estimate within octaves, "
        "or is alone; else the estimate."
    )
    initial_key: str | None = Field(description="The key that the file names, or null.")
    estimated_key: str | None = Field(
        description="The key estimated from the audio.", examples=["A minor"]
    )
    key: str | None = Field(
        description="The key that counts: the file's, else the estimate.", examples=["A minor"]
    )
    camelot: str | None = Field(
        description="The key's place on the Camelot wheel.", examples=["8A"]
    )
    loudness: float | None = Field(
        description="Loudness by ITU-R BS.1770 in LUFS, of the parts that were analysed.",
        examples=[-14.2],
    )
    recording_mbid: str | None = Field(description="MusicBrainz recording ID.")
    has_cover: bool
    added_at: int = Field(description="Unix seconds.", examples=[1764000000])

    @classmethod
    def of(cls, track: CatalogTrack) -> Self:
        """Describe a track of the catalogue."""
        values = {n: getattr(track, n) for n in cls.model_fields if n != "camelot"}
        for name in ("estimated_bpm", "tempo", "loudness"):
            values[name] = None if values[name] is None else round(values[name], 2)
        return cls(**values, camelot=camelot(track.key) if track.key else None)


class Similar(TrackSchema):
    """A track that sounds like another."""

    similarity: float = Field(
        ge=0,
        le=1,
        description="The share of random pairs of the library's recordings that are less alike.",
        examples=[0.994968],
    )
    shared_tags: list[str] = Field(examples=[["choir", "ambient"]])

    @classmethod
    def to(cls, track: CatalogTrack, similarity: float, shared_tags: tuple[str, ...]) -> Similar:
        """Describe a neighbour."""
        return cls(**_common(track), similarity=shown(similarity), shared_tags=list(shared_tags))


class ReasonSchema(Described):
    """A part of a score."""

    kind: ReasonKind
    ref: int | str | None = Field(description="A track's id, or a name.", examples=[1])
    amount: float = Field(description="The amounts of all reasons add up to the score.")
    text: str = Field(examples=["sounds like Harbour Psalm"])


class Recommended(TrackSchema):
    """A track of a list, with why it is there."""

    score: float = Field(
        description="Standard deviations above the library's typical track.", examples=[2.9231]
    )
    similarity: float = Field(ge=0, le=1, description="To the nearest seed.", examples=[0.9728])
    evidence: float = Field(
        ge=0, le=1, description="How much of what is known of its listeners rests on listens."
    )
    rung: Fallback = Field(description="What the track stands on.")
    reasons: list[ReasonSchema]
    shared_tags: list[str]
    feedback: FeedbackKind | None = Field(description="The listener's feedback on it.")
    kept: bool = Field(description="Whether the listener has pinned it at its place.")

    @classmethod
    def of_row(cls, row: Row) -> Recommended:
        """Describe a row of a list."""
        recommendation = row.recommendation
        return cls(
            **_common(row.track),
            score=round(recommendation.score, 4),
            similarity=round(recommendation.similarity, 4),
            evidence=round(recommendation.evidence, 4),
            rung=recommendation.fallback,
            reasons=[
                ReasonSchema(kind=r.kind, ref=r.ref, amount=round(r.amount, 4), text=r.words)
                for r in recommendation.reasons
            ],
            shared_tags=list(row.shared_tags),
            feedback=row.feedback,
            kept=row.kept,
        )


class SimilarTracksSchema(Described):
    """Tracks that sound alike, best first."""

    tracks: list[Similar]
    sentences: list[str] = Field(
        description="Notes for people, such as how many copies are not shown.",
        examples=[["2 copies of tracks in this list are not shown."]],
    )


def similar_tracks(table: TrackTable, ranked: Sequence[RankedTrack]) -> bytes:
    """Return a `SimilarTracksSchema` as JSON, from what the table has of each track."""
    tracks = []
    for row, similarity, tags in ranked:
        names = ",".join(map(_encoded, tags)).encode()
        extra = b',"similarity":%a,"shared_tags":[%b]}' % (shown(similarity), names)
        tracks.append(table.shown[row][:-1] + extra)  # without the brace that ends the object
    said = copies_hidden(table.n_hidden([row for row, _, _ in ranked]))
    return b'{"tracks":[%b],"sentences":%b}' % (b",".join(tracks), json.dumps(said).encode())


@lru_cache(maxsize=4096)
def _encoded(name: str) -> str:
    return json.dumps(name, ensure_ascii=False)


class RecommendedTracks(Described):
    """A list."""

    tracks: list[Recommended]
    sentences: list[str] = Field(
        description="Notes for people: what was misspelt, why there are fewer tracks.",
        examples=[["12 instead of 20: 12 of the library's 72 tracks may be in the answer."]],
    )


class CompletionSchema(Described):
    """A name that begins as what was typed."""

    kind: Literal["artist", "album", "tag", "track"]
    ref: int | str = Field(description="A track's id, one of an album's tracks, or a name.")
    name: str
    detail: str = Field(description="The artist of a track or an album.")


class Completions(Described):
    """Names that begin as what was typed, or nearly so."""

    completions: list[CompletionSchema]


def _common(track: CatalogTrack) -> dict[str, Any]:
    return {name: getattr(track, name) for name in TrackSchema.model_fields}
