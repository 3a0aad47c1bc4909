"""A playlist with a track twice, in a real browser: an entry is a place, not a track."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from browsing import played, settled
from playwright.sync_api import Locator, Page, expect

from recsys.catalog import Catalog

TITLES = {1: "Song 0", 2: "Song 1", 3: "Song 2", 4: "Song 3"}


def make(home: Path, track_ids: Sequence[int]) -> int:
    """Make a playlist of the listener."""
    with Catalog(home) as catalog:
        me = catalog.listener("me", create=True)
        assert me
        return catalog.save_playlist(me.id, "Evening", track_ids).id


def stored(home: Path) -> list[int]:
    with Catalog(home) as catalog:
        me = catalog.listener("me")
        assert me
        return list(catalog.playlists(me.id)[0].track_ids)


def entry(page: Page, place: int) -> Locator:
    return page.locator(".entry").nth(place)


def slowly(page: Page) -> None:
    """Let a second of music last ten."""
    page.evaluate(
        "{ const audio = document.getElementById('audio');"
        " audio.defaultPlaybackRate = audio.playbackRate = 0.1; }"
    )


def playing(page: Page) -> list[int]:
    """Return the places of the rows that are marked as playing."""
    return page.locator(".entry").evaluate_all(
        "rows => rows.flatMap((row, place) => row.ariaCurrent === 'true' ? [place] : [])"
    )


def press(page: Page, name: str) -> None:
    page.locator("#player").get_by_role("button", name=name).click()


def test_each_entry_is_played_in_its_turn(page: Page, home: Path) -> None:
    page.goto(f"/playlists/{make(home, [1, 2, 1, 3, 3, 1])}")
    page.evaluate(
        """() => {
            window.marked = [];
            const mark = () => {
                const place = [...document.querySelectorAll('.entry')]
                    .findIndex((row) => row.ariaCurrent);
                if (place >= 0 && place !== window.marked.at(-1)) window.marked.push(place);
            };
            new MutationObserver(mark)
                .observe(document.body, { attributeFilter: ['aria-current'], subtree: true });
        }"""
    )
    entry(page, 0).locator("[data-play]").click()
    page.wait_for_function(
        "() => window.marked.length === 6 && document.getElementById('audio').ended"
    )
    assert page.evaluate("window.marked") == [0, 1, 2, 3, 4, 5]
    assert playing(page) == [5]
    with Catalog(home) as catalog:
        me = catalog.listener("me")
        assert me
        page.wait_for_timeout(300)  # the last listen is on its way
        assert sorted(set(catalog.history(me.id).track_ids)) == [1, 2, 3]


def test_next_and_previous_go_by_places(page: Page, home: Path) -> None:
    page.goto(f"/playlists/{make(home, [1, 2, 1, 3])}")
    slowly(page)
    for begin in (
        entry(page, 0).locator("[data-play]"),
        page.get_by_role("button", name="Play", exact=True).first,
    ):
        begin.click()
        for place in (0, 1, 2, 3):
            expect(entry(page, place)).to_have_attribute("aria-current", "true")
            assert playing(page) == [place]
            if place < 3:
                press(page, "Next track")
        for place in (2, 1, 0):
            press(page, "Previous track")
            expect(entry(page, place)).to_have_attribute("aria-current", "true")
            assert playing(page) == [place]


def test_the_other_entry_of_a_track_is_another_row(page: Page, home: Path) -> None:
    page.goto(f"/playlists/{make(home, [1, 2, 1, 3])}")
    slowly(page)
    entry(page, 0).locator("[data-play]").click()
    played(page, 0.01)
    assert playing(page) == [0]
    entry(page, 2).locator("[data-play]").click()  # begins, and does not stop the first
    played(page, 0.01)
    assert playing(page) == [2]
    press(page, "Next track")
    expect(entry(page, 3)).to_have_attribute("aria-current", "true")
    entry(page, 3).locator("[data-play]").click()
    page.wait_for_function("() => document.getElementById('audio').paused")


def test_what_plays_keeps_its_place_when_entries_move_and_go(page: Page, home: Path) -> None:
    page.goto(f"/playlists/{make(home, [1, 2, 1, 3])}")
    slowly(page)
    entry(page, 2).locator("[data-play]").click()
    played(page, 0.01)
    entry(page, 0).locator("[data-remove]").click()  # the other of two equal ones
    settled(page, "Removed")
    assert stored(home) == [2, 1, 3]
    assert playing(page) == [1]
    page.get_by_role("button", name="Undo").click()
    settled(page, "Undone")
    assert (stored(home), playing(page)) == ([1, 2, 1, 3], [2])
    entry(page, 2).locator(".handle").focus()
    page.keyboard.press("ArrowUp")
    settled(page, "to place 2")
    assert (stored(home), playing(page)) == ([1, 1, 2, 3], [1])
    entry(page, 1).locator("[data-remove]").click()  # what plays: the next takes its place
    settled(page, "Removed")
    assert (stored(home), playing(page)) == ([1, 2, 3], [])
    press(page, "Next track")
    expect(entry(page, 1)).to_have_attribute("aria-current", "true")


def test_two_removals_at_once_remove_both(page: Page, home: Path) -> None:
    page.goto(f"/playlists/{make(home, [1, 2, 1, 3])}")
    page.evaluate(
        "[0, 2].forEach((n) => document.querySelectorAll('.entry [data-remove]')[n].click())"
    )
    expect(page.locator(".entry")).to_have_count(2)
    settled(page, "Removed")
    assert stored(home) == [2, 3]
    page.evaluate("[1, 2].forEach(() => document.getElementById('undo').click())")
    expect(page.locator(".entry")).to_have_count(4)
    assert stored(home) == [1, 2, 1, 3]


def test_after_a_reload_it_goes_on_at_its_place(page: Page, home: Path) -> None:
    page.goto(f"/playlists/{make(home, [1, 2, 1, 3])}")
    slowly(page)
    entry(page, 0).locator("[data-remove]").click()
    settled(page, "Removed")
    page.get_by_role("button", name="Undo").click()
    settled(page, "Undone")
    for begin in (
        entry(page, 2).locator("[data-play]"),
        page.get_by_role("button", name="Play", exact=True).first,
    ):
        begin.click()
        if playing(page) == [0]:
            press(page, "Next track")
            press(page, "Next track")
        played(page, 0.01)
        page.reload()
        assert playing(page) == [2]
        press(page, "Next track")
        expect(entry(page, 3)).to_have_attribute("aria-current", "true")
        slowly(page)


def test_a_deleted_one_comes_back_with_all_its_entries(page: Page, home: Path) -> None:
    page.goto(f"/playlists/{make(home, [1, 2, 1, 3])}")
    page.get_by_role("button", name="Delete", exact=True).click()
    page.wait_for_url("**/playlists")
    page.get_by_role("button", name="Undo").click()
    settled(page, "Restored")
    assert stored(home) == [1, 2, 1, 3]
