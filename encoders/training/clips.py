"""Labelled clips to train taggers on, split into parts that share no artist."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Part = Literal["train", "valid", "test"]
PARTS: tuple[Part, ...] = ("train", "valid", "test")
SHARES = (0.6, 0.15, 0.25)  # of the clips, where nothing says how to split them
N_DRAWS = 500


class CorpusError(ValueError):
    """Clips cannot be trained on; the message says which and why."""


@dataclass(frozen=True)
class Clip:
    """An audio file, its tags and its artist; clips without an artist count as one artist each."""

    path: Path
    tags: tuple[str, ...]
    artist: str = ""


@dataclass(frozen=True)
class Corpus:
    """Clips in three parts.

    tags    in the order of the outputs
    split   how the clips were split, in words
    """

    name: str
    tags: tuple[str, ...]
    train: tuple[Clip, ...]
    valid: tuple[Clip, ...]
    test: tuple[Clip, ...]
    split: str

    def __post_init__(self) -> None:
        if len(self.tags) < 2:
            raise CorpusError(f"{self.name} has {len(self.tags)} tags; there must be at least 2.")
        for part in PARTS:
            if not self.part(part):
                raise CorpusError(f"{self.name} has no clips to {_PURPOSE[part]}.")

    def part(self, part: Part) -> tuple[Clip, ...]:
        """Return the clips of a part."""
        clips: tuple[Clip, ...] = getattr(self, part)
        return clips

    @property
    def exclusive(self) -> bool:
        """Whether every clip has just one tag, so that one of them is right."""
        return all(len(clip.tags) == 1 for part in PARTS for clip in self.part(part))


_PURPOSE = {"train": "train on", "valid": "validate on", "test": "test on"}


def most_common(clips: Iterable[Clip], n: int | None = None) -> tuple[str, ...]:
    """Return the `n` tags that most clips have, all of them for None; ties by name."""
    counts = Counter(tag for clip in clips for tag in clip.tags)
    return tuple(sorted(counts, key=lambda tag: (-counts[tag], tag))[:n])


def corpus(name: str, parts: Sequence[Sequence[Clip]], tags: Sequence[str], split: str) -> Corpus:
    """Make a corpus of three parts; other tags and clips that have none of `tags` are left out."""
    known = set(tags)
    tagged_parts = []
    for clips in parts:
        narrowed = (
            Clip(
                clip.path,
                tuple(tag for tag in dict.fromkeys(clip.tags) if tag in known),
                clip.artist,
            )
            for clip in clips
        )
        tagged_parts.append(tuple(clip for clip in narrowed if clip.tags))
    return Corpus(name, tuple(tags), tagged_parts[0], tagged_parts[1], tagged_parts[2], split)


def split_by_artist(
    clips: Sequence[Clip], seed: int, shares: Sequence[float] = SHARES
) -> tuple[list[Clip], list[Clip], list[Clip]]:
    """Split clips so that no artist is in two parts.

    Of N_DRAWS random ways the one is taken whose parts come nearest to having their share of every
    tag. Raises CorpusError where there are fewer than three artists.
    """
    artists, owner = np.unique(groups(clips), return_inverse=True)
    if len(artists) < len(PARTS):
        raise CorpusError(
            f"The clips are of {len(artists)} artists; three parts without a common one need 3. "
            "Say whose they are in a column artist, or part them in a column split."
        )
    tags = most_common(clips)
    counts = np.zeros((len(artists), len(tags)))
    np.add.at(counts, owner, targets(clips, tags))
    expected = np.outer(shares, counts.sum(axis=0))
    rng = np.random.default_rng(seed)
    sizes = np.bincount(owner)
    best, least = np.empty(0, np.int64), np.inf
    for _ in range(N_DRAWS):
        part = _draw(sizes, shares, rng)
        actual = np.stack([counts[part == number].sum(axis=0) for number in range(len(PARTS))])
        miss = float((np.abs(actual - expected) / np.sqrt(expected + 1)).sum())
        if miss < least:
            best, least = part, miss
    number = best[owner]
    train, valid, test = (
        [clip for clip, i in zip(clips, number, strict=True) if i == part] for part in range(3)
    )
    return train, valid, test


def _draw(
    sizes: NDArray[np.int64], shares: Sequence[float], rng: np.random.Generator
) -> NDArray[np.int64]:
    """Give each artist a part: those of a random order, up to each part's share of clips."""
    order = rng.permutation(len(sizes))
    middles = (np.cumsum(sizes[order]) - sizes[order] / 2) / sizes.sum()
    part = np.empty(len(sizes), np.int64)
    part[order] = np.searchsorted(np.cumsum(shares)[:-1], middles)
    for number in range(len(shares)):  # an artist with half of the clips can leave a part empty
        if not (part == number).any():
            part[rng.choice(np.flatnonzero(np.isin(part, _crowded(part))))] = number
    return part


def _crowded(part: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the parts that have more than one artist."""
    numbers, counts = np.unique(part, return_counts=True)
    return numbers[counts > 1]


def groups(clips: Sequence[Clip]) -> NDArray[np.str_]:
    """Return each clip's artist, a unique one where it is unknown: (n_clips,)."""
    return np.array([clip.artist or f"\0{number}" for number, clip in enumerate(clips)])


def targets(clips: Sequence[Clip], tags: Sequence[str]) -> NDArray[np.float32]:
    """Return which clip has which tag: 0 or 1, float32 (n_clips, n_tags)."""
    number = {tag: i for i, tag in enumerate(tags)}
    labels = np.zeros((len(clips), len(tags)), np.float32)
    for row, clip in enumerate(clips):
        labels[row, [number[tag] for tag in clip.tags if tag in number]] = 1.0
    return labels
