"""The demo library's tracks: their albums, titles, files and seeds."""

import uuid
import zlib
from dataclasses import dataclass
from pathlib import PurePosixPath

import numpy as np

from recsys.demo.compose import Song, compose
from recsys.demo.recipes import Album, Artist
from recsys.demo.styles import ARTISTS, STYLES

_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "demo.earshot.invalid")
_UNSAFE = str.maketrans(dict.fromkeys('<>:"/\\|?*', "_"))


@dataclass(frozen=True)
class DemoTrack:
    """A track of the demo library."""

    artist: Artist
    album: Album
    number: int
    title: str

    @property
    def path(self) -> PurePosixPath:
        """Where it lies in the library: `Artist/Album/NN Title.ext`."""
        name = f"{self.number:02d} {self.title}.{self.album.format}"
        parts = (self.artist.name, self.album.title, name)
        return PurePosixPath(*(part.translate(_UNSAFE) for part in parts))

    @property
    def genres(self) -> tuple[str, ...]:
        """The genres of its style, and its artist's own."""
        own = (self.artist.genre,) if self.artist.genre else ()
        return (*STYLES[self.artist.style].genres, *own)

    @property
    def recording_id(self) -> str | None:
        """The id in the place of a MusicBrainz recording id, if its album has such ids."""
        name = f"{self.artist.name}/{self.album.title}/{self.title}"
        return str(uuid.uuid5(_NAMESPACE, name)) if self.album.identified else None

    def compose(self) -> Song:
        """Its notes, always the same."""
        seed = zlib.crc32(f"{self.artist.name}/{self.title}".encode())
        return compose(self.artist, STYLES[self.artist.style], np.random.default_rng(seed))


DEMO_TRACKS = tuple(
    DemoTrack(artist, album, number, title)
    for artist in ARTISTS
    for album in artist.albums
    for number, title in enumerate(album.tracks, start=1)
)
