"""The person who listens: who they are, what they say of tracks and what they hear."""

from __future__ import annotations

import time
from bisect import bisect_right
from typing import Annotated

from flask import Response
from pydantic import Field
from werkzeug.exceptions import BadRequest

from recsys.catalog import FeedbackKind, StoredListen, Track
from webui.api.openapi import WRITES, answer, blueprint, problems
from webui.api.parameters import (
    WHOLE,
    Described,
    OfTrack,
    Page,
    Paged,
    TrackId,
    takes,
    write_cursor,
)
from webui.current_listener import listener, person, writing_listener
from webui.served import current, living

EARLIEST = 946_684_800  # Unix seconds: the year 2000
AHEAD = 86_400  # seconds that a clock may be

api = blueprint("listening")


class Session(Described):
    """Who listens here."""

    listener: str = Field(examples=["me"])
    token: str = Field(description="What writing takes, in the header X-Earshot-Token.")


class Said(Described):
    """What a listener says of a track."""

    kind: Annotated[FeedbackKind, takes("one of like, dislike, skip")]


class FeedbackSchema(Described):
    """What a listener says of a track."""

    track_id: int = Field(examples=[7])
    kind: FeedbackKind


class Heard(Described):
    """A track and when it began."""

    track_id: TrackId = Field(examples=[7])
    listened_at: Annotated[
        int | None,
        Field(strict=True, ge=EARLIEST),
        WHOLE,
        takes(f"Unix seconds from {EARLIEST} to a day from now"),
    ] = Field(None, description="Unix seconds; without it, now.", examples=[1764000000])


class ListenSchema(Described):
    """A listen as it was written."""

    track_id: int = Field(examples=[7])
    listened_at: int = Field(description="Unix seconds.", examples=[1764000000])


class Me(Described):
    """Who asks."""

    listener: str = Field(examples=["me"])
    is_owner: bool = Field(description="Whether they may do what concerns everybody.")
    n_listens: int = Field(examples=[1204])
    n_feedback: int = Field(description="Tracks that they said something of.", examples=[31])


class SaidOnce(FeedbackSchema):
    """What a listener says of a track, and since when."""

    said_at: int = Field(description="Unix seconds; 0 where it is not known.")


class FeedbackPage(Paged):
    """What a listener says of tracks."""

    feedback: list[SaidOnce]


class HeardTrack(Described):
    """A listen."""

    listened_at: int = Field(description="Unix seconds.", examples=[1764000000])
    track_id: int | None = Field(description="null: no track of the library.", examples=[7])
    artist: str
    title: str


class ListenPage(Paged):
    """Listens, the latest first."""

    listens: list[HeardTrack]


@api.get("/session", responses={200: Session})
def session() -> Response:
    """Say who listens here, and the token that writing takes."""
    return answer(Session(listener=person().listener, token=person().token))


@api.get("/users/me", responses={200: Me})
def who_am_i() -> Response:
    """Say who asks, and how much is known of what they hear and say."""
    served = current()
    found = served.catalog.listener(person().listener)
    said = served.catalog.feedback(found.id) if found else []
    return answer(
        Me(
            listener=person().listener,
            is_owner=person().is_owner,
            n_listens=found.n_listens if found else 0,
            n_feedback=len(said),
        )
    )


@api.get("/feedback", responses={200: FeedbackPage})
def feedback(query: Page) -> Response:
    """List what the listener says of tracks, by the tracks' ids."""
    served = current()
    listener_id = listener(served)
    said = [] if listener_id is None else served.catalog.feedback(listener_id)
    begin = bisect_right(said, query.cursor[0] if query.cursor else 0, key=lambda s: s.track_id)
    shown = said[begin : begin + query.limit]
    following = write_cursor(shown[-1].track_id, 0) if begin + len(shown) < len(said) else None
    return answer(
        FeedbackPage(
            feedback=[SaidOnce(track_id=s.track_id, kind=s.kind, said_at=s.at) for s in shown],
            next=following,
        )
    )


@api.put(
    "/tracks/<int:track_id>/feedback",
    responses={200: FeedbackSchema, **problems(403, 404, 413, 415, 507)},
    security=WRITES,
)
def set_feedback(path: OfTrack, body: Said) -> Response:
    """Write that the listener likes, dislikes or skips a track; a skip takes no like's place."""
    _say(path.track_id, body.kind)
    return answer(FeedbackSchema(track_id=path.track_id, kind=body.kind))


@api.delete(
    "/tracks/<int:track_id>/feedback",
    responses={204: None, **problems(403, 404, 507)},
    security=WRITES,
)
def take_back(path: OfTrack) -> Response:
    """Take back what the listener said of a track."""
    _say(path.track_id, None)
    return Response(status=204)


@api.get("/listens", responses={200: ListenPage})
def listens(query: Page) -> Response:
    """List what the listener heard, the latest first; plays without a time are not in it."""
    served = current()
    listener_id = listener(served)
    if listener_id is None:
        return answer(ListenPage(listens=[], next=None))
    heard = served.catalog.listens_before(listener_id, query.cursor, query.limit + 1)
    shown = heard[: query.limit]
    ids = {row.track_id for row in shown if row.track_id is not None}
    tracks = {track.id: track for track in served.catalog.tracks(sorted(ids))}
    last = shown[-1] if len(heard) > len(shown) else None
    return answer(
        ListenPage(
            listens=[_heard_track(row, tracks.get(row.track_id or 0)) for row in shown],
            next=last and write_cursor(last.listened_at, last.recording_id),
        )
    )


@api.post(
    "/listens", responses={201: ListenSchema, **problems(403, 404, 413, 415, 507)}, security=WRITES
)
def listen(body: Heard) -> Response:
    """Write that the listener has heard a track: at least half of it, or four minutes."""
    now = int(time.time())
    at = now if body.listened_at is None else body.listened_at
    if at > now + AHEAD:
        raise BadRequest(f'"listened_at" takes Unix seconds from {EARLIEST} to a day from now.')
    served = current()
    living(served, body.track_id)
    served.catalog.record_listens(writing_listener(served), [(body.track_id, at)])
    return answer(ListenSchema(track_id=body.track_id, listened_at=at), 201)


def _heard_track(row: StoredListen, track: Track | None) -> HeardTrack:
    """Describe a listen; what was heard here is called as its track is now."""
    return HeardTrack(
        listened_at=row.listened_at,
        track_id=row.track_id,
        artist=row.artist or (track.artist if track else ""),
        title=row.title or (track.title if track else ""),
    )


def _say(track_id: int, kind: FeedbackKind | None) -> None:
    served = current()
    living(served, track_id)
    served.catalog.set_feedback(writing_listener(served), track_id, kind, int(time.time()))
