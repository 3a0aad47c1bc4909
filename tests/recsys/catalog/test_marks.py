"""Stars, ratings and play queues in the database."""

from __future__ import annotations

import pytest
from small_catalog import someone, with_tracks

from recsys.catalog import Catalog, Mark, PlayQueue


def test_marks_are_each_listeners_own(catalog: Catalog) -> None:
    with_tracks(catalog, 3)
    ann, bob = someone(catalog), someone(catalog, "bob")
    before = catalog.listens_revision
    catalog.star(ann, [("track", "1"), ("album", "al-1")], 100, on=True)
    assert catalog.listens_revision > before
    catalog.rate(ann, "track", "2", 5, 200)
    catalog.rate(ann, "artist", "ar-1", 2, 300)
    assert set(catalog.marks(ann)) == {
        Mark("track", "1", 100, None, None),
        Mark("album", "al-1", 100, None, None),
        Mark("track", "2", None, 5, 200),
        Mark("artist", "ar-1", None, 2, 300),
    }
    assert [(one.track_id, one.kind) for one in catalog.feedback(ann)] == [(1, "like"), (2, "like")]
    assert catalog.marks(bob) == [] and catalog.feedback(bob) == []


def test_a_star_given_again_keeps_its_time(catalog: Catalog) -> None:
    with_tracks(catalog, 1)
    ann = someone(catalog)
    catalog.star(ann, [("album", "al-1")], 100, on=True)
    catalog.star(ann, [("album", "al-1")], 200, on=True)
    assert catalog.marks(ann) == [Mark("album", "al-1", 100)]
    catalog.star(ann, [("album", "al-1")], 300, on=False)
    assert catalog.marks(ann) == []


def test_nothing_is_marked_where_something_is_unknown(catalog: Catalog) -> None:
    with_tracks(catalog, 1)
    ann = someone(catalog)
    with pytest.raises(KeyError):
        catalog.star(ann, [("track", "1"), ("track", "9")], 1, on=True)
    with pytest.raises(KeyError):
        catalog.rate(99, "track", "1", 3, 1)
    with pytest.raises(ValueError, match="from 1 to 5"):
        catalog.rate(ann, "track", "1", 6, 1)
    assert catalog.marks(ann) == []


def test_a_queue_replaces_the_last_one(catalog: Catalog) -> None:
    ann, bob = someone(catalog), someone(catalog, "bob")
    assert catalog.play_queue(ann) is None
    catalog.save_play_queue(ann, PlayQueue((1, 2, 1), 2, 10**10, 100, "phone"))
    catalog.save_play_queue(ann, PlayQueue((3,), 0, 5, 200, "desk"))
    assert catalog.play_queue(ann) == PlayQueue((3,), 0, 5, 200, "desk")
    assert catalog.play_queue(bob) is None
    with pytest.raises(ValueError, match="place"):
        catalog.save_play_queue(ann, PlayQueue((3,), 1, 5, 200, "desk"))
    catalog.save_play_queue(ann, None)
    assert catalog.play_queue(ann) is None
