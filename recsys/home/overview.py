"""A home as a whole: how much is in it, how it is indexed, what space it takes."""

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
    WEIGHTS_NAME,
)

_LEVELS = (0.5, 0.9, 0.99)  # similarities whose cosines are named
_PARTS = (  # of a home, and how their files and folders begin
    ("catalogue, with all features", FILE_NAME),
    ("index", INDEX_NAME),
    ("projection", PROJECTION_NAME),
    ("head", Path(HEAD_NAME).stem),
    ("listening model", LISTENING_NAME),
    ("map", LAYOUT_NAME),
    ("taggers' weights", WEIGHTS_NAME),
    ("demo library", DEMO_NAME),
)
# What helps, by a phrase of why a file could not be analysed.
_ADVICE = (
    ("is empty", "Copy it again from where it came."),
    ("no audio stream", "There is nothing to hear in it: it can stay, or leave the library."),
    ("is silent", "There is nothing to hear in it: it can stay, or leave the library."),
    ("nothing to analyse", "It is too short to be compared: it can stay, or leave the library."),
    ("sample rate from", "Convert it to one sample rate."),
    ("format that cannot be decoded", "Convert it to FLAC, MP3, Ogg or WAV."),
    ("cannot be read", "See to it that the file is there and may be read."),
    ("", "It is damaged, or no music: replace it by a whole copy, or convert it."),
)


class TaggerInUse(NamedTuple):
    """What listened: a model, in a precision, to at most so many segments of 3 s of each track."""

    model: str
    precision: str
    segments: str


@dataclass(frozen=True)
class Overview:
    """A home at a glance.

    n_indexed   tracks of the index
    is_current  whether nothing has changed in the library since it was made
    recipe, dim of the index; `hubs` is how its scores are corrected
    cosines     by similarity: which cosine so many of the library's random pairs do not exceed
    sizes       bytes of each part of the home that is there
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
    """Look at a home."""
    made = index.manifest
    names = made.model.split("+") if made else []
    quantiles = index.survey.quantiles[METHODS.index("none")]
    known = not np.isnan(quantiles[0])
    return Overview(
        counts=catalog.counts(),
        totals=catalog.totals(),
        n_indexed=len(index),
        is_current=made is not None and made.catalogue_revision == catalog.revision,
        recipe=index.recipe,
        dim=index.dim,
        hubs=hubs,
        taggers=tuple(TaggerInUse(*name.rsplit("-", 2)) for name in names),
        cosines={x: float(np.interp(x, SHARES, quantiles)) for x in _LEVELS if known},
        sizes=sizes(home),
    )


def sizes(home: Path) -> dict[str, int]:
    """Return the bytes of each part of a home; hidden files and what cannot be read count not."""
    found = {name: sum(_bytes(path) for path in home.glob(f"{start}*")) for name, start in _PARTS}
    return {name: size for name, size in found.items() if size}


def advice(error: str) -> str:
    """Say what helps against why a file could not be analysed.

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
