"""Files, folders and homes as bad as they come: each a sentence, and nothing stored is lost."""

from __future__ import annotations

import json
import os
import shutil
import socket
import sqlite3
import struct
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import mutagen.id3
import numpy as np
import pytest
from commands import OBEY_PERMISSIONS, PATIENCE, Commands, finish, make_home, start
from sounds import cut, flip, float_wav, long_mp3, long_wav, tune, video, write
from unwritable import fill, small_disk

from index.vector_index import VectorIndex
from recsys.catalog import Catalog, Track
from recsys.home.files import INDEX_NAME


def spoilt(seed: int, value: float) -> Any:
    """A tune, every seventh sample of it replaced."""
    waveform = tune(seed)
    waveform[::7] = value
    return waveform


def noise() -> bytes:
    return np.random.default_rng(0).bytes(50_000)


def poke(path: Path, place: int, value: int) -> None:
    """Set one byte of a file."""
    content = bytearray(path.read_bytes())
    content[place] = value
    path.write_bytes(content)


def listen_at(path: Path) -> None:
    """Leave a socket in the file system."""
    here = Path.cwd()
    os.chdir(path.parent)  # a socket's path is short
    try:
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(path.name)
    finally:
        os.chdir(here)


# Files that are analysed, by name: what makes each.
SOUND: dict[str, Callable[[Path], object]] = {
    "truncated.mp3": lambda path: cut(write(path, tune(10)), 0.5),
    "truncated.flac": lambda path: cut(write(path, tune(11)), 0.5),
    "truncated.ogg": lambda path: cut(write(path, tune(12)), 0.5),
    "truncated.wav": lambda path: cut(write(path, tune(13)), 0.5),
    "truncated.mkv": lambda path: cut(write(path, tune(14)), 0.5),
    "corrupt.mp3": lambda path: flip(write(path, tune(20))),
    "corrupt.flac": lambda path: flip(write(path, tune(21))),
    "corrupt.ogg": lambda path: flip(write(path, tune(22)), 3),
    "corrupt.m4a": lambda path: flip(write(path, tune(23))),
    "corrupt.wav": lambda path: flip(write(path, tune(24)), 2000),
    "points far away.wma": lambda path: poke(write(path, tune(37)), 51, 136),
    "nan.wav": lambda path: float_wav(path, [spoilt(25, np.nan)]),
    "infinite.wav": lambda path: float_wav(path, [spoilt(26, np.inf), spoilt(26, -np.inf)]),
    "huge.wav": lambda path: float_wav(path, [1e30 * tune(27)]),
    "clipped.wav": lambda path: write(path, np.clip(100 * tune(28), -1, 1)),
    "tenth of a second.wav": lambda path: write(path, tune(29, 0.1)),
    "film.mp4": lambda path: video(path, tune(30)),
    "film.mkv": lambda path: video(path, tune(31)),
    "eight channels.m4a": lambda path: write(path, tune(32), "7.1"),
    "wrong name.mp3": lambda path: shutil.move(write(path.with_suffix(".flac"), tune(33)), path),
    os.fsdecode(b"caf\xe9.flac"): lambda path: write(path, tune(34)),
    "new\nline.flac": lambda path: write(path, tune(35)),
    "\N{PILE OF POO}" * 50 + ".flac": lambda path: write(path, tune(36)),
    "six hours.mp3": lambda path: long_mp3(path, 6 * 3600),
}

# Files that are not, with what is said of them.
BROKEN: dict[str, tuple[Callable[[Path], object], str]] = {
    "empty.mp3": (Path.touch, "is empty (0 bytes)."),
    "text.mp3": (lambda path: path.write_text("words\n" * 999), "is not readable as audio: "),
    "random.flac": (lambda path: path.write_bytes(noise()), "is not readable as audio: "),
    "random.m4a": (lambda path: path.write_bytes(noise()), "is not readable as audio: "),
    "random.ogg": (lambda path: path.write_bytes(noise()), "is not readable as audio: "),
    "zeros.wav": (lambda path: path.write_bytes(bytes(99999)), "is not readable as audio: "),
    "truncated.m4a": (
        lambda path: cut(write(path, tune(40)), 0.5),
        "is not readable as audio: Invalid data",
    ),
    "header.flac": (lambda path: cut(write(path, tune(41)), 0.0005), "is not readable as audio: "),
    "silence.flac": (lambda path: write(path, np.zeros(99999)), "is silent: "),
    "all nan.wav": (lambda path: float_wav(path, [np.full(99999, np.nan)]), "is silent: "),
    "hundredth.wav": (lambda path: write(path, tune(42, 0.01)), "holds 0.01 s of audio: "),
    "no samples.wav": (lambda path: float_wav(path, [np.zeros(0)]), "holds 0.00 s of audio: "),
    "silent film.mp4": (lambda path: video(path, None), "has no audio stream."),
    "silent film.mkv": (lambda path: video(path, None), "has no audio stream."),
}

# What only looks like a file.
NO_FILES: dict[str, Callable[[Path], object]] = {
    "folder.mp3": Path.mkdir,
    "dangling.mp3": lambda path: path.symlink_to("nowhere.mp3"),
    "pipe.mp3": os.mkfifo,
    "socket.mp3": listen_at,
}


@dataclass(frozen=True)
class Horrors:
    """A folder of all of them, its home, and what a build of it reported."""

    music: Path
    home: Path
    report: dict[str, Any]


@pytest.fixture(scope="module")
def horrors(tmp_path_factory: pytest.TempPathFactory, weights: Path) -> Horrors:
    music = tmp_path_factory.mktemp("horrors")
    for name, make in [*SOUND.items(), *NO_FILES.items()]:
        make(music / name)
    for name, (spoil, _) in BROKEN.items():
        spoil(music / name)
    (music / "itself.mp3").symlink_to("itself.mp3")
    (music / "loop").symlink_to(".")
    (music / "deeper").mkdir()
    (music / "deeper" / "up").symlink_to("..")
    (music / "deeper" / "itself").symlink_to("itself")
    home = make_home(tmp_path_factory.mktemp("home") / "home", weights)
    options = ("--json", "--strict", "--workers", 2)
    result = finish(start("build", music, "--home", home, *options))
    assert result.status == 3, result.err
    assert "Warning" not in result.err
    return Horrors(music, home, result.json)


def rows(home: Path) -> dict[Path, Track]:
    """Every track of a home that is there, by path."""
    with Catalog(home) as catalog:
        return {track.path: track for track in catalog.available_tracks()}


def test_all_files_are_counted_once(horrors: Horrors) -> None:
    assert horrors.report["tracks"] == horrors.report["analysed"] == len(SOUND)
    assert horrors.report["failed"] == len(horrors.report["failures"]) == len(BROKEN)
    assert horrors.report["index"]["ntotal"] == len(SOUND)
    assert set(rows(horrors.home)) == {horrors.music / name for name in [*SOUND, *BROKEN]}


@pytest.mark.parametrize("name", SOUND, ids=lambda name: ascii(name)[:30])
def test_what_can_be_heard_is_indexed(horrors: Horrors, name: str) -> None:
    track = rows(horrors.home)[horrors.music / name]
    assert (track.status, track.error) == ("ready", None)
    index = VectorIndex.load(horrors.home / INDEX_NAME, model=None, projection=None, dim=None)
    vector = index.vectors([track.id])[0]
    assert np.linalg.norm(vector) == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize("name", BROKEN)
def test_what_cannot_be_heard_is_named_with_its_reason(horrors: Horrors, name: str) -> None:
    path = horrors.music / name
    errors = {failure["path"]: failure["error"] for failure in horrors.report["failures"]}
    assert errors[str(path)].startswith(f"{path} {BROKEN[name][1]}")
    assert errors[str(path)].endswith(".")
    assert rows(horrors.home)[path].error == errors[str(path)]


def test_memory_is_bounded_also_for_a_track_of_six_hours(horrors: Horrors) -> None:
    """Of all the build's processes together, on a machine without a GPU."""
    assert 0 < horrors.report["peak_memory_bytes"] < 1.5 * 2**30


def test_a_link_to_itself_is_a_problem_and_a_loop_is_none(horrors: Horrors) -> None:
    assert horrors.report["problems"] == [
        f"{horrors.music / 'itself.mp3'}: "
        "The file cannot be read: Too many levels of symbolic links."
    ]


def test_the_horrors_are_not_opened_twice(
    horrors: Horrors, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    done = Commands(horrors.home, capfdbinary).build_json(horrors.music)
    assert (done["unchanged"], done["analysed"]) == (len(SOUND) + len(BROKEN), 0)
    assert (done["tracks"], done["failed"]) == (len(SOUND), len(BROKEN))


def test_every_answer_can_be_written_and_read(
    horrors: Horrors, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    earshot = Commands(horrors.home, capfdbinary)
    found = earshot.neighbours("clipped", "-k", 100)
    paths = {Path(row["path"]) for row in found}
    assert paths == {horrors.music / name for name in SOUND} - {horrors.music / "clipped.wav"}
    playlist = earshot.similar("clipped", "-k", 100, "--m3u").out
    lines = [os.fsdecode(line) for line in playlist.split(b"\n")[3::2]]
    uri = next(path for path in paths if "\n" in path.name).as_uri()  # a name of two lines
    assert uri in lines
    named = {Path(unquote(line.removeprefix("file://")) if line == uri else line) for line in lines}
    assert named == paths
    assert earshot.similar("clipped", "-k", 100).status == 0


# Long tracks

PROBE = """
import json, resource, sys
from pathlib import Path
from encoders.audio import SegmentGrid, inspect, read_segments

path = Path(sys.argv[1])
info = inspect(path)
segments = read_segments(path, info.duration, SegmentGrid(16000, 256, 512, 187), 20)
status = Path("/proc/self/status")
if status.exists():
    peak = int(status.read_text().split("VmHWM:")[1].split()[0])
else:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps([info.duration, segments.starts.tolist(), peak]))
"""


@pytest.mark.parametrize("suffix", [".mp3", ".wav"])
def test_six_hours_fit_into_little_memory(tmp_path: Path, suffix: str) -> None:
    """Decoded as a whole they would take 1.4 GB."""
    path, seconds = tmp_path / f"long{suffix}", 6 * 3600
    if suffix == ".mp3":
        long_mp3(path, seconds)
    else:
        long_wav(path, seconds, 8000, every=20)
    result = subprocess.run(
        [sys.executable, "-c", PROBE, path], capture_output=True, check=True, timeout=PATIENCE
    )
    duration, starts, peak = json.loads(result.stdout)
    path.unlink()
    assert duration == pytest.approx(seconds, rel=0.02)
    assert len(starts) == 20
    assert np.diff(starts) == pytest.approx(duration / 20, abs=4)
    assert peak < 200 * 1024


# Tags


def test_strange_and_huge_tags(earshot: Commands, music: Path) -> None:
    long = "A" * 5_000_000
    path = write(music / "huge.mp3", tune(1))
    frames = [
        mutagen.id3.TIT2(encoding=3, text=long),
        mutagen.id3.TCON(encoding=3, text=[f"{number}{long[:5000]}" for number in range(100)]),
        mutagen.id3.APIC(encoding=0, mime="image/png", type=3, desc="", data=bytes(20_000_000)),
    ]
    tags = mutagen.id3.ID3()
    for frame in frames:
        tags.add(frame)
    tags.save(path)
    write(music / "huge.flac", tune(2), title=long, artist=long, genre=long)
    write(music / "control.flac", tune(3), title="a\0b\r\nc\td\u202e", artist="\x1b[31mred")
    for number, raw in enumerate(
        [b"\x01\xff\xfea", b"\x01nobom", b"\x03\xff\xfe\xfd", b"\x09what", b"\x00caf\xe9", b""]
    ):
        path = write(music / f"raw {number}.mp3", tune(10 + number))
        frame = b"TIT2" + struct.pack(">IH", len(raw), 0) + raw
        size = bytes([0, 0, 0, len(frame)])
        path.write_bytes(b"ID3\x03\0\0" + size + frame + path.read_bytes())
    for number, suffix in enumerate((".flac", ".m4a")):
        path = write(music / f"bytes{suffix}", tune(20 + number), title="PLACEHOLDER")
        content = path.read_bytes()
        assert content.count(b"PLACEHOLDER") == 1
        path.write_bytes(content.replace(b"PLACEHOLDER", b"\xff\xfe\x80\xc0 \xed\xa0\x80!\0?"))
    done = earshot.build_json(music)
    assert (done["tracks"], done["failures"]) == (11, [])
    tracks = rows(earshot.home)
    assert all(len(track.title) <= 1000 for track in tracks.values())
    assert tracks[music / "huge.mp3"].title.startswith("AAAA")
    assert tracks[music / "huge.mp3"].has_cover
    assert len(tracks[music / "huge.mp3"].genres) == 20
    assert tracks[music / "raw 4.mp3"].title == "café"
    assert len(earshot.neighbours(music / "huge.mp3", "-k", 20)) == 10
    for query in (music / "control.flac", music / "huge.flac"):
        result = earshot.similar(query, "-k", 20)
        assert result.status == 0
        assert b"\x1b" not in result.out
    lines = earshot.similar(music / "huge.mp3", "-k", 20, "--m3u").out.splitlines()
    assert len(lines) == 2 + 2 * 10


# Folders


def test_a_missing_folder(earshot: Commands, music: Path) -> None:
    result = earshot.build(music, music / "nonesuch")
    assert result.status == 2
    assert (
        f"{music / 'nonesuch'} cannot be scanned: No such file or directory. "
        "Is its drive mounted, its name spelt right?"
    ) in result.err


def test_a_folder_without_audio(earshot: Commands, music: Path) -> None:
    (music / "cover.jpg").write_bytes(noise())
    result = earshot.build(music, "--json")
    assert result.status == 1
    assert f"No usable audio in {music}." in result.err
    assert (result.json["tracks"], result.json["index"]) == (0, None)
    (music / "text.mp3").write_text("words")
    result = earshot.build(music)
    assert result.status == 1
    assert "text.mp3 is not readable as audio" in result.err
    assert "No usable audio" in result.err


def test_a_library_gone_empty_is_kept(earshot: Commands, music: Path, tmp_path: Path) -> None:
    write(music / "a.flac", tune(1))
    write(music / "b.flac", tune(2))
    earshot.build_json(music)
    music.rename(tmp_path / "unmounted")
    music.mkdir()
    done = earshot.build_json(music)
    assert (done["tracks"], done["removed"]) == (2, 0)
    assert "is empty; its 2 tracks were left as they are" in done["problems"][0]
    assert len(earshot.neighbours("a")) == 1


def test_permissions(home: Path, music: Path) -> None:
    """What may not be read is named, and costs nothing else."""
    write(music / "open.flac", tune(1))
    locked = [write(music / "locked.flac", tune(2)), write(music / "cellar" / "a.flac", tune(3))]
    try:
        locked[0].chmod(0)
        locked[1].parent.chmod(0)
        process = start("build", music, "--home", home, "--json", before=OBEY_PERMISSIONS)
        result = finish(process)
    finally:
        locked[1].parent.chmod(0o755)
    assert result.status == 0
    report = result.json
    assert report["tracks"] == 1
    assert (report["failures"], report["unavailable"]) == ([], 1)
    assert report["problems"] == [
        f"{music / 'cellar'}: The folder cannot be read: Permission denied.",
        f"{locked[0]} cannot be read: Permission denied.",
    ]
    result = finish(start("build", music, "--home", home, "--json"))  # unasked
    assert (result.json["tracks"], result.json["unavailable"]) == (3, 0)


# Homes


@pytest.mark.parametrize("home", ["{}/file/home", "/proc/earshot"])
def test_a_home_that_cannot_be_made(
    earshot: Commands, music: Path, tmp_path: Path, home: str
) -> None:
    (tmp_path / "file").write_text("not a folder")
    write(music / "a.flac", tune(1))
    earshot.home = Path(home.format(tmp_path))
    result = earshot.build(music)
    assert result.status == 1
    assert f"The home {earshot.home} cannot be made: " in result.err
    assert "Choose another one." in result.err
    result = earshot.similar("a")
    assert result.status == 1
    assert f"run `earshot build --home {earshot.home}` first" in result.err


def test_a_home_that_may_not_be_written(earshot: Commands, music: Path, tmp_path: Path) -> None:
    write(music / "a.flac", tune(1))
    write(music / "b.flac", tune(2))
    earshot.build_json(music)
    before = earshot.neighbours("a")
    empty = tmp_path / "empty"
    empty.mkdir()
    for folder in (empty, earshot.home):
        folder.chmod(0o555)
        try:
            process = start("build", music, "--home", folder, before=OBEY_PERMISSIONS)
            result = finish(process)
        finally:
            folder.chmod(0o755)
        assert result.status == 1
        assert str(folder) in result.err
        assert "cannot be opened" in result.err
        assert result.out == b""
    assert earshot.build_json(music)["unchanged"] == 2
    assert earshot.neighbours("a") == before


def test_a_home_of_a_newer_version(earshot: Commands, music: Path) -> None:
    write(music / "a.flac", tune(1))
    earshot.build_json(music)
    path = earshot.home / "catalogue.db"
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("UPDATE earshot_schema SET version_num = '9999'")
    with closing(sqlite3.connect(path)) as database:
        before = list(database.iterdump())
    for result in (earshot.build(music), earshot.similar("a")):
        assert result.status == 1
        assert "was written by a newer version of Earshot" in result.err
        assert "nothing was changed" in result.err
        assert "Update Earshot, or choose another home." in result.err
    with closing(sqlite3.connect(path)) as database:
        assert list(database.iterdump()) == before


def test_a_home_whose_catalogue_is_no_catalogue(earshot: Commands, music: Path) -> None:
    write(music / "a.flac", tune(1))
    (earshot.home / "catalogue.db").write_text("my shopping list\n" * 500)
    result = earshot.build(music)
    assert result.status == 1
    assert "is damaged or is not a catalogue; nothing was changed" in result.err
    assert (earshot.home / "catalogue.db").read_text().startswith("my shopping list")


@pytest.mark.parametrize("text", ["home = ", "colour = 'red'", "database = 'nonesuch:/'"])
def test_settings_that_say_nothing(earshot: Commands, music: Path, text: str) -> None:
    (earshot.home / "earshot.toml").write_text(text)
    for result in (earshot.build(music), earshot.similar("a")):
        assert result.status in (1, 2)
        assert result.err.count("\n") == 1


# A full disk


def test_a_full_disk(earshot: Commands, music: Path, tmp_path: Path, weights: Path) -> None:
    with small_disk(tmp_path / "disk", "1m") as disk:
        earshot.home = make_home(disk / "home", weights)
        for number in range(3):
            write(music / f"song {number}.flac", tune(number))
        earshot.build_json(music)
        before = earshot.neighbours("song 0")
        ids = {path: track.id for path, track in rows(earshot.home).items()}
        for number in range(3, 9):
            write(music / f"song {number}.flac", tune(number))
        failed = 0
        for free in (0, 40_000, 80_000, 120_000, 200_000):
            fill(disk, but=free)
            result = earshot.build(music)
            if result.status:
                failed += 1
                assert result.status == 4
                assert "full" in result.err or "No space left on device" in result.err
                (disk / "filled").unlink()
                assert [row for row in earshot.neighbours("song 0") if row in before]
        assert failed >= 2
        answer = earshot.neighbours("song 0")
        fill(disk, but=45_000)  # enough for the database, not for a projection
        result = earshot.build(music, "--refit")
        assert result.status == 4
        assert "cannot be written: No space left on device." in result.err
        assert earshot.neighbours("song 0") == answer
        (disk / "filled").unlink()
        done = earshot.build_json(music)
        assert (done["tracks"], done["failed"], done["index"]["ntotal"]) == (9, 0, 9)
        assert ids.items() <= {path: track.id for path, track in rows(earshot.home).items()}.items()
        assert not list(earshot.home.glob("*.tmp")) + list(earshot.home.glob(".*.saving"))


def test_files_that_cannot_grow(earshot: Commands, music: Path) -> None:
    """A limit on the size of files stands in for a full disk where none can be mounted."""
    write(music / "song 0.flac", tune(0))
    earshot.build_json(music)
    ids = {path: track.id for path, track in rows(earshot.home).items()}
    for number in range(1, 4):
        write(music / f"song {number}.flac", tune(number))
    process = start(
        "build",
        *(music, "--home", earshot.home),
        before="import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))",
    )
    result = finish(process)
    assert result.status == 4
    assert "cannot be written" in result.err
    done = earshot.build_json(music)
    assert (done["tracks"], done["failed"]) == (4, 0)
    assert ids.items() <= {path: track.id for path, track in rows(earshot.home).items()}.items()
