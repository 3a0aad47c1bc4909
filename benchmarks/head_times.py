"""How long a build's learning from tags takes, on a library made of the tracks of another.

    python -m benchmarks.head_times --home HOME --tracks 1000 10000

Each made track has the stored features of one of the home's, with noise added to them, and an
artist: artists have one to twelve tracks, albums one to six, and there are twenty genres. Times are
of `learn_similarity`, as a build calls it: embeddings and segments, the gate, the head of all.
"""

from __future__ import annotations

import argparse
import resource
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from earshot.build_learning import learn_similarity
from encoders.features import AudioInfo, TrackFeatures
from recsys.catalog import Catalog, ScannedFile, Tags
from recsys.catalog.track_features import read_features
from recsys.home.files import PROJECTION_NAME
from recsys.home.home import open_home
from recsys.home.settings import Settings, load_settings
from recsys.library.build import reproject

NOISE = 0.1  # of a feature's own size
BATCH = 500  # tracks written at once


def main() -> None:
    """Print a line for each number of tracks."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--tracks", type=int, nargs="+", default=[1000, 10_000])
    args = parser.parse_args()
    for n_tracks in args.tracks:
        with TemporaryDirectory() as folder:
            make(Path(folder), args.home, n_tracks)
            with open_home(Settings(Path(folder))) as home:
                begin, busy = time.monotonic(), time.process_time()
                learned = learn_similarity(home, lambda done, total: None)
                seconds, processor = time.monotonic() - begin, time.process_time() - busy
        said = learned.sentence if learned else "Nothing was trained."
        print(
            f"{n_tracks} tracks: {seconds:.1f} s, {processor:.1f} of processor. {said}", flush=True
        )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{peak:.0f} MiB at most")


def make(folder: Path, home: Path, n_tracks: int) -> None:
    """Fill a home."""
    rng = np.random.default_rng(0)
    artists = np.repeat(np.arange(n_tracks), rng.integers(1, 13, n_tracks))[:n_tracks]
    with open_home(load_settings(home)) as source, Catalog(folder) as catalog:
        projection = source.projection.default
        names = projection.extractors
        real = [f for _, f in read_features(source.catalog, names, source.index.ids.tolist())]
        catalog.record_files([file(number, int(artists[number])) for number in range(n_tracks)])
        for start in range(0, n_tracks, BATCH):
            numbers = range(start, min(start + BATCH, n_tracks))
            chosen = [real[int(i)] for i in rng.integers(0, len(real), len(numbers))]
            for place, name in enumerate(names):
                rows = [(n + 1, noisy(f[place], rng)) for n, f in zip(numbers, chosen, strict=True)]
                catalog.store_features(name, rows)
        projection.save(folder / PROJECTION_NAME)
        reproject(catalog, projection)


def file(number: int, artist: int) -> ScannedFile:
    """Return a track's file and tags."""
    info = AudioInfo(30.0, 44_100, 2, "flac", f"{number:032x}")
    tags = Tags(
        title=f"Song {number}",
        artist=f"Artist {artist}",
        album=f"Album {number // 6}",
        genres=(f"Genre {artist % 20}",),
    )
    return ScannedFile(None, Path(f"/music/{number}.flac"), 1, 1, info, tags)


def noisy(features: TrackFeatures, rng: np.random.Generator) -> TrackFeatures:
    """Return features with noise."""

    def disturbed(values: np.ndarray) -> np.ndarray:
        noise = rng.standard_normal(values.shape, np.float32)
        changed: np.ndarray = (values * (1 + NOISE * noise)).astype(np.float16)
        return changed

    return TrackFeatures(
        features.starts,
        disturbed(features.tags).clip(0, 1),
        disturbed(features.penultimate),
        disturbed(features.pooled),
        features.segment_seconds,
    )


if __name__ == "__main__":
    main()
