"""The pages of an album and of a genre."""

from __future__ import annotations

from flask import Blueprint, render_template, request
from werkzeug.exceptions import NotFound

from recsys.catalog import Track
from recsys.home.discography import VARIOUS, LibraryAlbum
from webui import current_listener
from webui.listening import listening
from webui.mix_query import MAX_NAME
from webui.served import current

MAX_TRACKS = 1000  # of an album shown on one page
N_ALBUMS, N_OF_GENRE = 12, 50  # of a genre

album_page = Blueprint("album_page", __name__)


@album_page.get("/albums/<album_id>")
def album(album_id: str) -> str:
    """Show an album."""
    served = current()
    library, mine = served.discographies.current(), listening(served)
    shown = library.albums.get(album_id)
    if shown is None:
        raise NotFound("The library has no such album: its files may have been tagged anew.")
    ids = shown.tracks[:MAX_TRACKS]
    tracks = [track for track in served.catalog.tracks(ids) if not track.removed]
    artist = library.artists.get(shown.artist_id)
    others = [library.albums[one] for one in artist.albums if one != album_id] if artist else []
    return render_template(
        "album.html",
        album=shown,
        discs=_discs(tracks),
        has_artists=shown.is_compilation or any(t.artist != shown.artist for t in tracks),
        others=[] if shown.artist == VARIOUS else others[:N_ALBUMS],
        n_plays=mine.album_plays(shown),
        n_shown=MAX_TRACKS,
        n_tracks=served.n_indexed,
        person=current_listener.person(),
        library=library,
        mine=mine,
    )


@album_page.get("/genre")
def genre() -> str:
    """Show a genre of the files' tags: its most played, or newest, albums and tracks."""
    served = current()
    library, mine = served.discographies.current(), listening(served)
    name = request.args.get("name", "").strip()
    shown = library.genre(name) if name and len(name) <= MAX_NAME else None
    if shown is None:
        raise NotFound(f"No file has the genre “{name[:100]}”.")
    by_plays = sorted(shown.tracks, key=lambda one: (-mine.plays.get(one, 0), -one))
    albums = dict.fromkeys(library.album_of[track_id] for track_id in by_plays)
    some: list[LibraryAlbum] = [library.albums[one] for one in albums][:N_ALBUMS]
    tracks = served.catalog.tracks(by_plays[:N_OF_GENRE])
    return render_template(
        "genre.html",
        genre=shown,
        albums=some,
        tracks=[track for track in tracks if not track.removed],
        n_tracks=served.n_indexed,
        person=current_listener.person(),
        library=library,
        mine=mine,
    )


def _discs(tracks: list[Track]) -> list[tuple[int, list[Track]]]:
    """Return the tracks of each disc, with its number; 0 where there is one alone."""
    discs: dict[int, list[Track]] = {}
    for track in tracks:
        discs.setdefault(track.disc_number or 0, []).append(track)
    return list(discs.items()) if len(discs) > 1 else [(0, tracks)]
