"""Tracks: lists, details, similar tracks, explanations, taggrams."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection
from typing import Annotated, Literal

import numpy as np
from flask import Response
from pydantic import Field
from werkzeug.exceptions import Conflict

from recsys.catalog import Track as CatalogTrack
from recsys.home.track_table import TrackTable
from recsys.musical_key import KEYS, TONICS
from recsys.recommendation.controls import FASTEST
from recsys.served_home import Served
from recsys.similarity.explanation import TrackSound, compare_segments
from recsys.similarity.percentile import shown
from recsys.similarity.similar_moments import NoSuchPart
from recsys.tagging.taggram import taggram as taggram_of
from webui.api.openapi import NOT_MODIFIED, answer, blueprint, problems, tagged
from webui.api.parameters import (
    Count,
    Described,
    OfTrack,
    Page,
    Paged,
    Parameters,
    Revalidating,
    Text,
    takes,
    write_cursor,
)
from webui.api.schemas import SimilarTracksSchema, TrackDetails, TrackSchema, similar_tracks
from webui.mix_query import MAX_NAME
from webui.served import available_track, current, why_not_analysed

Name = Annotated[
    Text, Field(min_length=1, max_length=MAX_NAME), takes(f"1 to {MAX_NAME} characters")
]

KeyName = Annotated[
    Literal[KEYS],  # type: ignore[valid-type]
    takes('a key such as "C# minor", with the keynotes ' + ", ".join(TONICS)),
]
Tempo = Annotated[float, Field(ge=0, le=FASTEST), takes(f"beats a minute from 0 to {FASTEST}")]

api = blueprint("tracks")


class TracksQuery(Page):
    """Which tracks."""

    artist: Name | None = Field(
        None, description="By this artist; in any spelling.", examples=["aune vesterdal"]
    )
    album: Name | None = Field(None, description="On an album of this name; in any spelling.")
    tag: Name | None = Field(
        None,
        description="That stand out in this tag of the taggers or suit a mood, or whose files "
        "name the genre.",
        examples=["choir"],
    )

    min_tempo: Tempo | None = Field(None, description="Of at least so many beats a minute.")
    max_tempo: Tempo | None = Field(None, description="Of at most so many beats a minute.")
    key: KeyName | None = Field(None, description="In this key.", examples=["A minor"])
    sort: Annotated[
        Literal["id", "tempo", "key", "loudness"], takes("id, tempo, key or loudness")
    ] = Field(
        "id",
        description="By what the tracks are ordered, ascending. Where it is not the id, tracks of "
        "which it is not known are left out.",
    )


class TrackPage(Paged):
    """Tracks in the order asked for."""

    tracks: list[TrackDetails]


class SimilarQuery(Parameters):
    """How many, and how many of one artist."""

    k: Count = 10
    artist_cap: Count | None = Field(None, description="At most so many of one artist.")


class OfTwoTracks(OfTrack):
    """The path of two tracks."""

    other_id: int = Field(description="The id of the other track.", examples=[2])


class SharedTagSchema(Described):
    """A tag that both stand out in, with its share in the likeness of their taggings."""

    tag: str = Field(examples=["choir"])
    share: float = Field(examples=[0.1109])


class MomentSchema(Described):
    """A part of a track, in seconds."""

    start: float = Field(examples=[8.98])
    end: float = Field(examples=[11.97])


class ReasonsSchema(Described):
    """Why two tracks sound alike."""

    tracks: tuple[TrackSchema, TrackSchema]
    shared_tags: list[SharedTagSchema]
    moments: tuple[MomentSchema, MomentSchema] = Field(
        description="Of each track the segment that is most like one of the other's."
    )
    tempo: tuple[float, float] | None = Field(
        description="Beats a minute, where both have a tempo."
    )
    keys: tuple[str, str] | None = Field(
        description="The keys, where both have one.", examples=[["A minor", "C major"]]
    )


class SegmentsSchema(Described):
    """Two tracks compared segment by segment."""

    moments: tuple[list[MomentSchema], list[MomentSchema]] = Field(
        description="The analysed segments of each track, in order."
    )
    cosines: list[list[float]] = Field(
        description="How alike each segment of the one is (a row) to each of the other: the cosine "
        "of their tags' log-odds less the library's typical ones, -1 to 1.",
        examples=[[[0.71, 0.12]]],
    )
    closest: tuple[int, int] = Field(
        description="The numbers, from 0, of the two most similar segments.", examples=[[3, 5]]
    )


class PartQuery(SimilarQuery):
    """Which part, how many, and how many of one artist."""

    start: float = Field(
        0.0, ge=0, alias="from", description="Where the part begins, in seconds.", examples=[6.0]
    )
    end: float | None = Field(
        None, gt=0, alias="to", description="Where it ends; without it, the track's end."
    )


class TrackMoment(TrackSchema):
    """A track with its part that sounds like another track's."""

    similarity: float = Field(
        ge=0,
        le=1,
        description="The share of random pairs of the library's segments that are less alike.",
        examples=[0.994968],
    )
    moment: MomentSchema


class SimilarMomentsSchema(Described):
    """What sounds like a part of a track, best first."""

    compared: MomentSchema = Field(description="The analysed segments that lie in the part.")
    tracks: list[TrackMoment]


class TagOverTime(Described):
    """The probabilities of a tag, for each segment."""

    tag: str = Field(examples=["choir"])
    probabilities: list[float] = Field(examples=[[0.81, 0.77]])


class TaggramSchema(Described):
    """A track's most probable tags over time."""

    track_id: int = Field(examples=[1])
    duration: float | None = Field(description="Seconds.", examples=[32.96])
    moments: list[MomentSchema] = Field(description="The analysed segments, in order.")
    highlight: MomentSchema = Field(
        description="The part worth hearing first: where the track is liveliest."
    )
    typical: MomentSchema = Field(description="The segment that is most like the whole track.")
    tags: list[TagOverTime]


@api.get("/tracks", responses={200: TrackPage, **NOT_MODIFIED})
def tracks(query: TracksQuery, header: Revalidating) -> Response:
    """List the tracks, all or those of an artist, an album, a tag, a tempo, a key."""
    served = current()
    after, begin = query.cursor or (0, 0)
    ids = _matching(served, query)
    if ids is None:
        rows = served.catalog.available_after(after, query.limit + 1)
    else:
        if after in ids:
            begin = ids.index(after) + 1
        elif query.sort == "id":
            begin = bisect_right(ids, after)
        rows = served.catalog.tracks(ids[begin : begin + query.limit + 1])
    page = rows[: query.limit]
    last = begin + len(page) - 1  # where to go on if its track leaves an order that is not by id
    next_cursor = write_cursor(page[-1].id, last) if len(rows) > query.limit else None
    return tagged(
        answer(TrackPage(tracks=[TrackDetails.of(track) for track in page], next=next_cursor))
    )


@api.get("/tracks/<int:track_id>", responses={200: TrackDetails, **NOT_MODIFIED, **problems(404)})
def track(path: OfTrack, header: Revalidating) -> Response:
    """Describe a track."""
    return tagged(answer(TrackDetails.of(available_track(current(), path.track_id))))


@api.get(
    "/tracks/<int:track_id>/similar", responses={200: SimilarTracksSchema, **problems(404, 409)}
)
def similar(path: OfTrack, query: SimilarQuery) -> Response:
    """List the tracks similar to one, best first."""
    served = current()
    table = served.recommender.track_table()
    if not table.has(path.track_id):
        raise not_compared(available_track(served, path.track_id))
    ranked = served.similar.rank(table, path.track_id, query.k, artist_cap=query.artist_cap)
    return Response(similar_tracks(table, ranked), mimetype="application/json")


@api.get(
    "/tracks/<int:track_id>/similar/<int:other_id>",
    responses={200: ReasonsSchema, **problems(404, 409)},
)
def reasons(path: OfTwoTracks) -> Response:
    """Explain why two tracks sound alike."""
    served = current()
    one, other = available_track(served, path.track_id), available_track(served, path.other_id)
    try:
        explanation = served.similar.reasons(served.similar.sound_of(one), [other])[other.id]
    except KeyError as missing:
        raise Conflict(
            f"Track {missing.args[0]} cannot be compared: it is not analysed. "
            "Run `earshot build` again."
        ) from None
    body = {
        "tracks": [vars(TrackSchema.of(one)), vars(TrackSchema.of(other))],
        **explanation.as_json(),
    }
    return answer(ReasonsSchema.model_validate(body))


@api.get(
    "/tracks/<int:track_id>/similar/<int:other_id>/segments",
    responses={200: SegmentsSchema, **problems(404, 409)},
)
def segments(path: OfTwoTracks) -> Response:
    """Compare two tracks segment by segment."""
    served = current()
    one, other = (available_track(served, i) for i in (path.track_id, path.other_id))
    compared = compare_segments(
        _sound_of(served, one), _sound_of(served, other), served.similar.typical_logits
    )
    body = {
        "moments": [[moment.as_json() for moment in of] for of in compared.moments],
        "cosines": compared.cosines.round(3).tolist(),
        "closest": compared.closest,
    }
    return answer(SegmentsSchema.model_validate(body))


@api.get(
    "/tracks/<int:track_id>/similar-moments",
    responses={200: SimilarMomentsSchema, **problems(404, 409)},
)
def similar_moments(path: OfTrack, query: PartQuery) -> Response:
    """List tracks with the moments that sound like a part of one, best first."""
    served = current()
    track = available_track(served, path.track_id)
    sound = _sound_of(served, track)
    try:
        found = served.moments.of_part(
            sound, (query.start, query.end), query.k, seed=track, artist_cap=query.artist_cap
        )
    except NoSuchPart as error:
        raise Conflict(str(error)) from None
    tracks = [
        TrackMoment.model_validate(
            {
                **vars(TrackSchema.of(one.track)),
                "similarity": shown(one.similarity),
                "moment": one.moment.as_json(),
            }
        )
        for one in found.moments
    ]
    compared = MomentSchema.model_validate(found.compared.as_json())
    return answer(SimilarMomentsSchema(compared=compared, tracks=tracks))


@api.get("/tracks/<int:track_id>/taggram", responses={200: TaggramSchema, **problems(404, 409)})
def taggram(path: OfTrack) -> Response:
    """Return the probabilities of a track's most probable tags over time."""
    served = current()
    track = available_track(served, path.track_id)
    track_sound = _sound_of(served, track)
    body = {
        "track_id": track.id,
        "duration": track.duration,
        "highlight": served.similar.highlight(track_sound).as_json(),
        "typical": served.similar.typical_moment(track_sound).as_json(),
        **taggram_of(track_sound, served.similar.tags).as_json(),
    }
    return answer(TaggramSchema.model_validate(body))


def not_compared(track: CatalogTrack) -> Conflict:
    """Say why a track cannot be compared."""
    return Conflict(f"Track {track.id} cannot be compared. {why_not_analysed(track)}")


def _sound_of(served: Served, track: CatalogTrack) -> TrackSound:
    """Return how a track sounds, or raise Conflict where that is not known."""
    try:
        return served.similar.sound_of(track)
    except KeyError:
        raise not_compared(track) from None


def _matching(served: Served, query: TracksQuery) -> list[int] | None:
    """Return the ids that match all filters, in order; None for all tracks by their ids."""
    sets: list[Collection[int]] = []
    if query.artist is not None:
        sets.append(served.completer.tracks_by(query.artist))
    if query.album is not None:
        sets.append(served.completer.tracks_on(query.album))
    if query.tag is not None:
        tagged = served.recommender.tagged(query.tag)
        sets.append(tagged or ())
    if query.sort == "id" and query.min_tempo is query.max_tempo is query.key is None:
        return sorted(set(sets[0]).intersection(*sets[1:])) if sets else None
    described = _described(served.recommender.track_table(), query)
    sets = [set(one) for one in sets]
    return [track_id for track_id in described if all(track_id in one for one in sets)]


def _described(table: TrackTable, query: TracksQuery) -> list[int]:
    """Return the ids of the tracks of a tempo and key, in the order that is asked for."""
    mask = table.available.copy()
    if query.min_tempo is not None:
        mask &= table.tempos >= query.min_tempo
    if query.max_tempo is not None:
        mask &= table.tempos <= query.max_tempo
    if query.key is not None:
        mask &= table.keys == KEYS.index(query.key)
    rows = np.flatnonzero(mask)
    if query.sort != "id":
        rows = table.ordered_by(query.sort, rows)
    ids: list[int] = table.ids[rows].tolist()
    return ids
