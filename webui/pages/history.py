"""The page of what a person has listened to."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from flask import Blueprint, render_template, request
from pydantic import TypeAdapter, ValidationError
from werkzeug.exceptions import BadRequest

from recsys.catalog import StoredListen
from webui import current_listener
from webui.api.parameters import Cursor, write_cursor
from webui.listening import listening
from webui.pages.track import day
from webui.served import current

ON_PAGE = 100  # listens
_CURSOR: TypeAdapter[tuple[int, int]] = TypeAdapter(Cursor)

history_page = Blueprint("history_page", __name__)


@history_page.get("/history")
def show() -> str:
    """Show the person's listens, the latest first."""
    served = current()
    person = current_listener.person()
    me = served.catalog.listener(person.listener)
    before = _before()
    found: Sequence[StoredListen] = (
        [] if me is None else served.catalog.listens_before(me.id, before, ON_PAGE + 1)
    )
    listens = found[:ON_PAGE]
    ids = {listen.track_id for listen in listens if listen.track_id is not None}
    last = listens[-1] if len(found) > len(listens) else None
    return render_template(
        "history.html",
        n_listens=me.n_listens if me else 0,
        days=[(at, list(some)) for at, some in groupby(listens, lambda one: day(one.listened_at))],
        tracks={track.id: track for track in served.catalog.tracks(ids) if not track.removed},
        is_first=before is None,
        next_page=last and write_cursor(last.listened_at, last.recording_id),
        n_tracks=served.n_indexed,
        person=person,
        library=served.discographies.current(),
        mine=listening(served),
    )


def _before() -> tuple[int, int] | None:
    given = request.args.get("before")
    if not given:
        return None
    try:
        return _CURSOR.validate_python(given)
    except ValidationError as error:
        raise BadRequest('"before" takes what the link to older listens has.') from error
