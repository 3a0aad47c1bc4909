"""How long the duplicates of a large library take: parts of real songs as its tracks.

    python -m benchmarks.duplicates_speed SONGS [--tracks 10000] [--copies 0.05] [--by-name]

SONGS is a folder of whole songs. Each track is a part of one of them, decoded by seeking as any
file is; each has 40 candidates by its (invented) embedding, all of nearly equal length, which is
the worst that may be. A share of the tracks are copies of others: these are decoded whole.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from contextlib import closing
from pathlib import Path

import numpy as np

from earshot.duplicates import Decoders
from encoders.audio import inspect
from encoders.features import AudioInfo, TrackFeatures
from index.vector_index import VectorIndex
from recsys.catalog import Catalog, ScannedFile, Tags
from recsys.library.comparing import compare_named_alike
from recsys.library.duplicates import find_duplicates
from recsys.threads import n_cores

SECONDS = 100.0  # of a track
APART = 17.0  # s between the beginnings of two parts: their middles have nothing in common
CLUSTER = 41  # tracks that are near each other
DIM = 64


def main() -> None:
    """Make the library, and print the time."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("songs", type=Path)
    parser.add_argument("--tracks", type=int, default=10_000)
    parser.add_argument("--copies", type=float, default=0.05)
    parser.add_argument("--by-name", action="store_true", help="what a build compares, instead")
    args = parser.parse_args()
    songs = [(path, inspect(path)) for path in sorted(args.songs.glob("*.mp3"))]
    places = [
        (path, info, begin)
        for path, info in songs
        for begin in np.arange(0.0, info.duration - SECONDS, APART).tolist()
    ]
    if len(places) < CLUSTER:
        raise SystemExit(f"{args.songs} holds too little music: {len(places)} places.")
    with tempfile.TemporaryDirectory() as folder, Catalog(Path(folder)) as catalog:
        index, n_copies = fill(catalog, places, args.tracks, args.copies)
        with closing(Decoders()) as decoders:
            begin = time.perf_counter()
            if args.by_name:
                n_pairs = compare_named_alike(catalog, lambda track: decoders.load(track.span))
                seconds = time.perf_counter() - begin
                print(
                    f"{n_pairs} pairs named alike: {seconds:.0f} s, {seconds / n_pairs:.2f} s each"
                )
                return
            found = find_duplicates(catalog, index, decoders.load, workers=n_cores())
            seconds = time.perf_counter() - begin
    print("| tracks | copies among them | found | s | s at 10,000 |\n|---:|---:|---:|---:|---:|")
    n_found = sum(len(group) - 1 for group in found.groups)
    at_most = seconds * 10_000 / args.tracks
    print(f"| {args.tracks:,} | {n_copies} | {n_found} | {seconds:.0f} | {at_most:.0f} |")


def fill(
    catalog: Catalog,
    places: list[tuple[Path, AudioInfo, float]],
    n_tracks: int,
    share: float,
) -> tuple[VectorIndex, int]:
    """Store tracks in clusters of parts that all differ but for the copies; return their index."""
    rng = np.random.default_rng(0)
    files, vectors, n_copies = [], [], 0
    for first in range(0, n_tracks, CLUSTER):
        centre = rng.standard_normal(DIM)
        chosen = rng.permutation(len(places))[:CLUSTER]
        for number in range(min(CLUSTER, n_tracks - first)):
            is_copy = number > 0 and rng.random() < share
            n_copies += is_copy
            path, info, begin = places[chosen[number - 1] if is_copy else chosen[number]]
            if is_copy:
                chosen[number] = chosen[number - 1]
            track = first + number
            named = track - is_copy  # copies are called as their originals
            audio = AudioInfo(SECONDS, info.sample_rate, info.channels, info.codec, f"{track:032x}")
            tags = Tags(title=f"Song {named}", artist=f"Artist {named % 900}")
            files.append(ScannedFile(None, path, 1, 1, audio, tags, track + 1, begin))
            vectors.append(centre + 0.5 * rng.standard_normal(DIM))
    catalog.record_files(files)
    zeros = np.zeros((1, 2), np.float16)
    heard = TrackFeatures(np.zeros(1, np.float32), zeros, zeros, zeros[0])
    ids = list(range(1, n_tracks + 1))
    catalog.store_features("model", [(i, heard) for i in ids])
    rows = np.array(vectors, np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return VectorIndex.build(ids, rows), n_copies


if __name__ == "__main__":
    main()
