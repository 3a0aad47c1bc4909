"""The extractor of a build whose files are inspected and analysed on a Ray cluster."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from earshot import __version__
from earshot.on_ray.cluster import Cluster, TaskAnswer
from earshot.on_ray.copies import Copies
from earshot.on_ray.errors import ClusterError
from earshot.on_ray.worker import WorkOrder
from encoders import text_encoders
from encoders.descriptors import Describer
from encoders.errors import AudioError
from encoders.extract import Extractor, TrackAnalysis
from encoders.features import AudioInfo, AudioSpan, Descriptors
from encoders.weights import SKEY_FILE
from recsys.library.shards import ShardRow, Shards

Item = TypeVar("Item")


class RayExtractor:
    """Like an `Extractor`, whose work is done by the workers of a cluster.

    What they analyse comes by way of shards. What is in shards already is not analysed again.
    """

    def __init__(self, local: Extractor, cluster: Cluster, shards: Shards) -> None:
        """`local` is the same extractor on this machine; `shards` are those of the workers."""
        self.local = local
        self.names = local.names
        self.fit_projection = local.fit_projection
        self.n_taken_up = 0  # tracks that shards had already
        self._cluster = cluster
        self._shards = shards
        self._most_workers = 0

    @property
    def describer(self) -> Describer:
        """What the workers describe by."""
        return self.local.describer

    @property
    def device(self) -> str:
        """The cluster, in words."""
        return f"Ray, {self._most_workers} workers"

    def in_progress(self) -> list[tuple[Path, float]]:
        """Return nothing: which file a worker is at is known there alone."""
        return []

    def inspect(
        self, paths: Iterable[Path]
    ) -> Generator[tuple[Path, AudioInfo | AudioError], None, None]:
        """Inspect files; results come in the order of `paths`."""
        paths = list(paths)
        found: dict[Path, AudioInfo | AudioError] = {}
        following = iter(paths)
        path = next(following, None)
        for items, value in self._run("inspect", paths):
            found.update(zip(items, _each(value), strict=True))
            while path in found:
                yield path, found.pop(path)
                path = next(following, None)

    def analyse(
        self, tracks: Iterable[AudioSpan]
    ) -> Generator[tuple[AudioSpan, TrackAnalysis | AudioError], None, None]:
        """Give features and descriptors of tracks, in any order. Raises ClusterError."""
        waiting = {span.audio_hash or "": span for span in tracks}
        for shard, hashes in self._shards.holding(waiting).items():
            for row in self._shards.read(shard) or ():
                if row.audio_hash in hashes and row.audio_hash in waiting:
                    self.n_taken_up += 1
                    yield waiting.pop(row.audio_hash), _analysis(row)
        for items, value in self._run("analyse", list(waiting.values())):
            if isinstance(value, AudioError):
                yield items[0], value
                continue
            yield from value.errors.items()
            rows = self._shards.read(value.shard) if value.shard else []
            if rows is None:
                raise ClusterError(
                    f"{self._shards.folder / value.shard} was written by a worker, and is not "
                    "there, or damaged: name with --shards a folder or an address that all "
                    "machines share."
                )
            yield from ((waiting[row.audio_hash], _analysis(row)) for row in rows)

    def describe(
        self, tracks: Iterable[AudioSpan]
    ) -> Generator[tuple[AudioSpan, Descriptors | AudioError], None, None]:
        """Give the descriptors of tracks alone, in any order."""
        for items, value in self._run("describe", list(tracks)):
            yield from zip(items, _each(value), strict=True)

    @contextmanager
    def waveforms(self, rate: int) -> Iterator[Callable[[AudioSpan], NDArray[np.float32]]]:
        """Give a function that decodes a whole track here, mono at `rate` Hz.

        It raises AudioError.
        """
        with self.local.waveforms(rate) as decode:

            def waveform(span: AudioSpan) -> NDArray[np.float32]:
                with Copies([span.path], 1) as copies:
                    return decode(span._replace(path=copies.get(span.path)))

            yield waveform

    def _run(self, method: str, items: Sequence[Item]) -> Iterator[TaskAnswer[Item]]:
        with closing(self._cluster.run(method, items)) as answers:
            for answer in answers:
                self._most_workers = max(self._most_workers, self._cluster.n_workers)
                yield answer


def _each(value: Any) -> Sequence[Any]:
    """Return a worker's answers, or the error of an item that was given up alone."""
    return [value] if isinstance(value, AudioError) else value


def _analysis(row: ShardRow) -> TrackAnalysis:
    return TrackAnalysis(row.features, row.descriptors)


@contextmanager
def on_ray(
    local: Extractor, address: str, weights: Path, shards: Path, say: Callable[[str], None]
) -> Iterator[RayExtractor]:
    """Give the extractor that does on the cluster at an address what `local` does here.

    `weights` is the folder that the taggers were loaded from, `shards` the folder or address that
    features are written to. Raises ClusterError.
    """
    models = tuple(tagger.bundle.name for tagger in local.taggers)
    method, n_segments = local.describer.method, local.n_segments
    assert n_segments is not None  # a build has a budget
    order = WorkOrder(
        __version__,
        models,
        local.names,
        method,
        n_segments,
        local.workers,
        local.nice,
        shards,
    )
    files = {
        path.name: path.read_bytes()
        for path in sorted(weights.iterdir())
        if path.name.startswith((*models, SKEY_FILE.name))
        and not path.name.endswith(text_encoders.SUFFIXES)
        and path.is_file()
    }
    with Cluster(address, order, files, say) as cluster:
        yield RayExtractor(local, cluster, Shards(shards, local.names, method))
