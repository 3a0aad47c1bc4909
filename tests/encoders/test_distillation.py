"""A student is taught what its teachers say: their tags, and their cosines."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from clip_files import RATE, make_clips

from encoders.architectures import ARCHITECTURES
from encoders.bundles import find_bundle
from encoders.frontends import segment_grid
from encoders.models.activations import Activations
from encoders.tagger import Tagger
from encoders.trained_bundles import Prior, adopt, save_trained
from encoders.training.audio_cache import AudioCache, read
from encoders.training.distillation import (
    DistillationError,
    DistillationSegments,
    DistillationTarget,
    Teachers,
)
from encoders.training.loop import ClipSet, Recipe, Trainer
from encoders.training.segments import all_segments

pytestmark = pytest.mark.usefixtures("one_thread")

STUDENT = ARCHITECTURES["mobile"]
GRID = segment_grid(STUDENT.front)
TAGS = {"small": ("hum", "hiss", "loud"), "cnn1d": ("loud", "low")}


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("clips")
    clips = make_clips(folder, n_artists=2, each=4)
    cached_paths, _ = AudioCache(folder / "cache", RATE, 10**8).add([clip.path for clip in clips])
    return [cached_paths[clip.path] for clip in clips]


@pytest.fixture(scope="module")
def taggers(tmp_path_factory: pytest.TempPathFactory) -> list[Tagger]:
    """Two of random weights: outputs that depend on their inputs, which is all that is needed."""
    folder = tmp_path_factory.mktemp("weights")
    torch.manual_seed(1)
    made = []
    for name, tags in TAGS.items():
        model = ARCHITECTURES[name].build(len(tags))
        width = model.output.in_features  # type: ignore[union-attr]
        prior = Prior(np.zeros(width, np.float32), np.zeros(len(tags), np.float32))  # type: ignore[arg-type]
        save_trained(folder / f"{name}.safetensors", name, tags, model.state_dict(), prior)
        bundle = find_bundle(adopt(folder / f"{name}.safetensors", folder), folder)
        assert bundle
        made.append(Tagger(bundle, folder))
    return made


def test_outputs_of_several_teachers_are_joined_and_computed_once(
    places: list[Path], taggers: list[Tagger], tmp_path: Path
) -> None:
    teachers = Teachers(taggers, GRID, tmp_path)
    assert teachers.tags == ("hum", "hiss", "loud", "low")
    assert teachers.widths == [64, 100]
    outputs = teachers.of_clip(places[0], GRID, None)
    assert outputs.shape == (1, 4 + 64 + 100)
    waveforms = torch.from_numpy(all_segments(read(places[0]), GRID))
    features = []
    for tagger in taggers:
        module, own = teachers.front_ends[tagger.bundle.front]
        features.append(
            tagger.features(module(waveforms[:, : own.n_samples]), np.zeros(1, np.float32))
        )
    loud = (features[0].tags[0, 2].astype(np.float32) + features[1].tags[0, 0]) / 2
    expected = [*features[0].tags[0, :2], loud, features[1].tags[0, 1], *features[0].penultimate[0]]
    np.testing.assert_allclose(outputs[0, : 4 + 64], expected, rtol=2e-3)

    training_segments = DistillationSegments(places, GRID.n_samples, 2, seed=3)
    first = training_segments.outputs(teachers)
    again = DistillationSegments(places, GRID.n_samples, 2, seed=3)
    again.waveform = lambda number: pytest.fail("computed twice")  # type: ignore[method-assign]
    assert torch.equal(again.outputs(teachers), first)


def test_every_second_segment_is_mixed_with_another_clip(places: list[Path]) -> None:
    training_segments = DistillationSegments(places, GRID.n_samples, 2, seed=3)
    n = len(places)
    assert len(training_segments) == 2 * n
    for number in range(n):
        plain, _ = training_segments.unmixed[number]
        assert torch.equal(training_segments.waveform(number), plain)
        own, _ = training_segments.unmixed[n + number]
        mixed = training_segments.waveform(n + number)
        others = torch.stack([training_segments.unmixed[n + i][0] for i in range(n) if i != number])
        basis = torch.stack([own, *others]).T.double()
        shares = torch.linalg.lstsq(basis, mixed.double()[:, None]).solution.flatten()
        used = shares.abs() > 1e-3
        assert used.sum() == 2
        assert 0.5 <= float(shares[0]) <= 0.8
        assert float(shares.sum()) == pytest.approx(1.0, abs=1e-3)


def test_a_student_is_to_have_its_teachers_cosines(taggers: list[Tagger]) -> None:
    rng = np.random.default_rng(0)
    units = rng.standard_normal((50, 7)) * [1, 2, 3, 40, 50, 60, 70] + 5
    tags = rng.uniform(0.01, 0.99, (50, 2))
    outputs = torch.from_numpy(np.concatenate([tags, units], axis=1)).float()
    target = DistillationTarget.fit(outputs, [3, 4], n_tags=2, n_units=9)
    targets = target.targets(outputs)
    assert targets.shape == (50, 2 + 9)
    centred = units - units.mean(axis=0)
    parts = [centred[:, :3], centred[:, 3:]]
    expected = sum(p @ p.T / (p**2).sum(axis=1).mean() for p in parts)
    np.testing.assert_allclose(targets[:, 2:] @ targets[:, 2:].T, expected * 9 / 2, atol=1e-3)

    knows_all = Activations(targets[:, :2].logit(), targets[:, 2:], torch.zeros(50, 0))
    assert float(target.loss(knows_all, targets)) == pytest.approx(0.0, abs=1e-5)
    means = outputs[:, :2].mean(dim=0).logit().expand(50, 2)
    knows_means = Activations(means, torch.zeros(50, 9), torch.zeros(50, 0))
    assert float(target.loss(knows_means, targets)) == pytest.approx(2.0, rel=1e-4)
    fewer = (
        DistillationTarget.fit(outputs, [3, 4], n_tags=2, n_units=2).targets(outputs)[:, 2:].abs()
    )
    ratios = (fewer / targets[:, 2:4].abs()).flatten()
    np.testing.assert_allclose(ratios, ratios[0].expand(100), rtol=1e-3)
    assert float(fewer.square().sum(dim=1).mean()) == pytest.approx(2.0, rel=1e-3)


def test_teachers_that_hear_otherwise_are_refused(taggers: list[Tagger], tmp_path: Path) -> None:
    with pytest.raises(
        DistillationError, match="takes 48128 samples at 16000 Hz, the student 465920"
    ):
        Teachers(taggers, segment_grid(ARCHITECTURES["fcn"].front), tmp_path)


def test_a_stopped_lesson_goes_on_as_if_it_never_had(
    places: list[Path], taggers: list[Tagger], tmp_path: Path
) -> None:
    teachers = Teachers(taggers, GRID, tmp_path)
    training_segments = DistillationSegments(places, GRID.n_samples, 2, seed=3)
    outputs = training_segments.outputs(teachers)
    target = DistillationTarget.fit(outputs, teachers.widths, 4, 200)
    training_segments.targets = target.targets(outputs)
    valid = ClipSet(
        places[:4], [target.targets(teachers.of_clip(p, GRID, None)) for p in places[:4]]
    )
    recipe = Recipe(epochs=3, batch=8, rate=3e-3, teachers=("small", "cnn1d"))

    def student(seed: int) -> Trainer:
        torch.manual_seed(seed)
        return Trainer(STUDENT.build(4), STUDENT.front, recipe, criterion=target.loss)

    expected = student(0).train(training_segments, valid, None)
    assert expected.history[-1].loss < expected.history[0].loss
    assert expected.best.score == max(-epoch.valid_loss for epoch in expected.history)

    def stop(epoch: object) -> None:
        raise KeyboardInterrupt

    stopped = student(0)
    with pytest.raises(KeyboardInterrupt):
        stopped.train(
            training_segments, valid, None, checkpoint=tmp_path / "checkpoint.pt", report=stop
        )
    resumed = student(9)
    resumed.restore(tmp_path / "checkpoint.pt")
    outcome = resumed.train(training_segments, valid, None)
    assert outcome.history == expected.history
    assert all(torch.equal(outcome.state[name], expected.state[name]) for name in expected.state)
