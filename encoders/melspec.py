"""Log-mel front ends."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torchaudio.transforms import MelSpectrogram

_SAMPLES_AT_ONCE = 250_000


@dataclass(frozen=True)
class MelConfig:
    """Sizes of a log-mel front end; the defaults are musicnn's (Pons and Serra 2019)."""

    sample_rate: int = 16_000  # Hz
    n_fft: int = 512  # samples
    hop_length: int = 256  # samples
    n_mels: int = 96
    n_frames: int = 187  # a segment's; 3 s
    mel_scale: Literal["slaney", "htk"] = "slaney"
    norm: Literal["slaney"] | None = "slaney"  # of the bands' areas
    decibels: bool = False  # 10 log10(power) instead of log10(10000 power + 1)
    shorter_ffts: tuple[int, ...] = ()  # further windows, centred in the first: more bands

    @property
    def shape(self) -> tuple[int, int]:
        """(frames, bands) of a segment."""
        return self.n_frames, self.n_mels * (1 + len(self.shorter_ffts))


class LogMel(nn.Module):
    """(batch, samples) waveforms -> (batch, frames, bands) on a logarithmic scale.

    Frames are not centred: frame i covers samples [i * hop_length, i * hop_length + n_fft), so
    whoever cuts the waveform decides about padding. The bands of several windows lie side by side,
    the first window's first.
    """

    def __init__(self, config: MelConfig) -> None:
        super().__init__()
        self.config = config
        with warnings.catch_warnings():  # of low bands narrower than a bin, as published
            warnings.filterwarnings("ignore", message="At least one mel filterbank")
            self.mels = nn.ModuleList(
                MelSpectrogram(
                    sample_rate=config.sample_rate,
                    n_fft=n_fft,
                    hop_length=config.hop_length,
                    n_mels=config.n_mels,
                    power=2.0,
                    norm=config.norm,
                    mel_scale=config.mel_scale,
                    center=False,
                )
                for n_fft in (config.n_fft, *config.shorter_ffts)
            )

    def forward(self, waveforms: Tensor) -> Tensor:
        """Compute in float32: float16 would overflow on loud music."""
        waveforms = waveforms.float()
        if waveforms.device.type != "cpu":
            return self._log_mel(waveforms)
        # Few segments at once: the memory of larger spectrograms is fetched anew for each of them.
        n = max(1, _SAMPLES_AT_ONCE // waveforms.shape[1])
        return torch.cat([self._log_mel(part) for part in torch.split(waveforms, n)])

    def _log_mel(self, waveforms: Tensor) -> Tensor:
        n_ffts = self.config.n_fft, *self.config.shorter_ffts
        powers = [
            mel(self._centred(waveforms, n_fft))
            for n_fft, mel in zip(n_ffts, self.mels, strict=True)
        ]
        power = powers[0] if len(powers) == 1 else torch.cat(powers, dim=1)
        if self.config.decibels:
            return power.clamp_(min=1e-10).log10_().mul_(10.0).transpose(1, 2)
        return torch.log10(power.mul_(10_000.0).add_(1.0)).transpose(1, 2)

    def _centred(self, waveforms: Tensor, n_fft: int) -> Tensor:
        """Trim both sides, so that frames of a shorter window are centred in the first window's."""
        margin = (self.config.n_fft - n_fft) // 2
        return waveforms[:, margin : waveforms.shape[1] - margin]
