"""Data augmentation: changes of a waveform or its spectrogram under which its tags stay true.

Pitch and tempo change for a whole batch at once, by one draw, as both are an STFT there and back;
gain, noise and masks are drawn for each segment. Sources: pitch and time as in J. Schlüter,
T. Grill, ISMIR 2015; SpecAugment, D. Park et al., Interspeech 2019; mixup, H. Zhang et al., ICLR
2018, here of the waveforms, as sounds mix. Random numbers are torch's.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import torch
import torchaudio.functional as F  # noqa: N812
from torch import Tensor, nn
from torchaudio.transforms import SpecAugment

_N_FFT = 1024  # of the phase vocoder
_LARGEST_DENOMINATOR = 50
_SHARE_OF_BANDS, _SHARE_OF_FRAMES = 0.15, 0.1  # that a mask covers at most


@dataclass(frozen=True)
class Augmentation:
    """The largest changes of a batch; 0 switches one off.

    pitch  semitones up or down at most
    time   share by which it may be faster or slower: .1 is from .9 to 1.1 times the tempo
    gain   dB louder or softer at most
    noise  dB by which white noise is at least below the sound; from there to 30 dB more
    spec   masks over bands, and as many over frames, of spectrograms
    mixup  of Beta(mixup, mixup), from which the shares of two mixed segments are drawn
    """

    pitch: float = 0.0
    time: float = 0.0
    gain: float = 0.0
    noise: float = 0.0
    spec: int = 0
    mixup: float = 0.0

    def __post_init__(self) -> None:
        if not (0 <= self.pitch <= 12 and 0 <= self.time <= 0.5):
            raise ValueError("pitch takes 0 to 12 semitones, time 0 to 0.5")
        if min(self.gain, self.noise, self.spec, self.mixup) < 0:
            raise ValueError("gain, noise, spec and mixup take numbers of at least 0")

    def n_samples(self, n_samples: int) -> int:
        """Return how long a segment must be cut to have `n_samples` at the fastest tempo."""
        return math.ceil(n_samples * (1.0 + self.time)) if self.time else n_samples

    def waveforms(
        self, waveforms: Tensor, targets: Tensor, n_samples: int
    ) -> tuple[Tensor, Tensor]:
        """Change a batch (batch, self.n_samples(n_samples)) and its targets (batch, n_tags).

        Returns waveforms (batch, n_samples) and targets.
        """
        if self.time:
            waveforms = stretch(waveforms, _uniform(1.0 - self.time, 1.0 + self.time))
        waveforms = waveforms[:, :n_samples]
        if self.pitch:
            waveforms = shift(waveforms, _uniform(-self.pitch, self.pitch))
        if self.mixup:
            waveforms, targets = mix(waveforms, targets, self.mixup)
        column = len(waveforms), 1
        if self.noise:
            snr = self.noise + 30.0 * torch.rand(len(waveforms), device=waveforms.device)
            waveforms = F.add_noise(waveforms, torch.randn_like(waveforms), snr)
        if self.gain:
            decibels = self.gain * (2.0 * torch.rand(column, device=waveforms.device) - 1.0)
            waveforms = waveforms * 10.0 ** (decibels / 20.0)
        return waveforms, targets

    def masks(self) -> nn.Module:
        """Return a module that masks log-mel spectrograms (batch, frames, bands)."""
        return Masks(self.spec)


class Masks(nn.Module):
    """SpecAugment's masks, filled with each spectrogram's mean; waveforms pass."""

    def __init__(self, n_masks: int) -> None:
        super().__init__()
        self.n_masks = n_masks

    def forward(self, inputs: Tensor) -> Tensor:
        """Mask a batch."""
        if inputs.ndim != 3 or not self.n_masks:
            return inputs
        frames, bands = inputs.shape[1:]
        augment = SpecAugment(
            n_time_masks=self.n_masks,
            time_mask_param=max(1, int(_SHARE_OF_FRAMES * frames)),
            n_freq_masks=self.n_masks,
            freq_mask_param=max(1, int(_SHARE_OF_BANDS * bands)),
            zero_masking=True,
        )
        # Its masks are drawn for each item of a batch where there is a dimension of channels.
        unmasked = augment(torch.ones_like(inputs).transpose(1, 2).unsqueeze(1))
        mean = inputs.mean(dim=(1, 2), keepdim=True)
        return torch.where(unmasked.squeeze(1).transpose(1, 2) > 0, inputs, mean)


def stretch(waveforms: Tensor, rate: float) -> Tensor:
    """Play (batch, n) at `rate` times the tempo, the pitch kept: (batch, about n / rate)."""
    window = torch.hann_window(_N_FFT, device=waveforms.device)
    hop = _N_FFT // 4
    spectrogram = torch.stft(waveforms, _N_FFT, hop, window=window, return_complex=True)
    advance = torch.linspace(0.0, math.pi * hop, _N_FFT // 2 + 1, device=waveforms.device)[:, None]
    faster = F.phase_vocoder(spectrogram, rate, advance)
    n = round(waveforms.shape[1] / rate)
    return torch.istft(faster, _N_FFT, hop, window=window, length=n)


def shift(waveforms: Tensor, semitones: float) -> Tensor:
    """Change the pitch of (batch, n), the tempo kept, by about so many semitones.

    The ratio is that of two small numbers: resampling by any other takes a kernel as long as the
    segment (torchaudio's own pitch_shift is 100 times slower for it).
    """
    ratio = Fraction(2.0 ** (semitones / 12.0)).limit_denominator(_LARGEST_DENOMINATOR)
    slower = stretch(waveforms, float(1 / ratio))
    shifted: Tensor = F.resample(slower, ratio.numerator, ratio.denominator)
    return shifted[:, : waveforms.shape[1]]


def mix(waveforms: Tensor, targets: Tensor, alpha: float) -> tuple[Tensor, Tensor]:
    """Mix every segment with a random other one of its batch, and their targets likewise."""
    order = torch.randperm(len(waveforms), device=waveforms.device)
    beta = torch.distributions.Beta(alpha, alpha)
    share = beta.sample((len(waveforms), 1)).to(waveforms.device)
    share = torch.maximum(share, 1.0 - share)
    mixed = share * waveforms + (1.0 - share) * waveforms[order]
    return mixed, share * targets + (1.0 - share) * targets[order]


def _uniform(low: float, high: float) -> float:
    return low + (high - low) * float(torch.rand(()))
