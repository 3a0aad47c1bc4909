"""Search by the full-text index of the database."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small_catalog import seen
from sqlalchemy import text

from recsys.catalog import Catalog, Tags, word_search
from recsys.catalog.search import fold
from recsys.catalog.word_search import N_CANDIDATES

LIBRARY = (
    Tags("Sinnerman", "Nina Simone", album="Pastel Blues", genres=("jazz",)),
    Tags("Feeling Good", "Nina Simone", album="I Put a Spell on You", genres=("jazz",)),
    Tags("It's Oh So Quiet", "Björk", album="Post", genres=("art pop",)),
    Tags("Ace of Spades", "Motörhead", album="Ace of Spades", genres=("rock",)),
    Tags("Thunderstruck", "AC/DC", album="The Razors Edge", genres=("rock",)),
    Tags("もののけ姫メインテーマ", "久石譲", album="サウンドトラック"),
    Tags("The Boxer", "Simon & Garfunkel", genres=("folk rock",)),
)


def found(catalog: Catalog, words: str, limit: int = 10) -> list[int]:
    return [track.id for track in catalog.search(words, limit)]


def record(catalog: Catalog, *library: Tags) -> None:
    first = len(catalog.files())
    catalog.record_files([seen(f"{n}", f"{n:032x}", tags) for n, tags in enumerate(library, first)])


def test_tracks_are_found_by_their_words_and_by_words_spelt_nearly_so(catalog: Catalog) -> None:
    record(catalog, *LIBRARY)
    for words, wanted in {
        "nina simone sinnerman": [1],
        "simone sinerman": [1],
        "SINNERMAN, Nina Simone!": [1],
        "bjork its oh so quiet": [3],
        "motorhead": [4],
        "ac dc": [5],
        "acdc thunderstruck": [5],
        "もののけ姫": [6],
        "けひめ": [],
        "姫メイン": [6],
        "garf": [7],
        "rock": [5, 4, 7],
        "spell nina": [2],
        "qwertz zuiop": [],
        "?!": [],
    }.items():
        assert found(catalog, words) == wanted, words


def test_a_title_that_is_typed_whole_is_found_among_many_with_its_words(catalog: Catalog) -> None:
    many = [Tags(f"Some Love {n}", "Love Band") for n in range(2 * N_CANDIDATES)]
    record(catalog, *many, Tags("Love", "Ada"))
    assert found(catalog, "love ada", 1) == [len(many) + 1]
    assert len(many) + 1 in found(catalog, "love", 3)


_NAMES = st.text(st.characters(blacklist_categories=("Cs",)), max_size=12)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(names=st.lists(_NAMES, min_size=1, max_size=3), words=st.text(max_size=20))
def test_any_text_can_be_searched_for_and_in(
    catalog: Catalog, names: list[str], words: str
) -> None:
    n = len(catalog.files())
    record(catalog, *(Tags(name, "Ada") for name in names))
    for number, name in enumerate(names, n + 1):
        if all(letter.isascii() for letter in name) and fold(name):
            assert number in found(catalog, f"{name} ada", 10_000)
    found(catalog, words)


def test_the_index_holds_what_is_there_and_nothing_else(catalog: Catalog) -> None:
    record(catalog, *LIBRARY)
    catalog.record_tags({1: Tags("Renamed", "Nina")})
    catalog.set_presence(gone=[2, 3])
    catalog.record_files([seen("moved", f"{3:032x}", Tags("Rescanned", "M"), track_id=4)])
    assert (found(catalog, "renamed"), found(catalog, "rescanned")) == ([1], [4])
    assert not found(catalog, "sinnerman") and not found(catalog, "quiet")
    catalog.set_presence(back=[3])
    assert found(catalog, "quiet") == [3]
    with catalog._engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM track_words")) == len(LIBRARY) - 1


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_of_very_many_tracks_some_tell_which_words_there_are(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(catalog, *(Tags(f"Sinnerman {n}", f"Simone {n % 7}") for n in range(3000)))
    with catalog._writing() as session:
        session.execute(text("ANALYZE track_words"))
    monkeypatch.setattr(word_search, "_READ", 1500)
    with catalog._reading() as session:
        counts = dict(word_search._of(session).all_words())
    assert len(counts) < 3000 and 1000 < counts["sinnerman"] < 5500  # half of the pages, scaled
    assert len(found(catalog, "sinerman simonne")) == 10
