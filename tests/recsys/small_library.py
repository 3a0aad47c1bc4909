"""A library of a few tracks whose vectors, tags and names a test chooses."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from encoders.features import AudioInfo, TrackFeatures
from encoders.projection import fit_projection
from index.vector_index import VectorIndex
from recsys.catalog import Catalog, ScannedFile, Tags
from recsys.home.files import LISTENING_NAME
from recsys.home.home import Home
from recsys.home.settings import Settings
from recsys.interactions import Content
from recsys.models.als import Als
from recsys.models.hybrid import HybridModel, HybridSettings

NAME = "model"
TAGS = ("jazz", "Heavy Metal", "Party")


@dataclass(frozen=True)
class Song:
    """A track: where it lies in the space of sounds, and what its file says."""

    vector: Sequence[float]
    artist: str = ""
    title: str = ""
    album: str | None = None
    genres: tuple[str, ...] = ()
    seconds: float = 200.0
    tags: tuple[float, ...] = (0.1, 0.1, 0.1)
    audio: str | None = None
    indexed: bool = True


@dataclass
class Library:
    """A home of songs with the ids 1, 2, …"""

    catalog: Catalog
    songs: Sequence[Song]
    home: Home = field(init=False)

    def __post_init__(self) -> None:
        self.catalog.record_files(
            [scanned_file(n, song) for n, song in enumerate(self.songs, start=1)]
        )
        heard = {n: features(song) for n, song in enumerate(self.songs, start=1) if song.indexed}
        self.catalog.store_features(NAME, list(heard.items()))
        vectors = [self.songs[n - 1].vector for n in heard]
        index = VectorIndex.build(list(heard), np.array(vectors, np.float32))
        projection = fit_projection(
            [(one,) for one in heard.values()],
            len(heard),
            (NAME,),
            TAGS,
            np.zeros(3, np.float32),
            np.zeros(len(TAGS), np.float32),
        )
        settings = Settings(self.catalog.home)
        self.home = Home(settings, self.catalog, index, projection)

    def tag(self, number: int, **tags: Any) -> None:
        """Write into the catalogue what a file says beside its names: year, bpm, initial_key."""
        row = scanned_file(number, self.songs[number - 1])
        self.catalog.record_tags({number: replace(row.tags, **tags)})

    def learn(self) -> HybridModel:
        """Fit a listening model to the listens, and leave it in the home."""
        heard = self.catalog.interactions()
        rows = [self.songs[track_id - 1] for track_id in heard.tracks.tolist()]
        content = Content(
            np.array([song.vector for song in rows], np.float32),
            np.ones(len(rows), np.bool_),
            np.full(len(rows), -1),
        )
        settings = HybridSettings(Als(factors=4, regularization=1.0))
        model = settings.fit(heard.counts, content, 0, heard.tracks)
        model.save(self.catalog.home / LISTENING_NAME)
        return model

    def listen(self, name: str, *ids: int) -> int:
        """Let somebody play tracks, and return the listener's id."""
        listener = self.catalog.listener(name, create=True)
        assert listener
        before = listener.n_listens
        self.catalog.record_listens(listener.id, [(i, before + n) for n, i in enumerate(ids, 1)])
        return listener.id


def scanned_file(number: int, song: Song) -> ScannedFile:
    info = AudioInfo(song.seconds, 44_100, 2, "flac", song.audio or f"{number:032x}")
    title = song.title or f"Song {number}"
    tags = Tags(title=title, artist=song.artist, album=song.album, genres=song.genres)
    return ScannedFile(None, Path(f"/music/{number}.flac"), 1, 1, info, tags)


def features(song: Song) -> TrackFeatures:
    tags = np.array([song.tags, song.tags], np.float16)
    zeros = np.zeros((2, 3), np.float16)
    return TrackFeatures(np.array([0, 3], np.float32), tags, zeros, np.zeros(4, np.float16))


def towards(degrees: float) -> tuple[float, float]:
    return float(np.cos(np.radians(degrees))), float(np.sin(np.radians(degrees)))
