"""The API through a client, and served by a process."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from made_home import N_TRACKS, scanned_file

from earshot.transcoding import transcoded
from encoders.audio import inspect
from encoders.features import AudioInfo
from recsys.catalog import Catalog
from recsys.home.files import INDEX_NAME
from recsys.home.settings import Settings
from webui.api.schemas import Similar, SimilarTracksSchema
from webui.app import create_app
from webui.server_resources import ServerLimits

ROOT = Path(__file__).parents[2]


def test_search_leads_to_what_sounds_alike(client: FlaskClient) -> None:
    match = client.get("/api/v1/search?q=Song+5+Bix").get_json()["tracks"][0]
    assert (match["title"], match["artist"]) == ("Song 5", "Bix")
    alike = client.get(f"/api/v1/tracks/{match['id']}/similar?k=3").get_json()["tracks"]
    assert {track["artist"] for track in alike} == {"Bix"}
    assert match["id"] not in {track["id"] for track in alike}
    capped = client.get(f"/api/v1/tracks/{match['id']}/similar?k=5&artist_cap=1").get_json()
    assert len({track["artist"] for track in capped["tracks"]}) == 5


def test_neighbours_are_said_as_their_schema_has_them(client: FlaskClient) -> None:
    served = client.application.extensions["served_home"].current()
    seed = served.catalog.tracks([6])[0]
    wanted = SimilarTracksSchema(
        tracks=[
            Similar.to(n.track, n.similarity, n.shared_tags)
            for n in served.similar.of_track(seed, 5)
        ],
        sentences=[],
    )
    sent = client.get("/api/v1/tracks/6/similar?k=5").get_data()
    assert SimilarTracksSchema.model_validate_json(sent) == wanted
    assert sent == wanted.model_dump_json().encode()


def test_two_tracks_and_why_they_are_alike(client: FlaskClient, home: Path) -> None:
    answer = client.get("/api/v1/tracks/2/similar/3").get_json()
    assert [track["id"] for track in answer["tracks"]] == [2, 3]
    assert answer["tempo"] == [91.0, 92.0]
    first, second = answer["moments"]
    assert 0 <= first["start"] < first["end"] <= answer["tracks"][0]["duration"]
    assert [shared["tag"] for shared in answer["shared_tags"]] == ["rock"]
    assert 0 < answer["shared_tags"][0]["share"] <= 1
    back = client.get("/api/v1/tracks/3/similar/2").get_json()
    assert back["shared_tags"] == answer["shared_tags"]
    assert back["moments"] == [second, first]
    unlike = client.get("/api/v1/tracks/2/similar/20").get_json()
    assert (unlike["tempo"], unlike["shared_tags"]) == (None, [])
    with Catalog(home) as catalog:
        audio = AudioInfo(1.0, 16_000, 1, "flac", "f" * 32)
        catalog.record_files([scanned_file(5, Path("/new"))._replace(audio=audio)])
    assert client.get(f"/api/v1/tracks/2/similar/{N_TRACKS + 1}").status_code == 409


def test_audio_comes_whole_and_in_ranges(client: FlaskClient, music: Path) -> None:
    stored = (music / "4.wav").read_bytes()
    with client.get("/api/v1/tracks/5/audio") as whole:
        assert (whole.data, whole.content_type) == (stored, "audio/wav")
    with client.get("/api/v1/tracks/5/audio", headers={"Range": "bytes=100-199"}) as part:
        assert (part.status_code, part.data) == (206, stored[100:200])
        assert part.headers["Content-Range"] == f"bytes 100-199/{len(stored)}"
    beyond = client.get("/api/v1/tracks/5/audio", headers={"Range": "bytes=99999999-"})
    assert beyond.status_code == 416


def make_long(path: Path) -> None:
    """Let a file be longer than what a server and a system keep for a player."""
    with path.open("r+b") as file:
        file.seek(1000)
        file.write(b"music")
        file.truncate(64 << 20)


def slow_player(address: str, path: str = "/api/v1/tracks/5/audio") -> socket.socket:
    """Ask for a sound as a browser does, and read no more than how the answer begins."""
    host, _, port = address.removeprefix("http://").partition(":")
    player = socket.create_connection((host, int(port)), timeout=60)
    player.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nRange: bytes=7-\r\n\r\n".encode())
    assert player.recv(11) == b"HTTP/1.1 20"
    return player


def test_players_that_read_slowly_hold_nobody_up(
    client: FlaskClient, music: Path, serve: Callable[[Flask], str]
) -> None:
    make_long(music / "4.wav")
    address = serve(client.application)
    with ExitStack() as stack:
        for _ in range(2 * ServerLimits().threads):
            stack.enter_context(slow_player(address))
        part = urllib.request.Request(f"{address}/api/v1/tracks/5/audio")
        part.add_header("Range", "bytes=1000-1004")
        with urllib.request.urlopen(part, timeout=60) as answer:
            assert answer.read() == b"music"


def test_audio_is_transcoded_on_request(home: Path, music: Path, tmp_path: Path) -> None:
    app = create_app(Settings(home), transcode=transcoded)
    client = app.test_client()
    with client.get("/api/v1/tracks/5/audio.mp3?start=0.4") as answer:
        (tmp_path / "5.mp3").write_bytes(answer.data)
        assert answer.mimetype == "audio/mpeg"
    assert inspect(tmp_path / "5.mp3").duration == pytest.approx(0.6, abs=0.1)
    assert client.get("/api/v1/tracks/5/audio.mp3?start=nan").status_code == 400
    with client.get("/api/v1/tracks/7/preview") as answer:
        (tmp_path / "7.mp3").write_bytes(answer.data)
        assert answer.mimetype == "audio/mpeg"
    assert inspect(tmp_path / "7.mp3").duration == pytest.approx(1.0, abs=0.1), "all of a second"
    (music / "4.wav").write_text("words")
    assert client.get("/api/v1/tracks/5/audio.mp3").status_code == 415
    app.config["TRANSCODE"] = lambda path, start: (piece for piece in (b"first", b"second"))
    app.extensions["closing"].set()  # as `earshot serve` does when a signal comes
    with client.get("/api/v1/tracks/6/audio.mp3") as answer:
        assert answer.data == b"first"
    app.config["TRANSCODE"] = None
    assert client.get("/api/v1/tracks/6/audio.mp3").status_code == 415
    app.extensions["served_home"].close()


def test_only_living_plain_files_are_sent(
    client: FlaskClient, home: Path, music: Path, tmp_path: Path
) -> None:
    path = music / "4.wav"
    stored = path.rename(tmp_path / "elsewhere.wav")
    assert client.get("/api/v1/tracks/5/audio").status_code == 404
    path.symlink_to(stored)  # a library may be made of links
    with client.get("/api/v1/tracks/5/audio") as answer:
        assert answer.data == stored.read_bytes()
    path.unlink()
    os.mkfifo(path)
    assert client.get("/api/v1/tracks/5/audio").status_code == 404
    with Catalog(home) as catalog:
        catalog.set_presence(gone=[6])
    assert client.get("/api/v1/tracks/6/audio").status_code == 404


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/v1/tracks/999", 404),
        (f"/api/v1/tracks/{10**30}", 404),
        (f"/api/v1/tracks/1/similar/{10**30}", 404),
        ("/api/v1/tracks/999/similar/1", 404),
        ("/api/v1/tracks/../../etc/passwd", 404),
        ("/api/v1/tracks/%2e%2e%2fsecret/audio", 404),
        ("/api/v1/search", 400),
        ("/api/v1/search?q=" + "x" * 501, 400),
        ("/api/v1/search?q=a&limit=-1", 400),
        ("/api/v1/tracks/1/similar?k=0", 400),
        ("/api/v1/tracks/1/similar?k=²", 400),
    ],
)
def test_errors_are_problems(client: FlaskClient, path: str, status: int) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.content_type) == (status, "application/problem+json")
    body = json.loads(answer.data)
    assert body["status"] == status
    assert body["request_id"] == answer.headers["X-Request-Id"]


def test_where_there_is_nothing_a_browser_gets_a_page(client: FlaskClient) -> None:
    browser = {"Accept": "text/html,application/xhtml+xml,image/avif,*/*;q=0.8"}
    page = client.get("/nowhere", headers=browser)
    assert (page.status_code, page.mimetype) == (404, "text/html")
    assert "There is nothing at this address." in page.get_data(as_text=True)
    for path, headers in (("/nowhere", {}), ("/api/v1/nowhere", browser)):
        assert client.get(path, headers=headers).mimetype == "application/problem+json"


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "192.168.1.2", ""])
def test_a_foreign_page_cannot_reach_in(client: FlaskClient, host: str) -> None:
    assert client.get("/healthz", headers={"Host": host}).status_code == 400
    assert client.post("/api/v1/search?q=a").status_code == 405
    for name in ("localhost:8000", "127.0.0.1:8000", "[::1]:8000"):
        answer = client.get("/healthz", headers={"Host": name})
        assert answer.status_code == 200
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_a_new_index_is_taken_up_and_a_damaged_one_is_not(
    client: FlaskClient, home: Path, tmp_path: Path
) -> None:
    assert client.get("/healthz").get_json()["n_indexed"] == N_TRACKS
    good = (home / INDEX_NAME).read_bytes()
    for content in (b"damaged", good):
        (tmp_path / "new").write_bytes(content)
        (tmp_path / "new").replace(home / INDEX_NAME)
        assert client.get("/api/v1/tracks/1/similar").status_code == 200
    served = client.application.extensions["served_home"]
    before = served.current()
    shutil.copy(home / INDEX_NAME, tmp_path / "new")
    (tmp_path / "new").replace(home / INDEX_NAME)
    assert served.current() is not before
    assert before.similar.of_track(before.catalog.tracks([1])[0], 3)  # a request under way


def test_nothing_indexed_is_said(tmp_path: Path) -> None:
    client = create_app(Settings(tmp_path)).test_client()
    answer = client.get("/healthz")
    assert answer.status_code == 503
    assert b"earshot build" in answer.data
    assert client.get("/livez").get_json() == {"status": "ok"}


def test_a_process_serves_and_stops(home: Path, music: Path) -> None:
    make_long(music / "4.wav")
    command = [sys.executable, "-m", "earshot", "serve", "--home", str(home), "--port", "0"]
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, cwd=ROOT, env=environ, stdout=-1, stderr=-1, text=True) as run:
        assert run.stdout
        address = run.stdout.readline().removeprefix("Serving on ").strip()
        with urllib.request.urlopen(f"{address}/healthz", timeout=60) as answer:
            assert json.load(answer)["n_indexed"] == N_TRACKS
        with slow_player(address):
            run.send_signal(signal.SIGTERM)
            log = run.communicate(timeout=60)[1]
        assert run.returncode == 0, log
    assert "still running" not in log  # no thread was waited for in vain
    line = next(json.loads(text) for text in log.splitlines() if text.startswith("{"))
    assert (line["path"], line["status"]) == ("/healthz", 200)


def test_a_server_stops_while_a_player_reads_none_of_an_endless_sound(
    home: Path, music: Path, tmp_path: Path
) -> None:
    given = tmp_path / "given"
    code = f"""
import sys, pathlib
from earshot import worker_process
from earshot.commands import serve

def endless(path, start):
    for number in range(1 << 30):
        pathlib.Path({str(given)!r}).write_text(str(number))
        yield bytes(1 << 20)

worker_process.transcoded = endless
sys.exit(serve.COMMAND.main(["--home", {str(home)!r}, "--port", "0"]))
"""
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=-1, stderr=-1) as run:
        assert run.stdout
        address = run.stdout.readline().decode().removeprefix("Serving on ").strip()
        with slow_player(address, "/api/v1/tracks/5/audio.mp3"):
            before = "nothing"
            while before != (now := given.read_text()):  # until it has to wait
                before = now
                time.sleep(1.0)
            run.send_signal(signal.SIGTERM)
            log = run.communicate(timeout=60)[1].decode()
        assert run.returncode == 0, log
    assert int(before) > 16  # MiB that the server keeps for a player
    assert "still running" not in log  # its thread was not waited for in vain
    assert "Traceback" not in log


def test_serving_loads_nothing_heavy() -> None:
    heavy = {"torch", "av", "alembic", "implicit", "sklearn", "pandas", "matplotlib"}
    code = f"import sys, webui.app; print(sorted({heavy} & set(sys.modules)))"
    assert subprocess.check_output([sys.executable, "-c", code], cwd=ROOT) == b"[]\n"
