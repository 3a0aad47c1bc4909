"""A new home: a welcome, a music folder, the first build, the first mix and the first like."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from browsing import row, settled, titles
from flask import Flask
from flask.testing import FlaskClient
from made_home import scanned_file, write_music
from playwright.sync_api import Browser, expect
from sounds import tune, write

from earshot.build_process import BuildStarter
from recsys.accounts import Accounts
from recsys.catalog import Catalog
from recsys.home.settings import Settings
from recsys.library.build_state import BuildRecord
from webui.app import create_app
from webui.security import TOKEN_HEADER

PATIENCE = 120_000  # ms for what a build takes where much else runs


class Builder:
    """Stands where `earshot serve` puts what starts builds."""

    def __init__(self) -> None:
        self.started: list[object] = []

    def __call__(self, **options: object) -> None:
        self.started.append(options)


@pytest.fixture
def roots(tmp_path: Path) -> Path:
    """A folder below which music may be chosen."""
    music = tmp_path / "roots"
    for name in ("Music/Albums", "Music/.hidden", "other"):
        (music / name).mkdir(parents=True)
    (tmp_path / "secret").mkdir()
    (music / "Music" / "link").symlink_to(tmp_path / "secret")
    (music / "Music" / "song.flac").write_bytes(b"")
    return music


@pytest.fixture
def builder() -> Builder:
    return Builder()


@pytest.fixture
def new(tmp_path: Path, roots: Path, builder: Builder) -> Iterator[FlaskClient]:
    """The server of a home in which nothing is yet."""
    app = create_app(Settings(tmp_path / "home"), build=builder, music_roots=[roots])
    yield app.test_client()
    app.extensions["served_home"].close()


def token(client: FlaskClient) -> dict[str, str]:
    return {TOKEN_HEADER: client.get("/api/v1/session").get_json()["token"]}


def test_a_new_home_welcomes_its_owner(new: FlaskClient, roots: Path, tmp_path: Path) -> None:
    page = new.get("/")
    assert page.status_code == 200
    assert "Welcome to Earshot" in page.text
    assert f'value="{roots / "Music"}"' in page.text
    assert new.get("/map").status_code == 503
    assert not (tmp_path / "home").exists()  # looking writes nothing
    assert "earshot build FOLDER" in create_app(Settings(tmp_path)).test_client().get("/").text


def test_folders_are_listed_below_the_roots_alone(new: FlaskClient, roots: Path) -> None:
    def listed(path: str) -> tuple[str, list[str]]:
        answer = new.get("/api/v1/folders", query_string={"path": path})
        assert answer.status_code == 200, answer.data
        body = answer.get_json()
        return body["parent"], [folder["name"] for folder in body["folders"]]

    assert listed("") == ("", [str(roots)])
    assert listed(str(roots)) == ("", ["Music", "other"])
    assert listed(str(roots / "Music")) == (str(roots), ["Albums", "link"])


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("Music", 400),
        ("{roots}/none", 400),
        ("{roots}/Music/song.flac", 400),
        ("{roots}/..", 403),
        ("{roots}/../secret", 403),
        ("{roots}/Music/link", 403),
        ("/etc", 403),
        ("/etc/nothing-there", 403),
        ("~", 403),
        ("-{roots}", 400),
    ],
)
def test_other_folders_are_refused(
    new: FlaskClient, roots: Path, builder: Builder, path: str, status: int
) -> None:
    path = path.format(roots=roots)
    assert new.get("/api/v1/folders", query_string={"path": path}).status_code == status
    answer = new.post("/api/v1/build", json={"folders": [path]}, headers=token(new))
    assert answer.status_code == status
    assert answer.get_json()["detail"].endswith((".", "?"))
    assert not builder.started


def test_a_chosen_folder_or_the_demo_is_built(
    new: FlaskClient, roots: Path, builder: Builder
) -> None:
    for body in ({"folders": [str(roots / "Music" / ".." / "other")]}, {"demo": True}, {}):
        assert new.post("/api/v1/build", json=body, headers=token(new)).status_code == 202
    folders, demo, again = builder.started
    assert folders == {"retry_failed": False, "folders": [roots / "other"], "demo": False}
    assert demo == {"retry_failed": False, "folders": [], "demo": True}
    assert again == {"retry_failed": False}


def test_members_and_keys_choose_no_folder(two_people: Flask, roots: Path) -> None:
    two_people.config.update(BUILD=Builder(), MUSIC_ROOTS=(roots,))
    accounts: Accounts = two_people.extensions["accounts"]
    by_name = {account.name: account for account in accounts.people.accounts()}
    for name, status in (("ann", 403), ("bob", 403)):
        key = accounts.make_key(by_name[name], "phone")[1]
        client, headers = two_people.test_client(), {"Authorization": f"Bearer {key}"}
        assert client.get("/api/v1/folders", headers=headers).status_code == status
        body = {"folders": [str(roots)]}
        answer = client.post("/api/v1/build", json=body, headers=headers)
        assert answer.status_code == status


def test_a_member_of_a_new_home_is_told_to_wait(tmp_path: Path, roots: Path) -> None:
    with Catalog(tmp_path / "home") as catalog:
        accounts = Accounts(catalog.people)
        accounts.add("ann", role="owner", password="correct horse")
        accounts.add("bob", password="correct horse")
        app = create_app(
            Settings(tmp_path / "home"), accounts=accounts, build=Builder(), music_roots=[roots]
        )
        for name, status in (("ann", 200), ("bob", 503)):
            client = app.test_client()
            login = client.get("/login").text
            (secret,) = re.findall(r'name="token" value="(\w+)"', login)
            form = {"name": name, "password": "correct horse", "token": secret}
            assert client.post("/login", data=form).status_code == 303
            page = client.get("/")
            assert page.status_code == status
            assert (str(roots) in page.text) == (name == "ann")
        app.extensions["served_home"].close()


def test_what_is_found_is_played_while_the_first_build_runs(
    new: FlaskClient, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    write_music(tmp_path / "found", range(3))
    with Catalog(home) as catalog, BuildRecord(home):
        catalog.record_files([scanned_file(n, tmp_path / "found") for n in range(3)])
        page = new.get("/").text
        assert "Your library is being analysed" in page
        ids = re.findall(r'class="song" data-track="(\d+)"', page)
        assert len(ids) == 3
        with new.get(f"/api/v1/tracks/{ids[0]}/audio") as audio:
            assert (audio.status_code, audio.mimetype) == (200, "audio/wav")
        listen = {"track_id": int(ids[0])}
        assert new.post("/api/v1/listens", json=listen, headers=token(new)).status_code == 201
        me = catalog.listener("me")
        assert me
        assert me.n_listens == 1


def test_nobody_known_is_invited_and_then_answered(client: FlaskClient) -> None:
    def heading(address: str) -> str:
        page = client.get(address).text
        match = re.search(r'<h1 id="mix-title">(.*?)</h1>', page)
        assert match
        return match[1]

    assert heading("/") == "Start a mix"
    page = client.get("/").text
    for address in ("/?like=track:1", "/?like=tag%3Aclassical", "/?like=tag%3Aparty"):
        assert f'href="{address}"' in page or "tag" in address
    assert len(set(re.findall(r'class="card-track" data-track="(\d+)"', page))) == 6  # artists
    assert "most people play" not in page
    assert heading("/?length=20") == "For you"
    client.put("/api/v1/tracks/5/feedback", json={"kind": "like"}, headers=token(client))
    assert heading("/") == "For you"


def test_from_an_empty_folder_to_the_first_like(
    browser: Browser, serve: Callable[[Flask], str], tmp_path: Path
) -> None:
    home, music = tmp_path / "home", tmp_path / "music"
    for number in range(4):
        write(music / "Songs" / f"{number}.flac", tune(number, 3.0), title=f"Song {number}")
    app = create_app(Settings(home), build=BuildStarter(home), music_roots=[music])
    context = browser.new_context(base_url=serve(app))
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    page.goto("/")
    expect(page.get_by_role("heading", level=1)).to_have_text("Welcome to Earshot")
    page.get_by_role("button", name="Browse").click()
    page.get_by_role("button", name="Songs").click()
    expect(page.get_by_label("Music folder")).to_have_value(str(music / "Songs"))
    axe = Axe().run(page)
    assert not axe.response["violations"], axe.generate_report()
    page.get_by_role("button", name="Analyse my music").click()
    heading = page.get_by_role("heading", name="Your library is being analysed")
    start = page.get_by_role("heading", name="Start a mix")
    expect(heading.or_(start)).to_be_visible(timeout=PATIENCE)
    expect(start).to_be_visible(timeout=PATIENCE)
    axe = Axe().run(page)
    assert not axe.response["violations"], axe.generate_report()
    page.locator(".card-track a").first.click()
    expect(page.locator("#rows .row")).to_have_count(3)
    first = titles(page)[0]
    row(page, first).get_by_role("button", name="Like", exact=True).click()
    settled(page, f"Liked “{first}”")
    with Catalog(home) as catalog:
        me = catalog.listener("me")
        assert me
        ((track_id, kind),) = ((said.track_id, said.kind) for said in catalog.feedback(me.id))
        assert (catalog.titles([track_id])[track_id], kind) == (first, "like")
    context.close()
