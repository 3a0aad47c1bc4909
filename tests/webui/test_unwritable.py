"""A server whose disk is full, whose home may only be read, or is written by somebody else."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from made_home import make_home
from unwritable import fill, only_readable, small_disk

from earshot.build_process import BuildStarter
from recsys.accounts import Accounts
from recsys.catalog import Catalog, CatalogReadOnly
from recsys.home.settings import Settings
from recsys.library.build_state import BuildRecord
from webui.app import create_app
from webui.security import TOKEN_HEADER

THREADS = 8
READS = (
    "/", "/?like=track:5", "/tracks/5", "/artist?name=Bix", "/map", "/playlists", "/library",
    "/evaluation", "/api", "/healthz", "/metrics", "/api/v1/mix?like=track:5", "/api/v1/tracks",
    "/api/v1/search?q=song", "/api/v1/complete?q=b", "/api/v1/tracks/5/similar", "/api/v1/library",
    "/api/v1/playlists", "/api/v1/users/me", "/api/v1/feedback", "/api/v1/listens", "/api/v1/build",
)  # fmt: skip
WRITES: tuple[tuple[str, str, Any], ...] = (
    ("PUT", "/tracks/5/feedback", {"kind": "like"}),
    ("DELETE", "/tracks/5/feedback", None),
    ("POST", "/listens", {"track_id": 5}),
    ("POST", "/playlists", {"name": "Night", "track_ids": [1] * 5000}),
    ("PUT", "/playlists/1", {"name": "Night", "track_ids": [1] * 5000}),
    ("PATCH", "/playlists/1", {"append": [1] * 5000}),
    ("DELETE", "/playlists/1", None),
)


@contextmanager
def asking(app: Flask) -> Iterator[FlaskClient]:
    """A client of an application that is closed in the end."""
    try:
        yield app.test_client()
    finally:
        app.extensions["served_home"].close()


def write(client: FlaskClient, method: str, path: str, body: Any) -> Any:
    """Send a request that writes, with the token."""
    token = client.get("/api/v1/session").get_json()["token"]
    return client.open(f"/api/v1{path}", method=method, json=body, headers={TOKEN_HEADER: token})


def ask(app: Flask, what: tuple[str, str, Any], answers: list[Any]) -> None:
    """Write, in a thread of its own."""
    answers.append(write(app.test_client(), *what))


def with_playlist(home: Path) -> None:
    """Let the listener have a playlist, so that there is something to lose."""
    with Catalog(home) as catalog:
        me = catalog.listener("me", create=True)
        assert me
        catalog.save_playlist(me.id, "Evening", [1, 2])


def buildable(home: Path, music: Path) -> None:
    """Let a home know what it was built from."""
    with BuildRecord(home) as record:
        record.plan([music], {"taggers": "MSD_musicnn", "segments": 2, "recipe": "flat"})


def contents(home: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(home.iterdir()) if path.is_file()}


# Busy


def test_while_another_program_writes_the_server_reads(home: Path) -> None:
    with_playlist(home)
    app = create_app(Settings(home))

    with asking(app) as client, closing(sqlite3.connect(home / "catalogue.db")) as other:
        write(client, *WRITES[0])
        other.execute("BEGIN IMMEDIATE")
        answers: list[Any] = []
        waiting = [
            threading.Thread(
                target=lambda n=n: answers.append(write(app.test_client(), *WRITES[n % 7]))
            )
            for n in range(THREADS)
        ]
        for thread in waiting:
            thread.start()
        for path in READS:
            assert client.get(path).status_code == 200, path
        for thread in waiting:
            thread.join()
        for answer in answers:
            assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
            assert "is being written by another program" in answer.get_json()["detail"]
        other.rollback()
        assert len(answers) == THREADS
        assert write(client, *WRITES[5]).get_json()["n_tracks"] == 5002


def test_many_who_write_at_once_all_write(home: Path) -> None:
    app = create_app(Settings(home))
    with asking(app):
        answers: list[Any] = []
        writers = [
            threading.Thread(
                target=ask, args=(app, ("PUT", f"/tracks/{n}/feedback", {"kind": "like"}), answers)
            )
            for n in range(1, 2 * THREADS)
        ]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        assert {answer.status_code for answer in answers} == {200}


# Only to be read


@pytest.mark.parametrize("state", ["closed", "in use"])
def test_a_home_that_may_only_be_read_is_served(
    home: Path, library: Path, tmp_path: Path, state: str
) -> None:
    with_playlist(home)
    buildable(home, library / "music")
    if state == "in use":  # a snapshot of a home whose server runs: the last changes are in a log
        with Catalog(home) as catalog:
            me = catalog.listener("me")
            assert me
            catalog.save_playlist(me.id, "Late", [3])
            shutil.copytree(home, tmp_path / "snapshot")
        home = tmp_path / "snapshot"
        assert (home / "catalogue.db-wal").stat().st_size > 0
    with only_readable(home):
        before = contents(home)
        app = create_app(Settings(home), build=BuildStarter(home))
        with asking(app) as client:
            for path in READS:
                assert client.get(path).status_code == 200, path
            stored = [
                one["name"] for one in client.get("/api/v1/playlists").get_json()["playlists"]
            ]
            assert stored == (["Evening"] if state == "closed" else ["Evening", "Late"])
            for method, path, body in (*WRITES, ("POST", "/build", {})):
                answer = write(client, method, path, body)
                assert answer.status_code == 503, (path, answer.data)
                assert any(
                    words in answer.get_json()["detail"]
                    for words in ("cannot be opened for writing", "The lock file")
                )
            assert client.get("/api/v1/mix?like=track:5").status_code == 200
        assert contents(home) == before


def test_a_log_that_cannot_be_read_is_named(home: Path, tmp_path: Path) -> None:
    with Catalog(home) as catalog:
        catalog.listener("me", create=True)
        shutil.copytree(home, tmp_path / "copy", ignore=shutil.ignore_patterns("*-shm"))
    with only_readable(tmp_path / "copy") as copy:
        with pytest.raises(
            CatalogReadOnly, match=r"catalogue\.db-wal holds changes .* copy it whole"
        ):
            Catalog(copy)
        with asking(create_app(Settings(copy))) as client:
            answer = client.get("/api/v1/library")
            assert answer.status_code == 503
            assert "holds changes" in answer.get_json()["detail"]


def test_who_is_logged_in_stays_so_where_nothing_is_written(two_people: Flask, home: Path) -> None:
    client = two_people.test_client()
    page = client.get("/login").text
    form = {"name": "bob", "password": "correct horse", "token": token_of(page)}
    assert client.post("/login", data=form).status_code == 303
    accounts: Accounts = two_people.extensions["accounts"]
    ann = next(one for one in accounts.people.accounts() if one.name == "ann")
    _, key = accounts.make_key(ann, "a program")
    accounts.people._writing.__self__.close()  # as if the server had been started anew
    with only_readable(home), Catalog(home) as catalog:
        app = create_app(Settings(home), accounts=Accounts(catalog.people, accounts._hasher))
        with asking(app) as program:
            authorization = {"Authorization": f"Bearer {key}"}
            assert (
                program.get("/api/v1/users/me", headers=authorization).get_json()["listener"]
                == "ann"
            )
            refused = program.put(
                "/api/v1/tracks/1/feedback", json={"kind": "like"}, headers=authorization
            )
            assert refused.status_code == 503
            page = program.get("/login").text
            answer = program.post("/login", data={**form, "token": token_of(page)})
            assert (answer.status_code, answer.mimetype) == (503, "text/html")
            assert "The server may not write here: nothing was changed." in answer.text
            assert str(home) not in answer.text


def token_of(page: str) -> str:
    return page.partition('name="token" value="')[2].partition('"')[0]


# Full


def test_a_full_disk_is_said_and_loses_nothing(library: Path, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "3m") as disk:
        home = disk / "home"
        make_home(home, library / "music")
        with_playlist(home)
        buildable(home, library / "music")
        app = create_app(Settings(home), build=BuildStarter(home))
        with asking(app) as client:
            assert write(client, *WRITES[0]).status_code == 200
            fill(disk)
            for method, path, body in (WRITES[3], WRITES[4], WRITES[5], ("POST", "/build", {})):
                answer = write(client, method, path, body)
                assert answer.status_code == 507, (path, answer.data)
                assert "disk is full" in answer.get_json()["detail"]
            for path in READS:
                assert client.get(path).status_code == 200, path
            (disk / "filled").unlink()
            assert write(client, *WRITES[3]).status_code == 201
            stored = client.get("/api/v1/playlists/1").get_json()
            assert (stored["name"], stored["n_tracks"]) == ("Evening", 2)


def test_a_server_started_on_a_full_disk_reads_and_writes_when_there_is_room(
    library: Path, tmp_path: Path
) -> None:
    with small_disk(tmp_path / "disk", "3m") as disk:
        home = disk / "home"
        make_home(home, library / "music")
        with_playlist(home)
        buildable(home, library / "music")
        fill(disk)
        app = create_app(Settings(home), build=BuildStarter(home))
        with asking(app) as client:
            for path in READS:
                assert client.get(path).status_code == 200, path
            answer = write(client, *WRITES[3])
            assert (answer.status_code, "disk is full" in answer.text) == (507, True)
            assert client.get("/api/v1/playlists/1").get_json()["n_tracks"] == 2
            (disk / "filled").unlink()
            assert write(client, *WRITES[5]).status_code == 200
            assert client.get("/api/v1/playlists/1").get_json()["n_tracks"] == 5002
        with Catalog(home) as catalog:
            me = catalog.listener("me")
            assert me
            assert len(catalog.playlists(me.id)) == 1


def test_a_full_disk_for_what_is_sent_is_said(
    app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with small_disk(tmp_path / "disk", "1m") as disk, asking(app) as client:
        token = client.get("/api/v1/session").get_json()["token"]
        monkeypatch.setattr(tempfile, "tempdir", str(disk))
        for path in ("/api/v1/sounds?name=x.mp3", "/api/v1/similar?name=x.mp3"):
            answer = client.post(
                path,
                data=bytes(3 << 20),
                content_type="application/octet-stream",
                headers={TOKEN_HEADER: token},
            )
            assert answer.status_code == 507
            assert answer.get_json()["detail"].startswith("No space left on device. Nothing")
        assert not list(disk.iterdir())
        assert client.get("/api/v1/tracks/1").status_code == 200


@pytest.mark.parametrize(
    ("number", "status"),
    [
        (errno.ENOSPC, 507),
        (errno.EDQUOT, 507),
        (errno.EFBIG, 507),
        (errno.EROFS, 503),
        (errno.EACCES, 503),
        (errno.EPERM, 503),
        (errno.EIO, 500),
    ],
)
def test_what_the_system_says_is_said(home: Path, number: int, status: int) -> None:
    def build(*, retry_failed: bool) -> None:
        raise OSError(number, os.strerror(number), "/somewhere/file")

    with asking(create_app(Settings(home), build=build)) as client:
        answer = write(client, "POST", "/build", {})
        assert answer.status_code == status
        if status != 500:
            sentence = answer.get_json()["detail"]
            assert sentence.startswith(
                f"/somewhere/file: {os.strerror(number)}. Nothing was changed."
            )
