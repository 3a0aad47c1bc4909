"""The map of the library: positions and colours of the tracks, in a compact form."""

from __future__ import annotations

import base64
import struct
from typing import Annotated

from flask import Response
from pydantic import Field, StringConstraints
from werkzeug.exceptions import NotFound

from recsys.recommendation.query import LARGEST_ID
from recsys.served_home import Served
from recsys.track_map.track_map import Colours, TrackMap
from webui.api.openapi import BYTES, NOT_MODIFIED, answer, blueprint, content, problems, tagged
from webui.api.parameters import MAX_QUERY, MAX_RESULTS, Described, Parameters, Revalidating, takes
from webui.api.schemas import TrackSchema
from webui.served import current

By = Annotated[
    str,
    StringConstraints(pattern="^(sound|cluster|genre|tag:[^\\x00]+)$", max_length=MAX_QUERY),
    takes("sound, cluster, genre, or tag: and one of the taggers' tags"),
]
Ids = Annotated[
    str,
    StringConstraints(pattern=rf"^[0-9]{{1,10}}(,[0-9]{{1,10}}){{0,{MAX_RESULTS - 1}}}$"),
    takes(f"1 to {MAX_RESULTS} ids with commas between them"),
]

api = blueprint("map")


class ColoursQuery(Parameters):
    """What the colours say."""

    by: By = Field(
        "sound",
        description="`sound`: the tag that each track stands out in most; `cluster`: of what "
        "sounds alike, named by the tags that set it apart; `genre`: of the files; "
        "`tag:NAME`: how much it stands out in one tag of the taggers.",
        examples=["tag:choir"],
    )


class MapColours(Described):
    """What each track of the map is drawn in."""

    names: list[str] = Field(
        description="Of the groups 1, 2, ...; of a single tag, its name.", examples=[["choir"]]
    )
    values: str = Field(
        description="Base64 of a uint8 for each track, in the order of the map: its group, 0 for "
        "none; of a single tag how much it stands out, 0 to 255.",
        examples=["AAECAw=="],
    )


class MapTracksQuery(Parameters):
    """Which tracks."""

    ids: Ids = Field(examples=["1,2"])


class MapTracks(Described):
    """The tracks that are there, in the order asked for."""

    tracks: list[TrackSchema]


@api.get("/map", responses={200: content(BYTES), **NOT_MODIFIED, **problems(404)})
def places(header: Revalidating) -> Response:
    """Return the position of every track.

    Little-endian: how many there are, uint32; their ids, uint32 each; x and y of each, uint16.
    """
    track_map = _track_map(current())
    parts = (
        struct.pack("<I", len(track_map.ids)),
        track_map.ids.astype("<u4").tobytes(),
        track_map.places.astype("<u2").tobytes(),
    )
    return tagged(Response(b"".join(parts), mimetype=BYTES))


@api.get("/map/colours", responses={200: MapColours, **NOT_MODIFIED, **problems(404)})
def colours(query: ColoursQuery, header: Revalidating) -> Response:
    """Return the colour groups of the map's tracks."""
    served = current()
    track_map = _track_map(served)
    map_colours: Colours | None
    if query.by == "sound":
        map_colours = served.map.by_sound(track_map)
    elif query.by == "cluster":
        map_colours = served.map.by_cluster(track_map)
    elif query.by == "genre":
        map_colours = served.map.by_genre(track_map)
    else:
        map_colours = served.map.by_tag(track_map, query.by.removeprefix("tag:"))
    if map_colours is None:
        raise NotFound("No tagger knows this tag.")
    values = base64.b64encode(map_colours.values.tobytes()).decode()
    return tagged(answer(MapColours(names=list(map_colours.names), values=values)))


@api.get("/map/tracks", responses={200: MapTracks})
def named(query: MapTracksQuery) -> Response:
    """Return tracks of the map by id; unknown ids are left out."""
    ids = [int(text) for text in query.ids.split(",") if int(text) <= LARGEST_ID]
    tracks = [track for track in current().catalog.tracks(ids) if not track.removed]
    return answer(MapTracks(tracks=[TrackSchema.of(track) for track in tracks]))


def _track_map(served: Served) -> TrackMap:
    """Return the map, or raise NotFound."""
    track_map = served.map.read()
    if track_map is None:
        raise NotFound("There is no map of this library yet: run `earshot build`.")
    return track_map
