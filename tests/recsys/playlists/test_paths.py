"""Playlists of other systems and players: paths that mean the same file, and other formats."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest
from small_catalog import seen

from recsys.catalog import Catalog, Tags
from recsys.playlists import m3u8, parse, resolve, xspf

NFC = "Björk/Début/01 Jóga.mp3"
FILES = [
    ("Ada/Colours/Blue.mp3", "Blue", "Ada"),
    (NFC, "Jóga", "Björk"),
    ("Bix/CD1/01.mp3", "One", "Bix"),
    ("Cleo/CD1/01.mp3", "Uno", "Cleo"),
    ("Ada/Colours/100% Red.mp3", "100% Red", "Ada"),
    ("#1 Hits.mp3", "Hits", "Dee"),
    ("Кино/Группа крови.mp3", "Группа крови", "Кино"),
    ("Dee/Live/Blue.mp3", "Blue (Live)", "Dee"),
    ("two\nlines.mp3", "Lines", "Eve"),
]


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Catalog]:
    with Catalog(tmp_path / "home") as catalog:
        catalog.record_files(
            [seen(name, tags=Tags(title, artist)) for name, title, artist in FILES]
        )
        yield catalog


def tracks(library: Catalog, data: bytes | str, folder: str = "/music/lists") -> list[int | None]:
    data = data if isinstance(data, bytes) else data.encode()
    return [one.track_id for one in resolve(library, parse(data, Path(folder)), follow_links=False)]


@pytest.mark.parametrize(
    ("line", "number"),
    [
        ("/music/Ada/Colours/Blue.mp3", 1),
        ("/mnt/nas/share/Ada/Colours/Blue.mp3", 1),
        ("C:\\Users\\ann\\Music\\Ada\\Colours\\Blue.mp3", 1),
        ("D:/Ada/Colours/Blue.mp3", 1),
        ("\\\\server\\share\\Ada\\Colours\\Blue.mp3", 1),
        ("..\\Ada\\Colours\\Blue.mp3", 1),
        ("file:///C:/Music/Ada/Colours/Blue.mp3", 1),
        ("file://server/Music/Ada/Colours/Blue.mp3", 1),
        ("/music/ada/COLOURS/blue.MP3", 1),
        ("Ada/Colours/Blue.mp3", 1),
        ("Colours/Blue.mp3", 1),
        ("../" + unicodedata.normalize("NFD", NFC), 2),
        ("/Volumes/Music/" + unicodedata.normalize("NFD", NFC), 2),
        ("../Bj%C3%B6rk/D%C3%A9but/01%20J%C3%B3ga.mp3", 2),
        ("..\\Bj%C3%B6rk\\D%C3%A9but\\01%20J%C3%B3ga.mp3", 2),
        ("X/Bix/CD1/01.mp3", 3),
        ("X/CLEO/CD1/01.mp3", 4),
        ("../Ada/Colours/100% Red.mp3", 5),
        ("../Ada/Colours/100%25%20Red.mp3", 5),
        ("/elsewhere/Colours/100%25 Red.mp3", 5),
        ("/other/CD1/01.mp3", None),
        ("/other/01.mp3", None),
        ("/other/Blue.mp3", None),
        ("http://radio.example/Ada/Colours/Blue.mp3", None),
        ("", None),
    ],
)
def test_paths_that_mean_the_same_file(library: Catalog, line: str, number: int | None) -> None:
    assert tracks(library, f"#EXTM3U\n{line}\n") == ([number] if line else [])
    if line:
        assert tracks(library, f"[playlist]\nFile1={line}\nNumberOfEntries=1\n") == [number]


def test_a_file_whose_name_begins_with_a_number_sign(library: Catalog) -> None:
    data = "#EXTM3U\n#EXTINF:9,Dee - Hits\n#1 Hits.mp3\n# a remark\n#Best of 2019\n"
    assert tracks(library, data, "/music") == [6]


@pytest.mark.parametrize(
    ("info", "number"),
    [
        ("Ada - Blue", 1),
        ("Blue - Ada", 1),
        ("Bix - One", 3),
        ("One - Bix", 3),
        ("Nobody - Else", None),
    ],
)
def test_artist_and_title_in_either_order(library: Catalog, info: str, number: int | None) -> None:
    assert tracks(library, f"#EXTM3U\n#EXTINF:9,{info}\nE:\\lost.mp3\n") == [number]


def test_infos_behind_their_paths(library: Catalog) -> None:
    data = "#EXTM3U\nx1.mp3\n#EXTINF:1,Ada - Blue\nx2.mp3\n#EXTINF:1,Bix - One\n"
    assert tracks(library, data) == [1, 3]
    before = "#EXTM3U\n#EXTINF:1,Ada - Blue\nx1.mp3\n#EXTINF:1,Bix - One\nx2.mp3\nx3.mp3\n"
    assert tracks(library, before) == [1, 3, None]


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "cp1251", "koi8_r"]
)
@pytest.mark.parametrize("form", ["m3u", "pls"])
def test_encodings(library: Catalog, encoding: str, form: str) -> None:
    path = "D:\\Музыка\\Кино\\Группа крови.mp3"
    text = f"#EXTM3U\r\n#EXTINF:1,Кино - Группа крови\r\n{path}\r\n"
    if form == "pls":
        text = f"[playlist]\r\nFile1={path}\r\nTitle1=Кино - Группа крови\r\n"
    assert tracks(library, text.encode(encoding)) == [7]


def test_pls(library: Catalog) -> None:
    data = (
        "[Playlist]\nX-GNOME-Title=Mine\nNumberOfEntries=3\nFile2=../Bix/CD1/01.mp3\n"
        "file1=../Ada/Colours/Blue.mp3\nTitle1=Ada - Blue\nLength1=200\nLength2=-1\n"
        "File10=gone.mp3\nTitle10=Cleo - Uno\nVersion=2\n"
    )
    playlist = parse(data.encode(), Path("/music/lists"))
    assert (playlist.title, [entry.duration for entry in playlist.entries]) == (
        "Mine",
        [200, None, None],
    )
    assert tracks(library, data) == [1, 3, 4]


WPL = """<?wpl version="1.0"?>
<smil><head><meta name="Generator" content="Microsoft Windows Media Player"/>
<title>Mine &amp; yours</title></head>
<body><seq>
<media src="..\\Ada\\Colours\\Blue.mp3" tid="{x}"/>
<media src="gone.mp3" albumTitle="A" albumArtist="Bix" trackTitle="One" trackArtist="Bix"
  duration="200000"/>
<media src="..\\Ada\\Colours\\100% Red.mp3"></media>
</seq></body></smil>"""
ASX = """<ASX version = "3.0"><Title>Mine & yours</Title>
<Entry><Title>Blue</Title><Author>Ada</Author><Ref HREF="C:\\x\\Ada\\Colours\\Blue.mp3"/>
<Duration value="00:03:20"/></Entry>
<entry><ref href = "gone.mp3"><title>One</title><author>Bix</author></entry>
<ENTRYREF href="../Ada/Colours/100% Red.mp3" />
</ASX>"""


@pytest.mark.parametrize("data", [WPL, ASX, "\ufeff" + WPL, ASX.replace("\n", "\r\n")])
def test_wpl_and_asx(library: Catalog, data: str) -> None:
    playlist = parse(data.encode(), Path("/music/lists"))
    assert playlist.title == "Mine & yours"
    assert sorted(entry.duration or 0 for entry in playlist.entries)[-1] == 200
    assert tracks(library, data) == [1, 3, 5]
    assert tracks(library, data.encode("utf-16")) == [1, 3, 5]


def test_the_old_form_of_asx(library: Catalog) -> None:
    assert tracks(library, "[Reference]\r\nRef1=..\\Ada\\Colours\\Blue.mp3\r\n") == [1]


@pytest.mark.parametrize(
    "data",
    [
        '<!DOCTYPE a [<!ENTITY x "ha"><!ENTITY y "&x;&x;&x;">]><smil><title>&y;&y;</title></smil>',
        "<asx>" + "<entry>" * 100_000,
        "<asx>" + "<a" * 100_000,
        "[playlist]\n" + "File999999999=a.mp3\n" * 1000,
        "[playlist]\nFile1=" + "x" * 1_000_000,
        "<smil>" + "&amp;" * 100_000,
        "<asx>" + "<a '" * 100_000,
        "<asx>" + '<a b="' * 100_000,
    ],
    ids=range(8),
)
def test_hostile_playlists_stay_small(library: Catalog, data: str) -> None:
    playlist = parse(data.encode(), Path("/lists"))
    assert len(playlist.entries) <= 1
    assert len(playlist.title) <= 10_000


@pytest.mark.parametrize("write", [m3u8, xspf])
def test_a_name_with_a_line_break_is_written_and_read(library: Catalog, write: object) -> None:
    written = library.tracks([9, 1])
    for folder in (None, Path("/music/lists")):
        data = write(written, "Mine", folder=folder)  # type: ignore[operator]
        assert tracks(library, data, str(folder or "/x")) == [9, 1]


def test_places_within_files_are_read() -> None:
    vlc = (
        '<playlist xmlns="http://xspf.org/ns/0/" xmlns:vlc="v"><trackList><track><location>a.flac'
        '</location><extension application="v"><vlc:id>0</vlc:id><vlc:option>start-time=12.5'
        "</vlc:option></extension></track></trackList></playlist>"
    )
    lists = {
        "#EXTVLCOPT:start-time=12.5\n#EXTINF:3,A - B\na.flac\n": 12.5,
        "#EXTINF:3,A - B\n#EXTVLCOPT::start-time=12.5\na.flac\n": 12.5,
        "a.flac#t=12.5,20\n": 12.5,
        "a.flac#t=npt:0:00:12.5\n": 12.5,
        "a#t=1.flac\n": None,
        "#EXTVLCOPT:no-video\na.flac\n": None,
        vlc: 12.5,
    }
    for text, begin in lists.items():
        (entry,) = parse(text.encode(), Path("/lists")).entries
        assert entry.begin == begin, text
        assert Path("/lists/a.flac") in entry.paths or begin is None, text


def test_uris_with_one_slash_and_two_infos_of_one_file() -> None:
    (one,) = parse(b"file:/music/a%20b.mp3\n", Path("/lists")).entries
    assert one.paths == (Path("/music/a b.mp3"),)
    (two,) = parse(b"#EXTINF:1,A - B\n#EXTINF:2,C - D\nx.mp3\n", Path("/lists")).entries
    assert (two.creator, two.title, two.duration) == ("C", "D", 2.0)
