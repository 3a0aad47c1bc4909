"""What musicnn's networks cost alone, on one thread, and how exact the fast ones are.

    python -m benchmarks.networks FOLDER [--segments 100] [--rounds 5] [--before musicnn_fast.py]

The segments are those that a build reads of the folder's files. All variants are timed in turns in
one process, ten segments at once as a build has them; the smallest time counts, in processor
seconds a song of 20 segments. `--before` is an earlier version's encoders/models/musicnn_fast.py,
whose class FastMusicnn took a precision: `git show 5f44d47:encoders/models/musicnn_fast.py`.
Prints a Markdown table.
"""

from __future__ import annotations

import argparse
import importlib.util
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from encoders.audio import inspect, read_segments
from encoders.bundles import BUNDLES, DEFAULT_MODELS
from encoders.extract import N_SEGMENTS
from encoders.frontends import front_end, segment_grid
from encoders.melspec import MelConfig
from encoders.models.activations import Activations
from encoders.models.musicnn import Musicnn
from encoders.models.musicnn_fast import FastMusicnn
from recsys.library.scanning import scan

SEGMENTS_AT_ONCE = 10
Network = Callable[[Tensor], Activations]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--segments", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--before", type=Path, help="an earlier musicnn_fast.py")
    args = parser.parse_args()
    torch.set_num_threads(1)
    mel = log_mel(args.folder, args.segments)
    costs: dict[str, float] = {}
    errors: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as cache, torch.inference_mode():
        for name in DEFAULT_MODELS:
            model = BUNDLES[name].load(Path(cache))
            assert isinstance(model, Musicnn)
            networks = variants(model, args.before)
            exact = networks["plain"](mel).logits.sigmoid()
            for variant, network in networks.items():
                error = (network(mel).logits.sigmoid() - exact).abs().max().item()
                errors[variant] = max(error, errors.get(variant, 0.0))
            for variant, seconds in time_in_turns(networks, mel[:N_SEGMENTS], args.rounds).items():
                costs[variant] = costs.get(variant, 0.0) + seconds
    print(f"{' + '.join(DEFAULT_MODELS)}, {torch.backends.cpu.get_cpu_capability()}:\n")
    print("| networks | processor seconds a song | gain | largest difference of a tag |")
    print("|---|---:|---:|---:|")
    for variant, seconds in costs.items():
        gain = costs["plain"] / seconds
        print(f"| {variant} | {seconds:.3f} | {gain:.1f} | {errors[variant]:.0e} |")


def log_mel(folder: Path, n_segments: int) -> Tensor:
    """Return segments of the folder's files: (n_segments, n_frames, n_mels)."""
    grid, front = segment_grid(MelConfig()), front_end(MelConfig())
    segments: list[Tensor] = []
    for file in scan([folder]).files:
        cut = read_segments(file.path, inspect(file.path).duration, grid, N_SEGMENTS)
        segments.extend(front(torch.from_numpy(cut.waveforms)))
        if len(segments) >= n_segments:
            break
    return torch.stack(segments[:n_segments])


def variants(model: Musicnn, before: Path | None) -> dict[str, Network]:
    """Return the ways to compute a model, by what they are called."""
    networks: dict[str, Network] = {"plain": model}
    if before:
        spec = importlib.util.spec_from_file_location("musicnn_fast_before", before)
        assert spec and spec.loader
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        networks["before, float32"] = module.FastMusicnn(model, torch.float32).eval()
        has_bfloat16 = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
        if has_bfloat16 and torch.backends.cpu.get_cpu_capability() != "AVX2":
            networks["before, bfloat16"] = module.FastMusicnn(model, torch.bfloat16).eval()
    networks["live channels, by convolutions"] = FastMusicnn(model, by_convolutions=True).eval()
    networks["live channels, Toom-Cook"] = FastMusicnn(model).eval()
    return networks


def time_in_turns(networks: dict[str, Network], mel: Tensor, rounds: int) -> dict[str, float]:
    """Return each network's smallest processor seconds for `mel`."""
    best = dict.fromkeys(networks, float("inf"))
    for _ in range(rounds):
        for name, network in networks.items():
            begin = time.thread_time()
            for part in torch.split(mel, SEGMENTS_AT_ONCE):
                network(part)
            best[name] = min(best[name], time.thread_time() - begin)
    return best


if __name__ == "__main__":
    main()
