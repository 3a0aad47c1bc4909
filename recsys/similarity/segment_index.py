"""An index of the library's analysed segments, made of stored features when it is first asked for.

A segment's vector are the square roots of all models' penultimate layers, standardised over the
library's segments, on their principal components, of unit length: the standardised layers serve
single segments, of which there are no deviations and no pools. The vectors are kept in the home.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import safetensors.numpy
from safetensors import SafetensorError

from encoders.head import unit_rows
from encoders.projection_views import principal_components, signed_root
from encoders.tensor_file import read_tensors, with_digest
from index.arrays import Float32Array, IndexArray, Int64Array
from index.rows import digest_of
from index.storage import replacing
from recsys.catalog import Catalog
from recsys.catalog.track_features import Features, read_features
from recsys.home.files import SEGMENTS_NAME
from recsys.similarity.explanation import aligned

N_COMPONENTS = 128
N_SAMPLE = 1000  # tracks that centre, scale and components are fitted on
N_PAIRS = 20_000  # random pairs of segments, whose cosines give the scale of similarities
_FORMAT = "1"
_log = logging.getLogger(__name__)


class Window(NamedTuple):
    """The part of a track that is most like a query: rows of its first and last segment."""

    score: float
    first: int
    last: int


@dataclass(frozen=True, eq=False)
class SegmentIndex:
    """Vectors of all segments of an index's tracks, one track's after another's.

    rows        the row of each segment's track in the index, ascending: int64 (n_segments,)
    starts      in seconds from the track's beginning, ends likewise: float32 (n_segments,)
    vectors     of unit length: float32 (n_segments, n_components)
    mean        of the roots of the units, scale likewise: float32 (n_units,)
    components  float32 (n_units, n_components)
    cosines     of random pairs of segments of different tracks, ascending: float32 (n,)
    """

    rows: Int64Array
    starts: Float32Array
    ends: Float32Array
    vectors: Float32Array
    mean: Float32Array
    scale: Float32Array
    components: Float32Array
    cosines: Float32Array

    @classmethod
    def build(cls, catalog: Catalog, names: Sequence[str], ids: Int64Array) -> SegmentIndex:
        """Read the features of tracks, `ids` ascending. Raises ValueError where none has any."""
        spread = np.linspace(0, len(ids) - 1, min(len(ids), N_SAMPLE)).astype(np.intp)
        sample = [roots(f) for _, f in read_features(catalog, names, ids[spread].tolist())]
        if not sample:
            raise ValueError("No track of the index has its features: run `earshot build` again.")
        units = np.concatenate(sample)
        mean, scale = units.mean(axis=0), units.std(axis=0) + np.float32(1e-6)
        n_components = min(N_COMPONENTS, *units.shape)
        components = principal_components((units - mean) / scale, n_components)
        rows, starts, ends, vectors = [], [], [], []
        for track_id, features in read_features(catalog, names, ids.tolist()):
            first = features[0]
            rows.append(np.full(len(first.starts), np.searchsorted(ids, track_id)))
            starts.append(first.starts)
            ends.append(first.starts + np.float32(first.segment_seconds))
            vectors.append(unit_rows((roots(features) - mean) / scale @ components))
        of_tracks, joined = np.concatenate(rows), np.concatenate(vectors)
        return cls(
            of_tracks,
            *(np.concatenate(starts), np.concatenate(ends), joined),
            *(mean, scale, components, _random_cosines(of_tracks, joined)),
        )

    @classmethod
    def load_or_build(
        cls, home: Path | None, catalog: Catalog, names: Sequence[str], ids: Int64Array, made: str
    ) -> SegmentIndex:
        """Read the home's file, or make it where it is missing, damaged or of other features.

        `made` is what changes when features do. Raises ValueError.
        """
        wanted = {"format": _FORMAT, "made": made, "names": "|".join(names), "ids": digest_of(ids)}
        if home is not None:
            try:
                arrays, metadata = read_tensors(home / SEGMENTS_NAME)
                if metadata == wanted:
                    arrays["vectors"] = arrays["vectors"].astype(np.float32)
                    return cls(**arrays)
            except (OSError, SafetensorError, KeyError, TypeError):
                pass  # it is made anew below
        index = cls.build(catalog, names, ids)
        if home is not None:
            index._keep(home / SEGMENTS_NAME, wanted)
        return index

    def _keep(self, path: Path, made_of: dict[str, str]) -> None:
        """Write the file; where that cannot be, say so in the log."""
        arrays = {name: np.ascontiguousarray(array) for name, array in vars(self).items()}
        arrays["vectors"] = arrays["vectors"].astype(np.float16)
        try:
            with replacing(path) as file:
                file.write(safetensors.numpy.save(arrays, with_digest(arrays, made_of)))
        except OSError as error:
            _log.warning("%s cannot be kept: %s", path, error.strerror)

    def query(self, features: Features, numbers: IndexArray) -> Float32Array:
        """Return the mean vector of some of a track's segments: (n_components,)."""
        units = (roots(features)[numbers] - self.mean) / self.scale
        mean: Float32Array = unit_rows(
            unit_rows(units @ self.components).mean(axis=0, keepdims=True)
        )[0]
        return mean

    def windows(self, query: Float32Array, seconds: float) -> tuple[Int64Array, list[Window]]:
        """Return each track's best window of about `seconds`: rows in the index, and windows.

        The score of a window is the mean cosine of the query with its segments, which are
        successive ones: as many as it takes to span `seconds` of that track, at least one.
        """
        rows, first, counts = np.unique(self.rows, return_index=True, return_counts=True)
        totals = np.concatenate([[0.0], np.cumsum(self.vectors @ query, dtype=np.float64)])
        last = first + counts - 1
        spacing = (self.starts[last] - self.starts[first]) / np.maximum(counts - 1, 1)
        beyond = (seconds - (self.ends[first] - self.starts[first])) / np.maximum(spacing, 1e-3)
        length = np.clip(np.round(beyond) + 1, 1, counts).astype(np.int64)
        lengths = np.repeat(length, counts)
        begin = np.arange(len(self.rows))
        fits = begin + lengths <= np.repeat(last, counts) + 1
        end = np.where(fits, begin + lengths, begin)
        means = np.where(fits, (totals[end] - totals[begin]) / lengths, -np.inf)
        best = np.lexsort((-means, self.rows))[first]  # of each track the best window's beginning
        return rows, [
            Window(float(means[one]), int(one), int(one + n - 1))
            for one, n in zip(best, length, strict=True)
        ]

    def similarity(self, score: float) -> float:
        """Return the share of random pairs of the library's segments that are less alike."""
        if not len(self.cosines):
            return 0.0
        return float(np.searchsorted(self.cosines, score) / (len(self.cosines) + 1))


def roots(features: Features) -> Float32Array:
    """Return the roots of all models' penultimate layers, a row for each of the first's segments.

    float32 (n_segments, n_units); of other models those nearest in time.
    """
    return signed_root(aligned(features, lambda model: model.penultimate.astype(np.float32)))


def _random_cosines(rows: Int64Array, vectors: Float32Array) -> Float32Array:
    one, other = np.random.default_rng(0).integers(0, len(rows), (2, N_PAIRS))
    apart = rows[one] != rows[other]
    cosines: Float32Array = np.sort((vectors[one[apart]] * vectors[other[apart]]).sum(axis=1))
    return cosines
