"""The loop learns, stops, and goes on as if it had never been stopped."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from clip_files import RATE, make_clips

from encoders.architectures import ARCHITECTURES
from encoders.frontends import front_end, segment_grid
from encoders.training.audio_cache import AudioCache, read
from encoders.training.augmentation import Augmentation
from encoders.training.clips import targets
from encoders.training.loop import PRECISIONS, CheckpointError, ClipSet, Recipe, Trainer
from encoders.training.segments import all_segments

pytestmark = pytest.mark.usefixtures("one_thread")

TAGS = ("hiss", "hum")
QUICK = {"epochs": 4, "crops": 1, "batch": 8, "patience": 10, "rate": 3e-3}


@pytest.fixture(scope="module")
def material(tmp_path_factory: pytest.TempPathFactory) -> tuple[ClipSet, ClipSet]:
    folder = tmp_path_factory.mktemp("clips")
    clips = make_clips(folder)
    places, _ = AudioCache(folder / "cache", RATE, 10**8).add([clip.path for clip in clips])

    def of(part: slice) -> ClipSet:
        chosen = clips[part]
        wanted = torch.from_numpy(targets(chosen, TAGS))
        return ClipSet([places[clip.path] for clip in chosen], wanted)

    return of(slice(0, 16)), of(slice(16, None))


def agreement(probabilities: np.ndarray, truth: np.ndarray) -> float:
    return float((probabilities.argmax(axis=1) == truth.argmax(axis=1)).mean())


def trainer(recipe: Recipe, architecture: str = "cnn1d", device: str = "cpu") -> Trainer:
    torch.manual_seed(recipe.seed)
    model = ARCHITECTURES[architecture].build(len(TAGS))
    return Trainer(model, ARCHITECTURES[architecture].front, recipe, device=device)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_it_learns_to_tell_hums_from_hisses(
    material: tuple[ClipSet, ClipSet], precision: str, device: str
) -> None:
    if (precision, device) == ("float16", "cpu"):
        pytest.skip("float16 is for GPUs")
    train, valid = material
    augmentation = Augmentation(gain=3, noise=30, spec=1, mixup=0.2)
    recipe = Recipe(**QUICK, precision=precision, augmentation=augmentation)
    one = trainer(recipe, device=device)
    before = agreement(one.validate(valid)[0], valid.targets.numpy())
    outcome = one.train(train, valid, agreement)
    assert before < 1.0
    assert outcome.best.score == 1.0
    assert outcome.history[-1].valid_loss < outcome.history[0].valid_loss
    assert outcome.best.number == min(e.number for e in outcome.history if e.score == 1.0)
    learned = one.model.state_dict()["output.weight"].cpu()
    assert torch.equal(learned, outcome.state["output.weight"])


def test_a_clip_is_tagged_by_the_mean_of_its_segments(material: tuple[ClipSet, ClipSet]) -> None:
    _, valid = material
    one = trainer(Recipe(segments=1))
    probabilities, loss = one.validate(valid)
    front, model = front_end(one.front), one.model.eval()
    for row, path in enumerate(valid.paths):
        segments = all_segments(read(path), segment_grid(one.front), 1)
        with torch.inference_mode():
            expected = model(front(torch.from_numpy(segments))).logits.sigmoid().mean(dim=0)
        np.testing.assert_allclose(probabilities[row], expected, atol=1e-6)
    right = np.where(valid.targets.numpy() > 0.5, probabilities, 1 - probabilities)
    assert loss == pytest.approx(float(-np.log(right).mean()), rel=1e-4)


@pytest.mark.parametrize("schedule", ["cosine", "plateau"])
def test_going_on_is_the_same_as_never_stopping(
    material: tuple[ClipSet, ClipSet], tmp_path: Path, schedule: str
) -> None:
    train, valid = material
    recipe = Recipe(**QUICK, schedule=schedule, augmentation=Augmentation(gain=3, mixup=0.2))
    whole = trainer(recipe)
    expected = whole.train(train, valid, agreement)
    checkpoint = tmp_path / "checkpoint.pt"

    class Killed(BaseException):
        pass

    def die(epoch: object) -> None:
        if len(stopped.history) == 2:
            raise Killed

    stopped = trainer(recipe)
    with pytest.raises(Killed):
        stopped.train(train, valid, agreement, checkpoint=checkpoint, report=die)
    torch.manual_seed(99)  # another process has drawn other numbers
    resumed = Trainer(ARCHITECTURES["cnn1d"].build(len(TAGS)), ARCHITECTURES["cnn1d"].front, recipe)
    resumed.restore(checkpoint)
    outcome = resumed.train(train, valid, agreement, checkpoint=checkpoint)
    assert outcome.history == expected.history
    assert outcome.best == expected.best
    assert all(torch.equal(outcome.state[name], expected.state[name]) for name in expected.state)


def test_a_checkpoint_of_another_training_is_refused(
    material: tuple[ClipSet, ClipSet], tmp_path: Path
) -> None:
    checkpoint = tmp_path / "checkpoint.pt"
    trainer(Recipe(**{**QUICK, "epochs": 1})).train(*material, agreement, checkpoint=checkpoint)
    with pytest.raises(CheckpointError, match="trained with other settings"):
        trainer(Recipe(**QUICK)).restore(checkpoint)
    checkpoint.write_bytes(checkpoint.read_bytes()[:1000])
    with pytest.raises(CheckpointError, match="cannot be continued from"):
        trainer(Recipe(**QUICK)).restore(checkpoint)


def test_training_ends_when_nothing_gets_better(material: tuple[ClipSet, ClipSet]) -> None:
    recipe = Recipe(**{**QUICK, "epochs": 50, "patience": 2})
    scores = iter([0.5, 0.7, 0.7, 0.6, 0.9])
    outcome = trainer(recipe).train(*material, lambda *_: next(scores))
    assert [epoch.score for epoch in outcome.history] == [0.5, 0.7, 0.7, 0.6]
    assert outcome.best.number == 2


def test_half_precision_learns_too(material: tuple[ClipSet, ClipSet]) -> None:
    outcome = trainer(Recipe(**QUICK, precision="bfloat16"), "cnn1d").train(*material, agreement)
    assert outcome.best.score == 1.0


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_architecture_takes_any_number_of_tags(name: str) -> None:
    model = ARCHITECTURES[name].build(3)
    assert model.output.out_features == 3  # type: ignore[union-attr]


def test_a_recipe_is_checked() -> None:
    with pytest.raises(ValueError, match="wanted a schedule"):
        Recipe(schedule="linear")
    with pytest.raises(ValueError, match="at least 1"):
        Recipe(epochs=0)
