from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small_catalog import MODEL, heard, seen
from sqlalchemy import text

from encoders.errors import AudioError
from encoders.features import Descriptors
from recsys.catalog import Catalog, CatalogError, Counts, Tags


def test_a_new_catalogue_is_empty(catalog: Catalog) -> None:
    assert catalog.counts() == Counts(0, 0, 0, 0)
    assert catalog.files() == {}
    assert catalog.track(1) is None
    assert list(catalog.available_tracks()) == []
    assert catalog.pending(MODEL) == []
    assert catalog.search("anything") == []


def test_a_track_comes_back_as_it_was_written(catalog: Catalog) -> None:
    tags = Tags(
        "Sinnerman",
        "Nina Simone",
        "Nina Simone",
        "Pastel Blues",
        10,
        1,
        1965,
        ("jazz", "soul"),
        "3c1a9ed0-1b1d-4f9c-8ab0-5d1f2f5a5d37",
        "USPR36507810",
        True,
    )
    catalog.record_files([seen("sinnerman.flac", "a" * 32, tags)])
    track = catalog.track(1)
    assert track is not None
    assert {name: getattr(track, name) for name in vars(tags)} == vars(tags)
    assert track.path == Path("/music/sinnerman.flac")
    assert (track.duration, track.sample_rate, track.channels, track.codec, track.audio_hash) == (
        12.5,
        44100,
        2,
        "flac",
        "a" * 32,
    )
    assert (track.status, track.error, track.removed) == ("pending", None, False)
    assert track.added_at > 0


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(title=st.text(st.characters(), max_size=30), name=st.binary(min_size=1, max_size=30))
def test_any_text_and_any_file_name_survive(catalog: Catalog, title: str, name: bytes) -> None:
    path = Path(os.fsdecode(name.replace(b"\0", b"0").replace(b"/", b"_")))
    known = catalog.files()
    at = Path("/music") / path
    scanned_file = seen("x", tags=Tags(title=title, artist="A", genres=(title, "rock")))
    track_id = known[at].id if at in known else None
    catalog.record_files([scanned_file._replace(path=at, track_id=track_id)])
    track = catalog.track(catalog.files()[at].id)
    assert track is not None
    assert track.path == at
    if "\0" not in title and not any("\ud800" <= c <= "\udfff" for c in title):
        assert track.title == title
        assert track.genres == (title, "rock")


def test_impossible_and_endless_texts_are_made_storable(catalog: Catalog) -> None:
    endless = "a\0b\ud83c\U0001f3b5" * 1_000_000
    catalog.record_files([seen("x", tags=Tags(title=endless, artist="A", genres=(endless,)))])
    track = catalog.track(1)
    assert track is not None
    assert track.title.startswith("ab\ufffd\U0001f3b5ab")
    assert len(track.title) == len(track.genres[0]) == 1000


def test_a_title_of_megabytes_keeps_its_beginning(catalog: Catalog) -> None:
    catalog.record_files([seen("x", tags=Tags(title="la " * 1_000_000, artist="A"))])
    track = catalog.track(1)
    assert track is not None
    assert track.title == ("la " * 1000)[:999] + "…"


def test_ids_follow_the_order_given_and_are_not_used_again(catalog: Catalog) -> None:
    catalog.record_files([seen("b"), seen("a"), seen("c")])
    with pytest.raises(CatalogError):
        catalog.record_files([seen("d"), seen("a")])  # a stored path as new: nothing is written
    catalog.record_files([seen("d")])
    assert {path.name: file.id for path, file in catalog.files().items()} == {
        "b": 1,
        "a": 2,
        "c": 3,
        "d": 4,
    }
    with catalog._writing() as session:
        session.execute(text("DELETE FROM tracks WHERE id = 4"))
    catalog.record_files([seen("e")])
    assert catalog.files()[Path("/music/e")].id == 5


def test_tracks_come_in_the_order_asked_for(catalog: Catalog) -> None:
    catalog.record_files([seen(f"{i:04}") for i in range(1200)])
    assert [track.id for track in catalog.tracks([1100, 7, 99999, 3, 7])] == [1100, 7, 3, 7]
    assert [track.id for track in catalog.tracks(np.array([1100, 7]))] == [1100, 7]
    assert [track.id for track in catalog.available_tracks()] == list(range(1, 1201))


def test_features_come_back_bit_by_bit_in_the_order_of_ids(catalog: Catalog) -> None:
    catalog.record_files([seen(f"{i:04}") for i in range(1100)])
    tags = np.ones((20, 5), np.float16)[:, ::-1]  # not contiguous
    small = replace(heard(), tags=tags, segment_seconds=29.1)
    wanted = {i: replace(small, pooled=np.full(4, i / 7, np.float16)) for i in range(1, 1101)}
    catalog.store_features(MODEL, reversed(list(wanted.items())))
    found = list(catalog.iter_features(MODEL))
    assert [track_id for track_id, _ in found] == list(range(1, 1101)) == catalog.ready_ids(MODEL)
    for track_id, features in found:
        for name, value in vars(wanted[track_id]).items():
            assert np.asarray(getattr(features, name)).dtype == np.asarray(value).dtype
            np.testing.assert_array_equal(getattr(features, name), value)
    some = [track_id for track_id, _ in catalog.iter_features(MODEL, [900, 5, 5, 4000])]
    assert some == [5, 900]
    assert list(catalog.iter_features("another")) == []


def test_a_track_of_sixty_seconds_fits_into_twenty_kilobytes(catalog: Catalog) -> None:
    catalog.record_files([seen("a")])
    catalog.store_features(MODEL, [(1, heard(segments=20))])
    with catalog._reading() as session:
        size = session.scalar(text("SELECT length(blob) FROM features"))
    assert size <= 20_000


def test_stored_features_make_a_track_ready_and_errors_make_it_failed(catalog: Catalog) -> None:
    catalog.record_files([seen("a"), seen("b"), seen("c")])
    assert catalog.pending(MODEL) == [
        (1, Path("/music/a")),
        (2, Path("/music/b")),
        (3, Path("/music/c")),
    ]
    catalog.store_features(MODEL, [(2, AudioError("b is silent.")), (1, heard())])
    assert catalog.pending(MODEL) == [(3, Path("/music/c"))]
    assert catalog.counts() == Counts(ready=1, pending=1, failed=1, removed=0)
    assert [(track.id, track.error) for track in catalog.failures()] == [(2, "b is silent.")]
    assert [track_id for track_id, _ in catalog.pending("another")] == [1, 3]
    catalog.store_features(MODEL, [(1, heard(0.25))])
    assert next(iter(catalog.iter_features(MODEL)))[1].pooled[0] == 0.25


def test_tracks_of_one_audio_share_features(catalog: Catalog) -> None:
    catalog.record_files([seen("a", "same"), seen("b", "same"), seen("c")])
    assert [track_id for track_id, _ in catalog.pending(MODEL)] == [1, 3]
    catalog.store_features(MODEL, [(1, heard())])
    assert catalog.ready_ids(MODEL) == [1, 2]
    catalog.record_files([seen("d", "same")])  # known later: ready at once
    assert catalog.ready_ids(MODEL) == [1, 2, 4]
    assert [track_id for track_id, _ in catalog.pending(MODEL)] == [3]


def test_the_second_of_one_audio_has_its_turn_if_the_first_fails(catalog: Catalog) -> None:
    catalog.record_files([seen("a", "same"), seen("b", "same")])
    catalog.store_features(MODEL, [(1, AudioError("a cannot be read."))])
    assert [track_id for track_id, _ in catalog.pending(MODEL)] == [2]
    catalog.store_features(MODEL, [(2, heard())])
    assert catalog.ready_ids(MODEL) == [2]
    assert [track.id for track in catalog.failures()] == [1]


@pytest.mark.parametrize("damage", ["blob = substr(blob, 1, 100)", "checksum = checksum + 1"])
def test_damaged_features_are_missing_and_pending_again(catalog: Catalog, damage: str) -> None:
    catalog.record_files([seen("a"), seen("b")])
    catalog.store_features(MODEL, [(1, heard()), (2, heard())])
    with catalog._writing() as session:
        session.execute(text(f"UPDATE features SET {damage} WHERE track_id = 1"))
    assert [track_id for track_id, _ in catalog.iter_features(MODEL)] == [2]
    assert catalog.drop_damaged_features(MODEL) == 1
    assert catalog.pending(MODEL) == [(1, Path("/music/a"))]
    assert catalog.counts() == Counts(ready=1, pending=1, failed=0, removed=0)
    assert catalog.drop_damaged_features(MODEL) == 0


def test_features_of_another_shape_are_damaged_too(catalog: Catalog) -> None:
    catalog.record_files([seen("a")])
    catalog.store_features(MODEL, [(1, heard())])
    with catalog._writing() as session:  # sound by its checksum, yet no safetensors file
        row = text("UPDATE features SET blob = :blob, checksum = 891568578")
        session.execute(row, {"blob": b"abc"})
    assert list(catalog.iter_features(MODEL)) == []
    assert catalog.drop_damaged_features(MODEL) == 1


def test_other_audio_at_a_path_drops_the_features(catalog: Catalog) -> None:
    catalog.record_files([seen("a"), seen("b")])
    catalog.store_features(MODEL, [(1, heard()), (2, heard())])
    catalog.record_files([seen("a", "other", track_id=1), seen("b", track_id=2)])
    assert catalog.ready_ids(MODEL) == [2]
    assert catalog.pending(MODEL) == [(1, Path("/music/a"))]


def test_a_file_that_fails_and_recovers_keeps_its_features(catalog: Catalog) -> None:
    catalog.record_files([seen("a")])
    catalog.store_features(MODEL, [(1, heard())])
    broken = seen("a", track_id=1)._replace(audio=AudioError("a ends in the middle."))
    catalog.record_files([broken])
    assert catalog.ready_ids(MODEL) == []
    assert catalog.pending(MODEL) == []
    catalog.record_files([seen("a", track_id=1)])
    assert catalog.ready_ids(MODEL) == [1]
    assert catalog.failures() == []


def test_removed_tracks_keep_everything_but_their_place(catalog: Catalog) -> None:
    catalog.record_files([seen("a"), seen("b")])
    catalog.store_features(MODEL, [(1, heard()), (2, heard())])
    catalog.set_presence(gone=[1])
    assert catalog.ready_ids(MODEL) == [2]
    assert [track.id for track in catalog.available_tracks()] == [2]
    assert catalog.counts() == Counts(ready=1, pending=0, failed=0, removed=1)
    track = catalog.track(1)
    assert track is not None
    assert track.removed
    assert catalog.files()[track.path].removed
    catalog.set_presence(back=[1])
    assert catalog.ready_ids(MODEL) == [1, 2]


def test_the_revision_rises_with_what_matters_to_an_index(catalog: Catalog) -> None:
    def rises(change: object) -> bool:
        nonlocal before
        after = catalog.revision
        before, risen = after, after > before
        return risen

    before = catalog.revision
    assert rises(catalog.record_files([seen("a")]))
    assert rises(catalog.store_features(MODEL, [(1, heard())]))
    assert not rises(catalog.record_files([seen("a", tags=Tags("New title", "A"), track_id=1)]))
    assert rises(catalog.record_files([seen("a", "other", track_id=1)]))
    assert rises(catalog.set_presence(gone=[1]))
    assert rises(catalog.set_presence(back=[1]))
    assert not rises(catalog.files())


def test_the_same_recording_is_one_group(catalog: Catalog) -> None:
    named = Tags("T", "A", recording_mbid="m")  # which proves nothing
    audios = ("x", "x", "a", "b", "c", "d", "e", "x")
    catalog.record_files([seen(str(n), audio, named) for n, audio in enumerate(audios, start=1)])
    assert catalog.recording_groups() == {1: 1, 2: 1, 8: 1}
    revision = catalog.revision
    catalog.record_verdicts({("a", "e"): False})
    assert catalog.revision == revision
    same = {("a", "b"): True, ("b", "c"): True, ("a", "c"): False, ("d", "x"): True}
    catalog.record_verdicts(same)
    assert catalog.revision == revision + 1
    assert catalog.verdicts() == {**same, ("a", "e"): False}
    assert catalog.recording_groups() == {1: 1, 2: 1, 3: 3, 4: 3, 6: 1, 8: 1}
    catalog.set_presence(gone=[1, 3])
    assert catalog.recording_groups() == {2: 2, 4: 4, 5: 4, 6: 2, 8: 2}


def test_search_sees_new_tags_and_no_removed_tracks(catalog: Catalog) -> None:
    catalog.record_files(
        [
            seen("a", tags=Tags("Sinnerman", "Nina Simone", album="Pastel Blues")),
            seen("b", tags=Tags("Feeling Good", "Nina Simone")),
        ]
    )
    assert [track.id for track in catalog.search("simone sinerman")] == [1]
    assert [track.id for track in catalog.search("nina simone")] == [1, 2]
    catalog.record_files([seen("b", tags=Tags("Sinnerman (live)", "Nina Simone"), track_id=2)])
    assert [track.id for track in catalog.search("nina simone sinnerman")] == [1, 2]
    catalog.set_presence(gone=[1])
    assert [track.id for track in catalog.search("nina simone sinnerman")] == [2]
    assert catalog.search("qwertz zuiop") == []
    catalog.record_files([seen("c", tags=Tags("Title", "A", genres=("jazz", "Müsette")))])
    assert [track.id for track in catalog.search("musette")] == [3]


READER = """
import sys
from pathlib import Path
from recsys.catalog import Catalog
with Catalog(Path(sys.argv[1]), sys.argv[2] or None) as catalog:
    print("reading", flush=True)
    n = 0
    while n < 1000:
        ids = sorted(file.id for file in catalog.files().values())
        assert len(ids) >= n and len(ids) % 50 == 0 and ids == list(range(1, len(ids) + 1)), ids
        n = len(ids)
        assert len(catalog.search("nobody", 5)) >= min(n, 5)
"""


def test_a_process_reads_whole_transactions_while_another_writes(
    catalog: Catalog, home: Path, database: str | None
) -> None:
    command = [sys.executable, "-W", "error", "-c", READER, str(home), database or ""]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as reader:
        assert reader.stdout is not None
        assert reader.stdout.readline() == b"reading\n"
        for start in range(0, 1000, 50):
            catalog.record_files([seen(f"{i:04}") for i in range(start, start + 50)])
    assert reader.returncode == 0


def test_descriptors_are_those_of_the_audio_and_of_its_copies(catalog: Catalog) -> None:
    tags = Tags("a", "Nobody", bpm=174.0)
    catalog.record_files([seen("a.flac", "same", tags), seen("b.flac", "same"), seen("c.flac")])
    assert catalog.undescribed(["m"]) == [], "nothing is analysed"
    catalog.store_features(MODEL, [(1, heard()), (3, heard())])
    assert catalog.undescribed(["m"]) == [1, 3]
    catalog.describe({"same": Descriptors("m", 87.0, "A minor", -14.0)})
    assert catalog.undescribed(["m"]) == [3]
    assert catalog.undescribed(["better"]) == [1, 3]
    one, copy, other = catalog.tracks([1, 2, 3])
    assert (one.estimated_bpm, one.estimated_key, one.loudness) == (87.0, "A minor", -14.0)
    assert (one.tempo, one.key) == (174.0, "A minor"), "the tag's, an octave from the estimate"
    assert (copy.tempo, other.tempo, other.key) == (87.0, None, None)
    summaries = {summary.id: summary for summary in catalog.track_summaries()}
    assert (summaries[1].tempo, summaries[2].key) == (174.0, "A minor")
    before = catalog.track_revision
    catalog.describe({"same": Descriptors("better", 100.0, None, None)}, renews=True)
    assert catalog.track_revision == before + 1
    (one,) = catalog.tracks([1])
    assert (one.tempo, one.key) == (100.0, None), "the audio contradicts the tag"


def test_the_names_of_available_tracks_are_told(catalog: Catalog) -> None:
    tags = Tags("a", "Ann", album="First", album_artist="All", genres=("jazz", "låt"))
    catalog.record_files([seen("a.flac", tags=tags), seen("b.flac"), seen("c.flac")])
    catalog.set_presence(gone=[3])
    one, other = catalog.track_names()
    assert one == (1, "Ann", "First", "All", ("jazz", "låt"))
    assert (other.id, other.album, other.genres) == (2, None, ())


def test_an_artist_is_found_by_the_whole_of_a_long_name(catalog: Catalog) -> None:
    rng = np.random.default_rng(0)
    letters = "".join(map(chr, rng.integers(0x1F300, 0x1F5FF, 999)))
    names = [letters, letters[:-1] + "x", letters[:200], "", "Björk"]
    catalog.record_files(
        [seen(f"{n}.mp3", tags=Tags(f"{n}", name)) for n, name in enumerate(names)]
    )
    assert [catalog.by_artist(name) for name in names] == [[1], [2], [3], [4], [5]]
    with catalog._reading() as session:
        asked = "SELECT id FROM tracks WHERE substr(tracks.artist, 1, 200) = 'a'"
        if session.get_bind().dialect.name == "sqlite":
            plan = session.execute(text(f"EXPLAIN QUERY PLAN {asked}"))
        else:
            session.execute(text("SET LOCAL enable_seqscan = off"))
            plan = session.execute(text(f"EXPLAIN {asked}"))
        assert "ix_tracks_artist" in str(plan.all())
