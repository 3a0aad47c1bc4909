"""What players wait for at `/rest`, by several callers at once.

    python -m benchmarks.subsonic [--tracks 100000] [--callers 8] [--seconds 10]

The library is invented: albums of twelve songs, ten by an artist, vectors as in recommending.py.
The server is `earshot serve`, asked from `--after` seconds after its start on. Each
caller asks again as soon as it has an answer, about another song, artist or page each time. The
first answer of each kind is waited for, and not counted: at a server's start much is read.
"""

from __future__ import annotations

import argparse
import http.client
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from benchmarks.recommending import mixture
from benchmarks.serving import ask, serving
from encoders.features import AudioInfo, TrackFeatures
from encoders.projection import fit_projection
from index.vector_index import VectorIndex
from recsys.catalog import Catalog, ScannedFile, Tags
from recsys.catalog.base import batches
from recsys.home.discography import artist_id
from recsys.home.files import INDEX_NAME, PROJECTION_NAME
from recsys.musical_key import KEYS

NAME = "one-float32-20"
N_FITTED = 1000  # features that the projection is fitted on
PER_ALBUM, PER_ARTIST = 12, 120  # tracks
PAGE = 500  # albums or songs of a page, as players ask for
Question = Callable[[np.random.Generator, int], str]


def main() -> None:
    """Measure and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    add_arguments(parser)
    args = parser.parse_args()
    with made_home(args) as home:
        measure(home, QUESTIONS, args)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what says how large the library is, and how it is asked."""
    parser.add_argument("--tracks", type=int, default=100_000)
    parser.add_argument("--callers", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=10.0, help="of each question")
    parser.add_argument("--after", type=float, default=30.0, help="seconds (default: %(default)s)")
    parser.add_argument("--home", type=Path, help="made where there is none, and kept")


@contextmanager
def made_home(args: argparse.Namespace) -> Iterator[Path]:
    """Give the home that the arguments name, or one for this run."""
    with tempfile.TemporaryDirectory() as folder:
        home = args.home or Path(folder)
        if not (home / "catalogue.db").exists():
            make_home(home, args.tracks)
        yield home


def measure(home: Path, questions: Mapping[str, Question], args: argparse.Namespace) -> None:
    """Serve a home, ask each question by several callers, and print a Markdown table."""
    with serving(home) as (_, connection, _):
        time.sleep(args.after)
        print(f"{args.tracks:,} tracks, {args.callers} callers\n")
        print("| | requests a second | p50, ms | p99, ms |\n|---|---:|---:|---:|")
        for name, question in questions.items():
            ask(connection, question(np.random.default_rng(0), args.tracks))
            times = call(connection, question, args)
            p50, p99 = np.percentile(times, [50, 99])
            rate = len(times) / args.seconds
            print(f"| {name} | {rate:.0f} | {p50:.1f} | {p99:.1f} |", flush=True)


def make_home(home: Path, n: int) -> None:
    """Invent a library with albums; its features are small, its vectors of the real size."""
    rng = np.random.default_rng(0)
    vectors, _, _ = mixture(n)
    with Catalog(home) as catalog:
        for numbers in batches(range(1, n + 1), 5000):
            catalog.record_files([scanned_file(number) for number in numbers])
            catalog.store_features(NAME, [(number, features(rng)) for number in numbers])
        sample = [(features(rng),) for _ in range(N_FITTED)]
        zeros = np.zeros(2, np.float32), np.zeros(2, np.float32)
        projection = fit_projection(sample, len(sample), (NAME,), ("one", "two"), *zeros)
        projection.save(home / PROJECTION_NAME)
        VectorIndex.build(np.arange(1, n + 1), vectors).save(
            home / INDEX_NAME,
            model=NAME,
            projection=projection.id,
            catalogue_revision=catalog.revision,
        )


def scanned_file(number: int) -> ScannedFile:
    """Invent a file of an album."""
    album, artist = number // PER_ALBUM, number // PER_ARTIST
    tags = Tags(
        f"song{number}",
        f"artist{artist}",
        album=f"album{album}",
        track_number=number % PER_ALBUM + 1,
        year=1960 + album % 60,
        genres=(f"genre{artist % 40}",),
        bpm=60.0 + number % 120,
        initial_key=KEYS[number % len(KEYS)],
    )
    info = AudioInfo(180.0 + number % 100, 44_100, 2, "flac", f"{number:032x}")
    path = Path(f"/music/{artist}/{album}/{number}.flac")
    return ScannedFile(None, path, 20_000_000 + number, 1, info, tags)


def features(rng: np.random.Generator) -> TrackFeatures:
    """Invent features."""
    tags, layer = rng.random((2, 2)), rng.random((2, 2))
    starts = np.arange(2, dtype=np.float32)
    return TrackFeatures(
        starts, tags.astype(np.float16), layer.astype(np.float16), rng.random(4).astype(np.float16)
    )


def call(
    connection: http.client.HTTPConnection, question: Question, args: argparse.Namespace
) -> list[float]:
    """Ask by several callers; return the milliseconds of all."""
    times: list[float] = []
    ends = time.perf_counter() + args.seconds

    def caller(seed: int) -> None:
        own = http.client.HTTPConnection(connection.host, connection.port)
        rng = np.random.default_rng(seed)
        while time.perf_counter() < ends:
            times.append(ask(own, question(rng, args.tracks)))
        own.close()

    threads = [threading.Thread(target=caller, args=(seed,)) for seed in range(args.callers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return times


def _rest(path: str) -> str:
    return f"/rest/{path}f=json&c=benchmark&v=1.16.1"


def song(rng: np.random.Generator, n: int) -> int:
    """Draw the id of a song."""
    return int(rng.integers(1, n + 1))


def artist(rng: np.random.Generator, n: int) -> str:
    """Draw the name of an artist."""
    return f"artist{song(rng, n) // PER_ARTIST}"


QUESTIONS: Mapping[str, Question] = {
    "`getArtists`": lambda rng, n: _rest("getArtists?"),
    "`getAlbumList2`": lambda rng, n: _rest(
        f"getAlbumList2?type=alphabeticalByName&size={PAGE}"
        f"&offset={PAGE * int(rng.integers(max(1, n // PER_ALBUM // PAGE)))}&"
    ),
    "`search3`": lambda rng, n: _rest(f"search3?query={artist(rng, n)}&"),
    "`search3`, a page of everything": lambda rng, n: _rest(
        f"search3?query=&artistCount=0&albumCount=0&songCount={PAGE}"
        f"&songOffset={PAGE * int(rng.integers(max(1, n // PAGE)))}&"
    ),
    "`getSimilarSongs2`": lambda rng, n: _rest(
        f"getSimilarSongs2?count=50&id={artist_id(artist(rng, n))}&"
    ),
    "`getSonicSimilarTracks`": lambda rng, n: _rest(
        f"getSonicSimilarTracks?count=50&id={song(rng, n)}&"
    ),
}


if __name__ == "__main__":
    main()
