"""Files of other programs that are not read are refused by what they are."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from reading import Result, written

from recsys.listens.sources import FormatError

XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
TEXTS = {
    "Rhythmbox' library": XML + '<rhythmdb version="2.0"><entry type="song"/></rhythmdb>',
    "a collection of Traktor": XML + '<NML VERSION="19"><COLLECTION/></NML>',
    "a collection of rekordbox": XML + '<DJ_PLAYLISTS Version="1.0.0"/>',
    "statistics of foobar2000": XML + "<PlaybackStatistics/>",
    "MPD's database": "info_begin\nformat: 2\nmpd_version: 0.23\ninfo_end\n",
    "a log of MPD": 'Nov 14 22:13 : player: played "Ada/Blue.flac"\n',
    "Rockbox' database of tags": '## Changelog version 1\nartist="Ada" title="Blue"\n',
    "Rockbox' playback.log": "1700000000:201000:200000:/Music/Ada/Blue.mp3\n",
    "a text of lyrics": "[ti:Blue]\n[00:01.00]Blue, blue\n",
    "a cue sheet": 'REM GENRE Jazz\nPERFORMER "Ada"\nFILE "a.flac" WAVE\n',
    "a playlist": "#EXTM3U\n#EXTINF:200,Ada - Blue\n/music/a.mp3\n",
    "a playlist, which": XML + '<!-- by a player -->\n<playlist version="1"/>',
    "a playlist, which says": "[playlist]\nFile1=/music/a.mp3\n",
    "a web page": "<!DOCTYPE html>\n<html><body>Ada - Blue</body></html>",
    "Apple Music's list of favourites": "Favorite Type,Item Reference,Item Description,Preference\n"
    "SONG,1,Ada - Blue,LIKE\n",
    "Apple Music's daily history": "Country,Track Identifier,Date Played,Track Description\n"
    "NO,1,20231114,Ada - Blue\n",
    "TuneMyMusic's table of playlists": "Track name,Artist name,Album,Playlist name,Type,ISRC\n"
    "Low Tide,Wren,Sea,Favorite Songs,Favorite,GBAAA0000001\n",
    "YouTube Music's list of saved songs": "Video ID,Song Title,Album Title,Artist Name 1\n"
    "x,Blue,Colours,Ada\n",
    "a history of Serato": "name,artist,start time,end time,deck\nBlue,Ada,8:00:05 PM,8:04 PM,1\n",
    "Apple Music's list of the library": json.dumps(
        [{"Track Identifier": 1, "Title": "Blue", "Artist": "Ada", "Track Play Count": 5}]
    ),
    "an answer of Jellyfin or Emby": json.dumps(
        {"Items": [{"Name": "Blue", "RunTimeTicks": 1, "UserData": {"PlayCount": 3}}]}
    ),
    "a history of Plex by Tautulli": json.dumps(
        [{"title": "Blue", "grandparent_title": "Ada", "parent_title": "C", "media_type": "track"}]
    ),
}
DATABASES = {
    "the library of Strawberry": ["songs (title, artist, playcount, skipcount, lastplayed)"],
    "a library of beets": ["items (id, path)", "item_attributes (key, value)"],
    "MPD's stickers": ["sticker (type, uri, name, value)"],
    "a library of Plex": ["metadata_items (id)", "metadata_item_views (id)"],
    "a library of Banshee": ["CoreTracks (Title)", "CoreArtists (Name)"],
    "a library of Poweramp": ["folder_files (_id, played_times)"],
    "a library of Mixxx": ["library (id, timesplayed)", "track_locations (id)"],
    "Kodi's library of music": ["song (strTitle, iTimesPlayed)"],
    "a library of Koel": ["interactions (song_id, play_count)"],
    "a home of Earshot": ["recordings (id)", "listens (id)"],
}


@pytest.mark.parametrize("what", TEXTS)
def test_a_text_is_refused_by_what_it_is(tmp_path: Path, what: str) -> None:
    path = written(tmp_path / "file", TEXTS[what])
    with pytest.raises(FormatError, match=f"{path} is not read: it is {what}"):
        Result(path)


@pytest.mark.parametrize("what", DATABASES)
def test_a_database_is_refused_by_what_it_is(tmp_path: Path, what: str) -> None:
    path = tmp_path / "file"
    with closing(sqlite3.connect(path)) as connection:
        for table in DATABASES[what]:
            connection.execute(f"CREATE TABLE {table}")
    with pytest.raises(FormatError, match=f"{path} is not read: it is {what}"):
        Result(path)


@pytest.mark.parametrize(
    "text",
    ["R.E.M.,Green,Stand,14 Nov 2023 22:13\n", "artist,title,time\nREM Discs,Blue,2023-11-14\n"],
)
def test_names_that_begin_alike_are_read(tmp_path: Path, text: str) -> None:
    assert len(Result(written(tmp_path / "t.csv", text)).listens) == 1
