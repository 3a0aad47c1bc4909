"""Albums in one file with a cue sheet are tracks: which, where, and by what names."""

from __future__ import annotations

import os
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import mutagen
import pytest
from audio_files import inspect, make_audio
from mutagen.flac import CueSheet as FlacBlock
from mutagen.flac import CueSheetTrack, CueSheetTrackIndex

from recsys.catalog import Catalog
from recsys.library.album_images import find_sheets, written_of
from recsys.library.cue_sheets import CueError, parts_of, read_sheet
from recsys.library.file_tags import TagReader
from recsys.library.identification import ScanOptions, ScanSummary, identify
from recsys.library.scanning import scan
from recsys.library.tag_encoding import decide
from recsys.library.written_tags import WrittenTags

SECONDS = 3.0


def cue(*begins: str, file: str = "album.flac", kind: str = "WAVE", head: str = "") -> str:
    """A sheet with a track at each of the times (MM:SS:FF)."""
    lines = [head or 'PERFORMER "Ann"\nTITLE "Rain"\nREM DATE 1999\nREM GENRE "Folk"']
    lines.append(f'FILE "{file}" {kind}')
    for number, begin in enumerate(begins, start=1):
        lines += [f"  TRACK {number:02d} AUDIO", f'    TITLE "Song {number}"']
        lines += [f"    INDEX 01 {begin}"]
    return "\n".join(lines) + "\n"


TWO = cue("00:00:00", "00:01:00")


def build(catalog: Catalog, folder: Path, **options: bool) -> ScanSummary:
    return identify(catalog, scan([folder]), inspect, options=ScanOptions(**options))


def heard(catalog: Catalog) -> list[tuple[str, float, float]]:
    """Title, begin and length of what is there, as it is played."""
    tracks = sorted(catalog.available_tracks(), key=lambda track: (track.path, track.part))
    return [(t.title, round(t.begin, 3), round(t.duration or 0, 3)) for t in tracks]


def image(folder: Path, sheet: str | bytes | None = TWO, name: str = "album.flac") -> Path:
    path = make_audio(folder / name, 300, SECONDS)
    if sheet is not None:
        data = sheet.encode() if isinstance(sheet, str) else sheet
        path.with_suffix(".cue").write_bytes(data)
    return path


def test_a_sheet_names_tracks_and_their_places(catalog: Catalog, tmp_path: Path) -> None:
    sheet = (
        'PERFORMER "Various Artists"\r\nTITLE "Rain and \'Sun\' "live""\r\nREM GENRE Folk\r\n'
        'REM DATE 1999\r\nREM DISCNUMBER 2\r\nCATALOG 123\r\nFILE "album.flac" WAVE\r\n'
        '  TRACK 01 AUDIO\r\n    TITLE "One"\r\n    PERFORMER "Ann"\r\n    ISRC DEA459900001\r\n'
        "    FLAGS DCP\r\n    PREGAP 00:02:00\r\n    INDEX 01 00:00:00\r\n    INDEX 02 00:00:40\r\n"
        '  TRACK 02 AUDIO\r\n    TITLE "Two"\r\n    PERFORMER "Bob"\r\n    REM DATE 2001\r\n'
        "    INDEX 00 00:01:00\r\n    INDEX 01 00:01:15\r\n"
    )
    image(tmp_path / "music", sheet)
    summary = build(catalog, tmp_path)
    assert summary.new == 2
    assert summary.remarks == ("1 album in one file is 2 tracks now, by its cue sheet.",)
    one, two = catalog.available_tracks()
    assert (one.title, one.artist, one.album_artist) == ("One", "Ann", "Various Artists")
    assert (one.album, one.track_number, one.disc_number) == ("Rain and 'Sun' \"live\"", 1, 2)
    assert (one.isrc, one.year, one.genres, one.guessed) == ("DEA459900001", 1999, ("Folk",), ())
    assert (two.title, two.artist, two.year, two.isrc) == ("Two", "Bob", 2001, None)
    assert heard(catalog) == [("One", 0.0, 1.2), ("Two", 1.2, 1.8)]
    assert one.audio_hash != two.audio_hash
    assert build(catalog, tmp_path) == ScanSummary(unchanged=2)


@pytest.mark.parametrize(
    ("data", "title"),
    [
        (TWO.replace("Song", "Песня").encode(), "Песня 1"),
        (TWO.replace("Song", "Песня").encode("utf-8-sig"), "Песня 1"),
        (TWO.replace("Song", "Песня").encode("utf-16"), "Песня 1"),
        (
            TWO.replace("Song", "Группа крови на рукаве").encode("cp1251"),
            "Группа крови на рукаве 1",
        ),
        (TWO.replace("Song", "日本の歌の表").encode("cp932"), "日本の歌の表 1"),  # a byte "\"
        (TWO.replace("Song", "Çirkin Adım").encode("cp1252", "replace"), "Çirkin Ad?m 1"),
        (TWO.replace("\n", "\r").encode(), "Song 1"),
        (TWO.lower().replace("song", "\tSong").encode(), "Song 1"),
    ],
)
def test_sheets_in_any_encoding(data: bytes, title: str) -> None:
    sheet = read_sheet(data).of_file(0)
    tags = [written_of(number, WrittenTags({}), sheet) for number in (1, 2)]
    encodings = decide([one.undeclared for one in tags])
    read = [TagReader(encodings=encodings).tags(Path("/a.flac"), one) for one in tags]
    assert [one.title for one in read] == [title, title[:-1] + "2"]


@pytest.mark.parametrize(
    ("file", "named", "cue_name"),
    [
        ("album.flac", "album.wav", "album.cue"),  # converted since
        ("Album.FLAC", "album.flac", "x.cue"),
        ("album.flac", "C:\\Rips\\album.wav", "x.cue"),
        ("album.flac", "CDImage.wav", "album.cue"),  # renamed since
        ("album.flac", "CDImage.wav", "album.flac.cue"),
        ("Ré.flac", "Re\u0301.wav", "x.cue"),
        ("disc/album.flac", "disc/album.flac", "x.cue"),
    ],
)
def test_the_file_of_a_sheet_is_found(tmp_path: Path, file: str, named: str, cue_name: str) -> None:
    path = tmp_path / file
    path.parent.mkdir(exist_ok=True)
    path.touch()
    (tmp_path / cue_name).write_text(cue("00:00:00", "00:01:00", file=named))
    found = scan([tmp_path])
    assert list(found.sheets.by_file) == [path]
    assert found.left_out.total == 0


def test_sheets_that_make_no_tracks_are_counted_with_the_reason(
    catalog: Catalog, tmp_path: Path
) -> None:
    broken = {
        "gone": cue("00:00:00", "00:01:00", file="elsewhere.wav"),
        "image": cue("00:00:00", "00:01:00", file="cd.bin", kind="BINARY"),
        "late": cue("00:00:00", "00:09:00", file="late.flac"),
        "back": cue("00:02:00", "00:01:00", file="back.flac"),
        "frames": cue("00:00:00", "00:01:75", file="frames.flac"),
        "twice": cue("00:00:00", "00:01:00", file="twice.flac").replace("TRACK 02", "TRACK 01"),
        "words": "These are no tracks.",
        "noise": bytes(range(256)) * 4,
        "large": b" " * (1 << 21),
    }
    for name, data in broken.items():
        (tmp_path / name).mkdir()
        sheet = data.encode() if isinstance(data, str) else data
        (tmp_path / name / f"{name}.cue").write_bytes(sheet)
        if name in ("late", "back", "frames", "twice"):
            make_audio(tmp_path / name / f"{name}.flac", 300, SECONDS)
    summary = build(catalog, tmp_path)
    assert summary.new == 4
    assert {track.part for track in catalog.available_tracks()} == {0}
    said = [sentence.replace(str(tmp_path), "") for sentence in summary.remarks]
    assert said == [
        "3 cue sheets were not used: not readable as a cue sheet. The first: /large/large.cue.",
        "1 cue sheet was not used: of an audio file that is not there. /gone/gone.cue.",
        "1 cue sheet was not used: of an image of a disc (such as .bin), which is not read. "
        "/image/image.cue.",
        "4 cue sheets were not used: times that contradict each other or the length of the file. "
        "The first: /back/back.cue.",
    ]
    assert build(catalog, tmp_path).remarks == summary.remarks


def test_files_of_one_track_each_stay_what_they_are(catalog: Catalog, tmp_path: Path) -> None:
    """Also where the pause before a track is at the end of the file of the one before it."""
    for number in (1, 2):
        make_audio(tmp_path / f"{number:02d}.flac", 200 * number, 1.0)
    (tmp_path / "album.cue").write_text(
        'FILE "01.wav" WAVE\n TRACK 01 AUDIO\n  INDEX 01 00:00:00\n TRACK 02 AUDIO\n'
        '  INDEX 00 00:00:70\nFILE "02.wav" WAVE\n  INDEX 01 00:00:00\n'
    )
    (tmp_path / "left over.cue").write_text(cue("00:00:00", "00:01:00", file="image.wav"))
    summary = build(catalog, tmp_path)
    assert (summary.new, summary.remarks) == (2, ())


def test_no_track_is_there_twice(catalog: Catalog, tmp_path: Path) -> None:
    image(tmp_path)
    for number in (1, 2):
        make_audio(tmp_path / f"{number:02d} - Song {number}.flac", 200 * number, 1.0)
    summary = build(catalog, tmp_path)
    assert summary.remarks[0].startswith(
        "1 cue sheet was not used: of an album whose tracks lie beside it as files of their own. "
    )
    assert {track.part for track in catalog.available_tracks()} == {0}


def test_several_albums_in_a_folder_and_several_files_in_a_sheet(
    catalog: Catalog, tmp_path: Path
) -> None:
    for name in ("01.flac", "02.flac"):
        make_audio(tmp_path / name, 300, SECONDS)
    sides = (
        'FILE "01.flac" WAVE\n TRACK 01 AUDIO\n  INDEX 01 00:00:00\n TRACK 02 AUDIO\n'
        '  INDEX 01 00:01:00\nFILE "02.flac" WAVE\n TRACK 03 AUDIO\n  INDEX 01 00:00:00\n'
        " TRACK 04 AUDIO\n  INDEX 01 00:02:00\n"
    )
    (tmp_path / "sides.cue").write_text(sides)
    build(catalog, tmp_path)
    tracks = sorted(catalog.available_tracks(), key=lambda track: track.track_number or 0)
    assert [(t.path.name, t.track_number, round(t.duration or 0)) for t in tracks] == [
        ("01.flac", 1, 1),
        ("01.flac", 2, 2),
        ("02.flac", 3, 2),
        ("02.flac", 4, 1),
    ]
    assert [(track.title, track.guessed) for track in tracks[:1]] == [
        ("Track 1", ("title", "album"))
    ]


def test_data_and_what_is_before_the_first_track_are_said(catalog: Catalog, tmp_path: Path) -> None:
    path = make_audio(tmp_path / "album.wav", 300, 13.0)
    path.with_suffix(".cue").write_text(
        'FILE "album.wav" WAVE\n TRACK 01 AUDIO\n  INDEX 00 00:00:00\n  INDEX 01 00:10:30\n'
        " TRACK 02 AUDIO\n  INDEX 01 00:11:00\n TRACK 03 MODE1/2352\n  INDEX 01 00:12:00\n"
    )
    summary = build(catalog, tmp_path)
    assert summary.remarks[1:] == (
        "1 of them has 10 s or more before the first track, which are in no track.",
        "1 cue sheet names data, left out.",
    )
    assert [track[1:] for track in heard(catalog)] == [(10.4, 0.6), (11.0, 1.0)]


@pytest.mark.parametrize("where", ["tag", "block"])
def test_sheets_inside_files(catalog: Catalog, tmp_path: Path, where: str) -> None:
    path = make_audio(tmp_path / "Ann" / "Rain.flac", 300, SECONDS)
    file = mutagen.File(path)
    if where == "tag":
        file["CUESHEET"] = TWO.replace("Rain", "Sun")
    else:
        block = FlacBlock(None)
        for number, begin in ((1, 0), (2, 40000), (170, 144000)):
            track = CueSheetTrack(number, begin, isrc=b"DEA459900001" if number == 2 else b"")
            track.indexes.append(CueSheetTrackIndex(1, 8000 if number == 2 else 0))
            block.tracks.append(track)
        file.metadata_blocks.append(block)
    file["ALBUM"], file["TITLE"] = "Rain", "The album"
    file.save()
    build(catalog, tmp_path)
    one, two = catalog.available_tracks()
    assert (one.begin, two.begin, two.track_number) == (0.0, 1.0, 2)
    if where == "tag":
        assert (one.title, one.album) == ("Song 1", "Sun")
    else:
        assert (one.title, one.album, one.artist, two.isrc) == (
            *("Track 1", "Rain", "Ann", "DEA459900001"),
        )
        assert "title" in one.guessed
    assert build(catalog, tmp_path, reread_tags=True) == ScanSummary(unchanged=2)


# Over time


def ids(catalog: Catalog) -> dict[str, int]:
    return {track.title: track.id for track in catalog.available_tracks()}


def test_moved_and_renamed_albums_are_known_again(catalog: Catalog, tmp_path: Path) -> None:
    path = image(tmp_path / "a")
    build(catalog, tmp_path)
    before = ids(catalog)
    (tmp_path / "b").mkdir()
    path.with_suffix(".cue").rename(tmp_path / "b" / "new.cue")
    path.rename(tmp_path / "b" / "new.flac")
    assert build(catalog, tmp_path).moved == 2
    assert ids(catalog) == before


def test_the_whole_file_gives_way_to_its_tracks_and_comes_back(
    catalog: Catalog, tmp_path: Path
) -> None:
    path = image(tmp_path, sheet=None)
    build(catalog, tmp_path)
    (whole,) = catalog.available_tracks()
    path.with_suffix(".cue").write_text(TWO)
    summary = build(catalog, tmp_path)
    assert (summary.new, summary.removed, summary.unchanged) == (2, 0, 0)
    assert summary.remarks == (
        "1 album in one file is 2 tracks now, by its cue sheet.",
        "1 of them was one track before. Its plays, likes and places in playlists stay with that "
        "track: it is back when its cue sheet is gone.",
    )
    one, two = catalog.available_tracks()
    assert catalog.tracks([whole.id])[0].removed
    assert build(catalog, tmp_path) == ScanSummary(unchanged=2)
    path.with_suffix(".cue").write_text(TWO.replace("Song", "Piece"))
    assert build(catalog, tmp_path).changed == 2
    assert ids(catalog) == {"Piece 1": one.id, "Piece 2": two.id}
    path.with_suffix(".cue").unlink()
    assert build(catalog, tmp_path).restored == 1
    assert [track.id for track in catalog.available_tracks()] == [whole.id]
    path.with_suffix(".cue").write_text(TWO)
    assert build(catalog, tmp_path).restored == 2
    path.rename(tmp_path.parent / path.name)  # away, and back
    assert build(catalog, tmp_path).removed == 2
    (tmp_path.parent / path.name).rename(path)
    assert build(catalog, tmp_path) == ScanSummary(restored=2)
    assert sorted(ids(catalog).values()) == [one.id, two.id]


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="Linux has a file that fails")
def test_a_sheet_that_cannot_be_read_for_the_moment_changes_nothing(
    catalog: Catalog, tmp_path: Path
) -> None:
    path = image(tmp_path / "rain")
    make_audio(tmp_path / "song.flac", 500)
    build(catalog, tmp_path)
    before, sheet = ids(catalog), path.with_suffix(".cue")
    sheet.rename(tmp_path / "away")
    sheet.symlink_to("/proc/self/mem")  # reading fails as from a broken disk
    summary = build(catalog, tmp_path)
    assert summary.unavailable == (f"{sheet} cannot be read: Input/output error.",)
    assert (summary.unchanged, summary.removed, summary.remarks) == (3, 0, ())
    assert ids(catalog) == before
    sheet.unlink()
    (tmp_path / "away").rename(sheet)
    assert build(catalog, tmp_path) == ScanSummary(unchanged=3)


def test_a_pipe_called_after_a_sheet_is_not_opened(catalog: Catalog, tmp_path: Path) -> None:
    path = image(tmp_path, sheet=None)
    os.mkfifo(path.with_suffix(".cue"))
    assert build(catalog, tmp_path).new == 1


def test_a_damaged_album_keeps_its_tracks(catalog: Catalog, tmp_path: Path) -> None:
    path = image(tmp_path)
    build(catalog, tmp_path)
    before, content = ids(catalog), path.read_bytes()
    path.write_bytes(b"fLaC" + b"?" * 100)
    assert build(catalog, tmp_path).failed == 2
    path.write_bytes(content)
    assert build(catalog, tmp_path).changed == 2
    assert ids(catalog) == before
    assert [track[2] for track in heard(catalog)] == [1.0, 2.0]


def test_a_sheet_inside_is_found_in_a_home_of_an_earlier_version(
    catalog: Catalog, tmp_path: Path
) -> None:
    path = make_audio(tmp_path / "album.flac", 300, SECONDS)
    file = mutagen.File(path)
    file["CUESHEET"] = TWO
    file.save()
    make_audio(tmp_path / "song.flac", 500)
    build(catalog, tmp_path)
    as_it_was(catalog)
    opened: list[Path] = []

    def noting(paths: object) -> object:
        paths = list(paths)  # type: ignore[call-overload]
        opened.extend(paths)
        return inspect(paths)

    identify(catalog, scan([tmp_path]), noting)  # type: ignore[arg-type]
    both = [path, tmp_path / "song.flac"]
    assert (opened, len(ids(catalog))) == (both, 3)
    identify(catalog, scan([tmp_path]), noting)  # type: ignore[arg-type]
    assert opened == both


def as_it_was(catalog: Catalog) -> None:
    """Make whole files of all, as the migrations of a home of version 0010 leave them."""
    with catalog._writing() as session:
        connection = session.connection()
        connection.exec_driver_sql("DELETE FROM tracks WHERE part = 2")
        connection.exec_driver_sql("UPDATE tracks SET part = 0, cue = NULL, mtime_ns = -1")


# Properties


@pytest.mark.parametrize("n", [2, 3, 10, 99])
def test_the_tracks_cover_the_file_from_the_first_one_to_the_end(n: int) -> None:
    begins = [
        f"{t // 4500:02d}:{t // 75 % 60:02d}:{t % 75:02d}" for t in range(31, 31 + 97 * n, 97)
    ]
    parts = parts_of(read_sheet(cue(*begins).encode()).of_file(0), 1000.0)
    assert parts[0].begin == pytest.approx(31 / 75)
    assert parts[-1].begin + parts[-1].duration == pytest.approx(1000.0)
    for one, other in pairwise(parts):
        assert one.begin + one.duration == pytest.approx(other.begin)


def test_any_bytes_are_a_sheet_or_an_error() -> None:
    data = cue("00:00:00", "00:01:00", "00:02:00").encode()
    for place in range(0, len(data), 3):
        for changed in (data[:place], data[:place] + b'\0"\xff' + data[place + 2 :]):
            with suppress(CueError):
                parts_of(read_sheet(changed).of_file(0), SECONDS)
    assert find_sheets([Path("/nowhere.cue")], []).unused
