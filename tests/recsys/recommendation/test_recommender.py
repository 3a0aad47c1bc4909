"""The recommender on libraries whose answers are known."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from small_library import Library, Song, towards

from index import inner_products
from index.vector_index import VectorIndex
from recsys.catalog import Catalog, Listen, Recording
from recsys.catalog.comparisons import pair
from recsys.home.files import LISTENING_NAME
from recsys.recommendation.candidates import CandidateLimits
from recsys.recommendation.query import Query, RecommendedList, Seed
from recsys.recommendation.recommender import Recommender, Unanswerable

Make = Callable[[Sequence[Song]], Library]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    opened: list[Catalog] = []

    def library(songs: Sequence[Song]) -> Library:
        opened.append(Catalog(tmp_path / f"home{len(opened)}"))
        return Library(opened[-1], songs)

    yield library
    for catalog in opened:
        catalog.close()


@pytest.fixture(scope="module")
def fan(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Library]:
    """Sixty songs, three degrees apart, track n at 3 n degrees; ann and bob listen to some.

    Five artists in turn, two albums each; three genres; lengths from 100 to 277 s; every song has
    a tag that rises and one that falls with its number. Songs 60 and 59 are one recording.
    """
    songs = [
        Song(
            towards(3 * n),
            artist=f"Artist {n % 5}",
            album=f"Album {n % 2}",
            genres=(("Rock", "Folk", "Dub")[n % 3],),
            seconds=100 + 3 * n,
            tags=(0.1 + n / 100, 0.7 - n / 100, 0.1),
            audio="a" * 32 if n >= 59 else None,
        )
        for n in range(1, 61)
    ]
    with Catalog(tmp_path_factory.mktemp("fan")) as catalog:
        library = Library(catalog, songs)
        ann = library.listen("ann", 10, 10, 11, 40)
        bob = library.listen("bob", 10, 50)
        assert (ann, bob) == (1, 2)
        for track, kind in ((12, "dislike"), (42, "skip"), (30, "like")):
            catalog.set_feedback(ann, track, kind, 1)  # type: ignore[arg-type]
        yield library


def ids(answer: RecommendedList) -> list[int]:
    return [result.track.id for result in answer.recommendations]


def adds_up(answer: RecommendedList) -> None:
    for rank, result in enumerate(answer.recommendations, start=1):
        assert result.rank == rank
        assert 0 <= result.similarity <= 1
        assert 0 <= result.evidence <= 1
        amounts = [reason.amount for reason in result.reasons]
        assert sum(amounts) == pytest.approx(result.score, abs=1e-4)
        assert all(reason.words for reason in result.reasons)


tracks = st.integers(-0, 70)
seeds = st.one_of(
    st.builds(Seed, st.just("track"), tracks, st.sampled_from([1.0, 0.5, -1.0])),
    st.builds(Seed, st.just("artist"), st.sampled_from(["artist 1", "Nobody"])),
    st.builds(Seed, st.just("tag"), st.sampled_from(["jazz", "dub", "?"]), st.floats(0.1, 2)),
)
queries = st.builds(
    Query,
    listener=st.sampled_from([None, 1, 2, 99]),
    seeds=st.lists(seeds, max_size=3).map(tuple),
    discovery=st.floats(0, 1),
    consistency=st.sampled_from([0.0, 0.7]),
    diversity=st.sampled_from([0.0, 0.4]),
    artist_cap=st.sampled_from([None, 1, 3]),
    album_cap=st.sampled_from([None, 2]),
    artist_spacing=st.integers(0, 3),
    album_spacing=st.integers(0, 1),
    exclude_tracks=st.lists(tracks, max_size=4).map(tuple),
    exclude_artists=st.sampled_from([(), ("ARTIST 2",), ("Who?",)]),
    exclude_genres=st.sampled_from([(), ("rock", "folk"), ("Rock", "Folk", "Dub")]),
    exclude_tags=st.sampled_from([(), ("Jazz",)]),
    min_duration=st.sampled_from([None, 130.0]),
    max_duration=st.sampled_from([None, 200.0]),
    exclude_played=st.sampled_from([None, True, False]),
    exclude_disliked=st.booleans(),
    randomness=st.sampled_from([0.0, 1.0]),
    seed=st.integers(0, 3),
)


@given(query=queries, k=st.integers(1, 80), exhaustive=st.sampled_from([0, 2000]))
@settings(max_examples=100, deadline=None, phases=[Phase.generate])  # to shrink takes minutes
def test_whatever_is_asked_the_answer_keeps_to_it(
    fan: Library, query: Query, k: int, exhaustive: int
) -> None:
    limits = CandidateLimits(exhaustive=exhaustive)
    answer = Recommender(fan.home, limits).recommend(query, k)
    again = Recommender(fan.home, limits).recommend(query, k)
    assert answer == again
    adds_up(answer)
    found = answer.recommendations
    assert len(found) == k or answer.notices
    named = {seed.ref for seed in query.seeds if seed.kind == "track"}
    assert not named & set(ids(answer))
    assert not {59, 60} <= set(ids(answer))  # one recording, once
    assert not (named & {59, 60} and {59, 60} & set(ids(answer)))
    assert not set(query.exclude_tracks) & set(ids(answer))
    out = {name.casefold() for name in (*query.exclude_artists, *query.exclude_genres)}
    for result in found:
        assert not out & {name.casefold() for name in (result.track.artist, *result.track.genres)}
        assert result.track.duration is not None
        assert (query.min_duration or 0) <= result.track.duration <= (query.max_duration or 999)
    if query.exclude_tags:
        assert max([0, *ids(answer)]) < 50  # more than a standard deviation above the rest
    if query.listener == 1:
        assert not (query.leaves_out_played and {10, 11, 40} & set(ids(answer)))
        assert not (query.exclude_disliked and 12 in ids(answer))
    for names, cap, spacing in (
        ([result.track.artist for result in found], query.artist_cap, query.artist_spacing),
        (
            [(result.track.artist, result.track.album) for result in found],
            query.album_cap,
            query.album_spacing,
        ),
    ):
        for name in set(names):
            places = [place for place, other in enumerate(names) if other == name]
            assert cap is None or len(places) <= cap
            assert all(b - a > spacing for a, b in itertools.pairwise(places))


def test_many_tracks_are_answered_as_few_are(fan: Library) -> None:
    queries = [
        Query.like([20]),
        Query(listener=1),
        Query.like([20], unlike=[22]),
        Query(seeds=(Seed("tag", "jazz"), Seed("track", 45))),
        Query(),
    ]
    expected = [ids(Recommender(fan.home).recommend(query, 4)) for query in queries]
    for rare in (0.0, 2.0):  # by the index; by comparing all
        limits = CandidateLimits(exhaustive=0, rare=rare, n_candidates=20, per_result=2)
        recommender = Recommender(fan.home, limits)
        assert [ids(recommender.recommend(query, 4)) for query in queries] == expected


def test_candidates_hold_what_comparing_every_track_would_find(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Eight kinds of music; factors by their codes, sounds by lists, of 1,200 tracks 60 each."""
    rng = np.random.default_rng(0)
    kinds = rng.standard_normal((8, 8))
    kind = rng.integers(8, size=1200)
    vectors = kinds[kind] + 0.4 * rng.standard_normal((1200, 8))
    library = make([Song(vector.tolist()) for vector in vectors])
    for number in range(30):
        near = np.flatnonzero(np.isin(kind, rng.choice(8, 2, replace=False))) + 1
        library.listen(f"p{number}", *rng.choice(near, 25).tolist())
    library.learn()
    lists = VectorIndex.build(range(1, 1201), vectors, "IVF16,Flat", "nprobe=16")
    library.home = replace(library.home, index=lists)
    monkeypatch.setattr(inner_products, "EXACT", 100)
    queries = [Query(listener=listener) for listener in range(1, 31)]
    queries += [Query.like(rng.integers(1, 1201, 3).tolist()) for _ in range(30)]
    found = {}
    for exhaustive in (1200, 0):
        limits = CandidateLimits(exhaustive=exhaustive, n_candidates=60, per_result=3)
        recommender = Recommender(library.home, limits)
        found[exhaustive] = [ids(recommender.recommend(query, 20)) for query in queries]
    pairs = zip(found[1200], found[0], strict=True)
    assert np.mean([np.isin(best, some).mean() for best, some in pairs]) >= 0.98


def test_what_sounds_like_the_seed_and_unlike_the_other(fan: Library) -> None:
    recommender = Recommender(fan.home)
    answer = recommender.recommend(Query.like([20]), 4)
    assert sorted(ids(answer)) == [18, 19, 21, 22]
    (reason,) = answer.recommendations[0].reasons
    assert (reason.kind, reason.ref, reason.words) == ("seed", 20, "sounds like Song 20")
    assert (answer.fallback, answer.notices) == ("track", ())
    turned = ids(recommender.recommend(Query.like([20], unlike=[24]), 4))
    assert np.mean(turned) < 18
    outside = Seed("sound", "x.mp3", 1.0, np.array(towards(60), np.float32))
    answer = recommender.recommend(Query(seeds=(outside,)), 3)
    assert sorted(ids(answer)) == [19, 20, 21]
    assert answer.recommendations[0].reasons[0].words == "sounds like x.mp3"


def test_two_seeds_far_apart_are_both_served(fan: Library) -> None:
    found = ids(Recommender(fan.home).recommend(Query.like([5, 50]), 8))
    assert {4, 6, 49, 51} <= set(found)


def test_a_listener_gets_what_is_like_the_most_played(fan: Library) -> None:
    answer = Recommender(fan.home).recommend(Query(listener=1, discovery=0.5), 3)
    assert set(ids(answer)) <= {28, 29, 31, 32, 33}  # the like counts as ten listens
    assert answer.recommendations[0].reasons[0].kind == "listens"
    assert "by sound alone" in answer.notices[0]


def test_dislikes_and_skips_push_their_neighbours_down(make: Make) -> None:
    library = make([Song(towards(3 * n)) for n in range(41)])
    ann = library.listen("ann", 21)
    recommender = Recommender(library.home)

    def rank(track: int) -> int:
        return ids(recommender.recommend(Query(listener=ann), 40)).index(track)

    before = rank(25)
    library.catalog.set_feedback(ann, 26, "skip", 1)
    skipped = rank(25)
    library.catalog.set_feedback(ann, 26, "dislike", 2)
    disliked = rank(25)
    assert before < skipped < disliked
    assert rank(17) < 9  # as far on the other side
    answer = recommender.recommend(Query(listener=ann), 40)
    (last,) = [result for result in answer.recommendations if result.track.id == 25]
    assert ("dislike", 26) in {(r.kind, r.ref) for r in last.reasons if r.amount < 0}


def test_discovery_goes_from_the_familiar_to_the_new(fan: Library) -> None:
    recommender = Recommender(fan.home)
    shares = []
    for discovery in (0.0, 0.25, 0.5, 0.75, 1.0):
        query = Query(listener=1, discovery=discovery, exclude_played=False)
        found = ids(recommender.recommend(query, 8))
        shares.append(len({10, 11, 40, 50, 30} & set(found)))
    assert shares == sorted(shares, reverse=True)
    assert shares[0] > shares[-1]
    assert {10, 11, 40} <= set(ids(recommender.recommend(Query(listener=1, discovery=0.1), 8)))


def test_tags_and_sounds_count_side_by_side(fan: Library) -> None:
    recommender = Recommender(fan.home)
    (answer, mixed) = (
        recommender.recommend(Query(seeds=(*some, Seed("tag", "JAZZ", 2.0))), 5)
        for some in ((), tuple(Seed("track", n) for n in range(1, 20)))
    )
    assert set(ids(answer)) <= {54, 55, 56, 57, 58, 59, 60}
    assert answer.fallback == "tags" == answer.recommendations[0].fallback
    kinds = {reason.kind for reason in mixed.recommendations[0].reasons}
    assert kinds == {"seed", "tag"}
    assert min(ids(mixed)) > 20  # nineteen tracks do not drown the tag
    shunned = recommender.recommend(Query.like([40]), 5)
    less = recommender.recommend(Query(seeds=(Seed("track", 40), Seed("tag", "jazz", -1.0))), 5)
    assert np.mean(ids(less)) < np.mean(ids(shunned))
    personal = recommender.recommend(Query(listener=1, seeds=(Seed("tag", "jazz"),)), 5)
    assert {"listens", "tag"} <= {r.kind for r in personal.recommendations[0].reasons}


def test_a_listener_nobody_knows_gets_what_many_play(fan: Library) -> None:
    for listener in (None, 99):
        answer = Recommender(fan.home).recommend(Query(listener=listener), 2)
        assert ids(answer)[0] == 10
        assert answer.fallback == "popular"
        assert "These are the tracks that most people play." in answer.notices
    assert answer.notices[0] == "There are no plays or likes of this listener yet."


def test_where_nobody_listens_the_typical_is_recommended(make: Make) -> None:
    library = make([Song(towards(n)) for n in (0, 40, 50, 60, 100)])
    recommender = Recommender(library.home, recount_after=0)
    answer = recommender.recommend(Query(), 9)
    assert ids(answer)[0] == 3
    assert answer.recommendations[0].reasons[0].kind == "typical"
    assert "Nothing has been played yet" in answer.notices[0]
    assert answer.notices[-1].startswith("5 instead of 9: 5 of the library's 5 tracks")
    library.listen("ann", 1)  # and is heard by the same recommender
    assert ids(recommender.recommend(Query(), 1)) == [1]
    library.catalog.set_presence(gone=[1], back=[])
    assert 1 not in ids(recommender.recommend(Query(), 9))


def test_one_track(make: Make) -> None:
    recommender = Recommender(make([Song((1.0, 0.0))]).home)
    assert ids(recommender.recommend(Query(), 5)) == [1]
    answer = recommender.recommend(Query.like([1]), 5)
    assert answer.recommendations == ()
    assert answer.notices == ("None of the library's 1 tracks is left to be recommended.",)


def test_no_tracks(make: Make) -> None:
    song = Song((1.0, 0.0))
    library = make([song, song])
    library.catalog.set_presence(gone=[1, 2], back=[])
    answer = Recommender(library.home).recommend(Query(), 5)
    assert answer.recommendations == ()
    assert answer.notices[-1] == "None of the library's 0 tracks is left to be recommended."


def test_notices_name_unknown_ids_and_names(fan: Library) -> None:
    recommender = Recommender(fan.home)
    query = Query(
        seeds=(Seed("track", 777), Seed("artist", "Artist l"), Seed("tag", "jaz")),
        exclude_tracks=(888,),
        exclude_genres=("rok",),
    )
    answer = recommender.recommend(query, 3)
    assert len(answer.recommendations) == 3
    assert answer.notices[:3] == (
        "There is no track 777 in the library.",
        'There is no analysed track of an artist "Artist l". Did you mean "Artist 1"?',
        'No track has the tag "jaz", and no tagger knows it. Did you mean "jazz"?',
    )
    assert 'No track has the genre "rok" to be left out. Did you mean "Rock"?' in answer.notices
    with pytest.raises(Unanswerable, match="There is no track 777 in the library"):
        recommender.path(1, 777, 3)
    with pytest.raises(ValueError, match="k: wanted at least 1, got 0"):
        recommender.recommend(Query(), 0)
    with pytest.raises(ValueError, match="wanted 2 finite numbers"):
        recommender.recommend(Query(seeds=(Seed("sound", "x", 1.0, np.ones(3)),)), 1)


def test_fallbacks_go_from_track_to_artist_to_tags_to_popular(make: Make) -> None:
    unheard = {"indexed": False, "vector": (1.0, 0.0)}
    library = make(
        [
            Song(towards(0), artist="Ada"),
            Song(towards(10), artist="Bix", genres=("Swing",)),
            Song(towards(90), artist="Cleo"),
            Song(artist="Ada", title="Lost", **unheard),  # type: ignore[arg-type]
            Song(artist="Dinah", title="Blue", genres=("swing",), **unheard),  # type: ignore[arg-type]
            Song(artist="Ella", title="Gone", **unheard),  # type: ignore[arg-type]
        ]
    )
    library.listen("somebody", 3)
    recommender = Recommender(library.home)

    def ask(track: int) -> RecommendedList:
        return recommender.recommend(Query.like([track], exclude_artists=("Ada",)), 1)

    said = [ask(track) for track in (1, 4, 5, 6)]
    assert [answer.fallback for answer in said] == ["track", "artist", "tags", "popular"]
    assert [ids(answer) for answer in said] == [[2], [2], [2], [3]]
    assert [answer.recommendations[0].fallback for answer in said] == [
        answer.fallback for answer in said
    ]
    assert said[1].notices[0] == (
        "Ada - Lost is not in the index: the other tracks of Ada are used instead."
    )
    assert said[2].notices[0] == ("Dinah - Blue is not in the index: its genres are used instead.")
    assert said[3].notices == (
        "Ella - Gone is not in the index, and nothing can be used instead.",
        "These are the tracks that most people play.",
    )
    heard = {
        "artist": [Listen("ann", Recording(artist="Ada", title="Not here"), 1)],
        "tags": [],
        "popular": [Listen("eve", Recording(artist="Nobody", title="Not here"), 1)],
    }
    for rung, listens in heard.items():
        library.catalog.store_listening(listens)
        name = {"artist": "ann", "tags": "cyd", "popular": "eve"}[rung]
        listener = library.listen(name, *([5] if rung == "tags" else []))
        answer = recommender.recommend(Query(listener=listener), 1)
        assert answer.fallback == rung
        assert ids(answer) == {"artist": [1], "tags": [2], "popular": [3]}[rung]


def test_copies_of_a_seed_and_of_each_other_are_left_out(make: Make) -> None:
    named = {"artist": "Ada", "title": "Blue"}
    library = make(
        [
            Song(towards(0), **named),  # type: ignore[arg-type]
            Song(towards(1), seconds=201, **named),  # type: ignore[arg-type]
            Song(towards(2), seconds=260, **named),  # type: ignore[arg-type] # a longer version
            Song(towards(30), audio="c" * 32),
            Song(towards(30), audio="c" * 32),
        ]
    )
    one, other = (track.audio_hash or "" for track in library.catalog.tracks([1, 2]))
    assert set(ids(Recommender(library.home).recommend(Query.like([3]), 9))) >= {1, 2}
    library.catalog.record_verdicts({pair(one, other): True})
    recommender = Recommender(library.home)
    answer = recommender.recommend(Query.like([1]), 9)
    assert ids(answer) == [3, 4]
    assert "1 copy of tracks in this list is not shown." in answer.notices
    assert ids(recommender.recommend(Query.like([5]), 9)) in ([3, 2], [3, 1])
    assert ids(recommender.recommend(Query.like([3], exclude_tracks=[2]), 9)) == [4]


def test_listens_bring_near_what_does_not_sound_alike(make: Make) -> None:
    library = make([Song(towards(30 * n)) for n in range(6)])
    for number in range(12):
        library.listen(f"one {number}", 1, 5)
        library.listen(f"other {number}", 2, 3, 4)
    ann = library.listen("ann", 1)
    recommender = Recommender(library.home)
    before = recommender.recommend(Query(listener=ann), 9)
    assert ids(before) == [2, 3, 4, 5, 6]
    assert "by sound alone" in before.notices[0]
    assert {result.evidence for result in before.recommendations} == {0}
    blend = library.learn()  # is taken up by the same recommender
    for query in (Query(listener=ann), Query.like([1])):
        answer = recommender.recommend(query, 9)
        adds_up(answer)
        by_id = {result.track.id: result for result in answer.recommendations}
        assert ids(answer).index(5) < ids(before).index(5)
        assert by_id[5].evidence == pytest.approx(blend.evidence[4])
        (traced,) = [r for r in by_id[5].reasons if r.kind == "listeners"]
        assert (traced.ref, traced.words) == (1, "played by people who play Song 1")
        assert by_id[6].evidence == 0  # nobody played it: sound alone speaks
        assert "listeners" not in {reason.kind for reason in by_id[6].reasons}
        assert not any("by sound alone" in notice for notice in answer.notices)
    (library.catalog.home / LISTENING_NAME).write_bytes(b"damaged")
    answer = recommender.recommend(Query(listener=ann), 9)
    assert ids(answer) == ids(before)
    assert "cannot be used" in answer.notices[0]
    (library.catalog.home / LISTENING_NAME).unlink()
    assert recommender.recommend(Query(listener=ann), 9) == before


def test_tracks_that_came_after_the_listening_model(make: Make) -> None:
    songs = [Song(towards(30 * n)) for n in range(6)]
    old, library = make(songs[:5]), make(songs)
    for number in range(9):
        old.listen(f"one {number}", 1, 5)
    old.learn()
    shutil.copy(old.catalog.home / LISTENING_NAME, library.catalog.home)
    ann, eve = library.listen("ann", 1), library.listen("eve", 6)
    recommender = Recommender(library.home)
    assert set(ids(recommender.recommend(Query(listener=ann), 9))) == {2, 3, 4, 5, 6}
    answer = recommender.recommend(Query(listener=eve), 9)
    assert ids(answer) == [5, 4, 3, 2, 1]
    assert "does not know this listener's plays" in answer.notices[0]


@pytest.mark.parametrize("length", [2, 5, 12])
def test_a_path_has_its_ends_and_exactly_its_length(fan: Library, length: int) -> None:
    recommender = Recommender(fan.home)
    query = Query(exclude_artists=("Artist 2",), exclude_tracks=(20, 50))
    answer = recommender.path(10, 50, length, query)
    found = ids(answer)
    assert len(found) == length == len(set(found))
    assert (found[0], found[-1]) == (10, 50)
    assert found == sorted(found)
    assert not any(n % 5 == 2 or n == 20 for n in found[1:-1])
    adds_up(answer)
    whole = recommender.path(10, 50, 100, query)
    assert whole.notices == (
        f"The library has only {len(ids(whole))} of 100 tracks for this path, "
        "with what is left out.",
    )


def test_paths_that_are_none(fan: Library) -> None:
    recommender = Recommender(fan.home)
    for start, end, length in ((1, 1, 5), (1, 2, 1), (1, 2, 501)):
        with pytest.raises(ValueError, match="wanted"):
            recommender.path(start, end, length)


def test_chance_repeats_itself_by_its_seed_and_differs_by_it(fan: Library) -> None:
    recommender = Recommender(fan.home)
    lists = [
        ids(recommender.recommend(Query.like([20], randomness=0.8, seed=s), 9)) for s in (1, 1, 2)
    ]
    assert lists[0] == lists[1] != lists[2]


def test_many_threads_get_the_same_answers(fan: Library) -> None:
    queries = [Query.like([n], seed=n) for n in range(1, 30)] + [Query(listener=1), Query()]
    recommender = Recommender(fan.home)
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda query: recommender.recommend(query, 5), queries * 2))
    assert answers == [Recommender(fan.home).recommend(query, 5) for query in queries] * 2
