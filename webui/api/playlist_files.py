"""Export and import of playlist files."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

from flask import Response, request
from pydantic import BeforeValidator, Field, WithJsonSchema
from werkzeug.exceptions import BadRequest, NotFound, UnsupportedMediaType

from recsys.catalog import Track
from recsys.playlists import WRITERS, PlaylistError, parse, resolve
from recsys.recommendation.query import LARGEST_ID
from webui.api.openapi import BYTES, WRITES, answer, blueprint, content, problems, taking_bytes
from webui.api.parameters import MAX_QUERY, MAX_RESULTS, Described, Parameters, Text, takes
from webui.served import current
from webui.texts import read_whole

MAX_ENTRIES = 5_000  # of a playlist
MAX_MISSING = 50  # of its entries that are named as not found
_ROOT = Path("/")  # relative paths lead nowhere: the folder of the file is not known
MEDIA_TYPES = {
    "m3u8": "audio/x-mpegurl; charset=utf-8",
    "xspf": "application/xspf+xml",
    "jspf": "application/jspf+json",
}

api = blueprint("playlist_files", tag="playlists")


class OfFormat(Parameters):
    """The path of a file format."""

    kind: str = Field(description=f"One of {', '.join(WRITERS)}.", examples=["m3u8"])


def _ids(text: str) -> list[int]:
    """Read ids with commas between them."""
    ids = [read_whole(part, 0, LARGEST_ID) for part in text.split(",")]
    valid = [track_id for track_id in ids if track_id is not None]
    if len(ids) > MAX_RESULTS or len(valid) < len(ids):
        raise ValueError(text)
    return valid


class ExportQuery(Parameters):
    """What is written."""

    tracks: Annotated[
        list[int],
        BeforeValidator(_ids),
        WithJsonSchema({"type": "string", "pattern": "^[0-9]{1,9}(,[0-9]{1,9}){0,199}$"}),
        takes(f"1 to {MAX_RESULTS} ids with commas between them"),
    ] = Field(examples=["1,2"])
    title: Text = Field("", description=f"Title of the playlist, at most {MAX_QUERY} characters.")


class Missing(Described):
    """An entry that the library does not have."""

    title: str
    artist: str


class ImportedSchema(Described):
    """What a playlist's file names."""

    title: str = Field(examples=["Evening"])
    tracks: list[int] = Field(description="In order; one may come twice.", examples=[[1, 2]])
    n_missing: int
    missing: list[Missing] = Field(description=f"The first {MAX_MISSING} of them.")


@api.get(
    "/playlists/export.<kind>",
    responses={200: content(*MEDIA_TYPES.values()), **problems(404)},
)
def export(path: OfFormat, query: ExportQuery) -> Response:
    """Write tracks, in their order, as a playlist that other players read."""
    return file_answer(path.kind, current().catalog.tracks(query.tracks), query.title[:MAX_QUERY])


@api.post(
    "/playlists/import",
    responses={200: ImportedSchema, **problems(403, 413, 415)},
    security=WRITES,
    openapi_extensions=taking_bytes("A playlist: M3U, M3U8, XSPF or JSPF."),
)
def read_playlist() -> Response:
    """Match the entries of a playlist file to tracks; nothing is stored."""
    if request.mimetype != BYTES:
        raise UnsupportedMediaType(f"A playlist is sent as it is, as {BYTES}.")
    try:
        playlist = parse(request.get_data(), _ROOT, MAX_ENTRIES)
    except PlaylistError as error:
        raise BadRequest(f"This file cannot be read as a playlist. {error}") from error
    entries = resolve(current().catalog, playlist, follow_links=False)
    ids = [entry.track_id for entry in entries if entry.track_id is not None]
    missing = [resolved.entry for resolved in entries if resolved.track_id is None]
    return answer(
        ImportedSchema(
            title=playlist.title,
            tracks=ids,
            n_missing=len(missing),
            missing=[
                Missing(title=entry.title or entry.location, artist=entry.creator)
                for entry in missing[:MAX_MISSING]
            ],
        )
    )


def file_answer(kind: str, tracks: Iterable[Track], title: str) -> Response:
    """Return tracks as a playlist's file, without those whose file is gone, or raise NotFound."""
    if kind not in WRITERS:
        raise NotFound(f"Playlists are written as {', '.join(WRITERS)}.")
    text = WRITERS[kind]([track for track in tracks if not track.removed], title)
    response = Response(text, content_type=MEDIA_TYPES[kind])
    response.headers.set("Content-Disposition", "attachment", filename=f"earshot.{kind}")
    return response
