"""The library as players get it: songs, albums and artists as trees, with the person's own marks.

A song's id is the track's; those of albums begin with "al-", of artists with "ar-", of playlists
with "pl-".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

from recsys.catalog import MarkedKind, Track
from recsys.home.discography import Discography, LibraryAlbum, LibraryArtist
from recsys.recommendation.query import LARGEST_ID
from recsys.served_home import Served
from webui.api.media import BIT_RATE, KINDS, media_type
from webui.listening import Listening, listening
from webui.served import current
from webui.subsonic.answers import Tree, present
from webui.subsonic.parameters import unknown

_NOT_OF_CHILDREN = ("name", "songCount", "isCompilation")  # of an album
_NO_PATH = re.compile(r'[/\\:*?"<>|\x00-\x1f]')


@dataclass(frozen=True)
class LibraryView:
    """The library for the person who asks."""

    served: Served
    discography: Discography
    listening: Listening

    # By ids

    def track(self, song_id: str) -> Track:
        """Return the track of a song's id. Raises SubsonicError."""
        number = int(song_id) if re.fullmatch("[0-9]{1,10}", song_id, re.ASCII) else 0
        track = self.served.catalog.track(number) if 0 < number <= LARGEST_ID else None
        if track is None or track.removed:
            raise unknown("song", song_id)
        return track

    def tracks(self, song_ids: Sequence[str]) -> list[Track]:
        """Return the tracks of songs' ids, in their order. Raises SubsonicError."""
        wanted = [int(i) if re.fullmatch("[0-9]{1,10}", i, re.ASCII) else 0 for i in song_ids]
        tracks = {
            track.id: track
            for track in self.served.catalog.tracks({i for i in wanted if i <= LARGEST_ID})
            if not track.removed
        }
        for number, song_id in zip(wanted, song_ids, strict=True):
            if number not in tracks:
                raise unknown("song", song_id)
        return [tracks[number] for number in wanted]

    def album(self, album_id: str) -> LibraryAlbum:
        """Return an album by its id. Raises SubsonicError."""
        album = self.discography.albums.get(album_id)
        if album is None:
            raise unknown("album", album_id)
        return album

    def artist(self, artist_id: str) -> LibraryArtist:
        """Return an artist by the id. Raises SubsonicError."""
        artist = self.discography.artists.get(artist_id)
        if artist is None:
            raise unknown("artist", artist_id)
        return artist

    def kind(self, any_id: str) -> MarkedKind:
        """Return what an id is one of. Raises SubsonicError for one of nothing."""
        if any_id in self.discography.albums:
            return "album"
        if any_id in self.discography.artists:
            return "artist"
        self.track(any_id)
        return "track"

    # As trees

    def songs(self, ids: Iterable[int]) -> list[Tree]:
        """Describe tracks in their order, without those whose files are gone."""
        return [self.song(track) for track in self.served.catalog.tracks(ids) if not track.removed]

    def song(self, track: Track) -> Tree:
        """Describe a track, as the protocol's Child."""
        album = self.discography.albums.get(self.discography.album_of.get(track.id, ""))
        artists = self._artists(track)
        seconds = track.duration
        tree = present(
            id=str(track.id),
            parent=album and album.id,
            isDir=False,
            title=track.title or track.path.stem,
            album=album and album.name,
            artist=track.artist or None,
            track=track.track_number,
            discNumber=track.disc_number,
            year=track.year,
            genre=next(iter(track.genres), None),
            coverArt=str(track.id) if track.has_cover or album is None else album.id,
            size=_size(track),
            contentType=KINDS["mp3"] if track.part else media_type(track.path),
            suffix=suffix_of(track).removeprefix("."),
            duration=None if seconds is None else round(seconds),
            bitRate=bit_rate(track),
            samplingRate=track.sample_rate,
            channelCount=track.channels,
            path=_shown_path(track, album),
            isVideo=False,
            created=when(track.added_at),
            albumId=album and album.id,
            artistId=artists[0]["id"] if artists else None,
            type="music",
            mediaType="song",
            bpm=None if track.tempo is None else round(track.tempo),
            musicBrainzId=track.recording_mbid,
            displayArtist=track.artist or None,
            displayAlbumArtist=album and album.artist,
        )
        tree["genres"] = [{"name": genre} for genre in track.genres]
        tree["artists"] = artists
        tree["albumArtists"] = [_named(album.artist_id, album.artist)] if album else []
        tree["isrc"] = [track.isrc] if track.isrc else []
        plays = self.listening.plays.get(track.id)
        played = self.listening.last_at.get(track.id)
        return tree | self._marks("track", str(track.id)) | _plays(plays, played)

    def album_tree(self, album: LibraryAlbum) -> Tree:
        """Describe an album, as the protocol's AlbumID3."""
        described = _described(self.discography)
        tree = described.get(album.id)
        if tree is None:
            tree = described[album.id] = _album_tree(album)
        if not self.listening.plays:
            return tree | self._marks("album", album.id)
        plays, played = self.listening.album_plays(album), self.listening.album_last_at(album)
        return tree | self._marks("album", album.id) | _plays(plays or None, played or None)

    def album_child(self, album: LibraryAlbum) -> Tree:
        """Describe an album as a folder of an artist's, the protocol's Child."""
        tree = self.album_tree(album)
        wanted = {name: tree[name] for name in tree if name not in _NOT_OF_CHILDREN}
        return wanted | {
            "parent": album.artist_id,
            "isDir": True,
            "title": album.name,
            "album": album.name,
            "mediaType": "album",
        }

    def artist_tree(self, artist: LibraryArtist) -> Tree:
        """Describe an artist, as the protocol's ArtistID3."""
        described = _described(self.discography)
        tree = described.get(artist.id)
        if tree is None:
            tree = described[artist.id] = _artist_tree(artist)
        starred_at = self.listening.starred.get(("artist", artist.id))
        return tree if starred_at is None else tree | {"starred": when(starred_at)}

    def artist_folder(self, artist: LibraryArtist) -> Tree:
        """Describe an artist as a folder, as the protocol's Artist."""
        return _named(artist.id, artist.name) | self._marks("artist", artist.id)

    def _artists(self, track: Track) -> list[Tree]:
        ids = self.discography.artists_of.get(track.id, ())
        known = (self.discography.artists.get(one) for one in ids)
        return [_named(artist.id, artist.name) for artist in known if artist is not None]

    def _marks(self, kind: MarkedKind, item: str) -> Tree:
        starred_at = self.listening.starred.get((kind, item))
        rating = self.listening.ratings.get((kind, item))
        return present(starred=None if starred_at is None else when(starred_at), userRating=rating)


@lru_cache(2)
def _described(discography: Discography) -> dict[str, Tree]:
    """Return what is described of a discography, to be added to: albums and artists by ids."""
    return {}


def _album_tree(album: LibraryAlbum) -> Tree:
    """Describe an album, the same to everybody."""
    tree = present(
        id=album.id,
        name=album.name,
        artist=album.artist,
        artistId=album.artist_id,
        coverArt=album.id,
        songCount=len(album.tracks),
        duration=round(album.seconds),
        created=when(album.added_at),
        year=album.year,
        genre=next(iter(album.genres), None),
        musicBrainzId=album.mbid,
        displayArtist=album.artist,
        isCompilation=album.is_compilation,
    )
    tree["genres"] = [{"name": genre} for genre in album.genres]
    tree["artists"] = [_named(album.artist_id, album.artist)]
    return tree


def _artist_tree(artist: LibraryArtist) -> Tree:
    """Describe an artist, the same to everybody."""
    roles = ["albumartist"] * bool(artist.albums) + ["artist"] * bool(artist.tracks)
    return _named(artist.id, artist.name) | {
        "coverArt": artist.id,
        "albumCount": len(artist.albums) + len(artist.appears_on),
        "roles": roles,
    }


def library() -> LibraryView:
    """Return the library for the person who asks."""
    served = current()
    return LibraryView(served, served.discographies.current(), listening(served))


def when(at: float) -> str:
    """Write a time, Unix seconds, as ISO 8601 has it.

    >>> when(1_764_000_000)
    '2025-11-24T16:00:00Z'
    """
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def bit_rate(track: Track) -> int | None:
    """Return the mean of a file's bits a second, in thousands; None for an unknown length."""
    if not track.duration:
        return None
    if track.part:
        return BIT_RATE
    return max(1, round(track.size * 8 / track.duration / 1000))


def suffix_of(track: Track) -> str:
    """Return the suffix of what is sent of a track: ".mp3" for a part of a file."""
    return ".mp3" if track.part else track.path.suffix.lower()


def _size(track: Track) -> int:
    """Return how many bytes are sent of a track, about so many for a part of a file."""
    return round((track.duration or 0.0) * BIT_RATE * 125) if track.part else track.size


def file_name(track: Track) -> str:
    """Return what a track's file is called by its tags: "Artist - Title.flac"."""
    name = f"{track.name or track.path.stem}{suffix_of(track)}"
    return _NO_PATH.sub("_", name)


def _named(one: str, name: str) -> Tree:
    return {"id": one, "name": name}


def _plays(plays: int | None, played: int | None) -> Tree:
    return present(playCount=plays, played=None if played is None else when(played))


def _shown_path(track: Track, album: LibraryAlbum | None) -> str:
    """Return where a track would lie if folders were named by tags: not where its file lies."""
    folders = [album.artist, album.name] if album else [track.artist or "-"]
    number = f"{track.track_number:02d} - " if track.track_number else ""
    disc = f"{track.disc_number}-" if number and track.disc_number else ""
    name = f"{disc}{number}{track.title or track.path.stem}{suffix_of(track)}"
    return "/".join(_NO_PATH.sub("_", part) for part in (*folders, name))
