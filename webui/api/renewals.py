"""Playlists that renew themselves: a mix that is asked for again, daily or weekly."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Annotated, Any, Literal

from flask import Response, request
from pydantic import Field, WithJsonSchema
from werkzeug.exceptions import Conflict, NotFound

from recsys.catalog import LeaseLost, Renewal, RenewalPlan, StoredPlaylist
from recsys.catalog.renewals import LONGEST_QUESTION, MOST_STAYING
from recsys.playlists.schedule import next_time
from recsys.served_home import Served
from webui import current_listener
from webui.api.openapi import WRITES, answer, blueprint, problems
from webui.api.parameters import WHOLE, Described, Name, Strict, Text, takes
from webui.api.playlists import OfPlaylist, Summary, own_playlist, summary
from webui.current_listener import for_owner, require_owner
from webui.music_folders import allowed_folder, require_presence, roots
from webui.renewing import BUSY, RenewalsBusy, mix_of, renew, turn
from webui.served import current

PATIENCE = 5.0  # s that a request waits for its turn

api = blueprint("renewals", tag="playlists")

Question = Annotated[
    Text,
    Field(max_length=LONGEST_QUESTION),
    WithJsonSchema({"type": "string", "format": "mix"}),
    takes("the address of a mix"),
]
Stay = Annotated[
    int,
    Field(strict=True, ge=0, le=MOST_STAYING),
    WHOLE,
    takes(f"a whole number from 0 to {MOST_STAYING}"),
]
Often = Literal["day", "week"]
_QUESTION = "The mix, as its page's address has it, or what is behind its question mark."
_STAY = "At most so many tracks of the last list may be in the next."
_FOLDER = (
    "Where each list is written as M3U8: a whole path, below the folders that GET /folders lists; "
    "empty for nowhere. By owners who are logged in, not with a key."
)
_RELATIVE = "Whether the paths in that file are relative to its folder."


class RenewalBody(Strict):
    """A new playlist that renews itself."""

    name: Name = Field(examples=["My week"])
    question: Question = Field(description=_QUESTION, examples=["/?like=tag:jazz&length=30"])
    every: Often = Field("day", description="At four in the morning; weekly on Mondays.")
    stay: Stay = Field(0, description=_STAY)
    folder: Text = Field("", description=_FOLDER)
    relative: bool = Field(False, description=_RELATIVE)


class RenewalChange(Strict):
    """What is to be another way; what is left out stays."""

    question: Question | None = Field(None, description=_QUESTION)
    every: Often | None = None
    stay: Stay | None = Field(None, description=_STAY)
    paused: bool | None = None
    folder: Text | None = Field(None, description=_FOLDER)
    relative: bool | None = Field(None, description=_RELATIVE)


class RenewalSchema(Summary):
    """A playlist that renews itself."""

    question: str = Field(description="The address of the mix.", examples=["/?like=tag%3Ajazz"])
    every: Often
    stay: int
    paused: bool
    folder: str = Field(description="For owners alone; empty for nowhere.")
    relative: bool
    renewed_at: int | None = Field(description="Unix seconds.", examples=[1764000000])
    next_at: int | None = Field(description="Unix seconds; null while it is paused.")
    sentences: list[str] = Field(description="What to know of the last time.")

    @classmethod
    def of(cls, stored: StoredPlaylist, renewal: Renewal) -> RenewalSchema:
        """Describe a playlist and how it renews itself."""
        plan = renewal.plan
        return cls(
            **summary(stored),
            question=address_of(plan),
            every=plan.every,
            stay=plan.stay,
            paused=plan.paused,
            folder=folder_shown(plan),
            relative=plan.relative,
            renewed_at=renewal.renewed_at,
            next_at=None if plan.paused else next_time(plan.every, time.time()),
            sentences=list(renewal.sentences),
        )


class RenewalList(Described):
    """Playlists that renew themselves."""

    renewals: list[RenewalSchema]


@api.get("/renewals", responses={200: RenewalList})
def renewals() -> Response:
    """List the listener's playlists that renew themselves."""
    served = current()
    listener = current_listener.listener(served)
    found = [] if listener is None else served.catalog.renewals.all(listener)
    pairs = [(served.catalog.playlist(one.listener_id, one.playlist_id), one) for one in found]
    return answer(
        RenewalList(renewals=[RenewalSchema.of(stored, one) for stored, one in pairs if stored])
    )


@api.post(
    "/renewals",
    responses={201: RenewalSchema, **problems(403, 409, 413, 415, 507)},
    security=WRITES,
)
def create_renewal(body: RenewalBody) -> Response:
    """Save a mix as a playlist that renews itself; its first list is made at once."""
    plan = RenewalPlan(_question(body.question), body.every, body.stay, relative=body.relative)
    plan = _with_folder(plan, body.folder) if body.folder else plan
    served = current()
    listener = current_listener.writing_listener(served)
    with _own_turn(served) as holder:
        stored = served.catalog.save_playlist(listener, body.name, [])
        renewal = served.catalog.renewals.plan(listener, stored.id, plan)
        renew(served, renewal, holder, roots())
    created = _answer(served, stored.id, 201)
    created.headers["Location"] = f"{request.base_url}/{stored.id}"
    return created


@api.get("/renewals/<int:playlist_id>", responses={200: RenewalSchema, **problems(404)})
def show_renewal(path: OfPlaylist) -> Response:
    """Show how a playlist renews itself."""
    return _answer(current(), path.playlist_id)


@api.patch(
    "/renewals/<int:playlist_id>",
    responses={200: RenewalSchema, **problems(403, 404, 413, 415, 507)},
    security=WRITES,
)
def change_renewal(path: OfPlaylist, body: RenewalChange) -> Response:
    """Change how a playlist renews itself, or let it wait; the next list goes by that."""
    served = current()
    renewal = own_renewal(served, path.playlist_id)
    given: dict[str, Any] = body.model_dump(exclude_none=True)
    folder = given.pop("folder", None)
    if "question" in given:
        given["question"] = _question(given["question"])
    plan = replace(renewal.plan, **given)
    if folder is not None:
        plan = _with_folder(plan, folder)
    served.catalog.renewals.plan(renewal.listener_id, renewal.playlist_id, plan)
    return _answer(served, renewal.playlist_id)


@api.post(
    "/renewals/<int:playlist_id>",
    responses={200: RenewalSchema, **problems(403, 404, 409, 507)},
    security=WRITES,
)
def renew_now(path: OfPlaylist) -> Response:
    """Make a playlist's next list now."""
    served = current()
    own_renewal(served, path.playlist_id)
    with _own_turn(served) as holder:
        renew(served, own_renewal(served, path.playlist_id), holder, roots())
    return _answer(served, path.playlist_id)


@api.delete(
    "/renewals/<int:playlist_id>",
    responses={204: None, **problems(403, 404, 507)},
    security=WRITES,
)
def end_renewal(path: OfPlaylist) -> Response:
    """Let a playlist renew itself no longer: it stays, and may be changed by hand."""
    served = current()
    renewal = own_renewal(served, path.playlist_id)
    try:
        served.catalog.renewals.end(renewal.listener_id, renewal.playlist_id)
    except KeyError:
        raise _does_not_renew(path.playlist_id) from None
    return Response(status=204)


def own_renewal(served: Served, playlist_id: int) -> Renewal:
    """Return how a playlist of the current listener renews itself, or raise NotFound."""
    return _renewal_of(served, own_playlist(served, playlist_id))


def _renewal_of(served: Served, stored: StoredPlaylist) -> Renewal:
    renewal = served.catalog.renewals.of(stored.id)
    if renewal is None:
        raise _does_not_renew(stored.id)
    return renewal


def address_of(plan: RenewalPlan) -> str:
    """Return the address of a plan's mix."""
    return f"/{plan.question}"


def folder_shown(plan: RenewalPlan) -> str:
    """Return a plan's folder as owners read it, "" for nowhere and for others."""
    folder = "" if plan.folder is None else str(plan.folder)
    return for_owner(folder.encode("utf-8", "replace").decode(), "")


def _question(text: str) -> str:
    """Return a mix's query string as a plan has it, or raise BadRequest."""
    query = re.sub(r"^/?\??", "", text)
    return mix_of(RenewalPlan(query)).address()


def _with_folder(plan: RenewalPlan, folder: str) -> RenewalPlan:
    """Return a plan with another folder. Raises Forbidden, BadRequest."""
    require_owner()
    require_presence()
    return replace(plan, folder=allowed_folder(folder) if folder else None)


@contextmanager
def _own_turn(served: Served) -> Iterator[str]:
    """Hold the turn to renew. Raises Conflict where others go on having it."""
    try:
        with turn(served.catalog, PATIENCE) as holder:
            yield holder
    except (RenewalsBusy, LeaseLost) as error:
        raise Conflict(BUSY) from error


def _answer(served: Served, playlist_id: int, status: int = 200) -> Response:
    stored = own_playlist(served, playlist_id)
    return answer(RenewalSchema.of(stored, _renewal_of(served, stored)), status)


def _does_not_renew(playlist_id: int) -> NotFound:
    return NotFound(f"Playlist {playlist_id} does not renew itself.")
