"""ONNX files, checked in size and loaded into ONNX Runtime on the CPU."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from encoders.errors import WeightsError

MAX_MODEL = 1 << 31  # bytes; Protocol Buffers, which ONNX files are, can hold no more


def read_limited(path: Path, limit: int = MAX_MODEL) -> bytes:
    """Return the content of a file of a model. Raises WeightsError for more than `limit` bytes."""
    try:
        with path.open("rb") as file:
            content = file.read(limit + 1)
    except OSError as error:
        raise WeightsError(f"The encoder {path} cannot be read: {error.strerror}.") from error
    if len(content) > limit:
        raise WeightsError(
            f"{path} has more than {limit >> 20:,} MB, and is no file of an encoder's."
        )
    return content


def session(content: bytes, path: str) -> Any:
    """Return ONNX Runtime's session of a model, with one thread of arithmetic.

    `path` is where it comes from, for people. Raises WeightsError for what is no model, and
    ModuleNotFoundError without ONNX Runtime.
    """
    import onnxruntime  # type: ignore[import-untyped] # noqa: PLC0415 - of an extra

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1  # tracks run side by side
    options.log_severity_level = 4
    try:
        return onnxruntime.InferenceSession(content, options, ["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's errors have no base class of their own
        raise WeightsError(f"{path} is no model that ONNX Runtime can load: {error}") from error
