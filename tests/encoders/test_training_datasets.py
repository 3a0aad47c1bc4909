"""The public data sets, in tiny copies of their own layouts."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

import pytest
from torchaudio.datasets import gtzan as lists

from encoders.training.clips import Corpus, CorpusError
from encoders.training.datasets import DATASETS, fma, gtzan, jamendo, msd, mtat


def touch(root: Path, names: Iterable[str]) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def named(corpus: Corpus) -> list[list[str]]:
    return [[c.path.stem for c in part] for part in (corpus.train, corpus.valid, corpus.test)]


def test_gtzan_is_parted_by_the_filtered_lists(tmp_path: Path) -> None:
    parts = lists.filtered_train[:400:40], lists.filtered_valid[::30], lists.filtered_test[::30]
    known = {*lists.filtered_train, *lists.filtered_valid, *lists.filtered_test}
    everything = (f"{genre}.{n:05d}" for genre in ("jazz", "reggae", "metal") for n in range(100))
    left_out = next(name for name in everything if name not in known)
    names = [left_out, *itertools.chain(*parts)]
    touch(tmp_path, (f"genres/{name.partition('.')[0]}/{name}.wav" for name in names))
    corpus = gtzan(tmp_path)
    assert named(corpus) == [list(part) for part in parts]
    assert len(corpus.tags) == 10
    assert corpus.exclusive
    assert all(clip.path.name.startswith(clip.tags[0]) for clip in corpus.train)


def test_mtat_is_parted_by_folder_and_clips_without_tags_are_left_out(tmp_path: Path) -> None:
    tags = [f"tag {number}" for number in range(60)]
    lines, info = ["\t".join(["clip_id", *tags, "mp3_path"])], ["clip_id\tartist"]
    for number, folder in enumerate("0123456789abcdef"):
        for kind in range(3):
            clip = f"{number}{kind}"
            # Fifty tags are common, on clips of kind 0; ten are of one clip of kind 1.
            rare = kind == 1 and number == 0
            has = [str(int(rare if n < 10 else kind == 0)) for n in range(60)]
            lines.append("\t".join([clip, *has, f"{folder}/{clip}.mp3"]))
            info.append(f"{clip}\tartist {number}")
    (tmp_path / "annotations_final.csv").write_text("\n".join(lines) + "\n")
    (tmp_path / "clip_info_final.csv").write_text("\n".join(info) + "\n")
    touch(tmp_path, (f"{f}/{n}0.mp3" for n, f in enumerate("0123456789abcdef")))
    corpus = mtat(tmp_path)
    assert corpus.tags == tuple(sorted(tags[10:]))
    assert [len(corpus.train), len(corpus.valid), len(corpus.test)] == [12, 1, 3]
    assert corpus.valid[0].path == tmp_path / "c" / "120.mp3"
    assert corpus.test[0].artist == "artist 13"


def test_msd_takes_lists_and_the_tag_database(tmp_path: Path) -> None:
    tracks = [f"TRAB{letter}CD128F42{n:04d}" for n, letter in enumerate("ABCDEF")]
    with closing(sqlite3.connect(tmp_path / "lastfm_tags.db")) as database:
        database.execute("CREATE TABLE tids (tid TEXT)")
        database.execute("CREATE TABLE tags (tag TEXT)")
        database.execute("CREATE TABLE tid_tag (tid INT, tag INT, val FLOAT)")
        database.executemany("INSERT INTO tids VALUES (?)", [(track,) for track in tracks])
        database.executemany("INSERT INTO tags VALUES (?)", [("rock",), ("jazz",)])
        pairs = [(n + 1, n % 2 + 1, 100.0) for n in range(5)]  # the last track has none
        database.executemany("INSERT INTO tid_tag VALUES (?, ?, ?)", pairs)
        database.commit()
    for name, part in (("train", tracks[:3]), ("valid", tracks[3:4]), ("test", tracks[4:])):
        (tmp_path / f"{name}.txt").write_text("\n".join(part) + "\n")
    touch(tmp_path, (f"A/B/{t[4]}/{t}.mp3" for t in tracks))
    corpus = msd(tmp_path)
    assert corpus.tags == ("rock", "jazz")
    assert named(corpus) == [tracks[:3], tracks[3:4], tracks[4:5]]
    assert [clip.tags for clip in corpus.train] == [("rock",), ("jazz",), ("rock",)]


def test_fma_reads_its_table_of_two_headers(tmp_path: Path) -> None:
    (tmp_path / "fma_metadata").mkdir()
    (tmp_path / "fma_metadata" / "tracks.csv").write_text(
        ",artist,set,set,track\n,id,split,subset,genre_top\ntrack_id,,,,\n"
        "2,1,training,small,Rock\n5,1,training,small,Folk\n140,7,validation,small,Rock\n"
        "3000,8,test,small,Folk\n4000,9,test,large,Rock\n5000,9,test,small,\n"
    )
    places = ["000/000002", "000/000005", "000/000140", "003/003000", "005/005000"]
    touch(tmp_path, (f"fma_small/{place}.mp3" for place in places))
    corpus = fma(tmp_path)
    assert named(corpus) == [["000002", "000005"], ["000140"], ["003000"]]
    assert corpus.tags == ("Folk", "Rock")
    assert corpus.train[0].artist == "1"


@pytest.mark.parametrize("place", ["14/214.mp3", "raw_30s/audio-low/14/214.low.mp3"])
def test_jamendo_reads_its_splits(tmp_path: Path, place: str) -> None:
    folder = tmp_path / "data" / "splits" / "split-0"
    folder.mkdir(parents=True)
    head = "TRACK_ID\tARTIST_ID\tALBUM_ID\tPATH\tDURATION\tTAGS\n"
    for part in ("train", "validation", "test"):
        (folder / f"autotagging_top50tags-{part}.tsv").write_text(
            f"{head}track_0000214\tartist_000014\talbum_000031\t14/214.mp3\t124.6\t"
            "genre---rock\tmood/theme---film\n"
        )
    touch(tmp_path, [place])
    corpus = jamendo(tmp_path)
    assert corpus.tags == ("genre---rock", "mood/theme---film")
    assert corpus.test[0].path == tmp_path / place
    assert corpus.test[0].artist == "artist_000014"


@pytest.mark.parametrize("name", DATASETS)
def test_a_folder_of_something_else_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(CorpusError, match=str(tmp_path)):
        DATASETS[name](tmp_path)
