"""The ranker in recommendations: its reasons add up, and controls act after it."""

from __future__ import annotations

from collections.abc import Iterator

import lightgbm
import numpy as np
import pytest
from small_library import Library, Song, towards

from recsys.catalog import Catalog
from recsys.home.files import LISTENING_NAME
from recsys.interactions import Content
from recsys.models.ranker.groups import artist_affinity, track_groups
from recsys.models.ranker.pairs import KINDS, LENGTHS, RankedLibrary
from recsys.models.ranker.ranked_model import RankedModel
from recsys.models.ranker.ranker import Ranker, Trees, column_name, sha256
from recsys.recommendation.query import Query, RecommendedList, Seed
from recsys.recommendation.recommender import Recommender

CELLS = len(KINDS), len(LENGTHS)


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    """Forty songs of ten artists; half of the songs of each artist are never played."""
    songs = [Song(towards(4 * n), artist=f"Artist {n % 10}") for n in range(40)]
    with Catalog(tmp_path_factory.mktemp("ranked")) as catalog:
        made = Library(catalog, songs)
        for n in range(6):
            made.listen(f"person {n}", *range(1 + n, 5 + n), 20)
        model = made.learn()
        counts = catalog.interactions().counts
        content = Content(model.directions, np.ones(40, bool), np.arange(40) % 10)
        artists, albums = track_groups(counts, content)
        known = RankedLibrary(model, artists, albums, artist_affinity(counts, artists), 6)
        made_trees = loyal_trees()
        ranker = Ranker(
            (made_trees, made_trees),
            np.ones(len(KINDS)),
            np.zeros(CELLS),
            np.ones(CELLS, bool),
            np.zeros(CELLS),
            {"sha256": made_trees.digest},
        )
        RankedModel(known, ranker, card=ranker.card).save(catalog.home / LISTENING_NAME)
        yield made


def loyal_trees() -> Trees:
    """Trees by which tracks of artists that are played are worth more."""
    terms = np.random.default_rng(0).random((500, 1))
    name = column_name("tracks by the same artist")
    data = lightgbm.Dataset(terms, 3 * terms[:, 0], feature_name=[name])
    parameters = {"verbose": -1, "num_leaves": 4, "learning_rate": 0.5}
    text = lightgbm.train(parameters, data, 8).model_to_string()
    return Trees(text, sha256(text))


def answer_of(library: Library, k: int = 20, **controls: object) -> RecommendedList:
    listener = library.catalog.listener("person 0")
    assert listener
    return Recommender(library.home).recommend(Query(listener=listener.id, **controls), k)  # type: ignore[arg-type]


def test_reasons_name_the_topics_and_add_up(library: Library) -> None:
    answer = answer_of(library)
    for result in answer.recommendations:
        amounts = [reason.amount for reason in result.reasons]
        assert sum(amounts) == pytest.approx(result.score, abs=1e-4)
    (first, *_) = answer.recommendations
    words = [reason.words for reason in first.reasons]
    assert "you play this artist" in words
    played = {f"Artist {(n - 1) % 10}" for n in (*range(1, 5), 20)}
    assert [r.track.artist in played for r in answer.recommendations][:8] == [True] * 8
    assert answer.fallback == first.fallback == "track"


def test_seeds_in_place_of_a_history_are_not_ranked_anew(library: Library) -> None:
    kinds = {
        reason.kind
        for result in Recommender(library.home).recommend(Query.like([3]), 10).recommendations
        for reason in result.reasons
    }
    assert "same_artist" not in kinds


def test_controls_act_after_the_ranker(library: Library) -> None:
    capped = answer_of(library, artist_cap=1)
    artists = [result.track.artist for result in capped.recommendations]
    assert len(artists) == len(set(artists)) == 10
    played = {f"Artist {(n - 1) % 10}" for n in (*range(1, 5), 20)}
    known = []
    for discovery in (0.5, 0.75, 1.0):
        answer = answer_of(library, 8, discovery=discovery)
        known.append(sum(r.track.artist in played for r in answer.recommendations))
    assert known == sorted(known, reverse=True)
    assert known[-1] < known[0]


def test_a_track_has_the_score_it_would_have_in_a_list(library: Library) -> None:
    listener = library.catalog.listener("person 0")
    assert listener
    resolved = Recommender(library.home).resolve(Query(listener=listener.id))
    first = resolved.recommend(5).recommendations[4]
    (again,) = resolved.describe([first.track.id])
    assert again.score == pytest.approx(first.score, abs=1e-5)


def test_a_listener_is_solved_once_for_the_same_listens(library: Library) -> None:
    listener = library.catalog.listener("person 0")
    assert listener is not None
    system = Recommender(library.home)
    query = Query(listener=listener.id)
    first, one = system.resolve(query).context.listener_scores, system.recommend(query, 10)
    second, other = system.resolve(query).context.listener_scores, system.recommend(query, 10)
    assert first is not None and second is not None
    assert first.known is second.known
    assert one == other


def test_what_is_kept_of_a_listener_changes_no_answer(library: Library) -> None:
    """Whatever was asked before: other controls, seeds, feedback, listens, a new model."""
    listener = library.catalog.listener("person 0")
    assert listener is not None
    system = Recommender(library.home, recount_after=0)
    controls: list[dict[str, object]] = [
        {},
        {"artist_cap": 1},
        {"discovery": 0.8, "exclude_artists": ("Artist 1",)},
        {"seeds": (Seed("track", 3),)},
        {"seeds": (Seed("track", 3, -1.0),)},
        {"seeds": (Seed("tag", "jazz"),)},
    ]

    def same_as_anew() -> None:
        for given in (*controls, *controls):
            query = Query(listener=listener.id, **given)  # type: ignore[arg-type]
            alike(system.recommend(query, 12), Recommender(library.home).recommend(query, 12))

    same_as_anew()
    library.catalog.set_feedback(listener.id, 30, "dislike", 1)
    same_as_anew()
    library.listen("person 3", 33, 34)
    same_as_anew()
    library.listen("person 0", 31, 31, 32)
    same_as_anew()
    model = RankedModel.load(library.catalog.home / LISTENING_NAME)
    RankedModel(model.library, None).save(library.catalog.home / LISTENING_NAME)
    same_as_anew()


def alike(one: RecommendedList, other: RecommendedList) -> None:
    assert one.notices == other.notices
    for mine, theirs in zip(one.recommendations, other.recommendations, strict=True):
        assert mine.track == theirs.track
        assert mine.score == pytest.approx(theirs.score, abs=1e-5)
        assert mine.similarity == pytest.approx(theirs.similarity, abs=1e-6)
        named = [(reason.kind, reason.ref) for reason in mine.reasons]
        assert named == [(reason.kind, reason.ref) for reason in theirs.reasons]
        amounts = [reason.amount for reason in mine.reasons]
        assert amounts == pytest.approx([r.amount for r in theirs.reasons], abs=1e-5)
