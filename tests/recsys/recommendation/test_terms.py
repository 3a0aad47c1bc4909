"""The terms of the score, against formulas written out, and a term of one's own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
import pytest
from small_library import Library, Song, towards

from index.arrays import Float32Array
from recsys.catalog import Catalog
from recsys.recommendation.context import ContextLoader, QueryContext
from recsys.recommendation.query import Query, Seed
from recsys.recommendation.scoring import (
    Candidates,
    Contribution,
    ExplainedScores,
    standardised,
)
from recsys.recommendation.terms import TERMS, score

ROWS = np.arange(20)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    """Twenty songs, nine degrees apart; a tag that rises; everybody plays the first most."""
    songs = [
        Song(towards(9 * n), artist=f"Artist {n % 4}", tags=(0.1 + n / 30, 0.5, 0.1))
        for n in range(20)
    ]
    with Catalog(tmp_path_factory.mktemp("terms")) as catalog:
        made = Library(catalog, songs)
        for n in range(6):
            made.listen(f"person {n}", *range(1, 8 - n))
        made.learn()
        yield made


def scores_of(library: Library, query: Query) -> tuple[QueryContext, ExplainedScores]:
    context, _ = ContextLoader(library.home).load(query)
    return context, score(context, ROWS).explained(ROWS)


def z(values: Float32Array) -> Float32Array:
    """Standardise: the library is its own sample."""
    return (values - values.mean()) / values.std()


def total(scores: ExplainedScores, kind: str) -> Float32Array:
    """Return the amounts of a kind of reason, summed."""
    sums: Float32Array = np.sum(
        [part.amounts.sum(axis=1) for part in scores.parts if part.kind == kind], axis=0
    )
    return sums


def cosines(library: Library, row: int) -> Float32Array:
    vectors = library.home.index.vectors_at(ROWS)
    products: Float32Array = vectors @ vectors[row]
    return products


def test_seeds_tags_and_penalties_are_as_written(library: Library) -> None:
    outside = Seed("sound", "x", 3.0, np.array(towards(30), np.float32))
    seeds = (outside, Seed("tag", "jazz", 1.0), Seed("tag", "party", -2.0), Seed("track", 20, -0.4))
    context, scores = scores_of(library, Query(seeds=seeds))
    vectors = library.home.index.vectors_at(ROWS)
    sound = vectors @ np.array(towards(30), np.float32)
    (tag,), (unwanted,) = context.seeds.wanted_tags, context.seeds.unwanted_tags
    assert total(scores, "seed") == pytest.approx(0.75 * z(sound), abs=1e-5)
    assert total(scores, "tag") == pytest.approx(0.25 * z(tag.values), abs=1e-5)
    to_negative = cosines(library, 19)
    mean, deviation = to_negative.mean(), to_negative.std()
    negative = np.maximum((to_negative - mean) / deviation, 0)
    positive = np.maximum((sound - mean) / deviation, 0)
    party = np.maximum(unwanted.values * 0, 0)  # everybody's is the same
    expected = -party - 0.4 * np.maximum(negative - 0.75 * positive, 0)
    assert total(scores, "dislike") == pytest.approx(expected, abs=1e-5)
    assert scores.nearest == pytest.approx(sound, abs=1e-6)


def test_listening_takes_its_share_by_evidence(library: Library) -> None:
    query = Query.like([1])
    context, scores = scores_of(library, query)
    listener = context.listener_scores
    assert listener
    evidence = listener.model.evidence[ROWS]
    share = 0.5 * evidence / (evidence + 0.005)
    assert share[0] > 0.4 > share[19] == 0
    to_seed = cosines(library, 0)
    to_seed[0] = 0  # a track is not compared with itself
    alone = z(to_seed)
    assert total(scores, "seed")[1:] == pytest.approx(((1 - share) * alone)[1:], abs=1e-5)
    assert total(scores, "listeners") == pytest.approx(share * z(listener.scores(ROWS)), abs=1e-5)


def test_familiarity_is_of_plays_artists_and_popularity(library: Library) -> None:
    listener = library.catalog.listener("person 4")
    assert listener
    query = Query(listener=listener.id, discovery=0.25, exclude_played=False)
    _, scores = scores_of(library, query)
    n_players = np.array([max(7 - n, 0) - (n == 0) for n in range(20)])  # six, six, five, …
    popularity = np.log1p(n_players) / np.log1p(6)
    expected = 0.25 * popularity + 0.25 * np.isin(ROWS % 4, [0, 1, 2]) + 0.5 * (ROWS < 3)
    expected = 1.5 * (expected - expected.mean())
    assert total(scores, "familiar") == pytest.approx(expected, abs=1e-5)


@dataclass(frozen=True)
class Short:
    """Prefer short titles."""

    lengths: Float32Array

    @classmethod
    def of(cls, context: QueryContext) -> Self | None:
        if context.query.diversity:
            return None
        return cls(np.arange(len(context.track_table), 0, -1, np.float32))

    def contribution(self, candidates: Candidates, sample: Candidates) -> Contribution:
        of_candidates, of_sample = (self.lengths[one.rows] for one in (candidates, sample))
        return standardised("typical", of_candidates, of_sample, 2.0)


def test_another_term_is_another_class(library: Library) -> None:
    for diversity, added in ((0.0, 2.0), (0.5, 0.0)):
        context, before = scores_of(library, Query.like([10], diversity=diversity))
        after = score(context, ROWS, (*TERMS, Short)).explained(ROWS)
        expected = added * z(np.arange(20, 0, -1, np.float32))
        assert after.values - before.values == pytest.approx(expected, abs=1e-5)
        assert [part.kind for part in after.parts][len(before.parts) :] == ["typical"] * bool(added)
