"""One listener's history given to another."""

from __future__ import annotations

import pytest
from small_catalog import someone, with_tracks

from recsys.catalog import AccountError, Catalog, Listen, Opinion, PlayCount, Recording


def recording(number: int) -> Recording:
    return Recording(artist="Nobody", title=f"{number}.flac")


def plays(catalog: Catalog, listener: str) -> dict[str, int]:
    with catalog._reading() as session:
        rows = session.connection().exec_driver_sql(
            "SELECT recordings.title, play_counts.count FROM play_counts"
            " JOIN recordings ON recordings.id = recording_id"
            f" JOIN listeners ON listeners.id = listener_id WHERE listeners.name = '{listener}'"
        )
        return {str(title): int(count) for title, count in rows}


def feedback(catalog: Catalog) -> dict[str, str]:
    with catalog._reading() as session:
        rows = session.connection().exec_driver_sql(
            "SELECT recordings.title, feedback.kind FROM feedback"
            " JOIN recordings ON recordings.id = recording_id"
        )
        return {str(title): str(kind) for title, kind in rows}


def test_what_both_have_is_one_and_nothing_is_lost(catalog: Catalog) -> None:
    with_tracks(catalog, 4)
    me, ann = someone(catalog, "me"), someone(catalog, "ann")
    catalog.store_listening(
        [
            *(Listen("ann", recording(1), at) for at in (100, 200)),
            *(Listen("me", recording(1), at) for at in (200, 300)),
            *(PlayCount("ann", recording(n), count) for n, count in ((1, 5), (2, 2), (3, 4))),
            *(PlayCount("me", recording(n), count) for n, count in ((1, 3), (2, 7))),
            *(Opinion("ann", recording(n), kind, 50) for n, kind in ((1, "like"), (2, "skip"))),
            *(Opinion("me", recording(n), kind, 40) for n, kind in ((1, "dislike"), (2, "like"))),
            Opinion("ann", recording(3), "like", 50),
        ]
    )
    mine = catalog.save_playlist(me, "Evening", [1])
    given = catalog.save_playlist(ann, "Evening", [2, 3])
    before = catalog.listens_revision
    joined = catalog.people.claim("ann", me)
    assert (joined.id, joined.name, joined.n_listens) == (me, "me", 3 + 5 + 7 + 4)
    assert catalog.listeners() == [joined]
    assert plays(catalog, "me") == {"1.flac": 5, "2.flac": 7, "3.flac": 4}
    assert feedback(catalog) == {"1.flac": "like", "2.flac": "like", "3.flac": "like"}
    assert {kept.id: kept.track_ids for kept in catalog.playlists(me)} == {
        mine.id: (1,),
        given.id: (2, 3),
    }
    assert catalog.listens_revision > before
    with pytest.raises(AccountError, match="no history of ann"):
        catalog.people.claim("ann", me)
    with pytest.raises(AccountError, match="no history of me that is not yours"):
        catalog.people.claim("me", me)


def test_only_what_is_nobodys_is_given(catalog: Catalog) -> None:
    ann = catalog.people.add("ann", "hash", "owner", 0)
    bob = catalog.people.add("bob", "hash", "member", 0)
    catalog.store_listening(
        [PlayCount("cleo", recording(1), 3), PlayCount("dora", recording(1), 9)]
    )
    assert [one.name for one in catalog.people.unclaimed()] == ["dora", "cleo"]
    assert [catalog.people.n_unclaimed(name) for name in ("me", "cleo")] == [2, 1]
    with pytest.raises(AccountError, match="that of bob"):
        catalog.people.claim("bob", ann.listener_id)
    assert catalog.people.claim("dora", bob.listener_id).n_listens == 9
    assert [one.name for one in catalog.people.unclaimed()] == ["cleo"]
    assert catalog.people.account(bob.id) == bob
