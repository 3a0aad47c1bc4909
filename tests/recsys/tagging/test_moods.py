"""Moods and activities: what suits them, whose tags count, and where they can be named."""

from __future__ import annotations

from small_library import Library, Song

from recsys.catalog.search import fold
from recsys.recommendation.query import Query, Seed
from recsys.recommendation.recommender import Recommender
from recsys.tagging.moods import MOODS, known_moods
from recsys.words.search import WordSearch

SONGS = (
    Song((1, 0, 0), "Nina", "Party one", tags=(0.1, 0.1, 0.9)),
    Song((0.9, 0.1, 0), "Nina", "Party two", tags=(0.1, 0.1, 0.9)),
    Song((0, 1, 0), "Iron", "Metal", tags=(0.1, 0.9, 0.1)),
    Song((0, 1, 0.1), "Iron", "Metal too", tags=(0.1, 0.9, 0.1)),
    Song((0, 0, 1), "Duke", "Jazz", tags=(0.9, 0.1, 0.1)),
    Song((0.1, 0, 1), "Duke", "Jazz too", tags=(0.9, 0.1, 0.1)),
)


def asked(recommender: Recommender, mood: str, listener: int | None = None) -> list[int]:
    query = Query(seeds=(Seed("tag", mood),), listener=listener)
    return [one.track.id for one in recommender.recommend(query, 6).recommendations]


def test_a_mood_is_asked_for_as_a_tag_is(recommender: Recommender) -> None:
    assert set(asked(recommender, "For a Party")[:2]) == {1, 2}
    answer = recommender.recommend(Query(seeds=(Seed("tag", "for a party"),)), 1)
    assert answer.recommendations[0].reasons[0].words == "for a party"
    assert set(recommender.tagged("for a party") or ()) == {1, 2}
    without = recommender.recommend(Query(exclude_tags=("for a party",)), 6)
    assert {one.track.id for one in without.recommendations} == {3, 4, 5, 6}


def test_moods_of_which_no_tagger_knows_a_tag_are_unknown(recommender: Recommender) -> None:
    names = recommender.tags_of(None).names
    assert "for a party" in names and "for dinner" in names
    assert "for falling asleep" not in names
    assert "for meditation" not in names
    answer = recommender.recommend(Query(seeds=(Seed("tag", "for falling asleep"),)), 1)
    assert 'No track has the tag "for falling asleep"' in answer.notices[0]


def test_of_tracks_that_sound_alike_the_tempo_decides(library: Library) -> None:
    for number, bpm in ((1, 60.0), (2, 120.0)):
        library.tag(number, bpm=bpm)
    assert asked(Recommender(library.home), "for a party")[:2] == [2, 1]


def test_a_tag_of_ones_own_counts_for_oneself_alone(
    recommender: Recommender, library: Library
) -> None:
    ann, bob = (library.catalog.listener(name, create=True) for name in ("ann", "bob"))
    assert ann and bob
    library.catalog.teach(ann.id, "Partying", [(5, True), (6, True), (1, False), (3, False)])
    mine = asked(recommender, "for a party", ann.id)
    assert set(mine[:4]) == {1, 2, 5, 6}
    theirs = asked(recommender, "for a party", bob.id)
    assert set(theirs[:2]) == {1, 2} and mine != theirs
    library.catalog.teach(ann.id, "for a party", [(3, True), (4, True), (1, False), (2, False)])
    assert set(asked(recommender, "for a party", ann.id)[:2]) == {3, 4}, "named so, it is the tag"


def test_words_name_moods(recommender: Recommender) -> None:
    search = WordSearch(recommender, lambda: None)
    answer = search.search("something for a party", 6)
    assert [(part.words, part.taken_for) for part in answer.understood] == [
        ("for a party", ("for a party",))
    ]
    assert {found.track.id for found in answer.results[:2]} == {1, 2}
    assert answer.results[0].met == ("for a party",)


def test_every_mood_is_well_formed() -> None:
    everything = {name for mood in MOODS.values() for name in mood.wanted}
    assert [mood.name for mood in known_moods(everything)] == list(MOODS)
    assert known_moods(["xyzzy"]) == []
    for mood in MOODS.values():
        assert fold(mood.name) == mood.name and not set(mood.wanted) & set(mood.unwanted)
        assert all(low < high for low, high in mood.tempos) and mood.loudness in (-1, 0, 1)
