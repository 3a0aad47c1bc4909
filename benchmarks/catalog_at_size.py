"""A catalogue of up to ten million tracks in PostgreSQL or SQLite: what each step costs.

    python -m benchmarks.catalog_at_size [--sizes 10000 100000] [--database postgresql+psycopg://…]
        [--features 2000] [--folder FOLDER] [--json FILE]

Tracks are invented by the names of benchmarks.search, ten an artist, with a hash and a path each.
They are loaded by COPY in PostgreSQL, by a prepared statement in SQLite, 10,000 a transaction, and
on from one size to the next, so that each rate is that of the last part. --features rows of 13 KB
of random bytes, and as many tracks, are stored in both ways. DATABASE is empty at the beginning and
holds the tracks at the end.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy import text

from benchmarks.search import GENRES, names
from recsys.catalog import Catalog, bulk
from recsys.catalog.features import FeatureRow
from recsys.catalog.tracks import TrackRow
from recsys.catalog.word_search import Words, write

BATCH = 10_000
BLOB = 13_000  # bytes of a track's features of one tagger
N_ASKED = 50


def rows(first: int, n: int) -> Iterator[dict[str, Any]]:
    """Give rows of tracks by id, from `first` on."""
    artists, titles = names(n // 10 + 1, 2, first), names(n, 3, first + 1)
    for i in range(n):
        yield {
            "id": first + i,
            "path": Path(f"/music/{artists[i // 10]}/{first + i}.flac"),
            "size": 30_000_000,
            "mtime_ns": 1_700_000_000_000_000_000,
            "status": "ready",
            "added_at": 1_700_000_000,
            "audio_hash": f"{first + i:032x}",
            "duration": 200.0,
            "title": titles[i],
            "artist": artists[i // 10],
            "album": titles[i - i % 10],
            "genres": (GENRES[i // 10 % len(GENRES)],),
            "has_cover": False,
            "artists": (),
            "guessed": (),
            "part": 0,
            "begin": 0.0,
            "cue": "",
        }


def load(catalog: Catalog, first: int, last: int) -> tuple[float, float]:
    """Store tracks `first` to `last`; return seconds for rows and for words."""
    stored = indexed = 0.0
    for start in range(first, last + 1, BATCH):
        some = list(rows(start, min(BATCH, last + 1 - start)))
        with catalog._writing() as session:
            begin = time.perf_counter()
            bulk.insert_rows(session.connection(), TrackRow.__table__, some)
            between = time.perf_counter()
            words = (
                Words(one["id"], one["title"], one["artist"], f"{one['album']} {one['genres'][0]}")
                for one in some
            )
            write(session.connection(), words)
            stored, indexed = stored + between - begin, indexed + time.perf_counter() - between
    return stored, indexed


def store_features(catalog: Catalog, first: int, n: int) -> float:
    """Store features of `n` tracks; return rows a second."""
    rng = np.random.default_rng(first)
    some = [
        {"track_id": first + i, "extractor": "made", "blob": rng.bytes(BLOB), "checksum": i}
        for i in range(n)
    ]
    begin = time.perf_counter()
    for start in range(0, n, 500):
        with catalog._writing() as session:
            bulk.insert_rows(session.connection(), FeatureRow.__table__, some[start : start + 500])
    return n / (time.perf_counter() - begin)


def milliseconds(ask: Callable[[int], object], times: int = 1) -> float:
    """Return the median time of a call, after a first one where there are several."""
    taken = []
    for number in range(times):
        begin = time.perf_counter()
        ask(number)
        taken.append(1000 * (time.perf_counter() - begin))
    return float(np.median(taken[1:] or taken))


def run(catalog: Catalog, sql: str) -> float:
    """Run a statement in a transaction of its own; return seconds."""
    begin = time.perf_counter()
    with catalog._writing() as session:
        session.execute(text(sql))
    return time.perf_counter() - begin


def measure(catalog: Catalog, before: int, n: int, n_features: int) -> dict[str, Any]:
    """Load up to `n` tracks, ask, and return the figures."""
    usual, n_plain = bulk.LEAST, min(n_features, (n - before) // 2)
    bulk.LEAST = 10**9
    plain, _ = load(catalog, before + 1, before + n_plain)
    bulk.LEAST = usual
    before += n_plain
    stored, indexed = load(catalog, before + 1, n)
    figures: dict[str, Any] = {"tracks": n}
    figures["rows_a_second"] = (n - before) / stored
    figures["rows_by_statement_a_second"] = n_plain / plain
    figures["words_a_second"] = (n - before) / indexed
    half = min(n_features, (n - before) // 2)
    figures["features_a_second"] = store_features(catalog, before + 1, half)
    bulk.LEAST = 10**9
    figures["features_by_statement_a_second"] = store_features(catalog, before + 1 + half, half)
    bulk.LEAST = usual
    rng = np.random.default_rng(0)
    ids = rng.integers(1, n + 1, N_ASKED).tolist()
    named = catalog.tracks(ids)
    asked: dict[str, Callable[[int], object]] = {
        "page_ms": lambda i: catalog.available_after(ids[i], 100),
        "tracks_ms": lambda i: catalog.tracks(ids[: i + 1]),
        "revision_ms": lambda _: catalog.track_revision,
        "prefix_ms": lambda i: catalog.search(named[i].title[:6], 10),
        "search_ms": lambda i: catalog.search(named[i].name, 10),
        "artist_ms": lambda i: catalog.by_artist(named[i].artist),
    }
    figures |= {name: milliseconds(ask, N_ASKED) for name, ask in asked.items()}
    whole: dict[str, Callable[[int], object]] = {
        "counts_s": lambda _: catalog.counts(),
        "totals_s": lambda _: catalog.totals(),
        "scan_s": lambda _: catalog.tracks_of_files(),
    }
    figures |= {name: milliseconds(ask) / 1000 for name, ask in whole.items()}
    figures["index_s"] = run(catalog, "CREATE INDEX made ON tracks (artist)")
    run(catalog, "DROP INDEX made")
    figures["column_s"] = run(catalog, "ALTER TABLE tracks ADD COLUMN made integer DEFAULT 0")
    run(catalog, "ALTER TABLE tracks DROP COLUMN made")
    if catalog._engine.dialect.name == "postgresql":
        with catalog._reading() as session:
            size = session.scalar(text("SELECT pg_database_size(current_database())"))
        figures["database_mib"] = float(size or 0) / 2**20
    figures["peak_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return figures


def main() -> None:
    """Measure and print a Markdown table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--database", help="an empty PostgreSQL database; by default SQLite")
    parser.add_argument("--features", type=int, default=2000, help="rows of features at each size")
    parser.add_argument("--folder", type=Path, help="for SQLite's file, which is deleted")
    parser.add_argument("--json", type=Path, help="write the figures to this file, too")
    args = parser.parse_args()
    table, before = [], 0
    with (
        tempfile.TemporaryDirectory(dir=args.folder) as folder,
        Catalog(Path(folder), args.database) as catalog,
    ):
        for n in sorted(args.sizes):
            table.append(measure(catalog, before, n, args.features))
            before = n
            if args.json:
                args.json.write_text(json.dumps(table, indent=1) + "\n")
    print("| |" + "".join(f" {figures['tracks']:,} |" for figures in table))
    print("|---|" + "---:|" * len(table))
    for name in list(table[-1])[1:]:
        print(f"| {name} |" + "".join(f" {figures[name]:.4g} |" for figures in table), flush=True)


if __name__ == "__main__":
    main()
