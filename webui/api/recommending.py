"""Lists: a mix, as the workbench shows it."""

from __future__ import annotations

from typing import Annotated, Any

from flask import Response, request
from pydantic import Field, WithJsonSchema

from webui import lists, people
from webui.api.describing import answer, blueprint
from webui.api.fields import Parameters
from webui.api.schemas import Recommended, RecommendedTracks
from webui.mixes import MAX_LENGTH, MAX_REFS, Mix
from webui.served import current

api = blueprint("recommendations")

_SHARE = WithJsonSchema({"type": "number", "minimum": 0, "maximum": 1})
_REFS = WithJsonSchema({"type": "array", "maxItems": MAX_REFS, "items": {"type": "string"}})


def _up_to(most: int) -> WithJsonSchema:
    return WithJsonSchema({"type": "integer", "minimum": 1, "maximum": most})


class MixQuery(Parameters):
    """A question to the recommender, as the workbench's addresses have it.

    What is described here `Mix.parse` reads and checks, for pages and programs alike.
    """

    like: Annotated[Any, _REFS] = Field(
        None,
        description="track:ID, artist:NAME, tag:NAME, album:ID of one of its tracks, or the ref "
        "of a sound.",
        examples=[["track:1"]],
    )
    unlike: Annotated[Any, _REFS] = Field(None, examples=[["tag:metal"]])
    without: Annotated[Any, _REFS] = Field(None, examples=[["artist:Aune Vesterdal"]])
    keep: Annotated[Any, WithJsonSchema({"type": "string"})] = Field(
        None, description="ID@PLACE,ID@PLACE: what stays at a place.", examples=["12@1,7@4"]
    )
    length: Annotated[Any, _up_to(MAX_LENGTH)] = 20
    discovery: Annotated[Any, _SHARE] = 0.5
    consistency: Annotated[Any, _SHARE] = 0.0
    diversity: Annotated[Any, _SHARE] = 0.0
    artist_cap: Annotated[Any, _up_to(MAX_LENGTH)] = None
    max_duration: Annotated[Any, _up_to(24 * 3600)] = Field(None, description="Seconds.")
    unplayed: Annotated[Any, WithJsonSchema({"type": "integer", "enum": [0, 1]})] = Field(
        0, description="1: only what the listener has not played."
    )


@api.get("/mix", responses={200: RecommendedTracks})
def mix(query: MixQuery) -> Response:
    """Answer a mix: seeds, exclusions, controls, for the person who listens here."""
    served = current()
    listing = lists.answer(served, Mix.parse(request.args), people.listener(served))
    return answer(
        RecommendedTracks(
            tracks=[Recommended.of_row(row) for row in listing.rows],
            sentences=list(listing.sentences),
        )
    )
