"""What searches by words find in a library whose tags, names and numbers are chosen."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from small_library import Library, Song

from index.arrays import Float32Array
from recsys.recommendation.recommender import Recommender
from recsys.words.encoder import EncoderError, TextEncoder
from recsys.words.search import WordAnswer, WordSearch, normal_scores

JAZZ, METAL, PARTY = (0.9, 0.1, 0.1), (0.1, 0.9, 0.1), (0.1, 0.1, 0.9)
SONGS = (
    Song((1, 0, 0), "Nina", "One", tags=JAZZ),
    Song((1, 0.1, 0), "Nina", "Two", tags=(0.8, 0.1, 0.6)),
    Song((0, 1, 0), "Iron", "Three", tags=METAL, genres=("Polka",)),
    Song((0, 1, 0.1), "Iron", "Four", tags=(0.1, 0.8, 0.1)),
    Song((0, 0, 1), "Abba", "Five", tags=PARTY),
    Song((0.9, 0, 0.5), "Abba", "Six", tags=(0.5, 0.1, 0.8), seconds=700.0),
    Song((0.2, 0.3, 0.9), "Ole", "Seven"),
    Song((0.3, 0.2, 0.9), "Ole", "Eight"),
)
NUMBERS = {1: (1975, 120.0), 2: (1985, None), 5: (None, 118.0), 6: (None, 90.0)}


@pytest.fixture
def search(recommender: Recommender) -> WordSearch:
    return WordSearch(recommender, lambda: None)


def ids(answer: WordAnswer) -> list[int]:
    return [found.track.id for found in answer.results]


def test_tags_rank_and_each_result_says_what_it_meets(search: WordSearch) -> None:
    answer = search.search("jazz party", 8)
    assert [(part.words, part.taken_for) for part in answer.understood] == [
        ("jazz", ("jazz",)),
        ("party", ("Party",)),
    ]
    assert set(ids(answer)[:2]) == {2, 6}, "both tags, not the most of one"
    assert len(answer.results) == 8
    assert [found.rank for found in answer.results] == list(range(1, 9))
    scores = [found.score for found in answer.results]
    assert scores == sorted(scores, reverse=True)
    met = {found.track.id: found.met for found in answer.results}
    assert met[1] == ("jazz",) and met[5] == ("party",) and met[3] == ()
    assert not answer.ignored and not answer.notices


def test_what_is_unknown_is_said_and_the_rest_is_used(search: WordSearch) -> None:
    answer = search.search("metal xyzzy", 2)
    assert set(ids(answer)) == {3, 4}
    assert answer.ignored == ("xyzzy",)
    assert answer.notices[0] == "Nothing for “xyzzy”; used the rest."
    assert "pip install 'earshot[words]'" in answer.notices[1]
    nothing = search.search("xyzzy", 2)
    assert (nothing.results, nothing.understood) == ((), ())
    assert nothing.notices[0] == "Nothing for “xyzzy”."
    assert search.search("", 3).results == ()


def test_negation_takes_away(search: WordSearch) -> None:
    answer = search.search("party without jazz", 3)
    assert ids(answer)[0] == 5
    assert answer.understood[1].taken_for == ("not jazz",)
    assert answer.results[0].met == ("party", "without jazz")


def test_a_genre_that_one_file_names(search: WordSearch) -> None:
    answer = search.search("polkas", 2)
    assert ids(answer)[0] == 3
    assert answer.results[0].met == ("polkas",) and answer.results[1].met == ()


def test_years_and_tempo_leave_out_what_is_known_to_be_outside(
    search: WordSearch, library: Library
) -> None:
    ignored = search.search("jazz around 120 bpm", 8)
    assert ignored.ignored == ("around 120 bpm",)
    assert ignored.notices == (
        "No track of the library has a known tempo: “around 120 bpm” is ignored.",
    )
    for number, (year, bpm) in NUMBERS.items():
        library.tag(number, year=year, bpm=bpm)
    fast = search.search("party around 120 bpm", 8)
    assert ids(fast)[0] == 5 and 6 not in ids(fast) and len(ids(fast)) == 7
    assert fast.results[0].met == ("party", "around 120 bpm")
    old = search.search("jazz from the 70s", 8)
    assert ids(old)[0] == 1 and 2 not in ids(old)
    assert old.understood[1].taken_for == ("year 1970 to 1979",)
    assert ids(search.search("longer than 10 minutes", 8)) == [6]
    assert search.search("before 1970", 8).results[0].met == ()


def test_likeness_to_an_artist_a_track_and_the_unlike(search: WordSearch) -> None:
    assert set(ids(search.search("like Nina", 2))) == {1, 2}
    by_title = search.search("like five", 1)
    assert ids(by_title) == [5]
    assert by_title.understood[0].taken_for == ("Abba - Five",)
    assert set(ids(search.search("unlike Iron", 8))[-2:]) == {3, 4}
    assert set(ids(search.search("like Nina, party", 2))) == {2, 6}
    missing = search.search("like qqqqqqqq, jazz", 1)
    assert missing.ignored == ("qqqqqqqq",)


def test_faster_is_faster_than_what_the_query_names(search: WordSearch, library: Library) -> None:
    plain = search.search("like Nina but faster", 8)
    assert [part.words for part in plain.understood] == ["like nina"], "no tempo is known"
    for number, bpm in ((1, 100.0), (2, 120.0), (5, 150.0), (6, 80.0)):
        library.tag(number, bpm=bpm)
    answer = search.search("like Nina but faster", 8)
    assert answer.understood[1].words == "faster than Nina"
    assert answer.understood[1].taken_for == ("tempo 110 BPM",)
    met = {found.track.id for found in answer.results if "faster than Nina" in found.met}
    assert met == {2, 5}
    assert set(ids(answer)) == {2, 3, 4, 5, 7, 8}, "what is known not to be faster is left out"
    assert set(ids(search.search("like Nina but slower", 8))) == {1, 3, 4, 6, 7, 8}
    assert "faster" in search.search("faster", 1).ignored, "nothing to compare with, and no tag"


def test_keys_leave_out_what_is_known_to_be_in_another(
    search: WordSearch, library: Library
) -> None:
    answer = search.search("jazz in a minor key", 1)
    assert answer.ignored == ("in a minor key",)
    assert answer.notices == (
        "No track of the library has a known key: “in a minor key” is ignored.",
    )
    for number, key in ((1, "A minor"), (2, "C major"), (3, "E minor")):
        library.tag(number, initial_key=key)
    minor = search.search("jazz in a minor key", 8)
    assert ids(minor)[0] == 1 and 2 not in ids(minor)
    assert minor.results[0].met == ("jazz", "in a minor key")
    assert minor.understood[1].taken_for == ("key any minor",)
    assert ids(search.search("8B", 1)) == ids(search.search("in C major", 1)) == [2]


def test_a_listeners_own_tag_is_theirs_alone(search: WordSearch, library: Library) -> None:
    ann, bob = (library.catalog.listener(name, create=True) for name in ("ann", "bob"))
    assert ann and bob
    library.catalog.teach(ann.id, "Sunday", [(3, True), (4, True), (5, False), (1, False)])
    assert set(ids(search.search("sunday", 2, ann.id))) == {3, 4}
    assert search.search("sunday", 2, bob.id).ignored == ("sunday",)


def test_a_rare_tag_counts_as_much_as_a_common_one() -> None:
    rng = np.random.default_rng(0)
    everything = np.ones(1000, np.bool_)
    common = normal_scores(rng.normal(0, 1, 1000).astype(np.float32), everything)
    skewed = normal_scores(np.exp(5 * rng.normal(0, 1, 1000)).astype(np.float32), everything)
    assert common.std() == pytest.approx(skewed.std(), abs=1e-3)
    assert common.max() == pytest.approx(skewed.max())
    gone = everything.copy()
    gone[:500] = False
    assert not normal_scores(common, gone)[:500].any()


class BySound:
    """Texts lie along their tags; "blorpy" is related to jazz, and far from metal."""

    AXES = {"jazz": 0, "heavy metal": 1, "party": 2, "polka": 3}  # noqa: RUF012

    def encode(self, texts: Sequence[str]) -> Float32Array:
        vectors = np.zeros((len(texts), 20), np.float32)
        for text, vector in zip(texts, vectors, strict=True):
            vector[self.AXES.get(text, 4 + len(text) % 15)] = 1
            if text == "blorpy":
                vector[:] = 0
                vector[[0, 1, 19]] = 0.35, -0.3, 0.88
        return vectors


def test_a_word_is_guessed_where_nothing_else_is_understood(recommender: Recommender) -> None:
    search = WordSearch(recommender, BySound)
    answer = search.search("blorpy", 2)
    assert answer.understood[0].taken_for == ("jazz", "not Heavy Metal")
    assert set(ids(answer)) == {1, 2} and answer.ignored == ()
    assert answer.notices == ("“blorpy” is a guess, by tags that are related to it.",)
    beside = search.search("party blorpy", 2)
    assert [part.words for part in beside.understood] == ["party"]
    assert beside.ignored == ("blorpy",)
    assert search.search("without blorpy", 2).results == ()
    assert search.search("xyzzy", 2).ignored == ("xyzzy",)


def test_an_encoder_that_cannot_be_read_is_said(recommender: Recommender) -> None:
    def damaged() -> TextEncoder | None:
        raise EncoderError("The text encoder in /x cannot be read.")

    search = WordSearch(recommender, damaged)
    assert search.search("jazz xyzzy", 1).notices[1] == "The text encoder in /x cannot be read."


@pytest.mark.parametrize("k", [0, 501])
def test_bounds(search: WordSearch, k: int) -> None:
    with pytest.raises(ValueError, match=f"got {k}"):
        search.search("jazz", k)


def test_removed_tracks_are_not_found(search: WordSearch, library: Library) -> None:
    assert 1 in ids(search.search("jazz", 8))
    library.catalog.set_presence(gone=[1])
    assert 1 not in ids(search.search("jazz", 8))
