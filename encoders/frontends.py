"""Front ends, which turn waveforms into models' inputs: log-mel spectrograms, or no change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from torch import Tensor, nn

from encoders.audio import SegmentGrid
from encoders.melspec import LogMel, MelConfig


@dataclass(frozen=True)
class WaveformConfig:
    """The input of models that take the waveform itself; the default is 3^10 samples (3.7 s)."""

    sample_rate: int = 16_000  # Hz
    n_samples: int = 59_049

    @property
    def shape(self) -> tuple[int]:
        """(samples,) of a segment."""
        return (self.n_samples,)


FrontEnd: TypeAlias = MelConfig | WaveformConfig


class Waveform(nn.Module):
    """The front end of waveform models: (batch, samples) as they are, in float32."""

    def forward(self, waveforms: Tensor) -> Tensor:
        """Change nothing."""
        return waveforms.float()


def front_end(config: FrontEnd) -> nn.Module:
    """Build a front end: (batch, samples) waveforms -> model input (batch, *config.shape)."""
    return LogMel(config) if isinstance(config, MelConfig) else Waveform()


def segment_grid(config: FrontEnd) -> SegmentGrid:
    """Return the grid of segments that a front end needs."""
    if isinstance(config, WaveformConfig):
        return SegmentGrid(config.sample_rate, 1, 1, config.n_samples)
    return SegmentGrid(config.sample_rate, config.hop_length, config.n_fft, config.n_frames)
