from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from small_catalog import someone, with_tracks

from recsys.catalog import (
    Catalog,
    Feedback,
    Listen,
    Match,
    Opinion,
    PlayCount,
    Recording,
    StoredCounts,
)

BLUE = Recording("Ada", "Blue", "Colours", 200.0)
RED = Recording("Ada", "Red", "Colours", 180.0)


def match(catalog: Catalog, recording: Recording, track_id: int | None) -> None:
    """Say which track a recording is, as the matching does."""
    ids = {kept.recording: kept.id for kept in catalog.recordings_after(0, 1000)}
    found = None if track_id is None else Match(track_id, "name")
    catalog.set_matches({ids[recording]: found})


def test_a_new_catalogue_has_no_listeners(catalog: Catalog) -> None:
    assert catalog.listeners() == []
    assert catalog.listener("ann") is None
    assert catalog.listens_revision == 0
    found = catalog.interactions()
    assert found.counts.shape == (0, 0)
    assert found.times is None
    assert catalog.feedback(1) == []
    assert len(catalog.history(1).track_ids) == 0


def test_listeners_are_made_once_and_come_by_name(catalog: Catalog) -> None:
    first = someone(catalog, "zoe")
    second = someone(catalog, "Änne")
    assert someone(catalog, "zoe") == first
    assert {(person.id, person.name) for person in catalog.listeners()} == {
        (first, "zoe"),
        (second, "Änne"),
    }


@pytest.mark.parametrize("name", ["", "  ", "x" * 201, "a\0b", "\ud800"])
def test_what_is_no_name_is_refused(catalog: Catalog, name: str) -> None:
    with pytest.raises(ValueError, match="name"):
        catalog.listener(name, create=True)
    assert catalog.listeners() == []


def test_what_is_heard_here_is_counted_at_once(catalog: Catalog) -> None:
    with_tracks(catalog, 3)
    ann, bob = someone(catalog), someone(catalog, "bob")
    catalog.record_listens(ann, [(3, 100), (1, 200), (3, 300), (3, 300)])
    catalog.record_listens(bob, [(2, 50)])
    found = catalog.interactions()
    assert found.listeners.tolist() == [ann, bob]
    assert found.tracks.tolist() == [1, 2, 3]
    assert found.counts.toarray().tolist() == [[1, 0, 2], [0, 1, 0]]
    assert found.times is not None
    assert found.times.tolist() == [200, 300, 50]
    history = catalog.history(ann)
    assert history.track_ids.tolist() == [1, 3]
    assert history.counts.tolist() == [1, 2]
    assert history.last_at.tolist() == [200, 300]
    assert (history.track_ids.dtype, history.counts.dtype) == (np.int64, np.float32)
    assert [person.n_listens for person in catalog.listeners()] == [3, 1]


def test_each_change_raises_the_revision_and_nothing_else_does(catalog: Catalog) -> None:
    with_tracks(catalog, 1)
    ann = someone(catalog)

    start = catalog.listens_revision
    catalog.record_listens(ann, [(1, 100)])
    listened = catalog.listens_revision
    catalog.record_listens(ann, [(1, 100)])
    assert start < listened == catalog.listens_revision
    catalog.set_feedback(ann, 1, "like", 100)
    liked = catalog.listens_revision
    catalog.set_feedback(ann, 1, "like", 100)
    assert listened < liked == catalog.listens_revision
    catalog.store_listening([Listen("ann", BLUE, 5)])
    stored = catalog.listens_revision
    match(catalog, BLUE, 1)
    assert liked < stored < catalog.listens_revision


@pytest.mark.parametrize("unknown", [(1, 7), (7, 1)])
def test_unknown_ids_are_refused(catalog: Catalog, unknown: tuple[int, int]) -> None:
    with_tracks(catalog, 1)
    someone(catalog)
    with pytest.raises(KeyError, match="7"):
        catalog.record_listens(unknown[0], [(unknown[1], 100)])
    with pytest.raises(KeyError, match="7"):
        catalog.set_feedback(*unknown, "like", 100)
    assert catalog.listens_revision == 0


def test_a_history_is_stored_once(catalog: Catalog) -> None:
    events = [Listen("ann", BLUE, 100), Listen("ann", RED, 160), Listen("bob", BLUE, 100)]
    assert catalog.store_listening(events) == StoredCounts(new=3)
    revision = catalog.listens_revision
    assert catalog.store_listening([*events, events[0]]) == StoredCounts(known=3)
    assert catalog.listens_revision == revision
    assert [(person.name, person.n_listens) for person in catalog.listeners()] == [
        ("ann", 2),
        ("bob", 1),
    ]
    assert [kept.recording for kept in catalog.recordings_after(0, 10)] == [BLUE, RED]


def test_a_count_takes_the_place_of_an_older_one(catalog: Catalog) -> None:
    assert catalog.store_listening([PlayCount("ann", BLUE, 7)]) == StoredCounts(new=1)
    assert catalog.store_listening([PlayCount("ann", BLUE, 7)]) == StoredCounts(known=1)
    both = [PlayCount("ann", BLUE, 9), PlayCount("ann", RED, 1)]
    assert catalog.store_listening(both) == StoredCounts(new=1, changed=1)
    assert [person.n_listens for person in catalog.listeners()] == [10]


def test_only_matched_listens_of_living_tracks_are_interactions(catalog: Catalog) -> None:
    with_tracks(catalog, 2)
    catalog.store_listening([Listen("ann", BLUE, 100), PlayCount("ann", RED, 4)])
    assert catalog.interactions().counts.nnz == 0
    match(catalog, BLUE, 1)
    match(catalog, RED, 2)
    assert catalog.interactions().counts.toarray().tolist() == [[1, 4]]
    catalog.set_presence(gone=[1])
    found = catalog.interactions()
    assert found.tracks.tolist() == [2]
    assert found.counts.toarray().tolist() == [[4]]
    assert found.times is None
    assert catalog.history(found.listeners[0]).track_ids.tolist() == [2]
    catalog.set_presence(back=[1])
    assert catalog.interactions().counts.toarray().tolist() == [[1, 4]]


def test_recordings_of_one_track_add_up_but_for_a_listen_reported_twice(catalog: Catalog) -> None:
    with_tracks(catalog, 1)
    other = BLUE._replace(album="Colours (Deluxe Edition)")
    catalog.store_listening(
        [
            Listen("ann", BLUE, 100),
            Listen("ann", other, 100),
            Listen("ann", other, 200),
            PlayCount("ann", RED, 4),
        ]
    )
    for recording in (BLUE, other, RED):
        match(catalog, recording, 1)
    found = catalog.interactions()
    assert found.counts.toarray().tolist() == [[6]]
    assert found.times is not None
    assert found.times.tolist() == [200]


def test_an_mbid_found_later_is_added_and_the_recording_tried_again(catalog: Catalog) -> None:
    catalog.store_listening([Listen("ann", BLUE, 100)])
    mbid = "3c1a9ed0-1b1d-4f9c-8ab0-5d1f2f5a5d37"
    mapped = BLUE._replace(mapped_mbid=mbid)
    assert catalog.store_listening([Listen("ann", mapped, 100)]) == StoredCounts(known=1)
    assert [kept.recording for kept in catalog.recordings_after(0, 10)] == [mapped]
    assert catalog.store_listening([Listen("ann", BLUE, 100)]) == StoredCounts(known=1)
    assert [kept.recording for kept in catalog.recordings_after(0, 10)] == [mapped]


def test_feedback_is_the_last_word(catalog: Catalog) -> None:
    with_tracks(catalog, 3)
    ann = someone(catalog)
    catalog.set_feedback(ann, 2, "like", 100)
    catalog.set_feedback(ann, 1, "dislike", 50)
    catalog.set_feedback(ann, 3, "skip", 60)
    assert catalog.feedback(ann) == [
        Feedback(1, "dislike", 50),
        Feedback(2, "like", 100),
        Feedback(3, "skip", 60),
    ]
    catalog.set_feedback(ann, 2, "dislike", 99)  # older
    catalog.set_feedback(ann, 1, "like", 50)  # the same second
    catalog.set_feedback(ann, 3, None, 61)
    assert catalog.feedback(ann) == [Feedback(1, "like", 50), Feedback(2, "like", 100)]
    catalog.set_feedback(ann, 3, "skip", 60)  # what was taken back before
    assert len(catalog.feedback(ann)) == 2


def test_a_skip_says_less_than_a_like(catalog: Catalog) -> None:
    with_tracks(catalog, 1)
    ann = someone(catalog)
    catalog.set_feedback(ann, 1, "skip", 300)
    catalog.set_feedback(ann, 1, "like", 100)
    catalog.set_feedback(ann, 1, "skip", 400)
    assert catalog.feedback(ann) == [Feedback(1, "like", 100)]
    catalog.set_feedback(ann, 1, None, 500)
    catalog.set_feedback(ann, 1, "skip", 600)
    assert catalog.feedback(ann) == [Feedback(1, "skip", 600)]


def test_feedback_from_files_and_from_here_meets_at_the_track(catalog: Catalog) -> None:
    with_tracks(catalog, 1)
    assert catalog.store_listening([Opinion("ann", BLUE, "like", 100)]) == StoredCounts(new=1)
    ann = someone(catalog)
    assert catalog.feedback(ann) == []
    match(catalog, BLUE, 1)
    assert catalog.feedback(ann) == [Feedback(1, "like", 100)]
    catalog.set_feedback(ann, 1, None, 200)
    assert catalog.feedback(ann) == []
    assert catalog.store_listening([Opinion("ann", BLUE, "like", 100)]) == StoredCounts(known=1)
    assert catalog.feedback(ann) == []


def test_listens_of_a_removed_track_stay(home: Path, database: str | None) -> None:
    with Catalog(home, database) as catalog:
        with_tracks(catalog, 1)
        ann = someone(catalog)
        catalog.record_listens(ann, [(1, 100)])
        catalog.set_feedback(ann, 1, "like", 100)
        catalog.set_presence(gone=[1])
        assert catalog.feedback(ann) == []
    with Catalog(home, database) as catalog:
        catalog.set_presence(back=[1])
        assert catalog.feedback(ann) == [Feedback(1, "like", 100)]
        assert catalog.history(ann).counts.tolist() == [1]
