from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import Any

import mutagen
import pytest
from audio_files import ENCODERS, make_audio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mutagen import id3
from mutagen.apev2 import APEv2
from mutagen.flac import Picture
from mutagen.mp4 import MP4Cover

from recsys.catalog import Tags
from recsys.library.file_tags import TagReader, read_tags
from recsys.library.name_guesses import guess_tags
from recsys.library.written_tags import WrittenTags

MBID = "3c1a9ed0-1b1d-4f9c-8ab0-5d1f2f5a5d37"
RELEASE = "8d1f2f5a-9ed0-4f9c-8ab0-3c1a5d371b1d"
WANTED = Tags(
    title="Sinnerman",
    artist="Nina Simone",
    album_artist="Nina Simone & Band",
    album="Pastel Blues",
    track_number=10,
    disc_number=2,
    year=1965,
    genres=("Jazz", "Soul"),
    recording_mbid=MBID,
    isrc="USPR36507810",
    has_cover=True,
    bpm=120.0,
    artists=("Nina Simone",),
    compilation=True,
    album_mbid=RELEASE,
)
VORBIS = {
    "title": ["Sinnerman"],
    "artist": ["Nina Simone"],
    "albumartist": ["Nina Simone & Band"],
    "album": ["Pastel Blues"],
    "tracknumber": ["10/12"],
    "discnumber": ["2"],
    "date": ["1965-10-01"],
    "genre": ["Jazz", "Soul"],
    "isrc": ["US-PR3-65-07810"],
    "musicbrainz_trackid": [MBID.upper()],
    "bpm": ["120"],
    "compilation": ["1"],
    "musicbrainz_albumid": [RELEASE],
}
ID3 = [
    id3.TIT2(text="Sinnerman"),
    id3.TPE1(text="Nina Simone"),
    id3.TPE2(text="Nina Simone & Band"),
    id3.TALB(text="Pastel Blues"),
    id3.TRCK(text="10/12"),
    id3.TPOS(text="2/2"),
    id3.TDRC(text="1965-10-01"),
    id3.TCON(text=["8", "Soul"]),
    id3.TSRC(text="USPR36507810"),
    id3.UFID(owner="http://musicbrainz.org", data=MBID.encode()),
    id3.APIC(mime="image/png", type=3, data=b"png"),
    id3.TBPM(text="120"),
    id3.TCMP(text="1"),
    id3.TXXX(desc="MusicBrainz Album Id", text=RELEASE),
]
MP4 = {
    "©nam": ["Sinnerman"],
    "©ART": ["Nina Simone"],
    "aART": ["Nina Simone & Band"],
    "©alb": ["Pastel Blues"],
    "trkn": [(10, 12)],
    "disk": [(2, 2)],
    "©day": ["1965-10-01T00:00:00Z"],
    "©gen": ["Jazz", "Soul"],
    "----:com.apple.iTunes:ISRC": [b"USPR36507810"],
    "----:com.apple.iTunes:MusicBrainz Track Id": [MBID.encode()],
    "covr": [MP4Cover(b"png", MP4Cover.FORMAT_PNG)],
    "tmpo": [120],
    "cpil": True,
    "----:com.apple.iTunes:MusicBrainz Album Id": [RELEASE.encode()],
}
ASF = {
    "Title": ["Sinnerman"],
    "Author": ["Nina Simone"],
    "WM/AlbumArtist": ["Nina Simone & Band"],
    "WM/AlbumTitle": ["Pastel Blues"],
    "WM/TrackNumber": [10],
    "WM/PartOfSet": ["2/2"],
    "WM/Year": ["1965"],
    "WM/Genre": ["Jazz", "Soul"],
    "WM/ISRC": ["USPR36507810"],
    "MusicBrainz/Track Id": [MBID],
    "WM/Picture": [b"\x03"],
    "WM/BeatsPerMinute": ["120"],
    "WM/IsCompilation": ["1"],
    "MusicBrainz/Album Id": [RELEASE],
}
APE = {
    "Title": "Sinnerman",
    "Artist": "Nina Simone",
    "Album Artist": "Nina Simone & Band",
    "Album": "Pastel Blues",
    "Track": "10/12",
    "Disc": "2",
    "Year": "1965",
    "Genre": ["Jazz", "Soul"],
    "ISRC": "USPR36507810",
    "MUSICBRAINZ_TRACKID": MBID,
    "Cover Art (Front)": b"cover.png\0png",
    "BPM": "120 BPM",
    "Compilation": "1",
    "MUSICBRAINZ_ALBUMID": RELEASE,
}


def tagged(path: Path, fields: Any) -> Path:
    """Make an audio file and give it tags of its format: ID3 frames, or keys and values."""
    audio = mutagen.File(make_audio(path))
    if audio.tags is None:
        audio.add_tags()
    audio.tags.clear()
    if isinstance(fields, list):
        for frame in fields:
            audio.tags.add(frame)
    else:
        for key, value in fields.items():
            audio.tags[key] = value
    audio.save()
    return path


def test_id3(tmp_path: Path) -> None:
    for suffix in (".mp3", ".wav", ".aiff", ".tta"):
        assert read_tags(tagged(tmp_path / f"x{suffix}", ID3)) == WANTED


def test_older_id3(tmp_path: Path) -> None:
    path = tagged(tmp_path / "x.mp3", ID3)
    tags = id3.ID3(path)
    tags.update_to_v23()
    tags.save(v2_version=3, v23_sep=None)
    assert read_tags(path) == WANTED


def test_id3_version_2_2(tmp_path: Path) -> None:
    def frame(name: bytes, text: str) -> bytes:
        body = b"\0" + text.encode("latin-1")
        return name + len(body).to_bytes(3, "big") + body

    frames = frame(b"TT2", "Sinnerman") + frame(b"TP1", "Nina Simone") + frame(b"TYE", "1965")
    frames += frame(b"TCO", "(8)") + frame(b"TRK", "10/12")
    path = make_audio(tmp_path / "x.mp3")
    id3.ID3(path).delete(path)
    size = bytes([len(frames) >> 21 & 127, len(frames) >> 14 & 127, len(frames) >> 7 & 127])
    header = b"ID3\2\0\0" + size + bytes([len(frames) & 127])
    path.write_bytes(header + frames + path.read_bytes())
    tags = read_tags(path)
    assert (tags.title, tags.artist, tags.year) == ("Sinnerman", "Nina Simone", 1965)
    assert (tags.genres, tags.track_number) == (("Jazz",), 10)


def test_id3_version_1(tmp_path: Path) -> None:
    path = make_audio(tmp_path / "x.mp3")
    id3.ID3(path).delete(path)
    fields = struct.pack(
        "3s30s30s30s4s28sBBB", b"TAG", b"Sinnerman", b"Nina", b"Blues", b"1965", b"", 0, 10, 8
    )
    path.write_bytes(path.read_bytes() + fields)
    tags = read_tags(path)
    assert (tags.title, tags.artist, tags.album) == ("Sinnerman", "Nina", "Blues")
    assert (tags.year, tags.track_number, tags.genres) == (1965, 10, ("Jazz",))


@pytest.mark.parametrize("suffix", [".flac", ".ogg", ".opus"])
def test_vorbis_comments(tmp_path: Path, suffix: str) -> None:
    picture = Picture()
    picture.data = b"png"
    path = tagged(tmp_path / f"x{suffix}", VORBIS)
    audio = mutagen.File(path)
    if suffix == ".flac":
        audio.add_picture(picture)
    else:
        audio["metadata_block_picture"] = ["cG5n"]
    audio.save()
    assert read_tags(path) == WANTED


def test_mp4_asf_and_apev2(tmp_path: Path) -> None:
    assert read_tags(tagged(tmp_path / "x.m4a", MP4)) == WANTED
    assert read_tags(tagged(tmp_path / "x.wma", ASF)) == WANTED
    assert read_tags(tagged(tmp_path / "x.wv", APE)) == WANTED


def test_an_mp3_with_apev2_alone(tmp_path: Path) -> None:
    path = make_audio(tmp_path / "x.mp3")
    id3.ID3(path).delete(path)
    ape = APEv2()
    ape["Title"], ape["Artist"] = "Sinnerman", ["Nina Simone", "Someone"]
    ape.save(path)
    tags = read_tags(path)
    assert (tags.title, tags.artist) == ("Sinnerman", "Nina Simone, Someone")


@pytest.mark.parametrize(
    ("genres", "wanted"),
    [
        (["17"], ("Rock",)),
        (["(17)(8)"], ("Rock", "Jazz")),
        (["(4)Eurodisco"], ("Disco", "Eurodisco")),
        (["Rock; Pop/Soul", "rock", " "], ("Rock", "Pop", "Soul")),
        ([f"genre {i}" for i in range(500)], tuple(f"genre {i}" for i in range(20))),
    ],
)
def test_genres(tmp_path: Path, genres: list[str], wanted: tuple[str, ...]) -> None:
    assert read_tags(tagged(tmp_path / "x.mp3", [id3.TCON(text=genres)])).genres == wanted


@pytest.mark.parametrize(
    ("field", "value", "wanted"),
    [
        ("date", "1965", 1965),
        ("date", "19651001", 1965),
        ("date", "01/10/1965", 1965),
        ("date", "0000-00-00", None),
        ("date", "sixties", None),
        ("bpm", "119.98", 119.98),
        ("bpm", "87,5 bpm", 87.5),
        ("bpm", "0", None),
        ("bpm", "fast", None),
        ("bpm", "1" * 400, None),
        ("originaldate", "1965-01", 1965),
        ("year", "1965", 1965),
        ("tracknumber", "007", 7),
        ("tracknumber", "A1", None),
        ("tracknumber", "99999999999999999999", None),
        ("tracknumber", "-3", None),
        ("track", "3", 3),
        ("disc", "2 of 3", 2),
        ("disc", "CD 2", 2),
        ("track", "Track 03", 3),
        ("musicbrainz_trackid", "no id", None),
        ("musicbrainz_trackid", MBID + "; " + MBID, None),
        ("isrc", "no code", None),
    ],
)
def test_odd_values(tmp_path: Path, field: str, value: str, wanted: float | None) -> None:
    attribute = {
        "date": "year",
        "originaldate": "year",
        "year": "year",
        "tracknumber": "track_number",
        "track": "track_number",
        "disc": "disc_number",
        "musicbrainz_trackid": "recording_mbid",
        "isrc": "isrc",
        "bpm": "bpm",
    }[field]
    assert getattr(read_tags(tagged(tmp_path / "x.flac", {field: [value]})), attribute) == wanted


@pytest.mark.parametrize(
    ("path", "title", "artist", "album", "number"),
    [
        ("Nina Simone/Pastel Blues/10 - Sinnerman", "Sinnerman", "Nina Simone", "Pastel Blues", 10),
        ("Nina Simone/Pastel Blues/10. Sinnerman", "Sinnerman", "Nina Simone", "Pastel Blues", 10),
        ("Nina Simone/Pastel Blues/2-10 Sinnerman", "Sinnerman", "Nina Simone", "Pastel Blues", 10),
        ("Nina_/Blues/10_Sinnerman_(live)", "Sinnerman (live)", "Nina", "Blues", 10),
        ("aa/bb/03 - Nina Simone - Sinnerman", "Sinnerman", "Nina Simone", "bb", 3),
        ("aa/bb/Nina Simone - Sinnerman - live", "Sinnerman - live", "Nina Simone", "bb", None),
        ("aa/bb/7 rings", "7 rings", "aa", "bb", None),
        ("aa/bb/1979", "1979", "aa", "bb", None),
        ("aa/bb/ - ", "-", "aa", "bb", None),
    ],
)
def test_names(path: str, title: str, artist: str, album: str, number: int | None) -> None:
    tags = guess_tags(Path("/music") / f"{path}.mp3", Path("/music"))
    found = {"title": title, "artist": artist, "album": album, "track_number": number}
    assert tags == Tags(
        title,
        artist,
        album=album,
        track_number=number,
        guessed=tuple(name for name, value in found.items() if value),
    )


def test_what_is_missing_comes_from_the_names(tmp_path: Path) -> None:
    path = tagged(tmp_path / "Nina Simone/Pastel Blues/10 Sinnerman.flac", {"title": [" "]})
    assert TagReader(frozenset({tmp_path})).read(path) == Tags(
        "Sinnerman",
        "Nina Simone",
        album="Pastel Blues",
        compilation=False,
        track_number=10,
        guessed=("title", "artist", "album", "track_number"),
    )
    path = make_audio(tmp_path / "Nina Simone/Pastel Blues/10 Sinnerman.mkv")
    assert read_tags(path).title == "Sinnerman"


def test_a_name_that_is_not_utf8(tmp_path: Path) -> None:
    assert read_tags(Path(os.fsdecode(b"/music/caf\xe9.mp3"))).title == "caf\ufffd"


def test_tags_of_megabytes_and_strange_characters(tmp_path: Path) -> None:
    path = tagged(
        tmp_path / "x.mp3", [id3.TIT2(encoding=1, text="la\n" * 400_000), id3.TPE1(text="a\0b")]
    )
    tags = read_tags(path)
    assert tags.title.startswith("la la la")
    assert len(tags.title) <= 1000
    assert tags.artist == "a, b"  # ID3 divides its texts so


@pytest.mark.parametrize("suffix", sorted(ENCODERS))
def test_damaged_files_never_raise(tmp_path: Path, suffix: str) -> None:
    path = make_audio(tmp_path / f"song{suffix}")
    whole = path.read_bytes()
    for content in (b"", b"text", whole[:10], whole[: len(whole) // 2], b"\xff" * 5000):
        path.write_bytes(content)
        assert read_tags(path).title


def test_tags_survive_damage_behind_them(tmp_path: Path) -> None:
    path = tagged(tmp_path / "x.mp3", ID3)
    path.write_bytes(path.read_bytes()[:2000] + b"\0" * 5000)
    assert read_tags(path).title == "Sinnerman"


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(places=st.lists(st.tuples(st.integers(0, 800), st.integers(0, 255)), max_size=20))
def test_flipped_bytes_never_raise(tmp_path: Path, places: list[tuple[int, int]]) -> None:
    for suffix, fields in ((".mp3", ID3), (".flac", VORBIS), (".m4a", MP4), (".wma", ASF)):
        sound = tmp_path / f"sound{suffix}"
        if not sound.exists():
            tagged(sound, fields)
        content = bytearray(sound.read_bytes())
        for place, value in places:
            content[place] = value
        path = tmp_path / f"damaged{suffix}"
        path.write_bytes(content)
        tags = read_tags(path)
        assert all(len(text) <= 1000 for text in (tags.title, tags.artist, *tags.genres))


def test_a_missing_file_has_its_name(tmp_path: Path) -> None:
    assert read_tags(tmp_path / "gone.mp3").title == "gone"


@pytest.mark.parametrize("name", ["Unknown Artist", "<unknown>", "[Unknown]", "Artiste inconnu"])
def test_what_says_that_it_is_unknown_is_no_name(name: str) -> None:
    path = Path("/music/Nina Simone/Pastel Blues/10 Sinnerman.mp3")
    reader = TagReader(roots=frozenset({Path("/music")}))
    tags = reader.tags(path, WrittenTags({"artist": [name], "album": ["Unknown Album"]}))
    assert (tags.artist, tags.album, tags.known_artist) == ("Nina Simone", "Pastel Blues", "")
    bands = reader.tags(path, WrittenTags({"artist": ["Unknown"], "title": ["Unknown Artist"]}))
    assert (bands.artist, bands.title) == ("Unknown", "Unknown Artist")


def test_artists_with_a_semicolon_between_are_several() -> None:
    tags = TagReader().tags(Path("/a.wav"), WrittenTags({"artist": ["Ada; Bix;"]}))
    assert (tags.artist, tags.artists) == ("Ada; Bix;", ("Ada", "Bix"))
