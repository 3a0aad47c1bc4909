"""Log-mel front ends."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torchaudio.transforms import MelSpectrogram


@dataclass(frozen=True)
class MelConfig:
    """Sizes of a log-mel front end; the defaults are musicnn's (Pons and Serra 2019)."""

    sample_rate: int = 16_000  # Hz
    n_fft: int = 512  # samples
    hop_length: int = 256  # samples
    n_mels: int = 96
    n_frames: int = 187  # a segment's; 3 s


class LogMel(nn.Module):
    """(batch, samples) waveforms -> (batch, frames, n_mels) of log10(10000 power + 1).

    Mel bands and their normalisation are Slaney's. Frames are not centred: frame i covers samples
    [i * hop_length, i * hop_length + n_fft), so whoever cuts the waveform decides about padding.
    """

    def __init__(self, config: MelConfig) -> None:
        super().__init__()
        self.mel = MelSpectrogram(
            sample_rate=config.sample_rate,
            n_fft=config.n_fft,
            hop_length=config.hop_length,
            n_mels=config.n_mels,
            power=2.0,
            norm="slaney",
            mel_scale="slaney",
            center=False,
        )

    def forward(self, waveforms: Tensor) -> Tensor:
        """Compute in float32: float16 would overflow on loud music."""
        return torch.log10(self.mel(waveforms.float()).mul_(10_000.0).add_(1.0)).transpose(1, 2)
