"""A listening model with its ranker: one estimator's result, one file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from index.arrays import Float32Array, Int64Array
from index.storage import replacing
from recsys.models import model_file
from recsys.models.hybrid import HybridModel
from recsys.models.model_file import DamagedModel, Tensors
from recsys.models.profile import Profile
from recsys.models.ranker.candidates import candidate_pairs
from recsys.models.ranker.groups import TrackGroups
from recsys.models.ranker.pairs import KINDS, Pairs, RankedLibrary, length_classes
from recsys.models.ranker.ranker import Ranker, RankerUnusable

_PREFIX = "ranker_"
_GROUPS = ("codes", "sizes", "popularity", "has_listens")
_SPARSE = ("data", "indices", "indptr")


@dataclass(frozen=True, eq=False)
class RankedModel:
    """A listening model, and the ranker of its candidates where there is one.

    notice  why a ranker that the file has is not used
    card    the model card of the last training, of a ranker that was adopted or not; {} without
    """

    library: RankedLibrary
    ranker: Ranker | None
    notice: str | None = None
    card: Mapping[str, Any] = field(default_factory=dict)

    @property
    def hybrid(self) -> HybridModel:
        """The listening model."""
        return self.library.model

    def scores(
        self, histories: sparse.csr_matrix, times: sparse.csr_matrix | None = None
    ) -> Float32Array:
        """Score every track for these histories: both (n, n_tracks).

        `times` are those of `Pairs`. The best candidates of each kind are ranked anew; the others
        of their kind follow them.
        """
        if self.ranker is None or not self.ranker.adopted.any():
            return self.hybrid.scores(histories)
        pairs, before = candidate_pairs(self.library, histories, times=times)
        after = before.copy()
        at = pairs.listeners, pairs.tracks
        after[at] = pairs.scores + self.ranker.corrections(pairs)
        chosen = np.zeros(before.shape, bool)
        chosen[at] = True
        lengths = length_classes(histories)
        for kind in range(len(KINDS)):
            tracks = np.flatnonzero(self.library.kinds == kind)
            used = self.ranker.adopted[kind, lengths]
            block = np.ix_(np.flatnonzero(used), tracks)
            after[block] = _others_below(before[block], after[block], chosen[block])
            block = np.ix_(np.flatnonzero(~used), tracks)
            constants = self.ranker.constants[kind, lengths[~used]].astype(np.float32)
            after[block] = before[block] + constants[:, None]
        return after

    def pairs(
        self,
        profile: Profile,
        history: sparse.csr_matrix,
        tracks: Int64Array,
        times: sparse.csr_matrix | None = None,
    ) -> Pairs:
        """Return the pairs of one listener, with this history (1, n_tracks), and some tracks.

        `times` are those of `Pairs`.
        """
        terms = profile.terms(tracks)
        scores = profile.scores_of(terms, tracks)[0]
        listeners = np.zeros(len(tracks), np.int64)
        of_pairs = type(terms)(*(term[0] for term in terms))
        return Pairs(self.library, profile, history, listeners, tracks, scores, of_pairs, times)

    def save(self, path: Path, **manifest: Any) -> None:
        """Write model and ranker atomically, and the model card beside them as .json.

        `manifest` is stored with them, as JSON.
        """
        tensors: Tensors = {}
        if self.ranker is not None:
            tensors = self.ranker.tensors()
            for name in ("artists", "albums"):
                groups = getattr(self.library, name)
                tensors |= {f"{name}_{part}": getattr(groups, part) for part in _GROUPS}
            tensors["n_listeners"] = np.array([self.library.n_listeners])
            affinity = self.library.affinity
            tensors |= {f"affinity_{part}": getattr(affinity, part) for part in _SPARSE}
        if self.card:
            manifest["ranker"] = dict(self.card)
        self.hybrid.save(path, {_PREFIX + name: t for name, t in tensors.items()}, **manifest)
        with replacing(path.with_suffix(".json")) as file:
            file.write(json.dumps({"ranker": dict(self.card)}, indent=2).encode() + b"\n")

    @classmethod
    def load(cls, path: Path, copies: Path | None = None) -> RankedModel:
        """Read a listening model, with its ranker if it has one that can be used here.

        `copies` are those of `recsys.models.model_file.read`. Raises DamagedModel,
        FileNotFoundError.
        """
        tensors, manifest = model_file.read(path, copies)
        model = HybridModel.of_tensors(path, tensors, manifest)
        card = manifest.get("ranker")
        if card is None or f"{_PREFIX}trees" not in tensors:
            return cls(without_ranker(model), None, card=card or {})
        own = {n.removeprefix(_PREFIX): t for n, t in tensors.items() if n.startswith(_PREFIX)}
        try:
            library = _library(model, own)
            return cls(library, Ranker.of_tensors(own, card), card=card)
        except RankerUnusable as error:
            return cls(without_ranker(model), None, str(error), card)
        except (KeyError, TypeError, ValueError) as error:
            raise DamagedModel(path, str(error)) from error


def without_ranker(model: HybridModel) -> RankedLibrary:
    """Return the library of a model without a ranker, which needs nothing of artists."""
    nobody = sparse.csr_matrix((0, len(model.tracks)), dtype=np.float32)
    none = TrackGroups.of(nobody, None)
    return RankedLibrary(model, none, none, sparse.csr_matrix((0, 0), dtype=np.float32))


def _library(model: HybridModel, tensors: Tensors) -> RankedLibrary:
    artists, albums = (
        TrackGroups(*(tensors[f"{name}_{part}"] for part in _GROUPS))
        for name in ("artists", "albums")
    )
    n = len(artists)
    affinity = sparse.csr_matrix(
        tuple(tensors[f"affinity_{part}"] for part in _SPARSE), shape=(n, n)
    )
    affinity.check_format()
    if any(len(groups.codes) != len(model.tracks) for groups in (artists, albums)):
        raise ValueError("its ranker is of other tracks")
    n_listeners = int(tensors["n_listeners"][0]) if "n_listeners" in tensors else 0
    return RankedLibrary(model, artists, albums, affinity, n_listeners)


def _others_below(before: Float32Array, after: Float32Array, chosen: np.ndarray) -> Float32Array:
    """Shift the scores of what was not chosen below all that was, in their order; all (n, n_some).

    Where they are below it already, they stay.
    """
    lowest = np.where(chosen, after, np.inf).min(axis=1, initial=np.inf)
    highest = np.where(chosen, -np.inf, before).max(axis=1, initial=-np.inf)
    gap = lowest - highest
    shift = np.where(np.isfinite(gap), np.minimum(gap, 0), 0).astype(np.float32)[:, None]
    shifted: Float32Array = np.where(chosen, after, before + shift)
    return shifted
