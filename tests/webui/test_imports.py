"""Listening histories, imported on a page and given to the person whose they are."""

from __future__ import annotations

import re
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import Dialog, Page, expect
from test_accounts import logged_in

from earshot.import_process import ImportStarter
from recsys.catalog import Catalog, PlayCount, Recording
from recsys.home.settings import Settings
from recsys.listens.choice import FormatChoice
from recsys.listens.matching import match_recordings
from webui.api.imports import ImportRunning
from webui.app import create_app
from webui.security import TOKEN_HEADER
from webui.uploads import LARGE_BODIES

MINE = "".join(f"Bix,Song {4 + n % 4},{1_700_000_000 + 500 * n}\n" for n in range(30))
HISTORY = f"artist,title,timestamp\n{MINE}Bix,Song 4,yesterday\n"
PATIENCE = 30  # s


class Recorder:
    """Notes which imports were started."""

    def __init__(self) -> None:
        self.started: list[tuple[str, bytes, str, str, FormatChoice]] = []
        self.is_running = False

    def __call__(self, file: Path, person: str, whose: str, choice: FormatChoice) -> None:
        if self.is_running:
            raise ImportRunning
        self.started.append((file.name, file.read_bytes(), person, whose, choice))
        file.unlink()
        file.parent.rmdir()


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


def send(client: FlaskClient, token: str, content: bytes = b"x", **query: str) -> Any:
    return client.post(
        "/api/v1/imports",
        query_string=query,
        data=content,
        content_type="application/octet-stream",
        headers={TOKEN_HEADER: token},
    )


def token_of(client: FlaskClient) -> str:
    return str(client.get("/api/v1/session").get_json()["token"])


def test_a_file_and_what_is_said_of_it_reach_the_import(
    client: FlaskClient, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = token_of(client)
    assert send(client, token).status_code == 503
    client.application.config["IMPORT"] = recorder
    said = {"user": "ann", "format": "csv", "columns": "title=song", "encoding": "Windows-1251"}
    assert send(client, token, b"a,b", name="../../x.csv", dates="dmy", **said).status_code == 202
    assert send(client, token, whose="several").status_code == 202
    first, second = recorder.started
    choice = FormatChoice("csv", "ann", {"title": "song"}, "dmy", None, "cp1251")
    assert first == ("x.csv", b"a,b", "me", "me", choice)
    assert second == ("history", b"x", "me", "", FormatChoice())
    for wrong in ({"columns": "x=y"}, {"encoding": "zip"}, {"format": "xyz"}, {"dates": "ydm"}):
        assert send(client, token, **wrong).status_code == 400
    assert send(client, "").status_code == 403
    recorder.is_running = True
    assert send(client, token).status_code == 409
    monkeypatch.setitem(LARGE_BODIES, "imports.begin_import", ("history", 4))
    assert send(client, token, b"12345").status_code == 413
    assert len(recorder.started) == 2
    assert client.get("/api/v1/imports").get_json()["state"] == "none"
    assert client.delete("/api/v1/imports", headers={TOKEN_HEADER: token}).status_code == 409


def test_members_import_their_own_and_see_nobody_elses(
    two_people: Flask, recorder: Recorder
) -> None:
    home = two_people.config["HOME"]
    two_people.config["IMPORT"] = recorder
    with Catalog(home) as catalog:
        catalog.store_listening([PlayCount("secret friend", Recording("Ada", "Song 1"), 9)])
        match_recordings(catalog)
    (owner, _), (member, _) = (logged_in(two_people, name) for name in ("ann", "bob"))
    token = token_of(member)
    assert send(member, token, whose="several").status_code == 403
    assert send(member, token).status_code == 202
    assert recorder.started[0][2:4] == ("bob", "bob")
    assert "secret friend" not in member.get("/import").text + member.get("/").text
    assert "Several people" not in member.get("/import").text
    claim = {"listener": "secret friend", "token": token}
    assert member.post("/import/claim", data=claim).status_code == 403
    page = owner.get("/import").text
    assert "secret friend" in page
    assert "Is it yours?" in owner.get("/").text
    (bob,) = re.findall(r'<option value="(\d+)">bob</option>', page)
    form = {"listener": "secret friend", "account": bob, "token": token_of(owner)}
    assert owner.post("/import/claim", data={**form, "token": "x"}).status_code == 403
    assert owner.post("/import/claim", data={**form, "account": "99"}).status_code == 400
    assert owner.post("/import/claim", data=form).status_code == 303
    again = owner.post("/import/claim", data=form)
    assert again.status_code == 400
    assert "There is no history of secret friend" in again.text
    stolen = owner.post("/import/claim", data={**form, "listener": "bob", "account": ""})
    assert "is that of bob" in stolen.text
    assert member.get("/api/v1/users/me").get_json()["n_listens"] == 9
    assert '"mix-title">For you' in member.get("/").text


@pytest.fixture
def app(home: Path) -> Iterator[Flask]:
    app = create_app(Settings(home), import_history=ImportStarter(home))
    yield app
    app.extensions["served_home"].close()


def test_from_a_file_on_the_page_to_a_mix_of_ones_own(
    page: Page, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uploads = tmp_path / "uploads"
    uploads.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(uploads))
    (tmp_path / "played.csv").write_text(HISTORY)
    with Catalog(home) as catalog:
        catalog.store_listening([PlayCount("ann", Recording("Ada", "Song 1"), 3)])
    page.goto("/")
    expect(page.get_by_text("Is it yours?")).to_be_visible()
    page.get_by_role("link", name="Choose your listens").click()
    expect(page.get_by_text("Nothing is known of what you listen to yet.")).to_be_visible()
    page.get_by_label("Files").set_input_files(tmp_path / "played.csv")
    page.get_by_role("button", name="Import", exact=True).click()
    said = page.locator("#imported li")
    expect(said).to_contain_text(
        ["played.csv (csv): 30 listens", "30 new", "1 could not be used:", "line 32: 'yesterday'"]
    )
    page.reload()
    expect(page.get_by_text("You have 30 listens here.")).to_be_visible()
    expect(said.first).to_have_text("played.csv (csv): 30 listens")
    axe = Axe().run(page)
    assert not axe.response["violations"], axe.generate_report()
    asked: list[str] = []

    def answer(dialog: Dialog) -> None:
        asked.append(dialog.message)
        if len(asked) == 1:
            dialog.dismiss()
        else:
            dialog.accept()

    page.on("dialog", answer)
    for _ in range(2):  # the first press is thought better of
        page.get_by_role("button", name="Add the history of ann").click()
    assert asked == ["Add the listens of “ann” to yours? This cannot be undone."] * 2
    expect(page.get_by_text("You have 33 listens here.")).to_be_visible()
    with Catalog(home) as catalog:
        assert [(one.name, one.n_listens) for one in catalog.listeners()] == [("me", 33)]
    page.get_by_role("link", name="See your mix").click()
    expect(page.locator("#mix-title")).to_have_text("For you")
    for _ in range(100 * PATIENCE):
        if not list(uploads.iterdir()):
            return
        time.sleep(0.01)
    pytest.fail("the file is not removed")
