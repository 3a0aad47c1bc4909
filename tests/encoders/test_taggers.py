"""Architectures, weights and front end, against oracles that are not ours."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import librosa
import numpy as np
import pytest
import torch
from torch import nn

from encoders import weights
from encoders.bundles import BUNDLES
from encoders.checkpoints import read_tensorflow_checkpoint
from encoders.errors import WeightsError
from encoders.melspec import LogMel, MelConfig
from encoders.models.musicnn import Musicnn, MusicnnConfig
from encoders.models.vgg import Vgg, VggConfig
from encoders.tagger import Tagger

PACKAGED = ("MSD_musicnn", "MSD_vgg", "MTT_musicnn", "MTT_vgg")
SMALL = MusicnnConfig(
    n_tags=5, n_mels=96, n_timbral=6, n_temporal=4, n_mid=8, n_units=10, temporal_lengths=(16, 8, 4)
)


def test_log_mel_is_librosas() -> None:
    config = MelConfig()
    rng = np.random.default_rng(0)
    waveform = rng.standard_normal(48_128).astype(np.float32) * 0.3
    expected = librosa.feature.melspectrogram(
        y=waveform, sr=16_000, n_fft=512, hop_length=256, n_mels=96, center=False
    )
    ours = LogMel(config)(torch.from_numpy(waveform[None]))[0].numpy()
    assert ours.shape == (config.n_frames, 96)
    np.testing.assert_allclose(ours, np.log10(10_000 * expected.T + 1), atol=2e-4)


def test_log_mel_survives_the_loudest_music() -> None:
    """float16 overflows here."""
    time = np.arange(48_128) / 16_000
    loud = np.sign(np.sin(2 * np.pi * 220 * time)).astype(np.float32)
    mel = LogMel(MelConfig())(torch.from_numpy(loud[None]))
    assert torch.isfinite(mel).all()
    assert 10 ** mel.max().item() / 10_000 > 1.0


@pytest.mark.parametrize(
    ("model", "n_parameters", "n_units", "n_pooled"),
    [(Musicnn(MusicnnConfig()), 787_159, 200, 1506), (Vgg(VggConfig()), 605_748, 256, 256)],
)
def test_shapes_and_sizes(model: nn.Module, n_parameters: int, n_units: int, n_pooled: int) -> None:
    assert sum(p.numel() for p in model.parameters()) == n_parameters
    out = model.eval()(torch.rand(3, 187, 96))
    assert [tuple(tensor.shape) for tensor in out] == [(3, 50), (3, n_units), (3, n_pooled)]


def test_musicnn_takes_any_length() -> None:
    out = Musicnn(SMALL).eval()(torch.rand(2, 61, 96))
    assert out.logits.shape == (2, 5)


@pytest.mark.parametrize("name", PACKAGED)
def test_a_tagger_makes_features(name: str, device: str, tmp_path: Path) -> None:
    tagger = Tagger(BUNDLES[name], tmp_path, device=device)
    features = tagger.features(torch.rand(2, 187, 96), np.array([0.0, 3.0], np.float32))
    assert features.tags.shape == (2, 50)
    assert ((features.tags >= 0) & (features.tags <= 1)).all()
    assert tagger.prior.penultimate.shape == features.penultimate.shape[1:]
    assert tagger.prior.logits.shape == (50,)
    for array in (features.tags, features.penultimate, features.pooled):
        assert array.dtype == np.float16
        assert np.isfinite(array).all()


def test_bundles_know_their_tags() -> None:
    for bundle in BUNDLES.values():
        assert len(set(bundle.tags)) == 50


@pytest.mark.parametrize("damage", ["flip", "cut", "no digest", "garbage"])
def test_a_damaged_cache_is_rebuilt(tmp_path: Path, damage: str) -> None:
    bundle = BUNDLES["MTT_vgg"]
    expected = bundle.load(tmp_path).state_dict()
    (cached,) = tmp_path.glob("*.safetensors")
    whole = cached.read_bytes()
    match damage:
        case "flip":
            cached.write_bytes(whole[:-100] + bytes([whole[-100] ^ 255]) + whole[-99:])
        case "cut":
            cached.write_bytes(whole[: len(whole) // 2])
        case "no digest":
            cached.with_suffix(".sha256").unlink()
        case "garbage":
            cached.write_bytes(b"not weights")
    again = bundle.load(tmp_path).state_dict()
    assert all(torch.equal(again[name], tensor) for name, tensor in expected.items())
    assert cached.read_bytes() == whole


def test_a_cache_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    BUNDLES["MTT_vgg"].load(tmp_path)

    def gone(_: str) -> None:
        return None

    monkeypatch.setattr(importlib.util, "find_spec", gone)
    BUNDLES["MTT_vgg"].load(tmp_path)
    with pytest.raises(WeightsError, match="earshot weights"):
        BUNDLES["MSD_vgg"].load(tmp_path)


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    BUNDLES["MTT_vgg"].load(tmp_path / "file" / "cache")


def test_altered_weights_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "MTT_vgg"
    folder.mkdir()
    (folder / ".data-00000-of-00001").write_bytes(b"something else")
    monkeypatch.setattr(weights, "_package_folder", lambda: tmp_path)
    with pytest.raises(WeightsError, match="not the published ones"):
        BUNDLES["MTT_vgg"].load(tmp_path / "cache")


def published(name: str) -> Path:
    spec = importlib.util.find_spec("musicnn")
    assert spec and spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0]) / name


def test_a_tensorflow_checkpoint_is_read() -> None:
    variables = read_tensorflow_checkpoint(published("MSD_musicnn"))
    assert variables["conv2d/kernel"].shape == (7, 38, 1, 204)
    assert variables["dense/kernel"].shape == (1506, 200)
    assert (variables["batch_normalization_9/moving_variance"] > 0).all()


@pytest.mark.parametrize(
    "index", [b"", b"text", b"\xff" * 4000, b"\0" * 40 + bytes.fromhex("57fb808b247547db")]
)
def test_a_damaged_checkpoint_is_refused(tmp_path: Path, index: bytes) -> None:
    (tmp_path / ".index").write_bytes(index)
    (tmp_path / ".data-00000-of-00001").write_bytes(bytes(100))
    with pytest.raises(WeightsError, match="damaged"):
        read_tensorflow_checkpoint(tmp_path)


def test_a_cut_checkpoint_is_refused(tmp_path: Path) -> None:
    source = published("MTT_vgg")
    (tmp_path / ".index").write_bytes((source / ".index").read_bytes())
    (tmp_path / ".data-00000-of-00001").write_bytes(
        (source / ".data-00000-of-00001").read_bytes()[:10_000]
    )
    with pytest.raises(WeightsError, match="damaged"):
        read_tensorflow_checkpoint(tmp_path)


def test_a_missing_checkpoint_is_said(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="cannot be read"):
        read_tensorflow_checkpoint(tmp_path)
