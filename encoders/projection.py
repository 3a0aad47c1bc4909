"""The projection: taggers' features to one embedding vector a track, fitted without labels.

An embedding is three views of a track, each of unit length, side by side:

- the first model's penultimate layer, averaged over the segments;
- the standard deviations over the segments of every model's penultimate layer: how a track varies.
  Left out of a track of one segment;
- every model's pools, standardised, reduced by PCA and whitened, the small eigenvalues damped so
  that noise is not blown up. Left out of a library too small to fit it on.

Of the first two the square roots are taken, so that a few large units do not decide alone (power
normalisation; Perronnin, Sánchez and Mensink 2010), then they are centred, and reduced by PCA to
fewer numbers where the library is large enough to fit that. The cosine of two embeddings is the
mean of the three views' cosines, weighted by WEIGHTS. Whitening makes rare traits of a recording
(room, mix, players) count as much as the common ones that distinguish genres. All constants were
chosen on three collections: docs/decisions/projection.md.

Centres are shrunk towards the models' means on their training data, so that a library of one track
has one too. A projection is fitted once and then kept while the library grows up to twice its size:
an added track changes nobody else's embedding.

Projections of earlier versions have other views, of equal weight: the penultimate layer and the
tags' log-odds, averaged and centred, and the pools. They are read and used as they are.

A metric-learning head (`encoders.head`) may join a projection.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import save

from encoders.features import TrackFeatures
from encoders.files import replace_file
from encoders.head import Head, check_head, unit_rows
from encoders.projection_views import (
    mean_logits,
    pools,
    principal_components,
    root_deviations,
    root_means,
    signed_root,
)
from encoders.tensor_file import read_tensors

MIN_TO_WHITEN = 100  # tracks, also to reduce the other views
N_PENULTIMATE, N_DEVIATIONS, N_WHITENED = 64, 192, 128  # components of the views
WEIGHTS = (0.2, 0.4, 0.4)  # of the views' cosines
DAMPING = 0.01  # of the largest eigenvalue, added to each
PRIOR_WEIGHT = 20.0  # tracks that the training data's means count for
_FORMAT = "3"
_EARLIER, _EARLIER_WITH_HEAD = "1", "2"  # without and with a head

# Arrays that earlier versions' projections do not have.
_ADDED = ("deviations_mean", "penultimate_components", "deviations_components", "weights")

_Array = NDArray[np.float32]
_Views = list[NDArray[np.floating]]


class ProjectionError(Exception):
    """A projection file is missing, damaged or of another version."""


@dataclass(frozen=True, eq=False)
class Projection:
    """A fitted map from the features of `extractors` to embeddings.

    tags              the models' tags, joined
    logits_mean       their typical log-odds: float32 (n_tags of all models,)
    penultimate_mean  float32 (n_units,), of the square roots
    pooled_mean       float32 (n_pools of all models,)
    pooled_scale      float32 (n_pools of all models,)
    whitening         float32 (n_pools of all models, n_whitened); n_whitened may be 0
    n_fitted          tracks that the library had when it was fitted
    deviations_mean   float32 (n_units of all models,), of the square roots; None in a projection
                      of an earlier version, whose `penultimate_mean` is of the units themselves
    penultimate_components, deviations_components
                      principal components, float32 (n_units, n); None where not reduced
    weights           of the views' cosines, float32 (3,); None in an earlier version's
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
    deviations_mean: _Array | None = None
    penultimate_components: _Array | None = None
    deviations_components: _Array | None = None
    weights: _Array | None = None
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
    def is_earlier(self) -> bool:
        """Whether an earlier version fitted it, with other views."""
        return self.deviations_mean is None

    @property
    def dim(self) -> int:
        """Length of an embedding."""
        if self.deviations_mean is None:
            dim = len(self.penultimate_mean) + len(self.logits_mean)
        else:
            dim = _length(self.penultimate_mean, self.penultimate_components)
            dim += _length(self.deviations_mean, self.deviations_components)
        dim += int(self.whitening.shape[1])
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
        views: _Views
        if self.deviations_mean is None or self.weights is None:
            views, weights = self._earlier_views(tracks), np.ones(3, np.float32)
        else:
            deviations = np.stack([root_deviations(track) for track in tracks])
            several = deviations.any(axis=1, keepdims=True)
            views = [
                _reduced(
                    np.stack([root_means(track) for track in tracks]) - self.penultimate_mean,
                    self.penultimate_components,
                ),
                several * _reduced(deviations - self.deviations_mean, self.deviations_components),
            ]
            weights = self.weights
        if self.whitening.shape[1]:
            pooled = np.stack([pools(track) for track in tracks])
            views.append((pooled - self.pooled_mean) / self.pooled_scale @ self.whitening)
        shares = np.sqrt(weights)
        vectors = unit_rows(
            np.concatenate(
                [s * unit_rows(view) for s, view in zip(shares, views, strict=False)], axis=1
            )
        )
        return self.head.join(vectors) if self.head else vectors

    def _earlier_views(self, tracks: Sequence[Sequence[TrackFeatures]]) -> _Views:
        """Return the first two views of an earlier version's projection, not yet of length 1."""
        means = np.stack([t[0].penultimate.astype(np.float32).mean(axis=0) for t in tracks])
        logits = np.stack([mean_logits(track) for track in tracks])
        return [means - self.penultimate_mean, logits - self.logits_mean]

    def outgrown_by(self, n_tracks: int) -> bool:
        """Return whether a library of `n_tracks` needs a new fit."""
        first_whitening = self.whitening.shape[1] == 0 and n_tracks >= MIN_TO_WHITEN
        return first_whitening or n_tracks >= 2 * max(self.n_fitted, 1)

    def save(self, path: Path) -> None:
        """Write it by rename, so that a reader meets the old one or the new one."""
        metadata = {
            "format": self._format,
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
            if metadata.get("format") not in (_EARLIER, _EARLIER_WITH_HEAD, _FORMAT):
                raise ProjectionError(
                    f"{path} is of another version; delete it and run `earshot build` again."
                )
            head = None
            if "head_projection" in metadata:
                head = Head(
                    metadata["head_projection"],
                    tensors.pop("head_mean"),
                    tensors.pop("head_matrix"),
                    float.fromhex(metadata["head_weight"]),
                )
                check_head(head)
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

    @property
    def _format(self) -> str:
        """The format of its file."""
        if not self.is_earlier:
            return _FORMAT
        return _EARLIER_WITH_HEAD if self.head else _EARLIER

    def _arrays(self) -> dict[str, _Array]:
        arrays = {
            "penultimate_mean": self.penultimate_mean,
            "logits_mean": self.logits_mean,
            "pooled_mean": self.pooled_mean,
            "pooled_scale": self.pooled_scale,
            "whitening": self.whitening,
        }
        for name in _ADDED:
            array: _Array | None = getattr(self, name)
            if array is not None:
                arrays[name] = array
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
    rows = [(root_means(t), root_deviations(t), mean_logits(t), pools(t)) for t in tracks]
    means, deviations, logits, pooled = (np.stack(view) for view in zip(*rows, strict=True))
    deviations = deviations[deviations.any(axis=1)]
    penultimate_mean = _shrunk_mean(means, signed_root(prior_penultimate))
    deviations_mean = _shrunk_mean(deviations, np.zeros(deviations.shape[1], np.float32))
    pooled_mean, pooled_scale = pooled.mean(axis=0), pooled.std(axis=0) + 1e-6
    n_whitened = N_WHITENED if len(pooled) >= MIN_TO_WHITEN else 0
    standardised = (pooled - pooled_mean) / pooled_scale
    return Projection(
        extractors=tuple(extractors),
        tags=tuple(tags),
        penultimate_mean=penultimate_mean,
        logits_mean=_shrunk_mean(logits, prior_logits),
        pooled_mean=pooled_mean,
        pooled_scale=pooled_scale,
        whitening=principal_components(standardised, n_whitened, DAMPING),
        n_fitted=n_tracks,
        deviations_mean=deviations_mean,
        penultimate_components=_reduction(means - penultimate_mean, N_PENULTIMATE),
        deviations_components=_reduction(deviations - deviations_mean, N_DEVIATIONS),
        weights=np.array(WEIGHTS, np.float32),
    )


def _reduced(centred: _Array, components: _Array | None) -> _Array:
    """Return the coordinates on the components; all of them where there are none."""
    return centred if components is None else centred @ components


def _length(mean: _Array, components: _Array | None) -> int:
    return len(mean) if components is None else int(components.shape[1])


def _reduction(centred: _Array, n_components: int) -> _Array | None:
    """Return the principal components; None where tracks are too few, or dimensions are."""
    if len(centred) < MIN_TO_WHITEN or centred.shape[1] <= n_components:
        return None
    return principal_components(centred, n_components)


def _shrunk_mean(values: _Array, prior: _Array) -> _Array:
    if len(values) == 0:
        return prior
    weight = np.float32(len(values) / (len(values) + PRIOR_WEIGHT))
    mean: _Array = weight * values.mean(axis=0) + (1 - weight) * prior
    return mean
