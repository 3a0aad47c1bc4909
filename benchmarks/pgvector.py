"""The index beside pgvector, which keeps vectors in PostgreSQL: time, size, recall, latency.

    python -m benchmarks.pgvector --home HOME --database postgresql+psycopg://… [--vectors 100000]

The vectors are those of benchmarks.index_at_size. In DATABASE, which has the extension (PyPI's
pgserver brings a server with it), they are in a new table, dropped at the end: loaded by COPY, and
indexed by lists (IVFFlat) and by a graph (HNSW). Earshot's index is by shards, without a correction
for hubs, which pgvector does not know. Queries are tracks of the library, itself left out, one at a
time; recall is that of the ten nearest.
"""

from __future__ import annotations

import argparse
import multiprocessing
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import faiss
import numpy as np
from sqlalchemy import Connection, create_engine, text
from sqlalchemy.exc import ProgrammingError

from benchmarks.index_at_size import BLOCK, K, likeness_of, made
from index import shards
from index.arrays import Float32Array, Int64Array
from index.hubs import reference_rows
from index.storage import Manifest
from index.vector_index import VectorIndex
from recsys.home.home import open_home
from recsys.home.settings import Settings

N_QUERIES = 300
TABLE = "benchmark_vectors"
PROBES = (1, 10, 30, 100)
SEARCHES = (40, 100, 200)  # what HNSW keeps


def main() -> None:
    """Measure and print a Markdown table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--home", type=Path, required=True, help="a home whose tracks name artists")
    parser.add_argument("--database", required=True)
    parser.add_argument("--vectors", type=int, default=100_000)
    args = parser.parse_args()
    with open_home(Settings(args.home)) as home:
        table = home.tables.tracks()
        likeness = likeness_of(home.index.vectors(home.index.ids), table.artists)
    n = args.vectors
    blocks = [made(likeness, number) for number in range(-(-n // BLOCK))]
    vectors = np.concatenate(blocks)[:n]
    rows = np.random.default_rng(0).choice(n, N_QUERIES, replace=False)
    exact = faiss.IndexFlatIP(vectors.shape[1])
    exact.add(vectors)
    best = exact.search(vectors[rows], K + 1)[1]
    print("| index | build s | MiB | search | recall@10 | p50 ms | p99 ms |")
    print("|---|---:|---:|---|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as folder:
        ours(Path(folder), vectors, rows, best)
    with create_engine(args.database, isolation_level="AUTOCOMMIT").connect() as connection:
        theirs(connection, vectors, rows, best)


def ours(folder: Path, vectors: Float32Array, rows: Int64Array, best: Int64Array) -> None:
    """Build and search Earshot's index."""
    begin = time.perf_counter()
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as processes:
        processes.submit(build, folder, vectors).result()
    seconds = time.perf_counter() - begin
    index = VectorIndex.load(folder / "index", model="-", projection="-", dim=None)

    def search(row: int) -> list[int]:
        own = np.array([row])
        found = index.search(vectors[own], K, exclude=own, hubs="none")
        return [int(one) for one in found[0].ids]

    size = (folder / "index").stat().st_size
    report("Earshot", seconds, size, index.search_parameters, measure(search, rows, best))


def build(folder: Path, vectors: Float32Array) -> None:
    """Write the index file."""
    n, dim = vectors.shape
    recipe = shards.recipe_by_shards(n, dim)
    size = min(shards.sample_size(recipe), n)
    references = reference_rows(n)
    training = shards.train(
        vectors[np.arange(size) * n // size], references, vectors[references], recipe
    )
    paths = []
    for start in range(0, n, shards.SHARD):
        ids = np.arange(start, min(start + shards.SHARD, n))
        paths.append(folder / f"{start}.shard")
        shards.write_shard(paths[-1], training, ids, vectors[ids])
    manifest = Manifest("-", "-", 0, dim, 0, recipe, "")
    shards.merge(folder / "index", training, paths, manifest, np.arange(n).tolist())


def theirs(
    connection: Connection, vectors: Float32Array, rows: Int64Array, best: Int64Array
) -> None:
    """Load, index and search vectors in PostgreSQL."""
    n, dim = vectors.shape
    connection.execute(text("CREATE EXTENSION IF NOT EXISTS vector"))
    connection.execute(text("SET maintenance_work_mem = '2GB'"))
    connection.execute(text(f"CREATE TABLE {TABLE} (id integer PRIMARY KEY, v vector({dim}))"))
    try:
        begin = time.perf_counter()
        cursor: Any = connection.connection.cursor()
        with cursor, cursor.copy(f"COPY {TABLE} FROM STDIN") as copy:
            for number, vector in enumerate(vectors):
                copy.write_row((number, as_text(vector)))
        size = relation_size(connection, TABLE)
        report("pgvector, loading", time.perf_counter() - begin, size, "", None)
        lists = round(n**0.5)
        for kind, options, setting, values in (
            ("ivfflat", f"lists = {lists}", "ivfflat.probes", PROBES),
            ("hnsw", "m = 16, ef_construction = 64", "hnsw.ef_search", SEARCHES),
        ):
            begin = time.perf_counter()
            sql = f"CREATE INDEX {TABLE}_made ON {TABLE} USING {kind} (v vector_ip_ops)"
            try:
                connection.execute(text(f"{sql} WITH ({options})"))
            except ProgrammingError as error:
                print(f"| pgvector, {kind} | *not run*: {error.orig} | | | | | |")
                continue
            seconds = time.perf_counter() - begin
            size = relation_size(connection, f"{TABLE}_made")
            for value in values:
                connection.execute(text(f"SET {setting} = {value}"))
                measured = measure(by_pgvector(connection, vectors), rows, best)
                report(f"pgvector, {kind}", seconds, size, f"{setting} = {value}", measured)
            connection.execute(text(f"DROP INDEX {TABLE}_made"))
    finally:
        connection.execute(text(f"DROP TABLE {TABLE}"))


def by_pgvector(connection: Connection, vectors: Float32Array) -> Callable[[int], list[int]]:
    """Return a search by the index in PostgreSQL."""
    sql = text(f"SELECT id FROM {TABLE} ORDER BY v <#> CAST(:v AS vector) LIMIT {K + 1}")

    def search(row: int) -> list[int]:
        found = connection.execute(sql, {"v": as_text(vectors[row])}).scalars()
        return [one for one in found if one != row][:K]

    return search


def as_text(vector: Float32Array) -> str:
    """Write a vector as pgvector reads it."""
    return "[" + ",".join(map(str, vector.tolist())) + "]"


def relation_size(connection: Connection, name: str) -> int:
    """Return the bytes of a table or an index."""
    return int(connection.scalar(text(f"SELECT pg_total_relation_size('{name}')")) or 0)


def measure(
    search: Callable[[int], list[int]], rows: Int64Array, best: Int64Array
) -> tuple[float, float, float]:
    """Return recall, and the median and the 99th percentile of milliseconds."""
    taken, found = [], 0
    search(int(rows[0]))
    for row, nearest in zip(rows.tolist(), best.tolist(), strict=True):
        begin = time.perf_counter()
        ids = search(row)
        taken.append(1000 * (time.perf_counter() - begin))
        found += len({one for one in nearest if one != row} & set(ids))
    p50, p99 = np.percentile(taken, [50, 99]).tolist()
    return found / (K * len(rows)), p50, p99


def report(
    name: str, seconds: float, size: int, search: str, measured: tuple[float, float, float] | None
) -> None:
    """Print a row."""
    recall, p50, p99 = ("", "", "") if measured is None else map("{:.3g}".format, measured)
    cells = f"{seconds:.1f} | {size / 2**20:.0f} | {search} | {recall} | {p50} | {p99}"
    print(f"| {name} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
