"""Feature extraction: audio files in, features out, in bounded memory; errors are values.

Each of `workers` threads owns one decoding process and runs the networks itself, one thread of
arithmetic each; while it computes one track, its process decodes the next. So all cores are busy
with whole tracks, nothing waits on a barrier, and at most two tracks a worker are in memory. Only
this process holds torch.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Generic, NamedTuple, TypeAlias, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from encoders.audio import SegmentGrid, Segments
from encoders.bundles import BUNDLES, EncoderBundle, find_bundle
from encoders.decoding import DecoderProcess
from encoders.descriptors import Describer
from encoders.errors import AudioError
from encoders.features import AudioInfo, AudioSpan, Descriptors, TrackFeatures
from encoders.frontends import FrontEnd, front_end, segment_grid
from encoders.onnx_bundles import ENCODERS
from encoders.projection import Projection, fit_projection
from encoders.tagger import Tagger, choose_device
from encoders.trained_bundles import trained_in

SEGMENT_SECONDS = 3.0  # what budgets of segments are counted in
N_SEGMENTS = 20  # 60 s of a track
_BFLOAT16 = "bfloat16"
WAKE_INTERVAL = 0.5  # s after which a waiting thread wakes, so that interrupts are handled

_Job = TypeVar("_Job")
_Answer = TypeVar("_Answer")
_Result = TypeVar("_Result")
_Numbered: TypeAlias = tuple[int, _Job, _Result | AudioError]  # a job's number, the job, its result


class TrackAnalysis(NamedTuple):
    """A track's features, one for each tagger, and its descriptors."""

    features: tuple[TrackFeatures, ...]
    descriptors: Descriptors


class FrontEndPlan(NamedTuple):
    """A front end, the grid of its segments, and how many of them are read of a track."""

    front_end: nn.Module
    grid: SegmentGrid
    n_segments: int | None


class Extractor:
    """Extracts the features of one or several taggers from audio files.

    Taggers with the same front end share its output; each further front end reads the file again.
    `n_segments` counts segments of 3 s; of longer segments fewer are read, for the same seconds of
    audio, but at least one.
    """

    def __init__(
        self,
        taggers: Sequence[Tagger],
        *,
        n_segments: int | None = N_SEGMENTS,
        workers: int = 1,
        nice: int = 0,
        known: Collection[str] = (),
        describer: Describer | None = None,
    ) -> None:
        """`n_segments` are read of each track, or all of them where it is None.

        `known` are the keys of features that there are already; see `feature_key`. The `describer`
        is by default one without a network.
        """
        self.taggers = tuple(taggers)
        self.describer = describer or Describer(taggers[0].device)
        self.n_segments = n_segments
        self.workers = workers
        self.nice = nice
        front_ends = dict.fromkeys(tagger.bundle.front for tagger in taggers)
        device = taggers[0].device
        self.plans = {front: _front_end_plan(front, device, n_segments) for front in front_ends}
        self.names = tuple(feature_key(t.bundle.name, n_segments, known) for t in taggers)
        self._start_times: dict[Path | AudioSpan, float] = {}

    @property
    def tags(self) -> tuple[str, ...]:
        """The tags of all models, joined."""
        return tuple(tag for tagger in self.taggers for tag in tagger.bundle.tags)

    @property
    def device(self) -> str:
        """The device's name: "CPU", or the GPU's."""
        return self.taggers[0].device_name

    def fit_projection(
        self, tracks: Iterable[Sequence[TrackFeatures]], n_tracks: int
    ) -> Projection:
        """Fit the default projection on features of this extractor; see `fit_projection`."""
        return fit_projection(
            tracks,
            n_tracks,
            self.names,
            self.tags,
            self.taggers[0].prior.penultimate,
            np.concatenate([tagger.prior.logits for tagger in self.taggers]),
        )

    @property
    def continues_bfloat16(self) -> bool:
        """Whether the features are stored beside earlier ones computed in bfloat16."""
        return any(f"-{_BFLOAT16}-" in name for name in self.names)

    def features(self, path: Path, *, seconds: int | None = None) -> tuple[TrackFeatures, ...]:
        """Analyse one file, one TrackFeatures a tagger. Raises AudioError.

        Its decoding may take `seconds` of processor time, where they are given.
        """
        path = path.absolute()
        with closing(DecoderProcess(self.nice, seconds)) as decoder:
            decoder.request_info(path)
            duration = decoder.receive_info(path).duration
            track = AudioSpan(path, duration)
            self._request(decoder, track)
            return self._features(self._receive(decoder, track))

    def inspect(
        self, paths: Iterable[Path]
    ) -> Generator[tuple[Path, AudioInfo | AudioError], None, None]:
        """Inspect files side by side; results come in the order of `paths`."""

        def request(decoder: DecoderProcess, path: Path) -> None:
            self._start_times[path] = time.monotonic()
            decoder.request_info(path)

        pool = DecoderPool(
            self.workers, self.nice, request, DecoderProcess.receive_info, lambda info: info
        )
        out_of_order: dict[int, tuple[Path, AudioInfo | AudioError]] = {}
        next_number = 0
        with self._cleared_progress(), closing(pool.run(paths)) as results:
            for number, path, result in results:
                self._start_times.pop(path, None)
                out_of_order[number] = path, result
                while next_number in out_of_order:
                    yield out_of_order.pop(next_number)
                    next_number += 1

    def extract(
        self, tracks: Iterable[AudioSpan]
    ) -> Generator[tuple[AudioSpan, tuple[TrackFeatures, ...] | AudioError], None, None]:
        """Give the features of tracks; results come as they are ready."""
        return self._run(tracks, self._receive, self._features)

    def analyse(
        self, tracks: Iterable[AudioSpan]
    ) -> Generator[tuple[AudioSpan, TrackAnalysis | AudioError], None, None]:
        """Give features and descriptors of tracks, like `extract`."""
        return self._run(tracks, self._receive, self._analyse)

    def describe(
        self, tracks: Iterable[AudioSpan]
    ) -> Generator[tuple[AudioSpan, Descriptors | AudioError], None, None]:
        """Give the descriptors of tracks alone, like `extract`: no tagger computes anything."""

        def receive(decoder: DecoderProcess, track: AudioSpan) -> Segments:
            return decoder.receive_segments(track.path)

        return self._run(tracks, receive, self._descriptors)

    def _run(
        self,
        tracks: Iterable[AudioSpan],
        receive: Callable[[DecoderProcess, AudioSpan], _Answer],
        compute: Callable[[_Answer], _Result],
    ) -> Generator[tuple[AudioSpan, _Result | AudioError], None, None]:
        """Decode tracks and compute what is wanted of their segments, side by side."""

        def request(decoder: DecoderProcess, track: AudioSpan) -> None:
            self._start_times[track] = time.monotonic()
            self._request(decoder, track)

        pool = DecoderPool(self.workers, self.nice, request, receive, compute)
        with self._cleared_progress(), closing(pool.run(tracks)) as results:
            for _, track, result in results:
                self._start_times.pop(track, None)
                yield track, result

    @contextmanager
    def waveforms(self, rate: int) -> Iterator[Callable[[AudioSpan], NDArray[np.float32]]]:
        """Give a function that decodes a whole track, mono at `rate` Hz.

        It raises AudioError.
        """
        with closing(DecoderProcess(self.nice)) as decoder:
            yield lambda track: decoder.waveform(track, rate)

    def in_progress(self) -> list[tuple[Path, float]]:
        """Return the files being analysed and for how many seconds, the longest first."""
        now = time.monotonic()
        begun = self._start_times.copy().items()
        return sorted(
            (
                (job.path if isinstance(job, AudioSpan) else job, now - begin)
                for job, begin in begun
            ),
            key=lambda x: -x[1],
        )

    @contextmanager
    def _cleared_progress(self) -> Iterator[None]:
        """Clear the files in progress at the end of a run, complete or not."""
        try:
            yield
        finally:
            self._start_times.clear()

    def _request(self, decoder: DecoderProcess, track: AudioSpan) -> None:
        """Ask for the first front end's segments; `_receive` asks for the others'."""
        plan = next(iter(self.plans.values()))
        decoder.request_segments(track, plan.grid, plan.n_segments)

    def _receive(self, decoder: DecoderProcess, track: AudioSpan) -> list[Segments]:
        segments = [decoder.receive_segments(track.path)]
        for plan in list(self.plans.values())[1:]:
            decoder.request_segments(track, plan.grid, plan.n_segments)
            segments.append(decoder.receive_segments(track.path))
        return segments

    def _analyse(self, segments_by_plan: list[Segments]) -> TrackAnalysis:
        features = self._features(segments_by_plan)
        return TrackAnalysis(features, self._descriptors(segments_by_plan[0]))

    def _descriptors(self, segments: Segments) -> Descriptors:
        """Describe the first front end's segments."""
        torch.set_num_threads(1)
        return self.describer(segments, next(iter(self.plans.values())).grid.sample_rate)

    @torch.inference_mode()
    def _features(self, segments_by_plan: list[Segments]) -> tuple[TrackFeatures, ...]:
        torch.set_num_threads(1)  # tracks run side by side; barriers within one would waste cores
        inputs = {}  # of the taggers: front-end output and the segments' starts, by front end
        for (front, plan), segments in zip(self.plans.items(), segments_by_plan, strict=True):
            waveforms = torch.from_numpy(segments.waveforms).to(self.taggers[0].device)
            inputs[front] = plan.front_end(waveforms), segments.starts
        return tuple(tagger.features(*inputs[tagger.bundle.front]) for tagger in self.taggers)


def _front_end_plan(front: FrontEnd, device: torch.device, n_segments: int | None) -> FrontEndPlan:
    grid = segment_grid(front)
    if n_segments is not None:
        n_segments = max(1, round(n_segments * SEGMENT_SECONDS * grid.sample_rate / grid.step))
    return FrontEndPlan(front_end(front).to(device), grid, n_segments)


def feature_key(model: str, n_segments: int | None, known: Collection[str] = ()) -> str:
    """Return the key of a model's features: model, precision, segment budget.

    All are computed in float32. Earlier versions computed in bfloat16 where that was faster; where
    such features are `known`, the new ones join them under their key. They differ by rounding
    alone (docs/results/benchmarks.md), so that no track has to be analysed again to be compared.
    """
    budget = "all" if n_segments is None else str(n_segments)
    rounded = f"{model}-{_BFLOAT16}-{budget}"
    return rounded if rounded in known else f"{model}-float32-{budget}"


def load_extractor(
    models: Sequence[str],
    cache: Path,
    *,
    known: Collection[str] = (),
    n_segments: int = N_SEGMENTS,
    workers: int = 1,
    nice: int = 0,
) -> Extractor:
    """Load taggers by name onto the best device.

    `known` are the keys of features that there are already; see `feature_key`. Raises WeightsError,
    and ValueError for an unknown model.
    """
    device = choose_device()
    taggers = [Tagger(bundle, cache, device=device) for bundle in _bundles(models, cache)]
    return Extractor(
        taggers,
        n_segments=n_segments,
        workers=workers,
        nice=nice,
        known=known,
        describer=Describer(taggers[0].device, cache),
    )


def _bundles(models: Sequence[str], cache: Path) -> list[EncoderBundle]:
    bundles = [bundle for name in models if (bundle := find_bundle(name, cache))]
    if len(bundles) < len(models) or not models:
        names = ", ".join([*BUNDLES, *ENCODERS, *trained_in(cache)])
        raise ValueError(f"wanted models out of {names}; got {', '.join(models)!r}")
    return bundles


def load_known_extractor(names: Sequence[str], cache: Path) -> Extractor:
    """Load the extractor of features with these keys, for single files. Raises WeightsError."""
    models, _, budgets = zip(*(name.rsplit("-", 2) for name in names), strict=True)
    return load_extractor(models, cache, known=names, n_segments=int(budgets[0]))


def _start(thread: threading.Thread) -> None:
    """Start a thread; an interrupt that comes in that moment stays one.

    Thread.start waits on a condition whose lock an interrupt may find released, and releasing it
    again is the RuntimeError that would take the interrupt's place.
    """
    try:
        thread.start()
    except RuntimeError as error:
        if isinstance(error.__context__, KeyboardInterrupt):
            raise KeyboardInterrupt from error
        raise


class DecoderPool(Generic[_Job, _Answer, _Result]):
    """A pool of worker threads, each with a decoding process, that share one stream of jobs.

    A worker requests the next job's answer from its process before it computes the current one's
    result, so decoding and computation overlap.
    """

    def __init__(
        self,
        workers: int,
        nice: int,
        request: Callable[[DecoderProcess, _Job], None],
        receive: Callable[[DecoderProcess, _Job], _Answer],
        compute: Callable[[_Answer], _Result],
    ) -> None:
        self.workers = workers
        self.nice = nice
        self.request = request
        self.receive = receive
        self.compute = compute
        self._results: queue.Queue[_Numbered[_Job, _Result] | _WorkerEnd] = queue.Queue()
        self._lock = threading.Lock()
        self._stopping = False

    def run(self, jobs: Iterable[_Job]) -> Generator[_Numbered[_Job, _Result], None, None]:
        """Yield (number, job, result) as they are ready; closing the generator ends the workers."""
        numbered = enumerate(jobs)
        decoders: list[DecoderProcess] = []
        threads: list[threading.Thread] = []
        try:
            for _ in range(self.workers):
                decoder = DecoderProcess(self.nice)
                decoders.append(decoder)
                thread = threading.Thread(target=self._work, args=(decoder, numbered), daemon=True)
                _start(thread)
                threads.append(thread)
            running = len(threads)
            while running:
                result = self._next()
                if not isinstance(result, _WorkerEnd):
                    yield result
                elif result.error:
                    raise result.error
                else:
                    running -= 1
        finally:
            with self._lock:
                self._stopping = True
            for decoder in decoders:
                decoder.close()
            for thread in threads:
                thread.join()

    def _next(self) -> _Numbered[_Job, _Result] | _WorkerEnd:
        while True:  # in turns: an interrupt that comes just before a wait is handled after it
            with suppress(queue.Empty):
                return self._results.get(timeout=WAKE_INTERVAL)

    def _work(self, decoder: DecoderProcess, jobs: Iterator[tuple[int, _Job]]) -> None:
        try:
            requested = self._request_next(decoder, jobs)
            while requested:
                number, job = requested
                result: _Result | AudioError
                try:
                    answer = self.receive(decoder, job)
                    requested = self._request_next(decoder, jobs)
                    result = self.compute(answer)
                except AudioError as error:
                    requested = self._request_next(decoder, jobs)
                    result = error
                self._results.put((number, job, result))
            self._results.put(_WorkerEnd(None))
        except BaseException as error:  # handed to the consumer, who raises it
            self._results.put(_WorkerEnd(error))

    def _request_next(
        self, decoder: DecoderProcess, jobs: Iterator[tuple[int, _Job]]
    ) -> tuple[int, _Job] | None:
        with self._lock:  # so that no request restarts a decoder that `run` has closed
            requested = None if self._stopping else next(jobs, None)
            if requested:
                self.request(decoder, requested[1])
        return requested


class _WorkerEnd(NamedTuple):
    """The end of a worker, with its error unless it ran out of jobs."""

    error: BaseException | None
