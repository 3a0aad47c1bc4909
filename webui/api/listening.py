"""The person who listens: who they are, what they say of tracks and what they hear."""

from __future__ import annotations

import time
from typing import Annotated

from flask import Response
from pydantic import BaseModel, Field
from werkzeug.exceptions import BadRequest

from recsys.catalog import FeedbackKind
from webui.api.describing import WRITES, answer, blueprint, problems
from webui.api.fields import OfTrack, TrackId, takes
from webui.people import person, writing_listener
from webui.served import current, living

EARLIEST = 946_684_800  # Unix seconds: the year 2000
AHEAD = 86_400  # seconds that a clock may be

api = blueprint("listening")


class Session(BaseModel):
    """Who listens here."""

    listener: str = Field(examples=["me"])
    token: str = Field(description="What writing takes, in the header X-Earshot-Token.")


class Said(BaseModel):
    """What a listener says of a track."""

    kind: Annotated[FeedbackKind, takes("one of like, dislike, skip")]


class Feedback(BaseModel):
    """What a listener says of a track."""

    track_id: int = Field(examples=[7])
    kind: FeedbackKind


class Heard(BaseModel):
    """A track and when it began."""

    track_id: TrackId = Field(examples=[7])
    listened_at: Annotated[
        int | None,
        Field(strict=True, ge=EARLIEST),
        takes(f"Unix seconds from {EARLIEST} to a day from now"),
    ] = Field(None, description="Unix seconds; without it, now.", examples=[1764000000])


class Listen(BaseModel):
    """A listen as it was written."""

    track_id: int = Field(examples=[7])
    listened_at: int = Field(description="Unix seconds.", examples=[1764000000])


@api.get("/session", responses={200: Session})
def session() -> Response:
    """Say who listens here, and the token that writing takes."""
    return answer(Session(listener=person().listener, token=person().token))


@api.put(
    "/tracks/<int:track_id>/feedback",
    responses={200: Feedback, **problems(403, 404, 413, 415)},
    security=WRITES,
)
def set_feedback(path: OfTrack, body: Said) -> Response:
    """Write that the listener likes, dislikes or skips a track; a skip takes no like's place."""
    _say(path.track_id, body.kind)
    return answer(Feedback(track_id=path.track_id, kind=body.kind))


@api.delete(
    "/tracks/<int:track_id>/feedback",
    responses={204: None, **problems(403, 404)},
    security=WRITES,
)
def take_back(path: OfTrack) -> Response:
    """Take back what the listener said of a track."""
    _say(path.track_id, None)
    return Response(status=204)


@api.post("/listens", responses={201: Listen, **problems(403, 404, 413, 415)}, security=WRITES)
def listen(body: Heard) -> Response:
    """Write that the listener has heard a track: at least half of it, or four minutes."""
    now = int(time.time())
    at = now if body.listened_at is None else body.listened_at
    if at > now + AHEAD:
        raise BadRequest(f'"listened_at" takes Unix seconds from {EARLIEST} to a day from now.')
    served = current()
    living(served, body.track_id)
    served.catalog.record_listens(writing_listener(served), [(body.track_id, at)])
    return answer(Listen(track_id=body.track_id, listened_at=at), 201)


def _say(track_id: int, kind: FeedbackKind | None) -> None:
    served = current()
    living(served, track_id)
    served.catalog.set_feedback(writing_listener(served), track_id, kind, int(time.time()))
