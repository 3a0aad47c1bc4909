"""The architectures beside one another: parameters, receptive field, speed on this machine's cores.

    python benchmarks/models.py [--seconds 20] [--workers 2]

Random weights and random audio: neither changes the speed. Every worker is a process with one
thread, as a build has them; each hears segments until its time is up, its front end included.
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

from encoders.frontends import FrontEnd, WaveformConfig, front_end, segment_grid
from encoders.melspec import MelConfig
from encoders.models import (
    cnn1d,
    crnn,
    fcn,
    multi_scale,
    musicnn,
    musicnn_fast,
    musicnn_won,
    rese,
    sample_cnn,
    sample_se,
    short_chunk,
    vgg,
)
from encoders.models.blocks import receptive_field

BATCH_SECONDS = 30.0  # of audio that are computed together


class Architecture(NamedTuple):
    """A model in its published size, and what it hears."""

    paper: str
    build: Callable[[], nn.Module]
    front: FrontEnd


ARCHITECTURES = {
    "1-D CNN": Architecture(
        "Dieleman and Schrauwen 2014", lambda: cnn1d.Cnn1d(cnn1d.Cnn1dConfig()), cnn1d.MEL
    ),
    "1-D CNN, end to end": Architecture(
        "Dieleman and Schrauwen 2014",
        lambda: cnn1d.Cnn1d(cnn1d.Cnn1dConfig(front=cnn1d.WAVEFORM)),
        cnn1d.WAVEFORM,
    ),
    "FCN": Architecture("Choi et al. 2016", lambda: fcn.Fcn(fcn.FcnConfig()), fcn.MEL),
    "FCN-4": Architecture("Choi et al. 2016", lambda: fcn.Fcn(fcn.FCN_4), fcn.FCN_4_MEL),
    "VGG": Architecture("Pons and Serra 2019", lambda: vgg.Vgg(vgg.VggConfig()), MelConfig()),
    "multi-scale": Architecture(
        "Liu and Yang 2016",
        lambda: multi_scale.MultiScale(multi_scale.MultiScaleConfig()),
        multi_scale.MEL,
    ),
    "CRNN": Architecture("Choi et al. 2017", lambda: crnn.Crnn(crnn.CrnnConfig()), crnn.MEL),
    "sample-level 3^9": Architecture(
        "Lee et al. 2017",
        lambda: sample_cnn.SampleCnn(sample_cnn.SampleCnnConfig()),
        sample_cnn.WAVEFORM,
    ),
    "ReSE-2 multi-level": Architecture(
        "Kim et al. 2018", lambda: rese.Rese(rese.ReseConfig()), rese.WAVEFORM
    ),
    "sample-level + SE": Architecture(
        "Won et al. 2020",
        lambda: sample_se.SampleSe(sample_se.SampleSeConfig()),
        sample_se.WAVEFORM,
    ),
    "short-chunk": Architecture(
        "Won et al. 2020",
        lambda: short_chunk.ShortChunk(short_chunk.ShortChunkConfig()),
        short_chunk.MEL,
    ),
    "musicnn": Architecture(
        "Pons et al. 2018", lambda: musicnn.Musicnn(musicnn.MusicnnConfig()), MelConfig()
    ),
    "musicnn, our kernels": Architecture(
        "Pons et al. 2018",
        lambda: musicnn_fast.FastMusicnn(musicnn.Musicnn(musicnn.MusicnnConfig()), torch.float32),
        MelConfig(),
    ),
    "musicnn of Won et al.": Architecture(
        "Won et al. 2020",
        lambda: musicnn_won.WonMusicnn(musicnn_won.WonMusicnnConfig()),
        musicnn_won.MEL,
    ),
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
        for name, architecture in ARCHITECTURES.items():
            jobs = [(name, args.seconds)] * args.workers
            rates = pool.starmap(listen, jobs, chunksize=1)
            wall = sum(audio / seconds for audio, seconds, _ in rates)
            processor = sum(r.audio for r in rates) / sum(r.processor for r in rates)
            print(f"| {name} | {describe(architecture)} | {wall:,.0f} | {processor:,.0f} |")


def describe(architecture: Architecture) -> str:
    """Return the columns that need no clock."""
    model, front = architecture.build(), architecture.front
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
    return f"{architecture.paper} | {n_parameters:,} | {lengths}"


class Rate(NamedTuple):
    """Seconds of audio heard, of the clock and of this thread's processor."""

    audio: float
    seconds: float
    processor: float


@torch.inference_mode()
def listen(name: str, seconds: float) -> Rate:
    """Hear random audio for about `seconds`, on one thread."""
    torch.set_num_threads(1)
    architecture = ARCHITECTURES[name]
    model, front = architecture.build().eval(), front_end(architecture.front)
    grid = segment_grid(architecture.front)
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
