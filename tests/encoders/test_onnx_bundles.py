"""Encoders in ONNX files: against a known answer, and what is no encoder."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from onnx_models import DESCRIPTION, MEL, N_UNITS, TAGS, expected, write_encoder

from encoders.bundles import find_bundle, tagger_names
from encoders.errors import WeightsError
from encoders.frontends import WaveformConfig
from encoders.melspec import MelConfig
from encoders.onnx_bundles import ENCODERS, OnnxBundle, OnnxFile
from encoders.tagger import Tagger


def without(*names: str, **changed: object) -> Mapping[str, object]:
    return {k: v for k, v in {**DESCRIPTION, **changed}.items() if k not in names}


def test_an_encoder_gives_what_its_file_computes(tmp_path: Path) -> None:
    folder = tmp_path / "weights"
    (name,) = tagger_names(str(write_encoder(tmp_path / "moods.onnx")), folder)
    assert name.startswith("moods.")
    bundle = find_bundle(name, folder)
    assert isinstance(bundle, OnnxBundle)
    assert (bundle.tags, bundle.front) == (TAGS, MelConfig(n_frames=MEL["n_frames"]))
    tagger = Tagger(bundle, folder)
    inputs = torch.rand(40, *bundle.front.shape)
    features = tagger.features(inputs, np.arange(40, dtype=np.float32))
    units, logits = expected(inputs.numpy())
    np.testing.assert_allclose(features.penultimate, units, rtol=2e-3, atol=2e-3)
    np.testing.assert_allclose(features.tags, 1 / (1 + np.exp(-logits)), atol=2e-3)
    np.testing.assert_allclose(features.pooled, units.mean(axis=0), rtol=2e-3, atol=2e-3)
    assert features.segment_seconds == pytest.approx((62 * 256 + 512) / 16_000, abs=0.02)
    assert tagger.prior.penultimate.shape == (N_UNITS,)
    assert not tagger.prior.logits.any()


def test_a_published_file_needs_no_description_and_no_tags(tmp_path: Path) -> None:
    path = write_encoder(tmp_path / "plain.onnx", None)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    file = OnnxFile("plain", digest, path.stat().st_size, "CC0", "http://127.0.0.1/plain.onnx")
    bundle = OnnxBundle(file, MelConfig(n_frames=MEL["n_frames"]), N_UNITS)
    features = Tagger(bundle, tmp_path).features(torch.rand(2, 63, 96), np.zeros(2, np.float32))
    assert features.penultimate.shape == (2, N_UNITS)
    assert features.tags.shape == (2, 0)
    path.write_bytes(path.read_bytes() + b"x")
    assert not file.is_here(tmp_path)
    with pytest.raises(WeightsError, match="is not the file that it was"):
        bundle.load(tmp_path)
    with pytest.raises(WeightsError, match="earshot weights plain"):
        replace(file, name="plain").check(tmp_path / "elsewhere")


def test_the_published_ones_are_described_whole() -> None:
    for name, bundle in ENCODERS.items():
        file = bundle.weights
        assert name == file.name
        assert len(file.sha256) == 64
        assert file.size
        assert file.licence
        assert file.origin.startswith("https://")


def test_waveforms_may_be_the_input(tmp_path: Path) -> None:
    said = without("mel", sample_rate=24_000, n_samples=72_000)
    (name,) = tagger_names(str(write_encoder(tmp_path / "waves.onnx", said)), tmp_path)
    bundle = find_bundle(name, tmp_path)
    assert bundle
    assert bundle.front == WaveformConfig(24_000, 72_000)
    with pytest.raises(WeightsError, match="does not take its input"):  # it takes spectrograms
        Tagger(bundle, tmp_path)


@pytest.mark.parametrize(
    ("description", "said"),
    [
        (None, "no entry earshot"),
        (without(format="2"), "of the format earshot-encoder-1"),
        (without("embedding"), "'embedding'"),
        (without("logits"), "tags and logits go together"),
        (without("mel"), "'sample_rate'"),
        (without(mel={"frames": 3}), "frames"),
        (without(embedding="other"), "wanted one input, and other, tags"),
        (without(tags=["one"]), "for 1 segments and 1 tags"),
    ],
)
def test_what_does_not_describe_itself(
    tmp_path: Path, description: Mapping[str, object] | None, said: str
) -> None:
    path = write_encoder(tmp_path / "bad.onnx", description)
    with pytest.raises(WeightsError, match=said):
        name = tagger_names(str(path), tmp_path / "weights")[0]
        bundle = find_bundle(name, tmp_path / "weights")
        assert bundle
        Tagger(bundle, tmp_path / "weights")


def test_what_is_no_model(tmp_path: Path) -> None:
    path = tmp_path / "noise.onnx"
    path.write_bytes(json.dumps(["no model"]).encode())
    with pytest.raises(WeightsError, match="is no model that ONNX Runtime can load"):
        tagger_names(str(path), tmp_path)
    with pytest.raises(WeightsError, match="cannot be read"):
        tagger_names(str(tmp_path / "none.onnx"), tmp_path)
