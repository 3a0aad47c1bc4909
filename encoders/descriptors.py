"""Descriptors of tracks: tempo, key and loudness, from the segments that taggers hear."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import torch

from encoders.audio import Segments, choose_segments
from encoders.constant_q import ConstantQ
from encoders.features import Descriptors
from encoders.key import KeyByNetwork, KeyEstimator, key_by_profiles
from encoders.loudness import integrated_loudness
from encoders.models.skey import SKey
from encoders.tempo import estimate_tempo
from encoders.weights import SKEY_FILE

_VERSION = "1"
_NETWORK_SEGMENTS = 5  # that S-KEY hears, spread over a track: 15 s, as in its training
BY_NETWORK, BY_PROFILES = f"{_VERSION}-skey", f"{_VERSION}-profiles"  # names of methods


class Describer:
    """Estimates descriptors; the key by S-KEY where its weights lie in `cache`.

    method    the name of the way, with which results are stored
    accepted  names of methods whose results are as good, so that nothing is estimated again
    """

    def __init__(self, device: torch.device, cache: Path | None = None) -> None:
        """Load the network, if it is there. Raises WeightsError for a damaged file."""
        self._device = device
        self._key: KeyEstimator = key_by_profiles
        self.method = BY_PROFILES
        self.accepted: tuple[str, ...] = (BY_PROFILES, BY_NETWORK)
        if cache is not None and SKEY_FILE.path(cache).exists():
            network = SKey()
            network.load_state_dict(SKEY_FILE.state(cache))
            self._key = KeyByNetwork(network.to(device).eval())
            self.method = BY_NETWORK
            self.accepted = (BY_NETWORK,)

    @torch.inference_mode()
    def __call__(self, segments: Segments, sample_rate: int) -> Descriptors:
        """Return the descriptors of a track's segments."""
        waveforms = torch.from_numpy(segments.waveforms).to(self._device)
        n_samples = _whole_steps(waveforms.shape[1], sample_rate)
        spectra = torch.fft.rfft(waveforms[:, :n_samples])
        n_heard = _NETWORK_SEGMENTS if self.method == BY_NETWORK else len(spectra)
        heard = choose_segments(len(spectra), n_heard)
        magnitudes = _constant_q(n_samples, sample_rate, self._device)(spectra[heard])
        return Descriptors(
            self.method,
            estimate_tempo(waveforms, sample_rate),
            self._key(magnitudes),
            integrated_loudness(spectra, n_samples, sample_rate),
        )


def _whole_steps(n_samples: int, sample_rate: int) -> int:
    """Return how many samples are whole tenths of a second; all of them where there is none.

    Of 48,000 samples the Fourier transform takes two thirds of the time of 48,128.
    """
    return n_samples - n_samples % (sample_rate // 10) or n_samples


@lru_cache(maxsize=4)
def _constant_q(n_samples: int, sample_rate: int, device: torch.device) -> ConstantQ:
    return ConstantQ(n_samples, sample_rate, device)
