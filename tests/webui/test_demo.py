"""The demo library as a newcomer builds, serves and uses it: real processes, a real browser."""

from __future__ import annotations

import math
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from browsing import drop_file, played, renewed, row, settled, tab_to, titles
from playwright.sync_api import Browser, Page, expect

from recsys.catalog import Catalog
from recsys.demo import DEMO_TRACKS, LISTENS
from recsys.home.files import DEMO_NAME
from recsys.playlists import read_playlist

ROOT = Path(__file__).parents[2]
SEED = "Low Tide, High Cloud"


def script(name: str, *arguments: str | Path) -> list[str]:
    return [sys.executable, str(ROOT / "scripts" / name), *map(str, arguments)]


@pytest.fixture(scope="module")
def demo(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home that build_index.py makes where it is given nothing, and what people listened to.

    Not made where there is no browser to show it.
    """
    home = tmp_path_factory.mktemp("demo") / "home"
    said = ""
    for command in [
        script("build_index.py", "--home", home),
        script("import_listens.py", home / DEMO_NAME / LISTENS, "--home", home),
    ]:
        said += subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert "Left out" not in said, "its own histories are no files that are missed"
    return home


@pytest.fixture
def home(demo: Path, tmp_path: Path) -> Path:
    """A home of one's own; its music stays where it was made."""
    return shutil.copytree(demo, tmp_path / "home", ignore=shutil.ignore_patterns(DEMO_NAME))


@pytest.fixture
def address(home: Path) -> Iterator[str]:
    """A server that is a process, and ends without a complaint."""
    serving = script("serve.py", "--home", home, "--port", "0")
    with subprocess.Popen(serving, stdout=-1, stderr=-1, text=True) as run:
        try:
            assert run.stdout
            yield run.stdout.readline().removeprefix("Serving on ").strip()
            run.send_signal(signal.SIGTERM)
            log = run.communicate(timeout=60)[1]
            assert (run.returncode, "Traceback" in log) == (0, False), log
        finally:
            run.kill()  # where something above failed


def seeds(page: Page) -> list[str]:
    return [name.split(" · ")[0] for name in page.locator(".chip .name").all_text_contents()]


def judge(page: Page, title: str, word: str) -> None:
    row(page, title).get_by_role("button", name=word, exact=True).click()


def style(title: str) -> str:
    return next(track.artist.style for track in DEMO_TRACKS if track.title == title)


def test_seed_listen_judge_and_take_it_along(page: Page, demo: Path, tmp_path: Path) -> None:
    page.goto("/")
    expect(page.get_by_role("heading", level=1)).to_have_text("Start a mix")
    page.get_by_role("combobox", name="Start from").press_sequentially("low tide")
    page.get_by_role("option", name=SEED).click()
    settled(page, f"Added {SEED}")
    before = titles(page)
    assert [style(title) for title in before[:4]] == 4 * [style(SEED)]
    page.locator("#rows [data-play]").first.click()
    played(page, 0.5)
    disliked, liked = before[1], before[4]
    judge(page, disliked, "Dislike")
    settled(page, f"Disliked “{disliked}”")
    judge(page, liked, "Like")
    settled(page, f"Liked “{liked}”")
    renewed(page)
    after = titles(page)
    assert disliked not in after and liked in after and after != before
    expect(page.locator("#now-title")).to_have_text(before[0])
    with page.expect_download() as download:
        page.get_by_role("link", name="M3U8").click()
    saved = tmp_path / "mix.m3u8"
    download.value.save_as(saved)
    paths = {str(demo / DEMO_NAME / track.path): track.title for track in DEMO_TRACKS}
    assert [paths[entry.location] for entry in read_playlist(saved).entries] == [SEED, *after]
    page.goto("/")
    page.get_by_label("Use a file").set_input_files(saved)
    settled(page, f"Added {1 + len(after)} tracks of mix.m3u8 as seeds")
    assert seeds(page) == [SEED, *after]


def test_a_dropped_file_is_heard_as_the_build_heard_it(page: Page, demo: Path) -> None:
    (seed,) = [track for track in DEMO_TRACKS if track.title == SEED]
    page.goto("/")
    drop_file(page, "unknown.bin", (demo / DEMO_NAME / seed.path).read_bytes())
    expect(page.locator(".chip .name")).to_have_text("unknown.bin", timeout=120_000)
    assert titles(page)[0] == SEED
    expect(page.locator("#rows .row").first).to_contain_text("100 %")


def test_a_lasso_on_the_map_leads_to_a_mix(page: Page, home: Path) -> None:
    page.goto("/map")
    expect(page.locator(".map[data-ready]")).to_be_visible()
    sent = page.request.get("/api/v1/map").body()
    ids = np.frombuffer(sent, "<u4", len(DEMO_TRACKS), 4)
    places = np.frombuffer(sent, "<u2", offset=4 + ids.nbytes).reshape(-1, 2) / 65_535
    away = np.linalg.norm(places - places[0], axis=1)
    nearest = np.sort(away)
    n = 4 + int(np.argmax(np.diff(nearest[3:20])))  # where the widest gap is
    reach = float(nearest[n - 1 : n + 1].mean())
    box = page.locator("#map").bounding_box()
    assert box
    side = 0.88 * min(box["width"], box["height"])
    x, y = (places[0] - 0.5) * side + [box["width"] / 2 + box["x"], box["height"] / 2 + box["y"]]
    page.get_by_role("button", name="Lasso").click()
    page.mouse.move(x + reach * side, y)
    page.mouse.down()
    for step in range(49):
        turn = step * math.pi / 24
        page.mouse.move(x + reach * side * math.cos(turn), y + reach * side * math.sin(turn))
    page.mouse.up()
    expect(page.get_by_role("heading", name=f"{n} tracks selected")).to_be_visible()
    page.get_by_role("link", name="Mix from these").click()
    with Catalog(home) as catalog:
        chosen = {track.title for track in catalog.tracks(ids[away < reach].tolist())}
    expect(page.locator(".chip")).to_have_count(n)
    assert set(seeds(page)) == chosen
    assert not set(titles(page)) & chosen


def test_by_keyboard_alone(page: Page) -> None:
    page.goto("/")
    tab_to(page, "#search")
    page.keyboard.type("cartograph")
    expect(page.get_by_role("option").first).to_be_visible()
    page.keyboard.press("Enter")
    settled(page, "Added Moth Cartography")
    tab_to(page, "[data-play]")
    first = titles(page)[0]
    page.keyboard.press("Enter")
    expect(page.locator("#now-title")).to_have_text(first)
    played(page, 0.5)
    page.keyboard.press("l")
    settled(page, f"Liked “{first}”")
    page.keyboard.press("ArrowDown")
    second = titles(page)[1]
    page.keyboard.press("d")
    settled(page, f"Disliked “{second}”")
    page.keyboard.press("Control+z")
    settled(page, f"Undone: Disliked “{second}”")
    page.keyboard.press("Control+z")
    settled(page, f"Undone: Liked “{first}”")


def test_on_a_phone(browser: Browser, address: str) -> None:
    context = browser.new_context(
        base_url=address,
        viewport={"width": 390, "height": 844},
        is_mobile=True,
        has_touch=True,
    )
    page = context.new_page()
    page.goto("/")
    page.get_by_role("combobox", name="Start from").press_sequentially("sitar")
    page.get_by_role("option", name="sitar").first.tap()
    settled(page, "Added")
    page.locator("#rows [data-play]").first.tap()
    played(page, 0.5)
    title = titles(page)[0]
    judge(page, title, "Like")
    settled(page, f"Liked “{title}”")
    for path in ("/map", "/library", "/playlists", "/tracks/1", "/api", page.url):
        page.goto(path)
        assert page.evaluate("document.documentElement.scrollWidth") == 390, path
    context.close()
