"""The 1-D CNN: kernels over the whole height of a spectrogram, or over frames that it learns.

S. Dieleman, B. Schrauwen, "End-to-end learning for music audio", ICASSP 2014, section 3: two
convolutions over time, each followed by max-pooling, and a dense layer. End to end, the spectrogram
is replaced by a strided convolution of the waveform with as many channels as there were bands. The
defaults are the best of the paper's tables 1 and 2 for either input (windows of 256 samples). The
paper says neither the number of parameters nor how maps are padded; here they are not.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from encoders.frontends import FrontEnd, WaveformConfig
from encoders.melspec import MelConfig
from encoders.models.activations import Activations
from encoders.models.blocks import mean_and_max, n_positions

MEL = MelConfig(n_fft=256, hop_length=256, n_mels=128, n_frames=187)
WAVEFORM = WaveformConfig(n_samples=187 * 256)


@dataclass(frozen=True)
class Cnn1dConfig:
    """Sizes: 74,974 parameters on mel spectrograms, 107,870 end to end."""

    n_tags: int = 50
    front: FrontEnd = field(default_factory=lambda: MEL)
    window: int = 256  # samples of a learned frame, and from one to the next; end to end only
    n_bands: int = 128
    n_filters: int = 32
    length: int = 8  # frames
    pool: int = 4
    n_layers: int = 2
    n_units: int = 100

    @property
    def time_layers(self) -> tuple[tuple[int, int], ...]:
        """(length, stride) of each layer above the frames, the last pool left out."""
        return (((self.length, 1), (self.pool, self.pool)) * self.n_layers)[:-1]


class Cnn1d(nn.Module):
    """Segments to tags: (batch, 187, 128) or (batch, 47,872) -> Activations; no other length fits.

    `penultimate` is the dense layer (100), `pooled` the mean and maximum of the last convolution
    (2 x 32).
    """

    def __init__(self, config: Cnn1dConfig) -> None:
        super().__init__()
        self.config = config
        n = config.n_filters
        self.frames: nn.Module = nn.Identity()
        if isinstance(config.front, WaveformConfig):
            self.frames = nn.Conv1d(1, config.n_bands, config.window, stride=config.window)
            n_frames = n_positions(config.front.n_samples, [(config.window, config.window)])
        else:
            n_frames = config.front.n_frames
        self.convs = nn.ModuleList(
            nn.Conv1d(n if i else config.n_bands, n, config.length) for i in range(config.n_layers)
        )
        self.pool = nn.MaxPool1d(config.pool)
        layers = (*config.time_layers, (config.pool, config.pool))
        self.dense = nn.Linear(n * n_positions(n_frames, layers), config.n_units)
        self.output = nn.Linear(config.n_units, config.n_tags)

    def forward(self, x: Tensor) -> Activations:
        """Tag a batch of segments."""
        if isinstance(self.config.front, WaveformConfig):
            x = torch.relu(self.frames(x.unsqueeze(1)))
        else:
            x = x.transpose(1, 2)
        features = x
        for conv in self.convs:
            features = torch.relu(conv(x))
            x = self.pool(features)
        penultimate = torch.relu(self.dense(x.flatten(1)))
        return Activations(self.output(penultimate), penultimate, mean_and_max(features))
