"""What search and completion take in a large library, and what their index costs.

    python -m benchmarks.search [--tracks 100000] [--database postgresql+psycopg://…/name]

The library is invented: titles, artists and albums of syllables, ten tracks an artist, in a
catalogue without features. Words are asked as people type them. Run by another
checkout's interpreter (`PYTHONPATH=CHECKOUT CHECKOUT/.venv/bin/python THIS_FILE`) it measures that.
"""

from __future__ import annotations

import argparse
import re
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
from sqlalchemy import text

from recsys.autocomplete import Completer
from recsys.catalog import Catalog

SYLLABLES = re.findall("[aeiou]|[^aeiou]+[aeiou]", "badokilumenorparisoltanulverwexigrathostafemi")
GENRES = ("rock", "jazz", "ambient", "hip hop", "classical", "folk", "electronic", "pop")
N_QUERIES = 200
BATCH = 20_000


def names(n: int, n_words: int, seed: int) -> list[str]:
    """Return n names of some words each, of a vocabulary by Zipf's law."""
    rng = np.random.default_rng(seed)
    parts = rng.integers(0, len(SYLLABLES), (30_000, 3)).tolist()
    vocabulary = ["".join(SYLLABLES[one] for one in word) for word in parts]
    drawn = np.minimum(rng.zipf(1.2, (n, n_words)), len(vocabulary)) - 1
    drawn[:, 0] = rng.integers(0, len(vocabulary), n)
    return [" ".join(vocabulary[one] for one in row).title() for row in drawn.tolist()]


def fill(catalog: Catalog, n: int) -> None:
    """Put the tracks into the table, and their words where searches need them."""
    artists, titles, albums = names(n // 10 + 1, 2, 1), names(n, 3, 2), names(n // 10 + 1, 2, 3)
    insert = text(
        "INSERT INTO tracks (id, path, size, mtime_ns, status, added_at, title, artist, album,"
        " genres, has_cover, artists, guessed) VALUES (:id, :path, 1, 1, 'ready', 1, :title,"
        " :artist, :album, :genres, :no, '[]', '[]')"
    )
    for begin in range(0, n, BATCH):
        rows = [
            {
                "id": i + 1,
                "path": f"/music/{i}.mp3".encode(),
                "title": titles[i],
                "artist": artists[i // 10],
                "album": albums[i // 10],
                "genres": f'["{GENRES[i // 10 % len(GENRES)]}"]',
                "no": False,
            }
            for i in range(begin, min(begin + BATCH, n))
        ]
        with catalog._writing() as session:
            session.execute(insert, rows)
            session.execute(text("UPDATE state SET track_revision = track_revision + 1"))
    index_words(catalog, n)


def index_words(catalog: Catalog, n: int) -> None:
    """Index the words as writers of tracks do; versions before that have no such index."""
    try:
        from recsys.catalog import scanned_files  # noqa: PLC0415

        index = scanned_files._index_words
    except AttributeError:
        return
    begin = time.perf_counter()
    for first in range(1, n + 1, BATCH):
        with catalog._writing() as session:
            index(session, range(first, min(first + BATCH, n + 1)))
    print(f"words indexed in {time.perf_counter() - begin:.1f} s\n")


def main() -> None:
    """Measure and print a Markdown table."""
    parser = argparse.ArgumentParser(description="Benchmark search and completion.")
    parser.add_argument("--tracks", type=int, default=100_000)
    parser.add_argument("--database", help="an empty PostgreSQL database")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, Catalog(Path(folder), args.database) as catalog:
        fill(catalog, args.tracks)
        completer = Completer(catalog, ["female vocalists", "instrumental"])
        rng = np.random.default_rng(5)
        drawn = catalog.tracks(rng.integers(1, args.tracks + 1, N_QUERIES).tolist())
        before = psutil.Process().memory_info().rss
        print("| | first, ms | median | p99 |\n|---|---:|---:|---:|")
        report("search, artist and title", lambda i: catalog.search(drawn[i].name, 10))
        report("search, a common word", lambda i: catalog.search(drawn[i].title.split()[-1], 10))
        report(
            "search, one letter wrong",
            lambda i: catalog.search(drawn[i].title[:2] + "q" + drawn[i].title[3:], 10),
        )
        report("completion, one letter", lambda i: completer.complete(drawn[i].title[:1]))
        report("completion, three letters", lambda i: completer.complete(drawn[i].artist[:3]))
        report("completion, a title's two words", lambda i: completer.complete(drawn[i].title[:12]))
        grown = (psutil.Process().memory_info().rss - before) >> 20
        print(f"\n{args.tracks:,} tracks; the process has grown by {grown} MiB")


def report(name: str, ask: Callable[[int], object]) -> None:
    """Print a line of the table; the first answer is apart."""
    times = []
    for i in range(N_QUERIES):
        begin = time.perf_counter()
        ask(i)
        times.append(1000 * (time.perf_counter() - begin))
    median, p99 = np.percentile(times[1:], [50, 99])
    print(f"| {name} | {times[0]:.1f} | {median:.1f} | {p99:.1f} |", flush=True)


if __name__ == "__main__":
    main()
