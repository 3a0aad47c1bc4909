"""Completion of names."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from small_catalog import seen

from recsys.autocomplete import MAX_OF_KIND, Completer
from recsys.catalog import Catalog, Tags

LIBRARY = (
    Tags("Rock Me", "Bob Marley", album="Rockabilly Heaven", genres=("reggae",)),
    Tags("Exodus", "Bob Marley", album="Exodus", genres=("reggae",)),
    Tags("Alone", "Marla Rock", album="Exodus", genres=("folk rock", "krautrock")),
    Tags("A Name That Goes on for More than Twenty-Four Letters", "Ex"),
)


@pytest.fixture(scope="module")
def completer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Completer]:
    path: Path = tmp_path_factory.mktemp("completion")
    with Catalog(path) as catalog:
        catalog.record_files([seen(f"{n}", f"{n:032x}", tags) for n, tags in enumerate(LIBRARY)])
        yield Completer(catalog, ["indie rock", "rock"])


def names(completer: Completer, words: str) -> list[tuple[str, str]]:
    return [(one.kind, one.name) for one in completer.complete(words)]


def test_what_begins_so_comes_before_what_has_it_further_on(completer: Completer) -> None:
    assert names(completer, "rock") == [
        ("album", "Rockabilly Heaven"),
        ("tag", "rock"),
        ("track", "Rock Me"),
        ("artist", "Marla Rock"),
        ("album", "Exodus"),  # of Marla Rock
        ("tag", "folk rock"),
        ("tag", "indie rock"),
        ("track", "Alone"),
    ]


@pytest.mark.parametrize(
    ("words", "first"),
    [
        ("marl", ("artist", "Marla Rock")),  # it begins so; the other has more tracks
        ("bob mar", ("artist", "Bob Marley")),
        ("marley bo", ("artist", "Bob Marley")),
        ("marlley bob", ("track", "Exodus")),
        ("bob marly", ("artist", "Bob Marley")),
        ("rockabilly heavn", ("track", "Rock Me")),
        ("a name that goes on for more th", ("track", LIBRARY[3].title)),
        ("exo", ("album", "Exodus")),
        ("ex", ("artist", "Ex")),
    ],
)
def test_names_are_completed(completer: Completer, words: str, first: tuple[str, str]) -> None:
    assert names(completer, words)[0] == first


def test_the_names_of_most_tracks_come_first_among_many(tmp_path: Path) -> None:
    with Catalog(tmp_path) as catalog:
        artists = [f"Sam {n:03}" for n in range(300)] + ["Sam 299"] * 3 + ["Sam 150"] * 2
        catalog.record_files(
            [seen(f"{n}", f"{n:032x}", Tags("T", name)) for n, name in enumerate(artists)]
        )
        found = names(Completer(catalog, []), "sam")[:MAX_OF_KIND]
    assert found == [("artist", "Sam 299"), ("artist", "Sam 150"), ("artist", "Sam 000")]
