"""Key and mode from constant-Q magnitudes: by S-KEY, or by the profiles of keys."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from torch import Tensor

from encoders.features import TONICS
from encoders.models.skey import SKey

_MODES = ("major", "minor")
_LOWEST = 9  # the pitch class of the first bin: A
_LOWEST_MINOR = 11  # that of the network's first minor key: B
_SURE = 0.25  # probability of a key, below which there is none

# Shares of the pitch classes from the keynote upwards (Albrecht and Shanahan, "The Use of Large
# Corpora to Train a New Type of Key-Finding Algorithm", Music Perception 2013).
_PROFILES = np.array(
    [
        [0.238, 0.006, 0.111, 0.006, 0.137, 0.094, 0.016, 0.214, 0.009, 0.080, 0.008, 0.081],
        [0.220, 0.006, 0.104, 0.123, 0.019, 0.103, 0.012, 0.214, 0.062, 0.022, 0.061, 0.052],
    ]
)


class KeyEstimator(Protocol):
    """Takes constant-Q magnitudes (n_segments, n_bins, n_frames) for a key, such as "C# minor"."""

    def __call__(self, magnitudes: Tensor) -> str | None:
        """Return the key, None where none is probable."""


def key_by_profiles(magnitudes: Tensor) -> str | None:
    """Return the key whose profile correlates most with the pitch classes' magnitudes."""
    folded = magnitudes[:, 12:].sum(dim=(0, 2)).reshape(-1, 12).sum(dim=0)
    chroma = np.roll(folded.double().cpu().numpy(), _LOWEST)
    if not chroma.std():
        return None
    fits = [
        (float(np.corrcoef(np.roll(profile, tonic), chroma)[0, 1]), tonic, mode)
        for mode, profile in zip(_MODES, _PROFILES, strict=True)
        for tonic in range(12)
    ]
    _, tonic, mode = max(fits)
    return f"{TONICS[tonic]} {mode}"


class KeyByNetwork:
    """Estimates keys by S-KEY."""

    def __init__(self, network: SKey) -> None:
        self._network = network

    def __call__(self, magnitudes: Tensor) -> str | None:
        """Return the most probable key, None where none is probable."""
        joined = magnitudes.transpose(0, 1).flatten(1)[None]
        probabilities = self._network(joined)[0]
        best = int(probabilities.argmax())
        if float(probabilities[best]) < _SURE:
            return None
        mode, number = divmod(best, 12)
        tonic = (number + (_LOWEST_MINOR if mode else _LOWEST)) % 12
        return f"{TONICS[tonic]} {_MODES[mode]}"
