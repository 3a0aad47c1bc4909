"""Small taggers whose tags know nothing, for tests of whole commands."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from encoders.architectures import ARCHITECTURES
from encoders.trained_bundles import Prior, save_trained


def write_tagger(path: Path, tags: tuple[str, str] = ("calm", "wild")) -> Path:
    """Write a network of no training as a tagger of two tags, always the same; return its path."""
    torch.manual_seed(0)
    state = ARCHITECTURES["small"].build(2).state_dict()
    prior = Prior(np.zeros(64, np.float32), np.zeros(2, np.float32))
    save_trained(path, "small", tags, state, prior)
    return path
