"""Albums, artists and genres of the library, as the tags of its tracks name them.

An album is what one album artist released under one name. Without an album artist it is the tracks
of one folder with one album name: of the artist of more than half of them, otherwise, as where the
tags call it a compilation, of various artists. Releases of one name are told apart by their
MusicBrainz ids, or by their years where they lie in different folders.

Ids depend on names alone: they survive moves and new builds.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from hashlib import blake2b
from pathlib import Path

from recsys.catalog import AlbumTrack, Catalog
from recsys.catalog.search import WordIndex, fold

VARIOUS = "Various Artists"
UNKNOWN_ARTIST, UNKNOWN_ALBUM = "[Unknown artist]", "[Unknown album]"
ARTICLES = ("The", "El", "La", "Los", "Las", "Le", "Les")  # that are not sorted by
OTHERS = "#"  # the letter of names that begin with none
_ARTICLES = tuple(f"{article.casefold()} " for article in ARTICLES)


@dataclass(frozen=True)
class LibraryAlbum:
    """An album of the library.

    artist    whose album it is; various artists have an id too
    tracks    ids in order of disc and number
    year      the first that its tracks name
    genres    the commonest first
    seconds   of all tracks together
    added_at  when the last of its tracks came, Unix seconds
    cover     id of the first track with a picture, None without one
    """

    id: str
    name: str
    artist: str
    artist_id: str
    tracks: tuple[int, ...]
    year: int | None
    genres: tuple[str, ...]
    seconds: float
    added_at: int
    cover: int | None
    is_compilation: bool
    mbid: str | None

    @property
    def pictured(self) -> int:
        """The id of the track whose picture, or whose folder's, the album is shown with."""
        return self.tracks[0] if self.cover is None else self.cover


@dataclass(frozen=True)
class LibraryArtist:
    """An artist of the library.

    albums      ids of their own, the oldest first; appears_on: of others' with a track of theirs
    tracks      ids of the tracks that name the artist, ascending
    """

    id: str
    name: str
    albums: tuple[str, ...]
    appears_on: tuple[str, ...]
    tracks: tuple[int, ...]


@dataclass(frozen=True)
class LibraryGenre:
    """A genre in the tags of files; `tracks` are ids, ascending."""

    name: str
    tracks: tuple[int, ...]
    n_albums: int


class Discography:
    """The albums, artists and genres of one revision of the library.

    read_at     Unix seconds
    albums      by id, sorted by artist and name; artists by id, sorted by name
    genres      by folded name, sorted
    album_of    id of the album by id of the track, ascending; artists_of: ids of the artists
    years       of those tracks that have one, by id; seconds: of each track
    titles      of each track, by id
    """

    def __init__(self, tracks: Sequence[AlbumTrack]) -> None:
        self.read_at = time.time()
        self.years = {track.id: track.year for track in tracks if track.year}
        self.seconds = {track.id: track.duration or 0.0 for track in tracks}
        self.titles = {track.id: track.title or track.path.stem for track in tracks}
        self._added_at = {track.id: track.added_at for track in tracks}
        names = _names(tracks)
        albums = [_album(key, group, names) for key, group in _albums(tracks).items()]
        albums.sort(key=lambda album: (sort_name(album.artist), sort_name(album.name), album.id))
        self.albums: Mapping[str, LibraryAlbum] = {album.id: album for album in albums}
        by_album = {track_id: album.id for album in albums for track_id in album.tracks}
        self.album_of: Mapping[int, str] = {track.id: by_album[track.id] for track in tracks}
        ids_of = cache(lambda names: tuple(map(artist_id, names)))  # of many tracks, kept once
        self.artists_of: Mapping[int, tuple[str, ...]] = {
            track.id: ids_of(_track_artists(track)) for track in tracks
        }
        self.artists: Mapping[str, LibraryArtist] = self._artists(names)
        self.genres: Mapping[str, LibraryGenre] = self._genres(tracks)

    def _artists(self, names: Mapping[str, str]) -> dict[str, LibraryArtist]:
        own: defaultdict[str, list[LibraryAlbum]] = defaultdict(list)
        for album in self.albums.values():
            own[album.artist_id].append(album)
        tracks: defaultdict[str, list[int]] = defaultdict(list)
        for track_id, ids in self.artists_of.items():
            for one in ids:
                tracks[one].append(track_id)
        spelt = {artist_id(name): name for name in names.values()}
        artists = []
        for one in own.keys() | tracks.keys():
            albums = sorted(own[one], key=lambda album: (album.year or 9999, fold(album.name)))
            mine = {album.id for album in albums}
            guest = dict.fromkeys(self.album_of[track_id] for track_id in tracks[one])
            artists.append(
                LibraryArtist(
                    one,
                    spelt[one],
                    tuple(album.id for album in albums),
                    tuple(album for album in guest if album not in mine),
                    tuple(tracks[one]),
                )
            )
        artists.sort(key=lambda artist: (sort_name(artist.name), artist.id))
        return {artist.id: artist for artist in artists}

    def _genres(self, tracks: Iterable[AlbumTrack]) -> dict[str, LibraryGenre]:
        ids: defaultdict[str, list[int]] = defaultdict(list)
        names: dict[str, str] = {}
        for track in tracks:
            for genre in track.genres:
                key = _key(genre)
                names.setdefault(key, genre)
                if not ids[key] or ids[key][-1] != track.id:
                    ids[key].append(track.id)
        return {
            key: LibraryGenre(
                names[key], tuple(ids[key]), len({self.album_of[i] for i in ids[key]})
            )
            for key in sorted(ids)
        }

    def genre(self, name: str) -> LibraryGenre | None:
        """Return a genre by its name in any spelling."""
        return self.genres.get(_key(name))

    def artist_named(self, name: str) -> LibraryArtist | None:
        """Return an artist by the name in any spelling."""
        return self.artists.get(artist_id(name))

    def pictured(self, artist: LibraryArtist) -> int:
        """Return the id of the track whose picture, or whose folder's, an artist is shown with."""
        albums = [self.albums[one] for one in artist.albums]
        albums.sort(key=lambda album: album.cover is None)
        return albums[0].pictured if albums else artist.tracks[0]

    def search_artists(self, words: str, limit: int) -> list[LibraryArtist]:
        """Return at most `limit` artists by words of their names, best first."""
        artists = list(self.artists.values())
        return [artists[number] for number in self._artist_words.search(words, limit)]

    def search_albums(self, words: str, limit: int) -> list[LibraryAlbum]:
        """Return at most `limit` albums by words of their names and artists, best first."""
        albums = list(self.albums.values())
        return [albums[number] for number in self._album_words.search(words, limit)]

    @cached_property
    def albums_by_name(self) -> tuple[LibraryAlbum, ...]:
        """The albums by name."""
        key = {one.id: (sort_name(one.name), one.id) for one in self.albums.values()}
        return tuple(sorted(self.albums.values(), key=lambda album: key[album.id]))

    @cached_property
    def newest_albums(self) -> tuple[LibraryAlbum, ...]:
        """The albums, those first to which a track was added last."""
        albums = self.albums.values()
        return tuple(sorted(albums, key=lambda album: (-album.added_at, album.id)))

    @cached_property
    def tracks_by_title(self) -> tuple[int, ...]:
        """The ids of the tracks by title."""
        key = {track_id: sort_name(title) for track_id, title in self.titles.items()}
        return tuple(sorted(key, key=lambda track_id: (key[track_id], track_id)))

    @cached_property
    def tracks_by_artist(self) -> tuple[int, ...]:
        """The ids of the tracks, album by album, these by artist and name."""
        return tuple(track_id for album in self.albums.values() for track_id in album.tracks)

    @cached_property
    def newest_tracks(self) -> tuple[int, ...]:
        """The ids of the tracks, the last added first."""
        at = self._added_at
        return tuple(sorted(at, key=lambda track_id: (-at[track_id], -track_id)))

    @cached_property
    def _artist_words(self) -> WordIndex:
        return WordIndex((n, artist.name, "") for n, artist in enumerate(self.artists.values()))

    @cached_property
    def _album_words(self) -> WordIndex:
        albums = enumerate(self.albums.values())
        return WordIndex((number, album.name, album.artist) for number, album in albums)


class Discographies:
    """The discography of a catalogue, read again when its tracks have changed.

    Safe to share between threads.
    """

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._lock = threading.Lock()
        self._revision = -1
        self._discography: Discography | None = None

    def current(self) -> Discography:
        """Return the discography of the library as it is."""
        revision = self._catalog.track_revision
        with self._lock:
            if self._discography is None or revision != self._revision:
                self._discography = Discography(self._catalog.album_tracks())
                self._revision = revision
            return self._discography


def artist_id(name: str) -> str:
    """Return the id of an artist, which all spellings of a name share.

    >>> artist_id("Björk") == artist_id("bjork")
    True
    """
    return f"ar-{_digest(_key(name))}"


@lru_cache(1 << 16)
def sort_name(name: str) -> str:
    """Return what a name is sorted by: folded, without its article.

    >>> sort_name("The Kinks"), sort_name("!!!"), sort_name("The The")
    ('kinks', '!!!', 'the')
    """
    key = _key(name)
    article = next((one for one in _ARTICLES if key.startswith(one)), "")
    return key[len(article) :]


def letter(name: str) -> str:
    """Return the letter that a name is listed under.

    >>> letter("The Kinks"), letter("Émilie Simon"), letter("2Pac")
    ('K', 'E', '#')
    """
    first = sort_name(name)[:1].upper()
    return first[:1] if first.isalpha() else OTHERS


@lru_cache(1 << 18)
def _key(name: str) -> str:
    """Return what spellings of one name share; a name of signs alone is that."""
    return fold(name) or name.strip().casefold()


@lru_cache(1 << 18)
def _digest(key: str) -> str:
    return blake2b(key.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def _track_artists(track: AlbumTrack) -> tuple[str, ...]:
    """Return the names of a track's artists; of an unknown one the word for that."""
    return track.artists or (track.artist or UNKNOWN_ARTIST,)


def _names(tracks: Iterable[AlbumTrack]) -> dict[str, str]:
    """Return the spelling of each artist, the first in the library, by folded name."""
    names = {_key(VARIOUS): VARIOUS, _key(UNKNOWN_ARTIST): UNKNOWN_ARTIST}
    for track in tracks:
        for name in (*_track_artists(track), track.artist, track.album_artist):
            if name:
                names.setdefault(_key(name), name)
    return names


def _albums(tracks: Iterable[AlbumTrack]) -> dict[tuple[str, str, str], list[AlbumTrack]]:
    """Group tracks by (artist, album, edition); the first two folded."""
    explicit: dict[tuple[Path, str], str] = {}
    loose: defaultdict[tuple[Path, str], list[AlbumTrack]] = defaultdict(list)
    groups: defaultdict[tuple[str, str], list[AlbumTrack]] = defaultdict(list)
    for track in tracks:
        album = _key(track.album or "")
        if by := track.album_artist or (VARIOUS if track.compilation else ""):
            groups[_key(by), album].append(track)
            explicit.setdefault((track.path.parent, album), by)
        elif album:
            loose[track.path.parent, album].append(track)
        else:
            groups[_key(_track_artists(track)[0]), album].append(track)
    for place, group in loose.items():
        by = explicit.get(place) or _main_artist(group)
        groups[_key(by), place[1]] += group
    return {
        (*names, edition): sorted(members, key=_place)
        for names, group in groups.items()
        for edition, members in _editions(group).items()
    }


def _main_artist(group: Sequence[AlbumTrack]) -> str:
    """Return the artist of more than half of the tracks, or various artists."""
    counts = Counter(_key(_track_artists(track)[0]) for track in group)
    name, n = counts.most_common(1)[0]
    if 2 * n <= len(group):
        return VARIOUS
    return next(_track_artists(t)[0] for t in group if _key(_track_artists(t)[0]) == name)


def _editions(group: list[AlbumTrack]) -> dict[str, list[AlbumTrack]]:
    """Tell releases of one name apart; the one that came first is the edition "".

    By MusicBrainz's id, otherwise by year where no folder has tracks of two years.
    """
    group.sort(key=lambda track: track.id)
    mbids = {track.album_mbid for track in group if track.album_mbid}
    if len(mbids) > 1:
        first = next(track.album_mbid for track in group if track.album_mbid)
        of = {track.id: track.album_mbid or first for track in group}
    else:
        years: defaultdict[Path, set[int | None]] = defaultdict(set)
        for track in group:
            years[track.path.parent].add(track.year)
        distinct = {year for found in years.values() for year in found}
        if len(distinct) < 2 or any(len(found) > 1 or None in found for found in years.values()):
            return {"": group}
        of = {track.id: str(track.year) for track in group}
        first = of[group[0].id]
    editions: defaultdict[str, list[AlbumTrack]] = defaultdict(list)
    for track in group:
        edition = of[track.id]
        editions["" if edition == first else edition].append(track)
    return dict(editions)


def _place(track: AlbumTrack) -> tuple[int, int, int]:
    return track.disc_number or 0, track.track_number or 0, track.id


def _album(
    key: tuple[str, str, str], group: Sequence[AlbumTrack], names: Mapping[str, str]
) -> LibraryAlbum:
    """Describe a group of tracks, in their order, as an album."""
    artist = names[key[0]]
    genres = Counter(genre for track in group for genre in track.genres)
    first = min(group, key=lambda track: track.id)
    return LibraryAlbum(
        id="al-" + _digest("\0".join(key if key[2] else key[:2])),
        name=first.album or UNKNOWN_ALBUM,
        artist=artist,
        artist_id=artist_id(artist),
        tracks=tuple(track.id for track in group),
        year=min((track.year for track in group if track.year), default=None),
        genres=tuple(genre for genre, _ in genres.most_common()),
        seconds=sum(track.duration or 0.0 for track in group),
        added_at=max(track.added_at for track in group),
        cover=next((track.id for track in group if track.has_cover), None),
        is_compilation=key[0] == _key(VARIOUS) or any(track.compilation for track in group),
        mbid=next((track.album_mbid for track in group if track.album_mbid), None),
    )
