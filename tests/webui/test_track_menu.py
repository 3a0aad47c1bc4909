"""The menu of a track's row, the same on every page, in a real browser."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from browsing import row, settled
from playwright.sync_api import Page, Route, expect

from recsys.catalog import Catalog


def playlists(home: Path) -> dict[str, tuple[int, ...]]:
    with Catalog(home) as catalog:
        me = catalog.listener("me", create=True)
        assert me
        return {kept.name: tuple(kept.track_ids) for kept in catalog.playlists(me.id)}


@pytest.mark.parametrize(
    "path",
    ["/?like=track:5", "/artist?name=Bix", "/tracks/5", "/playlists/path?start_id=5&end_id=20"],
)
def test_a_track_of_any_list_is_added_to_a_playlist(page: Page, home: Path, path: str) -> None:
    page.goto(path)
    track = page.locator(".row, .song").first
    title, number = (track.get_attribute(f"data-{name}") for name in ("title", "track"))
    assert number
    add = track.get_by_role("button", name="Add to playlist …")
    track.locator(".menu summary").click()
    expect(track.get_by_role("link", name="Start a new mix")).to_be_visible()
    add.click()
    page.get_by_label("New playlist").fill("Evening")
    page.keyboard.press("Enter")
    settled(page, f"Added “{title}” to “Evening”.")
    expect(track.locator(".menu summary")).to_be_focused()
    track.locator(".menu summary").press("Enter")
    add.click()
    expect(page.get_by_role("dialog")).to_be_visible()
    with page.expect_response(re.compile("/playlists/")):
        page.get_by_role("dialog").get_by_role("button", name="Evening 1 track").click()
    assert playlists(home) == {"Evening": (int(number), int(number))}
    track.locator(".menu summary").click()
    add.click()
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    assert len(playlists(home)["Evening"]) == 2


def test_a_playlist_shows_what_its_own_row_adds_to_it(page: Page, home: Path) -> None:
    with Catalog(home) as catalog:
        me = catalog.listener("me", create=True)
        assert me
        kept = catalog.save_playlist(me.id, "Evening", [5, 9])
    page.goto(f"/playlists/{kept.id}")
    entries = page.locator(".entry")
    entries.nth(1).locator(".menu summary").click()
    entries.nth(1).get_by_role("button", name="Add to playlist …").click()
    page.get_by_role("dialog").get_by_role("button", name="Evening 2 tracks").click()
    expect(entries).to_have_count(3)
    expect(entries.nth(2).locator(".menu summary")).to_be_visible()
    entries.first.locator("[data-remove]").click()  # in the state that the menu made
    expect(entries).to_have_count(2)
    assert playlists(home) == {"Evening": (9, 9)}


def test_a_mix_that_is_worked_on_says_so_and_is_saved_with_its_seed(page: Page, home: Path) -> None:
    page.goto("/?like=track:5")
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route(re.compile(r"/\?"), hold)
    page.locator("#controls-box > summary").click()
    page.get_by_label("Tracks", exact=True).select_option("10")
    expect(page.locator("#mix")).to_have_attribute("aria-busy", "true")
    page.wait_for_timeout(50)
    held[0].continue_()
    expect(page.locator("#mix")).not_to_have_attribute("aria-busy", "true")
    expect(page.locator(".row")).to_have_count(10)
    title = row(page, page.locator("#rows .title").first.inner_text()).get_attribute("data-track")
    page.get_by_role("button", name="Save playlist").click()
    settled(page, "with 11 tracks.")
    ((_, saved),) = playlists(home).items()
    assert saved[:2] == (5, int(title or 0))
