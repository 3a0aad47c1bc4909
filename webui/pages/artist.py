"""The page of an artist: albums, tags, who is similar by sound and by listeners."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

import numpy as np
from flask import Blueprint, render_template, request
from werkzeug.exceptions import NotFound

from recsys.catalog import Track
from recsys.home.discography import Discography, LibraryArtist
from recsys.served_home import Served
from recsys.similarity.artists import ArtistAlbum
from recsys.similarity.explanation import mean_logits
from recsys.tagging.taggram import TagBar, tag_bars
from webui import current_listener
from webui.listening import listening
from webui.mix_query import MAX_NAME
from webui.served import current

MAX_TRACKS = 500  # shown on one page
N_CARDS = 60  # albums
MAX_TAGGED = 100  # whose tags are averaged

artist_page = Blueprint("artist_page", __name__)


@artist_page.get("/artist")
def show() -> str:
    """Show the artist of a name, in any spelling."""
    name = request.args.get("name", "").strip()
    served = current()
    library = served.discographies.current()
    is_name = bool(name) and len(name) <= MAX_NAME
    artist = library.artist_named(name) if is_name else None
    albums = _albums(served, library, artist, name) if is_name else []
    if not albums:
        raise NotFound(f"The library has no artist “{name[:100]}”.")
    tracks = [track for album in albums for track in album.tracks]
    own, appears_on = (
        [library.albums[one] for one in ids[:N_CARDS]]
        for ids in ((artist.albums, artist.appears_on) if artist else ((), ()))
    )
    return render_template(
        "artist.html",
        name=_name(artist, tracks),
        has_artists=artist is not None and not artist.tracks,
        albums=albums,
        tracks=tracks,
        n_shown=MAX_TRACKS,
        bars=_bars(served, tracks),
        similar=served.artists.similar(name),
        co_listened=served.artists.co_listened(name),
        pictured=tracks[0].id if artist is None else library.pictured(artist),
        own=own,
        appears_on=appears_on,
        n_tracks=served.n_indexed,
        person=current_listener.person(),
        library=library,
        mine=listening(served),
    )


def _albums(
    served: Served, library: Discography, artist: LibraryArtist | None, name: str
) -> list[ArtistAlbum]:
    """Return an artist's tracks by album; for various and unknown artists the albums of these."""
    found = served.artists.albums(name)
    if found or artist is None:
        return found
    albums = [library.albums[one] for one in artist.albums]
    return [
        ArtistAlbum(album.name, album.year, tuple(served.catalog.tracks(album.tracks)))
        for album in albums[:MAX_TRACKS]
    ]


def _name(artist: LibraryArtist | None, tracks: Sequence[Track]) -> str:
    """Return a name as the files of most tracks spell it."""
    return tracks[0].artist if artist is None or artist.tracks else artist.name


def _bars(served: Served, tracks: Sequence[Track]) -> tuple[TagBar, ...]:
    """Return the mean tags of some of an artist's tracks, nothing where none is analysed."""
    step = -(-len(tracks) // MAX_TAGGED)
    similar = served.similar
    features = similar.features_of([track.id for track in islice(tracks, 0, None, step)])
    if not features:
        return ()
    logits = np.mean([mean_logits(f) for f in features], axis=0)
    return tag_bars(logits, similar.typical_logits, similar.tags)
