"""Whether a map from words to sound, learned on a home's own tags, finds what words alone do not.

    python -m benchmarks.word_tower AUDIO HOMES [--items ITEMS]

AUDIO and HOMES are those of `python -m benchmarks.words quality`. Each tag of the taggers is held
out with all that share a word's stem with it, and with half of the artists: the map is learned from
the other tags on the other half, and asked for the tag. Tracks that fit are the tenth that has most
of it. So are words of people: the genres of AUDIO's labels with five tracks or more, and the nine
emotions of emotify (its top quarter), of which no map is told anything. Compared are

names      names of tags, endings, and the list of words: what the search knows without an encoder
nearest    the three nearest tags by the text encoder, from a cosine of .4
mixture    the same, and from a cosine of .25 the eight weights of `tags` farthest from 0: what the
           search takes where nothing else of a query is understood
tags       ridge regression from the encoder's vector of a tag to how much tracks have of it
embedding  the same to the tag's direction in the embedding, which is itself learned by ridge

Only words that `names` does not understand are counted. With `--items` (lastfm2k's table) the same
is asked of the words of Last.fm's users, with the home of rock16 and all of its tags and artists.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy.stats import rankdata

from benchmarks.words import K, listeners_words, read_labels, written
from index.arrays import BoolArray, Float32Array, Float64Array
from recsys.catalog.search import fold
from recsys.home.home import open_home
from recsys.home.settings import load_settings
from recsys.recommendation.recommender import Recommender
from recsys.words.encoder import installed_encoder
from recsys.words.grammar import Phrase
from recsys.words.meaning import (
    BESIDE,
    N_TAGS,
    NEAR,
    PENALTY,
    RELATED,
    Dictionary,
    mixture_weights,
    stem,
)

DATASETS = ("emotify", "rock16", "genres8k")
EMOTIONS = ("amazement", "solemnity", "tenderness", "nostalgia", "calmness", "power", "tension",
            "joyful_activation", "sadness")  # fmt: skip
ENCODER = installed_encoder()
FROM_SOUND = 10.0  # penalty of the regression from the embedding
MOST, LEAST = 0.9, 5  # quantile that has most of a tag; tracks of a genre
NO_MUSIC = {
    "made-up": "xyzzy qwerty asdfgh blorp zzzz foo bar lorem ipsum kjhgf",
    "unmusical": "refrigerator tuesday giraffe invoice parliament carburetor spreadsheet potato "
    "lawyer screwdriver algebra dentist tax zebra cupboard bicycle insurance mortgage "
    "concrete vaccine",
}
SYSTEMS = ("names", "nearest", "mixture", "tags", "embedding")


class Sounds(NamedTuple):
    """A home's tracks: their embeddings and their tags, both standardised, and the tags' names."""

    embeddings: Float64Array
    tags: Float64Array
    names: list[str]


class Word(NamedTuple):
    """A word to ask for, what may be known of it, and which tracks of some fit."""

    word: str
    kind: str
    known: BoolArray  # of the tags
    fits: Callable[[BoolArray], BoolArray]


def main() -> None:
    """Measure and print Markdown tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("audio", type=Path)
    parser.add_argument("homes", type=Path)
    parser.add_argument("--items", type=Path)
    args = parser.parse_args()
    print(
        "| words | | "
        + " | ".join(["random", *SYSTEMS[1:], "mixture − nearest", "embedding − tags"])
        + " |"
    )
    print("|---" * (len(SYSTEMS) + 4) + "|")
    everything: dict[str, list[Float64Array]] = {}
    for dataset in DATASETS:
        for kind, rows in held_out(args.audio / dataset, args.homes / dataset).items():
            print_row(f"{dataset}, {kind}", np.array(rows))
            everything.setdefault(kind, []).extend(rows)
    for kind, rows in everything.items():
        print_row(f"all, {kind}", np.array(rows))
    print_nonsense(read(args.homes / "rock16").names)
    if args.items:
        print_row("rock16, words of Last.fm's users", asked(args.items, args.homes / "rock16"))


def print_row(name: str, values: Float64Array) -> None:
    """Print P@K, and the areas under the ROC curve, of words (n, systems, 2)."""
    for place, measure in enumerate((f"P@{K}", "AUC")):
        of = values[:, :, place]
        cells = [f"{of[:, n].mean():.3f}" for n in range(len(SYSTEMS))]
        cells += [written(of[:, a] - of[:, b], signed=True) for a, b in ((2, 1), (4, 3))]
        print(f"| {name} ({len(of)}) | {measure} | " + " | ".join(cells) + " |", flush=True)


def print_nonsense(names: list[str]) -> None:
    """Print how many words that have nothing to do with music are taken for nothing."""
    for kind, words in NO_MUSIC.items():
        cosines = encoded(words.split()) @ encoded(names).T
        print(
            f"Of {len(cosines)} {kind} words {(cosines.max(axis=1) < RELATED).sum()} are refused."
        )


def encoded(texts: list[str]) -> Float32Array:
    """Return the text encoder's unit vectors, (n, dim)."""
    encoder = ENCODER
    if encoder is None:
        raise SystemExit("The text encoder is not installed.")
    return encoder.encode(texts)


def held_out(audio: Path, folder: Path) -> dict[str, list[Float64Array]]:
    """Return by kind of word the measures of each that `names` does not understand, (systems, 2).

    They are means over both halves of the artists.
    """
    sounds = read(folder)
    with open_home(load_settings(folder)) as home:
        by_track = read_labels(audio, home.catalog)
        labels = [by_track[track] for track in home.index.ids.tolist()]
    of_track = np.array([label["artist"] for label in labels])
    artists = np.unique(of_track)
    np.random.default_rng(0).shuffle(artists)
    half = np.isin(of_track, artists[::2])
    found: dict[str, list[Float64Array]] = {}
    for one in words_of(sounds, labels):
        if understood(one, sounds.names):
            continue
        sides = []
        for test in (half, ~half):
            fits = one.fits(test)
            if fits.sum() >= 3:
                values = scores(one.word, one.known, sounds, ~test)
                sides.append([measures(v if v is None else v[test], fits) for v in values])
        if sides:
            found.setdefault(one.kind, []).append(np.mean(sides, axis=0))
    return found


def asked(items: Path, folder: Path) -> Float64Array:
    """Return the measures of Last.fm's words that `names` does not understand, (n, systems, 2)."""
    sounds = read(folder)
    with open_home(load_settings(folder)) as home:
        ids = home.index.ids.tolist()
        of_artist, artist_of, queries = listeners_words(items, home)
    known = np.array([i in artist_of for i in ids])
    every = np.ones(len(sounds.names), bool)
    rows = []
    for word in queries:
        if understood(Word(word, "", every, lambda _: known), sounds.names):
            continue
        fits = np.array([i in artist_of and word in of_artist[artist_of[i]] for i in ids])[known]
        values = scores(word, every, sounds, np.ones(len(known), bool))
        rows.append([measures(v if v is None else v[known], fits) for v in values])
    return np.array(rows)


def read(folder: Path) -> Sounds:
    """Read a home."""
    with open_home(load_settings(folder)) as home:
        recommender = Recommender(home)
        table, tags = recommender.track_table(), recommender.tag_table()
        vectors = home.index.vectors_at(np.arange(len(table))).astype(np.float64)
    vectors -= vectors.mean(axis=0)
    vectors /= np.sqrt(np.square(vectors).mean())
    names = list(tags.columns)
    values = tags.values[:, list(tags.columns.values())].astype(np.float64)
    return Sounds(vectors, values, names)


def words_of(sounds: Sounds, labels: list[dict[str, str]]) -> Iterator[Word]:
    """Give the words: every tag, then those of the labels."""

    def others(word: str) -> BoolArray:
        stems = {stem(part) for part in word.split()} - {"rock"}
        return np.array(
            [name != word and not stems & {stem(p) for p in name.split()} for name in sounds.names]
        )

    for column, name in zip(sounds.tags.T, sounds.names, strict=True):
        yield Word(name, "tags", others(name), lambda rows, c=column: most(c[rows], MOST))  # type: ignore[misc]
    genres = np.array([fold(label["genre"]) for label in labels])
    for genre in np.unique(genres):
        fits = genres == genre
        if genre and fits.sum() >= LEAST:
            yield Word(str(genre), "genres", others(str(genre)), lambda rows, f=fits: f[rows])  # type: ignore[misc]
    for emotion in [one for one in EMOTIONS if one in labels[0]]:
        felt, word = (
            np.array([float(label[emotion]) for label in labels]),
            emotion.replace("_", " "),
        )
        yield Word(word, "emotions", others(word), lambda rows, f=felt: most(f[rows], 0.75))  # type: ignore[misc]


def most(values: Float64Array, quantile: float) -> BoolArray:
    """Return which values are at least a quantile of them."""
    return values >= np.quantile(values, quantile)


def understood(word: Word, names: list[str]) -> bool:
    """Return whether a word is understood without an encoder, by what may be known of it."""
    known = [name for name, may in zip(names, word.known, strict=True) if may]
    return bool(Dictionary(known, None).read(Phrase(tuple(word.word.split())))[0])


def scores(
    word: str, known: BoolArray, sounds: Sounds, train: BoolArray
) -> list[Float64Array | None]:
    """Return the values of all tracks by each system, None where it does not know the word."""
    texts = encoded(np.array(sounds.names)[known].tolist()).astype(np.float64)
    asked_for = encoded([word])[0].astype(np.float64)
    tags, cosines = sounds.tags[:, known], texts @ asked_for
    nearest = np.argsort(-cosines)[:N_TAGS]
    nearest = nearest[cosines[nearest] >= max(NEAR, BESIDE * cosines[nearest[0]])]
    weights = np.linalg.solve(texts @ texts.T + PENALTY * np.eye(len(texts)), cosines)
    x = sounds.embeddings[train]
    penalised = x.T @ x / len(x) + FROM_SOUND * np.eye(x.shape[1])
    direction = np.linalg.solve(penalised, x.T @ (tags[train] @ weights) / len(x))
    near = tags[:, nearest] @ cosines[nearest] if len(nearest) else None
    mixed = mixture_weights(texts.astype(np.float32), asked_for.astype(np.float32))
    mixture = tags @ mixed if near is None and mixed.any() else near
    return [None, near, mixture, tags @ weights, sounds.embeddings @ direction]


def measures(values: Float64Array | None, fits: BoolArray) -> tuple[float, float]:
    """Return P@K and the area under the ROC curve; those of chance where there are no values."""
    if values is None:
        return float(fits.mean()), 0.5
    n, ranks = int(fits.sum()), rankdata(values)
    area = (ranks[fits].sum() - n * (n + 1) / 2) / (n * (len(fits) - n))
    return float(fits[np.argsort(-values, kind="stable")[:K]].mean()), float(area)


if __name__ == "__main__":
    main()
