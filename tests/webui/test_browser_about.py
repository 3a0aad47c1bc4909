"""The pages of tracks and artists in a real browser, and a player that goes on between pages."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from made_home import NAMES, TAGS
from playwright.sync_api import Browser, Page, expect
from sounds import tune, write

from encoders.features import AudioInfo, TrackFeatures
from recsys.catalog import Catalog, ScannedFile, Tags

SECONDS = 12.0
HOSTILE = '"><script>window.hurt = 1</script>/../\u202eslash'


@pytest.fixture
def home(home: Path, tmp_path: Path) -> Path:
    """Tracks 5 and 6 are long, and alike in the third moment of one and the second of the other."""
    with Catalog(home) as catalog:
        for number in (5, 6):
            path = write(tmp_path / f"{number}.wav", tune(number, SECONDS))
            info = AudioInfo(SECONDS, 22_050, 1, "pcm_s16le", f"{number - 1:032x}")
            tags = Tags(f"Song {number - 1}", "Bix", album="Bix live", year=1999)
            catalog.record_files([ScannedFile(number, path, 1, 1, info, tags)])
        for name, tags_of_model in zip(NAMES, TAGS, strict=True):
            features = dict(catalog.iter_features(name, [5, 6]))
            catalog.store_features(
                name,
                [
                    (5, longer(features[5], len(tags_of_model), planted=2)),
                    (6, longer(features[6], len(tags_of_model), planted=1)),
                ],
            )
    return home


def longer(heard: TrackFeatures, n_tags: int, planted: int) -> TrackFeatures:
    """Four moments of noise, one of them of all tags."""
    rng = np.random.default_rng(planted)
    tags = rng.uniform(0.01, 0.05, (4, n_tags)).astype(np.float16)
    tags[planted] = 0.9
    tags[planted, 2:3] = 0.01  # not calm
    starts = np.arange(4, dtype=np.float32) * 3
    return TrackFeatures(starts, tags, np.repeat(heard.penultimate, 2, axis=0), heard.pooled, 1.0)


def position(page: Page) -> float:
    return float(page.evaluate("document.getElementById('audio').currentTime"))


def reached(page: Page, seconds: float) -> None:
    page.wait_for_function("at => document.getElementById('audio').currentTime >= at", arg=seconds)


def stopped(page: Page) -> None:
    page.wait_for_function("() => document.getElementById('audio').paused")


def test_a_track_its_playhead_and_where_a_similarity_comes_from(page: Page, home: Path) -> None:
    page.goto("/?like=track:6&length=8")
    page.get_by_role("link", name="Song 4", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Song 4")
    head = "parseFloat(document.getElementById('taggram').style.getPropertyValue('--at'))"
    page.locator(".hero").get_by_role("button", name="Play “Song 4”").last.click()
    reached(page, 0.5)
    early = page.evaluate(head)
    reached(page, 1.5)
    assert 0.5 / SECONDS <= early < page.evaluate(head) < 3 / SECONDS
    box = page.locator("[data-tag]").first.bounding_box()
    assert box
    page.mouse.click(box["x"] + 0.75 * box["width"], box["y"] + 5)
    reached(page, 8.9)
    similar = page.locator('.song[data-title="Song 5"]')
    similar.get_by_text("Where").click()
    similar.get_by_role("button", name="This track, 0:06–0:07").click()
    page.wait_for_function(
        "() => { const { currentTime } = document.getElementById('audio');"
        " return currentTime > 6 && currentTime < 7; }"
    )
    stopped(page)
    assert 7 <= position(page) < 7.9
    similar.get_by_role("button", name="Play both").click()
    expect(page.locator("#now-title")).to_have_text("Song 5")
    stopped(page)
    assert 4 <= position(page) < 4.9
    page.get_by_text("Over time, as a table").click()
    row = page.get_by_role("row", name="piano")
    assert row.get_by_role("cell").all_text_contents()[2] == "90 %"
    page.get_by_role("button", name="Like", exact=True).click()
    expect(page.locator("#status")).to_contain_text("Liked “Song 4”")
    page.reload()
    expect(page.get_by_text("You like it, since")).to_be_visible()
    page.get_by_role("button", name="Like", exact=True).click()
    expect(page.locator("#status")).to_contain_text("Removed your rating")
    with Catalog(home) as catalog:
        me = catalog.listener("me")
        assert me
        assert not catalog.feedback(me.id)


def test_the_music_goes_on_from_page_to_page(page: Page) -> None:
    page.goto("/?like=track:7&length=6&keep=5@1,6@2")
    page.locator('.row[data-title="Song 4"] [data-play]').click()
    reached(page, 1)
    page.locator('.row[data-title="Song 4"]').get_by_role("link", name="Bix").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Bix")
    expect(page.locator("#now-title")).to_have_text("Song 4")
    reached(page, 2)
    assert position(page) < 6
    page.get_by_role("button", name="Next track").click()
    expect(page.locator("#now-title")).to_have_text("Song 5")  # of the list on the other page
    page.get_by_role("button", name="Next track").click()
    expect(page.locator("#now-title")).not_to_have_text("Song 6")  # a seed is not in the list
    page.get_by_role("button", name="Pause", exact=True).click()
    playing = page.locator("#now-title").text_content() or ""
    page.go_back()
    expect(page.locator("#now-title")).to_have_text(playing)
    expect(page.locator(f'.row[data-title="{playing}"]')).to_have_attribute("aria-current", "true")
    assert page.evaluate("document.getElementById('audio').paused")


def test_tracks_start_at_their_highlights_on_request(page: Page) -> None:
    starts = {}
    for number in (5, 6):
        answer = page.request.get(f"/api/v1/tracks/{number}/taggram").json()
        starts[number] = answer["highlight"]["start"]
    assert starts[5] >= 3
    page.goto("/?like=track:7&length=6&keep=5@1,6@2")
    page.locator('.row[data-title="Song 4"] [data-play]').click()
    reached(page, 0.2)
    assert position(page) < 3
    star = page.get_by_role("button", name="Start at the highlight")
    star.click()
    expect(page.locator("#status")).to_have_text("Tracks start at their highlights.")
    reached(page, starts[5])
    assert position(page) < starts[5] + 3
    page.get_by_role("button", name="Next track").click()
    expect(page.locator("#now-title")).to_have_text("Song 5")
    reached(page, starts[6])
    assert position(page) < starts[6] + 3
    page.goto("/?like=track:7&length=6&keep=5@1,6@2")
    expect(star).to_have_attribute("aria-pressed", "true")
    star.click()
    expect(star).to_have_attribute("aria-pressed", "false")
    page.locator('.row[data-title="Song 4"] [data-play]').click()
    reached(page, 0.2)
    assert position(page) < 3


def test_a_browser_without_sound_blames_no_file(page: Page) -> None:
    page.goto("/?like=track:7&length=6&keep=5@1,6@2")
    page.locator('.row[data-title="Song 4"] [data-play]').click()
    reached(page, 0.2)
    page.evaluate(
        "() => { const audio = document.getElementById('audio');"
        " Object.defineProperty(audio, 'error', { value: { message: 'OnMediaSinkAudioError' } });"
        " audio.dispatchEvent(new Event('error')); }"
    )
    expect(page.locator("#status")).to_have_text("This browser has no sound output.")
    stopped(page)
    expect(page.locator("#now-title")).to_have_text("Song 4")


def test_an_artist_is_played_and_mixed(page: Page, home: Path) -> None:
    with Catalog(home) as catalog:
        info = AudioInfo(1.0, 16_000, 1, "pcm_s16le", f"{8:032x}")
        catalog.record_files([ScannedFile(9, home / "9.wav", 1, 1, info, Tags("Nine", HOSTILE))])
    page.goto("/artist?name=BIX")
    expect(page.get_by_role("heading", name="Bix live 1999")).to_be_visible()
    page.get_by_role("button", name="Play all").click()
    expect(page.locator("#now-title")).to_have_text("Song 4")
    reached(page, 0.2)
    page.get_by_role("button", name="Next track").click()
    expect(page.locator("#now-title")).to_have_text("Song 5")
    page.get_by_role("region", name="Similar artists").get_by_role("link").first.click()
    expect(page.get_by_role("heading", level=1)).not_to_have_text("Bix")
    expect(page.locator("#now-title")).to_have_text("Song 5")
    page.get_by_role("link", name="Mix from this artist").click()
    expect(page.locator(".chip")).to_contain_text("artist")
    page.goto("/tracks/9")
    page.get_by_role("link", name=HOSTILE).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(HOSTILE)
    expect(page.get_by_role("link", name="Nine")).to_be_visible()
    assert page.evaluate("window.hurt") is None
    page.get_by_role("combobox", name="Start from").press_sequentially("ella")
    page.get_by_role("option", name="Ella", exact=False).first.click()
    expect(page.locator(".chip .name")).to_have_text("Ella")


@pytest.fixture(params=["light", "dark", "phone"])
def looked_at(request: pytest.FixtureRequest, browser: Browser, address: str) -> Iterator[Page]:
    sizes = {"width": 390 if request.param == "phone" else 1200, "height": 900}
    context = browser.new_context(
        base_url=address,
        viewport=sizes,  # type: ignore[arg-type]
        color_scheme="dark" if request.param == "dark" else "light",
        is_mobile=request.param == "phone",
        bypass_csp=True,  # for axe
    )
    yield context.new_page()
    context.close()


def test_no_barrier_is_found_and_all_fits(looked_at: Page) -> None:
    page = looked_at
    width = page.viewport_size["width"] if page.viewport_size else 0
    page.goto("/tracks/5")
    page.locator(".hero .main").click()
    page.locator(".where summary").first.click()
    expect(page.locator(".parts button").first).to_be_visible()
    page.get_by_text("Over time, as a table").click()
    for path in (None, "/artist?name=Bix"):
        if path:
            page.goto(path)
        expect(page.locator("#player")).to_be_visible()
        axe = Axe().run(page)
        assert not axe.response["violations"], axe.generate_report()
        assert page.evaluate("document.documentElement.scrollWidth") == width
        for control in page.locator("main :is(a, button, summary):visible").all():
            box = control.bounding_box()
            assert box
            assert min(box["width"], box["height"]) >= 23.9, control.text_content()  # WCAG 2.5.8
