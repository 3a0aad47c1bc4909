"""Packages that only some commands need, and the extras of `earshot` that install them."""

from __future__ import annotations

_ANALYSIS = "pip install 'earshot[analysis]'"
_RAY = "pip install 'earshot[ray]'"
HOW_TO_INSTALL = {
    "faiss": f"{_ANALYSIS}, or, only to use a home that is built: pip install 'earshot[serve]'",
    "fsspec": _RAY,
    "matplotlib": _ANALYSIS,
    "mcp": "pip install 'earshot[mcp]'",
    "onnxruntime": "pip install 'earshot[onnx]'",
    "openTSNE": _ANALYSIS,
    "py4j": "pip install 'earshot[spark]'",
    "pyspark": "pip install 'earshot[spark]'",
    "pytorch_metric_learning": _ANALYSIS,
    "ray": _RAY,
    "tensorboard": "pip install 'earshot[training]'",
    "torch": _ANALYSIS,
    "torchaudio": _ANALYSIS,
}


def how_to_install(error: ModuleNotFoundError) -> str | None:
    """Say how to install the missing package; None for a package of no extra."""
    package = (error.name or "").partition(".")[0]
    if package not in HOW_TO_INSTALL:
        return None
    return (
        f"{package} is not installed, which this needs. Install it with: {HOW_TO_INSTALL[package]}"
    )
