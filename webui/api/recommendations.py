"""Lists: for the listener, like several tracks, like a file, from one track to another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import numpy as np
from flask import Response, request
from pydantic import Field, WithJsonSchema
from werkzeug.exceptions import BadRequest, Conflict

from recsys.recommendation.query import LARGEST_ID, Query, Recommendation, Seed
from recsys.recommendation.recommender import MAX_LENGTH as LONGEST_PATH
from recsys.recommendation.recommender import Unanswerable
from recsys.served_home import Served
from webui import current_listener, mix_list
from webui.api.openapi import WRITES, answer, blueprint, problems, taking_bytes
from webui.api.parameters import WHOLE, Count, Id, Parameters, Share, Strict, TrackId, takes
from webui.api.schemas import Recommended, RecommendedTracks, Similar, SimilarTracks
from webui.api.tracks import SimilarQuery, not_compared
from webui.mix_query import MAX_LENGTH, MAX_NAME, MAX_REFS, MAX_SOUND_NAME, Mix
from webui.served import current, living
from webui.uploads import hear_upload, read_sound, write_sound

api = blueprint("recommendations")

_SHARE = WithJsonSchema({"type": "number", "minimum": 0, "maximum": 1})
_REFS = WithJsonSchema(
    {"type": "array", "maxItems": MAX_REFS, "items": {"type": "string", "format": "ref"}}
)
_KEPT = "[1-9][0-9]{0,8}@[1-9][0-9]?"
_Sides = Annotated[list[Id], Field(max_length=MAX_REFS), takes(f"up to {MAX_REFS} ids of tracks")]


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
    without: Annotated[Any, _REFS] = Field(
        None, description="As like, but no sound.", examples=[["artist:Aune Vesterdal"]]
    )
    keep: Annotated[
        Any, WithJsonSchema({"type": "string", "pattern": f"^({_KEPT}(,{_KEPT})*)?$"})
    ] = Field(None, description="ID@PLACE,ID@PLACE: what stays at a place.", examples=["12@1"])
    length: Annotated[Any, _up_to(MAX_LENGTH)] = 20
    discovery: Annotated[Any, _SHARE] = 0.5
    consistency: Annotated[Any, _SHARE] = 0.0
    diversity: Annotated[Any, _SHARE] = 0.0
    artist_cap: Annotated[Any, _up_to(MAX_LENGTH)] = None
    max_duration: Annotated[Any, _up_to(24 * 3600)] = Field(None, description="Seconds.")
    unplayed: Annotated[Any, WithJsonSchema({"type": "integer", "enum": [0, 1]})] = Field(
        0, description="1: only what the listener has not played."
    )


class AlikeQuery(SimilarQuery):
    """What a list shall sound like, and not."""

    like: _Sides = Field(min_length=1, description="Ids of tracks.", examples=[[1, 2]])
    unlike: _Sides = Field([], description="Ids of tracks.", examples=[[7]])


class FileQuery(SimilarQuery):
    """What a file is called, and how many tracks are asked for."""

    name: str = Field("", description="The file's name.", examples=["new song.mp3"])


class SimilarToFile(SimilarTracks):
    """What sounds like a file."""

    name: str = Field(examples=["new song.mp3"])
    ref: str = Field(description="What stands for the file in a mix: its embedding and its name.")


class GivenSeed(Strict):
    """Something that the answer shall be like, or unlike where its weight is negative."""

    kind: Literal["track", "artist", "tag", "sound"]
    ref: Annotated[
        TrackId | Annotated[str, Field(min_length=1, max_length=MAX_SOUND_NAME)],
        takes("a track's id, a name, or the ref of a sound"),
    ] = Field(examples=[1])
    weight: Annotated[
        float, Field(ge=-100, le=100), takes("a number from -100 to 100 other than 0")
    ] = 1.0


Ids = Annotated[list[TrackId], Field(max_length=1000), takes("up to 1000 ids of tracks")]
Names = Annotated[
    list[Annotated[str, Field(min_length=1, max_length=MAX_NAME)]],
    Field(max_length=MAX_REFS),
    takes(f"up to {MAX_REFS} names"),
]
Seconds = Annotated[float, Field(ge=0, le=86_400), takes("seconds from 0 to 86400")]
Chance = Annotated[
    int, Field(ge=0, le=LARGEST_ID), WHOLE, takes(f"a number from 0 to {LARGEST_ID}")
]
Spacing = Annotated[int, Field(ge=0, le=MAX_LENGTH), WHOLE, takes("a number from 0 to 200")]


class Controls(Strict):
    """How a list shall be."""

    discovery: Share = Field(0.5, description="0: familiar, to 1: new.")
    consistency: Share = Field(0.0, description="How alike the list must sound.")
    diversity: Share = Field(0.0, description="How much each must differ from those before it.")
    artist_cap: Count | None = None
    album_cap: Count | None = None
    artist_spacing: Spacing = Field(0, description="Others between two of one artist, at least.")
    album_spacing: Spacing = 0
    exclude_tracks: Ids = Field(default_factory=list)
    exclude_artists: Names = Field(default_factory=list)
    exclude_genres: Names = Field(default_factory=list)
    exclude_tags: Names = Field(default_factory=list)
    min_duration: Seconds | None = None
    max_duration: Seconds | None = None
    exclude_played: bool | None = Field(
        None, description="null: unless discovery is below one half."
    )
    exclude_disliked: bool = True
    randomness: Share = Field(0.0, description="How far chance may reorder what is near in score.")
    seed: Chance = Field(0, description="Of that chance: the same seed gives the same list.")


class Question(Controls):
    """A question for the listener; without seeds, what they play and like is what it goes by."""

    seeds: Annotated[list[GivenSeed], Field(max_length=MAX_REFS)] = Field(
        [], examples=[[{"kind": "track", "ref": 1}, {"kind": "tag", "ref": "metal", "weight": -1}]]
    )
    k: Count = Field(20, description="How many.")


class PathQuery(Parameters):
    """From where to where."""

    start: Id = Field(examples=[1])
    end: Id = Field(examples=[40])
    length: Annotated[
        int, Field(ge=2, le=LONGEST_PATH), WHOLE, takes(f"a whole number from 2 to {LONGEST_PATH}")
    ] = Field(10, description="With both ends.")


@api.get("/mix", responses={200: RecommendedTracks})
def mix(query: MixQuery) -> Response:
    """Answer a mix: seeds, exclusions, controls, for the person who listens here."""
    served = current()
    listing = mix_list.answer(served, Mix.parse(request.args), current_listener.listener(served))
    return _listed(listing.rows, listing.sentences)


@api.post(
    "/recommend", responses={200: RecommendedTracks, **problems(403, 413, 415)}, security=WRITES
)
def recommend(body: Question) -> Response:
    """Recommend to the person who listens here, with every control of the recommender."""
    served = current()
    listener = current_listener.listener(served)
    controls: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in body.model_dump(include=set(Controls.model_fields)).items()
    }
    try:
        seeds = tuple(_seed(served, given) for given in body.seeds)
        query = Query(listener=listener, seeds=seeds, **controls)
    except ValueError as error:
        raise BadRequest(f"{error}.") from error
    found = served.recommender.recommend(query, body.k)
    return recommended(served, listener, found.recommendations, found.notices)


@api.get("/similar", responses={200: SimilarTracks, **problems(404, 409)})
def similar_to_several(query: AlikeQuery) -> Response:
    """Name the tracks that sound like several and unlike others, best first."""
    served = current()
    seeds = [living(served, track_id) for track_id in (*query.like, *query.unlike)]
    for seed in seeds:
        if not np.isin(seed.id, served.recommender.index.ids):
            raise not_compared(seed)
    asked = Query.like(query.like, query.unlike, artist_cap=query.artist_cap)
    return answer(SimilarTracks(tracks=_similar(served, asked, query.k)))


@api.post(
    "/similar",
    responses={200: SimilarToFile, **problems(403, 413, 415, 429)},
    security=WRITES,
    openapi_extensions=taking_bytes("Any file of music, up to 100 MiB."),
)
def similar_to_file(query: FileQuery) -> Response:
    """Name the tracks that sound like a file, which is analysed and not kept."""
    sound, served = hear_upload(query.name), current()
    asked = Query(
        seeds=(mix_list.sound_seed(served, sound, 1.0),),
        artist_cap=query.artist_cap,
    )
    return answer(
        SimilarToFile(
            tracks=_similar(served, asked, query.k),
            name=sound.name,
            ref=f"sound:{write_sound(sound)}",
        )
    )


@api.get("/path", responses={200: RecommendedTracks, **problems(404, 409)})
def path_between(query: PathQuery) -> Response:
    """Lead from one track to another in small and even steps."""
    served = current()
    if query.start == query.end:
        raise BadRequest('"end" takes another track than "start".')
    for track_id in (query.start, query.end):
        living(served, track_id)
    listener = current_listener.listener(served)
    try:
        found = served.recommender.path(
            query.start, query.end, query.length, Query(listener=listener)
        )
    except Unanswerable as error:
        raise Conflict(str(error)) from error
    return recommended(served, listener, found.recommendations, found.notices)


def recommended(
    served: Served,
    listener: int | None,
    found: Sequence[Recommendation],
    sentences: Sequence[str],
) -> Response:
    """Return recommendations with what is shown of them."""
    return _listed(mix_list.rows(served, found, mix_list.feedback(served, listener)), sentences)


def _listed(rows: Sequence[mix_list.Row], sentences: Sequence[str]) -> Response:
    return answer(
        RecommendedTracks(
            tracks=[Recommended.of_row(row) for row in rows], sentences=list(sentences)
        )
    )


def _similar(served: Served, query: Query, k: int) -> list[Similar]:
    found = served.recommender.recommend(query, k).recommendations
    rows = mix_list.rows(served, found, {})
    return [Similar.to(row.track, row.recommendation.similarity, row.shared_tags) for row in rows]


def _seed(served: Served, given: GivenSeed) -> Seed:
    """Return the recommender's seed. Raises ValueError, or BadRequest for a stale sound."""
    if given.kind != "sound":
        return Seed(given.kind, given.ref, given.weight)
    ref = str(given.ref).removeprefix("sound:")
    return mix_list.sound_seed(served, read_sound(ref), given.weight)
