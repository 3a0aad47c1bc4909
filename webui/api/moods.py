"""Moods and activities, which mixes name as tags."""

from __future__ import annotations

from flask import Response
from pydantic import Field

from recsys.catalog.search import fold
from webui.api.openapi import answer, blueprint
from webui.api.parameters import Described
from webui.current_listener import listener
from webui.served import current

api = blueprint("moods")


class MoodSchema(Described):
    """A mood or an activity, and what its music sounds like."""

    name: str = Field(
        description="What a mix or a search names: `like=tag:for running`.",
        examples=["for running"],
    )
    wanted: list[str] = Field(
        description="Tags of the taggers in use that tracks stand out in.",
        examples=[["dance", "electronic"]],
    )
    unwanted: list[str] = Field(description="Those that they do not.", examples=[["slow"]])
    tempos: list[tuple[float, float]] = Field(
        description="Beats a minute that suit; empty where any do.", examples=[[[150.0, 185.0]]]
    )
    loudness: float = Field(description="1: rather loud; -1: rather quiet; 0: either.")
    own_tags: list[str] = Field(
        description="The listener's own tags that count too, as they are called like it.",
        examples=[["Running"]],
    )


class Moods(Described):
    """The moods and activities that mixes can be made for."""

    moods: list[MoodSchema]


@api.get("/moods", responses={200: Moods})
def moods() -> Response:
    """List the moods and activities that mixes can be made for, and what they are made of."""
    served = current()
    tags = served.recommender.tags_of(listener(served))
    known = tags.table().names
    return answer(
        Moods(
            moods=[
                MoodSchema(
                    name=mood.name,
                    wanted=[known[name] for name in mood.wanted if name in known],
                    unwanted=[known[name] for name in mood.unwanted if name in known],
                    tempos=list(mood.tempos),
                    loudness=mood.loudness,
                    own_tags=[
                        tags.own_names[name]
                        for name in (fold(mood.name), *mood.words)
                        if name in tags.own_names
                    ],
                )
                for mood in tags.moods
            ]
        )
    )
