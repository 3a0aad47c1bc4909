"""Browsing: artists, albums and songs, by tags and as folders of artists with folders of albums."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from functools import lru_cache

from recsys.home.discography import ARTICLES, Discography, LibraryArtist, letter
from webui.subsonic.answers import Element, Tree, present
from webui.subsonic.endpoints import endpoint, group
from webui.subsonic.library import LibraryView, library
from webui.subsonic.parameters import MOST, maybe_whole, required, unknown, whole

api = group("browsing")


@endpoint(api, "getArtists")
def get_artists() -> Tree:
    """Name everybody who has an album, by letters."""
    view = library()
    return {"artists": _by_letters(view, view.artist_tree)}


@endpoint(api, "getIndexes")
def get_indexes() -> Tree:
    """Name the same as folders; nothing where nothing has changed."""
    view = library()
    changed = round(1000 * view.discography.read_at)
    since = maybe_whole("ifModifiedSince")
    tree: Tree = {"ignoredArticles": " ".join(ARTICLES), "index": []}
    if since is None or changed > since:
        tree = _by_letters(view, view.artist_folder)
    return {"indexes": {"lastModified": changed, **tree}}


@endpoint(api, "getMusicDirectory")
def get_music_directory() -> Tree:
    """Show an artist's albums, or an album's songs, as a folder."""
    view, folder = library(), required("id")
    if folder in view.discography.albums:
        album = view.album(folder)
        tree = view.album_tree(album)
        return {
            "directory": present(
                id=album.id,
                parent=album.artist_id,
                name=album.name,
                starred=tree.get("starred"),
                userRating=tree.get("userRating"),
                playCount=tree.get("playCount"),
                child=view.songs(album.tracks),
            )
        }
    if folder not in view.discography.artists:
        raise unknown("folder", folder)
    artist = view.artist(folder)
    albums = [view.album_child(view.album(one)) for one in _albums(artist)]
    return {"directory": view.artist_folder(artist) | {"child": albums}}


@endpoint(api, "getArtist")
def get_artist() -> Tree:
    """Show an artist's albums, then those of others that they are on."""
    view = library()
    artist = view.artist(required("id"))
    albums = [view.album_tree(view.album(one)) for one in _albums(artist)]
    return {"artist": view.artist_tree(artist) | {"album": albums}}


@endpoint(api, "getAlbum")
def get_album() -> Tree:
    """Show an album with its songs."""
    view = library()
    album = view.album(required("id"))
    return {"album": view.album_tree(album) | {"song": view.songs(album.tracks)}}


@endpoint(api, "getSong")
def get_song() -> Tree:
    """Show a song."""
    view = library()
    return {"song": view.song(view.track(required("id")))}


@endpoint(api, "getGenres")
def get_genres() -> Tree:
    """Name the genres in the files' tags."""
    genres = library().discography.genres.values()
    return {
        "genres": {
            "genre": [
                {"value": one.name, "songCount": len(one.tracks), "albumCount": one.n_albums}
                for one in genres
            ]
        }
    }


@endpoint(api, "getArtistInfo")
def get_artist_info() -> Tree:
    """Name artists who sound alike."""
    view = library()
    artist = view.artist(required("id")) if required("id").startswith("ar-") else None
    similar = [view.artist_folder(one) for one in _similar(view, artist or _artist_of(view))]
    return {"artistInfo": {"similarArtist": similar}}


@endpoint(api, "getArtistInfo2")
def get_artist_info2() -> Tree:
    """Name artists who sound alike."""
    view = library()
    artist = view.artist(required("id"))
    similar = [view.artist_tree(one) for one in _similar(view, artist)]
    return {"artistInfo2": {"similarArtist": similar}}


@endpoint(api, "getAlbumInfo", "getAlbumInfo2")
def get_album_info() -> Tree:
    """Say what else is known of an album, which is its id in MusicBrainz."""
    view, one = library(), required("id")
    album = view.album(one if one.startswith("al-") else _album_of(view, one))
    mbid = None if album.mbid is None else Element(album.mbid)
    return {"albumInfo": present(musicBrainzId=mbid)}


def _by_letters(view: LibraryView, describe: Callable[[LibraryArtist], Tree]) -> Tree:
    index = [
        {"name": name, "artist": [describe(artist) for artist in artists]}
        for name, artists in _letters(view.discography).items()
    ]
    return {"ignoredArticles": " ".join(ARTICLES), "index": index}


@lru_cache(2)
def _letters(discography: Discography) -> Mapping[str, list[LibraryArtist]]:
    """Return everybody who has an album, by the letters that names are listed under."""
    letters: defaultdict[str, list[LibraryArtist]] = defaultdict(list)
    for artist in discography.artists.values():
        if artist.albums:
            letters[letter(artist.name)].append(artist)
    return {name: letters[name] for name in sorted(letters)}


def _albums(artist: LibraryArtist) -> tuple[str, ...]:
    return (*artist.albums, *artist.appears_on)


def _similar(view: LibraryView, artist: LibraryArtist) -> list[LibraryArtist]:
    """Return artists of the library that sound like one, best first."""
    count = whole("count", 20, most=MOST)
    names = view.served.artists.similar(artist.name, count) if count else []
    known = (view.discography.artist_named(one.name) for one in names)
    return [one for one in known if one is not None]


def _artist_of(view: LibraryView) -> LibraryArtist:
    """Return the artist of an album or a song, which folders' ids may be too."""
    one = required("id")
    if one in view.discography.albums:
        return view.artist(view.album(one).artist_id)
    return view.artist(view.discography.artists_of[view.track(one).id][0])


def _album_of(view: LibraryView, song_id: str) -> str:
    return view.discography.album_of.get(view.track(song_id).id, "")
