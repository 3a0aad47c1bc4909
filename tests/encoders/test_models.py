"""The architectures: shapes, sizes, what each input can reach, and that all of them learn."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import pytest
import torch
from torch import Tensor, nn

from encoders.frontends import FrontEnd, WaveformConfig, front_end, segment_grid
from encoders.melspec import LogMel, MelConfig
from encoders.models import (
    cnn1d,
    crnn,
    fcn,
    mobile,
    multi_scale,
    musicnn,
    musicnn_won,
    rese,
    sample_cnn,
    sample_se,
    short_chunk,
    vgg,
)
from encoders.models.attention import AttentiveTagger
from encoders.models.blocks import expected_maximum, n_positions, receptive_field


class Case(NamedTuple):
    """A published size: its front end, parameters, units, pools and receptive field in inputs."""

    build: Callable[[], nn.Module]
    front: FrontEnd
    n_parameters: int
    n_units: int
    n_pooled: int
    field: int


CASES = {
    "1-D CNN": Case(
        lambda: cnn1d.Cnn1d(cnn1d.Cnn1dConfig()), cnn1d.MEL, 74_974, 100, 64, 8 + 3 + 4 * 7
    ),
    "1-D CNN end to end": Case(
        lambda: cnn1d.Cnn1d(cnn1d.Cnn1dConfig(front=cnn1d.WAVEFORM)),
        cnn1d.WAVEFORM,
        107_870,
        100,
        64,
        8 + 3 + 4 * 7,
    ),
    "FCN": Case(lambda: fcn.Fcn(fcn.FcnConfig()), fcn.MEL, 447_732, 64, 128, 1130),
    "CRNN": Case(lambda: crnn.Crnn(crnn.CrnnConfig()), crnn.MEL, 394_100, 32, 256, 90),
    "mobile": Case(
        lambda: mobile.Mobile(mobile.MobileConfig()), MelConfig(), 252_812, 200, 512, 119
    ),
    "multi-scale": Case(
        lambda: multi_scale.MultiScale(multi_scale.MultiScaleConfig()),
        multi_scale.MEL,
        633_316,
        512,
        384,
        51,
    ),
    "musicnn": Case(
        lambda: musicnn.Musicnn(musicnn.MusicnnConfig()), MelConfig(), 787_159, 200, 1506, 146
    ),
    "musicnn of Won et al.": Case(
        lambda: musicnn_won.WonMusicnn(musicnn_won.WonMusicnnConfig()),
        musicnn_won.MEL,
        784_300,
        200,
        1506,
        147,
    ),
    "VGG": Case(lambda: vgg.Vgg(vgg.VggConfig()), MelConfig(), 605_748, 256, 256, 80),
    "short-chunk": Case(
        lambda: short_chunk.ShortChunk(short_chunk.ShortChunkConfig()),
        short_chunk.MEL,
        3_687_348,
        512,
        1024,
        318,
    ),
    "sample-level": Case(
        lambda: sample_cnn.SampleCnn(sample_cnn.SampleCnnConfig()),
        sample_cnn.WAVEFORM,
        1_869_874,
        512,
        512,
        2 * 3**10 - 3,
    ),
    "sample-level with excitation": Case(
        lambda: sample_se.SampleSe(sample_se.SampleSeConfig()),
        sample_se.WAVEFORM,
        6_951_858,
        512,
        512,
        3**11,
    ),
    "ReSE-2": Case(
        lambda: rese.Rese(rese.ReseConfig()), rese.WAVEFORM, 26_980_146, 1024, 512, 3**11 - 6
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_published_size_hears_a_segment(name: str) -> None:
    case = CASES[name]
    model = case.build().eval()
    assert sum(p.numel() for p in model.parameters()) == case.n_parameters
    assert receptive_field(model.config.time_layers) == case.field  # type: ignore[union-attr,arg-type]
    torch.manual_seed(0)
    waveforms = 0.1 * torch.randn(1, segment_grid(case.front).n_samples)
    with torch.inference_mode():
        inputs = front_end(case.front)(waveforms)
        assert inputs.shape[1:] == case.front.shape
        out = model(inputs)
    shapes = [(1, 50), (1, case.n_units), (1, case.n_pooled)]
    assert [tuple(tensor.shape) for tensor in out] == shapes
    assert all(torch.isfinite(tensor).all() for tensor in out)


def test_the_sample_level_cnn_has_as_many_parameters_as_in_its_paper() -> None:
    """1.9 million: Lee et al. 2017, table 1."""
    n_parameters = sum(p.numel() for p in CASES["sample-level"].build().parameters())
    assert round(n_parameters / 1e6, 1) == 1.9


def test_the_papers_fcn_4_shrinks_its_spectrogram_to_one_place() -> None:
    """Choi et al. 2016, table 1: 96 x 1366 in, 1 x 1 x 2048 out."""
    assert fcn.FCN_4_MEL.shape == (1366, 96)
    for axis, n in ((0, 96), (1, 1366)):
        assert n_positions(n, [(pool[axis], pool[axis]) for pool in fcn.FCN_4.pools]) == 1
    assert fcn.FCN_4.n_filters[-1] == 2048


# Small enough to be fitted in a moment.
SMALL: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "1-D CNN": (
        lambda: cnn1d.Cnn1d(
            cnn1d.Cnn1dConfig(3, MelConfig(n_mels=16, n_frames=90), n_bands=16, n_filters=8)
        ),
        (90, 16),
    ),
    "1-D CNN end to end": (
        lambda: cnn1d.Cnn1d(
            cnn1d.Cnn1dConfig(3, WaveformConfig(n_samples=90 * 16), 16, n_bands=12, n_filters=8)
        ),
        (90 * 16,),
    ),
    "FCN": (lambda: fcn.Fcn(fcn.FcnConfig(3, (8, 8), ((4, 4), (4, 4)))), (32, 16)),
    "CRNN": (lambda: crnn.Crnn(crnn.CrnnConfig(3, (8, 8), (4, 4), 8)), (64, 16)),
    "mobile": (
        lambda: mobile.Mobile(mobile.MobileConfig(3, (8, 8, 16), (2, 1, 2), 16)),
        (32, 16),
    ),
    "multi-scale": (
        lambda: multi_scale.MultiScale(
            multi_scale.MultiScaleConfig(3, 2, 16, 8, n_units=32, smoothing=1.0)
        ),
        (64, 32),
    ),
    "musicnn": (
        lambda: musicnn.Musicnn(
            musicnn.MusicnnConfig(
                3, 16, (8,), n_timbral=8, temporal_lengths=(8,), n_temporal=4, n_mid=8, n_units=16
            )
        ),
        (40, 16),
    ),
    "musicnn of Won et al.": (
        lambda: musicnn_won.WonMusicnn(
            musicnn_won.WonMusicnnConfig(3, (8,), 7, 8, (9,), 4, n_mid=8, n_units=16)
        ),
        (40, 16),
    ),
    "VGG": (
        lambda: vgg.Vgg(vgg.VggConfig(3, 8, (((2, 2), (2, 2)), ((4, 4), (4, 4))), n_positions=4)),
        (16, 16),
    ),
    "short-chunk": (
        lambda: short_chunk.ShortChunk(short_chunk.ShortChunkConfig(3, (8, 8, 16))),
        (16, 8),
    ),
    "sample-level": (
        lambda: sample_cnn.SampleCnn(
            sample_cnn.SampleCnnConfig(3, n_stem=8, n_filters=(8, 8, 16, 16), n_units=16)
        ),
        (3**5,),
    ),
    "ReSE-2": (
        lambda: rese.Rese(
            rese.ReseConfig(3, n_stem=8, n_filters=(8, 8, 16, 16), amplification=2, n_levels=2)
        ),
        (3**5,),
    ),
}


def descent(model: nn.Module, rate: float = 0.01) -> Callable[[Tensor], None]:
    """Return a step of RMSprop; the library's takes ten seconds to load."""
    squares = [torch.zeros_like(p) for p in model.parameters()]

    def step(loss: Tensor) -> None:
        gradients = torch.autograd.grad(loss, list(model.parameters()))
        with torch.no_grad():
            for p, square, gradient in zip(model.parameters(), squares, gradients, strict=True):
                square.mul_(0.9).addcmul_(gradient, gradient, value=0.1)
                p.addcdiv_(gradient, square.sqrt() + 1e-6, value=-rate)

    return step


def overfit(model: nn.Module, inputs: Tensor, steps: int = 300) -> float:
    """Fit one batch to random tags; return the largest error of a probability."""
    truth = (torch.rand(len(inputs), 3) < 0.5).float()
    for module in model.modules():  # to show that a batch can be learned, not how well
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    step = descent(model.train())
    error = 1.0
    for _ in range(steps):
        logits = model(inputs).logits
        step(nn.functional.binary_cross_entropy_with_logits(logits, truth))
        error = float((logits.detach().sigmoid() - truth).abs().max())
        if error < 0.1:
            break
    return error


@pytest.mark.parametrize("name", SMALL)
def test_one_batch_can_be_learned(name: str) -> None:
    torch.manual_seed(0)
    build, shape = SMALL[name]
    assert overfit(build(), torch.randn(6, *shape)) < 0.1


@pytest.mark.parametrize("name", ["VGG", "sample-level"])
def test_attention_over_any_tagger_can_be_learned(name: str) -> None:
    torch.manual_seed(0)
    build, shape = SMALL[name]
    n_units = build().output.in_features  # type: ignore[union-attr]
    model = AttentiveTagger(build(), n_units, n_hidden=8)
    clips = torch.randn(6, 4, *shape)
    assert overfit(model, clips) < 0.1
    with torch.inference_mode():
        activations, weights = model.eval().attend(clips)
        each = model.tagger(clips[0]).logits.sigmoid()  # of the first clip's segments
    torch.testing.assert_close(weights.sum(dim=1), torch.ones(6))
    torch.testing.assert_close(
        activations.logits[0].sigmoid(), weights[0] @ each, rtol=1e-4, atol=1e-5
    )
    assert activations.penultimate.shape == (6, n_units)


def test_attention_finds_the_segment_that_counts() -> None:
    """A tag that one segment of four tells, at a random place, draws the weight there."""
    torch.manual_seed(0)
    build, shape = SMALL["VGG"]
    model = AttentiveTagger(build(), 32, n_hidden=8)
    clips = 0.1 * torch.randn(32, 4, *shape)
    place = torch.randint(4, (32,))
    truth = torch.rand(32, 3) < 0.5
    for i, tags in enumerate(truth):  # which bands are loud
        clips[i, place[i], :, :15] += tags.repeat_interleave(5) * 2.0 + 1.0
    step = descent(model)
    for _ in range(80):
        step(nn.functional.binary_cross_entropy_with_logits(model(clips).logits, truth.float()))
    with torch.inference_mode():
        weights = model.eval().attend(clips)[1]
    assert (weights.argmax(dim=1) == place).float().mean() > 0.9


@pytest.mark.parametrize("name", ["FCN", "short-chunk", "sample-level"])
def test_an_input_outside_the_receptive_field_changes_nothing(name: str) -> None:
    build, shape = SMALL[name]
    model = build().eval()
    field = receptive_field(model.config.time_layers)  # type: ignore[union-attr,arg-type]
    torch.manual_seed(0)
    x = torch.randn(1, 4 * field, *shape[1:]).requires_grad_()
    features: list[Tensor] = []
    blocks = model.blocks  # type: ignore[union-attr]
    layer = blocks[-1].pool if name == "sample-level" else blocks[-1].bn  # type: ignore[union-attr,index]
    layer.register_forward_hook(lambda _, __, out: features.append(out))  # type: ignore[union-attr]
    model(x)
    middle = features[0].shape[-1] // 2
    features[0][..., middle].sum().backward()
    assert x.grad is not None
    reached = x.grad[0].flatten(1).abs().sum(dim=1) if x.dim() > 2 else x.grad[0].abs()
    places = reached.nonzero().flatten()
    assert 0.6 * field < places[-1] - places[0] + 1 <= field


def test_the_smoothing_of_frames_keeps_their_mean_and_is_even() -> None:
    model = multi_scale.MultiScale(multi_scale.MultiScaleConfig(2, 1, 16, smoothing=2.0))
    frames = torch.zeros(1, 41, 2)
    frames[0, 20] = 1.0
    smoothed = model.smoothed(frames)[0]
    torch.testing.assert_close(smoothed, smoothed.flip(0))
    torch.testing.assert_close(smoothed.sum(dim=0), torch.ones(2))
    expected = torch.exp(-0.5 * ((torch.arange(41.0) - 20) / 2) ** 2)
    torch.testing.assert_close(smoothed[:, 0], expected / expected.sum())


def test_the_bands_of_shorter_windows_are_those_of_the_same_frames() -> None:
    torch.manual_seed(0)
    waveforms = torch.randn(2, 4096)
    several = LogMel(MelConfig(n_fft=1024, n_mels=8, shorter_ffts=(512, 256)))(waveforms)
    assert several.shape == (2, 13, 24)
    for number, n_fft in enumerate((1024, 512, 256)):
        margin = (1024 - n_fft) // 2
        alone = LogMel(MelConfig(n_fft=n_fft, n_mels=8))(waveforms[:, margin : 4096 - margin])
        torch.testing.assert_close(several[..., 8 * number : 8 * number + 8], alone)


@pytest.mark.parametrize("n", [1, 16])
def test_expected_maximum_is_that_of_independent_normal_places(n: int) -> None:
    torch.manual_seed(0)
    bn = nn.BatchNorm1d(3)
    bn.weight.data = torch.tensor([1.0, -0.5, 2.0])
    bn.bias.data = torch.tensor([0.3, -2.0, 0.0])
    drawn = bn.bias + bn.weight * torch.randn(100_000 // n, n, 3)
    torch.testing.assert_close(
        expected_maximum(bn, n), drawn.relu().amax(dim=1).mean(dim=0), rtol=0.05, atol=0.01
    )
