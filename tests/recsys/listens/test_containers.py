"""Known records in lists, pages, answers of APIs and archives."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from histories import MBID, START, json_lines, listen, page, scrobble
from reading import ANN, Result, written

from recsys.catalog import Catalog, Listen, Opinion, Recording
from recsys.listens.choice import FormatChoice
from recsys.listens.importing import import_file
from recsys.listens.sources import FormatError

TWO = [listen(0), listen(1, title="Red")]
TRACKS = [scrobble(0), scrobble(1, "Red")]
LOVED = {
    "lovedtracks": {
        "track": [
            {
                "name": "Blue",
                "mbid": MBID,
                "artist": {"name": "Ada", "mbid": ""},
                "date": {"uts": str(START), "#text": "14 Nov 2023, 22:13"},
                "url": "x",
            }
        ],
        "@attr": {"user": "rj", "page": "1"},
    }
}
Wrap = Callable[[list[dict[str, Any]]], object]


@pytest.mark.parametrize("records", [TWO, TRACKS])
@pytest.mark.parametrize(
    "wrap",
    [
        lambda records: records,
        lambda records: {"payload": {"count": 2, "listens": records, "user_id": "ann"}},
        lambda records: {"payload": records, "listen_type": "import"},
        lambda records: {"scrobbles": records},
        lambda records: {"a": {"b": [{"c": records}]}},
        lambda records: [{"payload": {"listens": [one]}} for one in records],
        lambda records: {"recenttracks": {"track": records, "@attr": {"user": "ann"}}},
        lambda records: [[records[0]], [records[1]]],
        lambda records: {"status": "ok", "data": {str(i): one for i, one in enumerate(records)}},
    ],
)
@pytest.mark.parametrize("indent", [None, 1, "\t"])
def test_records_are_found_wherever_they_lie(
    tmp_path: Path, records: list[dict[str, Any]], wrap: Wrap, indent: Any
) -> None:
    text = json.dumps(wrap(records), indent=indent, ensure_ascii=False)
    result = Result(written(tmp_path / "x.json", text))
    assert [one.recording.title for one in result.listens] == ["Blue", "Red"]
    assert result.times == [START, START + 1]
    assert result.bad == []


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le"])
@pytest.mark.parametrize(
    "text",
    [
        "\n".join(json.dumps(one) for one in TWO),
        "\r\n".join(json.dumps(one) for one in TWO) + "\r\n",
        json.dumps(TWO[0]) + json.dumps(TWO[1]),
        json.dumps(TWO[0], indent=2) + "\n" + json.dumps(TWO[1], indent=2),
        json.dumps({"payload": TWO[:1]}) + "\n\n" + json.dumps({"payload": TWO[1:]}),
        "[\n" + ",\n".join(json.dumps(one) for one in TWO) + "\n]",
    ],
)
def test_records_one_after_another(tmp_path: Path, text: str, encoding: str) -> None:
    result = Result(written(tmp_path / "x.txt", text.encode(encoding)))
    assert [one.recording.title for one in result.listens] == ["Blue", "Red"]


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_records_are_unpacked(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    for data in (
        json_lines(TWO),
        json.dumps([page(TRACKS)]).encode(),
        b"artist,title,time\nAda,Blue,1700000000\nAda,Red,1700000001\n",
    ):
        result = Result(written(tmp_path / "x", pack(data)))
        assert [one.recording.title for one in result.listens] == ["Blue", "Red"]


def test_records_in_a_zip_beside_other_files(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("readme.txt", "Thank you.")
        archive.writestr("__MACOSX/._a.json", b"\0\5")
        archive.writestr("data/2.json.gz", gzip.compress(json.dumps(TRACKS[1:]).encode()))
        archive.writestr("data/1.json", json.dumps(TRACKS[:1]))
        archive.writestr("data/profile.json", '{"name": "ann", "age": 4}')
        archive.writestr("loved.json", json.dumps(LOVED))
    result = Result(tmp_path / "x.zip")
    assert [one.recording.title for one in result.listens] == ["Blue", "Red"]
    assert [one.kind for one in result.opinions] == ["like"]
    assert "readme.txt, data/profile.json" in result.said


@pytest.mark.parametrize("wrap", [lambda loved: loved, lambda loved: [loved, loved]])
def test_loved_tracks_are_likes(tmp_path: Path, wrap: Callable[[object], object]) -> None:
    like = Opinion("rj", Recording("Ada", "Blue", mbid=MBID), "like", START)
    text = json.dumps(wrap(LOVED), indent=1)
    assert set(Result(written(tmp_path / "x.json", text), FormatChoice()).all) == {like}
    bare = written(tmp_path / "rj_loved_tracks.json", json.dumps(LOVED["lovedtracks"]["track"]))
    assert [one.kind for one in Result(bare).opinions] == ["like"]
    assert Result(bare).listens == []


def test_loved_scrobbles_are_plays_and_likes(tmp_path: Path) -> None:
    text = json.dumps(page([scrobble(0, loved="1"), scrobble(1, loved="0")]))
    result = Result(written(tmp_path / "x.json", text))
    assert (len(result.listens), len(result.opinions)) == (2, 1)


def test_feedback_as_the_api_answers_it(tmp_path: Path) -> None:
    entry = {
        "created": START,
        "recording_mbid": MBID,
        "recording_msid": None,
        "score": 1,
        "user_id": "ann",
        "track_metadata": None,
    }
    text = json.dumps({"count": 1, "feedback": [entry], "offset": 0, "total_count": 1})
    assert Result(written(tmp_path / "x.json", text), FormatChoice()).all == [
        Opinion("ann", Recording(mbid=MBID), "like", START)
    ]


@pytest.mark.parametrize(
    "row",
    [
        {"artist": "Ada", "track": "Blue", "timestamp": START},
        {"artist": "Ada", "title": "Blue", "album": "C", "playedAt": START * 1000},
        {"Artist Name": "Ada", "Track Name": "Blue", "Played At": "2023-11-14T22:13:20Z"},
        {"trackName": "Blue", "artistName": "Ada", "listened_at": START},
    ],
)
def test_flat_rows_are_a_table(tmp_path: Path, row: dict[str, Any]) -> None:
    for text in (
        json.dumps([row, row]),
        json.dumps({"x": [row] * 2}),
        (json.dumps(row) + "\n") * 2,
    ):
        result = Result(written(tmp_path / "x.json", text))
        assert result.formats == ["json"]
        assert {(one.recording.artist, one.recording.title, one.at) for one in result.listens} == {
            ("Ada", "Blue", START)
        }
        assert len(result.listens) == 2


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ('{"scrobbles": [{"song": "Blue", "who": "Ada", "n": {}}]}', "song, who, n"),
        ('[{"colour": 1, "size": 2}]', "colour, size"),
        ('{"listens": [], "count": 0}', "listens, count"),
        ('{"recenttracks": {"track": [], "@attr": {}}}', "recenttracks"),
        ('{"track_metadata": {"x": 1}, "when": 5}', "track_metadata, when"),
        ("[1, 2, 3]", "JSON without records"),
    ],
)
def test_what_has_known_words_and_no_records_is_unknown_with_its_keys(
    tmp_path: Path, text: str, keys: str
) -> None:
    with pytest.raises(FormatError, match=f"no listening history that is known.*{keys}"):
        Result(written(tmp_path / "x.json", text))


def test_unknown_entries_among_known_ones_are_counted(tmp_path: Path) -> None:
    text = json.dumps([*TRACKS, {"colour": 1}, {"colour": 2}])
    result = Result(written(tmp_path / "x.json", text))
    assert len(result.listens) == 2
    assert "2 entries are of an unknown kind, with the keys colour." in result.said


def test_a_document_larger_than_memory_should_hold_is_opened(tmp_path: Path) -> None:
    rows = [scrobble(i, f"Song {i}") for i in range(20_000)]
    text = json.dumps({"username": "rj", "n": 5, "scrobbles": rows, "last": 1}, indent=1)
    assert len(text) > 8 << 20
    result = Result(written(tmp_path / "x.json", text), FormatChoice())
    assert (len(result.listens), result.bad) == (20_000, [])
    assert {one.listener for one in result.listens} == {"rj"}


def test_a_cut_off_document_gives_what_is_whole(tmp_path: Path) -> None:
    text = json.dumps({"username": "rj", "scrobbles": [scrobble(i) for i in range(9)]})[:-100]
    result = Result(written(tmp_path / "x.json", text), FormatChoice())
    assert len(result.listens) == 8
    assert [bad.reason for bad in result.bad] == ["From here on it is no JSON, or cut off."]


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        '{"a":' * 100_000,
        "[" * 40 + json.dumps(scrobble(0)) + "]" * 40,
        '{"a": "' + "x" * (9 << 20) + '"}',
        '[{"artist": ' + "[" * 5000 + "]" * 5000 + "}]",
    ],
    ids=range(5),
)
def test_hostile_json_is_read_or_refused(tmp_path: Path, text: str) -> None:
    try:
        result = Result(written(tmp_path / "x.json", text))
    except FormatError:
        return
    assert len(result.listens) == 1


def test_a_bomb_in_gzip_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "x.json.gz", gzip.compress(b"[" + b" " * (60 << 20)))
    with pytest.raises(FormatError, match="ZIP bomb"):
        Result(path)
    cut = gzip.compress(json_lines(TWO * 1000))
    with pytest.raises(FormatError, match="damaged"):
        Result(written(tmp_path / "cut.gz", cut[: len(cut) // 2]))


def test_several_tables_in_a_zip_are_read_together_or_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("2022.csv", f"artist,title,time\nAda,Blue,{START}\n")
        archive.writestr("2023.csv", f"artist,title,time\nAda,Red,{START}\n")
    assert [one.recording.title for one in Result(tmp_path / "x.zip").listens] == ["Blue", "Red"]
    with zipfile.ZipFile(tmp_path / "y.zip", "w") as archive:
        archive.writestr("plays.csv", f"artist,title,time\nAda,Blue,{START}\n")
        archive.writestr("totals.csv", "artist,title,plays\nAda,Blue,7\n")
    with pytest.raises(FormatError, match=r"several tables, plays.csv, totals.csv"):
        Result(tmp_path / "y.zip")


def test_a_chosen_format_reads_only_its_records(tmp_path: Path) -> None:
    path = written(tmp_path / "x.json", json.dumps([*TWO, *TRACKS]))
    assert len(Result(path).listens) == 4
    assert len(Result(path, FormatChoice("lastfm", "ann")).listens) == 2


def test_a_file_of_which_nothing_can_be_used_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "x.jsonl", json_lines(TWO))
    with Catalog(tmp_path / "home") as catalog:
        with pytest.raises(FormatError, match=r"none of its 2 entries could be used.*--listener"):
            import_file(catalog, path, FormatChoice())
        assert import_file(catalog, path, ANN).listens == 2


def test_the_names_in_a_record_win_over_those_around_it(tmp_path: Path) -> None:
    text = json.dumps(
        {"user_name": "eve", "listens": [listen(0) | {"user_name": "bob"}, listen(1)]}
    )
    result = Result(written(tmp_path / "x.json", text), FormatChoice())
    assert [one.listener for one in result.listens] == ["bob", "eve"]
    assert isinstance(result.all[0], Listen)
