from __future__ import annotations

import json
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest
from histories import (
    MBID,
    MSID,
    OTHER_MBID,
    START,
    export,
    json_lines,
    listen,
    page,
    scrobble,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from recsys.catalog import Listen, Opinion, PlayCount, Recording
from recsys.listens.choice import FormatChoice
from recsys.listens.columns import parse_columns
from recsys.listens.formats import read
from recsys.listens.sources import LONGEST_LINE, BadLine, FormatError
from recsys.listens.table_rows import Event
from recsys.listens.values import BadValue, isrc, plays, unix_seconds

BLUE = Recording("Ada", "Blue", "Colours", item=MSID)
USER = "b80344d063b5ccb3212f76538f3d9e43d87dca9e"


GUESS = FormatChoice()


def entries(path: Path, choice: FormatChoice = GUESS) -> tuple[set[str], list[Event | BadLine]]:
    """The formats of a file and all that is in it."""
    formats, found = set(), []
    for name, events in read(path, choice):
        formats.add(name)
        found += list(events)
    return formats, found


def written(path: Path, data: bytes | str) -> Path:
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


# ListenBrainz


def test_a_listenbrainz_export_is_read_in_order_of_time(tmp_path: Path) -> None:
    feedback = [
        {"recording_msid": MSID, "recording_mbid": None, "score": 1, "created": START + 9},
        {"recording_msid": None, "recording_mbid": MBID, "score": -1, "created": START + 10.5},
        {"recording_msid": None, "recording_mbid": MBID, "score": 0, "created": START + 11},
    ]
    months = {"2023/11": [listen(1)], "2023/2": [listen(0)], "2024/1": [listen(2)]}
    formats, found = entries(export(tmp_path / "e.zip", months, feedback))
    assert formats == {"listenbrainz"}
    assert found == [
        *(Listen("ann", BLUE, START + number) for number in range(3)),
        Opinion("ann", Recording(item=MSID), "like", START + 9),
        Opinion("ann", Recording(mbid=MBID), "dislike", START + 10),
        Opinion("ann", Recording(mbid=MBID), None, START + 11),
    ]
    _, found = entries(tmp_path / "e.zip", FormatChoice(listener="bob"))
    assert {event.listener for event in found if not isinstance(event, BadLine)} == {"bob"}


def test_all_that_a_listen_says_of_a_recording_is_kept(tmp_path: Path) -> None:
    info = {"recording_mbid": MBID.upper(), "isrc": "us-pr3-65-07810", "duration_ms": 61500}
    lines = json_lines(
        [
            {
                **listen(0, info=info, mbid_mapping={"recording_mbid": OTHER_MBID}),
                "user_name": "bo",
            },
            listen(1, info={"duration": 62, "isrc": ["USPR36507811"]}, release_name=None),
        ]
    )
    _, found = entries(written(tmp_path / "l.jsonl", lines), FormatChoice(listener="ann"))
    assert found == [
        Listen(
            "bo",
            BLUE._replace(mbid=MBID, isrc="USPR36507810", duration=61.5, mapped_mbid=OTHER_MBID),
            START,
        ),
        Listen("ann", BLUE._replace(album="", duration=62.0, isrc="USPR36507811"), START + 1),
    ]


def test_our_own_feedback_knows_skips(tmp_path: Path) -> None:
    said = {"user_name": "ann", "recording_mbid": MBID}
    lines = json_lines([said | {"kind": k, "at": START} for k in ("like", "skip", "none", None)])
    _, found = entries(written(tmp_path / "f.jsonl", lines))
    kinds = [event.kind for event in found if isinstance(event, Opinion)]
    assert kinds == ["like", "skip", None, None]


def test_bad_lines_are_named_and_the_rest_is_read(tmp_path: Path) -> None:
    lines = [
        json.dumps(listen(0)).encode(),
        b"{",
        b"",
        b"[1]",
        b'{"listened_at": "soon", "track_metadata": {"track_name": "x"}}',
        b'{"listened_at": 5, "track_metadata": {"artist_name": "only"}}',
        b'{"listened_at": 5}',
        b'{"recording_mbid": "' + MBID.encode() + b'", "score": 7}',
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"a": "' + b"x" * LONGEST_LINE + b'"}',
        json.dumps(listen(1)).encode(),
    ]
    _, found = entries(
        written(tmp_path / "l.jsonl", b"\r\n".join(lines)), FormatChoice(listener="ann")
    )
    bad = [one for one in found if isinstance(one, BadLine)]
    assert [one.line for one in bad] == [2, 4, 5, 6, 7, 8, 9, 10, 11]
    assert all(one.reason.endswith(".") for one in bad)
    assert [one.at for one in found if isinstance(one, Listen)] == [START, START + 1]


def test_without_a_listener_a_line_is_bad(tmp_path: Path) -> None:
    _, found = entries(written(tmp_path / "l.jsonl", json_lines([listen(0)])))
    assert isinstance(found[0], BadLine)
    assert "--listener" in found[0].reason


# Last.fm


@pytest.mark.parametrize("form", ["page", "list of pages", "lines of pages", "list of tracks"])
def test_lastfm_pages_are_read(tmp_path: Path, form: str) -> None:
    now = scrobble(9, "Now")
    del now["date"]
    now["@attr"] = {"nowplaying": "true"}
    tracks = [now, scrobble(1), scrobble(0, "Red", mbid="", artist={"name": "Bix"})]
    text = {
        "page": json.dumps(page(tracks), indent=1),
        "list of pages": json.dumps([page(tracks[:2]), page(tracks[2])]),
        "lines of pages": json.dumps(page(tracks[:1])) + "\n" + json.dumps(page(tracks[1:])),
        "list of tracks": json.dumps(tracks, indent=2),
    }[form]
    choice = FormatChoice(listener="rj" if form == "list of tracks" else "")
    formats, found = entries(written(tmp_path / "s.json", text), choice)
    assert formats == {"lastfm"}
    assert found == [
        Listen("rj", Recording("Ada", "Blue", "Colours", mbid=MBID), START + 1),
        Listen("rj", Recording("Bix", "Red", "Colours"), START),
    ]


def test_top_tracks_of_lastfm_are_counts(tmp_path: Path) -> None:
    """Those of a user; those of an artist have the counts of everybody."""
    track = {"name": "Blue", "artist": {"name": "Ada"}, "url": "x", "playcount": "7"}
    tops = {"toptracks": {"track": [track], "@attr": {"user": "rj"}}}
    _, found = entries(written(tmp_path / "top.json", json.dumps(tops)))
    assert found == [PlayCount("rj", Recording("Ada", "Blue"), 7)]
    tops["toptracks"]["track"] = [track | {"listeners": "9"}]
    assert entries(written(tmp_path / "all.json", json.dumps(tops)))[1] == []


def test_a_chosen_listener_has_the_scrobbles(tmp_path: Path) -> None:
    path = written(tmp_path / "s.json", json.dumps(page([scrobble(0)])))
    _, found = entries(path, FormatChoice(listener="ann"))
    assert [event.listener for event in found if isinstance(event, Listen)] == ["ann"]


def test_broken_scrobbles_are_counted(tmp_path: Path) -> None:
    tracks = [scrobble(0), "x", scrobble(1, date={"uts": "x"}), scrobble(2, ""), scrobble(3)]
    text = json.dumps(page(tracks)) + json.dumps(page([scrobble(4)]))[:-30]
    _, found = entries(written(tmp_path / "s.json", text))
    assert [one.line for one in found if isinstance(one, BadLine)] == [2, 3, 4, 6, 7]
    assert [one.at - START for one in found if isinstance(one, Listen)] == [0, 3]


def test_a_long_file_of_many_pages_is_read_whole(tmp_path: Path) -> None:
    pages = [page([scrobble(10 * i + j) for j in range(10)]) for i in range(600)]
    _, found = entries(written(tmp_path / "s.json", json.dumps(pages)))
    assert (tmp_path / "s.json").stat().st_size > 2 << 20
    assert [one.at - START for one in found if isinstance(one, Listen)] == list(range(6000))


# Tables


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_table_is_read_by_the_usual_names(tmp_path: Path, delimiter: str) -> None:
    text = "\ufeffUser_ID,Artist,Track,Plays\nann,Ada,Blue,3\n\nbob,Bix,Red,1\n"
    formats, found = entries(written(tmp_path / "t.csv", text.replace(",", delimiter)))
    assert formats == {"csv"}
    assert found == [
        PlayCount("ann", Recording("Ada", "Blue"), 3),
        PlayCount("bob", Recording("Bix", "Red"), 1),
    ]


def test_scrobbles_in_csv_of_two_exporters(tmp_path: Path) -> None:
    named = (
        "uts,utc_time,artist,artist_mbid,album,album_mbid,track,track_mbid\n"
        f'"{START}","14 Nov 2023, 22:13","Ada","","Colours","","Blue, or ""Bleu""","{MBID}"\n'
    )
    _, found = entries(written(tmp_path / "a.csv", named), FormatChoice(listener="ann"))
    assert found == [
        Listen("ann", Recording("Ada", 'Blue, or "Bleu"', "Colours", mbid=MBID), START)
    ]
    bare = 'Ada,Colours,Blue,14 Nov 2023 22:13\n"Ada, B",,Red,14 Nov 2023 22:14\n'
    _, found = entries(written(tmp_path / "b.csv", bare), FormatChoice(listener="ann"))
    assert found == [
        Listen("ann", Recording("Ada", "Blue", "Colours"), START - 20),
        Listen("ann", Recording("Ada, B", "Red"), START + 40),
    ]


def test_columns_may_be_named_by_hand(tmp_path: Path) -> None:
    path = written(tmp_path / "t.csv", "who,by,song,n,id\nann,Ada,Blue,2,x1\n")
    columns = parse_columns("user=who,artist=by,title=song,count=n,item=id")
    _, found = entries(path, FormatChoice(columns=columns))
    assert found == [PlayCount("ann", Recording("Ada", "Blue", item="x1"), 2)]
    bare = written(tmp_path / "bare.csv", f"2023-11-14T22:13:20Z,zzz,Blue,Ada\n{START},,Red,Ada\n")
    _, found = entries(
        bare, FormatChoice(listener="ann", columns=parse_columns("time,-,title,artist"))
    )
    assert found == [
        Listen("ann", Recording("Ada", "Blue"), START),
        Listen("ann", Recording("Ada", "Red"), START),
    ]


@pytest.mark.parametrize("wrong", ["song=x", "user=a,time", "nonsense"])
def test_impossible_columns_are_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match="--columns"):
        parse_columns(wrong)


def test_a_table_of_feedback(tmp_path: Path) -> None:
    text = f"user,artist,title,feedback,time\nann,Ada,Blue,love,{START}\nann,Ada,Red,skip,\n"
    _, found = entries(written(tmp_path / "t.csv", text + "ann,Ada,X,meh,\n"))
    assert found[:2] == [
        Opinion("ann", Recording("Ada", "Blue"), "like", START),
        Opinion("ann", Recording("Ada", "Red"), "skip", 0),
    ]
    assert isinstance(found[2], BadLine)


def test_identifiers_in_a_track_column_are_recognised(tmp_path: Path) -> None:
    text = f"user,track,count\nann,{MBID},1\nann,USPR36507810,2\nann,x-1,3\n"
    _, found = entries(written(tmp_path / "t.csv", text))
    assert found == [
        PlayCount("ann", Recording(mbid=MBID, item=MBID), 1),
        PlayCount("ann", Recording(isrc="USPR36507810", item="USPR36507810"), 2),
        PlayCount("ann", Recording(item="x-1"), 3),
    ]


def test_a_table_of_artists_holds_artists(tmp_path: Path) -> None:
    _, found = entries(written(tmp_path / "t.csv", "user,artist,count\nann,Ada,5\n"))
    assert found == [PlayCount("ann", Recording("Ada", kind="artist"), 5)]


def test_bad_rows_of_a_table_are_named(tmp_path: Path) -> None:
    rows = [
        b"user,artist,title,count",
        b"ann,Ada,Blue,0",  # left out
        b"ann,Ada,Blue,-1",
        b"ann,Ada,Blue,1.5",
        b"ann,Ada,Blue,many",
        b"ann,Ada,Blue",
        b",Ada,Blue,1",
        b"ann,,,1",
        b"ann,Ad\xff,Blue,1",
        b'ann,"Ada,Blue',
        b"ann,Ada," + b"x" * LONGEST_LINE + b",1",
        b'ann,Ada,"two',
        b'lines",4',
        b"x" * 201 + b",Ada,Blue,1",
        "ann,Adá,Réd,2.0".encode(),
        "ann,Adá,Réd,2.0".encode(),
    ]
    _, found = entries(written(tmp_path / "t.csv", b"\n".join(rows)))
    assert [one.line for one in found if isinstance(one, BadLine)] == [*range(3, 12), 14]
    assert [one for one in found if not isinstance(one, BadLine)] == [
        PlayCount("ann", Recording("Ada", "two\nlines"), 4),
        PlayCount("ann", Recording("Adá", "Réd"), 4),
    ]


def test_parquet_tables_are_read_with_their_types(tmp_path: Path) -> None:
    times = [datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC), None]
    frame = pd.DataFrame({"user": [1, 2], "track": [10, 11], "timestamp": times, "x": [0, 0]})
    frame.to_parquet(tmp_path / "times.parquet")
    formats, found = entries(tmp_path / "times.parquet")
    assert formats == {"parquet"}
    assert found[0] == Listen("1", Recording(item="10"), START)
    assert isinstance(found[1], BadLine)
    assert found[1].line == 2
    counts = pd.DataFrame({"user": ["ann"], "item": ["a"], "count": [2.0]})
    counts.to_parquet(tmp_path / "counts.parquet")
    assert entries(tmp_path / "counts.parquet")[1] == [PlayCount("ann", Recording(item="a"), 2)]


def test_taste_profile_triplets(tmp_path: Path) -> None:
    row = f"{USER}\tSOAKIMP12A8C130995\t1\n"
    text = row + row.replace("\t1", "\tx") + "a\tb\n" + row.replace("0995", "0996")
    formats, found = entries(written(tmp_path / "train_triplets.txt", text))
    assert formats == {"msd"}
    assert [one.line for one in found if isinstance(one, BadLine)] == [2, 3]
    assert [one for one in found if not isinstance(one, BadLine)] == [
        PlayCount(USER, Recording(item="SOAKIMP12A8C130995"), 1),
        PlayCount(USER, Recording(item="SOAKIMP12A8C130996"), 1),
    ]
    with zipfile.ZipFile(tmp_path / "t.zip", "w") as archive:
        archive.write(tmp_path / "train_triplets.txt", "train_triplets.txt")
    assert [type(one) for one in entries(tmp_path / "t.zip")[1]] == [type(one) for one in found]


def test_hetrec_listens_are_of_artists(tmp_path: Path) -> None:
    path = written(
        tmp_path / "user_artists.dat", "userID\tartistID\tweight\r\n2\t51\t13883\r\n2\t5"
    )
    formats, found = entries(path)
    assert formats == {"hetrec"}
    assert found[1] == PlayCount("2", Recording(item="51", kind="artist"), 13883)
    assert isinstance(found[0], BadLine)
    names = "id\tname\turl\tpictureURL\n51\tDuran Duran\thttp://x\thttp://y\n"
    written(tmp_path / "artists.dat", names)
    _, found = entries(path)
    assert found[1] == PlayCount("2", Recording("Duran Duran", item="51", kind="artist"), 13883)


# What is no history


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("empty", b""),
        ("a.mp3", b"ID3\x04\0\0\0\0\0"),
        ("a.json", b'{"a": 1}'),
        ("a.json", b"[1, 2]"),
        ("a.txt", b"Dear diary, today I listened to music."),
        ("a.csv", b"colour,size\nred,1\n"),
        ("a.csv", b"user;count\nann;1\n"),
    ],
)
def test_an_unknown_file_is_refused_with_what_was_looked_for(
    tmp_path: Path, name: str, data: bytes
) -> None:
    with pytest.raises(FormatError, match=rf"{name} is no listening history.*ListenBrainz.*CSV"):
        entries(written(tmp_path / name, data))


def test_a_table_without_listeners_says_what_to_do(tmp_path: Path) -> None:
    path = written(tmp_path / "t.csv", "artist,title,count\nAda,Blue,1\n")
    with pytest.raises(FormatError, match="--listener"):
        entries(path)
    with pytest.raises(FormatError, match="no column 'who'"):
        entries(path, FormatChoice(columns={"user": "who"}))


def test_damaged_and_hostile_zips_are_refused(tmp_path: Path) -> None:
    whole = export(tmp_path / "e.zip", {"2023/11": [listen(i) for i in range(200)]})
    data = whole.read_bytes()
    with pytest.raises(FormatError, match="truncated"):
        entries(written(tmp_path / "half.zip", data[: len(data) // 2]))
    broken = bytearray(data)
    at = data.index(b"listens/2023/11.jsonl") + 60
    broken[at : at + 40] = bytes(40)
    with pytest.raises(FormatError, match="damaged"):
        entries(written(tmp_path / "broken.zip", bytes(broken)))
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("listens/2023/1.jsonl", bytes(60 << 20))
    with pytest.raises(FormatError, match="ZIP bomb"):
        entries(tmp_path / "bomb.zip")
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("a.txt", "x")
        archive.writestr("b.txt", "x")
    with pytest.raises(FormatError, match="without a listening history"):
        entries(tmp_path / "other.zip")


def test_a_damaged_parquet_file_is_refused(tmp_path: Path) -> None:
    frame = pd.DataFrame({"user": ["a"] * 1000, "item": ["b"] * 1000, "count": range(1, 1001)})
    frame.to_parquet(tmp_path / "t.parquet")
    data = (tmp_path / "t.parquet").read_bytes()
    with pytest.raises(FormatError, match="damaged Parquet"):
        entries(written(tmp_path / "half.parquet", data[: len(data) // 2]))
    broken = data[:40] + bytes(200) + data[240:]
    with pytest.raises(FormatError, match="damaged Parquet"):
        entries(written(tmp_path / "broken.parquet", broken))


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300), st.sampled_from(["listenbrainz", "lastfm", "msd", "csv", "hetrec"]))
def test_any_bytes_are_events_bad_lines_or_refused(
    tmp_path_factory: pytest.TempPathFactory, data: bytes, name: str
) -> None:
    path = written(tmp_path_factory.getbasetemp() / "any", b"user,item,count\n" * 2 + data)
    try:
        _, found = entries(path, FormatChoice(name, "ann"))
    except FormatError:
        return
    assert all(isinstance(one, (Listen, PlayCount, Opinion, BadLine)) for one in found)


# Values


@pytest.mark.parametrize(
    "value", [START, START * 1000, float(START), f"{START}000000", f" {START}"]
)
def test_times_in_any_unit(value: object) -> None:
    assert unix_seconds(value) == START


@pytest.mark.parametrize("value", [0, -5, "", "x", None, True, "nan", "inf", "-inf", [], "32 May"])
def test_impossible_times(value: object) -> None:
    with pytest.raises(BadValue):
        unix_seconds(value)


@pytest.mark.parametrize("value", ["nan", "inf", "1e300", None, "", "0x10"])
def test_impossible_counts(value: object) -> None:
    with pytest.raises(BadValue):
        plays(value)


@pytest.mark.parametrize("value", ["USPR3650781", "", None, 5, [], "1SPR36507810"])
def test_what_is_no_isrc(value: object) -> None:
    assert isrc(value) is None
