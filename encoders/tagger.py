"""A pretrained tagger, ready to listen: segments behind its front end in, features out."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from encoders.bundles import Bundle
from encoders.features import TrackFeatures
from encoders.frontends import segment_grid
from encoders.models.activations import Activations
from encoders.models.musicnn import Musicnn
from encoders.models.musicnn_fast import FastMusicnn

_FLOAT16_MAX = float(np.finfo(np.float16).max)
_VALUES_AT_ONCE = 180_000  # of a model's input, to bound its memory: 10 segments of musicnn's
_WORTH_ROUNDING = 1.2  # bfloat16 must be this much faster than float32 to be used


class Tagger:
    """One pretrained model on one device, in one precision."""

    def __init__(
        self,
        bundle: Bundle,
        cache: Path,
        *,
        device: str = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        """Load the weights. Raises WeightsError if there are none."""
        self.bundle = bundle
        self.device = torch.device(device)
        self.dtype = dtype
        plain = bundle.load(cache)
        self.prior = bundle.prior(plain, cache)
        self.model = _prepared(plain, self.device, dtype)

    @property
    def name(self) -> str:
        """What features are keyed by, besides how a track is cut: model and precision."""
        return f"{self.bundle.name}-{dtype_name(self.dtype)}"

    @property
    def device_name(self) -> str:
        """The device in words: "CPU", or the GPU's name."""
        return torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else "CPU"

    @torch.inference_mode()
    def features(self, heard: Tensor, starts: NDArray[np.float32]) -> TrackFeatures:
        """Tag segments (n_segments, *front end's shape) that begin at `starts` seconds."""
        at_once = max(1, _VALUES_AT_ONCE // heard[0].numel())
        with torch.autocast(self.device.type, self.dtype, enabled=self._autocasts):
            parts = [self.model(part.to(self.device)) for part in torch.split(heard, at_once)]
        out = Activations(*(torch.cat(tensors) for tensors in zip(*parts, strict=True)))
        return TrackFeatures(
            starts=starts,
            tags=_float16(out.logits.float().sigmoid()),
            penultimate=_float16(out.penultimate),
            pooled=_float16(out.pooled.mean(dim=0)),
            segment_seconds=segment_grid(self.bundle.front).seconds,
        )

    @property
    def _autocasts(self) -> bool:
        return self.dtype != torch.float32 and not isinstance(self.model, FastMusicnn)


def _cpu_seconds(tagger: Tagger, heard: Tensor) -> float:
    """Time one batch in processor seconds, which other processes' load hardly changes."""
    begin = time.thread_time()
    tagger.features(heard, np.zeros(len(heard), np.float32))
    return time.thread_time() - begin


def dtype_name(dtype: torch.dtype) -> str:
    """Spell a precision: "bfloat16", "float32"."""
    return str(dtype).removeprefix("torch.")


def choose_device() -> str:
    """Name the device the taggers run on: a GPU where torch sees one."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def choose_dtype(bundle: Bundle, cache: Path, device: str) -> torch.dtype:
    """Pick bfloat16 where the processor has it and a short timing shows that it pays.

    On a GPU it does not: float32 was the faster of the two on an H200 (docs/results/benchmarks.md).
    """
    has_bfloat16 = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    if device == "cuda" or not has_bfloat16:
        return torch.float32
    torch.set_num_threads(1)
    heard = torch.rand(4, *bundle.front.shape)
    seconds = {}
    for dtype in (torch.float32, torch.bfloat16):
        tagger = Tagger(bundle, cache, device=device, dtype=dtype)
        seconds[dtype] = min(_cpu_seconds(tagger, heard) for _ in range(3))
    pays = seconds[torch.float32] > _WORTH_ROUNDING * seconds[torch.bfloat16]
    return torch.bfloat16 if pays else torch.float32


def _prepared(model: nn.Module, device: torch.device, dtype: torch.dtype) -> nn.Module:
    if isinstance(model, Musicnn) and device.type == "cpu":
        return FastMusicnn(model, dtype).eval()
    return model.to(device)  # our kernels suit a processor's cache: a GPU is slower with them


def _float16(values: Tensor) -> NDArray[np.float16]:
    return values.float().clamp(-_FLOAT16_MAX, _FLOAT16_MAX).half().cpu().numpy()
