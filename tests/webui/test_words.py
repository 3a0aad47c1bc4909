"""Finding music by words: the API, the page, and the search box that leads there."""

from __future__ import annotations

from urllib.parse import urlencode

from flask.testing import FlaskClient
from playwright.sync_api import Page, expect


def test_the_api_says_what_it_understood(client: FlaskClient) -> None:
    answer = client.get("/api/v1/words?q=classical+xyzzy&limit=3").get_json()
    assert answer["understood"] == [{"words": "classical", "taken_for": ["classical"]}]
    assert answer["ignored"] == ["xyzzy"]
    assert answer["sentences"][0] == "Nothing for “xyzzy”; used the rest."
    assert [row["rank"] for row in answer["results"]] == [1, 2, 3]
    for row in answer["results"]:
        assert row["track_id"] > 12 and row["met"] == ["classical"]
    for wrong in ("/api/v1/words", "/api/v1/words?q=+", "/api/v1/words?q=a&limit=501"):
        refused = client.get(wrong)
        assert refused.status_code == 400 and refused.get_json()["detail"]


def test_the_page_shows_the_words_that_each_track_meets(client: FlaskClient) -> None:
    page = client.get("/words?" + urlencode({"q": "rock <b> without piano"}))
    assert page.status_code == 200
    assert "<b>" not in page.text.replace("<bdi>", "")
    assert page.text.count('class="song"') == 24
    assert "<bdi>rock, without piano</bdi>" in page.text
    nothing = client.get("/words?q=xyzzy")
    assert "Nothing for “xyzzy”." in nothing.text and "No track was found" in nothing.text
    assert "Type how it should sound" in client.get("/words").text


def test_a_search_without_scripts_that_names_nothing_leads_there(client: FlaskClient) -> None:
    answer = client.get("/?q=calming+music+for+reading")
    assert (answer.status_code, answer.location) == (302, "/words?q=calming+music+for+reading")


def test_the_search_box_offers_words(page: Page) -> None:
    page.goto("/")
    box = page.get_by_role("combobox", name="Start from")
    box.fill("calming classical music")
    option = page.get_by_role("option", name="calming classical music")
    expect(option).to_contain_text("find music by these words")
    option.click()
    page.wait_for_url("**/words?q=calming+classical+music")
    expect(page.locator("#about li.song").first).to_contain_text("classical")
