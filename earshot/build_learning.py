"""Learning by default: a build trains a head from the files' tags, and adopts it if it helps.

It learns again after the library has grown by half, or has a new projection. A head that was
trained on labels of the user's own (`earshot train-head --labels`), or removed, is left alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from encoders.head import Head, HeadError
from recsys.home.files import HEAD_NAME
from recsys.home.home import Home
from recsys.training.head_data import FROM_TAGS
from recsys.training.head_validation import Verdict
from recsys.training.positives import artist_numbers
from recsys.training.tag_labels import trusted_labels

MIN_TRACKS = 100
MIN_ARTISTS = 20  # with two tracks or more
GROWTH = 1.5  # of the library, after which a head is trained again
MAX_TRACKS = 4000  # a sample of the artists of a larger library, so that the time is bounded
SPLITS, SEED = 3, 0


@dataclass(frozen=True)
class Learned:
    """What a build learned: from so many artists, with this verdict."""

    n_artists: int
    verdict: Verdict

    def as_json(self) -> dict[str, Any]:
        """Return the outcome as `earshot build --json` prints it."""
        return {"artists": self.n_artists, **self.verdict.as_json()}

    @property
    def sentence(self) -> str:
        """The outcome in one sentence."""
        default, whitening = self.verdict.default, self.verdict.whitening
        if self.verdict.adopted:
            gain = default.artist.diff / max(default.artist.baseline, 1e-9)
            return (
                f"Learned from {self.n_artists:,} artists: {gain:.0%} more of an artist's tracks "
                f"among the five nearest, genres {'kept' if default.genre else 'not known'}."
            )
        if not default.artist_rises:
            why = "their tracks are not found better by it"
        elif not default.genre_kept:
            why = "it would mix genres"
        elif not whitening.artist_rises:
            why = "the tracks would be found as well without their names"
        else:
            why = "genres would be kept better without the artists' names"
        return f"Nothing learned from {self.n_artists:,} artists, as {why}."


def is_automatic(home: Path) -> bool:
    """Return whether the home's last head was trained from tags, and not removed since."""
    card = _card(home)
    return card is not None and card["data"]["labels"] == FROM_TAGS and not card.get("removed")


def learn_similarity(home: Home, show: Callable[[int, int], None]) -> Learned | None:
    """Train a head from the tags if that is due and they are enough; adopt it by the gate.

    Returns None if nothing was trained.
    """
    if not _is_due(home):
        return None
    labels = trusted_labels(home.catalog)
    labels = sample(labels.loc[labels.index.isin(home.index.ids)], SEED)
    n_artists = _n_artists(labels)
    if len(labels) < MIN_TRACKS or n_artists < MIN_ARTISTS:
        return None
    from earshot.head_learning import HeadTraining, take_over, train_head, training_data  # noqa: PLC0415 - torch, slow to load
    from encoders.head_training import DEFAULT_WEIGHTS, LOSSES  # noqa: PLC0415

    # The closed form alone: gradient descent gains little and takes most of the time.
    training = HeadTraining(
        DEFAULT_WEIGHTS, LOSSES[0], splits=SPLITS, seed=SEED, epochs=0, source=FROM_TAGS
    )
    labels, data = training_data(home, labels, training.alike, show)
    trained = train_head(home, labels, data, training, show)
    take_over(home, trained, show)
    return Learned(n_artists, trained.verdict)


def sample(labels: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Return all tracks of artists chosen at random, up to about MAX_TRACKS of them."""
    if len(labels) <= MAX_TRACKS:
        return labels
    artists = artist_numbers(labels)
    order = np.random.default_rng(seed).permutation(artists.max() + 1)
    chosen = order[np.cumsum(np.bincount(artists)[order]) <= MAX_TRACKS]
    return labels[np.isin(artists, chosen)]


def _n_artists(labels: pd.DataFrame) -> int:
    """Return the number of artists with two tracks or more."""
    return int((np.bincount(artist_numbers(labels), minlength=1) >= 2).sum())


def _is_due(home: Home) -> bool:
    """Return whether there is no head yet, the projection is new, or the library has grown."""
    folder = home.settings.home
    card = _card(folder)
    if card is None:
        return not home.projection.has_head
    if not is_automatic(folder):
        return False
    if card["projection"] != home.projection.default.id:
        return True
    return len(home.index) >= GROWTH * int(card["data"].get("library", card["data"]["tracks"]))


def _card(home: Path) -> dict[str, Any] | None:
    """Return the card of the last trained head, None where there is none that can be read."""
    try:
        return Head.load(home / HEAD_NAME)[1]
    except HeadError:
        return None
