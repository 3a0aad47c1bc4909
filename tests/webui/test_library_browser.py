"""The library page in a real browser, with real builds started from it."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from flask import Flask
from playwright.sync_api import Browser, Page, expect
from sounds import tune, write

from earshot.build_process import BuildStarter
from recsys.home.settings import Settings
from recsys.library.build_state import BuildRecord, read_state
from webui.app import create_app

ROOT = Path(__file__).parents[2]
BUILD = [sys.executable, "-m", "earshot", "build", "--tagger", "MTT_musicnn", "--segments", "1"]
N_BEFORE, N_NEW, N_MANY = 2, 40, 60
PATIENCE = 180_000  # ms for what a build takes where much else runs


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home that `earshot build` made of two tracks, to be copied with them."""
    folder = tmp_path_factory.mktemp("built")
    add(folder / "music", range(N_BEFORE))
    command = [*BUILD, str(folder / "music"), "--home", str(folder / "home")]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return folder


@pytest.fixture
def home(built: Path, tmp_path: Path) -> Path:
    """The same, at another place with its music."""
    old, new = built / "music", tmp_path / "music"
    home = shutil.copytree(built / "home", tmp_path / "home")
    shutil.copytree(old, new)
    state = (home / "build.json").read_text()
    (home / "build.json").write_text(state.replace(str(old), str(new)))
    with closing(sqlite3.connect(home / "catalogue.db")) as database, database:
        moved = "CAST(replace(CAST(path AS TEXT), ?, ?) AS BLOB)"
        database.execute(f"UPDATE tracks SET path = {moved}", (str(old), str(new)))
    return home


@pytest.fixture
def address(home: Path, serve: Callable[[Flask], str]) -> str:
    return serve(create_app(Settings(home), build=BuildStarter(home)))


def add(music: Path, numbers: range) -> None:
    for number in numbers:
        write(music / f"song {number}.flac", tune(number, 2.0), title=f"Song {number}")


def figure(page: Page, name: str) -> str:
    return page.locator(f'.figures div:has(dt:text-is("{name}")) dd').inner_text()


def test_a_build_is_started_followed_and_taken_up(page: Page, home: Path) -> None:
    music = home.parent / "music"
    add(music, range(N_BEFORE, N_BEFORE + N_NEW))
    (music / "broken.mp3").write_text("words")
    page.goto("/library")
    assert figure(page, "tracks") == str(N_BEFORE)
    page.evaluate(  # every value that the bar ever has
        """() => {
            const bar = document.getElementById("build-bar");
            window.seen = [];
            new MutationObserver(() => {
                if (bar.hasAttribute("value")) window.seen.push([bar.value, bar.max]);
            }).observe(bar, { attributes: true });
        }"""
    )
    page.get_by_role("button", name="Build now").click()
    expect(page.get_by_role("button", name="Stop")).to_be_visible()
    expect(page.locator("#build-sentence")).to_contain_text(f"{N_NEW} analysed", timeout=PATIENCE)
    expect(page.locator("#build")).to_have_attribute("data-state", "done")
    expect(page.locator("#facts")).to_have_attribute("data-indexed", str(N_BEFORE + N_NEW))
    expect(page.locator("#status")).to_contain_text(f"{N_BEFORE + N_NEW} tracks can be found now")
    seen = page.evaluate("window.seen")
    assert {limit for _, limit in seen} >= {N_NEW}
    counts = [value for value, limit in seen if limit == N_NEW]
    restarts = sum(after < before for before, after in pairwise(counts))
    assert restarts <= 1  # waveforms are drawn of as many as were analysed
    assert len(set(counts)) > 1  # it advanced
    assert (figure(page, "analysed"), figure(page, "failed")) == (str(N_BEFORE + N_NEW), "1")
    failed = page.locator(".failures li")
    expect(failed).to_contain_text("broken.mp3 is not readable as audio")
    expect(failed).to_contain_text("replace it by a whole copy")
    expect(page.get_by_role("button", name="Build now")).to_be_visible()
    page.goto("/")  # without a restart
    expect(page.locator("#search")).to_have_attribute(
        "placeholder", f"Search {N_BEFORE + N_NEW} tracks"
    )


def test_a_build_is_stopped_and_another_is_refused(page: Page, home: Path) -> None:
    add(home.parent / "music", range(N_BEFORE, N_MANY))
    page.goto("/library")
    page.get_by_role("button", name="Build now").click()
    expect(page.locator("#build-sentence")).to_contain_text("Analysing", timeout=PATIENCE)
    expect(page.locator("#build-details")).to_contain_text("running for")
    token = page.evaluate("document.querySelector('meta[name=earshot-token]').content")
    again = page.request.post("/api/v1/build", headers={"X-Earshot-Token": token}, data={})
    assert again.status == 409
    assert "Another build is running" in again.json()["detail"]
    page.get_by_role("button", name="Stop").click()
    expect(page.locator("#build-sentence")).to_contain_text(
        "What it analysed is kept", timeout=PATIENCE
    )
    state = read_state(home)
    assert state
    assert state.state == "stopped"
    expect(page.get_by_role("button", name="Build now")).to_be_visible()


def test_a_build_of_the_command_line_is_seen(page: Page, home: Path) -> None:
    page.goto("/library")
    with BuildRecord(home) as record:
        expect(page.locator("#build")).to_have_attribute("data-state", "running")
        record.say("A file is broken.")
    expect(page.locator("#build")).to_have_attribute("data-state", "done")
    page.get_by_text("Log", exact=True).click()
    expect(page.locator("#build-lines")).to_contain_text("A file is broken.")
    shutil.rmtree(home.parent / "music")
    page.get_by_role("button", name="Build now").click()
    expect(page.locator("#status")).to_contain_text("name the folders of its library")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_barrier_is_found(browser: Browser, address: str, home: Path, scheme: str) -> None:
    context = browser.new_context(
        base_url=address,
        color_scheme=scheme,  # type: ignore[arg-type]
        bypass_csp=True,
        viewport={"width": 390, "height": 800},
    )
    page = context.new_page()
    page.goto("/library")
    barrier_free(page)
    with BuildRecord(home):
        expect(page.locator("#build")).to_have_attribute("data-state", "running")
        barrier_free(page)
    context.close()


def barrier_free(page: Page) -> None:
    axe = Axe().run(page)
    assert not axe.response["violations"], axe.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth") == 390
