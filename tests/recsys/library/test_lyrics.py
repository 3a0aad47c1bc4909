"""Lyrics from tags of every format, and from files beside."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mutagen
import pytest
from audio_files import make_audio
from mutagen import id3

from recsys.library.lyrics import Lyrics, LyricsLine, parse_lyrics, read_lyrics

TIMED = "[ar:Somebody]\n[offset:-200]\n[00:12.00]Line one\n\n[01:02.345] Line two\n[00:20]"


def test_lrc_with_times_offsets_and_repetitions() -> None:
    found = parse_lyrics(TIMED)
    assert (found.synced, found.offset) == (True, -200)
    assert found.lines == (
        LyricsLine(12_000, "Line one"),
        LyricsLine(20_000, ""),
        LyricsLine(62_345, "Line two"),
    )
    again = parse_lyrics("[00:03.5][00:01.5]<00:01.5>Oh <00:02.0>no")
    assert again.lines == (LyricsLine(1500, "Oh no"), LyricsLine(3500, "Oh no"))


def test_plain_text_keeps_its_empty_lines() -> None:
    found = parse_lyrics("\n\nOne\n\n[Chorus]\nTwo\n\n")
    assert not found.synced
    assert [line.text for line in found.lines] == ["One", "", "[Chorus]", "Two"]
    assert parse_lyrics("").lines == ()


def tagged(path: Path, fields: Any) -> Path:
    file = mutagen.File(make_audio(path))
    if file.tags is None:
        file.add_tags()
    for key, value in fields.items():
        file.tags[key] = value
    file.save()
    return path


@pytest.mark.parametrize(
    ("suffix", "fields"),
    [
        (".mp3", {"USLT": id3.USLT(encoding=3, lang="eng", desc="", text="One\nTwo")}),
        (".flac", {"lyrics": ["One\nTwo"]}),
        (".opus", {"UNSYNCEDLYRICS": ["One\nTwo"]}),
        (".m4a", {"©lyr": ["One\nTwo"]}),
        (".wv", {"Lyrics": "One\nTwo"}),
    ],
)
def test_plain_lyrics_of_every_format(tmp_path: Path, suffix: str, fields: Any) -> None:
    (found,) = read_lyrics(tagged(tmp_path / f"song{suffix}", fields))
    assert [line.text for line in found.lines] == ["One", "Two"]
    assert found.language == ("eng" if suffix == ".mp3" else "xxx")


def test_those_with_times_come_first(tmp_path: Path) -> None:
    frame = id3.SYLT(encoding=3, lang="deu", format=2, type=1, text=[("Eins", 10), ("Zwei", 900)])
    plain = id3.USLT(encoding=3, lang="XXX", desc="", text="One")
    path = tagged(tmp_path / "song.mp3", {"USLT": plain, "SYLT": frame})
    first, second = read_lyrics(path)
    assert first == Lyrics("deu", (LyricsLine(10, "Eins"), LyricsLine(900, "Zwei")))
    assert (second.language, second.synced) == ("xxx", False)
    path.with_suffix(".lrc").write_bytes("[00:01]Ünï".encode("utf-16"))
    assert read_lyrics(path)[0].lines == (LyricsLine(1000, "Ünï"),)


def test_damaged_files_have_none(tmp_path: Path) -> None:
    path = tmp_path / "song.mp3"
    path.write_bytes(b"\xff" * 100)
    path.with_suffix(".lrc").write_bytes(b"\x00" * 10 + b"\xff")
    assert all(isinstance(one, Lyrics) for one in read_lyrics(path))
    assert read_lyrics(tmp_path / "gone.mp3") == []
