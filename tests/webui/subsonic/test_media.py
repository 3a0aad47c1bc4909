"""Streams, downloads, covers and lyrics."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import pytest
from asking import TRACKS, Rest
from mutagen.flac import FLAC, Picture
from PIL import Image
from test_clients import pitch, pitch_of

from encoders.features import AudioInfo
from recsys.catalog import Catalog, ScannedFile

PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)
JPEG = b"\xff\xd8\xff" + bytes(20)


def seconds_of(data: bytes) -> float:
    with av.open(io.BytesIO(data)) as container:
        frames = list(container.decode(audio=0))
        return sum(frame.samples / frame.sample_rate for frame in frames)


def test_a_file_as_it_is_with_ranges(rest: Rest, library: Path) -> None:
    data = (library / "music" / "4.wav").read_bytes()
    for name, given in (
        ("stream", {}),
        ("stream", {"format": "raw", "maxBitRate": 1}),
        ("stream", {"format": "wav"}),
        ("stream", {"maxBitRate": 100_000}),
        ("download", {}),
    ):
        answer = rest.raw(name, id=5, **given)
        assert (answer.data, answer.mimetype) == (data, "audio/wav"), given
    query = {**rest.login, "id": "5"}
    part = rest.client.get(
        "/rest/stream", query_string=query, headers={"Range": "bytes=10-19"}, buffered=True
    )
    assert (part.status_code, part.data) == (206, data[10:20])
    beyond = rest.client.get("/rest/stream", query_string=query, headers={"Range": "bytes=99999-"})
    assert (beyond.status_code, beyond.headers["Content-Range"]) == (416, f"bytes */{len(data)}")
    saved = rest.raw("download", id=5).headers["Content-Disposition"]
    assert saved == 'attachment; filename="Bix - Song 4.wav"'


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        ({"format": "mp3"}, "audio/mpeg"),
        ({"maxBitRate": 64}, "audio/mpeg"),
        ({"format": "aac", "maxBitRate": 64}, "audio/mpeg"),
        ({"format": "opus", "maxBitRate": 48}, "audio/ogg"),
    ],
)
def test_transcoded_it_is_the_same_song(rest: Rest, given: dict[str, Any], kind: str) -> None:
    answer = rest.raw("stream", id=7, **given)
    assert answer.mimetype == kind
    assert pitch_of(answer.data) == pytest.approx(pitch(7), abs=5)
    limit = given.get("maxBitRate")
    if limit:
        assert len(answer.data) * 8 / 1000 < 1.6 * limit  # of one second, with what frames it


def test_an_offset_begins_there(rest: Rest, sized: Path, library: Path) -> None:
    assert seconds_of(rest.raw("stream", id=3, format="mp3").data) == pytest.approx(1, abs=0.15)
    assert rest.error("stream", id=3, timeOffset=50) == 0  # behind the end
    assert rest.error("stream", id=3, timeOffset=-1) == 0


def test_an_estimated_length_is_kept(rest: Rest) -> None:
    answer = rest.raw("stream", id=3, format="mp3", maxBitRate=128, estimateContentLength="true")
    assert int(answer.headers["Content-Length"]) == len(answer.data) == 16_000


def test_a_file_that_is_gone_is_not_there(shelves: Rest) -> None:
    with Catalog(shelves.client.application.config["HOME"]) as catalog:
        (track,) = catalog.tracks([1])
    track.path.unlink()
    assert shelves.error("stream", id=1) == 70
    assert shelves.error("getLyricsBySongId", id=1) == 70


def test_covers_from_files_and_folders(shelves: Rest) -> None:
    album = shelves.ask("getSong", id=1)["song"]["albumId"]
    artist = shelves.ask("getSong", id=1)["song"]["artistId"]
    made = shelves.ask("createPlaylist", name="x", songId=[4, 1])["playlist"]["id"]
    for one in (1, album, artist, made, "pl-9", "x"):
        assert shelves.error("getCoverArt", id=one) == 70
    with Catalog(shelves.client.application.config["HOME"]) as catalog:
        (track,) = catalog.tracks([1])
    (track.path.parent / "Folder.JPG").write_bytes(JPEG)
    (track.path.parent / "cover.txt").write_bytes(b"no picture")
    for one in (1, album, artist):
        answer = shelves.raw("getCoverArt", id=one, size=300)
        assert (answer.data, answer.mimetype) == (JPEG, "image/jpeg"), one
    playlist = shelves.raw("getCoverArt", id=made)
    assert playlist.data == JPEG


def test_a_cover_is_no_larger_than_asked_for(shelves: Rest) -> None:
    with Catalog(shelves.client.application.config["HOME"]) as catalog:
        (track,) = catalog.tracks([1])
    file = track.path.parent / "cover.png"
    Image.new("RGB", (400, 300), "teal").save(file)

    def size(answer: Any) -> tuple[int, int]:
        return Image.open(io.BytesIO(answer.data)).size

    album = shelves.ask("getSong", id=1)["song"]["albumId"]
    assert size(shelves.raw("getCoverArt", id=album, size=100)) == (100, 75)
    assert size(shelves.raw("getCoverArt", id=album, size=1)) == (16, 12)
    for given in ({}, {"size": 0}, {"size": 400}, {"size": 10**9}):
        answer = shelves.raw("getCoverArt", id=album, **given)
        assert (answer.data, answer.mimetype) == (file.read_bytes(), "image/png"), given
    assert shelves.error("getCoverArt", id=album, size="large") == 0
    path = "/api/v1/tracks/1/cover"
    small = shelves.client.get(f"{path}?size=320")
    assert (size(small), small.mimetype) == ((320, 240), "image/jpeg")
    again = shelves.client.get(f"{path}?size=320", headers={"If-None-Match": small.headers["ETag"]})
    assert again.status_code == 304
    assert shelves.client.get(path).data == file.read_bytes()
    for wrong in ("0", "2001", "x"):
        assert shelves.client.get(f"{path}?size={wrong}").status_code == 400


def test_lyrics_are_those_of_the_song_asked_for(shelves: Rest) -> None:
    with Catalog(shelves.client.application.config["HOME"]) as catalog:
        (track,) = catalog.tracks([1])
    track.path.with_suffix(".lrc").write_text("La la", encoding="utf-8")
    assert shelves.ask("getLyrics", title="first")["lyrics"]["value"] == "La la"
    for artist, title in (("The Kinks", "Firsts"), ("Anna", "First"), ("The Kinks", "")):
        assert shelves.ask("getLyrics", artist=artist, title=title)["lyrics"] == {"value": ""}


def test_lyrics_beside_a_file(shelves: Rest) -> None:
    assert shelves.ask("getLyricsBySongId", id=1)["lyricsList"] == {"structuredLyrics": []}
    with Catalog(shelves.client.application.config["HOME"]) as catalog:
        (track,) = catalog.tracks([1])
    text = "[ti:First]\n[00:02.00]Two\n[00:01.50][00:03]One & three\n"
    track.path.with_suffix(".lrc").write_text(text, encoding="utf-8")
    (found,) = shelves.ask("getLyricsBySongId", id=1)["lyricsList"]["structuredLyrics"]
    assert (found["synced"], found["displayTitle"]) == (True, "First")
    assert found["line"] == [
        {"start": 1500, "value": "One & three"},
        {"start": 2000, "value": "Two"},
        {"start": 3000, "value": "One & three"},
    ]
    plain = shelves.ask("getLyrics", artist="The Kinks", title="First")["lyrics"]
    assert plain["value"] == "One & three\nTwo\nOne & three"


def test_a_picture_in_a_file(shelves: Rest) -> None:
    with Catalog(shelves.client.application.config["HOME"]) as catalog:
        (track,) = catalog.tracks([2])
        picture = Picture()
        picture.data, picture.mime = PNG, "image/png"
        of_sound = bytes(10) + bytes([0x0A, 0xC4, 0x42, 0xF0]) + bytes(20)  # 44.1 kHz, 16 bits
        silence = b"fLaC" + bytes([0x80, 0, 0, 34]) + of_sound
        track.path.write_bytes(silence)
        file = FLAC(track.path)
        file.add_picture(picture)
        file.save()
        tags = replace(TRACKS[1][1], has_cover=True)
        info = AudioInfo(101.0, 44_100, 2, "flac", "1".zfill(32))
        catalog.record_files([ScannedFile(2, track.path, 1000, 1, info, tags)])
    song = shelves.ask("getSong", id=2)["song"]
    assert song["coverArt"] == "2"
    for one in (2, 1, song["albumId"], song["artistId"]):
        assert shelves.raw("getCoverArt", id=one).data == PNG
