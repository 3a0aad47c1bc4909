"""A catalogue of up to ten million tracks in PostgreSQL or SQLite: what each step costs.

    python -m benchmarks.catalog_at_size [--sizes 10000 100000] [--database postgresql+psycopg://…]
        [--features 2000] [--folder FOLDER] [--json FILE]

Tracks are invented by the names of benchmarks.search, ten an artist, with a hash and a path each.
They are loaded by COPY in PostgreSQL, by a prepared statement in SQLite, 10,000 a transaction, and
on from one size to the next, so that each rate is that of the last part. --features tracks have
features of 20 segments (random numbers), half of which are stored in either way, and read again
one after another and at random; and in Parquet shards of as many.

What reads the whole library runs in a process of its own, whose memory is what it has more at most
than before: the columns that a server holds ("tables", and "held" for what is left of it), the
comparison with a scan in which nothing is new, and the search for tracks named alike. DATABASE is
empty at the beginning and holds the tracks at the end.
"""

from __future__ import annotations

import argparse
import gc
import json
import multiprocessing
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple, cast
from zlib import crc32

import numpy as np
import psutil
from sqlalchemy import text

from benchmarks.index_at_size import peak
from benchmarks.search import GENRES, names
from encoders.features import Descriptors, TrackFeatures
from index.arrays import Float32Array, IndexArray, Int64Array
from index.vector_index import VectorIndex
from recsys.catalog import Catalog, bulk
from recsys.catalog.features import FeatureRow, pack
from recsys.catalog.tracks import TrackRow
from recsys.catalog.word_search import Words, write
from recsys.home.track_table import TrackTable
from recsys.library.comparing import named_as_another
from recsys.library.identification import identify
from recsys.library.scanning import AudioFile, Scan
from recsys.library.shards import ShardRow, Shards

BATCH = 10_000
N_ASKED = 50
EXTRACTOR = "made"


def rows(first: int, n: int) -> Iterator[dict[str, Any]]:
    """Give rows of tracks by id, from `first` on."""
    artists, titles = names(n // 10 + 1, 2, first), names(n, 3, first + 1)
    for i in range(n):
        yield {
            "id": first + i,
            "path": Path(f"/music/artist {(first + i) // 10}/{first + i}.flac"),
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


def features(number: int) -> TrackFeatures:
    """Return features of the size of the default tagger's."""
    rng = np.random.default_rng(number)
    tags, units, pooled = (rng.random(n, np.float32) for n in (20 * 50, 20 * 200, 1506))
    return TrackFeatures(
        np.arange(20, dtype=np.float32),
        tags.reshape(20, -1).astype(np.float16),
        units.reshape(20, -1).astype(np.float16),
        pooled.astype(np.float16),
    )


def store_features(catalog: Catalog, first: int, n: int) -> float:
    """Store features of `n` tracks; return rows a second."""
    blobs = [pack(features(first + number)) for number in range(min(n, 500))]
    begin = time.perf_counter()
    for start in range(0, n, 500):
        some = [
            {"track_id": first + i, "extractor": EXTRACTOR, "blob": blob, "checksum": crc32(blob)}
            for i, blob in enumerate(blobs[: n - start], start)
        ]
        with catalog._writing() as session:
            bulk.insert_rows(session.connection(), FeatureRow.__table__, some)
    return n / (time.perf_counter() - begin)


def read_features(catalog: Catalog, ids: list[int]) -> float:
    """Return tracks a second whose features are read."""
    begin = time.perf_counter()
    n = sum(1 for _ in catalog.iter_features(EXTRACTOR, ids))
    return n / (time.perf_counter() - begin)


def in_shards(folder: Path, n: int) -> tuple[float, float]:
    """Return tracks a second whose features are written to Parquet shards, and read."""
    store = Shards(folder, [EXTRACTOR], "made")
    made = [features(number) for number in range(500)]
    begin = time.perf_counter()
    names = [
        store.write(
            ShardRow(f"{start + i:032x}", (one,), Descriptors("made")) for i, one in enumerate(made)
        )
        for start in range(0, n, 500)
    ]
    between = time.perf_counter()
    n_read = sum(len(store.read(name) or ()) for name in names)
    end = time.perf_counter()
    return n_read / (between - begin), n_read / (end - between)


class Ids(NamedTuple):
    """What columns of tracks are read for: an index, without its vectors."""

    ids: Int64Array

    def vectors_at(self, rows: IndexArray) -> Float32Array:
        """Return vectors that are nothing."""
        return np.zeros((len(rows), 1), np.float32)


def tables(catalog: Catalog, n: int) -> object:
    """Read the columns that a server holds."""
    return TrackTable.read(catalog, cast("VectorIndex", Ids(np.arange(1, n + 1))))


def unchanged(catalog: Catalog, n: int) -> None:
    """Compare the catalogue with a scan in which nothing is new."""
    files = (AudioFile(row["path"], row["size"], row["mtime_ns"]) for row in every_row(n))
    summary = identify(catalog, Scan(frozenset([Path("/music")]), tuple(files)), lambda _: iter(()))
    assert summary.unchanged == n


def named_alike(catalog: Catalog, n: int) -> None:
    """Look for tracks that are named alike."""
    named_as_another(catalog)


def every_row(n: int) -> Iterator[dict[str, Any]]:
    """Give the rows as they were loaded."""
    for start in range(1, n + 1, BATCH):
        yield from rows(start, min(BATCH, n + 1 - start))


WHOLE: dict[str, Callable[[Catalog, int], object]] = {
    "tables": tables,
    "unchanged": unchanged,
    "named_alike": named_alike,
}


def of_process(name: str, home: Path, database: str | None, n: int) -> dict[str, float]:
    """Run one of WHOLE; return its seconds, and the MiB its process has more: most, and left."""
    with Catalog(home, database) as catalog:
        catalog.tracks([1])
        gc.collect()
        before = resident()
        begin = time.perf_counter()
        kept = WHOLE[name](catalog, n)
        seconds = time.perf_counter() - begin
        gc.collect()
        figures = {f"{name}_s": seconds, f"{name}_mib": peak() / 2**20 - before}
        if kept is not None:
            figures[f"{name}_held_mib"] = resident() - before
    return figures


def resident() -> float:
    """Return the memory of this process in MiB."""
    return float(psutil.Process().memory_info().rss) / 2**20


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


SIZES = {
    "database": "pg_database_size(current_database())",
    "tracks": "pg_total_relation_size('tracks')",
    "words": "pg_total_relation_size('track_words')",
    "features": "pg_total_relation_size('features')",
}


def measure(
    catalog: Catalog, database: str | None, before: int, n: int, n_features: int
) -> dict[str, Any]:
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
    half = min(n_features, n - before) // 2
    figures["features_a_second"] = store_features(catalog, before + 1, half)
    bulk.LEAST = 10**9
    figures["features_by_statement_a_second"] = store_features(catalog, before + 1 + half, half)
    bulk.LEAST = usual
    stored_ids = range(before + 1, before + 1 + half)
    figures["features_read_a_second"] = read_features(catalog, list(stored_ids))
    some = np.random.default_rng(0).choice(stored_ids, min(half, 2000), replace=False)
    figures["features_read_at_random_a_second"] = read_features(catalog, some.tolist())
    with tempfile.TemporaryDirectory(dir=catalog.home) as folder:
        written, read = in_shards(Path(folder), min(half, 10_000))
    figures |= {"shards_written_a_second": written, "shards_read_a_second": read}
    figures["statistics_s"] = run(catalog, "ANALYZE")
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
        "groups_s": lambda _: catalog.recording_groups(),
    }
    figures |= {name: milliseconds(ask) / 1000 for name, ask in whole.items()}
    figures["index_s"] = run(catalog, "CREATE INDEX made ON tracks (artist)")
    run(catalog, "DROP INDEX made")
    figures["column_s"] = run(catalog, "ALTER TABLE tracks ADD COLUMN made integer DEFAULT 0")
    run(catalog, "ALTER TABLE tracks DROP COLUMN made")
    if catalog._engine.dialect.name == "postgresql":
        with catalog._reading() as session:
            for name, of in SIZES.items():
                figures[f"{name}_mib"] = float(session.scalar(text(f"SELECT {of}")) or 0) / 2**20
    with ProcessPoolExecutor(
        1, multiprocessing.get_context("spawn"), max_tasks_per_child=1
    ) as processes:
        for name in WHOLE:
            job = processes.submit(of_process, name, catalog.home, database, n)
            figures |= job.result()
    return figures


def main() -> None:
    """Measure and print a Markdown table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--database", help="an empty PostgreSQL database; by default SQLite")
    parser.add_argument(
        "--features", type=int, default=2000, help="tracks with features at each size"
    )
    parser.add_argument("--folder", type=Path, help="for SQLite's file, which is deleted")
    parser.add_argument("--json", type=Path, help="write the figures to this file, too")
    args = parser.parse_args()
    table, before = [], 0
    with (
        tempfile.TemporaryDirectory(dir=args.folder) as folder,
        Catalog(Path(folder), args.database) as catalog,
    ):
        for n in sorted(args.sizes):
            table.append(measure(catalog, args.database, before, n, args.features))
            before = n
            if args.json:
                args.json.write_text(json.dumps(table, indent=1) + "\n")
    print("| |" + "".join(f" {figures['tracks']:,} |" for figures in table))
    print("|---|" + "---:|" * len(table))
    for name in list(table[-1])[1:]:
        print(f"| {name} |" + "".join(f" {figures[name]:.4g} |" for figures in table), flush=True)


if __name__ == "__main__":
    main()
