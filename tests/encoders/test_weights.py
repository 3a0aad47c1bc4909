"""Published state dicts: read into our architectures, and refused where they are something else.

The oracles compute the collection's models from its own tensors, in plain functions.
"""

from __future__ import annotations

import hashlib
import os
import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from synthesis import WAV_16K, write_sound
from torch import Tensor
from torchaudio.transforms import AmplitudeToDB, MelSpectrogram

from encoders.bundles import BUNDLES, Bundle
from encoders.errors import AudioError, WeightsError
from encoders.extract import Extractor
from encoders.features import AudioSpan
from encoders.frontends import front_end
from encoders.tagger import Tagger
from encoders.weights import CollectionFile

State = dict[str, Tensor]


def normal(state: State, name: str, *shape: int) -> None:
    """A convolution or a dense layer, kept to outputs of about the size of its inputs."""
    n_in = int(np.prod(shape[1:]))
    state[f"{name}.weight"] = torch.randn(*shape) * (2.0 / n_in) ** 0.5
    state[f"{name}.bias"] = 0.1 * torch.randn(shape[0])


def norm(state: State, name: str, n: int) -> None:
    state[f"{name}.weight"] = torch.rand(n) + 0.5
    state[f"{name}.bias"] = 0.3 * torch.randn(n)
    state[f"{name}.running_mean"] = 0.1 * torch.randn(n)
    state[f"{name}.running_var"] = torch.rand(n) + 0.5
    state[f"{name}.num_batches_tracked"] = torch.tensor(7)


def bn(state: State, name: str, x: Tensor) -> Tensor:
    shape = (1, -1) + (1,) * (x.dim() - 2)
    mean, var, weight, bias = (
        state[f"{name}.{part}"].view(shape)
        for part in ("running_mean", "running_var", "weight", "bias")
    )
    return (x - mean) / torch.sqrt(var + 1e-5) * weight + bias


def conv(state: State, name: str, x: Tensor, **options: Any) -> Tensor:
    kernel = state[f"{name}.weight"]
    apply = F.conv2d if kernel.dim() == 4 else F.conv1d
    return apply(x, kernel, state[f"{name}.bias"], **options)


def dense(state: State, name: str, x: Tensor) -> Tensor:
    return x @ state[f"{name}.weight"].T + state[f"{name}.bias"]


def layer(state: State, name: str, x: Tensor, padding: int = 1, **options: Any) -> Tensor:
    y = conv(state, f"{name}.conv", x, padding=padding, **options)
    return bn(state, f"{name}.bn", y).relu()


def decibels(state: State, waveforms: Tensor, n_mels: int) -> Tensor:
    """As the collection has it: centred, all of torchaudio's defaults."""
    mel = MelSpectrogram(16_000, n_fft=512, f_min=0.0, f_max=8000.0, n_mels=n_mels)
    return bn(state, "spec_bn", AmplitudeToDB()(mel(waveforms)).unsqueeze(1))


def spectral(n_filters: list[int]) -> State:
    state: State = {"spec.spectrogram.window": torch.hann_window(512)}
    norm(state, "spec_bn", 1)
    for i, (n_in, n_out) in enumerate(zip([1, *n_filters], n_filters, strict=False), start=1):
        normal(state, f"layer{i}.conv", n_out, n_in, 3, 3)
        norm(state, f"layer{i}.bn", n_out)
    return state


def fcn_state() -> State:
    state = spectral([64, 128, 128, 128, 64])
    normal(state, "dense", 50, 64)
    return state


def fcn(state: State, waveforms: Tensor) -> Tensor:
    x = decibels(state, waveforms, 96)
    for i, pool in enumerate([(2, 4), (2, 4), (2, 4), (3, 5), (4, 4)], start=1):
        x = F.max_pool2d(layer(state, f"layer{i}", x), pool)
    return dense(state, "dense", x.flatten(1))


def crnn_state() -> State:
    state = spectral([64, 128, 128, 128])
    gru = torch.nn.GRU(128, 32, 2)
    state |= {f"layer5.{name}": tensor for name, tensor in gru.state_dict().items()}
    normal(state, "dense", 50, 32)
    return state


def crnn(state: State, waveforms: Tensor) -> Tensor:
    x = decibels(state, waveforms, 96)
    for i, pool in enumerate([2, 3, 4, 4], start=1):
        x = F.max_pool2d(layer(state, f"layer{i}", x), pool)
    steps = x.squeeze(2).permute(2, 0, 1)
    for number in (0, 1):
        w_in, w_state, b_in, b_state = (
            state[f"layer5.{part}_l{number}"]
            for part in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        )
        h, outputs = torch.zeros(steps.shape[1], 32), []
        for step in steps:
            r_in, z_in, n_in = (step @ w_in.T + b_in).chunk(3, dim=1)
            r_h, z_h, n_h = (h @ w_state.T + b_state).chunk(3, dim=1)
            update = (z_in + z_h).sigmoid()
            h = (1 - update) * torch.tanh(n_in + (r_in + r_h).sigmoid() * n_h) + update * h
            outputs.append(h)
        steps = torch.stack(outputs)
    return dense(state, "dense", steps[-1])


def musicnn_state() -> State:
    state: State = {}
    norm(state, "spec_bn", 1)
    shapes = [(204, 1, 67, 7), (204, 1, 38, 7), (51, 1, 129), (51, 1, 65), (51, 1, 33)]
    for i, shape in enumerate(shapes):
        normal(state, f"layers.{i}.conv", *shape)
        norm(state, f"layers.{i}.bn", shape[0])
    for i, n_in in enumerate([561, 64, 64], start=1):
        normal(state, f"layer{i}.conv", 64, n_in, 7)
        norm(state, f"layer{i}.bn", 64)
    normal(state, "dense1", 200, 1506)
    norm(state, "bn", 200)
    normal(state, "dense2", 50, 200)
    return state


def musicnn(state: State, waveforms: Tensor) -> Tensor:
    x = decibels(state, waveforms, 96)
    parts = []
    for i in range(5):
        if i < 2:
            y = conv(state, f"layers.{i}.conv", x, padding=(0, 3))
        else:
            y = conv(state, f"layers.{i}.conv", x.mean(dim=2), padding=(64, 32, 16)[i - 2])
        y = bn(state, f"layers.{i}.bn", y).relu()
        parts.append(y.amax(dim=2) if i < 2 else y)
    parts = [torch.cat(parts, dim=1)]
    for i in (1, 2, 3):
        y = layer(state, f"layer{i}", parts[-1], padding=3)
        parts.append(y if i == 1 else y + parts[-1])
    joined = torch.cat(parts, dim=1)
    pools = torch.cat([joined.amax(dim=2), joined.mean(dim=2)], dim=1)
    return dense(state, "dense2", bn(state, "bn", dense(state, "dense1", pools)).relu())


SAMPLE = [128, 128, 128, 256, 256, 256, 256, 256, 256, 512, 512]


def sample_state() -> State:
    state: State = {}
    for i, (n_in, n_out) in enumerate(zip([1, *SAMPLE], SAMPLE, strict=False), start=1):
        normal(state, f"layer{i}.conv", n_out, n_in, 1 if i == 11 else 3)
        norm(state, f"layer{i}.bn", n_out)
    normal(state, "dense", 50, 512)
    return state


def sample(state: State, waveforms: Tensor) -> Tensor:
    x = waveforms.unsqueeze(1)
    for i in range(1, 12):
        x = layer(state, f"layer{i}", x, padding=0 if i == 11 else 1, stride=3 if i == 1 else 1)
        x = x if i in (1, 11) else F.max_pool1d(x, 3)
    return dense(state, "dense", x.squeeze(2))


def se_state() -> State:
    state: State = {}
    for i, (n_in, n_out) in enumerate(zip([1, *SAMPLE], SAMPLE, strict=False), start=1):
        length = 1 if i == 11 else 3
        normal(state, f"layer{i}.conv_1", n_out, n_in, length)
        normal(state, f"layer{i}.conv_2", n_out, n_out, length)
        shortcut = [3] if n_in != n_out else []
        for part in [1, 2, *shortcut]:
            norm(state, f"layer{i}.bn_{part}", n_out)
        if shortcut:
            normal(state, f"layer{i}.conv_3", n_out, n_in, length)
        for part in (1, 2):
            normal(state, f"layer{i}.dense{part}", n_out, n_out)
    normal(state, "dense1", 512, 512)
    norm(state, "bn", 512)
    normal(state, "dense2", 50, 512)
    return state


def se(state: State, waveforms: Tensor) -> Tensor:
    x = waveforms.unsqueeze(1)
    for i in range(1, 12):
        name, pad, stride = f"layer{i}", 0 if i == 11 else 1, 3 if i == 1 else 1
        y = bn(state, f"{name}.bn_1", conv(state, f"{name}.conv_1", x, stride=stride, padding=pad))
        y = bn(state, f"{name}.bn_2", conv(state, f"{name}.conv_2", y.relu(), padding=pad))
        weights = dense(state, f"{name}.dense1", y.mean(dim=2)).relu()
        y = y * dense(state, f"{name}.dense2", weights).sigmoid().unsqueeze(2)
        if f"{name}.conv_3.weight" in state:
            x = conv(state, f"{name}.conv_3", x, stride=stride, padding=pad)
            x = bn(state, f"{name}.bn_3", x)
        x = (x + y).relu()
        x = x if i in (1, 11) else F.max_pool1d(x, 3)
    return dense(state, "dense2", bn(state, "bn", dense(state, "dense1", x.squeeze(2))).relu())


def short_state() -> State:
    state = spectral([128, 128, 256, 256, 256, 256, 512])
    normal(state, "dense1", 512, 512)
    norm(state, "bn", 512)
    normal(state, "dense2", 50, 512)
    return state


def short(state: State, waveforms: Tensor) -> Tensor:
    x = decibels(state, waveforms, 128)
    for i in range(1, 8):
        x = F.max_pool2d(layer(state, f"layer{i}", x), 2)
    hidden = bn(state, "bn", dense(state, "dense1", x.amax(dim=(2, 3)))).relu()
    return dense(state, "dense2", hidden)


ORACLES: dict[str, tuple[Callable[[], State], Callable[[State, Tensor], Tensor], int]] = {
    "mtat_fcn": (fcn_state, fcn, 1279 * 256),
    "msd_crnn": (crnn_state, crnn, 299 * 256),
    "jamendo_musicnn": (musicnn_state, musicnn, 187 * 256),
    "mtat_sample": (sample_state, sample, 59_049),
    "msd_se": (se_state, se, 59_049),
    "jamendo_short": (short_state, short, 230 * 256),
}


def saved(name: str, content: object, folder: Path) -> Bundle:
    """Write a checkpoint file, and return the bundle for which it is the published one."""
    bundle = BUNDLES[name]
    weights = bundle.weights
    assert isinstance(weights, CollectionFile)
    path = weights.path(folder)
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(content, path)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return replace(bundle, weights=replace(weights, sha256=digest))


@pytest.mark.filterwarnings("ignore:At least one mel filterbank")
@pytest.mark.parametrize("name", ORACLES)
def test_a_published_state_dict_is_computed_as_published(name: str, tmp_path: Path) -> None:
    make, oracle, n_samples = ORACLES[name]
    torch.manual_seed(0)
    state = make()
    waveforms = 0.2 * torch.randn(1, n_samples)
    bundle = saved(name, state, tmp_path)
    inputs = waveforms
    if not name.endswith(("sample", "se")):  # whose oracle centres its frames
        inputs = F.pad(waveforms.unsqueeze(1), (256, 256), mode="reflect").squeeze(1)
    with torch.inference_mode():
        model, front = bundle.load(tmp_path), front_end(bundle.front)
        ours, theirs = model(front(inputs)).logits, oracle(state, waveforms)
    assert theirs.std() > 0.1
    torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-3)


class Bomb:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


def test_a_file_that_would_run_code_is_refused_unrun(tmp_path: Path) -> None:
    bomb = tmp_path / "exploded"
    bundle = saved("mtat_fcn", {"dense.weight": Bomb(bomb)}, tmp_path)
    with pytest.raises(WeightsError, match="something else than tensors"):
        bundle.load(tmp_path)
    bundle = saved("mtat_fcn", pickle.dumps(Bomb(bomb)), tmp_path)
    with pytest.raises(WeightsError, match="something else than tensors"):
        bundle.load(tmp_path)
    assert not bomb.exists()


@pytest.mark.parametrize("content", [b"", b"words", b"PK\x03\x04" + bytes(100)])
def test_a_file_that_is_no_checkpoint_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(WeightsError, match="something else than tensors"):
        saved("mtat_fcn", content, tmp_path).load(tmp_path)


def test_other_tensors_than_the_models_are_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="no state dict"):
        saved("mtat_fcn", [torch.zeros(3)], tmp_path).load(tmp_path)
    for state in (sample_state(), {}):
        with pytest.raises(WeightsError, match="those of another architecture"):
            saved("mtat_fcn", state, tmp_path).load(tmp_path)


def test_what_is_missing_or_altered_is_said_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"earshot weights msd_fcn"):
        BUNDLES["msd_fcn"].load(tmp_path)
    torch.save(fcn_state(), tmp_path / "msd_fcn.pth")
    with pytest.raises(WeightsError, match="not the published file"):
        BUNDLES["msd_fcn"].load(tmp_path)
    torch.save(sample_state(), tmp_path / "msd_sample.pth")
    with pytest.raises(WeightsError, match="--trust-first-download"):
        BUNDLES["msd_sample"].load(tmp_path)


def test_taggers_of_three_front_ends_hear_one_track(tmp_path: Path) -> None:
    """Each has its own segments, and the features that it has alone."""
    torch.manual_seed(0)
    states = {"mtat_fcn": fcn_state(), "mtat_sample": sample_state()}
    bundles = [BUNDLES["MTT_musicnn"], *(saved(*item, tmp_path) for item in states.items())]
    taggers = [Tagger(bundle, tmp_path) for bundle in bundles]
    budgets = [plan.n_segments for plan in Extractor(taggers, n_segments=20).plans.values()]
    assert budgets == [20, 2, 16]  # 60 s of each
    path = tmp_path / "sound.wav"
    write_sound(path, WAV_16K, 31.0)
    extractor = Extractor(taggers, n_segments=2)
    ((_, together),) = extractor.extract([AudioSpan(path, 31.0)])
    assert not isinstance(together, AudioError)
    assert [len(features.starts) for features in together] == [2, 1, 2]
    alone = [Extractor([tagger], n_segments=2).features(path)[0] for tagger in taggers]
    for one, other in zip(together, alone, strict=True):
        for field in ("starts", "tags", "penultimate", "pooled"):
            np.testing.assert_array_equal(getattr(one, field), getattr(other, field))
