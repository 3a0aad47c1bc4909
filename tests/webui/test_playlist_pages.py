"""The pages of playlists and of ways between tracks, through a client and in a browser."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from browsing import settled
from flask.testing import FlaskClient
from made_home import N_TRACKS
from playwright.sync_api import Browser, Page, expect

from recsys.catalog import Catalog, StoredPlaylist

HOSTILE = '"><script>window.hurt = 1</script>'
TRACKS = (5, 9, 2, 5)  # one of them twice


def keep(home: Path, name: str = "Evening", track_ids: tuple[int, ...] = TRACKS) -> StoredPlaylist:
    with Catalog(home) as catalog:
        me = catalog.listener("me", create=True)
        assert me
        return catalog.save_playlist(me.id, name, track_ids)


def stored_playlists(home: Path) -> list[StoredPlaylist]:
    with Catalog(home) as catalog:
        me = catalog.listener("me", create=True)
        assert me
        return catalog.playlists(me.id)


def titles(page: Page, rows: str = ".entry") -> list[str]:
    return page.locator(f"{rows} .title").all_text_contents()


def drag_first(page: Page, place: int) -> None:
    """Drag the first entry below the one at a place, counted from 0."""
    start = page.locator(".entry .handle").first.bounding_box()
    end = page.locator(".entry").nth(place).bounding_box()
    assert start
    assert end
    page.mouse.move(start["x"] + 5, start["y"] + 5)
    page.mouse.down()
    page.mouse.move(end["x"] + 20, end["y"] + end["height"] - 5, steps=10)
    page.mouse.up()


# Through a client


def test_a_playlist_is_shown_to_its_listener(client: FlaskClient, home: Path) -> None:
    assert "No playlists yet" in client.get("/playlists").get_data(as_text=True)
    mine = keep(home, HOSTILE)
    with Catalog(home) as catalog:
        other = catalog.listener("other", create=True)
        assert other
        theirs = catalog.save_playlist(other.id, "Not mine", [1])
        catalog.set_presence(gone=[9])
    page = client.get("/playlists").get_data(as_text=True)
    assert "Not mine" not in page
    assert HOSTILE not in page
    assert "&lt;script&gt;" in page
    assert client.get(f"/playlists/{theirs.id}").status_code == 404
    assert client.get("/playlists/99").status_code == 404
    html = client.get(f"/playlists/{mine.id}").get_data(as_text=True)
    assert re.findall(r'data-entry="(\d+)"', html) == ["5", "9", "2", "5"]
    assert html.count("File missing") == 1
    assert HOSTILE not in html
    assert "Recommend tracks" in html
    more = client.get(f"/playlists/{mine.id}?more=1").get_data(as_text=True)
    following = re.findall(r'data-next="(\d+)"', more)
    assert len(following) == 10
    assert not {"5", "9", "2"} & set(following)
    empty = keep(home, "Empty", ())
    page = client.get(f"/playlists/{empty.id}?more=1").get_data(as_text=True)
    assert "This playlist is empty." in page


def test_a_way_has_its_length_and_its_ends(client: FlaskClient) -> None:
    for length in (2, 3, 9):
        page = client.get(f"/playlists/path?start=song+4+bix&end_id=20&length={length}")
        ids = re.findall(r'data-track="(\d+)"', page.get_data(as_text=True))
        assert len(ids) == len(set(ids)) == length
        assert (ids[0], ids[-1]) == ("5", "20")
    long = client.get("/playlists/path?start_id=5&end_id=20&length=200").get_data(as_text=True)
    assert f"only {N_TRACKS} of 200 tracks" in long
    same = client.get("/playlists/path?start_id=5&end_id=5").get_data(as_text=True)
    assert "choose another end" in same
    missing = client.get("/playlists/path", query_string={"start": HOSTILE}).get_data(as_text=True)
    assert "No results for" in missing
    assert "Choose the end of the path" in missing
    assert HOSTILE not in missing


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("start_id=5&end_id=20&length=1", 400),
        ("start_id=5&end_id=20&length=201", 400),
        ("start_id=5&end_id=20&length=x", 400),
        ("start_id=-5&end_id=20", 400),
        (f"start_id=5&end_id={10**30}", 400),
        ("start_id=5&end_id=999", 404),
    ],
)
def test_a_way_that_cannot_be_is_refused(client: FlaskClient, query: str, status: int) -> None:
    answer = client.get(f"/playlists/path?{query}")
    assert answer.status_code == status
    assert "<h1>This page cannot be shown</h1>" in answer.get_data(as_text=True)


# In a browser


def test_a_list_is_saved_ordered_named_and_brought_back(page: Page, home: Path) -> None:
    page.goto("/?like=track:5&length=5&include_seeds=0")
    listed = page.locator("#rows .title").all_text_contents()
    page.get_by_role("button", name="Save playlist").click()
    settled(page, "Saved “Song 4 · Bix” with 5 tracks")
    page.get_by_role("link", name="Open playlist").click()
    page.wait_for_url("**/playlists/*")  # with its scripts
    expect(page.get_by_role("heading", level=1)).to_have_text("Song 4 · Bix")
    assert titles(page) == listed
    first, second, third = listed[:3]
    page.get_by_role("button", name=f"Move “{first}”", exact=True).focus()
    page.keyboard.press("ArrowDown")  # twice, without waiting for the first
    page.keyboard.press("ArrowDown")
    settled(page, f"Moved “{first}” to place 3")
    assert titles(page)[:3] == [second, third, first]
    expect(page.get_by_role("button", name=f"Move “{first}”", exact=True)).to_be_focused()
    page.locator(".entry [data-play]").first.focus()
    page.keyboard.press("Alt+ArrowDown")
    settled(page, f"Moved “{second}” to place 2")
    page.keyboard.press("Delete")
    settled(page, f"Removed “{second}”")
    assert titles(page) == [third, first, *listed[3:]]
    page.get_by_role("button", name="Rename").first.click()
    page.get_by_label("Name", exact=True).fill("Night")
    page.keyboard.press("Enter")
    settled(page, "Renamed to “Night”")
    page.reload()
    assert titles(page) == [third, first, *listed[3:]]
    (one,) = stored_playlists(home)
    assert (one.name, len(one.track_ids)) == ("Night", 4)


def test_a_mix_is_saved_as_a_playlist_that_renews_itself(page: Page, home: Path) -> None:
    page.goto("/?like=track:5&length=5")
    listed = page.locator("#rows .title").all_text_contents()
    page.get_by_text("Save as a playlist that renews itself").click()
    form = page.locator("#renewing form")
    form.get_by_label("Name", exact=True).fill("Weekly")
    form.get_by_label("How often").select_option("week")
    form.get_by_label("Tracks that may stay").fill("1")
    assert Axe().run(page).response["violations"] == []
    form.get_by_role("button", name="Save").click()
    settled(page, "Saved “Weekly”, which renews itself.")
    page.get_by_role("link", name="Open playlist").click()
    page.wait_for_url("**/playlists/*")
    card = page.locator("#renewal")
    expect(card.get_by_role("heading")).to_have_text("Renews itself every week")
    assert titles(page) == listed
    expect(page.locator(".handle, [data-remove], #more")).to_have_count(0)
    assert Axe().run(page).response["violations"] == []
    card.get_by_role("button", name="Renew now").click()
    settled(page, "Renewed the playlist.")
    assert [title for title in titles(page) if title in listed] == listed[:1]
    card.get_by_role("button", name="Pause").click()
    settled(page, "Paused.")
    expect(card.get_by_role("heading")).to_have_text("Renews itself every week, paused")
    # Another mix for it, and another plan
    page.goto("/?like=tag:rock&length=3")
    page.get_by_text("Save as a playlist that renews itself").click()
    form.get_by_label("Playlist").select_option(label="Weekly, from now on with this mix")
    expect(form.get_by_label("Name", exact=True)).to_be_disabled()
    form.get_by_role("button", name="Save").click()
    settled(page, "“Weekly” goes by this mix from its next list on.")
    page.goto("/playlists")
    expect(page.locator(".kept-lists .soft")).to_contain_text("Renews itself every day, paused")
    page.get_by_role("link", name="Weekly").click()
    page.wait_for_url("**/playlists/*")
    card.get_by_text("Change", exact=True).click()
    card.get_by_label("Tracks that may stay").fill("2")
    card.get_by_role("button", name="Save changes").click()
    settled(page, "Saved the changes.")
    card.get_by_role("button", name="Renew now").click()
    settled(page, "Renewed the playlist.")
    assert len(titles(page)) == 3
    # It is deleted, brought back as it was, and kept for good
    page.get_by_role("button", name="Delete").click()
    settled(page, "Deleted “Weekly”.")
    page.get_by_role("button", name="Undo").click()
    settled(page, "Restored “Weekly”.")
    page.get_by_role("link", name="Weekly").click()
    page.wait_for_url("**/playlists/*")
    expect(card.get_by_role("heading")).to_have_text("Renews itself every day, paused")
    card.get_by_role("button", name="Keep as it is, for good").click()
    settled(page, "It renews itself no longer.")
    expect(page.locator(".handle")).to_have_count(3)


def test_every_step_is_undone(page: Page, home: Path) -> None:
    one = keep(home)
    page.goto(f"/playlists/{one.id}")
    before = titles(page)
    page.route("**/api/v1/playlists/*", lambda route: route.abort())
    page.get_by_role("button", name=f"Remove “{before[1]}”").click()
    settled(page, "The server cannot be reached.")
    page.unroute("**/api/v1/playlists/*")
    page.get_by_role("button", name=f"Remove “{before[1]}”").click()
    settled(page, "Removed")
    drag_first(page, 2)
    settled(page, f"Moved “{before[0]}” to place 3")
    assert titles(page) == [before[2], before[3], before[0]]
    page.get_by_role("button", name="Undo").click()
    settled(page, "Undone: Moved")
    page.locator(".entry [data-play]").first.focus()
    page.keyboard.press("Control+z")
    settled(page, "Undone: Removed")
    assert titles(page) == before
    expect(page.get_by_role("button", name="Undo")).to_be_disabled()
    assert stored_playlists(home)[0].track_ids == one.track_ids
    # What another window has changed is not written over.
    with Catalog(home) as catalog:
        catalog.save_playlist(one.listener_id, "Elsewhere", [20, 21], one.id)
    page.get_by_role("button", name=f"Remove “{before[0]}”").first.click()
    settled(page, "was changed meanwhile")
    expect(page.get_by_role("heading", level=1)).to_have_text("Elsewhere")
    assert stored_playlists(home)[0].track_ids == (20, 21)


def test_a_move_that_is_not_kept_goes_back(page: Page, home: Path) -> None:
    one = keep(home)
    page.goto(f"/playlists/{one.id}")
    before = titles(page)
    page.route("**/*", lambda route: route.abort())
    first = page.locator(".entry .handle").first
    first.focus()
    page.keyboard.press("ArrowDown")  # twice, without waiting for the first
    page.keyboard.press("ArrowDown")
    settled(page, "The server cannot be reached.")  # of the first, or of the second
    expect(page.locator(".entry .title")).to_have_text(before)
    expect(first).to_be_focused()
    drag_first(page, 2)
    expect(page.locator(".entry .title")).to_have_text(before)
    page.unroute("**/*")
    page.get_by_role("button", name=f"Remove “{before[1]}”").click()
    settled(page, "Removed")
    assert titles(page) == [before[0], *before[2:]]
    assert stored_playlists(home)[0].track_ids == (TRACKS[0], *TRACKS[2:])


def test_what_comes_next_is_added(page: Page, home: Path) -> None:
    one = keep(home)
    page.goto(f"/playlists/{one.id}")
    page.get_by_role("link", name="Recommend tracks").click()
    settled(page, "Recommendations are listed below")
    following = titles(page, ".next")
    page.get_by_role("button", name=f"Add “{following[1]}”").click()
    settled(page, f"Added “{following[1]}”")
    assert titles(page)[4:] == [following[1]]
    assert following[1] not in titles(page, ".next")
    following = titles(page, ".next")
    page.get_by_role("button", name="Add all 10").click()
    settled(page, "Added 10 tracks")
    assert titles(page)[5:] == following
    assert len(stored_playlists(home)[0].track_ids) == 15
    page.get_by_role("button", name="Play", exact=True).click()
    expect(page.locator("#now-title")).to_have_text(titles(page)[0])


def test_written_and_read_again_it_is_the_same(page: Page, home: Path, tmp_path: Path) -> None:
    one = keep(home, "Late, with rain")
    for kind in ("M3U8", "XSPF", "JSPF"):
        page.goto(f"/playlists/{one.id}")
        with page.expect_download() as download:
            page.get_by_role("link", name=kind).click()
        path = tmp_path / f"list.{kind.lower()}"
        download.value.save_as(path)
        if kind == "M3U8":
            path.write_text(
                f"{path.read_text()}#EXTINF:9,Nobody - Unheard {HOSTILE}\n/no/where.mp3\n"
            )
        page.goto("/playlists")
        page.get_by_label("Import").set_input_files(path)
        settled(page, f"Imported list.{kind.lower()}: 4 tracks")
        if kind == "M3U8":
            settled(page, "1 not in the library")
            expect(page.locator("#read li")).to_have_text(f"Nobody – Unheard {HOSTILE}")
        page.locator("#read a").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Late, with rain")
    assert [stored.track_ids for stored in stored_playlists(home)] == [one.track_ids] * 4
    page.goto("/playlists")
    page.get_by_label("Import").set_input_files(
        files=[{"name": "x.m3u", "mimeType": "", "buffer": b"\0\1"}]
    )
    settled(page, "cannot be read as a playlist")


def test_deleting_is_taken_back(page: Page, home: Path) -> None:
    one, two = keep(home, "One"), keep(home, "Two")
    page.goto("/playlists")
    page.get_by_role("button", name="Delete “One”").click()
    settled(page, "Deleted “One”")
    assert titles(page, ".kept-lists") == ["Two"]
    page.get_by_role("button", name="Undo").click()
    settled(page, "Restored “One”")
    assert sorted(titles(page, ".kept-lists")) == ["One", "Two"]
    page.get_by_role("link", name="Two").click()
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Playlists")
    assert titles(page, ".kept-lists") == ["One"]
    settled(page, "Deleted “Two”")
    expect(page.get_by_role("button", name="Undo")).to_be_focused()
    assert page.url.endswith("/playlists")
    page.keyboard.press("Control+z")
    settled(page, "Restored “Two”")
    assert {stored.name: stored.track_ids for stored in stored_playlists(home)} == {
        "One": one.track_ids,
        "Two": two.track_ids,
    }


def test_a_way_by_keyboard_is_kept(page: Page, home: Path) -> None:
    page.goto("/playlists")
    page.get_by_role("combobox", name="From", exact=True).focus()
    page.keyboard.type("song 4")
    expect(page.get_by_role("option").first).to_have_text(re.compile("Song 4"))
    page.keyboard.press("Enter")
    expect(page.get_by_role("combobox", name="From", exact=True)).to_have_value("Song 4 · Bix")
    page.keyboard.press("Tab")
    page.keyboard.type("song 21")
    expect(page.get_by_role("option").first).to_have_text(re.compile("Song 21"))
    assert page.locator("[role=option] .kind").all_text_contents() == ["track"] * (
        page.locator("[role=option]").count()
    )
    page.keyboard.press("Enter")
    page.get_by_role("spinbutton", name="Tracks").fill("6")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("From Song 4 to Song 21")
    way = titles(page, ".song")
    assert (len(way), way[0], way[-1]) == (6, "Song 4", "Song 21")
    page.get_by_role("button", name="Save playlist").click()
    settled(page, "with 6 tracks")
    page.get_by_role("link", name="Open playlist").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("From Song 4 to Song 21")
    assert titles(page) == way
    assert stored_playlists(home)[0].track_ids[0] == 5


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_barrier_is_found(browser: Browser, address: str, home: Path, scheme: str) -> None:
    one = keep(home)
    with Catalog(home) as catalog:
        catalog.set_presence(gone=[9])
    context = browser.new_context(
        base_url=address,
        color_scheme=scheme,  # type: ignore[arg-type]
        bypass_csp=True,
        viewport={"width": 390, "height": 800},
    )
    page = context.new_page()
    for path in (
        "/playlists",
        f"/playlists/{one.id}?more=1",
        "/playlists/path?start_id=5&end_id=20&length=5",
    ):
        page.goto(path)
        if "more" in path:
            page.get_by_role("button", name="Rename").first.click()
        axe = Axe().run(page)
        assert not axe.response["violations"], axe.generate_report()
        assert page.evaluate("document.documentElement.scrollWidth") == 390
    context.close()
