"""Files from outside as seeds, through a client."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import numpy as np
import pytest
from flask.testing import FlaskClient
from werkzeug.exceptions import BadRequest

from recsys.served_home import ServedHome
from webui.security import TOKEN_HEADER
from webui.uploads import LARGE_BODIES, N_WAITING, Sound, SoundRefused, read_sound, write_sound

Upload = Callable[..., Any]


@pytest.fixture
def upload(client: FlaskClient) -> Upload:
    token = client.get("/api/v1/session").get_json()["token"]

    def send(content: bytes, name: str = "new.mp3", **headers: str) -> Any:
        return client.post(
            f"/api/v1/sounds?{urlencode({'name': name})}",
            data=content,
            content_type="application/octet-stream",
            headers={TOKEN_HEADER: token} | headers,
        )

    return send


def served(client: FlaskClient) -> Any:
    home: ServedHome = client.application.extensions["served_home"]
    return home.current()


def test_a_sound_survives_the_address() -> None:
    vector = np.random.default_rng(0).standard_normal(300).astype(np.float32)
    vector /= np.linalg.norm(vector)
    sound = read_sound(write_sound(Sound("a.b & <c>.mp3", "0123456789", vector)))
    assert (sound.name, sound.projection) == ("a.b & <c>.mp3", "01234567")
    assert float(sound.vector @ vector) > 0.9995
    for text in ("", "a", "a.!!.x", "a.AAAA.x", "a.AQID.", "012345678.AQID.x"):
        with pytest.raises(BadRequest, match="damaged"):
            read_sound(text)


def test_a_file_is_a_seed_and_is_not_kept(client: FlaskClient, upload: Upload) -> None:
    analysed: list[Path] = []

    def analyse(path: Path) -> tuple[str, Any]:
        assert path.read_bytes() == b"music"
        analysed.append(path)
        now = served(client)
        return now.projection_id, now.recommender.index.vectors([6])[0]

    client.application.config["ANALYSE_FILE"] = analyse
    answer = upload(b"music", "../../my song.mp3")
    assert (answer.status_code, answer.get_json()["name"]) == (200, "my song.mp3")
    assert not analysed[0].parent.exists()
    ref = answer.get_json()["ref"]
    mix = client.get("/api/v1/mix", query_string={"like": ref, "length": "3"}).get_json()
    first = mix["tracks"][0]
    assert first["id"] == 6  # which it sounds like
    assert first["reasons"][0]["text"] == "sounds like my song.mp3"
    assert b"my song.mp3" in client.get("/", query_string={"unlike": ref}).data
    short = write_sound(Sound("x", served(client).projection_id, np.ones(3, np.float32)))
    for question in (
        {"without": ref},
        {"like": ref.replace("sound:", "sound:0")},
        {"like": f"sound:{short}"},
    ):
        assert client.get("/api/v1/mix", query_string=question).status_code == 400


def test_what_cannot_be_heard_is_said(
    client: FlaskClient, upload: Upload, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert upload(b"music").status_code == 503  # nothing here analyses

    def refuse(path: Path) -> Any:
        raise SoundRefused("It is not music.")

    client.application.config["ANALYSE_FILE"] = refuse
    answer = upload(b"words")
    assert answer.status_code == 400
    assert json.loads(answer.data)["detail"] == "new.mp3 cannot be used as a seed. It is not music."
    assert upload(b"words", **{TOKEN_HEADER: "x"}).status_code == 403
    monkeypatch.setitem(LARGE_BODIES, "sounds.analyse", ("sound", 4))
    assert upload(b"words").status_code == 413


def test_files_wait_for_each_other_and_too_many_are_refused(
    client: FlaskClient, upload: Upload
) -> None:
    go_on = threading.Event()
    under_way: list[Path] = []

    def wait(path: Path) -> Any:
        under_way.append(path)
        assert len(under_way) == 1  # one at a time
        assert go_on.wait(30)
        under_way.remove(path)
        raise SoundRefused("It was long.")

    client.application.config["ANALYSE_FILE"] = wait
    with ThreadPoolExecutor(8) as pool:
        answers = [pool.submit(upload, b"music") for _ in range(8)]
        done = as_completed(answers)
        refused = [next(done).result() for _ in range(7 - N_WAITING)]
        refused.append(upload(b"music"))
        go_on.set()
        assert {answer.result().status_code for answer in done} == {400}
    for answer in refused:
        assert (answer.status_code, answer.headers["Retry-After"]) == (429, "5")
        said = "Other files are being analysed: try again in 5 seconds."
        assert answer.get_json()["detail"] == said


def test_a_file_does_not_wait_for_ever(
    client: FlaskClient, upload: Upload, monkeypatch: pytest.MonkeyPatch
) -> None:
    began, go_on = threading.Event(), threading.Event()

    def wait(path: Path) -> Any:
        began.set()
        assert go_on.wait(30)
        raise SoundRefused("It was long.")

    client.application.config["ANALYSE_FILE"] = wait
    monkeypatch.setattr("webui.uploads.PATIENCE", 0.01)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(upload, b"music")
        assert began.wait(30)
        assert upload(b"music").status_code == 429
        go_on.set()
        assert first.result().status_code == 400
    assert upload(b"music").status_code == 400
