"""A text encoder: words to vectors whose cosine says how near their meanings are.

The weights are those in the package `wordllama` (MIT): the token embeddings of a language model,
reduced to 256 dimensions and trained on sentence similarity (Miller 2024,
https://github.com/dleemiller/WordLlama). A text's vector is the mean of its tokens'. Only the two
data files are read, so that nothing is ever fetched.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

import numpy as np

from index.arrays import Float32Array

PACKAGE = "wordllama"
WEIGHTS = "weights/l2_supercat_256.safetensors"
TOKENIZER = "tokenizers/l2_supercat_tokenizer_config.json"
MISSING = (
    "Words that are no tag, nor listed under one, need a text encoder. "
    "Install it with: pip install 'earshot[words]'"
)


class TextEncoder(Protocol):
    """Turns texts into unit vectors."""

    def encode(self, texts: Sequence[str]) -> Float32Array:
        """Return a unit vector for each text, or zeros for an empty one: float32 (n, dim)."""
        ...


class EncoderError(Exception):
    """The installed text encoder cannot be used; the message says why and what to do."""


class StaticEncoder:
    """The mean of token embeddings, divided by its length."""

    def __init__(self, folder: Path) -> None:
        """Read the weights from a package's folder. Raises EncoderError."""
        # Both come with the extra `words` alone or take time to import.
        from safetensors.numpy import load_file  # noqa: PLC0415
        from tokenizers import Tokenizer  # noqa: PLC0415

        try:
            self._tokenizer = Tokenizer.from_file(str(folder / TOKENIZER))
            self._rows = load_file(folder / WEIGHTS)["embedding.weight"]
        except Exception as error:  # tokenizers raises no narrower class for a damaged file
            raise _unusable(folder, error) from error

    def encode(self, texts: Sequence[str]) -> Float32Array:
        """Return a unit vector for each text, or zeros for an empty one: float32 (n, 256)."""
        vectors = np.zeros((len(texts), self._rows.shape[1]), np.float32)
        for place, text in enumerate(texts):
            tokens = self._tokenizer.encode(text, add_special_tokens=False).ids
            if tokens:
                vectors[place] = self._rows[tokens].astype(np.float32).mean(axis=0)
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        unit: Float32Array = vectors / np.maximum(lengths, 1e-12)
        return unit


def installed_encoder() -> TextEncoder | None:
    """Return the text encoder of the extra `words`, None without it. Raises EncoderError."""
    spec = find_spec(PACKAGE)
    if spec is None or spec.origin is None or find_spec("tokenizers") is None:
        return None
    return StaticEncoder(Path(spec.origin).parent)


def _unusable(folder: Path, error: Exception) -> EncoderError:
    return EncoderError(
        f"The text encoder in {folder} cannot be read ({error}). "
        "Install it again with: pip install --force-reinstall wordllama"
    )
