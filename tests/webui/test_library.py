"""The library page and its API, through a client."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from made_home import N_TRACKS, scanned_file
from sounds import tune, write

from encoders.audio import inspect
from encoders.errors import AudioError
from encoders.features import AudioInfo
from index.vector_index import VectorIndex
from recsys.catalog import BuildRunning, Catalog, ScannedFile, Tags
from recsys.home.evaluation_reports import save_report
from recsys.home.files import INDEX_NAME
from recsys.home.overview import advice
from recsys.home.settings import Settings
from recsys.library.build import Progress
from recsys.library.build_state import BuildRecord
from webui.api import builds
from webui.api.builds import BuildRefused
from webui.app import create_app

HOSTILE = "<script>window.hurt = 1</script>"


class Builder:
    """Stands where `earshot serve` puts what starts builds."""

    def __init__(self) -> None:
        self.asked: list[bool] = []
        self.refusal: Exception | None = None

    def __call__(self, *, retry_failed: bool, **_: object) -> None:
        self.asked.append(retry_failed)
        if self.refusal:
            raise self.refusal


@pytest.fixture
def builder() -> Builder:
    return Builder()


@pytest.fixture
def client(home: Path, builder: Builder) -> Iterator[FlaskClient]:
    app = create_app(Settings(home), build=builder)
    client = app.test_client()
    token = client.get("/api/v1/session").get_json()["token"]
    client.environ_base["HTTP_X_EARSHOT_TOKEN"] = token
    yield client
    app.extensions["served_home"].close()


def fail(home: Path, n_files: int) -> None:
    """Let files fail."""
    with Catalog(home) as catalog:
        ids = range(N_TRACKS + 1, N_TRACKS + n_files + 1)
        tags = Tags("Song", "Gil", album="Gil live")
        info = AudioInfo(1.0, 16_000, 1, "mp3", "0" * 32)
        paths = [Path(f"/music/{track_id}.mp3") for track_id in ids]
        catalog.record_files([ScannedFile(None, path, 1, 1, info, tags) for path in paths])
        reasons = [(i, AudioError(f"/music/{i}{HOSTILE}.mp3 is empty (0 bytes).")) for i in ids]
        catalog.store_features("x", reasons)


def test_the_library_in_numbers(client: FlaskClient, home: Path) -> None:
    fail(home, 2)
    with Catalog(home) as catalog:
        me = catalog.listener("me", create=True)
        assert me
        catalog.record_listens(me.id, [(1, 1_764_000_000), (1, 1_764_000_500), (2, 1_764_001_000)])
        catalog.set_feedback(me.id, 3, "like", 1_764_002_000)
        catalog.set_feedback(me.id, 4, "skip", 1_764_002_000)
        catalog.set_feedback(me.id, 4, None, 1_764_002_001)
        catalog.set_presence(gone=[5])
        totals = catalog.totals()
    assert (totals.artists, totals.albums, totals.seconds) == (7, 7, N_TRACKS + 1)
    assert (totals.listeners, totals.listens, totals.feedback) == (1, 3, 1)
    page = " ".join(client.get("/library").get_data(as_text=True).split())
    for name, number in (
        ("tracks", N_TRACKS + 1),
        ("artists", 7),
        ("analysed", N_TRACKS - 1),
        ("failed", 2),
        ("removed", 1),
        ("listens", 3),
        ("likes, dislikes, skips", 1),
    ):
        assert f"<dt>{name}</dt><dd>{number}</dd>" in page
    for words in (
        f"<dd>{N_TRACKS} tracks",
        "The library has changed since: build again",
        "MSD_musicnn, MTT_musicnn; float32, at most 2 segments",
        "Flat over",
        "Not measured",
        f"index {(home / INDEX_NAME).stat().st_size / 1000:.1f} kB",
    ):
        assert words in page


def test_failed_files_are_named_by_pages(client: FlaskClient, home: Path) -> None:
    assert "Every file could be analysed." in client.get("/library").get_data(as_text=True)
    fail(home, 30)
    page = client.get("/library").get_data(as_text=True)
    assert page.count("is empty (0 bytes)") == page.count("Copy it again") == 25
    assert HOSTILE not in page
    last = N_TRACKS + 25
    assert f"/library?after={last}#failed" in page
    rest = client.get(f"/library?after={last}").get_data(as_text=True)
    assert rest.count("is empty (0 bytes)") == 5
    assert "Next page" not in rest
    for text in ("x", "-1", "²", "1" + "0" * 30):
        assert client.get("/library", query_string={"after": text}).status_code == 400


def test_what_helps_is_said_of_real_failures(tmp_path: Path) -> None:
    (tmp_path / "empty.mp3").touch()
    (tmp_path / "words.mp3").write_text("words")
    short = write(tmp_path / "short.wav", tune(1, 0.02))
    sentences = {}
    for path in (tmp_path / "empty.mp3", tmp_path / "words.mp3", short, tmp_path / "none.mp3"):
        with pytest.raises(AudioError) as failure:
            inspect(path)
        sentences[path.stem] = advice(str(failure.value))
    assert "again" in sentences["empty"]
    assert "damaged" in sentences["words"]
    assert "too short" in sentences["short"]
    assert "may be read" in sentences["none"]


def test_what_was_measured_is_shown_and_said_to_be_old(client: FlaskClient, home: Path) -> None:
    index = VectorIndex.load(home / INDEX_NAME, model=None, projection=None, dim=None)
    track = {"track_id": 3, "title": HOSTILE, "artist": "Ada", "in_degree": 19}
    hubs = {"home": {"max_in_degree": 19, "orphans": 0.125}}
    exposure = {"k": 10, "n_tracks": 24, "hubs": hubs, "tracks": [track]}
    save_report(home, "exposure", "earshot evaluate exposure", index, exposure)
    copy = {"path": "/music/a.mp3", "codec": "mp3", "duration": 60.0}
    figures = {"groups": [[copy, {**copy, "path": "/music/b.ogg"}]], "failures": []}
    save_report(home, "duplicates", "earshot similar --duplicates", index, figures)
    with Catalog(home) as catalog:
        twin = scanned_file(0, Path("/music/twin"))
        catalog.record_files([twin])
    page = client.get("/library").get_data(as_text=True)
    for words in ("12.5 %", "&lt;script&gt;", "/music/b.ogg", "2 files share", "/music/twin/0.wav"):
        assert words in page
    assert "before the index was rebuilt" not in page
    for path in (home / "reports").iterdir():
        path.write_text(path.read_text().replace(index.manifest.projection, "other"))  # type: ignore[union-attr]
    assert client.get("/library").get_data(as_text=True).count("index was rebuilt") == 2
    (home / "reports" / "exposure.json").write_text("{")
    assert "Not measured" in client.get("/library").get_data(as_text=True)


def test_a_home_without_an_index_shows_its_first_build(tmp_path: Path) -> None:
    tmp_path.joinpath("home").mkdir()
    client = create_app(Settings(tmp_path / "home")).test_client()
    answer = client.get("/library")
    assert answer.status_code == 200
    assert b"Nothing is indexed" in answer.data
    with BuildRecord(tmp_path / "home") as record:
        record.show(Progress("analyse", 0, 7))
        page = client.get("/library").get_data(as_text=True)
        assert "Analysing: 0 of 7" in page
        assert 'max="7"' in page


def test_starting_and_stopping(client: FlaskClient, home: Path, builder: Builder) -> None:
    assert client.get("/api/v1/build").get_json()["state"] == "none"
    assert client.get("/api/v1/build/events").status_code == 204
    assert client.delete("/api/v1/build").status_code == 409
    assert client.post("/api/v1/build", json={}).status_code == 202
    assert client.post("/api/v1/build", json={"retry_failed": True}).status_code == 202
    assert builder.asked == [False, True]
    for body in ({"retry_failed": 1}, [], "x"):
        assert client.post("/api/v1/build", json=body).status_code == 400
    refused = client.post("/api/v1/build", headers={"X-Earshot-Token": "x"})
    assert refused.status_code == 403
    assert len(builder.asked) == 2
    for refusal in (BuildRunning.on(home, 7), BuildRefused("What it was built from is not known.")):
        builder.refusal = refusal
        answer = client.post("/api/v1/build", json={})
        assert (answer.status_code, json.loads(answer.data)["detail"]) == (409, str(refusal))
    assert create_app(Settings(home)).test_client().get("/library").status_code == 200
    client.application.config["BUILD"] = None
    assert client.post("/api/v1/build", json={}).status_code == 503


def test_progress_is_streamed_to_its_end(client: FlaskClient, home: Path) -> None:
    with BuildRecord(home) as record:
        record.plan([home], {})
        record.show(Progress("analyse", 0, 4))
        answer = client.get("/api/v1/build/events", buffered=False)
        assert answer.content_type == "text/event-stream; charset=utf-8"
        assert answer.headers["Cache-Control"] == "no-store"
        stream = (chunk.decode() for chunk in answer.iter_encoded())
        assert next(stream) == "retry: 2000\n\n"
        first = next(stream)
        assert event(first)["sentence"] == "Analysing: 0 of 4"
        record.show(Progress("fit"))
        assert event(next(stream))["sentence"] == "Fitting the projection …"
    last = next(stream)
    assert event(last)["state"] == "done"
    assert next(stream, None) is None
    answer.close()  # as a server does
    seen = last.split("\n")[0].removeprefix("id: ")
    again = client.get("/api/v1/build/events", headers={"Last-Event-ID": seen})
    assert again.status_code == 204  # which tells the browser to ask no more
    missed = client.get("/api/v1/build/events", headers={"Last-Event-ID": "another"}, buffered=True)
    assert "event: build" in missed.get_data(as_text=True)


def event(text: str) -> dict[str, object]:
    number, name, data, end = text.split("\n", 3)
    assert number.startswith("id: ")
    assert (name, end) == ("event: build", "\n")
    event: dict[str, object] = json.loads(data.removeprefix("data: "))
    return event


def test_streams_are_few_and_live(
    client: FlaskClient, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(builds, "POLL", 0.001)
    monkeypatch.setattr(builds, "HEARTBEAT", 0.005)
    with BuildRecord(home):
        open_ones = [
            client.get("/api/v1/build/events", buffered=False) for _ in range(builds.MAX_STREAMS)
        ]
        refused = client.get("/api/v1/build/events")
        assert refused.status_code == 503
        assert client.get("/api/v1/build").get_json()["state"] == "running"
        open_ones.pop().close()  # the reader has gone
        monkeypatch.setattr(builds, "LONGEST", 0.1)
        last = client.get("/api/v1/build/events", buffered=True).get_data(as_text=True)
        assert ": still there\n\n" in last  # and it ends: the reader comes again
        monkeypatch.setattr(builds, "LONGEST", 60.0)
        client.application.extensions[
            "closing"
        ].set()  # as `earshot serve` does when a signal comes
        ended = client.get("/api/v1/build/events", buffered=True).get_data(as_text=True)
        assert ended.count("event: build") == 1
        for one in open_ones:
            one.close()
    assert client.get("/api/v1/build/events", buffered=True).status_code == 200
