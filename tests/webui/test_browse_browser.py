"""Browsing and listening in a real browser: one home, one server and one browser for all tests."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from browsing import settled, watched
from playwright.sync_api import Browser, BrowserContext, Page, expect

from earshot.transcoding import transcoded
from recsys.home.settings import Settings
from webui.app import create_app

sys.path.append(str(Path(__file__).parents[1] / "commands"))  # for made_home

from served_app import serving

SLOWLY = """addEventListener("DOMContentLoaded", () => {
    for (const one of document.querySelectorAll("audio")) {
        one.defaultPlaybackRate = one.playbackRate = 0.0625;
    }
});"""  # a track of a second lasts for sixteen
PHONE = {"width": 390, "height": 844}
PAGES = ("/albums", "/tracks?sort=newest", "/genres")


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
    context.add_init_script(SLOWLY)
    yield context
    context.close()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """A page of its own; no script fails, the browser refuses nothing."""
    page = context.new_page()
    yield from watched(page)
    page.close()


def test_from_the_albums_to_a_track_that_is_liked(page: Page) -> None:
    page.goto("/")
    page.get_by_role("link", name="Browse").click()
    expect(page.locator(".album")).to_have_count(6)
    page.get_by_label("Sort by").select_option("Title")
    expect(page).to_have_url("/albums?q=&sort=name")
    expect(page.get_by_label("Sort by")).to_be_focused()  # so that arrows go on from there
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


def test_an_album_without_a_picture_shows_its_letter(page: Page) -> None:
    page.goto("/albums")
    covers = page.locator(".album .cover")
    expect(covers.locator("img")).to_have_count(0)  # they were asked for, and are not there
    expect(covers).to_have_text(["A", "B", "C", "D", "E", "F"])


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


def upcoming(page: Page) -> list[str]:
    return page.locator("#queue-list .title").all_text_contents()


def begin(page: Page, title: str) -> None:
    page.locator(f'.song[data-title="{title}"] [data-play]').click()
    expect(page.locator("#now-title")).to_have_text(title)


def choose(page: Page, title: str, entry: str) -> None:
    row = page.locator(f'[data-track][data-title="{title}"]')
    row.locator(".menu summary").click()
    row.get_by_role("button", name=entry).click()


def test_the_queue_is_seen_and_edited(page: Page) -> None:
    page.goto("/artist?name=Ada")
    begin(page, "Song 1")
    page.goto("/artist?name=Bix")
    choose(page, "Song 6", "Play next")
    settled(page, "“Song 6” will play next.")
    expect(page.locator('[data-title="Song 6"] .menu summary')).to_be_focused()
    choose(page, "Song 7", "Add to queue")
    settled(page, "Added “Song 7” to the queue.")
    page.get_by_role("button", name="Queue", exact=True).click()
    assert upcoming(page) == ["Song 6", "Song 7", "Song 2", "Song 3"]
    axe = Axe().run(page, context="#queue, #player")
    assert not axe.response["violations"], axe.generate_report()
    page.get_by_role("button", name="Move “Song 3”", exact=True).focus()
    page.keyboard.press("ArrowUp")
    settled(page, "Moved “Song 3” to place 3.")
    page.keyboard.press("ArrowUp")  # the focus stays with it
    settled(page, "Moved “Song 3” to place 2.")
    page.get_by_role("button", name="Move “Song 2”", exact=True).drag_to(
        page.locator(".queued").first, target_position={"x": 20, "y": 3}
    )
    settled(page, "Moved “Song 2” to place 1.")
    page.get_by_role("button", name="Remove “Song 6” from the queue").click()
    assert upcoming(page) == ["Song 2", "Song 3", "Song 7"]
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_label("Playlist name").fill("Evening")
    page.keyboard.press("Enter")
    settled(page, "Saved “Evening” with 4 tracks.")
    page.goto("/albums")  # it goes along from page to page
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    page.get_by_role("button", name="Queue", exact=True).click()
    assert upcoming(page) == ["Song 2", "Song 3", "Song 7"]
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    page.get_by_role("button", name="Play “Song 3”").or_(page.get_by_title("Play “Song 3”")).click()
    expect(page.locator("#now-title")).to_have_text("Song 3")
    page.get_by_role("button", name="Clear").click()
    assert upcoming(page) == []
    page.keyboard.press("Escape")
    expect(page.locator("#queue")).to_be_hidden()


def test_keys_modes_and_media_keys(page: Page) -> None:
    page.add_init_script(
        "window.keys = {};"
        "MediaSession.prototype.setActionHandler = (name, act) => { keys[name] = act; };"
    )
    page.goto("/artist?name=Cleo")
    begin(page, "Song 8")
    title = page.locator("#now-title")
    page.locator("h1").click()
    page.keyboard.press("n")
    expect(title).to_have_text("Song 9")
    page.keyboard.press("p")
    expect(title).to_have_text("Song 8")
    page.evaluate("keys.nexttrack()")
    expect(title).to_have_text("Song 9")
    page.evaluate("keys.pause()")
    assert page.evaluate("navigator.mediaSession.metadata.title") == "Song 9"
    page.keyboard.press("Shift+R")
    expect(page.get_by_role("button", name="Repeat: all")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("Shift+ArrowDown")
    page.keyboard.press("m")
    expect(page.get_by_role("button", name="Mute")).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name="Play “Song 11”").click()
    page.evaluate("window.begun = document.getElementById('audio'); begun.playbackRate = 0.5")
    expect(title).to_have_text("Song 8")  # from the last to the first, by itself
    assert page.evaluate("document.getElementById('audio') !== begun")  # it had been loaded
    page.keyboard.press("m")
    page.reload()
    assert page.evaluate("document.getElementById('audio').volume") == pytest.approx(0.9)
    expect(page.get_by_role("button", name="Repeat: all")).to_be_visible()
    page.get_by_role("button", name="Repeat: all").click()
    page.get_by_role("button", name="Repeat: this track").click()
    page.keyboard.press("?")
    page.get_by_label("Turn shortcuts of the player off").check()
    page.get_by_role("button", name="Close", exact=True).click()
    page.keyboard.press("n")
    expect(title).to_have_text("Song 8")
    page.evaluate("localStorage.clear()")


def test_the_model_of_the_queue(page: Page) -> None:
    """Shuffle and repeat, without a sound."""
    page.goto("/genres")
    said = page.evaluate(
        """async () => {
            const { Queue } = await import("/static/queue.js");
            const items = [..."abcdefgh"].map((id) => ({ id, key: id, title: id }));
            const names = (list) => list.map((item) => item.id).join("");
            const queue = new Queue(() => items);
            const said = {};
            queue.start(null, items[2], 2);
            said.live = names(queue.upcoming);
            queue.setShuffle(true);
            const byName = (a, b) => a.id < b.id ? -1 : 1;
            said.shuffled = queue.list[0].id + names([...queue.upcoming].sort(byName));
            queue.add([items[0]], false);
            queue.add([items[1]], true);
            said.added = names(queue.upcoming.slice(0, 2));
            queue.next(); queue.next();
            queue.setShuffle(false);
            said.ordered = names(queue.upcoming) + queue.current.id;
            said.back = queue.previous().id;
            queue.repeat = "one";
            said.one = queue.next(true).id + queue.next().id;
            queue.repeat = "all";
            queue.change(() => []);
            said.all = queue.next(true).id;
            queue.repeat = "off";
            queue.change((all) => all.slice(-1));
            queue.next();
            said.end = String(queue.next(true)) + String(queue.following);
            return said;
        }"""
    )
    assert said == {
        "live": "defgh",
        "shuffled": "cabdefgh",
        "added": "ba",
        "ordered": "defgha",  # what plays was added, and the list goes on behind its own
        "back": "c",
        "one": "cd",
        "all": "a",
        "end": "nullnull",
    }


def test_two_elements_take_turns_at_tracks_that_are_loaded_before_the_end(page: Page) -> None:
    """The module alone: what it holds and asks for, by no clock."""
    page.goto("/artist?name=Ada")
    begin(page, "Song 3")  # the last one: the player itself prepares nothing
    asked: list[str] = []
    page.on("request", lambda one: asked.append(one.url) if one.url.endswith("/audio") else None)
    said = page.evaluate(
        """async () => {
            const sound = await import("/static/sound.js");
            const elements = [...document.querySelectorAll("audio")];
            const heard = () => elements.indexOf(sound.audio);
            const of = (element) => element.src.split("/").at(-2);
            const spare = () => elements.find((one) => one !== sound.audio);
            const said = {};
            const first = sound.audio;
            await first.play();
            sound.prepare({ id: 5, from: 0 }, 30, () => {});
            said.early = spare().hasAttribute("src");  // with so much left nothing is loaded
            sound.prepare({ id: 5, from: 0 }, 15, () => {});
            said.loaded = of(spare());
            while (spare().readyState < HTMLMediaElement.HAVE_FUTURE_DATA)
                await new Promise((go) => setTimeout(go, 10));
            said.before_the_end = !first.ended && !first.paused && spare().paused;
            sound.open(5, 0);
            said.swapped = sound.audio !== first && of(sound.audio) === "5";
            said.heard = document.getElementById("audio") === sound.audio && !first.id;
            await sound.audio.play();
            sound.prepare({ id: 6, from: 0 }, 15, () => {});
            said.turns = [of(spare()), spare() === first];
            sound.prepare({ id: 7, from: 0 }, 15, () => {});  // the queue has changed
            said.again = of(spare());
            const now = heard();
            sound.open(8, 0);  // another track than the one that was loaded
            said.other = [heard() === now, of(sound.audio)];
            await sound.audio.play();
            sound.prepare({ id: 9, from: 0 }, 15, () => {});
            sound.forget();
            sound.open(9, 0);
            said.forgotten = [heard() === now, of(sound.audio)];
            sound.audio.pause();
            return said;
        }"""
    )
    assert said == {
        "early": False,
        "loaded": "5",
        "before_the_end": True,
        "swapped": True,
        "heard": True,
        "turns": ["6", True],
        "again": "7",
        "other": [True, "8"],
        "forgotten": [True, "9"],
    }
    assert sum(url.endswith("/5/audio") for url in asked) == 1  # it began with what was loaded


def test_what_comes_next_is_looked_up_when_the_queue_changes(page: Page) -> None:
    page.goto("/artist?name=Ada")
    begin(page, "Song 1")
    page.evaluate(
        """async () => {
            const { queue } = await import("/static/player.js");
            const model = Object.getPrototypeOf(queue);
            const { get } = Object.getOwnPropertyDescriptor(model, "following");
            window.lookedUp = window.updates = 0;
            const look = function () { window.lookedUp++; return get.call(this); };
            Object.defineProperty(queue, "following", { get: look });
            const audio = document.getElementById("audio");
            audio.addEventListener("timeupdate", () => { window.updates++; });
        }"""
    )
    page.wait_for_function("() => window.updates > 3")
    assert page.evaluate("window.lookedUp") == 0
    loaded = """() => [...document.querySelectorAll("audio")]
        .find((one) => one.id !== "audio").src.split("/").at(-2)"""
    page.wait_for_function(f"() => ({loaded})() === '3'")  # Song 2, the next one
    choose(page, "Song 3", "Play next")
    settled(page, "“Song 3” will play next.")
    assert page.evaluate("window.lookedUp") == 1
    page.wait_for_function(f"() => ({loaded})() === '4'")
    page.evaluate("document.getElementById('audio').pause()")


def test_a_radio_has_no_end_and_learns_from_skips(page: Page) -> None:
    page.goto("/albums")
    page.locator(".album .title").first.click()
    page.get_by_role("button", name="Radio").click()
    settled(page, "Radio: Ada live.")
    page.get_by_role("button", name="Queue", exact=True).click()
    before = upcoming(page)
    assert len(before) == 7
    with page.expect_response("**/feedback") as skip, page.expect_response("**/radio"):
        page.get_by_role("button", name="Next track").click()
    assert skip.value.request.post_data_json == {"kind": "skip"}
    expect(page.locator("#now-title")).to_have_text(before[0])
    expect(page.locator(".queued")).to_have_count(8)
    page.goto("/tracks/3")
    page.get_by_role("button", name="Radio").click()
    expect(page.locator("#now-title")).to_have_text("Song 2")  # it begins with the track itself


def test_several_rows_at_once(page: Page) -> None:
    page.goto("/tracks?sort=artist")
    begin(page, "Song 20")
    choose(page, "Song 2", "Select")
    bar = page.get_by_role("toolbar", name="Selected tracks")
    expect(bar).to_contain_text("1 selected")
    page.get_by_label("Select “Song 5”").click(modifiers=["Shift"])
    expect(bar).to_contain_text("4 selected")
    page.get_by_label("Select “Song 3”").uncheck()
    axe = Axe().run(page)
    assert not axe.response["violations"], axe.generate_report()
    bar.get_by_role("button", name="Add to playlist …").click()
    page.get_by_label("New playlist").fill("Three")
    page.get_by_role("button", name="Create").click()
    settled(page, "Added 3 tracks to “Three”.")
    bar.get_by_role("button", name="Like").click()
    settled(page, "Liked 3 tracks.")
    expect(page.locator('[data-like][aria-pressed="true"]')).to_have_count(3)
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    page.set_viewport_size({"width": 1280, "height": 900})
    bar.get_by_role("button", name="Play next").click()
    settled(page, "3 tracks will play next.")
    expect(bar).to_be_hidden()
    row = page.locator('.song[data-title="Song 9"]')
    row.locator("[data-play]").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("x")
    expect(page.get_by_label("Select “Song 10”")).to_be_focused()
    page.keyboard.press("Escape")
    expect(bar).to_be_hidden()
    album = page.locator('.song[data-title="Song 9"] .on')
    album.click(modifiers=["Control"], position={"x": 90, "y": 5})
    expect(bar).to_contain_text("1 selected")


def test_offline_a_page_says_so_and_nothing_else_is_kept(
    context: BrowserContext, page: Page
) -> None:
    page.goto("/albums")
    page.evaluate("navigator.serviceWorker.ready")
    page.wait_for_function("() => navigator.serviceWorker.controller")
    page.goto("/tracks?liked=1")
    context.set_offline(True)
    try:
        page.goto("/tracks?liked=1")
        expect(page.get_by_role("heading", level=1)).to_have_text("Earshot cannot be reached")
        assert page.evaluate("getComputedStyle(document.body).marginTop") == "0px"  # its looks
    finally:
        context.set_offline(False)
    page.get_by_role("link", name="Try again").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Tracks")
    kept = page.evaluate(
        """async () => {
            const requests = await (await caches.open((await caches.keys())[0])).keys();
            return requests.map((one) => new URL(one.url).pathname);
        }"""
    )
    assert sorted(kept) == ["/offline", *(f"/static/{name}" for name in sorted(
        ("early.js", "earshot.css", "icon.svg", "player.css")))]  # fmt: skip


def test_the_first_page_has_mixes_of_what_is_played(page: Page) -> None:
    page.goto("/artist?name=Dinah")
    begin(page, "Song 12")
    page.get_by_role("button", name="Like “Song 12”").click()
    settled(page, "Liked")
    page.goto("/")
    made = page.get_by_role("region", name="Made for you")
    link = made.get_by_role("link", name="mix").first
    name = link.get_attribute("title") or ""
    link.click()
    settled(page, f"{name}.")
    expect(page.locator("#mix-title")).to_contain_text(name.removesuffix(" mix"))
    expect(made).to_have_count(0)
    page.go_back()
    expect(made).to_have_count(1)
    axe = Axe().run(page, context="main")
    assert not axe.response["violations"], axe.generate_report()
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
