"""The workbench in a real browser: Debian's Chromium, driven by Playwright."""

from __future__ import annotations

import re
from contextlib import ExitStack
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from browsing import drop_file, played, renewed, row, settled, tab_to, titles
from playwright.sync_api import Browser, Page, Route, expect
from sounds import tune, write

from encoders.features import AudioInfo
from recsys.catalog import Catalog, ScannedFile, Tags
from webui import uploads
from webui.uploads import N_WAITING

LIST = "/?like=track:5&length=8"
HOSTILE = '"><script>window.hurt = 1</script><img src=x onerror="window.hurt = 1">'


def test_seed_like_dislike_see_the_list_change_and_undo(page: Page, home: Path) -> None:
    page.goto("/")
    page.get_by_role("combobox", name="Start from").press_sequentially("song 4")
    page.get_by_role("option", name="Song 4 Bix").click()
    settled(page, "Added Song 4")
    assert "like=track" in page.url
    before = titles(page)
    assert "Song 4" not in before
    sixth = before[5]
    row(page, sixth).get_by_role("button", name="Dislike").click()
    settled(page, f"Disliked “{sixth}”")
    renewed(page)
    assert sixth not in titles(page)
    liked = titles(page)[9]
    row(page, liked).get_by_role("button", name="Like", exact=True).click()
    settled(page, f"Liked “{liked}”")
    renewed(page)
    assert titles(page)[9] == liked  # it stays, and others come
    assert titles(page) != before
    expect(row(page, liked).get_by_role("button", name="Like", exact=True)).to_have_attribute(
        "aria-pressed", "true"
    )
    with Catalog(home) as catalog:
        me = catalog.listener("me")
        assert me
        assert {feedback.kind for feedback in catalog.feedback(me.id)} == {"like", "dislike"}
        page.get_by_role("button", name="Undo").click()
        settled(page, "Undone: Liked")
        page.get_by_role("button", name="Undo").click()
        settled(page, "Undone: Disliked")
        assert titles(page) == before
        assert not catalog.feedback(me.id)


def test_what_is_done_before_the_scripts_have_run_is_not_lost(page: Page) -> None:
    held: list[Route] = []

    def hold(route: Route) -> None:  # a builtin Playwright does not take
        held.append(route)

    page.route("**/workbench.js", hold)
    page.goto(LIST, wait_until="commit")
    expect(page.locator(".row")).to_have_count(8)
    page.locator(".row [data-play]").nth(2).click()
    page.get_by_label("How to use “Song 4 · Bix”").select_option(label="less like")
    page.get_by_role("combobox", name="Start from").press_sequentially("ella")
    held[0].continue_()
    expect(page).to_have_url(re.compile("unlike=track%3A5"))
    expect(page.get_by_role("region", name="Player")).to_be_visible()
    expect(page.get_by_role("option", name="Ella", exact=False).first).to_be_visible()


def test_controls_and_exclusions_are_in_the_address(page: Page) -> None:
    page.goto(LIST)
    page.get_by_text("Tune this mix").click()
    page.get_by_label("Most per artist").select_option("1")
    settled(page, "Mix updated")
    page.get_by_label("Discovery").fill("0.8")
    settled(page, "Mix updated")
    assert "artist_cap=1" in page.url
    assert "discovery=0.8" in page.url
    assert "consistency" not in page.url
    artists = page.locator("#rows .artist").all_text_contents()
    assert len(set(artists)) == len(artists) > 1
    seen = titles(page)
    page.reload()
    assert titles(page) == seen
    page.go_back()
    expect(page.locator("#discovery")).to_have_value("0.5")
    page.get_by_label("How to use “Song 4 · Bix”").select_option(label="less like")
    settled(page, "Changed a seed")
    assert "unlike=track%3A5" in page.url
    first = page.locator("#rows > .row").first
    name = first.locator(".artist").text_content() or ""
    first.locator(".menu summary").click()
    first.get_by_text(f"Leave out {name}").click()
    settled(page, f"Left {name} out")
    assert name not in page.locator("#rows .artist").all_text_contents()


def test_the_list_is_played_through_and_listens_are_kept(page: Page, home: Path) -> None:
    page.goto(LIST)
    first, second = titles(page)[:2]
    with page.expect_response("**/api/v1/listens"):  # a second long, it is a listen after half
        row(page, first).get_by_role("button", name=f"Play “{first}”").click()
        expect(page.locator("#now-title")).to_have_text(first)
        played(page, 0.2)
        expect(row(page, first)).to_have_attribute("aria-current", "true")
    with page.expect_response("**/api/v1/listens"):
        expect(page.locator("#now-title")).to_have_text(second)  # by itself
    page.get_by_role("button", name="Pause", exact=True).click()
    with Catalog(home) as catalog:
        me = catalog.listener("me")
        assert me
        reported = {track.title for track in catalog.tracks(catalog.history(me.id).track_ids)}
    assert {first, second} <= reported
    # A jump to the end is no listen.
    third = titles(page)[4]
    reported: list[str] = []
    page.on("request", lambda sent: reported.append(sent.url) if "listens" in sent.url else None)
    page.evaluate(
        "document.getElementById('audio').addEventListener('playing', (event) => "
        "{ event.target.pause(); event.target.currentTime = 0.98; }, { once: true })"
    )
    row(page, third).locator("[data-play]").click()
    played(page, 0.9)
    expect(page.locator("#now-title")).to_have_text(third)
    page.wait_for_timeout(300)
    assert not reported


@pytest.mark.parametrize(("name", "part"), [("old.wma", (0, 0.0)), ("album.flac", (2, 3.0))])
def test_what_the_browser_cannot_decode_is_transcoded(
    page: Page, home: Path, tmp_path: Path, name: str, part: tuple[int, float]
) -> None:
    """And so is a part of a file."""
    path = write(tmp_path / name, tune(1, 6.0 + 2 * part[1]))
    with Catalog(home) as catalog:
        info = AudioInfo(6.0, 22_050, 1, path.suffix, f"{5:032x}")
        tags = Tags(title="Old", artist="Bix")
        catalog.record_files([ScannedFile(6, path, 1, 1, info, tags, *part)])
    page.goto(LIST)
    row(page, "Old").locator("[data-play]").click()
    played(page, 0.2)
    if not part[0]:
        assert "audio.mp3" in page.evaluate("document.getElementById('audio').currentSrc")
    expect(page.locator("#total")).to_have_text("0:06")
    with page.expect_request("**/audio.mp3?start=4*"):
        page.locator("#seek").evaluate(
            "e => { e.value = 4; e.dispatchEvent(new Event('change', { bubbles: true })); }"
        )
    expect(page.locator("#elapsed")).to_have_text(re.compile("0:0[45]"))
    expect(page.locator("#now-title")).not_to_have_text("Old")  # at its end the next one begins


@pytest.mark.parametrize(
    "cut",
    [
        "audio.dispatchEvent(new Event('error'))",  # as when its connection is cut
        # paused until the server has ended it
        "audio.pause(), setTimeout(() => { const now = Date.now(); "
        "Date.now = () => now + 150000; audio.play(); }, 500)",
    ],
)
def test_a_stream_that_ended_goes_on_where_it_was(
    page: Page, home: Path, tmp_path: Path, cut: str
) -> None:
    path = write(tmp_path / "old.wma", tune(1, 6.0))
    with Catalog(home) as catalog:
        info = AudioInfo(6.0, 22_050, 1, "wmav2", f"{5:032x}")
        catalog.record_files([ScannedFile(6, path, 1, 1, info, Tags(title="Old", artist="Bix"))])
    page.goto(LIST)
    row(page, "Old").locator("[data-play]").click()
    played(page, 1.5)
    with page.expect_request(re.compile(r"audio\.mp3\?start=[1-5]")):
        page.evaluate(f"audio => {{ {cut}; }}", page.locator("#audio").element_handle())
    expect(page.locator("#now-title")).to_have_text("Old")
    expect(page.locator("#elapsed")).to_have_text(re.compile("0:0[345]"))


def test_lengths_of_hours_have_hours(page: Page, home: Path, tmp_path: Path) -> None:
    with Catalog(home) as catalog:
        info = AudioInfo(5025.0, 22_050, 1, "wmav2", f"{5:032x}")
        path = write(tmp_path / "long.wma", tune(1, 6.0))
        catalog.record_files([ScannedFile(6, path, 1, 1, info, Tags(title="Long", artist="Bix"))])
    page.goto(LIST)
    expect(row(page, "Long").locator(".duration")).to_have_text("1:23:45")
    row(page, "Long").locator("[data-play]").click()
    expect(page.locator("#total")).to_have_text("1:23:45")
    expect(page.locator("#elapsed")).to_have_text(re.compile(r"^0:0\d$"))


def test_what_is_sent_away_while_it_plays_gives_way(page: Page) -> None:
    page.goto(LIST)
    page.evaluate("document.getElementById('audio').playbackRate = 0.1")
    page.evaluate("document.getElementById('audio').defaultPlaybackRate = 0.1")
    first, second = titles(page)[:2]
    row(page, first).locator("[data-play]").click()
    expect(page.locator("#now-title")).to_have_text(first)
    played(page, 0.01)
    row(page, first).get_by_role("button", name="Skip").click()
    settled(page, f"Skipped “{first}”")
    expect(page.locator("#now-title")).to_have_text(second)
    renewed(page)
    assert first not in titles(page)
    assert second in titles(page)


def test_one_tab_plays_at_a_time(page: Page) -> None:
    page.goto(LIST)
    other = page.context.new_page()
    other.goto(LIST)
    for one, silent in [(page, other), (other, page), (page, other)]:
        one.evaluate("document.getElementById('audio').defaultPlaybackRate = 0.1")
        one.locator("[data-play]").nth(1).click()
        played(one, 0.01)
        silent.wait_for_function("() => document.getElementById('audio').paused")
        assert not one.evaluate("document.getElementById('audio').paused")


def test_saved_as_m3u8_and_read_again_as_seeds(page: Page, tmp_path: Path) -> None:
    page.goto(LIST)
    seen = titles(page)
    with page.expect_download() as download:
        page.get_by_role("link", name="M3U8").click()
    path = tmp_path / download.value.suggested_filename
    download.value.save_as(path)
    assert path.name == "earshot.m3u8"
    lines = [line for line in path.read_text().splitlines() if line[0] != "#"]
    assert [Path(line).stem for line in lines] == ["4", *(title.split()[1] for title in seen)]
    page.goto("/")
    page.get_by_label("Use a file").set_input_files(path)
    settled(page, "Added 9 tracks of earshot.m3u8 as seeds")
    chips = page.locator(".chip .name").all_text_contents()
    assert [chip.split(" · ")[0] for chip in chips] == ["Song 4", *seen]  # with the seed
    assert not set(titles(page)) & set(seen)
    page.get_by_label("Use a file").set_input_files(
        files=[{"name": "x.m3u", "mimeType": "", "buffer": b"\0\1"}]
    )
    settled(page, "cannot be read as a playlist")


def test_music_is_dropped(page: Page) -> None:
    page.goto("/")
    drop_file(page, "mine.mp3", b"music")
    settled(page, "Added mine.mp3")
    expect(page.locator(".chip .name")).to_have_text("mine.mp3")
    before = titles(page)
    assert before[0] == "Song 19"
    page.reload()
    assert titles(page) == before


def test_a_dropped_file_waits_for_its_turn(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webui.uploads.RETRY_AFTER", 1)
    page.goto("/")
    with ExitStack() as others:  # whose files are being analysed
        for _ in range(1 + N_WAITING):
            others.enter_context(uploads._places)
        drop_file(page, "mine.mp3", b"music")
        settled(page, "Other files are being analysed. Trying mine.mp3 again in 1 second …")
        expect(page.locator(".chip")).to_have_count(0)
    settled(page, "Added mine.mp3")


def test_rows_are_dragged(page: Page) -> None:
    page.goto(LIST)
    before = titles(page)
    start = row(page, before[0]).locator(".handle").bounding_box()
    end = row(page, before[2]).bounding_box()
    assert start
    assert end
    page.mouse.move(start["x"] + 5, start["y"] + 5)
    page.mouse.down()
    page.mouse.move(end["x"] + 20, end["y"] + end["height"] / 2, steps=8)
    page.mouse.move(end["x"] + 20, end["y"] + end["height"] - 5, steps=3)
    page.mouse.up()
    settled(page, f"Moved “{before[0]}” to place 3")
    moved = [before[1], before[2], before[0], *before[3:]]
    assert titles(page) == moved
    page.reload()
    assert titles(page) == moved  # the address has it
    page.get_by_role("link", name="Unpin 3").click()
    settled(page, "Nothing is pinned")
    assert titles(page) == before


def test_a_change_that_no_server_keeps_is_not_shown(page: Page) -> None:
    page.goto(LIST)
    before = titles(page)
    row(page, before[4]).get_by_role("button", name="Skip").click()
    settled(page, "Skipped")
    renewed(page)
    shown_titles, address = titles(page), page.url
    page.route("**/*", lambda route: route.abort())
    row(page, shown_titles[0]).locator(".handle").focus()
    page.keyboard.press("ArrowDown")
    settled(page, "The server cannot be reached.")
    assert titles(page) == shown_titles
    assert page.url == address
    expect(row(page, shown_titles[0]).locator(".handle")).to_be_focused()
    side = page.get_by_role("combobox", name="How to use “Song 4 · Bix”")
    side.select_option(label="less like")
    expect(side.locator(":checked")).to_have_text("more like")
    page.get_by_text("Tune this mix").click()
    page.get_by_label("Most per artist").select_option("at most 1")
    expect(page.get_by_label("Most per artist")).to_have_value("")
    page.keyboard.press("Control+z")
    settled(page, "The server cannot be reached.")
    page.unroute("**/*")
    page.keyboard.press("Control+z")
    settled(page, "Undone: Skipped")
    assert titles(page) == before
    expect(page.get_by_role("button", name="Undo")).to_be_disabled()


def test_by_keyboard_alone(page: Page, home: Path) -> None:
    page.goto("/")

    tab_to(page, "#search")
    page.keyboard.type("ella")
    expect(page.get_by_role("option").first).to_have_attribute("aria-selected", "true")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    settled(page, "Added Ella")
    page.keyboard.type("calm")
    expect(page.get_by_role("option", name="tag calm")).to_be_visible()
    page.keyboard.press("Shift+Enter")
    settled(page, "Left out calm")
    tab_to(page, "#rows [data-play]")
    before = titles(page)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Alt+ArrowUp")
    settled(page, f"Moved “{before[1]}” to place 1")
    assert titles(page)[:2] == [before[1], before[0]]
    page.keyboard.press("w")
    expect(row(page, before[1]).locator(".why table")).to_be_visible()
    page.keyboard.press("l")
    settled(page, f"Liked “{before[1]}”")
    page.keyboard.press("d")
    settled(page, f"Disliked “{before[1]}”")
    assert page.evaluate("document.activeElement.closest('.row').dataset.place") == "1"
    page.keyboard.press("Control+z")
    settled(page, "Undone: Disliked")
    page.keyboard.press("Delete")
    settled(page, "Removed")
    page.keyboard.press("Tab")  # from the handle
    page.keyboard.press("Enter")
    expect(page.locator("#player")).to_be_visible()
    played(page, 0.1)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_barrier_is_found(browser: Browser, address: str, scheme: str) -> None:
    context = browser.new_context(base_url=address, color_scheme=scheme, bypass_csp=True)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(f"{LIST}&unlike=tag:calm&without=artist:Fats&keep=9@2&artist_cap=2")
    page.get_by_text("Tune this mix").click()
    page.locator(".why summary").first.click()
    page.locator(".menu summary").nth(2).click()
    row(page, titles(page)[0]).locator("[data-play]").click()
    expect(page.locator("#player")).to_be_visible()
    axe = Axe().run(page)
    assert not axe.response["violations"], axe.generate_report()
    page.get_by_role("combobox", name="Start from").press_sequentially("bix")
    expect(page.get_by_role("option").first).to_be_visible()
    axe = Axe().run(page, context="header")
    assert not axe.response["violations"], axe.generate_report()
    context.close()


def test_a_phone_shows_all_of_it(browser: Browser, address: str) -> None:
    context = browser.new_context(
        base_url=address, viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True
    )
    page = context.new_page()
    page.goto(f"{LIST}&unlike=tag:calm")
    page.get_by_text("Tune this mix").tap()
    first = titles(page)[0]
    row(page, first).locator("[data-play]").tap()
    row(page, first).get_by_text("Why", exact=True).tap()
    row(page, first).locator(".menu summary").tap()
    expect(row(page, first).get_by_text("More like this")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    for control in (
        page.locator("#rows .row").first.locator("button:visible, summary:visible, a:visible").all()
    ):
        box = control.bounding_box()
        assert box
        assert box["width"] >= 24
        assert box["height"] >= 24  # WCAG 2.2, 2.5.8
        assert 0 <= box["x"] <= 360 - box["width"]
    row(page, first).get_by_text("More like this").tap()
    settled(page, "as a seed")
    assert page.locator(".chip").count() == 3
    context.close()


def test_names_from_files_are_only_text(page: Page, home: Path, library: Path) -> None:
    names = [
        HOSTILE,
        "\u202egnos terces\u202c \u202e",
        "x" * 1_000_000,
        "a\r\nb\0\x07",
        "\u0308" * 500,
    ]
    with Catalog(home) as catalog:
        for number, name in enumerate(names, start=6):
            path = library / "music" / f"{number - 1}.wav"
            info = AudioInfo(1.0, 16_000, 1, "pcm_s16le", f"{number - 1:032x}")
            tags = Tags(title=name, artist=name, album=name, genres=(name[:900],))
            catalog.record_files([ScannedFile(number, path, 1, 1, info, tags)])
    page.goto(LIST)
    before = page.locator("#rows .row").count()
    assert HOSTILE in titles(page)
    row_with = page.locator('.row[data-track="6"]')
    row_with.locator("[data-play]").click()
    expect(page.locator("#now-title")).to_have_text(HOSTILE)
    row_with.locator(".menu summary").click()
    row_with.get_by_text("More like this").click()
    settled(page, "as a seed")
    page.get_by_role("combobox", name="Start from").press_sequentially("script")
    expect(page.get_by_role("option").first).to_be_visible()
    page.get_by_role("option").first.click()
    expect(page.locator(".chip")).to_have_count(3)
    assert page.evaluate("window.hurt") is None
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.locator("#rows .row").count() <= before
    # An override ends where its name ends: what follows still runs from left to right.
    page.goto("/?like=track:5&length=20")  # every track
    assert (
        page.locator('.row[data-track="7"] .title').evaluate("e => getComputedStyle(e).unicodeBidi")
        == "isolate"
    )
    assert max(len(text) for text in titles(page)) <= 1000


def test_a_page_outlives_a_restart_of_the_server(page: Page) -> None:
    page.goto(LIST)
    first = titles(page)[0]
    page.route(
        "**/feedback",
        lambda route: route.continue_(headers={**route.request.headers, "x-earshot-token": "old"}),
        times=1,
    )
    row(page, first).get_by_role("button", name="Dislike").click()
    settled(page, f"Disliked “{first}”")
    renewed(page)
    assert first not in titles(page)
