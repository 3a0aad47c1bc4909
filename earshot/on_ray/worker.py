"""A worker of a Ray cluster: one long-lived extractor, which is given files and tracks by tasks."""

from __future__ import annotations

import socket
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from earshot import __version__
from earshot.on_ray.copies import Copies
from earshot.on_ray.errors import ClusterError
from encoders.errors import AudioError, FileUnavailable
from encoders.extract import load_extractor
from encoders.features import AudioInfo, AudioSpan, Descriptors
from recsys.library.addresses import AddressError
from recsys.library.shards import ShardRow, Shards
from recsys.library.written_tags import TaggedInfo, read_written


class WorkOrder(NamedTuple):
    """What all workers of a build do.

    version   of Earshot
    models    the taggers' names
    names     the keys of the features that they make
    method    the describer's
    cores     of one worker
    shards    the folder or address that features are written to
    """

    version: str
    models: tuple[str, ...]
    names: tuple[str, ...]
    method: str
    n_segments: int
    cores: int
    nice: int
    shards: Path


class Analysed(NamedTuple):
    """The result of a task: the shard written, if any track could be analysed, and the errors."""

    shard: str | None
    errors: dict[AudioSpan, AudioError]


class RayWorker:
    """Inspects, analyses and describes by the same extractor as a build on one machine."""

    def __init__(self, order: WorkOrder, weights: Mapping[str, bytes]) -> None:
        """Load the taggers from `weights`, files of a home by name. Raises ClusterError."""
        if order.version != __version__:
            raise ClusterError(
                f"{socket.gethostname()} has Earshot {__version__}, and this build is one of "
                f"{order.version}: install the same version on all machines of the cluster."
            )
        with tempfile.TemporaryDirectory(prefix="earshot-") as folder:
            for name, content in weights.items():
                Path(folder, name).write_bytes(content)
            self._extractor = load_extractor(
                order.models,
                Path(folder),
                known=order.names,
                n_segments=order.n_segments,
                workers=order.cores,
                nice=order.nice,
            )
        self._ahead = 2 * order.cores
        self._shards = Shards(order.shards, order.names, order.method)

    def node(self) -> str:
        """Return the id of the node that it runs on."""
        import ray  # noqa: PLC0415 - of the extra `ray`

        node: str = ray.get_runtime_context().get_node_id()
        return node

    def inspect(self, paths: Sequence[Path]) -> list[AudioInfo | AudioError]:
        """Read identities and tags of files, in the order given."""
        found: dict[Path, AudioInfo | AudioError] = {}

        def copied(copies: Copies) -> Iterator[Path]:
            for path in paths:
                try:
                    yield copies.get(path)
                except FileUnavailable as error:
                    found[path] = error

        with Copies(paths, self._ahead) as copies:
            for copy, audio in self._extractor.inspect(copied(copies)):
                found[copies.origin(copy)] = copies.named(_with_tags(copy, audio), copy)
                copies.give_back(copy)
        return [found[path] for path in paths]

    def analyse(self, spans: Sequence[AudioSpan]) -> Analysed:
        """Analyse tracks, and write their features to a shard. Raises ClusterError."""
        rows: list[ShardRow] = []
        errors: dict[AudioSpan, AudioError] = {}
        with Copies([span.path for span in spans], self._ahead) as copies:
            for copy, result in self._extractor.analyse(_copied(spans, copies, errors)):
                span = copy._replace(path=copies.origin(copy.path))
                named = copies.named(result, copy.path)
                if isinstance(named, AudioError):
                    errors[span] = named
                else:
                    rows.append(ShardRow(span.audio_hash or "", *named))
                copies.give_back(copy.path)
        try:
            return Analysed(self._shards.write(rows) if rows else None, errors)
        except (OSError, AddressError) as error:
            raise ClusterError(
                f"{self._shards.folder} cannot be written on {socket.gethostname()}: {error}. "
                "Name with --shards a folder or an address that all machines can write."
            ) from error

    def describe(self, spans: Sequence[AudioSpan]) -> list[Descriptors | AudioError]:
        """Estimate the descriptors alone of tracks, in the order given."""
        found: dict[AudioSpan, Descriptors | AudioError] = {}
        errors: dict[AudioSpan, AudioError] = {}
        with Copies([span.path for span in spans], self._ahead) as copies:
            for copy, result in self._extractor.describe(_copied(spans, copies, errors)):
                span = copy._replace(path=copies.origin(copy.path))
                found[span] = copies.named(result, copy.path)
                copies.give_back(copy.path)
        found |= errors
        return [found[span] for span in spans]


def _copied(
    spans: Sequence[AudioSpan], copies: Copies, errors: dict[AudioSpan, AudioError]
) -> Iterator[AudioSpan]:
    """Give tracks as they are read here; add to `errors` those that cannot be."""
    for span in spans:
        try:
            yield span._replace(path=copies.get(span.path))
        except FileUnavailable as error:
            errors[span] = error


def _with_tags(path: Path, audio: AudioInfo | AudioError) -> AudioInfo | AudioError:
    """Return what an inspection found, with the tags in the file."""
    if isinstance(audio, AudioError):
        return audio
    try:
        written = read_written(path, audio.container_tags)
    except OSError as error:
        return FileUnavailable(f"{path} cannot be read: {error.strerror}.")
    return TaggedInfo(**{**vars(audio), "container_tags": {}}, written=written)
