"""Where labelled clips come from: a public data set, a CSV, a folder of folders, or a home."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from earshot.commands.tagger_training.options import TaggerOptions
from encoders.training.clips import (
    PARTS,
    Clip,
    Corpus,
    CorpusError,
    corpus,
    most_common,
    split_by_artist,
)
from encoders.training.datasets import DATASETS
from recsys.catalog import Catalog
from recsys.evaluation.labels import LabelsError, catalogue_labels, read_table, split_labels
from recsys.home.settings import load_settings
from recsys.library.file_tags import read_tags
from recsys.library.suffixes import AUDIO_SUFFIXES

_SPLIT = "split"  # the column that says which part a clip is in
_PART_NAMES = {"train": 0, "training": 0, "valid": 1, "validation": 1, "val": 1, "test": 2}


def read_corpus(options: TaggerOptions, taught: Sequence[str] = ()) -> Corpus:
    """Read what the arguments name. Raises CorpusError, LabelsError, CatalogError.

    Tags that are `taught` take the place of labels, which the clips then need not have.
    """
    source = options.source
    if source is None:
        name, table = _of_home(options)
    elif options.dataset:
        labelled = DATASETS[options.dataset](source)
        return replace(labelled, tags=tuple(taught)) if taught else labelled
    elif source.is_dir():
        name, table = source.name, _of_folder(source, labelled=bool(options.by))
    else:
        name, table = source.stem, _of_csv(source, options.by)
    if table.empty:
        raise CorpusError(f"{name} has no {'' if taught else 'labelled '}clips.")
    clips = [
        Clip(Path(path), tuple(split_labels(tags)), artist)
        for path, tags, artist in zip(table["path"], table["tags"], table["artist"], strict=True)
    ]
    tags = sorted(most_common(clips, options.tags))
    drawn = f"artist-disjoint, drawn with seed {options.recipe.seed}"
    how = f"its column {_SPLIT}" if _SPLIT in table.columns else drawn
    if not taught:
        clips = [clip for clip in clips if set(clip.tags) & set(tags)]
    if _SPLIT in table.columns:
        parts = _by_split(clips, table[_SPLIT])
    else:
        parts = list(split_by_artist(clips, options.recipe.seed))
    if taught:
        train, valid, test = map(tuple, parts)
        return Corpus(name, tuple(taught), train, valid, test, how)
    return corpus(name, parts, tags, how)


def artist_of(path: Path) -> str:
    """Return whose a file is by its tags or its own name, and not by those of folders."""
    return read_tags(path).artist


def _of_csv(path: Path, by: str) -> pd.DataFrame:
    labels = read_table(path, ["path", by] if by else ["path"])
    table = pd.DataFrame({"path": [path.parent / name for name in labels["path"]]})
    table["tags"] = labels[by] if by else ""
    if "artist" in labels.columns:
        table["artist"] = labels["artist"]
    else:
        table["artist"] = [artist_of(clip) for clip in table["path"]]
    if _SPLIT in labels.columns:
        table[_SPLIT] = labels[_SPLIT]
    return table[table["tags"] != ""] if by else table


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


def _of_home(options: TaggerOptions) -> tuple[str, pd.DataFrame]:
    settings = load_settings(options.home)
    with Catalog(settings.home, settings.database) as catalog:
        labels = catalogue_labels(catalog)
        if options.by and options.by not in labels.columns:
            raise LabelsError(
                f'There is no column "{options.by}"; got {", ".join(labels.columns)}.'
            )
        paths = {track.id: track.path for track in catalog.available_tracks() if not track.part}
    if options.by:
        labels = labels[labels[options.by] != ""]
    labels = labels[labels.index.isin(list(paths))]  # parts of files are no clips
    table = pd.DataFrame({"path": [paths[i] for i in labels.index]})
    table["tags"] = labels[options.by].to_numpy() if options.by else ""
    table["artist"] = labels["artist"].to_numpy()
    return "the library", table


def _by_split(clips: Sequence[Clip], names: pd.Series[str]) -> list[list[Clip]]:
    parts: list[list[Clip]] = [[] for _ in PARTS]
    for clip, part in zip(clips, names, strict=True):
        if part not in _PART_NAMES:
            raise CorpusError(f'The column {_SPLIT} has "{part}"; wanted {", ".join(_PART_NAMES)}.')
        parts[_PART_NAMES[part]].append(clip)
    return parts
