"""How well searches by words find what they mean, beside chance and search by tag names; and speed.

    python -m benchmarks.words quality AUDIO HOMES [--minilm FOLDER]
    python -m benchmarks.words listeners ITEMS HOME [--minilm FOLDER]
    python -m benchmarks.words speed [--tracks 100000]

AUDIO has a folder for each data set of words_queries.csv, with labels.csv; HOMES has the home that
`earshot build AUDIO/emotify --home HOMES/emotify` makes, and so on. The genres that the files name
are hidden: they are what is looked for. The list in recsys/words/thesaurus.py was written after
these queries by who wrote them, so there "words" is no figure of a test; "encoder alone" is.

`listeners` asks what its author chose neither of: every tag that at least two users of Last.fm gave
to at least three, and at most half, of the artists of HOME whom ITEMS (lastfm2k) knows.
FOLDER has all-MiniLM-L6-v2, for sentence-transformers.
"""

from __future__ import annotations

import argparse
import csv
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pandas as pd

from benchmarks.queries import scanned_file
from encoders.features import TrackFeatures
from encoders.projection import fit_projection
from index.vector_index import VectorIndex
from recsys.catalog import Catalog
from recsys.catalog.search import fold
from recsys.home.home import Home, open_home
from recsys.home.settings import Settings, load_settings
from recsys.home.track_table import TrackTable
from recsys.recommendation.recommender import Recommender
from recsys.tagging.personal_tags import ListenersTags
from recsys.words import thesaurus
from recsys.words.encoder import installed_encoder
from recsys.words.grammar import FILLERS, parse
from recsys.words.search import MAX_RESULTS, WordSearch

QUERIES = Path(__file__).with_name("words_queries.csv")
K = 10
N_RESAMPLES = 10_000
N_ROUNDS = 5  # of all queries, when speed is measured
DIM = 380
System = Callable[[str], list[int] | None]  # ids, best first; None where it knows no word


class SoundAlone(Recommender):
    """A recommender that knows no genres of files."""

    def __init__(self, home: Home) -> None:
        super().__init__(home)
        self._table = replace(super().track_table(), genre_rows={})

    def track_table(self) -> TrackTable:
        """Return the table without genres."""
        return self._table


class MiniLm:
    """all-MiniLM-L6-v2 of sentence-transformers, to compare with."""

    def __init__(self, folder: Path) -> None:
        from sentence_transformers import SentenceTransformer  # noqa: PLC0415

        self._model = SentenceTransformer(str(folder), device="cpu")

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """Return unit vectors, float32 (n, 384)."""
        return np.asarray(self._model.encode(list(texts), normalize_embeddings=True), np.float32)


def main() -> None:
    """Measure and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    quality = commands.add_parser("quality")
    quality.add_argument("audio", type=Path)
    quality.add_argument("homes", type=Path)
    quality.add_argument("--minilm", type=Path)
    listeners = commands.add_parser("listeners")
    listeners.add_argument("items", type=Path)
    listeners.add_argument("home", type=Path)
    listeners.add_argument("--minilm", type=Path)
    speed = commands.add_parser("speed")
    speed.add_argument("--tracks", type=int, default=100_000)
    args = parser.parse_args()
    if args.command == "speed":
        print_speed(args.tracks)
    elif args.command == "listeners":
        print_listeners(args.items, args.home, MiniLm(args.minilm) if args.minilm else None)
    else:
        print_quality(args.audio, args.homes, MiniLm(args.minilm) if args.minilm else None)


def print_quality(audio: Path, homes: Path, minilm: MiniLm | None) -> None:
    """Print P@10 of each system on each data set, and what it gains over tag names."""
    queries = list(csv.DictReader(QUERIES.open(encoding="utf-8")))
    precisions: dict[str, list[float]] = {}
    datasets = [query["dataset"] for query in queries]
    ways: Counter[str] = Counter()
    for dataset in dict.fromkeys(datasets):
        with open_home(load_settings(homes / dataset)) as home:
            labels = read_labels(audio / dataset, home.catalog)
            for query in [query for query in queries if query["dataset"] == dataset]:
                query["relevant"] = relevant(query, labels)
            for name, system in systems(home, minilm):
                for query in [query for query in queries if query["dataset"] == dataset]:
                    found = system(query["query"])
                    wanted = query["relevant"]
                    chance = len(wanted) / len(labels)
                    value = (
                        chance
                        if found is None
                        else np.mean([float(i in wanted) for i in found[:K]])
                    )
                    precisions.setdefault(name, []).append(float(value))
                    if name == "words":
                        ways["understood" if found is not None else "not understood"] += 1
    names, columns = list(dict.fromkeys(datasets)), np.array(datasets)
    print(f"\n{len(queries)} queries: {dict(ways)}\n")
    print("| | " + " | ".join([*names, "all", "more than tag names"]) + " |")
    print("|---" * (len(names) + 3) + "|")
    exact = np.array(precisions["exact tag names"])
    for name, values in precisions.items():
        of = np.array(values)
        cells = [written(of[columns == dataset]) for dataset in names] + [written(of)]
        print(f"| {name} | " + " | ".join([*cells, written(of - exact, signed=True)]) + " |")


def print_listeners(items: Path, home_folder: Path, minilm: MiniLm | None) -> None:
    """Print P@10 of the tags of Last.fm's users, those that are names of tags apart."""
    with open_home(load_settings(home_folder)) as home:
        of_artist, artist_of, queries = listeners_words(items, home)
        names = SoundAlone(home).tags_of(None).names
        is_name = np.array([query in names for query in queries])
        print(f"\n{len(queries)} tags, {is_name.sum()} of them names of taggers' tags; ", end="")
        print(f"{len(set(artist_of.values()))} artists, {len(artist_of)} tracks\n")
        precisions, known = {}, {}
        for name, system in systems(home, minilm, k=MAX_RESULTS):
            values = []
            known[name] = 0
            for query in queries:
                wanted = {i for i, artist in artist_of.items() if query in of_artist[artist]}
                found = system(query)
                known[name] += found is not None
                hits = [i in wanted for i in found or () if i in artist_of][:K]
                values.append(float(np.mean(hits)) if hits else len(wanted) / len(artist_of))
            precisions[name] = np.array(values)
    print("| | understood | names of tags | other words | all | more than tag names |")
    print("|---|---:|---|---|---|---|")
    exact = precisions["exact tag names"]
    for name, of in precisions.items():
        cells = [written(of[is_name]), written(of[~is_name]), written(of)]
        cells.append(written(of - exact, signed=True))
        print(f"| {name} | {known[name]} | " + " | ".join(cells) + " |")


def listeners_words(
    items: Path, home: Home
) -> tuple[dict[str, set[str]], dict[int, str], list[str]]:
    """Return the tags of Last.fm's users by artist, the home's tracks of such, and the queries.

    All folded. Queries are the tags of at least three, and at most half, of the home's artists.
    """
    of_artist = {}
    for row in pd.read_parquet(items).itertuples():
        pairs = [pair.rpartition(":") for pair in str(row.lastfm_tags).split("|") if ":" in pair]
        of_artist[fold(str(row.artist))] = {fold(t) for t, _, n in pairs if int(n) >= 2} - {""}
    artist_of = {t.id: fold(t.artist) for t in home.catalog.track_summaries()}
    artist_of = {i: artist for i, artist in artist_of.items() if artist in of_artist}
    artists = set(artist_of.values())
    holders = Counter(tag for artist in artists for tag in of_artist[artist])
    queries = sorted(tag for tag, n in holders.items() if 3 <= n <= len(artists) / 2)
    return of_artist, artist_of, queries


def systems(home: Home, minilm: MiniLm | None, k: int = K) -> Iterator[tuple[str, System]]:
    """Yield each system by its name."""
    recommender = SoundAlone(home)
    tags = recommender.tags_of(None)
    ids = recommender.track_table().ids
    yield "random", lambda _: None
    yield "exact tag names", lambda query: by_tag_names(query, tags, ids)
    yield "words, no encoder", words_of(WordSearch(recommender, lambda: None), k)
    yield "words", words_of(WordSearch(recommender), k)
    with no_thesaurus():
        yield "encoder alone", words_of(WordSearch(recommender), k)
    if minilm is not None:
        yield "words, MiniLM", words_of(WordSearch(recommender, lambda: minilm), k)
        with no_thesaurus():
            yield "MiniLM alone", words_of(WordSearch(recommender, lambda: minilm), k)


@contextmanager
def no_thesaurus() -> Iterator[None]:
    """Do without the list of words and their tags."""
    with patch.dict(thesaurus.THESAURUS, clear=True):
        yield


def words_of(search: WordSearch, k: int) -> System:
    """Return a search by words as a system."""

    def find(query: str) -> list[int] | None:
        answer = search.search(query, k)
        return [found.track.id for found in answer.results] if answer.understood else None

    return find


def by_tag_names(query: str, tags: ListenersTags, ids: np.ndarray) -> list[int] | None:
    """Search as one would by tag names: the words that are tags, the longest first, added up."""
    columns = []
    for phrase in parse(query).phrases:
        words = [word for word in phrase.words if word not in FILLERS]
        while words:
            n = next((n for n in (3, 2, 1) if fold(" ".join(words[:n])) in tags.names), 0)
            column = tags.column(" ".join(words[:n])) if n else None
            if column is not None:
                sign = -1 if phrase.negated else 1
                columns.append(np.float32(sign) * column)
            words = words[max(n, 1) :]
    return ids[np.argsort(-np.mean(columns, axis=0))].tolist() if columns else None


def read_labels(folder: Path, catalog: Catalog) -> dict[int, dict[str, str]]:
    """Return the labels of the analysed tracks, by id."""
    by_path = catalog.files()
    labels = {}
    for row in csv.DictReader((folder / "labels.csv").open(encoding="utf-8")):
        known = by_path.get((folder / row["path"]).resolve())
        if known and known.status == "ready":
            labels[known.id] = row
    return labels


def relevant(query: dict[str, str], labels: dict[int, dict[str, str]]) -> set[int]:
    """Return the ids of what a query means: its genres, and the top quarter of its emotion."""
    genres = {genre.casefold() for genre in query["genres"].split("|") if genre}
    ids = {i for i, row in labels.items() if not genres or row["genre"].casefold() in genres}
    for emotion in filter(None, query["emotions"].split("|")):
        least = np.quantile([float(row[emotion]) for row in labels.values()], 0.75)
        ids &= {i for i in ids if float(labels[i][emotion]) >= least}
    if not ids:
        raise SystemExit(f"Nothing is relevant to {query['query']!r}.")
    return ids


def written(values: np.ndarray, signed: bool = False) -> str:
    """Write a mean and its interval of 95 % over the queries, by bootstrap."""
    rng = np.random.default_rng(0)
    means = values[rng.integers(0, len(values), (N_RESAMPLES, len(values)))].mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    form = "+.3f" if signed else ".3f"
    return f"{values.mean():{form}} ({low:{form}} to {high:{form}})"


def print_speed(n: int) -> None:
    """Print how long answers take in an invented library."""
    rng = np.random.default_rng(0)
    from encoders.bundles import MSD_TAGS, MTT_TAGS  # noqa: PLC0415

    tags = (*MSD_TAGS, *MTT_TAGS)
    with tempfile.TemporaryDirectory() as folder, Catalog(Path(folder)) as catalog:
        catalog.record_files([scanned_file(i) for i in range(n)])
        for start in range(0, n, 5000):
            some = [(i + 1, features(rng, len(tags))) for i in range(start, min(start + 5000, n))]
            catalog.store_features("one", some)
        index = VectorIndex.build(np.arange(1, n + 1), rng.standard_normal((n, DIM), np.float32))
        fitted = fit_projection(
            [(one,) for _, one in some[:1000]], 1000, ("one",), tags,
            np.zeros(2, np.float32), np.zeros(len(tags), np.float32),
        )  # fmt: skip
        search = WordSearch(Recommender(Home(Settings(Path(folder)), catalog, index, fitted)))
        begin = time.perf_counter()
        search.warm()
        print(f"\n{n} tracks; start {time.perf_counter() - begin:.1f} s. ms:\n")
        print("| | median | 99 % | largest | of a processor: median | 99 % |")
        print("|---|" + "---:|" * 5)
        texts = [row["query"] for row in csv.DictReader(QUERIES.open(encoding="utf-8"))]
        print_times("each query, the first time", search, texts)
        print_times("again", search, texts * N_ROUNDS)
        likened = [f"like artist{i} but faster" for i in range(N_ROUNDS * len(texts))]
        print_times("like an artist, but faster", search, likened)


def print_times(name: str, search: WordSearch, texts: Sequence[str]) -> None:
    """Print what queries take by the clock, and of this thread's processor, in ms."""
    times = []
    for text in texts:
        begin, of_processor = time.perf_counter(), time.thread_time()
        search.search(text, K)
        times.append((time.perf_counter() - begin, time.thread_time() - of_processor))
    clock, processor = 1000 * np.quantile(times, [0.5, 0.99, 1.0], axis=0).T
    print(f"| {name} | " + " | ".join(f"{t:.1f}" for t in (*clock, *processor[:2])) + " |")


def features(rng: np.random.Generator, n_tags: int) -> TrackFeatures:
    """Invent features, as small as they may be beside the tags."""
    return TrackFeatures(
        np.zeros(1, np.float32),
        rng.random((1, n_tags)).astype(np.float16),
        rng.random((1, 2)).astype(np.float16),
        rng.random(2).astype(np.float16),
    )


if __name__ == "__main__":
    print(end="" if installed_encoder() else "The text encoder is not installed.\n")
    main()
