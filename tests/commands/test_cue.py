"""An album in one file: from the build to lists, players and playlists."""

from __future__ import annotations

import io
from pathlib import Path

import av
import numpy as np
import pytest
from commands import Commands
from sounds import tune, write

from earshot.transcoding import transcoded
from recsys.catalog import Catalog
from recsys.home.settings import Settings
from recsys.playlists import WRITERS, parse, resolve
from webui.app import create_app

SECONDS = 8.0


def heard(data: bytes) -> float:
    """Return the length of what a player gets."""
    with av.open(io.BytesIO(data)) as container:
        return sum(f.samples / f.sample_rate for f in container.decode(audio=0))


def test_an_album_in_one_file(earshot: Commands, music: Path) -> None:
    songs = [tune(number, SECONDS) for number in (1, 2, 3)]
    album = write(music / "album.flac", np.concatenate(songs), title="Rain", artist="Ann")
    write(music / "apart" / "second.m4a", songs[1], title="Song 2", artist="Ann")
    write(music / "apart" / "other.flac", tune(4, SECONDS), title="Sun", artist="Bob")
    assert earshot.build_json(music)["analysed"] == 3
    lines = ['PERFORMER "Ann"', 'TITLE "Rain"', 'FILE "album.wav" WAVE']
    for number in (1, 2, 3):
        lines += [f"TRACK {number:02d} AUDIO", f'TITLE "Song {number}"']
        lines += [f"INDEX 01 00:{(number - 1) * 8:02d}:00"]
    (music / "album.cue").write_text("\n".join(lines))
    report = earshot.build_json(music)
    assert (report["analysed"], report["tracks"], report["unchanged"]) == (3, 5, 2)
    assert report["notes"][0] == "1 album in one file is 3 tracks now, by its cue sheet."
    assert earshot.build_json(music)["analysed"] == 0

    rows = earshot.neighbours("Sun", "-k", 9)
    assert sorted((row["title"], row["copies_hidden"]) for row in rows) == [
        *(("Song 1", 0), ("Song 2", 1), ("Song 3", 0)),
    ], "the part is known as a copy of the file"
    listed = earshot.similar("Sun", "-k", 9, "--m3u").out.decode()
    assert listed.count("#EXTVLCOPT:start-time=") == listed.count(str(album))

    with Catalog(earshot.home) as catalog:
        parts = [track for track in catalog.available_tracks() if track.part]
        for kind, writer in WRITERS.items():
            found = resolve(catalog, parse(writer(parts[::-1], "Rain"), music))
            assert [one.track_id for one in found] == [t.id for t in parts[::-1]], kind
        plain = resolve(catalog, parse(b"album.flac\n", music))
        assert [one.track_id for one in plain] == [track.id for track in parts]
        sheet = resolve(catalog, parse(b"album.cue\n", music))
        assert [one.track_id for one in sheet] == [track.id for track in parts]
        named = b"#EXTINF:8,Ann - Song 2\nElsewhere/Music/album.flac\n"
        (one,) = resolve(catalog, parse(named, Path("/lists")))
        assert one.track_id == parts[1].id

    app = create_app(Settings(earshot.home), transcode=transcoded)
    client = app.test_client()
    second = parts[1].id
    for address in (
        f"/api/v1/tracks/{second}/audio",
        f"/rest/stream?id={second}",
        f"/rest/stream?id={second}&format=raw",
        f"/rest/download?id={second}",
    ):
        sent = client.get(address)
        assert (sent.status_code, sent.mimetype) == (200, "audio/mpeg"), address
        assert heard(sent.data) == pytest.approx(SECONDS, abs=0.1), address
    rest = client.get(f"/api/v1/tracks/{second}/audio.mp3?start=5").data
    assert heard(rest) == pytest.approx(3.0, abs=0.1)
    song = client.get(f"/rest/getSong?id={second}&f=json").get_json()["subsonic-response"]["song"]
    assert (song["suffix"], song["contentType"], song["duration"]) == ("mp3", "audio/mpeg", 8)
    assert song["path"] == "Ann/Rain/02 - Song 2.mp3"
    app.extensions["served_home"].close()
