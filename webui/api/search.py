"""Search and completion by words."""

from __future__ import annotations

from typing import Annotated

from flask import Response
from pydantic import Field, StringConstraints

from webui.api.openapi import answer, blueprint
from webui.api.parameters import (
    MAX_QUERY,
    Count,
    Page,
    Paged,
    Parameters,
    Text,
    takes,
    write_cursor,
)
from webui.api.schemas import Completions, CompletionSchema, TrackSchema
from webui.current_listener import listener
from webui.served import current

Words = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True, max_length=MAX_QUERY, pattern=r"^[^\x00]*[^\s\x00][^\x00]*$"
    ),
    takes(f"1 to {MAX_QUERY} characters"),
]

api = blueprint("search")


MAX_FOUND = 2_000  # tracks of one search


class SearchQuery(Page):
    """The words to search for."""

    q: Words = Field(description="Words of title, artist, album, genres.", examples=["psalm"])
    limit: Count = 10


class Found(Paged):
    """Tracks, best first."""

    tracks: list[TrackSchema]


class CompleteQuery(Parameters):
    """The text to complete."""

    q: Text = Field("", description=f"Its first {MAX_QUERY} characters count.", examples=["aun"])
    limit: Count = 12


@api.get("/search", responses={200: Found})
def search(query: SearchQuery) -> Response:
    """Find tracks by words, typos forgiven."""
    first = min(max(query.cursor[0], 0), MAX_FOUND) if query.cursor else 0
    last = min(first + query.limit, MAX_FOUND)
    tracks = current().catalog.search(query.q, last + 1)
    next_cursor = write_cursor(last, 0) if len(tracks) > last < MAX_FOUND else None
    return answer(
        Found(tracks=[TrackSchema.of(track) for track in tracks[first:last]], next=next_cursor)
    )


@api.get("/complete", responses={200: Completions})
def complete(query: CompleteQuery) -> Response:
    """Complete the name of an artist, an album, a tag or a track."""
    served = current()
    completions = served.completer.complete(query.q[:MAX_QUERY], query.limit, listener(served))
    return answer(
        Completions(
            completions=[
                CompletionSchema(kind=c.kind, ref=c.ref, name=c.name, detail=c.detail)
                for c in completions
            ]
        )
    )
