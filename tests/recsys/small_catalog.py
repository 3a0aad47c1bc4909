"""Rows of a catalogue: files, features, listeners."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from encoders.features import AudioInfo, TrackFeatures
from recsys.catalog import Catalog, ScannedFile, Tags

MODEL = "MSD_musicnn/20x3s/float16"
AUDIO = AudioInfo(12.5, 44100, 2, "flac", "0" * 32)


def seen(
    name: str,
    audio_hash: str | None = None,
    tags: Tags | None = None,
    *,
    track_id: int | None = None,
    duration: float = 12.5,
) -> ScannedFile:
    """A file of that name; its audio is its own where no hash is given."""
    audio = replace(AUDIO, audio_hash=audio_hash or name, duration=duration)
    tags = tags or Tags(title=name, artist="Nobody")
    return ScannedFile(track_id, Path("/music") / name, 1000, 2000, audio, tags)


def heard(value: float = 0.5, segments: int = 20) -> TrackFeatures:
    return TrackFeatures(
        np.arange(segments, dtype=np.float32),
        np.full((segments, 50), value, np.float16),
        np.full((segments, 200), value, np.float16),
        np.full(1506, value, np.float16),
    )


def someone(catalog: Catalog, name: str = "ann") -> int:
    listener = catalog.listener(name, create=True)
    assert listener
    return listener.id


def with_tracks(catalog: Catalog, n_tracks: int) -> None:
    """Tracks 1 to n, all ready."""
    catalog.record_files([seen(f"{number}.flac") for number in range(1, n_tracks + 1)])
    catalog.store_features(MODEL, [(number, heard()) for number in range(1, n_tracks + 1)])
