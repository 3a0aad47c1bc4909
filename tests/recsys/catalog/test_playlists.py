from __future__ import annotations

import pytest
from small_catalog import seen, someone, with_tracks

from recsys.catalog import LONGEST_PLAYLIST, AccountError, Catalog, PlaylistChanged, Tags
from recsys.listens.matching import match_recordings
from recsys.playlists import Entry, Playlist, resolve


def test_a_playlist_is_kept_replaced_and_deleted(catalog: Catalog) -> None:
    with_tracks(catalog, 4)
    ann = someone(catalog)
    made = catalog.save_playlist(ann, "Evening", [3, 1, 3])
    assert (made.name, made.track_ids, made.revision) == ("Evening", (3, 1, 3), 1)
    assert catalog.playlist(ann, made.id) == made
    again = catalog.save_playlist(ann, "Night", [2], made.id)
    assert (again.id, again.name, again.track_ids, again.revision) == (made.id, "Night", (2,), 2)
    assert again.created_at == made.created_at
    empty = catalog.save_playlist(ann, "Night", [])  # two may have one name
    assert catalog.playlists(ann) == [again, empty]
    assert catalog.playlists(ann, after=made.id) == [empty]
    assert catalog.playlists(ann, limit=1) == [again]
    catalog.delete_playlist(ann, empty.id)
    assert catalog.playlist(ann, empty.id) is None
    assert catalog.save_playlist(ann, "New", []).id > empty.id  # ids are not used again


def test_a_playlist_is_its_listeners_alone(catalog: Catalog) -> None:
    with_tracks(catalog, 1)
    ann, bob = someone(catalog), someone(catalog, "bob")
    made = catalog.save_playlist(ann, "Evening", [1])
    assert catalog.playlists(bob) == []
    assert catalog.playlist(bob, made.id) is None
    with pytest.raises(KeyError):
        catalog.save_playlist(bob, "Mine", [], made.id)
    with pytest.raises(KeyError):
        catalog.delete_playlist(bob, made.id)
    assert catalog.playlist(ann, made.id) == made


def test_a_second_writer_is_told(catalog: Catalog) -> None:
    with_tracks(catalog, 2)
    ann = someone(catalog)
    made = catalog.save_playlist(ann, "Evening", [1])
    kept = catalog.save_playlist(ann, "Evening", [1, 2], made.id, revision=1)
    with pytest.raises(PlaylistChanged):
        catalog.save_playlist(ann, "Evening", [], made.id, revision=1)
    with pytest.raises(PlaylistChanged):
        catalog.delete_playlist(ann, made.id, revision=1)
    assert catalog.playlist(ann, made.id) == kept
    catalog.delete_playlist(ann, made.id, revision=2)
    assert catalog.playlists(ann) == []


@pytest.mark.parametrize(
    ("name", "track_ids", "error"),
    [
        ("", [1], ValueError),
        ("x" * 201, [1], ValueError),
        ("a\0b", [1], ValueError),
        ("Long", [1] * (LONGEST_PLAYLIST + 1), ValueError),
        ("Unknown", [1, 99], KeyError),
    ],
)
def test_bad_input_changes_nothing(
    catalog: Catalog, name: str, track_ids: list[int], error: type[Exception]
) -> None:
    with_tracks(catalog, 1)
    ann = someone(catalog)
    made = catalog.save_playlist(ann, "Evening", [1])
    for playlist_id in (None, made.id):
        with pytest.raises(error):
            catalog.save_playlist(ann, name, track_ids, playlist_id)
    assert catalog.playlists(ann) == [made]


def test_entries_outlive_their_files(catalog: Catalog) -> None:
    with_tracks(catalog, 3)
    ann = someone(catalog)
    made = catalog.save_playlist(ann, "Evening", [1, 2])
    assert catalog.listens_revision == 0  # what is listed is not heard: no model is fitted anew
    catalog.set_presence(gone=[2])
    assert catalog.playlist(ann, made.id) == made
    catalog.record_files([seen("copy.flac", tags=Tags("2.flac", "Nobody"))])
    match_recordings(catalog)
    found = catalog.playlist(ann, made.id)
    assert found
    assert found.track_ids == (1, 4)
    assert catalog.interactions().counts.nnz == 0


@pytest.mark.parametrize(
    "name", ["", " ", "a\0b", "\ud800", "a\nb", "a\x9bb", "a\u2029b", "x" * 201]
)
def test_what_is_no_name_is_written_nowhere(catalog: Catalog, name: str) -> None:
    with_tracks(catalog, 1)
    ann = someone(catalog)
    with pytest.raises(ValueError, match="1 to 200"):
        catalog.save_playlist(ann, name, [1])
    with pytest.raises(ValueError, match="1 to 200"):
        catalog.teach(ann, name, [(1, True)])
    with pytest.raises(ValueError, match="1 to 200"):
        catalog.listener(name, create=True)
    with pytest.raises(AccountError, match="printable"):
        catalog.people.add(name, "hash", "member", 1)
    assert catalog.playlists(ann) == []
    assert catalog.examples(ann) == []
    assert [known.id for known in catalog.listeners()] == [ann]


@pytest.mark.parametrize("text", ["a\0b", "\ud800", "a\x01b", "x" * 5000])
def test_any_text_may_be_looked_for(catalog: Catalog, text: str) -> None:
    with_tracks(catalog, 1)
    assert catalog.listener(text) is None
    assert catalog.people.by_name(text) is None
    assert catalog.by_artist(text) == []
    assert isinstance(catalog.search(text), list)
    assert not catalog.forget_tag(someone(catalog), text)
    entry = Entry(location=text, title=text, creator=text, album=text)
    (found,) = resolve(catalog, Playlist("", (entry,)), follow_links=False)
    assert found.track_id is None
