"""The current listener: identity, feedback and listens."""

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
from webui.served import available_track, current, current_or_catalog

EARLIEST = 946_684_800  # Unix seconds: the year 2000
AHEAD = 86_400  # seconds that a clock may be

api = blueprint("listening")


class Session(Described):
    """The name of the current listener, with the token."""

    listener: str = Field(examples=["me"])
    token: str = Field(description="For the header X-Earshot-Token of requests that write.")


class FeedbackBody(Described):
    """A listener's feedback on a track."""

    kind: Annotated[FeedbackKind, takes("one of like, dislike, skip")]


class FeedbackSchema(Described):
    """A listener's feedback on a track."""

    track_id: int = Field(examples=[7])
    kind: FeedbackKind


class ListenBody(Described):
    """A listen to record: a track, and when it began."""

    track_id: TrackId = Field(examples=[7])
    listened_at: Annotated[
        int | None,
        Field(strict=True, ge=EARLIEST),
        WHOLE,
        takes(f"Unix seconds from {EARLIEST} to a day from now"),
    ] = Field(None, description="Unix seconds; without it, now.", examples=[1764000000])


class ListenSchema(Described):
    """A recorded listen."""

    track_id: int = Field(examples=[7])
    listened_at: int = Field(description="Unix seconds.", examples=[1764000000])


class Me(Described):
    """The current listener."""

    listener: str = Field(examples=["me"])
    is_owner: bool = Field(description="Whether they may start builds and manage accounts.")
    n_listens: int = Field(examples=[1204])
    n_feedback: int = Field(description="Tracks with feedback.", examples=[31])


class StoredFeedback(FeedbackSchema):
    """A listener's feedback on a track, with its time."""

    said_at: int = Field(description="Unix seconds; 0 where it is not known.")


class FeedbackPage(Paged):
    """A page of a listener's feedback."""

    feedback: list[StoredFeedback]


class PlayedTrack(Described):
    """A listen."""

    listened_at: int = Field(description="Unix seconds.", examples=[1764000000])
    track_id: int | None = Field(description="null if it is not in the library.", examples=[7])
    artist: str
    title: str


class ListenPage(Paged):
    """Listens, the latest first."""

    listens: list[PlayedTrack]


@api.get("/session", responses={200: Session})
def session() -> Response:
    """Name the current listener, and the token that writing takes."""
    return answer(Session(listener=person().listener, token=person().token))


@api.get("/users/me", responses={200: Me})
def who_am_i() -> Response:
    """Describe the current listener: role, number of listens, number of feedbacks."""
    served = current()
    row = served.catalog.listener(person().listener)
    feedback_rows = served.catalog.feedback(row.id) if row else []
    return answer(
        Me(
            listener=person().listener,
            is_owner=person().is_owner,
            n_listens=row.n_listens if row else 0,
            n_feedback=len(feedback_rows),
        )
    )


@api.get("/feedback", responses={200: FeedbackPage})
def feedback(query: Page) -> Response:
    """List the listener's feedback by track id."""
    served = current()
    listener_id = listener(served)
    rows = [] if listener_id is None else served.catalog.feedback(listener_id)
    first = bisect_right(rows, query.cursor[0] if query.cursor else 0, key=lambda s: s.track_id)
    page = rows[first : first + query.limit]
    next_cursor = write_cursor(page[-1].track_id, 0) if first + len(page) < len(rows) else None
    return answer(
        FeedbackPage(
            feedback=[StoredFeedback(track_id=s.track_id, kind=s.kind, said_at=s.at) for s in page],
            next=next_cursor,
        )
    )


@api.put(
    "/tracks/<int:track_id>/feedback",
    responses={200: FeedbackSchema, **problems(403, 404, 413, 415, 507)},
    security=WRITES,
)
def set_feedback(path: OfTrack, body: FeedbackBody) -> Response:
    """Like, dislike or skip a track; a skip does not replace a like."""
    _set_feedback(path.track_id, body.kind)
    return answer(FeedbackSchema(track_id=path.track_id, kind=body.kind))


@api.delete(
    "/tracks/<int:track_id>/feedback",
    responses={204: None, **problems(403, 404, 507)},
    security=WRITES,
)
def take_back(path: OfTrack) -> Response:
    """Remove the listener's feedback on a track."""
    _set_feedback(path.track_id, None)
    return Response(status=204)


@api.get("/listens", responses={200: ListenPage})
def listens(query: Page) -> Response:
    """List the listener's listens, the latest first, without those of unknown time."""
    served = current()
    listener_id = listener(served)
    if listener_id is None:
        return answer(ListenPage(listens=[], next=None))
    rows = served.catalog.listens_before(listener_id, query.cursor, query.limit + 1)
    page = rows[: query.limit]
    ids = {row.track_id for row in page if row.track_id is not None}
    tracks = {track.id: track for track in served.catalog.tracks(sorted(ids))}
    last = page[-1] if len(rows) > len(page) else None
    return answer(
        ListenPage(
            listens=[_played_track(row, tracks.get(row.track_id or 0)) for row in page],
            next=last and write_cursor(last.listened_at, last.recording_id),
        )
    )


@api.post(
    "/listens", responses={201: ListenSchema, **problems(403, 404, 413, 415, 507)}, security=WRITES
)
def listen(body: ListenBody) -> Response:
    """Record a listen: at least half of a track was played, or four minutes."""
    now = int(time.time())
    listened_at = now if body.listened_at is None else body.listened_at
    if listened_at > now + AHEAD:
        raise BadRequest(f'"listened_at" takes Unix seconds from {EARLIEST} to a day from now.')
    served = current_or_catalog()
    available_track(served, body.track_id)
    served.catalog.record_listens(writing_listener(served), [(body.track_id, listened_at)])
    return answer(ListenSchema(track_id=body.track_id, listened_at=listened_at), 201)


def _played_track(row: StoredListen, track: Track | None) -> PlayedTrack:
    """Describe a listen; a track of the library has its current title and artist."""
    return PlayedTrack(
        listened_at=row.listened_at,
        track_id=row.track_id,
        artist=row.artist or (track.artist if track else ""),
        title=row.title or (track.title if track else ""),
    )


def _set_feedback(track_id: int, kind: FeedbackKind | None) -> None:
    served = current_or_catalog()
    available_track(served, track_id)
    served.catalog.set_feedback(writing_listener(served), track_id, kind, int(time.time()))
