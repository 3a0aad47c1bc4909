"""Accounts in a real browser."""

from __future__ import annotations

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from flask import Flask
from playwright.sync_api import Browser, Page, expect

from recsys.accounts import Accounts

PASSWORD = "correct horse"


@pytest.fixture
def app(two_people: Flask) -> Flask:
    return two_people


def test_by_keyboard_one_logs_in_likes_and_leaves_and_another_sees_nothing_of_it(
    page: Page, app: Flask
) -> None:
    accounts: Accounts = app.extensions["accounts"]

    def log_in_as(name: str) -> None:
        expect(page.get_by_label("Name")).to_be_focused()
        page.keyboard.type(name)
        page.keyboard.press("Tab")
        page.keyboard.type(PASSWORD)
        page.keyboard.press("Enter")
        page.wait_for_url(lambda url: "/login" not in url)  # with its scripts
        expect(page.get_by_role("link", name=f"Account of {name}")).to_be_visible()

    def tab_to(words: str) -> None:
        for _ in range(60):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.textContent.trim()") == words:
                return
        raise AssertionError(f"no way to {words} by Tab")

    page.goto("/?like=track:5&length=8")
    log_in_as("bob")
    assert page.url.endswith("/?like=track:5&length=8")
    first = page.locator("#rows .row").first
    title = first.locator(".title").text_content() or ""
    first.locator("[data-play]").focus()
    page.keyboard.press("l")
    expect(page.locator("#status")).to_contain_text(f"Liked “{title}”")
    first.locator("[data-play]").click()
    expect(page.locator("#player")).to_be_visible()
    page.goto("/account")
    tab_to("Log out")
    page.keyboard.press("Enter")
    page.wait_for_url("**/login")
    log_in_as("ann")
    page.goto("/?like=track:5&length=8")
    like = page.locator(f'.row[data-title="{title}"]').get_by_role(
        "button", name="Like", exact=True
    )
    expect(like).to_have_attribute("aria-pressed", "false")
    expect(page.locator("#player")).to_be_hidden()
    assert not accounts.people.keys(1)
    page.goto("/account")
    page.get_by_label("Name of the key").focus()
    page.keyboard.type("phone")
    page.keyboard.press("Enter")
    expect(page.locator(".said")).to_contain_text("earshot_")
    tab_to("Revoke")
    page.keyboard.press("Enter")
    expect(page.locator(".said")).to_have_text("It is revoked.")
    # A session that ended elsewhere leads to the form, and back.
    page.goto("/?like=track:5&length=8")
    accounts.people.end_sessions(1)
    page.locator("#rows .row").first.get_by_role("button", name="Dislike").click()
    page.wait_for_url("**/login?next=*")
    log_in_as("ann")
    assert "like=track%3A5" in page.url or "like=track:5" in page.url


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_barrier_is_found_and_a_phone_shows_all(
    browser: Browser, address: str, scheme: Any
) -> None:
    size: Any = {"width": 360, "height": 740}
    context = browser.new_context(
        base_url=address, color_scheme=scheme, viewport=size, bypass_csp=True
    )
    page = context.new_page()
    page.goto("/account")
    page.get_by_label("Name").fill("ann")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("alert")).to_be_visible()
    _look(page)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    page.get_by_label("Name of the new person").fill("cleo")
    page.get_by_role("button", name="Add").click()
    expect(page.locator(".said")).to_contain_text("The password of cleo")
    page.get_by_label("Change the account of cleo").click()
    _look(page)
    context.close()


def _look(page: Page) -> None:
    axe = Axe().run(page)
    assert not axe.response["violations"], axe.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    for control in page.locator("button:visible, summary:visible, input:visible").all():
        box = control.bounding_box()
        assert box and min(box["width"], box["height"]) >= 24  # WCAG 2.2, 2.5.8
