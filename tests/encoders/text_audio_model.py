"""A small text–audio model of known answers: made sounds, and the words that describe them.

Its embedding has three numbers, each about -1 to 1 for sounds of up to 4 kHz:

pitch   from low to high: the energy of the waveform's differences over its own
noise   from a sine to noise: the kurtosis
level   from quiet to loud: the logarithm of the energy

A text's is the mean of its words' axes; words that it does not know, and the tokens that begin and
fill a text, have axes that would spoil it if the attention mask were not obeyed or were all there
is. So both sides agree by construction.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

RATE, N_SAMPLES, N_UNITS = 16_000, 16_000, 3
AXES = {
    "[PAD]": (50.0, -50.0, 50.0),
    "[CLS]": (0.0, 0.0, 0.0),
    "[UNK]": (0.05, 0.05, 0.05),
    "low": (-1.0, 0.0, 0.0),
    "high": (1.0, 0.0, 0.0),
    "noisy": (0.0, 1.0, 0.0),
    "quiet": (0.0, 0.0, -1.0),
    "loud": (0.0, 0.0, 1.0),
}
DESCRIPTION = {
    "format": "earshot-encoder-1",
    "sample_rate": RATE,
    "n_samples": N_SAMPLES,
    "embedding": "units",
}
# (raw number - offset) * scale is the embedding: 220 Hz to 4 kHz, a sine's kurtosis of 1.5 to 3,
# energies of 1e-4 to 1e-1.
_OFFSETS = np.array([1.0, 2.25, np.log(10**-2.5)], np.float32)
_SCALES = np.array([1.0, 1.33, 0.29], np.float32)


def sound(
    pitch: float, level: float, noise: float = 0.0, seconds: float = 3.0, rate: int = RATE
) -> NDArray[np.float32]:
    """Mix a sine of `pitch` Hz with noise, at a mean square of `level`."""
    times = np.arange(round(seconds * rate)) / rate
    rng = np.random.default_rng(round(pitch))
    wave = (1 - noise) * np.sin(2 * np.pi * pitch * times) + noise * rng.normal(0, 1, len(times))
    return (wave * np.sqrt(level / np.mean(wave**2))).astype(np.float32)


def expected(waveforms: NDArray[np.float32]) -> NDArray[np.float32]:
    """Compute the embeddings of waveforms (n, n_samples)."""
    energy = np.mean(waveforms**2, axis=1)
    pitch = np.mean(np.diff(waveforms, axis=1) ** 2, axis=1) / energy
    kurtosis = np.mean(waveforms**4, axis=1) / energy**2
    return (np.stack([pitch, kurtosis, np.log(energy)], axis=1) - _OFFSETS) * _SCALES


def write_model(
    folder: Path,
    name: str = "sounds",
    n_units: int = N_UNITS,
    n_tokens: int | str = "n_tokens",
    integers: int = TensorProto.INT64,
) -> Path:
    """Write the three files, and return that of the audio side."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.onnx"
    path.write_bytes(_audio_side().SerializeToString())
    text = _text_side(n_units, n_tokens, integers)
    path.with_suffix(".text.onnx").write_bytes(text.SerializeToString())
    path.with_suffix(".tokenizer.json").write_text(tokenizer().to_str())
    return path


def tokenizer() -> Tokenizer:
    """Make the tokenizer of the words."""
    made = Tokenizer(models.WordLevel({word: i for i, word in enumerate(AXES)}, unk_token="[UNK]"))
    made.normalizer = normalizers.Lowercase()
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A", special_tokens=[("[CLS]", 1)]
    )
    return made


def _audio_side() -> onnx.ModelProto:
    constants = {
        "axis": np.array([1], np.int64),
        "one": np.array([1], np.int64),
        "end": np.array([N_SAMPLES], np.int64),
        "zero": np.array([0], np.int64),
        "last": np.array([N_SAMPLES - 1], np.int64),
        "least": np.array(1e-9, np.float32),
        "offsets": _OFFSETS,
        "scales": _SCALES,
    }
    nodes = [
        helper.make_node("Slice", ["x", "one", "end", "axis"], ["later"]),
        helper.make_node("Slice", ["x", "zero", "last", "axis"], ["earlier"]),
        helper.make_node("Sub", ["later", "earlier"], ["differences"]),
        helper.make_node("Mul", ["differences", "differences"], ["steps"]),
        helper.make_node("ReduceMean", ["steps"], ["step"], axes=[1], keepdims=1),
        helper.make_node("Mul", ["x", "x"], ["squares"]),
        helper.make_node("ReduceMean", ["squares"], ["mean"], axes=[1], keepdims=1),
        helper.make_node("Add", ["mean", "least"], ["energy"]),
        helper.make_node("Mul", ["squares", "squares"], ["fourths"]),
        helper.make_node("ReduceMean", ["fourths"], ["fourth"], axes=[1], keepdims=1),
        helper.make_node("Mul", ["energy", "energy"], ["energies"]),
        helper.make_node("Div", ["step", "energy"], ["pitch"]),
        helper.make_node("Div", ["fourth", "energies"], ["kurtosis"]),
        helper.make_node("Log", ["energy"], ["level"]),
        helper.make_node("Concat", ["pitch", "kurtosis", "level"], ["raw"], axis=1),
        helper.make_node("Sub", ["raw", "offsets"], ["centred"]),
        helper.make_node("Mul", ["centred", "scales"], ["units"]),
    ]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", N_SAMPLES])
    units = helper.make_tensor_value_info("units", TensorProto.FLOAT, ["n", N_UNITS])
    model = _model(nodes, [x], units, constants)
    helper.set_model_props(model, {"earshot": json.dumps(DESCRIPTION)})
    return model


def _text_side(n_units: int, n_tokens: int | str, integers: int) -> onnx.ModelProto:
    axes = np.array(list(AXES.values()), np.float32)[:, :n_units]
    constants = {"axes": axes, "last": np.array([2], np.int64)}
    nodes = [
        helper.make_node("Gather", ["axes", "input_ids"], ["words"]),
        helper.make_node("Cast", ["attention_mask"], ["mask"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["mask", "last"], ["weights"]),
        helper.make_node("Mul", ["words", "weights"], ["heard"]),
        helper.make_node("ReduceMean", ["heard"], ["text_embeds"], axes=[1], keepdims=0),
    ]
    inputs = [
        helper.make_tensor_value_info(name, integers, [1, n_tokens])
        for name in ("input_ids", "attention_mask")
    ]
    output = helper.make_tensor_value_info("text_embeds", TensorProto.FLOAT, [1, n_units])
    return _model(nodes, inputs, output, constants)


def _model(
    nodes: list[onnx.NodeProto],
    inputs: list[onnx.ValueInfoProto],
    output: onnx.ValueInfoProto,
    constants: dict[str, NDArray],
) -> onnx.ModelProto:
    tensors = [numpy_helper.from_array(value, name) for name, value in constants.items()]
    graph = helper.make_graph(nodes, "side", inputs, [output], tensors)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.checker.check_model(model)
    return model
