from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from small_catalog import AUDIO, seen

from recsys.catalog import Catalog, Listen, Match, Opinion, Recording, ScannedFile, Tags
from recsys.catalog.comparisons import pair
from recsys.listens.matching import LibraryTracks, match_recordings
from recsys.listens.names import artist_name, marks, track_title

MBID = "3c1a9ed0-1b1d-4f9c-8ab0-5d1f2f5a5d37"
OTHER_MBID = "9f2d7c1e-0b60-4b0e-9a44-0d9c7d1f6a11"
ISRC = "USPR36507810"
BLUE = Recording("Ada", "Blue")


def file(
    name: str, title: str = "Blue", artist: str = "Ada", *, seconds: float = 200.0, **tags: object
) -> ScannedFile:
    """A file of a track; its audio is its own."""
    found = seen(name, tags=Tags(title, artist, **tags))  # type: ignore[arg-type]
    return found._replace(audio=replace(AUDIO, audio_hash=name, duration=seconds))


def found(catalog: Catalog, recording: Recording) -> tuple[int, str] | None:
    """The track and the rung of a recording, in the library as it is."""
    match = LibraryTracks(catalog.available_tracks(), catalog.recording_groups()).match(recording)
    return match and (match.track_id, match.level)


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Catalog]:
    """A catalogue for what does not depend on the database."""
    with Catalog(tmp_path / "home") as catalog:
        yield catalog


@pytest.mark.parametrize(
    ("recording", "rung"),
    [
        (Recording("Other", "Name", mbid=MBID), "mbid"),
        (Recording("Other", "Name", mapped_mbid=MBID), "mbid"),
        (Recording("Other", "Name", mbid=OTHER_MBID, mapped_mbid=MBID), "mbid"),
        (Recording("Other", "Name", isrc=ISRC), "isrc"),
        (Recording(item="b1"), "file"),
        (Recording("ADA", "blue"), "name"),
        (Recording("Ada feat. Bix", "Blüe (Remastered 2011)"), "name"),
        (Recording("The Ada", "Blue [feat. Bix]"), "name"),
        (Recording("Adá", "Blue - 2009 Remaster"), "name"),
    ],
)
def test_each_rung_finds_the_track(shelf: Catalog, recording: Recording, rung: str) -> None:
    shelf.record_files(
        [
            file("a.mp3", "Else"),
            file("b1.mp3", recording_mbid=MBID, isrc=ISRC),
            file("c.mp3", "Red"),
        ]
    )
    assert found(shelf, recording) == (2, rung)


def test_the_surest_rung_decides(shelf: Catalog) -> None:
    shelf.record_files(
        [
            file("a.mp3", "Blue"),
            file("b.mp3", "Red", isrc=ISRC),
            file("c.mp3", "Green", recording_mbid=MBID),
        ]
    )
    assert found(shelf, BLUE._replace(isrc=ISRC, mbid=MBID)) == (3, "mbid")
    assert found(shelf, BLUE._replace(isrc=ISRC, mbid=OTHER_MBID)) == (2, "isrc")
    assert found(shelf, BLUE._replace(isrc="USPR36507811")) == (1, "name")


@pytest.mark.parametrize(
    ("artist", "title", "is_found"),
    [
        ("Katarina Olofsson", "The Wandering Heron", True),
        ("Katarina Olofson", "The Wandering Heron", True),
        ("Katarina Olofsson", "The Wanderng Heron", True),
        ("Catarina Olofsson", "The Wandering Herons", True),
        ("Katarina Olofsson", "The Wandering Heron (Live)", False),
        ("Katarina Olofsson", "The Wandering Heron, Pt. 2", False),
        ("Katarina Olofsson", "The Wandering Horse", False),
        ("Karin Oloffsdottir", "The Wandering Heron", False),
        ("", "The Wandering Heron", False),
        ("Katarina Olofsson", "", False),
    ],
)
def test_typing_errors_are_forgiven_and_versions_kept_apart(
    shelf: Catalog, artist: str, title: str, is_found: bool
) -> None:
    shelf.record_files([file("a.mp3", "The Wandering Heron", "Katarina Olofsson")])
    match = found(shelf, Recording(artist, title))
    assert (match is not None) is is_found
    if match and (artist, title) != ("Katarina Olofsson", "The Wandering Heron"):
        assert match[1] == "fuzzy"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Prelude No. 1", "Prelude No. 2"),
        ("Nocturne in E minor", "Nocturne in E major"),
        ("Nocturne in the key of C", "Nocturne in the key of D"),
        ("Wandering Heron (Acoustic)", "Wandering Heron (Electric)"),
        ("Symphony Part II", "Symphony Part III"),
        ("Wandering Heron Remix", "Wandering Heron Demix"),
    ],
)
def test_pieces_of_nearly_one_name_stay_apart(shelf: Catalog, one: str, other: str) -> None:
    shelf.record_files([file("a.mp3", one)])
    assert found(shelf, Recording("Ada", other)) is None


@pytest.mark.parametrize(
    ("title", "wanted"),
    [
        ("Blue (Live)", "blue live"),
        ("Blue (Live at the Apollo) [2009 Remaster]", "blue live at the apollo"),
        ("Blue - Remastered 2009 - Bonus Track", "blue"),
        ("Blue (feat. Bix & Cleo) - Acoustic", "blue acoustic"),
        ("Blue ft. Bix", "blue"),
        ("Blue (Bix Remix)", "blue bix remix"),
        ("(I Can't Get No) Blue", "i cant get no blue"),
        ("Blue (Part 2)", "blue part 2"),
        ("Ft. Worth Blues", "ft worth blues"),
        ("(Remastered)", "remastered"),
        ("???", "???"),
        ("青 (Remaster)", "青"),
        ("Blue (Original Mix)", "blue"),
        ("Left", "left"),
        ("Blue (Deluxe Edition)", "blue"),
    ],
)
def test_a_title_loses_its_edition_and_not_its_version(title: str, wanted: str) -> None:
    assert track_title(title) == wanted


def test_names_of_only_articles_and_marks_stay_names() -> None:
    assert artist_name("The The") == "the the"
    assert artist_name("!!!") == "!!!"
    assert artist_name("") == ""
    assert marks("the 4 seasons ii") == {"4", "2"}


# Several candidates


def test_of_several_the_same_album_wins_then_the_length_then_the_lowest_id(
    shelf: Catalog,
) -> None:
    shelf.record_files(
        [
            file("a.mp3", album="First", seconds=200),
            file("b.mp3", album="Best Of", seconds=215),
            file("c.mp3", album="Colours", seconds=208),
        ]
    )
    assert found(shelf, BLUE) == (1, "name")
    assert found(shelf, BLUE._replace(album="best of (deluxe edition)")) == (2, "name")
    assert found(shelf, BLUE._replace(duration=216)) == (2, "name")
    assert found(shelf, BLUE._replace(duration=208, album="First")) == (1, "name")
    assert found(shelf, BLUE._replace(duration=207, album="Unknown")) == (3, "name")


def test_of_one_recording_in_several_files_the_lowest_id_has_the_listens(shelf: Catalog) -> None:
    shelf.record_files(
        [
            file("a.mp3", album="First", recording_mbid=MBID, seconds=200),
            file("b.mp3", album="Best Of", recording_mbid=MBID, seconds=201),
            file("c.mp3", album="Radio", recording_mbid=MBID, seconds=150),
        ]
    )
    assert found(shelf, BLUE._replace(album="Best Of")) == (2, "name")
    first, second = (track.audio_hash or "" for track in shelf.tracks([1, 2]))
    shelf.record_verdicts({pair(first, second): True})  # a build compared them
    assert found(shelf, BLUE._replace(album="Best Of")) == (1, "name")
    assert found(shelf, Recording(mbid=MBID, duration=151)) == (3, "mbid")


def test_live_and_studio_are_not_merged(shelf: Catalog) -> None:
    shelf.record_files(
        [
            file("a.mp3", album="Live at the Apollo", seconds=200),
            file("b.mp3", "Green", album="Colours"),
            file("c.mp3", "Red", album="Colours"),
            file("d.mp3", "Red", album="Red - Live", seconds=200),
        ]
    )
    assert found(shelf, BLUE._replace(album="Colours")) is None
    assert found(shelf, BLUE._replace(album="Live at the Apollo")) == (1, "name")
    assert found(shelf, BLUE._replace(title="Green", album="Live in Paris")) is None
    assert found(shelf, BLUE._replace(title="Green (Live)")) is None
    assert found(shelf, BLUE._replace(title="Green", album="Live Through This")) == (2, "name")
    assert found(shelf, BLUE._replace(title="Red")) == (3, "name")
    assert found(shelf, BLUE._replace(title="Red", album="Live in Rome")) == (4, "name")


def test_lengths_far_apart_are_other_versions_but_for_clips(shelf: Catalog) -> None:
    shelf.record_files([file("a.mp3", seconds=200), file("clip.mp3", "Red", seconds=30)])
    assert found(shelf, BLUE._replace(duration=215)) == (1, "name")
    assert found(shelf, BLUE._replace(duration=400)) is None
    assert found(shelf, BLUE._replace(title="Red", duration=400)) == (2, "name")


def test_another_mbid_needs_the_same_length_or_album(shelf: Catalog) -> None:
    shelf.record_files([file("a.mp3", album="Colours", recording_mbid=MBID, seconds=200)])
    other = BLUE._replace(mbid=OTHER_MBID)
    assert found(shelf, other) is None
    assert found(shelf, other._replace(duration=201)) == (1, "name")
    assert found(shelf, other._replace(album="Colours")) == (1, "name")


# In the catalogue


def matches(catalog: Catalog) -> list[Match | None]:
    return [kept.match for kept in catalog.recordings_after(0, 100)]


def test_what_was_not_found_is_kept_and_found_when_the_track_comes(catalog: Catalog) -> None:
    heard = [Listen("ann", BLUE, 100), Listen("ann", BLUE._replace(title="Red"), 200)]
    catalog.store_listening([*heard, Listen("ann", BLUE, 300)])
    assert match_recordings(catalog) == 0
    assert catalog.unmatched(5) == [(BLUE, 2), (BLUE._replace(title="Red"), 1)]
    catalog.record_files([file("a.mp3")])
    revision = catalog.listens_revision
    assert match_recordings(catalog) == 1
    assert catalog.listens_revision > revision
    assert matches(catalog) == [Match(1, "name"), None]
    assert [(row.level, row.recordings, row.listens) for row in catalog.match_counts()] == [
        ("name", 1, 2),
        (None, 1, 1),
    ]
    revision = catalog.listens_revision
    assert match_recordings(catalog) == 0
    assert catalog.listens_revision == revision


def test_nothing_is_compared_where_nothing_changed(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog.record_files([file("a.mp3")])
    catalog.store_listening([Listen("ann", BLUE, 100)])
    match_recordings(catalog)
    compared = []
    match = LibraryTracks.match
    monkeypatch.setattr(
        LibraryTracks, "match", lambda self, r: compared.append(r) or match(self, r)
    )
    match_recordings(catalog)
    assert compared == []
    catalog.store_listening([Listen("ann", BLUE._replace(title="Red"), 100)])
    match_recordings(catalog)
    assert compared == [BLUE._replace(title="Red")]
    catalog.record_files([file("b.mp3", "Red")])
    match_recordings(catalog)
    assert [recording.title for recording in compared] == ["Red", "Blue", "Red"]


def test_a_removed_track_keeps_its_listens_until_another_file_has_them(catalog: Catalog) -> None:
    catalog.record_files([file("a.mp3")])
    listener = catalog.listener("ann", create=True)
    assert listener
    catalog.store_listening([Listen("ann", BLUE, 100)])
    catalog.record_listens(listener.id, [(1, 200)])
    match_recordings(catalog)
    catalog.set_presence(gone=[1])
    match_recordings(catalog)
    assert matches(catalog) == [Match(1, "name"), Match(1, "library")]
    catalog.record_files([file("a.flac")])
    match_recordings(catalog)
    assert matches(catalog) == [Match(2, "name"), Match(2, "name")]
    assert catalog.history(listener.id).counts.tolist() == [2]
    catalog.set_presence(back=[1], gone=[2])
    match_recordings(catalog)
    assert matches(catalog) == [Match(1, "name"), Match(1, "library")]


def test_a_track_that_got_another_name_loses_its_match(catalog: Catalog) -> None:
    catalog.record_files([file("a.mp3")])
    catalog.store_listening([Listen("ann", BLUE, 100)])
    match_recordings(catalog)
    catalog.record_files([file("a.mp3", "Quite Another")._replace(track_id=1)])
    assert match_recordings(catalog) == 1
    assert matches(catalog) == [None]


def test_feedback_by_a_services_identifier_finds_what_was_heard(catalog: Catalog) -> None:
    catalog.record_files([file("a.mp3")])
    catalog.store_listening([Opinion("ann", Recording(item="msid-1"), "like", 100)])
    match_recordings(catalog)
    assert matches(catalog) == [None]
    catalog.store_listening([Listen("ann", BLUE._replace(item="msid-1"), 50)])
    assert match_recordings(catalog) == 2
    assert matches(catalog) == [Match(1, "item"), Match(1, "name")]
    catalog.record_files([file("b.mp3", "Unrelated")])
    assert match_recordings(catalog) == 0
    catalog.record_files([file("a.mp3", "Quite Another")._replace(track_id=1)])
    assert match_recordings(catalog) == 2
    assert matches(catalog) == [None, None]


def test_listens_of_artists_are_of_no_track(catalog: Catalog) -> None:
    catalog.record_files([file("51.mp3", artist="Ada")])
    artist = Recording("Ada", item="51", kind="artist")
    catalog.store_listening([Listen("ann", artist, 100)])
    assert match_recordings(catalog) == 0
    assert matches(catalog) == [None]


def test_matching_goes_on_where_it_was_stopped(
    catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recsys.listens.matching._RECORDINGS_AT_ONCE", 2)
    catalog.record_files([file(f"{i}.mp3", f"Song {i}") for i in range(5)])
    songs = [Recording("Ada", f"Song {i}") for i in range(5)]
    catalog.store_listening([Listen("ann", song, 100) for song in songs])

    def stop(n_done: int) -> None:
        if n_done >= 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        match_recordings(catalog, stop)
    assert [match is not None for match in matches(catalog)] == [True, True, False, False, False]
    assert match_recordings(catalog) == 3
    assert [match and match.track_id for match in matches(catalog)] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("key", ["recording_mbid", "isrc"])
def test_an_identifier_of_several_songs_by_mistake_joins_none_of_them(
    shelf: Catalog, key: str
) -> None:
    value = MBID if key == "recording_mbid" else ISRC
    titles = ("Blue", "Red", "Grey")
    shelf.record_files([file(f"{title}.mp3", title, **{key: value}) for title in titles])
    shelf.record_files([file("d.mp3", "Green")])
    said = {"recording_mbid": {"mbid": MBID}, "isrc": {"isrc": ISRC}}[key]
    level = {"recording_mbid": "mbid", "isrc": "isrc"}[key]
    for number, title in enumerate(titles, start=1):
        assert found(shelf, Recording("Ada", title, **said)) == (number, level)  # type: ignore[arg-type]
    assert found(shelf, Recording("Ada", "Green", **said)) == (4, "name")  # type: ignore[arg-type]
    assert found(shelf, Recording("Ada", "Yellow", **said)) is None  # type: ignore[arg-type]


def test_copies_of_one_recording_may_have_several_titles(shelf: Catalog) -> None:
    shelf.record_files([file(name, name, recording_mbid=MBID) for name in ("Blue", "Blau")])
    shelf.record_verdicts({pair("Blue", "Blau"): True})
    assert found(shelf, Recording("Ada", "Bleu", mbid=MBID)) == (1, "mbid")
