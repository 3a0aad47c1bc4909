"""The demo library: its music, its files and the people who listen to it."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter, defaultdict
from io import BytesIO
from pathlib import Path

import av
import mutagen
import numpy as np
import pytest

from recsys.demo import DEMO_TRACKS, FEEDBACK, LISTENS, DemoTrack, make_demo_library
from recsys.demo.compose import Song
from recsys.demo.files import audio_file, encode
from recsys.demo.listeners import feedback_lines, listen_lines
from recsys.demo.mix import play
from recsys.demo.styles import ARTISTS, STYLES
from recsys.demo.theory import Chord, chord_scale, nearest, parse_chord, parse_steps, voice

# The first track of every style: among them, all formats.
SOME = tuple({track.artist.style: track for track in reversed(DEMO_TRACKS)}.values())
TWO = tuple(track for track in SOME if track.artist.style in ("chiptune", "baroque"))


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo")
    make_demo_library(folder, workers=2, tracks=SOME)
    return folder


@pytest.fixture(scope="session")
def songs() -> dict[DemoTrack, Song]:
    return {track: track.compose() for track in DEMO_TRACKS}


def decoded(path: Path) -> tuple[np.ndarray, int]:
    """All samples as float32 (channels, n), and their rate."""
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        resampler = av.AudioResampler("fltp", stream.layout, stream.rate)
        frames = [out for frame in container.decode(stream) for out in resampler.resample(frame)]
        return np.concatenate([frame.to_ndarray() for frame in frames], axis=1), stream.rate


def quiet(track: DemoTrack) -> bytes:
    """The track's file with next to no music in it."""
    return audio_file(track, 0.1 * np.ones((2, 4410), dtype=np.float32))


# --- theory ---


@pytest.mark.parametrize(
    ("symbol", "key", "root", "tones"),
    [
        ("I", 0, 0, (0, 4, 7)),
        ("ii7", 0, 2, (0, 3, 7, 10)),
        ("V7b9", 5, 0, (0, 4, 7, 10, 13)),
        ("bVImaj7", 9, 5, (0, 4, 7, 11)),
        ("iiø", 0, 2, (0, 3, 6, 10)),
        ("i5", 4, 4, (0, 7)),
    ],
)
def test_chord_symbols(symbol: str, key: int, root: int, tones: tuple[int, ...]) -> None:
    assert parse_chord(symbol, key) == Chord(root, tones)


@pytest.mark.parametrize("symbol", ["VIII", "Ifoo", "H", ""])
def test_unknown_chord_symbols_are_refused(symbol: str) -> None:
    with pytest.raises(ValueError, match="no such chord"):
        parse_chord(symbol, 0)


def test_steps_hold_and_rest() -> None:
    assert [(s.start, s.length, s.mark) for s in parse_steps("x--. R.o.")] == [
        (0.0, 0.375, "x"),
        (0.5, 0.125, "R"),
        (0.75, 0.125, "o"),
    ]


def test_nearest_pitch() -> None:
    assert nearest((0,), 61) == 60
    assert nearest((0, 7), 66) == 67


def test_scale_bends_to_a_chord_outside_it() -> None:
    white_keys = (0, 2, 4, 5, 7, 9, 11)
    assert chord_scale(white_keys, parse_chord("V7", 9)) == (0, 2, 4, 5, 8, 9, 11)
    assert chord_scale(white_keys, parse_chord("bVII7", 0)) == (0, 2, 4, 5, 7, 8, 10)
    assert chord_scale(white_keys, parse_chord("bVImaj9", 0)) == (0, 2, 3, 5, 7, 8, 10)


def test_tune_rests_on_no_root_below_a_major_seventh() -> None:
    assert parse_chord("I", 0).stable == (0, 4, 7)
    assert parse_chord("Imaj9", 0).stable == (4, 7, 11, 2)


def test_voices_move_little_and_sound_the_chord() -> None:
    first = voice(parse_chord("I", 0), 60)
    second = voice(parse_chord("IV", 0), 60, first)
    assert {pitch % 12 for pitch in second} == {5, 9, 0}
    assert sum(min(abs(p - q) for q in first) for p in second) <= 3


# --- compositions ---


def test_library_is_large_and_varied() -> None:
    assert len(DEMO_TRACKS) >= 60
    assert len({track.path for track in DEMO_TRACKS}) == len(DEMO_TRACKS)
    assert len({track.title for track in DEMO_TRACKS}) == len(DEMO_TRACKS)
    assert len(STYLES) >= 6
    assert Counter(artist.style for artist in ARTISTS) == dict.fromkeys(STYLES, 3)
    assert {1, 2} == {len(artist.albums) for artist in ARTISTS}
    assert {track.album.format for track in DEMO_TRACKS} == {"mp3", "flac", "opus", "m4a", "wav"}


def test_songs_last_20_to_40_seconds(songs: dict[DemoTrack, Song]) -> None:
    assert all(20 <= song.seconds <= 40 for song in songs.values())


def test_notes_lie_in_the_song_and_in_hearing(songs: dict[DemoTrack, Song]) -> None:
    for track, song in songs.items():
        for part in song.parts:
            assert part.notes, (track.title, part.layer.sound)
            for note in part.notes:
                assert 0 <= note.start < song.seconds
                assert note.seconds > 0
                assert note.velocity > 0
                if part.layer.plays not in ("hits", "bed"):
                    assert 24 <= note.pitch <= 100, (track.title, part.layer.sound)


def test_tracks_of_an_artist_differ(songs: dict[DemoTrack, Song]) -> None:
    notes = {song.parts for song in songs.values()}
    assert len(notes) == len(songs)


def test_composing_again_gives_the_same_song(songs: dict[DemoTrack, Song]) -> None:
    assert all(track.compose() == song for track, song in songs.items())


# --- files ---


def test_files_decode_to_sound_without_faults(library: Path) -> None:
    for track in SOME:
        waveform, rate = decoded(library / track.path)
        assert 20 <= waveform.shape[1] / rate <= 40
        assert np.isfinite(waveform).all()
        assert 0.2 < np.abs(waveform).max() < 1, track.title
        assert -30 < 20 * np.log10(np.sqrt(np.mean(waveform**2))) < -8, track.title
        seconds = waveform[:, : waveform.shape[1] // rate * rate].reshape(-1, rate)
        assert np.abs(seconds).max(axis=1).min() > 1e-3, f"{track.title} falls silent"
        assert np.abs(waveform[:, -rate // 100 :]).max() < 0.05, f"{track.title} breaks off"


def test_waveform_has_no_offset_and_uses_both_sides() -> None:
    waveform = play(TWO[0].compose())
    assert abs(float(waveform.mean())) < 1e-2
    assert np.corrcoef(waveform)[0, 1] < 0.999


@pytest.mark.parametrize("file_format", ["mp3", "flac", "opus", "m4a", "wav"])
def test_tags_of_each_format(file_format: str, tmp_path: Path) -> None:
    for track in (track for track in DEMO_TRACKS if track.album.format == file_format):
        path = tmp_path / f"track.{file_format}"
        path.write_bytes(quiet(track))
        decoded(path)
        tags = read_tags(path)
        assert tags == {
            "title": track.title,
            "artist": track.artist.name,
            "albumartist": track.artist.name,
            "album": track.album.title,
            "track": (track.number, len(track.album.tracks)),
            "year": str(track.album.year),
            "genres": list(track.genres),
            "recording": track.recording_id,
            "cover": track.album.cover,
        }


def read_tags(path: Path) -> dict[str, object]:
    """What mutagen reads, in one form for all formats."""
    file = mutagen.File(path)
    if path.suffix == ".m4a":
        recording = file.get("----:com.apple.iTunes:MusicBrainz Track Id")
        return {
            "title": file["\xa9nam"][0],
            "artist": file["\xa9ART"][0],
            "albumartist": file["aART"][0],
            "album": file["\xa9alb"][0],
            "track": file["trkn"][0],
            "year": file["\xa9day"][0],
            "genres": file["\xa9gen"],
            "recording": recording and bytes(recording[0]).decode(),
            "cover": is_png(bytes(file["covr"][0])) if "covr" in file else False,
        }
    if path.suffix in (".flac", ".opus"):
        pictures = [p.data for p in file.pictures] if path.suffix == ".flac" else []
        pictures += file.get("metadata_block_picture", [])
        return {
            **{name: file[name][0] for name in ("title", "artist", "albumartist", "album")},
            "track": (int(file["tracknumber"][0]), int(file["tracktotal"][0])),
            "year": file["date"][0],
            "genres": file["genre"],
            "recording": file.get("musicbrainz_trackid", [None])[0],
            "cover": bool(pictures),
        }
    recording = file.tags.get("UFID:http://musicbrainz.org")
    covers = file.tags.getall("APIC")
    return {
        "title": str(file.tags["TIT2"]),
        "artist": str(file.tags["TPE1"]),
        "albumartist": str(file.tags["TPE2"]),
        "album": str(file.tags["TALB"]),
        "track": tuple(map(int, str(file.tags["TRCK"]).split("/"))),
        "year": str(file.tags["TDRC"]),
        "genres": file.tags["TCON"].genres,
        "recording": recording and recording.data.decode(),
        "cover": is_png(covers[0].data) if covers else False,
    }


def is_png(data: bytes) -> bool:
    with av.open(BytesIO(data)) as container:
        return next(container.decode(video=0)).width > 0


def test_some_files_carry_recording_ids_in_every_tagged_format() -> None:
    identified = [track for track in DEMO_TRACKS if track.recording_id]
    assert {track.album.format for track in identified} == {"mp3", "flac", "opus", "m4a"}
    assert len({track.recording_id for track in identified}) == len(identified) < 20


def test_encoders_write_nothing_that_changes() -> None:
    waveform = np.random.default_rng(0).uniform(-0.5, 0.5, (2, 22050)).astype(np.float32)
    for file_format in ("mp3", "flac", "opus", "m4a", "wav"):
        first = encode(waveform, file_format)
        time.sleep(1.1 if file_format == "m4a" else 0)  # its header has room for the time
        assert encode(waveform, file_format) == first


# --- making the library ---


def test_number_of_workers_changes_nothing(library: Path, tmp_path: Path) -> None:
    make_demo_library(tmp_path, workers=1, tracks=TWO)
    for track in TWO:
        assert (tmp_path / track.path).read_bytes() == (library / track.path).read_bytes()
    for name in (LISTENS, FEEDBACK):
        assert (tmp_path / name).read_bytes() == (library / name).read_bytes()


def test_second_call_does_nothing(library: Path) -> None:
    def times() -> dict[Path, int]:
        return {path: path.stat().st_mtime_ns for path in library.rglob("*")}

    before = times()
    calls: list[tuple[int, int]] = []
    make_demo_library(library, tracks=SOME, progress=lambda *counts: calls.append(counts))
    assert times() == before
    assert calls == [(len(SOME), len(SOME))]


def test_killed_call_is_continued(library: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from recsys.demo import *\n"
        "tracks = [DEMO_TRACKS[int(n)] for n in sys.argv[2:]]\n"
        "make_demo_library(Path(sys.argv[1]), workers=1, tracks=tracks)"
    )
    numbers = [str(DEMO_TRACKS.index(track)) for track in SOME]
    command = [sys.executable, "-c", code, str(tmp_path), *numbers]
    process = subprocess.Popen(command, start_new_session=True)
    deadline = time.monotonic() + 60
    while not any((tmp_path / track.path).exists() for track in SOME):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    there = [track for track in SOME if (tmp_path / track.path).exists()]
    assert 0 < len(there) < len(SOME)
    for track in there:
        assert (tmp_path / track.path).read_bytes() == (library / track.path).read_bytes()
    for track in SOME[2:]:  # the rest would only take time
        shutil.copytree((library / track.path).parent, (tmp_path / track.path).parent)

    calls: list[tuple[int, int]] = []
    make_demo_library(tmp_path, tracks=SOME, progress=lambda *counts: calls.append(counts))
    assert calls[-1] == (len(SOME), len(SOME))
    for track in SOME:
        assert (tmp_path / track.path).read_bytes() == (library / track.path).read_bytes()
    assert (tmp_path / LISTENS).exists()


def test_another_version_is_made_anew(library: Path, tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    track = TWO[0]
    outdated, foreign = folder / "Artist/Old/01 Gone.mp3", tmp_path / "mine.mp3"
    for path in (outdated, foreign, folder / track.path):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"of another version")
    files = ["Artist/Old/01 Gone.mp3", "../mine.mp3", str(track.path), "never/there.mp3"]
    (folder / ".demo.json").write_text(json.dumps({"version": 0, "files": files}))
    make_demo_library(folder, tracks=[track])
    assert not outdated.exists()
    assert foreign.exists()
    assert (folder / track.path).read_bytes() == (library / track.path).read_bytes()


def test_folder_that_cannot_be_is_an_os_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match=r"demo\.json"):
        make_demo_library(tmp_path / "file" / "demo", tracks=TWO)


def test_file_that_cannot_be_written_is_an_os_error(tmp_path: Path) -> None:
    (tmp_path / TWO[0].artist.name).touch()
    with pytest.raises(OSError) as caught:
        make_demo_library(tmp_path, workers=2, tracks=TWO)
    assert caught.value.filename == str(tmp_path / TWO[0].path)


def test_workers_load_nothing_heavy() -> None:
    code = (
        "import sys, recsys.demo.render\n"
        "print(*{'torch', 'faiss', 'flask', 'sqlalchemy', 'implicit', 'pandas'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


# --- listeners ---


def test_listens_are_of_the_librarys_tracks() -> None:
    tracks = {(track.artist.name, track.title): track for track in DEMO_TRACKS}
    listens = listen_lines()
    assert len(listens) >= 6000
    assert len({listen["user_name"] for listen in listens}) >= 60
    times = [listen["listened_at"] for listen in listens]
    assert times == sorted(times)
    assert times[-1] - times[0] < 367 * 86_400
    for listen in listens:
        metadata = listen["track_metadata"]
        track = tracks[metadata["artist_name"], metadata["track_name"]]
        assert metadata["release_name"] == track.album.title
        assert metadata["additional_info"].get("recording_mbid") == track.recording_id
        assert 20_000 <= metadata["additional_info"]["duration_ms"] <= 40_000


def test_some_tracks_have_not_been_heard_yet() -> None:
    heard = {listen["track_metadata"]["track_name"] for listen in listen_lines()}
    assert 1 <= len(DEMO_TRACKS) - len(heard) <= 10


def test_listeners_have_tastes() -> None:
    styles = {track.title: track.artist.style for track in DEMO_TRACKS}
    tastes: dict[str, Counter[str]] = defaultdict(Counter)
    for listen in listen_lines():
        tastes[listen["user_name"]][styles[listen["track_metadata"]["track_name"]]] += 1
    shares = [taste.most_common(1)[0][1] / taste.total() for taste in tastes.values()]
    assert 0.4 < np.mean(shares) < 0.9
    assert {taste.most_common(1)[0][0] for taste in tastes.values()} == set(STYLES)


def test_feedback_is_of_the_librarys_tracks() -> None:
    tracks = {(track.artist.name, track.title): track for track in DEMO_TRACKS}
    lines = feedback_lines()
    assert {line["score"] for line in lines} == {1, -1}
    for line in lines:
        metadata = line["track_metadata"]
        track = tracks[metadata["artist_name"], metadata["track_name"]]
        assert line["recording_mbid"] == track.recording_id


def test_people_do_the_same_on_every_run(library: Path) -> None:
    lines = [json.loads(line) for line in (library / LISTENS).read_text("utf-8").splitlines()]
    assert lines == listen_lines()
    lines = [json.loads(line) for line in (library / FEEDBACK).read_text("utf-8").splitlines()]
    assert lines == feedback_lines()
