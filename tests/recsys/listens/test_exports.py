"""The exports that people own, each made here after its public description."""

from __future__ import annotations

import gzip
import json
import plistlib
import sqlite3
import zipfile
from collections.abc import Iterable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from histories import MBID, START
from reading import ANN, Result, written

from recsys.catalog import Catalog, Listen, Opinion, PlayCount, Recording
from recsys.listens.choice import FormatChoice
from recsys.listens.importing import import_file
from recsys.listens.sources import FormatError

WHEN = datetime.fromtimestamp(START, UTC)
ISO = "2023-11-14T22:13:20Z"
BLUE = Recording("Ada", "Blue", "Colours")


def zipped(path: Path, files: dict[str, str | bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


# Spotify


def streamed(title: str | None = "Blue", ms: int = 200_000, **more: Any) -> dict[str, Any]:
    """A row of the extended streaming history."""
    return {
        "ts": ISO,
        "username": "spotify_ann",
        "platform": "linux",
        "ms_played": ms,
        "conn_country": "NO",
        "ip_addr": "192.0.2.1",
        "master_metadata_track_name": title,
        "master_metadata_album_artist_name": "Ada" if title else None,
        "master_metadata_album_album_name": "Colours" if title else None,
        "spotify_track_uri": "spotify:track:4uLU6hMCjMI75M1A2tKUQC" if title else None,
        "episode_name": None,
        "episode_show_name": None,
        "spotify_episode_uri": None,
        "reason_start": "trackdone",
        "reason_end": "endplay",
        "shuffle": False,
        "skipped": None,
        "offline": False,
        "offline_timestamp": 1700000000,
        "incognito_mode": False,
        **more,
    }


SPOTIFY = [
    streamed(),
    streamed("Skipped", skipped=True, reason_end="fwdbtn"),
    streamed("Short", 4_000),
    streamed("Interlude", 21_000, reason_end="trackdone", skipped=False),
    streamed(None, episode_name="Talk", spotify_episode_uri="spotify:episode:1"),
    streamed(None, audiobook_title="A book", audiobook_uri="spotify:show:1"),
    streamed("Secret", incognito_mode=True),
    streamed(None, 0),
]


def check_spotify(result: Result) -> None:
    assert [listen.recording.title for listen in result.listens] == ["Blue", "Interlude"]
    assert [(one.recording.title, one.kind) for one in result.opinions] == [
        ("Skipped", "skip"),
        ("Short", "skip"),
    ]
    assert result.notes.left_out == {
        "podcast episodes and audiobooks": 2,
        "plays in private sessions": 1,
        "plays without a name": 1,
    }
    assert set(result.times) == {START}


@pytest.mark.parametrize("name", ["endsong_3.json", "Streaming_History_Audio_2019-2021_1.json"])
@pytest.mark.parametrize("indent", [None, 2])
def test_spotifys_extended_history(tmp_path: Path, name: str, indent: int | None) -> None:
    path = written(tmp_path / name, json.dumps(SPOTIFY, indent=indent))
    check_spotify(Result(path))
    (listen, *_) = Result(path, FormatChoice()).listens
    assert listen.listener == "spotify_ann"
    assert listen.recording == BLUE._replace(item="spotify:track:4uLU6hMCjMI75M1A2tKUQC")


def year(title: str, ms: int, end: str = "2023-11-14 22:13") -> dict[str, Any]:
    return {"endTime": end, "artistName": "Ada", "trackName": title, "msPlayed": ms}


def test_spotifys_history_of_a_year_with_everything_else_in_the_zip(tmp_path: Path) -> None:
    folder = "Spotify Account Data/"
    saved = {"artist": "Ada", "album": "Colours", "track": "Red", "uri": "spotify:track:1"}
    library = {"tracks": [saved], "albums": [], "bannedTracks": [saved | {"track": "Never"}]}
    inner = {
        "trackName": "Green",
        "artistName": "Ada",
        "albumName": "C",
        "trackUri": "spotify:track:2",
    }
    playlists = {
        "playlists": [{"name": "Mine", "items": [{"track": inner, "addedDate": "2023-11-14"}]}]
    }
    podcast = {
        "endTime": "2023-11-14 22:13",
        "podcastName": "P",
        "episodeName": "E",
        "msPlayed": 99999,
    }
    path = zipped(
        tmp_path / "my_spotify_data.zip",
        {
            folder + "StreamingHistory_music_0.json": json.dumps(
                [year("Blue", 99_000), year("No", 9)]
            ),
            folder + "StreamingHistory_music_1.json": json.dumps([year("Green", 99_000)]),
            folder + "StreamingHistory_podcast_0.json": json.dumps([podcast]),
            folder + "YourLibrary.json": json.dumps(library),
            folder + "Playlist1.json": json.dumps(playlists),
            folder + "Userdata.json": json.dumps({"username": "ann", "email": "a@example.org"}),
            folder + "SearchQueries.json": json.dumps([{"platform": "X", "searchQuery": "blue"}]),
            folder + "Read_Me_First.pdf": b"%PDF-1.4\0\1",
        },
    )
    result = Result(path)
    assert [listen.recording.title for listen in result.listens] == ["Blue", "Green"]
    assert [(one.recording.title, one.kind) for one in result.opinions] == [
        ("No", "skip"),
        ("Red", "like"),
    ]
    assert result.notes.left_out["podcast episodes and audiobooks"] == 1
    assert "Userdata.json" in result.said
    assert set(result.times) == {START - 20}


def test_spotifys_extended_history_in_its_zip_beside_videos(tmp_path: Path) -> None:
    folder = "Spotify Extended Streaming History/"
    path = zipped(
        tmp_path / "my_spotify_data.zip",
        {
            folder + "Streaming_History_Audio_2019_0.json": json.dumps(SPOTIFY),
            folder + "Streaming_History_Video_2019.json": json.dumps([streamed(None, 5)]),
            folder + "ReadMeFirst_ExtendedStreamingHistory.pdf": b"%PDF",
        },
    )
    assert [listen.recording.title for listen in Result(path).listens] == ["Blue", "Interlude"]


# Apple


APPLE = (
    "Album Name,Apple ID Number,Artist Name,End Reason Type,Event End Timestamp,"
    "Event Start Timestamp,Event Type,Feature Name,Media Duration In Milliseconds,Media Type,"
    "Play Duration Milliseconds,Song Name\n"
)


def played(song: str, reason: str, ms: int, kind: str = "PLAY_END", media: str = "AUDIO") -> str:
    times = f"2023-11-14T22:16:40.000Z,{ISO}"
    return f"Colours,1,Ada,{reason},{times},{kind},now_playing,200000,{media},{ms},{song}\n"


def test_apple_musics_play_activity(tmp_path: Path) -> None:
    text = (
        "\ufeff"
        + APPLE
        + played("Blue", "NATURAL_END_OF_TRACK", 200000)
        + played("Most", "PLAYBACK_MANUALLY_PAUSED", 150000)
        + played("Little", "PLAYBACK_MANUALLY_PAUSED", 20000)
        + played("Skipped", "TRACK_SKIPPED_FORWARDS", 4000)
        + played("Blue", "", 0, "PLAY_START")
        + played("Clip", "NATURAL_END_OF_TRACK", 200000, media="VIDEO")
        + played("", "NATURAL_END_OF_TRACK", 200000)
    )
    result = Result(written(tmp_path / "Apple Music Play Activity.csv", text))
    assert result.formats == ["applemusic"]
    assert result.listens == [
        Listen("ann", BLUE._replace(duration=200.0), START),
        Listen("ann", BLUE._replace(title="Most", duration=200.0), START),
    ]
    assert [(one.recording.title, one.kind) for one in result.opinions] == [("Skipped", "skip")]
    assert result.notes.left_out.total() == 4


def test_apples_activity_in_zips_in_a_zip(tmp_path: Path) -> None:
    activity = APPLE + played("Blue", "NATURAL_END_OF_TRACK", 200000)
    music = zipped(
        tmp_path / "1.zip",
        {
            "Apple Music Activity/Apple Music Play Activity.csv": activity,
            "Apple Music Activity/Apple Music - Top Content.csv": "Rank,Artist Name\n1,Ada\n",
        },
    )
    services = zipped(
        tmp_path / "2.zip", {"Apple Music Activity.zip": music.read_bytes(), "a.txt": ""}
    )
    path = zipped(tmp_path / "Apple_Media_Services.zip", {"x/2.zip": services.read_bytes()})
    result = Result(path)
    assert [listen.recording.title for listen in result.listens] == ["Blue"]
    assert "Top Content.csv" in result.said


def test_apples_newer_activity_names_no_artists(tmp_path: Path) -> None:
    text = APPLE.replace("Artist Name,", "") + played(
        "Blue", "NATURAL_END_OF_TRACK", 200000
    ).replace(",Ada,", ",")
    result = Result(written(tmp_path / "Apple Music Play Activity.csv", text))
    assert result.names == [("", "Blue")]
    assert "Apple names no artists" in result.said


LIBRARY = {
    "Major Version": 1,
    "Application Version": "12.9",
    "Tracks": {
        "101": {
            "Track ID": 101,
            "Name": "Blue",
            "Artist": "Ada",
            "Album": "Colours",
            "Total Time": 200000,
            "Track Number": 3,
            "Play Count": 12,
            "Play Date UTC": WHEN.replace(tzinfo=None),
            "Rating": 100,
            "Kind": "MPEG audio file",
        },
        "102": {"Name": "Red", "Artist": "Ada", "Rating": 20, "Skip Count": 2},
        "103": {"Name": "Grey", "Artist": "Ada", "Rating": 80, "Rating Computed": True},
        "104": {"Name": "Green", "Artist": "Ada", "Loved": True, "Play Count": 1},
        "105": {"Name": "Talk", "Podcast": True, "Play Count": 9},
        "106": {"Artist": "Ada", "Play Count": 9},
        "107": {"Name": "Black", "Artist": "Ada", "Disliked": True},
    },
    "Playlists": [{"Name": "Library", "Playlist Items": [{"Track ID": 101}]}],
}


@pytest.mark.parametrize("form", [plistlib.FMT_XML, plistlib.FMT_BINARY])
def test_an_itunes_library(tmp_path: Path, form: Any) -> None:
    result = Result(written(tmp_path / "Library.xml", plistlib.dumps(LIBRARY, fmt=form)))
    assert result.formats == ["itunes"]
    assert result.counts == [
        PlayCount("ann", BLUE._replace(duration=200.0, track_number=3), 12, START),
        PlayCount("ann", Recording("Ada", "Green"), 1),
    ]
    assert [(one.recording.title, one.kind) for one in result.opinions] == [
        ("Blue", "like"),
        ("Red", "dislike"),
        ("Red", "skip"),
        ("Green", "like"),
        ("Black", "dislike"),
    ]
    assert result.notes.left_out == {"podcasts, audiobooks and videos": 1}
    assert [bad.line for bad in result.bad] == [6]


@pytest.mark.parametrize(
    "text",
    [
        '<?xml version="1.0"?><!DOCTYPE plist [<!ENTITY a "ha">]><plist><dict>&a;</dict></plist>',
        '<?xml version="1.0"?><plist version="1.0"><dict><key>Tracks</key>',
        '<?xml version="1.0"?><plist version="1.0"><array/></plist>',
        '<?xml version="1.0"?><plist version="1.0">' + "<dict><key>a</key>" * 5000 + "</plist>",
        "bplist00" + "\0" * 40,
    ],
)
def test_a_broken_or_hostile_property_list_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(FormatError, match=r"Library\.xml"):
        Result(written(tmp_path / "Library.xml", text))


# YouTube Music


def watched(title: str, channel: str | None = "Ada - Topic", **more: Any) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "header": "YouTube Music",
        "title": title,
        "titleUrl": "https://music.youtube.com/watch?v=abc123def45",
        "time": "2023-11-14T22:13:20.123Z",
        "products": ["YouTube"],
        "activityControls": ["YouTube watch history"],
        **more,
    }
    return entry | (
        {"subtitles": [{"name": channel, "url": "https://x.example"}]} if channel else {}
    )


@pytest.mark.parametrize(
    "pattern", ["Watched {}", "{} angesehen", "Vous avez regardé {}", "Has visto {}", "{}"]
)
def test_youtube_musics_watch_history(tmp_path: Path, pattern: str) -> None:
    entries = [
        watched(pattern.format("Blue")),
        watched(
            pattern.format("A cat"),
            "Cats",
            header="YouTube",
            titleUrl="https://www.youtube.com/watch?v=1",
        ),
        watched(pattern.format("https://music.youtube.com/watch?v=9"), None),
        watched(pattern.format("Red"), "adaVEVO"),
    ]
    path = zipped(
        tmp_path / "takeout.zip",
        {
            "Takeout/YouTube and YouTube Music/history/watch-history.json": json.dumps(entries),
            "Takeout/archive_browser.html": "<html></html>",
            "Takeout/YouTube and YouTube Music/playlists/Liked.csv": "Video ID,Created\nabc,2023\n",
        },
    )
    result = Result(path)
    assert result.names == [("Ada", "Blue"), ("ada", "Red")]
    assert result.notes.left_out.total() == 2
    assert result.times == [START, START]


def test_youtubes_history_as_a_page_is_refused_with_what_to_do(tmp_path: Path) -> None:
    path = written(tmp_path / "watch-history.html", "<html><title>My YouTube activity</title>")
    with pytest.raises(FormatError, match="Choose JSON instead of HTML"):
        Result(path)


# Servers for scrobbles


MALOJA = {
    "maloja": {"export_time": START},
    "scrobbles": [
        {
            "time": START,
            "track": {
                "artists": ["Ada", "Bix"],
                "title": "Blue",
                "album": {"artists": ["Ada"], "albumtitle": "Colours"},
                "length": 200,
            },
            "duration": 180,
            "origin": "client:navidrome",
        },
        {
            "time": START + 1,
            "track": {"artists": ["Ada"], "title": "Red", "album": None, "length": None},
        },
    ],
}
KOITO = {
    "version": "1",
    "exported_at": ISO,
    "user": "ann",
    "listens": [
        {
            "listened_at": ISO,
            "client": "x",
            "track": {
                "mbid": MBID,
                "duration": 200,
                "aliases": [
                    {"alias": "Bleu", "source": "x", "is_primary": False},
                    {"alias": "Blue", "source": "Canonical", "is_primary": True},
                ],
            },
            "album": {"mbid": None, "aliases": [{"alias": "Colours", "is_primary": True}]},
            "artists": [
                {"is_primary": False, "aliases": [{"alias": "Bix", "is_primary": True}]},
                {"is_primary": True, "aliases": [{"alias": "Ada", "is_primary": True}]},
            ],
        }
    ],
}


def test_a_maloja_export(tmp_path: Path) -> None:
    result = Result(written(tmp_path / "maloja_export.json", json.dumps(MALOJA)))
    assert result.formats == ["maloja"]
    assert result.listens == [
        Listen("ann", Recording("Ada, Bix", "Blue", "Colours", 200.0), START),
        Listen("ann", Recording("Ada", "Red"), START + 1),
    ]


def test_a_koito_export(tmp_path: Path) -> None:
    result = Result(written(tmp_path / "koito.json", json.dumps(KOITO, indent=2)), FormatChoice())
    assert result.formats == ["koito"]
    assert result.listens == [
        Listen("ann", Recording("Ada, Bix", "Blue", "Colours", 200.0, MBID), START)
    ]


@pytest.mark.parametrize("artists", [["Ada", "Bix"], [{"name": "Ada"}, {"name": "Bix"}]])
@pytest.mark.parametrize("around", [lambda play: play, lambda play: {"id": 1, "play": play}])
def test_multi_scrobblers_lines(tmp_path: Path, artists: object, around: Any) -> None:
    data = {
        "artists": artists,
        "album": "Colours",
        "track": "Blue",
        "duration": 200,
        "playDate": "2023-11-14T23:13:20+01:00",
        "meta": {"brainz": {"track": MBID}},
    }
    lines = json.dumps(around({"data": data, "meta": {"source": "Spotify"}})) + "\n"
    result = Result(written(tmp_path / "plays.jsonl", lines * 2))
    assert result.formats == ["multiscrobbler"]
    assert (
        result.listens
        == [Listen("ann", Recording("Ada, Bix", "Blue", "Colours", 200.0, MBID), START)] * 2
    )


def test_lastfmstats_in_json_and_csv(tmp_path: Path) -> None:
    row = {
        "track": "Blue",
        "artist": "Ada",
        "album": "Colours",
        "albumId": "x",
        "date": START * 1000,
    }
    document = {"username": "rj", "scrobbles": [row, row | {"track": "Red"}]}
    result = Result(written(tmp_path / "lastfmstats-rj.json", json.dumps(document)), FormatChoice())
    assert result.listens[0] == Listen("rj", BLUE, START)
    text = f'Artist;Album;AlbumId;Track;Date#rj\n"Ada";"Colours";"x";"Blue";"{START}000"\n'
    assert Result(written(tmp_path / "s.csv", text), FormatChoice()).listens == [
        Listen("rj", BLUE, START)
    ]


def test_exportify_holds_likes_at_most(tmp_path: Path) -> None:
    text = (
        "Track URI,Track Name,Album Name,Artist Name(s),Release Date,Duration (ms),Popularity,"
        "Explicit,Added By,Added At,Genres\n"
        'spotify:track:1,Blue,Colours,"Ada;Bix",2020-01-01,200000,50,false,ann,2023-11-14T22:13:20Z,""\n'
    )
    like = Opinion(
        "ann",
        Recording("Ada, Bix", "Blue", "Colours", 200.0, item="spotify:track:1"),
        "like",
        START,
    )
    result = Result(written(tmp_path / "Liked_Songs.csv", text))
    assert (result.formats, result.all) == (["exportify"], [like])
    assert "likes, and no plays" in result.said
    path = written(tmp_path / "roadtrip.csv", text)
    with pytest.raises(FormatError, match=r"not what was played.*--format exportify"):
        Result(path)
    assert Result(path, FormatChoice("exportify", "ann")).all == [like]


# Players


LOG = (
    "#AUDIOSCROBBLER/1.1\n#TZ/{zone}\n#CLIENT/Rockbox ipod 3.15\n"
    f"Ada\tColours\tBlue\t3\t200\tL\t{START}\t{MBID}\n"
    f"Ada\tColours\tRed\t4\t180\tS\t{START + 9}\t\n"
    f"Ada\t\tGreen\t\t180\tL\t{START + 99}\n"
)


@pytest.mark.parametrize("zone", ["UTC", "UNKNOWN"])
def test_a_rockbox_log(tmp_path: Path, zone: str) -> None:
    result = Result(written(tmp_path / ".scrobbler.log", LOG.replace("{zone}", zone)))
    blue = BLUE._replace(duration=200.0, mbid=MBID, track_number=3)
    assert result.listens == [
        Listen("ann", blue, START),
        Listen("ann", Recording("Ada", "Green", duration=180.0), START + 99),
    ]
    assert [(one.recording.title, one.kind, one.at) for one in result.opinions] == [
        ("Red", "skip", START + 9)
    ]
    assert ("time zone" in result.said) == (zone == "UNKNOWN")


def test_a_player_without_a_clock_counts(tmp_path: Path) -> None:
    row = "Ada\tColours\tBlue\t3\t200\tL\t0\t\n"
    text = "#AUDIOSCROBBLER/1.1\r\n#TZ/UTC\r\n" + row * 3 + "Ada\tC\tX\t1\t9\tQ\t0\n" + "Ada\n"
    result = Result(written(tmp_path / ".scrobbler-timeless.log", text))
    assert [(one.recording.title, one.plays) for one in result.counts] == [("Blue", 3)]
    assert len(result.bad) == 2
    assert "without their times" in result.said


# Databases


def database(path: Path, script: str, rows: Iterable[tuple[str, tuple[object, ...]]]) -> Path:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(script)
        for table, values in rows:
            marks = ", ".join("?" * len(values))
            connection.execute(f"INSERT INTO {table} VALUES ({marks})", values)
        connection.commit()
    return path


NAVIDROME = """
CREATE TABLE user (id, user_name, name, email, password, is_admin);
CREATE TABLE media_file (id, path, title, album, artist, duration, track_number, mbz_recording_id);
CREATE TABLE annotation
  (user_id, item_id, item_type, play_count, play_date, rating, starred, starred_at);
CREATE TABLE scrobbles (media_file_id, user_id, submission_time);
"""
NAVIDROME_ROWS: list[tuple[str, tuple[object, ...]]] = [
    ("user", ("u1", "ann", "Ann", "", "", 1)),
    ("user", ("u2", "bob", "Bob", "", "", 0)),
    ("media_file", ("m1", "a.mp3", "Blue", "Colours", "Ada", 200.0, 3, MBID)),
    ("media_file", ("m2", "b.mp3", "Red", "Colours", "Ada", 180.0, 4, "")),
    ("annotation", ("u1", "m1", "media_file", 7, "2023-11-14 22:13:20+00:00", 0, 1, ISO)),
    ("annotation", ("u2", "m2", "media_file", 0, None, 1, 0, None)),
    ("annotation", ("u1", "al1", "album", 9, None, 5, 0, None)),
]


def test_navidromes_database(tmp_path: Path) -> None:
    path = database(tmp_path / "navidrome.db", NAVIDROME, NAVIDROME_ROWS)
    before = sorted(tmp_path.iterdir()), path.read_bytes()
    result = Result(path, FormatChoice())
    blue = BLUE._replace(duration=200.0, mbid=MBID, track_number=3)
    assert result.counts == [PlayCount("ann", blue, 7, START)]
    assert [(one.listener, one.recording.title, one.kind, one.at) for one in result.opinions] == [
        ("ann", "Blue", "like", START),
        ("bob", "Red", "dislike", 0),
    ]
    assert (sorted(tmp_path.iterdir()), path.read_bytes()) == before
    assert {one.listener for one in Result(path, FormatChoice(listener="Bob")).all} == {"Bob"}
    with pytest.raises(FormatError, match="users ann, bob, and none is called 'eve'"):
        Result(path, FormatChoice(listener="eve"))


@pytest.mark.parametrize("packed", [False, True])
def test_navidromes_single_plays_take_the_place_of_its_counts(tmp_path: Path, packed: bool) -> None:
    rows = [
        *NAVIDROME_ROWS,
        ("scrobbles", ("m1", "u1", START)),
        ("scrobbles", ("m2", "u2", START + 9)),
    ]
    path = database(tmp_path / "navidrome.db", NAVIDROME, rows)
    if packed:
        path = zipped(
            tmp_path / "backup.zip", {"data/navidrome.db": path.read_bytes(), "x.toml": "a"}
        )
    result = Result(path, FormatChoice())
    assert [(one.listener, one.recording.title, one.at) for one in result.listens] == [
        ("ann", "Blue", START),
        ("bob", "Red", START + 9),
    ]
    assert (result.counts, len(result.opinions)) == ([], 2)


def test_a_database_in_use_is_read_with_its_log_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "navidrome.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.executescript(NAVIDROME)
        for table, values in NAVIDROME_ROWS:
            connection.execute(
                f"INSERT INTO {table} VALUES ({', '.join('?' * len(values))})", values
            )
        connection.commit()
        before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
        assert len(Result(path, FormatChoice()).counts) == 1
        assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


AUDIO = "MediaBrowser.Controller.Entities.Audio.Audio"
JELLYFIN = """
CREATE TABLE Users (Id, Username);
CREATE TABLE BaseItems (Id, Type, Name, Artists, AlbumArtists, Album, RunTimeTicks, IndexNumber);
CREATE TABLE UserData (ItemId, UserId, PlayCount, LastPlayedDate, IsFavorite, Likes, Played);
"""
OLD_JELLYFIN = """
CREATE TABLE TypedBaseItems
  (guid, type, Name, Artists, AlbumArtists, Album, RunTimeTicks, IndexNumber, UserDataKey);
CREATE TABLE UserDatas
  (key, userId, rating, played, playCount, isFavorite, playbackPositionTicks, lastPlayedDate);
"""
REPORTING = """
CREATE TABLE PlaybackActivity
  (DateCreated DATETIME NOT NULL, UserId TEXT, ItemId TEXT, ItemType TEXT, ItemName TEXT,
   PlaybackMethod TEXT, ClientName TEXT, DeviceName TEXT, PlayDuration INT);
"""


def test_jellyfins_databases(tmp_path: Path) -> None:
    blue = Recording("Ada, Bix", "Blue", "Colours", 200.0, track_number=3)
    new = database(
        tmp_path / "jellyfin.db",
        JELLYFIN,
        [
            ("Users", ("U1", "ann")),
            ("BaseItems", ("I1", AUDIO, "Blue", "Ada|Bix", "Ada", "Colours", 2_000_000_000, 3)),
            (
                "BaseItems",
                ("I2", "MediaBrowser.Controller.Entities.Movies.Movie", "Film", *[None] * 5),
            ),
            ("UserData", ("I1", "U1", 7, "2023-11-14 22:13:20.1234567", 1, None, 1)),
            ("UserData", ("I2", "U1", 2, None, 0, None, 1)),
        ],
    )
    result = Result(new, FormatChoice())
    assert result.all[:1] == [Opinion("ann", blue, "like", 0)]
    assert result.counts == [PlayCount("ann", blue, 7, START)]
    assert result.notes.left_out.total() == 1
    old = database(
        tmp_path / "library.db",
        OLD_JELLYFIN,
        [
            (
                "TypedBaseItems",
                ("I1", AUDIO, "Blue", "Ada|Bix", "Ada", "Colours", 2_000_000_000, 3, "k"),
            ),
            ("UserDatas", ("k", 1, None, 1, 7, 0, 0, "2023-11-14 22:13:20Z")),
        ],
    )
    assert Result(old).counts == [PlayCount("ann", blue, 7, START)]


def test_jellyfins_playback_reporting(tmp_path: Path) -> None:
    def row(kind: str, name: str, seconds: int) -> tuple[str, tuple[object, ...]]:
        return "PlaybackActivity", (
            "2023-11-14 22:13:20.1234567",
            "f00",
            "i",
            kind,
            name,
            "DirectPlay",
            "Web",
            "PC",
            seconds,
        )

    path = database(
        tmp_path / "playback_reporting.db",
        REPORTING,
        [
            row("Audio", "Ada - Blue (Colours)", 180),
            row("Audio", "Ada - Blue - Live (Not Known)", 180),
            row("Audio", "Ada - Red (Colours)", 4),
            row("Movie", "A film", 5400),
            row("Audio", "Not Known", 100),
        ],
    )
    result = Result(path)
    assert [listen.recording for listen in result.listens] == [
        BLUE,
        Recording("Ada", "Blue - Live"),
    ]
    assert [one.recording.title for one in result.opinions] == ["Red"]
    assert (len(result.bad), result.notes.left_out.total()) == (1, 1)


@pytest.mark.parametrize("damage", ["cut", "other", "view"])
def test_a_broken_unknown_or_hostile_database_is_refused(tmp_path: Path, damage: str) -> None:
    path = database(tmp_path / "x.db", NAVIDROME, NAVIDROME_ROWS)
    if damage == "cut":
        data = path.read_bytes()
        path.write_bytes(data[:4096] + b"\xff" * 100 + data[4196 : len(data) // 2])
    elif damage == "other":
        path.unlink()
        database(path, "CREATE TABLE a (b);", [])
    else:
        path.unlink()
        numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
        endless = numbers + "SELECT i AS id, i AS title FROM n"
        database(
            path,
            f"CREATE VIEW media_file AS {endless}; "
            "CREATE TABLE annotation (item_id, user_id, item_type, play_count);",
            [],
        )
    with pytest.raises(FormatError, match=r"x\.db"):
        Result(path, FormatChoice())


# All of them, through the catalogue


def test_each_says_whose_it_is_or_is_refused(tmp_path: Path) -> None:
    for name, text in {
        "Library.xml": plistlib.dumps(LIBRARY).decode(),
        ".scrobbler.log": LOG,
        "a.csv": APPLE + played("Blue", "NATURAL_END_OF_TRACK", 200000),
    }.items():
        with pytest.raises(FormatError, match="whose plays it holds: add --listener NAME"):
            Result(written(tmp_path / name, text), FormatChoice())


@pytest.mark.parametrize("packing", ["plain", "gzip", "zip"])
def test_an_export_twice_changes_nothing(tmp_path: Path, packing: str) -> None:
    data = json.dumps(SPOTIFY).encode()
    path = tmp_path / "endsong_0.json"
    if packing == "gzip":
        data = gzip.compress(data)
    written(path, data)
    if packing == "zip":
        path = zipped(tmp_path / "a.zip", {"endsong_0.json": data, "b.txt": "hello"})
    with Catalog(tmp_path / "home") as catalog:
        first = import_file(catalog, path, ANN)
        assert (first.listens, first.feedback, first.stored.new) == (2, 2, 4)
        again = import_file(catalog, path, ANN)
        assert (again.stored.new, again.stored.changed, again.stored.known) == (0, 0, 4)


def test_a_last_play_reaches_the_history(tmp_path: Path) -> None:
    path = written(tmp_path / "Library.xml", plistlib.dumps(LIBRARY))
    with Catalog(tmp_path / "home") as catalog:
        import_file(catalog, path, ANN)
        listener = catalog.listener("ann")
        assert listener
        assert listener.n_listens == 13
