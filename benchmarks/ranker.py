"""What the ranker's gate decides on listens, and how long its training takes.

    python -m benchmarks.ranker --interactions listens.parquet --items items.parquet
        [--shuffled | --one-listener | --copies 2.3] [--plot reliability.png] [--reasons 3]

The listening model has the settings that a home chooses at its first training. With `--shuffled`
everybody plays as many tracks, drawn by popularity alone: there is nothing to learn, and the gate
must refuse. `--one-listener` leaves the longest history alone. `--copies` puts so many collections
beside each other, of other tracks and listeners, to time a larger one. `--plot` draws the chances
that the ranker gave candidates of the gate against the share that was played. `--reasons` prints
the first recommendation of so many listeners, from short to long histories, and the parts of its
score. Printed as well: what one recommendation costs with the ranker and without, see
`milliseconds`.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from recsys.evaluation.recommenders.ranker_training import ranked
from recsys.evaluation.recommenders.tables import Columns, read_tables
from recsys.interactions import Content, Interactions
from recsys.models.ranker.ranked_model import RankedModel
from recsys.models.ranker.topics import TOPICS
from recsys.training.listening_settings import choose

SEED = 0
N_CANDIDATES, N_RESULTS = 300, 20
N_TIMED = 200  # listeners


def drawn_by_popularity(counts: sparse.csr_matrix) -> sparse.csr_matrix:
    """Return as many tracks of each listener, drawn by how many play them."""
    generator = np.random.default_rng(SEED)
    lengths = np.diff(counts.indptr)
    chance = np.log(np.bincount(counts.indices, minlength=counts.shape[1]) + 1e-9)
    columns = [
        np.sort(np.argsort(-(chance + generator.gumbel(size=len(chance))))[:n])
        for n in lengths.tolist()
    ]
    ones = np.ones(counts.nnz, np.float32)
    return sparse.csr_matrix((ones, np.concatenate(columns), counts.indptr), shape=counts.shape)


def copied(
    counts: sparse.csr_matrix, content: Content, n_copies: float
) -> tuple[sparse.csr_matrix, Content]:
    """Return collections beside each other, the last with a share of the listeners."""
    n_whole, rest = divmod(n_copies, 1)
    n_last = round(rest * counts.shape[0])
    blocks = [counts] * int(n_whole) + ([counts[:n_last]] if n_last else [])
    beside = sparse.csr_matrix(sparse.block_diag(blocks, format="csr"), dtype=np.float32)
    n_artists = int(content.artists.max(initial=-1)) + 1
    artists = [
        np.where(content.artists >= 0, content.artists + n * n_artists, -1)
        for n in range(len(blocks))
    ]
    vectors, known = (np.concatenate([a] * len(blocks)) for a in (content.vectors, content.known))
    return beside, Content(vectors, known, np.concatenate(artists))


def first_recommendations(
    model: RankedModel, counts: sparse.csr_matrix, names: NDArray[np.object_], n: int
) -> list[dict[str, Any]]:
    """Return the best new track of `n` listeners, and each topic's part of its correction."""
    by_length = np.argsort(np.diff(counts.indptr), kind="stable")
    told = []
    for place in np.linspace(0, len(by_length) - 1, n + 2)[1:-1].astype(int):
        history = counts[[by_length[place]]]
        scores = model.scores(history)[0]
        scores[history.indices] = -np.inf
        best = np.array([np.argmax(scores)])
        pairs = model.pairs(model.hybrid.profile(history), history, best)
        parts = model.ranker.parts(pairs)[0] if model.ranker else np.zeros(len(TOPICS))
        told.append(
            {
                "history": names[history.indices][:6].tolist(),
                "tracks": int(history.nnz),
                "track": names[best[0]],
                "listening_model": round(float(pairs.scores[0]), 2),
                "parts": dict(zip(TOPICS, np.round(parts, 2).tolist(), strict=True)),
            }
        )
    return told


def milliseconds(model: RankedModel, counts: sparse.csr_matrix) -> dict[str, list[float]]:
    """Return median and 99th percentile of what one recommendation costs, on one thread.

    The scores of `N_CANDIDATES` by the listening model, for listeners whose factors are known; what
    the ranker adds for the same; and what the reasons of the best `N_RESULTS` take beside.
    """
    if model.ranker is None:
        return {}
    adopted = [row for row in range(counts.shape[0]) if model.ranker.is_adopted(counts[[row]])]
    asked = np.random.default_rng(SEED).permutation(adopted)[:N_TIMED]
    took = []
    for row in asked.tolist():
        history = counts[[row]]
        profile = model.hybrid.profile(history)
        candidates = profile.candidates(N_CANDIDATES)
        begin = time.perf_counter()
        scores = profile.scores(candidates)[0]
        scored = time.perf_counter()
        pairs = model.pairs(profile, history, candidates)
        corrected = scores + model.ranker.corrections(pairs)
        ranked_at = time.perf_counter()
        best = candidates[np.argsort(-corrected)[:N_RESULTS]]
        model.ranker.parts(model.pairs(profile, history, np.sort(best)))
        took.append((scored - begin, ranked_at - scored, time.perf_counter() - ranked_at))
    percentiles = 1000 * np.percentile(took, [50, 99], axis=0).T
    names = "scores by the listening model", "the ranker's corrections", "reasons of the results"
    return dict(zip(names, np.round(percentiles, 2).tolist(), strict=True))


def names_of(items: Path | None, ids: NDArray[np.object_]) -> NDArray[np.object_]:
    """Return "artist: title" of items, or the items themselves."""
    if items is None:
        return ids
    read = pd.read_csv if items.suffix == ".csv" else pd.read_parquet
    table = read(items).set_index("item").reindex(ids)
    if not {"artist", "title"} <= set(table.columns):
        return ids
    return (table["artist"] + ": " + table["title"]).to_numpy(object)


def main() -> None:
    """Run the benchmark and print its figures as one JSON object."""
    parser = argparse.ArgumentParser(description="What the ranker's gate decides on listens.")
    parser.add_argument("--interactions", type=Path, required=True)
    parser.add_argument("--items", type=Path)
    changed = parser.add_mutually_exclusive_group()
    changed.add_argument("--shuffled", action="store_true")
    changed.add_argument("--one-listener", action="store_true")
    changed.add_argument("--copies", type=float, default=1.0)
    parser.add_argument("--plot", type=Path)
    parser.add_argument("--reasons", type=int, default=0)
    args = parser.parse_args()

    data = read_tables(args.interactions, args.items, Columns())
    counts, content = data.interactions.counts, data.content
    if args.shuffled:
        counts = drawn_by_popularity(counts)
    if args.one_listener:
        counts = counts[[int(np.argmax(np.diff(counts.indptr)))]]
    if args.copies != 1:
        counts, content = copied(counts, content, args.copies)
    listens = Interactions(np.arange(counts.shape[0]), np.arange(counts.shape[1]), counts)
    settings, _ = choose({}, listens, content, asked=False, seed=SEED, progress=lambda _: None)
    begin, processor = time.perf_counter(), time.process_time()
    model = settings.fit(counts, content, SEED)
    fitted, fitted_processor = time.perf_counter(), time.process_time()
    with_ranker = ranked(model, counts, content, SEED)
    ended, ended_processor = time.perf_counter(), time.process_time()
    card = dict(with_ranker.card)
    reliability = card.pop("reliability", None)
    if args.plot and reliability:
        from recsys.evaluation.recommenders.plots import plot_reliability  # noqa: PLC0415 - slow

        plot_reliability(args.plot, [reliability])
    report: dict[str, Any] = {
        "listeners": counts.shape[0],
        "tracks": counts.shape[1],
        "pairs": int(counts.nnz),
        "listening_model": {"s": fitted - begin, "processor_s": fitted_processor - processor},
        "ranker": {"s": ended - fitted, "processor_s": ended_processor - fitted_processor},
        "milliseconds p50, p99": milliseconds(with_ranker, counts),
        "card": card,
    }
    if args.reasons and args.copies == 1:
        names = names_of(args.items, data.items)
        report["reasons"] = first_recommendations(with_ranker, counts, names, args.reasons)
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
