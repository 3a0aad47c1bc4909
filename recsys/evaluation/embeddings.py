"""Embeddings that a home's are compared with, computed from its stored features.

home         what the home serves: the vectors of its index, its scores corrected for hubs
hubs         the same vectors by each other score of `index.hubs`; only on request
projection   its default projection applied anew; the same as `home` unless that serves a head
head         the head trained last on that projection, adopted or not, alone
logits       the tags of the home's taggers as log-odds, averaged over segments, joined
penultimate  each tagger's layer below the tags, averaged over segments
tagger       each tagger alone: the default projection of its features, fitted on these tracks
mfcc         mean and standard deviation of the MFCCs, standardised over the library
random       a random vector for each track, the same in every run
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import closing
from typing import Protocol

import numpy as np

from encoders.errors import AudioError
from encoders.features import AudioSpan, TrackFeatures
from encoders.head import Head
from encoders.projection import Projection, fit_projection
from index.arrays import Float32Array, Float64Array
from index.hubs import METHODS
from index.vector_index import VectorIndex
from recsys.catalog import Catalog, CatalogError
from recsys.catalog.track_features import Features, read_features
from recsys.evaluation.retrieval import Correction
from recsys.interactions import unit_rows

HOME, RANDOM, MFCC, LOGITS = "home", "random", "mfcc", "logits"
PROJECTION, PENULTIMATE, HEAD = "projection", "penultimate", "head"
TAGGER, HUBS = "tagger", "hubs:"

_BATCH = 64  # tracks whose features are written in one transaction
_BLOCK = 500  # tracks whose features are in memory at once
_FIT_SAMPLE = 2000  # tracks that a tagger's own projection is fitted on
_RANDOM_DIM = 64


class UnknownSystem(ValueError):
    """There is no such system in this home; the message says which there are."""


class FeatureExtractor(Protocol):
    """Files to features under one name; `encoders.mfcc.MfccExtractor` is one."""

    @property
    def names(self) -> tuple[str, ...]:
        """The key under which each track's features are stored."""

    def extract(
        self, tracks: Iterable[AudioSpan]
    ) -> Generator[tuple[AudioSpan, Features | AudioError], None, None]:
        """Analyse files given with their durations; results come in any order."""


class Systems:
    """The systems that a home can compare, and their vectors."""

    def __init__(
        self,
        catalog: Catalog,
        index: VectorIndex,
        projection: Projection | None = None,
        head: Head | None = None,
        hubs: str = "none",
    ) -> None:
        """List the systems; `hubs` is the home's own score.

        `projection` is the home's and `head` the one trained last, None where there is none; a head
        that was trained on another projection is left out.
        """
        self._catalog = catalog
        self._index = index
        self._projection = projection.default if projection else None
        self._head = head
        self._hubs = hubs
        mfcc = [key for key in catalog.extractors() if key.startswith(MFCC)]
        taggers = [key for key in catalog.extractors() if not key.startswith(MFCC)]
        served = index.manifest.model.split("+") if index.manifest else []
        # The extractors whose features each system is computed from.
        self.sources: dict[str, tuple[str, ...]] = {HOME: ()}
        self.sources |= {f"{HUBS}{method}": () for method in METHODS if method != hubs}
        if projection and set(projection.extractors) <= set(taggers):
            self.sources[PROJECTION] = projection.extractors
            if head and head.projection == projection.default.id:
                self.sources[HEAD] = projection.extractors
        if served and set(served) <= set(taggers):
            self.sources[LOGITS] = tuple(served)
        models = [key.rsplit("-", 2)[0] for key in taggers]  # without precision and budget
        for key, model in zip(taggers, models, strict=True):
            name = model if models.count(model) == 1 else key
            self.sources[f"{PENULTIMATE}:{name}"] = (key,)
            if len(taggers) > 1:  # else it is the home's own
                self.sources[f"{TAGGER}:{name}"] = (key,)
        for key in mfcc:
            self.sources[MFCC if len(mfcc) == 1 else key] = (key,)
        self.sources[RANDOM] = ()

    def choose(self, wanted: Sequence[str], ids: Sequence[int]) -> list[str]:
        """Return the names that `wanted` selects, `home` among them and first.

        "penultimate" selects all of its kind. An empty selection means every system whose features
        all of `ids` have, but a projection that is the home's own, single taggers and other scores.
        Raises UnknownSystem.
        """
        if not wanted:
            return [name for name in self.sources if self._is_default(name, ids)]
        chosen = {HOME}
        for selector in wanted:
            names = {n for n in self.sources if n == selector or n.startswith(f"{selector}:")}
            if not names:
                hint = "; --mfcc makes it" if selector == MFCC else ""
                raise UnknownSystem(
                    f'There is no system "{selector}" in this home: '
                    f"got {', '.join(self.sources)}{hint}."
                )
            chosen |= names
        return [name for name in self.sources if name in chosen]

    def _is_default(self, name: str, ids: Sequence[int]) -> bool:
        """Return whether a system is compared when none is selected."""
        if name.startswith((TAGGER, HUBS)):
            return False
        manifest, projection = self._index.manifest, self._projection
        served = manifest and projection and manifest.projection == projection.id
        return not (name == PROJECTION and served) and len(self.complete([name], ids)) == len(ids)

    def complete(self, names: Sequence[str], ids: Sequence[int]) -> list[int]:
        """Return those of `ids` that have the features of all these systems.

        No track has the features of a system that the home does not have.
        """
        if any(name not in self.sources for name in names):
            return []
        keys = {key for name in names for key in self.sources[name]}
        ready_by_key = [set(self._catalog.ready_ids(key)) for key in keys]
        return [i for i in ids if all(i in ready for ready in ready_by_key)]

    def vectors(self, name: str, ids: Sequence[int]) -> Float32Array:
        """Return one system's unit vectors, a row for each of `ids`, which must be `complete`."""
        if name == HOME or name.startswith(HUBS):
            return self._index.vectors(ids)
        if name == RANDOM:
            return unit_rows(np.stack([_random(track_id) for track_id in ids]))
        blocks = []
        keys = self.sources[name]
        projection = self._fitted(keys, ids) if name.startswith(TAGGER) else self._projection
        for start in range(0, len(ids), _BLOCK):
            block = ids[start : start + _BLOCK]
            features = dict(read_features(self._catalog, keys, block))
            if len(features) < len(block):
                raise CatalogError(
                    f"Some of the features that {name} is made of are damaged: "
                    "run `earshot build` again."
                )
            tracks = [features[track_id] for track_id in block]
            blocks.append(self._embed(name, tracks, projection))
        joined = np.concatenate(blocks)
        if self.sources[name][0].startswith(MFCC):
            joined = (joined - joined.mean(axis=0)) / (joined.std(axis=0) + 1e-6)
        return unit_rows(joined)

    def correction(self, name: str, ids: Sequence[int]) -> Correction | None:
        """Return how a system corrects the scores of `ids` for hubs; None for cosines."""
        method = self._hubs if name == HOME else name.removeprefix(HUBS)
        if method not in METHODS or method == "none":
            return None
        return Correction(method, self._index.track_statistics(ids))

    def _fitted(self, keys: Sequence[str], ids: Sequence[int]) -> Projection:
        """Fit the default projection on some of `ids`, centred on their own means."""
        sample = ids[:: -(-len(ids) // _FIT_SAMPLE)]
        tracks = [features for _, features in read_features(self._catalog, keys, sample)]
        penultimate = np.stack([t[0].penultimate.astype(np.float32).mean(axis=0) for t in tracks])
        logits = np.stack([track[0].mean_logits() for track in tracks])
        means = penultimate.mean(axis=0), logits.mean(axis=0)
        return fit_projection(tracks, len(ids), keys, (), *means)

    def _embed(
        self, name: str, tracks: Sequence[Features], projection: Projection | None
    ) -> Float32Array:
        """Compute a system's vectors of some tracks, (n_tracks, dim), not yet of length 1."""
        if projection and (name in (PROJECTION, HEAD) or name.startswith(TAGGER)):
            vectors = projection.embed(tracks)
            return self._head.apply(vectors) if name == HEAD and self._head else vectors
        if name == LOGITS:
            logits = [np.concatenate([tagger.mean_logits() for tagger in t]) for t in tracks]
            return np.stack(logits)
        if name.startswith(PENULTIMATE):
            return np.stack([t[0].penultimate.astype(np.float32).mean(axis=0) for t in tracks])
        return np.stack([track[0].pooled.astype(np.float32) for track in tracks])


def extract_missing(
    catalog: Catalog,
    extractor: FeatureExtractor,
    ids: Iterable[int],
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[AudioError]:
    """Extract and store the features that some of `ids` lack; return the errors.

    A file that cannot be read stays in the library unchanged. Raises CatalogError, BuildRunning
    among them.
    """
    (key,) = extractor.names
    with catalog.build_lock():
        ready = set(catalog.ready_ids(key))
        tracks = [track for track in catalog.tracks(ids) if track.id not in ready]
        by_audio = {track.audio_hash or track.id: track for track in reversed(tracks)}
        jobs = {track.span: track for track in by_audio.values() if not track.removed}
        batch: list[tuple[int, TrackFeatures | AudioError]] = []
        errors = []
        spans = sorted(jobs, key=lambda span: (span.path, span.begin or 0.0))
        try:
            with closing(extractor.extract(spans)) as results:
                for done, (span, features) in enumerate(results, start=1):
                    if isinstance(features, AudioError):
                        errors.append(features)
                    else:
                        batch.append((jobs[span].id, features[0]))
                    if len(batch) == _BATCH:
                        catalog.store_features(key, batch)
                        batch = []
                    progress(done, len(spans))
        finally:  # also when Ctrl-C stops it
            if batch:
                catalog.store_features(key, batch)
    return errors


def _random(track_id: int) -> Float64Array:
    """Return a track's random vector, the same in every run."""
    return np.random.default_rng(track_id).standard_normal(_RANDOM_DIM)
