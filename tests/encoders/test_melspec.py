"""Log-mel spectrograms of few segments at once and of all together."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from encoders import melspec
from encoders.architectures import ARCHITECTURES
from encoders.frontends import segment_grid
from encoders.melspec import LogMel, MelConfig


@pytest.mark.parametrize("name", ["musicnn", "short-chunk", "multi-scale"])
def test_segments_do_not_depend_on_how_many_are_computed_at_once(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = ARCHITECTURES[name].front
    assert isinstance(config, MelConfig)
    front_end = LogMel(config)
    waveforms = torch.rand(3, segment_grid(config).n_samples) - 0.5
    with torch.inference_mode():
        monkeypatch.setattr(melspec, "_SAMPLES_AT_ONCE", 10**9)
        together = front_end(waveforms)
        assert together.shape == (3, *config.shape)
        for at_once in (1, 2 * waveforms.shape[1]):
            monkeypatch.setattr(melspec, "_SAMPLES_AT_ONCE", at_once)
            np.testing.assert_allclose(front_end(waveforms), together, rtol=1e-5, atol=1e-5)
