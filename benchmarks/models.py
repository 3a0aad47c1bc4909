"""The architectures beside one another: parameters, receptive field, speed on this machine's cores.

    python -m benchmarks.models [--seconds 20] [--workers 2]

Random weights and random audio: neither changes the speed. Every worker is a process with one
thread, as a build has them; each is given segments until its time is up, its front end included.
Prints a Markdown table.
"""

from __future__ import annotations

import argparse
import multiprocessing
import time
from collections.abc import Callable
from typing import NamedTuple

import psutil
import torch
from torch import nn

from encoders.architectures import ARCHITECTURES
from encoders.frontends import FrontEnd, WaveformConfig, front_end, segment_grid
from encoders.melspec import MelConfig
from encoders.models import musicnn, musicnn_fast
from encoders.models.blocks import receptive_field

BATCH_SECONDS = 30.0  # of audio that are computed together


N_TAGS = 50


class Model(NamedTuple):
    """A model in its published size, and its front end."""

    paper: str
    build: Callable[[], nn.Module]
    front: FrontEnd


def published(paper: str, name: str) -> Model:
    """Return an architecture by its name."""
    architecture = ARCHITECTURES[name]
    return Model(paper, lambda: architecture.build(N_TAGS), architecture.front)


MODELS = {
    "1-D CNN": published("Dieleman and Schrauwen 2014", "cnn1d"),
    "mobile": published("Howard et al. 2017", "mobile"),
    "1-D CNN, end to end": published("Dieleman and Schrauwen 2014", "cnn1d-waveform"),
    "FCN": published("Choi et al. 2016", "fcn"),
    "FCN-4": published("Choi et al. 2016", "fcn-4"),
    "VGG": published("Pons and Serra 2019", "vgg"),
    "multi-scale": published("Liu and Yang 2016", "multi-scale"),
    "CRNN": published("Choi et al. 2017", "crnn"),
    "sample-level 3^9": published("Lee et al. 2017", "sample"),
    "ReSE-2 multi-level": published("Kim et al. 2018", "rese"),
    "sample-level + SE": published("Won et al. 2020", "sample-se"),
    "short-chunk": published("Won et al. 2020", "short-chunk"),
    "musicnn": published("Pons et al. 2018", "musicnn"),
    "musicnn, our kernels": Model(
        "Pons et al. 2018",
        lambda: musicnn_fast.FastMusicnn(musicnn.Musicnn(musicnn.MusicnnConfig())),
        MelConfig(),
    ),
    "musicnn of Won et al.": published("Won et al. 2020", "musicnn-won"),
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=20.0, help="to measure each model for")
    parser.add_argument("--workers", type=int, default=psutil.cpu_count())
    args = parser.parse_args()
    print(
        "| architecture | paper | parameters | segment, s | receptive field, s "
        f"| audio seconds a second, {args.workers} workers | a processor second |\n"
        "|---|---|---:|---:|---:|---:|---:|"
    )
    context = multiprocessing.get_context("spawn")
    with context.Pool(args.workers) as pool:
        for name, model in MODELS.items():
            jobs = [(name, args.seconds)] * args.workers
            rates = pool.starmap(measure, jobs, chunksize=1)
            wall = sum(audio / seconds for audio, seconds, _ in rates)
            processor = sum(r.audio for r in rates) / sum(r.processor for r in rates)
            print(f"| {name} | {describe(model)} | {wall:,.0f} | {processor:,.0f} |")


def describe(of: Model) -> str:
    """Return the columns that need no clock."""
    model, front = of.build(), of.front
    n_parameters = sum(p.numel() for p in model.parameters())
    grid = segment_grid(front)
    config = (model.model if isinstance(model, musicnn_fast.FastMusicnn) else model).config
    field = receptive_field(config.time_layers)  # type: ignore[union-attr,arg-type]
    if isinstance(front, WaveformConfig):
        samples = field * getattr(config, "window", 1)  # of a learned frame
    else:
        samples = (field - 1) * front.hop_length + front.n_fft
    seconds = [grid.step / grid.sample_rate, samples / grid.sample_rate]
    lengths = " | ".join(f"{length:.1f}" for length in seconds)
    return f"{of.paper} | {n_parameters:,} | {lengths}"


class Rate(NamedTuple):
    """Seconds of audio analysed, of the clock and of this thread's processor."""

    audio: float
    seconds: float
    processor: float


@torch.inference_mode()
def measure(name: str, seconds: float) -> Rate:
    """Analyse random audio for about `seconds`, on one thread."""
    torch.set_num_threads(1)
    of = MODELS[name]
    model, front = of.build().eval(), front_end(of.front)
    grid = segment_grid(of.front)
    segment = grid.step / grid.sample_rate
    n = max(1, round(BATCH_SECONDS / segment))
    waveforms = 0.1 * torch.randn(n, grid.n_samples)
    model(front(waveforms))
    audio, begin, processor = 0.0, time.perf_counter(), time.thread_time()
    while time.perf_counter() - begin < seconds:
        model(front(waveforms))
        audio += n * segment
    return Rate(audio, time.perf_counter() - begin, time.thread_time() - processor)


if __name__ == "__main__":
    main()
