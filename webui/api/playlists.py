"""The playlists that listeners keep."""

from __future__ import annotations

from typing import Annotated, Any

from flask import Response, request
from pydantic import Field
from werkzeug.exceptions import Conflict, NotFound, PreconditionFailed

from recsys.catalog import LONGEST_PLAYLIST, PlaylistChanged, StoredPlaylist
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
    """In which state a client has seen what it writes."""

    if_match: str | None = Field(
        None,
        alias="If-Match",
        description="The ETag of what the client has seen; 412 where there is something newer.",
    )


class Written(Strict):
    """A playlist as it shall be."""

    name: Name = Field(examples=["Evening"])
    track_ids: TrackIds = Field(examples=[[3, 1, 4]])


class Change(Strict):
    """What shall change of a playlist, and nothing else."""

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
    found: list[StoredPlaylist] = []
    if listener is not None:
        found = served.catalog.playlists(listener, after=after, limit=query.limit + 1)
    shown = found[: query.limit]
    following = write_cursor(shown[-1].id, 0) if len(found) > len(shown) else None
    return tagged(
        answer(
            PlaylistPage(playlists=[Summary(**_summary(kept)) for kept in shown], next=following)
        )
    )


@api.post(
    "/playlists",
    responses={201: PlaylistSchema, **problems(403, 404, 413, 415, 507)},
    security=WRITES,
)
def create_playlist(body: Written) -> Response:
    """Keep a new playlist; two may have one name."""
    served = current()
    kept = _save(served, body.name, body.track_ids)
    made = _answered(served, kept, 201)
    made.headers["Location"] = f"{request.base_url}/{kept.id}"
    return made


@api.get(
    "/playlists/<int:playlist_id>", responses={200: PlaylistSchema, **NOT_MODIFIED, **problems(404)}
)
def playlist(path: OfPlaylist, header: Revalidating) -> Response:
    """Show a playlist with its tracks."""
    served = current()
    return tagged(_answered(served, kept_playlist(served, path.playlist_id)))


@api.put(
    "/playlists/<int:playlist_id>",
    responses={200: PlaylistSchema, **problems(403, 404, 412, 413, 415, 507)},
    security=WRITES,
)
def replace_playlist(path: OfPlaylist, header: IfUnchanged, body: Written) -> Response:
    """Write a playlist anew: its name and all of its tracks."""
    served = current()
    kept = _unchanged(served, path.playlist_id)
    revision = kept.revision if "If-Match" in request.headers else None
    return _answered(served, _save(served, body.name, body.track_ids, kept, revision))


@api.patch(
    "/playlists/<int:playlist_id>",
    responses={200: PlaylistSchema, **problems(403, 404, 409, 412, 413, 415, 507)},
    security=WRITES,
)
def change_playlist(path: OfPlaylist, header: IfUnchanged, body: Change) -> Response:
    """Give a playlist another name, or more tracks at its end."""
    served = current()
    kept = _unchanged(served, path.playlist_id)
    track_ids = [*kept.track_ids, *body.append]
    if len(track_ids) > LONGEST_PLAYLIST:
        raise Conflict(f"A playlist has at most {LONGEST_PLAYLIST} tracks.")
    changed = _save(served, body.name or kept.name, track_ids, kept, kept.revision)
    return _answered(served, changed)


@api.delete(
    "/playlists/<int:playlist_id>",
    responses={204: None, **problems(403, 404, 412, 507)},
    security=WRITES,
)
def delete_playlist(path: OfPlaylist, header: IfUnchanged) -> Response:
    """Delete a playlist."""
    served = current()
    kept = _unchanged(served, path.playlist_id)
    try:
        served.catalog.delete_playlist(kept.listener_id, kept.id, revision=kept.revision)
    except PlaylistChanged as error:
        raise _changed() from error
    except KeyError:
        raise _unknown(path.playlist_id) from None
    return Response(status=204)


@api.get(
    "/playlists/<int:playlist_id>/continuation",
    responses={200: RecommendedTracks, **problems(404)},
)
def continue_playlist(path: OfPlaylist, query: ContinueQuery) -> Response:
    """Name what may come next: like the last tracks, and none of the playlist's."""
    served = current()
    kept = kept_playlist(served, path.playlist_id)
    found = continuation(served, kept, query.k, query.artist_cap)
    return recommended(served, kept.listener_id, found.recommendations, found.notices)


@api.get(
    "/playlists/<int:playlist_id>/export.<kind>",
    responses={200: content(*MEDIA_TYPES.values()), **problems(404)},
)
def export_playlist(path: OfPlaylistFile) -> Response:
    """Write a playlist as a file that other players read."""
    served = current()
    kept = kept_playlist(served, path.playlist_id)
    return file_answer(path.kind, _tracks(served, kept), kept.name)


def continuation(
    served: Served, kept: StoredPlaylist, k: int, artist_cap: int | None = None
) -> RecommendedList:
    """Recommend what may come after a playlist."""
    living = [track.id for track in _tracks(served, kept) if not track.removed]
    asked = Query.like(
        tuple(dict.fromkeys(living[-N_SEEDS:])),
        listener=kept.listener_id,
        exclude_tracks=tuple(kept.track_ids),
        exclude_played=False,
        artist_cap=artist_cap,
    )
    return served.recommender.recommend(asked, k)


def kept_playlist(served: Served, playlist_id: int) -> StoredPlaylist:
    """Return a playlist of the person who asks, or raise NotFound."""
    listener = current_listener.listener(served)
    found = None
    if listener is not None and playlist_id <= LARGEST_ID:
        found = served.catalog.playlist(listener, playlist_id)
    if found is None:
        raise _unknown(playlist_id)
    return found


def _unchanged(served: Served, playlist_id: int) -> StoredPlaylist:
    """Return a playlist in the state that the request has seen, or raise PreconditionFailed."""
    kept = kept_playlist(served, playlist_id)
    if "If-Match" in request.headers:  # what cannot be read matches nothing
        now = _answered(served, kept)
        now.add_etag()
        if not request.if_match.contains(now.get_etag()[0] or ""):
            raise _changed()
    return kept


def _save(
    served: Served,
    name: str,
    track_ids: list[int],
    kept: StoredPlaylist | None = None,
    revision: int | None = None,
) -> StoredPlaylist:
    """Write a playlist, in place of `kept`; raises PreconditionFailed, NotFound."""
    listener = kept.listener_id if kept else current_listener.writing_listener(served)
    try:
        return served.catalog.save_playlist(
            listener, name, track_ids, kept.id if kept else None, revision=revision
        )
    except PlaylistChanged as error:
        raise _changed() from error
    except KeyError as error:
        raise NotFound(f"The library has no track {error.args[0]}.") from error


def _answered(served: Served, kept: StoredPlaylist, status: int = 200) -> Response:
    """Return a playlist with its ETag."""
    entries = [
        EntrySchema(**vars(TrackSchema.of(track)), removed=track.removed)
        for track in _tracks(served, kept)
    ]
    sent = answer(PlaylistSchema(**_summary(kept), tracks=entries), status)
    sent.add_etag()
    return sent


def _tracks(served: Served, kept: StoredPlaylist) -> list[CatalogTrack]:
    return served.catalog.tracks(kept.track_ids)


def _summary(kept: StoredPlaylist) -> dict[str, Any]:
    return {
        "id": kept.id,
        "name": kept.name,
        "n_tracks": len(kept.track_ids),
        "created_at": kept.created_at,
        "changed_at": kept.changed_at,
    }


def _changed() -> PreconditionFailed:
    return PreconditionFailed("The playlist was changed meanwhile: read it again.")


def _unknown(playlist_id: int) -> NotFound:
    return NotFound(f"You have no playlist {playlist_id}.")
