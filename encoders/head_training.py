"""Metric learning of a head: a linear map under which tracks of equal labels lie close.

It is computed in closed form and then refined by gradient descent on a loss of
pytorch-metric-learning. The closed form is within-class covariance normalisation (WCCN; Hatch,
Kajarekar and Stolcke 2006): the directions in which tracks of one artist, one genre or segments of
one track differ are those that say least, and are scaled down. The covariance is shrunk towards a
multiple of the identity (Ledoit and Wolf 2004). A library has few tracks an artist; this is what
makes them enough.

Losses: triplet margin over semi-hard triplets (Schroff et al. 2015), multi-similarity (Wang et al.
2019), NT-Xent (Chen et al. 2020), proxy anchor (Kim et al. 2020).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np
import torch
from numpy.typing import NDArray
from pytorch_metric_learning import losses  # type: ignore[import-untyped]
from scipy import sparse

from encoders.head import Head

LOSSES = ("triplet", "multi-similarity", "ntxent", "proxy-anchor")
SEGMENTS, LISTENERS = "segments", "listeners"  # relations that are not columns of labels
# Weights of the relations; genre keeps the directions that separate genres from being scaled down.
DEFAULT_WEIGHTS: Mapping[str, float] = MappingProxyType(
    {"artist": 1.0, "album": 0.3, "genre": 0.3, SEGMENTS: 0.3, LISTENERS: 0.3}
)
MARGIN = 0.2
TEMPERATURE = 0.2
BATCH_SIZE = 128  # tracks, each with one of its segments
MAX_ANCHORS = 128  # of a batch and relation
LEARNING_RATE = 0.0003  # of Adam, on a map that begins as the identity
PROXY_LEARNING_RATE = 0.02

_Array = NDArray[np.float32]
_Indices = tuple[torch.Tensor, ...]


@dataclass(frozen=True, eq=False)
class Relation:
    """One kind of label, by which tracks that share a label are alike.

    members  which labels each track has: CSR (n_tracks, n_labels) of ones
    weight   how much it counts beside the others, above 0
    """

    name: str
    members: sparse.csr_matrix
    weight: float


@dataclass(frozen=True, eq=False)
class TrainingData:
    """What a head is trained on.

    projection  the id of the default projection that made the vectors
    vectors     its embedding of each track: float32 (n_tracks, dim)
    segments    its embedding of single segments, float32 (n_segments, dim), and the row of each
    relations   what counts as alike; SEGMENTS, if among them, needs no members
    groups      number of each track's artist; one artist's tracks stay in one batch: (n_tracks,)
    """

    projection: str
    vectors: _Array
    segments: tuple[_Array, NDArray[np.int64]]
    relations: tuple[Relation, ...]
    groups: NDArray[np.int64]


def segment_relation(n_tracks: int, weight: float) -> Relation:
    """Segments of one track are alike."""
    return Relation(SEGMENTS, sparse.identity(n_tracks, np.float32, "csr"), weight)


@dataclass(frozen=True, eq=False)
class HeadTrainer:
    """Trains heads on some rows of its data; the other rows are not used."""

    data: TrainingData
    loss: str
    device: str = "cpu"

    def __post_init__(self) -> None:
        if self.loss not in LOSSES:
            raise ValueError(f"wanted a loss out of {', '.join(LOSSES)}; got {self.loss!r}")

    def closed_form(self, rows: NDArray[np.int64], shrinkages: Sequence[float]) -> list[Head]:
        """Return the WCCN head of the rows at each shrinkage, above 0 and up to 1."""
        mean = self.data.vectors[rows].astype(np.float64).mean(axis=0)
        return self.whitened(_within_covariance(self.data, rows, mean), mean, shrinkages)

    def whitening(self, rows: NDArray[np.int64], shrinkage: float) -> Head:
        """Return the head that needs no labels: whitening by the covariance of all rows."""
        vectors = self.data.vectors[rows].astype(np.float64)
        (head,) = self.whitened(np.cov(vectors.T), vectors.mean(axis=0), [shrinkage])
        return head

    def whitened(
        self,
        covariance: NDArray[np.float64],
        mean: NDArray[np.float64],
        shrinkages: Sequence[float],
    ) -> list[Head]:
        """Return the head that whitens by a covariance (n, n), at each shrinkage."""
        n = len(covariance)
        values, vectors = np.linalg.eigh(covariance)  # shrinking keeps the eigenvectors
        mean_value = np.trace(covariance) / n
        heads = []
        for shrinkage in shrinkages:
            shrunk = (1 - shrinkage) * np.maximum(values, 0.0) + shrinkage * mean_value
            matrix = vectors / np.sqrt(shrunk) @ vectors.T
            matrix /= np.sqrt(np.square(matrix).sum() / n)  # a typical direction keeps its length
            heads.append(
                Head(self.data.projection, mean.astype(np.float32), matrix.astype(np.float32))
            )
        return heads

    def refine(self, start: Head, rows: NDArray[np.int64], seed: int) -> Iterator[Head]:
        """Yield the head after each epoch of gradient descent, without end.

        One seed gives the same heads on one device.
        """
        data, rng = self.data, np.random.default_rng(seed)
        vectors, segments = (
            torch.from_numpy((x - start.mean) @ start.matrix).to(self.device)
            for x in (data.vectors, data.segments[0])
        )
        spans = _segment_spans(data.segments[1], len(data.vectors))
        n_out = start.matrix.shape[1]
        transform = torch.nn.Parameter(torch.eye(n_out, device=self.device))
        criteria = [_RelationLoss(self.loss, r, rows, n_out, seed) for r in data.relations]
        proxies = [p for c in criteria for p in c.loss.to(self.device).parameters()]
        optimiser = torch.optim.Adam([{"params": [transform], "lr": LEARNING_RATE}])
        if proxies:
            optimiser.add_param_group({"params": proxies, "lr": PROXY_LEARNING_RATE})
        while True:
            for batch in _batches(data.groups[rows], rng):
                tracks, parts = rows[batch], _draw_segments(spans[rows[batch]], rng)
                inputs = torch.cat([vectors[tracks], segments[parts[parts >= 0]]])
                outputs = torch.nn.functional.normalize(inputs @ transform)
                owners = np.concatenate([tracks, tracks[parts >= 0]])
                total = torch.stack([c(outputs, owners, rng) for c in criteria]).sum()
                if total.requires_grad:
                    optimiser.zero_grad()
                    total.backward()  # type: ignore[no-untyped-call]
                    optimiser.step()
            yield replace(start, matrix=start.matrix @ transform.detach().cpu().numpy())


def _within_covariance(
    data: TrainingData, rows: NDArray[np.int64], mean: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the weighted mean of the relations' within-class covariances: (dim, dim).

    The identity where nothing is known to be alike.
    """
    covariances, weights = [], []
    for relation in data.relations:
        if relation.name == SEGMENTS:
            known = np.isin(data.segments[1], rows)
            x, members = data.segments[0][known], _one_hot(data.segments[1][known])
        else:
            x, members = data.vectors[rows], relation.members[rows]
        scatter, dof = within_scatter(x - mean, members)
        if dof and scatter.any():
            covariances.append(scatter / dof)
            weights.append(relation.weight)
    if not covariances:
        return np.eye(len(mean))
    within: NDArray[np.float64] = np.average(covariances, axis=0, weights=weights)
    return within


def within_scatter(
    x: NDArray[np.float64], members: sparse.csr_matrix
) -> tuple[NDArray[np.float64], int]:
    """Return the scatter (n, n) of rows about their labels' means, and its degrees of freedom.

    A row of several labels counts for each of them.
    """
    sizes = np.asarray(members.sum(axis=0)).ravel()
    shared = members[:, sizes >= 2]
    sizes = sizes[sizes >= 2]
    times = np.asarray(shared.sum(axis=1)).ravel()  # labels of each row
    sums = shared.T @ x
    scatter = x.T @ (times[:, None] * x) - sums.T @ (sums / sizes[:, None])
    return scatter, int((sizes - 1).sum())


def unit_distances(outputs: torch.Tensor) -> torch.Tensor:
    """Return the Euclidean distances of unit vectors: (n, n)."""
    return (2 - 2 * outputs @ outputs.T).clamp(min=0).sqrt()


def semi_hard(distances: torch.Tensor, alike: torch.Tensor, pairs: _Indices) -> _Indices:
    """Choose (anchor, positive, negative): the negative farther, but by less than MARGIN.

    `pairs` are the anchors and positives; `distances` and `alike` are (n, n).
    """
    anchors, positives = pairs
    gap = distances[anchors] - distances[anchors, positives][:, None]
    chosen = (gap > 0) & (gap <= MARGIN) & ~alike[anchors]
    which, negatives = chosen.nonzero(as_tuple=True)
    return anchors[which], positives[which], negatives


class _RelationLoss:
    """One relation's loss of a batch."""

    def __init__(
        self, loss: str, relation: Relation, rows: NDArray[np.int64], n_out: int, seed: int
    ) -> None:
        self._members = relation.members
        self._labels = _first_labels(relation.members)
        known = np.unique(self._labels[rows])
        self._classes = known[known >= 0]
        makers: dict[str, Callable[[], torch.nn.Module]] = {
            "triplet": lambda: losses.TripletMarginLoss(MARGIN),
            "multi-similarity": losses.MultiSimilarityLoss,
            "ntxent": lambda: losses.NTXentLoss(TEMPERATURE),
            "proxy-anchor": lambda: losses.ProxyAnchorLoss(max(len(self._classes), 1), n_out),
        }
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.loss = makers[loss]()
        self._name, self._weight = loss, relation.weight
        self._segments = relation.name == SEGMENTS

    def __call__(
        self, outputs: torch.Tensor, owners: NDArray[np.int64], rng: np.random.Generator
    ) -> torch.Tensor:
        """Return the loss of unit vectors (n, n_out), given the row of the track of each."""
        value: torch.Tensor
        if self._name == "proxy-anchor":
            labels = self._labels[owners]
            labelled = np.flatnonzero(labels >= 0)
            if not len(labelled):
                return outputs.new_zeros(())
            classes = torch.from_numpy(np.searchsorted(self._classes, labels[labelled]))
            value = self._weight * self.loss(outputs[labelled], classes.to(outputs.device))
            return value
        alike, itself = alike_in(self._members, owners), owners[:, None] == owners
        pairs = _sample_pairs(itself if self._segments else alike & ~itself, rng)
        if not len(pairs[0]):
            return outputs.new_zeros(())
        mask = torch.from_numpy(alike | itself).to(outputs.device)
        indices = tuple(torch.from_numpy(i).to(outputs.device) for i in pairs)
        if self._name == "triplet":
            indices = semi_hard(unit_distances(outputs.detach()), mask, indices)
        else:
            which, negatives = (~mask[indices[0]]).nonzero(as_tuple=True)
            indices = (*indices, indices[0][which], negatives)
        value = self._weight * self.loss(outputs, indices_tuple=indices)
        return value


def alike_in(members: sparse.csr_matrix, owners: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which of a batch's rows share a label: (n, n)."""
    chosen = members[owners]
    alike: NDArray[np.bool_] = (chosen @ chosen.T).toarray() > 0
    return alike


def _sample_pairs(
    alike: NDArray[np.bool_], rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Choose up to MAX_ANCHORS rows and one other that is like each: two of (n,)."""
    order = rng.random(alike.shape) * (alike & ~np.eye(len(alike), dtype=bool))
    positives = order.argmax(axis=1)
    anchors = np.flatnonzero(order.max(axis=1) > 0)
    anchors = np.sort(rng.permutation(anchors)[:MAX_ANCHORS])
    return anchors, positives[anchors]


def _batches(groups: NDArray[np.int64], rng: np.random.Generator) -> Iterator[NDArray[np.int64]]:
    """Yield all positions once, in batches: artists in random order, their tracks together."""
    rank = rng.permutation(groups.max() + 1)[groups]
    order = np.lexsort((rng.random(len(groups)), rank))
    for start in range(0, len(order), BATCH_SIZE):
        yield order[start : start + BATCH_SIZE]


def _segment_spans(owners: NDArray[np.int64], n_tracks: int) -> NDArray[np.int64]:
    """Return first segment and number of segments of each track: (n_tracks, 2)."""
    if (np.diff(owners) < 0).any():
        raise ValueError("segments: wanted the rows of their tracks in ascending order")
    first = np.searchsorted(owners, np.arange(n_tracks))
    return np.stack([first, np.bincount(owners, minlength=n_tracks)], axis=1)


def _draw_segments(spans: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    """Choose one segment of each track, -1 where it has none: (n,)."""
    first, n = spans.T
    chosen = first + (rng.random(len(spans)) * n).astype(np.int64)
    return np.where(n > 0, chosen, -1)


def _first_labels(members: sparse.csr_matrix) -> NDArray[np.int64]:
    """Return one label of each row, -1 where it has none."""
    labels = np.full(members.shape[0], -1, np.int64)
    labelled = np.diff(members.indptr) > 0
    labels[labelled] = members.indices[members.indptr[:-1][labelled]]
    return labels


def _one_hot(labels: Sequence[int] | NDArray[np.int64]) -> sparse.csr_matrix:
    _, number = np.unique(labels, return_inverse=True)
    ones = np.ones(len(number), np.float32)
    return sparse.csr_matrix((ones, (np.arange(len(number)), number)))
