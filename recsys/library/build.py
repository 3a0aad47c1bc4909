"""Build a home: scan -> identify -> analyse -> project -> index, resumable at every step.

Results are written to the catalogue in batches, so a build that is stopped or killed loses at most
one batch, and the next one resumes there.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np

from encoders.errors import AudioError, FileUnavailable
from encoders.features import AudioInfo, AudioSpan, Descriptors, TrackFeatures
from index.arrays import Float32Array
from index.shards import is_by_shards, usual_recipe
from index.vector_index import DamagedIndex, Manifest, StaleIndex, VectorIndex, read_manifest
from recsys.catalog import Catalog, Track
from recsys.catalog.base import shown
from recsys.catalog.track_features import Features, read_features
from recsys.home import audio_embeddings, index_arrays, tag_means
from recsys.home.files import INDEX_NAME, PROJECTION_NAME
from recsys.library.coherence import RATE
from recsys.library.comparing import compare_named_alike
from recsys.library.identification import USUAL, ScanOptions, ScanSummary, identify
from recsys.library.scanning import LEFT_NOTHING_OUT, LeftOut, scan
from recsys.library.sharded_index import index_by_shards

_BATCH = 256  # tracks whose features are written in one transaction
_BATCH_SECONDS = 5.0  # after which a smaller batch is written
_EMBED_BATCH = 500  # tracks projected at once
AUTOMATIC = "auto"  # the recipe that `index.shards.usual_recipe` chooses by the number of tracks
_FIT_SAMPLE = 5000  # most tracks that a projection is fitted on, spread evenly over the library

HEAD_LOST = (
    "The head is gone: it was trained on the projection that was now fitted anew. "
    "`earshot train-head` trains another."
)
HEAD_OUTGROWN = (
    "The library has outgrown its projection, which was kept for the head that was trained on it: "
    "`earshot build --refit` and then `earshot train-head` renew both."
)


class LibraryAnalysis(Protocol):
    """A track's features, one for each model, and descriptors; `encoders.extract.TrackAnalysis`."""

    @property
    def features(self) -> Features: ...  # noqa: D102

    @property
    def descriptors(self) -> Descriptors: ...  # noqa: D102


class LibraryDescriber(Protocol):
    """Estimates descriptors; `encoders.descriptors.Describer` is one."""

    @property
    def accepted(self) -> Sequence[str]:
        """Names of methods whose results it would not better."""

    @property
    def method(self) -> str:
        """The name of its own."""


class LibraryExtractor(Protocol):
    """Inspects files and extracts their features; `encoders.extract.Extractor` is one."""

    @property
    def names(self) -> tuple[str, ...]:
        """The names under which each track's features are stored, one for each model."""

    def inspect(
        self, paths: Iterable[Path]
    ) -> Generator[tuple[Path, AudioInfo | AudioError], None, None]:
        """Read durations and identities, in the order of `paths`."""

    @property
    def describer(self) -> LibraryDescriber:
        """What `describe` does it by."""

    def analyse(
        self, tracks: Iterable[AudioSpan]
    ) -> Generator[tuple[AudioSpan, LibraryAnalysis | AudioError], None, None]:
        """Analyse tracks, in any order."""

    def describe(
        self, tracks: Iterable[AudioSpan]
    ) -> Generator[tuple[AudioSpan, Descriptors | AudioError], None, None]:
        """Estimate the descriptors alone of tracks, in any order."""

    def waveforms(self, rate: int) -> AbstractContextManager[Callable[[AudioSpan], Float32Array]]:
        """Give a function that decodes a whole track, mono at `rate` Hz."""


class FittedProjection(Protocol):
    """Projects features to vectors; `encoders.projection.Projection` is one."""

    @property
    def extractors(self) -> tuple[str, ...]:
        """The names of the features it takes."""

    @property
    def id(self) -> str:
        """The identity of the projection: only vectors of one projection are comparable."""

    @property
    def dim(self) -> int:
        """The length of its vectors."""

    @property
    def has_head(self) -> bool:
        """Whether it contains a trained head, which a new fit would not."""

    def embed(self, tracks: Sequence[Sequence[TrackFeatures]]) -> Float32Array:
        """Return unit vectors (n_tracks, dim)."""

    def outgrown_by(self, n_tracks: int) -> bool:
        """Whether a library of this size needs a new fit."""

    def save(self, path: Path) -> None:
        """Write it atomically."""


# Fits a projection on a sample of a library, given also the library's number of tracks.
Fit = Callable[[Iterable[Features], int], FittedProjection]


class Progress(NamedTuple):
    """The progress of a stage, one of `recsys.library.build_state.STAGES`."""

    stage: str
    done: int = 0
    total: int = 0
    failed: int = 0


@dataclass(frozen=True)
class BuildReport:
    """The result of a build.

    tracks            number of tracks with features, all of which are indexed
    n_analysed        tracks analysed, of `audio_seconds` in total, in `analysis_seconds`, which
                      include inspecting them
    index             None where no track has features
    notes             sentences about what was left out, tags and the trained head
    unavailable       sentences about files that could not be read for the moment; the next build
                      tries them again
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
    unavailable: tuple[str, ...] = ()
    left_out: LeftOut = LEFT_NOTHING_OUT


def build(  # noqa: PLR0913
    catalog: Catalog,
    folders: Sequence[Path],
    extractor: LibraryExtractor,
    projection: FittedProjection | None,
    fit: Fit,
    *,
    recipe: str = AUTOMATIC,
    scanning: ScanOptions = USUAL,
    refit: bool = False,
    renews_head: bool = False,
    progress: Callable[[Progress], None] = lambda _: None,
) -> BuildReport:
    """Update catalogue, projection and index to the files in `folders`.

    `projection` is the home's, None if it has none that fits `extractor`; a new one is fitted where
    it is outgrown and has no head, or with `refit`. Raises LibraryError, CatalogError
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
            extractor.inspect,
            options=scanning,
            progress=lambda done, total: progress(Progress("identify", done, total)),
        )
        for name in extractor.names:
            catalog.drop_damaged_features(name)
        n_analysed, audio_seconds, unavailable = _analyse(catalog, extractor, progress)
        analysis_seconds = time.monotonic() - begin
        _compare(catalog, extractor, progress)
        ids = _ready_ids(catalog, extractor.names)
        outgrown = projection is not None and projection.outgrown_by(len(ids))
        notes: tuple[str, ...] = ()
        if projection and projection.has_head and (refit or outgrown) and not renews_head:
            notes = (HEAD_LOST if refit else HEAD_OUTGROWN,)
        if refit or (outgrown and not notes):
            projection = None
        vectors = _index(catalog, extractor.names, ids, projection, fit, recipe, progress)
        if vectors is not None:
            audio_embeddings.renew(catalog, extractor.names, vectors.ids)
        _describe(catalog, extractor, progress)
        return BuildReport(
            tracks=len(ids),
            summary=summary,
            failures=tuple(catalog.failures()),
            problems=tuple(f"{shown(path)}: {sentence}" for path, sentence in scanned.problems)
            + summary.notes,
            unavailable=summary.unavailable + unavailable,
            left_out=scanned.left_out,
            n_analysed=n_analysed,
            audio_seconds=audio_seconds,
            analysis_seconds=analysis_seconds,
            index=vectors,
            refitted=vectors is not None and projection is None,
            notes=scanned.left_out.sentences() + summary.remarks + notes,
        )


def reproject(
    catalog: Catalog,
    projection: FittedProjection,
    recipe: str = AUTOMATIC,
    progress: Callable[[Progress], None] = lambda _: None,
) -> VectorIndex | None:
    """Replace the home's projection and index its tracks by it, from their stored features.

    Raises CatalogError, BuildRunning among them, and OSError where the home cannot be written.
    """

    def given(_: Iterable[Features], __: int) -> FittedProjection:
        return projection

    with catalog.build_lock():
        ids = _ready_ids(catalog, projection.extractors)
        index = _index(catalog, projection.extractors, ids, projection, given, recipe, progress)
        projection.save(catalog.home / PROJECTION_NAME)  # last: until then the home is unchanged
        return index


def _analyse(
    catalog: Catalog, extractor: LibraryExtractor, progress: Callable[[Progress], None]
) -> tuple[int, float, tuple[str, ...]]:
    """Analyse the pending tracks; return their number and seconds, and what is unavailable."""
    n_analysed, audio_seconds, attempted = 0, 0.0, set[int]()
    unavailable: list[str] = []
    # Of several files with equal audio the first is analysed; where it fails, the next one.
    while pending := [i for i in _pending(catalog, extractor.names) if i not in attempted]:
        attempted.update(pending)
        tracks = {track.span: track for track in catalog.tracks(pending)}
        jobs = list(tracks)
        batch: list[tuple[Track, LibraryAnalysis | AudioError]] = []
        failed, written_at = 0, time.monotonic()
        progress(Progress("analyse", 0, len(jobs)))
        try:
            with closing(extractor.analyse(jobs)) as results:
                for done, (span, result) in enumerate(results, start=1):
                    if isinstance(result, FileUnavailable):
                        unavailable.append(str(result))  # and stays pending
                    else:
                        batch.append((tracks[span], result))
                    if isinstance(result, AudioError):
                        failed += 1
                    else:
                        n_analysed += 1
                        audio_seconds += span.duration
                    if len(batch) >= _BATCH or time.monotonic() - written_at > _BATCH_SECONDS:
                        _store(catalog, extractor.names, batch)
                        batch, written_at = [], time.monotonic()
                    progress(Progress("analyse", done, len(jobs), failed))
        finally:  # also when Ctrl-C stops it
            _store(catalog, extractor.names, batch)
    return n_analysed, audio_seconds, tuple(unavailable)


def _describe(
    catalog: Catalog, extractor: LibraryExtractor, progress: Callable[[Progress], None]
) -> None:
    """Estimate tempo, key and loudness of what was analysed without: of homes of earlier versions.

    What cannot be decoded any more is not tried again.
    """
    ids = catalog.undescribed(extractor.describer.accepted)
    tracks = {track.span: track for track in catalog.tracks(ids)}
    batch: dict[str, Descriptors] = {}
    if not tracks:
        return
    jobs = list(tracks)
    failed = 0
    progress(Progress("describe", 0, len(jobs)))
    try:
        with closing(extractor.describe(jobs)) as results:
            for done, (span, result) in enumerate(results, start=1):
                failed += isinstance(result, AudioError)
                if not isinstance(result, FileUnavailable):
                    nothing = Descriptors(extractor.describer.method)
                    found = nothing if isinstance(result, AudioError) else result
                    batch[tracks[span].audio_hash or ""] = found
                if len(batch) >= _BATCH:
                    catalog.describe(batch)
                    batch = {}
                progress(Progress("describe", done, len(jobs), failed))
    finally:  # also when Ctrl-C stops it
        catalog.describe(batch, renews=True)


def _compare(
    catalog: Catalog, extractor: LibraryExtractor, progress: Callable[[Progress], None]
) -> None:
    """Compare what is named alike, so that lists show one recording once."""
    with ExitStack() as stack:
        decode: Callable[[AudioSpan], Float32Array] | None = None

        def waveform(track: Track) -> Float32Array:
            nonlocal decode
            decode = decode or stack.enter_context(extractor.waveforms(RATE))
            return decode(track.span)

        compare_named_alike(
            catalog, waveform, lambda done, total: progress(Progress("compare", done, total))
        )


def _pending(catalog: Catalog, names: Sequence[str]) -> list[int]:
    """Return the ids of the tracks that lack features of any of `names`, in order."""
    return sorted({track_id for name in names for track_id, _ in catalog.pending(name)})


def _store(
    catalog: Catalog,
    names: Sequence[str],
    results: Sequence[tuple[Track, LibraryAnalysis | AudioError]],
) -> None:
    """Write a batch of results, each model's features under its name, and the descriptors."""
    described = {
        track.audio_hash: result.descriptors
        for track, result in results
        if track.audio_hash and not isinstance(result, AudioError)
    }
    if described:
        catalog.describe(described)
    for number, name in enumerate(names):
        catalog.store_features(
            name,
            [
                (track.id, result if isinstance(result, AudioError) else result.features[number])
                for track, result in results
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
    """Project and index `ids`, or load the index if it is current."""
    if not ids:
        return None
    path = catalog.home / INDEX_NAME
    model, revision = "+".join(names), catalog.revision
    if projection and _is_current(path, model, projection.id, revision, recipe):
        with suppress(DamagedIndex, StaleIndex):  # then build another
            index = VectorIndex.load(path, model=model, projection=projection.id, dim=None)
            made_of = index_arrays.made_of(model, revision, index.ids)
            if tag_means.load(catalog.home, made_of) is None:  # of an older version, or lost
                values = tag_means.compute(catalog, names, index.ids)
                tag_means.save(catalog.home, values, made_of)
            return index
    if projection is None:
        progress(Progress("fit"))
        sample = [ids[i * len(ids) // _FIT_SAMPLE] for i in range(_FIT_SAMPLE)]
        sample = sample if len(ids) > _FIT_SAMPLE else list(ids)
        projection = fit(
            (features for _, features in read_features(catalog, names, sample)), len(ids)
        )
        projection.save(catalog.home / PROJECTION_NAME)
    if recipe == AUTOMATIC:
        recipe = usual_recipe(len(ids), projection.dim)
    if is_by_shards(recipe):
        made_by = Manifest(model, projection.id, revision, projection.dim, 0, recipe, "")
        index_by_shards(
            catalog,
            names,
            ids,
            projection,
            made_by,
            lambda done: progress(Progress("index", done, len(ids))),
        )
        return VectorIndex.load(path, model=model, projection=projection.id, dim=None)
    indexed: list[int] = []
    vectors, means = [], list[Float32Array]()
    for start in range(0, len(ids), _EMBED_BATCH):
        progress(Progress("index", start, len(ids)))
        rows = list(read_features(catalog, names, ids[start : start + _EMBED_BATCH]))
        indexed += [track_id for track_id, _ in rows]
        vectors.append(projection.embed([features for _, features in rows]))
        means += [tag_means.of_features(features) for _, features in rows]
    # Before the index: who opens that finds both.
    tag_means.save(
        catalog.home, np.array(means, np.float32), index_arrays.made_of(model, revision, indexed)
    )
    groups = catalog.recording_groups()
    recordings = [groups.get(track_id, track_id) for track_id in indexed]
    index = VectorIndex.build(indexed, np.concatenate(vectors), recipe, recordings=recordings)
    index.save(path, model=model, projection=projection.id, catalogue_revision=revision)
    return index


def _is_current(path: Path, model: str, projection: str, revision: int, recipe: str) -> bool:
    """Whether the index file was built from exactly these."""
    try:
        manifest = read_manifest(path)
    except (DamagedIndex, StaleIndex):
        return False
    if recipe == AUTOMATIC:
        recipe = usual_recipe(manifest.ntotal, manifest.dim)
    actual = manifest.model, manifest.projection, manifest.catalogue_revision, manifest.recipe
    return actual == (model, projection, revision, recipe)
