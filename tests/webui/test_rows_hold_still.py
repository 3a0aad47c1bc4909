"""Rows of the workbench's list while somebody acts on them, in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from browsing import played, renewed, row, settled, titles
from playwright.sync_api import Browser, Page, expect

from recsys.catalog import Catalog

LIST = "/?like=track:5&length=8"


def feedback_by_track(home: Path) -> dict[str, str]:
    """Return what the listener says of tracks, by title."""
    with Catalog(home) as catalog:
        me = catalog.listener("me")
        if me is None:
            return {}
        kinds = {one.track_id: one.kind for one in catalog.feedback(me.id)}
        return {track.title: kinds[track.id] for track in catalog.tracks(kinds)}


def question(page: Page) -> dict[str, list[str]]:
    return parse_qs(urlsplit(page.url).query)


def button(page: Page, title: str, name: str) -> tuple[float, float]:
    """Return where a button of a row is."""
    box = row(page, title).get_by_role("button", name=name, exact=True).bounding_box()
    assert box
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def test_two_presses_at_one_place_are_about_one_track(page: Page, home: Path) -> None:
    page.goto(LIST)
    before = titles(page)
    at = button(page, before[2], "Dislike")
    page.mouse.click(*at)
    settled(page, f"Disliked “{before[2]}”")
    page.wait_for_timeout(350)  # while a list that moved would have moved
    assert titles(page) == before
    assert feedback_by_track(home) == {before[2]: "dislike"}
    left = row(page, before[2])
    expect(left).to_contain_text("Disliked.")
    expect(left.get_by_role("button", name="Dislike", exact=True)).to_have_attribute(
        "aria-pressed", "true"
    )
    page.mouse.click(*at)
    settled(page, f"Removed the dislike from “{before[2]}”.")
    assert feedback_by_track(home) == {}
    assert titles(page) == before
    page.mouse.click(*at)
    page.mouse.click(*at)
    page.mouse.click(*at)  # without waiting
    settled(page, f"Disliked “{before[2]}”")
    page.wait_for_timeout(350)
    assert feedback_by_track(home) == {before[2]: "dislike"}
    renewed(page)
    assert before[2] not in titles(page)
    assert len(titles(page)) == 8


def test_several_rows_are_judged_before_the_list_is_renewed(page: Page, home: Path) -> None:
    page.set_viewport_size({"width": 1200, "height": 1400})
    page.goto(LIST)
    before = titles(page)
    boxes = page.locator(".row").evaluate_all("rows => rows.map((row) => row.offsetTop)")
    for title, name in (
        (before[1], "Dislike"),
        (before[4], "Like"),
        (before[2], "Skip"),
        (before[6], "Like"),
    ):
        page.mouse.click(*button(page, title, name))
    settled(page, f"Liked “{before[6]}”")
    assert titles(page) == before
    assert boxes == page.locator(".row").evaluate_all("rows => rows.map((row) => row.offsetTop)")
    assert feedback_by_track(home) == {
        before[1]: "dislike", before[4]: "like", before[2]: "skip", before[6]: "like",
    }  # fmt: skip
    renewed(page)
    now = titles(page)
    assert (now[2], now[4]) == (before[4], before[6])  # two above them are gone
    assert not {before[1], before[2]} & set(now)
    address = page.url
    page.reload()
    assert titles(page) == now
    assert page.url == address


def test_steps_are_undone_one_by_one(page: Page, home: Path) -> None:
    page.goto(LIST)
    before = titles(page)
    for title, name in ((before[1], "Dislike"), (before[4], "Like"), (before[2], "Skip")):
        page.mouse.click(*button(page, title, name))
    settled(page, "Skipped")
    renewed(page)
    for words in ("Skipped", "Liked", "Disliked"):
        page.locator("#undo").click()
        settled(page, f"Undone: {words}")
    assert titles(page) == before
    assert feedback_by_track(home) == {}
    assert question(page) == {"like": ["track:5"], "length": ["8"]}


def test_a_row_that_leaves_may_stay(page: Page, home: Path) -> None:
    page.goto(LIST)
    before = titles(page)
    page.mouse.click(*button(page, before[3], "Like"))
    settled(page, "Liked")
    page.mouse.click(*button(page, before[3], "Skip"))
    settled(page, "Skipped")
    row(page, before[3]).get_by_role("button", name="keep").click()
    settled(page, f"“{before[3]}” stays.")
    assert feedback_by_track(home) == {before[3]: "like"}
    first = row(page, before[0])
    first.locator(".menu summary").click()
    first.get_by_role("link", name="Remove").click()
    settled(page, "Removed")
    assert titles(page) == before
    assert "without" in question(page)
    first.get_by_role("button", name="keep").click()
    settled(page, "stays")
    assert "without" not in question(page)
    renewed(page)
    assert titles(page)[3] == before[3]  # kept at its place; the others are ranked around it
    assert before[0] in titles(page)


def test_a_link_is_followed_with_what_was_done_before_it(page: Page, home: Path) -> None:
    page.goto(LIST)
    before = titles(page)
    page.mouse.click(*button(page, before[4], "Like"))
    page.mouse.click(*button(page, before[1], "Skip"))
    settled(page, "Skipped")
    third = row(page, before[2])
    third.locator(".menu summary").click()
    third.get_by_text("More like this").click()
    settled(page, f"Added {before[2]} as a seed")
    address_query = question(page)
    assert len(address_query["like"]) == 2
    assert len(address_query["without"]) == 1
    assert address_query["keep"][0].endswith("@4")
    assert before[1] not in titles(page)


def test_by_keyboard_rows_hold_still_until_they_are_left(page: Page, home: Path) -> None:
    page.goto(LIST)
    before = titles(page)
    row(page, before[2]).locator("[data-play]").focus()
    page.keyboard.press("d")
    settled(page, "Disliked")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("d")
    settled(page, f"Disliked “{before[3]}”")
    assert titles(page) == before
    assert set(feedback_by_track(home)) == {before[2], before[3]}
    expect(page.get_by_role("button", name="Update the list")).to_be_visible()
    page.locator("#search").focus()
    expect(page.locator("#mix:not([data-held])")).to_be_attached()
    assert not {before[2], before[3]} & set(titles(page))


def test_what_plays_gives_way_to_the_row_below(page: Page) -> None:
    page.goto(LIST)
    page.evaluate("document.getElementById('audio').defaultPlaybackRate = 0.1")
    before = titles(page)
    row(page, before[1]).locator("[data-play]").click()
    played(page, 0.01)
    page.mouse.click(*button(page, before[2], "Skip"))
    settled(page, "Skipped")
    expect(page.locator("#now-title")).to_have_text(before[1])
    page.mouse.click(*button(page, before[1], "Dislike"))
    expect(page.locator("#now-title")).to_have_text(before[3])


def test_what_was_not_done_is_not_shown(page: Page, home: Path) -> None:
    page.goto(LIST)
    before, address = titles(page), page.url
    page.route("**/feedback", lambda route: route.abort())
    page.mouse.click(*button(page, before[2], "Dislike"))
    settled(page, "The server cannot be reached.")
    assert page.url == address
    expect(row(page, before[2]).get_by_role("button", name="Dislike")).to_have_attribute(
        "aria-pressed", "false"
    )
    expect(row(page, before[2])).not_to_contain_text("Disliked")
    assert feedback_by_track(home) == {}


@pytest.fixture
def phone(browser: Browser, address: str) -> Iterator[Page]:
    context = browser.new_context(
        base_url=address, viewport={"width": 390, "height": 800}, has_touch=True
    )
    yield context.new_page()
    context.close()


def test_under_a_finger_rows_hold_still(phone: Page, home: Path) -> None:
    phone.goto(LIST)
    before = titles(phone)
    for title in (before[1], before[0]):
        row(phone, title).get_by_role("button", name="Dislike").tap()
        settled(phone, f"Disliked “{title}”")
    assert titles(phone) == before
    phone.get_by_role("button", name="Update the list").tap()
    expect(phone.locator("#mix:not([data-held])")).to_be_attached()
    assert not {before[0], before[1]} & set(titles(phone))
    assert set(feedback_by_track(home)) == {before[0], before[1]}


def filled(page: Page, selector: str) -> list[str]:
    """Return what hearts are filled with: "none" for outlines."""
    return page.locator(f"{selector} .icon-like").evaluate_all(
        "icons => icons.map((icon) => getComputedStyle(icon).fill)"
    )


def test_a_heart_is_an_outline_until_liked(page: Page) -> None:
    page.goto(LIST)
    assert set(filled(page, "#rows")) == {"none"}
    title = titles(page)[0]
    row(page, title).get_by_role("button", name="Like", exact=True).click()
    settled(page, "Liked")
    fills = filled(page, "#rows")
    assert fills[0].startswith("rgb")
    assert set(fills[1:]) == {"none"}
    row(page, title).get_by_role("link", name=title).click()
    heart = page.get_by_role("button", name="Like", exact=True)
    expect(heart).to_have_attribute("aria-pressed", "true")
    assert filled(page, "#track")[0].startswith("rgb")
    heart.click()
    settled(page, "Removed your rating")
    assert filled(page, "#track") == ["none"]
