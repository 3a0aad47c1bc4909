"""Readers of the public tagging data sets, as they are unpacked, with the literature's splits.

gtzan    genres/blues/blues.00000.wav …; Tzanetakis and Cook 2002; the fault-filtered, artist-
         disjoint split of Kereliuk, Sturm and Larsen 2015, whose lists torchaudio carries
mtat     annotations_final.csv, clip_info_final.csv and the folders 0 to f; Law et al. 2009; folders
         0 to b train, c validates, d to f test; the 50 commonest tags
msd      lastfm_tags.db, train.txt, valid.txt and test.txt (a track's id a line), and the audio as
         A/B/C/TRABC….mp3; Bertin-Mahieux et al. 2011; the 50 commonest tags
fma      fma_metadata/tracks.csv and fma_small, fma_medium or fma_large; Defferrard et al. 2017; its
         own split, the tracks' top genres
jamendo  data/splits/split-N/autotagging_top50tags-*.tsv and the audio as 00/1234.mp3 or
         00/1234.low.mp3; Bogdanov et al. 2019; its own split

Of torchaudio's and mirdata's loaders only GTZAN's is used: neither reads MagnaTagATune, the Million
Song Dataset, FMA or all of Jamendo.
"""

from __future__ import annotations

import csv
import sqlite3
import string
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from types import MappingProxyType

import pandas as pd
from torchaudio.datasets import gtzan as gtzan_lists

from encoders.training.clips import Clip, Corpus, CorpusError, corpus, most_common

N_TAGS = 50
_PARTS = ("train", "validation", "test")


def gtzan(root: Path) -> Corpus:
    """Read GTZAN. Raises CorpusError."""
    parts = []
    for names in (
        gtzan_lists.filtered_train,
        gtzan_lists.filtered_valid,
        gtzan_lists.filtered_test,
    ):
        genres = [name.partition(".")[0] for name in names]
        pairs = zip(names, genres, strict=True)
        paths = [root / "genres" / genre / f"{name}.wav" for name, genre in pairs]
        parts.append([Clip(path, (genre,)) for path, genre in zip(paths, genres, strict=True)])
    tags = tuple(sorted({tag for clips in parts for clip in clips for tag in clip.tags}))
    return _complete("GTZAN", root, parts, tags, "fault-filtered and artist-disjoint (2015)")


def mtat(root: Path) -> Corpus:
    """Read MagnaTagATune. Clips without any of the 50 tags are left out. Raises CorpusError."""
    artists = {
        row["clip_id"]: row.get("artist") or ""
        for row in _rows(root / "clip_info_final.csv", "\t", ("clip_id", "artist"))
    }
    by_folder: dict[str, list[Clip]] = {folder: [] for folder in string.hexdigits[:16]}
    for row in _rows(root / "annotations_final.csv", "\t", ("clip_id", "mp3_path")):
        path = row["mp3_path"]
        tags = tuple(tag for tag, has in row.items() if has == "1" and tag != "clip_id")
        if path[:1] in by_folder:
            clip = Clip(root / path, tags, artists.get(row["clip_id"], ""))
            by_folder[path[0]].append(clip)
    parts = [
        [clip for folder in folders for clip in by_folder[folder]]
        for folders in ("0123456789ab", "c", "def")
    ]
    tags = most_common((clip for clips in parts for clip in clips), N_TAGS)
    return _complete("MagnaTagATune", root, parts, tags, "folders 0-b, c, d-f")


def msd(root: Path) -> Corpus:
    """Read the Million Song Dataset with Last.fm's tags. Raises CorpusError."""
    database = root / "lastfm_tags.db"
    if not database.is_file():
        raise CorpusError(f"There is no {database}: it holds Last.fm's tags.")
    track_tags: dict[str, list[str]] = {}
    try:
        with closing(sqlite3.connect(f"{database.resolve().as_uri()}?mode=ro", uri=True)) as db:
            query = (
                "SELECT tids.tid, tags.tag FROM tid_tag JOIN tids ON tids.ROWID = tid_tag.tid "
                "JOIN tags ON tags.ROWID = tid_tag.tag"
            )
            for track, tag in db.execute(query):
                track_tags.setdefault(track, []).append(tag)
    except sqlite3.Error as error:
        raise CorpusError(f"{database} cannot be read: {error}.") from error
    parts = []
    for name in ("train", "valid", "test"):
        ids = _lines(root / f"{name}.txt")
        parts.append([Clip(_msd_path(root, i), tuple(track_tags.get(i, ()))) for i in ids])
    tags = most_common((clip for clips in parts for clip in clips), N_TAGS)
    return _complete("Million Song Dataset, Last.fm tags", root, parts, tags, "the lists given")


def fma(root: Path) -> Corpus:
    """Read the Free Music Archive: its largest subset that is there. Raises CorpusError."""
    table_path = root / "fma_metadata" / "tracks.csv"
    try:
        table = pd.read_csv(table_path, index_col=0, header=[0, 1], low_memory=False)
        columns = {
            "split": table["set", "split"],
            "genre": table["track", "genre_top"],
            "artist": table["artist", "id"],
        }
    except (OSError, ValueError, KeyError) as error:
        raise CorpusError(
            f"{table_path} cannot be read as FMA's table of tracks: {error}."
        ) from error
    folders = [root / name for name in ("fma_large", "fma_medium", "fma_small")]
    audio = next((folder for folder in folders if folder.is_dir()), folders[-1])
    parts: dict[str, list[Clip]] = {"training": [], "validation": [], "test": []}
    for track, row in pd.DataFrame(columns).dropna(subset=["genre"]).iterrows():
        path = audio / f"{track:06d}"[:3] / f"{track:06d}.mp3"
        if row["split"] in parts and path.exists():
            parts[row["split"]].append(Clip(path, (row["genre"],), str(row["artist"])))
    clips = list(parts.values())
    tags = sorted(most_common(clip for part in clips for clip in part))
    return _complete(f"FMA ({audio.name})", audio, clips, tags, "FMA's own")


def jamendo(root: Path, split: int = 0) -> Corpus:
    """Read MTG-Jamendo's 50 commonest tags: genres, instruments, moods. Raises CorpusError."""
    folder = root / "data" / "splits" / f"split-{split}"
    parts = []
    for part in _PARTS:
        clips = []
        for line in _lines(folder / f"autotagging_top50tags-{part}.tsv")[1:]:
            _, artist, _, path, _, *tags = line.split("\t")
            audio = next((p for p in _jamendo_paths(root, path) if p.exists()), root / path)
            clips.append(Clip(audio, tuple(tags), artist))
        parts.append(clips)
    tags = sorted(most_common(clip for clips in parts for clip in clips))
    return _complete("MTG-Jamendo top 50", root, parts, tags, f"its own split {split}")


def _jamendo_paths(root: Path, path: str) -> Iterator[Path]:
    for folder in (root, root / "raw_30s" / "audio", root / "raw_30s" / "audio-low"):
        yield folder / path
        yield folder / path.replace(".mp3", ".low.mp3")


def _msd_path(root: Path, track: str) -> Path:
    return root / track[2:3] / track[3:4] / track[4:5] / f"{track}.mp3"


def _complete(
    name: str, root: Path, parts: Sequence[Sequence[Clip]], tags: Iterable[str], split: str
) -> Corpus:
    """Make a corpus of the files that are there. Raises CorpusError where a part has none."""
    existing = [[clip for clip in clips if clip.path.exists()] for clips in parts]
    if not any(existing):
        raise CorpusError(f"None of the audio of {name} is in {root}; the layout is in the docs.")
    return corpus(name, existing, tuple(tags), split)


def _rows(path: Path, delimiter: str, columns: Sequence[str]) -> Iterator[Mapping[str, str]]:
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file, delimiter=delimiter)
            lacking = [name for name in columns if name not in (reader.fieldnames or ())]
            if lacking:
                raise CorpusError(f'{path} has no column "{lacking[0]}".')
            yield from reader
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise CorpusError(f"{path} cannot be read: {error}.") from error


def _lines(path: Path) -> list[str]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CorpusError(f"{path} cannot be read: {error}.") from error
    return [line for line in text.splitlines() if line.strip()]


DATASETS: Mapping[str, Callable[[Path], Corpus]] = MappingProxyType(
    {"gtzan": gtzan, "mtat": mtat, "msd": msd, "fma": fma, "jamendo": jamendo}
)
