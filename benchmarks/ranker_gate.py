"""What the ranker's gate decides on several listens, as one table.

    python -m benchmarks.ranker_gate playlists=INTERACTIONS,ITEMS lastfm2k=INTERACTIONS,ITEMS

Rows: the listens of each collection; of the first also its longest history as the only one, and as
many tracks of each listener drawn by popularity alone (`benchmarks.ranker`); and the listens of the
demo library, without its sound. The listening model has the settings that a home chooses at its
first training. Each cell is the mean of R@20 and nDCG@100 among the candidates, of the listening
model and of the ranker, by trees that were not grown on them: in bold where it is adopted, in
brackets where the most played first find more than the listening model.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy import sparse

from benchmarks.ranker import SEED, drawn_by_popularity
from recsys.demo.listeners import listen_lines
from recsys.evaluation.recommenders.data import numbered
from recsys.evaluation.recommenders.ranker_training import ranked
from recsys.evaluation.recommenders.tables import Columns, read_tables
from recsys.interactions import Content, Interactions
from recsys.training.listening_settings import choose

KINDS = ("known track", "new artist", "new track or artist")
LENGTHS = (1, 5, 20)


class Listens(NamedTuple):
    """Listens, CSR (n_listeners, n_tracks), and the tracks' content."""

    name: str
    counts: sparse.csr_matrix
    content: Content


def collections(tables: list[str]) -> Iterator[Listens]:
    """Yield the rows of the table."""
    for number, table in enumerate(tables):
        name, _, paths = table.partition("=")
        interactions, items = map(Path, paths.split(","))
        data = read_tables(interactions, items, Columns())
        counts, content = data.interactions.counts, data.content
        yield Listens(name, counts, content)
        if number == 0:
            longest = counts[[int(np.argmax(np.diff(counts.indptr)))]]
            yield Listens("one listener of them", longest, content)
            yield Listens("drawn by popularity", drawn_by_popularity(counts), content)
    yield demo()


def demo() -> Listens:
    """Return the listens of the demo library, with its artists and albums."""
    lines = listen_lines()
    metadata = [line["track_metadata"] for line in lines]
    listeners = np.unique([line["user_name"] for line in lines], return_inverse=True)[1]
    names = [(m["artist_name"], m["release_name"], m["track_name"]) for m in metadata]
    known = list(dict.fromkeys(names))
    columns = [known.index(name) for name in names]
    counts = sparse.csr_matrix((np.ones(len(lines), np.float32), (listeners, columns)))
    artists, albums = (numbered([name[:length] for name in known]) for length in (1, 2))
    vectors = np.zeros((len(known), 1), np.float32)
    content = Content(vectors, np.zeros(len(known), bool), artists, albums)
    return Listens("demo library", counts, content)


def card_of(counts: sparse.csr_matrix, content: Content) -> dict[str, Any]:
    """Train a ranker, and return its model card."""
    listens = Interactions(np.arange(counts.shape[0]), np.arange(counts.shape[1]), counts)
    settings, _ = choose({}, listens, content, asked=False, seed=SEED, progress=lambda _: None)
    return dict(ranked(settings.fit(counts, content, SEED), counts, content, SEED).card)


def cells(card: dict[str, Any]) -> list[str]:
    """Return the cells of a row: each kind of candidate, by length of history."""
    decisions = {(d["kind"], d["least_length"]): d for d in card.get("decisions", ())}
    row = []
    for decision in (decisions.get((kind, length)) for kind in KINDS for length in LENGTHS):
        if decision is None or not decision["model"]:
            row.append("–")
            continue
        model, ranker = (f"{decision[name]:.3f}".lstrip("0") for name in ("model", "ranker"))
        if decision["popularity"] > decision["model"]:
            model = f"[{model}]"
        row.append(f"{model} **{ranker}**" if decision["adopted"] else f"{model} {ranker}")
    return row


def main() -> None:
    """Train a ranker on each, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("tables", nargs="+", metavar="NAME=INTERACTIONS,ITEMS")
    args = parser.parse_args()
    lengths = [f"{least}+" for least in LENGTHS]
    head = [f"{kind}s, {length}" for kind in KINDS for length in lengths]
    print("| listens | listeners | " + " | ".join(head) + " | |")
    print("|---|---:|" + "---|" * (len(head) + 1))
    for name, counts, content in collections(args.tables):
        card = card_of(counts, content)
        said = "adopted" if card["adopted"] else card["why"]
        print(f"| {name} | {counts.shape[0]:,} | " + " | ".join(cells(card)) + f" | {said} |")


if __name__ == "__main__":
    main()
