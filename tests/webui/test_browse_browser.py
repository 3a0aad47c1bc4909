"""Browsing and listening in a real browser: one home, one server and one browser for all tests."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from browsing import is_complaint, settled
from playwright.sync_api import Browser, BrowserContext, Page, expect

from earshot.transcoding import transcoded
from recsys.home.settings import Settings
from webui.app import create_app

sys.path.append(str(Path(__file__).parents[1] / "commands"))  # for made_home

from served_app import serving

PHONE = {"width": 390, "height": 844}
PAGES = ("/albums", "/artists", "/tracks?sort=newest", "/genres", "/genre?name=rock")


@pytest.fixture(scope="module")
def shared_address(library: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    home = shutil.copytree(library / "home", tmp_path_factory.mktemp("browse") / "home")
    with serving(create_app(Settings(home), transcode=transcoded)) as address:
        yield address


@pytest.fixture(scope="module")
def context(browser: Browser, shared_address: str) -> Iterator[BrowserContext]:
    context = browser.new_context(
        base_url=shared_address, viewport={"width": 1280, "height": 900}, bypass_csp=True
    )
    context.set_default_timeout(30_000)
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """A page of its own; no script fails, the browser refuses nothing."""
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text) if is_complaint(said) else None)
    yield page
    page.close()
    assert not complaints


def test_from_the_albums_to_a_track_that_is_liked(page: Page) -> None:
    page.goto("/")
    page.get_by_role("link", name="Browse").click()
    expect(page.locator(".album")).to_have_count(6)
    page.get_by_label("Sort by").select_option("Title")
    expect(page).to_have_url("/albums?q=&sort=name")
    page.get_by_label("Filter albums by name").fill("bix")
    page.keyboard.press("Enter")
    expect(page.locator(".album")).to_have_count(1)
    page.get_by_role("button", name="Play the album “Bix live”").click()
    expect(page.locator("#now-title")).to_have_text("Song 4")
    page.get_by_role("link", name="Bix live").click()
    expect(page.locator(".song")).to_have_count(4)
    expect(page.locator(".song[aria-current] .title")).to_have_text("Song 4")  # it plays on
    page.get_by_role("button", name="Like “Song 6”").click()
    settled(page, "Liked “Song 6”")
    page.goto("/tracks?liked=1")
    expect(page.locator(".song .title")).to_have_text(["Song 6"])
    page.get_by_role("button", name="Like “Song 6”").click()
    settled(page, "Removed the like")


def test_pages_have_no_barrier_and_fit_a_phone(page: Page) -> None:
    page.goto("/albums")
    album = page.locator(".album .title").first.get_attribute("href") or ""
    for address in (*PAGES, album):
        page.set_viewport_size({"width": 1280, "height": 900})
        page.goto(address)
        axe = Axe().run(page)
        assert not axe.response["violations"], (address, axe.generate_report())
        page.set_viewport_size(PHONE)  # type: ignore[arg-type]
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], address
