"""Writing tags into files: the audio and every other tag stay, or the file does."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import mutagen
import pytest
from audio_files import ENCODERS, make_audio
from mutagen.apev2 import APEv2
from mutagen.flac import FLAC, Picture
from mutagen.id3 import APIC, COMM, ID3, POPM, TIT2, TSSE, TYER

from encoders.audio import inspect
from recsys.library import tag_writing
from recsys.library.file_tags import read_tags
from recsys.library.tag_writing import CannotWrite, Values, why_not, write_fields, written_fields

VALUES: Values = {
    "tempo": ("128",),
    "key": ("C#m",),
    "tags": ("rock", "female vocalists"),
    "moods": ("for running",),
}
SUFFIXES = sorted(set(ENCODERS) - {".mkv"})


def digest(path: Path) -> str:
    return inspect(path).audio_hash


def song(path: Path) -> Path:
    """A file with title and artist."""
    make_audio(path)
    opened = mutagen.File(path, easy=True)
    if opened.tags is None:
        opened.add_tags()
    if path.suffix in (".wav", ".aiff"):
        opened.tags.add(TIT2(encoding=3, text=["A song"]))
    elif path.suffix == ".wma":
        opened.tags["Title"] = ["A song"]
    else:
        opened.tags["title"] = ["A song"]
    opened.save()
    return path


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_all_fields_are_read_back_and_the_audio_stays(tmp_path: Path, suffix: str) -> None:
    path = song(tmp_path / f"song{suffix}")
    path.chmod(0o640)
    os.utime(path, (1, 1))
    audio = digest(path)
    assert why_not(path) == "" and written_fields(path) == {}
    write_fields(path, VALUES, digest)
    assert written_fields(path) == VALUES
    assert digest(path) == audio
    tags = read_tags(path)
    assert (tags.title, tags.bpm, tags.initial_key) == ("A song", 128.0, "C# minor")
    assert path.stat().st_mode & 0o777 == 0o640
    assert path.stat().st_mtime > 1_000_000_000, "the time is that of the writing"
    assert [one.name for one in tmp_path.iterdir()] == [path.name]
    write_fields(path, {"tempo": ("64",)}, digest)
    assert written_fields(path) == {**VALUES, "tempo": ("64",)}, "the others stay"


def test_id3_keeps_its_version_frames_and_what_is_at_the_end(tmp_path: Path) -> None:
    path = make_audio(tmp_path / "song.mp3")
    tags = ID3()
    frames = (
        TIT2(encoding=1, text=["Tïtle"]),
        TYER(encoding=0, text=["1975"]),
        COMM(encoding=1, lang="deu", desc="d", text=["Kommentar"]),
        POPM(email="a@b", rating=196, count=7),
        APIC(encoding=0, mime="image/png", type=3, desc="", data=b"picture"),
        TSSE(encoding=0, text=["an encoder"]),
    )
    for frame in frames:
        tags.add(frame)
    tags.save(path, v1=2, v2_version=3)
    content = path.read_bytes()
    end = b"TAG" + b"Another title".ljust(125, b"\0")
    path.write_bytes(content[:-128] + end)
    before = ID3(path, translate=False)
    write_fields(path, VALUES, digest)
    after = ID3(path, translate=False)
    assert after.version == (2, 3, 0)
    assert {key: after[key] for key in before} == dict(before)
    assert set(after) - set(before) == {"TBPM", "TKEY", "TXXX:TAGS", "TXXX:MOOD"}
    assert path.read_bytes()[-128:] == end
    assert written_fields(path) == VALUES


def test_pictures_of_flac_stay(tmp_path: Path) -> None:
    path = make_audio(tmp_path / "song.flac")
    opened = FLAC(path)
    picture = Picture()
    picture.data, picture.mime = b"picture", "image/png"
    opened.add_picture(picture)
    opened["MY OWN"] = ["kept", "twice"]
    opened.save()
    write_fields(path, VALUES, digest)
    after = FLAC(path)
    assert after.pictures == [picture] and after["my own"] == ["kept", "twice"]


def test_what_would_change_other_tags_is_refused(tmp_path: Path) -> None:
    """Beside APEv2 alone, new ID3 tags would hide the title from players."""
    path = make_audio(tmp_path / "song.mp3")
    ID3(path).delete(path) if path.read_bytes().startswith(b"ID3") else None
    tags = APEv2()
    tags["Title"] = "In APEv2"
    tags.save(path)
    content = path.read_bytes()
    assert read_tags(path).title == "In APEv2"
    with pytest.raises(CannotWrite, match="its other tags would change"):
        write_fields(path, VALUES, digest)
    assert path.read_bytes() == content


def test_audio_that_would_change_is_refused(tmp_path: Path) -> None:
    path = song(tmp_path / "song.flac")
    content = path.read_bytes()
    digests = iter(["one", "another"])
    with pytest.raises(CannotWrite, match="its audio would change"):
        write_fields(path, VALUES, lambda _: next(digests))
    assert path.read_bytes() == content
    assert [one.name for one in tmp_path.iterdir()] == ["song.flac"]


def test_a_full_disk_and_another_program_leave_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = song(tmp_path / "song.flac")
    content = path.read_bytes()

    def full(source: Path, target: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(target))

    with monkeypatch.context() as patched:
        patched.setattr(tag_writing.shutil, "copyfile", full)
        with pytest.raises(OSError, match="No space left"):
            write_fields(path, VALUES, digest)
    assert path.read_bytes() == content
    n_asked = 0

    def meddling(asked: Path) -> str:
        nonlocal n_asked
        n_asked += 1
        if n_asked == 2:
            os.utime(path, (5, 5))
        return digest(asked)

    with pytest.raises(CannotWrite, match="another program"):
        write_fields(path, VALUES, meddling)
    assert path.read_bytes() == content
    assert [one.name for one in tmp_path.iterdir()] == ["song.flac"]


def test_files_that_are_left_alone(tmp_path: Path) -> None:
    path = song(tmp_path / "song.flac")
    os.link(path, tmp_path / "other.flac")
    assert "hard links" in why_not(path)
    matroska = make_audio(tmp_path / "song.mkv")
    assert "no tags that can be written" in why_not(matroska)
    noise = tmp_path / "noise.mp3"
    noise.write_bytes(b"no music" * 100)
    assert "no tags that can be written" in why_not(noise)
