"""Playlists that renew themselves, as the catalogue keeps them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from small_catalog import someone, with_tracks

from recsys.catalog import Catalog, LeaseLost, PlaylistRenews, RenewalPlan, RenewedList
from recsys.catalog.renewals import LEASE, REMEMBERED

PLAN = RenewalPlan("?like=tag%3Ajazz", "week", 3, folder=Path("/lists/\udcff"), relative=True)


def test_a_plan_is_kept_changed_and_ended(catalog: Catalog) -> None:
    with_tracks(catalog, 3)
    ann, bob = someone(catalog), someone(catalog, "bob")
    stored = catalog.save_playlist(ann, "Weekly", [1])
    made = catalog.renewals.plan(ann, stored.id, PLAN)
    assert (made.plan, made.name, made.number, made.renewed_at) == (PLAN, "Weekly", 0, None)
    assert catalog.renewals.all() == catalog.renewals.all(ann) == [made]
    assert catalog.renewals.all(bob) == []
    paused = replace(PLAN, paused=True, question="?" + "x" * 50_000)
    assert catalog.renewals.plan(ann, stored.id, paused).plan == paused
    for whose, number in ((bob, stored.id), (ann, 99)):
        with pytest.raises(KeyError):
            catalog.renewals.plan(whose, number, PLAN)
        with pytest.raises(KeyError):
            catalog.renewals.end(whose, number)
    with pytest.raises(ValueError, match="stay: wanted 0 to 200"):
        catalog.renewals.plan(ann, stored.id, replace(PLAN, stay=-1))
    with pytest.raises(PlaylistRenews):
        catalog.save_playlist(ann, "Weekly", [2], stored.id)
    with pytest.raises(KeyError):
        catalog.save_playlist(bob, "Mine", [2], stored.id)
    assert catalog.save_playlist(ann, "Renamed", [1], stored.id).name == "Renamed"
    catalog.renewals.end(ann, stored.id)
    assert catalog.renewals.of(stored.id) is None
    assert catalog.save_playlist(ann, "Weekly", [2], stored.id).track_ids == (2,)


def test_the_last_lists_are_remembered(catalog: Catalog) -> None:
    with_tracks(catalog, 12)
    ann = someone(catalog)
    stored = catalog.save_playlist(ann, "Daily", [])
    renewal = catalog.renewals.plan(ann, stored.id, PLAN)
    assert catalog.renewals.take_turn("me")
    for number in range(1, 11):
        made = RenewedList((number, number + 1), (number,), ("A sentence.",))
        assert catalog.renewals.record(renewal, "me", made, 1000 + number).track_ids[0] == number
    assert catalog.renewals.remembered(stored.id) == [{10 - n} for n in range(REMEMBERED)]
    found = catalog.renewals.of(stored.id)
    assert found
    assert (found.number, found.renewed_at, found.sentences) == (10, 1010, ("A sentence.",))
    catalog.renewals.record(renewal, "me", RenewedList(None, (), ("Nothing.",)), 2000)
    found = catalog.renewals.of(stored.id)
    assert found
    assert (found.number, found.renewed_at, found.sentences) == (10, 2000, ("Nothing.",))
    assert catalog.playlist(ann, stored.id).track_ids == (10, 11)  # type: ignore[union-attr]
    catalog.delete_playlist(ann, stored.id)
    assert catalog.renewals.remembered(stored.id) == []
    with pytest.raises(KeyError):
        catalog.renewals.record(renewal, "me", RenewedList((1,)), 3000)


def test_a_turn_ends_by_itself(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    with_tracks(catalog, 1)
    ann = someone(catalog)
    stored = catalog.save_playlist(ann, "Daily", [])
    renewal = catalog.renewals.plan(ann, stored.id, PLAN)
    clock = [1_000_000.0]
    monkeypatch.setattr("recsys.catalog.renewals.time.time", lambda: clock[0])
    turns = catalog.renewals
    assert turns.take_turn("one") and turns.take_turn("one") and not turns.take_turn("other")
    clock[0] += LEASE - 1
    assert not turns.take_turn("other")
    clock[0] += 1  # its holder was killed
    assert turns.take_turn("other")
    with pytest.raises(LeaseLost):
        turns.record(renewal, "one", RenewedList((1,), (1,)), 5)
    assert catalog.playlist(ann, stored.id) == stored
    turns.end_turn("one")  # has none to give back
    assert not turns.take_turn("one")
    clock[0] -= 500_000  # taken while the clock was ahead
    assert turns.take_turn("one")
    turns.end_turn("one")
    assert turns.take_turn("other")
