"""The popularity that a home's tracks are expected to have by their sound, and how sure that is."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
from safetensors import SafetensorError

from encoders.tensor_file import read_tensors, with_digest
from index.arrays import Float32Array, Float64Array, IndexArray
from index.storage import replacing
from recsys.home.files import POPULARITY_NAME
from recsys.home.home import Home, stamp
from recsys.home.track_table import TrackTable
from recsys.popularity.measure import OURS, Measured
from recsys.popularity.regression import Scorer


def save_popularity(home: Home, scorer: Scorer, report: Mapping[str, Any]) -> None:
    """Store what tells popularity, for the embedding of the home's index. Raises OSError."""
    arrays = {"weights": scorer.weights, "constant": np.array([scorer.constant])}
    metadata = {"projection": home.projection.id, "report": json.dumps(report)}
    with replacing(home.settings.home / POPULARITY_NAME) as file:
        file.write(safetensors.numpy.save(arrays, with_digest(arrays, metadata)))


def features_of(home: Home, rows: IndexArray | None = None) -> Float64Array:
    """Return the embedding and the standing out in each tag of indexed tracks: (n, ·).

    Of all of them, or of some rows of the index.
    """
    rows = np.arange(len(home.index)) if rows is None else rows
    vectors, tags = home.index.vectors_at(rows), home.tables.tags().values[rows]
    return np.concatenate([vectors, tags], axis=1, dtype=np.float64)


@dataclass(frozen=True, eq=False)
class ExpectedPopularity:
    """What popularity tracks are expected to have.

    values  log(1 + listeners) of each row of the index, float32 (n,)
    report  as `PopularityReport.as_json` writes it
    """

    values: Float32Array
    report: Mapping[str, Any]

    def of_unplayed(self, popularity: Float32Array, table: TrackTable) -> IndexArray:
        """Return the rows of the available tracks that nobody has played, most expected first.

        One of each recording; `popularity` is that of each row, (n,).
        """
        rows = np.flatnonzero(table.available & (popularity == 0))
        rows = rows[np.argsort(-self.values[rows], kind="stable")]
        _, first = np.unique(table.recordings.codes[rows], return_index=True)
        ordered: IndexArray = rows[np.sort(first)]
        return ordered

    def with_unplayed(self, popularity: Float32Array) -> Float32Array:
        """Return the popularity with tracks that nobody has played in the order expected: (n,).

        They stay below those that one person has played, log(2).
        """
        filled: Float32Array = np.where(popularity > 0, popularity, self._below_one)
        return filled

    @cached_property
    def _below_one(self) -> Float32Array:
        """What stands for the popularity of each unplayed track: float32 (n,), below log(2)."""
        ranks = np.argsort(np.argsort(self.values, kind="stable"), kind="stable")
        below: Float32Array = (np.log(2) * (ranks + 0.5) / (len(ranks) + 1)).astype(np.float32)
        return below

    def share_below(self, row: int) -> float:
        """Return the share of the tracks that are expected to please fewer, 0 to 1."""
        return float((self.values < self.values[row]).mean())

    @property
    def correlation(self) -> Measured:
        """The rank correlation with what is played, on artists that were not learned from."""
        return Measured(**self.report["spearman"][OURS])

    @property
    def words(self) -> str:
        """How sure it is, for people."""
        one = self.correlation
        return (
            f"On artists that it did not know, its order agreed with what is played by a rank "
            f"correlation of {one.value:.2f} ({one.low:.2f} to {one.high:.2f}; 0 is "
            f"chance, 1 is perfect), on {self.report['tracks']:,} played tracks."
        )


class PopularityReader:
    """Reads what is expected of a home's tracks. Safe to share between threads."""

    def __init__(self, home: Home) -> None:
        """Nothing is read before it is asked for."""
        self._home = home
        self._path: Path = home.settings.home / POPULARITY_NAME
        self._lock = threading.Lock()
        self._stamp: tuple[int, int, int] | None = None
        self._expected: ExpectedPopularity | None = None

    def read(self) -> ExpectedPopularity | None:
        """Return it; None where nothing is stored, or for another embedding than the index's.

        Raises ProjectionError, StaleIndex.
        """
        current = stamp(self._path)
        with self._lock:
            if current != self._stamp:
                self._expected = None if current is None else self._load()
                self._stamp = current
            return self._expected

    def _load(self) -> ExpectedPopularity | None:
        try:
            arrays, metadata = read_tensors(self._path)
            if metadata["projection"] != self._home.projection.id:
                return None
            scorer = Scorer(arrays["weights"], float(arrays["constant"][0]))
            report = json.loads(metadata["report"])
            values = scorer.scores(features_of(self._home)).astype(np.float32)
        except (KeyError, OSError, SafetensorError, ValueError):  # damaged: as if there were none
            return None
        return ExpectedPopularity(values, report)
