"""musicnn without its constant channels, and by Toom-Cook, beside the plain model."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from synthesis import samples_of_sound
from torch import Tensor, nn

from encoders.bundles import BUNDLES
from encoders.features import TrackFeatures
from encoders.melspec import LogMel, MelConfig
from encoders.models.activations import Activations
from encoders.models.frequency_max import ConvolvedMax, FrequencyMax, TemporalMax, TimbralMax
from encoders.models.live_channels import NEGLIGIBLE, TOLERANCE, LiveBlock
from encoders.models.musicnn import FrequencyMaxBlock, Musicnn, MusicnnConfig
from encoders.models.musicnn_fast import LARGEST_LOG_MEL, FastMusicnn
from encoders.projection import fit_projection
from encoders.tagger import Tagger

pytestmark = pytest.mark.usefixtures("one_thread")
SMALL = MusicnnConfig(
    n_tags=5, n_mels=96, n_timbral=6, n_temporal=4, n_mid=8, n_units=10, temporal_lengths=(16, 8, 4)
)
BY_CONVOLUTIONS = pytest.mark.parametrize("by_convolutions", [False, True])
N_TRACKS = 110  # enough for all views of an embedding
DEAD = 1e-30  # such weights have the published models' dead channels


def randomise(model: nn.Module) -> None:
    """Give every parameter and statistic a value, negative scales among them."""
    torch.manual_seed(1)
    for name, tensor in model.state_dict().items():
        if name.endswith("running_var"):
            tensor.uniform_(0.5, 2.0)
        elif tensor.is_floating_point():
            tensor.normal_(0.0, 0.5 if "bn" in name else 0.1)


def random_model(config: MusicnnConfig) -> Musicnn:
    model = Musicnn(config).eval().requires_grad_(False)
    randomise(model)
    return model


def blocks_of(model: Musicnn) -> list[FrequencyMaxBlock]:
    return [*model.timbral_blocks, *model.temporal_blocks]


def kill(layer: nn.Module, channels: Sequence[int]) -> None:
    """Shrink kernels, with biases and scales of both signs among the channels."""
    for place, channel in enumerate(channels):
        layer.conv.weight[channel] *= DEAD  # type: ignore[index,union-attr,operator]
        layer.conv.bias[channel] = (-1) ** place * 0.7  # type: ignore[index,union-attr,operator]
        layer.bn.weight[channel] = (-1) ** (place // 2) * 1.3  # type: ignore[index,union-attr,operator]


def assert_same(got: Activations, expected: Activations, atol: float = 1e-4) -> None:
    for one, other in zip(got, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=atol)


@BY_CONVOLUTIONS
@pytest.mark.parametrize("config", [SMALL, MusicnnConfig()])
@pytest.mark.parametrize("n_frames", [40, 187])
def test_without_constant_channels(
    config: MusicnnConfig, n_frames: int, by_convolutions: bool
) -> None:
    model = random_model(config)
    mel = torch.rand(13, n_frames, 96)  # more than are multiplied at once, and no multiple of it
    with torch.inference_mode():
        fast = FastMusicnn(model, by_convolutions=by_convolutions).eval()
        assert len(fast.complete.live) == config.n_front
        assert_same(fast(mel), model(mel))


@BY_CONVOLUTIONS
@pytest.mark.parametrize("n_frames", [1, 2, 7, 8, 9, 23, 24, 25, 100, 191, 193, 400])
@pytest.mark.parametrize("n", [1, 3])
def test_any_number_of_frames_and_segments(n: int, n_frames: int, by_convolutions: bool) -> None:
    model = random_model(SMALL)
    kill(model.timbral_blocks[0], [1, 2, 3, 4])
    kill(model.mid_layers[0], [0, 3, 4, 7])
    mel = torch.rand(n, n_frames, 96)
    with torch.inference_mode():
        assert_same(FastMusicnn(model, by_convolutions=by_convolutions).eval()(mel), model(mel))


@BY_CONVOLUTIONS
def test_constant_channels_are_not_computed_and_complete(by_convolutions: bool) -> None:
    """Of both signs of bias and scale, in every layer; one block has nothing else."""
    model = random_model(SMALL)
    for block, channels in zip(
        blocks_of(model), ([0, 1, 2, 3], range(6), [0, 1], [1, 2, 3], []), strict=True
    ):
        kill(block, channels)
    for layer, channels in zip(model.mid_layers, ([0, 1, 2, 3, 6], [4, 5, 6, 7], [2]), strict=True):
        kill(layer, channels)
    mel = torch.randn(3, 60, 96)
    with torch.inference_mode():
        fast = FastMusicnn(model, by_convolutions=by_convolutions).eval()
        # Of a block without any, the first channel is computed all the same.
        assert [len(part.bias) for part in fast.front] == (
            [2, 1, 2, 1, 4] if by_convolutions else [2, 1, 7]
        )
        assert [len(layer.weight) for layer in fast.mid] == [3, 4, 7]
        assert [len(layer.inputs) for layer in fast.mid] == [10, 3, 7]
        got, expected = fast(mel), model(mel)
        assert_same(got, expected)
        constant = (expected.pooled[:, 1] - expected.pooled[0, 1]).abs() < 1e-6
        assert constant.all()  # a channel that was shrunk, its mean
        torch.testing.assert_close(got.pooled[:, 1], expected.pooled[:, 1])


def test_a_model_of_constants_alone() -> None:
    model = random_model(SMALL)
    for part in (*blocks_of(model), *model.mid_layers):
        kill(part, range(len(part.conv.bias)))
    mel = torch.rand(2, 30, 96)
    with torch.inference_mode():
        assert_same(FastMusicnn(model).eval()(mel), model(mel))


def test_constant_inputs_differ_at_the_edges() -> None:
    """Beside the ends lie zeros, not the constants: a map, and another for each length."""
    model = random_model(SMALL)
    for block in blocks_of(model):
        kill(block, range(len(block.conv.bias)))
        block.bn.bias += 5.0
    with torch.inference_mode():
        fast = FastMusicnn(model).eval()
        for n_frames in (3, 30):
            mel = torch.rand(1, n_frames, 96)
            front = model.front_end(model.normalise(mel))
            live = front[:, fast.complete.live]
            expected = model.mid_layers[0](front)
            assert (expected[0, :, 0] - expected[0, :, n_frames // 2]).abs().max() > 0.1
            torch.testing.assert_close(fast.mid[0](live), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("height", [1, 38, 93, 96])
@pytest.mark.parametrize("kind", [ConvolvedMax, TimbralMax])
def test_the_maximum_of_kernels_of_any_height(
    kind: type[ConvolvedMax | TimbralMax], height: int
) -> None:
    block = FrequencyMaxBlock(5, 7, height).eval().requires_grad_(False)
    check(lambda live: kind(live[0]), [block])


@pytest.mark.parametrize("lengths", [(128, 64, 32), (1,), (3, 2), (130,), (7, 40)])
def test_the_maximum_of_kernels_of_any_length(lengths: tuple[int, ...]) -> None:
    blocks = [FrequencyMaxBlock(3, length, 1).eval().requires_grad_(False) for length in lengths]
    check(TemporalMax, blocks)


def check(kind: type[TemporalMax] | object, blocks: Sequence[FrequencyMaxBlock]) -> None:
    """Compare with the blocks themselves, on more windows and pieces than go at once."""
    for block in blocks:
        randomise(block)
        block.bn.weight[::2].abs_()
        block.bn.weight[1::2].abs_().neg_()
    mel = torch.randn(4, 500, 96)
    with torch.inference_mode():
        fast: FrequencyMax = kind([LiveBlock.of(b, torch.tensor(9.0)) for b in blocks])  # type: ignore[operator]
        expected = torch.cat([block(mel) for block in blocks], dim=1)
        torch.testing.assert_close(fast(mel), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("bias", [0.0, 0.5, -0.5])
def test_no_input_changes_a_constant_channel(bias: float, sign: int) -> None:
    """The bound is reached by the input whose every value is the largest and agrees in sign."""
    n, largest = 200, torch.tensor(3.0)
    block = FrequencyMaxBlock(n, 7, 12).eval().requires_grad_(False)
    randomise(block)
    block.conv.weight.normal_(0.0, 1.0)
    block.conv.weight *= torch.logspace(-8, 0, n)[:, None, None, None]
    block.conv.bias.fill_(bias)
    channels = LiveBlock.of(block, largest).channels
    assert 50 < channels.live.sum() < 190
    with torch.inference_mode():
        worst = block.conv.weight[:, 0].sign() * largest  # (n, 7, 12): one input for each channel
        values = torch.stack([block(sign * x[None])[0, :, 3] for x in worst]).diagonal()
        moved = (values - channels.constant).abs()
        # float32 rounds where the kernel meets its own input 84 times
        assert moved[~channels.live].max() < TOLERANCE + 1e-5
        assert (values.abs() <= channels.bound * (1 + 1e-5)).all()
        other = torch.stack([block(-sign * x[None])[0, :, 3] for x in worst]).diagonal()
        changes = (values - other).abs()[channels.live]
        assert changes.min() > TOLERANCE * 0.99  # nothing is computed in vain


def test_no_front_end_gives_more_than_the_largest_input() -> None:
    assert math.log10(torch.finfo(torch.float32).max) < LARGEST_LOG_MEL
    loudest = 1e16 * torch.ones(1, MelConfig().n_fft * 4)
    mel = LogMel(MelConfig())(loudest * torch.tensor([1.0, -1.0]).repeat(1, loudest.shape[1] // 2))
    assert torch.isfinite(mel).all() and mel.min() >= 0 and 30 < mel.max() < LARGEST_LOG_MEL


def test_negligible_weights_are_none() -> None:
    """Products with them would be denormal numbers, five times as slow, in channels that live."""
    model = random_model(SMALL)
    for part in (*blocks_of(model), *model.mid_layers):
        part.conv.weight[:, :, ::2] *= 1e-38
    with torch.inference_mode():
        fast = FastMusicnn(model, by_convolutions=True).eval()
        weights = [*(p.kernel for p in fast.front), *(layer.weight for layer in fast.mid)]
        assert all((w == 0).any() and not is_negligible(w).any() for w in weights)
        toom_cook = FastMusicnn(model).eval()
        assert not any(is_denormal(part.kernel).any() for part in toom_cook.front)
        mel = torch.rand(2, 60, 96)
        assert_same(toom_cook(mel), model(mel))


def is_negligible(values: Tensor) -> Tensor:
    return (values != 0) & (values.abs() < NEGLIGIBLE)


def is_denormal(values: Tensor) -> Tensor:
    return (values != 0) & (values.abs() < torch.finfo(values.dtype).tiny)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("weights")


@pytest.mark.parametrize(("name", "n_live"), [("MSD_musicnn", 64), ("MTT_musicnn", 300)])
def test_the_published_models_on_sounds(name: str, n_live: int, weights: Path) -> None:
    model = BUNDLES[name].load(weights)
    assert isinstance(model, Musicnn)
    with torch.inference_mode():
        mel = log_mel_of_sounds()
        expected = model(mel)
        for by_convolutions in (False, True):
            fast = FastMusicnn(model, by_convolutions=by_convolutions).eval()
            assert len(fast.complete.live) == n_live
            got = fast(mel)
            assert (got.logits.sigmoid() - expected.logits.sigmoid()).abs().max() < 1e-5
            for one, other in zip(got[1:], expected[1:], strict=True):
                assert torch.nn.functional.cosine_similarity(one, other).min() > 0.999999


def log_mel_of_sounds() -> Tensor:
    """Five segments of swelling tones, one of noise, one of silence."""
    config = MelConfig()
    length = config.hop_length * (config.n_frames - 1) + config.n_fft
    tones = samples_of_sound(5 * length / 16_000 + 1, 16_000)[: 5 * length]
    noise = 0.3 * np.random.default_rng(0).standard_normal(length)
    waveforms = np.concatenate([tones, noise, np.zeros(length)]).reshape(-1, length)
    log_mel: Tensor = LogMel(config)(torch.from_numpy(waveforms))
    return log_mel


def test_embeddings_are_those_of_the_plain_model(weights: Path) -> None:
    """The third view divides each pool by its deviation: what hardly changes counts in full."""
    tagger = Tagger(BUNDLES["MTT_musicnn"], weights)
    rng = np.random.default_rng(0)
    loudness = torch.from_numpy(rng.uniform(0.5, 4.0, (N_TRACKS, 1, 96)).astype(np.float32))
    mel = loudness * torch.from_numpy(rng.random((N_TRACKS, 40, 96), np.float32))
    fast = features_of_each(tagger, mel)
    tagger.model = tagger.bundle.load(weights)
    plain = features_of_each(tagger, mel)
    prior = tagger.prior
    projection = fit_projection(
        plain, N_TRACKS, ["MTT"], tagger.bundle.tags, prior.penultimate, prior.logits
    )
    cosines = (projection.embed(plain) * projection.embed(fast)).sum(axis=1)
    assert cosines.min() > 0.9998


def features_of_each(tagger: Tagger, mel: Tensor) -> list[tuple[TrackFeatures]]:
    """Return the features of tracks of one segment."""
    return [(tagger.features(one[None], np.zeros(1, np.float32)),) for one in mel]


def test_a_gpu_gets_the_same(device: str, weights: Path) -> None:
    model = BUNDLES["MTT_musicnn"].load(weights)
    assert isinstance(model, Musicnn)
    mel = torch.rand(3, 187, 96) * 5
    with torch.inference_mode():
        expected = model(mel)
        got = FastMusicnn(model, by_convolutions=True).eval().to(device)(mel.to(device))
    assert (got.logits.cpu().sigmoid() - expected.logits.sigmoid()).abs().max() < 1e-4
