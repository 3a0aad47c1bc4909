"""Tracks found by words."""

from __future__ import annotations

from typing import Annotated

from flask import Response
from pydantic import Field

from recsys.words.search import MAX_RESULTS
from webui.api.openapi import answer, blueprint
from webui.api.parameters import WHOLE, Described, Parameters, takes
from webui.api.search import Words
from webui.current_listener import listener
from webui.served import current

api = blueprint("words")


class WordsQuery(Parameters):
    """The words to find music by."""

    q: Words = Field(
        description="Instruments, moods, genres, tags of one's own, years, tempo, likeness.",
        examples=["calm choir without drums"],
    )
    limit: Annotated[
        int,
        Field(ge=1, le=MAX_RESULTS),
        WHOLE,
        takes(f"a whole number from 1 to {MAX_RESULTS}"),
    ] = 10


class UnderstoodSchema(Described):
    """Words of the query, and what they were taken for."""

    words: str = Field(examples=["calm"])
    taken_for: list[str] = Field(
        description="Tags, the name of an artist or a track, a range of numbers, or the text–audio "
        "model that compared the words with the sound.",
        examples=[["quiet", "slow", "Mellow"]],
    )


class FoundByWordsSchema(Described):
    """A track that was found, and the words that it meets."""

    rank: int = Field(examples=[1])
    track_id: int = Field(examples=[1])
    title: str = Field(examples=["Harbour Psalm"])
    artist: str = Field(examples=["Aune Vesterdal"])
    score: float = Field(
        description="Standard deviations above a typical track, the mean over the query's parts.",
        examples=[1.6312],
    )
    met: list[str] = Field(examples=[["calm", "choir"]])


class WordsAnswer(Described):
    """Tracks found by words, best first."""

    understood: list[UnderstoodSchema]
    ignored: list[str] = Field(description="What nothing was known for.", examples=[["qwerty"]])
    sentences: list[str] = Field(
        description="What a person should know about it.",
        examples=[["Nothing for “qwerty”; used the rest."]],
    )
    results: list[FoundByWordsSchema]


@api.get("/words", responses={200: WordsAnswer})
def words(query: WordsQuery) -> Response:
    """Find music by words: how it sounds, what it is like, from when it is."""
    served = current()
    found = served.words.search(query.q, query.limit, listener(served))
    return answer(
        WordsAnswer(
            understood=[
                UnderstoodSchema(words=part.words, taken_for=list(part.taken_for))
                for part in found.understood
            ],
            ignored=list(found.ignored),
            sentences=list(found.notices),
            results=[
                FoundByWordsSchema(
                    rank=one.rank,
                    track_id=one.track.id,
                    title=one.track.title,
                    artist=one.track.artist,
                    score=one.score,
                    met=list(one.met),
                )
                for one in found.results
            ],
        )
    )
