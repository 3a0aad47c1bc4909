"""The page on which the API is tried, in a browser."""

from __future__ import annotations

from axe_playwright_python.sync_playwright import Axe
from flask.testing import FlaskClient
from playwright.sync_api import Page, expect


def test_every_operation_is_on_the_page(client: FlaskClient) -> None:
    described = client.get("/api/v1/openapi.json").get_json()
    page = client.get("/api").get_data(as_text=True)
    operations = [one for path in described["paths"].values() for one in path.values()]
    assert len(operations) == len({one["operationId"] for one in operations}) > 30
    for operation in operations:
        assert f'<details id="operation-{operation["operationId"]}">' in page


def test_operations_are_tried(page: Page) -> None:
    page.goto("/api#search")
    search = page.locator("#operation-search")
    search.get_by_label("q (required)").fill("song 5 bix")
    search.get_by_role("button", name="Send").click()
    expect(search.locator(".answer")).to_contain_text("200")
    expect(search.locator(".answer pre").first).to_contain_text('"title": "Song 5"')
    expect(search.locator(".answer pre").last).to_contain_text("curl 'http://127.0.0.1")
    making = page.locator("#operation-create_playlist")
    making.locator("summary").click()
    making.get_by_label("The body").fill('{"name": "<b>Evening</b>", "track_ids": [3, 1]}')
    making.get_by_role("button", name="Send").click()
    expect(making.locator(".answer")).to_contain_text("201")
    expect(making.locator(".answer pre").first).to_contain_text("<b>Evening</b>")
    alike = page.locator("#operation-similar_to_several")
    alike.locator("summary").click()
    alike.get_by_label("like (required)").fill("5\n6")
    alike.get_by_role("button", name="Send").press("Enter")
    expect(alike.locator(".answer")).to_contain_text("like=5&like=6")
    page.set_viewport_size({"width": 360, "height": 800})
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= 360
    violations = Axe().run(page).response["violations"]
    assert [rule["id"] for rule in violations if rule["impact"] in ("serious", "critical")] == []
