"""Tracks: one of them, what sounds like it, and why."""

from __future__ import annotations

from flask import Response
from pydantic import BaseModel, Field
from werkzeug.exceptions import Conflict

from webui.api.describing import answer, blueprint, problems
from webui.api.fields import Count, OfTrack, Parameters
from webui.api.schemas import Similar, SimilarTracks, Track
from webui.served import current, living

api = blueprint("tracks")


class SimilarQuery(Parameters):
    """How many, and how many of one artist."""

    k: Count = 10
    artist_cap: Count | None = Field(None, description="At most so many of one artist.")


class OfTwoTracks(OfTrack):
    """The path of two tracks."""

    other_id: int = Field(description="The id of the other track.", examples=[2])


class SharedTag(BaseModel):
    """A tag that both stand out in, with its share in the likeness of their taggings."""

    tag: str = Field(examples=["choir"])
    share: float = Field(examples=[0.1109])


class Moment(BaseModel):
    """A part of a track, in seconds."""

    start: float = Field(examples=[8.98])
    end: float = Field(examples=[11.97])


class Reasons(BaseModel):
    """Why two tracks sound alike."""

    tracks: tuple[Track, Track]
    shared_tags: list[SharedTag]
    moments: tuple[Moment, Moment] = Field(
        description="Of each track the segment that is most like one of the other's."
    )
    tempo: tuple[float, float] | None = Field(
        description="Beats a minute, where both files name them."
    )


@api.get("/tracks/<int:track_id>", responses={200: Track, **problems(404)})
def track(path: OfTrack) -> Response:
    """Describe a track."""
    return answer(Track.of(living(current(), path.track_id)))


@api.get("/tracks/<int:track_id>/similar", responses={200: SimilarTracks, **problems(404, 409)})
def similar(path: OfTrack, query: SimilarQuery) -> Response:
    """Name the tracks that sound like one, best first."""
    served = current()
    seed = living(served, path.track_id)
    try:
        neighbours = served.similar.of_track(seed, query.k, artist_cap=query.artist_cap)
    except KeyError:
        reason = seed.error or "It is not in the index: run build_index.py again."
        raise Conflict(f"Track {seed.id} cannot be compared. {reason}") from None
    return answer(
        SimilarTracks(tracks=[Similar.to(n.track, n.similarity, n.shared_tags) for n in neighbours])
    )


@api.get(
    "/tracks/<int:track_id>/similar/<int:other_id>",
    responses={200: Reasons, **problems(404, 409)},
)
def reasons(path: OfTwoTracks) -> Response:
    """Say why two tracks sound alike."""
    served = current()
    one, other = living(served, path.track_id), living(served, path.other_id)
    try:
        found = served.similar.reasons(served.similar.heard(one), [other])[other.id]
    except KeyError as missing:
        raise Conflict(
            f"Track {missing.args[0]} cannot be compared: it is not analysed. "
            "Run build_index.py again."
        ) from None
    said = {"tracks": [vars(Track.of(one)), vars(Track.of(other))], **found.as_json()}
    return answer(Reasons.model_validate(said))
