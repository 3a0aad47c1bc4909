"""The build: scan -> identify -> analyse -> project -> index, resumable at every step.

Whatever is done is in the catalogue when it is done, so a build that is stopped or killed loses at
most one batch, and the next one goes on where it ended.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np

from encoders.errors import AudioError
from encoders.features import AudioInfo, TrackFeatures
from index.arrays import Float32Array
from index.vector_index import DamagedIndex, StaleIndex, VectorIndex, read_manifest
from recsys.catalog import Catalog, Track
from recsys.catalog.base import shown
from recsys.catalog.track_features import Features, read_features
from recsys.home.files import INDEX_NAME, PROJECTION_NAME
from recsys.library.scanning import ScanSummary, identify, scan

_BATCH = 16  # tracks whose features are written in one transaction
_BATCH_SECONDS = 5.0  # after which a smaller batch is written
_EMBED_BATCH = 500  # tracks projected at once
_FIT_SAMPLE = 5000  # tracks a projection is fitted on, spread evenly over a larger library

HEAD_LOST = (
    "The head is gone: it was trained on the projection that was now fitted anew. "
    "train_head.py trains another."
)
HEAD_OUTGROWN = (
    "The library has outgrown its projection, which was kept for the head that was trained on it: "
    "build_index.py --refit and then train_head.py renew both."
)


class Analyser(Protocol):
    """Files to features, in bounded memory; `encoders.extract.Extractor` is one."""

    @property
    def names(self) -> tuple[str, ...]:
        """The keys under which each track's features are kept."""

    def inspect(
        self, paths: Iterable[Path]
    ) -> Generator[tuple[Path, AudioInfo | AudioError], None, None]:
        """Read durations and identities, in the order of `paths`."""

    def extract(
        self, tracks: Iterable[tuple[Path, float]]
    ) -> Generator[tuple[Path, Features | AudioError], None, None]:
        """Analyse files given with their durations, in any order."""


class FittedProjection(Protocol):
    """Features to vectors; `encoders.projection.Projection` is one."""

    @property
    def extractors(self) -> tuple[str, ...]:
        """The names of the features it takes."""

    @property
    def id(self) -> str:
        """What vectors must share to be compared."""

    @property
    def has_head(self) -> bool:
        """Say whether labels taught it something that a new fit would not know."""

    def embed(self, tracks: Sequence[Sequence[TrackFeatures]]) -> Float32Array:
        """Return unit vectors (n_tracks, dim)."""

    def outgrown_by(self, n_tracks: int) -> bool:
        """Say whether a library of this size deserves a new fit."""

    def save(self, path: Path) -> None:
        """Write it atomically."""


# Fits a projection on a sample of a library, given also the library's number of tracks.
Fit = Callable[[Iterable[Features], int], FittedProjection]


class Progress(NamedTuple):
    """How far a stage has come; `recsys.library.build_state.STAGES` names them."""

    stage: str
    done: int = 0
    total: int = 0
    failed: int = 0


@dataclass(frozen=True)
class BuildReport:
    """What a build did.

    `n_analysed` tracks of `audio_seconds` together were analysed in `analysis_seconds`, inspecting
    them included; `tracks` of the library have features now; `index` is None where there are none;
    `notes` say what becomes of its head.
    """

    tracks: int
    summary: ScanSummary
    failures: tuple[Track, ...]
    problems: tuple[str, ...]
    n_analysed: int
    audio_seconds: float
    analysis_seconds: float
    index: VectorIndex | None
    refitted: bool
    notes: tuple[str, ...] = ()


def build(
    catalog: Catalog,
    folders: Sequence[Path],
    analyser: Analyser,
    projection: FittedProjection | None,
    fit: Fit,
    *,
    recipe: str = "Flat",
    retry_failed: bool = False,
    refit: bool = False,
    progress: Callable[[Progress], None] = lambda _: None,
) -> BuildReport:
    """Bring catalogue, projection and index up to what lies in `folders`.

    `projection` is the home's, None if it has none that fits `analyser`; it is fitted anew where
    it is outgrown and has no head, or `refit` says so. Raises LibraryError, CatalogError
    (BuildRunning among them), ValueError for a recipe that does not fit, and OSError where the home
    cannot be written.
    """
    with catalog.build_lock():
        progress(Progress("scan"))
        scanned = scan(folders)
        begin = time.monotonic()
        summary = identify(
            catalog,
            scanned,
            analyser.inspect,
            retry_failed=retry_failed,
            progress=lambda done, total: progress(Progress("identify", done, total)),
        )
        for name in analyser.names:
            catalog.drop_damaged_features(name)
        n_analysed, audio_seconds = _analyse(catalog, analyser, progress)
        analysis_seconds = time.monotonic() - begin
        ids = _ready_ids(catalog, analyser.names)
        outgrown = projection is not None and projection.outgrown_by(len(ids))
        notes: tuple[str, ...] = ()
        if projection and projection.has_head and (refit or outgrown):
            notes = (HEAD_LOST if refit else HEAD_OUTGROWN,)
        if refit or (outgrown and not notes):
            projection = None
        vectors = _index(catalog, analyser.names, ids, projection, fit, recipe, progress)
        return BuildReport(
            tracks=len(ids),
            summary=summary,
            failures=tuple(catalog.failures()),
            problems=tuple(f"{shown(path)}: {sentence}" for path, sentence in scanned.problems)
            + summary.notes,
            n_analysed=n_analysed,
            audio_seconds=audio_seconds,
            analysis_seconds=analysis_seconds,
            index=vectors,
            refitted=vectors is not None and projection is None,
            notes=notes,
        )


def reproject(
    catalog: Catalog,
    projection: FittedProjection,
    recipe: str = "Flat",
    progress: Callable[[Progress], None] = lambda _: None,
) -> VectorIndex | None:
    """Make a projection the home's and index its tracks by it, from their kept features.

    Raises CatalogError, BuildRunning among them, and OSError where the home cannot be written.
    """

    def kept(_: Iterable[Features], __: int) -> FittedProjection:
        return projection

    with catalog.build_lock():
        ids = _ready_ids(catalog, projection.extractors)
        index = _index(catalog, projection.extractors, ids, projection, kept, recipe, progress)
        projection.save(catalog.home / PROJECTION_NAME)  # last: until then nothing is changed
        return index


def _analyse(
    catalog: Catalog, analyser: Analyser, progress: Callable[[Progress], None]
) -> tuple[int, float]:
    """Analyse what is pending; return how many tracks and how many seconds of audio that was."""
    n_analysed, audio_seconds, attempted = 0, 0.0, set[int]()
    # Of several files with one audio the first is analysed; if it cannot be, the next one is.
    while todo := [i for i in _pending(catalog, analyser.names) if i not in attempted]:
        attempted.update(todo)
        tracks = {track.path: track for track in catalog.tracks(todo)}
        jobs = [(path, track.duration or 0.0) for path, track in tracks.items()]
        batch: list[tuple[int, Features | AudioError]] = []
        failed, written = 0, time.monotonic()
        progress(Progress("analyse", 0, len(jobs)))
        try:
            with closing(analyser.extract(jobs)) as results:
                for done, (path, heard) in enumerate(results, start=1):
                    batch.append((tracks[path].id, heard))
                    if isinstance(heard, AudioError):
                        failed += 1
                    else:
                        n_analysed += 1
                        audio_seconds += tracks[path].duration or 0.0
                    if len(batch) >= _BATCH or time.monotonic() - written > _BATCH_SECONDS:
                        _store(catalog, analyser.names, batch)
                        batch, written = [], time.monotonic()
                    progress(Progress("analyse", done, len(jobs), failed))
        finally:  # also when Ctrl-C stops it
            _store(catalog, analyser.names, batch)
    return n_analysed, audio_seconds


def _pending(catalog: Catalog, names: Sequence[str]) -> list[int]:
    """Return the ids of the tracks that lack features of any of `names`, in order."""
    return sorted({track_id for name in names for track_id, _ in catalog.pending(name)})


def _store(
    catalog: Catalog,
    names: Sequence[str],
    results: Sequence[tuple[int, Features | AudioError]],
) -> None:
    """Write a batch of results, each model's features under its name."""
    for number, name in enumerate(names):
        catalog.store_features(
            name,
            [
                (track_id, heard if isinstance(heard, AudioError) else heard[number])
                for track_id, heard in results
            ],
        )


def _ready_ids(catalog: Catalog, names: Sequence[str]) -> list[int]:
    """Return the ids of the living tracks that have features of every name, in order."""
    ready = [set(catalog.ready_ids(name)) for name in names]
    return sorted(set.intersection(*ready))


def _index(
    catalog: Catalog,
    names: Sequence[str],
    ids: Sequence[int],
    projection: FittedProjection | None,
    fit: Fit,
    recipe: str,
    progress: Callable[[Progress], None],
) -> VectorIndex | None:
    """Project and index all of `ids`, or load the index if it is up to date already."""
    if not ids:
        return None
    path = catalog.home / INDEX_NAME
    model, revision = "+".join(names), catalog.revision
    if projection and _is_current(path, model, projection.id, revision, recipe):
        with suppress(DamagedIndex, StaleIndex):  # then it is built anew
            return VectorIndex.load(path, model=model, projection=projection.id, dim=None)
    if projection is None:
        progress(Progress("fit"))
        sample = [ids[i * len(ids) // _FIT_SAMPLE] for i in range(_FIT_SAMPLE)]
        sample = sample if len(ids) > _FIT_SAMPLE else list(ids)
        projection = fit((heard for _, heard in read_features(catalog, names, sample)), len(ids))
        projection.save(catalog.home / PROJECTION_NAME)
    kept: list[int] = []
    vectors = []
    for start in range(0, len(ids), _EMBED_BATCH):
        progress(Progress("index", start, len(ids)))
        rows = list(read_features(catalog, names, ids[start : start + _EMBED_BATCH]))
        kept += [track_id for track_id, _ in rows]
        vectors.append(projection.embed([heard for _, heard in rows]))
    groups = catalog.recording_groups()
    recordings = [groups.get(track_id, track_id) for track_id in kept]
    built = VectorIndex.build(kept, np.concatenate(vectors), recipe, recordings=recordings)
    built.save(path, model=model, projection=projection.id, catalogue_revision=revision)
    return built


def _is_current(path: Path, model: str, projection: str, revision: int, recipe: str) -> bool:
    """Say whether the index file holds just this."""
    try:
        manifest = read_manifest(path)
    except (DamagedIndex, StaleIndex):
        return False
    found = manifest.model, manifest.projection, manifest.catalogue_revision, manifest.recipe
    return found == (model, projection, revision, recipe)
