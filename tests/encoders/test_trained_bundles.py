"""A trained tagger is a file; in a folder of weights it is a bundle like the published ones."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from encoders.architectures import ARCHITECTURES
from encoders.bundles import BUNDLES, find_bundle
from encoders.errors import WeightsError
from encoders.extract import load_extractor
from encoders.frontends import front_end
from encoders.tagger import Tagger
from encoders.trained_bundles import Prior, TrainedWeights, adopt, save_trained, trained_in

TAGS = ("calm", "wild")


def metadata(architecture: str) -> dict[str, str]:
    described = {"format": "earshot-tagger-1", "architecture": architecture, "tags": TAGS}
    return {"tagger": json.dumps(described)}


@pytest.fixture
def written(tmp_path: Path) -> tuple[Path, torch.nn.Module, Prior]:
    torch.manual_seed(0)
    model = ARCHITECTURES["cnn1d"].build(len(TAGS)).eval()
    prior = Prior(np.arange(100, dtype=np.float32), np.array([-1, 1], np.float32))
    path = tmp_path / "run" / "moods.safetensors"
    path.parent.mkdir()
    save_trained(path, "cnn1d", TAGS, model.state_dict(), prior)
    return path, model, prior


def test_it_hears_what_the_trained_model_heard(
    tmp_path: Path, written: tuple[Path, torch.nn.Module, Prior]
) -> None:
    path, model, prior = written
    name = adopt(path, tmp_path / "weights")
    assert name.startswith("moods.")
    assert trained_in(tmp_path / "weights") == [name]
    bundle = find_bundle(name, tmp_path / "weights")
    assert bundle is not None
    assert bundle.tags == TAGS
    tagger = Tagger(bundle, tmp_path / "weights")
    waveforms = 0.1 * torch.randn(3, 48_000)[:, : 187 * 256]
    inputs = front_end(bundle.front)(waveforms)
    features = tagger.features(inputs, np.arange(3, dtype=np.float32))
    with torch.inference_mode():
        expected = model(inputs)
    np.testing.assert_allclose(features.tags, expected.logits.sigmoid(), atol=1e-3)
    np.testing.assert_allclose(features.penultimate, expected.penultimate, rtol=2e-3, atol=1e-3)
    np.testing.assert_array_equal(tagger.prior.penultimate, prior.penultimate)
    np.testing.assert_array_equal(tagger.prior.logits, prior.logits)


def test_another_training_of_one_name_is_another_tagger(
    tmp_path: Path, written: tuple[Path, torch.nn.Module, Prior]
) -> None:
    path, model, prior = written
    folder = tmp_path / "weights"
    first = adopt(path, folder)
    for _ in range(5):
        save_trained(path, "cnn1d", TAGS, model.state_dict(), prior)
        assert adopt(path, folder) == first
    assert adopt(folder / f"{first}.safetensors", tmp_path / "other") == first
    with torch.no_grad():
        model.output.bias += 1.0  # type: ignore[union-attr,operator]
    save_trained(path, "cnn1d", TAGS, model.state_dict(), prior)
    second = adopt(path, folder)
    assert trained_in(folder) == sorted([first, second])
    extractor = load_extractor([second], folder)
    assert extractor.names == (f"{second}-{extractor.names[0].rsplit('-', 2)[1]}-20",)
    with pytest.raises(ValueError, match=f"{sorted([first, second])[1]}; got 'nothing'"):
        load_extractor(["nothing"], folder)


@pytest.mark.parametrize("damage", ["flip", "cut", "no means"])
def test_a_damaged_one_is_refused(
    tmp_path: Path, written: tuple[Path, torch.nn.Module, Prior], damage: str
) -> None:
    folder = tmp_path / "weights"
    name = adopt(written[0], folder)
    path = folder / f"{name}.safetensors"
    whole = path.read_bytes()
    if damage == "flip":
        path.write_bytes(whole[:-9] + bytes([whole[-9] ^ 255]) + whole[-8:])
    elif damage == "cut":
        path.write_bytes(whole[: len(whole) // 2])
    else:
        tensors = {k: v for k, v in load_file(path).items() if not k.startswith("mean")}
        save_file(tensors, path, metadata("cnn1d"))
    with pytest.raises(WeightsError, match="cannot be used"):
        bundle = find_bundle(name, folder)
        assert bundle is not None
        bundle.load(folder)


def test_other_files_are_no_taggers(tmp_path: Path) -> None:
    other = tmp_path / "other.safetensors"
    save_file({"x": torch.zeros(1)}, other)
    with pytest.raises(WeightsError, match="no tagger trained here"):
        adopt(other, tmp_path / "weights")
    save_file({"x": torch.zeros(1)}, other, metadata("gone"))
    with pytest.raises(WeightsError, match="architecture gone is not known"):
        TrainedWeights.read(other)
    assert find_bundle("MSD_musicnn", tmp_path) is BUNDLES["MSD_musicnn"]
    assert find_bundle("none", tmp_path) is None


def test_a_name_that_no_key_can_hold_is_refused(
    tmp_path: Path, written: tuple[Path, torch.nn.Module, Prior]
) -> None:
    path, model, prior = written
    with pytest.raises(ValueError, match="letters and digits"):
        save_trained(tmp_path / "a-b.safetensors", "cnn1d", TAGS, model.state_dict(), prior)
    shutil.copy(path, tmp_path / "my moods.safetensors")
    with pytest.raises(WeightsError, match="rename it"):
        adopt(tmp_path / "my moods.safetensors", tmp_path / "weights")
