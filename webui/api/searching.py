"""Finding by words."""

from __future__ import annotations

from typing import Annotated

from flask import Response
from pydantic import Field, StringConstraints

from webui.api.describing import answer, blueprint
from webui.api.fields import MAX_QUERY, Count, Parameters, takes
from webui.api.schemas import Completion, Completions, Track, Tracks
from webui.served import current

Words = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=MAX_QUERY),
    takes(f"1 to {MAX_QUERY} characters"),
]

api = blueprint("search")


class SearchQuery(Parameters):
    """What is looked for."""

    q: Words = Field(description="Words of title, artist, album, genres.", examples=["psalm"])
    limit: Count = 10


class CompleteQuery(Parameters):
    """What was typed."""

    q: str = Field("", description=f"Its first {MAX_QUERY} characters count.", examples=["aun"])
    limit: Count = 12


@api.get("/search", responses={200: Tracks})
def search(query: SearchQuery) -> Response:
    """Find tracks by words, typos forgiven."""
    found = current().catalog.search(query.q, query.limit)
    return answer(Tracks(tracks=[Track.of(track) for track in found]))


@api.get("/complete", responses={200: Completions})
def complete(query: CompleteQuery) -> Response:
    """Complete the name of an artist, an album, a tag or a track."""
    found = current().completer.complete(query.q[:MAX_QUERY], query.limit)
    return answer(
        Completions(
            completions=[
                Completion(kind=one.kind, ref=one.ref, name=one.name, detail=one.detail)
                for one in found
            ]
        )
    )
