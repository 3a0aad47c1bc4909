from __future__ import annotations

import json
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_catalog import seen

from recsys.catalog import Catalog, Tags, Track
from recsys.playlists import (
    WRITERS,
    PlaylistError,
    Resolved,
    jspf,
    m3u8,
    parse,
    read_playlist,
    resolve,
    xspf,
)

MBID = "3c1a9ed0-1b1d-4f9c-8ab0-5d1f2f5a5d37"
LISTS = Path("/lists")


def track(path: Path, **tags: object) -> Track:
    return Track(
        **{"title": "A", "artist": "B", **tags},  # type: ignore[arg-type]
        id=1,
        path=path,
        status="ready",
        error=None,
        size=1,
        duration=tags.get("duration", 61.0),  # type: ignore[arg-type]
        sample_rate=44100,
        channels=2,
        codec="mp3",
        audio_hash="0" * 32,
        added_at=1,
        removed_at=None,
    )


def paths_in(data: bytes, folder: Path = LISTS) -> list[Path]:
    """The likeliest path of each entry."""
    return [entry.paths[0] for entry in parse(data, folder).entries]


file_names = st.binary(min_size=1, max_size=40).filter(lambda name: name not in (b".", b".."))
paths = st.lists(file_names, min_size=1, max_size=4).map(
    lambda names: Path(
        os.fsdecode(b"/" + b"/".join(n.replace(b"/", b"_").replace(b"\0", b"0") for n in names))
    )
)
texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=30)


@pytest.mark.parametrize("folder", [None, Path("/music"), LISTS / "deep"])
@pytest.mark.parametrize("write", WRITERS.values())
@settings(max_examples=150, deadline=None)
@given(st.lists(paths, max_size=5), texts)
def test_every_path_comes_back(
    write: Callable[..., bytes], folder: Path | None, written: list[Path], title: str
) -> None:
    normal = [Path(os.path.normpath(path)) for path in written]
    data = write([track(path) for path in normal], title, folder=folder)
    assert paths_in(data, folder or LISTS) == normal


@pytest.mark.parametrize("write", [xspf, jspf])
@settings(max_examples=100, deadline=None)
@given(texts, texts, texts, texts)
def test_every_name_comes_back(
    write: Callable[..., bytes], title: str, artist: str, album: str, name: str
) -> None:
    written = track(Path("/a.mp3"), title=title, artist=artist, album=album, recording_mbid=MBID)
    playlist = parse(write([written], name), LISTS)
    (entry,) = playlist.entries
    named = [playlist.title, entry.title, entry.creator, entry.album]
    if write is xspf:
        wanted = [
            text.strip().translate({0xFFFE: 0xFFFD, 0xFFFF: 0xFFFD})
            for text in (name, title, artist, album)
        ]
        assert named == wanted
    else:
        assert named == [name, title, artist, album]
    assert (entry.mbid, entry.duration) == (MBID, 61.0)


@pytest.mark.parametrize("write", WRITERS.values())
def test_hostile_text_stays_text(write: Callable[..., bytes]) -> None:
    title = "x\n/etc/passwd\r#EXTINF:1,<!DOCTYPE a>]]>&\"'\x1b[2J\0"
    data = write([track(Path("/a.mp3"), title=title, artist="\ud800")], title)
    assert paths_in(data) == [Path("/a.mp3")]


@pytest.mark.parametrize("write", WRITERS.values())
def test_an_empty_playlist_is_one(write: Callable[..., bytes]) -> None:
    playlist = parse(write([], "None"), LISTS)
    assert (playlist.title, playlist.entries) == ("None", ())


def test_m3u8_is_written_as_players_expect() -> None:
    written = [track(Path("/music/a b.mp3"), title="Blue", artist="Ada"), track(Path("/c.ogg"))]
    assert m3u8(written, "Mine", folder=Path("/music/lists")).decode() == (
        "#EXTM3U\n#PLAYLIST:Mine\n"
        "#EXTINF:61,Ada - Blue\n../a b.mp3\n"
        "#EXTINF:61,B - A\n../../c.ogg\n"
    )


def test_xspf_is_written_as_its_specification_says() -> None:
    data = xspf([track(Path("/music/a b.mp3"), recording_mbid=MBID)], "Mine & yours")
    root = ElementTree.fromstring(data)
    names = {"x": "http://xspf.org/ns/0/"}
    assert root.tag == "{http://xspf.org/ns/0/}playlist"
    assert root.get("version") == "1"
    assert root.findtext("x:title", namespaces=names) == "Mine & yours"
    (one,) = root.findall("x:trackList/x:track", names)
    assert [(child.tag.partition("}")[2], child.text) for child in one] == [
        ("location", "file:///music/a%20b.mp3"),
        ("identifier", f"https://musicbrainz.org/recording/{MBID}"),
        ("title", "A"),
        ("creator", "B"),
        ("duration", "61000"),
    ]


def test_jspf_is_written_as_listenbrainz_reads_it() -> None:
    data = jspf([track(Path("/music/a b.mp3"), album="C", recording_mbid=MBID)], "Mine")
    assert json.loads(data) == {
        "playlist": {
            "title": "Mine",
            "track": [
                {
                    "location": ["file:///music/a%20b.mp3"],
                    "identifier": [f"https://musicbrainz.org/recording/{MBID}"],
                    "title": "A",
                    "creator": "B",
                    "album": "C",
                    "duration": 61000,
                }
            ],
        }
    }


@pytest.mark.parametrize(
    ("line", "path"),
    [
        (b"song.mp3", "/lists/song.mp3"),
        (b"../music/./song.mp3", "/music/song.mp3"),
        (b"/music/song.mp3", "/music/song.mp3"),
        (b"..\\music\\song.mp3", "/music/song.mp3"),
        (b"file:///music/a%20%C3%A9.mp3", "/music/a é.mp3"),
        (b"file://localhost/music/song.mp3", "/music/song.mp3"),
        (b"/music/100%25.mp3", "/music/100%25.mp3"),
        ("/music/Björk.mp3".encode(), "/music/Björk.mp3"),
        ("/music/Björk.mp3".encode("latin-1"), "/music/Björk.mp3"),
        (b"  /music/song.mp3 ", "/music/song.mp3"),
    ],
)
def test_paths_in_m3u_are_understood(line: bytes, path: str) -> None:
    (entry,) = parse(b"#EXTM3U\r\n" + line + b"\r\n", LISTS).entries
    assert Path(path) in entry.paths


@pytest.mark.parametrize(
    ("info", "creator", "title", "duration"),
    [
        ("123,Ada - Blue", "Ada", "Blue", 123),
        ("123 Ada - Blue", "Ada", "Blue", 123),
        ("-1,Blue", "", "Blue", None),
        ("12.5,Ada - Blue - Live", "Ada", "Blue - Live", 12.5),
        ('9 logo="x.png",Ada - Blue', "Ada", "Blue", 9),
        ("Ada - Blue", "Ada", "Blue", None),
    ],
)
def test_extinf_is_read_as_people_write_it(
    info: str, creator: str, title: str, duration: float | None
) -> None:
    data = f"\ufeff#EXTM3U\n#PLAYLIST: Mine\n\n# a remark\n#EXTINF:{info}\na.mp3\nb.mp3".encode()
    playlist = parse(data, LISTS)
    first, second = playlist.entries
    assert playlist.title == "Mine"
    assert (first.creator, first.title, first.duration) == (creator, title, duration)
    assert (second.creator, second.title, second.duration) == ("", "", None)


def test_xspf_of_other_programs_is_read() -> None:
    data = f"""<?xml version="1.0" encoding="ISO-8859-1"?>
    <playlist version="1" xmlns="http://xspf.org/ns/0/" xmlns:v="urn:v">
      <title>Gem\xe4lde</title><creator>me</creator>
      <trackList><track>
        <location>../music/a%20b.mp3</location><location>http://radio.example/x</location>
        <identifier>urn:other</identifier>
        <identifier>http://musicbrainz.org/recording/{MBID.upper()}</identifier>
        <title>Blue</title><creator>Ada</creator><duration>1500</duration>
        <extension application="v"><v:title>Other</v:title></extension>
      </track><track><title>Red</title></track></trackList>
    </playlist>""".encode("latin-1")
    playlist = parse(data, LISTS)
    assert playlist.title == "Gemälde"
    first, second = playlist.entries
    assert first.paths[0] == Path("/music/a b.mp3")
    assert (first.title, first.creator, first.mbid, first.duration) == ("Blue", "Ada", MBID, 1.5)
    assert (second.title, second.paths) == ("Red", ())


@pytest.mark.parametrize("identifier", [MBID, f"https://musicbrainz.org/recording/{MBID}/"])
@pytest.mark.parametrize("as_list", [True, False])
def test_jspf_takes_lists_and_texts(identifier: str, as_list: bool) -> None:
    one = {
        "identifier": [identifier] if as_list else identifier,
        "location": ["/music/a.mp3"] if as_list else "/music/a.mp3",
        "title": "Blue",
        "duration": "1500" if as_list else 1500,
    }
    data = json.dumps({"playlist": {"title": "Mine", "track": [one, "nonsense", {}]}}).encode()
    first, second = parse(data, LISTS).entries
    assert (first.mbid, first.paths, first.title) == (MBID, (Path("/music/a.mp3"),), "Blue")
    assert first.duration == 1.5
    assert second.title == ""


def test_a_title_like_a_file_is_no_entry() -> None:
    assert paths_in(m3u8([track(Path("/music/a.mp3"))], "Mix.mp3")) == [Path("/music/a.mp3")]


BOMB = b"""<!DOCTYPE lolz [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>
<playlist version="1" xmlns="http://xspf.org/ns/0/"><title>&b;</title></playlist>"""
FOREIGN = b"""<!DOCTYPE p [<!ENTITY x SYSTEM "file:///etc/passwd">]>
<playlist version="1" xmlns="http://xspf.org/ns/0/"><title>&x;</title></playlist>"""


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (BOMB, "document type"),
        (FOREIGN, "document type"),
        (b"<playlist><title>", "no XML"),
        (b"<library></library>", "no XSPF"),
        (b"<html></html>", "is a web page, and no playlist"),
        (b'<?xml version="1.0"?><rhythmdb version="2.0"/>', "is Rhythmbox' library"),
        (b"<rhythmdb-playlists/>", "is Rhythmbox' file of all playlists"),
        (b'<?xml version="1.0"?><WinampXML/>', "is a playlist of Winamp's B4S form"),
        (b"<NML/>", "is a collection of Traktor"),
        (b"[ti:Blue]\n[00:01.00]Blue", "is a text of lyrics"),
        (b'REM GENRE Jazz\nFILE "a.flac" WAVE', "is a cue sheet"),
        (b"Title,Artist,Album\nBlue,Ada,Colours\n", "lines are no paths of music.*Title,Artist"),
        (b"Name\tArtist\tLocation\rBlue\tAda\tMac:a.mp3\r", "no paths of music"),
        (b"#Name:Mix\nC:\\m\\a.mp3|Blue|Ada|Jazz\n", "no paths of music"),
        (b'[{"uri": "NAS/Blue.flac", "title": "Blue"}]', "no paths of music"),
        (b"Dear Ann,\nhere is the list.\n", "no paths of music"),
        (b"{", "no JSON"),
        (b"[" * 10, "no paths of music"),
        (b"#EXTM3U\nNo suffix", None),
        (b"spotify:track:4uLU6hMCjMI75M1A2tKUQC", None),
        (b"http://radio.example/stream", None),
        (b"song.mp3", None),
        (b'{"playlist": {"track": {}}}', "no JSPF"),
        (b'{"a": 1}', "no JSPF"),
        (b"ID3\x04\0\0\0\0", "no text"),
    ],
)
def test_what_is_no_playlist_is_refused(data: bytes, reason: str | None, tmp_path: Path) -> None:
    path = tmp_path / "list"
    path.write_bytes(data)
    if reason is None:
        assert len(read_playlist(path).entries) == 1
        return
    with pytest.raises(PlaylistError, match=f"{path}.*{reason}"):
        read_playlist(path)


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.binary(max_size=200), st.binary(max_size=60).map(lambda b: b"#EXTINF:" + b)))
def test_any_bytes_are_a_playlist_or_refused(data: bytes) -> None:
    with suppress(PlaylistError):
        parse(data, LISTS)


def test_entries_find_their_tracks(catalog: Catalog, tmp_path: Path) -> None:
    real = tmp_path / "music"
    real.mkdir()
    (tmp_path / "link").symlink_to(real)
    catalog.record_files(
        [
            seen("a", tags=Tags("Blue", "Ada"))._replace(path=real / "a.mp3"),
            seen("b", tags=Tags("Red", "Ada", recording_mbid=MBID))._replace(path=real / "b.mp3"),
            seen("c", tags=Tags("Green (Remastered 2009)", "The Bix"))._replace(path=real / "c"),
            seen("d", tags=Tags("Gone", "Ada"))._replace(path=real / "d.mp3"),
        ]
    )
    catalog.set_presence(gone=[4])
    lists = {
        "m3u8": b"link/a.mp3\n#EXTINF:1,Bix - Green\nC:\\old\\c.mp3\n"
        b"#EXTINF:1,Nobody - X\nx.mp3\nmusic/d.mp3\n",
        "jspf": json.dumps({"playlist": {"track": [{"identifier": MBID}]}}).encode(),
    }
    found = []
    for suffix, data in lists.items():
        (tmp_path / f"list.{suffix}").write_bytes(data)
        found += resolve(catalog, read_playlist(tmp_path / f"list.{suffix}"))
    assert all(isinstance(one, Resolved) for one in found)
    assert [(one.track_id, one.found_by) for one in found] == [
        (1, "path"),
        (3, "name"),
        (None, None),
        (None, None),
        (2, "mbid"),
    ]
    assert found[2].entry.title == "X"


@pytest.mark.parametrize("write", WRITERS.values())
def test_a_written_list_names_the_same_tracks(
    catalog: Catalog, write: Callable[..., bytes]
) -> None:
    names = ["a b.mp3", "#1.mp3", "100%25.mp3", "a:b.mp3", "http:/x.mp3", "é.mp3", "e\u0301.mp3"]
    catalog.record_files([seen(name) for name in names])
    wanted = catalog.tracks(range(1, 8))
    for folder in (None, Path("/music"), Path("/lists")):
        data = write(wanted, "All", folder=folder)
        found = resolve(catalog, parse(data, folder or Path("/anywhere")))
        assert [one.track_id for one in found] == list(range(1, 8))
        assert {one.found_by for one in found} == {"path"}


@pytest.mark.parametrize(
    ("head", "each", "end"),
    [
        ("#EXTM3U\n", "{0}.mp3\n", ""),
        ("[playlist]\n", "File{0}={0}.mp3\n", ""),
        ("<asx version='3'>", "<entry><ref href='{0}.mp3'/></entry>", "</asx>"),
        (
            '<playlist version="1" xmlns="http://xspf.org/ns/0/"><trackList>',
            "<track><location>{0}.mp3</location></track>",
            "</trackList></playlist>",
        ),
        ('{"playlist": {"track": [{}', ', {{"location": "{0}.mp3"}}', "]}}"),
    ],
)
def test_what_is_longer_than_wanted_is_refused_before_it_is_read(
    head: str, each: str, end: str
) -> None:
    def made(n: int) -> bytes:
        return (head + "".join(each.format(number) for number in range(n)) + end).encode()

    assert len(parse(made(9), Path("/"), 10).entries) in (9, 10)
    with pytest.raises(PlaylistError, match="more than 10 entries"):
        parse(made(11), Path("/"), 10)
