"""Stored playlists of a listener: read, write, continue, export."""

from __future__ import annotations

from typing import Annotated, Any

from flask import Response, request
from pydantic import Field
from werkzeug.exceptions import Conflict, NotFound, PreconditionFailed

from recsys.catalog import LONGEST_PLAYLIST, PlaylistChanged, PlaylistRenews, StoredPlaylist
from recsys.catalog import Track as CatalogTrack
from recsys.playlists import WRITERS
from recsys.recommendation.query import LARGEST_ID, Query, RecommendedList
from recsys.served_home import Served
from webui import current_listener
from webui.api.openapi import NOT_MODIFIED, WRITES, answer, blueprint, content, problems, tagged
from webui.api.parameters import (
    Count,
    Described,
    Name,
    Page,
    Paged,
    Parameters,
    Revalidating,
    Strict,
    TrackId,
    takes,
    write_cursor,
)
from webui.api.playlist_files import MEDIA_TYPES, file_answer
from webui.api.recommendations import recommended
from webui.api.schemas import RecommendedTracks, TrackSchema
from webui.served import current

RENEWS = (
    "The tracks of a playlist that renews itself are not chosen by hand: change its mix, or let it "
    "renew itself no longer."
)
N_SEEDS = 20  # of the last tracks, which a continuation goes by

api = blueprint("playlists_api", tag="playlists")

TrackIds = Annotated[
    list[TrackId],
    Field(max_length=LONGEST_PLAYLIST),
    takes(f"up to {LONGEST_PLAYLIST} ids of tracks"),
]


class OfPlaylist(Parameters):
    """The path of a playlist."""

    playlist_id: int = Field(description="The id of a playlist.", examples=[1])


class OfPlaylistFile(OfPlaylist):
    """The path of a playlist as a file."""

    kind: str = Field(description=f"One of {', '.join(WRITERS)}.", examples=["m3u8"])


class IfUnchanged(Parameters):
    """The ETag that a client has read before it writes."""

    if_match: str | None = Field(
        None,
        alias="If-Match",
        description="The ETag of what the client has read; 412 where there is something newer.",
    )


class PlaylistBody(Strict):
    """The name and tracks of a playlist to write."""

    name: Name = Field(examples=["Evening"])
    track_ids: TrackIds = Field(examples=[[3, 1, 4]])


class PlaylistChange(Strict):
    """Changes to a playlist: a new name, tracks to append."""

    name: Name | None = Field(None, examples=["Night"])
    append: TrackIds = Field(default_factory=list, examples=[[1, 5]])


class EntrySchema(TrackSchema):
    """A track of a playlist."""

    removed: bool = Field(
        description="Whether its file is gone. It stays in the playlist, and comes back with "
        "another file of the same recording."
    )


class Summary(Described):
    """A playlist without its tracks."""

    id: int = Field(examples=[1])
    name: str = Field(examples=["Evening"])
    n_tracks: int = Field(examples=[3])
    created_at: int = Field(description="Unix seconds.", examples=[1764000000])
    changed_at: int = Field(description="Unix seconds.", examples=[1764000000])


class PlaylistSchema(Summary):
    """A playlist."""

    tracks: list[EntrySchema]


class PlaylistPage(Paged):
    """Playlists by id."""

    playlists: list[Summary]


class ContinueQuery(Parameters):
    """How many, and how many of one artist."""

    k: Count = 10
    artist_cap: Count | None = Field(None, description="At most so many of one artist.")


@api.get("/playlists", responses={200: PlaylistPage, **NOT_MODIFIED})
def playlists(query: Page, header: Revalidating) -> Response:
    """List the listener's playlists."""
    served = current()
    listener = current_listener.listener(served)
    after = query.cursor[0] if query.cursor else 0
    stored: list[StoredPlaylist] = []
    if listener is not None:
        stored = served.catalog.playlists(listener, after=after, limit=query.limit + 1)
    page = stored[: query.limit]
    next_cursor = write_cursor(page[-1].id, 0) if len(stored) > len(page) else None
    return tagged(
        answer(PlaylistPage(playlists=[Summary(**summary(one)) for one in page], next=next_cursor))
    )


@api.post(
    "/playlists",
    responses={201: PlaylistSchema, **problems(403, 404, 413, 415, 507)},
    security=WRITES,
)
def create_playlist(body: PlaylistBody) -> Response:
    """Save a new playlist; two may have the same name."""
    served = current()
    stored = _save(served, body.name, body.track_ids)
    created = _playlist_answer(served, stored, 201)
    created.headers["Location"] = f"{request.base_url}/{stored.id}"
    return created


@api.get(
    "/playlists/<int:playlist_id>", responses={200: PlaylistSchema, **NOT_MODIFIED, **problems(404)}
)
def playlist(path: OfPlaylist, header: Revalidating) -> Response:
    """Show a playlist with its tracks."""
    served = current()
    return tagged(_playlist_answer(served, own_playlist(served, path.playlist_id)))


@api.put(
    "/playlists/<int:playlist_id>",
    responses={200: PlaylistSchema, **problems(403, 404, 409, 412, 413, 415, 507)},
    security=WRITES,
)
def replace_playlist(path: OfPlaylist, header: IfUnchanged, body: PlaylistBody) -> Response:
    """Replace a playlist's name and all of its tracks."""
    served = current()
    stored = _unchanged(served, path.playlist_id)
    revision = stored.revision if "If-Match" in request.headers else None
    return _playlist_answer(served, _save(served, body.name, body.track_ids, stored, revision))


@api.patch(
    "/playlists/<int:playlist_id>",
    responses={200: PlaylistSchema, **problems(403, 404, 409, 412, 413, 415, 507)},
    security=WRITES,
)
def change_playlist(path: OfPlaylist, header: IfUnchanged, body: PlaylistChange) -> Response:
    """Rename a playlist, or append tracks."""
    served = current()
    stored = _unchanged(served, path.playlist_id)
    track_ids = [*stored.track_ids, *body.append]
    if len(track_ids) > LONGEST_PLAYLIST:
        raise Conflict(f"A playlist has at most {LONGEST_PLAYLIST} tracks.")
    changed = _save(served, body.name or stored.name, track_ids, stored, stored.revision)
    return _playlist_answer(served, changed)


@api.delete(
    "/playlists/<int:playlist_id>",
    responses={204: None, **problems(403, 404, 412, 507)},
    security=WRITES,
)
def delete_playlist(path: OfPlaylist, header: IfUnchanged) -> Response:
    """Delete a playlist."""
    served = current()
    stored = _unchanged(served, path.playlist_id)
    try:
        served.catalog.delete_playlist(stored.listener_id, stored.id, revision=stored.revision)
    except PlaylistChanged as error:
        raise _precondition_failed() from error
    except KeyError:
        raise _not_found(path.playlist_id) from None
    return Response(status=204)


@api.get(
    "/playlists/<int:playlist_id>/continuation",
    responses={200: RecommendedTracks, **problems(404)},
)
def continue_playlist(path: OfPlaylist, query: ContinueQuery) -> Response:
    """Recommend tracks to follow a playlist: like its last ones, none that it has."""
    served = current()
    stored = own_playlist(served, path.playlist_id)
    recommendations = continuation(served, stored, query.k, query.artist_cap)
    return recommended(
        served, stored.listener_id, recommendations.recommendations, recommendations.notices
    )


@api.get(
    "/playlists/<int:playlist_id>/export.<kind>",
    responses={200: content(*MEDIA_TYPES.values()), **problems(404)},
)
def export_playlist(path: OfPlaylistFile) -> Response:
    """Write a playlist as a file that other players read."""
    served = current()
    stored = own_playlist(served, path.playlist_id)
    return file_answer(path.kind, _tracks(served, stored), stored.name)


def continuation(
    served: Served, stored: StoredPlaylist, k: int, artist_cap: int | None = None
) -> RecommendedList:
    """Recommend tracks to follow a playlist."""
    available = [track.id for track in _tracks(served, stored) if not track.removed]
    query = Query.like(
        tuple(dict.fromkeys(available[-N_SEEDS:])),
        listener=stored.listener_id,
        exclude_tracks=tuple(stored.track_ids),
        exclude_played=False,
        artist_cap=artist_cap,
    )
    return served.recommender.recommend(query, k)


def own_playlist(served: Served, playlist_id: int) -> StoredPlaylist:
    """Return a playlist of the current listener, or raise NotFound."""
    listener = current_listener.listener(served)
    stored = None
    if listener is not None and playlist_id <= LARGEST_ID:
        stored = served.catalog.playlist(listener, playlist_id)
    if stored is None:
        raise _not_found(playlist_id)
    return stored


def _unchanged(served: Served, playlist_id: int) -> StoredPlaylist:
    """Return a playlist that still has the request's ETag, or raise PreconditionFailed."""
    stored = own_playlist(served, playlist_id)
    if "If-Match" in request.headers:  # what cannot be read matches nothing
        current_answer = _playlist_answer(served, stored)
        current_answer.add_etag()
        if not request.if_match.contains(current_answer.get_etag()[0] or ""):
            raise _precondition_failed()
    return stored


def _save(
    served: Served,
    name: str,
    track_ids: list[int],
    stored: StoredPlaylist | None = None,
    revision: int | None = None,
) -> StoredPlaylist:
    """Save a playlist, in place of `stored`; raises PreconditionFailed, Conflict, NotFound."""
    listener = stored.listener_id if stored else current_listener.writing_listener(served)
    try:
        return served.catalog.save_playlist(
            listener, name, track_ids, stored.id if stored else None, revision=revision
        )
    except PlaylistChanged as error:
        raise _precondition_failed() from error
    except PlaylistRenews as error:
        raise Conflict(RENEWS) from error
    except KeyError as error:
        raise NotFound(f"The library has no track {error.args[0]}.") from error


def _playlist_answer(served: Served, stored: StoredPlaylist, status: int = 200) -> Response:
    """Return a playlist with its ETag."""
    entries = [
        EntrySchema(**vars(TrackSchema.of(track)), removed=track.removed)
        for track in _tracks(served, stored)
    ]
    response = answer(PlaylistSchema(**summary(stored), tracks=entries), status)
    response.add_etag()
    return response


def _tracks(served: Served, stored: StoredPlaylist) -> list[CatalogTrack]:
    return served.catalog.tracks(stored.track_ids)


def summary(stored: StoredPlaylist) -> dict[str, Any]:
    """Return the fields of a playlist's `Summary`."""
    return {
        "id": stored.id,
        "name": stored.name,
        "n_tracks": len(stored.track_ids),
        "created_at": stored.created_at,
        "changed_at": stored.changed_at,
    }


def _precondition_failed() -> PreconditionFailed:
    return PreconditionFailed("The playlist was changed meanwhile: read it again.")


def _not_found(playlist_id: int) -> NotFound:
    return NotFound(f"You have no playlist {playlist_id}.")
