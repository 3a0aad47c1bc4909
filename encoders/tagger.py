"""A pretrained tagger, ready to listen: segments behind its front end in, features out."""

from __future__ import annotations

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


class Tagger:
    """One pretrained model on one device, in float32."""

    def __init__(self, bundle: Bundle, cache: Path, *, device: str = "cpu") -> None:
        """Load the weights. Raises WeightsError if there are none."""
        self.bundle = bundle
        self.device = torch.device(device)
        plain = bundle.load(cache)
        self.prior = bundle.prior(plain, cache)
        self.model = _prepared(plain, self.device)

    @property
    def device_name(self) -> str:
        """The device in words: "CPU", or the GPU's name."""
        return torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else "CPU"

    @torch.inference_mode()
    def features(self, heard: Tensor, starts: NDArray[np.float32]) -> TrackFeatures:
        """Tag segments (n_segments, *front end's shape) that begin at `starts` seconds."""
        at_once = max(1, _VALUES_AT_ONCE // heard[0].numel())
        parts = [self.model(part.to(self.device)) for part in torch.split(heard, at_once)]
        out = Activations(*(torch.cat(tensors) for tensors in zip(*parts, strict=True)))
        return TrackFeatures(
            starts=starts,
            tags=_float16(out.logits.float().sigmoid()),
            penultimate=_float16(out.penultimate),
            pooled=_float16(out.pooled.mean(dim=0)),
            segment_seconds=segment_grid(self.bundle.front).seconds,
        )


def choose_device() -> str:
    """Name the device the taggers run on: a GPU where torch sees one."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def _prepared(model: nn.Module, device: torch.device) -> nn.Module:
    if isinstance(model, Musicnn):
        model = FastMusicnn(model, by_convolutions=device.type != "cpu").eval()
    return model.to(device)


def _float16(values: Tensor) -> NDArray[np.float16]:
    return values.float().clamp(-_FLOAT16_MAX, _FLOAT16_MAX).half().cpu().numpy()
