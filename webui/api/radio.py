"""Radio: tracks to go on with from seeds, other ones each time."""

from __future__ import annotations

from typing import Annotated

from flask import Response
from pydantic import Field, WithJsonSchema
from werkzeug.exceptions import BadRequest

from recsys.recommendation.query import Seed
from recsys.served_home import Served
from webui.api.openapi import WRITES, answer, blueprint, problems
from webui.api.parameters import Count, Described, Strict
from webui.api.schemas import TrackSchema
from webui.mix_list import seeds_of
from webui.mix_query import Ref, read_ref
from webui.radio import at_random, radio, seeds_of_artist, seeds_of_tracks
from webui.served import current

MAX_SEEDS = 50
Reference = Annotated[str, WithJsonSchema({"type": "string", "format": "ref"})]

api = blueprint("radio")


class RadioBody(Strict):
    """What a radio goes on from."""

    like: Annotated[list[Reference], Field(max_length=MAX_SEEDS)] = Field(
        default_factory=list,
        description="track:ID, album:ID of one of its tracks, artist:NAME or tag:NAME; "
        "without any, like what the listener plays.",
        examples=[["artist:Nina Simone"]],
    )
    at_random: bool = Field(False, description="Draw from the whole library instead.")
    count: Count = 20


class RadioTracks(Described):
    """Tracks to go on with, in their order."""

    tracks: list[TrackSchema]


@api.post("/radio", responses={200: RadioTracks, **problems(400, 403, 413, 415)}, security=WRITES)
def go_on(body: RadioBody) -> Response:
    """Go on from seeds: none of what was heard or given in the last hours, while there is more."""
    served = current()
    if body.at_random and body.like:
        raise BadRequest('"at_random" takes no seeds beside it.')
    seeds = [seed for text in body.like for seed in _seeds(served, read_ref(text))]
    if body.at_random:
        ids = at_random(served, list(served.discographies.current().seconds), body.count)
    else:
        ids = radio(served, seeds, body.count)
    tracks = [track for track in served.catalog.tracks(ids) if not track.removed]
    return answer(RadioTracks(tracks=[TrackSchema.of(track) for track in tracks]))


def _seeds(served: Served, ref: Ref) -> list[Seed]:
    """Return the seeds of a reference. Raises BadRequest for what no radio begins with."""
    if ref.kind in ("sound", "genre"):
        raise BadRequest(f'"like" takes track, album, artist or tag, not {ref.kind}.')
    if ref.kind == "artist":
        artist = served.discographies.current().artist_named(ref.name)
        return [Seed("artist", ref.name)] if artist is None else seeds_of_artist(served, artist)
    if ref.kind == "album":
        return seeds_of_tracks(served.completer.album_tracks(ref.track_id))
    return seeds_of(served, ref, 1.0)
