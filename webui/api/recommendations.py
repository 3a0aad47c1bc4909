"""Recommendations: mixes, similar tracks of several seeds or a file, paths."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

import numpy as np
from flask import Response, request
from pydantic import AfterValidator, ConfigDict, Field, WithJsonSchema
from werkzeug.exceptions import BadRequest, Conflict

from recsys.recommendation.controls import PERCENT, Controls, PublicControls
from recsys.recommendation.query import LEAST_WEIGHT, Query, Recommendation, Seed
from recsys.recommendation.recommender import MAX_LENGTH as LONGEST_PATH
from recsys.recommendation.recommender import Unanswerable
from recsys.served_home import Served
from webui import current_listener, mix_list
from webui.api.openapi import WRITES, answer, blueprint, problems, taking_bytes
from webui.api.parameters import (
    WHOLE,
    Count,
    Id,
    Parameters,
    Strict,
    Text,
    TrackId,
    as_parameters,
    takes,
)
from webui.api.schemas import Recommended, RecommendedTracks, Similar, SimilarTracksSchema
from webui.api.tracks import SimilarQuery, not_compared
from webui.mix_query import ADDRESS_NAMES, DEFAULTS, MAX_LENGTH, MAX_REFS, MAX_SOUND_NAME, Mix
from webui.served import available_track, current
from webui.uploads import analyse_upload, read_sound, write_sound

api = blueprint("recommendations")

_REFS = WithJsonSchema(
    {"type": "array", "maxItems": MAX_REFS, "items": {"type": "string", "format": "ref"}}
)
_PINNED = "[1-9][0-9]{0,8}@[1-9][0-9]?"
_Sides = Annotated[list[Id], Field(max_length=MAX_REFS), takes(f"up to {MAX_REFS} ids of tracks")]


_EMPTY = {"type": "string", "maxLength": 0}  # what a form without scripts sends for a default


def _with_controls(schema: dict[str, Any]) -> None:
    """Describe the controls that addresses name, too."""
    bodies = PublicControls.model_json_schema()["properties"]
    for name, address_name in ADDRESS_NAMES.items():
        described, default = bodies[name], getattr(DEFAULTS, name)
        bounds = described.get("anyOf", [described])[0]
        kind = {key: bounds[key] for key in ("type", "minimum", "maximum") if key in bounds}
        if bounds["type"] == "boolean":
            kind = {"type": "integer", "enum": [0, 1]}
            default = None if default is None else int(default)
        schema["properties"][address_name] = {
            "anyOf": [kind, _EMPTY],
            "default": default,
            "title": described["title"],
            "description": described["description"],
        }
    as_parameters(schema)


class MixQuery(Parameters):
    """A query to the recommender, as the workbench's addresses have it.

    What is described here `Mix.parse` reads and checks, for pages and programs alike.
    """

    model_config = ConfigDict(json_schema_extra=_with_controls)

    like: Annotated[Any, _REFS] = Field(
        None,
        description="track:ID, artist:NAME, tag:NAME, album:ID of one of its tracks, or the ref "
        "of a sound.",
        examples=[["track:1"]],
    )
    unlike: Annotated[Any, _REFS] = Field(None, examples=[["tag:metal"]])
    without: Annotated[Any, _REFS] = Field(
        None,
        description="As like, or genre:NAME, but no sound.",
        examples=[["artist:Aune Vesterdal"]],
    )
    keep: Annotated[
        Any, WithJsonSchema({"type": "string", "pattern": f"^({_PINNED}(,{_PINNED})*)?$"})
    ] = Field(None, description="Tracks pinned at a place: ID@PLACE,ID@PLACE.", examples=["12@1"])
    length: Annotated[
        Any,
        WithJsonSchema(
            {"anyOf": [{"type": "integer", "minimum": 1, "maximum": MAX_LENGTH}, _EMPTY]}
        ),
    ] = 20


class AlikeQuery(SimilarQuery):
    """Tracks that the answer sounds like, and unlike."""

    like: _Sides = Field(min_length=1, description="Ids of tracks.", examples=[[1, 2]])
    unlike: _Sides = Field([], description="Ids of tracks.", examples=[[7]])


class FileQuery(SimilarQuery):
    """The name of a file, and how many tracks to list."""

    name: Text = Field("", description="The file's name.", examples=["new song.mp3"])


class SimilarToFile(SimilarTracksSchema):
    """What sounds like a file."""

    name: str = Field(examples=["new song.mp3"])
    ref: str = Field(description="What stands for the file in a mix: its embedding and its name.")


def _not_near_zero(weight: float) -> float:
    if abs(weight) < LEAST_WEIGHT:
        raise ValueError(weight)
    return weight


class GivenSeed(Strict):
    """A seed; with a negative weight the recommendations are unlike it."""

    kind: Literal["track", "artist", "tag", "sound"]
    ref: Annotated[
        TrackId | Annotated[Text, Field(min_length=1, max_length=MAX_SOUND_NAME)],
        takes("a track's id, a name, or the ref of a sound"),
    ] = Field(examples=[1])
    weight: Annotated[
        float,
        Field(ge=-100, le=100),
        AfterValidator(_not_near_zero),
        takes(f"a number from -100 to 100, and no nearer to 0 than {LEAST_WEIGHT:f}"),
    ] = 1.0


class RecommendBody(PublicControls, Strict):
    """A query for the listener; without seeds, recommendations are like what they play and like."""

    seeds: Annotated[list[GivenSeed], Field(max_length=MAX_REFS)] = Field(
        [], examples=[[{"kind": "track", "ref": 1}, {"kind": "tag", "ref": "metal", "weight": -1}]]
    )
    k: Count = Field(20, description="Number of tracks.")


class PathQuery(Parameters):
    """From where to where."""

    start: Id = Field(examples=[1])
    end: Id = Field(examples=[40])
    length: Annotated[
        int, Field(ge=2, le=LONGEST_PATH), WHOLE, takes(f"a whole number from 2 to {LONGEST_PATH}")
    ] = Field(10, description="Number of tracks, both ends included.")
    harmonic: Annotated[Literal["0", "1"], takes("0 or 1")] = Field(
        "0", description="1: each track's key mixes with that of the one before it."
    )
    tempo_change: Annotated[float | None, Field(ge=0, le=PERCENT.most), takes(PERCENT.public)] = (
        Field(None, description="Most change of tempo from a track to the next, in percent.")
    )


@api.get("/mix", responses={200: RecommendedTracks})
def mix(query: MixQuery) -> Response:
    """Recommend a mix for the listener: seeds, exclusions, controls."""
    served = current()
    listing = mix_list.answer(served, Mix.parse(request.args), current_listener.listener(served))
    return _list_answer(listing.rows, listing.sentences)


@api.post(
    "/recommend",
    responses={200: RecommendedTracks, **problems(403, 413, 415)},
    security=WRITES,
)
def recommend(body: RecommendBody) -> Response:
    """Recommend tracks for the listener, with every control of the recommender."""
    served = current()
    listener = current_listener.listener(served)
    controls = body.model_dump(include=set(Controls.model_fields))
    try:
        seeds = tuple(_seed(served, given) for given in body.seeds)
        query = Query(listener=listener, seeds=seeds, **controls)
    except ValueError as error:
        raise BadRequest(f"{error}.") from error
    response = served.recommender.recommend(query, body.k)
    return recommended(served, listener, response.recommendations, response.notices)


@api.get("/similar", responses={200: SimilarTracksSchema, **problems(404, 409)})
def similar_to_several(query: AlikeQuery) -> Response:
    """List the tracks that sound like several and unlike others, best first."""
    served = current()
    seeds = [available_track(served, track_id) for track_id in (*query.like, *query.unlike)]
    for seed in seeds:
        if not np.isin(seed.id, served.recommender.index.ids):
            raise not_compared(seed)
    similar_query = Query.like(query.like, query.unlike, artist_cap=query.artist_cap)
    tracks, sentences = _similar(served, similar_query, query.k)
    return answer(SimilarTracksSchema(tracks=tracks, sentences=sentences))


@api.post(
    "/similar",
    responses={200: SimilarToFile, **problems(403, 413, 415, 429, 507)},
    security=WRITES,
    openapi_extensions=taking_bytes("Any file of music, up to 100 MiB."),
)
def similar_to_file(query: FileQuery) -> Response:
    """List the tracks that sound like a file, which is analysed and not stored."""
    sound, served = analyse_upload(query.name), current()
    similar_query = Query(
        seeds=(mix_list.sound_seed(served, sound, 1.0),),
        artist_cap=query.artist_cap,
    )
    tracks, sentences = _similar(served, similar_query, query.k)
    ref = f"sound:{write_sound(sound)}"
    return answer(SimilarToFile(tracks=tracks, sentences=sentences, name=sound.name, ref=ref))


@api.get("/path", responses={200: RecommendedTracks, **problems(404, 409)})
def path_between(query: PathQuery) -> Response:
    """Return a path from one track to another in small, even steps."""
    served = current()
    if query.start == query.end:
        raise BadRequest('"end" takes another track than "start".')
    for track_id in (query.start, query.end):
        available_track(served, track_id)
    listener = current_listener.listener(served)
    try:
        track_path = served.recommender.path(
            query.start,
            query.end,
            query.length,
            Query(
                listener=listener, harmonic=query.harmonic == "1", tempo_change=query.tempo_change
            ),
        )
    except Unanswerable as error:
        raise Conflict(str(error)) from error
    return recommended(served, listener, track_path.recommendations, track_path.notices)


def recommended(
    served: Served,
    listener: int | None,
    recommendations: Sequence[Recommendation],
    notices: Sequence[str],
) -> Response:
    """Return recommendations as JSON, with shared tags and feedback."""
    return _list_answer(
        mix_list.rows(served, recommendations, mix_list.feedback(served, listener)), notices
    )


def _list_answer(rows: Sequence[mix_list.Row], notices: Sequence[str]) -> Response:
    return answer(
        RecommendedTracks(tracks=[Recommended.of_row(row) for row in rows], sentences=list(notices))
    )


def _similar(served: Served, query: Query, k: int) -> tuple[list[Similar], list[str]]:
    response = served.recommender.recommend(query, k)
    rows = mix_list.rows(served, response.recommendations, {})
    return [
        Similar.to(row.track, row.recommendation.similarity, row.shared_tags) for row in rows
    ], list(response.notices)


def _seed(served: Served, given: GivenSeed) -> Seed:
    """Return the recommender's seed. Raises ValueError, or BadRequest for a stale sound."""
    if given.kind != "sound":
        return Seed(given.kind, given.ref, given.weight)
    ref = str(given.ref).removeprefix("sound:")
    return mix_list.sound_seed(served, read_sound(ref), given.weight)
