"""A small encoder in the ONNX format: mean over time, a layer with ReLU, tags."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

MEL = {"n_frames": 63}
N_MELS, N_UNITS = 96, 8
TAGS = ("calm", "wild")
DESCRIPTION: Mapping[str, object] = {
    "format": "earshot-encoder-1",
    "mel": MEL,
    "embedding": "units",
    "tags": TAGS,
    "logits": "tags",
}
_rng = np.random.default_rng(0)
LAYER = _rng.standard_normal((N_MELS, N_UNITS)).astype(np.float32)
OUTPUT = _rng.standard_normal((N_UNITS, len(TAGS))).astype(np.float32)


def write_encoder(path: Path, description: Mapping[str, object] | None = DESCRIPTION) -> Path:
    """Write the model's file, with a description in its metadata if one is given."""
    inputs = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", MEL["n_frames"], N_MELS])
    outputs = [
        helper.make_tensor_value_info("units", TensorProto.FLOAT, ["n", N_UNITS]),
        helper.make_tensor_value_info("tags", TensorProto.FLOAT, ["n", len(TAGS)]),
    ]
    nodes = [
        helper.make_node("ReduceMean", ["x"], ["mean"], axes=[1], keepdims=0),
        helper.make_node("MatMul", ["mean", "layer"], ["linear"]),
        helper.make_node("Relu", ["linear"], ["units"]),
        helper.make_node("MatMul", ["units", "output"], ["tags"]),
    ]
    weights = [numpy_helper.from_array(LAYER, "layer"), numpy_helper.from_array(OUTPUT, "output")]
    graph = helper.make_graph(nodes, "encoder", [inputs], outputs, weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    if description is not None:
        helper.set_model_props(model, {"earshot": json.dumps(description)})
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(model.SerializeToString())
    onnx.checker.check_model(model)
    return path


def expected(inputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Compute units and tags of inputs (n, frames, bands)."""
    units = np.maximum(inputs.mean(axis=1) @ LAYER, 0)
    return units, units @ OUTPUT
