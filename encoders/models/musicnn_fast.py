"""musicnn for inference: the same outputs as `Musicnn`, without its dead channels.

Nine tenths of musicnn's time goes into convolving one channel with tall (7 x 38, 7 x 67) and long
(128 x 1, ...) kernels, only to keep the maximum over frequency; and most channels of the published
models are constant. The maxima are computed as in `encoders.models.frequency_max`, of those
channels alone that `encoders.models.live_channels` finds to change; the others' constant values are
written into the pools that leave the model. All in float32, within rounding of the plain model.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from encoders.models.activations import Activations
from encoders.models.frequency_max import ConvolvedMax, FrequencyMax, TemporalMax, TimbralMax
from encoders.models.live_channels import ChannelCompletion, LiveBlock, LiveChannels, LiveMidLayer
from encoders.models.musicnn import Musicnn

# No log-mel value has a larger magnitude: they are logarithms of float32 numbers from 1 on.
LARGEST_LOG_MEL = 38.6


class FastMusicnn(nn.Module):
    """A trained Musicnn, computed faster; the same Activations up to rounding."""

    def __init__(self, model: Musicnn, *, by_convolutions: bool = False) -> None:
        """Fold `model`, which has its weights.

        The front end is computed by Toom-Cook algorithms, which suit a processor's cache, or
        `by_convolutions`, which suit a GPU.
        """
        super().__init__()
        self.model = model
        extremes = model.normalise(torch.tensor([[[-LARGEST_LOG_MEL, LARGEST_LOG_MEL]]]))
        largest = extremes.detach().abs().max()
        timbral, temporal = (
            [LiveBlock.of(block, largest) for block in blocks]
            for blocks in (model.timbral_blocks, model.temporal_blocks)
        )
        parts: list[FrequencyMax]
        if by_convolutions:
            parts = [ConvolvedMax(block) for block in (*timbral, *temporal)]
        else:
            parts = [*(TimbralMax(block) for block in timbral), TemporalMax(temporal)]
        self.front = nn.ModuleList(parts)
        channels = LiveChannels.joined([block.channels for block in (*timbral, *temporal)])
        self.complete = ChannelCompletion(channels)
        self.mid = nn.ModuleList()
        for layer in model.mid_layers:
            live = LiveMidLayer(layer, channels)
            channels = channels.plus(live.channels) if len(self.mid) else live.channels
            self.mid.append(live)

    def forward(self, mel: Tensor) -> Activations:
        """(batch, time, 96) -> Activations, as `Musicnn.forward`."""
        mel = self.model.normalise(mel)
        front = torch.cat([part(mel) for part in self.front], dim=1)
        maps = [self.mid[0](front)]
        for layer in self.mid[1:]:
            maps.append(maps[-1] + layer(maps[-1][:, layer.inputs]))
        pools = [self.complete(self.model.pool(front)), self.model.pool(torch.cat(maps, dim=1))]
        return self.model.tag(torch.cat(pools, dim=1))
