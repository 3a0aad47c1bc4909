"""Overview of a home: counts, index, taggers and disk space."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from index.hubs import METHODS, SHARES
from index.vector_index import VectorIndex
from recsys.catalog import Catalog, Counts, Totals
from recsys.catalog.database import FILE_NAME
from recsys.home.files import (
    DEMO_NAME,
    HEAD_NAME,
    INDEX_NAME,
    LAYOUT_NAME,
    LISTENING_NAME,
    PROJECTION_NAME,
    TAG_MEANS_NAME,
    WEIGHTS_NAME,
)

_LEVELS = (0.5, 0.9, 0.99)  # similarities whose cosines are named
_PARTS = (  # of a home, and how their files and folders begin
    ("catalogue, with all features", FILE_NAME),
    ("index", INDEX_NAME),
    ("projection", PROJECTION_NAME),
    ("tags of the index", TAG_MEANS_NAME),
    ("head", Path(HEAD_NAME).stem),
    ("listening model", Path(LISTENING_NAME).stem),
    ("map", LAYOUT_NAME),
    ("taggers' weights", WEIGHTS_NAME),
    ("demo library", DEMO_NAME),
)
# Advice by a phrase of the error of a file that could not be analysed.
_ADVICE = (
    ("is empty", "Copy it again from where it came."),
    ("no audio stream", "It has no sound: it can stay, or leave the library."),
    ("is silent", "It has no sound: it can stay, or leave the library."),
    ("nothing to analyse", "It is too short to be compared: it can stay, or leave the library."),
    ("sample rate from", "Convert it to one sample rate."),
    ("format that cannot be decoded", "Convert it to FLAC, MP3, Ogg or WAV."),
    ("cannot be read", "See to it that the file is there and may be read."),
    ("", "It is damaged, or no music: replace it by a whole copy, or convert it."),
)


class TaggerInUse(NamedTuple):
    """A tagger of an index: model, precision, and most 3 s segments of each track."""

    model: str
    precision: str
    segments: str


@dataclass(frozen=True)
class Overview:
    """The overview of a home.

    n_indexed   number of indexed tracks
    is_current  whether the library is unchanged since the index was built
    recipe, dim of the index; `hubs` is the hubness correction of its scores
    cosines     quantiles of the cosine of random pairs of tracks, by share of the pairs
    sizes       bytes of each part of the home
    """

    counts: Counts
    totals: Totals
    n_indexed: int
    is_current: bool
    recipe: str
    dim: int
    hubs: str
    taggers: tuple[TaggerInUse, ...]
    cosines: Mapping[float, float]
    sizes: Mapping[str, int]


def overview(home: Path, catalog: Catalog, index: VectorIndex, hubs: str) -> Overview:
    """Return the overview of a home."""
    manifest = index.manifest
    names = manifest.model.split("+") if manifest else []
    quantiles = index.statistics.quantiles[METHODS.index("none")]
    has_pairs = not np.isnan(quantiles[0])
    return Overview(
        counts=catalog.counts(),
        totals=catalog.totals(),
        n_indexed=len(index),
        is_current=manifest is not None and manifest.catalogue_revision == catalog.revision,
        recipe=index.recipe,
        dim=index.dim,
        hubs=hubs,
        taggers=tuple(TaggerInUse(*name.rsplit("-", 2)) for name in names),
        cosines={x: float(np.interp(x, SHARES, quantiles)) for x in _LEVELS if has_pairs},
        sizes=sizes(home),
    )


def sizes(home: Path) -> dict[str, int]:
    """Return the bytes of each part of a home, without hidden and unreadable files."""
    by_part = {name: sum(_bytes(path) for path in home.glob(f"{start}*")) for name, start in _PARTS}
    return {name: size for name, size in by_part.items() if size}


def advice(error: str) -> str:
    """Return the advice for the error of a file that could not be analysed.

    >>> advice("/music/a.mp3 is empty (0 bytes).")
    'Copy it again from where it came.'
    """
    return next(words for phrase, words in _ADVICE if phrase in error)


def _bytes(path: Path) -> int:
    files: Iterable[Path] = path.rglob("*") if path.is_dir() else [path]
    total = 0
    for file in files:
        try:
            total += file.stat().st_size if file.is_file() else 0
        except OSError:  # it went away meanwhile
            continue
    return total
