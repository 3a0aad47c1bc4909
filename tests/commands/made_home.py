"""A small home made of features, without a network or a decoder."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np

from encoders.features import AudioInfo, TrackFeatures
from encoders.projection import fit_projection
from index.vector_index import VectorIndex
from recsys.catalog import Catalog, ScannedFile, Tags
from recsys.catalog.track_features import read_features
from recsys.home.files import INDEX_NAME, PROJECTION_NAME

ARTISTS = ("Ada", "Bix", "Cleo", "Dinah", "Ella", "Fats")  # the first three play rock
N_TRACKS = 4 * len(ARTISTS)
NAMES = ("MSD_musicnn-float32-2", "MTT_musicnn-float32-2")
TAGS = (("rock", "classical", "calm", "party"), ("rock", "piano"))
SECONDS = 1.0


def make_home(home: Path, music: Path) -> None:
    """Fill a home: tracks of one artist are most alike, then those of one genre."""
    rng = np.random.default_rng(0)
    genre = np.repeat(np.eye(2), N_TRACKS // 2, axis=0)
    artist = np.repeat(rng.standard_normal((len(ARTISTS), 8)), 4, axis=0)
    traits = np.concatenate([3 * genre, artist, rng.standard_normal((N_TRACKS, 2))], axis=1)
    with Catalog(home) as catalog:
        catalog.record_files([scanned_file(number, music) for number in range(N_TRACKS)])
        for name, tags in zip(NAMES, TAGS, strict=True):
            rows = [features(traits[number], len(tags), rng) for number in range(N_TRACKS)]
            catalog.store_features(name, list(enumerate(rows, start=1)))
        heard = dict(read_features(catalog, NAMES, range(1, N_TRACKS + 1)))
        projection = fit_projection(
            heard.values(),
            N_TRACKS,
            NAMES,
            TAGS[0] + TAGS[1],
            np.zeros(traits.shape[1], np.float32),
            np.zeros(len(TAGS[0] + TAGS[1]), np.float32),
        )
        projection.save(home / PROJECTION_NAME)
        index = VectorIndex.build(list(heard), projection.embed(list(heard.values())))
        index.save(
            home / INDEX_NAME,
            model="+".join(NAMES),
            projection=projection.id,
            catalogue_revision=catalog.revision,
        )


def scanned_file(number: int, music: Path) -> ScannedFile:
    artist = ARTISTS[number // 4]
    genre = "Rock" if number < N_TRACKS // 2 else "Classical"
    bpm = 90.0 + number if number < N_TRACKS // 2 else None
    tags = Tags(f"Song {number}", artist, album=f"{artist} live", genres=(genre,), bpm=bpm)
    info = AudioInfo(SECONDS, 16_000, 1, "pcm_s16le", f"{number:032x}")
    return ScannedFile(None, music / f"{number}.wav", 1, 1, info, tags)


def features(traits: np.ndarray, n_tags: int, rng: np.random.Generator) -> TrackFeatures:
    """Two segments, which differ as the traits do; the first two tags are of the genres."""
    logits = np.concatenate([traits[:2] * 2 - 3, rng.normal(-3, 0.5, 2)])[:n_tags]
    tags = 1 / (1 + np.exp(-(logits + rng.normal(0, 0.3, (2, n_tags)))))
    return TrackFeatures(
        np.array([0, 3], np.float32),
        tags.astype(np.float16),
        (traits * [[0.8], [1.2]] + rng.normal(0, 0.02, (2, len(traits)))).astype(np.float16),
        np.repeat(traits, 2).astype(np.float16),
    )


def write_music(music: Path, numbers: range) -> None:
    """Render the tracks: the pitch is the artist's."""
    music.mkdir(parents=True, exist_ok=True)
    times = np.arange(int(16_000 * SECONDS)) / 16_000
    for number in numbers:
        pitch = 200 * (1 + number // 4) + number
        with wave.open(str(music / f"{number}.wav"), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(16_000)
            file.writeframes((9000 * np.sin(2 * np.pi * pitch * times)).astype("<i2").tobytes())
