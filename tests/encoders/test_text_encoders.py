"""Text–audio models: both sides against known answers, and what is no such model."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper
from text_audio_model import N_SAMPLES, expected, sound, tokenizer, write_model

from encoders.bundles import find_bundle, tagger_names
from encoders.errors import WeightsError
from encoders.frontends import WaveformConfig
from encoders.tagger import Tagger
from encoders.text_encoders import DIGESTS, MAX_TOKENIZER, TEXT, has_text_side, load_text_encoder


def adopt(path: Path, folder: Path) -> str:
    (name,) = tagger_names(str(path), folder)
    return name


@pytest.mark.parametrize("integers", [TensorProto.INT64, TensorProto.INT32])
@pytest.mark.parametrize("n_tokens", ["n", 7])
def test_texts_lie_where_the_sounds_do_that_they_describe(
    tmp_path: Path, n_tokens: int | str, integers: int
) -> None:
    folder = tmp_path / "weights"
    name = adopt(write_model(tmp_path, n_tokens=n_tokens, integers=integers), folder)
    assert has_text_side(folder, name) and not has_text_side(folder, "sounds")
    bundle = find_bundle(name, folder)
    assert bundle and bundle.front == WaveformConfig(16_000, N_SAMPLES)
    sounds = np.stack(
        [sound(220, 1e-2), sound(6500, 1e-2), sound(3000, 1e-2, 1.0), sound(1800, 1e-4)]
    )[:, :N_SAMPLES]
    units = Tagger(bundle, folder).features(torch.from_numpy(sounds), np.zeros(4, np.float32))
    np.testing.assert_allclose(units.penultimate, expected(sounds), rtol=2e-3, atol=2e-3)
    texts = load_text_encoder(folder, name).encode(["Low", "high", "noisy", "quiet", " "])
    np.testing.assert_allclose(np.linalg.norm(texts, axis=1), [1, 1, 1, 1, 0], atol=1e-6)
    heard = units.penultimate.astype(np.float32)
    heard /= np.linalg.norm(heard, axis=1, keepdims=True)
    assert (texts[:4] @ heard.T).argmax(axis=1).tolist() == [0, 1, 2, 3]
    mixed = load_text_encoder(folder, name).encode(["high and quiet " * 200])
    assert mixed.shape == (1, 3)
    assert mixed[0, 0] > 0.6 and mixed[0, 2] < -0.6


def test_a_home_notices_another_text_side_and_an_older_one_comes_along(tmp_path: Path) -> None:
    folder, other = tmp_path / "weights", tmp_path / "other"
    name = adopt(write_model(tmp_path), folder)
    assert adopt(folder / f"{name}.onnx", other) == name
    assert load_text_encoder(other, name).dim == 3
    (folder / f"{name}{TEXT}").write_bytes(b"another")
    with pytest.raises(WeightsError, match=f"{name}.text.onnx or .* is not the file that it was"):
        load_text_encoder(folder, name)
    (folder / f"{name}{DIGESTS}").unlink()
    with pytest.raises(WeightsError, match=f"{name}.text.sha256 cannot be read"):
        load_text_encoder(folder, name)


def remove_text(path: Path) -> None:
    path.with_suffix(".text.onnx").unlink()


def remove_tokenizer(path: Path) -> None:
    path.with_suffix(".tokenizer.json").unlink()


def no_model(path: Path) -> None:
    path.with_suffix(".text.onnx").write_bytes(b"no model")


def audio_twice(path: Path) -> None:
    path.with_suffix(".text.onnx").write_bytes(path.read_bytes())


def other_outputs(path: Path) -> None:
    model = onnx.load(path.with_suffix(".text.onnx"))
    model.graph.output.append(helper.make_tensor_value_info("heard", TensorProto.FLOAT, None))
    model.graph.node[-1].output[0] = model.graph.output[0].name = "sentence"
    path.with_suffix(".text.onnx").write_bytes(model.SerializeToString())


def reads_a_file(path: Path) -> None:
    """Weights that lie elsewhere: a model may name any path."""
    secret = path.with_name("secret")
    secret.write_bytes(np.zeros((8, 3), np.float32).tobytes())
    model = onnx.load(path.with_suffix(".text.onnx"))
    (axes,) = (one for one in model.graph.initializer if one.name == "axes")
    axes.ClearField("raw_data")
    axes.data_location = TensorProto.EXTERNAL
    for key, value in (("location", str(secret)), ("length", "96")):
        entry = axes.external_data.add()
        entry.key, entry.value = key, value
    path.with_suffix(".text.onnx").write_bytes(model.SerializeToString())


def not_json(path: Path) -> None:
    path.with_suffix(".tokenizer.json").write_text("{")


def changed_tokenizer(change: Callable[[dict], None]) -> Callable[[Path], None]:
    def spoil(path: Path) -> None:
        said = json.loads(tokenizer().to_str())
        change(said)
        path.with_suffix(".tokenizer.json").write_text(json.dumps(said))

    return spoil


def without_special_tokens(said: dict) -> None:
    said["post_processor"]["special_tokens"] = {}  # the library panics


def without_unknown(said: dict) -> None:
    said["model"]["unk_token"] = "none"


def beyond_the_table(said: dict) -> None:
    said["model"]["vocab"]["music"] = 1_000_000


def too_large(path: Path) -> None:
    with path.with_suffix(".tokenizer.json").open("r+b") as file:
        file.truncate(MAX_TOKENIZER + 1)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (remove_text, "There is no .*sounds.text.onnx, which belongs to sounds.tokenizer.json"),
        (remove_tokenizer, "There is no .*sounds.tokenizer.json"),
        (no_model, "sounds.text.onnx is no model that ONNX Runtime can load"),
        (audio_twice, "takes x; wanted integers input_ids and attention_mask"),
        (other_outputs, "gives heard, sentence; wanted text_embeds"),
        (reads_a_file, "sounds.text.onnx is no model that ONNX Runtime can load"),
        (not_json, "its tokenizer says: .*EOF"),
        (changed_tokenizer(without_special_tokens), "its tokenizer says: no entry found"),
        (changed_tokenizer(without_unknown), r"its tokenizer says: .*UNK"),
        (changed_tokenizer(beyond_the_table), "its model says: .*1000000"),
        (too_large, "sounds.tokenizer.json has more than 64 MB"),
    ],
)
def test_what_is_no_text_side(tmp_path: Path, spoil: Callable[[Path], None], said: str) -> None:
    path = write_model(tmp_path)
    spoil(path)
    with pytest.raises(WeightsError, match=said):
        adopt(path, tmp_path / "weights")
    assert not list((tmp_path / "weights").glob("*.text.*"))


def test_sides_of_two_models(tmp_path: Path) -> None:
    path = write_model(tmp_path, n_units=2)
    with pytest.raises(WeightsError, match=r"vectors of 2 numbers, and sounds\.onnx of 3"):
        adopt(path, tmp_path / "weights")
    path = write_model(tmp_path / "long", n_tokens=4096)
    with pytest.raises(WeightsError, match="takes 4,096 tokens; wanted 512 at most"):
        adopt(path, tmp_path / "weights")
