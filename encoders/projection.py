"""The projection: taggers' features to one embedding vector a track, fitted without labels.

An embedding is three views of a track, each of unit length, side by side:

- the first model's penultimate layer, averaged over the segments and centred;
- the tags of every model as log-odds, averaged over the segments and centred;
- every model's pools, standardised, reduced by PCA and whitened, the small eigenvalues damped so
  that noise is not blown up. Left out of a library too small to fit it on.

The cosine of two embeddings is so the mean of the three views' cosines. Whitening makes rare traits
of a recording (room, mix, players) count as much as the common ones that distinguish genres.

Centres are shrunk towards the models' means on their training data, so that a library of one track
has one too. A projection is fitted once and then kept while the library grows up to twice its size:
an added track changes nobody else's embedding.

A metric-learning head may join it: a linear map of this default embedding, learned from the
library's labels (`encoders.head_training`). Default and head then stand side by side, the cosine
being the weighted mean of theirs.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from encoders.features import TrackFeatures
from encoders.files import replace_file
from encoders.tensor_file import read_tensors

MIN_TO_WHITEN = 100  # tracks
MAX_DIM = 384
N_WHITENED = 80
DAMPING = 0.03  # of the largest eigenvalue, added to each
PRIOR_WEIGHT = 20.0  # tracks that the training data's means count for
_FORMAT, _WITH_HEAD = "1", "2"
_HEAD_FORMAT = "1"

_Array = NDArray[np.float32]


class ProjectionError(Exception):
    """A projection file is missing, damaged or of another version."""


class HeadError(Exception):
    """A head's files are missing, damaged or of another projection."""


@dataclass(frozen=True, eq=False)
class Head:
    """A learned linear map of default embeddings.

    projection  the id of the default projection whose embeddings it takes
    mean        float32 (dim,), taken off first
    matrix      float32 (dim, n_out)
    weight      how much its cosine counts beside the default's: 0 to 1
    """

    projection: str
    mean: _Array
    matrix: _Array
    weight: float = 1.0

    def apply(self, vectors: _Array) -> _Array:
        """Map default embeddings (n_tracks, dim) to unit vectors float32 (n_tracks, n_out)."""
        if vectors.shape[1:] != self.mean.shape:
            raise ValueError(
                f"wanted vectors of {len(self.mean)} dimensions, got shape {vectors.shape}"
            )
        return _unit((vectors - self.mean) @ self.matrix)

    def join(self, vectors: _Array) -> _Array:
        """Concatenate default embeddings and their maps: unit vectors (n_tracks, dim + n_out).

        cosine = (1 - weight) * default's cosine + weight * head's cosine
        """
        shares = np.sqrt([1 - self.weight, self.weight], dtype=np.float32)
        return _unit(np.concatenate([shares[0] * vectors, shares[1] * self.apply(vectors)], axis=1))

    def save(self, path: Path, card: Mapping[str, Any]) -> None:
        """Write it, and beside it as .json its card: training data and measured results."""
        data = save({"mean": self.mean, "matrix": self.matrix}, {"format": _HEAD_FORMAT})
        card_content = {
            **card,
            "format": _HEAD_FORMAT,
            "projection": self.projection,
            "weight": self.weight,
            "sha256": hashlib.sha256(data).hexdigest(),
        }
        replace_file(path, data)
        replace_file(path.with_suffix(".json"), json.dumps(card_content, indent=2).encode() + b"\n")

    @classmethod
    def load(cls, path: Path) -> tuple[Head, dict[str, Any]]:
        """Read a head and its card. Raises HeadError."""
        try:
            data, card = path.read_bytes(), json.loads(path.with_suffix(".json").read_bytes())
            if card["format"] != _HEAD_FORMAT:
                raise ValueError("it is of another version")
            if card["sha256"] != hashlib.sha256(data).hexdigest():
                raise ValueError("it is not what its card describes")
            tensors = load(data)
            head = cls(str(card["projection"]), weight=float(card["weight"]), **tensors)
            _check_head(head)
        except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
            raise HeadError(
                f"The head {path} cannot be used ({error}); `earshot train-head` makes a new one."
            ) from error
        return head, card


def _check_head(head: Head) -> None:
    """Raise ValueError for arrays of a wrong shape, type or value."""
    mean, matrix = head.mean, head.matrix
    if mean.ndim != 1 or matrix.ndim != 2 or len(matrix) != len(mean) or matrix.shape[1] == 0:
        raise ValueError(f"its arrays do not fit: {mean.shape}, {matrix.shape}")
    if mean.dtype != np.float32 or matrix.dtype != np.float32:
        raise ValueError(f"its arrays are no float32: {mean.dtype}, {matrix.dtype}")
    if not (np.isfinite(mean).all() and np.isfinite(matrix).all() and 0 <= head.weight <= 1):
        raise ValueError("it holds a number that is none")


@dataclass(frozen=True, eq=False)
class Projection:
    """A fitted map from the features of `extractors` to embeddings.

    tags              the models' tags, joined
    penultimate_mean  float32 (n_units,)
    logits_mean       float32 (n_tags of all models,)
    pooled_mean       float32 (n_pools of all models,)
    pooled_scale      float32 (n_pools of all models,)
    whitening         float32 (n_pools of all models, n_whitened); n_whitened may be 0
    n_fitted          tracks that the library had when it was fitted
    head              learned from the library's labels; None where there is none
    """

    extractors: tuple[str, ...]
    tags: tuple[str, ...]
    penultimate_mean: _Array
    logits_mean: _Array
    pooled_mean: _Array
    pooled_scale: _Array
    whitening: _Array
    n_fitted: int
    head: Head | None = None

    def __post_init__(self) -> None:
        if self.head and self.head.projection != self.default.id:
            raise ValueError(
                f"the head was trained on projection {self.head.projection}, "
                f"not on this one, {self.default.id}"
            )

    @property
    def default(self) -> Projection:
        """This projection without its head."""
        return replace(self, head=None)

    @property
    def has_head(self) -> bool:
        """Whether it includes a head."""
        return self.head is not None

    @property
    def dim(self) -> int:
        """Length of an embedding."""
        dim = len(self.penultimate_mean) + len(self.logits_mean) + int(self.whitening.shape[1])
        return dim + (int(self.head.matrix.shape[1]) if self.head else 0)

    @property
    def id(self) -> str:
        """A digest of everything in it: vectors of different projections do not compare."""
        digest = hashlib.sha256(json.dumps([self.extractors, self.tags]).encode())
        for name, array in self._arrays().items():
            digest.update(f"{name} {array.shape}".encode())
            digest.update(np.ascontiguousarray(array).data)
        if self.head:
            digest.update(self.head.weight.hex().encode())
        return digest.hexdigest()[:16]

    def embed(self, tracks: Sequence[Sequence[TrackFeatures]]) -> _Array:
        """Return unit vectors float32 (n_tracks, dim), given each track's features by extractor."""
        if not tracks:
            return np.zeros((0, self.dim), np.float32)
        penultimate, logits, pooled = (
            np.stack(view) for view in zip(*map(_views, tracks), strict=True)
        )
        views = [
            _unit(penultimate - self.penultimate_mean),
            _unit(logits - self.logits_mean),
        ]
        if self.whitening.shape[1]:
            standardised = (pooled - self.pooled_mean) / self.pooled_scale
            views.append(_unit(standardised @ self.whitening))
        vectors = _unit(np.concatenate(views, axis=1))
        return self.head.join(vectors) if self.head else vectors

    def outgrown_by(self, n_tracks: int) -> bool:
        """Return whether a library of `n_tracks` needs a new fit."""
        first_whitening = self.whitening.shape[1] == 0 and n_tracks >= MIN_TO_WHITEN
        return first_whitening or n_tracks >= 2 * max(self.n_fitted, 1)

    def save(self, path: Path) -> None:
        """Write it by rename, so that a reader meets the old one or the new one."""
        metadata = {
            "format": _WITH_HEAD if self.head else _FORMAT,
            "id": self.id,
            "extractors": json.dumps(self.extractors),
            "tags": json.dumps(self.tags),
            "n_fitted": str(self.n_fitted),
        }
        if self.head:
            metadata |= {
                "head_projection": self.head.projection,
                "head_weight": self.head.weight.hex(),
            }
        replace_file(path, save(self._arrays(), metadata))

    @classmethod
    def load(cls, path: Path) -> Projection:
        """Read a saved projection. Raises ProjectionError."""
        try:
            tensors, metadata = read_tensors(path)
            if metadata.get("format") not in (_FORMAT, _WITH_HEAD):
                raise ProjectionError(
                    f"{path} is of another version; delete it and run `earshot build` again."
                )
            head = None
            if metadata["format"] == _WITH_HEAD:
                head = Head(
                    metadata["head_projection"],
                    tensors.pop("head_mean"),
                    tensors.pop("head_matrix"),
                    float.fromhex(metadata["head_weight"]),
                )
                _check_head(head)
            projection = cls(
                head=head,
                extractors=tuple(json.loads(metadata["extractors"])),
                tags=tuple(json.loads(metadata["tags"])),
                n_fitted=int(metadata["n_fitted"]),
                **tensors,
            )
            if projection.id != metadata["id"]:
                raise ValueError("its content does not match its checksum")
        except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
            raise ProjectionError(
                f"{path} cannot be read ({error}); delete it and run `earshot build` again."
            ) from error
        return projection

    def _arrays(self) -> dict[str, _Array]:
        arrays = {
            "penultimate_mean": self.penultimate_mean,
            "logits_mean": self.logits_mean,
            "pooled_mean": self.pooled_mean,
            "pooled_scale": self.pooled_scale,
            "whitening": self.whitening,
        }
        if self.head:
            arrays |= {"head_mean": self.head.mean, "head_matrix": self.head.matrix}
        return arrays


def fit_projection(
    tracks: Iterable[Sequence[TrackFeatures]],
    n_tracks: int,
    extractors: Sequence[str],
    tags: Sequence[str],
    prior_penultimate: _Array,
    prior_logits: _Array,
) -> Projection:
    """Fit a projection on a library of `n_tracks` (at least one), of which `tracks` is a sample.

    Each track comes as its features by extractor. `prior_penultimate` (n_units,) is the first
    model's mean on its training data, `prior_logits` the models' means, joined.
    """
    penultimate, logits, pooled = (
        np.stack(view) for view in zip(*map(_views, tracks), strict=True)
    )
    pooled_scale = pooled.std(axis=0) + 1e-6
    n_whitened = 0
    if len(pooled) >= MIN_TO_WHITEN:
        n_left = MAX_DIM - penultimate.shape[1] - logits.shape[1]
        n_whitened = max(0, min(N_WHITENED, n_left))
    return Projection(
        extractors=tuple(extractors),
        tags=tuple(tags),
        penultimate_mean=_shrunk_mean(penultimate, prior_penultimate),
        logits_mean=_shrunk_mean(logits, prior_logits),
        pooled_mean=pooled.mean(axis=0),
        pooled_scale=pooled_scale,
        whitening=_whitening((pooled - pooled.mean(axis=0)) / pooled_scale, n_whitened),
        n_fitted=n_tracks,
    )


def _views(track: Sequence[TrackFeatures]) -> tuple[_Array, _Array, _Array]:
    """Return the three views of a track: penultimate mean, mean log-odds of tags, pools."""
    penultimate = track[0].penultimate.astype(np.float32).mean(axis=0)
    logits = np.concatenate([model.mean_logits() for model in track])
    pooled = np.concatenate([model.pooled.astype(np.float32) for model in track])
    return penultimate, logits, pooled


def _shrunk_mean(values: _Array, prior: _Array) -> _Array:
    weight = np.float32(len(values) / (len(values) + PRIOR_WEIGHT))
    mean: _Array = weight * values.mean(axis=0) + (1 - weight) * prior
    return mean


def _whitening(standardised: _Array, n_components: int) -> _Array:
    """Return damped PCA whitening: (n_tracks, n) -> float32 (n, n_components)."""
    n_tracks, n = standardised.shape
    if n_components == 0:
        return np.zeros((n, 0), np.float32)
    x = standardised.astype(np.float64)
    if n_tracks <= n:  # the same eigenvectors from the smaller matrix
        values, left = np.linalg.eigh(x @ x.T / n_tracks)
        values, left = values[::-1][:n_components], left[:, ::-1][:, :n_components]
        vectors = x.T @ left / np.sqrt(np.maximum(values * n_tracks, 1e-12))
    else:
        values, vectors = np.linalg.eigh(x.T @ x / n_tracks)
        values, vectors = values[::-1][:n_components], vectors[:, ::-1][:, :n_components]
    damped = np.maximum(values, 0.0) + DAMPING * max(values[0], 1e-12)
    whitening: _Array = (vectors / np.sqrt(damped)).astype(np.float32)
    return whitening


def _unit(rows: NDArray[np.floating]) -> _Array:
    """Scale each row to length 1; a zero row stays zero."""
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    unit: _Array = (rows / np.maximum(norms, 1e-12)).astype(np.float32)
    return unit
