"""`earshot import` on files as the services write them, and on broken ones."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from commands import Commands, finish, start
from commands import make_home as make_empty_home
from made_artists import make_artists
from made_home import make_home
from sounds import tune, write

from encoders.features import AudioInfo
from recsys.catalog import Catalog, ScannedFile, Tags

MBID = "0b5a3b4e-1c1e-4d3a-9a55-5f0f6f1f2a01"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """24 tracks of six artists; `Song 0` to `Song 3` are Ada's."""
    make_home(tmp_path / "home", tmp_path / "music")
    return tmp_path / "home"


def listen(at: int, artist: str, title: str, **info: Any) -> dict[str, Any]:
    metadata = {"artist_name": artist, "track_name": title, "additional_info": info}
    return {"listened_at": at, "track_metadata": metadata}


def json_lines(entries: Sequence[object]) -> str:
    return "".join(json.dumps(entry) + "\n" for entry in entries)


def history(home: Path, name: str) -> dict[int, int]:
    """How often somebody listened to each track."""
    with Catalog(home) as catalog:
        person = catalog.listener(name)
        assert person
        found = catalog.history(person.id)
    return dict(zip(found.track_ids.tolist(), found.counts.astype(int).tolist(), strict=True))


def add_track(home: Path, tags: Tags) -> None:
    """Put track 25 into the catalogue."""
    audio = AudioInfo(200.0, 44_100, 2, "flac", "f" * 32)
    with Catalog(home) as catalog:
        catalog.record_files([ScannedFile(None, home / "new.flac", 1, 1, audio, tags)])


def imported(earshot: Commands, *arguments: str | Path) -> dict[str, Any]:
    """Import where nothing is to go wrong; return the figures of all."""
    result = earshot.run("import", *arguments, "--json")
    assert result.status == 0, result.err
    figures: dict[str, Any] = result.json
    return figures


def test_a_listenbrainz_export(earshot: Commands, home: Path, tmp_path: Path) -> None:
    path = tmp_path / "export.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("user.json", json.dumps({"user_id": 7, "user_name": "ann"}))
        january = [listen(1_700_000_000 + i, "Ada", "Song 1") for i in range(3)]
        archive.writestr("listens/2024/1.jsonl", json_lines(january))
        february = [listen(1_710_000_000, "Bix", "Song 4"), listen(1_710_000_900, "No", "One")]
        archive.writestr("listens/2024/2.jsonl", json_lines(february))
        hate = {"recording_mbid": MBID, "score": -1, "created": 1_710_000_000}
        hate |= {"track_metadata": {"artist_name": "Cleo", "track_name": "Song 8"}}
        archive.writestr("feedback.jsonl", json_lines([hate]))
    figures = imported(earshot, path, "--unmatched", "5")
    (file,) = figures["files"]
    assert (file["format"], file["listens"], file["feedback"], file["new"]) == (
        "listenbrainz",
        5,
        1,
        6,
    )
    assert [(row["title"], row["listens"]) for row in figures["unmatched"]] == [("One", 1)]
    assert history(home, "ann") == {2: 3, 5: 1}
    with Catalog(home) as catalog:
        ann = catalog.listener("ann")
        assert ann
        assert [(said.track_id, said.kind) for said in catalog.feedback(ann.id)] == [(9, "dislike")]
        users = catalog.interactions()
        assert users.counts.toarray()[0, [1, 4]].tolist() == [3, 1]
        assert users.counts.sum() == 4


def test_the_same_again_changes_nothing(earshot: Commands, home: Path, tmp_path: Path) -> None:
    entries = [listen(1_700_000_000 + i, "Ada", f"Song {i % 3}") for i in range(9)]
    first, longer = tmp_path / "first.jsonl", tmp_path / "longer.jsonl"
    first.write_text(json_lines(entries[:6]))
    longer.write_text(json_lines(entries))
    assert imported(earshot, first, "--listener", "ann")["files"][0]["new"] == 6
    before = history(home, "ann")
    again = imported(earshot, first, "--listener", "ann")["files"][0]
    assert (again["new"], again["changed"], again["known"]) == (0, 0, 6)
    assert history(home, "ann") == before
    assert imported(earshot, longer, "--listener", "ann")["files"][0]["new"] == 3
    assert history(home, "ann") == {1: 3, 2: 3, 3: 3}


def test_lastfm_pages_and_what_plays_now(earshot: Commands, home: Path, tmp_path: Path) -> None:
    def entry(title: str, uts: int | None) -> dict[str, Any]:
        track = {"name": title, "mbid": "", "artist": {"#text": "Ada", "mbid": ""}}
        track |= {"album": {"#text": "Ada live", "mbid": ""}}
        if uts is None:
            return track | {"@attr": {"nowplaying": "true"}}
        return track | {"date": {"uts": str(uts), "#text": "some day"}}

    pages = [
        {"recenttracks": {"@attr": {"user": "bob"}, "track": [entry("Song 0", None)]}},
        {"recenttracks": {"@attr": {"user": "bob"}, "track": [entry("Song 0", 1_700_000_000)]}},
        {"recenttracks": {"@attr": {"user": "bob"}, "track": entry("Song 3", 1_700_000_300)}},
    ]
    path = tmp_path / "scrobbles.json"
    path.write_text(json.dumps(pages))
    file = imported(earshot, path)["files"][0]
    assert (file["format"], file["listens"], file["bad"]) == ("lastfm", 2, 0)
    assert history(home, "bob") == {1: 1, 4: 1}


def test_tables_of_counts(earshot: Commands, home: Path, tmp_path: Path) -> None:
    table = pd.DataFrame({"who": ["ann", "ann", "bob"], "song": ["Song 0", "Song 1", "Song 0"]})
    table = table.assign(by="Ada", n=[5, 2, 1])
    csv, parquet = tmp_path / "plays.csv", tmp_path / "plays.parquet"
    table.to_csv(csv, index=False)
    columns = "user=who,title=song,artist=by,count=n"
    file = imported(earshot, csv, "--columns", columns)["files"][0]
    assert (file["format"], file["counts"]) == ("csv", 3)
    assert history(home, "ann") == {1: 5, 2: 2}
    table.assign(n=[6, 2, 1]).to_parquet(parquet)  # a count is what it is, not what is added
    changed = imported(earshot, parquet, "--columns", columns)["files"][0]
    assert (changed["format"], changed["changed"], changed["known"]) == ("parquet", 1, 2)
    assert history(home, "ann") == {1: 6, 2: 2}


def test_research_tables_are_kept_also_where_they_match_nothing(
    earshot: Commands, home: Path, tmp_path: Path
) -> None:
    user, song = "b80344d063b5ccb3212f76538f3d9e43d87dca9e", "SOAKIMP12A8C130995"
    triplets = tmp_path / "train_triplets.txt"
    triplets.write_text(f"{user}\t{song}\t3\n")
    (tmp_path / "hetrec").mkdir()
    artists = tmp_path / "hetrec" / "user_artists.dat"
    artists.write_text("userID\tartistID\tweight\n2\t51\t13883\n")
    (artists.parent / "artists.dat").write_text("id\tname\turl\tpictureURL\n51\tAda\tx\ty\n")
    figures = imported(earshot, triplets, artists, "--unmatched", "9")
    assert [file["format"] for file in figures["files"]] == ["msd", "hetrec"]
    assert figures["listeners"] == 2
    unmatched = [(row["item"], row["listens"]) for row in figures["unmatched"]]
    assert unmatched == [("51", 13883), (song, 3)]
    found = {(row["kind"], row["rung"]): row["listens"] for row in figures["matched"]}
    assert found == {("recording", None): 3, ("artist", None): 13883}
    assert history(home, "2") == {}  # of an artist, no track in particular


@pytest.mark.parametrize(
    ("heard", "rung", "track_id"),
    [
        (("Whoever", "Whatever", {"recording_mbid": MBID}), "mbid", 25),
        (("Whoever", "Whatever", {"isrc": "GBAYE0601498"}), "isrc", 25),
        (("ZÉ", "Bright Morning (2011 Remaster)", {}), "name", 25),
        (("Ze", "Brigth Morning", {}), "fuzzy", 25),
        (("Ze", "Bright Morning (Live)", {}), None, None),
        (("Ze", "Dark Evening", {}), None, None),
    ],
)
def test_the_rungs(
    earshot: Commands,
    home: Path,
    tmp_path: Path,
    heard: tuple[str, str, dict[str, str]],
    rung: str | None,
    track_id: int | None,
) -> None:
    add_track(home, Tags("Bright Morning", "Zé", recording_mbid=MBID, isrc="GBAYE0601498"))
    path = tmp_path / "listens.jsonl"
    path.write_text(json_lines([listen(1_700_000_000, heard[0], heard[1], **heard[2])]))
    figures = imported(earshot, path, "--listener", "ann")
    assert [row["rung"] for row in figures["matched"]] == [rung]
    assert history(home, "ann") == ({} if track_id is None else {track_id: 1})


def test_what_matched_nothing_is_found_when_the_track_comes(
    earshot: Commands, home: Path, tmp_path: Path
) -> None:
    path, other = tmp_path / "listens.jsonl", tmp_path / "other.jsonl"
    path.write_text(json_lines([listen(1_700_000_000, "Zoe", "Later")]))
    other.write_text(json_lines([listen(1_700_000_000, "Ada", "Song 0")]))
    imported(earshot, path, "--listener", "ann")
    assert history(home, "ann") == {}
    add_track(home, Tags("Later", "Zoe"))
    imported(earshot, other, "--listener", "bob")
    assert history(home, "ann") == {25: 1}


def test_bad_lines_are_counted_and_named(earshot: Commands, home: Path, tmp_path: Path) -> None:
    path = tmp_path / "listens.jsonl"
    good = [listen(1_700_000_000 + i, "Ada", "Song 0") for i in range(2)]
    bad = ["{", json.dumps(listen(-5, "Ada", "Song 0")), '{"listened_at": 1700000000}']
    path.write_text("\n".join([json.dumps(good[0]), *bad, json.dumps(good[1])]))
    result = earshot.run("import", path, "--listener", "ann")
    assert result.status == 0
    text = result.out.decode()
    assert "3 could not be used" in text
    assert all(f"line {number}: " in text for number in (2, 3, 4))
    assert history(home, "ann") == {1: 2}


@pytest.mark.parametrize(
    "content", [b"", b"ID3\0\0\0", b"PK\3\4 cut off", b"a poem\nof two lines\n"]
)
def test_what_is_no_history_is_refused_and_the_rest_goes_on(
    earshot: Commands, home: Path, tmp_path: Path, content: bytes
) -> None:
    strange, good = tmp_path / "strange", tmp_path / "good.jsonl"
    strange.write_bytes(content)
    good.write_text(json_lines([listen(1_700_000_000, "Ada", "Song 0")]))
    result = earshot.run("import", strange, good, "--listener", "ann")
    assert result.status == 1
    assert "strange" in result.err
    assert history(home, "ann") == {1: 1}


def test_usage(earshot: Commands, tmp_path: Path) -> None:
    table = tmp_path / "plays.csv"
    table.write_text("who,title,artist\nann,Song 0,Ada\n")
    nobody = earshot.run("import", table)
    assert nobody.status == 1
    assert "--listener" in nobody.err
    role = earshot.run("import", table, "--columns", "wh=who")
    assert role.status == 2
    assert "wh" in role.err
    missing = earshot.run("import", tmp_path / "none.jsonl")
    assert missing.status == 1
    assert "none.jsonl" in missing.err


def test_an_import_says_what_became_of_it(earshot: Commands, home: Path, tmp_path: Path) -> None:
    path = tmp_path / "listens.jsonl"
    entries = [listen(1_700_000_000 + i, "Zoe", "Blue") for i in range(2)]
    path.write_text(json_lines([*entries, listen(1_700_000_000, "Zoe", "Red")]) + "{\n")
    result = earshot.run("import", path, "--listener", "ann", "--unmatched", 1)
    text = result.out.decode()
    assert "listens.jsonl (listenbrainz): 3 listens" in text
    assert "3 new, 0 changed, 0 imported before" in text
    assert "line 4: It is no JSON" in text
    assert "no match" in text
    assert "2  Zoe - Blue" in text
    assert "Zoe - Red" not in text


def test_what_might_please_many_is_learned_where_sound_tells_it(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The genre, which the sound tells, is what makes tracks be played."""
    monkeypatch.setattr("recsys.popularity.measure.N_RESAMPLES", 100)
    earshot = Commands(tmp_path / "home", capfdbinary)
    make_artists(earshot.home, tmp_path / "music", 120)
    rng = np.random.default_rng(0)
    rows = [
        {"user": f"person {person}", "title": f"Song {n}", "artist": f"Artist {n // 4}"}
        for person in range(12)
        for n in range(120)
        if rng.random() < (0.9, 0.6, 0.3, 0.1)[n // 4 % 4]
    ]
    path = tmp_path / "plays.csv"
    pd.DataFrame(rows).to_csv(path, index=False)
    columns = "user=user,title=title,artist=artist"
    said = earshot.run("import", path, "--columns", columns).out.decode()
    assert "What might please many was learned from" in said
    assert (earshot.home / "popularity.safetensors").exists()
    assert "popularity" in imported(earshot, path, "--columns", columns)
    assert imported(earshot, path, "--columns", columns)["popularity"] is None, "nothing is new"
    for name in ("popularity.safetensors", "reports/popularity.json"):
        (earshot.home / name).unlink()
    (earshot.home / "earshot.toml").write_text('learn = "off"\n')
    assert imported(earshot, path, "--columns", columns)["popularity"] is None
    assert not (earshot.home / "popularity.safetensors").exists()


def test_a_build_finds_what_was_heard_before_the_track_came(
    tmp_path: Path, weights: Path, music: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    earshot = Commands(make_empty_home(tmp_path / "empty", weights), capfdbinary)
    path = tmp_path / "listens.jsonl"
    titles = ("Blue", "Blue", "Red")
    path.write_text(json_lines([listen(1_700_000_000 + i, "Zoe", t) for i, t in enumerate(titles)]))
    imported(earshot, path, "--listener", "ann")
    write(music / "blue.flac", tune(1), title="Blue", artist="Zoe")
    earshot.build_json(music)
    assert history(earshot.home, "ann") == {1: 2}
    write(music / "red.flac", tune(2), title="Red", artist="Zoe")
    result = earshot.build(music)
    assert b"1 recordings of listening histories match other tracks now" in result.out
    assert history(earshot.home, "ann") == {1: 2, 2: 1}
    assert b"another match" not in earshot.build(music).out


def test_a_table_is_imported_by_a_process_of_its_own(
    earshot: Commands, home: Path, tmp_path: Path
) -> None:
    path = tmp_path / "plays.csv"
    path.write_text("by;song;n\nAda;Song 0;3\n")
    columns = "artist=by,title=song,count=n"
    arguments = ("--home", home, "--listener", "Änne", "--columns", columns, "--json")
    result = finish(start("import", path, *arguments))
    assert result.status == 0, result.err
    assert history(home, "Änne") == {1: 3}
