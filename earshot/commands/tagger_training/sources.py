"""Where labelled clips come from: a public data set, a CSV, a folder of folders, or a home."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from encoders.training.clips import (
    PARTS,
    Clip,
    Corpus,
    CorpusError,
    corpus,
    most_common,
    part_by_artist,
)
from encoders.training.datasets import DATASETS
from recsys.catalog import Catalog
from recsys.evaluation.labels import LabelsError, catalogue_labels, read_table, split_labels
from recsys.home.settings import load_settings
from recsys.library.file_tags import read_tags
from recsys.library.scanning import AUDIO_SUFFIXES

_SPLIT = "split"  # the column that says which part a clip is in
_SAID = {"train": 0, "training": 0, "valid": 1, "validation": 1, "val": 1, "test": 2}


def read_corpus(args: argparse.Namespace, taught: Sequence[str] = ()) -> Corpus:
    """Read what the arguments name. Raises CorpusError, LabelsError, CatalogError.

    Tags that are `taught` take the place of labels, which the clips then need not have.
    """
    if args.dataset:
        labelled = DATASETS[args.dataset](args.source)
        return replace(labelled, tags=tuple(taught)) if taught else labelled
    if args.source is None:
        name, table = _of_home(args)
    elif args.source.is_dir():
        name, table = args.source.name, _of_folder(args.source, labelled=bool(args.by))
    else:
        name, table = args.source.stem, _of_csv(args)
    if table.empty:
        raise CorpusError(f"{name} has no {'' if taught else 'labelled '}clips.")
    clips = [
        Clip(Path(path), tuple(split_labels(tags)), artist)
        for path, tags, artist in zip(table["path"], table["tags"], table["artist"], strict=True)
    ]
    tags = sorted(most_common(clips, args.tags))
    drawn = f"artist-disjoint, drawn with seed {args.seed}"
    how = f"its column {_SPLIT}" if _SPLIT in table.columns else drawn
    if not taught:
        clips = [clip for clip in clips if set(clip.tags) & set(tags)]
    if _SPLIT in table.columns:
        parts = _as_said(clips, table[_SPLIT])
    else:
        parts = list(part_by_artist(clips, args.seed))
    if taught:
        train, valid, test = map(tuple, parts)
        return Corpus(name, tuple(taught), train, valid, test, how)
    return corpus(name, parts, tags, how)


def artist_of(path: Path) -> str:
    """Return whose a file is by its tags or its own name, and not by those of folders."""
    artist = read_tags(path).artist
    return "" if artist == path.parent.parent.name else artist


def _of_csv(args: argparse.Namespace) -> pd.DataFrame:
    table = read_table(args.source, ["path", args.by] if args.by else ["path"])
    folder = args.source.parent
    found = pd.DataFrame({"path": [folder / path for path in table["path"]]})
    found["tags"] = table[args.by] if args.by else ""
    if "artist" in table.columns:
        found["artist"] = table["artist"]
    else:
        found["artist"] = [artist_of(path) for path in found["path"]]
    if _SPLIT in table.columns:
        found[_SPLIT] = table[_SPLIT]
    return found[found["tags"] != ""] if args.by else found


def _of_folder(folder: Path, *, labelled: bool) -> pd.DataFrame:
    """Take the names of the folders in a folder for the tags of the files in them.

    Files beside those folders are left out where clips must be `labelled`.
    """
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in AUDIO_SUFFIXES)
    rows = [
        (path, path.relative_to(folder).parts[0], artist_of(path))
        for path in paths
        if path.parent != folder or not labelled
    ]
    return pd.DataFrame(rows, columns=["path", "tags", "artist"])


def _of_home(args: argparse.Namespace) -> tuple[str, pd.DataFrame]:
    settings = load_settings(args.home)
    with Catalog(settings.home, settings.database) as catalog:
        labels = catalogue_labels(catalog)
        if args.by and args.by not in labels.columns:
            raise LabelsError(f'There is no column "{args.by}"; got {", ".join(labels.columns)}.')
        paths = {track.id: track.path for track in catalog.available_tracks()}
    if args.by:
        labels = labels[labels[args.by] != ""]
    found = pd.DataFrame({"path": [paths[i] for i in labels.index]})
    found["tags"] = labels[args.by].to_numpy() if args.by else ""
    found["artist"] = labels["artist"].to_numpy()
    return "the library", found


def _as_said(clips: Sequence[Clip], said: pd.Series[str]) -> list[list[Clip]]:
    parts: list[list[Clip]] = [[] for _ in PARTS]
    for clip, part in zip(clips, said, strict=True):
        if part not in _SAID:
            raise CorpusError(f'The column {_SPLIT} has "{part}"; wanted {", ".join(_SAID)}.')
        parts[_SAID[part]].append(clip)
    return parts
