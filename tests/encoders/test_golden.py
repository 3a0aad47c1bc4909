"""Parity with the published models' own outputs."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from encoders.audio import inspect, read_segments
from encoders.bundles import BUNDLES
from encoders.features import TrackFeatures
from encoders.frontends import front_end, segment_grid
from encoders.melspec import LogMel, MelConfig
from encoders.models.musicnn import Musicnn
from encoders.models.musicnn_fast import FastMusicnn
from encoders.tagger import Tagger

GOLDEN = Path(__file__).parents[2].parent / "shared" / "golden"

pytestmark = pytest.mark.skipif(
    not GOLDEN.exists(), reason="needs the reference outputs in ../shared/golden"
)

CHECKPOINTS = GOLDEN.parent / "checkpoints"
COLLECTION = [
    "mtat_fcn",
    "mtat_crnn",
    "mtat_musicnn",
    "msd_fcn",
    "msd_crnn",
    "jamendo_fcn",
    "jamendo_crnn",
    "jamendo_musicnn",
]
FILES = {"signal": "signal_16k.wav", "joram": "joram.mp3"}
MODELS = ("MSD_musicnn", "MSD_vgg", "MTT_musicnn", "MTT_vgg")
CASES = [(name, model) for name in FILES for model in MODELS]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("weights")


def segments_of(name: str) -> tuple[torch.Tensor, NDArray[np.float32]]:
    """Return a file's segments, and where they begin."""
    path = GOLDEN / FILES[name]
    grid = segment_grid(MelConfig())
    segments = read_segments(path, inspect(path).duration, grid, n_segments=None)
    return LogMel(MelConfig())(torch.from_numpy(segments.waveforms)), segments.starts


def extract_features(name: str, model: str, cache: Path) -> TrackFeatures:
    return Tagger(BUNDLES[model], cache).features(*segments_of(name))


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    a, b = a.astype(np.float64), b.astype(np.float64)
    return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))


@pytest.mark.parametrize(("name", "model"), CASES)
def test_golden_taggram(name: str, model: str, cache: Path) -> None:
    with np.load(GOLDEN / f"{name}_{model}.npz") as golden:
        features = extract_features(name, model, cache)
        assert features.tags.shape == golden["taggram"].shape
        assert np.abs(features.tags.astype(np.float32) - golden["taggram"]).max() < 1e-3


@pytest.mark.parametrize(("name", "model"), [case for case in CASES if "musicnn" in case[1]])
def test_golden_penultimate_and_pools(name: str, model: str, cache: Path) -> None:
    with np.load(GOLDEN / f"{name}_{model}.npz") as golden:
        features = extract_features(name, model, cache)
        assert cosine(features.penultimate[0], golden["penultimate_first_segment"][0]) >= 0.9999
        pools = np.concatenate([golden["mean_pool"], golden["max_pool"]], axis=1).mean(axis=0)
        assert features.pooled.shape == pools.shape
        assert cosine(features.pooled, pools) >= 0.99999


@pytest.mark.parametrize("model", [model for model in MODELS if "musicnn" in model])
def test_golden_fast_musicnn_is_the_plain_model(model: str, cache: Path) -> None:
    plain = BUNDLES[model].load(cache)
    assert isinstance(plain, Musicnn)
    mel, _ = segments_of("joram")
    with torch.inference_mode():
        expected = plain(mel)
        for by_convolutions in (False, True):
            got = FastMusicnn(plain, by_convolutions=by_convolutions).eval()(mel)
            assert (got.logits.sigmoid() - expected.logits.sigmoid()).abs().max() < 1e-5
            assert torch.cosine_similarity(got.penultimate, expected.penultimate).min() > 0.999999
            assert torch.cosine_similarity(got.pooled, expected.pooled).min() > 0.999999


def test_golden_joram_top_ten_in_the_published_order(cache: Path) -> None:
    features = extract_features("joram", "MTT_musicnn", cache)
    best = np.argsort(-features.tags.astype(np.float32).mean(axis=0))[:10]
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


@pytest.fixture(scope="module")
def collection(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The collection's files under the names that a home has for them."""
    folder = tmp_path_factory.mktemp("collection")
    for path in CHECKPOINTS.glob("*.pth"):
        shutil.copy(path, folder)
    return folder


@pytest.mark.parametrize("model", COLLECTION)
def test_golden_probabilities_of_the_collection(model: str, collection: Path) -> None:
    """The signal is the README's; frames are centred there, as a track's segments are here."""
    n = 48_000 if "musicnn" in model else 465_440
    t, rng = np.arange(n) / 16_000, np.random.default_rng(0)
    vibrato = 440 + 30 * np.sin(2 * np.pi * 0.5 * t)
    signal = 0.3 * np.sin(2 * np.pi * 220 * t) + 0.2 * np.sin(2 * np.pi * vibrato * t)
    signal += 0.05 * rng.standard_normal(n)
    bundle = BUNDLES[model]
    waveform = torch.from_numpy(np.pad(signal.astype(np.float32), 256, mode="reflect"))
    with np.load(GOLDEN / "sota_checkpoints.npz") as golden, torch.inference_mode():
        features = front_end(bundle.front)(waveform[None])
        assert features.shape[1:] == bundle.front.shape
        probabilities = bundle.load(collection)(features).logits.sigmoid()[0].numpy()
        assert np.abs(probabilities - golden[model]).max() <= 1e-4


@pytest.mark.parametrize("dataset", ["mtat", "msd", "jamendo"])
def test_golden_tags_in_the_published_order(dataset: str) -> None:
    published = (CHECKPOINTS / f"{dataset}_tags.txt").read_text().split("\n")
    ours = BUNDLES[f"{dataset}_fcn"].tags
    if dataset != "jamendo":
        assert list(ours) == [tag for tag in published if tag]
    else:  # spelled as words here
        letters = [re.sub(r"[^a-z]", "", tag.lower()) for tag in ours]
        assert letters == [tag.split("---")[1] for tag in published if tag]
