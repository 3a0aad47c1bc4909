"""The map: its bytes, and what is done with it in a real browser."""

from __future__ import annotations

import base64
import math
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from flask.testing import FlaskClient
from made_home import ARTISTS, N_TRACKS
from playwright.sync_api import Browser, Page, expect

from recsys.catalog import Catalog
from recsys.home.files import LAYOUT_NAME
from recsys.home.settings import Settings
from recsys.track_map.layout_file import Layout
from webui.app import create_app


@pytest.fixture
def home(home: Path) -> Path:
    """A library whose artists stand on a circle, the tracks of each close together."""
    numbers = np.arange(N_TRACKS)
    turn = 2 * np.pi * (numbers // 4) / len(ARTISTS)
    places = 30 * np.stack([np.cos(turn), np.sin(turn)], axis=1)
    places += np.stack([numbers % 2, numbers % 4 // 2], axis=1)
    clusters = (1 + numbers * 3 // N_TRACKS).astype(np.uint8)
    Layout(numbers + 1, places.astype(np.float32), clusters, "of a circle").save(home / LAYOUT_NAME)
    return home


def test_places_are_those_of_the_layout(client: FlaskClient, home: Path) -> None:
    layout = Layout.load(home / LAYOUT_NAME)
    answer = client.get("/api/v1/map")
    n = int(np.frombuffer(answer.data, "<u4", 1)[0])
    ids = np.frombuffer(answer.data, "<u4", n, 4)
    places = np.frombuffer(answer.data, "<u2", offset=4 + 4 * n).reshape(n, 2).astype(float)
    assert ids.tolist() == layout.ids.tolist()
    assert places.min() == 0
    assert places.max() == 65_535
    distances = [np.linalg.norm(p[:, None] - p, axis=2) for p in (layout.positions, places)]
    scale = distances[1].max() / distances[0].max()
    np.testing.assert_allclose(distances[1], distances[0] * scale, atol=3)
    again = client.get("/api/v1/map", headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    with Catalog(home) as catalog:
        catalog.set_presence(gone=[3])
    fewer = client.get("/api/v1/map", headers={"If-None-Match": answer.headers["ETag"]})
    assert fewer.status_code == 200
    assert np.frombuffer(fewer.data, "<u4", N_TRACKS - 1, 4).tolist() == [
        i for i in layout.ids.tolist() if i != 3
    ]


def test_colours_are_groups_or_how_much(client: FlaskClient) -> None:
    def colours(by: str) -> tuple[list[str], list[int]]:
        answer = client.get("/api/v1/map/colours", query_string={"by": by}).get_json()
        return answer["names"], list(base64.b64decode(answer["values"]))

    half = N_TRACKS // 2
    names, values = colours("genre")
    assert names == ["Classical", "Rock"]
    assert values == [2] * half + [1] * half
    names, values = colours("sound")
    assert {names[value - 1] for value in values[:half]} & {"rock"}
    assert "classical" not in {names[value - 1] for value in values[:half]}
    names, values = colours("tag:Rock")
    assert names == ["rock"]
    assert min(values[:half]) > max(values[half:])
    names, values = colours("cluster")
    third = N_TRACKS // 3
    assert values == [1] * third + [2] * third + [3] * third
    assert "rock" in names[0].split(", ")
    assert "classical" in names[2].split(", ")
    for by, status in (("", 400), ("id", 400), ("tag:nothing", 404)):
        assert client.get("/api/v1/map/colours", query_string={"by": by}).status_code == status
    named = client.get("/api/v1/map/tracks?ids=5,2,999").get_json()["tracks"]
    assert [track["id"] for track in named] == [5, 2]
    assert client.get("/api/v1/map/tracks?ids=1,x").status_code == 400


def test_without_a_map_the_page_says_how_to_get_one(library: Path) -> None:
    app = create_app(Settings(library / "home"))
    client = app.test_client()
    assert client.get("/api/v1/map").status_code == 404
    page = client.get("/map")
    assert page.status_code == 200
    assert "run <code>earshot build</code>" in page.text
    assert "On the map" not in client.get("/tracks/1").text
    app.extensions["served_home"].close()


def around(page: Page, number: int) -> tuple[float, float, float]:
    """Return where the artist of a number stands on the page, and how wide a lasso takes."""
    box = page.locator("#map").bounding_box()
    assert box
    side = min(box["width"], box["height"]) * 0.88
    turn = 2 * math.pi * number / len(ARTISTS)
    across = 61 if number % 3 else 60.5  # of the layout
    x = box["x"] + box["width"] / 2 + side * 30 * math.cos(turn) / across
    return x, box["y"] + box["height"] / 2 + side * 30 * math.sin(turn) / across, side / 6


def draw_lasso(page: Page, number: int) -> None:
    x, y, reach = around(page, number)
    page.keyboard.down("Shift")
    page.mouse.move(x + reach, y)
    page.mouse.down()
    for step in range(13):
        turn = step * math.pi / 6
        page.mouse.move(x + reach * math.cos(turn), y + reach * math.sin(turn))
    page.mouse.up()
    page.keyboard.up("Shift")


def lit(page: Page, group: int) -> int:
    """Return how many pixels of the map have the colour of a group, undimmed."""
    n_lit: int = page.evaluate(
        """async (group) => {
            const { measure } = await import("/static/map.js");
            const map = document.getElementById("map");
            const hex = getComputedStyle(map).getPropertyValue(`--group-${group}`).trim();
            const wanted = [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
            measure(1); // what is drawn can be read until the browser shows it
            const pixels = new Uint8Array(4 * map.width * map.height);
            const gl = map.getContext("webgl2");
            gl.readPixels(0, 0, map.width, map.height, gl.RGBA, gl.UNSIGNED_BYTE, pixels);
            let n = 0;
            for (let at = 0; at < pixels.length; at += 4) {
                const opacity = pixels[at + 3] / 255;
                const apart = wanted.map((c, i) => Math.abs(c - pixels[at + i] / opacity));
                if (opacity > 0.5 && Math.max(...apart) < 12) n += 1;
            }
            return n;
        }""",
        group,
    )
    return n_lit


def opened(page: Page, path: str = "/map") -> None:
    page.goto(path)
    expect(page.locator(".map[data-ready]")).to_be_visible()


def test_without_webgl_the_page_says_so_and_offers_no_tools(browser: Browser, address: str) -> None:
    path = shutil.which("chromium")
    args = ["--no-sandbox", "--disable-3d-apis"]
    with browser.browser_type.launch(executable_path=path, args=args) as plain:
        page = plain.new_page(base_url=address)
        complaints: list[str] = []
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto("/map")
        expect(page.get_by_text("needs WebGL 2")).to_be_visible()
        expect(page.get_by_role("button", name="Lasso")).to_have_count(0)
        expect(page.get_by_role("heading", name="Nothing selected")).to_have_count(0)
        page.get_by_role("combobox", name="Start from").press_sequentially("song 4")
        expect(page.get_by_role("option").first).to_be_visible()
        assert not complaints


def test_a_lasso_leads_to_seeds(page: Page) -> None:
    opened(page)
    draw_lasso(page, 2)
    expect(page.locator("#chosen-title")).to_have_text("4 tracks selected")
    expect(page.locator("#chosen .artist")).to_have_text(["Cleo"] * 4)
    page.get_by_role("link", name="Mix from these").click()
    expect(page.locator(".chip")).to_have_count(4)
    chips = page.locator(".chip .name").all_text_contents()
    assert {chip.split(" · ")[1] for chip in chips} == {"Cleo"}


def test_a_point_is_named_and_played(page: Page) -> None:
    opened(page)
    x, y, _ = around(page, 4)
    for step in range(60):  # somewhere here are its four tracks
        page.mouse.move(x + 3 * (step % 10) - 15, y + 5 * (step // 10) - 15)
        if page.locator("#ring-near").is_visible():
            break
    expect(page.locator("#near .artist")).to_have_text("Ella")
    title = page.locator("#near .title").text_content() or ""
    page.mouse.down()
    page.mouse.up()
    expect(page.locator("#now-title")).to_have_text(title)
    expect(page.locator("#chosen-title")).to_have_text("1 track selected")
    expect(page.locator("#ring-playing")).to_be_visible()
    page.locator("#legend button", has_text="rock").click()
    page.get_by_label("Colour by").select_option("genre")
    expect(page.locator("#legend bdi")).to_have_text(["Classical", "Rock"])
    page.get_by_role("button", name="Clear").click()
    page.get_by_label("Colour by").select_option("cluster")
    expect(page.locator("#legend .number")).to_have_text([str(N_TRACKS // 3)] * 3)
    first = page.locator("#legend button", has_text="rock").first
    assert lit(page, 3) > 0
    first.click()
    expect(first).to_have_attribute("aria-pressed", "true")
    assert lit(page, 1) > 0
    assert lit(page, 3) == 0, "what is not of the chosen cluster is dimmed"
    first.click()
    expect(first).to_have_attribute("aria-pressed", "false")


def test_a_selected_track_has_the_menu_of_every_row(page: Page, home: Path) -> None:
    opened(page, "/map?track=7")
    track = page.locator("#chosen .song")
    menu = track.locator(".menu summary")
    menu.click()
    expect(track.locator(".menu a")).to_have_text(
        ["Start a new mix", "Find a path from here", "Track page", "Artist page"]
    )
    track.get_by_role("button", name="Add to playlist …").click()
    page.get_by_label("New playlist").fill("From the map")
    page.keyboard.press("Enter")
    expect(page.locator("#status")).to_contain_text("to “From the map”.")
    expect(menu).to_be_focused()
    with Catalog(home) as catalog:
        me = catalog.listener("me")
        assert me
        assert [kept.track_ids for kept in catalog.playlists(me.id)] == [(7,)]


def test_the_map_by_keyboard_alone(page: Page) -> None:
    opened(page, "/map?track=7")
    expect(page.locator("#chosen-title")).to_have_text("1 track selected")
    page.locator("#map").focus()
    page.keyboard.press("0")
    page.keyboard.press("c")
    expect(page.locator("#chosen-title")).to_have_text(f"{N_TRACKS} tracks selected")
    for key in ["+"] * 3 + ["ArrowRight"] * 12:  # to the first artist, in the east
        page.keyboard.press(key)
    page.keyboard.press("c")
    expect(page.locator("#chosen .artist")).to_have_text(["Ada"] * 4)
    page.keyboard.press("Escape")
    expect(page.locator("#chosen-title")).to_have_text("Nothing selected")


@pytest.fixture(params=["light", "dark", "phone"])
def looked_at(request: pytest.FixtureRequest, browser: Browser, address: str) -> Iterator[Page]:
    phone = request.param == "phone"
    context = browser.new_context(
        base_url=address,
        viewport={"width": 390 if phone else 1200, "height": 840},
        color_scheme="dark" if request.param == "dark" else "light",
        is_mobile=phone,
        has_touch=phone,
        bypass_csp=True,  # for axe
    )
    yield context.new_page()
    context.close()


def test_no_barrier_is_found_and_all_fits(looked_at: Page) -> None:
    page = looked_at
    opened(page)
    if page.viewport_size and page.viewport_size["width"] == 390:
        page.get_by_role("button", name="Select visible").tap()
    else:
        draw_lasso(page, 1)
    expect(page.locator("#chosen .song").first).to_be_visible()
    axe = Axe().run(page)
    assert not axe.response["violations"], axe.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    for control in page.locator("main :is(a, button, select):visible").all():
        box = control.bounding_box()
        assert box
        assert min(box["width"], box["height"]) >= 23.9  # WCAG 2.2, 2.5.8
