"""Time of one recommendation on one thread, and its recall against scoring every track.

    python -m benchmarks.recommending                        100,000 tracks
    python -m benchmarks.recommending --tracks 1000000 --home /tmp/million

Embeddings are drawn from a mixture of 500 Gaussians in 32 dimensions, overlapping, mapped linearly
to 300 with noise in all of them; the factors of the listening model are another mapping to 128,
with more noise, longer the more listens a track has. Popularity falls by rank to the power 0.8, a
tenth of the tracks has no listener, the others have as many co-listened ones as a fitted model
stores, of the same component. A listener plays 120 tracks of four components; every query is
another listener's, so that histories are read from the catalogue each time. "Limits" are an
excluded artist, a minimum length that one track of six does not have, and two tracks of an artist.
Recall is against the same query with every track a candidate. As machines differ, and one from hour
to hour, the time of a plain pass over 64 factors is printed as well.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import faiss
import numpy as np
import psutil
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from encoders.features import AudioInfo
from index.arrays import Float32Array, Int64Array
from index.vector_index import VectorIndex
from recsys.catalog import Catalog, ScannedFile, Tags
from recsys.catalog.base import batches
from recsys.home.files import INDEX_NAME, LISTENING_NAME
from recsys.home.home import Home, open_home
from recsys.home.settings import Settings
from recsys.models.hybrid import HybridModel, HybridSettings
from recsys.recommendation.candidates import CandidateLimits
from recsys.recommendation.query import Query
from recsys.recommendation.recommender import Recommender

DIM, FACTORS, LATENT, COMPONENTS = 300, 128, 32, 500
N_PLAYS, N_KINDS = 120, 4  # of a listener
K = 20
MODEL_NAME = "model-of-listens"  # linked to its place when it is measured


def mixture(n: int) -> tuple[Float32Array, Float32Array, Int64Array]:
    """Return vectors (n, DIM), factors (n, FACTORS) and components (n,), reproducible."""
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((COMPONENTS, LATENT), dtype=np.float32)
    to_sound = rng.standard_normal((LATENT, DIM), dtype=np.float32) / np.float32(LATENT**0.5)
    to_factors = rng.standard_normal((LATENT, FACTORS), dtype=np.float32) / np.float32(LATENT**0.5)
    components = rng.integers(COMPONENTS, size=n)
    vectors, factors = np.empty((n, DIM), np.float32), np.empty((n, FACTORS), np.float32)
    for start in range(0, n, 50_000):
        block = slice(start, start + 50_000)
        latent = centres[components[block]]
        latent += rng.standard_normal(latent.shape, dtype=np.float32)
        for values, mapping, noise in ((vectors, to_sound, 0.3), (factors, to_factors, 0.5)):
            drawn = rng.standard_normal((len(latent), values.shape[1]), dtype=np.float32)
            values[block] = latent @ mapping + np.float32(noise) * drawn
    return vectors, factors, components


def make_home(home: Path, n: int, recipe: str, n_listeners: int) -> None:
    """Fill a home with tracks, an index, listeners p0, p1, … and a listening model beside it."""
    vectors, factors, components = mixture(n)
    rng = np.random.default_rng(1)
    with Catalog(home) as catalog:
        for numbers in batches(range(n), 10_000):
            catalog.record_files(
                [scanned_file(number, int(components[number])) for number in numbers]
            )
        index = VectorIndex.build(np.arange(1, n + 1), vectors, recipe)
        index.save(home / INDEX_NAME, model="-", projection="-", catalogue_revision=0)
        del index
        plays = random_plays(n)
        for number in range(n_listeners):
            listener = catalog.listener(f"p{number}", create=True)
            kinds = rng.choice(COMPONENTS, N_KINDS, replace=False)
            among = np.flatnonzero(np.isin(components, kinds))
            chances = plays[among] / plays[among].sum()
            played = rng.choice(among, N_PLAYS, p=chances) + 1
            if listener:
                listens = [(track, at) for at, track in enumerate(played.tolist())]
                catalog.record_listens(listener.id, listens)
    listening_model(vectors, factors, plays).save(home / MODEL_NAME)


def random_plays(n: int) -> Int64Array:
    """Return each track's listeners: popularity falls by rank, a tenth has none."""
    rng = np.random.default_rng(4)
    chance = rng.permutation((np.arange(n) + 10.0) ** -0.8)
    chance *= rng.random(n) > 0.1
    plays: Int64Array = np.minimum(rng.poisson(20 * n * chance / chance.sum()), n // 20)
    return plays


def listening_model(
    vectors: Float32Array,
    factors: Float32Array,
    plays: Int64Array,
) -> HybridModel:
    """Return a model of the size that a fit gives; nothing is fitted.

    As after a fit, factors are longer the more listens there are. `vectors` and `factors` are
    changed in place.
    """
    n = len(vectors)
    evidence = (0.9 * plays / (plays + 20)).astype(np.float32)
    factors *= (0.1 + evidence)[:, None]
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return HybridModel(
        settings=HybridSettings(),
        tracks=np.arange(1, n + 1),
        item_factors=factors,
        history_factors=factors,
        listener_means=factors,
        evidence=evidence,
        has_listens=plays > 0,
        popularity=np.log(np.maximum(plays, 1) * 10 / n).astype(np.float32),
        directions=vectors,
    )


def scanned_file(number: int, component: int) -> ScannedFile:
    """Return a track as a scan would; twenty artists play each kind of music."""
    info = AudioInfo(180.0 + number % 120, 44_100, 2, "mp3", f"{number:032x}")
    tags = Tags(title=f"Title {number}", artist=f"Artist {component}-{number % 20}")
    return ScannedFile(None, Path(f"/music/{number}.mp3"), 1, 1, info, tags)


def recommend(
    recommender: Recommender, queries: Sequence[Query]
) -> tuple[list[set[int]], Float32Array]:
    """Return each query's tracks, and its milliseconds: wall clock, processor."""
    tracks, seconds = [], []
    for query in queries:
        start, processor_start = time.perf_counter(), time.process_time()
        answer = recommender.recommend(query, K)
        seconds.append((time.perf_counter() - start, time.process_time() - processor_start))
        tracks.append({result.track.id for result in answer.recommendations})
    return tracks, 1000 * np.array(seconds, np.float32)


def recall(home: Home, queries: Sequence[Query], tracks: list[set[int]]) -> float:
    """Return the mean share of the exhaustive answer that is among `tracks`."""
    exact, _ = recommend(Recommender(home, CandidateLimits(exhaustive=len(home.index))), queries)
    pairs = zip(exact, tracks, strict=False)
    return float(np.mean([len(best & got) / len(best) for best, got in pairs]))


def pass_milliseconds(n: int) -> float:
    """Return the median milliseconds of one pass over 64 factors of every track, on one thread."""
    factors = np.random.default_rng(5).random((n, 64), np.float32)
    milliseconds = []
    for query in factors[:21]:
        start = time.perf_counter()
        factors @ query
        milliseconds.append(1000 * (time.perf_counter() - start))
    return float(np.median(milliseconds))


def measure(home: Home, n_queries: int, n_exhaustive: int) -> None:
    """Print a row for each kind of query, without and with the listening model."""
    rng = np.random.default_rng(2)
    n = len(home.index)
    seeds = [Query.like(rng.integers(1, n, 3).tolist()) for _ in range(n_queries)]
    people = [Query(listener=person.id) for person in home.catalog.listeners()]
    limited = [
        query.model_copy(
            update={"artist_cap": 2, "min_duration": 200.0, "exclude_artists": ("Artist 1-1",)}
        )
        for query in people
    ]
    kinds = {"listener": people, "listener, limits": limited, "three seeds": seeds}
    print("| asked with | model | first s | p50 ms | p99 ms | p50 cpu | p99 cpu | recall@20 |")
    print("|---|---|---:|---:|---:|---:|---:|---:|")
    model = home.settings.home / LISTENING_NAME
    model.unlink(missing_ok=True)
    for name in ("sound alone", "sound and listens"):
        if name == "sound and listens":
            model.hardlink_to(home.settings.home / MODEL_NAME)
        recommender = Recommender(home)
        start = time.perf_counter()
        recommender.recommend(people[0], K)
        first = time.perf_counter() - start
        for kind, queries in kinds.items():
            tracks, milliseconds = recommend(recommender, queries[-n_queries:])
            (p50, cpu50), (p99, cpu99) = np.percentile(milliseconds, [50, 99], axis=0)
            share = recall(home, queries[-n_queries:][:n_exhaustive], tracks)
            print(
                f"| {kind} | {name} | {first:.1f} | {p50:.1f} | {p99:.1f} | {cpu50:.1f} "
                f"| {cpu99:.1f} | {share:.4f} |",
                flush=True,
            )


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tracks", type=int, default=100_000)
    parser.add_argument("--recipe", default="IVF1024,PQ150x4fs")
    parser.add_argument("--queries", type=int, default=100, help="of each kind")
    parser.add_argument("--exhaustive", type=int, default=20, help="of them checked for recall")
    parser.add_argument("--home", type=Path, help="where to make it, or one made before")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = args.home or Path(folder)
        if not (path / MODEL_NAME).exists():
            make_home(path, args.tracks, args.recipe, args.queries + 1)
        faiss.omp_set_num_threads(1)
        with open_home(Settings(path)) as home, threadpool_limits(1):
            measure(home, args.queries, args.exhaustive)
            milliseconds = pass_milliseconds(len(home.index))
            print(f"one pass over 64 factors of every track: {milliseconds:.1f} ms")
            of_process = psutil.Process().memory_info()
            memory = of_process.rss - of_process.shared
            print(f"{memory / 2**30:.1f} GiB beside mapped files; load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
