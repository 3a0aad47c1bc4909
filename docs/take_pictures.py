"""Take the pictures of docs/img anew, from the pages as they are.

    uv run earshot build --home /tmp/pictures
    uv run python docs/take_pictures.py /tmp/pictures
    uv run python docs/take_pictures.py /tmp/pictures track artist

On a copy of a home of the demo library, to which its listens and two accounts are added; nothing is
written into the home. It takes Debian's chromium.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from recsys.demo import LISTENS
from recsys.home.files import DEMO_NAME

ROOT = Path(__file__).parents[1]
PICTURES = ROOT / "docs" / "img"
COLOURS = 256  # of a picture
PATIENCE = 120_000  # ms
LIKED = (1, 3, 9, 14, 22, 31, 40, 47, 55, 63)  # tracks


def workbench(page: Page) -> None:
    """Show two seeds, the reasons of a row, the player."""
    page.goto("/?like=track:1&like=tag:ambient&unlike=tag:metal&artist_cap=2")
    page.locator("#rows .why summary").nth(1).click()
    _play(page, "#rows .row [data-play]")


def dark(page: Page) -> None:
    """Show the same in the dark, with a search open."""
    page.goto("/?like=track:40")
    _play(page, "#rows .row [data-play]")
    page.mouse.move(0, 0)
    page.get_by_role("combobox", name="Start from").press_sequentially("mo")
    page.get_by_role("option").first.wait_for()


def phone(page: Page) -> None:
    """Show a list in a hand."""
    page.goto("/?like=track:1")
    _play(page, "#rows .row [data-play]")


def track(page: Page) -> None:
    """Show a track, the moment where it is most like another."""
    page.goto("/tracks/1")
    page.locator(".where summary").first.click()
    page.locator(".parts button").first.wait_for()
    _play(page, ".hero [data-play]")


def artist(page: Page) -> None:
    """Show an artist of several albums."""
    page.goto("/artist?name=Moth+Cartography")


def albums(page: Page) -> None:
    """Show the covers of the library, and the queue."""
    page.goto("/albums")
    page.locator(".album .over").nth(5).click()
    page.locator("#player").wait_for()
    page.wait_for_function("() => document.getElementById('audio').currentTime > 6")
    page.locator(".album .title").nth(8).click()
    page.locator(".hero").get_by_role("button", name="Add to queue").click()
    page.locator("#status", has_text="Added").wait_for()
    page.goto("/albums")
    page.evaluate("document.getElementById('audio').pause()")
    page.get_by_role("button", name="Queue", exact=True).click()
    page.mouse.move(0, 0)
    page.locator("#status:empty").wait_for(state="attached")  # some browsers wait for a press


def artists(page: Page) -> None:
    """Show the artists of the library."""
    page.goto("/artists")


def album(page: Page) -> None:
    """Show an album that plays."""
    page.goto("/artist?name=Moth+Cartography")
    page.locator(".album .title").first.click()
    _play(page, ".song [data-play]")
    page.mouse.move(0, 0)


def radio(page: Page) -> None:
    """Show the radio of an artist, in the queue, in a hand."""
    page.goto("/artist?name=Moth+Cartography")
    page.get_by_role("button", name="Radio").click()
    page.wait_for_function("() => document.getElementById('audio').currentTime > 6")
    page.evaluate("document.getElementById('audio').pause()")
    page.get_by_role("button", name="Queue", exact=True).click()
    page.locator(".queued").nth(5).wait_for()


def renewing(page: Page) -> None:
    """Show a playlist that renews itself."""
    page.goto("/?like=tag:ambient&discovery=0.7&artist_cap=2")
    page.locator(".renewing summary").first.click()
    page.locator("#renewing-name").fill("Sunday ambient")
    page.locator(".renewing form button[type=submit]").first.click()
    page.get_by_role("link", name="Open playlist").click()
    page.locator(".song").first.wait_for()


def home(page: Page) -> None:
    """Show the mixes that are made for a person, who has liked and played some tracks."""
    page.goto("/")
    token = page.evaluate("document.querySelector('meta[name=earshot-token]').content")
    headers = {"X-Earshot-Token": token}
    for track_id in LIKED:
        where = f"/api/v1/tracks/{track_id}/feedback"
        page.request.put(where, headers=headers, data={"kind": "like"})
        page.request.post("/api/v1/listens", headers=headers, data={"track_id": track_id})
    page.goto("/")


def the_map(page: Page) -> None:
    """Show the map in clusters, one part of it chosen with the lasso."""
    page.goto("/map")
    page.locator(".map[data-ready]").wait_for()
    page.get_by_label("Colour by").select_option("cluster")
    box = page.locator("#map").bounding_box()
    assert box
    page.get_by_role("button", name="Lasso").click()
    corners = [(0.04, 0.6), (0.45, 0.6), (0.45, 0.95), (0.04, 0.95), (0.04, 0.6)]
    for number, (x, y) in enumerate(corners):
        page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"], steps=8)
        if number == 0:
            page.mouse.down()
    page.mouse.up()
    _play(page, "#chosen [data-play]")
    page.mouse.move(0, 0)


def playlist(page: Page) -> None:
    """Show a playlist with what could come next."""
    page.goto("/")
    token = page.evaluate("document.querySelector('meta[name=earshot-token]').content")
    made = page.request.post(
        "/api/v1/playlists",
        headers={"X-Earshot-Token": token},
        data={"name": "Harbour lights", "track_ids": [1, 3, 10, 2, 12]},
    )
    page.goto(f"/playlists/{made.json()['id']}?more=1")


def library(page: Page) -> None:
    """Show the library."""
    page.goto("/library")


def evaluation(page: Page) -> None:
    """Show what was evaluated."""
    page.goto("/evaluation")


def account(page: Page) -> None:
    """Show an owner's account with a key, and another person."""
    page.goto("/account")
    page.get_by_label("Name of the key").fill("phone")
    page.get_by_role("button", name="Create a key").click()
    page.goto("/account")


def api(page: Page) -> None:
    """Show an operation of the API that was tried."""
    page.goto("/api")
    operation = page.locator("details", has_text="/tracks/{track_id}/similar").first
    operation.locator("summary").first.click()
    operation.get_by_label("track_id (required)").fill("1")
    operation.get_by_role("button", name="Send").click()
    operation.locator(".answer pre").first.wait_for()
    operation.scroll_into_view_if_needed()


PICTURED: dict[str, Callable[[Page], None]] = {
    "workbench": workbench,
    "dark": dark,
    "phone": phone,
    "track": track,
    "artist": artist,
    "albums": albums,
    "artists": artists,
    "album": album,
    "radio": radio,
    "renewing": renewing,
    "home": home,
    "map": the_map,
    "playlist": playlist,
    "library": library,
    "evaluation": evaluation,
    "account": account,
    "api": api,
}
ON_PHONE = ("phone", "radio")
HEIGHTS = {
    "workbench": 800,
    "dark": 800,
    "map": 860,
    "albums": 860,
    "artists": 860,
    "album": 700,
    "renewing": 860,
    "home": 860,
    "evaluation": 1000,
    "account": 1000,
}


def main() -> None:
    """Take all pictures, or those that are named."""
    parser = argparse.ArgumentParser(description="Take the pictures of docs/img anew.")
    parser.add_argument("home", type=Path, help="a home of the demo library")
    parser.add_argument("names", nargs="*", metavar="PICTURE", help=", ".join(PICTURED))
    args = parser.parse_args()
    if unknown := set(args.names) - set(PICTURED):
        parser.error(f"there is no picture called {', '.join(sorted(unknown))}")
    names = args.names or list(PICTURED)
    with tempfile.TemporaryDirectory(prefix="pictures-") as folder, sync_playwright() as driver:
        home = shutil.copytree(args.home, Path(folder) / "home")
        _run("import_listens.py", home, args.home / DEMO_NAME / LISTENS)
        if "evaluation" in names:
            _run("evaluate.py", home, "content", "--by", "artist", "-k", "3")
        browser = driver.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        plain = [name for name in names if name != "account"]
        with _served(home) as (address, _):
            for name in plain:
                _take(browser, address, name)
        if "account" in names:
            _run("account.py", home, "add", "ann")
            with _served(home, "--accounts") as (address, password):
                _take(browser, address, "account", password)
        browser.close()


def _run(script: str, home: Path, *arguments: str | Path) -> None:
    command = [sys.executable, ROOT / "scripts" / script, *arguments, "--home", home]
    subprocess.run(command, check=True, capture_output=True, cwd=ROOT)


@contextmanager
def _served(home: Path, *options: str) -> Iterator[tuple[str, str]]:
    """Serve a home; give the address, and the password of an owner that was made."""
    command = [sys.executable, ROOT / "scripts" / "serve.py", "--home", home, "--port", "0"]
    with subprocess.Popen(
        [*command, *options], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=ROOT
    ) as process:
        try:
            lines = iter(process.stdout or ())
            address, password = next(lines).split()[-1], ""
            if options:
                password = next(line for line in lines if line.startswith("    password")).split()[
                    -1
                ]
            yield address, password
        finally:
            process.terminate()


def _take(browser: Browser, address: str, name: str, password: str = "") -> None:
    on_phone = name in ON_PHONE
    height = HEIGHTS.get(name, 1080)
    context = browser.new_context(
        base_url=address,
        viewport={"width": 390, "height": 844} if on_phone else {"width": 1200, "height": height},
        device_scale_factor=1.5 if on_phone else 1,
        color_scheme="dark" if name == "dark" else "light",
        is_mobile=on_phone,
        has_touch=on_phone,
        reduced_motion="reduce",
    )
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    if password:
        page.goto("/login")
        page.get_by_label("Name").fill("owner")
        page.get_by_label("Password").fill(password)
        page.get_by_role("button", name=re.compile("Log in")).click()
        page.wait_for_url(f"{address}/")
    PICTURED[name](page)
    page.wait_for_timeout(2000)  # for covers
    path = PICTURES / f"{name}.png"
    page.screenshot(path=path)
    context.close()
    with Image.open(path) as picture:
        few = picture.convert("RGB").quantize(
            COLOURS, Image.Quantize.MAXCOVERAGE, kmeans=5, dither=Image.Dither.NONE
        )
        few.save(path, optimize=True)


def _play(page: Page, selector: str) -> None:
    """Play, until the waveform is there and the sound has moved on."""
    page.locator(selector).first.click()
    page.wait_for_function("() => document.getElementById('audio').currentTime > 6")
    page.evaluate("document.getElementById('audio').pause()")


if __name__ == "__main__":
    main()
