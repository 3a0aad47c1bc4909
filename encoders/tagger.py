"""A pretrained tagger on a device: front-end output of segments in, features out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from encoders.bundles import EncoderBundle
from encoders.features import TrackFeatures
from encoders.frontends import segment_grid
from encoders.models.activations import Activations
from encoders.models.musicnn import Musicnn
from encoders.models.musicnn_fast import FastMusicnn

_FLOAT16_MAX = float(np.finfo(np.float16).max)
_BATCH_VALUES = 180_000  # input values of one batch, to bound memory: 10 segments for musicnn


class Tagger:
    """One pretrained model on one device, in float32."""

    def __init__(self, bundle: EncoderBundle, cache: Path, *, device: str = "cpu") -> None:
        """Load the weights. Raises WeightsError if there are none."""
        self.bundle = bundle
        self.device = torch.device(device)
        model = bundle.load(cache)
        self.prior = bundle.prior(model, cache)
        self.model = _for_inference(model, self.device)

    @property
    def device_name(self) -> str:
        """The device's name: "CPU", or the GPU's."""
        return torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else "CPU"

    @torch.inference_mode()
    def features(self, inputs: Tensor, starts: NDArray[np.float32]) -> TrackFeatures:
        """Tag segments (n_segments, *front end's shape) that begin at `starts` seconds."""
        batch_size = max(1, _BATCH_VALUES // inputs[0].numel())
        batches = [self.model(batch.to(self.device)) for batch in torch.split(inputs, batch_size)]
        activations = Activations(*(torch.cat(tensors) for tensors in zip(*batches, strict=True)))
        return TrackFeatures(
            starts=starts,
            tags=_float16(activations.logits.float().sigmoid()),
            penultimate=_float16(activations.penultimate),
            pooled=_float16(activations.pooled.mean(dim=0)),
            segment_seconds=segment_grid(self.bundle.front).seconds,
        )


def choose_device() -> str:
    """Return the device to run taggers on: a GPU where torch sees one."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def _for_inference(model: nn.Module, device: torch.device) -> nn.Module:
    if isinstance(model, Musicnn):
        model = FastMusicnn(model, by_convolutions=device.type != "cpu").eval()
    return model.to(device)


def _float16(values: Tensor) -> NDArray[np.float16]:
    return values.float().clamp(-_FLOAT16_MAX, _FLOAT16_MAX).half().cpu().numpy()
