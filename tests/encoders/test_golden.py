"""Parity with the published models' own outputs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from encoders.audio import inspect, read_segments
from encoders.bundles import BUNDLES
from encoders.features import TrackFeatures
from encoders.frontends import segment_grid
from encoders.melspec import LogMel, MelConfig
from encoders.tagger import Tagger

GOLDEN = Path(__file__).parents[2].parent / "shared" / "golden"

pytestmark = pytest.mark.skipif(
    not GOLDEN.exists(), reason="needs the reference outputs in ../shared/golden"
)

FILES = {"signal": "signal_16k.wav", "joram": "joram.mp3"}
MODELS = ("MSD_musicnn", "MSD_vgg", "MTT_musicnn", "MTT_vgg")
CASES = [(name, model) for name in FILES for model in MODELS]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("weights")


def listen(name: str, model: str, cache: Path, dtype: torch.dtype) -> TrackFeatures:
    path = GOLDEN / FILES[name]
    grid = segment_grid(MelConfig())
    segments = read_segments(path, inspect(path).duration, grid, n_segments=None)
    mel = LogMel(MelConfig())(torch.from_numpy(segments.waveforms))
    return Tagger(BUNDLES[model], cache, dtype=dtype).features(mel, segments.starts)


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    a, b = a.astype(np.float64), b.astype(np.float64)
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


@pytest.mark.parametrize(("name", "model"), CASES)
def test_golden_taggram(name: str, model: str, cache: Path) -> None:
    with np.load(GOLDEN / f"{name}_{model}.npz") as golden:
        heard = listen(name, model, cache, torch.float32)
        assert heard.tags.shape == golden["taggram"].shape
        assert np.abs(heard.tags.astype(np.float32) - golden["taggram"]).max() < 1e-3


@pytest.mark.parametrize(("name", "model"), [case for case in CASES if "musicnn" in case[1]])
def test_golden_penultimate_and_pools(name: str, model: str, cache: Path) -> None:
    with np.load(GOLDEN / f"{name}_{model}.npz") as golden:
        heard = listen(name, model, cache, torch.float32)
        assert cosine(heard.penultimate[0], golden["penultimate_first_segment"][0]) >= 0.9999
        pools = np.concatenate([golden["mean_pool"], golden["max_pool"]], axis=1).mean(axis=0)
        assert heard.pooled.shape == pools.shape
        assert cosine(heard.pooled, pools) >= 0.99999


@pytest.mark.parametrize(("name", "model"), [case for case in CASES if "musicnn" in case[1]])
def test_golden_in_bfloat16(name: str, model: str, cache: Path) -> None:
    """Rounding moves a tag's probability by less than two hundredths, and hardly the features."""
    with np.load(GOLDEN / f"{name}_{model}.npz") as golden:
        heard = listen(name, model, cache, torch.bfloat16)
        assert np.abs(heard.tags.astype(np.float32) - golden["taggram"]).max() < 0.02
        assert cosine(heard.penultimate[0], golden["penultimate_first_segment"][0]) >= 0.999


def test_golden_joram_top_ten_in_the_published_order(cache: Path) -> None:
    heard = listen("joram", "MTT_musicnn", cache, torch.float32)
    best = np.argsort(-heard.tags.astype(np.float32).mean(axis=0))[:10]
    assert [BUNDLES["MTT_musicnn"].tags[i] for i in best] == [
        "techno",
        "electronic",
        "synth",
        "fast",
        "beat",
        "drums",
        "no vocals",
        "no vocal",
        "dance",
        "ambient",
    ]
