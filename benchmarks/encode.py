"""How fast tracks are analysed, where the time goes, and what the budget and the kernels gain.

    python -m benchmarks.encode FOLDER [--models NAME,… NAME,…] [--tracks 60]

Each of `--models` is what `earshot build --tagger` takes; several at once must share a
front end. The folder's files are repeated up to `--tracks`. Prints Markdown tables. "As
published" is what musicnn's own package does: every segment of the whole track, one at a time,
through plain convolutions.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Sequence
from itertools import cycle, islice
from pathlib import Path
from typing import NamedTuple

import psutil
import torch
from torch import Tensor, nn

from encoders.audio import inspect, read_segments
from encoders.bundles import DEFAULT_MODELS, tagger_names
from encoders.errors import AudioError
from encoders.extract import N_SEGMENTS, Extractor, load_extractor
from encoders.features import AudioSpan
from encoders.memory import PeakMemory
from encoders.models.activations import Activations
from encoders.tagger import Tagger, choose_device
from recsys.library.scanning import scan

WARM_UP = 4  # tracks before the clock of the steady state starts
PUBLISHED = "plain convolutions, one segment at a time"
# A GPU is given plain convolutions too, of the channels that are not constant.
OURS = "our kernels" if choose_device() == "cpu" else "live channels, segments together"


class OneByOne(nn.Module):
    """A published model fed one segment at a time."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, mel: Tensor) -> Activations:
        """(n_segments, n_frames, n_mels) -> Activations."""
        rows = [self.model(segment) for segment in torch.split(mel, 1)]
        return Activations(*(torch.cat(tensors) for tensors in zip(*rows, strict=True)))


class Speed(NamedTuple):
    """Seconds of wall clock a track, of its inspection and of everything after it."""

    inspection: float
    analysis: float

    @property
    def songs_per_hour(self) -> float:
        """Tracks an hour, inspection included."""
        return 3600 / (self.inspection + self.analysis)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument(
        "--models", nargs="+", metavar="NAME,…", default=["MSD_musicnn", ",".join(DEFAULT_MODELS)]
    )
    parser.add_argument("--tracks", type=int, default=60)
    parser.add_argument("--slow-tracks", type=int, default=10, help="for the settings as published")
    parser.add_argument("--workers", type=int, default=psutil.cpu_count())
    args = parser.parse_args()
    files = [file.path for file in scan([args.folder]).files]
    paths = list(islice(cycle(files), args.tracks))
    with tempfile.TemporaryDirectory() as folder:
        cache = Path(folder)
        for models in args.models:
            names = tagger_names(models, cache)
            measure(names, paths, files[: args.slow_tracks], args.workers, cache)


def measure(
    models: Sequence[str], paths: list[Path], few: list[Path], workers: int, cache: Path
) -> None:
    """Print the tables of one choice of models."""
    extractor = load_extractor(models, cache, workers=workers)
    print(f"\n### {' + '.join(models)}, {extractor.device}, {workers} workers\n")
    with PeakMemory() as memory:
        speed = throughput(extractor, paths)
    seconds = sum(inspect(path).duration for path in few) / len(few)
    print(f"{len(paths)} tracks of {seconds:.0f} s on average, {N_SEGMENTS} segments of 3 s each: ")
    print(f"**{speed.songs_per_hour:,.0f} songs/hour**, {memory.peak / 2**20:,.0f} MiB at most.\n")
    print("| stage | core-seconds a song | share |\n|---|---:|---:|")
    parts = split(extractor, few)
    for stage, cost in parts.items():
        print(f"| {stage} | {cost:.3f} | {cost / sum(parts.values()):.0%} |")
    print("\n| network alone, one thread | audio seconds a second of its device | gain |")
    print("|---|---:|---:|")
    kernels = compare_kernels(models, few, cache, extractor)
    plain = kernels[f"as published: {PUBLISHED}"]
    for name, rate in kernels.items():
        print(f"| {name} | {rate:,.0f} | {rate / plain:.1f} |")
    print("\n| setting, all cores | songs/hour | audio seconds a second | gain |")
    print("|---|---:|---:|---:|")
    corners = compare(models, few, workers, cache)
    slowest = corners[f"as published: whole tracks, {PUBLISHED}"]
    for name, (songs, audio) in corners.items():
        print(f"| {name} | {songs:,.0f} | {audio:,.0f} | {audio / slowest[1]:.1f} |")


def throughput(extractor: Extractor, paths: list[Path], warm_up: int = WARM_UP) -> Speed:
    """Run the pipeline on all cores and time its steady state."""
    begin = time.perf_counter()
    infos = list(extractor.inspect(paths))
    inspection = (time.perf_counter() - begin) / len(paths)
    jobs = []
    for path, info in infos:
        if isinstance(info, AudioError):
            raise SystemExit(str(info))
        jobs.append(AudioSpan(path, info.duration))
    begin = 0.0
    for number, (_, features) in enumerate(extractor.extract(jobs), start=1):
        if isinstance(features, AudioError):
            raise SystemExit(str(features))
        if number == warm_up:
            begin = time.perf_counter()
    return Speed(inspection, (time.perf_counter() - begin) / (len(jobs) - warm_up))


def split(extractor: Extractor, paths: list[Path]) -> dict[str, float]:
    """Time each stage alone, on one thread: seconds a song."""
    torch.set_num_threads(1)
    (plan,) = extractor.plans.values()
    infos = [inspect(path) for path in paths]
    segments = [
        read_segments(path, info.duration, plan.grid, plan.n_segments)
        for path, info in zip(paths, infos, strict=True)
    ]
    with torch.inference_mode():
        device = extractor.taggers[0].device
        waveforms = [torch.from_numpy(s.waveforms).to(device) for s in segments]
        mels = [plan.front_end(waveform) for waveform in waveforms]
        tracks = list(zip(paths, infos, segments, mels, strict=True))
        stages: dict[str, Callable[[int], object]] = {
            "inspect": lambda i: inspect(tracks[i][0]),
            "decode": lambda i: read_segments(
                tracks[i][0], tracks[i][1].duration, plan.grid, plan.n_segments
            ),
            "mel": lambda i: plan.front_end(
                waveforms[i]
            ).cpu(),  # a GPU goes on by itself until asked
        }
        for tagger in extractor.taggers:
            stages[f"network {tagger.bundle.name}"] = lambda i, tagger=tagger: tagger.features(  # type: ignore[misc]
                tracks[i][3], tracks[i][2].starts
            )
        return {name: _seconds_each(stage, len(tracks)) for name, stage in stages.items()}


def _seconds_each(stage: Callable[[int], object], n: int) -> float:
    stage(0)
    begin = time.perf_counter()
    for i in range(n):
        stage(i)
    return (time.perf_counter() - begin) / n


def compare_kernels(
    models: Sequence[str], paths: list[Path], cache: Path, extractor: Extractor
) -> dict[str, float]:
    """Time the networks alone on the same segments: audio seconds a second of their device."""
    torch.set_num_threads(1)
    on_gpu = extractor.taggers[0].device.type == "cuda"
    clock = time.perf_counter if on_gpu else time.thread_time
    taggers = {
        f"as published: {PUBLISHED}": published(models, cache),
        OURS: extractor.taggers,
    }
    (plan,) = extractor.plans.values()
    rates = {}
    for name, chosen in taggers.items():
        audio = seconds = 0.0
        for path in paths:
            segments = read_segments(path, inspect(path).duration, plan.grid, N_SEGMENTS)
            with torch.inference_mode():
                mel = plan.front_end(torch.from_numpy(segments.waveforms).to(chosen[0].device))
            begin = clock()
            for tagger in chosen:
                tagger.features(mel, segments.starts)
            seconds += clock() - begin
            audio += len(segments.starts) * plan.grid.step / plan.grid.sample_rate
        rates[name] = audio / seconds
    return rates


def published(models: Sequence[str], cache: Path) -> tuple[Tagger, ...]:
    """Load the models as they were published."""
    taggers = load_extractor(models, cache).taggers
    for tagger in taggers:
        tagger.model = OneByOne(tagger.bundle.load(cache)).to(tagger.device)
    return taggers


def compare(
    models: Sequence[str], paths: list[Path], workers: int, cache: Path
) -> dict[str, tuple[float, float]]:
    """Time four settings of the same models and tracks: (songs/hour, audio seconds a second)."""
    ours, theirs = load_extractor(models, cache).taggers, published(models, cache)
    settings: dict[str, tuple[int | None, tuple[Tagger, ...]]] = {
        f"as published: whole tracks, {PUBLISHED}": (None, theirs),
        f"whole tracks, {OURS}": (None, ours),
        f"{N_SEGMENTS} segments, as published otherwise": (N_SEGMENTS, theirs),
        f"{N_SEGMENTS} segments, {OURS}": (N_SEGMENTS, ours),
    }
    seconds = sum(inspect(path).duration for path in paths) / len(paths)
    results = {}
    for setting, (n_segments, taggers) in settings.items():
        extractor = Extractor(taggers, n_segments=n_segments, workers=workers)
        speed = throughput(extractor, paths * 2, warm_up=2)
        results[setting] = speed.songs_per_hour, seconds / (speed.inspection + speed.analysis)
    return results


if __name__ == "__main__":
    main()
