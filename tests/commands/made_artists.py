"""A home of many artists with planted traits, made of features without a network or a decoder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from encoders.features import AudioInfo, TrackFeatures
from encoders.projection import fit_projection
from recsys.catalog import Catalog, ScannedFile, Tags
from recsys.catalog.track_features import read_features
from recsys.library.build import reproject

NAMES = ("A-float32-2", "B-float32-2")
N_TRAITS, N_NUISANCES = 8, 16
GENRES = ("Rock", "Classical", "Jazz", "Folk")


def make_artists(
    home: Path,
    music: Path,
    n_tracks: int,
    seed: int = 0,
    *,
    names: Sequence[str] | None = None,
    genres: Sequence[str] = GENRES,
    per_artist: int = 4,
) -> None:
    """Fill a home with tracks, `per_artist` an artist, of four genres.

    `names` are what the tags of each track say of its artist, the truth if not given, and `genres`
    what they say of each genre.

    What an artist's tracks share is a trait of small variance beside larger ones in which they
    differ, as do the segments of each track.
    """
    rng = np.random.default_rng(seed)
    artist = np.arange(n_tracks) // per_artist
    genre = artist % len(GENRES)
    traits = np.concatenate(
        [
            1.2 * np.eye(len(GENRES))[genre],
            rng.standard_normal((n_tracks, N_TRAITS))[artist] + 0.5 * normal(rng, n_tracks),
            2.0 * rng.standard_normal((n_tracks, N_NUISANCES)),
        ],
        axis=1,
    )
    with Catalog(home) as catalog:
        catalog.record_files(
            [
                scanned_file(
                    i, names[i] if names else f"Artist {artist[i]}", genres[genre[i]], music
                )
                for i in range(n_tracks)
            ]
        )
        for name in NAMES:
            rows = [features(track, rng) for track in traits]
            catalog.store_features(name, list(enumerate(rows, start=1)))
        heard = dict(read_features(catalog, NAMES, range(1, n_tracks + 1)))
        prior = np.zeros(traits.shape[1], np.float32), np.zeros(8, np.float32)
        tags = [f"tag {i}" for i in range(8)]
        projection = fit_projection(heard.values(), n_tracks, NAMES, tags, *prior)
        reproject(catalog, projection)


def normal(rng: np.random.Generator, n_tracks: int) -> np.ndarray:
    return rng.standard_normal((n_tracks, N_TRAITS))


def scanned_file(number: int, artist: str, genre: str, music: Path) -> ScannedFile:
    tags = Tags(
        title=f"Song {number}",
        artist=artist,
        album=f"Album of {artist}",
        genres=(genre,),
    )
    info = AudioInfo(30.0, 16_000, 1, "pcm_s16le", f"{number:032x}")
    return ScannedFile(None, music / f"{number}.wav", 1, 1, info, tags)


def features(traits: np.ndarray, rng: np.random.Generator) -> TrackFeatures:
    heard = traits + rng.normal(0, 0.5, (3, len(traits)))
    return TrackFeatures(
        np.array([0, 3, 6], np.float32),
        (1 / (1 + np.exp(-heard[:, :4]))).astype(np.float16),
        heard.astype(np.float16),
        (np.tile(traits, 2) + rng.normal(0, 0.2, 2 * len(traits))).astype(np.float16),
    )
